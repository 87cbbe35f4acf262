/* AlterReplicaLogDirs: replicas of this broker are to lie in another of log.dirs (mover.h). One
 * that is not here yet will be put there when it comes. */
#include "proto/msg/alter_log_dirs.h"
#include "broker/api/common.h"
#include "broker/api/handlers.h"
#include "broker/net/router.h"
#include "common/check.h"
#include "proto/kafka_errors.h"

#define WAIT_MS 30000

static uint32_t count_topics(const struct alter_log_dirs_request *q, uint32_t *partitions)
{
    uint32_t topics = 0;
    *partitions = 0;
    const struct alter_log_dirs_request_dir *dirs = q->dirs.items;
    for (int32_t i = 0; i < q->dirs.count; i++) {
        const struct alter_log_dirs_request_topic *t = dirs[i].topics.items;
        for (int32_t j = 0; j < dirs[i].topics.count; j++) {
            topics++;
            if (t[j].partitions.count > 0) *partitions += (uint32_t)t[j].partitions.count;
        }
    }
    return topics;
}

/* Kafka's code. */
static int16_t find_dir(const struct shard *s, struct slice path, uint32_t *dir)
{
    while (path.size > 1 && path.at[path.size - 1] == '/') path.size--;
    for (uint32_t i = 0; i < s->options->log_dir_count; i++) {
        if (!slice_equal(path, slice_of_text(s->options->log_dirs[i]))) continue;
        *dir = i;
        return s->host.dirs[i].is_dead ? KAFKA_KAFKA_STORAGE_ERROR : KAFKA_NONE;
    }
    return KAFKA_LOG_DIR_NOT_FOUND;
}

static void add_topic(struct shard *s, struct route *route, uint32_t dir, int16_t error,
                      const struct alter_log_dirs_request_topic *t)
{
    const struct meta_topic *topic = meta_topic_by_name(&s->image, t->name);
    const int32_t *numbers = t->partitions.items;
    for (int32_t i = 0; i < t->partitions.count; i++) {
        bool exists =
            topic != NULL && numbers[i] >= 0 && (uint32_t)numbers[i] < topic->partition_count;
        struct op *op = route_add(route, topic != NULL ? topic->id : (struct uuid){0}, numbers[i]);
        op->move_dir.dir = dir;
        op->error = !exists ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : error;
    }
}

static bool fill_topic(struct shard *s, const struct request *r,
                       const struct alter_log_dirs_request_topic *asked, uint32_t *slot,
                       struct alter_log_dirs_response_topic *out)
{
    int32_t count = asked->partitions.count;
    struct alter_log_dirs_response_partition *parts =
        arena_take(&s->scratch, (size_t)count, sizeof *parts);
    if (parts == NULL && count > 0) return false;
    const int32_t *numbers = asked->partitions.items;
    for (int32_t i = 0; i < count; i++) {
        const struct op *op = route_op(r, (*slot)++);
        parts[i] = (struct alter_log_dirs_response_partition){.partition_index = numbers[i],
                                                              .error_code = op->error};
    }
    *out =
        (struct alter_log_dirs_response_topic){.name = asked->name, .partitions = {parts, count}};
    return true;
}

static bool reopen(struct shard *s, struct request *r, struct alter_log_dirs_request *q)
{
    struct kafka_request_header h;
    struct slice body;
    s->scratch.used = 0;
    if (kafka_request_open(buf_slice(r->frame), &h, &body) != FRAME_OK) return false;
    return request_decode(s, r, body, q) == 0;
}

/* A topic that stands under several folders stands in the answer as often. */
static void join(struct shard *s, struct request *r)
{
    struct alter_log_dirs_request q;
    struct alter_log_dirs_response answer;
    kafka_defaults(&schema_alter_log_dirs_response, &answer);
    struct alter_log_dirs_response_topic *topics = NULL;
    bool ok = reopen(s, r, &q);
    uint32_t ignored, count = ok ? count_topics(&q, &ignored) : 0;
    if (ok) topics = arena_take(&s->scratch, count, sizeof *topics);
    ok = ok && (topics != NULL || count == 0);
    const struct alter_log_dirs_request_dir *dirs = ok ? q.dirs.items : NULL;
    uint32_t slot = 0, used = 0;
    for (int32_t i = 0; ok && i < q.dirs.count; i++) {
        const struct alter_log_dirs_request_topic *asked = dirs[i].topics.items;
        for (int32_t j = 0; ok && j < dirs[i].topics.count; j++)
            ok = fill_topic(s, r, &asked[j], &slot, &topics[used++]);
    }
    if (!ok) {
        request_answer_nothing(s, r, true);
        return;
    }
    answer.results = (struct array){topics, (int32_t)count};
    request_answer(s, r, &answer);
}

bool handle_alter_log_dirs(struct shard *s, struct request *r, struct slice body)
{
    struct alter_log_dirs_request q;
    if (request_decode(s, r, body, &q) != 0) return false;

    uint32_t count;
    (void)count_topics(&q, &count);
    struct route route;
    if (!route_begin(s, r, OP_MOVE_DIR, count, &route)) return false;
    const struct alter_log_dirs_request_dir *dirs = q.dirs.items;
    for (int32_t i = 0; i < q.dirs.count; i++) {
        uint32_t dir = 0;
        int16_t error = find_dir(s, dirs[i].path, &dir);
        const struct alter_log_dirs_request_topic *topics = dirs[i].topics.items;
        for (int32_t j = 0; j < dirs[i].topics.count; j++)
            add_topic(s, &route, dir, error, &topics[j]);
    }
    r->join = join;
    route_go(s, &route, &(struct route_limits){.wait_ms = WAIT_MS, .replica_id = -1});
    return true;
}

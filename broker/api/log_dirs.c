/* DescribeLogDirs: how much of each partition lies here, and where. The shards say the sizes of
 * what they own; how much room a disk has was asked a moment ago (disks.h). */
#include "broker/api/common.h"
#include "broker/api/handlers.h"
#include "broker/net/router.h"
#include "common/check.h"
#include "proto/kafka_errors.h"
#include "proto/msg/describe_log_dirs.h"

#define WAIT_MS 30000

/* ---- The answer. ---- */

static void fill_partition(const struct request *r, const struct op *op, bool is_future,
                           struct describe_log_dirs_response_partition *out)
{
    kafka_defaults(&schema_describe_log_dirs_response_partition, out);
    out->partition_index = op->partition;
    out->partition_size = op->log_size.size_bytes;
    out->offset_lag = op->log_size.lag;
    if (is_future) {
        out->is_future_key = true;
        out->partition_size = op->log_size.future_bytes;
        out->offset_lag = op->log_size.future_lag;
    }
    if (r->version.number < 4) return;
    out->last_epoch = op->log_size.epoch;
    out->log_start = op->log_size.start;
    out->log_end = op->log_size.end;
    out->high_watermark = op->log_size.high_watermark;
}

/* What is not in this folder is not mentioned. Neighbours of one topic share its entry. */
static bool fill_topics(struct shard *s, const struct request *r, uint32_t dir, struct array *out)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < r->group_count; i++) total += r->groups[i]->count;
    struct describe_log_dirs_response_topic *topics =
        arena_take(&s->scratch, total, sizeof *topics);
    struct describe_log_dirs_response_partition *parts =
        arena_take(&s->scratch, total, sizeof *parts);
    if ((topics == NULL || parts == NULL) && total > 0) return false;

    const struct op *last = NULL;
    int32_t topic_count = 0;
    uint32_t used = 0;
    for (uint32_t slot = 0; slot < total; slot++) {
        const struct op *op = route_op(r, slot);
        struct slice name = topic_name(s, op->topic_id);
        bool is_future = op->log_size.future_dir == dir;
        if (op->error != KAFKA_NONE || name.size == 0) continue;
        if (op->log_size.dir != dir && !is_future) continue;
        if (last == NULL || !uuid_equal(last->topic_id, op->topic_id)) {
            topics[topic_count++] = (struct describe_log_dirs_response_topic){
                .name = name, .partitions = {.items = &parts[used]}};
        }
        topics[topic_count - 1].partitions.count++;
        fill_partition(r, op, is_future, &parts[used++]);
        last = op;
    }
    *out = (struct array){topics, topic_count};
    return true;
}

static bool fill_dir(struct shard *s, const struct request *r, uint32_t dir,
                     struct describe_log_dirs_response_result *out)
{
    const struct host_dir *d = &s->host.dirs[dir];
    kafka_defaults(&schema_describe_log_dirs_response_result, out);
    out->log_dir = slice_of_text(s->options->log_dirs[dir]);
    if (d->is_dead) {
        out->error_code = KAFKA_KAFKA_STORAGE_ERROR;
        return true;
    }
    if (d->space.total_bytes > 0) {
        out->total_bytes = (int64_t)d->space.total_bytes;
        out->usable_bytes = (int64_t)d->space.free_bytes;
    }
    return fill_topics(s, r, dir, &out->topics);
}

static void answer(struct shard *s, struct request *r)
{
    s->scratch.used = 0;
    struct describe_log_dirs_response response;
    struct describe_log_dirs_response_result results[BROKER_DIRS_MAX];
    kafka_defaults(&schema_describe_log_dirs_response, &response);
    uint32_t count = s->options->log_dir_count;
    for (uint32_t i = 0; i < count; i++) {
        if (fill_dir(s, r, i, &results[i])) continue;
        request_answer_nothing(s, r, true);
        return;
    }
    response.results = (struct array){results, (int32_t)count};
    request_answer(s, r, &response);
}

/* ---- The request. ---- */

static uint32_t count_asked(const struct shard *s, const struct describe_log_dirs_request *q)
{
    uint32_t count = 0;
    if (q->topics.count < 0) {
        for (const struct meta_topic *t = s->image.topics_by_name; t != NULL; t = t->by_name.next) {
            count += t->partition_count;
        }
        return count;
    }
    const struct describe_log_dirs_request_topic *topics = q->topics.items;
    for (int32_t i = 0; i < q->topics.count; i++) {
        if (topics[i].partitions.count > 0) count += (uint32_t)topics[i].partitions.count;
    }
    return count;
}

static void add_op(const struct shard *s, struct route *route, const struct meta_topic *topic,
                   int32_t number)
{
    if (topic == NULL || number < 0 || (uint32_t)number >= topic->partition_count) return;
    if (!id_set_has(&topic->partitions[number].replicas, s->options->id)) return;
    (void)route_add(route, topic->id, number);
}

static void add_all(const struct shard *s, struct route *route)
{
    for (const struct meta_topic *t = s->image.topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count; i++) add_op(s, route, t, (int32_t)i);
    }
}

bool handle_describe_log_dirs(struct shard *s, struct request *r, struct slice body)
{
    struct describe_log_dirs_request q;
    if (request_decode(s, r, body, &q) != 0) return false;
    struct route route;
    if (!route_begin(s, r, OP_LOG_SIZE, count_asked(s, &q), &route)) return false;

    const struct describe_log_dirs_request_topic *topics = q.topics.items;
    if (q.topics.count < 0) add_all(s, &route);
    for (int32_t i = 0; i < q.topics.count; i++) {
        const struct meta_topic *topic = meta_topic_by_name(&s->image, topics[i].topic);
        const int32_t *numbers = topics[i].partitions.items;
        for (int32_t j = 0; j < topics[i].partitions.count; j++) {
            add_op(s, &route, topic, numbers[j]);
        }
    }
    r->join = answer;
    route_go(s, &route, &(struct route_limits){.wait_ms = WAIT_MS, .replica_id = -1});
    return true;
}

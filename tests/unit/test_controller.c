/* Whole controllers in one process, over the loopback and real files, and a scripted broker. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/check.h"
#include "common/world.h"
#include "controller/controller.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_batch.h"
#include "proto/kafka_errors.h"
#include "proto/msg/create_topics.h"
#include "proto/rpc.h"
#include "tests/unit/free_port.h"

#define VOTERS 3
#define WATCHDOG_MS 90000
#define TAG_SESSION 1
#define TAG_STREAM 2

/* ---- The scripted broker. ---- */

enum step { FINDING, REGISTERING, DECIDING, CREATING, DONE };

struct script {
    struct env *env;
    const struct controller_options *voters;
    uint32_t decisions; /* How many blocks of producer ids it asks for. */
    uint64_t wait_ms;   /* After everything, before the stop. */

    enum step step;
    uint32_t at; /* The voter that is asked. */
    uint64_t session;
    uint64_t stream;
    uint64_t dial_ms;
    uint64_t beat_ms;
    uint64_t give_up_ms;
    uint64_t stop_ms;
    int64_t epoch;
    uint64_t registered_index;
    uint32_t answers;
    int64_t next_id;
    int16_t create_error;
    bool is_unfenced;
    uint32_t snapshot_chunks;
    uint32_t record_frames;
    struct meta_image image; /* As the stream has it. */
    struct writer snapshot;
};

static const struct uuid INCARNATION = {{1, 2, 3}};

static void send_msg(struct script *s, uint64_t conn, const struct rpc_msg *m)
{
    struct buf *b = rpc_encode(m);
    CHECK(b != NULL);
    env_send(s->env, conn, &(struct env_piece){.buf = b, .size = b->size}, 1);
}

static void dial(struct script *s, uint32_t tag)
{
    const struct controller_options *to = &s->voters[s->at];
    struct env_endpoint e = {
        .port = to->listen_port, .tag = tag, .frame_max_bytes = RPC_FRAME_MAX_BYTES};
    snprintf(e.host, sizeof e.host, "127.0.0.1");
    uint64_t conn = env_dial(s->env, &e);
    struct rpc_msg m = {.kind = RPC_HELLO};
    m.hello.role = tag == TAG_SESSION ? RPC_ROLE_SESSION : RPC_ROLE_STREAM;
    m.hello.node_id = 1;
    m.hello.incarnation = INCARNATION;
    send_msg(s, conn, &m);
    *(tag == TAG_SESSION ? &s->session : &s->stream) = conn;
}

static void register_broker(struct script *s)
{
    struct rpc_msg m = {.kind = RPC_REGISTER};
    m.register_broker.id = 1;
    m.register_broker.incarnation = INCARNATION;
    m.register_broker.shard_count = 1;
    m.register_broker.listener_count = 1;
    m.register_broker.listeners[0] = (struct meta_listener){.name = slice_of_text("X"),
                                                            .host = slice_of_text("127.0.0.1"),
                                                            .port = 9,
                                                            .protocol = slice_of_text("PLAINTEXT")};
    m.register_broker.replication_listener = slice_of_text("X");
    m.register_broker.version = slice_of_text("1");
    m.register_broker.is_log_whole = true;
    send_msg(s, s->session, &m);
}

static void follow(struct script *s)
{
    dial(s, TAG_STREAM);
    struct rpc_msg m = {.kind = RPC_FOLLOW};
    m.follow.id = 1;
    m.follow.epoch = s->epoch;
    m.follow.applied_index = s->image.index;
    m.follow.applied_term = s->image.term;
    send_msg(s, s->stream, &m);
}

static void ask_ids(struct script *s)
{
    struct rpc_msg m = {.kind = RPC_PRODUCER_IDS};
    m.producer_ids.id = 1;
    m.producer_ids.epoch = s->epoch;
    m.producer_ids.wanted = 1000;
    for (uint32_t i = 0; i < s->decisions; i++) {
        m.producer_ids.correlation = i;
        send_msg(s, s->session, &m);
    }
}

static void create_topic(struct script *s)
{
    struct create_topics_request_topic topic = {
        .name = slice_of_text("t"), .num_partitions = 3, .replication_factor = 1};
    struct create_topics_request request = {.topics = {.items = &topic, .count = 1},
                                            .timeout_ms = 1000};
    const struct kafka_api *api = kafka_api_find(KAFKA_API_CREATE_TOPICS);
    struct writer body = writer_with(4096);
    CHECK(kafka_encode(api->request, kafka_api_version(api, 7), &request, &body) == 0);
    struct rpc_msg m = {.kind = RPC_ADMIN};
    m.admin.api_key = KAFKA_API_CREATE_TOPICS;
    m.admin.api_version = 7;
    m.admin.body = writer_slice(&body);
    send_msg(s, s->session, &m);
    writer_close(&body);
}

static void beat(struct script *s)
{
    struct rpc_msg m = {.kind = RPC_HEARTBEAT};
    m.heartbeat.id = 1;
    m.heartbeat.epoch = s->epoch;
    m.heartbeat.applied_index = s->image.index;
    m.heartbeat.shard_count = 1;
    send_msg(s, s->session, &m);
    s->beat_ms = env_now_ms(s->env) + 100;
}

/* ---- What comes back. ---- */

static void take_batches(struct script *s, struct slice rest)
{
    struct slice batch;
    struct record_batch_header h;
    s->record_frames++;
    while (kafka_batch_next(&rest, &batch, &h)) {
        struct record record;
        struct record_cursor cursor = kafka_batch_records(batch);
        CHECK(kafka_record_next(&cursor, &record));
        size_t size = META_DECODE_BYTES(record.value.size);
        struct arena arena = {.base = malloc(size), .size = size};
        struct meta_batch decoded;
        CHECK(meta_batch_decode(record.value, &arena, &decoded) == 0);
        meta_apply(&s->image, (uint64_t)h.base_offset, (uint64_t)h.partition_leader_epoch,
                   &decoded);
        free(arena.base);
    }
    struct rpc_msg m = {.kind = RPC_APPLIED};
    m.applied.id = 1;
    m.applied.epoch = s->epoch;
    m.applied.index = s->image.index;
    send_msg(s, s->stream, &m);
}

static void take_chunk(struct script *s, const struct rpc_msg *m)
{
    s->snapshot_chunks++;
    if (m->snapshot_chunk.at == 0) writer_reset(&s->snapshot);
    CHECK(m->snapshot_chunk.at == s->snapshot.size);
    write_slice(&s->snapshot, m->snapshot_chunk.bytes);
    if (s->snapshot.size < m->snapshot_chunk.total) return;
    meta_image_close(&s->image);
    CHECK(meta_snapshot_read(writer_slice(&s->snapshot), &s->image) == 0);
    CHECK(s->image.index == m->snapshot_chunk.last_index);
}

static int16_t create_error(const struct rpc_msg *m)
{
    if (m->admin_reply.error != 0) return m->admin_reply.error;
    const struct kafka_api *api = kafka_api_find(KAFKA_API_CREATE_TOPICS);
    static uint8_t memory[65536];
    struct arena arena = {.base = memory, .size = sizeof memory};
    struct create_topics_response reply;
    CHECK(kafka_decode(api->response, kafka_api_version(api, 7), m->admin_reply.body, &arena,
                       &reply) == 0);
    CHECK(reply.topics.count == 1);
    return ((struct create_topics_response_topic *)reply.topics.items)->error_code;
}

static void redial(struct script *s)
{
    env_close(s->env, s->session, false);
    s->session = 0;
    s->at = (s->at + 1) % VOTERS;
    s->dial_ms = env_now_ms(s->env) + 10;
}

static void on_msg(struct script *s, uint32_t tag, const struct rpc_msg *m)
{
    switch ((int)m->kind) {
    case RPC_NOT_LEADER: redial(s); return;
    case RPC_REFUSED: UNREACHABLE();
    case RPC_REGISTERED:
        s->epoch = m->registered.epoch;
        s->registered_index = m->registered.index;
        s->step = DECIDING;
        ask_ids(s);
        return;
    case RPC_PRODUCER_IDS_REPLY:
        CHECK(m->producer_ids_reply.error == 0);
        CHECK(m->producer_ids_reply.correlation == s->answers);
        CHECK(s->answers == 0 || m->producer_ids_reply.first == s->next_id);
        s->next_id = m->producer_ids_reply.first + m->producer_ids_reply.count;
        if (++s->answers == s->decisions) follow(s);
        return;
    case RPC_HEARTBEAT_REPLY:
        CHECK(m->heartbeat_reply.epoch == s->epoch);
        s->is_unfenced = !m->heartbeat_reply.fenced;
        if (!s->is_unfenced || s->step != DECIDING) return;
        s->step = CREATING;
        create_topic(s);
        return;
    case RPC_ADMIN_REPLY:
        s->create_error = create_error(m);
        /* Done means done everywhere: this broker has applied it. */
        CHECK(meta_topic_by_name(&s->image, slice_of_text("t")) != NULL);
        s->step = DONE;
        s->stop_ms = env_now_ms(s->env) + s->wait_ms;
        return;
    case RPC_SNAPSHOT_CHUNK: take_chunk(s, m); return;
    case RPC_RECORDS: take_batches(s, m->records.batches); return;
    default: MAYBE(tag == TAG_STREAM);
    }
}

static uint64_t script_turn(void *actor, const struct env_event *events, uint32_t count)
{
    struct script *s = actor;
    uint64_t now_ms = env_now_ms(s->env);
    if (s->give_up_ms == 0) s->give_up_ms = now_ms + WATCHDOG_MS;
    CHECK(now_ms < s->give_up_ms);

    for (uint32_t i = 0; i < count; i++) {
        const struct env_event *e = &events[i];
        bool is_session = e->tag == TAG_SESSION && e->conn == s->session;
        if (e->kind == ENV_CONNECTED && is_session) register_broker(s);
        if (e->kind == ENV_CLOSED && is_session) redial(s);
        if (e->kind == ENV_STOP) env_stop(s->env);
        if (e->kind != ENV_FRAME) continue;
        size_t size = RPC_DECODE_BYTES(e->buf->size);
        struct arena arena = {.base = malloc(size), .size = size};
        struct rpc_msg m;
        CHECK(rpc_decode(buf_slice(e->buf), &arena, &m) == 0);
        if (is_session || e->tag == TAG_STREAM) on_msg(s, e->tag, &m);
        free(arena.base);
        buf_unref(e->buf);
    }
    if (s->session == 0 && now_ms >= s->dial_ms) dial(s, TAG_SESSION);
    if (s->epoch != 0 && s->session != 0 && now_ms >= s->beat_ms) beat(s);
    if (s->step == DONE && now_ms >= s->stop_ms) {
        s->stop_ms = UINT64_MAX;
        kill(getpid(), SIGTERM);
    }
    return now_ms + 10;
}

/* ---- The world around. ---- */

static char folder[64];
static struct controller_options options[VOTERS];

static void setup(void)
{
    snprintf(folder, sizeof folder, "/tmp/test_controller.XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    uint16_t ports[VOTERS];
    for (uint32_t i = 0; i < VOTERS; i++) ports[i] = free_port();
    for (uint32_t i = 0; i < VOTERS; i++) {
        struct controller_options *o = &options[i];
        controller_options_default(o);
        o->node_id = 101 + i;
        o->voter_count = VOTERS;
        for (uint32_t j = 0; j < VOTERS; j++) {
            o->voters[j] = (struct node_voter){.id = 101 + j, .port = ports[j]};
            snprintf(o->voters[j].host, sizeof o->voters[j].host, "127.0.0.1");
        }
        snprintf(o->listen_host, sizeof o->listen_host, "127.0.0.1");
        o->listen_port = ports[i];
        snprintf(o->log_dir, sizeof o->log_dir, "%s/deep/%u", folder, o->node_id);
        o->stop_max_ms = 300;
    }
}

static void teardown(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(system(command) == 0);
}

/* What a run leaves behind. It is a process of its own, since a folder's lock lives as long as one.
 */
struct run {
    enum step step;
    int16_t create_error;
    uint32_t snapshot_chunks;
    uint32_t topic_count;
    uint32_t partition_count;
    int32_t leader; /* Of partition 0. */
    int64_t next_producer_id;
    char cluster_id[META_CLUSTER_ID_SIZE + 1];
    uint32_t voters;
    uint64_t hashes[VOTERS]; /* Of their images at the end, and at which index. */
    uint64_t indexes[VOTERS];
    uint64_t first_entries[VOTERS]; /* The first entry that is still in memory. */
};

static void note_script(struct run *r, const struct script *s)
{
    r->step = s->step;
    r->create_error = s->create_error;
    r->snapshot_chunks = s->snapshot_chunks;
    r->topic_count = s->image.topic_count;
    r->partition_count = s->image.partition_count;
    r->leader = meta_topic_by_name(&s->image, slice_of_text("t"))->partitions[0].leader;
    r->next_producer_id = s->image.next_producer_id;
    memcpy(r->cluster_id, s->image.cluster_id, sizeof r->cluster_id);
    meta_image_check(&s->image);
}

static void note_controller(struct run *r, uint32_t i, const struct controller *c)
{
    r->hashes[i] = meta_image_hash(controller_image(c));
    r->indexes[i] = controller_image(c)->index;
    r->first_entries[i] = 1;
    while (controller_entry(c, r->first_entries[i]).at == NULL &&
           r->first_entries[i] <= r->indexes[i])
        r->first_entries[i]++;
    CHECK(controller_fault(c) == NULL);
}

static void run_here(struct run *r, uint32_t decisions, uint64_t wait_ms)
{
    struct world *world =
        world_open(&(struct world_options){.actor_count = r->voters + 1, .log_min = LOG_WARN});
    env_turn_fn *turns[VOTERS + 1];
    void *actors[VOTERS + 1];
    for (uint32_t i = 0; i < r->voters; i++) {
        turns[i] = controller_turn;
        actors[i] = controller_open(world_env(world, i), &options[i]);
    }
    struct script script = {.env = world_env(world, r->voters),
                            .voters = options,
                            .decisions = decisions,
                            .wait_ms = wait_ms,
                            .snapshot = writer_with(16 * 1024 * 1024)};
    turns[r->voters] = script_turn;
    actors[r->voters] = &script;
    CHECK(world_run(world, turns, actors) == 0);

    note_script(r, &script);
    for (uint32_t i = 0; i < r->voters; i++) {
        note_controller(r, i, actors[i]);
        controller_close(actors[i], false);
    }
    meta_image_close(&script.image);
    writer_close(&script.snapshot);
    world_close(world);
}

/* The first `voters` controllers and the broker, which asks for so many decisions. */
static struct run run(uint32_t voters, uint32_t decisions, uint64_t wait_ms)
{
    struct run *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    shared->voters = voters;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        run_here(shared, decisions, wait_ms);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    cr_assert_eq(status, 0);
    struct run r = *shared;
    munmap(shared, sizeof *shared);
    cr_assert_eq(r.step, DONE);
    return r;
}

/* As run(), but what the world says goes to a file, and the child's wait status comes back. */
static int run_until_the_end(const char *said)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct run r = {.voters = VOTERS};
        CHECK(freopen(said, "w", stderr) != NULL);
        run_here(&r, 1, WATCHDOG_MS / 2);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static void expect_equal_images(const struct run *r)
{
    for (uint32_t i = 1; i < r->voters; i++) {
        /* A leader's last entries may not have reached a follower that stopped before. */
        if (r->indexes[i] != r->indexes[0]) continue;
        cr_expect_eq(r->hashes[i], r->hashes[0], "controller %u", i);
    }
}

static uint32_t count_checkpoints(uint32_t voter)
{
    uint32_t count = 0;
    DIR *dir = opendir(options[voter].log_dir);
    CHECK(dir != NULL);
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        count += strstr(e->d_name, ".checkpoint") != NULL;
    closedir(dir);
    return count;
}

/* ---- Claims. ---- */

Test(controller, broker_registers_is_unfenced_and_creates_a_topic, .init = setup, .fini = teardown)
{
    struct run r = run(3, 10, 0);
    cr_expect_eq(r.create_error, 0);
    cr_expect_eq(r.snapshot_chunks, 0);
    cr_expect_eq(r.topic_count, 1);
    cr_expect_eq(r.partition_count, 3);
    cr_expect_eq(r.leader, 1);
    cr_expect_eq(r.next_producer_id, 10000);
    expect_equal_images(&r);
}

Test(controller, restart_goes_on_where_it_was, .init = setup, .fini = teardown)
{
    struct run first = run(3, 50, 0);
    struct run second = run(3, 50, 0);
    cr_expect_eq(second.create_error, KAFKA_TOPIC_ALREADY_EXISTS);
    cr_expect_eq(second.next_producer_id, 100000);
    cr_expect_str_eq(second.cluster_id, first.cluster_id);
    expect_equal_images(&second);
}

Test(controller, log_is_compacted_and_brokers_start_from_a_snapshot, .init = setup,
     .fini = teardown)
{
    for (uint32_t i = 0; i < VOTERS; i++) options[i].snapshot_entries = 100;
    struct run first = run(3, 1000, 200);
    cr_expect_eq(first.create_error, 0);
    for (uint32_t i = 0; i < VOTERS; i++) {
        cr_expect_gt(first.first_entries[i], 1, "controller %u keeps everything", i);
        cr_expect_geq(count_checkpoints(i), 1);
        cr_expect_leq(count_checkpoints(i), 2);
    }
    cr_expect_eq(first.next_producer_id, 1000000);
    expect_equal_images(&first);

    /* The log's head is gone when this broker begins to follow. */
    struct run second = run(3, 10, 200);
    cr_expect_geq(second.snapshot_chunks, 1);
    cr_expect_eq(second.create_error, KAFKA_TOPIC_ALREADY_EXISTS);
    cr_expect_eq(second.next_producer_id, 1010000);
    expect_equal_images(&second);
}

Test(controller, voter_that_was_away_too_long_takes_the_snapshot_over, .init = setup,
     .fini = teardown)
{
    for (uint32_t i = 0; i < VOTERS; i++) options[i].snapshot_entries = 100;
    (void)run(2, 1000, 200);
    struct run second = run(3, 1, 1000);
    cr_expect_gt(second.indexes[2], 1000);
    cr_expect_gt(second.first_entries[2], 800);
    cr_expect_geq(count_checkpoints(2), 1);
    expect_equal_images(&second);

    /* And it is one like the others after its own restart. */
    struct run third = run(3, 1, 200);
    cr_expect_gt(third.indexes[2], second.indexes[2]);
    expect_equal_images(&third);
}

static void move(const char *from, const char *to)
{
    char a[96], b[96];
    snprintf(a, sizeof a, "%s/%s", folder, from);
    snprintf(b, sizeof b, "%s/%s", folder, to);
    CHECK(rename(a, b) == 0);
}

/* One of three: the two others are right, and go on. */
Test(controller, folder_of_another_cluster_ends_its_controller_with_the_way_out, .init = setup,
     .fini = teardown)
{
    struct run other = run(3, 1, 0);
    move("deep", "other");
    struct run ours = run(3, 1, 0);
    move("deep/102", "102");
    move("other/102", "deep/102");

    char path[96], text[16384];
    snprintf(path, sizeof path, "%s/said", folder);
    int status = run_until_the_end(path);
    cr_assert(WIFEXITED(status));
    cr_expect_eq(WEXITSTATUS(status), 70);

    FILE *f = fopen(path, "r");
    CHECK(f != NULL);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    const char *line = strstr(text, "log.dirs ");
    cr_assert_not_null(line, "%s", text);
    cr_expect_not_null(strstr(line, "deep/102 is of cluster "));
    cr_expect_not_null(strstr(line, other.cluster_id));
    cr_expect_not_null(strstr(line, ours.cluster_id));
    cr_expect_not_null(strstr(line, "jackdaw quorum add"));
}

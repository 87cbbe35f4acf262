/* Any bytes, taken for records of __consumer_offsets: read or refused; what was read is written and
 * read again as the same; and a group of the consumer protocol that is made of them is sound, and
 * goes on: its members beat, and what it wants stored makes the same group again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/groups/consumer/consumer.h"
#include "common/check.h"
#include "proto/group_records.h"
#include "proto/kafka_errors.h"

#define ARENA_SIZE ((size_t)1 << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(16) uint8_t memory[2][ARENA_SIZE];

static struct slice whole(const struct writer *w)
{
    return w->size == 0 ? slice_of_text("") : writer_slice(w);
}

static void write_again(const struct group_record *r)
{
    struct writer key = writer_with(ARENA_SIZE), value = writer_with(ARENA_SIZE);
    struct group_record again;
    bool has_value = !r->is_tombstone && r->kind != GROUP_RECORD_CONSUMER_TOPICS;
    int rc = group_record_encode_key(r, &key);
    CHECK(rc == 0);
    if (has_value) {
        rc = group_record_encode_value(r, &value);
        CHECK(rc == 0);
    }
    struct arena arena = {.base = memory[1], .size = ARENA_SIZE};
    rc = group_record_decode(whole(&key), has_value ? whole(&value) : (struct slice){0}, &arena,
                             &again);
    CHECK(rc == 0);
    CHECK(again.kind == r->kind);
    writer_close(&key);
    writer_close(&value);
}

static bool is_of_consumers(const struct group_record *r)
{
    return r->kind != GROUP_RECORD_OFFSET && r->kind != GROUP_RECORD_METADATA &&
           r->kind != GROUP_RECORD_OTHER;
}

/* A byte each for the sizes of a key and a value (255: none), and their bytes. */
static bool next_record(struct reader *in, struct group_record *out)
{
    for (;;) {
        uint8_t key_size = read_u8(in), value_size = read_u8(in);
        struct slice key = read_slice(in, key_size), value = {0};
        if (value_size != 255) value = read_slice(in, value_size);
        if (!reader_ok(in)) return false;
        struct arena arena = {.base = memory[0], .size = ARENA_SIZE};
        if (group_record_decode(key, value, &arena, out) == 0) return true;
    }
}

static void go_on(struct consumer_group *c)
{
    struct consumer_settings settings = {
        .session_ms = 1000, .heartbeat_ms = 100, .size_max = 1000, .assignor_count = 1};
    struct group_options options = {.size_max = 1000};
    struct topic_table topics = {0};
    struct group *classic = group_new(&options, slice_of_text("g"));
    struct consumer_effects fx;
    topic_table_add(&topics, slice_of_text("a"), (struct uuid){{1}}, 3);
    topic_table_end(&topics, 1);
    struct consumer_event e = {.kind = CONSUMER_LOADED,
                               .now_ms = 1,
                               .settings = &settings,
                               .topics = &topics,
                               .classic = classic};
    consumer_step(c, &e, &fx);
    consumer_check_all(c, true);
    struct slice names[] = {slice_of_text("a")};
    e.kind = CONSUMER_HEARTBEAT;
    e.heartbeat.member_id = slice_of_text("new");
    e.heartbeat.client_id = e.heartbeat.client_host = slice_of_text("");
    e.heartbeat.rebalance_timeout_ms = 100;
    e.heartbeat.has_topics = e.heartbeat.has_owned = true;
    e.heartbeat.topics = names;
    e.heartbeat.topic_count = 1;
    if (c->epoch < INT32_MAX - 10) consumer_step(c, &e, &fx);
    consumer_check_all(c, true);
    struct consumer_cursor at = {0};
    struct group_record r;
    for (;;) {
        struct arena arena = {.base = memory[0], .size = ARENA_SIZE};
        if (!consumer_next_record(c, c->last_store + 1, &at, &arena, &r)) break;
        write_again(&r);
    }
    topic_table_close(&topics);
    group_free(classic);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader in = reader_of(slice_of(data, size));
    struct consumer_group *c = consumer_new(slice_of_text("g"));
    struct group_record r;
    while (next_record(&in, &r)) {
        if (r.kind != GROUP_RECORD_OTHER) write_again(&r);
        if (is_of_consumers(&r)) consumer_replay(c, &r);
    }
    consumer_end_replay(c);
    if (c->is_alive) go_on(c);
    consumer_free(c);
    return 0;
}

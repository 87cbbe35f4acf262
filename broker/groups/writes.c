#include "broker/groups/writes.h"

#include <stdlib.h>
#include <string.h>

#include "broker/groups/entries.h"
#include "broker/groups/own.h"
#include "broker/partition/produce.h"
#include "common/check.h"
#include "proto/kafka_errors.h"

#define WRITE_MAX_BYTES (64u << 20)
#define DELETION_BYTES (256u << 10) /* Of one write; a large group takes several. */
#define BATCH_OVERHEAD_BYTES 128    /* Of a batch, and of a record beside its key and value. */

struct group_write *write_new(struct group_entry *e, struct group_ask *ask)
{
    struct group_write *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    w->entry = e;
    w->ask = ask;
    w->bytes = writer_with(WRITE_MAX_BYTES);
    TAILQ_INIT(&w->held);
    w->end_offset = -1;
    return w;
}

void write_free(struct group_write *w)
{
    for (uint32_t i = 0; i < w->change_count; i++) {
        own_free(&w->changes[i].topic);
        own_free(&w->changes[i].value.metadata);
    }
    free(w->changes);
    free(w->records);
    writer_close(&w->bytes);
    free(w);
}

/* Doubles an array whenever its count is a power of two. */
static void *room_for_one(void *items, uint32_t count, size_t size)
{
    if (count > 0 && (count & (count - 1)) != 0) return items;

    items = realloc(items, (count > 0 ? 2 * (size_t)count : 1) * size);
    CHECK(items != NULL);
    return items;
}

static void add_record(struct group_write *w, const struct group_record *record)
{
    w->records = room_for_one(w->records, w->record_count, sizeof *w->records);
    size_t begin = w->bytes.size;
    int rc = group_record_encode_key(record, &w->bytes);
    CHECK(rc == 0); /* Its strings came from a request or from the log, so they fit. */
    size_t middle = w->bytes.size;
    if (!record->is_tombstone) {
        rc = group_record_encode_value(record, &w->bytes);
        CHECK(rc == 0);
    }
    w->records[w->record_count].key_size = (uint32_t)(middle - begin);
    w->records[w->record_count].value_size =
        record->is_tombstone ? -1 : (int32_t)(w->bytes.size - middle);
    w->record_count++;
}

void write_add_group(struct group_write *w, uint64_t number, bool with_next)
{
    CHECK(number != 0);

    struct group *g = w->entry->group;
    struct group_record record = {.kind = GROUP_RECORD_METADATA};
    record.metadata.key.group = g->id;
    struct arena arena = {.size =
                              (g->member_count + 1) * sizeof(struct group_metadata_value_member)};
    arena.base = malloc(arena.size);
    CHECK(arena.base != NULL);
    bool fits = group_value(g, with_next, &arena, &record.metadata.value);
    CHECK(fits);
    add_record(w, &record);
    free(arena.base);
    w->store = number;
}

void write_add_consumer(struct group_write *w, uint64_t number)
{
    struct consumer_group *c = w->entry->consumer;
    struct consumer_cursor at = {0};
    struct group_record record;
    struct arena *arena = &w->entry->at->host->answers; /* Nothing lives in it between answers. */
    arena->used = 0;
    while (consumer_next_record(c, number, &at, arena, &record)) {
        add_record(w, &record);
        arena->used = 0;
    }
    w->change = number;
}

static struct group_change *add_change(struct group_write *w, struct slice topic, int32_t partition)
{
    w->changes = room_for_one(w->changes, w->change_count, sizeof *w->changes);
    struct group_change *change = &w->changes[w->change_count++];
    *change = (struct group_change){.topic = own_copy(topic), .partition = partition};
    return change;
}

static struct group_record offset_record(const struct group_write *w, struct slice topic,
                                         int32_t partition)
{
    struct group_record record = {.kind = GROUP_RECORD_OFFSET, .is_tombstone = true};
    record.offset.key = (struct offset_commit_key){
        .group = w->entry->group->id, .topic = topic, .partition = partition};
    return record;
}

void write_add_commit(struct group_write *w, struct slice topic, int32_t partition,
                      const struct offset_value *value)
{
    struct group_record record = offset_record(w, topic, partition);
    record.is_tombstone = false;
    record.offset.value = (struct offset_commit_value){
        .offset = value->offset,
        .leader_epoch = value->leader_epoch,
        .metadata = slice_or_empty(value->metadata),
        .commit_timestamp_ms = value->commit_wall_ms,
        .expire_timestamp_ms = value->expire_wall_ms,
        .topic_id = value->topic_id,
    };
    add_record(w, &record);
    struct group_change *change = add_change(w, topic, partition);
    change->is_commit = true;
    change->value = *value;
    change->value.metadata = own_copy(record.offset.value.metadata);
}

void write_add_deletion(struct group_write *w, struct slice topic, int32_t partition)
{
    struct group_record record = offset_record(w, topic, partition);
    add_record(w, &record);
    (void)add_change(w, topic, partition);
}

void write_queue(struct group_write *w)
{
    CHECK(w->record_count > 0);

    struct group_entry *e = w->entry;
    struct coordinator *c = e->at;
    for (uint32_t i = 0; i < w->change_count; i++) {
        offsets_begin(&e->offsets, w->changes[i].topic, w->changes[i].partition);
    }
    e->write_count++;
    if (w->change != 0) e->last_change = w;
    w->deadline_ms = env_now_ms(c->host->env) + c->host->options->groups.commit_timeout_ms;
    TAILQ_INSERT_TAIL(&c->queued, w, link);
}

void write_queue_group_deletion(struct group_entry *e, struct group_ask *ask, uint32_t index)
{
    CHECK(entry_is_empty(e));
    CHECK(!e->is_deleting);

    struct group_write *w = write_new(e, NULL);
    const struct offset_topic *t;
    for (t = e->offsets.topics; t != NULL; t = t->hh.next) {
        const struct offset_entry *o;
        for (o = t->partitions; o != NULL; o = o->hh.next) {
            write_add_deletion(w, t->name, o->partition);
            if (w->bytes.size < DELETION_BYTES) continue;
            write_queue(w);
            w = write_new(e, NULL);
        }
    }
    bool was_consumer = entry_is_consumer(e);
    if (e->consumer != NULL) write_add_consumer(w, consumer_bury(e->consumer));
    if (!was_consumer) {
        struct group_record record = {.kind = GROUP_RECORD_METADATA, .is_tombstone = true};
        record.metadata.key.group = e->group->id;
        add_record(w, &record);
    }
    w->is_group_deletion = true;
    w->ask = ask;
    w->error_first = index;
    w->error_count = ask != NULL ? 1 : 0;
    if (ask != NULL) ask->pending++;
    e->is_deleting = true;
    write_queue(w);
}

/* ---- Appending. ---- */

static size_t size_of(const struct group_write *w)
{
    return w->bytes.size + (size_t)w->record_count * 32;
}

/* The first writes of the queue that fit into one batch: at least one. */
static uint32_t count_batch(const struct coordinator *c, uint32_t *record_count)
{
    size_t size = BATCH_OVERHEAD_BYTES;
    uint32_t count = 0;
    *record_count = 0;
    const struct group_write *w;
    TAILQ_FOREACH(w, &c->queued, link)
    {
        if (count > 0 && size + size_of(w) > c->partition->config.max_message_bytes) break;
        size += size_of(w);
        *record_count += w->record_count;
        count++;
    }
    return count;
}

static uint32_t fill_specs(const struct group_write *w, int64_t now_ms, struct record_spec *specs)
{
    const uint8_t *at = w->bytes.base;
    for (uint32_t i = 0; i < w->record_count; i++) {
        specs[i] = (struct record_spec){.timestamp_ms = now_ms};
        specs[i].key = slice_of(at, w->records[i].key_size);
        at += w->records[i].key_size;
        if (w->records[i].value_size < 0) continue;
        specs[i].value = slice_of(at, (size_t)w->records[i].value_size);
        at += w->records[i].value_size;
    }
    return w->record_count;
}

static struct buf *build_batch(const struct coordinator *c, uint32_t count, uint32_t record_count)
{
    struct record_spec *specs = calloc(record_count, sizeof *specs);
    CHECK(specs != NULL);
    int64_t now_ms = env_wall_ms(c->host->env);
    uint32_t filled = 0;
    const struct group_write *w = TAILQ_FIRST(&c->queued);
    for (uint32_t i = 0; i < count; i++, w = TAILQ_NEXT(w, link)) {
        filled += fill_specs(w, now_ms, specs + filled);
    }
    CHECK(filled == record_count);
    struct batch_spec spec = batch_spec_of(specs, (int32_t)record_count);
    spec.partition_leader_epoch = c->leader_epoch;
    struct writer out = writer_with(2 * WRITE_MAX_BYTES);
    kafka_batch_build(&spec, &out);
    free(specs);
    CHECK(writer_ok(&out));
    struct buf *batch = buf_of(writer_slice(&out));
    writer_close(&out);
    return batch;
}

void writes_append(struct coordinator *c, struct group_write_list *refused, int16_t *error)
{
    while (!TAILQ_EMPTY(&c->queued)) {
        /* DESIGN 6.12: who leads next is about to be known. */
        if (partition_leads(c->partition) && !replica_is_open(&c->partition->replica)) return;
        if (c->partition->is_swapping) return;

        uint32_t record_count = 0;
        uint32_t count = count_batch(c, &record_count);
        struct buf *batch = build_batch(c, count, record_count);
        int64_t end_offset = -1;
        int16_t rc = partition_append_own(c->partition, batch, &end_offset);
        buf_unref(batch);
        if (rc != KAFKA_NONE) *error = rc;
        for (uint32_t i = 0; i < count; i++) {
            struct group_write *w = TAILQ_FIRST(&c->queued);
            TAILQ_REMOVE(&c->queued, w, link);
            w->end_offset = end_offset;
            TAILQ_INSERT_TAIL(rc == KAFKA_NONE ? &c->appended : refused, w, link);
        }
    }
}

struct group_write *writes_next_done(struct coordinator *c)
{
    struct group_write *w = TAILQ_FIRST(&c->appended);
    bool is_early = (c->host->options->groups.canary & GROUP_CANARY_COMMIT_EARLY) != 0;
    if (w == NULL) return NULL;
    if (w->end_offset > c->partition->replica.high_watermark && !is_early) return NULL;

    TAILQ_REMOVE(&c->appended, w, link);
    return w;
}

static struct group_write *first_not_late(const struct group_write_list *list)
{
    struct group_write *w;
    TAILQ_FOREACH(w, list, link)
    {
        if (!w->is_late) return w;
    }
    return NULL;
}

struct group_write *writes_next_late(struct coordinator *c)
{
    struct group_write *w = first_not_late(&c->appended);
    if (w == NULL) w = first_not_late(&c->queued);
    if (w == NULL || w->deadline_ms > env_now_ms(c->host->env)) return NULL;

    w->is_late = true;
    return w;
}

uint64_t writes_deadline(const struct coordinator *c)
{
    const struct group_write *w = first_not_late(&c->appended);
    if (w == NULL) w = first_not_late(&c->queued);
    return w == NULL ? ENV_NEVER : w->deadline_ms;
}

int16_t write_error(int16_t append_error, bool is_commit)
{
    switch (append_error) {
    case KAFKA_NONE: return KAFKA_NONE;
    case KAFKA_NOT_ENOUGH_REPLICAS:
    case KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case KAFKA_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_REQUEST_TIMED_OUT: return KAFKA_COORDINATOR_NOT_AVAILABLE;
    case KAFKA_NOT_LEADER_OR_FOLLOWER:
    case KAFKA_NOT_COORDINATOR:
    case KAFKA_KAFKA_STORAGE_ERROR: return KAFKA_NOT_COORDINATOR;
    case KAFKA_MESSAGE_TOO_LARGE:
        return is_commit ? KAFKA_INVALID_COMMIT_OFFSET_SIZE : KAFKA_UNKNOWN_SERVER_ERROR;
    default: return KAFKA_UNKNOWN_SERVER_ERROR;
    }
}

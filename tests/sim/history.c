#include "tests/sim/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/shard.h"
#include "common/check.h"

static void *grown(void *at, uint64_t count, uint64_t *capacity, size_t size)
{
    if (count < *capacity) return at;

    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    void *moved = realloc(at, *capacity * size);
    CHECK(moved != NULL);
    return moved;
}

static void *grown32(void *at, uint32_t count, uint32_t *capacity, size_t size)
{
    uint64_t wide = *capacity;
    at = grown(at, count, &wide, size);
    *capacity = (uint32_t)wide;
    return at;
}

void history_open(struct history *h, struct cluster *cluster)
{
    *h = (struct history){.sim = cluster->sim, .cluster = cluster};
}

void history_close(struct history *h)
{
    for (uint32_t i = 0; i < h->part_count; i++) {
        free(h->parts[i].batches);
        free(h->parts[i].reigns);
    }
    free(h->parts);
    free(h->topics);
    free(h->records);
    *h = (struct history){0};
}

/* ---- Topics and partitions. ---- */

struct topic_note *history_topic(struct history *h, struct uuid topic_id)
{
    for (uint32_t i = 0; i < h->topic_count; i++) {
        if (uuid_equal(h->topics[i].id, topic_id)) return &h->topics[i];
    }
    return NULL;
}

static uint32_t part_new(struct history *h, uint32_t topic, int32_t number)
{
    h->parts = grown32(h->parts, h->part_count, &h->part_capacity, sizeof h->parts[0]);
    h->parts[h->part_count] =
        (struct part_note){.topic = topic, .number = number, .appended_by_epoch = -1};
    return h->part_count++;
}

uint32_t history_part(struct history *h, struct uuid topic_id, const char *name, int32_t number)
{
    CHECK(number >= 0 && number < CLUSTER_PARTITIONS_MAX);

    struct topic_note *t = history_topic(h, topic_id);
    if (t == NULL) {
        h->topics = grown32(h->topics, h->topic_count, &h->topic_capacity, sizeof h->topics[0]);
        t = &h->topics[h->topic_count++];
        *t = (struct topic_note){.id = topic_id};
        (void)snprintf(t->name, sizeof t->name, "%s", name);
    }
    while (t->part_count <= (uint32_t)number) {
        uint32_t made = part_new(h, (uint32_t)(t - h->topics), (int32_t)t->part_count);
        t->parts[t->part_count++] = made;
    }
    return t->parts[number];
}

const char *history_part_name(const struct history *h, uint32_t part)
{
    static char names[4][64];
    static uint32_t next;
    char *name = names[next++ % 4];
    const struct part_note *p = &h->parts[part];
    (void)snprintf(name, sizeof names[0], "%s-%d", h->topics[p->topic].name, p->number);
    return name;
}

/* ---- Records. ---- */

uint32_t history_value_size(uint64_t id)
{
    return 8 + (uint32_t)(id * 2654435761u >> 7) % 120;
}

void history_value(uint64_t id, uint8_t *to)
{
    uint32_t size = history_value_size(id);
    uint64_t big = htobe64(id);
    memcpy(to, &big, 8);
    for (uint32_t i = 8; i < size; i++) to[i] = (uint8_t)(id * 31 + i * 7);
}

uint64_t history_new_records(struct history *h, uint32_t producer, uint32_t part, int8_t acks,
                             bool is_idempotent, uint32_t count)
{
    uint64_t first = h->record_count;
    for (uint32_t i = 0; i < count; i++) {
        h->records = grown(h->records, h->record_count, &h->record_capacity, sizeof h->records[0]);
        h->records[h->record_count++] = (struct record_note){.producer = (uint8_t)producer,
                                                             .acks = acks,
                                                             .is_idempotent = is_idempotent,
                                                             .part = part,
                                                             .place = i,
                                                             .offset = -1,
                                                             .broker = -1,
                                                             .found_offset = -1};
    }
    return first;
}

void history_attempt(struct history *h, uint64_t first_id, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct record_note *r = &h->records[first_id + i];
        r->last_us = sim_now_us(h->sim);
        if (r->attempts++ == 0) r->sent_us = r->last_us;
    }
    if (h->records[first_id].acks == 0) h->acked_by[0] += count;
}

void history_given_up(struct history *h, uint64_t first_id, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        CHECK(h->records[first_id + i].fate == FATE_SENDING);
        h->records[first_id + i].fate = FATE_GIVEN_UP;
    }
    if (h->records[first_id].acks != 0) h->given_up += count;
}

/* Is the broker a replica no more? Its partition may have gone in the turn in which it acknowledged
 * what was committed last, before anybody looked; what it was is judged at the end. */
static bool has_left(const struct history *h, const struct part_note *p, int32_t broker)
{
    const struct broker_process *b = &h->cluster->brokers[broker - 1].broker;
    for (uint32_t i = 0; i < h->cluster->options.shard_count; i++) {
        const struct shard *s = b->shards[i];
        if (s == NULL) continue;
        const struct partition *own = shard_partition(s, h->topics[p->topic].id, p->number);
        if (own != NULL && (own->state == PARTITION_READY || own->state == PARTITION_TRUNCATING))
            return false;
    }
    return true;
}

/* acks=all means: from now on it is there, for ever and at this offset. */
static void check_acked(struct history *h, uint64_t first_id, int64_t base_offset, int32_t broker)
{
    const struct record_note *r = &h->records[first_id];
    const struct part_note *p = &h->parts[r->part];
    const struct committed_batch *b = history_find(h, r->part, base_offset);
    if (b == NULL && base_offset < p->delete_before) return;
    if (b == NULL && h->topics[p->topic].is_deleted) return; /* In the same turn, perhaps. */
    if (b == NULL && has_left(h, p, broker)) return;
    if (b != NULL && b->base_offset == base_offset && b->first_id == first_id) return;

    sim_violation(h->sim,
                  "[acknowledged] broker %d acknowledged record %llu (acks=all) at offset %lld of "
                  "%s, and no replica holds it committed there",
                  broker, (unsigned long long)first_id, (long long)base_offset,
                  history_part_name(h, r->part));
}

#define HEARD_OF_US 1000000

/* DESIGN 6.13: a leader that nobody has answered for the lease says no early yes. */
static void check_early(struct history *h, uint64_t first_id, int32_t broker)
{
    const struct cluster_node *n = &h->cluster->brokers[broker - 1];
    uint64_t lease_us = (h->cluster->options.broker.lease_ms + 2) * 1000ull;
    const struct record_note *r = &h->records[first_id];
    if (n->cut_off_us == 0 || r->last_us <= n->cut_off_us + lease_us) return;

    /* Nobody else can lead what has no copy, or had none when the leader was last told. */
    uint64_t copied_us = h->parts[r->part].copied_since_us;
    if (copied_us == 0 || copied_us + HEARD_OF_US > n->cut_off_us) return;
    sim_violation(
        h->sim,
        "[lease] broker %d acknowledged record %llu (acks=1) in %s, which was sent %llu ms "
        "after it was cut off",
        broker, (unsigned long long)first_id, history_part_name(h, r->part),
        (unsigned long long)((r->last_us - n->cut_off_us) / 1000));
}

void history_acked(struct history *h, uint64_t first_id, uint32_t count, int64_t base_offset,
                   int32_t broker)
{
    for (uint32_t i = 0; i < count; i++) {
        struct record_note *r = &h->records[first_id + i];
        CHECK(r->fate == FATE_SENDING);
        r->fate = FATE_ACKED;
        r->offset = base_offset < 0 ? -1 : base_offset + i;
        r->broker = broker;
        r->acked_us = sim_now_us(h->sim);
    }
    int8_t acks = h->records[first_id].acks;
    CHECK(acks == 1 || acks == -1);
    h->acked += count;
    h->acked_us = sim_now_us(h->sim);
    h->acked_by[acks == 1 ? 1 : 2] += count;
    if (acks == -1 && base_offset >= 0) check_acked(h, first_id, base_offset, broker);
    if (acks == 1) check_early(h, first_id, broker);
}

/* ---- Batches. ---- */

static bool record_is_ours(const struct record *record, uint64_t id)
{
    uint8_t value[256];
    if (record->value.at == NULL || record->value.size != history_value_size(id)) return false;
    history_value(id, value);
    return memcmp(value, record->value.at, record->value.size) == 0;
}

uint64_t history_ids_of(struct slice batch, const char **why)
{
    struct record_cursor cursor = kafka_batch_records(batch);
    struct record record;
    uint64_t first = HISTORY_NO_ID;
    uint64_t count = 0;
    while (kafka_record_next(&cursor, &record)) {
        uint64_t id;
        if (record.value.at == NULL || record.value.size < sizeof id) {
            *why = "a record has no id";
            return HISTORY_NO_ID;
        }
        memcpy(&id, record.value.at, sizeof id);
        id = be64toh(id);
        if (first == HISTORY_NO_ID) first = id;
        if (id != first + count || !record_is_ours(&record, id)) {
            *why = "a record is not what was sent";
            return HISTORY_NO_ID;
        }
        count++;
    }
    *why = "its records cannot be read";
    return record_cursor_ok(&cursor) && count > 0 ? first : HISTORY_NO_ID;
}

const struct committed_batch *history_find(const struct history *h, uint32_t part, int64_t offset)
{
    const struct part_note *p = &h->parts[part];
    uint32_t low = 0;
    uint32_t high = p->batch_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (p->batches[middle].last_offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == p->batch_count || p->batches[low].base_offset > offset) return NULL;
    return &p->batches[low];
}

static void compare(struct history *h, uint32_t part, const struct committed_batch *known,
                    const struct record_batch_header *header, const char *who, const char *does)
{
    if (known->base_offset == header->base_offset &&
        known->last_offset == batch_last_offset(header) && known->crc == header->crc &&
        known->leader_epoch == header->partition_leader_epoch) {
        return;
    }
    sim_violation(h->sim,
                  "[committed] %s %s %s offsets %lld-%lld of epoch %d with checksum %08x, and "
                  "committed there are %lld-%lld of epoch %d with %08x (records from %llu on)",
                  who, does, history_part_name(h, part), (long long)header->base_offset,
                  (long long)batch_last_offset(header), header->partition_leader_epoch, header->crc,
                  (long long)known->base_offset, (long long)known->last_offset, known->leader_epoch,
                  known->crc, (unsigned long long)known->first_id);
}

void history_committed(struct history *h, uint32_t part, struct slice batch,
                       const struct record_batch_header *header, const char *who)
{
    struct part_note *p = &h->parts[part];
    const struct committed_batch *known = history_find(h, part, header->base_offset);
    if (known != NULL) {
        compare(h, part, known, header, who, "holds as committed in");
        return;
    }
    int64_t last = batch_last_offset(header);
    if (header->base_offset < p->committed_end) {
        /* Below the first one that is known: it was deleted from the log that taught us. */
        if (p->batch_count == 0 || last < p->batches[0].base_offset) return;
        sim_violation(h->sim, "[committed] %s holds offsets %lld-%lld in %s, which overlap others",
                      who, (long long)header->base_offset, (long long)last,
                      history_part_name(h, part));
        return;
    }
    if (header->base_offset > p->committed_end && header->base_offset > p->delete_before) {
        sim_violation(h->sim, "[committed] %s has a gap in %s: after %lld comes %lld", who,
                      history_part_name(h, part), (long long)p->committed_end,
                      (long long)header->base_offset);
        return;
    }
    const char *why = NULL;
    uint64_t first = history_ids_of(batch, &why);
    bool is_known = first != HISTORY_NO_ID && first < h->record_count;
    if (!is_known || h->records[first].part != part) {
        sim_violation(h->sim, "[content] %s holds a batch at %lld of %s that nobody sent there: %s",
                      who, (long long)header->base_offset, history_part_name(h, part),
                      is_known ? "it belongs into another partition" : why);
        return;
    }
    p->batches = grown32(p->batches, p->batch_count, &p->batch_capacity, sizeof p->batches[0]);
    p->batches[p->batch_count++] =
        (struct committed_batch){.base_offset = header->base_offset,
                                 .last_offset = last,
                                 .crc = header->crc,
                                 .leader_epoch = header->partition_leader_epoch,
                                 .first_id = first,
                                 .count = (uint32_t)header->record_count,
                                 .since_us = sim_now_us(h->sim)};
    p->committed_end = last + 1;
}

void history_read(struct history *h, uint32_t part, struct slice batch,
                  const struct record_batch_header *header, const char *who)
{
    const char *why = NULL;
    uint64_t first = history_ids_of(batch, &why);
    if (kafka_batch_check_crc(batch) != BATCH_OK) first = HISTORY_NO_ID;
    if (first == HISTORY_NO_ID) {
        sim_violation(h->sim, "[read] %s was given a batch at %lld of %s that is broken: %s", who,
                      (long long)header->base_offset, history_part_name(h, part), why);
        return;
    }
    const struct committed_batch *known = history_find(h, part, header->base_offset);
    if (known != NULL) {
        compare(h, part, known, header, who, "read from");
        h->read += (uint64_t)header->record_count;
        return;
    }
    const struct part_note *p = &h->parts[part];
    if (batch_last_offset(header) < p->delete_before) return;
    sim_violation(h->sim, "[read] %s was given offsets %lld-%lld of %s, committed is up to %lld",
                  who, (long long)header->base_offset, (long long)batch_last_offset(header),
                  history_part_name(h, part), (long long)p->committed_end);
}

/* The image as a row of records: that is how it is stored, copied and hashed, so that what one of
 * them knows, all of them know. A snapshot is (numbers are big endian)
 *
 *   magic (4) | version (4) | index (8) | term (8) | { size (4) | SnapshotItem }... | CRC32C (4)
 *
 * and the checksum is of everything before it.
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/check.h"
#include "common/crc32c.h"
#include "proto/meta.h"
#include "proto/meta_internal.h"

#define SNAPSHOT_MAGIC 0x4a444157 /* "JDAW" */
#define SNAPSHOT_VERSION 1
#define SNAPSHOT_HEADER_SIZE 24
#define SNAPSHOT_CRC_SIZE 4
#define ITEM_MAX_BYTES (128 * 1024) /* Twice the largest record, a configuration. */
#define ITEM_ARENA_SIZE (2 * ITEM_MAX_BYTES)

_Static_assert(ITEM_MAX_BYTES > META_VALUE_MAX + META_KEY_MAX + META_NAME_MAX + 256, "it fits");

/* ---- The image as records. ---- */

static struct slice text_or_absent(const char *text)
{
    return text[0] == 0 ? (struct slice){0} : slice_of_text(text);
}

static struct meta_record record_of_broker(const struct meta_broker *b)
{
    struct meta_record r = {.kind = META_BROKER};
    r.broker.id = b->id;
    r.broker.epoch = b->epoch;
    r.broker.incarnation = b->incarnation;
    r.broker.secret = b->secret;
    r.broker.rack = text_or_absent(b->rack);
    r.broker.shard_count = b->shard_count;
    r.broker.replication_listener = slice_of_text(b->replication_listener);
    r.broker.version = slice_of_text(b->version);
    r.broker.listener_count = b->listener_count;
    for (uint32_t i = 0; i < b->listener_count; i++) {
        r.broker.listeners[i] = (struct meta_listener){
            .name = slice_of_text(b->listeners[i].name),
            .host = slice_of_text(b->listeners[i].host),
            .port = b->listeners[i].port,
            .protocol = slice_of_text(b->listeners[i].protocol),
        };
    }
    return r;
}

static struct meta_record record_of_voters(const struct meta_image *image)
{
    struct meta_record r = {.kind = META_VOTERS};
    r.voters.count = image->voter_count;
    for (uint32_t i = 0; i < image->voter_count; i++) {
        r.voters.voters[i] = (struct meta_voter){
            .id = image->voters[i].id,
            .disk = image->voters[i].disk,
            .host = slice_of_text(image->voters[i].host),
            .port = image->voters[i].port,
            .is_learner = image->voters[i].is_learner,
        };
    }
    return r;
}

static struct meta_record record_of_partition(const struct meta_topic *t, uint32_t number)
{
    const struct meta_partition *p = &t->partitions[number];
    struct meta_record r = {.kind = META_PARTITION};
    r.partition.topic_id = t->id;
    r.partition.partition = (int32_t)number;
    r.partition.leader = p->leader;
    r.partition.leader_epoch = p->leader_epoch;
    r.partition.partition_epoch = p->partition_epoch;
    r.partition.replicas = p->replicas;
    r.partition.isr = p->isr;
    r.partition.elr = p->elr;
    r.partition.last_known_elr = p->last_known_elr;
    r.partition.adding = p->adding;
    r.partition.removing = p->removing;
    r.partition.successor = p->successor;
    r.partition.offline = p->offline;
    return r;
}

/* Where the records go to. */
struct visitor {
    void (*visit)(void *context, uint64_t index, const struct meta_record *record);
    void *context;
};

static void visit_cluster(const struct meta_image *image, const struct visitor *v)
{
    struct meta_record r;
    if (image->cluster_id[0] != 0) {
        r = (struct meta_record){.kind = META_CLUSTER};
        r.cluster.cluster_id = slice_of_text(image->cluster_id);
        v->visit(v->context, 0, &r);
    }
    for (const struct meta_feature *f = image->features; f != NULL; f = f->hh.next) {
        r = (struct meta_record){.kind = META_FEATURE};
        r.feature.name = slice_of_text(f->name);
        r.feature.level = f->level;
        v->visit(v->context, 0, &r);
    }
    if (image->voter_count > 0) {
        r = record_of_voters(image);
        v->visit(v->context, 0, &r);
    }
    if (image->next_producer_id > 0) {
        r = (struct meta_record){.kind = META_PRODUCER_IDS};
        r.producer_ids.next = image->next_producer_id;
        v->visit(v->context, 0, &r);
    }
}

static void visit_brokers(const struct meta_image *image, const struct visitor *v)
{
    for (const struct meta_broker *b = image->brokers; b != NULL; b = b->hh.next) {
        struct meta_record r = record_of_broker(b);
        v->visit(v->context, 0, &r);

        r = (struct meta_record){.kind = META_BROKER_STATE};
        r.broker_state.id = b->id;
        r.broker_state.epoch = b->epoch;
        r.broker_state.fenced = b->fenced;
        r.broker_state.stopping = b->stopping;
        v->visit(v->context, 0, &r);
    }
}

static void visit_topic(const struct meta_topic *t, const struct visitor *v)
{
    struct meta_record r = {.kind = META_TOPIC};
    r.topic.id = t->id;
    r.topic.name = slice_of_text(t->name);
    v->visit(v->context, t->created_index, &r);
    for (uint32_t i = 0; i < t->partition_count; i++) {
        r = record_of_partition(t, i);
        v->visit(v->context, t->partitions[i].changed_index, &r);
    }
}

static void visit_topics(const struct meta_image *image, const struct visitor *v)
{
    for (const struct meta_topic *t = image->topics_by_id; t != NULL; t = t->by_id.next)
        visit_topic(t, v);
}

static void visit_configs(const struct meta_config *configs, uint64_t index,
                          const struct visitor *v)
{
    for (const struct meta_config *c = configs; c != NULL; c = c->hh.next) {
        struct meta_record r = {.kind = META_CONFIG};
        r.config.type = c->type;
        r.config.name = slice_of_text(c->name);
        r.config.key = slice_of_text(c->key);
        r.config.value = slice_of_text(c->value);
        v->visit(v->context, index, &r);
    }
}

/* As they came to be: made, and then retired. Before those that are there, who may have the name of
 * one of them. */
static void visit_retired(const struct meta_image *image, const struct visitor *v)
{
    for (const struct meta_retired *x = image->retired; x != NULL; x = x->hh.next) {
        visit_topic(x->topic, v);
        visit_configs(x->configs, x->index, v);

        struct meta_record r = {.kind = META_TOPIC_RETIRED};
        r.topic_retired.id = x->id;
        r.topic_retired.wall_ms = x->wall_ms;
        r.topic_retired.due_ms = x->due_ms;
        v->visit(v->context, x->index, &r);
    }
}

void meta_visit(const struct meta_image *image,
                void (*visit)(void *context, uint64_t index, const struct meta_record *record),
                void *context)
{
    const struct visitor v = {.visit = visit, .context = context};
    visit_cluster(image, &v);
    visit_brokers(image, &v);
    visit_retired(image, &v);
    visit_topics(image, &v);
    visit_configs(image->configs, 0, &v);
}

/* ---- Copy. ---- */

static void visit_copy(void *context, uint64_t index, const struct meta_record *record)
{
    meta_fold(context, index, record);
}

void meta_image_copy(struct meta_image *to, const struct meta_image *from)
{
    CHECK(to->index == 0);
    CHECK(to->brokers == NULL);
    CHECK(to->topics_by_id == NULL);

    meta_visit(from, visit_copy, to);
    to->index = from->index;
    to->term = from->term;
}

/* ---- Hash. ---- */

struct hashing {
    uint64_t sum;
    struct writer row;
};

static void visit_hash(void *context, uint64_t index, const struct meta_record *record)
{
    struct hashing *h = context;
    writer_reset(&h->row);
    meta_item_encode(index, record, &h->row);
    CHECK(writer_ok(&h->row));

    /* A sum, because the order in which the rows come is not part of what is equal. */
    h->sum += XXH64(h->row.base, h->row.size, 0);
}

uint64_t meta_image_hash(const struct meta_image *image)
{
    struct hashing h = {.row = writer_with(ITEM_MAX_BYTES)};
    meta_visit(image, visit_hash, &h);

    writer_reset(&h.row);
    write_i64(&h.row, (int64_t)image->index);
    write_i64(&h.row, (int64_t)image->term);
    h.sum += XXH64(h.row.base, h.row.size, 0);
    writer_close(&h.row);
    return h.sum;
}

/* ---- Snapshot. ---- */

static void visit_write(void *context, uint64_t index, const struct meta_record *record)
{
    struct writer *out = context;
    size_t at = out->size;
    write_i32(out, 0);
    meta_item_encode(index, record, out);
    if (!writer_ok(out)) return;

    size_t size = out->size - at - sizeof(int32_t);
    CHECK(size <= ITEM_MAX_BYTES);
    writer_patch_i32(out, at, (int32_t)size);
}

void meta_snapshot_write(const struct meta_image *image, struct writer *out)
{
    size_t start = out->size;
    write_i32(out, SNAPSHOT_MAGIC);
    write_i32(out, SNAPSHOT_VERSION);
    write_i64(out, (int64_t)image->index);
    write_i64(out, (int64_t)image->term);
    meta_visit(image, visit_write, out);
    if (!writer_ok(out)) return;

    CHECK(out->size - start >= SNAPSHOT_HEADER_SIZE);
    write_i32(out, (int32_t)crc32c(out->base + start, out->size - start));
}

int meta_adopt(struct meta_image *image, uint64_t index, const struct meta_record *record,
               const char **why)
{
    *why = meta_record_fault(record);
    if (*why == NULL) *why = meta_misfit(image, record);
    if (*why != NULL) return -ERR_INVALID;
    meta_fold(image, index, record);
    return 0;
}

static int read_items(struct reader *in, struct arena *arena, struct meta_image *image)
{
    while (reader_left(in) > 0) {
        struct slice item = read_slice(in, read_u32(in));
        if (!reader_ok(in) || item.size > ITEM_MAX_BYTES) return -ERR_CORRUPT;

        uint64_t index = 0;
        struct meta_record record;
        arena->used = 0;
        int rc = meta_item_decode(item, arena, &index, &record);
        if (rc == -ERR_UNSUPPORTED) return rc;
        if (rc < 0 || meta_misfit(image, &record) != NULL) return -ERR_CORRUPT;

        /* A snapshot has each thing once: what comes twice would have had a history. */
        bool is_repeated =
            (record.kind == META_BROKER && meta_broker_find(image, record.broker.id) != NULL) ||
            (record.kind == META_PARTITION &&
             meta_partition_find(image, record.partition.topic_id, record.partition.partition));
        if (is_repeated) return -ERR_CORRUPT;
        meta_fold(image, index, &record);
    }
    return 0;
}

int meta_snapshot_read(struct slice in, struct meta_image *image)
{
    CHECK(image->index == 0);
    CHECK(image->brokers == NULL);
    CHECK(image->topics_by_id == NULL);

    if (in.size < SNAPSHOT_HEADER_SIZE + SNAPSHOT_CRC_SIZE) return -ERR_CORRUPT;
    size_t size = in.size - SNAPSHOT_CRC_SIZE;
    struct reader tail = reader_of(slice_of(in.at + size, SNAPSHOT_CRC_SIZE));
    if (read_u32(&tail) != crc32c(in.at, size)) return -ERR_CORRUPT;

    struct reader r = reader_of(slice_of(in.at, size));
    if (read_i32(&r) != SNAPSHOT_MAGIC) return -ERR_CORRUPT;
    if (read_i32(&r) != SNAPSHOT_VERSION) return -ERR_UNSUPPORTED;
    uint64_t index = read_u64(&r);
    uint64_t term = read_u64(&r);

    struct arena arena = {.size = ITEM_ARENA_SIZE};
    arena.base = malloc(arena.size);
    CHECK(arena.base != NULL);

    int rc = read_items(&r, &arena, image);
    free(arena.base);
    image->index = index;
    image->term = term;
    if (rc == 0 && meta_image_fault(image) != NULL) rc = -ERR_CORRUPT;
    if (rc < 0) meta_image_close(image);
    return rc;
}

#include "cli/import/fold.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"

#define PENDING_MAX ((size_t)256 * 1024 * 1024)
/* What the arrays of a record may take in memory, of its bytes: an end point has seven at least. */
#define ARENA_BYTES(size) ((size_t)(size)*32 + 4096)
#define TOPIC_CONFIG 2

static int refuse(struct kafka_metadata *m, int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(struct kafka_metadata *m, int rc, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(m->why, sizeof m->why, format, args);
    va_end(args);
    return rc;
}

static void *take(size_t size)
{
    void *at = calloc(1, size);
    CHECK(at != NULL);
    return at;
}

static char *text_of(struct slice s)
{
    char *text = take(s.size + 1);
    if (s.size > 0) memcpy(text, s.at, s.size);
    return text;
}

/* ---- Looking up ---- */

struct kafka_topic *kafka_topic_by_id(const struct kafka_metadata *m, struct uuid id)
{
    struct kafka_topic *t = NULL;
    HASH_FIND(by_id, m->by_id, &id, sizeof id, t);
    return t;
}

struct kafka_topic *kafka_topic_by_name(const struct kafka_metadata *m, const char *name)
{
    struct kafka_topic *t = NULL;
    HASH_FIND(by_name, m->by_name, name, strlen(name), t);
    return t;
}

struct kafka_partition *kafka_partition_find(const struct kafka_topic *t, int32_t number)
{
    struct kafka_partition *p = NULL;
    HASH_FIND(hh, t->partitions, &number, sizeof number, p);
    return p;
}

struct kafka_broker *kafka_broker_find(const struct kafka_metadata *m, int32_t id)
{
    struct kafka_broker *b = NULL;
    HASH_FIND(hh, m->brokers, &id, sizeof id, b);
    return b;
}

static struct kafka_config *config_new(int8_t type, struct slice name, struct slice key)
{
    size_t size = 1 + name.size + 1 + key.size + 1;
    struct kafka_config *c = take(sizeof *c + size);
    c->type = type;
    c->id_size = size;
    c->id[0] = (char)type;
    if (name.size > 0) memcpy(c->id + 1, name.at, name.size);
    if (key.size > 0) memcpy(c->id + 2 + name.size, key.at, key.size);
    return c;
}

static struct kafka_config *config_same(const struct kafka_metadata *m,
                                        const struct kafka_config *as)
{
    struct kafka_config *c = NULL;
    HASH_FIND(hh, m->configs, as->id, as->id_size, c);
    return c;
}

const char *kafka_config_find(const struct kafka_metadata *m, int8_t type, const char *name,
                              const char *key)
{
    struct kafka_config *as = config_new(type, slice_of_text(name), slice_of_text(key));
    const struct kafka_config *c = config_same(m, as);
    free(as);
    return c == NULL ? NULL : c->value;
}

/* ---- Letting go ---- */

static void config_drop(struct kafka_metadata *m, struct kafka_config *c)
{
    HASH_DEL(m->configs, c);
    free(c->name);
    free(c->key);
    free(c->value);
    free(c);
}

static void topic_drop(struct kafka_metadata *m, struct kafka_topic *t)
{
    HASH_DELETE(by_id, m->by_id, t);
    HASH_DELETE(by_name, m->by_name, t);
    struct kafka_partition *p, *next;
    HASH_ITER(hh, t->partitions, p, next)
    {
        HASH_DEL(t->partitions, p);
        free(p);
    }
    free(t);
}

void kafka_metadata_close(struct kafka_metadata *m)
{
    struct kafka_topic *t, *next_topic;
    HASH_ITER(by_id, m->by_id, t, next_topic) topic_drop(m, t);
    struct kafka_config *c, *next_config;
    HASH_ITER(hh, m->configs, c, next_config) config_drop(m, c);
    struct kafka_broker *b, *next_broker;
    HASH_ITER(hh, m->brokers, b, next_broker)
    {
        HASH_DEL(m->brokers, b);
        free(b);
    }
    writer_close(&m->pending);
    *m = (struct kafka_metadata){0};
}

/* ---- Brokers ---- */

static void note_dirs(struct kafka_broker *b, const struct array *dirs)
{
    if (dirs->count <= 0) return;
    const struct uuid *ids = dirs->items;
    b->dir_count = 0;
    for (int32_t i = 0; i < dirs->count && b->dir_count < KAFKA_DIRS_MAX; i++)
        b->dirs[b->dir_count++] = ids[i];
}

static int fold_register(struct kafka_metadata *m, const struct kraft_register_broker *r)
{
    if (r->broker_id < 0)
        return refuse(m, -ERR_INVALID, "a broker registers with the id %d", r->broker_id);
    struct kafka_broker *b = kafka_broker_find(m, r->broker_id);
    if (b == NULL) {
        b = take(sizeof *b);
        b->id = r->broker_id;
        HASH_ADD(hh, m->brokers, id, sizeof b->id, b);
    }
    b->dir_count = 0;
    note_dirs(b, &r->log_dirs);
    return 0;
}

static int fold_unregister(struct kafka_metadata *m, const struct kraft_unregister_broker *r)
{
    struct kafka_broker *b = kafka_broker_find(m, r->broker_id);
    if (b == NULL)
        return refuse(m, -ERR_INVALID, "broker %d leaves that was not there", r->broker_id);
    HASH_DEL(m->brokers, b);
    free(b);
    return 0;
}

static int fold_broker_change(struct kafka_metadata *m, const struct kraft_broker_change *r)
{
    struct kafka_broker *b = kafka_broker_find(m, r->broker_id);
    if (b == NULL)
        return refuse(m, -ERR_INVALID, "broker %d changes that was not there", r->broker_id);
    note_dirs(b, &r->log_dirs);
    return 0;
}

/* ---- Topics ---- */

static bool is_name(struct slice s)
{
    if (s.size == 0 || s.size > META_NAME_MAX) return false;
    for (size_t i = 0; i < s.size; i++) {
        bool is_mark = s.at[i] == '.' || s.at[i] == '_' || s.at[i] == '-';
        if (!is_mark && !(isascii(s.at[i]) && isalnum(s.at[i]))) return false;
    }
    return !slice_equal(s, slice_of_text(".")) && !slice_equal(s, slice_of_text(".."));
}

static int fold_topic(struct kafka_metadata *m, const struct kraft_topic *r)
{
    if (!is_name(r->name) || uuid_is_zero(r->id))
        return refuse(m, -ERR_INVALID, "a topic without a name or an id that can be one");
    struct kafka_topic *t = take(sizeof *t);
    memcpy(t->name, r->name.at, r->name.size);
    t->id = r->id;
    if (kafka_topic_by_id(m, t->id) != NULL || kafka_topic_by_name(m, t->name) != NULL) {
        int rc = refuse(m, -ERR_INVALID, "topic %s comes twice", t->name);
        free(t);
        return rc;
    }
    HASH_ADD(by_id, m->by_id, id, sizeof t->id, t);
    HASH_ADD_KEYPTR(by_name, m->by_name, t->name, strlen(t->name), t);
    return 0;
}

static int fold_remove_topic(struct kafka_metadata *m, const struct kraft_remove_topic *r)
{
    struct kafka_topic *t = kafka_topic_by_id(m, r->id);
    if (t == NULL) return refuse(m, -ERR_INVALID, "a topic is removed that was not there");
    struct kafka_config *c, *next;
    HASH_ITER(hh, m->configs, c, next)
    {
        if (c->type == TOPIC_CONFIG && strcmp(c->name, t->name) == 0) config_drop(m, c);
    }
    topic_drop(m, t);
    return 0;
}

/* A null array leaves the set as it is. */
static int take_set(struct kafka_metadata *m, const struct kafka_topic *t, int32_t number,
                    const struct array *from, struct id_set *to)
{
    if (from->count < 0) return 0;
    const int32_t *ids = from->items;
    struct id_set set = {0};
    for (int32_t i = 0; i < from->count; i++) {
        if (ids[i] >= 0 && id_set_add(&set, ids[i])) continue;
        return refuse(m, -ERR_INVALID,
                      "%s-%d has %d replicas, or one twice: %d are the most that are taken",
                      t->name, number, from->count, META_REPLICAS_MAX);
    }
    *to = set;
    return 0;
}

static int fold_partition(struct kafka_metadata *m, const struct kraft_partition *r)
{
    struct kafka_topic *t = kafka_topic_by_id(m, r->topic_id);
    if (t == NULL || r->partition < 0)
        return refuse(m, -ERR_INVALID, "partition %d of a topic that is not there", r->partition);
    struct kafka_partition next = {.number = r->partition,
                                   .leader = r->leader,
                                   .leader_epoch = r->leader_epoch,
                                   .partition_epoch = r->partition_epoch};
    int rc = take_set(m, t, r->partition, &r->replicas, &next.replicas);
    if (rc == 0) rc = take_set(m, t, r->partition, &r->isr, &next.isr);
    if (rc == 0) rc = take_set(m, t, r->partition, &r->elr, &next.elr);
    if (rc == 0) rc = take_set(m, t, r->partition, &r->last_known_elr, &next.last_known_elr);
    if (rc == 0) rc = take_set(m, t, r->partition, &r->adding, &next.adding);
    if (rc == 0) rc = take_set(m, t, r->partition, &r->removing, &next.removing);
    if (rc != 0) return rc;
    if (next.replicas.count == 0 || next.leader_epoch < 0 || next.partition_epoch < 0)
        return refuse(m, -ERR_INVALID, "%s-%d has no replicas, or an epoch below 0", t->name,
                      r->partition);
    struct kafka_partition *p = kafka_partition_find(t, r->partition);
    if (p == NULL) {
        p = take(sizeof *p);
        p->number = r->partition;
        HASH_ADD(hh, t->partitions, number, sizeof p->number, p);
    }
    next.hh = p->hh;
    *p = next;
    return 0;
}

static int fold_partition_change(struct kafka_metadata *m, const struct kraft_partition_change *r)
{
    struct kafka_topic *t = kafka_topic_by_id(m, r->topic_id);
    struct kafka_partition *p = t == NULL ? NULL : kafka_partition_find(t, r->partition);
    if (p == NULL)
        return refuse(m, -ERR_INVALID, "partition %d changes that is not there", r->partition);
    int rc = take_set(m, t, r->partition, &r->isr, &p->isr);
    if (rc == 0) rc = take_set(m, t, r->partition, &r->replicas, &p->replicas);
    if (rc == 0) rc = take_set(m, t, r->partition, &r->removing, &p->removing);
    if (rc == 0) rc = take_set(m, t, r->partition, &r->adding, &p->adding);
    if (rc == 0) rc = take_set(m, t, r->partition, &r->elr, &p->elr);
    if (rc == 0) rc = take_set(m, t, r->partition, &r->last_known_elr, &p->last_known_elr);
    if (rc != 0) return rc;
    bool is_last = p->leader_epoch == INT32_MAX || p->partition_epoch == INT32_MAX;
    if (p->replicas.count == 0 || is_last)
        return refuse(m, -ERR_INVALID, "%s-%d loses all replicas, or its epochs end", t->name,
                      r->partition);
    /* As in Kafka: an election is a new epoch, also where the same one is elected. */
    if (r->leader != KRAFT_LEADER_AS_BEFORE) {
        p->leader = r->leader;
        p->leader_epoch++;
    }
    p->partition_epoch++;
    return 0;
}

static int fold_clear_elr(struct kafka_metadata *m, const struct kraft_clear_elr *r)
{
    for (struct kafka_topic *t = m->by_id; t != NULL; t = t->by_id.next) {
        bool is_meant = r->topic.size == 0 || slice_equal(r->topic, slice_of_text(t->name));
        if (!is_meant) continue;
        struct kafka_partition *p;
        for (p = t->partitions; p != NULL; p = p->hh.next)
            p->elr = p->last_known_elr = (struct id_set){0};
    }
    return 0;
}

/* ---- Settings ---- */

static int fold_config(struct kafka_metadata *m, const struct kraft_config *r)
{
    bool has_zero = (r->name.size > 0 && memchr(r->name.at, 0, r->name.size) != NULL) ||
                    (r->key.size > 0 && memchr(r->key.at, 0, r->key.size) != NULL);
    if (has_zero || r->key.size == 0)
        return refuse(m, -ERR_INVALID, "a setting without a key, or with a zero in its name");
    struct kafka_config *fresh = config_new(r->type, r->name, r->key);
    struct kafka_config *old = config_same(m, fresh);
    if (old != NULL) config_drop(m, old);
    if (r->value.at == NULL) {
        free(fresh);
        return 0;
    }
    fresh->name = text_of(r->name);
    fresh->key = text_of(r->key);
    fresh->value = text_of(r->value);
    HASH_ADD_KEYPTR(hh, m->configs, fresh->id, fresh->id_size, fresh);
    return 0;
}

static int fold_feature(struct kafka_metadata *m, const struct kraft_feature *r)
{
    if (!slice_equal(r->name, slice_of_text("metadata.version"))) return 0;
    m->metadata_version = r->level;
    if (r->level <= KAFKA_METADATA_VERSION_MAX && r->level >= KAFKA_METADATA_VERSION_MIN) return 0;
    return refuse(m, -ERR_UNSUPPORTED,
                  "its metadata.version is %d, and %d (3.3-IV3) to %d (4.3-IV0) can be imported",
                  r->level, KAFKA_METADATA_VERSION_MIN, KAFKA_METADATA_VERSION_MAX);
}

static int fold_producer_ids(struct kafka_metadata *m, const struct kraft_producer_ids *r)
{
    if (r->next > m->next_producer_id) m->next_producer_id = r->next;
    return 0;
}

static void count_left_out(struct kafka_metadata *m, uint32_t kind)
{
    static const uint32_t pairs[][2] = {{KRAFT_REMOVE_ACL, KRAFT_ACL},
                                        {KRAFT_REMOVE_SCRAM, KRAFT_SCRAM},
                                        {KRAFT_REMOVE_TOKEN, KRAFT_DELEGATION_TOKEN}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (kind != pairs[i][0]) continue;
        m->left_out[pairs[i][1]]--;
        return;
    }
    m->left_out[kind]++;
}

/* ---- All of them ---- */

static int apply(struct kafka_metadata *m, const struct kraft_record *r)
{
    switch (r->kind) {
    case KRAFT_REGISTER_BROKER: return fold_register(m, &r->register_broker);
    case KRAFT_UNREGISTER_BROKER: return fold_unregister(m, &r->unregister_broker);
    case KRAFT_BROKER_CHANGE: return fold_broker_change(m, &r->broker_change);
    case KRAFT_TOPIC: return fold_topic(m, &r->topic);
    case KRAFT_REMOVE_TOPIC: return fold_remove_topic(m, &r->remove_topic);
    case KRAFT_PARTITION: return fold_partition(m, &r->partition);
    case KRAFT_PARTITION_CHANGE: return fold_partition_change(m, &r->partition_change);
    case KRAFT_CONFIG: return fold_config(m, &r->config);
    case KRAFT_FEATURE: return fold_feature(m, &r->feature);
    case KRAFT_PRODUCER_IDS: return fold_producer_ids(m, &r->producer_ids);
    case KRAFT_CLEAR_ELR: return fold_clear_elr(m, &r->clear_elr);
    default: count_left_out(m, r->kind); return 0;
    }
}

static int say_what(struct kafka_metadata *m, int rc, const struct kraft_record *r)
{
    const char *name = kraft_kind_name(r->kind);
    if (rc != -ERR_UNSUPPORTED) return refuse(m, rc, "a metadata record that does not parse");
    if (name != NULL)
        return refuse(m, rc, "%s records of version %u: newer than Kafka 4.3", name, r->version);
    return refuse(m, rc, "a metadata record of kind %u, version %u: newer than Kafka 4.3", r->kind,
                  r->version);
}

/* `in` is false for records that were kept until the end of their transaction. */
static int fold_one(struct kafka_metadata *m, struct slice value, bool in)
{
    struct arena arena = {.size = ARENA_BYTES(value.size)};
    arena.base = take(arena.size);
    struct kraft_record r;
    int rc = kraft_record_decode(value, &arena, &r);
    if (rc != 0) {
        rc = say_what(m, rc, &r);
    } else if (in && m->is_in_transaction && r.kind != KRAFT_END && r.kind != KRAFT_ABORT) {
        write_i32(&m->pending, (int32_t)value.size);
        write_slice(&m->pending, value);
        if (!writer_ok(&m->pending)) rc = refuse(m, -ERR_INVALID, "a transaction without end");
    } else if (r.kind != KRAFT_BEGIN && r.kind != KRAFT_END && r.kind != KRAFT_ABORT) {
        m->records++;
        rc = apply(m, &r);
    }
    free(arena.base);
    if (rc != 0) return rc;
    if (r.kind == KRAFT_BEGIN && m->is_in_transaction)
        return refuse(m, -ERR_INVALID, "a transaction begins within another");
    if (r.kind == KRAFT_BEGIN) {
        writer_close(&m->pending);
        m->pending = writer_with(PENDING_MAX);
        m->is_in_transaction = true;
    }
    if (r.kind == KRAFT_ABORT) m->is_in_transaction = false;
    return r.kind == KRAFT_END && m->is_in_transaction ? 1 : 0;
}

int kafka_fold(struct kafka_metadata *m, struct slice value)
{
    int rc = fold_one(m, value, true);
    if (rc != 1) return rc;

    m->is_in_transaction = false;
    struct reader in = reader_of(writer_slice(&m->pending));
    rc = 0;
    while (rc == 0 && reader_left(&in) > 0) {
        struct slice one = read_slice(&in, read_u32(&in));
        CHECK(reader_ok(&in));
        rc = fold_one(m, one, false);
        CHECK(rc != 1);
    }
    return rc;
}

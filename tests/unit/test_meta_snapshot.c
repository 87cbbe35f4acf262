/* Random legal decisions, and what must hold of the image that they make. */
#include <criterion/criterion.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crc32c.h"
#include "common/prng.h"
#include "proto/meta.h"

#define RECORDS_MAX 512

/* One decision in the making. The text that its records point to lives here too. */
struct draft {
    struct meta_record records[RECORDS_MAX];
    uint32_t count;
    char text[RECORDS_MAX][64];
};

static struct meta_record *add(struct draft *d, enum meta_kind kind)
{
    cr_assert_lt(d->count, RECORDS_MAX);
    struct meta_record *r = &d->records[d->count++];
    *r = (struct meta_record){.kind = kind};
    return r;
}

static struct slice print(struct draft *d, const char *format, unsigned long long n)
{
    char *to = d->text[d->count - 1];
    snprintf(to, 64, format, n);
    return slice_of_text(to);
}

static struct uuid random_id(struct prng *p)
{
    struct uuid id;
    for (size_t i = 0; i < sizeof id.bytes; i++) id.bytes[i] = (uint8_t)prng_range(p, 1, 255);
    return id;
}

static struct meta_record *change(struct draft *d, const struct meta_topic *t, uint32_t number)
{
    const struct meta_partition *old = &t->partitions[number];
    struct meta_record *r = add(d, META_PARTITION);
    r->partition.topic_id = t->id;
    r->partition.partition = (int32_t)number;
    r->partition.leader = old->leader;
    r->partition.leader_epoch = old->leader_epoch;
    r->partition.partition_epoch = old->partition_epoch + 1;
    r->partition.replicas = old->replicas;
    r->partition.isr = old->isr;
    r->partition.elr = old->elr;
    r->partition.last_known_elr = old->last_known_elr;
    return r;
}

/* Takes a broker out of every ISR, as the death of a broker does. */
static void draft_leave(struct draft *d, const struct meta_image *image, int32_t id)
{
    for (const struct meta_topic *t = image->topics_by_id; t != NULL; t = t->by_id.next) {
        for (uint32_t i = 0; i < t->partition_count; i++) {
            if (!id_set_has(&t->partitions[i].isr, id)) continue;
            struct meta_record *r = change(d, t, i);
            id_set_remove(&r->partition.isr, id);
            id_set_add(&r->partition.elr, id);
            if (r->partition.leader != id) continue;
            r->partition.leader =
                r->partition.isr.count > 0 ? r->partition.isr.ids[0] : META_NOBODY;
            r->partition.leader_epoch++;
        }
    }
}

static void draft_register(struct draft *d, const struct meta_image *image, struct prng *p)
{
    int32_t id = (int32_t)prng_range(p, 0, 6);
    if (meta_broker_find(image, id) != NULL) draft_leave(d, image, id);
    struct meta_record *r = add(d, META_BROKER);
    r->broker.id = id;
    r->broker.epoch = (int64_t)image->index + 1;
    r->broker.incarnation = random_id(p);
    r->broker.secret = random_id(p);
    r->broker.shard_count = (uint32_t)prng_range(p, 1, 8);
    if (prng_chance(p, 1, 2)) r->broker.rack = print(d, "rack-%llu", prng_range(p, 0, 3));
    r->broker.listener_count = 1;
    r->broker.listeners[0] = (struct meta_listener){.name = slice_of_text("INTERNAL"),
                                                    .host = slice_of_text("localhost"),
                                                    .port = (uint16_t)prng_range(p, 1, 65535),
                                                    .protocol = slice_of_text("PLAINTEXT")};
    r->broker.replication_listener = slice_of_text("INTERNAL");
    r->broker.version = slice_of_text("0.1.0");
}

static void draft_state(struct draft *d, const struct meta_image *image, struct prng *p)
{
    const struct meta_broker *b = meta_broker_find(image, (int32_t)prng_range(p, 0, 6));
    if (b == NULL) return;
    bool fenced = prng_chance(p, 1, 3);
    if (fenced) draft_leave(d, image, b->id);
    struct meta_record *r = add(d, META_BROKER_STATE);
    r->broker_state.id = b->id;
    r->broker_state.epoch = b->epoch;
    r->broker_state.fenced = fenced;
    r->broker_state.stopping = prng_chance(p, 1, 8);
    if (fenced && prng_chance(p, 1, 4)) add(d, META_BROKER_REMOVED)->broker_removed.id = b->id;
}

static void draft_config(struct draft *d, const struct meta_image *image, struct prng *p)
{
    struct meta_record *r = add(d, META_CONFIG);
    r->config.type = 4;
    r->config.name = slice_of_text("");
    if (image->topics_by_name != NULL && prng_chance(p, 1, 2)) {
        r->config.type = 2;
        r->config.name = slice_of_text(image->topics_by_name->name);
    }
    r->config.key = prng_chance(p, 1, 2) ? slice_of_text("a") : slice_of_text("b");
    if (prng_chance(p, 2, 3)) r->config.value = print(d, "%llu", prng_range(p, 0, 9));
}

static void draft_topic(struct draft *d, const struct meta_image *image, struct prng *p)
{
    struct uuid id = random_id(p);
    struct meta_record *r = add(d, META_TOPIC);
    r->topic.id = id;
    r->topic.name = print(d, "topic-%llu", prng_range(p, 0, 20));
    if (meta_topic_by_name(image, r->topic.name) != NULL) {
        d->count--;
        return;
    }
    struct id_set all = {0}, alive = {0};
    for (const struct meta_broker *b = image->brokers; b != NULL; b = b->hh.next) {
        id_set_add(&all, b->id);
        if (!b->fenced && !b->stopping) id_set_add(&alive, b->id);
    }
    uint32_t partition_count = all.count == 0 ? 0 : (uint32_t)prng_range(p, 0, 9);
    for (uint32_t i = 0; i < partition_count; i++) {
        r = add(d, META_PARTITION);
        r->partition.topic_id = id;
        r->partition.partition = (int32_t)i;
        r->partition.replicas = all;
        r->partition.isr = alive;
        r->partition.leader = alive.count == 0 ? META_NOBODY : alive.ids[i % alive.count];
    }
}

static void draft_partition(struct draft *d, const struct meta_image *image, struct prng *p)
{
    const struct meta_topic *t = image->topics_by_id;
    for (uint64_t skip = prng_range(p, 0, 5); t != NULL && skip > 0; skip--) t = t->by_id.next;
    if (t == NULL || t->partition_count == 0) return;
    struct meta_record *r = change(d, t, (uint32_t)prng_range(p, 0, t->partition_count - 1));
    const struct id_set *replicas = &r->partition.replicas;
    int32_t id = replicas->ids[prng_range(p, 0, replicas->count - 1)];
    const struct meta_broker *b = meta_broker_find(image, id);
    if (id_set_has(&r->partition.isr, id)) {
        r->partition.leader_epoch += r->partition.leader != id;
        r->partition.leader = id;
    } else if (b != NULL && !b->fenced && !b->stopping) {
        id_set_remove(&r->partition.elr, id);
        id_set_add(&r->partition.isr, id);
    } else {
        r->partition.last_known_elr = (struct id_set){0};
        id_set_add(&r->partition.last_known_elr, id);
    }
}

static void draft_other(struct draft *d, const struct meta_image *image, struct prng *p)
{
    struct meta_record *r;
    switch (prng_range(p, 0, 4)) {
    case 0: add(d, META_NOOP); break;
    case 1:
        if (image->cluster_id[0] != 0) break;
        r = add(d, META_CLUSTER);
        r->cluster.cluster_id = slice_of_text("abcdefghijklmnopqrst-_");
        break;
    case 2:
        r = add(d, META_FEATURE);
        r->feature.name = print(d, "feature-%llu", prng_range(p, 0, 3));
        r->feature.level = (int32_t)prng_range(p, 0, 5);
        break;
    case 3:
        r = add(d, META_PRODUCER_IDS);
        r->producer_ids.next = image->next_producer_id + 1000;
        break;
    default:
        r = add(d, META_VOTERS);
        r->voters.count = (uint32_t)prng_range(p, 1, META_VOTERS_MAX);
        for (uint32_t i = 0; i < r->voters.count; i++) {
            r->voters.voters[i] = (struct meta_voter){.id = i + 1,
                                                      .disk = random_id(p),
                                                      .host = slice_of_text("c"),
                                                      .port = 9093,
                                                      .is_learner = i > 0};
        }
    }
}

/* For good, at first for a while, for good after that, or undone. */
static void draft_deletion(struct draft *d, const struct meta_image *image, struct prng *p)
{
    const struct meta_topic *t = image->topics_by_name;
    const struct meta_retired *x = image->retired;
    switch (prng_range(p, 0, 4)) {
    case 0:
        if (t != NULL) add(d, META_TOPIC_DELETED)->topic_deleted.id = t->id;
        break;
    case 1:
        if (x != NULL) add(d, META_TOPIC_DELETED)->topic_deleted.id = x->id;
        break;
    case 2:
        if (x == NULL || meta_topic_by_name(image, slice_of_text(x->topic->name)) != NULL) break;
        add(d, META_TOPIC_RESTORED)->topic_restored.id = x->id;
        break;
    default:
        if (t == NULL) break;
        struct meta_record *r = add(d, META_TOPIC_RETIRED);
        r->topic_retired.id = t->id;
        r->topic_retired.wall_ms = (int64_t)prng_range(p, 1, 1000);
        r->topic_retired.due_ms = (int64_t)prng_range(p, 1000, 2000);
    }
}

static void draft_any(struct draft *d, const struct meta_image *image, struct prng *p)
{
    d->count = 0;
    switch (prng_range(p, 0, 12)) {
    case 0: draft_register(d, image, p); break;
    case 1:
    case 2:
    case 3: draft_state(d, image, p); break;
    case 4: draft_config(d, image, p); break;
    case 5: draft_topic(d, image, p); break;
    case 6: draft_other(d, image, p); break;
    case 7: draft_deletion(d, image, p); break;
    default: draft_partition(d, image, p);
    }
}

/* Applies the decision as a broker does: from its bytes. */
static void apply(struct meta_image *image, struct draft *d)
{
    struct meta_batch batch = {.level = META_LEVEL, .count = d->count, .records = d->records};
    struct writer w = writer_with(1 << 20);
    meta_batch_encode(&batch, &w);
    struct arena arena = {.size = META_DECODE_BYTES(w.size)};
    arena.base = malloc(arena.size);
    struct meta_batch decoded;
    cr_assert_eq(meta_batch_decode(writer_slice(&w), &arena, &decoded), 0);
    writer_close(&w);
    meta_apply(image, image->index + 1, 1 + image->index / 100, &decoded);
    free(arena.base);
}

static struct writer snapshot(const struct meta_image *image)
{
    struct writer w = writer_with(1 << 24);
    meta_snapshot_write(image, &w);
    cr_assert(writer_ok(&w));
    return w;
}

static void is_same_topic(const struct meta_topic *t, const struct meta_topic *u)
{
    cr_assert(uuid_equal(t->id, u->id));
    cr_assert_str_eq(t->name, u->name);
    cr_assert_eq(t->created_index, u->created_index);
    cr_assert_eq(t->partition_count, u->partition_count);
    for (uint32_t i = 0; i < t->partition_count; i++) {
        const struct meta_partition *p = &t->partitions[i], *q = &u->partitions[i];
        /* Without the padding in front of the index. */
        size_t size = offsetof(struct meta_partition, offline) + sizeof p->offline;
        cr_assert_arr_eq(p, q, size);
        cr_assert_eq(p->changed_index, q->changed_index);
    }
}

/* Field by field, in order: the code under test has one list of all things, and what that list has
 * forgotten only somebody else can see. */
static void is_same_by_field(const struct meta_image *a, const struct meta_image *b)
{
    cr_assert_eq(a->index, b->index);
    cr_assert_eq(a->term, b->term);
    cr_assert_str_eq(a->cluster_id, b->cluster_id);
    cr_assert_eq(a->next_producer_id, b->next_producer_id);
    cr_assert_eq(a->voter_count, b->voter_count);
    cr_assert_arr_eq(a->voters, b->voters, sizeof a->voters);
    cr_assert_eq(a->topic_count, b->topic_count);
    cr_assert_eq(a->partition_count, b->partition_count);

    const struct meta_broker *x = a->brokers, *y = b->brokers;
    for (; x != NULL && y != NULL; x = x->hh.next, y = y->hh.next)
        cr_assert_arr_eq(x, y, offsetof(struct meta_broker, hh));
    cr_assert(x == NULL && y == NULL);

    const struct meta_feature *f = a->features, *g = b->features;
    for (; f != NULL && g != NULL; f = f->hh.next, g = g->hh.next)
        cr_assert_arr_eq(f, g, offsetof(struct meta_feature, hh));
    cr_assert(f == NULL && g == NULL);

    const struct meta_topic *t = a->topics_by_id, *u = b->topics_by_id;
    for (; t != NULL && u != NULL; t = t->by_id.next, u = u->by_id.next) is_same_topic(t, u);
    cr_assert(t == NULL && u == NULL);

    const struct meta_config *c = a->configs, *d = b->configs;
    for (; c != NULL && d != NULL; c = c->hh.next, d = d->hh.next) {
        cr_assert_str_eq(c->id, d->id);
        cr_assert_str_eq(c->value, d->value);
    }
    cr_assert(c == NULL && d == NULL);
}

static void is_same_retired(const struct meta_image *a, const struct meta_image *b)
{
    const struct meta_retired *x = a->retired, *y = b->retired;
    for (; x != NULL && y != NULL; x = x->hh.next, y = y->hh.next) {
        is_same_topic(x->topic, y->topic);
        cr_assert_eq(x->index, y->index);
        cr_assert_eq(x->wall_ms, y->wall_ms);
        cr_assert_eq(x->due_ms, y->due_ms);
        const struct meta_config *c = x->configs, *d = y->configs;
        for (; c != NULL && d != NULL; c = c->hh.next, d = d->hh.next) {
            cr_assert_str_eq(c->id, d->id);
            cr_assert_str_eq(c->value, d->value);
        }
        cr_assert(c == NULL && d == NULL);
    }
    cr_assert(x == NULL && y == NULL);
}

static void is_same(const struct meta_image *a, const struct meta_image *b)
{
    is_same_by_field(a, b);
    is_same_retired(a, b);
    struct writer x = snapshot(a), y = snapshot(b);
    cr_assert(slice_equal(writer_slice(&x), writer_slice(&y)));
    cr_assert_eq(meta_image_hash(a), meta_image_hash(b));
    writer_close(&x);
    writer_close(&y);
}

static struct meta_image random_image(uint64_t seed, int count)
{
    struct meta_image image = {0};
    struct draft *d = malloc(sizeof *d);
    struct prng p = prng_from_seed(seed);
    for (int i = 0; i < count; i++) {
        draft_any(d, &image, &p);
        apply(&image, d);
    }
    free(d);
    return image;
}

Test(meta_snapshot, random_decisions_survive_a_snapshot_a_copy_and_the_wire)
{
    struct draft *d = malloc(sizeof *d);
    uint32_t partitions_seen = 0, deletes_seen = 0, restores_seen = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct prng p = prng_from_seed(seed);
        struct meta_image image = {0}, twin = {0};
        for (int i = 0; i < 300; i++) {
            draft_any(d, &image, &p);
            if (d->count > 0 && d->records[0].kind == META_TOPIC_DELETED) deletes_seen++;
            if (d->count > 0 && d->records[0].kind == META_TOPIC_RESTORED) restores_seen++;
            uint64_t before = meta_image_hash(&image);
            apply(&image, d);
            apply(&twin, d);
            cr_assert_neq(meta_image_hash(&image), before);
            if (i % 10 != 0) continue;

            meta_image_check(&image);
            is_same(&image, &twin);
            partitions_seen += image.partition_count;

            /* From here on the twin is one that came from a snapshot or from a copy. */
            struct writer w = snapshot(&image);
            meta_image_close(&twin);
            if (i % 20 == 0) {
                cr_assert_eq(meta_snapshot_read(writer_slice(&w), &twin), 0);
            } else {
                meta_image_copy(&twin, &image);
            }
            writer_close(&w);
            meta_image_check(&twin);
            is_same(&image, &twin);
        }
        meta_image_close(&image);
        meta_image_close(&twin);
    }
    cr_assert_gt(partitions_seen, 1000);
    cr_assert_gt(deletes_seen, 10);
    cr_assert_gt(restores_seen, 5);
    free(d);
}

static struct meta_image two_topics(const char *first, const char *second, uint8_t level)
{
    struct meta_image image = {0};
    struct meta_record records[3] = {{.kind = META_TOPIC}, {.kind = META_TOPIC}};
    const char *names[] = {first, second};
    for (int i = 0; i < 2; i++) {
        records[i].topic.id.bytes[0] = (uint8_t)names[i][0];
        records[i].topic.name = slice_of_text(names[i]);
    }
    records[2] = (struct meta_record){.kind = META_FEATURE};
    records[2].feature.name = slice_of_text("f");
    records[2].feature.level = level;
    struct meta_batch batch = {.level = META_LEVEL, .count = 3, .records = records};
    meta_apply(&image, 1, 1, &batch);
    return image;
}

Test(meta_snapshot, hash_does_not_see_the_order_but_every_value)
{
    struct meta_image a = two_topics("a", "b", 1);
    struct meta_image b = two_topics("b", "a", 1);
    struct meta_image c = two_topics("b", "c", 1);
    struct meta_image d = two_topics("a", "b", 2);
    cr_assert_eq(meta_image_hash(&a), meta_image_hash(&b));
    cr_assert_neq(meta_image_hash(&a), meta_image_hash(&c));
    cr_assert_neq(meta_image_hash(&a), meta_image_hash(&d));
    meta_image_close(&a);
    meta_image_close(&b);
    meta_image_close(&c);
    meta_image_close(&d);
}

Test(meta_snapshot, copy_shares_nothing)
{
    struct meta_image image = random_image(3, 200);
    struct meta_image copy = {0};
    meta_image_copy(&copy, &image);
    uint64_t hash = meta_image_hash(&image);
    meta_image_close(&image);
    cr_assert_eq(meta_image_hash(&copy), hash);
    meta_image_close(&copy);
}

Test(meta_snapshot, of_nothing_reads_back)
{
    struct meta_image image = {0}, back = {0};
    struct writer w = snapshot(&image);
    cr_assert_eq(meta_snapshot_read(writer_slice(&w), &back), 0);
    is_same(&image, &back);
    writer_close(&w);
}

Test(meta_snapshot, of_the_largest_things_reads_back)
{
    static char value[META_VALUE_MAX], key[META_KEY_MAX], host[META_HOST_MAX];
    memset(value, 'v', sizeof value);
    memset(key, 'k', sizeof key);
    memset(host, 'h', sizeof host);
    struct meta_record records[3] = {{.kind = META_CONFIG}, {.kind = META_VOTERS}};
    records[0].config.type = 4;
    records[0].config.name = slice_of_text("7");
    records[0].config.key = slice_of(key, sizeof key);
    records[0].config.value = slice_of(value, sizeof value);
    records[1].voters.count = META_VOTERS_MAX;
    for (uint32_t i = 0; i < META_VOTERS_MAX; i++) {
        records[1].voters.voters[i] =
            (struct meta_voter){.id = i, .host = slice_of(host, sizeof host), .port = 1};
    }
    struct draft *d = calloc(1, sizeof *d);
    struct prng p = prng_from_seed(1);
    struct meta_image image = {0}, back = {0};
    draft_register(d, &image, &p);
    records[2] = d->records[0];
    records[2].broker.listener_count = META_LISTENERS_MAX;
    for (uint32_t i = 1; i < META_LISTENERS_MAX; i++) {
        records[2].broker.listeners[i] = records[2].broker.listeners[0];
        records[2].broker.listeners[i].name = slice_of(key, META_TEXT_MAX - i);
        records[2].broker.listeners[i].host = slice_of(host, sizeof host);
    }
    struct meta_batch batch = {.level = META_LEVEL, .count = 3, .records = records};
    meta_apply(&image, 1, 1, &batch);
    struct writer w = snapshot(&image);
    cr_assert_eq(meta_snapshot_read(writer_slice(&w), &back), 0);
    is_same(&image, &back);
    writer_close(&w);
    meta_image_close(&image);
    meta_image_close(&back);
    free(d);
}

Test(meta_snapshot, keeps_when_things_changed)
{
    struct meta_image image = random_image(5, 300), back = {0};
    struct writer w = snapshot(&image);
    cr_assert_eq(meta_snapshot_read(writer_slice(&w), &back), 0);
    cr_assert_gt(image.partition_count, 0);
    for (const struct meta_topic *t = image.topics_by_id; t != NULL; t = t->by_id.next) {
        const struct meta_topic *u = meta_topic_by_id(&back, t->id);
        cr_assert_eq(t->created_index, u->created_index);
        for (uint32_t i = 0; i < t->partition_count; i++)
            cr_assert_eq(t->partitions[i].changed_index, u->partitions[i].changed_index);
    }
    writer_close(&w);
    meta_image_close(&image);
    meta_image_close(&back);
}

Test(meta_snapshot, any_flipped_bit_or_cut_is_corrupt)
{
    struct meta_image image = random_image(3, 60), back = {0};
    struct writer w = snapshot(&image);
    for (size_t i = 0; i < w.size; i++) {
        w.base[i] ^= 0x10;
        cr_assert_eq(meta_snapshot_read(writer_slice(&w), &back), -ERR_CORRUPT);
        w.base[i] ^= 0x10;
        cr_assert_eq(meta_snapshot_read(slice_of(w.base, i), &back), -ERR_CORRUPT);
        cr_assert_null(back.topics_by_id);
        cr_assert_eq(back.index, 0);
    }
    writer_close(&w);
    meta_image_close(&image);
}

static void seal(struct writer *w)
{
    uint32_t crc = crc32c(w->base, w->size - 4);
    writer_patch_i32(w, w->size - 4, (int32_t)crc);
}

Test(meta_snapshot, of_a_later_version_is_unsupported)
{
    struct meta_image image = random_image(3, 60), back = {0};
    struct writer w = snapshot(&image);
    writer_patch_i32(&w, 4, 99);
    seal(&w);
    cr_assert_eq(meta_snapshot_read(writer_slice(&w), &back), -ERR_UNSUPPORTED);
    writer_close(&w);
    meta_image_close(&image);
}

Test(meta_snapshot, that_lies_under_a_good_checksum_is_refused_or_valid_but_never_crashes)
{
    struct meta_image image = random_image(7, 120);
    struct writer w = snapshot(&image);
    struct prng p = prng_from_seed(7);
    int refused_count = 0;
    for (int i = 0; i < 5000; i++) {
        size_t at = prng_range(&p, 24, w.size - 5);
        uint8_t was = w.base[at];
        w.base[at] = (uint8_t)prng_next(&p);
        seal(&w);
        struct meta_image back = {0};
        int rc = meta_snapshot_read(writer_slice(&w), &back);
        if (rc < 0) refused_count++;
        if (rc == 0) meta_image_check(&back);
        meta_image_close(&back);
        if (prng_chance(&p, 19, 20)) w.base[at] = was;
    }
    cr_assert_gt(refused_count, 100);
    writer_close(&w);
    meta_image_close(&image);
}

#include "controller/decide/retired.h"

#include <string.h>

#include "common/check.h"
#include "controller/decide/partitions.h"
#include "controller/decide/refusal.h"
#include "proto/kafka_errors.h"
#include "proto/topic_configs.h"
#include "proto/topic_names.h"

#define DROP_MAX 100 /* In one decision. */

void decide_retire(const struct meta_image *image, const struct meta_topic *topic, int64_t wall_ms,
                   struct decision *d)
{
    int64_t delay_ms = topic_config_number(image, topic->name, "file.delete.delay.ms");
    bool is_known = meta_feature_level(image, "metadata.version") >= META_LEVEL_RETIRED;
    if (delay_ms <= 0 || !is_known) {
        decision_add(d, META_TOPIC_DELETED)->topic_deleted.id = topic->id;
        return;
    }
    struct meta_record *r = decision_add(d, META_TOPIC_RETIRED);
    r->topic_retired.id = topic->id;
    r->topic_retired.wall_ms = wall_ms;
    r->topic_retired.due_ms = delay_ms > INT64_MAX - wall_ms ? INT64_MAX : wall_ms + delay_ms;
}

/* ---- Coming back. ---- */

/* Is it the process that it was when the topic went? */
static bool has_lived_on(const struct meta_image *image, const struct meta_retired *x, int32_t id)
{
    const struct meta_broker *b = meta_broker_find(image, id);
    return b != NULL && b->epoch <= (int64_t)x->index;
}

/* Replicas that have left the cluster since are not asked for. */
static void keep_registered(const struct meta_image *image, struct id_set *set)
{
    struct id_set all = *set;
    for (uint32_t i = 0; i < all.count; i++) {
        if (meta_broker_find(image, all.ids[i]) == NULL) (void)id_set_remove(set, all.ids[i]);
    }
}

static void sort_out(const struct meta_image *image, const struct meta_retired *x, bool was_in_sync,
                     int32_t id, struct meta_partition *to)
{
    if (!id_set_has(&to->replicas, id)) return;
    bool is_whole = has_lived_on(image, x, id) && !id_set_has(&to->offline, id);
    if (was_in_sync && is_whole && broker_is_usable(image, id)) {
        (void)id_set_add(&to->isr, id);
    } else if (is_whole) {
        (void)id_set_add(&to->elr, id);
    } else {
        (void)id_set_add(&to->last_known_elr, id);
    }
}

/* What that partition is from now on. */
static struct meta_partition come_back(const struct meta_image *image, const struct meta_retired *x,
                                       uint32_t number)
{
    const struct meta_partition *from = &x->topic->partitions[number];
    struct partition_change c = partition_change_of(image, x->topic, (int32_t)number);
    struct meta_partition *to = &c.to;
    to->isr = to->elr = to->successor = (struct id_set){0};
    to->leader = META_NOBODY;
    keep_registered(image, &to->replicas);
    keep_registered(image, &to->adding);
    keep_registered(image, &to->removing);
    keep_registered(image, &to->offline);
    for (uint32_t i = 0; i < from->isr.count; i++) sort_out(image, x, true, from->isr.ids[i], to);
    for (uint32_t i = 0; i < from->elr.count; i++) sort_out(image, x, false, from->elr.ids[i], to);

    /* Whoever is in sync has everything, and is enough; the others join again in time. */
    if (to->isr.count > 0) to->elr = to->last_known_elr = (struct id_set){0};
    /* The one that led has, besides, what it had acknowledged alone. */
    if (id_set_has(&to->isr, from->leader)) to->leader = from->leader;
    partition_elect(&c, 0);
    to->leader_epoch = from->leader_epoch + 1;
    to->partition_epoch = from->partition_epoch + 1;
    return *to;
}

static struct refusal restore(const struct meta_image *image, const struct meta_retired *x,
                              struct decision *d)
{
    struct slice name = slice_of_text(x->topic->name);
    if (meta_topic_by_name(image, name) != NULL)
        return REFUSE(
            d, KAFKA_TOPIC_ALREADY_EXISTS,
            "topic %s has been made again since it was deleted: it cannot be undone while "
            "that one is there",
            x->topic->name);
    const struct meta_topic *rival = topic_name_rival(image, name);
    if (rival != NULL)
        return REFUSE(d, KAFKA_INVALID_TOPIC_EXCEPTION,
                      "topic %s collides with %s: they differ in '.' and '_' only", x->topic->name,
                      rival->name);

    uint32_t before = d->count;
    decision_add(d, META_TOPIC_RESTORED)->topic_restored.id = x->id;
    for (uint32_t i = 0; i < x->topic->partition_count; i++) {
        struct meta_partition p = come_back(image, x, i);
        if (p.replicas.count == 0) {
            decision_cut(d, before);
            return REFUSE(d, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                          "no broker that has a replica of %s-%u is registered any more",
                          x->topic->name, i);
        }
        partition_write(d, x->id, (int32_t)i, &p);
    }
    decision_cause(d, "the deletion of topic %s is undone", x->topic->name);
    return GRANTED;
}

/* ---- Requests. ---- */

static const struct meta_retired *find(const struct meta_image *image,
                                       const struct retired_topics_request_topic *asked)
{
    if (!uuid_is_zero(asked->topic_id)) return meta_retired_find(image, asked->topic_id);

    const struct meta_retired *last = NULL;
    for (const struct meta_retired *x = image->retired; x != NULL; x = x->hh.next) {
        if (!slice_equal(asked->name, slice_of_text(x->topic->name))) continue;
        if (last == NULL || x->index > last->index) last = x;
    }
    return last;
}

static bool is_chosen(const struct decision *d, struct uuid id)
{
    for (uint32_t i = 0; i < d->count; i++) {
        const struct meta_record *r = &d->records[i];
        if (r->kind == META_TOPIC_RESTORED && uuid_equal(r->topic_restored.id, id)) return true;
        if (r->kind == META_TOPIC_DELETED && uuid_equal(r->topic_deleted.id, id)) return true;
    }
    return false;
}

/* Two of one name, in one request. */
static bool is_name_chosen(const struct meta_image *image, const struct decision *d,
                           const char *name)
{
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->records[i].kind != META_TOPIC_RESTORED) continue;
        const struct meta_retired *x = meta_retired_find(image, d->records[i].topic_restored.id);
        if (topic_names_collide(slice_of_text(x->topic->name), slice_of_text(name)) ||
            strcmp(x->topic->name, name) == 0)
            return true;
    }
    return false;
}

static struct refusal act(const struct meta_image *image, const struct meta_retired *x,
                          int8_t action, struct decision *d)
{
    if (action == RETIRED_LIST) return GRANTED;
    if (is_chosen(d, x->id))
        return REFUSE(d, KAFKA_INVALID_REQUEST, "topic %s is in the request twice", x->topic->name);
    if (action == RETIRED_DROP) {
        decision_add(d, META_TOPIC_DELETED)->topic_deleted.id = x->id;
        decision_cause(d, "the deletion of topic %s is made final", x->topic->name);
        return GRANTED;
    }
    if (action != RETIRED_RESTORE) return REFUSE(d, KAFKA_INVALID_REQUEST, "unknown action");
    if (is_name_chosen(image, d, x->topic->name))
        return REFUSE(d, KAFKA_INVALID_REQUEST, "topic %s is in the request twice", x->topic->name);
    return restore(image, x, d);
}

static void describe(const struct meta_retired *x, int64_t wall_ms, struct decision *d,
                     struct retired_topics_response_topic *out)
{
    out->name = decision_say(d, "%s", x->topic->name);
    out->topic_id = x->id;
    out->partition_count = (int32_t)x->topic->partition_count;
    out->deleted_ms = x->wall_ms;
    out->left_ms = x->due_ms > wall_ms ? x->due_ms - wall_ms : 0;
}

static int list_all(const struct meta_image *image, int64_t wall_ms, struct decision *d,
                    struct retired_topics_response *reply)
{
    uint32_t count = HASH_COUNT(image->retired);
    struct retired_topics_response_topic *items = decision_take(d, count, sizeof *items);
    if (items == NULL) return -ERR_LIMIT;
    int32_t at = 0;
    for (const struct meta_retired *x = image->retired; x != NULL; x = x->hh.next)
        describe(x, wall_ms, d, &items[at++]);
    reply->topics = (struct array){.items = items, .count = at};
    return 0;
}

int decide_retired_topics(const struct meta_image *image,
                          const struct retired_topics_request *request, int64_t wall_ms,
                          struct decision *d, struct retired_topics_response *reply)
{
    CHECK(d->count == 0);
    const struct retired_topics_request_topic *asked = request->topics.items;
    int32_t count = request->topics.count < 0 ? 0 : request->topics.count;
    *reply = (struct retired_topics_response){0};
    if (count == 0 && request->action == RETIRED_LIST) return list_all(image, wall_ms, d, reply);

    struct retired_topics_response_topic *items = decision_take(d, (uint32_t)count, sizeof *items);
    if (items == NULL) return -ERR_LIMIT;
    reply->topics = (struct array){.items = items, .count = count};
    for (int32_t i = 0; i < count; i++) {
        const struct meta_retired *x = find(image, &asked[i]);
        struct refusal refusal;
        items[i].name = asked[i].name;
        items[i].topic_id = asked[i].topic_id;
        if (x != NULL) {
            describe(x, wall_ms, d, &items[i]);
            refusal = act(image, x, request->action, d);
        } else {
            refusal = REFUSE(d, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
                             "no topic of that name was deleted so short a while ago that it could "
                             "come back");
        }
        items[i].error_code = refusal.error;
        items[i].error_message = refusal.text;
    }
    return 0;
}

/* ---- Time. ---- */

void decide_drop_due(const struct meta_image *image, int64_t wall_ms, struct decision *d)
{
    CHECK(d->count == 0);
    for (const struct meta_retired *x = image->retired; x != NULL && d->count < DROP_MAX;
         x = x->hh.next) {
        if (x->due_ms > wall_ms) continue;
        decision_add(d, META_TOPIC_DELETED)->topic_deleted.id = x->id;
        decision_cause(d, "the deletion of topic %s is final", x->topic->name);
    }
    if (d->count > 1) decision_cause(d, "the deletion of %u topics is final", d->count);
}

int64_t retired_next_ms(const struct meta_image *image, int64_t wall_ms)
{
    int64_t next = -1;
    for (const struct meta_retired *x = image->retired; x != NULL; x = x->hh.next) {
        int64_t left = x->due_ms > wall_ms ? x->due_ms - wall_ms : 0;
        if (next < 0 || left < next) next = left;
    }
    return next;
}

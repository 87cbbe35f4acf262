#include "broker/groups/consumer/assignor.h"

#include <stdlib.h>

#include "broker/groups/consumer/topic_table.h"
#include "common/check.h"

#define NOBODY UINT32_MAX
#define PASSES_MAX 32 /* Over all topics, until nothing can be moved for the better. */

const char *assignor_name(enum assignor_kind kind)
{
    switch (kind) {
    case ASSIGNOR_UNIFORM: return "uniform";
    case ASSIGNOR_RANGE: return "range";
    case ASSIGNOR_COUNT: break;
    }
    UNREACHABLE();
    return "";
}

bool assignor_find(struct slice name, enum assignor_kind *out)
{
    for (int kind = 0; kind < ASSIGNOR_COUNT; kind++) {
        *out = (enum assignor_kind)kind;
        if (slice_equal(name, slice_of_text(assignor_name(*out)))) return true;
    }
    return false;
}

static void *take(size_t count, size_t size)
{
    void *items = calloc(count > 0 ? count : 1, size);
    CHECK(items != NULL);
    return items;
}

/* ---- Range. ---- */

/* Static members come first, by their instance ids: those outlive a restart, member ids do not. */
static int by_instance(const void *a, const void *b, void *spec)
{
    const struct assign_member *members = ((const struct assign_spec *)spec)->members;
    const struct assign_member *x = &members[*(const uint32_t *)a];
    const struct assign_member *y = &members[*(const uint32_t *)b];
    if (x->instance_id.at != NULL && y->instance_id.at != NULL) {
        return slice_compare(x->instance_id, y->instance_id);
    }
    if (x->instance_id.at != NULL) return -1;
    if (y->instance_id.at != NULL) return 1;
    return slice_compare(x->id, y->id);
}

static void assign_range(struct assign_spec *spec)
{
    uint32_t *order = take(spec->member_count, sizeof *order);
    uint32_t *subscribers = take(spec->topic_count, sizeof *subscribers);
    uint32_t *served = take(spec->topic_count, sizeof *served);
    uint32_t *next = take(spec->topic_count, sizeof *next);
    for (uint32_t m = 0; m < spec->member_count; m++) {
        order[m] = m;
        const struct assign_member *member = &spec->members[m];
        for (uint32_t i = 0; i < member->topic_count; i++) subscribers[member->topics[i]]++;
    }
    qsort_r(order, spec->member_count, sizeof *order, by_instance, spec);
    for (uint32_t i = 0; i < spec->member_count; i++) {
        struct assign_member *member = &spec->members[order[i]];
        for (uint32_t n = 0; n < member->topic_count; n++) {
            uint32_t t = member->topics[n];
            uint32_t count = spec->topics[t].partition_count;
            uint32_t size = count / subscribers[t] + (served[t]++ < count % subscribers[t]);
            for (uint32_t p = 0; p < size; p++) {
                struct part part = {.topic = spec->topics[t].id, .number = (int32_t)next[t]++};
                (void)part_set_add(&member->after, part);
            }
        }
    }
    free(order);
    free(subscribers);
    free(served);
    free(next);
}

/* ---- Uniform. ---- */

struct uniform {
    struct assign_spec *spec;
    uint32_t *load;         /* By member. */
    uint32_t **owners;      /* By topic and partition; NOBODY. */
    uint32_t **subscribers; /* By topic: members, rising. */
    uint32_t *subscriber_counts;
};

static void open_uniform(struct uniform *u, struct assign_spec *spec)
{
    *u = (struct uniform){.spec = spec};
    u->load = take(spec->member_count, sizeof *u->load);
    u->owners = take(spec->topic_count, sizeof(uint32_t *));
    u->subscribers = take(spec->topic_count, sizeof(uint32_t *));
    u->subscriber_counts = take(spec->topic_count, sizeof *u->subscriber_counts);
    for (uint32_t m = 0; m < spec->member_count; m++) {
        for (uint32_t i = 0; i < spec->members[m].topic_count; i++) {
            u->subscriber_counts[spec->members[m].topics[i]]++;
        }
    }
    for (uint32_t t = 0; t < spec->topic_count; t++) {
        u->owners[t] = take(spec->topics[t].partition_count, sizeof(uint32_t));
        u->subscribers[t] = take(u->subscriber_counts[t], sizeof(uint32_t));
        u->subscriber_counts[t] = 0;
        for (uint32_t p = 0; p < spec->topics[t].partition_count; p++) u->owners[t][p] = NOBODY;
    }
    for (uint32_t m = 0; m < spec->member_count; m++) {
        for (uint32_t i = 0; i < spec->members[m].topic_count; i++) {
            uint32_t t = spec->members[m].topics[i];
            u->subscribers[t][u->subscriber_counts[t]++] = m;
        }
    }
}

static void close_uniform(struct uniform *u)
{
    for (uint32_t t = 0; t < u->spec->topic_count; t++) {
        free(u->owners[t]);
        free(u->subscribers[t]);
    }
    free(u->load);
    free(u->owners);
    free(u->subscribers);
    free(u->subscriber_counts);
}

/* What a member has it keeps for now, if it may. */
static void keep_what_is(struct uniform *u, uint32_t m)
{
    const struct assign_member *member = &u->spec->members[m];
    const struct part_set *before = member->before;
    uint32_t at = 0;
    for (uint32_t i = 0; i < member->topic_count; i++) {
        uint32_t t = member->topics[i];
        const struct assign_topic *topic = &u->spec->topics[t];
        struct part first = {.topic = topic->id, .number = 0};
        while (at < before->count && part_compare(before->items[at], first) < 0) at++;
        for (; at < before->count && uuid_equal(before->items[at].topic, topic->id); at++) {
            uint32_t p = (uint32_t)before->items[at].number;
            if (p >= topic->partition_count || u->owners[t][p] != NOBODY) continue;
            u->owners[t][p] = m;
            u->load[m]++;
        }
    }
}

static uint32_t least_loaded(const struct uniform *u, uint32_t t)
{
    uint32_t best = u->subscribers[t][0];
    for (uint32_t i = 1; i < u->subscriber_counts[t]; i++) {
        uint32_t m = u->subscribers[t][i];
        if (u->load[m] < u->load[best]) best = m;
    }
    return best;
}

/* Of those that own a partition of the topic; the last of its partitions: *p. */
static uint32_t most_loaded(const struct uniform *u, uint32_t t, uint32_t *p)
{
    uint32_t best = u->owners[t][0];
    *p = 0;
    for (uint32_t i = 1; i < u->spec->topics[t].partition_count; i++) {
        uint32_t m = u->owners[t][i];
        if (m != best && u->load[m] <= u->load[best]) continue;
        best = m;
        *p = i;
    }
    return best;
}

static void assign_rest(struct uniform *u, uint32_t t)
{
    for (uint32_t p = 0; p < u->spec->topics[t].partition_count; p++) {
        if (u->owners[t][p] != NOBODY) continue;
        uint32_t m = least_loaded(u, t);
        u->owners[t][p] = m;
        u->load[m]++;
    }
}

/* Moves partitions of the topic from who has most to who has least. Returns how many. */
static uint32_t balance(struct uniform *u, uint32_t t)
{
    uint32_t moves = 0;
    for (;; moves++) {
        uint32_t p;
        uint32_t from = most_loaded(u, t, &p);
        uint32_t to = least_loaded(u, t);
        if (u->load[from] <= u->load[to] + 1) return moves;
        u->owners[t][p] = to;
        u->load[from]--;
        u->load[to]++;
    }
}

static void hand_out(struct uniform *u)
{
    for (uint32_t t = 0; t < u->spec->topic_count; t++) {
        const struct assign_topic *topic = &u->spec->topics[t];
        for (uint32_t p = 0; p < topic->partition_count && u->subscriber_counts[t] > 0; p++) {
            struct part part = {.topic = topic->id, .number = (int32_t)p};
            (void)part_set_add(&u->spec->members[u->owners[t][p]].after, part);
        }
    }
}

static void assign_uniform(struct assign_spec *spec)
{
    struct uniform u;
    open_uniform(&u, spec);
    for (uint32_t m = 0; m < spec->member_count; m++) keep_what_is(&u, m);
    for (uint32_t t = 0; t < spec->topic_count; t++) {
        if (u.subscriber_counts[t] > 0) assign_rest(&u, t);
    }
    uint32_t moves = 1;
    for (uint32_t pass = 0; pass < PASSES_MAX && moves > 0; pass++) {
        moves = 0;
        for (uint32_t t = 0; t < spec->topic_count; t++) {
            bool is_movable = u.subscriber_counts[t] > 1 && spec->topics[t].partition_count > 0;
            if (is_movable) moves += balance(&u, t);
        }
    }
    hand_out(&u);
    close_uniform(&u);
}

void assign(enum assignor_kind kind, struct assign_spec *spec)
{
    for (uint32_t m = 0; m < spec->member_count; m++) CHECK(spec->members[m].after.count == 0);
    switch (kind) {
    case ASSIGNOR_UNIFORM: assign_uniform(spec); return;
    case ASSIGNOR_RANGE: assign_range(spec); return;
    case ASSIGNOR_COUNT: break;
    }
    UNREACHABLE();
}

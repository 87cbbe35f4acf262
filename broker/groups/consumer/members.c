#include <stdlib.h>

#include "broker/groups/consumer/inside.h"
#include "broker/groups/protocols.h"

/* ---- Marks. ---- */

void consumer_mark_group(struct consumer_group *c, uint32_t marks)
{
    c->marks |= marks | CONSUMER_MARK_SOMETHING;
}

void consumer_mark(struct consumer_group *c, struct consumer_member *m, uint32_t marks)
{
    m->marks |= marks;
    consumer_mark_group(c, 0);
}

static bool is_gone(const struct consumer_gone *g, struct slice id, bool is_pattern)
{
    return g->is_pattern == is_pattern && slice_equal(g->id, id);
}

void consumer_mark_gone(struct consumer_group *c, struct slice id, bool is_pattern)
{
    consumer_forget_gone(c, id, is_pattern);
    struct consumer_gone *g = calloc(1, sizeof *g);
    CHECK(g != NULL);
    g->id = own_copy(id);
    g->is_pattern = is_pattern;
    g->next = c->gone;
    c->gone = g;
    consumer_mark_group(c, 0);
}

void consumer_forget_gone(struct consumer_group *c, struct slice id, bool is_pattern)
{
    struct consumer_gone **at = &c->gone;
    while (*at != NULL) {
        struct consumer_gone *g = *at;
        if (!is_gone(g, id, is_pattern)) {
            at = &g->next;
            continue;
        }
        *at = g->next;
        /* There is one of each; and `id` may be its own, which is gone now. */
        own_free(&g->id);
        free(g);
        return;
    }
}

/* ---- The table. ---- */

struct consumer_member *consumer_member_find(const struct consumer_group *c, struct slice id)
{
    struct consumer_member *found = NULL;
    if (id.size > 0) HASH_FIND(hh, c->members, id.at, id.size, found);
    return found;
}

struct consumer_member *consumer_static_find(const struct consumer_group *c,
                                             struct slice instance_id)
{
    if (instance_id.at == NULL) return NULL;

    struct consumer_member *m;
    for (m = c->members; m != NULL; m = m->hh.next) {
        if (slice_equal(m->instance_id, instance_id)) return m;
    }
    return NULL;
}

struct consumer_member *consumer_member_add(struct consumer_group *c, struct slice id)
{
    CHECK(id.size > 0);
    CHECK(consumer_member_find(c, id) == NULL);

    struct consumer_member *m = calloc(1, sizeof *m);
    CHECK(m != NULL);
    m->id = own_copy(id);
    HASH_ADD_KEYPTR(hh, c->members, m->id.at, m->id.size, m);
    c->member_count++;
    consumer_forget_gone(c, id, false);
    consumer_mark(c, m, CONSUMER_MARKS_OF_MEMBER);
    return m;
}

static void free_topics(struct consumer_member *m)
{
    for (uint32_t i = 0; i < m->topic_count; i++) own_free(&m->topics[i]);
    free(m->topics);
    m->topics = NULL;
    m->topic_count = 0;
}

static void free_member(struct consumer_member *m)
{
    free_topics(m);
    protocols_clear(&m->protocols, &m->protocol_count);
    part_set_close(&m->assigned);
    part_set_close(&m->revoking);
    part_set_close(&m->target);
    own_free(&m->id);
    own_free(&m->instance_id);
    own_free(&m->rack_id);
    own_free(&m->client_id);
    own_free(&m->client_host);
    own_free(&m->assignor);
    own_free(&m->pattern);
    free(m);
}

static void take_out(struct consumer_group *c, struct consumer_member *m)
{
    struct part_set none[2] = {{0}, {0}};
    consumer_hold(c, m, &none[0], &none[1]);
    consumer_set_classic(c, m, false);
    HASH_DEL(c->members, m);
    c->member_count--;
}

void consumer_member_remove(struct consumer_group *c, struct consumer_member *m)
{
    take_out(c, m);
    consumer_mark_gone(c, m->id, false);
    if (m->pattern.size > 0) consumer_pattern_drop(c, m->pattern);
    free_member(m);
}

void consumer_members_free(struct consumer_group *c)
{
    while (c->members != NULL) {
        struct consumer_member *m = c->members;
        take_out(c, m);
        free_member(m);
    }
}

void consumer_member_rename(struct consumer_group *c, struct consumer_member *m, struct slice id)
{
    CHECK(consumer_member_find(c, id) == NULL);

    HASH_DEL(c->members, m);
    consumer_mark_gone(c, m->id, false);
    own_set(&m->id, id);
    HASH_ADD_KEYPTR(hh, c->members, m->id.at, m->id.size, m);
    consumer_forget_gone(c, id, false);
    consumer_mark(c, m, CONSUMER_MARKS_OF_MEMBER);
}

/* ---- Who holds what. ---- */

static struct consumer_holder *find_holder(const struct consumer_group *c, struct part p)
{
    struct consumer_holder *found = NULL;
    HASH_FIND(hh, c->holders, &p, sizeof p, found);
    return found;
}

struct consumer_member *consumer_holder_of(const struct consumer_group *c, struct part p)
{
    const struct consumer_holder *h = find_holder(c, p);
    return h == NULL ? NULL : h->member;
}

static void release(struct consumer_group *c, const struct consumer_member *m,
                    const struct part_set *parts)
{
    for (uint32_t i = 0; i < parts->count; i++) {
        struct consumer_holder *h = find_holder(c, parts->items[i]);
        if (h == NULL || h->member != m) continue;
        HASH_DEL(c->holders, h);
        free(h);
    }
}

/* Who has it already keeps it: only a rule that is broken on purpose comes to that, or a log that
 * is not sound. */
static void take(struct consumer_group *c, struct consumer_member *m, const struct part_set *parts)
{
    for (uint32_t i = 0; i < parts->count; i++) {
        if (find_holder(c, parts->items[i]) != NULL) continue;
        struct consumer_holder *h = calloc(1, sizeof *h);
        CHECK(h != NULL);
        h->part = parts->items[i];
        h->member = m;
        HASH_ADD(hh, c->holders, part, sizeof h->part, h);
    }
}

void consumer_hold(struct consumer_group *c, struct consumer_member *m, struct part_set *assigned,
                   struct part_set *revoking)
{
    release(c, m, &m->assigned);
    release(c, m, &m->revoking);
    part_set_move(&m->assigned, assigned);
    part_set_move(&m->revoking, revoking);
    take(c, m, &m->assigned);
    take(c, m, &m->revoking);
}

static void drop_what_others_hold(struct consumer_group *c, struct consumer_member *m,
                                  struct part_set *parts)
{
    struct part_set kept = {0};
    for (uint32_t i = 0; i < parts->count; i++) {
        if (find_holder(c, parts->items[i]) == NULL) (void)part_set_add(&kept, parts->items[i]);
    }
    if (kept.count < parts->count) consumer_mark(c, m, CONSUMER_MARK_CURRENT);
    part_set_move(parts, &kept);
    take(c, m, parts);
}

void consumer_hold_all(struct consumer_group *c)
{
    CHECK(c->holders == NULL);

    struct consumer_member *m;
    for (m = c->members; m != NULL; m = m->hh.next) {
        drop_what_others_hold(c, m, &m->assigned);
        drop_what_others_hold(c, m, &m->revoking);
    }
}

/* ---- What they say of themselves. ---- */

bool consumer_set_text(struct slice *to, struct slice from)
{
    if (slice_equal(*to, from)) return false;
    own_set(to, from);
    return true;
}

static int by_bytes(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

bool consumer_set_topics(struct consumer_member *m, const struct slice *topics, uint32_t count)
{
    struct slice *sorted = calloc(count > 0 ? count : 1, sizeof *sorted);
    CHECK(sorted != NULL);
    if (count > 0) memcpy(sorted, topics, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_bytes);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || !slice_equal(sorted[kept - 1], sorted[i])) sorted[kept++] = sorted[i];
    }
    bool is_same = kept == m->topic_count;
    for (uint32_t i = 0; is_same && i < kept; i++) is_same = slice_equal(sorted[i], m->topics[i]);
    if (is_same) {
        free(sorted);
        return false;
    }
    for (uint32_t i = 0; i < kept; i++) sorted[i] = own_copy(sorted[i]);
    free_topics(m);
    m->topics = sorted;
    m->topic_count = kept;
    return true;
}

void consumer_set_classic(struct consumer_group *c, struct consumer_member *m, bool is_classic)
{
    if (m->is_classic == is_classic) return;
    m->is_classic = is_classic;
    c->classic_count += is_classic ? 1u : -1u;
    if (!is_classic) {
        protocols_clear(&m->protocols, &m->protocol_count);
        m->session_timeout_ms = 0;
        m->join_ms = 0;
        m->sync_ms = 0;
    } else {
        m->rebalance_ms = 0;
    }
}

void consumer_set_protocols(struct consumer_group *c, struct consumer_member *m,
                            const struct group_protocol *protocols, uint32_t count)
{
    if (protocols_equal(m->protocols, m->protocol_count, protocols, count)) return;
    protocols_set(&m->protocols, &m->protocol_count, protocols, count);
    consumer_mark(c, m, CONSUMER_MARK_MEMBER);
}

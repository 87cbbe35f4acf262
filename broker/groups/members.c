#include "broker/groups/members.h"

#include "broker/groups/own.h"
#include "broker/groups/protocols.h"

struct group_member *group_member_find(const struct group *g, struct slice id)
{
    struct group_member *found = NULL;
    if (id.size > 0) HASH_FIND(hh, g->members, id.at, id.size, found);
    return found;
}

struct group_member *members_find_static(const struct group *g, struct slice instance_id)
{
    if (instance_id.at == NULL) return NULL;

    struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        if (slice_equal(m->instance_id, instance_id)) return m;
    }
    return NULL;
}

struct group_member *members_add(struct group *g, struct slice id, struct slice instance_id)
{
    CHECK(id.size > 0);
    CHECK(group_member_find(g, id) == NULL);
    CHECK(members_find_static(g, instance_id) == NULL);

    struct group_member *m = calloc(1, sizeof *m);
    CHECK(m != NULL);
    m->id = own_copy(id);
    m->instance_id = own_copy(instance_id);
    HASH_ADD_KEYPTR(hh, g->members, m->id.at, m->id.size, m);
    g->member_count++;
    if (g->leader == NULL) g->leader = m;
    return m;
}

void members_end_swap(struct group_member *m)
{
    struct group_swap *swap = m->swap;
    if (swap == NULL) return;

    m->swap = NULL;
    own_free(&swap->old_id);
    own_free(&swap->told_leader);
    protocols_clear(&swap->protocols, &swap->protocol_count);
    free(swap);
}

void members_remove(struct group *g, struct group_member *m)
{
    CHECK(m->join_ask == 0);
    CHECK(m->sync_ask == 0);

    HASH_DEL(g->members, m);
    g->member_count--;
    if (g->leader == m) g->leader = g->members;
    protocols_clear(&m->protocols, &m->protocol_count);
    members_end_swap(m);
    own_free(&m->id);
    own_free(&m->instance_id);
    own_free(&m->client_id);
    own_free(&m->client_host);
    own_free(&m->assignment);
    own_free(&m->next_assignment);
    free(m);
}

void members_remove_all(struct group *g)
{
    while (g->members != NULL) members_remove(g, g->members);
    while (g->pending != NULL) members_pending_remove(g, g->pending);
}

void members_rename(struct group *g, struct group_member *m, struct slice new_id)
{
    CHECK(group_member_find(g, new_id) == NULL);

    HASH_DEL(g->members, m);
    own_set(&m->id, new_id);
    HASH_ADD_KEYPTR(hh, g->members, m->id.at, m->id.size, m);
}

static bool has_protocol(const struct group_member *m, struct slice name)
{
    for (uint32_t i = 0; i < m->protocol_count; i++) {
        if (slice_equal(m->protocols[i].name, name)) return true;
    }
    return false;
}

static bool do_all_have(const struct group *g, struct slice name)
{
    const struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        if (!has_protocol(m, name)) return false;
    }
    return true;
}

bool members_accept(const struct group *g, struct slice type,
                    const struct group_protocol *protocols, uint32_t count)
{
    if (type.size == 0 || count == 0) return false;
    if (g->member_count == 0) return true;
    if (!slice_equal(g->protocol_type, type)) return false;

    for (uint32_t i = 0; i < count; i++) {
        if (do_all_have(g, protocols[i].name)) return true;
    }
    return false;
}

/* Which of the first member's protocols, of those that all have, does this one like best? */
static uint32_t choice_of(const struct group *g, const struct group_member *m, const bool *common)
{
    for (uint32_t i = 0; i < m->protocol_count; i++) {
        for (uint32_t n = 0; n < g->members->protocol_count; n++) {
            bool is_it =
                common[n] && slice_equal(m->protocols[i].name, g->members->protocols[n].name);
            if (is_it) return n;
        }
    }
    UNREACHABLE();
}

struct slice members_select(const struct group *g)
{
    CHECK(g->members != NULL);

    /* What all have, the first member has. */
    uint32_t count = g->members->protocol_count;
    bool *common = calloc(count, sizeof *common);
    uint32_t *votes = calloc(count, sizeof *votes);
    CHECK(common != NULL && votes != NULL);
    for (uint32_t n = 0; n < count; n++) common[n] = do_all_have(g, g->members->protocols[n].name);
    const struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) votes[choice_of(g, m, common)]++;
    uint32_t best = 0;
    for (uint32_t n = 1; n < count; n++) {
        if (votes[n] > votes[best]) best = n;
    }
    CHECK(common[best]);
    free(common);
    free(votes);
    return g->members->protocols[best].name;
}

uint32_t members_rebalance_timeout_ms(const struct group *g)
{
    uint32_t max_ms = 0;
    const struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        if (m->rebalance_timeout_ms > max_ms) max_ms = m->rebalance_timeout_ms;
    }
    return max_ms;
}

struct group_pending *members_pending_find(const struct group *g, struct slice id)
{
    struct group_pending *found = NULL;
    if (id.size > 0) HASH_FIND(hh, g->pending, id.at, id.size, found);
    return found;
}

struct group_pending *members_pending_add(struct group *g, struct slice id, uint64_t expires_ms)
{
    CHECK(members_pending_find(g, id) == NULL);

    struct group_pending *p = calloc(1, sizeof *p);
    CHECK(p != NULL);
    p->id = own_copy(id);
    p->expires_ms = expires_ms;
    HASH_ADD_KEYPTR(hh, g->pending, p->id.at, p->id.size, p);
    g->pending_count++;
    return p;
}

void members_pending_remove(struct group *g, struct group_pending *p)
{
    HASH_DEL(g->pending, p);
    g->pending_count--;
    own_free(&p->id);
    free(p);
}

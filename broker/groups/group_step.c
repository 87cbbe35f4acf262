#include "broker/groups/group.h"

#include <stdarg.h>
#include <stdio.h>

#include "broker/groups/members.h"
#include "broker/groups/own.h"
#include "broker/groups/protocols.h"
#include "broker/groups/subscription.h"
#include "proto/kafka_errors.h"

#define CLIENT_ID_MAX 255 /* Of it, so much goes into a member's id. */
#define UUID_TEXT_SIZE 36

const char *group_state_text(enum group_state state)
{
    switch (state) {
    case GROUP_EMPTY: return "Empty";
    case GROUP_PREPARING: return "PreparingRebalance";
    case GROUP_COMPLETING: return "CompletingRebalance";
    case GROUP_STABLE: return "Stable";
    case GROUP_DEAD: return "Dead";
    }
    UNREACHABLE();
    return "";
}

struct group *group_new(const struct group_options *options, struct slice id)
{
    struct group *g = calloc(1, sizeof *g);
    CHECK(g != NULL);
    g->options = options;
    g->id = own_copy(id);
    g->deadline_ms = GROUP_NEVER;
    g->state_wall_ms = -1;
    return g;
}

void group_effects_close(struct group_effects *effects)
{
    free(effects->answers);
    *effects = (struct group_effects){0};
}

void group_check(const struct group *g)
{
    uint32_t joined = 0;
    const struct group_member *m;
    bool has_leader = false;
    for (m = g->members; m != NULL; m = m->hh.next) {
        joined += m->join_ask != 0;
        has_leader |= m == g->leader;
        CHECK(IMPLIES(m->join_ask != 0, g->state == GROUP_PREPARING || m->swap != NULL));
        CHECK(IMPLIES(m->sync_ask != 0, g->state == GROUP_COMPLETING));
        CHECK(IMPLIES(m->must_sync, g->state == GROUP_COMPLETING || g->state == GROUP_STABLE));
    }
    CHECK(joined == g->joined_count);
    CHECK(has_leader == (g->member_count > 0));
    CHECK(IMPLIES(g->state == GROUP_EMPTY, g->member_count == 0));
    CHECK(IMPLIES(g->state == GROUP_COMPLETING || g->state == GROUP_STABLE, g->member_count > 0));
    CHECK(IMPLIES(g->sync_store != 0, g->state == GROUP_COMPLETING));
}

/* ---- Answers. ---- */

static struct group_answer *answer(struct group_effects *fx, uint64_t ask, enum group_event_kind to,
                                   int16_t error)
{
    CHECK(ask != 0);
    if (fx->answer_count == fx->answer_capacity) {
        fx->answer_capacity = fx->answer_capacity == 0 ? 16 : fx->answer_capacity * 2;
        fx->answers = realloc(fx->answers, fx->answer_capacity * sizeof *fx->answers);
        CHECK(fx->answers != NULL);
    }
    struct group_answer *a = &fx->answers[fx->answer_count++];
    *a = (struct group_answer){.ask = ask, .to = to, .error = error};
    return a;
}

/* Tells a member of the generation that is. */
static struct group_answer *tell_joined(struct group *g, struct group_effects *fx, uint64_t ask,
                                        const struct group_member *m)
{
    struct group_answer *a = answer(fx, ask, GROUP_JOIN, KAFKA_NONE);
    a->member = m;
    a->member_id = m->id;
    a->leader = g->leader->id;
    return a;
}

static void answer_join(struct group *g, struct group_effects *fx, struct group_member *m,
                        int16_t error)
{
    if (m->join_ask == 0) return;

    answer(fx, m->join_ask, GROUP_JOIN, error)->member = m;
    m->join_ask = 0;
    g->joined_count--;
}

static void answer_sync(struct group_effects *fx, struct group_member *m, int16_t error)
{
    if (m->sync_ask == 0) return;

    struct group_answer *a = answer(fx, m->sync_ask, GROUP_SYNC, error);
    if (error == KAFKA_NONE) a->member = m;
    m->sync_ask = 0;
}

/* ---- Small things. ---- */

static void become(struct group *g, const struct group_event *e, enum group_state state)
{
    g->before = g->state;
    g->state = state;
    g->state_wall_ms = e->wall_ms;
}

static void touch(struct group_member *m, uint64_t now_ms)
{
    m->expires_ms = now_ms + m->session_timeout_ms;
}

static int16_t check_member(const struct group *g, struct slice member_id, struct slice instance_id)
{
    if (instance_id.at != NULL) {
        const struct group_member *owner = members_find_static(g, instance_id);
        if (owner == NULL) return KAFKA_UNKNOWN_MEMBER_ID;
        if (!slice_equal(owner->id, member_id)) return KAFKA_FENCED_INSTANCE_ID;
    }
    return group_member_find(g, member_id) != NULL ? KAFKA_NONE : KAFKA_UNKNOWN_MEMBER_ID;
}

static bool breaks(const struct group *g, enum group_canary rule)
{
    return (g->options->canary & (uint32_t)rule) != 0;
}

static bool have_all_joined(const struct group *g)
{
    return g->joined_count == g->member_count && g->pending_count == 0;
}

/* The first rebalance of a group that was empty waits for others on purpose. */
static bool is_initial(const struct group *g)
{
    return g->state == GROUP_PREPARING && g->before == GROUP_EMPTY;
}

__attribute__((format(printf, 3, 4))) static void
note_why(struct group *g, const struct group_event *e, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(g->why, sizeof g->why, format, arguments);
    va_end(arguments);
    g->why_wall_ms = e->wall_ms;
}

/* For "%.*s": the size as an int, and the bytes. */
#define WHO(s) (int)((s).size > 100 ? 100 : (s).size), (const char *)(s).at

static void store(struct group *g, struct group_effects *fx, bool with_next)
{
    fx->store = ++g->last_store;
    fx->store_is_next = with_next;
}

/* ---- The end of a rebalance. ---- */

/* False: there is nobody who could lead. */
static bool elect_leader(struct group *g)
{
    if (g->leader == NULL) return false;
    if (g->leader->join_ask != 0) return true;

    struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        if (m->join_ask == 0) continue;
        g->leader = m;
        return true;
    }
    return false;
}

static void remove_member(struct group *g, struct group_effects *fx, struct group_member *m)
{
    answer_join(g, fx, m, KAFKA_UNKNOWN_MEMBER_ID);
    answer_sync(fx, m, KAFKA_UNKNOWN_MEMBER_ID);
    members_remove(g, m);
}

static void maybe_end_sync_deadline(struct group *g)
{
    const struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        if (m->must_sync) return;
    }
    g->sync_deadline_ms = 0;
}

static void begin_generation(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    own_set(&g->protocol, members_select(g));
    become(g, e, GROUP_COMPLETING);
    g->sync_store = 0;
    struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        m->must_sync = true;
        m->is_new = false;
        touch(m, e->now_ms);
        if (m->join_ask == 0) continue; /* A static member that is away keeps its place. */
        struct group_answer *a = tell_joined(g, fx, m->join_ask, m);
        a->has_members = m == g->leader;
        m->join_ask = 0;
        g->joined_count--;
    }
    g->sync_deadline_ms = e->now_ms + members_rebalance_timeout_ms(g);
}

static void complete_join(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    CHECK(g->state == GROUP_PREPARING);
    g->join_deadline_ms = 0;
    struct group_member *m, *next;
    HASH_ITER(hh, g->members, m, next)
    {
        if (m->join_ask == 0 && m->instance_id.at == NULL) remove_member(g, fx, m);
    }
    if (!elect_leader(g) && g->member_count > 0) {
        /* Only static members that are away: they have another rebalance timeout to come back. */
        g->join_deadline_ms = e->now_ms + members_rebalance_timeout_ms(g);
        return;
    }
    bool is_same = breaks(g, GROUP_CANARY_SAME_GENERATION) && g->generation > 0;
    if (!is_same) g->generation = g->generation == INT32_MAX ? 1 : g->generation + 1;
    g->rebalance_took_ms = e->now_ms - g->rebalance_began_ms;
    if (g->member_count > 0) {
        begin_generation(g, e, fx);
        return;
    }
    own_free(&g->protocol);
    become(g, e, GROUP_EMPTY);
    store(g, fx, false);
}

static void maybe_complete_join(struct group *g, const struct group_event *e,
                                struct group_effects *fx)
{
    if (g->state != GROUP_PREPARING || is_initial(g)) return;
    if (have_all_joined(g)) complete_join(g, e, fx);
}

/* ---- The beginning of one. ---- */

/* All are told at once that there is no assignment. */
static void reset_assignments(struct group *g, const struct group_event *e,
                              struct group_effects *fx, int16_t error)
{
    struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        own_free(&m->assignment);
        own_free(&m->next_assignment);
        if (m->sync_ask != 0) touch(m, e->now_ms);
        answer_sync(fx, m, error);
    }
}

static void prepare(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    CHECK(g->state != GROUP_PREPARING && g->state != GROUP_DEAD);

    if (g->state == GROUP_COMPLETING) reset_assignments(g, e, fx, KAFKA_REBALANCE_IN_PROGRESS);
    struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        m->must_sync = false;
        members_end_swap(m); /* It waits for the end of this rebalance now. */
    }
    g->sync_deadline_ms = 0;
    g->sync_store = 0;
    g->rebalance_began_ms = e->now_ms;
    fx->has_rebalanced = true;
    become(g, e, GROUP_PREPARING);
    uint64_t timeout_ms = members_rebalance_timeout_ms(g);
    if (!is_initial(g)) {
        g->join_deadline_ms = e->now_ms + timeout_ms;
        maybe_complete_join(g, e, fx);
        return;
    }
    uint64_t delay_ms = g->options->initial_delay_ms;
    g->initial_left_ms = timeout_ms > delay_ms ? timeout_ms - delay_ms : 0;
    g->has_grown = false;
    g->join_deadline_ms = e->now_ms + delay_ms;
    if (delay_ms == 0) complete_join(g, e, fx);
}

static void prepare_or_complete(struct group *g, const struct group_event *e,
                                struct group_effects *fx)
{
    if (g->state == GROUP_PREPARING) {
        maybe_complete_join(g, e, fx);
    } else if (g->state != GROUP_DEAD) {
        prepare(g, e, fx);
    }
}

/* ---- JoinGroup. ---- */

static void refuse_join(struct group *g, const struct group_event *e, struct group_effects *fx,
                        int16_t error)
{
    (void)g;
    answer(fx, e->ask, GROUP_JOIN, error)->member_id = e->join.member_id;
}

/* The member waits with this request; one that it has sent before has nobody to hear the answer. */
static void wait_to_join(struct group *g, const struct group_event *e, struct group_effects *fx,
                         struct group_member *m)
{
    answer_join(g, fx, m, KAFKA_REBALANCE_IN_PROGRESS);
    protocols_set(&m->protocols, &m->protocol_count, e->join.protocols, e->join.protocol_count);
    m->session_timeout_ms = e->join.session_timeout_ms;
    m->rebalance_timeout_ms = e->join.rebalance_timeout_ms;
    m->join_ask = e->ask;
    g->joined_count++;
}

static void add_member(struct group *g, const struct group_event *e, struct group_effects *fx,
                       struct slice id)
{
    if (is_initial(g)) g->has_grown = true;
    if (g->member_count == 0) own_set(&g->protocol_type, e->join.protocol_type);
    struct group_member *m = members_add(g, id, e->join.instance_id);
    m->client_id = own_copy(e->join.client_id);
    m->client_host = own_copy(e->join.client_host);
    m->is_new = true;
    wait_to_join(g, e, fx, m);
    /* It does not know its id yet, so it cannot send heartbeats. If it gives up, another request
     * of its comes as another member: so the first one waits no longer than this. */
    m->expires_ms = e->now_ms + g->options->new_join_ms;
    note_why(g, e, "member %.*s joined: %.*s", WHO(id), WHO(e->join.reason));
    prepare_or_complete(g, e, fx);
}

static void update_member(struct group *g, const struct group_event *e, struct group_effects *fx,
                          struct group_member *m, const char *what)
{
    wait_to_join(g, e, fx, m);
    if (g->state != GROUP_PREPARING) {
        note_why(g, e, "member %.*s joined again, %s: %.*s", WHO(m->id), what, WHO(e->join.reason));
    }
    prepare_or_complete(g, e, fx);
}

/* "client-01234567-89ab-cdef-0123-456789abcdef" */
static struct slice make_member_id(const struct group_event *e, char *out, size_t size)
{
    struct slice prefix = e->join.instance_id.at != NULL ? e->join.instance_id : e->join.client_id;
    size_t at = prefix.size < CLIENT_ID_MAX ? prefix.size : CLIENT_ID_MAX;
    CHECK(size > at + 1 + UUID_TEXT_SIZE);
    if (at > 0) memcpy(out, prefix.at, at);
    out[at++] = '-';
    for (size_t i = 0; i < sizeof e->join.new_uuid.bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out[at++] = '-';
        at += (size_t)snprintf(out + at, size - at, "%02x", e->join.new_uuid.bytes[i]);
    }
    return slice_of(out, at);
}

static struct group_swap *make_swap(const struct group_member *m, const struct group *g,
                                    const struct group_event *e)
{
    struct group_swap *swap = calloc(1, sizeof *swap);
    CHECK(swap != NULL);
    swap->old_id = own_copy(m->id);
    swap->told_leader = own_copy(g->leader->id);
    swap->session_timeout_ms = m->session_timeout_ms;
    swap->rebalance_timeout_ms = m->rebalance_timeout_ms;
    swap->may_skip = e->join.may_skip;
    return swap;
}

/* A static member has come back: it gets the place and the assignment of the one that it was, which
 * is fenced if it is still there. */
static void replace_static(struct group *g, const struct group_event *e, struct group_effects *fx,
                           struct group_member *m, struct slice new_id)
{
    answer_join(g, fx, m, KAFKA_FENCED_INSTANCE_ID);
    answer_sync(fx, m, KAFKA_FENCED_INSTANCE_ID);
    members_end_swap(m);
    struct group_swap *swap = make_swap(m, g, e);
    swap->protocols = m->protocols;
    swap->protocol_count = m->protocol_count;
    m->protocols = NULL;
    m->protocol_count = 0;
    members_rename(g, m, new_id);
    own_set(&m->client_id, e->join.client_id);
    own_set(&m->client_host, e->join.client_host);
    wait_to_join(g, e, fx, m);
    touch(m, e->now_ms);
    m->swap = swap;
    if (g->state == GROUP_STABLE && slice_equal(members_select(g), g->protocol)) {
        /* Nothing changes but its name: no rebalance. */
        store(g, fx, false);
        swap->store = fx->store;
        return;
    }
    members_end_swap(m);
    if (g->state != GROUP_PREPARING) {
        note_why(g, e, "static member %.*s came back as %.*s", WHO(m->instance_id), WHO(m->id));
    }
    prepare_or_complete(g, e, fx);
}

static void join_new(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    if (!members_accept(g, e->join.protocol_type, e->join.protocols, e->join.protocol_count)) {
        refuse_join(g, e, fx, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
        return;
    }
    char text[CLIENT_ID_MAX + UUID_TEXT_SIZE + 8];
    struct slice id = make_member_id(e, text, sizeof text);
    struct group_member *before = members_find_static(g, e->join.instance_id);
    if (before != NULL) {
        replace_static(g, e, fx, before, id);
    } else if (e->join.instance_id.at != NULL || !e->join.needs_known_id) {
        add_member(g, e, fx, id);
    } else if (g->pending_count >= GROUP_PENDING_MAX) {
        refuse_join(g, e, fx, KAFKA_GROUP_MAX_SIZE_REACHED);
    } else {
        struct group_pending *p =
            members_pending_add(g, id, e->now_ms + e->join.session_timeout_ms);
        answer(fx, e->ask, GROUP_JOIN, KAFKA_MEMBER_ID_REQUIRED)->member_id = p->id;
    }
}

static void join_known(struct group *g, const struct group_event *e, struct group_effects *fx,
                       struct group_member *m)
{
    bool is_same =
        protocols_equal(m->protocols, m->protocol_count, e->join.protocols, e->join.protocol_count);
    bool is_leader = m == g->leader;
    switch (g->state) {
    case GROUP_PREPARING: update_member(g, e, fx, m, ""); return;
    case GROUP_COMPLETING:
        if (is_same) {
            /* It has not heard the answer to its last one. */
            tell_joined(g, fx, e->ask, m)->has_members = is_leader;
        } else {
            update_member(g, e, fx, m, "with other metadata");
        }
        return;
    case GROUP_STABLE:
        if (is_leader) {
            /* It may know of changes that its metadata do not show: partitions, say. */
            update_member(g, e, fx, m, "leading");
        } else if (!is_same) {
            update_member(g, e, fx, m, "with other metadata");
        } else {
            (void)tell_joined(g, fx, e->ask, m);
        }
        return;
    case GROUP_EMPTY:
    case GROUP_DEAD: break;
    }
    UNREACHABLE();
}

static void join_existing(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    if (!members_accept(g, e->join.protocol_type, e->join.protocols, e->join.protocol_count)) {
        refuse_join(g, e, fx, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
        return;
    }
    struct group_pending *p = members_pending_find(g, e->join.member_id);
    if (p != NULL && e->join.instance_id.at == NULL) {
        members_pending_remove(g, p);
        add_member(g, e, fx, e->join.member_id);
        return;
    }
    int16_t error = check_member(g, e->join.member_id, e->join.instance_id);
    if (error != KAFKA_NONE) {
        refuse_join(g, e, fx, error);
        return;
    }
    join_known(g, e, fx, group_member_find(g, e->join.member_id));
}

/* group.max.size: while a rebalance is prepared it is who joins first that counts. */
static bool has_room(const struct group *g, struct slice member_id)
{
    const struct group_member *m = group_member_find(g, member_id);
    switch (g->state) {
    case GROUP_EMPTY:
    case GROUP_DEAD: return true;
    case GROUP_PREPARING:
        return (m != NULL && m->join_ask != 0) || g->joined_count < g->options->size_max;
    case GROUP_COMPLETING:
    case GROUP_STABLE: return m != NULL || g->member_count < g->options->size_max;
    }
    UNREACHABLE();
    return false;
}

static bool is_too_large(const struct group_event *e)
{
    size_t size = 0;
    for (uint32_t i = 0; i < e->join.protocol_count; i++) {
        size += e->join.protocols[i].name.size + e->join.protocols[i].metadata.size;
    }
    return size > GROUP_METADATA_MAX_BYTES;
}

static void on_join(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    struct slice id = e->join.member_id;
    if (g->state == GROUP_DEAD) {
        refuse_join(g, e, fx, KAFKA_COORDINATOR_NOT_AVAILABLE);
    } else if (is_too_large(e)) {
        refuse_join(g, e, fx, KAFKA_INVALID_REQUEST);
    } else if (!has_room(g, id)) {
        struct group_member *m = group_member_find(g, id);
        struct group_pending *p = members_pending_find(g, id);
        if (m != NULL) remove_member(g, fx, m);
        if (p != NULL) members_pending_remove(g, p);
        (void)answer(fx, e->ask, GROUP_JOIN, KAFKA_GROUP_MAX_SIZE_REACHED);
        maybe_complete_join(g, e, fx);
    } else if (id.size == 0) {
        join_new(g, e, fx);
    } else {
        join_existing(g, e, fx);
    }
}

/* ---- SyncGroup. ---- */

static bool is_other(struct slice said, struct slice is)
{
    return said.at != NULL && is.at != NULL && !slice_equal(said, is);
}

static int16_t check_sync(const struct group *g, const struct group_event *e)
{
    if (g->state == GROUP_DEAD) return KAFKA_COORDINATOR_NOT_AVAILABLE;
    int16_t error = check_member(g, e->sync.member_id, e->sync.instance_id);
    if (error != KAFKA_NONE) return error;
    if (e->sync.generation != g->generation) return KAFKA_ILLEGAL_GENERATION;
    if (is_other(e->sync.protocol_type, g->protocol_type)) return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    if (is_other(e->sync.protocol, g->protocol)) return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    if (g->state == GROUP_PREPARING) return KAFKA_REBALANCE_IN_PROGRESS;
    return KAFKA_NONE;
}

/* Who is not in the leader's list gets an empty assignment. */
static void take_assignments(struct group *g, const struct group_event *e)
{
    struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) own_free(&m->next_assignment);
    for (uint32_t i = 0; i < e->sync.assignment_count; i++) {
        m = group_member_find(g, e->sync.assignments[i].name);
        if (m != NULL) own_set(&m->next_assignment, e->sync.assignments[i].metadata);
    }
}

static void on_sync(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    int16_t error = check_sync(g, e);
    if (error != KAFKA_NONE) {
        (void)answer(fx, e->ask, GROUP_SYNC, error);
        return;
    }
    struct group_member *m = group_member_find(g, e->sync.member_id);
    m->must_sync = false;
    maybe_end_sync_deadline(g);
    if (g->state == GROUP_STABLE) {
        answer(fx, e->ask, GROUP_SYNC, KAFKA_NONE)->member = m;
        return;
    }
    CHECK(g->state == GROUP_COMPLETING);
    answer_sync(fx, m, KAFKA_REBALANCE_IN_PROGRESS);
    m->sync_ask = e->ask;
    if (m != g->leader) return;
    take_assignments(g, e);
    store(g, fx, true);
    g->sync_store = fx->store;
}

/* ---- What was to be stored is, or is not. ---- */

static void on_sync_stored(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    g->sync_store = 0;
    if (e->stored.error != KAFKA_NONE) {
        reset_assignments(g, e, fx, e->stored.error);
        note_why(g, e, "the assignment could not be stored: %s", kafka_error_name(e->stored.error));
        prepare(g, e, fx);
        return;
    }
    struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        own_free(&m->assignment);
        m->assignment = m->next_assignment;
        m->next_assignment = (struct slice){0};
        if (m->sync_ask != 0) touch(m, e->now_ms);
        answer_sync(fx, m, KAFKA_NONE);
    }
    become(g, e, GROUP_STABLE);
}

/* The static member is again who it was. */
static void undo_swap(struct group *g, const struct group_event *e, struct group_member *m)
{
    struct group_swap *swap = m->swap;
    protocols_set(&m->protocols, &m->protocol_count, swap->protocols, swap->protocol_count);
    m->session_timeout_ms = swap->session_timeout_ms;
    m->rebalance_timeout_ms = swap->rebalance_timeout_ms;
    members_rename(g, m, swap->old_id);
    touch(m, e->now_ms);
}

static void on_swap_stored(struct group *g, const struct group_event *e, struct group_effects *fx,
                           struct group_member *m)
{
    CHECK(m->join_ask != 0);
    if (e->stored.error != KAFKA_NONE) {
        answer_join(g, fx, m, e->stored.error);
        undo_swap(g, e, m);
        members_end_swap(m);
        return;
    }
    struct group_answer *a = tell_joined(g, fx, m->join_ask, m);
    m->join_ask = 0;
    g->joined_count--;
    if (m->swap->may_skip) {
        a->skip_assignment = m == g->leader;
        a->has_members = m == g->leader;
    } else {
        /* An old client that is told that it leads would assign anew: it hears its old name, so it
         * takes itself for a follower. */
        own_set(&g->told_leader, m->swap->told_leader);
        a->leader = g->told_leader;
    }
    members_end_swap(m);
}

static void on_stored(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    if (g->state == GROUP_COMPLETING && e->stored.number == g->sync_store) {
        on_sync_stored(g, e, fx);
        return;
    }
    struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        if (m->swap == NULL || m->swap->store != e->stored.number) continue;
        if (m->join_ask != 0) on_swap_stored(g, e, fx, m);
        return;
    }
}

/* ---- Heartbeat, LeaveGroup, commits. ---- */

static int16_t check_heartbeat(const struct group *g, const struct group_event *e)
{
    if (g->state == GROUP_DEAD) return KAFKA_COORDINATOR_NOT_AVAILABLE;
    int16_t error = check_member(g, e->heartbeat.member_id, e->heartbeat.instance_id);
    if (error != KAFKA_NONE) return error;
    return e->heartbeat.generation == g->generation ? KAFKA_NONE : KAFKA_ILLEGAL_GENERATION;
}

static void on_heartbeat(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    int16_t error = check_heartbeat(g, e);
    if (error == KAFKA_NONE) {
        touch(group_member_find(g, e->heartbeat.member_id), e->now_ms);
        if (g->state == GROUP_PREPARING) error = KAFKA_REBALANCE_IN_PROGRESS;
    }
    (void)answer(fx, e->ask, GROUP_HEARTBEAT, error);
}

int16_t group_commit(struct group *g, const struct group_commit *c)
{
    if (g->state == GROUP_DEAD) return KAFKA_COORDINATOR_NOT_AVAILABLE;
    /* Somebody without membership: a tool, or a consumer that assigns itself. */
    if (c->generation < 0 && g->state == GROUP_EMPTY) return KAFKA_NONE;
    if (c->generation < 0 && c->member_id.size == 0 && c->instance_id.at == NULL) {
        return KAFKA_UNKNOWN_MEMBER_ID;
    }
    int16_t error = check_member(g, c->member_id, c->instance_id);
    if (error != KAFKA_NONE) return error;
    if (c->generation != g->generation && !breaks(g, GROUP_CANARY_NO_FENCE)) {
        return KAFKA_ILLEGAL_GENERATION;
    }
    if (g->state == GROUP_COMPLETING) return KAFKA_REBALANCE_IN_PROGRESS;
    touch(group_member_find(g, c->member_id), c->now_ms);
    return KAFKA_NONE;
}

static int16_t leave_one(struct group *g, const struct group_event *e, struct group_effects *fx,
                         const struct group_leaver *leaver)
{
    struct group_member *m = NULL;
    if (leaver->member_id.size == 0) {
        /* An administrator removes a static member by its name. */
        m = members_find_static(g, leaver->instance_id);
        if (m == NULL) return KAFKA_UNKNOWN_MEMBER_ID;
    } else {
        struct group_pending *p = members_pending_find(g, leaver->member_id);
        if (p != NULL) {
            members_pending_remove(g, p);
            return KAFKA_NONE;
        }
        int16_t error = check_member(g, leaver->member_id, leaver->instance_id);
        if (error != KAFKA_NONE) return error;
        m = group_member_find(g, leaver->member_id);
    }
    if (g->state != GROUP_PREPARING) {
        note_why(g, e, "member %.*s left: %.*s", WHO(m->id), WHO(leaver->reason));
    }
    remove_member(g, fx, m);
    return KAFKA_NONE;
}

static void on_leave(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    uint32_t before = g->member_count;
    uint32_t pending_before = g->pending_count;
    for (uint32_t i = 0; i < e->leave.count; i++) {
        e->leave.errors[i] = g->state == GROUP_DEAD ? KAFKA_COORDINATOR_NOT_AVAILABLE
                                                    : leave_one(g, e, fx, &e->leave.leavers[i]);
    }
    if (g->member_count < before) {
        maybe_end_sync_deadline(g);
        prepare_or_complete(g, e, fx);
    } else if (g->pending_count < pending_before) {
        maybe_complete_join(g, e, fx);
    }
}

/* ---- Time. ---- */

static struct group_member *first_expired(const struct group *g, uint64_t now_ms)
{
    struct group_member *m;
    if (breaks(g, GROUP_CANARY_NO_EXPIRY)) return NULL;
    for (m = g->members; m != NULL; m = m->hh.next) {
        if (m->expires_ms != 0 && m->expires_ms <= now_ms) return m;
    }
    return NULL;
}

static void expire_members(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    struct group_member *m;
    while ((m = first_expired(g, e->now_ms)) != NULL) {
        bool waits_for_us = !m->is_new && (m->join_ask != 0 || m->sync_ask != 0);
        if (waits_for_us) {
            m->expires_ms = 0; /* Its clock starts again when it gets its answer. */
            continue;
        }
        if (g->state != GROUP_PREPARING) {
            note_why(g, e, "member %.*s (client %.*s at %.*s) sent no heartbeat for %u ms",
                     WHO(m->id), WHO(m->client_id), WHO(m->client_host), m->session_timeout_ms);
        }
        remove_member(g, fx, m);
        maybe_end_sync_deadline(g);
        prepare_or_complete(g, e, fx);
    }
}

static void expire_pending(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    bool any = false;
    struct group_pending *p, *next;
    HASH_ITER(hh, g->pending, p, next)
    {
        if (p->expires_ms > e->now_ms) continue;
        members_pending_remove(g, p);
        any = true;
    }
    if (any) maybe_complete_join(g, e, fx);
}

static void expire_sync(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    g->sync_deadline_ms = 0;
    uint32_t removed = 0;
    struct group_member *m, *next;
    HASH_ITER(hh, g->members, m, next)
    {
        if (!m->must_sync) continue;
        note_why(g, e, "member %.*s joined and did not ask for its part", WHO(m->id));
        remove_member(g, fx, m);
        removed++;
    }
    if (removed > 0) prepare(g, e, fx);
}

static void on_join_deadline(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    if (is_initial(g) && g->has_grown && g->initial_left_ms > 0) {
        /* Others have come: perhaps there are more. */
        uint64_t delay_ms = g->options->initial_delay_ms;
        uint64_t wait_ms = delay_ms < g->initial_left_ms ? delay_ms : g->initial_left_ms;
        g->has_grown = false;
        g->join_deadline_ms = e->now_ms + wait_ms;
        g->initial_left_ms = g->initial_left_ms > delay_ms ? g->initial_left_ms - delay_ms : 0;
        return;
    }
    complete_join(g, e, fx);
}

static void on_tick(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    expire_pending(g, e, fx);
    expire_members(g, e, fx);
    if (g->sync_deadline_ms != 0 && g->sync_deadline_ms <= e->now_ms) expire_sync(g, e, fx);
    if (g->join_deadline_ms != 0 && g->join_deadline_ms <= e->now_ms) on_join_deadline(g, e, fx);
}

static void on_loaded(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) touch(m, e->now_ms);
    if (g->member_count <= g->options->size_max) return;
    note_why(g, e, "it has more members than group.max.size allows");
    prepare(g, e, fx);
}

static void on_reshare(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) touch(m, e->now_ms);
    note_why(g, e, "all of its members speak the classic protocol now");
    prepare(g, e, fx);
}

static void on_kill(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    struct group_member *m;
    for (m = g->members; m != NULL; m = m->hh.next) {
        answer_join(g, fx, m, e->kill.error);
        answer_sync(fx, m, e->kill.error);
        m->must_sync = false;
        members_end_swap(m);
    }
    g->join_deadline_ms = 0;
    g->sync_deadline_ms = 0;
    g->sync_store = 0;
    become(g, e, GROUP_DEAD);
}

static void earlier(uint64_t *deadline_ms, uint64_t at_ms)
{
    if (at_ms != 0 && at_ms < *deadline_ms) *deadline_ms = at_ms;
}

/* Heartbeats only make it later: it is looked at again when it has come. */
static void set_deadline(struct group *g, const struct group_event *e)
{
    if (e->kind == GROUP_HEARTBEAT && g->state != GROUP_PREPARING) return;

    g->deadline_ms = GROUP_NEVER;
    if (g->state == GROUP_DEAD) return;
    earlier(&g->deadline_ms, g->join_deadline_ms);
    earlier(&g->deadline_ms, g->sync_deadline_ms);
    const struct group_member *m;
    bool is_deaf = breaks(g, GROUP_CANARY_NO_EXPIRY);
    for (m = g->members; m != NULL && !is_deaf; m = m->hh.next) {
        earlier(&g->deadline_ms, m->expires_ms);
    }
    const struct group_pending *p;
    for (p = g->pending; p != NULL; p = p->hh.next) earlier(&g->deadline_ms, p->expires_ms);
}

void group_step(struct group *g, const struct group_event *e, struct group_effects *fx)
{
    group_check(g);
    fx->answer_count = 0;
    fx->store = 0;
    fx->store_is_next = false;
    fx->has_rebalanced = false;
    switch (e->kind) {
    case GROUP_JOIN: on_join(g, e, fx); break;
    case GROUP_SYNC: on_sync(g, e, fx); break;
    case GROUP_HEARTBEAT: on_heartbeat(g, e, fx); break;
    case GROUP_LEAVE: on_leave(g, e, fx); break;
    case GROUP_STORED: on_stored(g, e, fx); break;
    case GROUP_TICK: on_tick(g, e, fx); break;
    case GROUP_LOADED: on_loaded(g, e, fx); break;
    case GROUP_RESHARE: on_reshare(g, e, fx); break;
    case GROUP_KILL: on_kill(g, e, fx); break;
    }
    set_deadline(g, e);
    group_check(g);
}

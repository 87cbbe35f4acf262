#include <stdlib.h>

#include "broker/groups/consumer/inside.h"
#include "proto/kafka_errors.h"

const char *consumer_state_text(enum consumer_state state)
{
    switch (state) {
    case CONSUMER_EMPTY: return "Empty";
    case CONSUMER_ASSIGNING: return "Assigning";
    case CONSUMER_RECONCILING: return "Reconciling";
    case CONSUMER_STABLE: return "Stable";
    case CONSUMER_DEAD: return "Dead";
    }
    UNREACHABLE();
    return "";
}

enum consumer_state consumer_state_of(const struct consumer_group *c)
{
    if (!c->is_alive) return CONSUMER_DEAD;
    if (c->member_count == 0) return CONSUMER_EMPTY;
    if (c->epoch > c->target_epoch) return CONSUMER_ASSIGNING;
    const struct consumer_member *m;
    for (m = c->members; m != NULL; m = m->hh.next) {
        bool is_done = m->state == CONSUMER_MEMBER_STABLE && m->epoch == c->target_epoch;
        if (!is_done) return CONSUMER_RECONCILING;
    }
    return CONSUMER_STABLE;
}

struct consumer_group *consumer_new(struct slice id)
{
    struct consumer_group *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    c->id = own_copy(id);
    c->deadline_ms = GROUP_NEVER;
    return c;
}

void consumer_free(struct consumer_group *c)
{
    if (c == NULL) return;

    consumer_members_free(c);
    consumer_patterns_free(c);
    while (c->gone != NULL) consumer_forget_gone(c, c->gone->id, c->gone->is_pattern);
    CHECK(c->holders == NULL);
    own_free(&c->id);
    free(c);
}

static void check_holders(const struct consumer_group *c, const struct consumer_member *m,
                          const struct part_set *parts)
{
    for (uint32_t i = 0; i < parts->count; i++) {
        CHECK(consumer_holder_of(c, parts->items[i]) != NULL);
        CHECK(m->state != CONSUMER_MEMBER_UNREVOKED || !part_set_meets(&m->assigned, &m->revoking));
    }
}

void consumer_check(const struct consumer_group *c)
{
    uint32_t classic = 0;
    const struct consumer_member *m;
    for (m = c->members; m != NULL; m = m->hh.next) {
        classic += m->is_classic;
        CHECK(m->epoch <= c->epoch);
        CHECK(IMPLIES(m->is_classic, m->protocol_count > 0));
        CHECK(IMPLIES(m->revoking.count > 0, m->state == CONSUMER_MEMBER_UNREVOKED));
    }
    CHECK(classic == c->classic_count);
    CHECK(c->target_epoch <= c->epoch);
    CHECK(HASH_COUNT(c->members) == c->member_count);
    CHECK(IMPLIES(!c->is_alive, c->member_count == 0));
}

void consumer_check_all(const struct consumer_group *c, bool holds_once)
{
    uint32_t held = 0;
    const struct consumer_member *m;
    for (m = c->members; m != NULL; m = m->hh.next) {
        check_holders(c, m, &m->assigned);
        check_holders(c, m, &m->revoking);
        held += m->assigned.count + m->revoking.count;
        CHECK(m->instance_id.at == NULL || consumer_static_find(c, m->instance_id) == m);
    }
    if (holds_once) CHECK(HASH_COUNT(c->holders) == held);
}

/* ---- Commits. ---- */

int16_t consumer_check_commit(const struct consumer_group *c, const struct consumer_commit *q)
{
    /* Somebody without membership: a tool, or a consumer that assigns itself. */
    if (q->epoch < 0 && c->member_count == 0) return KAFKA_NONE;
    const struct consumer_member *m = consumer_member_find(c, q->member_id);
    if (m == NULL) return KAFKA_UNKNOWN_MEMBER_ID;
    if (!m->is_classic && q->version < CONSUMER_COMMIT_VERSION) return KAFKA_UNSUPPORTED_VERSION;
    if (m->epoch == q->epoch) return KAFKA_NONE;
    return m->is_classic ? KAFKA_ILLEGAL_GENERATION : KAFKA_STALE_MEMBER_EPOCH;
}

int16_t consumer_check_fetch(const struct consumer_group *c, struct slice member_id, int32_t epoch)
{
    if (member_id.at == NULL && epoch < 0) return KAFKA_NONE;
    const struct consumer_member *m = consumer_member_find(c, member_id);
    if (m == NULL) return KAFKA_UNKNOWN_MEMBER_ID;
    if (m->epoch == epoch) return KAFKA_NONE;
    return m->is_classic ? KAFKA_ILLEGAL_GENERATION : KAFKA_STALE_MEMBER_EPOCH;
}

static bool names(const struct slice *topics, uint32_t count, struct slice topic)
{
    for (uint32_t i = 0; i < count; i++) {
        if (slice_equal(topics[i], topic)) return true;
    }
    return false;
}

bool consumer_subscribes(const struct consumer_group *c, struct slice topic)
{
    const struct consumer_member *m;
    for (m = c->members; m != NULL; m = m->hh.next) {
        if (names(m->topics, m->topic_count, topic)) return true;
        const struct consumer_pattern *p = consumer_pattern_find(c, m->pattern);
        if (p != NULL && names(p->topics, p->topic_count, topic)) return true;
    }
    return false;
}

/* ---- Time. ---- */

static bool is_due(uint64_t at_ms, const struct consumer_event *e)
{
    return at_ms != 0 && at_ms <= e->now_ms;
}

/* Why the member has to go now; NULL: it has not. */
static const char *what_is_over(struct consumer_member *m, const struct consumer_event *e)
{
    if ((e->settings->canary & CONSUMER_CANARY_NO_EXPIRY) != 0) m->session_ms = 0;
    if (is_due(m->session_ms, e)) return "sent no heartbeat for its session timeout";
    if (is_due(m->join_ms, e)) return "did not join again within its rebalance timeout";
    if (is_due(m->sync_ms, e)) return "joined and did not ask for its part";
    if (!is_due(m->rebalance_ms, e)) return NULL;
    m->rebalance_ms = 0;
    return m->epoch == m->rebalance_epoch ? "did not give up its partitions within its rebalance "
                                            "timeout"
                                          : NULL;
}

static void on_tick(struct consumer_group *c, const struct consumer_event *e,
                    struct consumer_effects *fx)
{
    struct consumer_member *m, *next;
    for (m = c->members; m != NULL && c->is_alive; m = next) {
        next = m->hh.next;
        const char *why = what_is_over(m, e);
        if (why == NULL) continue;
        consumer_note(c, e, "member %.*s (client %.*s at %.*s) %s", WHO(m->id), WHO(m->client_id),
                      WHO(m->client_host), why);
        consumer_fence(c, e, fx, m);
    }
}

static void on_loaded(struct consumer_group *c, const struct consumer_event *e)
{
    consumer_hold_all(c);
    struct consumer_member *m;
    for (m = c->members; m != NULL; m = m->hh.next) {
        consumer_touch(m, e);
        m->is_untold = true; /* By a coordinator that may have ended in the middle of an answer. */
        if (m->is_classic || m->state != CONSUMER_MEMBER_UNREVOKED) continue;
        m->rebalance_ms = e->now_ms + m->rebalance_timeout_ms;
        m->rebalance_epoch = m->epoch;
    }
}

static void earlier(uint64_t *deadline_ms, uint64_t at_ms)
{
    if (at_ms != 0 && at_ms < *deadline_ms) *deadline_ms = at_ms;
}

static void set_deadline(struct consumer_group *c)
{
    c->deadline_ms = GROUP_NEVER;
    const struct consumer_member *m;
    for (m = c->members; m != NULL; m = m->hh.next) {
        earlier(&c->deadline_ms, m->session_ms);
        earlier(&c->deadline_ms, m->rebalance_ms);
        earlier(&c->deadline_ms, m->join_ms);
        earlier(&c->deadline_ms, m->sync_ms);
    }
}

static void note_end_of_rebalance(struct consumer_group *c, const struct consumer_event *e)
{
    if (c->rebalance_began_ms == 0) return;
    enum consumer_state state = consumer_state_of(c);
    if (state == CONSUMER_ASSIGNING || state == CONSUMER_RECONCILING) return;
    c->rebalance_took_ms = e->now_ms - c->rebalance_began_ms;
    c->rebalance_began_ms = 0;
}

/* ---- The step. ---- */

void consumer_step(struct consumer_group *c, const struct consumer_event *e,
                   struct consumer_effects *fx)
{
    CHECK(c->is_alive);
    consumer_check(c);
    *fx = (struct consumer_effects){0};
    switch (e->kind) {
    case CONSUMER_HEARTBEAT: consumer_on_heartbeat(c, e, fx); break;
    case CONSUMER_JOIN: consumer_on_join(c, e, fx); break;
    case CONSUMER_SYNC: consumer_on_sync(c, e, fx); break;
    case CONSUMER_CLASSIC_HEARTBEAT: consumer_on_classic_heartbeat(c, e, fx); break;
    case CONSUMER_LEAVE: consumer_on_leave(c, e, fx); break;
    case CONSUMER_TICK: on_tick(c, e, fx); break;
    case CONSUMER_LOADED: on_loaded(c, e); break;
    }
    bool has_marks = (c->marks & CONSUMER_MARK_SOMETHING) != 0;
    if (has_marks) fx->store = ++c->last_store;
    note_end_of_rebalance(c, e);
    /* Heartbeats of which nothing comes only make it later: it is looked at again when it is due.
     */
    bool is_later = e->kind == CONSUMER_HEARTBEAT && !has_marks && c->deadline_ms != GROUP_NEVER;
    if (!is_later) set_deadline(c);
    consumer_check(c);
}

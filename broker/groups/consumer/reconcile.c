#include "broker/groups/consumer/inside.h"

/* Does the member still have one of them, as far as we know? */
static bool has_any(const struct part_set *owned, const struct part_set *parts)
{
    return owned == NULL || part_set_meets(owned, parts);
}

/* Adds what of the target nobody holds. False: somebody holds some of it. */
static bool add_free(const struct consumer_group *c, const struct consumer_member *m,
                     bool ignores_holders, struct part_set *assigned)
{
    bool is_all = true;
    for (uint32_t i = 0; i < m->target.count; i++) {
        struct part p = m->target.items[i];
        if (part_set_has(assigned, p)) continue;
        bool is_held = consumer_holder_of(c, p) != NULL && !ignores_holders;
        if (is_held) {
            is_all = false;
        } else {
            (void)part_set_add(assigned, p);
        }
    }
    return is_all;
}

/* KIP-848, reconciliation: gives up first, then takes. */
static void advance(struct consumer_group *c, struct consumer_member *m,
                    const struct consumer_event *e, int32_t epoch, const struct part_set *owned)
{
    bool ignores_holders = (e->settings->canary & CONSUMER_CANARY_NO_WAIT) != 0;
    struct part_set assigned = {0}, revoking = {0};
    part_set_keep(&m->assigned, &m->target, &assigned);
    part_set_drop(&m->assigned, &m->target, &revoking);
    m->previous_epoch = m->epoch;
    if (revoking.count > 0 && has_any(owned, &revoking)) {
        m->epoch = epoch;
        m->state = CONSUMER_MEMBER_UNREVOKED;
    } else {
        part_set_clear(&revoking);
        bool is_all = add_free(c, m, ignores_holders, &assigned);
        m->epoch = c->target_epoch;
        m->state = is_all ? CONSUMER_MEMBER_STABLE : CONSUMER_MEMBER_UNRELEASED;
    }
    consumer_hold(c, m, &assigned, &revoking);
}

static void set_rebalance_clock(struct consumer_member *m, const struct consumer_event *e)
{
    if (m->is_classic) return;

    m->rebalance_ms = 0;
    if (m->state != CONSUMER_MEMBER_UNREVOKED) return;
    m->rebalance_ms = e->now_ms + m->rebalance_timeout_ms;
    m->rebalance_epoch = m->epoch;
}

/* Next to what it was before: has anything changed that is stored? */
struct before {
    int32_t epoch;
    int32_t previous_epoch;
    enum consumer_member_state state;
    struct part_set assigned;
    struct part_set revoking;
};

bool consumer_reconcile(struct consumer_group *c, struct consumer_member *m,
                        const struct consumer_event *e, const struct part_set *owned)
{
    struct before before = {m->epoch, m->previous_epoch, m->state, {0}, {0}};
    switch (m->state) {
    case CONSUMER_MEMBER_STABLE:
        if (m->epoch == c->target_epoch) return false;
        break;
    case CONSUMER_MEMBER_UNREVOKED:
        if (has_any(owned, &m->revoking)) return false;
        break;
    case CONSUMER_MEMBER_UNRELEASED: break;
    }
    part_set_copy(&before.assigned, &m->assigned);
    part_set_copy(&before.revoking, &m->revoking);
    int32_t epoch = m->state == CONSUMER_MEMBER_UNREVOKED ? m->epoch + 1 : m->epoch;
    advance(c, m, e, epoch, owned);
    bool is_moved = !part_set_equal(&before.assigned, &m->assigned);
    bool has_changed = is_moved || before.epoch != m->epoch || before.state != m->state ||
                       before.previous_epoch != m->previous_epoch ||
                       !part_set_equal(&before.revoking, &m->revoking);
    if (has_changed) {
        consumer_mark(c, m, CONSUMER_MARK_CURRENT);
        set_rebalance_clock(m, e);
    }
    part_set_close(&before.assigned);
    part_set_close(&before.revoking);
    return is_moved;
}

#include "controller/propose.h"

struct decision decision_begin(struct controller *c, size_t arena_bytes)
{
    uint32_t canary = 0;
    if (c->options.canary & CONTROLLER_CANARY_ISR_ANY_BROKER_EPOCH)
        canary |= DECIDE_CANARY_ISR_ANY_BROKER_EPOCH;
    if (c->options.canary & CONTROLLER_CANARY_ELECT_OUTSIDE_ISR)
        canary |= DECIDE_CANARY_ELECT_OUTSIDE_ISR;
    if (c->options.canary & CONTROLLER_CANARY_NO_LEADER_EPOCH_BUMP)
        canary |= DECIDE_CANARY_NO_LEADER_EPOCH_BUMP;
    if (c->options.canary & CONTROLLER_CANARY_ISR_FENCED) canary |= DECIDE_CANARY_ISR_FENCED;
    if (c->options.canary & CONTROLLER_CANARY_REGISTER_KEEPS)
        canary |= DECIDE_CANARY_REGISTER_KEEPS;
    if (c->options.canary & CONTROLLER_CANARY_ANY_LAST_HOPE) canary |= DECIDE_CANARY_ANY_LAST_HOPE;
    if (c->options.canary & CONTROLLER_CANARY_SHORTEST) canary |= DECIDE_CANARY_SHORTEST;
    return (struct decision){.arena = scratch(c, SCRATCH_WORK, arena_bytes), .canary = canary};
}

#include "tests/sim/canaries.h"

#include <string.h>

#include "broker/groups/consumer/consumer.h"
#include "broker/groups/group.h"
#include "broker/partition/replica.h"
#include "common/check.h"

const char *canary_name(enum canary canary)
{
    static const char *const names[] = {
#define X(name, field, bit, seed, text) #name,
        CANARIES(X)
#undef X
#define X(name, bit, seed, text) #name,
            RAFT_CANARIES(X)
#undef X
    };
    CHECK(canary < CANARY_COUNT);
    return names[canary];
}

const char *canary_text(enum canary canary)
{
    static const char *const texts[] = {
#define X(name, field, bit, seed, text) text,
        CANARIES(X)
#undef X
#define X(name, bit, seed, text) text,
            RAFT_CANARIES(X)
#undef X
    };
    CHECK(canary < CANARY_COUNT);
    return texts[canary];
}

uint64_t canary_seed(enum canary canary)
{
    static const uint64_t seeds[] = {
#define X(name, field, bit, seed, text) seed,
        CANARIES(X)
#undef X
#define X(name, bit, seed, text) seed,
            RAFT_CANARIES(X)
#undef X
    };
    CHECK(canary < CANARY_COUNT);
    return seeds[canary];
}

enum canary canary_find(const char *name)
{
    for (uint32_t i = 0; i < CANARY_COUNT; i++) {
        if (strcmp(canary_name((enum canary)i), name) == 0) return (enum canary)i;
    }
    return CANARY_COUNT;
}

uint32_t canary_raft(enum canary canary)
{
    static const uint32_t bits[CANARY_COUNT] = {
#define X(name, bit, seed, text) [CANARY_##name] = (bit),
        RAFT_CANARIES(X)
#undef X
    };
    CHECK(canary < CANARY_COUNT);
    return bits[canary];
}

static void set(enum canary canary, struct cluster_options *options)
{
#define X(name, field, bit, seed, text) \
    if (canary == CANARY_##name) options->field |= (bit);
    CANARIES(X)
#undef X
}

#define OF_DISKS (BROKER_CANARY_FULL_HALTS | BROKER_CANARY_CUT_ROT)
#define DISK_PAUSE_MS 1000

void canary_set(enum canary canary, bool is_broken, struct cluster_options *options)
{
    struct cluster_options broken = *options;
    set(canary, &broken);
    /* What groups have nothing to do with is looked for without them. */
    bool is_of_groups = broken.broker.groups.canary != 0;
    if (is_broken) *options = broken;
    /* Each is of one protocol. */
    const uint32_t of_consumers = CONSUMER_CANARY_NO_WAIT | CONSUMER_CANARY_NO_EXPIRY;
    bool is_of_consumers = (broken.broker.groups.canary & of_consumers) != 0;
    if (is_of_groups) options->consumer_groups = is_of_consumers ? 3 : 0;
    if (is_of_groups) options->mixed_groups = 0;
    /* So are disks; and what is of them needs some. */
    bool is_of_disks = (broken.broker.broker_canary & OF_DISKS) != 0;
    options->disk_pause_ms = is_of_disks ? DISK_PAUSE_MS : 0;
    options->log_dir_count = 1;
    for (uint32_t k = FAULT_DISK_FIRST; k < FAULT_KIND_COUNT; k++) options->weights[k] = 1;
    if (is_of_groups) return;
    options->group_count = 0;
    options->member_count = 0;
}

#include "tests/sim/canaries.h"

#include <string.h>

#include "broker/groups/group.h"
#include "broker/partition/replica.h"
#include "common/check.h"

const char *canary_name(enum canary canary)
{
    static const char *const names[] = {
#define X(name, field, bit, seed, text) #name,
        CANARIES(X)
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

static void set(enum canary canary, struct cluster_options *options)
{
    switch (canary) {
#define X(name, field, bit, seed, text) \
    case CANARY_##name: options->field |= bit; return;
        CANARIES(X)
#undef X
    case CANARY_COUNT: return;
    }
}

void canary_set(enum canary canary, struct cluster_options *options)
{
    set(canary, options);
    /* What groups have nothing to do with is looked for without them. */
    if (options->broker.groups.canary != 0) return;
    options->group_count = 0;
    options->member_count = 0;
}

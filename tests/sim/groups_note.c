#include "tests/sim/groups_note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

void groups_note_owner(struct groups_note *n, uint32_t group, int32_t generation, uint32_t share,
                       const char *who)
{
    CHECK(group < GROUPS_MAX);
    if (n->newest[group] < generation) n->newest[group] = generation;
    for (uint32_t i = n->count; i-- > 0;) {
        const struct share_note *o = &n->owners[i];
        if (o->group != group || o->generation != generation || o->share != share) continue;
        if (strcmp(o->who, who) == 0) return;
        sim_violation(n->sim, "[owner] share %u of group g%u is %s's in generation %d, and %s's",
                      share, group, o->who, generation, who);
        return;
    }
    if (n->count == n->capacity) {
        n->capacity = n->capacity == 0 ? 64 : n->capacity * 2;
        n->owners = realloc(n->owners, n->capacity * sizeof n->owners[0]);
        CHECK(n->owners != NULL);
    }
    struct share_note *o = &n->owners[n->count++];
    *o = (struct share_note){.group = group, .generation = generation, .share = share};
    (void)snprintf(o->who, sizeof o->who, "%s", who);
}

void groups_note_taken(struct groups_note *n, uint32_t group, int32_t epoch, uint32_t share)
{
    CHECK(group < GROUPS_MAX && share < GROUPS_SHARES_MAX);
    if (n->taken[group][share] < epoch) n->taken[group][share] = epoch;
}

void groups_note_tried(struct groups_note *n, uint32_t group, uint32_t share, int64_t offset)
{
    CHECK(share < GROUPS_SHARES_MAX);
    if (n->tried[group][share] < offset) n->tried[group][share] = offset;
}

void groups_note_acked(struct groups_note *n, uint32_t group, uint32_t share, int64_t offset)
{
    CHECK(offset <= n->tried[group][share]);
    n->commits++;
    if (n->acked[group][share] < offset) n->acked[group][share] = offset;
}

void groups_note_fetched(struct groups_note *n, uint32_t group, uint32_t share, int64_t offset,
                         int64_t acked, const char *who)
{
    n->fetches++;
    if (offset < acked) {
        sim_violation(n->sim,
                      "[back] %s is told that %lld is committed for share %u of group g%u, and "
                      "%lld was acknowledged",
                      who, (long long)offset, share, group, (long long)acked);
    } else if (offset > n->tried[group][share]) {
        sim_violation(n->sim,
                      "[invented] %s is told that %lld is committed for share %u of group g%u, "
                      "which nobody did",
                      who, (long long)offset, share, group);
    }
}

void groups_note_print(const struct groups_note *n, FILE *to)
{
    (void)fprintf(to, "groups: %u shares owned, %llu commits acknowledged, %llu offsets fetched\n",
                  n->count, (unsigned long long)n->commits, (unsigned long long)n->fetches);
}

void groups_note_close(struct groups_note *n)
{
    free(n->owners);
    *n = (struct groups_note){0};
}

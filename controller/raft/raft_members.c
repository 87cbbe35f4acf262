#include "controller/raft/raft_members.h"

#include <string.h>

#include "common/check.h"

bool raft_disk_is_known(const uint8_t disk[RAFT_DISK_ID_SIZE])
{
    for (uint32_t i = 0; i < RAFT_DISK_ID_SIZE; i++) {
        if (disk[i] != 0) return true;
    }
    return false;
}

const struct raft_member *raft_members_find(const struct raft_members *m, uint32_t id)
{
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->items[i].id == id) return &m->items[i];
    }
    return NULL;
}

bool raft_members_has_voter(const struct raft_members *m, uint32_t id)
{
    const struct raft_member *member = raft_members_find(m, id);
    return member != NULL && member->voter;
}

uint32_t raft_members_voter_count(const struct raft_members *m)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->count; i++) count += m->items[i].voter;
    return count;
}

void raft_members_remove(struct raft_members *m, uint32_t id)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->items[i].id != id) m->items[kept++] = m->items[i];
    }
    m->count = kept;
}

bool raft_members_put(struct raft_members *m, const struct raft_member *member)
{
    CHECK(member->id != RAFT_NOBODY);

    struct raft_members next = *m;
    raft_members_remove(&next, member->id);
    if (next.count == RAFT_MEMBERS_MAX) return false;
    if (member->voter && raft_members_voter_count(&next) == RAFT_VOTERS_MAX) return false;

    uint32_t at = next.count++;
    for (; at > 0 && next.items[at - 1].id > member->id; at--) next.items[at] = next.items[at - 1];
    next.items[at] = *member;
    *m = next;
    return true;
}

bool raft_members_are_sane(const struct raft_members *m)
{
    if (m->count > RAFT_MEMBERS_MAX) return false;
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->items[i].id == RAFT_NOBODY) return false;
        if (i > 0 && m->items[i - 1].id >= m->items[i].id) return false;
    }
    return raft_members_voter_count(m) <= RAFT_VOTERS_MAX;
}

/* Voters of `a` that are not voters of `b` on the same disk. A disk that was not known may become
 * known: that names the voter, and makes it no other. */
static uint32_t count_voters_missing(const struct raft_members *a, const struct raft_members *b)
{
    uint32_t missing = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct raft_member *old = &a->items[i];
        if (!old->voter) continue;

        const struct raft_member *new = raft_members_find(b, old->id);
        if (new == NULL || !new->voter) {
            missing++;
        } else if (raft_disk_is_known(old->disk) && raft_disk_is_known(new->disk) &&
                   memcmp(old->disk, new->disk, RAFT_DISK_ID_SIZE) != 0) {
            missing++;
        }
    }
    return missing;
}

bool raft_members_one_step(const struct raft_members *from, const struct raft_members *to)
{
    if (raft_members_voter_count(to) == 0) return false;
    return count_voters_missing(from, to) + count_voters_missing(to, from) <= 1;
}

#include "controller/members.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"

_Static_assert(sizeof(struct uuid) == RAFT_DISK_ID_SIZE, "a disk's id is a uuid");

int members_decode(struct controller *c, const struct metalog_entry *e, struct meta_batch *out)
{
    struct record record;
    struct record_cursor cursor = kafka_batch_records(buf_slice(e->buf));
    if (!kafka_record_next(&cursor, &record)) return -ERR_MALFORMED;
    struct arena *arena = scratch(c, SCRATCH_BATCH, META_DECODE_BYTES(record.value.size));
    return meta_batch_decode(record.value, arena, out);
}

/* ---- Addresses. ---- */

const struct node_voter *members_address(const struct controller *c, uint32_t id)
{
    for (uint32_t i = 0; i < c->address_count; i++) {
        if (c->addresses[i].id == id) return &c->addresses[i];
    }
    for (uint32_t i = 0; i < c->options.voter_count; i++) {
        if (c->options.voters[i].id == id) return &c->options.voters[i];
    }
    return NULL;
}

static void note_address(struct controller *c, uint32_t id, struct slice host, uint16_t port)
{
    if (host.size == 0 || host.size >= ENV_HOST_MAX) return;
    struct node_voter *at = NULL;
    for (uint32_t i = 0; i < c->address_count; i++) {
        if (c->addresses[i].id == id) at = &c->addresses[i];
    }
    if (at == NULL) {
        if (c->address_count == ADDRESSES_MAX) return;
        at = &c->addresses[c->address_count++];
    }
    at->id = id;
    at->port = port;
    (void)snprintf(at->host, sizeof at->host, "%.*s", (int)host.size, (const char *)host.at);
}

/* ---- Sets. ---- */

static void put(struct raft_members *set, uint32_t id, struct uuid disk, bool is_learner)
{
    struct raft_member member = {.id = id, .voter = !is_learner};
    memcpy(member.disk, disk.bytes, sizeof member.disk);
    /* More members than there may be have never been proposed. */
    (void)raft_members_put(set, &member);
}

struct raft_members members_of_record(const struct meta_record *record)
{
    CHECK(record->kind == META_VOTERS);
    struct raft_members set = {0};
    for (uint32_t i = 0; i < record->voters.count; i++) {
        const struct meta_voter *v = &record->voters.voters[i];
        put(&set, v->id, v->disk, v->is_learner);
    }
    return set;
}

struct raft_membership members_seed(const struct controller *c)
{
    struct raft_membership set = {0};
    for (uint32_t i = 0; i < c->options.voter_count; i++)
        put(&set.members, c->options.voters[i].id, (struct uuid){0}, false);
    return set;
}

struct raft_membership members_of_image(struct controller *c, const struct meta_image *image)
{
    if (image->voter_count == 0) return members_seed(c);

    struct raft_membership set = {.index = image->index};
    for (uint32_t i = 0; i < image->voter_count; i++) {
        const struct meta_image_voter *v = &image->voters[i];
        put(&set.members, v->id, v->disk, v->is_learner);
        note_address(c, v->id, slice_of_text(v->host), v->port);
    }
    return set;
}

/* False: it holds none. What does not decode is found out when it is applied. */
static bool find_set(struct controller *c, const struct metalog_entry *e, struct raft_members *out)
{
    struct meta_batch batch;
    if (members_decode(c, e, &batch) != 0) return false;

    bool found = false;
    for (uint32_t i = 0; i < batch.count; i++) {
        const struct meta_record *r = &batch.records[i];
        if (r->kind != META_VOTERS) continue;
        *out = members_of_record(r);
        found = true;
        for (uint32_t k = 0; k < r->voters.count; k++) {
            const struct meta_voter *v = &r->voters.voters[k];
            note_address(c, v->id, v->host, v->port);
        }
    }
    return found;
}

uint32_t members_of_entries(struct controller *c, const struct metalog_entry *entries,
                            uint32_t count, uint64_t first_index,
                            struct raft_membership out[RAFT_MEMBERSHIPS_KEPT])
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct raft_membership set = {.index = first_index + i};
        if (!find_set(c, &entries[i], &set.members)) continue;
        if (found == RAFT_MEMBERSHIPS_KEPT) out[0] = out[--found];
        out[found++] = set;
    }
    return found;
}

void members_on_hello(struct controller *c, uint32_t id, bool knows_a_cluster)
{
    if (knows_a_cluster) {
        c->is_born = true;
        return;
    }
    for (uint32_t i = 0; i < c->options.voter_count; i++) {
        if (c->options.voters[i].id == id) c->unborn_mask |= 1u << i;
    }
}

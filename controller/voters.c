#include "controller/voters.h"

#include <string.h>

#include "common/check.h"
#include "controller/conns.h"
#include "controller/files.h"
#include "controller/members.h"
#include "controller/propose.h"
#include "controller/quorum.h"
#include "proto/kafka_errors.h"

#define LOOK_MS 100
#define HEARD_MS 1000 /* A learner that is promoted has answered within this. */

/* ---- May this node vote? ---- */

static bool is_birth(const struct controller *c)
{
    if (c->is_born || c->cluster_id[0] != 0 || metalog_next(&c->log) > 1) return false;
    if (c->committed.index > 0) return false;

    uint32_t count = 0;
    bool is_seed = false;
    for (uint32_t i = 0; i < c->options.voter_count; i++) {
        bool is_self = c->options.voters[i].id == c->options.node_id;
        is_seed = is_seed || is_self;
        count += is_self || (c->unborn_mask & 1u << i) != 0;
    }
    return is_seed && count > c->options.voter_count / 2;
}

void voters_settle(struct controller *c)
{
    if (c->may_vote || c->is_noting || is_halted(c)) return;
    bool is_vouched = raft_is_vouched(&c->raft);
    if (!is_vouched && !is_birth(c)) return;

    c->is_noting = true;
    files_write_properties(c);
    if (is_vouched) log_info(c->env, "the metadata log names this node's disk: it may vote");
}

void voters_on_noted(struct controller *c)
{
    if (!c->is_noting) return;
    c->is_noting = false;
    c->may_vote = true;
    struct raft_event event = {.kind = RAFT_VOUCHED};
    quorum_step(c, &event);
}

/* ---- The set, as the leader has it. ---- */

static void write_member(const struct controller *c, const struct raft_member *member,
                         struct meta_record *r)
{
    CHECK(r->voters.count < META_VOTERS_MAX);
    const struct node_voter *at = members_address(c, member->id);
    struct meta_voter *v = &r->voters.voters[r->voters.count++];
    *v = (struct meta_voter){.id = member->id, .is_learner = !member->voter};
    memcpy(v->disk.bytes, member->disk, sizeof v->disk.bytes);
    if (at == NULL) return;
    v->host = slice_of_text(at->host);
    v->port = at->port;
}

static void write_set(const struct controller *c, const struct raft_members *set,
                      struct decision *d)
{
    struct meta_record *r = decision_add(d, META_VOTERS);
    for (uint32_t i = 0; i < set->count; i++) write_member(c, &set->items[i], r);
}

/* Zero: it has not said hello. */
static struct uuid disk_of(struct controller *c, uint32_t id)
{
    if (id == c->options.node_id) return c->disk;
    const struct conn *conn = conn_of(c, CONN_VOTER_IN, id);
    return conn == NULL ? (struct uuid){0} : conn->incarnation;
}

/* Disks that were not known get their names; that changes no voter. */
static bool name_disks(struct controller *c, struct raft_members *set, struct decision *d)
{
    bool any = false;
    for (uint32_t i = 0; i < set->count; i++) {
        struct raft_member *m = &set->items[i];
        struct uuid disk = disk_of(c, m->id);
        if (raft_disk_is_known(m->disk) || uuid_is_zero(disk)) continue;
        memcpy(m->disk, disk.bytes, sizeof m->disk);
        any = true;
    }
    if (any) decision_cause(d, "controllers are known by their disks");
    return any;
}

static bool replace_wiped(struct controller *c, struct raft_members *set, struct decision *d)
{
    for (uint32_t i = 0; i < set->count; i++) {
        struct raft_member *m = &set->items[i];
        struct uuid disk = disk_of(c, m->id);
        if (uuid_is_zero(disk) || memcmp(m->disk, disk.bytes, sizeof m->disk) == 0) continue;
        if (m->voter && raft_members_voter_count(set) == 1) continue;
        memcpy(m->disk, disk.bytes, sizeof m->disk);
        m->voter = false;
        decision_cause(d, "controller %u has another disk: it learns before it votes again", m->id);
        return true;
    }
    return false;
}

static bool has_the_log(struct controller *c, uint32_t id)
{
    const struct raft_peer *peer = raft_peer(&c->raft, id);
    uint64_t now_ms = env_now_ms(c->env);
    return peer != NULL && peer->connected && peer->state == RAFT_REPLICATE &&
           peer->match_index >= c->raft.commit_index && now_ms - peer->heard_ms <= HEARD_MS;
}

static bool promote_learner(struct controller *c, struct raft_members *set, struct decision *d)
{
    for (uint32_t i = 0; i < set->count; i++) {
        struct raft_member *m = &set->items[i];
        if (m->voter || !raft_disk_is_known(m->disk) || !has_the_log(c, m->id)) continue;
        if (raft_members_voter_count(set) == RAFT_VOTERS_MAX) return false;
        m->voter = true;
        decision_cause(d, "controller %u has the log: it votes from now on", m->id);
        return true;
    }
    return false;
}

void voters_look(struct controller *c)
{
    uint64_t now_ms = env_now_ms(c->env);
    if (now_ms < c->voters_due_ms || c->tentative.cluster_id[0] == 0) return;
    c->voters_due_ms = now_ms + LOOK_MS;
    if (!raft_can_change_members(&c->raft)) return;

    struct raft_members set = *raft_members(&c->raft);
    struct decision d = decision_begin(c, 0);
    uint64_t index;
    bool is_new =
        name_disks(c, &set, &d) || replace_wiped(c, &set, &d) || promote_learner(c, &set, &d);
    if (is_new) {
        write_set(c, &set, &d);
        /* What cannot be proposed now is looked at again. */
        (void)!quorum_propose(c, &d, &index);
    }
    decision_close(&d);
}

uint64_t voters_deadline_ms(const struct controller *c)
{
    /* Only while something is unsettled: a voter's hello comes as an event. */
    const struct raft_members *set = raft_members(&c->raft);
    for (uint32_t i = 0; i < set->count; i++) {
        if (!set->items[i].voter) return c->voters_due_ms;
    }
    return ENV_NEVER;
}

/* ---- What an operator asks for. ---- */

int16_t voters_add(struct controller *c, const struct node_voter *at, struct uuid disk,
                   struct decision *d, struct slice *why)
{
    struct raft_members set = *raft_members(&c->raft);
    if (at->id == RAFT_NOBODY || at->host[0] == '\0' || at->port == 0 || uuid_is_zero(disk)) {
        *why = slice_of_text("a controller needs an id above 0, a directory id, a host and a port");
        return KAFKA_INVALID_REQUEST;
    }
    if (raft_members_find(&set, at->id) != NULL) {
        *why = decision_say(d, "controller %u is in the quorum already", at->id);
        return KAFKA_DUPLICATE_VOTER;
    }
    if (!raft_can_change_members(&c->raft)) {
        *why = slice_of_text("another change of the quorum is under way: try again");
        return KAFKA_REQUEST_TIMED_OUT;
    }
    struct raft_member member = {.id = at->id};
    memcpy(member.disk, disk.bytes, sizeof member.disk);
    bool is_full =
        raft_members_voter_count(&set) == RAFT_VOTERS_MAX || set.count == META_VOTERS_MAX;
    if (is_full || !raft_members_put(&set, &member)) {
        *why = decision_say(d, "the quorum has %u members: no more fit", set.count);
        return KAFKA_INVALID_REQUEST;
    }
    decision_cause(d, "controller %u at %s:%u joins, and learns first", at->id, at->host, at->port);
    write_set(c, &set, d);
    struct meta_record *r = &d->records[d->count - 1];
    for (uint32_t i = 0; i < r->voters.count; i++) {
        if (r->voters.voters[i].id != at->id) continue;
        r->voters.voters[i].host = decision_say(d, "%s", at->host);
        r->voters.voters[i].port = at->port;
    }
    return KAFKA_NONE;
}

int16_t voters_remove(struct controller *c, uint32_t id, struct uuid disk, struct decision *d,
                      struct slice *why)
{
    struct raft_members set = *raft_members(&c->raft);
    const struct raft_member *member = raft_members_find(&set, id);
    bool is_other = member != NULL && !uuid_is_zero(disk) && raft_disk_is_known(member->disk) &&
                    memcmp(member->disk, disk.bytes, sizeof member->disk) != 0;
    if (member == NULL || is_other) {
        *why = decision_say(d, "no controller %u with that directory id is in the quorum", id);
        return KAFKA_VOTER_NOT_FOUND;
    }
    if (!raft_can_change_members(&c->raft)) {
        *why = slice_of_text("another change of the quorum is under way: try again");
        return KAFKA_REQUEST_TIMED_OUT;
    }
    if (member->voter && raft_members_voter_count(&set) == 1) {
        *why = slice_of_text("the last voter cannot be removed");
        return KAFKA_INVALID_REQUEST;
    }
    bool is_voter = member->voter;
    raft_members_remove(&set, id);
    if (is_voter && !raft_would_have_quorum(&c->raft, &set)) {
        *why = decision_say(d,
                            "without controller %u fewer than a majority of the %u voters that are "
                            "left answer: start those that are down, or remove them first",
                            id, raft_members_voter_count(&set));
        return KAFKA_INVALID_REQUEST;
    }
    decision_cause(d, "controller %u leaves the quorum", id);
    write_set(c, &set, d);
    return KAFKA_NONE;
}

void voters_write_alone(struct controller *c, struct decision *d)
{
    decision_cause(d, "an operator recovered the quorum: controller %u votes alone",
                   c->options.node_id);
    write_set(c, raft_members(&c->raft), d);
}

bool voters_is_learning(const struct controller *c, uint32_t id)
{
    for (uint32_t i = 0; i < c->committed.voter_count; i++) {
        if (c->committed.voters[i].id == id) return c->committed.voters[i].is_learner;
    }
    return false;
}

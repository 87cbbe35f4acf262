#include "controller/recover.h"

#include <inttypes.h>
#include <string.h>

#include "common/check.h"
#include "common/words.h"
#include "controller/decide/decision.h"
#include "controller/members.h"
#include "controller/propose.h"
#include "controller/quorum.h"
#include "controller/voters.h"

static struct words report_of(struct controller *c)
{
    return (struct words){.to = c->report, .size = sizeof c->report, .used = strlen(c->report)};
}

/* The last set that the log holds, committed or not: what is lost may have committed it. */
static struct raft_membership last_set(struct controller *c)
{
    struct raft_membership set = members_of_image(c, &c->committed);
    for (uint64_t i = c->committed.index + 1; i < metalog_next(&c->log); i++) {
        struct raft_membership found[RAFT_MEMBERSHIPS_KEPT];
        if (members_of_entries(c, metalog_at(&c->log, i), 1, i, found) > 0) set = found[0];
    }
    return set;
}

static void say_members(struct words *w, struct controller *c, const struct raft_members *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const struct raft_member *m = &set->items[i];
        const struct node_voter *at = members_address(c, m->id);
        words_add(w, "    controller %u%s%s at %s:%u\n", m->id, m->voter ? "" : " (learns)",
                  m->id == c->options.node_id ? " (this one)" : "", at == NULL ? "?" : at->host,
                  at == NULL ? 0u : at->port);
    }
}

bool recover_plan(struct controller *c, uint64_t term)
{
    uint64_t last = metalog_next(&c->log) - 1;
    if (last == 0 || c->cluster_id[0] == 0) {
        controller_halt(c, "log.dirs %s holds no metadata: there is nothing to go on from",
                        c->options.log_dir);
        return false;
    }
    const struct metalog_entry *e = metalog_at(&c->log, last);
    struct raft_membership set = last_set(c);
    struct words w = report_of(c);
    words_add(&w, "cluster %s, controller %u, log.dirs %s\n", c->cluster_id, c->options.node_id,
              c->options.log_dir);
    words_add(&w,
              "  its metadata: up to decision %" PRIu64 " of term %" PRIu64 " (snapshot at %" PRIu64
              "; it has seen term %" PRIu64 ")\n",
              last, e == NULL ? c->committed.term : e->term, c->committed.index, term);
    words_add(&w, "  the quorum by that:\n");
    say_members(&w, c, &set.members);
    words_add(
        &w,
        "  what would be done: everything up to decision %" PRIu64 " counts as decided, and\n"
        "    controller %u votes alone\n"
        "  what would be lost: every later decision (topics, leaders). Look at this plan\n"
        "    on every controller whose disk is left, and take the one with the highest term, then\n"
        "    decision\n"
        "  afterwards: start it. The others must never start again on their old log.dirs: empty\n"
        "    them, and add each with `jackdaw quorum add`\n",
        last, c->options.node_id);
    return true;
}

struct raft_membership recover_membership(const struct controller *c)
{
    struct raft_membership set = {.index = c->committed.index};
    struct raft_member self = {.id = c->options.node_id, .voter = true};
    memcpy(self.disk, c->disk.bytes, sizeof self.disk);
    CHECK(raft_members_put(&set.members, &self));
    return set;
}

bool recover_look(struct controller *c)
{
    CHECK(c->options.recover == CONTROLLER_RECOVER_DO);
    if (!c->is_leading) return false;
    if (c->recovered_index == 0) {
        struct decision d = decision_begin(c, 0);
        voters_write_alone(c, &d);
        /* What cannot be proposed yet is proposed in a later turn. */
        if (quorum_propose(c, &d, &c->recovered_index) != 0) c->recovered_index = 0;
        decision_close(&d);
        return false;
    }
    if (c->committed.index < c->recovered_index) return false;
    struct words w = report_of(c);
    words_add(&w,
              "done: controller %u votes alone from decision %" PRIu64 " of term %" PRIu64 " on\n",
              c->options.node_id, c->recovered_index, c->raft.vote.term);
    return true;
}

#include "tests/sim/verdict.h"

#include <stdlib.h>
#include <string.h>

#include "broker/state.h"
#include "common/check.h"
#include "common/crc32c.h"

struct judge {
    struct cluster *cluster;
    struct history *history;
    const struct oracles *oracles;
    const struct nemesis *nemesis;
    /* Of the log that is being read. */
    uint32_t part;
    const char *who;
    bool is_leader;
    int64_t log_start; /* What lies below is deleted, and may still be there. */
    int64_t next;      /* Offset; -1: the first batch decides. */
    uint64_t last_id[HISTORY_PRODUCERS_MAX];
    bool has_last_id[HISTORY_PRODUCERS_MAX];
};

/* ---- What the logs say. ---- */

/* One producer's records stand in the order in which it made them, if it is idempotent. */
static void judge_order(struct judge *j, uint64_t id, int64_t offset)
{
    struct history *h = j->history;
    const struct record_note *r = &h->records[id];
    CHECK(r->producer < HISTORY_PRODUCERS_MAX);
    /* What was given up may still have been on its way when its successors were written. */
    if (r->fate != FATE_ACKED) return;
    if (r->is_idempotent && j->has_last_id[r->producer] && id <= j->last_id[r->producer]) {
        sim_violation(h->sim,
                      "[order] record %llu of idempotent producer-%u is at %lld of %s, behind its "
                      "record %llu",
                      (unsigned long long)id, r->producer + 1, (long long)offset,
                      history_part_name(h, j->part), (unsigned long long)j->last_id[r->producer]);
    }
    j->last_id[r->producer] = id;
    j->has_last_id[r->producer] = true;
}

static void note_found(struct judge *j, uint64_t first, const struct record_batch_header *header)
{
    for (int32_t i = 0; i < header->record_count; i++) {
        uint64_t id = first + (uint64_t)i;
        struct record_note *r = &j->history->records[id];
        r->found++;
        r->found_offset = header->base_offset + i;
        judge_order(j, id, r->found_offset);
        /* The acknowledged place wins over another copy. */
        if (r->offset >= 0 && r->offset == header->base_offset + i) r->is_at_place = true;
    }
}

static bool see_batch(void *arg, struct slice batch, const struct record_batch_header *header)
{
    struct judge *j = arg;
    struct history *h = j->history;
    if (batch_last_offset(header) < j->log_start) return true;
    if (j->next >= 0 && header->base_offset != j->next) {
        sim_violation(h->sim, "[final] the log of %s on %s has %lld behind %lld",
                      history_part_name(h, j->part), j->who, (long long)header->base_offset,
                      (long long)j->next);
        return false;
    }
    if (j->next < 0 && header->base_offset > j->log_start) {
        sim_violation(h->sim, "[final] the log of %s on %s begins at %lld, and should at %lld",
                      history_part_name(h, j->part), j->who, (long long)header->base_offset,
                      (long long)j->log_start);
        return false;
    }
    j->next = batch_last_offset(header) + 1;
    /* All of it is committed by now. */
    history_committed(h, j->part, batch, header, j->who);
    if (sim_violated(h->sim) != NULL) return false;
    const char *why = NULL;
    uint64_t first = history_ids_of(batch, &why);
    if (first == HISTORY_NO_ID) {
        sim_violation(h->sim, "[final] %s on %s at %lld: %s", history_part_name(h, j->part), j->who,
                      (long long)header->base_offset, why);
        return false;
    }
    if (j->is_leader) note_found(j, first, header);
    return sim_violated(h->sim) == NULL;
}

static int64_t log_start_of(const struct cluster_node *n, struct uuid topic_id, int32_t number)
{
    for (uint32_t i = 0; i < n->cluster->options.shard_count; i++) {
        const struct partition *p = shard_partition(n->broker.shards[i], topic_id, number);
        if (p != NULL && p->journal != NULL) return p->replica.log_start;
    }
    return 0;
}

static void read_replica(struct judge *j, const struct part_note *part, int32_t broker)
{
    struct history *h = j->history;
    struct cluster_node *n = &j->cluster->brokers[broker - 1];
    char dir[512];
    cluster_folder(n, h->topics[part->topic].name, part->number, dir, sizeof dir);
    j->who = sim_node_name(n->node);
    j->next = -1;
    j->log_start = log_start_of(n, h->topics[part->topic].id, part->number);
    memset(j->has_last_id, 0, sizeof j->has_last_id);
    struct disk_log log = {0};
    (void)disk_log_read(&log, sim_node_fs(n->node), dir, INT64_MAX, see_batch, j);
    if (sim_violated(h->sim) != NULL) return;
    int64_t end = j->next < 0 ? 0 : j->next;
    if (end >= part->committed_end || part->committed_end <= part->delete_before) return;
    sim_violation(h->sim, "[final] the log of %s on %s ends at %lld, and %lld is committed",
                  history_part_name(h, j->part), j->who, (long long)end,
                  (long long)part->committed_end);
}

static void read_part(struct judge *j, uint32_t part)
{
    const struct meta_partition *state = oracles_partition(j->oracles, part);
    if (state == NULL) return; /* Deleted. */
    const struct part_note note = j->history->parts[part];
    if (topic_is_internal(&j->history->topics[note.topic])) return;
    j->part = part;
    for (uint32_t i = 0; i < state->replicas.count; i++) {
        j->is_leader = state->replicas.ids[i] == state->leader;
        read_replica(j, &note, state->replicas.ids[i]);
        if (sim_violated(j->history->sim) != NULL) return;
    }
}

/* ---- What was promised. ---- */

/* Did the leadership end so that what only its leader had may be lost: unplanned, and with a
 * reason, which is that this leader died, or was taken for dead? */
static bool was_deposed(const struct judge *j, const struct reign *it, const struct reign *next,
                        uint64_t from_us)
{
    if (it->leader == META_NOBODY || next->is_handover) return false;

    const struct sim_options *w = &j->cluster->options.world;
    bool is_noisy = w->loss_ppm > 0 || w->reset_ppm > 0 || w->freeze_ppm > 0 || w->tail_ppm > 0;
    if (from_us > next->since_us) from_us = next->since_us; /* It did not know yet. */
    return is_noisy || nemesis_excuses(j->nemesis, it->leader, from_us, next->since_us);
}

/* acks=1: the leader had it. Lost, if that leader or one after it was deposed before anything was
 * committed in its place. */
static bool may_be_lost(const struct judge *j, const struct part_note *part,
                        const struct record_note *r)
{
    const struct committed_batch *instead = history_find(j->history, r->part, r->offset);
    uint32_t first = part->reign_count;
    while (first > 0) {
        const struct reign *it = &part->reigns[first - 1];
        if (it->leader == r->broker && it->since_us <= r->acked_us) break;
        first--;
    }
    if (first == 0) return false;

    uint64_t from_us = r->sent_us;
    for (uint32_t i = first - 1; i + 1 < part->reign_count; i++) {
        const struct reign *it = &part->reigns[i];
        if (instead != NULL && it->since_us > instead->since_us) return false;
        if (was_deposed(j, it, it + 1, from_us)) return true;
        from_us = it[1].since_us;
    }
    return false;
}

static void judge_record(struct judge *j, uint64_t id)
{
    struct history *h = j->history;
    struct record_note *r = &h->records[id];
    const struct part_note *part = &h->parts[r->part];
    const char *name = history_part_name(h, r->part);
    if (oracles_partition(j->oracles, r->part) == NULL) return;

    uint32_t times_max = r->is_idempotent ? 1 : r->attempts;
    if (r->found > times_max) {
        sim_violation(h->sim,
                      "[doubled] record %llu (producer-%u%s) was sent %u times and is %u "
                      "times in %s",
                      (unsigned long long)id, r->producer + 1,
                      r->is_idempotent ? ", idempotent" : "", r->attempts, r->found, name);
    }
    if (r->fate != FATE_ACKED || r->is_at_place) return;
    if (r->offset < 0 && r->found > 0) return;
    if (r->offset < 0 && part->delete_before > 0) return; /* Perhaps among what was deleted. */
    if (r->offset >= 0 && r->offset < part->delete_before) return;
    if (r->acks == 1 && may_be_lost(j, part, r)) {
        h->lost_explained++;
        return;
    }
    sim_violation(
        h->sim,
        "[lost] record %llu, acknowledged by broker %d (acks=%d) at offset %lld of %s, is "
        "not there; it was found %u times, last at %lld",
        (unsigned long long)id, r->broker, r->acks, (long long)r->offset, name, r->found,
        (long long)r->found_offset);
}

void verdict(struct cluster *cluster, struct history *history, const struct oracles *oracles,
             const struct nemesis *nemesis)
{
    struct judge j = {
        .cluster = cluster, .history = history, .oracles = oracles, .nemesis = nemesis};
    for (uint32_t i = 0; i < history->part_count && sim_violated(cluster->sim) == NULL; i++) {
        read_part(&j, i);
    }
    for (uint64_t i = 0; i < history->record_count && sim_violated(cluster->sim) == NULL; i++) {
        judge_record(&j, i);
    }
}

#include "tests/sim/oracles_meta.h"

#include <stdlib.h>
#include <string.h>

#include "broker/state.h"
#include "common/check.h"
#include "common/crc32c.h"
#include "tests/sim/handovers.h"

/* ---- Terms. ---- */

static void check_term(struct oracles *o, const struct cluster_node *n)
{
    uint64_t term = controller_term(n->controller);
    for (uint32_t i = o->term_count; i-- > 0;) {
        if (o->terms[i].term != term) continue;
        if (o->terms[i].leader == n->index) return;
        sim_violation(o->cluster->sim, "[term] %s leads in term %llu, and controller-%u did",
                      sim_node_name(n->node), (unsigned long long)term, o->terms[i].leader + 1);
        return;
    }
    if (o->term_count == o->term_capacity) {
        o->term_capacity = o->term_capacity == 0 ? 32 : o->term_capacity * 2;
        o->terms = realloc(o->terms, o->term_capacity * sizeof o->terms[0]);
        CHECK(o->terms != NULL);
    }
    o->terms[o->term_count++] = (struct term_note){.term = term, .leader = n->index};
}

/* ---- What a decision may do. ---- */

/* What was decided is told if the run fails; also what is found to be illegal. */
static void note_decision(struct oracles *o, uint64_t index, uint64_t term,
                          const struct meta_batch *batch)
{
    chronicle_decision(&o->chronicle, index, term, sim_now_us(o->cluster->sim), batch);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct meta_record *r = &batch->records[i];
        const struct meta_topic *t = NULL;
        if (r->kind == META_PARTITION) t = meta_topic_by_id(&o->truth, r->partition.topic_id);
        if (t == NULL) continue;
        uint32_t part = history_part(o->history, t->id, t->name, r->partition.partition);
        chronicle_change(&o->chronicle, part, r);
    }
}

static void note_reign(struct oracles *o, const struct meta_record *record, bool is_handover)
{
    const struct meta_topic *topic = meta_topic_by_id(&o->truth, record->partition.topic_id);
    uint32_t part = history_part(o->history, topic->id, topic->name, record->partition.partition);
    struct part_note *p = &o->history->parts[part];
    bool is_copied = record->partition.replicas.count > 1;
    if (!is_copied) p->copied_since_us = 0;
    if (is_copied && p->copied_since_us == 0) p->copied_since_us = sim_now_us(o->cluster->sim) + 1;
    int32_t before = p->reign_count == 0 ? -1 : p->reigns[p->reign_count - 1].leader_epoch;
    if (record->partition.leader_epoch == before) return;

    if (p->reign_count == p->reign_capacity) {
        p->reign_capacity = p->reign_capacity == 0 ? 8 : p->reign_capacity * 2;
        p->reigns = realloc(p->reigns, p->reign_capacity * sizeof p->reigns[0]);
        CHECK(p->reigns != NULL);
    }
    if (p->reign_count == 0 || record->partition.leader == META_NOBODY) is_handover = false;
    is_handover = is_handover && handovers_was_proposed(o, part, &p->reigns[p->reign_count - 1]);
    p->reigns[p->reign_count++] = (struct reign){.leader = record->partition.leader,
                                                 .leader_epoch = record->partition.leader_epoch,
                                                 .since_us = sim_now_us(o->cluster->sim),
                                                 .is_handover = is_handover};
    if (before < 0) return;
    o->history->leader_changes++;
    const struct reign *now = &p->reigns[p->reign_count - 1];
    if (is_handover) handovers_check_decision(o, part, now - 1, now);
}

/* How far the log of a replica reaches; false: nobody can tell now. */
static bool log_end(const struct oracles *o, int32_t broker, const struct meta_record *of,
                    int32_t *epoch, int64_t *end)
{
    const struct cluster_node *n = &o->cluster->brokers[broker - 1];
    for (uint32_t i = 0; i < o->cluster->options.shard_count; i++) {
        const struct shard *s = n->broker.shards[i];
        if (s == NULL) return false;
        const struct partition *p =
            shard_partition(s, of->partition.topic_id, of->partition.partition);
        if (p == NULL || p->state != PARTITION_READY) continue;
        *epoch = epochs_last(journal_epochs(p->journal));
        *end = journal_written(p->journal);
        return true;
    }
    return false;
}

/* Is what runs there what the metadata speak of when they name this broker? */
static bool is_registered(const struct oracles *o, int32_t id)
{
    const struct meta_broker *b = meta_broker_find(&o->truth, id);
    const struct shard *s = o->cluster->brokers[id - 1].broker.shards[0];
    return b != NULL && s != NULL && s->broker_epoch == b->epoch;
}

/* When no replica was known to have everything, the one that leads now has at least what each of
 * those has that last did (DESIGN 6.10). */
static bool reaches_furthest(const struct oracles *o, const struct meta_partition *from,
                             const struct meta_record *to)
{
    int32_t epoch = -1, other_epoch = -1;
    int64_t end = 0, other_end = 0;
    if (!id_set_has(&from->replicas, to->partition.leader)) return false;
    bool is_known = log_end(o, to->partition.leader, to, &epoch, &end);
    for (uint32_t i = 0; is_known && i < from->last_known_elr.count; i++) {
        if (!log_end(o, from->last_known_elr.ids[i], to, &other_epoch, &other_end)) continue;
        if (other_epoch > epoch || (other_epoch == epoch && other_end > end)) return false;
    }
    return true;
}

static void check_succession(struct oracles *o, const struct meta_partition *from,
                             const struct meta_record *to, const char *topic)
{
    int32_t leader = to->partition.leader;
    if (leader == from->leader && to->partition.leader_epoch == from->leader_epoch) return;

    if (to->partition.leader_epoch <= from->leader_epoch) {
        sim_violation(o->cluster->sim, "[isr] %s-%d: leader %d of epoch %d follows %d of epoch %d",
                      topic, to->partition.partition, leader, to->partition.leader_epoch,
                      from->leader, from->leader_epoch);
    }
    if (leader == META_NOBODY || id_set_has(&from->isr, leader)) return;
    if (id_set_has(&from->elr, leader)) return;
    bool is_last_hope = from->isr.count == 0 && from->elr.count == 0;
    if (is_last_hope && reaches_furthest(o, from, to)) return;
    sim_violation(o->cluster->sim, "[isr] %s-%d: leader %d was neither in sync nor eligible", topic,
                  to->partition.partition, leader);
}

/* Whoever a leader takes in has everything: the process that is registered now, and not an earlier
 * one of the same broker (DESIGN 6.7 and 6.8). */
static void check_joining(struct oracles *o, const struct meta_partition *from,
                          const struct meta_record *to)
{
    if (from->leader != to->partition.leader) return;
    if (from->leader_epoch != to->partition.leader_epoch) return;

    const struct meta_topic *topic = meta_topic_by_id(&o->truth, to->partition.topic_id);
    uint32_t part = history_part(o->history, topic->id, topic->name, to->partition.partition);
    int64_t committed = o->history->parts[part].committed_end;
    for (uint32_t i = 0; i < to->partition.isr.count; i++) {
        int32_t id = to->partition.isr.ids[i];
        int32_t epoch = -1;
        int64_t end = 0;
        if (id_set_has(&from->isr, id) || !is_registered(o, id)) continue;
        if (!log_end(o, id, to, &epoch, &end) || end >= committed) continue;
        sim_violation(o->cluster->sim,
                      "[join] broker %d is taken into the ISR of %s with a log that ends at %lld, "
                      "and %lld is committed",
                      id, history_part_name(o->history, part), (long long)end,
                      (long long)committed);
    }
}

/* The lag clock of a follower starts in the epoch (DESIGN 6.9): no leader proposes that one leaves
 * before it has led for as long as a follower may be silent, or behind. */
static void check_leaving(struct oracles *o, const struct meta_partition *from,
                          const struct meta_record *to, struct slice cause)
{
    static const char words[] = "propose";
    if (cause.at == NULL || memmem(cause.at, cause.size, words, sizeof words - 1) == NULL) return;
    if (from->leader != to->partition.leader) return;
    if (from->leader_epoch != to->partition.leader_epoch) return;

    const struct broker_options *options = &o->cluster->options.broker;
    uint64_t least_ms = options->replica_hang_ms;
    if (options->replica_lag_max_ms < least_ms) least_ms = options->replica_lag_max_ms;
    const struct meta_topic *topic = meta_topic_by_id(&o->truth, to->partition.topic_id);
    uint32_t part = history_part(o->history, topic->id, topic->name, to->partition.partition);
    const struct part_note *note = &o->history->parts[part];
    if (note->reign_count == 0) return;
    uint64_t led_us = sim_now_us(o->cluster->sim) - note->reigns[note->reign_count - 1].since_us;
    if (led_us >= least_ms * 1000) return;

    for (uint32_t i = 0; i < from->isr.count; i++) {
        int32_t id = from->isr.ids[i];
        if (id_set_has(&to->partition.isr, id)) continue;
        if (!id_set_has(&to->partition.replicas, id)) continue;
        sim_violation(o->cluster->sim,
                      "[lag] broker %d leads %s for %llu ms, and broker %d is to leave its ISR: "
                      "it could have been silent or behind for %llu",
                      from->leader, history_part_name(o->history, part),
                      (unsigned long long)(led_us / 1000), id, (unsigned long long)least_ms);
    }
}

static void check_partition_state(struct oracles *o, const struct meta_topic *t, uint32_t number)
{
    const struct meta_partition *p = &t->partitions[number];
    const char *wrong = NULL;
    if (!id_set_within(&p->isr, &p->replicas)) wrong = "an in-sync one is no replica";
    if (!id_set_within(&p->elr, &p->replicas)) wrong = "an eligible one is no replica";
    for (uint32_t i = 0; i < p->isr.count; i++) {
        const struct meta_broker *b = meta_broker_find(&o->truth, p->isr.ids[i]);
        if (id_set_has(&p->elr, p->isr.ids[i])) wrong = "one is in sync and merely eligible";
        if (b == NULL || b->fenced) wrong = "a fenced broker is in sync";
    }
    if (p->leader != META_NOBODY && !id_set_has(&p->isr, p->leader)) {
        wrong = "the leader is not in sync";
    }
    if (wrong == NULL) return;
    sim_violation(o->cluster->sim, "[isr] %s-%u at index %llu: %s", t->name, number,
                  (unsigned long long)o->truth.index, wrong);
}

/* ---- The fold of what is committed. ---- */

/* False: the decision is not one, and that was said. */
static bool fold_records(struct oracles *o, uint64_t index, uint64_t term,
                         const struct meta_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct meta_record *r = &batch->records[i];
        const struct meta_topic *topic = NULL;
        if (r->kind == META_PARTITION) topic = meta_topic_by_id(&o->truth, r->partition.topic_id);
        if (topic == NULL || (uint32_t)r->partition.partition >= topic->partition_count) continue;
        check_succession(o, &topic->partitions[r->partition.partition], r, topic->name);
        check_joining(o, &topic->partitions[r->partition.partition], r);
        check_leaving(o, &topic->partitions[r->partition.partition], r, batch->cause);
    }
    const char *why = "";
    int rc = meta_try(&o->truth, index, term, batch, &why);
    note_decision(o, index, term, batch);
    if (rc != 0) {
        sim_violation(o->cluster->sim, "[metadata] the decision at %llu (%.*s) is illegal: %s",
                      (unsigned long long)index, (int)batch->cause.size,
                      (const char *)batch->cause.at, why);
        return false;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct meta_record *r = &batch->records[i];
        if (r->kind == META_PARTITION) note_reign(o, r, handovers_is_one(batch->cause));
    }
    for (const struct meta_topic *t = o->truth.topics_by_name; t != NULL; t = t->by_name.next) {
        for (uint32_t i = 0; i < t->partition_count; i++) check_partition_state(o, t, i);
    }
    return true;
}

static void fold(struct oracles *o, uint64_t index, struct slice entry)
{
    CHECK(index == o->decision_count + 1);
    if (o->decision_count == o->decision_capacity) {
        o->decision_capacity = o->decision_capacity == 0 ? 256 : o->decision_capacity * 2;
        o->decisions = realloc(o->decisions, o->decision_capacity * sizeof o->decisions[0]);
        CHECK(o->decisions != NULL);
    }
    struct record_batch_header h;
    struct record_cursor cursor = kafka_batch_records(entry);
    struct record record;
    struct meta_batch batch;
    o->scratch.used = 0;
    if (kafka_batch_peek(entry, &h) != BATCH_OK || !kafka_record_next(&cursor, &record) ||
        meta_batch_decode(record.value, &o->scratch, &batch) != 0) {
        sim_violation(o->cluster->sim, "[metadata] entry %llu cannot be read",
                      (unsigned long long)index);
        return;
    }
    if (!fold_records(o, index, (uint64_t)h.partition_leader_epoch, &batch)) return;
    o->decisions[o->decision_count++] =
        (struct decision_note){.crc = crc32c(entry.at, entry.size),
                               .size = (uint32_t)entry.size,
                               .image_hash = meta_image_hash(&o->truth)};
}

static void check_committed(struct oracles *o, const struct cluster_node *n, struct node_view *view)
{
    uint64_t commit = controller_commit_index(n->controller);
    while (view->commit_index < commit && sim_violated(o->cluster->sim) == NULL) {
        uint64_t index = view->commit_index + 1;
        struct slice entry = controller_entry(n->controller, index);
        view->commit_index = index;
        if (entry.at == NULL) continue; /* In a snapshot by now. */
        if (index > o->decision_count + 1) {
            sim_violation(o->cluster->sim, "[metadata] entry %llu is gone before it was seen",
                          (unsigned long long)(o->decision_count + 1));
        } else if (index == o->decision_count + 1) {
            fold(o, index, entry);
        } else if (o->decisions[index - 1].crc != crc32c(entry.at, entry.size)) {
            sim_violation(o->cluster->sim,
                          "[metadata] %s holds another committed entry at index %llu",
                          sim_node_name(n->node), (unsigned long long)index);
        }
    }
}

void oracles_check_image(struct oracles *o, const struct meta_image *image, uint64_t *seen,
                         const char *who)
{
    if (image->index == *seen || image->index == 0) return;

    *seen = image->index;
    o->image_checks++;
    if (image->index > o->decision_count) {
        sim_violation(o->cluster->sim, "[image] %s has applied %llu, and %llu is committed", who,
                      (unsigned long long)image->index, (unsigned long long)o->decision_count);
    } else if (meta_image_hash(image) != o->decisions[image->index - 1].image_hash) {
        sim_violation(o->cluster->sim,
                      "[image] that of %s at index %llu is not the fold of the log", who,
                      (unsigned long long)image->index);
    }
}

void oracles_check_controller(struct oracles *o, struct cluster_node *n)
{
    const struct controller *c = n->controller;
    if (c == NULL) return;
    if (controller_fault(c) != NULL) {
        sim_violation(o->cluster->sim, "[metadata] %s: %s", sim_node_name(n->node),
                      controller_fault(c));
        return;
    }
    if (controller_raft(c) == NULL) return; /* Not yet; one that stops counts to the end. */

    struct node_view *view = &o->controllers[n->index];
    if (controller_is_leader(c)) check_term(o, n);
    check_committed(o, n, view);
    oracles_check_image(o, controller_image(c), &view->image_index[0], sim_node_name(n->node));
}

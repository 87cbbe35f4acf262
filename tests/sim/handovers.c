#include "tests/sim/handovers.h"

#include <string.h>

#include "broker/shard.h"

bool handovers_is_one(struct slice cause)
{
    static const char words[] = "has handed over";
    return cause.at != NULL && memmem(cause.at, cause.size, words, sizeof words - 1) != NULL;
}

/* NULL: it is down, or not there yet. */
static const struct partition *find_partition(const struct oracles *o, uint32_t part, int32_t id)
{
    const struct part_note *note = &o->history->parts[part];
    const struct broker_process *b = &o->cluster->brokers[id - 1].broker;
    for (uint32_t i = 0; i < o->cluster->options.shard_count; i++) {
        const struct shard *s = b->shards[i];
        if (s == NULL || s->is_halted) continue;
        const struct partition *p =
            shard_partition(s, o->history->topics[note->topic].id, note->number);
        if (p != NULL) return p->state == PARTITION_READY ? p : NULL;
    }
    return NULL;
}

bool handovers_was_proposed(const struct oracles *o, uint32_t part, const struct reign *from)
{
    const struct partition *old = find_partition(o, part, from->leader);
    return old != NULL && old->replica.role == REPLICA_LEADER &&
           old->replica.leader_epoch == from->leader_epoch &&
           old->replica.handover == HANDOVER_PROPOSED;
}

void handovers_check_decision(const struct oracles *o, uint32_t part, const struct reign *from,
                              const struct reign *to)
{
    const struct partition *old = find_partition(o, part, from->leader);
    const struct partition *new = find_partition(o, part, to->leader);
    if (old == NULL || new == NULL || old->replica.written == new->replica.written) return;
    sim_violation(o->cluster->sim,
                  "[handover] broker %d hands %s over with a log that ends at %lld to broker %d, "
                  "whose log ends at %lld",
                  from->leader, history_part_name(o->history, part),
                  (long long)old->replica.written, to->leader, (long long)new->replica.written);
}

void handovers_check_ack(struct history *h, uint64_t id, int32_t broker)
{
    const struct record_note *r = &h->records[id];
    const struct part_note *p = &h->parts[r->part];
    /* The broker's last reign; what it appends under, or less. */
    uint32_t last = p->reign_count;
    while (last > 0 && p->reigns[last - 1].leader != broker) last--;
    if (last == 0 || last == p->reign_count) return;

    const struct reign *next = &p->reigns[last];
    if (!next->is_handover || next->since_us >= r->last_us) return;
    sim_violation(h->sim,
                  "[handover] broker %d acknowledged record %llu (acks=%d) in %s, which was sent "
                  "%llu us after it had handed over to broker %d",
                  broker, (unsigned long long)id, r->acks, history_part_name(h, r->part),
                  (unsigned long long)(r->last_us - next->since_us), next->leader);
}

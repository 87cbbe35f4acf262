#include "tests/sim/oracles.h"

#include <stdlib.h>
#include <string.h>

#include "broker/shard.h"
#include "common/check.h"
#include "common/crc32c.h"
#include "tests/sim/oracles_meta.h"

#define SCRATCH_BYTES (8u * 1024 * 1024)

void oracles_open(struct oracles *o, struct cluster *cluster, struct history *history)
{
    *o = (struct oracles){.cluster = cluster, .history = history};
    o->scratch = (struct arena){.base = malloc(SCRATCH_BYTES), .size = SCRATCH_BYTES};
    CHECK(o->scratch.base != NULL);
}

void oracles_close(struct oracles *o)
{
    for (uint32_t i = 0; i < CLUSTER_BROKERS_MAX; i++) {
        free(o->brokers[i].views);
        for (uint32_t k = 0; k < CLUSTER_SHARDS_MAX; k++) free(o->brokers[i].places[k]);
    }
    meta_image_close(&o->truth);
    chronicle_close(&o->chronicle);
    free(o->terms);
    free(o->decisions);
    free(o->scratch.base);
    *o = (struct oracles){0};
}

const struct meta_partition *oracles_partition(const struct oracles *o, uint32_t part)
{
    const struct part_note *p = &o->history->parts[part];
    return meta_partition_find(&o->truth, o->history->topics[p->topic].id, p->number);
}

/* ---- Partitions. ---- */

struct reading {
    struct oracles *o;
    uint32_t part;
    const char *who;
    bool is_rotten; /* The nemesis knows why a batch of it is not sound. */
    int64_t log_start;
};

static bool see_batch(void *arg, struct slice batch, const struct record_batch_header *header)
{
    struct reading *r = arg;
    if (batch_last_offset(header) < r->log_start) return true; /* Deleted, and still there. */
    if (r->is_rotten && kafka_batch_check_crc(batch) != BATCH_OK) return true;
    history_committed(r->o->history, r->part, batch, header, r->who);
    return sim_violated(r->o->history->sim) == NULL;
}

/* The watermark has moved: what lies below it now is judged. */
static void read_committed(struct oracles *o, struct cluster_node *n, const struct partition *p,
                           uint32_t part, struct replica_view *view)
{
    char dir[512];
    cluster_folder(n, p->topic, p->key.partition, dir, sizeof dir);
    struct reading reading = {.o = o,
                              .part = part,
                              .who = sim_node_name(n->node),
                              .log_start = p->replica.log_start,
                              .is_rotten =
                                  cluster_is_rotten(o->cluster, n, p->topic, p->key.partition)};
    (void)disk_log_read(&view->log, sim_node_fs(n->node), dir, p->replica.high_watermark, see_batch,
                        &reading);
}

static struct replica_view *view_of(struct node_view *node, uint32_t part)
{
    if (part >= node->view_count) {
        uint32_t count = part + 16;
        node->views = realloc(node->views, count * sizeof node->views[0]);
        CHECK(node->views != NULL);
        memset(&node->views[node->view_count], 0,
               (count - node->view_count) * sizeof node->views[0]);
        node->view_count = count;
    }
    return &node->views[part];
}

/* Brings the note up to date, if it is not. */
static const struct place_note *note_place(struct oracles *o, struct place_note *note,
                                           const struct partition *p)
{
    bool is_same = note->decision_count > 0 && note->number == p->key.partition &&
                   uuid_equal(note->topic_id, p->key.topic_id);
    if (is_same && note->decision_count == o->decision_count) return note;

    uint32_t part = history_part(o->history, p->key.topic_id, p->topic, p->key.partition);
    *note = (struct place_note){.topic_id = p->key.topic_id,
                                .number = p->key.partition,
                                .part = part,
                                .decision_count = o->decision_count,
                                .state = oracles_partition(o, part)};
    return note;
}

static struct place_note *place_of(struct node_view *node, uint32_t shard, uint32_t index)
{
    if (index >= node->place_count[shard]) {
        uint32_t count = index + 16;
        node->places[shard] = realloc(node->places[shard], count * sizeof node->places[shard][0]);
        CHECK(node->places[shard] != NULL);
        memset(&node->places[shard][node->place_count[shard]], 0,
               (count - node->place_count[shard]) * sizeof node->places[shard][0]);
        node->place_count[shard] = count;
    }
    return &node->places[shard][index];
}

static void check_ends(struct oracles *o, struct cluster_node *n, const struct partition *p,
                       uint32_t part, const struct replica_view *view)
{
    const struct replica *r = &p->replica;
    if (r->log_start > r->high_watermark || r->high_watermark > r->written) {
        sim_violation(o->cluster->sim, "[watermark] %s, %s: start %lld, watermark %lld, end %lld",
                      sim_node_name(n->node), history_part_name(o->history, part),
                      (long long)r->log_start, (long long)r->high_watermark, (long long)r->written);
    }
    /* What has rotted is cut off, and fetched again. */
    if (view->is_rotten || cluster_is_rotten(o->cluster, n, p->topic, p->key.partition)) return;
    /* A copy that is begun anew has none. */
    if (r->high_watermark < view->watermark && r->log_start < r->written) {
        sim_violation(o->cluster->sim,
                      "[watermark] %s, %s: it fell from %lld to %lld (leader epoch %d)",
                      sim_node_name(n->node), history_part_name(o->history, part),
                      (long long)view->watermark, (long long)r->high_watermark, r->leader_epoch);
    }
}

/* Has it all that was ever committed? */
static void check_complete(struct oracles *o, struct cluster_node *n, const struct partition *p,
                           uint32_t part, const char *what)
{
    int64_t end = o->history->parts[part].committed_end;
    if (p->replica.written >= end) return;

    sim_violation(o->cluster->sim,
                  "[complete] %s %s %s in epoch %d with a log that ends at %lld, and %lld is "
                  "committed",
                  sim_node_name(n->node), what, history_part_name(o->history, part),
                  p->replica.leader_epoch, (long long)p->replica.written, (long long)end);
}

static void check_role(struct oracles *o, struct cluster_node *n, const struct partition *p,
                       const struct place_note *place, const struct replica_view *view)
{
    const struct replica *r = &p->replica;
    int32_t id = (int32_t)n->index + 1;
    uint32_t part = place->part;
    const struct meta_partition *state = place->state;
    if (state != NULL && id_set_has(&state->isr, id) && r->leader_epoch == state->leader_epoch) {
        check_complete(o, n, p, part, "is in sync for");
    }
    if (r->role != REPLICA_LEADER || r->leader_epoch == view->leader_epoch) return;

    if (state != NULL && r->leader_epoch == state->leader_epoch) {
        check_complete(o, n, p, part, "leads");
    }
    const struct part_note *note = &o->history->parts[part];
    for (uint32_t i = 0; i < note->reign_count; i++) {
        if (note->reigns[i].leader_epoch != r->leader_epoch) continue;
        if (note->reigns[i].leader == id) return;
        sim_violation(o->cluster->sim,
                      "[epoch] %s leads %s in epoch %d, which is that of broker %d",
                      sim_node_name(n->node), history_part_name(o->history, part), r->leader_epoch,
                      note->reigns[i].leader);
        return;
    }
    sim_violation(o->cluster->sim, "[epoch] %s leads %s in epoch %d, which nobody decided",
                  sim_node_name(n->node), history_part_name(o->history, part), r->leader_epoch);
}

static void check_partition(struct oracles *o, struct cluster_node *n, const struct partition *p,
                            struct place_note *note)
{
    struct node_view *node = &o->brokers[n->index];
    bool is_ready = p->state == PARTITION_READY || p->state == PARTITION_TRUNCATING;
    if (!is_ready && p->state != PARTITION_FAILED) return;

    const struct place_note *place = note_place(o, note, p);
    uint32_t part = place->part;
    struct replica_view *view = view_of(node, part);
    /* What it had told before its disk failed, in the same turn. */
    bool has_just_failed = !is_ready && view->life == node->life && view->leader_epoch >= 0 &&
                           p->replica.high_watermark > view->read_up_to;
    if (has_just_failed) {
        view->read_up_to = p->replica.high_watermark;
        if (!topic_is_internal(&o->history->topics[o->history->parts[part].topic]))
            read_committed(o, n, p, part, view);
    }
    if (!is_ready) {
        view->watermark = 0; /* If it comes back, it is begun anew. */
        return;
    }
    if (view->life != node->life) {
        view->life = node->life;
        view->watermark = 0;
        view->read_up_to = 0;
        view->leader_epoch = -1;
    }
    o->partition_checks++;
    check_ends(o, n, p, part, view);
    check_role(o, n, p, place, view);
    /* A copy that is begun anew: in a folder of its own, or where the leader's log begins. */
    if (p->replica.written < view->log.next) view->log = (struct disk_log){0};
    view->watermark = p->replica.high_watermark;
    view->is_rotten = journal_rot(p->journal) != NULL;
    view->leader_epoch = p->replica.role == REPLICA_LEADER ? p->replica.leader_epoch : -1;
    /* While it is cut, the files have what the log has no more; but a leader that cuts, after a
     * full disk, cuts at its end, and goes on hearing from its followers. */
    bool is_as_written = p->state == PARTITION_READY || p->replica.role == REPLICA_LEADER;
    if (!is_as_written || view->watermark == view->read_up_to) return;
    if (topic_is_internal(&o->history->topics[o->history->parts[part].topic])) return;
    view->read_up_to = view->watermark;
    read_committed(o, n, p, part, view);
}

static void check_shard(struct oracles *o, struct cluster_node *n, uint32_t index)
{
    const struct shard *s = n->broker.shards[index];
    if (s == NULL || s->is_halted) return;

    oracles_check_image(o, &s->image, &o->brokers[n->index].image_index[index],
                        sim_node_name(n->node));
    const struct partition *p;
    uint32_t at = 0;
    for (p = s->partitions; p != NULL && sim_violated(o->cluster->sim) == NULL; p = p->hh.next) {
        check_partition(o, n, p, place_of(&o->brokers[n->index], index, at++));
    }
}

/* ---- The hooks. ---- */

void oracles_after_turn(struct oracles *o, struct sim_node *node, uint32_t actor)
{
    struct cluster_node *n = cluster_node_of(o->cluster, node);
    if (n == NULL || sim_violated(o->cluster->sim) != NULL) return;

    if (!n->is_broker) {
        oracles_check_controller(o, n);
    } else if (actor > 0) {
        check_shard(o, n, actor - 1);
    }
}

void oracles_on_down(struct oracles *o, struct sim_node *node, bool is_power_cut)
{
    struct cluster_node *n = cluster_node_of(o->cluster, node);
    if (n == NULL) return;

    struct node_view *view = n->is_broker ? &o->brokers[n->index] : &o->controllers[n->index];
    view->life++;
    view->commit_index = 0;
    memset(view->image_index, 0, sizeof view->image_index);
    if (is_power_cut) oracles_on_wiped(o, node);
}

void oracles_on_wiped(struct oracles *o, struct sim_node *node)
{
    struct cluster_node *n = cluster_node_of(o->cluster, node);
    struct node_view *view = n->is_broker ? &o->brokers[n->index] : &o->controllers[n->index];
    for (uint32_t i = 0; i < view->view_count; i++) view->views[i].log = (struct disk_log){0};
}

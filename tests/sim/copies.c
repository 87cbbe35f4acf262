#include "tests/sim/copies.h"

#include <stdlib.h>
#include <string.h>

#include "broker/shard.h"
#include "common/check.h"
#include "tests/sim/disk_log.h"

struct reading {
    struct copies *copies;
    uint32_t broker;
    uint8_t *times; /* By record id, in this copy. */
};

bool copies_owe(const struct copies *c, uint64_t id)
{
    const struct record_note *r = &c->history->records[id];
    if (r->part != c->part || r->fate != FATE_ACKED || r->offset < 0) return false;
    return r->offset >= c->history->parts[c->part].delete_before;
}

bool copies_has(const struct copies *c, uint64_t id, uint32_t broker_index)
{
    const struct replica *live = c->of[broker_index].live;
    if (live != NULL && c->history->records[id].offset >= live->written) return false;
    return (c->marks[id].at_place & 1u << broker_index) != 0;
}

static void note_record(struct reading *r, uint64_t id, int64_t offset, int32_t sequence)
{
    struct copies *c = r->copies;
    const struct record_note *note = &c->history->records[id];
    struct copy_marks *m = &c->marks[id];
    if (note->part != c->part) return; /* Of a topic of the same name, before. */
    if (note->offset == offset) m->at_place |= (uint16_t)(1u << r->broker);
    if (m->anywhere == 0 || offset < m->first_at) m->first_at = offset;
    if (m->anywhere == 0 || offset > m->last_at) m->last_at = offset;
    m->anywhere |= (uint16_t)(1u << r->broker);
    if (sequence >= 0) m->sequence = sequence;
    if (r->times[id] < UINT8_MAX) r->times[id]++;
    if (r->times[id] > m->most) m->most = r->times[id];
    if (r->times[id] == 2 && note->is_idempotent) c->of[r->broker].doubled++;
}

static bool see_batch(void *arg, struct slice batch, const struct record_batch_header *header)
{
    struct reading *r = arg;
    struct copy *copy = &r->copies->of[r->broker];
    const char *why = NULL;
    uint64_t first = history_ids_of(batch, &why);
    if (copy->first < 0) copy->first = header->base_offset;
    copy->end = batch_last_offset(header) + 1;
    copy->epoch = header->partition_leader_epoch;
    for (int32_t i = 0; first != HISTORY_NO_ID && i < header->record_count; i++) {
        uint64_t id = first + (uint64_t)i;
        if (id >= r->copies->history->record_count) break;
        int32_t sequence = header->base_sequence < 0 ? -1 : header->base_sequence + i;
        note_record(r, id, header->base_offset + i, sequence);
    }
    return true;
}

static const struct replica *find_live(const struct history *h, uint32_t part, uint32_t broker)
{
    const struct part_note *note = &h->parts[part];
    const struct broker_process *b = &h->cluster->brokers[broker].broker;
    for (uint32_t i = 0; i < h->cluster->options.shard_count; i++) {
        const struct shard *s = b->shards[i];
        const struct partition *p =
            s == NULL ? NULL : shard_partition(s, h->topics[note->topic].id, note->number);
        if (p == NULL) continue;
        bool is_open = p->state == PARTITION_READY || p->state == PARTITION_TRUNCATING;
        return is_open ? &p->replica : NULL;
    }
    return NULL;
}

static void read_copy(struct copies *c, uint32_t broker)
{
    const struct history *h = c->history;
    const struct part_note *part = &h->parts[c->part];
    struct copy *copy = &c->of[broker];
    *copy = (struct copy){.first = -1, .epoch = -1, .live = find_live(h, c->part, broker)};
    struct reading r = {.copies = c, .broker = broker, .times = calloc(h->record_count + 1, 1)};
    CHECK(r.times != NULL);
    char dir[512];
    cluster_folder(&h->cluster->brokers[broker], h->topics[part->topic].name, part->number, dir,
                   sizeof dir);
    struct disk_log log = {0};
    struct fs *fs = sim_node_fs(h->cluster->brokers[broker].node);
    copy->exists = disk_log_read(&log, fs, dir, INT64_MAX, see_batch, &r);
    free(r.times);
}

void copies_read(struct copies *c, const struct history *history, uint32_t part)
{
    *c = (struct copies){.history = history, .part = part};
    c->marks = calloc(history->record_count + 1, sizeof c->marks[0]);
    CHECK(c->marks != NULL);
    for (uint64_t i = 0; i < history->record_count; i++) c->marks[i].sequence = -1;
    uint32_t brokers = history->cluster->options.broker_count;
    for (uint32_t i = 0; i < brokers; i++) read_copy(c, i);
    for (uint64_t id = 0; id < history->record_count; id++) {
        if (!copies_owe(c, id)) continue;
        for (uint32_t i = 0; i < brokers; i++) c->of[i].lacking += !copies_has(c, id, i);
    }
}

void copies_close(struct copies *c)
{
    free(c->marks);
    *c = (struct copies){0};
}

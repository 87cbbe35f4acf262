#include "broker/groups/load.h"

#include <stdlib.h>

#include "broker/groups/entries.h"
#include "common/check.h"

#define CHUNK_BYTES (1u << 20)
#define CHUNKS_PER_TURN 4

/* A chunk that is not in memory, read elsewhere. */
struct load_job {
    struct job job;
    struct groups *host;
    struct coordinator *at; /* NULL: not wanted any more. */
    struct journal_range range;
    uint8_t *bytes;
};

/* ---- From records to groups. ---- */

static void apply_offset(struct coordinator *c, const struct group_record *r)
{
    struct group_entry *e = entry_find_or_add(c, r->offset.key.group);
    const struct offset_commit_value *v = &r->offset.value;
    struct offset_value value = {
        .offset = v->offset,
        .leader_epoch = v->leader_epoch,
        .metadata = v->metadata,
        .commit_wall_ms = v->commit_timestamp_ms,
        .expire_wall_ms = v->expire_timestamp_ms,
        .topic_id = v->topic_id,
    };
    offsets_apply(&e->offsets, r->offset.key.topic, r->offset.key.partition,
                  r->is_tombstone ? NULL : &value, false);
}

static void apply_group(struct coordinator *c, const struct group_record *r)
{
    struct group_entry *e = entry_find_or_add(c, r->metadata.key.group);
    static const struct group_metadata_value nothing = {.current_state_timestamp_ms = -1};
    group_restore(e->group, r->is_tombstone ? &nothing : &r->metadata.value);
    e->is_stored_classic = !r->is_tombstone;
    e->is_stored = e->is_stored_classic || entry_is_consumer(e);
}

static struct slice consumer_group_of(const struct group_record *r)
{
    switch (r->kind) {
    case GROUP_RECORD_CONSUMER_EPOCH:
    case GROUP_RECORD_CONSUMER_TOPICS: return r->epoch.key.group;
    case GROUP_RECORD_CONSUMER_TARGET_EPOCH: return r->target_epoch.key.group;
    case GROUP_RECORD_CONSUMER_MEMBER: return r->member.key.group;
    case GROUP_RECORD_CONSUMER_TARGET: return r->target.key.group;
    case GROUP_RECORD_CONSUMER_CURRENT: return r->current.key.group;
    case GROUP_RECORD_CONSUMER_PATTERN: return r->pattern.key.group;
    case GROUP_RECORD_OFFSET:
    case GROUP_RECORD_METADATA:
    case GROUP_RECORD_OTHER: break;
    }
    UNREACHABLE();
    return (struct slice){0};
}

static void apply_consumer(struct coordinator *c, const struct group_record *r)
{
    struct slice id = consumer_group_of(r);
    struct group_entry *e = r->is_tombstone ? entry_find(c, id) : entry_find_or_add(c, id);
    if (e == NULL || (r->is_tombstone && e->consumer == NULL)) return;
    if (e->consumer == NULL) e->consumer = consumer_new(e->group->id);
    consumer_replay(e->consumer, r);
    if (r->kind != GROUP_RECORD_CONSUMER_EPOCH) return;
    e->is_stored = !r->is_tombstone || e->is_stored_classic;
}

static void apply_record(struct coordinator *c, const struct record *record)
{
    struct groups *gs = c->host;
    struct group_record r;
    gs->arena.used = 0;
    int rc = group_record_decode(record->key, record->value, &gs->arena, &r);
    if (rc != 0) {
        log_error(gs->env, "%s-%d: the record at %lld cannot be read, and is passed over: %s",
                  OFFSETS_TOPIC, c->key.partition, (long long)record->offset, err_text(rc));
        return;
    }
    c->loaded_records++;
    switch (r.kind) {
    case GROUP_RECORD_OFFSET: apply_offset(c, &r); return;
    case GROUP_RECORD_METADATA: apply_group(c, &r); return;
    case GROUP_RECORD_OTHER: return;
    case GROUP_RECORD_CONSUMER_EPOCH:
    case GROUP_RECORD_CONSUMER_TOPICS:
    case GROUP_RECORD_CONSUMER_MEMBER:
    case GROUP_RECORD_CONSUMER_TARGET_EPOCH:
    case GROUP_RECORD_CONSUMER_TARGET:
    case GROUP_RECORD_CONSUMER_CURRENT:
    case GROUP_RECORD_CONSUMER_PATTERN: apply_consumer(c, &r); return;
    }
}

static void apply_batch(struct coordinator *c, struct slice batch,
                        const struct record_batch_header *h)
{
    if (batch_is_control(h)) return;
    if (batch_codec(h) != BATCH_CODEC_NONE) {
        log_error(c->host->env,
                  "%s-%d: the batch at %lld is compressed; its offsets are passed over",
                  OFFSETS_TOPIC, c->key.partition, (long long)h->base_offset);
        return;
    }
    struct record_cursor cursor = kafka_batch_records(batch);
    struct record record;
    while (kafka_record_next(&cursor, &record)) {
        if (record.offset >= c->load_at && record.key.at != NULL) apply_record(c, &record);
    }
}

static void apply_chunk(struct coordinator *c, const uint8_t *bytes, size_t size)
{
    struct slice rest = slice_of(bytes, size), batch;
    struct record_batch_header h;
    int64_t next = c->load_at;
    while (kafka_batch_next(&rest, &batch, &h)) {
        apply_batch(c, batch, &h);
        next = batch_last_offset(&h) + 1;
    }
    if (next <= c->load_at) {
        log_error(c->host->env, "%s-%d: what lies at %lld is no batch; loading ends here",
                  OFFSETS_TOPIC, c->key.partition, (long long)c->load_at);
        next = c->load_end;
    }
    c->load_at = next;
}

/* ---- Reading. ---- */

static void run(struct fs *fs, struct job *job)
{
    struct load_job *load = (struct load_job *)(void *)job;
    size_t got = 0;
    job->rc =
        fs->ops->pread(fs, load->range.file, load->bytes, load->range.size, load->range.at, &got);
    if (job->rc == 0 && got < load->range.size) job->rc = -ERR_CORRUPT;
}

static void read_elsewhere(struct coordinator *c, const struct journal_range *range, uint8_t *bytes)
{
    struct load_job *load = calloc(1, sizeof *load);
    CHECK(load != NULL);
    load->job.link.kind = GROUPS_JOB_LOAD;
    load->job.run = run;
    load->host = c->host;
    load->at = c;
    load->range = *range;
    load->bytes = bytes;
    c->load_job = load;
    env_submit(c->host->env, &load->job);
}

static void free_job(struct load_job *load)
{
    env_file_unref(load->host->env, load->range.file);
    free(load->bytes);
    free(load);
}

void load_on_job(struct job *job)
{
    struct load_job *load = (struct load_job *)(void *)job;
    struct coordinator *c = load->at;
    if (c != NULL) {
        c->load_job = NULL;
        if (job->rc == 0) {
            apply_chunk(c, load->bytes, load->range.size);
        } else {
            log_error(c->host->env, "%s-%d: reading at %lld failed: %s", OFFSETS_TOPIC,
                      c->key.partition, (long long)c->load_at, err_text(job->rc));
        }
    }
    free_job(load);
}

void load_cancel(struct coordinator *c)
{
    if (c->load_job != NULL) c->load_job->at = NULL;
    c->load_job = NULL;
}

/* False: nothing more can be read in this turn. */
static bool read_chunk(struct coordinator *c)
{
    struct groups *gs = c->host;
    struct partition *p = c->partition;
    struct journal_range range = {0};
    enum journal_read result =
        journal_read(p->journal, c->load_at, c->load_end, CHUNK_BYTES, true, &range);
    if (result == JOURNAL_READ_WAIT) return false;
    if (result == JOURNAL_READ_BEYOND) {
        c->load_at = journal_start(p->journal); /* Its start has moved meanwhile. */
        return true;
    }
    if (result != JOURNAL_READ_OK) return false;
    if (range.size == 0) {
        c->load_at = c->load_end; /* What is left was compacted away. */
        return true;
    }
    uint8_t *bytes = malloc(range.size);
    CHECK(bytes != NULL);
    int rc = env_read_now(gs->env, range.file, bytes, range.size, range.at);
    if (rc == -ERR_AGAIN) {
        read_elsewhere(c, &range, bytes);
        return false;
    }
    if (rc == 0) apply_chunk(c, bytes, range.size);
    env_file_unref(gs->env, range.file);
    free(bytes);
    return rc == 0;
}

bool load_go_on(struct coordinator *c)
{
    CHECK(c->state == COORDINATOR_LOADING);
    struct partition *p = c->partition;
    if (p->state != PARTITION_READY || c->load_job != NULL) return false;
    if (journal_written(p->journal) < c->load_end) return false;

    for (uint32_t i = 0; c->load_at < c->load_end; i++) {
        if (i == CHUNKS_PER_TURN) {
            c->host->is_loading = true;
            return false;
        }
        if (!read_chunk(c)) return false;
    }
    /* What is not committed yet might never be: nobody is to hear of it before. */
    return p->replica.high_watermark >= c->load_end;
}

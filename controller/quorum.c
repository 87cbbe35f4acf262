#include "controller/quorum.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "controller/files.h"
#include "controller/handovers.h"
#include "controller/members.h"
#include "controller/peers.h"
#include "controller/record.h"

#define ENTRY_MAX_BYTES (RPC_FRAME_MAX_BYTES - 256u * 1024)

/* ---- Entries. ---- */

static struct buf *encode_entry(const struct meta_batch *batch, uint64_t index, uint64_t term)
{
    struct writer value = writer_with(ENTRY_MAX_BYTES);
    struct writer out = writer_with(ENTRY_MAX_BYTES);
    meta_batch_encode(batch, &value);
    if (writer_ok(&value)) {
        struct record_spec record = {.value = writer_slice(&value), .timestamp_ms = batch->wall_ms};
        struct batch_spec spec = batch_spec_of(&record, 1);
        spec.base_offset = (int64_t)index;
        spec.partition_leader_epoch = (int32_t)term;
        kafka_batch_build(&spec, &out);
    }
    bool is_whole = writer_ok(&value) && writer_ok(&out);
    struct buf *buf = is_whole ? buf_of(writer_slice(&out)) : NULL;
    writer_close(&value);
    writer_close(&out);
    return buf;
}

static struct buf *encode_noop(struct controller *c, uint64_t index, uint64_t term)
{
    char cause[64];
    struct meta_record noop = {.kind = META_NOOP};
    (void)snprintf(cause, sizeof cause, "controller %u leads", c->options.node_id);
    struct meta_batch batch = {.level = meta_level_of(&noop, 1),
                               .wall_ms = env_wall_ms(c->env),
                               .cause = slice_of_text(cause),
                               .count = 1,
                               .records = &noop};
    struct buf *buf = encode_entry(&batch, index, term);
    CHECK(buf != NULL);
    return buf;
}

/* Applies the entry behind the image's index. False: the node has been halted. */
static bool apply_entry(struct controller *c, struct meta_image *image)
{
    uint64_t index = image->index + 1;
    const struct metalog_entry *e = metalog_at(&c->log, index);
    struct meta_batch batch;
    const char *why = NULL;
    CHECK(e != NULL);

    int rc = members_decode(c, e, &batch);
    if (rc != 0) {
        controller_halt(c, "entry %llu of the metadata log: %s%s", (unsigned long long)index,
                        err_text(rc),
                        rc == -ERR_UNSUPPORTED ? " (written by a newer program: upgrade)" : "");
        return false;
    }
    rc = meta_try(image, index, e->term, &batch, &why);
    if (rc == 0) return true;
    /* What is in the log was checked before it was proposed; only a canary brings us here. */
    (void)snprintf(c->fault, sizeof c->fault, "entry %llu is illegal: %s",
                   (unsigned long long)index, why);
    controller_halt(c, "%s", c->fault);
    return false;
}

bool quorum_apply_next(struct controller *c)
{
    if (is_halted(c) || c->committed.index >= c->commit_target) return false;
    const struct metalog_entry *e = metalog_at(&c->log, c->committed.index + 1);
    CHECK(e != NULL);
    c->bytes_since_snapshot += e->buf->size;
    return apply_entry(c, &c->committed);
}

/* ---- Leadership: the tentative image. ---- */

static void rebuild_tentative(struct controller *c)
{
    meta_image_close(&c->tentative);
    meta_image_copy(&c->tentative, &c->committed);
    while (c->tentative.index + 1 < metalog_next(&c->log)) {
        if (!apply_entry(c, &c->tentative)) return;
    }
    record_image(c);
}

static void settle_role(struct controller *c)
{
    bool leads = c->raft.role == RAFT_LEADER;
    if (c->is_leading && !leads) {
        meta_image_close(&c->tentative);
        c->is_leading = false;
        record_image(c);
    } else if (!c->is_leading && leads) {
        c->is_leading = true;
        c->led_since_index = metalog_next(&c->log) - 1;
        rebuild_tentative(c);
    }
}

/* ---- Writes. ---- */

static struct write *add_write(struct controller *c, enum write_kind kind, uint64_t seq)
{
    struct write *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    w->kind = kind;
    w->seq = seq;
    STAILQ_INSERT_TAIL(&c->writes, w, link);
    return w;
}

static void free_write(struct write *w)
{
    for (uint64_t i = 0; w->bufs != NULL && i <= w->last - w->first; i++) buf_unref(w->bufs[i]);
    free(w->bufs);
    free(w);
}

static void start_append(struct controller *c, struct write *w)
{
    for (uint64_t i = 0; i <= w->last - w->first; i++) {
        struct record_batch_header header;
        CHECK(kafka_batch_peek(buf_slice(w->bufs[i]), &header) == BATCH_OK);
        CHECK((uint64_t)header.base_offset == w->first + i);
        journal_append(c->journal, w->bufs[i], 0, w->bufs[i]->size, &header);
    }
    c->flush_journal = true;
}

static void start_write(struct controller *c, struct write *w)
{
    w->is_started = true;
    switch (w->kind) {
    case WRITE_VOTE: files_write_vote(c, &w->vote); return;
    case WRITE_TRUNCATE: (void)journal_truncate(c->journal, (int64_t)w->first); return;
    case WRITE_APPEND: start_append(c, w); return;
    case WRITE_INSTALL:
        if (w->keep_tail) {
            journal_set_start(c->journal, (int64_t)w->last + 1);
            journal_forget_below(c->journal, (int64_t)w->last + 1);
            w->is_done = true;
        } else {
            journal_reset(c->journal, (int64_t)w->last + 1);
        }
        return;
    }
}

/* Appends share the journal; anything else has the disk for itself. */
static void start_writes(struct controller *c)
{
    bool is_first = true;
    bool only_appends = true;
    struct write *w;
    STAILQ_FOREACH(w, &c->writes, link)
    {
        bool can_start = is_first || (only_appends && w->kind == WRITE_APPEND);
        if (!can_start) return;
        if (!w->is_started) start_write(c, w);
        only_appends = only_appends && w->kind == WRITE_APPEND;
        is_first = false;
    }
}

/* Tells the core what is durable. */
static void finish_writes(struct controller *c)
{
    uint64_t seq = 0;
    struct write *w;
    while ((w = STAILQ_FIRST(&c->writes)) != NULL) {
        if (w->kind == WRITE_APPEND && w->is_started &&
            journal_durable(c->journal) > (int64_t)w->last)
            w->is_done = true;
        if (!w->is_done) break;
        seq = w->seq;
        STAILQ_REMOVE_HEAD(&c->writes, link);
        free_write(w);
        start_writes(c);
    }
    if (seq == 0) return;
    struct raft_event event = {.kind = RAFT_PERSISTED, .seq = seq};
    quorum_step(c, &event);
    start_writes(c);
}

static void finish_head(struct controller *c, enum write_kind a, enum write_kind b)
{
    struct write *w = STAILQ_FIRST(&c->writes);
    if (w == NULL || !w->is_started || (w->kind != a && w->kind != b)) return;
    w->is_done = true;
    finish_writes(c);
}

bool quorum_is_vote_pending(const struct controller *c)
{
    const struct write *w;
    STAILQ_FOREACH(w, &c->writes, link)
    {
        if (w->kind == WRITE_VOTE) return true;
    }
    return false;
}

void quorum_on_vote_written(struct controller *c)
{
    finish_head(c, WRITE_VOTE, WRITE_VOTE);
}

void quorum_on_journal(struct controller *c, unsigned news)
{
    if (news & JOURNAL_NEWS_FAILED) {
        controller_halt(c, "the metadata log: %s", journal_why(c->journal));
        return;
    }
    if (news & JOURNAL_NEWS_FULL) {
        controller_halt(c, "no space left for the metadata log in %s", c->options.log_dir);
        return;
    }
    if (news & JOURNAL_NEWS_TRUNCATED) finish_head(c, WRITE_TRUNCATE, WRITE_INSTALL);
    if (news & JOURNAL_NEWS_WRITTEN) finish_writes(c);
}

void quorum_flush(struct controller *c)
{
    start_writes(c);
    /* One may be done as soon as it is started. */
    while (!STAILQ_EMPTY(&c->writes) && STAILQ_FIRST(&c->writes)->is_done) finish_writes(c);
    if (c->flush_journal) journal_flush(c->journal);
    c->flush_journal = false;
}

/* ---- Effects. ---- */

static void on_append(struct controller *c, const struct raft_effect *e)
{
    CHECK(e->first == metalog_next(&c->log));
    uint64_t count = e->last - e->first + 1;
    struct write *w = add_write(c, WRITE_APPEND, e->seq);
    w->first = e->first;
    w->last = e->last;
    w->bufs = calloc(count, sizeof(struct buf *));
    CHECK(w->bufs != NULL);

    for (uint64_t i = 0; i < count; i++) {
        uint64_t index = e->first + i;
        struct buf *buf;
        if (e->noop) {
            buf = encode_noop(c, index, e->term);
        } else {
            CHECK(index >= c->arriving_first);
            CHECK(index - c->arriving_first < c->arriving_count);
            buf = buf_ref(c->arriving[index - c->arriving_first].buf);
        }
        w->bufs[i] = buf_ref(buf);
        metalog_push(&c->log, buf, e->term);
    }
}

static void on_install(struct controller *c, const struct raft_effect *e)
{
    CHECK(c->pull.is_stored);
    CHECK(c->pull.image.index == e->last);
    CHECK(c->committed.index < e->last);

    meta_image_close(&c->committed);
    c->committed = c->pull.image;
    c->pull.image = (struct meta_image){0};
    c->snapshot_index = e->last;
    c->bytes_since_snapshot = 0;
    if (c->commit_target < e->last) c->commit_target = e->last;
    if (e->keep_tail)
        metalog_drop(&c->log, e->last);
    else
        metalog_reset(&c->log, e->last + 1);

    struct write *w = add_write(c, WRITE_INSTALL, e->seq);
    w->last = e->last;
    w->keep_tail = e->keep_tail;
}

static void on_send(struct controller *c, const struct raft_effect *e)
{
    bool is_early = c->options.canary & CONTROLLER_CANARY_SEND_BEFORE_DURABLE;
    if (e->after <= c->raft.durable_seq || is_early) {
        peers_send(c, &e->msg);
        return;
    }
    struct held *h = calloc(1, sizeof *h);
    CHECK(h != NULL);
    h->after = e->after;
    h->msg = e->msg;
    STAILQ_INSERT_TAIL(&c->held, h, link);
}

static void release_held(struct controller *c)
{
    struct held_list rest = STAILQ_HEAD_INITIALIZER(rest);
    struct held *h;
    while ((h = STAILQ_FIRST(&c->held)) != NULL) {
        STAILQ_REMOVE_HEAD(&c->held, link);
        if (h->after > c->raft.durable_seq) {
            STAILQ_INSERT_TAIL(&rest, h, link);
            continue;
        }
        peers_send(c, &h->msg);
        free(h);
    }
    STAILQ_CONCAT(&c->held, &rest);
}

static void on_role(struct controller *c, const struct raft_effect *e)
{
    c->role_changed = true;
    if (e->role == RAFT_LEADER)
        log_info(c->env, "term %llu: this controller leads", (unsigned long long)e->term);
    else if (e->peer != RAFT_NOBODY)
        log_info(c->env, "term %llu: controller %u leads", (unsigned long long)e->term, e->peer);
    else if (e->role == RAFT_PRECANDIDATE && c->raft.leader_heard_ms > 0)
        log_info(c->env, "term %llu: no leader was heard of for %llu ms: asking for an election",
                 (unsigned long long)e->term,
                 (unsigned long long)(c->raft.now_ms - c->raft.leader_heard_ms));
    else
        log_debug(c->env, "term %llu: %s, no leader", (unsigned long long)e->term,
                  raft_role_text(e->role));
}

static void carry_out(struct controller *c, const struct raft_effect *e)
{
    switch (e->kind) {
    case RAFT_PERSIST_VOTE: add_write(c, WRITE_VOTE, e->seq)->vote = e->vote; return;
    case RAFT_TRUNCATE:
        CHECK(e->first > c->committed.index);
        metalog_truncate(&c->log, e->first);
        add_write(c, WRITE_TRUNCATE, e->seq)->first = e->first;
        return;
    case RAFT_APPEND: on_append(c, e); return;
    case RAFT_INSTALL: on_install(c, e); return;
    case RAFT_SEND: on_send(c, e); return;
    case RAFT_WANT_SNAPSHOT: c->wanted_from = e->peer; return;
    case RAFT_COMMIT:
        CHECK(e->last >= c->commit_target);
        c->commit_target = e->last;
        return;
    case RAFT_ROLE_CHANGED: on_role(c, e); return;
    }
}

void quorum_step(struct controller *c, struct raft_event *event)
{
    CHECK(!c->is_stepping);
    c->is_stepping = true;
    c->effects.count = 0;
    event->now_ms = env_now_ms(c->env);
    record_before_step(c);
    raft_step(&c->raft, event, &c->effects);
    record_step(c, event);
    for (uint32_t i = 0; i < c->effects.count; i++) carry_out(c, &c->effects.items[i]);
    c->is_stepping = false;

    if (!STAILQ_EMPTY(&c->held)) release_held(c);
    settle_role(c);
}

/* ---- What comes in. ---- */

static void forget_arriving(struct controller *c)
{
    for (uint32_t i = 0; i < c->arriving_count; i++) buf_unref(c->arriving[i].buf);
    free(c->arriving);
    c->arriving = NULL;
    c->arriving_count = 0;
}

/* Cuts the entries of an append apart. False: they are not what the message says. */
static bool take_entries(struct controller *c, const struct raft_msg *m, struct slice bytes)
{
    uint64_t count = m->last_index - m->prev_index;
    if (count > bytes.size / BATCH_HEADER_SIZE) return false;
    c->arriving = calloc(count, sizeof *c->arriving);
    CHECK(c->arriving != NULL);
    c->arriving_first = m->prev_index + 1;

    struct slice batch;
    struct record_batch_header header;
    while (c->arriving_count < count && kafka_batch_next(&bytes, &batch, &header)) {
        bool is_next = (uint64_t)header.base_offset == c->arriving_first + c->arriving_count &&
                       (uint64_t)header.partition_leader_epoch == m->entries_term &&
                       header.record_count == 1;
        if (!is_next) return false;
        c->arriving[c->arriving_count++] =
            (struct metalog_entry){.buf = buf_of(batch), .term = m->entries_term};
    }
    return c->arriving_count == count && bytes.size == 0;
}

bool quorum_on_frame(struct controller *c, const struct rpc_msg *msg)
{
    struct raft_event event = {.kind = RAFT_RECV};
    if (!peers_take(c, msg, &event.msg)) return false;

    bool has_entries =
        event.msg.kind == RAFT_MSG_APPEND && event.msg.last_index > event.msg.prev_index;
    bool is_sound = !has_entries || take_entries(c, &event.msg, msg->raft.entries);
    if (is_sound && has_entries)
        event.membership_count = members_of_entries(c, c->arriving, c->arriving_count,
                                                    c->arriving_first, event.memberships);
    if (is_sound) quorum_step(c, &event);
    forget_arriving(c);
    return is_sound;
}

static int refuse(struct controller *c, const struct decision *d, const char *why)
{
    c->refused_count++;
    log_error(c->env, "decision refused by the image: %s (%s)", why, d->cause);
    if (c->options.canary != 0) {
        (void)snprintf(c->fault, sizeof c->fault, "illegal decision: %.400s", why);
        controller_halt(c, "%s", c->fault);
        return -ERR_INVALID;
    }
    rebuild_tentative(c);
    return -ERR_INVALID;
}

static const struct meta_record *voters_in(const struct decision *d)
{
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->records[i].kind == META_VOTERS) return &d->records[i];
    }
    return NULL;
}

static int propose(struct controller *c, const struct decision *d, uint64_t *index)
{
    if (is_halted(c) || !c->is_leading || !raft_can_propose(&c->raft)) return -ERR_AGAIN;
    CHECK(c->tentative.index == raft_last_index(&c->raft));
    const struct meta_record *voters = voters_in(d);
    if (voters != NULL && !raft_can_change_members(&c->raft)) return -ERR_AGAIN;

    const char *why = NULL;
    uint64_t term = c->raft.vote.term;
    uint64_t next = c->tentative.index + 1;
    struct meta_batch batch = {.level = meta_level_of(d->records, d->count),
                               .wall_ms = env_wall_ms(c->env),
                               .cause = slice_of_text(d->cause),
                               .count = d->count,
                               .records = d->records};
    if (meta_try(&c->tentative, next, term, &batch, &why) != 0) return refuse(c, d, why);

    struct buf *buf = encode_entry(&batch, next, term);
    if (buf == NULL) {
        log_error(c->env, "decision too large for one entry: %s", d->cause);
        rebuild_tentative(c);
        return -ERR_LIMIT;
    }
    record_proposed(c, d, next, term, buf);
    struct metalog_entry entry = {.buf = buf, .term = term};
    c->arriving = &entry;
    c->arriving_first = next;
    c->arriving_count = 1;
    struct raft_event event = {.kind = RAFT_PROPOSE, .count = 1};
    if (voters != NULL)
        event.membership_count = members_of_entries(c, &entry, 1, next, event.memberships);
    quorum_step(c, &event);
    c->arriving = NULL;
    c->arriving_count = 0;
    buf_unref(buf);

    CHECK(raft_last_index(&c->raft) == next);
    c->decision_count++;
    handovers_note(c, d, next);
    log_info(c->env, "decision %llu: %s (%u record%s)", (unsigned long long)next, d->cause,
             d->count, d->count == 1 ? "" : "s");
    *index = next;
    return 0;
}

int quorum_propose(struct controller *c, const struct decision *d, uint64_t *index)
{
    CHECK(d->count > 0);

    int rc = propose(c, d, index);
    record_request(c, &(struct record_decision){0}); /* Of this one only. */
    return rc;
}

void quorum_offer_snapshot(struct controller *c)
{
    CHECK(c->pull.is_stored);
    struct raft_event event = {.kind = RAFT_SNAPSHOT_RECEIVED, .membership_count = 1};
    event.index = c->pull.image.index;
    event.term = c->pull.image.term;
    event.memberships[0] = members_of_image(c, &c->pull.image);
    quorum_step(c, &event);
    meta_image_close(&c->pull.image);
    c->pull = (struct pull){0};
}

/* ---- The beginning and the end. ---- */

static struct raft_config raft_settings(struct controller *c)
{
    uint64_t seed;
    env_random(c->env, &seed, sizeof seed);
    struct raft_config config = raft_config_default(c->options.node_id, seed);
    memcpy(config.disk, c->disk.bytes, sizeof config.disk);
    config.heartbeat_ms = c->options.raft_heartbeat_ms;
    config.election_timeout_min_ms = c->options.election_timeout_min_ms;
    config.election_timeout_max_ms = c->options.election_timeout_max_ms;
    config.canaries = c->options.raft_canary;
    config.may_vote = c->may_vote;
    return config;
}

/* The sets that the log holds come after the snapshot's. */
static void find_memberships(struct controller *c, struct raft_restart *restart)
{
    for (uint64_t i = restart->start_index + 1; i <= restart->last_index; i++) {
        struct raft_membership found[RAFT_MEMBERSHIPS_KEPT];
        if (members_of_entries(c, metalog_at(&c->log, i), 1, i, found) == 0) continue;
        if (restart->membership_count == RAFT_MEMBERSHIPS_KEPT)
            restart->memberships[0] = restart->memberships[--restart->membership_count];
        restart->memberships[restart->membership_count++] = found[0];
    }
}

bool quorum_start(struct controller *c, const struct raft_vote *vote,
                  const struct raft_membership *forced)
{
    static const char *const misfit = "the vote in quorum-state, the snapshot and the metadata log "
                                      "in %s do not fit together: a file is missing or was edited";
    struct raft_run runs[RAFT_RUNS_MAX];
    struct raft_restart restart = {.vote = *vote,
                                   .start_index = c->committed.index,
                                   .start_term = c->committed.term,
                                   .last_index = metalog_next(&c->log) - 1,
                                   .runs = runs,
                                   .membership_count = 1};
    /* Taken over from a controller that knew of a later term; nobody has our vote in that one. */
    if (restart.vote.term > 0 && restart.vote.term < restart.start_term)
        restart.vote = (struct raft_vote){.term = restart.start_term};
    restart.memberships[0] = members_of_image(c, &c->committed);
    find_memberships(c, &restart);
    if (forced != NULL) {
        restart.memberships[0] = *forced;
        restart.membership_count = 1;
    }
    for (uint64_t i = restart.start_index + 1; i <= restart.last_index; i++) {
        uint64_t term = metalog_at(&c->log, i)->term;
        if (restart.run_count > 0 && runs[restart.run_count - 1].term == term) continue;
        if (restart.run_count == RAFT_RUNS_MAX) {
            controller_halt(c, misfit, c->options.log_dir);
            return false;
        }
        runs[restart.run_count++] = (struct raft_run){.first_index = i, .term = term};
    }
    if (!raft_restart_is_sane(&restart)) {
        controller_halt(c, misfit, c->options.log_dir);
        return false;
    }
    struct raft_config config = raft_settings(c);
    raft_init(&c->raft, &config, &restart, env_now_ms(c->env));
    record_begin(c);
    c->commit_target = c->committed.index;
    c->snapshot_index = c->committed.index;
    return true;
}

void quorum_close(struct controller *c)
{
    struct write *w;
    struct held *h;
    while ((w = STAILQ_FIRST(&c->writes)) != NULL) {
        STAILQ_REMOVE_HEAD(&c->writes, link);
        free_write(w);
    }
    while ((h = STAILQ_FIRST(&c->held)) != NULL) {
        STAILQ_REMOVE_HEAD(&c->held, link);
        free(h);
    }
}

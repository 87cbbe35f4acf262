#include "tests/sim/raft_sim.h"

#include <string.h>

#include "common/check.h"
#include "common/prng.h"
#include "controller/raft/raft.h"

#define NODES_MAX 7
#define LOG_MAX 3000 /* Indexes; nothing is proposed in the last LOG_SLACK of them. */
#define LOG_SLACK 300
#define SETS_MAX 2048
#define TERMS_MAX 8192
#define FLIGHTS_MAX 16384
#define WAITS_MAX 8192
#define WRITES_MAX 1024
#define ENTRIES_MAX 8 /* In one message or write. */
#define NEVER UINT64_MAX

/* The bytes of an entry, as far as anyone here cares. No two proposals have the same value. */
struct entry {
    uint64_t term;
    uint64_t value;
    uint64_t prev_value; /* Of the entry before it, where it was proposed: Log Matching. */
    uint32_t set;        /* Which of sim.sets it holds; 0: none. */
};

struct snapshot {
    uint64_t index;
    uint64_t term;
    uint64_t state;
    uint64_t value; /* Of the entry at index. */
    struct raft_membership membership;
};

/* A log as one side sees it, memory or disk. Entries lie at their index. */
struct log {
    struct raft_vote vote;
    struct snapshot snapshot;
    uint64_t start_index; /* Entries at or below are dropped. */
    uint64_t start_term;
    uint64_t last_index;
    struct entry entries[LOG_MAX];
};

struct write {
    enum raft_effect_kind kind;
    uint64_t seq;
    struct raft_vote vote;
    uint64_t first;
    uint64_t last;
    bool keep_tail;
    struct entry entries[ENTRIES_MAX];
    struct snapshot snapshot;
};

enum flight_kind { FLY_MSG, FLY_FETCH, FLY_CONNECT, FLY_DISCONNECT };

/* Something on its way from node to node. */
struct flight {
    enum flight_kind kind;
    uint32_t from; /* Places of nodes, not ids. */
    uint32_t to;
    uint64_t after;
    struct raft_msg msg;
    struct entry entries[ENTRIES_MAX];
};

struct due {
    uint64_t due_ms;
    uint64_t order;
    uint32_t slot;
};

struct node {
    bool up;
    struct raft raft;
    uint8_t disk_id[RAFT_DISK_ID_SIZE];
    bool vouched; /* On the disk. */
    struct log memory;
    struct log disk;
    uint64_t applied;
    uint64_t state;
    uint64_t restart_ms;
    uint64_t write_due_ms; /* When the first of `writes` is done; NEVER: none. */
    uint32_t write_count;
    struct write writes[WRITES_MAX];
    uint32_t wait_count;
    struct flight waits[WAITS_MAX]; /* Messages that wait for a write. */
};

/* Drawn from the seed. */
struct profile {
    uint32_t loss_percent;
    uint32_t double_percent;
    uint64_t delay_max_ms;
    uint64_t write_max_ms;
    uint32_t stall_percent;
    uint64_t fault_every_ms;
    uint64_t work_every_ms;
    uint64_t snapshot_every; /* Entries. */
    uint64_t tail;
    uint32_t append_max;
    uint32_t inflight_max;
    bool members_change;
};

struct sim {
    struct raft_sim_options options;
    struct raft_sim_result result;
    struct profile profile;
    struct prng prng;
    uint64_t now_ms;
    bool faults;
    uint32_t node_count;
    struct node nodes[NODES_MAX];
    bool cut[NODES_MAX][NODES_MAX]; /* [from][to] */

    uint64_t order;
    uint32_t due_count;
    struct due dues[FLIGHTS_MAX]; /* A heap. */
    struct flight flights[FLIGHTS_MAX];
    uint32_t free_count;
    uint32_t free_slots[FLIGHTS_MAX];

    uint64_t value_last;
    uint32_t set_count;
    struct raft_members sets[SETS_MAX];

    /* What the oracles remember. */
    uint32_t leader_of_term[TERMS_MAX];
    uint64_t committed_last;
    uint64_t committed[LOG_MAX];      /* Its value. */
    uint64_t committed_term[LOG_MAX]; /* The term of the leader that committed it. */
    uint64_t state_at[LOG_MAX];
};

static void note(struct sim *s, uint64_t value)
{
    s->result.history_hash = (s->result.history_hash ^ value) * 0x100000001b3u;
}

static void violate(struct sim *s, const char *what)
{
    if (s->result.violation == NULL) s->result.violation = what;
}

static uint32_t id_of(uint32_t place)
{
    return 7 + 13 * place; /* Ids are not places, so that nobody may take them for such. */
}

static uint32_t place_of(uint32_t id)
{
    return (id - 7) / 13;
}

static uint64_t mix(uint64_t state, uint64_t value)
{
    return (state ^ value) * 0x9e3779b97f4a7c15u + 1;
}

/* ---- The network: a heap of what is due ---- */

static bool is_before(const struct due *a, const struct due *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void launch(struct sim *s, const struct flight *f, uint64_t delay_ms)
{
    CHECK(s->free_count > 0);
    uint32_t slot = s->free_slots[--s->free_count];
    s->flights[slot] = *f;
    struct due due = {.due_ms = s->now_ms + delay_ms, .order = s->order++, .slot = slot};

    uint32_t at = s->due_count++;
    while (at > 0 && is_before(&due, &s->dues[(at - 1) / 2])) {
        s->dues[at] = s->dues[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    s->dues[at] = due;
}

static struct flight take_due(struct sim *s)
{
    CHECK(s->due_count > 0);
    uint32_t slot = s->dues[0].slot;
    struct due moved = s->dues[--s->due_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= s->due_count) break;
        if (child + 1 < s->due_count && is_before(&s->dues[child + 1], &s->dues[child])) child++;
        if (!is_before(&s->dues[child], &moved)) break;
        s->dues[at] = s->dues[child];
        at = child;
    }
    s->dues[at] = moved;
    s->free_slots[s->free_count++] = slot;
    return s->flights[slot];
}

static void send(struct sim *s, const struct flight *f)
{
    if (s->cut[f->from][f->to]) return;
    uint64_t delay_max_ms = s->faults ? s->profile.delay_max_ms : 5;
    if (s->faults && prng_chance(&s->prng, s->profile.loss_percent, 100)) return;
    bool twice = s->faults && prng_chance(&s->prng, s->profile.double_percent, 100);
    launch(s, f, prng_range(&s->prng, 1, delay_max_ms));
    if (twice) launch(s, f, prng_range(&s->prng, 1, 4 * delay_max_ms));
}

static void announce(struct sim *s, enum flight_kind kind, uint32_t from, uint32_t to)
{
    launch(s, &(struct flight){.kind = kind, .from = from, .to = to}, prng_range(&s->prng, 1, 5));
}

/* ---- The oracles ---- */

static bool holds(const struct log *log, uint64_t index, uint64_t value)
{
    if (index <= log->start_index) return true; /* In its snapshot, which is checked elsewhere. */
    return index <= log->last_index && log->entries[index].value == value;
}

static void check_new_leader(struct sim *s, uint32_t place)
{
    const struct node *n = &s->nodes[place];
    uint64_t term = n->raft.vote.term;
    CHECK(term < TERMS_MAX);
    s->result.leaders++;
    if (s->leader_of_term[term] != RAFT_NOBODY) violate(s, "two leaders in one term");
    s->leader_of_term[term] = id_of(place);

    for (uint64_t i = 1; i <= s->committed_last; i++) {
        if (s->committed_term[i] >= term) continue; /* Committed by a later leader. */
        if (!holds(&n->memory, i, s->committed[i])) violate(s, "a leader lacks a committed entry");
    }
}

static bool has_wiped_voter(const struct sim *s, const struct raft_members *members)
{
    for (uint32_t i = 0; i < members->count; i++) {
        const struct raft_member *m = &members->items[i];
        const struct node *n = &s->nodes[place_of(m->id)];
        if (memcmp(m->disk, n->disk_id, RAFT_DISK_ID_SIZE) != 0) return true;
    }
    return false;
}

/* A commit is a promise that no minority of lost nodes can break. */
static void check_commit_is_durable(struct sim *s, const struct node *n, uint64_t index)
{
    const struct raft_members *members = raft_members(&n->raft);
    if (has_wiped_voter(s, members)) return; /* It lost what it had rightly acknowledged. */
    uint32_t count = 0;
    for (uint32_t i = 0; i < members->count; i++) {
        const struct node *voter = &s->nodes[place_of(members->items[i].id)];
        if (!members->items[i].voter) continue;
        count += holds(&voter->disk, index, n->memory.entries[index].value);
    }
    if (count <= raft_members_voter_count(members) / 2) {
        violate(s, "committed what is not on the disks of a majority");
    }
}

static void apply(struct sim *s, struct node *n, uint64_t commit_index)
{
    if (commit_index > n->memory.last_index) violate(s, "committed past the end of the log");
    for (; n->applied < commit_index && s->result.violation == NULL;) {
        uint64_t index = ++n->applied;
        uint64_t value = n->memory.entries[index].value;
        n->state = mix(n->state, value);
        if (index > s->committed_last) {
            CHECK(index == s->committed_last + 1);
            s->committed_last = index;
            s->committed[index] = value;
            s->committed_term[index] = n->raft.vote.term;
            s->state_at[index] = n->state;
            s->result.commits++;
            if (n->raft.role == RAFT_LEADER) check_commit_is_durable(s, n, index);
        }
        if (s->committed[index] != value) violate(s, "a committed entry changed");
        if (s->state_at[index] != n->state) violate(s, "states differ at the same index");
    }
}

/* ---- The shell: effects ---- */

static struct write *add_write(struct sim *s, struct node *n, const struct raft_effect *e)
{
    CHECK(n->write_count < WRITES_MAX);
    if (n->write_count == 0) {
        bool stall = s->faults && prng_chance(&s->prng, s->profile.stall_percent, 100);
        n->write_due_ms =
            s->now_ms + prng_range(&s->prng, 1, stall ? 400 : s->profile.write_max_ms);
    }
    struct write *w = &n->writes[n->write_count++];
    w->kind = e->kind;
    w->seq = e->seq;
    w->vote = e->vote;
    w->first = e->first;
    w->last = e->last;
    w->keep_tail = e->keep_tail;
    return w;
}

/* One write reaches one side, memory or disk. */
static void write_to(struct log *log, const struct write *w)
{
    switch (w->kind) {
    case RAFT_PERSIST_VOTE: log->vote = w->vote; return;
    case RAFT_TRUNCATE: log->last_index = w->first - 1; return;
    case RAFT_APPEND:
        CHECK(w->first == log->last_index + 1);
        for (uint64_t i = w->first; i <= w->last; i++) log->entries[i] = w->entries[i - w->first];
        log->last_index = w->last;
        return;
    case RAFT_INSTALL:
        log->snapshot = w->snapshot;
        log->start_index = w->snapshot.index;
        log->start_term = w->snapshot.term;
        log->entries[log->start_index].value = w->snapshot.value;
        if (!w->keep_tail || log->last_index < w->snapshot.index) {
            log->last_index = w->snapshot.index;
        }
        return;
    case RAFT_SEND:
    case RAFT_WANT_SNAPSHOT:
    case RAFT_COMMIT:
    case RAFT_ROLE_CHANGED: break;
    }
    UNREACHABLE();
}

/* Where do an append's bytes come from? */
struct source {
    const struct flight *flight;     /* A message, */
    uint32_t set;                    /* or a proposal, perhaps of a set of members, */
    const struct snapshot *snapshot; /* or a snapshot. */
};

static void append(struct sim *s, struct node *n, const struct raft_effect *e,
                   const struct source *source)
{
    struct write *w = add_write(s, n, e);
    CHECK(e->last - e->first < ENTRIES_MAX);
    CHECK(e->last < LOG_MAX);
    uint64_t prev_value = n->memory.entries[e->first - 1].value;
    for (uint64_t i = e->first; i <= e->last; i++) {
        struct entry *entry = &w->entries[i - e->first];
        if (source->flight != NULL && !e->noop) {
            *entry = source->flight->entries[i - source->flight->msg.prev_index - 1];
        } else {
            *entry = (struct entry){.term = e->term, .value = ++s->value_last};
            entry->prev_value = prev_value;
            entry->set = e->noop ? 0 : source->set;
        }
        CHECK(entry->term == e->term);
        if (entry->prev_value != prev_value) violate(s, "logs differ before an equal entry");
        prev_value = entry->value;
    }
    write_to(&n->memory, w);
}

static void install(struct sim *s, struct node *n, const struct raft_effect *e,
                    const struct source *source)
{
    CHECK(source->snapshot != NULL);
    CHECK(source->snapshot->index == e->last);
    struct write *w = add_write(s, n, e);
    w->snapshot = *source->snapshot;
    write_to(&n->memory, w);
    n->applied = w->snapshot.index;
    n->state = w->snapshot.state;
    s->result.snapshots_installed++;
    if (s->state_at[n->applied] != n->state) violate(s, "a snapshot differs from the log");
}

static void emit(struct sim *s, uint32_t place, const struct raft_effect *e)
{
    struct node *n = &s->nodes[place];
    struct flight f = {.from = place, .to = place_of(e->msg.to), .after = e->after, .msg = e->msg};
    if (e->msg.kind == RAFT_MSG_APPEND) {
        CHECK(e->msg.last_index - e->msg.prev_index <= ENTRIES_MAX);
        for (uint64_t i = e->msg.prev_index + 1; i <= e->msg.last_index; i++) {
            f.entries[i - e->msg.prev_index - 1] = n->memory.entries[i];
            CHECK(n->memory.entries[i].term == e->msg.entries_term);
        }
    }
    if (e->after <= n->raft.durable_seq || s->options.send_early) {
        send(s, &f);
    } else {
        CHECK(n->wait_count < WAITS_MAX);
        n->waits[n->wait_count++] = f;
    }
}

static void carry_out(struct sim *s, uint32_t place, const struct raft_effects *effects,
                      const struct source *source)
{
    struct node *n = &s->nodes[place];
    for (uint32_t i = 0; i < effects->count && s->result.violation == NULL; i++) {
        const struct raft_effect *e = &effects->items[i];
        switch (e->kind) {
        case RAFT_TRUNCATE: s->result.truncations++; /* fall through */
        case RAFT_PERSIST_VOTE: write_to(&n->memory, add_write(s, n, e)); break;
        case RAFT_APPEND: append(s, n, e, source); break;
        case RAFT_INSTALL: install(s, n, e, source); break;
        case RAFT_SEND: emit(s, place, e); break;
        case RAFT_COMMIT: apply(s, n, e->last); break;
        case RAFT_WANT_SNAPSHOT:
            /* The bytes come from the peer, as they are there when they leave. */
            send(s, &(struct flight){.kind = FLY_FETCH, .from = place_of(e->peer), .to = place});
            break;
        case RAFT_ROLE_CHANGED: break;
        default: UNREACHABLE();
        }
    }
}

static void step(struct sim *s, uint32_t place, struct raft_event *event,
                 const struct source *source)
{
    static struct raft_effects effects; /* Large. */
    struct node *n = &s->nodes[place];
    CHECK(n->up);
    event->now_ms = s->now_ms;
    enum raft_role role = n->raft.role;
    uint64_t term = n->raft.vote.term;

    effects.count = 0;
    raft_step(&n->raft, event, &effects);
    s->result.steps++;
    if (raft_is_vouched(&n->raft)) n->vouched = true;
    note(s, s->now_ms << 16 | (uint64_t)event->kind << 8 | place);
    note(s, n->raft.trail.last_index << 32 | n->raft.commit_index << 8 | effects.count);
    if (n->raft.role == RAFT_LEADER && (role != RAFT_LEADER || term != n->raft.vote.term)) {
        check_new_leader(s, place);
    }
    carry_out(s, place, &effects, source);
}

/* ---- The shell: events ---- */

static uint64_t term_at(const struct log *log, uint64_t index)
{
    return index == log->start_index ? log->start_term : log->entries[index].term;
}

/* The last two sets of members in a range of entries, as the shell must find them. */
static uint32_t find_sets(const struct sim *s, const struct entry *entries, uint64_t first,
                          uint64_t count, struct raft_membership *sets, uint32_t set_count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (entries[i].set == 0) continue;
        if (set_count == RAFT_MEMBERSHIPS_KEPT) sets[0] = sets[--set_count];
        sets[set_count++] =
            (struct raft_membership){.index = first + i, .members = s->sets[entries[i].set]};
    }
    return set_count;
}

static void start(struct sim *s, uint32_t place)
{
    static struct raft_run runs[LOG_MAX];
    struct node *n = &s->nodes[place];
    struct log *disk = &n->disk;
    struct raft_restart restart = {
        .vote = disk->vote,
        .start_index = disk->start_index,
        .start_term = disk->start_term,
        .commit_index = disk->snapshot.index,
        .last_index = disk->last_index,
        .runs = runs,
        .membership_count = 1,
        .memberships = {disk->snapshot.membership},
    };
    for (uint64_t i = disk->start_index + 1; i <= disk->last_index; i++) {
        if (restart.run_count > 0 && runs[restart.run_count - 1].term == term_at(disk, i)) continue;
        runs[restart.run_count++] = (struct raft_run){.first_index = i, .term = term_at(disk, i)};
    }
    uint64_t from = disk->snapshot.index + 1;
    if (disk->last_index >= from) {
        restart.membership_count =
            find_sets(s, &disk->entries[from], from, disk->last_index - from + 1,
                      restart.memberships, restart.membership_count);
    }
    struct raft_config config = raft_config_default(id_of(place), prng_next(&s->prng));
    memcpy(config.disk, n->disk_id, RAFT_DISK_ID_SIZE);
    config.append_entries_max = s->profile.append_max;
    config.inflight_max = s->profile.inflight_max;
    config.uncommitted_max = 100;
    config.canaries = s->options.canaries;
    config.may_vote = n->vouched;

    n->up = true;
    n->memory = *disk;
    n->applied = disk->snapshot.index;
    n->state = disk->snapshot.state;
    raft_init(&n->raft, &config, &restart, s->now_ms);
    for (uint32_t other = 0; other < s->node_count; other++) {
        if (other == place || !s->nodes[other].up) continue;
        if (!s->cut[other][place]) announce(s, FLY_CONNECT, other, place);
        if (!s->cut[place][other]) announce(s, FLY_CONNECT, place, other);
    }
}

/* What was on its way to the disk may have arrived, in order; the rest is lost. */
static void crash(struct sim *s, uint32_t place, bool noticed)
{
    struct node *n = &s->nodes[place];
    uint64_t arrived = prng_range(&s->prng, 0, n->write_count);
    for (uint64_t i = 0; i < arrived; i++) write_to(&n->disk, &n->writes[i]);
    n->up = false;
    n->write_count = 0;
    n->write_due_ms = NEVER;
    n->wait_count = 0;
    n->restart_ms = s->now_ms + prng_range(&s->prng, 1, 1500);
    s->result.crashes++;
    for (uint32_t other = 0; other < s->node_count && noticed; other++) {
        if (other != place) announce(s, FLY_DISCONNECT, place, other);
    }
}

static void wipe(struct sim *s, uint32_t place)
{
    struct node *n = &s->nodes[place];
    crash(s, place, true);
    n->disk.vote = (struct raft_vote){0};
    n->disk.snapshot = (struct snapshot){.membership.members = s->sets[1]};
    n->disk.start_index = 0;
    n->disk.start_term = 0;
    n->disk.last_index = 0;
    n->disk_id[1]++;
    n->vouched = false;
    s->result.wipes++;
}

static void finish_writes(struct sim *s, uint32_t place)
{
    struct node *n = &s->nodes[place];
    uint32_t done = (uint32_t)prng_range(&s->prng, 1, n->write_count);
    for (uint32_t i = 0; i < done; i++) write_to(&n->disk, &n->writes[i]);
    uint64_t seq = n->writes[done - 1].seq;
    n->write_count -= done;
    memmove(n->writes, n->writes + done, n->write_count * sizeof n->writes[0]);
    n->write_due_ms = NEVER;
    if (n->write_count > 0) {
        n->write_due_ms = s->now_ms + prng_range(&s->prng, 1, s->profile.write_max_ms);
    }
    step(s, place, &(struct raft_event){.kind = RAFT_PERSISTED, .seq = seq}, &(struct source){0});

    uint32_t kept = 0;
    for (uint32_t i = 0; i < n->wait_count; i++) {
        if (n->waits[i].after <= n->raft.durable_seq) {
            send(s, &n->waits[i]);
        } else {
            n->waits[kept++] = n->waits[i];
        }
    }
    n->wait_count = kept;
}

/* A snapshot of what is applied; the disk keeps a tail of entries before it. */
static void maybe_take_snapshot(struct sim *s, uint32_t place)
{
    struct node *n = &s->nodes[place];
    uint64_t durable = n->disk.last_index;
    if (n->applied < n->memory.snapshot.index + s->profile.snapshot_every) return;
    if (n->write_count > 0 || durable < n->applied) return;

    struct snapshot *snapshot = &n->disk.snapshot;
    *snapshot = (struct snapshot){
        .index = n->applied,
        .term = term_at(&n->disk, n->applied),
        .state = n->state,
        .value = n->disk.entries[n->applied].value,
        .membership = n->memory.snapshot.membership,
    };
    struct raft_membership sets[RAFT_MEMBERSHIPS_KEPT] = {n->memory.snapshot.membership};
    uint64_t from = n->memory.snapshot.index + 1;
    uint32_t count = find_sets(s, &n->disk.entries[from], from, n->applied - from + 1, sets, 1);
    snapshot->membership = sets[count - 1];

    uint64_t index = n->applied > s->profile.tail ? n->applied - s->profile.tail : 0;
    if (index > n->disk.start_index) {
        n->disk.start_term = term_at(&n->disk, index);
        n->disk.start_index = index;
    }
    n->memory = n->disk;
    struct raft_event event = {.kind = RAFT_SNAPSHOT_TAKEN, .index = n->disk.start_index};
    step(s, place, &event, &(struct source){0});
}

static void land(struct sim *s, const struct flight *f)
{
    struct node *n = &s->nodes[f->to];
    struct raft_event event = {.kind = RAFT_RECV, .msg = f->msg};
    struct source source = {.flight = f};
    if (!n->up || s->cut[f->from][f->to]) return;
    switch (f->kind) {
    case FLY_MSG:
        if (f->msg.kind == RAFT_MSG_APPEND) {
            event.membership_count =
                find_sets(s, f->entries, f->msg.prev_index + 1,
                          f->msg.last_index - f->msg.prev_index, event.memberships, 0);
        }
        step(s, f->to, &event, &source);
        return;
    case FLY_FETCH: {
        struct snapshot snapshot = s->nodes[f->from].disk.snapshot;
        if (!s->nodes[f->from].up || snapshot.index == 0) return;
        event = (struct raft_event){.kind = RAFT_SNAPSHOT_RECEIVED, .membership_count = 1};
        event.index = snapshot.index;
        event.term = snapshot.term;
        event.memberships[0] = snapshot.membership;
        source = (struct source){.snapshot = &snapshot};
        step(s, f->to, &event, &source);
        return;
    }
    case FLY_CONNECT:
    case FLY_DISCONNECT:
        event = (struct raft_event){.kind = RAFT_PEER_CONNECTED, .peer = id_of(f->from)};
        if (f->kind == FLY_DISCONNECT) event.kind = RAFT_PEER_DISCONNECTED;
        step(s, f->to, &event, &(struct source){0});
        return;
    default: UNREACHABLE();
    }
}

/* ---- The world: work and faults ---- */

/* The leader of the highest term, if one is up; else NODES_MAX. */
static uint32_t find_leader(const struct sim *s)
{
    uint32_t leader = NODES_MAX;
    for (uint32_t i = 0; i < s->node_count; i++) {
        const struct node *n = &s->nodes[i];
        if (!n->up || n->raft.role != RAFT_LEADER) continue;
        if (leader == NODES_MAX || n->raft.vote.term > s->nodes[leader].raft.vote.term) leader = i;
    }
    return leader;
}

static struct raft_member member_of(const struct sim *s, uint32_t place, bool voter)
{
    struct raft_member member = {.id = id_of(place), .voter = voter};
    memcpy(member.disk, s->nodes[place].disk_id, RAFT_DISK_ID_SIZE);
    return member;
}

static bool has_caught_up(const struct raft *r, uint32_t id)
{
    const struct raft_peer *peer = raft_peer(r, id);
    return peer != NULL && peer->match_index >= r->commit_index;
}

/* One change for one node: in as a learner, from learner to voter, or out. */
static void change_members(struct sim *s, uint32_t leader, uint32_t place)
{
    struct node *n = &s->nodes[leader];
    struct raft_members next = *raft_members(&n->raft);
    const struct raft_member *old = raft_members_find(&next, id_of(place));
    bool wiped = old != NULL && memcmp(old->disk, s->nodes[place].disk_id, RAFT_DISK_ID_SIZE) != 0;
    /* First things first, as an operator would: a voter without its disk is none. */
    if (!wiped && has_wiped_voter(s, &next)) return;
    struct raft_member member = member_of(s, place, old != NULL);
    if (old == NULL || (!old->voter && !wiped)) {
        if (old != NULL && !has_caught_up(&n->raft, old->id)) return;
        if (!raft_members_put(&next, &member)) return;
    } else {
        if (!wiped && raft_members_voter_count(&next) <= 3 && s->node_count > 3) return;
        if (raft_members_voter_count(&next) <= 2) return;
        raft_members_remove(&next, id_of(place));
    }
    if (!raft_members_one_step(raft_members(&n->raft), &next) || s->set_count == SETS_MAX) return;

    struct raft_event event = {.kind = RAFT_PROPOSE, .count = 1, .membership_count = 1};
    event.memberships[0].members = next;
    s->sets[s->set_count] = next;
    s->result.member_changes++;
    step(s, leader, &event, &(struct source){.set = s->set_count++});
}

static void work(struct sim *s)
{
    for (uint32_t i = 0; i < s->node_count; i++) {
        struct node *n = &s->nodes[i];
        if (!n->up || n->raft.role != RAFT_LEADER || s->result.violation != NULL) continue;
        if (!raft_can_propose(&n->raft) || raft_last_index(&n->raft) > LOG_MAX - LOG_SLACK)
            continue;

        uint32_t place = (uint32_t)prng_range(&s->prng, 0, s->node_count - 1);
        if (s->profile.members_change && prng_chance(&s->prng, 1, 10)) {
            if (raft_can_change_members(&n->raft)) change_members(s, i, place);
        } else if (s->faults && prng_chance(&s->prng, 1, 100) && place != i) {
            struct raft_event event = {.kind = RAFT_TRANSFER, .peer = id_of(place)};
            s->result.transfers++;
            step(s, i, &event, &(struct source){0});
        } else {
            struct raft_event event = {.kind = RAFT_PROPOSE};
            event.count = (uint32_t)prng_range(&s->prng, 1, 3);
            step(s, i, &event, &(struct source){0});
        }
    }
}

/* A wiped disk is one lost copy; the next may go only when the cluster has made up for it. */
static void maybe_wipe(struct sim *s, uint32_t place)
{
    uint32_t leader = find_leader(s);
    if (leader == NODES_MAX || leader == place || !s->nodes[place].up) return;
    const struct raft *r = &s->nodes[leader].raft;
    if (!raft_can_change_members(r) || has_wiped_voter(s, raft_members(r))) return;
    if (raft_members_voter_count(raft_members(r)) < 3) return;
    wipe(s, place);
}

static void fault(struct sim *s)
{
    uint32_t a = (uint32_t)prng_range(&s->prng, 0, s->node_count - 1);
    uint32_t b = (uint32_t)prng_range(&s->prng, 0, s->node_count - 1);
    /* Who leads has the most to lose, and the most to spoil. */
    uint32_t leader = find_leader(s);
    if (leader != NODES_MAX && prng_chance(&s->prng, 1, 3)) a = leader;
    bool both = prng_chance(&s->prng, 1, 2);
    switch (prng_range(&s->prng, 0, 9)) {
    case 0:
    case 1:
    case 2:
        if (s->nodes[a].up) crash(s, a, both);
        return;
    case 3: /* Everything stops at once. */
        if (!prng_chance(&s->prng, 1, 5)) return;
        for (uint32_t i = 0; i < s->node_count; i++) {
            if (s->nodes[i].up) crash(s, i, both);
        }
        return;
    case 4:
        if (s->profile.members_change) maybe_wipe(s, a);
        return;
    case 5: /* One link, perhaps in one direction only. */
        if (a == b) return;
        s->cut[a][b] = true;
        if (both) s->cut[b][a] = true;
        return;
    case 6: /* One node from all others. */
        for (uint32_t i = 0; i < s->node_count; i++) {
            if (i == a) continue;
            s->cut[a][i] = true;
            if (both) s->cut[i][a] = true;
        }
        return;
    default: memset(s->cut, 0, sizeof s->cut); return;
    }
}

static uint64_t next_moment(const struct sim *s)
{
    uint64_t next_ms = s->due_count > 0 ? s->dues[0].due_ms : NEVER;
    for (uint32_t i = 0; i < s->node_count; i++) {
        const struct node *n = &s->nodes[i];
        uint64_t node_ms = n->up ? raft_deadline_ms(&n->raft) : n->restart_ms;
        if (n->write_due_ms < node_ms) node_ms = n->write_due_ms;
        if (node_ms < next_ms) next_ms = node_ms;
    }
    return next_ms;
}

static void turn_node(struct sim *s, uint32_t place)
{
    struct node *n = &s->nodes[place];
    if (!n->up) {
        if (s->now_ms >= n->restart_ms) start(s, place);
        return;
    }
    if (s->now_ms >= n->write_due_ms) finish_writes(s, place);
    if (s->result.violation == NULL && s->now_ms >= raft_deadline_ms(&n->raft)) {
        step(s, place, &(struct raft_event){.kind = RAFT_TICK}, &(struct source){0});
    }
    if (s->result.violation == NULL) maybe_take_snapshot(s, place);
}

static void run_until(struct sim *s, uint64_t end_ms)
{
    uint64_t work_ms = s->now_ms + s->profile.work_every_ms;
    uint64_t fault_ms = s->now_ms + s->profile.fault_every_ms;
    while (s->result.violation == NULL) {
        uint64_t next_ms = next_moment(s);
        if (work_ms < next_ms) next_ms = work_ms;
        if (fault_ms < next_ms) next_ms = fault_ms;
        if (next_ms > end_ms) break;
        if (next_ms > s->now_ms) s->now_ms = next_ms;

        while (s->due_count > 0 && s->dues[0].due_ms <= s->now_ms && s->result.violation == NULL) {
            struct flight f = take_due(s);
            land(s, &f);
        }
        for (uint32_t i = 0; i < s->node_count && s->result.violation == NULL; i++) turn_node(s, i);
        if (s->now_ms >= work_ms && s->result.violation == NULL) {
            work(s);
            work_ms = s->now_ms + prng_range(&s->prng, 1, 2 * s->profile.work_every_ms);
        }
        if (s->now_ms >= fault_ms && s->result.violation == NULL) {
            if (s->faults) fault(s);
            fault_ms = s->now_ms + prng_range(&s->prng, 1, 2 * s->profile.fault_every_ms);
        }
    }
    s->now_ms = end_ms;
}

/* Have all members applied all that their leader has? */
static bool has_converged(const struct sim *s, uint32_t leader)
{
    const struct raft *r = &s->nodes[leader].raft;
    const struct raft_members *members = raft_members(r);
    if (r->commit_index != r->trail.last_index) return false;
    for (uint32_t i = 0; i < members->count; i++) {
        const struct node *n = &s->nodes[place_of(members->items[i].id)];
        if (!n->up || n->applied != r->commit_index) return false;
    }
    return raft_can_change_members(r);
}

/* Faults stop; then somebody must lead, and what is proposed must reach every member. */
static void run_liveness_phase(struct sim *s)
{
    s->faults = false;
    memset(s->cut, 0, sizeof s->cut);
    uint64_t committed = s->committed_last;
    run_until(s, s->now_ms + 8000);
    s->profile.work_every_ms = 1000 * 1000; /* Nothing new. */
    run_until(s, s->now_ms + 3000);
    if (s->result.violation != NULL) return;

    uint32_t leader = find_leader(s);
    if (leader == NODES_MAX) {
        violate(s, "nobody leads although nothing fails");
    } else if (s->committed_last == committed && committed < LOG_MAX - LOG_SLACK) {
        violate(s, "nothing is committed although nothing fails");
    } else if (!has_converged(s, leader)) {
        violate(s, "members do not converge although nothing fails");
    }
}

/* Pre-vote (thesis §9.6): a node that was cut off and comes back deposes nobody. */
static void run_stability_phase(struct sim *s)
{
    uint32_t leader = find_leader(s);
    const struct raft *r = &s->nodes[leader].raft;
    uint64_t term = r->vote.term;
    if (raft_members_voter_count(raft_members(r)) < 3) return;

    uint32_t lonely = (leader + 1) % s->node_count;
    for (uint32_t i = 0; i < s->node_count; i++) s->cut[i][lonely] = s->cut[lonely][i] = true;
    run_until(s, s->now_ms + 2000);
    memset(s->cut, 0, sizeof s->cut);
    run_until(s, s->now_ms + 2000);
    if (s->result.violation != NULL) return;
    if (find_leader(s) != leader || r->vote.term != term) {
        violate(s, "a node that came back deposed a healthy leader");
    }
}

static void draw_profile(struct sim *s)
{
    struct prng *p = &s->prng;
    s->profile = (struct profile){
        .loss_percent = (uint32_t)prng_range(p, 0, 1) * (uint32_t)prng_range(p, 0, 25),
        .double_percent = (uint32_t)prng_range(p, 0, 10),
        .delay_max_ms = prng_range(p, 1, 100),
        .write_max_ms = prng_range(p, 1, 30),
        .stall_percent = (uint32_t)prng_range(p, 0, 3),
        .fault_every_ms = prng_range(p, 20, 800),
        .work_every_ms = prng_range(p, 5, 100),
        .snapshot_every = prng_range(p, 5, 300),
        .tail = prng_range(p, 0, 20),
        .append_max = (uint32_t)prng_range(p, 1, ENTRIES_MAX),
        .inflight_max = (uint32_t)prng_range(p, 1, RAFT_INFLIGHT_MAX),
        .members_change = prng_chance(p, 1, 2) && !s->options.stable_members,
    };
    uint32_t drawn = prng_chance(p, 1, 2) ? 3 : 5;
    s->node_count = s->options.node_count != 0 ? s->options.node_count : drawn;
    if (s->profile.members_change && s->node_count < NODES_MAX - 1) s->node_count += 2;
}

struct raft_sim_result raft_sim_run(const struct raft_sim_options *options)
{
    static struct sim sim; /* Large; zeroed for every run. */
    memset(&sim, 0, sizeof sim);
    struct sim *s = &sim;
    s->options = *options;
    s->prng = prng_from_seed(options->seed);
    s->faults = true;
    draw_profile(s);
    CHECK(s->node_count <= NODES_MAX);
    for (uint32_t i = 0; i < FLIGHTS_MAX; i++) s->free_slots[s->free_count++] = i;

    /* Set 0 is none, set 1 that of the birth: spare nodes know of it, and are not in it. */
    s->set_count = 2;
    uint32_t spares = s->profile.members_change ? 2 : 0;
    for (uint32_t i = 0; i < s->node_count; i++) {
        s->nodes[i].disk_id[0] = (uint8_t)(i + 1);
        struct raft_member member = member_of(s, i, true);
        s->nodes[i].vouched = i + spares < s->node_count;
        if (s->nodes[i].vouched) CHECK(raft_members_put(&s->sets[1], &member));
    }
    for (uint32_t i = 0; i < s->node_count; i++) {
        s->nodes[i].write_due_ms = NEVER;
        s->nodes[i].disk.snapshot.membership.members = s->sets[1];
        start(s, i);
    }
    run_until(s, options->duration_ms);
    if (s->result.violation == NULL) run_liveness_phase(s);
    if (s->result.violation == NULL) run_stability_phase(s);
    return s->result;
}

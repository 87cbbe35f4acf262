#include "tests/sim/story.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/copies.h"

/* What fits into a screen or two. */
#define CHANGES_MAX 10u
#define DECISIONS_MAX 8u
#define RECORDS_MAX 8u
#define FAULTS_MAX 10u
#define LINES_MAX 24u
/* Faults before the violation, and before the record concerned was sent, that are told. */
#define FAULTS_BEFORE_US 30000000u

const char *story_promise(const char *violation)
{
    static const struct {
        const char *tag;
        const char *text;
    } promises[] = {
#define X(tag, text) {"[" #tag "]", text},
        PROMISES(X)
#undef X
    };
    for (size_t i = 0; i < sizeof promises / sizeof promises[0]; i++) {
        const char *tag = promises[i].tag;
        if (strncmp(violation, tag, strlen(tag)) == 0) return promises[i].text;
    }
    return "see tests/sim/README.md";
}

/* ---- What it is about. ---- */

struct concern {
    const struct oracles *oracles;
    const struct history *history;
    const struct nemesis *nemesis;
    bool has_part;
    bool has_record;
    uint32_t part;
    uint64_t record;
    bool is_named[SIM_NODES_MAX]; /* In the violation. By place: controllers, then brokers. */
    bool is_told[SIM_NODES_MAX];  /* Named, a replica, or a controller that led. */
    uint64_t from_us;             /* What happened before is not told. */
};

static const struct cluster *cluster_in(const struct concern *c)
{
    return c->oracles->cluster;
}

static uint32_t place_of(const struct concern *c, const struct cluster_node *n)
{
    return n->is_broker ? cluster_in(c)->options.controller_count + n->index : n->index;
}

static uint32_t broker_place(const struct concern *c, uint32_t index)
{
    return cluster_in(c)->options.controller_count + index;
}

/* The words, not as a part of longer ones; NULL: they are not there. */
static const char *find_words(const char *text, const char *words)
{
    size_t size = strlen(words);
    for (const char *at = text; (at = strstr(at, words)) != NULL; at++) {
        bool begins = at == text || (!isalnum((unsigned char)at[-1]) && at[-1] != '-');
        if (begins && !isalnum((unsigned char)at[size])) return at;
    }
    return NULL;
}

static void find_part(struct concern *c, const char *text)
{
    for (uint32_t i = c->history->part_count; i-- > 0;) {
        if (find_words(text, history_part_name(c->history, i)) == NULL) continue;
        /* Of several topics of one name the one that exists, or else the last one. */
        bool exists = oracles_partition(c->oracles, i) != NULL;
        if (c->has_part && !exists) continue;
        c->has_part = true;
        c->part = i;
        if (exists) return;
    }
}

static void find_record(struct concern *c, const char *text)
{
    const char *at = strstr(text, "record ");
    if (at == NULL || !isdigit((unsigned char)at[7])) return;

    uint64_t id = strtoull(at + 7, NULL, 10);
    if (id >= c->history->record_count) return;
    c->has_record = true;
    c->record = id;
    c->has_part = true;
    c->part = c->history->records[id].part;
}

static void find_nodes(struct concern *c, const char *text)
{
    char words[32];
    for (uint32_t i = 0; i < cluster_in(c)->options.controller_count; i++) {
        (void)snprintf(words, sizeof words, "controller-%u", i + 1);
        c->is_named[i] = find_words(text, words) != NULL;
    }
    for (uint32_t i = 0; i < cluster_in(c)->options.broker_count; i++) {
        (void)snprintf(words, sizeof words, "broker-%u", i + 1);
        bool is_host = find_words(text, words) != NULL;
        (void)snprintf(words, sizeof words, "broker %u", i + 1);
        c->is_named[broker_place(c, i)] = is_host || find_words(text, words) != NULL;
    }
}

static void choose_nodes(struct concern *c)
{
    const struct oracles *o = c->oracles;
    bool any = false;
    for (uint32_t i = 0; i < SIM_NODES_MAX; i++) {
        c->is_told[i] = c->is_named[i];
        any |= c->is_named[i];
    }
    uint64_t last = !c->has_part
                        ? UINT64_MAX
                        : chronicle_last(&o->chronicle, c->part, o->chronicle.change_count);
    if (last != UINT64_MAX) {
        const struct id_set *replicas = &o->chronicle.changes[last].replicas;
        for (uint32_t i = 0; i < replicas->count; i++) {
            c->is_told[broker_place(c, (uint32_t)replicas->ids[i] - 1)] = true;
        }
    }
    if (o->term_count > 0) c->is_told[o->terms[o->term_count - 1].leader] = true;
    if (any || c->has_part) return;
    for (uint32_t i = 0; i < SIM_NODES_MAX; i++) c->is_told[i] = true;
}

static struct concern concern_of(const struct story *s, const char *violation)
{
    struct concern c = {
        .oracles = s->oracles, .history = s->oracles->history, .nemesis = s->nemesis};
    find_part(&c, violation);
    find_record(&c, violation);
    find_nodes(&c, violation);
    choose_nodes(&c);
    uint64_t now_us = sim_now_us(c.history->sim);
    if (c.has_record) now_us = c.history->records[c.record].sent_us;
    c.from_us = now_us > FAULTS_BEFORE_US ? now_us - FAULTS_BEFORE_US : 0;
    return c;
}

/* ---- Its parts. ---- */

static void print_time(FILE *to, uint64_t us)
{
    (void)fprintf(to, "%llu.%06llu", (unsigned long long)(us / 1000000),
                  (unsigned long long)(us % 1000000));
}

static void print_ids(FILE *to, const struct id_set *set)
{
    if (set->count == 0) (void)fputs("nobody", to);
    for (uint32_t i = 0; i < set->count; i++)
        (void)fprintf(to, "%s%d", i == 0 ? "" : ",", set->ids[i]);
}

static void print_decision(FILE *to, const struct chronicle_decision *d)
{
    (void)fputs("  ", to);
    print_time(to, d->at_us);
    (void)fprintf(to, "  decision %llu (term %llu): %s%s\n", (unsigned long long)d->index,
                  (unsigned long long)d->term, d->cause[0] == '\0' ? "-" : d->cause,
                  strlen(d->cause) + 1 == sizeof d->cause ? "..." : "");
}

/* `before`: what it changed; NULL: it is the first. */
static void print_change(const struct chronicle *all, const struct chronicle_change *change,
                         const struct chronicle_change *before, FILE *to)
{
    print_decision(to, &all->decisions[change->decision]);
    bool is_new_reign = before == NULL || before->leader_epoch != change->leader_epoch;
    if (change->leader == META_NOBODY) {
        (void)fprintf(to, "      nobody leads, leader epoch %d", change->leader_epoch);
    } else {
        (void)fprintf(to, "      broker %d %s, leader epoch %d", change->leader,
                      is_new_reign ? "leads from now on" : "leads", change->leader_epoch);
    }
    (void)fputs("; in sync: ", to);
    print_ids(to, &change->isr);
    if (before != NULL && !id_set_equal(&before->isr, &change->isr)) {
        (void)fputs(" (before: ", to);
        print_ids(to, &before->isr);
        (void)fputs(")", to);
    }
    if (change->elr.count > 0) {
        (void)fputs("; eligible: ", to);
        print_ids(to, &change->elr);
    }
    (void)fputs("\n", to);
}

static void tell_reigns(const struct concern *c, FILE *to)
{
    const struct chronicle *all = &c->oracles->chronicle;
    uint64_t places[CHANGES_MAX + 1]; /* The last ones, backwards; one more to compare with. */
    uint32_t count = 0;
    uint64_t at = all->change_count;
    while (count <= CHANGES_MAX && (at = chronicle_last(all, c->part, at)) != UINT64_MAX) {
        places[count++] = at;
    }
    bool is_cut = count > CHANGES_MAX;
    (void)fprintf(to, "who led %s, and who was in sync%s:\n",
                  history_part_name(c->history, c->part), is_cut ? " (the last changes)" : "");
    for (uint32_t i = is_cut ? CHANGES_MAX : count; i-- > 0;) {
        const struct chronicle_change *before = i + 1 < count ? &all->changes[places[i + 1]] : NULL;
        print_change(all, &all->changes[places[i]], before, to);
    }
}

static void tell_decisions(const struct concern *c, FILE *to)
{
    const struct chronicle *all = &c->oracles->chronicle;
    uint64_t from = all->decision_count > DECISIONS_MAX ? all->decision_count - DECISIONS_MAX : 0;
    (void)fprintf(to, "the last decisions of the controllers:\n");
    for (uint64_t i = from; i < all->decision_count; i++) print_decision(to, &all->decisions[i]);
    (void)fprintf(to, "who led the controllers:");
    for (uint32_t i = 0; i < c->oracles->term_count; i++) {
        (void)fprintf(to, " term %llu: controller-%u;",
                      (unsigned long long)c->oracles->terms[i].term,
                      c->oracles->terms[i].leader + 1);
    }
    (void)fprintf(to, "\n");
}

static void tell_live(const struct replica *r, FILE *to)
{
    static const char *const roles[] = {[REPLICA_NONE] = "does nothing",
                                        [REPLICA_LEADER] = "leads",
                                        [REPLICA_FOLLOWER] = "follows"};
    (void)fprintf(to, "; its process %s, leader epoch %d, from %lld to %lld, watermark %lld",
                  roles[r->role], r->leader_epoch, (long long)r->log_start, (long long)r->written,
                  (long long)r->high_watermark);
}

static void tell_copies(const struct concern *c, const struct copies *copies, FILE *to)
{
    const struct part_note *p = &c->history->parts[c->part];
    (void)fprintf(to, "its copies (committed up to %lld):\n", (long long)p->committed_end);
    for (uint32_t i = 0; i < cluster_in(c)->options.broker_count; i++) {
        const struct copy *copy = &copies->of[i];
        if (!copy->exists) continue;
        (void)fprintf(to, "  broker-%u: on the disk %lld to %lld, last leader epoch %d", i + 1,
                      (long long)(copy->first < 0 ? 0 : copy->first), (long long)copy->end,
                      copy->epoch);
        if (copy->live != NULL) tell_live(copy->live, to);
        bool is_down = sim_node_state(cluster_in(c)->brokers[i].node) == SIM_DOWN;
        if (is_down) (void)fputs("; its process is down", to);
        if (copy->lacking == 0) (void)fputs("; has all that was acknowledged", to);
        if (copy->lacking > 0) {
            (void)fprintf(to, "; lacks %llu records that were acknowledged",
                          (unsigned long long)copy->lacking);
        }
        if (copy->doubled > 0)
            (void)fprintf(to, "; %llu doubled", (unsigned long long)copy->doubled);
        (void)fputs("\n", to);
    }
}

/* Who has it where it was acknowledged, or at all if nobody was told where. */
static void tell_places(const struct concern *c, const struct copies *copies, uint64_t id, FILE *to)
{
    const struct copy_marks *m = &copies->marks[id];
    bool has_place = c->history->records[id].offset >= 0;
    bool any = false;
    (void)fputs("; there now on:", to);
    for (uint32_t i = 0; i < cluster_in(c)->options.broker_count; i++) {
        bool has = has_place ? copies_has(copies, id, i) : (m->anywhere & 1u << i) != 0;
        if (has) (void)fprintf(to, " broker-%u", i + 1);
        any |= has;
    }
    if (!any) (void)fputs(" no disk", to);
    if (m->most > 1) (void)fprintf(to, "; %u times in one log", m->most);
    if (m->anywhere != 0 && (m->most > 1 || !has_place || !any)) {
        (void)fprintf(to, "; found at offsets %lld to %lld", (long long)m->first_at,
                      (long long)m->last_at);
    }
    (void)fputs("\n", to);
}

static void tell_record(const struct concern *c, const struct copies *copies, uint64_t id, FILE *to)
{
    const struct record_note *r = &c->history->records[id];
    (void)fprintf(to, "  record %llu of producer-%u%s", (unsigned long long)id, r->producer + 1,
                  r->is_idempotent ? " (idempotent)" : "");
    if (copies->marks[id].sequence >= 0)
        (void)fprintf(to, ", sequence %d", copies->marks[id].sequence);
    (void)fprintf(to, ", acks=%s: sent ", r->acks == -1 ? "all" : r->acks == 1 ? "1" : "0");
    print_time(to, r->sent_us);
    if (r->attempts > 1) (void)fprintf(to, " (%u times)", r->attempts);
    if (r->fate == FATE_ACKED) {
        (void)fputs(", acknowledged ", to);
        print_time(to, r->acked_us);
        (void)fprintf(to, " by broker %d", r->broker);
        if (r->offset >= 0) (void)fprintf(to, " at offset %lld", (long long)r->offset);
    } else {
        (void)fputs(r->fate == FATE_GIVEN_UP ? ", given up" : ", not answered", to);
    }
    tell_places(c, copies, id, to);
}

/* Lacks one who should have it: the leader, or who is named in the violation. */
static bool is_missed(const struct concern *c, const struct copies *copies, uint64_t id,
                      int32_t leader)
{
    if (!copies_owe(copies, id)) return false;
    bool any_named = false;
    for (uint32_t i = 0; i < cluster_in(c)->options.broker_count; i++) {
        if (!c->is_named[broker_place(c, i)] || !copies->of[i].exists) continue;
        any_named = true;
        if (!copies_has(copies, id, i)) return true;
    }
    return !any_named && leader > 0 && !copies_has(copies, id, (uint32_t)leader - 1);
}

struct telling {
    const struct concern *c;
    const struct copies *copies;
    int32_t leader;
    uint32_t told;
    uint64_t more; /* Not told, there is no room. */
    FILE *to;
};

static void maybe_tell_record(struct telling *t, uint64_t id)
{
    const struct history *h = t->c->history;
    const struct record_note *r = &h->records[id];
    bool is_doubled = r->is_idempotent && t->copies->marks[id].most > 1;
    if (t->c->has_record && id == t->c->record) return;
    if (!is_doubled && !is_missed(t->c, t->copies, id, t->leader)) return;

    if (t->told >= RECORDS_MAX) {
        t->more++;
        return;
    }
    t->told++;
    tell_record(t->c, t->copies, id, t->to);
}

/* What was committed comes first: nothing excuses its loss. */
static void tell_records(const struct concern *c, const struct copies *copies, FILE *to)
{
    const struct history *h = c->history;
    const struct meta_partition *state = oracles_partition(c->oracles, c->part);
    struct telling t = {.c = c, .copies = copies, .to = to};
    t.leader = state == NULL ? META_NOBODY : state->leader;
    (void)fputs("acknowledged records that are lost, doubled, or missing where they must be:\n",
                to);
    if (c->has_record) {
        tell_record(c, copies, c->record, to);
        t.told++;
    }
    int64_t end = h->parts[c->part].committed_end;
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint64_t id = 0; id < h->record_count; id++) {
            if (h->records[id].part != c->part) continue;
            if ((h->records[id].offset < end) == (pass == 0)) maybe_tell_record(&t, id);
        }
    }
    if (t.more > 0) (void)fprintf(to, "  and %llu more\n", (unsigned long long)t.more);
    if (t.told == 0) (void)fputs("  none\n", to);
}

static bool hits(const struct concern *c, const struct fault *f)
{
    if (f->a != NULL && c->is_told[place_of(c, f->a)]) return true;
    return f->b != NULL && c->is_told[place_of(c, f->b)];
}

static void tell_fault(const struct fault *f, FILE *to)
{
    (void)fputs("  ", to);
    print_time(to, f->from_us);
    (void)fputs(" to ", to);
    if (f->is_over) print_time(to, f->to_us);
    (void)fprintf(to, "%s  %s: %s", f->is_over ? "" : "now", fault_name(f->kind),
                  f->a == NULL ? "all" : sim_node_name(f->a->node));
    if (f->b != NULL) (void)fprintf(to, " and %s", sim_node_name(f->b->node));
    (void)fprintf(to, " (%s)\n", fault_text(f->kind));
}

static void tell_faults(const struct concern *c, FILE *to)
{
    const struct nemesis *n = c->nemesis;
    const struct sim_options *w = &cluster_in(c)->options.world;
    uint32_t count = 0, skip = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        const struct fault *f = n->faults[i];
        count += hits(c, f) && f->to_us >= c->from_us;
    }
    if (count > FAULTS_MAX) skip = count - FAULTS_MAX;
    (void)fprintf(to, "what broke before, of the nodes concerned");
    if (skip > 0) (void)fprintf(to, " (the last %u of %u)", FAULTS_MAX, count);
    (void)fputs(":\n", to);
    for (uint32_t i = 0; i < n->count; i++) {
        const struct fault *f = n->faults[i];
        if (!hits(c, f) || f->to_us < c->from_us) continue;
        if (skip > 0) {
            skip--;
            continue;
        }
        tell_fault(f, to);
    }
    if (count == 0) (void)fprintf(to, "  nothing\n");
    if (w->loss_ppm + w->reset_ppm + w->freeze_ppm + w->tail_ppm == 0) return;
    (void)fprintf(to, "  all the time, per million: %u losses, %u resets, %u delays of sends; %u ",
                  w->loss_ppm, w->reset_ppm, w->tail_ppm, w->freeze_ppm);
    (void)fprintf(to, "freezes of turns\n");
}

/* Does the line speak of another partition only? "t1-0: follows, ..." */
static bool is_of_another(const struct concern *c, const char *text)
{
    if (!c->has_part) return false;
    const char *name = history_part_name(c->history, c->part);
    if (find_words(text, name) != NULL) return false;
    for (uint32_t i = 0; i < c->history->part_count; i++) {
        if (find_words(text, history_part_name(c->history, i)) != NULL) return true;
    }
    return false;
}

static bool wants_line(void *arg, const struct sim_node *node, const char *text)
{
    const struct concern *c = arg;
    struct cluster_node *n = cluster_node_of(c->oracles->cluster, node);
    return n != NULL && c->is_told[place_of(c, n)] && !is_of_another(c, text);
}

void story_tell(const struct story *story, const char *violation, FILE *to)
{
    CHECK(violation != NULL);

    struct concern c = concern_of(story, violation);
    (void)fprintf(to, "---- what happened, up to ");
    print_time(to, sim_now_us(c.history->sim));
    (void)fprintf(to, " s ----\nviolation: %s\nbroken: %s\n", violation, story_promise(violation));
    if (c.has_part) {
        tell_reigns(&c, to);
        if (!topic_is_internal(&c.history->topics[c.history->parts[c.part].topic])) {
            struct copies copies;
            copies_read(&copies, c.history, c.part);
            tell_copies(&c, &copies, to);
            tell_records(&c, &copies, to);
            copies_close(&copies);
        }
    } else {
        tell_decisions(&c, to);
    }
    tell_faults(&c, to);
    (void)fprintf(to, "the last words of the nodes concerned (--verbose: all of them):\n");
    sim_print_lines(c.history->sim, LINES_MAX, wants_line, &c, to);
}

/* A group of the consumer protocol to the records that are stored of it, and back. */
#include <stdlib.h>

#include "broker/groups/consumer/inside.h"

/* What there is to be stored, in this order: nobody is told to delete what was just written. */
enum stage {
    STAGE_CLASSIC,
    STAGE_GONE,
    STAGE_MEMBERS,
    STAGE_PATTERNS,
    STAGE_TARGETS,
    STAGE_TARGET_EPOCH,
    STAGE_CURRENTS,
    STAGE_TOPICS,
    STAGE_EPOCH,
    STAGE_END
};

/* ---- What a record says. ---- */

static void *take(struct arena *arena, size_t count, size_t size)
{
    void *items = arena_take(arena, count > 0 ? count : 1, size);
    CHECK(items != NULL);
    return items;
}

static struct array numbers_of(const struct part_set *s, uint32_t at, struct arena *arena)
{
    uint32_t run = part_set_run(s, at);
    int32_t *numbers = take(arena, run, sizeof *numbers);
    for (uint32_t i = 0; i < run; i++) numbers[i] = s->items[at + i].number;
    return (struct array){numbers, (int32_t)run};
}

static struct array target_of(const struct part_set *s, struct arena *arena)
{
    struct consumer_target_partitions *items = take(arena, part_set_topics(s), sizeof *items);
    int32_t count = 0;
    for (uint32_t at = 0; at < s->count; at += part_set_run(s, at)) {
        items[count++] = (struct consumer_target_partitions){
            .topic_id = s->items[at].topic, .partitions = numbers_of(s, at, arena)};
    }
    return (struct array){items, count};
}

static struct array current_of(const struct part_set *s, struct arena *arena)
{
    struct consumer_current_partitions *items = take(arena, part_set_topics(s), sizeof *items);
    int32_t count = 0;
    for (uint32_t at = 0; at < s->count; at += part_set_run(s, at)) {
        items[count++] = (struct consumer_current_partitions){
            .topic_id = s->items[at].topic,
            .partitions = numbers_of(s, at, arena),
            .assignment_epochs = {.count = -1},
        };
    }
    return (struct array){items, count};
}

static struct consumer_classic_metadata *classic_of(const struct consumer_member *m,
                                                    struct arena *arena)
{
    if (!m->is_classic) return NULL;
    struct consumer_classic_metadata *out = take(arena, 1, sizeof *out);
    struct consumer_classic_protocol *items = take(arena, m->protocol_count, sizeof *items);
    for (uint32_t i = 0; i < m->protocol_count; i++) {
        items[i].name = m->protocols[i].name;
        items[i].metadata = slice_or_empty(m->protocols[i].metadata);
    }
    out->session_timeout_ms = (int32_t)m->session_timeout_ms;
    out->protocols = (struct array){items, (int32_t)m->protocol_count};
    return out;
}

static void member_record(const struct consumer_group *c, const struct consumer_member *m,
                          struct arena *arena, struct group_record *out)
{
    out->kind = GROUP_RECORD_CONSUMER_MEMBER;
    out->member.key = (struct consumer_member_key){c->id, m->id};
    out->member.value = (struct consumer_member_value){
        .instance_id = m->instance_id,
        .rack_id = m->rack_id,
        .client_id = slice_or_empty(m->client_id),
        .client_host = slice_or_empty(m->client_host),
        .subscribed_topic_names = {m->topics, (int32_t)m->topic_count},
        .subscribed_topic_regex = m->pattern,
        .rebalance_timeout_ms = (int32_t)m->rebalance_timeout_ms,
        .server_assignor = m->assignor,
        .classic = classic_of(m, arena),
    };
}

static void current_record(const struct consumer_group *c, const struct consumer_member *m,
                           struct arena *arena, struct group_record *out)
{
    out->kind = GROUP_RECORD_CONSUMER_CURRENT;
    out->current.key = (struct consumer_member_key){c->id, m->id};
    out->current.value = (struct consumer_current_value){
        .member_epoch = m->epoch,
        .previous_member_epoch = m->previous_epoch,
        .state = (int8_t)m->state,
        .assigned = current_of(&m->assigned, arena),
        .revoking = current_of(&m->revoking, arena),
    };
}

static void target_record(const struct consumer_group *c, const struct consumer_member *m,
                          struct arena *arena, struct group_record *out)
{
    out->kind = GROUP_RECORD_CONSUMER_TARGET;
    out->target.key = (struct consumer_member_key){c->id, m->id};
    out->target.value.topics = target_of(&m->target, arena);
}

static void pattern_record(const struct consumer_group *c, const struct consumer_pattern *p,
                           struct group_record *out)
{
    out->kind = GROUP_RECORD_CONSUMER_PATTERN;
    out->pattern.key = (struct consumer_pattern_key){c->id, p->text};
    out->pattern.value = (struct consumer_pattern_value){
        .topics = {p->topics, (int32_t)p->topic_count},
        .version = (int64_t)p->version,
        .timestamp_ms = p->wall_ms,
    };
}

/* ---- The next one. ---- */

/* Three tombstones of a member, in Kafka's order; one of an expression. False: that was all. */
static bool gone_record(struct consumer_group *c, struct consumer_cursor *at,
                        struct group_record *out)
{
    const struct consumer_gone *g = at->gone;
    out->is_tombstone = true;
    if (g->is_pattern) {
        out->kind = GROUP_RECORD_CONSUMER_PATTERN;
        out->pattern.key = (struct consumer_pattern_key){c->id, g->id};
        return at->part++ == 0;
    }
    switch (at->part++) {
    case 0:
        out->kind = GROUP_RECORD_CONSUMER_CURRENT;
        out->current.key = (struct consumer_member_key){c->id, g->id};
        return true;
    case 1:
        out->kind = GROUP_RECORD_CONSUMER_TARGET;
        out->target.key = (struct consumer_member_key){c->id, g->id};
        return true;
    case 2:
        out->kind = GROUP_RECORD_CONSUMER_MEMBER;
        out->member.key = (struct consumer_member_key){c->id, g->id};
        return true;
    default: return false;
    }
}

static bool next_gone(struct consumer_group *c, uint64_t store, struct consumer_cursor *at,
                      struct group_record *out)
{
    if (!at->is_inside) at->gone = c->gone;
    at->is_inside = true;
    for (; at->gone != NULL; at->gone = at->gone->next, at->part = 0) {
        bool is_told = at->gone->store != 0 && at->gone->store != store;
        if (is_told) continue;
        at->gone->store = store;
        if (gone_record(c, at, out)) return true;
    }
    out->is_tombstone = false;
    return false;
}

static bool next_member(struct consumer_group *c, struct consumer_cursor *at, uint32_t mark,
                        struct arena *arena, struct group_record *out)
{
    if (!at->is_inside) at->member = c->members;
    at->is_inside = true;
    for (; at->member != NULL; at->member = at->member->hh.next) {
        struct consumer_member *m = at->member;
        if ((m->marks & mark) == 0) continue;
        m->marks &= ~mark;
        if (mark == CONSUMER_MARK_MEMBER) member_record(c, m, arena, out);
        if (mark == CONSUMER_MARK_TARGET) target_record(c, m, arena, out);
        if (mark == CONSUMER_MARK_CURRENT) current_record(c, m, arena, out);
        return true;
    }
    return false;
}

static bool next_pattern(struct consumer_group *c, struct consumer_cursor *at,
                         struct group_record *out)
{
    if (!at->is_inside) at->pattern = c->patterns;
    at->is_inside = true;
    for (; at->pattern != NULL; at->pattern = at->pattern->hh.next) {
        if (!at->pattern->is_marked) continue;
        at->pattern->is_marked = false;
        pattern_record(c, at->pattern, out);
        return true;
    }
    return false;
}

/* Of the group itself; each is there once. */
static bool next_of_group(struct consumer_group *c, uint32_t mark, struct group_record *out)
{
    if ((c->marks & mark) == 0) return false;

    c->marks &= ~mark;
    out->is_tombstone = !c->is_alive;
    switch (mark) {
    case CONSUMER_MARK_EPOCH:
        out->kind = GROUP_RECORD_CONSUMER_EPOCH;
        out->epoch.key.group = c->id;
        out->epoch.value = (struct consumer_epoch_value){c->epoch, (int64_t)c->metadata_hash};
        return true;
    case CONSUMER_MARK_TARGET_EPOCH:
        out->kind = GROUP_RECORD_CONSUMER_TARGET_EPOCH;
        out->target_epoch.key.group = c->id;
        out->target_epoch.value.epoch = c->target_epoch;
        return true;
    case CONSUMER_MARK_TOPICS:
        out->kind = GROUP_RECORD_CONSUMER_TOPICS;
        out->is_tombstone = true;
        out->epoch.key.group = c->id;
        return true;
    case CONSUMER_MARK_CLASSIC:
        out->kind = GROUP_RECORD_METADATA;
        out->is_tombstone = true;
        out->metadata.key.group = c->id;
        return true;
    default: UNREACHABLE();
    }
    return false;
}

static bool next_of(struct consumer_group *c, uint64_t store, struct consumer_cursor *at,
                    struct arena *arena, struct group_record *out)
{
    switch ((enum stage)at->stage) {
    case STAGE_CLASSIC: return next_of_group(c, CONSUMER_MARK_CLASSIC, out);
    case STAGE_GONE: return next_gone(c, store, at, out);
    case STAGE_MEMBERS: return next_member(c, at, CONSUMER_MARK_MEMBER, arena, out);
    case STAGE_PATTERNS: return next_pattern(c, at, out);
    case STAGE_TARGETS: return next_member(c, at, CONSUMER_MARK_TARGET, arena, out);
    case STAGE_TARGET_EPOCH: return next_of_group(c, CONSUMER_MARK_TARGET_EPOCH, out);
    case STAGE_CURRENTS: return next_member(c, at, CONSUMER_MARK_CURRENT, arena, out);
    case STAGE_TOPICS: return next_of_group(c, CONSUMER_MARK_TOPICS, out);
    case STAGE_EPOCH: return next_of_group(c, CONSUMER_MARK_EPOCH, out);
    case STAGE_END: break;
    }
    return false;
}

bool consumer_next_record(struct consumer_group *c, uint64_t store, struct consumer_cursor *at,
                          struct arena *arena, struct group_record *out)
{
    CHECK(store != 0);

    for (; at->stage < STAGE_END; at->stage++, at->is_inside = false, at->part = 0) {
        *out = (struct group_record){.kind = GROUP_RECORD_OTHER};
        if (next_of(c, store, at, arena, out)) return true;
    }
    c->marks &= ~(uint32_t)CONSUMER_MARK_SOMETHING;
    return false;
}

void consumer_store_done(struct consumer_group *c, uint64_t store)
{
    struct consumer_gone **at = &c->gone;
    while (*at != NULL) {
        struct consumer_gone *g = *at;
        if (g->store == 0 || g->store > store) {
            at = &g->next;
            continue;
        }
        *at = g->next;
        own_free(&g->id);
        free(g);
    }
}

void consumer_store_failed(struct consumer_group *c)
{
    struct consumer_gone *g;
    for (g = c->gone; g != NULL; g = g->next) g->store = 0;
    struct consumer_member *m;
    for (m = c->members; m != NULL; m = m->hh.next) {
        m->marks = CONSUMER_MARKS_OF_MEMBER;
        m->is_untold = true; /* The answers were refusals. */
    }
    struct consumer_pattern *p;
    for (p = c->patterns; p != NULL; p = p->hh.next) p->is_marked = true;
    consumer_mark_group(c, CONSUMER_MARK_EPOCH | CONSUMER_MARK_TARGET_EPOCH);
    if (c->is_alive) consumer_mark_group(c, CONSUMER_MARK_CLASSIC);
}

/* ---- And back. ---- */

static struct consumer_member *find_or_add(struct consumer_group *c, struct slice id)
{
    struct consumer_member *m = consumer_member_find(c, id);
    return m != NULL ? m : consumer_member_add(c, id);
}

static void read_parts(struct part_set *out, struct uuid topic, const struct array *numbers)
{
    const int32_t *items = numbers->items;
    for (int32_t i = 0; i < numbers->count; i++) {
        if (items[i] >= 0) (void)part_set_add(out, (struct part){topic, items[i]});
    }
}

static void replay_member(struct consumer_group *c, const struct group_record *r)
{
    struct slice id = r->member.key.member;
    if (id.size == 0) return;
    if (r->is_tombstone) {
        struct consumer_member *gone = consumer_member_find(c, id);
        if (gone != NULL) consumer_member_remove(c, gone);
        return;
    }
    const struct consumer_member_value *v = &r->member.value;
    struct consumer_member *m = find_or_add(c, id);
    own_set(&m->instance_id, v->instance_id);
    own_set(&m->rack_id, v->rack_id);
    own_set(&m->client_id, v->client_id);
    own_set(&m->client_host, v->client_host);
    own_set(&m->assignor, v->server_assignor);
    m->rebalance_timeout_ms = v->rebalance_timeout_ms > 0 ? (uint32_t)v->rebalance_timeout_ms : 0;
    (void)consumer_set_topics(m, v->subscribed_topic_names.items,
                              (uint32_t)v->subscribed_topic_names.count);
    if (m->pattern.size > 0) consumer_pattern_drop(c, m->pattern);
    own_set(&m->pattern, v->subscribed_topic_regex);
    if (m->pattern.size > 0) consumer_pattern_add(c, m->pattern)->users++;
    bool is_classic = v->classic != NULL && v->classic->protocols.count > 0;
    consumer_set_classic(c, m, is_classic);
    if (!is_classic) return;
    int32_t session_ms = v->classic->session_timeout_ms;
    m->session_timeout_ms = session_ms > 0 ? (uint32_t)session_ms : 0;
    const struct consumer_classic_protocol *from = v->classic->protocols.items;
    uint32_t count = (uint32_t)v->classic->protocols.count;
    struct group_protocol *protocols = calloc(count, sizeof *protocols);
    CHECK(protocols != NULL);
    for (uint32_t i = 0; i < count; i++) {
        protocols[i] = (struct group_protocol){from[i].name, from[i].metadata};
    }
    consumer_set_protocols(c, m, protocols, count);
    free(protocols);
}

static void replay_target(struct consumer_group *c, const struct group_record *r)
{
    struct slice id = r->target.key.member;
    struct consumer_member *m = consumer_member_find(c, id);
    if (id.size == 0 || (m == NULL && r->is_tombstone)) return;
    if (m == NULL) m = consumer_member_add(c, id);
    part_set_clear(&m->target);
    if (r->is_tombstone) return;
    const struct consumer_target_partitions *topics = r->target.value.topics.items;
    for (int32_t i = 0; i < r->target.value.topics.count; i++) {
        read_parts(&m->target, topics[i].topic_id, &topics[i].partitions);
    }
}

static void read_current(struct part_set *out, const struct array *from)
{
    const struct consumer_current_partitions *topics = from->items;
    part_set_clear(out);
    for (int32_t i = 0; i < from->count; i++) {
        read_parts(out, topics[i].topic_id, &topics[i].partitions);
    }
}

static enum consumer_member_state sound_state(const struct consumer_current_value *v)
{
    if (v->state == CONSUMER_MEMBER_UNREVOKED) return CONSUMER_MEMBER_UNREVOKED;
    return v->state == CONSUMER_MEMBER_STABLE ? CONSUMER_MEMBER_STABLE : CONSUMER_MEMBER_UNRELEASED;
}

static void replay_current(struct consumer_group *c, const struct group_record *r)
{
    struct slice id = r->current.key.member;
    struct consumer_member *m = consumer_member_find(c, id);
    if (id.size == 0 || (m == NULL && r->is_tombstone)) return;
    if (m == NULL) m = consumer_member_add(c, id);
    const struct consumer_current_value *v = &r->current.value; /* Zero of a tombstone. */
    m->epoch = v->member_epoch;
    m->previous_epoch = v->previous_member_epoch;
    m->state = sound_state(v);
    read_current(&m->assigned, &v->assigned);
    read_current(&m->revoking, &v->revoking);
    if (m->state != CONSUMER_MEMBER_UNREVOKED) part_set_clear(&m->revoking);
}

static void replay_pattern(struct consumer_group *c, const struct group_record *r)
{
    struct slice text = r->pattern.key.pattern;
    if (text.size == 0) return;
    struct consumer_pattern *p = consumer_pattern_find(c, text);
    if (r->is_tombstone) {
        if (p != NULL && p->users == 0) consumer_pattern_drop(c, text);
        return;
    }
    p = consumer_pattern_add(c, text);
    consumer_pattern_set(p, r->pattern.value.topics.items, (uint32_t)r->pattern.value.topics.count);
    p->wall_ms = r->pattern.value.timestamp_ms;
}

static void replay_epoch(struct consumer_group *c, const struct group_record *r)
{
    if (r->is_tombstone) {
        (void)consumer_bury(c);
        return;
    }
    c->is_alive = true;
    c->epoch = r->epoch.value.epoch;
    c->metadata_hash = (uint64_t)r->epoch.value.metadata_hash;
}

void consumer_replay(struct consumer_group *c, const struct group_record *r)
{
    switch (r->kind) {
    case GROUP_RECORD_CONSUMER_EPOCH: replay_epoch(c, r); break;
    case GROUP_RECORD_CONSUMER_MEMBER: replay_member(c, r); break;
    case GROUP_RECORD_CONSUMER_TARGET: replay_target(c, r); break;
    case GROUP_RECORD_CONSUMER_CURRENT: replay_current(c, r); break;
    case GROUP_RECORD_CONSUMER_PATTERN: replay_pattern(c, r); break;
    case GROUP_RECORD_CONSUMER_TARGET_EPOCH:
        c->target_epoch = r->is_tombstone ? 0 : r->target_epoch.value.epoch;
        break;
    case GROUP_RECORD_CONSUMER_TOPICS: c->has_topics_record = !r->is_tombstone; break;
    case GROUP_RECORD_OFFSET:
    case GROUP_RECORD_METADATA:
    case GROUP_RECORD_OTHER: UNREACHABLE();
    }
}

/* What a log says that is not sound is made so: the rest must not stand still for it. */
static void make_sound(struct consumer_group *c, struct consumer_member *m)
{
    if (m->epoch > c->epoch) c->epoch = m->epoch;
    struct part_set kept = {0};
    part_set_drop(&m->revoking, &m->assigned, &kept);
    part_set_move(&m->revoking, &kept);
    m->marks = 0;
}

void consumer_end_replay(struct consumer_group *c)
{
    struct consumer_member *m, *next;
    HASH_ITER(hh, c->members, m, next)
    {
        make_sound(c, m);
        if (!c->is_alive) consumer_member_remove(c, m); /* Half of it was compacted away. */
    }
    struct consumer_pattern *p, *after;
    HASH_ITER(hh, c->patterns, p, after)
    {
        p->is_marked = false;
        p->version = 0;
        if (p->users == 0) consumer_pattern_drop(c, p->text);
    }
    if (c->target_epoch > c->epoch) c->epoch = c->target_epoch;
    while (c->gone != NULL) consumer_forget_gone(c, c->gone->id, c->gone->is_pattern);
    c->marks = 0;
    if (c->has_topics_record) consumer_mark_group(c, CONSUMER_MARK_TOPICS);
}

/* A member of a group by the classic protocol: joins, is given shares, commits offsets for them,
 * and hangs, crashes, leaves and comes back as members do. One request is out at a time.
 *
 * A commit whose outcome is not known may still arrive: the member joins again with other metadata,
 * which makes another generation, and that fences it. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "proto/msg/heartbeat.h"
#include "proto/msg/join_group.h"
#include "proto/msg/leave_group.h"
#include "proto/msg/sync_group.h"
#include "tests/sim/group_words.h"

#define SESSION_MS 1500
#define STATIC_SESSION_MS 12000 /* It may hang through a rebalance, and still be a member. */
#define HANG_MAX_MS 9000
#define REBALANCE_MS 3000
#define REQUEST_MS 7000 /* More than a rebalance takes. */
#define RETRY_MS 60
#define PACE_MAX_MS 300
#define MEMBERS_OF_ONE_MAX 64
#define SINCE_LEAVE_BATCHED 3

enum member_state { FIND, JOIN, SYNC, FETCH, STABLE, LEAVE };

struct member_client {
    struct client c; /* First. */
    struct groups_note *note;
    uint32_t group;
    char group_id[16];
    char instance[32]; /* "": a dynamic member. */
    enum member_state state;
    bool is_out;
    uint64_t next_ms;
    uint32_t coordinator; /* Index of a broker. */
    char id[GROUPS_WHO_SIZE];
    int32_t generation;
    struct group_words words;
    uint32_t incarnation;  /* What it joins with: changes when it wants a generation of its own. */
    uint32_t member_count; /* Of the generation that it leads; 0: it does not. */
    char members[MEMBERS_OF_ONE_MAX][GROUPS_WHO_SIZE];
    uint32_t share_count;
    uint32_t shares[GROUPS_SHARES_MAX];
    int64_t offsets[GROUPS_SHARES_MAX];      /* By share: what it has committed. */
    int64_t acked_before[GROUPS_SHARES_MAX]; /* When the fetch was sent. */
    uint32_t committing;                     /* The share of the commit that is out. */
    int32_t newest_before;                   /* The newest generation when it was sent, */
    int32_t taken_before;                    /* and the newest in which that share was taken. */
    bool has_committed;                      /* In this generation. */
    bool may_retire;                         /* When the faults are over; others are left. */
    bool is_retired;
    uint64_t joined;
    uint64_t hung;
};

static struct member_client *member_of(struct client *c)
{
    return (struct member_client *)c;
}

static struct slice instance_of(const struct member_client *m)
{
    return m->instance[0] == '\0' ? (struct slice){0} : slice_of_text(m->instance);
}

static const char *who(const struct member_client *m)
{
    return m->instance[0] != '\0' ? m->instance : m->id;
}

static uint32_t share_total(const struct member_client *m)
{
    const struct client_topic *topic = group_topic(&m->c);
    bool may_grow = m->words.are_kafkas && topic != NULL;
    return may_grow ? topic->partition_count : m->c.cluster->options.partition_count[0];
}

static void go_to(struct member_client *m, enum member_state state, uint64_t pause_ms)
{
    m->state = state;
    m->next_ms = env_now_ms(m->c.env) + pause_ms;
}

/* It knows nothing of what it was. */
static void forget(struct member_client *m)
{
    m->id[0] = '\0';
    m->generation = -1;
    m->share_count = 0;
}

/* ---- Asking. ---- */

static void note_sent(struct member_client *m, bool is_out)
{
    m->is_out = is_out;
    if (!is_out) go_to(m, m->state, RETRY_MS);
}

static void send(struct member_client *m, uint32_t broker, int16_t api, const void *q)
{
    note_sent(m, client_send(&m->c, broker, api, q, NULL, true));
}

static struct group_asker asker_of(struct member_client *m)
{
    return (struct group_asker){.c = &m->c,
                                .coordinator = m->coordinator,
                                .group_id = m->group_id,
                                .member_id = m->id,
                                .instance = m->instance,
                                .generation = m->generation};
}

static void join(struct member_client *m)
{
    struct join_group_request q;
    kafka_defaults(&schema_join_group_request, &q);
    struct join_group_request_protocol protocol = {
        .name = slice_of_text(group_words_protocol(&m->words)),
        .metadata = group_words_subscription(&m->words, m->incarnation),
    };
    q.group_id = slice_of_text(m->group_id);
    q.session_timeout_ms = m->instance[0] != '\0' ? STATIC_SESSION_MS : SESSION_MS;
    q.rebalance_timeout_ms = REBALANCE_MS;
    q.member_id = slice_of_text(m->id);
    q.group_instance_id = instance_of(m);
    q.protocol_type = slice_of_text(group_words_type(&m->words));
    q.protocols = (struct array){&protocol, 1};
    send(m, m->coordinator, KAFKA_API_JOIN_GROUP, &q);
}

/* Share s goes to the member s + turn: a leader makes another distribution each time. */
static void sync(struct member_client *m)
{
    struct sync_group_request_assignment items[MEMBERS_OF_ONE_MAX];
    struct group_words words[MEMBERS_OF_ONE_MAX];
    uint32_t shares[MEMBERS_OF_ONE_MAX][GROUPS_SHARES_MAX];
    uint32_t counts[MEMBERS_OF_ONE_MAX] = {0};
    uint64_t turn = prng_range(&m->c.prng, 0, 1000);
    for (uint32_t s = 0; m->member_count > 0 && s < share_total(m); s++) {
        uint64_t to = (s + turn) % m->member_count;
        shares[to][counts[to]++] = s;
    }
    for (uint32_t i = 0; i < m->member_count; i++) {
        words[i].are_kafkas = m->words.are_kafkas;
        items[i] = (struct sync_group_request_assignment){
            .member_id = slice_of_text(m->members[i]),
            .assignment = group_words_assignment(&words[i], shares[i], counts[i]),
        };
    }
    struct sync_group_request q;
    kafka_defaults(&schema_sync_group_request, &q);
    q.group_id = slice_of_text(m->group_id);
    q.generation_id = m->generation;
    q.member_id = slice_of_text(m->id);
    q.group_instance_id = instance_of(m);
    q.protocol_type = slice_of_text(group_words_type(&m->words));
    q.protocol_name = slice_of_text(group_words_protocol(&m->words));
    q.assignments = (struct array){items, (int32_t)m->member_count};
    send(m, m->coordinator, KAFKA_API_SYNC_GROUP, &q);
}

static void heartbeat(struct member_client *m)
{
    struct heartbeat_request q;
    kafka_defaults(&schema_heartbeat_request, &q);
    q.group_id = slice_of_text(m->group_id);
    q.generation_id = m->generation;
    q.member_id = slice_of_text(m->id);
    q.group_instance_id = instance_of(m);
    send(m, m->coordinator, KAFKA_API_HEARTBEAT, &q);
}

static void leave(struct member_client *m)
{
    struct leave_group_request q;
    kafka_defaults(&schema_leave_group_request, &q);
    struct leave_group_request_member one = {.member_id = slice_of_text(m->id),
                                             .group_instance_id = instance_of(m)};
    q.group_id = slice_of_text(m->group_id);
    if (client_version(&m->c, KAFKA_API_LEAVE_GROUP) >= SINCE_LEAVE_BATCHED) {
        q.members = (struct array){&one, 1};
    } else {
        q.member_id = one.member_id;
    }
    send(m, m->coordinator, KAFKA_API_LEAVE_GROUP, &q);
}

static void commit(struct member_client *m, const struct client_topic *topic)
{
    m->committing = m->shares[prng_range(&m->c.prng, 0, m->share_count - 1)];
    int64_t offset = m->offsets[m->committing] + 1;
    struct group_asker who = asker_of(m);
    groups_note_tried(m->note, m->group, m->committing, offset);
    m->newest_before = m->note->newest[m->group];
    m->taken_before = m->note->taken[m->group][m->committing];
    m->offsets[m->committing] = offset;
    note_sent(m, group_ask_commit(&who, topic, m->committing, offset));
    if (!m->is_out) m->offsets[m->committing] = offset - 1;
}

static void fetch(struct member_client *m, const struct client_topic *topic)
{
    int32_t numbers[GROUPS_SHARES_MAX];
    for (uint32_t i = 0; i < m->share_count; i++) numbers[i] = (int32_t)m->shares[i];
    struct array indexes = {numbers, (int32_t)m->share_count};
    struct group_asker who = asker_of(m);
    who.member_id = NULL; /* Offsets are told to anybody. */
    memcpy(m->acked_before, m->note->acked[m->group], sizeof m->acked_before);
    note_sent(m, group_ask_fetch(&who, topic, indexes));
}

/* ---- Answers. ---- */

/* What an error means for a member, whatever it had asked. */
static void on_error(struct member_client *m, int16_t error)
{
    uint64_t pause_ms = prng_range(&m->c.prng, 10, RETRY_MS);
    switch (error) {
    case KAFKA_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_UNKNOWN_TOPIC_ID: /* Its broker has not heard of it yet. */
    case KAFKA_COORDINATOR_LOAD_IN_PROGRESS: go_to(m, m->state, pause_ms); return;
    case KAFKA_COORDINATOR_NOT_AVAILABLE:
    case KAFKA_NOT_COORDINATOR: go_to(m, FIND, pause_ms); return;
    case KAFKA_UNKNOWN_MEMBER_ID:
    case KAFKA_FENCED_INSTANCE_ID:
        forget(m);
        go_to(m, JOIN, pause_ms);
        return;
    case KAFKA_REBALANCE_IN_PROGRESS:
    case KAFKA_ILLEGAL_GENERATION: go_to(m, JOIN, pause_ms); return;
    default:
        sim_violation(m->c.cluster->sim, "[member] %s is told %s", m->c.name,
                      kafka_error_name(error));
    }
}

static void on_found(struct member_client *m, const struct find_coordinator_response *a)
{
    int16_t error = group_take_coordinator(&m->c, a, &m->coordinator);
    if (error != KAFKA_NONE) {
        on_error(m, error);
        return;
    }
    /* A member that still is one goes on; heartbeats tell if it is none any more. */
    go_to(m, m->generation >= 0 && m->share_count > 0 ? FETCH : JOIN, 0);
}

static void copy_text(char *to, size_t size, struct slice from)
{
    CHECK(from.size < size);
    (void)snprintf(to, size, "%.*s", (int)from.size, (const char *)from.at);
}

static void on_joined(struct member_client *m, const struct join_group_response *a)
{
    if (a->error_code == KAFKA_MEMBER_ID_REQUIRED) copy_text(m->id, sizeof m->id, a->member_id);
    if (a->error_code == KAFKA_MEMBER_ID_REQUIRED) go_to(m, JOIN, 0);
    if (a->error_code == KAFKA_MEMBER_ID_REQUIRED) return;
    if (a->error_code != KAFKA_NONE) {
        on_error(m, a->error_code);
        return;
    }
    copy_text(m->id, sizeof m->id, a->member_id);
    m->generation = a->generation_id;
    m->share_count = 0;
    m->joined++;
    m->member_count = 0;
    const struct join_group_response_member *members = a->members.items;
    bool leads = slice_equal(a->leader, a->member_id) && !a->skip_assignment;
    for (int32_t i = 0; leads && i < a->members.count && i < MEMBERS_OF_ONE_MAX; i++) {
        copy_text(m->members[m->member_count++], GROUPS_WHO_SIZE, members[i].member_id);
    }
    go_to(m, SYNC, 0);
}

static void on_synced(struct member_client *m, const struct sync_group_response *a)
{
    if (a->error_code != KAFKA_NONE) {
        on_error(m, a->error_code);
        return;
    }
    m->has_committed = false;
    m->share_count = group_words_read(&m->words, a->assignment, m->shares);
    for (uint32_t i = 0; i < m->share_count; i++) {
        groups_note_owner(m->note, m->group, m->generation, m->shares[i], who(m));
        if (m->words.are_kafkas) groups_note_taken(m->note, m->group, m->generation, m->shares[i]);
    }
    go_to(m, m->share_count > 0 ? FETCH : STABLE, 0);
}

static void on_fetched(struct member_client *m, const struct offset_fetch_response *a)
{
    struct group_offset told[GROUPS_SHARES_MAX];
    uint32_t count = 0;
    int16_t error = group_take_offsets(&m->c, a, told, &count);
    go_to(m, STABLE, 0);
    for (uint32_t i = 0; error == KAFKA_NONE && i < count; i++) {
        uint32_t share = told[i].share;
        error = told[i].error;
        if (error != KAFKA_NONE) break;
        groups_note_fetched(m->note, m->group, share, told[i].offset, m->acked_before[share],
                            m->c.name);
        m->offsets[share] = told[i].offset;
    }
    if (error == KAFKA_NONE) return;
    go_to(m, FETCH, 0);
    on_error(m, error);
}

/* Nobody knows whether it is committed, or will be: another generation makes an end of it. */
static void on_commit_lost(struct member_client *m)
{
    m->incarnation++;
    m->share_count = 0;
    go_to(m, FIND, RETRY_MS);
}

static void on_committed(struct member_client *m, const struct offset_commit_response *a)
{
    int16_t error = group_take_commit(a);
    if (error == KAFKA_NONE) {
        /* With members of the consumer protocol in it a group is never whole. */
        int32_t newest = m->words.are_kafkas ? m->taken_before : m->newest_before;
        if (m->generation < newest) {
            sim_violation(m->c.cluster->sim,
                          "[fence] %s has committed in generation %d of g%u, when generation %d "
                          "was whole",
                          m->c.name, m->generation, m->group, newest);
        }
        groups_note_acked(m->note, m->group, m->committing, m->offsets[m->committing]);
        m->has_committed = true;
        return;
    }
    bool is_refused = error == KAFKA_UNKNOWN_MEMBER_ID || error == KAFKA_FENCED_INSTANCE_ID;
    on_commit_lost(m);
    if (is_refused) forget(m);
}

static void on_answer(struct client *c, uint32_t broker, int16_t api, const void *message,
                      void *context)
{
    (void)broker;
    (void)context;
    struct member_client *m = member_of(c);
    m->is_out = false;
    if (message == NULL) {
        if (api == KAFKA_API_OFFSET_COMMIT) on_commit_lost(m);
        if (api == KAFKA_API_LEAVE_GROUP) forget(m);
        go_to(m, FIND, RETRY_MS);
        return;
    }
    switch (api) {
    case KAFKA_API_FIND_COORDINATOR: on_found(m, message); return;
    case KAFKA_API_JOIN_GROUP: on_joined(m, message); return;
    case KAFKA_API_SYNC_GROUP: on_synced(m, message); return;
    case KAFKA_API_OFFSET_FETCH: on_fetched(m, message); return;
    case KAFKA_API_OFFSET_COMMIT: on_committed(m, message); return;
    case KAFKA_API_HEARTBEAT: {
        int16_t error = ((const struct heartbeat_response *)message)->error_code;
        if (error != KAFKA_NONE) on_error(m, error);
        return;
    }
    case KAFKA_API_LEAVE_GROUP:
        forget(m);
        go_to(m, JOIN, prng_range(&c->prng, 0, 3000));
        return;
    default: UNREACHABLE();
    }
}

/* ---- The turn. ---- */

/* Things that happen to members. True: something did. */
static bool maybe_suffer(struct member_client *m)
{
    struct prng *p = &m->c.prng;
    if (m->c.is_slow) return false;
    if (prng_chance(p, 1, 120)) { /* It hangs, and thinks that it is still a member. */
        m->hung++;
        go_to(m, STABLE, prng_range(p, 300, HANG_MAX_MS));
        return true;
    }
    if (prng_chance(p, 1, 150)) { /* It dies, and starts again. */
        forget(m);
        go_to(m, JOIN, prng_range(p, 0, 2 * SESSION_MS));
        return true;
    }
    if (prng_chance(p, 1, 150)) go_to(m, LEAVE, 0);
    return m->state == LEAVE;
}

static void be_stable(struct member_client *m, const struct client_topic *topic)
{
    struct prng *p = &m->c.prng;
    m->next_ms = env_now_ms(m->c.env) + prng_range(p, 20, PACE_MAX_MS);
    if (maybe_suffer(m)) return;
    if (m->share_count == 0 || prng_chance(p, 1, 3)) {
        heartbeat(m);
    } else if (prng_chance(p, 1, 6)) {
        go_to(m, FETCH, 0);
    } else {
        commit(m, topic);
    }
}

static uint64_t turn(struct client *c)
{
    struct member_client *m = member_of(c);
    uint64_t now = env_now_ms(c->env);
    const struct client_topic *topic = group_topic(c);
    if (m->is_out || m->is_retired) return ENV_NEVER;
    if (c->is_slow && m->may_retire && m->state == STABLE) {
        m->is_retired = true; /* Without a word: its session has to run out. */
        return ENV_NEVER;
    }
    if (topic == NULL) return now + RETRY_MS;
    if (now < m->next_ms) return m->next_ms;
    switch (m->state) {
    case FIND: note_sent(m, group_ask_coordinator(c, m->group_id)); break;
    case JOIN: join(m); break;
    case SYNC: sync(m); break;
    case FETCH: fetch(m, topic); break;
    case STABLE: be_stable(m, topic); break;
    case LEAVE: leave(m); break;
    }
    return m->is_out ? ENV_NEVER : now + RETRY_MS;
}

static void close_member(struct client *c)
{
    free(member_of(c));
}

static const struct client_kind kind = {
    .on_answer = on_answer, .turn = turn, .close = close_member};

bool member_is_stable(const struct client *c, int32_t *generation, uint32_t *share_count)
{
    if (beat_member_is(c)) return beat_member_is_stable(c, generation, share_count);
    const struct member_client *m = (const struct member_client *)(const void *)c;
    *generation = m->generation;
    *share_count = m->share_count;
    return (m->state == STABLE || m->state == FETCH) && (m->has_committed || m->share_count == 0);
}

bool member_is_retired(const struct client *c)
{
    if (beat_member_is(c)) return beat_member_is_retired(c);
    return ((const struct member_client *)(const void *)c)->is_retired;
}

uint32_t member_group(const struct client *c)
{
    if (beat_member_is(c)) return beat_member_group(c);
    return ((const struct member_client *)(const void *)c)->group;
}

void member_print(const struct client *c, FILE *to)
{
    if (beat_member_is(c)) {
        beat_member_print(c, to);
        return;
    }
    const struct member_client *m = (const struct member_client *)(const void *)c;
    (void)fprintf(to, "%s: of %s%s%s, JoinGroup %d, joined %llu times, hung %llu times%s\n",
                  c->name, m->group_id, m->instance[0] != '\0' ? ", static " : "", m->instance,
                  client_version(c, KAFKA_API_JOIN_GROUP), (unsigned long long)m->joined,
                  (unsigned long long)m->hung, m->is_retired ? ", retired" : "");
}

struct client *member_open(struct cluster *cluster, struct history *history,
                           struct groups_note *note, uint32_t number)
{
    uint32_t its_group = number % cluster->options.group_count;
    bool is_of_consumers = (cluster->options.consumer_groups >> its_group & 1) != 0;
    bool is_mixed = (cluster->options.mixed_groups >> its_group & 1) != 0;
    bool is_odd = number / cluster->options.group_count % 2 == 1;
    if (is_of_consumers && !(is_mixed && is_odd)) {
        return beat_member_open(cluster, history, note, number);
    }
    struct member_client *m = calloc(1, sizeof *m);
    CHECK(m != NULL);
    m->c.kind = &kind;
    m->c.number = number;
    m->note = note;
    m->words.are_kafkas = is_of_consumers;
    char name[32];
    (void)snprintf(name, sizeof name, "member-%u", number + 1);
    client_open(&m->c, cluster, history, name, 8000 + number);
    m->c.request_timeout_ms = REQUEST_MS;
    m->group = number % cluster->options.group_count;
    (void)snprintf(m->group_id, sizeof m->group_id, "g%u", m->group);
    if (prng_chance(&m->c.prng, 1, 3)) {
        (void)snprintf(m->instance, sizeof m->instance, "i%u", number);
        static const int16_t apis[] = {KAFKA_API_JOIN_GROUP, KAFKA_API_SYNC_GROUP,
                                       KAFKA_API_HEARTBEAT, KAFKA_API_LEAVE_GROUP,
                                       KAFKA_API_OFFSET_COMMIT};
        for (size_t i = 0; i < sizeof apis / sizeof apis[0]; i++) {
            m->c.versions[apis[i]] = kafka_api_find(apis[i])->version_max;
        }
    }
    m->may_retire = number >= cluster->options.group_count && prng_chance(&m->c.prng, 1, 3);
    forget(m);
    return &m->c;
}

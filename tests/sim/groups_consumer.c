/* A member of a group by the consumer protocol (KIP-848): beats, takes and gives up shares as it is
 * told, commits offsets for them, and hangs, crashes, leaves and comes back as members do. One
 * request is out at a time.
 *
 * A commit whose outcome is not known may still arrive: the member subscribes to something else
 * beside, which makes another epoch, and that fences it. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "proto/msg/consumer_group_heartbeat.h"
#include "tests/sim/group_requests.h"

#define HANG_MAX_MS 9000
#define REBALANCE_MS 3000
#define REQUEST_MS 7000
#define RETRY_MS 60
#define PACE_MAX_MS 300
#define JOIN_EPOCH 0
#define LEAVE_EPOCH (-1)
#define STATIC_LEAVE_EPOCH (-2)

enum beat_state { FIND, BEAT, FETCH, STABLE, LEAVE };

struct beat_client {
    struct client c; /* First. */
    struct groups_note *note;
    uint32_t group;
    char group_id[16];
    char instance[32]; /* "": a dynamic member. */
    bool has_pattern;  /* Subscribes by an expression. */
    enum beat_state state;
    bool is_out;
    uint64_t next_ms;
    uint32_t coordinator; /* Index of a broker. */
    char id[GROUPS_WHO_SIZE];
    int32_t epoch; /* 0: it has to join. */
    bool says_all; /* The last answer was lost. */
    uint32_t incarnation;
    int32_t commits_from; /* Not before it is at this epoch: an older commit may be under way. */
    uint32_t share_count;
    bool shares[GROUPS_SHARES_MAX];
    bool is_fetched[GROUPS_SHARES_MAX];
    int64_t offsets[GROUPS_SHARES_MAX];
    int64_t acked_before[GROUPS_SHARES_MAX]; /* When the fetch was sent. */
    uint32_t committing;
    int32_t taken_before; /* The newest epoch in which that share was taken, when it was sent. */
    bool has_committed;   /* In this epoch. */
    bool may_retire;
    bool is_retired;
    uint64_t joined, hung, moved;
};

static struct beat_client *beat_of(struct client *c)
{
    return (struct beat_client *)c;
}

static const struct beat_client *beat_of_const(const struct client *c)
{
    return (const struct beat_client *)(const void *)c;
}

static const char *who(const struct beat_client *m)
{
    return m->instance[0] != '\0' ? m->instance : m->id;
}

static void go_to(struct beat_client *m, enum beat_state state, uint64_t pause_ms)
{
    m->state = state;
    m->next_ms = env_now_ms(m->c.env) + pause_ms;
}

static void drop_shares(struct beat_client *m)
{
    memset(m->shares, 0, sizeof m->shares);
    memset(m->is_fetched, 0, sizeof m->is_fetched);
    m->share_count = 0;
    m->has_committed = false;
}

/* It joins again, under the id that it has; what it has committed last may still be under way. */
static void abandon(struct beat_client *m)
{
    if (m->epoch >= m->commits_from) m->commits_from = m->epoch + 1;
    m->incarnation++;
    m->epoch = JOIN_EPOCH;
    drop_shares(m);
}

/* Another process. */
static void begin_anew(struct beat_client *m)
{
    m->epoch = JOIN_EPOCH;
    m->commits_from = 0;
    m->incarnation++;
    m->joined++;
    drop_shares(m);
    (void)snprintf(m->id, sizeof m->id, "%s-%u", m->c.name, m->incarnation);
}

/* ---- Asking. ---- */

/* It names itself by its instance in heartbeats only. */
static struct group_asker asker_of(struct beat_client *m)
{
    return (struct group_asker){.c = &m->c,
                                .coordinator = m->coordinator,
                                .group_id = m->group_id,
                                .member_id = m->id,
                                .instance = "",
                                .generation = m->epoch};
}

static void note_sent(struct beat_client *m, bool is_out)
{
    m->is_out = is_out;
    if (!is_out) go_to(m, m->state, RETRY_MS);
}

static int32_t list_shares(const struct beat_client *m, int32_t numbers[GROUPS_SHARES_MAX])
{
    int32_t count = 0;
    for (int32_t s = 0; s < GROUPS_SHARES_MAX; s++) {
        if (m->shares[s]) numbers[count++] = s;
    }
    return count;
}

static void beat(struct beat_client *m, int32_t epoch, const struct client_topic *topic)
{
    int32_t numbers[GROUPS_SHARES_MAX];
    struct consumer_group_heartbeat_partitions parts = {.topic_id = topic->id};
    parts.partitions = (struct array){numbers, list_shares(m, numbers)};
    struct consumer_group_heartbeat_request q;
    kafka_defaults(&schema_consumer_group_heartbeat_request, &q);
    char beside[24], pattern[24];
    (void)snprintf(beside, sizeof beside, "none-%u", m->incarnation);
    (void)snprintf(pattern, sizeof pattern, GROUP_TOPIC "|none-%u", m->incarnation);
    struct slice names[2] = {slice_of_text(GROUP_TOPIC), slice_of_text(beside)};
    q.group_id = slice_of_text(m->group_id);
    q.member_id = slice_of_text(m->id);
    q.member_epoch = epoch;
    if (m->instance[0] != '\0') q.instance_id = slice_of_text(m->instance);
    q.topic_partitions = (struct array){&parts, parts.partitions.count > 0 ? 1 : 0};
    if (epoch == JOIN_EPOCH || m->says_all) {
        q.rebalance_timeout_ms = REBALANCE_MS;
        if (m->has_pattern) {
            q.subscribed_topic_regex = slice_of_text(pattern);
        } else {
            q.subscribed_topic_names = (struct array){names, 2};
        }
    }
    note_sent(
        m, client_send(&m->c, m->coordinator, KAFKA_API_CONSUMER_GROUP_HEARTBEAT, &q, NULL, true));
}

static void commit(struct beat_client *m, const struct client_topic *topic)
{
    int32_t numbers[GROUPS_SHARES_MAX];
    int32_t count = list_shares(m, numbers);
    m->committing = (uint32_t)numbers[prng_range(&m->c.prng, 0, (uint64_t)count - 1)];
    int64_t offset = m->offsets[m->committing] + 1;
    struct group_asker who = asker_of(m);
    groups_note_tried(m->note, m->group, m->committing, offset);
    m->taken_before = m->note->taken[m->group][m->committing];
    m->offsets[m->committing] = offset;
    note_sent(m, group_ask_commit(&who, topic, m->committing, offset));
    if (!m->is_out) m->offsets[m->committing] = offset - 1;
}

static void fetch(struct beat_client *m, const struct client_topic *topic)
{
    int32_t numbers[GROUPS_SHARES_MAX];
    struct array indexes = {numbers, list_shares(m, numbers)};
    struct group_asker who = asker_of(m);
    memcpy(m->acked_before, m->note->acked[m->group], sizeof m->acked_before);
    note_sent(m, group_ask_fetch(&who, topic, indexes));
}

/* ---- Answers. ---- */

/* What an error means for a member, whatever it had asked. */
static void on_error(struct beat_client *m, int16_t error)
{
    uint64_t pause_ms = prng_range(&m->c.prng, 10, RETRY_MS);
    switch (error) {
    case KAFKA_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_UNKNOWN_TOPIC_ID: /* Its broker has not heard of it yet. */
    case KAFKA_COORDINATOR_LOAD_IN_PROGRESS: go_to(m, m->state, pause_ms); return;
    case KAFKA_COORDINATOR_NOT_AVAILABLE:
    case KAFKA_NOT_COORDINATOR: go_to(m, FIND, pause_ms); return;
    case KAFKA_UNRELEASED_INSTANCE_ID: go_to(m, BEAT, PACE_MAX_MS); return;
    case KAFKA_STALE_MEMBER_EPOCH: go_to(m, BEAT, pause_ms); return;
    case KAFKA_FENCED_INSTANCE_ID:
        begin_anew(m);
        go_to(m, BEAT, pause_ms);
        return;
    case KAFKA_UNKNOWN_MEMBER_ID:
    case KAFKA_GROUP_ID_NOT_FOUND:
    case KAFKA_FENCED_MEMBER_EPOCH:
        abandon(m);
        go_to(m, BEAT, pause_ms);
        return;
    default:
        sim_violation(m->c.cluster->sim, "[member] %s is told %s", m->c.name,
                      kafka_error_name(error));
    }
}

static void on_found(struct beat_client *m, const struct find_coordinator_response *a)
{
    int16_t error = group_take_coordinator(&m->c, a, &m->coordinator);
    if (error != KAFKA_NONE) {
        on_error(m, error);
        return;
    }
    go_to(m, BEAT, 0);
}

static bool has_all_fetched(const struct beat_client *m)
{
    for (uint32_t s = 0; s < GROUPS_SHARES_MAX; s++) {
        if (m->shares[s] && !m->is_fetched[s]) return false;
    }
    return true;
}

static void note_shares(struct beat_client *m)
{
    for (uint32_t s = 0; s < GROUPS_SHARES_MAX; s++) {
        if (m->shares[s]) groups_note_owner(m->note, m->group, m->epoch, s, who(m));
    }
}

/* What it is not assigned it gives up, and says so when it beats next. */
static void take_assignment(struct beat_client *m,
                            const struct consumer_group_heartbeat_assignment *a)
{
    bool now[GROUPS_SHARES_MAX] = {0};
    const struct consumer_group_heartbeat_partitions *topics = a->topic_partitions.items;
    for (int32_t t = 0; t < a->topic_partitions.count; t++) {
        const int32_t *numbers = topics[t].partitions.items;
        for (int32_t i = 0; i < topics[t].partitions.count; i++) {
            CHECK(numbers[i] >= 0 && numbers[i] < GROUPS_SHARES_MAX);
            now[numbers[i]] = true;
        }
    }
    m->share_count = 0;
    for (uint32_t s = 0; s < GROUPS_SHARES_MAX; s++) {
        if (now[s] && !m->shares[s]) groups_note_taken(m->note, m->group, m->epoch, s);
        m->moved += now[s] != m->shares[s];
        m->is_fetched[s] = m->is_fetched[s] && now[s] && m->shares[s];
        m->shares[s] = now[s];
        m->share_count += now[s];
    }
    note_shares(m);
}

static void on_beaten(struct beat_client *m, const struct consumer_group_heartbeat_response *a)
{
    if (a->error_code != KAFKA_NONE) {
        on_error(m, a->error_code);
        return;
    }
    if (m->epoch != a->member_epoch) {
        m->has_committed = false;
        memset(m->is_fetched, 0, sizeof m->is_fetched);
    }
    m->epoch = a->member_epoch;
    m->says_all = false;
    if (a->assignment != NULL) {
        take_assignment(m, a->assignment);
    } else { /* It has what it had, in this epoch too. */
        note_shares(m);
    }
    bool must_fetch = m->share_count > 0 && !has_all_fetched(m);
    go_to(m, must_fetch ? FETCH : STABLE, 0);
    /* It is to be at another epoch before it commits again. */
    if (m->epoch < m->commits_from) m->says_all = true;
}

static void on_fetched(struct beat_client *m, const struct offset_fetch_response *a)
{
    struct group_offset told[GROUPS_SHARES_MAX];
    uint32_t count = 0;
    int16_t error = group_take_offsets(&m->c, a, told, &count);
    if (error != KAFKA_NONE) {
        on_error(m, error);
        return;
    }
    go_to(m, STABLE, 0);
    for (uint32_t i = 0; i < count && m->state == STABLE; i++) {
        uint32_t share = told[i].share;
        if (told[i].error != KAFKA_NONE) {
            go_to(m, FETCH, 0);
            on_error(m, told[i].error);
            return;
        }
        groups_note_fetched(m->note, m->group, share, told[i].offset, m->acked_before[share],
                            m->c.name);
        m->offsets[share] = told[i].offset;
        m->is_fetched[share] = true;
    }
}

/* Nobody knows whether it is committed, or will be: another epoch makes an end of it. */
static void on_commit_lost(struct beat_client *m)
{
    if (m->epoch >= m->commits_from) m->commits_from = m->epoch + 1;
    m->incarnation++;
    m->says_all = true;
    memset(m->is_fetched, 0, sizeof m->is_fetched);
    go_to(m, FIND, RETRY_MS);
}

static void on_committed(struct beat_client *m, const struct offset_commit_response *a)
{
    int16_t error = group_take_commit(a);
    if (error != KAFKA_NONE) {
        on_commit_lost(m);
        if (error == KAFKA_UNKNOWN_MEMBER_ID || error == KAFKA_GROUP_ID_NOT_FOUND) abandon(m);
        return;
    }
    if (m->epoch < m->taken_before) {
        sim_violation(m->c.cluster->sim,
                      "[fence] %s has committed in epoch %d for share %u of g%u, which somebody "
                      "had taken in epoch %d",
                      m->c.name, m->epoch, m->committing, m->group, m->taken_before);
    }
    groups_note_acked(m->note, m->group, m->committing, m->offsets[m->committing]);
    m->has_committed = true;
}

static void on_lost(struct beat_client *m, int16_t api)
{
    bool was_leaving = m->state == LEAVE;
    m->says_all = true;
    go_to(m, FIND, RETRY_MS);
    if (api == KAFKA_API_OFFSET_COMMIT) on_commit_lost(m);
    if (was_leaving) begin_anew(m);
}

static void on_answer(struct client *c, uint32_t broker, int16_t api, const void *message,
                      void *context)
{
    (void)broker;
    (void)context;
    struct beat_client *m = beat_of(c);
    m->is_out = false;
    if (message == NULL) {
        on_lost(m, api);
        return;
    }
    switch (api) {
    case KAFKA_API_FIND_COORDINATOR: on_found(m, message); return;
    case KAFKA_API_CONSUMER_GROUP_HEARTBEAT:
        if (m->state != LEAVE) {
            on_beaten(m, message);
            return;
        }
        begin_anew(m);
        go_to(m, FIND, prng_range(&c->prng, 0, 3000));
        return;
    case KAFKA_API_OFFSET_FETCH: on_fetched(m, message); return;
    case KAFKA_API_OFFSET_COMMIT: on_committed(m, message); return;
    default: UNREACHABLE();
    }
}

/* ---- The turn. ---- */

/* Things that happen to members. True: something did. */
static bool maybe_suffer(struct beat_client *m)
{
    struct prng *p = &m->c.prng;
    if (m->c.is_slow) return false;
    if (prng_chance(p, 1, 120)) { /* It hangs, and thinks that it is still a member. */
        m->hung++;
        go_to(m, STABLE, prng_range(p, 300, HANG_MAX_MS));
        return true;
    }
    if (prng_chance(p, 1, 150)) { /* It dies, and starts again. */
        begin_anew(m);
        go_to(m, FIND, prng_range(p, 0, 3000));
        return true;
    }
    if (prng_chance(p, 1, 150)) go_to(m, LEAVE, 0);
    return m->state == LEAVE;
}

static void be_stable(struct beat_client *m, const struct client_topic *topic)
{
    struct prng *p = &m->c.prng;
    m->next_ms = env_now_ms(m->c.env) + prng_range(p, 20, PACE_MAX_MS);
    if (maybe_suffer(m)) return;
    bool may_commit = m->share_count > 0 && m->epoch >= m->commits_from && !m->says_all;
    if (!may_commit || prng_chance(p, 1, 3)) {
        go_to(m, BEAT, 0);
    } else if (!has_all_fetched(m) || prng_chance(p, 1, 6)) {
        go_to(m, FETCH, 0);
    } else {
        commit(m, topic);
    }
}

static void leave(struct beat_client *m, const struct client_topic *topic)
{
    bool for_a_while = m->instance[0] != '\0' && prng_chance(&m->c.prng, 1, 2);
    if (m->epoch <= 0) { /* It is none. */
        go_to(m, BEAT, 0);
        return;
    }
    beat(m, for_a_while ? STATIC_LEAVE_EPOCH : LEAVE_EPOCH, topic);
}

static uint64_t turn(struct client *c)
{
    struct beat_client *m = beat_of(c);
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
    case BEAT: beat(m, m->epoch, topic); break;
    case FETCH: fetch(m, topic); break;
    case STABLE: be_stable(m, topic); break;
    case LEAVE: leave(m, topic); break;
    }
    return m->is_out ? ENV_NEVER : m->next_ms > now ? m->next_ms : now + 1;
}

static void close_member(struct client *c)
{
    free(beat_of(c));
}

static const struct client_kind kind = {
    .on_answer = on_answer, .turn = turn, .close = close_member};

bool beat_member_is(const struct client *c)
{
    return c->kind == &kind;
}

bool beat_member_is_stable(const struct client *c, int32_t *epoch, uint32_t *share_count)
{
    const struct beat_client *m = beat_of_const(c);
    *epoch = m->epoch;
    *share_count = m->share_count;
    return m->epoch > 0 && m->state != LEAVE && (m->has_committed || m->share_count == 0);
}

bool beat_member_is_retired(const struct client *c)
{
    return beat_of_const(c)->is_retired;
}

uint32_t beat_member_group(const struct client *c)
{
    return beat_of_const(c)->group;
}

void beat_member_print(const struct client *c, FILE *to)
{
    const struct beat_client *m = beat_of_const(c);
    (void)fprintf(to,
                  "%s: of %s%s%s, consumer protocol%s, began %llu times, hung %llu times, %llu "
                  "shares moved%s\n",
                  c->name, m->group_id, m->instance[0] != '\0' ? ", static " : "", m->instance,
                  m->has_pattern ? " by an expression" : "", (unsigned long long)m->joined,
                  (unsigned long long)m->hung, (unsigned long long)m->moved,
                  m->is_retired ? ", retired" : "");
}

struct client *beat_member_open(struct cluster *cluster, struct history *history,
                                struct groups_note *note, uint32_t number)
{
    struct beat_client *m = calloc(1, sizeof *m);
    CHECK(m != NULL);
    m->c.kind = &kind;
    m->c.number = number;
    m->note = note;
    char name[32];
    (void)snprintf(name, sizeof name, "member-%u", number + 1);
    client_open(&m->c, cluster, history, name, 8000 + number);
    m->c.request_timeout_ms = REQUEST_MS;
    m->group = number % cluster->options.group_count;
    (void)snprintf(m->group_id, sizeof m->group_id, "g%u", m->group);
    if (prng_chance(&m->c.prng, 1, 3)) {
        (void)snprintf(m->instance, sizeof m->instance, "i%u", number);
    }
    m->has_pattern = prng_chance(&m->c.prng, 1, 4);
    static const int16_t apis[] = {KAFKA_API_OFFSET_COMMIT, KAFKA_API_OFFSET_FETCH,
                                   KAFKA_API_CONSUMER_GROUP_HEARTBEAT};
    for (size_t i = 0; i < sizeof apis / sizeof apis[0]; i++) {
        m->c.versions[apis[i]] = kafka_api_find(apis[i])->version_max;
    }
    m->may_retire = number >= cluster->options.group_count && prng_chance(&m->c.prng, 1, 3);
    begin_anew(m);
    return &m->c;
}

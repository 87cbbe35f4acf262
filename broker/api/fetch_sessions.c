#include "broker/api/fetch_sessions.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

/* min.incremental.fetch.session.eviction.ms */
#define UNUSED_MS (2 * 60 * 1000)

struct fetch_session *fetch_session_find(struct shard *s, int32_t id, uint64_t now_ms)
{
    struct fetch_session *found = NULL;
    HASH_FIND_INT(s->sessions, &id, found);
    if (found == NULL) return NULL;

    /* To the end of the order of use. */
    HASH_DEL(s->sessions, found);
    HASH_ADD_INT(s->sessions, id, found);
    found->used_ms = now_ms;
    return found;
}

static void free_part(struct shard *s, struct fetch_session *session, struct fetch_part *part)
{
    CHECK(s->session_part_count > 0);

    s->session_part_count--;
    HASH_DEL(session->parts, part);
    free(part->name);
    free(part);
}

void fetch_session_close(struct shard *s, struct fetch_session *session)
{
    struct fetch_part *part, *next;
    HASH_ITER(hh, session->parts, part, next) free_part(s, session, part);
    HASH_DEL(s->sessions, session);
    s->session_count--;
    free(session);
}

void fetch_sessions_close_all(struct shard *s)
{
    struct fetch_session *session, *next;
    HASH_ITER(hh, s->sessions, session, next) fetch_session_close(s, session);
}

/* Makes room, if it may: the longest unused session of a client goes, or of a follower if there is
 * no other. One that is still in use makes way for nobody but a follower, and none of a follower's
 * does. */
static bool evict(struct shard *s, bool for_replica, uint64_t now_ms)
{
    struct fetch_session *session = s->sessions;
    while (session != NULL && session->is_replica) session = session->hh.next;
    if (session == NULL) session = s->sessions;
    if (session == NULL) return false;

    bool is_unused = now_ms - session->used_ms >= UNUSED_MS;
    if (!is_unused && (session->is_replica || !for_replica)) return false;
    fetch_session_close(s, session);
    return true;
}

struct fetch_session *fetch_session_new(struct shard *s, bool is_replica, uint64_t now_ms)
{
    bool is_full = s->session_count >= s->options->fetch_sessions_max;
    if (is_full && !evict(s, is_replica, now_ms) && !is_replica) return NULL;

    struct fetch_session *session = calloc(1, sizeof *session);
    CHECK(session != NULL);
    struct fetch_session *taken = NULL;
    do {
        /* Of this shard's own: a client that comes back to another one must not be taken for the
         * holder of a session there. */
        uint32_t drawn = (uint32_t)prng_range(&s->prng, 1, INT32_MAX / (RPC_SHARDS_MAX + 1));
        session->id = (int32_t)(drawn * RPC_SHARDS_MAX + s->number - 1);
        HASH_FIND_INT(s->sessions, &session->id, taken);
    } while (taken != NULL);
    session->epoch = 1;
    session->is_replica = is_replica;
    session->used_ms = now_ms;
    HASH_ADD_INT(s->sessions, id, session);
    s->session_count++;
    return session;
}

struct fetch_part *fetch_session_find_part(struct fetch_session *session, struct uuid topic_id,
                                           int32_t partition)
{
    struct fetch_part_key key = {.topic_id = topic_id, .partition = partition};
    struct fetch_part *found = NULL;
    HASH_FIND(hh, session->parts, &key, sizeof key, found);
    return found;
}

static bool has_name(const struct fetch_part *part, struct slice name)
{
    return part->name != NULL && name.at != NULL && slice_equal(slice_of_text(part->name), name);
}

/* Topics that are not known have one id, zero: only their names tell them apart. */
static struct fetch_part *find_part(struct fetch_session *session, struct uuid topic_id,
                                    struct slice name, int32_t partition)
{
    if (!uuid_is_zero(topic_id) || name.size == 0) {
        return fetch_session_find_part(session, topic_id, partition);
    }
    struct fetch_part *part, *next;
    HASH_ITER(hh, session->parts, part, next)
    {
        if (part->key.partition == partition && has_name(part, name)) return part;
    }
    return NULL;
}

static struct uuid id_of_name(const struct shard *s, const char *name)
{
    const struct meta_topic *topic = meta_topic_by_name(&s->image, slice_of_text(name));
    return topic != NULL ? topic->id : (struct uuid){0};
}

void fetch_session_follow_image(const struct shard *s, struct fetch_session *session)
{
    if (session->image_index == s->image.index) return;
    session->image_index = s->image.index;

    /* What gets another id goes to the end, and is met there again: with that id. */
    struct fetch_part *part, *next;
    HASH_ITER(hh, session->parts, part, next)
    {
        if (part->name == NULL) continue;
        struct uuid id = id_of_name(s, part->name);
        if (uuid_equal(id, part->key.topic_id)) continue;
        HASH_DEL(session->parts, part);
        part->key.topic_id = id;
        part->told_watermark = -1;
        part->told_start = -1;
        HASH_ADD(hh, session->parts, key, sizeof part->key, part);
    }
}

/* Room for one part more: sessions of other clients make it, the longest unused first. A follower's
 * has room always, and makes none: what it asks for is bounded by what is here. */
static bool make_room(struct shard *s, const struct fetch_session *session)
{
    if (session->is_replica) return true;
    while (s->session_part_count >= s->options->fetch_session_parts_max) {
        struct fetch_session *old = s->sessions;
        while (old != NULL && (old == session || old->is_replica)) old = old->hh.next;
        if (old == NULL) return false;
        fetch_session_close(s, old);
    }
    return true;
}

struct fetch_part *fetch_session_part(struct shard *s, struct fetch_session *session,
                                      struct uuid topic_id, struct slice name, int32_t partition)
{
    struct fetch_part *part = find_part(session, topic_id, name, partition);
    if (part != NULL) return part;
    if (!make_room(s, session)) return NULL;

    s->session_part_count++;
    part = calloc(1, sizeof *part);
    CHECK(part != NULL);
    part->key = (struct fetch_part_key){.topic_id = topic_id, .partition = partition};
    part->told_watermark = -1;
    part->told_start = -1;
    if (name.size > 0) {
        part->name = strndup((const char *)name.at, name.size);
        CHECK(part->name != NULL);
    }
    HASH_ADD(hh, session->parts, key, sizeof part->key, part);
    return part;
}

void fetch_session_give_way(struct fetch_session *session, struct fetch_part *part)
{
    HASH_DEL(session->parts, part);
    HASH_ADD(hh, session->parts, key, sizeof part->key, part);
}

void fetch_session_drop_part(struct shard *s, struct fetch_session *session, struct uuid topic_id,
                             struct slice name, int32_t partition)
{
    struct fetch_part *part = find_part(session, topic_id, name, partition);
    if (part != NULL) free_part(s, session, part);
}

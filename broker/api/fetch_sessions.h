/* fetch_sessions.h -- incremental fetch sessions (KIP-227): what a client or a follower last asked
 * of each partition, and what it was last told.
 *
 *   Owns:     at most options->fetch_sessions_max sessions with fetch_session_parts_max parts in
 *             all; the one used longest ago makes room, if that is long ago: where more clients
 *             ask than there may be sessions, they do not take them from each other in turn.
 *   Used by:  the shard whose connection made it. A session id of another shard is not found there,
 *             and its client starts a new one.
 */
#ifndef BROKER_API_FETCH_SESSIONS_H
#define BROKER_API_FETCH_SESSIONS_H

#include "broker/state.h"

struct fetch_part_key {
    struct uuid topic_id;
    int32_t partition;
};

struct fetch_part {
    struct fetch_part_key key; /* Zero id: a topic not known (yet); `name` says which. */
    char *name; /* Owned; NULL where the request gave an id. */
    int32_t leader_epoch;
    int32_t last_epoch;
    int64_t offset;
    int64_t log_start;
    uint32_t max_bytes;
    int64_t told_watermark; /* -1: nothing yet. */
    int64_t told_start;
    UT_hash_handle hh; /* In insertion order: that of the answer. */
};

struct fetch_session {
    int32_t id;
    int32_t epoch; /* The next one that is expected. */
    bool is_replica;
    uint64_t used_ms;
    uint64_t image_index; /* The metadata by which its parts have their ids. */
    struct fetch_part *parts;
    UT_hash_handle hh;
};

/* NULL: no such session. Counts as use. */
struct fetch_session *fetch_session_find(struct shard *s, int32_t id, uint64_t now_ms);
/* NULL: there are as many as there may be, and all are in use. A follower gets one
 * always: there are not many. */
struct fetch_session *fetch_session_new(struct shard *s, bool is_replica, uint64_t now_ms);
void fetch_session_close(struct shard *s, struct fetch_session *session);
void fetch_sessions_close_all(struct shard *s);

/* The part, made if it was not there. `name` may be absent. NULL: sessions remember as many as they
 * may. */
struct fetch_part *fetch_session_part(struct shard *s, struct fetch_session *session,
                                      struct uuid topic_id, struct slice name, int32_t partition);
struct fetch_part *fetch_session_find_part(struct fetch_session *session, struct uuid topic_id,
                                           int32_t partition);
void fetch_session_drop_part(struct shard *s, struct fetch_session *session, struct uuid topic_id,
                             struct slice name, int32_t partition);

/* Clients that name topics mean whatever has that name now: a part of a topic that was created, or
 * deleted and created again, since the last request gets its id. Before each request. */
void fetch_session_follow_image(const struct shard *s, struct fetch_session *session);

/* It has had its share: the others come first now. */
void fetch_session_give_way(struct fetch_session *session, struct fetch_part *part);

#endif

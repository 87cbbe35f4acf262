/* state.h -- a shard's data: what one thread of a broker owns.
 *
 * Functions live in the rooms, each of which sees the ones before it:
 * partition/ < groups/ < state < net/ (connections, requests, routing) < api/ (a file per group of
 * APIs) < replication (fetchers) < shard (the turn).
 */
#ifndef BROKER_STATE_H
#define BROKER_STATE_H

#include <sys/queue.h>
#include <uthash.h>

#include "broker/groups/types.h"
#include "broker/options.h"
#include "broker/partition/deadlines.h"
#include "broker/partition/types.h"
#include "broker/posts.h"
#include "common/arena.h"
#include "common/prng.h"
#include "common/ring_file.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_frame.h"

struct shard;
struct request;
struct fetcher;
struct fetch_session;

TAILQ_HEAD(request_list, request);
TAILQ_HEAD(frame_list, waiting_frame);
TAILQ_HEAD(conn_list, conn);

/* A frame that came after its connection was not to be read from any more. */
struct waiting_frame {
    struct buf *frame;
    TAILQ_ENTRY(waiting_frame) link;
};

/* Why a connection is not read from: a set. */
enum conn_pause {
    CONN_PAUSE_IN_FLIGHT = 1, /* As many requests as it may have. */
    CONN_PAUSE_QUEUED = 2,    /* It does not take its answers. */
    CONN_PAUSE_MEMORY = 4,    /* The shard holds as many bytes of requests as it may. */
};

#define CONN_ANSWERS_KEPT 4 /* More than a follower has fetches in flight. */

/* A client's or a follower's connection. */
struct conn {
    uint64_t id;
    uint32_t listener;  /* Which of options->listeners. */
    char address[ENV_ADDRESS_MAX]; /* Of the peer, without the port. */
    int32_t replica_id; /* A broker that has proven who it is; -1: a client. */
    int64_t replica_epoch;
    uint32_t pauses; /* enum conn_pause; not 0: not read from. */
    bool is_ready;   /* In shard->ready: its backlog goes on. */
    struct frame_list backlog;
    TAILQ_ENTRY(conn) ready_link;
    TAILQ_ENTRY(conn) starved_link; /* In shard->starved, with CONN_PAUSE_MEMORY. */
    /* When answer n was sent: at n % CONN_ANSWERS_KEPT, counted from 1. */
    uint64_t answers_ms[CONN_ANSWERS_KEPT];
    int32_t answer_count;
    uint32_t in_flight;
    struct request_list requests; /* In the order in which they came. */
    UT_hash_handle hh;
};

/* A request, from its frame to its answer. */
struct request {
    struct conn *conn; /* NULL: gone; what is under way ends by itself and is dropped. */
    const struct kafka_api *api;
    struct kafka_version version;
    int32_t correlation;
    struct buf *frame;
    uint64_t came_ms;
    bool is_done;
    bool has_no_answer; /* acks=0 */
    bool close_after;   /* acks=0 went wrong: the only thing left to say. */
    bool is_over;       /* Freed as soon as nothing of it is away. */
    uint32_t groups_pending;
    uint32_t cancels_out;
    uint32_t group_count;
    struct op_group **groups;
    /* Called when every group has come home; answers. */
    void (*join)(struct shard *s, struct request *r);
    void (*free_state)(struct shard *s, void *state);
    void *state; /* The API's own. */
    uint32_t piece_count;
    struct env_piece *pieces; /* The answer. */
    struct env_piece one_piece;
    /* Metadata that waits for a new leader. */
    bool is_held;
    uint64_t held_until_ms;
    uint64_t waits_for_create; /* Held, too, until that creation of topics is answered; or 0. */
    struct buf *created;       /* The answer: it says which were refused. Or NULL. */
    bool wants_ids; /* A producer id: in shard->wanting_producer_ids. */
    TAILQ_ENTRY(request) ids_link;
    TAILQ_ENTRY(request) link;      /* In its connection. */
    TAILQ_ENTRY(request) all_link;  /* In shard->requests. */
    TAILQ_ENTRY(request) held_link; /* In shard->held. */
};

/* A leader whose connection broke and of whom the metadata say nothing new yet. */
#define DISK_PROBE_JOB_KIND 0x44500000u
#define RING_JOB_KIND 0x52490000u

/* A job that asks for the free space: it is as late as those before it in its lane. */
struct disk_probe {
    struct job job;
    uint32_t dir;
    bool is_out;
    uint64_t since_ms;
    uint64_t appended_bytes; /* Then. */
    struct fs_space space;
    char path[FS_PATH_MAX / 2];
};

/* The checkpoints of the last run in one of log.dirs, and writing those of this one. */
struct dir_checkpoint {
    struct checkpoint_entry *entries; /* uthash */
    bool is_loaded;
    bool has_last;         /* The one of an orderly stop is written. */
    bool is_stale_removed; /* Files of shards that this broker no longer has. */
    struct checkpoint_job *job;
    uint32_t crc; /* Of what is written. */
};

struct suspect {
    int32_t broker_id;
    int64_t broker_epoch;
    uint64_t since_ms;
};

#define SUSPECTS_MAX 16

TAILQ_HEAD(post_queue, held_post);

/* A post of the link that is given back when what it brought is in effect. */
struct held_post {
    struct post *post;
    TAILQ_ENTRY(held_post) link;
};

/* Log lines about what strangers send: so many in a while, then they are counted. */
struct complaints {
    uint64_t since_ms;
    uint32_t said;
    uint32_t held_back;
};

struct shard {
    struct env *env;
    const struct broker_options *options;
    uint32_t number; /* From 1: its actor. */
    struct meta_image image;
    struct partition_host host;
    struct partition *partitions; /* uthash, by key. */
    uint32_t partition_count;
    struct partition *tick_at; /* Where the next tick goes on; NULL: at the first. */
    uint64_t next_tick_ms;
    uint64_t progress_due_ms; /* 0: nothing is being opened. */
    uint64_t next_retention_ms;
    struct partition *cleaning; /* It is being compacted (cleaner.h). */
    int64_t cleaning_from;
    uint64_t next_clean_ms;
    struct partition *scrubbing; /* Whose segments are read next (scrubber.h); NULL: nobody's. */
    uint64_t next_scrub_ms;
    uint64_t scrub_pass_ms; /* When the next pass may begin. */
    struct prng prng;

    int64_t broker_epoch; /* -1: not registered yet. */
    bool is_fenced;
    bool has_session;           /* The first POST_SESSION has come: the log folder is ours. */
    uint64_t registered_index;  /* Of this broker, as the session says. */
    bool is_current;            /* The image has been up to there: partitions follow it. */
    bool is_restoring;          /* A deletion is being undone: what is opened was here before. */
    bool is_becoming_current;   /* This very moment: what is here was here before. */
    struct post_queue incoming; /* Decisions that came before the checkpoints were read. */
    struct post_queue applied;  /* In order; given back when nothing is being opened. */
    struct post *stop_post;     /* Being stopped. */
    uint64_t posts_out;         /* Ours, not home yet. */
    uint32_t jobs_out;          /* Of requests, of graves.h, and probes of the disk. */
    LIST_HEAD(, grave_job) graves; /* Jobs of graves.h. */

    struct conn *conns; /* uthash, by id. */
    uint32_t conn_count;
    struct conn_list ready;
    struct conn_list starved;
    uint64_t frame_bytes;         /* Of requests that are not over. */
    uint64_t kept_bytes;          /* Of those that were kept back. */
    struct request_list requests; /* All there are. */
    struct request_list held;
    uint64_t create_refused_said_ms;
    uint64_t creates;           /* Creations of topics asked for by Metadata requests, so far. */
    bool metadata_ready;        /* One of them has been answered. */
    struct deadlines deadlines; /* Groups that wait here, of this shard and of others. */
    uint32_t suspect_count;
    struct suspect suspects[SUSPECTS_MAX];
    uint64_t image_changes; /* Counts turns in which the image changed: wakes what is held. */

    struct fetch_session *sessions; /* uthash, by id; oldest use first. */
    uint32_t session_count;
    uint32_t session_part_count; /* In all of them. */
    struct fetcher *fetchers; /* uthash, by leader. */

    struct groups groups;
    uint64_t offsets_topic_asked_ms; /* When it was last asked to be made; 0: never. */

    /* Producer ids in stock. */
    int64_t producer_id_next;
    int64_t producer_id_end;
    bool producer_ids_asked;
    struct request_list wanting_producer_ids;

    struct dir_checkpoint checkpoints[BROKER_DIRS_MAX];
    bool checkpoints_loaded;
    uint64_t next_checkpoint_ms;
    uint64_t disks_due_ms; /* disks.h */
    struct preference *preferences; /* uthash, by key: preferences.h */
    uint64_t ends_due_ms; /* ends.h */

    struct arena scratch; /* Reset before each request. */
    struct writer out;    /* Answers are encoded here. */
    struct shard_numbers numbers;
    struct complaints complaints;
    struct disk_probe disk_probes[BROKER_DIRS_MAX][DIR_LANES];
    struct ring_file ring_file; /* Of host.ring. */
    bool is_halted;
    bool world_is_gone; /* Closing after a crash: nothing comes home any more. */
};

/* Which shard (actor) of a broker owns a partition. */
uint32_t shard_of_partition(const struct broker_options *o, const char *topic, int32_t number);

/* Posts something of this shard's that comes home. */
void shard_post(struct shard *s, uint32_t to, struct post *post);

struct partition *shard_partition(const struct shard *s, struct uuid topic_id, int32_t number);

#endif

/* link_state.h -- the inside of the link: for broker/link*.c only. */
#ifndef BROKER_LINK_STATE_H
#define BROKER_LINK_STATE_H

#include <sys/queue.h>

#include "broker/dirs.h"
#include "broker/options.h"
#include "broker/posts.h"
#include "common/arena.h"
#include "common/env.h"
#include "common/prng.h"

enum link_phase {
    LINK_BOOTING,  /* The log folder is being looked at. */
    LINK_DIALING,  /* Or waiting to dial again. */
    LINK_GREETING, /* Connected or about to be; the registration is on its way. */
    LINK_SERVING,  /* Registered with the leader. */
};

/* What the boot job finds out about the log folders. */
struct boot_job {
    struct job job;
    int32_t node_id;
    struct uuid fresh_ids[BROKER_DIRS_MAX]; /* For new folders. */
    bool has_no_meta[BROKER_DIRS_MAX];
    struct log_dirs *dirs;
    char cluster_id[META_CLUSTER_ID_SIZE + 1];
    const struct log_dir *cluster_of; /* Which of them said so. */
    bool has_missing; /* A folder that was there is not, and its disk is not dead. */
    uint32_t stray_count; /* Replicas of a disk that had failed, set aside for newer ones. */
    bool is_log_whole;
    bool
        is_log_new; /* Nothing is there, and nothing is missing; unless the disk was another one. */
    char why[DIR_WHY_SIZE];
};

#define MARK_FILE ".jackdaw-boot-mark"
#define KNOWN_FILE ".jackdaw-directories" /* Which folders this broker has, in each of them. */
#define NEW_DISK_FILE "jackdaw-new-disk"  /* An operator's: the disk here was replaced. */

enum note_kind {
    NOTE_MARK,    /* Sync everything that is there, then write the mark of this boot. */
    NOTE_CLUSTER, /* The cluster's id, once it is known. */
    NOTE_KNOWN,   /* The folders. */
    NOTE_KINDS,
};

/* Work behind the boot that needs no answer, in one of the folders. */
struct note_job {
    struct job job;
    enum note_kind kind;
    uint32_t number;
    bool is_stale; /* It is to be written once more. */
    char dir[FS_PATH_MAX];
    int32_t node_id;
    char cluster_id[META_CLUSTER_ID_SIZE + 1];
    char text[BROKER_DIRS_MAX * (FS_PATH_MAX / 2 + 64)];
};

/* A post of a shard that waits for a controller's answer. */
struct asked {
    struct post *post;
    uint64_t correlation;     /* 0: not sent yet. */
    uint64_t unsent_until_ms; /* It waits no longer than this for a session. */
    uint64_t deadline_ms;
    TAILQ_ENTRY(asked) link;
};

TAILQ_HEAD(asked_list, asked);
TAILQ_HEAD(sent_list, sent);

/* More than fit into a session timeout, with those that are sent out of turn. */
#define LINK_HEARTBEATS_MAX 32

/* Controllers that the configuration does not name, but another controller does. */
#define LINK_HINTS_MAX (META_VOTERS_MAX + 1)

/* What a shard has been sent of the stream and has not given back, and what it has. */
struct link_shard {
    uint64_t applied_index;
    uint32_t outstanding;
    uint64_t heard_ms; /* When a probe came back last. */
    bool probe_is_out;
    bool is_stopped;
    struct shard_numbers numbers;
};

struct link {
    struct env *env;
    const struct broker_options *options;
    enum link_phase phase;
    struct prng prng;
    struct uuid incarnation;
    struct uuid secret;
    char cluster_id[META_CLUSTER_ID_SIZE + 1];
    bool is_log_whole;
    bool is_log_new;
    bool is_marked; /* Or about to be: the folder bears the mark of this boot. */
    struct boot_job *boot;
    struct note_job *notes[NOTE_KINDS][BROKER_DIRS_MAX]; /* NULL: not under way. */
    struct log_dirs *dirs;                               /* Lent to the shards. */
    bool is_dir_dead[BROKER_DIRS_MAX];

    uint32_t voter_count;
    struct node_voter voters[BROKER_VOTERS_MAX + LINK_HINTS_MAX]; /* As configured, and as told. */
    uint32_t voter;                     /* The one that is dialled: an index. */
    char voter_name[ENV_HOST_MAX + 32]; /* Its id, or its address where that is all we know. */
    uint32_t refusals;
    uint64_t retry_at_ms;
    uint64_t complain_due_ms;
    uint64_t refusal_said_ms;
    uint64_t session; /* Connections; 0: none. */
    uint64_t stream;
    bool stream_is_paused;
    uint64_t leader_term;
    uint64_t dialed_ms;

    int64_t epoch; /* Of this incarnation; -1: not registered. */
    uint64_t registered_index;
    bool is_fenced;
    bool is_registering;      /* Asked for an epoch, and not answered. */
    uint32_t heartbeat_count; /* Sent and not answered, and when, the oldest first. */
    uint64_t heartbeats_ms[LINK_HEARTBEATS_MAX];
    uint64_t heartbeat_due_ms;
    uint64_t answered_ms; /* When the last answered heartbeat had been sent. */
    uint64_t probe_due_ms;

    uint64_t received_index; /* The last decision sent to the shards, and its term. */
    uint64_t received_term;
    uint64_t reported_index; /* The last RPC_APPLIED. */
    struct buf *chunks;      /* A snapshot that is being received. */
    uint64_t chunks_index;
    uint64_t chunks_term;
    uint64_t chunks_total;

    uint64_t next_correlation;
    struct asked_list asked;
    struct sent_list sent;     /* Our own posts that are not home. */
    struct link_shard *shards; /* By actor number, from 1. */
    bool is_stopping;
    bool stop_was_sent;
    bool end_was_sent;
    uint32_t ends_out;
    uint32_t dead_dirs_out;
    uint64_t stop_by_ms;   /* Unless a session gives hope. */
    uint64_t stop_last_ms; /* Whatever the sessions say. */
    bool is_halted;
    struct arena scratch;
};

/* ---- link_boot.c ---- */

#define LINK_JOB_BOOT 0x4c4b0001u
#define LINK_JOB_NOTE 0x4c4b0002u

struct boot_job *boot_begin(struct env *env, const struct broker_options *options);

/* ---- link_notes.c ---- */

/* Into every folder that is well. */
void link_note(struct link *l, enum note_kind kind);
void link_on_noted(struct link *l, struct note_job *n);
bool link_has_notes(const struct link *l);
void link_notes_close(struct link *l);

/* The value of `key=` in a properties text, without its line feed. False: there is none. */
bool folder_property(const char *text, const char *key, char *out, size_t size);
MUST_USE int folder_write_meta(struct fs *fs, const char *dir, int32_t node_id,
                               const char *cluster_id, struct uuid directory);

/* ---- link.c ---- */

/* False: it is larger than a frame may be. */
bool link_send(struct link *l, uint64_t conn, const struct rpc_msg *msg);
uint64_t link_applied(const struct link *l);
/* A folder can be used no more. The last one ends the node. */
void link_lose_dir(struct link *l, uint32_t dir, const char *why);

/* ---- link_posts.c: to the shards and home again. ---- */

void link_tell_session(struct link *l);
void link_post_records(struct link *l, uint64_t first_index, struct slice batches);
void link_post_snapshot(struct link *l);
void link_send_probes(struct link *l);
void link_send_stop(struct link *l);
void link_send_end(struct link *l);
void link_tell_dead_dir(struct link *l, uint32_t dir);
bool link_has_room(const struct link *l); /* False: a shard has more than enough to apply. */
/* The quorum as the metadata has it, beside what is configured. */
void link_know_voters(struct link *l, const struct post_voters *voters);
bool link_on_post_back(struct link *l, struct post *post); /* True: something was applied. */
void link_posts_close(struct link *l);

/* ---- link_ask.c: what shards ask of the controllers. ---- */

void link_on_question(struct link *l, struct post *post);
void link_send_waiting(struct link *l);
void link_lose_questions(struct link *l);
void link_refuse_questions(struct link *l); /* The shards are to stop. */
void link_check_questions(struct link *l);
uint64_t link_questions_deadline(const struct link *l);
void link_on_admin_reply(struct link *l, const struct rpc_msg *msg);
void link_on_isr_reply(struct link *l, const struct rpc_msg *msg);
void link_on_producer_ids_reply(struct link *l, const struct rpc_msg *msg);
void link_questions_close(struct link *l);

/* ---- link_http.c ---- */

void link_on_http(struct link *l, const struct env_event *e);

#endif

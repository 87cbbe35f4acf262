/* dirs.h -- the folders of log.dirs: which there are, what lay in each when the broker began, and
 * where a new replica goes.
 *
 *   Made by:  the link's boot job. From the first POST_SESSION on every shard knows it.
 *   Shared:   what boot found out does not change. An entry belongs to the shard that owns the
 *             partition of its name. The counts of replicas are shared numbers (count.h).
 *   Knows:    nothing of how the disks fare later: each shard has that for itself (host_dir).
 */
#ifndef BROKER_DIRS_H
#define BROKER_DIRS_H

#include <uthash.h>

#include "broker/options.h"
#include "common/bytes.h"
#include "common/count.h"

#define DIR_NONE UINT32_MAX
#define DIR_LANES 2u /* I/O threads of each. */
#define DIR_WHY_SIZE (FS_PATH_MAX + 256)
#define DIR_MOVED_FILE "moved-here" /* In a replica's folder: it takes the place of another. */

/* A folder of that name was there: "orders-0". */
struct dir_entry {
    uint32_t dir;    /* DIR_NONE: only a future replica of that name is there. */
    uint32_t future; /* Where one is being copied to; DIR_NONE: nowhere. */
    uint32_t twin;   /* Another folder of that name lies there, which nothing explains. */
    bool is_taken;   /* A partition has it. */
    char future_name[FS_PATH_MAX / 2];
    UT_hash_handle hh;
    char name[];
};

struct log_dir {
    char path[FS_PATH_MAX / 2];
    struct uuid id; /* directory.id in its meta.properties. */
    bool is_dead;   /* When the broker began. */
    bool is_new;
    bool has_failed; /* Before this start: what it holds may be older than what another one has. */
    bool is_whole; /* Same boot and device as when its logs were written (DESIGN 6.10). */
    char why[DIR_WHY_SIZE];
    struct count replicas; /* Here, of all shards. */
};

struct log_dirs {
    uint32_t count;
    struct log_dir dirs[BROKER_DIRS_MAX];
    struct dir_entry *entries; /* uthash, by name. */
};

/* As configured, all of them well and empty. */
struct log_dirs *log_dirs_open(const struct broker_options *options);
void log_dirs_close(struct log_dirs *d);

/* Notes a name that was found in a folder: a partition's, that of a future replica, or of one that
 * is deleted. False: it is none of them. */
bool log_dirs_note(struct log_dirs *d, uint32_t dir, const char *name);
struct dir_entry *log_dirs_find(const struct log_dirs *d, const char *topic, int32_t partition);

/* "topic-0" taken apart. False: it is no partition's. */
bool dir_name_parse(const char *name, char topic[META_NAME_MAX + 1], int32_t *partition);

/* What the folder of a partition is called whose topic was deleted, as Kafka calls it; ID is the
 * topic's, so that whoever has it finds it: TOPIC-PARTITION.ID-delete. */
#define DIR_GRAVE_SIZE 256
void dir_grave_name(const char *topic, int32_t number, struct uuid id, char out[DIR_GRAVE_SIZE]);
/* Is it such a name? *id: what stands in it for the topic's, which of what is removed at once is
 * nobody's. */
bool dir_name_is_grave(const char *name, struct uuid *id);
/* DIR_NONE: there was none when the broker began. */
uint32_t log_dirs_grave(const struct log_dirs *d, const char *topic, int32_t number,
                        struct uuid id);

/* Jobs of a partition go through a thread of its folder's (or the only one of the background). */
uint32_t dir_lane(const struct broker_options *o, uint32_t dir, uint32_t hash);
uint32_t dir_background_lane(uint32_t dir);

#endif

#include "broker/disks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/partition/follow.h"
#include "broker/partition/mover.h"
#include "broker/partition/partition.h"
#include "broker/partition/room.h"
#include "broker/partition/rot.h"
#include "broker/partition/steps.h"
#include "common/check.h"

#define AGAIN_MS 1000
#define SLOW_MS 1500 /* As a broker that hangs (broker.hang.timeout.ms of the controllers). */

/* ---- Probes ---- */

static void ask_space(struct fs *fs, struct job *job)
{
    struct disk_probe *probe = (struct disk_probe *)(void *)job;
    job->rc = fs->ops->space(fs, probe->path, &probe->space);
}

static void send_probe(struct shard *s, uint32_t dir, uint32_t lane)
{
    struct disk_probe *probe = &s->disk_probes[dir][lane];
    *probe = (struct disk_probe){.dir = dir,
                                 .is_out = true,
                                 .since_ms = env_now_ms(s->env),
                                 .appended_bytes = s->host.dirs[dir].appended_bytes};
    memcpy(probe->path, s->options->log_dirs[dir], sizeof probe->path);
    probe->job.link.kind = DISK_PROBE_JOB_KIND;
    probe->job.run = ask_space;
    probe->job.lane = dir_lane(s->options, dir, lane);
    s->jobs_out++;
    env_submit(s->env, &probe->job);
}

static uint64_t probe_dir(struct shard *s, uint32_t dir)
{
    uint64_t now_ms = env_now_ms(s->env), oldest_ms = 0;
    for (uint32_t lane = 0; lane < DIR_LANES; lane++) {
        const struct disk_probe *probe = &s->disk_probes[dir][lane];
        if (!probe->is_out && s->stop_post == NULL) send_probe(s, dir, lane);
        if (probe->is_out && now_ms - probe->since_ms > oldest_ms)
            oldest_ms = now_ms - probe->since_ms;
    }
    return oldest_ms;
}

uint64_t disks_probe(struct shard *s)
{
    if (s->host.log_dirs == NULL) return 0;
    uint64_t best_ms = UINT64_MAX;
    for (uint32_t i = 0; i < s->options->log_dir_count; i++) {
        struct host_dir *d = &s->host.dirs[i];
        if (d->is_dead) continue;
        d->quiet_ms = probe_dir(s, i);
        if (d->quiet_ms < best_ms) best_ms = d->quiet_ms;
        bool was_slow = d->is_slow;
        d->is_slow = d->quiet_ms >= SLOW_MS;
        if (d->is_slow == was_slow) continue;
        s->disks_due_ms = 0;
        if (s->options->log_dir_count == 1) continue;
        env_log(s->env, d->is_slow ? LOG_WARN : LOG_INFO, "log.dirs %s %s", s->options->log_dirs[i],
                d->is_slow ? "stands still: what it holds is led elsewhere" : "goes on");
    }
    return best_ms == UINT64_MAX ? 0 : best_ms;
}

void disks_on_probe(struct shard *s, struct job *job)
{
    struct disk_probe *probe = (struct disk_probe *)(void *)job;
    CHECK(probe->is_out && s->jobs_out > 0);
    probe->is_out = false;
    s->jobs_out--;
    struct host_dir *d = &s->host.dirs[probe->dir];
    if (job->rc != 0 || d->is_dead) return;
    d->space = probe->space;
    if (probe->appended_bytes > d->known_bytes) d->known_bytes = probe->appended_bytes;
    room_look(&s->host, probe->dir);
}

/* ---- Dead ones ---- */

void disks_begin(struct shard *s, struct log_dirs *dirs)
{
    s->host.log_dirs = dirs;
    for (uint32_t i = 0; i < dirs->count; i++) {
        struct host_dir *d = &s->host.dirs[i];
        d->is_dead = d->is_told = dirs->dirs[i].is_dead;
        (void)snprintf(d->why, sizeof d->why, "%s", dirs->dirs[i].why);
    }
}

void disks_on_dead(struct shard *s, struct post_dead_dir *post)
{
    struct host_dir *d = &s->host.dirs[post->dir];
    if (!d->is_dead) {
        char why[DIR_WHY_SIZE];
        (void)snprintf(why, sizeof why, "its disk, log.dirs %s, is out of service",
                       s->options->log_dirs[post->dir]);
        host_dir_died(&s->host, post->dir, why);
    }
    env_give_back(s->env, &post->post);
}

static void bury(struct shard *s, uint32_t dir)
{
    struct host_dir *d = &s->host.dirs[dir];
    d->is_told = true;
    d->is_slow = false;
    struct partition *p, *next;
    HASH_ITER(hh, s->partitions, p, next)
    {
        if (p->dir == dir) partition_fail(p, d->why);
        if (mover_uses(p, dir)) mover_call_off(p, "that disk is out of service");
    }
    struct post_dead_dir *post = calloc(1, sizeof *post);
    CHECK(post != NULL);
    post->post.link.kind = POST_DEAD_DIR;
    post->dir = dir;
    (void)snprintf(post->why, sizeof post->why, "%s", d->why);
    shard_post(s, BROKER_LINK_ACTOR, &post->post);
}

/* ---- Telling the controllers ---- */

static enum rpc_disk fares(const struct shard *s, const struct partition *p)
{
    if (p->state == PARTITION_FAILED && p->lacks_space) return RPC_DISK_SLOW;
    if (p->state == PARTITION_FAILED || rot_gives_up(p)) return RPC_DISK_LOST;
    if (partition_owes(p)) return RPC_DISK_LOST;
    /* The last disk that is left makes the whole broker hang: the heartbeats tell of it. */
    bool is_one_of_several = s->options->log_dir_count > 1;
    return is_one_of_several && s->host.dirs[p->dir].is_slow ? RPC_DISK_SLOW : RPC_DISK_WELL;
}

/* Does it have to be told of this one, as far as the metadata know? */
static bool is_news(const struct shard *s, const struct partition *p, enum rpc_disk *disk)
{
    if (p->state == PARTITION_PREPARING || p->state == PARTITION_OPENING) return false;
    if (p->state == PARTITION_GONE || p->delete_is_due) return false;
    const struct meta_partition *state =
        meta_partition_find(&s->image, p->key.topic_id, p->key.partition);
    if (state == NULL || !id_set_has(&state->replicas, s->options->id)) return false;
    *disk = fares(s, p);
    return (*disk != RPC_DISK_WELL) != id_set_has(&state->offline, s->options->id);
}

static void tell(struct shard *s)
{
    struct post_replica_disks *post = NULL;
    for (struct partition *p = s->partitions; p != NULL; p = p->hh.next) {
        enum rpc_disk disk;
        if (!is_news(s, p, &disk)) continue;
        s->disks_due_ms = env_now_ms(s->env) + AGAIN_MS;
        if (post == NULL) {
            post = calloc(1, sizeof *post);
            CHECK(post != NULL);
            post->post.link.kind = POST_REPLICA_DISKS;
        }
        post->replicas[post->count++] = (struct rpc_replica_disk){
            .topic_id = p->key.topic_id, .partition = p->key.partition, .disk = disk};
        if (post->count < POST_DISKS_MAX) continue;
        shard_post(s, BROKER_LINK_ACTOR, &post->post);
        post = NULL;
    }
    if (post != NULL) shard_post(s, BROKER_LINK_ACTOR, &post->post);
}

uint64_t disks_turn(struct shard *s, bool image_changed)
{
    for (uint32_t i = 0; i < s->options->log_dir_count; i++) {
        const struct host_dir *d = &s->host.dirs[i];
        if (!d->is_dead || d->is_told || s->host.halted != 0) continue;
        bury(s, i);
        s->disks_due_ms = 0;
    }
    if (!s->is_current || s->host.is_stopping) return ENV_NEVER;
    if (s->host.fares_changed) s->disks_due_ms = 0;
    s->host.fares_changed = false;
    if (!image_changed && env_now_ms(s->env) < s->disks_due_ms) return s->disks_due_ms;

    s->disks_due_ms = ENV_NEVER;
    tell(s);
    return s->disks_due_ms;
}

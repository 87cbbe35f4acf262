#include "broker/partition/room.h"

/* What the other shards have appended since is not known: as much as this one has. */
static uint64_t room_left(const struct partition_host *host, const struct host_dir *d)
{
    uint64_t appended = (d->appended_bytes - d->known_bytes) * host->options->shard_count;
    return d->space.free_bytes > appended ? d->space.free_bytes - appended : 0;
}

void room_look(struct partition_host *host, uint32_t dir)
{
    struct host_dir *d = &host->dirs[dir];
    uint64_t reserve = host->options->reserve_bytes, twentieth = d->space.total_bytes / 20;
    if (reserve > twentieth) reserve = twentieth;
    uint64_t left = room_left(host, d);
    bool was_short = d->is_short;
    /* It ends when there is some more, so that it does not begin anew at once. */
    d->is_short = left < reserve || (was_short && left < reserve + reserve / 4);
    if (d->is_short == was_short) return;
    if (d->is_short) {
        log_error(host->env,
                  "log.dirs %s: no space left on the device but the reserve of %llu bytes "
                  "(log.reserve.bytes): records are refused until there is",
                  host->options->log_dirs[dir], (unsigned long long)reserve);
    } else {
        log_info(host->env, "log.dirs %s: there is space again, %llu bytes",
                 host->options->log_dirs[dir], (unsigned long long)left);
    }
}

void room_take(struct partition_host *host, uint32_t dir, uint64_t size_bytes)
{
    host->dirs[dir].appended_bytes += size_bytes;
    if (!host->dirs[dir].is_short) room_look(host, dir);
}

/* shard.h -- one shard of a broker: a thread that owns partitions and the connections it accepted.
 *
 * A turn: events in; what came of the metadata is applied; requests are split, worked on, joined;
 * what was appended goes out as one write per partition; fetchers ask their leaders; answers leave.
 */
#ifndef BROKER_SHARD_H
#define BROKER_SHARD_H

#include "broker/options.h"
#include "broker/state.h"
#include "common/env.h"

struct shard;

/* `env` is that of an actor from 1 on (posts.h). Listens when the link has said that the log folder
 * is ours. `options` must outlive it. */
struct shard *shard_open(struct env *env, const struct broker_options *options);

/* env_turn_fn. */
uint64_t shard_turn(void *shard, const struct env_event *events, uint32_t count);

void shard_close(struct shard *shard, bool world_is_gone);

#endif

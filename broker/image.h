/* image.h -- a shard's image of the metadata, and what a change of it means for the partitions
 * here. */
#ifndef BROKER_IMAGE_H
#define BROKER_IMAGE_H

#include "broker/state.h"

/* Applies decisions, in order; those that the image has already are passed over. Opens, assigns and
 * deletes partitions. Halts the node on bytes that cannot be read: it must not guess. */
void image_on_records(struct shard *s, const struct post_records *post);
void image_on_snapshot(struct shard *s, const struct post_snapshot *post);

#endif

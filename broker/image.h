/* image.h -- a shard's image of the metadata, and what a change of it means for the partitions
 * here. */
#ifndef BROKER_IMAGE_H
#define BROKER_IMAGE_H

#include "broker/state.h"

/* Applies decisions, in order; those that the image has already are passed over. Opens, assigns and
 * deletes partitions. Halts the node on bytes that cannot be read: it must not guess. */
void image_on_records(struct shard *s, struct post_records *post);
void image_on_snapshot(struct shard *s, struct post_snapshot *post);

/* A replica has left its folder: is it, or another of its partition, wanted here again? */
void image_on_left(struct shard *s, struct uuid topic_id, int32_t number);

/* A topic that was deleted and created again under its name is another one in the same folder: is
 * one that came before `by` (NULL: any) still leaving it? */
bool image_is_folder_taken(const struct shard *s, const char *topic, int32_t number,
                           const struct partition *by);

#endif

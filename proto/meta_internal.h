/* meta_internal.h -- what the files of meta.h tell each other: meta_image.c (the image),
 * meta_check.c (what is legal), meta_wire.c (bytes) and meta_snapshot.c (the image as bytes).
 * Nobody else includes it.
 */
#ifndef PROTO_META_INTERNAL_H
#define PROTO_META_INTERNAL_H

#include "proto/meta.h"

#define META_CONFIG_TOPIC 2
#define META_CONFIG_BROKER 4

/* ---- meta_image.c; meta_visit() is in meta_snapshot.c ---- */

/* The state of a partition that a record holds. */
struct meta_partition meta_partition_of(const struct meta_record *record, uint64_t index);

/* One record into the image. It must be sound by itself (meta_record_fault) and fit (meta_misfit);
 * whether it is a legal *next* one is the caller's business, because a snapshot has no history. */
void meta_fold(struct meta_image *image, uint64_t index, const struct meta_record *record);

/* Calls `visit` with the records that recreate the image from nothing, in an order that fits, each
 * with the index of the decision that last changed it (0: the image does not know). */
void meta_visit(const struct meta_image *image,
                void (*visit)(void *context, uint64_t index, const struct meta_record *record),
                void *context);

/* ---- meta_check.c: each returns NULL, or a sentence that is good until the thread's next one.
 * ---- */

/* What is wrong with the record itself, whatever the image. */
const char *meta_record_fault(const struct meta_record *record);

/* Why meta_fold() cannot take it: what it speaks of is not there, or is there already. */
const char *meta_misfit(const struct meta_image *image, const struct meta_record *record);

/* Which invariant the image breaks. */
const char *meta_image_fault(const struct meta_image *image);

/* ---- meta_wire.c ---- */

/* One row of a snapshot. */
void meta_item_encode(uint64_t index, const struct meta_record *record, struct writer *out);
MUST_USE int meta_item_decode(struct slice in, struct arena *arena, uint64_t *index,
                              struct meta_record *record);

#endif

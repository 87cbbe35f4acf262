/* retired.h -- a topic that was deleted can come back for a while (file.delete.delay.ms). Pure.
 *
 * The delay runs here, by the controllers' wall clock, and brokers remove nothing before the
 * decision that ends it. So what comes back has its records wherever they were:
 *   - Who was in sync, and is still the same process, has everything: it is in sync again.
 *   - Who was in sync, and has been started again since, may have lost something (a power
 *     cut): it is remembered, and asked how far its log reaches if there is nobody else
 *     (ends.h).
 *   - The leader epoch rises, whoever leads.
 */
#ifndef CONTROLLER_DECIDE_RETIRED_H
#define CONTROLLER_DECIDE_RETIRED_H

#include "controller/decide/decision.h"
#include "proto/msg/retired_topics.h"

/* The records that delete this topic at that time of day: for good, where it has no delay, or where
 * the cluster still has members that know of none. */
void decide_retire(const struct meta_image *image, const struct meta_topic *topic, int64_t wall_ms,
                   struct decision *d);

/* What `jackdaw topics undelete` asks for. 0, or -ERR_LIMIT: the arena is too small. */
MUST_USE int decide_retired_topics(const struct meta_image *image,
                                   const struct retired_topics_request *request, int64_t wall_ms,
                                   struct decision *d, struct retired_topics_response *reply);

/* Ends the deletions whose time has come. */
void decide_drop_due(const struct meta_image *image, int64_t wall_ms, struct decision *d);

/* How long until there is one; -1: there is none. */
int64_t retired_next_ms(const struct meta_image *image, int64_t wall_ms);

#endif

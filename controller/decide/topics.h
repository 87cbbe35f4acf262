/* topics.h -- topics are created, deleted, and get more partitions. */
#ifndef CONTROLLER_DECIDE_TOPICS_H
#define CONTROLLER_DECIDE_TOPICS_H

#include "controller/decide/decision.h"
#include "proto/msg/create_partitions.h"
#include "proto/msg/create_topics.h"
#include "proto/msg/delete_topics.h"

/* Of one request: a batch must stay far below a frame of the cluster's wire. */
#define DECIDE_PARTITIONS_MAX 10000

/* `ids` are the ids of the topics to come, one per topic of the request. What can be created is,
 * what cannot gets its error; with validate_only there are answers and no records. 0, or
 * -ERR_LIMIT: the arena is too small for the reply. */
MUST_USE int decide_create_topics(const struct meta_image *image,
                                  const struct create_topics_request *request,
                                  const struct uuid *ids, struct decision *d,
                                  struct create_topics_response *reply);

/* At that time of day: for how long they can come back is said in retired.h. */
MUST_USE int decide_delete_topics(const struct meta_image *image,
                                  const struct delete_topics_request *request, int64_t wall_ms,
                                  struct decision *d, struct delete_topics_response *reply);

MUST_USE int decide_create_partitions(const struct meta_image *image,
                                      const struct create_partitions_request *request,
                                      struct decision *d, struct create_partitions_response *reply);

#endif

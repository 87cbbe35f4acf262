/* groups_ask.h -- what the parts of `jackdaw groups` ask of a cluster, over librdkafka. */
#ifndef CLI_GROUPS_ASK_H
#define CLI_GROUPS_ASK_H

#include "cli/groups.h"

struct groups_client {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    int timeout_ms;
    uint64_t end_ms; /* Until then it is asked again what a coordinator cannot say yet. */
    const char *bootstrap;
};

/* False: it cannot be set up, which has been said. */
bool groups_open(struct groups_client *c, const struct groups_options *o, const char *bootstrap);
void groups_close(struct groups_client *c);

/* Options for one request; the caller destroys them. */
rd_kafka_AdminOptions_t *groups_admin(struct groups_client *c, rd_kafka_admin_op_t op);

/* The answer, which the caller destroys; NULL: there is none, which has been said. */
rd_kafka_event_t *groups_wait(struct groups_client *c);

/* The same; NULL: *err says why, which has not been said. */
rd_kafka_event_t *groups_try(struct groups_client *c, rd_kafka_resp_err_t *err);

/* Why a request about a group (NULL: about all of them) has failed. Always EXIT_FAILED. */
int groups_say(const struct groups_client *c, const char *group, rd_kafka_resp_err_t err);

/* May it be asked again, after a short wait? So it is while a coordinator is found, or loads. */
bool groups_again(struct groups_client *c, rd_kafka_resp_err_t err);

/* All that the group has committed, sorted; the caller destroys it. NULL: said why. */
rd_kafka_topic_partition_list_t *groups_committed(struct groups_client *c, const char *group);

/* The log's start and end. False: the cluster does not say, which has been said. */
bool groups_ends(struct groups_client *c, const char *topic, int32_t partition, int64_t *start,
                 int64_t *end);

/* When the records at the list's offsets were made: sets each one's opaque to the time in
 * milliseconds since 1970, or leaves it NULL where no record comes in time. */
void groups_times(struct groups_client *c, rd_kafka_topic_partition_list_t *at);

#endif

/* group_requests.h -- what members of groups ask alike, whichever protocol they speak: where their
 * coordinator is, and about committed offsets, in the version that the client speaks. */
#ifndef TESTS_SIM_GROUP_REQUESTS_H
#define TESTS_SIM_GROUP_REQUESTS_H

#include "proto/msg/find_coordinator.h"
#include "proto/msg/offset_commit.h"
#include "proto/msg/offset_fetch.h"
#include "tests/sim/clients.h"

#define GROUP_TOPIC "t0" /* Whose partitions are shared. */

/* Who asks. */
struct group_asker {
    struct client *c;
    uint32_t coordinator; /* Index of a broker. */
    const char *group_id;
    const char *member_id;
    const char *instance; /* "": it does not name itself so. */
    int32_t generation;   /* Or member epoch. */
};

/* NULL: the client does not know of it yet. */
const struct client_topic *group_topic(const struct client *c);

/* Each is true if the request is out. */
bool group_ask_coordinator(struct client *c, const char *group_id);
bool group_ask_commit(const struct group_asker *who, const struct client_topic *topic,
                      uint32_t share, int64_t offset);
bool group_ask_fetch(const struct group_asker *who, const struct client_topic *topic,
                     struct array shares);

/* Kafka's error; without one, the index of the broker. */
int16_t group_take_coordinator(const struct client *c, const struct find_coordinator_response *a,
                               uint32_t *broker);

/* The error of the one partition that was committed. */
int16_t group_take_commit(const struct offset_commit_response *a);

struct group_offset {
    uint32_t share;
    int64_t offset; /* 0: nothing is committed. */
    int16_t error;
};

/* The error of all; without one, what is told of each share: so many. */
int16_t group_take_offsets(const struct client *c, const struct offset_fetch_response *a,
                           struct group_offset out[GROUPS_SHARES_MAX], uint32_t *count);

#endif

/* embedded.h -- what members of the classic protocol say to each other, through the coordinator: to
 * be read, and written, by it where there are members of both protocols. Pure but for memory.
 */
#ifndef BROKER_GROUPS_CONSUMER_EMBEDDED_H
#define BROKER_GROUPS_CONSUMER_EMBEDDED_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/groups/consumer/part_set.h"
#include "broker/groups/consumer/topic_table.h"
#include "common/bytes.h"

struct embedded {
    int16_t version;
    uint32_t topic_count;
    struct slice *topics; /* Their bytes are the metadata's. */
    struct slice rack_id;
    struct part_set owned;
};

/* A ConsumerProtocolSubscription of any version. False: it is none. Close it in any case. */
bool embedded_read(struct slice metadata, const struct topic_table *topics, struct embedded *out);
void embedded_close(struct embedded *s);

/* A ConsumerProtocolAssignment, and back. */
void embedded_write_assignment(const struct part_set *parts, const struct topic_table *topics,
                               int16_t version, struct writer *out);
bool embedded_read_assignment(struct slice bytes, const struct topic_table *topics,
                              struct part_set *out);

#endif

/* group_wire.h -- what librdkafka does not ask a group's coordinator: who that is, and groups of
 * the consumer protocol.
 */
#ifndef CLI_GROUP_WIRE_H
#define CLI_GROUP_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/wire.h"
#include "proto/msg/consumer_group_describe.h"

/* Is it an error that passes, while a coordinator is found or loads? Then it has waited a little;
 * false at end_ms. */
bool group_may_ask_again(int16_t error, uint64_t end_ms);

/* "host:port" of the group's coordinator, malloc'd; NULL: said why not. */
char *group_coordinator(const char *bootstrap, uint32_t timeout_ms, const char *group);

/* Asks for a group of the consumer protocol, with why it last rebalanced. What is pointed to lives
 * until the wire is closed, which is the caller's to do in any case. False: said why not; also if
 * there is no such group. */
bool group_consumer_ask(struct wire *w, const char *coordinator, uint32_t timeout_ms,
                        const char *group, struct consumer_group_describe_group *out);

#endif

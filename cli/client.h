/* client.h -- librdkafka, set up as every verb wants it. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "cli/text.h"

/* A configuration with the brokers' addresses, the verb's own settings (pairs of name and value,
 * ended by NULL) and then the user's "key=value" ones, which win. NULL: one is wrong, which has
 * been said. */
rd_kafka_conf_t *client_conf(const char *bootstrap, const char *const *settings,
                             const struct strings *extra);

/* Takes the configuration over. NULL: it does not fit, which has been said. */
rd_kafka_t *client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf);

/* Metadata of one topic, or of all if `topic` is NULL. NULL: nobody answers, which has been said.
 * The caller destroys it. */
const struct rd_kafka_metadata *client_metadata(rd_kafka_t *rk, const char *topic,
                                                uint32_t timeout_ms);

#endif

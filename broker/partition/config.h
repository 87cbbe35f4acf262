/* config.h -- a partition's settings, out of the metadata image. */
#ifndef BROKER_PARTITION_CONFIG_H
#define BROKER_PARTITION_CONFIG_H

#include "broker/partition/types.h"

/* The topic's settings as they are now: its own, the cluster's, the built-in ones; as far as they
 * say something of single replicas, of this broker's. */
void partition_config_read(const struct meta_image *image, const char *topic, int32_t partition,
                           int32_t broker, struct partition_config *out);

/* What they say of the journal. */
void partition_journal_options(const struct partition_config *c, struct journal_options *out);

#endif

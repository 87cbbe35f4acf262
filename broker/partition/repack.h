/* repack.h -- a batch in another codec: compression.type of a topic that does not keep batches as
 * they come. Pure. */
#ifndef BROKER_PARTITION_REPACK_H
#define BROKER_PARTITION_REPACK_H

#include "common/buf.h"
#include "proto/kafka_batch.h"

/* The batch, which is whole, with the same offsets, timestamps and sequences; the caller's. `level`
 * as in kafka_pack(). NULL: it cannot be unpacked, or unpacks to more than 64 MiB. */
struct buf *batch_repack(struct slice batch, const struct record_batch_header *header,
                         enum batch_codec codec, int32_t level);

#endif

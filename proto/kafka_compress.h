/* kafka_compress.h -- the records of a batch, packed and unpacked, in the forms that clients write.
 *
 *   gzip; snappy in the frames of Java's library, and bare; lz4 frames; zstd.
 *
 * Bytes come from strangers: what is not sound, and what would grow past the writer's bound, is
 * refused and never crashes. Who unpacks chooses the bound.
 */
#ifndef PROTO_KAFKA_COMPRESS_H
#define PROTO_KAFKA_COMPRESS_H

#include "common/bytes.h"
#include "common/err.h"
#include "proto/kafka_batch.h"

/* Appends what `packed` stands for. False: it is not sound, or too large for `out`. */
MUST_USE bool kafka_unpack(enum batch_codec codec, struct slice packed, struct writer *out);

/* Appends `plain`, packed. level: the codec's (gzip -1 to 9, lz4 1 to 17, zstd -131072 to 22), or
 * PACK_LEVEL_OWN. False: too large for `out`. */
#define PACK_LEVEL_OWN INT32_MIN
MUST_USE bool kafka_pack(enum batch_codec codec, int32_t level, struct slice plain,
                         struct writer *out);

#endif

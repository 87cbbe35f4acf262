/* kafka_fill.h -- messages out of thin air: any schema, any version, from a seed. */
#ifndef TESTS_UNIT_KAFKA_FILL_H
#define TESTS_UNIT_KAFKA_FILL_H

#include "common/arena.h"
#include "common/prng.h"
#include "proto/kafka_codec.h"

/* Give every field that the version carries a random value, now and then null, empty or the
 * declared one; the others get their declared value. What it points to lives in `arena`. */
void kafka_fill(const struct schema *schema, struct kafka_version version, struct prng *prng,
                struct arena *arena, void *out);

/* The name of the first field in which the two differ, or NULL. */
const char *kafka_difference(const struct schema *schema, const void *a, const void *b);

#endif

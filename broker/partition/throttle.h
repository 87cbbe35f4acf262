/* throttle.h -- so many bytes per second, for replicas that catch up (KIP-73). Pure.
 *
 *   Used by:  the shard that owns it.
 *   Knows:    bytes and times. Not whose bytes.
 *
 * What is sent is counted when it has been: the balance may fall below zero, and nothing more goes
 * before it is above zero again. A second's worth is saved up at the most. Whoever asks at the same
 * time gets the same answer: of one fetch all partitions go, or none, and none is always the last.
 */
#ifndef BROKER_PARTITION_THROTTLE_H
#define BROKER_PARTITION_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#define THROTTLE_NONE UINT64_MAX

/* Zeroed: nothing goes. */
struct throttle {
    uint64_t rate;   /* Bytes per second; THROTTLE_NONE: as many as there are. */
    int64_t balance; /* In thousandths of a byte: milliseconds are worth a whole number of them. */
    uint64_t at_ms;  /* Of the balance. */
    bool was_open;   /* Then. */
};

/* Another rate from now on. What was owed is still owed. */
void throttle_set(struct throttle *t, uint64_t rate, uint64_t now_ms);

/* May bytes go now? */
bool throttle_is_open(struct throttle *t, uint64_t now_ms);

void throttle_spend(struct throttle *t, uint64_t bytes, uint64_t now_ms);

/* When it is open to whoever asks later; UINT64_MAX: never at this rate. */
uint64_t throttle_opens_ms(struct throttle *t, uint64_t now_ms);

#endif

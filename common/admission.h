/* admission.h -- how many connections there are, in all and from each address.
 *
 * Shared by the actors of a process; whoever calls holds a lock (shard.c). Addresses are IPv6, or
 * IPv4 written as such.
 */
#ifndef COMMON_ADMISSION_H
#define COMMON_ADMISSION_H

#include <stdint.h>

#include "common/err.h"

#define ADMISSION_BUCKETS 1024 /* A power of two. */

struct admission_peer;

struct admission {
    uint32_t max;             /* 0: no bound. */
    uint32_t max_per_address; /* 0: no bound. */
    uint32_t count;
    uint64_t seed; /* Strangers choose addresses; they must not choose the bucket too. */
    struct admission_peer *buckets[ADMISSION_BUCKETS];
};

/* 0 or -ERR_LIMIT. Every 0 is paid back by admission_leave(). */
MUST_USE int admission_enter(struct admission *a, const uint8_t ip[16]);
void admission_leave(struct admission *a, const uint8_t ip[16]);

void admission_close(struct admission *a);

#endif

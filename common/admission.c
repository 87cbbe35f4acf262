#include "common/admission.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

struct admission_peer {
    struct admission_peer *next;
    uint8_t ip[16];
    uint32_t count;
};

/* The link that leads to the address, or to where it would be. */
static struct admission_peer **find(struct admission *a, const uint8_t ip[16])
{
    uint64_t parts[2];
    memcpy(parts, ip, sizeof parts);
    uint64_t hash = (parts[0] ^ a->seed) * 0x9e3779b97f4a7c15ull;
    hash = (hash ^ (hash >> 29) ^ parts[1]) * 0xbf58476d1ce4e5b9ull;
    struct admission_peer **link = &a->buckets[(hash >> 32) & (ADMISSION_BUCKETS - 1)];
    while (*link != NULL && memcmp((*link)->ip, ip, 16) != 0) link = &(*link)->next;
    return link;
}

int admission_enter(struct admission *a, const uint8_t ip[16])
{
    if (a->max > 0 && a->count >= a->max) return -ERR_LIMIT;
    struct admission_peer **link = find(a, ip);
    if (*link != NULL && a->max_per_address > 0 && (*link)->count >= a->max_per_address) {
        return -ERR_LIMIT;
    }

    if (*link == NULL) {
        struct admission_peer *peer = calloc(1, sizeof *peer);
        CHECK(peer != NULL);
        memcpy(peer->ip, ip, sizeof peer->ip);
        *link = peer;
    }
    (*link)->count++;
    a->count++;
    return 0;
}

void admission_leave(struct admission *a, const uint8_t ip[16])
{
    struct admission_peer **link = find(a, ip);
    CHECK(*link != NULL);
    CHECK(a->count > 0);

    a->count--;
    if (--(*link)->count == 0) {
        struct admission_peer *gone = *link;
        *link = gone->next;
        free(gone);
    }
}

void admission_close(struct admission *a)
{
    for (uint32_t i = 0; i < ADMISSION_BUCKETS; i++) {
        while (a->buckets[i] != NULL) {
            struct admission_peer *gone = a->buckets[i];
            a->buckets[i] = gone->next;
            free(gone);
        }
    }
    a->count = 0;
}

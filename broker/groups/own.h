/* own.h -- bytes that a group keeps: copies in slices, freed by whoever holds them. */
#ifndef BROKER_GROUPS_OWN_H
#define BROKER_GROUPS_OWN_H

#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/check.h"

/* A copy; of an absent slice an absent one. */
static inline struct slice own_copy(struct slice from)
{
    if (from.at == NULL) return (struct slice){0};

    uint8_t *at = malloc(from.size + 1);
    CHECK(at != NULL);
    memcpy(at, from.at, from.size);
    return slice_of(at, from.size);
}

/* Frees it and leaves it absent. */
static inline void own_free(struct slice *s)
{
    free((void *)(uintptr_t)s->at);
    *s = (struct slice){0};
}

static inline void own_set(struct slice *to, struct slice from)
{
    struct slice copy = own_copy(from);
    own_free(to);
    *to = copy;
}

#endif

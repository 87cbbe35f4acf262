/* decision.h -- what a decision collects: records, their cause, and room for texts and replies.
 *
 * Everything in this folder is pure: (image, request) -> records + reply. Nothing here changes an
 * image, reads a clock, draws a random number or sends a byte. The image is the tentative one:
 * committed plus what is in flight. One decision becomes one batch, the atomic unit.
 */
#ifndef CONTROLLER_DECIDE_DECISION_H
#define CONTROLLER_DECIDE_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "proto/meta.h"

struct decision {
    struct arena *arena; /* The caller's; replies and texts live here. */
    uint32_t count;
    uint32_t capacity;
    struct meta_record *records; /* Owned; grows. */
    char cause[512];
    uint32_t canary; /* A set of enum decide_canary; 0 outside of the simulator. */
};

/* Rules that a decision can be told to break. */
enum decide_canary {
    DECIDE_CANARY_ISR_ANY_BROKER_EPOCH = 1u << 0,
    DECIDE_CANARY_ELECT_OUTSIDE_ISR = 1u << 1,
    DECIDE_CANARY_NO_LEADER_EPOCH_BUMP = 1u << 2,
    DECIDE_CANARY_ISR_FENCED = 1u << 3,
    DECIDE_CANARY_REGISTER_KEEPS = 1u << 4,
    DECIDE_CANARY_ANY_LAST_HOPE = 1u << 5,
    DECIDE_CANARY_SHORTEST = 1u << 6,
};

/* A zeroed record of that kind at the end. Valid until the next one is added. */
struct meta_record *decision_add(struct decision *d, enum meta_kind kind);

/* Forgets the records from `count` on: part of a request was refused after all. */
void decision_cut(struct decision *d, uint32_t count);

void decision_cause(struct decision *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A text in the arena. Empty (and not absent) if the arena is full: a refusal without its reason is
 * still a refusal. */
struct slice decision_say(struct decision *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A zeroed array in the arena; NULL if it is full. */
void *decision_take(struct decision *d, uint32_t count, size_t item_size);

void decision_close(struct decision *d);

#endif

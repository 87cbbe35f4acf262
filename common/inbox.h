/* inbox.h -- the events that wait for an actor's next turn.
 *
 * Two arrays: one is being filled while the other is being delivered, so that a call which makes an
 * event during a turn does not move the events that the shell is looking at.
 */
#ifndef COMMON_INBOX_H
#define COMMON_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/env.h"

struct inbox_list {
    struct env_event *items;
    uint32_t first; /* The first that has not been taken. */
    uint32_t count; /* The end. */
    uint32_t capacity;
};

struct inbox {
    struct inbox_list filling;
    struct inbox_list delivering;
};

/* A new event at the end, zeroed but for its kind. Valid until the next call. */
struct env_event *inbox_add(struct inbox *in, enum env_event_kind kind);

/* The next at most ENV_EVENTS_MAX events; valid until the next call of this function. */
const struct env_event *inbox_take(struct inbox *in, uint32_t *count);

/* Forgets what has not been taken of a connection that the shell has closed. */
void inbox_forget(struct inbox *in, uint64_t conn);

bool inbox_is_empty(const struct inbox *in);

/* A turn's worth is there: whoever can wait should not add to it. */
bool inbox_is_full(const struct inbox *in);

void inbox_close(struct inbox *in);

#endif

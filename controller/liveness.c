#include "controller/liveness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

/* Whoever did not look for so long was away itself (stopped, or starved) and cannot blame others.
 */
#define AWAY_MS 250

/* A listener that accepts and breaks, again and again, is dialled ever more slowly. */
#define PROBES_AT_ONCE 3
#define PROBE_PAUSE_MIN_MS 5
#define PROBE_PAUSE_MAX_MS 100

static struct liveness_broker *place(struct liveness *l, int32_t id, uint64_t now_ms)
{
    uint32_t at = 0;
    while (at < l->count && l->brokers[at].id < id) at++;
    if (at < l->count && l->brokers[at].id == id) return &l->brokers[at];

    if (l->count == l->capacity) {
        l->capacity = l->capacity == 0 ? 8 : l->capacity * 2;
        l->brokers = realloc(l->brokers, l->capacity * sizeof *l->brokers);
        CHECK(l->brokers != NULL);
    }
    memmove(&l->brokers[at + 1], &l->brokers[at], (l->count - at) * sizeof *l->brokers);
    l->count++;
    l->brokers[at] = (struct liveness_broker){.id = id, .heard_ms = now_ms};
    return &l->brokers[at];
}

struct liveness_broker *liveness_find(const struct liveness *l, int32_t id)
{
    for (uint32_t i = 0; i < l->count; i++) {
        if (l->brokers[i].id == id) return &l->brokers[i];
    }
    return NULL;
}

void liveness_begin(struct liveness *l, uint64_t session_timeout_ms, uint64_t hang_ms,
                    const struct meta_image *image, uint64_t now_ms)
{
    CHECK(l->count == 0);
    l->session_timeout_ms = session_timeout_ms;
    l->hang_ms = hang_ms;
    l->looked_ms = now_ms;
    for (const struct meta_broker *b = image->brokers; b != NULL; b = b->hh.next) {
        struct liveness_broker *broker = place(l, b->id, now_ms);
        broker->ready_index = image->index;
        if (!b->fenced) broker->probe = PROBE_DUE;
        broker->probe_at_ms = now_ms;
    }
}

void liveness_close(struct liveness *l)
{
    free(l->brokers);
    *l = (struct liveness){0};
}

void liveness_on_registered(struct liveness *l, int32_t id, uint64_t index, uint64_t now_ms)
{
    struct liveness_broker *b = place(l, id, now_ms);
    b->heard_ms = now_ms;
    b->quiet_ms = 0;
    b->wants_stop = false;
    b->applied_index = 0;
    liveness_on_fenced(l, id, index);
}

void liveness_on_fenced(struct liveness *l, int32_t id, uint64_t index)
{
    struct liveness_broker *b = liveness_find(l, id);
    CHECK(b != NULL);
    b->is_fresh = false;
    b->ready_index = index;
}

void liveness_on_session(struct liveness *l, int32_t id, uint64_t now_ms)
{
    struct liveness_broker *b = place(l, id, now_ms);
    b->has_session = true;
    b->is_refused = false;
    b->probe = PROBE_NONE;
    b->probe_count = 0;
}

void liveness_on_session_end(struct liveness *l, int32_t id, uint64_t now_ms)
{
    struct liveness_broker *b = liveness_find(l, id);
    if (b == NULL || !b->has_session) return;
    b->has_session = false;
    b->probe = PROBE_DUE;
    b->probe_at_ms = now_ms;
}

void liveness_on_heartbeat(struct liveness *l, int32_t id, uint64_t applied_index,
                           uint64_t quiet_ms, bool wants_stop, uint64_t now_ms)
{
    struct liveness_broker *b = place(l, id, now_ms);
    b->heard_ms = now_ms;
    b->quiet_ms = quiet_ms;
    b->wants_stop = wants_stop;
    b->is_fresh = true;
    if (applied_index > b->applied_index) b->applied_index = applied_index;
}

void liveness_on_applied(struct liveness *l, int32_t id, uint64_t index)
{
    struct liveness_broker *b = liveness_find(l, id);
    if (b != NULL && index > b->applied_index) b->applied_index = index;
}

static uint64_t probe_pause_ms(uint32_t count)
{
    if (count < PROBES_AT_ONCE) return 0;
    uint32_t doublings = count - PROBES_AT_ONCE;
    if (doublings > 5) return PROBE_PAUSE_MAX_MS;
    uint64_t pause = (uint64_t)PROBE_PAUSE_MIN_MS << doublings;
    return pause < PROBE_PAUSE_MAX_MS ? pause : PROBE_PAUSE_MAX_MS;
}

void liveness_on_dial(struct liveness *l, int32_t id, enum liveness_dial outcome, uint64_t now_ms)
{
    struct liveness_broker *b = liveness_find(l, id);
    if (b == NULL || b->has_session) return;

    switch (outcome) {
    case DIAL_CONNECTED: b->probe = PROBE_HELD; return;
    case DIAL_REFUSED:
        b->probe = PROBE_NONE;
        b->is_refused = true;
        return;
    case DIAL_SILENT: b->probe = PROBE_NONE; return;
    case DIAL_BROKE:
        b->probe = PROBE_DUE;
        b->probe_at_ms = now_ms + probe_pause_ms(b->probe_count);
        return;
    }
}

/* ---- Looking. ---- */

static bool looks_hung(const struct liveness *l, const struct liveness_broker *b)
{
    return b->has_session && b->quiet_ms >= l->hang_ms;
}

/* May what hangs be fenced, or do too many hang at once? One may always. */
static bool may_fence_hung(const struct liveness *l, const struct meta_image *image)
{
    uint32_t serving = 0;
    uint32_t hung = 0;
    for (uint32_t i = 0; i < l->count; i++) {
        const struct meta_broker *b = meta_broker_find(image, l->brokers[i].id);
        if (b == NULL) continue;
        bool is_hung = looks_hung(l, &l->brokers[i]);
        if (!b->fenced || is_hung) serving++;
        if (is_hung) hung++;
    }
    if (serving < 2) return false;
    return hung == 1 || hung * 3 <= serving;
}

static bool look_at_serving(const struct liveness *l, struct liveness_broker *b,
                            const struct meta_image *image, uint64_t now_ms,
                            struct liveness_verdict *out)
{
    uint64_t silence_ms = now_ms > b->heard_ms ? now_ms - b->heard_ms : 0;
    out->action = LIVENESS_FENCE;
    if (b->is_refused && !b->has_session) {
        (void)snprintf(out->why, sizeof out->why, "its session ended and its listener refuses");
        return true;
    }
    if (silence_ms >= l->session_timeout_ms) {
        (void)snprintf(out->why, sizeof out->why, "no heartbeat for %llu ms",
                       (unsigned long long)silence_ms);
        return true;
    }
    if (looks_hung(l, b) && may_fence_hung(l, image)) {
        (void)snprintf(out->why, sizeof out->why,
                       "it hangs: a shard or its disk has stood still for %llu ms",
                       (unsigned long long)b->quiet_ms);
        return true;
    }
    if (b->probe == PROBE_DUE && now_ms >= b->probe_at_ms) {
        b->probe = PROBE_DIALLING;
        b->probe_count++;
        out->action = LIVENESS_DIAL;
        return true;
    }
    return false;
}

static bool look_at_fenced(const struct liveness *l, const struct liveness_broker *b,
                           uint64_t now_ms, struct liveness_verdict *out)
{
    if (!b->has_session || !b->is_fresh || b->wants_stop) return false;
    if (now_ms >= b->heard_ms + l->session_timeout_ms) return false;
    if (b->applied_index < b->ready_index || looks_hung(l, b)) return false;

    out->action = LIVENESS_UNFENCE;
    (void)snprintf(out->why, sizeof out->why, "it is alive and has applied the metadata up to %llu",
                   (unsigned long long)b->applied_index);
    return true;
}

bool liveness_look(struct liveness *l, const struct meta_image *image, uint64_t now_ms,
                   uint32_t *from, struct liveness_verdict *out)
{
    if (now_ms > l->looked_ms + AWAY_MS) {
        for (uint32_t i = 0; i < l->count; i++) {
            if (l->brokers[i].heard_ms <= l->looked_ms)
                l->brokers[i].heard_ms += now_ms - l->looked_ms;
        }
    }
    l->looked_ms = now_ms;

    while (*from < l->count) {
        struct liveness_broker *b = &l->brokers[(*from)++];
        const struct meta_broker *broker = meta_broker_find(image, b->id);
        if (broker == NULL) continue;

        *out = (struct liveness_verdict){.id = b->id};
        bool is_something = broker->fenced ? look_at_fenced(l, b, now_ms, out)
                                           : look_at_serving(l, b, image, now_ms, out);
        if (is_something) return true;
    }
    return false;
}

uint64_t liveness_deadline_ms(const struct liveness *l, const struct meta_image *image)
{
    /* Never so late that it would look as if we had been away. */
    uint64_t deadline = l->looked_ms + AWAY_MS / 2;
    for (uint32_t i = 0; i < l->count; i++) {
        const struct liveness_broker *b = &l->brokers[i];
        const struct meta_broker *broker = meta_broker_find(image, b->id);
        if (broker == NULL || broker->fenced) continue;
        uint64_t silent = b->heard_ms + l->session_timeout_ms;
        if (silent < deadline) deadline = silent;
        if (b->probe == PROBE_DUE && b->probe_at_ms < deadline) deadline = b->probe_at_ms;
    }
    return deadline;
}

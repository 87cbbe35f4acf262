/* liveness.h -- which brokers are alive, as the leading controller sees it. Pure.
 *
 *   Used by:  the leader only; begun anew with each leadership.
 *   Knows:    sessions, heartbeats, dials. Not what fencing does (decide/brokers.h).
 *
 * Rules (DESIGN 7). A session that ends is a question, and a dial of the broker's listener answers
 * it: refused means dead; accepted means wait and see, on that connection, which is dialled again
 * at once when it breaks (a dying process closes its descriptors one by one); silence means
 * heartbeats decide. A broker without a heartbeat for the session timeout is fenced. A broker whose
 * shard or disk stands still is fenced as hung, but not when more than a third of the brokers look
 * so at once: then it is something that they share.
 *
 *   probe:  NONE --session ends--> DUE --dialled--> DIALLING --connected--> HELD
 *            ^                      ^                  |                     |
 *            +--- refused, silent --|------------------+                     |
 *            +--- session is back   +--------- the connection breaks --------+
 */
#ifndef CONTROLLER_LIVENESS_H
#define CONTROLLER_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/meta.h"

#define LIVENESS_WHY_SIZE 160

enum liveness_probe { PROBE_NONE, PROBE_DUE, PROBE_DIALLING, PROBE_HELD };

struct liveness_broker {
    int32_t id;
    bool has_session;
    bool is_refused; /* Its listener refused a dial, and no session came since. */
    bool is_fresh;   /* A heartbeat arrived since it was last fenced or registered. */
    bool wants_stop;
    enum liveness_probe probe;
    uint32_t probe_count; /* In a row, without a session in between. */
    uint64_t probe_at_ms;
    uint64_t heard_ms; /* When its clock was last set: a heartbeat, or our leadership began. */
    uint64_t quiet_ms; /* The longest standstill that its last heartbeat told of. */
    uint64_t applied_index;
    uint64_t ready_index; /* Fenced: may serve when it has applied this. */
};

struct liveness {
    uint64_t session_timeout_ms;
    uint64_t hang_ms;
    uint64_t looked_ms;
    uint32_t count;
    uint32_t capacity;
    struct liveness_broker *brokers; /* By id. */
};

enum liveness_dial { DIAL_CONNECTED, DIAL_REFUSED, DIAL_SILENT, DIAL_BROKE };

enum liveness_action { LIVENESS_DIAL, LIVENESS_FENCE, LIVENESS_UNFENCE };

struct liveness_verdict {
    enum liveness_action action;
    int32_t id;
    char why[LIVENESS_WHY_SIZE];
};

/* Every registered broker's clock starts now, and those that are thought to serve are dialled. */
void liveness_begin(struct liveness *l, uint64_t session_timeout_ms, uint64_t hang_ms,
                    const struct meta_image *image, uint64_t now_ms);
void liveness_close(struct liveness *l);

/* NULL: never heard of. */
struct liveness_broker *liveness_find(const struct liveness *l, int32_t id);

/* A new incarnation is registered at `index`, or it was fenced at it: it is to catch up to there.
 */
void liveness_on_registered(struct liveness *l, int32_t id, uint64_t index, uint64_t now_ms);
void liveness_on_fenced(struct liveness *l, int32_t id, uint64_t index);

void liveness_on_session(struct liveness *l, int32_t id, uint64_t now_ms);
void liveness_on_session_end(struct liveness *l, int32_t id, uint64_t now_ms);
void liveness_on_heartbeat(struct liveness *l, int32_t id, uint64_t applied_index,
                           uint64_t quiet_ms, bool wants_stop, uint64_t now_ms);
void liveness_on_applied(struct liveness *l, int32_t id, uint64_t index);
void liveness_on_dial(struct liveness *l, int32_t id, enum liveness_dial outcome, uint64_t now_ms);

/* The next thing to do, if there is any. A dial counts as done when it has been returned; the
 * others do when the image says so. `from` is where to go on: 0 at first. */
bool liveness_look(struct liveness *l, const struct meta_image *image, uint64_t now_ms,
                   uint32_t *from, struct liveness_verdict *out);

/* When to look again even if nothing happens. */
uint64_t liveness_deadline_ms(const struct liveness *l, const struct meta_image *image);

#endif

/* inside.h -- what the files of a group of the consumer protocol do for each other. Nobody else
 * includes it; consumer.h says what the whole is.
 */
#ifndef BROKER_GROUPS_CONSUMER_INSIDE_H
#define BROKER_GROUPS_CONSUMER_INSIDE_H

#include "broker/groups/consumer/consumer.h"
#include "broker/groups/consumer/embedded.h"
#include "broker/groups/own.h"

/* For "%.*s": the size as an int, and the bytes. */
#define WHO(s) (int)((s).size > 100 ? 100 : (s).size), (const char *)(s).at

/* ---- members.c: the table, and who holds what. ---- */

struct consumer_member *consumer_member_add(struct consumer_group *c, struct slice id);
void consumer_member_remove(struct consumer_group *c, struct consumer_member *m);
void consumer_member_rename(struct consumer_group *c, struct consumer_member *m, struct slice id);
void consumer_members_free(struct consumer_group *c); /* Leaves no trace of them to be stored. */

void consumer_mark(struct consumer_group *c, struct consumer_member *m, uint32_t marks);
void consumer_mark_group(struct consumer_group *c, uint32_t marks);
void consumer_mark_gone(struct consumer_group *c, struct slice id, bool is_pattern);
void consumer_forget_gone(struct consumer_group *c, struct slice id, bool is_pattern);

/* Takes the sets over. What they do not name any more is released. */
void consumer_hold(struct consumer_group *c, struct consumer_member *m, struct part_set *assigned,
                   struct part_set *revoking);
struct consumer_member *consumer_holder_of(const struct consumer_group *c, struct part p);
void consumer_hold_all(struct consumer_group *c); /* After a load; the first one counts. */

/* False: they are what they were. */
bool consumer_set_topics(struct consumer_member *m, const struct slice *topics, uint32_t count);
bool consumer_set_text(struct slice *to, struct slice from);
void consumer_set_protocols(struct consumer_group *c, struct consumer_member *m,
                            const struct group_protocol *protocols, uint32_t count);
void consumer_set_classic(struct consumer_group *c, struct consumer_member *m, bool is_classic);

/* ---- patterns.c ---- */

/* The member subscribes by this expression from now on; it has been found to be one. */
void consumer_set_pattern(struct consumer_group *c, struct consumer_member *m, struct slice text,
                          const struct consumer_event *e);
struct consumer_pattern *consumer_pattern_find(const struct consumer_group *c, struct slice text);
struct consumer_pattern *consumer_pattern_add(struct consumer_group *c, struct slice text);
void consumer_pattern_set(struct consumer_pattern *p, const struct slice *topics, uint32_t count);
void consumer_pattern_drop(struct consumer_group *c, struct slice text); /* One user less. */
void consumer_patterns_free(struct consumer_group *c);
void consumer_patterns_refresh(struct consumer_group *c, const struct consumer_event *e);

/* ---- target.c ---- */

/* Of the topics that are subscribed to, those that there are. */
uint64_t consumer_metadata_hash(const struct consumer_group *c, const struct topic_table *topics);
void consumer_compute_target(struct consumer_group *c, const struct consumer_event *e);

/* ---- reconcile.c ---- */

/* owned == NULL: the member has not said what it has. True: what it is assigned has changed. */
bool consumer_reconcile(struct consumer_group *c, struct consumer_member *m,
                        const struct consumer_event *e, const struct part_set *owned);

/* ---- changes.c: what requests of both protocols come to. ---- */

void consumer_say(struct consumer_effects *fx, int16_t error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void consumer_note(struct consumer_group *c, const struct consumer_event *e, const char *format,
                   ...) __attribute__((format(printf, 3, 4)));

/* The group epoch rises; why has been noted. */
void consumer_bump(struct consumer_group *c, const struct consumer_event *e,
                   struct consumer_effects *fx);

/* Subscriptions (has_changed), or topics, may have changed: epoch and target follow. */
void consumer_follow(struct consumer_group *c, const struct consumer_event *e,
                     struct consumer_effects *fx, bool has_changed);

void consumer_touch(struct consumer_member *m, const struct consumer_event *e);

/* The member is out; why has been noted. The group may be one of the classic protocol then. */
void consumer_fence(struct consumer_group *c, const struct consumer_event *e,
                    struct consumer_effects *fx, struct consumer_member *m);
void consumer_follow_loss(struct consumer_group *c, const struct consumer_event *e,
                          struct consumer_effects *fx);

/* ---- convert.c ---- */

/* All members but one, who is about to go, speak the classic protocol, and that is allowed.
 * `except` == NULL: all do. */
bool consumer_may_downgrade(const struct consumer_group *c, const struct consumer_event *e,
                            const struct consumer_member *except);
void consumer_downgrade(struct consumer_group *c, const struct consumer_event *e,
                        struct consumer_effects *fx);

/* ---- heartbeat.c, classic.c: a request each. ---- */

void consumer_on_heartbeat(struct consumer_group *c, const struct consumer_event *e,
                           struct consumer_effects *fx);
void consumer_on_join(struct consumer_group *c, const struct consumer_event *e,
                      struct consumer_effects *fx);
void consumer_on_sync(struct consumer_group *c, const struct consumer_event *e,
                      struct consumer_effects *fx);
void consumer_on_classic_heartbeat(struct consumer_group *c, const struct consumer_event *e,
                                   struct consumer_effects *fx);
void consumer_on_leave(struct consumer_group *c, const struct consumer_event *e,
                       struct consumer_effects *fx);

#endif

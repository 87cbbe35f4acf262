/* clients.h -- the kinds of clients that a run has. Each is made running, and freed by
 * client_close() after its process has ended. */
#ifndef TESTS_SIM_CLIENTS_H
#define TESTS_SIM_CLIENTS_H

#include <stdio.h>

#include "tests/sim/client.h"
#include "tests/sim/groups_note.h"

/* Writes records with the acks and retries that it draws. */
struct client *producer_open(struct cluster *cluster, struct history *history, uint32_t number);
bool producer_is_idle(const struct client *c); /* Everything it made is answered or given up. */
void producer_print(const struct client *c, FILE *to);

/* Reads every partition from its beginning, by assignment. */
struct client *consumer_open(struct cluster *cluster, struct history *history, uint32_t number);
int64_t consumer_position(const struct client *c, uint32_t part); /* -1: not begun. */
void consumer_print(const struct client *c, FILE *to);

/* Is a member of a group (groups_note.h). */
struct client *member_open(struct cluster *cluster, struct history *history,
                           struct groups_note *note, uint32_t number);
uint32_t member_group(const struct client *c);
bool member_is_retired(const struct client *c); /* It has gone without a word, for good. */
/* It has its shares, and has committed for one of them if it has any. */
bool member_is_stable(const struct client *c, int32_t *generation, uint32_t *share_count);
void member_print(const struct client *c, FILE *to);

/* The same by the consumer protocol (groups_consumer.c); the four above ask these. */
struct client *beat_member_open(struct cluster *cluster, struct history *history,
                                struct groups_note *note, uint32_t number);
bool beat_member_is(const struct client *c);
uint32_t beat_member_group(const struct client *c);
bool beat_member_is_retired(const struct client *c);
bool beat_member_is_stable(const struct client *c, int32_t *epoch, uint32_t *share_count);
void beat_member_print(const struct client *c, FILE *to);

/* clang-format off */
#define ADMIN_DEEDS(X) \
    X(create) X(delete) X(grow) X(config) X(delete_records) X(elect) X(move) X(undelete) \
    X(voters) X(drain)
/* clang-format on */

enum admin_deed {
#define X(name) DEED_##name,
    ADMIN_DEEDS(X)
#undef X
        DEED_COUNT
};

/* Makes the topics of the run, and then whatever admins do. */
struct client *admin_open(struct cluster *cluster, struct history *history);
bool admin_is_ready(const struct client *c);         /* The run's topics exist. */
const uint64_t *admin_deeds(const struct client *c); /* How often it asked for each. */
void admin_print(const struct client *c, FILE *to);

#endif

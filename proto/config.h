/* config.h -- a node's properties: Kafka's keys, in Kafka's format, from file, environment and
 * command line, each of them honoured, accepted without effect, or refused with the reason.
 *
 *   Used by:  the main programs, before anything runs. Everything is text until it is asked for.
 *   Knows:    the keys (server_keys.h), not what they are for (node_config.h does).
 *
 * Later sources win: defaults < file < environment (KAFKA_NODE_ID, JACKDAW_NODE_ID: "_" is ".",
 * "__" is "_", "___" is "-") < --set key=value.
 */
#ifndef PROTO_CONFIG_H
#define PROTO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/bytes.h"
#include "common/err.h"
#include "proto/server_keys.h"

#define SERVER_CONFIG_MAX 512
#define CONFIG_ERROR_MAX 512

struct server_value {
    const struct server_key *key;
    char *text;
};

/* Zeroed is empty. */
struct server_config {
    uint32_t count;
    struct server_value values[SERVER_CONFIG_MAX];
    char error[CONFIG_ERROR_MAX]; /* The first thing that was wrong: one line. */
};

/* One "key=value". 0, or -ERR_INVALID with c->error. */
MUST_USE int config_set(struct server_config *c, const char *key, const char *value);

/* A properties file; -ERR_INVALID, -ERR_ABSENT, -ERR_DENIED with c->error, which names the line. */
MUST_USE int config_load_file(struct server_config *c, const char *path);

/* The environment's variables that begin with KAFKA_ or JACKDAW_ and name a key; JACKDAW_ wins.
 * Those that name none pass: whoever runs containers puts other things there too
 * (KAFKA_HEAP_OPTS). They are told to `notes`, if it is not NULL, a line each. */
MUST_USE int config_load_environment(struct server_config *c, char *const *environment,
                                     FILE *notes);

/* A daemon's command line: [--config FILE] [--set KEY=VALUE]... [--shards N], and the environment
 * between the two, as said above. -ERR_INVALID with c->error. */
MUST_USE int config_load_command_line(struct server_config *c, int argc, char **argv,
                                      char *const *environment, FILE *notes);

/* Says what is wrong in c->error. Always -ERR_INVALID. */
int config_refuse(struct server_config *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What two or three keys must be to one another. 0, or -ERR_INVALID with c->error. */
MUST_USE int config_need_above(struct server_config *c, const char *high, const char *low);
MUST_USE int config_need_within(struct server_config *c, const char *key, const char *min,
                                const char *max);

/* The value, or the key's default, or NULL. The key must exist (CHECKed). */
const char *config_text(const struct server_config *c, const char *key);
bool config_is_set(const struct server_config *c, const char *key); /* And is not empty. */
int64_t config_number_of(const struct server_config *c, const char *key);
uint32_t config_u32_of(const struct server_config *c, const char *key); /* Bounds: 0, INT32_MAX. */
bool config_flag(const struct server_config *c, const char *key);

/* The next word of a list with commas, without the blanks around it; empty ones are passed over.
 * False: there is none. */
bool config_next_word(const char **rest, struct slice *word);

/* "NAME://host:port" and "id@host:port" and "http://host:port", one after the other: `*rest` is
 * moved past each. `name` is what stands before the separator; without a separator ("") it is not
 * looked at. An IPv6 address stands in brackets, and comes without them; the host may be empty.
 * 1: one was read; 0: no more; -ERR_INVALID: *rest is where it stands. */
int config_next_address(const char **rest, const char *separator, char *name, size_t name_size,
                        char *host, size_t host_size, uint16_t *port);

/* The reference page of all keys, as Markdown. */
void config_print_page(FILE *out);

void config_close(struct server_config *c);

#endif

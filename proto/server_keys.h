/* server_keys.h -- every key that a properties file may hold, and what becomes of it.
 *
 *   Used by:  config.c (reading), config_page.c (the reference page), DescribeConfigs.
 *   Rows:     server_keys_table.h. All of Kafka 4's keys are there, so that an unknown key can only
 *             be a slip of the pen.
 */
#ifndef PROTO_SERVER_KEYS_H
#define PROTO_SERVER_KEYS_H

#include <stdbool.h>
#include <stdint.h>

enum config_verdict {
    CONFIG_HONOURED,
    CONFIG_SEED,      /* Becomes a default of the cluster at its birth (DESIGN 11). */
    CONFIG_NO_EFFECT, /* Accepted; said once at start. */
    CONFIG_REFUSED,   /* With the reason and the way out; `otherwise` alone is let through. */
};

enum config_kind { CONFIG_TEXT, CONFIG_NUMBER, CONFIG_FLAG, CONFIG_RATIO };

enum config_who { CONFIG_BOTH, CONFIG_BROKER, CONFIG_CONTROLLER };

struct server_key {
    const char *name; /* With a "*" at the end: every key that begins so. */
    enum config_kind kind;
    enum config_verdict verdict;
    enum config_who who;   /* Which program obeys it. */
    const char *otherwise; /* The default; NULL: none. */
    int64_t min;           /* Of numbers. */
    int64_t max;
    const char *text; /* What it is; why it has no effect; or the reason of a refusal. */
};

/* In the order of the table; NULL: no more. Of seeds only the name is known here: the rest is what
 * cluster_config_find() says. */
const struct server_key *config_key_at(uint32_t index);
const struct server_key *config_key_find(const char *name); /* NULL: no such key. */

/* The key whose name is the fewest letters away from `name`. */
const struct server_key *config_key_nearest(const char *name);

#endif

/* node_config.h -- what brokers and controllers both ask of their properties: who they are, where
 * they listen, who the controllers are, where files go; and how both programs begin.
 *
 *   Used by:  broker/configure.c, controller/configure.c and the main programs.
 *
 * A function that returns an int answers 0, or -ERR_INVALID with one line in c->error that names
 * the key and the way out.
 */
#ifndef PROTO_NODE_CONFIG_H
#define PROTO_NODE_CONFIG_H

#include "common/env.h"
#include "proto/config.h"

#define NODE_NAME_SIZE 64 /* META_TEXT_MAX and the zero. */
#define NODE_LISTENERS_MAX 16
#define NODE_SEEDS_MAX 32
#define NODE_SEED_SIZE 160

/* One of controller.quorum.voters. */
struct node_voter {
    uint32_t id; /* 0: not known; it came from controller.quorum.bootstrap.servers. */
    char host[ENV_HOST_MAX];
    uint16_t port;
};

struct node_listener {
    char name[NODE_NAME_SIZE];
    char host[ENV_HOST_MAX]; /* "": every address of this machine. */
    uint16_t port;
    bool is_controllers; /* controller.listener.names has it. */
};

/* The word of process.roles for this program ("broker"). *is_combined: the other one is there, too:
 * the file serves two programs. */
MUST_USE int node_role(struct server_config *c, const char *role, bool *is_combined);

MUST_USE int node_id(struct server_config *c, int64_t min, int32_t *out);

/* Names and places stand once, and all of them speak PLAINTEXT. */
MUST_USE int node_listeners(struct server_config *c, struct node_listener out[NODE_LISTENERS_MAX],
                            uint32_t *count);

/* controller.quorum.voters, or else controller.quorum.bootstrap.servers. At least one. */
MUST_USE int node_voters(struct server_config *c, struct node_voter *out, uint32_t max,
                         uint32_t *count);

/* Does controller.listener.names have it? */
bool node_is_of_controllers(const struct server_config *c, const char *listener);

/* http.listeners; port 0: none. */
MUST_USE int node_http(struct server_config *c, char host[ENV_HOST_MAX], uint16_t *port);

/* "log.dirs", or "log.dir" where that is not said: an empty one is said, and names no folder. */
const char *node_folders_key(const struct server_config *c);

/* The seeds of the cluster's defaults, "key=value". */
MUST_USE int node_seeds(struct server_config *c, char out[NODE_SEEDS_MAX][NODE_SEED_SIZE],
                        uint32_t *count);

/* ring.bytes, and how often what is in memory goes to the file. */
MUST_USE int node_ring(struct server_config *c, uint64_t *bytes, uint32_t *flush_ms);

bool node_host_is_loopback(const char *host);
bool node_host_is_any(const char *host); /* "", 0.0.0.0 or ::. */

/* ---- Programs. ---- */

struct node_program {
    const char *name; /* "jackdaw-broker" */
    const char *usage;
};

/* Reads the command line, the file and the environment. False: the program ends with *status, for
 * it was asked for help, or what it read is wrong, and that is said. */
bool node_begin(const struct node_program *program, int argc, char **argv, char *const *environment,
                struct server_config *c, int *status);

/* Says what is in c->error, and returns the exit status. */
int node_refused(const struct node_program *program, const struct server_config *c);

/* Keys without effect. */
void node_say_no_effect(const struct node_program *program, const struct server_config *c);

/* That strangers may reach `what` at `host`, unless it is a loopback. */
void node_warn_open(const struct node_program *program, const char *what, const char *host,
                    const char *danger);

#endif

/* local_shape.h -- what a local cluster is made of: its folder, its nodes, their ports and files.
 *
 *     DIR/cluster.properties       what `up` was asked for: the mark of a folder that is ours
 *     DIR/NAME/server.properties   of one node
 *     DIR/NAME/log                 its standard output and error
 *     DIR/NAME/pid                 who runs it (local_process.h)
 *     DIR/NAME/data/               what the node stores
 *
 * Broker i listens at port + i - first id, controller i at port + 100 + i; brokers talk to each
 * other at port + 200 + i; health, status and metrics are at port + 300 + i and port + 400 + i.
 */
#ifndef CLI_LOCAL_SHAPE_H
#define CLI_LOCAL_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/text.h"
#include "common/err.h"

#define LOCAL_DIR_DEFAULT "jackdaw-data"
#define LOCAL_NODES_MAX 90 /* Of a kind: ports of the kinds are 100 apart. */
#define LOCAL_PATH_SIZE 2048
#define LOCAL_ADDRESS_SIZE 288

struct shape {
    int64_t brokers;
    int64_t controllers;
    int64_t port;
    int64_t first_id;
    bool made_dir; /* `up` made the folder itself, so that --wipe may remove it. */
    struct strings sets;
};

struct node {
    char name[32];
    bool is_broker;
    int id;
    char home[LOCAL_PATH_SIZE];
    char address[LOCAL_ADDRESS_SIZE];      /* For clients (a controller: for its peers). */
    char http_address[LOCAL_ADDRESS_SIZE]; /* "host:port"; empty if it has none. */
};

struct cluster {
    char dir[LOCAL_PATH_SIZE]; /* Absolute. */
    struct shape shape;
    struct node *nodes; /* Brokers first. */
    size_t node_count;
};

/* Reads the cluster that stands in `dir`. -ERR_ABSENT: there is none (no folder, an empty one, or
 * one that is not ours); -ERR_CORRUPT: its cluster.properties cannot be understood. */
MUST_USE int cluster_open(struct cluster *c, const char *dir);

/* Gives `dir` this shape. Existing files of nodes are left as they are. */
MUST_USE int cluster_create(struct cluster *c, const char *dir, const struct shape *shape);

/* Makes folders and files of nodes that are missing, because making them was interrupted. */
MUST_USE int cluster_repair(struct cluster *c);

/* Gives a key of a node's own server.properties another value. */
MUST_USE int node_set(const struct node *n, const char *key, const char *value);

void cluster_close(struct cluster *c);

/* NULL if there is none of this name. */
const struct node *cluster_find(const struct cluster *c, const char *name);

/* As cluster_open() and cluster_find(), but says what is missing, and returns an exit status. */
MUST_USE int cluster_need(struct cluster *c, const char *dir);
MUST_USE int cluster_need_node(const struct cluster *c, const char *name, const struct node **out);

/* "127.0.0.1:9092,127.0.0.1:9093": every broker's address, running or not. Caller frees. */
char *cluster_bootstrap(const struct cluster *c);

/* The nodes that a shape would have, for looking before anything is made. */
void cluster_plan(struct cluster *c, const char *dir, const struct shape *shape);

/* Every TCP port that the node listens on: writes up to 3, returns how many. */
size_t node_ports(const struct cluster *c, const struct node *n, uint16_t out[3]);

/* `path` must fit: names of folders come from the user, so a long one ends the program in words. */
void path_of(char out[LOCAL_PATH_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif

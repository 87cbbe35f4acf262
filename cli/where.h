/* where.h -- where the cluster is that a verb is about, when the person has said so, and when not.
 */
#ifndef CLI_WHERE_H
#define CLI_WHERE_H

#include "cli/args.h"

struct where {
    const char *bootstrap; /* --bootstrap-server */
    const char *dir;       /* --dir */
};

#define ROW_BOOTSTRAP(w)                                                \
    OPT_TEXT("bootstrap-server", 'b', &(w)->bootstrap, "HOST:PORT,...", \
             "where brokers are (else --dir, $JACKDAW_BOOTSTRAP, 127.0.0.1:9092)")
#define ROW_WHERE_DIR(w)                 \
    OPT_TEXT("dir", 0, &(w)->dir, "DIR", \
             "a local cluster's folder (default: jackdaw-data, if it is there)")

/* The brokers' addresses: from --bootstrap-server, else from the local cluster in --dir or
 * ./jackdaw-data, else from JACKDAW_BOOTSTRAP, else 127.0.0.1:9092. Caller frees. NULL: --dir holds
 * no cluster, which has been said. */
char *where_bootstrap(const struct where *w);

/* One node to ask over HTTP. */
struct http_node {
    char name[32]; /* Of a local node; else its address. */
    char address[288];
};

/* Those in `list` ("host:port,..."), or if it is NULL those of the local cluster. Caller frees;
 * NULL: there are none, which has been said. */
struct http_node *where_http(const char *list, const char *dir, size_t *count);

#endif

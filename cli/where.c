#include "cli/where.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/local_shape.h"

char *where_bootstrap(const struct where *w)
{
    if (w->bootstrap != NULL) return copy_text(w->bootstrap);

    struct cluster c = {0};
    const char *named = getenv("JACKDAW_BOOTSTRAP");
    if (cluster_open(&c, w->dir != NULL ? w->dir : LOCAL_DIR_DEFAULT) == 0) {
        char *text = cluster_bootstrap(&c);
        cluster_close(&c);
        return text;
    }
    if (w->dir != NULL) {
        fail("no cluster in %s", w->dir);
        return NULL;
    }
    return copy_text(named != NULL && *named != 0 ? named : "127.0.0.1:9092");
}

static struct http_node *nodes_of_list(const char *list, size_t *count)
{
    struct strings parts = {0};
    strings_split(&parts, list, ',');
    struct http_node *nodes = get_memory((parts.count + 1) * sizeof *nodes);
    for (size_t i = 0; i < parts.count; i++) {
        snprintf(nodes[i].name, sizeof nodes[i].name, "%.31s", parts.at[i]);
        snprintf(nodes[i].address, sizeof nodes[i].address, "%.287s", parts.at[i]);
    }
    *count = parts.count;
    strings_close(&parts);
    return nodes;
}

struct http_node *where_http(const char *list, const char *dir, size_t *count)
{
    if (list != NULL) return nodes_of_list(list, count);

    struct cluster c = {0};
    dir = dir != NULL ? dir : LOCAL_DIR_DEFAULT;
    if (cluster_open(&c, dir) != 0) {
        fail("no cluster in %s; name its nodes: --http host:port,... (their http.listeners)", dir);
        return NULL;
    }
    struct http_node *nodes = get_memory(c.node_count * sizeof *nodes);
    *count = 0;
    for (size_t i = 0; i < c.node_count; i++) {
        if (c.nodes[i].http_address[0] == 0) continue;
        struct http_node *n = &nodes[(*count)++];
        snprintf(n->name, sizeof n->name, "%s", c.nodes[i].name);
        snprintf(n->address, sizeof n->address, "%s", c.nodes[i].http_address);
    }
    cluster_close(&c);
    return nodes;
}

/* topics.h -- the parts of `jackdaw topics`: what changes topics, and what shows them. */
#ifndef CLI_TOPICS_H
#define CLI_TOPICS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/text.h"
#include "cli/where.h"

struct topics_options {
    struct where where;
    bool json;
    bool watch;
    bool if_not_exists;
    bool validate_only;
    bool unclean;
    bool deleted; /* list: those that are deleted and can come back. */
    bool by_id;
    int64_t for_s; /* Of --watch; 0: until interrupted. */
    int64_t partitions;
    int64_t replication_factor;
    int64_t partition; /* Of elect; -1: all. */
    int64_t timeout_s;
    const char *assignment;
    struct strings configs;
    struct strings extra;
};

/* Each takes the names behind its own; returns an exit status. */
int topics_create(const struct topics_options *o, const char *bootstrap, char **names,
                  size_t count);
int topics_grow(const struct topics_options *o, const char *bootstrap, char **names, size_t count);
int topics_delete(const struct topics_options *o, const char *bootstrap, char **names,
                  size_t count);
int topics_undelete(const struct topics_options *o, const char *bootstrap, char **names,
                    size_t count);
int topics_purge(const struct topics_options *o, const char *bootstrap, char **names, size_t count);
int topics_list_retired(const struct topics_options *o, const char *bootstrap);
int topics_list(const struct topics_options *o, const char *bootstrap, char **names, size_t count);
int topics_describe(const struct topics_options *o, const char *bootstrap, char **names,
                    size_t count);
int topics_elect(const struct topics_options *o, const char *bootstrap, char **names, size_t count);

#endif

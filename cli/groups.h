/* groups.h -- the parts of `jackdaw groups`: what shows groups, and what changes them. */
#ifndef CLI_GROUPS_H
#define CLI_GROUPS_H

#include "cli/client.h"
#include "cli/where.h"

struct groups_options {
    struct where where;
    bool json;
    bool execute; /* reset: do it, and do not only say what would be done. */
    bool to_earliest;
    bool to_latest;
    bool has_offset;
    bool has_shift;
    int64_t offset;
    int64_t shift;
    const char *to_time;
    const char *from_file;
    int64_t timeout_s;
    struct strings extra;
};

/* Each takes the names behind its own; returns an exit status. */
int groups_list(const struct groups_options *o, const char *bootstrap, char **names, size_t count);
int groups_describe(const struct groups_options *o, const char *bootstrap, char **names,
                    size_t count);
int groups_reset(const struct groups_options *o, const char *bootstrap, char **names, size_t count);
int groups_delete(const struct groups_options *o, const char *bootstrap, char **names,
                  size_t count);

#endif

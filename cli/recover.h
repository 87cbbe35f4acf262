/* recover.h -- `jackdaw partitions recover`: a partition that nobody can lead without loss, looked
 * at replica by replica, and led all the same when the operator says so. */
#ifndef CLI_RECOVER_H
#define CLI_RECOVER_H

#include "cli/view.h"

struct recover_options {
    bool yes;         /* Do it, not only show it. */
    const char *plan; /* What was shown when it was decided on; NULL: whatever is so now. */
    bool json;
    uint32_t timeout_ms;
};

/* Each name is a topic or TOPIC:NUMBER. Exit status. */
int recover(const struct recover_options *o, struct wire *w, const struct view *v, char **names,
            size_t count);

#endif

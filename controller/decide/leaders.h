/* leaders.h -- ElectLeaders: back to the preferred ones, or to any that lives. */
#ifndef CONTROLLER_DECIDE_LEADERS_H
#define CONTROLLER_DECIDE_LEADERS_H

#include "controller/decide/ends.h"
#include "proto/msg/elect_leaders.h"

/* 0 or -ERR_LIMIT. Of all partitions (a null list) only those are answered where something was to
 * do. An unclean election is refused partition by partition, with the way out. */
MUST_USE int decide_elect_leaders(const struct meta_image *image, const struct log_ends *ends,
                                  const struct elect_leaders_request *request, struct decision *d,
                                  struct elect_leaders_response *reply);

#endif

/* admin_moves.h -- an admin moves partitions, and thinks better of it now and then. */
#ifndef TESTS_SIM_ADMIN_MOVES_H
#define TESTS_SIM_ADMIN_MOVES_H

#include "tests/sim/client.h"

/* True: a request is on its way. */
bool admin_move(struct client *c, const struct client_topic *t);

#endif

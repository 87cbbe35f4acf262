/* admin_quorum.h -- what an admin does to controllers and whole brokers: members of the quorum go
 * and come back, one at a time; brokers are drained and are not. */
#ifndef TESTS_SIM_ADMIN_QUORUM_H
#define TESTS_SIM_ADMIN_QUORUM_H

#include "tests/sim/client.h"

/* Who was taken out of the quorum last, and with which disk. */
struct admin_voter {
    uint32_t id; /* 0: nobody was. */
    struct uuid disk;
    uint64_t settled_us;
};

/* Asks for one back that is not in the quorum; or, if all vote and `removes`, for one to leave.
 * False: nothing was asked for. */
bool admin_change_voters(struct client *c, struct admin_voter *gone, bool removes);

/* Drains a broker, or lets it lead again. */
bool admin_drain(struct client *c);

#endif

/* admin.h -- administrative requests of clients, in Kafka's bytes, forwarded by brokers. */
#ifndef CONTROLLER_ADMIN_H
#define CONTROLLER_ADMIN_H

#include "controller/inside.h"

/* Decides, and answers when what was decided is done everywhere. */
void admin_on_request(struct controller *c, struct conn *conn, const struct rpc_msg *msg);

#endif

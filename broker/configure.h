/* configure.h -- from properties to a broker's options.
 *
 *   Used by:  main.c and its tests. Looks at no file and no network.
 */
#ifndef BROKER_CONFIGURE_H
#define BROKER_CONFIGURE_H

#include "broker/options.h"
#include "proto/config.h"

/* 0, or -ERR_INVALID with one line in c->error. */
MUST_USE int broker_configure(struct server_config *c, struct broker_options *o);

#endif

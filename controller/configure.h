/* configure.h -- from properties to a controller's options.
 *
 *   Used by:  main.c and its tests. Looks at no file and no network.
 */
#ifndef CONTROLLER_CONFIGURE_H
#define CONTROLLER_CONFIGURE_H

#include "controller/controller.h"
#include "proto/config.h"

/* 0, or -ERR_INVALID with one line in c->error. */
MUST_USE int controller_configure(struct server_config *c, struct controller_options *o);

#endif

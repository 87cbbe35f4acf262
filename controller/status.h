/* status.h -- what a controller says of itself over HTTP: /health, /metrics, /status. */
#ifndef CONTROLLER_STATUS_H
#define CONTROLLER_STATUS_H

#include "controller/inside.h"

void status_answer(struct controller *c, const struct env_event *event);

#endif

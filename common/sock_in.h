/* sock_in.h -- from a readable connection to ENV_FRAME events. */
#ifndef COMMON_SOCK_IN_H
#define COMMON_SOCK_IN_H

#include "common/sock.h"

/* Begins to read a connection that has become open. */
void sock_in_start(struct conn *c, uint32_t frame_max_bytes);

void sock_in_pause(struct conn *c, bool pause);

/* The shell has closed it: whatever still arrives is thrown away. */
void sock_in_discard(struct conn *c);

#endif

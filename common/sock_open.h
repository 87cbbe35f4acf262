/* sock_open.h -- where connections come from: listeners and dials; and the deadlines of dials. */
#ifndef COMMON_SOCK_OPEN_H
#define COMMON_SOCK_OPEN_H

#include "common/sock.h"

/* Binds and listens: 0 and a descriptor, or -ERR_X. Touches nothing but the system. */
MUST_USE int sock_bind(const struct env_endpoint *at, int *fd);

/* A connection that another actor has accepted for this one. Its descriptor is taken over. */
void sock_take(struct socks *s, const struct handed *handed);

MUST_USE int sock_listen(struct socks *s, const struct env_endpoint *at);
void sock_listeners_close(struct socks *s);

uint64_t sock_dial(struct socks *s, const struct env_endpoint *to);

/* True if the job was one of ours, a name that has been looked up; it is freed. */
bool sock_on_job(struct socks *s, struct job *job);

/* Carries out what is due. Returns when to call it next, or ENV_NEVER. */
uint64_t sock_on_time(struct socks *s, uint64_t now_ms);

#endif

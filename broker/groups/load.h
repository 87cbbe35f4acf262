/* load.h -- a coordinator's groups are read from its partition, a chunk at a time. */
#ifndef BROKER_GROUPS_LOAD_H
#define BROKER_GROUPS_LOAD_H

#include "broker/groups/types.h"

/* Reads on, within a budget. True: all is read, and committed. */
bool load_go_on(struct coordinator *c);

/* A job of GROUPS_JOB_LOAD has come home. */
void load_on_job(struct job *job);

/* The coordinator goes; a read that is under way finds nobody when it comes home. */
void load_cancel(struct coordinator *c);

#endif

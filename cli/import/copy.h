/* copy.h -- the replicas that a plan takes, copied into folders of Jackdaw's.
 *
 * Copies, not hard links: a closed segment never changes, but a recovery may cut one, here or in
 * Kafka, and would cut the other's. Where the file system can share blocks until one of two files
 * is written to (reflinks), that is what a copy is. What is copied is read again, checked against
 * its checksums, and synced before anything says that it is there.
 */
#ifndef CLI_IMPORT_COPY_H
#define CLI_IMPORT_COPY_H

#include "cli/import/plan.h"

/* All replicas, the checkpoints beside them, and last the meta.properties. 0 or an error with a
 * sentence in `why`. */
MUST_USE int copy_brokers(struct plan *p, char why[SOURCE_WHY_SIZE]);

/* The folders of the new controllers, each with the snapshot. */
MUST_USE int copy_controllers(struct plan *p, struct slice snapshot, char why[SOURCE_WHY_SIZE]);

#endif

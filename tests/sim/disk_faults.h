/* disk_faults.h -- what the nemesis does to disks beyond standing still and losing power: no room,
 * errors, rot. Drawn from a generator of its own, at times of its own.
 *
 *   full     the host's disk takes nothing more, or almost; what is freed can be used again.
 *   dead     every call for a log.dirs, or for all of a controller's disk, fails, and what is there
 *            comes back as it was; then the process is begun anew.
 *   rot      one bit of a batch below the watermark of a replica, as the disk gives it back.
 * Another member of the ISR has all of it, sound: so something is left to mend it from. It is over
 * when the bytes are others, or gone.
 */
#ifndef TESTS_SIM_DISK_FAULTS_H
#define TESTS_SIM_DISK_FAULTS_H

#include "tests/sim/nemesis_state.h"

void disk_faults_open(struct nemesis *n);

void disk_fault_begin(struct fault *f);
void disk_fault_end(struct fault *f);
/* Does nothing else happen to the node meanwhile? */
bool disk_fault_holds(enum fault_kind kind);

/* Forgets what is not rotten any more. */
void disk_faults_look(struct nemesis *n);

#endif

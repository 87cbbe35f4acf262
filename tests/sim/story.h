/* story.h -- why a run failed, told so that a person can follow it: what was promised, who led what
 * and when, what the copies have of what was acknowledged, what broke before, and what the nodes
 * concerned said last. A screen or two; the same seed tells the same story.
 *
 * Which partition, record and nodes it is about it takes from the violation's own words: "t0-1" (as
 * history_part_name() says it), "record 17", "broker 2" or "broker-2", "controller-1". An oracle
 * that names them so needs nothing else here but a line of PROMISES.
 */
#ifndef TESTS_SIM_STORY_H
#define TESTS_SIM_STORY_H

#include <stdio.h>

#include "tests/sim/nemesis.h"
#include "tests/sim/oracles.h"

/* clang-format off */
#define PROMISES(X) \
    X(lost, \
      "what was acknowledged stays there, at its offset (acks=1: unless its leader was in " \
      "trouble)") \
    X(doubled, \
      "an idempotent producer's record is in the log once; another's at most as often as it " \
      "was sent") \
    X(order, \
      "an idempotent producer's acknowledged records stand in the order in which it made " \
      "them") \
    X(acknowledged, \
      "acks=all says yes when the record is committed at that offset, and not before") \
    X(committed, "below their high watermarks all replicas hold the same batches, at all times") \
    X(content, "a log holds what producers sent into that partition, and nothing else") \
    X(complete, "whoever leads, or is in the committed ISR, has all that was ever committed") \
    X(watermark, \
      "log start <= high watermark <= log end, and it never falls while the process lives") \
    X(handover, \
      "a leader that hands over has a successor with all it has, and appends nothing more") \
    X(lag, "a new leader throws out no follower whose time has not passed in its epoch") \
    X(gap, \
      "a gap that a refusal or a new leadership has made is not told as the end of a producer") \
    X(lease, "a leader that nobody has answered for the lease acknowledges no acks=1 record") \
    X(epoch, "who leads in an epoch is whom the metadata name: one leader in each") \
    X(isr, \
      "leaders come from the ISR or the eligible; no fenced broker is in sync; epochs rise") \
    X(term, "one controller leads in a term") \
    X(metadata, "what is committed at an index is the same legal decision everywhere, for ever") \
    X(image, "every image is the fold of the metadata log up to its index") \
    X(read, "what a consumer is given is committed, whole, and what was sent") \
    X(contiguous, "a consumer reads without a gap, from where it asked") \
    X(final, "when all has converged, every replica holds all that is committed, without a gap") \
    X(liveness, "when nothing breaks any more everything converges in time") \
    X(halt, "a process ends only when it is told to, or its host or disk fails") \
    X(crash, "no event whatever makes the program fail a CHECK") \
    X(trace, "the same seed makes the same run") \
    X(ring, "what a node decided can be decided anew from its last events") \
    X(owner, "in a generation of a group each share has one owner") \
    X(fence, "a member of an older generation commits nothing") \
    X(back, "a committed offset never goes back") \
    X(invented, "what is told as a committed offset is what a member has committed") \
    X(member, "members are told what happened to them, truthfully") \
    X(answers, "every answer is one to what was asked, in the order of the requests")
/* clang-format on */

struct story {
    const struct oracles *oracles;
    const struct nemesis *nemesis;
};

/* The promise that the violation's oracle stands for. */
const char *story_promise(const char *violation);

void story_tell(const struct story *story, const char *violation, FILE *to);

#endif

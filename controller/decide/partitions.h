/* partitions.h -- how one partition changes: who is in sync, who is eligible, who leads.
 *
 * Rules (DESIGN 6, KIP-966). `min` is the effective min.insync.replicas:
 *   - Who leaves the ISR while it is left with fewer than `min` members becomes eligible
 *     (ELR): the watermark stands still from then on, so it has everything that was ever
 *     committed.
 *   - With `min` members in the ISR again, the watermark moves and nobody is eligible any
 *     more.
 *   - Who may have lost its log (a power cut) leaves both, and is remembered until the ISR
 *     has `min` members again.
 *   - A leader comes from the ISR; if that is empty, from the eligible, and is the ISR then;
 *     if both are empty, those that are remembered are asked who reaches furthest (ends.h).
 *   - Where somebody leads, another takes over only when the leader says that it has
 *     everything (handovers.h), so that not even what one replica alone has acknowledged is
 *     lost.
 *   - A leader that stops, and of whose followers none is in sync, waits for one that may
 *     still become so, and leaves when its time is up.
 *   - A drained broker stays in sync and leads only where nobody else can; when somebody can,
 *     it is asked to hand over.
 *   - Who has lost its disk, or whose disk stands still, is in no ISR and leads nothing
 *     (disks.h).
 *   - A partition that moves has its old and its new replicas until the new ones are in sync.
 *   - The leader epoch rises with every change of the leader, to nobody too; so it has risen
 *     even if the same broker leads again.
 */
#ifndef CONTROLLER_DECIDE_PARTITIONS_H
#define CONTROLLER_DECIDE_PARTITIONS_H

#include "controller/decide/decision.h"

/* A partition on its way from what it is to what it will be. */
struct partition_change {
    const struct meta_image *image;
    const struct meta_topic *topic;
    int32_t number;
    struct meta_partition to; /* Begins as a copy. Its epochs are set at the end. */
    int32_t back;             /* This broker counts as unfenced; META_NOBODY: nobody extra. */
    int32_t gone;             /* This broker counts as fenced. */
    int32_t stopping;         /* This one as on its way out. */
    int32_t draining;         /* This one as drained. */
};

struct partition_change partition_change_of(const struct meta_image *image,
                                            const struct meta_topic *topic, int32_t number);

/* Takes a broker out of the ISR and of leadership. keep: its log is whole, it may stay eligible. */
void partition_drop(struct partition_change *c, int32_t id, bool keep);

/* Asks the leader, which goes on leading, to hand over to that member of the ISR (DESIGN 6.12), or
 * to the first one that is fit for it (META_NOBODY). False: nobody is, and nothing is asked. */
bool partition_hand_over(struct partition_change *c, int32_t to);

/* Finds a leader if there is none. `canary` as in struct decision. */
void partition_elect(struct partition_change *c, uint32_t canary);

/* That replica leads and is the ISR, whatever it has. */
void partition_lead_alone(struct partition_change *c, int32_t id);

/* Adds the record, with its epochs, if anything has changed (or even if nothing has). */
void partition_change_end(struct decision *d, struct partition_change *c, bool even_if_equal);

/* The record of a partition that is as `p` says. */
void partition_write(struct decision *d, struct uuid topic_id, int32_t number,
                     const struct meta_partition *p);

/* Can this broker lead, and join an ISR, as the image has it? */
bool broker_is_usable(const struct meta_image *image, int32_t id);

/* Is its leader asked to hand over, or does it wait for somebody to whom it can, since it stops? */
bool partition_is_on_the_move(const struct meta_image *image, const struct meta_partition *p);

/* Is it to lead only where nobody else can (drain.h)? */
bool broker_is_drained(const struct meta_image *image, int32_t id);

#endif

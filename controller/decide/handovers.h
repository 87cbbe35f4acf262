/* handovers.h -- leadership that moves while both sides live (DESIGN 6.12).
 *
 *   asked for  (ElectLeaders, balancing, controlled shutdown): partition_hand_over() names a
 *              successor. The leader goes on leading until the successor has all that it has.
 *   done       isr.h: the leader says so, and the successor leads.
 *   given up   here, when it takes too long.
 */
#ifndef CONTROLLER_DECIDE_HANDOVERS_H
#define CONTROLLER_DECIDE_HANDOVERS_H

#include "controller/decide/decision.h"

/* The leader did not hand over in time: one that is on its way out is replaced in the ordinary way,
 * any other goes on leading. The partition must have a successor. */
void decide_give_up(const struct meta_image *image, const struct meta_topic *topic, int32_t number,
                    struct decision *d);

/* Back to the preferred leaders (auto.leader.rebalance.enable): of every broker of whose preferred
 * partitions more than `percentage` (0 to 100) are led by others, as many as are fit for it. At
 * most so many partitions in one decision. */
#define DECIDE_BALANCE_MAX 1000
void decide_balance(const struct meta_image *image, int64_t percentage, struct decision *d);

#endif

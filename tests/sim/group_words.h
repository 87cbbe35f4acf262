/* group_words.h -- what members of the classic protocol say to each other, through the coordinator:
 * words of their own, which it does not read; or, in a group that members of the consumer protocol
 * are in too, Kafka's, which it does. */
#ifndef TESTS_SIM_GROUP_WORDS_H
#define TESTS_SIM_GROUP_WORDS_H

#include "tests/sim/group_requests.h"

#define GROUP_WORDS_SIZE 256

struct group_words {
    bool are_kafkas;
    uint8_t bytes[GROUP_WORDS_SIZE];
};

const char *group_words_type(const struct group_words *w);
const char *group_words_protocol(const struct group_words *w);

/* That it wants GROUP_TOPIC, and is the so-manieth of itself. The bytes are those of `w`. */
struct slice group_words_subscription(struct group_words *w, uint32_t incarnation);
struct slice group_words_assignment(struct group_words *w, const uint32_t *shares, uint32_t count);

/* How many shares it is given. */
uint32_t group_words_read(const struct group_words *w, struct slice assignment,
                          uint32_t shares[GROUPS_SHARES_MAX]);

#endif

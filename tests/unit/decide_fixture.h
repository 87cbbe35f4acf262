/* decide_fixture.h -- an image that grows decision by decision, each of which must be legal. */
#ifndef TESTS_UNIT_DECIDE_FIXTURE_H
#define TESTS_UNIT_DECIDE_FIXTURE_H

#include "controller/decide/decision.h"
#include "controller/decide/ends.h"
#include "proto/rpc.h"

struct fixture {
    struct meta_image image;
    struct arena arena;
    struct decision d;
};

struct fixture *fixture_open(void);

/* With so many brokers, and the topic "t" with one partition on `replicas`. */
struct fixture *fixture_with(int32_t brokers, const char *replicas);
void fixture_close(struct fixture *f);

/* Applies f->d as the next decision (it must be legal, and leave a sound image) and empties it.
 * Returns its index. */
uint64_t fixture_commit(struct fixture *f);

/* Forgets f->d. */
void fixture_drop(struct fixture *f);

/* A registration of `id` as its `incarnation`th process; not committed. A Kafka code. */
int16_t fixture_register(struct fixture *f, int32_t id, uint8_t incarnation, const char *rack,
                         bool is_log_whole);

/* Registered and unfenced. */
void fixture_broker(struct fixture *f, int32_t id, const char *rack);
void fixture_brokers(struct fixture *f, int32_t count);
void fixture_fence(struct fixture *f, int32_t id);
void fixture_unfence(struct fixture *f, int32_t id);
void fixture_stop(struct fixture *f, int32_t id);

/* One partition, with `replicas` ("1,2,3") in sync as far as they are alive. The topic's id. */
struct uuid fixture_topic(struct fixture *f, const char *name, const char *replicas);
void fixture_config(struct fixture *f, int8_t type, const char *name, const char *key,
                    const char *value);

/* IncrementalAlterConfigs of one key; `value` may be NULL. A Kafka code; what is granted is
 * committed, and `why` (512 bytes, or NULL) says why something is not. */
int16_t fixture_alter_config(struct fixture *f, int8_t type, const char *name, int8_t operation,
                             const char *key, const char *value, char *why);

/* ElectLeaders of partition 0; the same. */
int16_t fixture_elect(struct fixture *f, const struct log_ends *ends, const char *topic,
                      int8_t type);

/* The handover of partition 0 takes too long. */
void fixture_give_up(struct fixture *f, const char *topic);

const struct meta_partition *fixture_partition(const struct fixture *f, const char *topic,
                                               int32_t number);

/* "leader 2 epoch 1 isr 2,3 elr 1": a partition in one line. The text is good until the next. */
const char *fixture_text(const struct fixture *f, const char *topic);
#define EXPECT(f, topic, text) cr_expect_str_eq(fixture_text((f), (topic)), (text))

/* Proposes `isr` for partition 0 of the topic as broker `sender` sees it; Kafka's code. Commits it
 * if it is accepted. */
int16_t fixture_alter_isr(struct fixture *f, const char *topic, int32_t sender, const char *isr);

/* Broker `sender`, which leads partition 0, says that it has handed over to `to`, in the image's
 * term less `term_less`; the same. */
int16_t fixture_hand_over(struct fixture *f, const char *topic, int32_t sender, int32_t to,
                          uint64_t term_less);

struct id_set fixture_ids(const char *text);

#endif

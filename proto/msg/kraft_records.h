/* kraft_records.h -- the records of Apache Kafka's own metadata log, __cluster_metadata, as far as
 * an import looks into them.
 *
 * All versions are flexible. A record that is not here is known by its number only
 * (kraft_records.h above this folder).
 */
#ifndef PROTO_MSG_KRAFT_RECORDS_H
#define PROTO_MSG_KRAFT_RECORDS_H

#include "proto/kafka_schema.h"

/* clang-format off */
#define KRAFT_END_POINT(T, F, A, P, S, N) \
    F(T, STR, name,     0, ANY, 0)        \
    F(T, STR, host,     0, ANY, 0)        \
    F(T, U16, port,     0, ANY, 0)        \
    F(T, I16, protocol, 0, ANY, 0)

#define KRAFT_BROKER_FEATURE(T, F, A, P, S, N) \
    F(T, STR, name, 0, ANY, 0)                 \
    F(T, I16, min,  0, ANY, 0)                 \
    F(T, I16, max,  0, ANY, 0)

#define KRAFT_REGISTER_BROKER(T, F, A, P, S, N)           \
    F(T, I32,                  broker_id,    0, ANY, 0)   \
    F(T, BOOL,                 is_migrating, 2, ANY, 0)   \
    F(T, UUID,                 incarnation,  0, ANY, 0)   \
    F(T, I64,                  broker_epoch, 0, ANY, 0)   \
    A(T, kraft_end_point,      end_points,   0, ANY)      \
    A(T, kraft_broker_feature, features,     0, ANY)      \
    F(T, NSTR,                 rack,         0, ANY, NIL) \
    F(T, BOOL,                 is_fenced,    0, ANY, 1)   \
    F(T, BOOL,                 is_stopping,  1, ANY, 0)   \
    P(T, UUID,                 log_dirs,     3, ANY, TAG(0))

#define KRAFT_UNREGISTER_BROKER(T, F, A, P, S, N) \
    F(T, I32, broker_id,    0, ANY, 0)            \
    F(T, I64, broker_epoch, 0, ANY, 0)

#define KRAFT_BROKER_CHANGE(T, F, A, P, S, N)    \
    F(T, I32,  broker_id,    0, ANY, 0)          \
    F(T, I64,  broker_epoch, 0, ANY, 0)          \
    F(T, I8,   fenced,       0, ANY, 0, TAG(0))  \
    F(T, I8,   stopping,     1, ANY, 0, TAG(1))  \
    P(T, UUID, log_dirs,     2, ANY, TAG(2))

#define KRAFT_TOPIC(T, F, A, P, S, N) \
    F(T, STR,  name, 0, ANY, 0)       \
    F(T, UUID, id,   0, ANY, 0)

#define KRAFT_REMOVE_TOPIC(T, F, A, P, S, N) \
    F(T, UUID, id, 0, ANY, 0)

#define KRAFT_PARTITION(T, F, A, P, S, N)                                 \
    F(T, I32,  partition,       0, ANY, 0)                                \
    F(T, UUID, topic_id,        0, ANY, 0)                                \
    P(T, I32,  replicas,        0, ANY)                                   \
    P(T, I32,  isr,             0, ANY)                                   \
    P(T, I32,  removing,        0, ANY)                                   \
    P(T, I32,  adding,          0, ANY)                                   \
    F(T, I32,  leader,          0, ANY, -1)                               \
    F(T, I32,  leader_epoch,    0, ANY, -1)                               \
    F(T, I32,  partition_epoch, 0, ANY, -1)                               \
    P(T, UUID, directories,     1, ANY)                                   \
    F(T, I8,   recovery,        0, ANY, 0, TAG(0))                        \
    P(T, I32,  elr,             2, ANY, NULLABLE(2), NULL_DEFAULT, TAG(1)) \
    P(T, I32,  last_known_elr,  2, ANY, NULLABLE(2), NULL_DEFAULT, TAG(2))

/* A null set, and leader -2, say "as before". */
#define KRAFT_PARTITION_CHANGE(T, F, A, P, S, N)                         \
    F(T, I32,  partition,      0, ANY, 0)                                \
    F(T, UUID, topic_id,       0, ANY, 0)                                \
    P(T, I32,  isr,            0, ANY, NULLABLE(0), NULL_DEFAULT, TAG(0)) \
    F(T, I32,  leader,         0, ANY, -2, TAG(1))                       \
    P(T, I32,  replicas,       0, ANY, NULLABLE(0), NULL_DEFAULT, TAG(2)) \
    P(T, I32,  removing,       0, ANY, NULLABLE(0), NULL_DEFAULT, TAG(3)) \
    P(T, I32,  adding,         0, ANY, NULLABLE(0), NULL_DEFAULT, TAG(4)) \
    F(T, I8,   recovery,       0, ANY, -1, TAG(5))                       \
    P(T, I32,  elr,            2, ANY, NULLABLE(2), NULL_DEFAULT, TAG(6)) \
    P(T, I32,  last_known_elr, 2, ANY, NULLABLE(2), NULL_DEFAULT, TAG(7)) \
    P(T, UUID, directories,    1, ANY, NULLABLE(1), NULL_DEFAULT, TAG(8))

#define KRAFT_CONFIG(T, F, A, P, S, N) \
    F(T, I8,   type,  0, ANY, 0)       \
    F(T, STR,  name,  0, ANY, 0)       \
    F(T, STR,  key,   0, ANY, 0)       \
    F(T, NSTR, value, 0, ANY, NIL)

#define KRAFT_FEATURE(T, F, A, P, S, N) \
    F(T, STR, name,  0, ANY, 0)         \
    F(T, I16, level, 0, ANY, 0)

#define KRAFT_PRODUCER_IDS(T, F, A, P, S, N) \
    F(T, I32, broker_id,    0, ANY, 0)       \
    F(T, I64, broker_epoch, 0, ANY, 0)       \
    F(T, I64, next,         0, ANY, 0)

#define KRAFT_CLEAR_ELR(T, F, A, P, S, N) \
    F(T, STR, topic, 0, ANY, 0)
/* clang-format on */

DECLARE(KRAFT_END_POINT, kraft_end_point);
DECLARE(KRAFT_BROKER_FEATURE, kraft_broker_feature);
DECLARE(KRAFT_REGISTER_BROKER, kraft_register_broker);
DECLARE(KRAFT_UNREGISTER_BROKER, kraft_unregister_broker);
DECLARE(KRAFT_BROKER_CHANGE, kraft_broker_change);
DECLARE(KRAFT_TOPIC, kraft_topic);
DECLARE(KRAFT_REMOVE_TOPIC, kraft_remove_topic);
DECLARE(KRAFT_PARTITION, kraft_partition);
DECLARE(KRAFT_PARTITION_CHANGE, kraft_partition_change);
DECLARE(KRAFT_CONFIG, kraft_config);
DECLARE(KRAFT_FEATURE, kraft_feature);
DECLARE(KRAFT_PRODUCER_IDS, kraft_producer_ids);
DECLARE(KRAFT_CLEAR_ELR, kraft_clear_elr);

#endif

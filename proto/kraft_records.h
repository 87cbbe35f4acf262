/* kraft_records.h -- the records of Apache Kafka's metadata log, from bytes.
 *
 *   Used by:  the import of Kafka's folders.
 *   Knows:    Kafka's formats (proto/msg/kraft_records.h), up to Kafka 4.3. Not what a record does.
 *
 * A record's value is: the version of this frame (1), the record's number, its version (each a
 * uvarint), and the record itself at that version.
 */
#ifndef PROTO_KRAFT_RECORDS_H
#define PROTO_KRAFT_RECORDS_H

#include "common/arena.h"
#include "common/bytes.h"
#include "common/err.h"
#include "proto/msg/kraft_records.h"

/* Kafka's numbers; the highest version; and whether the import looks into it. */
/* clang-format off */
#define KRAFT_RECORDS(READ, SKIP)                                       \
    READ(REGISTER_BROKER,   0, 4, register_broker,   "RegisterBroker")   \
    READ(UNREGISTER_BROKER, 1, 0, unregister_broker, "UnregisterBroker") \
    READ(TOPIC,             2, 0, topic,             "Topic")            \
    READ(PARTITION,         3, 2, partition,         "Partition")        \
    READ(CONFIG,            4, 0, config,            "Config")           \
    READ(PARTITION_CHANGE,  5, 2, partition_change,  "PartitionChange")  \
    SKIP(FENCE_BROKER,      7, 0, "FenceBroker")                         \
    SKIP(UNFENCE_BROKER,    8, 0, "UnfenceBroker")                       \
    READ(REMOVE_TOPIC,      9, 0, remove_topic,      "RemoveTopic")      \
    SKIP(DELEGATION_TOKEN, 10, 0, "DelegationToken")                     \
    SKIP(SCRAM,            11, 0, "UserScramCredential")                 \
    READ(FEATURE,          12, 0, feature,           "FeatureLevel")     \
    SKIP(CLIENT_QUOTA,     14, 0, "ClientQuota")                         \
    READ(PRODUCER_IDS,     15, 0, producer_ids,      "ProducerIds")      \
    READ(BROKER_CHANGE,    17, 3, broker_change,     "BrokerRegistrationChange") \
    SKIP(ACL,              18, 0, "AccessControlEntry")                  \
    SKIP(REMOVE_ACL,       19, 0, "RemoveAccessControlEntry")            \
    SKIP(NO_OP,            20, 0, "NoOp")                                \
    SKIP(ZK_MIGRATION,     21, 0, "ZkMigrationState")                    \
    SKIP(REMOVE_SCRAM,     22, 0, "RemoveUserScramCredential")           \
    SKIP(BEGIN,            23, 0, "BeginTransaction")                    \
    SKIP(END,              24, 0, "EndTransaction")                      \
    SKIP(ABORT,            25, 0, "AbortTransaction")                    \
    SKIP(REMOVE_TOKEN,     26, 0, "RemoveDelegationToken")               \
    SKIP(CONTROLLER,       27, 0, "RegisterController")                  \
    READ(CLEAR_ELR,        28, 0, clear_elr,         "ClearElr")

enum kraft_kind {
#define READ(NAME, number, version, member, text) KRAFT_##NAME = (number),
#define SKIP(NAME, number, version, text) KRAFT_##NAME = (number),
    KRAFT_RECORDS(READ, SKIP)
#undef READ
#undef SKIP
    KRAFT_KINDS
};
/* clang-format on */

#define KRAFT_LEADER_AS_BEFORE (-2)

struct kraft_record {
    uint32_t kind; /* enum kraft_kind, or what stood there, if it is none. */
    uint32_t version;
    union {
#define READ(NAME, number, version, member, text) struct kraft_##member member;
#define SKIP(NAME, number, version, text)
        KRAFT_RECORDS(READ, SKIP)
#undef READ
#undef SKIP
    };
};

/* Kafka's name for it; NULL: it is none that Kafka 4.3 has. */
const char *kraft_kind_name(uint32_t kind);

/* Strings point into `value`, arrays live in `arena`. Of kinds that are not looked into only the
 * frame is read. 0, -ERR_MALFORMED, -ERR_UNSUPPORTED (a frame, a kind or a version that this
 * program does not know; kind and version say which), or -ERR_LIMIT (the arena is full). */
MUST_USE int kraft_record_decode(struct slice value, struct arena *arena, struct kraft_record *out);

#endif

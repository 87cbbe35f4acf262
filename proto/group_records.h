/* group_records.h -- what a coordinator stores in __consumer_offsets: to bytes and back.
 *
 *   Used by:  the coordinator of groups, and tools.
 *   Knows:    Kafka's formats (proto/msg/group_records.h). Not what a group does.
 */
#ifndef PROTO_GROUP_RECORDS_H
#define PROTO_GROUP_RECORDS_H

#include "common/arena.h"
#include "common/bytes.h"
#include "common/err.h"
#include "proto/msg/consumer_records.h"
#include "proto/msg/group_records.h"

enum group_record_kind {
    GROUP_RECORD_OFFSET,   /* An offset that a group has committed. */
    GROUP_RECORD_METADATA, /* A group of the classic protocol. */
    /* Of the consumer protocol: */
    GROUP_RECORD_CONSUMER_EPOCH,        /* A group. */
    GROUP_RECORD_CONSUMER_TOPICS,       /* Of Kafka 4.0 only: known, its value is not looked at. */
    GROUP_RECORD_CONSUMER_MEMBER,       /* What a member has said of itself. */
    GROUP_RECORD_CONSUMER_TARGET_EPOCH, /* Which epoch of the group the targets are for. */
    GROUP_RECORD_CONSUMER_TARGET,       /* What a member is to have. */
    GROUP_RECORD_CONSUMER_CURRENT,      /* What it has. */
    GROUP_RECORD_CONSUMER_PATTERN,      /* What a regular expression stands for. */
    GROUP_RECORD_OTHER,                 /* One that this program does not know: skip it. */
};

struct group_record {
    enum group_record_kind kind;
    bool is_tombstone; /* No value: what the key names is gone. */
    union {
        struct {
            struct offset_commit_key key;
            struct offset_commit_value value;
        } offset;
        struct {
            struct group_metadata_key key;
            struct group_metadata_value value;
        } metadata;
        struct {
            struct consumer_group_key key; /* Also of TOPICS, which has no more. */
            struct consumer_epoch_value value;
        } epoch;
        struct {
            struct consumer_member_key key;
            struct consumer_member_value value;
        } member;
        struct {
            struct consumer_group_key key;
            struct consumer_target_epoch_value value;
        } target_epoch;
        struct {
            struct consumer_member_key key;
            struct consumer_target_value value;
        } target;
        struct {
            struct consumer_member_key key;
            struct consumer_current_value value;
        } current;
        struct {
            struct consumer_pattern_key key;
            struct consumer_pattern_value value;
        } pattern;
    };
};

/* Strings point into `key` and `value`, members live in `arena`. value.at == NULL: a tombstone.
 * 0, -ERR_MALFORMED, -ERR_UNSUPPORTED (a version that this program does not know), or -ERR_LIMIT
 * (the arena is full). */
MUST_USE int group_record_decode(struct slice key, struct slice value, struct arena *arena,
                                 struct group_record *out);

/* Append the key's and the value's bytes. Errors as of kafka_encode(). The value's version is the
 * one that Kafka 4.3 writes; GROUP_RECORD_OTHER, and TOPICS but its tombstone, cannot be written.
 */
MUST_USE int group_record_encode_key(const struct group_record *record, struct writer *out);
MUST_USE int group_record_encode_value(const struct group_record *record, struct writer *out);

#endif

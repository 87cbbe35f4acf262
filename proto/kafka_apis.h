/* kafka_apis.h -- the table of contents of the Kafka wire: one row per API.
 *
 *   X(key, ENUM, tag, "Name", version_min, version_max, flexible_since)
 *
 * version_min..version_max is what a broker offers and the frame decoder admits: all that Kafka 4.3
 * offers, and the older versions that clients in use still need. A layout may be known beyond that
 * (see proto/msg). A request and its answer turn flexible at the same version. Which rows a broker
 * lists in ApiVersions is its own decision: it lists what it has a handler for.
 *
 * Keys from KAFKA_API_OURS on are ours and listed to nobody: our command uses them. Those from
 * KAFKA_API_PRIVATE on are spoken between brokers only.
 */
#ifndef PROTO_KAFKA_APIS_H
#define PROTO_KAFKA_APIS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/kafka_codec.h"
#include "proto/kafka_schema.h"

/* clang-format off */
#define KAFKA_APIS(X)                                                                        \
    X(0, PRODUCE, produce, "Produce", 0, 13, 9)                                              \
    X(1, FETCH, fetch, "Fetch", 4, 18, 12)                                                   \
    X(2, LIST_OFFSETS, list_offsets, "ListOffsets", 1, 11, 6)                                \
    X(3, METADATA, metadata, "Metadata", 0, 13, 9)                                           \
    X(8, OFFSET_COMMIT, offset_commit, "OffsetCommit", 2, 10, 8)                             \
    X(9, OFFSET_FETCH, offset_fetch, "OffsetFetch", 1, 10, 6)                                \
    X(10, FIND_COORDINATOR, find_coordinator, "FindCoordinator", 0, 6, 3)                    \
    X(11, JOIN_GROUP, join_group, "JoinGroup", 0, 9, 6)                                      \
    X(12, HEARTBEAT, heartbeat, "Heartbeat", 0, 4, 4)                                        \
    X(13, LEAVE_GROUP, leave_group, "LeaveGroup", 0, 5, 4)                                   \
    X(14, SYNC_GROUP, sync_group, "SyncGroup", 0, 5, 4)                                      \
    X(15, DESCRIBE_GROUPS, describe_groups, "DescribeGroups", 0, 6, 5)                       \
    X(16, LIST_GROUPS, list_groups, "ListGroups", 0, 5, 3)                                   \
    X(18, API_VERSIONS, api_versions, "ApiVersions", 0, 4, 3)                                \
    X(19, CREATE_TOPICS, create_topics, "CreateTopics", 2, 7, 5)                             \
    X(20, DELETE_TOPICS, delete_topics, "DeleteTopics", 1, 6, 4)                             \
    X(21, DELETE_RECORDS, delete_records, "DeleteRecords", 0, 2, 2)                          \
    X(22, INIT_PRODUCER_ID, init_producer_id, "InitProducerId", 0, 5, 2)                     \
    X(23, OFFSET_FOR_LEADER_EPOCH, offset_for_leader_epoch, "OffsetForLeaderEpoch", 0, 4, 4) \
    X(29, DESCRIBE_ACLS, describe_acls, "DescribeAcls", 1, 3, 2)                             \
    X(32, DESCRIBE_CONFIGS, describe_configs, "DescribeConfigs", 1, 4, 4)                    \
    X(33, ALTER_CONFIGS, alter_configs, "AlterConfigs", 0, 2, 2)                             \
    X(34, ALTER_REPLICA_LOG_DIRS, alter_log_dirs, "AlterReplicaLogDirs", 1, 2, 2)            \
    X(35, DESCRIBE_LOG_DIRS, describe_log_dirs, "DescribeLogDirs", 1, 5, 2)                  \
    X(37, CREATE_PARTITIONS, create_partitions, "CreatePartitions", 0, 3, 2)                 \
    X(42, DELETE_GROUPS, delete_groups, "DeleteGroups", 0, 2, 2)                             \
    X(43, ELECT_LEADERS, elect_leaders, "ElectLeaders", 0, 2, 2)                             \
    X(44, INCREMENTAL_ALTER_CONFIGS, incremental_alter_configs,                              \
      "IncrementalAlterConfigs", 0, 1, 1)                                                    \
    X(45, ALTER_PARTITION_REASSIGNMENTS, alter_reassignments,                                \
      "AlterPartitionReassignments", 0, 1, 0)                                                \
    X(46, LIST_PARTITION_REASSIGNMENTS, list_reassignments,                                  \
      "ListPartitionReassignments", 0, 0, 0)                                                 \
    X(47, OFFSET_DELETE, offset_delete, "OffsetDelete", 0, 0, ANY)                           \
    X(55, DESCRIBE_QUORUM, describe_quorum, "DescribeQuorum", 0, 2, 0)                       \
    X(57, UPDATE_FEATURES, update_features, "UpdateFeatures", 0, 2, 0)                       \
    X(60, DESCRIBE_CLUSTER, describe_cluster, "DescribeCluster", 0, 2, 0)                    \
    X(61, DESCRIBE_PRODUCERS, describe_producers, "DescribeProducers", 0, 0, 0)              \
    X(64, UNREGISTER_BROKER, unregister_broker, "UnregisterBroker", 0, 0, 0)                 \
    X(68, CONSUMER_GROUP_HEARTBEAT, consumer_group_heartbeat,                                \
      "ConsumerGroupHeartbeat", 0, 1, 0)                                                     \
    X(69, CONSUMER_GROUP_DESCRIBE, consumer_group_describe,                                  \
      "ConsumerGroupDescribe", 0, 1, 0)                                                      \
    X(74, LIST_CONFIG_RESOURCES, list_config_resources,                                      \
      "ListConfigResources", 0, 1, 0)                                                        \
    X(75, DESCRIBE_TOPIC_PARTITIONS, describe_topic_partitions,                              \
      "DescribeTopicPartitions", 0, 0, 0)                                                    \
    X(80, ADD_RAFT_VOTER, add_raft_voter, "AddRaftVoter", 0, 1, 0)                           \
    X(81, REMOVE_RAFT_VOTER, remove_raft_voter, "RemoveRaftVoter", 0, 0, 0)                  \
    X(10000, RETIRED_TOPICS, retired_topics, "RetiredTopics", 0, 0, 0)                         \
    X(20000, REPLICA_HELLO, replica_hello, "ReplicaHello", 0, 0, 0)

enum kafka_api_key {
#define X(key, name, tag, text, version_min, version_max, flexible_since) KAFKA_API_##name = key,
    KAFKA_APIS(X)
#undef X
    KAFKA_API_OURS = 10000,
    KAFKA_API_PRIVATE = 20000,
};
/* clang-format on */

struct kafka_api {
    int16_t key;
    int16_t version_min;
    int16_t version_max;
    int16_t flexible_since;
    const char *name;
    const struct schema *request;
    const struct schema *response;
};

/* NULL if there is no such API here. */
const struct kafka_api *kafka_api_find(int16_t key);

/* All of them, in the order of their keys. */
const struct kafka_api *kafka_api_at(size_t index);
extern const size_t kafka_api_count;

static inline bool kafka_api_offers(const struct kafka_api *api, int16_t version)
{
    return version >= api->version_min && version <= api->version_max;
}

static inline bool kafka_api_is_private(const struct kafka_api *api)
{
    return api->key >= KAFKA_API_PRIVATE;
}

static inline bool kafka_api_is_listed(const struct kafka_api *api)
{
    return api->key < KAFKA_API_OURS;
}

/* What the codec needs to know of a version. */
static inline struct kafka_version kafka_api_version(const struct kafka_api *api, int16_t number)
{
    return (struct kafka_version){.number = number, .flexible = number >= api->flexible_since};
}

/* 1 or 2. */
int16_t kafka_request_header_version(const struct kafka_api *api, int16_t version);

/* 0 or 1. The answer to ApiVersions has header version 0 whatever its own version. */
int16_t kafka_response_header_version(const struct kafka_api *api, int16_t version);

#endif

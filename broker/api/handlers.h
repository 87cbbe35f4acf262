/* handlers.h -- every API that this broker answers: one function each, in the file of its group.
 *
 * A handler reads the body in the shard's scratch arena, and answers now or has it answered later.
 * It returns false if the body does not parse: nothing has been started then.
 */
#ifndef BROKER_API_HANDLERS_H
#define BROKER_API_HANDLERS_H

#include "broker/net/request.h"

/* clang-format off */
#define HANDLERS(X)                                                  \
    X(PRODUCE, produce)                           /* produce.c */    \
    X(FETCH, fetch)                               /* fetch.c */      \
    X(LIST_OFFSETS, list_offsets)                 /* offsets.c */    \
    X(OFFSET_FOR_LEADER_EPOCH, epoch_end)                            \
    X(DELETE_RECORDS, delete_records)                                \
    X(DESCRIBE_PRODUCERS, producers)                                 \
    X(METADATA, metadata)                         /* metadata.c */   \
    X(DESCRIBE_CLUSTER, describe_cluster)         /* cluster.c */    \
    X(DESCRIBE_TOPIC_PARTITIONS, describe_topic_partitions)          \
    X(DESCRIBE_CONFIGS, describe_configs)         /* configs.c */    \
    X(LIST_CONFIG_RESOURCES, list_config_resources) /* config_resources.c */ \
    X(DESCRIBE_LOG_DIRS, describe_log_dirs)       /* log_dirs.c */   \
    X(ALTER_REPLICA_LOG_DIRS, alter_log_dirs)     /* alter_log_dirs.c */ \
    X(CREATE_TOPICS, forward)                     /* admin.c: to the controller */ \
    X(DELETE_TOPICS, forward)                                        \
    X(CREATE_PARTITIONS, forward)                                    \
    X(INCREMENTAL_ALTER_CONFIGS, forward)                            \
    X(ALTER_CONFIGS, forward)                                        \
    X(ELECT_LEADERS, forward)                                        \
    X(DESCRIBE_QUORUM, forward)                                      \
    X(ALTER_PARTITION_REASSIGNMENTS, forward)                        \
    X(UNREGISTER_BROKER, forward)                                    \
    X(ADD_RAFT_VOTER, forward)                                       \
    X(REMOVE_RAFT_VOTER, forward)                                    \
    X(RETIRED_TOPICS, forward)                                       \
    X(UPDATE_FEATURES, forward)                                      \
    X(LIST_PARTITION_REASSIGNMENTS, list_reassignments) /* moves.c */ \
    X(INIT_PRODUCER_ID, init_producer_id)         /* producer_ids.c */ \
    X(API_VERSIONS, api_versions)                 /* hello.c */      \
    X(FIND_COORDINATOR, find_coordinator)         /* groups.c */     \
    X(JOIN_GROUP, group)                          /* to the group's shard */ \
    X(SYNC_GROUP, group)                                             \
    X(HEARTBEAT, group)                                              \
    X(LEAVE_GROUP, group)                                            \
    X(OFFSET_COMMIT, group)                                          \
    X(OFFSET_FETCH, group)                                           \
    X(OFFSET_DELETE, group)                                          \
    X(LIST_GROUPS, group)                                            \
    X(DESCRIBE_GROUPS, group)                                        \
    X(DELETE_GROUPS, group)                                          \
    X(CONSUMER_GROUP_HEARTBEAT, group)                               \
    X(CONSUMER_GROUP_DESCRIBE, group)                                \
    X(DESCRIBE_ACLS, describe_acls)                                  \
    X(REPLICA_HELLO, replica_hello)
/* clang-format on */

#define X(api, name) bool handle_##name(struct shard *s, struct request *r, struct slice body);
HANDLERS(X)
#undef X

/* NULL: not offered. */
request_handler *handler_of(int16_t api_key);

/* Metadata that is held until a new leader is known: after the image changed, or in time
 * (metadata.c). */
void metadata_turn(struct shard *s, bool image_changed);

/* When the next of them is out of time, or ENV_NEVER. */
uint64_t metadata_deadline(const struct shard *s);

/* Posts that have come home from the link. */
void forward_on_back(struct shard *s, struct post_admin *post);
void producer_ids_on_back(struct shard *s, struct post_producer_ids *post);

/* Asks for topics to be created for a Metadata request (auto.create.topics.enable, admin.c), which
 * is held until the answer comes: then every broker knows them, not only this one. What is returned
 * names the creation; 0 if nothing was asked for. */
uint64_t forward_auto_create(struct shard *s, const struct slice *names, uint32_t count);
void metadata_on_created(struct shard *s, uint64_t create, struct buf *answer);

/* What that answer says of each topic, in the scratch memory; none if there is no answer, or no
 * room for it. */
struct array forward_created(struct shard *s, const struct buf *answer);

/* An ask has come home (groups.c). */
void groups_on_ask_back(struct shard *s, struct group_ask *ask);

/* Has __consumer_offsets made, unless that was asked for a moment ago (admin.c). */
void forward_create_offsets_topic(struct shard *s);

#endif

/* The tables of the APIs that describe the cluster. */
#include "proto/msg/alter_log_dirs.h"
#include "proto/msg/alter_partition_reassignments.h"
#include "proto/msg/api_versions.h"
#include "proto/msg/describe_cluster.h"
#include "proto/msg/describe_log_dirs.h"
#include "proto/msg/describe_quorum.h"
#include "proto/msg/describe_topic_partitions.h"
#include "proto/msg/elect_leaders.h"
#include "proto/msg/find_coordinator.h"
#include "proto/msg/list_config_resources.h"
#include "proto/msg/list_partition_reassignments.h"
#include "proto/msg/metadata.h"
#include "proto/msg/raft_voters.h"
#include "proto/msg/replica_hello.h"
#include "proto/msg/unregister_broker.h"
#include "proto/msg/update_features.h"

DEFINE(API_VERSIONS_REQUEST, api_versions_request);
DEFINE(API_VERSIONS_RESPONSE_API_KEY, api_versions_response_api_key);
DEFINE(API_VERSIONS_RESPONSE_SUPPORTED_FEATURE, api_versions_response_supported_feature);
DEFINE(API_VERSIONS_RESPONSE_FINALIZED_FEATURE, api_versions_response_finalized_feature);
DEFINE(API_VERSIONS_RESPONSE, api_versions_response);

DEFINE(METADATA_REQUEST_TOPIC, metadata_request_topic);
DEFINE(METADATA_REQUEST, metadata_request);
DEFINE(METADATA_RESPONSE_BROKER, metadata_response_broker);
DEFINE(METADATA_RESPONSE_PARTITION, metadata_response_partition);
DEFINE(METADATA_RESPONSE_TOPIC, metadata_response_topic);
DEFINE(METADATA_RESPONSE, metadata_response);

DEFINE(FIND_COORDINATOR_REQUEST, find_coordinator_request);
DEFINE(FIND_COORDINATOR_RESPONSE_COORDINATOR, find_coordinator_response_coordinator);
DEFINE(FIND_COORDINATOR_RESPONSE, find_coordinator_response);

DEFINE(DESCRIBE_CLUSTER_REQUEST, describe_cluster_request);
DEFINE(DESCRIBE_CLUSTER_RESPONSE_BROKER, describe_cluster_response_broker);
DEFINE(DESCRIBE_CLUSTER_RESPONSE, describe_cluster_response);

DEFINE(DESCRIBE_TOPIC_PARTITIONS_REQUEST_TOPIC, describe_topic_partitions_request_topic);
DEFINE(DESCRIBE_TOPIC_PARTITIONS_CURSOR, describe_topic_partitions_cursor);
DEFINE(DESCRIBE_TOPIC_PARTITIONS_REQUEST, describe_topic_partitions_request);
DEFINE(DESCRIBE_TOPIC_PARTITIONS_RESPONSE_PARTITION, describe_topic_partitions_response_partition);
DEFINE(DESCRIBE_TOPIC_PARTITIONS_RESPONSE_TOPIC, describe_topic_partitions_response_topic);
DEFINE(DESCRIBE_TOPIC_PARTITIONS_RESPONSE, describe_topic_partitions_response);

DEFINE(DESCRIBE_QUORUM_REQUEST_PARTITION, describe_quorum_request_partition);
DEFINE(DESCRIBE_QUORUM_REQUEST_TOPIC, describe_quorum_request_topic);
DEFINE(DESCRIBE_QUORUM_REQUEST, describe_quorum_request);
DEFINE(DESCRIBE_QUORUM_RESPONSE_REPLICA, describe_quorum_response_replica);
DEFINE(DESCRIBE_QUORUM_RESPONSE_PARTITION, describe_quorum_response_partition);
DEFINE(DESCRIBE_QUORUM_RESPONSE_TOPIC, describe_quorum_response_topic);
DEFINE(DESCRIBE_QUORUM_RESPONSE_LISTENER, describe_quorum_response_listener);
DEFINE(DESCRIBE_QUORUM_RESPONSE_NODE, describe_quorum_response_node);
DEFINE(DESCRIBE_QUORUM_RESPONSE, describe_quorum_response);

DEFINE(ELECT_LEADERS_REQUEST_TOPIC, elect_leaders_request_topic);
DEFINE(ELECT_LEADERS_REQUEST, elect_leaders_request);
DEFINE(ELECT_LEADERS_RESPONSE_PARTITION, elect_leaders_response_partition);
DEFINE(ELECT_LEADERS_RESPONSE_TOPIC, elect_leaders_response_topic);
DEFINE(ELECT_LEADERS_RESPONSE, elect_leaders_response);

DEFINE(REPLICA_HELLO_REQUEST, replica_hello_request);
DEFINE(REPLICA_HELLO_RESPONSE, replica_hello_response);

DEFINE(ALTER_REASSIGNMENTS_REQUEST_PARTITION, alter_reassignments_request_partition);
DEFINE(ALTER_REASSIGNMENTS_REQUEST_TOPIC, alter_reassignments_request_topic);
DEFINE(ALTER_REASSIGNMENTS_REQUEST, alter_reassignments_request);
DEFINE(ALTER_REASSIGNMENTS_RESPONSE_PARTITION, alter_reassignments_response_partition);
DEFINE(ALTER_REASSIGNMENTS_RESPONSE_TOPIC, alter_reassignments_response_topic);
DEFINE(ALTER_REASSIGNMENTS_RESPONSE, alter_reassignments_response);

DEFINE(LIST_REASSIGNMENTS_REQUEST_TOPIC, list_reassignments_request_topic);
DEFINE(LIST_REASSIGNMENTS_REQUEST, list_reassignments_request);
DEFINE(LIST_REASSIGNMENTS_RESPONSE_PARTITION, list_reassignments_response_partition);
DEFINE(LIST_REASSIGNMENTS_RESPONSE_TOPIC, list_reassignments_response_topic);
DEFINE(LIST_REASSIGNMENTS_RESPONSE, list_reassignments_response);

DEFINE(UNREGISTER_BROKER_REQUEST, unregister_broker_request);
DEFINE(UNREGISTER_BROKER_RESPONSE, unregister_broker_response);

DEFINE(UPDATE_FEATURES_REQUEST_FEATURE, update_features_request_feature);
DEFINE(UPDATE_FEATURES_REQUEST, update_features_request);
DEFINE(UPDATE_FEATURES_RESPONSE_RESULT, update_features_response_result);
DEFINE(UPDATE_FEATURES_RESPONSE, update_features_response);

DEFINE(LIST_CONFIG_RESOURCES_REQUEST, list_config_resources_request);
DEFINE(LIST_CONFIG_RESOURCES_RESPONSE_RESOURCE, list_config_resources_response_resource);
DEFINE(LIST_CONFIG_RESOURCES_RESPONSE, list_config_resources_response);

DEFINE(ALTER_LOG_DIRS_REQUEST_TOPIC, alter_log_dirs_request_topic);
DEFINE(ALTER_LOG_DIRS_REQUEST_DIR, alter_log_dirs_request_dir);
DEFINE(ALTER_LOG_DIRS_REQUEST, alter_log_dirs_request);
DEFINE(ALTER_LOG_DIRS_RESPONSE_PARTITION, alter_log_dirs_response_partition);
DEFINE(ALTER_LOG_DIRS_RESPONSE_TOPIC, alter_log_dirs_response_topic);
DEFINE(ALTER_LOG_DIRS_RESPONSE, alter_log_dirs_response);

DEFINE(DESCRIBE_LOG_DIRS_REQUEST_TOPIC, describe_log_dirs_request_topic);
DEFINE(DESCRIBE_LOG_DIRS_REQUEST, describe_log_dirs_request);
DEFINE(DESCRIBE_LOG_DIRS_RESPONSE_PARTITION, describe_log_dirs_response_partition);
DEFINE(DESCRIBE_LOG_DIRS_RESPONSE_TOPIC, describe_log_dirs_response_topic);
DEFINE(DESCRIBE_LOG_DIRS_RESPONSE_RESULT, describe_log_dirs_response_result);
DEFINE(DESCRIBE_LOG_DIRS_RESPONSE, describe_log_dirs_response);

DEFINE(ADD_RAFT_VOTER_REQUEST_LISTENER, add_raft_voter_request_listener);
DEFINE(ADD_RAFT_VOTER_REQUEST, add_raft_voter_request);
DEFINE(ADD_RAFT_VOTER_RESPONSE, add_raft_voter_response);
DEFINE(REMOVE_RAFT_VOTER_REQUEST, remove_raft_voter_request);
DEFINE(REMOVE_RAFT_VOTER_RESPONSE, remove_raft_voter_response);

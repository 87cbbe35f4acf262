/* The tables of the APIs of groups and their offsets. */
#include "proto/msg/consumer_group_describe.h"
#include "proto/msg/consumer_group_heartbeat.h"
#include "proto/msg/consumer_records.h"
#include "proto/msg/delete_groups.h"
#include "proto/msg/describe_groups.h"
#include "proto/msg/group_records.h"
#include "proto/msg/heartbeat.h"
#include "proto/msg/join_group.h"
#include "proto/msg/leave_group.h"
#include "proto/msg/list_groups.h"
#include "proto/msg/offset_commit.h"
#include "proto/msg/offset_delete.h"
#include "proto/msg/offset_fetch.h"
#include "proto/msg/sync_group.h"

DEFINE(JOIN_GROUP_REQUEST_PROTOCOL, join_group_request_protocol);
DEFINE(JOIN_GROUP_REQUEST, join_group_request);
DEFINE(JOIN_GROUP_RESPONSE_MEMBER, join_group_response_member);
DEFINE(JOIN_GROUP_RESPONSE, join_group_response);

DEFINE(SYNC_GROUP_REQUEST_ASSIGNMENT, sync_group_request_assignment);
DEFINE(SYNC_GROUP_REQUEST, sync_group_request);
DEFINE(SYNC_GROUP_RESPONSE, sync_group_response);

DEFINE(HEARTBEAT_REQUEST, heartbeat_request);
DEFINE(HEARTBEAT_RESPONSE, heartbeat_response);

DEFINE(LEAVE_GROUP_REQUEST_MEMBER, leave_group_request_member);
DEFINE(LEAVE_GROUP_REQUEST, leave_group_request);
DEFINE(LEAVE_GROUP_RESPONSE_MEMBER, leave_group_response_member);
DEFINE(LEAVE_GROUP_RESPONSE, leave_group_response);

DEFINE(OFFSET_COMMIT_REQUEST_PARTITION, offset_commit_request_partition);
DEFINE(OFFSET_COMMIT_REQUEST_TOPIC, offset_commit_request_topic);
DEFINE(OFFSET_COMMIT_REQUEST, offset_commit_request);
DEFINE(OFFSET_COMMIT_RESPONSE_PARTITION, offset_commit_response_partition);
DEFINE(OFFSET_COMMIT_RESPONSE_TOPIC, offset_commit_response_topic);
DEFINE(OFFSET_COMMIT_RESPONSE, offset_commit_response);

DEFINE(OFFSET_FETCH_REQUEST_TOPIC, offset_fetch_request_topic);
DEFINE(OFFSET_FETCH_REQUEST_GROUP_TOPIC, offset_fetch_request_group_topic);
DEFINE(OFFSET_FETCH_REQUEST_GROUP, offset_fetch_request_group);
DEFINE(OFFSET_FETCH_REQUEST, offset_fetch_request);
DEFINE(OFFSET_FETCH_RESPONSE_PARTITION, offset_fetch_response_partition);
DEFINE(OFFSET_FETCH_RESPONSE_TOPIC, offset_fetch_response_topic);
DEFINE(OFFSET_FETCH_RESPONSE_GROUP_PARTITION, offset_fetch_response_group_partition);
DEFINE(OFFSET_FETCH_RESPONSE_GROUP_TOPIC, offset_fetch_response_group_topic);
DEFINE(OFFSET_FETCH_RESPONSE_GROUP, offset_fetch_response_group);
DEFINE(OFFSET_FETCH_RESPONSE, offset_fetch_response);

DEFINE(OFFSET_DELETE_REQUEST_PARTITION, offset_delete_request_partition);
DEFINE(OFFSET_DELETE_REQUEST_TOPIC, offset_delete_request_topic);
DEFINE(OFFSET_DELETE_REQUEST, offset_delete_request);
DEFINE(OFFSET_DELETE_RESPONSE_PARTITION, offset_delete_response_partition);
DEFINE(OFFSET_DELETE_RESPONSE_TOPIC, offset_delete_response_topic);
DEFINE(OFFSET_DELETE_RESPONSE, offset_delete_response);

DEFINE(LIST_GROUPS_REQUEST, list_groups_request);
DEFINE(LIST_GROUPS_RESPONSE_GROUP, list_groups_response_group);
DEFINE(LIST_GROUPS_RESPONSE, list_groups_response);

DEFINE(DESCRIBE_GROUPS_REQUEST, describe_groups_request);
DEFINE(DESCRIBE_GROUPS_RESPONSE_MEMBER, describe_groups_response_member);
DEFINE(DESCRIBE_GROUPS_RESPONSE_GROUP, describe_groups_response_group);
DEFINE(DESCRIBE_GROUPS_RESPONSE, describe_groups_response);

DEFINE(DELETE_GROUPS_REQUEST, delete_groups_request);
DEFINE(DELETE_GROUPS_RESPONSE_RESULT, delete_groups_response_result);
DEFINE(DELETE_GROUPS_RESPONSE, delete_groups_response);

DEFINE(OFFSET_COMMIT_KEY, offset_commit_key);
DEFINE(OFFSET_COMMIT_VALUE, offset_commit_value);
DEFINE(GROUP_METADATA_KEY, group_metadata_key);
DEFINE(GROUP_METADATA_VALUE_MEMBER, group_metadata_value_member);
DEFINE(GROUP_METADATA_VALUE, group_metadata_value);

DEFINE(CONSUMER_GROUP_HEARTBEAT_PARTITIONS, consumer_group_heartbeat_partitions);
DEFINE(CONSUMER_GROUP_HEARTBEAT_REQUEST, consumer_group_heartbeat_request);
DEFINE(CONSUMER_GROUP_HEARTBEAT_ASSIGNMENT, consumer_group_heartbeat_assignment);
DEFINE(CONSUMER_GROUP_HEARTBEAT_RESPONSE, consumer_group_heartbeat_response);

DEFINE(CONSUMER_GROUP_DESCRIBE_REQUEST, consumer_group_describe_request);
DEFINE(CONSUMER_GROUP_DESCRIBE_PARTITIONS, consumer_group_describe_partitions);
DEFINE(CONSUMER_GROUP_DESCRIBE_ASSIGNMENT, consumer_group_describe_assignment);
DEFINE(CONSUMER_GROUP_DESCRIBE_MEMBER, consumer_group_describe_member);
DEFINE(CONSUMER_GROUP_DESCRIBE_GROUP, consumer_group_describe_group);
DEFINE(CONSUMER_GROUP_DESCRIBE_RESPONSE, consumer_group_describe_response);

DEFINE(CONSUMER_GROUP_KEY, consumer_group_key);
DEFINE(CONSUMER_MEMBER_KEY, consumer_member_key);
DEFINE(CONSUMER_PATTERN_KEY, consumer_pattern_key);
DEFINE(CONSUMER_EPOCH_VALUE, consumer_epoch_value);
DEFINE(CONSUMER_CLASSIC_PROTOCOL, consumer_classic_protocol);
DEFINE(CONSUMER_CLASSIC_METADATA, consumer_classic_metadata);
DEFINE(CONSUMER_MEMBER_VALUE, consumer_member_value);
DEFINE(CONSUMER_TARGET_EPOCH_VALUE, consumer_target_epoch_value);
DEFINE(CONSUMER_TARGET_PARTITIONS, consumer_target_partitions);
DEFINE(CONSUMER_TARGET_VALUE, consumer_target_value);
DEFINE(CONSUMER_CURRENT_PARTITIONS, consumer_current_partitions);
DEFINE(CONSUMER_CURRENT_VALUE, consumer_current_value);
DEFINE(CONSUMER_PATTERN_VALUE, consumer_pattern_value);

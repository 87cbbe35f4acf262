/* The tables of the APIs that change topics and configurations. */
#include "proto/msg/alter_configs.h"
#include "proto/msg/create_partitions.h"
#include "proto/msg/create_topics.h"
#include "proto/msg/delete_topics.h"
#include "proto/msg/describe_acls.h"
#include "proto/msg/describe_configs.h"
#include "proto/msg/incremental_alter_configs.h"
#include "proto/msg/retired_topics.h"

DEFINE(CREATE_TOPICS_REQUEST_ASSIGNMENT, create_topics_request_assignment);
DEFINE(CREATE_TOPICS_REQUEST_CONFIG, create_topics_request_config);
DEFINE(CREATE_TOPICS_REQUEST_TOPIC, create_topics_request_topic);
DEFINE(CREATE_TOPICS_REQUEST, create_topics_request);
DEFINE(CREATE_TOPICS_RESPONSE_CONFIG, create_topics_response_config);
DEFINE(CREATE_TOPICS_RESPONSE_TOPIC, create_topics_response_topic);
DEFINE(CREATE_TOPICS_RESPONSE, create_topics_response);

DEFINE(DELETE_TOPICS_REQUEST_TOPIC, delete_topics_request_topic);
DEFINE(DELETE_TOPICS_REQUEST, delete_topics_request);
DEFINE(DELETE_TOPICS_RESPONSE_TOPIC, delete_topics_response_topic);
DEFINE(DELETE_TOPICS_RESPONSE, delete_topics_response);

DEFINE(RETIRED_TOPICS_REQUEST_TOPIC, retired_topics_request_topic);
DEFINE(RETIRED_TOPICS_REQUEST, retired_topics_request);
DEFINE(RETIRED_TOPICS_RESPONSE_TOPIC, retired_topics_response_topic);
DEFINE(RETIRED_TOPICS_RESPONSE, retired_topics_response);

DEFINE(CREATE_PARTITIONS_REQUEST_ASSIGNMENT, create_partitions_request_assignment);
DEFINE(CREATE_PARTITIONS_REQUEST_TOPIC, create_partitions_request_topic);
DEFINE(CREATE_PARTITIONS_REQUEST, create_partitions_request);
DEFINE(CREATE_PARTITIONS_RESPONSE_TOPIC, create_partitions_response_topic);
DEFINE(CREATE_PARTITIONS_RESPONSE, create_partitions_response);

DEFINE(DESCRIBE_CONFIGS_REQUEST_RESOURCE, describe_configs_request_resource);
DEFINE(DESCRIBE_CONFIGS_REQUEST, describe_configs_request);
DEFINE(DESCRIBE_CONFIGS_RESPONSE_SYNONYM, describe_configs_response_synonym);
DEFINE(DESCRIBE_CONFIGS_RESPONSE_CONFIG, describe_configs_response_config);
DEFINE(DESCRIBE_CONFIGS_RESPONSE_RESULT, describe_configs_response_result);
DEFINE(DESCRIBE_CONFIGS_RESPONSE, describe_configs_response);

DEFINE(INCREMENTAL_ALTER_CONFIGS_REQUEST_CONFIG, incremental_alter_configs_request_config);
DEFINE(INCREMENTAL_ALTER_CONFIGS_REQUEST_RESOURCE, incremental_alter_configs_request_resource);
DEFINE(INCREMENTAL_ALTER_CONFIGS_REQUEST, incremental_alter_configs_request);
DEFINE(INCREMENTAL_ALTER_CONFIGS_RESPONSE, incremental_alter_configs_response);

DEFINE(ALTER_CONFIGS_REQUEST_CONFIG, alter_configs_request_config);
DEFINE(ALTER_CONFIGS_REQUEST_RESOURCE, alter_configs_request_resource);
DEFINE(ALTER_CONFIGS_REQUEST, alter_configs_request);
DEFINE(ALTER_CONFIGS_RESPONSE, alter_configs_response);

DEFINE(DESCRIBE_ACLS_REQUEST, describe_acls_request);
DEFINE(DESCRIBE_ACLS_RESPONSE_ACL, describe_acls_response_acl);
DEFINE(DESCRIBE_ACLS_RESPONSE_RESOURCE, describe_acls_response_resource);
DEFINE(DESCRIBE_ACLS_RESPONSE, describe_acls_response);

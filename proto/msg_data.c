/* The tables of the APIs that move records, and of the structs they share. */
#include "proto/msg/delete_records.h"
#include "proto/msg/describe_producers.h"
#include "proto/msg/fetch.h"
#include "proto/msg/init_producer_id.h"
#include "proto/msg/list_offsets.h"
#include "proto/msg/offset_for_leader_epoch.h"
#include "proto/msg/produce.h"
#include "proto/msg/shared.h"

DEFINE(LEADER_ID_AND_EPOCH, leader_id_and_epoch);
DEFINE(NODE_ENDPOINT, node_endpoint);
DEFINE(ALTERED_RESOURCE, altered_resource);

DEFINE(PRODUCE_REQUEST_PARTITION, produce_request_partition);
DEFINE(PRODUCE_REQUEST_TOPIC, produce_request_topic);
DEFINE(PRODUCE_REQUEST, produce_request);
DEFINE(PRODUCE_RESPONSE_RECORD_ERROR, produce_response_record_error);
DEFINE(PRODUCE_RESPONSE_PARTITION, produce_response_partition);
DEFINE(PRODUCE_RESPONSE_TOPIC, produce_response_topic);
DEFINE(PRODUCE_RESPONSE, produce_response);

DEFINE(FETCH_REQUEST_REPLICA_STATE, fetch_request_replica_state);
DEFINE(FETCH_REQUEST_PARTITION, fetch_request_partition);
DEFINE(FETCH_REQUEST_TOPIC, fetch_request_topic);
DEFINE(FETCH_REQUEST_FORGOTTEN_TOPIC, fetch_request_forgotten_topic);
DEFINE(FETCH_REQUEST, fetch_request);
DEFINE(FETCH_RESPONSE_EPOCH_END_OFFSET, fetch_response_epoch_end_offset);
DEFINE(FETCH_RESPONSE_SNAPSHOT_ID, fetch_response_snapshot_id);
DEFINE(FETCH_RESPONSE_ABORTED_TRANSACTION, fetch_response_aborted_transaction);
DEFINE(FETCH_RESPONSE_PARTITION, fetch_response_partition);
DEFINE(FETCH_RESPONSE_TOPIC, fetch_response_topic);
DEFINE(FETCH_RESPONSE, fetch_response);

DEFINE(LIST_OFFSETS_REQUEST_PARTITION, list_offsets_request_partition);
DEFINE(LIST_OFFSETS_REQUEST_TOPIC, list_offsets_request_topic);
DEFINE(LIST_OFFSETS_REQUEST, list_offsets_request);
DEFINE(LIST_OFFSETS_RESPONSE_PARTITION, list_offsets_response_partition);
DEFINE(LIST_OFFSETS_RESPONSE_TOPIC, list_offsets_response_topic);
DEFINE(LIST_OFFSETS_RESPONSE, list_offsets_response);

DEFINE(OFFSET_FOR_LEADER_EPOCH_REQUEST_PARTITION, offset_for_leader_epoch_request_partition);
DEFINE(OFFSET_FOR_LEADER_EPOCH_REQUEST_TOPIC, offset_for_leader_epoch_request_topic);
DEFINE(OFFSET_FOR_LEADER_EPOCH_REQUEST, offset_for_leader_epoch_request);
DEFINE(OFFSET_FOR_LEADER_EPOCH_RESPONSE_PARTITION, offset_for_leader_epoch_response_partition);
DEFINE(OFFSET_FOR_LEADER_EPOCH_RESPONSE_TOPIC, offset_for_leader_epoch_response_topic);
DEFINE(OFFSET_FOR_LEADER_EPOCH_RESPONSE, offset_for_leader_epoch_response);

DEFINE(INIT_PRODUCER_ID_REQUEST, init_producer_id_request);
DEFINE(INIT_PRODUCER_ID_RESPONSE, init_producer_id_response);

DEFINE(DELETE_RECORDS_REQUEST_PARTITION, delete_records_request_partition);
DEFINE(DELETE_RECORDS_REQUEST_TOPIC, delete_records_request_topic);
DEFINE(DELETE_RECORDS_REQUEST, delete_records_request);
DEFINE(DELETE_RECORDS_RESPONSE_PARTITION, delete_records_response_partition);
DEFINE(DELETE_RECORDS_RESPONSE_TOPIC, delete_records_response_topic);
DEFINE(DELETE_RECORDS_RESPONSE, delete_records_response);

DEFINE(DESCRIBE_PRODUCERS_REQUEST_TOPIC, describe_producers_request_topic);
DEFINE(DESCRIBE_PRODUCERS_REQUEST, describe_producers_request);
DEFINE(DESCRIBE_PRODUCERS_RESPONSE_PRODUCER, describe_producers_response_producer);
DEFINE(DESCRIBE_PRODUCERS_RESPONSE_PARTITION, describe_producers_response_partition);
DEFINE(DESCRIBE_PRODUCERS_RESPONSE_TOPIC, describe_producers_response_topic);
DEFINE(DESCRIBE_PRODUCERS_RESPONSE, describe_producers_response);

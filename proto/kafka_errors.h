/* kafka_errors.h -- every error code that Kafka 4.3 has, what it means, and whether to try again.
 *
 *   X(code, NAME, retriable, text)
 *
 * Codes and names are the protocol's; a client shows its own text. Ours is for logs and tools.
 */
#ifndef PROTO_KAFKA_ERRORS_H
#define PROTO_KAFKA_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define KAFKA_ERRORS(X)                                                                           \
    X(-1,  UNKNOWN_SERVER_ERROR, false,                                                           \
      "something went wrong on the server that has no name of its own")                           \
    X(1,   OFFSET_OUT_OF_RANGE, false,                                                            \
      "the offset is outside the range of offsets that the log holds")                            \
    X(2,   CORRUPT_MESSAGE, true, "the records fail their checksum, size or format")              \
    X(3,   UNKNOWN_TOPIC_OR_PARTITION, true, "this broker does not host that topic or partition") \
    X(4,   INVALID_FETCH_SIZE, false, "a fetch must ask for a size that is positive")             \
    X(5,   LEADER_NOT_AVAILABLE, true, "the partition has no leader at the moment")               \
    X(6,   NOT_LEADER_OR_FOLLOWER, true,                                                          \
      "this broker does not lead that partition, or has no replica of it")                        \
    X(7,   REQUEST_TIMED_OUT, true, "the time allowed for the request ran out")                   \
    X(8,   BROKER_NOT_AVAILABLE, false, "the broker is not available")                            \
    X(9,   REPLICA_NOT_AVAILABLE, true, "the replica is not available")                           \
    X(10,  MESSAGE_TOO_LARGE, false, "a batch is larger than max.message.bytes of the topic")     \
    X(11,  STALE_CONTROLLER_EPOCH, false, "the controller has moved on to another epoch")         \
    X(12,  OFFSET_METADATA_TOO_LARGE, false, "the metadata of a committed offset is too large")   \
    X(13,  NETWORK_EXCEPTION, true, "the connection ended before an answer arrived")              \
    X(14,  COORDINATOR_LOAD_IN_PROGRESS, true, "the coordinator is still loading its state")      \
    X(15,  COORDINATOR_NOT_AVAILABLE, true, "no coordinator is available")                        \
    X(16,  NOT_COORDINATOR, true, "this broker is not the coordinator asked for")                 \
    X(17,  INVALID_TOPIC_EXCEPTION, false,                                                        \
      "the name or the topic is not one this may be done to")                                     \
    X(18,  RECORD_LIST_TOO_LARGE, false, "the batches are larger than a segment of the log")      \
    X(19,  NOT_ENOUGH_REPLICAS, true, "fewer replicas are in sync than min.insync.replicas")      \
    X(20,  NOT_ENOUGH_REPLICAS_AFTER_APPEND, true,                                                \
      "written, but to fewer in-sync replicas than min.insync.replicas")                          \
    X(21,  INVALID_REQUIRED_ACKS, false, "acks must be -1, 0 or 1")                               \
    X(22,  ILLEGAL_GENERATION, false, "the generation of the group is not the current one")       \
    X(23,  INCONSISTENT_GROUP_PROTOCOL, false,                                                    \
      "the member's protocols do not fit those of the group")                                     \
    X(24,  INVALID_GROUP_ID, false, "the group id is not valid")                                  \
    X(25,  UNKNOWN_MEMBER_ID, false, "the coordinator does not know this member")                 \
    X(26,  INVALID_SESSION_TIMEOUT, false, "the session timeout is outside the broker's limits")  \
    X(27,  REBALANCE_IN_PROGRESS, false, "the group is rebalancing; join it again")               \
    X(28,  INVALID_COMMIT_OFFSET_SIZE, false, "the offsets to commit are too large")              \
    X(29,  TOPIC_AUTHORIZATION_FAILED, false, "not authorized for the topic")                     \
    X(30,  GROUP_AUTHORIZATION_FAILED, false, "not authorized for the group")                     \
    X(31,  CLUSTER_AUTHORIZATION_FAILED, false, "not authorized for the cluster")                 \
    X(32,  INVALID_TIMESTAMP, false, "a timestamp is outside the range that the topic allows")    \
    X(33,  UNSUPPORTED_SASL_MECHANISM, false, "the SASL mechanism is not supported")              \
    X(34,  ILLEGAL_SASL_STATE, false, "the request does not belong into this state of SASL")      \
    X(35,  UNSUPPORTED_VERSION, false, "the version of the API is not supported")                 \
    X(36,  TOPIC_ALREADY_EXISTS, false, "a topic of this name exists already")                    \
    X(37,  INVALID_PARTITIONS, false, "the number of partitions is not valid")                    \
    X(38,  INVALID_REPLICATION_FACTOR, false,                                                     \
      "the replication factor is below 1 or above the number of usable brokers")                  \
    X(39,  INVALID_REPLICA_ASSIGNMENT, false, "the assignment of replicas is not valid")          \
    X(40,  INVALID_CONFIG, false, "a configuration is not valid")                                 \
    X(41,  NOT_CONTROLLER, true, "this node is not the active controller")                        \
    X(42,  INVALID_REQUEST, false, "the request makes no sense as it stands")                     \
    X(43,  UNSUPPORTED_FOR_MESSAGE_FORMAT, false,                                                 \
      "the message format of the topic does not allow this")                                      \
    X(44,  POLICY_VIOLATION, false, "a policy of the cluster forbids this")                       \
    X(45,  OUT_OF_ORDER_SEQUENCE_NUMBER, false, "a producer's sequence number leaves a gap")      \
    X(46,  DUPLICATE_SEQUENCE_NUMBER, false, "a producer's sequence number was seen before")      \
    X(47,  INVALID_PRODUCER_EPOCH, false, "the producer's epoch is too old")                      \
    X(48,  INVALID_TXN_STATE, false, "the transaction is not in a state that allows this")        \
    X(49,  INVALID_PRODUCER_ID_MAPPING, false,                                                    \
      "the producer id does not belong to the transactional id")                                  \
    X(50,  INVALID_TRANSACTION_TIMEOUT, false,                                                    \
      "the transaction timeout is above transaction.max.timeout.ms")                              \
    X(51,  CONCURRENT_TRANSACTIONS, true,                                                         \
      "another operation on the same transaction is under way")                                   \
    X(52,  TRANSACTION_COORDINATOR_FENCED, false,                                                 \
      "the transaction coordinator has been replaced")                                            \
    X(53,  TRANSACTIONAL_ID_AUTHORIZATION_FAILED, false,                                          \
      "not authorized for the transactional id")                                                  \
    X(54,  SECURITY_DISABLED, false, "the cluster has no authorizer")                             \
    X(55,  OPERATION_NOT_ATTEMPTED, false,                                                        \
      "not attempted because another part of the request failed")                                 \
    X(56,  KAFKA_STORAGE_ERROR, true, "the log directory cannot be read or written")              \
    X(57,  LOG_DIR_NOT_FOUND, false, "no such log directory is configured")                       \
    X(58,  SASL_AUTHENTICATION_FAILED, false, "authentication failed")                            \
    X(59,  UNKNOWN_PRODUCER_ID, false, "the broker knows nothing of this producer id")            \
    X(60,  REASSIGNMENT_IN_PROGRESS, false, "a reassignment of the partition is under way")       \
    X(61,  DELEGATION_TOKEN_AUTH_DISABLED, false, "delegation tokens are not enabled")            \
    X(62,  DELEGATION_TOKEN_NOT_FOUND, false, "no such delegation token")                         \
    X(63,  DELEGATION_TOKEN_OWNER_MISMATCH, false,                                                \
      "the principal is neither owner nor renewer of the token")                                  \
    X(64,  DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, false,                                           \
      "delegation tokens cannot be asked for over this connection")                               \
    X(65,  DELEGATION_TOKEN_AUTHORIZATION_FAILED, false,                                          \
      "not authorized for the delegation token")                                                  \
    X(66,  DELEGATION_TOKEN_EXPIRED, false, "the delegation token has expired")                   \
    X(67,  INVALID_PRINCIPAL_TYPE, false, "the type of principal is not supported")               \
    X(68,  NON_EMPTY_GROUP, false, "the group still has members")                                 \
    X(69,  GROUP_ID_NOT_FOUND, false, "no such group")                                            \
    X(70,  FETCH_SESSION_ID_NOT_FOUND, true, "the broker does not remember this fetch session")   \
    X(71,  INVALID_FETCH_SESSION_EPOCH, true,                                                     \
      "the epoch of the fetch session is not the expected one")                                   \
    X(72,  LISTENER_NOT_FOUND, true, "the leader has no listener of that name")                   \
    X(73,  TOPIC_DELETION_DISABLED, false, "deletion of topics is disabled")                      \
    X(74,  FENCED_LEADER_EPOCH, true,                                                             \
      "the leader epoch in the request is older than the broker's")                               \
    X(75,  UNKNOWN_LEADER_EPOCH, true,                                                            \
      "the leader epoch in the request is newer than the broker's")                               \
    X(76,  UNSUPPORTED_COMPRESSION_TYPE, false,                                                   \
      "the client cannot read the compression of these records")                                  \
    X(77,  STALE_BROKER_EPOCH, false, "the broker epoch is not the current one")                  \
    X(78,  OFFSET_NOT_AVAILABLE, true, "the new leader does not know its high watermark yet")     \
    X(79,  MEMBER_ID_REQUIRED, false, "join again with the member id given in this answer")       \
    X(80,  PREFERRED_LEADER_NOT_AVAILABLE, true, "the preferred leader is not available")         \
    X(81,  GROUP_MAX_SIZE_REACHED, false, "the group is full")                                    \
    X(82,  FENCED_INSTANCE_ID, false, "another member has taken over this group.instance.id")     \
    X(83,  ELIGIBLE_LEADERS_NOT_AVAILABLE, true, "no eligible replica could become leader")       \
    X(84,  ELECTION_NOT_NEEDED, true, "the leader is already the one asked for")                  \
    X(85,  NO_REASSIGNMENT_IN_PROGRESS, false, "no reassignment is under way")                    \
    X(86,  GROUP_SUBSCRIBED_TO_TOPIC, false, "the group is subscribed to the topic")              \
    X(87,  INVALID_RECORD, false, "a record was refused by validation")                           \
    X(88,  UNSTABLE_OFFSET_COMMIT, true, "offsets of an open transaction are pending")            \
    X(89,  THROTTLING_QUOTA_EXCEEDED, true, "a quota is exhausted")                               \
    X(90,  PRODUCER_FENCED, false, "a newer producer with this transactional id has taken over")  \
    X(91,  RESOURCE_NOT_FOUND, false, "no such resource")                                         \
    X(92,  DUPLICATE_RESOURCE, false, "the same resource is named twice")                         \
    X(93,  UNACCEPTABLE_CREDENTIAL, false, "the credential does not meet the requirements")       \
    X(94,  INCONSISTENT_VOTER_SET, false, "sender or receiver is not among the voters")           \
    X(95,  INVALID_UPDATE_VERSION, false, "the version to update to is not valid")                \
    X(96,  FEATURE_UPDATE_FAILED, false, "the finalized features could not be updated")           \
    X(97,  PRINCIPAL_DESERIALIZATION_FAILURE, false, "the forwarded principal could not be read") \
    X(98,  SNAPSHOT_NOT_FOUND, false, "no such snapshot")                                         \
    X(99,  POSITION_OUT_OF_RANGE, false, "the position lies outside the snapshot")                \
    X(100, UNKNOWN_TOPIC_ID, true, "this broker does not host a topic with that id")              \
    X(101, DUPLICATE_BROKER_REGISTRATION, false, "the broker id is in use")                       \
    X(102, BROKER_ID_NOT_REGISTERED, false, "no broker with that id is registered")               \
    X(103, INCONSISTENT_TOPIC_ID, true, "the topic id is not that of the log")                    \
    X(104, INCONSISTENT_CLUSTER_ID, false, "the cluster id is not that of this cluster")          \
    X(105, TRANSACTIONAL_ID_NOT_FOUND, false, "no such transactional id")                         \
    X(106, FETCH_SESSION_TOPIC_ID_ERROR, true,                                                    \
      "the fetch session mixes topic names and topic ids")                                        \
    X(107, INELIGIBLE_REPLICA, false, "a replica proposed for the in-sync set is not eligible")   \
    X(108, NEW_LEADER_ELECTED, false, "the partition was changed and now has another leader")     \
    X(109, OFFSET_MOVED_TO_TIERED_STORAGE, false, "the offset has moved to tiered storage")       \
    X(110, FENCED_MEMBER_EPOCH, false,                                                            \
      "the member's epoch is fenced; give up all partitions and join again")                      \
    X(111, UNRELEASED_INSTANCE_ID, false,                                                         \
      "the static member id is still in use; its holder must leave first")                        \
    X(112, UNSUPPORTED_ASSIGNOR, false,                                                           \
      "the assignor or its version is not supported by the group")                                \
    X(113, STALE_MEMBER_EPOCH, false,                                                             \
      "the member's epoch is stale; retry with the one from the next heartbeat")                  \
    X(114, MISMATCHED_ENDPOINT_TYPE, false, "the request belongs to an endpoint of another type") \
    X(115, UNSUPPORTED_ENDPOINT_TYPE, false, "this type of endpoint is not supported")            \
    X(116, UNKNOWN_CONTROLLER_ID, false, "no such controller id")                                 \
    X(117, UNKNOWN_SUBSCRIPTION_ID, false, "the telemetry subscription is unknown or outdated")   \
    X(118, TELEMETRY_TOO_LARGE, false, "the telemetry is larger than the broker accepts")         \
    X(119, INVALID_REGISTRATION, false, "the controller refuses this registration")               \
    X(120, TRANSACTION_ABORTABLE, false, "the transaction failed and can be aborted")             \
    X(121, INVALID_RECORD_STATE, false,                                                           \
      "the acknowledgement does not fit the state of the record")                                 \
    X(122, SHARE_SESSION_NOT_FOUND, true, "no such share session")                                \
    X(123, INVALID_SHARE_SESSION_EPOCH, true, "the epoch of the share session is not valid")      \
    X(124, FENCED_STATE_EPOCH, false, "the state epoch of the share group is fenced")             \
    X(125, INVALID_VOTER_KEY, false, "the voter's key is not that of the receiving node")         \
    X(126, DUPLICATE_VOTER, false, "the node is already a voter")                                 \
    X(127, VOTER_NOT_FOUND, false, "the node is not a voter")                                     \
    X(128, INVALID_REGULAR_EXPRESSION, false, "the regular expression is not valid")              \
    X(129, REBOOTSTRAP_REQUIRED, false,                                                           \
      "the client's metadata is too old; it must bootstrap again")                                \
    X(130, STREAMS_INVALID_TOPOLOGY, false, "the topology is not valid")                          \
    X(131, STREAMS_INVALID_TOPOLOGY_EPOCH, false, "the epoch of the topology is not valid")       \
    X(132, STREAMS_TOPOLOGY_FENCED, false, "the topology is outdated")                            \
    X(133, SHARE_SESSION_LIMIT_REACHED, true, "no more share sessions can be opened")

enum kafka_error {
    KAFKA_NONE = 0,
#define X(code, name, retriable, text) KAFKA_##name = code,
    KAFKA_ERRORS(X)
#undef X
};
/* clang-format on */

/* "NOT_LEADER_OR_FOLLOWER". A code that is not in the list has the name "UNKNOWN_CODE". */
const char *kafka_error_name(int16_t code);
const char *kafka_error_text(int16_t code);

/* True if the same request may succeed later without any change to it. */
bool kafka_error_is_retriable(int16_t code);

#endif

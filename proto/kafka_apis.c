#include "proto/kafka_apis.h"

#include "common/check.h"
#include "proto/msg/alter_configs.h"
#include "proto/msg/alter_log_dirs.h"
#include "proto/msg/alter_partition_reassignments.h"
#include "proto/msg/api_versions.h"
#include "proto/msg/consumer_group_describe.h"
#include "proto/msg/consumer_group_heartbeat.h"
#include "proto/msg/create_partitions.h"
#include "proto/msg/create_topics.h"
#include "proto/msg/delete_groups.h"
#include "proto/msg/delete_records.h"
#include "proto/msg/delete_topics.h"
#include "proto/msg/describe_acls.h"
#include "proto/msg/describe_cluster.h"
#include "proto/msg/describe_configs.h"
#include "proto/msg/describe_groups.h"
#include "proto/msg/describe_log_dirs.h"
#include "proto/msg/describe_producers.h"
#include "proto/msg/describe_quorum.h"
#include "proto/msg/describe_topic_partitions.h"
#include "proto/msg/elect_leaders.h"
#include "proto/msg/fetch.h"
#include "proto/msg/find_coordinator.h"
#include "proto/msg/heartbeat.h"
#include "proto/msg/incremental_alter_configs.h"
#include "proto/msg/init_producer_id.h"
#include "proto/msg/join_group.h"
#include "proto/msg/leave_group.h"
#include "proto/msg/list_config_resources.h"
#include "proto/msg/list_groups.h"
#include "proto/msg/list_offsets.h"
#include "proto/msg/list_partition_reassignments.h"
#include "proto/msg/metadata.h"
#include "proto/msg/offset_commit.h"
#include "proto/msg/offset_delete.h"
#include "proto/msg/offset_fetch.h"
#include "proto/msg/offset_for_leader_epoch.h"
#include "proto/msg/produce.h"
#include "proto/msg/raft_voters.h"
#include "proto/msg/replica_hello.h"
#include "proto/msg/retired_topics.h"
#include "proto/msg/sync_group.h"
#include "proto/msg/unregister_broker.h"
#include "proto/msg/update_features.h"

/* clang-format off */
enum row {
#define X(number, upper, tag, text, min, max, flexible) ROW_##upper,
    KAFKA_APIS(X)
#undef X
    /* Must be last. */
    ROW_COUNT
};

static const struct kafka_api apis[ROW_COUNT] = {
#define X(number, upper, tag, text, min, max, flexible)              \
    [ROW_##upper] = {.key = number,                                  \
                     .version_min = min,                             \
                     .version_max = max,                             \
                     .flexible_since = flexible,                     \
                     .name = text,                                   \
                     .request = &schema_##tag##_request,             \
                     .response = &schema_##tag##_response},
    KAFKA_APIS(X)
#undef X
};

const size_t kafka_api_count = ROW_COUNT;

/* A switch and not a search: the compiler also refuses a key that stands in two rows. */
const struct kafka_api *kafka_api_find(int16_t key)
{
    switch (key) {
#define X(number, upper, tag, text, min, max, flexible) case number: return &apis[ROW_##upper];
    KAFKA_APIS(X)
#undef X
    default: return NULL;
    }
}
/* clang-format on */

const struct kafka_api *kafka_api_at(size_t index)
{
    CHECK(index < ROW_COUNT);

    return &apis[index];
}

int16_t kafka_request_header_version(const struct kafka_api *api, int16_t version)
{
    return version >= api->flexible_since ? 2 : 1;
}

int16_t kafka_response_header_version(const struct kafka_api *api, int16_t version)
{
    /* A client that sends a version we do not know must be able to read that we do not (KIP-511).
     */
    if (api->key == KAFKA_API_API_VERSIONS) return 0;

    return version >= api->flexible_since ? 1 : 0;
}

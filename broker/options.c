#include "broker/options.h"

#include <string.h>

void broker_options_default(struct broker_options *o)
{
    memset(o, 0, sizeof *o);
    o->shard_count = 1;
    o->heartbeat_ms = 300;
    o->session_ms = 1500;
    o->lease_ms = 1000;
    o->replica_hang_ms = 1000;
    o->replica_lag_max_ms = 30000;
    o->retention_check_ms = 300000;
    o->retention_first_ms = 30000;
    o->producer_expiry_ms = (uint64_t)24 * 3600 * 1000;
    o->cleaner_enabled = true;
    o->cleaner_backoff_ms = 15000;
    o->scrub_bytes_per_s = (uint64_t)1024 * 1024;
    o->replica_cache_bytes = (int64_t)8 * 1024 * 1024;
    o->scrub_interval_ms = (uint64_t)24 * 3600 * 1000;
    o->cleaner_map_bytes = (uint64_t)128 * 1024 * 1024;
    o->replica_fetch_wait_ms = 500;
    o->replica_fetch_max_bytes = 1024 * 1024;
    o->replica_fetch_response_max_bytes = 10 * 1024 * 1024;
    o->request_max_bytes = 100 * 1024 * 1024;
    o->requests_in_flight_max = 64;
    o->queued_request_max_bytes = 256ull * 1024 * 1024;
    o->fetch_sessions_max = 1000;
    o->fetch_session_parts_max = 1000 * 1000;
    o->auto_create_topics = true;
    o->stop_max_ms = 30000;
    o->open_files_max = 16384;
    o->reserve_bytes = 64ull * 1024 * 1024;
    o->groups = (struct groups_options){
        .topic_partitions = 50,
        .topic_replication = 3,
        .topic_segment_bytes = 100 * 1024 * 1024,
        .metadata_max_bytes = 4096,
        .commit_timeout_ms = 5000,
        .retention_minutes = 7 * 24 * 60,
        .retention_check_ms = 600000,
        .initial_delay_ms = 3000,
        .session_min_ms = 6000,
        .session_max_ms = 1800000,
        .size_max = INT32_MAX,
        .consumer = {.session_ms = 45000,
                     .session_min_ms = 45000,
                     .session_max_ms = 60000,
                     .heartbeat_ms = 5000,
                     .heartbeat_min_ms = 5000,
                     .heartbeat_max_ms = 15000,
                     .size_max = INT32_MAX,
                     .policy = 3,
                     .assignor_count = 2,
                     .assignors = {0, 1}},
    };
}

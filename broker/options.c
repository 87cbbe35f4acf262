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
}

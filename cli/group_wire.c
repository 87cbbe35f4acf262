#include "cli/group_wire.h"

#include "cli/clock.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_errors.h"
#include "proto/msg/find_coordinator.h"

#define FIND_VERSION 2
#define DESCRIBE_VERSION 1
#define AGAIN_US 50000

bool group_may_ask_again(int16_t error, uint64_t end_ms)
{
    bool is_passing = error == KAFKA_NOT_COORDINATOR || error == KAFKA_COORDINATOR_NOT_AVAILABLE ||
                      error == KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
    if (!is_passing || clock_ms() >= end_ms) return false;
    pause_us(AGAIN_US);
    return true;
}

char *group_coordinator(const char *bootstrap, uint32_t timeout_ms, const char *group)
{
    uint64_t end_ms = clock_ms() + timeout_ms;
    struct find_coordinator_request q;
    struct find_coordinator_response a;
    kafka_defaults(&schema_find_coordinator_request, &q);
    q.key = slice_of_text(group);
    struct wire wire;
    wire_init(&wire, bootstrap, timeout_ms);
    int rc;
    do {
        rc = wire_call(&wire, KAFKA_API_FIND_COORDINATOR, FIND_VERSION, &q, &a);
    } while (rc == 0 && group_may_ask_again(a.error_code, end_ms));
    char *address = NULL;
    if (rc != 0) {
        fail("no broker at %s answers: %s", bootstrap, wire_why(rc));
    } else if (a.error_code != KAFKA_NONE) {
        fail("%s has no coordinator at the moment: %s", group, kafka_error_text(a.error_code));
    } else {
        address = format_text("%.*s:%d", (int)a.host.size, (const char *)a.host.at, a.port);
    }
    wire_close(&wire);
    return address;
}

bool group_consumer_ask(struct wire *w, const char *coordinator, uint32_t timeout_ms,
                        const char *group, struct consumer_group_describe_group *out)
{
    struct consumer_group_describe_request q;
    struct consumer_group_describe_response a;
    struct slice name = slice_of_text(group);
    kafka_defaults(&schema_consumer_group_describe_request, &q);
    q.group_ids = (struct array){.items = &name, .count = 1};
    q.include_why = true;
    wire_init(w, coordinator, timeout_ms);
    int rc = wire_call(w, KAFKA_API_CONSUMER_GROUP_DESCRIBE, DESCRIBE_VERSION, &q, &a);
    if (rc == 0 && a.groups.count != 1) rc = -ERR_MALFORMED;
    if (rc != 0) {
        fail("%s does not answer: %s", coordinator, wire_why(rc));
        return false;
    }
    *out = *(const struct consumer_group_describe_group *)a.groups.items;
    if (out->error_code == KAFKA_NONE) return true;
    if (out->error_code == KAFKA_GROUP_ID_NOT_FOUND) {
        fail("%s: no such group", group);
    } else {
        fail("%s: %s", group, kafka_error_text(out->error_code));
    }
    return false;
}

#include "cli/groups_ask.h"

#include <stdio.h>

#include "cli/clock.h"

#define RECORDS_WAIT_MS 3000
#define AGAIN_US 50000

bool groups_open(struct groups_client *c, const struct groups_options *o, const char *bootstrap)
{
    static const char *const settings[] = {"group.id", "jackdaw-groups",    "enable.auto.commit",
                                           "false",    "auto.offset.reset", "earliest",
                                           NULL};
    *c = (struct groups_client){.timeout_ms = (int)o->timeout_s * 1000, .bootstrap = bootstrap};
    c->end_ms = clock_ms() + (uint64_t)c->timeout_ms;
    rd_kafka_conf_t *conf = client_conf(bootstrap, settings, &o->extra);
    if (conf != NULL) c->rk = client_new(RD_KAFKA_CONSUMER, conf);
    if (c->rk == NULL) return false;
    rd_kafka_poll_set_consumer(c->rk);
    c->queue = rd_kafka_queue_new(c->rk);
    return true;
}

void groups_close(struct groups_client *c)
{
    if (c->queue != NULL) rd_kafka_queue_destroy(c->queue);
    if (c->rk != NULL) rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    *c = (struct groups_client){0};
}

rd_kafka_AdminOptions_t *groups_admin(struct groups_client *c, rd_kafka_admin_op_t op)
{
    char why[256];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(c->rk, op);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, c->timeout_ms, why, sizeof why);
    return options;
}

rd_kafka_event_t *groups_try(struct groups_client *c, rd_kafka_resp_err_t *err)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(c->queue, 2 * c->timeout_ms);
    *err = event != NULL ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (event != NULL && *err == RD_KAFKA_RESP_ERR_NO_ERROR) return event;
    if (event != NULL) rd_kafka_event_destroy(event);
    return NULL;
}

int groups_say(const struct groups_client *c, const char *group, rd_kafka_resp_err_t err)
{
    if (err == RD_KAFKA_RESP_ERR__TIMED_OUT) return fail("no broker at %s answers", c->bootstrap);
    if (group == NULL) return fail("%s", rd_kafka_err2str(err));
    return fail("%s: %s", group, rd_kafka_err2str(err));
}

rd_kafka_event_t *groups_wait(struct groups_client *c)
{
    rd_kafka_resp_err_t err;
    rd_kafka_event_t *event = groups_try(c, &err);
    if (event == NULL) (void)groups_say(c, NULL, err);
    return event;
}

bool groups_again(struct groups_client *c, rd_kafka_resp_err_t err)
{
    bool is_passing = err == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
                      err == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
                      err == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
    if (!is_passing || clock_ms() >= c->end_ms) return false;
    pause_us(AGAIN_US);
    return true;
}

static rd_kafka_topic_partition_list_t *take_committed(rd_kafka_event_t *event,
                                                       rd_kafka_resp_err_t *err)
{
    size_t count = 0;
    const rd_kafka_group_result_t **results = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
    const rd_kafka_error_t *error = count == 1 ? rd_kafka_group_result_error(results[0]) : NULL;
    *err = count != 1 ? RD_KAFKA_RESP_ERR__BAD_MSG : rd_kafka_error_code(error);
    if (*err != RD_KAFKA_RESP_ERR_NO_ERROR) return NULL;
    return rd_kafka_topic_partition_list_copy(rd_kafka_group_result_partitions(results[0]));
}

static rd_kafka_topic_partition_list_t *ask_committed(struct groups_client *c, const char *group,
                                                      rd_kafka_resp_err_t *err)
{
    rd_kafka_AdminOptions_t *options = groups_admin(c, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_ListConsumerGroupOffsets_t *request =
        rd_kafka_ListConsumerGroupOffsets_new(group, NULL);
    rd_kafka_ListConsumerGroupOffsets(c->rk, &request, 1, options, c->queue);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = groups_try(c, err);
    if (event == NULL) return NULL;

    rd_kafka_topic_partition_list_t *list = take_committed(event, err);
    rd_kafka_event_destroy(event);
    return list;
}

rd_kafka_topic_partition_list_t *groups_committed(struct groups_client *c, const char *group)
{
    rd_kafka_resp_err_t err;
    rd_kafka_topic_partition_list_t *list;
    do {
        list = ask_committed(c, group, &err);
    } while (list == NULL && groups_again(c, err));
    if (list == NULL) {
        (void)groups_say(c, group, err);
    } else {
        rd_kafka_topic_partition_list_sort(list, NULL, NULL);
    }
    return list;
}

bool groups_ends(struct groups_client *c, const char *topic, int32_t partition, int64_t *start,
                 int64_t *end)
{
    rd_kafka_resp_err_t err =
        rd_kafka_query_watermark_offsets(c->rk, topic, partition, start, end, c->timeout_ms);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) return true;
    fail("%s-%d: %s", topic, partition, rd_kafka_err2str(err));
    return false;
}

void groups_times(struct groups_client *c, rd_kafka_topic_partition_list_t *at)
{
    int missing = at->cnt;
    if (missing == 0 || rd_kafka_assign(c->rk, at) != RD_KAFKA_RESP_ERR_NO_ERROR) return;

    uint64_t end_ms = clock_ms() + RECORDS_WAIT_MS;
    while (missing > 0 && clock_ms() < end_ms) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(c->rk, 100);
        if (m == NULL) continue;
        rd_kafka_topic_partition_t *p =
            m->err == RD_KAFKA_RESP_ERR_NO_ERROR
                ? rd_kafka_topic_partition_list_find(at, rd_kafka_topic_name(m->rkt), m->partition)
                : NULL;
        if (p != NULL && p->opaque == NULL) {
            rd_kafka_timestamp_type_t type;
            int64_t ms = rd_kafka_message_timestamp(m, &type);
            p->opaque = (void *)(intptr_t)(ms > 0 ? ms : 1);
            missing--;
        }
        rd_kafka_message_destroy(m);
    }
    (void)rd_kafka_assign(c->rk, NULL);
}

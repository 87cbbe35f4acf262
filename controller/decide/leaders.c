#include "controller/decide/leaders.h"

#include "common/check.h"
#include "controller/decide/partitions.h"
#include "proto/kafka_errors.h"

static bool was_changed_already(const struct decision *d, const struct meta_topic *topic,
                                int32_t number)
{
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->records[i].partition.partition == number &&
            uuid_equal(d->records[i].partition.topic_id, topic->id))
            return true;
    }
    return false;
}

static void elect_preferred(const struct meta_image *image, const struct meta_topic *topic,
                            int32_t number, struct decision *d,
                            struct elect_leaders_response_partition *out)
{
    struct partition_change c = partition_change_of(image, topic, number);
    int32_t preferred = c.to.replicas.ids[0];

    if (c.to.leader == preferred || was_changed_already(d, topic, number)) {
        out->error_code = KAFKA_ELECTION_NOT_NEEDED;
        out->error_message = slice_of_text("the preferred leader leads already");
    } else if (!id_set_has(&c.to.isr, preferred) || !broker_is_usable(image, preferred)) {
        out->error_code = KAFKA_PREFERRED_LEADER_NOT_AVAILABLE;
        out->error_message =
            decision_say(d, "broker %d, the preferred leader, is not in sync", preferred);
    } else if (broker_is_drained(image, preferred)) {
        out->error_code = KAFKA_PREFERRED_LEADER_NOT_AVAILABLE;
        out->error_message =
            decision_say(d, "broker %d, the preferred leader, is drained", preferred);
    } else {
        /* A leader hands over; where nobody leads, nothing can be lost by it. */
        if (c.to.leader == META_NOBODY)
            c.to.leader = preferred;
        else
            (void)partition_hand_over(&c, preferred);
        partition_change_end(d, &c, false);
    }
}

/* On demand only (unclean.leader.election.enable stays as it is): of the replicas that live, the
 * one that reaches furthest. What only others had is lost, and the log says so. */
static void elect_unclean(const struct meta_image *image, const struct log_ends *ends,
                          const struct meta_topic *topic, int32_t number, struct decision *d,
                          struct elect_leaders_response_partition *out)
{
    struct partition_change c = partition_change_of(image, topic, number);
    if (c.to.leader != META_NOBODY || was_changed_already(d, topic, number)) {
        out->error_code = KAFKA_ELECTION_NOT_NEEDED;
        out->error_message = slice_of_text("the partition has a leader");
        return;
    }
    int32_t id = ends_best(ends, image, topic, number, NULL, d->canary);
    if (id == META_NOBODY) {
        out->error_code = KAFKA_ELIGIBLE_LEADERS_NOT_AVAILABLE;
        out->error_message = slice_of_text("no replica lives, or one that lives has not told yet "
                                           "how far its log reaches: try again in a second");
        return;
    }
    c.to.elr = (struct id_set){0};
    partition_lead_alone(&c, id);
    partition_change_end(d, &c, false);
}

static void elect(const struct meta_image *image, const struct log_ends *ends, int8_t type,
                  const struct meta_topic *topic, int32_t number, struct decision *d,
                  struct elect_leaders_response_partition *out)
{
    *out = (struct elect_leaders_response_partition){.partition_id = number};
    if (topic == NULL || number < 0 || (uint32_t)number >= topic->partition_count) {
        out->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        out->error_message = slice_of_text("there is no such partition");
    } else if (type == ELECTION_UNCLEAN) {
        elect_unclean(image, ends, topic, number, d, out);
    } else {
        elect_preferred(image, topic, number, d, out);
    }
}

static int elect_all(const struct meta_image *image, const struct log_ends *ends, int8_t type,
                     struct decision *d, struct elect_leaders_response *reply)
{
    struct elect_leaders_response_topic *results =
        decision_take(d, image->topic_count, sizeof *results);
    if (results == NULL) return -ERR_LIMIT;
    reply->replica_election_results.items = results;

    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        struct elect_leaders_response_partition *partitions =
            decision_take(d, t->partition_count, sizeof *partitions);
        if (partitions == NULL) return -ERR_LIMIT;

        int32_t count = 0;
        for (uint32_t i = 0; i < t->partition_count; i++) {
            elect(image, ends, type, t, (int32_t)i, d, &partitions[count]);
            if (partitions[count].error_code != KAFKA_ELECTION_NOT_NEEDED) count++;
        }
        if (count == 0) continue;
        results[reply->replica_election_results.count++] = (struct elect_leaders_response_topic){
            .topic = slice_of_text(t->name),
            .partition_result = {.items = partitions, .count = count}};
    }
    return 0;
}

int decide_elect_leaders(const struct meta_image *image, const struct log_ends *ends,
                         const struct elect_leaders_request *request, struct decision *d,
                         struct elect_leaders_response *reply)
{
    CHECK(d->count == 0);
    *reply = (struct elect_leaders_response){0};
    int8_t type = request->election_type;
    if (type != ELECTION_PREFERRED && type != ELECTION_UNCLEAN) {
        reply->error_code = KAFKA_INVALID_REQUEST;
        return 0;
    }
    decision_cause(d, type == ELECTION_UNCLEAN ? "an unclean election is asked for"
                                               : "preferred leaders asked for");
    if (request->topic_partitions.count < 0) return elect_all(image, ends, type, d, reply);

    const struct elect_leaders_request_topic *topics = request->topic_partitions.items;
    int32_t count = request->topic_partitions.count;
    struct elect_leaders_response_topic *results =
        decision_take(d, (uint32_t)count, sizeof *results);
    if (results == NULL) return -ERR_LIMIT;

    for (int32_t i = 0; i < count; i++) {
        const int32_t *numbers = topics[i].partitions.items;
        int32_t number_count = topics[i].partitions.count < 0 ? 0 : topics[i].partitions.count;
        struct elect_leaders_response_partition *partitions =
            decision_take(d, (uint32_t)number_count, sizeof *partitions);
        if (partitions == NULL) return -ERR_LIMIT;

        const struct meta_topic *topic = meta_topic_by_name(image, topics[i].topic);
        for (int32_t j = 0; j < number_count; j++)
            elect(image, ends, type, topic, numbers[j], d, &partitions[j]);
        results[i].topic = topics[i].topic;
        results[i].partition_result = (struct array){.items = partitions, .count = number_count};
    }
    reply->replica_election_results = (struct array){.items = results, .count = count};
    return 0;
}

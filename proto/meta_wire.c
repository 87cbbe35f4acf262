/* Records to and from protobuf. Every field of every kind is named here once per direction. */
#include <string.h>

#include "common/check.h"
#include "proto/meta.h"
#include "proto/meta_internal.h"
#include "proto/pb.h"

/* clang-format off */
#define KIND_IS(kind, NAME) \
    _Static_assert((int)META_##kind == (int)PB__RECORD__BODY_##NAME, "the numbers are the kinds")
KIND_IS(NOOP, NOOP);
KIND_IS(CLUSTER, CLUSTER);
KIND_IS(FEATURE, FEATURE);
KIND_IS(BROKER, BROKER);
KIND_IS(BROKER_STATE, BROKER_STATE);
KIND_IS(BROKER_REMOVED, BROKER_REMOVED);
KIND_IS(TOPIC, TOPIC);
KIND_IS(TOPIC_DELETED, TOPIC_DELETED);
KIND_IS(PARTITION, PARTITION);
KIND_IS(CONFIG, CONFIG);
KIND_IS(PRODUCER_IDS, PRODUCER_IDS);
KIND_IS(VOTERS, VOTERS);
/* clang-format on */

/* A record as protobuf-c wants it: structs that point to structs. */
struct form {
    Pb__Record record;
    union {
        Pb__Noop noop;
        Pb__Cluster cluster;
        Pb__Feature feature;
        Pb__Broker broker;
        Pb__BrokerState broker_state;
        Pb__BrokerRemoved broker_removed;
        Pb__Topic topic;
        Pb__TopicDeleted topic_deleted;
        Pb__TopicRetired topic_retired;
        Pb__TopicRestored topic_restored;
        Pb__Partition partition;
        Pb__Config config;
        Pb__ProducerIds producer_ids;
        Pb__Voters voters;
    };
    struct pb_listeners listeners;
    Pb__Voter voter_rows[META_VOTERS_MAX];
    Pb__Voter *voters_at[META_VOTERS_MAX];
};

static void fill_broker(struct form *form, const struct meta_record *r)
{
    Pb__Broker *to = &form->broker;
    pb__broker__init(to);
    to->id = r->broker.id;
    to->epoch = r->broker.epoch;
    to->incarnation = pb_id(&r->broker.incarnation);
    to->secret = pb_id(&r->broker.secret);
    if (r->broker.rack.at != NULL) {
        to->maybe_rack_case = PB__BROKER__MAYBE_RACK_RACK;
        to->rack = pb_bytes(r->broker.rack);
    }
    to->shard_count = r->broker.shard_count;
    to->n_listeners = r->broker.listener_count;
    to->listeners = pb_listeners(&form->listeners, r->broker.listeners, r->broker.listener_count);
    to->replication_listener = pb_bytes(r->broker.replication_listener);
    to->version = pb_bytes(r->broker.version);
}

static void fill_broker_state(struct form *form, const struct meta_record *r)
{
    pb__broker_state__init(&form->broker_state);
    form->broker_state.id = r->broker_state.id;
    form->broker_state.epoch = r->broker_state.epoch;
    form->broker_state.fenced = r->broker_state.fenced;
    form->broker_state.stopping = r->broker_state.stopping;
}

static void fill_partition(struct form *form, const struct meta_record *r)
{
    Pb__Partition *to = &form->partition;
    pb__partition__init(to);
    to->topic_id = pb_id(&r->partition.topic_id);
    to->partition = r->partition.partition;
    to->leader = r->partition.leader;
    to->leader_epoch = r->partition.leader_epoch;
    to->partition_epoch = r->partition.partition_epoch;
    to->n_replicas = r->partition.replicas.count;
    to->replicas = pb_list(&r->partition.replicas);
    to->n_isr = r->partition.isr.count;
    to->isr = pb_list(&r->partition.isr);
    to->n_elr = r->partition.elr.count;
    to->elr = pb_list(&r->partition.elr);
    to->n_last_known_elr = r->partition.last_known_elr.count;
    to->last_known_elr = pb_list(&r->partition.last_known_elr);
    to->n_adding = r->partition.adding.count;
    to->adding = pb_list(&r->partition.adding);
    to->n_removing = r->partition.removing.count;
    to->removing = pb_list(&r->partition.removing);
    to->n_successor = r->partition.successor.count;
    to->successor = pb_list(&r->partition.successor);
    to->n_offline = r->partition.offline.count;
    to->offline = pb_list(&r->partition.offline);
}

static void fill_config(struct form *form, const struct meta_record *r)
{
    Pb__Config *to = &form->config;
    pb__config__init(to);
    to->type = r->config.type;
    to->name = pb_bytes(r->config.name);
    to->key = pb_bytes(r->config.key);
    if (r->config.value.at != NULL) {
        to->maybe_value_case = PB__CONFIG__MAYBE_VALUE_VALUE;
        to->value = pb_bytes(r->config.value);
    }
}

static void fill_voters(struct form *form, const struct meta_record *r)
{
    pb__voters__init(&form->voters);
    form->voters.n_voters = r->voters.count;
    form->voters.voters = form->voters_at;
    for (uint32_t i = 0; i < r->voters.count; i++) {
        const struct meta_voter *voter = &r->voters.voters[i];
        Pb__Voter *to = &form->voter_rows[i];
        pb__voter__init(to);
        to->id = voter->id;
        to->disk = pb_id(&voter->disk);
        to->host = pb_bytes(voter->host);
        to->port = voter->port;
        to->is_learner = voter->is_learner;
        form->voters_at[i] = to;
    }
}

static void fill(struct form *form, const struct meta_record *r)
{
    pb__record__init(&form->record);
    form->record.body_case = (Pb__Record__BodyCase)r->kind;
    /* The arms of the oneof are pointers of one kind: to the message that the case names. */
    form->record.noop = &form->noop;

    switch (r->kind) {
    case META_NOOP: pb__noop__init(&form->noop); break;
    case META_CLUSTER:
        pb__cluster__init(&form->cluster);
        form->cluster.cluster_id = pb_bytes(r->cluster.cluster_id);
        break;
    case META_FEATURE:
        pb__feature__init(&form->feature);
        form->feature.name = pb_bytes(r->feature.name);
        form->feature.level = r->feature.level;
        break;
    case META_BROKER: fill_broker(form, r); break;
    case META_BROKER_STATE: fill_broker_state(form, r); break;
    case META_BROKER_REMOVED:
        pb__broker_removed__init(&form->broker_removed);
        form->broker_removed.id = r->broker_removed.id;
        break;
    case META_TOPIC:
        pb__topic__init(&form->topic);
        form->topic.id = pb_id(&r->topic.id);
        form->topic.name = pb_bytes(r->topic.name);
        break;
    case META_TOPIC_DELETED:
        pb__topic_deleted__init(&form->topic_deleted);
        form->topic_deleted.id = pb_id(&r->topic_deleted.id);
        break;
    case META_TOPIC_RETIRED:
        pb__topic_retired__init(&form->topic_retired);
        form->topic_retired.id = pb_id(&r->topic_retired.id);
        form->topic_retired.wall_ms = r->topic_retired.wall_ms;
        form->topic_retired.due_ms = r->topic_retired.due_ms;
        break;
    case META_TOPIC_RESTORED:
        pb__topic_restored__init(&form->topic_restored);
        form->topic_restored.id = pb_id(&r->topic_restored.id);
        break;
    case META_PARTITION: fill_partition(form, r); break;
    case META_CONFIG: fill_config(form, r); break;
    case META_PRODUCER_IDS:
        pb__producer_ids__init(&form->producer_ids);
        form->producer_ids.next = r->producer_ids.next;
        break;
    case META_VOTERS: fill_voters(form, r); break;
    }
}

int32_t meta_level_of(const struct meta_record *records, uint32_t count)
{
    int32_t level = 1;
    for (uint32_t i = 0; i < count; i++) {
        enum meta_kind kind = records[i].kind;
        bool is_new = kind == META_TOPIC_RETIRED || kind == META_TOPIC_RESTORED;
        if (is_new && level < META_LEVEL_RETIRED) level = META_LEVEL_RETIRED;
    }
    return level;
}

void meta_batch_encode(const struct meta_batch *batch, struct writer *out)
{
    CHECK(batch->level >= 1);
    CHECK(batch->level <= META_LEVEL);

    Pb__Batch head;
    pb__batch__init(&head);
    head.level = batch->level;
    head.wall_ms = batch->wall_ms;
    head.cause = pb_bytes(batch->cause);
    if (head.cause.len > META_CAUSE_MAX) head.cause.len = META_CAUSE_MAX;
    pb_pack(&head.base, out);

    for (uint32_t i = 0; i < batch->count; i++) {
        const char *fault = meta_record_fault(&batch->records[i]);
        if (fault != NULL) check_failed(__FILE__, __LINE__, __func__, fault);

        struct form form;
        fill(&form, &batch->records[i]);

        /* Encodings one behind the other are the encoding of the merged message: a batch whose
         * records follow its head. So memory does not grow with the number of records. */
        Pb__Record *rows[] = {&form.record};
        Pb__Batch part;
        pb__batch__init(&part);
        part.n_records = 1;
        part.records = rows;
        pb_pack(&part.base, out);
    }
}

void meta_item_encode(uint64_t index, const struct meta_record *record, struct writer *out)
{
    CHECK(meta_record_fault(record) == NULL);

    struct form form;
    fill(&form, record);

    Pb__SnapshotItem item;
    pb__snapshot_item__init(&item);
    item.index = index;
    item.record = &form.record;
    pb_pack(&item.base, out);
}

static void take_broker(int *rc, const Pb__Broker *from, struct meta_record *r)
{
    r->broker.id = from->id;
    r->broker.epoch = from->epoch;
    r->broker.incarnation = pb_take_id(rc, from->incarnation);
    r->broker.secret = pb_take_id(rc, from->secret);
    if (from->maybe_rack_case == PB__BROKER__MAYBE_RACK_RACK)
        r->broker.rack = pb_take_text(rc, from->rack, META_TEXT_MAX);
    r->broker.shard_count = from->shard_count;
    r->broker.listener_count =
        pb_take_listeners(rc, from->n_listeners, from->listeners, r->broker.listeners);
    r->broker.replication_listener = pb_take_text(rc, from->replication_listener, META_TEXT_MAX);
    r->broker.version = pb_take_text(rc, from->version, META_WORD_MAX);
}

static void take_partition(int *rc, const Pb__Partition *from, struct meta_record *r)
{
    r->partition.topic_id = pb_take_id(rc, from->topic_id);
    r->partition.partition = from->partition;
    r->partition.leader = from->leader;
    r->partition.leader_epoch = from->leader_epoch;
    r->partition.partition_epoch = from->partition_epoch;
    r->partition.replicas = pb_take_set(rc, from->n_replicas, from->replicas);
    r->partition.isr = pb_take_set(rc, from->n_isr, from->isr);
    r->partition.elr = pb_take_set(rc, from->n_elr, from->elr);
    r->partition.last_known_elr = pb_take_set(rc, from->n_last_known_elr, from->last_known_elr);
    r->partition.adding = pb_take_set(rc, from->n_adding, from->adding);
    r->partition.removing = pb_take_set(rc, from->n_removing, from->removing);
    r->partition.successor = pb_take_set(rc, from->n_successor, from->successor);
    r->partition.offline = pb_take_set(rc, from->n_offline, from->offline);
}

static void take_config(int *rc, const Pb__Config *from, struct meta_record *r)
{
    r->config.type = (int8_t)pb_take_number(rc, from->type, 0, INT8_MAX);
    r->config.name = pb_take_text(rc, from->name, META_NAME_MAX);
    r->config.key = pb_take_text(rc, from->key, META_KEY_MAX);
    if (from->maybe_value_case == PB__CONFIG__MAYBE_VALUE_VALUE)
        r->config.value = pb_take_text(rc, from->value, META_VALUE_MAX);
}

static void take_voters(int *rc, const Pb__Voters *from, struct meta_record *r)
{
    if (from->n_voters > META_VOTERS_MAX) {
        pb_fail(rc, -ERR_LIMIT);
        return;
    }
    r->voters.count = (uint32_t)from->n_voters;
    for (uint32_t i = 0; i < r->voters.count; i++) {
        const Pb__Voter *row = from->voters[i];
        r->voters.voters[i] = (struct meta_voter){
            .id = row->id,
            .disk = pb_take_id(rc, row->disk),
            .host = pb_take_text(rc, row->host, META_HOST_MAX),
            .port = (uint16_t)pb_take_number(rc, row->port, 0, UINT16_MAX),
            .is_learner = row->is_learner,
        };
    }
}

static void take(int *rc, const Pb__Record *from, struct meta_record *r)
{
    *r = (struct meta_record){.kind = (enum meta_kind)from->body_case};

    switch (from->body_case) {
    case PB__RECORD__BODY_NOOP: break;
    case PB__RECORD__BODY_CLUSTER:
        r->cluster.cluster_id = pb_take_text(rc, from->cluster->cluster_id, META_CLUSTER_ID_SIZE);
        break;
    case PB__RECORD__BODY_FEATURE:
        r->feature.name = pb_take_text(rc, from->feature->name, META_TEXT_MAX);
        r->feature.level = from->feature->level;
        break;
    case PB__RECORD__BODY_BROKER: take_broker(rc, from->broker, r); break;
    case PB__RECORD__BODY_BROKER_STATE:
        r->broker_state.id = from->broker_state->id;
        r->broker_state.epoch = from->broker_state->epoch;
        r->broker_state.fenced = from->broker_state->fenced;
        r->broker_state.stopping = from->broker_state->stopping;
        break;
    case PB__RECORD__BODY_BROKER_REMOVED: r->broker_removed.id = from->broker_removed->id; break;
    case PB__RECORD__BODY_TOPIC:
        r->topic.id = pb_take_id(rc, from->topic->id);
        r->topic.name = pb_take_text(rc, from->topic->name, META_NAME_MAX);
        break;
    case PB__RECORD__BODY_TOPIC_DELETED:
        r->topic_deleted.id = pb_take_id(rc, from->topic_deleted->id);
        break;
    case PB__RECORD__BODY_TOPIC_RETIRED:
        r->topic_retired.id = pb_take_id(rc, from->topic_retired->id);
        r->topic_retired.wall_ms = from->topic_retired->wall_ms;
        r->topic_retired.due_ms = from->topic_retired->due_ms;
        break;
    case PB__RECORD__BODY_TOPIC_RESTORED:
        r->topic_restored.id = pb_take_id(rc, from->topic_restored->id);
        break;
    case PB__RECORD__BODY_PARTITION: take_partition(rc, from->partition, r); break;
    case PB__RECORD__BODY_CONFIG: take_config(rc, from->config, r); break;
    case PB__RECORD__BODY_PRODUCER_IDS: r->producer_ids.next = from->producer_ids->next; break;
    case PB__RECORD__BODY_VOTERS: take_voters(rc, from->voters, r); break;
    case PB__RECORD__BODY__NOT_SET:
    case _PB__RECORD__BODY__CASE_IS_INT_SIZE:
    default: pb_fail(rc, -ERR_UNSUPPORTED); return;
    }
    /* What the encoder would not have written was not written by it. */
    if (*rc == 0 && meta_record_fault(r) != NULL) *rc = -ERR_MALFORMED;
}

int meta_batch_decode(struct slice in, struct arena *arena, struct meta_batch *out)
{
    *out = (struct meta_batch){0};

    ProtobufCMessage *message;
    int rc = pb_unpack(&pb__batch__descriptor, in, arena, &message);
    if (rc < 0) return rc;

    const Pb__Batch *from = (const Pb__Batch *)message;
    if (from->level > META_LEVEL) return -ERR_UNSUPPORTED;
    if (from->level < 1 || from->n_records > UINT32_MAX) return -ERR_MALFORMED;

    struct meta_record *records = arena_take(arena, from->n_records, sizeof *records);
    if (records == NULL) return -ERR_LIMIT;

    struct meta_batch batch = {
        .level = from->level,
        .wall_ms = from->wall_ms,
        .cause = pb_take_text(&rc, from->cause, META_CAUSE_MAX),
        .count = (uint32_t)from->n_records,
        .records = records,
    };
    for (size_t i = 0; i < from->n_records; i++) take(&rc, from->records[i], &records[i]);

    if (rc == 0) *out = batch;
    return rc;
}

int meta_item_decode(struct slice in, struct arena *arena, uint64_t *index,
                     struct meta_record *record)
{
    ProtobufCMessage *message;
    int rc = pb_unpack(&pb__snapshot_item__descriptor, in, arena, &message);
    if (rc < 0) return rc;

    const Pb__SnapshotItem *item = (const Pb__SnapshotItem *)message;
    if (item->record == NULL) return -ERR_MALFORMED;

    *index = item->index;
    take(&rc, item->record, record);
    return rc;
}

#include "controller/decide/disks.h"

#include "common/check.h"
#include "controller/decide/partitions.h"

static bool was_decided_already(const struct decision *d, const struct rpc_replica_disk *told)
{
    for (uint32_t i = 0; i < d->count; i++) {
        const struct meta_record *r = &d->records[i];
        if (r->partition.partition == told->partition &&
            uuid_equal(r->partition.topic_id, told->topic_id))
            return true;
    }
    return false;
}

/* Somebody else is in sync, and could lead. */
static bool has_others(const struct meta_image *image, const struct meta_partition *p, int32_t id)
{
    for (uint32_t i = 0; i < p->isr.count; i++) {
        if (p->isr.ids[i] != id && broker_is_usable(image, p->isr.ids[i])) return true;
    }
    return false;
}

static void decide_one(const struct meta_image *image, int32_t id,
                       const struct rpc_replica_disk *told, struct decision *d)
{
    const struct meta_topic *topic = meta_topic_by_id(image, told->topic_id);
    const struct meta_partition *p = meta_partition_find(image, told->topic_id, told->partition);
    if (topic == NULL || p == NULL || !id_set_has(&p->replicas, id)) return;
    if (was_decided_already(d, told)) return;

    struct partition_change c = partition_change_of(image, topic, told->partition);
    if (told->disk == RPC_DISK_WELL) {
        (void)id_set_remove(&c.to.offline, id);
        partition_elect(&c, d->canary);
        partition_change_end(d, &c, false);
        return;
    }
    bool is_lost = told->disk == RPC_DISK_LOST;
    if (!is_lost && id_set_has(&p->isr, id) && !has_others(image, p, id)) return;
    (void)id_set_add(&c.to.offline, id);
    partition_drop(&c, id, !is_lost);
    partition_elect(&c, d->canary);
    partition_change_end(d, &c, false);
}

void decide_disks(const struct meta_image *image, const struct rpc_msg *request, struct decision *d)
{
    CHECK(request->kind == RPC_DISKS);
    CHECK(d->count == 0);

    int32_t id = request->disks.id;
    uint32_t counts[RPC_DISK_LOST + 1] = {0};
    for (uint32_t i = 0; i < request->disks.count; i++) {
        uint32_t before = d->count;
        decide_one(image, id, &request->disks.replicas[i], d);
        if (d->count > before) counts[request->disks.replicas[i].disk]++;
    }
    decision_cause(d, "broker %d tells of its disks: %u replicas lost, %u stand still, %u well", id,
                   counts[RPC_DISK_LOST], counts[RPC_DISK_SLOW], counts[RPC_DISK_WELL]);
}

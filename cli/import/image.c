#include "cli/import/image.h"

#include <stdio.h>
#include <string.h>

#include "proto/meta.h"
#include "proto/topic_configs.h"

struct making {
    struct meta_image image;
    int rc;
    const char *why;
};

static void adopt(struct making *m, const struct meta_record *r)
{
    if (m->rc == 0) m->rc = meta_adopt(&m->image, IMPORT_INDEX, r, &m->why);
}

static void add_feature(struct making *m, const char *name, int32_t level)
{
    struct meta_record r = {.kind = META_FEATURE};
    r.feature.name = slice_of_text(name);
    r.feature.level = level;
    adopt(m, &r);
}

static void add_cluster(struct making *m, const struct plan *p)
{
    struct meta_record r = {.kind = META_CLUSTER};
    r.cluster.cluster_id = slice_of_text(p->metadata_source->cluster_id);
    adopt(m, &r);
    add_feature(m, "metadata.version", META_LEVEL);
    add_feature(m, META_FEATURE_GROUPS, META_GROUPS_LEVEL);
    if (p->metadata.next_producer_id == 0) return;
    r = (struct meta_record){.kind = META_PRODUCER_IDS};
    r.producer_ids.next = p->metadata.next_producer_id;
    adopt(m, &r);
}

/* Led by nobody, with nobody in sync: as after a power cut of everybody. Whoever may lead tells how
 * far it reaches when its broker has registered. */
static void add_partition(struct making *m, const struct topic_plan *t,
                          const struct partition_plan *x)
{
    const struct kafka_partition *k = x->kafka;
    struct meta_record r = {.kind = META_PARTITION};
    r.partition.topic_id = t->kafka->id;
    r.partition.partition = k->number;
    r.partition.leader = META_NOBODY;
    r.partition.leader_epoch = k->leader_epoch;
    r.partition.partition_epoch = k->partition_epoch;
    r.partition.replicas = k->replicas;
    r.partition.last_known_elr = x->hopes;
    r.partition.adding = k->adding;
    r.partition.removing = k->removing;
    adopt(m, &r);
}

static void add_topic(struct making *m, const struct topic_plan *t)
{
    struct meta_record r = {.kind = META_TOPIC};
    r.topic.id = t->kafka->id;
    r.topic.name = slice_of_text(t->kafka->name);
    adopt(m, &r);
    for (uint32_t i = 0; i < t->partition_count; i++) add_partition(m, t, &t->partitions[i]);
}

static void add_setting(struct making *m, const struct setting_plan *s)
{
    struct meta_record r = {.kind = META_CONFIG};
    r.config.type = s->kafka->type;
    r.config.name = slice_of_text(s->kafka->name);
    r.config.key = slice_of_text(s->kafka->key);
    r.config.value = slice_of_text(s->value);
    adopt(m, &r);
}

int import_image(const struct plan *p, struct writer *out, char why[SOURCE_WHY_SIZE])
{
    struct making m = {0};
    add_cluster(&m, p);
    for (uint32_t i = 0; i < p->topic_count; i++) {
        if (p->topics[i].left_out == NULL) add_topic(&m, &p->topics[i]);
    }
    for (uint32_t i = 0; i < p->setting_count; i++) add_setting(&m, &p->settings[i]);
    m.image.index = IMPORT_INDEX;
    m.image.term = IMPORT_TERM;

    if (m.rc == 0) {
        struct meta_image again = {0};
        meta_snapshot_write(&m.image, out);
        m.rc = writer_ok(out) ? meta_snapshot_read(writer_slice(out), &again) : -ERR_LIMIT;
        m.why = err_text(m.rc);
        meta_image_close(&again);
    }
    if (m.rc != 0) (void)snprintf(why, SOURCE_WHY_SIZE, "the metadata do not fit: %s", m.why);
    meta_image_close(&m.image);
    return m.rc;
}

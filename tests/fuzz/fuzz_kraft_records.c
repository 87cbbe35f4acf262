/* Any bytes, taken for records of Kafka's metadata log: folded or refused with a sentence; and what
 * was folded is sound: no partition without a topic, no set with an id twice. */
#include <stdint.h>

#include "cli/import/fold.h"
#include "common/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_set(const struct id_set *s)
{
    CHECK(s->count <= META_REPLICAS_MAX);
    for (uint32_t i = 0; i < s->count; i++) {
        CHECK(s->ids[i] >= 0);
        for (uint32_t k = 0; k < i; k++) CHECK(s->ids[k] != s->ids[i]);
    }
}

static void check_topics(const struct kafka_metadata *m)
{
    CHECK(HASH_CNT(by_id, m->by_id) == HASH_CNT(by_name, m->by_name));
    for (const struct kafka_topic *t = m->by_id; t != NULL; t = t->by_id.next) {
        CHECK(kafka_topic_by_name(m, t->name) == t);
        for (const struct kafka_partition *p = t->partitions; p != NULL; p = p->hh.next) {
            CHECK(p->number >= 0 && p->leader_epoch >= 0 && p->partition_epoch >= 0);
            CHECK(p->replicas.count > 0);
            check_set(&p->replicas);
            check_set(&p->isr);
            check_set(&p->elr);
            check_set(&p->last_known_elr);
        }
    }
}

/* Each record has a byte in front that is its size. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kafka_metadata m = {0};
    struct reader in = reader_of(slice_of(data, size));
    int rc = 0;
    while (rc == 0 && reader_left(&in) > 0) {
        struct slice value = read_slice(&in, read_u8(&in));
        if (!reader_ok(&in)) break;
        rc = kafka_fold(&m, value);
        if (rc == 0) check_topics(&m);
    }
    CHECK((rc == 0) == (m.why[0] == '\0'));
    kafka_metadata_close(&m);
    return 0;
}

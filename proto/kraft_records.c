#include "proto/kraft_records.h"

#include "common/check.h"
#include "proto/kafka_codec.h"

#define FRAME_VERSION 1

DEFINE(KRAFT_END_POINT, kraft_end_point);
DEFINE(KRAFT_BROKER_FEATURE, kraft_broker_feature);
DEFINE(KRAFT_REGISTER_BROKER, kraft_register_broker);
DEFINE(KRAFT_UNREGISTER_BROKER, kraft_unregister_broker);
DEFINE(KRAFT_BROKER_CHANGE, kraft_broker_change);
DEFINE(KRAFT_TOPIC, kraft_topic);
DEFINE(KRAFT_REMOVE_TOPIC, kraft_remove_topic);
DEFINE(KRAFT_PARTITION, kraft_partition);
DEFINE(KRAFT_PARTITION_CHANGE, kraft_partition_change);
DEFINE(KRAFT_CONFIG, kraft_config);
DEFINE(KRAFT_FEATURE, kraft_feature);
DEFINE(KRAFT_PRODUCER_IDS, kraft_producer_ids);
DEFINE(KRAFT_CLEAR_ELR, kraft_clear_elr);

struct row {
    const char *name;            /* NULL: Kafka has no such kind. */
    const struct schema *schema; /* NULL: not looked into. */
    uint32_t version_max;
};

/* clang-format off */
static const struct row rows[KRAFT_KINDS] = {
#define READ(NAME, number, version, member, text) \
    [KRAFT_##NAME] = {(text), &schema_kraft_##member, (version)},
#define SKIP(NAME, number, version, text) \
    [KRAFT_##NAME] = {(text), NULL, (version)},
    KRAFT_RECORDS(READ, SKIP)
#undef READ
#undef SKIP
};
/* clang-format on */

const char *kraft_kind_name(uint32_t kind)
{
    return kind < KRAFT_KINDS ? rows[kind].name : NULL;
}

int kraft_record_decode(struct slice value, struct arena *arena, struct kraft_record *out)
{
    *out = (struct kraft_record){.kind = KRAFT_KINDS};
    struct reader in = reader_of(value);
    uint32_t frame = read_uvarint(&in);
    if (!reader_ok(&in)) return -ERR_MALFORMED;
    if (frame != FRAME_VERSION) return -ERR_UNSUPPORTED;

    out->kind = read_uvarint(&in);
    out->version = read_uvarint(&in);
    if (!reader_ok(&in)) return -ERR_MALFORMED;
    if (kraft_kind_name(out->kind) == NULL) return -ERR_UNSUPPORTED;

    const struct row *row = &rows[out->kind];
    if (out->version > row->version_max) return -ERR_UNSUPPORTED;
    if (row->schema == NULL) return 0;
    const struct kafka_version version = {.number = (int16_t)out->version, .flexible = true};
    return kafka_decode(row->schema, version, slice_of(in.at, reader_left(&in)), arena,
                        &out->register_broker);
}

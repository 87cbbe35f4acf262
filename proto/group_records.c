#include "proto/group_records.h"

#include "common/check.h"
#include "proto/kafka_codec.h"

/* What the first two bytes of a key say. 0 and 1 are both offsets: the number has changed once, the
 * bytes after it have not. */
#define KEY_OFFSET_OLD 0
#define KEY_OFFSET 1
#define KEY_METADATA 2

#define OFFSET_VALUE_MAX 4
#define OFFSET_VALUE_WITH_EXPIRY 1 /* The only one that carries a time of its own to expire. */
#define METADATA_VALUE_MAX 4
#define METADATA_VALUE_WRITTEN 3 /* As Kafka does: older brokers of a downgraded cluster read it. \
                                  */
#define FLEXIBLE_SINCE 4

static struct kafka_version value_version(int16_t number)
{
    return (struct kafka_version){.number = number, .flexible = number >= FLEXIBLE_SINCE};
}

static int decode_value(const struct schema *schema, int16_t version_max, struct slice value,
                        struct arena *arena, void *out)
{
    struct reader in = reader_of(value);
    int16_t version = read_i16(&in);
    if (!reader_ok(&in)) return -ERR_MALFORMED;
    if (version < 0 || version > version_max) return -ERR_UNSUPPORTED;

    return kafka_decode(schema, value_version(version), slice_of(in.at, reader_left(&in)), arena,
                        out);
}

static int decode_offset(struct slice key, struct slice value, struct arena *arena,
                         struct group_record *out)
{
    out->kind = GROUP_RECORD_OFFSET;
    int rc =
        kafka_decode(&schema_offset_commit_key, value_version(0), key, arena, &out->offset.key);
    if (rc != 0 || out->is_tombstone) return rc;
    return decode_value(&schema_offset_commit_value, OFFSET_VALUE_MAX, value, arena,
                        &out->offset.value);
}

static int decode_metadata(struct slice key, struct slice value, struct arena *arena,
                           struct group_record *out)
{
    out->kind = GROUP_RECORD_METADATA;
    int rc =
        kafka_decode(&schema_group_metadata_key, value_version(0), key, arena, &out->metadata.key);
    if (rc != 0 || out->is_tombstone) return rc;
    return decode_value(&schema_group_metadata_value, METADATA_VALUE_MAX, value, arena,
                        &out->metadata.value);
}

int group_record_decode(struct slice key, struct slice value, struct arena *arena,
                        struct group_record *out)
{
    *out = (struct group_record){.kind = GROUP_RECORD_OTHER, .is_tombstone = value.at == NULL};
    struct reader in = reader_of(key);
    int16_t number = read_i16(&in);
    if (!reader_ok(&in)) return -ERR_MALFORMED;

    struct slice rest = slice_of(in.at, reader_left(&in));
    switch (number) {
    case KEY_OFFSET_OLD:
    case KEY_OFFSET: return decode_offset(rest, value, arena, out);
    case KEY_METADATA: return decode_metadata(rest, value, arena, out);
    default: return 0;
    }
}

int group_record_encode_key(const struct group_record *record, struct writer *out)
{
    switch (record->kind) {
    case GROUP_RECORD_OFFSET:
        write_i16(out, KEY_OFFSET);
        return kafka_encode(&schema_offset_commit_key, value_version(0), &record->offset.key, out);
    case GROUP_RECORD_METADATA:
        write_i16(out, KEY_METADATA);
        return kafka_encode(&schema_group_metadata_key, value_version(0), &record->metadata.key,
                            out);
    case GROUP_RECORD_OTHER: break;
    }
    UNREACHABLE();
}

int group_record_encode_value(const struct group_record *record, struct writer *out)
{
    CHECK(!record->is_tombstone);

    if (record->kind == GROUP_RECORD_OFFSET) {
        const struct offset_commit_value *value = &record->offset.value;
        int16_t version =
            value->expire_timestamp_ms >= 0 ? OFFSET_VALUE_WITH_EXPIRY : OFFSET_VALUE_MAX;
        write_i16(out, version);
        return kafka_encode(&schema_offset_commit_value, value_version(version), value, out);
    }
    CHECK(record->kind == GROUP_RECORD_METADATA);
    write_i16(out, METADATA_VALUE_WRITTEN);
    return kafka_encode(&schema_group_metadata_value, value_version(METADATA_VALUE_WRITTEN),
                        &record->metadata.value, out);
}

#include "proto/group_records.h"

#include "common/check.h"
#include "proto/kafka_codec.h"

/* What the first two bytes of a key say. 0 and 1 are both offsets: the number has changed once, the
 * bytes after it have not. */
#define KEY_OFFSET_OLD 0
#define KEY_OFFSET 1

#define ROW(kind_, number_, member, key_schema, value_schema_, version)              \
    {                                                                                \
        .kind = GROUP_RECORD_##kind_, .number = (number_), .version_max = (version), \
        .key = &schema_##key_schema, .value = (value_schema_),                       \
        .key_at = offsetof(struct group_record, member.key),                         \
        .value_at = offsetof(struct group_record, member.value)                      \
    }

#define OFFSET_VALUE_MAX 4
#define OFFSET_VALUE_WITH_EXPIRY 1 /* The only one that carries a time of its own to expire. */
#define METADATA_VALUE_MAX 4
#define METADATA_VALUE_WRITTEN                                         \
    3 /* As Kafka does: older brokers of a downgraded cluster read it. \
       */
#define CONSUMER_VALUE_MAX 0
#define FLEXIBLE_SINCE 4 /* Of offsets and of groups of the classic protocol. */

/* clang-format off */
static const struct row {
    enum group_record_kind kind;
    int16_t number;
    int16_t version_max;
    const struct schema *key;
    const struct schema *value; /* NULL: not looked at. */
    size_t key_at;
    size_t value_at;
} rows[] = {
    ROW(OFFSET, KEY_OFFSET, offset, offset_commit_key, &schema_offset_commit_value,
        OFFSET_VALUE_MAX),
    ROW(METADATA, 2, metadata, group_metadata_key, &schema_group_metadata_value,
        METADATA_VALUE_MAX),
    ROW(CONSUMER_EPOCH, 3, epoch, consumer_group_key, &schema_consumer_epoch_value,
        CONSUMER_VALUE_MAX),
    ROW(CONSUMER_TOPICS, 4, epoch, consumer_group_key, NULL, CONSUMER_VALUE_MAX),
    ROW(CONSUMER_MEMBER, 5, member, consumer_member_key, &schema_consumer_member_value,
        CONSUMER_VALUE_MAX),
    ROW(CONSUMER_TARGET_EPOCH, 6, target_epoch, consumer_group_key,
        &schema_consumer_target_epoch_value, CONSUMER_VALUE_MAX),
    ROW(CONSUMER_TARGET, 7, target, consumer_member_key, &schema_consumer_target_value,
        CONSUMER_VALUE_MAX),
    ROW(CONSUMER_CURRENT, 8, current, consumer_member_key, &schema_consumer_current_value,
        CONSUMER_VALUE_MAX),
    ROW(CONSUMER_PATTERN, 16, pattern, consumer_pattern_key, &schema_consumer_pattern_value,
        CONSUMER_VALUE_MAX),
};
/* clang-format on */

static const struct row *row_of_number(int16_t number)
{
    if (number == KEY_OFFSET_OLD) number = KEY_OFFSET;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].number == number) return &rows[i];
    }
    return NULL;
}

static const struct row *row_of_kind(enum group_record_kind kind)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].kind == kind) return &rows[i];
    }
    UNREACHABLE();
    return NULL;
}

/* Keys have never had but one version, which is not flexible. */
static const struct kafka_version key_version = {.number = 0};

static struct kafka_version value_version(const struct row *row, int16_t number)
{
    int16_t flexible_since = row->version_max == CONSUMER_VALUE_MAX ? 0 : FLEXIBLE_SINCE;
    return (struct kafka_version){.number = number, .flexible = number >= flexible_since};
}

static int decode_value(const struct row *row, struct slice value, struct arena *arena, void *out)
{
    struct reader in = reader_of(value);
    int16_t version = read_i16(&in);
    if (!reader_ok(&in)) return -ERR_MALFORMED;
    if (version < 0 || version > row->version_max) return -ERR_UNSUPPORTED;

    return kafka_decode(row->value, value_version(row, version), slice_of(in.at, reader_left(&in)),
                        arena, out);
}

int group_record_decode(struct slice key, struct slice value, struct arena *arena,
                        struct group_record *out)
{
    *out = (struct group_record){.kind = GROUP_RECORD_OTHER, .is_tombstone = value.at == NULL};
    struct reader in = reader_of(key);
    int16_t number = read_i16(&in);
    if (!reader_ok(&in)) return -ERR_MALFORMED;

    const struct row *row = row_of_number(number);
    if (row == NULL) return 0;
    out->kind = row->kind;
    uint8_t *at = (uint8_t *)out;
    int rc = kafka_decode(row->key, key_version, slice_of(in.at, reader_left(&in)), arena,
                          at + row->key_at);
    if (rc != 0 || out->is_tombstone || row->value == NULL) return rc;
    return decode_value(row, value, arena, at + row->value_at);
}

int group_record_encode_key(const struct group_record *record, struct writer *out)
{
    const struct row *row = row_of_kind(record->kind);
    write_i16(out, row->number);
    return kafka_encode(row->key, key_version, (const uint8_t *)record + row->key_at, out);
}

static int16_t version_to_write(const struct group_record *record)
{
    if (record->kind == GROUP_RECORD_METADATA) return METADATA_VALUE_WRITTEN;
    if (record->kind != GROUP_RECORD_OFFSET) return CONSUMER_VALUE_MAX;
    return record->offset.value.expire_timestamp_ms >= 0 ? OFFSET_VALUE_WITH_EXPIRY
                                                         : OFFSET_VALUE_MAX;
}

int group_record_encode_value(const struct group_record *record, struct writer *out)
{
    CHECK(!record->is_tombstone);

    const struct row *row = row_of_kind(record->kind);
    CHECK(row->value != NULL);
    int16_t version = version_to_write(record);
    write_i16(out, version);
    return kafka_encode(row->value, value_version(row, version),
                        (const uint8_t *)record + row->value_at, out);
}

#include "broker/partition/config.h"

#include <string.h>

#include "proto/kafka_compress.h"
#include "proto/topic_configs.h"

static const char *text_of(const struct meta_image *image, const char *topic, const char *name,
                           struct config_value *value)
{
    topic_config_value(image, topic, topic_config_find(slice_of_text(name)), value);
    return value->text;
}

#define INDEX_BYTES_MIN 64

static int64_t number(const struct meta_image *image, const char *topic, const char *name)
{
    return topic_config_number(image, topic, name);
}

/* "0.5" in parts per 10,000; what comes behind that does not matter. */
static uint32_t per_myriad(const char *ratio)
{
    uint32_t part = 0;
    uint32_t worth = 10000;
    bool is_fraction = false;
    for (; *ratio != '\0' && worth > 0; ratio++) {
        if (*ratio == '.') is_fraction = true;
        if (*ratio < '0' || *ratio > '9') continue;
        if (is_fraction) worth /= 10;
        part += (uint32_t)(*ratio - '0') * worth;
    }
    return part;
}

/* The words of compression.type, by the codec's number; the key of its level. */
static const struct {
    const char *name;
    const char *level;
} codecs[] = {
    [BATCH_CODEC_NONE] = {"uncompressed", NULL},
    [BATCH_CODEC_GZIP] = {"gzip", "compression.gzip.level"},
    [BATCH_CODEC_SNAPPY] = {"snappy", NULL},
    [BATCH_CODEC_LZ4] = {"lz4", "compression.lz4.level"},
    [BATCH_CODEC_ZSTD] = {"zstd", "compression.zstd.level"},
};

static void read_codec(const struct meta_image *image, const char *topic,
                       struct partition_config *out)
{
    struct config_value value;
    const char *name = text_of(image, topic, "compression.type", &value);
    out->codec = -1;
    out->pack_level = PACK_LEVEL_OWN;
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        if (strcmp(codecs[i].name, name) != 0) continue;
        out->codec = (int8_t)i;
        if (codecs[i].level != NULL)
            out->pack_level = (int32_t)number(image, topic, codecs[i].level);
    }
}

static bool is_throttled(const struct meta_image *image, const char *topic, const char *key,
                         int32_t number, int32_t broker)
{
    struct config_value value;
    return throttled_replicas_have(text_of(image, topic, key, &value), number, broker);
}

void partition_config_read(const struct meta_image *image, const char *topic, int32_t partition,
                           int32_t broker, struct partition_config *out)
{
    struct config_value type, policy, ratio;
    *out = (struct partition_config){
        .max_message_bytes = (uint32_t)number(image, topic, "max.message.bytes"),
        .min_isr = (uint32_t)number(image, topic, "min.insync.replicas"),
        .flush_ms = number(image, topic, "flush.ms"),
        .flush_messages = number(image, topic, "flush.messages"),
        .flush_each = number(image, topic, "flush.messages") == 1,
        .timestamp_before_max_ms = number(image, topic, "message.timestamp.before.max.ms"),
        .timestamp_after_max_ms = number(image, topic, "message.timestamp.after.max.ms"),
        .segment_bytes = (uint64_t)number(image, topic, "segment.bytes"),
        .segment_ms = number(image, topic, "segment.ms"),
        .segment_jitter_ms = number(image, topic, "segment.jitter.ms"),
        .file_delete_delay_ms = number(image, topic, "file.delete.delay.ms"),
        .retention_ms = number(image, topic, "retention.ms"),
        .retention_bytes = number(image, topic, "retention.bytes"),
        .delete_retention_ms = number(image, topic, "delete.retention.ms"),
        .compaction_lag_min_ms = number(image, topic, "min.compaction.lag.ms"),
        .compaction_lag_max_ms = number(image, topic, "max.compaction.lag.ms"),
        .dirty_part_min = per_myriad(text_of(image, topic, "min.cleanable.dirty.ratio", &ratio)),
        .index_interval_bytes = (uint32_t)number(image, topic, "index.interval.bytes"),
        .segment_index_bytes = (uint32_t)number(image, topic, "segment.index.bytes"),
        .throttles_leading =
            is_throttled(image, topic, "leader.replication.throttled.replicas", partition, broker),
        .throttles_following = is_throttled(image, topic, "follower.replication.throttled.replicas",
                                            partition, broker),
    };
    read_codec(image, topic, out);
    /* A segment that could hold no entry would never be filled. */
    if (out->segment_index_bytes < INDEX_BYTES_MIN) out->segment_index_bytes = INDEX_BYTES_MIN;
    out->is_log_append_time =
        strcmp(text_of(image, topic, "message.timestamp.type", &type), "LogAppendTime") == 0;
    out->is_deleted = strstr(text_of(image, topic, "cleanup.policy", &policy), "delete") != NULL;
    out->is_compacted = strstr(text_of(image, topic, "cleanup.policy", &policy), "compact") != NULL;
    /* What is in the active segment cannot be compacted. */
    if (out->is_compacted && out->compaction_lag_max_ms < out->segment_ms) {
        out->segment_ms = out->compaction_lag_max_ms;
    }
}

void partition_journal_options(const struct partition_config *c, struct journal_options *out)
{
    out->segment_bytes = c->segment_bytes;
    out->segment_ms = c->segment_ms;
    out->segment_jitter_ms = c->segment_jitter_ms;
    out->delete_delay_ms = c->file_delete_delay_ms;
    out->index_interval_bytes = c->index_interval_bytes;
    out->segment_index_bytes = c->segment_index_bytes;
    out->sync_writes = c->flush_each;
}

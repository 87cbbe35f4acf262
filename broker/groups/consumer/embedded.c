#include "broker/groups/consumer/embedded.h"

#include <stdlib.h>

#include "common/check.h"

#define VERSION_WITH_OWNED 1
#define VERSION_WITH_GENERATION 2
#define VERSION_WITH_RACK 3
#define COUNT_MAX 1000000 /* Of topics and of partitions; more fit no request. */

static struct slice read_text(struct reader *in)
{
    int16_t size = read_i16(in);
    if (size < 0) {
        reader_fail(in);
        return (struct slice){0};
    }
    return read_slice(in, (size_t)size);
}

static int32_t read_count(struct reader *in)
{
    int32_t count = read_i32(in);
    if (count < 0 || count > COUNT_MAX || (size_t)count > reader_left(in)) {
        reader_fail(in);
        return 0;
    }
    return count;
}

static void skip_bytes(struct reader *in)
{
    int32_t size = read_i32(in);
    if (size > 0) (void)read_slice(in, (size_t)size);
}

/* Topics that there are not (any more) are nobody's. */
static void read_parts(struct reader *in, const struct topic_table *topics, struct part_set *out)
{
    int32_t topic_count = read_count(in);
    for (int32_t i = 0; i < topic_count && reader_ok(in); i++) {
        const struct known_topic *topic = topic_table_by_name(topics, read_text(in));
        int32_t count = read_count(in);
        for (int32_t n = 0; n < count && reader_ok(in); n++) {
            int32_t number = read_i32(in);
            bool is_one = topic != NULL && reader_ok(in) && number >= 0;
            if (is_one) (void)part_set_add(out, (struct part){topic->id, number});
        }
    }
}

bool embedded_read(struct slice metadata, const struct topic_table *topics, struct embedded *out)
{
    *out = (struct embedded){0};
    if (metadata.at == NULL) return false;

    struct reader in = reader_of(metadata);
    out->version = read_i16(&in);
    if (out->version < 0) return false;
    out->topic_count = (uint32_t)read_count(&in);
    out->topics = calloc(out->topic_count + 1, sizeof *out->topics);
    CHECK(out->topics != NULL);
    for (uint32_t i = 0; i < out->topic_count; i++) out->topics[i] = read_text(&in);
    skip_bytes(&in);
    if (out->version >= VERSION_WITH_OWNED) read_parts(&in, topics, &out->owned);
    if (out->version >= VERSION_WITH_GENERATION) (void)read_i32(&in);
    if (out->version >= VERSION_WITH_RACK) {
        int16_t size = read_i16(&in);
        if (size >= 0) out->rack_id = read_slice(&in, (size_t)size);
    }
    return reader_ok(&in);
}

void embedded_close(struct embedded *s)
{
    free(s->topics);
    part_set_close(&s->owned);
    *s = (struct embedded){0};
}

void embedded_write_assignment(const struct part_set *parts, const struct topic_table *topics,
                               int16_t version, struct writer *out)
{
    write_i16(out, version);
    size_t count_at = out->size;
    int32_t count = 0;
    write_i32(out, 0);
    for (uint32_t at = 0; at < parts->count; at += part_set_run(parts, at)) {
        const struct known_topic *topic = topic_table_by_id(topics, parts->items[at].topic);
        if (topic == NULL) continue;
        uint32_t run = part_set_run(parts, at);
        count++;
        write_i16(out, (int16_t)topic->name.size);
        write_slice(out, topic->name);
        write_i32(out, (int32_t)run);
        for (uint32_t i = 0; i < run; i++) write_i32(out, parts->items[at + i].number);
    }
    writer_patch_i32(out, count_at, count);
    write_i32(out, -1); /* No user data. */
}

bool embedded_read_assignment(struct slice bytes, const struct topic_table *topics,
                              struct part_set *out)
{
    if (bytes.size == 0) return true; /* A member that has been given nothing yet. */

    struct reader in = reader_of(bytes);
    bool is_known = read_i16(&in) >= 0;
    read_parts(&in, topics, out);
    return is_known && reader_ok(&in);
}

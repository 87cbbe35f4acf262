#include "tests/sim/group_words.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"

const char *group_words_type(const struct group_words *w)
{
    return w->are_kafkas ? "consumer" : "sim";
}

const char *group_words_protocol(const struct group_words *w)
{
    return w->are_kafkas ? "range" : "shares";
}

static void write_text(struct writer *w, const char *text)
{
    write_i16(w, (int16_t)strlen(text));
    write_slice(w, slice_of_text(text));
}

static struct slice keep(struct group_words *w, struct writer *out)
{
    size_t size = out->size;
    CHECK(writer_ok(out) && size <= sizeof w->bytes);
    if (size > 0) memcpy(w->bytes, out->base, size);
    writer_close(out);
    return slice_of(w->bytes, size);
}

/* ConsumerProtocolSubscription 0; the topic that is not there makes it another one each time. */
struct slice group_words_subscription(struct group_words *w, uint32_t incarnation)
{
    char number[24];
    (void)snprintf(number, sizeof number, w->are_kafkas ? "none-%u" : "%u", incarnation);
    struct writer out = writer_with(sizeof w->bytes);
    if (w->are_kafkas) {
        write_i16(&out, 0);
        write_i32(&out, 2);
        write_text(&out, GROUP_TOPIC);
        write_text(&out, number);
        write_i32(&out, -1);
    } else {
        write_slice(&out, slice_of_text(number));
    }
    return keep(w, &out);
}

/* ConsumerProtocolAssignment 0. */
struct slice group_words_assignment(struct group_words *w, const uint32_t *shares, uint32_t count)
{
    struct writer out = writer_with(sizeof w->bytes);
    if (w->are_kafkas) {
        write_i16(&out, 0);
        write_i32(&out, count > 0 ? 1 : 0);
        if (count > 0) {
            write_text(&out, GROUP_TOPIC);
            write_i32(&out, (int32_t)count);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (w->are_kafkas) {
            write_i32(&out, (int32_t)shares[i]);
        } else {
            write_u8(&out, (uint8_t)shares[i]);
        }
    }
    if (w->are_kafkas) write_i32(&out, -1);
    return keep(w, &out);
}

static uint32_t add(uint32_t shares[GROUPS_SHARES_MAX], uint32_t count, uint32_t share)
{
    CHECK(share < GROUPS_SHARES_MAX && count < GROUPS_SHARES_MAX);
    shares[count] = share;
    return count + 1;
}

uint32_t group_words_read(const struct group_words *w, struct slice assignment,
                          uint32_t shares[GROUPS_SHARES_MAX])
{
    uint32_t count = 0;
    if (!w->are_kafkas) {
        for (size_t i = 0; i < assignment.size && i < GROUPS_SHARES_MAX; i++)
            count = add(shares, count, assignment.at[i]);
        return count;
    }
    struct reader in = reader_of(assignment);
    if (assignment.size == 0) return 0;
    (void)read_i16(&in);
    int32_t topics = read_i32(&in);
    for (int32_t t = 0; t < topics; t++) {
        struct slice name = read_slice(&in, (size_t)read_i16(&in));
        CHECK(slice_equal(name, slice_of_text(GROUP_TOPIC)));
        int32_t numbers = read_i32(&in);
        for (int32_t i = 0; i < numbers; i++) count = add(shares, count, (uint32_t)read_i32(&in));
    }
    CHECK(!in.bad);
    return count;
}

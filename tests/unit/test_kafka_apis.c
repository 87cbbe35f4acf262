/* Every API at every version: what is written is read back, and nothing less than all of it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "proto/kafka_apis.h"
#include "tests/unit/kafka_fill.h"

#define ARENA_SIZE ((size_t)1 << 20)
#define MESSAGE_SIZE_MAX ((size_t)1 << 20)
#define ROUNDS 40

struct bench {
    struct arena filled;
    struct arena decoded;
    struct writer out;
    void *message;
    void *copy;
};

static struct bench bench_open(void)
{
    return (struct bench){.filled = {.base = malloc(ARENA_SIZE), .size = ARENA_SIZE},
                          .decoded = {.base = malloc(ARENA_SIZE), .size = ARENA_SIZE},
                          .out = writer_with(MESSAGE_SIZE_MAX),
                          .message = malloc(4096),
                          .copy = malloc(4096)};
}

static void bench_close(struct bench *b)
{
    free(b->filled.base);
    free(b->decoded.base);
    writer_close(&b->out);
    free(b->message);
    free(b->copy);
}

typedef void (*visit)(struct bench *b, const struct kafka_api *api, const struct schema *schema,
                      struct kafka_version version, struct prng *prng);

static void for_each_message(visit f)
{
    struct bench b = bench_open();
    struct prng prng = prng_from_seed(20);
    size_t visited = 0;
    for (size_t i = 0; i < kafka_api_count; i++) {
        const struct kafka_api *api = kafka_api_at(i);
        for (int16_t v = api->version_min; v <= api->version_max; v++) {
            struct kafka_version version = kafka_api_version(api, v);
            f(&b, api, api->request, version, &prng);
            f(&b, api, api->response, version, &prng);
            visited += 2;
        }
    }
    cr_assert_gt(visited, 150);
    bench_close(&b);
}

static void encode_filled(struct bench *b, const struct schema *schema,
                          struct kafka_version version, struct prng *prng)
{
    b->filled.used = 0;
    b->decoded.used = 0;
    writer_reset(&b->out);
    kafka_fill(schema, version, prng, &b->filled, b->message);
    int rc = kafka_encode(schema, version, b->message, &b->out);
    cr_assert_eq(rc, 0, "%s %d: %s", schema->name, version.number, err_text(rc));
}

static void round_trip(struct bench *b, const struct kafka_api *api, const struct schema *schema,
                       struct kafka_version version, struct prng *prng)
{
    for (int i = 0; i < ROUNDS; i++) {
        encode_filled(b, schema, version, prng);
        /* An empty message has no bytes, but a body is never NULL. */
        struct slice in = b->out.size == 0 ? slice_of_text("") : writer_slice(&b->out);
        int rc = kafka_decode(schema, version, in, &b->decoded, b->copy);
        cr_assert_eq(rc, 0, "%s %d: %s", api->name, version.number, err_text(rc));
        const char *which = kafka_difference(schema, b->message, b->copy);
        cr_assert_null(which, "%s %d: %s differs", schema->name, version.number, which);
    }
}

Test(kafka_apis, every_message_survives_a_round_trip)
{
    for_each_message(round_trip);
}

static void round_trip_of_defaults(struct bench *b, const struct kafka_api *api,
                                   const struct schema *schema, struct kafka_version version,
                                   struct prng *prng)
{
    (void)prng;
    writer_reset(&b->out);
    b->decoded.used = 0;
    kafka_defaults(schema, b->message);
    int rc = kafka_encode(schema, version, b->message, &b->out);
    cr_assert_eq(rc, 0, "%s %d: %s", schema->name, version.number, err_text(rc));

    struct slice in = b->out.size == 0 ? slice_of_text("") : writer_slice(&b->out);
    cr_assert_eq(kafka_decode(schema, version, in, &b->decoded, b->copy), 0);
    const char *which = kafka_difference(schema, b->message, b->copy);
    cr_assert_null(which, "%s %d: %s differs", api->name, version.number, which);
}

Test(kafka_apis, declared_values_fit_every_version)
{
    for_each_message(round_trip_of_defaults);
}

static void truncate_everywhere(struct bench *b, const struct kafka_api *api,
                                const struct schema *schema, struct kafka_version version,
                                struct prng *prng)
{
    (void)api;
    for (int i = 0; i < 4; i++) {
        encode_filled(b, schema, version, prng);
        for (size_t size = 0; size < b->out.size; size++) {
            /* A copy of exactly this size, so that the sanitizer sees one byte too far. */
            uint8_t *exact = malloc(size + 1);
            memcpy(exact + 1, b->out.base, size);
            b->decoded.used = 0;
            int rc = kafka_decode(schema, version, slice_of(exact + 1, size), &b->decoded, b->copy);
            cr_assert_eq(rc, -ERR_MALFORMED, "%s %d: %zu of %zu bytes gave %d", schema->name,
                         version.number, size, b->out.size, rc);
            free(exact);
        }
    }
}

Test(kafka_apis, every_prefix_of_a_message_is_malformed)
{
    for_each_message(truncate_everywhere);
}

static void scramble(struct bench *b, const struct kafka_api *api, const struct schema *schema,
                     struct kafka_version version, struct prng *prng)
{
    (void)api;
    for (int i = 0; i < ROUNDS; i++) {
        encode_filled(b, schema, version, prng);
        if (b->out.size == 0) continue;
        for (uint64_t flips = prng_range(prng, 1, 4); flips > 0; flips--) {
            size_t at = (size_t)prng_range(prng, 0, b->out.size - 1);
            b->out.base[at] = (uint8_t)prng_next(prng);
        }
        b->decoded.used = 0;
        b->decoded.size = (size_t)prng_range(prng, 0, ARENA_SIZE / 64);
        int rc = kafka_decode(schema, version, writer_slice(&b->out), &b->decoded, b->copy);
        cr_assert(rc == 0 || rc == -ERR_MALFORMED || rc == -ERR_LIMIT);
        cr_assert_leq(b->decoded.used, b->decoded.size);
        b->decoded.size = ARENA_SIZE;
    }
}

Test(kafka_apis, scrambled_bytes_are_decoded_or_refused)
{
    for_each_message(scramble);
}

static void check_schema(const struct schema *schema, const struct kafka_api *api)
{
    int32_t tag_before = -1;
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *f = &schema->fields[i];
        cr_assert_leq(f->since, f->until, "%s.%s", schema->name, f->name);
        if (f->tagged) {
            cr_assert_gt(f->tag, tag_before, "%s.%s", schema->name, f->name);
            cr_assert_geq(f->since, api->flexible_since, "%s.%s", schema->name, f->name);
            tag_before = f->tag;
        }
        bool has_item =
            f->kind == FIELD_ARRAY || f->kind == FIELD_STRUCT || f->kind == FIELD_NSTRUCT;
        cr_assert_eq(f->item != NULL, has_item, "%s.%s", schema->name, f->name);
        if (has_item) check_schema(f->item, api);
    }
}

Test(kafka_apis, tables_keep_their_own_rules)
{
    for (size_t i = 0; i < kafka_api_count; i++) {
        const struct kafka_api *api = kafka_api_at(i);
        cr_assert_leq(api->version_min, api->version_max, "%s", api->name);
        cr_assert_eq(kafka_api_find(api->key), api, "%s", api->name);
        if (i > 0) cr_assert_gt(api->key, kafka_api_at(i - 1)->key);
        check_schema(api->request, api);
        check_schema(api->response, api);
    }
}

Test(kafka_apis, the_private_api_is_known_as_private)
{
    cr_assert(kafka_api_is_private(kafka_api_find(KAFKA_API_REPLICA_HELLO)));
    cr_assert_not(kafka_api_is_private(kafka_api_find(KAFKA_API_FETCH)));
    cr_assert_null(kafka_api_find(9999));
    cr_assert_null(kafka_api_find(-1));
}

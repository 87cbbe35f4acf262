#include "tests/unit/kafka_fill.h"

#include <string.h>

#include "common/check.h"

#define ITEM_COUNT_MAX 3
#define STRING_SIZE_MAX 12

static struct slice fill_slice(struct prng *prng, struct arena *arena)
{
    size_t size = (size_t)prng_range(prng, 0, STRING_SIZE_MAX);
    uint8_t *at = arena_take(arena, size + 1, 1);
    CHECK(at != NULL);
    for (size_t i = 0; i < size; i++) at[i] = (uint8_t)prng_range(prng, 'a', 'z');
    return slice_of(at, size);
}

static struct uuid fill_uuid(struct prng *prng)
{
    struct uuid u;
    for (size_t i = 0; i < sizeof u.bytes; i++) u.bytes[i] = (uint8_t)prng_range(prng, 1, 255);
    return u;
}

static void fill_field(const struct field *f, enum field_kind kind, struct kafka_version version,
                       struct prng *prng, struct arena *arena, void *at);

static struct array fill_array(const struct field *f, struct kafka_version version,
                               struct prng *prng, struct arena *arena)
{
    static const size_t sizes[] = {
        [FIELD_BOOL] = sizeof(bool),          [FIELD_I8] = sizeof(int8_t),
        [FIELD_I16] = sizeof(int16_t),        [FIELD_U16] = sizeof(uint16_t),
        [FIELD_I32] = sizeof(int32_t),        [FIELD_U32] = sizeof(uint32_t),
        [FIELD_I64] = sizeof(int64_t),        [FIELD_F64] = sizeof(double),
        [FIELD_UUID] = sizeof(struct uuid),   [FIELD_STR] = sizeof(struct slice),
        [FIELD_NSTR] = sizeof(struct slice),  [FIELD_BYTES] = sizeof(struct slice),
        [FIELD_NBYTES] = sizeof(struct slice)};
    bool nullable = f->nullable && version.number >= f->null_since;
    if (nullable && prng_chance(prng, 1, 4)) return (struct array){.count = -1};

    bool of_structs = f->kind == FIELD_ARRAY;
    size_t size = of_structs ? f->item->size : sizes[f->element];
    int32_t count = (int32_t)prng_range(prng, 0, ITEM_COUNT_MAX);
    if (count == 0) return (struct array){0};

    uint8_t *items = arena_take(arena, (size_t)count, size);
    CHECK(items != NULL);
    enum field_kind kind = of_structs ? FIELD_STRUCT : (enum field_kind)f->element;
    for (int32_t i = 0; i < count; i++) {
        fill_field(f, kind, version, prng, arena, items + (size_t)i * size);
    }
    return (struct array){.items = items, .count = count};
}

static void fill_field(const struct field *f, enum field_kind kind, struct kafka_version version,
                       struct prng *prng, struct arena *arena, void *at)
{
    uint64_t bits = prng_next(prng);
    bool null = prng_chance(prng, 1, 4) && version.number >= f->null_since;
    switch (kind) {
    case FIELD_BOOL: *(bool *)at = (bits & 1) != 0; return;
    case FIELD_I8: *(int8_t *)at = (int8_t)bits; return;
    case FIELD_I16: *(int16_t *)at = (int16_t)bits; return;
    case FIELD_U16: *(uint16_t *)at = (uint16_t)bits; return;
    case FIELD_I32: *(int32_t *)at = (int32_t)bits; return;
    case FIELD_U32: *(uint32_t *)at = (uint32_t)bits; return;
    case FIELD_I64: *(int64_t *)at = (int64_t)bits; return;
    case FIELD_F64: *(double *)at = (double)(int64_t)bits; return;
    case FIELD_UUID: *(struct uuid *)at = fill_uuid(prng); return;
    case FIELD_STR:
    case FIELD_BYTES: *(struct slice *)at = fill_slice(prng, arena); return;
    case FIELD_NSTR:
    case FIELD_NBYTES:
        *(struct slice *)at = null ? (struct slice){0} : fill_slice(prng, arena);
        return;
    case FIELD_RECORDS: {
        struct slice s = fill_slice(prng, arena);
        struct records records = {.at = s.at, .size_bytes = (uint32_t)s.size};
        *(struct records *)at = null ? (struct records){0} : records;
        return;
    }
    case FIELD_ARRAY:
    case FIELD_ITEMS: *(struct array *)at = fill_array(f, version, prng, arena); return;
    case FIELD_STRUCT: kafka_fill(f->item, version, prng, arena, at); return;
    case FIELD_NSTRUCT: {
        void *item = null ? NULL : arena_take(arena, 1, f->item->size);
        if (item != NULL) kafka_fill(f->item, version, prng, arena, item);
        *(void **)at = item;
        return;
    }
    }
    UNREACHABLE();
}

void kafka_fill(const struct schema *schema, struct kafka_version version, struct prng *prng,
                struct arena *arena, void *out)
{
    kafka_defaults(schema, out);
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *f = &schema->fields[i];
        if (version.number < f->since || version.number > f->until) continue;
        if (prng_chance(prng, 1, f->tagged ? 2 : 8)) {
            bool null_by_declaration = f->otherwise == NIL && version.number < f->null_since;
            if (!null_by_declaration) continue;
        }
        enum field_kind kind = (enum field_kind)f->kind;
        fill_field(f, kind, version, prng, arena, (uint8_t *)out + f->offset);
    }
}

static bool field_differs(const struct field *f, const void *a, const void *b, const char **which);

static bool array_differs(const struct field *f, const struct array *a, const struct array *b,
                          const char **which)
{
    if (a->count != b->count) return true;

    for (int32_t i = 0; i < a->count; i++) {
        if (f->kind == FIELD_ARRAY) {
            size_t at = (size_t)i * f->item->size;
            *which = kafka_difference(f->item, (uint8_t *)a->items + at, (uint8_t *)b->items + at);
            if (*which != NULL) return true;
            continue;
        }
        /* An element is compared as a field of its kind would be. */
        struct field element = {.kind = f->element};
        static const size_t sizes[] = {[FIELD_I8] = 1,   [FIELD_I16] = 2,
                                       [FIELD_I32] = 4,  [FIELD_I64] = 8,
                                       [FIELD_F64] = 8,  [FIELD_UUID] = 16,
                                       [FIELD_BOOL] = 1, [FIELD_STR] = sizeof(struct slice)};
        size_t at = (size_t)i * sizes[f->element];
        CHECK(sizes[f->element] > 0);
        if (field_differs(&element, (uint8_t *)a->items + at, (uint8_t *)b->items + at, which)) {
            return true;
        }
    }
    return false;
}

static bool records_differ(const struct records *a, const struct records *b)
{
    return !slice_equal(slice_of(a->at, a->size_bytes), slice_of(b->at, b->size_bytes));
}

static bool pointers_differ(const struct field *f, const void *a, const void *b, const char **which)
{
    if (a == NULL || b == NULL) return a != b;

    *which = kafka_difference(f->item, a, b);
    return *which != NULL;
}

static bool field_differs(const struct field *f, const void *a, const void *b, const char **which)
{
    switch ((enum field_kind)f->kind) {
    case FIELD_BOOL:
    case FIELD_I8: return memcmp(a, b, 1) != 0;
    case FIELD_I16:
    case FIELD_U16: return memcmp(a, b, 2) != 0;
    case FIELD_I32:
    case FIELD_U32: return memcmp(a, b, 4) != 0;
    case FIELD_I64:
    case FIELD_F64: return memcmp(a, b, 8) != 0;
    case FIELD_UUID: return memcmp(a, b, sizeof(struct uuid)) != 0;
    case FIELD_STR:
    case FIELD_NSTR:
    case FIELD_BYTES:
    case FIELD_NBYTES: return !slice_equal(*(const struct slice *)a, *(const struct slice *)b);
    case FIELD_RECORDS: return records_differ(a, b);
    case FIELD_ARRAY:
    case FIELD_ITEMS: return array_differs(f, a, b, which);
    case FIELD_STRUCT: return pointers_differ(f, a, b, which);
    case FIELD_NSTRUCT: return pointers_differ(f, *(void *const *)a, *(void *const *)b, which);
    }
    UNREACHABLE();
    return true;
}

const char *kafka_difference(const struct schema *schema, const void *a, const void *b)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *f = &schema->fields[i];
        const char *which = NULL;
        if (field_differs(f, (const uint8_t *)a + f->offset, (const uint8_t *)b + f->offset,
                          &which)) {
            return which != NULL ? which : f->name;
        }
    }
    return NULL;
}

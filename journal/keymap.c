#include "journal/keymap.h"

#include <stdlib.h>
#include <xxhash.h>

#include "common/check.h"

#define KEYS_MIN 16u

_Static_assert(KEYMAP_SECRET_SIZE >= XXH3_SECRET_SIZE_MIN, "what the hash needs");

struct keymap_place {
    uint64_t low;
    uint64_t high;
    int64_t end; /* The offset and one; 0: nothing here. */
};

_Static_assert(sizeof(struct keymap_place) == KEYMAP_PLACE_SIZE, "what the bound counts");

void keymap_open(struct keymap *m, uint64_t bytes_max, uint64_t keys,
                 const uint8_t secret[KEYMAP_SECRET_SIZE])
{
    uint64_t places_max = bytes_max / KEYMAP_PLACE_SIZE;
    uint64_t places = places_max;
    if (keys < places_max) places = keys + keys / 4 + KEYS_MIN;
    if (places > places_max) places = places_max;
    if (places < 2 * KEYS_MIN) places = 2 * KEYS_MIN;
    m->places = calloc(places, sizeof *m->places);
    CHECK(m->places != NULL);
    m->capacity = places;
    m->count = 0;
    m->count_max = places * KEYMAP_LOAD_PERCENT / 100;
    memcpy(m->secret, secret, KEYMAP_SECRET_SIZE);
}

uint64_t keymap_left(const struct keymap *m)
{
    return m->count_max - m->count;
}

/* The key's place, or the empty one where it would be. */
static struct keymap_place *find(const struct keymap *m, struct slice key, XXH128_hash_t *hash)
{
    *hash = XXH3_128bits_withSecret(key.at, key.size, m->secret, KEYMAP_SECRET_SIZE);
    uint64_t at = hash->low64 % m->capacity;
    for (;;) {
        struct keymap_place *p = &m->places[at];
        if (p->end == 0 || (p->low == hash->low64 && p->high == hash->high64)) return p;
        at = at + 1 == m->capacity ? 0 : at + 1;
    }
}

void keymap_put(struct keymap *m, struct slice key, int64_t offset)
{
    CHECK(offset >= 0);
    XXH128_hash_t hash;
    struct keymap_place *p = find(m, key, &hash);
    if (p->end == 0) {
        CHECK(m->count < m->count_max);
        m->count++;
    }
    CHECK(p->end <= offset);
    *p = (struct keymap_place){.low = hash.low64, .high = hash.high64, .end = offset + 1};
}

int64_t keymap_get(const struct keymap *m, struct slice key)
{
    XXH128_hash_t hash;
    return find(m, key, &hash)->end - 1;
}

void keymap_close(struct keymap *m)
{
    free(m->places);
    *m = (struct keymap){0};
}

/* keymap.h -- the newest offset of each key of a part of a log, in bounded memory. Pure.
 *
 * A key is remembered by 128 bits of a hash with a secret: nobody can choose two that collide.
 *
 *   Owns:     one piece of memory of the size that was allowed; 24 bytes per place.
 */
#ifndef JOURNAL_KEYMAP_H
#define JOURNAL_KEYMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"

#define KEYMAP_SECRET_SIZE 192
#define KEYMAP_PLACE_SIZE 24
#define KEYMAP_LOAD_PERCENT 85 /* More keys than this make it slow: it is full then. */

struct keymap_place;

struct keymap {
    struct keymap_place *places;
    uint64_t capacity;
    uint64_t count;
    uint64_t count_max;
    uint8_t secret[KEYMAP_SECRET_SIZE];
};

/* Memory for up to `keys`, but not more than `bytes_max` (and room for a few at the least). */
void keymap_open(struct keymap *m, uint64_t bytes_max, uint64_t keys,
                 const uint8_t secret[KEYMAP_SECRET_SIZE]);

/* Room for so many more keys. */
uint64_t keymap_left(const struct keymap *m);

/* Offsets of one key must not fall. There must be room. */
void keymap_put(struct keymap *m, struct slice key, int64_t offset);

/* -1: it is not there. */
int64_t keymap_get(const struct keymap *m, struct slice key);

void keymap_close(struct keymap *m);

#endif

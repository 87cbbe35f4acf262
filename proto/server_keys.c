#include "proto/server_keys.h"

#include <string.h>

static const struct server_key KEYS[] = {
#define X(name_, kind_, verdict_, who_, otherwise_, min_, max_, text_) \
    {.name = name_,                                                    \
     .kind = CONFIG_##kind_,                                           \
     .verdict = CONFIG_##verdict_,                                     \
     .who = CONFIG_##who_,                                             \
     .otherwise = otherwise_,                                          \
     .min = min_,                                                      \
     .max = max_,                                                      \
     .text = text_},
#include "proto/server_keys_table.h"
#undef X
};

#define KEY_COUNT (sizeof KEYS / sizeof KEYS[0])
#define NAME_MAX_BYTES 127

const struct server_key *config_key_at(uint32_t index)
{
    return index < KEY_COUNT ? &KEYS[index] : NULL;
}

static bool is_named(const struct server_key *key, const char *name)
{
    size_t size = strlen(key->name);
    if (key->name[size - 1] == '*') return strncmp(key->name, name, size - 1) == 0;
    return strcmp(key->name, name) == 0;
}

const struct server_key *config_key_find(const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (is_named(&KEYS[i], name)) return &KEYS[i];
    }
    return NULL;
}

/* How many characters must be changed, added or left out. Names are short. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_BYTES + 1], length = strlen(b);
    if (length >= NAME_MAX_BYTES || strlen(a) >= NAME_MAX_BYTES) return NAME_MAX_BYTES;
    for (size_t j = 0; j <= length; j++) row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t before = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t change = before + (a[i - 1] != b[j - 1]);
            before = row[j];
            if (row[j] + 1 < change) change = row[j] + 1;
            if (row[j - 1] + 1 < change) change = row[j - 1] + 1;
            row[j] = change;
        }
    }
    return row[length];
}

const struct server_key *config_key_nearest(const char *name)
{
    const struct server_key *nearest = &KEYS[0];
    size_t best = distance(name, nearest->name);
    for (size_t i = 1; i < KEY_COUNT && best > 0; i++) {
        size_t far = distance(name, KEYS[i].name);
        if (far < best) nearest = &KEYS[i];
        if (far < best) best = far;
    }
    return nearest;
}

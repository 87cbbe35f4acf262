#include "broker/dirs.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/text.h"

#define FUTURE_SUFFIX "-future" /* topic-0.UNIQUE-future, as Kafka's. */
#define NAME_SIZE (META_NAME_MAX + 16)
#define GRAVE_SUFFIX "-delete"
#define HEX_SIZE (2 * sizeof(struct uuid))

struct log_dirs *log_dirs_open(const struct broker_options *options)
{
    CHECK(options->log_dir_count >= 1 && options->log_dir_count <= BROKER_DIRS_MAX);
    struct log_dirs *d = calloc(1, sizeof *d);
    CHECK(d != NULL);
    d->count = options->log_dir_count;
    for (uint32_t i = 0; i < d->count; i++) {
        memcpy(d->dirs[i].path, options->log_dirs[i], sizeof d->dirs[i].path);
        d->dirs[i].is_whole = true;
        count_init(&d->dirs[i].replicas, 0);
    }
    return d;
}

void log_dirs_close(struct log_dirs *d)
{
    if (d == NULL) return;
    struct dir_entry *entry, *next;
    HASH_ITER(hh, d->entries, entry, next)
    {
        HASH_DEL(d->entries, entry);
        free(entry);
    }
    free(d);
}

bool dir_name_parse(const char *name, char topic[META_NAME_MAX + 1], int32_t *partition)
{
    const char *dash = strrchr(name, '-');
    if (dash == NULL || dash == name || (size_t)(dash - name) > META_NAME_MAX) return false;
    int64_t number = -1;
    if (!isdigit((unsigned char)dash[1]) || !text_to_i64(slice_of_text(dash + 1), &number))
        return false;
    if (number > INT32_MAX) return false;
    memcpy(topic, name, (size_t)(dash - name));
    topic[dash - name] = '\0';
    *partition = (int32_t)number;
    return true;
}

/* The topic is cut where the whole would be too long for a name. */
void dir_grave_name(const char *topic, int32_t number, struct uuid id, char out[DIR_GRAVE_SIZE])
{
    char suffix[16 + HEX_SIZE + sizeof GRAVE_SUFFIX];
    int at = snprintf(suffix, sizeof suffix, "-%d.", number);
    for (size_t i = 0; i < sizeof id.bytes; i++)
        at += snprintf(suffix + at, 3, "%02x", id.bytes[i]);
    (void)snprintf(suffix + at, sizeof suffix - (size_t)at, GRAVE_SUFFIX);
    size_t room = DIR_GRAVE_SIZE - 1 - strlen(suffix);
    (void)snprintf(out, DIR_GRAVE_SIZE, "%.*s%s", (int)room, topic, suffix);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool dir_name_is_grave(const char *name, struct uuid *id)
{
    size_t size = strlen(name), tail = HEX_SIZE + strlen(GRAVE_SUFFIX);
    if (size < tail + 2 || strcmp(name + size - strlen(GRAVE_SUFFIX), GRAVE_SUFFIX) != 0)
        return false;
    const char *hex = name + size - tail;
    if (hex[-1] != '.') return false;
    for (size_t i = 0; i < sizeof id->bytes; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        id->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static struct dir_entry *entry_of(struct log_dirs *d, const char *name, size_t size)
{
    struct dir_entry *entry = NULL;
    HASH_FIND(hh, d->entries, name, size, entry);
    if (entry != NULL) return entry;

    entry = calloc(1, sizeof *entry + size + 1);
    CHECK(entry != NULL);
    memcpy(entry->name, name, size);
    entry->dir = entry->future = entry->twin = DIR_NONE;
    HASH_ADD_KEYPTR(hh, d->entries, entry->name, size, entry);
    return entry;
}

/* Where the name of the partition ends in that of a future replica; 0: it is none. */
static size_t future_size(const char *name)
{
    size_t size = strlen(name), suffix = sizeof FUTURE_SUFFIX - 1;
    if (size <= suffix || strcmp(name + size - suffix, FUTURE_SUFFIX) != 0) return 0;
    const char *dot = strrchr(name, '.');
    return dot == NULL ? 0 : (size_t)(dot - name);
}

bool log_dirs_note(struct log_dirs *d, uint32_t dir, const char *name)
{
    CHECK(dir < d->count);
    char topic[META_NAME_MAX + 1], plain[NAME_SIZE];
    int32_t number;
    size_t size = future_size(name);
    struct uuid id;
    if (size >= sizeof plain) return false;
    if (dir_name_is_grave(name, &id)) {
        entry_of(d, name, strlen(name))->dir = dir;
        return true;
    }
    if (size > 0) {
        memcpy(plain, name, size);
        plain[size] = '\0';
        struct dir_entry *entry = NULL;
        if (!dir_name_parse(plain, topic, &number)) return false;
        entry = entry_of(d, plain, size);
        entry->future = dir;
        (void)snprintf(entry->future_name, sizeof entry->future_name, "%s", name);
        return true;
    }
    if (!dir_name_parse(name, topic, &number)) return false;
    struct dir_entry *entry = entry_of(d, name, strlen(name));
    if (entry->dir == DIR_NONE) {
        entry->dir = dir;
        (void)count_add(&d->dirs[dir].replicas, 1);
    } else if (entry->dir != dir) {
        entry->twin = dir;
    }
    return true;
}

struct dir_entry *log_dirs_find(const struct log_dirs *d, const char *topic, int32_t partition)
{
    char name[NAME_SIZE];
    (void)snprintf(name, sizeof name, "%s-%d", topic, partition);
    struct dir_entry *entry = NULL;
    HASH_FIND_STR(d->entries, name, entry);
    return entry;
}

uint32_t log_dirs_grave(const struct log_dirs *d, const char *topic, int32_t number, struct uuid id)
{
    char name[DIR_GRAVE_SIZE];
    dir_grave_name(topic, number, id, name);
    struct dir_entry *entry = NULL;
    HASH_FIND_STR(d->entries, name, entry);
    return entry == NULL ? DIR_NONE : entry->dir;
}

uint32_t dir_lane(const struct broker_options *o, uint32_t dir, uint32_t hash)
{
    uint32_t threads = o->log_dir_count * DIR_LANES;
    /* All lanes of a thread are as good as another; the simulator has a thread for each. */
    return (hash >> 9) * threads + dir * DIR_LANES + hash % DIR_LANES;
}

uint32_t dir_background_lane(uint32_t dir)
{
    CHECK(dir < BROKER_DIRS_MAX);
    return ENV_LANE_BACKGROUND - dir;
}

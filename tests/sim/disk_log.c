#include "tests/sim/disk_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/crc32c.h"

#define FOLDER_SIZE 512
#define SEGMENTS_MAX 4096

/* The segment to go on with: the last one that begins at or below `offset`, else the first. */
struct search {
    int64_t offset;
    int64_t found; /* -1: none yet. */
    int64_t after; /* The next one behind `offset`; -1: none. */
};

static void see_entry(void *arg, const struct fs_entry *entry)
{
    struct search *s = arg;
    size_t size = strlen(entry->name);
    if (size != 24 || strcmp(entry->name + 20, ".log") != 0) return;

    int64_t base = strtoll(entry->name, NULL, 10);
    if (base <= s->offset && base > s->found) s->found = base;
    if (base > s->offset && (s->after < 0 || base < s->after)) s->after = base;
}

static bool search(struct fs *fs, const char *dir, int64_t offset, struct search *out)
{
    *out = (struct search){.offset = offset, .found = -1, .after = -1};
    return fs->ops->list(fs, dir, see_entry, out) == 0;
}

/* Reads whole batches of one segment. Returns true if it came to the end of what is there. */
static bool read_segment(struct disk_log *log, struct fs *fs, struct file *file, int64_t limit,
                         disk_log_visit *visit, void *arg, bool *goes_on)
{
    uint64_t size = 0;
    CHECK(fs->ops->size(fs, file, &size) == 0);
    *goes_on = true;
    while (log->at + BATCH_HEADER_SIZE <= size) {
        uint8_t head[BATCH_HEADER_SIZE];
        size_t got = 0;
        CHECK(fs->ops->pread(fs, file, head, sizeof head, log->at, &got) == 0);
        struct record_batch_header header;
        if (kafka_batch_peek(slice_of(head, got), &header) != BATCH_OK) return false;
        if (batch_last_offset(&header) + 1 > limit) return false;
        size_t bytes = batch_size(&header);
        if (log->at + bytes > size) return false;

        uint8_t *batch = malloc(bytes);
        CHECK(batch != NULL);
        CHECK(fs->ops->pread(fs, file, batch, bytes, log->at, &got) == 0);
        CHECK(got == bytes);
        log->at += bytes;
        log->next = batch_last_offset(&header) + 1;
        *goes_on = visit(arg, slice_of(batch, bytes), &header);
        free(batch);
        if (!*goes_on) return false;
    }
    return log->at == size;
}

bool disk_log_read(struct disk_log *log, struct fs *fs, const char *dir, int64_t limit,
                   disk_log_visit *visit, void *arg)
{
    for (uint32_t i = 0; i < SEGMENTS_MAX; i++) {
        struct search s;
        if (!log->is_placed) {
            if (!search(fs, dir, log->next, &s)) return false;
            if (s.found < 0 && s.after < 0) return true;
            *log = (struct disk_log){
                .segment = s.found >= 0 ? s.found : s.after, .next = log->next, .is_placed = true};
        }
        char path[FOLDER_SIZE];
        (void)snprintf(path, sizeof path, "%s/%020" PRId64 ".log", dir, log->segment);
        struct file *file = NULL;
        if (fs->ops->open(fs, path, FS_READ, &file) != 0) {
            log->is_placed = false; /* Removed, or the folder is gone. */
            if (!search(fs, dir, log->next, &s)) return false;
            if (s.found < 0 && s.after < 0) return true;
            continue;
        }
        bool goes_on;
        bool at_end = read_segment(log, fs, file, limit, visit, arg, &goes_on);
        fs->ops->close(fs, file);
        if (!at_end || !goes_on || log->next >= limit) return true;
        if (!search(fs, dir, log->next, &s)) return false;
        int64_t next = s.found > log->segment ? s.found : s.after;
        if (next <= log->segment) return true;
        *log = (struct disk_log){.segment = next, .next = log->next, .is_placed = true};
    }
    return true;
}

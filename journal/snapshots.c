#include "journal/snapshots.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "journal/scan.h"

#define EXTENSION ".snapshot"

struct snapshot_bytes snapshots_save(const struct observer *o)
{
    struct snapshot_bytes s = {0};
    if (o->save == NULL) return s;

    struct writer out = writer_with(SNAPSHOT_BYTES_MAX);
    o->save(o->self, &out);
    if (writer_ok(&out)) s.bytes = writer_take(&out, &s.size);
    writer_close(&out);
    return s;
}

void snapshots_free(struct snapshot_bytes *s)
{
    free(s->bytes);
    *s = (struct snapshot_bytes){0};
}

int snapshots_store(struct fs *fs, const char *dir, int64_t offset, const struct snapshot_bytes *s)
{
    if (s->bytes == NULL) return 0;
    struct path path = files_segment(dir, offset, EXTENSION);
    return files_store(fs, &path, s->bytes, s->size, false);
}

static void visit(void *arg, const struct fs_entry *entry)
{
    int64_t offset = 0;
    if (!entry->is_dir && files_parse_as(entry->name, EXTENSION, &offset)) bases_add(arg, offset);
}

int snapshots_list(struct fs *fs, const char *dir, struct bases *out)
{
    int rc = fs->ops->list(fs, dir, visit, out);
    bases_sort(out);
    return rc;
}

int snapshots_remove(struct fs *fs, const char *dir, int64_t offset)
{
    struct path path = files_segment(dir, offset, EXTENSION);
    int rc = fs->ops->unlink(fs, path.text);
    return rc == -ERR_ABSENT ? 0 : rc;
}

int snapshots_cut(struct fs *fs, const char *dir, int64_t end_offset, uint32_t *count)
{
    struct bases all = {0};
    int rc = snapshots_list(fs, dir, &all);
    *count = 0;
    while (rc == 0 && all.count > 0 && all.items[all.count - 1] > end_offset) {
        rc = snapshots_remove(fs, dir, all.items[--all.count]);
        ++*count;
    }
    bases_close(&all);
    return rc;
}

static bool restore(struct fs *fs, const char *dir, const struct observer *o, int64_t offset)
{
    struct path path = files_segment(dir, offset, EXTENSION);
    uint8_t *bytes = NULL;
    size_t size = 0;
    int rc = fs_read_file(fs, path.text, SNAPSHOT_BYTES_MAX, &bytes, &size);
    bool ok = rc == 0 && o->restore(o->self, slice_of(bytes, size));
    free(bytes);
    return ok;
}

int64_t snapshots_restore(struct fs *fs, const char *dir, const struct observer *o,
                          int64_t end_offset)
{
    CHECK(observer_is_saved(o));
    struct bases all = {0};
    int64_t found = -1;
    /* Without a folder's list everything is looked at again, no more. */
    if (snapshots_list(fs, dir, &all) < 0) all.count = 0;
    for (uint32_t i = all.count; found < 0 && i > 0; i--) {
        int64_t offset = all.items[i - 1];
        if (offset > end_offset) continue;
        if (restore(fs, dir, o, offset)) {
            found = offset;
        } else {
            (void)snapshots_remove(fs, dir, offset);
        }
    }
    bases_close(&all);
    if (found < 0) CHECK(o->restore(o->self, (struct slice){0}));
    return found;
}

static int observe_log(struct fs *fs, const char *dir, const struct observer *o,
                       const struct observed_log *log, int64_t from)
{
    struct path path = files_segment(dir, log->base, ".log");
    struct scan_source source = {.fs = fs};
    int rc = fs->ops->open(fs, path.text, FS_READ, &source.file);
    if (rc < 0) return rc;

    struct scan s = scan_of(source, log->base, 0, log->size, log->base);
    while ((rc = scan_next(&s)) == 1) {
        if (s.header.base_offset < from) continue;
        if (!s.is_whole && batch_is_control(&s.header)) {
            /* Once more, with its bytes. */
            s.is_whole = true;
            s.at = s.batch_at;
            s.offset_min = s.header.base_offset;
            continue;
        }
        o->observe(o->self, &s.header, s.is_whole ? s.batch : (struct slice){0});
        s.is_whole = false;
    }
    scan_close(&s);
    fs->ops->close(fs, source.file);
    return rc;
}

int snapshots_observe(struct fs *fs, const char *dir, const struct observer *o,
                      const struct observed_log *logs, uint32_t count, int64_t end_offset)
{
    int64_t from = snapshots_restore(fs, dir, o, end_offset);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        int64_t next = i + 1 < count ? logs[i + 1].base : end_offset;
        if (next > from) rc = observe_log(fs, dir, o, &logs[i], from);
    }
    return rc;
}

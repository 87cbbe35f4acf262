/* Which files of many journals are open (descriptors.h). */
#include "common/check.h"
#include "journal/state.h"

#define LOOK_MAX 64u  /* Files that are looked at beyond those that are closed, in one turn. */
#define SYNCS_MAX 16u /* Journals that are asked to sync in one turn. */

void descriptors_init(struct descriptors *d, uint32_t max)
{
    CHECK(max > 0);
    *d = (struct descriptors){.max = max};
    TAILQ_INIT(&d->used);
}

void segment_take_file(struct journal *j, struct segment *s, struct file *file)
{
    CHECK(s->file == NULL && file != NULL);
    s->file = file;
    s->journal = j;
    if (j->descriptors == NULL) return;
    TAILQ_INSERT_TAIL(&j->descriptors->used, s, used_link);
    j->descriptors->count++;
}

void segment_close_file(struct journal *j, struct segment *s)
{
    if (s->file == NULL) return;
    env_file_unref(j->env, s->file);
    s->file = NULL;
    if (j->descriptors == NULL) return;
    TAILQ_REMOVE(&j->descriptors->used, s, used_link);
    CHECK(j->descriptors->count > 0);
    j->descriptors->count--;
}

void segment_used(struct journal *j, struct segment *s)
{
    s->used = ++j->read_count;
    if (j->descriptors == NULL || s->file == NULL) return;
    TAILQ_REMOVE(&j->descriptors->used, s, used_link);
    TAILQ_INSERT_TAIL(&j->descriptors->used, s, used_link);
}

void descriptors_turn(struct descriptors *d)
{
    uint32_t looked = 0, syncs = 0;
    struct segment *next;
    for (struct segment *s = TAILQ_FIRST(&d->used); s != NULL && d->count > d->max; s = next) {
        next = TAILQ_NEXT(s, used_link);
        struct journal *j = s->journal;
        bool is_busy = s->file->refs > 1;
        if (!is_busy && !s->log_dirty) {
            segment_close_file(j, s);
            d->closed_count++;
            continue;
        }
        if (++looked > LOOK_MAX) return;
        bool can_sync = j->state == JOURNAL_OPEN && !j->is_syncing && !j->sync_wanted;
        if (is_busy || !can_sync || syncs == SYNCS_MAX) continue;
        syncs++;
        journal_sync(j);
    }
}

/* epochs.h -- which leader epoch began at which offset (KIP-101). Pure.
 *
 *   Owns:     a growing list of (epoch, start offset), both strictly rising.
 *   Used by:  the journal that holds the records, and through it the replica.
 */
#ifndef JOURNAL_EPOCHS_H
#define JOURNAL_EPOCHS_H

#include <stdbool.h>
#include <stdint.h>

struct epoch_start {
    int32_t epoch;
    int64_t start_offset;
};

/* Zeroed is empty. */
struct epochs {
    uint32_t count;
    uint32_t capacity;
    struct epoch_start *items;
};

/* Notes that `epoch` is in use from `offset` on. Ignored if it is not above the last epoch; entries
 * at or past `offset` that it makes empty are dropped. */
void epochs_note(struct epochs *e, int32_t epoch, int64_t offset);

/* The last epoch, or -1. */
int32_t epochs_last(const struct epochs *e);

/* The epoch of the record at `offset`, or -1 if it lies before the first entry. */
int32_t epochs_of(const struct epochs *e, int64_t offset);

/* KIP-279: the largest epoch not above `asked`, and where it ends (the start of the next one, or
 * `log_end`). False if there is none. */
bool epochs_end_of(const struct epochs *e, int32_t asked, int64_t log_end, int32_t *epoch,
                   int64_t *end_offset);

/* Forgets what lies at or past `end_offset` (truncation). */
void epochs_cut_tail(struct epochs *e, int64_t end_offset);

/* The log now starts at `start_offset`: earlier entries go, the one in force there stays and is
 * moved up to it. */
void epochs_cut_head(struct epochs *e, int64_t start_offset);

void epochs_copy(struct epochs *to, const struct epochs *from);
void epochs_close(struct epochs *e);

#endif

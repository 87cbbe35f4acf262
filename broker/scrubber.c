#include "broker/scrubber.h"

#include "common/check.h"

#define PIECE_MS 1000
#define SLOW_MS 20
#define PIECE_MIN_BYTES 4096u

static void begin_pass(struct shard *s, uint64_t now_ms)
{
    s->scrub_pass_ms = now_ms + s->options->scrub_interval_ms;
    s->scrubbing = s->partitions;
    for (struct partition *p = s->partitions; p != NULL; p = p->hh.next) {
        if (p->state == PARTITION_READY) journal_scrub_anew(p->journal);
    }
}

uint64_t scrubber_turn(struct shard *s)
{
    uint64_t now_ms = env_now_ms(s->env);
    uint64_t rate = s->options->scrub_bytes_per_s / s->options->shard_count;
    if (s->options->scrub_bytes_per_s == 0 || s->host.is_stopping || !s->is_current)
        return ENV_NEVER;
    if (s->partition_count == 0) return ENV_NEVER;
    if (now_ms < s->next_scrub_ms) return s->next_scrub_ms;

    if (s->scrubbing == NULL && now_ms >= s->scrub_pass_ms) begin_pass(s, now_ms);
    uint64_t size = 0;
    /* Of ten thousand partitions most have nothing to be read: they cost a look each pass. */
    uint64_t piece = rate < PIECE_MIN_BYTES ? PIECE_MIN_BYTES : rate;
    while (s->scrubbing != NULL) {
        struct partition *p = s->scrubbing;
        bool may = p->state == PARTITION_READY && !p->is_swapping;
        if (may && journal_is_scrubbing(p->journal)) {
            /* The disk is slower than the rate. */
            s->next_scrub_ms = now_ms + SLOW_MS;
            return s->next_scrub_ms;
        }
        if (may && (size = journal_scrub(p->journal, piece)) > 0) break;
        s->scrubbing = p->hh.next;
    }
    /* A slow rate takes a piece less often, and small segments are soon read. */
    if (size == 0 || size > piece) size = piece;
    uint64_t pause_ms = rate == 0 ? PIECE_MS * PIECE_MIN_BYTES : size * PIECE_MS / rate + 1;
    s->next_scrub_ms = s->scrubbing == NULL ? s->scrub_pass_ms : now_ms + pause_ms;
    return s->next_scrub_ms;
}

void scrubber_forget(struct shard *s, const struct partition *p)
{
    if (s->scrubbing == p) s->scrubbing = p->hh.next;
}

#include "controller/record_format.h"

void record_pack_decision(struct pack *p, struct record_decision *d)
{
    PACK_ENUM(p, d->request, RECORD_REQUEST_MAX);
    pack_u32(p, &d->canary);
    pack_u64(p, &d->now_ms);
    pack_u64(p, &d->index);
    pack_u64(p, &d->term);
    pack_i32(p, &d->broker);
    pack_slice(p, &d->why);
    pack_slice(p, &d->frame);
    pack_raw(p, d->topic_id.bytes, sizeof d->topic_id.bytes);
    pack_i32(p, &d->partition);
    pack_i64(p, &d->percentage);
    pack_slice(p, &d->batch);
}

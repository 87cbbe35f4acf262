/* pack.h -- one description of a struct for both directions: a pack either writes fields to a
 * writer or reads them from a reader, so that the two cannot differ. For bytes that this program
 * writes and reads back itself (ring.h): numbers are varints, nothing is named.
 *
 * Reading is safe with any bytes: counts and enumerations above their bound mark the reader bad and
 * become zero.
 */
#ifndef COMMON_PACK_H
#define COMMON_PACK_H

#include "common/bytes.h"

struct pack {
    struct writer *to;   /* Either this ... */
    struct reader *from; /* ... or this. */
};

static inline struct pack pack_to(struct writer *to)
{
    return (struct pack){.to = to};
}

static inline struct pack pack_from(struct reader *from)
{
    return (struct pack){.from = from};
}

static inline void pack_u64(struct pack *p, uint64_t *value)
{
    if (p->to != NULL)
        write_uvarlong(p->to, *value);
    else
        *value = read_uvarlong(p->from);
}

static inline void pack_i64(struct pack *p, int64_t *value)
{
    if (p->to != NULL)
        write_varlong(p->to, *value);
    else
        *value = read_varlong(p->from);
}

/* At most `max`. */
static inline void pack_u32_max(struct pack *p, uint32_t *value, uint32_t max)
{
    if (p->to != NULL) {
        write_uvarint(p->to, *value);
        return;
    }
    *value = read_uvarint(p->from);
    if (*value <= max) return;
    reader_fail(p->from);
    *value = 0;
}

static inline void pack_u32(struct pack *p, uint32_t *value)
{
    pack_u32_max(p, value, UINT32_MAX);
}

static inline void pack_i32(struct pack *p, int32_t *value)
{
    if (p->to != NULL)
        write_varint(p->to, *value);
    else
        *value = read_varint(p->from);
}

static inline void pack_bool(struct pack *p, bool *value)
{
    uint32_t raw = *value ? 1 : 0;
    pack_u32_max(p, &raw, 1);
    *value = raw == 1;
}

static inline void pack_raw(struct pack *p, void *bytes, size_t size)
{
    if (p->to != NULL) {
        write_bytes(p->to, bytes, size);
    } else if (!read_bytes(p->from, bytes, size)) {
        memset(bytes, 0, size);
    }
}

/* A slice: read, it is a part of what is read from. Absent becomes empty. */
static inline void pack_slice(struct pack *p, struct slice *s)
{
    if (p->to != NULL) {
        write_uvarint(p->to, (uint32_t)s->size);
        write_slice(p->to, *s);
    } else {
        *s = read_slice(p->from, read_uvarint(p->from));
    }
}

/* Of an enumeration whose values are 0 to `max`. */
#define PACK_ENUM(p, field, max)                   \
    do {                                           \
        uint32_t raw_ = (uint32_t)(field);         \
        pack_u32_max((p), &raw_, (uint32_t)(max)); \
        (field) = raw_;                            \
    } while (0)

#endif

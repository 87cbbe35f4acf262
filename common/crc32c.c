#include "common/crc32c.h"

#include <isa-l/crc.h>

#include "common/check.h"

/* The library takes the size as an int. */
#define PIECE_SIZE_MAX ((size_t)1 << 30)

uint32_t crc32c_more(uint32_t crc, const void *bytes, size_t size)
{
    CHECK(size == 0 || bytes != NULL);

    /* ISA-L computes the bare remainder and leaves both inversions to the caller. It does not
     * write through the pointer, though its type would let it. */
    uintptr_t at = (uintptr_t)bytes;
    uint32_t remainder = ~crc;
    while (size > 0) {
        size_t piece = size < PIECE_SIZE_MAX ? size : PIECE_SIZE_MAX;
        remainder = crc32_iscsi((unsigned char *)at, (int)piece, remainder);
        at += piece;
        size -= piece;
    }
    return ~remainder;
}

uint32_t crc32c(const void *bytes, size_t size)
{
    return crc32c_more(0, bytes, size);
}

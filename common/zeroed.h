/* zeroed.h -- zeroed memory for what each request needs.
 *
 * glibc's calloc() takes nothing from the thread's cache before 2.41: it costs four times what
 * malloc() does, and a request takes several. Never NULL: out of memory is the end.
 */
#ifndef COMMON_ZEROED_H
#define COMMON_ZEROED_H

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

static inline void *zeroed(size_t size)
{
    void *memory = malloc(size);
    CHECK(memory != NULL);
    return memset(memory, 0, size);
}

#endif

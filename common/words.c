#include "common/words.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/check.h"

void words_add(struct words *w, const char *format, ...)
{
    CHECK(w->used < w->size);
    va_list args;
    va_start(args, format);
    int size = vsnprintf(w->to + w->used, w->size - w->used, format, args);
    va_end(args);
    CHECK(size >= 0);

    w->used += (size_t)size;
    if (w->used >= w->size) w->used = w->size - 1;
}

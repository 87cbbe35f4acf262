#include "controller/inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"

#define SCRATCH_MIN_BYTES (256u * 1024)

struct arena *scratch(struct controller *c, enum scratch_use use, size_t size)
{
    struct arena *a = &c->scratch[use];
    if (size < SCRATCH_MIN_BYTES) size = SCRATCH_MIN_BYTES;
    if (a->size < size) {
        /* Not realloc: what is in it is of no use any more. */
        free(a->base);
        a->base = malloc(size);
        CHECK(a->base != NULL);
        a->size = size;
    }
    a->used = 0;
    return a;
}

void scratch_close(struct controller *c)
{
    for (int i = 0; i < SCRATCH_COUNT; i++) {
        free(c->scratch[i].base);
        c->scratch[i] = (struct arena){0};
    }
}

void controller_halt(struct controller *c, const char *format, ...)
{
    char why[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args);
    va_end(args);

    if (is_halted(c)) return;
    c->phase = PHASE_HALTED;
    log_error(c->env, "%s", why);
    env_halt(c->env, why);
}

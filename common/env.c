#include "common/env.h"

#include <stdarg.h>
#include <stdio.h>

void env_log(struct env *env, enum log_level level, const char *format, ...)
{
    if (level < env->log_min) return;

    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    env->ops->log(env, level, text);
}

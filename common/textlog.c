#include "common/textlog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/check.h"

#define LINE_MAX_BYTES 2048

/* Ends the line, makes it one line, and writes it. */
static void put_line(char *line, size_t size)
{
    CHECK(size < LINE_MAX_BYTES);

    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)line[i];
        if (c < 0x20 || c == 0x7f) line[i] = '?';
    }
    line[size++] = '\n';
    ssize_t rc;
    do {
        rc = write(STDERR_FILENO, line, size);
    } while (rc < 0 && errno == EINTR);
    MAYBE(rc < 0); /* A log that cannot be written must not stop the program. */
}

static size_t bounded(int printed)
{
    if (printed < 0) return 0;
    return (size_t)printed < LINE_MAX_BYTES - 1 ? (size_t)printed : LINE_MAX_BYTES - 2;
}

void textlog_write(enum log_level level, const char *prefix, int64_t wall_ms, const char *text)
{
    static const char names[][6] = {"DEBUG", "INFO ", "WARN ", "ERROR"};
    CHECK((size_t)level < sizeof names / sizeof names[0]);

    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm at;
    CHECK(gmtime_r(&seconds, &at) != NULL);
    char line[LINE_MAX_BYTES];
    int printed = snprintf(line, sizeof line - 1, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s [%s] %s",
                           at.tm_year + 1900, at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min,
                           at.tm_sec, (int)(wall_ms % 1000), names[level], prefix, text);
    put_line(line, bounded(printed));
}

void textlog_fatal(const char *why)
{
    char line[LINE_MAX_BYTES];
    put_line(line, bounded(snprintf(line, sizeof line - 1, "FATAL: %s", why)));
}

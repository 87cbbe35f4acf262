#include "cli/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/text.h"

#define NAME_SIZE_MAX 48

void *grow_memory(void *old, size_t size)
{
    void *at = realloc(old, size == 0 ? 1 : size);
    if (at == NULL) {
        fputs("jackdaw: out of memory\n", stderr);
        abort();
    }
    return at;
}

void *get_memory(size_t size)
{
    void *at = grow_memory(NULL, size);
    memset(at, 0, size);
    return at;
}

char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(get_memory(size), text, size);
}

char *format_text(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int size = vasprintf(&text, format, args);
    va_end(args);
    CHECK(size >= 0);
    return text;
}

void strings_add_sized(struct strings *s, const char *text, size_t size)
{
    s->at = grow_memory(s->at, (s->count + 1) * sizeof *s->at);
    char *copy = get_memory(size + 1);
    memcpy(copy, text, size);
    s->at[s->count++] = copy;
}

void strings_add(struct strings *s, const char *text)
{
    strings_add_sized(s, text, strlen(text));
}

void strings_split(struct strings *s, const char *text, char separator)
{
    while (*text != 0) {
        const char *end = strchrnul(text, separator);
        if (end > text) strings_add_sized(s, text, (size_t)(end - text));
        text = *end == 0 ? end : end + 1;
    }
}

bool strings_have(const struct strings *s, const char *text)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->at[i], text) == 0) return true;
    }
    return false;
}

void strings_close(struct strings *s)
{
    for (size_t i = 0; i < s->count; i++) free(s->at[i]);
    free(s->at);
    *s = (struct strings){0};
}

bool number_of(const char *text, int64_t min, int64_t max, int64_t *out)
{
    int64_t value = 0;
    if (!text_to_i64(slice_of_text(text), &value)) return false;
    if (value < min || value > max) return false;

    *out = value;
    return true;
}

bool split_pair(char *text, char separator, char **key, char **value)
{
    char *at = strchr(text, separator);
    if (at == NULL || at == text) return false;

    *at = 0;
    *key = text;
    *value = at + 1;
    return true;
}

char *trim(char *text)
{
    while (*text == ' ' || *text == '\t') text++;
    size_t size = strlen(text);
    while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL) text[--size] = 0;
    return text;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance, two rows at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[2][NAME_SIZE_MAX + 1];
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > NAME_SIZE_MAX || b_size > NAME_SIZE_MAX) return SIZE_MAX;

    for (size_t j = 0; j <= b_size; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *now = rows[i % 2], *before = rows[(i - 1) % 2];
        now[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t swapped = before[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = least(swapped, least(before[j], now[j - 1]) + 1);
        }
    }
    return rows[a_size % 2][b_size];
}

const char *nearest_name(const char *text, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(text, names[i]);
        /* What begins like a name was probably cut short: "topic", "boot". */
        if (strlen(text) >= 2 && strncmp(names[i], text, strlen(text)) == 0) d = 1;
        if (d < best_distance) {
            best_distance = d;
            best = names[i];
        }
    }
    return best_distance <= 1 + strlen(text) / 3 ? best : NULL;
}

static void say(const char *format, va_list args)
{
    fputs("jackdaw: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

int fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    return EXIT_FAILED;
}

int misuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    return EXIT_USAGE;
}

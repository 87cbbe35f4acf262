/* text.h -- lists of strings, messages to a person, and the name that was probably meant. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses of every verb. */
#define EXIT_OK 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2

/* A growing list of strings that it owns. Zeroed memory is an empty list. */
struct strings {
    char **at;
    size_t count;
};

void strings_add(struct strings *s, const char *text);
void strings_add_sized(struct strings *s, const char *text, size_t size);
/* Adds what stands between separators; empty parts are left out. */
void strings_split(struct strings *s, const char *text, char separator);
bool strings_have(const struct strings *s, const char *text);
void strings_close(struct strings *s);

/* Memory, or the end of the program. */
void *get_memory(size_t size);
void *grow_memory(void *old, size_t size);
char *copy_text(const char *text);

/* A formatted string of its own. */
char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A number that fills the whole text and lies within the bounds. */
bool number_of(const char *text, int64_t min, int64_t max, int64_t *out);

/* The text without the white space around it, in place of a copy. */
char *trim(char *text);

/* Splits "key=value" in place of a copy: false without a key. Both point into `text`. */
bool split_pair(char *text, char separator, char **key, char **value);

/* Which of the names `text` was probably meant to be; NULL if none is near. */
const char *nearest_name(const char *text, const char *const *names, size_t count);

/* "jackdaw: ..." on standard error. Returns EXIT_FAILED, or EXIT_USAGE. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif

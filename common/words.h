/* words.h -- a text that grows in memory of fixed size. What does not fit is cut off, and behind
 * what is there stands a zero: for lines that people read, where the beginning is worth something
 * without the end. */
#ifndef COMMON_WORDS_H
#define COMMON_WORDS_H

#include <stddef.h>

struct words {
    char *to;
    size_t size; /* Of the memory; 1 at least. */
    size_t used; /* Without the zero. */
};

void words_add(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

/* text.h -- numbers and ids as people and Kafka's files write them. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"

#define UUID_TEXT_SIZE 23 /* 22 characters of base64url without padding, and the zero. */

/* As Kafka's Uuid.toString(). */
void uuid_to_text(struct uuid id, char out[UUID_TEXT_SIZE]);

/* Reads 22 characters; what follows them is not looked at. False: they are not base64url. */
bool uuid_from_text(const char *text, struct uuid *out);

/* A whole decimal number of the slice, with an optional minus sign. False: it is not one. */
bool text_to_i64(struct slice text, int64_t *out);

/* The next character of UTF-8, of which there is a byte at least; bytes that are none count as
 * U+FFFD, as Java decodes them. */
uint32_t text_next_character(const uint8_t **at, const uint8_t *end);

/* How long Java takes a text to be: in units of UTF-16. */
size_t text_utf16_units(struct slice text);

#endif

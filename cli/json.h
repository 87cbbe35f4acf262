/* json.h -- printing JSON, and bytes that may not be text. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <jansson.h>
#include <stddef.h>

/* On a line of its own, on standard output. */
void json_print(const json_t *value);

/* Sets object[name] to a string, or to null where `at` is NULL; bytes that are not UTF-8 go to
 * object[name_base64] instead. */
void json_set_bytes(json_t *object, const char *name, const void *at, size_t size);

#endif

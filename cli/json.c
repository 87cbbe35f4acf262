#include "cli/json.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/text.h"

void json_print(const json_t *value)
{
    json_dumpf(value, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
}

static char *base64(const uint8_t *at, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = get_memory((size + 2) / 3 * 4 + 1), *to = text;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t three = (uint32_t)at[i] << 16;
        if (i + 1 < size) three |= (uint32_t)at[i + 1] << 8;
        if (i + 2 < size) three |= at[i + 2];
        *to++ = digits[three >> 18];
        *to++ = digits[three >> 12 & 63];
        *to++ = i + 1 < size ? digits[three >> 6 & 63] : '=';
        *to++ = i + 2 < size ? digits[three & 63] : '=';
    }
    return text;
}

void json_set_bytes(json_t *object, const char *name, const void *at, size_t size)
{
    json_t *text = at == NULL ? json_null() : json_stringn(at, size);
    if (text != NULL) {
        json_object_set_new(object, name, text);
        return;
    }
    char *encoded = base64(at, size), *encoded_name = format_text("%s_base64", name);
    json_object_set_new(object, encoded_name, json_string(encoded));
    free(encoded);
    free(encoded_name);
}

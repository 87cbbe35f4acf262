#include "common/text.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void uuid_to_text(struct uuid id, char out[UUID_TEXT_SIZE])
{
    uint32_t bits = 0, count = 0, at = 0;
    for (uint32_t i = 0; i < sizeof id.bytes; i++) {
        bits = bits << 8 | id.bytes[i];
        count += 8;
        while (count >= 6) {
            count -= 6;
            out[at++] = ALPHABET[bits >> count & 63];
        }
    }
    out[at++] = ALPHABET[bits << (6 - count) & 63];
    out[at] = '\0';
}

static int value_of(char c)
{
    for (int i = 0; i < 64; i++) {
        if (ALPHABET[i] == c) return i;
    }
    return -1;
}

bool uuid_from_text(const char *text, struct uuid *out)
{
    uint32_t bits = 0, count = 0, at = 0;
    for (uint32_t i = 0; i < UUID_TEXT_SIZE - 1; i++) {
        int value = value_of(text[i]);
        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        if (at < sizeof out->bytes) out->bytes[at++] = (uint8_t)(bits >> count);
    }
    return at == sizeof out->bytes;
}

bool text_to_i64(struct slice text, int64_t *out)
{
    size_t at = 0;
    bool negative = text.size > 0 && text.at[0] == '-';
    if (negative) at++;
    if (at == text.size) return false;

    int64_t value = 0;
    for (; at < text.size; at++) {
        if (text.at[at] < '0' || text.at[at] > '9') return false;
        int64_t digit = text.at[at] - '0';
        if (value < (INT64_MIN + digit) / 10) return false;
        value = value * 10 - digit; /* Downwards, where INT64_MIN has room. */
    }
    if (!negative && value == INT64_MIN) return false;
    *out = negative ? value : -value;
    return true;
}

uint32_t text_next_character(const uint8_t **at, const uint8_t *end)
{
    uint32_t first = *(*at)++;
    if (first < 0x80) return first;

    uint32_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc2 ? 1 : 0;
    if (more == 0 || first > 0xf4) return 0xfffd;
    uint32_t value = first & (0x3fu >> more);
    for (uint32_t i = 0; i < more; i++) {
        if (*at == end || (**at & 0xc0) != 0x80) return 0xfffd;
        value = value << 6 | (*(*at)++ & 0x3fu);
    }
    return value;
}

size_t text_utf16_units(struct slice text)
{
    size_t units = 0;
    const uint8_t *at = text.at, *end = text.size > 0 ? text.at + text.size : text.at;
    while (at < end) units += text_next_character(&at, end) >= 0x10000 ? 2 : 1;
    return units;
}

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

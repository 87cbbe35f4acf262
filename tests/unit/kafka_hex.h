/* kafka_hex.h -- bytes written down in a test the way a dump shows them. */
#ifndef TESTS_UNIT_KAFKA_HEX_H
#define TESTS_UNIT_KAFKA_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Two digits per byte; blanks are for the reader. Returns the number of bytes. */
static inline size_t hex_bytes(const char *hex, uint8_t *out)
{
    size_t digits = 0;
    for (; *hex != '\0'; hex++) {
        if (*hex == ' ') continue;
        uint8_t value = (uint8_t)(*hex <= '9' ? *hex - '0' : *hex - 'a' + 10);
        out[digits / 2] = (uint8_t)(digits % 2 == 0 ? value << 4 : out[digits / 2] | value);
        digits++;
    }
    return digits / 2;
}

#endif

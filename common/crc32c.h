/* crc32c.h -- the Castagnoli checksum of record batches and of frames between nodes. */
#ifndef COMMON_CRC32C_H
#define COMMON_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *bytes, size_t size);

/* Continue: `crc` is the checksum of what came before, 0 for nothing. */
uint32_t crc32c_more(uint32_t crc, const void *bytes, size_t size);

#endif

#include "proto/kafka_compress.h"

#include <lz4frame.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "common/check.h"

#define CHUNK ((size_t)64 * 1024)
#define GZIP_WINDOW (15 + 16)
#define SNAPPY_BLOCK ((size_t)32 * 1024)
#define SNAPPY_HEAD_SIZE 16

/* How Java's library begins: a magic, its version, and the oldest that can read it. */
static const uint8_t snappy_head[SNAPPY_HEAD_SIZE] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0,
                                                      0,    0,   0,   1,   0,   0,   0,   1};
#define SNAPPY_MAGIC_SIZE 8

/* ---- gzip ---- */

static bool gunzip(struct slice packed, struct writer *out)
{
    z_stream z = {0};
    uint8_t chunk[CHUNK];
    if (packed.size > UINT32_MAX || inflateInit2(&z, GZIP_WINDOW) != Z_OK) return false;

    memcpy(&z.next_in, &packed.at, sizeof packed.at); /* It is not written to. */
    z.avail_in = (uInt)packed.size;
    int rc = Z_OK;
    while (rc == Z_OK && writer_ok(out)) {
        z.next_out = chunk;
        z.avail_out = sizeof chunk;
        rc = inflate(&z, Z_NO_FLUSH);
        write_bytes(out, chunk, sizeof chunk - z.avail_out);
    }
    (void)inflateEnd(&z);
    return rc == Z_STREAM_END && writer_ok(out);
}

static bool gzip(struct slice plain, int32_t level, struct writer *out)
{
    z_stream z = {0};
    uint8_t chunk[CHUNK];
    if (plain.size > UINT32_MAX) return false;
    if (level == PACK_LEVEL_OWN) level = Z_DEFAULT_COMPRESSION;
    int rc = deflateInit2(&z, level, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY);
    CHECK(rc == Z_OK);

    memcpy(&z.next_in, &plain.at, sizeof plain.at);
    z.avail_in = (uInt)plain.size;
    while (rc == Z_OK) {
        z.next_out = chunk;
        z.avail_out = sizeof chunk;
        rc = deflate(&z, Z_FINISH);
        write_bytes(out, chunk, sizeof chunk - z.avail_out);
    }
    (void)deflateEnd(&z);
    return rc == Z_STREAM_END && writer_ok(out);
}

/* ---- snappy ---- */

static bool unsnap_block(struct slice block, struct writer *out)
{
    size_t size = 0;
    const char *in = (const char *)block.at;
    if (snappy_uncompressed_length(in, block.size, &size) != SNAPPY_OK) return false;
    size_t before = out->size;
    uint8_t *to = writer_grow(out, size);
    if (to == NULL) return false;
    if (snappy_uncompress(in, block.size, (char *)to, &size) == SNAPPY_OK) return true;
    out->size = before;
    return false;
}

static bool unsnap(struct slice packed, struct writer *out)
{
    bool is_framed =
        packed.size >= SNAPPY_HEAD_SIZE && memcmp(packed.at, snappy_head, SNAPPY_MAGIC_SIZE) == 0;
    if (!is_framed) return unsnap_block(packed, out);

    struct reader in = reader_of(packed);
    (void)read_slice(&in, SNAPPY_HEAD_SIZE);
    while (reader_left(&in) > 0) {
        int32_t size = read_i32(&in);
        if (size < 0) return false;
        struct slice block = read_slice(&in, (size_t)size);
        if (!reader_ok(&in) || !unsnap_block(block, out)) return false;
    }
    return true;
}

static bool snap(struct slice plain, struct writer *out)
{
    write_bytes(out, snappy_head, sizeof snappy_head);
    char block[CHUNK];
    CHECK(snappy_max_compressed_length(SNAPPY_BLOCK) <= sizeof block);
    for (size_t at = 0; at < plain.size; at += SNAPPY_BLOCK) {
        size_t size = plain.size - at < SNAPPY_BLOCK ? plain.size - at : SNAPPY_BLOCK;
        size_t packed = sizeof block;
        snappy_status rc = snappy_compress((const char *)plain.at + at, size, block, &packed);
        CHECK(rc == SNAPPY_OK);
        write_i32(out, (int32_t)packed);
        write_bytes(out, block, packed);
    }
    return writer_ok(out);
}

/* ---- lz4 ---- */

static bool unlz4(struct slice packed, struct writer *out)
{
    LZ4F_dctx *d = NULL;
    uint8_t chunk[CHUNK];
    if (LZ4F_isError(LZ4F_createDecompressionContext(&d, LZ4F_VERSION))) return false;

    size_t at = 0;
    size_t hint = 1; /* 0: the frame is complete. */
    while (hint != 0 && writer_ok(out)) {
        size_t got = sizeof chunk;
        size_t taken = packed.size - at;
        hint = LZ4F_decompress(d, chunk, &got, packed.at + at, &taken, NULL);
        if (LZ4F_isError(hint) || (got == 0 && taken == 0)) break;
        at += taken;
        write_bytes(out, chunk, got);
    }
    (void)LZ4F_freeDecompressionContext(d);
    return hint == 0 && writer_ok(out);
}

static bool lz4(struct slice plain, int32_t level, struct writer *out)
{
    /* Java's reader knows independent blocks only. */
    LZ4F_preferences_t how = {
        .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent}};
    if (level != PACK_LEVEL_OWN) how.compressionLevel = level;
    size_t before = out->size;
    size_t bound = LZ4F_compressFrameBound(plain.size, &how);
    uint8_t *to = writer_grow(out, bound);
    if (to == NULL) return false;
    size_t size = LZ4F_compressFrame(to, bound, plain.at, plain.size, &how);
    CHECK(!LZ4F_isError(size));
    out->size = before + size;
    return true;
}

/* ---- zstd ---- */

static bool unzstd(struct slice packed, struct writer *out)
{
    ZSTD_DStream *d = ZSTD_createDStream();
    uint8_t chunk[CHUNK];
    CHECK(d != NULL);

    ZSTD_inBuffer in = {.src = packed.at, .size = packed.size};
    size_t rc = 1; /* 0: the frame is complete. */
    while (rc != 0 && !ZSTD_isError(rc) && writer_ok(out)) {
        ZSTD_outBuffer to = {.dst = chunk, .size = sizeof chunk};
        size_t before = in.pos;
        rc = ZSTD_decompressStream(d, &to, &in);
        if (!ZSTD_isError(rc)) write_bytes(out, chunk, to.pos);
        if (to.pos == 0 && in.pos == before) break;
    }
    (void)ZSTD_freeDStream(d);
    return rc == 0 && writer_ok(out);
}

static bool zstd(struct slice plain, int32_t level, struct writer *out)
{
    size_t before = out->size;
    size_t bound = ZSTD_compressBound(plain.size);
    uint8_t *to = writer_grow(out, bound);
    if (to == NULL) return false;
    if (level == PACK_LEVEL_OWN) level = ZSTD_CLEVEL_DEFAULT;
    size_t size = ZSTD_compress(to, bound, plain.at, plain.size, level);
    CHECK(!ZSTD_isError(size));
    out->size = before + size;
    return true;
}

bool kafka_unpack(enum batch_codec codec, struct slice packed, struct writer *out)
{
    if (packed.size == 0) return codec == BATCH_CODEC_NONE;
    switch (codec) {
    case BATCH_CODEC_NONE: write_slice(out, packed); return writer_ok(out);
    case BATCH_CODEC_GZIP: return gunzip(packed, out);
    case BATCH_CODEC_SNAPPY: return unsnap(packed, out);
    case BATCH_CODEC_LZ4: return unlz4(packed, out);
    case BATCH_CODEC_ZSTD: return unzstd(packed, out);
    }
    return false; /* The header may say anything. */
}

bool kafka_pack(enum batch_codec codec, int32_t level, struct slice plain, struct writer *out)
{
    switch (codec) {
    case BATCH_CODEC_NONE: write_slice(out, plain); return writer_ok(out);
    case BATCH_CODEC_GZIP: return gzip(plain, level, out);
    case BATCH_CODEC_SNAPPY: return snap(plain, out);
    case BATCH_CODEC_LZ4: return lz4(plain, level, out);
    case BATCH_CODEC_ZSTD: return zstd(plain, level, out);
    }
    UNREACHABLE();
    return false;
}

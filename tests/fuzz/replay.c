/* Runs a fuzz target without a fuzzer: over the files it is given, then over bytes from a seed. So
 * every target is compiled and run wherever the tests are, and a crash that a fuzzer has found is
 * replayed with any compiler:  fuzz_x crash-0123 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/prng.h"

#define INPUT_SIZE_MAX ((size_t)1 << 20)
#define ROUNDS 20000
#define DRAWN_SIZE_MAX 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path, uint8_t *input)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        return 1;
    }
    size_t size = fread(input, 1, INPUT_SIZE_MAX, file);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(input, size);
    return 0;
}

/* Mostly small numbers, because lengths and counts are; and a few of everything else. */
static uint8_t draw_byte(struct prng *prng)
{
    return (uint8_t)prng_range(prng, 0, prng_chance(prng, 3, 4) ? 4 : 255);
}

int main(int argc, char **argv)
{
    uint8_t *input = malloc(INPUT_SIZE_MAX);
    CHECK(input != NULL);
    int rc = 0;
    for (int i = 1; i < argc; i++) rc |= replay_file(argv[i], input);

    struct prng prng = prng_from_seed(1);
    for (int i = 0; argc == 1 && i < ROUNDS; i++) {
        size_t size = (size_t)prng_range(&prng, 0, DRAWN_SIZE_MAX);
        for (size_t at = 0; at < size; at++) input[at] = draw_byte(&prng);
        (void)LLVMFuzzerTestOneInput(input, size);
    }
    free(input);
    return rc;
}

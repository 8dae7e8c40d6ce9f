/* Any octets as a gzip file: what comes out is bounded by what went in, and the same whatever the reads' sizes. */
#include "base/assert.h"
#include "pktio/capture_gzip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t unpack(const uint8_t *data, size_t size, size_t piece, bool *ret_failed) {
    union {
        const void *in;
        void *out;
    } octets = {.in = data}; /* opened for reading only */
    FILE *packed = fmemopen(octets.out, size, "rb");
    if (packed == NULL)
        return 0;
    struct gunzip *g = gunzip_new(packed);
    FILE *f = gunzip_stream(g);
    WS_ASSERT(f != NULL);
    (void)setvbuf(f, NULL, piece < 64 ? _IONBF : _IOFBF, piece);
    uint8_t out[4096];
    uint64_t sum = 0;
    uint64_t total = 0;
    size_t n;
    while ((n = fread(out, 1, piece, f)) > 0) {
        for (size_t i = 0; i < n; i++)
            sum = sum * 31 + out[i];
        total += n;
    }
    *ret_failed = ferror(f) != 0;
    WS_ASSERT(*ret_failed || gunzip_why(g) == NULL);
    /* Deflate gives at most 1032 octets for one. */
    WS_ASSERT(total <= 1040 * (uint64_t)size);
    (void)fclose(f);
    gunzip_free(g);
    (void)fclose(packed);
    return sum ^ total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool failed[2] = {false, false};
    if (size == 0 || size > (64U << 10))
        return 0;
    uint64_t whole = unpack(data, size, 4096, &failed[0]);
    uint64_t parts = unpack(data, size, 37, &failed[1]);
    WS_ASSERT(failed[0] == failed[1]);
    WS_ASSERT(failed[0] || whole == parts);
    return 0;
}

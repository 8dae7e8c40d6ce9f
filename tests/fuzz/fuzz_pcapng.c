/* Any octets as a pcapng file: what comes out lies in memory of the reader, and the file comes to an end. */
#include "base/assert.h"
#include "pktio/capture_pcapng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    union {
        const void *in;
        void *out;
    } octets = {.in = data}; /* opened for reading only */
    FILE *f = fmemopen(octets.out, size, "rb");
    if (f == NULL)
        return 0;
    struct pcapng *g = pcapng_new(f, "input");
    struct pcapng_packet p;
    struct ws_err err = {0};
    uint64_t packets = 0;
    uint64_t sum = 0;
    int rc;
    while ((rc = pcapng_next(g, &p, &err)) == 1) {
        packets++;
        WS_ASSERT(p.data.n <= size);
        WS_ASSERT(p.original_octets >= p.data.n);
        WS_ASSERT(p.comment.n <= size);
        for (size_t i = 0; i < p.data.n; i++)
            sum += p.data.p[i];
        for (size_t i = 0; i < p.comment.n; i++)
            sum += p.comment.p[i];
    }
    WS_ASSERT(packets <= size / 12);
    WS_ASSERT(sum <= 2 * 255 * (uint64_t)size);
    if (rc < 0)
        WS_ASSERT(err.text[0] != '\0' && pcapng_next(g, &p, &err) == rc);
    pcapng_free(g);
    (void)fclose(f);
    return 0;
}

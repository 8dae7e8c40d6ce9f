/* Ciphertexts: profile (1), parameters (4), octets. What is accepted packs to the same octets again, gives the same sums on
 * every path, and opens without harm under any key. */
#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "fedlearn/vehicle/ring_path.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { D_FUZZ = 10000 }; /* some chunks, not a megabyte a run */

static struct fl_ring rings[FL_RING_PATHS_MAX];
static size_t n_rings;
static struct fl_mask mask;

static void start(void) {
    static const uint8_t round_seed[32] = "fuzz";
    const char *names[FL_RING_PATHS_MAX];
    const size_t n = fl_ring_paths(names);
    for (size_t i = 0; i < n; i++)
        WS_ASSERT(fl_ring_init(&rings[i], names[i], NULL) == WS_OK);
    WS_ASSERT(fl_mask_open(&mask, &rings[n - 1], NULL) == WS_OK);
    fl_mask_round(&mask, round_seed);
    n_rings = n;
}

static void accepted(const struct fl_profile *p, size_t d, struct span wire) {
    const size_t coefs = fl_coefs(p, d);
    uint64_t *first = ws_calloc(coefs, sizeof(*first));
    uint64_t *sum = ws_calloc(coefs, sizeof(*sum));
    uint8_t *again = ws_alloc(wire.n);
    int32_t *u = ws_calloc(d, sizeof(*u));
    for (size_t r = 0; r < n_rings; r++) {
        uint64_t *to = r == 0 ? first : sum;
        memset(to, 0, coefs * sizeof(*to));
        fl_sum_add(&rings[r], p, d, wire.p, 1, to);
        for (size_t c = 0; c < fl_chunks(p, d); c++) {
            _Alignas(64) uint64_t full[FL_N];
            const size_t n = fl_chunk_coefs(p, d, c);
            for (size_t i = 0; i < n; i++) {
                full[i] = to[c * FL_N + i] << p->drop;
                WS_ASSERT(full[i] < FL_Q);
            }
            rings[r].path->pack(p, full, n, again + c * fl_full_octets(p));
        }
        WS_ASSERT(memcmp(again, wire.p, wire.n) == 0);
        WS_ASSERT(memcmp(to, first, coefs * sizeof(*to)) == 0);
    }
    static const int16_t key[FL_N] = {42, -42, 1};
    const struct fl_weights weights = {1, 1};
    struct fl_opening o = FL_OPENING_NONE;
    fl_mask_open_key(&mask, key);
    for (size_t c = 0; c < fl_chunks(p, d); c++)
        fl_mask_unmask(&mask, p, d, c, weights, first + c * FL_N, u + c * fl_full_params(p), &o);
    if (fl_opening_judge(p, weights, &o) == FL_OPENING_GOOD) {
        for (size_t i = 0; i < d; i++)
            WS_ASSERT(u[i] >= -p->limit && u[i] <= p->limit);
    }
    free(first);
    free(sum);
    free(again);
    free(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rd r = rd_of(span_of(data, size));
    const uint8_t octet = rd_u8(&r);
    const uint32_t d = rd_u32(&r);
    const struct fl_profile *p;
    if (n_rings == 0)
        start();
    if (r.bad || fl_profile_by_octet(octet, &p, NULL) != WS_OK)
        return 0;
    const struct span wire = rd_take(&r, rd_left(&r));
    struct ws_err err;
    if (fl_wire_check(p, d, wire, &err) != WS_OK) {
        WS_ASSERT(err.code == WS_EINPUT);
        return 0;
    }
    if (d <= D_FUZZ)
        accepted(p, d, wire);
    return 0;
}

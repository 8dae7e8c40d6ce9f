/* Ciphertexts as they travel: checked, and added up. */
#include "base/assert.h"
#include "fedlearn/vehicle/ring_path.h"

int fl_wire_check(const struct fl_profile *p, size_t d, struct span wire, struct ws_err *err) {
    if (d == 0 || d > FL_D_MAX)
        return ws_fail(err, WS_EINPUT, "ciphertext: %zu parameters, not 1 to %zu", d, FL_D_MAX);
    const size_t coefs = fl_coefs(p, d);
    const size_t octets = fl_wire_octets(p, d);
    if (wire.n != octets)
        return ws_fail(err, WS_EINPUT,
            "ciphertext: %zu octets, %zu parameters of profile %s take %zu", wire.n, d, p->name,
            octets);
    const unsigned used = (unsigned)(coefs * p->wire_bits % 8);
    if (used != 0 && wire.p[octets - 1] >> used != 0)
        return ws_fail(err, WS_EINPUT,
            "ciphertext: octet %zu: bits after the last coefficient are not zero", octets - 1);
    if (p->wire_max == (UINT64_C(1) << p->wire_bits) - 1)
        return WS_OK; /* every value can be sent */
    for (size_t i = 0; i < coefs; i++) {
        if (fl_wire_value(wire.p, p->wire_bits, i, octets) > p->wire_max)
            return ws_fail(err, WS_EINPUT, "ciphertext: coefficient %zu is not below q", i);
    }
    return WS_OK;
}

void fl_sum_add(const struct fl_ring *r, const struct fl_profile *p, size_t d, const uint8_t *wire,
    uint16_t weight, uint64_t *sum) {
    r->path->add(p, wire, fl_coefs(p, d), weight, sum);
}

void fl_sum_wires(const struct fl_ring *r, const struct fl_profile *p, size_t d,
    const uint8_t *const *wires, const uint16_t *weights, size_t n, size_t first, size_t chunks,
    uint64_t *sum) {
    const size_t all = fl_chunks(p, d);
    WS_ASSERT(first <= all && chunks <= all - first);
    for (size_t c = first; c < first + chunks; c++)
        r->path->add_many(
            p, wires, weights, n, c * fl_full_octets(p), fl_chunk_coefs(p, d, c), sum + c * FL_N);
}

void fl_sum_chunk(const struct fl_ring *r, const struct fl_profile *p, size_t d,
    const uint8_t *const *wires, const uint16_t *weights, size_t n, size_t chunk,
    uint64_t *ret_sum) {
    const size_t coefs = fl_chunk_coefs(p, d, chunk);
    memset(ret_sum, 0, coefs * sizeof(*ret_sum));
    r->path->add_many(p, wires, weights, n, chunk * fl_full_octets(p), coefs, ret_sum);
}

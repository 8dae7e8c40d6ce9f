#include "fedlearn/vehicle/bundle.h"

#include "base/assert.h"
#include "fedlearn/vehicle/bundle_tree.h"
#include "ledger/exec/hash.h"

enum { FIXED_OCTETS = 1 + 1 + 1 + 1 + 32 + FL_NONCE_OCTETS + 4 + 32 + FL_POINT_OCTETS };

static size_t correction_octets(unsigned n) {
    return fl_faults(n) <= 2 ? FL_SHARE_OCTETS : 0;
}

size_t fl_cover_octets(unsigned n) {
    return FIXED_OCTETS + (size_t)n * 32 + FL_PROOF_OCTETS + FL_CHECK_OCTETS(fl_faults(n)) +
           correction_octets(n);
}

static uint8_t *put(uint8_t *to, const void *p, size_t n) {
    memcpy(to, p, n);
    return to + n;
}

void fl_cover_put(const struct fl_cover *c, uint8_t *ret_octets) {
    const uint8_t head[4] = {FL_FORMAT_VERSION, FL_TRANSPORT_RISTRETTO255, c->profile, c->n};
    uint8_t length[4], proof[FL_PROOF_OCTETS], *to = ret_octets;
    put_be32(length, c->ciphertext_octets);
    fl_proof_put(&c->of_ephemeral, proof);
    to = put(to, head, sizeof(head));
    to = put(to, c->round, sizeof(c->round));
    to = put(to, c->nonce, sizeof(c->nonce));
    to = put(to, length, sizeof(length));
    to = put(to, c->ciphertext_root, sizeof(c->ciphertext_root));
    to = put(to, c->ephemeral.b, sizeof(c->ephemeral.b));
    to = put(to, c->bundle_leaf, (size_t)c->n * 32);
    to = put(to, proof, sizeof(proof));
    to = put(to, c->checks, FL_CHECK_OCTETS(fl_faults(c->n)));
    to = put(to, c->correction, correction_octets(c->n));
    WS_ASSERT((size_t)(to - ret_octets) == fl_cover_octets(c->n));
}

/* Both are public, so that a bad value in them is the cover's fault and not a bundle's. */
static bool values_good(const uint8_t *octets, size_t n) {
    uint16_t values[FL_SHARE_VALUES];
    return fl_unpack12(octets, n / 3 * 2, values);
}

int fl_cover_read(struct span octets, struct fl_cover *ret_cover, struct ws_err *err) {
    struct fl_cover *c = ret_cover;
    struct rd r = rd_of(octets);
    memset(c, 0, sizeof(*c));
    const uint8_t version = rd_u8(&r), transport = rd_u8(&r);
    if (!r.bad && version != FL_FORMAT_VERSION)
        return ws_fail(err, WS_ENOTSUP, "cover: version %u at octet 0", version);
    if (!r.bad && transport != FL_TRANSPORT_RISTRETTO255)
        return ws_fail(err, WS_ENOTSUP, "cover: key transport %u at octet 1", transport);
    c->profile = rd_u8(&r);
    c->n = rd_u8(&r);
    if (r.bad || c->n < FL_VALIDATORS_MIN || c->n > FL_VALIDATORS_MAX)
        return ws_fail(err, WS_EINPUT, "cover: number of validators at octet 3");
    if (octets.n != fl_cover_octets(c->n))
        return ws_fail(err, WS_EINPUT, "cover: %zu octets, %zu expected for %u validators",
            octets.n, fl_cover_octets(c->n), c->n);
    rd_copy(&r, c->round, sizeof(c->round));
    rd_copy(&r, c->nonce, sizeof(c->nonce));
    c->ciphertext_octets = rd_u32(&r);
    if (c->ciphertext_octets == 0 || c->ciphertext_octets > FL_CIPHERTEXT_MAX)
        return ws_fail(err, WS_EINPUT, "cover: ciphertext of %u octets at octet %zu",
            c->ciphertext_octets, r.at - 4);
    rd_copy(&r, c->ciphertext_root, sizeof(c->ciphertext_root));
    fl_point_read(&r, &c->ephemeral);
    if (r.bad)
        return ws_fail(err, WS_EINPUT, "cover: ephemeral key before octet %zu", r.at);
    rd_copy(&r, c->bundle_leaf, (size_t)c->n * 32);
    fl_proof_read(&r, &c->of_ephemeral);
    if (r.bad)
        return ws_fail(err, WS_EINPUT, "cover: proof of the ephemeral key before octet %zu", r.at);
    const size_t checks = FL_CHECK_OCTETS(fl_faults(c->n)), correction = correction_octets(c->n);
    rd_copy(&r, c->checks, checks);
    if (!values_good(c->checks, checks))
        return ws_fail(err, WS_EINPUT, "cover: value out of the field before octet %zu", r.at);
    rd_copy(&r, c->correction, correction);
    if (!values_good(c->correction, correction))
        return ws_fail(err, WS_EINPUT, "cover: value out of the field before octet %zu", r.at);
    WS_ASSERT(rd_done(&r)); /* the length was checked */
    return WS_OK;
}

/* Messages: whatever is accepted stays inside the input, and its digest, identity and payload can be had. */
#include "base/assert.h"
#include "v2x/spdu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(struct span s, const uint8_t *data, size_t size) {
    return s.n == 0 || (s.p >= data && s.n <= size && s.p <= data + (size - s.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct spdu m;
    size_t at = 0;
    uint64_t peeked;
    bool peeks = spdu_peek_psid(span_of(data, size), &peeked);
    if (spdu_parse(span_of(data, size), &m, &at) != COER_OK) {
        WS_ASSERT(at <= size);
        return 0;
    }
    WS_ASSERT(m.all.p == data && m.all.n <= size);
    WS_ASSERT(inside(m.payload, data, m.all.n));
    WS_ASSERT(inside(m.tbs, data, m.all.n));
    WS_ASSERT(inside(m.inline_p2pcd, data, m.all.n));
    WS_ASSERT(inside(m.requested_cert, data, m.all.n));
    /* Read again without what follows it: the same structure. */
    struct spdu again;
    WS_ASSERT(spdu_parse(m.all, &again, &at) == COER_OK);
    WS_ASSERT(again.all.n == m.all.n);
    uint16_t port;
    WS_ASSERT(inside(spdu_app_payload(&m, &port), data, m.all.n));
    WS_ASSERT(!peeks || (m.content == SPDU_SIGNED && peeked == m.psid));
    if (m.content != SPDU_SIGNED)
        return 0;
    /* Of what carries its payload, without an external hash: always. */
    WS_ASSERT(peeks || m.has_ext_hash || m.payload.n == 0);
    static const uint8_t hash[48];
    uint8_t digest[48], id[32];
    size_t n = 0;
    bool short_hash = spdu_digest(&m, span_of(hash, 32), digest, &n);
    bool long_hash = spdu_digest(&m, span_of(hash, 48), digest, &n);
    WS_ASSERT(m.hash_id > 1 ? !short_hash && !long_hash : short_hash != long_hash);
    WS_ASSERT(m.hash_id <= 1 || m.unsupported != NULL);
    spdu_identity(&m, hash, id);
    if (m.signer == SIGNER_CERTIFICATE)
        WS_ASSERT(inside(m.cert.all, data, m.all.n));
    return 0;
}

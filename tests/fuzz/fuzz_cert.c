/* Certificates: whatever is accepted can be hashed, asked for permissions and regions, and judged. */
#include "base/assert.h"
#include "v2x/trust.h"
#include "v2x/trust_explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cert c;
    size_t at = 0;
    enum coer_fail fail = cert_parse(span_of(data, size), &c, &at);
    if (fail != COER_OK) {
        WS_ASSERT(at <= size);
        WS_ASSERT(coer_fail_text(fail)[0] != '\0');
        return 0;
    }
    WS_ASSERT(c.all.p == data && c.all.n == size);
    WS_ASSERT(c.valid_until_s >= c.valid_from_s);
    uint8_t hash[48], digest[48];
    size_t n;
    cert_hash256(&c, hash);
    cert_digest(&c, hash, false, digest, &n);
    cert_hash384(&c, hash);
    cert_digest(&c, hash, true, digest, &n);
    struct span ssp = {NULL, 0};
    bool bitmap;
    if (cert_app_permission(&c, 36, &ssp, &bitmap))
        WS_ASSERT(ssp.n == 0 || (ssp.p >= data && ssp.p + ssp.n <= data + size));
    (void)cert_may_issue(&c, 36, 1);
    (void)cert_permissions_within(&c, &c);
    (void)cert_psids_unique(&c);
    (void)cert_region_contains(&c, 450000000, 76000000);
    (void)cert_region_inside(&c, &c);
    struct trust_store *store = trust_store_new(2);
    struct ws_err err;
    if (trust_add_root(store, c.all, &err) != WS_OK)
        (void)trust_add_issuer(store, c.all);
    struct trust_result r = trust_check(store, &c, c.valid_from_s);
    WS_ASSERT((r.key != NULL) == (r.verdict == TRUST_OK));
    verify_key_unref(r.key);
    struct explanation x;
    trust_explain(store, &c, 1, c.valid_from_s, &x);
    WS_ASSERT(x.n_links > 0 && x.link[0].n > 0);
    trust_store_free(store);
    return 0;
}

/* Revocation lists: what is read can be walked through, described and applied. */
#include "base/assert.h"
#include "v2x/lists.h"
#include "v2x/revocation.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count_hash(void *ctx, const uint8_t id[static 10], uint32_t expiry_s) {
    (void)id;
    (void)expiry_s;
    ++*(size_t *)ctx;
}

static void count_seeds(void *ctx, const struct crl_seeds *s) {
    WS_ASSERT(s->seed1 != NULL);
    ++*(size_t *)ctx;
}

static void apply(const struct crl *crl) {
    static const struct crl_visitor counting = {count_hash, count_seeds};
    static const struct revocation_limits limits = {1000, 100000, 100};
    static const struct revocation_clock clock = REVOCATION_CLOCK_SCMS;
    uint8_t authority[32] = {0};
    struct ws_err err;
    size_t n = 0;
    crl_walk(crl, &counting, &n);
    WS_ASSERT(n == crl->n_hashes + crl->n_devices + crl->n_groups);
    struct revocation_source *s = revocation_source_new(&limits, &clock);
    struct trust_store *store = trust_store_new(1);
    if (revocation_add_crl(s, crl, authority, "fuzz", &err) == WS_OK) {
        uint32_t now_s = clock.start_s + (crl->i_rev + 1U) * clock.length_s;
        (void)revocation_step(s, now_s, 10000);
        revocation_unref(revocation_take(s, store, now_s));
    }
    trust_store_free(store);
    revocation_source_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct signed_list lists[LISTS_IN_FILE];
    struct span in = span_of(data, size);
    struct ws_err err;
    struct crl crl;
    struct etsi_crl etsi;
    size_t n = 0;
    struct coer c = coer_of(in);
    if (crl_read(&c, &crl))
        apply(&crl);
    c = coer_of(in);
    if (etsi_crl_read(&c, &etsi))
        WS_ASSERT(etsi.ids.n % 8 == 0 && etsi.ids.n <= size);
    if (lists_read(in, lists, &n, &err) != WS_OK)
        return 0;
    struct buf text = {0};
    WS_ASSERT(lists_describe(in, &text, &err) == WS_OK);
    buf_free(&text);
    struct trust_store *store = trust_store_new(1);
    struct list_trust t = {store, NULL, 0, UINT32_MAX, 0};
    uint8_t authority[32];
    for (size_t i = 0; i < n; i++) {
        (void)list_check(&lists[i], &t, authority);
        if (lists[i].kind == LIST_CRL)
            apply(&lists[i].crl);
    }
    trust_store_free(store);
    return 0;
}

/* Issuing certificates that neighbours send. */
#include "base/assert.h"
#include "base/log.h"
#include "rsu/trust/revocations_internal.h"

#include <string.h>

const char *revocations_learned_name(enum revocations_learned l) {
    static const char *const names[] = {
#define X(id, name) name,
        REVOCATIONS_LEARNED(X)
#undef X
    };
    WS_ASSERT((size_t)l < ARRAY_LEN(names));
    return names[l];
}

static bool is_unwanted(const struct revocations *r, const uint8_t *hash) {
    for (size_t i = 0; i < ARRAY_LEN(r->unwanted); i++) {
        if (memcmp(r->unwanted[i], hash, 32) == 0)
            return true;
    }
    return false;
}

static bool is_learned(const struct revocations *r, struct span cert) {
    for (size_t i = 0; i < r->n_learned; i++) {
        if (span_equal(buf_span(&r->learned[i]), cert))
            return true;
    }
    return false;
}

static bool in_store(const struct revocations *r, const uint8_t *hash) {
    for (size_t i = 0; i < trust_count(rev_store(r)); i++) {
        if (memcmp(trust_issuer_at(rev_store(r), i).hash256, hash, 32) == 0)
            return true;
    }
    return false;
}

/* Revoked itself, or something above it. */
static bool is_revoked(const struct revocations *r, const struct cert *c, const uint8_t *hash) {
    struct trust_view *v = trust_slot_take(r->slot);
    struct revocation_answer a = trust_view_revoked(v, c, hash, NULL);
    trust_view_unref(v);
    return a.kind != REVOCATION_NONE;
}

static enum revocations_learned judge(
    struct revocations *r, struct span cert, uint32_t now_s, uint8_t hash[static 32]) {
    struct cert c;
    size_t at;
    if (cert_parse(cert, &c, &at) != COER_OK)
        return LEARNED_REFUSED;
    cert_hash256(&c, hash);
    if (in_store(r, hash) || is_learned(r, cert))
        return LEARNED_KNOWN;
    if (is_unwanted(r, hash))
        return LEARNED_REFUSED;
    if (now_s < c.valid_from_s || now_s >= c.valid_until_s)
        return LEARNED_TIME;
    if (r->n_learned >= r->cfg.learned_max || r->n_learned >= REVOCATIONS_LEARNED_MAX)
        return LEARNED_FULL;
    if (is_revoked(r, &c, hash))
        return LEARNED_REVOKED;
    if (trust_issuer_verdict(rev_store(r), cert) == TRUST_OK)
        return LEARNED_NEW;
    memcpy(r->unwanted[r->at_unwanted++ % ARRAY_LEN(r->unwanted)], hash, 32);
    return LEARNED_REFUSED;
}

enum revocations_learned revocations_learn(
    struct revocations *r, struct span cert, uint32_t now_s) {
    uint8_t hash[32] = {0};
    enum revocations_learned l = judge(r, cert, now_s, hash);
    r->n.offered[l]++;
    if (l != LEARNED_NEW)
        return l;
    char id[17];
    hex_encode(id, hash + 24, 8);
    ws_log(WS_LOG_INFO, "lists", "issuing certificate %s learned from a neighbour", id);
    buf_put(&r->learned[r->n_learned++], cert.p, cert.n);
    r->n.learned = r->n_learned;
    r->learned_new = true;
    return l;
}

bool rev_learned_forget(struct revocations *r, uint32_t now_s) {
    bool any = false;
    for (size_t i = 0; i < r->n_learned;) {
        struct cert c;
        size_t at;
        enum coer_fail fail = cert_parse(buf_span(&r->learned[i]), &c, &at);
        WS_ASSERT(fail == COER_OK);
        if (now_s < c.valid_until_s) {
            i++;
            continue;
        }
        buf_free(&r->learned[i]);
        r->learned[i] = r->learned[--r->n_learned];
        r->learned[r->n_learned] = (struct buf){0};
        any = true;
    }
    r->n.learned = r->n_learned;
    return any;
}

#include "tests/unit/fedlearn/crooked.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

static void seal_info(
    const struct fl_round *round, const struct fl_cover *c, unsigned v, struct buf *info) {
    uint8_t domain[FL_DOMAIN_OCTETS];
    fl_domain(FL_FOR_BUNDLE, domain);
    buf_put(info, domain, sizeof(domain));
    buf_u8(info, FL_TRANSPORT_RISTRETTO255);
    buf_u8(info, c->profile);
    buf_u8(info, c->n);
    buf_u8(info, (uint8_t)v);
    buf_put(info, round->cell, 32);
    buf_put(info, c->round, 32);
    buf_put(info, c->nonce, FL_NONCE_OCTETS);
    buf_put(info, round->seat[v - 1].address, 32);
    buf_put(info, round->seat[v - 1].key.b, 32);
    buf_put(info, c->ephemeral.b, 32);
    buf_put(info, c->ciphertext_root, 32);
}

static void spoil_plain(enum spoil how, uint8_t *text, size_t *n) {
    if (how == SPOIL_VALUE)
        memset(text + 300, 0xff, 3);
    if (how == SPOIL_SHARE)
        text[0] ^= 1;
    if (how == SPOIL_LENGTH)
        text[(*n)++] = 0;
}

struct buf crooked_seal(const struct fl_parcel *parcel, struct ws_random *random, unsigned v,
    enum spoil how, struct fl_submission *ret_submission, uint8_t *ret_bundles) {
    const struct fl_round *round = parcel->round;
    struct fl_submission *s = ret_submission;
    struct fl_submission *got = ws_alloc(sizeof(*got));
    struct fl_sealer *sealer = ws_alloc(sizeof(*sealer));
    struct fl_dealer *dealer = ws_alloc(sizeof(*dealer));
    struct fl_cover *c = &s->cover;
    struct buf bad = {0}, info = {0};
    struct fl_point shared;
    struct fl_ephemeral e;
    struct fl_statement t;
    uint8_t text[FL_PLAIN_OCTETS_MAX + 1], sealed[FL_PLAIN_OCTETS_MAX + 1 + FL_SEAL_OCTETS];
    fl_seal(sealer, parcel, random, s, ret_bundles); /* for all that is public and not dealt */
    fl_ephemeral_draw(random, &e);
    c->ephemeral = e.public;
    fl_dealer_begin(dealer, &s->plan, parcel->key, random);
    if (s->plan.kind == FL_SHARE_PIECES)
        fl_dealer_correction(dealer, c->correction);
    for (unsigned u = 1; u <= c->n; u++) {
        size_t n = fl_plain_octets(&s->plan, u);
        fl_dealer_plain(dealer, u, text);
        if (u == v)
            spoil_plain(how, text, &n);
        buf_clear(&info);
        seal_info(round, c, u, &info);
        fl_ephemeral_exchange(&e, &round->seat[u - 1].key, &shared);
        fl_seal_text(&shared, buf_span(&info), span_of(text, n), sealed);
        if (u == v && how == SPOIL_SEAL)
            sealed[3] ^= 1;
        exec_list_leaf(span_of(sealed, n + FL_SEAL_OCTETS), c->bundle_leaf[u - 1]);
        if (u == v)
            buf_put(&bad, sealed, n + FL_SEAL_OCTETS);
        if (n + FL_SEAL_OCTETS == fl_bundle_octets(&s->plan, u))
            memcpy(ret_bundles + fl_bundle_offset(&s->plan, u), sealed, n + FL_SEAL_OCTETS);
    }
    enum fl_accept_verdict verdict = fl_submission_accept(round, parcel->sender, c, got);
    WS_ASSERT(verdict == FL_ACCEPT_BAD_PROOF); /* but it tells the challenge */
    fl_dealer_checks(dealer, got->challenge, c->checks);
    fl_statement_begin(&t, FL_FOR_SENDER_PROOF);
    fl_statement_add(&t, got->challenge, FL_CHALLENGE);
    fl_ephemeral_prove(&e, &t, &c->of_ephemeral);
    verdict = fl_submission_accept(round, parcel->sender, c, s);
    WS_ASSERT(verdict == FL_ACCEPT_GOOD);
    buf_free(&info);
    free(dealer);
    free(sealer);
    free(got);
    return bad;
}

/* Bit b of the ciphertext is bit b mod 8, counted from the least significant, of octet b / 8. */
void crooked_add(const struct fl_profile *p, uint8_t *wire, size_t i, int64_t k, unsigned of) {
    const size_t first = i * p->wire_bits;
    uint64_t v = 0;
    for (size_t b = 0; b < p->wire_bits; b++)
        v |= ((uint64_t)wire[(first + b) / 8] >> ((first + b) % 8) & 1U) << b;
    const int64_t step =
        (k * (int64_t)p->delta / (int64_t)of + (INT64_C(1) << (p->drop - 1))) >> p->drop;
    v = (v + (uint64_t)step) & ((UINT64_C(1) << p->wire_bits) - 1);
    for (size_t b = 0; b < p->wire_bits; b++) {
        uint8_t *at = &wire[(first + b) / 8];
        const unsigned bit = (unsigned)((first + b) % 8);
        *at = (uint8_t)((*at & ~(1U << bit)) | (unsigned)(v >> b & 1U) << bit);
    }
}

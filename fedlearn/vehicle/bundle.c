#include "fedlearn/vehicle/bundle.h"

#include "base/assert.h"
#include "fedlearn/vehicle/bundle_tree.h"
#include "ledger/exec/hash.h"

const char *fl_accept_verdict_name(enum fl_accept_verdict v) {
    switch (v) {
    case FL_ACCEPT_GOOD:
        return "good";
    case FL_ACCEPT_OTHER_ROUND:
        return "of another round";
    case FL_ACCEPT_OTHER_PROFILE:
        return "of another profile";
    case FL_ACCEPT_OTHER_COMMITTEE:
        return "for another committee";
    case FL_ACCEPT_BAD_PROOF:
        return "bad proof of the ephemeral key";
    }
    return "unknown";
}

const char *fl_bundle_verdict_name(enum fl_bundle_verdict v) {
    switch (v) {
    case FL_BUNDLE_GOOD:
        return "good";
    case FL_BUNDLE_OTHER:
        return "not the one committed to";
    case FL_BUNDLE_BAD_LENGTH:
        return "wrong length";
    case FL_BUNDLE_UNREADABLE:
        return "does not decrypt";
    case FL_BUNDLE_BAD_VALUE:
        return "value out of the field";
    case FL_BUNDLE_OFF_POLYNOMIAL:
        return "off the polynomial";
    }
    return "unknown";
}

size_t fl_bundle_octets(const struct fl_share_plan *p, unsigned v) {
    return fl_plain_octets(p, v) + FL_SEAL_OCTETS;
}

size_t fl_bundle_offset(const struct fl_share_plan *p, unsigned v) {
    size_t at = 0;
    for (unsigned w = 1; w < v; w++)
        at += fl_bundle_octets(p, w);
    return at;
}

/* ---- what is hashed: the leaves of the commitment ---- */
/* Three leaves, then the bundles', then what answers the challenge. */
struct commitment {
    uint8_t header[32], ciphertext[32], sharing[32];
};

static void leaves_of(const struct fl_round *round, const uint8_t sender[static 32],
    const struct fl_cover *c, struct commitment *ret) {
    uint8_t header[FL_DOMAIN_OCTETS + 3 + 32 + 32 + FL_NONCE_OCTETS + 32], *to = header;
    uint8_t ciphertext[4 + 32], sharing[FL_POINT_OCTETS + FL_SHARE_OCTETS];
    fl_domain(FL_FOR_HEADER, to);
    to += FL_DOMAIN_OCTETS;
    *to++ = FL_TRANSPORT_RISTRETTO255;
    *to++ = c->profile;
    *to++ = c->n;
    memcpy(to, round->cell, 32);
    memcpy(to + 32, c->round, 32);
    memcpy(to + 64, c->nonce, FL_NONCE_OCTETS);
    memcpy(to + 64 + FL_NONCE_OCTETS, sender, 32);
    put_be32(ciphertext, c->ciphertext_octets);
    memcpy(ciphertext + 4, c->ciphertext_root, 32);
    memcpy(sharing, c->ephemeral.b, FL_POINT_OCTETS);
    memcpy(sharing + FL_POINT_OCTETS, c->correction, FL_SHARE_OCTETS);
    exec_list_leaf(span_of(header, sizeof(header)), ret->header);
    exec_list_leaf(span_of(ciphertext, sizeof(ciphertext)), ret->ciphertext);
    exec_list_leaf(
        span_of(sharing, FL_POINT_OCTETS + (fl_faults(c->n) <= 2 ? FL_SHARE_OCTETS : 0U)),
        ret->sharing);
}

struct fl_share_plan fl_cover_plan(const uint8_t cell[static 32], const struct fl_cover *c) {
    uint8_t salt[FL_SHARE_SALT];
    const struct span parts[] = {
        span_of(cell, 32), span_of(c->round, 32), span_of(c->nonce, FL_NONCE_OCTETS)};
    fl_hash(FL_FOR_SALT, parts, ARRAY_LEN(parts), salt);
    return fl_share_plan(c->n, salt);
}

/* Over everything but the answer to it. */
static void challenge_of(
    const struct commitment *m, const struct fl_cover *c, uint8_t ret[static FL_CHALLENGE]) {
    const struct span parts[] = {span_of(m->header, 32), span_of(m->ciphertext, 32),
        span_of(m->sharing, 32), span_of(c->bundle_leaf, (size_t)c->n * 32)};
    fl_hash(FL_FOR_CHALLENGE, parts, ARRAY_LEN(parts), ret);
}

/* Nobody can prove this for an ephemeral key copied from somebody else's submission. */
static void sender_statement(struct fl_statement *t, const uint8_t challenge[static FL_CHALLENGE]) {
    fl_statement_begin(t, FL_FOR_SENDER_PROOF);
    fl_statement_add(t, challenge, FL_CHALLENGE);
}

static void id_of(const struct commitment *m, const struct fl_cover *c, uint8_t ret[static 32]) {
    struct fl_tree t;
    uint8_t answer[FL_PROOF_OCTETS + FL_CHECK_OCTETS_MAX], leaf[32];
    fl_proof_put(&c->of_ephemeral, answer);
    memcpy(answer + FL_PROOF_OCTETS, c->checks, FL_CHECK_OCTETS_MAX);
    exec_list_leaf(span_of(answer, FL_PROOF_OCTETS + FL_CHECK_OCTETS(fl_faults(c->n))), leaf);
    fl_tree_begin(&t);
    fl_tree_add(&t, m->header);
    fl_tree_add(&t, m->ciphertext);
    fl_tree_add(&t, m->sharing);
    for (size_t v = 0; v < c->n; v++)
        fl_tree_add(&t, c->bundle_leaf[v]);
    fl_tree_add(&t, leaf);
    fl_tree_root(&t, ret);
}

void fl_cover_id(const struct fl_round *round, const uint8_t sender[static 32],
    const struct fl_cover *c, uint8_t ret_id[static 32]) {
    struct commitment m;
    leaves_of(round, sender, c, &m);
    id_of(&m, c, ret_id);
}

enum fl_accept_verdict fl_submission_accept(const struct fl_round *round,
    const uint8_t sender[static 32], const struct fl_cover *cover,
    struct fl_submission *ret_submission) {
    struct fl_submission *s = ret_submission;
    struct commitment m;
    struct fl_statement t;
    s->cover = *cover;
    if (memcmp(cover->round, round->id, 32) != 0)
        return FL_ACCEPT_OTHER_ROUND;
    if (cover->profile != round->profile)
        return FL_ACCEPT_OTHER_PROFILE;
    if (cover->n != round->n)
        return FL_ACCEPT_OTHER_COMMITTEE;
    leaves_of(round, sender, cover, &m);
    s->plan = fl_cover_plan(round->cell, cover);
    challenge_of(&m, cover, s->challenge);
    id_of(&m, cover, s->id);
    sender_statement(&t, s->challenge);
    return fl_proof_check(&t, &cover->ephemeral, NULL, NULL, &cover->of_ephemeral)
               ? FL_ACCEPT_GOOD
               : FL_ACCEPT_BAD_PROOF;
}

/* ---- sealing ---- */
enum { INFO_OCTETS = FL_DOMAIN_OCTETS + 4 + 32 + 32 + FL_NONCE_OCTETS + 4 * 32 };

/* All that a bundle belongs to. */
static void info_of(const struct fl_round *round, const struct fl_cover *c, unsigned v,
    uint8_t ret[static INFO_OCTETS]) {
    const struct fl_seat *seat = &round->seat[v - 1];
    uint8_t *to = ret;
    fl_domain(FL_FOR_BUNDLE, to);
    to += FL_DOMAIN_OCTETS;
    *to++ = FL_TRANSPORT_RISTRETTO255;
    *to++ = c->profile;
    *to++ = c->n;
    *to++ = (uint8_t)v;
    memcpy(to, round->cell, 32);
    memcpy(to + 32, c->round, 32);
    memcpy(to + 64, c->nonce, FL_NONCE_OCTETS);
    to += 64 + FL_NONCE_OCTETS;
    memcpy(to, seat->address, 32);
    memcpy(to + 32, seat->key.b, 32);
    memcpy(to + 64, c->ephemeral.b, 32);
    memcpy(to + 96, c->ciphertext_root, 32);
}

void fl_seal(struct fl_sealer *work, const struct fl_parcel *parcel, struct ws_random *random,
    struct fl_submission *ret_submission, uint8_t *ret_bundles) {
    const struct fl_round *round = parcel->round;
    struct fl_submission *s = ret_submission;
    struct fl_cover *c = &s->cover;
    struct commitment m;
    struct fl_statement t;
    int rc = sodium_init();
    WS_ASSERT(rc >= 0);
    WS_ASSERT(parcel->ciphertext_octets > 0 && parcel->ciphertext_octets <= FL_CIPHERTEXT_MAX);
    memset(c, 0, sizeof(*c));
    c->profile = round->profile;
    c->n = round->n;
    memcpy(c->round, round->id, sizeof(c->round));
    ws_random_bytes(random, c->nonce, sizeof(c->nonce));
    c->ciphertext_octets = parcel->ciphertext_octets;
    memcpy(c->ciphertext_root, parcel->ciphertext_root, sizeof(c->ciphertext_root));
    fl_ephemeral_draw(random, &work->ephemeral);
    c->ephemeral = work->ephemeral.public;
    s->plan = fl_cover_plan(round->cell, c);
    fl_dealer_begin(&work->dealer, &s->plan, parcel->key, random);
    if (s->plan.kind == FL_SHARE_PIECES)
        fl_dealer_correction(&work->dealer, c->correction);
    for (unsigned v = 1; v <= round->n; v++) {
        const size_t n = fl_plain_octets(&s->plan, v);
        uint8_t info[INFO_OCTETS];
        struct fl_point shared;
        fl_dealer_plain(&work->dealer, v, ret_bundles);
        fl_ephemeral_exchange(&work->ephemeral, &round->seat[v - 1].key, &shared);
        info_of(round, c, v, info);
        fl_seal_text(&shared, span_of(info, sizeof(info)), span_of(ret_bundles, n), ret_bundles);
        exec_list_leaf(span_of(ret_bundles, n + FL_SEAL_OCTETS), c->bundle_leaf[v - 1]);
        sodium_memzero(&shared, sizeof(shared));
        ret_bundles += n + FL_SEAL_OCTETS;
    }
    leaves_of(round, parcel->sender, c, &m);
    challenge_of(&m, c, s->challenge);
    fl_dealer_checks(&work->dealer, s->challenge, c->checks);
    sender_statement(&t, s->challenge);
    fl_ephemeral_prove(&work->ephemeral, &t, &c->of_ephemeral);
    id_of(&m, c, s->id);
    fl_dealer_wipe(&work->dealer);
    fl_ephemeral_wipe(&work->ephemeral);
}

/* ---- opening ---- */
static enum fl_bundle_verdict of_share(enum fl_share_fault fault) {
    switch (fault) {
    case FL_SHARE_GOOD:
        return FL_BUNDLE_GOOD;
    case FL_SHARE_BAD_LENGTH:
        return FL_BUNDLE_BAD_LENGTH;
    case FL_SHARE_BAD_VALUE:
        return FL_BUNDLE_BAD_VALUE;
    case FL_SHARE_OFF_POLYNOMIAL:
        return FL_BUNDLE_OFF_POLYNOMIAL;
    }
    return FL_BUNDLE_UNREADABLE;
}

enum fl_bundle_verdict fl_bundle_open_shared(const struct fl_round *round,
    const struct fl_submission *s, unsigned v, struct span bundle, const struct fl_point *shared,
    uint16_t ret_share[static FL_SHARE_VALUES]) {
    const struct fl_cover *c = &s->cover;
    uint8_t leaf[32], info[INFO_OCTETS], plain[FL_PLAIN_OCTETS_MAX];
    WS_ASSERT(v >= 1 && v <= round->n);
    exec_list_leaf(bundle, leaf);
    if (memcmp(leaf, c->bundle_leaf[v - 1], sizeof(leaf)) != 0)
        return FL_BUNDLE_OTHER;
    if (bundle.n != fl_bundle_octets(&s->plan, v))
        return FL_BUNDLE_BAD_LENGTH;
    info_of(round, c, v, info);
    if (!fl_unseal_text(shared, span_of(info, sizeof(info)), bundle, plain))
        return FL_BUNDLE_UNREADABLE;
    const enum fl_share_fault fault =
        fl_share_take(&s->plan, v, span_of(plain, bundle.n - FL_SEAL_OCTETS),
            span_of(c->correction, s->plan.kind == FL_SHARE_PIECES ? FL_SHARE_OCTETS : 0U),
            s->challenge, span_of(c->checks, FL_CHECK_OCTETS(s->plan.f)), ret_share);
    sodium_memzero(plain, sizeof(plain));
    return of_share(fault);
}

enum fl_bundle_verdict fl_bundle_open(const struct fl_round *round, const struct fl_submission *s,
    unsigned v, struct span bundle, const struct fl_reader *reader,
    uint16_t ret_share[static FL_SHARE_VALUES]) {
    struct fl_point shared;
    fl_reader_exchange(reader, &s->cover.ephemeral, &shared);
    const enum fl_bundle_verdict verdict =
        fl_bundle_open_shared(round, s, v, bundle, &shared, ret_share);
    sodium_memzero(&shared, sizeof(shared));
    return verdict;
}

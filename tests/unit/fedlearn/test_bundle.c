/* Sealing, opening, commitments and complaints; what a vehicle, a validator and whoever carries the octets may try. */
#include "base/assert.h"
#include "base/random.h"
#include "fedlearn/vehicle/bundle_complaint.h"
#include "fedlearn/vehicle/bundle_tree.h"
#include "fedlearn/vehicle/share_sum.h"
#include "ledger/exec/hash.h"
#include "tests/support/cm.h"
#include "tests/unit/fedlearn/crooked.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

/* ---- a round with its validators, and one vehicle's submission ---- */
struct world {
    struct fl_round round;
    struct fl_reader *reader[FL_VALIDATORS_MAX];
    struct ws_random random;
    uint8_t sender[32];
    int8_t key[FL_KEY_VALUES];
    uint8_t root[32];
    struct fl_sealer sealer;
    struct fl_submission made, got;
    uint8_t bundles[FL_BUNDLES_OCTETS_MAX];
    uint16_t share[FL_SHARE_VALUES];
};

static void make_round(struct world *w, unsigned n) {
    struct fl_round *r = &w->round;
    uint8_t secret[FL_SECRET_OCTETS];
    w->random = ws_random_seeded(n);
    memset(r, 0, sizeof(*r));
    r->n = (uint8_t)n;
    r->profile = 2;
    ws_random_bytes(&w->random, r->cell, 32);
    ws_random_bytes(&w->random, r->id, 32);
    for (unsigned v = 0; v < n; v++) {
        fl_reader_free(w->reader[v]);
        ws_random_bytes(&w->random, secret, sizeof(secret));
        ws_random_bytes(&w->random, r->seat[v].address, 32);
        w->reader[v] = fl_reader_new(secret);
        assert_non_null(w->reader[v]);
        fl_reader_public(w->reader[v], &r->seat[v].key);
    }
    ws_random_bytes(&w->random, w->sender, 32);
    ws_random_bytes(&w->random, w->root, 32);
    for (size_t i = 0; i < FL_KEY_VALUES; i++)
        w->key[i] = (int8_t)((int)ws_random_below(&w->random, 85) - 42);
}

static void seal(struct world *w) {
    const struct fl_parcel p = {&w->round, w->sender, w->key, 300000, w->root};
    fl_seal(&w->sealer, &p, &w->random, &w->made, w->bundles);
}

static enum fl_accept_verdict accept(struct world *w, const struct fl_cover *c) {
    return fl_submission_accept(&w->round, w->sender, c, &w->got);
}

static struct span bundle_of(const struct world *w, unsigned v) {
    return span_of(
        w->bundles + fl_bundle_offset(&w->made.plan, v), fl_bundle_octets(&w->made.plan, v));
}

static enum fl_bundle_verdict open_one(struct world *w, unsigned v) {
    return fl_bundle_open(&w->round, &w->got, v, bundle_of(w, v), w->reader[v - 1], w->share);
}

/* The way of a submission over the wire. */
static void pass(struct world *w) {
    static uint8_t wire[FL_COVER_OCTETS_MAX];
    static struct fl_cover c;
    struct ws_err err;
    fl_cover_put(&w->made.cover, wire);
    assert_int_equal(fl_cover_read(span_of(wire, fl_cover_octets(w->round.n)), &c, &err), WS_OK);
    assert_int_equal(accept(w, &c), FL_ACCEPT_GOOD);
}

static int setup(void **state) {
    *state = ws_alloc(sizeof(struct world));
    return 0;
}
static int teardown(void **state) {
    struct world *w = *state;
    for (size_t v = 0; v < FL_VALIDATORS_MAX; v++)
        fl_reader_free(w->reader[v]);
    free(w);
    return 0;
}

static void every_validator_opens_its_own(void **state) {
    struct world *w = *state;
    static struct fl_share_sum sum[FL_VALIDATORS_MAX];
    const struct fl_share_sum *sums[FL_VALIDATORS_MAX];
    struct fl_key_sum out;
    for (unsigned n = FL_VALIDATORS_MIN; n <= FL_VALIDATORS_MAX; n++) {
        make_round(w, n);
        seal(w);
        pass(w);
        assert_memory_equal(w->got.id, w->made.id, 32);
        assert_memory_equal(w->got.challenge, w->made.challenge, 32);
        assert_true(fl_bundle_offset(&w->made.plan, n + 1) <= FL_BUNDLES_OCTETS_MAX);
        assert_true(sodium_is_zero((const uint8_t *)&w->sealer, sizeof(w->sealer)));
        memset(sum, 0, sizeof(sum));
        for (unsigned v = 1; v <= n; v++) {
            assert_int_equal(open_one(w, v), FL_BUNDLE_GOOD);
            fl_share_sum_add(&sum[v - 1], w->share, 1);
            sums[v - 1] = &sum[v - 1];
        }
        fl_shares_decode(sums, n, &out);
        assert_int_equal(out.state, FL_DECODE_DONE);
        for (size_t i = 0; i < FL_KEY_VALUES; i++)
            assert_int_equal(out.key[i], w->key[i]);
        /* another's bundle */
        assert_int_equal(
            fl_bundle_open(&w->round, &w->got, 1, bundle_of(w, 2), w->reader[0], w->share),
            FL_BUNDLE_OTHER);
        assert_int_equal(
            fl_bundle_open(&w->round, &w->got, 1, bundle_of(w, 1), w->reader[1], w->share),
            FL_BUNDLE_UNREADABLE);
    }
}

/* Issue: shares in 4 kB at n = 4, everything that comes with them included. */
static void shares_stay_below_4_kb_for_four_validators(void **state) {
    struct world *w = *state;
    static const struct {
        unsigned n;
        size_t octets;
    } want[] = {{4, 3676}, {7, 5320}, {9, 7768}, {10, 22348}, {22, 47708}};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        make_round(w, want[i].n);
        seal(w);
        const size_t octets =
            fl_cover_octets(want[i].n) + fl_bundle_offset(&w->made.plan, want[i].n + 1);
        assert_int_equal(octets, want[i].octets);
    }
    assert_true(want[0].octets <= 4000);
}

/* ---- the cover on the wire ---- */
static void cover_has_one_form(void **state) {
    struct world *w = *state;
    static uint8_t wire[FL_COVER_OCTETS_MAX + 1], again[FL_COVER_OCTETS_MAX];
    static struct fl_cover c;
    struct ws_err err;
    for (unsigned n = FL_VALIDATORS_MIN; n <= FL_VALIDATORS_MAX; n += 3) {
        make_round(w, n);
        seal(w);
        fl_cover_put(&w->made.cover, wire);
        const size_t octets = fl_cover_octets(n);
        assert_true(octets <= FL_COVER_OCTETS_MAX);
        for (size_t cut = 0; cut < octets; cut++) {
            err.text[0] = '\0';
            assert_int_equal(fl_cover_read(span_of(wire, cut), &c, &err), WS_EINPUT);
            assert_true(err.text[0] != '\0');
        }
        wire[octets] = 0;
        assert_int_equal(fl_cover_read(span_of(wire, octets + 1), &c, &err), WS_EINPUT);
        assert_int_equal(fl_cover_read(span_of(wire, octets), &c, &err), WS_OK);
        fl_cover_put(&c, again);
        assert_memory_equal(wire, again, octets);
    }
}

static void cover_is_refused_by_name(void **state) {
    struct world *w = *state;
    static uint8_t good[FL_COVER_OCTETS_MAX], wire[FL_COVER_OCTETS_MAX];
    static struct fl_cover c;
    struct ws_err err;
    make_round(w, 4);
    seal(w);
    fl_cover_put(&w->made.cover, good);
    const size_t n = fl_cover_octets(4);
    static const struct {
        size_t at;
        uint8_t put[4];
        size_t len;
        int code;
        const char *text;
    } cases[] = {
        {0, {2}, 1, WS_ENOTSUP, "version"},
        {1, {2}, 1, WS_ENOTSUP, "key transport"},
        {3, {3}, 1, WS_EINPUT, "number of validators"},
        {3, {23}, 1, WS_EINPUT, "number of validators"},
        {3, {5}, 1, WS_EINPUT, "expected for 5"},
        {52, {0, 0, 0, 0}, 4, WS_EINPUT, "ciphertext of 0"},
        {52, {0, 0x80, 0, 1}, 4, WS_EINPUT, "ciphertext of 8388609"},
        {88 + 31, {0xff}, 1, WS_EINPUT, "ephemeral key"},
        {120 + 4 * 32 + 31, {0xff}, 1, WS_EINPUT, "proof"},
        {120 + 4 * 32 + 64, {0xff, 0xff}, 2, WS_EINPUT, "out of the field"},
        {120 + 4 * 32 + 64 + 24, {0xff, 0xdf, 0xff, 0xff}, 4, WS_EINPUT, "out of the field"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memcpy(wire, good, n);
        memcpy(wire + cases[i].at, cases[i].put, cases[i].len);
        assert_int_equal(fl_cover_read(span_of(wire, n), &c, &err), cases[i].code);
        assert_non_null(strstr(err.text, cases[i].text));
    }
    memset(good + 88, 0, 32); /* the identity */
    assert_int_equal(fl_cover_read(span_of(good, n), &c, &err), WS_EINPUT);
}

/* Attack list: resubmission with other content. The id stands for every octet; a change is another submission, and one that its
 * maker has to prove anew. */
static void every_octet_is_committed_to(void **state) {
    struct world *w = *state;
    static uint8_t wire[FL_COVER_OCTETS_MAX];
    static struct fl_cover c;
    static const unsigned sizes[] = {4, 10};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        make_round(w, sizes[s]);
        seal(w);
        pass(w);
        fl_cover_put(&w->made.cover, wire);
        const size_t n = fl_cover_octets(sizes[s]);
        unsigned read = 0;
        for (size_t at = 4; at < n; at += at < 400 ? 1 : 37) {
            wire[at] ^= 1;
            if (fl_cover_read(span_of(wire, n), &c, NULL) == WS_OK) {
                read++;
                const enum fl_accept_verdict v = accept(w, &c);
                if (at < 36)
                    assert_int_equal(v, FL_ACCEPT_OTHER_ROUND);
                else
                    assert_true(v == FL_ACCEPT_BAD_PROOF || memcmp(w->got.id, w->made.id, 32) != 0);
                /* all but the checks is under the vehicle's proof */
                const size_t checks = 120 + (size_t)sizes[s] * 32 + FL_PROOF_OCTETS;
                if (at >= 36 &&
                    (at < checks || at >= checks + FL_CHECK_OCTETS(fl_faults(sizes[s]))))
                    assert_int_equal(v, FL_ACCEPT_BAD_PROOF);
            }
            wire[at] ^= 1;
        }
        assert_true(read > 200);
    }
}

/* Attack list: replay of an old round; also of another cell's, and of another vehicle's submission as one's own. */
static void a_submission_belongs_to_one_round_and_one_sender(void **state) {
    struct world *w = *state;
    make_round(w, 7);
    seal(w);
    const struct fl_cover *c = &w->made.cover;
    assert_int_equal(accept(w, c), FL_ACCEPT_GOOD);
    w->round.id[0] ^= 1;
    assert_int_equal(accept(w, c), FL_ACCEPT_OTHER_ROUND);
    w->made.cover.round[0] ^= 1; /* relabelled */
    assert_int_equal(accept(w, c), FL_ACCEPT_BAD_PROOF);
    w->round.id[0] ^= 1;
    w->made.cover.round[0] ^= 1;
    w->round.cell[0] ^= 1;
    assert_int_equal(accept(w, c), FL_ACCEPT_BAD_PROOF);
    w->round.cell[0] ^= 1;
    w->sender[31] ^= 1;
    assert_int_equal(accept(w, c), FL_ACCEPT_BAD_PROOF);
    w->sender[31] ^= 1;
    w->round.profile = 1;
    assert_int_equal(accept(w, c), FL_ACCEPT_OTHER_PROFILE);
    w->made.cover.profile = 1; /* relabelled */
    assert_int_equal(accept(w, c), FL_ACCEPT_BAD_PROOF);
    w->made.cover.profile = w->round.profile = 2;
    w->round.n = 8;
    assert_int_equal(accept(w, c), FL_ACCEPT_OTHER_COMMITTEE);
    w->round.n = 7;
    assert_int_equal(accept(w, c), FL_ACCEPT_GOOD);
    assert_string_equal(fl_accept_verdict_name(FL_ACCEPT_OTHER_ROUND), "of another round");
}

/* A bundle made for another committee's key or another ciphertext does not open. */
static void a_bundle_is_bound_to_its_place(void **state) {
    struct world *w = *state;
    make_round(w, 4);
    seal(w);
    pass(w);
    w->round.seat[1].address[5] ^= 1;
    assert_int_equal(open_one(w, 2), FL_BUNDLE_UNREADABLE);
    w->round.seat[1].address[5] ^= 1;
    assert_int_equal(open_one(w, 2), FL_BUNDLE_GOOD);
    w->got.cover.ciphertext_root[0] ^= 1;
    assert_int_equal(open_one(w, 2), FL_BUNDLE_UNREADABLE);
    w->got.cover.ciphertext_root[0] ^= 1;
    w->got.cover.nonce[0] ^= 1;
    assert_int_equal(open_one(w, 2), FL_BUNDLE_UNREADABLE);
}

/* Attack list: committee change in mid-round. A submission is for the committee of its round's OPEN record: the new committee's rounds
 * have other ids; and under the same id, which no honest record gives, a new member cannot read the old one's bundle. */
static void a_submission_is_for_one_committee(void **state) {
    struct world *w = *state;
    static const uint8_t secret[FL_SECRET_OCTETS] = {1};
    make_round(w, 7);
    seal(w);
    pass(w);
    struct fl_reader *joined = fl_reader_new(secret);
    assert_non_null(joined);
    const struct fl_seat left = w->round.seat[6];
    fl_reader_public(joined, &w->round.seat[6].key);
    memset(w->round.seat[6].address, 7, 32);
    assert_int_equal(fl_bundle_open(&w->round, &w->got, 7, bundle_of(w, 7), joined, w->share),
        FL_BUNDLE_UNREADABLE);
    /* those who stay read theirs, which they may need to finish the round */
    assert_int_equal(open_one(w, 6), FL_BUNDLE_GOOD);
    w->round.seat[6] = left;
    assert_int_equal(open_one(w, 7), FL_BUNDLE_GOOD);
    w->round.id[31] ^= 1;
    assert_int_equal(accept(w, &w->made.cover), FL_ACCEPT_OTHER_ROUND);
    fl_reader_free(joined);
}

/* Attack list: two submissions of one credential. Both are good for themselves; their ids differ, which the round's contract sees. */
static void two_submissions_have_two_ids(void **state) {
    struct world *w = *state;
    make_round(w, 4);
    seal(w);
    const struct fl_submission first = w->made;
    seal(w);
    assert_int_equal(accept(w, &first.cover), FL_ACCEPT_GOOD);
    assert_int_equal(accept(w, &w->made.cover), FL_ACCEPT_GOOD);
    assert_memory_not_equal(first.id, w->made.id, 32);
    assert_memory_not_equal(first.cover.ephemeral.b, w->made.cover.ephemeral.b, 32);
    assert_memory_not_equal(first.cover.correction, w->made.cover.correction, FL_SHARE_OCTETS);
}

/* ---- complaints ---- */

/* w->bundles holds the others'. */
static struct buf spoilt(struct world *w, unsigned v, enum spoil how) {
    const struct fl_parcel p = {&w->round, w->sender, w->key, 300000, w->root};
    struct buf bad = crooked_seal(&p, &w->random, v, how, &w->made, w->bundles);
    assert_int_equal(accept(w, &w->made.cover), FL_ACCEPT_GOOD);
    return bad;
}

/* Attack list: a bundle for one validator corrupted. */
static void a_bad_bundle_is_shown_to_everybody(void **state) {
    struct world *w = *state;
    static const struct {
        enum spoil how;
        unsigned n, victim;
        enum fl_bundle_verdict want;
    } cases[] = {
        {SPOIL_SEAL, 4, 2, FL_BUNDLE_UNREADABLE},
        {SPOIL_LENGTH, 4, 4, FL_BUNDLE_BAD_LENGTH},
        {SPOIL_SHARE, 4, 1, FL_BUNDLE_OFF_POLYNOMIAL}, /* a piece of its own */
        {SPOIL_SHARE, 9, 5, FL_BUNDLE_OFF_POLYNOMIAL},
        {SPOIL_SEAL, 10, 3, FL_BUNDLE_UNREADABLE},
        {SPOIL_SHARE, 22, 7, FL_BUNDLE_OFF_POLYNOMIAL},
        {SPOIL_VALUE, 10, 1, FL_BUNDLE_BAD_VALUE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        make_round(w, cases[i].n);
        const unsigned v = cases[i].victim;
        struct buf bad = spoilt(w, v, cases[i].how);
        WS_ASSERT(bad.p != NULL);
        if (cases[i].how == SPOIL_VALUE)
            assert_int_equal(bad.n, FL_SHARE_OCTETS + FL_SEAL_OCTETS);
        memset(w->share, 0x5a, sizeof(w->share));
        const enum fl_bundle_verdict seen =
            fl_bundle_open(&w->round, &w->got, v, buf_span(&bad), w->reader[v - 1], w->share);
        assert_int_equal(seen, cases[i].want);
        assert_int_equal(w->share[0], 0x5a5a);
        struct fl_complaint made, c;
        uint8_t wire[FL_COMPLAINT_OCTETS];
        enum fl_bundle_verdict reason;
        fl_complaint_make(&w->round, &w->got, v, w->reader[v - 1], &made);
        fl_complaint_put(&made, wire);
        assert_int_equal(fl_complaint_read(span_of(wire, sizeof(wire)), &c, NULL), WS_OK);
        assert_int_equal(fl_complaint_judge(&w->round, &w->got, &c, buf_span(&bad), &reason),
            FL_COMPLAINT_UPHELD);
        assert_int_equal(reason, cases[i].want);
        /* with octets that the vehicle did not commit to, nothing is shown */
        bad.p[0] ^= 1;
        assert_int_equal(
            fl_bundle_open(&w->round, &w->got, v, buf_span(&bad), w->reader[v - 1], w->share),
            FL_BUNDLE_OTHER);
        assert_int_equal(fl_complaint_judge(&w->round, &w->got, &c, buf_span(&bad), &reason),
            FL_COMPLAINT_OTHER_BUNDLE);
        buf_free(&bad);
        /* nobody else has a reason to complain */
        for (unsigned u = 1; u <= cases[i].n; u++)
            if (u != v)
                assert_int_equal(open_one(w, u), FL_BUNDLE_GOOD);
    }
}

static void false_complaints_are_refused_by_name(void **state) {
    struct world *w = *state;
    struct fl_complaint c, bad;
    enum fl_bundle_verdict reason;
    make_round(w, 7);
    seal(w);
    pass(w);
    fl_complaint_make(&w->round, &w->got, 3, w->reader[2], &c);
    assert_int_equal(
        fl_complaint_judge(&w->round, &w->got, &c, bundle_of(w, 3), &reason), FL_COMPLAINT_FALSE);
    assert_int_equal(reason, FL_BUNDLE_GOOD);
    /* another point, so that the bundle does not decrypt */
    bad = c;
    fl_reader_public(w->reader[5], &bad.shared);
    assert_int_equal(
        fl_complaint_judge(&w->round, &w->got, &bad, bundle_of(w, 3), NULL), FL_COMPLAINT_UNPROVEN);
    /* another validator's name */
    bad = c;
    bad.validator = 4;
    assert_int_equal(
        fl_complaint_judge(&w->round, &w->got, &bad, bundle_of(w, 4), NULL), FL_COMPLAINT_UNPROVEN);
    bad.validator = 8;
    assert_int_equal(fl_complaint_judge(&w->round, &w->got, &bad, bundle_of(w, 4), NULL),
        FL_COMPLAINT_NO_VALIDATOR);
    bad.validator = 0;
    assert_int_equal(fl_complaint_judge(&w->round, &w->got, &bad, bundle_of(w, 4), NULL),
        FL_COMPLAINT_NO_VALIDATOR);
    bad = c;
    bad.submission[0] ^= 1;
    assert_int_equal(fl_complaint_judge(&w->round, &w->got, &bad, bundle_of(w, 3), NULL),
        FL_COMPLAINT_OTHER_SUBMISSION);
    /* a proof for another round */
    w->round.id[0] ^= 1;
    assert_int_equal(
        fl_complaint_judge(&w->round, &w->got, &c, bundle_of(w, 3), NULL), FL_COMPLAINT_UNPROVEN);
    w->round.id[0] ^= 1;
    for (size_t i = 0; i < 32; i++) {
        bad = c;
        bad.proof.s.b[i] ^= 1;
        assert_int_equal(fl_complaint_judge(&w->round, &w->got, &bad, bundle_of(w, 3), NULL),
            FL_COMPLAINT_UNPROVEN);
    }
    assert_string_equal(fl_complaint_verdict_name(FL_COMPLAINT_UNPROVEN), "unproven");
    assert_string_equal(fl_bundle_verdict_name(FL_BUNDLE_UNREADABLE), "does not decrypt");
}

/* A vehicle that puts another's ephemeral key into its own submission, with bundles that invite complaints: the point that a
 * complaint reveals would open the other's bundle. It cannot prove that it knows the secret. */
static void anothers_ephemeral_key_is_refused(void **state) {
    struct world *w = *state;
    make_round(w, 4);
    seal(w);
    const struct fl_point theirs = w->made.cover.ephemeral;
    const struct fl_proof their_proof = w->made.cover.of_ephemeral;
    seal(w);
    w->made.cover.ephemeral = theirs;
    assert_int_equal(accept(w, &w->made.cover), FL_ACCEPT_BAD_PROOF);
    w->made.cover.of_ephemeral = their_proof;
    assert_int_equal(accept(w, &w->made.cover), FL_ACCEPT_BAD_PROOF);
}

static void complaint_has_one_form(void **state) {
    struct world *w = *state;
    struct fl_complaint c, back;
    uint8_t wire[FL_COMPLAINT_OCTETS + 1] = {0}, again[FL_COMPLAINT_OCTETS];
    struct ws_err err;
    make_round(w, 4);
    seal(w);
    pass(w);
    fl_complaint_make(&w->round, &w->got, 1, w->reader[0], &c);
    fl_complaint_put(&c, wire);
    for (size_t cut = 0; cut < FL_COMPLAINT_OCTETS; cut++)
        assert_int_equal(fl_complaint_read(span_of(wire, cut), &back, &err), WS_EINPUT);
    assert_int_equal(fl_complaint_read(span_of(wire, sizeof(wire)), &back, &err), WS_EINPUT);
    assert_int_equal(fl_complaint_read(span_of(wire, FL_COMPLAINT_OCTETS), &back, &err), WS_OK);
    fl_complaint_put(&back, again);
    assert_memory_equal(wire, again, sizeof(again));
    static const uint8_t validators[] = {0, 23, 255};
    for (size_t i = 0; i < ARRAY_LEN(validators); i++) {
        wire[33] = validators[i];
        assert_int_equal(
            fl_complaint_read(span_of(wire, FL_COMPLAINT_OCTETS), &back, &err), WS_EINPUT);
        assert_non_null(strstr(err.text, "validator"));
    }
    wire[33] = 1;
    wire[0] = 2;
    assert_int_equal(
        fl_complaint_read(span_of(wire, FL_COMPLAINT_OCTETS), &back, &err), WS_ENOTSUP);
}

/* ---- keys ---- */
static void a_key_is_registered_by_who_has_it(void **state) {
    struct world *w = *state;
    struct fl_proof proof;
    make_round(w, 4);
    const struct fl_seat *seat = w->round.seat;
    fl_key_prove(w->reader[0], w->round.cell, seat[0].address, 5, &proof);
    assert_true(fl_key_check(&seat[0].key, w->round.cell, seat[0].address, 5, &proof));
    assert_false(fl_key_check(&seat[0].key, w->round.cell, seat[0].address, 6, &proof));
    assert_false(fl_key_check(&seat[0].key, w->round.cell, seat[1].address, 5, &proof));
    assert_false(fl_key_check(&seat[1].key, w->round.cell, seat[0].address, 5, &proof));
    assert_false(fl_key_check(&seat[0].key, w->round.id, seat[0].address, 5, &proof));
    fl_reader_free(NULL);
}

/* HKDF as libcrypto has it, then its ChaCha20-Poly1305. */
static void sealing_is_hkdf_and_chacha20_poly1305(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(9);
    struct fl_point shared;
    uint8_t info[200], text[300], sealed[316], out[316], okm[44], back[300];
    ws_random_bytes(&r, &shared, sizeof(shared));
    ws_random_bytes(&r, info, sizeof(info));
    ws_random_bytes(&r, text, sizeof(text));
    fl_seal_text(&shared, span_of(info, sizeof(info)), span_of(text, sizeof(text)), sealed);
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *k = EVP_KDF_CTX_new(kdf);
    char sha256[] = "SHA256";
    OSSL_PARAM p[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, shared.b, sizeof(shared.b)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info)),
        OSSL_PARAM_construct_end()};
    assert_int_equal(EVP_KDF_derive(k, okm, sizeof(okm), p), 1);
    EVP_KDF_CTX_free(k);
    EVP_KDF_free(kdf);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n = 0;
    assert_int_equal(EVP_EncryptInit_ex(c, EVP_chacha20_poly1305(), NULL, okm, okm + 32), 1);
    assert_int_equal(EVP_EncryptUpdate(c, out, &n, text, sizeof(text)), 1);
    assert_int_equal(EVP_EncryptFinal_ex(c, out + n, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, out + sizeof(text)), 1);
    EVP_CIPHER_CTX_free(c);
    assert_memory_equal(sealed, out, sizeof(out));
    assert_true(fl_unseal_text(
        &shared, span_of(info, sizeof(info)), span_of(sealed, sizeof(sealed)), back));
    assert_memory_equal(back, text, sizeof(text));
    for (size_t i = 0; i < sizeof(sealed); i++) {
        sealed[i] ^= 0x10;
        assert_false(fl_unseal_text(
            &shared, span_of(info, sizeof(info)), span_of(sealed, sizeof(sealed)), back));
        sealed[i] ^= 0x10;
    }
    for (size_t cut = 0; cut < 16; cut++)
        assert_false(
            fl_unseal_text(&shared, span_of(info, sizeof(info)), span_of(sealed, cut), back));
}

/* ---- the ciphertext's tree ---- */
static void tree_is_the_list_of_1024_octet_leaves(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(10);
    static uint8_t data[70 * FL_LEAF_OCTETS];
    static uint8_t leaves[71][32], parts[71][32];
    uint8_t root[32], want[32];
    ws_random_bytes(&r, data, sizeof(data));
    for (size_t n = 0; n <= sizeof(data); n += n < 3000 ? 1 : 997) {
        const size_t k = fl_leaf_count(n);
        assert_int_equal(k, (n + 1023) / 1024);
        fl_leaves(span_of(data, n), leaves);
        for (size_t i = 0; i < k; i++) {
            const size_t from = i * 1024, len = n - from < 1024 ? n - from : 1024;
            exec_list_leaf(span_of(data + from, len), want);
            assert_memory_equal(leaves[i], want, 32);
        }
        exec_list_root((const uint8_t(*)[32])leaves, k, want);
        fl_data_root(span_of(data, n), root);
        assert_memory_equal(root, want, 32);
        /* in two runs */
        const size_t half = k / 2 * 1024;
        fl_leaves(span_of(data, half), parts);
        fl_leaves(span_of(data + half, n - half), parts + k / 2);
        assert_memory_equal(parts, leaves, k * 32);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_validator_opens_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(
            shares_stay_below_4_kb_for_four_validators, setup, teardown),
        cmocka_unit_test_setup_teardown(cover_has_one_form, setup, teardown),
        cmocka_unit_test_setup_teardown(cover_is_refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(every_octet_is_committed_to, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_submission_belongs_to_one_round_and_one_sender, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bundle_is_bound_to_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_submission_is_for_one_committee, setup, teardown),
        cmocka_unit_test_setup_teardown(two_submissions_have_two_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_bundle_is_shown_to_everybody, setup, teardown),
        cmocka_unit_test_setup_teardown(false_complaints_are_refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(anothers_ephemeral_key_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(complaint_has_one_form, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_is_registered_by_who_has_it, setup, teardown),
        cmocka_unit_test(sealing_is_hkdf_and_chacha20_poly1305),
        cmocka_unit_test(tree_is_the_list_of_1024_octet_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

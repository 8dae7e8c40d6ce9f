/* One form for each statement: what encodes decodes to the same, every cut and every other form is refused. */
#include "tests/support/cm.h"
#include "tests/support/light_samples.h"

#include "ledger/exec/hash.h"

/* Decodes octets and, if they are accepted, encodes the result into *ret_again. */
typedef bool (*codec_fn)(struct span s, struct buf *ret_again);

static bool header_codec(struct span s, struct buf *ret_again) {
    struct rd r = rd_of(s);
    struct header h;
    if (!header_read(&r, &h) || !rd_done(&r))
        return false;
    header_encode(&h, ret_again);
    return true;
}

static bool vote_codec(struct span s, struct buf *ret_again) {
    struct rd r = rd_of(s);
    struct vote v;
    if (!vote_read(&r, &v) || !rd_done(&r))
        return false;
    vote_encode(&v, ret_again);
    return true;
}

static bool commit_codec(struct span s, struct buf *ret_again) {
    struct rd r = rd_of(s);
    struct commit c;
    if (!commit_read(&r, &c) || !rd_done(&r))
        return false;
    commit_encode(&c, ret_again);
    return true;
}

static bool event_codec(struct span s, struct buf *ret_again) {
    struct rd r = rd_of(s);
    struct event e;
    if (!event_read(&r, &e) || !rd_done(&r))
        return false;
    event_encode(&e, ret_again);
    return true;
}

static bool event_bundle_codec(struct span s, struct buf *ret_again) {
    struct event_bundle p;
    struct ws_err err;
    if (event_bundle_decode(s, &p, &err) != WS_OK)
        return false;
    event_bundle_encode(&p, ret_again);
    return true;
}

static bool state_bundle_codec(struct span s, struct buf *ret_again) {
    struct state_bundle p;
    struct ws_err err;
    if (state_bundle_decode(s, &p, &err) != WS_OK)
        return false;
    state_bundle_encode(&p, ret_again);
    return true;
}

static bool accepts(codec_fn codec, struct span s) {
    /* An exact copy on the heap, so that one octet too far is seen. */
    uint8_t *copy = ws_memdup(s.p, s.n);
    struct buf again = {0};
    bool ok = codec(span_of(copy, s.n), &again);
    if (ok)
        assert_true(span_equal(buf_span(&again), s));
    buf_free(&again);
    free(copy);
    return ok;
}

static void check_form(codec_fn codec, struct span s) {
    assert_true(accepts(codec, s));
    for (size_t n = 0; n < s.n; n++)
        assert_false(accepts(codec, span_of(s.p, n)));
    uint8_t *more = ws_alloc(s.n + 1);
    memcpy(more, s.p, s.n);
    assert_false(accepts(codec, span_of(more, s.n + 1)));
    /* Any one bit changed: refused, or another statement with its own one form. */
    for (size_t i = 0; i < 8 * s.n; i++) {
        more[i / 8] ^= (uint8_t)(1U << i % 8);
        (void)accepts(codec, span_of(more, s.n));
        more[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    for (unsigned v = 0; v < 256; v++) { /* the version octet comes first everywhere */
        more[0] = (uint8_t)v;
        assert_int_equal(accepts(codec, span_of(more, s.n)), v == LEDGER_VERSION);
    }
    free(more);
}

static void header_form(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(1);
    for (size_t i = 0; i < 10; i++) {
        struct header h = sample_header(&r);
        struct buf b = {0};
        header_encode(&h, &b);
        assert_int_equal(b.n, HEADER_OCTETS);
        check_form(header_codec, buf_span(&b));
        memset(b.p + 33, 0, 8); /* height 0 */
        assert_false(accepts(header_codec, buf_span(&b)));
        buf_free(&b);
    }
}

static void header_id_covers_every_octet(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(2);
    struct header h = sample_header(&r);
    hash32 id;
    header_id(exec_sha256, &h, id);
    struct buf b = {0};
    header_encode(&h, &b);
    for (size_t i = 1; i < b.n; i++) {
        struct header other;
        hash32 other_id;
        b.p[i] ^= 1;
        struct rd rd = rd_of(buf_span(&b));
        assert_true(header_read(&rd, &other));
        header_id(exec_sha256, &other, other_id);
        assert_memory_not_equal(other_id, id, 32);
        b.p[i] ^= 1;
    }
    buf_free(&b);
}

static void vote_form(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(3);
    for (size_t i = 0; i < 50; i++) {
        struct vote v = sample_vote(&r);
        struct buf b = {0};
        vote_encode(&v, &b);
        assert_int_equal(b.n, VOTE_OCTETS);
        check_form(vote_codec, buf_span(&b));
        buf_free(&b);
    }
}

static bool vote_with(struct vote v, size_t at, uint8_t octet) {
    struct buf b = {0};
    vote_encode(&v, &b);
    if (at > 0)
        b.p[at] = octet;
    bool ok = accepts(vote_codec, buf_span(&b));
    buf_free(&b);
    return ok;
}

static void vote_other_forms_refused(void **state) {
    (void)state;
    enum { TYPE = 1, NIL = 1 + 1 + 8 + 4 };
    struct vote v = {
        .type = VOTE_PREVOTE, .height = 5, .round = 2, .locked_round = -1, .valid_round = -1};
    assert_true(vote_with(v, 0, 0));
    for (unsigned k = 0; k < 256; k++) {
        assert_int_equal(vote_with(v, TYPE, (uint8_t)k), k == 1 || k == 2);
        assert_int_equal(vote_with(v, NIL, (uint8_t)k), k <= 1);
    }
    struct vote bad = v;
    bad.nil = true;
    assert_true(vote_with(bad, 0, 0));
    bad.id[31] = 1; /* nil names no block */
    assert_false(vote_with(bad, 0, 0));
    bad = v;
    bad.height = 0;
    assert_false(vote_with(bad, 0, 0));
    bad = v;
    bad.round = -1;
    assert_false(vote_with(bad, 0, 0));
    bad.round = INT32_MIN;
    assert_false(vote_with(bad, 0, 0));
    bad = v;
    bad.locked_round = -2;
    assert_false(vote_with(bad, 0, 0));
    bad = v;
    bad.valid_round = -2;
    assert_false(vote_with(bad, 0, 0));
    /* A precommit has no lock to state: two forms of one precommit would be two signatures for one commit. */
    bad = v;
    bad.type = VOTE_PRECOMMIT;
    assert_true(vote_with(bad, 0, 0));
    bad.locked_round = 0;
    assert_false(vote_with(bad, 0, 0));
    bad.locked_round = -1;
    bad.valid_round = 1;
    assert_false(vote_with(bad, 0, 0));
}

/* Signed bytes differ whenever anything that is signed differs, and a vote's are never a proposal's. */
static void signed_bytes_bind(void **state) {
    (void)state;
    hash32 cell = {1};
    hash32 other_cell = {2};
    struct vote base = {
        .type = VOTE_PREVOTE, .height = 5, .round = 2, .locked_round = 1, .valid_round = 0};
    base.id[0] = 9;
    struct vote v[9];
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        v[i] = base;
    v[1].type = VOTE_PRECOMMIT;
    v[2].height++;
    v[3].round++;
    v[4].nil = true;
    v[5].id[31] = 1;
    v[6].locked_round = 0;
    v[7].valid_round = 1;
    v[8].validator = 3; /* not signed: who signs is what the key says */
    struct buf b[ARRAY_LEN(v) + 2] = {0};
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        vote_sign_bytes(cell, &v[i], &b[i]);
    vote_sign_bytes(other_cell, &base, &b[ARRAY_LEN(v)]);
    proposal_sign_bytes(
        cell, base.height, base.round, base.id, base.valid_round, &b[ARRAY_LEN(v) + 1]);
    for (size_t i = 0; i < ARRAY_LEN(b); i++) {
        for (size_t k = 0; k < i; k++)
            assert_int_equal(span_equal(buf_span(&b[i]), buf_span(&b[k])), i == 8 && k == 0);
    }
    assert_memory_equal(b[0].p, "WAYSIDE-VOTE\0\0\0\0\1", 17);
    assert_memory_equal(b[ARRAY_LEN(v) + 1].p, "WAYSIDE-PROPOSAL\1", 17);
    for (size_t i = 0; i < ARRAY_LEN(b); i++)
        buf_free(&b[i]);
}

static void commit_form(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(4);
    for (size_t n = 0; n <= VALIDATORS_MAX; n += n < 18 ? 1 : 23) {
        struct commit c = sample_commit(&r, n);
        struct buf b = {0};
        commit_encode(&c, &b);
        check_form(commit_codec, buf_span(&b));
        buf_free(&b);
    }
}

static void commit_other_forms_refused(void **state) {
    (void)state;
    enum { ROUND = 1 + 8, N = 1 + 8 + 4 + 32, BITS = N + 2 };
    struct ws_random r = ws_random_seeded(5);
    for (size_t n = 1; n <= 20; n++) {
        struct commit c = sample_commit(&r, n);
        struct buf b = {0};
        commit_encode(&c, &b);
        size_t octets = (n + 7) / 8;
        for (size_t k = n; k < 8 * octets; k++) { /* bits that name nobody */
            b.p[BITS + k / 8] ^= (uint8_t)(0x80U >> k % 8);
            assert_false(accepts(commit_codec, buf_span(&b)));
            b.p[BITS + k / 8] ^= (uint8_t)(0x80U >> k % 8);
        }
        b.p[ROUND] |= 0x80; /* negative */
        assert_false(accepts(commit_codec, buf_span(&b)));
        b.p[ROUND] &= 0x7f;
        assert_true(accepts(commit_codec, buf_span(&b)));
        put_be16(b.p + N, VALIDATORS_MAX + 1);
        assert_false(accepts(commit_codec, buf_span(&b)));
        put_be16(b.p + N, UINT16_MAX);
        assert_false(accepts(commit_codec, buf_span(&b)));
        buf_free(&b);
    }
}

static void event_form(void **state) {
    (void)state;
    for (size_t n = 0; n < 40; n += 13) {
        uint8_t body[40] = {1, 2, 3};
        struct event e = {
            .contract = 3, .type = 700, .height = 12, .sequence = 4, .body = span_of(body, n)};
        struct buf b = {0};
        event_encode(&e, &b);
        check_form(event_codec, buf_span(&b));
        put_be32(b.p + 1 + 1 + 2 + 8 + 4, UINT32_MAX); /* a length far beyond what is there */
        assert_false(accepts(event_codec, buf_span(&b)));
        buf_free(&b);
    }
}

static void bundle_forms(void **state) {
    (void)state;
    struct sample_cell cell;
    struct buf event = {0};
    struct buf b = {0};
    sample_cell_make(&cell, 4, NULL);
    struct event_bundle e = sample_event_bundle(&cell, 5, 2, &event);
    event_bundle_encode(&e, &b);
    check_form(event_bundle_codec, buf_span(&b));
    assert_false(
        accepts(state_bundle_codec, buf_span(&b))); /* one kind is never read as the other */
    buf_clear(&b);
    struct state_bundle s = sample_state_bundle(&cell, 6, 2, "k");
    state_bundle_encode(&s, &b);
    check_form(state_bundle_codec, buf_span(&b));
    assert_false(accepts(event_bundle_codec, buf_span(&b)));
    buf_clear(&b);
    s = sample_state_bundle(&cell, 6, 2, "absent");
    state_bundle_encode(&s, &b);
    check_form(state_bundle_codec, buf_span(&b));
    buf_free(&b);
    buf_free(&event);
    sample_cell_free(&cell);
}

static void bundle_other_forms_refused(void **state) {
    (void)state;
    struct sample_cell cell;
    struct buf b = {0};
    sample_cell_make(&cell, 4, NULL);
    struct state_bundle s = sample_state_bundle(&cell, 1, 0, "absent");
    /* An empty subtree has no key and no value: octets there would be a second form of the same proof. */
    s.proof = (struct sparse_proof){.end = SPARSE_EMPTY};
    state_bundle_encode(&s, &b);
    assert_true(accepts(state_bundle_codec, buf_span(&b)));
    for (size_t i = 0; i < 64; i++) {
        s.proof = (struct sparse_proof){.end = SPARSE_EMPTY};
        (i < 32 ? s.proof.leaf_key : s.proof.leaf_value)[i % 32] = 1;
        buf_clear(&b);
        state_bundle_encode(&s, &b);
        assert_false(accepts(state_bundle_codec, buf_span(&b)));
    }
    s = sample_state_bundle(&cell, 1, 0, "absent");
    buf_clear(&b);
    state_bundle_encode(&s, &b);
    size_t present = b.n - 1;
    size_t end = b.n - 1 - (4 + 6) - 2 - 64 - 1;
    assert_int_equal(b.p[present], 0);
    assert_int_equal(b.p[end], SPARSE_LEAF);
    for (unsigned k = 2; k < 256; k++) {
        b.p[present] = (uint8_t)k;
        assert_false(accepts(state_bundle_codec, buf_span(&b)));
        b.p[present] = 0;
        b.p[end] = (uint8_t)k;
        assert_false(accepts(state_bundle_codec, buf_span(&b)));
        b.p[end] = SPARSE_LEAF;
    }
    put_be16(b.p + end + 65, SPARSE_PROOF_MAX + 1);
    assert_false(accepts(state_bundle_codec, buf_span(&b)));
    buf_free(&b);
    sample_cell_free(&cell);
}

/* Nobody on the way can change an octet of a bundle that still checks, but for the number of leaves that a list
 * root does not bind. */
static void no_octet_of_a_checked_bundle_is_free(void **state) {
    (void)state;
    struct sample_cell cell;
    struct buf event = {0};
    struct buf b = {0};
    sample_cell_make(&cell, 3, NULL);
    struct event_bundle e = sample_event_bundle(&cell, 5, 2, &event);
    event_bundle_encode(&e, &b);
    size_t total = 4 + HEADER_OCTETS + 1 + 8 + 4 + 32 + 2 + 1 + 3 * SIG_OCTETS;
    for (size_t i = 0; i < b.n; i++) {
        if (i >= total && i < total + 8)
            continue;
        struct event_bundle p;
        struct event got;
        b.p[i] ^= 4;
        if (event_bundle_decode(buf_span(&b), &p, NULL) == WS_OK)
            assert_int_equal(
                light_check_event(&sample_crypto, buf_span(&cell.octets), &p, &got, NULL),
                WS_EINPUT);
        b.p[i] ^= 4;
    }
    buf_clear(&b);
    struct state_bundle s = sample_state_bundle(&cell, 6, 2, "absent");
    state_bundle_encode(&s, &b);
    for (size_t i = 0; i + 7 < b.n;
         i++) { /* the last seven: the key, which is the question, and "absent" */
        if (i >= total && i < total + 8)
            continue;
        struct state_bundle p;
        b.p[i] ^= 4;
        if (state_bundle_decode(buf_span(&b), &p, NULL) == WS_OK)
            assert_int_equal(
                light_check_state(&sample_crypto, buf_span(&cell.octets), &p, NULL), WS_EINPUT);
        b.p[i] ^= 4;
    }
    buf_free(&b);
    buf_free(&event);
    sample_cell_free(&cell);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_form),
        cmocka_unit_test(header_id_covers_every_octet),
        cmocka_unit_test(vote_form),
        cmocka_unit_test(vote_other_forms_refused),
        cmocka_unit_test(signed_bytes_bind),
        cmocka_unit_test(commit_form),
        cmocka_unit_test(commit_other_forms_refused),
        cmocka_unit_test(event_form),
        cmocka_unit_test(bundle_forms),
        cmocka_unit_test(bundle_other_forms_refused),
        cmocka_unit_test(no_octet_of_a_checked_bundle_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

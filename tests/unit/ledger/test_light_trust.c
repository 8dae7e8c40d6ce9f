/* Whom a light client believes: every refusal by its own name, adjacent, skipping, backwards, over committees that
 * share nobody. */
#include "tests/support/cm.h"
#include "tests/support/light_chain.h"

#include "ledger/exec/hash.h"

static struct chain chain;
static const struct light_params forever = {.clock_drift = 10000000};

static void make(size_t members, size_t fresh, uint64_t term, uint64_t heights) {
    const struct chain_plan plan = {members, fresh, term, heights, 0};
    chain_make(&chain, &plan);
}

static int free_chain(void **state) {
    (void)state;
    chain_free(&chain);
    return 0;
}

static struct light_trust genesis_trust(void) {
    struct light_trust t;
    assert_int_equal(
        light_trust_genesis(exec_sha256, buf_span(&chain.cell.octets), &t, NULL), WS_OK);
    return t;
}

static enum light_verdict step(struct light_trust *t, uint64_t height, uint64_t who) {
    struct commit c = chain_commit(&chain, height, who);
    struct ws_err err = {0};
    const struct light_trust before = *t;
    enum light_verdict v = light_advance(&sample_crypto, &forever, t, chain_header(&chain, height),
        &c, &chain.sets[chain_set_at(&chain, height)], LIGHT_NO_CLOCK, &err);
    if (v == LIGHT_OK) {
        assert_int_equal(t->height, height);
    } else {
        assert_memory_equal(t, &before, sizeof(before));
        assert_true(err.text[0] != '\0');
    }
    return v;
}

static void adjacent_from_the_genesis(void **state) {
    (void)state;
    make(4, 4, 3, 12);
    struct light_trust t = genesis_trust();
    for (uint64_t h = 1; h <= 12; h++)
        assert_int_equal(step(&t, h, 0x7), LIGHT_OK);
    assert_int_equal(step(&t, 12, 0xf), LIGHT_NOT_NEWER);
    assert_int_equal(step(&t, 4, 0xf), LIGHT_NOT_NEWER);
}

static void a_quorum_of_the_new_set_is_needed(void **state) {
    (void)state;
    make(6, 0, 100, 5);
    for (uint64_t who = 0; who < 64; who++) {
        for (uint64_t h = 1; h <= 2; h++) { /* adjacent and skipping */
            struct light_trust t = genesis_trust();
            bool quorum = __builtin_popcountll(who) > 4;
            assert_int_equal(step(&t, h, who), quorum ? LIGHT_OK : LIGHT_NO_QUORUM);
        }
    }
}

/* Of nine, `fresh` are new in the next committee: the old ones left must hold more than a third. */
static void skipping_needs_a_third_of_the_trusted(void **state) {
    (void)state;
    for (size_t fresh = 0; fresh <= 9; fresh++) {
        make(9, fresh, 4, 8);
        struct light_trust t = genesis_trust();
        bool enough = fresh < 6; /* exactly three of nine are no more than a third */
        assert_int_equal(step(&t, 6, UINT64_MAX), enough ? LIGHT_OK : LIGHT_TRUST_TOO_LOW);
        chain_free(&chain);
    }
    make(9, 6, 4, 8);
}

static void a_higher_level_asks_for_more(void **state) {
    (void)state;
    make(10, 4, 4, 8); /* six of ten stay */
    static const struct {
        uint32_t num, den;
        enum light_verdict v;
    } rows[] = {{0, 0, LIGHT_OK}, {1, 10, LIGHT_OK}, {1, 3, LIGHT_OK}, {1, 2, LIGHT_OK},
        {59, 100, LIGHT_OK}, {6, 10, LIGHT_TRUST_TOO_LOW}, {2, 3, LIGHT_TRUST_TOO_LOW},
        {1, 1, LIGHT_TRUST_TOO_LOW}, {5, 4, LIGHT_TRUST_TOO_LOW},
        {UINT32_MAX, 1, LIGHT_TRUST_TOO_LOW}};
    struct commit c = chain_commit(&chain, 6, UINT64_MAX);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct light_params p = {.level_num = rows[i].num, .level_den = rows[i].den};
        struct light_trust t = genesis_trust();
        assert_int_equal(light_advance(&sample_crypto, &p, &t, chain_header(&chain, 6), &c,
                             &chain.sets[1], LIGHT_NO_CLOCK, NULL),
            rows[i].v);
    }
}

/* Times on both sides of each bound. */
static void clocks(void **state) {
    (void)state;
    make(4, 0, 100, 9);
    const struct light_params p = {.trusting_period = 5000000, .clock_drift = 2000000};
    const struct light_trust start = genesis_trust();
    uint64_t time = chain_header(&chain, 3)->time;
    struct commit c = chain_commit(&chain, 3, 0xf);
    const struct {
        uint64_t now;
        enum light_verdict v;
    } rows[] = {{time - 2000001, LIGHT_FROM_FUTURE}, {time - 2000000, LIGHT_FROM_FUTURE},
        {time - 1999999, LIGHT_OK}, {time, LIGHT_OK}, {start.time + 4999999, LIGHT_OK},
        {start.time + 5000000, LIGHT_EXPIRED}, {UINT64_MAX, LIGHT_EXPIRED}, {1, LIGHT_FROM_FUTURE},
        {LIGHT_NO_CLOCK, LIGHT_OK}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct light_trust t = start;
        assert_int_equal(light_advance(&sample_crypto, &p, &t, chain_header(&chain, 3), &c,
                             &chain.sets[0], rows[i].now, NULL),
            rows[i].v);
    }
    struct light_trust t = start;
    t.time = time;
    assert_int_equal(step(&t, 3, 0xf), LIGHT_TIME_NOT_LATER);
    t.time = time - 1;
    assert_int_equal(step(&t, 3, 0xf), LIGHT_OK);
}

static void each_refusal_has_its_name(void **state) {
    (void)state;
    make(4, 4, 4, 9);
    const struct light_trust start = genesis_trust();
    const struct header *hd = chain_header(&chain, 1);
    const struct commit good = chain_commit(&chain, 1, 0xf);
    struct light_trust t = start;
    struct header h = *hd;
    struct commit c = good;
#define TRY(header, commit, set)                                                                   \
    (t = start,                                                                                    \
        light_advance(&sample_crypto, &forever, &t, header, commit, set, LIGHT_NO_CLOCK, NULL))
    assert_int_equal(TRY(hd, &good, &chain.sets[0]), LIGHT_OK);
    assert_int_equal(TRY(hd, &good, NULL), LIGHT_OK); /* the trusted next set */
    h.cell_id[0] ^= 1;
    assert_int_equal(TRY(&h, &good, &chain.sets[0]), LIGHT_OTHER_CELL);
    assert_int_equal(TRY(hd, &good, &chain.sets[1]), LIGHT_WRONG_SET);
    struct validator_set named = chain.sets[0]; /* the seats are committed to, too */
    named.v[2].owner[0] ^= 1;
    assert_int_equal(TRY(hd, &good, &named), LIGHT_WRONG_SET);
    named = chain.sets[0];
    named.v[3].curve_key[31] ^= 1;
    assert_int_equal(TRY(hd, &good, &named), LIGHT_WRONG_SET);
    named = chain.sets[0];
    named.v[3].power++;
    assert_int_equal(TRY(hd, &good, &named), LIGHT_WRONG_SET);
    c.height++;
    assert_int_equal(TRY(hd, &c, &chain.sets[0]), LIGHT_WRONG_COMMIT);
    c = good;
    c.id[0] ^= 1;
    assert_int_equal(TRY(hd, &c, &chain.sets[0]), LIGHT_WRONG_COMMIT);
    c = good;
    c.n = 3;
    assert_int_equal(TRY(hd, &c, &chain.sets[0]), LIGHT_WRONG_COMMIT);
    c = good;
    c.round++;
    assert_int_equal(TRY(hd, &c, &chain.sets[0]), LIGHT_BAD_SIGNATURE);
    c = good;
    c.sig[0][0] ^= 1;
    assert_int_equal(TRY(hd, &c, &chain.sets[0]), LIGHT_BAD_SIGNATURE);
    /* Enough is enough, unless one wants to know of each. */
    c = good;
    c.sig[3][0] ^= 1;
    assert_int_equal(TRY(hd, &c, &chain.sets[0]), LIGHT_OK);
    const struct light_params all = {.every_signature = true};
    t = start;
    assert_int_equal(light_advance(&sample_crypto, &all, &t, hd, &c, &chain.sets[0], 0, NULL),
        LIGHT_BAD_SIGNATURE);
    /* Any field changed makes another header. */
    h = *hd;
    h.state_root[7] ^= 1;
    assert_int_equal(TRY(&h, &good, &chain.sets[0]), LIGHT_WRONG_COMMIT);
    /* Adjacent: signed by whom the parent names, and naming that parent. */
    h = *hd;
    memcpy(h.validators, chain_header(&chain, 5)->validators, 32);
    c = chain_sign(&chain, 1, &h, 0, 0xf);
    assert_int_equal(TRY(&h, &c, &chain.sets[1]), LIGHT_NOT_SUCCESSOR);
    h = *hd;
    h.previous[0] ^= 1;
    c = chain_sign(&chain, 0, &h, 0, 0xf);
    assert_int_equal(TRY(&h, &c, &chain.sets[0]), LIGHT_NOT_SUCCESSOR);
    /* The trusted header is the last of its committee: the next set is a hash. */
    t = start;
    for (uint64_t k = 1; k <= 4; k++)
        assert_int_equal(step(&t, k, 0xf), LIGHT_OK);
    assert_false(t.has_next);
    c = chain_commit(&chain, 9, 0xf);
    assert_int_equal(light_advance(&sample_crypto, &forever, &t, chain_header(&chain, 9), &c,
                         &chain.sets[2], LIGHT_NO_CLOCK, NULL),
        LIGHT_SET_UNKNOWN);
    assert_int_equal(light_advance(&sample_crypto, &forever, &t, chain_header(&chain, 9), &c, NULL,
                         LIGHT_NO_CLOCK, NULL),
        LIGHT_SET_UNKNOWN);
    hash32 seats;
    validator_set_seats(exec_sha256, &chain.sets[1], seats);
    assert_int_equal(light_learn(exec_sha256, &t, &chain.sets[2], seats, NULL), LIGHT_WRONG_SET);
    assert_int_equal(light_learn(exec_sha256, &t, &chain.sets[1], seats, NULL), LIGHT_OK);
    assert_int_equal(step(&t, 7, 0xf), LIGHT_OK); /* over heights, within the committee */
#undef TRY
}

/* A signature of a member of the old committee counts for it only when the same key signed under the new one. */
static void old_members_count_by_key(void **state) {
    (void)state;
    make(4, 2, 4, 8);
    struct light_trust t = genesis_trust();
    /* Three of the new four: the two fresh ones and one old one, which is a quarter of the trusted power. */
    size_t old[2];
    size_t n = 0;
    for (size_t i = 0; i < 4; i++) {
        if (validator_set_find(&chain.sets[0], chain.sets[1].v[i].address) >= 0)
            old[n++] = i;
    }
    assert_int_equal(n, 2);
    assert_int_equal(step(&t, 6, 0xfU & ~(1U << old[0])), LIGHT_TRUST_TOO_LOW);
    assert_int_equal(step(&t, 6, 0xf), LIGHT_OK); /* a half */
}

/* ---- the way to a height ---- */

static void bisection_finds_every_height(void **state) {
    (void)state;
    make(5, 2, 7, 60);
    for (uint64_t goal = 1; goal <= 60; goal++) {
        struct light_trust t = genesis_trust();
        struct light_source from = chain_source(&chain, false);
        struct light_block b;
        struct ws_err err = {0};
        assert_int_equal(
            light_reach(&sample_crypto, &forever, &t, &from, goal, 0, &b, &err), LIGHT_OK);
        assert_int_equal(t.height, goal);
        assert_int_equal(b.header.height, goal);
        assert_int_equal(
            light_reach(&sample_crypto, &forever, &t, &from, goal, 0, &b, &err), LIGHT_OK);
    }
}

static void no_common_member(void **state) {
    (void)state;
    make(4, 4, 10, 100);
    struct light_block b;
    struct light_trust t = genesis_trust();
    struct light_source from = chain_source(&chain, false);
    assert_int_equal(light_reach(&sample_crypto, &forever, &t, &from, 100, 0, &b, NULL), LIGHT_OK);
    uint64_t bisecting = chain.asked;
    chain.asked = 0;
    t = genesis_trust();
    from = chain_source(&chain, true);
    assert_int_equal(light_reach(&sample_crypto, &forever, &t, &from, 95, 0, &b, NULL), LIGHT_OK);
    assert_int_equal(t.height, 95);
    assert_int_equal(chain.asked, 1 + 9); /* the header and one handover for each committee */
    assert_true(bisecting > 3 * chain.asked);
    /* A bound on answers, whatever the source does. */
    t = genesis_trust();
    from.steps_max = 5;
    struct ws_err err = {0};
    assert_int_equal(
        light_reach(&sample_crypto, &forever, &t, &from, 95, 0, &b, &err), LIGHT_TOO_MANY_STEPS);
    assert_true(t.height > 0); /* what was reached stays */
}

struct liar {
    struct chain *chain;
    uint64_t at; /* this height is answered with a forgery */
    enum { SILENT, OTHER_HEIGHT, BAD_SIGNATURE, OTHER_ROOT, OTHER_SET } how;
};

static int lie(void *ctx, uint64_t height, struct light_block *b, struct ws_err *err) {
    const struct liar *l = ctx;
    struct light_source honest = chain_source(l->chain, false);
    int rc = honest.block(honest.ctx, height, b, err);
    if (rc != WS_OK || height != l->at)
        return rc;
    switch (l->how) {
    case SILENT:
        return ws_fail(err, WS_EIO, "gone");
    case OTHER_HEIGHT:
        b->header.height++;
        break;
    case BAD_SIGNATURE:
        b->commit.sig[0][5] ^= 1;
        break;
    case OTHER_ROOT:
        b->header.state_root[0] ^= 1;
        break;
    case OTHER_SET:
        b->set = l->chain->sets[l->chain->n_sets - 1];
        break;
    }
    return WS_OK;
}

static void sources_that_lie(void **state) {
    (void)state;
    make(4, 1, 10, 30);
    static const enum light_verdict at_goal[] = {
        LIGHT_NO_SOURCE, LIGHT_NO_SOURCE, LIGHT_BAD_SIGNATURE, LIGHT_WRONG_COMMIT, LIGHT_WRONG_SET};
    for (int how = SILENT; how <= OTHER_SET; how++) {
        struct liar l = {&chain, 30, how};
        struct light_source from = {.ctx = &l, .block = lie, .steps_max = 1000};
        struct light_block b;
        struct light_trust t = genesis_trust();
        struct ws_err err = {0};
        assert_int_equal(
            light_reach(&sample_crypto, &forever, &t, &from, 30, 0, &b, &err), at_goal[how]);
        assert_true(err.text[0] != '\0');
        assert_int_equal(t.height, 0);
        l.at = 20;
        assert_int_equal(
            light_reach(&sample_crypto, &forever, &t, &from, 25, 0, &b, &err), LIGHT_OK);
        enum light_verdict v = light_reach_back(&sample_crypto, &t, &from, 12, &b, &err);
        if (how == BAD_SIGNATURE || how == OTHER_SET) /* links bind headers, nothing else */
            assert_int_equal(v, LIGHT_OK);
        else
            assert_int_equal(v, how == OTHER_ROOT ? LIGHT_BROKEN_LINK : LIGHT_NO_SOURCE);
    }
}

static void backwards_along_previous(void **state) {
    (void)state;
    make(4, 4, 5, 40);
    struct light_trust t = genesis_trust();
    struct light_source from = chain_source(&chain, true);
    struct light_block b;
    assert_int_equal(light_reach(&sample_crypto, &forever, &t, &from, 33, 0, &b, NULL), LIGHT_OK);
    for (uint64_t h = 1; h <= 33; h++) {
        assert_int_equal(light_reach_back(&sample_crypto, &t, &from, h, &b, NULL), LIGHT_OK);
        assert_memory_equal(&b.header, chain_header(&chain, h), sizeof(b.header));
    }
    assert_int_equal(light_reach_back(&sample_crypto, &t, &from, 34, &b, NULL), LIGHT_NOT_NEWER);
    assert_int_equal(light_reach_back(&sample_crypto, &t, &from, 0, &b, NULL), LIGHT_NOT_NEWER);
    assert_int_equal(
        light_reach(&sample_crypto, &forever, &t, &from, 20, 0, &b, NULL), LIGHT_NOT_NEWER);
    struct header forged = *chain_header(&chain, 9);
    assert_int_equal(
        light_step_back(exec_sha256, chain_header(&chain, 10), &forged, NULL), LIGHT_OK);
    forged.time++;
    assert_int_equal(
        light_step_back(exec_sha256, chain_header(&chain, 10), &forged, NULL), LIGHT_BROKEN_LINK);
    forged = *chain_header(&chain, 8);
    assert_int_equal(
        light_step_back(exec_sha256, chain_header(&chain, 10), &forged, NULL), LIGHT_BROKEN_LINK);
    forged.cell_id[3] ^= 1;
    assert_int_equal(
        light_step_back(exec_sha256, chain_header(&chain, 10), &forged, NULL), LIGHT_OTHER_CELL);
    /* Another header at the trusted height is a fork, and said to be one. */
    struct light_trust other = t;
    other.id[0] ^= 1;
    struct ws_err err = {0};
    assert_int_equal(
        light_reach(&sample_crypto, &forever, &other, &from, 33, 0, &b, &err), LIGHT_CONFLICT);
}

static void belief_in_a_header_by_its_id(void **state) {
    (void)state;
    make(4, 4, 5, 40);
    struct light_trust t;
    const struct header *hd = chain_header(&chain, 17);
    hash32 id;
    header_id(exec_sha256, hd, id);
    assert_int_equal(
        light_trust_header(exec_sha256, chain.cell.id, hd, 16, id, &t, NULL), LIGHT_CONFLICT);
    id[0] ^= 1;
    assert_int_equal(
        light_trust_header(exec_sha256, chain.cell.id, hd, 17, id, &t, NULL), LIGHT_CONFLICT);
    id[0] ^= 1;
    hash32 cell = {0};
    assert_int_equal(light_trust_header(exec_sha256, cell, hd, 17, id, &t, NULL), LIGHT_OTHER_CELL);
    assert_int_equal(
        light_trust_header(exec_sha256, chain.cell.id, hd, 17, id, &t, NULL), LIGHT_OK);
    struct light_source from = chain_source(&chain, false);
    struct light_block b;
    assert_int_equal(light_reach(&sample_crypto, &forever, &t, &from, 38, 0, &b, NULL), LIGHT_OK);
}

static void belief_on_paper(void **state) {
    (void)state;
    make(7, 7, 3, 9);
    struct light_trust t = genesis_trust();
    for (uint64_t h = 1; h <= 4; h++) { /* with and without the next set */
        assert_int_equal(step(&t, h, UINT64_MAX), LIGHT_OK);
        struct buf b = {0};
        struct buf again = {0};
        struct light_trust back;
        light_trust_encode(&t, &b);
        assert_int_equal(light_trust_decode(exec_sha256, buf_span(&b), &back, NULL), WS_OK);
        light_trust_encode(&back, &again);
        assert_true(span_equal(buf_span(&b), buf_span(&again)));
        assert_int_equal(back.has_next, h != 3);
        assert_int_equal(step(&back, h + 1, UINT64_MAX), LIGHT_OK);
        for (size_t n = 0; n < b.n; n++)
            assert_int_not_equal(
                light_trust_decode(exec_sha256, span_of(b.p, n), &back, NULL), WS_OK);
        buf_u8(&b, 0);
        assert_int_not_equal(light_trust_decode(exec_sha256, buf_span(&b), &back, NULL), WS_OK);
        buf_free(&b);
        buf_free(&again);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, free_chain)
        T(adjacent_from_the_genesis),
        T(a_quorum_of_the_new_set_is_needed),
        T(skipping_needs_a_third_of_the_trusted),
        T(a_higher_level_asks_for_more),
        T(clocks),
        T(each_refusal_has_its_name),
        T(old_members_count_by_key),
        T(bisection_finds_every_height),
        T(no_common_member),
        T(sources_that_lie),
        T(backwards_along_previous),
        T(belief_in_a_header_by_its_id),
        T(belief_on_paper),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

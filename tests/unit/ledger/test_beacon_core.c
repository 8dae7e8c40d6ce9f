/* The beacon's arithmetic, tickets, encodings and proofs, and what a liar may try with each of them. */
#include "base/random.h"
#include "ledger/beacon/body.h"
#include "tests/support/cm.h"

/* ---- a generation with everybody's secrets ---- */
enum { N = 4 };
struct world {
    struct generation g;
    uint8_t secret[N][BEACON_SECRET_OCTETS];
    struct own_key own[N];
    struct dealing *dealing[BEACON_MEMBERS_MAX];
    struct beacon_key key;
};

static void fill(struct ws_random *r, void *p, size_t n) {
    ws_random_bytes(r, p, n);
}

static int setup(void **state) {
    struct world *w = ws_alloc(sizeof(*w));
    struct ws_random r = ws_random_seeded(7);
    fill(&r, w->g.cell, 32);
    w->g.serial = 3;
    w->g.n = N;
    bool all[BEACON_MEMBERS_MAX] = {0};
    for (size_t i = 0; i < N; i++) {
        fill(&r, w->g.seat[i].address, 32);
        fill(&r, w->secret[i], 32);
        w->g.seat[i].power = 5;
        w->g.seat[i].registered = true;
        own_key_derive(w->secret[i], w->g.cell, w->g.seat[i].address, &w->own[i]);
        w->g.seat[i].key = w->own[i].key;
    }
    generation_finish(&w->g);
    for (size_t i = 0; i < N; i++) {
        w->dealing[i] = ws_alloc(sizeof(struct dealing));
        dealing_make(&w->g, i, w->secret[i], w->dealing[i]);
        all[i] = true;
    }
    assert_true(key_assemble(&w->g, w->dealing, all, &w->key));
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    for (size_t i = 0; i < N; i++)
        free(w->dealing[i]);
    free(w);
    return 0;
}

/* ---- tickets ---- */

/* The most tickets of a small set, by trying every set. */
static uint16_t small_by_force(const uint64_t *powers, const struct tickets *t) {
    uint64_t sum = 0;
    for (size_t i = 0; i < t->n; i++)
        sum += powers[i];
    unsigned most = 0;
    for (uint32_t bits = 0; bits < 1U << t->n; bits++) {
        uint64_t power = 0;
        unsigned tickets = 0;
        for (size_t i = 0; i < t->n; i++) {
            power += (bits >> i & 1) != 0 ? powers[i] : 0;
            tickets += (bits >> i & 1) != 0 ? t->of[i] : 0;
        }
        if (3 * power < sum && tickets > most)
            most = tickets;
    }
    return (uint16_t)most;
}

static void test_tickets_equal(void **state) {
    (void)state;
    for (size_t n = 1; n <= BEACON_MEMBERS_MAX; n++) {
        uint64_t powers[BEACON_MEMBERS_MAX] = {0};
        for (size_t i = 0; i < n; i++)
            powers[i] = (UINT64_C(1) << 60) / n;
        struct tickets t;
        beacon_tickets(powers, n, &t);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(t.of[i], 1);
        const size_t f = (n - 1) / 3;
        assert_int_equal(t.small, f);
        assert_int_equal(t.threshold, n - 2 * f); /* f + 1 when n = 3 f + 1 */
        assert_int_equal(t.enough, n - f);
    }
}

static void test_tickets_of_any_powers(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(11);
    for (int round = 0; round < 400; round++) {
        const size_t n = 1 + ws_random_below(&r, 11);
        const uint64_t span = round % 4 == 0 ? 3 : round % 4 == 1 ? 100 : UINT64_C(1) << 56;
        uint64_t powers[BEACON_MEMBERS_MAX] = {0};
        for (size_t i = 0; i < n; i++)
            powers[i] = 1 + ws_random_below(&r, i % 3 == 0 ? span : span / 2 + 1);
        struct tickets t;
        beacon_tickets(powers, n, &t);
        assert_int_equal(t.small, small_by_force(powers, &t));
        assert_true(t.total >= n && t.total <= 4 * n + n / 3 + 1);
        assert_true(t.threshold > t.small && t.threshold <= t.total - t.small);
        assert_int_equal(t.enough, t.total - t.small);
        /* Where tickets follow power closely, confirmed members without the liars among them are enough. */
        if (3 * t.small < t.total)
            assert_true(t.enough - t.small >= t.threshold);
    }
}

static void test_tickets_at_the_bounds(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(12);
    for (int round = 0; round < 20; round++) {
        uint64_t powers[BEACON_MEMBERS_MAX] = {0};
        for (size_t i = 0; i < BEACON_MEMBERS_MAX; i++)
            powers[i] = 1 + ws_random_below(&r, UINT64_C(1) << (54 - round));
        powers[0] = UINT64_C(1) << 53;
        struct tickets t;
        beacon_tickets(powers, BEACON_MEMBERS_MAX, &t);
        assert_true(2 * t.small < t.total && t.total <= BEACON_TICKETS_MAX);
    }
    uint64_t one_giant[3] = {1, UINT64_C(1) << 59, 1};
    struct tickets t;
    beacon_tickets(one_giant, 3, &t);
    assert_int_equal(t.of[0] + t.of[2], 0);
    assert_true(t.of[1] >= t.threshold);
}

/* ---- encodings ---- */

/* Octets that the decoder takes: each shorter and longer form is refused, and so is every single change of a bit, or
 * it is another value of the same length whose encoding is these very octets. */
typedef bool (*again_fn)(struct span s, struct buf *ret);
static void try_encoding(const struct buf *good, again_fn again) {
    struct buf out = {0};
    assert_true(again(buf_span(good), &out));
    assert_true(span_equal(buf_span(&out), buf_span(good)));
    for (size_t n = 0; n < good->n; n++) {
        buf_clear(&out);
        assert_false(again(span_of(good->p, n), &out));
    }
    struct buf longer = {0};
    buf_put(&longer, good->p, good->n);
    buf_u8(&longer, 0);
    assert_false(again(buf_span(&longer), &out));
    struct buf bent = {0};
    for (size_t bit = 0; bit < good->n * 8; bit++) {
        buf_clear(&bent);
        buf_put(&bent, good->p, good->n);
        bent.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        buf_clear(&out);
        if (again(buf_span(&bent), &out))
            assert_true(span_equal(buf_span(&out), buf_span(&bent)));
        if (bit < 8)
            assert_false(again(buf_span(&bent), &out)); /* version */
    }
    buf_free(&bent);
    buf_free(&longer);
    buf_free(&out);
}

static bool again_registration(struct span s, struct buf *ret) {
    struct registration r;
    bool ok = registration_decode(s, &r);
    if (ok)
        registration_encode(&r, ret);
    return ok;
}
static bool again_dealing(struct span s, struct buf *ret) {
    struct dealing *d = ws_alloc(sizeof(*d));
    bool ok = dealing_decode(s, d);
    if (ok)
        dealing_encode(d, ret);
    free(d);
    return ok;
}
static bool again_review(struct span s, struct buf *ret) {
    struct review v;
    bool ok = review_decode(s, &v);
    if (ok)
        review_encode(&v, ret);
    return ok;
}
static bool again_partials(struct span s, struct buf *ret) {
    struct partials p;
    bool ok = partials_decode(s, &p);
    if (ok)
        partials_encode(&p, ret);
    return ok;
}
static const uint8_t *again_cell;
static bool again_generation(struct span s, struct buf *ret) {
    struct generation g;
    bool ok = generation_decode(s, again_cell, &g);
    if (ok)
        generation_encode(&g, ret);
    return ok;
}

static void partials_of(const struct world *w, size_t member, uint64_t height, struct partials *p) {
    struct scalar share[BEACON_TICKETS_MAX];
    bool bad[BEACON_MEMBERS_MAX];
    *p = (struct partials){.serial = w->g.serial, .height = height, .n = 1};
    assert_true(key_shares(&w->key, w->dealing, member, &w->own[member], share, bad));
    partial_make(&w->key, height, w->g.seat[member].first, &share[0], &p->p[0]);
}

static void test_encodings(void **state) {
    const struct world *w = *state;
    struct buf b = {0};
    struct registration reg = {.epoch = 4, .since = 70};
    registration_make(&w->own[0], w->g.cell, w->g.seat[0].address, &reg);
    registration_encode(&reg, &b);
    assert_int_equal(b.n, 113);
    try_encoding(&b, again_registration);
    buf_clear(&b);
    dealing_encode(w->dealing[2], &b);
    assert_int_equal(b.n, 13 + 32 * (2 + 1 + 4) + 128);
    try_encoding(&b, again_dealing);
    buf_clear(&b);
    struct review v = {.serial = 9, .n = 2};
    complaint_make(&w->g, 0, &w->own[0], 1, w->dealing[1], &v.complaint[0]);
    complaint_make(&w->g, 0, &w->own[0], 3, w->dealing[3], &v.complaint[1]);
    review_encode(&v, &b);
    assert_int_equal(b.n, 11 + 2 * 98);
    try_encoding(&b, again_review);
    buf_clear(&b);
    v.complaint[1].dealer = 1; /* not ascending */
    review_encode(&v, &b);
    assert_false(again_review(buf_span(&b), &b));
    buf_clear(&b);
    struct partials p;
    partials_of(w, 1, 5, &p);
    partials_encode(&p, &b);
    assert_int_equal(b.n, 19 + 96);
    try_encoding(&b, again_partials);
    buf_clear(&b);
    again_cell = w->g.cell;
    generation_encode(&w->g, &b);
    try_encoding(&b, again_generation);
    buf_free(&b);
}

/* The group's order and everything above it is no scalar; the order less one is. */
static void test_scalars(void **state) {
    (void)state;
    struct scalar minus_one, zero = {{0}}, one = scalar_of(1);
    scalar_sub(&minus_one, &zero, &one);
    assert_true(scalar_canonical(minus_one.b));
    assert_true(scalar_canonical(zero.b));
    uint8_t above[32];
    memcpy(above, minus_one.b, 32);
    above[0]++; /* ...ec becomes ...ed: the order itself */
    assert_false(scalar_canonical(above));
    above[0]++;
    assert_false(scalar_canonical(above));
    memset(above, 0xff, 32);
    assert_false(scalar_canonical(above));
    memcpy(above, minus_one.b, 32);
    above[31] |= 0x80;
    assert_false(scalar_canonical(above));
}

/* ---- proofs ---- */

static void test_proofs_bind(void **state) {
    const struct world *w = *state;
    struct partials p;
    partials_of(w, 1, 5, &p);
    const uint16_t ticket = w->g.seat[1].first;
    struct point at, at_other;
    height_point(&w->key, 5, &at);
    height_point(&w->key, 6, &at_other);
    assert_true(partial_check(&w->key, 5, &at, ticket, &p.p[0]));
    /* Another height, ticket, key: no. */
    assert_false(partial_check(&w->key, 6, &at_other, ticket, &p.p[0]));
    assert_false(partial_check(&w->key, 6, &at, ticket, &p.p[0]));
    assert_false(partial_check(&w->key, 5, &at, (uint16_t)(ticket + 1), &p.p[0]));
    struct beacon_key other = w->key;
    other.g.cell[0] ^= 1;
    generation_finish(&other.g);
    key_identify(&other);
    assert_memory_not_equal(other.id, w->key.id, 32);
    assert_false(partial_check(&other, 5, &at, ticket, &p.p[0]));
    other = w->key;
    other.g.serial++;
    generation_finish(&other.g);
    key_identify(&other);
    assert_memory_not_equal(other.id, w->key.id, 32);
    assert_false(partial_check(&other, 5, &at, ticket, &p.p[0]));
    /* Another value with a proof that is right for the share: a value that is not share times the point. */
    struct partial lie = p.p[0];
    point_add(&lie.value, &lie.value, &at);
    assert_false(partial_check(&w->key, 5, &at, ticket, &lie));
    /* A proof about another share of the liar's own. */
    struct scalar mine = scalar_of(12345);
    partial_make(&w->key, 5, ticket, &mine, &lie);
    assert_false(partial_check(&w->key, 5, &at, ticket, &lie));
    lie = p.p[0];
    memset(&lie.proof.c, 0, sizeof(lie.proof.c));
    assert_false(partial_check(&w->key, 5, &at, ticket, &lie));
    lie = p.p[0];
    memset(&lie.proof.s, 0, sizeof(lie.proof.s));
    assert_false(partial_check(&w->key, 5, &at, ticket, &lie));
}

static void test_registration_binds(void **state) {
    const struct world *w = *state;
    struct registration r = {.epoch = 4, .since = 70};
    registration_make(&w->own[0], w->g.cell, w->g.seat[0].address, &r);
    assert_true(registration_check(&r, w->g.cell, w->g.seat[0].address));
    r.epoch++; /* for another committee */
    assert_false(registration_check(&r, w->g.cell, w->g.seat[0].address));
    r.epoch--;
    r.since++; /* after another registration */
    assert_false(registration_check(&r, w->g.cell, w->g.seat[0].address));
    r.since--;
    assert_false(registration_check(&r, w->g.cell, w->g.seat[1].address)); /* copied */
    uint8_t cell[32];
    memcpy(cell, w->g.cell, 32);
    cell[31] ^= 1;
    assert_false(registration_check(&r, cell, w->g.seat[0].address));
}

/* ---- dealings and complaints ---- */

static void test_dealing_is_repeatable_and_bound(void **state) {
    const struct world *w = *state;
    struct dealing *d = ws_alloc(sizeof(*d));
    dealing_make(&w->g, 1, w->secret[1], d);
    assert_memory_equal(d, w->dealing[1], sizeof(*d));
    assert_true(dealing_check(&w->g, 1, d));
    assert_false(dealing_check(&w->g, 2, d)); /* copied by another dealer */
    struct generation later = w->g;
    later.serial++;
    generation_finish(&later);
    assert_false(dealing_check(&later, 1, d));
    d->serial++;
    assert_false(dealing_check(&later, 1, d)); /* relabelled */
    dealing_make(&later, 1, w->secret[1], d);
    for (size_t k = 0; k < d->threshold; k++)
        assert_memory_not_equal(d->commitment[k].b, w->dealing[1]->commitment[k].b, 32);
    assert_memory_not_equal(d->ephemeral.b, w->dealing[1]->ephemeral.b, 32);
    /* Another constant that the dealer does not know the secret of: what would cancel the others. */
    *d = *w->dealing[1];
    point_add(&d->commitment[0], &d->commitment[0], &w->dealing[0]->commitment[0]);
    assert_false(dealing_check(&w->g, 1, d));
    /* An honest dealer's ephemeral key, to be told what it shares with a member: no. */
    *d = *w->dealing[1];
    d->ephemeral = w->dealing[0]->ephemeral;
    assert_false(dealing_check(&w->g, 1, d));
    free(d);
}

static void test_shares_fit(void **state) {
    const struct world *w = *state;
    for (size_t m = 0; m < N; m++) {
        struct scalar share[BEACON_TICKETS_MAX];
        bool bad[BEACON_MEMBERS_MAX];
        assert_true(key_shares(&w->key, w->dealing, m, &w->own[m], share, bad));
        struct point X;
        point_base(&X, &share[0]);
        assert_memory_equal(X.b, w->key.share[w->g.seat[m].first - 1].b, 32);
    }
}

static void test_complaints(void **state) {
    const struct world *w = *state;
    struct dealing *bad = ws_memdup(w->dealing[2], sizeof(*bad));
    struct scalar one = scalar_of(1);
    scalar_add(&bad->share[0], &bad->share[0], &one); /* member 0's */
    assert_true(dealing_check(&w->g, 2, bad));
    struct complaint c;
    complaint_make(&w->g, 0, &w->own[0], 2, bad, &c);
    assert_int_equal(complaint_judge(&w->g, 0, &c, bad), COMPLAINT_UPHELD);
    /* The others were given good shares: their complaints are false. */
    complaint_make(&w->g, 1, &w->own[1], 2, bad, &c);
    assert_int_equal(complaint_judge(&w->g, 1, &c, bad), COMPLAINT_FALSE);
    /* One member's complaint is not another's, about another dealer, or proof of anything when the point is made up. */
    complaint_make(&w->g, 0, &w->own[0], 2, bad, &c);
    assert_int_equal(complaint_judge(&w->g, 1, &c, bad), COMPLAINT_UNPROVEN);
    c.dealer = 3;
    assert_int_equal(complaint_judge(&w->g, 0, &c, w->dealing[3]), COMPLAINT_UNPROVEN);
    c.dealer = 2;
    point_add(&c.dh, &c.dh, &bad->ephemeral);
    assert_int_equal(complaint_judge(&w->g, 0, &c, bad), COMPLAINT_UNPROVEN);
    /* A complaint made with a key that is not the registered one. */
    complaint_make(&w->g, 0, &w->own[1], 2, bad, &c);
    assert_int_equal(complaint_judge(&w->g, 0, &c, bad), COMPLAINT_UNPROVEN);
    /* The member that assembles a key with it is told whose share is bad. */
    struct dealing *with[BEACON_MEMBERS_MAX] = {w->dealing[0], w->dealing[1], bad, w->dealing[3]};
    struct scalar share[BEACON_TICKETS_MAX];
    bool whose[BEACON_MEMBERS_MAX];
    assert_false(key_shares(&w->key, with, 0, &w->own[0], share, whose));
    assert_true(whose[2] && !whose[0] && !whose[1] && !whose[3]);
    free(bad);
}

/* Whatever the subset, the value is one; and a set one short of the threshold says nothing of it that a guess does not:
 * with any other last share it gives another value. */
static void test_one_value(void **state) {
    const struct world *w = *state;
    struct point value[N], combined, first;
    for (size_t m = 0; m < N; m++) {
        struct partials p;
        partials_of(w, m, 99, &p);
        value[m] = p.p[0].value;
    }
    bool any = false;
    for (unsigned a = 1; a <= N; a++)
        for (unsigned b = 1; b <= N; b++) {
            if (a == b)
                continue;
            const uint16_t tickets[2] = {(uint16_t)a, (uint16_t)b};
            const struct point values[2] = {value[a - 1], value[b - 1]};
            partials_combine(&w->key, tickets, values, &combined);
            if (!any)
                first = combined;
            any = true;
            assert_memory_equal(combined.b, first.b, 32);
            const struct point other[2] = {value[a - 1], value[a - 1]};
            partials_combine(&w->key, tickets, other, &combined);
            assert_memory_not_equal(combined.b, first.b, 32);
        }
    uint8_t r1[32], r2[32];
    randomness_of(&w->key, 99, &first, r1);
    randomness_of(&w->key, 98, &first, r2);
    assert_memory_not_equal(r1, r2, 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tickets_equal),
        cmocka_unit_test(test_tickets_of_any_powers),
        cmocka_unit_test(test_tickets_at_the_bounds),
        cmocka_unit_test(test_scalars),
        cmocka_unit_test_setup_teardown(test_encodings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_proofs_bind, setup, teardown),
        cmocka_unit_test_setup_teardown(test_registration_binds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dealing_is_repeatable_and_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shares_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_complaints, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_value, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The beacon against tests/vectors/beacon.txt, which an implementation with nothing in common with this one has made
 * (tests/vectors/beacon.py): keys, dealings, complaints, partial values and randomness, octet for octet. */
#include "ledger/beacon/body.h"
#include "tests/support/cm.h"

#include <stdio.h>

enum { WORDS_MAX = 80 };

struct vectors {
    struct generation g;
    size_t n, members; /* members read */
    uint64_t powers[BEACON_MEMBERS_MAX];
    uint8_t secret[BEACON_MEMBERS_MAX][BEACON_SECRET_OCTETS];
    uint16_t small;
    struct own_key own[BEACON_MEMBERS_MAX];
    struct dealing *dealing[BEACON_MEMBERS_MAX];
    struct dealing *spoilt;
    size_t dealings;
    struct beacon_key key;
    struct point value[BEACON_TICKETS_MAX]; /* of the height at hand, by ticket */
    bool has[BEACON_TICKETS_MAX];
    size_t lines, randomness;
};

static void drop_dealings(struct vectors *v) {
    for (size_t i = 0; i < v->dealings; i++)
        free(v->dealing[i]);
    v->dealings = 0;
}

static uint64_t number(const char *word) {
    return strtoull(word, NULL, 10);
}

static void expect_octets(const struct buf *is, const char *hex) {
    struct buf should = test_unhex(hex);
    assert_int_equal(is->n, should.n);
    assert_memory_equal(is->p, should.p, should.n);
    buf_free(&should);
}

static void on_cell(struct vectors *v, char *const *w) {
    drop_dealings(v);
    memset(&v->g, 0, sizeof(v->g));
    v->members = 0;
    assert_true(hex_decode(v->g.cell, 32, w[1]));
    v->n = v->g.n = number(w[2]);
    for (size_t i = 0; i < v->n; i++)
        v->powers[i] = v->g.seat[i].power = number(w[3 + i]);
}

static void on_tickets(struct vectors *v, char *const *w) {
    struct tickets t;
    beacon_tickets(v->powers, v->n, &t);
    for (size_t i = 0; i < v->n; i++)
        assert_int_equal(t.of[i], number(w[1 + i]));
}

static void on_numbers(struct vectors *v, char *const *w) {
    struct tickets t;
    beacon_tickets(v->powers, v->n, &t);
    assert_int_equal(t.total, number(w[1]));
    assert_int_equal(t.small, number(w[2]));
    assert_int_equal(t.threshold, number(w[3]));
}

static void on_member(struct vectors *v, char *const *w) {
    size_t i = v->members++;
    struct seat *s = &v->g.seat[i];
    assert_true(hex_decode(s->address, 32, w[1]) && hex_decode(v->secret[i], 32, w[2]));
    own_key_derive(v->secret[i], v->g.cell, s->address, &v->own[i]);
    s->registered = number(w[3]) == 1;
    if (s->registered)
        s->key = v->own[i].key;
}

static void on_registration(struct vectors *v, char *const *w) {
    size_t i = v->members - 1;
    struct registration r = {.epoch = number(w[1]), .since = number(w[2])}, again;
    struct buf b = {0};
    registration_make(&v->own[i], v->g.cell, v->g.seat[i].address, &r);
    registration_encode(&r, &b);
    expect_octets(&b, w[3]);
    assert_true(registration_decode(buf_span(&b), &again));
    assert_true(registration_check(&again, v->g.cell, v->g.seat[i].address));
    buf_free(&b);
}

static void on_generation(struct vectors *v, char *const *w) {
    v->g.serial = number(w[1]);
    generation_finish(&v->g);
    struct buf b = {0};
    buf_put(&b, v->g.context, 32);
    expect_octets(&b, w[2]);
    buf_free(&b);
}

static void on_dealing(struct vectors *v, char *const *w) {
    size_t i = v->dealings++;
    v->dealing[i] = ws_alloc(sizeof(struct dealing));
    dealing_make(&v->g, i, v->secret[i], v->dealing[i]);
    struct buf b = {0};
    dealing_encode(v->dealing[i], &b);
    expect_octets(&b, w[1]);
    assert_true(dealing_decode(buf_span(&b), v->dealing[i]));
    assert_true(dealing_check(&v->g, i, v->dealing[i]));
    buf_free(&b);
}

static void on_spoilt(struct vectors *v, char *const *w) {
    struct buf b = test_unhex(w[3]);
    assert_true(dealing_decode(buf_span(&b), v->spoilt));
    assert_true(
        dealing_check(&v->g, number(w[1]), v->spoilt)); /* nobody but member w[2] can see it */
    buf_free(&b);
}

static void on_complaint(struct vectors *v, char *const *w) {
    size_t member = number(w[1]), dealer = number(w[2]);
    struct review r = {.serial = v->g.serial, .n = 1}, again;
    complaint_make(&v->g, member, &v->own[member], dealer, v->spoilt, &r.complaint[0]);
    struct buf b = {0};
    review_encode(&r, &b);
    expect_octets(&b, w[3]);
    assert_true(review_decode(buf_span(&b), &again));
    assert_int_equal(
        complaint_judge(&v->g, member, &again.complaint[0], v->spoilt), COMPLAINT_UPHELD);
    /* The honest dealing has the same ephemeral key: the same complaint proves itself wrong. */
    assert_int_equal(
        complaint_judge(&v->g, member, &again.complaint[0], v->dealing[dealer]), COMPLAINT_FALSE);
    buf_free(&b);
}

static void on_key(struct vectors *v, char *const *w) {
    bool qualified[BEACON_MEMBERS_MAX] = {0};
    for (size_t i = 0; i < v->n; i++)
        qualified[i] = number(w[2 + i]) == 1;
    assert_true(key_assemble(&v->g, v->dealing, qualified, &v->key));
    struct buf b = {0};
    buf_put(&b, v->key.id, 32);
    expect_octets(&b, w[1]);
    buf_free(&b);
    memset(v->has, 0, sizeof(v->has));
}

static void on_partials(struct vectors *v, char *const *w) {
    uint64_t height = number(w[1]);
    size_t member = number(w[2]);
    const struct seat *s = &v->g.seat[member];
    struct scalar share[BEACON_TICKETS_MAX];
    bool bad[BEACON_MEMBERS_MAX];
    struct partials p = {.serial = v->g.serial, .height = height, .n = s->tickets};
    assert_true(key_shares(&v->key, v->dealing, member, &v->own[member], share, bad));
    struct point at;
    height_point(&v->key, height, &at);
    for (uint16_t i = 0; i < s->tickets; i++) {
        uint16_t ticket = (uint16_t)(s->first + i);
        partial_make(&v->key, height, ticket, &share[i], &p.p[i]);
        assert_true(partial_check(&v->key, height, &at, ticket, &p.p[i]));
        v->value[ticket - 1] = p.p[i].value;
        v->has[ticket - 1] = true;
    }
    struct buf b = {0};
    partials_encode(&p, &b);
    expect_octets(&b, w[3]);
    buf_free(&b);
}

/* Every subset of `threshold` tickets gives the one value. */
static void on_randomness(struct vectors *v, char *const *w) {
    uint64_t height = number(w[1]);
    size_t subsets = 0;
    for (uint32_t bits = 0; bits < 1U << v->g.total; bits++) {
        uint16_t tickets[BEACON_TICKETS_MAX];
        struct point values[BEACON_TICKETS_MAX], value;
        size_t n = 0;
        bool all = true;
        for (uint16_t j = 0; j < v->g.total; j++) {
            if ((bits >> j & 1) == 0)
                continue;
            all = all && v->has[j];
            tickets[n] = (uint16_t)(j + 1);
            values[n++] = v->value[j];
        }
        if (!all || n != v->g.threshold)
            continue;
        partials_combine(&v->key, tickets, values, &value);
        struct buf b = {0};
        randomness_of(&v->key, height, &value, buf_grow(&b, 32));
        expect_octets(&b, w[2]);
        buf_free(&b);
        subsets++;
    }
    assert_true(subsets > 1);
    v->randomness++;
    memset(v->has, 0, sizeof(v->has));
}

static const struct {
    const char *name;
    void (*take)(struct vectors *v, char *const *w);
} takers[] = {
    {"cell", on_cell},
    {"tickets", on_tickets},
    {"numbers", on_numbers},
    {"member", on_member},
    {"registration", on_registration},
    {"generation", on_generation},
    {"dealing", on_dealing},
    {"spoilt", on_spoilt},
    {"complaint", on_complaint},
    {"key", on_key},
    {"partials", on_partials},
    {"randomness", on_randomness},
};

static void take_line(struct vectors *v, char *line) {
    char *words[WORDS_MAX] = {0}, *rest = NULL;
    size_t n = 0;
    for (char *w = strtok_r(line, " \n", &rest); w != NULL; w = strtok_r(NULL, " \n", &rest)) {
        assert_true(n < WORDS_MAX - 1);
        words[n++] = w;
    }
    if (n == 0 || words[0][0] == '#')
        return;
    for (size_t i = 0; i < ARRAY_LEN(takers); i++)
        if (strcmp(takers[i].name, words[0]) == 0) {
            takers[i].take(v, words);
            v->lines++;
            return;
        }
    fail_msg("unknown line %s", words[0]);
}

static void test_vectors(void **state) {
    (void)state;
    FILE *f = fopen("tests/vectors/beacon.txt", "re");
    assert_non_null(f);
    struct vectors *v = ws_alloc(sizeof(*v));
    v->spoilt = ws_alloc(sizeof(*v->spoilt));
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, f) > 0)
        take_line(v, line);
    assert_int_equal(v->lines, 54);
    assert_int_equal(v->randomness, 3);
    free(line);
    (void)fclose(f);
    drop_dealings(v);
    free(v->spoilt);
    free(v);
}

/* RFC 9496, A.1: small multiples of the generator; A.2: octets that are no encoding; A.3: the one-way map. */
static void test_published(void **state) {
    (void)state;
    static const char *const multiples[] = {
        "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
        "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
        "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
    };
    struct point sum = {{0}}, base, p;
    const struct scalar one = scalar_of(1);
    point_base(&base, &one);
    for (size_t i = 0; i < ARRAY_LEN(multiples); i++) {
        point_add(&sum, &sum, &base);
        struct scalar s = scalar_of(i + 1);
        point_mul(&p, &s, &base);
        assert_memory_equal(p.b, sum.b, 32);
        char hex[65];
        hex_encode(hex, p.b, 32);
        assert_string_equal(hex, multiples[i]);
    }
    static const char *const refused[] = {
        "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", /* not below p */
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p + something */
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p */
        "0100000000000000000000000000000000000000000000000000000000000000", /* negative */
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371", /* no square */
        "0000000000000000000000000000000000000000000000000000000000000000", /* identity: ours */
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct buf b = test_unhex(refused[i]);
        struct rd r = rd_of(buf_span(&b));
        point_read(&r, &p);
        assert_true(r.bad);
        buf_free(&b);
    }
    struct buf wide =
        test_unhex("5d1be09e3d0c82fc538112490e35701979d99e06ca3e2b5b54bffe8b4dc772c1"
                   "4d98b696a1bbfb5ca32c436cc61c16563790306c79eaca7705668b47dffe5bb6");
    assert_int_equal(crypto_core_ristretto255_from_hash(p.b, wide.p), 0);
    buf_free(&wide);
    char hex[65];
    hex_encode(hex, p.b, 32);
    assert_string_equal(hex, "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

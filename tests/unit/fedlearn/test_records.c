/* Bodies of learning on the ledger: what is written is read back the same; every cut, every longer body and every octet that breaks a
 * rule is refused, and what a decoder accepts is encoded to the same octets. */
#include "base/mem.h"
#include "base/random.h"
#include "fedlearn/round/rounds.h"
#include "fedlearn/vehicle/profile.h"
#include "tests/support/cm.h"

#include <stdlib.h>

/* Encodes again what was decoded; false when it is refused. */
typedef bool (*again_fn)(struct span octets, struct buf *b);

#define AGAIN(name, type, decode, encode)                                                          \
    static bool name(struct span octets, struct buf *b) {                                          \
        __typeof__(type) *v = ws_alloc(sizeof(*v));                                                \
        bool good = decode(octets, v);                                                             \
        if (good)                                                                                  \
            encode(v, b);                                                                          \
        free(v);                                                                                   \
        return good;                                                                               \
    }
AGAIN(submit_again, struct fl_submit, fl_submit_decode, fl_submit_encode)
AGAIN(key_again, struct fl_key_record, fl_key_record_decode, fl_key_record_encode)
AGAIN(attest_again, struct fl_attest, fl_attest_decode, fl_attest_encode)
AGAIN(complaint_again, struct fl_complaint_record, fl_complaint_record_decode,
    fl_complaint_record_encode)
AGAIN(shares_again, struct fl_shares_record, fl_shares_record_decode, fl_shares_record_encode)
AGAIN(outcome_again, struct fl_outcome, fl_outcome_decode, fl_outcome_encode)
AGAIN(model_again, struct fl_model_order, fl_model_order_decode, fl_model_order_encode)
AGAIN(open_again, struct fl_open, fl_open_decode, fl_open_encode)

/* One form each: whatever is accepted comes out as it went in. */
static bool canonical(again_fn again, const struct buf *b) {
    struct buf out = {0};
    bool good = again(buf_span(b), &out);
    if (good) {
        assert_int_equal(out.n, b->n);
        assert_memory_equal(out.p, b->p, b->n);
    }
    buf_free(&out);
    return good;
}

static void attack(again_fn again, struct buf *b) {
    assert_true(canonical(again, b));
    size_t n = b->n;
    size_t stride = n > 600 ? 37 : 1; /* long lists of the same */
    for (size_t cut = 0; cut < n; cut += cut < 300 ? 1 : stride) {
        struct buf shorter = {.p = b->p, .n = cut};
        assert_false(canonical(again, &shorter));
    }
    buf_u8(b, 0);
    assert_false(canonical(again, b));
    b->n = n;
    for (size_t at = 0; at < n; at += at < 300 ? 1 : stride) {
        for (unsigned bit = 0; bit < 8; bit++) {
            b->p[at] ^= (uint8_t)(1U << bit);
            (void)canonical(again, b);
            b->p[at] ^= (uint8_t)(1U << bit);
        }
    }
    b->p[0] ^= 3; /* another version */
    assert_false(canonical(again, b));
    buf_free(b);
}

static void submission(void **state) {
    (void)state;
    struct fl_submit s = {.round = 7,
        .profile = FL_COMPACT,
        .params = FL_MAX_PARAMS,
        .id = {1, 2},
        .upload_key = {3}};
    struct buf b = {0};
    fl_submit_encode(&s, &b);
    assert_int_equal(b.n, 78);
    attack(submit_again, &b);
    s.params = 0;
    fl_submit_encode(&s, &b);
    assert_false(canonical(submit_again, &b));
    buf_clear(&b);
    s = (struct fl_submit){.params = 1, .profile = FL_HPK_FIRST};
    fl_submit_encode(&s, &b);
    assert_false(canonical(submit_again, &b));
    buf_free(&b);
}

static void key(void **state) {
    (void)state;
    const uint8_t secret[FL_SECRET_OCTETS] = {1};
    const uint8_t cell[32] = {2};
    const uint8_t address[32] = {3};
    struct fl_reader *r = fl_reader_new(secret);
    struct fl_key_record k = {.serial = 1};
    struct buf b = {0};
    fl_reader_public(r, &k.key);
    fl_key_prove(r, cell, address, 1, &k.proof);
    fl_key_record_encode(&k, &b);
    assert_int_equal(b.n, 105);
    attack(key_again, &b);
    fl_reader_free(r);
}

static void attest(void **state) {
    (void)state;
    const uint8_t bits[] = {0xff, 0x80};
    struct fl_attest a = {.round = 1, .n = 9, .bits = span_of(bits, 2)};
    struct buf b = {0};
    fl_attest_encode(&a, &b);
    struct fl_attest back;
    assert_true(fl_attest_decode(buf_span(&b), &back));
    assert_true(fl_attest_has(&back, 0) && fl_attest_has(&back, 8));
    b.p[b.n - 1] = 0x81; /* a bit behind the last submission */
    assert_false(canonical(attest_again, &b));
    b.p[b.n - 1] = 0x80;
    attack(attest_again, &b);
    a = (struct fl_attest){.round = 1, .n = 0, .bits = span_of("", 0)};
    fl_attest_encode(&a, &b);
    assert_true(canonical(attest_again, &b));
    put_be32(b.p + 9, FL_SUBMISSIONS_MAX + 8);
    assert_false(canonical(attest_again, &b));
    buf_free(&b);
}

static void complaint(void **state) {
    (void)state;
    uint8_t octets[FL_COMPLAINT_OCTETS] = {1};
    struct fl_complaint_record c = {.round = 3,
        .submission = 4,
        .complaint = span_of(octets, sizeof(octets)),
        .cover = span_of("cover", 5),
        .bundle = span_of("bundle", 6)};
    struct buf b = {0};
    fl_complaint_record_encode(&c, &b);
    attack(complaint_again, &b);
    c.submission = FL_SUBMISSIONS_MAX;
    fl_complaint_record_encode(&c, &b);
    assert_false(canonical(complaint_again, &b));
    buf_free(&b);
}

static void shares(void **state) {
    (void)state;
    static uint8_t sums[2 * FL_SUM_OCTETS];
    struct fl_shares_record s = {
        .round = 3, .first = FL_MAX_GROUPS - 2, .n = 2, .sums = span_of(sums, sizeof(sums))};
    struct buf b = {0};
    fl_shares_record_encode(&s, &b);
    attack(shares_again, &b);
    s.first++;
    fl_shares_record_encode(&s, &b);
    assert_false(canonical(shares_again, &b));
    buf_free(&b);
}

static struct fl_outcome *some_outcome(void) {
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    o->round = 5;
    o->n_groups = 3;
    o->group[0].clipped = true;
    o->group[1].verdict = FL_DISTANT;
    o->group[2].residual = 77;
    o->step = true;
    o->accepted = 2;
    o->vehicles = 16;
    o->classes = 2;
    o->before[3] = 9;
    o->n_changes = 3;
    o->change[0] = (struct fl_change){4, -5, 5};
    o->change[1] = (struct fl_change){2, 7, 0};
    o->change[2] = (struct fl_change){3, 0, 7};
    return o;
}

static bool outcome_good(const struct fl_outcome *o) {
    struct buf b = {0};
    fl_outcome_encode(o, &b);
    bool good = canonical(outcome_again, &b);
    buf_free(&b);
    return good;
}

static void outcome(void **state) {
    (void)state;
    struct fl_outcome *o = some_outcome();
    struct buf b = {0};
    fl_outcome_encode(o, &b);
    attack(outcome_again, &b);
    o->vetoed = true;
    assert_true(outcome_good(o));
    o->step = false;
    assert_false(outcome_good(o)); /* a veto of nothing */
    o->step = true;
    o->accepted = 4;
    assert_false(outcome_good(o)); /* of three */
    o->accepted = 2;
    o->group[1].clipped = true;
    assert_false(outcome_good(o)); /* what is thrown out is not clipped */
    o->group[1].clipped = false;
    struct fl_change c = o->change[1];
    o->change[1] = o->change[2];
    o->change[2] = c;
    assert_false(outcome_good(o)); /* order */
    o->change[2] = o->change[1];
    assert_false(outcome_good(o)); /* twice */
    o->n_changes = 1;
    o->change[0].after = FL_PARAM_MAX + 1;
    assert_false(outcome_good(o));
    o->change[0].after = o->change[0].before;
    assert_false(outcome_good(o)); /* no change */
    free(o);
}

static void model(void **state) {
    (void)state;
    struct fl_model_order m = {.name = "risk-14", .params = 612, .classes = 4, .hash = {1}};
    struct buf b = {0};
    fl_model_order_encode(&m, &b);
    assert_false(canonical(model_again, &b)); /* classes of no root set */
    buf_clear(&b);
    m.root_set[31] = 1;
    fl_model_order_encode(&m, &b);
    attack(model_again, &b);
    static const char *const bad[] = {"", "-risk", "Risk", "risk 14", "r\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)snprintf(m.name, sizeof(m.name), "%s", bad[i]);
        fl_model_order_encode(&m, &b);
        assert_false(canonical(model_again, &b));
        buf_clear(&b);
    }
    buf_free(&b);
}

static void open_record(void **state) {
    (void)state;
    struct fl_open *o = ws_alloc(sizeof(*o));
    const uint8_t secret[FL_SECRET_OCTETS] = {1};
    struct fl_reader *r = fl_reader_new(secret);
    struct buf b = {0};
    *o = (struct fl_open){.round = 1,
        .model = "risk",
        .params = 612,
        .classes = 3,
        .best = {7, 0, UINT32_MAX},
        .n = 4,
        .config = {.scale = {.clip = 3 << 19, .clip_inf = 1 << 18},
            .rules = FL_RULES_DEFAULT,
            .suspicion = FL_SUSPICION_DEFAULT,
            .group_min = 8,
            .group = 16,
            .submissions_max = 100,
            .submit_us = 1,
            .attest_us = 1,
            .open_us = 1,
            .judge_us = 1,
            .epoch_us = 1}};
    assert_int_equal(fl_profile_by_octet(FL_STANDARD, &o->config.profile, NULL), WS_OK);
    for (size_t i = 0; i < o->n; i++)
        fl_reader_public(r, &o->seat[i].key);
    fl_open_encode(o, &b);
    attack(open_again, &b);
    uint8_t seed[2][32];
    fl_round_seed(o, (const uint8_t[32]){1}, seed[0]);
    o->round = 2;
    fl_round_seed(o, (const uint8_t[32]){1}, seed[1]);
    assert_memory_not_equal(seed[0], seed[1], 32);
    /* Whatever is in it, a vehicle has room for it. */
    o->classes = FL_MAX_CLASSES;
    o->n = FL_VALIDATORS_MAX;
    memset(o->model, 'a', sizeof(o->model) - 1);
    for (size_t i = 0; i < o->n; i++)
        fl_reader_public(r, &o->seat[i].key);
    buf_clear(&b);
    fl_open_encode(o, &b);
    assert_true(b.n <= FL_OPEN_OCTETS_MAX);
    assert_true(fl_open_decode(buf_span(&b), o));
    assert_int_equal(o->classes, FL_MAX_CLASSES);
    buf_free(&b);
    fl_reader_free(r);
    free(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(submission),
        cmocka_unit_test(key),
        cmocka_unit_test(attest),
        cmocka_unit_test(complaint),
        cmocka_unit_test(shares),
        cmocka_unit_test(outcome),
        cmocka_unit_test(model),
        cmocka_unit_test(open_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

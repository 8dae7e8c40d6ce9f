/* The datagrams of an upload: one form each, every octet of what is sealed or signed counts, and no answer is longer than what it
 * answers to. */
#include "tests/unit/fedlearn/upload_rig.h"

#include <stdlib.h>

static struct fl_upload_pair vehicle, unit;
static struct fl_upload_keys keys;
static const uint8_t cell[32] = {1};
static uint8_t name[32];

static int setup(void **state) {
    (void)state;
    struct ws_random random = ws_random_seeded(7);
    struct fl_upload_keys same;
    const uint8_t id[32] = {2};
    fl_upload_draw(&random, &vehicle);
    fl_upload_draw(&random, &unit);
    fl_upload_name(cell, id, vehicle.public, name);
    assert_true(fl_upload_agree(&vehicle, unit.public, false, cell, name, &keys));
    assert_true(fl_upload_agree(&unit, vehicle.public, true, cell, name, &same));
    assert_memory_equal(&keys, &same, sizeof(keys));
    assert_memory_not_equal(keys.up, keys.down, 32);
    return 0;
}

/* Reads the octets, writes them again, and says whether they are the same; false: refused. */
typedef bool (*again_fn)(struct span octets, uint8_t *ret_octets, size_t *ret_n);

static bool again(again_fn fn, struct span octets) {
    uint8_t out[FL_UPLOAD_DATAGRAM_MAX];
    size_t n = 0;
    uint8_t *copy = malloc(octets.n == 0 ? 1 : octets.n);
    assert_non_null(copy);
    memcpy(copy, octets.p, octets.n);
    const bool read = fn(span_of(copy, octets.n), out, &n);
    free(copy);
    if (!read)
        return false;
    assert_int_equal(n, octets.n);
    assert_memory_equal(out, octets.p, n);
    return true;
}

/* Every cut is refused, one octet more too; flips: all are refused when every octet is sealed or signed, else what is read has one
 * form. */
static void attack(again_fn fn, const uint8_t *octets, size_t n, bool sealed) {
    uint8_t copy[FL_UPLOAD_DATAGRAM_MAX + 1];
    assert_true(again(fn, span_of(octets, n)));
    memcpy(copy, octets, n);
    copy[n] = 0;
    assert_false(again(fn, span_of(copy, n + 1)));
    for (size_t k = 0; k < n; k++)
        assert_false(again(fn, span_of(octets, k)));
    for (size_t i = 0; i < n * 8; i++) {
        copy[i / 8] ^= (uint8_t)(1U << i % 8);
        const bool read = again(fn, span_of(copy, n));
        /* The name says which keys are tried; it is sealed, too. */
        assert_false(read && (sealed || i / 8 < 2));
        copy[i / 8] ^= (uint8_t)(1U << i % 8);
    }
}

static bool ask_again(struct span octets, uint8_t *ret, size_t *ret_n) {
    struct fl_upload_ask a;
    if (!fl_upload_ask_read(octets, &a))
        return false;
    fl_upload_ask_put(&a, ret);
    *ret_n = FL_UPLOAD_REQUEST_OCTETS;
    return true;
}
static bool welcome_again(struct span octets, uint8_t *ret, size_t *ret_n) {
    struct fl_upload_welcome w;
    if (!fl_upload_welcome_read(octets, &w))
        return false;
    fl_upload_welcome_put(&w, ret);
    *ret_n = FL_UPLOAD_WELCOME_OCTETS;
    return true;
}
static bool refusal_again(struct span octets, uint8_t *ret, size_t *ret_n) {
    struct fl_upload_refusal r;
    if (!fl_upload_refusal_read(octets, &r))
        return false;
    fl_upload_refusal_put(&r, ret);
    *ret_n = FL_UPLOAD_REFUSAL_OCTETS;
    return true;
}
static bool denial_again(struct span octets, uint8_t *ret, size_t *ret_n) {
    struct fl_upload_refusal r;
    if (!fl_upload_denial_read(octets, &keys, &r))
        return false;
    fl_upload_denial_put(&r, &keys, ret);
    *ret_n = FL_UPLOAD_DENIAL_OCTETS;
    return true;
}
static bool probe_again(struct span octets, uint8_t *ret, size_t *ret_n) {
    uint64_t number = 0;
    if (!fl_upload_probe_read(octets, &keys, &number))
        return false;
    fl_upload_probe_put(name, number, &keys, ret);
    *ret_n = FL_UPLOAD_REQUEST_OCTETS;
    return true;
}
static bool have_again(struct span octets, uint8_t *ret, size_t *ret_n) {
    struct fl_upload_have h;
    if (!fl_upload_have_read(octets, &keys, &h))
        return false;
    *ret_n = fl_upload_have_put(&h, &keys, ret);
    return true;
}
static const struct fl_upload_shape shape = {500, 700, 2100};
static bool part_again(struct span octets, uint8_t *ret, size_t *ret_n) {
    uint32_t index = 0;
    size_t n = 0;
    uint8_t piece[FL_UPLOAD_PIECE];
    if (!fl_upload_part_peek(octets, &shape, &index, &n) ||
        !fl_upload_part_open(octets, &keys, piece))
        return false;
    *ret_n = fl_upload_part_put(name, index, span_of(piece, n), &keys, ret);
    return true;
}
static bool receipt_again(struct span octets, uint8_t *ret, size_t *ret_n) {
    struct fl_receipt r;
    if (!fl_upload_receipt_read(octets, &r))
        return false;
    fl_upload_receipt_put(octets.p + 2, be64(octets.p + FL_UPLOAD_HEAD), &r, ret);
    *ret_n = FL_UPLOAD_RECEIPT_OCTETS;
    return true;
}

static void in_the_clear(void **state) {
    (void)state;
    uint8_t o[FL_UPLOAD_DATAGRAM_MAX];
    struct fl_upload_ask a = {.nonce = 77, .length = 12345};
    memcpy(a.name, name, 32);
    fl_upload_ask_put(&a, o);
    attack(ask_again, o, FL_UPLOAD_REQUEST_OCTETS, false);
    struct fl_upload_welcome w = {.nonce = 77, .unit = {.alg = 1, .since_us = 5}};
    memcpy(w.name, name, 32);
    fl_upload_welcome_put(&w, o);
    attack(welcome_again, o, FL_UPLOAD_WELCOME_OCTETS, false);
    for (unsigned k = 1; k < FL_UPLOAD_REASON_COUNT; k++) {
        struct fl_upload_refusal r = {
            .nonce = 77, .reason = (enum fl_upload_reason)k, .wait_ms = 1000};
        memcpy(r.name, name, 32);
        fl_upload_refusal_put(&r, o);
        attack(refusal_again, o, FL_UPLOAD_REFUSAL_OCTETS, false);
        o[FL_UPLOAD_HEAD + 8] = 0;
        assert_false(again(refusal_again, span_of(o, FL_UPLOAD_REFUSAL_OCTETS)));
        o[FL_UPLOAD_HEAD + 8] = FL_UPLOAD_REASON_COUNT;
        assert_false(again(refusal_again, span_of(o, FL_UPLOAD_REFUSAL_OCTETS)));
    }
    struct fl_receipt r = {.round = 3, .octets = 9, .time_us = 1, .deadline_us = 2, .alg = 1};
    fl_upload_receipt_put(name, 77, &r, o);
    attack(receipt_again, o, FL_UPLOAD_RECEIPT_OCTETS, false);
}

static void sealed(void **state) {
    (void)state;
    uint8_t o[FL_UPLOAD_DATAGRAM_MAX];
    fl_upload_probe_put(name, 9, &keys, o);
    attack(probe_again, o, FL_UPLOAD_REQUEST_OCTETS, true);
    struct fl_upload_refusal r = {.nonce = 4, .reason = FL_UPLOAD_NO_ROOM, .wait_ms = 1000};
    memcpy(r.name, name, 32);
    fl_upload_denial_put(&r, &keys, o);
    attack(denial_again, o, FL_UPLOAD_DENIAL_OCTETS, true);
    struct fl_upload_have h = {.number = 5, .probe = 9, .first = 3};
    memcpy(h.name, name, 32);
    for (size_t k = 0; k < FL_UPLOAD_WINDOW; k += 7) {
        const size_t n = fl_upload_have_put(&h, &keys, o);
        if (k % 350 == 0)
            attack(have_again, o, n, true);
        else
            assert_true(again(have_again, span_of(o, n)));
        assert_true(n <= FL_UPLOAD_REQUEST_OCTETS);
        h.bits[k / 8] = (uint8_t)(h.bits[k / 8] | 0x80U >> k % 8);
        h.number++;
    }
    uint8_t piece[FL_UPLOAD_PIECE];
    for (uint32_t i = 0; i < fl_upload_pieces(&shape); i++) {
        size_t at = 0;
        const size_t n = fl_upload_piece(&shape, i, &at);
        memset(piece, (int)i, sizeof(piece));
        attack(part_again, o, fl_upload_part_put(name, i, span_of(piece, n), &keys, o), true);
    }
}

/* Under one pair of keys, and only there; a part does not open as another, nor under the keys of the other way. */
static void seals_hold(void **state) {
    (void)state;
    struct ws_random random = ws_random_seeded(8);
    struct fl_upload_pair third;
    struct fl_upload_keys other, turned = keys;
    uint8_t o[FL_UPLOAD_DATAGRAM_MAX], piece[FL_UPLOAD_PIECE] = {0};
    const uint8_t cell2[32] = {2};
    uint64_t number = 0;
    fl_upload_probe_put(name, 1, &keys, o);
    fl_upload_draw(&random, &third);
    assert_true(fl_upload_agree(&third, unit.public, false, cell, name, &other));
    assert_false(fl_upload_probe_read(span_of(o, FL_UPLOAD_REQUEST_OCTETS), &other, &number));
    assert_true(fl_upload_agree(&vehicle, unit.public, false, cell2, name, &other));
    assert_false(fl_upload_probe_read(span_of(o, FL_UPLOAD_REQUEST_OCTETS), &other, &number));
    memcpy(turned.up, keys.down, 32);
    assert_false(fl_upload_probe_read(span_of(o, FL_UPLOAD_REQUEST_OCTETS), &turned, &number));
    assert_true(fl_upload_probe_read(span_of(o, FL_UPLOAD_REQUEST_OCTETS), &keys, &number));
    const uint8_t small[32] = {0}; /* of order one: the shared point would be known to all */
    assert_false(fl_upload_agree(&vehicle, small, false, cell, name, &other));
    const size_t n = fl_upload_part_put(name, 0, span_of(piece, 1024), &keys, o);
    o[FL_UPLOAD_HEAD + 3] = 2;
    assert_false(fl_upload_part_open(span_of(o, n), &keys, piece));
}

static void pieces_cover_everything_once(void **state) {
    (void)state;
    const struct fl_upload_shape shapes[] = {{500, 700, 2100}, {1, 1, 1}, {1024, 1024, 1024},
        {1023, 1, 1025}, {FL_COVER_OCTETS_MAX, FL_BUNDLES_OCTETS_MAX, FL_CIPHERTEXT_MAX}};
    for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
        const uint32_t n = fl_upload_pieces(&shapes[k]);
        const size_t head = shapes[k].cover + shapes[k].bundles;
        size_t end = 0;
        assert_true(n <= FL_UPLOAD_PIECES_MAX);
        for (uint32_t i = 0; i < n; i++) {
            size_t at = 0;
            const size_t octets = fl_upload_piece(&shapes[k], i, &at);
            assert_int_equal(at, end);
            assert_true(octets > 0 && octets <= FL_UPLOAD_PIECE);
            assert_true(at < head || (at - head) % FL_LEAF_OCTETS == 0);
            assert_true(at >= head || at + octets <= head);
            end += octets;
        }
        assert_int_equal(end, fl_upload_length(&shapes[k]));
    }
}

static void signatures(void **state) {
    (void)state;
    struct upload_world w;
    upload_world_open(&w, 1);
    struct fl_unit_key k = {.alg = 1, .since_us = 1000 * FL_UPLOAD_KEY_US};
    uint8_t o[FL_UNIT_KEY_SIGNED], ro[FL_RECEIPT_SIGNED];
    memcpy(k.signer, w.unit[2].signer, 32);
    fl_unit_key_signed(w.round.cell, &k, o);
    upload_sign(&w.unit[2], span_of(o, sizeof(o)), k.signature);
    assert_true(fl_unit_key_check(&k, &w.round, k.since_us));
    assert_true(fl_unit_key_check(&k, &w.round, k.since_us + FL_UPLOAD_KEY_US));
    assert_true(fl_unit_key_check(&k, &w.round, k.since_us - FL_UPLOAD_SKEW_US));
    assert_false(fl_unit_key_check(&k, &w.round, k.since_us - FL_UPLOAD_SKEW_US - 1));
    assert_false(
        fl_unit_key_check(&k, &w.round, k.since_us + FL_UPLOAD_KEY_US + FL_UPLOAD_SKEW_US + 1));
    struct fl_receipt r = {.round = 3, .octets = 9, .alg = 1};
    memcpy(r.signer, w.unit[1].signer, 32);
    fl_receipt_signed(w.round.cell, &r, ro);
    upload_sign(&w.unit[1], span_of(ro, sizeof(ro)), r.signature);
    assert_true(fl_receipt_check(&r, &w.round));
    for (size_t i = 0; i < 60 + 8; i++) { /* every field of it is signed */
        struct fl_receipt x = r;
        x.round += i == 0;
        x.id[i % 32] ^= i > 0 && i <= 32;
        x.octets += i == 33;
        x.time_us += i == 34;
        x.deadline_us += i == 35;
        x.signature[i % 64] ^= i > 35;
        assert_int_equal(fl_receipt_check(&x, &w.round), false);
    }
    r.alg = 2;
    assert_false(fl_receipt_check(&r, &w.round));
    r.alg = 1;
    w.round.seat[1].address[0] ^= 1; /* signed well, by somebody who is no member */
    assert_false(fl_receipt_check(&r, &w.round));
    w.round.cell[0] ^= 1;
    assert_false(fl_unit_key_check(&k, &w.round, k.since_us));
    upload_world_close(&w);
}

static void materials_are_checked(void **state) {
    (void)state;
    struct upload_world w;
    struct upload_vehicle *v = calloc(1, sizeof(*v));
    struct fl_submission *s = calloc(1, sizeof(*s));
    assert_true(v != NULL && s != NULL);
    upload_world_open(&w, 2);
    upload_vehicle_make(&w, v, 5000);
    struct fl_material m = v->material;
    const uint8_t *id = v->submission.id;
    assert_int_equal(m.bundles.n, fl_bundle_offset(&v->submission.plan, UPLOAD_UNITS + 1U));
    assert_int_equal(fl_material_check(&w.round, v->token, id, &m, s), FL_MATERIAL_GOOD);
    assert_true(fl_material_fits(w.round.cell, &s->cover, m.bundles, m.wire));
    uint8_t other[32] = {1};
    assert_int_equal(fl_material_check(&w.round, v->token, other, &m, s), FL_MATERIAL_OTHER_ID);
    assert_int_equal(fl_material_check(&w.round, other, id, &m, s), FL_MATERIAL_NOT_ACCEPTED);
    v->wire.p[4999] ^= 1;
    assert_int_equal(fl_material_check(&w.round, v->token, id, &m, s), FL_MATERIAL_NOT_WHOLE);
    v->wire.p[4999] ^= 1;
    v->bundles[m.bundles.n - 1] ^= 1;
    assert_int_equal(fl_material_check(&w.round, v->token, id, &m, s), FL_MATERIAL_NOT_WHOLE);
    v->bundles[m.bundles.n - 1] ^= 1;
    m.wire.n--;
    assert_int_equal(fl_material_check(&w.round, v->token, id, &m, s), FL_MATERIAL_NOT_WHOLE);
    m = v->material;
    m.cover.n--;
    assert_int_equal(fl_material_check(&w.round, v->token, id, &m, s), FL_MATERIAL_UNREADABLE);
    upload_vehicle_free(v);
    upload_world_close(&w);
    free(s);
    free(v);
}

static void no_answer_is_longer(void **state) {
    (void)state;
    assert_true(FL_UPLOAD_WELCOME_OCTETS <= FL_UPLOAD_REQUEST_OCTETS);
    assert_true(FL_UPLOAD_REFUSAL_OCTETS <= FL_UPLOAD_REQUEST_OCTETS);
    assert_true(FL_UPLOAD_RECEIPT_OCTETS <= FL_UPLOAD_REQUEST_OCTETS);
    assert_true(FL_UPLOAD_HAVE_OCTETS_MAX <= FL_UPLOAD_REQUEST_OCTETS);
    assert_true(FL_UPLOAD_DENIAL_OCTETS <= FL_UPLOAD_REQUEST_OCTETS);
    assert_true(FL_UPLOAD_PART_OCTETS_MAX <= FL_UPLOAD_DATAGRAM_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_the_clear),
        cmocka_unit_test(sealed),
        cmocka_unit_test(seals_hold),
        cmocka_unit_test(pieces_cover_everything_once),
        cmocka_unit_test(signatures),
        cmocka_unit_test(materials_are_checked),
        cmocka_unit_test(no_answer_is_longer),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

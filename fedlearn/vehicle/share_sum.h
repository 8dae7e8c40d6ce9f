/* Sums of shares over a group, and what comes out of the validators' sums: the group's sum of keys, and who lied.
 *
 * What is published is n sums of 2048 values, one for each validator v: the values at v of 2048 polynomials of degree
 * f, whose values at 0 are the sum of keys. A validator lied when its sum differs from theirs anywhere. Decoding answers
 * DONE only when at least 2f + 1 sums lie on one set of polynomials: f + 1 of those come from honest validators, so the
 * polynomials are the right ones and everybody else lied. With e liars among m sums that needs m >= 2f + 1 + e; the
 * honest ones alone are always enough, whatever the others send. (f + 1 + 2e sums decode uniquely too, but there f liars
 * and f honest sums can look like one liar: the blamed would be innocent.) With more than f liars nothing is promised
 * here; the residual test of the group's ciphertexts is.
 *
 * Sums are public. All of this is pure, allocates nothing, and may run in any thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_SHARE_SUM_H
#define WAYSIDE_FEDLEARN_VEHICLE_SHARE_SUM_H

#include "base/bytes.h"
#include "base/error.h"
#include "fedlearn/vehicle/share.h"

#define FL_SUM_OCTETS (FL_KEY_VALUES / 2 * 3) /* 3072 */
#define FL_WEIGHT_MAX 4096 /* of a group */

/* Zeroed is the empty sum. The masks of the shares are not added: they are never opened. */
struct fl_share_sum {
    uint16_t v[FL_KEY_VALUES];
};
/* weight: of this vehicle, 1..FL_WEIGHT_MAX (asserted). */
void fl_share_sum_add(
    struct fl_share_sum *s, const uint16_t share[static FL_SHARE_VALUES], unsigned weight);
void fl_share_sum_put(const struct fl_share_sum *s, uint8_t ret_octets[static FL_SUM_OCTETS]);
/* Sticky like every read: r->bad when too short or a value is out of the field. */
void fl_share_sum_read(struct rd *r, struct fl_share_sum *ret_sum);

enum fl_decode_state {
    FL_DECODE_DONE,
    FL_DECODE_WAIT, /* too few sums agree so far; one more validator may change that */
    FL_DECODE_FAILED, /* all n are there and fewer than 2f + 1 agree: more than f lied */
};
struct fl_key_sum {
    enum fl_decode_state state;
    uint32_t liars; /* DONE: bit v - 1 for each validator v whose sum is wrong, among those given */
    int16_t key[FL_KEY_VALUES]; /* DONE: the sum of keys, centred: [-2046, 2046] */
};
/* sums[v - 1]: validator v's, NULL when it has not come. n validators, FL_VALIDATORS_MIN..MAX (asserted). The result is
 * the same everywhere for the same sums, and stays DONE with the same key when more sums come, as long as at most f lie. */
void fl_shares_decode(
    const struct fl_share_sum *const *sums, unsigned n, struct fl_key_sum *ret_key_sum);

/* |key| <= 42 weight everywhere, which every sum of honest keys obeys. Says nothing from weight 49 on: 42 * 49 is out of the
 * field's range, though sums of honest keys stay inside it (2046 is 55 standard deviations for weight 64). */
bool fl_key_sum_in_bound(const int16_t key[static FL_KEY_VALUES], unsigned weight);

#endif

#include "fedlearn/vehicle/share_sum.h"

#include "base/assert.h"
#include "fedlearn/vehicle/share_domain.h"
#include "fedlearn/vehicle/share_field.h"
#include "fedlearn/vehicle/share_rs.h"

void fl_share_sum_add(
    struct fl_share_sum *s, const uint16_t share[static FL_SHARE_VALUES], unsigned weight) {
    WS_ASSERT(weight >= 1 && weight <= FL_WEIGHT_MAX);
    for (size_t i = 0; i < FL_KEY_VALUES; i++)
        s->v[i] = fl_mod(s->v[i] + weight * (uint32_t)share[i]);
}

void fl_share_sum_put(const struct fl_share_sum *s, uint8_t ret_octets[static FL_SUM_OCTETS]) {
    fl_pack12(s->v, FL_KEY_VALUES, ret_octets);
}

void fl_share_sum_read(struct rd *r, struct fl_share_sum *ret_sum) {
    const struct span octets = rd_take(r, FL_SUM_OCTETS);
    if (r->bad)
        return;
    r->bad = !fl_unpack12(octets.p, FL_KEY_VALUES, ret_sum->v);
}

/* What has come, in order of the validators. */
struct received {
    size_t m;
    uint8_t f;
    uint8_t x[FL_VALIDATORS_MAX];
    const uint16_t *row[FL_VALIDATORS_MAX];
};

/* A position of the believed rows that does not fit their polynomials; FL_KEY_VALUES if all fit. Fills ret_key. */
static size_t first_misfit(const struct received *in, const bool *wrong, uint16_t *ret_key) {
    uint8_t x[FL_FAULTS_MAX + 1];
    const uint16_t *row[FL_FAULTS_MAX + 1];
    uint16_t weight[FL_FAULTS_MAX + 1], should[FL_KEY_VALUES];
    const size_t k = in->f + 1U;
    size_t have = 0, i = 0;
    for (; have < k; i++) {
        if (wrong[i])
            continue;
        x[have] = in->x[i];
        row[have++] = in->row[i];
    }
    for (; i < in->m; i++) {
        if (wrong[i])
            continue;
        fl_lagrange(x, k, in->x[i], weight);
        fl_combine(row, weight, k, FL_KEY_VALUES, should);
        for (size_t at = 0; at < FL_KEY_VALUES; at++)
            if (should[at] != in->row[i][at])
                return at;
    }
    fl_lagrange(x, k, 0, weight);
    fl_combine(row, weight, k, FL_KEY_VALUES, ret_key);
    return FL_KEY_VALUES;
}

/* Adds the errors of one word to wrong. False when the word has no close enough polynomial or tells nothing new. */
static bool locate(const struct received *in, const uint16_t *word, bool *wrong) {
    bool here[FL_VALIDATORS_MAX];
    bool more = false;
    if (!fl_rs_errors(in->x, word, in->m, in->f, here))
        return false;
    for (size_t i = 0; i < in->m; i++) {
        more = more || (here[i] && !wrong[i]);
        wrong[i] = wrong[i] || here[i];
    }
    return more;
}

/* One word that mixes all positions: nearly always shows all liars at once. A liar that cares can choose its lie so that
 * this mixture does not show it, whatever the mixture is made of: 12 bits are soon tried through. That costs one more
 * decoding and nothing else, since no sum is believed before all of it was seen to fit. So the mixture is a fixed one. */
static void mixture(const struct received *in, uint16_t *ret_word) {
    uint8_t key[FL_HASH];
    uint16_t c[FL_KEY_VALUES];
    fl_hash(FL_FOR_LOCATING, NULL, 0, key);
    fl_uniform(key, FL_KEY_VALUES, c);
    for (size_t i = 0; i < in->m; i++) {
        uint64_t sum = 0;
        for (size_t at = 0; at < FL_KEY_VALUES; at++)
            sum += (uint32_t)c[at] * in->row[i][at];
        ret_word[i] = (uint16_t)(sum % FL_SHARE_PRIME);
    }
}

void fl_shares_decode(
    const struct fl_share_sum *const *sums, unsigned n, struct fl_key_sum *ret_key_sum) {
    WS_ASSERT(n >= FL_VALIDATORS_MIN && n <= FL_VALIDATORS_MAX);
    struct received in = {.f = (uint8_t)fl_faults(n)};
    for (unsigned v = 1; v <= n; v++)
        if (sums[v - 1] != NULL) {
            in.x[in.m] = (uint8_t)v;
            in.row[in.m++] = sums[v - 1]->v;
        }
    const size_t agree = 2U * in.f + 1U;
    ret_key_sum->state = in.m < n ? FL_DECODE_WAIT : FL_DECODE_FAILED;
    ret_key_sum->liars = 0;
    if (in.m < agree)
        return;
    uint16_t word[FL_VALIDATORS_MAX], key[FL_KEY_VALUES];
    bool wrong[FL_VALIDATORS_MAX] = {false};
    mixture(&in, word);
    (void)locate(&in, word, wrong);
    for (;;) {
        size_t right = 0;
        for (size_t i = 0; i < in.m; i++)
            right += !wrong[i];
        if (right < agree)
            return;
        const size_t at = first_misfit(&in, wrong, key);
        if (at == FL_KEY_VALUES)
            break;
        /* Some believed sum is wrong at this position, so its word shows somebody new, or too many lied. */
        for (size_t i = 0; i < in.m; i++)
            word[i] = in.row[i][at];
        if (!locate(&in, word, wrong))
            return;
    }
    ret_key_sum->state = FL_DECODE_DONE;
    for (size_t i = 0; i < in.m; i++)
        if (wrong[i])
            ret_key_sum->liars |= 1U << (in.x[i] - 1);
    for (size_t i = 0; i < FL_KEY_VALUES; i++)
        ret_key_sum->key[i] =
            (int16_t)(key[i] > FL_SHARE_PRIME / 2 ? (int)key[i] - (int)FL_SHARE_PRIME : key[i]);
}

bool fl_key_sum_in_bound(const int16_t key[static FL_KEY_VALUES], unsigned weight) {
    const int bound = (int)(weight > FL_WEIGHT_MAX ? FL_WEIGHT_MAX : weight) * FL_KEY_MAX;
    for (size_t i = 0; i < FL_KEY_VALUES; i++)
        if (key[i] > bound || key[i] < -bound)
            return false;
    return true;
}

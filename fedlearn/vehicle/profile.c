#include "fedlearn/vehicle/profile.h"

#include "base/assert.h"

#include <string.h>

#define PROFILE(OCTET, NAME, BITS, FIELDS, FIELD, PLAIN, DROP, WEIGHTS, SQUARES)                   \
    {                                                                                              \
        .octet = (OCTET), .bits = (BITS), .fields = (FIELDS), .field_bits = (FIELD),               \
        .plain_bits = (PLAIN), .drop = (DROP), .wire_bits = 50 - (DROP),                           \
        .limit = (1 << ((BITS)-1)) - 1, .weight_max = (WEIGHTS), .square_max = (SQUARES),          \
        .delta = FL_Q >> (PLAIN),                                                                  \
        .wire_max = ((FL_Q - 1 + (UINT64_C(1) << ((DROP)-1))) >> (DROP)) < UINT64_C(1)             \
                                                                               << (50 - (DROP))    \
                        ? (FL_Q - 1 + (UINT64_C(1) << ((DROP)-1))) >> (DROP)                       \
                        : (UINT64_C(1) << (50 - (DROP))) - 1,                                      \
        .name = (NAME),                                                                            \
    }

/* Last column: floor((0.49 delta)^2 / (2 ln(2 * 2^20 * 2^64)) / (21 + 4^drop / 12)), recomputed by a test. */
static const struct fl_profile profiles[] = {
    PROFILE(FL_COMPACT, "compact", 8, 2, 14, 28, 16, 64, 100),
    PROFILE(FL_STANDARD, "standard", 12, 1, 18, 18, 26, 64, 100),
    PROFILE(FL_PRECISE, "precise", 16, 1, 22, 22, 22, 64, 100),
    PROFILE(FL_CELL, "cell", 16, 1, 26, 26, 16, 1024, 1602),
    PROFILE(FL_TINY, "tiny", 6, 3, 12, 36, 8, 64, 99),
};

const struct fl_profile *fl_profile_by_name(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    }
    return NULL;
}

int fl_profile_by_octet(uint8_t octet, const struct fl_profile **ret_profile, struct ws_err *err) {
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
        if (profiles[i].octet == octet) {
            *ret_profile = &profiles[i];
            return WS_OK;
        }
    }
    if (octet >= FL_HPK_FIRST && octet <= FL_HPK_LAST)
        return ws_fail(err, WS_ENOTSUP,
            "profile %u: keys under a collective public key are not read by this version", octet);
    return ws_fail(err, WS_EINPUT, "profile %u: there is none of this number", octet);
}

size_t fl_coefs(const struct fl_profile *p, size_t d) {
    WS_ASSERT(d > 0 && d <= FL_D_MAX);
    const size_t coefs = (d + p->fields - 1) / p->fields;
    return coefs < FL_COEFS_MIN ? FL_COEFS_MIN : coefs;
}

size_t fl_chunks(const struct fl_profile *p, size_t d) {
    return (fl_coefs(p, d) + FL_N - 1) / FL_N;
}

size_t fl_wire_octets(const struct fl_profile *p, size_t d) {
    return (fl_coefs(p, d) * p->wire_bits + 7) / 8;
}

size_t fl_chunk_params(const struct fl_profile *p, size_t d, size_t chunk) {
    const size_t full = fl_full_params(p);
    WS_ASSERT(chunk < fl_chunks(p, d));
    return d - chunk * full < full ? d - chunk * full : full;
}

size_t fl_chunk_coefs(const struct fl_profile *p, size_t d, size_t chunk) {
    const size_t coefs = fl_coefs(p, d);
    WS_ASSERT(chunk < fl_chunks(p, d));
    return coefs - chunk * FL_N < FL_N ? coefs - chunk * FL_N : FL_N;
}

size_t fl_chunk_octets(const struct fl_profile *p, size_t d, size_t chunk) {
    return (fl_chunk_coefs(p, d, chunk) * p->wire_bits + 7) / 8;
}

int fl_weights_check(const struct fl_profile *p, const uint16_t *weights, size_t n,
    struct fl_weights *ret_weights, struct ws_err *err) {
    uint64_t sum = 0;
    uint64_t squares = 0;
    uint16_t least = UINT16_MAX;
    uint16_t most = 0;
    if (n == 0)
        return ws_fail(err, WS_EINPUT, "weights: the group is empty");
    for (size_t i = 0; i < n; i++) {
        if (weights[i] == 0)
            return ws_fail(err, WS_EINPUT, "weights: member %zu has none", i);
        least = weights[i] < least ? weights[i] : least;
        most = weights[i] > most ? weights[i] : most;
        sum += weights[i];
        squares += (uint64_t)weights[i] * weights[i];
        if (sum > p->weight_max)
            return ws_fail(err, WS_EINPUT,
                "weights: their sum is above %u at member %zu (profile %s)", p->weight_max, i,
                p->name);
        if (squares > p->square_max)
            return ws_fail(err, WS_EINPUT,
                "weights: the sum of their squares is above %u at member %zu (profile %s)",
                p->square_max, i, p->name);
    }
    if (most > FL_WEIGHT_RATIO * least)
        return ws_fail(
            err, WS_EINPUT, "weights: %u is more than %d times %u", most, FL_WEIGHT_RATIO, least);
    if (ret_weights != NULL)
        *ret_weights = (struct fl_weights){(uint32_t)sum, (uint32_t)squares};
    return WS_OK;
}

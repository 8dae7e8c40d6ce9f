#include "fedlearn/vehicle/ring.h"

#include "base/assert.h"
#include "fedlearn/vehicle/ring_path.h"

#include <string.h>

static const struct fl_path *const paths[] = {
    &fl_path_portable,
#if defined(__x86_64__)
    &fl_path_avx2,
    &fl_path_avx512,
#endif
};
_Static_assert(ARRAY_LEN(paths) <= FL_RING_PATHS_MAX, "a caller's list has this many places");

/* 2^114 / q = 2^64 + EXCESS, floor. */
#define EXCESS ((uint64_t)((((fl_u128)1 << 114) - ((fl_u128)FL_Q << 64)) / FL_Q))

uint64_t fl_quotient(uint64_t w) {
    uint64_t quot = (w << 14) + (uint64_t)((fl_u128)w * EXCESS >> 50);
    /* At most one short; what is left over, modulo 2^64, tells. */
    const uint64_t rest = 0 - quot * FL_Q;
    quot += 1 - ((rest - FL_Q) >> 63);
    return quot;
}

static uint64_t mul(uint64_t a, uint64_t b) {
    return (uint64_t)((fl_u128)a * b % FL_Q); /* constants only */
}

static uint64_t power(uint64_t b, uint64_t e) {
    uint64_t r = 1;
    for (; e > 0; e >>= 1) {
        if (e & 1)
            r = mul(r, b);
        b = mul(b, b);
    }
    return r;
}

static size_t reverse11(size_t i) {
    size_t r = 0;
    for (unsigned k = 0; k < 11; k++)
        r |= (i >> k & 1) << (10 - k);
    return r;
}

static void tables(struct fl_ring *r) {
    uint64_t there = 1;
    uint64_t back = 1;
    const uint64_t inverse = power(FL_PSI, FL_Q - 2);
    for (size_t i = 0; i < FL_N; i++) {
        const size_t k = reverse11(i);
        r->root[k] = there;
        r->root_quot[k] = fl_quotient(there);
        r->back[k] = back;
        r->back_quot[k] = fl_quotient(back);
        const uint64_t limbs[2] = {
            mul(back, UINT64_C(1) << 26), mul(back, (UINT64_C(1) << 52) % FL_Q)};
        for (size_t j = 0; j < 4; j++)
            r->back_limbs[j][k] = (uint32_t)(limbs[j / 2] >> 26 * (j % 2) & ((1U << 26) - 1));
        there = mul(there, FL_PSI);
        back = mul(back, inverse);
    }
}

int fl_ring_init(struct fl_ring *r, const char *path, struct ws_err *err) {
    const struct fl_path *found = NULL;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (path == NULL) { /* slowest first: the last one wins */
            if (paths[i]->usable())
                found = paths[i];
        } else if (strcmp(paths[i]->name, path) == 0) {
            if (!paths[i]->usable())
                return ws_fail(err, WS_ENOTSUP, "ring path '%s': this processor lacks it", path);
            found = paths[i];
        }
    }
    if (found == NULL)
        return ws_fail(err, WS_ENOTFOUND, "ring path '%s': there is none of this name", path);
    r->path = found;
    tables(r);
    return WS_OK;
}

const char *fl_ring_path(const struct fl_ring *r) {
    return r->path->name;
}

size_t fl_ring_paths(const char *ret_names[static FL_RING_PATHS_MAX]) {
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (paths[i]->usable())
            ret_names[n++] = paths[i]->name;
    }
    return n;
}

void fl_ring_forward(const struct fl_ring *r, uint64_t x[static FL_N]) {
    r->path->forward(r, x);
}

/* N^-1 = q - (q - 1) / N. */
#define N_INVERSE (FL_Q - (FL_Q - 1) / FL_N)

static void by_n_inverse(uint64_t *x) {
    const uint64_t quot = fl_quotient(N_INVERSE);
    for (size_t i = 0; i < FL_N; i++)
        x[i] = fl_once(fl_mul_lazy(x[i], N_INVERSE, quot));
}

void fl_ring_inverse(const struct fl_ring *r, uint64_t x[static FL_N]) {
    r->path->inverse(r, x);
    by_n_inverse(x);
}

void fl_ring_prepare(
    const struct fl_ring *r, uint64_t s[static FL_N], struct fl_multiplier *ret_m) {
    r->path->forward(r, s);
    memcpy(ret_m->w, s, sizeof(ret_m->w));
    by_n_inverse(ret_m->w); /* so that no product needs it */
    for (size_t i = 0; i < FL_N; i++)
        ret_m->quot[i] = fl_quotient(ret_m->w[i]);
}

void fl_ring_multiply(
    const struct fl_ring *r, const struct fl_multiplier *s, uint64_t a[static FL_N]) {
    r->path->pointwise(s, a);
    r->path->inverse(r, a);
}

/* The field of one curve. Part of a core's source (portable_core.h): PT_P256 says which curve, PT_ADX which arithmetic.
 * Everything takes and gives canonical elements; results may overwrite operands. */
#include "v2x/bulk/mont.h"
#include "v2x/bulk/portable.h"
#include "v2x/bulk/scalar.h"

#if PT_ADX
#include "v2x/bulk/portable_adx.h"
#endif

/* Of a and b: the curve's own coefficients, for decompression. r2, r3: R^2, R^3. x_in and y_in: z^2 R^2 and z^3 R^2, which
 * take plain coordinates to Montgomery form and to the twist in one product. root: (p + 1) / 4, as p = 3 modulo 4. */
#if PT_P256
#define PT_CURVE BULK_P256
#define PT_P                                                                                       \
    { 0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001 }
#define PT_NEG_INV 1
static const fe fe_one = {
    {0x0000000000000001, 0xffffffff00000000, 0xffffffffffffffff, 0x00000000fffffffe}};
static const fe fe_x_in = {
    {0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd}};
static const fe fe_y_in = {
    {0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd}};
static const fe fe_r2 = {
    {0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd}};
static const fe fe_r3 = {
    {0xfffffffd0000000a, 0xffffffedfffffff7, 0x00000005fffffffc, 0x0000001800000001}};
static const fe fe_a = {
    {0xfffffffffffffffc, 0x00000003ffffffff, 0x0000000000000000, 0xfffffffc00000004}};
static const fe fe_b = {
    {0xd89cdf6229c4bddf, 0xacf005cd78843090, 0xe5a220abf7212ed6, 0xdc30061d04874834}};
static const uint64_t fe_root[4] = {0, 0x0000000040000000, 0x4000000000000000, 0x3fffffffc0000000};
#else
#define PT_CURVE BULK_BP256
#define PT_P                                                                                       \
    { 0x2013481d1f6e5377, 0x6e3bf623d5262028, 0x3e660a909d838d72, 0xa9fb57dba1eea9bc }
#define PT_NEG_INV 0xc6a75590cefd89b9
static const fe fe_one = {
    {0xdfecb7e2e091ac89, 0x91c409dc2ad9dfd7, 0xc199f56f627c728d, 0x5604a8245e115643}};
static const fe fe_x_in = {
    {0xf4d90f965c5b8f5a, 0x68010a613381d5fc, 0xaa10a35241fca338, 0x80ded6327a69ec58}};
static const fe fe_y_in = {
    {0x326fd160c087cf26, 0x7b09c877318450a5, 0xfa150e96586eb3e2, 0x9ff2c3bfb060dccb}};
static const fe fe_r2 = {
    {0x8cfedf7ba6465b6c, 0x5cce4c26614d4f4d, 0xa1ecdacd6b1ac807, 0x4717aa21e5957fa8}};
static const fe fe_r3 = {
    {0x6c45ff6fd7a31f68, 0x0ff3d758cdae4dab, 0x84e004c04a6dfe87, 0x1aadc54987dcd4a7}};
static const fe fe_a = {
    {0xd5d18edf69696261, 0xa68123f1c1d20c64, 0x95ec1e5e6398556e, 0x1e4676abd666bc17}};
static const fe fe_b = {
    {0x05d24d72c0c0f36f, 0x0ac34a49cc51bf59, 0x64ca989357f2e9d9, 0x1634f57646a3c93e}};
static const uint64_t fe_root[4] = {
    0x0804d20747db94de, 0x9b8efd88f549880a, 0x0f9982a42760e35c, 0x2a7ed5f6e87baa6f};
#endif

#if PT_ADX
static const struct adx_modulus fe_modulus = {PT_P, PT_NEG_INV};

static inline void fe_mul(fe *r, const fe *a, const fe *b) {
#if PT_P256
    adx_mul_p256(r->v, a->v, b->v);
#else
    adx_mul_any(r->v, a->v, b->v, &fe_modulus);
#endif
}

static inline void fe_sqr(fe *r, const fe *a) {
#if PT_P256
    adx_sqr_p256(r->v, a->v);
#else
    adx_sqr_any(r->v, a->v, &fe_modulus);
#endif
}

static inline void fe_add(fe *r, const fe *a, const fe *b) {
    adx_add(r->v, a->v, b->v, fe_modulus.p);
}

static inline void fe_sub(fe *r, const fe *a, const fe *b) {
    adx_sub(r->v, a->v, b->v, fe_modulus.p);
}
#else
static const uint64_t fe_p[4] = PT_P;

static inline void fe_mul(fe *r, const fe *a, const fe *b) {
    mont_mul(r->v, a->v, b->v, fe_p, PT_NEG_INV);
}

static inline void fe_sqr(fe *r, const fe *a) {
    mont_mul(r->v, a->v, a->v, fe_p, PT_NEG_INV);
}

static inline void fe_add(fe *r, const fe *a, const fe *b) {
    uint64_t sum[4], less[4];
    const bool carry = limbs_add(sum, a->v, b->v), below = limbs_sub(less, sum, fe_p);
    memcpy(r->v, below && !carry ? sum : less, 32);
}

static inline void fe_sub(fe *r, const fe *a, const fe *b) {
    uint64_t difference[4], p[4];
    const uint64_t borrow = -(uint64_t)limbs_sub(difference, a->v, b->v);
    for (int i = 0; i < 4; i++)
        p[i] = fe_p[i] & borrow;
    limbs_add(r->v, difference, p);
}
#endif

static inline void fe_twice(fe *r, const fe *a) {
    fe_add(r, a, a);
}

/* a, or -a if negative; without a branch, because signs are random. a = 0 (no point of these curves has y = 0) gives 0. */
static inline void fe_signed(fe *r, const fe *a, uint64_t negative) {
    static const fe zero = {{0, 0, 0, 0}};
    fe minus;
    fe_sub(&minus, &zero, a);
    const uint64_t mask = -negative;
    for (int i = 0; i < 4; i++)
        r->v[i] = a->v[i] ^ ((a->v[i] ^ minus.v[i]) & mask);
}

static inline bool fe_zero(const fe *a) {
    return limbs_zero(a->v);
}

static inline bool fe_equal(const fe *a, const fe *b) {
    return ((a->v[0] ^ b->v[0]) | (a->v[1] ^ b->v[1]) | (a->v[2] ^ b->v[2]) |
               (a->v[3] ^ b->v[3])) == 0;
}

/* a is x R; 1/(x R) times R^3 / R is R / x. */
static inline void fe_inverse(fe *r, const fe *a) {
    bulk_inverse_p(PT_CURVE, a->v, r->v);
    fe_mul(r, r, &fe_r3);
}

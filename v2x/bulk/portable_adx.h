/* 4x64 Montgomery products with mulx, adcx and adox (BMI2, ADX), in assembly: gcc 12 makes twice the instructions from
 * __int128. Whoever includes this asks the CPU first. Results are canonical (< p) if one factor is.
 *
 * A product is formed whole (t0..t7), then its low half alone is reduced to four limbs: each step adds q p with q chosen
 * so that the lowest limb vanishes, and drops that limb; (t + q p) / 2^64 < 2^192 + p < 2^256, so no step carries out.
 * The high half is added (sum < 2p, one carry) and p subtracted once if that does not borrow.
 * The pointers to the factors give up their registers to the last limbs, which keeps it at 13: enough even where the
 * frame pointer is reserved (sanitizers).
 *
 * Private to v2x/bulk/. Operation only: no clause of a standard. */
#ifndef WAYSIDE_V2X_BULK_PORTABLE_ADX_H
#define WAYSIDE_V2X_BULK_PORTABLE_ADX_H

#include <stdint.h>

/* Row i > 0 of the product: t_i..t_{i+3} += a b[i], t_{i+4} = carry. The xor clears both carry flags. */
#define ADX_ROW(t0, t1, t2, t3, t4)                                                                \
    "xorl %k[" t4 "], %k[" t4 "]\n\t"                                                              \
    "mulxq (%[a]), %[lo], %[hi]\n\tadcxq %[lo], %[" t0 "]\n\tadoxq %[hi], %[" t1 "]\n\t"           \
    "mulxq 8(%[a]), %[lo], %[hi]\n\tadcxq %[lo], %[" t1 "]\n\tadoxq %[hi], %[" t2 "]\n\t"          \
    "mulxq 16(%[a]), %[lo], %[hi]\n\tadcxq %[lo], %[" t2 "]\n\tadoxq %[hi], %[" t3 "]\n\t"         \
    "mulxq 24(%[a]), %[lo], %[hi]\n\tadcxq %[lo], %[" t3 "]\n\tadoxq %[hi], %[" t4 "]\n\t"         \
    "adcq $0, %[" t4 "]\n\t"

/* t0..t6 and, in the register of b, t7. */
#define ADX_PRODUCT                                                                                \
    "movq (%[b]), %%rdx\n\t"                                                                       \
    "mulxq (%[a]), %[t0], %[t1]\n\t"                                                               \
    "mulxq 8(%[a]), %[lo], %[t2]\n\taddq %[lo], %[t1]\n\t"                                         \
    "mulxq 16(%[a]), %[lo], %[t3]\n\tadcq %[lo], %[t2]\n\t"                                        \
    "mulxq 24(%[a]), %[lo], %[t4]\n\tadcq %[lo], %[t3]\n\tadcq $0, %[t4]\n\t"                      \
    "movq 8(%[b]), %%rdx\n\t" ADX_ROW(                                                             \
        "t1", "t2", "t3", "t4", "t5") "movq 16(%[b]), %%rdx\n\t" ADX_ROW("t2", "t3", "t4", "t5",   \
        "t6") "movq 24(%[b]), %%rdx\n\t" ADX_ROW("t3", "t4", "t5", "t6", "b")

/* t0..t6, and t7 in the register of a (b is not used): cross products, doubled, and the squares. */
#define ADX_SQUARE                                                                                 \
    "movq (%[a]), %%rdx\n\t"                                                                       \
    "mulxq 8(%[a]), %[t1], %[t2]\n\t"                                                              \
    "mulxq 16(%[a]), %[lo], %[t3]\n\taddq %[lo], %[t2]\n\t"                                        \
    "mulxq 24(%[a]), %[lo], %[t4]\n\tadcq %[lo], %[t3]\n\tadcq $0, %[t4]\n\t"                      \
    "movq 8(%[a]), %%rdx\n\t"                                                                      \
    "xorl %k[t5], %k[t5]\n\t"                                                                      \
    "mulxq 16(%[a]), %[lo], %[hi]\n\tadcxq %[lo], %[t3]\n\tadoxq %[hi], %[t4]\n\t"                 \
    "mulxq 24(%[a]), %[lo], %[hi]\n\tadcxq %[lo], %[t4]\n\tadoxq %[hi], %[t5]\n\t"                 \
    "adcq $0, %[t5]\n\t"                                                                           \
    "movq 16(%[a]), %%rdx\n\t"                                                                     \
    "mulxq 24(%[a]), %[lo], %[t6]\n\taddq %[lo], %[t5]\n\tadcq $0, %[t6]\n\t"                      \
    "movq (%[a]), %%rdx\n\tmulxq %%rdx, %[t0], %[lo]\n\t"                                          \
    "movq 8(%[a]), %%rdx\n\tmulxq %%rdx, %[b], %[hi]\n\t"                                          \
    "addq %[t1], %[t1]\n\tadcq %[t2], %[t2]\n\tadcq %[t3], %[t3]\n\tadcq %[t4], %[t4]\n\t"         \
    "adcq %[t5], %[t5]\n\tadcq %[t6], %[t6]\n\tmovl $0, %%edx\n\tadcq $0, %%rdx\n\t"               \
    "addq %[lo], %[t1]\n\tadcq %[b], %[t2]\n\tadcq %[hi], %[t3]\n\t"                               \
    "movq %%rdx, %[b]\n\t"                                                                         \
    "movq 16(%[a]), %%rdx\n\tmulxq %%rdx, %[lo], %[hi]\n\t"                                        \
    "adcq %[lo], %[t4]\n\tadcq %[hi], %[t5]\n\t"                                                   \
    "movq 24(%[a]), %%rdx\n\tmulxq %%rdx, %[lo], %[hi]\n\t"                                        \
    "adcq %[lo], %[t6]\n\tadcq %[hi], %[b]\n\t"

/* One step modulo P-256: q = t0, since p = -1 modulo 2^96; p = 2^192 (2^64 - 2^32 + 1) + 2^96 - 1. t0 leaves, its
 * register takes the new top limb; %[a] holds the top limb of p. */
#define ADX_P256_STEP(t0, t1, t2, t3)                                                              \
    "movq %[" t0 "], %%rdx\n\tmovq %[" t0 "], %[hi]\n\t"                                           \
    "shlq $32, %[hi]\n\tshrq $32, %[" t0 "]\n\t"                                                   \
    "addq %[hi], %[" t1 "]\n\tadcq %[" t0 "], %[" t2 "]\n\t"                                       \
    "mulxq %[a], %[lo], %[" t0 "]\n\t"                                                             \
    "adcq %[lo], %[" t3 "]\n\tadcq $0, %[" t0 "]\n\t"

#define ADX_P256_REDUCE                                                                            \
    "movq $0xffffffff00000001, %[a]\n\t" ADX_P256_STEP("t0", "t1", "t2", "t3")                     \
        ADX_P256_STEP("t1", "t2", "t3", "t0") ADX_P256_STEP("t2", "t3", "t0", "t1")                \
            ADX_P256_STEP("t3", "t0", "t1", "t2")

/* t0..t3 += t4, t5, t6, b; then less p if possible; to r. c0, c1: limbs of p in registers; p0 and p2 signed 32 bits. */
#define ADX_P256_FINISH                                                                            \
    "xorl %%edx, %%edx\n\t"                                                                        \
    "addq %[t4], %[t0]\n\tadcq %[t5], %[t1]\n\tadcq %[t6], %[t2]\n\tadcq %[b], %[t3]\n\t"          \
    "adcq $0, %%rdx\n\t"                                                                           \
    "movl $0xffffffff, %k[hi]\n\t"                                                                 \
    "movq %[t0], %[t4]\n\tmovq %[t1], %[t5]\n\tmovq %[t2], %[t6]\n\tmovq %[t3], %[b]\n\t"          \
    "subq $-1, %[t0]\n\tsbbq %[hi], %[t1]\n\tsbbq $0, %[t2]\n\tsbbq %[a], %[t3]\n\t"               \
    "sbbq $0, %%rdx\n\t" ADX_STORE

#define ADX_STORE                                                                                  \
    "cmovcq %[t4], %[t0]\n\tcmovcq %[t5], %[t1]\n\tcmovcq %[t6], %[t2]\n\tcmovcq %[b], %[t3]\n\t"  \
    "movq %[t0], (%[r])\n\tmovq %[t1], 8(%[r])\n\tmovq %[t2], 16(%[r])\n\tmovq %[t3], "            \
    "24(%[r])\n\t"

/* One step modulo any p, at %[a], -1/p behind it: q = t0 (-1/p) modulo 2^64. The register of t0, zero by then, takes the new top limb. */
#define ADX_ANY_STEP(t0, t1, t2, t3)                                                               \
    "movq 32(%[a]), %%rdx\n\timulq %[" t0 "], %%rdx\n\t"                                           \
    "xorl %k[lo], %k[lo]\n\t"                                                                      \
    "mulxq (%[a]), %[lo], %[hi]\n\tadcxq %[lo], %[" t0 "]\n\tadoxq %[hi], %[" t1 "]\n\t"           \
    "mulxq 8(%[a]), %[lo], %[hi]\n\tadcxq %[lo], %[" t1 "]\n\tadoxq %[hi], %[" t2 "]\n\t"          \
    "mulxq 16(%[a]), %[lo], %[hi]\n\tadcxq %[lo], %[" t2 "]\n\tadoxq %[hi], %[" t3 "]\n\t"         \
    "mulxq 24(%[a]), %[lo], %[hi]\n\tadcxq %[lo], %[" t3 "]\n\tadoxq %[hi], %[" t0 "]\n\t"         \
    "adcq $0, %[" t0 "]\n\t"

#define ADX_ANY_REDUCE                                                                             \
    "movq %[m], %[a]\n\t" ADX_ANY_STEP("t0", "t1", "t2", "t3") ADX_ANY_STEP("t1", "t2", "t3",      \
        "t0") ADX_ANY_STEP("t2", "t3", "t0", "t1") ADX_ANY_STEP("t3", "t0", "t1", "t2")

#define ADX_ANY_FINISH                                                                             \
    "xorl %%edx, %%edx\n\t"                                                                        \
    "addq %[t4], %[t0]\n\tadcq %[t5], %[t1]\n\tadcq %[t6], %[t2]\n\tadcq %[b], %[t3]\n\t"          \
    "adcq $0, %%rdx\n\t"                                                                           \
    "movq %[t0], %[t4]\n\tmovq %[t1], %[t5]\n\tmovq %[t2], %[t6]\n\tmovq %[t3], %[b]\n\t"          \
    "subq (%[a]), %[t0]\n\tsbbq 8(%[a]), %[t1]\n\tsbbq 16(%[a]), %[t2]\n\tsbbq 24(%[a]), "         \
    "%[t3]\n\t"                                                                                    \
    "sbbq $0, %%rdx\n\t" ADX_STORE

struct adx_modulus {
    uint64_t p[4];
    uint64_t neg_inv; /* -1/p modulo 2^64 */
};

/* Sanitizers take registers of their own and instrument nothing inside assembly. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
#define ADX_FUNCTION                                                                               \
    static __attribute__((unused, noinline, no_sanitize("address", "thread", "undefined"))) void
#else
#define ADX_FUNCTION static inline void
#endif

#define ADX_LOCALS uint64_t t0, t1, t2, t3, t4, t5, t6, lo, hi
#define ADX_OUT                                                                                    \
    [a] "+&r"(a), [b] "+&r"(b), [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3),    \
        [t4] "=&r"(t4), [t5] "=&r"(t5), [t6] "=&r"(t6), [lo] "=&r"(lo), [hi] "=&r"(hi)

/* ret = a b / 2^256; it may be a factor, since it is written last. */
ADX_FUNCTION adx_mul_p256(uint64_t ret[4], const uint64_t *a, const uint64_t *b) {
    ADX_LOCALS;
    __asm__ volatile(ADX_PRODUCT ADX_P256_REDUCE ADX_P256_FINISH:ADX_OUT
                     : [r] "r"(ret)
                     : "rdx", "cc", "memory");
}

ADX_FUNCTION adx_sqr_p256(uint64_t ret[4], const uint64_t *a) {
    ADX_LOCALS;
    uint64_t b = 0;
    __asm__ volatile(ADX_SQUARE ADX_P256_REDUCE ADX_P256_FINISH:ADX_OUT
                     : [r] "r"(ret)
                     : "rdx", "cc", "memory");
}

ADX_FUNCTION adx_mul_any(
    uint64_t ret[4], const uint64_t *a, const uint64_t *b, const struct adx_modulus *m) {
    ADX_LOCALS;
    __asm__ volatile(ADX_PRODUCT ADX_ANY_REDUCE ADX_ANY_FINISH:ADX_OUT
                     : [r] "r"(ret), [m] "m"(m)
                     : "rdx", "cc", "memory");
}

ADX_FUNCTION adx_sqr_any(uint64_t ret[4], const uint64_t *a, const struct adx_modulus *m) {
    ADX_LOCALS;
    uint64_t b = 0;
    __asm__ volatile(ADX_SQUARE ADX_ANY_REDUCE ADX_ANY_FINISH:ADX_OUT
                     : [r] "r"(ret), [m] "m"(m)
                     : "rdx", "cc", "memory");
}

/* ret = a + b and a - b modulo p, for a, b < p. */
ADX_FUNCTION adx_add(uint64_t ret[4], const uint64_t *a, const uint64_t *b, const uint64_t *p) {
    uint64_t t0, t1, t2, t3, s0, s1, s2, s3, c;
    __asm__ volatile(
        "movq (%[a]), %[t0]\n\tmovq 8(%[a]), %[t1]\n\t"
        "movq 16(%[a]), %[t2]\n\tmovq 24(%[a]), %[t3]\n\txorl %k[c], %k[c]\n\t"
        "addq (%[b]), %[t0]\n\tadcq 8(%[b]), %[t1]\n\t"
        "adcq 16(%[b]), %[t2]\n\tadcq 24(%[b]), %[t3]\n\tadcq $0, %[c]\n\t"
        "movq %[t0], %[s0]\n\tmovq %[t1], %[s1]\n\tmovq %[t2], %[s2]\n\tmovq %[t3], %[s3]\n\t"
        "subq (%[p]), %[t0]\n\tsbbq 8(%[p]), %[t1]\n\t"
        "sbbq 16(%[p]), %[t2]\n\tsbbq 24(%[p]), %[t3]\n\tsbbq $0, %[c]\n\t"
        "cmovcq %[s0], %[t0]\n\tcmovcq %[s1], %[t1]\n\t"
        "cmovcq %[s2], %[t2]\n\tcmovcq %[s3], %[t3]\n\t"
        "movq %[t0], (%[r])\n\tmovq %[t1], 8(%[r])\n\tmovq %[t2], 16(%[r])\n\t"
        "movq %[t3], 24(%[r])\n\t"
        : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [s0] "=&r"(s0),
        [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "=&r"(s3), [c] "=&r"(c)
        : [r] "r"(ret), [a] "r"(a), [b] "r"(b), [p] "r"(p)
        : "cc", "memory");
}

ADX_FUNCTION adx_sub(uint64_t ret[4], const uint64_t *a, const uint64_t *b, const uint64_t *p) {
    uint64_t t0, t1, t2, t3, s0, s1, s2, s3;
    __asm__ volatile(
        "movq (%[a]), %[t0]\n\tmovq 8(%[a]), %[t1]\n\t"
        "movq 16(%[a]), %[t2]\n\tmovq 24(%[a]), %[t3]\n\t"
        "subq (%[b]), %[t0]\n\tsbbq 8(%[b]), %[t1]\n\t"
        "sbbq 16(%[b]), %[t2]\n\tsbbq 24(%[b]), %[t3]\n\tsbbq %[s3], %[s3]\n\t"
        "movq %[s3], %[s0]\n\tmovq %[s3], %[s1]\n\tmovq %[s3], %[s2]\n\t"
        "andq (%[p]), %[s0]\n\tandq 8(%[p]), %[s1]\n\t"
        "andq 16(%[p]), %[s2]\n\tandq 24(%[p]), %[s3]\n\t"
        "addq %[s0], %[t0]\n\tadcq %[s1], %[t1]\n\tadcq %[s2], %[t2]\n\tadcq %[s3], %[t3]\n\t"
        "movq %[t0], (%[r])\n\tmovq %[t1], 8(%[r])\n\tmovq %[t2], 16(%[r])\n\t"
        "movq %[t3], 24(%[r])\n\t"
        : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [s0] "=&r"(s0),
        [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "=&r"(s3)
        : [r] "r"(ret), [a] "r"(a), [b] "r"(b), [p] "r"(p)
        : "cc", "memory");
}

#endif

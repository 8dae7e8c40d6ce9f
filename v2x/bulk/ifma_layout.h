/* Shapes of tables, prepared batches and working memory; no vector type, so ifma.c is built without AVX-512.
 * Private to v2x/bulk/ifma_*. */
#ifndef WAYSIDE_V2X_BULK_IFMA_LAYOUT_H
#define WAYSIDE_V2X_BULK_IFMA_LAYOUT_H

#include "v2x/bulk/bulk.h"

#define IFMA_LANES 8
#define IFMA_GROUPS (BULK_BATCH / IFMA_LANES)
#define IFMA_LINE                                                                                  \
    64 /* x, y canonical in Montgomery form (R = 2^260), 4 limbs of 64 bits each; Brainpool: twisted */

/* Window width and count of the base point's multiplier, rows of its table a window. */
#define IFMA_G_W 13
#define IFMA_G_WINDOWS 20
#define IFMA_G_ROWS (1 << (IFMA_G_W - 1))

/* A signer's table: for each of `bases` points 2^(stride i) Q its odd multiples 1, 3 .. 2^w - 1, base by base.
 * Windows of the multiplier are bases * columns: digit b * columns + t stands at base b, 2^(w t). */
struct ifma_shape {
    unsigned w, bases, stride, columns, windows;
};

static inline struct ifma_shape ifma_shape(enum bulk_tier tier) {
    switch (tier) {
    case BULK_FULL:
        return (struct ifma_shape){6, 43, 6, 1, 43};
    case BULK_MID:
        return (struct ifma_shape){4, 16, 16, 4, 64};
    case BULK_COLD:
    case BULK_TIERS:
        break;
    }
    /* One base: the table is made for the batch and thrown away. */
    return (struct ifma_shape){5, 1, 5, 52, 52};
}

#define IFMA_FULL_OCTETS ((size_t)43 * 32 * IFMA_LINE)
#define IFMA_MID_OCTETS ((size_t)16 * 8 * IFMA_LINE)
#define IFMA_COLD_OCTETS ((size_t)16 * IFMA_LINE)
#define IFMA_POSITIONS (IFMA_G_WINDOWS + 64) /* most points of a signature */

struct bulk_base {
    enum bulk_curve curve;
    _Alignas(64) uint8_t line[IFMA_G_WINDOWS][IFMA_G_ROWS][IFMA_LINE];
};

/* Working memory: a FULL build needs most; ifma_curve.h checks. */
#define IFMA_SCRATCH_OCTETS ((size_t)2 << 20)

struct ifma_curve;

/* Lines of the base point first, then the signer's: line[(position * groups + group) * 8 + lane] is an address, its lowest
 * bit set where the point is subtracted; COLD: a signer's are offsets into the table made on the way. */
struct ifma_batch {
    const struct ifma_curve *curve;
    enum bulk_tier tier;
    uint32_t n, groups;
    uint8_t second[IFMA_GROUPS]; /* lanes with r < p - n: r + n is an x too */
    _Alignas(64) uint64_t r[IFMA_GROUPS][4][8];
    uint64_t key[IFMA_GROUPS][8][8]; /* COLD: x, y */
    uint64_t line[IFMA_POSITIONS * BULK_BATCH];
};

/* What one curve's unit offers; the caller has checked the processor. */
struct ifma_curve {
    const uint64_t *p_less_n; /* 4 limbs of 64 bits */
    void (*base_fill)(struct bulk_base *b);
    void (*compute)(const struct ifma_batch *b, const struct ifma_batch *next, void *scratch,
        enum bulk_answer *ret);
    bool (*build)(enum bulk_tier tier, const struct bulk_point *const *key, void *const *table,
        size_t n, void *scratch);
    void (*decompress)(
        const uint64_t (*x)[4], const bool *odd, size_t n, struct bulk_point *ret, bool *ret_ok);
};

extern const struct ifma_curve ifma_p256, ifma_bp256;

#endif

/* The portable engine's inside: shapes of its tables, a prepared batch, working memory, and the arithmetic core that is
 * compiled once for each curve, in plain C and (x86-64) with mulx/adcx/adox. Private to v2x/bulk/ and its tests.
 *
 * Field elements are canonical (< p) everywhere and in Montgomery form with R = 2^256, so that zero has one shape and
 * equal means equal limbs. Points of Brainpool lie on its twist with a = -3 (scalar.h: z). */
#ifndef WAYSIDE_V2X_BULK_PORTABLE_H
#define WAYSIDE_V2X_BULK_PORTABLE_H

#include "v2x/bulk/bulk.h"

#include <stdalign.h>

/* Window widths: of the base point, of a FULL table, of a MID table's columns, of the multiples a COLD job makes. */
#define PT_G_W 13U
#define PT_G_WINDOWS 20U
#define PT_FULL_W 6U
#define PT_FULL_WINDOWS 43U
#define PT_MID_W 4U
#define PT_MID_BASES 8U
#define PT_MID_COLUMNS 8U
#define PT_COLD_W 5U
#define PT_COLD_WINDOWS 52U
/* Points a job adds up: base point and key (MID has most). */
#define PT_POINTS (PT_G_WINDOWS + PT_MID_BASES * PT_MID_COLUMNS)
#define PT_QUEUE 1024U /* additions that share an inversion */
#define PT_CHAIN 640U /* multiples by powers of two, of some keys, made affine at once */

typedef struct {
    uint64_t v[4];
} fe;

struct pt_aff {
    alignas(64) fe x;
    fe y;
};

struct pt_jac {
    fe x, y, z;
};

/* A point as an operand: its address, plus one octet for its negative. */
typedef const char *pt_operand;

/* An affine addition. out may be operand a. */
struct pt_add {
    pt_operand a, b;
    struct pt_aff *out;
    uint32_t owner; /* job or key to be marked when the sum is infinity */
    bool doubling; /* a = b: set by the first pass for the second */
};

struct pt_adder {
    struct pt_add add[PT_QUEUE];
    fe before[PT_QUEUE], d[PT_QUEUE];
    size_t n;
    bool infinite[BULK_BATCH]; /* by owner; never cleared by the adder */
    const pt_operand *line, *line_end; /* of the next batch, still to be fetched */
};

struct pt_scratch {
    struct pt_adder adder;
    struct pt_aff slot[BULK_BATCH * PT_POINTS];
    struct pt_jac chain[PT_CHAIN];
    struct pt_aff power[PT_CHAIN];
    fe before[PT_CHAIN];
    struct pt_aff cold[BULK_BATCH][1U << (PT_COLD_W - 1)];
};

struct pt_batch {
    const struct pt_core *core;
    enum bulk_tier tier;
    size_t n;
    unsigned points; /* of each job, in row[] */
    uint64_t r[BULK_BATCH][4];
    const struct bulk_point *key[BULK_BATCH]; /* COLD only, as is digit[] */
    uint16_t digit[BULK_BATCH][PT_COLD_WINDOWS];
    pt_operand row[BULK_BATCH * PT_POINTS];
};

struct bulk_base {
    const struct pt_core *core;
    enum bulk_curve curve;
    alignas(64) struct pt_aff row[PT_G_WINDOWS][1U << (PT_G_W - 1)];
};

struct pt_core {
    void (*compute)(const struct pt_batch *batch, const struct pt_batch *next, struct pt_scratch *s,
        enum bulk_answer *ret);
    /* Rows 1, 3, .. 2^w - 1 times 2^(spacing j) key, for j < windows, of n keys; w <= spacing when windows > 1.
     * False: an exceptional case. */
    bool (*build)(const struct bulk_point *const *key, size_t n, unsigned w, unsigned windows,
        unsigned spacing, struct pt_aff *const *table, struct pt_scratch *s);
    bool (*decompress)(const uint64_t x[4], bool odd, struct bulk_point *ret);
    /* For tests: a b / R, a a / R, a + b and a - b. */
    void (*field)(const fe *a, const fe *b, fe ret[4]);
};

extern const struct pt_core pt_core_p256, pt_core_bp256;
#if defined(__x86_64__)
extern const struct pt_core pt_core_p256_adx, pt_core_bp256_adx;
#endif
/* The engine without assembly, whatever the CPU has. */
extern const struct bulk_engine bulk_portable_plain;

#endif

/* Numbers modulo the group order, and the digits of a multiplier: shared by the engines. Little-endian limbs of 64 bits.
 * Variable time, public data. Any thread; allocates nothing. Private to v2x/bulk/. */
#ifndef WAYSIDE_V2X_BULK_SCALAR_H
#define WAYSIDE_V2X_BULK_SCALAR_H

#include "v2x/bulk/bulk.h"

/* Parameters as plain numbers (FIPS 186-4 D.1.2.3, RFC 5639 3.4). z: of Brainpool, the twist that maps (x, y) to
 * (x z^2, y z^3) on the curve with a = -3; 1 for P-256. */
struct bulk_params {
    uint64_t p[4], n[4], a[4], b[4], gx[4], gy[4], z[4];
};
const struct bulk_params *bulk_params(enum bulk_curve c);

/* BMI2 and ADX: mulx, adcx, adox may be used. */
bool bulk_have_adx(void);

/* u1 = e/s mod n and u2 = r/s mod n for a batch, one inversion (n <= BULK_BATCH). e may be any 256-bit number; u1 may come out 0. */
void bulk_multipliers(enum bulk_curve c, const struct bulk_job *jobs, size_t n,
    uint64_t (*ret_u1)[4], uint64_t (*ret_u2)[4]);
/* The same without assembly, whatever the CPU has. */
void bulk_multipliers_plain(enum bulk_curve c, const struct bulk_job *jobs, size_t n,
    uint64_t (*ret_u1)[4], uint64_t (*ret_u2)[4]);

/* Inverse modulo p or n by safegcd division steps (Bernstein and Yang 2019), variable time. a < m; 0 gives 0. */
void bulk_inverse_p(enum bulk_curve c, const uint64_t a[4], uint64_t ret[4]);
void bulk_inverse_n(enum bulk_curve c, const uint64_t a[4], uint64_t ret[4]);

/* Signed odd digits, never zero: u = sum of d[j] * 2^(w j) modulo n with |d[j]| odd and < 2^w; even u are written as
 * n - u with all signs turned. windows * w >= 256. ret_digit[j] = (|d[j]| - 1) / 2 * 2 + (1 if d[j] is negative).
 * u = 0 is written as n: its sum is infinity, which the engines meet as an exceptional case. */
void bulk_digits(
    enum bulk_curve c, const uint64_t u[4], unsigned w, unsigned windows, uint16_t *ret_digit);

#endif

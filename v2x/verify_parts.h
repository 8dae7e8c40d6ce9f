/* Between the files of the verification kernel; nobody else includes this, tests excepted. */
#ifndef WAYSIDE_V2X_VERIFY_PARTS_H
#define WAYSIDE_V2X_VERIFY_PARTS_H

#include "v2x/bulk/bulk.h"
#include "v2x/verify.h"

#include <openssl/evp.h>
#include <stdatomic.h>

struct verify_key {
    enum ec_curve curve;
    atomic_bool unproven; /* goes to false, never back */
    atomic_uint refs;
    /* Never given twice in the life of the process: what tables are found by. The key itself may be gone by then, and a
     * short digest of it would let somebody else's signature pass under its table. */
    uint64_t serial;
    struct bulk_point point; /* 256-bit curves */
    /* For the reference; made when it is asked for the first time, on 384-bit curves at once. */
    _Atomic(EVP_PKEY *) pkey;
};

/* Made if need be; NULL: the library failed. Any thread. */
EVP_PKEY *verify_key_pkey(struct verify_key *key);

static inline bool verify_bulk_curve(enum ec_curve curve, enum bulk_curve *ret_curve) {
    *ret_curve = curve == CURVE_P256 ? BULK_P256 : BULK_BP256;
    return ec_octets(curve) == 32;
}

/* Relaxed: nothing else hangs on it. */
static inline bool verify_key_unproven(const struct verify_key *key) {
    return atomic_load_explicit(&key->unproven, memory_order_relaxed);
}

/* r as a number in [1, n-1] (see the definition) and s in [1, n-1]; false: such a signature is bad. ret_r: as long as
 * ec_octets(curve). */
bool verify_ranges(const struct verify_item *item, uint8_t *ret_r);

/* The engine of a backend; NULL for OPENSSL and for what this machine or build has not. */
const struct bulk_engine *verify_engine(enum verify_backend b);
/* An engine's multiples of a base point: made on the first call in the process, then shared by all kernels, to its end. */
const struct bulk_base *verify_base(const struct bulk_engine *engine, enum bulk_curve curve);

/* A kernel over an engine of the caller's; NULL: the reference alone. */
struct verify_kernel *verify_kernel_over(
    const struct verify_config *cfg, const struct bulk_engine *engine);

#endif

/* Which engines there are, which one AUTO means, and their multiples of the base points. */
#include "v2x/verify_parts.h"

#include "base/assert.h"

#include <pthread.h>

static const char *const names[] = {
    [VERIFY_AUTO] = "auto",
    [VERIFY_IFMA] = "ifma",
    [VERIFY_PORTABLE] = "portable",
    [VERIFY_OPENSSL] = "openssl",
};

const char *verify_backend_name(enum verify_backend b) {
    WS_ASSERT((size_t)b < ARRAY_LEN(names));
    return names[b];
}

bool verify_backend_of_name(const char *name, enum verify_backend *ret_backend) {
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret_backend = (enum verify_backend)i;
            return true;
        }
    }
    return false;
}

const struct bulk_engine *verify_engine(enum verify_backend b) {
    if (b == VERIFY_PORTABLE)
        return &bulk_portable;
#if defined(__x86_64__)
    if (b == VERIFY_IFMA && bulk_ifma.usable())
        return &bulk_ifma;
#endif
    return NULL;
}

bool verify_backend_usable(enum verify_backend b) {
    return b == VERIFY_AUTO || b == VERIFY_OPENSSL || verify_engine(b) != NULL;
}

enum verify_backend verify_backend_resolve(enum verify_backend b) {
    if (b != VERIFY_AUTO)
        return b;
    if (verify_backend_usable(VERIFY_IFMA))
        return VERIFY_IFMA;
    return verify_backend_usable(VERIFY_PORTABLE) ? VERIFY_PORTABLE : VERIFY_OPENSSL;
}

/* Five million octets of constants for each engine and curve, the work of a tenth of a second: every kernel of the process
 * reads the same, and nobody frees them, or each pipeline that comes and goes would make them anew. */
const struct bulk_base *verify_base(const struct bulk_engine *engine, enum bulk_curve curve) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct made {
        const struct bulk_engine *engine;
        struct bulk_base *base[BULK_CURVES];
    } made[4];
    WS_ASSERT(pthread_mutex_lock(&lock) == 0);
    size_t i = 0;
    while (made[i].engine != NULL && made[i].engine != engine) {
        i++;
        WS_ASSERT(i < ARRAY_LEN(made));
    }
    made[i].engine = engine;
    if (made[i].base[curve] == NULL)
        made[i].base[curve] = engine->base_new(curve);
    const struct bulk_base *base = made[i].base[curve];
    WS_ASSERT(base != NULL);
    WS_ASSERT(pthread_mutex_unlock(&lock) == 0);
    return base;
}

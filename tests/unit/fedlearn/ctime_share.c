/* Run under valgrind: a vehicle's key is marked as not defined, so that each branch and each address that depends on it is reported.
 * What comes out is public and is marked as defined again. Not in this: seeds, of which only is seen how many candidates were
 * left out, and libsodium's own arithmetic.
 * usage: ctime_share [leak]    leak: does something that must be reported, as proof that the check can fail */
#include "base/assert.h"
#include "base/mem.h"
#include "fedlearn/vehicle/dh.h"
#include "fedlearn/vehicle/share_sum.h"

#include <stdio.h>
#include <stdlib.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_UNDEFINED(p, n) (0)
#define VALGRIND_MAKE_MEM_DEFINED(p, n) (0)
#define RUNNING_ON_VALGRIND 0
#endif

static void secret(const void *p, size_t n) {
    (void)VALGRIND_MAKE_MEM_UNDEFINED(p, n);
}
static void public(const void *p, size_t n) {
    (void)VALGRIND_MAKE_MEM_DEFINED(p, n);
}

static unsigned deal(unsigned n, struct fl_dealer *d) {
    static int8_t key[FL_KEY_VALUES];
    static uint8_t plain[FL_PLAIN_OCTETS_MAX], sealed[FL_PLAIN_OCTETS_MAX + FL_SEAL_OCTETS];
    static uint8_t correction[FL_SHARE_OCTETS], checks[FL_CHECK_OCTETS_MAX];
    static struct fl_share_sum sum;
    struct ws_random r = ws_random_seeded(n);
    const struct fl_point shared = {{9}};
    uint8_t salt[FL_SHARE_SALT] = {0}, challenge[FL_CHALLENGE] = {5};
    unsigned fold = 0;
    for (size_t i = 0; i < FL_KEY_VALUES; i++)
        key[i] = (int8_t)((int)ws_random_below(&r, 85) - 42);
    const struct fl_share_plan plan = fl_share_plan(n, salt);
    secret(key, sizeof(key));
    fl_dealer_begin(d, &plan, key, &r);
    if (plan.kind == FL_SHARE_PIECES) {
        fl_dealer_correction(d, correction);
        public(correction, sizeof(correction));
        fold += correction[7];
    }
    for (unsigned v = 1; v <= n; v++) {
        const size_t octets = fl_plain_octets(&plan, v);
        fl_dealer_plain(d, v, plain);
        fl_seal_text(&shared, span_of(salt, sizeof(salt)), span_of(plain, octets), sealed);
        public(sealed, sizeof(sealed));
        fold += sealed[3];
    }
    fl_dealer_checks(d, challenge, checks);
    public(checks, sizeof(checks));
    fold += checks[2];
    /* a validator adds up what it holds of the key */
    fl_share_sum_add(&sum, d->at[0], 3);
    public(&sum, sizeof(sum));
    fold += sum.v[9];
    fl_dealer_wipe(d);
    public(d, sizeof(*d));
    return fold;
}

int main(int argc, char **argv) {
    static const unsigned sizes[] = {4, 9, 10, 22};
    struct fl_dealer *d = ws_alloc(sizeof(*d));
    unsigned fold = 0;
    if (sodium_init() < 0)
        return 1;
    if (argc > 1 && strcmp(argv[1], "leak") == 0) {
        static const volatile uint8_t table[256] = {1};
        uint8_t key = 3;
        secret(&key, 1);
        fold = table[key];
        public(&fold, sizeof(fold));
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        fold += deal(sizes[i], d);
    free(d);
    (void)printf("%s valgrind, %u\n", RUNNING_ON_VALGRIND ? "under" : "without", fold);
    return RUNNING_ON_VALGRIND ? 0 : 77;
}

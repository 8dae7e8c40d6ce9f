/* Kernels in several threads that share keys and the base points' tables: for the build with ThreadSanitizer. */
#include "tests/support/cm.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/random.h"
#include "v2x/sign.h"
#include "v2x/verify.h"

#include <pthread.h>

enum { SIGNERS = 24, THREADS = 4, ROUNDS = 40, IN_FLIGHT = 128 };

struct shared {
    struct verify_key *key[SIGNERS];
    struct verify_item good[SIGNERS], bad[SIGNERS];
};

struct worker {
    pthread_t thread;
    const struct shared *shared;
    enum verify_backend backend;
    unsigned wrong;
    struct verify_counters n;
};

static void fill(struct shared *s) {
    struct ws_random rnd = ws_random_seeded(21);
    static const enum ec_curve curves[] = {CURVE_P256, CURVE_P256, CURVE_BP256};
    for (size_t i = 0; i < SIGNERS; i++) {
        const enum ec_curve curve = curves[i % ARRAY_LEN(curves)];
        struct sign_key *secret = sign_key_new(curve, &rnd);
        struct buf b = {0};
        struct cert_request rq = {.name = "t", .issue_all = true, .issue_min_chain = 1};
        struct cert c;
        size_t at;
        cert_put(&b, &rq, secret, NULL, (struct span){NULL, 0});
        assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
        /* Half of them are proven while the threads are at work. */
        s->key[i] = (i % 2 == 0 ? verify_key_new : verify_key_new_unproven)(c.key_curve, &c.key);
        assert_non_null(s->key[i]);
        buf_free(&b);
        struct verify_item *item = &s->good[i];
        *item = (struct verify_item){.key = s->key[i], .digest_octets = 32, .r_form = EC_X_ONLY};
        ws_random_bytes(&rnd, item->digest, 32);
        sign_digest(secret, item->digest, item->r, item->s);
        s->bad[i] = *item;
        s->bad[i].digest[5] ^= 1;
        sign_key_free(secret);
    }
}

/* Everybody's two items, again and again, each item with a reference of its own to the key. */
static void *work(void *arg) {
    struct worker *w = arg;
    struct verify_config cfg = verify_config_default(IN_FLIGHT);
    cfg.backend = w->backend;
    cfg.table_octets = (size_t)3 << 20; /* large tables change hands */
    struct verify_kernel *k = verify_kernel_new(&cfg);
    size_t sent = 0, got = 0;
    const size_t all = (size_t)ROUNDS * SIGNERS * 2;
    while (got < all) {
        while (sent < all) {
            const size_t i = sent % SIGNERS, good = sent / SIGNERS % 2;
            struct verify_item item = good != 0 ? w->shared->good[i] : w->shared->bad[i];
            item.tag = i << 1 | good;
            verify_key_ref(item.key);
            if (sent == all / 3)
                verify_key_prove(w->shared->key[1]);
            if (verify_submit(k, &item, 1) == 0) {
                verify_key_unref(item.key);
                break;
            }
            sent++;
        }
        struct verify_answer answers[32];
        const size_t n = verify_poll(k, answers, ARRAY_LEN(answers));
        for (size_t i = 0; i < n; i++) {
            w->wrong += (answers[i].kind == VERIFY_GOOD) != ((answers[i].tag & 1) != 0);
            verify_key_unref(w->shared->key[answers[i].tag >> 1]);
        }
        got += n;
    }
    verify_kernel_counters(k, &w->n);
    verify_kernel_free(k);
    return NULL;
}

static void kernels_share_keys(void **state) {
    (void)state;
    struct shared shared;
    /* OpenSSL's form of a key is made by who asks first. */
    struct worker worker[THREADS] = {{.backend = VERIFY_AUTO}, {.backend = VERIFY_PORTABLE},
        {.backend = VERIFY_OPENSSL}, {.backend = VERIFY_OPENSSL}};
    fill(&shared);
    for (size_t i = 0; i < THREADS; i++) {
        worker[i].shared = &shared;
        assert_int_equal(pthread_create(&worker[i].thread, NULL, work, &worker[i]), 0);
    }
    for (size_t i = 3; i < SIGNERS; i += 2)
        verify_key_prove(shared.key[i]);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(worker[i].thread, NULL), 0);
        assert_int_equal(worker[i].wrong, 0);
        const enum verify_tier most = verify_backend_resolve(worker[i].backend) == VERIFY_OPENSSL
                                          ? VERIFY_REFERENCE
                                          : VERIFY_MID;
        assert_true(worker[i].n.answered[most] > 0);
    }
    for (size_t i = 0; i < SIGNERS; i++)
        verify_key_unref(shared.key[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(kernels_share_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

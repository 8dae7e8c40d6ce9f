/* What the sharing of keys costs a vehicle and a validator, beside libsodium's ristretto255, OpenSSL's X25519 and OpenSSL's SHA-256
 * in the same run. Processor time of one core. usage: bench_fl_share [SECONDS-EACH] */
#include "base/assert.h"
#include "base/mem.h"
#include "fedlearn/round/group.h"
#include "fedlearn/vehicle/bundle_complaint.h"
#include "fedlearn/vehicle/bundle_tree.h"
#include "fedlearn/vehicle/share_sum.h"
#include "ledger/exec/hash.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds_each = 0.2;

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

enum { CIPHERTEXT = 300000, MEMBERS = 1024 };

struct setting {
    struct fl_round round;
    struct fl_reader *reader[FL_VALIDATORS_MAX];
    struct ws_random random;
    uint8_t sender[32], root[32];
    int8_t key[FL_KEY_VALUES];
    struct fl_sealer sealer;
    struct fl_submission made, got;
    uint8_t bundles[FL_BUNDLES_OCTETS_MAX];
    uint16_t share[FL_SHARE_VALUES];
    struct fl_share_sum sum[FL_VALIDATORS_MAX];
    const struct fl_share_sum *sums[FL_VALIDATORS_MAX];
    struct fl_key_sum out;
    struct fl_complaint complaint;
    uint8_t ciphertext[CIPHERTEXT];
    uint8_t scalar[32], point[32], result[32];
    EVP_PKEY_CTX *x25519;
    uint32_t order[MEMBERS], first[MEMBERS];
    unsigned failures;
};

static void seal(struct setting *w) {
    const struct fl_parcel p = {&w->round, w->sender, w->key, CIPHERTEXT, w->root};
    fl_seal(&w->sealer, &p, &w->random, &w->made, w->bundles);
}
static void accept(struct setting *w) {
    w->failures +=
        fl_submission_accept(&w->round, w->sender, &w->made.cover, &w->got) != FL_ACCEPT_GOOD;
}
static struct span bundle(const struct setting *w, unsigned v) {
    return span_of(
        w->bundles + fl_bundle_offset(&w->made.plan, v), fl_bundle_octets(&w->made.plan, v));
}
static void open_bundle(struct setting *w) {
    w->failures += fl_bundle_open(&w->round, &w->got, 1, bundle(w, 1), w->reader[0], w->share) !=
                   FL_BUNDLE_GOOD;
}
static void judge(struct setting *w) {
    w->failures += fl_complaint_judge(&w->round, &w->got, &w->complaint, bundle(w, 1), NULL) !=
                   FL_COMPLAINT_FALSE;
}
static void add(struct setting *w) {
    fl_share_sum_add(&w->sum[FL_VALIDATORS_MAX - 1], w->share, 1);
}
static void decode(struct setting *w) {
    fl_shares_decode(w->sums, w->round.n, &w->out);
    w->failures += w->out.state != FL_DECODE_DONE;
}
static void ristretto(struct setting *w) {
    w->failures += crypto_scalarmult_ristretto255(w->result, w->scalar, w->point) != 0;
}
static void x25519(struct setting *w) {
    size_t n = 32;
    w->failures += EVP_PKEY_derive(w->x25519, w->result, &n) != 1;
}
static void tree(struct setting *w) {
    fl_data_root(span_of(w->ciphertext, CIPHERTEXT), w->root);
}
static void sha256(struct setting *w) {
    exec_sha256_one(span_of(w->ciphertext, CIPHERTEXT), w->result);
}
static void draw(struct setting *w) {
    struct fl_drawing d = {.n = MEMBERS, .sizes = {16, 8, 64}};
    struct fl_groups g = {.order = w->order, .first = w->first};
    w->failures += fl_groups_draw(&d, &g) != FL_GROUPS_DRAWN;
}

static double per_call(void (*fn)(struct setting *w), struct setting *w) {
    size_t n = 0;
    double spent;
    const double start = now();
    do {
        fn(w);
        n++;
        spent = now() - start;
    } while (spent < seconds_each);
    return spent / (double)n * 1e6;
}

static void prepare(struct setting *w, unsigned n) {
    uint8_t secret[32];
    w->random = ws_random_seeded(n);
    w->round.n = (uint8_t)n;
    for (unsigned v = 0; v < n; v++) {
        fl_reader_free(w->reader[v]);
        ws_random_bytes(&w->random, secret, 32);
        ws_random_bytes(&w->random, w->round.seat[v].address, 32);
        w->reader[v] = fl_reader_new(secret);
        WS_ASSERT(w->reader[v] != NULL);
        fl_reader_public(w->reader[v], &w->round.seat[v].key);
    }
    memset(w->sum, 0, sizeof(w->sum));
    for (size_t i = 0; i < FL_KEY_VALUES; i++)
        w->key[i] = (int8_t)((int)ws_random_below(&w->random, 85) - 42);
    seal(w);
    accept(w);
    for (unsigned v = n; v >= 1; v--) {
        w->failures += fl_bundle_open(&w->round, &w->got, v, bundle(w, v), w->reader[v - 1],
                           w->share) != FL_BUNDLE_GOOD;
        fl_share_sum_add(&w->sum[v - 1], w->share, 1);
        w->sums[v - 1] = &w->sum[v - 1];
    }
}

static void of_validators(struct setting *w, unsigned n) {
    prepare(w, n);
    const size_t octets = fl_cover_octets(n) + fl_bundle_offset(&w->made.plan, n + 1);
    (void)printf("\nn = %u, f = %u, %s: cover and bundles %zu octets\n", n, fl_faults(n),
        w->made.plan.kind == FL_SHARE_PIECES ? "pieces" : "points", octets);
    const double mul = per_call(ristretto, w), sealing = per_call(seal, w);
    (void)printf("  vehicle: deal, seal, commit       %8.1f us  (%u multiplications: %.1f us)\n",
        sealing, n + 2, mul * (n + 2));
    (void)printf("  validator: accept a cover         %8.1f us\n", per_call(accept, w));
    (void)printf("  validator: open and check         %8.1f us  (one multiplication: %.1f us)\n",
        per_call(open_bundle, w), mul);
    fl_complaint_make(&w->round, &w->got, 1, w->reader[0], &w->complaint);
    (void)printf("  judge a complaint                 %8.1f us\n", per_call(judge, w));
    (void)printf("  open a group, nobody lies         %8.1f us\n", per_call(decode, w));
    for (unsigned v = 0; v < fl_faults(n); v++)
        for (size_t i = 0; i < FL_KEY_VALUES; i += v + 1)
            w->sum[v].v[i] = (uint16_t)((w->sum[v].v[i] + 1) % FL_SHARE_PRIME);
    (void)printf("  open a group, f lie               %8.1f us\n", per_call(decode, w));
}

int main(int argc, char **argv) {
    static const unsigned sizes[] = {4, 7, 10, 22};
    if (argc > 1)
        seconds_each = strtod(argv[1], NULL);
    struct setting *w = ws_alloc(sizeof(*w));
    int rc = sodium_init();
    WS_ASSERT(rc >= 0);
    ws_random_bytes(&(struct ws_random){.seeded = false}, w->ciphertext, CIPHERTEXT);
    crypto_core_ristretto255_scalar_random(w->scalar);
    crypto_core_ristretto255_random(w->point);
    EVP_PKEY *own = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    EVP_PKEY *peer = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    w->x25519 = EVP_PKEY_CTX_new(own, NULL);
    WS_ASSERT(w->x25519 != NULL && EVP_PKEY_derive_init(w->x25519) == 1 &&
              EVP_PKEY_derive_set_peer(w->x25519, peer) == 1);
    (void)printf(
        "baselines: ristretto255 multiplication %.1f us (libsodium), X25519 %.1f us (OpenSSL)\n",
        per_call(ristretto, w), per_call(x25519, w));
    const double plain = per_call(sha256, w), hashed = per_call(tree, w);
    (void)printf("hash of a ciphertext of %d octets: tree %.1f us, SHA-256 in one piece %.1f us, "
                 "ratio %.2f\n",
        CIPHERTEXT, hashed, plain, hashed / plain);
    (void)printf("add a share to a sum %.2f us; draw groups of %d members %.1f us\n",
        per_call(add, w), MEMBERS, per_call(draw, w));
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        of_validators(w, sizes[i]);
    if (w->failures > 0)
        (void)fprintf(stderr, "%u failures\n", w->failures);
    for (size_t v = 0; v < FL_VALIDATORS_MAX; v++)
        fl_reader_free(w->reader[v]);
    EVP_PKEY_CTX_free(w->x25519);
    EVP_PKEY_free(own);
    EVP_PKEY_free(peer);
    const unsigned failures = w->failures;
    free(w);
    return failures > 0;
}

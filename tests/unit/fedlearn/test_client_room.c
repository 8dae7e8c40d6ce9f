/* What a vehicle needs of a machine: no heap from training to the receipt (counted at every allocator that our code, libcrypto and
 * libsodium have), and a stack of stated size (measured on one that was painted). */
#include "base/mem.h"
#include "fedlearn/vehicle/client.h"
#include "fedlearn/vehicle/quantise.h"
#include "fedlearn/vehicle/submit.h"
#include "fedlearn/vehicle/train.h"
#include "tests/unit/fedlearn/upload_rig.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PARAMS_MAX = 13000, STACK = 1 << 20, PAINT = 0xa5, INPUTS = 14, ROWS = 64 };

/* ---- every way to the heap ---- */
static bool counting;
static unsigned taken;

static void count(void) {
    taken += counting;
}
/* The linker's names for what it wraps: -Wl,--wrap=malloc and so on. */
// NOLINTBEGIN(bugprone-reserved-identifier)
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t to, size_t n);
void *__real_sodium_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t to, size_t n);
void *__wrap_sodium_malloc(size_t n);
void *__wrap_malloc(size_t n) {
    count();
    return __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size) {
    count();
    return __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t n) {
    count();
    return __real_realloc(p, n);
}
void *__wrap_aligned_alloc(size_t to, size_t n) {
    count();
    return __real_aligned_alloc(to, n);
}
void *__wrap_sodium_malloc(size_t n) {
    count();
    return __real_sodium_malloc(n);
}
// NOLINTEND(bugprone-reserved-identifier)

static void *crypto_malloc(size_t n, const char *file, int line) {
    (void)file, (void)line;
    return n == 0 ? NULL : malloc(n);
}
static void *crypto_realloc(void *p, size_t n, const char *file, int line) {
    (void)file, (void)line;
    return realloc(p, n);
}
static void crypto_free(void *p, const char *file, int line) {
    (void)file, (void)line;
    free(p);
}

/* ---- a vehicle ---- */
struct vehicle {
    struct fl_client client;
    struct upload_world world;
    struct fl_open open;
    struct fl_client_made made;
    float params[PARAMS_MAX], update[PARAMS_MAX];
    int32_t model[PARAMS_MAX], symbols[PARAMS_MAX];
    int32_t x[ROWS * INPUTS];
    uint8_t y[ROWS];
    uint8_t *octets;
    float *scratch;
    struct fl_upload_pair key;
    struct fl_upload up;
    uint8_t submit[FL_SUBMIT_OCTETS];
};

static void open_of(struct vehicle *v, unsigned n, uint8_t profile, size_t params, uint32_t noise) {
    static const uint8_t bits[] = {0, 8, 12, 16, 16, 6};
    v->open = (struct fl_open){.round = 1,
        .model = "room",
        .params = (uint32_t)params,
        .n = (uint8_t)n,
        .config = {
            .scale = {.bits = bits[profile], .clip = 3 << 19, .clip_inf = 1 << 18, .noise = noise},
            .rules = FL_RULES_DEFAULT,
            .suspicion = FL_SUSPICION_DEFAULT,
            .group_min = 8,
            .group = 16,
            .submissions_max = 100,
            .submit_us = 1,
            .attest_us = 1,
            .open_us = 1,
            .judge_us = 1,
            .epoch_us = 1}};
    assert_int_equal(fl_profile_by_octet(profile, &v->open.config.profile, NULL), WS_OK);
    for (size_t i = 0; i < n; i++)
        v->open.seat[i] = v->world.round.seat[i % UPLOAD_UNITS];
}

static struct vehicle *vehicle_new(void) {
    struct vehicle *v = aligned_alloc(64, (sizeof(*v) + 63) / 64 * 64);
    assert_non_null(v);
    memset(v, 0, sizeof(*v));
    upload_world_open(&v->world, 9);
    assert_int_equal(fl_client_open(&v->client, NULL), WS_OK);
    for (size_t i = 0; i < sizeof(v->x) / sizeof(v->x[0]); i++)
        v->x[i] = (int32_t)ws_random_below(&v->world.random, 1 << 17) - (1 << 16);
    for (size_t i = 0; i < ROWS; i++)
        v->y[i] = (uint8_t)(i % 4);
    v->octets = ws_alloc(1 << 20);
    v->scratch = ws_alloc((size_t)1 << 20);
    return v;
}

static void vehicle_free(struct vehicle *v) {
    fl_client_close(&v->client);
    upload_world_close(&v->world);
    free(v->octets);
    free(v->scratch);
    free(v);
}

static void learn(struct vehicle *v) {
    const struct fl_shape shape = {INPUTS, 32, 4};
    const struct fl_rows rows = {v->x, v->y, ROWS};
    const struct fl_train opts = {.steps = 5, .batch = 16, .rate = 0.1F};
    assert_true(fl_train_scratch(&shape) * sizeof(float) <= (size_t)1 << 20);
    assert_true(fl_shape_params(&shape) == 612);
    assert_int_equal(
        fl_train_run(&shape, &rows, &opts, &v->world.random, v->params, v->scratch, NULL), WS_OK);
    fl_update(v->params, v->model, 612, v->update);
}

static void make(struct vehicle *v) {
    static const uint8_t cell[32] = {1}, seed[32] = {2}, token[32] = {3};
    const struct fl_client_round round = {cell, &v->open, seed, token};
    struct ws_random system = ws_random_system();
    assert_int_equal(fl_client_make(&v->client, &round, v->update, v->symbols, &system, v->octets,
                         &v->made, NULL),
        WS_OK);
    struct fl_submit s = {
        .round = 1, .profile = v->open.config.profile->octet, .params = v->open.params};
    fl_upload_draw(&system, &v->key);
    memcpy(s.id, v->made.id, 32);
    memcpy(s.upload_key, v->key.public, 32);
    fl_submit_put(&s, v->submit);
}

/* A unit of the upload rig answers: what the vehicle's state machine asks and hears, until the receipt. */
static void send_all(struct vehicle *v) {
    struct ws_now now = {1000000, UINT64_C(700000000000000)};
    const struct fl_upload_parcel parcel = {.round = &v->world.round,
        .number = 1,
        .id = v->made.id,
        .key = &v->key,
        .material = {span_of(v->octets, v->made.cover_octets),
            span_of(v->octets + v->made.cover_octets, v->made.bundle_octets),
            span_of(v->octets + v->made.cover_octets + v->made.bundle_octets, v->made.wire_octets)},
        .give_up_us = now.mono_us + 60000000};
    uint8_t octets[FL_UPLOAD_DATAGRAM_MAX];
    struct fl_upload_pair unit;
    struct fl_upload_ask ask;
    struct fl_upload_welcome w = {.unit = {.alg = 1, .since_us = now.its_us}};
    fl_upload_begin(&v->up, &parcel, now);
    size_t n = fl_upload_next(&v->up, now, &v->world.random, octets);
    assert_true(fl_upload_ask_read(span_of(octets, n), &ask));
    fl_upload_draw(&v->world.random, &unit);
    memcpy(w.name, ask.name, 32);
    w.nonce = ask.nonce;
    memcpy(w.unit.key, unit.public, 32);
    memcpy(w.unit.signer, v->world.unit[0].signer, 32);
    uint8_t to_sign[FL_UNIT_KEY_SIGNED];
    fl_unit_key_signed(v->world.round.cell, &w.unit, to_sign);
    upload_sign(&v->world.unit[0], span_of(to_sign, sizeof(to_sign)), w.unit.signature);
    fl_upload_welcome_put(&w, octets);
    fl_upload_hear(&v->up, span_of(octets, FL_UPLOAD_WELCOME_OCTETS), now);
    unsigned parts = 0;
    for (unsigned t = 0; t < 1000; t++) {
        now.mono_us += 10000;
        now.its_us += 10000;
        while (fl_upload_next(&v->up, now, &v->world.random, octets) > 0)
            parts += v->up.counters.parts > 0;
    }
    assert_true(parts > 0 && v->up.counters.probes > 0);
    struct fl_receipt r = {.round = 1,
        .octets = fl_upload_length(&v->up.shape),
        .time_us = now.its_us,
        .deadline_us = now.its_us + 1000000,
        .alg = 1};
    memcpy(r.id, v->made.id, 32);
    memcpy(r.signer, v->world.unit[0].signer, 32);
    uint8_t receipt_signed[FL_RECEIPT_SIGNED];
    fl_receipt_signed(v->world.round.cell, &r, receipt_signed);
    upload_sign(&v->world.unit[0], span_of(receipt_signed, sizeof(receipt_signed)), r.signature);
    fl_upload_receipt_put(v->up.name, 0, &r, octets);
    fl_upload_hear(&v->up, span_of(octets, FL_UPLOAD_RECEIPT_OCTETS), now);
    assert_int_equal(v->up.state, FL_UPLOAD_DONE);
    fl_upload_end(&v->up);
}

static void whole_way(struct vehicle *v) {
    learn(v);
    make(v);
}

static void no_heap(void **state) {
    (void)state;
    static const struct {
        unsigned n;
        uint8_t profile;
        size_t params;
        uint32_t noise;
    } cases[] = {{4, FL_STANDARD, 612, 0}, {7, FL_COMPACT, 5000, 0}, {10, FL_PRECISE, 2047, 300},
        {22, FL_TINY, 13000, 0}, {13, FL_STANDARD, 1, 100}, {4, FL_CELL, 2049, 0}};
    struct vehicle *v = vehicle_new();
    /* The counters count: each kind of allocation is seen. */
    counting = true;
    taken = 0;
    free(ws_alloc(10));
    free(ws_realloc(NULL, 10));
    fl_client_close(&v->client);
    assert_int_equal(taken, 2);
    assert_int_equal(fl_client_open(&v->client, NULL), WS_OK);
    assert_true(taken > 2); /* libcrypto's, in fl_client_open */
    counting = false;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        open_of(v, cases[i].n, cases[i].profile, cases[i].params, cases[i].noise);
        assert_true(fl_client_octets(&v->open) <= 1 << 20);
        counting = true;
        taken = 0;
        whole_way(v);
        counting = false;
        if (taken != 0)
            fail_msg("%u allocations for n = %u, profile %u, %zu parameters", taken, cases[i].n,
                cases[i].profile, cases[i].params);
    }
    open_of(v, UPLOAD_UNITS, FL_STANDARD, 612, 0);
    make(v);
    counting = true;
    taken = 0;
    send_all(v);
    counting = false;
    assert_int_equal(taken, 0);
    vehicle_free(v);
}

static void *on_painted(void *ctx) {
    whole_way(ctx);
    send_all(ctx);
    return NULL;
}

/* docs/learning-client.md says 96 kB; sanitizers need more and prove nothing about it. */
static void stack(void **state) {
    (void)state;
    struct vehicle *v = vehicle_new();
    uint8_t *memory = aligned_alloc(4096, STACK);
    pthread_attr_t attr;
    pthread_t thread;
    assert_non_null(memory);
    memset(memory, PAINT, STACK);
    open_of(v, UPLOAD_UNITS, FL_STANDARD, 612, 300);
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstack(&attr, memory, STACK), 0);
    assert_int_equal(pthread_create(&thread, &attr, on_painted, v), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    size_t untouched = 0;
    while (untouched < STACK && memory[untouched] == PAINT)
        untouched++;
    const size_t used = STACK - untouched;
    printf("stack %zu octets; fl_client %zu, fl_open %zu, fl_upload %zu\n", used,
        sizeof(struct fl_client), sizeof(struct fl_open), sizeof(struct fl_upload));
    assert_true(used > 1000);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(used <= 96 * 1024);
#endif
    assert_true(sizeof(struct fl_client) <= 256 * 1024);
    (void)pthread_attr_destroy(&attr);
    free(memory);
    vehicle_free(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_heap), cmocka_unit_test(stack)};
    if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

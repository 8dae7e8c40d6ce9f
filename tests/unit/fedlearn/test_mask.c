/* The scheme from a vehicle's parameters to the opened sum, on every path, against the definition. */
#include "tests/support/cm.h"

#include "fedlearn/vehicle/ring_path.h"
#include "fl_slow.h"

#include "base/random.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

static struct fl_ring ring;
static struct fl_mask mask;
static uint8_t round_seed[32] = "a round of the unit test";
static const char *const profile_names[] = {"compact", "standard", "precise", "cell", "tiny"};

static void each_path(void (*fn)(const struct fl_profile *p)) {
    const char *names[FL_RING_PATHS_MAX];
    const size_t n = fl_ring_paths(names);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(fl_ring_init(&ring, names[i], NULL), WS_OK);
        assert_int_equal(fl_mask_open(&mask, &ring, NULL), WS_OK);
        fl_mask_round(&mask, round_seed);
        for (size_t k = 0; k < ARRAY_LEN(profile_names); k++)
            fn(fl_profile_by_name(profile_names[k]));
        fl_mask_close(&mask);
    }
}

static int32_t some_parameter(const struct fl_profile *p, struct ws_random *rnd) {
    const uint64_t span = 2 * (uint64_t)p->limit + 1;
    return (int32_t)ws_random_below(rnd, span) - p->limit;
}

/* ---- encryption against the definition ---- */

/* Counter mode by single blocks. */
static void slow_stream(const uint8_t key[16], uint64_t index, uint8_t *dst, size_t n) {
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    assert_non_null(c);
    assert_int_equal(EVP_EncryptInit_ex(c, EVP_aes_128_ecb(), NULL, key, NULL), 1);
    for (uint64_t i = 0; i < n / 16; i++) {
        uint8_t block[16];
        int out;
        put_be64(block, index);
        put_be64(block + 8, i);
        assert_int_equal(EVP_EncryptUpdate(c, dst + 16 * i, &out, block, 16), 1);
    }
    EVP_CIPHER_CTX_free(c);
}

static void slow_encrypt(const struct fl_profile *p, const uint8_t seed[16], size_t chunk,
    const int32_t *u, size_t n, uint64_t *ret_c) {
    static uint8_t octets[16 * FL_N];
    static uint64_t a[FL_N];
    static uint64_t s[FL_N];
    static uint64_t poly[FL_N];
    uint8_t in[33];
    uint8_t hash[32];
    memcpy(in, round_seed, 32);
    in[32] = 0x41;
    assert_int_equal(EVP_Digest(in, 33, hash, NULL, EVP_sha256(), NULL), 1);
    slow_stream(hash, chunk, octets, 8 * FL_N);
    for (size_t i = 0; i < FL_N; i++) {
        a[i] = 0;
        for (size_t k = 8; k-- > 0;)
            a[i] = a[i] << 8 | octets[8 * i + k];
        a[i] %= (uint64_t)1 << 50;
        assert_true(a[i] < FL_Q); /* so it is with this seed */
    }
    slow_stream(seed, 0, octets, 16 * FL_N);
    for (size_t i = 0; i < FL_N; i++)
        s[i] = slow_mod(slow_binomial(octets + 16 * i));
    slow_from_transform(a, poly);
    slow_product(poly, s, ret_c);
    slow_stream(seed, 1 + chunk, octets, 16 * FL_N);
    for (size_t i = 0; i < (n + p->fields - 1) / p->fields; i++) {
        int64_t m = 0;
        for (size_t k = p->fields; k-- > 0;) {
            const size_t at = i * p->fields + k;
            m = m * ((int64_t)1 << p->field_bits) + (at < n ? u[at] : 0);
        }
        ret_c[i] = (ret_c[i] + slow_mod(slow_binomial(octets + 16 * i)) +
                       slow_mul(slow_mod(m), p->delta)) %
                   FL_Q;
    }
}

static void encryption_is_the_definition(const struct fl_profile *p) {
    struct ws_random rnd = ws_random_seeded(20);
    static int32_t u[FL_CHUNK_PARAMS_MAX];
    static uint64_t want[FL_N];
    uint8_t seed[16];
    const size_t n = fl_full_params(p) - 5; /* of the last chunk, number 3 */
    const size_t d = 3 * fl_full_params(p) + n;
    const size_t coefs = fl_chunk_coefs(p, d, 3);
    uint8_t *wire = malloc(fl_chunk_octets(p, d, 3));
    assert_non_null(wire);
    ws_random_bytes(&rnd, seed, sizeof(seed));
    for (size_t i = 0; i < n; i++)
        u[i] = some_parameter(p, &rnd);
    u[0] = p->limit;
    u[1] = -p->limit;
    fl_mask_draw_key(&mask, seed, NULL);
    fl_mask_encrypt(&mask, p, d, 3, u, wire);
    slow_encrypt(p, seed, 3, u, n, want);
    for (size_t i = 0; i < coefs; i++)
        assert_int_equal(slow_bits(wire, p->wire_bits, i),
            (want[i] + ((uint64_t)1 << (p->drop - 1))) / ((uint64_t)1 << p->drop) %
                ((uint64_t)1 << p->wire_bits));
    free(wire);
}

/* ---- a group ---- */

enum { MEMBERS = 12 };

struct group {
    size_t d;
    int32_t *u[MEMBERS];
    uint8_t *wire[MEMBERS];
    uint16_t weight[MEMBERS];
    struct fl_weights weights;
    int16_t s[FL_N];
    int32_t *want;
    int32_t *got;
    uint64_t *sum;
    struct fl_opening opening;
};

static void group_make(struct group *g, const struct fl_profile *p, size_t d, bool weighted) {
    struct ws_random rnd = ws_random_seeded(30 + d);
    memset(g, 0, sizeof(*g));
    g->d = d;
    g->want = ws_calloc(d, sizeof(*g->want));
    g->got = ws_calloc(d, sizeof(*g->got));
    g->sum = ws_calloc(fl_coefs(p, d), sizeof(*g->sum));
    for (size_t i = 0; i < MEMBERS; i++) {
        uint8_t seed[16];
        int8_t s[FL_N];
        ws_random_bytes(&rnd, seed, sizeof(seed));
        g->weight[i] = (uint16_t)(weighted && i % 4 == 0 ? 4 : 1);
        g->u[i] = ws_calloc(d, sizeof(*g->u[i]));
        g->wire[i] = ws_alloc(fl_wire_octets(p, d));
        for (size_t k = 0; k < d; k++) {
            g->u[i][k] = some_parameter(p, &rnd);
            if (k < 2 || k + 2 >= d) /* the ends of the range, all members alike */
                g->u[i][k] = k % 2 == 0 ? p->limit : -p->limit;
            g->want[k] += g->weight[i] * g->u[i][k];
        }
        fl_mask_draw_key(&mask, seed, s);
        for (size_t k = 0; k < FL_N; k++)
            g->s[k] = (int16_t)(g->s[k] + g->weight[i] * s[k]);
        for (size_t c = 0; c < fl_chunks(p, d); c++)
            fl_mask_encrypt(&mask, p, d, c, g->u[i] + c * fl_full_params(p),
                g->wire[i] + c * fl_full_octets(p));
        assert_int_equal(
            fl_wire_check(p, d, span_of(g->wire[i], fl_wire_octets(p, d)), NULL), WS_OK);
    }
    assert_int_equal(fl_weights_check(p, g->weight, MEMBERS, &g->weights, NULL), WS_OK);
    fl_sum_wires(&ring, p, d, (const uint8_t *const *)g->wire, g->weight, MEMBERS, 0,
        fl_chunks(p, d), g->sum);
}

static enum fl_opening_verdict group_open(struct group *g, const struct fl_profile *p) {
    g->opening = FL_OPENING_NONE;
    fl_mask_open_key(&mask, g->s);
    for (size_t c = 0; c < fl_chunks(p, g->d); c++) {
        struct fl_opening part = FL_OPENING_NONE;
        fl_mask_unmask(&mask, p, g->d, c, g->weights, g->sum + c * FL_N,
            g->got + c * fl_full_params(p), &part);
        fl_opening_add(&g->opening, &part);
    }
    return fl_opening_judge(p, g->weights, &g->opening);
}

static void group_free(struct group *g) {
    for (size_t i = 0; i < MEMBERS; i++) {
        free(g->u[i]);
        free(g->wire[i]);
    }
    free(g->want);
    free(g->got);
    free(g->sum);
}

static void sums_come_out(const struct fl_profile *p) {
    const size_t ds[] = {33, fl_full_params(p), fl_full_params(p) + 2, 3 * fl_full_params(p) - 1};
    static struct group g;
    for (size_t k = 0; k < ARRAY_LEN(ds); k++) {
        group_make(&g, p, ds[k], k % 2 == 1);
        assert_int_equal(group_open(&g, p), FL_OPENING_GOOD);
        assert_memory_equal(g.got, g.want, ds[k] * sizeof(*g.got));
        fl_u128 norm = 0;
        for (size_t i = 0; i < ds[k]; i++)
            norm += (uint64_t)((int64_t)g.want[i] * g.want[i]);
        assert_true(g.opening.norm == norm);
        assert_int_equal(g.opening.coefs, fl_coefs(p, ds[k]));
        assert_int_equal(g.opening.params, ds[k]);
        assert_int_equal(g.opening.first_beyond, UINT64_MAX);
        /* near sigma^2: what an honest group shows */
        const double sigma2 =
            g.weights.squares * (21 + (double)((uint64_t)1 << (2 * p->drop)) / 12);
        assert_true((double)fl_opening_mean_square(&g.opening) < 1.5 * sigma2);
        assert_true((double)fl_opening_mean_square(&g.opening) > 0.6 * sigma2);
        /* member by member, and in two parts, is the same */
        uint64_t *again = ws_calloc(fl_coefs(p, ds[k]), sizeof(*again));
        for (size_t i = 0; i < MEMBERS; i++)
            fl_sum_add(&ring, p, ds[k], g.wire[i], g.weight[i], again);
        assert_memory_equal(again, g.sum, fl_coefs(p, ds[k]) * sizeof(*again));
        memset(again, 0, fl_coefs(p, ds[k]) * sizeof(*again));
        const size_t chunks = fl_chunks(p, ds[k]);
        for (size_t c = chunks; c-- > 0;)
            fl_sum_wires(
                &ring, p, ds[k], (const uint8_t *const *)g.wire, g.weight, MEMBERS, c, 1, again);
        assert_memory_equal(again, g.sum, fl_coefs(p, ds[k]) * sizeof(*again));
        for (size_t c = 0; c < chunks; c++)
            fl_sum_chunk(&ring, p, ds[k], (const uint8_t *const *)g.wire, g.weight, MEMBERS, c,
                again + c * FL_N);
        assert_memory_equal(again, g.sum, fl_coefs(p, ds[k]) * sizeof(*again));
        free(again);
        group_free(&g);
    }
}

static void what_is_wrong_shows(const struct fl_profile *p) {
    const size_t d = fl_full_params(p) + 70 * (size_t)p->fields;
    static struct group g;
    group_make(&g, p, d, false);
    /* a key sum off by one in one place */
    g.s[17]++;
    assert_int_equal(group_open(&g, p), FL_OPENING_RESIDUAL);
    g.s[17]--;
    /* an opened key that is right, for ciphertexts of which one is another round's */
    uint64_t kept = g.sum[5];
    for (size_t i = 0; i < fl_coefs(p, d); i++)
        g.sum[i] -= slow_bits(g.wire[3], p->wire_bits, i);
    assert_int_equal(group_open(&g, p), FL_OPENING_RESIDUAL);
    for (size_t i = 0; i < fl_coefs(p, d); i++)
        g.sum[i] += slow_bits(g.wire[3], p->wire_bits, i);
    assert_int_equal(g.sum[5], kept);
    assert_int_equal(group_open(&g, p), FL_OPENING_GOOD);
    /* one member's message far above its range: added as a multiple of delta, so the residual stays small */
    const uint64_t step = ((uint64_t)g.weights.sum * (uint64_t)p->limit * 2 * p->delta) >> p->drop;
    g.sum[9] += step;
    assert_int_equal(group_open(&g, p), FL_OPENING_RANGE);
    assert_true(g.opening.beyond >= 1);
    assert_true(g.opening.first_beyond / p->fields == 9);
    g.sum[9] = g.sum[9] - step;
    /* fewer members claimed than there are */
    struct fl_weights real = g.weights;
    g.weights.sum = 1;
    assert_int_equal(group_open(&g, p), FL_OPENING_RANGE);
    g.weights = real;
    assert_int_equal(group_open(&g, p), FL_OPENING_GOOD);
    group_free(&g);
}

/* Exactly 2.25 times the expected mean square still passes; one more unit of the sum does not. */
static void judged_at_the_threshold(const struct fl_profile *p) {
    const struct fl_weights weights = {5, 7};
    const uint64_t n = 48; /* so that the bound is a whole number */
    const fl_u128 bound = 9 * n * weights.squares * (252 + ((fl_u128)1 << 2 * p->drop)) / 48;
    struct fl_opening o = FL_OPENING_NONE;
    o.coefs = n;
    o.residual = bound;
    assert_int_equal(fl_opening_judge(p, weights, &o), FL_OPENING_GOOD);
    o.beyond = 1;
    assert_int_equal(fl_opening_judge(p, weights, &o), FL_OPENING_RANGE);
    o.residual++;
    assert_int_equal(fl_opening_judge(p, weights, &o), FL_OPENING_RESIDUAL); /* said first */
    /* the largest there can be */
    o.coefs = FL_D_MAX;
    o.residual = (fl_u128)FL_D_MAX << 62;
    assert_int_equal(fl_opening_judge(p, weights, &o), FL_OPENING_RESIDUAL);
}

/* One member sends octets of chance, or an honest ciphertext whose message breaks a field's limit by one. */
static void malformed_members_show(const struct fl_profile *p) {
    const size_t d = fl_full_params(p);
    struct ws_random rnd = ws_random_seeded(44);
    static struct group g;
    group_make(&g, p, d, false);
    for (size_t i = 0; i < FL_N; i++) {
        g.sum[i] -= slow_bits(g.wire[5], p->wire_bits, i);
        g.sum[i] += ws_random_below(&rnd, p->wire_max + 1);
    }
    assert_int_equal(group_open(&g, p), FL_OPENING_RESIDUAL);
    group_free(&g);
    /* All members are at the limit in parameter 0, the lowest field; one goes one further. Its neighbours stay what they are. */
    group_make(&g, p, d, false);
    assert_int_equal(g.want[0], MEMBERS * p->limit);
    g.sum[0] += (p->delta + ((uint64_t)1 << (p->drop - 1))) >> p->drop;
    assert_int_equal(group_open(&g, p), FL_OPENING_RANGE);
    assert_int_equal(g.opening.beyond, 1);
    assert_int_equal(g.opening.first_beyond, 0);
    assert_int_equal(g.got[0], g.want[0] + 1);
    assert_memory_equal(g.got + 1, g.want + 1, (d - 1) * sizeof(*g.got));
    group_free(&g);
}

/* What is not within the limit goes out as the limit, never into a neighbour's field. */
static void parameters_are_clamped(const struct fl_profile *p) {
    static const uint8_t seed[16] = {1};
    static int32_t u[FL_CHUNK_PARAMS_MAX];
    static int32_t v[FL_CHUNK_PARAMS_MAX];
    static uint8_t a[FL_CHUNK_WIRE_MAX];
    static uint8_t b[FL_CHUNK_WIRE_MAX];
    const int32_t wild[] = {
        INT32_MIN, INT32_MAX, p->limit, -p->limit, p->limit + 1, -p->limit - 1, 1, -1};
    const size_t n = fl_full_params(p);
    for (size_t i = 0; i < n; i++) {
        u[i] = wild[i % 8];
        v[i] = u[i] > p->limit ? p->limit : u[i] < -p->limit ? -p->limit : u[i];
    }
    fl_mask_draw_key(&mask, seed, NULL);
    fl_mask_encrypt(&mask, p, n, 0, u, a);
    fl_mask_encrypt(&mask, p, n, 0, v, b);
    assert_memory_equal(a, b, fl_full_octets(p));
}

static void wiped(const struct fl_profile *p) {
    (void)p;
    static const uint8_t seed[16] = {2};
    static const struct fl_multiplier none;
    static uint8_t wire[FL_CHUNK_WIRE_MAX];
    const int32_t u[3] = {1, 2, 3};
    fl_mask_draw_key(&mask, seed, NULL);
    fl_mask_encrypt(&mask, p, 3, 0, u, wire);
    fl_mask_forget(&mask);
    assert_memory_equal(&mask.key, &none, sizeof(none));
    assert_memory_equal(mask.a, &none, sizeof(mask.a));
    assert_memory_equal(mask.m, &none, sizeof(mask.m));
    assert_memory_equal(mask.small, &none, sizeof(mask.small));
    assert_memory_equal(mask.octets, &none, sizeof(mask.octets));
    assert_int_equal(mask.holds, FL_HOLDS_NONE);
}

static void definition_test(void **state) {
    (void)state;
    each_path(encryption_is_the_definition);
}
static void sums_test(void **state) {
    (void)state;
    each_path(sums_come_out);
}
static void wrong_test(void **state) {
    (void)state;
    each_path(what_is_wrong_shows);
}
static void threshold_test(void **state) {
    (void)state;
    each_path(judged_at_the_threshold);
}
static void malformed_test(void **state) {
    (void)state;
    each_path(malformed_members_show);
}
static void clamp_test(void **state) {
    (void)state;
    each_path(parameters_are_clamped);
}
static void wiped_test(void **state) {
    (void)state;
    each_path(wiped);
}

/* ---- wires ---- */

static void wire_refused(
    const struct fl_profile *p, size_t d, const uint8_t *wire, size_t n, const char *word) {
    struct ws_err err;
    uint8_t *exact = malloc(n == 0 ? 1 : n);
    assert_non_null(exact);
    if (n > 0)
        memcpy(exact, wire, n);
    assert_int_equal(fl_wire_check(p, d, span_of(exact, n), &err), WS_EINPUT);
    assert_non_null(strstr(err.text, word));
    free(exact);
}

enum { COEFS = 131 };

static void wires_are_checked(void **state) {
    (void)state;
    static uint8_t wire[4096];
    for (size_t k = 0; k < ARRAY_LEN(profile_names); k++) {
        const struct fl_profile *p = fl_profile_by_name(profile_names[k]);
        const size_t d = COEFS * (size_t)p->fields;
        const size_t octets = fl_wire_octets(p, d);
        assert_true(octets < sizeof(wire));
        memset(wire, 0, sizeof(wire));
        for (size_t n = 0; n < octets + 3; n++) {
            if (n == octets)
                assert_int_equal(fl_wire_check(p, d, span_of(wire, n), NULL), WS_OK);
            else
                wire_refused(p, d, wire, n, "octets");
        }
        wire_refused(p, 0, wire, 0, "parameters");
        wire_refused(p, FL_D_MAX + 1, wire, 100, "parameters");
        wire_refused(p, SIZE_MAX, wire, 100, "parameters");
        for (size_t bit = COEFS * (size_t)p->wire_bits; bit < 8 * octets; bit++) {
            wire[bit / 8] ^= (uint8_t)(1U << bit % 8);
            wire_refused(p, d, wire, octets, "bits after");
            wire[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        /* the last coefficient as large as the field allows */
        for (size_t bit = (COEFS - 1) * (size_t)p->wire_bits; bit < COEFS * (size_t)p->wire_bits;
             bit++)
            wire[bit / 8] |= (uint8_t)(1U << bit % 8);
        if (p->drop < 22) /* 2^wire_bits - 1 stands for no value below q */
            wire_refused(p, d, wire, octets, "coefficient 130");
        else
            assert_int_equal(fl_wire_check(p, d, span_of(wire, octets), NULL), WS_OK);
        /* and the largest there is */
        for (unsigned b = 0; b < p->wire_bits; b++) {
            const size_t bit = (COEFS - 1) * (size_t)p->wire_bits + b;
            wire[bit / 8] = (uint8_t)((wire[bit / 8] & ~(1U << bit % 8)) |
                                      (unsigned)(p->wire_max >> b & 1) << bit % 8);
        }
        assert_int_equal(fl_wire_check(p, d, span_of(wire, octets), NULL), WS_OK);
    }
}

static void streams_are_counter_mode(void **state) {
    (void)state;
    static const uint8_t key[16] = {9, 8, 7};
    static const uint64_t indices[] = {0, 1, UINT32_MAX, FL_STREAM_SHARES, FL_STREAM_SHARES + 3};
    static uint8_t want[4096];
    static uint8_t got[4096];
    struct fl_stream s = {0};
    assert_int_equal(fl_stream_open(&s, NULL), WS_OK);
    for (size_t k = 0; k < ARRAY_LEN(indices); k++) {
        fl_stream_key(&s, key);
        slow_stream(key, indices[k], want, sizeof(want));
        fl_stream_seek(&s, indices[k]);
        for (size_t at = 0, step = 1; at < sizeof(got);
             at += step, step = step * 3 % 801) { /* any cut */
            step = step < sizeof(got) - at ? step : sizeof(got) - at;
            fl_stream_read(&s, got + at, step);
        }
        assert_memory_equal(got, want, sizeof(got));
    }
    fl_stream_close(&s);
    fl_stream_close(&s);
}

/* One word in 2^29 is not below q; with this seed word 427 of stream 191453 is the first such. */
static void words_not_below_q_are_skipped(void **state) {
    (void)state;
    enum { CHUNK = 191453, WORD = 427 };
    static const uint8_t seed[32] = "a skipped word";
    static uint8_t octets[8 * (FL_N + 2)];
    static _Alignas(64) uint64_t a[FL_N];
    uint8_t in[33];
    uint8_t hash[32];
    memcpy(in, seed, 32);
    in[32] = 'A';
    assert_int_equal(EVP_Digest(in, 33, hash, NULL, EVP_sha256(), NULL), 1);
    slow_stream(hash, CHUNK, octets, sizeof(octets));
    assert_true(slow_bits(octets + 8 * WORD, 50, 0) >= FL_Q);
    assert_int_equal(fl_ring_init(&ring, NULL, NULL), WS_OK);
    assert_int_equal(fl_mask_open(&mask, &ring, NULL), WS_OK);
    fl_mask_round(&mask, seed);
    fl_mask_element(&mask, CHUNK, a);
    for (size_t i = 0; i < FL_N; i++)
        assert_int_equal(a[i], slow_bits(octets + 8 * (i + (i >= WORD)), 50, 0));
    fl_mask_close(&mask);
}

/* ---- memory ---- */

static unsigned long allocations; /* libcrypto's; our own files call no allocator at all */

static void *count_malloc(size_t n, const char *file, int line) {
    (void)file;
    (void)line;
    allocations++;
    return malloc(n);
}
static void *count_realloc(void *p, size_t n, const char *file, int line) {
    (void)file;
    (void)line;
    allocations++;
    return realloc(p, n);
}
static void count_free(void *p, const char *file, int line) {
    (void)file;
    (void)line;
    free(p);
}

static void nothing_is_allocated_after_open(void **state) {
    (void)state;
    static const uint8_t seed[16] = {3};
    static const int16_t key[FL_N] = {1};
    static int32_t u[FL_CHUNK_PARAMS_MAX];
    static uint8_t wire[FL_CHUNK_WIRE_MAX];
    static uint64_t sum[FL_N];
    const struct fl_profile *p = fl_profile_by_name("standard");
    const struct fl_weights weights = {1, 1};
    const unsigned long before = allocations;
    assert_int_equal(fl_ring_init(&ring, NULL, NULL), WS_OK);
    assert_int_equal(fl_mask_open(&mask, &ring, NULL), WS_OK);
    assert_true(allocations > before); /* they are counted */
    fl_mask_round(&mask, round_seed);
    const unsigned long opened = allocations;
    struct fl_opening o = FL_OPENING_NONE;
    for (unsigned i = 0; i < 5; i++) {
        fl_mask_draw_key(&mask, seed, NULL);
        fl_mask_encrypt(&mask, p, FL_N, 0, u, wire);
        fl_sum_add(&ring, p, FL_N, wire, 1, sum);
        fl_mask_open_key(&mask, key);
        fl_mask_unmask(&mask, p, FL_N, 0, weights, sum, u, &o);
        fl_mask_forget(&mask);
    }
    assert_int_equal(allocations, opened);
    fl_mask_close(&mask);
}

int main(void) {
    if (CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_counter_mode),
        cmocka_unit_test(words_not_below_q_are_skipped),
        cmocka_unit_test(wires_are_checked),
        cmocka_unit_test(definition_test),
        cmocka_unit_test(clamp_test),
        cmocka_unit_test(sums_test),
        cmocka_unit_test(wrong_test),
        cmocka_unit_test(threshold_test),
        cmocka_unit_test(malformed_test),
        cmocka_unit_test(wiped_test),
        cmocka_unit_test(nothing_is_allocated_after_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

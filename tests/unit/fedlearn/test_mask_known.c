/* Known answers made by an independent implementation (data folder, rlwe/): every path must give them. */
#include "tests/support/cm.h"

#include "fedlearn/vehicle/ring_path.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>

static json_t *kat;
static size_t d;
static const struct fl_profile *cell; /* T = 26, 16 bits dropped: the file's parameters */

static int setup(void **state) {
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/rlwe/rlwe_mask_kat_v1.json", test_data_dir());
    kat = json_load_file(path, 0, NULL);
    cell = fl_profile_by_name("cell");
    return 0;
}

static const json_t *get(const json_t *o, const char *name) {
    const json_t *v = json_object_get(o, name);
    assert_non_null(v);
    return v;
}

static void assert_hash(const int64_t *v, size_t n, const json_t *o, const char *name) {
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    uint8_t hash[32];
    char hex[65];
    assert_int_equal(EVP_DigestInit_ex(c, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < n; i++) {
        uint8_t le[8];
        for (unsigned k = 0; k < 8; k++)
            le[k] = (uint8_t)((uint64_t)v[i] >> 8 * k);
        assert_int_equal(EVP_DigestUpdate(c, le, 8), 1);
    }
    assert_int_equal(EVP_DigestFinal_ex(c, hash, NULL), 1);
    EVP_MD_CTX_free(c);
    hex_encode(hex, hash, 32);
    assert_string_equal(hex, json_string_value(get(o, name)));
}

static void assert_head(const int64_t *v, const json_t *o, const char *name) {
    const json_t *list = get(o, name);
    assert_true(json_array_size(list) > 0);
    for (size_t i = 0; i < json_array_size(list); i++)
        assert_int_equal(v[i], json_integer_value(json_array_get(list, i)));
}

static void unhex(uint8_t *dst, size_t n, const json_t *o, const char *name) {
    assert_true(hex_decode(dst, n, json_string_value(get(o, name))));
}

struct sums {
    int16_t s[FL_N];
    uint64_t c[2 * FL_N]; /* of wire values */
};

static void transform(const struct fl_ring *r) {
    static _Alignas(64) uint64_t x[FL_N];
    const json_t *t = get(kat, "ntt_test");
    for (uint64_t i = 0; i < FL_N; i++)
        x[i] = (i * i * 7919 + 13) % FL_Q;
    fl_ring_forward(r, x);
    assert_head((const int64_t *)x, t, "out_first8");
    assert_head((const int64_t *)x + FL_N - 4, t, "out_last4");
    assert_hash((const int64_t *)x, FL_N, t, "sha256");
}

static void elements(struct fl_mask *m) {
    static _Alignas(64) uint64_t a[FL_N];
    const json_t *list = get(kat, "A_ntt_domain");
    uint8_t seed[32];
    unhex(seed, sizeof(seed), kat, "round_seed_hex");
    fl_mask_round(m, seed);
    assert_true(json_array_size(list) > 0);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        fl_mask_element(m, (size_t)json_integer_value(get(one, "chunk")), a);
        assert_head((const int64_t *)a, one, "first8");
        assert_hash((const int64_t *)a, FL_N, one, "sha256");
    }
}

static void client(struct fl_mask *m, const json_t *o, struct sums *sums) {
    static int8_t s[FL_N];
    static int8_t e[FL_N];
    static uint8_t octets[16 * FL_N];
    static _Alignas(64) int64_t msg[2 * FL_N];
    static _Alignas(64) uint64_t ct[2 * FL_N];
    static int64_t wide[2 * FL_N];
    static uint8_t wire[2 * FL_CHUNK_WIRE_MAX];
    static uint8_t whole[2 * FL_CHUNK_WIRE_MAX];
    static int32_t u[2 * FL_N];
    const struct fl_path *path = m->ring->path;
    const uint64_t number = (uint64_t)json_integer_value(get(o, "client"));
    uint8_t seed[16];
    unhex(seed, sizeof(seed), o, "key_hex");
    fl_mask_draw_key(m, seed, s);
    for (size_t i = 0; i < FL_N; i++) {
        wide[i] = (int)s[i]; /* NOLINT(bugprone-signed-char-misuse) */
        sums->s[i] = (int16_t)(sums->s[i] + s[i]);
    }
    assert_head(wide, o, "s_first16");
    assert_hash(wide, FL_N, o, "s_sha256");
    memset(msg, 0, sizeof(msg));
    for (size_t i = 0; i < d; i++) {
        msg[i] = (int64_t)((((uint64_t)i * 2654435761U + number * 40503U) >> 7) % 65536) - 32768;
        u[i] = (int32_t)msg[i];
    }
    assert_head(msg, o, "m_first8");
    /* By the kernels, since the file's messages go one beyond what a vehicle may send. */
    for (size_t c = 0; c < 2; c++) {
        uint64_t *at = ct + c * FL_N;
        const size_t n = c == 0 ? FL_N : d - FL_N;
        fl_mask_element(m, c, at);
        fl_ring_multiply(m->ring, &m->key, at);
        fl_stream_seek(&m->own, FL_STREAM_ERROR + c);
        fl_stream_read(&m->own, octets, sizeof(octets));
        path->binomial(octets, e);
        path->blind(at, e, msg + c * FL_N, cell->delta);
        path->pack(cell, at, n, wire + c * fl_full_octets(cell));
        fl_mask_encrypt(m, cell, d, c, u + c * FL_N, whole + c * fl_full_octets(cell));
    }
    assert_head((const int64_t *)ct, o, "ct_first8");
    assert_hash((const int64_t *)ct, d, o, "ct_sha256");
    const size_t wire_octets = fl_wire_octets(cell, d);
    assert_int_equal(fl_wire_check(cell, d, span_of(wire, wire_octets), NULL), WS_OK);
    for (size_t i = 0; i < d; i++) {
        wide[i] = (int64_t)fl_wire_value(wire, cell->wire_bits, i, wire_octets);
        if (msg[i] != -32768)
            assert_int_equal(fl_wire_value(whole, cell->wire_bits, i, wire_octets), wide[i]);
    }
    assert_head(wide, o, "wire34_first8");
    assert_hash(wide, d, o, "wire_sha256");
    fl_sum_add(m->ring, cell, d, wire, 1, sums->c);
}

static void opening(struct fl_mask *m, const struct sums *sums, size_t clients) {
    static int64_t wide[2 * FL_N];
    static int32_t got[2 * FL_N];
    static _Alignas(64) uint64_t as[2 * FL_N];
    const json_t *o = get(kat, "sum");
    const struct fl_weights weights = {(uint32_t)clients, (uint32_t)clients};
    struct fl_opening op = FL_OPENING_NONE;
    for (size_t i = 0; i < FL_N; i++)
        wide[i] = sums->s[i];
    assert_head(wide, o, "S_first16");
    assert_hash(wide, FL_N, o, "S_sha256");
    for (size_t i = 0; i < d; i++)
        wide[i] = (int64_t)((sums->c[i] << cell->drop) % FL_Q);
    assert_hash(wide, d, o, "C_sha256");
    fl_mask_open_key(m, sums->s);
    for (size_t c = 0; c < 2; c++) {
        fl_mask_unmask(m, cell, d, c, weights, sums->c + c * FL_N, got + c * FL_N, &op);
        fl_mask_element(m, c, as + c * FL_N);
        fl_ring_multiply(m->ring, &m->key, as + c * FL_N);
    }
    int64_t most = 0;
    fl_u128 squares = 0;
    for (size_t i = 0; i < d; i++) {
        __int128 rest = (__int128)wide[i] - as[i] - (__int128)got[i] * (int64_t)cell->delta;
        rest %= (int64_t)FL_Q;
        if (rest > (int64_t)(FL_Q / 2))
            rest -= (int64_t)FL_Q;
        if (rest < -(int64_t)(FL_Q / 2))
            rest += (int64_t)FL_Q;
        squares += (fl_u128)(rest * rest);
        rest = rest < 0 ? -rest : rest;
        most = (int64_t)rest > most ? (int64_t)rest : most;
    }
    assert_int_equal(most, json_integer_value(get(o, "max_residual")));
    assert_true(op.residual == squares);
    for (size_t i = 0; i < d; i++)
        wide[i] = got[i];
    assert_head(wide, o, "M_first8");
    assert_hash(wide, d, o, "M_sha256");
    assert_int_equal(fl_opening_judge(cell, weights, &op), FL_OPENING_GOOD);
}

static void every_path(void **state) {
    (void)state;
    if (kat == NULL)
        skip();
    assert_int_equal(json_integer_value(get(kat, "N")), FL_N);
    assert_int_equal(json_integer_value(get(kat, "q")), FL_Q);
    assert_int_equal(json_integer_value(get(kat, "psi_2N")), FL_PSI);
    assert_int_equal(json_integer_value(get(kat, "delta")), cell->delta);
    assert_int_equal(json_integer_value(get(kat, "plain_bits")), cell->plain_bits);
    assert_int_equal(json_integer_value(get(kat, "wire_drop_bits")), cell->drop);
    d = (size_t)json_integer_value(get(kat, "d"));
    assert_true(d > FL_N && d <= 2 * FL_N);
    const char *names[FL_RING_PATHS_MAX];
    const size_t n = fl_ring_paths(names);
    static struct fl_ring ring;
    static struct fl_mask mask;
    for (size_t i = 0; i < n; i++) {
        print_message("path %s\n", names[i]);
        assert_int_equal(fl_ring_init(&ring, names[i], NULL), WS_OK);
        assert_int_equal(fl_mask_open(&mask, &ring, NULL), WS_OK);
        static struct sums sums;
        memset(&sums, 0, sizeof(sums));
        const json_t *clients = get(kat, "clients");
        transform(&ring);
        elements(&mask);
        assert_true(json_array_size(clients) > 0);
        for (size_t k = 0; k < json_array_size(clients); k++)
            client(&mask, json_array_get(clients, k), &sums);
        opening(&mask, &sums, json_array_size(clients));
        fl_mask_close(&mask);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_path)};
    (void)setup(NULL);
    const bool absent = kat == NULL;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(kat);
    return failed == 0 && absent ? TEST_SKIPPED : failed;
}

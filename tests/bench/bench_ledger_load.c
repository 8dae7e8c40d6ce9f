/* The load: a town of a thousand signs, cars with tickets, and what they say, signed before the clock starts. */
#include "tests/bench/bench_ledger.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "ledger/exec/tx.h"
#include "ledger/net/net.h"
#include "mapsvc/fuse/observation.h"
#include "rsu/cell/founding.h"
#include "v2x/psid.h"
#include "v2x/sign.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SIGNS = 1000,
    ROW = 100,
};
#define EPOCH ((uint64_t)700000000 * 1000000)
#define CACHE_MAGIC UINT64_C(0x57424c4f41443036)

struct car {
    struct sign_key *key;
    struct buf cert;
    hash32 hash;
};

void bench_secrets(size_t i, uint8_t ret_seed[static 32], uint8_t ret_curve[static 32]) {
    memset(ret_seed, (int)(i + 1), 32);
    memset(ret_curve, (int)(i + 101), 32);
}

static void place(size_t sign, int32_t *ret_x, int32_t *ret_y) {
    *ret_x = (int32_t)(sign % ROW) * 25000;
    *ret_y = (int32_t)(sign / ROW) * 100000;
}

static void build_map(struct mapset *map) {
    map->frame = frame_at(487600000, 114200000);
    (void)snprintf(map->ns, sizeof(map->ns), "bench");
    for (size_t i = 0; i < SIGNS; i++) {
        struct element e = {.kind = EL_SIGN, .has_value = true, .value = 50, .has_heading = true};
        char name[32];
        (void)snprintf(name, sizeof(name), "sign/%zu", i);
        element_id_import(map->ns, map->base_digest, name, e.id);
        element_set_attr(&e, "code", "274");
        struct map_point p = {0};
        place(i, &p.x, &p.y);
        element_add_point(&e, p);
        e.valid_to_ms = INT64_MAX;
        mapset_add(map, &e);
    }
}

struct issuers {
    struct sign_key *root_key, *key;
    struct trust_files trust;
};

static void build_issuers(struct issuers *t, struct ws_random *rnd) {
    uint32_t from = (uint32_t)(EPOCH / 1000000) - 3600;
    struct cert_request root = {.name = "bench root",
        .valid_from_s = from,
        .valid_hours = 1000,
        .issue_all = true,
        .issue_min_chain = 2};
    struct cert_request aa = root;
    aa.name = "bench issuer";
    aa.valid_hours = 900;
    aa.issue_min_chain = 1;
    t->root_key = sign_key_new(CURVE_P256, rnd);
    t->key = sign_key_new(CURVE_P256, rnd);
    t->trust.n = 2;
    t->trust.cert = ws_calloc(2, sizeof(*t->trust.cert));
    t->trust.from = ws_calloc(2, sizeof(*t->trust.from));
    cert_put(&t->trust.cert[0], &root, t->root_key, NULL, span_of("", 0));
    cert_put(&t->trust.cert[1], &aa, t->key, t->root_key, buf_span(&t->trust.cert[0]));
}

static void build_car(struct car *c, size_t i, const struct issuers *t, struct ws_random *rnd) {
    struct observer_class who = {SENSOR_CAMERA_GOOD, (uint16_t)(1 + i % 4)};
    uint8_t ssp[OBS_SSP_OCTETS];
    observer_put_ssp(ssp, &who);
    struct sign_permission app = {PSID_MAP_OBSERVATION, span_of(ssp, sizeof(ssp)), false};
    struct cert_request ticket = {.valid_from_s = (uint32_t)(EPOCH / 1000000) - 3600,
        .valid_hours = 168,
        .app = &app,
        .n_app = 1};
    c->key = sign_key_new(CURVE_P256, rnd);
    cert_put(&c->cert, &ticket, c->key, t->key, buf_span(&t->trust.cert[1]));
    struct cert parsed;
    size_t at = 0;
    if (cert_parse(buf_span(&c->cert), &parsed, &at) != COER_OK)
        bench_die("a ticket of our own making does not parse");
    cert_hash256(&parsed, c->hash);
}

static void build_genesis(
    const struct bench_options *o, const struct issuers *t, struct bench_load *l) {
    struct founding *f = ws_alloc(sizeof(*f));
    f->name = "bench";
    f->time = EPOCH - 1000000;
    f->validators.n = o->replicas;
    for (size_t i = 0; i < o->replicas; i++) {
        uint8_t seed[32];
        uint8_t curve[32];
        bench_secrets(i, seed, curve);
        struct signer *s = signer_new(seed);
        f->validators.v[i] = (struct validator){.alg = KEY_ED25519, .power = 1};
        signer_public(s, f->validators.v[i].key);
        net_curve_public(curve, f->validators.v[i].curve_key);
        signer_free(s);
    }
    f->n_authorities = 1;
    memset(f->authorities[0].key, 0xaa, KEY_OCTETS);
    f->authorities[0].roles = 0x0f;
    f->trust = &t->trust;
    f->params = cell_params_default();
    f->params.block_min_us = (uint64_t)o->block_min_ms * 1000;
    f->params.block_txs_max = o->block_txs;
    f->params.timeout_propose_us = (uint64_t)o->timeout_ms * 1000;
    f->params.timeout_prevote_us = (uint64_t)o->timeout_ms * 500;
    f->params.timeout_precommit_us = (uint64_t)o->timeout_ms * 500;
    f->params.message_age_us = (uint64_t)(o->age_s * 1e6);
    f->params.message_future_us = 60 * 1000000;
    f->policy_name = founding_policy_name;
    f->policy_script = founding_policy_script();
    f->map = &l->map;
    f->margin_m = 2000;
    struct ws_err err;
    if (founding_genesis(f, &l->genesis, &err) != WS_OK)
        bench_die("genesis: %s", err.text);
    free(f);
}

static void see(struct observation *o, const struct bench_load *l, size_t sign, size_t i) {
    struct obs_report *r = &o->reports[o->n_reports++];
    *r = (struct obs_report){.kind = REPORT_DETECTED,
        .element_kind = EL_SIGN,
        .has_element = true,
        .has_position = true,
        .sigma_mm = 500,
        .has_value = true,
        .value = 50,
        .has_heading = true};
    char name[32];
    (void)snprintf(name, sizeof(name), "sign/%zu", sign);
    element_id_import(l->map.ns, l->map.base_digest, name, r->element_id);
    int32_t x;
    int32_t y;
    place(sign, &x, &y);
    frame_to_wgs(&l->map.frame, x + (int32_t)(i % 211) - 105, y, &r->lat, &r->lon);
}

/* A car on the way past three signs that says what it saw there. */
static void put_message(struct buf *b, const struct bench_load *l, const struct car *c, size_t i) {
    size_t at = i * 7919 % SIGNS;
    if (at % ROW > ROW - 3)
        at -= 3; /* the next two stand on the same road */
    int32_t x;
    int32_t y;
    place(at, &x, &y);
    uint64_t time = EPOCH + (uint64_t)i * BENCH_STEP_US;
    struct observation o = {.map_version = 1, .time = time, .range_mm = 110000, .half_angle = 8192};
    frame_to_wgs(&l->map.frame, x - 20000 - (int32_t)(i % 97), y - 2000 - (int32_t)(i % 3) * 2000,
        &o.lat, &o.lon);
    see(&o, l, at, i);
    for (size_t k = 1; k < 3; k++)
        see(&o, l, at + k, i + 57 * k);
    struct buf payload = {0};
    observation_put(&payload, &o);
    struct spdu_request rq = {.psid = PSID_MAP_OBSERVATION,
        .generation_time = time,
        .has_location = true,
        .lat = o.lat,
        .lon = o.lon,
        .payload = buf_span(&payload)};
    struct buf spdu = {0};
    spdu_put_signed(&spdu, &rq, c->key, buf_span(&c->cert));
    tx_put_message(b, c->hash, buf_span(&spdu));
    buf_free(&payload);
    buf_free(&spdu);
}

/* ---- cache: magic, signers, n, n + 1 offsets, octets ---- */

enum { HEAD = 3 };

static bool map_cache(const struct bench_options *o, struct bench_load *l) {
    int fd = open(o->cache, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0)
        return false;
    bool good = fstat(fd, &st) == 0 && (size_t)st.st_size > HEAD * sizeof(uint64_t);
    const uint64_t *p =
        good ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0)
             : MAP_FAILED;
    (void)close(fd);
    if (p == MAP_FAILED || p[0] != CACHE_MAGIC || p[1] != o->signers || p[2] < o->messages)
        return false;
    l->n = o->messages;
    l->at = p + HEAD;
    l->octets = (const uint8_t *)(p + HEAD + p[2] + 1);
    return true;
}

static void write_cache(
    const struct bench_options *o, const struct bench_load *l, const struct car *cars) {
    FILE *f = fopen(o->cache, "wb");
    if (f == NULL)
        bench_die("%s: cannot be written", o->cache);
    (void)fprintf(
        stderr, "signing %zu messages of %zu cars into %s\n", o->messages, o->signers, o->cache);
    uint64_t *at = ws_calloc(o->messages + 1, sizeof(*at));
    uint64_t head[HEAD] = {0, o->signers, o->messages};
    (void)fseek(f, (long)(sizeof(head) + (o->messages + 1) * sizeof(*at)), SEEK_SET);
    struct buf b = {0};
    WS_ASSERT(o->signers > 0);
    for (size_t i = 0; i < o->messages; i++) {
        buf_clear(&b);
        put_message(&b, l, &cars[i % o->signers], i);
        at[i + 1] = at[i] + b.n;
        (void)fwrite(b.p, 1, b.n, f);
    }
    head[0] = CACHE_MAGIC; /* only a whole file has it */
    (void)fseek(f, 0, SEEK_SET);
    (void)fwrite(head, 1, sizeof(head), f);
    (void)fwrite(at, sizeof(*at), o->messages + 1, f);
    if (fclose(f) != 0)
        bench_die("%s: cannot be written", o->cache);
    free(at);
    buf_free(&b);
}

void bench_load_make(const struct bench_options *o, struct bench_load *ret) {
    *ret = (struct bench_load){.epoch = EPOCH};
    struct ws_random rnd = ws_random_seeded(4711);
    build_map(&ret->map);
    struct issuers t = {0};
    build_issuers(&t, &rnd);
    struct car *cars = ws_calloc(o->signers, sizeof(*cars));
    for (size_t i = 0; i < o->signers; i++) {
        build_car(&cars[i], i, &t, &rnd);
        struct buf tx = {0};
        tx_put_certificate(&tx, buf_span(&cars[i].cert));
        buf_var(&ret->certs, buf_span(&tx));
        buf_free(&tx);
    }
    ret->n_certs = o->signers;
    if (!map_cache(o, ret)) {
        write_cache(o, ret, cars);
        if (!map_cache(o, ret))
            bench_die("%s: cannot be read back", o->cache);
    }
    mapset_sort(&ret->map);
    build_genesis(o, &t, ret);
    for (size_t i = 0; i < o->signers; i++) {
        sign_key_free(cars[i].key);
        buf_free(&cars[i].cert);
    }
    free(cars);
    sign_key_free(t.root_key);
    sign_key_free(t.key);
    trust_files_free(&t.trust);
}

void bench_load_free(struct bench_load *l) {
    mapset_free(&l->map);
    buf_free(&l->genesis);
    buf_free(&l->certs);
}

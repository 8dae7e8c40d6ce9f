/* A validator's work for one round at its size, as a unit does it: looks while vehicles upload (check everything, open its own bundle), then, after the
 * cut-off, everything from the materials on the disk to the outcome: covers, hashes, sums, unmasking, judging, the next model. Beside it, in the same
 * run, SHA-256 over the same octets. usage: bench_fl_round [VEHICLES [GROUP [FOLDER]]] */
#include "base/assert.h"
#include "base/mem.h"
#include "base/random.h"
#include "fedlearn/round/look.h"
#include "fedlearn/round/roots.h"
#include "fedlearn/round/suspicion.h"
#include "fedlearn/vehicle/client.h"
#include "fedlearn/vehicle/model.h"
#include "fedlearn/vehicle/share_sum.h"
#include "ledger/exec/hash.h"
#include "rsu/learning/source.h"
#include "tests/support/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum {
    SEATS = 4,
    QUORUM = 3,
    INPUTS = 95,
    HIDDEN = 1000,
    CLASSES = 4,
    ROOTS = 400,
    VEHICLES_MAX = 4096
};

struct world {
    struct fl_open open;
    struct fl_model model;
    uint8_t cell[32], seed[32];
    struct fl_reader *reader[SEATS];
    struct ws_random random;
    struct materials *store;
    struct fl_round_record record;
    size_t octets; /* of one submission's ciphertext */
};

static double seconds(clockid_t id) {
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double resident_mb(void) {
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_maxrss / 1024;
}

static void make_model(struct world *w) {
    struct fl_schema *schema = ws_alloc(sizeof(*schema));
    struct fl_norm *norm = ws_calloc(INPUTS, sizeof(*norm));
    struct buf text = {0}, octets = {0};
    buf_printf(&text, "label risk 1 2 3 4\n");
    for (unsigned i = 0; i < INPUTS; i++) {
        buf_printf(&text, "feature f%u\n", i);
        norm[i].factor = INT64_C(1) << 32;
    }
    int rc = fl_schema_read(buf_span(&text), schema, NULL);
    WS_ASSERT(rc == WS_OK);
    const struct fl_shape shape = {INPUTS, HIDDEN, CLASSES};
    int32_t *params = ws_calloc(fl_shape_params(&shape), sizeof(*params));
    for (size_t i = 0; i < fl_shape_params(&shape); i++)
        params[i] = (int32_t)ws_random_below(&w->random, 200001) - 100000;
    rc = fl_model_new(schema, HIDDEN, norm, params, &w->model, NULL);
    WS_ASSERT(rc == WS_OK);
    w->open.params = (uint32_t)fl_shape_params(&shape);
    fl_model_encode(&w->model, &octets);
    fl_model_hash(&w->model, w->open.model_hash);
    rc = materials_put_blob(w->store, w->open.model_hash, buf_span(&octets), NULL);
    WS_ASSERT(rc == WS_OK);
    free(params);
    free(norm);
    free(schema);
    buf_free(&text);
    buf_free(&octets);
}

/* What a step is tried on: a hundred rows of each class. */
static void make_roots(struct world *w) {
    const struct fl_shape shape = {INPUTS, HIDDEN, CLASSES};
    int32_t *x = ws_calloc((size_t)ROOTS * INPUTS, sizeof(*x));
    uint8_t y[ROOTS];
    struct buf octets = {0};
    for (size_t i = 0; i < (size_t)ROOTS * INPUTS; i++)
        x[i] =
            (int32_t)ws_random_below(&w->random, 4 << FL_INPUT_FRACTION) - (2 << FL_INPUT_FRACTION);
    for (size_t i = 0; i < ROOTS; i++)
        y[i] = (uint8_t)(i % CLASSES);
    fl_roots_encode(&shape, &(struct fl_rows){x, y, ROOTS}, &octets);
    exec_sha256_one(buf_span(&octets), w->open.root_set);
    const int rc = materials_put_blob(w->store, w->open.root_set, buf_span(&octets), NULL);
    WS_ASSERT(rc == WS_OK);
    buf_free(&octets);
    free(x);
}

static void make_open(struct world *w, size_t vehicles, size_t group) {
    struct fl_open *o = &w->open;
    o->round = 1;
    o->height = o->seed_height = 9;
    (void)snprintf(o->model, sizeof(o->model), "bench");
    o->model_version = 1;
    o->config = (struct fl_round_config){.profile = fl_profile_by_name("standard"),
        .rules = FL_RULES_DEFAULT,
        .suspicion = FL_SUSPICION_DEFAULT,
        .group_min = 2,
        .group = (uint32_t)group,
        .submissions_max = (uint32_t)vehicles,
        .submit_us = 1,
        .attest_us = 1,
        .open_us = 1,
        .judge_us = 1,
        .epoch_us = 1};
    o->config.scale =
        (struct fl_scale){.bits = o->config.profile->bits, .clip = 3 << 19, .clip_inf = 1 << 16};
    o->n = SEATS;
    for (size_t v = 0; v < SEATS; v++) {
        uint8_t secret[FL_SECRET_OCTETS];
        ws_random_bytes(&w->random, secret, sizeof(secret));
        w->reader[v] = fl_reader_new(secret);
        WS_ASSERT(w->reader[v] != NULL);
        fl_reader_public(w->reader[v], &o->seat[v].key);
        o->seat[v].address[0] = (uint8_t)(v + 1);
    }
    ws_random_bytes(&w->random, w->seed, sizeof(w->seed));
}

/* Everybody's update, masked, shared out, and in the store. */
static void make_submissions(struct world *w) {
    const size_t all = fl_client_octets(&w->open);
    struct fl_client *c = aligned_alloc(64, (sizeof(*c) + 63) / 64 * 64);
    float *update = ws_calloc(w->open.params, sizeof(*update));
    int32_t *symbols = ws_calloc(w->open.params, sizeof(*symbols));
    uint8_t *octets = ws_alloc(MATERIALS_PUT_MAX * all);
    struct fl_material m[MATERIALS_PUT_MAX];
    struct materials_item item[MATERIALS_PUT_MAX];
    WS_ASSERT(c != NULL);
    int rc = fl_client_open(c, NULL);
    WS_ASSERT(rc == WS_OK);
    size_t n = 0;
    for (uint32_t i = 0; i < w->record.n; i++) {
        struct fl_round_member *k = &w->record.member[i];
        struct fl_client_made made;
        uint8_t *to = octets + n * all;
        ws_random_bytes(&w->random, k->token, sizeof(k->token));
        for (size_t p = 0; p < w->open.params; p++)
            update[p] = (float)((double)ws_random_below(&w->random, 2001) - 1000) / 500000;
        const struct fl_client_round round = {w->cell, &w->open, w->seed, k->token};
        rc = fl_client_make(c, &round, update, symbols, &w->random, to, &made, NULL);
        WS_ASSERT(rc == WS_OK);
        k->number = i;
        k->group = (uint16_t)(i % w->record.n_groups);
        memcpy(k->id, made.id, 32);
        m[n] = (struct fl_material){span_of(to, made.cover_octets),
            span_of(to + made.cover_octets, made.bundle_octets),
            span_of(to + made.cover_octets + made.bundle_octets, made.wire_octets)};
        item[n] = (struct materials_item){.round = 1, .id = k->id, .what = &m[n]};
        if (++n < MATERIALS_PUT_MAX && i + 1 < w->record.n)
            continue;
        materials_put_many(w->store, item, n);
        for (size_t q = 0; q < n; q++)
            WS_ASSERT(item[q].rc == WS_OK);
        n = 0;
    }
    fl_client_close(c);
    free(c);
    free(update);
    free(symbols);
    free(octets);
}

/* The looks of validators 1 to QUORUM; the time is that of the first. Then keys are opened, as the contract does. */
static double look_and_open(struct world *w) {
    struct fl_share_sum *sum = ws_calloc((size_t)QUORUM * w->record.n_groups, sizeof(*sum));
    struct fl_round sealed_for;
    double took = 0;
    fl_open_round(&w->open, w->cell, &sealed_for);
    for (unsigned v = 1; v <= QUORUM; v++) {
        const double from = seconds(CLOCK_MONOTONIC);
        for (uint32_t i = 0; i < w->record.n; i++) {
            const struct fl_round_member *k = &w->record.member[i];
            struct fl_look *l = ws_alloc(sizeof(*l));
            struct materials_hold hold;
            *l = (struct fl_look){.round = 1,
                .submission = i,
                .v = v,
                .sealed_for = sealed_for,
                .profile = w->open.config.profile,
                .params = w->open.params,
                .reader = fl_reader_share(w->reader[v - 1])};
            memcpy(l->id, k->id, 32);
            memcpy(l->token, k->token, 32);
            const bool is = materials_get(w->store, k->id, &hold);
            WS_ASSERT(is);
            fl_look_run(l, &hold.material);
            WS_ASSERT(l->result == FL_LOOK_GOOD);
            fl_share_sum_add(&sum[(v - 1) * w->record.n_groups + k->group], l->share, 1);
            materials_release(&hold);
            fl_look_free(l);
        }
        took = v == 1 ? seconds(CLOCK_MONOTONIC) - from : took;
    }
    for (size_t g = 0; g < w->record.n_groups; g++) {
        const struct fl_share_sum *of[SEATS] = {NULL};
        struct fl_key_sum key;
        for (size_t v = 0; v < QUORUM; v++)
            of[v] = &sum[v * w->record.n_groups + g];
        fl_shares_decode(of, SEATS, &key);
        WS_ASSERT(key.state == FL_DECODE_DONE);
        memcpy(w->record.key[g], key.key, sizeof(key.key));
    }
    free(sum);
    return took;
}

static void find(const struct world *w, unsigned threads) {
    struct materials_source source;
    const struct fl_source from = materials_source(&source, w->store, &w->record, w->cell);
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    struct fl_model next = {0};
    struct ws_err err = {0};
    double best = 0, processor = 0;
    for (unsigned i = 0; i < 3; i++) {
        const double t = seconds(CLOCK_MONOTONIC);
        const double p = seconds(CLOCK_PROCESS_CPUTIME_ID);
        if (fl_find_with(&w->record, &from, threads, o, &next, &err) != WS_OK) {
            (void)fprintf(stderr, "%s\n", err.text);
            exit(1);
        }
        const double took = seconds(CLOCK_MONOTONIC) - t;
        if (i == 0 || took < best) {
            best = took;
            processor = seconds(CLOCK_PROCESS_CPUTIME_ID) - p;
        }
        fl_model_free(&next);
        WS_ASSERT(o->step && o->accepted >= 1);
    }
    (void)printf("%u thread%s: outcome after %.0f ms, %.0f ms of processor; %u of %u groups in the "
                 "step; resident at most %.0f MB\n",
        threads, threads == 1 ? "" : "s", best * 1e3, processor * 1e3, o->accepted, o->n_groups,
        resident_mb());
    free(o);
}

static void hash_all(const struct world *w) {
    uint8_t hash[32];
    uint8_t *octets = ws_alloc(w->octets);
    ws_random_bytes((struct ws_random *)&w->random, octets, w->octets);
    const double t = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (uint32_t i = 0; i < w->record.n; i++)
        exec_sha256_one(span_of(octets, w->octets), hash);
    (void)printf("baseline: SHA-256 over as many octets %.0f ms of processor\n",
        (seconds(CLOCK_PROCESS_CPUTIME_ID) - t) * 1e3);
    free(octets);
}

int main(int argc, char **argv) {
    struct world *w = ws_alloc(sizeof(*w));
    struct folder f;
    const unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024;
    const unsigned long group = argc > 2 ? strtoul(argv[2], NULL, 10) : 16;
    const struct materials_limits limits = materials_limits_default();
    struct ws_err err = {0};
    if (n > VEHICLES_MAX || group < 2 || group > 64 || n < 3 * group || n / group > FL_MAX_GROUPS) {
        (void)fprintf(stderr,
            "usage: bench_fl_round [VEHICLES (to %d) [GROUP (2 to 64; 3 to %d of them) "
            "[FOLDER]]]\n",
            VEHICLES_MAX, FL_MAX_GROUPS);
        return 2;
    }
    (void)snprintf(f.top, sizeof(f.top), "%s/round-XXXXXX", argc > 3 ? argv[3] : P_tmpdir);
    if (mkdtemp(f.top) == NULL || materials_open(f.top, &limits, &w->store, &err) != WS_OK) {
        (void)fprintf(stderr, "%s: %s\n", f.top, err.text);
        return 1;
    }
    w->random = ws_random_seeded(1);
    make_open(w, n, group);
    make_model(w);
    make_roots(w);
    w->octets = fl_wire_octets(w->open.config.profile, w->open.params);
    w->record = (struct fl_round_record){.n = (uint32_t)n,
        .n_groups = (uint16_t)(n / group),
        .free_groups = (uint16_t)(n / group),
        .member = ws_calloc(n, sizeof(struct fl_round_member)),
        .given_up = ws_calloc(n / group, sizeof(bool)),
        .key = ws_calloc(n / group, sizeof(int16_t[FL_KEY_VALUES]))};
    memcpy(w->record.seed, w->seed, 32);
    w->record.open = w->open;
    make_submissions(w);
    (void)printf("%lu vehicles, %u parameters, groups of %lu: %.0f MB of ciphertexts\n", n,
        w->open.params, group, (double)(n * w->octets) / 1e6);
    const double before = resident_mb();
    const double looks = look_and_open(w);
    (void)printf("looks before the cut-off, one thread: %.0f ms, %.2f ms each; resident %.0f MB\n",
        looks * 1e3, looks * 1e3 / (double)n, before);
    hash_all(w);
    for (unsigned threads = 1; threads <= 2; threads++)
        find(w, threads);
    fl_round_record_free(&w->record);
    fl_model_free(&w->model);
    for (size_t v = 0; v < SEATS; v++)
        fl_reader_free(w->reader[v]);
    materials_close(w->store);
    free(w);
    return folder_remove(&f) == 0 ? 0 : 1;
}

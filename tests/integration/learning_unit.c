/* The other side of learning_outside.c: the unit's own upload port for one round, and then what all validators of that round would find
 * together. usage: learning_unit FOLDER [quarantined | old]
 *
 * Writes cell, genesis, open, seed, token, schema, model, standings.proof and port (text) to FOLDER, waits for FOLDER/submit (what the vehicle
 * would sign), takes the upload, opens all bundles, and writes FOLDER/found: the update as it comes out of the ciphertext, a symbol a
 * line. quarantined: so the vehicle stands in the table that is proven; old: a table is proven in which it does not, of a state before the
 * round. Either time nothing may come, and the files alone are written. */
#include "base/fileio.h"
#include "base/mem.h"
#include "fedlearn/round/suspicion.h"
#include "fedlearn/vehicle/client.h"
#include "fedlearn/vehicle/model.h"
#include "fedlearn/vehicle/share_sum.h"
#include "fedlearn/vehicle/submit.h"
#include "rsu/learning/uploads_port.h"
#include "tests/support/light_samples.h"

#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { UNITS = 4, WAIT_S = 60 };

static const char schema_text[] = "label manner calm hasty\n"
                                  "feature speed\n"
                                  "feature brake\n"
                                  "feature yaw\n";

struct unit {
    const char *folder;
    struct fl_open open;
    struct fl_round round;
    struct fl_reader *reader[UNITS];
    uint8_t cell[32], seed[32], token[32], signer[32], secret[64];
    uint64_t deadline_us;
    struct fl_submit submit;
    bool has_submit; /* by the port's thread */
    pthread_mutex_t lock;
    bool done;
    bool good;
    struct fl_ring ring;
    struct fl_mask mask;
};

static void fail(const char *what) {
    (void)fprintf(stderr, "learning_unit: %s\n", what);
    exit(1);
}

static void write_file(const struct unit *u, const char *name, struct span octets) {
    char path[4096];
    struct ws_err err = {0};
    (void)snprintf(path, sizeof(path), "%s/%s", u->folder, name);
    if (file_write(path, octets, 0644, &err) != WS_OK)
        fail(err.text);
}

static void address_of(const uint8_t signer[static 32], uint8_t ret[static 32]) {
    uint8_t octets[49] = "WAYSIDE-ADDRESS";
    octets[16] = 1;
    memcpy(octets + 17, signer, 32);
    crypto_hash_sha256(ret, octets, sizeof(octets));
}

static void make_model(const struct unit *u, struct fl_open *open) {
    struct fl_schema *schema = ws_alloc(sizeof(*schema));
    struct fl_model model;
    struct buf octets = {0};
    const struct fl_norm norm[] = {{INT64_C(20) << 20, INT64_C(1) << 28},
        {INT64_C(1) << 19, INT64_C(1) << 33}, {0, INT64_C(1) << 33}};
    if (fl_schema_read(span_of(schema_text, sizeof(schema_text) - 1), schema, NULL) != WS_OK ||
        fl_model_new(schema, 0, norm, NULL, &model, NULL) != WS_OK)
        fail("no model");
    fl_model_encode(&model, &octets);
    fl_model_hash(&model, open->model_hash);
    open->params = (uint32_t)fl_shape_params(&model.shape);
    write_file(u, "schema", span_of(schema_text, sizeof(schema_text) - 1));
    write_file(u, "model", buf_span(&octets));
    buf_free(&octets);
    fl_model_free(&model);
    free(schema);
}

/* The table of scores as a quorum signed it: the vehicle is quarantined there, or somebody else is. */
static void make_standings(
    const struct unit *u, const struct sample_cell *cell, bool quarantined, uint64_t height) {
    const struct fl_suspicion_rules rules = FL_SUSPICION_DEFAULT;
    struct fl_suspicion s = fl_suspicion_new(&rules, 16);
    struct fl_sighting seen = {.group_size = 8, .flagged = true};
    struct buf table = {0};
    struct buf octets = {0};
    struct span value[6] = {{0}};
    memcpy(seen.token, u->token, FL_TOKEN);
    seen.token[0] ^= quarantined ? 0 : 1;
    while (fl_suspicion_standing(&s, seen.token) == FL_FREE) {
        struct fl_sighting one = seen;
        one.evidence = ++seen.evidence;
        (void)fl_suspicion_round(&s, &one, 1, 0, NULL);
    }
    fl_suspicion_encode(&s, &table);
    value[5] = buf_span(&table);
    const struct state_bundle p = sample_entry_bundle(cell, height, 6, 5, span_of("q", 1), value);
    state_bundle_encode(&p, &octets);
    write_file(u, "genesis", buf_span(&cell->octets));
    write_file(u, "standings.proof", buf_span(&octets));
    buf_free(&octets);
    buf_free(&table);
    fl_suspicion_free(&s);
}

static void make_round(struct unit *u, struct ws_random *random) {
    struct buf octets = {0};
    u->open = (struct fl_open){.round = 3,
        .height = 100,
        .seed_height = 102,
        .model = "manner",
        .model_version = 1,
        .n = UNITS,
        .config = {.scale = {.bits = 12, .clip = 3 << 19, .clip_inf = 1 << 19},
            .rules = FL_RULES_DEFAULT,
            .suspicion = FL_SUSPICION_DEFAULT,
            .group_min = 8,
            .group = 16,
            .submissions_max = 100,
            .submit_us = 60000000,
            .attest_us = 60000000,
            .open_us = 60000000,
            .judge_us = 60000000,
            .epoch_us = 86400000000}};
    if (fl_profile_by_octet(FL_STANDARD, &u->open.config.profile, NULL) != WS_OK)
        fail("no profile");
    make_model(u, &u->open);
    uint8_t seed[32];
    ws_random_bytes(random, seed, sizeof(seed));
    ws_random_bytes(random, u->seed, 32);
    ws_random_bytes(random, u->token, 32);
    (void)crypto_sign_seed_keypair(u->signer, u->secret, seed);
    for (size_t i = 0; i < UNITS; i++) {
        uint8_t secret[FL_SECRET_OCTETS];
        ws_random_bytes(random, secret, sizeof(secret));
        ws_random_bytes(random, u->open.seat[i].address, 32);
        u->reader[i] = fl_reader_new(secret);
        fl_reader_public(u->reader[i], &u->open.seat[i].key);
    }
    address_of(u->signer, u->open.seat[2].address);
    fl_open_round(&u->open, u->cell, &u->round);
    fl_open_encode(&u->open, &octets);
    write_file(u, "open", buf_span(&octets));
    write_file(u, "cell", span_of(u->cell, 32));
    write_file(u, "seed", span_of(u->seed, 32));
    write_file(u, "token", span_of(u->token, 32));
    buf_free(&octets);
}

/* ---- what the port asks ---- */

static bool ledger_round(void *ctx, struct uploads_round *ret) {
    const struct unit *u = ctx;
    *ret = (struct uploads_round){.number = u->open.round,
        .open = true,
        .deadline_us = u->deadline_us,
        .round = u->round,
        .shape = {(uint32_t)fl_cover_octets(UNITS), (uint32_t)fl_bundles_octets(UNITS),
            (uint32_t)fl_wire_octets(u->open.config.profile, u->open.params)}};
    return true;
}

static bool ledger_claim(
    void *ctx, const uint8_t name[static 32], size_t k, struct uploads_claim *ret) {
    struct unit *u = ctx;
    char path[4096];
    struct buf octets = {0};
    uint8_t is[32];
    (void)snprintf(path, sizeof(path), "%s/submit", u->folder);
    if (!u->has_submit && file_read(path, 4096, &octets, NULL) == WS_OK) {
        if (!fl_submit_decode(buf_span(&octets), &u->submit) || u->submit.round != u->open.round ||
            u->submit.params != u->open.params)
            fail("not a submission of this round");
        u->has_submit = true;
    }
    buf_free(&octets);
    if (!u->has_submit || k > 0)
        return false;
    fl_upload_name(u->cell, u->submit.id, u->submit.upload_key, is);
    if (memcmp(is, name, 32) != 0)
        return false;
    *ret = (struct uploads_claim){0};
    memcpy(ret->id, u->submit.id, 32);
    memcpy(ret->token, u->token, 32);
    memcpy(ret->upload_key, u->submit.upload_key, 32);
    return true;
}

/* The four sum their shares of one vehicle, which no real round does, and unmask it. */
static bool look_inside(
    struct unit *u, const struct fl_submission *s, struct span bundles, struct span wire) {
    const struct fl_profile *p = u->open.config.profile;
    struct fl_share_sum *sum = ws_calloc(UNITS, sizeof(*sum));
    struct fl_key_sum *key = ws_alloc(sizeof(*key));
    const struct fl_share_sum *sums[UNITS];
    struct buf text = {0};
    bool good = fl_wire_check(p, u->open.params, wire, NULL) == WS_OK;
    for (unsigned v = 1; v <= UNITS && good; v++) {
        uint16_t share[FL_SHARE_VALUES];
        const struct span own =
            span_of(bundles.p + fl_bundle_offset(&s->plan, v), fl_bundle_octets(&s->plan, v));
        good = fl_bundle_open(&u->round, s, v, own, u->reader[v - 1], share) == FL_BUNDLE_GOOD;
        sums[v - 1] = &sum[v - 1];
        if (good)
            fl_share_sum_add(&sum[v - 1], share, 1);
    }
    if (good) {
        fl_shares_decode(sums, UNITS, key);
        good = key->state == FL_DECODE_DONE && key->liars == 0 && fl_key_sum_in_bound(key->key, 1);
    }
    if (good) {
        uint64_t coefs[FL_N] = {0};
        int32_t symbols[FL_N];
        struct fl_opening opening = FL_OPENING_NONE;
        const struct fl_weights alone = {1, 1};
        fl_mask_round(&u->mask, u->seed);
        fl_mask_open_key(&u->mask, key->key);
        fl_sum_add(&u->ring, p, u->open.params, wire.p, 1, coefs);
        fl_mask_unmask(&u->mask, p, u->open.params, 0, alone, coefs, symbols, &opening);
        good = fl_opening_judge(p, alone, &opening) == FL_OPENING_GOOD;
        for (size_t i = 0; i < u->open.params && good; i++)
            buf_printf(&text, "%d\n", symbols[i]);
    }
    write_file(u, "found", buf_span(&text));
    buf_free(&text);
    free(sum);
    free(key);
    return good;
}

static int keep(void *ctx, uint64_t round, const uint8_t id[static 32], const struct fl_material *m,
    struct ws_err *err) {
    struct unit *u = ctx;
    struct fl_submission s;
    (void)err;
    const bool good = round == u->open.round &&
                      fl_material_check(&u->round, u->token, id, m, &s) == FL_MATERIAL_GOOD &&
                      look_inside(u, &s, m->bundles, m->wire);
    (void)pthread_mutex_lock(&u->lock);
    u->done = true;
    u->good = good;
    (void)pthread_mutex_unlock(&u->lock);
    return WS_OK;
}

static bool has(void *ctx, const uint8_t id[static 32]) {
    (void)ctx;
    (void)id;
    return false;
}

static void sign(void *ctx, struct span octets, uint8_t ret[static 64]) {
    const struct unit *u = ctx;
    (void)crypto_sign_detached(ret, NULL, octets.p, octets.n, u->secret);
}

static bool finished(struct unit *u) {
    (void)pthread_mutex_lock(&u->lock);
    const bool done = u->done;
    (void)pthread_mutex_unlock(&u->lock);
    return done;
}

static void close_unit(struct unit *u) {
    for (size_t i = 0; i < UNITS; i++)
        fl_reader_free(u->reader[i]);
    fl_mask_close(&u->mask);
    free(u);
}

int main(int argc, char **argv) {
    const bool quarantined = argc == 3 && strcmp(argv[2], "quarantined") == 0;
    const bool old = argc == 3 && strcmp(argv[2], "old") == 0;
    if (argc != 2 && !quarantined && !old)
        return 2;
    struct unit *u = aligned_alloc(64, (sizeof(*u) + 63) / 64 * 64);
    const struct ws_clock clock = {.kind = WS_CLOCK_SYSTEM};
    struct ws_random random = ws_random_system();
    struct ws_err err = {0};
    if (u == NULL || sodium_init() < 0)
        fail("no memory");
    memset(u, 0, sizeof(*u));
    u->folder = argv[1];
    u->deadline_us = ws_clock_now(&clock).its_us + 600000000;
    if (fl_ring_init(&u->ring, NULL, &err) != WS_OK ||
        fl_mask_open(&u->mask, &u->ring, &err) != WS_OK || pthread_mutex_init(&u->lock, NULL) != 0)
        fail(err.text);
    struct sample_cell cell;
    sample_cell_make(&cell, UNITS, NULL);
    memcpy(u->cell, cell.id, 32);
    make_round(u, &random);
    make_standings(u, &cell, quarantined, old ? u->open.height - 1 : u->open.height);
    sample_cell_free(&cell);
    if (quarantined || old) {
        close_unit(u);
        return 0;
    }

    const struct uploads_ledger ledger = {ledger_round, ledger_claim, u};
    const struct uploads_limits limits = uploads_limits_default();
    struct uploads_io io = {.keep = keep, .has = has, .sign = sign, .ctx = u};
    struct uploads_port *port = NULL;
    memcpy(io.signer, u->signer, 32);
    if (uploads_port_open("127.0.0.1:0", &limits, &ledger, &io, NULL, &clock, &port, &err) != WS_OK)
        fail(err.text);
    char text[16];
    const int n = snprintf(text, sizeof(text), "%u\n", (unsigned)uploads_port_number(port));
    write_file(u, "port", span_of(text, (size_t)n));
    for (unsigned i = 0; i < WAIT_S * 20 && !finished(u); i++)
        (void)poll(NULL, 0, 50);
    (void)poll(NULL, 0, 300); /* the receipt is on its way */
    uploads_port_close(port);
    const bool good = u->done && u->good;
    close_unit(u);
    return good ? 0 : 1;
}

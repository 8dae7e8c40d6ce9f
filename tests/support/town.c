#include "tests/support/town.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/contract.h"
#include "ledger/exec/crypto.h"
#include "v2x/psid.h"

#include <stdio.h>
#include <stdlib.h>

static struct span put_cert(struct buf *b, const struct cert_request *rq,
    const struct sign_key *subject, const struct sign_key *issuer, struct span issuer_cert) {
    cert_put(b, rq, subject, issuer, issuer_cert);
    return buf_span(b);
}

static void build_pki(struct town *t, struct ws_random *rnd) {
    uint32_t from = (uint32_t)(t->epoch / 1000000) - 3600;
    struct cert_request root = {.name = "test root",
        .valid_from_s = from,
        .valid_hours = 1000,
        .issue_all = true,
        .issue_min_chain = 2,
        .issue_chain_range = 0};
    t->root_key = sign_key_new(CURVE_P256, rnd);
    t->trust.cert = ws_calloc(1 + TOWN_ISSUERS, sizeof(*t->trust.cert));
    t->trust.from = ws_calloc(1 + TOWN_ISSUERS, sizeof(*t->trust.from));
    struct span root_cert = put_cert(&t->trust.cert[0], &root, t->root_key, NULL, span_of("", 0));
    t->trust.n = 1 + TOWN_ISSUERS;
    for (size_t i = 0; i < TOWN_ISSUERS; i++) {
        struct cert_request aa = {.name = "test issuer",
            .valid_from_s = from,
            .valid_hours = 900,
            .issue_all = true,
            .issue_min_chain = 1,
            .issue_chain_range = 0};
        t->issuer_key[i] = sign_key_new(CURVE_P256, rnd);
        (void)put_cert(&t->trust.cert[1 + i], &aa, t->issuer_key[i], t->root_key, root_cert);
    }
    for (size_t i = 0; i < TOWN_CARS; i++) {
        struct observer_class who = {SENSOR_CAMERA_GOOD, (uint16_t)(1 + i % 4)};
        uint8_t ssp[OBS_SSP_OCTETS];
        observer_put_ssp(ssp, &who);
        const struct sign_permission apps[] = {
            {PSID_MAP_OBSERVATION, span_of(ssp, sizeof(ssp)), false},
            {.psid = PSID_LEARNING_RECORD}};
        struct cert_request ticket = {
            .valid_from_s = from, .valid_hours = 168, .app = apps, .n_app = ARRAY_LEN(apps)};
        t->car_key[i] = sign_key_new(CURVE_P256, rnd);
        size_t by = i % TOWN_ISSUERS;
        struct span all = put_cert(&t->car_cert[i], &ticket, t->car_key[i], t->issuer_key[by],
            buf_span(&t->trust.cert[1 + by]));
        struct cert c;
        size_t at = 0;
        WS_ASSERT(cert_parse(all, &c, &at) == COER_OK);
        cert_hash256(&c, t->car_hash[i]);
    }
}

static void build_map(struct town *t) {
    t->map.frame = frame_at(487600000, 114200000);
    (void)snprintf(t->map.ns, sizeof(t->map.ns), "test:town");
    struct element sign = {.kind = EL_SIGN, .has_value = true, .value = 50, .has_heading = true};
    element_id_import(t->map.ns, t->map.base_digest, "sign/1", sign.id);
    element_set_attr(&sign, "code", "274");
    element_add_alias(&sign, "test:sign/1");
    element_add_point(&sign, (struct map_point){0, 0, 0});
    sign.valid_to_ms = INT64_MAX;
    mapset_add(&t->map, &sign);
    mapset_sort(&t->map);
    t->sign = &t->map.elements[0];
}

void town_build(struct town *t, uint64_t seed) {
    memset(t, 0, sizeof(*t));
    t->epoch = 700000000ULL * 1000000;
    struct ws_random rnd = ws_random_seeded(seed);
    build_pki(t, &rnd);
    build_map(t);
}

void town_free(struct town *t) {
    sign_key_free(t->root_key);
    for (size_t i = 0; i < TOWN_ISSUERS; i++)
        sign_key_free(t->issuer_key[i]);
    for (size_t i = 0; i < TOWN_CARS; i++) {
        sign_key_free(t->car_key[i]);
        buf_free(&t->car_cert[i]);
    }
    trust_files_free(&t->trust);
    mapset_free(&t->map);
}

struct signer *town_authority(void) {
    uint8_t seed[32];
    memset(seed, 0xaa, sizeof(seed));
    struct signer *s = signer_new(seed);
    WS_ASSERT(s != NULL);
    return s;
}

void town_genesis(
    const struct town *t, const uint8_t (*seeds)[32], size_t n, struct buf *ret_genesis) {
    struct founding *f = calloc(1, sizeof(*f));
    WS_ASSERT(f != NULL);
    f->name = "test town";
    f->time = t->epoch - 1000000;
    f->validators.n = n;
    for (size_t i = 0; i < n; i++) {
        struct signer *s = signer_new(seeds[i]);
        WS_ASSERT(s != NULL);
        f->validators.v[i] = (struct validator){.alg = KEY_ED25519, .power = 1};
        signer_public(s, f->validators.v[i].key);
        memcpy(f->validators.v[i].curve_key, f->validators.v[i].key, KEY_OCTETS);
        signer_free(s);
    }
    struct signer *s = town_authority();
    f->n_authorities = 1;
    signer_public(s, f->authorities[0].key);
    signer_free(s);
    f->authorities[0].roles = 0x0f;
    f->quorum[ROLE_POLICY - 1] = 1;
    f->quorum[ROLE_COMMITTEE - 1] = 1;
    f->quorum[ROLE_MAP - 1] = 1;
    f->trust = &t->trust;
    f->params = cell_params_default();
    f->policy_name = founding_policy_name;
    f->policy_script = founding_policy_script();
    f->map = &t->map;
    f->margin_m = 2000;
    struct ws_err err;
    WS_ASSERT(founding_genesis(f, ret_genesis, &err) == WS_OK);
    free(f);
}

void town_report(
    const struct town *t, size_t car, uint64_t time, int32_t value, struct buf *ret_spdu) {
    struct observation o = {.map_version = 1, .time = time, .range_mm = 60000, .half_angle = 8192};
    /* Cars come from two lanes, so that lines of sight differ. */
    frame_to_wgs(&t->map.frame, -20000, car % 2 == 0 ? -2000 : -6000, &o.lat, &o.lon);
    struct obs_report *r = &o.reports[o.n_reports++];
    *r = (struct obs_report){.kind = value == 50 ? REPORT_DETECTED : REPORT_MISMATCH,
        .element_kind = EL_SIGN,
        .has_element = true,
        .has_position = true,
        .sigma_mm = 500,
        .has_value = true,
        .value = value,
        .has_heading = true};
    memcpy(r->element_id, t->sign->id, 16);
    frame_to_wgs(&t->map.frame, 200, -100, &r->lat, &r->lon);
    struct buf payload = {0};
    observation_put(&payload, &o);
    struct spdu_request rq = {.psid = PSID_MAP_OBSERVATION,
        .generation_time = time,
        .has_location = true,
        .lat = o.lat,
        .lon = o.lon,
        .payload = buf_span(&payload),
        .with_certificate = car % 3 == 0};
    spdu_put_signed(ret_spdu, &rq, t->car_key[car], buf_span(&t->car_cert[car]));
    buf_free(&payload);
}

#include "tests/support/pki.h"

#include "base/assert.h"
#include "v2x/carrier.h"
#include "v2x/psid.h"

#include <stdio.h>

void pki_init(struct pki *k, uint64_t seed) {
    *k = (struct pki){.rnd = ws_random_seeded(seed)};
    struct cert_request root = {
        .name = "test root",
        .valid_from_s = PKI_FROM_S - 86400,
        .valid_hours = 24 * 365,
        .issue_all = true,
        .issue_min_chain = 1,
        .issue_chain_range = 1,
    };
    struct cert_request ca = root;
    ca.name = "test ticket authority";
    ca.issue_chain_range = 0;
    k->root_key = sign_key_new(CURVE_P256, &k->rnd);
    k->ca_key = sign_key_new(CURVE_P256, &k->rnd);
    cert_put(&k->root, &root, k->root_key, NULL, (struct span){0});
    cert_put(&k->ca, &ca, k->ca_key, k->root_key, buf_span(&k->root));
    k->trust = trust_store_new(8);
    struct ws_err err;
    if (trust_add_root(k->trust, buf_span(&k->root), &err) != WS_OK)
        (void)fprintf(stderr, "%s\n", err.text);
    WS_ASSERT(trust_add_issuer(k->trust, buf_span(&k->ca)) == TRUST_OK);
}

void pki_free(struct pki *k) {
    sign_key_free(k->root_key);
    sign_key_free(k->ca_key);
    buf_free(&k->root);
    buf_free(&k->ca);
    trust_store_free(k->trust);
}

void pki_station(struct pki *k, struct station *s, const uint64_t *psids, size_t n, uint32_t from_s,
    uint16_t hours) {
    struct sign_permission app[8] = {0};
    WS_ASSERT(n <= ARRAY_LEN(app));
    for (size_t i = 0; i < n; i++)
        app[i].psid = psids[i];
    struct cert_request rq = {
        .valid_from_s = from_s,
        .valid_hours = hours,
        .app = app,
        .n_app = n,
    };
    *s = (struct station){.key = sign_key_new(CURVE_P256, &k->rnd)};
    cert_put(&s->cert, &rq, s->key, k->ca_key, buf_span(&k->ca));
    ws_random_bytes(&k->rnd, s->mac, sizeof(s->mac));
    s->mac[0] = (uint8_t)((s->mac[0] & 0xfc) | 2);
}

void pki_vehicle(struct pki *k, struct station *s) {
    const uint64_t psids[] = {
        PSID_MAP_OBSERVATION, PSID_LEARNING_RECORD, PSID_BSM, PSID_CAM, PSID_DENM};
    pki_station(k, s, psids, ARRAY_LEN(psids), PKI_FROM_S, 168);
}

void station_free(struct station *s) {
    sign_key_free(s->key);
    buf_free(&s->cert);
}

void station_frame(struct buf *b, const struct station *s, uint64_t psid, uint64_t generation_time,
    struct span payload, bool with_certificate) {
    struct spdu_request rq = {
        .psid = psid,
        .generation_time = generation_time,
        .has_location = psid == PSID_DENM,
        .lat = 480000000,
        .lon = 110000000,
        .payload = payload,
        .with_certificate = with_certificate,
    };
    struct buf spdu = {0};
    spdu_put_signed(&spdu, &rq, s->key, buf_span(&s->cert));
    carrier_put_gn_secured(b, s->mac, buf_span(&spdu));
    buf_free(&spdu);
}

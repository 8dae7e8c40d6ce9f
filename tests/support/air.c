#include "tests/support/air.h"

#include "base/assert.h"
#include "tests/support/lists.h"
#include "v2x/linkage.h"
#include "v2x/psid.h"

static const uint64_t psids[] = {PSID_CAM, PSID_DENM, PSID_BSM, PSID_MAP_OBSERVATION};

static struct dot2_cert_spec authority(enum dot2_curve curve, unsigned chain) {
    return (struct dot2_cert_spec){.curve = curve,
        .authority = true,
        .chain_length = chain,
        .key_form = DOT2_COMPRESSED,
        .from_s = PKI_FROM_S - 86400,
        .hours = 24 * 365};
}

static struct dot2_cert_spec ticket(enum dot2_curve curve) {
    return (struct dot2_cert_spec){.curve = curve,
        .key_form = DOT2_COMPRESSED,
        .from_s = PKI_FROM_S,
        .hours = 168,
        .psids = psids,
        .n_psids = ARRAY_LEN(psids)};
}

/* The first ticket of a device in this period, from the seeds that a list would publish. */
static void linkage_value(
    const struct crl_seeds *seeds, unsigned j, uint8_t ret_value[static LINKAGE_OCTETS]) {
    struct linkage *l = linkage_new();
    const struct linkage_seeds s = {seeds->la1, seeds->la2, seeds->seed1, seeds->seed2};
    linkage_values(l, &s, j, 1, ret_value);
    linkage_free(l);
}

static struct revocation_source *lists(
    const struct air *a, const struct crl_seeds *seeds, uint16_t period) {
    const struct revocation_clock clock = REVOCATION_CLOCK_SCMS;
    const struct revocation_limits limits = {64, 4096, 16};
    struct revocation_source *source = revocation_source_new(&limits, &clock);
    struct trust_issuer root = trust_issuer_at(a->pki.trust, 0);
    struct cert cert;
    size_t at;
    uint8_t hash[32], hash256[32], id10[1][10];
    WS_ASSERT(cert_parse(buf_span(&a->revoked.cert), &cert, &at) == COER_OK);
    cert_hash256(&cert, hash);
    memcpy(id10[0], hash + 22, 10);
    WS_ASSERT(cert_parse(buf_span(&a->root256.octets), &cert, &at) == COER_OK);
    cert_hash256(&cert, hash256);
    const struct crl_writer writers[] = {
        {.form = CRL_HASH_FULL,
            .craca = root.hash256 + 24,
            .issued_s = PKI_FROM_S,
            .next_s = UINT32_MAX,
            .serial = 1,
            .ids = id10,
            .n_ids = 1},
        {.form = CRL_LINKED_FULL,
            .series = 1,
            .craca = hash256 + 24,
            .issued_s = PKI_FROM_S,
            .next_s = UINT32_MAX,
            .serial = period * 256U,
            .seeds = seeds,
            .n_seeds = 1},
    };
    const uint8_t *authorities[] = {root.hash256, hash256};
    for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
        struct buf b = {0};
        struct crl crl;
        struct ws_err err;
        list_put_crl(&b, &writers[i]);
        struct coer c = coer_of(buf_span(&b));
        WS_ASSERT(crl_read(&c, &crl));
        WS_ASSERT(revocation_add_crl(source, &crl, authorities[i], "list", &err) == WS_OK);
        buf_free(&b);
    }
    return source;
}

void air_init(struct air *a) {
    struct ws_random rnd = ws_random_seeded(7);
    pki_init(&a->pki, 1);
    pki_init(&a->foreign, 2);
    pki_vehicle(&a->pki, &a->car);
    pki_vehicle(&a->pki, &a->truck);
    pki_vehicle(&a->pki, &a->revoked);
    pki_vehicle(&a->foreign, &a->stranger);

    uint32_t now_s = (uint32_t)(PKI_NOW_US / 1000000);
    uint16_t period =
        (uint16_t)((now_s - REVOCATION_CLOCK_SCMS.start_s) / REVOCATION_CLOCK_SCMS.length_s);
    static const uint8_t seed1[16] = {1}, seed2[16] = {2};
    const struct crl_seeds seeds = {.jmax = 20,
        .i_max = (uint16_t)(period + 10),
        .la1 = 5,
        .la2 = 6,
        .seed1 = seed1,
        .seed2 = seed2};
    uint8_t value[LINKAGE_OCTETS], other[LINKAGE_OCTETS] = {9};
    linkage_value(&seeds, 3, value);

    struct dot2_cert_spec spec = authority(DOT2_BP384, 1);
    dot2_cert_make(&a->root384, &spec, NULL, &rnd);
    spec = authority(DOT2_P256, 2);
    dot2_cert_make(&a->root256, &spec, NULL, &rnd);
    spec = authority(DOT2_P256, 1);
    spec.implicit = true;
    dot2_cert_make(&a->implicit_ca, &spec, &a->root256, &rnd);
    struct ws_err err;
    WS_ASSERT(trust_add_root(a->pki.trust, buf_span(&a->root384.octets), &err) == WS_OK);
    WS_ASSERT(trust_add_root(a->pki.trust, buf_span(&a->root256.octets), &err) == WS_OK);
    WS_ASSERT(trust_add_issuer(a->pki.trust, buf_span(&a->implicit_ca.octets)) == TRUST_OK);

    spec = ticket(DOT2_P384);
    dot2_cert_make(&a->ticket[AIR_P384], &spec, &a->root384, &rnd);
    spec = ticket(DOT2_BP256);
    spec.key_form = DOT2_UNCOMPRESSED;
    dot2_cert_make(&a->ticket[AIR_BP256], &spec, &a->root384, &rnd);
    spec = ticket(DOT2_P256);
    dot2_cert_make(&a->ticket[AIR_BELOW_IMPLICIT], &spec, &a->implicit_ca, &rnd);
    spec.implicit = true;
    dot2_cert_make(&a->ticket[AIR_IMPLICIT], &spec, &a->implicit_ca, &rnd);
    spec.i_cert = period;
    spec.linkage = other;
    dot2_cert_make(&a->ticket[AIR_LINKED], &spec, &a->implicit_ca, &rnd);
    spec.linkage = value;
    dot2_cert_make(&a->ticket[AIR_LINKED_REVOKED], &spec, &a->implicit_ca, &rnd);

    struct revocation_source *source = lists(a, &seeds, period);
    while (revocation_step(source, now_s, 1000))
        ;
    a->view =
        trust_view_new(a->pki.trust, NULL, NULL, revocation_take(source, a->pki.trust, now_s), 1);
    revocation_source_free(source);
}

void air_free(struct air *a) {
    trust_view_unref(a->view);
    for (unsigned i = 0; i < AIR_TICKETS; i++)
        dot2_cert_free(&a->ticket[i]);
    dot2_cert_free(&a->implicit_ca);
    dot2_cert_free(&a->root256);
    dot2_cert_free(&a->root384);
    station_free(&a->car);
    station_free(&a->truck);
    station_free(&a->revoked);
    station_free(&a->stranger);
    pki_free(&a->pki);
    pki_free(&a->foreign);
}

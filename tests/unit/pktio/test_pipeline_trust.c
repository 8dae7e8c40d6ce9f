/* The pipeline and the chains of its signers: what an issuer's certificate says about its tickets' messages. */
#include "tests/unit/pktio/pipe_rig.h"
#include "tests/unit/v2x/cert_parts.h"

#include "base/assert.h"
#include "v2x/carrier.h"
#include "v2x/psid.h"

#include <stdio.h>

/* ---- regions ---- */

/* An observation from a place so many units north of 48 degrees. */
static enum pkt_verdict observe(
    struct pipe_rig *f, const struct station *s, int32_t north, uint64_t gen, bool cert) {
    struct spdu_request rq = {.psid = PSID_MAP_OBSERVATION,
        .generation_time = gen,
        .has_location = true,
        .lat = 480000000 + north,
        .lon = 110000000,
        .payload = RIG_HELLO,
        .with_certificate = cert};
    struct buf spdu = {0}, frame = {0};
    spdu_put_signed(&spdu, &rq, s->key, buf_span(&s->cert));
    carrier_put_gn_secured(&frame, s->mac, buf_span(&spdu));
    enum pkt_verdict v = rig_run_span(f, buf_span(&frame));
    buf_free(&frame);
    buf_free(&spdu);
    return v;
}

/* An authority whose region is a kilometre around 48 N 11 E, or that inherits it from one above, and a ticket of it that
 * has none. */
struct narrow {
    struct trust_store *store;
    struct sign_key *key, *sub_key;
    struct buf ca, sub;
    struct station ticket;
};

static void narrow_make(struct pipe_rig *f, struct narrow *n, bool two_steps, bool implicit) {
    struct cert_request rq = {.name = "one place only",
        .valid_from_s = PKI_FROM_S,
        .valid_hours = 200,
        .issue_all = true,
        .issue_min_chain = 1,
        .issue_chain_range = two_steps ? 1 : 0,
        .has_circle = true,
        .circle_lat = 480000000,
        .circle_lon = 110000000,
        .circle_radius_m = 1000};
    struct cert_request root_rq = {.name = "root of it",
        .valid_from_s = PKI_FROM_S,
        .valid_hours = 300,
        .issue_all = true,
        .issue_min_chain = 1,
        .issue_chain_range = 2};
    struct sign_permission app = {.psid = PSID_MAP_OBSERVATION};
    struct cert_request ticket_rq = {
        .valid_from_s = PKI_FROM_S, .valid_hours = 100, .app = &app, .n_app = 1};
    struct ws_random *rnd = &f->pki.rnd;
    struct sign_key *root_key = sign_key_new(CURVE_P256, rnd);
    struct buf root = {0};
    struct ws_err err;
    *n = (struct narrow){.store = trust_store_new(8)};
    n->key = sign_key_new(CURVE_P256, rnd);
    n->sub_key = sign_key_new(CURVE_P256, rnd);
    cert_put(&root, &root_rq, root_key, NULL, (struct span){0});
    cert_put(&n->ca, &rq, n->key, root_key, buf_span(&root));
    assert_int_equal(trust_add_root(n->store, buf_span(&root), &err), WS_OK);
    assert_int_equal(trust_add_issuer(n->store, buf_span(&n->ca)), TRUST_OK);
    if (two_steps) {
        rq.name = "under it";
        rq.has_circle = false;
        rq.issue_chain_range = 0;
        cert_put(&n->sub, &rq, n->sub_key, n->key, buf_span(&n->ca));
        assert_int_equal(trust_add_issuer(n->store, buf_span(&n->sub)), TRUST_OK);
    }
    const struct sign_key *issuer = two_steps ? n->sub_key : n->key;
    struct span issuer_cert = buf_span(two_steps ? &n->sub : &n->ca);
    n->ticket.mac[0] = 2;
    if (implicit) {
        n->ticket.key = cert_put_implicit(&n->ticket.cert, &ticket_rq, issuer, issuer_cert, rnd);
    } else {
        n->ticket.key = sign_key_new(CURVE_P256, rnd);
        cert_put(&n->ticket.cert, &ticket_rq, n->ticket.key, issuer, issuer_cert);
    }
    sign_key_free(root_key);
    buf_free(&root);
    f->cfg.trust = n->store;
    rig_start(f);
}

static void narrow_free(struct pipe_rig *f, struct narrow *n) {
    f->cfg.trust = f->pki.trust;
    rig_start(f);
    sign_key_free(n->key);
    sign_key_free(n->sub_key);
    buf_free(&n->ca);
    buf_free(&n->sub);
    station_free(&n->ticket);
    trust_store_free(n->store);
}

/* A radius of 1000 m is 89932 units of latitude. */
enum { INSIDE = 89932, OUTSIDE = 89933 };

/* Whether a certificate is heard first, known, or named by digest, its issuer's region counts to the unit. */
static void a_ticket_without_region_has_its_issuers(void **state) {
    struct pipe_rig *f = *state;
    for (unsigned k = 0; k < 4; k++) {
        struct narrow n;
        narrow_make(f, &n, (k & 1) != 0, (k & 2) != 0);
        uint64_t t = PKI_NOW_US;
        rig_expect(f, observe(f, &n.ticket, OUTSIDE, t, true), PKT_CERT_INVALID);
        assert_non_null(strstr(f->detail, "region"));
        rig_expect(f, observe(f, &n.ticket, INSIDE, t, true), PKT_VERIFIED);
        rig_expect(f, observe(f, &n.ticket, OUTSIDE, t + 1, true), PKT_CERT_INVALID);
        rig_expect(f, observe(f, &n.ticket, OUTSIDE, t + 2, false), PKT_CERT_INVALID);
        rig_expect(f, observe(f, &n.ticket, -OUTSIDE, t + 3, false), PKT_CERT_INVALID);
        rig_expect(f, observe(f, &n.ticket, -INSIDE, t + 4, false), PKT_VERIFIED);
        narrow_free(f, &n);
    }
}

/* What waits for a certificate is judged by the region too, even when the message that brought it was outside. */
static void the_region_counts_for_those_that_waited(void **state) {
    struct pipe_rig *f = *state;
    struct narrow n;
    narrow_make(f, &n, false, false);
    struct buf frame[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++) {
        struct spdu_request rq = {.psid = PSID_MAP_OBSERVATION,
            .generation_time = PKI_NOW_US + (unsigned)i,
            .has_location = true,
            .lat = 480000000 + (i == 0 ? OUTSIDE : INSIDE),
            .lon = 110000000,
            .payload = RIG_HELLO};
        struct buf spdu = {0};
        spdu_put_signed(&spdu, &rq, n.ticket.key, buf_span(&n.ticket.cert));
        carrier_put_gn_secured(&frame[i], n.ticket.mac, buf_span(&spdu));
        struct pkt_frame fr = {.data = buf_span(&frame[i]),
            .link = LINK_ETHERNET,
            .original_octets = (uint32_t)frame[i].n,
            .number = 1};
        pipeline_take(f->p, &fr, 1, PKI_NOW_US);
        (void)pipeline_work(f->p, PKI_NOW_US);
        buf_free(&spdu);
    }
    const struct pipeline_counters *c = pipeline_counters(f->p);
    assert_int_equal(c->waiting, 2);
    struct spdu_request rq = {.psid = PSID_MAP_OBSERVATION,
        .generation_time = PKI_NOW_US + 5,
        .has_location = true,
        .lat = 480000000 + OUTSIDE,
        .lon = 110000000,
        .payload = RIG_HELLO,
        .with_certificate = true};
    struct buf spdu = {0}, last = {0};
    spdu_put_signed(&spdu, &rq, n.ticket.key, buf_span(&n.ticket.cert));
    carrier_put_gn_secured(&last, n.ticket.mac, buf_span(&spdu));
    struct pkt_frame fr = {
        .data = buf_span(&last), .link = LINK_ETHERNET, .original_octets = (uint32_t)last.n};
    pipeline_take(f->p, &fr, 1, PKI_NOW_US);
    while (pipeline_work(f->p, PKI_NOW_US))
        ;
    assert_int_equal(c->verdict[PKT_CERT_INVALID], 2);
    assert_int_equal(c->verdict[PKT_VERIFIED], 1);
    for (int i = 0; i < 2; i++)
        buf_free(&frame[i]);
    buf_free(&spdu);
    buf_free(&last);
    narrow_free(f, &n);
}

/* ---- algorithms that are not read ---- */

#define SM2_KEY                                                                                    \
    "808421"                                                                                       \
    "82"                                                                                           \
    "3131313131313131313131313131313131313131313131313131313131313131"
#define SM2_SIGNATURE                                                                              \
    "8440"                                                                                         \
    "1111111111111111111111111111111111111111111111111111111111111111"                             \
    "2222222222222222222222222222222222222222222222222222222222222222"

/* In the signer's certificate, wherever it is, and whether its issuer is known or not; then also for those that name it by
 * digest, and without any work on curves. */
static void certificates_with_sm(void **state) {
    struct pipe_rig *f = *state;
    static const struct cert_parts parts[] = {
        {.key = SM2_KEY}, {.signature = SM2_SIGNATURE}, {.issuer = "83080102030405060708"}};
    struct pki foreign;
    pki_init(&foreign, 2);
    for (size_t i = 0; i < 2 * ARRAY_LEN(parts); i++) {
        const struct pki *k = i % 2 == 0 ? &f->pki : &foreign;
        struct cert_parts p = parts[i / 2];
        p.from_s = PKI_FROM_S;
        p.app = "0101000124";
        struct station s = {.key = sign_key_new(CURVE_P256, &f->pki.rnd), .mac = {2, 1}};
        cert_put_parts(&s.cert, &p, s.key, k->ca_key, buf_span(&k->ca));
        for (unsigned cert = 2; cert-- > 0;) {
            struct buf frame = {0};
            station_frame(&frame, &s, PSID_CAM, PKI_NOW_US + i, RIG_HELLO, cert == 1);
            rig_expect(f, rig_run_span(f, buf_span(&frame)), PKT_NOT_COUNTED_ALG);
            buf_free(&frame);
        }
        station_free(&s);
    }
    assert_int_equal(pipeline_counters(f->p)->signatures, 0);
    assert_int_equal(pipeline_counters(f->p)->certs, 0);
    pki_free(&foreign);
}

/* What an ordinary station signed, with its signature or a part of its header exchanged. */
static void messages_with_sm_or_for_others(void **state) {
    struct pipe_rig *f = *state;
    struct station s;
    pki_vehicle(&f->pki, &s);
    struct spdu_request rq = {.psid = PSID_CAM,
        .generation_time = PKI_NOW_US,
        .payload = RIG_HELLO,
        .with_certificate = true};
    struct buf good = {0}, frame = {0}, bad = {0};
    spdu_put_signed(&good, &rq, s.key, buf_span(&s.cert));
    struct buf sm2 = test_unhex(SM2_SIGNATURE);
    /* 66 octets of signature: choice, form, r, s. */
    buf_put(&bad, good.p, good.n - 66);
    buf_put(&bad, sm2.p, sm2.n);
    carrier_put_gn_secured(&frame, s.mac, buf_span(&bad));
    rig_expect(f, rig_run_span(f, buf_span(&frame)), PKT_NOT_COUNTED_ALG);
    assert_non_null(strstr(f->detail, "SM2"));
    good.p[2] = 2;
    buf_clear(&frame);
    carrier_put_gn_secured(&frame, s.mac, buf_span(&good));
    rig_expect(f, rig_run_span(f, buf_span(&frame)), PKT_NOT_COUNTED_ALG);
    assert_non_null(strstr(f->detail, "SM3"));
    good.p[2] = 0;
    /* pduFunctionalType: 03 81 00, 40, 03 80 05 hello, then the header. */
    struct spdu m;
    size_t at;
    assert_int_equal(spdu_parse(buf_span(&good), &m, &at), COER_OK);
    size_t header = 3 + 1 + 3 + RIG_HELLO.n, tail = (size_t)(m.tbs.p - good.p) + m.tbs.n;
    buf_clear(&bad);
    buf_put(&bad, good.p, tail);
    bad.p[header] |= 0x80;
    buf_put(&bad, "\x02\x04\x20\x01\x01", 5);
    buf_put(&bad, good.p + tail, good.n - tail);
    buf_clear(&frame);
    carrier_put_gn_secured(&frame, s.mac, buf_span(&bad));
    rig_expect(f, rig_run_span(f, buf_span(&frame)), PKT_BAD_PROFILE);
    assert_non_null(strstr(f->detail, "pduFunctionalType"));
    buf_clear(&frame);
    carrier_put_gn_secured(&frame, s.mac, buf_span(&good));
    rig_expect(f, rig_run_span(f, buf_span(&frame)), PKT_VERIFIED);
    buf_free(&good);
    buf_free(&bad);
    buf_free(&sm2);
    buf_free(&frame);
    station_free(&s);
}

/* A rule of the family that the root belongs to: the verdict of a certificate that breaks its profile. */
static void a_ticket_with_a_name_under_a_european_root(void **state) {
    struct pipe_rig *f = *state;
    struct ws_random *rnd = &f->pki.rnd;
    struct sign_key *root_key = sign_key_new(CURVE_P256, rnd);
    struct cert_parts parts = {.from_s = PKI_FROM_S,
        .issue = "01012081c0",
        .app = "0102"
               "8002026e800101"
               "80020270800201ff"};
    struct buf root = {0}, frame = {0};
    struct ws_err err = {0};
    cert_put_parts(&root, &parts, root_key, NULL, (struct span){NULL, 0});
    struct trust_store *store = trust_store_new(1);
    if (trust_add_root(store, buf_span(&root), &err) != WS_OK)
        fail_msg("%s", err.text);
    f->cfg.trust = store;
    rig_start(f);
    struct station s = {.key = sign_key_new(CURVE_P256, rnd), .mac = {2, 1}};
    for (unsigned named = 0; named < 2; named++) {
        struct cert_parts p = {.from_s = PKI_FROM_S, .app = "0101000124"};
        p.id = named == 1 ? "81024141" : NULL;
        buf_clear(&s.cert);
        cert_put_parts(&s.cert, &p, s.key, root_key, buf_span(&root));
        buf_clear(&frame);
        station_frame(&frame, &s, PSID_CAM, PKI_NOW_US, RIG_HELLO, true);
        rig_expect(f, rig_run_span(f, buf_span(&frame)), named == 1 ? PKT_BAD_CERT : PKT_VERIFIED);
    }
    station_free(&s);
    buf_free(&frame);
    buf_free(&root);
    sign_key_free(root_key);
    f->cfg.trust = f->pki.trust;
    rig_start(f);
    trust_store_free(store);
}

/* ---- the certificate cache under attack ---- */

static enum pkt_verdict cam(
    struct pipe_rig *f, const struct station *s, uint64_t gen, bool certificate) {
    struct buf frame = {0};
    station_frame(&frame, s, PSID_CAM, gen, RIG_HELLO, certificate);
    enum pkt_verdict v = rig_run_span(f, buf_span(&frame));
    buf_free(&frame);
    return v;
}

enum { CARS = 8, SLOTS = 16, FLOOD = 120 };

/* Whoever has no authority behind him may send as many certificates as he likes, with keys that he has or has not: those
 * who were proven stay known by their digest. */
static void a_flood_of_certificates_leaves_the_proven_alone(void **state) {
    struct pipe_rig *f = *state;
    struct pki foreign;
    struct station car[CARS];
    pki_init(&foreign, 2);
    f->cfg.limits.cert_slots = SLOTS;
    rig_start(f);
    uint64_t t = PKI_NOW_US;
    for (size_t i = 0; i < CARS; i++) {
        pki_vehicle(&f->pki, &car[i]);
        rig_expect(f, cam(f, &car[i], t++, true), PKT_VERIFIED);
    }
    for (unsigned i = 0; i < FLOOD; i++) {
        struct station s;
        switch (i % 4) {
        case 0: /* of an authority that nobody knows, but he holds the key */
            pki_vehicle(&foreign, &s);
            rig_expect(f, cam(f, &s, t++, true), PKT_GOOD_ISSUER_UNKNOWN);
            break;
        case 1: { /* in the name of the known authority, which did not sign it */
            struct pki liar = f->pki;
            liar.ca_key = foreign.ca_key;
            liar.rnd = ws_random_seeded(1000 + i);
            pki_vehicle(&liar, &s);
            rig_expect(f, cam(f, &s, t++, true), PKT_CERT_INVALID);
            break;
        }
        case 2: { /* implicit in the known authority's name: there is some key, and he has not got it */
            struct sign_permission app = {.psid = PSID_CAM};
            struct cert_request rq = {
                .valid_from_s = PKI_FROM_S, .valid_hours = 168, .app = &app, .n_app = 1};
            s = (struct station){.mac = {2, (uint8_t)i}};
            s.key =
                cert_put_implicit(&s.cert, &rq, foreign.ca_key, buf_span(&f->pki.ca), &foreign.rnd);
            rig_expect(f, cam(f, &s, t++, true), PKT_BAD_SIGNATURE);
            break;
        }
        default: /* a car's certificate, and a message that is not the car's */
            s = (struct station){.key = sign_key_new(CURVE_P256, &foreign.rnd), .mac = {2}};
            buf_put(&s.cert, car[i % CARS].cert.p, car[i % CARS].cert.n);
            rig_expect(f, cam(f, &s, t++, true), PKT_BAD_SIGNATURE);
        }
        station_free(&s);
    }
    assert_true(pipeline_counters(f->p)->certs <= SLOTS);
    uint64_t before = pipeline_counters(f->p)->signatures;
    for (size_t i = 0; i < CARS; i++)
        rig_expect(f, cam(f, &car[i], t++, false), PKT_VERIFIED);
    assert_int_equal(pipeline_counters(f->p)->signatures, before + CARS); /* no chain again */
    for (size_t i = 0; i < CARS; i++)
        station_free(&car[i]);
    pki_free(&foreign);
}

/* What was refused is refused again without work, also when its signature is presented in another form, and a copy of a good
 * certificate that was tampered with is not taken for the good one. */
static void refusals_are_remembered_under_the_whole_hash(void **state) {
    struct pipe_rig *f = *state;
    struct station s, bad;
    struct cert c;
    size_t at;
    uint64_t t = PKI_NOW_US;
    pki_vehicle(&f->pki, &s);
    bad = (struct station){.key = sign_key_new(CURVE_P256, &f->pki.rnd), .mac = {2, 9}};
    buf_put(&bad.cert, s.cert.p, s.cert.n);
    assert_int_equal(cert_parse(buf_span(&bad.cert), &c, &at), COER_OK);
    /* The validity, an hour more. */
    size_t hours = (size_t)(c.tbs.p - c.all.p) + 1 + 1 + 5 + 4 + 1;
    bad.cert.p[hours + 1]++;
    rig_expect(f, cam(f, &bad, t++, true), PKT_CERT_INVALID);
    uint64_t before = pipeline_counters(f->p)->signatures;
    for (unsigned i = 0; i < 5; i++)
        rig_expect(f, cam(f, &bad, t++, i % 2 == 0), PKT_CERT_INVALID);
    /* rSig with a parity: the same hash. */
    uint8_t *form = bad.cert.p + (size_t)(c.signature.r.octets.p - c.all.p) - 1;
    assert_int_equal(*form, 0x80);
    *form = 0x82;
    rig_expect(f, cam(f, &bad, t++, true), PKT_CERT_INVALID);
    assert_int_equal(pipeline_counters(f->p)->signatures, before);
    assert_int_equal(pipeline_counters(f->p)->certs, 0);
    rig_expect(f, cam(f, &s, t++, true), PKT_VERIFIED);
    /* And the good one with a parity is the good one. */
    form = s.cert.p + (size_t)(c.signature.r.octets.p - c.all.p) - 1;
    *form = 0x83;
    rig_expect(f, cam(f, &s, t++, true), PKT_VERIFIED);
    assert_int_equal(pipeline_counters(f->p)->certs, 1);
    station_free(&s);
    station_free(&bad);
}

/* Others with the same eight octets are tried one after the other; which of them a message is of, its signature says. */
static void hashed_id8_of_several(void **state) {
    struct pipe_rig *f = *state;
    struct station car, other[3];
    struct cert c;
    size_t at;
    uint8_t hash[32], issuer[32];
    pki_vehicle(&f->pki, &car);
    assert_int_equal(cert_parse(buf_span(&car.cert), &c, &at), COER_OK);
    cert_hash256(&c, hash);
    memcpy(issuer, trust_issuer_at(f->pki.trust, 1).hash256, 32);
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        uint8_t same[32];
        pki_vehicle(&f->pki, &other[i]);
        assert_int_equal(cert_parse(buf_span(&other[i].cert), &c, &at), COER_OK);
        memcpy(same, hash, 32);
        same[0] ^= (uint8_t)(i + 1);
        /* A sibling tells of certificates whose hashes end alike; none such can be made. */
        struct verify_key *key = verify_key_new(c.key_curve, &c.key);
        struct pipeline_proven p = {.cert = buf_span(&other[i].cert),
            .hash = same,
            .issuer_hash = issuer,
            .key = key,
            .store = f->pki.trust};
        pipeline_learn(f->p, &p, PKI_NOW_US);
        verify_key_unref(key);
    }
    rig_expect(f, cam(f, &car, PKI_NOW_US, true), PKT_VERIFIED);
    assert_int_equal(pipeline_counters(f->p)->certs, 4);
    for (unsigned i = 1; i < 6; i++)
        rig_expect(f, cam(f, &car, PKI_NOW_US + i, false), PKT_VERIFIED);
    /* One who is none of them. */
    struct station liar = {.key = sign_key_new(CURVE_P256, &f->pki.rnd), .mac = {2}};
    buf_put(&liar.cert, car.cert.p, car.cert.n);
    rig_expect(f, cam(f, &liar, PKI_NOW_US + 9, false), PKT_BAD_SIGNATURE);
    station_free(&liar);
    station_free(&car);
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        station_free(&other[i]);
}

/* A certificate that ran out is of no use although it is known, and gives way to those in use. */
static void what_ran_out_leaves_the_cache(void **state) {
    struct pipe_rig *f = *state;
    enum { FEW = 4 };
    struct station old[FEW], fresh[FEW];
    f->cfg.limits.cert_slots = FEW;
    f->cfg.limits.freshness_us = UINT64_C(7200) * 1000000;
    f->cfg.limits.future_us = UINT64_C(7200) * 1000000;
    rig_start(f);
    const uint64_t psid = PSID_CAM;
    const uint64_t end_us = (PKI_FROM_S + UINT64_C(7200)) * 1000000;
    for (size_t i = 0; i < FEW; i++) {
        pki_station(&f->pki, &old[i], &psid, 1, PKI_FROM_S, 2);
        rig_expect(f, cam(f, &old[i], PKI_NOW_US, true), PKT_VERIFIED);
        rig_expect(f, cam(f, &old[i], end_us - 1, false), PKT_VERIFIED);
        rig_expect(f, cam(f, &old[i], end_us, false), PKT_CERT_TIME);
        rig_expect(f, cam(f, &old[i], end_us + 1, true), PKT_CERT_TIME);
    }
    for (size_t i = 0; i < FEW; i++) {
        pki_vehicle(&f->pki, &fresh[i]);
        rig_expect(f, cam(f, &fresh[i], end_us, true), PKT_VERIFIED);
    }
    assert_int_equal(pipeline_counters(f->p)->certs, FEW);
    for (size_t i = 0; i < FEW; i++) {
        rig_expect(f, cam(f, &fresh[i], end_us + 5, false), PKT_VERIFIED);
        rig_expect(f, cam(f, &old[i], PKI_NOW_US + 5, false), PKT_SIGNER_UNKNOWN);
        station_free(&old[i]);
        station_free(&fresh[i]);
    }
}

/* ---- an issuer that a neighbour knows ---- */

struct heard {
    unsigned missing, offered;
    uint8_t id8[8];
    struct buf cert;
};

static void note_issuer(void *ctx, const uint8_t id8[static 8], uint64_t its_us) {
    struct heard *h = ctx;
    assert_int_equal(its_us, PKI_NOW_US);
    memcpy(h->id8, id8, 8);
    h->missing++;
}

static void note_offer(void *ctx, struct span cert, uint64_t its_us) {
    struct heard *h = ctx;
    assert_int_equal(its_us, PKI_NOW_US);
    buf_clear(&h->cert);
    buf_put(&h->cert, cert.p, cert.n);
    h->offered++;
}

/* Asked for when a ticket under it was heard whose holder has its key; believed with the view that has it, and not before. */
static void an_issuer_is_asked_for_offered_and_believed(void **state) {
    struct pipe_rig *f = *state;
    struct heard h = {0};
    struct cert c;
    size_t at;
    uint8_t hash[32];
    struct ws_err err;
    /* Another authority of the same root. */
    struct pki second = f->pki;
    second.ca_key = sign_key_new(CURVE_P256, &f->pki.rnd);
    second.ca = (struct buf){0};
    struct cert_request rq = {.name = "second authority",
        .valid_from_s = PKI_FROM_S,
        .valid_hours = 2000,
        .issue_all = true,
        .issue_min_chain = 1};
    cert_put(&second.ca, &rq, second.ca_key, f->pki.root_key, buf_span(&f->pki.root));
    assert_int_equal(cert_parse(buf_span(&second.ca), &c, &at), COER_OK);
    cert_hash256(&c, hash);
    struct trust_slot *slot = trust_slot_new(trust_view_new(f->pki.trust, NULL, NULL, NULL, 1));
    f->cfg.views = slot;
    f->cfg.hooks =
        (struct pipeline_hooks){.ctx = &h, .issuer_missing = note_issuer, .offered = note_offer};
    rig_start(f);
    struct station car, explicit, liar, hidden = {.mac = {2, 7}};
    pki_vehicle(&f->pki, &car);
    pki_vehicle(&second, &explicit);
    struct sign_permission app = {.psid = PSID_CAM};
    rq = (struct cert_request){
        .valid_from_s = PKI_FROM_S, .valid_hours = 168, .app = &app, .n_app = 1};
    hidden.key =
        cert_put_implicit(&hidden.cert, &rq, second.ca_key, buf_span(&second.ca), &f->pki.rnd);
    liar = (struct station){.key = sign_key_new(CURVE_P256, &f->pki.rnd), .mac = {2}};
    buf_put(&liar.cert, explicit.cert.p, explicit.cert.n);
    uint64_t t = PKI_NOW_US;
    rig_expect(f, cam(f, &liar, t++, true), PKT_BAD_SIGNATURE);
    assert_int_equal(h.missing, 0);
    rig_expect(f, cam(f, &explicit, t++, true), PKT_GOOD_ISSUER_UNKNOWN);
    assert_int_equal(h.missing, 1);
    assert_memory_equal(h.id8, hash + 24, 8);
    rig_expect(f, cam(f, &explicit, t++, false), PKT_GOOD_ISSUER_UNKNOWN); /* and again */
    assert_int_equal(h.missing, 2);
    rig_expect(f, cam(f, &hidden, t++, true), PKT_ISSUER_UNKNOWN);
    rig_expect(f, cam(f, &hidden, t++, true), PKT_ISSUER_UNKNOWN);
    assert_int_equal(h.missing, 4);
    /* The car knows it; somebody whom nobody knows is not listened to. */
    for (unsigned i = 0; i < 2; i++) {
        const struct station *s = i == 0 ? &explicit : &car;
        struct buf spdu = {0}, frame = {0};
        if (i == 1)
            rig_expect(f, cam(f, &car, t++, true), PKT_VERIFIED);
        struct spdu_request give = {.psid = PSID_CAM,
            .generation_time = t++,
            .payload = RIG_HELLO,
            .give = buf_span(&second.ca)};
        spdu_put_signed(&spdu, &give, s->key, buf_span(&s->cert));
        carrier_put_gn_secured(&frame, s->mac, buf_span(&spdu));
        rig_expect(
            f, rig_run_span(f, buf_span(&frame)), i == 0 ? PKT_GOOD_ISSUER_UNKNOWN : PKT_VERIFIED);
        assert_int_equal(h.offered, i);
        buf_free(&frame);
        buf_free(&spdu);
    }
    assert_true(span_equal(buf_span(&h.cert), buf_span(&second.ca)));
    struct trust_store *more = trust_store_new(3);
    assert_int_equal(trust_add_root(more, buf_span(&f->pki.root), &err), WS_OK);
    assert_int_equal(trust_add_issuer(more, buf_span(&f->pki.ca)), TRUST_OK);
    assert_int_equal(trust_issuer_verdict(more, buf_span(&h.cert)), TRUST_OK);
    assert_int_equal(trust_count(more), 2);
    assert_int_equal(trust_add_issuer(more, buf_span(&h.cert)), TRUST_OK);
    trust_slot_publish(slot, trust_view_new(more, trust_view_free_store, NULL, NULL, 2));
    unsigned before = h.missing;
    rig_expect(f, cam(f, &explicit, t++, true), PKT_VERIFIED);
    rig_expect(f, cam(f, &explicit, t++, false), PKT_VERIFIED);
    rig_expect(f, cam(f, &hidden, t++, true), PKT_VERIFIED);
    rig_expect(f, cam(f, &car, t++, true), PKT_VERIFIED);
    assert_int_equal(h.missing, before);
    f->cfg.views = NULL;
    f->cfg.hooks = (struct pipeline_hooks){0};
    rig_start(f);
    trust_slot_free(slot);
    struct station *const all[] = {&car, &explicit, &liar, &hidden};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        station_free(all[i]);
    sign_key_free(second.ca_key);
    buf_free(&second.ca);
    buf_free(&h.cert);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(a_ticket_without_region_has_its_issuers),
        T(the_region_counts_for_those_that_waited),
        T(certificates_with_sm),
        T(messages_with_sm_or_for_others),
        T(a_ticket_with_a_name_under_a_european_root),
        T(a_flood_of_certificates_leaves_the_proven_alone),
        T(refusals_are_remembered_under_the_whole_hash),
        T(hashed_id8_of_several),
        T(what_ran_out_leaves_the_cache),
        T(an_issuer_is_asked_for_offered_and_believed),
    };
    return cmocka_run_group_tests_name("pipeline_trust", tests, NULL, NULL);
}

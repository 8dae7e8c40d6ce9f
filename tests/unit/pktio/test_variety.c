/* Messages that an encoder of their own made (tests/support/dot2.h, wrap.h), in every combination of curves, forms of r,
 * signers and carriers: each is verified as it is, and none is with one octet altered. The seed is fixed. */
#include "tests/support/cm.h"
#include "tests/support/dot2.h"
#include "tests/support/wrap.h"

#include "pktio/pipeline.h"
#include "v2x/psid.h"

#include <stdio.h>

#define FROM_S 700000000U
#define NOW_US ((uint64_t)(FROM_S + 7200) * 1000000U)

static const uint64_t PSIDS[] = {PSID_BSM, PSID_CAM, PSID_DENM, PSID_SPAT_MAP_US, 2113687};

struct rig {
    struct ws_random rnd;
    struct trust_store *trust;
    struct pipeline *p;
    enum verify_backend backend;
    enum pkt_verdict verdict;
    char detail[160];
    unsigned said, verified;
    uint64_t time_us; /* a new one for each message: none is a duplicate */
    size_t next_link, next_network;
    uint64_t only_psid; /* 0: any */
    bool unaltered;
};

static bool sink(void *ctx, struct pkt_message *m) {
    struct rig *r = ctx;
    r->verified++;
    pkt_message_release(m);
    return true;
}

static void note(void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    struct rig *r = ctx;
    assert_int_equal(f->number, 1);
    r->verdict = v;
    r->said++;
    (void)snprintf(r->detail, sizeof(r->detail), "%s", detail);
}

static void rig_open(struct rig *r) {
    struct pipeline_config cfg = {
        .limits =
            {
                .source_slots = 64,
                .source_rate = 0,
                .source_burst = 1000,
                .replay_slots = 4096,
                .cert_slots = 256,
                .message_pool = 4,
                .freshness_us = 2000000,
                .freshness_own_us = 2000000,
                .future_us = 2000000,
                .table_octets = 4U << 20,
                .backend = r->backend,
            },
        .trust = r->trust,
        .verify = true,
    };
    r->p = pipeline_new(&cfg, sink, r, note, r);
    r->time_us = NOW_US - 1000000;
}

static void rig_close(struct rig *r) {
    pipeline_free(r->p);
    trust_store_free(r->trust);
}

/* A message that waits for its certificate has its verdict here, too. */
static enum pkt_verdict verdict_of(struct rig *r, uint32_t link, struct span frame) {
    /* A copy of the exact size, so that ASan sees one octet too far. */
    uint8_t *copy = ws_memdup(frame.p, frame.n);
    struct pkt_frame f = {.data = span_of(copy, frame.n),
        .link = (enum frame_link)link,
        .original_octets = (uint32_t)frame.n,
        .number = 1};
    r->said = 0;
    pipeline_take(r->p, &f, 1, NOW_US);
    free(copy);
    pipeline_finish(r->p, NOW_US);
    assert_int_equal(r->said, 1);
    return r->verdict;
}

static _Noreturn void complain(
    const struct rig *r, const char *what, const struct wrapped *w, const char *how) {
    char hex[4097];
    size_t n = w->frame.n < 2048 ? w->frame.n : 2048;
    hex_encode(hex, w->frame.p, n);
    print_error("%s\n", hex);
    fail_msg("%s; %s: %s is %s (%s)", what, w->name, how, pkt_verdict_name(r->verdict), r->detail);
    abort();
}

/* One octet of the message, any but those that nothing depends on. */
static size_t octet_that_counts(
    struct rig *r, size_t n, const struct dot2_free_octets *a, const struct dot2_free_octets *b) {
    for (;;) {
        size_t at = (size_t)ws_random_below(&r->rnd, n);
        bool is_free = false;
        for (size_t i = 0; i < DOT2_FREE; i++)
            is_free |= (at >= a->from[i] && at < a->to[i]) || (at >= b->from[i] && at < b->to[i]);
        if (!is_free)
            return at;
    }
}

static void wrap_next(struct rig *r, struct span message, uint64_t psid, struct wrapped *w) {
    do {
        r->next_network++;
        if (r->next_network % wrap_networks() == 0)
            r->next_link++;
    } while (!wrap(r->next_link % wrap_links(), r->next_network % wrap_networks(), message, psid,
        (uint16_t)ws_random_u64(&r->rnd), w));
}

/* As it is: `want`. With an octet altered, never verified. */
static void good_and_altered(struct rig *r, const char *what, struct wrapped *w, size_t message_n,
    const struct dot2_free_octets *a, const struct dot2_free_octets *b, enum pkt_verdict want) {
    size_t at = w->message_at + octet_that_counts(r, message_n, a, b);
    uint8_t flip = (uint8_t)(1U << ws_random_below(&r->rnd, 8));
    w->frame.p[at] ^= flip;
    if (!r->unaltered && verdict_of(r, w->link, buf_span(&w->frame)) == PKT_VERIFIED)
        complain(r, what, w, "an altered frame");
    w->frame.p[at] ^= flip;
    if (verdict_of(r, w->link, buf_span(&w->frame)) != want)
        complain(r, what, w, "a good frame");
    if (want == PKT_VERIFIED && verdict_of(r, w->link, buf_span(&w->frame)) != PKT_DUPLICATE)
        complain(r, what, w, "the same frame again");
}

struct signer {
    const char *what;
    struct dot2_cert cert;
};

/* psid by turns; DENM has a location and is never signed by digest. */
static void one_message(struct rig *r, const struct signer *s, bool with_certificate,
    enum dot2_form form, bool sha384, enum pkt_verdict want) {
    uint8_t payload[200];
    struct buf m = {0};
    struct wrapped w;
    struct dot2_free_octets ends, certs = {0};
    ws_random_bytes(&r->rnd, payload, sizeof(payload));
    uint64_t psid =
        r->only_psid != 0 ? r->only_psid : PSIDS[ws_random_below(&r->rnd, ARRAY_LEN(PSIDS))];
    if (psid == PSID_DENM && !with_certificate)
        psid = PSID_CAM;
    struct dot2_message_spec spec = {
        .psid = psid,
        .generation_us = r->time_us++,
        .has_location = psid == PSID_DENM,
        .payload = span_of(payload, 10 + ws_random_below(&r->rnd, sizeof(payload) - 10)),
        .with_certificate = with_certificate,
        .r_form = form,
        .sha384 = sha384,
        .long_additions = ws_random_below(&r->rnd, 4) == 0,
    };
    dot2_message(&m, &spec, &s->cert, &r->rnd, &ends);
    if (with_certificate) {
        const uint8_t *c = memmem(m.p, m.n, s->cert.octets.p, s->cert.octets.n);
        for (size_t i = 0; i < DOT2_FREE; i++) {
            certs.from[i] = (size_t)(c - m.p) + s->cert.no_matter.from[i];
            certs.to[i] = (size_t)(c - m.p) + s->cert.no_matter.to[i];
        }
    }
    wrap_next(r, buf_span(&m), psid, &w);
    char what[256];
    (void)snprintf(what, sizeof(what), "%s, %s, r form %d, psid %llu", s->what,
        with_certificate ? "certificate" : "digest", form, (unsigned long long)psid);
    good_and_altered(r, what, &w, m.n, &ends, &certs, want);
    buf_free(&w.frame);
    buf_free(&m);
}

static void add_root(struct rig *r, const struct dot2_cert *root) {
    struct ws_err err = {0};
    if (trust_add_root(r->trust, buf_span(&root->octets), &err) != WS_OK)
        fail_msg("root on %s: %s", dot2_curve_name(root->curve), err.text);
}

static enum dot2_form some_form(struct rig *r, enum dot2_form least) {
    return least + (enum dot2_form)ws_random_below(&r->rnd, DOT2_FORMS - least);
}

static struct dot2_cert_spec authority_on(struct rig *r, enum dot2_curve curve, unsigned chain) {
    return (struct dot2_cert_spec){.curve = curve,
        .authority = true,
        .chain_length = chain,
        .key_form = some_form(r, DOT2_COMPRESSED),
        .r_form = some_form(r, DOT2_X_ONLY),
        .from_s = FROM_S - 86400,
        .hours = 24 * 365};
}

static struct dot2_cert_spec ticket_on(struct rig *r, enum dot2_curve curve) {
    return (struct dot2_cert_spec){.curve = curve,
        .key_form = some_form(r, DOT2_COMPRESSED),
        .r_form = some_form(r, DOT2_X_ONLY),
        .from_s = FROM_S,
        .hours = 168,
        .psids = PSIDS,
        .n_psids = ARRAY_LEN(PSIDS)};
}

/* Root, authority, ticket: every form of r, certificate first, then by digest. */
static void chain_of(struct rig *r, enum dot2_curve root_curve,
    const struct dot2_cert_spec *authority, const struct dot2_cert_spec *ticket) {
    struct dot2_cert root, ca;
    struct signer s;
    char what[200];
    struct dot2_cert_spec root_spec = authority_on(r, root_curve, 2);
    dot2_cert_make(&root, &root_spec, NULL, &r->rnd);
    dot2_cert_make(&ca, authority, &root, &r->rnd);
    dot2_cert_make(&s.cert, ticket, &ca, &r->rnd);
    (void)snprintf(what, sizeof(what), "%s %s under %s %s under %s, key form %d, r form %d",
        ticket->implicit ? "implicit" : "explicit", dot2_curve_name(s.cert.curve),
        authority->implicit ? "implicit" : "explicit", dot2_curve_name(ca.curve),
        dot2_curve_name(root_curve), ticket->key_form, ticket->r_form);
    s.what = what;
    r->trust = trust_store_new(4);
    add_root(r, &root);
    enum trust_verdict v = trust_add_issuer(r->trust, buf_span(&ca.octets));
    if (v != TRUST_OK)
        fail_msg("%s: authority: %s", what, trust_verdict_text(v));
    rig_open(r);
    bool sha384 = s.cert.curve == DOT2_BP384 || s.cert.curve == DOT2_P384;
    for (int by_digest = 0; by_digest < 2; by_digest++) {
        for (enum dot2_form form = DOT2_X_ONLY; form < DOT2_FORMS; form++)
            one_message(r, &s, by_digest == 0, form, sha384, PKT_VERIFIED);
    }
    rig_close(r);
    dot2_cert_free(&s.cert);
    dot2_cert_free(&ca);
    dot2_cert_free(&root);
}

static void explicit_curves(struct rig *r) {
    for (enum dot2_curve ca = 0; ca < DOT2_CURVES; ca++) {
        for (enum dot2_curve ticket = 0; ticket < DOT2_CURVES; ticket++) {
            for (enum dot2_curve root = 0; root < DOT2_CURVES; root++) {
                struct dot2_cert_spec a = authority_on(r, ca, 1), t = ticket_on(r, ticket);
                chain_of(r, root, &a, &t);
            }
        }
    }
    print_message("%u messages verified\n", r->verified);
    assert_int_equal(r->verified, 64 * 6);
}

static void every_curve(void **state) {
    (void)state;
    for (unsigned b = 0; b < VERIFY_BACKENDS; b++) {
        if (b == VERIFY_AUTO || !verify_backend_usable((enum verify_backend)b))
            continue;
        struct rig r = {.rnd = ws_random_seeded(31 + b), .backend = (enum verify_backend)b};
        explicit_curves(&r);
    }
}

/* Reconstruction values exist on the two curves of 256 bits. */
static void implicit_chains(void **state) {
    (void)state;
    struct rig r = {.rnd = ws_random_seeded(41)};
    for (unsigned turn = 0; turn < 3; turn++) {
        for (enum dot2_curve ca = DOT2_P256; ca <= DOT2_BP256; ca++) {
            for (unsigned kinds = 1; kinds < 4; kinds++) {
                struct dot2_cert_spec a = authority_on(&r, ca, 1), t = ticket_on(&r, ca);
                t.implicit = (kinds & 1) != 0;
                a.implicit = (kinds & 2) != 0;
                chain_of(&r, ca, &a, &t);
                if (!a.implicit)
                    chain_of(&r, DOT2_P384, &a, &t);
            }
        }
    }
    assert_int_equal(r.verified, 3 * 2 * (3 + 1) * 6);
}

/* Every carrier, each with a message of its own. */
static void every_carrier(void **state) {
    (void)state;
    struct rig r = {.rnd = ws_random_seeded(51), .trust = trust_store_new(2)};
    struct dot2_cert root;
    struct signer s = {.what = "P-256"};
    struct dot2_cert_spec spec = authority_on(&r, DOT2_BP256, 1), ticket = ticket_on(&r, DOT2_P256);
    dot2_cert_make(&root, &spec, NULL, &r.rnd);
    dot2_cert_make(&s.cert, &ticket, &root, &r.rnd);
    add_root(&r, &root);
    rig_open(&r);
    unsigned n = 0;
    for (size_t link = 0; link < wrap_links(); link++) {
        for (size_t network = 0; network < wrap_networks(); network++) {
            if (!wrap_goes(link, network))
                continue;
            n++;
            for (int by_digest = 0; by_digest < 2; by_digest++) {
                r.next_link = link;
                r.next_network = network + wrap_networks() * link - 1;
                r.next_link = network == 0 ? link - 1 : link;
                one_message(&r, &s, by_digest == 0, DOT2_COMPRESSED, false, PKT_VERIFIED);
            }
        }
    }
    print_message("%u carriers\n", n);
    assert_int_equal(r.verified, 2 * n);
    rig_close(&r);
    dot2_cert_free(&s.cert);
    dot2_cert_free(&root);
}

/* Tickets with optional members in every combination, of both editions; each is asked for its region by a DENM. The y of an
 * encryption key is nobody's business, so such a key is not altered. */
static void every_member(void **state) {
    (void)state;
    struct rig r = {.rnd = ws_random_seeded(55)};
    for (unsigned members = 0; members < DOT2_MEMBERS; members++) {
        if ((members & DOT2_ENCRYPTION_KEY_Y) != 0 && (members & DOT2_ENCRYPTION_KEY) == 0)
            continue;
        struct dot2_cert root;
        char what[64];
        struct signer s = {.what = what};
        (void)snprintf(what, sizeof(what), "members %02x", members);
        struct dot2_cert_spec spec = authority_on(&r, DOT2_P256, 1),
                              ticket = ticket_on(&r, DOT2_P256);
        ticket.members = members;
        ticket.chain_length = members / 2; /* kind of region */
        ticket.hours = (uint16_t)(167 + members % 2);
        r.trust = trust_store_new(2);
        dot2_cert_make(&root, &spec, NULL, &r.rnd);
        dot2_cert_make(&s.cert, &ticket, &root, &r.rnd);
        add_root(&r, &root);
        rig_open(&r);
        r.unaltered = (members & DOT2_ENCRYPTION_KEY_Y) != 0;
        r.only_psid = PSID_DENM;
        one_message(&r, &s, true, DOT2_COMPRESSED, false, PKT_VERIFIED);
        r.only_psid = 0;
        one_message(&r, &s, true, DOT2_X_ONLY, false, PKT_VERIFIED);
        one_message(&r, &s, false, DOT2_COMPRESSED, false, PKT_VERIFIED);
        rig_close(&r);
        dot2_cert_free(&s.cert);
        dot2_cert_free(&root);
    }
    print_message("%u messages verified\n", r.verified);
}

/* A stranger's message fits its own key and no root; altered it does not even do that. */
static void unknown_root(void **state) {
    (void)state;
    struct rig r = {.rnd = ws_random_seeded(61), .trust = trust_store_new(2)};
    rig_open(&r);
    for (enum dot2_curve ca = 0; ca < DOT2_CURVES; ca++) {
        for (enum dot2_curve curve = 0; curve < DOT2_CURVES; curve++) {
            struct dot2_cert root;
            struct signer s = {.what = "stranger"};
            struct dot2_cert_spec spec = authority_on(&r, ca, 1), ticket = ticket_on(&r, curve);
            dot2_cert_make(&root, &spec, NULL, &r.rnd);
            dot2_cert_make(&s.cert, &ticket, &root, &r.rnd);
            bool sha384 = curve == DOT2_BP384 || curve == DOT2_P384;
            one_message(&r, &s, true, DOT2_COMPRESSED, sha384, PKT_GOOD_ISSUER_UNKNOWN);
            one_message(&r, &s, false, DOT2_COMPRESSED, sha384, PKT_GOOD_ISSUER_UNKNOWN);
            dot2_cert_free(&s.cert);
            dot2_cert_free(&root);
        }
    }
    assert_int_equal(r.verified, 0);
    rig_close(&r);
}

/* A copy of a certificate with another y of the same parity has the hash of the true one. Whatever becomes of the copy,
 * the true one must not be refused for it afterwards. */
static void copy_with_another_y(void **state) {
    (void)state;
    for (unsigned known = 0; known < 2; known++) {
        struct rig r = {.rnd = ws_random_seeded(71), .trust = trust_store_new(2)};
        enum pkt_verdict want = known != 0 ? PKT_VERIFIED : PKT_GOOD_ISSUER_UNKNOWN;
        struct dot2_cert root;
        struct signer s = {.what = "key with y"};
        struct dot2_cert_spec spec = authority_on(&r, DOT2_P256, 1),
                              ticket = ticket_on(&r, DOT2_P256);
        ticket.key_form = DOT2_UNCOMPRESSED;
        dot2_cert_make(&root, &spec, NULL, &r.rnd);
        dot2_cert_make(&s.cert, &ticket, &root, &r.rnd);
        if (known != 0)
            add_root(&r, &root);
        rig_open(&r);
        s.cert.octets.p[s.cert.no_matter.from[2] + 5] ^= 0x20;
        one_message(&r, &s, true, DOT2_COMPRESSED, false, want);
        s.cert.octets.p[s.cert.no_matter.from[2] + 5] ^= 0x20;
        one_message(&r, &s, true, DOT2_COMPRESSED, false, want);
        s.cert.octets.p[s.cert.no_matter.to[2] - 1] ^= 1; /* the parity is of another key */
        one_message(&r, &s, true, DOT2_COMPRESSED, false,
            known != 0 ? PKT_CERT_INVALID : PKT_BAD_SIGNATURE);
        rig_close(&r);
        dot2_cert_free(&s.cert);
        dot2_cert_free(&root);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_carrier),
        cmocka_unit_test(every_curve),
        cmocka_unit_test(every_member),
        cmocka_unit_test(implicit_chains),
        cmocka_unit_test(unknown_root),
        cmocka_unit_test(copy_with_another_y),
    };
    return cmocka_run_group_tests_name("messages of another encoder", tests, NULL, NULL);
}

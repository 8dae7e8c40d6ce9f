/* Lists of our own making: every kind read and judged, hostile ones refused by name, and what is revoked by them. */
#include "tests/support/cm.h"

#include "tests/support/lists.h"
#include "tests/support/pki.h"
#include "v2x/linkage.h"
#include "v2x/lists.h"
#include "v2x/trust_view.h"

#define NOW_S (PKI_FROM_S + 3600)
#define NEXT_S (NOW_S + 86400)

static const struct revocation_clock weeks = REVOCATION_CLOCK_SCMS;
static uint16_t period_now(void) {
    return (uint16_t)((NOW_S - weeks.start_s) / weeks.length_s);
}

/* A root with the right to sign lists, a ticket authority under it, another root without. */
struct world {
    struct pki other; /* does not know us */
    struct sign_key *root_key, *ca_key, *delegate_key, *tlm_key, *ticket_key;
    struct buf root, ca, delegate, tlm, ticket;
    uint8_t root_hash[32], ca_hash[32], delegate_hash[32], tlm_hash[32];
    struct cert delegate_cert, tlm_cert, ticket_cert;
    struct trust_store *store;
    struct list_trust trust;
    struct cert others[2];
};

static void hash_of(const struct buf *b, uint8_t *hash) {
    struct cert c;
    size_t at;
    assert_int_equal(cert_parse(buf_span(b), &c, &at), COER_OK);
    cert_hash256(&c, hash);
}

static void world_make(struct world *w) {
    static const struct sign_permission root_app[] = {
        {0x100, {(const uint8_t *)"\x00\x01\x00\x01\x01\x00\x00", 7}, false},
        {622, {(const uint8_t *)"\x01", 1}, false}, {624, {(const uint8_t *)"\x01\x38", 2}, false}};
    /* Series 7 and 0, its issuer is the authority. */
    static const struct sign_permission delegate_app[] = {
        {0x23, {(const uint8_t *)"\x86\x00\x01", 3}, false},
        {0x100, {(const uint8_t *)"\x00\x01\x01\x01\x02\x00\x07\x00\x00", 9}, false}};
    static const struct sign_permission tlm_app[] = {
        {624, {(const uint8_t *)"\x01\xc8", 2}, false}};
    static const struct sign_permission ticket_app[] = {{36, {NULL, 0}, false}};
    struct ws_random rnd = ws_random_seeded(77);
    struct ws_err err;
    size_t at;
    *w = (struct world){0};
    pki_init(&w->other, 5);
    w->root_key = sign_key_new(CURVE_P256, &rnd);
    w->ca_key = sign_key_new(CURVE_P256, &rnd);
    w->delegate_key = sign_key_new(CURVE_P256, &rnd);
    w->tlm_key = sign_key_new(CURVE_P256, &rnd);
    w->ticket_key = sign_key_new(CURVE_P256, &rnd);
    struct cert_request rq = {.name = "root",
        .valid_from_s = PKI_FROM_S - 86400,
        .valid_hours = 9000,
        .app = root_app,
        .n_app = 3,
        .issue_all = true,
        .issue_min_chain = 1,
        .issue_chain_range = 1};
    cert_put(&w->root, &rq, w->root_key, NULL, (struct span){0});
    rq.name = "ca";
    rq.n_app = 0;
    rq.issue_chain_range = 0;
    cert_put(&w->ca, &rq, w->ca_key, w->root_key, buf_span(&w->root));
    struct cert_request plain = {.name = "delegate",
        .valid_from_s = PKI_FROM_S,
        .valid_hours = 1000,
        .app = delegate_app,
        .n_app = 2};
    cert_put(&w->delegate, &plain, w->delegate_key, w->root_key, buf_span(&w->root));
    plain.name = "manager";
    plain.app = tlm_app;
    plain.n_app = 1;
    cert_put(&w->tlm, &plain, w->tlm_key, NULL, (struct span){0});
    plain.name = NULL;
    plain.app = ticket_app;
    cert_put(&w->ticket, &plain, w->ticket_key, w->ca_key, buf_span(&w->ca));
    hash_of(&w->root, w->root_hash);
    hash_of(&w->ca, w->ca_hash);
    hash_of(&w->delegate, w->delegate_hash);
    hash_of(&w->tlm, w->tlm_hash);
    w->store = trust_store_new(8);
    assert_int_equal(trust_add_root(w->store, buf_span(&w->root), &err), WS_OK);
    assert_int_equal(trust_add_issuer(w->store, buf_span(&w->ca)), TRUST_OK);
    assert_int_equal(cert_parse(buf_span(&w->delegate), &w->others[0], &at), COER_OK);
    assert_int_equal(cert_parse(buf_span(&w->tlm), &w->others[1], &at), COER_OK);
    assert_int_equal(cert_parse(buf_span(&w->ticket), &w->ticket_cert, &at), COER_OK);
    w->trust = (struct list_trust){w->store, w->others, 2, NOW_S, 60};
}

static void world_free(struct world *w) {
    struct sign_key *const keys[] = {
        w->root_key, w->ca_key, w->delegate_key, w->tlm_key, w->ticket_key};
    struct buf *const bufs[] = {&w->root, &w->ca, &w->delegate, &w->tlm, &w->ticket};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        sign_key_free(keys[i]);
        buf_free(bufs[i]);
    }
    trust_store_free(w->store);
    pki_free(&w->other);
}

static struct signed_list lists[LISTS_IN_FILE];

static enum list_verdict judge(struct world *w, const struct buf *file, uint8_t *authority) {
    struct ws_err err;
    size_t n = 0;
    if (lists_read(buf_span(file), lists, &n, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(n, 1);
    return list_check(&lists[0], &w->trust, authority);
}

/* A hash list of the delegate with the given ids. */
static void hash_file(struct world *w, struct buf *file, enum crl_form form, bool modern,
    uint16_t series, const uint8_t (*ids)[10], size_t n) {
    struct buf payload = {0};
    struct crl_writer writer = {.form = form,
        .series = series,
        .craca = w->root_hash + 24,
        .issued_s = NOW_S - 60,
        .next_s = NEXT_S,
        .serial = 9,
        .modern = modern,
        .ids = ids,
        .n_ids = n};
    list_put_crl(&payload, &writer);
    list_sign(file, 0x100, 0, buf_span(&payload), w->delegate_key, buf_span(&w->delegate), false);
    buf_free(&payload);
}

static void count_hash(void *ctx, const uint8_t id[static 10], uint32_t expiry_s) {
    assert_int_equal(expiry_s, NEXT_S);
    assert_int_equal(id[9], *(unsigned *)ctx);
    (*(unsigned *)ctx)++;
}

static void hash_lists_of_both_editions(void **state) {
    (void)state;
    struct world w;
    uint8_t ids[200][10] = {{0}};
    uint8_t authority[32];
    world_make(&w);
    for (unsigned i = 0; i < 200; i++)
        ids[i][9] = (uint8_t)i;
    static const size_t sizes[] = {0, 1, 13, 14, 15, 127, 128, 200};
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
        for (unsigned modern = 0; modern < 2; modern++) {
            struct buf file = {0};
            hash_file(&w, &file, modern != 0 ? CRL_HASH_DELTA : CRL_HASH_FULL, modern != 0, 7,
                (const uint8_t(*)[10])ids, sizes[k]);
            assert_int_equal(judge(&w, &file, authority), LIST_OK);
            assert_memory_equal(authority, w.root_hash, 32);
            assert_int_equal(lists[0].crl.n_hashes, sizes[k]);
            assert_int_equal(list_sequence(&lists[0]), 9);
            assert_int_equal(list_is_delta(&lists[0]), modern != 0);
            unsigned seen = 0;
            const struct crl_visitor v = {count_hash, NULL};
            crl_walk(&lists[0].crl, &v, &seen);
            assert_int_equal(seen, sizes[k]);
            buf_free(&file);
        }
    }
    world_free(&w);
}

static void hostile_lists(void **state) {
    (void)state;
    struct world w;
    uint8_t id[1][10] = {{1}};
    uint8_t authority[32];
    struct buf file = {0};
    struct ws_err err;
    size_t n;
    world_make(&w);
    hash_file(&w, &file, CRL_HASH_FULL, false, 8, (const uint8_t(*)[10])id, 1);
    assert_int_equal(judge(&w, &file, authority), LIST_NO_PERMISSION); /* series not its own */
    buf_clear(&file);
    uint8_t kept[32];
    memcpy(kept, w.root_hash, 32);
    w.root_hash[31] ^= 1;
    hash_file(&w, &file, CRL_HASH_FULL, false, 7, (const uint8_t(*)[10])id, 1);
    assert_int_equal(judge(&w, &file, authority), LIST_WRONG_AUTHORITY);
    memcpy(w.root_hash, kept, 32);
    buf_clear(&file);
    /* Signed by the ticket, with its certificate: it may not. By nobody we know: neither. */
    struct buf payload = {0};
    struct crl_writer writer = {.series = 7,
        .craca = w.root_hash + 24,
        .issued_s = NOW_S - 60,
        .next_s = NEXT_S,
        .ids = (const uint8_t(*)[10])id,
        .n_ids = 1};
    list_put_crl(&payload, &writer);
    list_sign(&file, 0x100, 0, buf_span(&payload), w.ticket_key, buf_span(&w.ticket), true);
    assert_int_equal(judge(&w, &file, authority), LIST_NO_PERMISSION);
    buf_clear(&file);
    list_sign(&file, 0x100, 0, buf_span(&payload), w.other.root_key, buf_span(&w.other.root), true);
    assert_int_equal(judge(&w, &file, authority), LIST_SIGNER_UNKNOWN);
    buf_clear(&file);
    /* The right name, another key. */
    list_sign(&file, 0x100, 0, buf_span(&payload), w.ticket_key, buf_span(&w.delegate), false);
    assert_int_equal(judge(&w, &file, authority), LIST_BAD_SIGNATURE);
    buf_clear(&file);
    buf_free(&payload);
    /* Too short at every length; every bit turned over is refused or no longer verifies. */
    hash_file(&w, &file, CRL_HASH_FULL, false, 7, (const uint8_t(*)[10])id, 1);
    assert_int_equal(judge(&w, &file, authority), LIST_OK);
    for (size_t i = 0; i < file.n; i++)
        assert_int_not_equal(lists_read(span_of(file.p, i), lists, &n, &err), WS_OK);
    for (size_t i = 0; i < file.n * 8; i++) {
        file.p[i / 8] ^= (uint8_t)(1U << i % 8);
        /* Only the form in which r is written is not signed, as r is the same in each. */
        if (lists_read(buf_span(&file), lists, &n, &err) == WS_OK && n == 1 &&
            list_check(&lists[0], &w.trust, authority) == LIST_OK)
            assert_int_equal(i / 8, file.n - 65);
        file.p[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    buf_free(&file);
    /* A count that no octets are there for costs nothing. */
    static const uint8_t giant[] = {1, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 0, 0, 0, 2, 0,
        0x80, 0, 0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff};
    struct crl crl;
    struct coer c = coer_of(span_of(giant, sizeof(giant)));
    assert_false(crl_read(&c, &crl));
    assert_int_equal(c.fail, COER_VALUE);
    world_free(&w);
}

static void trust_lists(void **state) {
    (void)state;
    struct world w;
    uint8_t authority[32];
    world_make(&w);
    struct buf payload = {0};
    struct buf file = {0};
    const uint64_t at_us = (uint64_t)NOW_S * 1000000;
    list_put_ctl(&payload, false, NEXT_S, true, 3, 1);
    list_put_add(&payload, 2, buf_span(&w.ca));
    list_sign(&file, 624, at_us, buf_span(&payload), w.root_key, buf_span(&w.root), false);
    assert_int_equal(judge(&w, &file, authority), LIST_OK);
    assert_int_equal(lists[0].kind, LIST_RCA_CTL);
    assert_memory_equal(authority, w.root_hash, 32);
    for (size_t i = 0; i < file.n; i++) {
        struct ws_err err;
        size_t n;
        assert_int_not_equal(lists_read(span_of(file.p, i), lists, &n, &err), WS_OK);
    }
    w.trust.now_s = NEXT_S + 1;
    assert_int_equal(judge(&w, &file, authority), LIST_OUTDATED);
    w.trust.now_s = NOW_S;
    /* A root may not name roots. */
    buf_clear(&payload);
    buf_clear(&file);
    list_put_ctl(&payload, false, NEXT_S, true, 3, 1);
    list_put_add(&payload, 0, buf_span(&w.other.root));
    list_sign(&file, 624, at_us, buf_span(&payload), w.root_key, buf_span(&w.root), false);
    assert_int_equal(judge(&w, &file, authority), LIST_NO_PERMISSION);
    /* The manager may, if the operator named him. */
    buf_clear(&payload);
    buf_clear(&file);
    list_put_ctl(&payload, true, NEXT_S, false, 4, 2);
    list_put_add(&payload, 0, buf_span(&w.other.root));
    list_put_delete(&payload, w.root_hash + 24);
    list_sign(&file, 624, at_us, buf_span(&payload), w.tlm_key, buf_span(&w.tlm), true);
    assert_int_equal(judge(&w, &file, authority), LIST_OK);
    assert_int_equal(lists[0].kind, LIST_ECTL);
    assert_true(list_is_delta(&lists[0]));
    assert_memory_equal(authority, w.tlm_hash, 32);
    w.trust.n_others = 1;
    assert_int_equal(judge(&w, &file, authority), LIST_SIGNER_UNKNOWN);
    buf_free(&payload);
    buf_free(&file);
    world_free(&w);
}

/* ---- what is revoked ---- */

static struct revocation_set *set_of(
    struct revocation_source *s, const struct trust_store *store, uint32_t now_s) {
    while (revocation_step(s, now_s, 1)) {
    }
    return revocation_take(s, store, now_s);
}

static struct revocation_answer ask(
    const struct revocation_set *s, const struct cert *c, const uint8_t *issuer) {
    uint8_t hash[32];
    cert_hash256(c, hash);
    return revocation_find(s, c, hash, issuer);
}

static void by_hash_and_authority(void **state) {
    (void)state;
    struct world w;
    uint8_t id[1][10], hash[32], authority[32];
    struct buf file = {0};
    struct ws_err err;
    world_make(&w);
    cert_hash256(&w.ticket_cert, hash);
    memcpy(id[0], hash + 22, 10);
    hash_file(&w, &file, CRL_HASH_FULL, true, 0, (const uint8_t(*)[10])id, 1);
    assert_int_equal(judge(&w, &file, authority), LIST_OK);
    struct revocation_limits limits = revocation_limits_default();
    struct revocation_source *s = revocation_source_new(&limits, &weeks);
    struct revocation_set *before = set_of(s, w.store, NOW_S);
    assert_int_equal(revocation_add_crl(s, &lists[0].crl, authority, "a.crl", &err), WS_OK);
    struct revocation_set *after = set_of(s, w.store, NOW_S);
    assert_int_equal(ask(before, &w.ticket_cert, w.ca_hash).kind, REVOCATION_NONE);
    struct revocation_answer a = ask(after, &w.ticket_cert, w.ca_hash);
    assert_int_equal(a.kind, REVOCATION_HASH);
    assert_string_equal(a.list, "a.crl");
    assert_int_equal(ask(after, &w.ticket_cert, NULL).kind, REVOCATION_HASH);
    assert_int_equal(ask(after, &w.others[1], w.ca_hash).kind, REVOCATION_NONE);
    /* Another series is not meant; nor is a certificate under another root. */
    struct cert other = w.ticket_cert;
    other.crl_series = 1;
    assert_int_equal(ask(after, &other, w.ca_hash).kind, REVOCATION_NONE);
    assert_int_equal(ask(after, &w.ticket_cert, w.tlm_hash).kind, REVOCATION_NONE);
    revocation_unref(before);
    revocation_unref(after);
    revocation_source_free(s);
    /* By authority: the ticket authority of this root, and nobody else's. */
    s = revocation_source_new(&limits, &weeks);
    assert_int_equal(
        revocation_add_issuers(s, span_of(w.ca_hash + 24, 8), w.tlm_hash, "b", &err), WS_OK);
    after = set_of(s, w.store, NOW_S);
    assert_int_equal(ask(after, &w.ticket_cert, w.ca_hash).kind, REVOCATION_NONE);
    revocation_unref(after);
    assert_int_equal(
        revocation_add_issuers(s, span_of(w.ca_hash + 24, 8), w.root_hash, "c", &err), WS_OK);
    after = set_of(s, w.store, NOW_S);
    a = ask(after, &w.ticket_cert, w.ca_hash);
    assert_int_equal(a.kind, REVOCATION_ISSUER);
    assert_string_equal(a.list, "c");
    revocation_unref(after);
    revocation_source_free(s);
    buf_free(&file);
    world_free(&w);
}

/* A ticket with linkage data of period i. */
static struct cert linked(
    const struct cert *plain, uint8_t data[static 25], uint16_t i, const uint8_t *value) {
    struct cert c = *plain;
    memset(data, 0, 25);
    put_be16(data + 1, i);
    memcpy(data + 3, value, LINKAGE_OCTETS);
    c.id_kind = CERT_ID_LINKAGE;
    c.id = span_of(data, 12);
    return c;
}

static void by_linkage_from_period_to_period(void **state) {
    (void)state;
    struct world w;
    uint8_t s1[16] = "first seed......"; /* no final zero */
    uint8_t s2[16] = "second seed.....";
    uint8_t g1[16] = "group seed one..";
    uint8_t g2[16] = "group seed two..";
    const uint16_t i = period_now();
    const struct crl_seeds seeds[] = {
        {.jmax = 20, .i_max = (uint16_t)(i + 1), .la1 = 3, .la2 = 4, .seed1 = s1, .seed2 = s2},
        {.jmax = 3, .i_max = 60000, .la1 = 5, .seed1 = g1},
        {.group = true, .i_max = 60000, .la1 = 6, .la2 = 7, .seed1 = g1, .seed2 = g2}};
    uint8_t authority[32], value[LINKAGE_OCTETS], data[25];
    struct buf payload = {0};
    struct buf file = {0};
    struct ws_err err;
    world_make(&w);
    struct crl_writer writer = {.form = CRL_LINKED_FULL,
        .series = 0,
        .craca = w.root_hash + 24,
        .issued_s = NOW_S - 60,
        .next_s = NEXT_S,
        .serial = (uint32_t)(i - 2) << 8 | 5,
        .seeds = seeds,
        .n_seeds = 3};
    list_put_crl(&payload, &writer);
    list_sign(&file, 0x23, 0, buf_span(&payload), w.delegate_key, buf_span(&w.delegate), false);
    assert_int_equal(judge(&w, &file, authority), LIST_OK);
    assert_int_equal(lists[0].crl.n_devices, 2);
    assert_int_equal(lists[0].crl.n_groups, 1);
    struct revocation_limits limits = revocation_limits_default();
    struct revocation_source *source = revocation_source_new(&limits, &weeks);
    assert_int_equal(revocation_add_crl(source, &lists[0].crl, authority, "lv", &err), WS_OK);
    struct revocation_set *now = set_of(source, w.store, NOW_S);
    struct revocation_set *next = set_of(source, w.store, NOW_S + weeks.length_s);
    struct revocation_set *later = set_of(source, w.store, NOW_S + 3 * weeks.length_s);
    struct linkage *l = linkage_new();
    struct linkage_seeds device = {3, 4, s1, s2};
    struct linkage_seeds group = {6, 7, g1, g2};
    for (unsigned k = 0; k < 2; k++) {
        linkage_evolve(l, 3, s1);
        linkage_evolve(l, 4, s2);
        linkage_evolve(l, 6, g1);
        linkage_evolve(l, 7, g2);
    }
    linkage_values(l, &device, 20, 1, value);
    struct cert c = linked(&w.ticket_cert, data, i, value);
    assert_int_equal(ask(now, &c, w.ca_hash).kind, REVOCATION_LINKAGE);
    assert_int_equal(ask(next, &c, w.ca_hash).kind, REVOCATION_LINKAGE); /* an hour of overlap */
    assert_int_equal(ask(later, &c, w.ca_hash).kind, REVOCATION_NONE);
    c = linked(&w.ticket_cert, data, (uint16_t)(i + 1), value); /* not this period's value */
    assert_int_equal(ask(now, &c, w.ca_hash).kind, REVOCATION_NONE);
    linkage_values(l, &device, 22, 1, value); /* beyond jmax */
    c = linked(&w.ticket_cert, data, i, value);
    assert_int_equal(ask(now, &c, w.ca_hash).kind, REVOCATION_NONE);
    /* The group, by the j that the certificate says. */
    linkage_values(l, &group, 0x12345, 1, data + 16);
    memcpy(value, data + 16, LINKAGE_OCTETS);
    c = linked(&w.ticket_cert, data, i, (const uint8_t *)"unrelated");
    data[0] = 0x80;
    put_be32(data + 12, 0x12345);
    memcpy(data + 16, value, LINKAGE_OCTETS);
    c.id.n = 25;
    assert_int_equal(ask(now, &c, w.ca_hash).kind, REVOCATION_GROUP);
    data[15] ^= 1;
    assert_int_equal(ask(now, &c, w.ca_hash).kind, REVOCATION_NONE);
    /* Next period's values were there before it began. */
    linkage_evolve(l, 3, s1);
    linkage_evolve(l, 4, s2);
    linkage_values(l, &device, 1, 1, value);
    c = linked(&w.ticket_cert, data, (uint16_t)(i + 1), value);
    assert_int_equal(ask(now, &c, w.ca_hash).kind, REVOCATION_LINKAGE);
    assert_int_equal(ask(next, &c, w.ca_hash).kind, REVOCATION_LINKAGE);
    linkage_free(l);
    revocation_unref(now);
    revocation_unref(next);
    revocation_unref(later);
    revocation_source_free(source);
    /* Bounds refuse by name. */
    limits.values = 60;
    source = revocation_source_new(&limits, &weeks);
    assert_int_equal(revocation_add_crl(source, &lists[0].crl, authority, "lv", &err), WS_ELIMIT);
    revocation_source_free(source);
    buf_free(&payload);
    buf_free(&file);
    world_free(&w);
}

static void views_are_exchanged(void **state) {
    (void)state;
    struct pki k;
    pki_init(&k, 3);
    struct trust_view *first = trust_view_new(k.trust, NULL, NULL, NULL, 1);
    struct trust_slot *slot = trust_slot_new(first);
    struct trust_view *mine = trust_slot_take(slot);
    assert_ptr_equal(mine, first);
    assert_int_equal(trust_slot_generation(slot), 1);
    struct trust_store *own = trust_store_new(1);
    trust_slot_publish(slot, trust_view_new(own, trust_view_free_store, NULL, NULL, 2));
    assert_int_equal(trust_slot_generation(slot), 2);
    assert_int_equal(mine->generation, 1); /* still whole */
    assert_int_equal(trust_count(mine->store), 2);
    trust_view_unref(mine);
    mine = trust_slot_take(slot);
    trust_slot_free(slot);
    assert_ptr_equal(mine->store, own);
    trust_view_unref(mine);
    pki_free(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_lists_of_both_editions),
        cmocka_unit_test(hostile_lists),
        cmocka_unit_test(trust_lists),
        cmocka_unit_test(by_hash_and_authority),
        cmocka_unit_test(by_linkage_from_period_to_period),
        cmocka_unit_test(views_are_exchanged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

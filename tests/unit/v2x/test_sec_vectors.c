/* Published vectors: certificates and messages of several PKIs, with a verdict computed elsewhere. */
#include "tests/support/cm.h"

#include "tests/unit/v2x/sec_support.h"

#include "base/fileio.h"
#include "v2x/ecqv.h"

#include <jansson.h>

static json_t *load(const char *name) {
    char path[512];
    if (!test_sec_have(name))
        skip();
    test_sec_path(path, name);
    json_error_t err;
    json_t *root = json_load_file(path, 0, &err);
    if (root == NULL)
        fail_msg("%s:%d: %s", name, err.line, err.text);
    return root;
}

static const char *text(const json_t *o, const char *key) {
    const char *s = json_string_value(json_object_get(o, key));
    assert_non_null(s);
    return s;
}

enum { CERTS_MAX = 128 };
struct known_cert {
    struct buf octets;
    struct cert cert;
    uint8_t hash[32];
    const json_t *json;
};
struct scms {
    json_t *root;
    size_t n;
    struct known_cert at[CERTS_MAX];
};

static void scms_load(struct scms *s) {
    *s = (struct scms){.root = load("v2x/vectors/scms-implicit-chains.json")};
    const json_t *list = json_object_get(s->root, "certificates");
    s->n = json_array_size(list);
    assert_int_equal(s->n, 95);
    for (size_t i = 0; i < s->n; i++) {
        struct known_cert *k = &s->at[i];
        size_t at;
        k->json = json_array_get(list, i);
        k->octets = test_unhex(text(k->json, "hex"));
        assert_int_equal(cert_parse(buf_span(&k->octets), &k->cert, &at), COER_OK);
        cert_hash256(&k->cert, k->hash);
    }
}

static void scms_free(struct scms *s) {
    for (size_t i = 0; i < s->n; i++)
        buf_free(&s->at[i].octets);
    json_decref(s->root);
}

static const struct known_cert *find(const struct scms *s, const uint8_t id[static 8]) {
    for (size_t i = 0; i < s->n; i++) {
        if (memcmp(s->at[i].hash + 24, id, 8) == 0)
            return &s->at[i];
    }
    return NULL;
}

static void scms_fields(void **state) {
    (void)state;
    struct scms s;
    scms_load(&s);
    for (size_t i = 0; i < s.n; i++) {
        const struct known_cert *k = &s.at[i];
        struct buf id = test_unhex(text(k->json, "hashedId8"));
        assert_memory_equal(k->hash + 24, id.p, 8);
        buf_free(&id);
        bool implicit = strcmp(text(k->json, "type"), "implicit") == 0;
        assert_int_equal(k->cert.type, implicit ? CERT_IMPLICIT : CERT_EXPLICIT);
        if (strcmp(text(k->json, "issuer"), "self") == 0) {
            assert_int_equal(k->cert.issuer_kind, ISSUER_SELF);
        } else {
            struct buf issuer = test_unhex(text(k->json, "issuer"));
            assert_memory_equal(k->cert.issuer_id, issuer.p, 8);
            buf_free(&issuer);
        }
        assert_int_equal(
            k->cert.valid_from_s, json_integer_value(json_object_get(k->json, "start")));
        char *unit;
        unsigned long amount = strtoul(text(k->json, "duration"), &unit, 10);
        uint64_t seconds = strcmp(unit, " h") == 0 ? 3600 : strcmp(unit, " y") == 0 ? 31556952 : 0;
        if (seconds != 0)
            assert_true(k->cert.valid_until_s == k->cert.valid_from_s + amount * seconds);
        assert_int_equal(
            k->cert.n_app, json_array_size(json_object_get(k->json, "appPermissions")));
    }
    scms_free(&s);
}

/* The signature alone, as the verdict of the vectors means it. */
static bool signature_good(const struct scms *s, const struct cert *c) {
    const struct known_cert *issuer = c->issuer_kind == ISSUER_SELF ? NULL : find(s, c->issuer_id);
    struct verify_key *key = trust_unproven_key(issuer == NULL ? c : &issuer->cert);
    assert_non_null(key);
    struct verify_item item = {.key = key};
    size_t n;
    bool good = false;
    if (verify_item_signature(&item, &c->signature)) {
        cert_digest(c, issuer == NULL ? NULL : issuer->hash, false, item.digest, &n);
        item.digest_octets = (uint8_t)n;
        good = verify_one(&item) == VERIFY_GOOD;
    }
    verify_key_unref(key);
    return good;
}

static void scms_explicit_signatures(void **state) {
    (void)state;
    struct scms s;
    scms_load(&s);
    unsigned good = 0, bad = 0, no_issuer = 0;
    for (size_t i = 0; i < s.n; i++) {
        const struct known_cert *k = &s.at[i];
        if (k->cert.type != CERT_EXPLICIT)
            continue;
        const json_t *valid = json_object_get(k->json, "signature_valid");
        if (!json_is_boolean(valid)) {
            assert_null(find(&s, k->cert.issuer_id));
            no_issuer++;
            continue;
        }
        bool ours = signature_good(&s, &k->cert);
        if (ours != json_is_true(valid))
            fail_msg("certificate %s", text(k->json, "hashedId8"));
        if (ours)
            good++;
        else
            bad++;
    }
    assert_int_equal(good, 21);
    assert_int_equal(bad, 12);
    assert_int_equal(no_issuer, 1);
    scms_free(&s);
}

/* Is any of the countries that the list of identified regions names this one? Lists of
 * issuers are of whole countries; of the others the first entry that is not one ends the search. */
static bool names_country(const struct cert_region *r, const uint8_t *country) {
    assert_int_equal(r->kind, 3);
    for (size_t at = 2; at + 3 <= r->octets.n && r->octets.p[at] == 0x80; at += 3) {
        if (memcmp(r->octets.p + at + 1, country, 2) == 0)
            return true;
    }
    return false;
}

/* Does the ticket name a country that is none of its issuer's? */
static bool foreign_country(const struct cert_region *ticket, const struct cert_region *issuer) {
    assert_int_equal(ticket->kind, 3);
    size_t at = 2;
    for (; at + 3 <= ticket->octets.n && ticket->octets.p[at] == 0x80; at += 3) {
        if (!names_country(issuer, ticket->octets.p + at + 1))
            return true;
    }
    return at + 3 <= ticket->octets.n && !names_country(issuer, ticket->octets.p + at + 1);
}

/* Four PKIs through the store: the roots are accepted, and every certificate with a good signature chains
 * with its permissions, region and validity inside its issuer's. */
static void scms_chains(void **state) {
    (void)state;
    struct scms s;
    scms_load(&s);
    struct trust_store *store = trust_store_new(64);
    struct ws_err err;
    unsigned roots = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.at[i].cert.issuer_kind == ISSUER_SELF) {
            if (trust_add_root(store, buf_span(&s.at[i].octets), &err) != WS_OK)
                fail_msg("%s", err.text);
            roots++;
        }
    }
    assert_int_equal(roots, 4);
    /* Twice, as the list is in no order; what was added in the first pass is known in the second. */
    unsigned issuers = 0, refused = 0, no_issuer = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        issuers = refused = no_issuer = 0;
        for (size_t i = 0; i < s.n; i++) {
            const struct known_cert *k = &s.at[i];
            if (k->cert.type != CERT_EXPLICIT || k->cert.issuer_kind == ISSUER_SELF ||
                k->cert.n_issue == 0)
                continue;
            const json_t *valid = json_object_get(k->json, "signature_valid");
            enum trust_verdict v = trust_add_issuer(store, buf_span(&k->octets));
            if (!json_is_boolean(valid)) {
                assert_int_equal(v, TRUST_UNKNOWN_ISSUER);
                no_issuer++;
            } else if (strcmp(text(k->json, "hashedId8"), "170b34d8750a8ed7") == 0) {
                /* minChainLength 0, which the standard calls invalid. */
                assert_int_equal(v, TRUST_PERMISSION);
            } else if (json_is_true(valid)) {
                issuers += v == TRUST_OK;
                if (pass == 1 && v != TRUST_OK)
                    fail_msg("%s: %s", text(k->json, "hashedId8"), trust_verdict_text(v));
            } else {
                assert_int_not_equal(v, TRUST_OK);
                refused++;
            }
        }
    }
    assert_int_equal(issuers, 12);
    assert_int_equal(refused, 10);
    assert_int_equal(no_issuer, 1);
    assert_int_equal(trust_count(store), roots + issuers);
    /* Implicit certificates: a key under these issuers; those of the PKI whose root is absent are strangers. */
    unsigned keys = 0, strangers = 0, others = 0, wide = 0;
    for (size_t i = 0; i < s.n; i++) {
        const struct known_cert *k = &s.at[i];
        if (k->cert.type != CERT_IMPLICIT)
            continue;
        struct trust_result r = trust_check(store, &k->cert, k->cert.valid_from_s);
        const struct known_cert *issuer = find(&s, k->cert.issuer_id);
        assert_non_null(issuer);
        assert_false(r.proven); /* only a signature of the holder proves one */
        if (k->cert.has_request_permissions || k->cert.n_app == 0) {
            assert_int_equal(
                r.verdict, TRUST_PROFILE); /* enrolment certificates sign no messages */
            others++;
            continue;
        }
        if (strcmp(text(issuer->json, "hashedId8"), "2480e44bab156fda") == 0) {
            assert_int_equal(r.verdict, TRUST_UNKNOWN_ISSUER);
            assert_null(r.key);
            strangers++;
            continue;
        }
        assert_memory_equal(r.issuer_hash, issuer->hash, 32);
        if (r.verdict == TRUST_REGION) {
            assert_true(foreign_country(&k->cert.region, &issuer->cert.region));
            wide++;
            continue;
        }
        assert_int_equal(r.verdict, TRUST_OK);
        assert_non_null(r.key);
        verify_key_unref(r.key);
        keys++;
    }
    assert_int_equal(keys, 12);
    assert_int_equal(wide, 44);
    assert_int_equal(strangers, 1);
    assert_int_equal(others, 4);
    trust_store_free(store);
    scms_free(&s);
}

/* Key of an implicit certificate whose issuer is in the list and explicit. */
static struct verify_key *reconstructed(const struct scms *s, const struct cert *c) {
    const struct known_cert *issuer = find(s, c->issuer_id);
    uint8_t xy[2 * EC_MAX_OCTETS];
    assert_non_null(issuer);
    assert_int_equal(issuer->cert.type, CERT_EXPLICIT);
    assert_true(
        ecqv_cert_key(c, issuer->hash, false, issuer->cert.key_curve, &issuer->cert.key, xy));
    struct ec_point point = {EC_UNCOMPRESSED, span_of(xy, 64)};
    struct verify_key *key = verify_key_new(issuer->cert.key_curve, &point);
    assert_non_null(key);
    return key;
}

/* Every one of the 61 has a key, also those whose permissions or validity a chain would refuse. */
static void scms_reconstruction(void **state) {
    (void)state;
    struct scms s;
    scms_load(&s);
    unsigned n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.at[i].cert.type != CERT_IMPLICIT)
            continue;
        assert_string_equal(text(s.at[i].json, "signature_valid"), "implicit: issuer known");
        assert_null(trust_unproven_key(&s.at[i].cert));
        verify_key_unref(reconstructed(&s, &s.at[i].cert));
        n++;
    }
    assert_int_equal(n, 61);
    scms_free(&s);
}

/* All fifteen verify: three under explicit signers, twelve under keys that were reconstructed. */
static void scms_messages(void **state) {
    (void)state;
    struct scms s;
    scms_load(&s);
    const json_t *list = json_object_get(s.root, "spdus");
    unsigned verified = 0, implicit = 0, uncompressed = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        struct buf b = test_unhex(text(o, "hex"));
        struct spdu m = test_spdu(buf_span(&b));
        struct buf id = test_unhex(text(o, "signerHashedId8"));
        assert_int_equal(m.all.n, b.n);
        assert_int_equal(m.psid, json_integer_value(json_object_get(o, "psid")));
        uncompressed += m.signature.r.form == EC_UNCOMPRESSED;
        struct cert c;
        uint8_t hash[32];
        if (m.signer == SIGNER_CERTIFICATE) {
            c = m.cert;
        } else {
            assert_memory_equal(m.digest, id.p, 8);
            const struct known_cert *k = find(&s, id.p);
            assert_non_null(k);
            c = k->cert;
        }
        cert_hash256(&c, hash);
        assert_memory_equal(hash + 24, id.p, 8);
        struct test_signer signer = {0};
        if (c.type == CERT_IMPLICIT) {
            signer.key = reconstructed(&s, &c);
            memcpy(signer.hash, hash, 32);
            implicit++;
        } else {
            test_signer_of(&c, &signer);
            verified++;
        }
        assert_int_equal(test_verify(&m, &signer), VERIFY_GOOD);
        signer.hash[0] ^= 1;
        assert_int_equal(test_verify(&m, &signer), VERIFY_BAD);
        verify_key_unref(signer.key);
        buf_free(&id);
        buf_free(&b);
    }
    assert_int_equal(verified, 3);
    assert_int_equal(implicit, 12);
    assert_int_equal(uncompressed, 5);
    scms_free(&s);
}

/* Composite revocation lists: a signed message after three octets, by the CRL generator, who is known. */
static void scms_revocation_lists(void **state) {
    (void)state;
    struct scms s;
    scms_load(&s);
    json_t *lists = json_object_get(s.root, "crl");
    const char *name;
    json_t *value;
    unsigned n = 0;
    json_object_foreach(lists, name, value) {
        struct buf b = test_unhex(json_string_value(value));
        assert_memory_equal(b.p, "\x00\x01\x01", 3);
        struct spdu m = test_spdu(span_of(b.p + 3, b.n - 3));
        const uint8_t *id = m.digest;
        uint8_t hash[32];
        if (m.signer == SIGNER_CERTIFICATE) {
            cert_hash256(&m.cert, hash);
            id = hash + 24;
        }
        const struct known_cert *k = find(&s, id);
        assert_non_null(k);
        struct test_signer signer;
        test_signer_of(&k->cert, &signer);
        assert_int_equal(test_verify(&m, &signer), VERIFY_GOOD);
        verify_key_unref(signer.key);
        buf_free(&b);
        n++;
    }
    assert_int_equal(n, 2);
    scms_free(&s);
}

static void us_messages(void **state) {
    (void)state;
    json_t *list = load("v2x/vectors/us-signed-spdus.json");
    assert_int_equal(json_array_size(list), 4);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        struct buf b = test_unhex(text(o, "hex"));
        struct buf id = test_unhex(text(o, "signerHashedId8"));
        struct spdu m = test_spdu(buf_span(&b));
        assert_int_equal(m.content, SPDU_SIGNED);
        assert_int_equal(m.psid, json_integer_value(json_object_get(o, "psid")));
        if (m.signer == SIGNER_CERTIFICATE) {
            uint8_t hash[32];
            cert_hash256(&m.cert, hash);
            assert_memory_equal(hash + 24, id.p, 8);
        } else {
            assert_memory_equal(m.digest, id.p, 8);
        }
        buf_free(&id);
        buf_free(&b);
    }
    json_decref(list);
}

/* A HeaderInfo with every field and two extension additions, put into a message of ours. */
static void header_with_every_field(void **state) {
    (void)state;
    json_t *root = load("v2x/vectors/etsi-crl-and-headerinfo.json");
    struct buf header = test_unhex(text(root, "headerinfo_all_fields"));
    struct buf b = {0};
    buf_put(&b, "\x03\x81\x00\x40\x03\x80\x01\x55", 8);
    buf_put(&b, header.p, header.n);
    size_t after_header = b.n;
    buf_put(&b, "\x80\x01\x02\x03\x04\x05\x06\x07\x08\x80\x80", 11);
    for (unsigned i = 0; i < 64; i++)
        buf_u8(&b, 1);
    struct spdu m = test_spdu(buf_span(&b));
    assert_int_equal(m.all.n, b.n);
    assert_ptr_equal(m.tbs.p + m.tbs.n, b.p + after_header);
    assert_true(m.has_generation_time && m.has_expiry_time && m.has_location);
    assert_true(m.has_p2pcd_learning && m.has_missing_crl && m.has_encryption_key);
    assert_true(m.inline_p2pcd.n > 0 && m.inline_p2pcd.n % 3 == 0);
    assert_true(m.requested_cert.n > 0);
    struct cert c;
    size_t at;
    assert_int_equal(cert_parse(m.requested_cert, &c, &at), COER_OK);
    assert_int_equal(m.digest[7], 8);
    buf_free(&b);
    buf_free(&header);
    json_decref(root);
}

static void etsi_revocation_list(void **state) {
    (void)state;
    json_t *root = load("v2x/vectors/etsi-crl-and-headerinfo.json");
    struct buf b = test_unhex(text(root, "etsi_crl_signed"));
    struct spdu m = test_spdu(buf_span(&b));
    assert_int_equal(m.all.n, b.n);
    assert_int_equal(m.signer, SIGNER_CERTIFICATE);
    struct test_signer signer;
    test_signer_of(&m.cert, &signer);
    assert_int_equal(test_verify(&m, &signer), VERIFY_GOOD);
    verify_key_unref(signer.key);
    buf_free(&b);
    json_decref(root);
}

static void production_root(void **state) {
    (void)state;
    char path[512];
    struct buf b = {0};
    struct ws_err err;
    if (!test_sec_have("v2x/vectors/us-production-root-iss.oer"))
        skip();
    test_sec_path(path, "v2x/vectors/us-production-root-iss.oer");
    assert_int_equal(file_read(path, 4096, &b, &err), WS_OK);
    struct trust_store *store = trust_store_new(1);
    if (trust_add_root(store, buf_span(&b), &err) != WS_OK)
        fail_msg("%s", err.text);
    trust_store_free(store);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scms_fields),
        cmocka_unit_test(scms_explicit_signatures),
        cmocka_unit_test(scms_chains),
        cmocka_unit_test(scms_reconstruction),
        cmocka_unit_test(scms_messages),
        cmocka_unit_test(scms_revocation_lists),
        cmocka_unit_test(us_messages),
        cmocka_unit_test(header_with_every_field),
        cmocka_unit_test(etsi_revocation_list),
        cmocka_unit_test(production_root),
    };
    if (!test_sec_have("v2x/vectors"))
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Lists of real PKIs and published linkage vectors. */
#include "tests/support/cm.h"

#include "base/fileio.h"
#include "tests/unit/v2x/sec_support.h"
#include "v2x/linkage.h"
#include "v2x/lists.h"
#include "v2x/trust_view.h"

#include <jansson.h>

static json_t *load(const char *name) {
    char path[512];
    json_error_t e;
    if (!test_sec_have(name))
        skip();
    test_sec_path(path, name);
    json_t *j = json_load_file(path, 0, &e);
    assert_non_null(j);
    return j;
}

static struct buf certificate(const json_t *root, const char *id8) {
    size_t i;
    json_t *o;
    json_array_foreach(json_object_get(root, "certificates"), i, o) {
        if (strcmp(json_string_value(json_object_get(o, "hashedId8")), id8) == 0)
            return test_unhex(json_string_value(json_object_get(o, "hex")));
    }
    fail_msg("no certificate %s", id8);
    return (struct buf){0};
}

struct korea {
    json_t *root;
    struct buf root_cert, generator_cert, ica, pca;
    struct cert generator;
    struct trust_store *store;
    struct list_trust trust;
};

static void korea_load(struct korea *k) {
    struct ws_err err;
    size_t at;
    k->root = load("v2x/vectors/scms-implicit-chains.json");
    k->root_cert = certificate(k->root, "55f881a13f7e0361");
    k->generator_cert = certificate(k->root, "22217322023a8435");
    k->ica = certificate(k->root, "0e8409a8e6535429");
    k->pca = certificate(k->root, "2abad5e80d25da1b");
    assert_int_equal(cert_parse(buf_span(&k->generator_cert), &k->generator, &at), COER_OK);
    k->store = trust_store_new(8);
    assert_int_equal(trust_add_root(k->store, buf_span(&k->root_cert), &err), WS_OK);
    assert_int_equal(trust_add_issuer(k->store, buf_span(&k->ica)), TRUST_OK);
    assert_int_equal(trust_add_issuer(k->store, buf_span(&k->pca)), TRUST_OK);
    k->trust = (struct list_trust){k->store, &k->generator, 1, 610000000, 60};
}

static void korea_free(struct korea *k) {
    trust_store_free(k->store);
    buf_free(&k->root_cert);
    buf_free(&k->generator_cert);
    buf_free(&k->ica);
    buf_free(&k->pca);
    json_decref(k->root);
}

static struct buf list_of(const struct korea *k, const char *name) {
    return test_unhex(json_string_value(json_object_get(json_object_get(k->root, "crl"), name)));
}

static void composite_hash_list(void **state) {
    (void)state;
    struct korea k;
    korea_load(&k);
    struct buf b = list_of(&k, "hash_crl.oer");
    static struct signed_list l[LISTS_IN_FILE];
    size_t n = 0;
    struct ws_err err;
    uint8_t authority[32], root_hash[32];
    assert_int_equal(lists_read(buf_span(&b), l, &n, &err), WS_OK);
    assert_int_equal(n, 1);
    assert_int_equal(l[0].kind, LIST_CRL);
    assert_int_equal(l[0].crl.form, CRL_HASH_FULL);
    assert_int_equal(l[0].crl.series, 3);
    assert_int_equal(l[0].crl.n_hashes, 1);
    assert_int_equal(list_check(&l[0], &k.trust, authority), LIST_OK);
    struct cert root;
    size_t at;
    assert_int_equal(cert_parse(buf_span(&k.root_cert), &root, &at), COER_OK);
    cert_hash256(&root, root_hash);
    assert_memory_equal(authority, root_hash, 32);
    struct buf text = {0};
    assert_int_equal(lists_describe(buf_span(&b), &text, &err), WS_OK);
    buf_u8(&text, 0);
    assert_string_equal((char *)text.p, "1609.2 CRL at octet 3, full, signed by 22217322023a8435, "
                                        "issued 2023-03-03T09:11:33Z, next 2023-03-04T09:11:33Z, "
                                        "authority 22217322023a8435, series "
                                        "3, serial 0: 1 certificates\n");
    buf_free(&text);
    /* Who is not there, and what was touched. */
    struct list_trust none = k.trust;
    none.n_others = 0;
    assert_int_equal(list_check(&l[0], &none, authority), LIST_SIGNER_UNKNOWN);
    none = k.trust;
    none.now_s = l[0].crl.issued_s - 61;
    assert_int_equal(list_check(&l[0], &none, authority), LIST_NOT_YET);
    b.p[45] ^= 1; /* in the hash */
    assert_int_equal(lists_read(buf_span(&b), l, &n, &err), WS_OK);
    assert_int_equal(list_check(&l[0], &k.trust, authority), LIST_BAD_SIGNATURE);
    buf_free(&b);
    korea_free(&k);
}

static void composite_linked_list(void **state) {
    (void)state;
    struct korea k;
    korea_load(&k);
    struct buf b = list_of(&k, "lv_crl.oer");
    static struct signed_list l[LISTS_IN_FILE];
    size_t n = 0;
    struct ws_err err;
    uint8_t authority[32];
    assert_int_equal(lists_read(buf_span(&b), l, &n, &err), WS_OK);
    assert_int_equal(n, 1);
    assert_int_equal(l[0].crl.form, CRL_LINKED_FULL);
    assert_int_equal(l[0].crl.series, 1);
    assert_int_equal(l[0].crl.i_rev, 425);
    assert_int_equal(l[0].crl.n_devices, 1);
    assert_int_equal(list_check(&l[0], &k.trust, authority), LIST_OK);
    /* The list was issued in the period whose seeds it has: the clock is right. */
    struct revocation_clock clock = REVOCATION_CLOCK_SCMS;
    assert_int_equal((l[0].crl.issued_s - clock.start_s) / clock.length_s, 425);
    /* Linkage certificates of another PKI of that country begin with a period. */
    assert_int_equal(537526803, clock.start_s + 314 * clock.length_s);
    struct revocation_limits limits = revocation_limits_default();
    struct revocation_source *source = revocation_source_new(&limits, &clock);
    assert_int_equal(revocation_add_crl(source, &l[0].crl, authority, "lv", &err), WS_OK);
    while (revocation_step(source, l[0].crl.issued_s + 3 * clock.length_s, 1)) {
    }
    struct revocation_set *set =
        revocation_take(source, k.store, l[0].crl.issued_s + 3 * clock.length_s);
    assert_int_equal(revocation_values(set), 3 * 21); /* three periods, j from 0 to 20 */
    revocation_unref(set);
    revocation_source_free(source);
    /* A single octet short, at any length, is refused; so is a longer file. */
    for (size_t i = 0; i < b.n; i++)
        assert_int_not_equal(lists_read(span_of(b.p, i), l, &n, &err), WS_OK);
    buf_u8(&b, 0);
    assert_int_not_equal(lists_read(buf_span(&b), l, &n, &err), WS_OK);
    buf_free(&b);
    korea_free(&k);
}

/* The published list's header carries the ITS-AID of certificate requests: its signature fits, its purpose does not. */
static void etsi_list(void **state) {
    (void)state;
    json_t *root = load("v2x/vectors/etsi-crl-and-headerinfo.json");
    struct buf b = test_unhex(json_string_value(json_object_get(root, "etsi_crl_signed")));
    static struct signed_list l[LISTS_IN_FILE];
    size_t n = 0;
    struct ws_err err;
    uint8_t authority[32];
    assert_int_equal(lists_read(buf_span(&b), l, &n, &err), WS_OK);
    assert_int_equal(n, 1);
    assert_int_equal(l[0].kind, LIST_ETSI_CRL);
    assert_int_equal(l[0].etsi.ids.n, 16);
    assert_memory_equal(l[0].etsi.ids.p, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
    struct test_signer signer;
    test_signer_of(&l[0].spdu.cert, &signer);
    assert_int_equal(test_verify(&l[0].spdu, &signer), VERIFY_GOOD);
    verify_key_unref(signer.key);
    struct trust_store *store = trust_store_new(4);
    struct list_trust t = {store, NULL, 0, l[0].etsi.this_update_s, 0};
    assert_int_equal(list_check(&l[0], &t, authority), LIST_SIGNER_UNKNOWN);
    t.others = &l[0].spdu.cert;
    t.n_others = 1;
    assert_int_equal(list_check(&l[0], &t, authority), LIST_NO_PERMISSION);
    trust_store_free(store);
    buf_free(&b);
    json_decref(root);
}

/* n octets of the hex number on the line after `marker`; the place behind it. */
static const char *number_after(const char *text, const char *marker, uint8_t *dst, size_t n) {
    char hex[65] = "";
    const char *at = strstr(text, marker);
    assert_non_null(at);
    at = strstr(at, "\n0x");
    assert_non_null(at);
    memcpy(hex, at + 3, 2 * n);
    assert_true(hex_decode(dst, n, hex));
    return at;
}

/* Seeds and values of the published vectors, in the project's own words. */
static void linkage_vectors(void **state) {
    (void)state;
    uint8_t s1[16], s2[16], value[LINKAGE_OCTETS], expected[LINKAGE_OCTETS];
    char path[512];
    if (!test_sec_have("v2x/vectors/scms-crypto/lv.txt"))
        skip();
    test_sec_path(path, "v2x/vectors/scms-crypto/lv.txt");
    struct buf file = {0};
    struct ws_err err;
    assert_int_equal(file_read(path, 1U << 20, &file, &err), WS_OK);
    buf_u8(&file, 0);
    const char *text = (const char *)file.p;
    (void)number_after(text, "ls1(0) = AES key", s1, 16);
    (void)number_after(text, "ls2(0) = AES key", s2, 16);
    struct linkage *l = linkage_new();
    const struct linkage_seeds seeds = {0x8e09, 0x59ce, s1, s2};
    const char *result = text;
    for (unsigned i = 0; i < 2; i++) {
        result = number_after(
            result, i == 0 ? "lv(0,j) = plv1" : "lv(1,j) = plv1", expected, LINKAGE_OCTETS);
        linkage_values(l, &seeds, i == 0 ? 8 : 6, 1, value);
        assert_memory_equal(value, expected, LINKAGE_OCTETS);
        linkage_evolve(l, seeds.la1, s1);
        linkage_evolve(l, seeds.la2, s2);
    }
    linkage_free(l);
    buf_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(composite_hash_list),
        cmocka_unit_test(composite_linked_list),
        cmocka_unit_test(etsi_list),
        cmocka_unit_test(linkage_vectors),
    };
    if (test_data_dir() == NULL)
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

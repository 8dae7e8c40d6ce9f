/* rsu/trust/cert_text.h and rsu/trust/trust_files.h: every way to keep certificates in files, and every way to get it wrong. */
#include "tests/support/cm.h"
#include "tests/support/pki.h"

#include "base/fileio.h"
#include "rsu/trust/cert_text.h"
#include "rsu/trust/trust_files.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void expect_text(const char *text, const char *hex) {
    struct buf b = {0}, want = test_unhex(hex);
    struct ws_err err = {0};
    bool is_text = false;
    buf_put(&b, text, strlen(text));
    if (cert_text_decode(&b, &is_text, &err) != WS_OK)
        fail_msg("%s: %s", text, err.text);
    assert_true(is_text);
    if (!span_equal(buf_span(&b), buf_span(&want)))
        fail_msg("%s", text);
    buf_free(&b);
    buf_free(&want);
}

static void expect_bad(const char *text, const char *word) {
    struct buf b = {0};
    struct ws_err err = {0};
    buf_put(&b, text, strlen(text));
    assert_int_equal(cert_text_decode(&b, NULL, &err), WS_EINPUT);
    if (strstr(err.text, word) == NULL)
        fail_msg("%s: %s", text, err.text);
    assert_true(span_equal(buf_span(&b), span_of(text, strlen(text)))); /* untouched */
    buf_free(&b);
}

static void texts(void **state) {
    (void)state;
    expect_text("80 03\n00\tFf\r\n", "800300ff");
    expect_text("80:03:00:ff", "800300ff");
    expect_text("# a root\n8003\n  # and more\n00ff", "800300ff");
    expect_text("gAMA/w==", "800300ff");
    expect_text("gAMA/w", "800300ff");
    expect_text("gAMA_w==\n", "800300ff");
    expect_text("gA\nMA/w==", "800300ff");
    expect_text("gAM=gAM=", "80038003");
    expect_text("gAMAgAMA", "800300800300");
    expect_text(
        "-----BEGIN CERTIFICATE-----\r\ngAMA/w==\r\n-----END CERTIFICATE-----\r\n", "800300ff");
    expect_text("Subject: somebody\n-----BEGIN X-----\ngA==\n-----END X-----\nnoise\n"
                "-----BEGIN Y-----\n#\nAw\n-----END Y-----\n",
        "8003");
    expect_text("\n#\n", "");
    expect_bad("800", "odd number");
    expect_bad("gAMA/w==\n!", "line 2");
    expect_bad("gAMA/x==", "line 1"); /* bits that stand for nothing */
    expect_bad("gAMA/", "within an octet");
    expect_bad("gAMA/w=", "within an octet");
    expect_bad("gAMA=w==", "line 1");
    expect_bad("====", "line 1");
    expect_bad("-----BEGIN X-----\ngA==\n", "no END");
    expect_bad("-----BEGIN X-----\n-----BEGIN X-----\n", "line 2");
    expect_bad("-----BEGIN X-----\ngA==\n-----END X-----\n-----END X-----\n", "line 4");
    expect_bad("-----BEGIN X-----\ng\n-----END X-----\n", "line 3");
    /* Octets stay what they are. */
    struct buf b = {0};
    bool is_text = true;
    buf_put(&b,
        "\x80\x03\x00"
        "123",
        6);
    assert_int_equal(cert_text_decode(&b, &is_text, NULL), WS_OK);
    assert_false(is_text);
    assert_int_equal(b.n, 6);
    buf_free(&b);
    assert_int_equal(cert_text_decode(&b, &is_text, NULL), WS_OK);
    assert_false(is_text);
}

/* ---- folders ---- */

struct fixture {
    char dir[64];
    struct pki one, two;
};

static int setup(void **state) {
    struct fixture *f = ws_alloc(sizeof(*f));
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/trust-files-XXXXXX");
    if (mkdtemp(f->dir) == NULL)
        return -1;
    pki_init(&f->one, 1);
    pki_init(&f->two, 2);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", f->dir);
    int rc = system(command);
    pki_free(&f->one);
    pki_free(&f->two);
    free(f);
    return rc;
}

static void put(const struct fixture *f, const char *name, struct span octets) {
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_int_equal(dir_make(path, NULL), WS_OK);
    *slash = '/';
    assert_int_equal(file_write(path, octets, 0644, NULL), WS_OK);
}

static void put_hex(struct buf *b, const struct buf *octets) {
    hex_encode((char *)buf_grow(b, 2 * octets->n + 1), octets->p, octets->n);
    b->n--;
}

static void put_block(struct buf *b, const struct buf *octets) {
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    buf_printf(b, "-----BEGIN IEEE1609 CERTIFICATE-----\n");
    for (size_t i = 0; i < octets->n; i += 3) {
        size_t n = octets->n - i < 3 ? octets->n - i : 3;
        unsigned v = 0;
        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (k < n ? octets->p[i + k] : 0U);
        for (size_t k = 0; k < 4; k++)
            buf_u8(b, k <= n ? (uint8_t)digit[v >> (18 - 6 * k) & 63] : '=');
        if (i % 48 == 45)
            buf_u8(b, '\n');
    }
    buf_printf(b, "\n-----END IEEE1609 CERTIFICATE-----\n");
}

static void all_ways_at_once(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    /* A chain in one file, the issuer before the root; another as text, in folders, its root twice. */
    buf_put(&b, f->one.ca.p, f->one.ca.n);
    buf_put(&b, f->one.root.p, f->one.root.n);
    put(f, "a.bin", buf_span(&b));
    buf_clear(&b);
    put_block(&b, &f->two.ca);
    put_block(&b, &f->two.root);
    put(f, "b/c/chain.pem", buf_span(&b));
    buf_clear(&b);
    buf_printf(&b, "# the root again\n");
    put_hex(&b, &f->two.root);
    put(f, "b/root.hex", buf_span(&b));
    put(f, ".hidden", span_of("x", 1));
    struct trust_files t;
    struct ws_err err = {0};
    if (trust_files_load(f->dir, 5, &t, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(t.n, 4);
    const struct buf *want[] = {&f->one.root, &f->two.root, &f->two.ca, &f->one.ca};
    unsigned seen = 0;
    struct trust_store *store = trust_store_new(4);
    struct buf why = {0};
    for (size_t i = 0; i < t.n; i++) {
        for (size_t k = 0; k < ARRAY_LEN(want); k++)
            seen |= (unsigned)span_equal(buf_span(&t.cert[i]), buf_span(want[k])) << k;
        assert_true(trust_files_add(store, buf_span(&t.cert[i]), &why)); /* in this order */
        assert_non_null(strstr(t.from[i], f->dir));
    }
    assert_int_equal(seen, 15);
    trust_store_free(store);
    trust_files_free(&t);
    /* Five are read, so four are too few to allow. */
    assert_int_equal(trust_files_load(f->dir, 4, &t, &err), WS_ELIMIT);
    assert_int_equal(t.n, 0);
    /* One file. */
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/a.bin", f->dir);
    assert_int_equal(trust_files_load(path, 2, &t, &err), WS_OK);
    assert_int_equal(t.n, 2);
    trust_files_free(&t);
    buf_free(&why);
    buf_free(&b);
}

static void expect_failure(const struct fixture *f, int rc, const char *words) {
    struct trust_files t;
    struct ws_err err = {0};
    assert_int_equal(trust_files_load(f->dir, 100, &t, &err), rc);
    if (strstr(err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    assert_int_equal(t.n, 0);
}

static void failures_name_file_and_place(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    char words[64];
    buf_put(&b, f->one.root.p, f->one.root.n);
    put(f, "root", buf_span(&b));
    put(f, "z", span_of("", 0));
    expect_failure(f, WS_EINPUT, "/z: empty");
    put(f, "z", span_of("hello!", 6));
    expect_failure(f, WS_EINPUT, "/z: line 1");
    put(f, "z", span_of("c0ffee", 6));
    expect_failure(f, WS_EINPUT, "/z: no certificate: ");
    expect_failure(f, WS_EINPUT, "of what the text stands for");
    /* Cut within the second certificate. */
    buf_put(&b, f->one.ca.p, f->one.ca.n - 1);
    put(f, "z", buf_span(&b));
    (void)snprintf(words, sizeof(words), "/z: certificate 2, from octet %zu on: ", f->one.root.n);
    expect_failure(f, WS_EINPUT, words);
    put(f, "z", buf_span(&f->two.ca));
    expect_failure(f, WS_EINPUT, "is not in the store");
    struct station s;
    pki_vehicle(&f->one, &s);
    put(f, "z", buf_span(&s.cert));
    expect_failure(f, WS_EINPUT, "/z: cert_profile; no right to issue");
    station_free(&s);
    b.p[f->one.root.n - 1] ^= 1;
    put(f, "z", span_of(b.p, f->one.root.n));
    expect_failure(f, WS_EINPUT, "self-signature is wrong");
    struct trust_files t;
    struct ws_err err = {0};
    assert_int_equal(trust_files_load("/nowhere/at/all", 1, &t, &err), WS_EIO);
    put(f, "1/2/3/4/5/6", buf_span(&f->one.root));
    expect_failure(f, WS_ELIMIT, "folders within folders");
    buf_free(&b);
}

/* A bad file among good ones does not keep them away when asked so. */
static void bad_files_are_passed_over(void **state) {
    struct fixture *f = *state;
    struct trust_files t = {0};
    struct buf bad = {0};
    struct ws_err err = {0};
    put(f, "a", span_of("no", 2));
    put(f, "b", buf_span(&f->one.root));
    put(f, "c", span_of("\x80\x03\x07", 3));
    assert_int_equal(trust_files_read(f->dir, 9, &t, &bad, &err), WS_OK);
    buf_u8(&bad, 0);
    assert_int_equal(t.n, 1);
    assert_non_null(strstr((char *)bad.p, "/a: line 1"));
    assert_non_null(strstr((char *)bad.p, "/c: no certificate: "));
    buf_free(&bad);
    trust_files_free(&t);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        T(all_ways_at_once),
        T(failures_name_file_and_place),
        T(bad_files_are_passed_over),
    };
    return cmocka_run_group_tests_name("trust_files", tests, NULL, NULL);
}

/* The page and what guards it, as a browser gets them. */
#include "ledger/exec/hash.h"
#include "rsu/http/page_files.h"
#include "tests/unit/rsu/http_rig.h"

#include <stdio.h>

static struct rig *rig;

static int open_shared(void **state) {
    (void)state;
    rig = ws_alloc(sizeof(*rig));
    rig_open(rig, &(struct rig_options){0});
    rig_step(rig, 2000000);
    return 0;
}

static int close_shared(void **state) {
    (void)state;
    rig_close(rig);
    free(rig);
    return 0;
}

static const char *const guards[] = {"X-Frame-Options: DENY\r\n",
    "X-Content-Type-Options: nosniff\r\n", "Referrer-Policy: no-referrer\r\n",
    "Cross-Origin-Opener-Policy: same-origin\r\n", "Cross-Origin-Resource-Policy: same-origin\r\n",
    "Cache-Control: no-cache\r\n", "default-src 'none'; script-src 'self'; style-src 'self';",
    "connect-src 'self';", "frame-ancestors 'none'", "require-trusted-types-for 'script'"};

static void the_page_and_its_files_are_served_and_guarded(void **state) {
    (void)state;
    struct answer a;
    rig_get(rig, "/", &a);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "Content-Type: text/html; charset=utf-8\r\n"));
    assert_non_null(memmem(a.body.p, a.body.n, "<!doctype html>", 15));
    answer_free(&a);
    assert_true(page_n_files > 3);
    for (size_t i = 0; i < page_n_files; i++) {
        char target[80];
        (void)snprintf(target, sizeof(target), "/page/%s", page_files[i].name);
        rig_get(rig, target, &a);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.body.n, page_files[i].octets.n);
        assert_memory_equal(a.body.p, page_files[i].octets.p, a.body.n);
        assert_true(answer_has(&a, page_files[i].type));
        for (size_t g = 0; g < ARRAY_LEN(guards); g++)
            assert_true(answer_has(&a, guards[g]));
        /* Nothing that the policy would have to allow. */
        assert_false(answer_has(&a, "unsafe-"));
        assert_false(answer_has(&a, "Access-Control-"));
        answer_free(&a);
    }
}

/* Every file names its parts by paths of this unit: no other host, no inline script or style. */
static void the_page_needs_nobody_else(void **state) {
    (void)state;
    static const char *const alien[] = {"https://", "src=\"//", "innerHTML", "outerHTML",
        "insertAdjacentHTML", "document.write", "eval(", "new Function", "style=\"", "<style",
        "onclick=", "javascript:"};
    static const char xmlns[] = "http://www.w3.org/2000/svg";
    for (size_t i = 0; i < page_n_files; i++) {
        const struct page_file *f = &page_files[i];
        for (size_t k = 0; k < ARRAY_LEN(alien); k++) {
            if (memmem(f->octets.p, f->octets.n, alien[k], strlen(alien[k])) != NULL)
                fail_msg("%s has %s", f->name, alien[k]);
        }
        const uint8_t *at = f->octets.p;
        const uint8_t *end = at + f->octets.n;
        while ((at = memmem(at, (size_t)(end - at), "http://", 7)) != NULL) {
            assert_true((size_t)(end - at) >= sizeof(xmlns) - 1);
            assert_memory_equal(at, xmlns, sizeof(xmlns) - 1); /* a name, nothing is fetched */
            at += 7;
        }
    }
}

static void what_is_known_is_not_sent_again(void **state) {
    (void)state;
    struct buf rq = {0};
    struct answer a;
    buf_printf(&rq,
        "GET /page/app.js HTTP/1.1\r\nHost: rsu\r\nIf-None-Match: \"%s\"\r\nConnection: "
        "close\r\n\r\n",
        page_files[1].digest);
    assert_string_equal(page_files[1].name, "app.js");
    rig_exchange(rig, buf_span(&rq), &a);
    assert_int_equal(a.status, 304);
    assert_int_equal(a.body.n, 0);
    answer_free(&a);
    buf_free(&rq);
}

static void other_names_are_not_found(void **state) {
    (void)state;
    rig_refused(rig, 404, "no such file", "/page/none.js");
    rig_refused(rig, 404, "no such file", "/page/..%2f..%2fetc%2fpasswd");
    rig_refused(rig, 400, "parameter \"x\" is not known", "/?x=1");
}

static void the_genesis_has_the_cells_fingerprint(void **state) {
    (void)state;
    struct answer a;
    rig_get(rig, "/v1/genesis", &a);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "Content-Type: application/octet-stream\r\n"));
    uint8_t id[32];
    genesis_cell_id(exec_sha256, buf_span(&a.body), id);
    assert_memory_equal(id, rig->face.cell_id, 32);
    answer_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_and_its_files_are_served_and_guarded),
        cmocka_unit_test(the_page_needs_nobody_else),
        cmocka_unit_test(what_is_known_is_not_sent_again),
        cmocka_unit_test(other_names_are_not_found),
        cmocka_unit_test(the_genesis_has_the_cells_fingerprint),
    };
    return cmocka_run_group_tests(tests, open_shared, close_shared);
}

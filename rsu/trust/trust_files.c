#include "rsu/trust/trust_files.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "rsu/trust/cert_text.h"
#include "v2x/trust_explain.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void trust_files_free(struct trust_files *t) {
    for (size_t i = 0; i < t->n; i++) {
        buf_free(&t->cert[i]);
        free(t->from[i]);
    }
    free(t->cert);
    free((void *)t->from);
    *t = (struct trust_files){0};
}

static void keep(struct trust_files *t, struct buf *octets, char *from) {
    if (t->n == t->room) {
        t->room = t->room == 0 ? 16 : t->room * 2;
        t->cert = ws_realloc(t->cert, t->room * sizeof(*t->cert));
        t->from = ws_realloc((void *)t->from, t->room * sizeof(*t->from));
    }
    t->cert[t->n] = *octets;
    t->from[t->n++] = from;
    *octets = (struct buf){0};
}

static char *place(const char *path, size_t number, bool several) {
    struct buf b = {0};
    buf_printf(&b, several ? "%s: certificate %zu" : "%s", path, number);
    buf_u8(&b, 0);
    return (char *)b.p;
}

static int read_file(const char *path, size_t max, struct trust_files *ret, struct ws_err *err) {
    struct buf b = {0};
    bool text = false;
    int rc = file_read(path, TRUST_FILE_OCTETS, &b, err);
    if (rc == WS_OK && cert_text_decode(&b, &text, err) != WS_OK)
        rc = ws_fail_in(err, "%s", path);
    if (rc == WS_OK && b.n == 0)
        rc = ws_fail(err, WS_EINPUT, "%s: empty", path);
    struct coer c = coer_of(buf_span(&b));
    for (size_t number = 1; rc == WS_OK && c.p != c.end; number++) {
        struct cert cert;
        size_t at = coer_at(&c);
        if (ret->n == max) {
            rc = ws_fail(err, WS_ELIMIT, "%s: more than %zu trust certificates", path, max);
        } else if (!cert_read(&c, &cert)) {
            rc = ws_fail(err, WS_EINPUT, "%s: no certificate: %s at octet %zu%s", path,
                coer_fail_text(c.fail), c.fail_at, text ? " of what the text stands for" : "");
            if (number > 1)
                (void)ws_fail(err, WS_EINPUT,
                    "%s: certificate %zu, from octet %zu on%s: %s at octet %zu", path, number, at,
                    text ? " of what the text stands for" : "", coer_fail_text(c.fail), c.fail_at);
        } else {
            struct buf one = {0};
            buf_put(&one, cert.all.p, cert.all.n);
            keep(ret, &one, place(path, number, number > 1 || c.p != c.end));
        }
    }
    buf_free(&b);
    return rc;
}

static int not_hidden(const struct dirent *e) {
    return e->d_name[0] != '.';
}

static int read_path(const char *path, unsigned depth, size_t max, struct trust_files *ret,
    struct buf *ret_bad, struct ws_err *err);

static int read_folder(const char *path, unsigned depth, size_t max, struct trust_files *ret,
    struct buf *ret_bad, struct ws_err *err) {
    struct dirent **names = NULL;
    if (depth == 0)
        return ws_fail(err, WS_ELIMIT, "%s: folders within folders, too many", path);
    int n = scandir(path, &names, not_hidden, alphasort);
    if (n < 0)
        return ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
    int rc = WS_OK;
    for (int i = 0; i < n; i++) {
        struct buf sub = {0};
        buf_printf(&sub, "%s/%s", path, names[i]->d_name);
        buf_u8(&sub, 0);
        if (rc == WS_OK)
            rc = read_path((const char *)sub.p, depth - 1, max, ret, ret_bad, err);
        buf_free(&sub);
        free(names[i]);
    }
    free((void *)names);
    return rc;
}

static int read_path(const char *path, unsigned depth, size_t max, struct trust_files *ret,
    struct buf *ret_bad, struct ws_err *err) {
    struct stat st;
    struct ws_err own = {0};
    if (stat(path, &st) != 0)
        return ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return read_folder(path, depth, max, ret, ret_bad, err);
    int rc = read_file(path, max, ret, &own);
    if (rc == WS_EINPUT && ret_bad != NULL) {
        buf_printf(ret_bad, "%s\n", own.text);
        return WS_OK;
    }
    return rc == WS_OK ? rc : ws_fail(err, own.code, "%s", own.text);
}

int trust_files_read(const char *path, size_t max, struct trust_files *ret, struct buf *ret_bad,
    struct ws_err *err) {
    return read_path(path, TRUST_FILES_DEPTH + 1, max, ret, ret_bad, err);
}

bool trust_files_add(struct trust_store *t, struct span cert, struct buf *ret_why) {
    struct cert c;
    size_t at;
    struct ws_err err = {0};
    buf_clear(ret_why);
    enum coer_fail f = cert_parse(cert, &c, &at);
    if (f != COER_OK) {
        buf_printf(ret_why, "no certificate: %s at octet %zu", coer_fail_text(f), at);
        return false;
    }
    if (c.issuer_kind == ISSUER_SELF) {
        if (trust_add_root(t, cert, &err) == WS_OK)
            return true;
        buf_printf(ret_why, "%s", err.text);
        return false;
    }
    enum trust_verdict verdict = trust_add_issuer(t, cert);
    if (verdict == TRUST_OK)
        return true;
    buf_printf(ret_why, "%s", trust_verdict_text(verdict));
    if (c.n_issue == 0) {
        buf_printf(ret_why, "; no right to issue: neither a root nor an issuing authority");
        return false;
    }
    /* At its own time: whether it is valid today is not asked for here. */
    struct explanation *x = ws_alloc(sizeof(*x));
    trust_explain(t, &c, 1, c.valid_from_s, x);
    for (size_t i = 0; i < x->link[0].n; i++) {
        if (x->link[0].check[i].outcome != EXPLAIN_OK)
            buf_printf(ret_why, "; %s %s: %s", x->link[0].check[i].rule,
                explain_outcome_text(x->link[0].check[i].outcome), x->link[0].check[i].text);
    }
    free(x);
    return false;
}

/* Again and again, as files are in no order, until nothing more fits. */
static int sort(struct trust_files *all, struct trust_store *store, struct trust_files *ret,
    struct ws_err *err) {
    bool *used = ws_calloc(all->n + 1, sizeof(*used));
    struct buf why = {0};
    int rc = WS_OK;
    for (bool progress = true; progress;) {
        progress = false;
        for (size_t i = 0; i < all->n; i++) {
            size_t before = trust_count(store);
            if (used[i] || !trust_files_add(store, buf_span(&all->cert[i]), &why))
                continue;
            used[i] = progress = true;
            if (trust_count(store) == before)
                continue; /* there already */
            keep(ret, &all->cert[i], all->from[i]);
            all->from[i] = NULL;
        }
    }
    for (size_t i = 0; i < all->n && rc == WS_OK; i++) {
        if (!used[i]) {
            (void)trust_files_add(store, buf_span(&all->cert[i]), &why);
            rc = ws_fail(err, WS_EINPUT, "%s: %.*s", all->from[i], (int)why.n, (const char *)why.p);
        }
    }
    buf_free(&why);
    free(used);
    return rc;
}

int trust_files_load(const char *path, size_t max, struct trust_files *ret, struct ws_err *err) {
    struct trust_files all = {0};
    *ret = (struct trust_files){0};
    int rc = trust_files_read(path, max, &all, NULL, err);
    if (rc == WS_OK) {
        struct trust_store *store = trust_store_new(all.n);
        rc = sort(&all, store, ret, err);
        trust_store_free(store);
    }
    if (rc != WS_OK)
        trust_files_free(ret);
    trust_files_free(&all);
    return rc;
}

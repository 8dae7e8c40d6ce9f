/* rsuctl trust show, rsuctl trust add: the folder of certificates that a cell is founded on. */
#include "rsu/ctl_trust.h"

#include "base/fileio.h"
#include "rsu/founding.h"
#include "v2x/cert_parts.h"
#include "v2x/trust_explain.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int ctl_trust_open(const struct ctl_verb *v, const char *dir, struct trust_store **ret_store) {
    struct trust_files files = {0};
    struct ws_err err = {0};
    *ret_store = NULL;
    if (dir != NULL && trust_files_load(dir, &files, &err) != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    *ret_store = trust_store_new(TRUST_ROOTS_MAX);
    /* The loader has checked them and put them in order. */
    for (size_t i = 0; i < files.n; i++) {
        if (trust_add_root(*ret_store, buf_span(&files.cert[i]), &err) != WS_OK)
            (void)trust_add_issuer(*ret_store, buf_span(&files.cert[i]));
    }
    trust_files_free(&files);
    return CTL_DONE;
}

/* Text of nothing but hex digits and white space becomes octets. */
static void unhex(struct buf *b) {
    size_t digits = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (isxdigit(b->p[i]) != 0)
            b->p[digits++] = b->p[i];
        else if (isspace(b->p[i]) == 0)
            return;
    }
    char pair[3] = {0};
    for (size_t i = 0; i + 1 < digits; i += 2) {
        memcpy(pair, b->p + i, 2);
        (void)hex_decode(b->p + i / 2, 1, pair);
    }
    b->n = digits / 2;
}

static bool is_text(const struct buf *b) {
    for (size_t i = 0; i < b->n; i++) {
        if (isxdigit(b->p[i]) == 0 && isspace(b->p[i]) == 0)
            return false;
    }
    return b->n > 0;
}

int ctl_trust_read(const char *path, struct buf *ret, struct ws_err *err) {
    *ret = (struct buf){0};
    int rc = file_read(path, 4 * CTL_TRUST_OCTETS, ret, err);
    if (rc == WS_OK && is_text(ret))
        unhex(ret);
    if (rc == WS_OK && ret->n > CTL_TRUST_OCTETS)
        rc = ws_fail(err, WS_ELIMIT, "%s: too long for a certificate", path);
    return rc;
}

/* ---- show ---- */

static void put_psids(const struct cert *c, struct buf *b) {
    struct coer list = coer_of(c->app_permissions);
    for (size_t i = 0; i < c->n_app; i++) {
        struct psid_ssp entry;
        psid_ssp_read(&list, &entry);
        buf_printf(b, "%s%llu", i == 0 ? "" : ",", (unsigned long long)entry.psid);
    }
}

static void put_issues(const struct cert *c, struct buf *b) {
    struct coer list = coer_of(c->issue_permissions);
    bool first = true;
    for (size_t i = 0; i < c->n_issue; i++) {
        struct issue_group g;
        issue_group_read(&list, &g);
        if (g.all)
            buf_printf(b, "%sall", first ? "" : ",");
        first = first && !g.all;
        struct coer ranges = coer_of(g.ranges);
        for (size_t k = 0; k < g.n_ranges; k++) {
            struct ssp_range r;
            ssp_range_read(&ranges, &r);
            buf_printf(b, "%s%llu", first ? "" : ",", (unsigned long long)r.psid);
            first = false;
        }
    }
}

static const char *region_text(const struct cert *c) {
    static const char *const kind[] = {"circle", "rectangles", "polygon", "identified"};
    return c->region.present ? kind[c->region.kind] : "none";
}

static json_t *one_json(const struct trust_store *t, size_t i) {
    struct trust_issuer e = trust_issuer_at(t, i);
    struct cert c = *e.cert;
    struct explanation x;
    char hash[65], from[EXPLAIN_TIME], until[EXPLAIN_TIME];
    struct buf apps = {0}, issues = {0};
    trust_explain(t, &c, 1, c.valid_from_s, &x);
    hex_encode(hash, e.hash256, 32);
    explain_time(c.valid_from_s, from);
    explain_time(c.valid_until_s, until);
    put_psids(&c, &apps);
    put_issues(&c, &issues);
    buf_u8(&apps, 0);
    buf_u8(&issues, 0);
    char above[65] = "";
    if (e.above != TRUST_ROOT)
        hex_encode(above, trust_issuer_at(t, e.above).hash256, 32);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "hashed_id8",
        hash + 48, "hash", hash, "kind", e.above == TRUST_ROOT ? "root" : "issuer", "name",
        x.link[0].name, "valid_from", from, "valid_until", until, "signs", (const char *)apps.p,
        "issues", (const char *)issues.p, "region", region_text(&c), "issuer", above);
    buf_free(&apps);
    buf_free(&issues);
    return o;
}

static int show(const struct ctl_verb *v, int argc, char **argv) {
    const char *dir = NULL;
    bool json = false;
    const struct ctl_option options[] = {
        {"trust", CTL_TEXT, (void *)&dir, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code))
        return code;
    if (dir == NULL)
        return ctl_misuse(v, "--trust is needed");
    struct trust_store *t;
    code = ctl_trust_open(v, dir, &t);
    if (code != CTL_DONE)
        return code;
    json_t *all = json_array();
    for (size_t i = 0; i < trust_count(t); i++)
        (void)json_array_append_new(all, one_json(t, i));
    if (json) {
        code = ctl_print_json(v, all);
    } else {
        struct buf b = {0};
        size_t i;
        json_t *o;
        json_array_foreach(all, i, o) {
            const char *issuer = json_string_value(json_object_get(o, "issuer"));
            buf_printf(&b, "%s  %-6s  %s\n", json_string_value(json_object_get(o, "hashed_id8")),
                json_string_value(json_object_get(o, "kind")),
                json_string_value(json_object_get(o, "name")));
            if (issuer[0] != '\0')
                buf_printf(&b, "  under %s\n", issuer + 48);
            buf_printf(&b, "  valid %s to %s, region %s\n",
                json_string_value(json_object_get(o, "valid_from")),
                json_string_value(json_object_get(o, "valid_until")),
                json_string_value(json_object_get(o, "region")));
            buf_printf(&b, "  signs PSID [%s], issues PSID [%s]\n",
                json_string_value(json_object_get(o, "signs")),
                json_string_value(json_object_get(o, "issues")));
        }
        code = ctl_print(v, buf_span(&b));
        buf_free(&b);
    }
    json_decref(all);
    trust_store_free(t);
    return code;
}

const struct ctl_verb ctl_trust_show = {"trust", "show", "list roots and issuing authorities",
    "--trust DIR [--json]\n"
    "\n"
    "Names, hashes, validity, permissions and region of the certificates in DIR.\n",
    show};

/* ---- add ---- */

enum { INPUTS_MAX = 64 };
struct input {
    char path[PATH_MAX];
    struct buf cert;
    bool added;
};

static int visible(const struct dirent *e) {
    return e->d_name[0] != '.';
}

static int collect(const char *path, struct input *in, size_t *ret_n, struct ws_err *err) {
    struct stat st;
    *ret_n = 0;
    if (stat(path, &st) != 0)
        return ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode)) {
        (void)snprintf(in[0].path, PATH_MAX, "%s", path);
        *ret_n = 1;
        return ctl_trust_read(path, &in[0].cert, err);
    }
    struct dirent **names = NULL;
    int n = scandir(path, &names, visible, alphasort);
    if (n < 0)
        return ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
    int rc =
        n > INPUTS_MAX ? ws_fail(err, WS_ELIMIT, "%s: more than %d files", path, INPUTS_MAX) : 0;
    for (int i = 0; i < n; i++) {
        if (rc == WS_OK) {
            (void)snprintf(in[*ret_n].path, PATH_MAX, "%s/%s", path, names[i]->d_name);
            rc = ctl_trust_read(in[*ret_n].path, &in[*ret_n].cert, err);
            ++*ret_n;
        }
        free(names[i]);
    }
    free((void *)names);
    return rc;
}

/* One attempt; true: it is in the store now. */
static bool try_add(struct trust_store *t, const struct input *in, struct buf *why) {
    struct cert c;
    size_t at;
    struct ws_err err = {0};
    buf_clear(why);
    enum coer_fail f = cert_parse(buf_span(&in->cert), &c, &at);
    if (f != COER_OK) {
        buf_printf(why, "no certificate: %s at octet %zu", coer_fail_text(f), at);
        return false;
    }
    if (c.issuer_kind == ISSUER_SELF) {
        if (trust_add_root(t, buf_span(&in->cert), &err) == WS_OK)
            return true;
        buf_printf(why, "%s", err.text);
        return false;
    }
    enum trust_verdict verdict = trust_add_issuer(t, buf_span(&in->cert));
    if (verdict == TRUST_OK)
        return true;
    struct explanation x;
    trust_explain(t, &c, 1, c.valid_from_s, &x);
    buf_printf(why, "%s", trust_verdict_text(verdict));
    for (size_t i = 0; i < x.link[0].n; i++) {
        if (x.link[0].check[i].outcome != EXPLAIN_OK)
            buf_printf(why, "; %s", x.link[0].check[i].text);
    }
    return false;
}

static int keep(const struct input *in, const char *dir, struct ws_err *err) {
    struct cert c;
    size_t at;
    uint8_t hash[32];
    char id[17];
    char path[PATH_MAX];
    if (cert_parse(buf_span(&in->cert), &c, &at) != COER_OK)
        return ws_fail(err, WS_EINPUT, "%s: no certificate", in->path);
    cert_hash256(&c, hash);
    hex_encode(id, hash + 24, 8);
    if (mkdir(dir, 0755) != 0 && errno != EEXIST)
        return ws_fail(err, WS_EIO, "%s: %s", dir, strerror(errno));
    (void)snprintf(path, sizeof(path), "%s/%s.cert", dir, id);
    return file_write(path, buf_span(&in->cert), 0644, err);
}

static int add_all(
    const struct ctl_verb *v, struct input *in, size_t n, struct trust_store *t, const char *dir) {
    struct ws_err err = {0};
    struct buf why = {0};
    int code = CTL_DONE;
    for (bool progress = true; progress && code == CTL_DONE;) {
        progress = false;
        for (size_t i = 0; i < n && code == CTL_DONE; i++) {
            size_t before = trust_count(t);
            if (in[i].added || !try_add(t, &in[i], &why))
                continue;
            in[i].added = progress = true;
            bool fresh = trust_count(t) > before;
            if (fresh && keep(&in[i], dir, &err) != WS_OK)
                code = ctl_fail(v, CTL_UNREACHABLE, &err);
            else
                (void)printf("%s: %s\n", in[i].path, fresh ? "added" : "was there already");
        }
    }
    for (size_t i = 0; i < n && code != CTL_UNREACHABLE; i++) {
        if (in[i].added)
            continue;
        (void)try_add(t, &in[i], &why);
        (void)printf("%s: not added: %.*s\n", in[i].path, (int)why.n, (const char *)why.p);
        code = CTL_NO;
    }
    buf_free(&why);
    return code;
}

static int add(const struct ctl_verb *v, int argc, char **argv) {
    const char *dir = NULL;
    struct ctl_list words = {0};
    struct stat st;
    const struct ctl_option options[] = {{"trust", CTL_TEXT, (void *)&dir, 0, 0}};
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code))
        return code;
    if (dir == NULL)
        return ctl_misuse(v, "--trust is needed");
    struct trust_store *t;
    code = ctl_trust_open(v, stat(dir, &st) == 0 ? dir : NULL, &t);
    if (code != CTL_DONE)
        return code;
    struct input *in = calloc(INPUTS_MAX, sizeof(*in));
    struct ws_err err = {0};
    size_t n = 0;
    if (in == NULL)
        code = CTL_UNREACHABLE;
    else if (collect(words.v[0], in, &n, &err) != WS_OK)
        code = ctl_fail(v, CTL_UNREACHABLE, &err);
    else
        code = add_all(v, in, n, t, dir);
    for (size_t i = 0; i < n; i++)
        buf_free(&in[i].cert);
    free(in);
    trust_store_free(t);
    return code;
}

const struct ctl_verb ctl_trust_add = {"trust", "add", "check certificates and keep them",
    "FILE|DIR --trust DIR\n"
    "\n"
    "Checks a root or issuing certificate, or all in a folder in whatever order, against what is "
    "in\n"
    "the trust folder, and copies those that chain to a root there (HASHEDID8.cert). A root is "
    "kept when\n"
    "its own signature is good: whoever adds one trusts it. Files are COER or hex digits. Exit "
    "code 1 when\n"
    "one was refused; the reason is said.\n",
    add};

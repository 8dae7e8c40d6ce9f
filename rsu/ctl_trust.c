/* rsuctl trust show, rsuctl trust add: the folder of certificates that a cell is founded on. */
#include "rsu/ctl_trust.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "rsu/trust_files.h"
#include "v2x/cert_parts.h"
#include "v2x/trust_explain.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int ctl_trust_open(
    const struct ctl_verb *v, const char *path, uint64_t max, struct trust_store **ret_store) {
    struct trust_files files = {0};
    struct ws_err err = {0};
    struct buf why = {0};
    *ret_store = NULL;
    if (path != NULL && trust_files_load(path, (size_t)max, &files, &err) != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    *ret_store = trust_store_new((size_t)max);
    /* The loader has checked them and put them in order. */
    for (size_t i = 0; i < files.n; i++)
        (void)trust_files_add(*ret_store, buf_span(&files.cert[i]), &why);
    buf_free(&why);
    trust_files_free(&files);
    return CTL_DONE;
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
    uint64_t max = CTL_TRUST_CERTS;
    bool json = false;
    const struct ctl_option options[] = {
        {"trust", CTL_TEXT, (void *)&dir, 0, 0},
        {"max-certs", CTL_NUMBER, &max, 1, CTL_TRUST_CERTS_MAX},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code))
        return code;
    if (dir == NULL)
        return ctl_misuse(v, "--trust is needed");
    struct trust_store *t;
    code = ctl_trust_open(v, dir, max, &t);
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

static int keep(struct span cert, const char *dir, struct ws_err *err) {
    struct cert c;
    size_t at;
    uint8_t hash[32];
    char id[17];
    char path[PATH_MAX];
    if (cert_parse(cert, &c, &at) != COER_OK)
        return ws_fail(err, WS_EINPUT, "no certificate");
    cert_hash256(&c, hash);
    hex_encode(id, hash + 24, 8);
    (void)snprintf(path, sizeof(path), "%s/%s.cert", dir, id);
    int rc = dir_make(dir, err);
    return rc == WS_OK ? file_write(path, cert, 0644, err) : rc;
}

/* In whatever order: until nothing more fits. */
static int add_all(const struct ctl_verb *v, const struct trust_files *in, struct trust_store *t,
    const char *dir) {
    struct ws_err err = {0};
    struct buf why = {0};
    int code = CTL_DONE;
    bool *added = ws_calloc(in->n + 1, sizeof(*added));
    for (bool progress = true; progress && code == CTL_DONE;) {
        progress = false;
        for (size_t i = 0; i < in->n && code == CTL_DONE; i++) {
            size_t before = trust_count(t);
            if (added[i] || !trust_files_add(t, buf_span(&in->cert[i]), &why))
                continue;
            added[i] = progress = true;
            bool fresh = trust_count(t) > before;
            if (fresh && keep(buf_span(&in->cert[i]), dir, &err) != WS_OK)
                code = ctl_fail(v, CTL_UNREACHABLE, &err);
            else
                (void)printf("%s: %s\n", in->from[i], fresh ? "added" : "was there already");
        }
    }
    for (size_t i = 0; i < in->n && code != CTL_UNREACHABLE; i++) {
        if (added[i])
            continue;
        (void)trust_files_add(t, buf_span(&in->cert[i]), &why);
        (void)printf("%s: not added: %.*s\n", in->from[i], (int)why.n, (const char *)why.p);
        code = CTL_NO;
    }
    free(added);
    buf_free(&why);
    return code;
}

static int add(const struct ctl_verb *v, int argc, char **argv) {
    const char *dir = NULL;
    uint64_t max = CTL_TRUST_CERTS;
    struct ctl_list words = {0};
    struct stat st;
    const struct ctl_option options[] = {
        {"trust", CTL_TEXT, (void *)&dir, 0, 0},
        {"max-certs", CTL_NUMBER, &max, 1, CTL_TRUST_CERTS_MAX},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, CTL_LIST_MAX, &code))
        return code;
    if (dir == NULL)
        return ctl_misuse(v, "--trust is needed");
    if (stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
        return ctl_misuse(v, "--trust: %.200s is no folder", dir);
    struct trust_store *t;
    code = ctl_trust_open(v, stat(dir, &st) == 0 ? dir : NULL, max, &t);
    if (code != CTL_DONE)
        return code;
    struct ws_err err = {0};
    struct trust_files in = {0};
    struct buf bad = {0};
    for (size_t i = 0; i < words.n && code == CTL_DONE; i++) {
        if (trust_files_read(words.v[i], (size_t)max, &in, &bad, &err) != WS_OK)
            code = ctl_fail(v, CTL_UNREACHABLE, &err);
    }
    if (code == CTL_DONE)
        code = add_all(v, &in, t, dir);
    if (bad.n > 0) {
        (void)printf("%.*s", (int)bad.n, (const char *)bad.p);
        code = code == CTL_DONE ? CTL_NO : code;
    }
    buf_free(&bad);
    trust_files_free(&in);
    trust_store_free(t);
    return code;
}

const struct ctl_verb ctl_trust_add = {"trust", "add", "check certificates and keep them",
    "FILE|DIR... --trust DIR\n"
    "\n"
    "Checks roots and issuing certificates, in whatever order, against what is in the trust "
    "folder, and\n"
    "copies those that chain to a root there (HASHEDID8.cert). A root is kept when its own "
    "signature is\n"
    "good: whoever adds one trusts it. Files hold one certificate or several: COER, hex digits, "
    "base64 or\n"
    "PEM blocks. Exit code 1 when one was refused; the reason is said.\n"
    "\n"
    "  --trust DIR       where they are kept; made when missing\n"
    "  --max-certs N     more than N certificates are a mistake; 4096 unless given\n",
    add};

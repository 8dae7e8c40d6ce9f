/* rsuctl trust add, and what the verbs of `trust` share: the certificates and lists that somebody believes. */
#include "rsu/ctl/trust.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "v2x/trust_explain.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { UNIX_OF_ITS = 1072915200, LEAP = 5 };

static int open_lists(
    const struct ctl_verb *v, const struct ctl_trust_options *o, struct ctl_trust *t) {
    struct ws_err err = {0};
    const struct revocations_config cfg = {.dir = o->lists,
        .manager = o->manager,
        .base = t->base,
        .clock = REVOCATION_CLOCK_SCMS,
        .limits = revocation_limits_default(),
        .ahead_s = UINT32_MAX};
    ws_log_set_level(WS_LOG_ERROR); /* what is refused is part of the answer here */
    if (revocations_open(&cfg, t->now_s, &t->lists, &err) != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    return CTL_DONE;
}

int ctl_trust_open(const struct ctl_verb *v, const struct ctl_trust_options *o, uint32_t now_s,
    struct ctl_trust *ret) {
    struct trust_files files = {0};
    struct ws_err err = {0};
    struct buf why = {0};
    *ret = (struct ctl_trust){.now_s = now_s};
    if (o->manager != NULL && o->lists == NULL)
        return ctl_misuse(v, "--list-manager: of no use without --revocations");
    if (o->path != NULL && trust_files_load(o->path, (size_t)o->max, &files, &err) != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    ret->base = trust_store_new((size_t)o->max);
    /* The loader has checked them and put them in order. */
    for (size_t i = 0; i < files.n; i++)
        (void)trust_files_add(ret->base, buf_span(&files.cert[i]), &why);
    buf_free(&why);
    trust_files_free(&files);
    int code = o->lists == NULL ? CTL_DONE : open_lists(v, o, ret);
    if (code == CTL_DONE)
        ret->view = ret->lists == NULL ? trust_view_new(ret->base, NULL, NULL, NULL, 1)
                                       : trust_slot_take(revocations_slot(ret->lists));
    else
        ctl_trust_close(ret);
    return code;
}

void ctl_trust_close(struct ctl_trust *t) {
    trust_view_unref(t->view);
    revocations_free(t->lists);
    trust_store_free(t->base);
    *t = (struct ctl_trust){0};
}

bool ctl_trust_time(const char *text, uint32_t *ret_s) {
    time_t now = time(NULL);
    if (text != NULL) {
        struct tm tm = {0};
        const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
        if (end == NULL || *end != '\0')
            return false;
        now = timegm(&tm);
    }
    if (now < UNIX_OF_ITS || now > UNIX_OF_ITS + (time_t)UINT32_MAX - LEAP)
        return false;
    *ret_s = (uint32_t)(now - UNIX_OF_ITS + LEAP);
    return true;
}

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

static void say_added(const char *from, struct span cert, bool fresh) {
    struct cert c;
    size_t at;
    uint8_t hash[32];
    char id[17];
    if (cert_parse(cert, &c, &at) != COER_OK)
        return;
    cert_hash256(&c, hash);
    hex_encode(id, hash + 24, 8);
    (void)printf("%s: %s %s %s\n", from, c.issuer_kind == ISSUER_SELF ? "root" : "issuer", id,
        fresh ? "added" : "was there already");
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
                say_added(in->from[i], buf_span(&in->cert[i]), fresh);
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
    struct ctl_trust t;
    const struct ctl_trust_options have = {.path = stat(dir, &st) == 0 ? dir : NULL, .max = max};
    code = ctl_trust_open(v, &have, 0, &t);
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
        code = add_all(v, &in, t.base, dir);
    if (bad.n > 0) {
        (void)printf("%.*s", (int)bad.n, (const char *)bad.p);
        code = code == CTL_DONE ? CTL_NO : code;
    }
    buf_free(&bad);
    trust_files_free(&in);
    ctl_trust_close(&t);
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

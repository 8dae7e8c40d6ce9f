#include "rsu/ctl/ctl.h"

#include "base/fileio.h"
#include "ledger/exec/hash.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GENESIS_MAX = 16U << 20 };

void ctl_name(const struct ctl_verb *v, char dst[static CTL_NAME]) {
    (void)snprintf(dst, CTL_NAME, "rsuctl %s%s%s", v->noun, v->verb == NULL ? "" : " ",
        v->verb == NULL ? "" : v->verb);
}

int ctl_misuse(const struct ctl_verb *v, const char *fmt, ...) {
    char name[CTL_NAME];
    char text[512];
    va_list args;
    ctl_name(v, name);
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)fprintf(stderr, "%s: %s\nTry '%s --help'.\n", name, text, name);
    return CTL_USAGE;
}

int ctl_fail(const struct ctl_verb *v, enum ctl_code code, const struct ws_err *err) {
    char name[CTL_NAME];
    ctl_name(v, name);
    (void)fprintf(stderr, "%s: %s\n", name, err->text);
    return (int)code;
}

int ctl_print(const struct ctl_verb *v, struct span text) {
    if (fwrite(text.p, 1, text.n, stdout) == text.n && fflush(stdout) == 0)
        return CTL_DONE;
    struct ws_err err;
    (void)ws_fail(&err, WS_EIO, "standard output: %s", strerror(errno));
    return ctl_fail(v, CTL_UNREACHABLE, &err);
}

int ctl_print_json(const struct ctl_verb *v, const json_t *value) {
    struct buf b = {0};
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    buf_printf(&b, "%s\n", text == NULL ? "null" : text);
    free(text);
    int code = ctl_print(v, buf_span(&b));
    buf_free(&b);
    return code;
}

int ctl_genesis_load(
    const struct ctl_verb *v, const char *path, const char *fingerprint, struct ctl_genesis *ret) {
    hash32 want;
    char hex[65];
    struct ws_err err = {0};
    memset(ret, 0, sizeof(*ret));
    if (fingerprint != NULL && !hex_decode(want, sizeof(want), fingerprint))
        return ctl_misuse(v, "--fingerprint: '%.70s' is not 64 hex digits", fingerprint);
    int rc = file_read(path, GENESIS_MAX, &ret->octets, &err);
    if (rc == WS_OK) {
        rc = genesis_decode(exec_sha256, buf_span(&ret->octets), &ret->g, &err);
        if (rc != WS_OK)
            (void)ws_fail_in(&err, "%s", path);
    }
    if (rc != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    genesis_cell_id(exec_sha256, buf_span(&ret->octets), ret->cell_id);
    if (fingerprint == NULL || memcmp(want, ret->cell_id, sizeof(want)) == 0)
        return CTL_DONE;
    hex_encode(hex, ret->cell_id, sizeof(ret->cell_id));
    (void)ws_fail(&err, WS_EINPUT, "%s: its fingerprint is %s, not the one asked for", path, hex);
    return ctl_fail(v, CTL_NO, &err);
}

void ctl_genesis_free(struct ctl_genesis *g) {
    buf_free(&g->octets);
}

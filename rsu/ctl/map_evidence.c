/* rsuctl map evidence: the messages behind a published change, one file each, for `map verify --reveal`. */
#include "base/fileio.h"
#include "base/mem.h"
#include "rsu/ctl/ctl.h"
#include "rsu/ctl/http.h"
#include "rsu/proofs/reveal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct evidence_command {
    const struct ctl_verb *v;
    struct ctl_face http;
    const char *change, *out;
    bool has_only;
    uint64_t only;
    struct buf said;
};

static int fetch(struct evidence_command *d, struct ctl_http *h, size_t i, struct ws_err *err) {
    char path[160];
    char file[512];
    json_t *page = NULL;
    struct buf octets = {0};
    struct reveal x;
    (void)snprintf(path, sizeof(path), "/v1/map/changes/%s/evidence/%zu", d->change, i);
    int rc = ctl_http_json(h, path, &page, err);
    if (rc == WS_OK)
        rc = ctl_json_octets(page, "reveal", &octets, err);
    if (rc == WS_OK)
        rc = reveal_decode(buf_span(&octets), &x, err);
    if (rc == WS_OK) {
        int n = snprintf(file, sizeof(file), "%s/%.16s-%zu.reveal", d->out, d->change, i);
        rc = n < (int)sizeof(file) ? file_write(file, buf_span(&octets), 0644, err)
                                   : ws_fail(err, WS_EINPUT, "--out: too long");
    }
    if (rc == WS_OK)
        buf_printf(&d->said, "%s\n", file);
    buf_free(&octets);
    json_decref(page);
    return rc;
}

static int fetch_all(struct evidence_command *d, struct ctl_http *h, struct ws_err *err) {
    char path[160];
    json_t *page = NULL;
    (void)snprintf(path, sizeof(path), "/v1/map/changes/%s/evidence", d->change);
    int rc = ctl_http_json(h, path, &page, err);
    size_t n = rc == WS_OK ? json_array_size(json_object_get(page, "messages")) : 0;
    json_decref(page);
    if (rc == WS_OK && d->has_only && d->only >= n)
        rc = ws_fail(err, WS_EINPUT, "--only: there are %zu messages, counted from 0", n);
    if (rc == WS_OK && mkdir(d->out, 0777) != 0 && errno != EEXIST)
        rc = ws_fail(err, WS_EIO, "%s: %s", d->out, strerror(errno));
    for (size_t i = 0; i < n && i < EVIDENCE_MAX && rc == WS_OK; i++)
        if (!d->has_only || d->only == i)
            rc = fetch(d, h, i, err);
    return rc;
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct evidence_command d = {.v = v, .only = UINT64_MAX};
    struct ctl_list words = {0};
    struct ctl_http *h = NULL;
    struct ws_err err = {0};
    uint8_t id[32];
    const struct ctl_option options[] = {
        {"http", CTL_FACE, &d.http, 0, 0},
        {"out", CTL_TEXT, (void *)&d.out, 0, 0},
        {"only", CTL_NUMBER, &d.only, 0, EVIDENCE_MAX - 1},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code))
        return code;
    d.change = words.v[0];
    d.has_only = d.only != UINT64_MAX;
    if (d.http.address == NULL || d.out == NULL)
        return ctl_misuse(v, "--http and --out are needed");
    if (strlen(d.change) != 64 || !hex_decode(id, sizeof(id), d.change))
        return ctl_misuse(v, "'%.80s' is no id of a change, 64 hex digits", d.change);
    int rc = ctl_http_open(&d.http, &h, &err);
    if (rc == WS_OK)
        rc = fetch_all(&d, h, &err);
    if (rc == WS_OK)
        code = ctl_print(v, buf_span(&d.said));
    else
        code = ctl_fail(v, rc == WS_ENOTFOUND || rc == WS_EINPUT ? CTL_NO : CTL_UNREACHABLE, &err);
    ctl_http_close(h);
    buf_free(&d.said);
    return code;
}

const struct ctl_verb ctl_map_evidence = {"map", "evidence",
    "get the messages that spoke for a published change",
    "CHANGE --http ADDR --out DIR [--only N]\n"
    "\n"
    "Writes each message that is still kept into a file of its own, with the path that leads from "
    "it "
    "to the change's\n"
    "commitment. `map verify --reveal` checks it; the unit is not believed. CHANGE is the id of a "
    "change record.\n"
    "\n"
    "  --http ADDR     of the unit, as in its configuration\n"
    "  --out DIR       where the files go; made when it is not there\n"
    "  --only N        that one alone, counted from 0\n",
    run};

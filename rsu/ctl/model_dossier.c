#include "rsu/ctl/model_dossier.h"

#include "base/fileio.h"
#include "fedlearn/round/events.h"
#include "fedlearn/round/roots.h"
#include "rsu/cell/cell.h"
#include "rsu/learning/audit.h"
#include "rsu/proofs/check.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    RECORD_MAX = 8 << 20,
    TRIES = 5, /* of what a busy unit puts off */
    PAUSE_S = 1
};

/* ---- the folder ---- */

static int path_in(
    const char *folder, const char *name, char ret[static PATH_MAX], struct ws_err *err) {
    if (snprintf(ret, PATH_MAX, "%s/%s", folder, name) < PATH_MAX)
        return WS_OK;
    return ws_fail(err, WS_ELIMIT, "%s: the path is too long", folder);
}

static int read_saved(const struct ctl_dossier *d, const char *name, size_t max, struct buf *ret,
    struct ws_err *err) {
    char path[PATH_MAX];
    int rc = path_in(d->from, name, path, err);
    if (rc == WS_OK && access(path, F_OK) != 0)
        return ws_fail(err, WS_ENOTFOUND, "%s: %s", path, strerror(errno));
    return rc == WS_OK ? file_read(path, max, ret, err) : rc;
}

static int save(
    struct ctl_dossier *d, const char *name, const struct buf *octets, struct ws_err *err) {
    char path[PATH_MAX];
    if (d->save == NULL)
        return WS_OK;
    int rc = path_in(d->save, name, path, err);
    if (rc == WS_OK)
        rc = file_write(path, buf_span(octets), 0644, err);
    if (rc != WS_OK)
        d->lost = *err;
    return rc;
}

/* What was kept there before is evidence, of another round perhaps. */
static int check_empty(const char *folder, struct ws_err *err) {
    DIR *d = opendir(folder);
    if (d == NULL && errno == ENOENT)
        return WS_OK;
    if (d == NULL)
        return ws_fail(
            err, errno == ENOTDIR ? WS_EEXIST : WS_EIO, "%s: %s", folder, strerror(errno));
    bool empty = true;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        empty = empty && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0);
    (void)closedir(d);
    return empty ? WS_OK
                 : ws_fail(err, WS_EEXIST, "%s: not empty; nothing is written over", folder);
}

static int make_folders(const struct ctl_dossier *d, struct ws_err *err) {
    static const char *const inside[] = {"materials", "files"};
    char path[PATH_MAX];
    int rc = WS_OK;
    for (size_t i = 0; i < ARRAY_LEN(inside) && rc == WS_OK; i++) {
        rc = path_in(d->save, inside[i], path, err);
        if (rc == WS_OK)
            rc = dir_make(path, err);
    }
    return rc;
}

/* ---- the unit ---- */

/* Whoever is gone is not waited for again and again. */
static int lost(struct ctl_dossier *d, int rc, const struct ws_err *err) {
    if (rc != WS_OK && rc != WS_ENOTFOUND && rc != WS_EINPUT)
        d->lost = *err;
    return rc;
}

static bool is_lost(const struct ctl_dossier *d, struct ws_err *err) {
    if (d->lost.code != WS_OK)
        *err = d->lost;
    return d->lost.code != WS_OK;
}

/* What is asked for: octets as they are, or the bundle out of a proof's page. */
struct wanted {
    const char *name, *path;
    size_t most;
    bool proof;
};

static int ask_once(
    struct ctl_dossier *d, const struct wanted *w, struct buf *ret, struct ws_err *err) {
    return w->proof ? ctl_http_bundle(d->http, w->path, ret, err)
                    : ctl_http_get(d->http, w->path, w->most, ret, err);
}

/* A round is hundreds of questions: one that is put off does not end the audit. */
static int get(struct ctl_dossier *d, const struct wanted *w, struct buf *ret, struct ws_err *err) {
    if (is_lost(d, err))
        return err->code;
    if (d->http == NULL)
        return read_saved(d, w->name, w->most, ret, err);
    int rc = ask_once(d, w, ret, err);
    for (int tries = 1; rc == WS_EBUSY && tries < TRIES; tries++) {
        (void)sleep(PAUSE_S);
        rc = ask_once(d, w, ret, err);
    }
    rc = lost(d, rc, err);
    return rc == WS_OK ? save(d, w->name, ret, err) : rc;
}

static int get_octets(struct ctl_dossier *d, const char *name, const char *path, size_t most,
    struct buf *ret, struct ws_err *err) {
    return get(d, &(struct wanted){name, path, most, false}, ret, err);
}

static int get_proof(struct ctl_dossier *d, const char *name, const char *path, struct buf *ret,
    struct ws_err *err) {
    return get(d, &(struct wanted){name, path, CTL_PROOF_MAX, true}, ret, err);
}

int ctl_dossier_begin(struct ctl_dossier *d, struct ws_err *err) {
    char path[64];
    int rc = WS_OK;
    if (d->save != NULL)
        rc = check_empty(d->save, err);
    if (d->from != NULL && access(d->from, R_OK | X_OK) != 0)
        return ws_fail(err, WS_EIO, "%s: %s", d->from, strerror(errno));
    if (d->http == NULL || rc != WS_OK)
        return rc;
    (void)snprintf(path, sizeof(path), "/v1/learning/rounds/%llu", (unsigned long long)d->round);
    rc = ctl_http_json_most(d->http, path, CTL_ROUND_MAX, &d->page, err);
    if (rc == WS_OK && strcmp(ctl_json_text(d->page, "result"), "on") == 0)
        rc = ws_fail(err, WS_EBUSY, "round %llu is not over yet", (unsigned long long)d->round);
    return rc == WS_OK && d->save != NULL ? make_folders(d, err) : rc;
}

void ctl_dossier_free(struct ctl_dossier *d) {
    json_decref(d->page);
    ctl_http_close(d->http);
}

/* ---- what there is ---- */

static void path_of_event(const json_t *at, char ret[static PROOF_PATH]) {
    proof_event_path(
        (uint64_t)ctl_json_number(at, "height"), (uint64_t)ctl_json_number(at, "sequence"), ret);
}

int ctl_dossier_event(
    struct ctl_dossier *d, const char *step, struct buf *ret_bundle, struct ws_err *err) {
    char name[40];
    char path[PROOF_PATH] = "";
    (void)snprintf(name, sizeof(name), "%s.proof", step);
    if (d->http != NULL) {
        const json_t *at = json_object_get(json_object_get(d->page, "events"), step);
        if (!json_is_object(at))
            return ws_fail(err, WS_ENOTFOUND, "the unit says that the round has no such event");
        path_of_event(at, path);
    }
    return get_proof(d, name, path, ret_bundle, err);
}

static const json_t *exclusion_of(const json_t *page, uint32_t submission) {
    size_t i;
    const json_t *x;
    json_array_foreach(json_object_get(page, "exclusions"), i, x) {
        if (ctl_json_number(x, "submission") == submission &&
            strcmp(ctl_json_text(x, "reason"), fl_exclusion_name(FL_EXCLUDED_BAD_BUNDLE)) == 0)
            return x;
    }
    return NULL;
}

int ctl_dossier_exclusion(
    struct ctl_dossier *d, uint32_t submission, struct buf *ret_bundle, struct ws_err *err) {
    char name[40];
    char path[PROOF_PATH] = "";
    struct ws_err why = {0};
    (void)snprintf(name, sizeof(name), "excluded-%u.proof", submission);
    if (d->http != NULL) {
        const json_t *at = exclusion_of(d->page, submission);
        if (at == NULL)
            return ws_fail(err, WS_ENOTFOUND, "the unit names no such event");
        path_of_event(at, path);
    }
    const int rc = get_proof(d, name, path, ret_bundle, &why);
    if (rc == WS_OK)
        return WS_OK;
    /* The unit names it, so it is there. */
    return ws_fail(err, rc == WS_ENOTFOUND && d->http != NULL ? WS_EIO : rc, "%s", why.text);
}

int ctl_dossier_randomness(struct ctl_dossier *d, const char *name, uint64_t height,
    struct buf *ret_bundle, struct ws_err *err) {
    uint8_t key[BEACON_HEIGHT_KEY_OCTETS];
    char file[40];
    char path[PROOF_PATH];
    beacon_height_key(height, key);
    proof_state_path("beacon", span_of(key, sizeof(key)), path);
    (void)snprintf(file, sizeof(file), "%s.proof", name);
    return get_proof(d, file, path, ret_bundle, err);
}

int ctl_dossier_record(struct ctl_dossier *d, struct buf *ret_octets, struct ws_err *err) {
    char path[80];
    (void)snprintf(
        path, sizeof(path), "/v1/learning/rounds/%llu/record", (unsigned long long)d->round);
    return get_octets(d, "record", path, RECORD_MAX, ret_octets, err);
}

int ctl_dossier_material(struct ctl_dossier *d, const uint8_t id[static 32], struct buf *ret_octets,
    struct ws_err *err) {
    char hex[65];
    char name[80];
    char path[160];
    hex_encode(hex, id, 32);
    (void)snprintf(name, sizeof(name), "materials/%s", hex);
    (void)snprintf(
        path, sizeof(path), "/v1/learning/rounds/%llu/%s", (unsigned long long)d->round, name);
    return get_octets(d, name, path, AUDIT_MATERIAL_MAX, ret_octets, err);
}

int ctl_dossier_file(struct ctl_dossier *d, const uint8_t sha256[static 32], struct buf *ret_octets,
    struct ws_err *err) {
    char hex[65];
    char name[80];
    char path[96];
    hex_encode(hex, sha256, 32);
    (void)snprintf(name, sizeof(name), "files/%s", hex);
    (void)snprintf(path, sizeof(path), "/v1/models/%s", hex);
    return get_octets(d, name, path, FL_MAX_ROOTS_OCTETS, ret_octets, err);
}

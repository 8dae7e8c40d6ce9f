/* The folder that rsuctl map watch writes: state.json, the lock, what a killed writer left. */
#include "rsu/ctl/map_watch.h"

#include "base/fileio.h"
#include "rsu/ctl/map.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { STATE_MAX = 65536 };

/* ---- state.json ---- */

static int load_state(struct watch *w, struct ws_err *err) {
    char path[PATH_MAX];
    struct buf b = {0};
    (void)snprintf(path, sizeof(path), "%s/state.json", w->out);
    int rc = file_read(path, STATE_MAX, &b, err);
    if (rc == WS_OK) {
        json_t *o = json_loadb((const char *)b.p, b.n, 0, NULL);
        const char *cell = json_string_value(json_object_get(o, "cell_id"));
        json_int_t version = json_integer_value(json_object_get(o, "version"));
        if (cell == NULL || strlen(cell) != sizeof(w->cell_id) - 1 || version < 1) {
            rc = ws_fail(err, WS_EINPUT, "%s: not what this command writes", path);
        } else {
            memcpy(w->cell_id, cell, sizeof(w->cell_id));
            w->have = (uint64_t)version;
            const char *record = json_string_value(json_object_get(o, "record"));
            if (record != NULL && strlen(record) == sizeof(w->record) - 1)
                memcpy(w->record, record, sizeof(w->record));
        }
        json_decref(o);
    }
    buf_free(&b);
    return rc;
}

int watch_save_state(const struct watch *w, struct ws_err *err) {
    char path[PATH_MAX];
    struct buf b = {0};
    (void)snprintf(path, sizeof(path), "%s/state.json", w->out);
    buf_printf(
        &b, "{\"cell_id\": \"%s\", \"version\": %llu", w->cell_id, (unsigned long long)w->have);
    if (w->record[0] != '\0')
        buf_printf(&b, ", \"record\": \"%s\"", w->record);
    buf_printf(&b, "}\n");
    int rc = file_write(path, buf_span(&b), 0644, err);
    buf_free(&b);
    return rc;
}

/* ---- the folder ---- */

/* "000002.proof" and the like; temporary: "000002.osc.tmp.77", as a writer leaves it that was killed. */
static bool is_ours(const char *name, bool *ret_temporary) {
    size_t digits = strspn(name, "0123456789");
    const char *tmp = strstr(name, ".tmp.");
    bool state = strncmp(name, "state.json.", 11) == 0;
    *ret_temporary = tmp != NULL && isdigit((unsigned char)tmp[5]) && (digits >= 6 || state);
    return *ret_temporary || (digits >= 6 && name[digits] == '.');
}

/* Clears what a killed writer left half done. Whole files without a state would be written again under a number
 * that somebody may have read: refused. */
static int tidy_folder(const struct watch *w, struct ws_err *err) {
    DIR *d = opendir(w->out);
    if (d == NULL)
        return ws_fail(err, WS_EIO, "%s: %s", w->out, strerror(errno));
    int rc = WS_OK;
    for (const struct dirent *e = readdir(d); e != NULL && rc == WS_OK; e = readdir(d)) {
        bool temporary = false;
        if (!is_ours(e->d_name, &temporary))
            continue;
        if (temporary)
            (void)unlinkat(dirfd(d), e->d_name, 0);
        else if (w->fresh)
            rc = ws_fail(err, WS_EINPUT,
                "%s: has %s but no state.json that says what is published; take an empty folder",
                w->out, e->d_name);
    }
    (void)closedir(d);
    return rc;
}

/* One writer at a time; the lock ends with the process. */
static int lock_folder(const struct watch *w, int *ret_fd, struct ws_err *err) {
    int fd = open(w->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ws_fail(err, WS_EIO, "%s: %s", w->out, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return ws_fail(err, WS_EINPUT, "%s: another rsuctl map watch writes there", w->out);
    }
    *ret_fd = fd;
    return WS_OK;
}

static bool has_file(const struct watch *w, const char *ending) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%06llu.%s", w->out, (unsigned long long)w->have, ending);
    return access(path, F_OK) == 0;
}

/* A format asked for later begins with the next version. What was taken out of the folder by who reads it tells
 * nothing: then its proof is gone, too. */
static void remark_formats(const struct watch *w) {
    for (size_t i = 0; i < WATCH_FORMATS && has_file(w, "proof"); i++)
        if (w->wanted[i] && !has_file(w, watch_format_ending((enum watch_format)i)))
            (void)fprintf(stderr,
                "rsuctl map watch: %s has no .%s of version %llu: it gets them from version %llu "
                "on; a new folder gets them of all\n",
                w->out, watch_format_ending((enum watch_format)i), (unsigned long long)w->have,
                (unsigned long long)w->have + 1);
}

int watch_put(const struct watch *w, uint64_t version, const char *ending, struct span data,
    struct ws_err *err) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%06llu.%s", w->out, (unsigned long long)version, ending);
    return file_write(path, data, 0644, err);
}

/* A new folder begins behind a snapshot: its version is held, and the next record names the one it tells. */
static int take_snapshot(struct watch *w, const char *path, struct ws_err *err) {
    struct map_snapshot s;
    int rc = ctl_map_snapshot_load(path, &s, err);
    if (rc != WS_OK)
        return rc;
    w->have = s.version;
    hex_encode(w->record, s.record, 32);
    hex_encode(w->cell_id, s.cell_id, 32);
    mapset_free(&s.map);
    return WS_OK;
}

/* What is in the folder, and that it may be written. CTL_DONE, or the exit code after saying why. */
int watch_open_folder(struct watch *w, uint64_t from, const char *snapshot, int *ret_lock) {
    struct ws_err err = {0};
    int rc = dir_make(w->out, &err);
    if (rc == WS_OK)
        rc = lock_folder(w, ret_lock, &err);
    if (rc == WS_OK)
        rc = load_state(w, &err);
    if (rc == WS_ENOTFOUND) {
        w->have = from == 0 ? 1 : from;
        w->fresh = true;
        rc = snapshot == NULL ? WS_OK : take_snapshot(w, snapshot, &err);
    } else if (rc == WS_OK && snapshot != NULL) {
        return ctl_misuse(w->v, "--snapshot: %s has everything up to version %llu; leave it away",
            w->out, (unsigned long long)w->have);
    } else if (rc == WS_OK && from != 0 && from != w->have) {
        return ctl_misuse(w->v,
            "--from %llu: %s has everything up to version %llu; leave --from away",
            (unsigned long long)from, w->out, (unsigned long long)w->have);
    }
    if (rc == WS_OK)
        rc = tidy_folder(w, &err);
    if (rc == WS_OK)
        remark_formats(w);
    return rc == WS_OK ? CTL_DONE : ctl_fail(w->v, CTL_UNREACHABLE, &err);
}

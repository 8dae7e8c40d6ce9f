/* rsuctl map watch: every published version into files, gapless, from where it stopped. */
#include "rsu/ctl_http.h"
#include "rsu/ctl_map_proof.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "mapsvc/range.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { STATE_MAX = 65536, PAUSE_MS = 1000, SNAPSHOT_MAX = 1 << 30 };

/* What the unit says a version as, and the ending of its file. */
static const struct {
    const char *format, *ending;
} formats[] = {{"geojsonseq", "geojsonl"}, {"osc", "osc"}, {"adiff", "adiff"},
    {"tnits", "tnits.xml"}, {"json", "json"}};

struct watch {
    const struct ctl_verb *v;
    const char *out;
    bool json; /* a line for each version */
    struct ctl_http *http;
    uint64_t have; /* last version that is in the folder */
    char cell_id[65]; /* "" until known */
    char record[65]; /* SHA-256 of the last version's record; "" when not known */
    bool fresh; /* no state in the folder yet */
    bool wanted[ARRAY_LEN(formats)];
    bool judged; /* genesis and light are set: who signed is checked */
    struct ctl_genesis genesis;
    struct ctl_light light;
};

/* ---- signals: blocked but for the pauses, so that no file is left half way ---- */

static void block_signals(void) {
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

/* True: a signal asks to stop. */
static bool pause_ms(unsigned ms) {
    sigset_t set;
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    return sigtimedwait(&set, NULL, &t) > 0;
}

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

static int save_state(const struct watch *w, struct ws_err *err) {
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

/* ---- one version ---- */

static int put(const struct watch *w, uint64_t version, const char *ending, struct span data,
    struct ws_err *err) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%06llu.%s", w->out, (unsigned long long)version, ending);
    return file_write(path, data, 0644, err);
}

static int fetch_into(
    struct watch *w, uint64_t version, const char *format, const char *ending, struct ws_err *err) {
    char path[128];
    struct buf b = {0};
    (void)snprintf(path, sizeof(path), "/v1/map/diffs?from=%llu&to=%llu&format=%s",
        (unsigned long long)(version - 1), (unsigned long long)version, format);
    int rc = ctl_http_get(w->http, path, &b, err);
    if (rc == WS_OK)
        rc = put(w, version, ending, buf_span(&b), err);
    buf_free(&b);
    return rc;
}

static void tell(const struct watch *w, const json_t *version) {
    size_t i;
    json_t *change;
    json_t *words = json_array();
    json_array_foreach(json_object_get(version, "changes"), i, change)(void)
        json_array_append_new(words, json_string(ctl_json_text(change, "description")));
    if (w->json) {
        json_t *line = json_pack("{s:I, s:s, s:O}", "version", (json_int_t)w->have, "time",
            ctl_json_text(version, "time"), "changes", words);
        (void)json_dumpf(line, stdout, JSON_COMPACT);
        (void)printf("\n");
        json_decref(line);
    } else {
        (void)printf(
            "version %llu, %s\n", (unsigned long long)w->have, ctl_json_text(version, "time"));
        json_array_foreach(words, i, change)(void) printf("  %s\n", json_string_value(change));
    }
    (void)fflush(stdout);
    json_decref(words);
}

/* The proof is about this version, and its record follows on the one before. */
static int check_proof(
    struct watch *w, uint64_t n, const struct buf *proof, char ret_record[65], struct ws_err *err) {
    char name[32];
    (void)snprintf(name, sizeof(name), "version %llu", (unsigned long long)n);
    struct proven *p = ws_alloc(sizeof(*p));
    p->file = name;
    buf_put(&p->octets, proof->p, proof->n);
    int code = w->judged ? ctl_map_prove(&w->genesis, &w->light, p, err) : ctl_map_look(p, err);
    int rc = code == CTL_DONE ? WS_OK : code == CTL_NO ? WS_EINPUT : WS_EIO;
    char previous[65];
    char cell[65];
    hex_encode(previous, p->version.previous_record, 32);
    hex_encode(cell, p->version.cell_id, 32);
    hex_encode(ret_record, p->record, 32);
    if (rc == WS_OK && p->version.version != n)
        rc = ws_fail(err, WS_EINPUT, "%s: the proof is one of version %llu", name,
            (unsigned long long)p->version.version);
    else if (rc == WS_OK && strcmp(cell, w->cell_id) != 0)
        rc = ws_fail(err, WS_EINPUT, "%s: the proof is one of cell %s", name, cell);
    else if (rc == WS_OK && w->record[0] != '\0' && strcmp(previous, w->record) != 0)
        rc = ws_fail(err, WS_EINPUT, "%s: does not follow on version %llu, which %s holds", name,
            (unsigned long long)w->have, w->out);
    proven_free(p);
    free(p);
    return rc;
}

static int put_json(const struct watch *w, const json_t *version, struct ws_err *err) {
    struct buf b = {0};
    char *text = json_dumps(version, JSON_INDENT(1));
    if (text == NULL)
        return ws_fail(err, WS_ENOMEM, "no memory for a version's JSON");
    buf_printf(&b, "%s\n", text);
    free(text);
    int rc = put(w, w->have + 1, "json", buf_span(&b), err);
    buf_free(&b);
    return rc;
}

/* Proof and words come with the JSON of the version; the other formats are asked for each. */
static int take_version(struct watch *w, const json_t *version, struct ws_err *err) {
    uint64_t n = w->have + 1;
    if (ctl_json_number(version, "version") != (long long)n)
        return ws_fail(err, WS_EIO, "the unit sent version %lld, wanted was %llu",
            ctl_json_number(version, "version"), (unsigned long long)n);
    struct buf proof = {0};
    char record[65];
    int rc = ctl_json_octets(version, "proof", &proof, err);
    if (rc == WS_OK)
        rc = check_proof(w, n, &proof, record, err);
    if (rc == WS_OK)
        rc = put(w, n, "proof", buf_span(&proof), err);
    buf_free(&proof);
    for (size_t i = 0; i < ARRAY_LEN(formats) && rc == WS_OK; i++) {
        if (!w->wanted[i])
            continue;
        rc = strcmp(formats[i].format, "json") == 0
                 ? put_json(w, version, err)
                 : fetch_into(w, n, formats[i].format, formats[i].ending, err);
    }
    if (rc == WS_OK) {
        w->have = n;
        memcpy(w->record, record, sizeof(w->record));
        rc = save_state(w, err);
    }
    if (rc != WS_OK)
        return rc;
    tell(w, version);
    return WS_OK;
}

static int check_cell(struct watch *w, const json_t *answer, struct ws_err *err) {
    const char *cell = json_string_value(json_object_get(answer, "cell_id"));
    if (cell == NULL || strlen(cell) != sizeof(w->cell_id) - 1)
        return ws_fail(err, WS_EIO, "the unit does not say which cell it belongs to");
    if (w->cell_id[0] != '\0' && strcmp(w->cell_id, cell) != 0)
        return ws_fail(err, WS_EINPUT, "%s holds versions of cell %s, the unit belongs to %s",
            w->out, w->cell_id, cell);
    memcpy(w->cell_id, cell, sizeof(w->cell_id));
    if (!w->fresh)
        return WS_OK;
    /* Before the first file, so that a folder with files and no state was not left by this command. */
    w->fresh = false;
    return save_state(w, err);
}

/* Everything there is. */
static int catch_up(struct watch *w, struct ws_err *err) {
    for (bool more = true; more;) {
        char path[64];
        json_t *answer = NULL;
        (void)snprintf(path, sizeof(path), "/v1/map/diffs?from=%llu", (unsigned long long)w->have);
        int rc = ctl_http_json(w->http, path, &answer, err);
        if (rc == WS_ENOTFOUND) {
            struct ws_err said = *err;
            (void)ws_fail(err, rc,
                "%.300s. Another unit may have them (--http); a new folder begins behind a whole "
                "map: "
                "rsuctl map snapshot, then --snapshot",
                said.text);
        }
        if (rc != WS_OK)
            return rc;
        rc = check_cell(w, answer, err);
        size_t i;
        json_t *version;
        json_array_foreach(json_object_get(answer, "versions"), i, version) {
            if (rc == WS_OK)
                rc = take_version(w, version, err);
        }
        more = json_is_true(json_object_get(answer, "more")) && i > 0;
        json_decref(answer);
        if (rc != WS_OK)
            return rc;
    }
    return WS_OK;
}

static int follow(struct watch *w, bool once) {
    struct ws_err err = {0};
    bool reached = false;
    bool complained = false;
    for (;;) {
        int rc = catch_up(w, &err);
        reached = reached || rc == WS_OK;
        bool later = rc == WS_EBUSY || (rc == WS_EIO && reached);
        if (rc == WS_OK && once)
            return CTL_DONE;
        if (rc != WS_OK && (once || !later))
            return ctl_fail(
                w->v, rc == WS_EINPUT || rc == WS_ENOTFOUND ? CTL_NO : CTL_UNREACHABLE, &err);
        if (rc != WS_OK && !complained)
            (void)fprintf(stderr, "rsuctl map watch: %s; trying again\n", err.text);
        complained = rc != WS_OK;
        if (pause_ms(PAUSE_MS))
            return CTL_DONE;
    }
}

static bool choose_formats(struct watch *w, const struct ctl_list *names) {
    for (size_t k = 0; k < names->n; k++) {
        size_t i = 0;
        while (i < ARRAY_LEN(formats) && strcmp(formats[i].format, names->v[k]) != 0)
            i++;
        if (i == ARRAY_LEN(formats))
            return false;
        w->wanted[i] = true;
    }
    if (names->n == 0)
        w->wanted[0] = w->wanted[1] = true;
    return true;
}

/* A new folder begins behind a snapshot: its version is held, and the next record names the one it tells. */
static int take_snapshot(struct watch *w, const char *path, struct ws_err *err) {
    struct buf b = {0};
    struct map_snapshot s;
    int rc = file_read(path, SNAPSHOT_MAX, &b, err);
    if (rc == WS_OK && map_snapshot_decode(buf_span(&b), &s, err) != WS_OK)
        rc = ws_fail_in(err, "%s", path);
    buf_free(&b);
    if (rc != WS_OK)
        return rc;
    w->have = s.version;
    hex_encode(w->record, s.record, 32);
    hex_encode(w->cell_id, s.cell_id, 32);
    mapset_free(&s.map);
    return WS_OK;
}

/* What is in the folder, and that it may be written. CTL_DONE, or the exit code after saying why. */
static int open_folder(struct watch *w, uint64_t from, const char *snapshot, int *ret_lock) {
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
    return rc == WS_OK ? CTL_DONE : ctl_fail(w->v, CTL_UNREACHABLE, &err);
}

struct belief {
    const char *genesis, *fingerprint, *trusted; /* NULL: not given */
};

static int begin_judging(struct watch *w, const struct belief *b) {
    struct ws_err err = {0};
    if (b->genesis == NULL)
        return CTL_DONE;
    int code = ctl_genesis_load(w->v, b->genesis, b->fingerprint, &w->genesis);
    if (code != CTL_DONE)
        return code;
    code = ctl_light_begin(&w->genesis, w->http, b->trusted, &w->light, &err);
    w->judged = code == CTL_DONE;
    return w->judged ? CTL_DONE : ctl_fail(w->v, (enum ctl_code)code, &err);
}

static int watch_unit(struct watch *w, const char *address, uint64_t from, const char *snapshot,
    const struct belief *b, bool once) {
    struct ws_err err = {0};
    int lock = -1;
    block_signals();
    int code = open_folder(w, from, snapshot, &lock);
    if (code == CTL_DONE && ctl_http_open(address, &w->http, &err) != WS_OK)
        code = ctl_fail(w->v, CTL_UNREACHABLE, &err);
    if (code == CTL_DONE)
        code = begin_judging(w, b);
    if (code == CTL_DONE)
        code = follow(w, once);
    ctl_http_close(w->http);
    ctl_genesis_free(&w->genesis);
    if (lock >= 0)
        (void)close(lock);
    return code;
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct watch *w = ws_alloc(sizeof(*w));
    const char *address = "127.0.0.1:8100";
    uint64_t from = 0;
    const char *snapshot = NULL;
    bool once = false;
    struct belief belief = {0};
    struct ctl_list names = {0};
    w->v = v;
    const struct ctl_option options[] = {
        {"http", CTL_TEXT, (void *)&address, 0, 0},
        {"out", CTL_TEXT, (void *)&w->out, 0, 0},
        {"format", CTL_LIST, &names, 0, 0},
        {"from", CTL_NUMBER, &from, 1, INT64_MAX},
        {"snapshot", CTL_TEXT, (void *)&snapshot, 0, 0},
        {"genesis", CTL_TEXT, (void *)&belief.genesis, 0, 0},
        {"fingerprint", CTL_TEXT, (void *)&belief.fingerprint, 0, 0},
        {"trusted", CTL_TEXT, (void *)&belief.trusted, 0, 0},
        {"once", CTL_FLAG, &once, 0, 0},
        {"json", CTL_FLAG, &w->json, 0, 0},
    };
    int code;
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code)) {
        if (w->out == NULL)
            code = ctl_misuse(v, "--out is needed");
        else if (strlen(w->out) > PATH_MAX - 64)
            code = ctl_misuse(v, "--out: too long a path");
        else if (!choose_formats(w, &names))
            code = ctl_misuse(v, "--format: geojsonseq, osc, adiff, tnits or json");
        else if (from != 0 && snapshot != NULL)
            code = ctl_misuse(v, "--from and --snapshot say the same: one of them");
        else if (belief.genesis == NULL && (belief.trusted != NULL || belief.fingerprint != NULL))
            code = ctl_misuse(v, "--trusted and --fingerprint go with --genesis");
        else
            code = watch_unit(w, address, from, snapshot, &belief, once);
    }
    free(w);
    return code;
}

const struct ctl_verb ctl_map_watch = {"map", "watch", "keep the published changes in files",
    "--out DIR [options]\n"
    "\n"
    "For each version after the one it has: DIR/NNNNNN.proof and a file for each format, then "
    "DIR/state.json, from\n"
    "which the next call goes on, also after it was killed. A version is never left out, and what "
    "state.json "
    "covers is\n"
    "never written again. Each record must follow on the one before. Stops on SIGINT and SIGTERM.\n"
    "\n"
    "  --out DIR           made when missing; one writer at a time\n"
    "  --format F          geojsonseq (.geojsonl), osc (.osc), adiff (.adiff), tnits (.tnits.xml) "
    "or json (.json); "
    "may be\n"
    "                      given again; geojsonseq and osc unless given\n"
    "  --http ADDR         of the unit: HOST:PORT or unix:PATH; 127.0.0.1:8100 unless given\n"
    "  --from V            the version you have, for a new folder; 1, the base map, unless given\n"
    "  --snapshot FILE     of map snapshot or map net: the version you have, for a new folder\n"
    "  --genesis FILE      check on the way that a quorum signed each version; one that it did not "
    "stops the "
    "watch, exit\n"
    "                      code 1\n"
    "  --fingerprint HEX   what the genesis's fingerprint must be\n" CTL_TRUSTED_USAGE
    "  --once              fetch what is there and leave\n"
    "  --json              print a line of JSON for each version\n",
    run};

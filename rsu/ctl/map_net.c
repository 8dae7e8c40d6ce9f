/* rsuctl map snapshot and map net: a whole map to begin with, and what leads from one that is held to a later version. */
#include "base/fileio.h"
#include "base/mem.h"
#include "mapsvc/fuse/range.h"
#include "rsu/ctl/map.h"
#include "rsu/ctl/map_unit.h"
#include "rsu/json/map.h"

#include <stdio.h>
#include <stdlib.h>

struct net_command {
    struct ctl_map_unit unit;
    const char *file, *out, *map;
    uint64_t version; /* wanted; 0: the current one */
    bool json;
    struct map_snapshot held;
    json_t *told; /* changes */
    struct buf words;
    uint64_t from;
};

/* The same words for a map that was fetched and one that was led further. */
static int check_snapshot(struct net_command *d, const struct map_snapshot *s, struct ws_err *err) {
    uint8_t root[32];
    uint8_t record[32];
    if (memcmp(s->cell_id, d->unit.genesis.cell_id, 32) != 0) {
        (void)ws_fail(err, WS_EINPUT, "it is a map of another cell");
        return CTL_NO;
    }
    if (s->version == 1) {
        uint8_t digest[32];
        mapset_digest(&s->map, digest);
        if (memcmp(digest, d->unit.genesis.g.map_digest, 32) == 0)
            return CTL_DONE;
        (void)ws_fail(err, WS_EINPUT, "it is not the base map that the genesis names");
        return CTL_NO;
    }
    int code = ctl_map_believe(&d->unit, s->version, root, record, err);
    if (code == CTL_DONE &&
        (memcmp(root, s->root, 32) != 0 || memcmp(record, s->record, 32) != 0)) {
        (void)ws_fail(err, WS_EINPUT, "it is not version %llu as the cell signed it",
            (unsigned long long)s->version);
        code = CTL_NO;
    }
    return code;
}

/* What a snapshot says beside its map the root does not bind: the frame is the genesis's, or places are elsewhere. */
static int check_frame(const struct net_command *d, struct ws_err *err) {
    const struct cell_frame *a = &d->held.map.frame;
    const struct cell_frame *b = &d->unit.frame;
    if (a->lat0 == b->lat0 && a->lon0 == b->lon0 && a->north == b->north && a->east == b->east)
        return CTL_DONE;
    (void)ws_fail(err, WS_EINPUT, "its frame is not that of the genesis");
    return CTL_NO;
}

static int write_files(const struct net_command *d, struct ws_err *err) {
    struct buf b = {0};
    int rc = WS_OK;
    if (d->out != NULL) {
        map_snapshot_encode(&d->held, &b);
        rc = file_write(d->out, buf_span(&b), 0644, err);
    }
    buf_clear(&b);
    if (rc == WS_OK && d->map != NULL) {
        mapset_encode(&d->held.map, &b);
        rc = file_write(d->map, buf_span(&b), 0644, err);
    }
    buf_free(&b);
    return rc == WS_OK ? CTL_DONE : CTL_UNREACHABLE;
}

/* ---- snapshot ---- */

static int fetch_snapshot(struct net_command *d, struct ws_err *err) {
    char path[64] = "/v1/map/snapshot";
    struct buf b = {0};
    if (d->version > 0)
        (void)snprintf(
            path, sizeof(path), "/v1/map/snapshot?version=%llu", (unsigned long long)d->version);
    int rc = ctl_http_get(d->unit.http, path, CTL_FILE_MAX, &b, err);
    if (rc == WS_OK)
        rc = map_snapshot_decode(buf_span(&b), &d->held, err);
    buf_free(&b);
    if (rc == WS_OK && d->version > 0 && d->held.version != d->version)
        rc = ws_fail(
            err, WS_EINPUT, "the unit sent version %llu", (unsigned long long)d->held.version);
    return ctl_map_code(rc);
}

static int tell_snapshot(const struct net_command *d) {
    if (d->json) {
        json_t *o =
            json_pack("{s:I, s:I, s:I, s:b}", "version", (json_int_t)d->held.version, "next",
                (json_int_t)d->held.version + 1, "elements", (json_int_t)d->held.map.n, "holds", 1);
        int code = ctl_print_json(d->unit.v, o);
        json_decref(o);
        return code;
    }
    struct buf b = {0};
    buf_printf(&b, "version %llu holds: %zu elements; version %llu comes next\n",
        (unsigned long long)d->held.version, d->held.map.n,
        (unsigned long long)d->held.version + 1);
    int code = ctl_print(d->unit.v, buf_span(&b));
    buf_free(&b);
    return code;
}

static int get_snapshot(struct net_command *d) {
    struct ws_err err = {0};
    int code = ctl_map_unit_open(&d->unit);
    if (code != CTL_DONE)
        return code;
    code = fetch_snapshot(d, &err);
    if (code == CTL_DONE)
        code = check_snapshot(d, &d->held, &err);
    if (code == CTL_DONE)
        code = check_frame(d, &err);
    if (code == CTL_DONE)
        code = write_files(d, &err);
    return code == CTL_DONE ? tell_snapshot(d) : ctl_fail(d->unit.v, (enum ctl_code)code, &err);
}

static void finish(struct net_command *d) {
    mapset_free(&d->held.map);
    json_decref(d->told);
    buf_free(&d->words);
    ctl_map_unit_close(&d->unit);
    free(d);
}

static int run_snapshot(const struct ctl_verb *v, int argc, char **argv) {
    struct net_command *d = ws_alloc(sizeof(*d));
    struct ctl_option options[CTL_MAP_UNIT_OPTIONS + 4] = {
        [CTL_MAP_UNIT_OPTIONS] = {"out", CTL_TEXT, (void *)&d->out, 0, 0},
        {"map", CTL_TEXT, (void *)&d->map, 0, 0},
        {"version", CTL_NUMBER, &d->version, 1, INT64_MAX},
        {"json", CTL_FLAG, &d->json, 0, 0}};
    int code;
    ctl_map_unit_options(&d->unit, v, options);
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code))
        code = d->out == NULL && d->map == NULL ? ctl_misuse(v, "--out or --map is needed")
                                                : get_snapshot(d);
    finish(d);
    return code;
}

const struct ctl_verb ctl_map_snapshot = {"map", "snapshot",
    "the whole map, checked, and which change comes next",
    "--out FILE --genesis FILE [options]\n"
    "\n"
    "Fetches the map from a unit and checks it: the base map against the genesis, a later version "
    "against what a quorum\n"
    "signed. `map net` leads the file to later versions; `map watch --snapshot FILE` begins "
    "behind it.\n"
    "\n"
    "  --out FILE          the snapshot: map, version, and what the next version will name\n"
    "  --map FILE.wmap     the map alone, for map export and map diff\n"
    "  --version V         the current one unless given\n" CTL_MAP_UNIT_USAGE
    "  --json              print JSON\n",
    run_snapshot};

/* ---- net ---- */

static void note_changes(struct net_command *d, const struct map_range *n) {
    for (size_t i = 0; i < n->n; i++) {
        const struct range_change *c = &n->changes[i];
        char words[CHANGE_WORDS_OCTETS];
        char id[33];
        range_change_describe(c, words, sizeof(words));
        hex_encode(id, c->element_id, sizeof(c->element_id));
        buf_printf(&d->words, "  - %s\n", words);
        (void)json_array_append_new(d->told,
            json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "op",
                c->tombstone ? "tombstone" : json_change_op(c->op), "kind",
                element_kind_name(c->kind), "element", id, "what", words, "first_version",
                (json_int_t)c->first_version, "last_version", (json_int_t)c->last_version));
    }
}

static int take_net(struct net_command *d, const struct map_range *n, struct ws_err *err) {
    struct map_snapshot *s = &d->held;
    if (n->from != s->version || (d->version > 0 && n->to != d->version)) {
        (void)ws_fail(err, WS_EINPUT, "the unit sent what leads from version %llu to %llu",
            (unsigned long long)n->from, (unsigned long long)n->to);
        return CTL_NO;
    }
    if (map_range_apply(n, &s->map, err) != WS_OK)
        return CTL_NO;
    s->version = n->to;
    memcpy(s->root, n->root, 32);
    memcpy(s->record, n->record, 32);
    int code = check_snapshot(d, s, err);
    if (code == CTL_DONE)
        note_changes(d, n);
    return code;
}

static int fetch_net(struct net_command *d, struct ws_err *err) {
    char path[128];
    struct buf b = {0};
    struct map_range net;
    int n = snprintf(path, sizeof(path), "/v1/map/net?format=octets&from=%llu",
        (unsigned long long)d->held.version);
    if (d->version > 0)
        (void)snprintf(
            path + n, sizeof(path) - (size_t)n, "&to=%llu", (unsigned long long)d->version);
    int rc = ctl_http_get(d->unit.http, path, CTL_FILE_MAX, &b, err);
    if (rc == WS_OK)
        rc = map_range_decode(buf_span(&b), &net, err);
    buf_free(&b);
    if (rc != WS_OK)
        return ctl_map_code(rc);
    int code = take_net(d, &net, err);
    map_range_free(&net);
    return code;
}

/* The current version, where none was asked for. A unit that says too much or too little is found out by the proof. */
static int current_version(struct net_command *d, uint64_t *ret, struct ws_err *err) {
    json_t *page = NULL;
    int rc = ctl_http_json(d->unit.http, "/v1/map/versions", &page, err);
    long long n = rc == WS_OK ? ctl_json_number(page, "current") : 0;
    *ret = n > 0 ? (uint64_t)n : 1;
    json_decref(page);
    return ctl_map_code(rc);
}

static int tell_net(const struct net_command *d) {
    if (d->json) {
        json_t *o = json_pack("{s:I, s:I, s:O, s:b}", "from", (json_int_t)d->from, "to",
            (json_int_t)d->held.version, "changes", d->told, "holds", 1);
        int code = ctl_print_json(d->unit.v, o);
        json_decref(o);
        return code;
    }
    struct buf b = {0};
    buf_printf(&b, "version %llu to %llu holds: %zu changes\n%.*s", (unsigned long long)d->from,
        (unsigned long long)d->held.version, json_array_size(d->told), (int)d->words.n,
        d->words.n == 0 ? "" : (const char *)d->words.p);
    int code = ctl_print(d->unit.v, buf_span(&b));
    buf_free(&b);
    return code;
}

static int get_net(struct net_command *d) {
    struct ws_err err = {0};
    int code = ctl_map_unit_open(&d->unit);
    if (code != CTL_DONE)
        return code;
    int rc = ctl_map_snapshot_load(d->file, &d->held, &err);
    code = ctl_map_code(rc);
    d->from = d->held.version;
    uint64_t current = d->version;
    if (code == CTL_DONE && d->version == 0)
        code = current_version(d, &current, &err);
    if (code == CTL_DONE && current < d->from) {
        (void)ws_fail(&err, WS_EINPUT, "%s has version %llu, the unit %llu", d->file,
            (unsigned long long)d->from, (unsigned long long)current);
        code = CTL_NO;
    }
    if (code == CTL_DONE && current > d->from)
        code = fetch_net(d, &err);
    if (code == CTL_DONE)
        code = write_files(d, &err);
    return code == CTL_DONE ? tell_net(d) : ctl_fail(d->unit.v, (enum ctl_code)code, &err);
}

static int run_net(const struct ctl_verb *v, int argc, char **argv) {
    struct net_command *d = ws_alloc(sizeof(*d));
    struct ctl_list words = {0};
    struct ctl_option options[CTL_MAP_UNIT_OPTIONS + 4] = {
        [CTL_MAP_UNIT_OPTIONS] = {"out", CTL_TEXT, (void *)&d->out, 0, 0},
        {"map", CTL_TEXT, (void *)&d->map, 0, 0},
        {"to", CTL_NUMBER, &d->version, 2, INT64_MAX},
        {"json", CTL_FLAG, &d->json, 0, 0}};
    int code;
    ctl_map_unit_options(&d->unit, v, options);
    d->told = json_array();
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code)) {
        d->file = words.v[0];
        code = get_net(d);
    }
    finish(d);
    return code;
}

const struct ctl_verb ctl_map_net = {"map", "net",
    "what leads from a map that is held to a later version",
    "SNAPSHOT --genesis FILE [options]\n"
    "\n"
    "SNAPSHOT is a file of `map snapshot`, or of this command. Asks a unit what has changed since, "
    "each element once:\n"
    "what came and went in between is told as such. The result must have the root that a quorum of "
    "the cell signed;\n"
    "else, or when the versions in between are no longer kept there, exit code 1.\n"
    "\n"
    "  --to V              the version to reach; the current one unless given\n"
    "  --out FILE          the map as it is then, as a snapshot\n"
    "  --map FILE.wmap     the map alone\n" CTL_MAP_UNIT_USAGE "  --json              print JSON\n",
    run_net};

/* rsuctl replay: captures through a whole cell in this process, on virtual time. */
#include "rsu/replay/replay.h"
#include "base/fileio.h"
#include "ledger/light/types.h"
#include "rsu/config/value.h"
#include "rsu/ctl/ctl.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { REPORT_MAX = 256U << 20 };

static int speed_of(const struct ctl_verb *v, const char *text, double *ret_speed) {
    uint64_t ppm;
    *ret_speed = 0;
    if (text == NULL || strcmp(text, "max") == 0)
        return CTL_DONE;
    if (!value_ppm(text, &ppm))
        return ctl_misuse(
            v, "--speed: '%.40s' is neither max nor a number from 0.001 to 1000", text);
    *ret_speed = (double)ppm / 1e6;
    return CTL_DONE;
}

/* "key: n" for each member, largest first would need a sort nobody asked for: in the report's order. */
static void put_counts(const json_t *object, const char *title, struct buf *b) {
    const char *key;
    json_t *value;
    bool first = true;
    json_object_foreach((json_t *)object, key, value) {
        if (json_integer_value(value) == 0)
            continue;
        buf_printf(b, "%s%s %lld", first ? title : ", ", key, (long long)json_integer_value(value));
        first = false;
    }
    if (!first)
        buf_printf(b, "\n");
}

static void put_versions(const json_t *list, struct buf *b) {
    size_t i;
    json_t *version;
    json_array_foreach(list, i, version) {
        size_t k;
        json_t *change;
        buf_printf(b, "version %lld at height %lld, %s\n",
            (long long)json_integer_value(json_object_get(version, "version")),
            (long long)json_integer_value(json_object_get(version, "height")),
            json_string_value(json_object_get(version, "time")));
        json_array_foreach(json_object_get(version, "changes"), k, change) {
            const char *what = json_string_value(json_object_get(change, "what"));
            buf_printf(b, "  %s\n", what == NULL ? "?" : what);
        }
    }
}

static void put_summary(
    const struct replay_summary *s, const json_t *report, const char *out, struct buf *b) {
    char hex[65];
    hex_encode(hex, s->final_block, 32);
    buf_printf(b, "frames: %llu, verified: %llu\n", (unsigned long long)s->frames,
        (unsigned long long)s->verified);
    put_counts(json_object_get(report, "frames_by_verdict"), "  by verdict: ", b);
    long long back = json_integer_value(json_object_get(report, "backward_stamps"));
    if (back > 0)
        buf_printf(b,
            "  stamped earlier than a frame before: %lld; captures are heard in the order given, "
            "and time does not go back\n",
            back);
    const json_t *p = json_object_get(report, "plausibility");
    buf_printf(b, "plausibility: %lld clean, %lld flagged, %lld with nothing to compare with\n",
        (long long)json_integer_value(json_object_get(p, "clean")),
        (long long)json_integer_value(json_object_get(p, "flagged")),
        (long long)json_integer_value(json_object_get(p, "unjudged")));
    put_counts(json_object_get(p, "flags"), "  by flag: ", b);
    buf_printf(b, "blocks: %llu with %llu transactions; map versions: %llu with %llu changes\n",
        (unsigned long long)s->blocks, (unsigned long long)s->txs, (unsigned long long)s->versions,
        (unsigned long long)s->changes);
    put_versions(json_object_get(report, "versions"), b);
    buf_printf(b,
        "final block: %s\nwritten to %s: report.html, report.json, frames.csv, events.csv, "
        "diffs.geojsonl, diffs.osc, genesis.bin, proofs/\n",
        hex, out);
}

/* The answer is there, of less than what was asked. */
static int tell_cuts(const struct ctl_verb *v, const struct ctl_list *names, const json_t *list) {
    size_t i;
    json_t *c;
    int code = CTL_DONE;
    json_array_foreach(list, i, c) {
        const char *why = json_string_value(json_object_get(c, "cut"));
        if (why == NULL || i >= names->n)
            continue;
        struct ws_err err;
        (void)ws_fail(&err, WS_EINPUT, "%s: %s; the %lld frames before that place were replayed",
            names->v[i], why, (long long)json_integer_value(json_object_get(c, "frames")));
        code = ctl_fail(v, CTL_UNREACHABLE, &err);
    }
    return code;
}

static int tell(const struct ctl_verb *v, const struct replay_summary *s,
    const struct ctl_list *captures, const char *out, bool json) {
    char path[PATH_MAX];
    struct ws_err err;
    struct buf text = {0};
    struct buf b = {0};
    (void)snprintf(path, sizeof(path), "%s/report.json", out);
    if (file_read(path, REPORT_MAX, &text, &err) != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    json_t *report = json_loadb((const char *)text.p, text.n, 0, NULL);
    if (json)
        buf_put(&b, text.p, text.n);
    else
        put_summary(s, report, out, &b);
    int code = ctl_print(v, buf_span(&b));
    if (code == CTL_DONE)
        code = tell_cuts(v, captures, json_object_get(report, "captures"));
    json_decref(report);
    buf_free(&text);
    buf_free(&b);
    return code;
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct ctl_list captures = {0};
    struct ctl_place origin = {0};
    struct ctl_place place = {0};
    uint64_t reach = 2000;
    const char *speed = NULL;
    uint64_t validators = 4;
    uint64_t freshness = 60;
    bool json = false;
    bool quiet = false;
    struct replay_options opt = {0};
    const struct ctl_option options[] = {
        {"map", CTL_TEXT, (void *)&opt.map, 0, 0},
        {"trust", CTL_TEXT, (void *)&opt.trust, 0, 0},
        {"revocations", CTL_TEXT, (void *)&opt.revocations, 0, 0},
        {"list-manager", CTL_TEXT, (void *)&opt.manager, 0, 0},
        {"policy", CTL_TEXT, (void *)&opt.policy, 0, 0},
        {"validators", CTL_NUMBER, &validators, 1, VALIDATORS_MAX},
        {"seed", CTL_NUMBER, &opt.seed, 0, UINT64_MAX},
        {"speed", CTL_TEXT, (void *)&speed, 0, 0},
        {"freshness", CTL_NUMBER, &freshness, 1, 86400},
        {"any-version", CTL_FLAG, &opt.any_version, 0, 0},
        {"origin", CTL_PLACE, &origin, 0, 0},
        {"place", CTL_PLACE, &place, 0, 0},
        {"reach", CTL_NUMBER, &reach, 1, 100000},
        {"out", CTL_TEXT, (void *)&opt.out, 0, 0},
        {"record", CTL_TEXT, (void *)&opt.record, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
        {"quiet", CTL_FLAG, &quiet, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &captures, 1, CTL_LIST_MAX, &code))
        return code;
    if (opt.map == NULL || opt.out == NULL)
        return ctl_misuse(v, "--map and --out are needed");
    if (opt.manager != NULL && opt.revocations == NULL)
        return ctl_misuse(v, "--list-manager: of no use without --revocations");
    for (size_t i = 0; i < captures.n; i++) {
        struct stat st;
        if (strcmp(captures.v[i], "-") == 0 ||
            (stat(captures.v[i], &st) == 0 && !S_ISREG(st.st_mode)))
            return ctl_misuse(
                v, "%.200s is no file; captures are read more than once", captures.v[i]);
    }
    code = speed_of(v, speed, &opt.speed);
    if (code != CTL_DONE)
        return code;
    opt.captures = captures.v;
    opt.n_captures = captures.n;
    opt.validators = (size_t)validators;
    opt.freshness_us = freshness * 1000000;
    opt.has_origin = origin.given;
    opt.lat0 = origin.lat;
    opt.lon0 = origin.lon;
    opt.has_place = place.given;
    opt.place_lat = place.lat;
    opt.place_lon = place.lon;
    opt.reach_m = (uint32_t)reach;
    opt.progress = quiet ? NULL : stderr;
    if (opt.trust == NULL && !quiet)
        (void)fprintf(
            stderr, "rsuctl replay: no --trust: no vehicle is believed, every chain is unknown\n");
    struct replay_summary s = {0};
    struct ws_err err = {0};
    if (replay_run(&opt, &s, &err) != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    return tell(v, &s, &captures, opt.out, json);
}

const struct ctl_verb ctl_replay = {"replay", NULL, "run captures through a cell in one process",
    "CAPTURE... --map MAP --out DIR [options]\n"
    "\n"
    "A whole cell in this process, on virtual time: the same inputs give the same octets and the "
    "same final\n"
    "block, on any machine. Time is the captures' own. Writes frames.csv, events.csv, "
    "diffs.geojsonl,\n"
    "diffs.osc, genesis.bin, proofs/, report.json and report.html to DIR. A capture that ends "
    "inside a record or\n"
    "is damaged is replayed up to there: the report says where, and the exit code is 3.\n"
    "\n"
    "  --map MAP           the map as registered: Lanelet2, OpenDRIVE or .wmap\n"
    "  --origin LAT,LON    place of (0,0) of a map with local coordinates only\n"
    "  --place LAT,LON     of the antenna that heard the captures, for plausibility; not judged "
    "without\n"
    "  --reach METRES      how far it hears; 2000 unless given\n"
    "  --trust PATH        certificates of the vehicles' roots and issuing authorities; nobody is\n"
    "                      believed without\n"
    "  --revocations DIR   signed lists: revocations of both kinds, trust lists; certificates of "
    "their signers\n"
    "  --list-manager FILE certificate of the manager whose trust lists may add roots\n"
    "  --policy P.lua      the region's policy; the urban one unless given\n"
    "  --validators N      1 to 64; 4 unless given\n"
    "  --seed S            of the validators' keys; 0 unless given\n"
    "  --record FILE       every frame with its verdict as comment, pcapng\n"
    "  --speed X|max       a multiple of real time; max unless given\n"
    "  --freshness SECONDS oldest message accepted; 60 unless given\n"
    "  --any-version       the vehicles' map versions are those of the cell that the captures are "
    "from: take\n"
    "                      observations that name one which is not there yet\n"
    "  --out DIR           made when missing\n"
    "  --quiet             no progress on standard error\n"
    "  --json              print the report as JSON\n",
    run};

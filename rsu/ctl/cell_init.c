/* rsuctl cell init: a whole cell on one machine, from a map to files that rsud starts from. */
#include "rsu/ctl/ctl.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/policy/table.h"
#include "rsu/cell/cell.h"
#include "rsu/cell/cell_plan.h"
#include "rsu/config/value.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct init {
    const struct ctl_verb *v;
    /* options */
    const char *out, *map_file, *name, *policy, *trust_dir, *rate, *epoch;
    uint64_t validators, authorities, quorum, committee_quorum, map_quorum, base_port, http_port,
        interval_ms, margin_m, seed;
    struct ctl_list captures;
    struct ctl_place origin;
    bool json;
    bool has_seed;
    /* made from them */
    struct mapset map;
    struct map_report report;
    struct trust_files trust;
    struct buf policy_script;
    char policy_name[POLICY_NAME_MAX + 1];
    char *capture[CTL_LIST_MAX];
    struct cell_plan plan;
};

static int check_options(struct init *o) {
    struct cell_plan *p = &o->plan;
    if (o->out == NULL || o->map_file == NULL)
        return ctl_misuse(o->v, "--out and --map are needed");
    if (strlen(o->name) > NAME_MAX_OCTETS)
        return ctl_misuse(o->v, "--name: longer than %d octets", NAME_MAX_OCTETS);
    if ((o->rate == NULL) != (o->epoch == NULL))
        return ctl_misuse(o->v, "--clock-rate and --clock-epoch go together");
    p->clock.kind = o->rate == NULL ? WS_CLOCK_SYSTEM : WS_CLOCK_SCALED;
    if (o->rate != NULL && !value_ppm(o->rate, &p->clock.rate_ppm))
        return ctl_misuse(
            o->v, "--clock-rate: '%.40s' is not a number from 0.001 to 1000", o->rate);
    if (o->epoch != NULL && !value_time(o->epoch, &p->clock.epoch_its_us))
        return ctl_misuse(o->v,
            "--clock-epoch: '%.40s' is neither a time like 2026-11-21T09:30:00Z nor microseconds "
            "since "
            "2004",
            o->epoch);
    if (p->clock.kind == WS_CLOCK_SCALED && p->clock.epoch_its_us <= 1000000)
        return ctl_misuse(o->v, "--clock-epoch: too early");
    if (o->quorum > o->authorities)
        return ctl_misuse(o->v, "--policy-quorum: %llu of %llu authorities can never agree",
            (unsigned long long)o->quorum, (unsigned long long)o->authorities);
    if (o->committee_quorum > o->authorities)
        return ctl_misuse(o->v, "--committee-quorum: %llu of %llu authorities can never agree",
            (unsigned long long)o->committee_quorum, (unsigned long long)o->authorities);
    if (o->map_quorum > o->authorities)
        return ctl_misuse(o->v, "--map-quorum: %llu of %llu authorities can never agree",
            (unsigned long long)o->map_quorum, (unsigned long long)o->authorities);
    uint64_t far =
        o->base_port > o->http_port ? o->base_port - o->http_port : o->http_port - o->base_port;
    if (o->base_port + o->validators > 65536 || o->http_port + o->validators > 65536 ||
        far < o->validators)
        return ctl_misuse(o->v,
            "--base-port and --http-port: %llu ports from each on must exist and not "
            "meet",
            (unsigned long long)o->validators);
    p->out = o->out;
    p->base_port = (unsigned)o->base_port;
    p->http_port = (unsigned)o->http_port;
    return CTL_DONE;
}

/* The file's name without folder and ending. */
static int name_policy(struct init *o, struct ws_err *err) {
    if (o->policy == NULL) {
        (void)snprintf(o->policy_name, sizeof(o->policy_name), "%s", founding_policy_name);
        return WS_OK;
    }
    const char *stem = strrchr(o->policy, '/');
    stem = stem == NULL ? o->policy : stem + 1;
    size_t n = strlen(stem);
    if (n > 4 && strcmp(stem + n - 4, ".lua") == 0)
        n -= 4;
    if (!policy_name_ok(span_of(stem, n)))
        return ws_fail(err, WS_EINPUT,
            "%s: a policy is called after its file: 1 to %d of a-z 0-9 . _ -", o->policy,
            POLICY_NAME_MAX);
    memcpy(o->policy_name, stem, n);
    o->policy_name[n] = '\0';
    return file_read(o->policy, cell_policy_limits()->source, &o->policy_script, err);
}

static int load(struct init *o, struct ws_err *err) {
    struct map_import_options how = {
        .has_origin = o->origin.given, .lat0 = o->origin.lat, .lon0 = o->origin.lon};
    int rc = map_import(o->map_file, &how, &o->map, &o->report, err);
    if (rc == WS_OK && o->trust_dir != NULL)
        rc = trust_files_load(o->trust_dir, TRUST_ROOTS_MAX, &o->trust, err);
    if (rc == WS_OK)
        rc = name_policy(o, err);
    for (size_t i = 0; i < o->captures.n && rc == WS_OK; i++) {
        o->capture[i] = realpath(o->captures.v[i], NULL);
        if (o->capture[i] == NULL)
            rc = ws_fail(err, WS_ENOTFOUND, "%s: %s", o->captures.v[i], strerror(errno));
    }
    return rc;
}

static int found(struct init *o, struct ws_err *err) {
    struct cell_plan *p = &o->plan;
    struct founding *f = &p->founding;
    struct ws_random random = o->has_seed ? ws_random_seeded(o->seed) : ws_random_system();
    f->name = o->name;
    f->time = p->clock.kind == WS_CLOCK_SCALED ? p->clock.epoch_its_us - 1000000
                                               : ws_clock_now(&p->clock).its_us - 1000000;
    f->trust = &o->trust;
    f->policy_name = o->policy_name;
    f->policy_script = o->policy == NULL ? founding_policy_script() : buf_span(&o->policy_script);
    f->map = &o->map;
    f->margin_m = (uint32_t)o->margin_m;
    f->params = cell_params_default();
    if (o->interval_ms > 0) {
        f->params.block_interval_us = o->interval_ms * 1000;
        if (f->params.block_min_us > f->params.block_interval_us)
            f->params.block_min_us = f->params.block_interval_us;
    }
    if (p->clock.kind == WS_CLOCK_SCALED)
        cell_plan_stretch(&f->params, p->clock.rate_ppm);
    p->captures = o->capture;
    p->n_captures = o->captures.n;
    int rc = cell_plan_draw_keys(
        p, (size_t)o->validators, (size_t)o->authorities, (uint8_t)o->quorum, &random, err);
    if (o->committee_quorum != 0)
        f->quorum[ROLE_COMMITTEE - 1] = (uint8_t)o->committee_quorum;
    if (o->map_quorum != 0)
        f->quorum[ROLE_MAP - 1] = (uint8_t)o->map_quorum;
    return rc == WS_OK ? founding_genesis(f, &p->genesis, err) : rc;
}

/* NULL when a path is no UTF-8: then there is no JSON for it. */
static json_t *summary(const struct init *o, const char *fingerprint, const char *warning) {
    const struct cell_plan *p = &o->plan;
    json_t *units = json_array();
    for (size_t i = 0; i < p->founding.validators.n; i++) {
        char path[PATH_MAX];
        char listen[32];
        char address[65];
        (void)snprintf(path, sizeof(path), "%s/rsu%zu/rsud.yaml", p->out, i + 1);
        (void)snprintf(listen, sizeof(listen), "127.0.0.1:%u", p->http_port + (unsigned)i);
        hex_encode(address, p->founding.validators.v[i].address, 32);
        (void)json_array_append_new(
            units, json_pack("{s:s, s:s, s:s, s:s}", "name", p->founding.validators.v[i].owner,
                       "address", address, "config", path, "http", listen));
    }
    return json_pack("{s:s, s:I, s:I, s:I, s:s, s:s*, s:o}", "fingerprint", fingerprint,
        "map_elements", (json_int_t)o->map.n, "map_notes", (json_int_t)o->report.notes,
        "trust_certificates", (json_int_t)o->trust.n, "policy", o->policy_name, "warning",
        warning[0] == '\0' ? NULL : warning, "validators", units);
}

static int tell(const struct init *o, const char *warning) {
    const struct cell_plan *p = &o->plan;
    hash32 id;
    char hex[65];
    genesis_cell_id(exec_sha256, buf_span(&p->genesis), id);
    hex_encode(hex, id, 32);
    struct buf b = {0};
    if (o->json) {
        json_t *j = summary(o, hex, warning);
        int code = ctl_print_json(o->v, j);
        json_decref(j);
        return code;
    }
    buf_printf(&b, "map: %zu elements from %s\n", o->map.n, o->map_file);
    buf_printf(&b, "trust: %zu certificates%s\n", o->trust.n,
        o->trust.n == 0 ? "; no vehicle is believed (--trust)" : "");
    buf_printf(&b, "policy: %s\n", o->policy_name);
    for (size_t i = 0; i < p->founding.validators.n; i++)
        buf_printf(&b, "unit: %s/rsu%zu/rsud.yaml, HTTP on 127.0.0.1:%u\n", p->out, i + 1,
            p->http_port + (unsigned)i);
    if (warning[0] != '\0')
        buf_printf(&b, "note: %s\n", warning);
    buf_printf(&b, "genesis fingerprint: %s\n", hex);
    int code = ctl_print(o->v, buf_span(&b));
    buf_free(&b);
    return code;
}

static void clear(struct init *o) {
    for (size_t i = 0; i < o->captures.n; i++)
        free(o->capture[i]);
    mapset_free(&o->map);
    trust_files_free(&o->trust);
    buf_free(&o->policy_script);
    cell_plan_wipe(&o->plan);
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct init *o = ws_alloc(sizeof(*o));
    *o = (struct init){.v = v,
        .name = "cell",
        .validators = 4,
        .authorities = 1,
        .quorum = 1,
        .base_port = 7100,
        .http_port = 8100,
        .margin_m = 2000,
        .seed = UINT64_MAX};
    const struct ctl_option options[] = {
        {"out", CTL_TEXT, (void *)&o->out, 0, 0},
        {"map", CTL_TEXT, (void *)&o->map_file, 0, 0},
        {"validators", CTL_NUMBER, &o->validators, 1, VALIDATORS_MAX},
        {"name", CTL_TEXT, (void *)&o->name, 0, 0},
        {"policy", CTL_TEXT, (void *)&o->policy, 0, 0},
        {"trust", CTL_TEXT, (void *)&o->trust_dir, 0, 0},
        {"authorities", CTL_NUMBER, &o->authorities, 1, AUTHORITIES_MAX},
        {"policy-quorum", CTL_NUMBER, &o->quorum, 1, AUTHORITIES_MAX},
        {"committee-quorum", CTL_NUMBER, &o->committee_quorum, 1, AUTHORITIES_MAX},
        {"map-quorum", CTL_NUMBER, &o->map_quorum, 1, AUTHORITIES_MAX},
        {"base-port", CTL_NUMBER, &o->base_port, 1, 65535},
        {"http-port", CTL_NUMBER, &o->http_port, 1, 65535},
        {"clock-rate", CTL_TEXT, (void *)&o->rate, 0, 0},
        {"clock-epoch", CTL_TEXT, (void *)&o->epoch, 0, 0},
        {"capture", CTL_LIST, &o->captures, 0, 0},
        {"block-interval-ms", CTL_NUMBER, &o->interval_ms, 1, 60000},
        {"margin-m", CTL_NUMBER, &o->margin_m, 0, 1000000},
        {"origin", CTL_PLACE, &o->origin, 0, 0},
        {"seed", CTL_NUMBER, &o->seed, 0, INT64_MAX},
        {"json", CTL_FLAG, &o->json, 0, 0},
    };
    int code;
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code))
        code = check_options(o);
    else {
        free(o);
        return code;
    }
    struct ws_err err = {0};
    char warning[256];
    o->has_seed = o->seed != UINT64_MAX;
    if (code == CTL_DONE && (load(o, &err) != WS_OK || found(o, &err) != WS_OK))
        code = ctl_fail(v, CTL_UNREACHABLE, &err);
    else if (code == CTL_DONE && cell_plan_write(&o->plan, warning, sizeof(warning), &err) != WS_OK)
        code = ctl_fail(v, err.code == WS_EEXIST ? CTL_NO : CTL_UNREACHABLE, &err);
    else if (code == CTL_DONE)
        code = tell(o, warning);
    clear(o);
    free(o);
    return code;
}

const struct ctl_verb ctl_cell_init = {"cell", "init", "found a cell on this machine",
    "--out DIR --map FILE [options]\n"
    "\n"
    "Imports the map, makes keys, writes the genesis and, for each unit, a folder that rsud starts "
    "from:\n"
    "DIR/genesis.bin, DIR/base.wmap, DIR/rsuN/rsud.yaml, DIR/authority/N.key. Prints the "
    "fingerprint\n"
    "of the genesis: keep it where the units cannot change it.\n"
    "\n"
    "  --out DIR               new folder; nothing is written over\n"
    "  --map FILE              Lanelet2, OpenDRIVE or .wmap\n"
    "  --origin LAT,LON        place of (0,0) of a map with local coordinates only\n"
    "  --validators N          1 to 64; 4 unless given\n"
    "  --name NAME             of the cell\n"
    "  --trust PATH            certificates of the vehicles' roots and issuing authorities, file "
    "or folder\n"
    "  --policy FILE.lua       the region's policy; the urban one unless given\n"
    "  --authorities N         1 to 16; 1 unless given\n"
    "  --policy-quorum N       how many of them deploy a policy; 1 unless given\n"
    "  --committee-quorum N    how many of them change validators and parameters; as many unless "
    "given\n"
    "  --map-quorum N          how many of them order changes of the map; as many unless given\n"
    "  --margin-m N            region: the map and this many metres around; 2000 unless given, 0: "
    "no bound\n"
    "  --block-interval-ms N   an empty block is cut after this long\n"
    "  --base-port N           links between the units, 7100 on unless given\n"
    "  --http-port N           HTTP, 8100 on unless given\n"
    "  --clock-rate R          cell time runs R times as fast, from --clock-epoch on,\n"
    "  --clock-epoch TIME      starting 4 seconds after this command\n"
    "  --capture FILE          every unit hears this capture, paced by the cell clock; may be "
    "given again\n"
    "  --seed S                keys from a number: for tests only, they protect nothing\n"
    "  --json                  print JSON\n",
    run};

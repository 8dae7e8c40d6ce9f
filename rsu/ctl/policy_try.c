/* rsuctl policy try: what another policy would have made of captures, beside the one in force. */
#include "rsu/replay/policy_try.h"
#include "rsu/ctl/ctl.h"
#include "rsu/ctl/http.h"
#include "rsu/json/base.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/policy/body.h"
#include "rsu/cell/cell.h"
#include "rsu/cell/founding.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct asked {
    const char *policy, *against, *genesis;
    struct ctl_face http;
    struct ctl_list captures;
    struct ctl_place origin;
    uint64_t validators, freshness;
    bool json, quiet;
    struct replay_options opt;
    struct try_policy in_force, tried;
    char name[POLICY_NAME_MAX + 1]; /* of the policy in force, where it is not a file's */
};

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* ---- where policies come from ---- */

/* "in_force" or "tried" as the report has it. */
static int refuse(const struct ctl_verb *v, const struct asked *a, const char *which,
    const struct try_policy *p, const struct ws_err *err) {
    if (!a->json)
        return ctl_fail(v, CTL_NO, err);
    const struct policy_limits *limits = cell_policy_limits();
    json_t *o = json_object();
    json_t *why = json_object();
    json_put(why, "policy", json_string(which));
    json_put(why, "error", json_words(span_of(err->text, strlen(err->text))));
    json_put(why, "steps", json_count(p->usage.steps));
    json_put(why, "steps_max", json_count(limits->steps));
    json_put(why, "memory", json_count(p->usage.memory));
    json_put(why, "memory_max", json_count(limits->memory));
    json_put(o, "format", json_string("wayside-policy-try-1"));
    json_put(o, "refused", why);
    int code = ctl_print_json(v, o);
    json_decref(o);
    return code == CTL_DONE ? CTL_NO : code;
}

static int from_file(const struct ctl_verb *v, const struct asked *a, const char *which,
    const char *path, struct try_policy *p) {
    struct ws_err err = {0};
    p->name = file_name(path);
    p->source = path;
    /* One octet more than may be, so that the refusal is the host's own. */
    int rc = file_read(path, (size_t)cell_policy_limits()->source + 1, &p->script, &err);
    if (rc == WS_ELIMIT)
        return refuse(v, a, which, p, &err);
    return rc == WS_OK ? CTL_DONE : ctl_fail(v, CTL_UNREACHABLE, &err);
}

static int from_genesis(const struct ctl_verb *v, struct asked *a, struct ws_err *err) {
    struct ctl_genesis g;
    struct policy_body body;
    int code = ctl_genesis_load(v, a->genesis, NULL, &g);
    int rc = WS_OK;
    if (code == CTL_DONE) {
        rc = policy_body_read(g.g.policy, cell_policy_limits(), &body, err);
        if (rc != WS_OK)
            code = ctl_fail(v, CTL_UNREACHABLE, err);
    }
    if (code == CTL_DONE) {
        memcpy(a->name, body.name.p, body.name.n);
        buf_put(&a->in_force.script, body.script.p, body.script.n);
        a->in_force.name = a->name;
        a->in_force.source = "the first policy of the cell, from its genesis";
    }
    ctl_genesis_free(&g);
    return code;
}

static int from_unit(const struct ctl_verb *v, struct asked *a, struct ws_err *err) {
    struct ctl_http *h = NULL;
    json_t *page = NULL;
    int rc = ctl_http_open(&a->http, &h, err);
    if (rc == WS_OK)
        rc = ctl_http_json_most(h, "/v1/policies", CTL_POLICIES_MAX, &page, err);
    ctl_http_close(h);
    const json_t *policy = json_object_get(page, "current");
    const json_t *script = json_object_get(policy, "script");
    const char *name = ctl_json_text(policy, "name");
    if (rc == WS_OK && (!json_is_string(script) || !policy_name_ok(span_of(name, strlen(name)))))
        rc =
            ws_fail(err, WS_EIO, "%s: its answer to /v1/policies holds no policy", a->http.address);
    if (rc == WS_OK) {
        (void)snprintf(a->name, sizeof(a->name), "%s", name);
        buf_put(&a->in_force.script, json_string_value(script), json_string_length(script));
        a->in_force.name = a->name;
        a->in_force.source = "in force where --http says";
    }
    json_decref(page);
    return rc == WS_OK ? CTL_DONE : ctl_fail(v, CTL_UNREACHABLE, err);
}

static int load_in_force(const struct ctl_verb *v, struct asked *a) {
    struct ws_err err = {0};
    if (a->genesis != NULL)
        return from_genesis(v, a, &err);
    if (a->http.address != NULL)
        return from_unit(v, a, &err);
    if (a->against != NULL)
        return from_file(v, a, "in_force", a->against, &a->in_force);
    struct span script = founding_policy_script();
    buf_put(&a->in_force.script, script.p, script.n);
    a->in_force.name = founding_policy_name;
    a->in_force.source = "the one that comes with the appliance";
    return CTL_DONE;
}

/* ---- the answer ---- */

/* The answer is there, of less than what was asked. */
static int tell_cuts(const struct ctl_verb *v, const struct asked *a, const json_t *list) {
    size_t i;
    json_t *c;
    int code = CTL_DONE;
    json_array_foreach(list, i, c) {
        const char *why = json_string_value(json_object_get(c, "cut"));
        if (why == NULL)
            continue;
        struct ws_err err;
        (void)ws_fail(&err, WS_EINPUT, "%s: %s; only the frames before that place took part",
            a->captures.v[i], why);
        code = ctl_fail(v, CTL_UNREACHABLE, &err);
    }
    return code;
}

static int tell(const struct ctl_verb *v, const struct asked *a, const json_t *report) {
    struct buf b = {0};
    int code;
    if (a->json) {
        code = ctl_print_json(v, report);
    } else {
        policy_try_text(report, &b);
        code = ctl_print(v, buf_span(&b));
    }
    buf_free(&b);
    return code == CTL_DONE ? tell_cuts(v, a, json_object_get(report, "captures")) : code;
}

static int try_it(const struct ctl_verb *v, struct asked *a) {
    struct ws_err err = {0};
    json_t *report = NULL;
    int code = load_in_force(v, a);
    if (code != CTL_DONE)
        return code;
    code = from_file(v, a, "tried", a->policy, &a->tried);
    if (code != CTL_DONE)
        return code;
    if (try_check(&a->tried, &err) != WS_OK)
        return refuse(v, a, "tried", &a->tried, &err);
    if (try_check(&a->in_force, &err) != WS_OK)
        return refuse(v, a, "in_force", &a->in_force, &err);
    if (policy_try(&a->opt, &a->in_force, &a->tried, &report, &err) != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    code = tell(v, a, report);
    json_decref(report);
    return code;
}

/* ---- the command line ---- */

static int check(const struct ctl_verb *v, const struct asked *a) {
    int sources = (a->against != NULL) + (a->genesis != NULL) + (a->http.address != NULL);
    if (a->opt.map == NULL || a->policy == NULL)
        return ctl_misuse(v, "--map and --policy are needed");
    if (sources > 1)
        return ctl_misuse(
            v, "--against, --genesis and --http each name the policy in force: give one");
    if (a->opt.manager != NULL && a->opt.revocations == NULL)
        return ctl_misuse(v, "--list-manager: of no use without --revocations");
    for (size_t i = 0; i < a->captures.n; i++) {
        struct stat st;
        if (strcmp(a->captures.v[i], "-") == 0 ||
            (stat(a->captures.v[i], &st) == 0 && !S_ISREG(st.st_mode)))
            return ctl_misuse(
                v, "%.200s is no file; captures are read more than once", a->captures.v[i]);
    }
    return CTL_DONE;
}

static int run_asked(const struct ctl_verb *v, int argc, char **argv, struct asked *a) {
    const struct ctl_option options[] = {
        {"map", CTL_TEXT, (void *)&a->opt.map, 0, 0},
        {"policy", CTL_TEXT, (void *)&a->policy, 0, 0},
        {"against", CTL_TEXT, (void *)&a->against, 0, 0},
        {"genesis", CTL_TEXT, (void *)&a->genesis, 0, 0},
        {"http", CTL_FACE, &a->http, 0, 0},
        {"trust", CTL_TEXT, (void *)&a->opt.trust, 0, 0},
        {"revocations", CTL_TEXT, (void *)&a->opt.revocations, 0, 0},
        {"list-manager", CTL_TEXT, (void *)&a->opt.manager, 0, 0},
        {"validators", CTL_NUMBER, &a->validators, 1, VALIDATORS_MAX},
        {"seed", CTL_NUMBER, &a->opt.seed, 0, UINT64_MAX},
        {"freshness", CTL_NUMBER, &a->freshness, 1, 86400},
        {"origin", CTL_PLACE, &a->origin, 0, 0},
        {"json", CTL_FLAG, &a->json, 0, 0},
        {"quiet", CTL_FLAG, &a->quiet, 0, 0},
    };
    int code;
    if (!ctl_options(
            v, argc, argv, options, ARRAY_LEN(options), &a->captures, 1, CTL_LIST_MAX, &code))
        return code;
    code = check(v, a);
    if (code != CTL_DONE)
        return code;
    a->opt.captures = a->captures.v;
    a->opt.n_captures = a->captures.n;
    a->opt.validators = (size_t)a->validators;
    a->opt.any_version = true;
    a->opt.freshness_us = a->freshness * 1000000;
    a->opt.has_origin = a->origin.given;
    a->opt.lat0 = a->origin.lat;
    a->opt.lon0 = a->origin.lon;
    a->opt.progress = a->quiet ? NULL : stderr;
    if (a->opt.trust == NULL && !a->quiet)
        (void)fprintf(stderr,
            "rsuctl policy try: no --trust: no vehicle is believed, every chain is unknown\n");
    return try_it(v, a);
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct asked *a = ws_alloc(sizeof(*a));
    a->validators = 4;
    a->freshness = 60;
    int code = run_asked(v, argc, argv, a);
    try_policy_free(&a->in_force);
    try_policy_free(&a->tried);
    free(a);
    return code;
}

const struct ctl_verb ctl_policy_try = {"policy", "try",
    "what another policy would have made of captures",
    "CAPTURE... --map MAP --policy P2.lua [options]\n"
    "\n"
    "Runs captures through a cell as replay does and executes every block twice: under the policy "
    "in force and under\n"
    "P2. Side by side: what each announces and confirms, when, on what evidence, and what it lacks "
    "otherwise. Frames\n"
    "are decoded once and both see the same blocks, so what differs is the policies' doing. The "
    "same inputs give the\n"
    "same answer. Exit code 1: a policy is refused, with the line or the field; 3: an input cannot "
    "be read, or not to\n"
    "its end (then the answer is about what stands before that place).\n"
    "\n"
    "  --map MAP           the map as registered: Lanelet2, OpenDRIVE, TN-ITS or .wmap\n"
    "  --origin LAT,LON    place of (0,0) of a map with local coordinates only\n"
    "  --policy P2.lua     the policy to be tried\n"
    "  --against P1.lua    the policy in force; the urban one that comes with the appliance unless "
    "one of these is given\n"
    "  --genesis FILE      the policy with which the cell was founded\n"
    "  --http ADDR         the policy in force at this unit: HOST:PORT or unix:PATH\n"
    "  --trust PATH        certificates of the vehicles' roots and issuing authorities; nobody is\n"
    "                      believed without\n"
    "  --revocations DIR   signed lists: revocations of both kinds, trust lists; certificates of "
    "their signers\n"
    "  --list-manager FILE certificate of the manager whose trust lists may add roots\n"
    "  --validators N      1 to 64; 4 unless given\n"
    "  --seed S            of the validators' keys; 0 unless given\n"
    "  --freshness SECONDS oldest message accepted; 60 unless given\n"
    "  --quiet             no progress on standard error\n"
    "  --json              print JSON\n",
    run};

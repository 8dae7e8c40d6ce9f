/* rsuctl model round: what became of a round, as a unit tells it. */
#include "base/mem.h"
#include "fedlearn/round/judge.h"
#include "fedlearn/round/roots.h"
#include "rsu/config/value.h"
#include "rsu/ctl/http.h"
#include "rsu/ctl/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *in(const json_t *o, const char *key) {
    return json_object_get(o, key);
}

static const char *yes(const json_t *o, const char *key) {
    return json_is_true(in(o, key)) ? "yes" : "no";
}

/* ---- one round ---- */

static void put_times(const json_t *r, struct buf *b) {
    buf_printf(b, "begun:      %s\n", ctl_json_text(r, "begun"));
    if (json_is_string(in(r, "ended")))
        buf_printf(b, "ended:      %s\n", ctl_json_text(r, "ended"));
}

/* What a unit says of the cell now, beside the round: the pages /v1/learning and /v1/status, NULL where it does not say. */
struct present {
    json_t *learning, *status;
    bool is_last; /* the round that was asked for */
};

enum { SILENT_S = 10 };

/* Phases end with a block: a time that is over says nothing where none is made. */
static void put_standstill(const struct present *p, const json_t *now, struct buf *b) {
    const json_t *block = in(p->status, "block");
    const long long age_s = (long long)json_number_value(in(block, "age_s"));
    const long long now_us = ctl_json_number(p->learning, "time_its_us") + age_s * 1000000;
    if (age_s >= SILENT_S && now_us > ctl_json_number(now, "until_its_us"))
        buf_printf(b,
            "            that time is over, but the cell makes no blocks: the last one, %lld, is "
            "%lld s old\n",
            ctl_json_number(block, "height"), age_s);
}

/* Vehicles that a round needs, for a draw and for groups enough. */
static long long needed(const json_t *rules) {
    const long long draw = 2 * ctl_json_number(rules, "group_min");
    const long long step = ctl_json_number(rules, "min_groups") * ctl_json_number(rules, "group");
    return draw > step ? draw : step;
}

static void put_needed(const json_t *r, struct buf *b) {
    const json_t *rules = in(r, "rules");
    if (strcmp(ctl_json_text(r, "reason"), "too_few_submissions") != 0 || !json_is_object(rules))
        return;
    buf_printf(b,
        "needed:     %lld vehicles: 2 x %lld (group_min) for a draw, and for a step %lld x %lld "
        "(min_groups x group), without suspects\n",
        needed(rules), ctl_json_number(rules, "group_min"), ctl_json_number(rules, "min_groups"),
        ctl_json_number(rules, "group"));
}

/* Of the round that is on. */
static void put_open(
    const struct present *p, const json_t *rules, const json_t *now, struct buf *b) {
    if (!json_is_object(now))
        return;
    buf_printf(
        b, "phase:      %s, until %s\n", ctl_json_text(now, "phase"), ctl_json_text(now, "until"));
    put_standstill(p, now, b);
    buf_printf(b, "submitted:  %lld vehicles; %lld are needed", ctl_json_number(now, "submissions"),
        needed(rules));
    if (ctl_json_number(now, "included") > 0)
        buf_printf(b, ", %lld included", ctl_json_number(now, "included"));
    buf_printf(b, "\nmembers:    %lld attested, %lld outcomes; %lld of %lld groups opened\n",
        ctl_json_number(now, "attested"), ctl_json_number(now, "outcomes"),
        ctl_json_number(now, "opened"), ctl_json_number(now, "groups"));
}

/* Of the last round, when it is over: why none follows, as far as the cell says another reason than this one's. */
static void put_idle(const json_t *r, const struct present *p, struct buf *b) {
    const char *why = json_string_value(in(p->learning, "why"));
    if (!p->is_last || json_is_object(in(p->learning, "round")))
        return;
    buf_printf(b, "now:        no round is on");
    if (why != NULL && strcmp(why, ctl_json_text(r, "reason")) != 0)
        buf_printf(b, ", and none begins: %s%s", why,
            strcmp(why, "no_model") == 0 ? " (no model is in force)" : "");
    buf_printf(b, "\n");
}

static void put_models(const json_t *r, struct buf *b) {
    const json_t *before = in(r, "model_before");
    const json_t *after = in(r, "model_after");
    buf_printf(b, "model:      %s, version %lld, %s\n", ctl_json_text(before, "name"),
        ctl_json_number(before, "version"), ctl_json_text(before, "hash"));
    if (!json_is_object(after))
        return;
    if (ctl_json_number(after, "version") == ctl_json_number(before, "version"))
        buf_printf(b, "after it:   the same\n");
    else
        buf_printf(b, "after it:   version %lld, %s\n", ctl_json_number(after, "version"),
            ctl_json_text(after, "hash"));
}

static void put_root_set(const json_t *r, struct buf *b) {
    if (json_is_null(in(r, "root_set")))
        buf_printf(b, "root set:   none: nothing is tried, nothing vetoed\n");
}

/* A class by its number, which is what safety_classes counts; with its name where the model is known. */
static void put_class(const json_t *names, size_t class, struct buf *b) {
    const char *name = json_string_value(json_array_get(names, class));
    buf_printf(b, "class %zu", class);
    if (name != NULL)
        buf_printf(b, " \"%s\"", name);
}

static void put_vetoes(
    const json_t *outcome, const json_t *rules, const json_t *names, struct buf *b) {
    size_t i;
    const json_t *x;
    json_array_foreach(in(outcome, "vetoed_by"), i, x) {
        const char *bound = ctl_json_text(x, "bound");
        const bool total = strcmp(bound, "veto_total_ppm") == 0;
        const long long rows = ctl_json_number(x, "rows");
        const long long right = ctl_json_number(x, total ? "right_best" : "right_before");
        const long long after = ctl_json_number(x, "right_after");
        buf_printf(b, "veto:       ");
        put_class(names, (size_t)ctl_json_number(x, "class"), b);
        buf_printf(b,
            ": of %lld rows %lld right %s, %lld after it: %lld lost, and %s allows %lld\n", rows,
            right, total ? "by the best model since the order" : "before the step", after,
            right - after, bound, rows * ctl_json_number(rules, bound) / 1000000);
    }
}

/* free_groups: those behind them are of suspects. */
static void put_groups(
    const json_t *outcome, const json_t *rules, long long free_groups, struct buf *b) {
    size_t i;
    const json_t *g;
    buf_printf(b, "groups:\n  %5s  %-10s %-7s %16s %12s %10s\n", "group", "verdict", "clipped",
        "residual", "norm", "distance");
    json_array_foreach(in(outcome, "groups"), i, g)
        buf_printf(b, "  %5zu  %-10s %-7s %16lld %12lld %10.1f%s\n", i, ctl_json_text(g, "verdict"),
            yes(g, "clipped"), ctl_json_number(g, "residual"), ctl_json_number(g, "norm"),
            (double)ctl_json_number(g, "distance") / 4096,
            (long long)i < free_groups ? "" : "  of suspects: moves nothing");
    buf_printf(b, "step:       %s", yes(outcome, "step"));
    if (json_is_true(in(outcome, "step")))
        buf_printf(b, ", of %lld groups with %lld vehicles, norm %.6f%s",
            ctl_json_number(outcome, "groups_in_step"),
            ctl_json_number(outcome, "vehicles_in_step"),
            (double)ctl_json_number(outcome, "step_norm_q20") / (1 << 20),
            json_is_true(in(outcome, "vetoed")) ? "; VETOED, not applied" : "");
    else
        buf_printf(b, ": of %lld free groups %lld can be used, min_groups is %lld", free_groups,
            ctl_json_number(outcome, "groups_in_step"), ctl_json_number(rules, "min_groups"));
    buf_printf(b, "\n");
}

static void put_share(long long part, long long of, struct buf *b) {
    if (of == 0)
        buf_printf(b, " %10s", "-");
    else
        buf_printf(b, " %10.4f", (double)part / (double)of);
}

static void put_counts(const json_t *c, struct buf *b) {
    const long long rows = ctl_json_number(c, "rows");
    buf_printf(b, "  %9lld", rows);
    put_share(ctl_json_number(c, "right_before"), rows, b);
    put_share(ctl_json_number(c, "right_after"), rows, b);
    buf_printf(b, "  ");
}

static bool is_guarded(const json_t *rules, size_t class) {
    size_t i;
    const json_t *x;
    json_array_foreach(in(rules, "safety_classes"), i, x) {
        if (json_integer_value(x) == (json_int_t) class)
            return true;
    }
    return false;
}

static void put_recall(
    const json_t *recall, const json_t *rules, const json_t *names, struct buf *b) {
    size_t i;
    const json_t *c;
    if (!json_is_object(recall))
        return;
    buf_printf(b, "on the root set:\n  %9s %10s %10s\n", "rows", "before", "after");
    json_array_foreach(in(recall, "classes"), i, c) {
        put_counts(c, b);
        put_class(names, i, b);
        if (is_guarded(rules, i) && ctl_json_number(c, "rows") < FL_CLASS_ROWS_MIN)
            buf_printf(b, ", guarded, but fewer than %d rows: no say", FL_CLASS_ROWS_MIN);
        else if (is_guarded(rules, i))
            buf_printf(b, ", guarded");
        buf_printf(b, "\n");
    }
    put_counts(recall, b);
    buf_printf(b, "all\n");
}

enum { CHANGES_SHOWN = 8 };

static void put_changes(const json_t *changes, struct buf *b) {
    size_t i;
    const json_t *c;
    if (json_array_size(changes) == 0)
        return;
    buf_printf(b, "changed most:\n");
    json_array_foreach(changes, i, c) {
        if (i == CHANGES_SHOWN) {
            buf_printf(b, "  ... %zu more with --json\n", json_array_size(changes) - i);
            break;
        }
        buf_printf(b, "  parameter %lld: %.6f -> %.6f\n", ctl_json_number(c, "parameter"),
            (double)ctl_json_number(c, "before_q20") / (1 << 20),
            (double)ctl_json_number(c, "after_q20") / (1 << 20));
    }
}

/* Out for something that was proven: then no group was flagged. */
static bool is_convicted(const json_t *r, const char *token) {
    size_t i;
    const json_t *x;
    json_array_foreach(in(r, "exclusions"), i, x) {
        if (strcmp(ctl_json_text(x, "token"), token) == 0)
            return true;
    }
    return false;
}

static void put_standing(const json_t *r, const json_t *x, struct buf *b) {
    const char *token = ctl_json_text(x, "token");
    buf_printf(b, "standing:   token %s: %s", token, ctl_json_text(x, "standing"));
    if (is_convicted(r, token))
        buf_printf(b, " (see what it was excluded for)\n");
    else
        buf_printf(b, " (group %lld of round %lld)\n", ctl_json_number(x, "flagged_group"),
            ctl_json_number(x, "flagged_round"));
}

static void put_wrongs(const json_t *r, struct buf *b) {
    size_t i;
    const json_t *x;
    json_array_foreach(in(r, "faults"), i, x) buf_printf(b, "fault:      validator %s: %s (%lld)\n",
        ctl_json_text(x, "address"), ctl_json_text(x, "fault"), ctl_json_number(x, "what"));
    json_array_foreach(in(r, "exclusions"), i, x) buf_printf(b,
        "excluded:   submission %lld, token %s: %s\n", ctl_json_number(x, "submission"),
        ctl_json_text(x, "token"), ctl_json_text(x, "reason"));
    json_array_foreach(in(r, "standings"), i, x) put_standing(r, x, b);
}

static size_t given_up(const json_t *outcome) {
    size_t i;
    size_t n = 0;
    const json_t *g;
    json_array_foreach(in(outcome, "groups"), i, g) n +=
        strcmp(ctl_json_text(g, "verdict"), fl_verdict_name(FL_GIVEN_UP)) == 0;
    return n;
}

/* now: NULL when it is over. */
static void put_round(const json_t *r, const struct present *p, const json_t *now,
    const json_t *names, struct buf *b) {
    const json_t *outcome = in(r, "outcome");
    const json_t *rules = in(r, "rules");
    buf_printf(b, "round:      %lld, %s", ctl_json_number(r, "number"), ctl_json_text(r, "result"));
    if (json_is_string(in(r, "reason")))
        buf_printf(b, ": %s", ctl_json_text(r, "reason"));
    buf_printf(b, "\n");
    put_needed(r, b);
    put_times(r, b);
    put_open(p, rules, now, b);
    put_idle(r, p, b);
    buf_printf(b, "profile:    %s, %lld members\n", ctl_json_text(r, "profile"),
        ctl_json_number(r, "members"));
    put_models(r, b);
    put_root_set(r, b);
    if (json_is_integer(in(r, "vehicles")))
        buf_printf(b, "vehicles:   %lld included, %lld groups", ctl_json_number(r, "vehicles"),
            ctl_json_number(r, "groups"));
    if (json_is_object(outcome))
        buf_printf(b, ", %zu opened, %zu given up",
            json_array_size(in(outcome, "groups")) - given_up(outcome), given_up(outcome));
    if (json_is_integer(in(r, "vehicles")))
        buf_printf(b, "\n");
    if (json_is_object(outcome)) {
        put_groups(outcome, rules, ctl_json_number(r, "free_groups"), b);
        put_vetoes(outcome, rules, names, b);
        put_recall(in(outcome, "recall"), rules, names, b);
        put_changes(in(outcome, "changes"), b);
    }
    put_wrongs(r, b);
}

/* ---- asking ---- */

/* The last round's number, and the page that says it. */
static int ask_last(
    struct ctl_http *h, uint64_t *ret_number, json_t **ret_page, struct ws_err *err) {
    int rc = ctl_http_json(h, "/v1/learning", ret_page, err);
    if (rc != WS_OK)
        return rc;
    const long long number = ctl_json_number(*ret_page, "rounds");
    const char *why = json_string_value(in(*ret_page, "why"));
    *ret_number = number < 1 ? 0 : (uint64_t)number;
    return *ret_number > 0 ? WS_OK
                           : ws_fail(err, WS_ENOTFOUND, "no round was opened yet%s%s",
                                 why == NULL ? "" : ": ", why == NULL ? "" : why);
}

/* A unit that does not say how it is has said enough of the round. */
static void ask_status(struct ctl_http *h, struct present *p) {
    if (json_is_object(in(p->learning, "round")) &&
        ctl_http_json(h, "/v1/status", &p->status, NULL) != WS_OK)
        p->status = NULL;
}

static int ask(struct ctl_http *h, uint64_t number, json_t **ret_round, struct present *ret_present,
    struct ws_err *err) {
    char path[64];
    uint64_t last = 0;
    int rc = ask_last(h, &last, &ret_present->learning, err);
    if (number == 0)
        number = last;
    if (rc == WS_ENOTFOUND && number > 0)
        rc = WS_OK; /* the unit says itself why that one is not there */
    ret_present->is_last = number == last;
    if (rc == WS_OK && ret_present->is_last)
        ask_status(h, ret_present);
    (void)snprintf(path, sizeof(path), "/v1/learning/rounds/%llu", (unsigned long long)number);
    return rc == WS_OK ? ctl_http_json_most(h, path, CTL_ROUND_MAX, ret_round, err) : rc;
}

/* Names of the classes, from the model that the round began with; null where the unit does not have it, or gives another file. */
static json_t *ask_names(struct ctl_http *h, const json_t *round) {
    const char *hash = ctl_json_text(in(round, "model_before"), "hash");
    char path[80];
    char got[65];
    struct buf octets = {0};
    struct fl_model m = {0};
    json_t *names = NULL;
    if (!json_is_object(in(in(round, "outcome"), "recall")) || strlen(hash) != 64)
        return json_null();
    (void)snprintf(path, sizeof(path), "/v1/models/%s", hash);
    if (ctl_http_get(h, path, CTL_MODEL_MAX, &octets, NULL) == WS_OK &&
        fl_model_decode(buf_span(&octets), &m, NULL) == WS_OK) {
        ctl_model_name(&m, got);
        if (strcmp(got, hash) == 0)
            names = json_array();
        for (size_t i = 0; names != NULL && i < m.shape.classes; i++)
            (void)json_array_append_new(names, json_string(m.classes[i]));
    }
    fl_model_free(&m);
    buf_free(&octets);
    return names == NULL ? json_null() : names;
}

static int tell(
    const struct ctl_verb *v, json_t *round, const struct present *p, json_t *names, bool json) {
    struct buf b = {0};
    int code;
    json_t *now = in(p->learning, "round");
    const bool on = strcmp(ctl_json_text(round, "result"), "on") == 0 &&
                    ctl_json_number(now, "number") == ctl_json_number(round, "number");
    if (json) {
        (void)json_object_set_new(round, "now", on ? json_incref(now) : json_null());
        (void)json_object_set(round, "class_names", names);
        code = ctl_print_json(v, round);
    } else {
        put_round(round, p, on ? now : NULL, names, &b);
        code = ctl_print(v, buf_span(&b));
    }
    buf_free(&b);
    return code;
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct ctl_face face = {.address = CTL_FACE_HERE};
    struct ctl_list words = {0};
    struct ctl_http *h = NULL;
    struct ws_err err = {0};
    uint64_t number = 0;
    json_t *round = NULL;
    struct present present = {0};
    bool json = false;
    const struct ctl_option options[] = {
        {"http", CTL_FACE, &face, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 0, 1, &code))
        return code;
    if (words.n == 1 && !value_u64(words.v[0], 1, INT64_MAX, &number))
        return ctl_misuse(v, "'%.40s' is no round: they begin with 1", words.v[0]);
    int rc = ctl_http_open(&face, &h, &err);
    if (rc == WS_OK)
        rc = ask(h, number, &round, &present, &err);
    json_t *names = rc == WS_OK ? ask_names(h, round) : NULL;
    if (rc == WS_OK)
        code = tell(v, round, &present, names, json);
    else
        code = ctl_fail(v, rc == WS_ENOTFOUND ? CTL_NO : CTL_UNREACHABLE, &err);
    json_decref(names);
    json_decref(round);
    json_decref(present.learning);
    json_decref(present.status);
    ctl_http_close(h);
    return code;
}

const struct ctl_verb ctl_model_round = {"model", "round",
    "a round of learning: phase, verdicts, models",
    "[ROUND] [--http ADDR] [--json]\n"
    "\n"
    "The last one unless named: while it is on, its phase and how far it is; then the verdict of "
    "each group, who was\n"
    "excluded, which validator was wrong, which class vetoed the step and by which bound, recall "
    "before and after, and\n"
    "what changed most. Classes have their names where the unit has the model. The unit is "
    "believed: to check, `model\n"
    "verify`. Exit code 1: there is no such round, or it is not kept any more.\n"
    "\n"
    "  --http ADDR         of the unit: HOST:PORT or unix:PATH; 127.0.0.1:8100 unless given\n"
    "  --json              print JSON\n",
    run};

/* rsuctl model round: what became of a round, as a unit tells it. */
#include "base/mem.h"
#include "rsu/config/value.h"
#include "rsu/ctl/ctl.h"
#include "rsu/ctl/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const json_t *in(const json_t *o, const char *key) {
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

/* Of the round that is on. */
static void put_open(const json_t *now, struct buf *b) {
    if (!json_is_object(now))
        return;
    buf_printf(b, "phase:      %s, until %s\nsubmitted:  %lld vehicles",
        ctl_json_text(now, "phase"), ctl_json_text(now, "until"),
        ctl_json_number(now, "submissions"));
    if (ctl_json_number(now, "included") > 0)
        buf_printf(b, ", %lld included", ctl_json_number(now, "included"));
    buf_printf(b, "\nmembers:    %lld attested, %lld outcomes; %lld of %lld groups opened\n",
        ctl_json_number(now, "attested"), ctl_json_number(now, "outcomes"),
        ctl_json_number(now, "opened"), ctl_json_number(now, "groups"));
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

/* free_groups: those behind them are of suspects. */
static void put_groups(const json_t *outcome, long long free_groups, struct buf *b) {
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
            json_is_true(in(outcome, "vetoed")) ? "; VETOED: it lost a safety class" : "");
    buf_printf(b, "\n");
}

static double share(long long part, long long of) {
    return of == 0 ? 0 : (double)part / (double)of;
}

static void put_recall(const json_t *recall, struct buf *b) {
    size_t i;
    const json_t *c;
    if (!json_is_object(recall))
        return;
    const long long rows = ctl_json_number(recall, "rows");
    buf_printf(b, "on the root set:\n  %5s %9s %10s %10s\n", "class", "rows", "before", "after");
    json_array_foreach(in(recall, "classes"), i, c) {
        const long long n = ctl_json_number(c, "rows");
        buf_printf(b, "  %5zu %9lld %10.4f %10.4f\n", i, n,
            share(ctl_json_number(c, "right_before"), n),
            share(ctl_json_number(c, "right_after"), n));
    }
    buf_printf(b, "  %5s %9lld %10.4f %10.4f\n", "all", rows,
        share(ctl_json_number(recall, "right_before"), rows),
        share(ctl_json_number(recall, "right_after"), rows));
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

static void put_wrongs(const json_t *r, struct buf *b) {
    size_t i;
    const json_t *x;
    json_array_foreach(in(r, "faults"), i, x) buf_printf(b, "fault:      validator %s: %s (%lld)\n",
        ctl_json_text(x, "address"), ctl_json_text(x, "fault"), ctl_json_number(x, "what"));
    json_array_foreach(in(r, "exclusions"), i, x) buf_printf(b,
        "excluded:   submission %lld, token %s: %s\n", ctl_json_number(x, "submission"),
        ctl_json_text(x, "token"), ctl_json_text(x, "reason"));
    json_array_foreach(in(r, "standings"), i, x)
        buf_printf(b, "standing:   token %s: %s (group %lld of round %lld)\n",
            ctl_json_text(x, "token"), ctl_json_text(x, "standing"),
            ctl_json_number(x, "flagged_group"), ctl_json_number(x, "flagged_round"));
}

static void put_round(const json_t *r, const json_t *now, struct buf *b) {
    buf_printf(b, "round:      %lld, %s", ctl_json_number(r, "number"), ctl_json_text(r, "result"));
    if (json_is_string(in(r, "reason")))
        buf_printf(b, ": %s", ctl_json_text(r, "reason"));
    buf_printf(b, "\n");
    put_times(r, b);
    put_open(now, b);
    buf_printf(b, "profile:    %s, %lld members\n", ctl_json_text(r, "profile"),
        ctl_json_number(r, "members"));
    put_models(r, b);
    if (json_is_integer(in(r, "vehicles")))
        buf_printf(b, "vehicles:   %lld included, %lld groups\n", ctl_json_number(r, "vehicles"),
            ctl_json_number(r, "groups"));
    const json_t *outcome = in(r, "outcome");
    if (json_is_object(outcome)) {
        put_groups(outcome, ctl_json_number(r, "free_groups"), b);
        put_recall(in(outcome, "recall"), b);
        put_changes(in(outcome, "changes"), b);
    }
    put_wrongs(r, b);
}

/* ---- asking ---- */

/* The last round: `now` is its state while it is on. */
static int ask_last(
    struct ctl_http *h, uint64_t *ret_number, json_t **ret_now, struct ws_err *err) {
    json_t *page = NULL;
    int rc = ctl_http_json(h, "/v1/learning", &page, err);
    if (rc == WS_OK) {
        const long long number = ctl_json_number(page, "rounds");
        *ret_number = number < 1 ? 0 : (uint64_t)number;
        *ret_now = json_incref(json_object_get(page, "round"));
        const char *why = json_string_value(in(page, "why"));
        if (*ret_number == 0)
            rc = ws_fail(err, WS_ENOTFOUND, "no round was opened yet%s%s", why == NULL ? "" : ": ",
                why == NULL ? "" : why);
    }
    json_decref(page);
    return rc;
}

static int ask(
    struct ctl_http *h, uint64_t number, json_t **ret_round, json_t **ret_now, struct ws_err *err) {
    char path[64];
    uint64_t last = 0;
    int rc = ask_last(h, &last, ret_now, err);
    if (number == 0)
        number = last;
    if (rc == WS_ENOTFOUND && number > 0)
        rc = WS_OK; /* the unit says itself why that one is not there */
    (void)snprintf(path, sizeof(path), "/v1/learning/rounds/%llu", (unsigned long long)number);
    return rc == WS_OK ? ctl_http_json(h, path, ret_round, err) : rc;
}

static int tell(const struct ctl_verb *v, json_t *round, json_t *now, bool json) {
    struct buf b = {0};
    int code;
    const bool on = strcmp(ctl_json_text(round, "result"), "on") == 0 &&
                    ctl_json_number(now, "number") == ctl_json_number(round, "number");
    if (json) {
        (void)json_object_set_new(round, "now", on ? json_incref(now) : json_null());
        code = ctl_print_json(v, round);
    } else {
        put_round(round, on ? now : NULL, &b);
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
    json_t *now = NULL;
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
        rc = ask(h, number, &round, &now, &err);
    if (rc == WS_OK)
        code = tell(v, round, now, json);
    else
        code = ctl_fail(v, rc == WS_ENOTFOUND ? CTL_NO : CTL_UNREACHABLE, &err);
    json_decref(round);
    json_decref(now);
    ctl_http_close(h);
    return code;
}

const struct ctl_verb ctl_model_round = {"model", "round",
    "a round of learning: phase, verdicts, models",
    "[ROUND] [--http ADDR] [--json]\n"
    "\n"
    "The last one unless named: while it is on, its phase and how far it is; then the verdict of "
    "each group, who was\n"
    "excluded, which validator was wrong, recall before and after, and what changed most. The unit "
    "is believed: to\n"
    "check, `model verify`. Exit code 1: there is no such round, or it is not kept any more.\n"
    "\n"
    "  --http ADDR         of the unit: HOST:PORT or unix:PATH; 127.0.0.1:8100 unless given\n"
    "  --json              print JSON\n",
    run};

/* rsuctl cell status, cell validators: what a unit says about itself and the others. */
#include "rsu/ctl/committee.h"

#include "base/clock.h"
#include "ledger/light/types.h"
#include "rsu/ctl/http.h"
#include "rsu/ctl/order.h"

#include <stdlib.h>
#include <string.h>

static const json_t *part(const json_t *o, const char *key) {
    return json_object_get(o, key);
}

/* "name 12, name 3" of the members that are not zero, without the one called `but`. */
static void put_counts(const json_t *object, const char *but, const char *none, struct buf *b) {
    const char *key;
    json_t *value;
    bool any = false;
    json_object_foreach((json_t *)object, key, value) {
        if (json_integer_value(value) == 0 || (but != NULL && strcmp(key, but) == 0))
            continue;
        buf_printf(b, "%s%s %lld", any ? ", " : "", key, (long long)json_integer_value(value));
        any = true;
    }
    buf_printf(b, "%s\n", any ? "" : none);
}

static void put_packets(const json_t *status, struct buf *b) {
    size_t i;
    json_t *port;
    json_t *sum = json_object();
    json_array_foreach(part(status, "ports"), i, port) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)part(port, "verdicts"), key, value) {
            (void)json_object_set_new(
                sum, key, json_integer(json_integer_value(value) + ctl_json_number(sum, key)));
        }
        const char *failure = json_string_value(part(port, "failure"));
        if (failure != NULL)
            buf_printf(b, "port %zu stopped: %s\n", i, failure);
    }
    buf_printf(b, "frames: %lld heard, %lld verified; dropped: ", ctl_json_number(status, "frames"),
        ctl_json_number(sum, "verified"));
    put_counts(sum, "verified", "none", b);
    json_decref(sum);
}

static double real_number(const json_t *o, const char *key) {
    return json_number_value(json_object_get(o, key));
}

static void put_clock(const json_t *validator, struct buf *b) {
    char span[32];
    double off = real_number(validator, "clock_off_s");
    if (!json_is_false(part(validator, "clock_agrees")))
        return;
    duration_format(span, (uint64_t)((off < 0 ? -off : off) * 1000000));
    buf_printf(b, " (clock %s %s)", span, off < 0 ? "behind" : "ahead");
}

static void put_sync(const json_t *s, struct buf *b) {
    long long highest = 0;
    size_t i;
    json_t *v;
    json_array_foreach(part(s, "validators"), i, v) {
        long long height = ctl_json_number(v, "height");
        highest = height > highest ? height : highest;
    }
    if (json_is_true(part(part(s, "consensus"), "syncing")))
        buf_printf(b, "catching up: at height %lld, the others are at %lld\n",
            ctl_json_number(s, "height"), highest);
    else if (json_is_true(part(part(s, "consensus"), "listening")))
        buf_printf(b,
            "listening: it has no log of this height, and says nothing until a quorum was heard\n");
}

static void put_followers(const json_t *s, struct buf *b) {
    size_t i;
    json_t *v;
    json_array_foreach(part(s, "followers"), i, v) {
        buf_printf(b, "follower: link key %.16s..., ", ctl_json_text(v, "link_key"));
        if (json_is_integer(part(v, "height")))
            buf_printf(b, "height %lld, heard %.1f s ago, ", ctl_json_number(v, "height"),
                real_number(v, "heard_s_ago"));
        else
            buf_printf(b, "not heard, ");
        buf_printf(b, "link %s\n", json_is_true(part(v, "link_up")) ? "up" : "down");
    }
}

static void put_status(const json_t *s, struct buf *b) {
    const json_t *block = part(s, "block");
    const json_t *latency = part(s, "commit_latency_ms");
    const json_t *pool = part(s, "mempool");
    const json_t *policy = part(s, "policy");
    buf_printf(b, "cell: %s (%s)\n", ctl_json_text(part(s, "cell"), "name"),
        ctl_json_text(part(s, "cell"), "id"));
    buf_printf(b, "healthy: %s; up %.0f s; %s\n", json_is_true(part(s, "healthy")) ? "yes" : "NO",
        real_number(s, "uptime_s"), ctl_json_text(s, "software"));
    if (ctl_json_text(s, "trouble")[0] != '\0')
        buf_printf(b, "trouble: %s\n", ctl_json_text(s, "trouble"));
    if (json_is_object(block))
        buf_printf(b, "block: height %lld, time %s, %.1f s ago, %s\n",
            ctl_json_number(block, "height"), ctl_json_text(block, "time"),
            real_number(block, "age_s"), ctl_json_text(block, "id"));
    else
        buf_printf(b, "block: none yet\n");
    put_packets(s, b);
    buf_printf(b, "admitted: ");
    put_counts(part(s, "admission"), NULL, "nothing", b);
    size_t i;
    json_t *sensor;
    json_array_foreach(part(s, "sensors"), i, sensor) {
        buf_printf(b,
            "sensor %s (%s, family %lld, %lld connected): ", ctl_json_text(sensor, "name"),
            ctl_json_text(sensor, "class"), ctl_json_number(sensor, "family"),
            ctl_json_number(sensor, "clients"));
        put_counts(part(sensor, "lines"), NULL, "nothing said", b);
    }
    const char *contract;
    json_t *codes;
    json_object_foreach((json_t *)part(s, "transactions"), contract, codes) {
        if (json_object_size(codes) == 0)
            continue;
        buf_printf(b, "transactions of %s: ", contract);
        put_counts(codes, NULL, "none", b);
    }
    buf_printf(b, "waiting: %lld of at most %lld transactions\n",
        ctl_json_number(pool, "transactions"), ctl_json_number(pool, "transactions_max"));
    if (ctl_json_number(latency, "samples") > 0)
        buf_printf(b, "commit latency: p50 %.1f ms, p99 %.1f ms (%lld samples)\n",
            real_number(latency, "p50"), real_number(latency, "p99"),
            ctl_json_number(latency, "samples"));
    buf_printf(b, "map version: %lld\n", ctl_json_number(s, "map_version"));
    buf_printf(b, "policy: %s, sequence %lld, %s\n", ctl_json_text(policy, "name"),
        ctl_json_number(policy, "sequence"), ctl_json_text(policy, "hash"));
    put_sync(s, b);
    json_t *v;
    buf_printf(b, "validators:");
    json_array_foreach(part(s, "validators"), i, v) {
        buf_printf(b, " %s %s%s", ctl_json_text(v, "owner"), ctl_json_text(v, "state"),
            json_is_true(part(v, "muted")) ? " (muted)" : "");
        put_clock(v, b);
        buf_printf(b, "%s", i + 1 < json_array_size(part(s, "validators")) ? "," : "\n");
    }
    put_followers(s, b);
}

static const char *named(const json_t *o, const char *key, const char *else_this) {
    const char *text = ctl_json_text(o, key);
    return text[0] == '\0' ? else_this : text;
}

static void put_validators(const json_t *s, struct buf *b) {
    size_t i;
    json_t *v;
    json_array_foreach(part(s, "validators"), i, v) {
        buf_printf(b, "%s %s\n  mast %s, power %lld, %s", ctl_json_text(v, "address"),
            named(v, "owner", "(no owner named)"), named(v, "mast", "not named"),
            ctl_json_number(v, "power"), ctl_json_text(v, "state"));
        if (json_is_integer(part(v, "height")))
            buf_printf(b, ", height %lld", ctl_json_number(v, "height"));
        if (json_is_string(part(v, "software")))
            buf_printf(b, ", %s, heard %.1f s ago, link %s", ctl_json_text(v, "software"),
                real_number(v, "heard_s_ago"), json_is_true(part(v, "link_up")) ? "up" : "down");
        if (json_is_integer(part(v, "misdeeds")) && ctl_json_number(v, "misdeeds") > 0)
            buf_printf(b, ", misdeeds %lld", ctl_json_number(v, "misdeeds"));
        if (json_is_true(part(v, "muted")))
            buf_printf(b, ", muted");
        if (json_is_false(part(v, "clock_agrees"))) {
            buf_printf(b, ",");
            put_clock(v, b);
        }
        buf_printf(b, "\n");
    }
}

static int ask(const struct ctl_verb *v, int argc, char **argv, const char *json_part,
    void (*put)(const json_t *status, struct buf *b)) {
    struct ctl_face face = {.address = CTL_FACE_HERE};
    bool json = false;
    const struct ctl_option options[] = {
        {"http", CTL_FACE, &face, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code))
        return code;
    struct ctl_http *h = NULL;
    json_t *status = NULL;
    struct ws_err err = {0};
    int rc = ctl_http_open(&face, &h, &err);
    if (rc == WS_OK)
        rc = ctl_http_json(h, "/v1/status", &status, &err);
    ctl_http_close(h);
    if (rc != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    struct buf b = {0};
    if (json) {
        code = ctl_print_json(v, json_part == NULL ? status : json_object_get(status, json_part));
    } else {
        put(status, &b);
        code = ctl_print(v, buf_span(&b));
    }
    buf_free(&b);
    json_decref(status);
    return code;
}

static int run_status(const struct ctl_verb *v, int argc, char **argv) {
    return ask(v, argc, argv, NULL, put_status);
}

static int run_validators(const struct ctl_verb *v, int argc, char **argv) {
    int code;
    if (ctl_committee(v, argc, argv, &code))
        return code;
    if (argc > 0 && strcmp(argv[0], "show") == 0) {
        argc--;
        argv++;
    }
    return ask(v, argc, argv, "validators", put_validators);
}

#define HTTP_OPTION                                                                                \
    "  --http ADDR   of the unit: HOST:PORT or unix:PATH; 127.0.0.1:8100 unless given\n"           \
    "  --json        print JSON\n"

#define PARAM_LINE(id, lo, hi, help) "  " #id "  " #lo " to " #hi "\n      " help "\n"

const struct ctl_verb ctl_cell_status = {"cell", "status", "what a unit is doing",
    "[--http ADDR] [--json]\n"
    "\n"
    "Blocks, packets by verdict, transactions, commit latency, map and policy, and the other "
    "units.\n"
    "\n" HTTP_OPTION,
    run_status};
const struct ctl_verb ctl_cell_validators = {"cell", "validators",
    "the cell's validators, and orders that change them",
    "[show] [--http ADDR] [--json]\n"
    "       rsuctl cell validators add --validator-key HEX --link-key HEX [--power N] [--owner "
    "NAME] "
    "[--mast NAME] [--anyway] ORDER\n"
    "       rsuctl cell validators remove ADDRESS... ORDER\n"
    "       rsuctl cell validators params NAME=NUMBER... ORDER\n"
    "\n"
    "show is what a unit sees. The others sign an order of the committee's authorities and hand it "
    "to a unit; it is in\n"
    "force two blocks after the one that takes it. add also changes who is in already. With --http "
    "(params needs it)\n"
    "the set and the parameters in force are fetched and proven from the genesis, and what the "
    "cell "
    "would refuse is\n"
    "refused before anybody signs. Exit code 1: refused, with the reason.\n"
    "\n"
    "A cell keeps four validators at least (or as many as it has): in a cell of four let the new "
    "one in "
    "first, then\n"
    "the other out. With --http, add refuses a unit that the asked one does not hear, or that is "
    "far "
    "behind; --anyway\n"
    "does not look.\n"
    "\n" CTL_ORDER_USAGE "\n"
    "Parameters, and what they may be; in force now: /v1/params of a unit. Times are us.\n"
    "\n" CELL_PARAMS(PARAM_LINE),
    run_validators};

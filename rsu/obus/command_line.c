#include "rsu/obus/command_line.h"

#include "base/assert.h"
#include "rsu/obus/obusim.h"

#include <getopt.h>

enum { FIRST = 256 }; /* val of the first option: above what getopt says of mistakes */

int command_line_number(
    const struct command_option *o, const char *text, int64_t *ret_v, struct ws_err *err) {
    if (sim_decimal(text, o->digits, ret_v) && *ret_v >= o->lo && *ret_v <= o->hi)
        return WS_OK;
    double unit = 1;
    for (unsigned i = 0; i < o->digits; i++)
        unit *= 10;
    return ws_fail(err, WS_EINPUT, "--%s %.40s: not a number from %.10g to %.10g%s%s", o->name,
        text, (double)o->lo / unit, (double)o->hi / unit, o->digits == 0 ? " without decimals" : "",
        o->note == NULL ? "" : o->note);
}

static int read_seed(const struct command_option *o, const char *text, struct ws_err *err) {
    uint64_t v = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            break;
    }
    if (p == text || *p != '\0')
        return ws_fail(err, WS_EINPUT, "--%s %.40s: not a whole number below 2^64", o->name, text);
    *(uint64_t *)o->to = v;
    return WS_OK;
}

static int read_number(const struct command_option *o, const char *text, struct ws_err *err) {
    int64_t v = 0;
    const int rc = command_line_number(o, text, &v, err);
    if (rc != WS_OK)
        return rc;
    if (o->kind == COMMAND_U32)
        *(uint32_t *)o->to = (uint32_t)v;
    else if (o->kind == COMMAND_U64)
        *(uint64_t *)o->to = (uint64_t)v;
    else
        *(size_t *)o->to = (size_t)v;
    return WS_OK;
}

static int take(const struct command_option *o, char *value, struct ws_err *err) {
    switch (o->kind) {
    case COMMAND_FLAG:
    case COMMAND_STOP:
        *(bool *)o->to = true;
        return WS_OK;
    case COMMAND_TEXT:
        *(const char **)o->to = value;
        return WS_OK;
    case COMMAND_SEED:
        return read_seed(o, value, err);
    case COMMAND_OWN:
        return o->take(o->to, value, err);
    default:
        return read_number(o, value, err);
    }
}

static void as_getopt_has_them(
    const struct command_option *options, size_t n, struct option ret[COMMAND_OPTIONS_MAX + 1]) {
    WS_ASSERT(n <= COMMAND_OPTIONS_MAX);
    for (size_t i = 0; i < n; i++) {
        const bool alone = options[i].kind == COMMAND_FLAG || options[i].kind == COMMAND_STOP;
        ret[i] = (struct option){
            options[i].name, alone ? no_argument : required_argument, NULL, FIRST + (int)i};
    }
    ret[n] = (struct option){0};
}

int command_line_read(const struct command_option *options, size_t n, const char *whose,
    command_take word, void *ctx, int argc, char *const *argv, bool *ret_stopped,
    struct ws_err *err) {
    struct option known[COMMAND_OPTIONS_MAX + 1];
    int rc = WS_OK;
    as_getopt_has_them(options, n, known);
    *ret_stopped = false;
    optind = 0; /* GNU: start over, so that tests may call twice */
    opterr = 0;
    while (rc == WS_OK && !*ret_stopped) {
        const int at = optind == 0 ? 1 : optind;
        const int val = getopt_long(argc, argv, ":", known, NULL);
        if (val == -1)
            break;
        if (val < FIRST) {
            rc = val == ':' ? ws_fail(err, WS_EINPUT, "%.60s wants a value", argv[at])
                            : ws_fail(err, WS_EINPUT, "%.60s is no option of %s", argv[at], whose);
            continue;
        }
        const struct command_option *o = &options[val - FIRST];
        rc = take(o, optarg, err);
        *ret_stopped = o->kind == COMMAND_STOP;
    }
    for (int at = optind; rc == WS_OK && !*ret_stopped && at < argc; at++)
        rc = word != NULL ? word(ctx, argv[at], err)
                          : ws_fail(err, WS_EINPUT, "\"%.60s\" belongs to no option", argv[at]);
    return rc;
}

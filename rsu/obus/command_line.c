#include "rsu/obus/command_line.h"

#include "rsu/obus/obusim.h"

static int one(const struct command_line *l, char *const *argv, int at, int val, char *text,
    struct ws_err *err) {
    if (val == ':')
        return ws_fail(err, WS_EINPUT, "%.60s wants a value", argv[at]);
    if (val == '?')
        return ws_fail(err, WS_EINPUT, "%.60s is no option of %s", argv[at], l->whose);
    return l->option(l->ctx, val, text, err);
}

int command_line_read(
    const struct command_line *l, int argc, char *const *argv, struct ws_err *err) {
    int rc = WS_OK;
    optind = 0; /* GNU: start over, so that tests may call twice */
    opterr = 0;
    while (rc == WS_OK) {
        const int at = optind == 0 ? 1 : optind;
        const int val = getopt_long(argc, argv, ":", l->options, NULL);
        if (val == -1)
            break;
        rc = one(l, argv, at, val, optarg, err);
    }
    for (int at = optind; rc == WS_OK && at < argc; at++)
        rc = l->word != NULL ? l->word(l->ctx, argv[at], err)
                             : ws_fail(err, WS_EINPUT, "\"%.60s\" belongs to no option", argv[at]);
    return rc;
}

int command_line_number(const char *name, const char *text, unsigned digits, int64_t lo, int64_t hi,
    int64_t *ret_v, struct ws_err *err) {
    if (sim_decimal(text, digits, ret_v) && *ret_v >= lo && *ret_v <= hi)
        return WS_OK;
    double unit = 1;
    for (unsigned i = 0; i < digits; i++)
        unit *= 10;
    return ws_fail(err, WS_EINPUT, "--%s %.40s: not a number from %.10g to %.10g%s", name, text,
        (double)lo / unit, (double)hi / unit, digits == 0 ? " without decimals" : "");
}

int command_line_seed(const char *name, const char *text, uint64_t *ret_seed, struct ws_err *err) {
    uint64_t v = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            break;
    }
    if (p == text || *p != '\0')
        return ws_fail(err, WS_EINPUT, "--%s %.40s: not a whole number below 2^64", name, text);
    *ret_seed = v;
    return WS_OK;
}

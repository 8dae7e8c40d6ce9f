/* rsuctl cell beacon: the cell's randomness, of a height or how it is made. */
#include "rsu/ctl.h"
#include "rsu/ctl_http.h"

#include <stdio.h>
#include <string.h>

static void put_status(const json_t *s, struct buf *b) {
    buf_printf(b, "height: %lld; newest randomness: ", ctl_json_number(s, "height"));
    if (json_is_integer(json_object_get(s, "newest")))
        buf_printf(b, "height %lld", ctl_json_number(s, "newest"));
    else
        buf_printf(b, "none yet");
    buf_printf(b, "; pending: %lld\n", ctl_json_number(s, "pending"));
    buf_printf(b,
        "committee %lld: %lld validators, %lld shares, %lld make a value; %lld registered\n",
        ctl_json_number(s, "committee"), ctl_json_number(s, "members"),
        ctl_json_number(s, "shares"), ctl_json_number(s, "threshold"),
        ctl_json_number(s, "registered"));
    if (json_is_integer(json_object_get(s, "key")))
        buf_printf(b, "key: %lld, %s\n", ctl_json_number(s, "key"), ctl_json_text(s, "key_id"));
    else
        buf_printf(b, "key: none yet, heights wait for it\n");
    if (strcmp(ctl_json_text(s, "phase"), "idle") != 0)
        buf_printf(b, "generation %lld: %s, %lld dealt, %lld reviewed\n",
            ctl_json_number(s, "generation"), ctl_json_text(s, "phase"),
            ctl_json_number(s, "dealt"), ctl_json_number(s, "reviewed"));
    if (ctl_json_number(s, "barred") > 0)
        buf_printf(b, "dealt wrong shares: %lld validators\n", ctl_json_number(s, "barred"));
}

static int fetch(const char *address, uint64_t height, json_t **ret, struct ws_err *err) {
    char path[64] = "/v1/beacon";
    if (height > 0)
        (void)snprintf(path, sizeof(path), "/v1/beacon/%llu", (unsigned long long)height);
    struct ctl_http *h = NULL;
    int rc = ctl_http_open(address, &h, err);
    if (rc == WS_OK)
        rc = ctl_http_json(h, path, ret, err);
    ctl_http_close(h);
    return rc;
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    const char *address = "127.0.0.1:8100";
    bool json = false;
    uint64_t height = 0;
    const struct ctl_option options[] = {
        {"http", CTL_TEXT, (void *)&address, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
        {"height", CTL_NUMBER, &height, 1, INT64_MAX},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code))
        return code;
    json_t *o = NULL;
    struct ws_err err = {0};
    int rc = fetch(address, height, &o, &err);
    if (rc != WS_OK)
        return ctl_fail(v, rc == WS_ENOTFOUND ? CTL_NO : CTL_UNREACHABLE, &err);
    const bool known = strcmp(ctl_json_text(o, "state"), "known") == 0;
    struct buf b = {0};
    if (json) {
        code = ctl_print_json(v, o);
    } else {
        if (height == 0)
            put_status(o, &b);
        else
            buf_printf(&b, "%s\n", ctl_json_text(o, known ? "randomness" : "state"));
        code = ctl_print(v, buf_span(&b));
    }
    buf_free(&b);
    json_decref(o);
    return code == CTL_DONE && height > 0 && !known ? CTL_NO : code;
}

const struct ctl_verb ctl_cell_beacon = {"cell", "beacon", "the cell's randomness",
    "[--height N] [--http ADDR] [--json]\n"
    "\n"
    "With --height the randomness of that height, 64 hex digits; exit code 1 when it is not there "
    "(yet).\n"
    "Without, how far the validators are with the key that makes it.\n"
    "\n"
    "  --height N    of this height\n"
    "  --http ADDR   of the unit: HOST:PORT or unix:PATH; 127.0.0.1:8100 unless given\n"
    "  --json        print JSON\n",
    run};

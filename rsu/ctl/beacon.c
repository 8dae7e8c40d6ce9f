/* rsuctl cell beacon: the cell's randomness, of a height or how it is made. */
#include "base/mem.h"
#include "rsu/cell/cell.h"
#include "rsu/ctl/ctl.h"
#include "rsu/ctl/http.h"
#include "rsu/proofs/check.h"

#include <stdio.h>
#include <stdlib.h>
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

struct question {
    const struct ctl_verb *v;
    struct ctl_face face;
    const char *genesis, *fingerprint;
    uint64_t height; /* 0: how the validators are doing */
    bool json;
};

static int fetch(struct ctl_http *h, const struct question *q, json_t **ret, struct ws_err *err) {
    char path[64] = "/v1/beacon";
    if (q->height > 0)
        (void)snprintf(path, sizeof(path), "/v1/beacon/%llu", (unsigned long long)q->height);
    return ctl_http_json(h, path, ret, err);
}

/* What the unit says, proven from the genesis: the entry of the height in the beacon's state. */
static int prove(struct ctl_http *h, const struct question *q, const struct ctl_genesis *g,
    const json_t *said, struct ws_err *err) {
    struct buf octets = {0};
    struct proof_entry e = {0};
    uint8_t key[BEACON_HEIGHT_KEY_OCTETS], value[32] = {0};
    char path[PROOF_PATH], hex[65];
    beacon_height_key(q->height, key);
    proof_state_path("beacon", span_of(key, sizeof(key)), path);
    int rc = ctl_http_bundle(h, path, &octets, err);
    if (rc == WS_OK)
        rc = proof_check_state(buf_span(&g->octets), buf_span(&octets), CELL_CONTRACT_BEACON,
            span_of(key, sizeof(key)), &e, err);
    if (rc == WS_OK && (!e.present || !beacon_height_value(e.value, value)))
        rc = ws_fail(err, WS_EINPUT, "the unit proved that this height has no randomness");
    hex_encode(hex, value, sizeof(value));
    if (rc == WS_OK && strcmp(hex, ctl_json_text(said, "randomness")) != 0)
        rc = ws_fail(err, WS_EINPUT, "the unit says other randomness than it can prove");
    buf_free(&octets);
    return rc;
}

static int tell(const struct question *q, const json_t *o, bool known) {
    if (q->json)
        return ctl_print_json(q->v, o);
    struct buf b = {0};
    if (q->height == 0)
        put_status(o, &b);
    else
        buf_printf(&b, "%s\n", ctl_json_text(o, known ? "randomness" : "state"));
    int code = ctl_print(q->v, buf_span(&b));
    buf_free(&b);
    return code;
}

static int answer(struct ctl_http *h, const struct question *q, const struct ctl_genesis *g) {
    struct ws_err err = {0};
    json_t *o = NULL;
    int rc = fetch(h, q, &o, &err);
    if (rc != WS_OK)
        return ctl_fail(q->v, rc == WS_ENOTFOUND ? CTL_NO : CTL_UNREACHABLE, &err);
    const bool known = strcmp(ctl_json_text(o, "state"), "known") == 0;
    int code;
    rc = known && q->genesis != NULL ? prove(h, q, g, o, &err) : WS_OK;
    if (rc != WS_OK)
        code = ctl_fail(q->v, rc == WS_EINPUT ? CTL_NO : CTL_UNREACHABLE, &err);
    else
        code = tell(q, o, known);
    json_decref(o);
    return code == CTL_DONE && q->height > 0 && !known ? CTL_NO : code;
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct question q = {.v = v, .face = {.address = CTL_FACE_HERE}};
    const struct ctl_option options[] = {
        {"http", CTL_FACE, &q.face, 0, 0},
        {"json", CTL_FLAG, &q.json, 0, 0},
        {"height", CTL_NUMBER, &q.height, 1, INT64_MAX},
        {"genesis", CTL_TEXT, (void *)&q.genesis, 0, 0},
        {"fingerprint", CTL_TEXT, (void *)&q.fingerprint, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code))
        return code;
    if ((q.genesis != NULL || q.fingerprint != NULL) && (q.height == 0 || q.genesis == NULL))
        return ctl_misuse(v, "--genesis goes with --height, --fingerprint with --genesis");
    code = CTL_DONE;
    struct ctl_genesis *g = ws_alloc(sizeof(*g));
    struct ctl_http *h = NULL;
    struct ws_err err = {0};
    if (q.genesis != NULL)
        code = ctl_genesis_load(v, q.genesis, q.fingerprint, g);
    if (code == CTL_DONE && ctl_http_open(&q.face, &h, &err) != WS_OK)
        code = ctl_fail(v, CTL_UNREACHABLE, &err);
    if (code == CTL_DONE)
        code = answer(h, &q, g);
    ctl_http_close(h);
    ctl_genesis_free(g);
    free(g);
    return code;
}

const struct ctl_verb ctl_cell_beacon = {"cell", "beacon", "the cell's randomness",
    "[--height N [--genesis FILE [--fingerprint HEX]]] [--http ADDR] [--json]\n"
    "\n"
    "With --height the randomness of that height, 64 hex digits; exit code 1 when it is not there "
    "(yet).\n"
    "With --genesis it is proven, too; exit code 1 when the proof does not hold.\n"
    "Without, how far the validators are with the key that makes it.\n"
    "\n"
    "  --height N         of this height\n"
    "  --genesis FILE     of the cell\n"
    "  --fingerprint HEX  what its fingerprint must be; from elsewhere than the unit\n"
    "  --http ADDR        of the unit: HOST:PORT or unix:PATH; 127.0.0.1:8100 unless given\n"
    "  --json             print JSON\n",
    run};

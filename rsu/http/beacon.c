/* /v1/beacon and /v1/beacon/{height}: the randomness of the cell. */
#include "rsu/http/internal.h"

#include "rsu/cell/beaconing.h"
#include "rsu/http/prometheus.h"

#include <inttypes.h>

struct copied {
    struct beacon_status s;
    uint64_t height;
    enum beacon_answer answer;
    uint8_t value[32];
};

static void copy(void *daemon, void *ctx) {
    const struct rsud *d = daemon;
    struct copied *c = ctx;
    beacon_contract_status(d->cell.beacon, &c->s);
    c->answer = beacon_contract_value(d->cell.beacon, c->height, c->value);
}

static json_t *status(const struct beacon_status *s) {
    json_t *o = json_object();
    json_put(o, "height", json_count(s->height));
    json_put(o, "newest", s->newest > 0 ? json_count(s->newest) : json_null());
    json_put(o, "pending", json_count(s->pending));
    json_put(o, "committee", json_count(s->epoch));
    json_put(o, "phase", json_string(beacon_phase_name(s->phase)));
    json_put(o, "generation", json_count(s->serial));
    json_put(o, "key", s->in_force > 0 ? json_count(s->in_force) : json_null());
    json_put(o, "key_id", s->in_force > 0 ? json_hex(s->key_id, 32) : json_null());
    json_put(o, "shares", json_count(s->tickets));
    json_put(o, "threshold", json_count(s->threshold));
    json_put(o, "members", json_count(s->members));
    json_put(o, "registered", json_count(s->registered));
    json_put(o, "dealt", json_count(s->dealt));
    json_put(o, "reviewed", json_count(s->reviewed));
    json_put(o, "barred", json_count(s->upheld));
    return o;
}

void http_get_beacon(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct copied v = {.height = 0};
    (void)c;
    if (http_ask(h, copy, &v, r))
        http_json(r, status(&v.s));
}

void http_get_randomness(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct ws_err err = {0};
    struct copied v = {.height = 0};
    int rc = http_number(c->target.segment[2], "height", INT64_MAX, &v.height, &err);
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
        return;
    }
    if (!http_ask(h, copy, &v, r))
        return;
    if (v.answer == BEACON_FORGOTTEN) {
        http_fail(r, MHD_HTTP_NOT_FOUND,
            "height %" PRIu64 " has no randomness here: it is older than what is kept", v.height);
        return;
    }
    static const char *const words[] = {
        [BEACON_IS] = "known", [BEACON_COMES] = "pending", [BEACON_NEVER] = "never"};
    uint8_t key[BEACON_HEIGHT_KEY_OCTETS];
    char path[64] = "/v1/proofs/state/beacon/";
    beacon_height_key(v.height, key);
    hex_encode(path + strlen(path), key, sizeof(key));
    const bool known = v.answer == BEACON_IS;
    json_t *o = json_object();
    json_put(o, "height", json_count(v.height));
    json_put(o, "state", json_string(words[v.answer]));
    json_put(o, "randomness", known ? json_hex(v.value, 32) : json_null());
    json_put(o, "proof", known ? json_string(path) : json_null());
    http_json(r, o);
}

void http_put_beacon(struct metrics *m, const struct http_view *v) {
    static const char *const kinds[] = {"other", "register", "deal", "review", "partial"};
    const struct beacon_status *s = &v->beacon;
    metrics_family(m, "wayside_randomness_height", METRIC_GAUGE,
        "Newest height whose randomness is known; 0: none");
    metrics_value(m, s->newest, NULL);
    metrics_family(m, "wayside_randomness_pending", METRIC_GAUGE,
        "Heights of the window that have no randomness yet");
    metrics_value(m, s->pending, NULL);
    metrics_family(m, "wayside_randomness_committees_total", METRIC_COUNTER,
        "Committees that have made or are to make a key");
    metrics_value(m, s->epoch, NULL);
    metrics_family(m, "wayside_randomness_generations_total", METRIC_COUNTER,
        "Generations of keys begun, those that started again included");
    metrics_value(m, s->serial, NULL);
    metrics_family(m, "wayside_randomness_key", METRIC_GAUGE,
        "Serial of the key that new heights get; 0: none, they wait for one");
    metrics_value(m, s->in_force, NULL);
    metrics_family(m, "wayside_randomness_barred", METRIC_GAUGE,
        "Validators of the committee that were proven to have dealt a wrong share");
    metrics_value(m, s->upheld, NULL);
    metrics_family(m, "wayside_randomness_records_total", METRIC_COUNTER,
        "Records that this unit has handed in, by kind");
    for (size_t i = 1; i < ARRAY_LEN(kinds); i++)
        metrics_value(m, v->beaconing.sent[i], "kind", kinds[i], NULL);
    metrics_family(m, "wayside_randomness_records_refused_total", METRIC_COUNTER,
        "Records of this unit that its own node did not take");
    metrics_value(m, v->beaconing.refused, NULL);
}

/* /v1/learning/risk and its metrics: what the decision service says at present, and said before, with the model that said so. */
#include "rsu/decide/service.h"
#include "rsu/http/internal.h"
#include "rsu/http/prometheus.h"
#include "rsu/json/decide.h"

#include "base/mem.h"

#include <stdlib.h>

/* Looks come once a second from each vehicle: counted one by one on an empty road they would be how somebody drives. */
enum { LOOKS_TOLD = 100 };

static json_t *model_json(const struct decide_state *s) {
    json_t *o = json_object();
    json_put(o, "applied", json_boolean(s->applied));
    json_put(o, "version", s->model_version != 0 ? json_count(s->model_version) : json_null());
    json_put(
        o, "hash", json_hex(s->model_hash, sizeof(s->model_hash))); /* zeros: none is in force */
    json_put(o, "class", s->applied ? json_count(s->threshold) : json_null());
    json_put(o, "class_name",
        s->applied ? json_words(span_of(s->class_name, strnlen(s->class_name, FL_NAME)))
                   : json_null());
    json_put(o, "why",
        s->applied ? json_null()
                   : json_words(span_of(s->why_not, strnlen(s->why_not, sizeof(s->why_not)))));
    return o;
}

static json_t *rules_json(const struct config_decide *c) {
    json_t *o = json_object();
    json_put(o, "vehicles", json_count(c->vehicles));
    json_put(o, "share_percent", json_count(c->share_percent));
    json_put(o, "within_s", json_count(c->within_us / 1000000));
    json_put(o, "quiet_s", json_count(c->quiet_us / 1000000));
    json_put(o, "place_m", json_count((uint64_t)c->place_mm / 1000));
    json_put(o, "look_ms", json_count(c->look_us / 1000));
    json_put(o, "window", json_count(c->window));
    return o;
}

void http_get_risk(struct http *h, const struct http_call *c, struct http_reply *r) {
    const struct config_decide *cfg = &h->d->config->decide;
    (void)c;
    if (h->d->decide == NULL) {
        http_fail(r, MHD_HTTP_NOT_FOUND, "this unit has no decision service (decide in rsud.yaml)");
        return;
    }
    struct decide_service_view *v = ws_alloc(sizeof(*v));
    decide_service_read(h->d->decide, v);
    json_t *present = json_array();
    json_t *recent = json_array();
    for (size_t i = 0; i < v->n; i++)
        json_add(v->decision[i].until_us == 0 ? present : recent, json_decision(&v->decision[i]));
    json_t *o = json_object();
    json_put(o, "sensor", json_words(span_of(cfg->sensor, strlen(cfg->sensor))));
    json_put(o, "model", model_json(&v->state));
    json_put(o, "site", cfg->site == NULL ? json_null() : json_boolean(v->site));
    json_put(o, "rules", rules_json(cfg));
    json_put(o, "present", present);
    json_put(o, "recent", recent);
    http_json(r, o);
    free(v);
}

/* ---- metrics ---- */

static void one(
    struct metrics *m, const char *name, enum metric_type type, const char *help, uint64_t value) {
    metrics_family(m, name, type, help);
    metrics_value(m, value, NULL);
}

static void put_looks(struct metrics *m, const struct decide_service_view *v) {
    static const char key[] = "outcome";
    metrics_family(m, "wayside_decide_messages_total", METRIC_COUNTER,
        "Beacons given to the decision service by what became of them");
    for (int i = 0; i < DECIDE_OUTCOME_COUNT; i++)
        metrics_value(
            m, v->state.outcome[i], key, decide_outcome_name((enum decide_outcome)i), NULL);
    metrics_value(m, v->dropped, key, "dropped", NULL);
    metrics_value(m, v->implausible, key, "implausible", NULL);
    metrics_family(m, "wayside_decide_looks", METRIC_GAUGE,
        "Looks judged by the model in force since it is, by class, in whole hundreds");
    for (unsigned i = 0; i < v->state.classes; i++) {
        char class[4];
        (void)snprintf(class, sizeof(class), "%u", i);
        metrics_value(m, v->state.judged[i] / LOOKS_TOLD * LOOKS_TOLD, "class", class, NULL);
    }
}

void http_put_risk(struct metrics *m, const struct http *h) {
    struct decide_service_view *v = ws_calloc(1, sizeof(*v)); /* zeros where there is none */
    uint64_t present = 0;
    if (h->d->decide != NULL)
        decide_service_read(h->d->decide, v);
    for (size_t i = 0; i < v->n; i++)
        present += v->decision[i].until_us == 0 ? 1 : 0;
    one(m, "wayside_decide_model_applied", METRIC_GAUGE,
        "1 when the model in force is applied; 0: /v1/learning/risk says why not",
        v->state.applied ? 1 : 0);
    put_looks(m, v);
    one(m, "wayside_decide_risks", METRIC_GAUGE, "Places that are risky at present", present);
    one(m, "wayside_decide_risks_begun_total", METRIC_COUNTER, "Risks found", v->state.begun);
    one(m, "wayside_decide_risks_ended_total", METRIC_COUNTER, "Risks that are over",
        v->state.ended);
    metrics_family(m, "wayside_decide_observations_total", METRIC_COUNTER,
        "Observations of risks by whether the cell took them; the others are tried again");
    metrics_value(m, v->filed, "outcome", "taken", NULL);
    metrics_value(m, v->not_filed, "outcome", "not_taken", NULL);
    one(m, "wayside_decide_vehicles", METRIC_GAUGE, "Vehicles watched", v->state.vehicles);
    one(m, "wayside_decide_vehicles_max", METRIC_GAUGE, "Their bound",
        h->d->config->decide.watched / 8 * 8);
    one(m, "wayside_decide_places", METRIC_GAUGE, "Places with judgements", v->state.places);
    one(m, "wayside_decide_places_max", METRIC_GAUGE, "Their bound", h->d->config->decide.places);
    one(m, "wayside_decide_hazards_dropped_total", METRIC_COUNTER,
        "Hazards of the ledger that the service had no room for", v->hazards_dropped);
    one(m, "wayside_decide_log_failed_total", METRIC_COUNTER,
        "Lines of the log of decisions that the disk did not take, or did not erase in time",
        v->log_failed);
    free(v);
}

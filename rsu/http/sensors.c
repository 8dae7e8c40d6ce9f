/* The unit's own sensors in /v1/status and /metrics. */
#include "rsu/http/internal.h"
#include "rsu/http/prometheus.h"

void http_copy_sensors(const struct sensors *s, struct http_view *v) {
    for (v->n_sensors = 0; v->n_sensors < sensors_count(s); v->n_sensors++)
        v->sensor[v->n_sensors] = *sensors_counters(s, v->n_sensors);
}

json_t *http_sensors_json(const struct http *h, const struct http_view *v) {
    json_t *list = json_array();
    for (size_t i = 0; i < v->n_sensors; i++) {
        const struct sensor_counters *c = &v->sensor[i];
        json_t *o = json_object();
        json_put(o, "name", json_string(h->d->config->sensors[i].name));
        json_put(o, "class", json_string("roadside"));
        json_put(o, "family", json_count(c->family));
        json_put(o, "clients", json_count(c->clients));
        json_put(o, "reports", json_count(c->reports));
        json_t *lines = json_object();
        for (int k = 0; k < SENSOR_OUTCOME_COUNT; k++)
            json_put(lines, sensor_outcome_name((enum sensor_outcome)k), json_count(c->outcome[k]));
        json_put(o, "lines", lines);
        json_add(list, o);
    }
    return list;
}

void http_put_sensors(struct metrics *m, const struct http *h, const struct http_view *v) {
    static const char key[] = "sensor";
    const struct config_sensor *cfg = h->d->config->sensors;
    metrics_family(m, "wayside_sensor_lines_total", METRIC_COUNTER,
        "Lines from the unit's own sensors by what became of them");
    for (size_t i = 0; i < v->n_sensors; i++)
        for (int k = 0; k < SENSOR_OUTCOME_COUNT; k++)
            metrics_value(m, v->sensor[i].outcome[k], key, cfg[i].name, "outcome",
                sensor_outcome_name((enum sensor_outcome)k), NULL);
    metrics_family(m, "wayside_sensor_reports_total", METRIC_COUNTER, "Reports in those taken");
    for (size_t i = 0; i < v->n_sensors; i++)
        metrics_value(m, v->sensor[i].reports, key, cfg[i].name, NULL);
    metrics_family(m, "wayside_sensor_clients", METRIC_GAUGE, "Connections of their software");
    for (size_t i = 0; i < v->n_sensors; i++)
        metrics_value(m, v->sensor[i].clients, key, cfg[i].name, NULL);
    metrics_family(m, "wayside_sensor_clients_max", METRIC_GAUGE, "Their bounds");
    for (size_t i = 0; i < v->n_sensors; i++)
        metrics_value(m, cfg[i].clients, key, cfg[i].name, NULL);
    metrics_family(m, "wayside_sensor_clients_refused_total", METRIC_COUNTER,
        "Connections beyond these bounds");
    for (size_t i = 0; i < v->n_sensors; i++)
        metrics_value(m, v->sensor[i].refused_clients, key, cfg[i].name, NULL);
    metrics_family(m, "wayside_sensor_answers_dropped_total", METRIC_COUNTER,
        "Answers that the software did not read in time");
    for (size_t i = 0; i < v->n_sensors; i++)
        metrics_value(m, v->sensor[i].unread_answers, key, cfg[i].name, NULL);
}

/* The part of /metrics about what vehicles upload for learning, and what members hand on to one another. */
#include "rsu/http/internal.h"
#include "rsu/http/prometheus.h"
#include "rsu/learning/uploading.h"

static void one(
    struct metrics *m, const char *name, enum metric_type type, const char *help, uint64_t value) {
    metrics_family(m, name, type, help);
    metrics_value(m, value, NULL);
}

static void put_port(struct metrics *m, const struct uploads_port_counters *c,
    const struct config_learning *limits) {
    const struct uploads_counters *u = &c->uploads;
    metrics_family(m, "wayside_upload_datagrams_total", METRIC_COUNTER,
        "Datagrams from vehicles by what became of them");
    for (int i = 0; i < UPLOADS_OUTCOME_COUNT; i++)
        metrics_value(
            m, u->datagrams[i], "outcome", uploads_outcome_name((enum uploads_outcome)i), NULL);
    metrics_value(m, c->too_long, "outcome", "too_long", NULL);
    metrics_family(
        m, "wayside_upload_refusals_total", METRIC_COUNTER, "Refusals told to vehicles, by reason");
    for (int i = FL_UPLOAD_NONE + 1; i < FL_UPLOAD_REASON_COUNT; i++)
        metrics_value(
            m, u->refusals[i], "reason", fl_upload_reason_name((enum fl_upload_reason)i), NULL);
    one(m, "wayside_uploads_kept_total", METRIC_COUNTER,
        "Submissions that vehicles brought, checked and written down", u->finished);
    one(m, "wayside_uploads_spoiled_total", METRIC_COUNTER,
        "Submissions that came whole and were not what was signed", u->spoiled);
    one(m, "wayside_uploads_evicted_total", METRIC_COUNTER,
        "Uploads that stood still and made room for others", u->evicted);
    one(m, "wayside_uploads_under_way", METRIC_GAUGE, "Uploads under way", u->under_way);
    one(m, "wayside_uploads_under_way_max", METRIC_GAUGE, "Their bound", limits->uploads);
    one(m, "wayside_upload_octets", METRIC_GAUGE, "Memory of uploads under way", u->octets_now);
    one(m, "wayside_upload_octets_max", METRIC_GAUGE, "Its bound", limits->upload_octets);
    one(m, "wayside_upload_answers_unsent_total", METRIC_COUNTER,
        "Answers to vehicles that the machine did not take", c->not_sent);
}

static void put_handing(struct metrics *m, const struct uploading_counters *c) {
    const struct handing_counters *h = &c->handing;
    one(m, "wayside_handed_submissions_total", METRIC_COUNTER,
        "Submissions that other members handed on, checked and written down", h->got);
    one(m, "wayside_handed_bad_total", METRIC_COUNTER,
        "Submissions handed on that were not what was signed; the log names who", h->bad);
    one(m, "wayside_handed_waiting", METRIC_GAUGE,
        "Submissions of the round that are not here and are asked for", h->waiting);
    one(m, "wayside_handing_timeouts_total", METRIC_COUNTER,
        "Times that a member asked for something was silent", h->timeouts);
    one(m, "wayside_handing_served_octets_total", METRIC_COUNTER,
        "Octets of submissions handed on to other members", h->served_octets);
    one(m, "wayside_handing_refused_total", METRIC_COUNTER,
        "Questions of peers beyond their place, or of who is no member of the round", h->refused);
    const struct blobs_counters *b = &c->blobs;
    one(m, "wayside_models_fetched_total", METRIC_COUNTER,
        "Models and root sets that came from peers, of the hash that the ledger names", b->got);
    one(m, "wayside_models_bad_total", METRIC_COUNTER,
        "Models and root sets from peers that were something else; the log names who", b->bad);
    one(m, "wayside_models_wanted", METRIC_GAUGE,
        "Models and root sets that the ledger names and that are not here", b->waiting);
    one(m, "wayside_models_served_octets_total", METRIC_COUNTER,
        "Octets of models and root sets handed on to peers", b->served_octets);
    metrics_family(m, "wayside_handing_dropped_total", METRIC_COUNTER,
        "Messages about submissions that found no room in a queue");
    metrics_value(m, c->dropped_in, "direction", "in", NULL);
    metrics_value(m, c->dropped_out, "direction", "out", NULL);
}

void http_put_uploads(struct metrics *m, const struct http *h) {
    struct uploading_counters c = {0};
    if (h->d->uploading != NULL)
        c = uploading_read(h->d->uploading);
    put_port(m, &c.port, &h->d->config->learning);
    put_handing(m, &c);
}

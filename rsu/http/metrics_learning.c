/* The part of /metrics about rounds of learning, this unit's part in them, and what it keeps of them. */
#include "rsu/http/learning.h"
#include "rsu/http/prometheus.h"

void http_copy_learning(const struct rsud *d, struct http_view *v) {
    struct fl_model_view model;
    struct fl_round_view round;
    uint8_t lacks[LEARNING_LACKS_MAX][32];
    fl_contract_model(d->cell.learn, &model);
    fl_contract_round(d->cell.learn, &round);
    v->model_version = model.name[0] == '\0' ? 0 : model.version;
    v->round = round.number;
    v->phase = round.phase;
    v->submissions = round.submissions;
    v->scores = fl_contract_suspicion(d->cell.learn)->n;
    v->scores_max = fl_contract_suspicion(d->cell.learn)->max;
    v->scores_dropped = fl_contract_suspicion(d->cell.learn)->full;
    if (d->learning == NULL)
        return;
    v->n_lacks = learning_lacks(d->learning, d->cell.learn, lacks);
    v->learning = learning_read(d->learning);
}

static void one(
    struct metrics *m, const char *name, enum metric_type type, const char *help, uint64_t value) {
    metrics_family(m, name, type, help);
    metrics_value(m, value, NULL);
}

static void put_rounds(struct metrics *m, const struct http_view *v) {
    one(m, "wayside_learning_model_version", METRIC_GAUGE,
        "Version of the model in force; 0: none is", v->model_version);
    one(m, "wayside_learning_round", METRIC_GAUGE,
        "Number of the last round that was opened; 0: none was", v->round);
    metrics_family(m, "wayside_learning_phase", METRIC_GAUGE,
        "1 for the phase that learning is in, 0 for the others");
    for (int i = 0; i < FL_PHASE_COUNT; i++)
        metrics_value(
            m, v->phase == (enum fl_phase)i, "phase", fl_phase_name((enum fl_phase)i), NULL);
    one(m, "wayside_learning_submissions", METRIC_GAUGE, "Submissions of the round that is on",
        v->submissions);
    one(m, "wayside_learning_scores", METRIC_GAUGE,
        "Vehicles that the cell keeps a score of, as it differs from a newcomer's", v->scores);
    one(m, "wayside_learning_scores_max", METRIC_GAUGE, "Their bound", v->scores_max);
    one(m, "wayside_learning_scores_dropped_total", METRIC_COUNTER,
        "Scores that were forgotten for want of room, the lowest first", v->scores_dropped);
    one(m, "wayside_learning_lacks", METRIC_GAUGE,
        "Models and root sets in force that are not here", v->n_lacks);
}

static void put_member(struct metrics *m, const struct learning_counters *c) {
    const struct fl_member_counters *k = &c->member;
    metrics_family(m, "wayside_learning_looked_total", METRIC_COUNTER,
        "Looks at submissions, by what they were found to be");
    metrics_value(m, k->good, "verdict", "good", NULL);
    metrics_value(m, k->missing, "verdict", "missing", NULL);
    metrics_value(m, k->other, "verdict", "other", NULL);
    metrics_value(m, k->bad, "verdict", "bad", NULL);
    metrics_family(m, "wayside_learning_records_total", METRIC_COUNTER,
        "Records of learning that this unit has handed in, by kind");
    for (size_t i = FL_RECORD_KEY; i <= FL_RECORD_OUTCOME; i++)
        metrics_value(m, c->sent[i], "kind", json_learn_record((enum fl_record)i), NULL);
    one(m, "wayside_learning_records_refused_total", METRIC_COUNTER,
        "Records of learning that its own node did not take", c->refused);
    metrics_family(m, "wayside_learning_outcomes_total", METRIC_COUNTER,
        "Tries to find a round's outcome, by whether it was found");
    metrics_value(m, c->found, "result", "found", NULL);
    metrics_value(m, c->not_found, "result", "not_found", NULL);
    one(m, "wayside_learning_refused_to_open_total", METRIC_COUNTER,
        "Times that this unit would not open keys: another set under a round that it opened, or an "
        "older round",
        k->refused_to_open);
}

static void put_store(struct metrics *m, const struct materials_counters *c,
    const struct config_learning *limits, uint64_t other_failures) {
    metrics_family(m, "wayside_learning_store_octets", METRIC_GAUGE,
        "Octets on disk: what vehicles sent, and models and root sets");
    metrics_value(m, c->octets, "of", "submissions", NULL);
    metrics_value(m, c->blob_octets, "of", "models", NULL);
    metrics_family(m, "wayside_learning_store_octets_max", METRIC_GAUGE, "Their bounds");
    metrics_value(m, limits->store_octets, "of", "submissions", NULL);
    metrics_value(m, limits->model_octets, "of", "models", NULL);
    metrics_family(m, "wayside_learning_stored_total", METRIC_COUNTER,
        "Submissions written down, those whose sealed shares were erased, and those that have "
        "gone");
    metrics_value(m, c->put, "event", "stored", NULL);
    metrics_value(m, c->erased, "event", "erased", NULL);
    metrics_value(m, c->expired, "event", "expired", NULL);
    metrics_family(m, "wayside_learning_store_failures_total", METRIC_COUNTER,
        "No room, a disk that failed, and models that were damaged on it");
    metrics_value(m, c->no_room, "reason", "no_room", NULL);
    metrics_value(m, c->io_failed + other_failures, "reason", "disk", NULL);
    metrics_value(m, c->bad_blobs, "reason", "damaged", NULL);
}

void http_put_learning(struct metrics *m, const struct http *h, const struct http_view *v) {
    struct materials_counters kept = {0};
    if (h->d->materials != NULL)
        kept = materials_read(h->d->materials);
    put_rounds(m, v);
    put_member(m, &v->learning);
    put_store(m, &kept, &h->d->config->learning, v->learning.member.io_failed);
}

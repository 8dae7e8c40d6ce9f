/* /v1/learning: the model in force, the round that is on and what proves it, and what this unit does in it. */
#include "rsu/http/learning.h"

#include "base/mem.h"

#include <stdlib.h>

struct present {
    uint64_t height, block_time;
    struct fl_model_view model;
    struct fl_round_view round; /* its open is ours or NULL */
    struct fl_open open;
    uint8_t id[32]; /* of the round */
    size_t n_lacks;
    uint8_t lacks[LEARNING_LACKS_MAX][32];
    bool has_counters;
    struct learning_counters counters;
};

static void copy(void *owner, void *ctx) {
    const struct rsud *d = owner;
    struct present *p = ctx;
    struct node_status s;
    node_status(d->node, &s);
    p->height = s.height;
    p->block_time = s.block_time;
    fl_contract_model(d->cell.learn, &p->model);
    fl_contract_round(d->cell.learn, &p->round);
    if (p->round.open != NULL) {
        struct fl_round round;
        p->open = *p->round.open;
        fl_open_round(&p->open, d->cell_id, &round);
        memcpy(p->id, round.id, sizeof(p->id));
        p->round.open = &p->open;
    }
    p->has_counters = d->learning != NULL;
    if (d->learning == NULL)
        return;
    p->n_lacks = learning_lacks(d->learning, d->cell.learn, p->lacks);
    p->counters = learning_read(d->learning);
}

static json_t *round_on(const struct present *p, const struct learn_round *known) {
    static const struct learn_round none;
    const struct fl_round_view *v = &p->round;
    struct buf octets = {0};
    fl_open_encode(&p->open, &octets);
    json_t *o = json_object();
    json_put(o, "number", json_count(v->number));
    json_put(o, "id", json_hex(p->id, sizeof(p->id)));
    json_put(o, "phase", json_string(fl_phase_name(v->phase)));
    json_put(o, "until", json_instant(v->until_us));
    json_put(o, "until_its_us", json_count(v->until_us));
    json_put(o, "profile", json_string(p->open.config.profile->name));
    json_put(o, "submissions", json_count(v->submissions));
    json_put(o, "included", json_count(v->included));
    json_put(o, "groups", json_count(v->groups));
    json_put(o, "opened", json_count(v->opened));
    json_put(o, "attested", json_count(v->attested));
    json_put(o, "outcomes", json_count(v->outcomes));
    json_put(o, "members", json_learn_members(&p->open));
    json_put(o, "open", json_hex(octets.p, octets.n));
    json_put(o, "open_height", json_count(p->open.height));
    json_put(o, "seed", v->phase >= FL_SUBMITTING ? json_hex(v->seed, 32) : json_null());
    json_put(o, "seed_height", json_count(p->open.seed_height));
    json_put(o, "events", json_learn_steps((known == NULL ? &none : known)->at));
    buf_free(&octets);
    return o;
}

static json_t *records_sent(const struct learning_counters *c) {
    json_t *o = json_object();
    for (size_t i = FL_RECORD_KEY; i <= FL_RECORD_OUTCOME; i++)
        json_put(o, json_learn_record((enum fl_record)i), json_count(c->sent[i]));
    return o;
}

static json_t *counters(const struct learning_counters *c, const struct materials_counters *m) {
    json_t *o = json_object();
    json_put(o, "looked", json_count(c->member.looked));
    json_put(o, "good", json_count(c->member.good));
    json_put(o, "missing", json_count(c->member.missing));
    json_put(o, "other", json_count(c->member.other));
    json_put(o, "bad", json_count(c->member.bad));
    json_put(o, "refused_to_open", json_count(c->member.refused_to_open));
    json_put(o, "records_sent", records_sent(c));
    json_put(o, "records_refused", json_count(c->refused));
    json_put(o, "outcomes_found", json_count(c->found));
    json_put(o, "outcomes_not_found", json_count(c->not_found));
    json_put(o, "submissions_kept", json_count(m->submissions));
    json_put(o, "submission_octets", json_count(m->octets));
    json_put(o, "models_kept", json_count(m->blobs));
    json_put(o, "model_octets", json_count(m->blob_octets));
    json_put(o, "no_room", json_count(m->no_room));
    json_put(o, "disk_failed", json_count(c->member.io_failed + m->io_failed));
    return o;
}

static json_t *page(struct http *h, const struct present *p) {
    const struct fl_round_view *v = &p->round;
    struct learn_round known;
    struct learn_model model;
    struct materials_counters kept = {0};
    const char *upload = h->d->config->learning.upload;
    const bool has_model = learn_index_model(h->learned, p->model.version, &model) &&
                           memcmp(model.hash, p->model.hash, 32) == 0;
    const bool has_round = learn_index_round(h->learned, v->number, &known);
    if (h->d->materials != NULL)
        kept = materials_read(h->d->materials);
    json_t *lacks = json_array();
    for (size_t i = 0; i < p->n_lacks; i++)
        json_add(lacks, json_hex(p->lacks[i], 32));
    json_t *o = json_object();
    json_put(o, "height", json_count(p->height));
    json_put(o, "time_its_us", json_count(p->block_time));
    json_put(o, "model", json_model_view(&p->model, has_model ? model.at.height : 0));
    json_put(o, "round", v->open == NULL ? json_null() : round_on(p, has_round ? &known : NULL));
    json_put(o, "rounds", json_count(v->number));
    json_put(o, "why",
        v->open != NULL || v->why == FL_ABORT_NONE ? json_null()
                                                   : json_string(fl_abort_name(v->why)));
    json_put(o, "lacks", lacks);
    json_put(
        o, "upload", upload == NULL ? json_null() : json_words(span_of(upload, strlen(upload))));
    json_put(o, "counters", p->has_counters ? counters(&p->counters, &kept) : json_null());
    return o;
}

/* The index may know a block that is younger than what the owner said, never an older one. */
static void make(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct present *p = ws_alloc(sizeof(*p));
    struct ws_err err = {0};
    (void)c;
    if (http_ask(h, copy, p, r)) {
        int rc = learn_index_refresh(h->learned, &err);
        if (rc == WS_OK)
            http_json(r, page(h, p));
        else
            http_fail_err(r, rc, &err);
    }
    free(p);
}

void http_get_learning(struct http *h, const struct http_call *c, struct http_reply *r) {
    (void)h;
    (void)c;
    http_later(r, LANE_LEARNING, make);
}

/* /v1/map/feedback: what receivers of TN-ITS data sets answered, for the authority; and what they said of one change. */
#include "rsu/feedback/feedback.h"
#include "rsu/http/evidence.h"
#include "rsu/http/prometheus.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

enum { EVENTS_LISTED = 100, ABOUT_CHANGE = 256 };

static json_t *text_of(const char *s) {
    return json_words(span_of(s, strlen(s)));
}

static json_t *event_json(const struct tnits_event *e) {
    uint8_t id[16];
    json_t *o = json_object();
    json_put(o, "element", feedback_element(e, id) ? json_hex(id, sizeof(id)) : json_null());
    json_put(o, "provider", text_of(e->provider));
    json_put(o, "id", text_of(e->id));
    json_put(o, "property", text_of(e->property));
    json_put(o, "code", text_of(e->code));
    return o;
}

static json_t *kept_json(const struct feedback_kept *k, size_t most) {
    const struct tnits_feedback *a = &k->answer;
    json_t *codes = json_array();
    for (size_t i = 0; i < a->n_codes; i++) {
        json_t *c = json_object();
        json_put(c, "code", text_of(a->codes[i].code));
        json_put(c, "n", json_count(a->codes[i].n));
        json_put(c, "general", json_boolean(a->codes[i].general));
        json_add(codes, c);
    }
    json_t *texts = json_array();
    for (size_t i = 0; i < a->n_texts; i++)
        json_add(texts, text_of(a->texts[i]));
    json_t *events = json_array();
    for (size_t i = 0; i < a->n_events && i < most; i++)
        json_add(events, event_json(&a->events[i]));
    json_t *o = json_object();
    json_put(o, "id", json_count(k->number));
    json_put(o, "received", json_instant(k->received));
    json_put(o, "dataset", text_of(a->dataset));
    json_put(o, "from", k->to == 0 ? json_null() : json_count(k->from));
    json_put(o, "to", k->to == 0 ? json_null() : json_count(k->to));
    json_put(o, "processed", text_of(a->processed));
    json_put(o, "success",
        json_count(
            a->has_summary ? (uint64_t)a->said_success : a->n_all - a->n_texts_all - a->failures));
    json_put(o, "failure", json_count(a->has_summary ? (uint64_t)a->said_failure : a->failures));
    json_put(o, "codes", codes);
    json_put(o, "texts", texts);
    json_put(o, "events_all", json_count(a->n_all));
    json_put(o, "events", events);
    return o;
}

static bool list_one(void *ctx, const struct feedback_kept *k) {
    json_add(ctx, kept_json(k, EVENTS_LISTED));
    return true;
}

void http_get_feedback(struct http *h, const struct http_call *c, struct http_reply *r) {
    json_t *list = json_array();
    (void)c;
    if (h->d->feedback != NULL)
        feedback_each(h->d->feedback, list_one, list);
    json_t *o = json_object();
    json_put(o, "feedback", list);
    http_json(r, o);
}

struct wanted {
    uint64_t number;
    json_t *found;
};

static bool find_one(void *ctx, const struct feedback_kept *k) {
    struct wanted *w = ctx;
    if (k->number == w->number)
        w->found = kept_json(k, FEEDBACK_EVENTS_MAX);
    return w->found == NULL && k->number > w->number;
}

void http_get_one_feedback(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct wanted w = {0};
    struct ws_err err = {0};
    if (http_number(c->target.segment[3], "feedback", INT64_MAX, &w.number, &err) != WS_OK) {
        http_fail_err(r, WS_EINPUT, &err);
        return;
    }
    if (h->d->feedback != NULL)
        feedback_each(h->d->feedback, find_one, &w);
    if (w.found != NULL)
        http_json(r, w.found);
    else
        http_fail(r, MHD_HTTP_NOT_FOUND, "no feedback %" PRIu64 " is kept here", w.number);
}

/* ---- about one change ---- */

struct about {
    uint64_t version;
    const struct element *element;
    json_t *list;
};

static bool list_about(void *ctx, const struct feedback_kept *k) {
    struct about *a = ctx;
    if (a->version <= k->from || a->version > k->to)
        return true;
    for (size_t i = 0; i < k->answer.n_events && json_array_size(a->list) < ABOUT_CHANGE; i++) {
        const struct tnits_event *e = &k->answer.events[i];
        if (!feedback_names(e, a->element))
            continue;
        json_t *o = json_object();
        json_put(o, "feedback", json_count(k->number));
        json_put(o, "received", json_instant(k->received));
        json_put(o, "dataset", text_of(k->answer.dataset));
        json_put(o, "property", text_of(e->property));
        json_put(o, "code", text_of(e->code));
        json_add(a->list, o);
    }
    return json_array_size(a->list) < ABOUT_CHANGE;
}

json_t *http_feedback_about(struct http *h, uint64_t version, const struct change_record *c) {
    struct about a = {version, c->has_after ? &c->after : &c->before, json_array()};
    if (h->d->feedback != NULL)
        feedback_each(h->d->feedback, list_about, &a);
    return a.list;
}

static bool count_one(void *ctx, const struct feedback_kept *k) {
    uint64_t *n = ctx;
    (void)k;
    ++*n;
    return true;
}

void http_put_feedback(struct metrics *m, const struct http *h) {
    uint64_t n = 0;
    if (h->d->feedback != NULL)
        feedback_each(h->d->feedback, count_one, &n);
    metrics_family(m, "wayside_map_feedback", METRIC_GAUGE,
        "Answers of receivers of TN-ITS data sets that are kept");
    metrics_value(m, n, NULL);
    metrics_family(m, "wayside_map_feedback_max", METRIC_GAUGE, "Their bound; the oldest goes");
    metrics_value(m, FEEDBACK_KEPT_MAX, NULL);
}

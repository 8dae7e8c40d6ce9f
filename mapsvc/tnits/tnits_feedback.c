#include "mapsvc/tnits/tnits_feedback.h"

#include "base/mem.h"
#include "mapsvc/model/text.h"
#include "mapsvc/tnits/tnits_read.h"

#include <stdio.h>
#include <stdlib.h>

struct reader {
    struct tnits_feedback *f;
    struct tnits_walk w;
    struct tnits_event event; /* being read */
    bool found; /* a FeedbackDataset */
    bool has_code;
};

/* Clean text, cut to the field. */
static void put_field(char *dst, size_t size, const char *s) {
    char *clean = text_clean(s, size - 1);
    (void)snprintf(dst, size, "%s", clean);
    free(clean);
}

static void count_code(struct tnits_feedback *f, const char *code, bool general) {
    for (size_t i = 0; i < f->n_codes; i++) {
        if (f->codes[i].general == general && strcmp(f->codes[i].code, code) == 0) {
            f->codes[i].n++;
            return;
        }
    }
    if (f->n_codes == TNITS_FEEDBACK_CODES_MAX) {
        f->other_codes++;
        return;
    }
    struct tnits_code_count *c = &f->codes[f->n_codes++];
    *c = (struct tnits_code_count){.n = 1, .general = general};
    (void)snprintf(c->code, sizeof(c->code), "%s", code);
}

static void on_start(struct xml *x, void *user, const char *name, const char **attrs) {
    struct reader *r = user;
    (void)x;
    tnits_walk_start(&r->w, name);
    const char *local = tnits_walk_name(&r->w, 0);
    const char *code = tnits_code_of(attrs);
    if (strcmp(local, "FeedbackDataset") == 0)
        r->found = true;
    if (strcmp(local, "RoadFeatureEvent") == 0 || strcmp(local, "GeneralFeedbackEvent") == 0) {
        r->event = (struct tnits_event){0};
        r->has_code = false;
    }
    if (strcmp(local, "eventCode") == 0 && code != NULL) {
        put_field(r->event.code, sizeof(r->event.code), code);
        r->has_code = code[0] != '\0';
    }
    if (strcmp(local, "roadFeaturePropertyType") == 0 && code != NULL)
        put_field(r->event.property, sizeof(r->event.property), code);
}

static void on_text(struct xml *x, void *user, const char *s, size_t n) {
    struct reader *r = user;
    (void)x;
    tnits_walk_text(&r->w, s, n);
}

static void keep_event(struct reader *r) {
    struct tnits_feedback *f = r->f;
    if (f->n_events == TNITS_FEEDBACK_EVENTS_MAX)
        return;
    if (f->n_events == f->cap) {
        f->cap = f->cap == 0 ? 64 : f->cap * 2;
        f->events = ws_realloc(f->events, f->cap * sizeof(f->events[0]));
    }
    f->events[f->n_events++] = r->event;
}

static void end_event(struct xml *x, struct reader *r, bool general) {
    if (!r->has_code) {
        xml_fail(x, WS_EINPUT, "an event without its code (eventCode)");
        return;
    }
    if (!general && (r->event.id[0] == '\0' || r->event.provider[0] == '\0')) {
        xml_fail(x, WS_EINPUT, "an event about a feature that it does not name");
        return;
    }
    r->f->n_all++;
    r->f->failures += strcmp(r->event.code, "success") != 0;
    count_code(r->f, r->event.code, general);
    if (!general)
        keep_event(r);
}

static void end_text(struct reader *r) {
    struct tnits_feedback *f = r->f;
    f->n_all++;
    f->n_texts_all++;
    if (f->n_texts < TNITS_FEEDBACK_TEXTS_MAX)
        put_field(f->texts[f->n_texts++], sizeof(f->texts[0]), tnits_walk_value(&r->w));
}

static void end_count(struct xml *x, struct reader *r, int64_t *to) {
    const char *s = tnits_walk_value(&r->w);
    if (!text_to_i64(s, to) || *to < 0)
        xml_fail(x, WS_EINPUT, "%s: \"%.32s\" is no count", tnits_walk_name(&r->w, 0), s);
    r->f->has_summary = true;
}

static void on_end(struct xml *x, void *user, const char *name) {
    struct reader *r = user;
    struct tnits_walk *w = &r->w;
    (void)name;
    if (tnits_walk_is(w, "datasetIdentifier", "FeedbackInformation"))
        put_field(r->f->dataset, sizeof(r->f->dataset), tnits_walk_value(w));
    else if (tnits_walk_is(w, "processed", "FeedbackInformation"))
        put_field(r->f->processed, sizeof(r->f->processed), tnits_walk_value(w));
    else if (tnits_walk_is(w, "providerId", "RoadFeatureId"))
        put_field(r->event.provider, sizeof(r->event.provider), tnits_walk_value(w));
    else if (tnits_walk_is(w, "id", "RoadFeatureId"))
        put_field(r->event.id, sizeof(r->event.id), tnits_walk_value(w));
    else if (tnits_walk_is(w, "text", "FreeTextEvent"))
        end_text(r);
    else if (tnits_walk_is(w, "nrSuccess", "SummaryInfo"))
        end_count(x, r, &r->f->said_success);
    else if (tnits_walk_is(w, "nrFail", "SummaryInfo"))
        end_count(x, r, &r->f->said_failure);
    else if (strcmp(tnits_walk_name(w, 0), "RoadFeatureEvent") == 0)
        end_event(x, r, false);
    else if (strcmp(tnits_walk_name(w, 0), "GeneralFeedbackEvent") == 0)
        end_event(x, r, true);
    tnits_walk_end(w);
}

int tnits_feedback_read(
    const char *file, struct span data, struct tnits_feedback *ret, struct ws_err *err) {
    *ret = (struct tnits_feedback){0};
    struct reader *r = ws_alloc(sizeof(*r));
    *r = (struct reader){.f = ret};
    const struct xml_handler h = {.user = r, .start = on_start, .end = on_end, .text = on_text};
    int rc = xml_parse(file, data, &h, err);
    if (rc == WS_OK && !r->found)
        rc = ws_fail(err, WS_EINPUT, "%s: no TN-ITS feedback (FeedbackDataset)", file);
    else if (rc == WS_OK && ret->dataset[0] == '\0')
        rc = ws_fail(err, WS_EINPUT, "%s: does not say which data set it answers", file);
    tnits_walk_free(&r->w);
    free(r);
    if (rc != WS_OK)
        tnits_feedback_free(ret);
    return rc;
}

void tnits_feedback_free(struct tnits_feedback *f) {
    free(f->events);
    *f = (struct tnits_feedback){0};
}

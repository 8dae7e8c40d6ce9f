/* rsuctl map feedback: what receivers of TN-ITS data sets answered, for the authority. */
#include "base/fileio.h"
#include "base/mem.h"
#include "mapsvc/tnits/tnits_feedback.h"
#include "rsu/ctl/map.h"
#include "rsu/host/admin.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINES_SHOWN = 200 };

struct teller {
    const struct ctl_verb *v;
    const struct mapset *map; /* NULL: not given */
    struct buf text;
    json_t *list; /* NULL: for people */
    bool failed;
    const char *admin; /* NULL: nobody is given it */
    size_t refused;
};

/* The element a feature id means: its own id, or the name under which another data set brought it. */
static const struct element *element_of(const struct mapset *m, const struct tnits_event *e) {
    uint8_t id[16];
    if (strlen(e->id) == 32 && hex_decode(id, sizeof(id), e->id))
        return mapset_find(m, id);
    char alias[ELEMENT_MAX_TEXT + 1];
    (void)snprintf(alias, sizeof(alias), "tnits:%s/%s", e->provider, e->id);
    for (size_t i = 0; i < m->n; i++)
        for (size_t k = 0; k < m->elements[i].n_aliases; k++)
            if (strcmp(m->elements[i].aliases[k], alias) == 0)
                return &m->elements[i];
    return NULL;
}

static void words_of(const struct teller *t, const struct tnits_event *e, char *dst, size_t size) {
    if (t->map == NULL) {
        (void)snprintf(dst, size, "%s", "");
        return;
    }
    const struct element *found = element_of(t->map, e);
    if (found == NULL) {
        (void)snprintf(dst, size, "not in this map");
        return;
    }
    char value[16] = "";
    if (found->has_value)
        (void)snprintf(value, sizeof(value), " %d", found->value);
    (void)snprintf(dst, size, "%s%s%s%.200s", element_kind_name(found->kind), value,
        found->n_aliases > 0 ? ", " : "", found->n_aliases > 0 ? found->aliases[0] : "");
}

static int event_order(const void *a, const void *b) {
    const struct tnits_event *p = a;
    const struct tnits_event *q = b;
    int c = strcmp(p->provider, q->provider);
    c = c != 0 ? c : strcmp(p->id, q->id);
    c = c != 0 ? c : strcmp(p->code, q->code);
    return c != 0 ? c : strcmp(p->property, q->property);
}

static int count_order(const void *a, const void *b) {
    const struct tnits_code_count *p = a;
    const struct tnits_code_count *q = b;
    if (p->n != q->n)
        return p->n > q->n ? -1 : 1;
    return strcmp(p->code, q->code);
}

/* Calls fn for each different event that is no success, with how often it came. */
static size_t each_failure(const struct tnits_feedback *f,
    void (*fn)(struct teller *t, const struct tnits_event *e, size_t times), struct teller *t,
    size_t most) {
    size_t n = 0;
    for (size_t i = 0; i < f->n_events;) {
        size_t k = i + 1;
        while (k < f->n_events && event_order(&f->events[i], &f->events[k]) == 0)
            k++;
        if (strcmp(f->events[i].code, "success") != 0 && n++ < most)
            fn(t, &f->events[i], k - i);
        i = k;
    }
    return n;
}

static void put_failure(struct teller *t, const struct tnits_event *e, size_t times) {
    char words[320];
    words_of(t, e, words, sizeof(words));
    buf_printf(&t->text, "  %s/%s: %s%s%s", e->provider, e->id, e->code,
        e->property[0] != '\0' ? " of " : "", e->property);
    if (times > 1)
        buf_printf(&t->text, " (%zu times)", times);
    buf_printf(&t->text, "%s%s\n", words[0] != '\0' ? ": " : "", words);
}

static void add_failure(struct teller *t, const struct tnits_event *e, size_t times) {
    char words[320];
    words_of(t, e, words, sizeof(words));
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:I}", "provider", e->provider, "id", e->id, "code",
        e->code, "property", e->property, "times", (json_int_t)times);
    if (t->map != NULL)
        (void)json_object_set_new(o, "element", json_string(words));
    (void)json_array_append_new(t->list, o);
}

static void put_people(struct teller *t, const char *file, const struct tnits_feedback *f) {
    struct buf *b = &t->text;
    buf_printf(b, "%s: answer to %s, processed %s\n", file, f->dataset,
        f->processed[0] != '\0' ? f->processed : "at an unknown time");
    for (size_t i = 0; i < f->n_codes; i++)
        buf_printf(b, "  %6zu %s%s\n", f->codes[i].n, f->codes[i].code,
            f->codes[i].general ? " (about the data set)" : "");
    if (f->other_codes > 0)
        buf_printf(b, "  %6zu with still other codes\n", f->other_codes);
    if (f->has_summary)
        buf_printf(b, "  its summary: %lld succeeded, %lld failed\n", (long long)f->said_success,
            (long long)f->said_failure);
    size_t n = each_failure(f, put_failure, t, LINES_SHOWN);
    if (n > LINES_SHOWN)
        buf_printf(b, "  ... %zu more with --json\n", n - LINES_SHOWN);
    for (size_t i = 0; i < f->n_texts; i++)
        buf_printf(b, "  it says: %s\n", f->texts[i]);
    if (f->n_texts_all > f->n_texts)
        buf_printf(b, "  ... and %zu more texts\n", f->n_texts_all - f->n_texts);
}

static json_t *as_json(struct teller *t, const char *file, const struct tnits_feedback *f) {
    json_t *codes = json_array();
    for (size_t i = 0; i < f->n_codes; i++)
        (void)json_array_append_new(
            codes, json_pack("{s:s, s:I, s:b}", "code", f->codes[i].code, "count",
                       (json_int_t)f->codes[i].n, "about_the_data_set", f->codes[i].general));
    json_t *texts = json_array();
    for (size_t i = 0; i < f->n_texts; i++)
        (void)json_array_append_new(texts, json_string(f->texts[i]));
    t->list = json_array();
    (void)each_failure(f, add_failure, t, SIZE_MAX);
    json_t *summary = f->has_summary
                          ? json_pack("{s:I, s:I}", "success", (json_int_t)f->said_success,
                                "failure", (json_int_t)f->said_failure)
                          : json_null();
    json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:o, s:o, s:I, s:o}", "file", file,
        "dataset", f->dataset, "processed", f->processed, "codes", codes, "events",
        (json_int_t)f->n_all, "failures", (json_int_t)f->failures, "features", t->list, "texts",
        texts, "texts_all", (json_int_t)f->n_texts_all, "summary", summary);
    t->list = NULL;
    return o;
}

/* As it came; the unit keeps it and shows it. */
static int hand_in(struct teller *t, const char *file, const struct buf *data, struct ws_err *err) {
    struct buf order = {0};
    struct buf line = {0};
    buf_printf(&order, "feedback ");
    buf_put(&order, data->p, data->n);
    int rc = admin_send(t->admin, buf_span(&order), &line, err);
    if (rc == WS_OK) {
        bool kept = line.n > 3 && memcmp(line.p, "ok ", 3) == 0;
        t->refused += !kept;
        (void)fprintf(stderr, "%s: %s%.*s\n", file,
            kept ? "kept as number " : "not kept: ", (int)(line.n > 3 ? line.n - 3 : 0),
            line.n > 3 ? (const char *)line.p + 3 : "");
    }
    buf_free(&order);
    buf_free(&line);
    return rc;
}

static int one(struct teller *t, const char *file, json_t *all, struct ws_err *err) {
    struct buf data = {0};
    struct tnits_feedback *f = ws_alloc(sizeof(*f));
    int rc = file_read(file, TNITS_FEEDBACK_OCTETS_MAX, &data, err);
    if (rc == WS_OK)
        rc = tnits_feedback_read(file, buf_span(&data), f, err);
    if (rc == WS_OK && t->admin != NULL) {
        rc = hand_in(t, file, &data, err);
        if (rc != WS_OK)
            tnits_feedback_free(f);
    }
    buf_free(&data);
    if (rc == WS_OK) {
        t->failed = t->failed || f->failures > 0 || f->said_failure > 0;
        if (f->n_events > 1)
            qsort(f->events, f->n_events, sizeof(f->events[0]), event_order);
        qsort(f->codes, f->n_codes, sizeof(f->codes[0]), count_order);
        if (all != NULL)
            (void)json_array_append_new(all, as_json(t, file, f));
        else
            put_people(t, file, f);
        tnits_feedback_free(f);
    }
    free(f);
    return rc;
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    const char *map = NULL;
    const char *admin = NULL;
    bool json = false;
    struct ctl_list files = {0};
    const struct ctl_option options[] = {
        {"map", CTL_TEXT, (void *)&map, 0, 0},
        {"admin", CTL_TEXT, (void *)&admin, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &files, 1, CTL_LIST_MAX, &code))
        return code;
    struct mapset m = {0};
    struct ws_err err = {0};
    struct teller t = {.v = v, .admin = admin};
    int rc = map == NULL ? WS_OK : ctl_map_load(map, NULL, &m, NULL, &err);
    if (rc == WS_OK && map != NULL)
        t.map = &m;
    json_t *all = json ? json_array() : NULL;
    for (size_t i = 0; i < files.n && rc == WS_OK; i++)
        rc = one(&t, files.v[i], all, &err);
    if (rc != WS_OK)
        code = ctl_fail(v, CTL_UNREACHABLE, &err);
    else
        code = json ? ctl_print_json(v, all) : ctl_print(v, buf_span(&t.text));
    json_decref(all);
    buf_free(&t.text);
    mapset_free(&m);
    return code == CTL_DONE && (t.failed || t.refused > 0) ? CTL_NO : code;
}

const struct ctl_verb ctl_map_feedback = {"map", "feedback",
    "show what receivers of TN-ITS data sets answered",
    "FILE... [options]\n"
    "\n"
    "Each FILE is a TN-ITS FeedbackDataset. Says how many events of each code there are, which "
    "features "
    "failed and\n"
    "why, and the texts. Exit code 1 when anything failed, or was not kept.\n"
    "\n"
    "  --map FILE    the map that was sent: features are told in its words\n"
    "  --admin SOCKET  hand each in to a unit, as `admin` in its configuration: it keeps the last "
    "64 of at most 4 MiB\n"
    "                and shows them under /v1/map/feedback and at the changes they are about\n"
    "  --json        print JSON, with every feature\n",
    run};

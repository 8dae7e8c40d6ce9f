#include "mapsvc/lanelet2/lanelet2_text.h"

#include "base/mem.h"
#include "mapsvc/formats/xml.h"
#include "mapsvc/model/text.h"

#include <stdlib.h>

void ll_text_free(struct ll_text *t) {
    free(t->objects);
    free(t->parts);
    buf_free(&t->text);
    buf_free(&t->scratch);
    splices_free(&t->edits);
    *t = (struct ll_text){0};
}

static void *room(void *p, size_t n, size_t *cap, size_t size) {
    if (n < *cap)
        return p;
    *cap = *cap == 0 ? 256 : *cap * 2;
    return ws_realloc(p, *cap * size);
}

struct reading {
    struct ll_text *t;
    bool open; /* the last object takes parts */
};

static char type_of(const char *name) {
    return (char)(strcmp(name, "node") == 0       ? 'n'
                  : strcmp(name, "way") == 0      ? 'w'
                  : strcmp(name, "relation") == 0 ? 'r'
                                                  : 0);
}

static bool is_there(const char **attrs) {
    const char *action = xml_attr(attrs, "action");
    const char *visible = xml_attr(attrs, "visible");
    return (action == NULL || strcmp(action, "delete") != 0) &&
           (visible == NULL || strcmp(visible, "false") != 0);
}

static void start_object(struct xml *x, struct reading *r, const char *name, const char **attrs) {
    struct ll_text *t = r->t;
    const char *id = xml_attr(attrs, "id");
    struct ll_text_object o = {.type = type_of(name), .at = xml_at(x)};
    r->open = o.type != 0 && is_there(attrs) && id != NULL && text_to_i64(id, &o.id);
    if (!r->open)
        return;
    o.head_end = o.end = o.at + xml_octets(x);
    o.first = (uint32_t)t->n_parts;
    o.order = (uint32_t)t->n_objects;
    t->objects = room(t->objects, t->n_objects, &t->cap_objects, sizeof(o));
    t->objects[t->n_objects++] = o;
}

static void start_part(struct xml *x, struct reading *r, const char *name, const char **attrs) {
    struct ll_text *t = r->t;
    struct ll_text_part p = {.at = xml_at(x)};
    const char *key = xml_attr(attrs, "k");
    const char *ref = xml_attr(attrs, "ref");
    const char *type = xml_attr(attrs, "type");
    p.end = p.at + xml_octets(x);
    if (strcmp(name, "tag") == 0 && key != NULL) {
        p.kind = LL_TAG;
        p.key = (uint32_t)t->text.n;
        buf_put(&t->text, key, strlen(key) + 1);
    } else if (strcmp(name, "nd") == 0) {
        p.kind = LL_ND;
    } else if (strcmp(name, "member") == 0) {
        p.kind = LL_MEMBER;
        p.member = type == NULL ? 0 : type_of(type);
    } else {
        return;
    }
    if (p.kind != LL_TAG && (ref == NULL || !text_to_i64(ref, &p.ref)))
        return;
    t->parts = room(t->parts, t->n_parts, &t->cap_parts, sizeof(p));
    t->parts[t->n_parts++] = p;
    t->objects[t->n_objects - 1].n++;
}

static void on_start(struct xml *x, void *user, const char *name, const char **attrs) {
    struct reading *r = user;
    if (xml_depth(x) == 2)
        start_object(x, r, name, attrs);
    else if (xml_depth(x) == 3 && r->open)
        start_part(x, r, name, attrs);
}

static void on_end(struct xml *x, void *user, const char *name) {
    (void)name;
    struct reading *r = user;
    struct ll_text *t = r->t;
    size_t end = xml_at(x) + xml_octets(x);
    if (xml_depth(x) == 1)
        t->tail = xml_at(x);
    else if (xml_depth(x) == 2 && r->open && end > t->objects[t->n_objects - 1].end)
        t->objects[t->n_objects - 1].end = end;
    else if (xml_depth(x) == 3 && r->open && t->objects[t->n_objects - 1].n > 0 &&
             end > t->parts[t->n_parts - 1].end)
        t->parts[t->n_parts - 1].end = end;
}

static int object_order(const void *a, const void *b) {
    const struct ll_text_object *p = a;
    const struct ll_text_object *q = b;
    if (p->type != q->type)
        return p->type < q->type ? -1 : 1;
    if (p->id != q->id)
        return p->id < q->id ? -1 : 1;
    return (p->order > q->order) - (p->order < q->order);
}

int ll_text_read(const char *name, struct span file, struct ll_text *ret, struct ws_err *err) {
    struct ll_text t = {.file = file};
    struct reading r = {.t = &t};
    /* Offsets count octets, and what is written is ASCII. */
    if (file.n < 4 || file.p[0] >= 0xfe || file.p[0] == 0 || file.p[1] == 0)
        return ws_fail(err, WS_ENOTSUP, "%s: is not written in place in UTF-16", name);
    const struct xml_handler h = {.user = &r, .start = on_start, .end = on_end};
    int rc = xml_parse(name, file, &h, err);
    if (rc != WS_OK) {
        ll_text_free(&t);
        return rc;
    }
    if (t.n_objects > 1)
        qsort(t.objects, t.n_objects, sizeof(t.objects[0]), object_order);
    *ret = t;
    return WS_OK;
}

/* Also what is gone. */
static struct ll_text_object *seek(const struct ll_text *t, char type, int64_t id) {
    size_t lo = 0;
    size_t hi = t->n_objects;
    const struct ll_text_object key = {.type = type, .id = id};
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (object_order(&t->objects[mid], &key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    struct ll_text_object *o = lo < t->n_objects ? &t->objects[lo] : NULL;
    return o != NULL && o->type == type && o->id == id ? o : NULL;
}

struct ll_text_object *ll_text_find(struct ll_text *t, char type, int64_t id) {
    struct ll_text_object *o = seek(t, type, id);
    return o != NULL && !o->gone ? o : NULL;
}

bool ll_text_removed(const struct ll_text *t, char type, int64_t id) {
    const struct ll_text_object *o = seek(t, type, id);
    return o != NULL && o->gone;
}

void ll_text_set_attr(
    struct ll_text *t, size_t at, size_t end, const char *name, const char *value) {
    size_t from = 0;
    size_t n = 0;
    if (!splice_find_attr(span_of(t->file.p + at, end - at), name, &from, &n))
        return;
    buf_clear(&t->scratch);
    splice_put_value(&t->scratch, value);
    splice_add(&t->edits, at + from, n, buf_span(&t->scratch));
}

static struct ll_text_part *tag_of(
    const struct ll_text *t, const struct ll_text_object *o, const char *key) {
    for (uint32_t i = o->first; i < o->first + o->n; i++)
        if (t->parts[i].kind == LL_TAG && !t->parts[i].gone &&
            strcmp((const char *)t->text.p + t->parts[i].key, key) == 0)
            return &t->parts[i];
    return NULL;
}

bool ll_text_has_tag(const struct ll_text *t, const struct ll_text_object *o, const char *key) {
    return tag_of(t, o, key) != NULL;
}

void ll_text_remove_part(struct ll_text *t, struct ll_text_part *p) {
    if (p->gone)
        return;
    p->gone = true;
    size_t from = splice_space_before(t->file, p->at);
    splice_add(&t->edits, from, p->end - from, (struct span){0});
}

/* A new tag stands behind the last part, after the same white space as that. */
static void insert_tag(
    struct ll_text *t, const struct ll_text_object *o, const char *key, const char *value) {
    struct buf *b = &t->scratch;
    buf_clear(b);
    bool empty = o->head_end == o->end;
    size_t at = o->head_end;
    if (empty)
        buf_printf(b, ">");
    if (o->n > 0) {
        const struct ll_text_part *last = &t->parts[o->first + o->n - 1];
        size_t from = splice_space_before(t->file, last->at);
        at = last->end;
        buf_put(b, t->file.p + from, last->at - from);
    } else {
        buf_printf(b, "\n    ");
    }
    buf_printf(b, "<tag k=\"");
    splice_put_value(b, key);
    buf_printf(b, "\" v=\"");
    splice_put_value(b, value);
    buf_printf(b, "\"/>");
    if (!empty) {
        splice_add(&t->edits, at, 0, buf_span(b));
        return;
    }
    buf_printf(b, "\n  </%s>", o->type == 'n' ? "node" : o->type == 'w' ? "way" : "relation");
    splice_add(&t->edits, o->end - 2, 2, buf_span(b)); /* instead of "/>" */
}

void ll_text_set_tag(
    struct ll_text *t, const struct ll_text_object *o, const char *key, const char *value) {
    struct ll_text_part *p = tag_of(t, o, key);
    if (p != NULL && value != NULL)
        ll_text_set_attr(t, p->at, p->end, "v", value);
    else if (p != NULL)
        ll_text_remove_part(t, p);
    else if (value != NULL)
        insert_tag(t, o, key, value);
}

static void remove_members(struct ll_text *t, char type, int64_t id) {
    for (size_t i = 0; i < t->n_objects; i++) {
        const struct ll_text_object *o = &t->objects[i];
        for (uint32_t k = o->first; o->type == 'r' && !o->gone && k < o->first + o->n; k++)
            if (t->parts[k].kind == LL_MEMBER && t->parts[k].member == type &&
                t->parts[k].ref == id)
                ll_text_remove_part(t, &t->parts[k]);
    }
}

void ll_text_remove(struct ll_text *t, struct ll_text_object *o) {
    o->gone = true;
    size_t from = splice_space_before(t->file, o->at);
    splice_add(&t->edits, from, o->end - from, (struct span){0});
    remove_members(t, o->type, o->id);
}

void ll_text_append(struct ll_text *t, struct span text) {
    if (text.n == 0)
        return;
    buf_clear(&t->scratch);
    if (t->tail > 0 && t->file.p[t->tail - 1] != '\n')
        buf_u8(&t->scratch, '\n');
    buf_put(&t->scratch, text.p, text.n);
    splice_add(&t->edits, t->tail, 0, buf_span(&t->scratch));
}

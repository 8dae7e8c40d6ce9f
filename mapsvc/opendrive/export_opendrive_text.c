/* Edits of an OpenDRIVE file's text: collected against the file as it is, applied at once. */
#include "base/mem.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/opendrive/export_opendrive_edit.h"

#include <stdio.h>
#include <stdlib.h>

void xe_free(struct xe *x) {
    buf_free(&x->text);
    splices_free(&x->edits);
    free(x->children);
    free(x->whys);
    free(x->names);
}

static void *grown(void *p, size_t n, size_t *cap, size_t size) {
    if (n < *cap)
        return p;
    *cap = *cap == 0 ? 64 : *cap * 2;
    return ws_realloc(p, *cap * size);
}

void xe_unsaid(struct xe *x, const struct element *e, const char *reason) {
    x->whys = grown(x->whys, x->n_whys, &x->cap_whys, sizeof(x->whys[0]));
    x->whys[x->n_whys++] = (struct xe_why){e, reason};
}

void xe_replace(struct xe *x, uint32_t at, uint32_t n, const char *text, size_t text_n) {
    splice_add(&x->edits, at, n, span_of(text, text_n));
}

static bool blank(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void xe_put_attr(struct buf *b, const char *name, const char *value) {
    buf_printf(b, " %s=\"", name);
    splice_put_value(b, value);
    buf_u8(b, '"');
}

/* Where in a start tag the value of an attribute goes, and what goes there. */
static bool attr_edit(struct span tag, const char *name, const char *value, size_t *ret_at,
    size_t *ret_n, struct buf *b) {
    if (splice_find_attr(tag, name, ret_at, ret_n)) {
        splice_put_value(b, value);
        return b->n != *ret_n || (b->n > 0 && memcmp(b->p, tag.p + *ret_at, b->n) != 0);
    }
    xe_put_attr(b, name, value);
    *ret_at = tag.n - 1; /* before "/>" or ">", behind the last attribute */
    *ret_n = 0;
    while (*ret_at > 1 && (tag.p[*ret_at - 1] == '/' || blank(tag.p[*ret_at - 1])))
        (*ret_at)--;
    return true;
}

void xe_attr(struct xe *x, struct od_source src, const char *name, const char *value) {
    size_t at = 0;
    size_t n = 0;
    struct buf b = {0};
    if (attr_edit((struct span){x->base.p + src.at, src.n}, name, value, &at, &n, &b))
        xe_replace(x, src.at + (uint32_t)at, (uint32_t)n, (const char *)b.p, b.n);
    buf_free(&b);
}

void xe_attr_in(struct buf *text, size_t *tag_n, const char *name, const char *value) {
    size_t at = 0;
    size_t n = 0;
    struct buf b = {0};
    if (attr_edit((struct span){text->p, *tag_n}, name, value, &at, &n, &b)) {
        struct buf out = {0};
        buf_put(&out, text->p, at);
        buf_put(&out, b.p, b.n);
        buf_put(&out, text->p + at + n, text->n - at - n);
        *tag_n = *tag_n + b.n - n;
        buf_free(text);
        *text = out;
    }
    buf_free(&b);
}

struct span xe_indent(const struct xe *x, uint32_t at) {
    uint32_t i = at;
    while (i > 0 && (x->base.p[i - 1] == ' ' || x->base.p[i - 1] == '\t'))
        i--;
    if (i == 0 || x->base.p[i - 1] != '\n')
        return (struct span){x->base.p + at, 0};
    i -= i > 1 && x->base.p[i - 2] == '\r' ? 2 : 1;
    return (struct span){x->base.p + i, at - i};
}

void xe_remove(struct xe *x, struct od_source src) {
    size_t from = src.at;
    size_t to = src.end;
    struct span before = xe_indent(x, src.at);
    size_t k = to;
    while (k < x->base.n && (x->base.p[k] == ' ' || x->base.p[k] == '\t'))
        k++;
    /* with the break before it, so that what is put behind the line stays */
    if (before.n > 0 && k < x->base.n && (x->base.p[k] == '\n' || x->base.p[k] == '\r')) {
        from -= before.n;
        to = k;
    }
    xe_replace(x, (uint32_t)from, (uint32_t)(to - from), "", 0);
}

void xe_child(struct xe *x, const struct od_road *road, bool object, const struct buf *text) {
    x->children = grown(x->children, x->n_children, &x->cap_children, sizeof(x->children[0]));
    x->children[x->n_children++] = (struct xe_child){road, object, x->text.n, text->n};
    buf_put(&x->text, text->p, text->n);
}

void xe_number(char dst[static XE_NUMBER], double v) {
    int64_t n = 0;
    if (!ieee_round(v * 1e9, &n))
        n = 0;
    uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    int k = snprintf(dst, XE_NUMBER, "%s%llu.%09llu", n < 0 ? "-" : "",
        (unsigned long long)(u / 1000000000U), (unsigned long long)(u % 1000000000U));
    while (k > 0 && dst[k - 1] == '0' && dst[k - 2] != '.')
        dst[--k] = '\0';
}

/* ---- new signals and objects ---- */

static void put_children(
    const struct xe *x, const struct xe_child *list, size_t n, struct span indent, struct buf *b) {
    for (size_t i = 0; i < n; i++) {
        buf_put(b, indent.p, indent.n);
        buf_put(b, x->text.p + list[i].text, list[i].text_n);
    }
}

/* All new children of one road and kind: behind the last of its container, or in a container of their own. */
static void place_children(struct xe *x, const struct xe_child *list, size_t n) {
    const struct od_road *road = list->road;
    bool object = list->object;
    struct od_source box = object ? road->objects_source : road->signals_source;
    const char *name = object ? "objects" : "signals";
    struct buf b = {0};
    if (box.end > box.at + box.n) { /* <signals> ... </signals> */
        uint32_t end = box.end;
        while (end > box.at && x->base.p[end - 1] != '<')
            end--;
        end--; /* at "</" */
        struct span outer = xe_indent(x, end);
        uint32_t last = end - (uint32_t)outer.n;
        /* indented like the first child, if there is one on a line of its own */
        uint32_t i = box.at + box.n;
        while (i < end && blank(x->base.p[i]))
            i++;
        struct span indent = xe_indent(x, i);
        if (i == end && outer.n > 0) {
            struct buf deeper = {0};
            buf_put(&deeper, outer.p, outer.n);
            buf_put(&deeper, "    ", 4);
            put_children(x, list, n, buf_span(&deeper), &b);
            buf_free(&deeper);
        } else {
            put_children(x, list, n, indent, &b);
        }
        xe_replace(x, last, 0, (const char *)b.p, b.n);
        buf_free(&b);
        return;
    }
    /* <signals/>, or none: behind the objects, else behind the lanes */
    bool empty_tag = box.end > box.at;
    struct od_source before =
        !object && road->objects_source.end > 0 ? road->objects_source : road->lanes_source;
    struct span indent = xe_indent(x, empty_tag ? box.at : before.at);
    struct buf deeper = {0};
    buf_put(&deeper, indent.p, indent.n);
    if (indent.n > 0)
        buf_put(&deeper, "    ", 4);
    if (!empty_tag)
        buf_put(&b, indent.p, indent.n);
    buf_printf(&b, "<%s>", name);
    put_children(x, list, n, buf_span(&deeper), &b);
    buf_put(&b, indent.p, indent.n);
    buf_printf(&b, "</%s>", name);
    if (empty_tag)
        xe_replace(x, box.at, box.end - box.at, (const char *)b.p, b.n);
    else
        xe_replace(x, before.end, 0, (const char *)b.p, b.n);
    buf_free(&deeper);
    buf_free(&b);
}

/* By road; objects stand before signals, and go first to where both have no container yet. */
static int child_order(const void *a, const void *b) {
    const struct xe_child *p = a;
    const struct xe_child *q = b;
    if (p->object != q->object)
        return p->object ? -1 : 1;
    if (p->road != q->road)
        return p->road < q->road ? -1 : 1;
    return (p->text > q->text) - (p->text < q->text);
}

void xe_apply(struct xe *x, struct buf *ret_out) {
    if (x->n_children > 1)
        qsort(x->children, x->n_children, sizeof(x->children[0]), child_order);
    for (size_t i = 0; i < x->n_children;) {
        size_t to = i + 1;
        while (to < x->n_children && x->children[to].road == x->children[i].road &&
               x->children[to].object == x->children[i].object)
            to++;
        place_children(x, &x->children[i], to - i);
        i = to;
    }
    splices_apply(&x->edits, x->base, ret_out);
}

/* ---- names ---- */

const char *xe_native(const struct element *e) {
    for (size_t i = 0; i < e->n_aliases; i++)
        if (strncmp(e->aliases[i], "opendrive:", 10) == 0)
            return e->aliases[i] + 10;
    return "";
}

void xe_new_id(struct xe *x, char *dst, size_t size) {
    (void)snprintf(dst, size, "%lld", (long long)x->next_id++);
}

static int name_order(const void *a, const void *b) {
    return strcmp(((const struct xe_name *)a)->native, ((const struct xe_name *)b)->native);
}

void xe_index(struct xe *x) {
    const char *text = (const char *)x->m->names.p;
    x->names = ws_calloc(x->m->n_signals + x->m->n_objects, sizeof(x->names[0]));
    for (size_t i = 0; i < x->m->n_signals; i++) {
        struct od_signal *g = &x->m->signals[i];
        if (g->native != 0)
            x->names[x->n_names++] = (struct xe_name){text + g->native, g, NULL};
    }
    for (size_t i = 0; i < x->m->n_objects; i++) {
        struct od_object *o = &x->m->objects[i];
        if (o->native != 0)
            x->names[x->n_names++] = (struct xe_name){text + o->native, NULL, o};
    }
    if (x->n_names > 1)
        qsort(x->names, x->n_names, sizeof(x->names[0]), name_order);
}

const struct xe_name *xe_named(const struct xe *x, const struct element *e) {
    static const struct xe_name nothing = {NULL, NULL, NULL};
    struct xe_name key = {xe_native(e), NULL, NULL};
    const struct xe_name *found =
        x->n_names == 0 ? NULL
                        : bsearch(&key, x->names, x->n_names, sizeof(x->names[0]), name_order);
    return found == NULL ? &nothing : found;
}

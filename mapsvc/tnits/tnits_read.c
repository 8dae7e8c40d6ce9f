#include "mapsvc/tnits/tnits_read.h"

#include <stdio.h>

const char *tnits_local(const char *name) {
    const char *colon = strrchr(name, ':');
    return colon == NULL ? name : colon + 1;
}

void tnits_walk_start(struct tnits_walk *w, const char *name) {
    if (w->depth < XML_DEPTH_MAX)
        w->depth++; /* xml_parse refuses deeper documents */
    (void)snprintf(w->name[w->depth], sizeof(w->name[0]), "%s", tnits_local(name));
    buf_clear(&w->text);
    w->cut = false;
}

void tnits_walk_text(struct tnits_walk *w, const char *s, size_t n) {
    size_t room = TNITS_TEXT_MAX - w->text.n;
    w->cut = w->cut || n > room;
    buf_put(&w->text, s, n < room ? n : room);
}

const char *tnits_walk_name(const struct tnits_walk *w, unsigned up) {
    return up > w->depth ? "" : w->name[w->depth - up];
}

bool tnits_walk_is(const struct tnits_walk *w, const char *name, const char *parent) {
    return strcmp(tnits_walk_name(w, 0), name) == 0 && strcmp(tnits_walk_name(w, 1), parent) == 0;
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

const char *tnits_walk_value(struct tnits_walk *w) {
    while (w->text.n > 0 && is_space(w->text.p[w->text.n - 1]))
        w->text.n--;
    buf_u8(&w->text, 0);
    w->text.n--;
    const char *s = (const char *)w->text.p;
    while (is_space((uint8_t)*s))
        s++;
    return s;
}

void tnits_walk_end(struct tnits_walk *w) {
    if (w->depth > 0)
        w->depth--;
    buf_clear(&w->text);
    w->cut = false;
}

void tnits_walk_free(struct tnits_walk *w) {
    buf_free(&w->text);
}

const char *tnits_code_of(const char **attrs) {
    for (size_t i = 0; attrs[i] != NULL; i += 2) {
        if (strcmp(tnits_local(attrs[i]), "href") != 0)
            continue;
        const char *hash = strrchr(attrs[i + 1], '#');
        const char *slash = strrchr(attrs[i + 1], '/');
        return hash != NULL ? hash + 1 : slash != NULL ? slash + 1 : attrs[i + 1];
    }
    return NULL;
}

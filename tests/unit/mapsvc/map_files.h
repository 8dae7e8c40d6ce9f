/* Small maps written inline, put into a temporary file because map_import reads files. */
#ifndef WAYSIDE_TESTS_MAP_FILES_H
#define WAYSIDE_TESTS_MAP_FILES_H

#include "mapsvc/model/mapset.h"
#include "tests/support/cm.h"

#include <stdio.h>
#include <unistd.h>

/* Imports octets as a file; ret_map is set on success only. */
static inline int import_octets(struct span data, const struct map_import_options *opt,
    struct mapset *ret_map, struct map_report *report, struct ws_err *err) {
    char path[] = "wayside-map-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(write(fd, data.p, data.n) == (ssize_t)data.n);
    assert_int_equal(close(fd), 0);
    int rc = map_import(path, opt, ret_map, report, err);
    assert_int_equal(unlink(path), 0);
    return rc;
}

static inline int import_text(const char *text, const struct map_import_options *opt,
    struct mapset *ret_map, struct map_report *report, struct ws_err *err) {
    return import_octets(span_of(text, strlen(text)), opt, ret_map, report, err);
}

static inline const struct element *by_alias(
    const struct mapset *m, enum element_kind kind, const char *alias) {
    for (size_t i = 0; i < m->n; i++)
        for (size_t k = 0; k < m->elements[i].n_aliases; k++)
            if (m->elements[i].kind == kind && strcmp(m->elements[i].aliases[k], alias) == 0)
                return &m->elements[i];
    return NULL;
}

/* Imports what must be good. */
static inline struct mapset load_text(const char *text, struct map_report *report) {
    struct mapset m;
    struct ws_err err;
    if (import_text(text, NULL, &m, report, &err) != WS_OK)
        fail_msg("%s", err.text);
    return m;
}

/* "" when the element has no such attribute. */
static inline const char *attr_of(
    const struct mapset *m, enum element_kind kind, const char *alias, const char *key) {
    const struct element *e = by_alias(m, kind, alias);
    if (e == NULL)
        fail_msg("no %s", alias);
    const char *v = element_attr(e, key);
    return v == NULL ? "" : v;
}

static inline size_t count_kind(const struct mapset *m, enum element_kind kind) {
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += m->elements[i].kind == kind;
    return n;
}

static inline size_t count_changes(
    const struct map_delta *d, enum map_change_op op, enum element_kind kind) {
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++) {
        const struct element *e =
            d->changes[i].before != NULL ? d->changes[i].before : d->changes[i].after;
        n += d->changes[i].op == op && e->kind == kind;
    }
    return n;
}

static inline bool report_says(const struct map_report *r, const char *what) {
    for (size_t i = 0; i < r->n; i++)
        if (strstr(r->text[i], what) != NULL)
            return true;
    return false;
}

#endif

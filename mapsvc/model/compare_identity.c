/* Elements keep their ids when a map is imported again; see mapset.h. */
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/model/compare.h"

#include <stdio.h>
#include <stdlib.h>

static const char *name_of(const struct element *e) {
    return e->n_aliases == 0 ? "without a name" : e->aliases[0];
}

static int text_order(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All names of a map in order; borrows it. */
static const char **names_of(const struct mapset *m, size_t *ret_n) {
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += m->elements[i].n_aliases;
    const char **names = ws_calloc(n, sizeof(names[0]));
    n = 0;
    for (size_t i = 0; i < m->n; i++)
        for (size_t k = 0; k < m->elements[i].n_aliases; k++)
            names[n++] = m->elements[i].aliases[k];
    if (n > 1)
        qsort((void *)names, n, sizeof(names[0]), text_order);
    *ret_n = n;
    return names;
}

/* Names that the element had. One that another has now is that one's; with all places taken the rest go. */
static void keep_names(
    const struct element *was, struct element *is, const char *const *names, size_t n) {
    for (size_t i = 0; i < was->n_aliases; i++) {
        char text[ELEMENT_MAX_TEXT + 1];
        bool former = strncmp(was->aliases[i], "was:", 4) == 0;
        const char *plain = was->aliases[i] + (former ? 4 : 0);
        if (bsearch((const void *)&plain, (const void *)names, n, sizeof(names[0]), text_order) !=
            NULL)
            continue;
        if (snprintf(text, sizeof(text), "was:%s", plain) < (int)sizeof(text))
            (void)element_add_alias(is, text);
    }
}

/* From the one it would have had on its own, which is unique in this map. */
static void new_id(const struct mapset *m, struct element *e) {
    char hex[33];
    hex_encode(hex, e->id, sizeof(e->id));
    element_id_import(m->ns, m->lineage, hex, e->id);
}

static size_t pairs(const struct compare *c) {
    size_t n = 0;
    for (size_t i = 0; i < c->a->n; i++)
        n += c->of_a[i] != 0;
    return n;
}

/* Of all that came before (a map's digest covers its own lineage) and of this file: no two imports have the same. */
static void chain(
    const struct mapset *previous, const struct mapset *next, uint8_t ret[static 32]) {
    uint8_t octets[64];
    mapset_digest(previous, octets);
    memcpy(octets + 32, next->base_digest, 32);
    exec_sha256_one(span_of(octets, sizeof(octets)), ret);
}

void map_keep_identities(const struct mapset *previous, struct mapset *next,
    struct map_identity *ret, struct map_report *report) {
    struct compare c = {.a = previous, .b = next, .same_ns = strcmp(previous->ns, next->ns) == 0};
    struct map_delta d = {0};
    struct map_identity r = {0};
    size_t n_names = 0;
    compare_match_names(&c, &d);
    r.by_name = pairs(&c);
    compare_match_place(&c);
    r.by_place = pairs(&c) - r.by_name;
    r.shifted = d.shifted;
    r.shift_x_mm = d.shift_x_mm;
    r.shift_y_mm = d.shift_y_mm;
    chain(previous, next, next->lineage);
    const char **names = names_of(next, &n_names);
    bool *changed = ws_calloc(next->n, sizeof(changed[0]));
    for (size_t k = 0; k < next->n; k++)
        changed[k] = c.of_b[k] != 0 &&
                     !compare_same(&c, &previous->elements[c.of_b[k] - 1], &next->elements[k]);
    for (size_t i = 0; i < previous->n; i++) {
        if (c.of_a[i] != 0)
            continue;
        r.gone++;
        map_report_add(report, "gone: %s %s", element_kind_name(previous->elements[i].kind),
            name_of(&previous->elements[i]));
    }
    for (size_t k = 0; k < next->n; k++) {
        struct element *e = &next->elements[k];
        if (c.of_b[k] == 0) {
            r.created++;
            map_report_add(report, "new: %s %s", element_kind_name(e->kind), name_of(e));
            new_id(next, e);
            continue;
        }
        const struct element *was = &previous->elements[c.of_b[k] - 1];
        memcpy(e->id, was->id, sizeof(e->id));
        e->revision = was->revision + changed[k];
        r.changed += changed[k];
    }
    /* The list borrows the strings, which stay where they are when a name is added. */
    for (size_t k = 0; k < next->n; k++)
        if (c.of_b[k] != 0)
            keep_names(&previous->elements[c.of_b[k] - 1], &next->elements[k], names, n_names);
    free((void *)names);
    free(changed);
    free(c.of_a);
    free(c.of_b);
    mapset_sort(next);
    *ret = r;
}

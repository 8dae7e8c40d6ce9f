/* A map written into the Lanelet2 file it came from; see export_into.h. */
#include "mapsvc/lanelet2/lanelet2_into.h"

#include "base/mem.h"
#include "mapsvc/formats/export_into.h"
#include "mapsvc/model/ints.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- tags ---- */

/* The tag an attribute is written as. */
static const char *tag_name(const struct element *e, const char *key) {
    return e->kind == EL_SIGN && strcmp(key, "code") == 0 ? "subtype" : key;
}

static void set_tags(struct into *w, const struct ll_text_object *o, const struct element *have,
    const struct element *want) {
    for (size_t i = 0; i < have->n_attrs; i++)
        if (into_is_tag(have, have->attrs[i].key) && element_attr(want, have->attrs[i].key) == NULL)
            ll_text_set_tag(&w->text, o, tag_name(have, have->attrs[i].key), NULL);
    for (size_t i = 0; i < want->n_attrs; i++) {
        const char *key = want->attrs[i].key;
        const char *old = element_attr(have, key);
        if (into_is_tag(want, key) && (old == NULL || strcmp(old, want->attrs[i].value) != 0))
            ll_text_set_tag(&w->text, o, tag_name(want, key), want->attrs[i].value);
    }
}

static void speed_text(const struct element *e, char text[static 32]) {
    const char *unit = element_attr(e, "unit");
    (void)snprintf(
        text, 32, "%d%s", e->value, unit != NULL && strcmp(unit, "mph") == 0 ? " mph" : "");
}

static bool same_value(const struct element *a, const struct element *b) {
    const char *p = element_attr(a, "unit");
    const char *q = element_attr(b, "unit");
    return a->has_value == b->has_value && a->value == b->value &&
           (p == NULL || q == NULL ? p == q : strcmp(p, q) == 0);
}

/* A figure given as a tag goes before the code and the rule. */
static void set_sign_value(struct into *w, const struct ll_text_object *o,
    const struct element *have, const struct element *want) {
    const char *code = element_attr(want, "code");
    int32_t figure = 0;
    char text[32];
    bool says = code != NULL && map_speed_of_code(code, &figure) && want->has_value &&
                figure == want->value && element_attr(want, "unit") == NULL;
    if (same_value(have, want) ||
        (!want->has_value && !ll_text_has_tag(&w->text, o, "speed_limit")))
        return;
    speed_text(want, text);
    ll_text_set_tag(&w->text, o, "speed_limit", says || !want->has_value ? NULL : text);
}

static void set_limit(struct into *w, int64_t lane, const struct element *limit) {
    struct ll_text_object *o = ll_text_find(&w->text, 'r', lane);
    char text[32];
    if (o == NULL)
        return;
    if (limit != NULL)
        speed_text(limit, text);
    ll_text_set_tag(&w->text, o, "speed_limit", limit == NULL ? NULL : text);
}

/* ---- what goes ---- */

static char member_type(const struct ll_member *m) {
    return (char)(m->is_way ? 'w' : m->is_relation ? 'r' : 'n');
}

/* A rule all of whose things this edit removed. What the file never had (a clipped file names much of that) is none
 * of the edit's business: a rule that still names it stays. */
static bool emptied(const struct into *w, const struct ll_object *rule) {
    bool any = false;
    for (uint32_t i = rule->first_part; i < rule->first_part + rule->n_parts; i++) {
        const struct ll_member *m = &w->file.members[i];
        if (m->role != LL_REFERS)
            continue;
        if (!ll_text_removed(&w->text, member_type(m), m->ref))
            return false;
        any = true;
    }
    return any;
}

/* Limits that lanes had from a rule that goes, and keep, become their tags. */
static void keep_limits(struct into *w, int64_t rule) {
    for (size_t j = 0; j < w->file.n_relations; j++) {
        const struct ll_object *lane = &w->file.relations[j];
        const struct element *limit = into_find(&w->want, EL_SPEED_LIMIT, lane->id);
        const struct ll_text_object *of = ll_text_find(&w->text, 'r', lane->id);
        bool names = false;
        for (uint32_t i = lane->first_part; i < lane->first_part + lane->n_parts; i++)
            names = names ||
                    (w->file.members[i].role == LL_REGULATORY && w->file.members[i].ref == rule);
        if (names && limit != NULL && of != NULL && !ll_text_has_tag(&w->text, of, "speed_limit"))
            set_limit(w, lane->id, limit);
    }
}

static void remove_emptied_rules(struct into *w) {
    for (size_t k = 0; k < w->file.n_relations; k++) {
        const struct ll_object *rule = &w->file.relations[k];
        struct ll_text_object *o = ll_text_find(&w->text, 'r', rule->id);
        if (o == NULL || !ll_tag_is(&w->file, rule, "type", "regulatory_element") ||
            !emptied(w, rule))
            continue;
        keep_limits(w, rule->id);
        ll_text_remove(&w->text, o);
    }
}

/* Nodes that something left in the file names, ascending: ways, and relations (a rule may refer to a node). */
static int64_t *nodes_in_use(struct into *w, size_t *ret_n) {
    int64_t *used = ws_calloc(w->file.n_refs + w->file.n_members, sizeof(used[0]));
    size_t n = 0;
    for (size_t i = 0; i < w->file.n_ways; i++) {
        const struct ll_object *way = &w->file.ways[i];
        if (ll_text_find(&w->text, 'w', way->id) == NULL)
            continue;
        memcpy(used + n, &w->file.refs[way->first_part], way->n_parts * sizeof(used[0]));
        n += way->n_parts;
    }
    for (size_t i = 0; i < w->file.n_relations; i++) {
        const struct ll_object *rel = &w->file.relations[i];
        if (ll_text_find(&w->text, 'r', rel->id) == NULL)
            continue;
        for (uint32_t k = rel->first_part; k < rel->first_part + rel->n_parts; k++)
            if (member_type(&w->file.members[k]) == 'n')
                used[n++] = w->file.members[k].ref;
    }
    if (n > 1)
        qsort(used, n, sizeof(used[0]), order_i64);
    *ret_n = n;
    return used;
}

static void remove_lone_nodes(struct into *w, const int64_t *ways, size_t n) {
    size_t n_used = 0;
    int64_t *used = nodes_in_use(w, &n_used);
    for (size_t i = 0; i < n; i++) {
        const struct ll_object *way = ll_way(&w->file, ways[i]);
        for (uint32_t k = 0; k < way->n_parts; k++) {
            const int64_t *ref = &w->file.refs[way->first_part + k];
            struct ll_text_object *o = ll_text_find(&w->text, 'n', *ref);
            if (o != NULL && bsearch(ref, used, n_used, sizeof(used[0]), order_i64) == NULL)
                ll_text_remove(&w->text, o);
        }
    }
    free(used);
}

static void remove_elements(struct into *w) {
    int64_t *ways = ws_calloc(w->have.n, sizeof(ways[0]));
    size_t n = 0;
    bool gone = false;
    for (size_t i = 0; i < w->have.n; i++) {
        const struct into_name *name = &w->have.v[i];
        if (into_find(&w->want, name->kind, name->id) != NULL)
            continue;
        bool way = osm_is_way(name->e);
        struct ll_text_object *o = ll_text_find(&w->text, way ? 'w' : 'r', name->id);
        if (o == NULL)
            continue;
        if (name->kind == EL_SPEED_LIMIT) {
            set_limit(w, name->id, NULL);
            continue;
        }
        ll_text_remove(&w->text, o);
        gone = true;
        if (way && ll_way(&w->file, name->id) != NULL)
            ways[n++] = name->id;
    }
    if (gone)
        remove_emptied_rules(w);
    if (n > 0)
        remove_lone_nodes(w, ways, n);
    free(ways);
}

/* ---- what is new, what is other ---- */

static void create_way(struct into *w, const struct element *e) {
    struct map_point *p = ws_calloc(ELEMENT_MAX_POINTS, sizeof(p[0]));
    int64_t *refs = ws_calloc(ELEMENT_MAX_POINTS, sizeof(refs[0]));
    size_t n = osm_points(e, p);
    into_new_nodes(w, p, n, refs);
    if (n > 0)
        osm_put_way(&w->created, e, refs, n, 0);
    free(p);
    free(refs);
}

static void create_elements(struct into *w) {
    for (int pass = 0; pass < 3; pass++) { /* ways, relations, limits of lanes that were there */
        for (size_t i = 0; i < w->want.n; i++) {
            const struct into_name *name = &w->want.v[i];
            if (into_find(&w->have, name->kind, name->id) != NULL)
                continue;
            if (pass == 0 && osm_is_way(name->e))
                create_way(w, name->e);
            else if (pass == 1 && osm_is_relation(name->e))
                (void)osm_put_lanelet(&w->created, name->e,
                    name->kind == EL_LANE ? into_find(&w->want, EL_SPEED_LIMIT, name->id) : NULL,
                    &w->m_index, 0);
            else if (pass == 2 && name->kind == EL_SPEED_LIMIT)
                set_limit(w, name->id, name->e);
        }
    }
}

static void modify_elements(struct into *w) {
    for (size_t i = 0; i < w->have.n; i++) {
        const struct into_name *name = &w->have.v[i];
        const struct element *want = into_find(&w->want, name->kind, name->id);
        if (want == NULL || into_same(name->e, want))
            continue;
        if (name->kind == EL_SPEED_LIMIT) {
            if (!same_value(name->e, want))
                set_limit(w, name->id, want);
            continue;
        }
        const struct ll_text_object *o =
            ll_text_find(&w->text, osm_is_way(name->e) ? 'w' : 'r', name->id);
        if (o == NULL)
            continue;
        set_tags(w, o, name->e, want);
        if (name->kind == EL_SIGN)
            set_sign_value(w, o, name->e, want);
    }
}

/* ---- what came of it ---- */

static void tell(struct map_report *unsaid, const struct element *e, const char *why) {
    char name[33];
    hex_encode(name, e->id, sizeof(e->id));
    unsaid->skipped++;
    map_report_add(unsaid, "%s %s: %s", element_kind_name(e->kind),
        e->n_aliases > 0 ? e->aliases[0] : name, why);
}

static void tell_differences(
    const struct into *w, const struct into_names *got, struct map_report *unsaid) {
    for (size_t i = 0; i < w->want.n; i++) {
        const struct into_name *name = &w->want.v[i];
        const struct element *is = into_find(got, name->kind, name->id);
        if (is == NULL)
            tell(unsaid, name->e, "cannot be said in the file");
        else if (!into_same(name->e, is))
            tell(unsaid, name->e, "the file says it otherwise");
    }
    for (size_t i = 0; i < got->n; i++)
        if (into_find(&w->want, got->v[i].kind, got->v[i].id) == NULL)
            tell(unsaid, got->v[i].e, "is not in the map, but still follows from the file");
    for (size_t i = 0; w->want.nameless > 0 && i < w->m->n; i++) {
        const struct element *e = &w->m->elements[i];
        if (e->kind == EL_HAZARD || (e->kind == EL_SPEED_LIMIT && element_attr(e, "lane") == NULL))
            tell(unsaid, e, "Lanelet2 has no words for it");
    }
}

static int read_map(const char *name, const struct mapset *like, struct span octets,
    struct mapset *ret, struct ws_err *err) {
    const struct map_import_options opt = {.has_origin = true,
        .lat0 = like->frame.lat0,
        .lon0 = like->frame.lon0,
        .has_frame = true,
        .frame = like->frame};
    memcpy(ret->base_digest, like->base_digest, sizeof(ret->base_digest));
    (void)snprintf(ret->ns, sizeof(ret->ns), "lanelet2");
    struct map_reader r = {.file = name, .opt = &opt, .map = ret, .err = err};
    lanelet2_import(&r, octets);
    mapset_sort(ret);
    return r.rc;
}

static int check(struct into *w, const char *name, struct span octets, struct map_report *unsaid) {
    struct mapset got = {0};
    int rc = read_map(name, w->m, octets, &got, w->err);
    if (rc == WS_OK) {
        struct osm_index x = osm_index_of(&got);
        struct into_names names = into_names_of(&got, &x);
        tell_differences(w, &names, unsaid);
        free(names.v);
        osm_index_free(&x);
    }
    mapset_free(&got);
    return rc;
}

/* A map in local coordinates that was put elsewhere when it was imported looks as if all of it had moved. */
static bool is_elsewhere(const struct into *w) {
    size_t met = 0;
    size_t moved = 0;
    for (size_t i = 0; i < w->have.n; i++) {
        const struct element *e = w->have.v[i].e;
        const struct element *want = into_find(&w->want, e->kind, w->have.v[i].id);
        if (want == NULL || e->n_points == 0 || want->n_points == 0)
            continue;
        met++;
        moved += e->points[0].x != want->points[0].x || e->points[0].y != want->points[0].y;
    }
    return met >= 8 && moved * 2 > met;
}

static void into_free(struct into *w) {
    mapset_free(&w->base);
    osm_index_free(&w->m_index);
    osm_index_free(&w->base_index);
    free(w->want.v);
    free(w->have.v);
    ll_map_free(&w->file);
    ll_text_free(&w->text);
    buf_free(&w->created);
    free(w->made);
}

int lanelet2_export_into(const struct mapset *m, const char *base_path, struct span base,
    struct buf *b, struct map_report *unsaid, struct ws_err *err) {
    static const struct map_import_options none = {0};
    struct into w = {.m = m, .err = err};
    int rc = read_map(base_path, m, base, &w.base, err);
    if (rc == WS_OK) {
        struct map_reader r = {.file = base_path, .opt = &none, .err = err};
        lanelet2_parse(&r, base, &w.file);
        rc = r.rc;
    }
    if (rc == WS_OK)
        rc = ll_text_read(base_path, base, &w.text, err);
    if (rc != WS_OK) {
        into_free(&w);
        return rc;
    }
    w.local = true;
    for (size_t i = 0; i < w.file.n_nodes && w.local; i++)
        w.local = !w.file.nodes[i].has_geo;
    w.own = frame_at(m->frame.lat0, m->frame.lon0);
    w.m_index = osm_index_of(m);
    w.base_index = osm_index_of(&w.base);
    w.want = into_names_of(m, &w.m_index);
    w.have = into_names_of(&w.base, &w.base_index);
    if (is_elsewhere(&w)) {
        rc = ws_fail(
            err, WS_EINPUT, "%s: most of the map lies elsewhere than this file puts it", base_path);
    } else {
        struct buf out = {0};
        modify_elements(&w);
        into_move(&w);
        create_elements(&w);
        remove_elements(&w);
        ll_text_append(&w.text, buf_span(&w.created));
        splices_apply(&w.text.edits, base, &out);
        rc = check(&w, base_path, buf_span(&out), unsaid);
        if (rc == WS_OK)
            buf_put(b, out.p, out.n);
        buf_free(&out);
    }
    into_free(&w);
    return rc;
}

/* Lanelet2: the way from a file to elements, and what its parts share. */
#include "mapsvc/lanelet2/lanelet2.h"

#include "base/mem.h"
#include "mapsvc/model/compare.h"

#include <stdio.h>
#include <stdlib.h>

#define BUDGET_BASE 5000000U
#define BUDGET_EACH 50U /* looks at each reference of the file */

bool ll_spend(struct ll_build *b, uint64_t cost) {
    if (b->budget >= cost) {
        b->budget -= cost;
        return true;
    }
    b->budget = 0;
    if (b->r->rc == WS_OK)
        b->r->rc = ws_fail(b->r->err, WS_ELIMIT,
            "%s: element relation: lanelets and rules share more than the reader follows",
            b->r->file);
    return false;
}

struct map_point *ll_points(
    struct ll_build *b, const struct ll_object *way, size_t *ret_n, char *why, size_t why_size) {
    size_t n = way->n_parts;
    if (n == 0 || n > ELEMENT_MAX_POINTS) {
        (void)snprintf(why, why_size, "way %lld has %zu nodes, 1 to %d can be held",
            (long long)way->id, n, ELEMENT_MAX_POINTS);
        return NULL;
    }
    if (!ll_spend(b, n)) {
        (void)snprintf(why, why_size, "too much work");
        return NULL;
    }
    struct map_point *p = ws_calloc(n, sizeof(p[0]));
    for (size_t i = 0; i < n; i++) {
        int64_t ref = b->m->refs[way->first_part + i];
        const struct ll_node *node = ll_node(b->m, ref);
        const char *bad = NULL;
        if (node == NULL) {
            bad = "is not in the file";
        } else if (b->local) {
            if (!node->has_x || !node->has_y)
                bad = "has neither a place nor local_x and local_y";
            p[i] = (struct map_point){node->local_x, node->local_y, node->z};
            if (bad == NULL && !frame_convert(&b->own, &b->frame, p[i].x, p[i].y, &p[i].x, &p[i].y))
                bad = "is out of reach of the frame";
        } else if (!node->has_geo) {
            bad = "has no place, though others have";
        } else if (!frame_from_wgs10(&b->frame, node->lat, node->lon, &p[i].x, &p[i].y)) {
            bad = "is more than 2147 km from the middle of the map";
        } else {
            p[i].z = node->z;
        }
        if (bad != NULL) {
            (void)snprintf(
                why, why_size, "way %lld: node %lld %s", (long long)way->id, (long long)ref, bad);
            free(p);
            return NULL;
        }
    }
    *ret_n = n;
    return p;
}

static bool reserved(const char *key) {
    return attr_is_reference(key) || strcmp(key, "unit") == 0 || strcmp(key, "code") == 0;
}

void ll_copy_tags(struct ll_build *b, const struct ll_object *o, struct element *e) {
    const struct ll_map *m = b->m;
    for (uint32_t i = o->first_tag; i < o->first_tag + o->n_tags; i++) {
        const char *key = (const char *)m->text.p + m->tags[i].key;
        const char *value = (const char *)m->text.p + m->tags[i].value;
        if (ll_is_default(m, o, e, key, value))
            continue;
        if (value[0] == '\0') /* editors write them; they say nothing */
            continue;
        bool says_kind = e->kind == EL_BOUNDARY || e->kind == EL_AREA;
        if (strcmp(key, "type") == 0 && (!says_kind || strcmp(value, "multipolygon") == 0))
            continue;
        if (strcmp(key, "subtype") == 0 && e->kind == EL_SIGN)
            continue;
        if (strcmp(key, "speed_limit") == 0 && (e->kind == EL_LANE || e->kind == EL_SIGN))
            continue;
        if (reserved(key) || !element_set_attr(e, key, value))
            map_note(b->r, o->line, "object %lld: tag %.64s is not kept", (long long)o->id, key);
    }
}

bool ll_list_add(struct element *e, const char *key, const char *kind, int64_t id) {
    const char *old = element_attr(e, key);
    char text[ELEMENT_MAX_TEXT + 1];
    int n = snprintf(text, sizeof(text), "%s%slanelet2:%s/%lld", old == NULL ? "" : old,
        old == NULL ? "" : " ", kind, (long long)id);
    if (n < 0 || n > ELEMENT_MAX_TEXT)
        return false;
    return element_set_attr(e, key, text);
}

bool ll_sign_value(const struct ll_map *m, const struct ll_object *way, int32_t *ret_value,
    const char **ret_unit) {
    /* A figure given as such says more than a code, which names the pattern. */
    const char *limit = ll_tag(m, way, "speed_limit");
    if (limit != NULL && map_speed_of(limit, NULL, ret_value, ret_unit))
        return true;
    const char *code = ll_tag(m, way, "subtype");
    *ret_unit = NULL;
    return code != NULL && map_speed_of_code(code, ret_value);
}

bool ll_regulatory_speed(const struct ll_map *m, const struct ll_object *rel, int32_t *ret_value,
    const char **ret_unit) {
    if (!ll_tag_is(m, rel, "subtype", "speed_limit"))
        return false;
    static const char *const keys[] = {"speed_limit", "limit", "max_speed"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *v = ll_tag(m, rel, keys[i]);
        if (v != NULL && map_speed_of(v, NULL, ret_value, ret_unit))
            return true;
    }
    const char *code = ll_tag(m, rel, "sign_type");
    *ret_unit = "km/h";
    if (code != NULL && map_speed_of_code(code, ret_value))
        return true;
    for (uint32_t i = rel->first_part; i < rel->first_part + rel->n_parts; i++) {
        const struct ll_member *member = &m->members[i];
        const struct ll_object *way =
            member->role == LL_REFERS && member->is_way ? ll_way(m, member->ref) : NULL;
        if (way != NULL && ll_sign_value(m, way, ret_value, ret_unit)) {
            if (*ret_unit == NULL)
                *ret_unit = "km/h";
            return true;
        }
    }
    return false;
}

/* Which ways are signs and stop lines because a regulatory element says so. */
static void look_at_regulatory(struct ll_build *b) {
    const struct ll_map *m = b->m;
    for (size_t k = 0; k < m->n_relations; k++) {
        const struct ll_object *rel = &m->relations[k];
        if (!ll_tag_is(m, rel, "type", "regulatory_element"))
            continue;
        const char *subtype = ll_tag(m, rel, "subtype");
        bool of_signs = subtype != NULL && (strcmp(subtype, "traffic_sign") == 0 ||
                                               strcmp(subtype, "speed_limit") == 0);
        for (uint32_t i = rel->first_part; i < rel->first_part + rel->n_parts; i++) {
            const struct ll_member *member = &m->members[i];
            if (!member->is_way || (member->role != LL_REFERS && member->role != LL_REF_LINE &&
                                       member->role != LL_CANCELS))
                continue;
            const struct ll_object *way = ll_way(m, member->ref);
            if (way == NULL) {
                map_note(b->r, rel->line, "regulatory element %lld: way %lld is not in the file",
                    (long long)rel->id, (long long)member->ref);
                continue;
            }
            struct ll_use *use = &b->use[way - m->ways];
            if (use->regulatory == 0)
                use->regulatory = (uint32_t)k + 1;
            use->refers |= (member->role == LL_REFERS || member->role == LL_CANCELS) && of_signs;
            use->stop_line |= member->role == LL_REF_LINE;
        }
    }
}

static void choose_frame(struct ll_build *b) {
    const struct ll_map *m = b->m;
    int64_t *lat = ws_calloc(m->n_nodes, sizeof(lat[0]));
    int64_t *lon = ws_calloc(m->n_nodes, sizeof(lon[0]));
    size_t n = 0;
    for (size_t i = 0; i < m->n_nodes; i++) {
        if (m->nodes[i].has_geo) {
            lat[n] = m->nodes[i].lat;
            lon[n++] = m->nodes[i].lon;
        }
    }
    b->local = n == 0;
    if (b->local) {
        b->own = map_frame_local(b->r);
        b->frame = b->r->opt->has_frame ? b->r->opt->frame : b->own;
    } else {
        b->frame = map_frame_of_places(b->r->opt, lat, lon, n);
    }
    free(lat);
    free(lon);
}

void lanelet2_import(struct map_reader *r, struct span data) {
    struct ll_map m = {0};
    lanelet2_parse(r, data, &m);
    if (r->octets != NULL)
        buf_free(r->octets); /* a third of the memory that a large map takes */
    if (r->rc == WS_OK && m.n_nodes > 0) {
        struct ll_build b = {.r = r, .m = &m};
        b.budget = BUDGET_BASE + BUDGET_EACH * (uint64_t)(m.n_refs + m.n_members);
        b.use = ws_calloc(m.n_ways, sizeof(b.use[0]));
        choose_frame(&b);
        r->map->frame = b.frame;
        look_at_regulatory(&b);
        lanelet2_areas(&b);
        lanelet2_lanes(&b);
        lanelet2_ways(&b);
        free(b.use);
        free(b.links);
    }
    ll_map_free(&m);
}

/* A whole map as Lanelet2 OSM XML. */
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/formats/export.h"
#include "mapsvc/formats/export_osm.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- bulbs ---- */

/* Of an object that an element is drawn with and that has no name of its own. */
static int64_t part_id(const struct element *e, size_t n) {
    uint8_t hash[32];
    uint8_t octets[24] = "part";
    memcpy(octets + 4, e->id, 16);
    put_be32(octets + 20, (uint32_t)n);
    exec_sha256_one(span_of(octets, sizeof(octets)), hash);
    return -(int64_t)(be64(hash) >> 12) - 1;
}

/* A light's bulbs are a way beside it; where each of them is, is not kept: they are where the light is. */
static int64_t bulbs_id(const struct element *light) {
    const char *way = element_attr(light, "bulb_ways");
    static const char prefix[] = "lanelet2:way/";
    if (way != NULL && strncmp(way, prefix, sizeof(prefix) - 1) == 0)
        return strtoll(way + sizeof(prefix) - 1, NULL, 10);
    return part_id(light, 0);
}

static bool has_bulbs(const struct element *e) {
    return e->kind == EL_LIGHT && e->n_points > 0 && element_attr(e, "bulbs") != NULL &&
           element_attr(e, "regulatory") != NULL;
}

static void put_bulb_nodes(const struct mapset *m, const struct element *e, struct buf *b) {
    size_t n = 0;
    for (const char *at = element_attr(e, "bulbs"); *at != '\0';) {
        size_t len = strcspn(at, " ");
        char word[ELEMENT_MAX_TEXT + 1];
        int64_t lat = 0;
        int64_t lon = 0;
        (void)snprintf(word, sizeof(word), "%.*s", (int)len, at);
        char *arrow = strchr(word, ':');
        if (arrow != NULL)
            *arrow++ = '\0';
        frame_to_wgs10(&m->frame, e->points[0].x, e->points[0].y, &lat, &lon);
        buf_printf(b, "  <node id=\"%lld\" lat=\"", (long long)part_id(e, ++n));
        export_degrees(b, lat);
        buf_printf(b, "\" lon=\"");
        export_degrees(b, lon);
        buf_printf(b, "\">\n    <tag k=\"ele\" v=\"");
        export_metres(b, e->points[0].z);
        buf_printf(b, "\"/>\n");
        if (word[0] != '\0')
            osm_put_tag(b, "color", word);
        if (arrow != NULL)
            osm_put_tag(b, "arrow", arrow);
        buf_printf(b, "  </node>\n");
        at += len;
        at += *at == ' ';
    }
}

static void put_bulb_way(const struct element *e, struct buf *b) {
    size_t n = 0;
    char id[24];
    buf_printf(b, "  <way id=\"%lld\">\n", (long long)bulbs_id(e));
    for (const char *at = element_attr(e, "bulbs"); *at != '\0'; at += *at == ' ') {
        buf_printf(b, "    <nd ref=\"%lld\"/>\n", (long long)part_id(e, ++n));
        at += strcspn(at, " ");
    }
    (void)snprintf(id, sizeof(id), "%lld", (long long)osm_id(e));
    osm_put_tag(b, "type", "light_bulbs");
    osm_put_tag(b, "traffic_light_id", id);
    buf_printf(b, "  </way>\n");
}

/* ---- crosswalks of formats without lanelets ---- */

/* Neither between bounds nor within ways: its outline is a way, and an area within that. */
static bool is_outline(const struct element *e) {
    return e->kind == EL_CROSSWALK && e->n_points >= 3 && element_attr(e, "left") == NULL &&
           (e->n_aliases == 0 || strncmp(e->aliases[0], "lanelet2:", 9) != 0);
}

static size_t corners(const struct element *e) {
    const struct map_point *first = &e->points[0];
    const struct map_point *last = &e->points[e->n_points - 1];
    return first->x == last->x && first->y == last->y ? e->n_points - 1 : e->n_points;
}

static void put_outline(const struct element *e, struct buf *b) {
    buf_printf(b, "  <way id=\"%lld\">\n", (long long)part_id(e, 0));
    for (size_t i = 0; i <= corners(e); i++)
        buf_printf(b, "    <nd ref=\"%lld\"/>\n", (long long)part_id(e, 1 + (i % corners(e))));
    buf_printf(b, "  </way>\n");
}

static void put_outlined(const struct element *e, struct buf *b) {
    buf_printf(b,
        "  <relation id=\"%lld\">\n    <member type=\"way\" ref=\"%lld\" role=\"outer\"/>\n",
        (long long)osm_id(e), (long long)part_id(e, 0));
    osm_put_tag(b, "type", "multipolygon");
    osm_put_tag(b, "subtype", "crosswalk");
    osm_put_tags(b, e);
    buf_printf(b, "  </relation>\n");
}

/* ---- nodes and ways ---- */

static int point_order(const void *a, const void *b) {
    const struct map_point *p = a;
    const struct map_point *q = b;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    if (p->y != q->y)
        return p->y < q->y ? -1 : 1;
    return (p->z > q->z) - (p->z < q->z);
}

/* Points at one place are one node: that sharing is what makes lanelets neighbours. */
static void put_nodes(const struct mapset *m, struct map_point *scratch, struct buf *b) {
    size_t total = 0;
    for (size_t i = 0; i < m->n; i++)
        total += osm_is_way(&m->elements[i]) ? m->elements[i].n_points + 1 : 0;
    struct map_point *all = ws_calloc(total, sizeof(all[0]));
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        if (!osm_is_way(&m->elements[i]))
            continue;
        size_t k = osm_points(&m->elements[i], scratch);
        memcpy(all + n, scratch, k * sizeof(all[0]));
        n += k;
    }
    if (n > 1)
        qsort(all, n, sizeof(all[0]), point_order);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || point_order(&all[i - 1], &all[i]) != 0)
            osm_put_node(b, &m->frame, osm_node_id(all[i]), all[i]);
    free(all);
    for (size_t i = 0; i < m->n; i++)
        if (has_bulbs(&m->elements[i]))
            put_bulb_nodes(m, &m->elements[i], b);
    for (size_t i = 0; i < m->n; i++)
        for (size_t k = 0; is_outline(&m->elements[i]) && k < corners(&m->elements[i]); k++)
            osm_put_node(b, &m->frame, part_id(&m->elements[i], 1 + k), m->elements[i].points[k]);
}

static void put_ways(const struct mapset *m, struct map_point *scratch, struct buf *b) {
    int64_t *refs = ws_calloc(ELEMENT_MAX_POINTS, sizeof(refs[0]));
    size_t n_ways = 0;
    struct osm_named *ways = osm_sorted(m, osm_is_way, &n_ways);
    for (size_t i = 0; i < n_ways; i++) {
        const struct element *e = ways[i].e;
        size_t n = osm_points(e, scratch);
        for (size_t k = 0; k < n; k++)
            refs[k] = osm_node_id(scratch[k]);
        if (n > 0)
            osm_put_way(b, e, refs, n, 0);
        if (has_bulbs(e))
            put_bulb_way(e, b);
    }
    for (size_t i = 0; i < m->n; i++)
        if (is_outline(&m->elements[i]))
            put_outline(&m->elements[i], b);
    free(ways);
    free(refs);
}

struct left_out {
    size_t lanes, limits, others;
};

/* The limit of the whole lane is named after it. */
static const struct element *limit_of(const struct osm_index *x, const struct element *lane) {
    for (size_t i = 0; i < lane->n_aliases; i++) {
        char alias[ELEMENT_MAX_TEXT + 16];
        (void)snprintf(alias, sizeof(alias), "%s#speed_limit", lane->aliases[i]);
        const struct element *e = osm_find(x, EL_SPEED_LIMIT, alias);
        if (e != NULL)
            return e;
    }
    return NULL;
}

static void put_lanelets(
    const struct mapset *m, const struct osm_index *x, struct buf *b, struct left_out *out) {
    size_t limits = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct element *e = &m->elements[i];
        out->limits += e->kind == EL_SPEED_LIMIT;
        out->others += e->kind == EL_HAZARD;
    }
    size_t n = 0;
    struct osm_named *lanes = osm_sorted(m, osm_is_relation, &n);
    for (size_t i = 0; i < n; i++) {
        const struct element *e = lanes[i].e;
        const struct element *limit = e->kind == EL_LANE ? limit_of(x, e) : NULL;
        if (e->kind != EL_AREA && osm_put_lanelet(b, e, limit, x, 0))
            limits += limit != NULL;
        else if (is_outline(e))
            put_outlined(e, b);
        else
            out->lanes += e->kind == EL_LANE; /* a crosswalk may be an area of ways */
    }
    out->limits -= limits;
    free(lanes);
}

/* One member of a relation that elements name: of a regulatory element, or of an area. */
struct rule {
    int64_t id;
    const struct element *e;
    const char *key; /* attribute that names it */
};

static int rule_order(const void *a, const void *b) {
    const struct rule *p = a;
    const struct rule *q = b;
    if (p->id != q->id)
        return p->id < q->id ? -1 : 1;
    if (p->e->kind != q->e->kind)
        return p->e->kind < q->e->kind ? -1 : 1;
    int c = memcmp(p->e->id, q->e->id, sizeof(p->e->id));
    return c != 0 ? c : strcmp(p->key, q->key);
}

static size_t count_rules(const struct element *e, const char *key, struct rule *ret) {
    static const char prefix[] = "lanelet2:relation/";
    const char *at = element_attr(e, key);
    size_t n = 0;
    while (at != NULL && (at = strstr(at, prefix)) != NULL) {
        at += sizeof(prefix) - 1;
        if (ret != NULL)
            ret[n] = (struct rule){strtoll(at, NULL, 10), e, key};
        n++;
    }
    return n;
}

/* What a lane that names the rule says it is about; "" where none does. */
static void word_of(const struct rule *r, size_t n, char dst[static 64]) {
    dst[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        char alias[48];
        const char *ids = element_attr(r[i].e, "regulatory");
        const char *words = element_attr(r[i].e, "rules");
        (void)snprintf(alias, sizeof(alias), "lanelet2:relation/%lld", (long long)r[i].id);
        while (ids != NULL && words != NULL && *ids != '\0' && *words != '\0') {
            size_t id_n = strcspn(ids, " ");
            size_t word_n = strcspn(words, " ");
            if (id_n == strlen(alias) && strncmp(ids, alias, id_n) == 0 && word_n < 64 &&
                strncmp(words, "-", word_n) != 0) {
                (void)snprintf(dst, 64, "%.*s", (int)word_n, words);
                return;
            }
            ids += id_n + (ids[id_n] == ' ');
            words += word_n + (words[word_n] == ' ');
        }
    }
}

/* A rule about speed only when every lane under it has a limit of its own: then reading the file again
 * gives no limit that was not there. */
static const char *subtype_of(const struct rule *r, size_t n, const struct osm_index *x) {
    bool value = false;
    bool limits = true;
    bool gives_way = false;
    for (size_t i = 0; i < n; i++) {
        if (r[i].e->kind == EL_LIGHT)
            return "traffic_light";
        if (strcmp(r[i].key, "all_way_stop") == 0)
            return "all_way_stop";
        gives_way = gives_way || strcmp(r[i].key, "regulatory") != 0;
        value = value || (r[i].e->kind == EL_SIGN && r[i].e->has_value);
        if (r[i].e->kind == EL_LANE)
            limits = limits && limit_of(x, r[i].e) != NULL;
    }
    if (gives_way)
        return "right_of_way";
    return value && limits ? "speed_limit" : "traffic_sign";
}

/* Members of all relations that elements name by some attributes, those of one relation together. */
static struct rule *rules_of(
    const struct mapset *m, const char *const *keys, size_t n_keys, size_t *ret_n) {
    size_t total = 0;
    for (size_t i = 0; i < m->n; i++)
        for (size_t k = 0; k < n_keys; k++)
            total += count_rules(&m->elements[i], keys[k], NULL);
    struct rule *rules = ws_calloc(total, sizeof(rules[0]));
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        for (size_t k = 0; k < n_keys; k++)
            n += count_rules(&m->elements[i], keys[k], rules + n);
    if (n > 1)
        qsort(rules, n, sizeof(rules[0]), rule_order);
    *ret_n = n;
    return rules;
}

static void put_member(struct buf *b, const struct element *e, const char *role) {
    buf_printf(b, "    <member type=\"%s\" ref=\"%lld\" role=\"%s\"/>\n",
        osm_is_way(e) ? "way" : "relation", (long long)osm_id(e), role);
}

static void put_rules(const struct mapset *m, const struct osm_index *x, struct buf *b) {
    static const char *const keys[] = {"all_way_stop", "regulatory", "right_of_way", "yield"};
    size_t n = 0;
    struct rule *rules = rules_of(m, keys, ARRAY_LEN(keys), &n);
    size_t next = 0;
    for (size_t i = 0; i < n; i = next) {
        for (next = i; next < n && rules[next].id == rules[i].id;)
            next++;
        buf_printf(b, "  <relation id=\"%lld\">\n", (long long)rules[i].id);
        for (size_t k = i; k < next; k++) {
            const struct element *e = rules[k].e;
            if (osm_is_way(e))
                put_member(b, e, e->kind == EL_STOP_LINE ? "ref_line" : "refers");
            else if (strcmp(rules[k].key, "right_of_way") == 0)
                put_member(b, e, "right_of_way");
            else if (strcmp(rules[k].key, "regulatory") != 0 && e->kind != EL_AREA)
                put_member(b, e, "yield");
            if (has_bulbs(e))
                buf_printf(b, "    <member type=\"way\" ref=\"%lld\" role=\"light_bulbs\"/>\n",
                    (long long)bulbs_id(e));
        }
        osm_put_tag(b, "type", "regulatory_element");
        char word[64];
        word_of(rules + i, next - i, word);
        bool speed = word[0] == '\0' || strcmp(word, "speed_limit") == 0;
        osm_put_tag(b, "subtype", speed ? subtype_of(rules + i, next - i, x) : word);
        buf_printf(b, "  </relation>\n");
    }
    free(rules);
}

/* Areas by their edges. */
static void put_areas(const struct mapset *m, const struct osm_index *x, struct buf *b) {
    static const char *const keys[] = {"inner_of", "outer_of"};
    size_t n = 0;
    struct rule *edges = rules_of(m, keys, ARRAY_LEN(keys), &n);
    size_t next = 0;
    for (size_t i = 0; i < n; i = next) {
        char alias[48];
        (void)snprintf(alias, sizeof(alias), "lanelet2:relation/%lld", (long long)edges[i].id);
        const struct element *area = osm_find(x, EL_CROSSWALK, alias);
        if (area == NULL)
            area = osm_find(x, EL_AREA, alias);
        buf_printf(b, "  <relation id=\"%lld\">\n", (long long)edges[i].id);
        for (next = i; next < n && edges[next].id == edges[i].id; next++)
            put_member(
                b, edges[next].e, strcmp(edges[next].key, "outer_of") == 0 ? "outer" : "inner");
        osm_put_tag(b, "type", "multipolygon");
        for (const char *at = area == NULL ? NULL : element_attr(area, "regulatory");
             at != NULL && (at = strstr(at, "relation/")) != NULL;)
            buf_printf(b,
                "    <member type=\"relation\" ref=\"%lld\" role=\"regulatory_element\"/>\n",
                strtoll(at += strlen("relation/"), NULL, 10));
        if (area != NULL)
            osm_put_tags(b, area);
        buf_printf(b, "  </relation>\n");
    }
    free(edges);
}

void export_lanelet2(const struct mapset *m, struct buf *b) {
    struct map_point *scratch = ws_calloc(ELEMENT_MAX_POINTS, sizeof(scratch[0]));
    struct osm_index x = osm_index_of(m);
    struct left_out out = {0};
    buf_printf(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<osm version=\"0.6\" "
                  "generator=\"wayside\">\n");
    put_nodes(m, scratch, b);
    put_ways(m, scratch, b);
    put_lanelets(m, &x, b, &out);
    put_rules(m, &x, b);
    put_areas(m, &x, b);
    if (out.lanes + out.limits + out.others > 0)
        buf_printf(b,
            "  <!-- left out: %zu lanes without bounds, %zu limits that are not the only one of "
            "their lane, %zu hazards -->\n",
            out.lanes, out.limits, out.others);
    buf_printf(b, "</osm>\n");
    osm_index_free(&x);
    free(scratch);
}

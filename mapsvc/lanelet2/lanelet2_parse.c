#include "mapsvc/lanelet2/lanelet2.h"

#include "base/mem.h"
#include "mapsvc/formats/xml.h"
#include "mapsvc/model/text.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    OBJECTS_MAX = 10000000, /* of one file, unless the options say otherwise */
    OBJECTS_LIMIT = 250000000, /* counters and offsets have 32 bits */
    TAGS_MAX = 256, /* of one object: they are looked through one by one */
};

enum object_kind { NO_OBJECT, NODE, WAY, RELATION };

struct parse {
    struct map_reader *r;
    struct ll_map *m;
    enum object_kind open; /* what tags belong to; NO_OBJECT inside skipped ones */
    size_t max; /* objects; four times as many references and tags */
    char colour[16], arrow[16]; /* of the node that is open */
};

/* Room for one more of an array that grows by doubling. */
static void *room(void *p, size_t n, size_t *cap, size_t size) {
    if (n < *cap)
        return p;
    *cap = *cap == 0 ? 256 : *cap * 2;
    return ws_realloc(p, *cap * size);
}

void ll_map_free(struct ll_map *m) {
    free(m->nodes);
    free(m->ways);
    free(m->relations);
    free(m->refs);
    free(m->members);
    free(m->tags);
    buf_free(&m->text);
    *m = (struct ll_map){0};
}

static uint32_t put_text(struct ll_map *m, const char *s) {
    uint32_t at = (uint32_t)m->text.n;
    buf_put(&m->text, s, strlen(s) + 1);
    return at;
}

static void add_tag(struct xml *x, struct parse *p, struct ll_object *o, const char **attrs) {
    const char *k = xml_attr(attrs, "k");
    const char *v = xml_attr(attrs, "v");
    if (k == NULL || v == NULL) {
        map_skip(p->r, xml_line(x), "tag", "k or v is missing");
        return;
    }
    struct ll_map *m = p->m;
    if (o->n_tags == TAGS_MAX) {
        map_skip(p->r, xml_line(x), "tag", "object %lld has more than %d tags", (long long)o->id,
            TAGS_MAX);
        return;
    }
    if (m->n_tags / 4 >= p->max || m->text.n > UINT32_MAX - 8192) {
        xml_fail(x, WS_ELIMIT, "element tag: more than the reader holds");
        return;
    }
    m->tags = room(m->tags, m->n_tags, &m->cap_tags, sizeof(m->tags[0]));
    uint32_t key = put_text(m, k);
    m->tags[m->n_tags++] = (struct ll_tag){key, put_text(m, v)};
    o->n_tags++;
}

static bool metres(const char *v, int32_t *ret_mm) {
    int64_t mm = 0;
    if (!text_to_fixed(v, 3, INT32_MAX, &mm))
        return false;
    *ret_mm = (int32_t)mm;
    return true;
}

static uint32_t hash_text(uint32_t h, const char *s) {
    for (; *s != '\0'; s++)
        h = (h ^ (uint8_t)*s) * 16777619U;
    return (h ^ 0xffU) * 16777619U;
}

enum { HASH_SEED = 0x811c9dc5 };

/* Editors write a place with 9 to 16 decimals; two of them differ only if they differ at 1e-9 degree, as binary
 * floating point rounds. */
static uint32_t place_mark(const char *lat, const char *lon) {
    double v[2] = {0.0, 0.0};
    char text[96];
    if (!text_to_double(lat, &v[0]) || !text_to_double(lon, &v[1]))
        return 0;
    (void)snprintf(text, sizeof(text), "%.9f %.9f", v[0], v[1]);
    return hash_text(HASH_SEED, text);
}

/* A bulb of a light: "green", "green:left". */
static void bulb_tag(struct parse *p, struct ll_node *n, char dst[static 16], const char *v) {
    size_t k = strcspn(v, " :");
    char text[40];
    (void)snprintf(dst, 16, "%.*s", (int)(k < 15 ? k : 15), v);
    if (p->colour[0] == '\0' && p->arrow[0] == '\0')
        return;
    (void)snprintf(
        text, sizeof(text), "%s%s%s", p->colour, p->arrow[0] == '\0' ? "" : ":", p->arrow);
    if (p->m->text.n < UINT32_MAX - 8192)
        n->bulb = put_text(p->m, text) + 1;
}

static void node_tag(struct xml *x, struct parse *p, struct ll_node *n, const char **attrs) {
    const char *k = xml_attr(attrs, "k");
    const char *v = xml_attr(attrs, "v");
    if (k == NULL || v == NULL)
        return;
    bool ok = true;
    if (strcmp(k, "ele") == 0)
        ok = v[0] == '\0' || metres(v, &n->z);
    else if (strcmp(k, "local_x") == 0)
        n->has_x = ok = metres(v, &n->local_x);
    else if (strcmp(k, "local_y") == 0)
        n->has_y = ok = metres(v, &n->local_y);
    else if (strcmp(k, "color") == 0)
        bulb_tag(p, n, p->colour, v);
    else if (strcmp(k, "arrow") == 0)
        bulb_tag(p, n, p->arrow, v);
    if (p->m->marks && strcmp(k, "ele") != 0 &&
        strncmp(k, "local_", 6) != 0) /* a sum: the order of tags says nothing */
        n->tags += hash_text(hash_text(HASH_SEED, k), v);
    if (!ok)
        map_note(p->r, xml_line(x), "node %lld: %s \"%.32s\" is not a length in metres",
            (long long)n->id, k, v);
}

static void start_node(struct xml *x, struct parse *p, int64_t id, const char **attrs) {
    struct ll_map *m = p->m;
    struct ll_node n = {.id = id, .line = xml_line(x), .order = (uint32_t)m->n_nodes};
    const char *lat = xml_attr(attrs, "lat");
    const char *lon = xml_attr(attrs, "lon");
    /* Empty or zero where only local_x and local_y mean anything. */
    bool given = lat != NULL && lon != NULL && (lat[0] != '\0' || lon[0] != '\0');
    if (given && (!text_to_fixed(lat, 10, 900000000000, &n.lat) ||
                     !text_to_fixed(lon, 10, 1800000000000, &n.lon))) {
        char what[48];
        (void)snprintf(what, sizeof(what), "node %lld", (long long)id);
        map_skip(p->r, n.line, what, "\"%.32s\", \"%.32s\" is not a place in degrees", lat, lon);
        return;
    }
    n.has_geo = given && (n.lat != 0 || n.lon != 0);
    if (m->marks && n.has_geo)
        n.place = place_mark(lat, lon);
    m->nodes = room(m->nodes, m->n_nodes, &m->cap_nodes, sizeof(m->nodes[0]));
    m->nodes[m->n_nodes++] = n;
    p->colour[0] = p->arrow[0] = '\0';
    p->open = NODE;
}

static void start_object(struct xml *x, struct parse *p, const char *name, const char **attrs) {
    enum object_kind kind = strcmp(name, "node") == 0       ? NODE
                            : strcmp(name, "way") == 0      ? WAY
                            : strcmp(name, "relation") == 0 ? RELATION
                                                            : NO_OBJECT;
    p->open = NO_OBJECT;
    if (kind == NO_OBJECT)
        return;
    const char *action = xml_attr(attrs, "action");
    const char *visible = xml_attr(attrs, "visible");
    if ((action != NULL && strcmp(action, "delete") == 0) ||
        (visible != NULL && strcmp(visible, "false") == 0))
        return;
    const char *text = xml_attr(attrs, "id");
    int64_t id = 0;
    if (text == NULL || !text_to_i64(text, &id)) {
        map_skip(p->r, xml_line(x), name, "id \"%.32s\" is not a number", text == NULL ? "" : text);
        return;
    }
    struct ll_map *m = p->m;
    if (m->n_nodes + m->n_ways + m->n_relations >= p->max) {
        xml_fail(x, WS_ELIMIT, "element %s: more than %zu objects", name, p->max);
        return;
    }
    if (kind == NODE) {
        start_node(x, p, id, attrs);
        return;
    }
    struct ll_object o = {.id = id, .line = xml_line(x), .first_tag = (uint32_t)m->n_tags};
    if (kind == WAY) {
        o.first_part = (uint32_t)m->n_refs;
        o.order = (uint32_t)m->n_ways;
        m->ways = room(m->ways, m->n_ways, &m->cap_ways, sizeof(o));
        m->ways[m->n_ways++] = o;
    } else {
        o.first_part = (uint32_t)m->n_members;
        o.order = (uint32_t)m->n_relations;
        m->relations = room(m->relations, m->n_relations, &m->cap_relations, sizeof(o));
        m->relations[m->n_relations++] = o;
    }
    p->open = kind;
}

static enum ll_role role_of(const char *role) {
    static const struct {
        const char *name;
        enum ll_role role;
    } roles[] = {{"left", LL_LEFT}, {"right", LL_RIGHT}, {"regulatory_element", LL_REGULATORY},
        {"refers", LL_REFERS}, {"ref_line", LL_REF_LINE}, {"cancels", LL_CANCELS},
        {"yield", LL_YIELD}, {"right_of_way", LL_RIGHT_OF_WAY}, {"light_bulbs", LL_BULBS},
        {"outer", LL_OUTER}, {"inner", LL_INNER}, {"crosswalk_polygon", LL_REFERS}};
    for (size_t i = 0; role != NULL && i < ARRAY_LEN(roles); i++)
        if (strcmp(role, roles[i].name) == 0)
            return roles[i].role;
    return LL_OTHER;
}

static void add_part(struct xml *x, struct parse *p, const char *name, const char **attrs) {
    struct ll_map *m = p->m;
    bool nd = strcmp(name, "nd") == 0;
    if (nd ? p->open != WAY : (strcmp(name, "member") != 0 || p->open != RELATION))
        return;
    const char *text = xml_attr(attrs, "ref");
    int64_t ref = 0;
    if (text == NULL || !text_to_i64(text, &ref)) {
        map_skip(
            p->r, xml_line(x), name, "ref \"%.32s\" is not a number", text == NULL ? "" : text);
        return;
    }
    if ((m->n_refs + m->n_members) / 4 >= p->max) {
        xml_fail(x, WS_ELIMIT, "element %s: more references than the reader holds", name);
        return;
    }
    if (nd) {
        m->refs = room(m->refs, m->n_refs, &m->cap_refs, sizeof(m->refs[0]));
        m->refs[m->n_refs++] = ref;
        m->ways[m->n_ways - 1].n_parts++;
        return;
    }
    const char *type = xml_attr(attrs, "type");
    struct ll_member member = {.ref = ref,
        .role = role_of(xml_attr(attrs, "role")),
        .is_way = type != NULL && strcmp(type, "way") == 0,
        .is_relation = type != NULL && strcmp(type, "relation") == 0};
    m->members = room(m->members, m->n_members, &m->cap_members, sizeof(member));
    m->members[m->n_members++] = member;
    m->relations[m->n_relations - 1].n_parts++;
}

static void on_start(struct xml *x, void *user, const char *name, const char **attrs) {
    struct parse *p = user;
    unsigned depth = xml_depth(x);
    if (depth == 2) {
        start_object(x, p, name, attrs);
    } else if (depth == 3 && p->open != NO_OBJECT) {
        if (strcmp(name, "tag") != 0)
            add_part(x, p, name, attrs);
        else if (p->open == NODE)
            node_tag(x, p, &p->m->nodes[p->m->n_nodes - 1], attrs);
        else
            add_tag(x, p,
                p->open == WAY ? &p->m->ways[p->m->n_ways - 1]
                               : &p->m->relations[p->m->n_relations - 1],
                attrs);
    }
    if (p->r->rc != WS_OK)
        xml_stop(x);
}

static int node_order(const void *a, const void *b) {
    const struct ll_node *p = a;
    const struct ll_node *q = b;
    if (p->id != q->id)
        return p->id < q->id ? -1 : 1;
    return (p->order > q->order) - (p->order < q->order);
}

static int object_order(const void *a, const void *b) {
    const struct ll_object *p = a;
    const struct ll_object *q = b;
    if (p->id != q->id)
        return p->id < q->id ? -1 : 1;
    return (p->order > q->order) - (p->order < q->order);
}

static void duplicate(struct map_reader *r, unsigned line, const char *kind, int64_t id) {
    char what[48];
    (void)snprintf(what, sizeof(what), "%s %lld", kind, (long long)id);
    map_skip(r, line, what, "the id is used before in this file");
}

static size_t unique_objects(
    struct map_reader *r, struct ll_object *o, size_t n, const char *kind) {
    if (n > 1)
        qsort(o, n, sizeof(o[0]), object_order);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && o[kept - 1].id == o[i].id)
            duplicate(r, o[i].line, kind, o[i].id);
        else
            o[kept++] = o[i];
    }
    return kept;
}

static void sort_and_unique(struct map_reader *r, struct ll_map *m) {
    if (m->n_nodes > 1)
        qsort(m->nodes, m->n_nodes, sizeof(m->nodes[0]), node_order);
    size_t kept = 0;
    for (size_t i = 0; i < m->n_nodes; i++) {
        if (kept > 0 && m->nodes[kept - 1].id == m->nodes[i].id)
            duplicate(r, m->nodes[i].line, "node", m->nodes[i].id);
        else
            m->nodes[kept++] = m->nodes[i];
    }
    m->n_nodes = kept;
    m->n_ways = unique_objects(r, m->ways, m->n_ways, "way");
    m->n_relations = unique_objects(r, m->relations, m->n_relations, "relation");
}

void lanelet2_parse(struct map_reader *r, struct span data, struct ll_map *ret_map) {
    size_t max = r->opt->max_objects;
    struct parse p = {.r = r,
        .m = ret_map,
        .max = max == 0              ? OBJECTS_MAX
               : max < OBJECTS_LIMIT ? max
                                     : OBJECTS_LIMIT};
    const struct xml_handler h = {.user = &p, .start = on_start};
    int rc = xml_parse(r->file, data, &h, r->err);
    if (r->rc == WS_OK)
        r->rc = rc;
    if (r->rc == WS_OK)
        sort_and_unique(r, ret_map);
}

const char *ll_tag(const struct ll_map *m, const struct ll_object *o, const char *key) {
    for (uint32_t i = o->first_tag; i < o->first_tag + o->n_tags; i++)
        if (strcmp((const char *)m->text.p + m->tags[i].key, key) == 0)
            return (const char *)m->text.p + m->tags[i].value;
    return NULL;
}

bool ll_tag_is(const struct ll_map *m, const struct ll_object *o, const char *key, const char *v) {
    const char *have = ll_tag(m, o, key);
    return have != NULL && strcmp(have, v) == 0;
}

const struct ll_node *ll_node(const struct ll_map *m, int64_t id) {
    size_t lo = 0;
    size_t hi = m->n_nodes;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->nodes[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < m->n_nodes && m->nodes[lo].id == id ? &m->nodes[lo] : NULL;
}

static const struct ll_object *object(const struct ll_object *o, size_t n, int64_t id) {
    size_t lo = 0;
    size_t hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (o[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && o[lo].id == id ? &o[lo] : NULL;
}

const struct ll_object *ll_way(const struct ll_map *m, int64_t id) {
    return object(m->ways, m->n_ways, id);
}

const struct ll_object *ll_relation(const struct ll_map *m, int64_t id) {
    return object(m->relations, m->n_relations, id);
}

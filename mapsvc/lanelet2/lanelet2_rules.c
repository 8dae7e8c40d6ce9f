/* What lanes have with others: rules, neighbours, defaults. */
#include "mapsvc/lanelet2/lanelet2.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- defaults ---- */

static bool one_of(const char *s, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(s, list[i]) == 0)
            return true;
    return false;
}

/* Who may use a lanelet of a subtype when nobody is named; NULL where we do not know. */
static const char *default_participant(const char *subtype) {
    static const struct {
        const char *subtype, *key;
    } of[] = {{"road", "participant:vehicle"}, {"highway", "participant:vehicle"},
        {"bicycle_lane", "participant:bicycle"}, {"walkway", "participant:pedestrian"},
        {"crosswalk", "participant:pedestrian"}, {"stairs", "participant:pedestrian"}};
    for (size_t i = 0; i < ARRAY_LEN(of); i++)
        if (strcmp(subtype, of[i].subtype) == 0)
            return of[i].key;
    return NULL;
}

/* One participant tag overrides all defaults, so several are never the default. */
static bool only_participant(const struct ll_map *m, const struct ll_object *o) {
    size_t n = 0;
    for (uint32_t i = o->first_tag; i < o->first_tag + o->n_tags; i++)
        n += strncmp((const char *)m->text.p + m->tags[i].key, "participant:", 12) == 0;
    return n == 1;
}

bool ll_is_default(const struct ll_map *m, const struct ll_object *o, const struct element *e,
    const char *key, const char *value) {
    static const char *const one_way[] = {"road", "highway", "bus_lane", "bicycle_lane"};
    static const char *const both_ways[] = {"walkway", "shared_walkway", "crosswalk", "stairs"};
    const char *subtype = ll_tag(m, o, "subtype");
    if ((e->kind != EL_LANE && e->kind != EL_CROSSWALK) || subtype == NULL)
        return false;
    if (strcmp(key, "one_way") == 0)
        return (strcmp(value, "yes") == 0 && one_of(subtype, one_way, ARRAY_LEN(one_way))) ||
               (strcmp(value, "no") == 0 && one_of(subtype, both_ways, ARRAY_LEN(both_ways)));
    const char *participant = default_participant(subtype);
    return participant != NULL && strcmp(key, participant) == 0 && strcmp(value, "yes") == 0 &&
           only_participant(m, o);
}

/* ---- neighbours ---- */

struct edge {
    int64_t way;
    int64_t first; /* node at which the lane begins on it */
    uint32_t lane;
    bool left; /* of its lane */
};

static int edge_order(const void *a, const void *b) {
    const struct edge *p = a;
    const struct edge *q = b;
    if (p->way != q->way)
        return p->way < q->way ? -1 : 1;
    return (p->lane > q->lane) - (p->lane < q->lane);
}

/* a and b lie on both sides of one way. */
static void meet(struct ll_lane *lanes, const struct edge *a, const struct edge *b) {
    struct element *e = &lanes[a->lane].e;
    int64_t other = lanes[b->lane].rel->id;
    if (a->left == b->left && a->first != b->first)
        (void)ll_list_add(e, "opposite_lane", "relation", other);
    else if (a->left != b->left && a->first == b->first)
        (void)ll_list_add(e, a->left ? "left_lane" : "right_lane", "relation", other);
}

static void note_twin(struct ll_build *b, const struct ll_lane *p, const struct ll_lane *q) {
    if (p->left == q->left && p->right == q->right)
        map_note(b->r, q->rel->line, "lanelet %lld: has the bounds of lanelet %lld",
            (long long)q->rel->id, (long long)p->rel->id);
}

void ll_neighbours(struct ll_build *b, struct ll_lane *lanes, size_t n) {
    struct edge *edges = ws_calloc(2 * n, sizeof(edges[0]));
    for (size_t i = 0; i < n; i++) {
        edges[2 * i] = (struct edge){lanes[i].left->id, lanes[i].start[0], (uint32_t)i, true};
        edges[2 * i + 1] = (struct edge){lanes[i].right->id, lanes[i].start[1], (uint32_t)i, false};
    }
    qsort(edges, 2 * n, sizeof(edges[0]), edge_order);
    size_t next = 0;
    for (size_t i = 0; i < 2 * n; i = next) {
        for (next = i; next < 2 * n && edges[next].way == edges[i].way;)
            next++;
        if (!ll_spend(b, (uint64_t)(next - i) * (next - i)))
            break;
        for (size_t j = i; j < next; j++) {
            for (size_t k = i; k < next; k++)
                if (j != k)
                    meet(lanes, &edges[j], &edges[k]);
            for (size_t k = j + 1; k < next; k++)
                if (edges[j].left && edges[k].left)
                    note_twin(b, &lanes[edges[j].lane], &lanes[edges[k].lane]);
        }
    }
    free(edges);
}

/* ---- rules ---- */

static struct ll_lane *lane_of(struct ll_lane *lanes, size_t n, int64_t id) {
    size_t lo = 0;
    size_t hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (lanes[mid].rel->id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && lanes[lo].rel->id == id ? &lanes[lo] : NULL;
}

/* A word of a list that is not in it yet. */
static void add_word(struct element *e, const char *key, const char *word) {
    const char *old = element_attr(e, key);
    size_t n = strlen(word);
    for (const char *at = old; at != NULL && (at = strstr(at, word)) != NULL; at += n)
        if ((at == old || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return;
    char text[ELEMENT_MAX_TEXT + 1];
    int len = snprintf(
        text, sizeof(text), "%s%s%.64s", old == NULL ? "" : old, old == NULL ? "" : " ", word);
    if (len > 0 && len <= ELEMENT_MAX_TEXT)
        (void)element_set_attr(e, key, text);
}

static void add_way(struct element *e, const char *key, int64_t id) {
    char word[48];
    (void)snprintf(word, sizeof(word), "lanelet2:way/%lld", (long long)id);
    add_word(e, key, word);
}

void ll_link(struct ll_build *b, const struct ll_object *way, const char *key, int64_t relation) {
    if (b->n_links == b->cap_links) {
        b->cap_links = b->cap_links == 0 ? 256 : b->cap_links * 2;
        b->links = ws_realloc(b->links, b->cap_links * sizeof(b->links[0]));
    }
    b->links[b->n_links++] = (struct ll_link){(uint32_t)(way - b->m->ways), key, relation};
}

/* What the rules of a lane are about: a word for each, in the order of its attribute "regulatory". */
static void add_rule(struct element *e, const char *subtype) {
    const char *old = element_attr(e, "rules");
    char word[64] = "-";
    char text[ELEMENT_MAX_TEXT + 1];
    if (subtype != NULL && subtype[0] != '\0' && strcspn(subtype, " ") < sizeof(word))
        (void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(subtype, " "), subtype);
    int len = snprintf(
        text, sizeof(text), "%s%s%s", old == NULL ? "" : old, old == NULL ? "" : " ", word);
    if (len > 0 && len <= ELEMENT_MAX_TEXT)
        (void)element_set_attr(e, "rules", text);
}

/* A rule as a lane that names it sees it. */
static void obey(struct ll_build *b, const struct ll_object *rule, struct ll_lane *lane) {
    const struct ll_map *m = b->m;
    for (uint32_t i = rule->first_part; i < rule->first_part + rule->n_parts; i++) {
        const struct ll_member *part = &m->members[i];
        const struct ll_object *way = part->is_way ? ll_way(m, part->ref) : NULL;
        if (way == NULL || (part->role != LL_REFERS && part->role != LL_REF_LINE))
            continue;
        if (part->role == LL_REF_LINE)
            add_way(&lane->e, "stop_lines", way->id);
        ll_link(b, way, "governs", lane->rel->id);
    }
}

/* Who gives way to whom is said by roles in the rule, not by the lanes. */
static void give_way(
    struct ll_build *b, const struct ll_object *rule, struct ll_lane *lanes, size_t n) {
    bool all = ll_tag_is(b->m, rule, "subtype", "all_way_stop");
    for (uint32_t i = rule->first_part; i < rule->first_part + rule->n_parts; i++) {
        const struct ll_member *part = &b->m->members[i];
        if (!part->is_relation || (part->role != LL_YIELD && part->role != LL_RIGHT_OF_WAY))
            continue;
        struct ll_lane *lane = lane_of(lanes, n, part->ref);
        const char *key = all ? "all_way_stop" : part->role == LL_YIELD ? "yield" : "right_of_way";
        if (lane == NULL)
            map_note(b->r, rule->line, "regulatory element %lld: lanelet %lld is not in the file",
                (long long)rule->id, (long long)part->ref);
        else if (!ll_list_add(&lane->e, key, "relation", rule->id))
            map_note(b->r, rule->line, "regulatory element %lld: not kept for lanelet %lld",
                (long long)rule->id, (long long)part->ref);
    }
}

static int link_order(const void *a, const void *b) {
    const struct ll_link *p = a;
    const struct ll_link *q = b;
    if (p->way != q->way)
        return p->way < q->way ? -1 : 1;
    int c = strcmp(p->key, q->key);
    if (c != 0)
        return c;
    return (p->relation > q->relation) - (p->relation < q->relation);
}

void ll_rules(struct ll_build *b, struct ll_lane *lanes, size_t n) {
    const struct ll_map *m = b->m;
    for (size_t k = 0; k < n && b->r->rc == WS_OK; k++) {
        const struct ll_object *rel = lanes[k].rel;
        for (uint32_t i = rel->first_part; i < rel->first_part + rel->n_parts; i++) {
            const struct ll_member *part = &m->members[i];
            const struct ll_object *rule =
                part->role == LL_REGULATORY ? ll_relation(m, part->ref) : NULL;
            if (part->role == LL_REGULATORY && rule == NULL)
                map_note(b->r, rel->line,
                    "lanelet %lld: regulatory element %lld is not in the file", (long long)rel->id,
                    (long long)part->ref);
            if (part->role == LL_REGULATORY)
                add_rule(&lanes[k].e, rule == NULL ? NULL : ll_tag(m, rule, "subtype"));
            if (rule != NULL && ll_spend(b, rule->n_parts))
                obey(b, rule, &lanes[k]);
        }
    }
    for (size_t k = 0; k < m->n_relations && b->r->rc == WS_OK; k++)
        if (ll_tag_is(m, &m->relations[k], "type", "regulatory_element"))
            give_way(b, &m->relations[k], lanes, n);
    if (b->n_links > 1)
        qsort(b->links, b->n_links, sizeof(b->links[0]), link_order);
}

static void add_bulbs(struct ll_build *b, const struct ll_object *way, struct element *e) {
    const struct ll_map *m = b->m;
    if (!ll_spend(b, way->n_parts))
        return;
    add_way(e, "bulb_ways", way->id);
    for (uint32_t i = way->first_part; i < way->first_part + way->n_parts; i++) {
        const struct ll_node *node = ll_node(m, m->refs[i]);
        const char *old = element_attr(e, "bulbs");
        char text[ELEMENT_MAX_TEXT + 1];
        if (node == NULL || node->bulb == 0)
            continue;
        int n = snprintf(text, sizeof(text), "%s%s%s", old == NULL ? "" : old,
            old == NULL ? "" : " ", (const char *)m->text.p + node->bulb - 1);
        if (n > 0 && n <= ELEMENT_MAX_TEXT)
            (void)element_set_attr(e, "bulbs", text);
    }
}

/* Bulbs are a way of their own beside the light, in the same rule; the way names its light. */
static void put_bulbs(struct ll_build *b, const struct ll_object *way, struct element *e) {
    const struct ll_map *m = b->m;
    const struct ll_use *use = &b->use[way - m->ways];
    char id[24];
    (void)snprintf(id, sizeof(id), "%lld", (long long)way->id);
    if (use->regulatory == 0)
        return;
    const struct ll_object *rule = &m->relations[use->regulatory - 1];
    if (!ll_spend(b, rule->n_parts))
        return;
    for (uint32_t i = rule->first_part; i < rule->first_part + rule->n_parts; i++) {
        const struct ll_object *bulbs = m->members[i].role == LL_BULBS && m->members[i].is_way
                                            ? ll_way(m, m->members[i].ref)
                                            : NULL;
        if (bulbs != NULL && ll_tag_is(m, bulbs, "traffic_light_id", id))
            add_bulbs(b, bulbs, e);
    }
}

void ll_put_links(struct ll_build *b, const struct ll_object *way, struct element *e) {
    const struct ll_link key = {(uint32_t)(way - b->m->ways), "", INT64_MIN};
    size_t lo = 0;
    size_t hi = b->n_links;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (link_order(&b->links[mid], &key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < b->n_links && b->links[lo].way == key.way; lo++) {
        if (lo > 0 && link_order(&b->links[lo - 1], &b->links[lo]) == 0)
            continue;
        if (!ll_list_add(e, b->links[lo].key, "relation", b->links[lo].relation)) {
            map_note(b->r, way->line, "way %lld: not all of %s is kept", (long long)way->id,
                b->links[lo].key);
            break;
        }
    }
    if (e->kind == EL_LIGHT)
        put_bulbs(b, way, e);
}

#include "rsu/json/map.h"

const char *json_change_op(enum map_change_op op) {
    switch (op) {
    case MAP_CREATE:
        return "create";
    case MAP_MODIFY:
        return "modify";
    case MAP_DELETE:
        return "delete";
    }
    return "unknown";
}

const char *json_change_tier(enum change_tier t) {
    switch (t) {
    case TIER_ADVISORY:
        return "advisory";
    case TIER_PERMANENT:
        return "permanent";
    case TIER_ORDER:
        return "order";
    }
    return "unknown";
}

static json_t *position(const struct map_point *p, const struct cell_frame *f) {
    int32_t lat = 0;
    int32_t lon = 0;
    frame_to_wgs(f, p->x, p->y, &lat, &lon);
    json_t *at = json_array();
    json_add(at, json_degrees(lon));
    json_add(at, json_degrees(lat));
    return at;
}

static json_t *line(const struct element *e, const struct cell_frame *f, bool close) {
    json_t *list = json_array();
    for (size_t i = 0; i < e->n_points; i++)
        json_add(list, position(&e->points[i], f));
    if (close)
        json_add(list, position(&e->points[0], f));
    return list;
}

static json_t *geometry(const struct element *e, const struct cell_frame *f) {
    if (e->n_points == 0)
        return json_null();
    json_t *g = json_object();
    if (e->n_points == 1) {
        json_put(g, "type", json_string("Point"));
        json_put(g, "coordinates", position(&e->points[0], f));
    } else if ((e->kind == EL_CROSSWALK || e->kind == EL_AREA) && e->n_points >= 3) {
        const struct map_point *first = &e->points[0];
        const struct map_point *last = &e->points[e->n_points - 1];
        json_t *rings = json_array();
        json_add(rings, line(e, f, first->x != last->x || first->y != last->y));
        json_put(g, "type", json_string("Polygon"));
        json_put(g, "coordinates", rings);
    } else {
        json_put(g, "type", json_string("LineString"));
        json_put(g, "coordinates", line(e, f, false));
    }
    return g;
}

json_t *json_compass(uint16_t heading) {
    int64_t milli = ((int64_t)heading * 360000 + 32768) / 65536;
    return json_milli((90000 - milli + 360000) % 360000);
}

static json_t *instant_ms(int64_t unix_ms) {
    if (unix_ms == 0 || unix_ms == INT64_MAX)
        return json_null();
    return json_integer(unix_ms);
}

json_t *json_element(const struct element *e, const struct cell_frame *f) {
    json_t *o = json_object();
    json_put(o, "id", json_hex(e->id, 16));
    json_put(o, "kind", json_string(element_kind_name(e->kind)));
    json_put(o, "revision", json_count(e->revision));
    if (e->has_value)
        json_put(o, "value", json_integer(e->value));
    if (e->has_heading)
        json_put(o, "heading_deg", json_compass(e->heading));
    json_put(o, "valid_from_ms", instant_ms(e->valid_from_ms));
    json_put(o, "valid_to_ms", instant_ms(e->valid_to_ms));
    json_put(o, "geometry", geometry(e, f));
    json_t *attrs = json_object();
    /* Keys are clean UTF-8: element_decode refuses others. One that is not would be left out here. */
    for (size_t i = 0; i < e->n_attrs; i++)
        (void)json_object_set_new(attrs, e->attrs[i].key,
            json_words(span_of(e->attrs[i].value, strlen(e->attrs[i].value))));
    json_put(o, "attributes", attrs);
    json_t *aliases = json_array();
    for (size_t i = 0; i < e->n_aliases; i++)
        json_add(aliases, json_words(span_of(e->aliases[i], strlen(e->aliases[i]))));
    json_put(o, "aliases", aliases);
    return o;
}

static json_t *evidence(const struct change_record *c) {
    json_t *o = json_object();
    json_put(o, "bits", json_bits(c->bits_q16));
    json_put(o, "threshold_bits", json_bits(c->threshold_q16));
    json_put(o, "vehicles", json_count(c->vehicles));
    json_put(o, "groups", json_count(c->groups));
    json_put(o, "issuers", json_count(c->issuers));
    json_put(o, "software_families", json_count(c->families));
    json_put(o, "first_seen", json_instant(c->first_seen));
    json_put(o, "last_seen", json_instant(c->last_seen));
    json_put(o, "commitment", json_hex(c->evidence_root, 32));
    return o;
}

json_t *json_change(const struct change_record *c, const struct cell_frame *f) {
    char words[CHANGE_WORDS_OCTETS];
    change_describe(c, words, sizeof(words));
    const struct element *e = c->has_after ? &c->after : &c->before;
    json_t *o = json_object();
    json_put(o, "id", json_hex(c->id, 32));
    json_put(o, "op", json_string(json_change_op(c->op)));
    json_put(o, "tier", json_string(json_change_tier(c->tier)));
    json_put(o, "element", json_hex(c->element_id, 16));
    json_put(o, "kind", json_string(element_kind_name(e->kind)));
    json_put(o, "description", json_words(span_of(words, strlen(words))));
    json_put(o, "before", c->has_before ? json_element(&c->before, f) : json_null());
    json_put(o, "after", c->has_after ? json_element(&c->after, f) : json_null());
    if (c->has_supersedes)
        json_put(o, "supersedes", json_hex(c->supersedes, 32));
    if (c->has_withdraws)
        json_put(o, "withdraws", json_hex(c->withdraws, 32));
    if (c->has_order)
        json_put(o, "order", json_hex(c->order, 32));
    json_put(o, "evidence", evidence(c));
    return o;
}

json_t *json_version(const struct map_version *v, const struct cell_frame *f) {
    json_t *o = json_object();
    json_put(o, "version", json_count(v->version));
    json_put(o, "height", json_count(v->height));
    json_put(o, "time", json_instant(v->block_time));
    json_put(o, "geometry", json_boolean(v->geometry));
    json_put(o, "cell_id", json_hex(v->cell_id, 32));
    json_put(o, "previous_root", json_hex(v->previous_root, 32));
    json_put(o, "root", json_hex(v->root, 32));
    json_put(o, "previous_record", json_hex(v->previous_record, 32));
    json_put(o, "policy_hash", json_hex(v->policy_hash, 32));
    json_put(o, "base_digest", json_hex(v->base_digest, 32));
    if (f == NULL)
        return o;
    json_t *changes = json_array();
    for (size_t i = 0; i < v->n_changes; i++)
        json_add(changes, json_change(&v->changes[i], f));
    json_put(o, "changes", changes);
    return o;
}

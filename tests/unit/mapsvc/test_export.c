/* Exports: valid JSON and XML, coordinates that come back to the millimetre, Lanelet2 read again without a change. */
#include "base/mem.h"
#include "mapsvc/formats/export.h"
#include "mapsvc/formats/xml.h"
#include "tests/unit/mapsvc/map_files.h"

#include <jansson.h>

static struct mapset load(const char *path, const struct map_import_options *opt) {
    struct mapset m;
    struct ws_err err;
    if (map_import(path, opt, &m, NULL, &err) != WS_OK)
        fail_msg("%s", err.text);
    return m;
}

static const char *text_of(struct buf *b) {
    buf_u8(b, 0);
    b->n--;
    return (const char *)b->p;
}

static void well_formed(const struct buf *b) {
    struct ws_err err;
    const struct xml_handler nothing = {0};
    if (xml_parse("export", buf_span(b), &nothing, &err) != WS_OK)
        fail_msg("%s", err.text);
}

/* ---- GeoJSON ---- */

/* The next record of a sequence as JSON; NULL at the end. */
static json_t *next_record(const struct buf *b, size_t *at) {
    if (*at == b->n)
        return NULL;
    assert_int_equal(b->p[*at], 0x1e);
    const uint8_t *end = memchr(b->p + *at, '\n', b->n - *at);
    assert_non_null(end);
    size_t len = (size_t)(end - (b->p + *at)) - 1;
    json_error_t err;
    json_t *j = json_loadb((const char *)b->p + *at + 1, len, JSON_REJECT_DUPLICATES, &err);
    if (j == NULL)
        fail_msg("%s: %.*s", err.text, (int)len, b->p + *at + 1);
    *at += len + 2;
    return j;
}

static const char *string_at(const json_t *j, const char *key) {
    const char *s = json_string_value(json_object_get(j, key));
    assert_non_null(s);
    return s;
}

/* Longitude and latitude as the map has them, to a millimetre. */
static void check_position(const json_t *position, const struct mapset *m, struct map_point p) {
    assert_true(json_array_size(position) >= 2);
    double lon = json_number_value(json_array_get(position, 0));
    double lat = json_number_value(json_array_get(position, 1));
    int32_t x = 0;
    int32_t y = 0;
    assert_true(frame_from_wgs10(
        &m->frame, (int64_t)(lat * 1e10 + 0.5), (int64_t)(lon * 1e10 + 0.5), &x, &y));
    assert_int_equal(x, p.x);
    assert_int_equal(y, p.y);
    if (p.z != 0)
        assert_true(json_number_value(json_array_get(position, 2)) * 1000.0 - p.z < 0.5);
}

static void geojson_of_a_map(void **state) {
    (void)state;
    struct mapset m = load("configs/demo/town.osm", NULL);
    struct buf b = {0};
    export_geojsonseq_map(&m, &b);
    size_t at = 0;
    size_t n = 0;
    for (json_t *j = next_record(&b, &at); j != NULL; j = next_record(&b, &at)) {
        const struct element *e = &m.elements[n++];
        assert_string_equal(string_at(j, "type"), "Feature");
        const json_t *props = json_object_get(j, "properties");
        assert_string_equal(string_at(props, "kind"), element_kind_name(e->kind));
        const json_t *coordinates = json_object_get(json_object_get(j, "geometry"), "coordinates");
        if (e->n_points == 1) {
            check_position(coordinates, &m, e->points[0]);
        } else {
            assert_int_equal(json_array_size(coordinates), e->n_points);
            for (size_t i = 0; i < e->n_points; i++)
                check_position(json_array_get(coordinates, i), &m, e->points[i]);
        }
        const json_t *value = json_object_get(props, "value");
        assert_int_equal(value != NULL, e->has_value);
        if (e->has_value)
            assert_int_equal(json_integer_value(value), e->value);
        assert_int_equal(json_object_size(json_object_get(props, "attributes")), e->n_attrs);
        json_decref(j);
    }
    assert_int_equal(n, m.n);
    buf_free(&b);
    mapset_free(&m);
}

static void geojson_of_odd_elements(void **state) {
    (void)state;
    struct mapset m = {.frame = frame_at(-338000000, -700000000)};
    struct element walk = {.kind = EL_CROSSWALK, .valid_to_ms = 5};
    static const struct map_point outline[] = {
        {0, 0, 0}, {0, 4000, 0}, {3000, 4000, 0}, {3000, 0, 0}};
    for (size_t i = 0; i < 4; i++)
        assert_true(element_add_point(&walk, outline[i]));
    assert_true(element_set_attr(&walk, "name", "quote \" back \\ umlaut \xc3\xa4"));
    walk.has_heading = true;
    walk.heading = 0x4000; /* north */
    struct element nowhere = {.kind = EL_HAZARD, .id = {1}, .valid_to_ms = INT64_MAX};
    mapset_add(&m, &walk);
    mapset_add(&m, &nowhere);
    struct buf b = {0};
    export_geojsonseq_map(&m, &b);
    size_t at = 0;
    json_t *j = next_record(&b, &at);
    const json_t *geometry = json_object_get(j, "geometry");
    assert_string_equal(string_at(geometry, "type"), "Polygon");
    const json_t *ring = json_array_get(json_object_get(geometry, "coordinates"), 0);
    assert_int_equal(json_array_size(ring), 5);
    static const size_t turned[] = {0, 3, 2, 1, 0}; /* counter-clockwise, closed */
    for (size_t i = 0; i < 5; i++)
        check_position(json_array_get(ring, i), &m, m.elements[0].points[turned[i]]);
    const json_t *props = json_object_get(j, "properties");
    assert_string_equal(string_at(json_object_get(props, "attributes"), "name"),
        "quote \" back \\ umlaut \xc3\xa4");
    assert_true(json_number_value(json_object_get(props, "heading")) < 0.001);
    assert_int_equal(json_integer_value(json_object_get(props, "valid_to_ms")), 5);
    json_decref(j);
    j = next_record(&b, &at);
    assert_true(json_is_null(json_object_get(j, "geometry")));
    json_decref(j);
    assert_null(next_record(&b, &at));
    buf_free(&b);
    mapset_free(&m);
}

/* ---- versions ---- */

static void add_change(
    struct map_version *v, const struct element *before, const struct element *after) {
    v->changes = ws_realloc(v->changes, (v->n_changes + 1) * sizeof(v->changes[0]));
    struct change_record *c = &v->changes[v->n_changes++];
    *c = (struct change_record){.op = before == NULL  ? MAP_CREATE
                                      : after == NULL ? MAP_DELETE
                                                      : MAP_MODIFY,
        .tier = TIER_PERMANENT,
        .bits_q16 = 1402470,
        .threshold_q16 = 20 << 16,
        .vehicles = 12,
        .groups = 4,
        .issuers = 2,
        .families = 3,
        .first_seen = 700000000000000,
        .last_seen = 700000060000000};
    const struct element *named = before != NULL ? before : after;
    assert_non_null(named);
    if (named == NULL)
        return;
    memcpy(c->element_id, named->id, sizeof(c->element_id));
    c->id[0] = (uint8_t)v->n_changes;
    c->has_before = before != NULL;
    c->has_after = after != NULL;
    if (before != NULL)
        c->before = element_copy(before);
    if (after != NULL)
        c->after = element_copy(after);
}

static void free_version(struct map_version *v) {
    for (size_t i = 0; i < v->n_changes; i++) {
        element_free(&v->changes[i].before);
        element_free(&v->changes[i].after);
    }
    free(v->changes);
    *v = (struct map_version){0};
}

/* The demo's three changes as the cell would publish them: ids are those of the registered map. */
static struct map_version town_version(const struct mapset *map, const struct mapset *world) {
    struct map_version v = {.version = 2, .height = 77, .block_time = 700000061000000};
    struct map_delta d;
    map_compare(map, world, &d);
    for (size_t i = 0; i < d.n; i++) {
        struct element after = {0};
        if (d.changes[i].after != NULL)
            after = element_copy(d.changes[i].after);
        if (d.changes[i].op == MAP_MODIFY)
            memcpy(after.id, d.changes[i].before->id, sizeof(after.id));
        if (d.changes[i].op == MAP_CREATE)
            while (after.n_aliases > 0)
                free(after.aliases[--after.n_aliases]);
        add_change(&v, d.changes[i].before, d.changes[i].after != NULL ? &after : NULL);
        element_free(&after);
    }
    map_delta_free(&d);
    return v;
}

static void geojson_of_a_version(void **state) {
    (void)state;
    struct mapset map = load("configs/demo/town.osm", NULL);
    struct mapset world = load("configs/demo/town-world.osm", NULL);
    struct map_version v = town_version(&map, &world);
    struct buf b = {0};
    export_geojsonseq_version(&v, &map.frame, &b);
    size_t at = 0;
    size_t seen = 0;
    for (json_t *j = next_record(&b, &at); j != NULL; j = next_record(&b, &at)) {
        const json_t *props = json_object_get(j, "properties");
        const char *op = string_at(props, "op");
        const json_t *before = json_object_get(props, "before");
        const json_t *after = json_object_get(props, "after");
        assert_int_equal(json_is_null(before), strcmp(op, "create") == 0);
        assert_int_equal(json_is_null(after), strcmp(op, "delete") == 0);
        assert_string_equal(string_at(props, "tier"), "permanent");
        assert_int_equal(json_integer_value(json_object_get(props, "version")), 2);
        const json_t *evidence = json_object_get(props, "evidence");
        assert_true(json_number_value(json_object_get(evidence, "bits")) < 21.4001);
        assert_true(json_number_value(json_object_get(evidence, "bits")) > 21.3998);
        assert_int_equal(json_integer_value(json_object_get(evidence, "vehicles")), 12);
        assert_string_equal(string_at(json_object_get(j, "geometry"), "type"), "Point");
        if (strcmp(op, "modify") == 0) {
            assert_int_equal(json_integer_value(json_object_get(before, "value")), 50);
            assert_int_equal(json_integer_value(json_object_get(after, "value")), 30);
        }
        seen++;
        json_decref(j);
    }
    assert_int_equal(seen, 3);
    buf_free(&b);
    free_version(&v);
    mapset_free(&map);
    mapset_free(&world);
}

/* ---- OsmChange ---- */

static size_t count_text(const char *text, const char *what) {
    size_t n = 0;
    for (const char *p = strstr(text, what); p != NULL; p = strstr(p + 1, what))
        n++;
    return n;
}

/* Position of what in text; the test fails when it is not there. */
static size_t place_of(const char *text, const char *what) {
    const char *p = strstr(text, what);
    if (p == NULL)
        fail_msg("no \"%s\" in:\n%s", what, text);
    return (size_t)(p - text);
}

static void osmchange_of_the_town(void **state) {
    (void)state;
    struct mapset map = load("configs/demo/town.osm", NULL);
    struct mapset world = load("configs/demo/town-world.osm", NULL);
    struct map_version v = town_version(&map, &world);
    const struct map_version *list[] = {&v};
    struct buf b = {0};
    export_osmchange(list, 1, &map, &b);
    well_formed(&b);
    const char *text = text_of(&b);
    /* create: two nodes and a way, all with negative ids, before modify, before delete */
    size_t create = place_of(text, "<create>\n  <node id=\"-");
    size_t modify = place_of(text, "<modify>\n  <way id=\"2003\" version=\"1\">");
    size_t delete = place_of(text, "<delete>\n  <way id=\"2010\" version=\"1\"/>");
    size_t unused = place_of(text, "<delete if-unused=\"true\">\n  <node id=\"");
    assert_true(create < modify && modify < delete &&delete < unused);
    assert_true(place_of(text, "  <way id=\"-") < modify);
    assert_int_equal(count_text(text, "<way "), 3);
    assert_int_equal(count_text(text, "<relation "), 0);
    /* The changed sign keeps the nodes it had in the file, and they are not written again. */
    const struct element *sign = by_alias(&map, EL_SIGN, "lanelet2:way/2003");
    const char *nodes = element_attr(sign, "nodes");
    assert_non_null(nodes);
    const char *second = strchr(nodes, ' ');
    assert_non_null(second);
    second++;
    char line[64];
    (void)snprintf(line, sizeof(line), "    <nd ref=\"%s\"/>\n", second);
    (void)place_of(text + modify, line);
    (void)snprintf(line, sizeof(line), "<node id=\"%s\"", second);
    assert_null(strstr(text, line));
    (void)place_of(text + modify, "<tag k=\"subtype\" v=\"de274-30\"/>");
    buf_free(&b);
    free_version(&v);
    mapset_free(&map);
    mapset_free(&world);
}

/* The text between two marks, as a new string. */
static char *between(const char *text, const char *open, const char *close) {
    const char *from = strstr(text, open);
    if (from == NULL) {
        fail_msg("no %s in %s", open, text);
        return NULL;
    }
    const char *to = strstr(from, close);
    assert_non_null(to);
    char *s = ws_strdup(from);
    s[to - from] = '\0';
    return s;
}

/* A limit is a tag of its lane: the lane is written whole, and once. */
static void augmented_osmchange(void **state) {
    (void)state;
    struct mapset map = load("configs/demo/town.osm", NULL);
    struct mapset after = load("configs/demo/town.osm", NULL);
    struct element *limit =
        (struct element *)by_alias(&after, EL_SPEED_LIMIT, "lanelet2:relation/5001#speed_limit");
    struct element *sign = (struct element *)by_alias(&after, EL_SIGN, "lanelet2:way/2001");
    const struct element *gone = by_alias(&map, EL_SIGN, "lanelet2:way/2002");
    struct element made = {.kind = EL_SIGN, .id = {9, 9, 9}, .valid_to_ms = INT64_MAX};
    assert_true(element_add_point(&made, (struct map_point){1000, 1000, 0}));
    limit->value = 30;
    sign->points[0].x += 2000;
    struct map_version v = {.version = 2};
    add_change(&v, by_alias(&map, EL_SPEED_LIMIT, "lanelet2:relation/5001#speed_limit"), limit);
    add_change(&v, by_alias(&map, EL_SIGN, "lanelet2:way/2001"), sign);
    add_change(&v, gone, NULL);
    add_change(&v, NULL, &made);
    const struct map_version *list[] = {&v};
    struct buf b = {0};
    export_osmchange_augmented(list, 1, &after, &b);
    well_formed(&b);
    const char *text = text_of(&b);
    /* the lane with its limit before and after */
    char *lane = between(strstr(text, "<old>\n  <relation id=\"5001\""), "<old>", "</action>");
    char *old = between(lane, "<old>", "</old>");
    (void)place_of(old, "<tag k=\"speed_limit\" v=\"50\"/>");
    (void)place_of(lane + strlen(old), "<tag k=\"speed_limit\" v=\"30\"/>");
    (void)place_of(lane + strlen(old), " version=\"1\">");
    free(lane);
    free(old);
    /* the moved sign: its own nodes before and after, with places in the way */
    assert_int_equal(count_text(text, "<action type=\"modify\">"), 2 + 1 + 1);
    assert_int_equal(count_text(text, "<way id=\"2001\""), 2);
    char *way = between(text, "<old>\n  <way id=\"2001\"", "</action>");
    assert_int_equal(count_text(way, "\" lat=\""), 4);
    free(way);
    /* gone and made */
    (void)place_of(text, "<way id=\"2002\" version=\"1\" visible=\"false\"/>");
    assert_int_equal(count_text(text, "<action type=\"delete\">"), 1);
    char *create = between(text, "<action type=\"create\">\n  <way id=\"-", "</action>");
    assert_null(strstr(create, "<old>"));
    free(create);
    buf_clear(&b);
    export_osmchange_augmented(list, 0, &after, &b);
    well_formed(&b);
    assert_null(strstr(text_of(&b), "<action"));
    buf_free(&b);
    free_version(&v);
    element_free(&made);
    mapset_free(&map);
    mapset_free(&after);
}

static void osmchange_of_limits_and_ranges(void **state) {
    (void)state;
    struct mapset map = load("configs/demo/town.osm", NULL);
    struct mapset after = load("configs/demo/town.osm", NULL);
    const struct element *lane = by_alias(&after, EL_LANE, "lanelet2:relation/5001");
    const struct element *limit =
        by_alias(&after, EL_SPEED_LIMIT, "lanelet2:relation/5001#speed_limit");
    assert_non_null(limit);
    assert_non_null(lane);
    after.elements[limit - after.elements].value = 30;
    struct element changed_lane = element_copy(lane);
    assert_true(element_set_attr(&after.elements[lane - after.elements], "road_surface", "a<b"));
    const struct element *old_limit =
        by_alias(&map, EL_SPEED_LIMIT, "lanelet2:relation/5001#speed_limit");
    const struct element *sign = by_alias(&map, EL_SIGN, "lanelet2:way/2001");
    struct element moved = element_copy(sign);
    moved.points[0].x += 2000;
    struct element candidate = {.kind = EL_SIGN, .id = {9, 9, 9}, .valid_to_ms = INT64_MAX};
    assert_true(element_add_point(&candidate, (struct map_point){1000, 1000, 0}));

    struct map_version v[3] = {{.version = 2}, {.version = 3}, {.version = 4}};
    add_change(&v[0], old_limit, limit);
    add_change(&v[0], &changed_lane, lane);
    add_change(&v[0], NULL, &candidate);
    add_change(&v[1], &candidate, NULL); /* came and went */
    add_change(&v[1], sign, &moved);
    add_change(&v[2], &moved, sign); /* and back */
    const struct map_version *list[] = {&v[0], &v[1], &v[2]};
    struct buf b = {0};
    export_osmchange(list, 3, &after, &b);
    well_formed(&b);
    const char *text = text_of(&b);
    assert_null(strstr(text, "<create>"));
    assert_int_equal(count_text(text, "<relation id=\"5001\""), 1);
    (void)place_of(text, "<member type=\"way\" ref=\"1003\" role=\"left\"/>");
    (void)place_of(text, "<tag k=\"speed_limit\" v=\"30\"/>");
    (void)place_of(text, "<tag k=\"road_surface\" v=\"a&lt;b\"/>");
    (void)place_of(text, "<tag k=\"type\" v=\"lanelet\"/>");
    assert_int_equal(count_text(text, "<way "), 1); /* the tombstone */
    (void)place_of(text, "<delete>\n  <way id=\"-");
    buf_clear(&b);
    /* One version of it: the native nodes are moved, not made anew. */
    export_osmchange(list + 1, 1, &after, &b);
    text = text_of(&b);
    (void)place_of(text, "<modify>\n  <node id=\"");
    assert_null(strstr(text, "<modify>\n  <node id=\"-"));
    buf_clear(&b);
    export_osmchange(list, 0, &after, &b);
    well_formed(&b);
    buf_free(&b);
    for (size_t i = 0; i < 3; i++)
        free_version(&v[i]);
    element_free(&moved);
    element_free(&candidate);
    element_free(&changed_lane);
    mapset_free(&map);
    mapset_free(&after);
}

/* ---- Lanelet2 and back ---- */

/* Exported, read again and compared: no change. */
static void round_trip(const char *path) {
    struct mapset m = load(path, NULL);
    struct buf b = {0};
    export_lanelet2(&m, &b);
    struct mapset again;
    struct map_report report;
    struct ws_err err;
    struct map_import_options opt = {.strict = true, .has_frame = true, .frame = m.frame};
    if (import_octets(buf_span(&b), &opt, &again, &report, &err) != WS_OK)
        fail_msg("%s: %s", path, err.text);
    struct map_delta d;
    map_compare(&m, &again, &d);
    assert_false(d.shifted);
    if (d.n != 0) {
        const struct element *e =
            d.changes[0].before != NULL ? d.changes[0].before : d.changes[0].after;
        fail_msg("%s: %zu changes, the first %d of %s", path, d.n, d.changes[0].op, e->aliases[0]);
    }
    assert_int_equal(again.n, m.n);
    buf_free(&b);
    map_delta_free(&d);
    mapset_free(&again);
    mapset_free(&m);
}

static void lanelet2_comes_back(void **state) {
    (void)state;
    round_trip("configs/demo/town.osm");
    round_trip("configs/demo/town-world.osm");
    round_trip("configs/demo/town.xodr");
}

static void real_maps_come_back(void **state) {
    (void)state;
    static const char *const names[] = {"karlsruhe_v8_e835f61", "kashiwanoha_base",
        "kashiwanoha_shoulder", "circuit_v1", "circuit_v5", "zalazone_smartcity_mapversion13",
        "zalazone_unitrack_mapversion6"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[512];
        (void)snprintf(path, sizeof(path), "%s/maps/lanelet2/%s.osm", test_data_dir(), names[i]);
        if (access(path, R_OK) != 0)
            skip();
        round_trip(path);
    }
}

static void what_lanelet2_cannot_say_is_counted(void **state) {
    (void)state;
    struct mapset m = {.frame = frame_at(487600000, 114200000)};
    struct element e = {.kind = EL_LANE, .valid_to_ms = INT64_MAX};
    assert_true(element_add_point(&e, (struct map_point){0, 0, 0}));
    mapset_add(&m, &e);
    e = (struct element){.kind = EL_HAZARD, .id = {1}, .valid_to_ms = INT64_MAX};
    mapset_add(&m, &e);
    struct buf b = {0};
    export_lanelet2(&m, &b);
    well_formed(&b);
    (void)place_of(text_of(&b),
        "left out: 1 lanes without bounds, 0 limits that are not the only one of "
        "their lane, 1 hazards");
    buf_free(&b);
    mapset_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(geojson_of_a_map),
        cmocka_unit_test(geojson_of_odd_elements),
        cmocka_unit_test(geojson_of_a_version),
        cmocka_unit_test(osmchange_of_the_town),
        cmocka_unit_test(augmented_osmchange),
        cmocka_unit_test(osmchange_of_limits_and_ranges),
        cmocka_unit_test(lanelet2_comes_back),
        cmocka_unit_test(real_maps_come_back),
        cmocka_unit_test(what_lanelet2_cannot_say_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What goes from a Lanelet2 file with a sign that is removed, and that nothing else does. */
#include "base/fileio.h"
#include "base/mem.h"
#include "mapsvc/formats/export_into.h"
#include "mapsvc/lanelet2/lanelet2_text.h"
#include "tests/unit/mapsvc/map_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static const struct map_import_options here = {
    .has_origin = true, .lat0 = 487600000, .lon0 = 114200000};

/* A clipped file: of the rules only 41 and 44 name what is there; 45 also names what the clip left out. */
#define HEAD                                                                                       \
    "<?xml version='1.0'?>\n<osm version='0.6'>\n"                                                 \
    "  <node id='1' lat='48.7600000' lon='11.4200000'/>\n"                                         \
    "  <node id='2' lat='48.7600000' lon='11.4204000'/>\n"                                         \
    "  <node id='3' lat='48.7599600' lon='11.4200000'/>\n"                                         \
    "  <node id='4' lat='48.7599600' lon='11.4204000'/>\n"                                         \
    "  <node id='5' lat='48.7599500' lon='11.4203000'/>\n"
#define NODE_6 "  <node id='6' lat='48.7599550' lon='11.4203000'/>\n"
#define NODE_7 "  <node id='7' lat='48.7599450' lon='11.4203000'/>\n"
#define NODE_8 "  <node id='8' lat='48.7599400' lon='11.4203000'/>\n"
#define BOUNDS                                                                                     \
    "  <way id='11'><nd ref='1'/><nd ref='2'/><tag k='type' v='line_thin'/></way>\n"               \
    "  <way id='12'><nd ref='3'/><nd ref='4'/><tag k='type' v='line_thin'/></way>\n"
#define SIGN_15                                                                                    \
    "  <way id='15'><nd ref='5'/><nd ref='6'/><tag k='type' v='traffic_sign'/>"                    \
    "<tag k='subtype' v='de274-30'/></way>\n"
#define SIGN_16                                                                                    \
    "  <way id='16'><nd ref='7'/><nd ref='8'/><tag k='type' v='traffic_sign'/>"                    \
    "<tag k='subtype' v='de306'/></way>\n"
#define LANE                                                                                       \
    "  <relation id='21'><member type='way' ref='11' role='left'/>"                                \
    "<member type='way' ref='12' role='right'/>"
#define NAMES(rule) "<member type='relation' ref='" rule "' role='regulatory_element'/>"
#define LANE_END "<tag k='type' v='lanelet'/><tag k='speed_limit' v='50'/></relation>\n"
#define RULE(id, members)                                                                          \
    "  <relation id='" id "'>" members                                                             \
    "<tag k='type' v='regulatory_element'/><tag k='subtype' v='traffic_sign'/></relation>\n"
#define REFERS(type, ref) "<member type='" type "' ref='" ref "' role='refers'/>"
/* Ways, a relation and a node that the clip left out; a node that is there; a thing without a type. */
#define ABSENT RULE("40", REFERS("way", "900") REFERS("relation", "901") REFERS("node", "902"))
#define NODES RULE("42", REFERS("node", "5"))
#define TYPELESS RULE("43", "<member ref='15' role='refers'/>")

static const char clipped[] =
    HEAD NODE_6 NODE_7 NODE_8 BOUNDS SIGN_15 SIGN_16 LANE NAMES("40") NAMES("41") NAMES("42")
        NAMES("43") NAMES("44") NAMES("45") LANE_END ABSENT RULE("41", REFERS("way", "15"))
            NODES TYPELESS RULE("44", REFERS("way", "16"))
                RULE("45", REFERS("way", "15") REFERS("way", "903")) "</osm>\n";
/* Without sign 15: its way, the node that nothing else names, the rule of it alone, and its memberships. */
static const char without_15[] =
    HEAD NODE_7 NODE_8 BOUNDS SIGN_16 LANE NAMES("40") NAMES("42") NAMES("43") NAMES("44")
        NAMES("45") LANE_END ABSENT NODES TYPELESS RULE("44", REFERS("way", "16"))
            RULE("45", REFERS("way", "903")) "</osm>\n";
static const char without_16[] = HEAD NODE_6 BOUNDS SIGN_15 LANE NAMES("40") NAMES("41") NAMES("42")
    NAMES("43") NAMES("45") LANE_END ABSENT RULE("41", REFERS("way", "15"))
        NODES TYPELESS RULE("45", REFERS("way", "15") REFERS("way", "903")) "</osm>\n";

static void take(struct mapset *m, const struct element *gone) {
    assert_non_null(gone);
    struct element *e = (struct element *)gone;
    element_free(e);
    *e = m->elements[--m->n];
    mapset_sort(m);
}

static void check_without(const char *alias, const char *want) {
    char path[] = "wayside-map-XXXXXX";
    struct ws_err err;
    struct mapset m;
    struct map_report unsaid = {0};
    struct buf out = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(file_write(path, span_of(clipped, strlen(clipped)), 0600, NULL), WS_OK);
    assert_int_equal(map_import(path, &here, &m, NULL, &err), WS_OK);
    assert_int_equal(count_kind(&m, EL_SIGN), 2);
    take(&m, by_alias(&m, EL_SIGN, alias));
    assert_int_equal(map_export_into(&m, path, &out, &unsaid, &err), WS_OK);
    if (!span_equal(buf_span(&out), span_of(want, strlen(want))))
        fail_msg("%s: %.*s", alias, (int)out.n, (const char *)out.p);
    assert_int_equal(unsaid.skipped, 0);
    mapset_free(&m);
    buf_free(&out);
    assert_int_equal(unlink(path), 0);
}

static void rules_of_things_that_are_elsewhere_stay(void **state) {
    (void)state;
    check_without("lanelet2:way/15", without_15);
    check_without("lanelet2:way/16", without_16);
}

/* ---- the real maps: one sign each ---- */

static bool refers_only_to(const struct ll_map *m, const struct ll_object *rule, int64_t way) {
    bool any = false;
    for (uint32_t i = rule->first_part; i < rule->first_part + rule->n_parts; i++) {
        const struct ll_member *part = &m->members[i];
        if (part->role != LL_REFERS)
            continue;
        if (!part->is_way || part->ref != way)
            return false;
        any = true;
    }
    return any && ll_tag_is(m, rule, "type", "regulatory_element");
}

/* What may go with the sign, by the file alone. */
struct allowed {
    int64_t way;
    struct ll_map file;
};

static bool may_go(const struct allowed *a, const struct ll_text_object *o) {
    if (o->type == 'w')
        return o->id == a->way;
    if (o->type == 'r') {
        const struct ll_object *rule = ll_relation(&a->file, o->id);
        return rule != NULL && refers_only_to(&a->file, rule, a->way);
    }
    const struct ll_object *sign = ll_way(&a->file, a->way);
    for (uint32_t i = 0; i < sign->n_parts; i++)
        if (a->file.refs[sign->first_part + i] == o->id)
            return true;
    return false;
}

/* A member line of something that went, the limit that a lane keeps from a rule that went. */
static bool part_may_differ(const struct allowed *a, const struct ll_text_part *p) {
    if (p->kind != LL_MEMBER)
        return false;
    if (p->member == 'w')
        return p->ref == a->way;
    const struct ll_object *rule = p->member == 'r' ? ll_relation(&a->file, p->ref) : NULL;
    return rule != NULL && refers_only_to(&a->file, rule, a->way);
}

static struct span octets_of(struct span file, size_t at, size_t end) {
    return span_of(file.p + at, end - at);
}

/* Parts of one relation, before and after: gone are only memberships of what went, new is at most its limit. */
static void check_relation(const struct allowed *a, const struct ll_text *before,
    const struct ll_text_object *was, const struct ll_text *after,
    const struct ll_text_object *is) {
    uint32_t k = 0;
    for (uint32_t i = 0; i < was->n; i++) {
        const struct ll_text_part *p = &before->parts[was->first + i];
        if (part_may_differ(a, p))
            continue;
        assert_true(k < is->n);
        const struct ll_text_part *q = &after->parts[is->first + k++];
        assert_true(span_equal(
            octets_of(before->file, p->at, p->end), octets_of(after->file, q->at, q->end)));
    }
    if (k < is->n) {
        const struct ll_text_part *q = &after->parts[is->first + k++];
        assert_int_equal(q->kind, LL_TAG);
        assert_string_equal((const char *)after->text.p + q->key, "speed_limit");
    }
    assert_int_equal(k, is->n);
}

static size_t compare(const struct allowed *a, struct ll_text *before, struct ll_text *after) {
    size_t gone = 0;
    for (size_t i = 0; i < before->n_objects; i++) {
        const struct ll_text_object *was = &before->objects[i];
        const struct ll_text_object *is = ll_text_find(after, was->type, was->id);
        if (is == NULL) {
            if (!may_go(a, was))
                fail_msg("%c %lld went", was->type, (long long)was->id);
            gone++;
        } else if (!span_equal(octets_of(before->file, was->at, was->end),
                       octets_of(after->file, is->at, is->end))) {
            assert_int_equal(was->type, 'r');
            check_relation(a, before, was, after, is);
        }
    }
    assert_int_equal(after->n_objects, before->n_objects - gone);
    return gone;
}

/* What stands before, between and behind the objects, without white space. */
static struct buf between(const struct ll_text *t) {
    struct buf text = {0};
    struct buf b = {0};
    buf_put(&text, t->file.p, t->file.n);
    for (size_t i = 0; i < t->n_objects; i++)
        memset(text.p + t->objects[i].at, ' ', t->objects[i].end - t->objects[i].at);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != ' ' && text.p[i] != '\n' && text.p[i] != '\r' && text.p[i] != '\t')
            buf_u8(&b, text.p[i]);
    buf_free(&text);
    return b;
}

static void compare_between(const struct ll_text *before, const struct ll_text *after) {
    struct buf b = between(before);
    struct buf c = between(after);
    assert_true(b.n > 10 && span_equal(buf_span(&b), buf_span(&c)));
    buf_free(&b);
    buf_free(&c);
}

static void without_one(const char *path, const struct mapset *m, size_t sign) {
    struct ws_err err;
    struct buf base = {0};
    struct buf out = {0};
    struct ll_text before;
    struct ll_text after;
    struct map_report unsaid = {0};
    static const struct map_import_options none = {0};
    struct map_reader r = {.file = path, .opt = &none, .err = &err};
    struct allowed a = {0};
    const char *alias = m->elements[sign].aliases[0];
    static const char prefix[] = "lanelet2:way/";
    assert_memory_equal(alias, prefix, strlen(prefix));
    a.way = strtoll(alias + strlen(prefix), NULL, 10);
    assert_int_equal(file_read(path, 1U << 20, &base, NULL), WS_OK);
    struct mapset less = *m;
    less.elements = ws_calloc(m->n, sizeof(less.elements[0]));
    memcpy(less.elements, m->elements, sign * sizeof(less.elements[0]));
    memcpy(
        less.elements + sign, m->elements + sign + 1, (m->n - sign - 1) * sizeof(less.elements[0]));
    less.n = m->n - 1;
    if (map_export_into(&less, path, &out, &unsaid, &err) != WS_OK)
        fail_msg("%s", err.text);
    free(less.elements); /* its elements are m's */
    lanelet2_parse(&r, buf_span(&base), &a.file);
    assert_int_equal(r.rc, WS_OK);
    assert_int_equal(ll_text_read(path, buf_span(&base), &before, &err), WS_OK);
    assert_int_equal(ll_text_read(path, buf_span(&out), &after, &err), WS_OK);
    assert_null(ll_text_find(&after, 'w', a.way));
    assert_true(compare(&a, &before, &after) >= 1);
    compare_between(&before, &after);
    ll_text_free(&before);
    ll_text_free(&after);
    ll_map_free(&a.file);
    buf_free(&base);
    buf_free(&out);
}

enum { SIGNS_EACH = 6 };

static void one_sign_of_each_real_map(void **state) {
    (void)state;
    char folder[400];
    size_t files = 0;
    (void)snprintf(folder, sizeof(folder), "%s/maps/lanelet2", test_data_dir());
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        skip();
        return;
    }
    for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir)) {
        char path[700];
        struct ws_err err;
        struct mapset m;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, d->d_name);
        if (strstr(path, ".osm") == NULL)
            continue;
        assert_int_equal(map_import(path, &here, &m, NULL, &err), WS_OK);
        size_t signs = count_kind(&m, EL_SIGN);
        size_t step = signs / SIGNS_EACH + 1;
        size_t nth = 0;
        for (size_t i = 0; i < m.n; i++)
            if (m.elements[i].kind == EL_SIGN && nth++ % step == 0)
                without_one(path, &m, i);
        files += signs > 0;
        mapset_free(&m);
    }
    (void)closedir(dir);
    assert_true(files >= 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_of_things_that_are_elsewhere_stay),
        cmocka_unit_test(one_sign_of_each_real_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What people are shown of a message is what the contract makes of it: each is read first, and then executed. */
#include "tests/support/cm.h"

#include <stdlib.h>

#include "mapsvc/fuse/contract_internal.h"
#include "mapsvc/fuse/sighting.h"
#include "mapsvc/fuse/suspicion.h"
#include "tests/support/map_rig.h"

enum { OURS = 1, BESIDE, FAR, X = 100000, Y = -4000 };

static void road(struct map_rig *r) {
    struct mapset m = {.ns = "rig"};
    struct element e = rig_sign(OURS, 50, X, Y, 0);
    mapset_add(&m, &e);
    e = rig_sign(BESIDE, 30, X + 2500, Y, 0); /* some sightings would do for either */
    mapset_add(&m, &e);
    e = rig_sign(FAR, 50, X + 60000, Y, 0);
    mapset_add(&m, &e);
    rig_start(r, &m);
    rig_set(r, MAP_POLICY_CONFIRM_BITS, 62);
}

static const struct element *ours(const struct map_rig *r) {
    uint8_t id[16];
    rig_id(OURS, id);
    return mapset_find(map_contract_current(r->contract.self), id);
}

static struct map_thing element_thing(const struct element *e) {
    struct map_thing t = {.element = e, .kind = e->kind, .has_heading = true, .heading = 0};
    memcpy(t.id, e->id, sizeof(t.id));
    element_anchor(e, &t.x, &t.y);
    return t;
}

static struct map_thing place_thing(const struct subject *s) {
    struct map_thing t = {.kind = s->kind,
        .x = s->spot.place.x,
        .y = s->spot.place.y,
        .has_heading = true,
        .heading = s->spot.heading};
    memcpy(t.id, subject_id(s), sizeof(t.id));
    return t;
}

/* Anything that a vehicle could say there. */
static struct observation any_look(const struct map_rig *r, struct rig_car *car, uint32_t id,
    bool new_thing, struct ws_random *rnd) {
    *car = (struct rig_car){.id = id,
        .issuer = (uint16_t)ws_random_below(rnd, 3),
        .family = (uint16_t)ws_random_below(rnd, 5),
        .sensor = (enum sensor_class)ws_random_below(rnd, SENSOR_CLASS_COUNT),
        .x = X - 10000 - (int32_t)ws_random_below(rnd, 60000),
        .heading = ws_random_below(rnd, 6) == 0 ? 32768 : 0};
    if (car->heading != 0)
        car->x = X + 30000;
    struct observation o = rig_look(r, car);
    o.occluded = ws_random_below(rnd, 10) == 0;
    o.range_mm = 20000 + (uint32_t)ws_random_below(rnd, 200000);
    const struct element *e = ours(r);
    size_t n = (size_t)ws_random_below(rnd, 4);
    for (size_t i = 0; i < n; i++) {
        int32_t x = X + (int32_t)ws_random_below(rnd, 12000) - 6000 + (new_thing ? 20000 : 0);
        int32_t y = Y + (int32_t)ws_random_below(rnd, 6000) - 3000;
        uint32_t sigma = 1 + (uint32_t)ws_random_below(rnd, 900);
        int32_t value = ws_random_below(rnd, 2) == 0 ? 50 : 30;
        switch (ws_random_below(rnd, new_thing ? 3 : 7)) {
        case 0:
        case 1:
            rig_saw(r, &o, EL_SIGN, x, y, sigma, value, 0);
            break;
        case 2:
            rig_saw(r, &o, EL_SIGN, x, y, sigma, value, 0);
            o.reports[o.n_reports - 1].has_value = false;
            break;
        case 3:
            rig_saw(r, &o, EL_SIGN, x, y, sigma, value, 0);
            o.reports[o.n_reports - 1].has_element = true;
            rig_id(ws_random_below(rnd, 4) == 0 ? BESIDE : OURS,
                o.reports[o.n_reports - 1].element_id);
            break;
        case 4:
            rig_missed(&o, e);
            break;
        case 5:
            rig_missed(&o, e);
            o.reports[o.n_reports - 1].kind = REPORT_COVERED;
            break;
        default:
            rig_mismatch(&o, e, value);
            break;
        }
    }
    return o;
}

struct before {
    enum hyp_class cls;
    bool has_value;
    int32_t value;
    uint32_t vehicles, against;
};

static uint32_t against_of(const struct hypothesis *y) {
    uint64_t n = 0;
    for (size_t i = 0; i < SENSOR_CLASS_COUNT; i++)
        n += y->heard[i].against;
    return (uint32_t)(n >> 16);
}

/* What has to have been counted for a hypothesis by what was read; 0 neither, 1 for it, -1 against, 2: cannot be told. */
static int expected(const struct before *y, enum map_saying s, bool has_value, int32_t value) {
    bool seen = s == MAP_SAYS_VALUE || s == MAP_SAYS_UNCHANGED || s == MAP_SAYS_ELSEWHERE;
    switch (y->cls) {
    case HYP_REMOVED:
        return s == MAP_SAYS_GONE ? 1 : seen || s == MAP_SAYS_COVERED ? -1 : 0;
    case HYP_VALUE:
        return !seen || !has_value ? 0 : value == y->value ? 1 : -1;
    case HYP_NEW:
        if (s == MAP_SAYS_NEW)
            return !has_value ? (y->has_value ? 0 : 1) : y->has_value && value == y->value ? 1 : -1;
        return s == MAP_SAYS_SILENT ? -1 : 0;
    case HYP_COVERED:
        return s == MAP_SAYS_COVERED ? 1 : seen ? -1 : 0;
    case HYP_MOVED:
        /* Who says that it is gone may have passed where it should stand now, without a word of that. */
        return s == MAP_SAYS_SILENT ? -1 : s == MAP_SAYS_NOTHING ? 0 : 2;
    case HYP_OBEYS:
        break;
    }
    return 2;
}

struct tally {
    unsigned compared, in_favour, against, silent, elsewhere, wrong;
};

/* More than one report about a thing in one message: which of them counts for which hypothesis is the contract's affair. */
static bool tells_twice(const struct map_contract *c, uint64_t ref) {
    size_t n = 0;
    for (size_t i = 0; i < c->n_votes; i++)
        n += c->votes[i].ref == ref && c->votes[i].says != SAYS_NOTHING ? 1 : 0;
    return n > 1;
}

static void run(bool new_thing, uint64_t seed, struct tally *t) {
    struct map_rig r;
    road(&r);
    struct ws_random rnd = ws_random_seeded(seed);
    const struct map_contract *c = r.contract.self;
    for (uint32_t id = 0; id < 600; id++) {
        struct subject *s = NULL;
        for (size_t i = 0; i < c->n_subjects; i++)
            if (subject_is_place(c->subjects[i]) == new_thing)
                s = c->subjects[i];
        bool is_ours = s != NULL && (new_thing || memcmp(subject_id(s), ours(&r)->id, 16) == 0);
        struct before was[HYP_MAX];
        size_t n = 0;
        struct sighting_reader *reader = NULL;
        uint8_t key[SUBJECT_KEY];
        if (is_ours) {
            memcpy(key, s->key, sizeof(key));
            for (size_t i = 0; i < s->n_hyps && n < HYP_MAX; i++)
                was[n++] = (struct before){s->hyps[i].cls, s->hyps[i].has_value, s->hyps[i].value,
                    s->hyps[i].vehicles, against_of(&s->hyps[i])};
            struct map_thing thing = new_thing ? place_thing(s) : element_thing(ours(&r));
            reader = sighting_reader_new(c, &thing);
        }
        struct rig_car car;
        rig_begin(&r, r.now_ms + 30000);
        struct observation o = any_look(&r, &car, id, new_thing, &rnd);
        bool has_value = false;
        int32_t value = 0;
        struct observer_class who = {car.sensor, car.family};
        enum map_saying says = MAP_SAYS_NOTHING;
        if (reader != NULL)
            says = sighting_reader_says(reader, &o, &who, &has_value, &value);
        exec_code rc = rig_send(&r, &car, &o);
        uint64_t ref = is_ours && !new_thing ? (uint64_t)(ours(&r) - c->map.elements) : 0;
        for (size_t i = 0; is_ours && new_thing && i < c->n_places; i++)
            ref = c->places[i] == s ? PLACE_BASE + i : ref;
        bool twice = is_ours && tells_twice(c, ref);
        rig_end(&r);
        sighting_reader_free(reader);
        struct subject *now = is_ours ? contract_subject(c, key) : NULL;
        for (size_t i = 0; i < n && now != NULL && rc == MAP_OK && !twice; i++) {
            const struct hypothesis *y =
                subject_find(now, was[i].cls, was[i].has_value, was[i].value);
            int want = expected(&was[i], says, has_value, value);
            if (y == NULL || want == 2 || y->vehicles < was[i].vehicles)
                continue; /* the last: it had aged away and began anew */
            int got = (int)(y->vehicles - was[i].vehicles) - (int)(against_of(y) - was[i].against);
            if (got != want)
                print_message("message %u, class %d, value %d: read %s %d, counted %d\n", id,
                    (int)was[i].cls, (int)was[i].value, map_saying_name(says), (int)value, got);
            t->wrong += got != want ? 1 : 0;
            t->compared++;
            t->in_favour += got > 0 ? 1 : 0;
            t->against += got < 0 ? 1 : 0;
        }
        t->silent += says == MAP_SAYS_SILENT ? 1 : 0;
        t->elsewhere += says == MAP_SAYS_ELSEWHERE ? 1 : 0;
    }
    rig_free(&r);
}

static void test_as_counted(void **state) {
    (void)state;
    for (int new_thing = 0; new_thing < 2; new_thing++) {
        struct tally t = {0};
        for (uint64_t seed = 1; seed <= 6; seed++)
            run(new_thing != 0, seed, &t);
        assert_int_equal(t.wrong, 0);
        assert_true(t.compared > 300);
        assert_true(t.in_favour > 50);
        assert_true(t.against > 50);
        assert_true(new_thing != 0 ? t.silent > 20 : t.elsewhere > 20);
    }
}

/* A published change: the thing as it was, in the map as it is now. */
static void test_published(void **state) {
    (void)state;
    struct map_rig r;
    road(&r);
    rig_begin(&r, 1000);
    rig_end(&r);
    struct element old = element_copy(ours(&r));
    struct rig_car car = {.id = 1, .family = 1, .sensor = SENSOR_CAMERA_GOOD, .x = X - 40000};
    const struct observer_class who = {car.sensor, car.family};
    bool has_value = false;
    int32_t value = 0;
    struct observation o = rig_look(&r, &car);
    rig_saw(&r, &o, EL_SIGN, X, Y, 300, 30, 0);
    struct map_thing t = element_thing(&old);
    struct sighting_reader *reader = sighting_reader_new(r.contract.self, &t);
    /* Two would do for it, and the one beside shows just this. */
    assert_int_equal(sighting_reader_says(reader, &o, &who, &has_value, &value), MAP_SAYS_NOTHING);
    o.reports[0].has_element = true;
    memcpy(o.reports[0].element_id, old.id, 16);
    assert_int_equal(sighting_reader_says(reader, &o, &who, &has_value, &value), MAP_SAYS_VALUE);
    assert_true(has_value);
    assert_int_equal(value, 30);
    sighting_reader_free(reader);
    /* It was moved by 15 m. */
    t.moved = true;
    t.to_x = X + 15000;
    t.to_y = Y;
    reader = sighting_reader_new(r.contract.self, &t);
    o.n_reports = 0;
    rig_saw(&r, &o, EL_SIGN, X + 15000, Y, 300, 50, 0);
    assert_int_equal(
        sighting_reader_says(reader, &o, &who, &has_value, &value), MAP_SAYS_ELSEWHERE);
    o.n_reports = 0;
    o.range_mm = 80000; /* well inside */
    assert_int_equal(sighting_reader_says(reader, &o, &who, &has_value, &value), MAP_SAYS_SILENT);
    rig_saw(&r, &o, EL_SIGN, X + 9000000, Y, 300, 50, 0); /* no such place in its sight */
    assert_int_equal(sighting_reader_says(reader, &o, &who, &has_value, &value), MAP_SAYS_NOTHING);
    sighting_reader_free(reader);
    /* The one beside is new, and the map has it now. */
    uint8_t id[16];
    rig_id(BESIDE, id);
    struct map_thing fresh = element_thing(mapset_find(map_contract_current(r.contract.self), id));
    fresh.element = NULL;
    reader = sighting_reader_new(r.contract.self, &fresh);
    o.n_reports = 0;
    rig_saw(&r, &o, EL_SIGN, X + 5500, Y, 300, 30, 0);
    assert_int_equal(sighting_reader_says(reader, &o, &who, &has_value, &value), MAP_SAYS_NEW);
    sighting_reader_free(reader);
    sighting_reader_free(NULL);
    element_free(&old);
    rig_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_counted),
        cmocka_unit_test(test_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

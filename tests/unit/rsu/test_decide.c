/* The decision service without a unit around it: who is watched, when a place is risky and when no more, what a model and a map
 * change, what is said and what is written down. */
#include "tests/support/cm.h"
#include "tests/unit/rsu/decide_rig.h"

static const char speeding[] = "label y calm wild\nfeature speed - limit\n";
static const char fast[] = "label y calm wild\nfeature speed\n";
static const int32_t one[] = {1 << 20};
static const uint8_t hash_a[32] = {0xaa}, hash_b[32] = {0xbb};

/* One lane of 50 to the east through the middle, and back 4 m to the north of it. */
static struct ground *road(int32_t limit) {
    struct mapset map = {.frame = frame_at(RIG_LAT, RIG_LON)};
    for (int i = 0; i < 2; i++) {
        struct element e = {.kind = EL_SPEED_LIMIT, .has_value = true, .value = limit};
        const int32_t way = i == 0 ? 1 : -1;
        e.id[0] = (uint8_t)(i + 1);
        for (int k = -10; k <= 10; k++)
            assert_true(element_add_point(&e, (struct map_point){way * k * 100000, i * 4000, 0}));
        mapset_add(&map, &e);
    }
    mapset_sort(&map);
    struct ground *g = ground_of(&map, 0, 0, 2000000, DECIDE_CAUSE);
    mapset_free(&map);
    return g;
}

static struct decide *service(const struct decide_config *cfg, const char *schema, double above) {
    struct decide *d = decide_new(cfg);
    decide_ground(d, road(50));
    decide_model(d, rig_model(schema, one, above), hash_a, 7, RIG_ITS_US, "");
    return d;
}

static struct decide_state state_of(const struct decide *d) {
    struct decide_state s;
    decide_read(d, &s);
    return s;
}

/* Eastbound, at 40 m east. */
static enum decide_outcome pass(struct decide *d, unsigned who, double s, unsigned speed) {
    struct decide_heard h = rig_heard(who, s, 40, 0, speed, 90);
    return decide_hear(d, &h);
}

static void three_make_a_risk(void **state) {
    (void)state;
    struct decide_config cfg = rig_config();
    struct decide *d = service(&cfg, speeding, 20);
    struct decide_decision all[8];
    struct decide_filing f;
    struct decide_decision news;
    assert_int_equal(pass(d, 1, 0, 90), DECIDE_JUDGED);
    assert_int_equal(pass(d, 1, 1, 95), DECIDE_JUDGED);
    assert_int_equal(pass(d, 1, 2, 99), DECIDE_JUDGED); /* one vehicle, however often */
    assert_int_equal(pass(d, 2, 3, 83), DECIDE_JUDGED);
    assert_int_equal(
        pass(d, 9, 3, 60), DECIDE_JUDGED); /* 10 too fast is not what the model means */
    assert_false(decide_next_filing(d, RIG_ITS_US + 4000000, &f));
    assert_int_equal(pass(d, 3, 5, 97), DECIDE_JUDGED);
    assert_true(decide_next_filing(d, RIG_ITS_US + 5000000, &f));
    assert_false(decide_next_filing(d, RIG_ITS_US + 5000000, &f));
    assert_int_equal(decide_list(d, all, 8), 1);
    assert_int_equal(all[0].vehicles, 3);
    assert_int_equal(all[0].judged, 4);
    assert_int_equal(all[0].heading, 0);
    assert_string_equal(all[0].class_name, "wild");
    assert_int_equal(all[0].class, 1);
    assert_memory_equal(all[0].model_hash, hash_a, 32);
    assert_int_equal(all[0].model_version, 7); /* the ledger's, not the file's count of steps */
    assert_int_equal(all[0].until_us, 0);
    /* Ranges over what counted, nobody's own speed: 83 to 99 km/h where 50 is the limit. */
    assert_int_equal(all[0].least[DECIDE_SPEED], 80000);
    assert_int_equal(all[0].greatest[DECIDE_SPEED], 100000);
    assert_int_equal(all[0].least[DECIDE_LIMIT], 50000);
    /* The square reaches from 0 to 100 m; its middle lies off the lane, and the lane's point is said. */
    struct decide_heard at = rig_heard(0, 0, 50, 0, 0, 0);
    assert_in_range(f.lon, at.lon - 10, at.lon + 10);
    assert_in_range(f.lat, at.lat - 10, at.lat + 10);
    assert_true(decide_next_news(d, &news));
    assert_int_equal(news.number, 1);
    assert_false(decide_next_news(d, &news));
    decide_free(d);
}

/* When it was is told to the minute, and not for ever. */
static void minutes_and_forgetting(void **state) {
    (void)state;
    struct decide_config cfg = rig_config();
    struct decide *d = service(&cfg, speeding, 20);
    struct decide_decision all[80];
    const uint64_t minute = 60000000;
    for (unsigned i = 0; i < 3; i++)
        (void)pass(d, i, 70 + i, 90);
    assert_int_equal(decide_list(d, all, 8), 1);
    assert_int_equal(all[0].since_us, RIG_ITS_US + minute);
    for (unsigned k = 1; k < 70; k++) {
        decide_model(
            d, rig_model(fast, one, 30), hash_b, 8, RIG_ITS_US + k * 10 * minute + 1234567, "");
        for (unsigned i = 0; i < 3; i++)
            (void)pass(d, i, 600 * k + 2 + i, 90);
    }
    assert_int_equal(decide_list(d, all, 80), DECIDE_LISTED + 1);
    assert_int_equal(all[1].number, 69);
    assert_int_equal(all[1].until_us, RIG_ITS_US + 690 * minute);
    /* 60 are older than this. */
    decide_forget(d, RIG_ITS_US + 655 * minute);
    assert_int_equal(decide_list(d, all, 80), 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(all[i].number, 70 - i);
    decide_filed(d, 69, hash_a); /* still known, and 1 is not */
    decide_filed(d, 1, hash_a);
    assert_int_equal(decide_list(d, all, 80), 5);
    assert_int_equal(all[1].filings, 1);
    decide_forget(d, UINT64_MAX);
    assert_int_equal(decide_list(d, all, 80), 1); /* that one goes on */
    decide_model(d, NULL, hash_b, 8, RIG_ITS_US + 800 * minute, "");
    assert_int_equal(decide_list(d, all, 80), 1);
    assert_int_equal(all[0].number, 70);
    decide_free(d);
}

/* Many pass quietly: three wild ones among them are what the model gets wrong, not what the place is like. */
static void a_share_is_asked(void **state) {
    (void)state;
    struct decide_config cfg = rig_config();
    struct decide *d = service(&cfg, speeding, 20);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(pass(d, 100 + i, i, 45), DECIDE_JUDGED);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pass(d, i, 10 + i, 90), DECIDE_JUDGED);
    assert_int_equal(state_of(d).begun, 0);
    for (unsigned i = 3; i < 10; i++)
        assert_int_equal(pass(d, i, 10 + i, 90), DECIDE_JUDGED);
    assert_int_equal(state_of(d).begun, 1);
    decide_free(d);
}

static void it_ends_and_not_at_once(void **state) {
    (void)state;
    struct decide_config cfg = rig_config();
    struct decide *d = service(&cfg, speeding, 20);
    struct decide_decision all[8];
    for (unsigned i = 0; i < 3; i++)
        (void)pass(d, i, i, 90);
    assert_int_equal(state_of(d).begun, 1);
    /* Two keep it going: half of three, rounded up. */
    for (unsigned t = 30; t < 300; t += 10) {
        (void)pass(d, t % 20, t, 90);
        decide_tick(d, RIG_ITS_US + t * UINT64_C(1000000));
    }
    assert_int_equal(state_of(d).ended, 0);
    /* The last one passed at 290 s; below two from 340 or 350 s on, then 120 s of quiet. */
    decide_tick(d, RIG_ITS_US + 400 * UINT64_C(1000000));
    assert_int_equal(state_of(d).ended, 0);
    decide_tick(d, RIG_ITS_US + 480 * UINT64_C(1000000));
    assert_int_equal(state_of(d).ended, 1);
    assert_int_equal(decide_list(d, all, 8), 1);
    assert_int_equal(all[0].end, DECIDE_QUIET);
    assert_int_equal(all[0].until_us, RIG_ITS_US + 480 * UINT64_C(1000000));
    /* And begins anew with three others. */
    for (unsigned i = 0; i < 3; i++)
        (void)pass(d, 50 + i, 500 + i, 90);
    assert_int_equal(state_of(d).begun, 2);
    assert_int_equal(decide_list(d, all, 8), 2);
    assert_int_equal(all[0].number, 2);
    assert_int_equal(all[1].number, 1);
    decide_free(d);
}

static void directions_and_squares_are_apart(void **state) {
    (void)state;
    struct decide_config cfg = rig_config();
    struct decide *d = service(&cfg, speeding, 20);
    for (unsigned i = 0; i < 2; i++) {
        struct decide_heard east = rig_heard(i, i, 40, 0, 90, 90);
        struct decide_heard west = rig_heard(10 + i, i, 40, 4, 90, 270);
        struct decide_heard next = rig_heard(20 + i, i, 140, 0, 90, 90);
        assert_int_equal(decide_hear(d, &east), DECIDE_JUDGED);
        assert_int_equal(decide_hear(d, &west), DECIDE_JUDGED);
        assert_int_equal(decide_hear(d, &next), DECIDE_JUDGED);
    }
    assert_int_equal(state_of(d).begun, 0);
    assert_int_equal(state_of(d).places, 3);
    decide_free(d);
}

/* What was decided stays with the model that did; nothing is counted together. */
static void another_model(void **state) {
    (void)state;
    struct decide_config cfg = rig_config();
    struct decide *d = service(&cfg, speeding, 20);
    struct decide_decision all[8];
    for (unsigned i = 0; i < 3; i++)
        (void)pass(d, i, i, 90);
    (void)pass(d, 7, 3, 90);
    decide_model(d, rig_model(fast, one, 30), hash_b, 8, RIG_ITS_US + 4000000, "");
    assert_int_equal(decide_list(d, all, 8), 1);
    assert_int_equal(all[0].end, DECIDE_MODEL_CHANGED);
    assert_memory_equal(all[0].model_hash, hash_a, 32);
    (void)pass(d, 0, 5, 40);
    (void)pass(d, 1, 5, 40);
    assert_int_equal(state_of(d).begun, 1);
    (void)pass(d, 2, 5, 40);
    assert_int_equal(state_of(d).begun, 2);
    assert_int_equal(decide_list(d, all, 8), 2);
    assert_memory_equal(all[0].model_hash, hash_b, 32);
    assert_memory_equal(all[1].model_hash, hash_a, 32);
    /* One that asks for what no unit knows is not applied, and says so. */
    decide_model(
        d, rig_model("label y 0 1\nfeature heart_rate\n", one, 0), hash_a, 7, RIG_ITS_US, "");
    assert_int_equal(pass(d, 0, 9, 90), DECIDE_NO_MODEL);
    assert_false(state_of(d).applied);
    assert_non_null(strstr(state_of(d).why_not, "'heart_rate'"));
    /* And one that is not here. */
    decide_model(d, NULL, hash_b, 8, RIG_ITS_US, "the model is not here yet");
    assert_int_equal(pass(d, 0, 10, 90), DECIDE_NO_MODEL);
    assert_string_equal(state_of(d).why_not, "the model is not here yet");
    assert_int_equal(state_of(d).model_version, 8);
    decide_free(d);
}

static void classes_by_name_and_number(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int threshold; /* -1: not applied */
    } cases[] = {{NULL, 1}, {"wild", 1}, {"calm", 0}, {"1", 1}, {"0", 0}, {"2", -1}, {"mild", -1},
        {"-1", -1}, {"1x", -1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decide_config cfg = rig_config();
        cfg.class_name = cases[i].name;
        struct decide *d = service(&cfg, fast, 30);
        assert_int_equal(state_of(d).applied, cases[i].threshold >= 0);
        if (cases[i].threshold >= 0)
            assert_int_equal(state_of(d).threshold, cases[i].threshold);
        decide_free(d);
    }
}

static void what_is_not_judged(void **state) {
    (void)state;
    struct decide_config cfg = rig_config();
    struct decide *d = service(&cfg, speeding, 20);
    assert_int_equal(pass(d, 1, 0, 90), DECIDE_JUDGED);
    assert_int_equal(pass(d, 1, 0.5, 90), DECIDE_TOO_SOON);
    assert_int_equal(pass(d, 1, 0.4, 90), DECIDE_LATE);
    assert_int_equal(pass(d, 1, 0.95, 90), DECIDE_JUDGED); /* beacons are not that exact */
    struct decide_heard h = rig_heard(2, 0, 40, 60, 90, 90); /* beside the road: no limit */
    assert_int_equal(decide_hear(d, &h), DECIDE_UNKNOWN);
    h = rig_heard(3, 0, 40, 0, 90, 180); /* across the road */
    assert_int_equal(decide_hear(d, &h), DECIDE_UNKNOWN);
    h = rig_heard(4, 0, 40, 0, 90, 90);
    h.heading = 3601;
    assert_int_equal(decide_hear(d, &h), DECIDE_UNKNOWN);
    h = rig_heard(5, 0, 40, 0, 90, 90);
    h.speed = 16383;
    assert_int_equal(decide_hear(d, &h), DECIDE_UNKNOWN);
    h = rig_heard(6, 0, 1200, 0, 90, 90);
    assert_int_equal(decide_hear(d, &h), DECIDE_FAR);
    decide_free(d);
}

/* The acceleration follows from the speed where it is not said, and not across a gap. */
static void acceleration(void **state) {
    (void)state;
    struct decide_config cfg = rig_config();
    struct decide *d = service(&cfg, "label y calm wild\nfeature acceleration\n", 3);
    struct decide_decision all[1];
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pass(d, i, 0, 50), DECIDE_UNKNOWN);
        assert_int_equal(pass(d, i, 1, 68), DECIDE_JUDGED); /* 5 m/s2 */
    }
    assert_int_equal(decide_list(d, all, 1), 1);
    assert_in_range(5000, all[0].least[DECIDE_ACCELERATION], all[0].greatest[DECIDE_ACCELERATION]);
    assert_int_equal(pass(d, 0, 9, 68), DECIDE_UNKNOWN);
    struct decide_heard h = rig_heard(7, 0, 40, 0, 50, 90);
    h.accel_long = -600; /* as said, at the first look */
    assert_int_equal(decide_hear(d, &h), DECIDE_JUDGED);
    decide_free(d);
}

static void windows_fill_first(void **state) {
    (void)state;
    static const int32_t greatest[] = {0, 0, 0, 1 << 20, 0};
    struct decide_config cfg = rig_config();
    cfg.looks.window = 4;
    struct decide *d = decide_new(&cfg);
    decide_model(d, rig_model("label y calm wild\nfeature speed\nwindow 4\n", greatest, 80), hash_a,
        7, RIG_ITS_US, "");
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pass(d, 1, i, i == 0 ? 90 : 50), DECIDE_WINDOW);
    assert_int_equal(pass(d, 1, 3, 50), DECIDE_JUDGED);
    assert_int_equal(state_of(d).judged[1], 1); /* 90 is in the window */
    assert_int_equal(pass(d, 1, 4, 50), DECIDE_JUDGED);
    assert_int_equal(state_of(d).judged[0], 1); /* no more */
    assert_int_equal(pass(d, 1, 9, 50), DECIDE_WINDOW); /* after a gap it begins anew */
    decide_free(d);
}

static void full_tables(void **state) {
    (void)state;
    struct decide_config cfg = rig_config();
    cfg.looks.vehicles = 8;
    cfg.risk.places = 2;
    struct decide *d = service(&cfg, fast, 30);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(pass(d, i, 0, 45), DECIDE_JUDGED);
    assert_int_equal(pass(d, 8, 1, 45), DECIDE_TABLE_FULL);
    assert_int_equal(pass(d, 0, 2, 45), DECIDE_JUDGED);
    assert_int_equal(pass(d, 9, 4, 45), DECIDE_JUDGED); /* who is long silent makes room */
    struct decide_heard h = rig_heard(0, 5, 240, 0, 45, 90);
    assert_int_equal(decide_hear(d, &h), DECIDE_JUDGED);
    h = rig_heard(0, 6, 440, 0, 45, 90);
    assert_int_equal(decide_hear(d, &h), DECIDE_NO_PLACE);
    h = rig_heard(0, 70, 440, 0, 45, 90); /* and so does a place */
    assert_int_equal(decide_hear(d, &h), DECIDE_JUDGED);
    assert_int_equal(state_of(d).outcome[DECIDE_TABLE_FULL], 1);
    assert_int_equal(state_of(d).outcome[DECIDE_NO_PLACE], 1);
    decide_free(d);
}

static void density_and_hazards(void **state) {
    (void)state;
    static const struct decide_hazard hole = {{1}, 100000, 0, RIG_ITS_US + 60000000};
    struct decide_config cfg = rig_config();
    struct decide *d = service(&cfg, "label y calm wild\nfeature density\n", 5.5);
    for (unsigned i = 0; i < 5; i++) {
        struct decide_heard h = rig_heard(i, 0.1 * i, (int)(90 * i), 0, 50, 90);
        assert_int_equal(decide_hear(d, &h), DECIDE_JUDGED);
    }
    assert_int_equal(state_of(d).judged[1], 0);
    assert_int_equal(pass(d, 5, 1, 50), DECIDE_JUDGED); /* the sixth within 500 m */
    assert_int_equal(state_of(d).judged[1], 1);
    assert_int_equal(pass(d, 6, 30, 50), DECIDE_JUDGED); /* the others have gone */
    assert_int_equal(state_of(d).judged[1], 1);
    decide_model(
        d, rig_model("label y calm wild\nfeature hazards\n", one, 0.5), hash_a, 7, RIG_ITS_US, "");
    (void)pass(d, 1, 40, 50);
    assert_int_equal(state_of(d).judged[1], 0);
    decide_hazards(d, &hole, 1);
    (void)pass(d, 1, 41, 50);
    assert_int_equal(state_of(d).judged[1], 1);
    decide_hazards(d, &hole, 0);
    (void)pass(d, 1, 42, 50);
    assert_int_equal(state_of(d).judged[1], 1);
    decide_hazards(d, &hole, 1);
    decide_tick(d, RIG_ITS_US + 60000000);
    (void)pass(d, 1, 61, 50);
    assert_int_equal(state_of(d).judged[1], 1);
    decide_free(d);
}

/* Said once, again while it goes on, tried again when the cell would not; the first transaction stays with the decision. */
static void filing(void **state) {
    (void)state;
    static const uint8_t tx[32] = {7}, other[32] = {8};
    struct decide_config cfg = rig_config();
    cfg.repeat_us = 20000000;
    struct decide *d = service(&cfg, speeding, 20);
    struct decide_decision all[1];
    struct decide_decision news;
    struct decide_filing f;
    uint64_t now = RIG_ITS_US + 2000000;
    for (unsigned i = 0; i < 3; i++)
        (void)pass(d, i, i, 90);
    assert_true(decide_next_filing(d, now, &f));
    decide_not_filed(d, f.number, now, 5000000);
    assert_false(decide_next_filing(d, now + 4000000, &f));
    assert_true(decide_next_filing(d, now + 5000000, &f));
    decide_filed(d, f.number, tx);
    assert_int_equal(decide_list(d, all, 1), 1);
    assert_int_equal(all[0].filings, 1);
    assert_memory_equal(all[0].tx, tx, 32);
    assert_false(decide_next_filing(d, now + 24000000, &f));
    assert_true(decide_next_filing(d, now + 25000000, &f));
    decide_filed(d, f.number, other);
    assert_int_equal(decide_list(d, all, 1), 1);
    assert_int_equal(all[0].filings, 2);
    assert_memory_equal(all[0].tx, tx, 32);
    assert_true(decide_next_news(d, &news)); /* it began */
    assert_true(decide_next_news(d, &news)); /* it was taken */
    assert_memory_equal(news.tx, tx, 32);
    assert_false(decide_next_news(d, &news));
    /* After its end nothing more is said of it. */
    decide_tick(d, now + UINT64_C(1000000000));
    assert_false(decide_next_filing(d, now + UINT64_C(1000000000), &f));
    decide_filed(d, 1, tx);
    decide_filed(d, 99, tx);
    decide_free(d);
}

/* Another limit in the map, other judgements. */
static void a_new_map(void **state) {
    (void)state;
    struct decide_config cfg = rig_config();
    struct decide *d = service(&cfg, speeding, 20);
    (void)pass(d, 1, 0, 75);
    assert_int_equal(state_of(d).judged[1], 1);
    decide_ground(d, road(70));
    (void)pass(d, 1, 1, 75);
    assert_int_equal(state_of(d).judged[1], 1);
    assert_int_equal(state_of(d).judged[0], 1);
    decide_free(d);
}

/* Where lanes part, one of 30 beside the one of 50: nobody is taken for a racer who is on the faster one. And miles. */
static void limits_of_a_map(void **state) {
    (void)state;
    static const struct {
        int32_t value, y;
        const char *unit;
    } lanes[] = {{50, 0, NULL}, {30, 700, NULL}, {40, 50000, "mph"}, {30, 56000, NULL}};
    struct mapset map = {.frame = frame_at(RIG_LAT, RIG_LON)};
    int32_t limit = 0;
    for (size_t i = 0; i < ARRAY_LEN(lanes); i++) {
        struct element e = {.kind = EL_SPEED_LIMIT, .has_value = true, .value = lanes[i].value};
        e.id[0] = (uint8_t)(i + 1);
        assert_true(element_add_point(&e, (struct map_point){-100000, lanes[i].y, 0}));
        assert_true(element_add_point(&e, (struct map_point){100000, lanes[i].y, 0}));
        if (lanes[i].unit != NULL)
            assert_true(element_set_attr(&e, "unit", lanes[i].unit));
        mapset_add(&map, &e);
    }
    mapset_sort(&map);
    struct ground *g = ground_of(&map, 0, 0, 2000000, DECIDE_CAUSE);
    assert_true(ground_limit(g, 0, 600, 0, &limit));
    assert_int_equal(limit, 50000);
    assert_true(ground_limit(g, 0, 50000, 0, &limit));
    assert_int_equal(limit, 64373);
    assert_true(ground_limit(g, 0, 57000, 0, &limit)); /* clearly on the next one */
    assert_int_equal(limit, 30000);
    assert_false(ground_limit(g, 0, 57000, 32768, &limit)); /* the other way */
    assert_false(ground_limit(g, 0, 63000, 0, &limit));
    ground_free(g);
    mapset_free(&map);
}

/* What is known of the site is known of each look; without it nothing is judged by a model that asks for it. */
static void weather(void **state) {
    (void)state;
    static const int32_t weight[] = {-(1 << 20)};
    struct decide_config cfg = rig_config();
    struct decide *d = decide_new(&cfg);
    struct decide_row site = {.known = 1U << DECIDE_VISIBILITY | 1U << DECIDE_SPEED};
    site.v[DECIDE_VISIBILITY] = 500;
    decide_model(d, rig_model("label y calm wild\nfeature visibility\n", weight, -1), hash_a, 7,
        RIG_ITS_US, "");
    assert_int_equal(pass(d, 1, 0, 50), DECIDE_UNKNOWN);
    decide_site(d, &site);
    assert_int_equal(pass(d, 1, 1, 50), DECIDE_JUDGED);
    assert_int_equal(state_of(d).judged[1], 1); /* below 1 km */
    site.v[DECIDE_VISIBILITY] = 9000;
    decide_site(d, &site);
    assert_int_equal(pass(d, 1, 2, 50), DECIDE_JUDGED);
    assert_int_equal(state_of(d).judged[0], 1);
    site.known = 0;
    decide_site(d, &site);
    assert_int_equal(pass(d, 1, 3, 50), DECIDE_UNKNOWN);
    decide_free(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_make_a_risk),
        cmocka_unit_test(minutes_and_forgetting),
        cmocka_unit_test(a_share_is_asked),
        cmocka_unit_test(it_ends_and_not_at_once),
        cmocka_unit_test(directions_and_squares_are_apart),
        cmocka_unit_test(another_model),
        cmocka_unit_test(classes_by_name_and_number),
        cmocka_unit_test(what_is_not_judged),
        cmocka_unit_test(acceleration),
        cmocka_unit_test(windows_fill_first),
        cmocka_unit_test(full_tables),
        cmocka_unit_test(density_and_hazards),
        cmocka_unit_test(filing),
        cmocka_unit_test(a_new_map),
        cmocka_unit_test(limits_of_a_map),
        cmocka_unit_test(weather),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

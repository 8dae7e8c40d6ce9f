/* The map contract, case by case: what is accepted, what counts, what is confirmed and published. */
#include "tests/support/cm.h"

#include <stdio.h>

#include "ledger/exec/hash.h"
#include "mapsvc/fuse/contract_internal.h"
#include "tests/support/map_rig.h"

#define EAST 0
#define NORTH 16384

/* A road to the east along y = 0 with signs every 200 m at its right side, and the limit of its lane. */
enum { SIGNS = 10, LIMIT = 100 };

static void town(struct map_rig *r) {
    struct mapset m = {.ns = "rig"};
    for (uint32_t i = 0; i < SIGNS; i++) {
        struct element e = rig_sign(i, 50, (int32_t)(200000 * i), -4000, EAST);
        mapset_add(&m, &e);
    }
    struct element limit = rig_limit(LIMIT, 50, 0, 0, 2000000, 0);
    mapset_add(&m, &limit);
    /* A parallel road's sign, 2.5 m beside ours at 1000 m, showing something else. */
    struct element near = rig_sign(200, 80, 1000000, -6500, EAST);
    mapset_add(&m, &near);
    rig_start(r, &m);
}

static const struct element *sign_at(const struct map_rig *r, uint32_t n) {
    uint8_t id[16];
    rig_id(n, id);
    return mapset_find(map_contract_current(r->contract.self), id);
}

/* Cars of four families and three issuers, one after another, each 30 to 45 m before x. */
static struct rig_car car_before(uint32_t i, int32_t x) {
    return (struct rig_car){.id = 1000 + i,
        .issuer = (uint16_t)(i % 3),
        .family = (uint16_t)(1 + i % 4),
        .sensor = SENSOR_CAMERA_GOOD,
        .x = x - 30000 - (int32_t)(i % 4) * 5000,
        .y = 0,
        .heading = EAST};
}

/* A block with one car that says what `tell` writes; 5 s after the last block. */
typedef void (*tell_fn)(const struct map_rig *r, struct observation *o, int32_t arg);

static exec_code drive(struct map_rig *r, struct rig_car car, tell_fn tell, int32_t arg) {
    rig_begin(r, r->now_ms + 5000);
    struct observation o = rig_look(r, &car);
    tell(r, &o, arg);
    exec_code rc = rig_send(r, &car, &o);
    rig_end(r);
    return rc;
}

static void sees_30(const struct map_rig *r, struct observation *o, int32_t x) {
    rig_saw(r, o, EL_SIGN, x + 150, -3800, 400, 30, EAST);
}

static void sees_50(const struct map_rig *r, struct observation *o, int32_t x) {
    rig_saw(r, o, EL_SIGN, x - 200, -4100, 400, 50, EAST);
}

static void misses(const struct map_rig *r, struct observation *o, int32_t n) {
    rig_missed(o, sign_at(r, (uint32_t)n));
}

static void sees_nothing(const struct map_rig *r, struct observation *o, int32_t x) {
    (void)r;
    (void)o;
    (void)x;
}

/* Passes until a version is out; 0 when there is none after `most`. */
static unsigned passes_until_version(
    struct map_rig *r, tell_fn tell, int32_t arg, int32_t x, unsigned most) {
    size_t before = r->n_versions;
    for (unsigned i = 0; i < most; i++) {
        assert_int_equal(drive(r, car_before((uint32_t)r->messages, x), tell, arg), MAP_OK);
        if (r->n_versions > before)
            return i + 1;
    }
    /* What is confirmed waits for company, but not for long. */
    rig_begin(r, r->now_ms + 60000);
    rig_end(r);
    return r->n_versions > before ? most : 0;
}

static void assert_follows(struct map_rig *r) {
    for (size_t i = 0; i < r->n_versions; i++) {
        struct ws_err err;
        if (map_version_apply(&r->versions[i], &r->base, &err) != WS_OK)
            fail_msg("%s", err.text);
        assert_int_equal(r->versions[i].version, i + 2);
    }
    uint8_t ours[32];
    uint8_t theirs[32];
    mapset_digest(&r->base, theirs);
    mapset_digest(map_contract_current(r->contract.self), ours);
    assert_memory_equal(ours, theirs, 32);
    assert_int_equal(map_contract_version(r->contract.self), r->n_versions + 1);
}

static void assert_quiet(const struct map_rig *r) {
    struct map_candidate list[4];
    assert_int_equal(map_contract_candidates(r->contract.self, list, 4), 0);
    assert_int_equal(fake_exec_count(&r->host, 'h'), 0);
    assert_int_equal(fake_exec_count(&r->host, 'r'), 0);
    assert_int_equal(fake_exec_count(&r->host, 'p'), 0);
}

static void test_genesis(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    assert_int_equal(fake_exec_count(&r.host, 'e'), SIGNS + 2);
    assert_int_equal(map_contract_version(r.contract.self), 1);
    uint8_t digest[32];
    mapset_digest(&r.base, digest);
    struct contract c = map_contract_new(&r.base);
    struct exec_host h = {.height = 0};
    struct ws_err err;
    digest[31] ^= 1;
    assert_int_equal(c.ops->genesis(c.self, &h, span_of(digest, 32), &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "base map"));
    assert_int_equal(c.ops->genesis(c.self, &h, span_of(digest, 31), &err), WS_EINPUT);
    assert_int_equal(h.n, 0);
    c.ops->free(c.self);
    c = map_contract_new(NULL);
    assert_int_equal(c.ops->genesis(c.self, &h, span_of(digest, 32), &err), WS_ENOTFOUND);
    assert_int_equal(c.ops->load(c.self, &h, &err), WS_EINPUT);
    c.ops->free(c.self);
    assert_true(r.contract.ops->takes_psid(0x1d));
    assert_false(r.contract.ops->takes_psid(0x24));
    assert_string_equal(r.contract.ops->code_name(MAP_NOTHING_NEW), "nothing_new");
    assert_string_equal(r.contract.ops->code_name(99), "unknown_code");
    rig_free(&r);
}

static void test_refusals(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    rig_begin(&r, 500); /* the first block notes the epoch */
    rig_end(&r);
    rig_begin(&r, 1000);
    uint8_t before[32];
    uint8_t after[32];
    struct rig_car car = car_before(0, 200000);
    struct observation good = rig_look(&r, &car);
    sees_30(&r, &good, 200000);
    fake_exec_digest(&r.host, before);

    struct observation o = good;
    o.map_version = 2;
    assert_int_equal(rig_send(&r, &car, &o), MAP_STALE_VERSION);
    o = good;
    o.time = r.host.time;
    assert_int_equal(rig_send(&r, &car, &o), MAP_BAD_PAYLOAD);
    o.time = r.host.time - 61000000;
    assert_int_equal(rig_send(&r, &car, &o), MAP_BAD_PAYLOAD);
    o = good;
    o.reports[0].lat += 10000; /* 111 m away, seen within 60 m */
    assert_int_equal(rig_send(&r, &car, &o), MAP_IMPOSSIBLE_PLACE);
    o = good;
    o.lat = -o.lat;
    assert_int_equal(rig_send(&r, &car, &o), MAP_IMPOSSIBLE_PLACE);
    o = rig_look(&r, &car);
    struct element ghost = rig_sign(999, 0, 0, 0, EAST);
    rig_missed(&o, &ghost);
    rig_mismatch(&o, &ghost, 30);
    assert_int_equal(rig_send(&r, &car, &o), MAP_UNKNOWN_ELEMENT);
    element_free(&ghost);

    struct exec_message m = {.payload = span_of("\x01\xff", 2), .generation_time = r.host.time};
    assert_int_equal(r.contract.ops->message(r.contract.self, &r.host, &m), MAP_BAD_PAYLOAD);
    /* The signed place of the message is not where the observer says it is. */
    struct buf payload = {0};
    observation_put(&payload, &good);
    m.payload = buf_span(&payload);
    m.has_location = true;
    m.lat = good.lat + 20000;
    m.lon = good.lon;
    assert_int_equal(r.contract.ops->message(r.contract.self, &r.host, &m), MAP_IMPOSSIBLE_PLACE);
    buf_free(&payload);
    rig_end(&r);
    fake_exec_digest(&r.host, after);
    assert_memory_equal(before, after, 32);
    assert_quiet(&r);
    rig_free(&r);
}

static void test_value_change(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    unsigned n = passes_until_version(&r, sees_30, 200000, 200000, 40);
    assert_true(n >= 3 && n <= 12);
    assert_int_equal(r.n_versions, 1);
    assert_int_equal(r.versions[0].n_changes, 1);
    const struct change_record *c = &r.versions[0].changes[0];
    assert_int_equal(c->op, MAP_MODIFY);
    assert_int_equal(c->before.value, 50);
    assert_int_equal(c->after.value, 30);
    assert_int_equal(c->after.revision, 1);
    assert_int_equal(c->tier, TIER_PERMANENT);
    assert_true(c->bits_q16 >= 20 * 65536);
    assert_int_equal(c->threshold_q16, 20 * 65536);
    assert_true(c->vehicles >= 4 && c->families >= 2 && c->issuers >= 2 && c->groups >= 3);
    assert_false(r.versions[0].geometry);
    assert_int_equal(sign_at(&r, 1)->value, 30);
    /* Once: what is seen now is what the map says. */
    for (int i = 0; i < 20; i++)
        assert_int_equal(
            drive(&r, car_before((uint32_t)r.messages, 200000), sees_30, 200000), MAP_OK);
    assert_int_equal(r.n_versions, 1);
    assert_quiet(&r);
    assert_int_equal(r.advisories, 1);
    assert_int_equal(r.ends, 1);
    assert_int_equal(r.last_end, ADVISORY_PERMANENT);
    assert_follows(&r);
    rig_free(&r);
}

static void test_evidence_root(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    /* The leaves are those of the supporting messages, block by block. */
    uint8_t leaves[64][32];
    size_t n = 0;
    while (r.n_versions == 0 && n < 64) {
        rig_begin(&r, r.now_ms + 40000);
        struct rig_car car = car_before((uint32_t)n, 200000);
        struct observation o = rig_look(&r, &car);
        sees_30(&r, &o, 200000);
        assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
        struct map_contract *c = r.contract.self;
        memcpy(leaves[n++], c->looks[0].leaf, 32);
        rig_end(&r);
    }
    assert_int_equal(r.n_versions, 1);
    /* The last block only published what had been confirmed. */
    uint8_t root[32];
    bool found = false;
    for (size_t k = 1; k <= n && !found; k++) {
        exec_list_root((const uint8_t(*)[32])leaves, k, root);
        found = memcmp(root, r.versions[0].changes[0].evidence_root, 32) == 0;
    }
    assert_true(found);
    /* The list is kept with the change, and gives the same root. */
    uint8_t key[33] = {'x'};
    memcpy(key + 1, r.versions[0].changes[0].id, 32);
    struct span value;
    struct evidence_leaf list[EVIDENCE_MAX];
    size_t kept = 0;
    assert_true(exec_get(&r.host, span_of(key, sizeof(key)), &value));
    assert_true(evidence_read(value, list, &kept));
    assert_true(kept >= 3 && kept <= n);
    evidence_root(list, kept, root);
    assert_memory_equal(root, r.versions[0].changes[0].evidence_root, 32);
    for (size_t i = 0; i < kept; i++) {
        assert_memory_equal(list[i].leaf, leaves[i], 32);
        assert_int_equal(list[i].height, i + 1);
    }
    /* For a day; a restart does not lose count. */
    rig_restart(&r);
    rig_begin(&r, r.now_ms + 23 * 3600000);
    rig_end(&r);
    assert_int_equal(fake_exec_count(&r.host, 'x'), 1);
    rig_begin(&r, r.now_ms + 3600000);
    rig_end(&r);
    assert_int_equal(fake_exec_count(&r.host, 'x'), 0);
    assert_int_equal(fake_exec_count(&r.host, 'y'), 0);
    rig_free(&r);
}

static void test_evidence_list(void **state) {
    (void)state;
    struct evidence_leaf list[EVIDENCE_MAX];
    struct evidence_leaf read[EVIDENCE_MAX];
    size_t n = 0;
    memset(list, 7, sizeof(list));
    struct buf b = {0};
    evidence_put(&b, list, EVIDENCE_MAX);
    assert_true(evidence_read(buf_span(&b), read, &n));
    assert_int_equal(n, EVIDENCE_MAX);
    assert_memory_equal(list, read, sizeof(list));
    for (size_t k = 0; k < 120; k++)
        assert_int_equal(evidence_read(span_of(b.p, k), read, &n), k % EVIDENCE_LEAF_OCTETS == 1);
    b.p[0] = 2;
    assert_false(evidence_read(buf_span(&b), read, &n));
    buf_free(&b);
}

static void test_removal(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    unsigned n = passes_until_version(&r, misses, 3, 600000, 40);
    assert_true(n >= 3 && n <= 12);
    const struct change_record *c = &r.versions[0].changes[0];
    assert_int_equal(c->op, MAP_DELETE);
    assert_int_equal(c->before.value, 50);
    assert_true(r.versions[0].geometry);
    assert_null(sign_at(&r, 3));
    assert_non_null(sign_at(&r, 2));
    for (int i = 0; i < 20; i++)
        assert_int_equal(
            drive(&r, car_before((uint32_t)r.messages, 600000), sees_nothing, 0), MAP_OK);
    assert_int_equal(r.n_versions, 1);
    assert_quiet(&r);
    assert_follows(&r);
    rig_free(&r);
}

static void test_one_view_removes_nothing(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    for (uint32_t i = 0; i < 60; i++) {
        struct rig_car car = car_before(i, 600000);
        car.x = 570000; /* always from the same spot: a parked lorry would explain it */
        assert_int_equal(drive(&r, car, misses, 3), MAP_OK);
    }
    assert_int_equal(r.n_versions, 0);
    rig_set(&r, MAP_POLICY_MIN_VIEWS, 1);
    assert_int_equal(drive(&r, car_before(61, 600000), misses, 3), MAP_OK);
    rig_begin(&r, r.now_ms + 60000);
    rig_end(&r);
    assert_int_equal(r.n_versions, 1);
    rig_free(&r);
}

/* A new sign at (450 m, -4 m), noise of 0.5 m per axis. */
static void sees_new(const struct map_rig *r, struct observation *o, int32_t seed) {
    struct ws_random rnd = ws_random_seeded((uint64_t)seed * 977 + r->messages);
    int32_t dx = 0;
    int32_t dy = 0;
    for (int i = 0; i < 12; i++) { /* twelve uniforms: standard deviation 500 */
        dx += (int32_t)ws_random_below(&rnd, 1001) - 500;
        dy += (int32_t)ws_random_below(&rnd, 1001) - 500;
    }
    rig_saw(r, o, EL_SIGN, 450000 + dx / 2, -4000 + dy / 2, 500, 70,
        (uint16_t)((int32_t)ws_random_below(&rnd, 2000) - 1000));
}

static void test_new_sign(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    rig_set(&r, MAP_POLICY_VERSION_AGE_MS, 0);
    unsigned n = passes_until_version(&r, sees_new, 1, 450000, 40);
    assert_true(n >= 3 && n <= 12);
    const struct change_record *c = &r.versions[0].changes[0];
    assert_int_equal(c->op, MAP_CREATE);
    assert_int_equal(c->after.kind, EL_SIGN);
    assert_int_equal(c->after.value, 70);
    assert_true(abs(c->after.points[0].x - 450000) < 800);
    assert_true(abs(c->after.points[0].y + 4000) < 800);
    assert_true(heading_gap(c->after.heading, EAST) < 600);
    for (int i = 0; i < 20; i++)
        assert_int_equal(drive(&r, car_before((uint32_t)r.messages, 450000), sees_new, 2), MAP_OK);
    assert_int_equal(r.n_versions, 1);
    assert_quiet(&r);
    assert_follows(&r);
    rig_free(&r);
}

/* While a change waits for its version, nothing is suspected about the same thing. */
static void test_pending_explains(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    rig_set(&r, MAP_POLICY_VERSION_AGE_MS, 3600000);
    while (fake_exec_count(&r.host, 'p') == 0) {
        assert_int_equal(drive(&r, car_before((uint32_t)r.messages, 450000), sees_new, 1), MAP_OK);
        assert_true(r.messages < 40);
    }
    for (int i = 0; i < 20; i++)
        assert_int_equal(drive(&r, car_before((uint32_t)r.messages, 450000), sees_new, 2), MAP_OK);
    assert_int_equal(fake_exec_count(&r.host, 'h'), 0);
    assert_int_equal(r.n_versions, 0);
    uint64_t messages = r.messages;
    while (fake_exec_count(&r.host, 'p') == 1) {
        assert_int_equal(drive(&r, car_before((uint32_t)r.messages, 600000), misses, 3), MAP_OK);
        assert_true(r.messages < messages + 40);
    }
    for (int i = 0; i < 20; i++)
        assert_int_equal(drive(&r, car_before((uint32_t)r.messages, 600000), misses, 3), MAP_OK);
    assert_int_equal(fake_exec_count(&r.host, 'h'), 0);
    rig_restart(&r);
    rig_begin(&r, r.now_ms + 3600000);
    rig_end(&r);
    assert_int_equal(r.n_versions, 1);
    assert_int_equal(r.versions[0].n_changes, 2);
    assert_quiet(&r);
    assert_follows(&r);
    rig_free(&r);
}

static void test_enough_changes_publish(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    rig_set(&r, MAP_POLICY_VERSION_AGE_MS, 3600000);
    rig_set(&r, MAP_POLICY_VERSION_CHANGES, 2);
    while (fake_exec_count(&r.host, 'p') == 0)
        assert_int_equal(
            drive(&r, car_before((uint32_t)r.messages, 200000), sees_30, 200000), MAP_OK);
    assert_int_equal(r.n_versions, 0);
    assert_true(passes_until_version(&r, sees_30, 400000, 400000, 20) > 0);
    assert_int_equal(r.versions[0].n_changes, 2);
    assert_follows(&r);
    rig_free(&r);
}

static void sees_limit_30(const struct map_rig *r, struct observation *o, int32_t x) {
    rig_saw(r, o, EL_SPEED_LIMIT, x, 600, 700, 30, EAST);
    o->reports[o->n_reports - 1].has_element = true;
    rig_id(LIMIT, o->reports[o->n_reports - 1].element_id);
}

static void contradicts_limit(const struct map_rig *r, struct observation *o, int32_t value) {
    rig_mismatch(o, sign_at(r, LIMIT), value);
}

static void test_speed_limit(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    unsigned n = passes_until_version(&r, sees_limit_30, 700000, 700000, 40);
    assert_true(n >= 3 && n <= 12);
    const struct change_record *c = &r.versions[0].changes[0];
    assert_int_equal(c->after.kind, EL_SPEED_LIMIT);
    assert_int_equal(c->before.value, 50);
    assert_int_equal(c->after.value, 30);
    /* Published at once: limits do not wait. */
    assert_int_equal(r.versions[0].block_time, r.host.time);
    struct buf b = {0};
    map_version_encode(&r.versions[0], &b);
    assert_true(b.n <= 1000);
    buf_free(&b);
    char text[256];
    change_describe(c, text, sizeof(text));
    assert_non_null(strstr(text, "speed limit 50 -> 30 km/h, lanelet2:way/100: "));
    n = passes_until_version(&r, contradicts_limit, 70, 900000, 40);
    assert_true(n >= 3 && n <= 12);
    assert_int_equal(sign_at(&r, LIMIT)->value, 70);
    /* Traffic the other way says nothing about this lane. */
    for (uint32_t i = 0; i < 20; i++) {
        struct rig_car car = car_before((uint32_t)r.messages, 900000);
        car.heading = 32768;
        assert_int_equal(drive(&r, car, contradicts_limit, 90), MAP_OK);
    }
    assert_quiet(&r);
    assert_follows(&r);
    rig_free(&r);
}

static void test_one_vehicle_counts_once(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    struct rig_car car = car_before(0, 200000);
    assert_int_equal(drive(&r, car, sees_30, 200000), MAP_OK);
    struct map_candidate one;
    assert_int_equal(map_contract_candidates(r.contract.self, &one, 1), 1);
    assert_int_equal(one.bits_q16, 365026);
    assert_int_equal(one.vehicles, 1);
    for (int i = 0; i < 20; i++)
        assert_int_equal(drive(&r, car, sees_30, 200000), MAP_NOTHING_NEW);
    /* Nor by saying it ten times in one message, or in ten messages of one block; another vehicle. */
    car.id++;
    car.issuer++;
    rig_begin(&r, r.now_ms + 5000);
    struct observation o = rig_look(&r, &car);
    for (int i = 0; i < 10; i++)
        sees_30(&r, &o, 200000);
    for (int i = 0; i < 10; i++) {
        o.time++;
        assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
    }
    rig_end(&r);
    assert_int_equal(map_contract_candidates(r.contract.self, &one, 1), 1);
    assert_int_equal(one.vehicles, 2);
    assert_int_equal(one.bits_q16, 8 * 65536); /* 5.57 + 2.79, held to the cap */
    /* And it cannot take its word back in the same window. */
    assert_int_equal(drive(&r, car, sees_50, 200000), MAP_NOTHING_NEW);
    /* The next window counts anew, and state has forgotten the vehicles by then. */
    assert_int_equal(fake_exec_count(&r.host, 't'), 2);
    rig_begin(&r, 3600000 + 5000);
    assert_int_equal(fake_exec_count(&r.host, 't'), 0);
    rig_end(&r);
    assert_int_equal(drive(&r, car, sees_30, 200000), MAP_OK);
    assert_int_equal(map_contract_candidates(r.contract.self, &one, 1), 1);
    assert_int_equal(one.vehicles, 3);
    rig_free(&r);
}

/* What confirms with everybody must not with one issuer, one family, or one direction of one. */
static void assert_never(uint16_t issuers, uint16_t families) {
    struct map_rig r;
    town(&r);
    for (uint32_t i = 0; i < 1200; i++) {
        struct rig_car car = car_before(i, 200000);
        car.issuer = (uint16_t)(i % issuers);
        car.family = (uint16_t)(1 + i % families);
        car.heading = i % 2 == 0 ? EAST : 5000;
        assert_int_equal(drive(&r, car, sees_30, 200000), MAP_OK);
    }
    assert_int_equal(r.n_versions, 0);
    assert_true(r.advisories >= 1); /* it does warn */
    struct map_candidate one;
    assert_int_equal(map_contract_candidates(r.contract.self, &one, 1), 1);
    assert_true(one.bits_q16 > 20 * 65536);
    rig_free(&r);
}

static void test_one_issuer_or_family(void **state) {
    (void)state;
    assert_never(1, 4);
    assert_never(3, 1);
}

/* An issuer that lies is not helped by one slip of an honest one. */
static void test_one_issuer_and_a_slip(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    for (uint32_t i = 0; i < 400; i++) {
        struct rig_car car = car_before(i, 200000);
        bool honest = i % 2 == 0;
        car.issuer = honest ? 2 : 1;
        car.family = honest ? 40 : (uint16_t)(1 + i % 16);
        bool slip = honest && i % 50 == 0;
        assert_int_equal(drive(&r, car, honest && !slip ? sees_50 : sees_30, 200000), MAP_OK);
    }
    assert_int_equal(r.n_versions, 0);
    rig_free(&r);
}

static void test_advisory_withdrawn(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    unsigned i = 0;
    while (r.advisories == 0) {
        assert_int_equal(drive(&r, car_before(i++, 200000), sees_30, 200000), MAP_OK);
        assert_true(i < 10);
    }
    assert_int_equal(r.n_versions, 0);
    for (int k = 0; k < 12 && r.ends == 0; k++)
        assert_int_equal(drive(&r, car_before(i++, 200000), sees_50, 200000), MAP_OK);
    assert_int_equal(r.ends, 1);
    assert_int_equal(r.last_end, ADVISORY_WITHDRAWN);
    assert_quiet(&r);
    rig_free(&r);
}

static void test_advisory_expires(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    unsigned i = 0;
    while (r.advisories == 0)
        assert_int_equal(drive(&r, car_before(i++, 200000), sees_30, 200000), MAP_OK);
    rig_begin(&r, r.now_ms + 899000);
    rig_end(&r);
    assert_int_equal(r.ends, 0);
    rig_begin(&r, r.now_ms + 2000);
    rig_end(&r);
    assert_int_equal(r.ends, 1);
    assert_int_equal(r.last_end, ADVISORY_EXPIRED);
    rig_begin(&r, r.now_ms + 2000);
    rig_end(&r);
    assert_int_equal(r.advisories, 1); /* old evidence does not warn again */
    assert_int_equal(r.ends, 1);
    rig_set(&r, MAP_POLICY_CONFIRM_BITS, 60);
    assert_int_equal(drive(&r, car_before(i++, 200000), sees_30, 200000), MAP_OK);
    assert_int_equal(r.advisories, 2); /* new evidence does */
    rig_free(&r);
}

static void test_hazard(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    rig_begin(&r, 5000);
    for (uint32_t i = 0; i < 3; i++) {
        struct rig_car car = car_before(i, 300000);
        struct observation o = rig_look(&r, &car);
        rig_saw(&r, &o, EL_HAZARD, 300000, 0, 800, 1, EAST);
        assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
    }
    rig_end(&r);
    assert_int_equal(r.advisories, 1);
    struct map_candidate one;
    assert_int_equal(map_contract_candidates(r.contract.self, &one, 1), 1);
    assert_int_equal(one.kind, EL_HAZARD);
    assert_int_equal(one.op, MAP_CREATE);
    assert_true(abs(one.x - 300000) < 100);
    /* Half-life of ten minutes: two hours later nothing is left of it. */
    rig_begin(&r, r.now_ms + 7200000);
    rig_end(&r);
    assert_int_equal(r.ends, 1);
    assert_quiet(&r);
    rig_free(&r);
}

/* Silence speaks against a new thing only where the vehicle looked. */
static void test_silence(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    assert_int_equal(drive(&r, car_before(0, 450000), sees_new, 1), MAP_OK);
    assert_int_equal(fake_exec_count(&r.host, 'h'), 1);
    struct rig_car car = car_before(1, 450000);
    car.heading = 32768; /* drives away from it */
    assert_int_equal(drive(&r, car, sees_nothing, 0), MAP_OK);
    car = car_before(2, 450000);
    car.x = 450000 - 55000; /* at the edge of what it can see */
    assert_int_equal(drive(&r, car, sees_nothing, 0), MAP_OK);
    rig_begin(&r, r.now_ms + 5000);
    car = car_before(3, 450000);
    struct observation o = rig_look(&r, &car);
    o.occluded = true;
    assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
    rig_end(&r);
    struct map_candidate one;
    assert_int_equal(map_contract_candidates(r.contract.self, &one, 1), 1);
    assert_int_equal(one.bits_q16, 365026);
    assert_int_equal(drive(&r, car_before(4, 450000), sees_nothing, 0), MAP_OK);
    assert_int_equal(map_contract_candidates(r.contract.self, &one, 1), 1);
    assert_int_equal(one.bits_q16, 365026 - 281332);
    assert_int_equal(drive(&r, car_before(5, 450000), sees_nothing, 0), MAP_OK);
    assert_quiet(&r);
    rig_free(&r);
}

/* A car that comes nearer and then sees the thing has not spoken against it. */
static void test_silence_taken_back(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    struct rig_car car[3];
    for (uint32_t i = 0; i < 3; i++)
        car[i] = car_before(4 * i, 450000); /* of one family and view */
    assert_int_equal(drive(&r, car[0], sees_new, 1), MAP_OK);
    assert_int_equal(drive(&r, car[1], sees_nothing, 0), MAP_OK);
    struct map_candidate one;
    assert_int_equal(map_contract_candidates(r.contract.self, &one, 1), 1);
    assert_int_equal(one.bits_q16, 365026 - 281332);
    assert_int_equal(drive(&r, car[1], sees_new, 1), MAP_OK);
    assert_int_equal(map_contract_candidates(r.contract.self, &one, 1), 1);
    assert_int_equal(one.bits_q16, 8 * 65536); /* two reports, no miss, the cap */
    assert_int_equal(one.vehicles, 2);
    assert_int_equal(drive(&r, car[1], sees_new, 1), MAP_NOTHING_NEW);
    assert_int_equal(drive(&r, car[1], sees_nothing, 0), MAP_OK);
    assert_int_equal(map_contract_candidates(r.contract.self, &one, 1), 1);
    assert_int_equal(one.bits_q16, 8 * 65536);
    rig_free(&r);
}

/* Noise of a heading around the direction of the road does not make two directions of one. */
static void test_one_direction_is_one_group(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    for (uint32_t i = 0; i < 6; i++) {
        struct rig_car car = car_before(4 * i, 200000);
        car.heading = (uint16_t)(i % 2 == 0 ? 65536 - 500 : 500);
        assert_int_equal(drive(&r, car, sees_30, 200000), MAP_OK);
    }
    struct map_candidate one;
    assert_int_equal(map_contract_candidates(r.contract.self, &one, 1), 1);
    assert_int_equal(one.groups, 1);
    assert_int_equal(one.bits_q16, 8 * 65536);
    rig_free(&r);
}

/* NOT_DETECTED of what the vehicle cannot have inspected is no evidence. */
static void test_missed_out_of_sight(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    struct rig_car car = car_before(0, 600000);
    car.x = 600000 + 20000; /* already past it */
    assert_int_equal(drive(&r, car, misses, 3), MAP_OK);
    car.x = 600000 - 90000; /* too far */
    assert_int_equal(drive(&r, car, misses, 3), MAP_OK);
    car = car_before(1, 600000);
    car.x = 600000;
    car.y = -30000;
    car.heading = NORTH; /* crosses: the plate faces another way */
    assert_int_equal(drive(&r, car, misses, 3), MAP_OK);
    assert_quiet(&r);
    rig_free(&r);
}

static void sees_ambiguous(const struct map_rig *r, struct observation *o, int32_t value) {
    rig_saw(r, o, EL_SIGN, 1000000, -5300, 1200, value, EAST);
}

static void test_ambiguity(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    /* Signs 5 (50) and 200 (80) are 2.5 m apart; a vague sighting of something else is of neither. */
    for (uint32_t i = 0; i < 30; i++)
        assert_int_equal(drive(&r, car_before(i, 1000000), sees_ambiguous, 30), MAP_OK);
    assert_quiet(&r);
    assert_int_equal(r.n_versions, 0);
    /* A vehicle that says which one it means is believed. */
    for (uint32_t i = 40; i < 60 && r.n_versions == 0; i++) {
        rig_begin(&r, r.now_ms + 40000);
        struct rig_car car = car_before(i, 1000000);
        struct observation o = rig_look(&r, &car);
        sees_ambiguous(&r, &o, 30);
        o.reports[0].has_element = true;
        rig_id(200, o.reports[0].element_id);
        assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
        rig_end(&r);
    }
    assert_int_equal(r.n_versions, 1);
    assert_int_equal(sign_at(&r, 200)->value, 30);
    assert_int_equal(sign_at(&r, 5)->value, 50);
    rig_free(&r);
}

/* Of two values, neither is confirmed while they are about as likely. */
static void test_margin(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    rig_set(&r, MAP_POLICY_CONFIRM_BITS, 4);
    rig_set(&r, MAP_POLICY_MARGIN_BITS, 30);
    rig_set(&r, MAP_POLICY_MIN_FAMILIES, 1);
    for (uint32_t i = 0; i < 12; i++)
        assert_int_equal(drive(&r, car_before(i, 200000), sees_30, 200000), MAP_OK);
    assert_int_equal(r.n_versions, 0);
    rig_set(&r, MAP_POLICY_MARGIN_BITS, 6);
    assert_int_equal(drive(&r, car_before(20, 200000), sees_30, 200000), MAP_OK);
    rig_begin(&r, r.now_ms + 60000);
    rig_end(&r);
    assert_int_equal(r.n_versions, 1);
    rig_free(&r);
}

static void sees_covered(const struct map_rig *r, struct observation *o, int32_t n) {
    rig_missed(o, sign_at(r, (uint32_t)n));
    o->reports[o->n_reports - 1].kind = REPORT_COVERED;
}

/* A covered plate is told as an advisory, never put into the map, and is no evidence that it is gone. */
static void test_covered(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    for (uint32_t i = 0; i < 60; i++)
        assert_int_equal(drive(&r, car_before(i, 600000), sees_covered, 3), MAP_OK);
    assert_int_equal(r.n_versions, 0);
    assert_int_equal(r.advisories, 1);
    assert_int_equal(r.ends, 0);
    struct map_candidate one;
    assert_int_equal(map_contract_candidates(r.contract.self, &one, 1), 0);
    rig_restart(&r);
    /* Whoever reads it says that the cover is off. */
    for (uint32_t i = 100; i < 200 && r.ends == 0; i++)
        assert_int_equal(drive(&r, car_before(i, 600000), sees_50, 600000), MAP_OK);
    assert_int_equal(r.ends, 1);
    assert_int_equal(r.last_end, ADVISORY_WITHDRAWN);
    assert_quiet(&r);
    /* Of a suspicion that it is gone, a cover is the opposite. */
    assert_int_equal(drive(&r, car_before(300, 600000), misses, 3), MAP_OK);
    assert_int_equal(map_contract_candidates(r.contract.self, &one, 1), 1);
    assert_int_equal(drive(&r, car_before(301, 600000), sees_covered, 3), MAP_OK);
    assert_int_equal(drive(&r, car_before(302, 600000), sees_covered, 3), MAP_OK);
    assert_int_equal(map_contract_candidates(r.contract.self, &one, 1), 0);
    rig_free(&r);
}

/* Nobody knows whether the vehicle of one window is that of the next: within one there must be enough. */
static void test_vehicles_in_one_window(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    rig_set(&r, MAP_POLICY_MIN_VEHICLES, 4);
    for (uint32_t i = 0; i < 60; i++) { /* three in each hour */
        if (i % 3 == 0) {
            rig_begin(&r, (r.now_ms / 3600000 + 1) * 3600000);
            rig_end(&r);
        }
        assert_int_equal(drive(&r, car_before(i, 200000), sees_30, 200000), MAP_OK);
    }
    assert_int_equal(r.n_versions, 0);
    struct map_candidate one;
    assert_int_equal(map_contract_candidates(r.contract.self, &one, 1), 1);
    assert_int_equal(one.vehicles, 60);
    assert_true(one.bits_q16 > 20 * 65536);
    rig_restart(&r);
    assert_int_equal(drive(&r, car_before(60, 200000), sees_30, 200000), MAP_OK);
    rig_begin(&r, r.now_ms + 31000);
    rig_end(&r);
    assert_int_equal(r.n_versions, 1);
    rig_free(&r);
}

/* Evidence from an older map is judged by the map of today. */
static void test_old_map_version(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    assert_true(passes_until_version(&r, sees_30, 200000, 200000, 20) > 0);
    rig_begin(&r, r.now_ms + 1000);
    struct rig_car car = car_before(500, 200000);
    struct observation o = rig_look(&r, &car);
    o.map_version = 1; /* its map says 50, it sees 30 and calls that a mismatch */
    rig_mismatch(&o, sign_at(&r, 1), 30);
    assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
    rig_end(&r);
    assert_quiet(&r);
    rig_free(&r);
}

/* Captures of another cell name that cell's versions. */
static void test_any_map_version(void **state) {
    (void)state;
    for (int any = 0; any < 2; any++) {
        struct map_rig r;
        town(&r);
        if (any == 1)
            map_contract_take_any_version(r.contract.self);
        rig_begin(&r, r.now_ms + 1000);
        struct rig_car car = car_before(0, 200000);
        struct observation o = rig_look(&r, &car);
        sees_30(&r, &o, 200000);
        o.map_version = 57;
        assert_int_equal(rig_send(&r, &car, &o), any == 1 ? MAP_OK : MAP_STALE_VERSION);
        o.map_version = 1;
        assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
        rig_end(&r);
        rig_free(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_genesis),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_value_change),
        cmocka_unit_test(test_evidence_root),
        cmocka_unit_test(test_evidence_list),
        cmocka_unit_test(test_removal),
        cmocka_unit_test(test_one_view_removes_nothing),
        cmocka_unit_test(test_new_sign),
        cmocka_unit_test(test_pending_explains),
        cmocka_unit_test(test_enough_changes_publish),
        cmocka_unit_test(test_speed_limit),
        cmocka_unit_test(test_one_vehicle_counts_once),
        cmocka_unit_test(test_one_issuer_or_family),
        cmocka_unit_test(test_one_issuer_and_a_slip),
        cmocka_unit_test(test_advisory_withdrawn),
        cmocka_unit_test(test_advisory_expires),
        cmocka_unit_test(test_hazard),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_silence_taken_back),
        cmocka_unit_test(test_one_direction_is_one_group),
        cmocka_unit_test(test_missed_out_of_sight),
        cmocka_unit_test(test_ambiguity),
        cmocka_unit_test(test_margin),
        cmocka_unit_test(test_covered),
        cmocka_unit_test(test_vehicles_in_one_window),
        cmocka_unit_test(test_old_map_version),
        cmocka_unit_test(test_any_map_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

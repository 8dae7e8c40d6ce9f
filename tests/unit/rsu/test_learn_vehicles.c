/* What vehicles may try against a round of learning (docs/learning-attacks.md), before whole nodes: each is refused or found by name, who
 * can be blamed is, and the round closes without it. Car 0 is the one that cheats. */
#include "tests/unit/rsu/learn_crook.h"

#include "base/mem.h"
#include "fedlearn/round/outcome.h"
#include "fedlearn/vehicle/mask.h"
#include "fedlearn/vehicle/ring.h"
#include "v2x/psid.h"

#include <math.h>
#include <stdlib.h>

enum { N = WORLD_N, CARS = WORLD_CARS, ALL = (1 << N) - 1 };
#define SECOND WORLD_SECOND
/* One of three groups may be lost. */
#define TWO_GROUPS                                                                                 \
    { "min_groups = 3,\n        norm_clip = 2000", "min_groups = 2, norm_clip = 2000" }

static void begin(struct world *x, const struct world_plan *plan) {
    world_open_as(x, plan);
    world_order_model(x);
    world_until(x, FL_SUBMITTING, 120 * SECOND);
}

struct closed {
    struct fl_round_record r;
    struct fl_outcome o;
};

/* The round is over, at every unit the same, and nothing of any key is left. `included` cars were in it. */
static struct closed *finish(struct world *x, uint32_t included) {
    struct closed *c = ws_alloc(sizeof(*c));
    const uint64_t round = world_round(x, 0).number;
    struct fl_model_view m[2];
    world_until(x, FL_IDLE, 1000 * SECOND);
    for (size_t i = 0; i < x->n; i++) {
        assert_int_equal(world_round(x, i).why, FL_ABORT_NONE);
        fl_contract_model(x->w->m[i].cell.learn, &m[i > 0]);
        assert_memory_equal(m[0].hash, m[i > 0].hash, 32);
    }
    world_closed(x, 1, round, &c->r, &c->o);
    assert_int_equal(c->r.n, included);
    return c;
}

static void end(struct world *x, struct closed *c) {
    fl_round_record_free(&c->r);
    free(c);
    world_close(x);
}

/* Group of a car, UINT16_MAX: it was not in. */
static unsigned group_of(const struct world *x, const struct closed *c, size_t car) {
    for (size_t i = 0; i < c->r.n; i++)
        if (memcmp(c->r.member[i].id, x->ids[car], 32) == 0)
            return c->r.member[i].group;
    return UINT16_MAX;
}

/* The car's group has that verdict, the others are accepted, and the step is theirs. */
static void expect_verdict(
    const struct world *x, const struct closed *c, enum fl_verdict_code code) {
    const unsigned bad = group_of(x, c, 0);
    assert_int_equal(c->o.n_groups, 3);
    assert_true(bad < c->o.n_groups);
    for (unsigned g = 0; g < c->o.n_groups; g++)
        if (c->o.group[g].verdict != (g == bad ? code : FL_ACCEPTED))
            fail_msg(
                "group %u (the car is in %u): %s", g, bad, fl_verdict_name(c->o.group[g].verdict));
    assert_true(c->o.step);
    assert_int_equal(c->o.accepted, 2);
    assert_int_equal(c->o.vehicles, CARS - 8);
}

/* ---- credentials and commitments ---- */

struct blamed {
    const uint8_t *token;
    enum fl_exclusion reason;
    unsigned n;
};

/* version, round (8), token (32), reason (1), submission (4) */
static void see_exclusion(void *ctx, struct span body) {
    struct blamed *b = ctx;
    assert_int_equal(body.n, 1 + 8 + 32 + 1 + 4);
    assert_memory_equal(body.p + 9, b->token, 32);
    assert_int_equal(body.p[41], b->reason);
    b->n++;
}

/* Exactly this car is on the ledger as excluded, at every unit. */
static void expect_excluded(const struct world *x, size_t car, enum fl_exclusion reason) {
    for (size_t i = 0; i < x->n; i++) {
        struct blamed b = {x->ticket[car].hash, reason, 0};
        (void)world_events(x, i, FL_EVENT_EXCLUDED, see_exclusion, &b);
        assert_int_equal(b.n, 1);
        assert_int_equal(fl_suspicion_standing(
                             fl_contract_suspicion(x->w->m[i].cell.learn), x->ticket[car].hash),
            FL_EXCLUDED);
    }
}

/* Attack list: two submissions, one credential. Neither counts, and the car is out until the epoch ends. */
static void two_submissions(void **state) {
    (void)state;
    static const struct crook honest;
    struct world x;
    const struct world_plan plan = {
        .seed = 11, .edit = {TWO_GROUPS, {"every_s = in_seconds(hours(1))", "every_s = 300"}}};
    begin(&x, &plan);
    crook_drive(&x, 0, &honest);
    world_run(&x, 2 * SECOND);
    crook_drive(&x, 0, &honest);
    world_drive_from(&x, 1, ALL);
    assert_int_equal(world_round(&x, 0).submissions, CARS);
    struct closed *c = finish(&x, CARS - 1);
    assert_int_equal(group_of(&x, c, 0), UINT16_MAX);
    expect_excluded(&x, 0, FL_EXCLUDED_TWO_SUBMISSIONS);
    world_expect_erased(&x, CARS + 1);
    /* Not in the next round either. */
    world_until(&x, FL_SUBMITTING, 600 * SECOND);
    crook_drive(&x, 0, &honest);
    world_run(&x, 3 * SECOND);
    assert_int_equal(world_round(&x, 0).submissions, 0);
    end(&x, c);
}

/* One vehicle is not many: neither under a pseudonym that is for other things, too, nor under a ticket that outlives its epoch. */
static void no_learning_ticket(void **state) {
    (void)state;
    static const uint64_t psids[] = {PSID_LEARNING_RECORD, PSID_CAM};
    struct world x;
    const struct world_plan plan = {.seed = 17, .edit = {TWO_GROUPS}};
    struct world_ticket as[2];
    begin(&x, &plan);
    const uint64_t epoch_us = world_round(&x, 0).open->config.epoch_us;
    const uint64_t left = (epoch_us - x.w->town.epoch % epoch_us) / UINT64_C(3600000000);
    world_ticket_new(&x, 0, psids, 2, 12, &as[0]);
    world_ticket_new(&x, 0, psids, 1, (uint16_t)(left + 2), &as[1]);
    for (size_t i = 0; i < ARRAY_LEN(as); i++) {
        const uint8_t id[32] = {(uint8_t)(1 + i)};
        const struct fl_submit s = world_submit_of(&x, id);
        assert_int_equal(world_say_as(&x, &as[i], &s, 0), TX_GOOD); /* the contract's to judge */
        world_run(&x, 2 * SECOND);
        world_ticket_free(&as[i]);
    }
    assert_int_equal(world_round(&x, 0).submissions, 0);
    world_drive_from(&x, 0, ALL);
    struct closed *c = finish(&x, CARS);
    end(&x, c);
}

/* Attack list: resubmission, same key, other content. To the ledger it is a second submission. What the difference of both
 * ciphertexts shows is the car's own, and no key of it is ever opened. */
static void same_key_other_content(void **state) {
    (void)state;
    static const uint8_t seed[FL_SEED_OCTETS] = {7};
    int32_t other[WORLD_PARAMS] = {1, 2, 3};
    const struct crook one = {.key_seed = seed}, two = {.key_seed = seed, .symbols = other};
    struct world x;
    const struct world_plan plan = {.seed = 12, .edit = {TWO_GROUPS}};
    begin(&x, &plan);
    crook_drive(&x, 0, &one);
    crook_drive(&x, 0, &two);
    world_drive_from(&x, 1, ALL);
    struct closed *c = finish(&x, CARS - 1);
    expect_excluded(&x, 0, FL_EXCLUDED_TWO_SUBMISSIONS);
    world_expect_erased(&x, CARS + 1);
    end(&x, c);
}

/* The same id, and other octets sent than it stands for: nobody attests them. Nobody is blamed: anybody on the way can alter octets. */
static void other_content_under_one_id(void **state) {
    (void)state;
    static const struct crook honest;
    struct world x;
    const struct world_plan plan = {.seed = 13, .edit = {TWO_GROUPS}};
    begin(&x, &plan);
    struct crook_made *m = crook_make(&x, 0, &honest);
    const struct fl_submit s = world_submit_of(&x, m->id);
    memcpy(x.ids[0], m->id, 32);
    crooked_add(world_round(&x, 0).open->config.profile, m->wire.p, 3, 1, 1);
    world_store(&x, m->id, &m->material, ALL);
    assert_int_equal(world_say(&x, 0, &s, 0), TX_GOOD);
    crook_free(m);
    world_drive_from(&x, 1, ALL);
    struct closed *c = finish(&x, CARS - 1);
    assert_int_equal(group_of(&x, c, 0), UINT16_MAX);
    for (size_t i = 0; i < N; i++) {
        assert_true(learning_read(x.l[i]).member.other > 0);
        assert_int_equal(learning_read(x.l[i]).member.bad, 0);
    }
    assert_int_equal(world_events(&x, 0, FL_EVENT_EXCLUDED, NULL, NULL), 0);
    world_expect_erased(&x, CARS);
    end(&x, c);
}

/* Attack list: a bundle for one validator corrupted; shares off the polynomial. The validator shows it to everybody. */
static void bad_bundles(void **state) {
    (void)state;
    static const struct {
        enum spoil how;
        unsigned victim;
    } cases[] = {{SPOIL_SEAL, 2}, {SPOIL_SHARE, 4}};
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        const struct crook how = {.spoil = cases[k].how, .victim = cases[k].victim};
        struct world x;
        const struct world_plan plan = {.seed = 14 + k, .edit = {TWO_GROUPS}};
        begin(&x, &plan);
        crook_drive(&x, 0, &how);
        world_drive_from(&x, 1, ALL);
        struct closed *c = finish(&x, CARS - 1);
        assert_int_equal(group_of(&x, c, 0), UINT16_MAX);
        expect_excluded(&x, 0, FL_EXCLUDED_BAD_BUNDLE);
        unsigned complained = 0;
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(learning_read(x.l[i]).member.bad,
                learning_read(x.l[i]).sent[FL_RECORD_COMPLAINT] > 0);
            complained += learning_read(x.l[i]).sent[FL_RECORD_COMPLAINT] > 0;
        }
        assert_int_equal(complained, 1);
        assert_int_equal(world_events(&x, 0, FL_EVENT_FAULT, NULL, NULL), 0);
        world_expect_erased(&x, CARS);
        end(&x, c);
    }
}

/* Attack list: weight tampering. There is no weight in what a vehicle says, and no place for one. */
static void weight_has_no_place(void **state) {
    (void)state;
    struct world x;
    const struct world_plan plan = {.seed = 16, .edit = {TWO_GROUPS}};
    begin(&x, &plan);
    struct buf payload = {0};
    struct fl_submit s = world_submit_of(&x, x.w->cell_id), again;
    fl_submit_encode(&s, &payload);
    assert_true(fl_submit_decode(buf_span(&payload), &again));
    buf_u16(&payload, 8);
    assert_false(fl_submit_decode(buf_span(&payload), &again));
    buf_free(&payload);
    /* What the round computes weighs each submission as one. */
    world_drive_all(&x, ALL);
    struct closed *c = finish(&x, CARS);
    assert_int_equal(c->o.vehicles, CARS);
    end(&x, c);
}

/* Attack list: replay of an old round. Its number is refused; its octets under the new number are none of the new round's. */
static void an_old_round_again(void **state) {
    (void)state;
    static const struct crook honest;
    struct world x;
    const struct world_plan plan = {
        .seed = 17, .edit = {TWO_GROUPS, {"every_s = in_seconds(hours(1))", "every_s = 300"}}};
    begin(&x, &plan);
    struct crook_made *m = crook_make(&x, 0, &honest);
    const struct fl_submit old = world_submit_of(&x, m->id);
    world_drive_all(&x, ALL);
    struct closed *c = finish(&x, CARS);
    fl_round_record_free(&c->r);
    free(c);
    world_until(&x, FL_SUBMITTING, 600 * SECOND);
    assert_int_equal(world_round(&x, 0).number, 2);
    (void)world_say(&x, 0, &old, 0);
    world_run(&x, 2 * SECOND);
    assert_int_equal(world_round(&x, 0).submissions, 0);
    struct fl_submit now = old;
    now.round = 2;
    memcpy(x.ids[0], m->id, 32);
    world_store(&x, m->id, &m->material, ALL);
    assert_int_equal(world_say(&x, 0, &now, 0), TX_GOOD);
    crook_free(m);
    world_drive_from(&x, 1, ALL);
    assert_int_equal(world_round(&x, 0).submissions, CARS);
    c = finish(&x, CARS - 1);
    assert_int_equal(group_of(&x, c, 0), UINT16_MAX);
    for (size_t i = 0; i < N; i++)
        assert_true(learning_read(x.l[i]).member.other > 0);
    end(&x, c);
}

/* ---- what is in the ciphertext ---- */

static void nothing_but_noise(void *ctx, const struct fl_open *open, uint8_t *wire) {
    struct ws_random *random = ctx;
    const struct fl_profile *p = open->config.profile;
    for (size_t i = 0; i < fl_coefs(p, open->params); i++)
        crooked_add(p, wire, i, (int64_t)ws_random_below(random, 1 << 20), 64);
}

static void on_many(void *ctx, const struct fl_open *open, uint8_t *wire) {
    const int64_t *k = ctx;
    for (size_t i = 0; i < open->params; i++)
        crooked_add(open->config.profile, wire, i, i % 2 == 0 ? *k : -*k, 1);
}

static void on_one(void *ctx, const struct fl_open *open, uint8_t *wire) {
    crooked_add(open->config.profile, wire, 5, *(int64_t *)ctx, 1);
}

static void half_steps(void *ctx, const struct fl_open *open, uint8_t *wire) {
    (void)ctx;
    for (size_t i = 0; i < open->params; i++)
        crooked_add(open->config.profile, wire, i, 1, 2);
}

/* Attack list: ciphertext random; key not short (or another than the ciphertext's); multiples of delta hidden in the error; message above
 * range. The group is left out by name, and its members have the suspicion. */
static void bad_ciphertexts(void **state) {
    (void)state;
    struct ws_random random = ws_random_seeded(3);
    int64_t huge = 30000, much = 9000;
    const struct {
        struct crook how;
        enum fl_verdict_code code;
    } cases[] = {
        {{.spoil_wire = nothing_but_noise, .ctx = &random}, FL_MALFORMED},
        {{.longer = 60}, FL_MALFORMED},
        {{.spoil_wire = half_steps}, FL_MALFORMED},
        {{.spoil_wire = on_one, .ctx = &huge}, FL_OUT_OF_RANGE},
        {{.spoil_wire = on_many, .ctx = &much}, FL_OUT_OF_NORM},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        struct world x;
        /* A shorter bound, which thirty parameters inside their range can be beyond. */
        const struct world_plan plan = {
            .seed = 20 + k, .edit = {TWO_GROUPS, {"clip = one(1500)", "clip = one(500)"}}};
        begin(&x, &plan);
        crook_drive(&x, 0, &cases[k].how);
        world_drive_from(&x, 1, ALL);
        struct closed *c = finish(&x, CARS);
        expect_verdict(&x, c, cases[k].code);
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(learning_read(x.l[i]).member.good, CARS);
            assert_int_equal(learning_read(x.l[i]).member.bad, 0);
        }
        /* Seven are innocent and one is not: nobody is excluded for one group. */
        assert_int_equal(world_events(&x, 0, FL_EVENT_EXCLUDED, NULL, NULL), 0);
        world_expect_erased(&x, CARS);
        end(&x, c);
    }
}

/* Attack list: message above range in one packed field, which carries into its neighbour. */
static void a_packed_field_runs_over(void **state) {
    (void)state;
    int64_t k = 9000; /* of fields of 14 bits with a sign: 8192 and more is the neighbour's */
    const struct crook how = {.spoil_wire = on_one, .ctx = &k};
    struct world x;
    const struct world_plan plan = {
        .seed = 31, .edit = {TWO_GROUPS, {"profile = 2, -- standard", "profile = 1, -- compact"}}};
    begin(&x, &plan);
    assert_int_equal(world_round(&x, 0).open->config.profile->octet, FL_COMPACT);
    crook_drive(&x, 0, &how);
    world_drive_from(&x, 1, ALL);
    struct closed *c = finish(&x, CARS);
    expect_verdict(&x, c, FL_OUT_OF_RANGE);
    end(&x, c);
}

/* Attack list: all-zero update, of one car and of all. Both are what a car may have learned. */
static void nothing_learned(void **state) {
    (void)state;
    static const int32_t zero[WORLD_PARAMS];
    const struct crook idle = {.symbols = zero};
    struct world x;
    const struct world_plan plan = {.seed = 32};
    begin(&x, &plan);
    crook_drive(&x, 0, &idle);
    world_drive_from(&x, 1, ALL);
    struct closed *c = finish(&x, CARS);
    assert_int_equal(c->o.accepted, 3);
    end(&x, c);

    begin(&x, &plan);
    for (size_t car = 0; car < CARS; car++) {
        crook_drive(&x, car, &idle);
        world_run(&x, SECOND / 2);
    }
    c = finish(&x, CARS);
    assert_int_equal(c->o.accepted, 3);
    assert_true(c->o.step);
    assert_int_equal(c->o.step_norm, 0);
    assert_int_equal(c->o.n_changes, 0);
    for (unsigned g = 0; g < 3; g++)
        assert_int_equal(c->o.group[g].norm, 0);
    struct fl_model_view m;
    fl_contract_model(x.w->m[0].cell.learn, &m);
    assert_int_equal(m.version, 2);
    end(&x, c);
}

/* Attack list: d is no multiple of 2048. */
static void more_than_one_chunk(void **state) {
    (void)state;
    struct world x;
    const struct world_plan plan = {.seed = 33, .inputs = 640, .classes = 4};
    begin(&x, &plan);
    assert_int_equal(world_round(&x, 0).open->params, 2048 + 516);
    world_drive_all(&x, ALL);
    struct closed *c = finish(&x, CARS);
    assert_int_equal(c->o.accepted, 3);
    assert_int_equal(c->o.vehicles, CARS);
    end(&x, c);
}

/* ---- what privacy rests on ---- */

/* The group's sum as anybody finds it who has the ciphertexts. */
static void open_group(const struct world *x, const struct closed *c, size_t g, int32_t *ret_sum) {
    struct fl_ring *ring = aligned_alloc(64, (sizeof(*ring) + 63) / 64 * 64);
    struct materials_hold hold[CARS];
    const uint8_t *wires[CARS];
    uint32_t in[CARS];
    assert_non_null(ring);
    assert_int_equal(fl_ring_init(ring, NULL, NULL), WS_OK);
    const size_t n = fl_round_record_group(&c->r, g, in);
    for (size_t i = 0; i < n; i++) {
        assert_true(materials_get(x->store[2], c->r.member[in[i]].id, &hold[i]));
        wires[i] = hold[i].material.wire.p;
    }
    struct fl_found_group found = {.vehicles = (uint32_t)n, .sum = ret_sum};
    assert_int_equal(
        fl_find_group(&c->r.open, c->r.seed, ring, wires, c->r.key[g], &found, NULL), WS_OK);
    assert_int_equal(found.verdict, FL_OPENING_GOOD);
    for (size_t i = 0; i < n; i++)
        materials_release(&hold[i]);
    free(ring);
}

/* Attack list: one honest car among g - 1 that conspire. Without noise they have its update to the last symbol; what noise the car adds is
 * all that is between them and it. A test of what the guides say, not of a defence. */
static void seven_against_one(void **state) {
    (void)state;
    static const struct crook honest;
    const struct world_plan plans[] = {
        {.seed = 34}, {.seed = 35, .edit = {{"noise = 0, -- 2^-8 symbols", "noise = 5120, --"}}}};
    for (size_t k = 0; k < ARRAY_LEN(plans); k++) {
        struct world x;
        struct crook_made *made[CARS];
        struct fl_client *client = world_client();
        begin(&x, &plans[k]);
        world_drive(&x, client, 0, ALL); /* noise is what an honest client adds */
        for (size_t car = 1; car < CARS; car++) {
            made[car] = crook_make(&x, car, &honest);
            const struct fl_submit s = world_submit_of(&x, made[car]->id);
            memcpy(x.ids[car], made[car]->id, 32);
            world_store(&x, made[car]->id, &made[car]->material, ALL);
            assert_int_equal(world_say(&x, car, &s, 0), TX_GOOD);
            world_run(&x, SECOND / 2);
        }
        const struct fl_scale scale = world_round(&x, 0).open->config.scale;
        struct closed *c = finish(&x, CARS);
        const unsigned g = group_of(&x, c, 0);
        int32_t sum[WORLD_PARAMS];
        float update[WORLD_PARAMS];
        open_group(&x, c, g, sum);
        for (size_t car = 1; car < CARS; car++)
            for (size_t i = 0; group_of(&x, c, car) == g && i < WORLD_PARAMS; i++)
                sum[i] -= made[car]->symbols[i];
        world_update(&x, 0, update);
        double error2 = 0;
        for (size_t i = 0; i < WORLD_PARAMS; i++) {
            const double symbols = ldexp((double)update[i], FL_PARAM_FRACTION) *
                                   fl_symbol_max(&scale) / scale.clip_inf;
            error2 += (sum[i] - symbols) * (sum[i] - symbols);
        }
        const double deviation = sqrt(error2 / WORLD_PARAMS);
        if (scale.noise == 0)
            assert_true(deviation < 1); /* rounding */
        else /* 20 symbols */
            assert_true(deviation > 10 && deviation < 40);
        for (size_t car = 1; car < CARS; car++)
            crook_free(made[car]);
        world_client_free(client);
        end(&x, c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_submissions),
        cmocka_unit_test(no_learning_ticket),
        cmocka_unit_test(same_key_other_content),
        cmocka_unit_test(other_content_under_one_id),
        cmocka_unit_test(bad_bundles),
        cmocka_unit_test(weight_has_no_place),
        cmocka_unit_test(an_old_round_again),
        cmocka_unit_test(bad_ciphertexts),
        cmocka_unit_test(a_packed_field_runs_over),
        cmocka_unit_test(nothing_learned),
        cmocka_unit_test(more_than_one_chunk),
        cmocka_unit_test(seven_against_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

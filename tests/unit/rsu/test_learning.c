/* Whole nodes that learn: vehicles' messages through mempool, consensus and execution, validators' keys, attestations, shares and
 * outcomes as records, materials on disk. What the upload brings is put into the stores here; it has tests of its own. */
#include "tests/support/cm.h"

#include "base/mem.h"
#include "fedlearn/round/find.h"
#include "fedlearn/vehicle/client.h"
#include "ledger/exec/hash.h"
#include "ledger/policy/body.h"
#include "rsu/cell/beaconing.h"
#include "rsu/learning/learning.h"
#include "tests/support/folder.h"
#include "tests/support/nodes.h"
#include "tests/support/orders.h"
#include "v2x/psid.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { N = 4, CARS = 24, INPUTS = 9, PARAMS = 3 * (INPUTS + 1), STEP_US = 100000 };
#define SECOND UINT64_C(1000000)

struct world {
    struct nodes *w;
    struct folder folder[N];
    struct materials *store[N];
    struct learning *l[N];
    struct beaconing *beacon[N]; /* seeds and groups are drawn from its randomness */
    bool mute[N];
    struct ws_random random;
    struct fl_model model;
    uint8_t ids[CARS][32];
};

static void start(struct world *x, size_t i) {
    char path[300];
    struct ws_err err = {0};
    const struct materials_limits limits = materials_limits_default();
    (void)snprintf(path, sizeof(path), "%s/materials", x->folder[i].top);
    if (materials_open(path, &limits, &x->store[i], &err) != WS_OK)
        fail_msg("%s", err.text);
    (void)snprintf(path, sizeof(path), "%s/learning", x->folder[i].top);
    struct learning_config cfg = {.signer = x->w->m[i].signer,
        .folder = path,
        .materials = x->store[i],
        .random = &x->random};
    memcpy(cfg.cell, x->w->cell_id, 32);
    if (learning_open(&cfg, &x->l[i], &err) != WS_OK)
        fail_msg("%s", err.text);
}

static void stop(struct world *x, size_t i) {
    learning_close(x->l[i]);
    materials_close(x->store[i]);
    x->l[i] = NULL;
}

static void make_model(struct world *x) {
    struct buf text = {0};
    struct fl_schema *schema = ws_alloc(sizeof(*schema));
    struct fl_norm norm[INPUTS];
    buf_printf(&text, "label risk 1 2 3\n");
    for (unsigned i = 0; i < INPUTS; i++) {
        buf_printf(&text, "feature f%u\n", i);
        norm[i] = (struct fl_norm){.factor = INT64_C(1) << 32};
    }
    assert_int_equal(fl_schema_read(buf_span(&text), schema, NULL), WS_OK);
    assert_int_equal(fl_model_new(schema, 0, norm, NULL, &x->model, NULL), WS_OK);
    assert_int_equal(fl_shape_params(&x->model.shape), PARAMS);
    buf_free(&text);
    free(schema);
}

/* The region's policy with steps that are over sooner. */
static struct buf policy;

static void quicker(struct genesis *g, void *ctx) {
    static const struct {
        const char *from, *to;
    } times[] = {{"submit_s = in_seconds(minutes(15))", "submit_s = 40"},
        {"attest_s = in_seconds(minutes(5))", "attest_s = 20"},
        {"open_s = in_seconds(minutes(5))", "open_s = 60"},
        {"judge_s = in_seconds(minutes(10))", "judge_s = 60"},
        /* Who is in which group is drawn: which of three is furthest off must not decide the test. */
        {"location = 2, -- distance filter", "location = 0, -- mean"}};
    struct span script = founding_policy_script();
    char *text = ws_alloc(script.n + 1);
    memcpy(text, script.p, script.n);
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        char *at = strstr(text, times[i].from);
        assert_non_null(at);
        const size_t n = strlen(times[i].from);
        memset(at, ' ', n);
        memcpy(at, times[i].to, strlen(times[i].to));
        assert_true(strlen(times[i].to) <= n);
    }
    buf_clear(&policy);
    assert_int_equal(policy_make_body("quick", span_of(text, script.n), cell_policy_schema(),
                         cell_policy_limits(), &policy, NULL),
        WS_OK);
    g->policy = buf_span(&policy);
    (void)ctx;
    free(text);
}

static void open_world(struct world *x, uint64_t seed) {
    *x = (struct world){.w = ws_alloc(sizeof(*x->w)), .random = ws_random_seeded(seed)};
    const struct nodes_plan plan = {.n = N, .seed = seed, .edit = quicker};
    nodes_begin(x->w, &plan);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(folder_make(&x->folder[i]), 0);
        start(x, i);
        uint8_t secret[BEACON_SECRET_OCTETS];
        memset(secret, (int)(i + 1), sizeof(secret));
        x->beacon[i] = beaconing_new(x->w->cell_id, x->w->m[i].signer, secret);
    }
    make_model(x);
}

static void close_world(struct world *x) {
    for (size_t i = 0; i < N; i++) {
        if (x->l[i] != NULL)
            stop(x, i);
        beaconing_free(x->beacon[i]);
        assert_int_equal(folder_remove(&x->folder[i]), 0);
    }
    fl_model_free(&x->model);
    nodes_close(x->w);
    free(x->w);
    buf_free(&policy);
}

static struct fl_round_view view_of(const struct world *x, size_t i) {
    struct fl_round_view v;
    fl_contract_round(x->w->m[i].cell.learn, &v);
    return v;
}

/* Virtual time stands while a unit's thread works. */
static void let_work(struct world *x, size_t i) {
    struct pollfd p = {learning_fd(x->l[i]), POLLIN, 0};
    const struct learning_counters c = learning_read(x->l[i]);
    const uint64_t round = view_of(x, i).number;
    if (view_of(x, i).phase != FL_JUDGING || c.found + c.not_found >= round)
        return;
    assert_int_equal(poll(&p, 1, 60000), 1);
    learning_run(x->l[i], x->w->m[i].node, x->w->m[i].cell.learn, nodes_now(x->w, i));
}

static void run(struct world *x, uint64_t us) {
    for (uint64_t t = 0; t < us; t += STEP_US) {
        nodes_run(x->w, STEP_US);
        for (size_t i = 0; i < N; i++) {
            if (x->w->m[i].node != NULL)
                beaconing_run(
                    x->beacon[i], x->w->m[i].node, x->w->m[i].cell.beacon, nodes_now(x->w, i));
            if (x->l[i] == NULL || x->mute[i] || x->w->m[i].node == NULL)
                continue;
            learning_run(x->l[i], x->w->m[i].node, x->w->m[i].cell.learn, nodes_now(x->w, i));
            let_work(x, i);
        }
        assert_string_equal(x->w->broken, "");
    }
}

/* At member 0, or fails. */
static void until(struct world *x, enum fl_phase phase, uint64_t us) {
    for (uint64_t t = 0; t < us; t += SECOND) {
        if (view_of(x, 0).phase == phase)
            return;
        run(x, SECOND);
    }
    fail_msg("%s after %llu s, not %s (%s)", fl_phase_name(view_of(x, 0).phase),
        (unsigned long long)(us / SECOND), fl_phase_name(phase), fl_abort_name(view_of(x, 0).why));
}

static void order_model(struct world *x) {
    struct buf octets = {0}, body = {0};
    struct fl_model_order m = {.name = "test-3", .params = PARAMS};
    fl_model_encode(&x->model, &octets);
    fl_model_hash(&x->model, m.hash);
    fl_model_order_encode(&m, &body);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(materials_put_blob(x->store[i], m.hash, buf_span(&octets), NULL), WS_OK);
    assert_int_equal(
        orders_submit(x->w, 0, ROLE_POLICY, FL_ORDER_MODEL, buf_span(&body), 1), TX_GOOD);
    buf_free(&octets);
    buf_free(&body);
}

/* Car i takes part; what it sends is with the units of `to`. */
static void drive(struct world *x, struct fl_client *c, size_t car, uint32_t to) {
    const struct fl_round_view view = view_of(x, 0);
    const uint8_t *token = x->w->town.car_hash[car];
    const struct fl_client_round round = {x->w->cell_id, view.open, view.seed, token};
    float update[PARAMS];
    int32_t symbols[PARAMS];
    struct fl_client_made made;
    uint8_t *octets = ws_alloc(fl_client_octets(view.open));
    for (size_t k = 0; k < PARAMS; k++)
        update[k] = (float)((int)((car + 3 * k) % 11) - 5) / 100;
    assert_int_equal(
        fl_client_make(c, &round, update, symbols, &x->random, octets, &made, NULL), WS_OK);
    memcpy(x->ids[car], made.id, 32);
    const struct fl_material m = {.cover = span_of(octets, made.cover_octets),
        .bundles = span_of(octets + made.cover_octets, made.bundle_octets),
        .wire = span_of(octets + made.cover_octets + made.bundle_octets, made.wire_octets)};
    for (size_t i = 0; i < N; i++)
        if ((to >> i & 1) != 0)
            assert_int_equal(materials_put(x->store[i], view.number, made.id, &m, NULL), WS_OK);

    struct fl_submit s = {.round = view.number,
        .profile = view.open->config.profile->octet,
        .params = view.open->params,
        .upload_key = {9}};
    struct buf payload = {0}, spdu = {0}, tx = {0};
    memcpy(s.id, made.id, 32);
    fl_submit_encode(&s, &payload);
    const struct spdu_request rq = {.psid = PSID_LEARNING_RECORD,
        .generation_time = x->w->now.its_us,
        .payload = buf_span(&payload),
        .with_certificate = true};
    spdu_put_signed(&spdu, &rq, x->w->town.car_key[car], buf_span(&x->w->town.car_cert[car]));
    if (!node_has_cert(x->w->m[0].node, token)) {
        tx_put_certificate(&tx, buf_span(&x->w->town.car_cert[car]));
        assert_int_equal(nodes_submit(x->w, 0, buf_span(&tx)), TX_GOOD);
        buf_clear(&tx);
    }
    tx_put_message(&tx, token, buf_span(&spdu));
    assert_int_equal(nodes_submit(x->w, 0, buf_span(&tx)), TX_GOOD);
    buf_free(&payload);
    buf_free(&spdu);
    buf_free(&tx);
    free(octets);
}

static void drive_all(struct world *x, uint32_t to) {
    struct fl_client *c = aligned_alloc(64, (sizeof(*c) + 63) / 64 * 64);
    assert_non_null(c);
    assert_int_equal(fl_client_open(c, NULL), WS_OK);
    for (size_t car = 0; car < CARS; car++) {
        drive(x, c, car, to);
        run(x, SECOND / 2);
    }
    fl_client_close(c);
    free(c);
}

static void expect_closed(struct world *x, uint64_t version) {
    for (size_t i = 0; i < N; i++) {
        struct fl_model_view m;
        fl_contract_model(x->w->m[i].cell.learn, &m);
        assert_int_equal(view_of(x, i).why, FL_ABORT_NONE);
        assert_int_equal(m.version, version);
        if (!x->mute[i] && x->l[i] != NULL)
            assert_true(materials_has_blob(x->store[i], m.hash));
    }
}

static void test_a_round_closes(void **state) {
    (void)state;
    struct world x;
    open_world(&x, 1);
    order_model(&x);
    until(&x, FL_SUBMITTING, 120 * SECOND);
    drive_all(&x, 0xf);
    assert_int_equal(view_of(&x, 0).submissions, CARS);
    until(&x, FL_ATTESTING, 1000 * SECOND);
    until(&x, FL_OPENING, 400 * SECOND);
    assert_int_equal(view_of(&x, 0).included, CARS);
    until(&x, FL_IDLE, 1000 * SECOND);
    expect_closed(&x, 2);
    /* Shares are gone, ciphertexts are not; the record says who was where. */
    run(&x, 5 * SECOND);
    for (size_t i = 0; i < N; i++) {
        for (uint64_t t = 0; t < 100 && materials_read(x.store[i]).erased < CARS; t++)
            (void)usleep(100000);
        assert_int_equal(materials_read(x.store[i]).erased, CARS);
        for (size_t car = 0; car < CARS; car++) {
            struct materials_hold h;
            assert_true(materials_get(x.store[i], x.ids[car], &h));
            assert_int_equal(h.material.bundles.n, 0);
            assert_true(h.material.wire.n > 0);
            materials_release(&h);
        }
        struct materials_hold h;
        struct fl_round_record r;
        assert_true(materials_get_record(x.store[i], 1, &h));
        assert_int_equal(fl_round_record_decode(h.blob, &r, NULL), WS_OK);
        assert_int_equal(r.n, CARS);
        assert_int_equal(r.n_groups, 3);
        fl_round_record_free(&r);
        materials_release(&h);
        const struct learning_counters c = learning_read(x.l[i]);
        assert_int_equal(c.member.good, CARS);
        assert_int_equal(c.found, 1);
        assert_int_equal(c.refused, 0);
        assert_int_equal(c.sent[FL_RECORD_OUTCOME], 1);
    }
    close_world(&x);
}

/* One of four has a unit that says nothing, and what a quarter of the cars sent never reached another one. */
static void test_one_is_silent(void **state) {
    (void)state;
    struct world x;
    open_world(&x, 2);
    order_model(&x);
    until(&x, FL_SUBMITTING, 120 * SECOND);
    x.mute[3] = true;
    drive_all(&x, 0x7);
    until(&x, FL_IDLE, 4000 * SECOND);
    expect_closed(&x, 2);
    close_world(&x);
}

/* Each unit is stopped and started again in the middle of a step, one after the other. */
static void test_units_start_again(void **state) {
    (void)state;
    struct world x;
    open_world(&x, 3);
    order_model(&x);
    until(&x, FL_SUBMITTING, 120 * SECOND);
    drive_all(&x, 0xf);
    static const enum fl_phase phases[N] = {FL_SUBMITTING, FL_ATTESTING, FL_OPENING, FL_IDLE};
    for (size_t i = 0; i < N; i++) {
        until(&x, phases[i], 1000 * SECOND);
        stop(&x, i);
        start(&x, i);
    }
    until(&x, FL_IDLE, 4000 * SECOND);
    expect_closed(&x, 2);
    close_world(&x);
}

/* Without the model a unit finds nothing, says so, and says nothing else; the three others close the round. */
static void test_a_model_is_missing(void **state) {
    (void)state;
    struct world x;
    uint8_t lacks[LEARNING_LACKS_MAX][32];
    open_world(&x, 4);
    order_model(&x);
    until(&x, FL_SUBMITTING, 120 * SECOND);
    stop(&x, 2);
    assert_int_equal(folder_remove(&x.folder[2]), 0);
    assert_int_equal(folder_make(&x.folder[2]), 0);
    start(&x, 2);
    assert_int_equal(learning_lacks(x.l[2], x.w->m[2].cell.learn, lacks), 1);
    drive_all(&x, 0xf);
    until(&x, FL_IDLE, 4000 * SECOND);
    struct fl_model_view m;
    fl_contract_model(x.w->m[2].cell.learn, &m);
    assert_int_equal(m.version, 2);
    assert_false(materials_has_blob(x.store[2], m.hash));
    close_world(&x);
}

/* Too few cars: the round ends by name, and what was sent is erased. */
static void test_too_few(void **state) {
    (void)state;
    struct world x;
    struct fl_client *c = aligned_alloc(64, (sizeof(*c) + 63) / 64 * 64);
    assert_non_null(c);
    assert_int_equal(fl_client_open(c, NULL), WS_OK);
    open_world(&x, 5);
    order_model(&x);
    until(&x, FL_SUBMITTING, 120 * SECOND);
    for (size_t car = 0; car < 5; car++)
        drive(&x, c, car, 0xf);
    until(&x, FL_IDLE, 2000 * SECOND);
    assert_int_equal(view_of(&x, 0).why, FL_ABORT_TOO_FEW);
    run(&x, 2 * SECOND);
    for (unsigned t = 0; t < 100 && materials_read(x.store[0]).erased < 5; t++)
        (void)usleep(100000);
    assert_int_equal(materials_read(x.store[0]).erased, 5);
    fl_client_close(c);
    free(c);
    close_world(&x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_round_closes),
        cmocka_unit_test(test_one_is_silent),
        cmocka_unit_test(test_units_start_again),
        cmocka_unit_test(test_a_model_is_missing),
        cmocka_unit_test(test_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

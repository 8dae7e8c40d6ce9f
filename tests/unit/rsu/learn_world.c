#include "tests/unit/rsu/learn_world.h"

#include "base/mem.h"
#include "fedlearn/round/roots.h"
#include "fedlearn/vehicle/client.h"
#include "ledger/exec/hash.h"
#include "ledger/node/query.h"
#include "ledger/policy/body.h"
#include "tests/support/orders.h"
#include "v2x/psid.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { INPUTS = 9, CLASSES = 3, CARS = WORLD_CARS, STEP_US = 100000 };
_Static_assert(WORLD_PARAMS == CLASSES * (INPUTS + 1), "weights and biases");
#define SECOND WORLD_SECOND

void world_start(struct world *x, size_t i) {
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
    x->found[i] = 0;
}

void world_stop(struct world *x, size_t i) {
    learning_close(x->l[i]);
    materials_close(x->store[i]);
    x->l[i] = NULL;
}

static void make_model(struct world *x) {
    struct buf text = {0};
    struct fl_schema *schema = ws_alloc(sizeof(*schema));
    struct fl_norm *norm = ws_calloc(x->plan.inputs, sizeof(*norm));
    buf_printf(&text, "label risk");
    for (unsigned i = 0; i < x->plan.classes; i++)
        buf_printf(&text, " %u", i + 1);
    buf_printf(&text, "\n");
    /* Inputs beyond what a schema has features are statistics of windows. */
    const unsigned features = x->plan.inputs > FL_SCHEMA_FEATURES
                                  ? x->plan.inputs / FL_WINDOW_STATISTICS
                                  : x->plan.inputs;
    if (features != x->plan.inputs)
        buf_printf(&text, "window 10\n");
    for (unsigned i = 0; i < x->plan.inputs; i++)
        norm[i] = (struct fl_norm){.factor = INT64_C(1) << 32};
    for (unsigned i = 0; i < features; i++) {
        buf_printf(&text, "feature f%u\n", i);
    }
    assert_int_equal(fl_schema_read(buf_span(&text), schema, NULL), WS_OK);
    assert_int_equal(fl_model_new(schema, 0, norm, NULL, &x->model, NULL), WS_OK);
    assert_int_equal(fl_shape_params(&x->model.shape), x->plan.classes * (x->plan.inputs + 1));
    buf_free(&text);
    free(norm);
    free(schema);
}

/* The region's policy with steps that are over sooner. */
static void edit(char *text, const struct world_edit *e) {
    char *at = strstr(text, e->from);
    const size_t n = strlen(e->from);
    assert_non_null(at);
    assert_true(strlen(e->to) <= n);
    memset(at, ' ', n);
    memcpy(at, e->to, strlen(e->to));
}

static void quicker(struct genesis *g, void *ctx) {
    static const struct world_edit times[] = {
        {"submit_s = in_seconds(minutes(15))", "submit_s = 40"},
        {"attest_s = in_seconds(minutes(5))", "attest_s = 20"},
        {"open_s = in_seconds(minutes(5))", "open_s = 60"},
        {"judge_s = in_seconds(minutes(10))", "judge_s = 60"},
        /* Who is in which group is drawn: which of three is furthest off must not decide the test. */
        {"location = 2, -- distance filter", "location = 0, -- mean"}};
    struct world *x = ctx;
    struct span script = founding_policy_script();
    char *text = ws_alloc(script.n + 1);
    memcpy(text, script.p, script.n);
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        edit(text, &times[i]);
    for (size_t i = 0; i < WORLD_EDITS && x->plan.edit[i].from != NULL; i++)
        edit(text, &x->plan.edit[i]);
    buf_clear(&x->policy);
    assert_int_equal(policy_make_body("quick", span_of(text, script.n), cell_policy_schema(),
                         cell_policy_limits(), &x->policy, NULL),
        WS_OK);
    g->policy = buf_span(&x->policy);
    free(text);
}

void world_ticket_new(const struct world *x, size_t car, const uint64_t *psids, size_t n,
    uint16_t hours, struct world_ticket *ret) {
    const struct town *t = &x->w->town;
    const size_t by = car % TOWN_ISSUERS;
    struct sign_permission app[4] = {0};
    struct ws_random random = ws_random_seeded(x->plan.seed << 16 ^ car ^ (uint64_t)hours << 8);
    assert_true(n <= ARRAY_LEN(app));
    for (size_t i = 0; i < n; i++)
        app[i].psid = psids[i];
    const struct cert_request rq = {.valid_from_s = (uint32_t)(t->epoch / 1000000 - 3600),
        .valid_hours = hours,
        .app = app,
        .n_app = n};
    *ret = (struct world_ticket){.key = sign_key_new(CURVE_P256, &random)};
    cert_put(&ret->cert, &rq, ret->key, t->issuer_key[by], buf_span(&t->trust.cert[1 + by]));
    struct cert c;
    size_t end = 0;
    assert_int_equal(cert_parse(buf_span(&ret->cert), &c, &end), COER_OK);
    cert_hash256(&c, ret->hash);
}

void world_ticket_free(struct world_ticket *t) {
    sign_key_free(t->key);
    buf_free(&t->cert);
}

static void make_tickets(struct world *x) {
    static const uint64_t psid = PSID_LEARNING_RECORD;
    for (size_t car = 0; car < CARS; car++)
        world_ticket_new(x, car, &psid, 1, 12, &x->ticket[car]);
}

void world_open_as(struct world *x, const struct world_plan *plan) {
    *x = (struct world){
        .w = ws_alloc(sizeof(*x->w)), .plan = *plan, .random = ws_random_seeded(plan->seed)};
    if (x->plan.n == 0)
        x->plan.n = WORLD_N;
    if (x->plan.inputs == 0)
        x->plan.inputs = INPUTS;
    if (x->plan.classes == 0)
        x->plan.classes = CLASSES;
    x->n = x->plan.n + x->plan.spares;
    assert_true(x->n <= WORLD_MAX);
    const struct nodes_plan nodes = {.n = x->plan.n,
        .spares = x->plan.spares,
        .seed = plan->seed,
        .edit = quicker,
        .edit_ctx = x};
    nodes_begin(x->w, &nodes);
    for (size_t i = 0; i < x->n; i++) {
        assert_int_equal(folder_make(&x->folder[i]), 0);
        world_start(x, i);
        uint8_t secret[BEACON_SECRET_OCTETS];
        memset(secret, (int)(i + 1), sizeof(secret));
        x->beacon[i] = beaconing_new(x->w->cell_id, x->w->m[i].signer, secret);
    }
    make_model(x);
    make_tickets(x);
}

void world_open(struct world *x, uint64_t seed) {
    const struct world_plan plan = {.seed = seed};
    world_open_as(x, &plan);
}

void world_close(struct world *x) {
    for (size_t i = 0; i < x->n; i++) {
        if (x->l[i] != NULL)
            world_stop(x, i);
        beaconing_free(x->beacon[i]);
        assert_int_equal(folder_remove(&x->folder[i]), 0);
    }
    for (size_t car = 0; car < CARS; car++)
        world_ticket_free(&x->ticket[car]);
    fl_model_free(&x->model);
    nodes_close(x->w);
    free(x->w);
    buf_free(&x->policy);
}

struct fl_round_view world_round(const struct world *x, size_t i) {
    struct fl_round_view v;
    fl_contract_round(x->w->m[i].cell.learn, &v);
    return v;
}

/* Virtual time stands while a unit's thread works. */
static void let_work(struct world *x, size_t i) {
    struct pollfd p = {learning_fd(x->l[i]), POLLIN, 0};
    while (learning_read(x->l[i]).looking > 0) {
        assert_int_equal(poll(&p, 1, 60000), 1);
        learning_run(x->l[i], x->w->m[i].node, x->w->m[i].cell.learn, nodes_now(x->w, i));
    }
    const struct fl_round_view view = world_round(x, i);
    if (view.phase != FL_JUDGING || x->found[i] == view.number)
        return;
    x->found[i] = view.number;
    const struct learning_counters was = learning_read(x->l[i]);
    struct learning_counters is = was;
    while (is.found + is.not_found == was.found + was.not_found) {
        assert_int_equal(poll(&p, 1, 60000), 1);
        learning_run(x->l[i], x->w->m[i].node, x->w->m[i].cell.learn, nodes_now(x->w, i));
        is = learning_read(x->l[i]);
    }
}

void world_tick(struct world *x) {
    nodes_run(x->w, STEP_US);
    for (size_t i = 0; i < x->n; i++)
        if (x->w->m[i].node != NULL)
            beaconing_run(
                x->beacon[i], x->w->m[i].node, x->w->m[i].cell.beacon, nodes_now(x->w, i));
    assert_string_equal(x->w->broken, "");
}

void world_learn(struct world *x, size_t i) {
    if (x->l[i] == NULL || x->mute[i] || x->w->m[i].node == NULL)
        return;
    learning_run(x->l[i], x->w->m[i].node, x->w->m[i].cell.learn, nodes_now(x->w, i));
    let_work(x, i);
}

void world_run(struct world *x, uint64_t us) {
    for (uint64_t t = 0; t < us; t += STEP_US) {
        world_tick(x);
        for (size_t i = 0; i < x->n; i++)
            world_learn(x, i);
    }
}

/* At member 0, or fails. */
void world_until(struct world *x, enum fl_phase phase, uint64_t us) {
    for (uint64_t t = 0; t < us; t += SECOND) {
        if (world_round(x, 0).phase == phase)
            return;
        world_run(x, SECOND);
    }
    fail_msg("%s after %llu s, not %s (%s)", fl_phase_name(world_round(x, 0).phase),
        (unsigned long long)(us / SECOND), fl_phase_name(phase),
        fl_abort_name(world_round(x, 0).why));
}

static void put_everywhere(struct world *x, struct span octets, uint8_t ret_hash[static 32]) {
    exec_sha256_one(octets, ret_hash);
    for (size_t i = 0; i < x->n; i++)
        if (!materials_has_blob(x->store[i], ret_hash))
            assert_int_equal(materials_put_blob(x->store[i], ret_hash, octets, NULL), WS_OK);
}

static void put_roots(struct world *x, struct fl_model_order *m) {
    enum { ROWS = 90 };
    int32_t values[ROWS * INPUTS];
    uint8_t classes[ROWS];
    struct buf octets = {0};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        values[i] = (int32_t)(i * 7919 % 65536) - 32768;
    for (size_t i = 0; i < ROWS; i++)
        classes[i] = (uint8_t)(i % 3);
    const struct fl_rows rows = {values, classes, ROWS};
    fl_roots_encode(&x->model.shape, &rows, &octets);
    m->classes = 3;
    put_everywhere(x, buf_span(&octets), m->root_set);
    buf_free(&octets);
}

void world_order_model(struct world *x) {
    struct buf octets = {0}, body = {0};
    struct fl_model_order m = {
        .name = "test-3", .params = (uint32_t)fl_shape_params(&x->model.shape)};
    fl_model_encode(&x->model, &octets);
    put_everywhere(x, buf_span(&octets), m.hash);
    if (x->with_roots)
        put_roots(x, &m);
    fl_model_order_encode(&m, &body);
    assert_int_equal(
        orders_submit(x->w, 0, ROLE_POLICY, FL_ORDER_MODEL, buf_span(&body), ++x->orders), TX_GOOD);
    buf_free(&octets);
    buf_free(&body);
}

/* ---- cars ---- */

struct fl_client *world_client(void) {
    struct fl_client *c = aligned_alloc(64, (sizeof(*c) + 63) / 64 * 64);
    assert_non_null(c);
    assert_int_equal(fl_client_open(c, NULL), WS_OK);
    return c;
}

void world_client_free(struct fl_client *c) {
    fl_client_close(c);
    free(c);
}

void world_update(const struct world *x, size_t car, float *ret_update) {
    const size_t d = fl_shape_params(&x->model.shape);
    for (size_t k = 0; k < d; k++)
        ret_update[k] = (float)((int)((car + 3 * k) % 11) - 5) / 100;
}

struct fl_submit world_submit_of(const struct world *x, const uint8_t id[static 32]) {
    const struct fl_round_view view = world_round(x, 0);
    struct fl_submit s = {.round = view.number,
        .profile = view.open->config.profile->octet,
        .params = view.open->params,
        .upload_key = {9}};
    memcpy(s.id, id, 32);
    return s;
}

enum tx_verdict world_say_as(
    struct world *x, const struct world_ticket *as, const struct fl_submit *s, size_t at) {
    struct buf payload = {0}, spdu = {0}, tx = {0};
    fl_submit_encode(s, &payload);
    const struct spdu_request rq = {.psid = PSID_LEARNING_RECORD,
        .generation_time = x->w->now.its_us,
        .payload = buf_span(&payload),
        .with_certificate = true};
    spdu_put_signed(&spdu, &rq, as->key, buf_span(&as->cert));
    if (!node_has_cert(x->w->m[at].node, as->hash)) {
        tx_put_certificate(&tx, buf_span(&as->cert));
        assert_int_equal(nodes_submit(x->w, at, buf_span(&tx)), TX_GOOD);
        buf_clear(&tx);
    }
    tx_put_message(&tx, as->hash, buf_span(&spdu));
    const enum tx_verdict v = nodes_submit(x->w, at, buf_span(&tx));
    buf_free(&payload);
    buf_free(&spdu);
    buf_free(&tx);
    return v;
}

enum tx_verdict world_say(struct world *x, size_t car, const struct fl_submit *s, size_t at) {
    return world_say_as(x, &x->ticket[car], s, at);
}

void world_store(
    struct world *x, const uint8_t id[static 32], const struct fl_material *m, uint32_t to) {
    for (size_t i = 0; i < x->n; i++)
        if ((to >> i & 1) != 0)
            assert_int_equal(
                materials_put(x->store[i], world_round(x, 0).number, id, m, NULL), WS_OK);
}

struct fl_material world_material(const uint8_t *octets, const struct fl_client_made *made) {
    const uint8_t *bundles = octets + made->cover_octets;
    return (struct fl_material){.cover = span_of(octets, made->cover_octets),
        .bundles = span_of(bundles, made->bundle_octets),
        .wire = span_of(bundles + made->bundle_octets, made->wire_octets)};
}

void world_drive(struct world *x, struct fl_client *c, size_t car, uint32_t to) {
    const struct fl_round_view view = world_round(x, 0);
    const struct fl_client_round round = {x->w->cell_id, view.open, view.seed, x->ticket[car].hash};
    float *update = ws_calloc(view.open->params, sizeof(*update));
    int32_t *symbols = ws_calloc(view.open->params, sizeof(*symbols));
    struct fl_client_made made;
    uint8_t *octets = ws_alloc(fl_client_octets(view.open));
    world_update(x, car, update);
    assert_int_equal(
        fl_client_make(c, &round, update, symbols, &x->random, octets, &made, NULL), WS_OK);
    memcpy(x->ids[car], made.id, 32);
    const struct fl_material m = world_material(octets, &made);
    const struct fl_submit s = world_submit_of(x, made.id);
    world_store(x, made.id, &m, to);
    assert_int_equal(world_say(x, car, &s, 0), TX_GOOD);
    free(update);
    free(symbols);
    free(octets);
}

void world_drive_from(struct world *x, size_t first, uint32_t to) {
    struct fl_client *c = world_client();
    for (size_t car = first; car < CARS; car++) {
        world_drive(x, c, car, to);
        world_run(x, SECOND / 2);
    }
    world_client_free(c);
}

void world_drive_all(struct world *x, uint32_t to) {
    world_drive_from(x, 0, to);
}

/* ---- what became of it ---- */

struct seen {
    world_event_fn fn;
    void *ctx;
    size_t n;
};

static bool see(void *ctx, const struct event *e) {
    struct seen *s = ctx;
    s->n++;
    if (s->fn != NULL)
        s->fn(s->ctx, e->body);
    return true;
}

size_t world_events(
    const struct world *x, size_t i, enum fl_event type, world_event_fn fn, void *ctx) {
    struct seen s = {fn, ctx, 0};
    assert_int_equal(
        query_events(x->w->m[i].store, CELL_CONTRACT_LEARN, (uint16_t)type, 0, see, &s, NULL),
        WS_OK);
    return s.n;
}

struct wanted {
    uint64_t round;
    struct fl_outcome *outcome;
    bool found;
};

/* version, model version, parent's hash, then the outcome's octets */
static void take_outcome(void *ctx, struct span body) {
    enum { BEHIND = 1 + 8 + 32 };
    struct wanted *w = ctx;
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    assert_true(body.n > BEHIND);
    assert_true(fl_outcome_decode(span_of(body.p + BEHIND, body.n - BEHIND), o));
    if (o->round == w->round) {
        *w->outcome = *o;
        w->found = true;
    }
    free(o);
}

void world_closed(const struct world *x, size_t i, uint64_t round,
    struct fl_round_record *ret_record, struct fl_outcome *ret_outcome) {
    struct materials_hold h;
    struct wanted w = {round, ret_outcome, false};
    assert_true(materials_get_record(x->store[i], round, &h));
    assert_int_equal(fl_round_record_decode(h.blob, ret_record, NULL), WS_OK);
    materials_release(&h);
    (void)world_events(x, i, FL_EVENT_CLOSED, take_outcome, &w);
    assert_true(w.found);
}

void world_expect_erased(struct world *x, uint64_t n) {
    world_run(x, 2 * SECOND);
    for (size_t i = 0; i < x->n; i++) {
        if (x->l[i] == NULL)
            continue;
        for (unsigned t = 0; t < 100 && materials_read(x->store[i]).erased < n; t++)
            (void)usleep(50000);
        assert_int_equal(materials_read(x->store[i]).erased, n);
    }
}

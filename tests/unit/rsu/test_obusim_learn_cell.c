/* obusim --learn before a real face of a real cell: what vehicles believe of it, and what they do not. */
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "rsu/obus/learn_cell.h"
#include "tests/unit/rsu/http_rig.h"
#include "tests/unit/rsu/learn_world.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND WORLD_SECOND

struct scene {
    struct world x;
    struct rig rig;
    struct learn_genesis genesis, other; /* other: of another cell */
    struct learn_unit_option option;
    struct learn_unit unit;
    struct learn_heard heard;
};

static void open_scene(struct scene *s) {
    world_open(&s->x, 11);
    struct nodes_member *m = &s->x.w->m[0];
    struct rsud parts = {.genesis = executor_genesis_of(node_executor(m->node)),
        .genesis_octets = s->x.w->genesis,
        .store = m->store,
        .node = m->node,
        .cell = m->cell,
        .learning = s->x.l[0],
        .materials = s->x.store[0]};
    memcpy(parts.cell_id, s->x.w->cell_id, 32);
    rig_open_on(&s->rig, &parts, &(struct rig_options){0});
    buf_put(&s->genesis.octets, s->x.w->genesis.p, s->x.w->genesis.n);
    genesis_cell_id(exec_sha256, buf_span(&s->genesis.octets), s->genesis.cell);
    s->option = (struct learn_unit_option){.http = s->rig.listen, .interface = "nowhere0"};
    assert_int_equal(learn_unit_open(&s->unit, &s->option, NULL), WS_OK);
}

static void close_scene(struct scene *s) {
    learn_unit_close(&s->unit);
    buf_free(&s->genesis.octets);
    buf_free(&s->other.octets);
    rig_close(&s->rig);
    world_close(&s->x);
}

/* ---- in the owner's thread ---- */

static void do_until_submitting(void *ctx) {
    struct scene *s = ctx;
    world_order_model(&s->x);
    world_until(&s->x, FL_SUBMITTING, 120 * SECOND);
    world_run(&s->x, 5 * SECOND);
}

static void do_round(void *ctx) {
    struct scene *s = ctx;
    world_drive_all(&s->x, 0xf);
    world_until(&s->x, FL_IDLE, 4000 * SECOND);
    world_run(&s->x, 5 * SECOND);
}

static void hear(struct scene *s) {
    struct ws_err err = {0};
    if (learn_ask(&s->unit, &s->heard, &err) != WS_OK)
        fail_msg("%s", err.text);
}

/* ---- tests ---- */

static void refused_round(struct scene *s, const struct learn_genesis *g,
    const struct learn_heard *heard, const char *words) {
    struct learn_round *round = ws_alloc(sizeof(*round));
    struct ws_err err = {0};
    assert_true(learn_believe_round(&s->unit, g, heard, round, &err) != WS_OK);
    if (strstr(err.text, words) == NULL)
        fail_msg("not '%s': %s", words, err.text);
    free(round);
}

static void a_round_is_believed(struct scene *s) {
    struct learn_round *round = ws_alloc(sizeof(*round));
    struct ws_err err = {0};
    hear(s);
    assert_int_equal(s->heard.round, 1);
    assert_true(s->heard.submitting);
    assert_int_equal(s->heard.model_version, 1);
    assert_false(s->unit.has_upload); /* this one takes none */
    int fd = -1;
    assert_int_equal(learn_unit_socket(&s->unit, &fd, &err), WS_ENOTFOUND);
    if (learn_believe_round(&s->unit, &s->genesis, &s->heard, round, &err) != WS_OK)
        fail_msg("%s", err.text);
    const struct fl_round_view v = world_round(&s->x, 0);
    assert_memory_equal(round->seed, v.seed, 32);
    assert_int_equal(round->open.round, v.open->round);
    assert_int_equal(round->open.params, WORLD_PARAMS);
    assert_memory_equal(round->open.model_hash, s->heard.model_hash, 32);
    assert_memory_equal(round->sealed.cell, s->x.w->cell_id, 32);
    assert_int_equal(round->sealed.n, WORLD_N);
    free(round);
}

/* A unit that points to something else than it says, or to another cell. */
static void what_is_not_so_is_not_believed(struct scene *s) {
    struct learn_heard lie = s->heard;
    lie.round = 2;
    refused_round(s, &s->genesis, &lie, "about round 1, not 2");
    lie = s->heard;
    lie.open = s->heard.seed;
    refused_round(s, &s->genesis, &lie, "seed for its beginning");
    lie = s->heard;
    lie.seed = s->heard.open;
    refused_round(s, &s->genesis, &lie, "open for its seed");
    lie = s->heard;
    lie.open.sequence += 7;
    refused_round(s, &s->genesis, &lie, "no event");
    buf_put(&s->other.octets, s->genesis.octets.p, s->genesis.octets.n);
    s->other.octets.p[s->other.octets.n - 1] ^= 1;
    refused_round(s, &s->other, &s->heard, "/v1/proofs/event/");
}

/* How vehicles stood when the round was opened, or later; what is older does not tell of the last verdict. */
static void the_table_is_not_older_than_the_round(struct scene *s) {
    struct buf table = {0};
    struct ws_err err = {0};
    if (learn_believe_table(&s->unit, &s->genesis, s->heard.open.height, &table, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(
        learn_believe_table(&s->unit, &s->genesis, s->heard.height + 100, &table, &err), WS_EBUSY);
    assert_non_null(strstr(err.text, "proves how vehicles stood after block"));
    assert_int_equal(table.n, 0);
    assert_true(learn_believe_table(&s->unit, &s->other, 0, &table, &err) != WS_OK);
    buf_free(&table);
}

static void models_by_hash(struct scene *s) {
    struct fl_model m = {0};
    struct ws_err err = {0};
    if (learn_ask_model(&s->unit, s->heard.model_hash, &m, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(fl_shape_params(&m.shape), WORLD_PARAMS);
    fl_model_free(&m);
    const uint8_t none[32] = {1};
    assert_int_equal(learn_ask_model(&s->unit, none, &m, &err), WS_ENOTFOUND);
}

static void an_end_is_believed(struct scene *s) {
    struct learn_end *end = ws_alloc(sizeof(*end));
    struct learn_place at = {0};
    struct ws_err err = {0};
    assert_int_equal(learn_ask_end(&s->unit, 1, &at, NULL), WS_OK);
    assert_int_equal(at.height, 0);
    rig_owner(&s->rig, do_round, s);
    hear(s);
    assert_int_equal(s->heard.round, 0);
    assert_int_equal(s->heard.rounds, 1);
    assert_int_equal(learn_ask_end(&s->unit, 1, &at, NULL), WS_OK);
    assert_true(at.height > 0 && at.height < s->heard.height);
    if (learn_believe_end(&s->unit, &s->genesis, 1, &at, end, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_true(end->closed);
    assert_int_equal(end->model_version, 2);
    assert_memory_equal(end->outcome.model_hash, s->heard.model_hash, 32);
    assert_int_equal(end->outcome.vehicles, WORLD_CARS);
    assert_true(learn_believe_end(&s->unit, &s->genesis, 2, &at, end, &err) != WS_OK);
    free(end);
    assert_int_equal(learn_ask_end(&s->unit, 9, &at, &err), WS_ENOTFOUND);
    /* Nobody is under suspicion, and that is proven, too. */
    const struct fl_suspicion_rules rules = FL_SUSPICION_DEFAULT;
    struct fl_suspicion suspicion;
    if (learn_believe_suspicion(&s->unit, &s->genesis, &rules, &suspicion, &err) != WS_OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < suspicion.n; i++)
        assert_int_equal(suspicion.all[i].standing, FL_FREE);
    fl_suspicion_free(&suspicion);
    assert_true(learn_believe_suspicion(&s->unit, &s->other, &rules, &suspicion, &err) != WS_OK);
}

static void vehicles_and_a_cell(void **state) {
    (void)state;
    struct scene *s = ws_alloc(sizeof(*s));
    open_scene(s);
    hear(s);
    assert_int_equal(s->heard.round, 0);
    assert_int_equal(s->heard.model_version, 0);
    assert_string_equal(s->heard.why, "no_model");
    rig_owner(&s->rig, do_until_submitting, s);
    a_round_is_believed(s);
    what_is_not_so_is_not_believed(s);
    the_table_is_not_older_than_the_round(s);
    models_by_hash(s);
    an_end_is_believed(s);
    assert_int_equal(learn_unit_frame(&s->unit, span_of("x", 1), NULL), WS_ENOTFOUND);
    close_scene(s);
    free(s);
}

static void a_genesis_is_checked(void **state) {
    (void)state;
    struct learn_genesis g = {0};
    struct ws_err err = {0};
    assert_int_equal(learn_genesis_read(&g, "configs/demo/town.osm", "ab", &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "--fingerprint ab"));
    assert_true(learn_genesis_read(&g, "configs/demo/town.osm", NULL, &err) != WS_OK);
    assert_non_null(strstr(err.text, "town.osm"));
    buf_free(&g.octets);
}

static void nobody_answers(void **state) {
    (void)state;
    struct learn_unit u;
    struct learn_heard heard;
    struct ws_err err = {0};
    const struct learn_unit_option option = {.http = "unix:/nowhere/http", .interface = "x"};
    assert_int_equal(learn_unit_open(&u, &option, &err), WS_OK);
    assert_int_equal(learn_ask(&u, &heard, &err), WS_EIO);
    learn_unit_close(&u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vehicles_and_a_cell),
        cmocka_unit_test(a_genesis_is_checked),
        cmocka_unit_test(nobody_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

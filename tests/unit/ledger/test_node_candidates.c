/* The table of blocks in progress when a height takes very many rounds. */
#include "ledger/node/node_internal.h"
#include "tests/support/cm.h"
#include "tests/support/cs_drive.h"

/* Only what candidates and decisions look at. */
static struct node *node_over(struct drive *d) {
    struct node *n = ws_alloc(sizeof(*n));
    n->cs = d->c;
    n->set = &d->set;
    n->params = &d->params;
    return n;
}

static void other_id(size_t i, hash32 ret_id) {
    memset(ret_id, 0xee, 32);
    put_be32(ret_id, (uint32_t)i);
}

static void lock_on_a(struct drive *d) {
    drive_open(d, 4, NULL, 3);
    (void)drive_begin(d);
    drive_valid_proposal(d, 0, 'A', -1);
    drive_sign(d);
    drive_votes(d, 0, 2, VOTE_PREVOTE, 0, 'A');
    drive_sign(d);
    assert_int_equal(cs_locked_round(d->c), 0);
}

static void the_locked_block_outlives_all_others(void **state) {
    (void)state;
    struct drive d;
    lock_on_a(&d);
    struct node *n = node_over(&d);
    hash32 a;
    hash32 id;
    drive_id('A', a);
    assert_true(cs_relies_on(d.c, a));
    candidate_add(n, a, NULL, 0)->wanted = true;
    for (size_t i = 0; i < 3 * CANDIDATES_MAX; i++) {
        other_id(i, id);
        assert_false(cs_relies_on(d.c, id));
        candidate_add(n, id, NULL, 1)->wanted = true;
        assert_non_null(candidate_find(n, a));
        if (i > 0) { /* the round before this one may still be decided: it is not the first to go */
            other_id(i - 1, id);
            assert_non_null(candidate_find(n, id));
        }
    }
    assert_int_equal(n->n_candidates, CANDIDATES_MAX);
    assert_int_equal(n->counters.drops[NODE_DROP_CANDIDATES], 2 * CANDIDATES_MAX + 1);
    candidates_clear(n);
    free(n);
    drive_close(&d);
}

static void a_decided_block_that_is_gone_is_waited_for(void **state) {
    (void)state;
    struct drive d;
    lock_on_a(&d);
    drive_votes(&d, 0, 2, VOTE_PRECOMMIT, 0, 'A');
    const struct cs_action *decided = drive_find(&d, CS_ACT_DECIDED);
    assert_non_null(decided);
    struct node *n = node_over(&d);
    n->height = DRIVE_HEIGHT - 1;
    struct cs_actions acts = {.n = 1};
    acts.a[0] = *decided;
    drive_actions(n, &acts, (struct ws_now){0});
    assert_false(n->failed);
    assert_int_equal(n->height, DRIVE_HEIGHT - 1);
    assert_int_equal(cs_step_now(n->cs), CS_DECIDED);
    free(n);
    drive_close(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_locked_block_outlives_all_others),
        cmocka_unit_test(a_decided_block_that_is_gone_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

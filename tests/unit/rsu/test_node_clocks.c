/* Whose clock is off: the unit itself says so, the others name it, and it passes. */
#include "tests/support/cm.h"
#include "tests/support/nodes.h"

enum { SECOND = 1000000, WRONG = 3 };

static struct node_status status_of(const struct nodes *w, size_t i) {
    struct node_status s;
    node_status(w->m[i].node, &s);
    return s;
}

static struct node_peer_status peer_of(const struct nodes *w, size_t i, size_t peer) {
    struct node_peer_status p;
    node_peer(w->m[i].node, peer, &p);
    return p;
}

static void one_is_wrong(struct nodes *w, int64_t off_us) {
    nodes_set_clock(w, WRONG, off_us);
    nodes_run(w, 10 * SECOND);
    int64_t said = status_of(w, WRONG).clock_off_us;
    assert_true(off_us < 0 ? said < off_us / 2 : said > off_us / 2);
    for (size_t i = 0; i < WRONG; i++) {
        assert_int_equal(status_of(w, i).clock_off_us, 0);
        for (size_t k = 0; k < WRONG; k++)
            assert_false(peer_of(w, i, k).clock_off);
        struct node_peer_status p = peer_of(w, i, WRONG);
        assert_true(p.clock_told && p.clock_off);
        assert_true(off_us < 0 ? p.clock_off_us < off_us / 2 : p.clock_off_us > off_us / 2);
        /* Who is wrong itself blames nobody. */
        assert_false(peer_of(w, WRONG, i).clock_off);
    }
    nodes_set_clock(w, WRONG, 0);
    nodes_run(w, 10 * SECOND);
    assert_int_equal(status_of(w, WRONG).clock_off_us, 0);
    for (size_t i = 0; i < WRONG; i++)
        assert_false(peer_of(w, i, WRONG).clock_off);
}

static void wrong_clocks_are_named(void **state) {
    (void)state;
    struct nodes *w = ws_alloc(sizeof(*w));
    nodes_open(w, 4, 11);
    nodes_run(w, 10 * SECOND);
    for (size_t i = 0; i < w->n; i++)
        assert_int_equal(status_of(w, i).clock_off_us, 0);
    one_is_wrong(w, -3600LL * SECOND);
    one_is_wrong(w, 30LL * SECOND);
    nodes_close(w);
    free(w);
}

/* No more than a third can talk a unit out of its clock: two of seven tell another time. */
static void a_third_is_not_believed(void **state) {
    (void)state;
    struct nodes *w = ws_alloc(sizeof(*w));
    nodes_open(w, 7, 12);
    nodes_set_clock(w, 5, 60LL * SECOND);
    nodes_set_clock(w, 6, 60LL * SECOND);
    nodes_run(w, 15 * SECOND);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(status_of(w, i).clock_off_us, 0);
        assert_true(peer_of(w, i, 5).clock_off && peer_of(w, i, 6).clock_off);
    }
    assert_true(status_of(w, 5).clock_off_us > 50LL * SECOND);
    nodes_close(w);
    free(w);
}

/* The cell stands still because of it: no block tells anything, and it is said all the same. */
static void it_is_said_while_nothing_moves(void **state) {
    (void)state;
    struct nodes *w = ws_alloc(sizeof(*w));
    nodes_open(w, 4, 13);
    nodes_set_clock(w, WRONG, -3600LL * SECOND);
    nodes_kill(w, 2, false);
    nodes_run(w, 20 * SECOND);
    assert_true(w->highest <= 1);
    assert_true(status_of(w, WRONG).clock_off_us < -3000LL * SECOND);
    assert_true(peer_of(w, 0, WRONG).clock_off);
    nodes_set_clock(w, WRONG, 0);
    nodes_settle(w);
    nodes_close(w);
    free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_clocks_are_named),
        cmocka_unit_test(a_third_is_not_believed),
        cmocka_unit_test(it_is_said_while_nothing_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The log's lines about a unit and its peers: one for each change that stands, none for what does not. */
#include "tests/support/cm.h"

#include "rsu/daemon/watch.h"

#include <stdio.h>

enum { SECOND = 1000000 };

struct rig {
    struct watch w;
    struct watch_seen s;
    size_t lines, warnings;
    struct buf log;
};

static void hear(void *ctx, enum ws_log_level level, const char *area, const char *line) {
    struct rig *r = ctx;
    r->lines++;
    r->warnings += level == WS_LOG_WARN;
    buf_printf(&r->log, "%s: %s\n", area, line);
}

/* Four validators, the first is this unit; all is well. */
static struct rig *begin(void) {
    struct rig *r = ws_alloc(sizeof(*r));
    memset(r, 0, sizeof(*r));
    r->s = (struct watch_seen){.mono_us = 1000 * SECOND,
        .height = 100,
        .own_power = 1,
        .total = 4,
        .n_validators = 4,
        .n = 4,
        .params = cell_params_default(),
        .policy_name = "urban"};
    for (size_t i = 1; i < 4; i++) {
        struct watch_peer *p = &r->s.peer[i];
        *p = (struct watch_peer){.power = 1, .up = true, .heard = true, .height = 100};
        memset(p->key, (int)i, sizeof(p->key));
        (void)snprintf(p->name, sizeof(p->name), "rsu%zu", i + 1);
    }
    return r;
}

static void go_on(struct rig *r, unsigned seconds) {
    for (unsigned i = 0; i < seconds; i++) {
        watch_look(&r->w, &r->s, hear, r);
        r->s.mono_us += SECOND;
    }
}

/* Exactly these lines since the last question. */
static void said(struct rig *r, const char *want) {
    buf_u8(&r->log, 0);
    assert_string_equal((const char *)r->log.p, want);
    buf_clear(&r->log);
}

static void end(struct rig *r) {
    buf_free(&r->log);
    free(r);
}

static void up(struct rig *r) {
    go_on(r, 30);
    said(r, "links: the link to rsu2 is up\nlinks: the link to rsu3 is up\nlinks: the link to rsu4 "
            "is up\n");
}

static void links_and_quorum(void **state) {
    (void)state;
    struct rig *r = begin();
    up(r);
    /* One goes: its link is told, the quorum is not lost. */
    r->s.peer[3].up = r->s.peer[3].heard = false;
    go_on(r, 60);
    said(r, "links: the link to rsu4 is lost\n");
    r->s.peer[2].heard = false;
    go_on(r, 60);
    said(r, "ledger: no quorum: 2 of 4 validators are heard, at height 100; no block is made until "
            "more are. "
            "Silent: rsu3, though the link to it is up, rsu4\n");
    r->s.peer[2].heard = true;
    go_on(r, 60);
    buf_u8(&r->log, 0);
    assert_non_null(
        strstr((const char *)r->log.p, "a quorum is heard again after 60.000 s: 3 of 4"));
    assert_int_equal(r->lines, 6);
    end(r);
}

static void what_flickers_is_not_told(void **state) {
    (void)state;
    struct rig *r = begin();
    up(r);
    for (unsigned i = 0; i < 100; i++) {
        r->s.peer[1].up = r->s.peer[1].heard = i % 2 == 0;
        r->s.peer[2].heard = i % 2 == 0;
        r->s.syncing = i % 2 == 0;
        go_on(r, 1);
    }
    said(r, "");
    end(r);
}

static void starts_alone(void **state) {
    (void)state;
    struct rig *r = begin();
    for (size_t i = 1; i < 4; i++)
        r->s.peer[i].up = r->s.peer[i].heard = false;
    r->s.listening = true;
    go_on(r, 100);
    assert_int_equal(r->lines, 5); /* listening, three links, no quorum; once each */
    assert_int_equal(r->warnings, 4);
    buf_clear(&r->log);
    for (size_t i = 1; i < 4; i++)
        r->s.peer[i].up = r->s.peer[i].heard = true;
    r->s.listening = false;
    go_on(r, 1);
    said(r, "ledger: a quorum is heard again after 100.000 s: 4 of 4 validators\n"
            "ledger: listened: this validator speaks again, at height 101\n");
    end(r);
}

static void catching_up(void **state) {
    (void)state;
    struct rig *r = begin();
    up(r);
    r->s.syncing = true;
    r->s.height = 10;
    go_on(r, 9);
    r->s.syncing = false;
    r->s.height = 101;
    go_on(r, 9);
    said(r, "ledger: catching up: at height 10, the others are at 100\n"
            "ledger: caught up at height 101 after 9.000 s\n");
    end(r);
}

static void orders_and_the_committee(void **state) {
    (void)state;
    struct rig *r = begin();
    up(r);
    r->s.params.timeout_propose_us = 410000;
    r->s.policy_sequence = 3;
    go_on(r, 5);
    said(r, "policy: policy urban, sequence 3, is in force\n"
            "committee: parameter timeout_propose_us is 410000 now, and was 300000\n");
    r->s.me = -1;
    r->s.own_power = 0;
    r->s.total = r->s.n_validators = 3;
    go_on(r, 5);
    said(r, "committee: this unit is in the committee no more, at height 101: it follows\n");
    r->s.me = 2;
    go_on(r, 5);
    said(r, "committee: this unit validates, at height 101\n");
    end(r);
}

/* A slot that another peer gets tells nothing of the one before. */
static void slots_change_hands(void **state) {
    (void)state;
    struct rig *r = begin();
    up(r);
    memset(r->s.peer[3].key, 9, KEY_OCTETS);
    (void)snprintf(r->s.peer[3].name, sizeof(r->s.peer[3].name), "rsu9");
    r->s.peer[3].up = false;
    go_on(r, 40);
    said(r, "links: no link to rsu9 yet\n");
    end(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_and_quorum),
        cmocka_unit_test(what_flickers_is_not_told),
        cmocka_unit_test(starts_alone),
        cmocka_unit_test(catching_up),
        cmocka_unit_test(orders_and_the_committee),
        cmocka_unit_test(slots_change_hands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

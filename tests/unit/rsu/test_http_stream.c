/* The event stream: nothing lost, nothing twice, whatever the moment of leaving and coming back. */
#include "tests/unit/rsu/http_listener.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static void change(struct rig *r, unsigned turn) {
    static const int32_t values[] = {30, 80, 60, 40};
    rig_change(r, values[turn % ARRAY_LEN(values)]);
}

static struct rig *open_rig(const struct rig_options *opt) {
    struct rig *r = ws_alloc(sizeof(*r));
    rig_open(r, opt);
    rig_step(r, 2000000);
    return r;
}

static void shut_rig(struct rig *r) {
    rig_close(r);
    free(r);
}

static void listeners_hear_each_version_once_in_order(void **state) {
    (void)state;
    struct rig *r = open_rig(&(struct rig_options){0});
    struct listener early;
    struct listener from;
    listener_open(&early, r, "", NULL);
    free(listener_block(&early)); /* the greeting: it is registered */
    for (unsigned i = 0; i < 3; i++)
        change(r, i);
    listener_open(&from, r, "?from=2", NULL);
    for (uint64_t v = 2; v <= 4; v++)
        assert_int_equal(listener_version(&early), v);
    for (uint64_t v = 3; v <= 4; v++)
        assert_int_equal(listener_version(&from), v);
    change(r, 3);
    assert_int_equal(listener_version(&early), 5);
    assert_int_equal(listener_version(&from), 5);
    listener_close(&early);
    listener_close(&from);
    shut_rig(r);
}

/* Leaves after each event, sometimes in the middle of one, and comes back with the last id it has. */
static void coming_back_loses_and_repeats_nothing(void **state) {
    (void)state;
    struct rig *r = open_rig(&(struct rig_options){.tcp = true});
    uint64_t have = 1;
    for (unsigned i = 0; i < 6; i++) {
        change(r, i);
        char id[24];
        struct listener l;
        if (i % 2 == 1) { /* hears a part and is cut off */
            (void)snprintf(id, sizeof(id), "%" PRIu64, have);
            listener_open(&l, r, "?from=1", id);
            while (l.text.n < 100)
                assert_true(listener_hear(&l));
            listener_close(&l);
        }
        if (i % 3 != 0)
            continue; /* away while versions come */
        (void)snprintf(id, sizeof(id), "%" PRIu64, have);
        listener_open(&l, r, "?from=1", id); /* the header wins over the address */
        while (have < i + 2) {
            assert_int_equal(listener_version(&l), have + 1);
            have++;
        }
        listener_close(&l);
    }
    shut_rig(r);
}

/* A client that was served by a unit one block ahead of this one waits instead of being refused. */
static void listeners_ahead_of_this_unit_wait(void **state) {
    (void)state;
    struct rig *r = open_rig(&(struct rig_options){0});
    struct listener l;
    listener_open(&l, r, "", "3");
    free(listener_block(&l));
    for (unsigned i = 0; i < 3; i++)
        change(r, i);
    assert_int_equal(listener_version(&l), 4);
    listener_close(&l);
    shut_rig(r);
}

struct crowd {
    struct rig *r;
    unsigned number;
    uint64_t until;
    bool good;
};

static void *listen_with_breaks(void *arg) {
    struct crowd *c = arg;
    uint64_t have = 1;
    for (unsigned turn = 0; have < c->until; turn++) {
        char id[24];
        (void)snprintf(id, sizeof(id), "%" PRIu64, have);
        struct listener l;
        listener_open(&l, c->r, "", id);
        uint64_t stay = (c->number + turn) % 3 + 1;
        for (uint64_t i = 0; i < stay && have < c->until; i++) {
            uint64_t v = listener_version(&l);
            if (v != have + 1) {
                listener_close(&l);
                return NULL;
            }
            have = v;
        }
        listener_close(&l);
    }
    c->good = true;
    return NULL;
}

/* Versions come while clients come, go and come back. */
static void crowds_are_served_while_the_map_changes(void **state) {
    (void)state;
    enum { CROWD = 6, CHANGES = 6 };
    struct rig *r = open_rig(&(struct rig_options){.connections = 32, .heartbeat_ms = 20});
    pthread_t thread[CROWD];
    struct crowd crowd[CROWD];
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = (struct crowd){r, i, CHANGES + 1, false};
        assert_int_equal(pthread_create(&thread[i], NULL, listen_with_breaks, &crowd[i]), 0);
    }
    for (unsigned i = 0; i < CHANGES; i++)
        change(r, i);
    for (unsigned i = 0; i < CROWD; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_true(crowd[i].good);
    }
    shut_rig(r);
}

static void silence_is_broken_by_heartbeats(void **state) {
    (void)state;
    struct rig *r = open_rig(&(struct rig_options){.heartbeat_ms = 30});
    struct listener l;
    listener_open(&l, r, "", NULL);
    char *block = listener_block(&l);
    assert_string_equal(block, "retry: 2000\n: versions after 1; the current one is 1\n\n");
    free(block);
    for (unsigned i = 0; i < 3; i++) {
        block = listener_block(&l);
        assert_string_equal(block, ":\n\n");
        free(block);
    }
    change(r, 0);
    assert_int_equal(listener_version(&l), 2);
    listener_close(&l);
    shut_rig(r);
}

static void streams_leave_seats_for_questions(void **state) {
    (void)state;
    struct rig *r = open_rig(&(struct rig_options){.connections = 8, .heartbeat_ms = 20});
    struct listener l[6];
    for (size_t i = 0; i < ARRAY_LEN(l); i++) {
        listener_open(&l[i], r, "", NULL);
        free(listener_block(&l[i]));
    }
    rig_refused(r, 503, "all 6 event streams are in use", "/v1/map/stream");
    json_t *o = rig_json(r, 200, "/v1/status");
    assert_int_equal(json_integer_value(json_object_get(o, "streams")), 6);
    json_decref(o);
    listener_close(&l[0]);
    /* Its seat is free once a heartbeat finds nobody there. */
    for (unsigned i = 0; i < 12000 && streams_count(r->http->streams) > 5; i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    listener_open(&l[0], r, "", NULL);
    free(listener_block(&l[0]));
    /* Stopping with everybody still there: each stream ends in order. */
    mailbox_shut(r->face.mailbox);
    http_stop(r->http);
    for (size_t i = 0; i < ARRAY_LEN(l); i++) {
        assert_int_equal(listener_version(&l[i]), 0);
        listener_close(&l[i]);
    }
    struct http_config cfg = {
        .listen = r->listen, .connections = 4, .waiting = 4, .octets = 1 << 20};
    struct ws_err err = {0};
    assert_int_equal(http_start(&cfg, &r->face, &r->http, &err), 0); /* for rig_close */
    shut_rig(r);
}

/* A long poll gives what there is and ends; cut off in the middle, asked again, nothing is lost or comes twice. */
static void polls_end_with_what_there_is(void **state) {
    (void)state;
    struct rig *r = open_rig(&(struct rig_options){.tcp = true, .heartbeat_ms = 30});
    struct listener l;
    listener_open(&l, r, "?from=1&poll=1", NULL); /* nothing: over with a heartbeat */
    assert_int_equal(listener_version(&l), 0);
    assert_true(l.ended);
    listener_close(&l);
    change(r, 0);
    change(r, 1);
    listener_open(&l, r, "?from=1&poll=1", NULL);
    assert_int_equal(listener_version(&l), 2);
    assert_int_equal(listener_version(&l), 3);
    assert_int_equal(listener_version(&l), 0);
    listener_close(&l);
    uint64_t have = 1;
    for (unsigned turn = 0; have < 8; turn++) {
        if (turn < 5)
            change(r, turn + 2);
        char query[48];
        (void)snprintf(query, sizeof(query), "?from=%" PRIu64 "&poll=1", have);
        listener_open(&l, r, query, NULL);
        if (turn % 2 == 1) {
            while (l.text.n < 150 + 40 * turn && listener_hear(&l)) {
            }
            listener_close(&l);
            continue;
        }
        for (uint64_t v = listener_version(&l); v != 0; v = listener_version(&l)) {
            assert_int_equal(v, have + 1);
            have = v;
        }
        listener_close(&l);
    }
    assert_int_equal(have, 8);
    shut_rig(r);
}

/* One that waits hears the next version at once, not with the heartbeat. */
static void polls_are_woken(void **state) {
    (void)state;
    struct rig *r = open_rig(&(struct rig_options){.heartbeat_ms = 600000});
    struct listener l;
    listener_open(&l, r, "?from=1&poll=1", NULL);
    free(listener_block(&l)); /* the greeting: it waits now */
    change(r, 0);
    assert_int_equal(listener_version(&l), 2);
    assert_int_equal(listener_version(&l), 0);
    listener_close(&l);
    rig_refused(r, 400, "parameter poll: 1", "/v1/map/stream?from=1&poll=yes");
    shut_rig(r);
}

static void bad_starting_points_are_refused(void **state) {
    (void)state;
    struct rig *r = open_rig(&(struct rig_options){0});
    rig_refused(r, 400, "parameter from: character 1", "/v1/map/stream?from=x");
    rig_refused(r, 400, "versions begin with 1", "/v1/map/stream?from=0");
    struct answer a;
    static const char bad[] = "GET /v1/map/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 1 or 2\r\n"
                              "Connection: close\r\n\r\n";
    rig_exchange(r, span_of(bad, sizeof(bad) - 1), &a);
    assert_int_equal(a.status, 400);
    answer_free(&a);
    shut_rig(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listeners_hear_each_version_once_in_order),
        cmocka_unit_test(coming_back_loses_and_repeats_nothing),
        cmocka_unit_test(listeners_ahead_of_this_unit_wait),
        cmocka_unit_test(crowds_are_served_while_the_map_changes),
        cmocka_unit_test(silence_is_broken_by_heartbeats),
        cmocka_unit_test(streams_leave_seats_for_questions),
        cmocka_unit_test(polls_end_with_what_there_is),
        cmocka_unit_test(polls_are_woken),
        cmocka_unit_test(bad_starting_points_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

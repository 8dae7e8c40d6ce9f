/* The same over real sockets and a real thread: IPv6, IPv4 on the same socket, many at once; and what uploads are told of the ledger. */
#include "rsu/learning/uploads_port.h"
#include "rsu/learning/uploads_view.h"
#include "tests/unit/fedlearn/round_rig.h"
#include "tests/unit/fedlearn/upload_rig.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { VEHICLES = 8, WIRE = 120000 };

struct cell {
    struct upload_world world;
    struct upload_vehicle vehicle[VEHICLES];
    struct uploads_round round;
    pthread_mutex_t lock;
    unsigned kept;
    struct uploads_port *port;
    uint8_t signer_secret[64];
};

static bool ledger_round(void *ctx, struct uploads_round *ret) {
    const struct cell *c = ctx;
    *ret = c->round;
    return true;
}

static bool ledger_claim(
    void *ctx, const uint8_t name[static 32], size_t k, struct uploads_claim *ret) {
    const struct cell *c = ctx;
    for (size_t i = 0; i < VEHICLES && k == 0; i++) {
        const struct upload_vehicle *v = &c->vehicle[i];
        uint8_t is[32];
        fl_upload_name(c->world.round.cell, v->submission.id, v->key.public, is);
        if (memcmp(is, name, 32) != 0)
            continue;
        memcpy(ret->id, v->submission.id, 32);
        memcpy(ret->token, v->token, 32);
        memcpy(ret->upload_key, v->key.public, 32);
        ret->excluded = false;
        return true;
    }
    return false;
}

static int keep(void *ctx, uint64_t round, const uint8_t id[static 32], const struct fl_material *m,
    struct ws_err *err) {
    struct cell *c = ctx;
    (void)round;
    (void)m;
    for (size_t i = 0; i < VEHICLES; i++) {
        if (memcmp(c->vehicle[i].submission.id, id, 32) != 0)
            continue;
        (void)pthread_mutex_lock(&c->lock);
        c->kept++;
        (void)pthread_mutex_unlock(&c->lock);
        return WS_OK;
    }
    return ws_fail(err, WS_EIO, "nobody's");
}

static bool has(void *ctx, const uint8_t id[static 32]) {
    (void)ctx;
    (void)id;
    return false;
}

static void sign(void *ctx, struct span octets, uint8_t ret[static 64]) {
    const struct cell *c = ctx;
    (void)crypto_sign_detached(ret, NULL, octets.p, octets.n, c->signer_secret);
}

static struct cell *cell_open(const char *bind_to) {
    struct cell *c = ws_alloc(sizeof(*c));
    const struct uploads_ledger ledger = {ledger_round, ledger_claim, c};
    struct uploads_io io = {.keep = keep, .has = has, .sign = sign, .ctx = c};
    const struct uploads_limits limits = uploads_limits_default();
    const struct ws_clock clock = {.kind = WS_CLOCK_SYSTEM};
    struct ws_err err = {0};
    upload_world_open(&c->world, 1);
    assert_int_equal(pthread_mutex_init(&c->lock, NULL), 0);
    for (size_t i = 0; i < VEHICLES; i++)
        upload_vehicle_make(&c->world, &c->vehicle[i], WIRE);
    c->round = (struct uploads_round){.number = 5,
        .open = true,
        .round = c->world.round,
        .shape = {(uint32_t)fl_cover_octets(UPLOAD_UNITS),
            (uint32_t)fl_bundles_octets(UPLOAD_UNITS), WIRE}};
    memcpy(io.signer, c->world.unit[0].signer, 32);
    memcpy(c->signer_secret, c->world.unit[0].secret, 64);
    if (uploads_port_open(bind_to, &limits, &ledger, &io, NULL, &clock, &c->port, &err) != WS_OK)
        fail_msg("%s", err.text);
    return c;
}

static void cell_close(struct cell *c) {
    uploads_port_close(c->port);
    for (size_t i = 0; i < VEHICLES; i++)
        upload_vehicle_free(&c->vehicle[i]);
    upload_world_close(&c->world);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

/* A vehicle with a socket; ends when its upload does. */
struct drive {
    const struct cell *c;
    size_t i;
    const char *to;
    enum fl_upload_state state;
    char why[40];
    bool no_ipv6;
};

static void *drive(void *ctx) {
    struct drive *d = ctx;
    const struct upload_vehicle *v = &d->c->vehicle[d->i];
    const struct ws_clock clock = {.kind = WS_CLOCK_SYSTEM};
    struct ws_random random = ws_random_system();
    struct fl_upload *u = ws_alloc(sizeof(*u));
    struct sockaddr_in6 sa;
    uint8_t o[FL_UPLOAD_DATAGRAM_MAX];
    if (uploads_port_parse(d->to, &sa, NULL) != WS_OK)
        return NULL;
    sa.sin6_port = htons(uploads_port_number(d->c->port));
    int s = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0 || connect(s, (const struct sockaddr *)&sa, sizeof(sa)) != 0) {
        d->no_ipv6 = true;
        free(u);
        return NULL;
    }
    const struct fl_upload_parcel p = {.round = &d->c->world.round,
        .number = 5,
        .id = v->submission.id,
        .key = &v->key,
        .material = v->material,
        .give_up_us = ws_clock_now(&clock).mono_us + 60000000};
    fl_upload_begin(u, &p, ws_clock_now(&clock));
    while (u->state == FL_UPLOAD_GOING) {
        struct pollfd on = {.fd = s, .events = POLLIN};
        struct ws_now now = ws_clock_now(&clock);
        size_t n;
        while ((n = fl_upload_next(u, now, &random, o)) > 0)
            (void)send(s, o, n, 0);
        const uint64_t at = fl_upload_when(u);
        const uint64_t us = at > now.mono_us ? at - now.mono_us : 0;
        (void)poll(&on, 1, us > 100000 ? 100 : (int)((us + 999) / 1000));
        for (;;) {
            const ssize_t got = recv(s, o, sizeof(o), MSG_DONTWAIT);
            if (got < 0)
                break;
            fl_upload_hear(u, span_of(o, (size_t)got), ws_clock_now(&clock));
        }
    }
    d->state = u->state;
    (void)snprintf(d->why, sizeof(d->why), "%s", fl_upload_why(u));
    fl_upload_end(u);
    (void)close(s);
    free(u);
    return NULL;
}

static void all_drive(const char *bind_to, const char *to) {
    struct cell *c = cell_open(bind_to);
    struct drive d[VEHICLES];
    pthread_t t[VEHICLES];
    for (size_t i = 0; i < VEHICLES; i++) {
        d[i] = (struct drive){.c = c, .i = i, .to = to};
        assert_int_equal(pthread_create(&t[i], NULL, drive, &d[i]), 0);
    }
    for (size_t i = 0; i < VEHICLES; i++)
        (void)pthread_join(t[i], NULL);
    if (d[0].no_ipv6) {
        cell_close(c);
        skip();
    }
    for (size_t i = 0; i < VEHICLES; i++)
        if (d[i].state != FL_UPLOAD_DONE)
            fail_msg("vehicle %zu: %s", i, d[i].why);
    assert_int_equal(c->kept, VEHICLES);
    /* Counters are told after the batch that the last receipt was sent in. */
    for (unsigned k = 0; k < 500 && uploads_port_read(c->port).uploads.finished < VEHICLES; k++)
        (void)poll(NULL, 0, 10);
    assert_int_equal(uploads_port_read(c->port).uploads.finished, VEHICLES);
    assert_int_equal(uploads_port_read(c->port).not_sent, 0);
    cell_close(c);
}

static void over_ipv6(void **state) {
    (void)state;
    all_drive("[::1]:0", "[::1]:1");
}
static void over_ipv4(void **state) {
    (void)state;
    all_drive("127.0.0.1:0", "127.0.0.1:1");
}
static void over_both(void **state) {
    (void)state;
    all_drive("[::]:0", "127.0.0.2:1");
}

static void addresses(void **state) {
    (void)state;
    static const char *const good[] = {
        "[::]:0", "[::1]:65535", "[2001:db8::7]:4750", "192.0.2.1:80", "0.0.0.0:1"};
    static const char *const bad[] = {"", ":", "[::]", "::1:5", "[::1]:", "[::1]:65536", "[::1]:-1",
        "[::1]:1x", "[::1:5", "::1]:5", "host:5", "192.0.2:5", "192.0.2.1:05", "[192.0.2.1]:5",
        "[]:5", "[::1]:999999",
        "[0000000000000000000000000000000000000000000000000000000000000000000000000000]:5"};
    struct sockaddr_in6 sa;
    struct ws_err err;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(uploads_port_parse(good[i], &sa, &err), WS_OK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(uploads_port_parse(bad[i], &sa, &err), WS_EINPUT);
    assert_int_equal(uploads_port_parse("192.0.2.1:80", &sa, &err), WS_OK);
    assert_true(IN6_IS_ADDR_V4MAPPED(&sa.sin6_addr));
    /* A port that is taken is said by name. */
    struct cell *c = cell_open("127.0.0.1:0");
    struct uploads_port *second = NULL;
    const struct uploads_ledger ledger = {ledger_round, ledger_claim, c};
    const struct uploads_io io = {.keep = keep, .has = has, .sign = sign, .ctx = c};
    const struct uploads_limits limits = uploads_limits_default();
    const struct ws_clock clock = {.kind = WS_CLOCK_SYSTEM};
    char text[40];
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", (unsigned)uploads_port_number(c->port));
    assert_int_equal(
        uploads_port_open(text, &limits, &ledger, &io, NULL, &clock, &second, &err), WS_EIO);
    assert_non_null(strstr(err.text, text));
    cell_close(c);
}

/* ---- the view ---- */

static void view(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    struct uploads_view *v = uploads_view_new(r->host.cell_id);
    struct uploads_ledger l = uploads_view_ledger(v);
    struct uploads_round now;
    struct uploads_claim c;
    uint8_t name[32];
    assert_false(uploads_view_round(v, &now));
    assert_false(l.round(l.ctx, &now));
    uploads_view_update(v, r->contract.self);
    assert_true(l.round(l.ctx, &now));
    assert_false(l.round(l.ctx, &now)); /* told */
    const struct fl_round_view on = rig_view(r);
    assert_true(now.open && now.number == on.number);
    assert_int_equal(now.deadline_us, on.until_us + on.open->config.attest_us);
    rig_begin(r, RIG_SECOND);
    for (size_t i = 0; i < 17; i++) {
        rig_make(r, i);
        assert_int_equal(rig_submit(r, i), FL_ROUND_OK);
    }
    /* Somebody copies vehicle 3's id and key. */
    struct fl_submit copy = rig_submit_of(r, 3);
    const uint8_t copier[32] = {99};
    assert_int_equal(rig_message(r, copier, &copy), FL_ROUND_OK);
    rig_end(r);
    uploads_view_update(v, r->contract.self);
    uploads_view_update(v, r->contract.self);
    assert_false(l.round(l.ctx, &now)); /* submissions are no news of the round */
    for (size_t i = 0; i < 17; i++) {
        const struct rig_vehicle *a = &r->vehicle[i];
        const struct fl_submit s = rig_submit_of(r, i);
        bool found = false;
        fl_upload_name(r->host.cell_id, s.id, s.upload_key, name);
        for (size_t k = 0; l.claim(l.ctx, name, k, &c); k++) {
            assert_memory_equal(c.id, s.id, 32);
            assert_memory_equal(c.upload_key, s.upload_key, 32);
            found = found || memcmp(c.token, a->token, 32) == 0;
        }
        assert_true(found);
        assert_int_equal(l.claim(l.ctx, name, 1, &c), i == 3);
        assert_false(l.claim(l.ctx, name, 2, &c));
        assert_true(uploads_view_by_id(v, s.id, 0, &c));
        /* The lengths of the round are those of what was made for it. */
        assert_true(uploads_view_round(v, &now));
        assert_int_equal(now.shape.wire, a->wire.n);
        assert_int_equal(
            now.shape.bundles, fl_bundle_offset(&a->submission.plan, RIG_VALIDATORS + 1U));
        struct fl_submission got;
        const struct fl_material m = {span_of(a->cover, now.shape.cover),
            span_of(a->bundles, now.shape.bundles), buf_span(&a->wire)};
        assert_int_equal(fl_material_check(&now.round, a->token, s.id, &m, &got), FL_MATERIAL_GOOD);
    }
    /* Two of one token: excluded, and the view hears of it. */
    rig_begin(r, RIG_SECOND);
    struct fl_submit other = rig_submit_of(r, 4);
    other.id[0] ^= 1;
    assert_int_equal(rig_message(r, r->vehicle[4].token, &other), FL_ROUND_TWO_SUBMISSIONS);
    rig_end(r);
    uploads_view_update(v, r->contract.self);
    assert_true(uploads_view_by_id(v, r->vehicle[4].submission.id, 0, &c) && c.excluded);
    assert_true(uploads_view_by_id(v, r->vehicle[5].submission.id, 0, &c) && !c.excluded);
    /* On to attesting, drawing: closed. */
    for (unsigned k = 0; k < 400 && rig_view(r).phase < FL_ATTESTING; k++)
        rig_block(r, 30 * RIG_SECOND);
    uploads_view_update(v, r->contract.self);
    assert_true(l.round(l.ctx, &now));
    assert_true(now.open || rig_view(r).phase != FL_ATTESTING);
    for (unsigned k = 0; k < 400 && rig_view(r).phase == FL_ATTESTING; k++)
        rig_block(r, 30 * RIG_SECOND);
    uploads_view_update(v, r->contract.self);
    assert_true(l.round(l.ctx, &now));
    assert_false(now.open);
    uploads_view_free(v);
    rig_close(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_ipv6),
        cmocka_unit_test(over_ipv4),
        cmocka_unit_test(over_both),
        cmocka_unit_test(addresses),
        cmocka_unit_test(view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/unit/rsu/upload_net.h"

#include <sodium.h>

enum { STEP_US = 1000, PORT = 40000 };

/* ---- the way ---- */

void net_inject(struct net *n, const struct net_flight *f) {
    assert_true(n->n_flights < NET_FLIGHTS);
    n->flight[n->n_flights] = *f;
    n->flight[n->n_flights++].at_us =
        n->now.mono_us + n->trip_us + ws_random_below(&n->world.random, n->jitter_us + 1);
}

static void send_off(struct net *n, const struct net_flight *f) {
    if (n->eavesdropper != NULL)
        n->eavesdropper(n, f);
    if (ws_random_below(&n->world.random, 100) < n->loss)
        return;
    net_inject(n, f);
    if (ws_random_below(&n->world.random, 100) < n->twice)
        net_inject(n, f);
}

static void put(struct net_flight *f, struct span s) {
    assert_true(s.n <= FL_UPLOAD_DATAGRAM_MAX);
    f->n = s.n;
    memcpy(f->octets, s.p, s.n);
}

/* ---- what a unit is given ---- */

static bool ledger_round(void *ctx, struct uploads_round *ret) {
    struct net_unit *u = ctx;
    *ret = u->round;
    const bool changed = u->changed;
    u->changed = false;
    return changed;
}

static bool ledger_claim(
    void *ctx, const uint8_t name[static 32], size_t k, struct uploads_claim *ret) {
    const struct net_unit *u = ctx;
    for (size_t i = 0; i < NET_VEHICLES; i++) {
        const struct net_vehicle *v = &u->net->vehicle[i];
        if (!v->active || v->unknown || memcmp(v->send.name, name, 32) != 0 || k-- > 0)
            continue;
        memcpy(ret->id, v->made.submission.id, 32);
        memcpy(ret->token, v->token, 32);
        memcpy(ret->upload_key, v->made.key.public, 32);
        ret->excluded = v->excluded;
        return true;
    }
    return false;
}

static void unit_says(void *ctx, const struct uploads_source *to, struct span datagram) {
    struct net_unit *u = ctx;
    struct net_flight f = {.vehicle = (size_t)to->port - PORT, .unit = u->i, .port = to->port};
    if (to->port < PORT || to->port >= PORT + NET_VEHICLES) {
        u->net->answers_elsewhere++;
        u->net->octets_elsewhere += datagram.n;
        return;
    }
    put(&f, datagram);
    u->net->sent_down++;
    send_off(u->net, &f);
}

static int unit_keeps(void *ctx, uint64_t round, const uint8_t id[static 32],
    const struct fl_material *m, struct ws_err *err) {
    struct net_unit *u = ctx;
    assert_int_equal(round, 5);
    if (u->full)
        return ws_fail(err, WS_ELIMIT, "full");
    for (size_t i = 0; i < NET_VEHICLES; i++) {
        const struct upload_vehicle *v = &u->net->vehicle[i].made;
        if (!u->net->vehicle[i].active || memcmp(v->submission.id, id, 32) != 0)
            continue;
        if (!span_equal(m->cover, v->material.cover) ||
            !span_equal(m->bundles, v->material.bundles) || !span_equal(m->wire, v->material.wire))
            continue; /* another one's under the same id */
        u->kept[i]++;
        return WS_OK;
    }
    fail_msg("kept what nobody sent");
    return WS_EINPUT;
}

static bool unit_writes(void *ctx, struct uploads_whole *w) {
    struct net_unit *u = ctx;
    if (u->busy || u->n_writing == NET_VEHICLES)
        return false;
    u->written_us[u->n_writing] = u->net->now.mono_us + u->net->disk_us;
    u->writing[u->n_writing++] = w;
    return true;
}

static void writes_end(struct net_unit *u) {
    while (u->n_writing > 0 && u->written_us[0] <= u->net->now.mono_us) {
        struct uploads_whole *w = u->writing[0];
        u->n_writing--;
        for (size_t i = 0; i < u->n_writing; i++) {
            u->writing[i] = u->writing[i + 1];
            u->written_us[i] = u->written_us[i + 1];
        }
        w->rc = unit_keeps(u, w->round, w->id, &w->material, &w->err);
        uploads_written(u->uploads, w, u->net->now);
    }
}

static bool unit_has(void *ctx, const uint8_t id[static 32]) {
    const struct net_unit *u = ctx;
    for (size_t i = 0; i < NET_VEHICLES; i++)
        if (u->net->vehicle[i].active && u->kept[i] > 0 &&
            memcmp(u->net->vehicle[i].made.submission.id, id, 32) == 0)
            return true;
    return false;
}

static void unit_signs(void *ctx, struct span octets, uint8_t ret[static 64]) {
    const struct net_unit *u = ctx;
    upload_sign(&u->net->world.unit[u->i], octets, ret);
}

void net_restart(struct net *n, size_t i) {
    struct net_unit *u = &n->unit[i];
    const struct uploads_ledger ledger = {ledger_round, ledger_claim, u};
    struct uploads_io io = {.send = unit_says,
        .send_ctx = u,
        .keep = unit_keeps,
        .write = n->disk_us > 0 ? unit_writes : NULL,
        .write_ctx = u,
        .has = unit_has,
        .sign = unit_signs,
        .random = &n->world.random,
        .ctx = u};
    memcpy(io.signer, n->world.unit[i].signer, 32);
    uploads_free(u->uploads);
    u->uploads = uploads_new(&n->limits, &ledger, &io);
    u->changed = true;
}

struct net *net_open(uint64_t seed) {
    struct net *n = ws_alloc(sizeof(*n));
    n->flight = ws_calloc(NET_FLIGHTS, sizeof(*n->flight));
    upload_world_open(&n->world, seed);
    n->limits = uploads_limits_default();
    n->now = (struct ws_now){1000000, NET_START_US};
    n->trip_us = 8000;
    n->jitter_us = 4000;
    for (size_t i = 0; i < UPLOAD_UNITS; i++) {
        struct net_unit *u = &n->unit[i];
        u->net = n;
        u->i = i;
        u->round = (struct uploads_round){.number = 5,
            .open = true,
            .deadline_us = NET_START_US + 600000000,
            .round = n->world.round,
            .shape = {(uint32_t)fl_cover_octets(UPLOAD_UNITS),
                (uint32_t)fl_bundles_octets(UPLOAD_UNITS), NET_WIRE}};
        net_restart(n, i);
    }
    return n;
}

void net_close(struct net *n) {
    for (size_t i = 0; i < UPLOAD_UNITS; i++)
        uploads_free(n->unit[i].uploads);
    for (size_t i = 0; i < UPLOAD_UNITS; i++)
        for (size_t k = 0; k < n->unit[i].n_writing; k++)
            uploads_whole_free(n->unit[i].writing[k]);
    for (size_t i = 0; i < NET_VEHICLES; i++) {
        fl_upload_end(&n->vehicle[i].send);
        upload_vehicle_free(&n->vehicle[i].made);
    }
    upload_world_close(&n->world);
    free(n->flight);
    free(n);
}

void net_vehicle(struct net *n, size_t i, size_t unit, uint64_t within_us) {
    struct net_vehicle *v = &n->vehicle[i];
    upload_vehicle_free(&v->made);
    upload_vehicle_make(&n->world, &v->made, NET_WIRE);
    memcpy(v->token, v->made.token, 32);
    v->unit = unit;
    v->active = true;
    const struct fl_upload_parcel p = {.round = &n->world.round,
        .number = 5,
        .id = v->made.submission.id,
        .key = &v->made.key,
        .material = v->made.material,
        .give_up_us = n->now.mono_us + within_us};
    fl_upload_begin(&v->send, &p, n->now);
}

/* ---- time ---- */

static void deliver(struct net *n, const struct net_flight *f) {
    if (!f->up) {
        if (n->vehicle[f->vehicle].active)
            fl_upload_hear(&n->vehicle[f->vehicle].send, span_of(f->octets, f->n), n->now);
        return;
    }
    struct uploads_source from = {.address = {0x20, 1}, .port = f->port};
    from.address[7] = (uint8_t)(f->port - PORT);
    if (!n->unit[f->unit].down)
        (void)uploads_hear(n->unit[f->unit].uploads, &from, span_of(f->octets, f->n), n->now);
}

static void deliver_due(struct net *n) {
    for (size_t i = 0; i < n->n_flights;) {
        if (n->flight[i].at_us > n->now.mono_us) {
            i++;
            continue;
        }
        const struct net_flight f = n->flight[i];
        n->flight[i] = n->flight[--n->n_flights];
        deliver(n, &f);
    }
}

bool net_all_done(const struct net *n) {
    for (size_t i = 0; i < NET_VEHICLES; i++)
        if (n->vehicle[i].active && n->vehicle[i].send.state == FL_UPLOAD_GOING)
            return false;
    return true;
}

void net_run(struct net *n, uint64_t us) {
    for (uint64_t end = n->now.mono_us + us; n->now.mono_us < end && !net_all_done(n);) {
        n->now.mono_us += STEP_US;
        n->now.its_us += STEP_US;
        deliver_due(n);
        for (size_t i = 0; i < UPLOAD_UNITS; i++)
            writes_end(&n->unit[i]);
        for (size_t i = 0; i < UPLOAD_UNITS; i++)
            if (!n->unit[i].down)
                uploads_flush(n->unit[i].uploads, n->now);
        for (size_t i = 0; i < NET_VEHICLES; i++) {
            struct net_vehicle *v = &n->vehicle[i];
            struct net_flight f = {
                .up = true, .vehicle = i, .unit = v->unit, .port = (uint16_t)(PORT + i)};
            if (!v->active || fl_upload_when(&v->send) > n->now.mono_us)
                continue;
            while ((f.n = fl_upload_next(&v->send, n->now, &n->world.random, f.octets)) > 0) {
                n->sent_up++;
                send_off(n, &f);
            }
        }
    }
}

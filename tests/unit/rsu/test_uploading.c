/* Units with stores, sockets and threads of their own: a vehicle uploads to one, and all have it; links are carried by the test. */
#include "rsu/learning/uploading.h"
#include "rsu/learning/uploads_view.h"
#include "tests/support/folder.h"
#include "tests/unit/fedlearn/round_rig.h"

#include "fedlearn/vehicle/upload_send.h"

#include <poll.h>
#include <unistd.h>

enum { VEHICLES = 6, UNITS = RIG_VALIDATORS };

struct unit {
    struct folder folder;
    struct materials *materials;
    struct signer *signer;
    struct uploading *uploading;
    uint8_t address[32], key[32];
};

static void address_of(const struct signer *s, uint8_t ret[static 32]) {
    static const uint8_t tag[16] = "WAYSIDE-ADDRESS";
    uint8_t octets[49];
    memcpy(octets, tag, 16);
    octets[16] = 1;
    signer_public(s, octets + 17);
    crypto_hash_sha256(ret, octets, sizeof(octets));
}

static void unit_open_as(struct unit *u, size_t i, const uint8_t cell[static 32], bool signs) {
    const struct materials_limits limits = materials_limits_default();
    uint8_t seed[32] = {(uint8_t)(i + 1)};
    struct ws_err err = {0};
    assert_int_equal(folder_make(&u->folder), 0);
    char path[FOLDER_PATH];
    if (materials_open(folder_path(&u->folder, path, "m"), &limits, &u->materials, &err) != WS_OK)
        fail_msg("%s", err.text);
    u->key[0] = (uint8_t)(i + 1);
    if (signs) {
        u->signer = signer_new(seed);
        assert_non_null(u->signer);
        address_of(u->signer, u->address);
    }
    struct uploading_config cfg = {.signer = u->signer,
        .materials = u->materials,
        .bind_to = i == 0 ? "127.0.0.1:0" : NULL,
        .limits = uploads_limits_default(),
        .clock = {.kind = WS_CLOCK_SYSTEM}};
    memcpy(cfg.cell, cell, 32);
    if (uploading_open(&cfg, &u->uploading, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(uploading_port(u->uploading) != 0, i == 0);
}

static void unit_open(struct unit *u, size_t i, const uint8_t cell[static 32]) {
    unit_open_as(u, i, cell, true);
}

static void unit_close(struct unit *u) {
    uploading_close(u->uploading);
    materials_close(u->materials);
    signer_free(u->signer);
    assert_int_equal(folder_remove(&u->folder), 0);
}

static struct uploading_peer peer_of(const struct unit *u) {
    struct uploading_peer p = {.up = true};
    memcpy(p.address, u->address, 32);
    memcpy(p.key, u->key, 32);
    return p;
}

/* Carries what units say to one another. */
static void carry(struct unit *unit) {
    struct buf msg;
    size_t peer = 0;
    for (size_t i = 0; i < UNITS; i++)
        while (uploading_next(unit[i].uploading, &peer, &msg)) {
            assert_true(peer < UNITS && peer != i);
            assert_true(handing_owns(buf_span(&msg)));
            uploading_message(unit[peer].uploading, i, buf_span(&msg));
            buf_free(&msg);
        }
}

static void link_all(struct unit *unit) {
    for (size_t i = 0; i < UNITS; i++) {
        struct uploading_peer others[UNITS] = {0};
        for (size_t k = 0; k < UNITS; k++)
            if (k != i)
                others[k] = peer_of(&unit[k]);
        uploading_peers(unit[i].uploading, others, UNITS);
    }
}

/* What it is told last. */
static const char *upload_within(struct unit *unit, const struct rig_vehicle *v,
    const struct fl_upload_pair *key, const struct uploads_round *round, uint64_t us,
    enum fl_upload_state *ret_state) {
    const struct ws_clock clock = {.kind = WS_CLOCK_SYSTEM};
    struct ws_random random = ws_random_system();
    struct fl_upload *u = ws_alloc(sizeof(*u));
    struct sockaddr_in6 sa;
    uint8_t o[FL_UPLOAD_DATAGRAM_MAX];
    assert_int_equal(uploads_port_parse("127.0.0.1:1", &sa, NULL), WS_OK);
    sa.sin6_port = htons(uploading_port(unit[0].uploading));
    int s = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(s >= 0);
    assert_int_equal(connect(s, (const struct sockaddr *)&sa, sizeof(sa)), 0);
    const struct fl_upload_parcel p = {.round = &round->round,
        .number = round->number,
        .id = v->submission.id,
        .key = key,
        .material = {span_of(v->cover, round->shape.cover),
            span_of(v->bundles, round->shape.bundles), buf_span(&v->wire)},
        .give_up_us = ws_clock_now(&clock).mono_us + us};
    fl_upload_begin(u, &p, ws_clock_now(&clock));
    while (u->state == FL_UPLOAD_GOING) {
        struct pollfd on = {.fd = s, .events = POLLIN};
        const struct ws_now now = ws_clock_now(&clock);
        for (size_t n; (n = fl_upload_next(u, now, &random, o)) > 0;)
            (void)send(s, o, n, 0);
        (void)poll(&on, 1, 1);
        for (ssize_t n; (n = recv(s, o, sizeof(o), MSG_DONTWAIT)) > 0;)
            fl_upload_hear(u, span_of(o, (size_t)n), ws_clock_now(&clock));
        carry(unit);
    }
    if (u->state == FL_UPLOAD_DONE)
        assert_int_equal(u->receipt.deadline_us, round->deadline_us);
    const char *why = fl_upload_why(u);
    *ret_state = u->state;
    fl_upload_end(u);
    (void)close(s);
    free(u);
    return why;
}

static void upload(struct unit *unit, const struct rig_vehicle *v, const struct fl_upload_pair *key,
    const struct uploads_round *round) {
    enum fl_upload_state is = FL_UPLOAD_GOING;
    const char *why = upload_within(unit, v, key, round, 60000000, &is);
    if (is != FL_UPLOAD_DONE)
        fail_msg("%s", why);
}

/* The members of the round are our units, from that one on; its first step has begun. */
static void open_cell(struct rig *r, struct unit *unit, size_t from) {
    for (size_t i = 0; i < UNITS; i++) {
        unit_open(&unit[i], i, r->host.cell_id);
        if (i >= from)
            memcpy(r->set[i].address, unit[i].address, 32);
    }
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= UNITS; v++)
        assert_int_equal(rig_key(r, v), FL_ROUND_OK);
    assert_int_equal(rig_order_model(r), FL_ROUND_OK);
    rig_end(r);
    rig_block(r, RIG_SECOND);
    rig_block(r, RIG_SECOND);
    assert_int_equal(rig_view(r).phase, FL_SUBMITTING);
}

/* A unit that has come into the committee since the round began: vehicles that ask it are told that it knows nothing of them, and it asks nobody for
 * what is not its own. */
static void a_newcomer(void **state) {
    (void)state;
    struct unit unit[UNITS] = {0};
    struct rig *r = rig_new(UNITS);
    struct uploads_round round;
    struct fl_upload_pair key;
    open_cell(r, unit, 1);
    rig_begin(r, RIG_SECOND);
    rig_make(r, 0);
    fl_upload_draw(&r->random, &key);
    struct fl_submit s = rig_submit_of(r, 0);
    memcpy(s.upload_key, key.public, 32);
    assert_int_equal(rig_message(r, r->vehicle[0].token, &s), FL_ROUND_OK);
    rig_end(r);
    struct uploads_view *view = uploads_view_new(r->host.cell_id);
    uploads_view_update(view, r->contract.self);
    assert_true(uploads_view_round(view, &round));
    link_all(unit);
    for (size_t i = 0; i < UNITS; i++)
        uploading_block(unit[i].uploading, r->contract.self);
    const struct rig_vehicle *v = &r->vehicle[0];
    const struct fl_material m = {span_of(v->cover, round.shape.cover),
        span_of(v->bundles, round.shape.bundles), buf_span(&v->wire)};
    assert_int_equal(
        materials_put(unit[1].materials, round.number, v->submission.id, &m, NULL), WS_OK);
    enum fl_upload_state is = FL_UPLOAD_GOING;
    assert_string_equal(upload_within(unit, v, &key, &round, 3000000, &is), "unknown_submission");
    assert_int_equal(is, FL_UPLOAD_FAILED);
    for (unsigned ms = 0; ms < 10000 && !(materials_has(unit[2].materials, v->submission.id) &&
                                            materials_has(unit[3].materials, v->submission.id));
         ms++) {
        carry(unit);
        (void)poll(NULL, 0, 1);
    }
    assert_true(materials_has(unit[2].materials, v->submission.id));
    assert_true(materials_has(unit[3].materials, v->submission.id));
    assert_false(materials_has(unit[0].materials, v->submission.id));
    const struct uploading_counters c = uploading_read(unit[0].uploading);
    assert_int_equal(c.handing.wanted, 0);
    assert_int_equal(c.port.uploads.datagrams[UPLOADS_WELCOMED], 0);
    for (size_t i = 0; i < UNITS; i++)
        unit_close(&unit[i]);
    uploads_view_free(view);
    rig_close(r);
}

static bool all_have(const struct unit *unit, const struct rig *r) {
    for (size_t i = 0; i < UNITS; i++)
        for (size_t v = 0; v < VEHICLES; v++)
            if (!materials_has(unit[i].materials, r->vehicle[v].submission.id))
                return false;
    return true;
}

static void whole_way(void **state) {
    (void)state;
    struct unit unit[UNITS] = {0};
    struct fl_upload_pair key[VEHICLES];
    struct rig *r = rig_new(UNITS);
    struct uploads_round round;
    open_cell(r, unit, 0);
    rig_begin(r, RIG_SECOND);
    for (size_t i = 0; i < VEHICLES; i++) {
        rig_make(r, i);
        fl_upload_draw(&r->random, &key[i]);
        struct fl_submit s = rig_submit_of(r, i);
        memcpy(s.upload_key, key[i].public, 32);
        assert_int_equal(rig_message(r, r->vehicle[i].token, &s), FL_ROUND_OK);
    }
    rig_end(r);
    struct uploads_view *view = uploads_view_new(r->host.cell_id);
    uploads_view_update(view, r->contract.self);
    assert_true(uploads_view_round(view, &round));
    for (size_t i = 0; i < UNITS; i++) {
        /* Slots of who is not there, and our own, are empty. */
        struct uploading_peer others[UNITS] = {0};
        for (size_t k = 0; k < UNITS; k++)
            if (k != i)
                others[k] = peer_of(&unit[k]);
        materials_round(unit[i].materials, round.number, round.deadline_us);
        uploading_peers(unit[i].uploading, others, UNITS);
        uploading_block(unit[i].uploading, r->contract.self);
    }
    for (size_t i = 0; i < VEHICLES; i++)
        upload(unit, &r->vehicle[i], &key[i], &round);
    for (unsigned ms = 0; ms < 30000 && !all_have(unit, r); ms++) {
        carry(unit);
        (void)poll(NULL, 0, 1);
    }
    assert_true(all_have(unit, r));
    for (size_t i = 1; i < UNITS; i++) {
        const struct uploading_counters c = uploading_read(unit[i].uploading);
        assert_int_equal(c.handing.bad, 0);
        assert_int_equal(c.dropped_in + c.dropped_out, 0);
        /* What the store gives is what the vehicle signed. */
        for (size_t v = 0; v < VEHICLES; v++) {
            struct materials_hold hold;
            struct fl_submission s;
            assert_true(materials_get(unit[i].materials, r->vehicle[v].submission.id, &hold));
            assert_int_equal(fl_material_check(&round.round, r->vehicle[v].token,
                                 r->vehicle[v].submission.id, &hold.material, &s),
                FL_MATERIAL_GOOD);
            materials_release(&hold);
        }
    }
    assert_int_equal(uploading_read(unit[0].uploading).port.uploads.finished, VEHICLES);
    for (size_t i = 0; i < UNITS; i++)
        unit_close(&unit[i]);
    uploads_view_free(view);
    rig_close(r);
}

/* Vehicle 7 is shown to be bad when its group is open already: the group is judged, so a unit that came late needs what it sent like the rest. One
 * that was never counted in is nobody's business. */
static void shown_too_late(void **state) {
    (void)state;
    enum { CARS = 24, LATE = 7, OUT = 3 };
    struct unit unit[UNITS] = {0};
    struct rig *r = rig_new(UNITS);
    open_cell(r, unit, 0);
    rig_submitting_bad(r, CARS, 1 << LATE | 1 << OUT, 1);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_complain(r, 1, OUT), FL_ROUND_OK);
    for (unsigned v = 1; v <= UNITS; v++)
        assert_int_equal(rig_attest(r, v, 1 << OUT | (v == 1 ? 1 << LATE : 0)), FL_ROUND_OK);
    rig_end(r);
    rig_drawing(r);
    struct fl_submission_view late;
    assert_true(fl_contract_submission(r->contract.self, LATE, &late));
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 2; v <= 4; v++)
        assert_int_equal(rig_shares(r, v, late.group, 1, 0), FL_ROUND_OK);
    rig_end(r);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_complain(r, 1, LATE), FL_ROUND_OK);
    rig_end(r);
    assert_non_null(fl_contract_key_sum(r->contract.self, late.group));

    struct uploads_round round;
    struct uploads_view *view = uploads_view_new(r->host.cell_id);
    uploads_view_update(view, r->contract.self);
    assert_true(uploads_view_round(view, &round));
    for (size_t i = 0; i < CARS; i++) {
        const struct rig_vehicle *v = &r->vehicle[i];
        const struct fl_material m = {span_of(v->cover, round.shape.cover),
            span_of(v->bundles, round.shape.bundles), buf_span(&v->wire)};
        assert_int_equal(
            materials_put(unit[1].materials, round.number, v->submission.id, &m, NULL), WS_OK);
    }
    link_all(unit);
    for (size_t i = 0; i < UNITS; i++)
        uploading_block(unit[i].uploading, r->contract.self);
    bool all = false;
    for (unsigned ms = 0; ms < 30000 && !all; ms++) {
        carry(unit);
        (void)poll(NULL, 0, 1);
        all = true;
        for (size_t i = 0; i < CARS; i++)
            all =
                all && (i == OUT || materials_has(unit[2].materials, r->vehicle[i].submission.id));
    }
    assert_true(all);
    assert_false(materials_has(unit[2].materials, r->vehicle[OUT].submission.id));
    for (size_t i = 0; i < UNITS; i++)
        unit_close(&unit[i]);
    uploads_view_free(view);
    rig_close(r);
}

/* ---- models ---- */

static void put_blob(struct unit *u, struct span octets) {
    uint8_t hash[32];
    crypto_hash_sha256(hash, octets.p, octets.n);
    assert_int_equal(materials_put_blob(u->materials, hash, octets, NULL), WS_OK);
}

static bool all_have_blob(const struct unit *unit, const uint8_t hash[static 32]) {
    for (size_t i = 0; i < UNITS; i++)
        if (!materials_has_blob(unit[i].materials, hash))
            return false;
    return true;
}

static void until_all_have(struct unit *unit, const uint8_t hash[static 32]) {
    for (unsigned ms = 0; ms < 60000 && !all_have_blob(unit, hash); ms++) {
        carry(unit);
        (void)poll(NULL, 0, 1);
    }
    assert_true(all_have_blob(unit, hash));
}

/* An authority gives one unit the model and its parent, and orders the model; soon all have both, also the one that only follows. A model that
 * nothing names stays where it is. */
static void models(void **state) {
    (void)state;
    struct unit unit[UNITS] = {0};
    struct rig *r = rig_new(UNITS);
    struct fl_model_view m;
    struct buf child = {0}, parent = {0}, other = {0};
    struct fl_model_order order = {.name = "put-back", .params = RIG_PARAMS};
    struct buf body = {0};
    uint8_t parent_hash[32], other_hash[32];
    for (size_t i = 0; i < UNITS; i++)
        unit_open_as(&unit[i], i, r->host.cell_id, i != 3);
    link_all(unit);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_order_model(r), FL_ROUND_OK); /* makes r->model */
    fl_model_encode(&r->model, &parent);
    fl_model_hash(&r->model, parent_hash);
    memcpy(r->model.parent, parent_hash, 32);
    r->model.steps = 1;
    fl_model_encode(&r->model, &child);
    fl_model_hash(&r->model, order.hash);
    r->model.steps = 99;
    fl_model_encode(&r->model, &other);
    fl_model_hash(&r->model, other_hash);
    /* Ordered from scratch, so that only the file knows its parent. */
    assert_int_equal(rig_order(r, FL_ORDER_STOP, (struct span){0}), FL_ROUND_OK);
    fl_model_order_encode(&order, &body);
    assert_int_equal(rig_order(r, FL_ORDER_MODEL, buf_span(&body)), FL_ROUND_OK);
    rig_end(r);
    fl_contract_model(r->contract.self, &m);
    assert_memory_equal(m.hash, order.hash, 32);
    assert_memory_not_equal(m.parent, parent_hash, 32);
    put_blob(&unit[1], buf_span(&child));
    put_blob(&unit[1], buf_span(&parent));
    put_blob(&unit[1], buf_span(&other));
    for (size_t i = 0; i < UNITS; i++)
        uploading_block(unit[i].uploading, r->contract.self);
    until_all_have(unit, order.hash);
    until_all_have(unit, parent_hash);
    for (size_t i = 0; i < UNITS; i++)
        assert_int_equal(materials_has_blob(unit[i].materials, other_hash), i == 1);
    struct materials_hold hold;
    assert_true(materials_get_blob(unit[3].materials, order.hash, &hold));
    assert_true(span_equal(hold.blob, buf_span(&child)));
    materials_release(&hold);
    for (size_t i = 0; i < UNITS; i++) {
        const struct uploading_counters c = uploading_read(unit[i].uploading);
        assert_int_equal(c.blobs.bad, 0);
        assert_int_equal(c.handing.malformed, 0);
        unit_close(&unit[i]);
    }
    buf_free(&child);
    buf_free(&parent);
    buf_free(&other);
    buf_free(&body);
    rig_close(r);
}

/* What finds no room in a queue is dropped and counted; an address that is taken is said. */
static void bounds(void **state) {
    (void)state;
    struct unit u = {0};
    const uint8_t cell[32] = {1};
    uint8_t msg[32768] = {0, 2, 1, 9};
    struct uploading *second = NULL;
    struct ws_err err = {0};
    char text[40];
    unit_open(&u, 0, cell);
    for (unsigned i = 0; i < 4000; i++)
        uploading_message(u.uploading, 1, span_of(msg, sizeof(msg)));
    for (unsigned ms = 0; ms < 10000; ms++) {
        const struct uploading_counters c = uploading_read(u.uploading);
        if (c.dropped_in + c.handing.malformed == 4000)
            break;
        (void)poll(NULL, 0, 1);
    }
    const struct uploading_counters c = uploading_read(u.uploading);
    assert_int_equal(c.dropped_in + c.handing.malformed, 4000);
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", (unsigned)uploading_port(u.uploading));
    const struct uploading_config cfg = {.signer = u.signer,
        .materials = u.materials,
        .bind_to = text,
        .limits = uploads_limits_default(),
        .clock = {.kind = WS_CLOCK_SYSTEM}};
    assert_int_equal(uploading_open(&cfg, &second, &err), WS_EIO);
    assert_non_null(strstr(err.text, text));
    unit_close(&u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_way),
        cmocka_unit_test(shown_too_late),
        cmocka_unit_test(a_newcomer),
        cmocka_unit_test(models),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Units hand on what vehicles sent: over links that lose, from peers that lack it, are silent, or lie. Virtual time. */
#include "rsu/learning/handing.h"
#include "tests/unit/fedlearn/upload_rig.h"

enum { UNITS = 4, VEHICLES = 12, WIRE = 150000, MESSAGES = 4096, MS = 1000 };

struct cell;
struct unit {
    struct cell *cell;
    size_t i;
    struct handing *handing;
    bool has[VEHICLES];
    bool down, silent, lies, full;
    unsigned blamed[UNITS];
    size_t bad_at; /* octet that a liar changes */
    uint64_t slow_us; /* between its messages */
    uint64_t free_us;
};
struct message {
    uint64_t at_us;
    size_t from, to;
    struct buf octets;
};
struct cell {
    struct upload_world world;
    struct upload_vehicle vehicle[VEHICLES];
    struct uploads_round round;
    struct unit unit[UNITS];
    struct message *message;
    size_t n_messages;
    unsigned loss;
    uint64_t now_us, octets_sent;
    size_t claims; /* vehicles below it are on the ledger */
};

static bool up(void *ctx, size_t peer) {
    const struct unit *u = ctx;
    return peer < UNITS && peer != u->i && !u->cell->unit[peer].down;
}

static void post(struct unit *u, size_t to, struct span msg) {
    struct cell *c = u->cell;
    if (ws_random_below(&c->world.random, 100) < c->loss)
        return;
    assert_true(c->n_messages < MESSAGES);
    struct message *m = &c->message[c->n_messages++];
    *m = (struct message){.at_us = c->now_us + 2 * MS + ws_random_below(&c->world.random, 3 * MS),
        .from = u->i,
        .to = to};
    if (u->slow_us > 0) {
        u->free_us = (u->free_us > c->now_us ? u->free_us : c->now_us) + u->slow_us;
        m->at_us = u->free_us;
    }
    buf_put(&m->octets, msg.p, msg.n);
    c->octets_sent += msg.n;
}

static void sends(void *ctx, size_t peer, struct span msg) {
    struct unit *u = ctx;
    struct handing_said s;
    assert_true(handing_owns(msg));
    assert_true(handing_read(msg, &s));
    if (u->silent)
        return;
    if (u->lies && s.kind == HANDING_PIECE && u->bad_at / HANDING_OCTETS == s.piece) {
        struct buf b = {0};
        buf_put(&b, msg.p, msg.n);
        b.p[msg.n - s.octets.n + u->bad_at % HANDING_OCTETS] ^= 1;
        post(u, peer, buf_span(&b));
        buf_free(&b);
        return;
    }
    post(u, peer, msg);
}

static bool round_is(void *ctx, struct uploads_round *ret) {
    const struct unit *u = ctx;
    *ret = u->cell->round;
    return ret->number != 0;
}

static size_t find(const struct cell *c, const uint8_t id[static 32]) {
    for (size_t i = 0; i < VEHICLES; i++)
        if (memcmp(c->vehicle[i].submission.id, id, 32) == 0)
            return i;
    return VEHICLES;
}

/* A copier's claim stands before each owner's. */
static bool claim(void *ctx, const uint8_t id[static 32], size_t k, struct uploads_claim *ret) {
    const struct unit *u = ctx;
    const size_t i = find(u->cell, id);
    if (i >= u->cell->claims || k > 1)
        return false;
    *ret = (struct uploads_claim){.token = {(uint8_t)(0xf0 + k)}};
    memcpy(ret->id, id, 32);
    if (k == 1)
        memcpy(ret->token, u->cell->vehicle[i].token, 32);
    return true;
}

static bool has(void *ctx, const uint8_t id[static 32]) {
    const struct unit *u = ctx;
    const size_t i = find(u->cell, id);
    return i < VEHICLES && u->has[i];
}

static bool get(void *ctx, const uint8_t id[static 32], struct materials_hold *ret) {
    const struct unit *u = ctx;
    *ret = (struct materials_hold){0};
    if (!has(ctx, id))
        return false;
    ret->memory = ws_alloc(1);
    ret->material = u->cell->vehicle[find(u->cell, id)].material;
    return true;
}

static int keep(void *ctx, uint64_t round, const uint8_t id[static 32], const struct fl_material *m,
    struct ws_err *err) {
    struct unit *u = ctx;
    const size_t i = find(u->cell, id);
    assert_int_equal(round, u->cell->round.number);
    assert_true(i < VEHICLES);
    assert_true(span_equal(m->cover, u->cell->vehicle[i].material.cover));
    assert_true(span_equal(m->bundles, u->cell->vehicle[i].material.bundles));
    assert_true(span_equal(m->wire, u->cell->vehicle[i].material.wire));
    if (u->full)
        return ws_fail(err, WS_ELIMIT, "full");
    assert_false(u->has[i]);
    u->has[i] = true;
    return WS_OK;
}

static void blame(void *ctx, size_t peer, const uint8_t id[static 32]) {
    struct unit *u = ctx;
    assert_true(find(u->cell, id) < VEHICLES);
    u->blamed[peer]++;
}

static struct cell *cell_open(uint64_t seed) {
    struct cell *c = ws_alloc(sizeof(*c));
    upload_world_open(&c->world, seed);
    c->message = ws_calloc(MESSAGES, sizeof(*c->message));
    c->now_us = 1000000;
    c->claims = VEHICLES;
    for (size_t i = 0; i < VEHICLES; i++)
        upload_vehicle_make(&c->world, &c->vehicle[i], WIRE);
    c->round = (struct uploads_round){.number = 3,
        .open = true,
        .round = c->world.round,
        .shape = {(uint32_t)fl_cover_octets(UPLOAD_UNITS),
            (uint32_t)fl_bundles_octets(UPLOAD_UNITS), WIRE}};
    for (size_t i = 0; i < UNITS; i++) {
        struct unit *u = &c->unit[i];
        u->cell = c;
        u->i = i;
        const struct handing_config cfg = {.n_peers = UNITS,
            .fetches = 3,
            .octets = 1 << 20,
            .octets_per_s = 8 << 20,
            .patience_us = 200 * MS,
            .up = up,
            .send = sends,
            .round = round_is,
            .claim = claim,
            .has = has,
            .get = get,
            .keep = keep,
            .blame = blame,
            .ctx = u};
        u->handing = handing_new(&cfg);
    }
    return c;
}

static void cell_close(struct cell *c) {
    for (size_t i = 0; i < UNITS; i++)
        handing_free(c->unit[i].handing);
    for (size_t i = 0; i < c->n_messages; i++)
        buf_free(&c->message[i].octets);
    for (size_t i = 0; i < VEHICLES; i++)
        upload_vehicle_free(&c->vehicle[i]);
    upload_world_close(&c->world);
    free(c->message);
    free(c);
}

static void deliver(struct cell *c) {
    for (size_t i = 0; i < c->n_messages;) {
        if (c->message[i].at_us > c->now_us) {
            i++;
            continue;
        }
        struct message m = c->message[i];
        c->message[i] = c->message[--c->n_messages];
        if (!c->unit[m.to].down)
            handing_message(c->unit[m.to].handing, m.from, buf_span(&m.octets), c->now_us);
        buf_free(&m.octets);
    }
}

static bool all_have(const struct cell *c) {
    for (size_t i = 0; i < UNITS; i++)
        for (size_t v = 0; v < VEHICLES; v++)
            if (!c->unit[i].has[v] && !c->unit[i].down)
                return false;
    return true;
}

/* Everybody wants what it lacks, as a member that looks around after each block does. */
static void run(struct cell *c, uint64_t us) {
    for (uint64_t end = c->now_us + us; c->now_us < end && !all_have(c); c->now_us += MS) {
        deliver(c);
        for (size_t i = 0; i < UNITS; i++) {
            for (size_t v = 0; v < c->claims && c->now_us % (500 * MS) == 0; v++)
                if (!c->unit[i].has[v])
                    handing_want(c->unit[i].handing, c->vehicle[v].submission.id, c->now_us);
            if (!c->unit[i].down)
                (void)handing_tick(c->unit[i].handing, c->now_us);
        }
    }
}

/* Each vehicle uploaded to one unit; soon all units have all. */
static void spreads(void **state) {
    (void)state;
    for (unsigned loss = 0; loss <= 20; loss += 10) {
        struct cell *c = cell_open(loss + 1);
        c->loss = loss;
        for (size_t v = 0; v < VEHICLES; v++)
            c->unit[v % UNITS].has[v] = true;
        run(c, UINT64_C(60000) * MS);
        assert_true(all_have(c));
        for (size_t i = 0; i < UNITS; i++) {
            const struct handing_counters *n = handing_counters(c->unit[i].handing);
            assert_int_equal(n->got, VEHICLES - VEHICLES / UNITS);
            assert_int_equal(n->bad, 0);
            assert_int_equal(n->waiting, 0);
            assert_int_equal(n->under_way, 0);
            assert_true(loss > 0 || n->timeouts == 0);
        }
        /* Without loss every octet goes about once to everybody. */
        assert_true(loss > 0 || c->octets_sent < UINT64_C(3) * VEHICLES * (WIRE + 8000) * 11 / 10);
        cell_close(c);
    }
}

/* A peer that changes one octet, anywhere, is named once by each and not asked again in the round. */
static void liar(void **state) {
    (void)state;
    static const size_t at[] = {0, 5, 600, 3700, HANDING_OCTETS, WIRE};
    for (size_t k = 0; k < ARRAY_LEN(at); k++) {
        struct cell *c = cell_open(k + 1);
        c->unit[1].lies = true;
        c->unit[1].bad_at = at[k];
        for (size_t v = 0; v < VEHICLES; v++)
            c->unit[0].has[v] = c->unit[1].has[v] = true;
        run(c, UINT64_C(60000) * MS);
        assert_true(all_have(c));
        for (size_t i = 2; i < UNITS; i++) {
            assert_int_equal(c->unit[i].blamed[1], 1);
            assert_int_equal(c->unit[i].blamed[0], 0);
            assert_int_equal(handing_counters(c->unit[i].handing)->bad, 1);
        }
        cell_close(c);
    }
}

/* One says nothing, or drips, and says of everything that it has it: it holds up what one fetch is, and no more. */
static void one_holds_up_nobody(void **state) {
    (void)state;
    for (unsigned drips = 0; drips <= 1; drips++) {
        struct cell *c = cell_open(20 + drips);
        c->unit[0].silent = drips == 0;
        c->unit[0].slow_us = drips == 0 ? 0 : 190 * MS; /* patience is 200 */
        for (size_t v = 0; v < VEHICLES; v++) {
            c->unit[1].has[v] = c->unit[2].has[v] = true;
            c->unit[0].has[v] = drips == 1;
        }
        for (unsigned ms = 0; ms < 5000 && handing_counters(c->unit[3].handing)->got < VEHICLES;
             ms++) {
            struct handing_said s = {.kind = HANDING_TELL};
            struct buf b = {0};
            memcpy(s.id, c->vehicle[ms % VEHICLES].submission.id, 32);
            handing_put(&s, &b);
            handing_message(c->unit[3].handing, 0, buf_span(&b), c->now_us);
            buf_free(&b);
            run(c, MS);
        }
        assert_int_equal(handing_counters(c->unit[3].handing)->got, VEHICLES);
        assert_true(c->now_us < 1000000 + UINT64_C(2500) * MS);
        assert_int_equal(c->unit[3].blamed[0], 0);
        cell_close(c);
    }
}

static void silent_down_and_full(void **state) {
    (void)state;
    struct cell *c = cell_open(9);
    c->unit[1].silent = true;
    c->unit[2].down = true;
    c->unit[3].full = true;
    for (size_t v = 0; v < VEHICLES; v++)
        c->unit[0].has[v] = c->unit[1].has[v] = true;
    run(c, UINT64_C(10000) * MS);
    assert_true(handing_counters(c->unit[3].handing)->not_kept > 0);
    assert_false(c->unit[3].has[0]);
    c->unit[3].full = false;
    run(c, UINT64_C(60000) * MS);
    assert_true(all_have(c));
    assert_true(handing_counters(c->unit[3].handing)->timeouts > 0);
    c->unit[2].down = false;
    run(c, UINT64_C(60000) * MS);
    assert_true(all_have(c));
    cell_close(c);
}

/* Nobody has it: asked again after a pause, not all the time; and when it is nobody's any more, nobody is blamed. */
static void nobody_has_it(void **state) {
    (void)state;
    struct cell *c = cell_open(10);
    c->claims = 1;
    run(c, UINT64_C(10000) * MS);
    const struct handing_counters *n = handing_counters(c->unit[0].handing);
    assert_int_equal(n->wanted, 1);
    assert_true(n->lacking >= 9 && n->lacking <= 15);
    c->unit[1].has[0] = true;
    handing_want(c->unit[0].handing, c->vehicle[0].submission.id, c->now_us);
    c->claims = 0;
    run(c, UINT64_C(20000) * MS);
    assert_false(c->unit[0].has[0]);
    assert_int_equal(c->unit[0].blamed[1], 0);
    assert_int_equal(n->waiting, 0);
    /* The round is another: what was wanted for the old one is forgotten, and a liar is heard again. */
    c->claims = VEHICLES;
    handing_want(c->unit[0].handing, c->vehicle[5].submission.id, c->now_us);
    c->round.number = 4;
    (void)handing_tick(c->unit[0].handing, c->now_us);
    assert_int_equal(n->waiting, 0);
    c->round = (struct uploads_round){0};
    handing_want(c->unit[0].handing, c->vehicle[5].submission.id, c->now_us);
    (void)handing_tick(c->unit[0].handing, c->now_us);
    assert_int_equal(n->waiting, 0);
    cell_close(c);
}

/* Who was told asks that peer, and not only after a pause; what nobody claims is not wanted, whoever tells of it. */
static void told(void **state) {
    (void)state;
    struct cell *c = cell_open(12);
    run(c, UINT64_C(20000) * MS); /* nobody has anything: long pauses */
    for (size_t v = 0; v < VEHICLES; v++) {
        c->unit[1].has[v] = true;
        handing_tell(c->unit[1].handing, c->vehicle[v].submission.id);
    }
    const uint64_t lacking = handing_counters(c->unit[0].handing)->lacking;
    run(c, UINT64_C(1500) * MS);
    assert_true(all_have(c));
    /* Only while the one that told is busy are others asked. */
    assert_true(handing_counters(c->unit[0].handing)->lacking <= lacking + VEHICLES * UINT64_C(2));
    assert_int_equal(handing_counters(c->unit[0].handing)->told, VEHICLES);
    c->unit[0].has[0] = false;
    c->claims = 0;
    handing_tell(c->unit[1].handing, c->vehicle[0].submission.id);
    run(c, UINT64_C(100) * MS);
    assert_int_equal(handing_counters(c->unit[0].handing)->waiting, 0);
    assert_false(c->unit[0].has[0]);
    cell_close(c);
}

/* One that asks without end gets what its budget is, and the others theirs. */
static void budget(void **state) {
    (void)state;
    struct cell *c = cell_open(11);
    struct handing_said s = {.kind = HANDING_WANT, .n = HANDING_PIECES};
    c->unit[0].has[0] = true;
    memcpy(s.id, c->vehicle[0].submission.id, 32);
    for (unsigned ms = 0; ms < 4000; ms++, c->now_us += MS) {
        struct buf b = {0};
        handing_put(&s, &b);
        for (unsigned k = 0; k < 10; k++)
            handing_message(c->unit[0].handing, 1, buf_span(&b), c->now_us);
        buf_free(&b);
        (void)handing_tick(c->unit[0].handing, c->now_us);
        for (size_t i = 0; i < c->n_messages; i++)
            buf_free(&c->message[i].octets);
        c->n_messages = 0;
    }
    const struct handing_counters *n = handing_counters(c->unit[0].handing);
    assert_true(n->served_octets <= UINT64_C(5) * (8 << 20) + HANDING_PIECES * HANDING_OCTETS);
    assert_true(n->served_octets >= UINT64_C(4) * (8 << 20));
    assert_true(n->refused > 10000);
    /* Beyond the end there is nothing, and no answer. */
    s.piece = UINT32_MAX;
    struct buf b = {0};
    handing_put(&s, &b);
    const uint64_t served = n->served;
    c->now_us += 5000 * MS;
    (void)handing_tick(c->unit[0].handing, c->now_us);
    const uint64_t before = n->served;
    handing_message(c->unit[0].handing, 2, buf_span(&b), c->now_us);
    assert_int_equal(n->served, before);
    assert_true(before >= served);
    buf_free(&b);
    cell_close(c);
}

static void forms(void **state) {
    (void)state;
    uint8_t octets[HANDING_OCTETS + 1] = {1, 2, 3};
    const struct handing_said good[] = {{.kind = HANDING_WANT, .id = {1}, .piece = 7, .n = 1},
        {.kind = HANDING_WANT, .id = {1}, .piece = UINT32_MAX, .n = HANDING_PIECES},
        {.kind = HANDING_PIECE, .id = {2}, .piece = 3, .octets = span_of(octets, 1)},
        {.kind = HANDING_PIECE, .id = {2}, .octets = span_of(octets, HANDING_OCTETS)},
        {.kind = HANDING_LACK, .id = {3}}, {.kind = HANDING_TELL, .id = {4}}};
    const struct handing_said bad[] = {{.kind = HANDING_WANT, .n = 0},
        {.kind = HANDING_WANT, .n = HANDING_PIECES + 1}, {.kind = HANDING_PIECE},
        {.kind = HANDING_PIECE, .octets = span_of(octets, HANDING_OCTETS + 1)},
        {.kind = (enum handing_kind)0}, {.kind = (enum handing_kind)5, .n = 1}};
    struct handing_said s;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct buf b = {0};
        struct buf again = {0};
        handing_put(&good[i], &b);
        assert_true(handing_read(buf_span(&b), &s));
        handing_put(&s, &again);
        assert_true(span_equal(buf_span(&b), buf_span(&again)));
        const size_t least = good[i].kind == HANDING_PIECE ? b.n - s.octets.n + 1 : b.n;
        for (size_t n = 0; n < b.n && n < 100; n++)
            assert_int_equal(handing_read(span_of(b.p, n), &s), n >= least);
        for (size_t k = 0; k < 3; k++) {
            b.p[k] ^= 4;
            assert_false(handing_read(buf_span(&b), &s));
            b.p[k] ^= 4;
        }
        buf_free(&b);
        buf_free(&again);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf b = {0};
        handing_put(&bad[i], &b);
        assert_false(handing_read(buf_span(&b), &s));
        buf_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(spreads),
        cmocka_unit_test(liar),
        cmocka_unit_test(one_holds_up_nobody),
        cmocka_unit_test(silent_down_and_full),
        cmocka_unit_test(nobody_has_it),
        cmocka_unit_test(told),
        cmocka_unit_test(budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Units hand on models and root sets: over links that lose and swap, from peers that lack them, are silent, slow, or lie. Virtual time. */
#include "rsu/learning/blobs.h"
#include "tests/support/cm.h"

#include "base/random.h"
#include "ledger/exec/hash.h"

enum {
    UNITS = 5,
    BLOBS = 3,
    MESSAGES = 4096,
    MS = 1000,
    SMALL = 1,
    EXACT = 2 * (int)BLOBS_OCTETS,
    LARGE = 4300001
};

struct cell;
struct unit {
    struct cell *cell;
    size_t i;
    struct blobs *blobs;
    bool has[BLOBS], down, silent, full, corrupt;
    unsigned blamed[UNITS], gets;
    /* What it does to what it says. */
    void (*twist)(struct unit *u, struct blobs_said *s);
    uint8_t twisted[BLOBS_OCTETS];
    uint64_t delay_us;
};
struct message {
    uint64_t at_us;
    size_t from, to;
    struct buf octets;
};
struct cell {
    struct ws_random random;
    uint8_t *octets[BLOBS];
    size_t n[BLOBS];
    uint8_t hash[BLOBS][32];
    struct unit unit[UNITS];
    struct message *message;
    size_t n_messages;
    unsigned loss;
    uint64_t now_us, octets_sent;
    bool named[BLOBS];
};

static size_t find(const struct cell *c, const uint8_t sha256[static 32]) {
    for (size_t i = 0; i < BLOBS; i++)
        if (memcmp(c->hash[i], sha256, 32) == 0)
            return i;
    return BLOBS;
}

static bool up(void *ctx, size_t peer) {
    const struct unit *u = ctx;
    return peer < UNITS && peer != u->i && !u->cell->unit[peer].down;
}

static void sends(void *ctx, size_t peer, struct span msg) {
    struct unit *u = ctx;
    struct cell *c = u->cell;
    struct blobs_said s;
    assert_true(blobs_owns(msg));
    assert_true(blobs_read(msg, &s));
    if (u->silent || ws_random_below(&c->random, 100) < c->loss)
        return;
    assert_true(c->n_messages < MESSAGES);
    struct message *m = &c->message[c->n_messages++];
    *m = (struct message){
        .at_us = c->now_us + 2 * MS + ws_random_below(&c->random, 3 * MS) + u->delay_us,
        .from = u->i,
        .to = peer};
    if (u->twist != NULL)
        u->twist(u, &s);
    blobs_put(&s, &m->octets);
    c->octets_sent += m->octets.n;
}

static bool named(void *ctx, const uint8_t sha256[static 32]) {
    const struct unit *u = ctx;
    const size_t i = find(u->cell, sha256);
    return i < BLOBS && u->cell->named[i];
}

static bool has(void *ctx, const uint8_t sha256[static 32]) {
    const struct unit *u = ctx;
    const size_t i = find(u->cell, sha256);
    return i < BLOBS && u->has[i];
}

static bool get(void *ctx, const uint8_t sha256[static 32], struct materials_hold *ret) {
    struct unit *u = ctx;
    const size_t i = find(u->cell, sha256);
    *ret = (struct materials_hold){0};
    u->gets++;
    if (!has(ctx, sha256) || u->corrupt)
        return false;
    ret->memory = ws_memdup(u->cell->octets[i], u->cell->n[i]);
    ret->blob = span_of(ret->memory, u->cell->n[i]);
    return true;
}

static int keep(
    void *ctx, const uint8_t sha256[static 32], struct span octets, struct ws_err *err) {
    struct unit *u = ctx;
    const size_t i = find(u->cell, sha256);
    uint8_t hash[32];
    assert_true(i < BLOBS);
    exec_sha256_one(octets, hash);
    if (memcmp(hash, sha256, 32) != 0)
        return ws_fail(err, WS_EINPUT, "another hash");
    if (u->full)
        return ws_fail(err, WS_EIO, "full");
    assert_false(u->has[i]);
    u->has[i] = true;
    return WS_OK;
}

static void blame(void *ctx, size_t peer, const uint8_t sha256[static 32]) {
    struct unit *u = ctx;
    assert_true(find(u->cell, sha256) < BLOBS);
    u->blamed[peer]++;
}

static struct cell *cell_open(uint64_t seed) {
    static const size_t sizes[BLOBS] = {LARGE, EXACT, SMALL};
    struct cell *c = ws_alloc(sizeof(*c));
    c->random = ws_random_seeded(seed);
    c->message = ws_calloc(MESSAGES, sizeof(*c->message));
    c->now_us = 1000000;
    for (size_t i = 0; i < BLOBS; i++) {
        c->n[i] = sizes[i];
        c->octets[i] = ws_alloc(sizes[i]);
        ws_random_bytes(&c->random, c->octets[i], sizes[i]);
        exec_sha256_one(span_of(c->octets[i], sizes[i]), c->hash[i]);
        c->named[i] = true;
    }
    for (size_t i = 0; i < UNITS; i++) {
        struct unit *u = &c->unit[i];
        u->cell = c;
        u->i = i;
        const struct blobs_config cfg = {.n_peers = UNITS,
            .first = (uint32_t)(i * 7),
            .octets_per_s = 8 << 20,
            .patience_us = 200 * MS,
            .up = up,
            .send = sends,
            .named = named,
            .has = has,
            .get = get,
            .keep = keep,
            .blame = blame,
            .ctx = u};
        u->blobs = blobs_new(&cfg);
    }
    return c;
}

static void cell_close(struct cell *c) {
    for (size_t i = 0; i < UNITS; i++)
        blobs_free(c->unit[i].blobs);
    for (size_t i = 0; i < c->n_messages; i++)
        buf_free(&c->message[i].octets);
    for (size_t i = 0; i < BLOBS; i++)
        free(c->octets[i]);
    free(c->message);
    free(c);
}

static void want(struct unit *u, uint32_t max) {
    struct blobs_want w[BLOBS];
    size_t n = 0;
    for (size_t i = 0; i < BLOBS; i++)
        if (!u->has[i] && u->cell->named[i]) {
            w[n].octets_max = max;
            memcpy(w[n++].sha256, u->cell->hash[i], 32);
        }
    blobs_wants(u->blobs, w, n, u->cell->now_us);
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
            blobs_message(c->unit[m.to].blobs, m.from, buf_span(&m.octets), c->now_us);
        buf_free(&m.octets);
    }
}

static bool all_have(const struct cell *c) {
    for (size_t i = 0; i < UNITS; i++)
        for (size_t k = 0; k < BLOBS; k++)
            if (!c->unit[i].has[k] && !c->unit[i].down && c->named[k])
                return false;
    return true;
}

static void run(struct cell *c, uint64_t us) {
    for (uint64_t end = c->now_us + us; c->now_us < end && !all_have(c); c->now_us += MS) {
        deliver(c);
        for (size_t i = 0; i < UNITS; i++) {
            if (c->now_us % (500 * MS) == 0)
                want(&c->unit[i], LARGE);
            if (!c->unit[i].down)
                (void)blobs_tick(c->unit[i].blobs, c->now_us);
        }
    }
}

static void give(struct unit *u) {
    memset(u->has, true, sizeof(u->has));
}

/* One unit was given them; soon all have them. */
static void spreads(void **state) {
    (void)state;
    for (unsigned loss = 0; loss <= 10; loss += 5) {
        struct cell *c = cell_open(loss + 1);
        c->loss = loss;
        give(&c->unit[2]);
        run(c, UINT64_C(600000) * MS);
        assert_true(all_have(c));
        for (size_t i = 0; i < UNITS; i++) {
            const struct blobs_counters *n = blobs_counters(c->unit[i].blobs);
            assert_int_equal(n->got, i == 2 ? 0 : BLOBS);
            assert_int_equal(n->bad + n->malformed, 0);
            assert_int_equal(n->waiting, 0);
            assert_true(loss > 0 || n->timeouts == 0);
            /* Each was read from the disk once for all questions about it in a row. */
            assert_true(c->unit[i].gets < 60);
        }
        assert_true(loss > 0 || c->octets_sent < UINT64_C(4) * (LARGE + EXACT + 10000) * 11 / 10);
        cell_close(c);
    }
}

static void flips(struct unit *u, struct blobs_said *s) {
    if (s->kind != BLOBS_PIECE || s->piece != s->length / 2 / BLOBS_OCTETS)
        return;
    memcpy(u->twisted, s->octets.p, s->octets.n);
    u->twisted[s->octets.n - 1] ^= 1;
    s->octets.p = u->twisted;
}
static void shortens(struct unit *u, struct blobs_said *s) {
    (void)u;
    if (s->kind == BLOBS_PIECE && s->octets.n > 1)
        s->octets.n--;
    else if (s->kind == BLOBS_PIECE)
        s->length++;
}
static void boasts(struct unit *u, struct blobs_said *s) {
    (void)u;
    s->length = UINT32_MAX;
}
static void wavers(struct unit *u, struct blobs_said *s) {
    (void)u;
    if (s->kind == BLOBS_PIECE && s->piece % 2 == 1)
        s->length--;
    else if (s->kind == BLOBS_PIECE && s->length == 1)
        s->piece = 1;
}

/* Whatever a peer sends instead, it is named once by each and not asked again. */
static void liars(void **state) {
    (void)state;
    static void (*const twists[])(struct unit *, struct blobs_said *) = {
        flips, shortens, boasts, wavers};
    for (size_t k = 0; k < ARRAY_LEN(twists); k++) {
        struct cell *c = cell_open(k + 1);
        c->unit[1].twist = twists[k];
        give(&c->unit[1]);
        run(c, UINT64_C(30000) *
                   MS); /* it alone has them: asked once by each for each that was under way */
        for (size_t i = 0; i < UNITS; i++) {
            assert_int_equal(blobs_counters(c->unit[i].blobs)->got, 0);
            assert_true(i == 1 || (c->unit[i].blamed[1] >= 1 && c->unit[i].blamed[1] <= BLOBS));
        }
        give(&c->unit[4]);
        run(c, UINT64_C(60000) * MS);
        assert_true(all_have(c));
        for (size_t i = 0; i < UNITS; i++) {
            const struct blobs_counters *n = blobs_counters(c->unit[i].blobs);
            assert_int_equal(n->bad, c->unit[i].blamed[1]);
            assert_true(n->bad <= BLOBS);
            assert_int_equal(c->unit[i].blamed[4], 0);
        }
        cell_close(c);
    }
}

static void silent_down_full_damaged(void **state) {
    (void)state;
    struct cell *c = cell_open(9);
    c->unit[0].silent = true;
    c->unit[1].down = true;
    c->unit[2].corrupt = true;
    c->unit[3].full = true;
    for (size_t i = 0; i < 3; i++)
        give(&c->unit[i]);
    run(c, UINT64_C(60000) * MS);
    assert_false(all_have(c));
    c->unit[0].silent = false;
    run(c, UINT64_C(60000) * MS);
    assert_true(c->unit[4].has[0]);
    assert_false(c->unit[3].has[0]);
    assert_true(blobs_counters(c->unit[3].blobs)->not_kept > 0);
    assert_true(blobs_counters(c->unit[4].blobs)->timeouts > 0);
    c->unit[3].full = false;
    run(c, UINT64_C(60000) * MS);
    assert_true(all_have(c));
    for (size_t i = 0; i < UNITS; i++)
        assert_int_equal(blobs_counters(c->unit[i].blobs)->bad, 0);
    cell_close(c);
}

/* One drips: it is left in time for one that does not. When all are so slow, it still comes, later. */
static void slow(void **state) {
    (void)state;
    struct cell *c = cell_open(10);
    c->unit[1].delay_us = 150 * MS;
    c->named[1] = c->named[2] = false;
    c->unit[1].has[0] = c->unit[3].has[0] = true;
    run(c, UINT64_C(20000) * MS);
    assert_true(all_have(c));
    cell_close(c);
    c = cell_open(11);
    c->named[1] = c->named[2] = false;
    for (size_t i = 0; i < UNITS; i++)
        c->unit[i].delay_us = 180 * MS;
    c->unit[1].has[0] = true;
    run(c, UINT64_C(120000) * MS);
    assert_true(all_have(c));
    assert_true(blobs_counters(c->unit[0].blobs)->timeouts > 0);
    cell_close(c);
}

/* Nobody has it: asked after pauses. What is named no more is not asked for, and not given out. */
static void names(void **state) {
    (void)state;
    struct cell *c = cell_open(12);
    run(c, UINT64_C(60000) * MS);
    const struct blobs_counters *n = blobs_counters(c->unit[0].blobs);
    assert_true(n->lacking >= 4 * BLOBS * 5 && n->lacking <= 4 * BLOBS * 12);
    assert_int_equal(n->waiting, BLOBS);
    assert_int_equal(n->wanted, BLOBS);
    c->named[0] = false;
    want(&c->unit[0], LARGE);
    assert_int_equal(n->waiting, BLOBS - 1);
    give(&c->unit[1]);
    const unsigned gets = c->unit[1].gets;
    const struct blobs_counters *asked = blobs_counters(c->unit[1].blobs);
    struct blobs_said s = {.kind = BLOBS_WANT, .n = 1};
    struct buf b = {0};
    memcpy(s.sha256, c->hash[0], 32);
    blobs_put(&s, &b);
    blobs_message(c->unit[1].blobs, 0, buf_span(&b), c->now_us);
    assert_int_equal(asked->refused, 1);
    assert_int_equal(asked->served, 0);
    assert_int_equal(c->unit[1].gets, gets);
    buf_free(&b);
    run(c, UINT64_C(60000) * MS);
    assert_true(c->unit[0].has[1]);
    assert_false(c->unit[0].has[0]);
    /* Nothing is wanted: it does not want to be called. */
    c->now_us += 60000000;
    (void)blobs_tick(c->unit[0].blobs, c->now_us);
    blobs_wants(c->unit[0].blobs, NULL, 0, c->now_us);
    assert_int_equal(n->waiting, 0);
    assert_true(blobs_tick(c->unit[0].blobs, c->now_us) == UINT64_MAX);
    cell_close(c);
}

/* One that is larger than it may be is not taken from anybody; a slot's new owner is asked. */
static void bounds(void **state) {
    (void)state;
    struct cell *c = cell_open(13);
    c->named[1] = c->named[2] = false;
    c->unit[1].has[0] = true;
    for (unsigned ms = 0; ms < 5000; ms++, c->now_us += MS) {
        deliver(c);
        want(&c->unit[0], LARGE - 1);
        (void)blobs_tick(c->unit[0].blobs, c->now_us);
        (void)blobs_tick(c->unit[1].blobs, c->now_us);
    }
    assert_int_equal(c->unit[0].blamed[1], 1);
    blobs_wants(c->unit[0].blobs, NULL, 0, c->now_us);
    run(c, UINT64_C(5000) * MS);
    assert_false(c->unit[0].has[0] && c->unit[0].blamed[1] > 1);
    cell_close(c);

    c = cell_open(14);
    c->unit[1].twist = flips;
    give(&c->unit[1]);
    run(c, UINT64_C(20000) * MS);
    c->unit[1].twist = NULL;
    run(c, UINT64_C(20000) * MS);
    assert_false(c->unit[0].has[0]);
    for (size_t i = 0; i < UNITS; i++)
        blobs_gone(c->unit[i].blobs, 1);
    run(c, UINT64_C(20000) * MS);
    assert_true(all_have(c));
    cell_close(c);
}

/* One that asks without end gets what its budget is. */
static void budget(void **state) {
    (void)state;
    struct cell *c = cell_open(15);
    struct blobs_said s = {.kind = BLOBS_WANT, .n = BLOBS_PIECES};
    struct buf b = {0};
    give(&c->unit[0]);
    memcpy(s.sha256, c->hash[0], 32);
    blobs_put(&s, &b);
    for (unsigned ms = 0; ms < 4000; ms++, c->now_us += MS) {
        for (unsigned k = 0; k < 10; k++)
            blobs_message(c->unit[0].blobs, 1, buf_span(&b), c->now_us);
        (void)blobs_tick(c->unit[0].blobs, c->now_us);
        for (size_t i = 0; i < c->n_messages; i++)
            buf_free(&c->message[i].octets);
        c->n_messages = 0;
    }
    const struct blobs_counters *n = blobs_counters(c->unit[0].blobs);
    assert_true(n->served_octets <= UINT64_C(5) * (8 << 20) + BLOBS_PIECES * BLOBS_OCTETS);
    assert_true(n->served_octets >= UINT64_C(4) * (8 << 20) - LARGE);
    assert_true(n->refused > 10000);
    assert_int_equal(c->unit[0].gets, 1);
    /* Beyond the end there is nothing, and no answer; of a slot that is none, no message. */
    const uint64_t served = n->served;
    s.piece = UINT32_MAX;
    buf_clear(&b);
    blobs_put(&s, &b);
    c->now_us += 5000 * MS;
    blobs_message(c->unit[0].blobs, 2, buf_span(&b), c->now_us);
    assert_int_equal(n->served, served);
    assert_int_equal(n->malformed, 0);
    blobs_message(c->unit[0].blobs, UNITS, buf_span(&b), c->now_us);
    assert_int_equal(n->malformed, 1);
    buf_free(&b);
    cell_close(c);
}

static void forms(void **state) {
    (void)state;
    uint8_t octets[BLOBS_OCTETS + 1] = {1, 2, 3};
    const struct blobs_said good[] = {{.kind = BLOBS_WANT, .sha256 = {1}, .piece = 7, .n = 1},
        {.kind = BLOBS_WANT, .sha256 = {1}, .piece = UINT32_MAX, .n = BLOBS_PIECES},
        {.kind = BLOBS_PIECE, .sha256 = {2}, .length = 9, .octets = span_of(octets, 1)},
        {.kind = BLOBS_PIECE,
            .sha256 = {2},
            .length = UINT32_MAX,
            .piece = 5,
            .octets = span_of(octets, BLOBS_OCTETS)},
        {.kind = BLOBS_LACK, .sha256 = {3}}};
    const struct blobs_said bad[] = {{.kind = BLOBS_WANT, .n = 0},
        {.kind = BLOBS_WANT, .n = BLOBS_PIECES + 1}, {.kind = BLOBS_PIECE, .length = 1},
        {.kind = BLOBS_PIECE, .length = 1, .octets = span_of(octets, BLOBS_OCTETS + 1)},
        {.kind = (enum blobs_kind)4, .n = 1}, {.kind = (enum blobs_kind)8, .n = 1}};
    struct blobs_said s;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct buf b = {0};
        struct buf again = {0};
        blobs_put(&good[i], &b);
        assert_true(blobs_owns(buf_span(&b)));
        assert_true(blobs_read(buf_span(&b), &s));
        blobs_put(&s, &again);
        assert_true(span_equal(buf_span(&b), buf_span(&again)));
        const size_t least = good[i].kind == BLOBS_PIECE ? b.n - s.octets.n + 1 : b.n;
        for (size_t n = 0; n < b.n && n < 100; n++)
            assert_int_equal(blobs_read(span_of(b.p, n), &s), n >= least);
        for (size_t k = 0; k < 3; k++) {
            b.p[k] ^= 4;
            assert_false(blobs_read(buf_span(&b), &s));
            assert_false(blobs_owns(buf_span(&b)));
            b.p[k] ^= 4;
        }
        buf_free(&b);
        buf_free(&again);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf b = {0};
        blobs_put(&bad[i], &b);
        assert_false(blobs_read(buf_span(&b), &s));
        buf_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(spreads),
        cmocka_unit_test(liars),
        cmocka_unit_test(silent_down_full_damaged),
        cmocka_unit_test(slow),
        cmocka_unit_test(names),
        cmocka_unit_test(bounds),
        cmocka_unit_test(budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

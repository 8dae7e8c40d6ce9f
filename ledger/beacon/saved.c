/* The beacon's state in octets (docs/formats/beacon.md) and back. What stands here is under the state root, so reading
 * it back asks only whether it is whole. */
#include "base/assert.h"
#include "base/mem.h"
#include "ledger/beacon/contract_internal.h"

#include <stdlib.h>

enum { FLAG_BARRED = 1, FLAG_REVIEWED = 2, FLAG_UPHELD = 4, KEY_OF_DEALING = 11 };

static struct span control_key(void) {
    return span_of("c", 1);
}

static struct span numbered_key(char prefix, uint64_t number, uint8_t ret[static 9]) {
    ret[0] = (uint8_t)prefix;
    put_be64(ret + 1, number);
    return span_of(ret, 9);
}

static struct span dealing_key(uint64_t serial, size_t dealer, uint8_t ret[static KEY_OF_DEALING]) {
    (void)numbered_key('d', serial, ret);
    put_be16(ret + 9, (uint16_t)dealer);
    return span_of(ret, KEY_OF_DEALING);
}

/* ---- control ---- */

static void put_params(struct buf *b, const struct beacon_params *p) {
    buf_u32(b, p->every);
    buf_u32(b, p->window);
    buf_u32(b, p->settle);
    buf_u32(b, p->attempt);
    buf_u32(b, p->again);
}

void beacon_save_control(const struct beacon_contract *c, struct exec_host *h) {
    struct buf b = {0};
    buf_u8(&b, BEACON_VERSION);
    put_params(&b, &c->params);
    buf_u64(&b, c->epoch);
    buf_u64(&b, c->serial);
    buf_u8(&b, (uint8_t)c->phase);
    buf_u64(&b, c->phase_height);
    buf_u64(&b, c->attempt_height);
    buf_u64(&b, c->in_force);
    buf_put(&b, c->set_hash, sizeof(c->set_hash));
    buf_u16(&b, (uint16_t)c->roster.n);
    for (size_t i = 0; i < c->roster.n; i++) {
        const struct seat *s = &c->roster.seat[i];
        buf_put(&b, s->address, sizeof(s->address));
        buf_u64(&b, s->power);
        buf_u8(&b, s->registered);
        buf_put(&b, s->key.b, sizeof(s->key.b));
        buf_u64(&b, c->registered_at[i]);
        buf_u8(
            &b, (uint8_t)((c->barred[i] ? FLAG_BARRED : 0) | (c->reviewed[i] ? FLAG_REVIEWED : 0) |
                          (c->upheld[i] ? FLAG_UPHELD : 0)));
    }
    exec_put(h, control_key(), buf_span(&b));
    buf_free(&b);
}

static bool read_member(struct beacon_contract *c, struct rd *r, size_t i) {
    struct seat *s = &c->roster.seat[i];
    rd_copy(r, s->address, sizeof(s->address));
    s->power = rd_u64(r);
    s->registered = rd_u8(r) == 1;
    if (s->registered)
        point_read(r, &s->key);
    else
        (void)rd_take(r, sizeof(s->key.b));
    c->registered_at[i] = rd_u64(r);
    uint8_t flags = rd_u8(r);
    c->barred[i] = (flags & FLAG_BARRED) != 0;
    c->reviewed[i] = (flags & FLAG_REVIEWED) != 0;
    c->upheld[i] = (flags & FLAG_UPHELD) != 0;
    return !r->bad && s->power > 0 && s->power <= POWER_MAX;
}

static bool read_control(struct beacon_contract *c, struct rd *r) {
    c->epoch = rd_u64(r);
    c->serial = rd_u64(r);
    c->phase = rd_u8(r);
    c->phase_height = rd_u64(r);
    c->attempt_height = rd_u64(r);
    c->in_force = rd_u64(r);
    rd_copy(r, c->set_hash, sizeof(c->set_hash));
    c->roster.n = rd_u16(r);
    if (r->bad || c->roster.n > BEACON_MEMBERS_MAX || c->phase > BEACON_REVIEWING)
        return false;
    for (size_t i = 0; i < c->roster.n; i++)
        if (!read_member(c, r, i))
            return false;
    memcpy(c->roster.cell, c->cell, sizeof(c->cell));
    if (c->roster.n > 0)
        generation_finish(&c->roster);
    return rd_done(r);
}

static int load_control(struct beacon_contract *c, struct exec_host *h, struct ws_err *err) {
    struct span s;
    if (!exec_get(h, control_key(), &s))
        return ws_fail(err, WS_ENOTFOUND, "state holds no beacon");
    struct buf mine = {0};
    buf_u8(&mine, BEACON_VERSION);
    put_params(&mine, &c->params);
    const bool same = s.n >= mine.n && memcmp(s.p, mine.p, mine.n) == 0;
    struct rd r = rd_of(s);
    (void)rd_take(&r, mine.n);
    buf_free(&mine);
    if (!same)
        return ws_fail(
            err, WS_EINPUT, "the cell's beacon has other numbers than this software gives it");
    if (!read_control(c, &r))
        return ws_fail(err, WS_EINPUT, "the beacon's control record is damaged");
    return WS_OK;
}

/* ---- generations, dealings and keys ---- */

static void save_generation(const struct generation *g, struct exec_host *h) {
    uint8_t key[9];
    struct buf b = {0};
    generation_encode(g, &b);
    exec_put(h, numbered_key('g', g->serial, key), buf_span(&b));
    buf_free(&b);
}

void beacon_save_generation(const struct beacon_contract *c, struct exec_host *h) {
    save_generation(&c->gen, h);
}

void beacon_save_dealing(
    const struct beacon_contract *c, struct exec_host *h, size_t dealer, struct span body) {
    uint8_t key[KEY_OF_DEALING];
    exec_put(h, dealing_key(c->serial, dealer, key), body);
}

void beacon_forget_generation(struct exec_host *h, uint64_t serial) {
    uint8_t key[KEY_OF_DEALING];
    exec_del(h, numbered_key('g', serial, key));
    exec_del(h, numbered_key('k', serial, key));
    for (size_t i = 0; i < BEACON_MEMBERS_MAX; i++) {
        struct span at = dealing_key(serial, i, key), value;
        if (exec_get(h, at, &value))
            exec_del(h, at);
    }
}

void beacon_save_key(const struct live_key *k, struct exec_host *h) {
    uint8_t key[9];
    const struct generation *g = &k->key.g;
    struct buf b = {0};
    buf_u8(&b, BEACON_VERSION);
    buf_u64(&b, k->since);
    buf_put(&b, k->key.id, sizeof(k->key.id));
    for (size_t i = 0; i < g->n; i++) {
        buf_u8(&b, k->key.qualified[i]);
        buf_u8(&b, k->reviewed[i]);
    }
    for (size_t i = 0; i < g->threshold; i++)
        buf_put(&b, k->key.commitment[i].b, sizeof(k->key.commitment[i].b));
    for (size_t i = 0; i < g->total; i++)
        buf_put(&b, k->key.share[i].b, sizeof(k->key.share[i].b));
    exec_put(h, numbered_key('k', g->serial, key), buf_span(&b));
    buf_free(&b);
}

static bool load_generation(
    const struct beacon_contract *c, struct exec_host *h, uint64_t serial, struct generation *ret) {
    uint8_t key[9];
    struct span s;
    return exec_get(h, numbered_key('g', serial, key), &s) && generation_decode(s, c->cell, ret) &&
           ret->serial == serial;
}

static bool load_dealing(
    struct exec_host *h, uint64_t serial, size_t dealer, struct dealing **ret_dealing) {
    uint8_t key[KEY_OF_DEALING];
    struct span s;
    if (!exec_get(h, dealing_key(serial, dealer, key), &s))
        return false;
    *ret_dealing = ws_alloc(sizeof(**ret_dealing));
    return dealing_decode(s, *ret_dealing);
}

static bool read_key(struct beacon_contract *c, struct exec_host *h, uint64_t serial, struct span s,
    struct live_key *k) {
    struct generation *g = &k->key.g;
    struct rd r = rd_of(s);
    if (!load_generation(c, h, serial, g) || rd_u8(&r) != BEACON_VERSION)
        return false;
    k->since = rd_u64(&r);
    rd_copy(&r, k->key.id, sizeof(k->key.id));
    for (size_t i = 0; i < g->n; i++) {
        k->key.qualified[i] = rd_u8(&r) == 1;
        k->reviewed[i] = rd_u8(&r) == 1;
    }
    for (size_t i = 0; i < g->threshold; i++)
        point_read(&r, &k->key.commitment[i]);
    for (size_t i = 0; i < g->total; i++)
        point_read(&r, &k->key.share[i]);
    return rd_done(&r);
}

static bool load_key(
    struct beacon_contract *c, struct exec_host *h, struct span key, struct span s) {
    if (key.n != 9 || c->n_keys == BEACON_KEYS_MAX)
        return false;
    const uint64_t serial = be64(key.p + 1);
    struct live_key *k = ws_alloc(sizeof(*k));
    c->key[c->n_keys++] = k;
    if (!read_key(c, h, serial, s, k))
        return false;
    for (size_t i = 0; i < k->key.g.n; i++)
        if (k->key.qualified[i] && !load_dealing(h, serial, i, &k->dealing[i]))
            return false;
    return true;
}

static int load_keys(struct beacon_contract *c, struct exec_host *h, struct ws_err *err) {
    struct span key, value;
    struct buf after = {0};
    bool good = true;
    while (good && exec_next(h, span_of("k", 1), buf_span(&after), &key, &value)) {
        buf_clear(&after);
        buf_put(&after, key.p, key.n);
        good = load_key(c, h, buf_span(&after), value);
    }
    buf_free(&after);
    if (!good || (c->in_force != 0 && beacon_find_key(c, c->in_force) == NULL))
        return ws_fail(err, WS_EINPUT, "a beacon key in state is damaged");
    if (c->phase != BEACON_DEALING && c->phase != BEACON_REVIEWING)
        return WS_OK;
    if (!load_generation(c, h, c->serial, &c->gen))
        return ws_fail(err, WS_EINPUT, "the beacon's generation in state is damaged");
    for (size_t i = 0; i < c->gen.n; i++)
        if (!load_dealing(h, c->serial, i, &c->dealing[i]) && c->dealing[i] != NULL)
            return ws_fail(err, WS_EINPUT, "a beacon dealing in state is damaged");
    return WS_OK;
}

/* ---- heights ---- */

void beacon_height_key(uint64_t height, uint8_t ret_key[static BEACON_HEIGHT_KEY_OCTETS]) {
    (void)numbered_key('h', height, ret_key);
}

bool beacon_height_value(struct span value, uint8_t ret_randomness[static 32]) {
    struct rd r = rd_of(value);
    const bool done = rd_u8(&r) == BEACON_VERSION && rd_u8(&r) == MOMENT_DONE;
    (void)rd_u64(&r); /* the key's serial */
    rd_copy(&r, ret_randomness, 32);
    return done && rd_done(&r);
}

void beacon_save_moment(const struct beacon_contract *c, struct exec_host *h, struct moment *m) {
    uint8_t key[9];
    struct buf b = {0};
    buf_u8(&b, BEACON_VERSION);
    buf_u8(&b, (uint8_t)m->state);
    buf_u64(&b, m->serial);
    if (m->state == MOMENT_DONE) {
        buf_put(&b, m->randomness, sizeof(m->randomness));
    } else {
        buf_u16(&b, m->got);
        const struct live_key *k = beacon_find_key(c, m->serial);
        for (uint16_t j = 0; m->got > 0 && j < k->key.g.total; j++) {
            if (point_is_identity(&m->value[j]))
                continue;
            buf_u16(&b, (uint16_t)(j + 1));
            buf_put(&b, m->value[j].b, sizeof(m->value[j].b));
        }
    }
    exec_put(h, numbered_key('h', m->height, key), buf_span(&b));
    buf_free(&b);
    m->dirty = false;
}

void beacon_forget_moment(struct exec_host *h, uint64_t height) {
    uint8_t key[9];
    exec_del(h, numbered_key('h', height, key));
}

static bool read_values(const struct beacon_contract *c, struct rd *r, struct moment *m) {
    const struct live_key *k = beacon_find_key(c, m->serial);
    if (m->got > 0 && (k == NULL || m->got > k->key.g.total))
        return false;
    if (m->got > 0)
        m->value = ws_calloc(k->key.g.total, sizeof(*m->value));
    for (size_t i = 0; i < m->got; i++) {
        uint16_t ticket = rd_u16(r);
        if (r->bad || ticket < 1 || ticket > k->key.g.total)
            return false;
        point_read(r, &m->value[ticket - 1]);
    }
    return true;
}

static bool read_moment(struct beacon_contract *c, uint64_t height, struct span s) {
    struct moment *m = &c->moment[(height / c->params.every) % c->params.window];
    struct rd r = rd_of(s);
    if (rd_u8(&r) != BEACON_VERSION || height == 0 || m->height != 0)
        return false;
    uint8_t state = rd_u8(&r);
    *m = (struct moment){.height = height, .state = state, .serial = rd_u64(&r)};
    if (state == MOMENT_DONE)
        rd_copy(&r, m->randomness, sizeof(m->randomness));
    else
        m->got = rd_u16(&r);
    if (state == MOMENT_BOUND && beacon_find_key(c, m->serial) == NULL)
        return false;
    return state <= MOMENT_NEVER && (state == MOMENT_DONE || read_values(c, &r, m)) && rd_done(&r);
}

static int load_moments(struct beacon_contract *c, struct exec_host *h, struct ws_err *err) {
    uint8_t at[9];
    struct span after = span_of("", 0), key, value;
    while (exec_next(h, span_of("h", 1), after, &key, &value)) {
        if (key.n != sizeof(at) || !read_moment(c, be64(key.p + 1), value))
            return ws_fail(err, WS_EINPUT, "a height of the beacon in state is damaged");
        memcpy(at, key.p, sizeof(at));
        after = span_of(at, sizeof(at));
    }
    return WS_OK;
}

int beacon_load(struct beacon_contract *c, struct exec_host *h, struct ws_err *err) {
    int rc = load_control(c, h, err);
    if (rc == WS_OK)
        rc = load_keys(c, h, err);
    if (rc == WS_OK)
        rc = load_moments(c, h, err);
    return rc;
}

/* The learning contract's state in octets (docs/formats/learning.md) and back. What stands here is under the state root, so reading
 * it back asks only whether it is whole. Groups and opened keys are not kept: they follow from what is. */
#include "base/assert.h"
#include "base/mem.h"
#include "fedlearn/round/rounds_internal.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

enum {
    FLAG_TWO_SUMS = 1,
    FLAG_FALSE_COMPLAINT = 2,
    KEY_OCTETS_MAX = 33,
    SUB_OCTETS = 97,
    SUB_LATE = 2
};

static struct span key_of(
    char prefix, const void *p, size_t n, uint8_t ret[static KEY_OCTETS_MAX]) {
    WS_ASSERT(n < KEY_OCTETS_MAX);
    ret[0] = (uint8_t)prefix;
    memcpy(ret + 1, p, n);
    return span_of(ret, 1 + n);
}

static struct span number_key(char prefix, uint64_t v, uint8_t ret[static KEY_OCTETS_MAX]) {
    uint8_t n[8];
    put_be64(n, v);
    return key_of(prefix, n, sizeof(n), ret);
}

static struct span sub_key(uint32_t i, uint8_t ret[static KEY_OCTETS_MAX]) {
    uint8_t n[4];
    put_be32(n, i);
    return key_of('s', n, sizeof(n), ret);
}

static struct span member_key(char prefix, unsigned v, uint8_t ret[static KEY_OCTETS_MAX]) {
    uint8_t n = (uint8_t)v;
    return key_of(prefix, &n, 1, ret);
}

static struct span group_key(size_t g, uint8_t ret[static KEY_OCTETS_MAX]) {
    uint8_t n[2] = {(uint8_t)(g >> 8), (uint8_t)g};
    return key_of('d', n, sizeof(n), ret);
}

static struct span sum_key(size_t g, unsigned v, uint8_t ret[static KEY_OCTETS_MAX]) {
    uint8_t n[3] = {(uint8_t)(g >> 8), (uint8_t)g, (uint8_t)v};
    return key_of('u', n, sizeof(n), ret);
}

/* ---- control and model ---- */

void rounds_save_control(struct fl_rounds *c, struct exec_host *h) {
    struct buf b = {0};
    buf_u8(&b, FL_RECORDS_VERSION);
    buf_u64(&b, c->number);
    buf_u64(&b, c->opened_us);
    buf_u64(&b, c->waited_us);
    buf_u8(&b, (uint8_t)c->phase);
    buf_u8(&b, (uint8_t)c->why);
    if (c->phase != FL_IDLE) {
        buf_u64(&b, c->until_us);
        buf_u64(&b, c->draw_height);
        buf_put(&b, c->seed, sizeof(c->seed));
        buf_put(&b, c->draw, sizeof(c->draw));
        buf_u32(&b, c->n_subs);
        struct buf open = {0};
        fl_open_encode(&c->open, &open);
        buf_var(&b, buf_span(&open));
        buf_free(&open);
        for (size_t v = 0; v < c->open.n; v++)
            buf_u8(&b, (uint8_t)((c->member[v].two_sums ? FLAG_TWO_SUMS : 0) |
                                 (c->member[v].complained_falsely ? FLAG_FALSE_COMPLAINT : 0)));
    }
    exec_put(h, span_of("c", 1), buf_span(&b));
    buf_free(&b);
}

static bool read_round(struct fl_rounds *c, struct rd *r) {
    c->until_us = rd_u64(r);
    c->draw_height = rd_u64(r);
    rd_copy(r, c->seed, sizeof(c->seed));
    rd_copy(r, c->draw, sizeof(c->draw));
    c->n_subs = rd_u32(r);
    if (!fl_open_decode(rd_var(r, rd_left(r)), &c->open))
        return false;
    for (size_t v = 0; v < c->open.n; v++) {
        uint8_t flags = rd_u8(r);
        c->member[v].two_sums = (flags & FLAG_TWO_SUMS) != 0;
        c->member[v].complained_falsely = (flags & FLAG_FALSE_COMPLAINT) != 0;
    }
    return rd_done(r) && c->n_subs <= c->open.config.submissions_max;
}

static bool read_control(struct fl_rounds *c, struct span s) {
    struct rd r = rd_of(s);
    if (rd_u8(&r) != FL_RECORDS_VERSION)
        return false;
    c->number = rd_u64(&r);
    c->opened_us = rd_u64(&r);
    c->waited_us = rd_u64(&r);
    uint8_t phase = rd_u8(&r);
    uint8_t why = rd_u8(&r);
    if (r.bad || phase >= FL_PHASE_COUNT || why >= FL_ABORT_COUNT)
        return false;
    c->phase = phase;
    c->why = why;
    return c->phase == FL_IDLE ? rd_done(&r) : read_round(c, &r);
}

void rounds_save_model(const struct fl_rounds *c, struct exec_host *h) {
    const struct fl_model_view *m = &c->model;
    size_t name = strlen(m->name);
    struct buf b = {0};
    buf_u8(&b, FL_RECORDS_VERSION);
    buf_u64(&b, m->version);
    buf_u8(&b, (uint8_t)name);
    buf_put(&b, m->name, name);
    buf_u32(&b, m->params);
    buf_u8(&b, m->classes);
    buf_put(&b, m->hash, sizeof(m->hash));
    buf_put(&b, m->parent, sizeof(m->parent));
    buf_put(&b, m->root_set, sizeof(m->root_set));
    buf_u8(&b, m->counted);
    for (size_t i = 0; i < m->counted; i++)
        buf_u32(&b, m->best[i]);
    buf_u8(&b, m->vetoed);
    exec_put(h, span_of("m", 1), buf_span(&b));
    buf_free(&b);
}

static bool read_model(struct fl_model_view *m, struct span s) {
    struct rd r = rd_of(s);
    if (rd_u8(&r) != FL_RECORDS_VERSION)
        return false;
    m->version = rd_u64(&r);
    struct span name = rd_take(&r, rd_u8(&r));
    m->params = rd_u32(&r);
    m->classes = rd_u8(&r);
    rd_copy(&r, m->hash, sizeof(m->hash));
    rd_copy(&r, m->parent, sizeof(m->parent));
    rd_copy(&r, m->root_set, sizeof(m->root_set));
    m->counted = rd_u8(&r);
    if (m->counted > FL_MAX_CLASSES)
        return false;
    for (size_t i = 0; i < m->counted; i++)
        m->best[i] = rd_u32(&r);
    const uint8_t vetoed = rd_u8(&r);
    m->vetoed = vetoed != 0;
    if (vetoed > 1 || !rd_done(&r) || name.n >= FL_MODEL_NAME)
        return false;
    memcpy(m->name, name.p, name.n);
    return true;
}

/* ---- keys ---- */

void rounds_save_key(const struct round_key *k, struct exec_host *h) {
    uint8_t key[KEY_OCTETS_MAX];
    uint8_t value[8 + FL_POINT_OCTETS];
    put_be64(value, k->serial);
    memcpy(value + 8, k->key.b, sizeof(k->key.b));
    exec_put(h, key_of('k', k->address, 32, key), span_of(value, sizeof(value)));
}

void rounds_drop_key(const struct round_key *k, struct exec_host *h) {
    uint8_t key[KEY_OCTETS_MAX];
    exec_del(h, key_of('k', k->address, 32, key));
}

static bool load_keys(struct fl_rounds *c, struct exec_host *h) {
    uint8_t last[KEY_OCTETS_MAX] = {0};
    struct span at = span_of(last, 0);
    struct span key;
    struct span value;
    while (exec_next(h, span_of("k", 1), at, &key, &value)) {
        if (key.n != 33 || value.n != 8 + FL_POINT_OCTETS || c->n_keys == FL_KEYS_MAX)
            return false;
        struct round_key *k = &c->key[c->n_keys++];
        struct rd r = rd_of(value);
        memcpy(k->address, key.p + 1, sizeof(k->address));
        k->serial = rd_u64(&r);
        fl_point_read(&r, &k->key);
        if (!rd_done(&r))
            return false;
        memcpy(last, key.p, key.n);
        at = span_of(last, key.n);
    }
    return true;
}

/* ---- the round ---- */

void rounds_save_sub(const struct fl_rounds *c, struct exec_host *h, uint32_t i) {
    uint8_t key[KEY_OCTETS_MAX];
    uint8_t value[SUB_OCTETS];
    memcpy(value, c->sub[i].id, 32);
    memcpy(value + 32, c->sub[i].token, 32);
    memcpy(value + 64, c->sub[i].upload_key, 32);
    value[96] = c->sub[i].late ? SUB_LATE : c->sub[i].excluded;
    exec_put(h, sub_key(i, key), span_of(value, sizeof(value)));
}

void rounds_save_attest(const struct fl_rounds *c, struct exec_host *h, unsigned v) {
    uint8_t key[KEY_OCTETS_MAX];
    exec_put(h, member_key('a', v, key), span_of(c->member[v - 1].attested, (c->n_subs + 7) / 8));
}

void rounds_save_sum(struct exec_host *h, size_t g, unsigned v, const struct fl_share_sum *sum) {
    uint8_t key[KEY_OCTETS_MAX];
    uint8_t value[FL_SUM_OCTETS];
    fl_share_sum_put(sum, value);
    exec_put(h, sum_key(g, v, key), span_of(value, sizeof(value)));
}

void rounds_save_good(struct exec_host *h, size_t g, uint32_t good) {
    uint8_t key[KEY_OCTETS_MAX];
    uint8_t value[4];
    put_be32(value, good);
    exec_put(h, group_key(g, key), span_of(value, sizeof(value)));
}

void rounds_save_outcome(struct exec_host *h, unsigned v, struct span octets) {
    uint8_t key[KEY_OCTETS_MAX];
    exec_put(h, member_key('o', v, key), octets);
}

void rounds_forget(const struct fl_rounds *c, struct exec_host *h) {
    uint8_t key[KEY_OCTETS_MAX];
    for (uint32_t i = 0; i < c->n_subs; i++)
        exec_del(h, sub_key(i, key));
    for (unsigned v = 1; v <= c->open.n; v++) {
        exec_del(h, member_key('a', v, key));
        exec_del(h, member_key('o', v, key));
        for (size_t g = 0; g < c->n_groups; g++)
            exec_del(h, sum_key(g, v, key));
    }
    for (size_t g = 0; g < c->n_groups; g++)
        exec_del(h, group_key(g, key));
}

static bool load_sub(struct fl_rounds *c, struct exec_host *h, uint32_t i) {
    uint8_t key[KEY_OCTETS_MAX];
    struct span value;
    struct round_sub *s = &c->sub[i];
    if (!exec_get(h, sub_key(i, key), &value) || value.n != SUB_OCTETS || value.p[96] > SUB_LATE)
        return false;
    memcpy(s->id, value.p, 32);
    memcpy(s->token, value.p + 32, 32);
    memcpy(s->upload_key, value.p + 64, 32);
    s->excluded = value.p[96] != 0;
    s->late = value.p[96] == SUB_LATE;
    s->group = FL_NO_GROUP;
    return table_add(&c->by_token, s->token, s) == NULL;
}

static bool load_attests(struct fl_rounds *c, struct exec_host *h) {
    uint8_t key[KEY_OCTETS_MAX];
    struct span value;
    for (unsigned v = 1; v <= c->open.n; v++) {
        if (!exec_get(h, member_key('a', v, key), &value))
            continue;
        if (value.n != (c->n_subs + 7) / 8)
            return false;
        c->member[v - 1].attested = ws_alloc(value.n + 1);
        memcpy(c->member[v - 1].attested, value.p, value.n);
    }
    return true;
}

static bool load_sums(struct fl_rounds *c, struct exec_host *h) {
    uint8_t key[KEY_OCTETS_MAX];
    struct span value;
    for (size_t g = 0; g < c->n_groups; g++) {
        for (unsigned v = 1; v <= c->open.n; v++) {
            if (!exec_get(h, sum_key(g, v, key), &value))
                continue;
            struct rd r = rd_of(value);
            c->group[g].sum[v - 1] = ws_alloc(sizeof(struct fl_share_sum));
            fl_share_sum_read(&r, c->group[g].sum[v - 1]);
            if (!rd_done(&r))
                return false;
        }
        if (exec_get(h, group_key(g, key), &value) &&
            (value.n != 4 || !round_open_again(c, g, be32(value.p))))
            return false;
        /* What was not open when its time was over never will be. */
        c->group[g].given_up =
            c->group[g].given_up || (c->phase == FL_JUDGING && !c->group[g].opened);
    }
    return true;
}

static void load_outcomes(struct fl_rounds *c, struct exec_host *h) {
    uint8_t key[KEY_OCTETS_MAX];
    struct span value;
    for (unsigned v = 1; v <= c->open.n; v++) {
        if (!exec_get(h, member_key('o', v, key), &value))
            continue;
        c->member[v - 1].has_outcome = true;
        exec_sha256_one(value, c->member[v - 1].outcome);
    }
}

static bool load_round(struct fl_rounds *c, struct exec_host *h) {
    round_begin(c);
    for (uint32_t i = 0; i < c->n_subs; i++)
        if (!load_sub(c, h, i))
            return false;
    if (!load_attests(c, h))
        return false;
    for (size_t i = 0; c->phase >= FL_DRAWING && i < c->n_subs; i++)
        c->sub[i].included = round_is_in(c, i);
    if (c->phase >= FL_OPENING && (!round_draw(c) || !load_sums(c, h)))
        return false;
    load_outcomes(c, h);
    return true;
}

/* ---- suspicion and history ---- */

void rounds_save_suspicion(const struct fl_rounds *c, struct exec_host *h) {
    struct buf b = {0};
    fl_suspicion_encode(&c->suspicion, &b);
    exec_put(h, span_of("q", 1), buf_span(&b));
    buf_free(&b);
}

void rounds_save_history(const struct fl_rounds *c, struct exec_host *h, struct span closed) {
    uint8_t key[KEY_OCTETS_MAX];
    exec_put(h, number_key('h', c->number, key), closed);
    if (c->number > FL_HISTORY)
        exec_del(h, number_key('h', c->number - FL_HISTORY, key));
}

int rounds_load(struct fl_rounds *c, struct exec_host *h, struct ws_err *err) {
    struct span s;
    if (!exec_get(h, span_of("c", 1), &s))
        return ws_fail(err, WS_ENOTFOUND, "state holds no learning");
    if (!read_control(c, s))
        return ws_fail(err, WS_EINPUT, "learning's control record is damaged");
    if (exec_get(h, span_of("m", 1), &s) && !read_model(&c->model, s))
        return ws_fail(err, WS_EINPUT, "learning's model record is damaged");
    if (!load_keys(c, h))
        return ws_fail(err, WS_EINPUT, "learning's keys are damaged");
    if (exec_get(h, span_of("q", 1), &s) && fl_suspicion_decode(&c->suspicion, s, err) != WS_OK)
        return ws_fail_in(err, "learning's table of suspicion");
    if (c->phase != FL_IDLE)
        c->suspicion.rules = c->open.config.suspicion;
    if (c->phase != FL_IDLE && !load_round(c, h))
        return ws_fail(err, WS_EINPUT, "learning's round is damaged");
    return WS_OK;
}

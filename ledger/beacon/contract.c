#include "ledger/beacon/contract.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/beacon/contract_internal.h"

#include <stdlib.h>

struct beacon_params beacon_params_default(void) {
    return (struct beacon_params){
        .every = 1, .window = 512, .settle = 4, .attempt = 8, .again = 256};
}

struct live_key *beacon_find_key(const struct beacon_contract *c, uint64_t serial) {
    for (size_t i = 0; i < c->n_keys; i++)
        if (c->key[i]->key.g.serial == serial)
            return c->key[i];
    return NULL;
}

struct moment *beacon_find_moment(const struct beacon_contract *c, uint64_t height) {
    if (height == 0 || height % c->params.every != 0)
        return NULL;
    struct moment *m = &c->moment[(height / c->params.every) % c->params.window];
    return m->height == height ? m : NULL;
}

void beacon_drop_dealings(struct dealing *dealing[BEACON_MEMBERS_MAX]) {
    for (size_t i = 0; i < BEACON_MEMBERS_MAX; i++) {
        free(dealing[i]);
        dealing[i] = NULL;
    }
}

void live_key_free(struct live_key *k) {
    if (k != NULL)
        beacon_drop_dealings(k->dealing);
    free(k);
}

/* ---- the contract ---- */

static int on_genesis(void *self, struct exec_host *h, struct span section, struct ws_err *err) {
    struct beacon_contract *c = self;
    if (section.n != 0)
        return ws_fail(err, WS_EINPUT, "beacon: its part of the genesis is not empty");
    memcpy(c->cell, exec_cell_id(h), sizeof(c->cell));
    beacon_save_control(c, h);
    return WS_OK;
}

static int on_load(void *self, struct exec_host *h, struct ws_err *err) {
    struct beacon_contract *c = self;
    memcpy(c->cell, exec_cell_id(h), sizeof(c->cell));
    c->height = exec_height(h);
    return beacon_load(c, h, err);
}

static void on_begin_block(void *self, struct exec_host *h) {
    beacon_begin(self, h);
}

static void on_end_block(void *self, struct exec_host *h) {
    beacon_end(self, h);
}

static exec_code on_check_record(const void *self, const struct exec_record *r, bool *ret_later) {
    struct judged *j = ws_alloc(sizeof(*j));
    exec_code code = (exec_code)beacon_judge(self, r, ret_later, j);
    free(j);
    return code;
}

static void take_review(struct beacon_contract *c, struct exec_host *h, const struct judged *j) {
    const struct review *v = &j->body.review;
    struct live_key *late = v->serial == c->in_force ? beacon_find_key(c, v->serial) : NULL;
    for (size_t i = 0; i < v->n; i++) {
        c->barred[v->complaint[i].dealer] = true;
        if (late == NULL)
            c->upheld[v->complaint[i].dealer] = true;
    }
    c->control_dirty = true;
    if (late == NULL) {
        c->reviewed[j->member] = true;
        return;
    }
    late->reviewed[j->member] = true;
    beacon_save_key(late, h);
}

static void take_partials(struct beacon_contract *c, const struct judged *j) {
    const struct partials *p = &j->body.partials;
    struct moment *m = beacon_find_moment(c, p->height);
    const struct generation *g = &beacon_find_key(c, p->serial)->key.g;
    if (m->value == NULL)
        m->value = ws_calloc(g->total, sizeof(*m->value));
    for (size_t i = 0; i < p->n; i++)
        m->value[g->seat[j->member].first - 1U + i] = p->p[i].value;
    m->got = (uint16_t)(m->got + p->n);
    m->dirty = true;
}

static void take(struct beacon_contract *c, struct exec_host *h, const struct exec_record *r,
    const struct judged *j) {
    if (r->kind == BEACON_REGISTER) {
        c->roster.seat[j->member].registered = true;
        c->roster.seat[j->member].key = j->body.registration.key;
        c->registered_at[j->member] = c->height;
        c->control_dirty = true;
    } else if (r->kind == BEACON_DEAL) {
        c->dealing[j->member] = ws_memdup(&j->body.dealing, sizeof(j->body.dealing));
        beacon_save_dealing(c, h, j->member, r->body);
    } else if (r->kind == BEACON_REVIEW) {
        take_review(c, h, j);
    } else {
        take_partials(c, j);
    }
}

/* The key of a height is that of its committee, and values of the last one come as long as it has its place. */
static uint64_t on_record_heights(const void *self) {
    const struct beacon_contract *c = self;
    return (uint64_t)c->params.every * c->params.window;
}

static exec_code on_record(void *self, struct exec_host *h, const struct exec_record *r) {
    struct judged *j = ws_alloc(sizeof(*j));
    bool later;
    exec_code code = (exec_code)beacon_judge(self, r, &later, j);
    if (code == EXEC_OK)
        take(self, h, r, j);
    free(j);
    return code;
}

static const char *on_code_name(exec_code code) {
    static const char *const names[] = {
#define X(id, text) [id] = (text),
        BEACON_CODES(X)
#undef X
    };
    return code < BEACON_CODE_COUNT ? names[code] : "unknown";
}

static void on_free(void *self) {
    struct beacon_contract *c = self;
    if (c == NULL)
        return;
    beacon_drop_dealings(c->dealing);
    for (size_t i = 0; i < c->n_keys; i++)
        live_key_free(c->key[i]);
    for (size_t i = 0; i < c->params.window; i++)
        free(c->moment[i].value);
    free(c->moment);
    free(c->memo);
    free(c);
}

static const struct contract_ops ops = {
    .name = "beacon",
    .genesis = on_genesis,
    .load = on_load,
    .check_record = on_check_record,
    .record_heights = on_record_heights,
    .begin_block = on_begin_block,
    .record = on_record,
    .end_block = on_end_block,
    .code_name = on_code_name,
    .free = on_free,
};

struct contract beacon_contract_new(const struct beacon_params *params) {
    WS_ASSERT(params->every >= 1 && params->window >= 16 && params->window <= 4096 &&
              params->settle >= 1 && params->attempt >= 1 && params->again >= 1);
    int rc = sodium_init();
    WS_ASSERT(rc >= 0);
    struct beacon_contract *c = ws_alloc(sizeof(*c));
    c->params = *params;
    c->moment = ws_calloc(params->window, sizeof(*c->moment));
    c->memo = ws_alloc(sizeof(*c->memo));
    return (struct contract){.ops = &ops, .self = c};
}

void beacon_contract_attach(void *self, const struct beacon_committee *committee) {
    ((struct beacon_contract *)self)->committee = *committee;
}

/* ---- views ---- */

enum beacon_answer beacon_contract_value(
    const void *self, uint64_t height, uint8_t ret_value[static 32]) {
    const struct beacon_contract *c = self;
    const struct moment *m = beacon_find_moment(c, height);
    if (m == NULL)
        return height > c->height && height % c->params.every == 0 ? BEACON_COMES
                                                                   : BEACON_FORGOTTEN;
    if (m->state == MOMENT_DONE)
        memcpy(ret_value, m->randomness, sizeof(m->randomness));
    return m->state == MOMENT_DONE    ? BEACON_IS
           : m->state == MOMENT_NEVER ? BEACON_NEVER
                                      : BEACON_COMES;
}

uint64_t beacon_contract_height(const void *self, uint64_t height) {
    const uint64_t every = ((const struct beacon_contract *)self)->params.every;
    return height == 0 ? every : (height + every - 1) / every * every;
}

const char *beacon_phase_name(enum beacon_phase p) {
    static const char *const names[] = {"idle", "registering", "dealing", "reviewing"};
    return names[p];
}

void beacon_contract_status(const void *self, struct beacon_status *ret_status) {
    const struct beacon_contract *c = self;
    struct beacon_status *s = ret_status;
    *s = (struct beacon_status){.height = c->height,
        .epoch = c->epoch,
        .phase = c->phase,
        .serial = c->serial,
        .in_force = c->in_force,
        .threshold = c->roster.threshold,
        .tickets = c->roster.total,
        .members = c->roster.n};
    const struct live_key *k = beacon_find_key(c, c->in_force);
    if (k != NULL)
        memcpy(s->key_id, k->key.id, sizeof(s->key_id));
    for (size_t i = 0; i < c->roster.n; i++) {
        s->registered += c->roster.seat[i].registered;
        s->dealt += c->dealing[i] != NULL;
        s->reviewed += c->reviewed[i];
        s->upheld += c->barred[i];
    }
    for (size_t i = 0; i < c->params.window; i++) {
        const struct moment *m = &c->moment[i];
        if (m->height == 0)
            continue;
        if (m->state == MOMENT_DONE && m->height > s->newest)
            s->newest = m->height;
        s->pending += m->state == MOMENT_WAITS || m->state == MOMENT_BOUND;
    }
}

/* What blocks do to the beacon: committees come and go, a generation moves on, heights get their key and their value. */
#include "base/assert.h"
#include "base/mem.h"
#include "ledger/beacon/contract_internal.h"

#include <stdlib.h>

/* ---- generations ---- */

static void abandon_generation(struct beacon_contract *c, struct exec_host *h) {
    if (c->phase == BEACON_DEALING || c->phase == BEACON_REVIEWING)
        beacon_forget_generation(h, c->serial);
    beacon_drop_dealings(c->dealing);
    memset(c->reviewed, 0, sizeof(c->reviewed));
    memset(c->upheld, 0, sizeof(c->upheld));
    c->gen = (struct generation){0};
}

static void enter(struct beacon_contract *c, enum beacon_phase phase) {
    c->phase = phase;
    c->phase_height = c->height;
    c->control_dirty = true;
}

static void start_again(struct beacon_contract *c, struct exec_host *h) {
    abandon_generation(c, h);
    c->attempt_height = c->height;
    enter(c, BEACON_REGISTERING);
}

static void new_committee(
    struct beacon_contract *c, struct exec_host *h, const struct validator_set *set) {
    abandon_generation(c, h);
    const struct generation old = c->roster;
    uint64_t registered_at[BEACON_MEMBERS_MAX] = {0};
    c->roster = (struct generation){.n = set->n};
    memcpy(c->roster.cell, c->cell, sizeof(c->cell));
    for (size_t i = 0; i < set->n; i++) {
        struct seat *s = &c->roster.seat[i];
        memcpy(s->address, set->v[i].address, sizeof(s->address));
        s->power = set->v[i].power;
        int was = generation_find(&old, s->address);
        if (was >= 0 && old.seat[was].registered) {
            s->registered = true;
            s->key = old.seat[was].key;
            registered_at[i] = c->registered_at[was];
        }
    }
    generation_finish(&c->roster);
    memcpy(c->registered_at, registered_at, sizeof(registered_at));
    memset(c->barred, 0, sizeof(c->barred));
    c->epoch++;
    c->in_force = 0;
    c->attempt_height = c->height;
    enter(c, BEACON_REGISTERING);
}

static void begin_dealing(struct beacon_contract *c, struct exec_host *h) {
    c->gen = c->roster;
    c->gen.serial = ++c->serial;
    generation_finish(&c->gen);
    c->attempt_height = c->height;
    beacon_save_generation(c, h);
    enter(c, BEACON_DEALING);
}

static void try_to_end_registering(struct beacon_contract *c, struct exec_host *h) {
    unsigned tickets = 0;
    bool all = true;
    for (size_t i = 0; i < c->roster.n; i++) {
        tickets += c->roster.seat[i].registered ? c->roster.seat[i].tickets : 0;
        all = all && c->roster.seat[i].registered;
    }
    if (tickets >= c->roster.enough && (all || c->height >= c->phase_height + c->params.settle))
        begin_dealing(c, h);
}

static uint64_t power_of(const struct generation *g) {
    uint64_t sum = 0;
    for (size_t i = 0; i < g->n; i++)
        sum += g->seat[i].power;
    return sum;
}

static void try_to_end_dealing(struct beacon_contract *c) {
    uint64_t power = 0;
    bool all = true;
    for (size_t i = 0; i < c->gen.n; i++) {
        power += c->dealing[i] != NULL ? c->gen.seat[i].power : 0;
        all = all && (c->dealing[i] != NULL || c->barred[i]);
    }
    if (power_is_quorum(power, power_of(&c->gen)) &&
        (all || c->height >= c->phase_height + c->params.settle))
        enter(c, BEACON_REVIEWING);
}

/* ---- keys ---- */

static void drop_key(struct beacon_contract *c, struct exec_host *h, size_t at) {
    beacon_forget_generation(h, c->key[at]->key.g.serial);
    live_key_free(c->key[at]);
    c->n_keys--;
    for (size_t i = at; i < c->n_keys; i++)
        c->key[i] = c->key[i + 1];
}

static bool is_needed(const struct beacon_contract *c, uint64_t serial) {
    for (size_t i = 0; i < c->params.window; i++)
        if (c->moment[i].height != 0 && c->moment[i].state == MOMENT_BOUND &&
            c->moment[i].serial == serial)
            return true;
    return serial == c->in_force;
}

static void end_moment(struct moment *m, enum moment_state state) {
    free(m->value);
    m->value = NULL;
    m->got = 0;
    m->state = state;
    m->dirty = true;
}

static void drop_unneeded_keys(struct beacon_contract *c, struct exec_host *h) {
    for (size_t i = c->n_keys; i-- > 0;)
        if (!is_needed(c, c->key[i]->key.g.serial))
            drop_key(c, h, i);
    if (c->n_keys < BEACON_KEYS_MAX)
        return;
    /* Too many committees in one window, each with heights that its members never finished: the oldest is given up. */
    for (size_t i = 0; i < c->params.window; i++)
        if (c->moment[i].state == MOMENT_BOUND && c->moment[i].serial == c->key[0]->key.g.serial)
            end_moment(&c->moment[i], MOMENT_NEVER);
    drop_key(c, h, 0);
}

static void bind_waiting(struct beacon_contract *c) {
    for (size_t i = 0; i < c->params.window; i++) {
        struct moment *m = &c->moment[i];
        if (m->height != 0 && m->state == MOMENT_WAITS) {
            m->state = MOMENT_BOUND;
            m->serial = c->in_force;
            m->dirty = true;
        }
    }
}

static void tell_of_key(const struct live_key *k, struct exec_host *h) {
    struct buf b = {0};
    buf_u8(&b, BEACON_VERSION);
    buf_u64(&b, k->key.g.serial);
    buf_u64(&b, k->since + 1);
    buf_put(&b, k->key.id, sizeof(k->key.id));
    exec_event(h, BEACON_EVENT_KEY, buf_span(&b));
    buf_free(&b);
}

static void take_key(struct beacon_contract *c, struct exec_host *h, struct live_key *k) {
    for (size_t i = 0; i < c->gen.n; i++) {
        k->reviewed[i] = c->reviewed[i];
        if (!k->key.qualified[i])
            continue;
        k->dealing[i] = c->dealing[i];
        c->dealing[i] = NULL;
    }
    k->since = c->height;
    drop_unneeded_keys(c, h);
    WS_ASSERT(c->n_keys < BEACON_KEYS_MAX);
    c->key[c->n_keys++] = k;
    c->in_force = k->key.g.serial;
    c->phase =
        BEACON_IDLE; /* before the rest of the generation goes: its octets stay in state, for the key */
    abandon_generation(c, h);
    enter(c, BEACON_IDLE);
    beacon_save_key(k, h);
    bind_waiting(c);
    tell_of_key(k, h);
}

static void try_to_end_reviewing(struct beacon_contract *c, struct exec_host *h) {
    unsigned tickets = 0;
    bool all = true;
    for (size_t i = 0; i < c->gen.n; i++) {
        tickets += c->reviewed[i] ? c->gen.seat[i].tickets : 0;
        all = all && (c->reviewed[i] || !generation_has_shares(&c->gen, i));
    }
    if (tickets < c->gen.enough || (!all && c->height < c->phase_height + c->params.settle))
        return;
    bool qualified[BEACON_MEMBERS_MAX] = {0};
    uint64_t power = 0;
    for (size_t i = 0; i < c->gen.n; i++) {
        qualified[i] = c->dealing[i] != NULL && !c->upheld[i];
        power += qualified[i] ? c->gen.seat[i].power : 0;
    }
    struct live_key *k = ws_alloc(sizeof(*k));
    if (power_is_skip(power, power_of(&c->gen)) &&
        key_assemble(&c->gen, c->dealing, qualified, &k->key)) {
        take_key(c, h, k);
        return;
    }
    live_key_free(k);
    start_again(c, h);
}

/* Somebody has registered a key that shares of this generation were not encrypted to. */
static bool has_newcomers(const struct beacon_contract *c, const struct generation *g) {
    for (size_t i = 0; i < c->roster.n; i++) {
        const struct seat *now = &c->roster.seat[i], *then = &g->seat[i];
        if (now->registered &&
            (!then->registered || memcmp(now->key.b, then->key.b, sizeof(now->key.b)) != 0))
            return true;
    }
    return false;
}

/* Somebody has no part in the key in force who could have one, or one of its dealers has been found out. */
static bool is_lacking(const struct beacon_contract *c, const struct live_key *k) {
    for (size_t i = 0; i < c->roster.n; i++)
        if (k->key.qualified[i] && c->barred[i])
            return true;
    return has_newcomers(c, &k->key.g);
}

static void move_on(struct beacon_contract *c, struct exec_host *h) {
    const struct live_key *k = beacon_find_key(c, c->in_force);
    switch (c->phase) {
    case BEACON_REGISTERING:
        try_to_end_registering(c, h);
        return;
    case BEACON_DEALING:
        try_to_end_dealing(c);
        break;
    case BEACON_REVIEWING:
        try_to_end_reviewing(c, h);
        break;
    case BEACON_IDLE:
        if (k != NULL && c->height >= k->since + c->params.again && is_lacking(c, k))
            start_again(c, h);
        return;
    }
    /* Who is late to deal or to review is waited for: the same members would be late again. Only with new keys another
     * generation can do what this one cannot. */
    if ((c->phase == BEACON_DEALING || c->phase == BEACON_REVIEWING) &&
        c->height >= c->attempt_height + c->params.attempt && has_newcomers(c, &c->gen))
        start_again(c, h);
}

/* ---- heights ---- */

static void add_moment(struct beacon_contract *c, struct exec_host *h) {
    struct moment *m = &c->moment[(c->height / c->params.every) % c->params.window];
    if (m->height != 0) {
        beacon_forget_moment(h, m->height);
        free(m->value);
    }
    *m = (struct moment){.height = c->height,
        .state = c->in_force != 0 ? MOMENT_BOUND : MOMENT_WAITS,
        .serial = c->in_force,
        .dirty = true};
}

static void finish_moment(struct moment *m, const struct beacon_key *k) {
    uint16_t tickets[BEACON_TICKETS_MAX];
    struct point values[BEACON_TICKETS_MAX], value;
    size_t n = 0;
    for (uint16_t j = 0; j < k->g.total && n < k->g.threshold; j++) {
        if (point_is_identity(&m->value[j]))
            continue;
        tickets[n] = (uint16_t)(j + 1);
        values[n++] = m->value[j];
    }
    partials_combine(k, tickets, values, &value);
    randomness_of(k, m->height, &value, m->randomness);
    end_moment(m, MOMENT_DONE);
}

static void finish_moments(struct beacon_contract *c) {
    for (size_t i = 0; i < c->params.window; i++) {
        struct moment *m = &c->moment[i];
        if (m->height == 0 || m->state != MOMENT_BOUND || m->got == 0)
            continue;
        const struct live_key *k = beacon_find_key(c, m->serial);
        WS_ASSERT(k != NULL);
        if (m->got >= k->key.g.threshold)
            finish_moment(m, &k->key);
    }
}

/* ---- a block ---- */

void beacon_begin(struct beacon_contract *c, struct exec_host *h) {
    c->height = exec_height(h);
    /* The values of this height stand in later blocks: the key is that of the committee that signs the next one. */
    const uint64_t next = c->height + 1;
    if (memcmp(c->committee.hash(c->committee.self, next), c->set_hash, 32) != 0) {
        memcpy(c->set_hash, c->committee.hash(c->committee.self, next), 32);
        new_committee(c, h, c->committee.set(c->committee.self, next));
    }
    if (c->height % c->params.every == 0)
        add_moment(c, h);
}

void beacon_end(struct beacon_contract *c, struct exec_host *h) {
    finish_moments(c);
    move_on(c, h);
    if (c->n_keys > 1 || (c->n_keys == 1 && c->in_force == 0))
        drop_unneeded_keys(c, h);
    for (size_t i = 0; i < c->params.window; i++)
        if (c->moment[i].dirty)
            beacon_save_moment(c, h, &c->moment[i]);
    if (c->control_dirty)
        beacon_save_control(c, h);
    c->control_dirty = false;
}

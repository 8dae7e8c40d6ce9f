#include "fedlearn/round/rounds.h"

#include "base/mem.h"
#include "fedlearn/round/rounds_internal.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

/* How long a member that has left the set may still be needed: a round of 40 minutes at three blocks a second. The committee keeps sets for no longer. */
enum { FL_RECORD_HEIGHTS = 8192 };

unsigned round_member_of(const struct fl_rounds *c, const uint8_t address[static 32]) {
    for (unsigned v = 1; c->phase != FL_IDLE && v <= c->open.n; v++)
        if (memcmp(c->open.seat[v - 1].address, address, 32) == 0)
            return v;
    return 0;
}

struct round_key *round_find_key(struct fl_rounds *c, const uint8_t address[static 32]) {
    for (size_t i = 0; i < c->n_keys; i++)
        if (memcmp(c->key[i].address, address, 32) == 0)
            return &c->key[i];
    return NULL;
}

void round_tell_fault(const struct fl_rounds *c, struct exec_host *h, unsigned v,
    enum fl_fault fault, uint32_t what) {
    struct buf b = {0};
    buf_u8(&b, FL_RECORDS_VERSION);
    buf_u64(&b, c->number);
    buf_put(&b, c->open.seat[v - 1].address, 32);
    buf_u8(&b, (uint8_t)fault);
    buf_u32(&b, what);
    exec_event(h, FL_EVENT_FAULT, buf_span(&b));
    buf_free(&b);
}

static void group_free(struct round_group *g) {
    for (size_t v = 0; v < FL_VALIDATORS_MAX; v++)
        free(g->sum[v]);
    free(g->key);
}

uint16_t round_free_groups(const struct fl_rounds *c) {
    uint16_t n = 0;
    while (n < c->n_groups && !c->group[n].quarantined)
        n++;
    return n;
}

void round_clear(struct fl_rounds *c) {
    for (size_t g = 0; g < c->n_groups; g++)
        group_free(&c->group[g]);
    free(c->group);
    for (size_t v = 0; v < FL_VALIDATORS_MAX; v++)
        free(c->member[v].attested);
    free(c->sub);
    table_free(&c->by_token);
    c->group = NULL;
    c->sub = NULL;
    c->n_groups = 0;
    c->n_subs = 0;
    c->by_token = (struct table){0};
    memset(c->member, 0, sizeof(c->member));
    memset(c->seed, 0, sizeof(c->seed));
    memset(c->draw, 0, sizeof(c->draw));
    c->draw_height = 0;
    c->phase = FL_IDLE;
}

void round_begin(struct fl_rounds *c) {
    c->sub = ws_calloc(c->open.config.submissions_max, sizeof(*c->sub));
    fl_open_round(&c->open, c->cell, &c->round);
    c->empty = 0;
    for (size_t i = 0; i < c->open.n; i++)
        c->empty |= (uint32_t)fl_seat_is_empty(&c->open.seat[i]) << i;
}

bool round_attests(const struct fl_rounds *c, unsigned v, size_t i) {
    const uint8_t *bits = c->member[v - 1].attested;
    return bits != NULL && (bits[i / 8] & 0x80U >> (i % 8)) != 0;
}

bool round_is_in(const struct fl_rounds *c, size_t i) {
    unsigned holders = 0;
    for (unsigned v = 1; v <= c->open.n; v++)
        holders += round_attests(c, v, i);
    return (!c->sub[i].excluded || c->sub[i].late) && holders >= c->open.n - round_faults(c);
}

/* ---- the contract ---- */

static int on_genesis(void *self, struct exec_host *h, struct span section, struct ws_err *err) {
    struct fl_rounds *c = self;
    if (section.n != 0)
        return ws_fail(err, WS_EINPUT, "learn: its part of the genesis is not empty");
    memcpy(c->cell, exec_cell_id(h), sizeof(c->cell));
    c->why = FL_ABORT_NO_MODEL;
    rounds_save_control(c, h);
    return WS_OK;
}

static int on_load(void *self, struct exec_host *h, struct ws_err *err) {
    struct fl_rounds *c = self;
    memcpy(c->cell, exec_cell_id(h), sizeof(c->cell));
    c->height = exec_height(h);
    return rounds_load(c, h, err);
}

static bool on_takes_psid(uint64_t psid) {
    return psid == FL_PSID;
}

static bool on_takes_order(enum exec_role role, uint16_t kind) {
    return role == ROLE_POLICY && (kind == FL_ORDER_MODEL || kind == FL_ORDER_STOP);
}

static exec_code on_check_order(const void *self, const struct exec_order *o) {
    (void)self;
    return rounds_check_order(o);
}

static exec_code on_check_record(const void *self, const struct exec_record *r, bool *ret_later) {
    return rounds_check_record(self, r, ret_later);
}

static uint64_t on_record_heights(const void *self) {
    (void)self;
    return FL_RECORD_HEIGHTS;
}

static void on_begin_block(void *self, struct exec_host *h) {
    struct fl_rounds *c = self;
    c->height = exec_height(h);
    c->now_us = exec_block_time(h);
}

static exec_code on_message(void *self, struct exec_host *h, const struct exec_message *m) {
    return rounds_take_message(self, h, m);
}

static exec_code on_order(void *self, struct exec_host *h, const struct exec_order *o) {
    return rounds_take_order(self, h, o);
}

static exec_code on_record(void *self, struct exec_host *h, const struct exec_record *r) {
    return rounds_take_record(self, h, r);
}

static void on_end_block(void *self, struct exec_host *h) {
    rounds_end_block(self, h);
}

static const char *on_code_name(exec_code code) {
    static const char *const names[] = {
#define X(id, text) text,
        FL_ROUND_CODES(X)
#undef X
    };
    return code < FL_ROUND_CODE_COUNT ? names[code] : "unknown";
}

static void on_free(void *self) {
    struct fl_rounds *c = self;
    round_clear(c);
    fl_suspicion_free(&c->suspicion);
    free(c);
}

static const struct contract_ops ops = {
    .name = "learn",
    .fields = fl_policy_fields,
    .n_fields = FL_POLICY_FIELDS,
    .genesis = on_genesis,
    .load = on_load,
    .takes_psid = on_takes_psid,
    .hides_place = on_takes_psid, /* where a vehicle is has no part in what it learned */
    .takes_order = on_takes_order,
    .check_order = on_check_order,
    .check_record = on_check_record,
    .record_heights = on_record_heights,
    .begin_block = on_begin_block,
    .message = on_message,
    .order = on_order,
    .record = on_record,
    .end_block = on_end_block,
    .code_name = on_code_name,
    .free = on_free,
};

struct contract fl_contract_new(void) {
    const struct fl_suspicion_rules rules = FL_SUSPICION_DEFAULT;
    struct fl_rounds *c = ws_alloc(sizeof(*c));
    c->suspicion = fl_suspicion_new(&rules, FL_TOKENS_MAX);
    return (struct contract){&ops, c};
}

void fl_contract_attach(void *self, const struct fl_committee *committee) {
    struct fl_rounds *c = self;
    c->committee = *committee;
}

/* ---- views ---- */

const char *fl_phase_name(enum fl_phase p) {
    static const char *const names[FL_PHASE_COUNT] = {
        "idle", "seeding", "submitting", "attesting", "drawing", "opening", "judging"};
    return p < FL_PHASE_COUNT ? names[p] : "unknown";
}

const char *fl_abort_name(enum fl_abort a) {
    static const char *const names[] = {
#define X(id, text) text,
        FL_ABORTS(X)
#undef X
    };
    return a < FL_ABORT_COUNT ? names[a] : "unknown";
}

void fl_contract_model(const void *self, struct fl_model_view *ret) {
    const struct fl_rounds *c = self;
    *ret = c->model;
}

void fl_contract_round(const void *self, struct fl_round_view *ret) {
    const struct fl_rounds *c = self;
    *ret = (struct fl_round_view){.number = c->number,
        .phase = c->phase,
        .why = c->why,
        .until_us = c->until_us,
        .submissions = c->n_subs,
        .groups = c->n_groups,
        .draw_height = c->draw_height,
        .open = c->phase == FL_IDLE ? NULL : &c->open};
    memcpy(ret->seed, c->seed, sizeof(ret->seed));
    memcpy(ret->draw, c->draw, sizeof(ret->draw));
    ret->free_groups = round_free_groups(c);
    for (size_t i = 0; i < c->n_subs; i++)
        ret->included += c->sub[i].included;
    for (size_t g = 0; g < c->n_groups; g++)
        ret->opened = (uint16_t)(ret->opened + c->group[g].opened);
    for (size_t v = 0; v < FL_VALIDATORS_MAX; v++) {
        ret->attested = (uint8_t)(ret->attested + (c->member[v].attested != NULL));
        ret->outcomes = (uint8_t)(ret->outcomes + c->member[v].has_outcome);
    }
}

bool fl_contract_submission(const void *self, size_t i, struct fl_submission_view *ret) {
    const struct fl_rounds *c = self;
    if (i >= c->n_subs)
        return false;
    const struct round_sub *s = &c->sub[i];
    *ret = (struct fl_submission_view){
        .excluded = s->excluded, .included = s->included, .group = s->group};
    memcpy(ret->id, s->id, sizeof(ret->id));
    memcpy(ret->token, s->token, sizeof(ret->token));
    memcpy(ret->upload_key, s->upload_key, sizeof(ret->upload_key));
    for (unsigned v = 1; v <= c->open.n; v++)
        ret->attested |= (uint32_t)round_attests(c, v, i) << (v - 1);
    return true;
}

size_t fl_contract_members(const void *self, size_t group, uint32_t *ret, size_t max) {
    const struct fl_rounds *c = self;
    size_t n = 0;
    for (uint32_t i = 0; group < c->n_groups && i < c->n_subs && n < max; i++)
        if (c->sub[i].included && c->sub[i].group == group)
            ret[n++] = i;
    return n;
}

bool fl_contract_given_up(const void *self, size_t group) {
    const struct fl_rounds *c = self;
    return group < c->n_groups && c->group[group].given_up;
}

const int16_t *fl_contract_key_sum(const void *self, size_t group) {
    const struct fl_rounds *c = self;
    return group < c->n_groups && c->group[group].opened ? c->group[group].key->key : NULL;
}

static bool is_member(const struct fl_rounds *c, unsigned v) {
    return c->phase != FL_IDLE && v >= 1 && v <= c->open.n;
}

bool fl_contract_has_sum(const void *self, size_t group, unsigned v) {
    const struct fl_rounds *c = self;
    return is_member(c, v) && group < c->n_groups && c->group[group].sum[v - 1] != NULL;
}

bool fl_contract_has_attested(const void *self, unsigned v) {
    const struct fl_rounds *c = self;
    return is_member(c, v) && c->member[v - 1].attested != NULL;
}

bool fl_contract_has_outcome(const void *self, unsigned v) {
    const struct fl_rounds *c = self;
    return is_member(c, v) && c->member[v - 1].has_outcome;
}

uint64_t fl_contract_key_serial(const void *self, const uint8_t address[static 32]) {
    const struct fl_rounds *c = self;
    for (size_t i = 0; i < c->n_keys; i++)
        if (memcmp(c->key[i].address, address, 32) == 0)
            return c->key[i].serial;
    return 0;
}

const struct fl_suspicion *fl_contract_suspicion(const void *self) {
    const struct fl_rounds *c = self;
    return &c->suspicion;
}

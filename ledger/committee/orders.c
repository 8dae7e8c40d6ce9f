/* Orders of the committee's authorities: members and parameters, both in force two blocks on. */
#include "ledger/committee/change.h"
#include "ledger/committee/court.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

bool committee_takes_order(enum exec_role role, uint16_t kind) {
    return role == ROLE_COMMITTEE &&
           (kind == COMMITTEE_ORDER_SET || kind == COMMITTEE_ORDER_PARAMS);
}

static exec_code check_params(const void *self, struct span body, struct cell_params *ret_params) {
    if (params_change_decode(body, ret_params, NULL) != WS_OK)
        return COMMITTEE_BAD_BODY;
    return (exec_code)params_change_check(committee_founding_params(self), ret_params);
}

/* What comes on top of a change of the same block adds nothing. */
static bool sets_full(const void *self) {
    return committee_set_eras(self) >= COMMITTEE_ERAS_MAX &&
           committee_coming_set(self) == committee_set(self, committee_next(self) + 1);
}

static bool params_full(const void *self) {
    return committee_params_eras(self) >= COMMITTEE_ERAS_MAX &&
           committee_coming_params(self) == committee_params(self, committee_next(self) + 1);
}

/* What no state can make good. What depends on the set of the day is judged when the order is executed. */
exec_code committee_check_order(const void *self, const struct exec_order *o) {
    if (o->kind == COMMITTEE_ORDER_PARAMS) {
        struct cell_params p;
        return check_params(self, o->body, &p);
    }
    struct set_change *c = ws_alloc(sizeof(*c));
    bool good = set_change_decode(exec_sha256, o->body, c, NULL) == WS_OK;
    free(c);
    return good ? COMMITTEE_OK : COMMITTEE_BAD_BODY;
}

/* Who was convicted meanwhile is gone already: that part of an order is done. */
static void drop_convicted(
    struct exec_host *h, const struct validator_set *now, struct set_change *c) {
    size_t n = 0;
    for (size_t i = 0; i < c->n_out; i++) {
        if (validator_set_find(now, c->out[i]) >= 0 || !court_jailed(h, c->out[i]))
            memmove(c->out[n++], c->out[i], sizeof(c->out[0]));
    }
    c->n_out = n;
}

static exec_code change_set(
    void *self, struct exec_host *h, struct set_change *c, struct validator_set *next) {
    const struct validator_set *now = committee_coming_set(self);
    for (size_t i = 0; i < c->n_in; i++) {
        if (court_jailed(h, c->in[i].address))
            return COMMITTEE_JAILED;
    }
    drop_convicted(h, now, c);
    enum committee_code code = set_change_apply(exec_sha256, now, c, next);
    if (code != COMMITTEE_OK)
        return (exec_code)code;
    if (sets_full(self))
        return COMMITTEE_TOO_OFTEN;
    committee_change_set(self, h, next);
    court_enforce(self, h); /* somebody convicted may have been waiting for others to come */
    return COMMITTEE_OK;
}

exec_code committee_order(void *self, struct exec_host *h, const struct exec_order *o) {
    if (o->kind == COMMITTEE_ORDER_PARAMS) {
        struct cell_params p;
        exec_code code = check_params(self, o->body, &p);
        if (code == COMMITTEE_OK && params_full(self))
            code = COMMITTEE_TOO_OFTEN;
        if (code == COMMITTEE_OK)
            committee_change_params(self, h, &p);
        return code;
    }
    struct set_change *c = ws_alloc(sizeof(*c));
    struct validator_set *next = ws_alloc(sizeof(*next));
    exec_code code = COMMITTEE_BAD_BODY;
    if (set_change_decode(exec_sha256, o->body, c, NULL) == WS_OK)
        code = change_set(self, h, c, next);
    free(next);
    free(c);
    return code;
}

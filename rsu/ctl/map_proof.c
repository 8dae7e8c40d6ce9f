/* Proofs of map versions, shared by rsuctl map verify and map watch. */
#include "rsu/ctl/map_proof.h"

#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "rsu/cell/cell.h"

#include <stdlib.h>

static int no(const char *file, struct ws_err *err) {
    (void)ws_fail_in(err, "%s: the proof does not hold", file);
    return CTL_NO;
}

/* A version that is older than what is trusted: back along the headers. */
static enum light_verdict prove_below(
    struct ctl_light *l, const struct proven *p, struct event *ret_event, struct ws_err *err) {
    struct light_block *b = ws_alloc(sizeof(*b));
    hash32 want;
    hash32 got;
    enum light_verdict v = ctl_light_block(l, p->bundle.header.height, b, err);
    if (v == LIGHT_OK) {
        header_id(exec_sha256, &p->bundle.header, want);
        header_id(exec_sha256, &b->header, got);
        v = light_event_in(exec_sha256, &p->bundle, ret_event, err);
        if (memcmp(want, got, 32) != 0) {
            (void)ws_fail(err, WS_EINPUT, "header %llu is another one than the chain's",
                (unsigned long long)b->header.height);
            v = LIGHT_CONFLICT;
        }
    }
    free(b);
    return v;
}

static enum light_verdict prove(const struct ctl_genesis *g, struct ctl_light *l, struct proven *p,
    struct light_trust *t, struct event *ret_event, struct ws_err *err) {
    const struct light_params *params = &l->params;
    if (p->bundle.header.height < t->height)
        return prove_below(l, p, ret_event, err);
    enum light_verdict v = light_follow(
        &exec_light_crypto, params, t, &p->bundle.handovers, LIGHT_NO_CLOCK, NULL, err);
    hash32 founders;
    validator_set_hash(exec_sha256, &g->g.validators, founders);
    p->has_set = t->has_next && p->bundle.header.height > t->height;
    p->named = memcmp(founders, t->next_validators, 32) == 0;
    p->set = p->named ? g->g.validators : t->next;
    return v != LIGHT_OK ? v
                         : light_prove_event(&exec_light_crypto, params, t, &p->bundle,
                               LIGHT_NO_CLOCK, ret_event, err);
}

/* The version that a proven event is. */
static int take_version(struct proven *p, const struct event *e, struct ws_err *err) {
    if (e->contract != CELL_CONTRACT_MAP || e->type != MAP_EVENT_VERSION) {
        (void)ws_fail(err, WS_EINPUT,
            "what it proves is no map version (contract %u, event type %u)", e->contract, e->type);
        return no(p->file, err);
    }
    if (map_version_decode(e->body, &p->version, err) != WS_OK)
        return no(p->file, err);
    exec_sha256(&e->body, 1, p->record);
    if (p->version.height == e->height)
        return CTL_DONE;
    (void)ws_fail(err, WS_EINPUT, "the version record names another height");
    return no(p->file, err);
}

int ctl_map_look(struct proven *p, struct ws_err *err) {
    struct event e;
    if (event_bundle_decode(buf_span(&p->octets), &p->bundle, err) != WS_OK ||
        light_event_in(exec_sha256, &p->bundle, &e, err) != LIGHT_OK)
        return no(p->file, err);
    return take_version(p, &e, err);
}

int ctl_map_prove(
    const struct ctl_genesis *g, struct ctl_light *l, struct proven *p, struct ws_err *err) {
    struct event e;
    if (event_bundle_decode(buf_span(&p->octets), &p->bundle, err) != WS_OK)
        return no(p->file, err);
    struct light_trust *t = ws_memdup(&l->trust, sizeof(*t));
    enum light_verdict v = prove(g, l, p, t, &e, err);
    free(t);
    if (v != LIGHT_OK)
        return ctl_light_code(l, v) == CTL_UNREACHABLE ? CTL_UNREACHABLE : no(p->file, err);
    int code = take_version(p, &e, err);
    if (code != CTL_DONE)
        return code;
    /* What the quorum signed must also be about this cell and this map: the contract sees to it, so anything else is
     * a cell that runs other rules. */
    if (memcmp(p->version.cell_id, g->cell_id, 32) != 0)
        (void)ws_fail(err, WS_EINPUT, "the version record names another cell");
    else if (memcmp(p->version.base_digest, g->g.map_digest, 32) != 0)
        (void)ws_fail(err, WS_EINPUT, "the version record names another base map");
    else
        return CTL_DONE;
    return no(p->file, err);
}

void proven_free(struct proven *p) {
    buf_free(&p->octets);
    map_version_free(&p->version);
}

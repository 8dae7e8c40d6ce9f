/* What of a unit's words the genesis proves: rounds, their ends, who is under suspicion. */
#include "rsu/obus/learn_cell.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "rsu/cell/cell.h"
#include "rsu/proofs/check.h"

#include <stdio.h>
#include <stdlib.h>

enum { GENESIS_MAX = 16U << 20 };

int learn_genesis_read(
    struct learn_genesis *g, const char *path, const char *fingerprint, struct ws_err *err) {
    hash32 want;
    if (fingerprint != NULL &&
        (strlen(fingerprint) != 64 || !hex_decode(want, sizeof(want), fingerprint)))
        return ws_fail(err, WS_EINPUT, "--fingerprint %.70s: not 64 hex digits", fingerprint);
    struct genesis *decoded = ws_alloc(sizeof(*decoded));
    int rc = file_read(path, GENESIS_MAX, &g->octets, err);
    if (rc == WS_OK && genesis_decode(exec_sha256, buf_span(&g->octets), decoded, err) != WS_OK)
        rc = ws_fail_in(err, "%s", path);
    free(decoded);
    if (rc != WS_OK)
        return rc;
    genesis_cell_id(exec_sha256, buf_span(&g->octets), g->cell);
    if (fingerprint == NULL || memcmp(want, g->cell, sizeof(want)) == 0)
        return WS_OK;
    return ws_fail(err, WS_EINPUT, "%s: its fingerprint is another one", path);
}

/* A proven event of learning, of that round; *ret_octets is what it borrows from. */
static int believe_event(struct learn_unit *u, const struct learn_genesis *g, uint64_t round,
    const struct learn_place *at, struct buf *ret_octets, struct fl_event_body *ret,
    struct ws_err *err) {
    char path[PROOF_PATH];
    struct event e;
    proof_event_path(at->height, at->sequence, path);
    int rc = ctl_http_bundle(u->http, path, ret_octets, err);
    if (rc == WS_OK)
        rc = proof_check_event(
            buf_span(&g->octets), buf_span(ret_octets), CELL_CONTRACT_LEARN, &e, err);
    if (rc == WS_OK && !fl_event_decode(e.type, e.body, ret))
        rc = ws_fail(err, WS_EINPUT, "what it proves is no event that vehicles know");
    if (rc == WS_OK && ret->round != round)
        rc = ws_fail(err, WS_EINPUT, "what it proves is about round %llu, not %llu",
            (unsigned long long)ret->round, (unsigned long long)round);
    return rc == WS_OK ? rc : ws_fail_in(err, "%s%s", u->option->http, path);
}

int learn_believe_round(struct learn_unit *u, const struct learn_genesis *g,
    const struct learn_heard *heard, struct learn_round *ret, struct ws_err *err) {
    struct buf octets = {0};
    struct fl_event_body *e = ws_alloc(sizeof(*e));
    int rc = believe_event(u, g, heard->round, &heard->open, &octets, e, err);
    if (rc == WS_OK && e->type != FL_EVENT_OPEN)
        rc = ws_fail(err, WS_EINPUT, "%s proves a round's %s for its beginning", u->option->http,
            fl_event_name(e->type));
    if (rc == WS_OK) {
        ret->open = e->open;
        buf_clear(&octets);
        rc = believe_event(u, g, heard->round, &heard->seed, &octets, e, err);
    }
    if (rc == WS_OK && e->type != FL_EVENT_SEED)
        rc = ws_fail(err, WS_EINPUT, "%s proves a round's %s for its seed", u->option->http,
            fl_event_name(e->type));
    if (rc == WS_OK) {
        memcpy(ret->seed, e->seed, sizeof(ret->seed));
        fl_open_round(&ret->open, g->cell, &ret->sealed);
    }
    free(e);
    buf_free(&octets);
    return rc;
}

int learn_believe_end(struct learn_unit *u, const struct learn_genesis *g, uint64_t round,
    const struct learn_place *at, struct learn_end *ret, struct ws_err *err) {
    struct buf octets = {0};
    struct fl_event_body *e = ws_alloc(sizeof(*e));
    int rc = believe_event(u, g, round, at, &octets, e, err);
    if (rc == WS_OK && e->type == FL_EVENT_CLOSED) {
        ret->closed = true;
        ret->model_version = e->closed.model_version;
        ret->outcome = e->closed.outcome;
    } else if (rc == WS_OK && e->type == FL_EVENT_ABORTED) {
        ret->closed = false;
        ret->why = e->aborted;
    } else if (rc == WS_OK) {
        rc = ws_fail(err, WS_EINPUT, "%s proves a round's %s for its end", u->option->http,
            fl_event_name(e->type));
    }
    free(e);
    buf_free(&octets);
    return rc;
}

int learn_believe_table(struct learn_unit *u, const struct learn_genesis *g, uint64_t least,
    struct buf *ret_table, struct ws_err *err) {
    const struct span key = span_of("q", 1);
    char path[PROOF_PATH];
    struct buf octets = {0};
    struct proof_entry e = {0};
    proof_state_path("learn", key, path);
    buf_clear(ret_table);
    int rc = ctl_http_bundle(u->http, path, &octets, err);
    if (rc == WS_OK) {
        rc = proof_check_state(
            buf_span(&g->octets), buf_span(&octets), CELL_CONTRACT_LEARN, key, &e, err);
        if (rc != WS_OK)
            (void)ws_fail_in(err, "%s%s", u->option->http, path);
    }
    if (rc == WS_OK && e.height < least) /* as well proven, and from before the last verdict */
        rc = ws_fail(err, WS_EBUSY, "%s proves how vehicles stood after block %llu, not %llu",
            u->option->http, (unsigned long long)e.height, (unsigned long long)least);
    if (rc == WS_OK && e.present)
        buf_put(ret_table, e.value.p, e.value.n);
    buf_free(&octets);
    return rc;
}

int learn_believe_suspicion(struct learn_unit *u, const struct learn_genesis *g,
    const struct fl_suspicion_rules *rules, struct fl_suspicion *ret, struct ws_err *err) {
    struct buf table = {0};
    *ret = fl_suspicion_new(rules, FL_MAX_TOKENS);
    int rc = learn_believe_table(u, g, 0, &table, err);
    if (rc == WS_OK && table.n > 0)
        rc = fl_suspicion_decode(ret, buf_span(&table), err);
    buf_free(&table);
    if (rc != WS_OK)
        fl_suspicion_free(ret);
    return rc;
}

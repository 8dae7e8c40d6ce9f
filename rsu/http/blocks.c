/* /v1/blocks/{height} and /v1/tx/{identity}: what is final, from the store alone. */
#include "rsu/http/internal.h"

#include "ledger/snapshot/meta.h"
#include "rsu/json/block.h"

#include <stdlib.h>

/* ---- where a transaction went ---- */

struct place {
    uint64_t height;
    uint32_t index;
    uint16_t code;
    uint8_t contract;
};

static int no_such_tx(struct http *h, struct ws_err *err) {
    struct meta_pruned pruned = {1, 1};
    if (meta_read_pruned(h->d->store, &pruned, NULL) != WS_OK || pruned.bodies_from == 1)
        return ws_fail(err, WS_ENOTFOUND, "no final transaction has this identity");
    return ws_fail(err, WS_ENOTFOUND,
        "no final transaction from height %llu on has this identity; those below are pruned",
        (unsigned long long)pruned.bodies_from);
}

static int find_tx(struct http *h, const uint8_t *id, struct place *ret, struct ws_err *err) {
    struct buf b = {0};
    int rc = store_get(h->d->store, STORE_TX, span_of(id, 32), &b, err);
    if (rc == WS_ENOTFOUND)
        rc = no_such_tx(h, err);
    if (rc == WS_OK) {
        struct rd r = rd_of(buf_span(&b));
        *ret = (struct place){
            .height = rd_u64(&r), .index = rd_u32(&r), .code = rd_u16(&r), .contract = rd_u8(&r)};
        if (!rd_done(&r))
            rc = ws_fail(err, WS_EIO, "store: the entry of a transaction is damaged");
    }
    buf_free(&b);
    return rc;
}

static void put_result(struct http *h, json_t *o, const struct place *at) {
    json_put(o, "contract", json_string(http_contract_name(h, at->contract)));
    json_put(o, "result", json_string(http_code_name(h, at->contract, at->code)));
}

/* ---- blocks ---- */

static json_t *transactions(struct http *h, const struct block *b) {
    json_t *list = json_array();
    for (size_t i = 0; i < b->n_txs; i++) {
        json_t *o = json_tx(b->txs[i]);
        struct place at;
        json_put(o, "index", json_count(i));
        if (find_tx(h, b->txs[i]->id, &at, NULL) == WS_OK)
            put_result(h, o, &at);
        json_add(list, o);
    }
    return list;
}

struct listing {
    struct http *h;
    json_t *list;
};

static bool add_event(void *ctx, struct span key, struct span value) {
    struct listing *l = ctx;
    struct rd r = rd_of(value);
    struct event e;
    (void)key;
    if (!event_read(&r, &e) || !rd_done(&r))
        return true; /* the proof of it will say that it is damaged */
    json_t *o = json_object();
    json_put(o, "sequence", json_count(e.sequence));
    json_put(o, "contract", json_string(http_contract_name(l->h, e.contract)));
    json_put(o, "type", json_count(e.type));
    json_put(o, "octets", json_count(e.body.n));
    json_add(l->list, o);
    return true;
}

static json_t *encodings(const struct header *hd, const struct commit *c) {
    struct buf b = {0};
    json_t *o = json_object();
    header_encode(hd, &b);
    json_put(o, "header", json_hex(b.p, b.n));
    buf_clear(&b);
    commit_encode(c, &b);
    json_put(o, "commit", json_hex(b.p, b.n));
    buf_free(&b);
    return o;
}

static int put_body(struct http *h, uint64_t height, json_t *o, struct ws_err *err) {
    struct block *b = NULL;
    int rc = query_block(h->d->store, &h->d->genesis->params, height, &b, err);
    json_put(o, "pruned", json_boolean(rc == WS_ENOTFOUND));
    if (rc == WS_OK)
        json_put(o, "transactions", transactions(h, b));
    else if (rc == WS_ENOTFOUND)
        json_put(o, "transactions", json_null());
    block_free(b);
    return rc == WS_ENOTFOUND ? WS_OK : rc;
}

void http_get_block(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct ws_err err = {0};
    uint64_t height = 0;
    struct header hd;
    struct commit commit;
    struct validator_set set;
    int rc = http_number(c->target.segment[2], "height", INT64_MAX, &height, &err);
    if (rc == WS_OK)
        rc = query_header(h->d->store, height, &hd, &err);
    if (rc == WS_OK)
        rc = query_commit(h->d->store, height, &commit, &err);
    /* Without the set the signers are places without names. */
    if (rc == WS_OK && query_set(h->d->store, height, &set, NULL) != WS_OK)
        set = (struct validator_set){0};
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
        return;
    }
    json_t *o = json_object();
    json_put(o, "header", json_header(&hd));
    json_put(o, "commit", json_commit(&commit, &set));
    rc = put_body(h, height, o, &err);
    struct listing l = {h, json_array()};
    uint8_t key[8];
    put_be64(key, height);
    if (rc == WS_OK)
        rc = store_each(
            h->d->store, STORE_EVENT, span_of(key, 8), span_of("", 0), add_event, &l, &err);
    json_put(o, "events", l.list);
    json_put(o, "encoding", encodings(&hd, &commit));
    if (rc == WS_OK) {
        http_json(r, o);
    } else {
        json_decref(o);
        http_fail_err(r, rc, &err);
    }
}

/* ---- one transaction ---- */

void http_get_tx(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct ws_err err = {0};
    struct buf id = {0};
    struct place at;
    int rc = http_hex(c->target.segment[2], "identity", 32, &id, &err);
    if (rc == WS_OK && id.n != 32)
        rc = ws_fail(&err, WS_EINPUT, "identity: %zu octets; it has 32", id.n);
    if (rc == WS_OK)
        rc = find_tx(h, id.p, &at, &err);
    if (rc == WS_OK) {
        struct block *b = NULL;
        bool here = query_block(h->d->store, &h->d->genesis->params, at.height, &b, NULL) == WS_OK;
        bool whole = here && at.index < b->n_txs && memcmp(b->txs[at.index]->id, id.p, 32) == 0;
        json_t *o = whole ? json_tx(b->txs[at.index]) : json_object();
        if (!whole)
            json_put(o, "identity", json_hex(id.p, 32));
        json_put(o, "pruned", json_boolean(!whole));
        json_put(o, "height", json_count(at.height));
        json_put(o, "index", json_count(at.index));
        put_result(h, o, &at);
        http_json(r, o);
        block_free(b);
    } else {
        http_fail_err(r, rc, &err);
    }
    buf_free(&id);
}

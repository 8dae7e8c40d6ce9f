/* /v1/proofs/...: bundles that anyone can check with the genesis alone, and what they say in words. */
#include "rsu/http/internal.h"

#include "base/mem.h"
#include "rsu/json/block.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- events ---- */

static bool event_is_here(struct http *h, uint64_t height, uint32_t sequence) {
    uint8_t key[12];
    put_be64(key, height);
    put_be32(key + 8, sequence);
    struct buf b = {0};
    bool here = store_get(h->d->store, STORE_EVENT, span_of(key, sizeof(key)), &b, NULL) == WS_OK;
    buf_free(&b);
    return here;
}

static void not_yet(struct http_reply *r, const struct ws_err *err) {
    http_fail(r, MHD_HTTP_CONFLICT, "%s", err->text);
    http_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "1");
}

static json_t *event_page(struct http *h, struct span bundle, struct ws_err *err) {
    struct event_bundle *p = ws_alloc(sizeof(*p));
    struct event e;
    json_t *o = NULL;
    if (event_bundle_decode(bundle, p, err) == WS_OK) {
        struct rd rd = rd_of(p->event);
        if (!event_read(&rd, &e)) {
            (void)ws_fail(err, WS_EIO, "store: the event is damaged");
        } else {
            o = json_object();
            json_put(o, "kind", json_string("event"));
            json_put(o, "contract", json_string(http_contract_name(h, e.contract)));
            json_put(o, "bundle", json_hex(bundle.p, bundle.n));
            json_put(o, "summary", json_event_bundle(p, &e));
        }
    }
    free(p);
    return o;
}

/* Handovers behind this height are what the client lacks. */
static int read_trusted(const struct http_call *c, uint64_t *ret_height, struct ws_err *err) {
    const char *text = http_target_arg(&c->target, "trusted");
    *ret_height = 0;
    return text == NULL ? WS_OK : http_number(text, "trusted", INT64_MAX, ret_height, err);
}

static void give_event(struct http *h, const struct http_call *c, uint64_t height,
    uint32_t sequence, struct http_reply *r) {
    struct ws_err err = {0};
    if (!event_is_here(h, height, sequence)) {
        http_fail(
            r, MHD_HTTP_NOT_FOUND, "no event %" PRIu32 " at height %" PRIu64, sequence, height);
        return;
    }
    struct buf bundle = {0};
    uint64_t trusted = 0;
    int rc = read_trusted(c, &trusted, &err);
    if (rc == WS_OK)
        rc = query_event_bundle_from(h->d->store, trusted, height, sequence, &bundle, &err);
    json_t *page = rc == WS_OK ? event_page(h, buf_span(&bundle), &err) : NULL;
    if (page != NULL)
        http_json(r, page);
    else if (rc == WS_EBUSY)
        not_yet(r, &err);
    else
        http_fail_err(r, rc == WS_OK ? WS_EIO : rc, &err);
    buf_free(&bundle);
}

void http_get_event_proof(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct ws_err err = {0};
    uint64_t height = 0;
    uint64_t sequence = 0;
    int rc = http_number(c->target.segment[3], "height", INT64_MAX, &height, &err);
    if (rc == WS_OK)
        rc = http_number(c->target.segment[4], "sequence", UINT32_MAX, &sequence, &err);
    if (rc == WS_OK)
        give_event(h, c, height, (uint32_t)sequence, r);
    else
        http_fail_err(r, rc, &err);
}

void http_get_map_proof(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct ws_err err = {0};
    uint64_t version = 0;
    uint64_t current = 0;
    int rc = http_number(c->target.segment[3], "version", INT64_MAX, &version, &err);
    if (rc == WS_OK)
        rc = versions_refresh(h->versions, &current, &err);
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
        return;
    }
    struct version_ref ref;
    uint64_t lowest = 0;
    enum versions_place at = versions_find(h->versions, version, &ref);
    versions_range(h->versions, &lowest, &current);
    if (at == VERSION_ABSENT && version > 1 && version < lowest)
        http_gone(r, lowest, current,
            "the record of map version %" PRIu64 " is not kept here any more", version);
    else if (at == VERSION_HERE)
        give_event(h, c, ref.height, ref.sequence, r);
    else if (at == VERSION_PENDING)
        http_fail(r, MHD_HTTP_CONFLICT,
            "map version %" PRIu64
            " is final, but the header that commits to it is not decided yet",
            version);
    else if (version == 1)
        http_fail(r, MHD_HTTP_NOT_FOUND,
            "version 1 is the base map: the genesis itself names its digest");
    else
        http_fail(r, MHD_HTTP_NOT_FOUND, "no map version %" PRIu64 "; the current one is %" PRIu64,
            version, current);
}

/* ---- state ---- */

struct state_question {
    uint64_t trusted; /* height */
    size_t contract;
    struct span key;
    int rc;
    struct ws_err err;
    struct buf bundle;
};

static void ask_state(void *owner, void *ctx) {
    const struct rsud *d = owner;
    struct state_question *q = ctx;
    struct header hd;
    struct commit commit;
    if (!node_last(d->node, &hd, &commit))
        q->rc = ws_fail(&q->err, WS_EBUSY, "no block yet; the first header commits to the state");
    else
        q->rc = query_state_bundle(node_executor(d->node), q->trusted, &hd, &commit, q->contract,
            q->key, &q->bundle, &q->err);
}

static json_t *state_page(struct http *h, struct span bundle, struct ws_err *err) {
    struct state_bundle *p = ws_alloc(sizeof(*p));
    json_t *o = NULL;
    if (state_bundle_decode(bundle, p, err) == WS_OK) {
        o = json_object();
        json_put(o, "kind", json_string("state"));
        json_put(o, "contract", json_string(http_contract_name(h, (size_t)p->contract.index)));
        json_put(o, "bundle", json_hex(bundle.p, bundle.n));
        json_put(o, "summary", json_state_bundle(p));
    }
    free(p);
    return o;
}

static int find_contract(
    const struct http *h, const char *name, size_t *ret_contract, struct ws_err *err) {
    for (size_t i = 0; i < h->n_contracts; i++) {
        if (strcmp(h->ops[i]->name, name) == 0) {
            *ret_contract = i;
            return WS_OK;
        }
    }
    return ws_fail(err, WS_ENOTFOUND, "no contract \"%s\" in this cell", name);
}

void http_get_state_proof(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct state_question q = {0};
    struct buf key = {0};
    int rc = find_contract(h, c->target.segment[3], &q.contract, &q.err);
    if (rc == WS_OK)
        rc = read_trusted(c, &q.trusted, &q.err);
    if (rc == WS_OK)
        rc = http_hex(c->target.segment[4], "key", EXEC_KEY_MAX, &key, &q.err);
    if (rc != WS_OK) {
        http_fail_err(r, rc, &q.err);
        buf_free(&key);
        return;
    }
    q.key = buf_span(&key);
    if (http_ask(h, ask_state, &q, r)) {
        json_t *page = q.rc == WS_OK ? state_page(h, buf_span(&q.bundle), &q.err) : NULL;
        if (page != NULL)
            http_json(r, page);
        else if (q.rc == WS_EBUSY)
            not_yet(r, &q.err);
        else
            http_fail_err(r, q.rc == WS_OK ? WS_EIO : q.rc, &q.err);
    }
    buf_free(&q.bundle);
    buf_free(&key);
}

/* /v1/headers/{height} and /v1/handovers: what a light client needs to move its trust, from the store alone; and
 * /v1/params, which a header commits to. */
#include "rsu/http/internal.h"

#include "base/mem.h"
#include "ledger/committee/committee.h"
#include "rsu/json/block.h"

#include <stdlib.h>

enum { HANDOVERS_PAGE = 64 };

static json_t *encoded(void (*put)(const void *value, struct buf *b), const void *value) {
    struct buf b = {0};
    put(value, &b);
    json_t *o = json_hex(b.p, b.n);
    buf_free(&b);
    return o;
}

static void put_header(const void *value, struct buf *b) {
    header_encode(value, b);
}

static void put_commit(const void *value, struct buf *b) {
    commit_encode(value, b);
}

static void put_set(const void *value, struct buf *b) {
    valset_encode(value, b);
}

static json_t *page_of(const struct light_block *k) {
    json_t *o = json_object();
    json_t *encoding = json_object();
    json_put(o, "header", json_header(&k->header));
    json_put(o, "commit", json_commit(&k->commit, &k->set));
    json_put(encoding, "header", encoded(put_header, &k->header));
    json_put(encoding, "commit", encoded(put_commit, &k->commit));
    json_put(encoding, "validators", encoded(put_set, &k->set));
    json_put(o, "encoding", encoding);
    return o;
}

void http_get_header(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct ws_err err = {0};
    uint64_t height = 0;
    struct light_block *k = ws_alloc(sizeof(*k));
    int rc = http_number(c->target.segment[2], "height", INT64_MAX, &height, &err);
    if (rc == WS_OK)
        rc = query_light_block(h->d->store, height, k, &err);
    if (rc == WS_OK)
        http_json(r, page_of(k));
    else
        http_fail_err(r, rc, &err);
    free(k);
}

static json_t *handovers_page(uint64_t from, const struct query_handovers *q) {
    json_t *o = json_object();
    json_t *list = json_array();
    struct rd r = rd_of(buf_span(&q->octets));
    for (size_t i = 0; i < q->n; i++) {
        struct span one = rd_var(&r, HANDOVER_OCTETS_MAX);
        json_t *item = json_object();
        json_put(item, "height", json_count(handover_height(one)));
        json_put(item, "octets", json_hex(one.p, one.n));
        json_add(list, item);
    }
    json_put(o, "from", json_count(from));
    json_put(o, "handovers", list);
    json_put(o, "more", json_boolean(q->more));
    json_put(o, "forgotten", json_boolean(q->forgotten));
    return o;
}

void http_get_handovers(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct ws_err err = {0};
    struct query_handovers q = {0};
    const char *text = http_target_arg(&c->target, "from");
    uint64_t from = 0;
    int rc = text == NULL ? WS_OK : http_number(text, "from", INT64_MAX, &from, &err);
    if (rc == WS_OK)
        rc = query_handovers(h->d->store, from, UINT64_MAX, HANDOVERS_PAGE, &q, &err);
    if (rc == WS_OK)
        http_json(r, handovers_page(from, &q));
    else
        http_fail_err(r, rc, &err);
    query_handovers_free(&q);
}

/* ---- parameters ---- */

struct params_question {
    bool here;
    uint64_t height;
    struct cell_params params;
};

static void ask_params(void *owner, void *ctx) {
    const struct rsud *d = owner;
    struct params_question *q = ctx;
    struct header hd;
    struct commit commit;
    q->here = node_last(d->node, &hd, &commit);
    q->here = q->here && hd.height > 1;
    if (!q->here)
        return;
    /* The last block may still be on its way to the disk, and who asks goes on to ask for the header. */
    q->height = hd.height - 1;
    q->params = *committee_params(executor_committee(node_executor(d->node)), q->height);
}

void http_get_params(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct params_question q = {0};
    (void)c;
    if (!http_ask(h, ask_params, &q, r))
        return;
    if (!q.here) {
        http_fail(r, MHD_HTTP_CONFLICT, "no block yet; its header commits to the parameters");
        http_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "1");
        return;
    }
    struct buf b = {0};
    json_t *o = json_object();
    json_t *list = json_object();
    cell_params_encode(&q.params, &b);
    json_put(o, "height", json_count(q.height));
#define X(name, lo, hi, help) json_put(list, #name, json_count(q.params.name));
    CELL_PARAMS(X)
#undef X
    json_put(o, "params", list);
    json_put(o, "encoding", json_hex(b.p, b.n));
    buf_free(&b);
    http_json(r, o);
}

/* /v1/map/changes/{id}/evidence and .../{index}: which messages spoke for a change, and one of them with its proof. */
#include "rsu/http/internal.h"

#include "base/mem.h"
#include "rsu/cell/cell.h"
#include "rsu/json/block.h"
#include "rsu/proofs/reveal.h"

#include <inttypes.h>
#include <stdlib.h>

struct kept {
    uint8_t change[32];
    bool here;
    struct evidence_leaf list[EVIDENCE_MAX];
    size_t n;
};

static void ask_list(void *owner, void *ctx) {
    const struct rsud *d = owner;
    struct kept *k = ctx;
    uint8_t key[33] = {'x'};
    struct span value;
    memcpy(key + 1, k->change, 32);
    k->here = state_get(executor_state(node_executor(d->node)), CELL_CONTRACT_MAP,
                  span_of(key, sizeof(key)), &value) &&
              evidence_read(value, k->list, &k->n);
}

static bool read_list(
    struct http *h, const struct http_call *c, struct kept *k, struct http_reply *r) {
    struct buf id = {0};
    struct ws_err err = {0};
    int rc = http_hex(c->target.segment[3], "change", 32, &id, &err);
    if (rc == WS_OK && id.n != 32)
        rc = ws_fail(&err, WS_EINPUT, "change: 32 octets; it has %zu", id.n);
    if (rc == WS_OK)
        memcpy(k->change, id.p, 32);
    else
        http_fail_err(r, rc, &err);
    buf_free(&id);
    if (rc != WS_OK || !http_ask(h, ask_list, k, r))
        return false;
    if (!k->here)
        http_fail(r, MHD_HTTP_NOT_FOUND,
            "no messages are kept for a change of this id: it is none of the road's, or too old");
    return k->here;
}

void http_get_change_evidence(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct kept *k = ws_alloc(sizeof(*k));
    if (read_list(h, c, k, r)) {
        json_t *list = json_array();
        for (size_t i = 0; i < k->n; i++) {
            json_t *o = json_object();
            json_put(o, "height", json_count(k->list[i].height));
            json_put(o, "leaf", json_hex(k->list[i].leaf, 32));
            json_add(list, o);
        }
        uint8_t root[32];
        evidence_root(k->list, k->n, root);
        json_t *o = json_object();
        json_put(o, "change", json_hex(k->change, 32));
        json_put(o, "commitment", json_hex(root, 32));
        json_put(o, "messages", list);
        http_json(r, o);
    }
    free(k);
}

static bool put_message(struct http *h, const struct kept *k, size_t index, struct buf *b) {
    const struct evidence_leaf *e = &k->list[index];
    struct block *block = NULL;
    if (query_block(h->d->store, &h->d->genesis->params, e->height, &block, NULL) != WS_OK)
        return false;
    bool found = false;
    for (size_t i = 0; i < block->n_txs && !found; i++) {
        found = memcmp(block->txs[i]->leaf, e->leaf, 32) == 0;
        if (found) {
            struct reveal x;
            reveal_make(k->change, k->list, k->n, index, &x);
            x.tx = block->txs[i]->octets;
            reveal_encode(&x, b);
        }
    }
    block_free(block);
    return found;
}

void http_get_change_message(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct kept *k = ws_alloc(sizeof(*k));
    struct ws_err err = {0};
    uint64_t index = 0;
    int rc = http_number(c->target.segment[5], "index", EVIDENCE_MAX, &index, &err);
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
    } else if (read_list(h, c, k, r)) {
        struct buf b = {0};
        if (index >= k->n) {
            http_fail(r, MHD_HTTP_NOT_FOUND, "%zu messages are kept, counted from 0", k->n);
        } else if (!put_message(h, k, (size_t)index, &b)) {
            http_fail(r, MHD_HTTP_NOT_FOUND,
                "the body of block %" PRIu64
                " is no longer kept: vehicles' messages go after a while",
                k->list[index].height);
        } else {
            json_t *o = json_object();
            json_put(o, "change", json_hex(k->change, 32));
            json_put(o, "index", json_count(index));
            json_put(o, "height", json_count(k->list[index].height));
            json_put(o, "reveal", json_hex(b.p, b.n));
            http_json(r, o);
        }
        buf_free(&b);
    }
    free(k);
}

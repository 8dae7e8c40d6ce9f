#include "rsu/proofs/reveal.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <inttypes.h>
#include <stdlib.h>

enum { ENCODING_VERSION = 1 };

void reveal_encode(const struct reveal *r, struct buf *b) {
    buf_u8(b, ENCODING_VERSION);
    buf_put(b, r->change, sizeof(r->change));
    buf_u64(b, r->proof.total);
    buf_u64(b, r->proof.index);
    buf_u8(b, (uint8_t)r->proof.n);
    for (size_t i = 0; i < r->proof.n; i++)
        buf_put(b, r->proof.aunts[i], 32);
    buf_var(b, r->tx);
}

int reveal_decode(struct span s, struct reveal *ret_reveal, struct ws_err *err) {
    struct rd r = rd_of(s);
    unsigned version = rd_u8(&r);
    if (!r.bad && version != ENCODING_VERSION)
        return ws_fail(err, WS_ENOTSUP, "revealed message: encoding version %u is not 1", version);
    struct reveal x;
    rd_copy(&r, x.change, sizeof(x.change));
    x.proof.total = rd_u64(&r);
    x.proof.index = rd_u64(&r);
    x.proof.n = rd_u8(&r);
    if (x.proof.n > LIST_PROOF_MAX || x.proof.total > EVIDENCE_MAX ||
        x.proof.index >= x.proof.total)
        r.bad = true;
    for (size_t i = 0; i < x.proof.n && !r.bad; i++)
        rd_copy(&r, x.proof.aunts[i], 32);
    x.tx = rd_var(&r, REVEAL_TX_MAX);
    if (!rd_done(&r))
        return ws_fail(err, WS_EINPUT, "revealed message: octet %zu of %zu: malformed", r.at, r.n);
    *ret_reveal = x;
    return WS_OK;
}

void reveal_make(const hash32 change, const struct evidence_leaf *list, size_t n, size_t index,
    struct reveal *ret_reveal) {
    hash32 *leaves = ws_calloc(n, sizeof(*leaves));
    hash32 *scratch = ws_calloc(n, sizeof(*scratch));
    for (size_t i = 0; i < n; i++)
        memcpy(leaves[i], list[i].leaf, 32);
    *ret_reveal = (struct reveal){0};
    memcpy(ret_reveal->change, change, 32);
    list_prove(exec_sha256, (const hash32 *)leaves, n, index, scratch, &ret_reveal->proof);
    free(scratch);
    free(leaves);
}

static int read_observation(struct span octets, struct observation *ret, struct ws_err *err) {
    struct tx *t = NULL;
    int rc = tx_parse(octets, &t, err);
    if (rc != WS_OK)
        return rc;
    if (t->kind == TX_MESSAGE)
        rc = observation_read(spdu_app_payload(&t->spdu, &(uint16_t){0}), ret, err);
    else
        rc = ws_fail(err, WS_EINPUT, "the transaction is no message of a vehicle");
    tx_unref(t);
    return rc;
}

int reveal_check(const struct reveal *r, const struct change_record *c,
    struct observation *ret_observation, struct ws_err *err) {
    hash32 leaf;
    if (memcmp(r->change, c->id, 32) != 0)
        return ws_fail(err, WS_EINPUT, "the message speaks for another change");
    exec_list_leaf(r->tx, leaf);
    if (!list_verify(exec_sha256, &r->proof, leaf, c->evidence_root))
        return ws_fail(err, WS_EINPUT,
            "the message is not number %" PRIu64 " of those that the change's evidence names",
            r->proof.index);
    return read_observation(r->tx, ret_observation, err);
}

/* Revealed messages: what decodes must encode to the same octets, and is checked without harm. */
#include "base/assert.h"
#include "ledger/exec/hash.h"
#include "rsu/proofs/reveal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reveal r;
    if (reveal_decode(span_of(data, size), &r, NULL) != WS_OK)
        return 0;
    struct buf b = {0};
    reveal_encode(&r, &b);
    WS_ASSERT(span_equal(buf_span(&b), span_of(data, size)));
    buf_free(&b);
    /* A change that it speaks for: with one message, the leaf is the root. */
    struct change_record c = {.op = MAP_DELETE};
    struct evidence_leaf one = {0};
    struct observation o;
    memcpy(c.id, r.change, sizeof(c.id));
    exec_list_leaf(r.tx, one.leaf);
    evidence_root(&one, 1, c.evidence_root);
    if (reveal_check(&r, &c, &o, NULL) == WS_OK)
        WS_ASSERT(o.n_reports <= OBS_MAX_REPORTS);
    return 0;
}

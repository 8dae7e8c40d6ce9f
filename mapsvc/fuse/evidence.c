#include "mapsvc/fuse/evidence.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

enum { VERSION = 1, KEY_LIST = 'x', KEY_DUE = 'y', DUE_OCTETS = 1 + 8 + 32 };

void evidence_root(const struct evidence_leaf *list, size_t n, uint8_t ret_root[static 32]) {
    uint8_t(*leaves)[32] = ws_calloc(n, 32);
    for (size_t i = 0; i < n; i++)
        memcpy(leaves[i], list[i].leaf, 32);
    exec_list_root((const uint8_t(*)[32])leaves, n, ret_root);
    free(leaves);
}

void evidence_put(struct buf *b, const struct evidence_leaf *list, size_t n) {
    buf_u8(b, VERSION);
    for (size_t i = 0; i < n; i++) {
        buf_u64(b, list[i].height);
        buf_put(b, list[i].leaf, 32);
    }
}

bool evidence_read(
    struct span value, struct evidence_leaf ret[static EVIDENCE_MAX], size_t *ret_n) {
    struct rd r = rd_of(value);
    unsigned version = rd_u8(&r);
    size_t n = rd_left(&r) / EVIDENCE_LEAF_OCTETS;
    if (r.bad || version != VERSION || n > EVIDENCE_MAX || rd_left(&r) % EVIDENCE_LEAF_OCTETS != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        ret[i].height = rd_u64(&r);
        rd_copy(&r, ret[i].leaf, 32);
    }
    *ret_n = n;
    return true;
}

static void list_key(const uint8_t *change, uint8_t ret[static 33]) {
    ret[0] = KEY_LIST;
    memcpy(ret + 1, change, 32);
}

/* The list that is due first. */
static bool first_due(struct exec_host *h, uint8_t ret_key[static DUE_OCTETS]) {
    static const uint8_t prefix[] = {KEY_DUE};
    struct span key;
    struct span value;
    if (!exec_next(h, span_of(prefix, 1), span_of(NULL, 0), &key, &value))
        return false;
    WS_ASSERT(key.n == DUE_OCTETS);
    memcpy(ret_key, key.p, DUE_OCTETS);
    return true;
}

static void let_go(struct exec_host *h, const uint8_t due[static DUE_OCTETS], size_t *n_kept) {
    uint8_t key[33];
    list_key(due + 9, key);
    exec_del(h, span_of(key, sizeof(key)));
    exec_del(h, span_of(due, DUE_OCTETS));
    --*n_kept;
}

void evidence_keep(struct exec_host *h, const uint8_t change[static 32],
    const struct evidence_leaf *list, size_t n, uint64_t until, size_t *n_kept) {
    uint8_t due[DUE_OCTETS];
    if (*n_kept >= EVIDENCE_KEPT_MAX && first_due(h, due))
        let_go(h, due, n_kept);
    uint8_t key[33];
    list_key(change, key);
    struct buf b = {0};
    evidence_put(&b, list, n);
    exec_put(h, span_of(key, sizeof(key)), buf_span(&b));
    buf_free(&b);
    due[0] = KEY_DUE;
    put_be64(due + 1, until);
    memcpy(due + 9, change, 32);
    exec_put(h, span_of(due, sizeof(due)), span_of(NULL, 0));
    ++*n_kept;
}

void evidence_forget(struct exec_host *h, uint64_t now, size_t *n_kept) {
    uint8_t due[DUE_OCTETS];
    while (*n_kept > 0 && first_due(h, due) && be64(due + 1) <= now)
        let_go(h, due, n_kept);
}

size_t evidence_count(struct exec_host *h) {
    static const uint8_t prefix[] = {KEY_DUE};
    uint8_t after[DUE_OCTETS];
    struct span key;
    struct span value;
    size_t n = 0;
    while (exec_next(
        h, span_of(prefix, 1), span_of(after, n == 0 ? 0 : sizeof(after)), &key, &value)) {
        WS_ASSERT(key.n == sizeof(after));
        memcpy(after, key.p, sizeof(after));
        n++;
    }
    return n;
}

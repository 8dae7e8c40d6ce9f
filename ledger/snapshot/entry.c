#include "ledger/snapshot/entry.h"

#include "ledger/exec/hash.h"

void entry_key_put(struct buf *out, uint8_t contract, struct span key) {
    hash32 hash;
    exec_sha256_one(key, hash);
    buf_u8(out, contract);
    buf_put(out, hash, ENTRY_HASH_OCTETS);
    buf_put(out, key.p, key.n);
}

bool entry_key_read(struct span stored, uint8_t *ret_contract, struct span *ret_key) {
    if (stored.n <= ENTRY_HEAD_OCTETS)
        return false;
    *ret_contract = stored.p[0];
    *ret_key = span_of(stored.p + ENTRY_HEAD_OCTETS, stored.n - ENTRY_HEAD_OCTETS);
    return true;
}

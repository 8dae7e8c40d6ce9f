/* SHA-256 for contracts and for the ledger itself (OpenSSL behind it). Any thread. */
#ifndef WAYSIDE_LEDGER_EXEC_HASH_H
#define WAYSIDE_LEDGER_EXEC_HASH_H

#include "base/span.h"

/* Hash of the concatenation of n parts. */
void exec_sha256(const struct span *parts, size_t n, uint8_t ret_hash[static 32]);

static inline void exec_sha256_one(struct span s, uint8_t ret_hash[static 32]) {
    exec_sha256(&s, 1, ret_hash);
}

/* Hashes of n runs of octets: cheaper together than one by one. */
void exec_sha256_many(const struct span *data, size_t n, uint8_t (*ret_hashes)[32]);

/* Root of a list of leaf hashes, RFC 6962 shape: leaf = SHA-256(0x00 || data), inner = SHA-256(0x01 || l || r).
 * `leaves` are leaf hashes already (exec_list_leaf). */
void exec_list_leaf(struct span data, uint8_t ret_leaf[static 32]);
void exec_list_root(const uint8_t (*leaves)[32], size_t n, uint8_t ret_root[static 32]);

#endif

/* Authenticated state: for each contract an ordered map of octets and a sparse Merkle tree over it.
 * Tree nodes are shared between versions, so the state that the last header commits to stays provable
 * while the next block is executed. A key that changes often within a block costs its tree once: the tree follows when a
 * root is asked for. Keys that changed since the last take are listed for the store.
 * All in memory; the store is the durable copy. One thread. */
#ifndef WAYSIDE_LEDGER_EXEC_STATE_H
#define WAYSIDE_LEDGER_EXEC_STATE_H

#include "base/bytes.h"
#include "ledger/light/merkle.h"

#define STATE_CONTRACTS_MAX 8

struct state;

struct state *state_new(size_t n_contracts);
void state_free(struct state *s);

bool state_get(const struct state *s, size_t contract, struct span key, struct span *ret_value);
void state_put(struct state *s, size_t contract, struct span key, struct span value);
/* An entry that the store holds already: goes into the tree at once and is no change. Cheapest in the order of hashed keys.
 * Nothing may have been put or deleted since the last clear (asserted). */
void state_restore(struct state *s, size_t contract, struct span key, struct span value);
void state_del(struct state *s, size_t contract, struct span key);
/* As exec_next. */
bool state_next(const struct state *s, size_t contract, struct span prefix, struct span after,
    struct span *ret_key, struct span *ret_value);
size_t state_entries(const struct state *s, size_t contract);

/* List root over the contracts' sparse roots. */
void state_root(struct state *s, hash32 ret_root);
void state_contract_root(struct state *s, size_t contract, hash32 ret_root);

/* Makes the present state the one that state_prove answers for, until the next call. */
void state_mark(struct state *s);
/* Proof under the marked state. The caller fetches the value; *ret_value_hash tells whether it still is the one. */
void state_prove(struct state *s, size_t contract, const hash32 key_hash, hash32 ret_contract_root,
    struct list_proof *ret_contract, struct sparse_proof *ret_proof);

/* Keys changed since the last state_changes_clear, each once, with their present value; value.p == NULL: deleted. In the order
 * of contracts and, within one, of each key's first change. */
typedef void (*state_change_fn)(void *ctx, size_t contract, struct span key, struct span value);
void state_changes(const struct state *s, state_change_fn fn, void *ctx);
void state_changes_clear(struct state *s);

#endif

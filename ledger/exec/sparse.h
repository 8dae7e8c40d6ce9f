/* The sparse Merkle tree itself: copy-on-write nodes with reference counts, hashed when a root is asked
 * for. Internal to ledger/exec. */
#ifndef WAYSIDE_LEDGER_EXEC_SPARSE_H
#define WAYSIDE_LEDGER_EXEC_SPARSE_H

#include "ledger/light/merkle.h"

struct sparse_node; /* NULL is the empty tree */

struct sparse_node *sparse_ref(struct sparse_node *t);
void sparse_unref(struct sparse_node *t);
/* Takes the reference to t and returns the new tree's. */
struct sparse_node *sparse_put(struct sparse_node *t, const hash32 key, const hash32 value);
struct sparse_node *sparse_del(struct sparse_node *t, const hash32 key);
void sparse_root(struct sparse_node *t, hash32 ret_root);
void sparse_prove(struct sparse_node *t, const hash32 key, struct sparse_proof *ret_proof);

#endif

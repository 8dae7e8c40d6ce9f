/* What uploads need to know of the ledger, copied: the ledger's thread writes it after each block, the thread of uploads and that of
 * the links read it. A lock inside; nothing but copies leaves it. */
#ifndef WAYSIDE_RSU_LEARNING_UPLOADS_VIEW_H
#define WAYSIDE_RSU_LEARNING_UPLOADS_VIEW_H

#include "rsu/learning/uploads.h"

struct uploads_view;
struct uploads_view *uploads_view_new(const uint8_t cell[static 32]);
void uploads_view_free(struct uploads_view *v); /* NULL is fine */

/* contract: the learning contract's self, as of the last block (fedlearn/round/rounds.h). The ledger's thread. */
void uploads_view_update(struct uploads_view *v, const void *contract);
/* For uploads_new; the view outlives it. One reader of `round` (it remembers what it told); claims: any thread. */
struct uploads_ledger uploads_view_ledger(struct uploads_view *v);

/* ---- for whoever gets materials another way; any thread ---- */
/* The round that is on, and whether there is one. */
bool uploads_view_round(struct uploads_view *v, struct uploads_round *ret);
/* Submission i of the round; false: there are no more. */
bool uploads_view_at(struct uploads_view *v, size_t i, struct uploads_claim *ret);
/* The k-th submission of the round with this id, 0 ...; false: there are no more. */
bool uploads_view_by_id(
    struct uploads_view *v, const uint8_t id[static 32], size_t k, struct uploads_claim *ret);

#endif

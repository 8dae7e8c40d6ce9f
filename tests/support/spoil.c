#include "tests/support/spoil.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

enum { SECOND = 1000000 };

static void repeat_first_tx(struct block *b) {
    b->txs = (struct tx **)ws_realloc((void *)b->txs, (b->n_txs + 1) * sizeof(struct tx *));
    b->tx_ids = ws_realloc(b->tx_ids, (b->n_txs + 1) * sizeof(hash32));
    b->tx_leaves = ws_realloc(b->tx_leaves, (b->n_txs + 1) * sizeof(hash32));
    b->txs[b->n_txs] = NULL;
    memcpy(b->tx_ids[b->n_txs], b->tx_ids[0], 32);
    memcpy(b->tx_leaves[b->n_txs], b->tx_leaves[0], 32);
    b->n_txs++;
    block_seal(b);
}

static void spoil(struct block *b, unsigned what, uint64_t by_us) {
    struct header *hd = &b->header;
    switch (what) {
    case 0:
        hd->state_root[5] ^= 1;
        break;
    case 1:
        hd->result_root[5] ^= 1;
        break;
    case 2:
        hd->event_root[5] ^= 1;
        break;
    case 3:
        hd->time -= 5ULL * SECOND; /* before the last block */
        break;
    case SPOIL_UNTIMELY:
        hd->time += 3600ULL * SECOND;
        break;
    case 5:
        hd->previous[5] ^= 1;
        break;
    case 6:
        hd->validators[5] ^= 1;
        break;
    case 7:
        hd->next_validators[5] ^= 1;
        break;
    case 8:
        hd->params[5] ^= 1;
        break;
    case 9:
        hd->extension[5] ^= 1;
        break;
    case 10:
        hd->cell_id[5] ^= 1;
        break;
    case 11:
        hd->proposer[5] ^= 1;
        break;
    case 12: /* no quorum behind the last block */
        for (size_t i = 0; i < b->last_commit.n; i++)
            b->last_commit.present[i] = i == 0;
        commit_hash(exec_sha256, &b->last_commit, hd->last_commit);
        break;
    case SPOIL_TWICE:
        repeat_first_tx(b);
        break;
    default:
        WS_ASSERT(what == SPOIL_NONE);
        hd->time += by_us;
        break;
    }
    header_id(exec_sha256, hd, b->id);
}

static bool spoil_message(struct nodes *w, size_t signer, unsigned what, uint64_t by_us,
    struct buf *msg, uint64_t *ret_time, hash32 ret_id) {
    if (msg->n == 0 || msg->p[0] != 0x0a)
        return false;
    Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg->n, msg->p);
    if (link == NULL)
        return false;
    Wayside__Link__Proposal *p = link->proposal;
    struct block *b = NULL;
    int rc = block_decode_compact(span_of(p->block.data, p->block.len), &w->params, &b, NULL);
    bool apply = rc == WS_OK &&
                 (int)p->validator == nodes_index_of(w, w->m[signer].slot, p->height) &&
                 p->signature.len == SIG_OCTETS && (what != SPOIL_TWICE || b->n_txs > 0) &&
                 (what != 12 || b->last_commit.n > 1);
    if (apply) {
        spoil(b, what, by_us);
        struct buf compact = {0};
        struct buf bytes = {0};
        block_encode_compact(b, &compact);
        proposal_sign_bytes(w->cell_id, p->height, p->round, b->id, p->valid_round, &bytes);
        signer_sign(w->m[signer].signer, buf_span(&bytes), p->signature.data);
        ProtobufCBinaryData old = p->block;
        p->block = (ProtobufCBinaryData){compact.n, compact.p};
        buf_clear(msg);
        (void)wayside__link__link__pack(
            link, buf_grow(msg, wayside__link__link__get_packed_size(link)));
        p->block = old;
        buf_free(&compact);
        buf_free(&bytes);
        memcpy(ret_id, b->id, 32);
        *ret_time = b->header.time;
    }
    if (rc == WS_OK)
        block_free(b);
    wayside__link__link__free_unpacked(link, NULL);
    return apply;
}

bool spoil_proposal(
    struct nodes *w, size_t signer, unsigned what, uint64_t by_us, struct buf *msg, hash32 ret_id) {
    uint64_t time = 0;
    return spoil_message(w, signer, what, by_us, msg, &time, ret_id);
}

bool spoil_time(struct nodes *w, size_t signer, int64_t by_us, struct buf *msg, uint64_t *ret_time,
    hash32 ret_id) {
    return spoil_message(w, signer, SPOIL_NONE, (uint64_t)by_us, msg, ret_time, ret_id);
}

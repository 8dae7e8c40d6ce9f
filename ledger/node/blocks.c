/* Blocks of the height in progress: building, completing, checking, committing. */
#include "ledger/node/node_internal.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

/* ---- candidates ---- */

struct candidate *candidate_find(struct node *n, const hash32 id) {
    for (size_t i = 0; i < n->n_candidates; i++) {
        if (memcmp(n->candidate[i].id, id, 32) == 0)
            return &n->candidate[i];
    }
    return NULL;
}

/* Who goes when the table is full: what consensus does not wait for, then what is known to be invalid, then the oldest;
 * never what we are locked on or would propose again. */
static size_t least_needed(const struct node *n) {
    size_t at = CANDIDATES_MAX;
    unsigned best = 3;
    for (size_t i = 0; i < CANDIDATES_MAX; i++) {
        const struct candidate *c = &n->candidate[i];
        unsigned need = !c->wanted ? 0 : c->answered && !c->valid ? 1 : 2;
        if (need < best && !cs_relies_on(n->cs, c->id)) {
            best = need;
            at = i;
        }
    }
    WS_ASSERT(at < CANDIDATES_MAX);
    return at;
}

/* Takes b (may be NULL). */
struct candidate *candidate_add(struct node *n, const hash32 id, struct block *b, size_t from) {
    struct candidate *c = candidate_find(n, id);
    if (c != NULL) {
        if (c->block == NULL)
            c->block = b;
        else
            block_free(b);
        return c;
    }
    if (n->n_candidates == CANDIDATES_MAX) {
        size_t at = least_needed(n);
        n->counters.drops[NODE_DROP_CANDIDATES]++;
        block_free(n->candidate[at].block);
        memmove(&n->candidate[at], &n->candidate[at + 1],
            (CANDIDATES_MAX - at - 1) * sizeof(n->candidate[0]));
        n->n_candidates--;
    }
    c = &n->candidate[n->n_candidates++];
    *c = (struct candidate){.block = b, .from = from};
    memcpy(c->id, id, 32);
    return c;
}

void candidates_clear(struct node *n) {
    for (size_t i = 0; i < n->n_candidates; i++)
        block_free(n->candidate[i].block);
    n->n_candidates = 0;
}

/* Tables are larger than the cache: a block's places in them are asked for ahead of time. */
enum { HINT_AHEAD = 8 };

/* Once: what comes later is put in as it comes (txs.c). */
static void fill_from_pool(struct node *n, struct block *b) {
    if (b->looked)
        return;
    b->looked = true;
    for (size_t i = 0; i < b->n_txs; i++) {
        if (i + HINT_AHEAD < b->n_txs)
            table_hint(&n->pool.by_leaf, b->tx_leaves[i + HINT_AHEAD]);
        if (b->txs[i] != NULL)
            continue;
        struct tx *t = mempool_by_leaf(&n->pool, b->tx_leaves[i]);
        if (t != NULL)
            block_put_tx(b, i, t);
    }
}

void candidate_progress(struct node *n, struct candidate *c, struct ws_now now) {
    if (!c->wanted || c->answered)
        return;
    if (c->block != NULL)
        fill_from_pool(n, c->block);
    if (c->block == NULL || !block_complete(c->block)) {
        sync_ask_missing(n, c, now);
        return;
    }
    const char *why = "";
    struct cs_event ev = {.kind = CS_EV_VALIDATED, .height = cs_height(n->cs)};
    ev.ok = blocks_check(n, c->block, &why);
    memcpy(ev.id, c->id, 32);
    c->answered = true;
    c->valid = ev.ok;
    if (!ev.ok) {
        n->counters.drops[NODE_DROP_BAD_BLOCK]++;
        ws_log(WS_LOG_WARN, "ledger", "proposal at height %llu refused: %s",
            (unsigned long long)c->block->header.height, why);
    } else if (!n->replaying && !recover_log_block(n, c->block)) {
        return;
    }
    drive_event(n, &ev, now);
}

/* ---- building ---- */

static void put_tx(struct block *b, struct tx *t, size_t *cap) {
    if (b->n_txs == *cap) {
        *cap = *cap == 0 ? 256 : *cap * 2;
        b->txs = (struct tx **)ws_realloc((void *)b->txs, *cap * sizeof(struct tx *));
        b->tx_ids = ws_realloc(b->tx_ids, *cap * sizeof(hash32));
        b->tx_leaves = ws_realloc(b->tx_leaves, *cap * sizeof(hash32));
    }
    b->txs[b->n_txs] = tx_ref(t);
    memcpy(b->tx_ids[b->n_txs], t->id, 32);
    memcpy(b->tx_leaves[b->n_txs], t->leaf, 32);
    b->n_txs++;
}

static void fill_header(const struct node *n, uint64_t time, struct header *hd) {
    memset(hd, 0, sizeof(*hd));
    memcpy(hd->cell_id, executor_cell_id(n->ex), 32);
    hd->height = n->height + 1;
    hd->time = time;
    if (n->height > 0) {
        memcpy(hd->previous, n->last_id, 32);
        commit_hash(exec_sha256, &n->last_commit, hd->last_commit);
    }
    memcpy(hd->state_root, n->roots.state_root, 32);
    memcpy(hd->result_root, n->roots.result_root, 32);
    memcpy(hd->event_root, n->roots.event_root, 32);
    memcpy(hd->validators, committee_set_hash(n->committee, hd->height), 32);
    memcpy(hd->next_validators, committee_set_hash(n->committee, hd->height + 1), 32);
    cell_params_hash(exec_sha256, n->params, hd->params);
}

/* What did not come through twice (once may be a dead proposer's turn) gets half the room in the next round. A cell whose blocks are too large for its links
 * or machines finds the size that they can carry; and a height that stands for days writes two full blocks to each log, not
 * one a round. */
static bool fits_round(
    const struct node *n, const struct block *b, uint64_t octets, int32_t round) {
    unsigned halvings = round < 2 ? 0 : round < 20 ? (unsigned)round - 1 : 19;
    return halvings == 0 || b->n_txs == 0 ||
           (octets <= n->params->block_octets_max >> halvings &&
               b->n_txs < n->params->block_txs_max >> halvings);
}

void blocks_build(struct node *n, int32_t round, struct ws_now now) {
    WS_ASSERT(n->me >= 0);
    txs_flush_all(n);
    struct block *b = ws_alloc(sizeof(*b));
    uint64_t time = now.its_us > n->last_time ? now.its_us : n->last_time + 1;
    fill_header(n, time, &b->header);
    memcpy(b->header.proposer, n->set->v[n->me].address, 32);
    b->last_commit = n->last_commit;
    struct check *check = check_new(n->ex, time);
    size_t cap = 0;
    uint64_t octets = 0;
    bool full = false;
    for (size_t lane = 0; lane < LANE_COUNT && !full; lane++) {
        for (struct mempool_entry *e = n->pool.first[lane], *next; e != NULL && !full; e = next) {
            next = e->next;
            if (!fits_round(n, b, octets + e->tx->octets.n, round)) {
                full = true;
                break;
            }
            enum tx_verdict v = check_tx(check, e->tx);
            if (v == TX_GOOD) {
                octets += e->tx->octets.n;
                put_tx(b, e->tx, &cap);
            } else if (v == TX_TOO_LARGE) {
                full = true;
            } else if (tx_verdict_final(v)) {
                n->counters.tx_refused[v]++;
                mempool_remove(&n->pool, e);
            }
        }
    }
    check_free(check);
    block_seal(b);
    n->counters.proposals_built++;
    struct cs_event ev = {
        .kind = CS_EV_BUILT, .height = cs_height(n->cs), .round = round, .block_time = time};
    memcpy(ev.id, b->id, 32);
    struct candidate *c = candidate_add(n, b->id, b, n->peers.me);
    if (recover_log_block(n, c->block))
        drive_event(n, &ev, now);
}

/* ---- checking ---- */

static bool refuse(const char **ret_why, const char *why) {
    *ret_why = why;
    return false;
}

static bool check_header(const struct node *n, const struct block *b, const char **ret_why) {
    struct header want;
    const struct header *hd = &b->header;
    fill_header(n, hd->time, &want);
    if (memcmp(hd->cell_id, want.cell_id, 32) != 0)
        return refuse(ret_why, "another cell");
    if (hd->height != want.height || memcmp(hd->previous, want.previous, 32) != 0)
        return refuse(ret_why, "does not follow the last block");
    if (hd->time <= n->last_time)
        return refuse(ret_why, "block time does not grow");
    if (memcmp(hd->state_root, want.state_root, 32) != 0)
        return refuse(ret_why, "state root differs from ours");
    if (memcmp(hd->result_root, want.result_root, 32) != 0)
        return refuse(ret_why, "result root differs from ours");
    if (memcmp(hd->event_root, want.event_root, 32) != 0)
        return refuse(ret_why, "event root differs from ours");
    if (memcmp(hd->validators, want.validators, 32) != 0 ||
        memcmp(hd->next_validators, want.next_validators, 32) != 0 ||
        memcmp(hd->params, want.params, 32) != 0)
        return refuse(ret_why, "validators or parameters differ from ours");
    if (memcmp(hd->extension, want.extension, 32) != 0)
        return refuse(ret_why, "extension is not zero");
    if (validator_set_find(n->set, hd->proposer) < 0)
        return refuse(ret_why, "proposer is no validator");
    return true;
}

static bool check_last_commit(const struct node *n, const struct block *b, const char **ret_why) {
    static const hash32 zero = {0};
    const struct commit *c = &b->last_commit;
    if (n->height == 0) {
        if (c->n != 0 || c->height != 0 || c->round != 0 || memcmp(c->id, zero, 32) != 0 ||
            memcmp(b->header.last_commit, zero, 32) != 0)
            return refuse(ret_why, "first block carries a commit");
        return true;
    }
    hash32 got;
    commit_hash(exec_sha256, c, got);
    if (memcmp(got, b->header.last_commit, 32) != 0)
        return refuse(ret_why, "carried commit does not fit the header");
    hash32 ours;
    commit_hash(exec_sha256, &n->last_commit, ours);
    if (memcmp(got, ours, 32) == 0)
        return true;
    if (c->height != n->height || memcmp(c->id, n->last_id, 32) != 0 ||
        commit_check(exec_verify, executor_cell_id(n->ex), committee_set(n->committee, n->height),
            c, NULL) != WS_OK)
        return refuse(ret_why, "carried commit is no quorum for the last block");
    return true;
}

bool blocks_check(struct node *n, struct block *b, const char **ret_why) {
    if (!check_header(n, b, ret_why) || !check_last_commit(n, b, ret_why))
        return false;
    ahead_verify_block(n, b);
    struct check *check = check_new(n->ex, b->header.time);
    bool good = true;
    for (size_t i = 0; i < b->n_txs && good; i++) {
        if (i + HINT_AHEAD < b->n_txs)
            check_hint(n->ex, b->txs[i + HINT_AHEAD]);
        enum tx_verdict v = check_tx(check, b->txs[i]);
        if (v != TX_GOOD) {
            n->counters.tx_refused[v]++;
            good = refuse(ret_why, tx_verdict_text(v));
        }
    }
    check_free(check);
    return good;
}

/* ---- committing ---- */

void blocks_commit(struct node *n, struct block *b, const struct commit *c, struct ws_now now) {
    WS_ASSERT(n->writing == NULL);
    struct exec_outcome outcome;
    executor_run(n->ex, b, &outcome);
    n->height = b->header.height;
    n->last_header = b->header;
    n->last_commit = *c;
    memcpy(n->last_id, b->id, 32);
    n->last_time = b->header.time;
    memcpy(n->roots.state_root, outcome.state_root, 32);
    memcpy(n->roots.result_root, outcome.result_root, 32);
    memcpy(n->roots.event_root, outcome.event_root, 32);
    n->events_pending = outcome.n_events > 0;
    n->committed_mono_us = now.mono_us;

    n->counters.blocks++;
    n->counters.txs += b->n_txs;
    n->counters.empty_blocks += b->n_txs == 0;
    n->counters.rounds_beyond_zero += (uint64_t)c->round;
    for (size_t i = 0; i < b->n_txs; i++) {
        if (i + HINT_AHEAD < b->n_txs)
            mempool_hint(&n->pool, b->txs[i + HINT_AHEAD]);
        mempool_remove_id(&n->pool, b->txs[i]->id);
    }
    write_start(n, b, c, &outcome, now);
}

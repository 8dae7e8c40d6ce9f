/* What must hold in a bent cell, whatever happens to it: looked at with every statement and every block. */
#include "tests/support/nodes.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "ledger/light/evidence.h"
#include "ledger/node/node_internal.h"

#include <inttypes.h>
#include <stdlib.h>

enum { RESTART_MAX_US = 3000000, TORN_MAX = 400 };

struct nodes_height *nodes_height_at(struct nodes *w, uint64_t height) {
    if (height >= w->n_heights) {
        size_t n = (size_t)height + 256;
        w->height = ws_realloc(w->height, n * sizeof(*w->height));
        memset(w->height + w->n_heights, 0, (n - w->n_heights) * sizeof(*w->height));
        w->n_heights = n;
    }
    WS_ASSERT(w->height != NULL);
    return &w->height[height];
}

static void forget_votes(struct nodes_height *h) {
    free(h->votes);
    h->votes = NULL;
    h->n_votes = 0;
    h->cap_votes = 0;
}

void nodes_check_free(struct nodes *w) {
    for (size_t i = 0; i < w->n_heights; i++) {
        forget_votes(&w->height[i]);
        free(w->height[i].commit);
    }
    free(w->height);
    free(w->fork_commit);
    for (size_t i = 0; i < w->n_sets; i++)
        free(w->sets[i]);
    table_free(&w->committed);
    table_free(&w->given);
    table_free(&w->bad);
    table_free(&w->said);
}

/* A number other than 0 as a table's value. */
static void *number_value(uint64_t n) {
    return (void *)(uintptr_t)n; /* NOLINT(performance-no-int-to-ptr) */
}

/* ---- who is who ---- */

const struct validator_set *nodes_set_at(const struct nodes *w, uint64_t height) {
    uint64_t h = height < w->n_heights ? height + 1 : w->n_heights;
    while (h-- > 0) {
        if (w->height[h].set != NULL)
            return w->height[h].set;
    }
    return &w->set;
}

int nodes_index_of(const struct nodes *w, size_t slot, uint64_t height) {
    return validator_set_find(nodes_set_at(w, height), w->who[slot].address);
}

size_t nodes_slot_of(const struct nodes *w, size_t index, uint64_t height) {
    const struct validator_set *set = nodes_set_at(w, height);
    for (size_t i = 0; index < set->n && i < w->n_validators; i++) {
        if (memcmp(w->who[i].address, set->v[index].address, sizeof(hash32)) == 0)
            return i;
    }
    return SIZE_MAX;
}

uint64_t nodes_power_of(const struct nodes *w, size_t slot, uint64_t height) {
    int index = nodes_index_of(w, slot, height);
    return index < 0 ? 0 : nodes_set_at(w, height)->v[index].power;
}

/* What block h changes is in force from h + 2; whoever has executed h knows. */
static void learn_set(struct nodes *w, const struct nodes_member *m, uint64_t height) {
    struct nodes_height *at = nodes_height_at(w, height);
    if (at->set != NULL || m->node == NULL || height > committee_next(m->node->committee) + 1)
        return;
    const struct validator_set *set = committee_set(m->node->committee, height);
    if (set == NULL)
        return;
    for (size_t i = 0; i < w->n_sets && at->set == NULL; i++) {
        const struct validator_set *o = w->sets[i];
        bool same = o->n == set->n && o->total == set->total;
        for (size_t k = 0; same && k < set->n; k++)
            same = memcmp(o->v[k].address, set->v[k].address, 32) == 0 &&
                   o->v[k].power == set->v[k].power;
        at->set = same ? o : NULL;
    }
    if (at->set == NULL && w->n_sets < ARRAY_LEN(w->sets)) {
        w->sets[w->n_sets] = ws_memdup(set, sizeof(*set));
        at->set = w->sets[w->n_sets++];
        nodes_tell(w, "from height %" PRIu64 " on, %zu validators", height, set->n);
    }
}

/* ---- statements ---- */

static bool same_value(const struct vote *a, const struct vote *b) {
    return a->nil == b->nil && memcmp(a->id, b->id, sizeof(hash32)) == 0;
}

static bool prevote_quorum(
    const struct nodes *w, const struct nodes_height *h, const struct vote *value, int32_t round) {
    bool counted[VALIDATORS_MAX] = {false};
    uint64_t power = 0;
    for (size_t i = 0; i < h->n_votes; i++) {
        const struct vote *v = &h->votes[i];
        if (v->type == VOTE_PREVOTE && v->round == round && same_value(v, value) &&
            !counted[v->validator]) {
            counted[v->validator] = true;
            power += nodes_power_of(w, v->validator, value->height);
        }
    }
    return power_is_quorum(power, nodes_set_at(w, value->height)->total);
}

/* "Precommit v in round r, then prevote v' != v in r' > r without a prevote quorum for v' in some round in [r, r')." */
static bool against_lock(
    const struct nodes *w, const struct nodes_height *h, const struct vote *prevote) {
    const struct vote *lock = NULL;
    for (size_t i = 0; i < h->n_votes; i++) {
        const struct vote *v = &h->votes[i];
        if (v->validator == prevote->validator && v->type == VOTE_PRECOMMIT && !v->nil &&
            v->round < prevote->round && (lock == NULL || v->round > lock->round))
            lock = v;
    }
    if (prevote->nil || lock == NULL || same_value(lock, prevote))
        return false;
    for (int32_t r = lock->round; r < prevote->round; r++) {
        if (prevote_quorum(w, h, prevote, r))
            return false;
    }
    return true;
}

bool nodes_slot_lies(const struct nodes *w, size_t slot) {
    for (size_t i = 0; i < w->n; i++) {
        if (w->m[i].slot == slot && w->m[i].liar)
            return true;
    }
    return false;
}

static void remember(struct nodes_height *h, const struct vote *v) {
    if (h->n_votes == h->cap_votes) {
        h->cap_votes = h->cap_votes == 0 ? 32 : 2 * h->cap_votes;
        h->votes = ws_realloc(h->votes, h->cap_votes * sizeof(*h->votes));
    }
    h->votes[h->n_votes++] = *v;
}

/* What a unit said before its disk was lost it can only learn from others. Where power went everywhere before anybody
 * had synced it, nobody knows, and no software can (decision 17): a hardware counter is for that. */
static bool somebody_knows(const struct nodes *w, const struct vote *said) {
    int index = nodes_index_of(w, said->validator, said->height);
    for (size_t i = 0; index >= 0 && i < w->n; i++) {
        const struct node *n = w->m[i].node;
        if (w->m[i].liar || n == NULL || cs_height(n->cs) != said->height)
            continue;
        const struct round_votes *rv = cs_votes(n->cs, said->round);
        if (rv == NULL)
            continue;
        const struct vote_slot *at =
            &(said->type == VOTE_PREVOTE ? rv->prevote : rv->precommit)[index];
        for (size_t k = 0; k < at->n; k++) {
            if (vote_same_statement(&at->vote[k], said))
                return true;
        }
    }
    return false;
}

static void forget_unknown(struct nodes *w, struct nodes_member *m, struct nodes_height *h) {
    size_t kept = 0;
    for (size_t i = 0; i < h->n_votes; i++) {
        const struct vote *v = &h->votes[i];
        if (v->validator != m->slot || somebody_knows(w, v)) {
            h->votes[kept++] = *v;
            continue;
        }
        nodes_tell(w,
            "nobody knows any more what validator %zu said in round %d of height %" PRIu64
            " before its disk was lost",
            m->slot, v->round, v->height);
        m->forgot = true;
    }
    h->n_votes = kept;
}

/* An honest node says one thing for each place, whatever happened to it in between. What it passes on of others is
 * theirs; what liars say for themselves or one another is kept, for it may make a quorum. */
static void note_vote(struct nodes *w, struct nodes_member *m, const struct vote *said) {
    if (said->height > w->highest + 64)
        return; /* only liars speak of such heights */
    struct vote by_slot = *said;
    struct vote *v = &by_slot;
    size_t slot = nodes_slot_of(w, said->validator, said->height);
    if (m->liar ? slot == SIZE_MAX || !nodes_slot_lies(w, slot) : slot != m->slot)
        return;
    v->validator = (uint16_t)slot;
    struct nodes_height *h = nodes_height_at(w, v->height);
    if (!m->liar && v->height <= m->disk_lost)
        forget_unknown(w, m, h);
    for (size_t i = 0; i < h->n_votes; i++) {
        const struct vote *o = &h->votes[i];
        if (o->validator != v->validator || o->round != v->round || o->type != v->type)
            continue;
        if (same_value(o, v) && o->locked_round == v->locked_round &&
            o->valid_round == v->valid_round)
            return;
        if (!m->liar)
            nodes_break(w, "validator %zu signed two %ss for height %" PRIu64 " round %d", m->slot,
                v->type == VOTE_PREVOTE ? "prevote" : "precommit", v->height, v->round);
    }
    if (!m->liar && v->type == VOTE_PREVOTE && against_lock(w, h, v))
        nodes_break(w,
            "validator %zu prevoted against its lock without a newer quorum at height %" PRIu64
            " round %d",
            m->slot, v->height, v->round);
    if (!m->liar && v->round > w->highest_round)
        w->highest_round = v->round;
    remember(h, v);
}

static bool other_is_known(const struct nodes *w, const struct nodes_member *m,
    const Wayside__Link__Proposal *p, const uint8_t *id) {
    for (size_t i = 0; i < w->n; i++) {
        const struct node *n = w->m[i].node;
        if (&w->m[i] == m || w->m[i].liar || n == NULL || cs_height(n->cs) != p->height)
            continue;
        const struct cs_proposal *had = cs_proposal_of(n->cs, p->round);
        if (had != NULL &&
            (memcmp(had->id, id, sizeof(hash32)) != 0 || had->valid_round != p->valid_round))
            return true;
    }
    return false;
}

/* One proposal of an honest validator for each place. */
static void note_proposal(
    struct nodes *w, struct nodes_member *m, const Wayside__Link__Proposal *p) {
    if (m->liar || nodes_slot_of(w, p->validator, p->height) != m->slot)
        return;
    struct header hd;
    struct rd r = rd_of(span_of(p->block.data, p->block.len));
    (void)rd_u8(&r); /* version of the block's own layout */
    if (!header_read(&r, &hd)) {
        nodes_break(w, "validator %zu proposes what nobody can read: %zu octets at height %" PRIu64,
            m->slot, p->block.len, p->height);
        return;
    }
    hash32 what;
    header_id(exec_sha256, &hd, what);
    uint8_t place[32] = {0};
    put_be64(place, p->height * 0x9e3779b97f4a7c15 + (uint64_t)p->round * 0xff51afd7ed558ccd);
    put_be64(place + 8, p->height);
    put_be32(place + 16, (uint32_t)p->round);
    uint32_t told = be32(what) ^ (uint32_t)p->valid_round;
    void *value = number_value((uint64_t)told << 8 | (m->slot + 1));
    const void *had = table_put(&w->said, place, value);
    if (had == NULL || had == value)
        return;
    bool unknown = p->height <= m->disk_lost && !other_is_known(w, m, p, what);
    m->forgot = m->forgot || unknown;
    if (!unknown)
        nodes_break(w,
            "validator %zu made two proposals, or out of turn, at height %" PRIu64 " round %d",
            m->slot, p->height, p->round);
}

static bool read_length(struct span msg, size_t *at, size_t *ret_n) {
    uint64_t n = 0;
    for (unsigned shift = 0; *at < msg.n && shift < 32; shift += 7) {
        uint8_t o = msg.p[(*at)++];
        n |= (uint64_t)(o & 0x7fU) << shift;
        if (o < 0x80) {
            *ret_n = (size_t)n;
            return n <= msg.n - *at;
        }
    }
    return false;
}

void nodes_note_sent(struct nodes *w, struct nodes_member *m, struct span msg) {
    if (w->last_sender == m->index && span_equal(buf_span(&w->last_sent), msg))
        return;
    w->last_sender = m->index;
    buf_clear(&w->last_sent);
    buf_put(&w->last_sent, msg.p, msg.n);
    /* Link: field 1 is a proposal, field 2 a vote. */
    if (msg.n > 2 && msg.p[0] == 0x12) {
        size_t at = 1;
        size_t n = 0;
        struct vote v;
        if (read_length(msg, &at, &n)) {
            struct rd r = rd_of(span_of(msg.p + at, n));
            if (vote_read(&r, &v) && rd_done(&r)) {
                note_vote(w, m, &v);
                return;
            }
        }
        if (!m->liar)
            nodes_break(w, "validator %zu sends a vote that nobody can read", m->slot);
    } else if (msg.n > 2 && msg.p[0] == 0x0a && !m->liar) {
        Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg.n, msg.p);
        if (link != NULL)
            note_proposal(w, m, link->proposal);
        wayside__link__link__free_unpacked(link, NULL);
    }
}

/* ---- blocks ---- */

/* Nobody honest is ever convicted. */
static void note_evidence(struct nodes *w, const struct tx *t) {
    const struct evidence *e = t->evidence;
    for (size_t i = 0; e->kind != EVIDENCE_ATTACK && i < w->n_validators; i++) {
        if (memcmp(w->who[i].key, e->key, KEY_OCTETS) != 0)
            continue;
        nodes_tell(w, "evidence against validator %zu: %s", i, evidence_kind_text(e->kind));
        if (!nodes_slot_lies(w, i) && !w->m[i].forgot)
            nodes_break(
                w, "validator %zu is honest and is convicted: %s", i, evidence_kind_text(e->kind));
    }
}

static void note_txs(struct nodes *w, const struct block *b) {
    uint64_t h = b->header.height;
    for (size_t i = 0; i < b->n_txs; i++) {
        const struct tx *t = b->txs[i];
        w->txs_of[t->kind % 8]++;
        const void *had = table_put(&w->committed, t->id, number_value(h + 1));
        if (had != NULL && t->kind != TX_RECORD) /* those are the contract's to judge */
            nodes_break(w, "a transaction (kind %d) is in blocks %" PRIu64 " and %" PRIu64,
                (int)t->kind, (uint64_t)(uintptr_t)had - 1, h);
        if (t->kind == TX_EVIDENCE)
            note_evidence(w, t);
        if (w->given_all && t->kind <= TX_ORDER && table_get(&w->given, t->id) == NULL)
            nodes_break(w, "block %" PRIu64 " holds a transaction that no client gave in", h);
        if (t->kind == TX_MESSAGE && table_get(&w->committed, t->cert_hash) == NULL)
            nodes_break(w, "block %" PRIu64 " holds a message before its certificate", h);
        if (t->kind == TX_ORDER && t->order.sequence <= w->order_sequence[t->order.role % 8])
            nodes_break(w, "block %" PRIu64 " holds an order out of sequence", h);
        if (t->kind == TX_ORDER)
            w->order_sequence[t->order.role % 8] = t->order.sequence;
    }
}

static void note_first(struct nodes *w, struct nodes_member *m, const struct block *b,
    const struct commit *c, const struct exec_outcome *o) {
    uint64_t h = b->header.height;
    struct nodes_height *at = nodes_height_at(w, h);
    at->decided = true;
    memcpy(at->id, b->id, 32);
    memcpy(at->root, o->state_root, 32);
    at->time = b->header.time;
    at->commit = ws_memdup(c, sizeof(*c));
    nodes_tell(w, "block %" PRIu64 " is final: %02x%02x.., %zu transactions, decided in round %d",
        h, b->id[0], b->id[1], b->n_txs, c->round);
    struct ws_err err = {0};
    if (table_get(&w->bad, b->id) != NULL)
        nodes_break(w, "validator %zu committed a block that breaks a rule", m->index);
    if (commit_check(exec_verify, w->cell_id, nodes_set_at(w, h), c, &err) != WS_OK)
        nodes_break(w, "validator %zu committed block %" PRIu64 " without a quorum: %s", m->index,
            h, err.text);
    const struct nodes_height *before = h > 1 ? nodes_height_at(w, h - 1) : NULL;
    at = nodes_height_at(w, h);
    if (before != NULL && before->decided && before->time >= at->time)
        nodes_break(w, "block %" PRIu64 " is not later than the one before", h);
    if (before != NULL && before->decided && memcmp(before->id, b->header.previous, 32) != 0)
        nodes_break(w, "block %" PRIu64 " does not follow the one before", h);
    if (w->clocks_good && at->time > w->now.its_us + w->params.time_precision_us)
        nodes_break(w, "block %" PRIu64 " is from the future", h);
    nodes_check_time(w, h);
    note_txs(w, b);
}

static void note_again(struct nodes *w, const struct nodes_member *m, const struct block *b,
    const struct commit *c, const struct exec_outcome *o) {
    struct nodes_height *at = nodes_height_at(w, b->header.height);
    if (memcmp(at->id, b->id, 32) != 0) {
        if (!w->forked_allowed)
            nodes_break(w, "two blocks at height %" PRIu64 ": validator %zu has %02x%02x..",
                b->header.height, m->index, b->id[0], b->id[1]);
        else if (w->fork_height == 0) {
            w->fork_height = b->header.height;
            w->fork_commit = ws_memdup(c, sizeof(*c));
            nodes_tell(w, "FORK at height %" PRIu64 ": validator %zu has %02x%02x..",
                b->header.height, m->index, b->id[0], b->id[1]);
        }
    } else if (w->fork_height == 0 && memcmp(at->root, o->state_root, 32) != 0) {
        nodes_break(
            w, "validator %zu has another state after block %" PRIu64, m->index, b->header.height);
    }
}

static void forget(struct nodes *w, uint64_t height) {
    uint64_t lowest = height;
    for (size_t i = 0; i < w->n; i++) {
        if (!w->m[i].liar && w->m[i].promised < lowest)
            lowest = w->m[i].promised;
    }
    for (uint64_t h = lowest; h-- > 0 && w->height[h].votes != NULL;) {
        if (w->fork_height == 0)
            forget_votes(&w->height[h]);
    }
}

void nodes_note_committed(
    void *ctx, const struct block *b, const struct commit *c, const struct exec_outcome *o) {
    struct nodes_member *m = ctx;
    struct nodes *w = m->world;
    uint64_t h = b->header.height;
    if (m->liar)
        return;
    if (memcmp(c->id, b->id, 32) != 0)
        nodes_break(
            w, "validator %zu: the commit of block %" PRIu64 " is for another", m->index, h);
    if (h != m->told + 1)
        nodes_break(w, "validator %zu told of block %" PRIu64 " after block %" PRIu64, m->index, h,
            m->told);
    m->told = h;
    m->promised = h > m->promised ? h : m->promised;
    if (w->fork_height != 0)
        return; /* two chains: nothing holds over both */
    if (!nodes_height_at(w, h)->decided)
        note_first(w, m, b, c, o);
    else
        note_again(w, m, b, c, o);
    if (h > w->highest)
        w->highest = h;
    learn_set(w, m, h + 1);
    learn_set(w, m, h + 2);
    forget(w, h);
}

/* What it had told before is in its store; it goes on from there. */
void nodes_note_restart(struct nodes *w, struct nodes_member *m) {
    struct buf key = {0};
    struct buf value = {0};
    int rc = store_last(m->store, STORE_HEADER, span_of("", 0), &key, &value, NULL);
    m->told = rc == WS_OK ? be64(key.p) : 0;
    buf_free(&key);
    buf_free(&value);
    if (!m->liar && m->told < m->promised)
        nodes_break(
            w, "validator %zu lost block %" PRIu64 ", which it had told of", m->index, m->told + 1);
}

/* ---- members ---- */

static void check_bounds(struct nodes *w, const struct nodes_member *m) {
    struct node_status s;
    node_status(m->node, &s);
    if (s.mempool_txs > w->limits.mempool_txs || s.mempool_octets > w->limits.mempool_octets)
        nodes_break(w, "validator %zu holds more transactions than its limit", m->index);
}

/* After every call into a node. */
void nodes_check_member(struct nodes *w, struct nodes_member *m) {
    const char *why = "";
    if (m->node == NULL)
        return;
    if (node_healthy(m->node, &why)) {
        if (w->delivered % 64 == 0)
            check_bounds(w, m);
        return;
    }
    if (m->dying) {
        nodes_kill_torn(w, m->index, ws_random_below(&w->random, TORN_MAX));
        nodes_start_later(w, m->index, ws_random_below(&w->random, RESTART_MAX_US));
    } else if (m->may_fail && w->restarts) {
        nodes_tell(w, "validator %zu stops: %s", m->index, why);
        nodes_kill(w, m->index, ws_random_below(&w->random, 2) == 0);
        nodes_start_later(w, m->index, ws_random_below(&w->random, RESTART_MAX_US));
    } else if (!m->may_fail && !m->liar && w->fork_height == 0) {
        nodes_break(w, "validator %zu stopped: %s", m->index, why);
    }
}

static bool has_tx(const struct nodes_member *m, const uint8_t *id, uint64_t height) {
    struct buf where = {0};
    bool there = store_get(m->store, STORE_TX, span_of(id, 32), &where, NULL) == WS_OK &&
                 where.n >= 8 && be64(where.p) == height;
    buf_free(&where);
    return there;
}

void nodes_check_end(struct nodes *w) {
    size_t first = SIZE_MAX;
    hash32 a;
    for (size_t i = 0; i < w->n && w->broken[0] == '\0'; i++) {
        const struct nodes_member *m = &w->m[i];
        if (m->liar || m->node == NULL)
            continue;
        for (size_t k = 0; k < w->committed.cap; k++) {
            uint64_t height = (uint64_t)(uintptr_t)w->committed.slot[k].value;
            if (height != 0 && height - 1 <= m->told && height - 1 > m->joined &&
                !has_tx(m, w->committed.slot[k].key, height - 1))
                nodes_break(w,
                    "validator %zu has lost a committed transaction of block %" PRIu64
                    ": it knows to %" PRIu64 " and began at %" PRIu64,
                    i, height - 1, m->told, m->joined);
        }
        hash32 b;
        state_root(executor_state(node_executor(m->node)), b);
        if (first == SIZE_MAX) {
            first = i;
            memcpy(a, b, 32);
        } else if (nodes_height(w, i) == nodes_height(w, first) && memcmp(a, b, 32) != 0) {
            nodes_break(w, "validators %zu and %zu differ in state", first, i);
        }
    }
}

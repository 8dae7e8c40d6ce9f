/* Where we are, where the others are, and what is missing on either side. Nothing counts as held because it was
 * sent once: states are compared and differences resent, within a budget for each peer. */
#include "ledger/node/node_internal.h"

#include "base/log.h"
#include "ledger/exec/hash.h"

#include <stdio.h>
#include <stdlib.h>

/* No peer makes us resend more often than this: a small question must not buy many large answers. */
static uint64_t answer_pause(const struct node *n) {
    return n->limits.status_us / 2;
}

/* ---- telling ---- */

static void put_bitmap(const struct node *n, enum vote_type type, uint8_t *ret_bits) {
    const struct round_votes *rv = cs_votes(n->cs, cs_round(n->cs));
    for (size_t i = 0; rv != NULL && i < n->set->n; i++) {
        const struct vote_slot *slot = type == VOTE_PREVOTE ? &rv->prevote[i] : &rv->precommit[i];
        if (slot->n > 0)
            ret_bits[i / 8] = (uint8_t)(ret_bits[i / 8] | 0x80U >> (i % 8));
    }
}

static void send_status(struct node *n) {
    uint8_t prevotes[VALIDATORS_MAX / 8] = {0};
    uint8_t precommits[VALIDATORS_MAX / 8] = {0};
    size_t octets = (n->set->n + 7) / 8;
    Wayside__Link__Status s = WAYSIDE__LINK__STATUS__INIT;
    char software[] = NODE_SOFTWARE;
    s.height = n->height + 1;
    s.round = cs_round(n->cs);
    s.step = (uint32_t)cs_step_now(n->cs);
    s.lowest = n->height == 0 ? 0 : n->pruned.bodies_from;
    const struct cs_proposal *p = cs_proposal_of(n->cs, s.round);
    const struct candidate *c = p == NULL ? NULL : candidate_find(n, p->id);
    s.has_proposal = c != NULL && c->block != NULL;
    put_bitmap(n, VOTE_PREVOTE, prevotes);
    put_bitmap(n, VOTE_PRECOMMIT, precommits);
    s.prevotes = (ProtobufCBinaryData){octets, prevotes};
    s.precommits = (ProtobufCBinaryData){octets, precommits};
    s.protocol = NODE_PROTOCOL;
    s.software = software;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_STATUS;
    link.status = &s;
    wire_send(n, ALL_PEERS, &link);
}

/* ---- helping ---- */

static bool bit_set(ProtobufCBinaryData bits, size_t i) {
    return i / 8 < bits.len && (bits.data[i / 8] & 0x80U >> (i % 8)) != 0;
}

static void send_slots(
    struct node *n, size_t peer, const struct vote_slot *slots, const ProtobufCBinaryData *held) {
    for (size_t i = 0; i < n->set->n; i++) {
        if (held != NULL && bit_set(*held, i))
            continue;
        for (uint8_t k = 0; k < slots[i].n; k++)
            wire_send_vote(n, peer, &slots[i].vote[k]);
    }
}

static void send_round(struct node *n, size_t peer, int32_t round, const Wayside__Link__Status *s) {
    bool theirs = round == s->round;
    const struct cs_proposal *p = cs_proposal_of(n->cs, round);
    const struct candidate *c = p == NULL ? NULL : candidate_find(n, p->id);
    if (c != NULL && c->block != NULL && !(theirs && s->has_proposal))
        wire_send_proposal(n, peer, p, c->block);
    const struct round_votes *rv = cs_votes(n->cs, round);
    if (rv == NULL)
        return;
    send_slots(n, peer, rv->prevote, theirs ? &s->prevotes : NULL);
    send_slots(n, peer, rv->precommit, theirs ? &s->precommits : NULL);
}

/* The rounds that can bring a peer of our height forward: its own, ours, and those whose quorum a re-proposal rests
 * on (rule R3 needs the old prevotes). */
static void help_same_height(struct node *n, size_t peer, const Wayside__Link__Status *s) {
    int32_t ours = cs_round(n->cs);
    int32_t rounds[3] = {s->round, ours, cs_valid_round(n->cs)};
    for (size_t i = 0; i < 3; i++) {
        bool repeat = false;
        for (size_t k = 0; k < i; k++)
            repeat = repeat || rounds[k] == rounds[i];
        if (!repeat && rounds[i] >= 0 && rounds[i] <= ours)
            send_round(n, peer, rounds[i], s);
    }
}

/* More than a third of the power is two or more blocks ahead: at least one of them is honest. What one peer claims
 * decides nothing (consensus facts, section 12). */
static bool behind(const struct node *n) {
    uint64_t power = 0;
    for (size_t i = 0; i < n->set->n; i++) {
        if (n->slot[i] != NODE_NO_SLOT && n->peer[n->slot[i]].height > n->height + 1)
            power += n->set->v[i].power;
    }
    return power_is_skip(power, n->set->total);
}

static void ask_blocks(struct node *n, size_t peer, struct ws_now now) {
    struct peer *p = &n->peer[peer];
    if (p->asked_mono_us != 0 && now.mono_us - p->asked_mono_us < n->limits.status_us)
        return;
    p->asked_mono_us = now.mono_us;
    Wayside__Link__BlockRequest q = WAYSIDE__LINK__BLOCK_REQUEST__INIT;
    q.from = n->height + 1;
    q.count = n->limits.sync_blocks;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_BLOCK_REQUEST;
    link.block_request = &q;
    wire_send(n, peer, &link);
}

void sync_status(struct node *n, size_t peer, const Wayside__Link__Status *s, struct ws_now now) {
    struct peer *p = &n->peer[peer];
    p->heard = true;
    p->heard_mono_us = now.mono_us;
    p->height = s->height == 0 ? 0 : s->height - 1;
    p->round = s->round;
    p->base = s->lowest;
    (void)snprintf(p->software, sizeof(p->software), "%s", s->software);
    uint64_t mine = n->height + 1;
    n->syncing = behind(n);
    if (s->height > mine) {
        ask_blocks(n, peer, now);
        return;
    }
    if (s->height < mine || now.mono_us - p->answered_mono_us < answer_pause(n))
        return; /* a peer below us asks for blocks on its own */
    p->answered_mono_us = now.mono_us;
    help_same_height(n, peer, s);
}

static bool block_octets(struct node *n, uint64_t height, struct buf *block, struct buf *commit) {
    if (height > n->durable) { /* on its way to the disk */
        const struct commit *c = NULL;
        const struct block *b = write_block(n->writing, &c);
        if (b == NULL || b->header.height != height)
            return false;
        block_encode(b, block);
        commit_encode(c, commit);
        return true;
    }
    uint8_t key[8];
    put_be64(key, height);
    return store_get(n->io.store, STORE_BLOCK, span_of(key, 8), block, NULL) == WS_OK &&
           store_get(n->io.store, STORE_COMMIT, span_of(key, 8), commit, NULL) == WS_OK;
}

/* Octets sent. */
static size_t send_block(struct node *n, size_t peer, uint64_t height) {
    struct buf block = {0};
    struct buf commit = {0};
    size_t sent = 0;
    if (block_octets(n, height, &block, &commit)) {
        Wayside__Link__BlockReply a = WAYSIDE__LINK__BLOCK_REPLY__INIT;
        a.block = (ProtobufCBinaryData){block.n, block.p};
        a.commit = (ProtobufCBinaryData){commit.n, commit.p};
        Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
        link.body_case = WAYSIDE__LINK__LINK__BODY_BLOCK_REPLY;
        link.block_reply = &a;
        wire_send(n, peer, &link);
        sent = block.n;
    }
    buf_free(&block);
    buf_free(&commit);
    return sent;
}

/* Within one pause no block goes to a peer twice, and no more octets than four full blocks (one always goes). */
void sync_block_request(
    struct node *n, size_t peer, const Wayside__Link__BlockRequest *q, struct ws_now now) {
    struct peer *p = &n->peer[peer];
    if (p->blocks_mono_us == 0 || now.mono_us - p->blocks_mono_us >= answer_pause(n)) {
        p->blocks_mono_us = now.mono_us == 0 ? 1 : now.mono_us;
        p->blocks_to = 0;
        p->blocks_octets = 0;
    }
    uint64_t count = q->count < n->limits.sync_blocks ? q->count : n->limits.sync_blocks;
    for (uint64_t h = q->from; h < q->from + count && h >= 1 && h <= n->height; h++) {
        if (h <= p->blocks_to || p->blocks_octets > 4 * n->params->block_octets_max)
            continue;
        p->blocks_to = h;
        p->blocks_octets += send_block(n, peer, h);
    }
}

/* ---- catching up ---- */

static void fetched_drop(struct fetched *f) {
    block_free(f->block);
    f->block = NULL;
}

static bool signed_by(const struct node *n, const struct validator_set *set, const struct block *b,
    const struct commit *c) {
    hash32 hash;
    validator_set_hash(exec_sha256, set, hash);
    return memcmp(hash, b->header.validators, 32) == 0 &&
           commit_check(exec_verify, executor_cell_id(n->ex), set, c, NULL) == WS_OK;
}

void sync_clear(struct node *n) {
    for (size_t i = 0; i < SYNC_WINDOW; i++)
        fetched_drop(&n->fetched[i]);
}

/* Kept until the blocks before it are here and durable. */
void sync_block_reply(
    struct node *n, size_t peer, const Wayside__Link__BlockReply *a, struct ws_now now) {
    struct commit c;
    struct rd r = rd_of(span_of(a->commit.data, a->commit.len));
    if (!commit_read(&r, &c) || !rd_done(&r)) {
        n->counters.drops[NODE_DROP_MALFORMED]++;
        return;
    }
    struct fetched *f = &n->fetched[c.height % SYNC_WINDOW];
    bool held = f->block != NULL && f->commit.height == c.height;
    if (c.height <= n->height || c.height > n->height + SYNC_WINDOW || (held && f->checked)) {
        n->counters.drops[NODE_DROP_HEIGHT]++;
        return;
    }
    struct block *b = NULL;
    if (block_decode(span_of(a->block.data, a->block.len), n->params, &b, NULL) != WS_OK) {
        n->counters.drops[NODE_DROP_MALFORMED]++;
        return;
    }
    if (b->header.height != c.height || memcmp(b->id, c.id, 32) != 0) {
        n->counters.drops[NODE_DROP_BAD_BLOCK]++;
        block_free(b);
        return;
    }
    /* Under the set that signs now; a later height may have another, which is known when its turn comes. */
    bool good = signed_by(n, n->set, b, &c);
    if (!good && (held || c.height == n->height + 1)) {
        n->counters.drops[NODE_DROP_BAD_SIGNATURE]++;
        block_free(b);
        return;
    }
    fetched_drop(f);
    *f = (struct fetched){b, c, peer, good};
    sync_apply(n, now);
}

/* The quorum decided it, so it is executed after the same checks that a prevote would have made. A quorum behind a
 * block that we find invalid means that we or they are broken: stop. */
static void apply(struct node *n, struct fetched *f, struct ws_now now) {
    struct block *b = f->block;
    const struct commit *c = &f->commit;
    f->block = NULL;
    if (!(f->checked && memcmp(b->header.validators,
                            committee_set_hash(n->committee, n->height + 1), 32) == 0) &&
        !signed_by(n, n->set, b, c)) {
        n->counters.drops[NODE_DROP_BAD_SIGNATURE]++;
        block_free(b);
        return;
    }
    const char *why = "";
    if (!blocks_check(n, b, &why)) {
        n->diverged = true;
        n->other_header = b->header;
        n->other_commit = *c;
        node_fail(n, WS_EIO,
            "a quorum committed block %llu, which is invalid here: %s; state or software differs",
            (unsigned long long)c->height, why);
        block_free(b);
        return;
    }
    n->has_decision = false;
    n->counters.synced_blocks++;
    n->begun_mono_us = now.mono_us;
    n->listen_until_mono_us = now.mono_us + n->limits.listen_us;
    blocks_commit(n, b, c, now);
    if (!n->failed)
        drive_start_height(n, now);
}

void sync_apply(struct node *n, struct ws_now now) {
    while (!n->failed && n->writing == NULL) {
        struct fetched *f = &n->fetched[(n->height + 1) % SYNC_WINDOW];
        if (f->block == NULL || f->commit.height != n->height + 1)
            return;
        size_t from = f->from;
        uint64_t height = n->height;
        apply(n, f, now);
        n->syncing = behind(n);
        if (n->failed || n->height == height)
            return;
        if (n->peer[from].height > n->height) {
            /* The last of a batch asks for the next one at once; the others are on their way already. */
            if (n->height % n->limits.sync_blocks == 0)
                n->peer[from].asked_mono_us = 0;
            ask_blocks(n, from, now);
        }
    }
}

/* ---- parts of a proposal ---- */

static void ask_candidate(struct node *n, const struct candidate *c, size_t peer) {
    uint8_t id[32];
    memcpy(id, c->id, 32);
    Wayside__Link__CandidateRequest q = WAYSIDE__LINK__CANDIDATE_REQUEST__INIT;
    q.height = n->height + 1;
    q.block_id = (ProtobufCBinaryData){32, id};
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_CANDIDATE_REQUEST;
    link.candidate_request = &q;
    wire_send(n, peer, &link);
}

enum { ASK_TXS_MAX = 4096 };

static void ask_txs(struct node *n, const struct candidate *c, size_t peer) {
    ProtobufCBinaryData *leaf = calloc(ASK_TXS_MAX, sizeof(*leaf));
    if (leaf == NULL)
        return;
    uint8_t id[32];
    memcpy(id, c->id, 32);
    Wayside__Link__TxRequest q = WAYSIDE__LINK__TX_REQUEST__INIT;
    q.height = n->height + 1;
    q.block_id = (ProtobufCBinaryData){32, id};
    q.leaf = leaf;
    for (size_t i = 0; i < c->block->n_txs && q.n_leaf < ASK_TXS_MAX; i++) {
        if (c->block->txs[i] == NULL)
            leaf[q.n_leaf++] = (ProtobufCBinaryData){32, c->block->tx_leaves[i]};
    }
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_TX_REQUEST;
    link.tx_request = &q;
    wire_send(n, peer, &link);
    free(leaf);
}

/* Transactions that are pushed just now arrive on their own: only what stays away is asked for. */
enum { PATIENCE_US = 15000 };

static bool lacks_txs(const struct candidate *c) {
    return c->wanted && !c->answered && c->block != NULL && c->asked_mono_us == 0 &&
           c->lacking_mono_us != 0;
}

uint64_t sync_next_ask(const struct node *n) {
    uint64_t at = UINT64_MAX;
    for (size_t i = 0; i < n->n_candidates; i++) {
        const struct candidate *c = &n->candidate[i];
        if (lacks_txs(c) && c->lacking_mono_us + PATIENCE_US < at)
            at = c->lacking_mono_us + PATIENCE_US;
    }
    return at;
}

/* First the peer that has it, then everybody: it may be dead. */
void sync_ask_missing(struct node *n, struct candidate *c, struct ws_now now) {
    if (n->replaying ||
        (c->asked_mono_us != 0 && now.mono_us - c->asked_mono_us < n->limits.status_us / 4))
        return;
    if (c->block != NULL && c->lacking_mono_us == 0)
        c->lacking_mono_us = now.mono_us == 0 ? 1 : now.mono_us;
    if (lacks_txs(c) && now.mono_us - c->lacking_mono_us < PATIENCE_US)
        return;
    size_t peer = c->asked_mono_us == 0 ? c->from : ALL_PEERS;
    c->asked_mono_us = now.mono_us == 0 ? 1 : now.mono_us;
    if (c->block == NULL)
        ask_candidate(n, c, peer);
    else
        ask_txs(n, c, peer);
}

static const struct tx *held_tx(struct node *n, const struct candidate *c, const uint8_t *leaf) {
    for (size_t i = 0; c != NULL && c->block != NULL && i < c->block->n_txs; i++) {
        if (c->block->txs[i] != NULL && memcmp(c->block->tx_leaves[i], leaf, 32) == 0)
            return c->block->txs[i];
    }
    return mempool_by_leaf(&n->pool, leaf);
}

/* An honest peer asks four times in a status period (sync_ask_missing); twice as often is answered. */
static bool answer_parts(const struct node *n, uint64_t *last_mono_us, struct ws_now now) {
    if (*last_mono_us != 0 && now.mono_us - *last_mono_us < n->limits.status_us / 8)
        return false;
    *last_mono_us = now.mono_us == 0 ? 1 : now.mono_us;
    return true;
}

/* Parts of a block that is decided here: the whole of it, with its commit, serves better. A peer that lacks a proposal
 * learns of it by the votes, and asks just when we decide. */
static bool answer_decided(struct node *n, size_t peer, uint64_t height, struct ws_now now) {
    if (height == 0 || height > n->height)
        return false;
    Wayside__Link__BlockRequest q = WAYSIDE__LINK__BLOCK_REQUEST__INIT;
    q.from = height;
    q.count = 1;
    sync_block_request(n, peer, &q, now);
    return true;
}

/* Each leaf once, and together no more than a block holds. */
void sync_tx_request(
    struct node *n, size_t peer, const Wayside__Link__TxRequest *q, struct ws_now now) {
    if (answer_decided(n, peer, q->height, now) || q->height != n->height + 1 ||
        q->block_id.len != 32 || q->n_leaf > ASK_TXS_MAX ||
        !answer_parts(n, &n->peer[peer].txs_mono_us, now))
        return;
    const struct candidate *c = candidate_find(n, q->block_id.data);
    struct table sent = {.seed = now.mono_us};
    struct txs_answer answer = {0};
    size_t octets = 0;
    for (size_t i = 0; i < q->n_leaf; i++) {
        const struct tx *t = q->leaf[i].len == 32 ? held_tx(n, c, q->leaf[i].data) : NULL;
        if (t == NULL || table_put(&sent, t->leaf, n) != NULL)
            continue;
        octets += t->octets.n;
        if (octets > n->params->block_octets_max)
            break;
        txs_answer_put(n, peer, &answer, t->octets);
    }
    txs_answer_end(n, peer, &answer);
    table_free(&sent);
}

void sync_candidate_request(
    struct node *n, size_t peer, const Wayside__Link__CandidateRequest *q, struct ws_now now) {
    if (answer_decided(n, peer, q->height, now) ||
        !answer_parts(n, &n->peer[peer].candidates_mono_us, now))
        return;
    const struct candidate *c = q->height == n->height + 1 && q->block_id.len == 32
                                    ? candidate_find(n, q->block_id.data)
                                    : NULL;
    if (c == NULL || c->block == NULL)
        return;
    struct buf b = {0};
    block_encode_compact(c->block, &b);
    Wayside__Link__CandidateReply a = WAYSIDE__LINK__CANDIDATE_REPLY__INIT;
    a.height = q->height;
    a.block = (ProtobufCBinaryData){b.n, b.p};
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_CANDIDATE_REPLY;
    link.candidate_reply = &a;
    wire_send(n, peer, &link);
    buf_free(&b);
}

void sync_candidate_reply(
    struct node *n, size_t peer, const Wayside__Link__CandidateReply *a, struct ws_now now) {
    struct block *b = NULL;
    if (block_decode_compact(span_of(a->block.data, a->block.len), n->params, &b, NULL) != WS_OK) {
        n->counters.drops[NODE_DROP_MALFORMED]++;
        return;
    }
    struct candidate *c = candidate_find(n, b->id);
    if (c == NULL || c->block != NULL || !c->wanted) {
        n->counters.drops[NODE_DROP_NOT_WANTED]++;
        block_free(b);
        return;
    }
    c->block = b;
    c->from = peer;
    c->asked_mono_us = 0;
    candidate_progress(n, c, now);
}

void sync_tick(struct node *n, struct ws_now now) {
    if (now.mono_us >= n->status_due_mono_us) {
        send_status(n);
        n->status_due_mono_us = now.mono_us + n->limits.status_us;
    }
    for (size_t i = 0; i < n->n_candidates; i++) {
        uint64_t height = n->height;
        if (n->candidate[i].wanted && !n->candidate[i].answered)
            candidate_progress(n, &n->candidate[i], now);
        if (n->height != height || n->failed)
            return; /* that decided the height; the table is another now */
    }
}

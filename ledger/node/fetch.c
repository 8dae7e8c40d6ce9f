/* Catching up by whole blocks: disjoint ranges are asked of several peers at a time, kept in a window above our height,
 * and committed in order, each under its own commit. What one peer claims decides nothing (consensus facts, section 12). */
#include "ledger/node/node_internal.h"

#include "base/log.h"
#include "ledger/exec/hash.h"

enum { RANGES_MAX = 2 }; /* on their way from one peer */

/* More than a third of the power is two or more blocks ahead: at least one of them is honest. */
bool fetch_behind(const struct node *n) {
    uint64_t power = 0;
    for (size_t i = 0; i < n->set->n; i++) {
        if (n->slot[i] != NODE_NO_SLOT && n->peer[n->slot[i]].height > n->height + 1)
            power += n->set->v[i].power;
    }
    return power_is_skip(power, n->set->total);
}

/* ---- answering ---- */

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
        sent = block.n + commit.n;
    }
    buf_free(&block);
    buf_free(&commit);
    return sent;
}

static bool sent_before(const struct peer *p, uint64_t height) {
    for (size_t i = 0; i < p->n_sent; i++) {
        if (p->sent[i] == height)
            return true;
    }
    return false;
}

/* A peer gets at most four full blocks' octets in a pause (one block always goes), and no block twice in it. What is
 * above waits for the next one. */
static void serve(struct node *n, size_t peer, struct ws_now now) {
    struct peer *p = &n->peer[peer];
    if (p->blocks_mono_us == 0 || now.mono_us - p->blocks_mono_us >= answer_pause(n)) {
        p->blocks_mono_us = now.mono_us == 0 ? 1 : now.mono_us;
        p->blocks_octets = 0;
        p->n_sent = 0;
    }
    while (p->n_ranges > 0) {
        struct range *r = &p->ranges[0];
        for (; r->n > 0 && r->from <= n->height; r->from++, r->n--) {
            if (sent_before(p, r->from))
                continue;
            if (p->n_sent == ARRAY_LEN(p->sent) ||
                p->blocks_octets > 4 * n->params->block_octets_max)
                return;
            size_t octets = send_block(n, peer, r->from);
            if (octets == 0)
                break; /* pruned: so is not what follows, but who asked does better to ask another */
            p->sent[p->n_sent++] = r->from;
            p->blocks_octets += octets;
        }
        p->n_ranges--;
        memmove(p->ranges, p->ranges + 1, p->n_ranges * sizeof(p->ranges[0]));
    }
}

void fetch_request(
    struct node *n, size_t peer, const Wayside__Link__BlockRequest *q, struct ws_now now) {
    struct peer *p = &n->peer[peer];
    uint64_t count = q->count < n->limits.sync_blocks ? q->count : n->limits.sync_blocks;
    if (q->from == 0 || q->from > n->height)
        return;
    if (p->n_ranges == ARRAY_LEN(p->ranges)) {
        peer_drop(n, peer, NODE_DROP_ASKS_TOO_MUCH, now);
        return;
    }
    p->ranges[p->n_ranges++] = (struct range){q->from, count};
    serve(n, peer, now);
}

uint64_t fetch_next_wake(const struct node *n) {
    uint64_t at = UINT64_MAX;
    for (size_t i = 0; i < n->peers.n; i++) {
        const struct peer *p = &n->peer[i];
        if (p->n_ranges > 0 && p->blocks_mono_us + answer_pause(n) < at)
            at = p->blocks_mono_us + answer_pause(n);
    }
    return at;
}

/* ---- asking ---- */

static struct fetched *place_of(struct node *n, uint64_t height) {
    return &n->fetched[height % SYNC_WINDOW];
}

static void drop_block(struct node *n, struct fetched *f) {
    if (f->block != NULL)
        n->fetched_octets -= f->octets;
    block_free(f->block);
    f->block = NULL;
}

static void forget_question(struct node *n, struct fetched *f) {
    if (f->asked && n->peer[f->asked_of].outstanding > 0)
        n->peer[f->asked_of].outstanding--;
    f->asked = false;
}

static void empty_place(struct node *n, struct fetched *f) {
    forget_question(n, f);
    drop_block(n, f);
    *f = (struct fetched){.block = NULL};
}

void fetch_clear(struct node *n) {
    for (size_t i = 0; i < SYNC_WINDOW; i++)
        empty_place(n, &n->fetched[i]);
}

void fetch_forget_peer(struct node *n, size_t peer) {
    for (size_t i = 0; i < SYNC_WINDOW; i++) {
        struct fetched *f = &n->fetched[i];
        if (f->asked && f->asked_of == peer)
            forget_question(n, f);
        if (f->block != NULL && f->from == peer && !f->checked)
            drop_block(n, f);
    }
    n->peer[peer].outstanding = 0;
}

static uint64_t highest_claim(const struct node *n, struct ws_now now) {
    uint64_t top = 0;
    for (size_t i = 0; i < n->peers.n; i++) {
        if (i != n->peers.me && n->peer[i].height > top && !peer_muted(n, i, now))
            top = n->peer[i].height;
    }
    return top;
}

/* Whoever claims to have the height, and has the least to do for us; NODE_NO_SLOT: nobody now. */
static size_t choose(const struct node *n, uint64_t height, size_t but, struct ws_now now) {
    size_t best = NODE_NO_SLOT;
    for (size_t i = 0; i < n->peers.n; i++) {
        const struct peer *p = &n->peer[i];
        if (i == n->peers.me || i == but || !p->heard || p->height < height || p->base > height ||
            p->incompatible || peer_muted(n, i, now) || now.mono_us < p->slow_until_us ||
            p->outstanding >= (uint64_t)RANGES_MAX * n->limits.sync_blocks)
            continue;
        if (best == NODE_NO_SLOT || p->outstanding < n->peer[best].outstanding)
            best = i;
    }
    return best;
}

static bool holds(const struct fetched *f, uint64_t height) {
    return f->block != NULL && f->height == height;
}

/* Nobody need be asked for it. A block that cannot be checked yet may be a lie that sits in the place of the true one: one
 * other peer is asked beside it. */
static bool is_taken(struct node *n, uint64_t height) {
    const struct fetched *f = place_of(n, height);
    return f->height == height &&
           (f->asked || (holds(f, height) && (f->checked || f->asked_beside)));
}

static void ask(struct node *n, size_t peer, uint64_t from, uint64_t count, struct ws_now now) {
    struct peer *p = &n->peer[peer];
    Wayside__Link__BlockRequest q = WAYSIDE__LINK__BLOCK_REQUEST__INIT;
    q.from = from;
    q.count = (uint32_t)count;
    for (uint64_t h = from; h < from + count; h++) {
        struct fetched *f = place_of(n, h);
        if (!holds(f, h))
            empty_place(n, f);
        f->height = h;
        f->asked = true;
        f->asked_beside = f->block != NULL;
        f->asked_of = peer;
        f->asked_us = now.mono_us;
    }
    p->outstanding += count;
    n->fetching = true;
    fetch_expect(n, peer, from + count - 1);
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_BLOCK_REQUEST;
    link.block_request = &q;
    wire_send(n, peer, &link);
}

void fetch_expect(struct node *n, size_t peer, uint64_t height) {
    for (size_t i = 0; i < n->peers.n; i++) {
        if ((peer == ALL_PEERS || peer == i) && n->peer[i].expect_to < height)
            n->peer[i].expect_to = height;
    }
}

/* A peer that claims a block and has sent nothing for a while: others are asked, and it only later. What it sends for a later
 * question says nothing of an earlier one, or a block that is left out would hold us up for as long as others come. */
static void time_out(struct node *n, struct fetched *f, struct ws_now now) {
    struct peer *p = &n->peer[f->asked_of];
    bool at_it = p->delivered_us > f->asked_us && p->delivered_of_us <= f->asked_us;
    uint64_t since = at_it ? p->delivered_us : f->asked_us;
    if (now.mono_us - since < 2 * n->limits.status_us)
        return;
    if (now.mono_us >= p->slow_until_us)
        peer_drop(n, f->asked_of, NODE_DROP_WITHHELD, now);
    p->slow_until_us = now.mono_us + 2 * n->limits.status_us;
    forget_question(n, f);
}

/* Heights that were decided without it are of no use any more. */
static void sweep(struct node *n, struct ws_now now) {
    n->fetching = false;
    for (size_t i = 0; i < SYNC_WINDOW; i++) {
        struct fetched *f = &n->fetched[i];
        if (f->height == 0)
            continue;
        if (f->height <= n->height) {
            empty_place(n, f);
        } else if (f->asked) {
            time_out(n, f, now);
        }
        n->fetching = n->fetching || f->asked || f->block != NULL;
    }
}

/* For what has been asked for and `more` besides, if they are like those that came. */
static bool has_room(const struct node *n, uint64_t more) {
    uint64_t coming = more;
    for (size_t i = 0; i < n->peers.n; i++)
        coming += n->peer[i].outstanding;
    return n->fetched_octets + coming * n->block_octets < n->limits.sync_octets;
}

/* One question is for what is not here, or for what one and the same peer did not send. */
static bool may_ask_too(struct node *n, uint64_t height, size_t peer, bool beside) {
    const struct fetched *f = place_of(n, height);
    return holds(f, height) == beside && (!beside || f->from != peer);
}

void fetch_tick(struct node *n, struct ws_now now) {
    for (size_t i = 0; i < n->peers.n; i++) {
        if (n->peer[i].n_ranges > 0)
            serve(n, i, now);
    }
    if (n->fetching)
        sweep(n, now);
    uint64_t top = highest_claim(n, now);
    uint64_t end = top < n->height + SYNC_WINDOW ? top : n->height + SYNC_WINDOW;
    for (uint64_t h = n->height + 1; h <= end; h++) {
        if (is_taken(n, h))
            continue;
        /* The next block is always asked for; more only while there is room for them. */
        if (h > n->height + 1 && !has_room(n, 0))
            return;
        const struct fetched *f = place_of(n, h);
        bool beside = holds(f, h);
        size_t peer = choose(n, h, beside ? f->from : NODE_NO_SLOT, now);
        if (peer == NODE_NO_SLOT)
            continue;
        uint64_t count = 1;
        uint64_t last = n->peer[peer].height < end ? n->peer[peer].height : end;
        while (count < n->limits.sync_blocks && h + count <= last && !is_taken(n, h + count) &&
               may_ask_too(n, h + count, peer, beside) && has_room(n, count))
            count++;
        ask(n, peer, h, count, now);
        h += count - 1;
    }
}

/* ---- taking ---- */

static bool signed_by(const struct node *n, const struct validator_set *set, const struct block *b,
    const struct commit *c) {
    hash32 hash;
    validator_set_hash(exec_sha256, set, hash);
    return memcmp(hash, b->header.validators, 32) == 0 &&
           commit_check(exec_verify, executor_cell_id(n->ex), set, c, NULL) == WS_OK;
}

/* What the commit is worth now. A set further ahead than the next one is not known before its turn comes. */
enum commit_worth { COMMIT_GOOD, COMMIT_FALSE, COMMIT_UNKNOWN };
static enum commit_worth commit_worth(
    const struct node *n, const struct block *b, const struct commit *c) {
    for (uint64_t h = n->height + 1; h <= n->height + 2; h++) {
        if (memcmp(b->header.validators, committee_set_hash(n->committee, h), 32) == 0)
            return signed_by(n, committee_set(n->committee, h), b, c) ? COMMIT_GOOD : COMMIT_FALSE;
    }
    return b->header.height == n->height + 1 ? COMMIT_FALSE : COMMIT_UNKNOWN;
}

/* NODE_DROP_COUNT: it may be taken. Nothing of it has been decoded. */
static enum node_drop place_is_free(struct node *n, size_t peer, uint64_t height) {
    if (height <= n->height || height > n->height + SYNC_WINDOW)
        return NODE_DROP_HEIGHT;
    if (height > n->peer[peer].expect_to)
        return NODE_DROP_UNASKED;
    const struct fetched *f = place_of(n, height);
    return holds(f, height) && f->checked ? NODE_DROP_NOT_WANTED : NODE_DROP_COUNT;
}

/* Questions are bounded by what blocks were like; these may be larger. The next block always finds room. */
static bool answer_fits(struct node *n, uint64_t height, size_t octets) {
    const struct fetched *f = place_of(n, height);
    uint64_t instead = holds(f, height) ? f->octets : 0;
    return height == n->height + 1 || n->fetched_octets - instead + octets <= n->limits.sync_octets;
}

static void keep_block(struct node *n, struct block *b, const struct commit *c, size_t peer,
    size_t octets, bool checked) {
    struct fetched *f = place_of(n, c->height);
    bool beside = holds(f, c->height);
    empty_place(n, f);
    *f = (struct fetched){.block = b,
        .height = c->height,
        .commit = *c,
        .from = peer,
        .octets = octets,
        .checked = checked,
        .asked_beside = beside};
    n->fetched_octets += octets;
    n->fetching = true;
}

static void note_delivery(struct node *n, size_t peer, uint64_t asked_us, struct ws_now now) {
    n->peer[peer].delivered_us = now.mono_us;
    n->peer[peer].delivered_of_us = asked_us;
}

/* Kept until the blocks before it are here and durable. */
void fetch_reply(
    struct node *n, size_t peer, const Wayside__Link__BlockReply *a, struct ws_now now) {
    struct commit c;
    struct rd r = rd_of(span_of(a->commit.data, a->commit.len));
    if (!commit_read(&r, &c) || !rd_done(&r)) {
        peer_drop(n, peer, NODE_DROP_MALFORMED, now);
        return;
    }
    enum node_drop why = place_is_free(n, peer, c.height);
    if (why != NODE_DROP_COUNT) {
        peer_drop(n, peer, why, now);
        return;
    }
    struct fetched *f = place_of(n, c.height);
    bool asked = f->asked && f->height == c.height && f->asked_of == peer;
    uint64_t asked_us = f->asked_us;
    if (asked)
        forget_question(n, f);
    n->block_octets = (3 * n->block_octets + a->block.len) / 4;
    if (!answer_fits(n, c.height, a->block.len)) {
        if (asked)
            note_delivery(n, peer, asked_us, now);
        peer_drop(n, peer, NODE_DROP_SYNC_FULL, now);
        return;
    }
    struct block *b = NULL;
    /* The genesis bounds what any height may hold; the parameters of a later height are not known yet. */
    if (block_decode(span_of(a->block.data, a->block.len), &n->genesis->params, &b, NULL) !=
        WS_OK) {
        peer_drop(n, peer, NODE_DROP_MALFORMED, now);
        return;
    }
    if (b->header.height != c.height || memcmp(b->id, c.id, 32) != 0) {
        peer_drop(n, peer, NODE_DROP_BAD_BLOCK, now);
        block_free(b);
        return;
    }
    enum commit_worth worth = commit_worth(n, b, &c);
    if (asked && worth != COMMIT_FALSE)
        note_delivery(n, peer, asked_us, now);
    if (worth == COMMIT_GOOD || (worth == COMMIT_UNKNOWN && !holds(f, c.height))) {
        keep_block(n, b, &c, peer, a->block.len, worth == COMMIT_GOOD);
        fetch_apply(n, now);
        return;
    }
    /* Of two that cannot be checked nobody can say which is the true one. */
    peer_drop(n, peer, worth == COMMIT_FALSE ? NODE_DROP_BAD_SIGNATURE : NODE_DROP_NOT_WANTED, now);
    block_free(b);
}

/* The quorum decided it, so it is executed after the same checks that a prevote would have made. A quorum behind a
 * block that we find invalid means that we or they are broken: stop. */
static void apply(struct node *n, struct fetched *f, struct ws_now now) {
    struct block *b = f->block;
    const struct commit c = f->commit;
    size_t from = f->from;
    bool checked = f->checked && memcmp(b->header.validators,
                                     committee_set_hash(n->committee, n->height + 1), 32) == 0;
    f->block = NULL;
    n->fetched_octets -= f->octets;
    if (!checked && !signed_by(n, n->set, b, &c)) {
        peer_drop(n, from, NODE_DROP_BAD_SIGNATURE, now);
        fetch_forget_peer(n, from); /* what else of it waits unchecked is no better */
        block_free(b);
        return;
    }
    ahead_verify_block(n, b);
    const char *why = "";
    if (!blocks_check(n, b, &why)) {
        n->diverged = true;
        n->other_header = b->header;
        n->other_commit = c;
        node_fail(n, WS_EIO,
            "a quorum committed block %llu, which is invalid here: %s; state or software differs",
            (unsigned long long)c.height, why);
        block_free(b);
        return;
    }
    n->has_decision = false;
    n->counters.synced_blocks++;
    n->begun_mono_us = now.mono_us;
    drive_listen_anew(n, now);
    blocks_commit(n, b, &c, now);
    if (!n->failed)
        drive_start_height(n, now);
}

void fetch_apply(struct node *n, struct ws_now now) {
    while (!n->failed && n->writing == NULL) {
        struct fetched *f = place_of(n, n->height + 1);
        if (f->block == NULL || f->height != n->height + 1)
            break;
        uint64_t height = n->height;
        apply(n, f, now);
        n->syncing = fetch_behind(n);
        if (n->failed || n->height == height)
            break;
    }
    if (!n->failed)
        fetch_tick(n, now);
}

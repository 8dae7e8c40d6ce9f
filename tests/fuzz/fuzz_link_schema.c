/* A live validator hears sequences of link messages that a mutator makes by their schema. Each comes with an octet that says
 * who sends it and what is put right in it before: its height, its author, its signature, an id that the victim knows. So the
 * same mutation is heard well signed, badly signed, replayed, out of its window and out of its place.
 *
 *   octet 0: what is put right · 1: time that goes by · 2 and 3: length, big-endian · then the message */
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "tests/fuzz/link_mutate.h"
#include "tests/fuzz/link_world.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum {
    RIGHT_HEIGHT = 1,
    RIGHT_AUTHOR = 2,
    RIGHT_SIGNATURE = 4,
    RIGHT_ID = 8,
    FROM_ANOTHER = 16,
    TWICE = 32,
    MESSAGES_MAX = 16,
};

static void put_id(uint8_t *id, unsigned what) {
    const struct node *n = link_victim();
    if (n->n_candidates > 0)
        memcpy(id, n->candidate[what % n->n_candidates].id, 32);
}

static void right_vote(Wayside__Link__Link *link, uint8_t what, struct buf *octets) {
    struct vote v = {.type = VOTE_PREVOTE, .locked_round = -1, .valid_round = -1};
    struct rd r = rd_of(span_of(link->vote.data, link->vote.len));
    (void)!vote_read(&r, &v);
    const struct node *n = link_victim();
    v.type = v.type == VOTE_PRECOMMIT ? VOTE_PRECOMMIT : VOTE_PREVOTE;
    if ((what & RIGHT_HEIGHT) != 0)
        v.height = n->height + 1;
    if ((what & RIGHT_HEIGHT) != 0 && (v.round < 0 || v.round > 100))
        v.round = cs_round(n->cs) < 0 ? 0 : cs_round(n->cs);
    if ((what & RIGHT_AUTHOR) != 0)
        v.validator = LINK_LIAR;
    if ((what & RIGHT_ID) != 0 && !v.nil)
        put_id(v.id, what >> 6);
    if ((what & RIGHT_SIGNATURE) != 0) {
        struct buf b = {0};
        vote_sign_bytes(executor_cell_id(n->ex), &v, &b);
        signer_sign(link_liar(), buf_span(&b), v.sig);
        buf_free(&b);
    }
    vote_encode(&v, octets);
    free(link->vote.data);
    link->vote.data = ws_memdup(octets->p, octets->n);
    link->vote.len = octets->n;
}

static void right_proposal(Wayside__Link__Proposal *p, uint8_t what) {
    const struct node *n = link_victim();
    if ((what & RIGHT_HEIGHT) != 0) {
        p->height = n->height + 1;
        p->round = cs_round(n->cs) < 0 ? 0 : cs_round(n->cs);
    }
    if ((what & RIGHT_AUTHOR) != 0)
        p->validator = LINK_LIAR;
    /* A block that the victim holds, with what the mutator made of the end of it. */
    if ((what & RIGHT_ID) != 0 && n->n_candidates > 0 && n->candidate[0].block != NULL) {
        struct buf b = {0};
        block_encode_compact(n->candidate[0].block, &b);
        size_t keep = p->block.len < 64 ? p->block.len : 64;
        for (size_t i = 0; i < keep; i++)
            b.p[b.n - 1 - i % b.n] ^= p->block.data[i];
        free(p->block.data);
        p->block = (ProtobufCBinaryData){b.n, b.p};
    }
    struct header hd;
    struct rd r = rd_of(span_of(p->block.data, p->block.len));
    (void)rd_u8(&r);
    if ((what & RIGHT_SIGNATURE) == 0 || !header_read(&r, &hd))
        return;
    hash32 id;
    struct buf b = {0};
    uint8_t *sig = ws_alloc(SIG_OCTETS);
    header_id(exec_sha256, &hd, id);
    proposal_sign_bytes(executor_cell_id(n->ex), p->height, p->round, id, p->valid_round, &b);
    signer_sign(link_liar(), buf_span(&b), sig);
    buf_free(&b);
    free(p->signature.data);
    p->signature = (ProtobufCBinaryData){SIG_OCTETS, sig};
}

static void set_height(uint64_t *height, uint8_t what) {
    if ((what & RIGHT_HEIGHT) != 0)
        *height = link_victim()->height + (what >> 6);
}

static void right(Wayside__Link__Link *link, uint8_t what) {
    struct buf octets = {0};
    switch (link->body_case) {
    case WAYSIDE__LINK__LINK__BODY_VOTE:
        right_vote(link, what, &octets);
        break;
    case WAYSIDE__LINK__LINK__BODY_PROPOSAL:
        right_proposal(link->proposal, what);
        break;
    case WAYSIDE__LINK__LINK__BODY_STATUS:
        set_height(&link->status->height, what);
        break;
    case WAYSIDE__LINK__LINK__BODY_TX_REQUEST:
        set_height(&link->tx_request->height, what);
        if ((what & RIGHT_ID) != 0 && link->tx_request->block_id.len == 32)
            put_id(link->tx_request->block_id.data, what >> 6);
        break;
    case WAYSIDE__LINK__LINK__BODY_BLOCK_REQUEST:
        set_height(&link->block_request->from, what);
        break;
    case WAYSIDE__LINK__LINK__BODY_CANDIDATE_REQUEST:
        set_height(&link->candidate_request->height, what);
        if ((what & RIGHT_ID) != 0 && link->candidate_request->block_id.len == 32)
            put_id(link->candidate_request->block_id.data, what >> 6);
        break;
    default:
        break;
    }
    buf_free(&octets);
}

static void hear(uint8_t what, uint8_t wait, struct span msg) {
    size_t from = (what & FROM_ANOTHER) != 0 ? LINK_LIAR - 1 : LINK_LIAR;
    struct buf b = {0};
    Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg.n, msg.p);
    (void)link_victim();
    if (link != NULL) {
        right(link, what);
        (void)wayside__link__link__pack(
            link, buf_grow(&b, wayside__link__link__get_packed_size(link)));
        wayside__link__link__free_unpacked(link, NULL);
    } else {
        buf_put(&b, msg.p, msg.n);
    }
    link_hear(from, buf_span(&b), wait * 100U);
    if ((what & TWICE) != 0)
        link_hear(from, buf_span(&b), 100);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rd r = rd_of(span_of(data, size));
    for (unsigned i = 0; i < MESSAGES_MAX && rd_left(&r) >= 4; i++) {
        uint8_t what = rd_u8(&r);
        uint8_t wait = rd_u8(&r);
        size_t n = rd_u16(&r);
        hear(what, wait, rd_take(&r, n < rd_left(&r) ? n : rd_left(&r)));
    }
    return 0;
}

static void put_message(struct buf *b, uint8_t what, uint8_t wait, struct span msg) {
    buf_u8(b, what);
    buf_u8(b, wait);
    buf_u16(b, (uint16_t)msg.n);
    buf_put(b, msg.p, msg.n);
}

/* One of the sequence is changed, doubled or left out, or a new one comes at the end. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    struct ws_random random = ws_random_seeded(seed);
    struct rd r = rd_of(span_of(data, size));
    struct buf out = {0};
    size_t count = 0;
    size_t at = ws_random_below(&random, 6);
    for (; count < MESSAGES_MAX && rd_left(&r) >= 4; count++) {
        uint8_t what = rd_u8(&r);
        uint8_t wait = rd_u8(&r);
        size_t n = rd_u16(&r);
        struct span msg = rd_take(&r, n < rd_left(&r) ? n : rd_left(&r));
        if (count != at) {
            put_message(&out, what, wait, msg);
            continue;
        }
        uint64_t how = ws_random_below(&random, 8);
        struct buf changed = {0};
        if (how < 5)
            link_mutate(&random, msg, &changed);
        if (how == 5)
            what ^= (uint8_t)(1U << ws_random_below(&random, 8));
        if (how == 6)
            put_message(&out, what, wait, msg);
        if (how != 7)
            put_message(&out, what, (uint8_t)(wait + ws_random_below(&random, 3)),
                how < 5 ? buf_span(&changed) : msg);
        buf_free(&changed);
    }
    if (at >= count && count < MESSAGES_MAX) {
        struct buf fresh = {0};
        link_mutate(&random, span_of("", 0), &fresh);
        put_message(&out, (uint8_t)ws_random_u64(&random), 10, buf_span(&fresh));
        buf_free(&fresh);
    }
    size_t n = out.n < max_size ? out.n : max_size;
    if (n > 0)
        memcpy(data, out.p, n);
    buf_free(&out);
    return n;
}

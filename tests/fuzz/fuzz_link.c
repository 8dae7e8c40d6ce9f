/* A live validator hears whatever a liar with a validator's key can say. The first octet picks the kind of message; what
 * follows fills its fields, then changes octets of the result. The three others run on; nothing may stop a node, and
 * the cell must have gone on whenever a world is thrown away. */
#include "ledger/exec/hash.h"
#include "ledger/node/query.h"
#include "tests/fuzz/link_world.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Heights around the one in progress, and some that are far away. */
static uint64_t some_height(struct rd *r, const struct node *n) {
    uint8_t v = rd_u8(r);
    return v < 200 ? n->height + v % 4 : v < 240 ? rd_u64(r) : 0;
}

static int32_t some_round(struct rd *r) {
    uint8_t v = rd_u8(r);
    return v < 200 ? v % 8 : rd_i32(r);
}

static void put_proposal(
    struct rd *r, struct node *n, struct buf *block, uint8_t *sig, Wayside__Link__Proposal *p) {
    struct block b = {0};
    struct header *hd = &b.header;
    memcpy(hd->cell_id, executor_cell_id(n->ex), 32);
    hd->height = some_height(r, n);
    hd->time = onebox_now(link_world()->box.box).its_us + rd_u8(r);
    memcpy(hd->previous, n->last_id, 32);
    b.last_commit = n->last_commit;
    if (n->height > 0)
        commit_hash(exec_sha256, &n->last_commit, hd->last_commit);
    memcpy(hd->state_root, n->roots.state_root, 32);
    memcpy(hd->result_root, n->roots.result_root, 32);
    memcpy(hd->event_root, n->roots.event_root, 32);
    memcpy(hd->validators, committee_set_hash(n->committee, n->height + 1), 32);
    memcpy(hd->next_validators, committee_set_hash(n->committee, n->height + 2), 32);
    cell_params_hash(exec_sha256, n->params, hd->params);
    memcpy(hd->proposer, n->set->v[LINK_LIAR].address, 32);
    hash32 tx[4] = {{0}};
    b.n_txs = rd_u8(r) % 4;
    b.tx_ids = tx;
    b.tx_leaves = tx;
    for (size_t i = 0; i < b.n_txs; i++)
        tx[i][0] = rd_u8(r);
    block_seal(&b);
    uint8_t where = rd_u8(r);
    if (where > 128)
        hd->state_root[where % 32] ^= 1;
    header_id(exec_sha256, hd, b.id);
    block_encode_compact(&b, block);
    p->height = hd->height;
    p->round = some_round(r);
    p->valid_round = (int32_t)(rd_u8(r) % 4) - 1;
    p->validator = rd_u8(r) < 240 ? LINK_LIAR : rd_u8(r);
    struct buf bytes = {0};
    proposal_sign_bytes(executor_cell_id(n->ex), p->height, p->round, b.id, p->valid_round, &bytes);
    signer_sign(link_liar(), buf_span(&bytes), sig);
    buf_free(&bytes);
    p->signature = (ProtobufCBinaryData){SIG_OCTETS, sig};
    p->block = (ProtobufCBinaryData){block->n, block->p};
}

static void put_vote(struct rd *r, const struct node *n, struct buf *octets) {
    struct vote v = {.height = some_height(r, n),
        .type = rd_u8(r) % 2 == 0 ? VOTE_PREVOTE : VOTE_PRECOMMIT,
        .round = some_round(r),
        .locked_round = -1,
        .valid_round = -1,
        .validator = rd_u8(r) < 240 ? LINK_LIAR : rd_u16(r),
        .nil = rd_u8(r) % 2 == 0};
    if (!v.nil && n->n_candidates > 0)
        memcpy(v.id, n->candidate[rd_u8(r) % n->n_candidates].id, 32);
    else if (!v.nil)
        v.id[0] = rd_u8(r);
    struct buf bytes = {0};
    vote_sign_bytes(executor_cell_id(n->ex), &v, &bytes);
    signer_sign(link_liar(), buf_span(&bytes), v.sig);
    buf_free(&bytes);
    vote_encode(&v, octets);
}

static void pack(const Wayside__Link__Link *link, struct buf *ret) {
    (void)wayside__link__link__pack(
        link, buf_grow(ret, wayside__link__link__get_packed_size(link)));
}

static ProtobufCBinaryData bin(const struct buf *b) {
    return (ProtobufCBinaryData){b->n, b->p};
}

/* The message that `kind` stands for, filled from r. */
static void make(uint8_t kind, struct rd *r, struct buf *ret) {
    struct node *n = link_victim();
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    Wayside__Link__Proposal proposal = WAYSIDE__LINK__PROPOSAL__INIT;
    Wayside__Link__Status status = WAYSIDE__LINK__STATUS__INIT;
    Wayside__Link__TxPush push = WAYSIDE__LINK__TX_PUSH__INIT;
    Wayside__Link__TxRequest txs = WAYSIDE__LINK__TX_REQUEST__INIT;
    Wayside__Link__BlockRequest blocks = WAYSIDE__LINK__BLOCK_REQUEST__INIT;
    Wayside__Link__BlockReply reply = WAYSIDE__LINK__BLOCK_REPLY__INIT;
    Wayside__Link__CandidateRequest ask = WAYSIDE__LINK__CANDIDATE_REQUEST__INIT;
    Wayside__Link__CandidateReply candidate = WAYSIDE__LINK__CANDIDATE_REPLY__INIT;
    uint8_t sig[SIG_OCTETS];
    uint8_t id[32] = {0};
    char software[] = "wayside fuzz";
    struct buf a = {0};
    struct buf b = {0};
    ProtobufCBinaryData items[2];
    struct span rest;
    switch (kind % 10) {
    case 0: /* octets as they come */
        rest = rd_take(r, rd_left(r));
        buf_put(ret, rest.p, rest.n);
        return;
    case 1:
        put_proposal(r, n, &a, sig, &proposal);
        link.body_case = WAYSIDE__LINK__LINK__BODY_PROPOSAL;
        link.proposal = &proposal;
        break;
    case 2:
        put_vote(r, n, &a);
        link.body_case = WAYSIDE__LINK__LINK__BODY_VOTE;
        link.vote = bin(&a);
        break;
    case 3:
        status.height = some_height(r, n);
        status.round = some_round(r);
        status.lowest = rd_u8(r);
        status.has_proposal = rd_u8(r) % 2;
        rest = rd_take(r, rd_u8(r) % 10);
        buf_put(&a, rest.p, rest.n);
        status.prevotes = bin(&a);
        status.software = software;
        link.body_case = WAYSIDE__LINK__LINK__BODY_STATUS;
        link.status = &status;
        break;
    case 4:
        tx_put_certificate(&a, buf_span(&link_world()->box.town.car_cert[rd_u8(r) % TOWN_CARS]));
        buf_put(&b, link_world()->report.p, link_world()->report.n);
        b.p[rd_u16(r) % b.n] ^= rd_u8(r);
        items[0] = bin(&a);
        items[1] = bin(&b);
        push.n_tx = 1 + rd_u8(r) % 2;
        push.tx = items;
        link.body_case = WAYSIDE__LINK__LINK__BODY_TX;
        link.tx = &push;
        break;
    case 5:
        items[0] = (ProtobufCBinaryData){rd_u8(r) < 240 ? 32 : 5, id};
        items[1] = items[0];
        txs.height = some_height(r, n);
        txs.block_id = (ProtobufCBinaryData){32, id};
        txs.n_leaf = rd_u8(r) % 3;
        txs.leaf = items;
        link.body_case = WAYSIDE__LINK__LINK__BODY_TX_REQUEST;
        link.tx_request = &txs;
        break;
    case 6:
        blocks.from = some_height(r, n) - rd_u8(r) % 8;
        blocks.count = rd_u32(r);
        link.body_case = WAYSIDE__LINK__LINK__BODY_BLOCK_REQUEST;
        link.block_request = &blocks;
        break;
    case 7: { /* a true block of another, mostly the next one */
        uint8_t key[8];
        put_be64(key, some_height(r, n));
        struct store *s = onebox_store(link_world()->box.box, 1);
        (void)!store_get(s, STORE_BLOCK, span_of(key, 8), &a, NULL);
        (void)!store_get(s, STORE_COMMIT, span_of(key, 8), &b, NULL);
        reply.block = bin(&a);
        reply.commit = bin(&b);
        link.body_case = WAYSIDE__LINK__LINK__BODY_BLOCK_REPLY;
        link.block_reply = &reply;
        break;
    }
    case 8:
        if (n->n_candidates > 0)
            memcpy(id, n->candidate[rd_u8(r) % n->n_candidates].id, 32);
        ask.height = some_height(r, n);
        ask.block_id = (ProtobufCBinaryData){rd_u8(r) < 240 ? 32 : 3, id};
        link.body_case = WAYSIDE__LINK__LINK__BODY_CANDIDATE_REQUEST;
        link.candidate_request = &ask;
        break;
    case 9:
        put_proposal(r, n, &a, sig, &proposal);
        candidate.height = proposal.height;
        candidate.block = proposal.block;
        link.body_case = WAYSIDE__LINK__LINK__BODY_CANDIDATE_REPLY;
        link.candidate_reply = &candidate;
        break;
    }
    pack(&link, ret);
    buf_free(&a);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rd r = rd_of(span_of(data, size));
    uint8_t kind = rd_u8(&r);
    struct buf msg = {0};
    make(kind, &r, &msg);
    while (rd_left(&r) >= 3 && msg.n > 0) {
        uint16_t at = rd_u16(&r);
        msg.p[at % msg.n] ^= rd_u8(&r);
    }
    link_hear(LINK_LIAR, buf_span(&msg), 1000 + kind * 100U);
    buf_free(&msg);
    return 0;
}

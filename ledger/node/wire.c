/* Packing and unpacking of link messages. Unpacking uses an allocator that stops at a bound, so that a
 * message cannot cost more memory than a fixed multiple of its own size. */
#include "ledger/node/node_internal.h"

#include "base/mem.h"

#include <stdlib.h>

enum { OVERHEAD = 64, FIXED = 65536 };

struct budget {
    size_t left;
};

static void *budget_alloc(void *ctx, size_t n) {
    struct budget *b = ctx;
    if (n > b->left)
        return NULL;
    b->left -= n;
    return malloc(n);
}

static void budget_free(void *ctx, void *p) {
    (void)ctx;
    free(p);
}

Wayside__Link__Link *wire_parse(struct span msg) {
    struct budget b = {FIXED + msg.n * OVERHEAD};
    ProtobufCAllocator a = {budget_alloc, budget_free, &b};
    return wayside__link__link__unpack(&a, msg.n, msg.p);
}

void wire_free(Wayside__Link__Link *link) {
    struct budget b = {0};
    ProtobufCAllocator a = {budget_alloc, budget_free, &b};
    wayside__link__link__free_unpacked(link, &a);
}

void wire_send_octets(struct node *n, size_t peer, struct span msg) {
    for (size_t i = 0; i < n->peers.n; i++) {
        if ((peer == ALL_PEERS || peer == i) && i != n->peers.me)
            n->io.send(n->io.ctx, i, msg);
    }
}

void wire_send(struct node *n, size_t peer, const Wayside__Link__Link *link) {
    size_t size = wayside__link__link__get_packed_size(link);
    uint8_t *octets = ws_alloc(size);
    (void)wayside__link__link__pack(link, octets);
    wire_send_octets(n, peer, span_of(octets, size));
    free(octets);
}

void wire_send_vote(struct node *n, size_t peer, const struct vote *v) {
    struct buf b = {0};
    vote_encode(v, &b);
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_VOTE;
    link.vote = (ProtobufCBinaryData){b.n, b.p};
    wire_send(n, peer, &link);
    buf_free(&b);
}

void wire_send_proposal(
    struct node *n, size_t peer, const struct cs_proposal *p, const struct block *b) {
    struct buf compact = {0};
    block_encode_compact(b, &compact);
    Wayside__Link__Proposal m = WAYSIDE__LINK__PROPOSAL__INIT;
    uint8_t sig[SIG_OCTETS];
    memcpy(sig, p->sig, sizeof(sig));
    m.height = p->height;
    m.round = p->round;
    m.valid_round = p->valid_round;
    m.validator = p->validator;
    m.signature = (ProtobufCBinaryData){SIG_OCTETS, sig};
    m.block = (ProtobufCBinaryData){compact.n, compact.p};
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_PROPOSAL;
    link.proposal = &m;
    wire_send(n, peer, &link);
    buf_free(&compact);
}

/* What liars make up: not bent on its way out, but sent out of the blue. */
#include "tests/sim/lies.h"

#include "base/mem.h"

#include <stdlib.h>

static uint64_t below(struct sim *s, uint64_t n) {
    return ws_random_below(&s->random, n);
}

static void send(struct sim *s, size_t liar, size_t to, struct span msg, enum cover_row lie) {
    cover_hit(lie);
    nodes_tell(s->w, "LIE of validator %zu to validator %zu: %s", liar, to, cover_text(lie));
    nodes_note_sent(s->w, &s->w->m[liar], msg);
    nodes_send(s->w, liar, to, msg);
}

static void send_link(
    struct sim *s, size_t liar, size_t to, const Wayside__Link__Link *link, enum cover_row lie) {
    struct buf msg = {0};
    lies_pack(link, &msg);
    send(s, liar, to, buf_span(&msg), lie);
    buf_free(&msg);
}

/* Who is in no more says it is the first. */
static uint16_t index_of(const struct sim *s, size_t liar, uint64_t height) {
    int index = nodes_index_of(s->w, s->w->m[liar].slot, height);
    return (uint16_t)(index < 0 ? 0 : index);
}

/* Height and round of the listener, more or less. */
static void vote(struct sim *s, size_t liar, size_t to, enum cover_row lie) {
    struct node_status st = {0};
    if (s->w->m[to].node != NULL)
        node_status(s->w->m[to].node, &st);
    struct vote v = {.type = below(s, 2) == 0 ? VOTE_PREVOTE : VOTE_PRECOMMIT,
        .height = st.height + 1,
        .round = st.round < 0 ? 0 : st.round,
        .nil = true,
        .locked_round = -1,
        .valid_round = -1,
        .validator = index_of(s, liar, st.height + 1)};
    if (lie == LIE_ROUNDS) {
        v.round += (int32_t)(below(s, 3) == 0 ? below(s, 1U << 21) : below(s, 5));
        v.height += below(s, 4) == 0 ? below(s, 5) : 0;
    }
    hash32 id;
    if (below(s, 4) != 0 && lies_some_value(s, v.height, id)) {
        v.nil = false;
        memcpy(v.id, id, 32);
    }
    struct buf msg = {0};
    lies_put_vote(s, liar, v, &msg);
    send(s, liar, to, buf_span(&msg), lie);
    buf_free(&msg);
}

static void status(struct sim *s, size_t liar, size_t to) {
    static const uint64_t heights[] = {UINT64_MAX, 0, 1, 1000000};
    Wayside__Link__Status st = WAYSIDE__LINK__STATUS__INIT;
    char software[] = "liar";
    uint8_t bits[8];
    ws_random_bytes(&s->random, bits, sizeof(bits));
    st.height = below(s, 2) == 0 ? heights[below(s, 4)] : s->w->highest + below(s, 4);
    st.round = (int32_t)below(s, 6) - 1;
    st.prevotes = (ProtobufCBinaryData){below(s, 9), bits};
    st.precommits = st.prevotes;
    st.software = software;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_STATUS;
    link.status = &st;
    send_link(s, liar, to, &link, LIE_HEIGHTS);
}

static void replay(struct sim *s, size_t liar, size_t to) {
    const struct buf *b = &s->kept[below(s, SIM_KEPT)];
    if (b->n > 0)
        send(s, liar, to, buf_span(b), LIE_REPLAY);
}

static void garbage(struct sim *s, size_t liar, size_t to) {
    uint8_t octets[64];
    ws_random_bytes(&s->random, octets, sizeof(octets));
    octets[0] = (uint8_t)(8 * (1 + below(s, 10)) + 2);
    octets[1] = (uint8_t)below(s, 64);
    send(s, liar, to, span_of(octets, below(s, sizeof(octets))), LIE_GARBAGE);
}

static void ask(struct sim *s, size_t liar, size_t to) {
    uint8_t id[32];
    ws_random_bytes(&s->random, id, sizeof(id));
    ProtobufCBinaryData leaf[4] = {{32, id}, {31, id}, {32, id}, {0, NULL}};
    Wayside__Link__BlockRequest b = WAYSIDE__LINK__BLOCK_REQUEST__INIT;
    Wayside__Link__TxRequest t = WAYSIDE__LINK__TX_REQUEST__INIT;
    Wayside__Link__CandidateRequest c = WAYSIDE__LINK__CANDIDATE_REQUEST__INIT;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    hash32 some;
    b.from = below(s, s->w->highest + 3);
    b.count = (uint32_t)ws_random_u64(&s->random);
    t.height = c.height = s->w->highest + below(s, 2);
    if (lies_some_value(s, t.height, some))
        memcpy(id, some, 32);
    t.block_id = c.block_id = (ProtobufCBinaryData){32, id};
    t.n_leaf = 4;
    t.leaf = leaf;
    switch (below(s, 3)) {
    case 0:
        link.body_case = WAYSIDE__LINK__LINK__BODY_BLOCK_REQUEST;
        link.block_request = &b;
        break;
    case 1:
        link.body_case = WAYSIDE__LINK__LINK__BODY_TX_REQUEST;
        link.tx_request = &t;
        break;
    default:
        link.body_case = WAYSIDE__LINK__LINK__BODY_CANDIDATE_REQUEST;
        link.candidate_request = &c;
        break;
    }
    for (uint64_t k = below(s, 8) + 1; k > 0; k--)
        send_link(s, liar, to, &link, LIE_ASK);
}

/* A block that the liar holds, or the next one made from it, with something wrong in block or commit. */
static void forge_block(struct sim *s, size_t liar, size_t to) {
    uint8_t key[8];
    uint64_t height = s->w->highest - (below(s, 4) == 0 ? 1 : 0);
    put_be64(key, height);
    struct buf block = {0};
    struct buf commit = {0};
    struct store *store = s->w->m[liar].store;
    if (store_get(store, STORE_BLOCK, span_of(key, 8), &block, NULL) == WS_OK &&
        store_get(store, STORE_COMMIT, span_of(key, 8), &commit, NULL) == WS_OK) {
        struct buf *wrong = below(s, 2) == 0 ? &block : &commit;
        wrong->p[below(s, wrong->n)] ^= (uint8_t)(1U << below(s, 8));
        Wayside__Link__BlockReply a = WAYSIDE__LINK__BLOCK_REPLY__INIT;
        a.block = (ProtobufCBinaryData){block.n, block.p};
        a.commit = (ProtobufCBinaryData){commit.n, commit.p};
        Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
        link.body_case = WAYSIDE__LINK__LINK__BODY_BLOCK_REPLY;
        link.block_reply = &a;
        send_link(s, liar, to, &link, LIE_FORGE_BLOCK);
    }
    buf_free(&block);
    buf_free(&commit);
}

/* Under a certificate nobody has, from the future, or with one octet changed. */
static void junk_tx(struct sim *s, size_t liar, size_t to) {
    struct nodes *w = s->w;
    struct buf spdu = {0};
    struct buf tx = {0};
    uint64_t how = below(s, 3);
    size_t car = below(s, TOWN_CARS);
    hash32 cert = {0xee};
    put_be32(cert + 4, (uint32_t)below(s, 1000));
    town_report(&w->town, car, w->now.its_us + (how == 1 ? 86400ULL * 1000000 : 0), 30, &spdu);
    tx_put_message(&tx, how == 0 ? cert : w->town.car_hash[car], buf_span(&spdu));
    if (how == 2)
        tx.p[below(s, tx.n)] ^= (uint8_t)(1U << below(s, 8));
    ProtobufCBinaryData one = {tx.n, tx.p};
    Wayside__Link__TxPush p = WAYSIDE__LINK__TX_PUSH__INIT;
    p.n_tx = 1;
    p.tx = &one;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_TX;
    link.tx = &p;
    /* Should it be good after all (the bit did not matter, the hour came), a client has given it in. */
    struct tx *t = NULL;
    if (tx_parse(buf_span(&tx), &t, NULL) == WS_OK) {
        (void)table_put(&w->given, t->id, w);
        tx_unref(t);
    }
    send_link(s, liar, to, &link, LIE_JUNK_TXS);
    buf_free(&spdu);
    buf_free(&tx);
}

/* Somebody else's proposal as its own. */
static void out_of_turn(struct sim *s, size_t liar, size_t to) {
    const struct buf *b = &s->kept[below(s, SIM_KEPT)];
    if (b->n < 2 || b->p[0] != 0x0a)
        return;
    Wayside__Link__Link *link = wayside__link__link__unpack(NULL, b->n, b->p);
    struct header hd;
    if (link == NULL)
        return;
    Wayside__Link__Proposal *p = link->proposal;
    struct rd r = rd_of(span_of(p->block.data, p->block.len));
    (void)rd_u8(&r);
    if (header_read(&r, &hd) && p->signature.len == SIG_OCTETS) {
        hash32 id;
        struct buf bytes = {0};
        header_id(exec_light_crypto.hash, &hd, id);
        p->validator = index_of(s, liar, p->height);
        p->round += (int32_t)below(s, 3);
        p->valid_round = below(s, 3) == 0 ? (int32_t)below(s, 4) - 1 : p->valid_round;
        proposal_sign_bytes(s->w->cell_id, p->height, p->round, id, p->valid_round, &bytes);
        signer_sign(s->w->m[liar].signer, buf_span(&bytes), p->signature.data);
        buf_free(&bytes);
        send_link(s, liar, to, link, LIE_OUT_OF_TURN);
    }
    wayside__link__link__free_unpacked(link, NULL);
}

static void make(struct sim *s, size_t liar, size_t to, enum cover_row lie) {
    switch (lie) {
    case LIE_HEIGHTS:
        status(s, liar, to);
        break;
    case LIE_ROUNDS:
    case LIE_AMNESIA:
        vote(s, liar, to, lie);
        break;
    case LIE_OUT_OF_TURN:
        out_of_turn(s, liar, to);
        break;
    case LIE_REPLAY:
        replay(s, liar, to);
        break;
    case LIE_GARBAGE:
        garbage(s, liar, to);
        break;
    case LIE_ASK:
        ask(s, liar, to);
        break;
    case LIE_FORGE_BLOCK:
        forge_block(s, liar, to);
        break;
    case LIE_JUNK_TXS:
        junk_tx(s, liar, to);
        break;
    default:
        break; /* bent on the way out */
    }
}

void lies_tick(struct sim *s) {
    struct nodes *w = s->w;
    if (lies(s, LIE_FLOOD))
        flood_tick(s);
    for (size_t i = 0; i < w->n; i++) {
        if (!w->m[i].liar || below(s, 1000) >= s->plan->lie_rate)
            continue;
        enum cover_row lie = LIE_SPLIT_VOTES + (enum cover_row)below(s, COVER_LIES_FIRST);
        size_t to = below(s, w->n_validators);
        if (lies(s, lie) && to != w->m[i].slot)
            make(s, i, to, lie);
    }
}

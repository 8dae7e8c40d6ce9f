/* Floods: for two seconds, thousands of messages of one kind that cost whoever hears them a signature, a proof, a search or a
 * record of its log, and are worth nothing. Whether anybody notices is for work.c to say. */
#include "tests/sim/lies.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "rsu/cell/cell.h"

#include <stdlib.h>

enum {
    LASTS_US = 2000000,
    EACH_TICK = 50,
    IN_ONE = 25, /* transactions of a message */
    FLOODS_MAX = 1 /* in a run: it takes time */
};

static uint64_t below(struct sim *s, uint64_t n) {
    return ws_random_below(&s->more, n);
}

static void send_flood(struct sim *s, const Wayside__Link__Link *link) {
    struct buf msg = {0};
    lies_pack(link, &msg);
    cover_hit(LIE_FLOOD);
    nodes_note_sent(s->w, &s->w->m[s->flood.liar], buf_span(&msg));
    nodes_send(s->w, s->flood.liar, s->flood.to, buf_span(&msg));
    buf_free(&msg);
}

/* ---- statements ---- */

/* Two statements in turn, for rounds to come that rise, wander or stay. */
static void votes(struct sim *s, const struct node_status *st) {
    uint32_t k = s->flood.number++;
    int index = nodes_index_of(s->w, s->w->m[s->flood.liar].slot, st->height + 1);
    if (index < 0)
        return;
    struct vote v = {.type = k / 2 % 2 == 0 ? VOTE_PREVOTE : VOTE_PRECOMMIT,
        .height = st->height + 1,
        .round = (st->round < 0 ? 0 : st->round) + 1 + (int32_t)(k / 4 % 3000),
        .nil = k % 2 == 0,
        .locked_round = -1,
        .valid_round = -1,
        .validator = (uint16_t)index};
    if (!v.nil)
        put_be32(v.id, k);
    struct buf b = {0};
    lies_put_vote(s, s->flood.liar, v, &b);
    cover_hit(LIE_FLOOD);
    nodes_send(s->w, s->flood.liar, s->flood.to, buf_span(&b));
    buf_free(&b);
}

/* Somebody's proposal for far rounds; nobody has signed it. */
static void proposals(struct sim *s) {
    for (size_t i = 0; i < SIM_KEPT; i++) {
        const struct buf *b = &s->kept[i];
        if (b->n < 2 || b->p[0] != 0x0a)
            continue;
        Wayside__Link__Link *link = wayside__link__link__unpack(NULL, b->n, b->p);
        if (link == NULL)
            continue;
        link->proposal->height = s->w->highest + 1 + below(s, 2);
        link->proposal->round = (int32_t)(4000 + s->flood.number++ % 90);
        link->proposal->valid_round = -1;
        send_flood(s, link);
        wayside__link__link__free_unpacked(link, NULL);
        return;
    }
}

/* ---- transactions ---- */

static void junk_order(struct sim *s, uint32_t number, struct buf *tx) {
    struct order o = {.sequence = s->w->now.its_us + number,
        .expiry = s->w->now.its_us + UINT64_C(3600) * 1000000,
        .role = ROLE_COMMITTEE,
        .kind = 1,
        .body = span_of("junk", 4),
        .n_sigs = 1};
    put_be32(o.sigs[0].sig, number);
    tx_put_order(tx, &o);
}

static void junk_record(struct sim *s, uint32_t number, struct buf *tx) {
    const struct signer *signer = s->w->m[s->flood.liar].signer;
    uint8_t body[4];
    put_be32(body, number);
    struct record r = {
        .contract = CELL_CONTRACT_BEACON, .kind = 1, .body = span_of(body, sizeof(body))};
    struct buf b = {0};
    memcpy(r.signer, s->w->who[s->w->m[s->flood.liar].slot].address, sizeof(hash32));
    record_sign_bytes(s->w->cell_id, &r, &b);
    if (number % 2 == 0)
        signer_sign(signer, buf_span(&b), r.sig);
    else
        put_be32(r.sig, number);
    tx_put_record(tx, &r);
    buf_free(&b);
}

static void junk_evidence(struct sim *s, uint32_t number, struct buf *tx) {
    const struct nodes *w = s->w;
    struct evidence *e = ws_alloc(sizeof(*e));
    e->kind = EVIDENCE_BAD_PROPOSAL;
    e->alg = KEY_ED25519;
    memcpy(e->key, w->who[below(s, w->n_validators)].key, KEY_OCTETS);
    e->proposal[0] = (struct signed_proposal){
        .height = w->highest, .round = (int32_t)(4000 + number), .valid_round = -1};
    tx_put_evidence(tx, e);
    free(e);
}

static void junk_certificate(struct sim *s, uint32_t number, struct buf *tx) {
    const struct buf *good = &s->w->town.car_cert[number % TOWN_CARS];
    struct buf cert = {0};
    buf_put(&cert, good->p, good->n);
    put_be32(cert.p + cert.n - 4, number);
    tx_put_certificate(tx, buf_span(&cert));
    buf_free(&cert);
}

static void transactions(
    struct sim *s, void (*put)(struct sim *s, uint32_t number, struct buf *tx)) {
    struct buf tx[IN_ONE] = {{0}};
    ProtobufCBinaryData of[IN_ONE];
    for (size_t i = 0; i < IN_ONE; i++) {
        put(s, s->flood.number++, &tx[i]);
        of[i] = (ProtobufCBinaryData){tx[i].n, tx[i].p};
    }
    Wayside__Link__TxPush p = WAYSIDE__LINK__TX_PUSH__INIT;
    p.n_tx = IN_ONE;
    p.tx = of;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_TX;
    link.tx = &p;
    send_flood(s, &link);
    for (size_t i = 0; i < IN_ONE; i++)
        buf_free(&tx[i]);
}

/* ---- */

static void begin_flood(struct sim *s) {
    struct nodes *w = s->w;
    size_t liar = below(s, w->n);
    size_t to = below(s, w->n_validators);
    if (!w->m[liar].liar || w->m[liar].slot == to || s->flood.begun >= FLOODS_MAX)
        return;
    s->flood.liar = liar;
    s->flood.to = to;
    s->flood.kind = (unsigned)below(s, 6);
    s->flood.until_us = w->now.mono_us + LASTS_US;
    s->flood.begun++;
    nodes_tell(w, "LIE: validator %zu floods validator %zu with messages of kind %u", liar, to,
        s->flood.kind);
}

void flood_tick(struct sim *s) {
    struct nodes *w = s->w;
    if (w->now.mono_us >= s->flood.until_us) {
        if (below(s, 100) == 0)
            begin_flood(s);
        return;
    }
    static void (*const tx_of[])(struct sim *, uint32_t, struct buf *) = {
        junk_order, junk_record, junk_evidence, junk_certificate};
    struct node_status st = {0};
    if (w->m[s->flood.to].node != NULL)
        node_status(w->m[s->flood.to].node, &st);
    if (s->flood.kind >= 2) {
        for (size_t k = 0; k < EACH_TICK / IN_ONE; k++)
            transactions(s, tx_of[s->flood.kind - 2]);
        return;
    }
    for (size_t k = 0; k < EACH_TICK; k++) {
        if (s->flood.kind == 0)
            votes(s, &st);
        else
            proposals(s);
    }
}

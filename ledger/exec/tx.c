#include "ledger/exec/tx.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

enum { TX_MAX = 4U << 20 };

void tx_put_message(struct buf *b, const hash32 cert_hash, struct span spdu) {
    buf_u8(b, LEDGER_VERSION);
    buf_u8(b, TX_MESSAGE);
    buf_put(b, cert_hash, 32);
    buf_var(b, spdu);
}

void tx_put_certificate(struct buf *b, struct span cert) {
    buf_u8(b, LEDGER_VERSION);
    buf_u8(b, TX_CERTIFICATE);
    buf_var(b, cert);
}

static void put_statement(struct buf *b, const struct order *o) {
    buf_u64(b, o->sequence);
    buf_u64(b, o->expiry);
    buf_u8(b, (uint8_t)o->role);
    buf_u16(b, o->kind);
}

void tx_put_order(struct buf *b, const struct order *o) {
    buf_u8(b, LEDGER_VERSION);
    buf_u8(b, TX_ORDER);
    put_statement(b, o);
    buf_var(b, o->body);
    buf_u8(b, (uint8_t)o->n_sigs);
    for (size_t i = 0; i < o->n_sigs; i++) {
        buf_u8(b, o->sigs[i].authority);
        buf_put(b, o->sigs[i].sig, SIG_OCTETS);
    }
}

void order_sign_bytes(const hash32 cell_id, const struct order *o, struct buf *b) {
    hash32 body;
    exec_sha256_one(o->body, body);
    buf_put(b, TAG_ORDER, TAG_OCTETS);
    buf_u8(b, LEDGER_VERSION);
    buf_put(b, cell_id, 32);
    put_statement(b, o);
    buf_put(b, body, 32);
}

static void put_record_statement(struct buf *b, const struct record *r) {
    buf_u8(b, r->contract);
    buf_u16(b, r->kind);
    buf_put(b, r->signer, 32);
}

void tx_put_record(struct buf *b, const struct record *r) {
    buf_u8(b, LEDGER_VERSION);
    buf_u8(b, TX_RECORD);
    put_record_statement(b, r);
    buf_var(b, r->body);
    buf_put(b, r->sig, SIG_OCTETS);
}

void record_sign_bytes(const hash32 cell_id, const struct record *r, struct buf *b) {
    hash32 body;
    exec_sha256_one(r->body, body);
    buf_put(b, TAG_RECORD, TAG_OCTETS);
    buf_u8(b, LEDGER_VERSION);
    buf_put(b, cell_id, 32);
    put_record_statement(b, r);
    buf_put(b, body, 32);
}

static int parse_message(struct tx *t, struct rd *r, struct ws_err *err) {
    rd_copy(r, t->cert_hash, 32);
    struct span spdu = rd_var(r, SPDU_MAX_OCTETS);
    if (!rd_done(r))
        return ws_fail(err, WS_EINPUT, "message transaction: malformed near octet %zu", r->at);
    size_t at = 0;
    enum coer_fail f = spdu_parse(spdu, &t->spdu, &at);
    if (f != COER_OK)
        return ws_fail(err, WS_EINPUT, "signed message: %s at octet %zu", coer_fail_text(f), at);
    if (t->spdu.content != SPDU_SIGNED || t->spdu.all.n != spdu.n)
        return ws_fail(err, WS_EINPUT, "signed message: not signed data, or trailing octets");
    spdu_identity(&t->spdu, t->cert_hash, t->id);
    return WS_OK;
}

static int parse_certificate(struct tx *t, struct rd *r, struct ws_err *err) {
    struct span cert = rd_var(r, SPDU_MAX_OCTETS);
    if (!rd_done(r))
        return ws_fail(err, WS_EINPUT, "certificate transaction: malformed near octet %zu", r->at);
    size_t at = 0;
    enum coer_fail f = cert_parse(cert, &t->cert, &at);
    if (f != COER_OK)
        return ws_fail(err, WS_EINPUT, "certificate: %s at octet %zu", coer_fail_text(f), at);
    cert_hash256(&t->cert, t->cert_hash);
    memcpy(t->id, t->cert_hash, 32);
    return WS_OK;
}

static int parse_order(struct tx *t, struct rd *r, struct ws_err *err) {
    struct order *o = &t->order;
    o->sequence = rd_u64(r);
    o->expiry = rd_u64(r);
    uint8_t role = rd_u8(r);
    if (role < ROLE_POLICY || role > ROLE_IDENTITY)
        return ws_fail(err, WS_EINPUT, "order: no such role: %u", (unsigned)role);
    o->role = (enum exec_role)role;
    o->kind = rd_u16(r);
    o->body = rd_var(r, TX_MAX);
    o->n_sigs = rd_u8(r);
    if (o->n_sigs > AUTHORITIES_MAX)
        return ws_fail(err, WS_EINPUT, "order: %zu signatures", o->n_sigs);
    for (size_t i = 0; i < o->n_sigs; i++) {
        o->sigs[i].authority = rd_u8(r);
        rd_copy(r, o->sigs[i].sig, SIG_OCTETS);
        if (i > 0 && o->sigs[i].authority <= o->sigs[i - 1].authority)
            r->bad = true; /* one form, and nobody counts twice */
    }
    if (!rd_done(r))
        return ws_fail(err, WS_EINPUT, "order: malformed near octet %zu", r->at);
    struct buf b = {0};
    static const hash32 no_cell = {0}; /* the identity needs no cell: sequence and body are in it */
    order_sign_bytes(no_cell, o, &b);
    exec_sha256_one(buf_span(&b), t->id);
    buf_free(&b);
    return WS_OK;
}

static int parse_record(struct tx *t, struct rd *r, struct ws_err *err) {
    struct record *k = &t->record;
    k->contract = rd_u8(r);
    k->kind = rd_u16(r);
    rd_copy(r, k->signer, 32);
    k->body = rd_var(r, TX_MAX);
    rd_copy(r, k->sig, SIG_OCTETS);
    if (!rd_done(r))
        return ws_fail(err, WS_EINPUT, "record: malformed near octet %zu", r->at);
    struct buf b = {0};
    static const hash32 no_cell = {0}; /* as for orders */
    record_sign_bytes(no_cell, k, &b);
    exec_sha256_one(buf_span(&b), t->id);
    buf_free(&b);
    return WS_OK;
}

int tx_parse(struct span octets, struct tx **ret_tx, struct ws_err *err) {
    if (octets.n > TX_MAX)
        return ws_fail(err, WS_ELIMIT, "transaction of %zu octets", octets.n);
    struct tx *t = ws_alloc(sizeof(*t) + octets.n);
    if (octets.n > 0)
        memcpy(t + 1, octets.p, octets.n);
    t->octets = span_of(t + 1, octets.n);
    t->refs = 1;
    struct rd r = rd_of(t->octets);
    uint8_t version = rd_u8(&r);
    uint8_t kind = rd_u8(&r);
    int rc;
    if (version != LEDGER_VERSION) {
        rc = ws_fail(err, WS_EINPUT, "transaction: version %u", (unsigned)version);
    } else if (kind == TX_MESSAGE) {
        t->kind = TX_MESSAGE;
        rc = parse_message(t, &r, err);
    } else if (kind == TX_CERTIFICATE) {
        t->kind = TX_CERTIFICATE;
        rc = parse_certificate(t, &r, err);
    } else if (kind == TX_ORDER) {
        t->kind = TX_ORDER;
        rc = parse_order(t, &r, err);
    } else if (kind == TX_RECORD) {
        t->kind = TX_RECORD;
        rc = parse_record(t, &r, err);
    } else {
        rc = ws_fail(err, WS_EINPUT, "transaction: kind %u", (unsigned)kind);
    }
    if (rc != WS_OK) {
        free(t);
        return rc;
    }
    list_leaf(exec_sha256, t->octets, t->leaf);
    *ret_tx = t;
    return WS_OK;
}

struct tx *tx_ref(struct tx *t) {
    t->refs++;
    return t;
}

void tx_unref(struct tx *t) {
    if (t != NULL && --t->refs == 0)
        free(t);
}

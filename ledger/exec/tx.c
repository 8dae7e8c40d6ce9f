#include "ledger/exec/tx.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/identity/identity.h"

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

void tx_put_evidence(struct buf *b, const struct evidence *e) {
    buf_u8(b, LEDGER_VERSION);
    buf_u8(b, TX_EVIDENCE);
    evidence_encode(e, b);
}

/* The name of the signer inside the message is not under its signature: one that names another would be a copy with
 * other octets for anybody to make. */
static bool names_signer(const struct spdu *m, const hash32 cert_hash) {
    if (m->signer == SIGNER_DIGEST)
        return memcmp(m->digest, cert_hash + 24, 8) == 0;
    hash32 hash;
    if (m->signer != SIGNER_CERTIFICATE)
        return false;
    cert_hash256(&m->cert, hash);
    return memcmp(hash, cert_hash, 32) == 0;
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
    t->signer_named = names_signer(&t->spdu, t->cert_hash);
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

static int parse_evidence(struct tx *t, struct rd *r, struct ws_err *err) {
    t->evidence = ws_alloc(sizeof(*t->evidence));
    int rc = evidence_decode(exec_sha256, span_of(r->p + r->at, rd_left(r)), t->evidence, err);
    if (rc == WS_OK)
        evidence_id(exec_sha256, t->evidence, t->id);
    else
        free(t->evidence);
    return rc;
}

/* How much of the structure a kind uses. */
static size_t used(uint8_t kind) {
    switch (kind) {
    case TX_MESSAGE:
        return offsetof(struct tx, spdu) + sizeof(struct spdu);
    case TX_CERTIFICATE:
        return offsetof(struct tx, cert) + sizeof(struct cert);
    case TX_RECORD:
        return offsetof(struct tx, record) + sizeof(struct record);
    case TX_EVIDENCE:
        return offsetof(struct tx, evidence) + sizeof(struct evidence *);
    default:
        return sizeof(struct tx);
    }
}

/* All but the hashes over its octets. */
static int parse(struct span octets, struct tx **ret_tx, struct ws_err *err) {
    if (octets.n > TX_MAX)
        return ws_fail(err, WS_ELIMIT, "transaction of %zu octets", octets.n);
    size_t head = used(octets.n < 2 ? 0 : octets.p[1]);
    struct tx *t = ws_alloc(head + 1 + octets.n);
    uint8_t *copy = (uint8_t *)t + head + 1; /* behind the octet that makes a list's leaf of it */
    if (octets.n > 0)
        memcpy(copy, octets.p, octets.n);
    t->octets = span_of(copy, octets.n);
    atomic_init(&t->refs, 1);
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
    } else if (kind == TX_EVIDENCE) {
        t->kind = TX_EVIDENCE;
        rc = parse_evidence(t, &r, err);
    } else {
        rc = ws_fail(err, WS_EINPUT, "transaction: kind %u", (unsigned)kind);
    }
    if (rc != WS_OK) {
        free(t);
        return rc;
    }
    *ret_tx = t;
    return WS_OK;
}

enum { TOGETHER = 64 };

/* Leaves, and identities of messages, which take two stages (spdu_identity). NULL entries are passed over. */
static void hash_some(struct tx *const *txs, size_t n) {
    struct span data[2 * TOGETHER] = {0};
    hash32 hash[2 * TOGETHER];
    uint8_t pair[TOGETHER][64];
    struct tx *message[TOGETHER];
    struct tx *there[TOGETHER];
    size_t n_there = 0;
    size_t n_messages = 0;
    for (size_t i = 0; i < n; i++) {
        if (txs[i] == NULL)
            continue;
        data[n_there] = span_of(txs[i]->octets.p - 1, txs[i]->octets.n + 1);
        there[n_there++] = txs[i];
        if (txs[i]->kind == TX_MESSAGE && txs[i]->spdu.encryption_key.form == EC_UNCOMPRESSED)
            spdu_identity(
                &txs[i]->spdu, txs[i]->cert_hash, txs[i]->id); /* not its octets as they are */
        else if (txs[i]->kind == TX_MESSAGE)
            message[n_messages++] = txs[i];
    }
    for (size_t i = 0; i < n_messages; i++)
        data[n_there + i] = message[i]->spdu.tbs;
    exec_sha256_many(data, n_there + n_messages, hash);
    for (size_t i = 0; i < n_there; i++)
        memcpy(there[i]->leaf, hash[i], 32);
    for (size_t i = 0; i < n_messages; i++) {
        memcpy(pair[i], hash[n_there + i], 32);
        memcpy(pair[i] + 32, message[i]->cert_hash, 32);
        data[i] = span_of(pair[i], 64);
    }
    exec_sha256_many(data, n_messages, hash);
    for (size_t i = 0; i < n_messages; i++)
        memcpy(message[i]->id, hash[i], 32);
}

static void hash_all(struct tx *const *txs, size_t n) {
    for (size_t done = 0; done < n; done += TOGETHER)
        hash_some(txs + done, n - done < TOGETHER ? n - done : TOGETHER);
}

int tx_parse(struct span octets, struct tx **ret_tx, struct ws_err *err) {
    int rc = parse(octets, ret_tx, err);
    if (rc == WS_OK)
        hash_some(ret_tx, 1);
    return rc;
}

void tx_parse_many(const struct span *octets, size_t n, struct tx **ret_txs) {
    for (size_t i = 0; i < n; i++) {
        if (parse(octets[i], &ret_txs[i], NULL) != WS_OK)
            ret_txs[i] = NULL;
    }
    hash_all(ret_txs, n);
}

/* ---- signatures ---- */

bool tx_verify_item(const struct tx *t, struct verify_key *key, struct verify_item *ret_item) {
    if (t->kind != TX_MESSAGE || t->spdu.hash_id != 0 || !t->signer_named)
        return false;
    *ret_item = (struct verify_item){.key = key, .digest_octets = 32};
    memcpy(ret_item->digest, t->id, 32); /* identity and digest are the same hash */
    return verify_item_signature(ret_item, &t->spdu.signature);
}

struct tx *tx_ref(struct tx *t) {
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void tx_unref(struct tx *t) {
    if (t != NULL && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1) {
        if (t->kind == TX_EVIDENCE)
            free(t->evidence);
        identity_cert_free(t->checked);
        free(t);
    }
}

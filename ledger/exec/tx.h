/* Transactions: what a block carries. Envelope: version, kind, body (docs/formats/ledger.md).
 * A vehicle's transaction is the vehicle's own signed message (decision 3), so its identity is the
 * message's (design, section 5) while its leaf is the hash of the committed octets.
 * One thread at a time; tx objects are reference-counted and immutable after parsing but for what was checked. */
#ifndef WAYSIDE_LEDGER_EXEC_TX_H
#define WAYSIDE_LEDGER_EXEC_TX_H

#include "ledger/exec/contract.h"
#include "ledger/light/evidence.h"
#include "v2x/spdu.h"
#include "v2x/verify.h"

#include <stdatomic.h>

enum tx_kind { TX_MESSAGE = 1, TX_CERTIFICATE = 2, TX_ORDER = 3, TX_RECORD = 4, TX_EVIDENCE = 5 };

struct order_signature {
    uint8_t authority; /* index in genesis; strictly ascending */
    uint8_t sig[SIG_OCTETS];
};
struct order {
    uint64_t sequence;
    uint64_t expiry; /* Time64 us */
    enum exec_role role;
    uint16_t kind;
    struct span body;
    size_t n_sigs;
    struct order_signature sigs[AUTHORITIES_MAX];
};

/* What a validator states to one contract. */
struct record {
    uint8_t contract; /* index in registration order */
    uint16_t kind;
    hash32 signer; /* address */
    struct span body;
    uint8_t sig[SIG_OCTETS];
};

struct identity_cert;

struct tx {
    _Atomic uint32_t refs;
    enum tx_kind kind;
    struct span
        octets; /* owned; the octet before them is 0, so that they are a list leaf's data in one piece */
    hash32 id, leaf;
    bool signature_good; /* checked once here; see executor_check */
    bool signature_bad; /* the same, with the other answer */
    bool
        content_good; /* what no later state changes about it was checked and found good; see executor_check */
    bool signer_named; /* TX_MESSAGE: the certificate or digest inside is that of cert_hash */
    hash32 cert_hash; /* TX_MESSAGE: signer; TX_CERTIFICATE: its own */
    struct identity_cert *checked; /* TX_CERTIFICATE: its chain was found good; a reference */
    /* By kind. No more memory is there than the kind's member needs. */
    union {
        struct spdu spdu; /* TX_MESSAGE; spans into octets */
        struct cert cert; /* TX_CERTIFICATE */
        struct order order; /* TX_ORDER */
        struct record record; /* TX_RECORD */
        struct evidence *evidence; /* TX_EVIDENCE: owned */
    };
};

/* Parses and hashes; octets are copied. The text says what is wrong. */
WARN_UNUSED int tx_parse(struct span octets, struct tx **ret_tx, struct ws_err *err);
/* Many, hashed together; any thread. ret_txs[i] is NULL where tx_parse would fail. */
void tx_parse_many(const struct span *octets, size_t n, struct tx **ret_txs);
/* The question for a verification kernel whether a message's signature fits its signer's key. False: not that simple (another hash,
 * another curve, no message): the check asks by itself. The key is borrowed. */
bool tx_verify_item(const struct tx *t, struct verify_key *key, struct verify_item *ret_item);
struct tx *tx_ref(struct tx *t);
void tx_unref(struct tx *t); /* NULL is fine */

void tx_put_message(struct buf *b, const hash32 cert_hash, struct span spdu);
void tx_put_certificate(struct buf *b, struct span cert);
void tx_put_order(struct buf *b, const struct order *o);
void tx_put_record(struct buf *b, const struct record *r);
void tx_put_evidence(struct buf *b, const struct evidence *e);
/* What a validator signs: TAG_RECORD || version || cell id || contract || kind || signer || SHA-256(body). */
void record_sign_bytes(const hash32 cell_id, const struct record *r, struct buf *b);
/* What an authority signs: TAG_ORDER || version || cell id || sequence || expiry || role || kind || SHA-256(body). */
void order_sign_bytes(const hash32 cell_id, const struct order *o, struct buf *b);

#endif

/* Whether a transaction may stand in a block: everything cheap first, signatures last and only once. */
#include "ledger/exec/executor_internal.h"

#include "base/mem.h"
#include "base/table.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "ledger/exec/region.h"

#include <stdlib.h>

/* A century of microseconds. */
#define ORDER_SEQUENCE_AHEAD (UINT64_C(1) << 52)

struct check {
    struct executor *ex;
    uint64_t block_time;
    struct table ids; /* identities of the block's earlier transactions */
    struct table certs; /* certificates they commit */
    uint64_t sequence[ROLE_IDENTITY + 1]; /* 0: as in state */
    size_t octets, txs;
    bool alone; /* nothing comes after it: nothing is noted */
};

const char *tx_verdict_text(enum tx_verdict v) {
    static const char *const names[] = {
#define X(id, text) text,
        TX_VERDICTS(X)
#undef X
    };
    return names[v];
}

bool tx_verdict_final(enum tx_verdict v) {
    switch (v) {
    case TX_DUPLICATE:
    case TX_STALE:
    case TX_CERT_TIME:
    case TX_NO_PERMISSION:
    case TX_NO_CONTRACT:
    case TX_TELLS_PLACE:
    case TX_OUT_OF_REGION:
    case TX_BAD_SIGNATURE:
    case TX_UNTRUSTED:
    case TX_ORDER_SEQUENCE:
    case TX_ORDER_EXPIRED:
    case TX_ORDER_QUORUM:
    case TX_CONTRACT_REFUSES:
    case TX_NOT_VALIDATOR:
    case TX_OVERSIZE:
        return true;
    case TX_GOOD:
    case TX_UNKNOWN_CERT: /* its certificate may come first */
    case TX_FUTURE:
    case TX_EARLY: /* its contract may take it later */
    case TX_NO_ROOM: /* until something is forgotten */
    case TX_TOO_LARGE: /* for this block */
    case TX_VERDICT_COUNT:
        break;
    }
    return false;
}

struct check *check_new(struct executor *ex, uint64_t block_time) {
    struct check *c = ws_alloc(sizeof(*c));
    c->ex = ex;
    c->block_time = block_time;
    return c;
}

static void clear(struct check *c) {
    table_free(&c->ids);
    table_free(&c->certs);
}

void check_free(struct check *c) {
    if (c == NULL)
        return;
    clear(c);
    free(c);
}

static bool signature_fits(const struct spdu *m, const struct identity_cert *signer) {
    struct verify_item item = {.key = signer->key};
    if (!verify_item_signature(&item, &m->signature))
        return false;
    uint8_t hash[48];
    if (m->hash_id == 0)
        memcpy(hash, signer->hash, 32);
    else
        cert_hash384(&signer->cert, hash);
    size_t n = 0;
    if (!spdu_digest(m, span_of(hash, m->hash_id == 0 ? 32 : 48), item.digest, &n))
        return false;
    item.digest_octets = (uint8_t)n;
    return verify_one(&item) == VERIFY_GOOD;
}

/* The block in question begins by forgetting what was to be kept until before its time. */
static const struct identity_cert *committed(const struct check *c, const hash32 cert_hash) {
    const struct identity_cert *k =
        identity_find(c->ex->contract[EXECUTOR_IDENTITY].self, cert_hash);
    return k == NULL || k->forget_at < c->block_time ? NULL : k;
}

/* What depends on the message and its signer's certificate alone. */
static enum tx_verdict check_content(
    const struct executor *ex, struct tx *t, const struct identity_cert *signer) {
    const struct spdu *m = &t->spdu;
    uint64_t at_s = m->generation_time / 1000000;
    if (at_s < signer->cert.valid_from_s || at_s >= signer->cert.valid_until_s)
        return TX_CERT_TIME;
    if (!cert_app_permission(&signer->cert, m->psid, NULL, NULL))
        return TX_NO_PERMISSION;
    if (m->has_location && !trust_region_contains(ex->trust, &signer->cert, m->lat, m->lon))
        return TX_OUT_OF_REGION;
    if (!t->signer_named || t->signature_bad)
        return TX_BAD_SIGNATURE;
    if (!t->signature_good)
        t->signature_good = signature_fits(m, signer);
    if (!t->signature_good) {
        t->signature_bad = true;
        return TX_BAD_SIGNATURE;
    }
    t->content_good = true;
    return TX_GOOD;
}

static bool hides_place(const struct contract *to, uint64_t psid) {
    return to->ops->hides_place != NULL && to->ops->hides_place(psid);
}

static enum tx_verdict check_message(struct check *c, struct tx *t) {
    struct executor *ex = c->ex;
    const struct cell_params *p = executor_params(ex);
    const struct spdu *m = &t->spdu;
    const int to = t->content_good ? 0 : executor_for_psid(ex, m->psid);
    if (to < 0)
        return TX_NO_CONTRACT;
    if (!t->content_good && m->has_location && hides_place(&ex->contract[to], m->psid))
        return TX_TELLS_PLACE;
    /* A message without a generation time can be neither fresh nor forgotten. */
    if (!m->has_generation_time || m->generation_time > UINT64_MAX / 4 ||
        m->generation_time + p->message_age_us < c->block_time)
        return TX_STALE;
    if (m->generation_time > c->block_time + p->message_future_us)
        return TX_FUTURE;
    if (m->has_expiry_time && m->expiry_time < c->block_time)
        return TX_STALE;
    if (!t->content_good && m->has_location && !region_contains(&ex->genesis, m->lat, m->lon))
        return TX_OUT_OF_REGION;
    const void *identity = ex->contract[EXECUTOR_IDENTITY].self;
    if ((!c->alone && table_get(&c->ids, t->id) != NULL) || identity_seen(identity, t->id))
        return TX_DUPLICATE;
    if (identity_message_count(identity) + c->ids.n >= p->messages_max)
        return TX_NO_ROOM;
    const struct identity_cert *signer = committed(c, t->cert_hash);
    if (signer == NULL)
        signer = table_get(&c->certs, t->cert_hash);
    if (signer == NULL)
        return TX_UNKNOWN_CERT;
    enum tx_verdict v = t->content_good ? TX_GOOD : check_content(ex, t, signer);
    if (v != TX_GOOD)
        return v;
    if (!c->alone)
        (void)table_put(&c->ids, t->id, t);
    return TX_GOOD;
}

static enum tx_verdict check_certificate(struct check *c, struct tx *t) {
    void *identity = c->ex->contract[EXECUTOR_IDENTITY].self;
    if (committed(c, t->cert_hash) != NULL || table_get(&c->certs, t->cert_hash) != NULL)
        return TX_DUPLICATE;
    if (identity_cert_count(identity) + c->certs.n >= executor_params(c->ex)->certs_max)
        return TX_NO_ROOM;
    uint64_t now_s = c->block_time / 1000000;
    enum trust_verdict why = TRUST_OK;
    if (t->checked == NULL)
        t->checked = identity_check_cert(identity, t->cert.all, c->block_time, &why);
    else if (now_s < t->cert.valid_from_s || now_s >= t->cert.valid_until_s)
        why = now_s < t->cert.valid_from_s ? TRUST_NOT_YET_VALID : TRUST_EXPIRED;
    if (why != TRUST_OK)
        return why == TRUST_NOT_YET_VALID ? TX_FUTURE
               : why == TRUST_EXPIRED     ? TX_CERT_TIME
                                          : TX_UNTRUSTED;
    (void)table_put(&c->certs, t->cert_hash, t->checked); /* the block holds the transaction */
    return TX_GOOD;
}

/* m of n of the role's authorities, each key once (indices ascend strictly in the encoding). */
static bool order_has_quorum(const struct executor *ex, struct tx *t) {
    const struct genesis *g = &ex->genesis;
    const struct order *o = &t->order;
    unsigned role_bit = (unsigned)o->role - 1;
    unsigned need = g->quorum[role_bit];
    if (need == 0 || o->n_sigs < need)
        return false;
    if (t->signature_good)
        return true;
    struct buf b = {0};
    order_sign_bytes(ex->cell_id, o, &b);
    bool good = true;
    for (size_t i = 0; i < o->n_sigs && good; i++) {
        size_t who = o->sigs[i].authority;
        good = who < g->n_authorities && (g->authorities[who].roles >> role_bit & 1U) != 0 &&
               exec_verify(KEY_ED25519, g->authorities[who].key, buf_span(&b), o->sigs[i].sig);
    }
    buf_free(&b);
    t->signature_good = good;
    return good;
}

static bool contract_agrees(const struct contract *to, const struct tx *t) {
    struct exec_order o = {.role = t->order.role, .kind = t->order.kind, .body = t->order.body};
    memcpy(o.leaf, t->leaf, 32);
    return to->ops->check_order == NULL || to->ops->check_order(to->self, &o) == EXEC_OK;
}

static enum tx_verdict check_order(struct check *c, struct tx *t) {
    const struct order *o = &t->order;
    int to = executor_for_order(c->ex, o->role, o->kind);
    if (to < 0)
        return TX_NO_CONTRACT;
    if (o->expiry < c->block_time)
        return TX_ORDER_EXPIRED;
    struct exec_host own = {c->ex, EXECUTOR_IDENTITY};
    uint64_t last = c->sequence[o->role];
    if (last == 0)
        last = identity_last_sequence(&own, o->role);
    /* Numbers are times as a rule. One far beyond would leave the role without a next one. */
    uint64_t from = last > c->block_time ? last : c->block_time;
    if (o->sequence <= last || (o->sequence > from && o->sequence - from > ORDER_SEQUENCE_AHEAD))
        return TX_ORDER_SEQUENCE;
    if (!order_has_quorum(c->ex, t))
        return TX_ORDER_QUORUM;
    /* Last, because it may run a script; once, because the answer depends on the order alone. */
    if (!t->content_good && !contract_agrees(&c->ex->contract[to], t))
        return TX_CONTRACT_REFUSES;
    t->content_good = true;
    c->sequence[o->role] = o->sequence;
    return TX_GOOD;
}

/* The newest set that the signer is in, as far back as the contract needs to hear former members; NULL: none. */
static const struct validator *record_signer(
    const struct executor *ex, const struct contract *to, const hash32 address) {
    const void *committee = executor_committee(ex);
    uint64_t now = ex->height + 1;
    uint64_t back = to->ops->record_heights == NULL ? 0 : to->ops->record_heights(to->self);
    const struct validator_set *oldest = committee_set(committee, now > back ? now - back : 1);
    for (const struct validator_set *set = committee_set(committee, now); set != NULL;
         set = set == oldest ? NULL : committee_set_before(committee, set)) {
        int i = validator_set_find(set, address);
        if (i >= 0)
            return &set->v[i];
    }
    return NULL;
}

static enum tx_verdict check_record(struct check *c, struct tx *t) {
    const struct record *k = &t->record;
    if (k->contract >= c->ex->n || c->ex->contract[k->contract].ops->check_record == NULL)
        return TX_NO_CONTRACT;
    if (table_get(&c->ids, t->id) != NULL)
        return TX_DUPLICATE;
    const struct contract *to = &c->ex->contract[k->contract];
    const struct validator *signer = record_signer(c->ex, to, k->signer);
    if (signer == NULL)
        return TX_NOT_VALIDATOR;
    /* Before the contract is asked: its own proofs may cost more, and only a validator may have it look at them. */
    if (!t->signature_good) {
        struct buf b = {0};
        record_sign_bytes(c->ex->cell_id, k, &b);
        t->signature_good = exec_verify(signer->alg, signer->key, buf_span(&b), k->sig);
        buf_free(&b);
    }
    if (!t->signature_good)
        return TX_BAD_SIGNATURE;
    struct exec_record m;
    executor_record(c->ex, t, 0, &m);
    bool later = false;
    if (to->ops->check_record(to->self, &m, &later) != EXEC_OK)
        return later ? TX_EARLY : TX_CONTRACT_REFUSES;
    (void)table_put(&c->ids, t->id, t);
    return TX_GOOD;
}

static bool no_need(enum key_alg alg, const uint8_t key[static KEY_OCTETS], struct span msg,
    const uint8_t sig[static SIG_OCTETS]) {
    (void)alg;
    (void)key;
    (void)msg;
    (void)sig;
    return true;
}

/* It proves itself: nobody signed it, whoever sends it. */
static enum tx_verdict check_evidence(struct check *c, struct tx *t) {
    if (table_get(&c->ids, t->id) != NULL)
        return TX_DUPLICATE;
    struct exec_host court = {c->ex, EXECUTOR_COMMITTEE};
    const struct light_crypto crypto = {exec_sha256, t->signature_good ? no_need : exec_verify};
    struct guilty guilty;
    exec_code code = court_judge(c->ex->contract[EXECUTOR_COMMITTEE].self, &court, &crypto,
        t->evidence, c->block_time, &guilty);
    if (code == COMMITTEE_KNOWN)
        return TX_DUPLICATE;
    if (code == COMMITTEE_EXPIRED)
        return TX_STALE;
    if (code == COMMITTEE_BAD_SIGNATURE)
        return TX_BAD_SIGNATURE;
    if (code != COMMITTEE_OK)
        return court_later(code) ? TX_EARLY : TX_CONTRACT_REFUSES;
    t->signature_good = true;
    (void)table_put(&c->ids, t->id, t);
    return TX_GOOD;
}

enum tx_verdict check_tx(struct check *c, struct tx *t) {
    const struct cell_params *p = executor_params(c->ex);
    if (t->octets.n > p->tx_octets_max)
        return TX_OVERSIZE;
    if (c->octets + t->octets.n > p->block_octets_max || c->txs >= p->block_txs_max)
        return TX_TOO_LARGE;
    enum tx_verdict v = t->kind == TX_MESSAGE       ? check_message(c, t)
                        : t->kind == TX_CERTIFICATE ? check_certificate(c, t)
                        : t->kind == TX_RECORD      ? check_record(c, t)
                        : t->kind == TX_EVIDENCE    ? check_evidence(c, t)
                                                    : check_order(c, t);
    if (v == TX_GOOD) {
        c->octets += t->octets.n;
        c->txs++;
    }
    return v;
}

void check_hint(const struct executor *ex, const struct tx *t) {
    identity_hint(ex->contract[EXECUTOR_IDENTITY].self, t->id);
}

enum tx_verdict check_tx_alone(struct executor *ex, uint64_t block_time, struct tx *t) {
    struct check c = {.ex = ex, .block_time = block_time, .alone = true};
    enum tx_verdict v = check_tx(&c, t);
    clear(&c);
    return v;
}

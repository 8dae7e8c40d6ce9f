/* The octets of evidence. */
#include "ledger/light/evidence.h"

const char *evidence_kind_text(enum evidence_kind k) {
    switch (k) {
#define X(id, number, text)                                                                        \
    case id:                                                                                       \
        return text;
        EVIDENCE_KINDS(X)
#undef X
    case EVIDENCE_KIND_END:
        break;
    }
    return "unknown";
}

const char *evidence_verdict_text(enum evidence_verdict v) {
    switch (v) {
#define X(id, text)                                                                                \
    case id:                                                                                       \
        return text;
        EVIDENCE_VERDICTS(X)
#undef X
    }
    return "unknown";
}

uint64_t evidence_height(const struct evidence *e) {
    switch (e->kind) {
    case EVIDENCE_DOUBLE_VOTE:
    case EVIDENCE_PHANTOM_VOTE:
    case EVIDENCE_LOCK:
        return e->vote[0].height;
    case EVIDENCE_DOUBLE_PROPOSAL:
    case EVIDENCE_BAD_PROPOSAL:
        return e->proposal[0].height;
    case EVIDENCE_ATTACK:
        return e->header.height;
    case EVIDENCE_KIND_END:
        break;
    }
    return 0;
}

/* ---- halves ---- */

static void put_proposal(const struct signed_proposal *p, bool with_sig, struct buf *b) {
    buf_u64(b, p->height);
    buf_i32(b, p->round);
    buf_put(b, p->id, 32);
    buf_i32(b, p->valid_round);
    if (with_sig)
        buf_put(b, p->sig, SIG_OCTETS);
}

static void read_proposal(struct rd *r, struct signed_proposal *p) {
    p->height = rd_u64(r);
    p->round = rd_i32(r);
    rd_copy(r, p->id, 32);
    p->valid_round = rd_i32(r);
    rd_copy(r, p->sig, SIG_OCTETS);
    if (p->height == 0 || p->round < 0)
        r->bad = true;
}

static void put_vote(const struct vote *v, bool with_sig, struct buf *b) {
    struct vote plain = *v;
    plain.validator = 0; /* nobody signed it */
    if (!with_sig)
        memset(plain.sig, 0, SIG_OCTETS);
    vote_encode(&plain, b);
}

static void read_vote(struct rd *r, struct vote *v) {
    if (vote_read(r, v) && v->validator != 0)
        r->bad = true;
}

static int compare_votes(const struct vote *a, const struct vote *b) {
    struct buf x = {0};
    struct buf y = {0};
    put_vote(a, false, &x);
    put_vote(b, false, &y);
    int order = span_compare(buf_span(&x), buf_span(&y));
    buf_free(&x);
    buf_free(&y);
    return order;
}

static int compare_proposals(const struct signed_proposal *a, const struct signed_proposal *b) {
    struct buf x = {0};
    struct buf y = {0};
    put_proposal(a, false, &x);
    put_proposal(b, false, &y);
    int order = span_compare(buf_span(&x), buf_span(&y));
    buf_free(&x);
    buf_free(&y);
    return order;
}

/* ---- whole ---- */

static void put_votes(const struct evidence *e, bool with_sig, struct buf *b) {
    bool swap = e->kind == EVIDENCE_DOUBLE_VOTE && compare_votes(&e->vote[0], &e->vote[1]) > 0;
    put_vote(&e->vote[swap ? 1 : 0], with_sig, b);
    if (e->kind != EVIDENCE_PHANTOM_VOTE)
        put_vote(&e->vote[swap ? 0 : 1], with_sig, b);
}

static void put_proposals(const struct evidence *e, bool with_sig, struct buf *b) {
    bool two = e->kind == EVIDENCE_DOUBLE_PROPOSAL;
    bool swap = two && compare_proposals(&e->proposal[0], &e->proposal[1]) > 0;
    put_proposal(&e->proposal[swap ? 1 : 0], with_sig, b);
    if (two)
        put_proposal(&e->proposal[swap ? 0 : 1], with_sig, b);
}

static void put_signer(const struct evidence *e, struct buf *b) {
    buf_u8(b, (uint8_t)e->alg);
    buf_put(b, e->key, KEY_OCTETS);
}

static void put_attack(const struct evidence *e, bool with_sig, struct buf *b) {
    buf_u64(b, e->common);
    header_encode(&e->header, b);
    struct commit c = e->commit;
    if (!with_sig)
        memset(c.sig, 0, sizeof(c.sig));
    commit_encode(&c, b);
    buf_u8(b, e->has_set ? 1 : 0);
    if (e->has_set)
        valset_light_put(&e->set, e->seats, b);
}

static void put(const struct evidence *e, bool with_sig, struct buf *b) {
    buf_u8(b, LEDGER_VERSION);
    buf_u8(b, (uint8_t)e->kind);
    switch (e->kind) {
    case EVIDENCE_DOUBLE_VOTE:
    case EVIDENCE_PHANTOM_VOTE:
    case EVIDENCE_LOCK:
        put_signer(e, b);
        put_votes(e, with_sig, b);
        break;
    case EVIDENCE_DOUBLE_PROPOSAL:
    case EVIDENCE_BAD_PROPOSAL:
        put_signer(e, b);
        put_proposals(e, with_sig, b);
        break;
    case EVIDENCE_ATTACK:
        put_attack(e, with_sig, b);
        break;
    case EVIDENCE_KIND_END:
        break;
    }
}

void evidence_encode(const struct evidence *e, struct buf *b) {
    put(e, true, b);
}

void evidence_id(light_hash_fn h, const struct evidence *e, hash32 ret_id) {
    struct buf b = {0};
    put(e, false, &b);
    struct span parts[] = {{TAG_EVIDENCE, TAG_OCTETS}, buf_span(&b)};
    h(parts, 2, ret_id);
    buf_free(&b);
}

static void read_signer(struct rd *r, struct evidence *e) {
    if (rd_u8(r) != KEY_ED25519)
        r->bad = true;
    e->alg = KEY_ED25519;
    rd_copy(r, e->key, KEY_OCTETS);
}

static void read_votes(struct rd *r, struct evidence *e) {
    const struct vote *a = &e->vote[0];
    const struct vote *b = &e->vote[1];
    read_signer(r, e);
    read_vote(r, &e->vote[0]);
    if (e->kind == EVIDENCE_PHANTOM_VOTE)
        return;
    read_vote(r, &e->vote[1]);
    if (r->bad || a->height != b->height)
        r->bad = true;
    else if (e->kind == EVIDENCE_DOUBLE_VOTE)
        r->bad = a->round != b->round || a->type != b->type || compare_votes(a, b) >= 0;
    else
        r->bad = a->type != VOTE_PRECOMMIT || b->type != VOTE_PREVOTE;
}

static void read_proposals(struct rd *r, struct evidence *e) {
    const struct signed_proposal *a = &e->proposal[0];
    const struct signed_proposal *b = &e->proposal[1];
    read_signer(r, e);
    read_proposal(r, &e->proposal[0]);
    if (e->kind == EVIDENCE_BAD_PROPOSAL)
        return;
    read_proposal(r, &e->proposal[1]);
    if (r->bad || a->height != b->height || a->round != b->round || compare_proposals(a, b) >= 0)
        r->bad = true;
}

static int read_attack(light_hash_fn h, struct rd *r, struct evidence *e, struct ws_err *err) {
    e->common = rd_u64(r);
    if (!header_read(r, &e->header) || !commit_read(r, &e->commit) || e->common >= e->header.height)
        r->bad = true;
    uint8_t has = rd_u8(r);
    e->has_set = has == 1;
    if (has > 1)
        r->bad = true;
    if (!r->bad && e->has_set)
        return valset_light_read(h, r, &e->set, e->seats, err);
    return WS_OK;
}

int evidence_decode(
    light_hash_fn h, struct span s, struct evidence *ret_evidence, struct ws_err *err) {
    struct evidence *e = ret_evidence;
    struct rd r = rd_of(s);
    memset(e, 0, sizeof(*e));
    if (s.n > EVIDENCE_OCTETS_MAX)
        return ws_fail(err, WS_ELIMIT, "evidence: %zu octets", s.n);
    if (rd_u8(&r) != LEDGER_VERSION)
        return ws_fail(err, WS_EINPUT, "evidence: version octet is not %d", LEDGER_VERSION);
    uint8_t kind = rd_u8(&r);
    if (kind < EVIDENCE_DOUBLE_VOTE || kind >= EVIDENCE_KIND_END)
        return ws_fail(err, WS_EINPUT, "evidence: no such kind: %u", (unsigned)kind);
    e->kind = (enum evidence_kind)kind;
    int rc = WS_OK;
    switch (e->kind) {
    case EVIDENCE_DOUBLE_VOTE:
    case EVIDENCE_PHANTOM_VOTE:
    case EVIDENCE_LOCK:
        read_votes(&r, e);
        break;
    case EVIDENCE_DOUBLE_PROPOSAL:
    case EVIDENCE_BAD_PROPOSAL:
        read_proposals(&r, e);
        break;
    case EVIDENCE_ATTACK:
        rc = read_attack(h, &r, e, err);
        break;
    case EVIDENCE_KIND_END:
        break;
    }
    if (rc != WS_OK) {
        (void)ws_fail_in(err, "evidence");
        return rc;
    }
    if (!rd_done(&r))
        return ws_fail(err, WS_EINPUT, "evidence: malformed near octet %zu of %zu", r.at, r.n);
    return WS_OK;
}

/* ---- facts that the chain keeps ---- */

void header_derived(light_hash_fn h, const struct header *hd, hash32 ret_hash) {
    struct span parts[] = {{hd->previous, 32}, {hd->state_root, 32}, {hd->result_root, 32},
        {hd->event_root, 32}, {hd->validators, 32}, {hd->next_validators, 32}, {hd->params, 32},
        {hd->extension, 32}};
    h(parts, ARRAY_LEN(parts), ret_hash);
}

void block_facts_of(light_hash_fn h, const struct header *hd, struct block_facts *ret_facts) {
    *ret_facts = (struct block_facts){.time = hd->time};
    header_id(h, hd, ret_facts->id);
    header_derived(h, hd, ret_facts->derived);
}

void block_facts_encode(const struct block_facts *f, struct buf *b) {
    buf_u8(b, LEDGER_VERSION);
    buf_put(b, f->id, 32);
    buf_u64(b, f->time);
    buf_put(b, f->derived, 32);
    buf_u8(b, f->has_commit ? 1 : 0);
    buf_i32(b, f->round);
    buf_u64(b, f->signers);
}

bool block_facts_read(struct rd *r, struct block_facts *ret_facts) {
    struct block_facts *f = ret_facts;
    memset(f, 0, sizeof(*f));
    if (rd_u8(r) != LEDGER_VERSION)
        r->bad = true;
    rd_copy(r, f->id, 32);
    f->time = rd_u64(r);
    rd_copy(r, f->derived, 32);
    f->has_commit = rd_u8(r) == 1;
    f->round = rd_i32(r);
    f->signers = rd_u64(r);
    return !r->bad;
}

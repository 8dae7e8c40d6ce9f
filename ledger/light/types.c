#include "ledger/light/types.h"

#include <stdlib.h>

/* Sixteen octets, zero padded; longer names would not compile. */
#define TAG(name, text)                                                                            \
    const uint8_t name[TAG_OCTETS] = text;                                                         \
    _Static_assert(sizeof(text) - 1 <= TAG_OCTETS, "tag too long")
TAG(TAG_HEADER, "WAYSIDE-HEADER");
TAG(TAG_VOTE, "WAYSIDE-VOTE");
TAG(TAG_PROPOSAL, "WAYSIDE-PROPOSAL");
TAG(TAG_ORDER, "WAYSIDE-ORDER");
TAG(TAG_VALSET, "WAYSIDE-VALSET");
TAG(TAG_ADDRESS, "WAYSIDE-ADDRESS");
TAG(TAG_COMMIT, "WAYSIDE-COMMIT");
TAG(TAG_PARAMS, "WAYSIDE-PARAMS");
TAG(TAG_GENESIS, "WAYSIDE-GENESIS");
TAG(TAG_RECORD, "WAYSIDE-RECORD");
TAG(TAG_BODY, "WAYSIDE-BODY");
TAG(TAG_SEATS, "WAYSIDE-SEATS");
TAG(TAG_HANDOVER, "WAYSIDE-HANDOVER");
TAG(TAG_EVIDENCE, "WAYSIDE-EVIDENCE");

static void hash_tagged(light_hash_fn h, const uint8_t *tag, struct span s, uint8_t *ret) {
    struct span parts[] = {{tag, TAG_OCTETS}, s};
    h(parts, 2, ret);
}

static bool read_version(struct rd *r) {
    if (rd_u8(r) != LEDGER_VERSION)
        r->bad = true;
    return !r->bad;
}

/* A boolean is 0 or 1: one form for each statement. */
static bool read_bool(struct rd *r) {
    uint8_t v = rd_u8(r);
    if (v > 1)
        r->bad = true;
    return v == 1;
}

/* ---- validators ---- */

void validator_address(light_hash_fn h, struct validator *v) {
    uint8_t alg = (uint8_t)v->alg;
    struct span parts[] = {{TAG_ADDRESS, TAG_OCTETS}, {&alg, 1}, {v->key, KEY_OCTETS}};
    h(parts, 3, v->address);
}

static int by_power_then_address(const void *a, const void *b) {
    const struct validator *x = a;
    const struct validator *y = b;
    if (x->power != y->power)
        return x->power > y->power ? -1 : 1;
    return memcmp(x->address, y->address, sizeof(hash32));
}

int validator_set_prepare_keys(light_hash_fn h, struct validator_set *s, struct ws_err *err) {
    if (s->n == 0 || s->n > VALIDATORS_MAX)
        return ws_fail(err, WS_EINPUT, "validators: %zu, must be 1..%d", s->n, VALIDATORS_MAX);
    s->total = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct validator *v = &s->v[i];
        if (v->alg != KEY_ED25519)
            return ws_fail(err, WS_ENOTSUP, "validator %zu: key algorithm %d", i, (int)v->alg);
        if (v->power == 0 || v->power > POWER_MAX - s->total)
            return ws_fail(err, WS_EINPUT, "validator %zu: power 0 or total above 2^60", i);
        s->total += v->power;
        validator_address(h, v);
    }
    qsort(s->v, s->n, sizeof(s->v[0]), by_power_then_address);
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = i + 1; k < s->n; k++) {
            if (memcmp(s->v[i].address, s->v[k].address, sizeof(hash32)) == 0)
                return ws_fail(err, WS_EINPUT, "validators %zu and %zu have the same key", i, k);
        }
    }
    return WS_OK;
}

int validator_set_prepare(light_hash_fn h, struct validator_set *s, struct ws_err *err) {
    int rc = validator_set_prepare_keys(h, s, err);
    for (size_t i = 0; rc == WS_OK && i < s->n; i++) {
        for (size_t k = i + 1; rc == WS_OK && k < s->n; k++) {
            if (memcmp(s->v[i].curve_key, s->v[k].curve_key, KEY_OCTETS) == 0)
                rc =
                    ws_fail(err, WS_EINPUT, "validators %zu and %zu have the same CURVE key", i, k);
        }
    }
    return rc;
}

void validator_set_seats(light_hash_fn h, const struct validator_set *s, hash32 ret_seats) {
    struct buf b = {0};
    buf_u8(&b, LEDGER_VERSION);
    buf_u16(&b, (uint16_t)s->n);
    for (size_t i = 0; i < s->n; i++) {
        const struct validator *v = &s->v[i];
        buf_put(&b, v->curve_key, KEY_OCTETS);
        buf_u8(&b, (uint8_t)strlen(v->owner));
        buf_put(&b, v->owner, strlen(v->owner));
        buf_u8(&b, (uint8_t)strlen(v->mast));
        buf_put(&b, v->mast, strlen(v->mast));
    }
    hash_tagged(h, TAG_SEATS, buf_span(&b), ret_seats);
    buf_free(&b);
}

void validator_set_hash_with(
    light_hash_fn h, const struct validator_set *s, const hash32 seats, hash32 ret_hash) {
    uint8_t octets[1 + 2 + VALIDATORS_MAX * (1 + KEY_OCTETS + 8) + 32];
    octets[0] = LEDGER_VERSION;
    put_be16(octets + 1, (uint16_t)s->n);
    uint8_t *p = octets + 3;
    for (size_t i = 0; i < s->n; i++) {
        *p++ = (uint8_t)s->v[i].alg;
        memcpy(p, s->v[i].key, KEY_OCTETS);
        p += KEY_OCTETS;
        put_be64(p, s->v[i].power);
        p += 8;
    }
    memcpy(p, seats, 32);
    p += 32;
    hash_tagged(h, TAG_VALSET, span_of(octets, (size_t)(p - octets)), ret_hash);
}

void validator_set_hash(light_hash_fn h, const struct validator_set *s, hash32 ret_hash) {
    hash32 seats;
    validator_set_seats(h, s, seats);
    validator_set_hash_with(h, s, seats, ret_hash);
}

int validator_set_find(const struct validator_set *s, const hash32 address) {
    for (size_t i = 0; i < s->n; i++) {
        if (memcmp(s->v[i].address, address, sizeof(hash32)) == 0)
            return (int)i;
    }
    return -1;
}

/* ---- header ---- */

void header_encode(const struct header *hd, struct buf *b) {
    buf_u8(b, LEDGER_VERSION);
    buf_put(b, hd->cell_id, 32);
    buf_u64(b, hd->height);
    buf_u64(b, hd->time);
    buf_put(b, hd->previous, 32);
    buf_put(b, hd->last_commit, 32);
    buf_put(b, hd->tx_root, 32);
    buf_u32(b, hd->tx_count);
    buf_put(b, hd->state_root, 32);
    buf_put(b, hd->result_root, 32);
    buf_put(b, hd->event_root, 32);
    buf_put(b, hd->validators, 32);
    buf_put(b, hd->next_validators, 32);
    buf_put(b, hd->params, 32);
    buf_put(b, hd->proposer, 32);
    buf_put(b, hd->extension, 32);
}

bool header_read(struct rd *r, struct header *ret_header) {
    struct header *hd = ret_header;
    (void)read_version(r);
    rd_copy(r, hd->cell_id, 32);
    hd->height = rd_u64(r);
    hd->time = rd_u64(r);
    rd_copy(r, hd->previous, 32);
    rd_copy(r, hd->last_commit, 32);
    rd_copy(r, hd->tx_root, 32);
    hd->tx_count = rd_u32(r);
    rd_copy(r, hd->state_root, 32);
    rd_copy(r, hd->result_root, 32);
    rd_copy(r, hd->event_root, 32);
    rd_copy(r, hd->validators, 32);
    rd_copy(r, hd->next_validators, 32);
    rd_copy(r, hd->params, 32);
    rd_copy(r, hd->proposer, 32);
    rd_copy(r, hd->extension, 32);
    if (hd->height == 0)
        r->bad = true;
    return !r->bad;
}

struct header_front header_front_of(light_hash_fn h, const struct header *hd) {
    struct header_front f = {.height = hd->height, .time = hd->time};
    memcpy(f.cell_id, hd->cell_id, 32);
    memcpy(f.validators, hd->validators, 32);
    memcpy(f.next_validators, hd->next_validators, 32);
    static const uint8_t version = LEDGER_VERSION;
    uint8_t count[4];
    put_be32(count, hd->tx_count);
    struct span parts[] = {{TAG_BODY, TAG_OCTETS}, {&version, 1}, {hd->previous, 32},
        {hd->last_commit, 32}, {hd->tx_root, 32}, {count, 4}, {hd->state_root, 32},
        {hd->result_root, 32}, {hd->event_root, 32}, {hd->params, 32}, {hd->proposer, 32},
        {hd->extension, 32}};
    h(parts, ARRAY_LEN(parts), f.body);
    return f;
}

void header_front_id(light_hash_fn h, const struct header_front *f, hash32 ret_id) {
    static const uint8_t version = LEDGER_VERSION;
    uint8_t place[16];
    put_be64(place, f->height);
    put_be64(place + 8, f->time);
    struct span parts[] = {{TAG_HEADER, TAG_OCTETS}, {&version, 1}, {f->cell_id, 32}, {place, 16},
        {f->validators, 32}, {f->next_validators, 32}, {f->body, 32}};
    h(parts, ARRAY_LEN(parts), ret_id);
}

void header_id(light_hash_fn h, const struct header *hd, hash32 ret_id) {
    const struct header_front f = header_front_of(h, hd);
    header_front_id(h, &f, ret_id);
}

/* ---- votes and proposals ---- */

static void put_signed_prefix(struct buf *b, const uint8_t *tag, const hash32 cell_id) {
    buf_put(b, tag, TAG_OCTETS);
    buf_u8(b, LEDGER_VERSION);
    buf_put(b, cell_id, 32);
}

static void put_vote_statement(const struct vote *v, struct buf *b) {
    buf_u8(b, (uint8_t)v->type);
    buf_u64(b, v->height);
    buf_i32(b, v->round);
    buf_u8(b, v->nil ? 1 : 0);
    buf_put(b, v->id, 32);
    buf_i32(b, v->locked_round);
    buf_i32(b, v->valid_round);
}

void vote_sign_bytes(const hash32 cell_id, const struct vote *v, struct buf *b) {
    put_signed_prefix(b, TAG_VOTE, cell_id);
    put_vote_statement(v, b);
}

void vote_encode(const struct vote *v, struct buf *b) {
    buf_u8(b, LEDGER_VERSION);
    put_vote_statement(v, b);
    buf_u16(b, v->validator);
    buf_put(b, v->sig, SIG_OCTETS);
}

bool vote_read(struct rd *r, struct vote *ret_vote) {
    struct vote *v = ret_vote;
    static const hash32 zero = {0};
    (void)read_version(r);
    uint8_t type = rd_u8(r);
    v->type = type == VOTE_PRECOMMIT ? VOTE_PRECOMMIT : VOTE_PREVOTE;
    if (type != VOTE_PREVOTE && type != VOTE_PRECOMMIT)
        r->bad = true;
    v->height = rd_u64(r);
    v->round = rd_i32(r);
    v->nil = read_bool(r);
    rd_copy(r, v->id, 32);
    v->locked_round = rd_i32(r);
    v->valid_round = rd_i32(r);
    v->validator = rd_u16(r);
    rd_copy(r, v->sig, SIG_OCTETS);
    if (v->height == 0 || v->round < 0 || v->locked_round < -1 || v->valid_round < -1)
        r->bad = true;
    if (v->nil && memcmp(v->id, zero, 32) != 0)
        r->bad = true;
    if (v->type == VOTE_PRECOMMIT && (v->locked_round != -1 || v->valid_round != -1))
        r->bad = true;
    return !r->bad;
}

void proposal_sign_bytes(const hash32 cell_id, uint64_t height, int32_t round, const hash32 id,
    int32_t valid_round, struct buf *b) {
    put_signed_prefix(b, TAG_PROPOSAL, cell_id);
    buf_u64(b, height);
    buf_i32(b, round);
    buf_put(b, id, 32);
    buf_i32(b, valid_round);
}

/* ---- commits ---- */

void commit_put_signers(const struct commit *c, struct buf *b) {
    buf_u16(b, (uint16_t)c->n);
    for (size_t i = 0; i < c->n; i += 8) {
        uint8_t bits = 0;
        for (size_t k = i; k < c->n && k < i + 8; k++)
            bits = (uint8_t)(bits | (c->present[k] ? 0x80U >> (k - i) : 0));
        buf_u8(b, bits);
    }
    for (size_t i = 0; i < c->n; i++) {
        if (c->present[i])
            buf_put(b, c->sig[i], SIG_OCTETS);
    }
}

void commit_read_signers(struct rd *r, struct commit *c) {
    c->n = rd_u16(r);
    if (c->n > VALIDATORS_MAX) {
        c->n = 0;
        r->bad = true;
    }
    for (size_t i = 0; i < c->n; i += 8) {
        uint8_t bits = rd_u8(r);
        for (size_t k = i; k < i + 8; k++) {
            bool set = (bits & 0x80U >> (k - i)) != 0;
            if (k < c->n)
                c->present[k] = set;
            else if (set)
                r->bad = true;
        }
    }
    for (size_t i = 0; i < c->n; i++) {
        if (c->present[i])
            rd_copy(r, c->sig[i], SIG_OCTETS);
    }
}

void commit_encode(const struct commit *c, struct buf *b) {
    buf_u8(b, LEDGER_VERSION);
    buf_u64(b, c->height);
    buf_i32(b, c->round);
    buf_put(b, c->id, 32);
    commit_put_signers(c, b);
}

bool commit_read(struct rd *r, struct commit *ret_commit) {
    struct commit *c = ret_commit;
    memset(c, 0, sizeof(*c));
    (void)read_version(r);
    c->height = rd_u64(r);
    c->round = rd_i32(r);
    rd_copy(r, c->id, 32);
    if (c->round < 0)
        r->bad = true;
    commit_read_signers(r, c);
    return !r->bad;
}

void commit_hash(light_hash_fn h, const struct commit *c, hash32 ret_hash) {
    struct buf b = {0};
    commit_encode(c, &b);
    hash_tagged(h, TAG_COMMIT, buf_span(&b), ret_hash);
    buf_free(&b);
}

int commit_check(light_verify_fn verify, const hash32 cell_id, const struct validator_set *set,
    const struct commit *c, struct ws_err *err) {
    if (c->n != set->n)
        return ws_fail(err, WS_EINPUT,
            "commit of height %llu is over %zu validators, the set has %zu",
            (unsigned long long)c->height, c->n, set->n);
    struct vote v = {.type = VOTE_PRECOMMIT,
        .height = c->height,
        .round = c->round,
        .locked_round = -1,
        .valid_round = -1};
    memcpy(v.id, c->id, sizeof(hash32));
    struct buf b = {0};
    vote_sign_bytes(cell_id, &v, &b); /* the same octets for every signer: votes carry no time */
    uint64_t power = 0;
    int rc = WS_OK;
    for (size_t i = 0; i < c->n && rc == WS_OK; i++) {
        if (!c->present[i])
            continue;
        if (!verify(set->v[i].alg, set->v[i].key, buf_span(&b), c->sig[i]))
            rc = ws_fail(err, WS_EINPUT, "commit of height %llu: signature of validator %zu is bad",
                (unsigned long long)c->height, i);
        power += set->v[i].power;
    }
    buf_free(&b);
    if (rc == WS_OK && !power_is_quorum(power, set->total))
        rc = ws_fail(err, WS_EINPUT, "commit of height %llu: power %llu of %llu is no quorum",
            (unsigned long long)c->height, (unsigned long long)power,
            (unsigned long long)set->total);
    return rc;
}

/* ---- events ---- */

void event_encode(const struct event *e, struct buf *b) {
    buf_u8(b, LEDGER_VERSION);
    buf_u8(b, e->contract);
    buf_u16(b, e->type);
    buf_u64(b, e->height);
    buf_u32(b, e->sequence);
    buf_var(b, e->body);
}

bool event_read(struct rd *r, struct event *ret_event) {
    (void)read_version(r);
    ret_event->contract = rd_u8(r);
    ret_event->type = rd_u16(r);
    ret_event->height = rd_u64(r);
    ret_event->sequence = rd_u32(r);
    ret_event->body = rd_var(r, UINT32_MAX);
    return !r->bad;
}

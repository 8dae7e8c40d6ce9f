#include "ledger/identity/identity.h"

#include "base/mem.h"
#include "base/table.h"

#include <stdlib.h>

/* State keys: 'c' hash -> certificate; 'f' forget time, hash -> empty; 'm' latest generation time, height, part -> identities
 * of the messages of that block, in order; 's' role -> last sequence. An entry for each message would cost the tree, the store
 * and its log a hundred times as much as the 32 octets it is about. */
struct identity {
    struct cell_params params; /* of the next block */
    /* The genesis' message_age_us, which no order can raise: what was forgotten must never be fresh again. */
    uint64_t remember_us;
    const struct trust_store *trust;
    struct table certs; /* hash -> struct identity_cert */
    struct table seen; /* identity of a message in state -> not NULL */
    struct buf added; /* identities of the block being executed */
    uint64_t added_time; /* latest generation time among them */
};

enum { IDS_EACH_ENTRY = 16384 }; /* half of EXEC_VALUE_MAX */

struct key {
    uint8_t octets[41];
    size_t n;
};

static struct key key_hash(char kind, const uint8_t *hash) {
    struct key k = {.n = 33};
    k.octets[0] = (uint8_t)kind;
    memcpy(k.octets + 1, hash, 32);
    return k;
}

static struct key key_time_hash(char kind, uint64_t time, const uint8_t *hash) {
    struct key k = {.n = 41};
    k.octets[0] = (uint8_t)kind;
    put_be64(k.octets + 1, time);
    memcpy(k.octets + 9, hash, 32);
    return k;
}

static struct span span_key(const struct key *k) {
    return span_of(k->octets, k->n);
}

void identity_cert_free(struct identity_cert *c) {
    if (c == NULL || --c->refs > 0)
        return;
    verify_key_unref(c->key);
    buf_free(&c->octets);
    free(c);
}

struct identity_cert *identity_check_cert(
    const void *self, struct span cert, uint64_t its_us, enum trust_verdict *ret_verdict) {
    const struct identity *d = self;
    struct identity_cert *c = ws_alloc(sizeof(*c));
    c->refs = 1;
    buf_put(&c->octets, cert.p, cert.n);
    size_t at = 0;
    if (cert_parse(buf_span(&c->octets), &c->cert, &at) != COER_OK) {
        *ret_verdict = TRUST_MALFORMED;
        identity_cert_free(c);
        return NULL;
    }
    struct trust_result r = trust_check(d->trust, &c->cert, (uint32_t)(its_us / 1000000));
    *ret_verdict = r.verdict;
    if (r.verdict != TRUST_OK) {
        identity_cert_free(c);
        return NULL;
    }
    memcpy(c->hash, r.hash, 32);
    memcpy(c->issuer, r.issuer_hash, 32);
    c->key = r.key;
    return c;
}

void identity_set_params(void *self, const struct cell_params *params) {
    struct identity *d = self;
    d->params = *params;
}

const struct identity_cert *identity_find(const void *self, const hash32 cert_hash) {
    const struct identity *d = self;
    return table_get(&d->certs, cert_hash);
}

uint64_t identity_message_count(const void *self) {
    const struct identity *d = self;
    return d->seen.n;
}

void identity_hint(const void *self, const hash32 message_id) {
    const struct identity *d = self;
    table_hint(&d->seen, message_id);
}

size_t identity_cert_count(const void *self) {
    const struct identity *d = self;
    return d->certs.n;
}

bool identity_seen(const void *self, const hash32 message_id) {
    const struct identity *d = self;
    return table_get(&d->seen, message_id) != NULL;
}

/* Whether it holds now: its chain was checked, and what else a chain's verdict depends on is the time. */
static bool holds_at(const struct identity_cert *c, uint64_t its_us) {
    uint64_t now_s = its_us / 1000000;
    return now_s >= c->cert.valid_from_s && now_s < c->cert.valid_until_s;
}

exec_code identity_add_cert(
    void *self, struct exec_host *h, struct span cert, struct identity_cert *checked) {
    struct identity *d = self;
    uint64_t now = exec_block_time(h);
    if (d->certs.n >= d->params.certs_max)
        return IDENTITY_FULL;
    enum trust_verdict why;
    struct identity_cert *c = NULL;
    if (checked == NULL || checked->forget_at != 0) {
        c = identity_check_cert(d, cert, now, &why);
    } else if (holds_at(checked, now)) {
        c = checked;
        c->refs++;
    }
    if (c == NULL)
        return IDENTITY_UNTRUSTED;
    uint64_t horizon = now + d->params.body_horizon_us;
    uint64_t end = c->cert.valid_until_s * 1000000;
    c->forget_at = end < horizon ? end : horizon;
    struct buf v = {0};
    buf_u8(&v, LEDGER_VERSION);
    buf_u64(&v, c->forget_at);
    buf_put(&v, c->issuer, 32);
    buf_put(&v, cert.p, cert.n);
    struct key k = key_hash('c', c->hash);
    exec_put(h, span_key(&k), buf_span(&v));
    buf_free(&v);
    k = key_time_hash('f', c->forget_at, c->hash);
    exec_put(h, span_key(&k), span_of("", 0));
    identity_cert_free(table_put(&d->certs, c->hash, c));
    return IDENTITY_OK;
}

exec_code identity_add_message(void *self, const hash32 id, uint64_t generation_time) {
    struct identity *d = self;
    if (d->seen.n >= d->params.messages_max)
        return IDENTITY_FULL;
    if (table_put(&d->seen, id, d) != NULL)
        return IDENTITY_OK; /* the check lets no message in twice */
    buf_put(&d->added, id, 32);
    if (generation_time > d->added_time)
        d->added_time = generation_time;
    return IDENTITY_OK;
}

uint64_t identity_last_sequence(struct exec_host *h, enum exec_role role) {
    uint8_t k[2] = {'s', (uint8_t)role};
    struct span v;
    return exec_get(h, span_of(k, 2), &v) && v.n == 8 ? be64(v.p) : 0;
}

void identity_set_sequence(struct exec_host *h, enum exec_role role, uint64_t sequence) {
    uint8_t k[2] = {'s', (uint8_t)role};
    uint8_t v[8];
    put_be64(v, sequence);
    exec_put(h, span_of(k, 2), span_of(v, 8));
}

/* ---- contract face ---- */

static void forget_certs(struct identity *d, struct exec_host *h) {
    uint8_t prefix = 'f';
    struct span k;
    struct span v;
    while (exec_next(h, span_of(&prefix, 1), span_of("", 0), &k, &v) && k.n == 41 &&
           be64(k.p + 1) < exec_block_time(h)) {
        struct key by_time = {.n = 41};
        memcpy(by_time.octets, k.p, 41);
        struct key by_hash = key_hash('c', by_time.octets + 9);
        exec_del(h, span_key(&by_time));
        exec_del(h, span_key(&by_hash));
        identity_cert_free(table_take(&d->certs, by_time.octets + 9));
    }
}

/* An entry goes when the last of its messages is stale. */
static void forget_messages(struct identity *d, struct exec_host *h) {
    uint8_t prefix = 'm';
    struct span k;
    struct span v;
    while (exec_next(h, span_of(&prefix, 1), span_of("", 0), &k, &v) && k.n == 19 &&
           be64(k.p + 1) + d->remember_us < exec_block_time(h)) {
        for (size_t at = 0; at + 32 <= v.n; at += 32)
            (void)table_take(&d->seen, v.p + at);
        exec_del(h, k);
    }
}

static void begin_block(void *self, struct exec_host *h) {
    forget_certs(self, h);
    forget_messages(self, h);
}

static void end_block(void *self, struct exec_host *h) {
    struct identity *d = self;
    struct span left = buf_span(&d->added);
    struct key k = {.octets = {'m'}, .n = 19};
    put_be64(k.octets + 1, d->added_time);
    put_be64(k.octets + 9, exec_height(h));
    for (uint16_t part = 0; left.n > 0; part++) {
        size_t n = left.n < IDS_EACH_ENTRY * 32 ? left.n : IDS_EACH_ENTRY * 32;
        put_be16(k.octets + 17, part);
        exec_put(h, span_key(&k), span_of(left.p, n));
        left = span_of(left.p + n, left.n - n);
    }
    buf_clear(&d->added);
    d->added_time = 0;
}

static int genesis(void *self, struct exec_host *h, struct span section, struct ws_err *err) {
    (void)self;
    (void)section;
    (void)err;
    uint8_t k = 'v';
    uint8_t v =
        LEDGER_VERSION; /* layout of this contract's state; also keeps its root from being empty */
    exec_put(h, span_of(&k, 1), span_of(&v, 1));
    return WS_OK;
}

static int load_messages(struct identity *d, struct exec_host *h, struct ws_err *err) {
    uint8_t prefix = 'm';
    struct key at = {.n = 0};
    struct span k;
    struct span v;
    while (exec_next(h, span_of(&prefix, 1), span_key(&at), &k, &v)) {
        if (k.n != 19 || v.n % 32 != 0)
            return ws_fail(err, WS_EIO, "state of identity: damaged entry of message identities");
        memcpy(at.octets, k.p, k.n);
        at.n = k.n;
        for (size_t i = 0; i < v.n; i += 32)
            (void)table_put(&d->seen, v.p + i, d);
    }
    return WS_OK;
}

static int load(void *self, struct exec_host *h, struct ws_err *err) {
    struct identity *d = self;
    uint8_t prefix = 'c';
    struct key at = {.n = 0};
    struct span k;
    struct span v;
    while (exec_next(h, span_of(&prefix, 1), span_key(&at), &k, &v)) {
        if (k.n != 33)
            return ws_fail(err, WS_EIO, "state of identity: damaged certificate entry");
        memcpy(at.octets, k.p, k.n);
        at.n = k.n;
        struct rd r = rd_of(v);
        uint8_t version = rd_u8(&r);
        uint64_t forget_at = rd_u64(&r);
        struct span issuer = rd_take(&r, 32);
        struct span octets = rd_take(&r, rd_left(&r));
        struct identity_cert *c = ws_alloc(sizeof(*c));
        c->refs = 1;
        c->refs = 1;
        buf_put(&c->octets, octets.p, octets.n);
        size_t bad_at = 0;
        if (version != LEDGER_VERSION || r.bad ||
            cert_parse(buf_span(&c->octets), &c->cert, &bad_at) != COER_OK ||
            (c->key = verify_key_new(c->cert.key_curve, &c->cert.key)) == NULL) {
            identity_cert_free(c);
            return ws_fail(err, WS_EIO, "state of identity: damaged certificate entry");
        }
        memcpy(c->hash, k.p + 1, 32);
        memcpy(c->issuer, issuer.p, 32);
        c->forget_at = forget_at;
        identity_cert_free(table_put(&d->certs, c->hash, c));
    }
    return load_messages(d, h, err);
}

static const char *code_name(exec_code code) {
    static const char *const names[] = {
#define X(id, text) text,
        IDENTITY_CODES(X)
#undef X
    };
    return code < ARRAY_LEN(names) ? names[code] : "unknown";
}

static void destroy(void *self) {
    struct identity *d = self;
    for (size_t i = 0; i < d->certs.cap; i++) {
        if (d->certs.slot[i].value != NULL)
            identity_cert_free(d->certs.slot[i].value);
    }
    table_free(&d->certs);
    table_free(&d->seen);
    buf_free(&d->added);
    free(d);
}

static const struct contract_ops ops = {
    .name = "identity",
    .genesis = genesis,
    .load = load,
    .begin_block = begin_block,
    .end_block = end_block,
    .code_name = code_name,
    .free = destroy,
};

struct contract identity_contract_new(
    const struct cell_params *params, const struct trust_store *trust) {
    struct identity *d = ws_alloc(sizeof(*d));
    d->params = *params;
    d->remember_us = params->message_age_us;
    d->trust = trust;
    return (struct contract){&ops, d};
}

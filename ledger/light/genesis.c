#include "ledger/light/valset.h"

/* The ranges come from CELL_PARAMS, so that check, codec and documentation cannot drift apart. */
struct param_row {
    const char *name;
    uint64_t lo, hi;
};
static const struct param_row rows[] = {
#define X(name, lo, hi, help) {#name, lo, hi},
    CELL_PARAMS(X)
#undef X
};

void cell_params_encode(const struct cell_params *p, struct buf *b) {
#define X(name, lo, hi, help) buf_u64(b, p->name);
    CELL_PARAMS(X)
#undef X
}

void cell_params_read(struct rd *r, struct cell_params *p) {
#define X(name, lo, hi, help) p->name = rd_u64(r);
    CELL_PARAMS(X)
#undef X
}

struct cell_params cell_params_default(void) {
    return (struct cell_params){
        .block_interval_us = 1000000,
        .block_min_us = 100000,
        .timeout_propose_us = 300000,
        .timeout_prevote_us = 150000,
        .timeout_precommit_us = 150000,
        .timeout_delta_us = 100000,
        .time_precision_us = 100000,
        .time_delay_us = 1000000,
        .block_octets_max = 4194304,
        .block_txs_max = 10000,
        .tx_octets_max = 65536,
        .message_age_us = 600000000,
        .message_future_us = 2000000,
        .body_horizon_us = 86400000000,
        .certs_max = 100000,
        .messages_max = 5000000,
        .evidence_heights = 10000,
        .evidence_us = 86400000000,
    };
}

int cell_params_check(const struct cell_params *p, struct ws_err *err) {
    const uint64_t values[] = {
#define X(name, lo, hi, help) p->name,
        CELL_PARAMS(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (values[i] < rows[i].lo || values[i] > rows[i].hi)
            return ws_fail(err, WS_EINPUT, "params.%s: %llu is outside %llu..%llu", rows[i].name,
                (unsigned long long)values[i], (unsigned long long)rows[i].lo,
                (unsigned long long)rows[i].hi);
    }
    if (p->tx_octets_max > p->block_octets_max)
        return ws_fail(err, WS_EINPUT, "params.tx_octets_max is above params.block_octets_max");
    if (p->block_min_us > p->block_interval_us)
        return ws_fail(err, WS_EINPUT, "params.block_min_us is above params.block_interval_us");
    return WS_OK;
}

void cell_params_hash(light_hash_fn h, const struct cell_params *p, hash32 ret_hash) {
    struct buf b = {0};
    cell_params_encode(p, &b);
    struct span parts[] = {{TAG_PARAMS, TAG_OCTETS}, buf_span(&b)};
    h(parts, 2, ret_hash);
    buf_free(&b);
}

static void put_name(struct buf *b, const char *s) {
    size_t n = strlen(s);
    buf_u8(b, (uint8_t)n);
    buf_put(b, s, n);
}

static void read_name(struct rd *r, char ret[static NAME_MAX_OCTETS + 1]) {
    size_t n = rd_u8(r);
    memset(ret, 0, NAME_MAX_OCTETS + 1);
    if (n > NAME_MAX_OCTETS) {
        r->bad = true;
        return;
    }
    rd_copy(r, ret, n);
    if (memchr(ret, 0, n) != NULL) /* two octet strings must not read as one name */
        r->bad = true;
}

void validator_set_encode(const struct validator_set *s, struct buf *b) {
    buf_u16(b, (uint16_t)s->n);
    for (size_t i = 0; i < s->n; i++) {
        const struct validator *v = &s->v[i];
        buf_u8(b, (uint8_t)v->alg);
        buf_put(b, v->key, KEY_OCTETS);
        buf_put(b, v->curve_key, KEY_OCTETS);
        buf_u64(b, v->power);
        put_name(b, v->owner);
        put_name(b, v->mast);
    }
}

void genesis_encode(const struct genesis *g, struct buf *b) {
    buf_u8(b, LEDGER_VERSION);
    put_name(b, g->name);
    buf_u64(b, g->time);
    validator_set_encode(&g->validators, b);
    buf_u8(b, (uint8_t)g->n_authorities);
    for (size_t i = 0; i < g->n_authorities; i++) {
        buf_put(b, g->authorities[i].key, KEY_OCTETS);
        buf_u8(b, g->authorities[i].roles);
        put_name(b, g->authorities[i].name);
    }
    buf_put(b, g->quorum, sizeof(g->quorum));
    buf_u8(b, (uint8_t)g->n_roots);
    for (size_t i = 0; i < g->n_roots; i++)
        buf_var(b, g->roots[i]);
    cell_params_encode(&g->params, b);
    buf_var(b, g->policy);
    buf_put(b, g->map_digest, 32);
    buf_i32(b, g->frame_lat0);
    buf_i32(b, g->frame_lon0);
    buf_i64(b, g->frame_north);
    buf_i64(b, g->frame_east);
    buf_u8(b, (uint8_t)g->n_region);
    for (size_t i = 0; i < g->n_region; i++) {
        buf_i32(b, g->region[i][0]);
        buf_i32(b, g->region[i][1]);
    }
}

bool validator_set_read(struct rd *r, struct validator_set *s) {
    memset(s, 0, sizeof(*s));
    s->n = rd_u16(r);
    if (s->n > VALIDATORS_MAX) {
        s->n = 0;
        r->bad = true;
    }
    for (size_t i = 0; i < s->n; i++) {
        struct validator *v = &s->v[i];
        if (rd_u8(r) != KEY_ED25519)
            r->bad = true;
        v->alg = KEY_ED25519;
        rd_copy(r, v->key, KEY_OCTETS);
        rd_copy(r, v->curve_key, KEY_OCTETS);
        v->power = rd_u64(r);
        read_name(r, v->owner);
        read_name(r, v->mast);
    }
    return !r->bad;
}

static void read_authorities(struct rd *r, struct genesis *g) {
    g->n_authorities = rd_u8(r);
    if (g->n_authorities > AUTHORITIES_MAX) {
        g->n_authorities = 0;
        r->bad = true;
    }
    for (size_t i = 0; i < g->n_authorities; i++) {
        rd_copy(r, g->authorities[i].key, KEY_OCTETS);
        g->authorities[i].roles = rd_u8(r);
        read_name(r, g->authorities[i].name);
    }
    rd_copy(r, g->quorum, sizeof(g->quorum));
}

/* A quorum that its authorities can never reach would lock the role for ever. */
static int check_quorums(const struct genesis *g, struct ws_err *err) {
    for (unsigned role = 0; role < sizeof(g->quorum); role++) {
        unsigned holders = 0;
        for (size_t i = 0; i < g->n_authorities; i++)
            holders += g->authorities[i].roles >> role & 1U;
        if (g->quorum[role] > holders)
            return ws_fail(err, WS_EINPUT, "genesis: role %u needs %u signatures, only %u hold it",
                role + 1, (unsigned)g->quorum[role], holders);
    }
    return WS_OK;
}

/* Orders count signers by their place in the list. */
static int check_authorities(const struct genesis *g, struct ws_err *err) {
    for (size_t i = 0; i < g->n_authorities; i++) {
        for (size_t k = i + 1; k < g->n_authorities; k++) {
            if (memcmp(g->authorities[i].key, g->authorities[k].key, KEY_OCTETS) == 0)
                return ws_fail(
                    err, WS_EINPUT, "genesis: authorities %zu and %zu have the same key", i, k);
        }
    }
    return WS_OK;
}

int genesis_decode(
    light_hash_fn h, struct span s, struct genesis *ret_genesis, struct ws_err *err) {
    struct genesis *g = ret_genesis;
    memset(g, 0, sizeof(*g));
    struct rd r = rd_of(s);
    if (rd_u8(&r) != LEDGER_VERSION)
        return ws_fail(err, WS_EINPUT, "genesis: version octet is not %d", LEDGER_VERSION);
    read_name(&r, g->name);
    g->time = rd_u64(&r);
    if (!validator_set_read(&r, &g->validators))
        r.bad = true;
    read_authorities(&r, g);
    g->n_roots = rd_u8(&r);
    if (g->n_roots > TRUST_ROOTS_MAX) {
        g->n_roots = 0;
        r.bad = true;
    }
    for (size_t i = 0; i < g->n_roots; i++)
        g->roots[i] = rd_var(&r, 65535);
    cell_params_read(&r, &g->params);
    g->policy = rd_var(&r, 1U << 20);
    rd_copy(&r, g->map_digest, 32);
    g->frame_lat0 = rd_i32(&r);
    g->frame_lon0 = rd_i32(&r);
    g->frame_north = rd_i64(&r);
    g->frame_east = rd_i64(&r);
    g->n_region = rd_u8(&r);
    if (g->n_region > REGION_POINTS_MAX || g->n_region == 1 || g->n_region == 2) {
        g->n_region = 0;
        r.bad = true;
    }
    for (size_t i = 0; i < g->n_region; i++) {
        g->region[i][0] = rd_i32(&r);
        g->region[i][1] = rd_i32(&r);
    }
    if (!rd_done(&r))
        return ws_fail(err, WS_EINPUT, "genesis: malformed near octet %zu of %zu", r.at, r.n);
    int rc = cell_params_check(&g->params, err);
    if (rc == WS_OK)
        rc = check_authorities(g, err);
    if (rc == WS_OK)
        rc = check_quorums(g, err);
    if (rc == WS_OK && valset_in_order(h, &g->validators, err) != WS_OK)
        rc = ws_fail_in(err, "genesis");
    return rc;
}

void genesis_cell_id(light_hash_fn h, struct span octets, hash32 ret_id) {
    struct span parts[] = {{TAG_GENESIS, TAG_OCTETS}, octets};
    h(parts, 2, ret_id);
}

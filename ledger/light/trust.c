#include "ledger/light/light_internal.h"

#include <stdarg.h>
#include <stdio.h>

const char *light_verdict_text(enum light_verdict v) {
    static const char *const names[] = {
#define X(id, text) text,
        LIGHT_VERDICTS(X)
#undef X
    };
    return v < LIGHT_VERDICT_COUNT ? names[v] : "unknown";
}

enum light_verdict light_refuse(enum light_verdict v, struct ws_err *err, const char *fmt, ...) {
    if (err == NULL)
        return v;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    err->code = v == LIGHT_NO_SOURCE ? WS_EIO : WS_EINPUT;
    return v;
}

struct light_params light_params_default(void) {
    return (struct light_params){.trusting_period = LIGHT_PERIOD_DEFAULT,
        .clock_drift = LIGHT_DRIFT_DEFAULT,
        .level_num = 1,
        .level_den = 3};
}

/* ---- where belief begins ---- */

int light_trust_genesis(
    light_hash_fn h, struct span genesis, struct light_trust *ret_trust, struct ws_err *err) {
    struct genesis g;
    int rc = genesis_decode(h, genesis, &g, err);
    if (rc != WS_OK)
        return rc;
    *ret_trust = (struct light_trust){.time = g.time, .has_next = true, .next = g.validators};
    genesis_cell_id(h, genesis, ret_trust->cell_id);
    validator_set_hash(h, &g.validators, ret_trust->next_validators);
    return WS_OK;
}

enum light_verdict light_trust_header(light_hash_fn h, const hash32 cell_id,
    const struct header *hd, uint64_t height, const hash32 id, struct light_trust *ret_trust,
    struct ws_err *err) {
    hash32 got;
    if (memcmp(hd->cell_id, cell_id, 32) != 0)
        return light_refuse(
            LIGHT_OTHER_CELL, err, "header %llu belongs to another cell", H(hd->height));
    header_id(h, hd, got);
    if (hd->height != height || memcmp(got, id, 32) != 0)
        return light_refuse(
            LIGHT_CONFLICT, err, "this is not the trusted header of height %llu", H(height));
    *ret_trust = (struct light_trust){.height = height, .time = hd->time};
    memcpy(ret_trust->cell_id, cell_id, 32);
    memcpy(ret_trust->id, id, 32);
    memcpy(ret_trust->next_validators, hd->next_validators, 32);
    return LIGHT_OK;
}

enum light_verdict light_learn(light_hash_fn h, struct light_trust *t,
    const struct validator_set *next, const hash32 seats, struct ws_err *err) {
    hash32 got;
    validator_set_hash_with(h, next, seats, got);
    if (memcmp(got, t->next_validators, 32) != 0)
        return light_refuse(LIGHT_WRONG_SET, err,
            "this is not the set that header %llu names for the next height", H(t->height));
    t->next = *next;
    t->has_next = true;
    return LIGHT_OK;
}

/* ---- kept in a file ---- */

/* The set's own hash covers its seats, which are not kept: next_validators is believed, like everything here. */
void light_trust_encode(const struct light_trust *t, struct buf *b) {
    static const hash32 no_seats = {0};
    buf_u8(b, LEDGER_VERSION);
    buf_put(b, t->cell_id, 32);
    buf_u64(b, t->height);
    buf_u64(b, t->time);
    buf_put(b, t->id, 32);
    buf_put(b, t->next_validators, 32);
    buf_u8(b, t->has_next ? 1 : 0);
    if (t->has_next)
        valset_light_put(&t->next, no_seats, b);
}

int light_trust_decode(
    light_hash_fn h, struct span s, struct light_trust *ret_trust, struct ws_err *err) {
    struct light_trust *t = ret_trust;
    static const hash32 no_seats = {0};
    hash32 seats = {0};
    struct rd r = rd_of(s);
    memset(t, 0, sizeof(*t));
    if (rd_u8(&r) != LEDGER_VERSION)
        return ws_fail(err, WS_EINPUT, "trust: version octet is not %d", LEDGER_VERSION);
    rd_copy(&r, t->cell_id, 32);
    t->height = rd_u64(&r);
    t->time = rd_u64(&r);
    rd_copy(&r, t->id, 32);
    rd_copy(&r, t->next_validators, 32);
    uint8_t has_next = rd_u8(&r);
    t->has_next = has_next == 1;
    if (has_next > 1)
        r.bad = true;
    if (!r.bad && t->has_next && valset_light_read(h, &r, &t->next, seats, err) != WS_OK)
        return ws_fail_in(err, "trust");
    if (!rd_done(&r) || memcmp(seats, no_seats, 32) != 0)
        return ws_fail(err, WS_EINPUT, "trust: malformed near octet %zu of %zu", r.at, r.n);
    return WS_OK;
}

/* ---- one step ---- */

/* In the order of the facts page; everything cheap before the first hash over a set. */
static enum light_verdict judge_place(const struct light_params *p, const struct light_trust *t,
    const struct header_front *f, uint64_t now, struct ws_err *err) {
    if (memcmp(f->cell_id, t->cell_id, 32) != 0)
        return light_refuse(
            LIGHT_OTHER_CELL, err, "header %llu belongs to another cell", H(f->height));
    if (f->height <= t->height)
        return light_refuse(LIGHT_NOT_NEWER, err,
            "header %llu is not above the trusted height %llu", H(f->height), H(t->height));
    if (f->time <= t->time)
        return light_refuse(LIGHT_TIME_NOT_LATER, err,
            "header %llu is not later than the trusted header %llu", H(f->height), H(t->height));
    if (now == LIGHT_NO_CLOCK)
        return LIGHT_OK;
    if (f->time > now && f->time - now >= p->clock_drift)
        return light_refuse(LIGHT_FROM_FUTURE, err, "header %llu is %llu s ahead of our clock",
            H(f->height), H((f->time - now) / 1000000));
    if (p->trusting_period != 0 && now > t->time && now - t->time >= p->trusting_period)
        return light_refuse(LIGHT_EXPIRED, err,
            "the trusted header %llu is %llu days old, past the trusting period: begin anew "
            "with a header from elsewhere",
            H(t->height), H((now - t->time) / UINT64_C(86400000000)));
    return LIGHT_OK;
}

static bool has_member(
    const struct validator_set *s, const struct validator *v, uint64_t *ret_power) {
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].alg == v->alg && memcmp(s->v[i].key, v->key, KEY_OCTETS) == 0) {
            *ret_power = s->v[i].power;
            return true;
        }
    }
    return false;
}

static bool enough_of_trusted(const struct light_params *p, uint64_t power, uint64_t total) {
    if (!power_is_skip(power, total))
        return false;
    return p->level_den == 0 ||
           (unsigned __int128)power * p->level_den > (unsigned __int128)p->level_num * total;
}

/* A full third when the level is no more than that; else more than the level. */
static enum light_verdict judge_signers(const struct light_crypto *c, const struct light_params *p,
    const struct light_trust *t, const struct commit *commit, const struct validator_set *set,
    const struct validator_set *trusted, struct ws_err *err) {
    struct vote v = {.type = VOTE_PRECOMMIT,
        .height = commit->height,
        .round = commit->round,
        .locked_round = -1,
        .valid_round = -1};
    memcpy(v.id, commit->id, 32);
    struct buf b = {0};
    vote_sign_bytes(t->cell_id, &v, &b);
    uint64_t power = 0;
    uint64_t old = 0;
    enum light_verdict verdict = LIGHT_OK;
    bool enough = false;
    for (size_t i = 0; i < commit->n && verdict == LIGHT_OK; i++) {
        if (!commit->present[i])
            continue;
        if (enough && !p->every_signature)
            break;
        if (!c->verify(set->v[i].alg, set->v[i].key, buf_span(&b), commit->sig[i])) {
            (void)ws_fail(err, WS_EINPUT,
                "commit of height %llu: signature of validator %zu is bad", H(commit->height), i);
            verdict = LIGHT_BAD_SIGNATURE;
        }
        uint64_t was = 0;
        power += set->v[i].power;
        if (trusted != NULL && has_member(trusted, &set->v[i], &was))
            old += was; /* no key stands twice in a set, so none counts twice */
        enough = power_is_quorum(power, set->total) &&
                 (trusted == NULL || enough_of_trusted(p, old, trusted->total));
    }
    buf_free(&b);
    if (verdict != LIGHT_OK || enough)
        return verdict;
    if (!power_is_quorum(power, set->total))
        return light_refuse(LIGHT_NO_QUORUM, err,
            "commit of height %llu: power %llu of %llu is no quorum", H(commit->height), H(power),
            H(set->total));
    return light_refuse(LIGHT_TRUST_TOO_LOW, err,
        "header %llu: only %llu of the power %llu trusted at height %llu signed it",
        H(commit->height), H(old), H(trusted->total), H(t->height));
}

/* Set and commit belong to the header. */
static enum light_verdict judge_parts(const struct light_crypto *c, const struct header_front *f,
    const hash32 id, const hash32 set_hash, const struct commit *commit,
    const struct validator_set *set, struct ws_err *err) {
    (void)c;
    if (memcmp(set_hash, f->validators, 32) != 0)
        return light_refuse(
            LIGHT_WRONG_SET, err, "header %llu names another validator set", H(f->height));
    if (commit->height != f->height || memcmp(commit->id, id, 32) != 0)
        return light_refuse(
            LIGHT_WRONG_COMMIT, err, "the commit is not for header %llu", H(f->height));
    if (commit->n != set->n)
        return light_refuse(LIGHT_WRONG_COMMIT, err,
            "commit of height %llu is over %zu validators, the set has %zu", H(f->height),
            commit->n, set->n);
    return LIGHT_OK;
}

static void believe(struct light_trust *t, const struct header_front *f, const hash32 id,
    const struct validator_set *set) {
    bool same = memcmp(f->validators, f->next_validators, 32) == 0;
    t->height = f->height;
    t->time = f->time;
    memcpy(t->id, id, 32);
    memcpy(t->next_validators, f->next_validators, 32);
    t->has_next = same;
    if (same && set != &t->next)
        t->next = *set;
}

/* previous NULL: only the front is here, whose body hash covers it. */
static enum light_verdict advance(const struct light_crypto *c, const struct light_params *p,
    struct light_trust *t, const struct header_front *f, const uint8_t *previous,
    const struct commit *commit, const struct validator_set *set, uint64_t now,
    struct ws_err *err) {
    hash32 id;
    hash32 set_hash;
    enum light_verdict v = judge_place(p, t, f, now, err);
    if (v != LIGHT_OK)
        return v;
    if (set == NULL && !t->has_next)
        return light_refuse(LIGHT_SET_UNKNOWN, err,
            "the set that signs after height %llu is not known here", H(t->height));
    if (set == NULL) {
        set = &t->next;
        memcpy(set_hash, t->next_validators, 32);
    } else {
        validator_set_hash(c->hash, set, set_hash);
    }
    header_front_id(c->hash, f, id);
    v = judge_parts(c, f, id, set_hash, commit, set, err);
    if (v != LIGHT_OK)
        return v;
    const struct validator_set *trusted = NULL; /* NULL: the set is the trusted one itself */
    bool adjacent = f->height == t->height + 1;
    if (memcmp(f->validators, t->next_validators, 32) != 0) {
        if (adjacent)
            return light_refuse(LIGHT_NOT_SUCCESSOR, err,
                "header %llu is signed by another set than header %llu names", H(f->height),
                H(t->height));
        if (!t->has_next)
            return light_refuse(LIGHT_SET_UNKNOWN, err,
                "the set that signs after height %llu is not known here", H(t->height));
        trusted = &t->next;
    }
    if (adjacent && previous != NULL && memcmp(previous, t->id, 32) != 0)
        return light_refuse(LIGHT_NOT_SUCCESSOR, err,
            "header %llu does not follow on the trusted header", H(f->height));
    v = judge_signers(c, p, t, commit, set, trusted, err);
    if (v == LIGHT_OK)
        believe(t, f, id, set);
    return v;
}

enum light_verdict light_advance(const struct light_crypto *c, const struct light_params *p,
    struct light_trust *t, const struct header *hd, const struct commit *commit,
    const struct validator_set *set, uint64_t now, struct ws_err *err) {
    const struct header_front f = header_front_of(c->hash, hd);
    return advance(c, p, t, &f, hd->previous, commit, set, now, err);
}

enum light_verdict light_advance_front(const struct light_crypto *c, const struct light_params *p,
    struct light_trust *t, const struct header_front *f, const struct commit *commit,
    const struct validator_set *set, uint64_t now, struct ws_err *err) {
    return advance(c, p, t, f, NULL, commit, set, now, err);
}

enum light_verdict light_step_back(
    light_hash_fn h, const struct header *newer, const struct header *older, struct ws_err *err) {
    hash32 id;
    if (memcmp(older->cell_id, newer->cell_id, 32) != 0)
        return light_refuse(
            LIGHT_OTHER_CELL, err, "header %llu belongs to another cell", H(older->height));
    header_id(h, older, id);
    if (older->height + 1 != newer->height || memcmp(id, newer->previous, 32) != 0)
        return light_refuse(LIGHT_BROKEN_LINK, err,
            "header %llu names another header as the one before it", H(newer->height));
    return LIGHT_OK;
}

#include "ledger/committee/court.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/committee/change.h"
#include "ledger/committee/handovers.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

/* State keys: 'b' height -> block facts; 'q' height -> priorities before any step of it; 'e' kind height address ->
 * evidence id: convicted; 'j' address -> kind, height, since: jailed. */
enum { CHECKPOINT_EVERY = 64, FORGET_PER_BLOCK = 2 };

struct key {
    size_t n;
    uint8_t octets[42];
};

static struct key height_key(char kind, uint64_t height) {
    struct key k = {.n = 9, .octets = {(uint8_t)kind}};
    put_be64(k.octets + 1, height);
    return k;
}

static struct key mark_key(const struct evidence *e, const hash32 address) {
    struct key k = {.n = 42, .octets = {'e', (uint8_t)e->kind}};
    put_be64(k.octets + 2, evidence_height(e));
    memcpy(k.octets + 10, address, 32);
    return k;
}

static struct key jail_key(const hash32 address) {
    struct key k = {.n = 33, .octets = {'j'}};
    memcpy(k.octets + 1, address, 32);
    return k;
}

static struct span span_of_key(const struct key *k) {
    return span_of(k->octets, k->n);
}

/* ---- what is remembered of each height ---- */

static bool get_facts(struct exec_host *h, uint64_t height, struct block_facts *ret_facts) {
    struct key k = height_key('b', height);
    struct span v;
    if (!exec_get(h, span_of_key(&k), &v))
        return false;
    struct rd r = rd_of(v);
    bool good = block_facts_read(&r, ret_facts) && rd_done(&r);
    WS_ASSERT(good); /* our own writing */
    return good;
}

static void put_facts(struct exec_host *h, uint64_t height, const struct block_facts *f) {
    struct key k = height_key('b', height);
    struct buf b = {0};
    block_facts_encode(f, &b);
    exec_put(h, span_of_key(&k), buf_span(&b));
    buf_free(&b);
}

/* Only when both ages exceed their limit (facts, section 8). */
static bool too_old(const struct cell_params *p, uint64_t height, uint64_t time,
    uint64_t now_height, uint64_t now_time) {
    return now_height > height && now_height - height > p->evidence_heights && now_time > time &&
           now_time - time > p->evidence_us;
}

static bool first_height(struct exec_host *h, char kind, uint64_t *ret_height) {
    uint8_t prefix = (uint8_t)kind;
    struct span k;
    struct span v;
    if (!exec_next(h, span_of(&prefix, 1), span_of("", 0), &k, &v) || k.n != 9)
        return false;
    *ret_height = be64(k.p + 1);
    return true;
}

/* Evidence of a forgotten height is too old for ever: nothing needs its marks. */
static void forget_marks(struct exec_host *h, uint64_t height) {
    for (int kind = EVIDENCE_DOUBLE_VOTE; kind < EVIDENCE_KIND_END; kind++) {
        uint8_t prefix[10] = {'e', (uint8_t)kind};
        struct span k;
        struct span v;
        put_be64(prefix + 2, height);
        while (exec_next(h, span_of(prefix, sizeof(prefix)), span_of("", 0), &k, &v)) {
            struct key mark = {.n = k.n};
            WS_ASSERT(k.n <= sizeof(mark.octets));
            memcpy(mark.octets, k.p, k.n);
            exec_del(h, span_of_key(&mark));
        }
    }
}

static void forget(const void *self, struct exec_host *h, uint64_t height, uint64_t time) {
    const struct cell_params *p = committee_params(self, height);
    struct block_facts f;
    uint64_t oldest = 0;
    for (int i = 0; i < FORGET_PER_BLOCK && first_height(h, 'b', &oldest); i++) {
        if (!get_facts(h, oldest, &f) || !too_old(p, oldest, f.time, height, time))
            return;
        struct key k = height_key('b', oldest);
        exec_del(h, span_of_key(&k));
        forget_marks(h, oldest);
    }
}

void court_block(
    const void *self, struct exec_host *h, const struct header *hd, const struct commit *last) {
    struct block_facts f;
    if (hd->height > 1 && get_facts(h, hd->height - 1, &f)) {
        f.has_commit = true;
        f.round = last->round;
        f.signers = 0;
        for (size_t i = 0; i < last->n; i++)
            f.signers |= (uint64_t)(last->present[i] ? 1 : 0) << i;
        put_facts(h, hd->height - 1, &f);
    }
    block_facts_of(exec_sha256, hd, &f);
    put_facts(h, hd->height, &f);
    forget(self, h, hd->height, hd->time);
    handovers_block(self, h, hd, last);
}

/* ---- whose turn it was ---- */

static void put_checkpoint(const void *self, struct exec_host *h, uint64_t height) {
    const struct proposer_state *s = committee_proposers(self);
    struct key k = height_key('q', height);
    struct buf b = {0};
    buf_u16(&b, (uint16_t)s->n);
    for (size_t i = 0; i < s->n; i++)
        buf_i64(&b, s->priority[i]);
    exec_put(h, span_of_key(&k), buf_span(&b));
    buf_free(&b);
}

void court_genesis(const void *self, struct exec_host *h) {
    put_checkpoint(self, h, 1);
}

uint64_t court_oldest(struct exec_host *h) {
    uint64_t facts = UINT64_MAX;
    uint64_t checkpoint = UINT64_MAX;
    (void)first_height(h, 'b', &facts);
    (void)first_height(h, 'q', &checkpoint);
    return facts < checkpoint ? facts : checkpoint;
}

void court_checkpoint(const void *self, struct exec_host *h) {
    uint64_t next = committee_next(self);
    if (next % CHECKPOINT_EVERY != 0)
        return;
    uint64_t oldest = 0;
    uint64_t first = 0;
    put_checkpoint(self, h, next);
    /* As fast as the facts go at most. */
    for (int i = 0;
         i < FORGET_PER_BLOCK && first_height(h, 'b', &oldest) && first_height(h, 'q', &first) &&
         first + 2 * (uint64_t)CHECKPOINT_EVERY <= oldest;
         i++) {
        struct key k = height_key('q', first);
        exec_del(h, span_of_key(&k));
    }
}

bool court_proposer(
    const void *self, struct exec_host *h, uint64_t height, int32_t round, hash32 ret_address) {
    uint64_t at = height - height % CHECKPOINT_EVERY;
    struct key k = height_key('q', at == 0 ? 1 : at);
    struct proposer_state s = {0};
    struct span v;
    if (at == 0)
        at = 1;
    if (height == 0 || height > committee_next(self) || !exec_get(h, span_of_key(&k), &v))
        return false;
    struct rd r = rd_of(v);
    s.n = rd_u16(&r);
    for (size_t i = 0; i < s.n && i < VALIDATORS_MAX; i++)
        s.priority[i] = rd_i64(&r);
    const struct validator_set *now = committee_set(self, at);
    for (; now != NULL && at < height; at++) {
        const struct validator_set *then = committee_set(self, at + 1);
        (void)proposer_step(&s, now);
        if (then != now)
            proposer_follow(&s, now, then);
        now = then;
    }
    if (now == NULL)
        return false;
    memcpy(ret_address, now->v[proposer_of_round(&s, now, round)].address, 32);
    return true;
}

/* ---- judging ---- */

static exec_code code_of(enum evidence_verdict v) {
    switch (v) {
    case EVIDENCE_GOOD:
        return COMMITTEE_OK;
    case EVIDENCE_OTHER_CELL:
        return COMMITTEE_OTHER_CELL;
    case EVIDENCE_NO_FACTS:
        return COMMITTEE_NO_FACTS;
    case EVIDENCE_NOT_MEMBER:
        return COMMITTEE_NOT_MEMBER;
    case EVIDENCE_NO_OFFENCE:
        return COMMITTEE_NO_OFFENCE;
    case EVIDENCE_BAD_SIGNATURE:
        return COMMITTEE_BAD_SIGNATURE;
    case EVIDENCE_WRONG_PARTS:
        return COMMITTEE_WRONG_PARTS;
    case EVIDENCE_NOBODY:
        return COMMITTEE_NOBODY;
    }
    return COMMITTEE_REFUSED;
}

bool court_later(exec_code code) {
    return code == COMMITTEE_TOO_NEW || code == COMMITTEE_NO_FACTS;
}

static bool is_known(const void *ctx, const hash32 address) {
    for (const struct validator_set *s = committee_coming_set(ctx); s != NULL;
         s = committee_set_before(ctx, s)) {
        if (validator_set_find(s, address) >= 0)
            return true;
    }
    return false;
}

static void drop_convicted(struct exec_host *h, const struct evidence *e, struct guilty *g) {
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        struct key k = mark_key(e, g->address[i]);
        struct span v;
        if (!exec_get(h, span_of_key(&k), &v))
            memmove(g->address[n++], g->address[i], 32);
    }
    g->n = n;
}

/* One that names its only signer by key: whether he was convicted of it is known before any signature is looked at, so that what
 * is known costs nothing to whoever is handed it again and again. */
static bool is_marked(struct exec_host *h, const struct evidence *e) {
    struct validator v = {.alg = e->alg};
    struct span old;
    if (e->kind == EVIDENCE_ATTACK)
        return false;
    memcpy(v.key, e->key, KEY_OCTETS);
    validator_address(exec_sha256, &v);
    struct key k = mark_key(e, v.address);
    return exec_get(h, span_of_key(&k), &old);
}

/* A proposal that a member has signed convicts unless it was its turn. That is asked last: it takes thousands of steps, and only
 * a member may have them taken. */
static exec_code judge_turn(
    const void *self, struct exec_host *h, const struct evidence *e, const hash32 signer) {
    const struct signed_proposal *p = &e->proposal[0];
    hash32 proposer;
    if (p->valid_round < -1 || p->valid_round >= p->round)
        return COMMITTEE_OK; /* out of range whoever proposes */
    if (!court_proposer(self, h, p->height, p->round, proposer))
        return COMMITTEE_NO_FACTS;
    return memcmp(proposer, signer, 32) == 0 ? COMMITTEE_NO_OFFENCE : COMMITTEE_OK;
}

exec_code court_judge(const void *self, struct exec_host *h, const struct light_crypto *c,
    const struct evidence *e, uint64_t block_time, struct guilty *ret_guilty) {
    uint64_t height = evidence_height(e);
    uint64_t next = committee_next(self); /* the block that would carry it */
    struct block_facts facts;
    static const hash32 nobody = {0};
    if (height > next)
        return COMMITTEE_TOO_NEW;
    bool decided = get_facts(h, height, &facts);
    if (height < next &&
        (!decided || too_old(committee_params(self, next), height, facts.time, next, block_time)))
        return COMMITTEE_EXPIRED;
    if (is_marked(h, e))
        return COMMITTEE_KNOWN;
    struct evidence_facts f = {.cell_id = exec_cell_id(h),
        .set = committee_set(self, height),
        .set_hash = committee_set_hash(self, height),
        .block = decided ? &facts : NULL,
        .proposer = nobody, /* see below */
        .known = is_known,
        .ctx = self};
    if (e->kind == EVIDENCE_ATTACK)
        f.common = committee_set(self, e->common + 1);
    exec_code code = code_of(evidence_check(c, e, &f, ret_guilty));
    if (code == COMMITTEE_OK && e->kind == EVIDENCE_BAD_PROPOSAL)
        code = judge_turn(self, h, e, ret_guilty->address[0]);
    if (code != COMMITTEE_OK)
        return code;
    drop_convicted(h, e, ret_guilty);
    return ret_guilty->n > 0 ? COMMITTEE_OK : COMMITTEE_KNOWN;
}

/* ---- what follows ---- */

bool court_jailed(struct exec_host *h, const hash32 address) {
    struct key k = jail_key(address);
    struct span v;
    return exec_get(h, span_of_key(&k), &v);
}

static void tell(struct exec_host *h, uint16_t type, struct buf *b) {
    exec_event(h, type, buf_span(b));
    buf_free(b);
}

static void alarm_for(struct exec_host *h, const hash32 address, size_t members) {
    struct buf b = {0};
    buf_u8(&b, LEDGER_VERSION);
    buf_put(&b, address, 32);
    buf_u16(&b, (uint16_t)members);
    tell(h, COMMITTEE_EVENT_ALARM, &b);
}

/* In the order of the set: the same people stay everywhere. */
/* Without this member; false: the cell could then be stopped by one of those who stay, and could not before. */
static bool without(
    const struct validator_set *now, size_t member, struct validator_set *ret_next) {
    struct validator_set *next = ret_next;
    next->n = 0;
    for (size_t i = 0; i < now->n; i++) {
        if (i != member)
            next->v[next->n++] = now->v[i];
    }
    if (next->n < COMMITTEE_LEAST)
        return false;
    int rc = validator_set_prepare(exec_sha256, next, NULL);
    WS_ASSERT(rc == WS_OK); /* part of a set that was one */
    return set_too_heavy(now) || !set_too_heavy(next);
}

void court_enforce(void *self, struct exec_host *h) {
    struct validator_set *now = ws_alloc(sizeof(*now));
    struct validator_set *next = ws_alloc(sizeof(*next));
    *now = *committee_coming_set(self);
    bool changed = false;
    for (size_t i = 0; i < now->n;) {
        if (!court_jailed(h, now->v[i].address)) {
            i++;
        } else if (!without(now, i, next)) {
            alarm_for(h, now->v[i].address, now->n);
            i++;
        } else {
            *now = *next;
            changed = true;
        }
    }
    if (changed)
        committee_change_set(self, h, now);
    free(now);
    free(next);
}

static void convict(
    struct exec_host *h, const struct evidence *e, const hash32 id, const hash32 address) {
    struct key mark = mark_key(e, address);
    struct key jail = jail_key(address);
    struct buf b = {0};
    exec_put(h, span_of_key(&mark), span_of(id, 32));
    if (!court_jailed(h, address)) {
        buf_u8(&b, LEDGER_VERSION);
        buf_u8(&b, (uint8_t)e->kind);
        buf_u64(&b, evidence_height(e));
        buf_u64(&b, exec_height(h));
        exec_put(h, span_of_key(&jail), buf_span(&b));
        buf_clear(&b);
    }
    buf_u8(&b, LEDGER_VERSION);
    buf_put(&b, address, 32);
    buf_u8(&b, (uint8_t)e->kind);
    buf_u64(&b, evidence_height(e));
    buf_put(&b, id, 32);
    tell(h, COMMITTEE_EVENT_JAILED, &b);
}

/* Whoever prevoted for the block has checked the signatures, as with every transaction. */
static bool checked_before(enum key_alg alg, const uint8_t key[static KEY_OCTETS], struct span msg,
    const uint8_t sig[static SIG_OCTETS]) {
    (void)alg;
    (void)key;
    (void)msg;
    (void)sig;
    return true;
}

exec_code court_take(void *self, struct exec_host *h, const struct evidence *e) {
    const struct light_crypto c = {exec_sha256, checked_before};
    struct guilty g;
    hash32 id;
    exec_code code = court_judge(self, h, &c, e, exec_block_time(h), &g);
    if (code != COMMITTEE_OK)
        return code;
    evidence_id(exec_sha256, e, id);
    for (size_t i = 0; i < g.n; i++)
        convict(h, e, id, g.address[i]);
    court_enforce(self, h);
    return COMMITTEE_OK;
}

void court_end_block(const void *self, struct exec_host *h) {
    uint64_t from = committee_next(self) + 2;
    struct buf b = {0};
    if (committee_coming_set(self) != committee_set(self, from - 1)) {
        buf_u8(&b, LEDGER_VERSION);
        buf_u64(&b, from);
        validator_set_encode(committee_coming_set(self), &b);
        tell(h, COMMITTEE_EVENT_SET, &b);
    }
    if (committee_coming_params(self) != committee_params(self, from - 1)) {
        b = (struct buf){0};
        buf_u8(&b, LEDGER_VERSION);
        buf_u64(&b, from);
        cell_params_encode(committee_coming_params(self), &b);
        tell(h, COMMITTEE_EVENT_PARAMS, &b);
    }
}

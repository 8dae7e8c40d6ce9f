#include "fedlearn/round/member.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdio.h>
#include <stdlib.h>

/* WISHES_LEFT: room kept beside complaints for an attestation. */
enum { NAME = 32, WISHES_MAX = 24, WISHES_LEFT = 1, OLD_KEYS = 8, OTHERS_MOST = 20 };
#define OVERDUE_US UINT64_C(600000000) /* blocks may be late */

/* What became of one submission. */
enum look { NOT_YET, GOOD, BAD, COMPLAINED };
struct looked {
    enum look look;
    bool out; /* a look at it is given out */
    uint64_t again; /* not before this height */
    unsigned others; /* looks that found something else: each next one waits twice as long */
    struct buf complaint; /* COMPLAINED: wished for until the ledger has excluded it */
    uint16_t share[FL_SHARE_VALUES]; /* GOOD; secret */
};

struct held_key {
    uint64_t serial; /* 0: none */
    uint64_t since_us;
    struct fl_reader *reader;
};

struct fl_member {
    uint8_t cell[32], address[32];
    struct fl_member_limits limits;
    struct fl_member_io io;
    struct fl_member_counters counters;
    struct held_key key[2]; /* the newest, and the one before, which a round may have begun with */
    bool keys_read;
    uint64_t used; /* serial of the key that a round began with, as far as this run knows */

    /* ---- the round ---- */
    uint64_t round; /* 0: none */
    unsigned v; /* our number in it; 0: we are none of its members */
    bool
        reads; /* the key that it has for us is here; else we can only say what everybody can compute */
    struct fl_round sealed_for;
    uint64_t height; /* of the last step */
    size_t n, cap;
    struct looked **sub; /* owned, each wiped */
    size_t out; /* looks given out */
    bool may_open; /* the digest is written down */
    struct buf outcome;
    uint64_t wished[FL_RECORD_OUTCOME + 1]; /* heights */
    size_t n_wishes;
    struct fl_wish wish[WISHES_MAX];
};

struct fl_member_limits fl_member_limits_default(void) {
    return (struct fl_member_limits){.key_us = UINT64_C(86400000000), .looks = 1024};
}

struct fl_member *fl_member_new(const uint8_t cell[static 32], const uint8_t address[static 32],
    const struct fl_member_limits *limits, const struct fl_member_io *io) {
    struct fl_member *m = ws_alloc(sizeof(*m));
    memcpy(m->cell, cell, 32);
    memcpy(m->address, address, 32);
    m->limits = *limits;
    m->io = *io;
    return m;
}

static void forget_round(struct fl_member *m) {
    for (size_t i = 0; i < m->n; i++) {
        buf_free(&m->sub[i]->complaint);
        sodium_memzero(m->sub[i], sizeof(*m->sub[i]));
        free(m->sub[i]);
    }
    free(m->sub);
    m->sub = NULL;
    m->n = m->cap = 0;
    m->out = 0; /* what comes back is of another round */
    m->round = 0;
    m->v = 0;
    m->reads = false;
    m->may_open = false;
    buf_clear(&m->outcome);
    memset(m->wished, 0, sizeof(m->wished));
}

void fl_member_free(struct fl_member *m) {
    if (m == NULL)
        return;
    forget_round(m);
    for (size_t i = 0; i < ARRAY_LEN(m->key); i++)
        fl_reader_free(m->key[i].reader);
    for (size_t i = 0; i < WISHES_MAX; i++)
        buf_free(&m->wish[i].body);
    buf_free(&m->outcome);
    free(m);
}

const struct fl_member_counters *fl_member_read(const struct fl_member *m) {
    return &m->counters;
}

/* ---- wishes ---- */

static struct buf *wish(struct fl_member *m, enum fl_record kind) {
    WS_ASSERT(m->n_wishes < WISHES_MAX);
    struct fl_wish *w = &m->wish[m->n_wishes++];
    w->kind = kind;
    buf_clear(&w->body);
    return &w->body;
}

/* Not more often than every few heights: it may be on its way. */
static bool is_due(struct fl_member *m, enum fl_record kind, uint64_t height) {
    if (m->wished[kind] != 0 && height < m->wished[kind] + FL_WISH_AGAIN)
        return false;
    m->wished[kind] = height;
    return true;
}

static bool save(struct fl_member *m, const char *name, struct span octets) {
    struct ws_err err = {0};
    if (m->io.save(m->io.ctx, name, octets, &err) == WS_OK)
        return true;
    m->counters.io_failed++;
    ws_log(WS_LOG_ERROR, "learn", "%s cannot be saved: %s", name, err.text);
    return false;
}

/* ---- keys ---- */

static void key_name(uint64_t serial, char ret[static NAME]) {
    (void)snprintf(ret, NAME, "key-%llu", (unsigned long long)serial);
}

/* secret 32, since 8 */
static bool read_key(struct fl_member *m, uint64_t serial, struct held_key *ret) {
    char name[NAME];
    struct buf b = {0};
    key_name(serial, name);
    bool is = serial > 0 && m->io.load(m->io.ctx, name, &b) && b.n == FL_SECRET_OCTETS + 8;
    if (is)
        *ret = (struct held_key){serial, be64(b.p + FL_SECRET_OCTETS), fl_reader_new(b.p)};
    if (b.n > 0)
        sodium_memzero(b.p, b.n);
    buf_free(&b);
    return is && ret->reader != NULL;
}

static void drop_key(struct fl_member *m, struct held_key *k) {
    char name[NAME];
    if (k->serial == 0)
        return;
    key_name(k->serial, name);
    m->io.erase(m->io.ctx, name);
    fl_reader_free(k->reader);
    *k = (struct held_key){0};
}

static bool make_key(struct fl_member *m, uint64_t serial, uint64_t now_us) {
    uint8_t what[FL_SECRET_OCTETS + 8];
    char name[NAME];
    key_name(serial, name);
    ws_random_bytes(m->io.random, what, FL_SECRET_OCTETS);
    put_be64(what + FL_SECRET_OCTETS, now_us);
    struct held_key k = {serial, now_us, NULL};
    if (save(m, name, span_of(what, sizeof(what))))
        k.reader = fl_reader_new(what);
    sodium_memzero(what, sizeof(what));
    if (k.reader == NULL)
        return false;
    drop_key(m, &m->key[1]);
    m->key[1] = m->key[0];
    m->key[0] = k;
    return true;
}

static void wish_key(struct fl_member *m, uint64_t height) {
    struct fl_key_record k = {.serial = m->key[0].serial};
    if (!is_due(m, FL_RECORD_KEY, height))
        return;
    fl_reader_public(m->key[0].reader, &k.key);
    fl_key_prove(m->key[0].reader, m->cell, m->address, k.serial, &k.proof);
    fl_key_record_encode(&k, wish(m, FL_RECORD_KEY));
}

/* What a crash between the saving of a key and the erasing of an old one left. */
static void drop_older(struct fl_member *m, uint64_t on_ledger) {
    char name[NAME];
    for (uint64_t s = on_ledger > 2 + OLD_KEYS ? on_ledger - 2 - OLD_KEYS : 1; s + 2 <= on_ledger;
         s++) {
        struct buf b = {0};
        key_name(s, name);
        if (m->io.load(m->io.ctx, name, &b))
            m->io.erase(m->io.ctx, name);
        if (b.n > 0)
            sodium_memzero(b.p, b.n);
        buf_free(&b);
    }
}

/* The newest key is on the ledger, and not too old. Between rounds the one before has no use left. */
static void keep_key(
    struct fl_member *m, const void *contract, uint64_t height, uint64_t now_us, bool idle) {
    const uint64_t on_ledger = fl_contract_key_serial(contract, m->address);
    if (!m->keys_read) {
        m->keys_read = true;
        drop_older(m, on_ledger);
        if (!read_key(m, on_ledger + 1, &m->key[0])) {
            (void)read_key(m, on_ledger, &m->key[0]);
            if (on_ledger > 1)
                (void)read_key(m, on_ledger - 1, &m->key[1]);
        } else {
            (void)read_key(m, on_ledger, &m->key[1]);
        }
    }
    if (idle && m->key[0].serial == on_ledger)
        drop_key(m, &m->key[1]);
    struct fl_model_view in_force;
    fl_contract_model(contract, &in_force);
    if (in_force.name[0] == '\0')
        return; /* a new one would be of no use */
    bool old = m->key[0].serial == 0 || m->key[0].serial == m->used ||
               now_us - m->key[0].since_us >= m->limits.key_us;
    if (m->key[0].serial <= on_ledger && (m->key[0].serial < on_ledger || (old && idle)) &&
        !make_key(m, on_ledger + 1, now_us))
        return;
    if (m->key[0].serial == on_ledger + 1)
        wish_key(m, height);
}

/* The key that the round has for us. */
static struct fl_reader *reader_of(const struct fl_member *m) {
    for (size_t i = 0; i < ARRAY_LEN(m->key); i++) {
        struct fl_point p;
        if (m->key[i].reader == NULL)
            continue;
        fl_reader_public(m->key[i].reader, &p);
        if (memcmp(p.b, m->sealed_for.seat[m->v - 1].key.b, sizeof(p.b)) == 0)
            return m->key[i].reader;
    }
    return NULL;
}

/* ---- looking ---- */

static void note_look(struct fl_member *m, struct looked *l, struct fl_look *found) {
    switch (found->result) {
    case FL_LOOK_OTHER:
        m->counters.other++; /* who copied another's id will never have anything else */
        l->again = m->height + ((uint64_t)FL_WISH_AGAIN << l->others);
        l->others += l->others < OTHERS_MOST;
        break;
    case FL_LOOK_BAD:
        m->counters.bad++;
        l->look = BAD;
        break;
    case FL_LOOK_GOOD:
        m->counters.good++;
        l->look = GOOD;
        memcpy(l->share, found->share, sizeof(l->share));
        break;
    case FL_LOOK_COMPLAINT:
        m->counters.bad++;
        l->look = COMPLAINED;
        l->complaint = found->complaint;
        found->complaint = (struct buf){0};
        break;
    }
}

void fl_member_looked(struct fl_member *m, struct fl_look *l) {
    struct looked *at = l->round == m->round && l->submission < m->n ? m->sub[l->submission] : NULL;
    if (at != NULL && at->out) {
        at->out = false;
        m->out--;
        m->counters.looked++;
        note_look(m, at, l);
    }
    fl_look_free(l);
}

size_t fl_member_looking(const struct fl_member *m) {
    return m->out;
}

static void look_at(struct fl_member *m, const struct fl_open *open, size_t i,
    const struct fl_submission_view *view) {
    struct fl_look *l = ws_alloc(sizeof(*l));
    l->round = m->round;
    l->submission = (uint32_t)i;
    l->v = m->v;
    l->sealed_for = m->sealed_for;
    l->profile = open->config.profile;
    l->params = open->params;
    memcpy(l->id, view->id, sizeof(l->id));
    memcpy(l->token, view->token, sizeof(l->token));
    l->reader = fl_reader_share(reader_of(m));
    m->sub[i]->out = true;
    m->out++;
    if (m->io.look(m->io.ctx, l))
        return;
    m->sub[i]->out = false;
    m->out--;
    m->counters.missing++;
    fl_look_free(l);
}

static void make_places(struct fl_member *m, size_t n) {
    while (m->n < n) {
        if (m->n == m->cap) {
            m->cap = m->cap == 0 ? 64 : 2 * m->cap;
            m->sub = ws_realloc(m->sub, m->cap * sizeof(struct looked *));
        }
        m->sub[m->n++] = ws_alloc(sizeof(struct looked));
    }
}

/* What was not all here is looked at again; it is not in the way of what is. */
static void look_around(
    struct fl_member *m, const void *contract, const struct fl_round_view *view, uint64_t height) {
    struct fl_submission_view s;
    make_places(m, view->submissions);
    for (size_t i = 0; i < view->submissions && m->out < m->limits.looks; i++) {
        const struct looked *l = m->sub[i];
        if (l->look == NOT_YET && !l->out && l->again <= height &&
            fl_contract_submission(contract, i, &s) && !s.excluded)
            look_at(m, view->open, i, &s);
    }
}

/* As soon as that is possible, and until the vehicle is out. */
static void wish_complaints(
    struct fl_member *m, const void *contract, bool cut_off, uint64_t height) {
    struct fl_submission_view s;
    for (size_t i = 0; i < m->n && m->n_wishes + WISHES_LEFT < WISHES_MAX; i++) {
        struct looked *l = m->sub[i];
        if (l->look != COMPLAINED || l->complaint.n == 0 || l->again > height ||
            !fl_contract_submission(contract, i, &s))
            continue;
        if (s.excluded || (cut_off && !s.included)) {
            buf_free(&l->complaint);
            continue;
        }
        l->again = height + FL_WISH_AGAIN;
        buf_put(wish(m, FL_RECORD_COMPLAINT), l->complaint.p, l->complaint.n);
    }
}

static bool all_settled(
    const struct fl_member *m, const void *contract, const struct fl_round_view *view) {
    struct fl_submission_view s;
    for (size_t i = 0; i < view->submissions; i++)
        if (i >= m->n ||
            (m->sub[i]->look == NOT_YET && fl_contract_submission(contract, i, &s) && !s.excluded))
            return false;
    return true;
}

/* As soon as everything is settled; of what has not come when half of the time is over, without it. What is being looked at then is waited for to the
 * last tenth; and a unit that has not seen anything yet, because it came late, has nothing to say: there is one attestation. */
static void try_to_attest(struct fl_member *m, const void *contract,
    const struct fl_round_view *view, uint64_t height, uint64_t now_us) {
    uint8_t bits[FL_SUBMISSIONS_MAX / 8] = {0};
    const uint64_t wait = view->open->config.attest_us / (m->out > 0 ? 10 : 2);
    bool any = false;
    for (size_t i = 0; i < m->n; i++) {
        if (m->sub[i]->look != GOOD)
            continue;
        bits[i / 8] = (uint8_t)(bits[i / 8] | 0x80U >> (i % 8));
        any = true;
    }
    if (fl_contract_has_attested(contract, m->v) || (m->out > 0 && !any) ||
        (!all_settled(m, contract, view) && now_us + wait < view->until_us) ||
        !is_due(m, FL_RECORD_ATTEST, height))
        return;
    const struct fl_attest a = {.round = view->number,
        .n = view->submissions,
        .bits = span_of(bits, (view->submissions + 7) / 8)};
    fl_attest_encode(&a, wish(m, FL_RECORD_ATTEST));
}

/* ---- opening ---- */

static void digest_of_groups(
    const void *contract, const struct fl_round_view *view, uint8_t ret_digest[static 32]) {
    struct buf b = {0};
    struct fl_submission_view s;
    for (size_t i = 0; i < view->submissions; i++) {
        if (!fl_contract_submission(contract, i, &s) || !s.included)
            continue;
        buf_put(&b, s.id, sizeof(s.id));
        buf_u16(&b, s.group);
    }
    exec_sha256_one(buf_span(&b), ret_digest);
    buf_free(&b);
}

/* A round that has left its own timetable may be one that was opened before: a whole cell put back from its backups has forgotten what its
 * members said, the set may be another one now, and the difference of two sums is one vehicle. */
static bool is_overdue(const struct fl_open *o, uint64_t now_us) {
    const struct fl_round_config *k = &o->config;
    return now_us - o->time_us > 3 * k->open_us + k->submit_us + k->attest_us + OVERDUE_US;
}

/* Written down before anything is said; the same again is fine. */
static bool may_open(
    struct fl_member *m, const void *contract, const struct fl_round_view *view, uint64_t now_us) {
    uint8_t what[40];
    struct buf was = {0};
    if (is_overdue(view->open, now_us)) {
        m->counters.refused_to_open++;
        return false;
    }
    if (m->may_open)
        return true;
    put_be64(what, view->number);
    digest_of_groups(contract, view, what + 8);
    bool there = m->io.load(m->io.ctx, "opened", &was);
    bool same = there && was.n == sizeof(what) && memcmp(was.p, what, sizeof(what)) == 0;
    bool newer = !there || (was.n == sizeof(what) && be64(was.p) < view->number);
    buf_free(&was);
    if (!same && !newer) {
        m->counters.refused_to_open++;
        return false;
    }
    m->may_open = same || save(m, "opened", span_of(what, sizeof(what)));
    return m->may_open;
}

/* False: a share is missing. */
static bool sum_of(const struct fl_member *m, const void *contract, size_t g, uint8_t *ret_octets) {
    uint32_t *in = ws_calloc(m->n + 1, sizeof(*in));
    struct fl_share_sum *sum = ws_alloc(sizeof(*sum));
    size_t n = fl_contract_members(contract, g, in, m->n);
    bool all = n > 0;
    for (size_t i = 0; i < n && all; i++) {
        all = in[i] < m->n && m->sub[in[i]]->look == GOOD;
        if (all)
            fl_share_sum_add(sum, m->sub[in[i]]->share, 1);
    }
    if (all)
        fl_share_sum_put(sum, ret_octets);
    sodium_memzero(sum, sizeof(*sum));
    free(sum);
    free(in);
    return all;
}

static void wish_sums(struct fl_member *m, size_t first, size_t n, const uint8_t *sums) {
    const struct fl_shares_record rec = {.round = m->round,
        .first = (uint16_t)first,
        .n = (uint16_t)n,
        .sums = span_of(sums, n * FL_SUM_OCTETS)};
    if (n > 0)
        fl_shares_record_encode(&rec, wish(m, FL_RECORD_SHARES));
}

static void try_to_open(struct fl_member *m, const void *contract, const struct fl_round_view *view,
    uint64_t height, uint64_t now_us) {
    uint8_t sums[FL_SHARES_MAX * FL_SUM_OCTETS];
    size_t n = 0;
    if (!may_open(m, contract, view, now_us) || !is_due(m, FL_RECORD_SHARES, height))
        return;
    size_t g = 0;
    for (; g < view->groups && m->n_wishes + 1 < WISHES_MAX; g++) {
        bool has = !fl_contract_given_up(contract, g) && !fl_contract_has_sum(contract, g, m->v) &&
                   sum_of(m, contract, g, sums + n * FL_SUM_OCTETS);
        n += has;
        if (n == FL_SHARES_MAX || (n > 0 && !has)) {
            wish_sums(m, has ? g + 1 - n : g - n, n, sums);
            n = 0;
        }
    }
    wish_sums(m, g - n, n, sums); /* what has no room now comes with the next wish */
}

/* ---- steps ---- */

static void enter_round(struct fl_member *m, const struct fl_round_view *view) {
    forget_round(m);
    m->round = view->number;
    fl_open_round(view->open, m->cell, &m->sealed_for);
    for (unsigned v = 1; v <= view->open->n; v++)
        if (memcmp(view->open->seat[v - 1].address, m->address, 32) == 0)
            m->v = v;
    const struct fl_reader *reader = m->v == 0 ? NULL : reader_of(m);
    m->reads = reader != NULL;
    if (m->v != 0 && !m->reads)
        ws_log(WS_LOG_WARN, "learn",
            "round %llu: the key it has for this unit is not here; this unit opens nothing",
            (unsigned long long)m->round);
    for (size_t i = 0; i < ARRAY_LEN(m->key); i++)
        if (m->reads && m->key[i].reader == reader)
            m->used = m->key[i].serial;
}

void fl_member_outcome(struct fl_member *m, const struct fl_outcome *o) {
    buf_clear(&m->outcome);
    fl_outcome_encode(o, &m->outcome);
}

static void take_part(struct fl_member *m, const void *contract, const struct fl_round_view *view,
    uint64_t height, uint64_t now_us) {
    if (view->phase == FL_JUDGING && m->outcome.n > 0 && !fl_contract_has_outcome(contract, m->v) &&
        is_due(m, FL_RECORD_OUTCOME, height))
        buf_put(wish(m, FL_RECORD_OUTCOME), m->outcome.p, m->outcome.n);
    if (!m->reads)
        return;
    if (view->phase >= FL_SUBMITTING && view->phase <= FL_OPENING)
        look_around(m, contract, view, height);
    if (view->phase >= FL_ATTESTING && view->phase <= FL_OPENING)
        wish_complaints(m, contract, view->phase > FL_ATTESTING, height);
    if (view->phase == FL_ATTESTING)
        try_to_attest(m, contract, view, height, now_us);
    if (view->phase == FL_OPENING)
        try_to_open(m, contract, view, height, now_us);
}

size_t fl_member_step(struct fl_member *m, const void *contract, uint64_t height, uint64_t now_us,
    const struct fl_wish **ret_wishes) {
    struct fl_round_view view;
    fl_contract_round(contract, &view);
    m->n_wishes = 0;
    m->height = height;
    keep_key(m, contract, height, now_us, view.phase == FL_IDLE);
    if (view.phase == FL_IDLE && m->round != 0)
        forget_round(m);
    if (view.phase != FL_IDLE && m->round != view.number)
        enter_round(m, &view);
    if (view.phase != FL_IDLE && m->v != 0)
        take_part(m, contract, &view, height, now_us);
    *ret_wishes = m->wish;
    return m->n_wishes;
}

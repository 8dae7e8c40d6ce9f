/* What arrives on the ledger for the learning contract: each thing is judged first, without a change, and then taken. */
#include "base/mem.h"
#include "fedlearn/round/rounds_internal.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

/* ---- vehicles ---- */

void round_convict(struct fl_rounds *c, const struct round_sub *s) {
    fl_suspicion_convict(&c->suspicion, s->token, c->number << 16 | (uint64_t)(s - c->sub));
    c->suspicion_dirty = true;
}

/* Out of this round, and out of the others until the epoch ends. Once it has been counted in, the set stays as it is: its group is not opened,
 * unless it is open already. */
static void exclude(
    struct fl_rounds *c, struct exec_host *h, struct round_sub *s, enum fl_exclusion reason) {
    struct buf b = {0};
    s->excluded = true;
    s->late = s->included;
    if (s->late && s->group < c->n_groups)
        c->group[s->group].given_up = !c->group[s->group].opened;
    rounds_save_sub(c, h, (uint32_t)(s - c->sub));
    if (!s->late)
        round_convict(c, s);
    buf_u8(&b, FL_RECORDS_VERSION);
    buf_u64(&b, c->number);
    buf_put(&b, s->token, sizeof(s->token));
    buf_u8(&b, (uint8_t)reason);
    buf_u32(&b, (uint32_t)(s - c->sub));
    exec_event(h, FL_EVENT_EXCLUDED, buf_span(&b));
    buf_free(&b);
}

/* What tokens are worth rests on it (decision 38): who may learn under all of its pseudonyms is many vehicles, and so is who has a ticket over
 * the end of an epoch, or two of them in a round that goes on over it: the epoch is that of the round's OPEN, as the scores' is. How many a
 * vehicle gets is its issuer's business. */
static bool is_ticket(const struct fl_rounds *c, const struct exec_message *m) {
    const uint64_t epoch_us = c->open.config.epoch_us;
    const uint64_t first = m->valid_from_s * 1000000;
    const uint64_t last = m->valid_until_s * 1000000;
    const uint64_t epoch = c->open.time_us / epoch_us;
    return m->permissions == 1 && first < last && first / epoch_us == epoch &&
           (last - 1) / epoch_us == epoch;
}

exec_code rounds_take_message(
    struct fl_rounds *c, struct exec_host *h, const struct exec_message *m) {
    struct fl_submit s;
    if (!fl_submit_decode(m->payload, &s))
        return FL_ROUND_MALFORMED;
    if (c->phase == FL_IDLE || s.round != c->number)
        return FL_ROUND_OTHER_ROUND;
    if (c->phase != FL_SUBMITTING)
        return c->phase < FL_SUBMITTING ? FL_ROUND_TOO_EARLY : FL_ROUND_TOO_LATE;
    if (s.profile != c->open.config.profile->octet)
        return FL_ROUND_OTHER_PROFILE;
    if (s.params != c->open.params)
        return FL_ROUND_OTHER_MODEL;
    if (!is_ticket(c, m))
        return FL_ROUND_NO_TICKET;
    struct round_sub *have = table_get(&c->by_token, m->signer);
    if (have != NULL && memcmp(have->id, s.id, 32) == 0)
        return FL_ROUND_ALREADY; /* the same, signed again: a repeated upload */
    if (have != NULL) {
        if (!have->excluded)
            exclude(c, h, have, FL_EXCLUDED_TWO_SUBMISSIONS);
        return FL_ROUND_TWO_SUBMISSIONS;
    }
    if (fl_suspicion_standing(&c->suspicion, m->signer) == FL_EXCLUDED)
        return FL_ROUND_EXCLUDED;
    if (c->n_subs == c->open.config.submissions_max)
        return FL_ROUND_FULL;
    struct round_sub *n = &c->sub[c->n_subs];
    *n = (struct round_sub){.group = FL_NO_GROUP};
    memcpy(n->id, s.id, sizeof(n->id));
    memcpy(n->token, m->signer, sizeof(n->token));
    memcpy(n->upload_key, s.upload_key, sizeof(n->upload_key));
    (void)table_put(&c->by_token, n->token, n);
    rounds_save_sub(c, h, c->n_subs++);
    c->control_dirty = true;
    return FL_ROUND_OK;
}

/* ---- validators: judging ---- */

struct judged {
    unsigned v; /* member, 1..n */
    union {
        struct fl_key_record key;
        struct fl_attest attest;
        struct fl_complaint_record complaint;
        struct fl_shares_record shares;
        struct fl_outcome outcome;
    } body;
    enum fl_complaint_verdict complaint;
    bool two_sums; /* another sum than it has signed before */
};

/* The round it names is on, in that phase, and the signer is a member. */
static enum fl_round_code judge_place(const struct fl_rounds *c, const struct exec_record *r,
    uint64_t round, enum fl_phase phase, bool *ret_later, struct judged *j) {
    if (c->phase == FL_IDLE || round != c->number) {
        *ret_later = round > c->number && round - c->number <= 1;
        return FL_ROUND_OTHER_ROUND;
    }
    j->v = round_member_of(c, r->signer);
    /* An empty seat has a say in what everybody can compute, and in nothing else. */
    if (j->v == 0 || (phase != FL_JUDGING && (c->empty & 1U << (j->v - 1)) != 0))
        return FL_ROUND_NO_MEMBER;
    if (c->phase < phase) {
        *ret_later = true;
        return FL_ROUND_TOO_EARLY;
    }
    return c->phase > phase ? FL_ROUND_TOO_LATE : FL_ROUND_OK;
}

static enum fl_round_code judge_key(
    const struct fl_rounds *c, const struct exec_record *r, struct judged *j) {
    const struct fl_key_record *k = &j->body.key;
    if (!fl_key_record_decode(r->body, &j->body.key))
        return FL_ROUND_MALFORMED;
    if (r->validator < 0)
        return FL_ROUND_NO_MEMBER;
    if (k->serial != fl_contract_key_serial(c, r->signer) + 1)
        return FL_ROUND_ALREADY;
    return fl_key_check(&k->key, c->cell, r->signer, k->serial, &k->proof) ? FL_ROUND_OK
                                                                           : FL_ROUND_BAD_PROOF;
}

static enum fl_round_code judge_attest(
    const struct fl_rounds *c, const struct exec_record *r, bool *ret_later, struct judged *j) {
    const struct fl_attest *a = &j->body.attest;
    if (!fl_attest_decode(r->body, &j->body.attest))
        return FL_ROUND_MALFORMED;
    enum fl_round_code code = judge_place(c, r, a->round, FL_ATTESTING, ret_later, j);
    if (code != FL_ROUND_OK)
        return code;
    if (c->member[j->v - 1].attested != NULL)
        return FL_ROUND_ALREADY;
    return a->n == c->n_subs ? FL_ROUND_OK : FL_ROUND_WRONG_COUNT;
}

static enum fl_round_code judge_complaint(
    const struct fl_rounds *c, const struct exec_record *r, bool *ret_later, struct judged *j) {
    const struct fl_complaint_record *k = &j->body.complaint;
    struct fl_complaint complaint;
    struct fl_cover cover;
    struct fl_submission s;
    if (!fl_complaint_record_decode(r->body, &j->body.complaint) ||
        fl_complaint_read(k->complaint, &complaint, NULL) != WS_OK ||
        fl_cover_read(k->cover, &cover, NULL) != WS_OK)
        return FL_ROUND_MALFORMED;
    enum fl_round_code code = judge_place(c, r, k->round, FL_ATTESTING, ret_later, j);
    /* The bundle may come when its validator has attested without it; what was opened stays open, and who sent it is out. */
    if (code == FL_ROUND_TOO_LATE && c->phase <= FL_OPENING)
        code = FL_ROUND_OK;
    if (code != FL_ROUND_OK)
        return code;
    if (k->submission >= c->n_subs)
        return FL_ROUND_WRONG_COUNT;
    if (c->sub[k->submission].excluded || c->member[j->v - 1].complained_falsely)
        return FL_ROUND_ALREADY;
    /* Who is not in is in nobody's way, and the draw hangs on the table of scores: no conviction may change it any more. */
    if (c->phase >= FL_DRAWING && !c->sub[k->submission].included)
        return FL_ROUND_TOO_LATE;
    /* Who has vouched for its share cannot find it bad when it has seen what a group adds up to. */
    if (c->phase >= FL_DRAWING && round_attests(c, j->v, k->submission))
        return FL_ROUND_TOO_LATE;
    if (complaint.validator != j->v ||
        fl_submission_accept(&c->round, c->sub[k->submission].token, &cover, &s) !=
            FL_ACCEPT_GOOD ||
        memcmp(s.id, c->sub[k->submission].id, 32) != 0)
        return FL_ROUND_BAD_PROOF;
    j->complaint = fl_complaint_judge(&c->round, &s, &complaint, k->bundle, NULL);
    return j->complaint == FL_COMPLAINT_UPHELD || j->complaint == FL_COMPLAINT_FALSE
               ? FL_ROUND_OK
               : FL_ROUND_BAD_PROOF;
}

static void sum_of(const struct fl_shares_record *s, size_t i, struct fl_share_sum *ret_sum) {
    struct rd r = rd_of(span_of(s->sums.p + i * FL_SUM_OCTETS, FL_SUM_OCTETS));
    fl_share_sum_read(&r, ret_sum);
}

/* A second sum that differs is taken once: it is the evidence. */
static enum fl_round_code judge_shares(
    const struct fl_rounds *c, const struct exec_record *r, bool *ret_later, struct judged *j) {
    const struct fl_shares_record *s = &j->body.shares;
    if (!fl_shares_record_decode(r->body, &j->body.shares))
        return FL_ROUND_MALFORMED;
    enum fl_round_code code = judge_place(c, r, s->round, FL_OPENING, ret_later, j);
    if (code != FL_ROUND_OK)
        return code;
    if ((size_t)s->first + s->n > c->n_groups)
        return FL_ROUND_WRONG_COUNT;
    bool news = false;
    for (size_t i = 0; i < s->n; i++) {
        struct fl_share_sum sum;
        const struct fl_share_sum *have = c->group[s->first + i].sum[j->v - 1];
        sum_of(s, i, &sum);
        news = news || (have == NULL && !c->group[s->first + i].given_up);
        j->two_sums = j->two_sums || (have != NULL && memcmp(have, &sum, sizeof(sum)) != 0);
    }
    bool evidence = j->two_sums && !c->member[j->v - 1].two_sums;
    return news || evidence ? FL_ROUND_OK : FL_ROUND_ALREADY;
}

static enum fl_round_code judge_outcome(
    const struct fl_rounds *c, const struct exec_record *r, bool *ret_later, struct judged *j) {
    const struct fl_outcome *o = &j->body.outcome;
    if (!fl_outcome_decode(r->body, &j->body.outcome))
        return FL_ROUND_MALFORMED;
    enum fl_round_code code = judge_place(c, r, o->round, FL_JUDGING, ret_later, j);
    if (code != FL_ROUND_OK)
        return code;
    if (c->member[j->v - 1].has_outcome)
        return FL_ROUND_ALREADY;
    bool stays = !o->step || o->vetoed;
    if (o->classes != c->model.classes || stays != (memcmp(o->model_hash, c->model.hash, 32) == 0))
        return FL_ROUND_OTHER_MODEL;
    if (o->n_groups != c->n_groups)
        return FL_ROUND_WRONG_COUNT;
    for (size_t g = 0; g < c->n_groups; g++)
        if ((o->group[g].verdict == FL_GIVEN_UP) != c->group[g].given_up)
            return FL_ROUND_WRONG_COUNT;
    return FL_ROUND_OK;
}

static enum fl_round_code judge(
    const struct fl_rounds *c, const struct exec_record *r, bool *ret_later, struct judged *j) {
    *ret_later = false;
    switch (r->kind) {
    case FL_RECORD_KEY:
        return judge_key(c, r, j);
    case FL_RECORD_ATTEST:
        return judge_attest(c, r, ret_later, j);
    case FL_RECORD_COMPLAINT:
        return judge_complaint(c, r, ret_later, j);
    case FL_RECORD_SHARES:
        return judge_shares(c, r, ret_later, j);
    case FL_RECORD_OUTCOME:
        return judge_outcome(c, r, ret_later, j);
    default:
        return FL_ROUND_UNKNOWN_KIND;
    }
}

exec_code rounds_check_record(
    const struct fl_rounds *c, const struct exec_record *r, bool *ret_later) {
    struct judged *j = ws_alloc(sizeof(*j));
    enum fl_round_code code = judge(c, r, ret_later, j);
    free(j);
    return (exec_code)code;
}

/* ---- validators: taking ---- */

/* Who has left the committee needs no key any more. */
static void drop_keys(struct fl_rounds *c, struct exec_host *h) {
    struct fl_validator *set = ws_calloc(FL_KEYS_MAX, sizeof(*set));
    size_t n = c->committee.validators(c->committee.self, c->height, set, FL_KEYS_MAX);
    size_t kept = 0;
    for (size_t i = 0; i < c->n_keys; i++) {
        bool in = false;
        for (size_t v = 0; v < n && !in; v++)
            in = memcmp(set[v].address, c->key[i].address, 32) == 0;
        if (in)
            c->key[kept++] = c->key[i];
        else
            rounds_drop_key(&c->key[i], h);
    }
    c->n_keys = kept;
    free(set);
}

static enum fl_round_code take_key(
    struct fl_rounds *c, struct exec_host *h, const struct exec_record *r, const struct judged *j) {
    struct round_key *k = round_find_key(c, r->signer);
    if (k == NULL && c->n_keys == FL_KEYS_MAX)
        drop_keys(c, h);
    if (k == NULL && c->n_keys == FL_KEYS_MAX)
        return FL_ROUND_FULL;
    if (k == NULL) {
        k = &c->key[c->n_keys++];
        memcpy(k->address, r->signer, sizeof(k->address));
    }
    k->serial = j->body.key.serial;
    k->key = j->body.key.key;
    rounds_save_key(k, h);
    return FL_ROUND_OK;
}

static void take_complaint(struct fl_rounds *c, struct exec_host *h, const struct judged *j) {
    uint32_t i = j->body.complaint.submission;
    if (j->complaint == FL_COMPLAINT_UPHELD) {
        exclude(c, h, &c->sub[i], FL_EXCLUDED_BAD_BUNDLE);
        return;
    }
    c->member[j->v - 1].complained_falsely = true;
    c->control_dirty = true;
    round_tell_fault(c, h, j->v, FL_FAULT_FALSE_COMPLAINT, i);
}

static void take_shares(struct fl_rounds *c, struct exec_host *h, const struct judged *j) {
    const struct fl_shares_record *s = &j->body.shares;
    for (size_t i = 0; i < s->n; i++) {
        struct round_group *g = &c->group[s->first + i];
        if (g->sum[j->v - 1] != NULL || g->given_up)
            continue;
        struct fl_share_sum *sum = ws_alloc(sizeof(*sum));
        sum_of(s, i, sum);
        g->sum[j->v - 1] = sum;
        g->dirty = true;
        rounds_save_sum(h, s->first + i, j->v, sum);
    }
    if (j->two_sums && !c->member[j->v - 1].two_sums) {
        c->member[j->v - 1].two_sums = true;
        c->control_dirty = true;
        round_tell_fault(c, h, j->v, FL_FAULT_TWO_SUMS, s->first);
    }
}

exec_code rounds_take_record(
    struct fl_rounds *c, struct exec_host *h, const struct exec_record *r) {
    struct judged *j = ws_alloc(sizeof(*j));
    bool later;
    enum fl_round_code code = judge(c, r, &later, j);
    if (code != FL_ROUND_OK) {
        free(j);
        return (exec_code)code;
    }
    if (r->kind == FL_RECORD_KEY) {
        code = take_key(c, h, r, j);
    } else if (r->kind == FL_RECORD_ATTEST) {
        struct round_member *m = &c->member[j->v - 1];
        struct span bits = j->body.attest.bits;
        m->attested = ws_alloc(bits.n + 1);
        memcpy(m->attested, bits.p, bits.n);
        rounds_save_attest(c, h, j->v);
    } else if (r->kind == FL_RECORD_COMPLAINT) {
        take_complaint(c, h, j);
    } else if (r->kind == FL_RECORD_SHARES) {
        take_shares(c, h, j);
    } else {
        struct round_member *m = &c->member[j->v - 1];
        m->has_outcome = true;
        exec_sha256_one(r->body, m->outcome);
        rounds_save_outcome(h, j->v, r->body);
    }
    free(j);
    return (exec_code)code;
}

/* ---- orders ---- */

exec_code rounds_check_order(const struct exec_order *o) {
    struct fl_model_order m;
    if (o->kind == FL_ORDER_STOP)
        return o->body.n == 0 ? FL_ROUND_OK : FL_ROUND_MALFORMED;
    return fl_model_order_decode(o->body, &m) ? FL_ROUND_OK : FL_ROUND_MALFORMED;
}

exec_code rounds_take_order(struct fl_rounds *c, struct exec_host *h, const struct exec_order *o) {
    struct fl_model_order m = {0};
    if (o->kind == FL_ORDER_STOP ? o->body.n != 0 : !fl_model_order_decode(o->body, &m))
        return FL_ROUND_MALFORMED;
    if (o->kind == FL_ORDER_STOP && c->model.name[0] == '\0')
        return FL_ROUND_NO_MODEL;
    if (c->phase != FL_IDLE)
        rounds_abort(c, h, FL_ABORT_ORDERED);
    uint64_t version = c->model.version;
    uint8_t parent[32];
    memcpy(parent, c->model.hash, sizeof(parent));
    c->model =
        (struct fl_model_view){.version = version}; /* versions go on: each names one model */
    if (o->kind == FL_ORDER_MODEL) {
        struct buf b = {0};
        memcpy(c->model.name, m.name, sizeof(m.name));
        memcpy(c->model.hash, m.hash, sizeof(m.hash));
        memcpy(c->model.parent, parent, sizeof(parent));
        memcpy(c->model.root_set, m.root_set, sizeof(m.root_set));
        c->model.params = m.params;
        c->model.classes = m.classes;
        c->model.version++;
        c->opened_us = 0; /* the first round begins as soon as it can */
        buf_u8(&b, FL_RECORDS_VERSION);
        buf_u64(&b, c->model.version);
        buf_put(&b, o->body.p, o->body.n);
        exec_event(h, FL_EVENT_MODEL, buf_span(&b));
        buf_free(&b);
    }
    rounds_save_model(c, h);
    c->control_dirty = true;
    return FL_ROUND_OK;
}

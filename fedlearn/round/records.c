#include "fedlearn/round/records.h"

#include "base/assert.h"

static bool is_zero(const uint8_t *p, size_t n) {
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

static void begin(struct buf *b, uint64_t number) {
    buf_u8(b, FL_RECORDS_VERSION);
    buf_u64(b, number);
}

/* Version and number; a reader that is bad when the version is another. */
static struct rd opened(struct span octets, uint64_t *ret_number) {
    struct rd r = rd_of(octets);
    r.bad = rd_u8(&r) != FL_RECORDS_VERSION || r.bad;
    *ret_number = rd_u64(&r);
    return r;
}

static bool rd_bool(struct rd *r) {
    uint8_t v = rd_u8(r);
    r->bad = r->bad || v > 1;
    return v == 1;
}

/* ---- records ---- */

void fl_key_record_encode(const struct fl_key_record *k, struct buf *b) {
    uint8_t proof[FL_PROOF_OCTETS];
    begin(b, k->serial);
    buf_put(b, k->key.b, sizeof(k->key.b));
    fl_proof_put(&k->proof, proof);
    buf_put(b, proof, sizeof(proof));
}

bool fl_key_record_decode(struct span octets, struct fl_key_record *ret) {
    struct rd r = opened(octets, &ret->serial);
    fl_point_read(&r, &ret->key);
    fl_proof_read(&r, &ret->proof);
    return rd_done(&r) && ret->serial > 0;
}

void fl_attest_encode(const struct fl_attest *a, struct buf *b) {
    WS_ASSERT(a->n <= FL_SUBMISSIONS_MAX && a->bits.n == (a->n + 7) / 8);
    begin(b, a->round);
    buf_u32(b, a->n);
    buf_put(b, a->bits.p, a->bits.n);
}

bool fl_attest_decode(struct span octets, struct fl_attest *ret) {
    struct rd r = opened(octets, &ret->round);
    ret->n = rd_u32(&r);
    if (r.bad || ret->n > FL_SUBMISSIONS_MAX)
        return false;
    ret->bits = rd_take(&r, (ret->n + 7) / 8);
    if (!rd_done(&r))
        return false;
    return ret->n % 8 == 0 || (ret->bits.p[ret->bits.n - 1] & (0xffU >> (ret->n % 8))) == 0;
}

void fl_complaint_record_encode(const struct fl_complaint_record *c, struct buf *b) {
    WS_ASSERT(c->complaint.n == FL_COMPLAINT_OCTETS);
    begin(b, c->round);
    buf_u32(b, c->submission);
    buf_put(b, c->complaint.p, c->complaint.n);
    buf_var(b, c->cover);
    buf_var(b, c->bundle);
}

bool fl_complaint_record_decode(struct span octets, struct fl_complaint_record *ret) {
    struct rd r = opened(octets, &ret->round);
    ret->submission = rd_u32(&r);
    ret->complaint = rd_take(&r, FL_COMPLAINT_OCTETS);
    ret->cover = rd_var(&r, FL_COVER_OCTETS_MAX);
    ret->bundle = rd_var(&r, FL_SHARE_OCTETS + FL_SEAL_OCTETS);
    return rd_done(&r) && ret->submission < FL_SUBMISSIONS_MAX;
}

void fl_shares_record_encode(const struct fl_shares_record *s, struct buf *b) {
    WS_ASSERT(s->n >= 1 && s->n <= FL_SHARES_MAX && s->sums.n == (size_t)s->n * FL_SUM_OCTETS);
    begin(b, s->round);
    buf_u16(b, s->first);
    buf_u16(b, s->n);
    buf_put(b, s->sums.p, s->sums.n);
}

bool fl_shares_record_decode(struct span octets, struct fl_shares_record *ret) {
    struct rd r = opened(octets, &ret->round);
    ret->first = rd_u16(&r);
    ret->n = rd_u16(&r);
    if (r.bad || ret->n < 1 || ret->n > FL_SHARES_MAX || ret->first + ret->n > FL_MAX_GROUPS)
        return false;
    ret->sums = rd_take(&r, (size_t)ret->n * FL_SUM_OCTETS);
    if (!rd_done(&r))
        return false;
    struct rd sums = rd_of(ret->sums);
    struct fl_share_sum sum;
    for (size_t i = 0; i < ret->n; i++)
        fl_share_sum_read(&sums, &sum);
    return rd_done(&sums);
}

/* ---- outcome ---- */

enum { OUTCOME_CLIPPED = 1, OUTCOME_STEP = 1, OUTCOME_VETOED = 2 };

static void put_group(struct buf *b, const struct fl_group_outcome *g) {
    buf_u8(b, (uint8_t)g->verdict);
    buf_u8(b, g->clipped);
    buf_u64(b, g->residual);
    buf_u64(b, g->norm);
    buf_u64(b, g->distance);
    buf_put(b, g->sum_hash, sizeof(g->sum_hash));
}

static void read_group(struct rd *r, struct fl_group_outcome *g) {
    uint8_t verdict = rd_u8(r);
    r->bad = r->bad || verdict >= FL_VERDICT_COUNT;
    g->verdict = verdict;
    g->clipped = rd_bool(r);
    g->residual = rd_u64(r);
    g->norm = rd_u64(r);
    g->distance = rd_u64(r);
    rd_copy(r, g->sum_hash, sizeof(g->sum_hash));
    r->bad = r->bad || (g->clipped && fl_verdict_flags(g->verdict));
}

void fl_outcome_encode(const struct fl_outcome *o, struct buf *b) {
    WS_ASSERT(o->n_groups >= 1 && o->n_groups <= FL_MAX_GROUPS && o->classes <= FL_MAX_CLASSES &&
              o->n_changes <= FL_CHANGES_MAX);
    begin(b, o->round);
    buf_u16(b, o->n_groups);
    for (size_t i = 0; i < o->n_groups; i++)
        put_group(b, &o->group[i]);
    buf_u8(b, (uint8_t)((o->step ? OUTCOME_STEP : 0) | (o->vetoed ? OUTCOME_VETOED : 0)));
    buf_u32(b, o->accepted);
    buf_u32(b, o->vehicles);
    buf_u64(b, o->step_norm);
    buf_put(b, o->model_hash, sizeof(o->model_hash));
    buf_u8(b, o->classes);
    for (size_t i = 0; i < (size_t)o->classes * o->classes; i++)
        buf_u32(b, o->before[i]);
    for (size_t i = 0; i < (size_t)o->classes * o->classes; i++)
        buf_u32(b, o->after[i]);
    buf_u8(b, o->n_changes);
    for (size_t i = 0; i < o->n_changes; i++) {
        buf_u32(b, o->change[i].index);
        buf_i32(b, o->change[i].before);
        buf_i32(b, o->change[i].after);
    }
}

static bool in_model(int32_t v) {
    return v >= -FL_PARAM_MAX && v <= FL_PARAM_MAX;
}

static uint32_t size_of(const struct fl_change *c) {
    int32_t d = c->after - c->before; /* both are below 2^26 */
    return (uint32_t)(d < 0 ? -d : d);
}

static bool changes_in_order(const struct fl_outcome *o) {
    for (size_t i = 0; i < o->n_changes; i++) {
        const struct fl_change *c = &o->change[i];
        if (c->index >= FL_MAX_PARAMS || !in_model(c->before) || !in_model(c->after) ||
            size_of(c) == 0)
            return false;
        if (i == 0)
            continue;
        const struct fl_change *p = &o->change[i - 1];
        if (size_of(p) < size_of(c) || (size_of(p) == size_of(c) && p->index >= c->index))
            return false;
    }
    return true;
}

static struct fl_change read_change(struct rd *r) {
    struct fl_change c = {.index = rd_u32(r)};
    c.before = rd_i32(r);
    c.after = rd_i32(r);
    return c;
}

bool fl_outcome_decode(struct span octets, struct fl_outcome *ret) {
    memset(ret, 0, sizeof(*ret));
    struct rd r = opened(octets, &ret->round);
    ret->n_groups = rd_u16(&r);
    if (r.bad || ret->n_groups < 1 || ret->n_groups > FL_MAX_GROUPS)
        return false;
    for (size_t i = 0; i < ret->n_groups; i++)
        read_group(&r, &ret->group[i]);
    uint8_t flags = rd_u8(&r);
    ret->step = (flags & OUTCOME_STEP) != 0;
    ret->vetoed = (flags & OUTCOME_VETOED) != 0;
    ret->accepted = rd_u32(&r);
    ret->vehicles = rd_u32(&r);
    ret->step_norm = rd_u64(&r);
    rd_copy(&r, ret->model_hash, sizeof(ret->model_hash));
    ret->classes = rd_u8(&r);
    if (r.bad || flags > (OUTCOME_STEP | OUTCOME_VETOED) || ret->classes > FL_MAX_CLASSES)
        return false;
    for (size_t i = 0; i < (size_t)ret->classes * ret->classes; i++)
        ret->before[i] = rd_u32(&r);
    for (size_t i = 0; i < (size_t)ret->classes * ret->classes; i++)
        ret->after[i] = rd_u32(&r);
    ret->n_changes = rd_u8(&r);
    if (r.bad || ret->n_changes > FL_CHANGES_MAX)
        return false;
    for (size_t i = 0; i < ret->n_changes; i++)
        ret->change[i] = read_change(&r);
    return rd_done(&r) && changes_in_order(ret) && (ret->step || !ret->vetoed) &&
           (ret->step || ret->n_changes == 0) && ret->accepted <= ret->n_groups;
}

/* ---- orders ---- */

void fl_model_order_encode(const struct fl_model_order *m, struct buf *b) {
    size_t n = strlen(m->name);
    buf_u8(b, FL_RECORDS_VERSION);
    buf_u8(b, (uint8_t)n);
    buf_put(b, m->name, n);
    buf_u32(b, m->params);
    buf_u8(b, m->classes);
    buf_put(b, m->hash, sizeof(m->hash));
    buf_put(b, m->root_set, sizeof(m->root_set));
}

bool fl_model_name_good(struct span s) {
    if (s.n == 0 || s.n >= FL_MODEL_NAME)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i > 0)))
            return false;
    }
    return true;
}

bool fl_model_order_decode(struct span octets, struct fl_model_order *ret) {
    memset(ret, 0, sizeof(*ret));
    struct rd r = rd_of(octets);
    r.bad = rd_u8(&r) != FL_RECORDS_VERSION || r.bad;
    struct span name = rd_take(&r, rd_u8(&r));
    ret->params = rd_u32(&r);
    ret->classes = rd_u8(&r);
    rd_copy(&r, ret->hash, sizeof(ret->hash));
    rd_copy(&r, ret->root_set, sizeof(ret->root_set));
    if (!rd_done(&r) || !fl_model_name_good(name))
        return false;
    memcpy(ret->name, name.p, name.n);
    bool has_set = !is_zero(ret->root_set, sizeof(ret->root_set));
    return ret->params >= 1 && ret->params <= FL_MAX_PARAMS && ret->classes <= FL_MAX_CLASSES &&
           has_set == (ret->classes > 0) && !is_zero(ret->hash, sizeof(ret->hash));
}

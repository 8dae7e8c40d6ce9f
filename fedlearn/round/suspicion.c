#include "fedlearn/round/suspicion.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, ONE_PPM = 1000000, RECORD = FL_TOKEN + 4 + 4 * 2 + 1 + 8 };

/* log2 of x > 0 with 16 fraction bits, by squaring the mantissa: each square tells one bit. */
static int64_t log2_q16(uint64_t x) {
    unsigned whole = 63U - (unsigned)__builtin_clzll(x);
    uint64_t m = whole > 31 ? x >> (whole - 31) : x << (31 - whole); /* [2^31, 2^32) */
    int64_t r = (int64_t)whole << 16;
    for (int64_t bit = 1 << 15; bit != 0; bit >>= 1) {
        m = m * m >> 31;
        if (m >= (uint64_t)1 << 32) {
            m >>= 1;
            r += bit;
        }
    }
    return r;
}

/* ln(a / b) in 2^-16. 45426 = ln 2 * 2^16. */
static int32_t log_ratio(uint64_t a, uint64_t b) {
    return (int32_t)((log2_q16(a) - log2_q16(b)) * 45426 / 65536);
}

struct fl_flag_weights fl_suspicion_weights(
    const struct fl_suspicion_rules *r, uint32_t group_size, uint32_t seen_ppm) {
    WS_ASSERT(group_size >= 1 && group_size <= 1024 && seen_ppm <= ONE_PPM);
    uint64_t good = ONE_PPM - r->bad_ppm;
    uint64_t clean = (uint64_t)1 << 32;
    for (uint32_t i = 1; i < group_size; i++)
        clean = clean * good / ONE_PPM;
    uint64_t flag_good = ONE_PPM - (clean * ONE_PPM >> 32);
    flag_good = flag_good < r->flag_good_ppm ? r->flag_good_ppm : flag_good;
    flag_good = flag_good < seen_ppm ? seen_ppm : flag_good;
    /* In groups so large that everybody is flagged, a flag says nothing. */
    if (flag_good >= r->flag_bad_ppm)
        return (struct fl_flag_weights){0, 0};
    return (struct fl_flag_weights){.flagged = log_ratio(r->flag_bad_ppm, flag_good),
        .clean = log_ratio(ONE_PPM - r->flag_bad_ppm, ONE_PPM - flag_good)};
}

struct fl_suspicion fl_suspicion_new(const struct fl_suspicion_rules *rules, uint32_t max) {
    WS_ASSERT(max >= 1 && max <= FL_MAX_TOKENS);
    WS_ASSERT(fl_suspicion_check(rules, NULL) == 0);
    return (struct fl_suspicion){
        .rules = *rules, .max = max, .all = ws_calloc(max, sizeof(struct fl_suspect))};
}

void fl_suspicion_free(struct fl_suspicion *s) {
    free(s->all);
    *s = (struct fl_suspicion){0};
}

void fl_suspicion_epoch(struct fl_suspicion *s, uint64_t epoch) {
    if (s->epoch != epoch)
        s->n = 0;
    s->epoch = epoch;
}

static int by_token(const void *a, const void *b) {
    const struct fl_sighting *x = a;
    const struct fl_sighting *y = b;
    int c = memcmp(x->token, y->token, FL_TOKEN);
    if (c != 0)
        return c;
    /* Twins: the same one comes first whatever the order they came in. */
    if (x->evidence != y->evidence)
        return x->evidence < y->evidence ? -1 : 1;
    if (x->flagged != y->flagged)
        return x->flagged ? -1 : 1;
    return (x->group_size > y->group_size) - (x->group_size < y->group_size);
}

static void count(uint16_t *c) {
    *c = *c == UINT16_MAX ? *c : (uint16_t)(*c + 1);
}

/* What one round does to one token. */
static void score(const struct fl_suspicion *s, struct fl_suspect *t, const struct fl_sighting *g,
    uint32_t seen_ppm) {
    count(g->flagged ? &t->flagged : &t->clean);
    if (g->flagged)
        t->evidence = g->evidence;
    if (t->standing == FL_QUARANTINED) {
        t->failed = g->flagged ? (uint16_t)(t->failed + 1) : 0;
        t->passed = g->flagged ? 0 : (uint16_t)(t->passed + 1);
        if (t->failed >= s->rules.quarantine_rounds)
            t->standing = FL_EXCLUDED;
        if (t->passed < s->rules.quarantine_rounds)
            return;
        t->standing = FL_FREE;
        t->score = s->rules.quarantine / 2;
        t->passed = 0;
        return;
    }
    struct fl_flag_weights w = fl_suspicion_weights(&s->rules, g->group_size, seen_ppm);
    int64_t v = (int64_t)t->score + (g->flagged ? w.flagged : w.clean);
    t->score = (int32_t)(v < s->rules.floor ? s->rules.floor : v);
    if (t->score >= s->rules.quarantine) {
        t->standing = FL_QUARANTINED;
        t->failed = t->passed = 0;
    }
}

static size_t distinct(struct fl_sighting *v, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || memcmp(v[kept - 1].token, v[i].token, FL_TOKEN) != 0)
            v[kept++] = v[i];
    return kept;
}

/* ---- who has a place ---- */

/* One that stands as if it had never been here: forgetting it changes nothing. */
static bool is_newcomer(const struct fl_suspect *t) {
    return t->standing == FL_FREE && t->score == 0;
}

/* Whose place is given away first: the free one of the lowest score, of quarantined ones likewise, then who was excluded longest ago;
 * the highest token of equals. */
static bool goes_before(const struct fl_suspect *a, const struct fl_suspect *b) {
    if (a->standing != b->standing)
        return a->standing < b->standing;
    if (a->standing != FL_EXCLUDED && a->score != b->score)
        return a->score < b->score;
    if (a->standing == FL_EXCLUDED && a->evidence != b->evidence)
        return a->evidence < b->evidence;
    return memcmp(a->token, b->token, FL_TOKEN) > 0;
}

static int by_turn(const void *x, const void *y) {
    const struct fl_suspect *const *a = x;
    const struct fl_suspect *const *b = y;
    return goes_before(*a, *b) ? -1 : goes_before(*b, *a) ? 1 : 0;
}

/* Into the table, at most `max` of them. They are in order of token and stay so. */
static void keep(struct fl_suspicion *s, struct fl_suspect *all, size_t n) {
    const size_t over = n > s->max ? n - s->max : 0;
    if (over > 0) {
        const struct fl_suspect **turn =
            (const struct fl_suspect **)ws_calloc(n, sizeof(struct fl_suspect *));
        bool *goes = ws_calloc(n, sizeof(*goes));
        for (size_t i = 0; i < n; i++)
            turn[i] = &all[i];
        qsort((void *)turn, n, sizeof(const struct fl_suspect *), by_turn);
        for (size_t i = 0; i < over; i++)
            goes[turn[i] - all] = true;
        size_t kept = 0;
        for (size_t i = 0; i < n; i++)
            if (!goes[i])
                all[kept++] = all[i];
        n = kept;
        s->full += over;
        free(goes);
        free((void *)turn);
    }
    memcpy(s->all, all, n * sizeof(*all));
    s->n = (uint32_t)n;
}

size_t fl_suspicion_round(struct fl_suspicion *s, struct fl_sighting *sightings, size_t n,
    uint32_t seen_ppm, struct fl_suspect *ret_changed) {
    if (n == 0)
        return 0;
    qsort(sightings, n, sizeof(*sightings), by_token);
    n = distinct(sightings, n);
    struct fl_suspect *all = ws_calloc(s->n + n, sizeof(*all));
    size_t to = 0;
    size_t old = 0;
    size_t changed = 0;
    for (size_t i = 0; i < n; i++) {
        const struct fl_sighting *g = &sightings[i];
        while (old < s->n && memcmp(s->all[old].token, g->token, FL_TOKEN) < 0)
            all[to++] = s->all[old++];
        struct fl_suspect t = {0};
        if (old < s->n && memcmp(s->all[old].token, g->token, FL_TOKEN) == 0)
            t = s->all[old++];
        memcpy(t.token, g->token, FL_TOKEN);
        const enum fl_standing before = t.standing;
        if (before != FL_EXCLUDED)
            score(s, &t, g, seen_ppm);
        if (t.standing != before && ret_changed != NULL)
            ret_changed[changed] = t;
        changed += t.standing != before;
        if (!is_newcomer(&t))
            all[to++] = t;
    }
    while (old < s->n)
        all[to++] = s->all[old++];
    keep(s, all, to);
    free(all);
    return changed;
}

/* The first token that is not below this one. */
static size_t place(const struct fl_suspicion *s, const uint8_t *token) {
    size_t low = 0;
    size_t high = s->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(s->all[middle].token, token, FL_TOKEN) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct fl_suspicion *s, size_t at, const uint8_t *token) {
    return at < s->n && memcmp(s->all[at].token, token, FL_TOKEN) == 0;
}

/* Gives away one place of a table that is full. */
static void make_room(struct fl_suspicion *s) {
    size_t out = 0;
    for (size_t i = 1; i < s->n; i++)
        if (goes_before(&s->all[i], &s->all[out]))
            out = i;
    s->n--;
    memmove(&s->all[out], &s->all[out + 1], (s->n - out) * sizeof(*s->all));
    s->full++;
}

void fl_suspicion_convict(struct fl_suspicion *s, const uint8_t *token, uint64_t evidence) {
    size_t at = place(s, token);
    if (!is_at(s, at, token)) {
        if (s->n == s->max)
            make_room(s);
        at = place(s, token);
        memmove(&s->all[at + 1], &s->all[at], (s->n - at) * sizeof(*s->all));
        s->all[at] = (struct fl_suspect){0};
        memcpy(s->all[at].token, token, FL_TOKEN);
        s->n++;
    }
    count(&s->all[at].flagged);
    s->all[at].standing = FL_EXCLUDED;
    s->all[at].evidence = evidence;
}

enum fl_standing fl_suspicion_standing(const struct fl_suspicion *s, const uint8_t *token) {
    size_t at = place(s, token);
    return is_at(s, at, token) ? s->all[at].standing : FL_FREE;
}

bool fl_suspicion_find(
    const struct fl_suspicion *s, const uint8_t *token, struct fl_suspect *ret_suspect) {
    const size_t at = place(s, token);
    if (!is_at(s, at, token))
        return false;
    *ret_suspect = s->all[at];
    return true;
}

static void put(struct buf *b, const struct fl_suspect *t) {
    buf_put(b, t->token, FL_TOKEN);
    buf_i32(b, t->score);
    buf_u16(b, t->flagged);
    buf_u16(b, t->clean);
    buf_u16(b, t->failed);
    buf_u16(b, t->passed);
    buf_u8(b, (uint8_t)t->standing);
    buf_u64(b, t->evidence);
}

void fl_suspicion_encode(const struct fl_suspicion *s, struct buf *ret) {
    buf_u8(ret, VERSION);
    buf_u64(ret, s->epoch);
    buf_u32(ret, s->n);
    for (size_t i = 0; i < s->n; i++)
        put(ret, &s->all[i]);
}

/* A state that no sequence of rounds leads to is not taken. Bounds are those of all rules, not of these: the policy may
 * have changed since the table was written. */
static const char *fault_of(const struct fl_suspicion *s, size_t i) {
    const struct fl_suspect *t = &s->all[i];
    if (i != 0 && memcmp(s->all[i - 1].token, t->token, FL_TOKEN) >= 0)
        return "is not above the one before";
    if ((unsigned)t->standing >= FL_STANDING_COUNT)
        return "has an unknown standing";
    if (is_newcomer(t))
        return "stands as if it were not there";
    if (t->score < -100 * FL_NAT || t->score > 200 * FL_NAT)
        return "has a score out of range";
    if (t->failed > FL_QUARANTINE_MAX || t->passed >= FL_QUARANTINE_MAX ||
        (t->failed != 0 && t->passed != 0) || (t->standing == FL_FREE && t->failed != 0))
        return "has impossible counts of quarantine";
    if ((t->flagged != 0) != (t->evidence != 0))
        return "has flags without evidence, or evidence without flags";
    return NULL;
}

int fl_suspicion_decode(struct fl_suspicion *s, struct span octets, struct ws_err *err) {
    struct rd r = rd_of(octets);
    s->n = 0;
    uint8_t version = rd_u8(&r);
    uint64_t epoch = rd_u64(&r);
    uint32_t n = rd_u32(&r);
    if (r.bad || version != VERSION)
        return ws_fail(err, WS_EINPUT, "no score table of version %d", VERSION);
    if (n > s->max)
        return ws_fail(err, WS_ELIMIT, "%u tokens; there is room for %u", n, s->max);
    if (rd_left(&r) != (size_t)n * RECORD)
        return ws_fail(err, WS_EINPUT, "%zu octets for %u tokens", rd_left(&r), n);
    for (uint32_t i = 0; i < n; i++) {
        struct fl_suspect *t = &s->all[i];
        rd_copy(&r, t->token, FL_TOKEN);
        t->score = rd_i32(&r);
        t->flagged = rd_u16(&r);
        t->clean = rd_u16(&r);
        t->failed = rd_u16(&r);
        t->passed = rd_u16(&r);
        t->standing = (enum fl_standing)rd_u8(&r);
        t->evidence = rd_u64(&r);
        const char *fault = fault_of(s, i);
        if (fault != NULL)
            return ws_fail(err, WS_EINPUT, "token %u of the score table %s", i, fault);
    }
    WS_ASSERT(rd_done(&r));
    s->epoch = epoch;
    s->n = n;
    return 0;
}

void fl_suspicion_root(const struct fl_suspicion *s, uint8_t ret_root[static 32]) {
    uint8_t(*leaves)[32] = ws_calloc(s->n != 0 ? s->n : 1, 32);
    struct buf b = {0};
    for (size_t i = 0; i < s->n; i++) {
        buf_clear(&b);
        put(&b, &s->all[i]);
        exec_list_leaf(buf_span(&b), leaves[i]);
    }
    exec_list_root((const uint8_t(*)[32])leaves, s->n, ret_root);
    buf_free(&b);
    free(leaves);
}

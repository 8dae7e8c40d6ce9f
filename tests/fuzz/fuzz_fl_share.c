/* What a learning round takes from outside: covers, bundles, complaints, sums of shares, draws. First octet: which. What is read has
 * exactly one encoding; what is judged against a submission of an honest vehicle never blames anybody who is not to blame. */
#include "base/assert.h"
#include "fedlearn/round/group.h"
#include "fedlearn/vehicle/share_sum.h"
#include "tests/fuzz/fl_share_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void cover(const struct fl_share_world *w, struct span s) {
    static struct fl_cover c;
    static struct fl_submission got;
    static uint8_t again[FL_COVER_OCTETS_MAX];
    struct ws_err err;
    if (fl_cover_read(s, &c, &err) != WS_OK) {
        WS_ASSERT(err.text[0] != '\0');
        return;
    }
    WS_ASSERT(s.n == fl_cover_octets(c.n));
    fl_cover_put(&c, again);
    WS_ASSERT(span_equal(s, span_of(again, s.n)));
    /* Whatever is changed, it is not another's submission that is good here. */
    if (fl_submission_accept(&w->round, w->sender, &c, &got) == FL_ACCEPT_GOOD)
        WS_ASSERT(memcmp(got.challenge, w->submission.challenge, FL_CHALLENGE) == 0);
}

/* The vehicle committed to these octets, whatever they are. */
static void bundle(const struct fl_share_world *w, struct span s) {
    static struct fl_submission own;
    uint16_t share[FL_SHARE_VALUES];
    struct fl_complaint c;
    enum fl_bundle_verdict reason;
    if (s.n == 0)
        return;
    const unsigned v = 1 + s.p[0] % w->round.n;
    s = span_of(s.p + 1, s.n - 1);
    own = w->submission;
    exec_list_leaf(s, own.cover.bundle_leaf[v - 1]);
    const enum fl_bundle_verdict seen =
        fl_bundle_open(&w->round, &own, v, s, w->reader[v - 1], share);
    fl_complaint_make(&w->round, &own, v, w->reader[v - 1], &c);
    const enum fl_complaint_verdict verdict = fl_complaint_judge(&w->round, &own, &c, s, &reason);
    WS_ASSERT(reason == seen);
    WS_ASSERT(verdict == (seen == FL_BUNDLE_GOOD ? FL_COMPLAINT_FALSE : FL_COMPLAINT_UPHELD));
}

/* The sealed part right, what is in it anything. */
static void plain(const struct fl_share_world *w, struct span s) {
    uint16_t share[FL_SHARE_VALUES];
    const struct fl_submission *m = &w->submission;
    if (s.n == 0)
        return;
    const unsigned v = 1 + s.p[0] % w->round.n;
    const size_t correction = m->plan.kind == FL_SHARE_PIECES ? FL_SHARE_OCTETS : 0;
    if (fl_share_take(&m->plan, v, span_of(s.p + 1, s.n - 1),
            span_of(m->cover.correction, correction), m->challenge,
            span_of(m->cover.checks, FL_CHECK_OCTETS(m->plan.f)), share) == FL_SHARE_GOOD)
        for (size_t i = 0; i < FL_SHARE_VALUES; i++)
            WS_ASSERT(share[i] < FL_SHARE_PRIME);
}

static void complaint(const struct fl_share_world *w, struct span s) {
    struct fl_complaint c;
    uint8_t again[FL_COMPLAINT_OCTETS];
    if (fl_complaint_read(s, &c, NULL) != WS_OK)
        return;
    fl_complaint_put(&c, again);
    WS_ASSERT(span_equal(s, span_of(again, sizeof(again))));
    if (c.validator > w->round.n)
        return;
    const enum fl_complaint_verdict v =
        fl_complaint_judge(&w->round, &w->submission, &c, w->bundle[c.validator - 1], NULL);
    WS_ASSERT(v != FL_COMPLAINT_UPHELD && v != FL_COMPLAINT_OTHER_BUNDLE);
}

/* Bits of who came; then per validator that came a position and a value by which it lies (0: it does not). */
static void sums(struct span s) {
    static struct fl_share_sum sum[FL_VALIDATORS_MAX];
    const struct fl_share_sum *given[FL_VALIDATORS_MAX] = {NULL};
    struct fl_key_sum out;
    struct rd r = rd_of(s);
    const unsigned n = FL_VALIDATORS_MIN + rd_u8(&r) % (FL_VALIDATORS_MAX - FL_VALIDATORS_MIN + 1);
    const uint32_t came = rd_u32(&r);
    unsigned lies = 0, honest = 0;
    memset(sum, 0, sizeof(sum));
    for (unsigned v = 0; v < n; v++) {
        if ((came >> v & 1U) == 0)
            continue;
        const unsigned at = rd_u16(&r) % FL_KEY_VALUES, by = rd_u16(&r) % FL_SHARE_PRIME;
        sum[v].v[at] = (uint16_t)by;
        given[v] = &sum[v];
        lies += by != 0;
        honest += by == 0;
    }
    fl_shares_decode(given, n, &out);
    const unsigned f = fl_faults(n);
    if (lies > f)
        return;
    WS_ASSERT((out.state == FL_DECODE_DONE) == (honest >= 2 * f + 1));
    if (out.state == FL_DECODE_DONE)
        for (unsigned v = 0; v < n; v++) {
            bool lied = false;
            for (size_t i = 0; i < FL_KEY_VALUES; i++)
                lied = lied || sum[v].v[i] != 0;
            WS_ASSERT((out.liars >> v & 1U) == (lied && given[v] != NULL));
        }
}

static void one_sum(struct span s) {
    static struct fl_share_sum sum;
    uint8_t again[FL_SUM_OCTETS];
    struct rd r = rd_of(s);
    fl_share_sum_read(&r, &sum);
    if (!rd_done(&r))
        return;
    fl_share_sum_put(&sum, again);
    WS_ASSERT(span_equal(s, span_of(again, sizeof(again))));
}

static void draw(struct span s) {
    static uint32_t order[4096], first[2049], suspects[256];
    struct fl_drawing d = {.suspects = suspects};
    struct fl_groups g = {.order = order, .first = first};
    struct rd r = rd_of(s);
    rd_copy(&r, d.beacon, 32);
    d.sizes.wanted = rd_u16(&r);
    d.sizes.min = rd_u16(&r);
    d.sizes.max = rd_u16(&r);
    d.n = rd_u16(&r) % 4097;
    for (; rd_left(&r) >= 2 && d.n_suspects < 256;)
        suspects[d.n_suspects++] = rd_u16(&r);
    if (fl_groups_draw(&d, &g) != FL_GROUPS_DRAWN)
        return;
    WS_ASSERT(g.groups > 0 && g.first[0] == 0 && g.first[g.groups] <= d.n);
    for (uint32_t k = 0; k < g.groups; k++) {
        const uint32_t members = first[k + 1] - first[k];
        WS_ASSERT(members >= d.sizes.min && members <= d.sizes.max);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    /* Four validators get pieces, ten get points. */
    const struct fl_share_world *w = fl_share_world(data[0] >> 7 ? 10 : 4);
    const struct span s = span_of(data + 1, size - 1);
    switch (data[0] % 7) {
    case 0:
        cover(w, s);
        break;
    case 1:
        bundle(w, s);
        break;
    case 2:
        plain(w, s);
        break;
    case 3:
        complaint(w, s);
        break;
    case 4:
        sums(s);
        break;
    case 5:
        one_sum(s);
        break;
    default:
        draw(s);
        break;
    }
    return 0;
}

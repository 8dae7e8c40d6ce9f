/* One of seven lies; the others see it, hand in what they saw, and the cell goes on without it: no operator, no order. */
#include "tests/support/cm.h"

#include "ledger/committee/court.h"
#include "ledger/node/node_internal.h"
#include "tests/support/nodes.h"
#include "tests/support/spoil.h"

enum { N = 7, LIAR = 6, SECOND = 1000000 };

struct lie {
    struct nodes *w;
    size_t done;
};

static struct nodes *open_cell(uint64_t seed) {
    struct nodes *w = nodes_new(N, seed);
    w->m[LIAR].liar = true;
    return w;
}

static const struct validator_set *set_now(const struct nodes *w, size_t i) {
    const void *committee = executor_committee(node_executor(w->m[i].node));
    return committee_set(committee, committee_next(committee));
}

static bool sits(const struct nodes *w, size_t i, size_t who) {
    uint8_t key[KEY_OCTETS];
    const struct validator_set *s = set_now(w, i);
    signer_public(w->m[who].signer, key);
    for (size_t k = 0; k < s->n; k++) {
        if (memcmp(s->v[k].key, key, KEY_OCTETS) == 0)
            return true;
    }
    return false;
}

/* Runs until node 0 knows a committee without the liar. */
static void run_until_gone(struct nodes *w, const struct lie *l) {
    for (size_t i = 0; i < 120 && sits(w, 0, LIAR); i++) {
        (void)nodes_report(w, i % LIAR, i % TOWN_CARS, 30);
        nodes_run(w, SECOND);
    }
    assert_true(l->done > 0);
    assert_false(sits(w, 0, LIAR));
    assert_int_equal(set_now(w, 0)->n, N - 1);
    for (size_t i = 0; i < LIAR; i++)
        assert_true(sits(w, 0, i)); /* nobody honest went with it */
    w->tap = NULL;
    uint64_t before = w->highest;
    nodes_run_to(w, before + 5, 60 * SECOND);
    assert_int_equal(set_now(w, 3)->n, N - 1);
    nodes_close(w);
    free(w);
}

/* Nodes 0 and 1 hear that it is for nil, the others what it really said; they compare. */
static bool two_votes(void *ctx, size_t from, size_t to, struct buf *msg) {
    struct lie *l = ctx;
    if (from != LIAR || to > 1 || msg->n == 0 || msg->p[0] != 0x12)
        return true;
    Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg->n, msg->p);
    struct vote v;
    struct rd r = rd_of(span_of(link->vote.data, link->vote.len));
    if (vote_read(&r, &v) && !v.nil && v.validator < set_now(l->w, 0)->n) {
        struct buf b = {0};
        v.nil = true;
        memset(v.id, 0, 32);
        nodes_sign_vote(l->w, LIAR, &v);
        vote_encode(&v, &b);
        memcpy(link->vote.data, b.p, b.n);
        buf_clear(msg);
        (void)wayside__link__link__pack(
            link, buf_grow(msg, wayside__link__link__get_packed_size(link)));
        buf_free(&b);
        l->done++;
    }
    wayside__link__link__free_unpacked(link, NULL);
    return true;
}

static void a_double_voter_goes(void **state) {
    (void)state;
    struct nodes *w = open_cell(21);
    struct lie l = {w, 0};
    w->tap = two_votes;
    w->tap_ctx = &l;
    w->loss = 50; /* so that votes are sent again, by those who heard otherwise */
    run_until_gone(w, &l);
}

/* Everybody hears both of its proposals. */
static bool two_proposals(void *ctx, size_t from, size_t to, struct buf *msg) {
    struct lie *l = ctx;
    hash32 id;
    struct buf other = {0};
    if (from != LIAR || msg->n < 2 || msg->p[0] != 0x0a)
        return true;
    buf_put(&other, msg->p, msg->n);
    if (spoil_proposal(l->w, LIAR, SPOIL_NONE, 1, &other, id)) {
        nodes_send(l->w, from, to, buf_span(&other));
        l->done++;
    }
    buf_free(&other);
    return true;
}

static void a_double_proposer_goes(void **state) {
    (void)state;
    struct nodes *w = open_cell(22);
    struct lie l = {w, 0};
    w->tap = two_proposals;
    w->tap_ctx = &l;
    run_until_gone(w, &l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_double_voter_goes),
        cmocka_unit_test(a_double_proposer_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

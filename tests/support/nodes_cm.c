/* The bent cell for cmocka programs: a contradiction fails the test. */
#include "tests/support/cm.h"

#include "tests/support/nodes.h"

#include <inttypes.h>

static void fail_test(struct nodes *w) {
    fail_msg("%s", w->broken);
}

void nodes_open(struct nodes *w, size_t n, uint64_t seed) {
    struct nodes_plan plan = {.n = n, .seed = seed};
    nodes_begin(w, &plan);
    if (w->broken[0] != '\0')
        fail_test(w);
    w->on_broken = fail_test;
}

void nodes_start_all(struct nodes *w) {
    for (size_t i = 0; i < w->n; i++) {
        struct ws_err err = {0};
        if (w->m[i].node == NULL && nodes_start(w, i, &err) != WS_OK)
            fail_msg("validator %zu does not start: %s", i, err.text);
    }
}

void nodes_run_to(struct nodes *w, uint64_t height, uint64_t us) {
    uint64_t end = w->now.mono_us + us;
    while (!nodes_all_at(w, height)) {
        if (w->now.mono_us >= end)
            fail_msg("height %" PRIu64 " is not reached: %" PRIu64 " %" PRIu64 " %" PRIu64
                     " %" PRIu64 " ...",
                height, nodes_height(w, 0), nodes_height(w, 1), nodes_height(w, 2),
                nodes_height(w, 3));
        nodes_run(w, 20000);
    }
}

void nodes_settle(struct nodes *w) {
    w->tap = NULL;
    nodes_heal(w);
    nodes_run_to(w, w->highest + 3, 300 * 1000000ULL);
    nodes_run_to(w, w->highest, 5 * 1000000ULL);
    for (size_t i = 0; i < w->n; i++)
        assert_int_equal(node_counters(w->m[i].node)->evidence, 0);
    nodes_check_end(w);
}

struct nodes *nodes_new(size_t n, uint64_t seed) {
    struct nodes *w = ws_alloc(sizeof(*w));
    nodes_open(w, n, seed);
    nodes_run_to(w, 2, 20 * 1000000ULL);
    return w;
}

void nodes_end(struct nodes *w) {
    nodes_settle(w);
    nodes_close(w);
    free(w);
}

uint64_t nodes_drops(const struct nodes *w, size_t i, enum node_drop d) {
    return node_counters(w->m[i].node)->drops[d];
}

void nodes_sign_vote(const struct nodes *w, size_t from, struct vote *v) {
    struct buf b = {0};
    vote_sign_bytes(w->cell_id, v, &b);
    signer_sign(w->m[from].signer, buf_span(&b), v->sig);
    buf_free(&b);
}

void nodes_say_vote(struct nodes *w, size_t from, size_t to, const struct vote *v) {
    struct buf b = {0};
    vote_encode(v, &b);
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_VOTE;
    link.vote = (ProtobufCBinaryData){b.n, b.p};
    nodes_deliver(w, from, to, &link);
    buf_free(&b);
}

void nodes_claim_height(struct nodes *w, size_t from, size_t to, uint64_t height) {
    Wayside__Link__Status s = WAYSIDE__LINK__STATUS__INIT;
    char software[] = "test";
    s.height = height;
    s.protocol = 1;
    s.software = software;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_STATUS;
    link.status = &s;
    nodes_deliver(w, from, to, &link);
}

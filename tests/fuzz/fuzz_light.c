/* Everything that ledger/light decodes: what is accepted must encode to the same octets. What is decoded is judged, too, with every
 * signature taken for good, by somebody who believes in one of two cells that the corpus speaks of. */
#include "base/assert.h"
#include "ledger/exec/hash.h"
#include "ledger/light/evidence.h"
#include "ledger/light/fragment.h"
#include "ledger/light/proof.h"
#include "tests/support/light_chain.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same(struct buf *again, struct span s) {
    WS_ASSERT(span_equal(buf_span(again), s));
    buf_clear(again);
}

static void try_parts(struct span s, struct buf *again) {
    struct rd r = rd_of(s);
    struct header h;
    if (header_read(&r, &h) && rd_done(&r)) {
        header_encode(&h, again);
        expect_same(again, s);
    }
    r = rd_of(s);
    struct vote v;
    if (vote_read(&r, &v) && rd_done(&r)) {
        vote_encode(&v, again);
        expect_same(again, s);
    }
    r = rd_of(s);
    struct commit c;
    if (commit_read(&r, &c) && rd_done(&r)) {
        commit_encode(&c, again);
        expect_same(again, s);
    }
    r = rd_of(s);
    struct event e;
    if (event_read(&r, &e) && rd_done(&r)) {
        event_encode(&e, again);
        expect_same(again, s);
    }
}

static bool no_signature_is_good(enum key_alg alg, const uint8_t key[static KEY_OCTETS],
    struct span msg, const uint8_t sig[static SIG_OCTETS]) {
    (void)alg;
    (void)key;
    (void)msg;
    (void)sig;
    return false;
}

static void try_wholes(struct span s, struct buf *again) {
    const struct light_crypto crypto = {exec_sha256, no_signature_is_good};
    struct event_bundle e;
    struct state_bundle t;
    struct genesis g;
    struct event event;
    if (event_bundle_decode(s, &e, NULL) == WS_OK) {
        event_bundle_encode(&e, again);
        expect_same(again, s);
        WS_ASSERT(light_check_event(&crypto, s, &e, &event, NULL) != WS_OK);
    }
    if (state_bundle_decode(s, &t, NULL) == WS_OK) {
        state_bundle_encode(&t, again);
        expect_same(again, s);
        hash32 root = {0};
        (void)sparse_verify(exec_sha256, &t.proof, t.contract_root, NULL, root);
        (void)list_verify(exec_sha256, &t.contract, t.contract_root, root);
    }
    if (genesis_decode(exec_sha256, s, &g, NULL) == WS_OK) {
        genesis_encode(&g, again);
        expect_same(again, s);
    }
}

static void try_committees(struct span s, struct buf *again) {
    struct handover o;
    struct validator_set set;
    struct light_trust t;
    struct evidence e;
    if (evidence_decode(exec_sha256, s, &e, NULL) == WS_OK) {
        evidence_encode(&e, again);
        expect_same(again, s);
    }
    if (handover_decode(exec_sha256, s, &o, NULL) == WS_OK) {
        handover_encode(&o, again);
        expect_same(again, s);
    }
    if (valset_decode(exec_sha256, s, &set, NULL) == WS_OK) {
        valset_encode(&set, again);
        expect_same(again, s);
    }
    hash32 seats;
    struct rd r = rd_of(s);
    if (valset_light_read(exec_sha256, &r, &set, seats, NULL) == WS_OK && rd_done(&r)) {
        valset_light_put(&set, seats, again);
        expect_same(again, s);
    }
    if (light_trust_decode(exec_sha256, s, &t, NULL) == WS_OK) {
        light_trust_encode(&t, again);
        expect_same(again, s);
    }
}

static bool every_signature_is_good(enum key_alg alg, const uint8_t key[static KEY_OCTETS],
    struct span msg, const uint8_t sig[static SIG_OCTETS]) {
    (void)alg;
    (void)key;
    (void)msg;
    (void)sig;
    return true;
}

/* Belief in a genesis; made once, for keys are dear. */
enum { CELLS = 2 };
static const struct light_trust *founded(size_t i) {
    static const struct chain_plan plan = {4, 4, 2, 4, 0};
    static struct light_trust trust[CELLS];
    static struct sample_cell cell;
    static struct chain chain;
    if (cell.octets.n == 0) {
        sample_cell_make(&cell, 4, NULL);
        chain_make(&chain, &plan);
        int rc = light_trust_genesis(exec_sha256, buf_span(&cell.octets), &trust[0], NULL);
        WS_ASSERT(rc == WS_OK);
        rc = light_trust_genesis(exec_sha256, buf_span(&chain.cell.octets), &trust[1], NULL);
        WS_ASSERT(rc == WS_OK);
    }
    return &trust[i];
}

/* The belief moved to the header that was proven, or is what it was when none was asked to be crossed. */
static void judge(struct span s, const struct light_trust *founded_on) {
    const struct light_crypto crypto = {exec_sha256, every_signature_is_good};
    const struct light_params params = {.every_signature = true};
    struct light_trust t = *founded_on;
    struct event_bundle e;
    struct state_bundle v;
    struct handover o;
    struct event event;
    struct ws_err err;
    if (event_bundle_decode(s, &e, NULL) == WS_OK &&
        light_prove_event(&crypto, &params, &t, &e, LIGHT_NO_CLOCK, &event, &err) == LIGHT_OK) {
        WS_ASSERT(t.height == e.header.height);
        WS_ASSERT(memcmp(t.id, e.commit.id, sizeof(hash32)) == 0);
        WS_ASSERT(light_event_in(exec_sha256, &e, &event, &err) == LIGHT_OK);
    }
    t = *founded_on;
    if (state_bundle_decode(s, &v, NULL) == WS_OK &&
        light_prove_state(&crypto, &params, &t, &v, LIGHT_NO_CLOCK, &err) == LIGHT_OK) {
        WS_ASSERT(t.height == v.header.height);
        WS_ASSERT(light_state_in(exec_sha256, &v, &err) == LIGHT_OK);
    }
    t = *founded_on;
    if (handover_decode(exec_sha256, s, &o, NULL) == WS_OK) {
        enum light_verdict what = light_cross(&crypto, &params, &t, &o, LIGHT_NO_CLOCK, &err);
        WS_ASSERT((what == LIGHT_OK) == (t.height > 0));
        struct buf before = {0};
        struct buf after = {0};
        light_trust_encode(founded_on, &before);
        light_trust_encode(&t, &after);
        WS_ASSERT(what == LIGHT_OK || span_equal(buf_span(&before), buf_span(&after)));
        buf_free(&before);
        buf_free(&after);
    }
}

/* Octet by octet of length: a stream of fragments, some of them cut. */
static void try_fragments(struct span s) {
    struct fragment_pool *p = calloc(1, sizeof(*p));
    WS_ASSERT(p != NULL);
    struct rd r = rd_of(s);
    while (rd_left(&r) > 2) {
        size_t n = rd_u16(&r);
        struct span whole = {NULL, 0};
        struct span f = rd_take(&r, n < rd_left(&r) ? n : rd_left(&r));
        if (fragment_take(exec_sha256, p, f, &whole) == FRAGMENT_WHOLE)
            WS_ASSERT(whole.n > 0 && whole.n <= HANDOVER_OCTETS_MAX);
    }
    free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf again = {0};
    try_committees(span_of(data, size), &again);
    try_fragments(span_of(data, size));
    try_parts(span_of(data, size), &again);
    try_wholes(span_of(data, size), &again);
    buf_free(&again);
    for (size_t i = 0; i < CELLS; i++)
        judge(span_of(data, size), founded(i));
    return 0;
}

#include "ledger/node/share_belief.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

/* For printf. */
#define H(height) ((unsigned long long)(height))

/* The committee that signs above this height, until the next boundary. */
struct boundary {
    uint64_t height;
    hash32
        validators; /* the set's hash: its vehicle form, which is what is kept, does not give it alone */
    struct buf handover; /* empty: the set that belief began with */
};

struct share_belief {
    struct light_crypto crypto;
    struct light_params params;
    struct light_trust trust; /* at the last boundary */
    struct validator_set first;
    size_t n, cap;
    struct boundary *boundary; /* ascending; [0]: where belief began */
};

static struct boundary *add(struct share_belief *b) {
    if (b->n == b->cap) {
        b->cap = b->cap == 0 ? 8 : b->cap * 2;
        b->boundary = ws_realloc(b->boundary, b->cap * sizeof(*b->boundary));
    }
    struct boundary *last = &b->boundary[b->n++];
    *last = (struct boundary){.height = b->trust.height};
    memcpy(last->validators, b->trust.next_validators, 32);
    return last;
}

struct share_belief *share_belief_new(const struct light_trust *from, light_verify_fn verify) {
    WS_ASSERT(from->has_next);
    struct share_belief *b = ws_alloc(sizeof(*b));
    b->crypto = (struct light_crypto){exec_sha256, verify};
    b->params = light_params_default();
    b->params.trusting_period = 0;
    b->trust = *from;
    b->first = from->next;
    (void)add(b);
    return b;
}

void share_belief_free(struct share_belief *b) {
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->n; i++)
        buf_free(&b->boundary[i].handover);
    free(b->boundary);
    free(b);
}

uint64_t share_belief_height(const struct share_belief *b) {
    return b->trust.height;
}

static enum light_verdict cross(
    struct share_belief *b, struct span octets, struct handover *o, struct ws_err *err) {
    if (b->n > HANDOVERS_MAX) {
        (void)ws_fail(
            err, WS_ELIMIT, "more than %d handovers since where trust began", HANDOVERS_MAX);
        return LIGHT_TOO_MANY_STEPS;
    }
    enum light_verdict v = light_cross(&b->crypto, &b->params, &b->trust, o, LIGHT_NO_CLOCK, err);
    if (v == LIGHT_OK) {
        struct boundary *last = add(b);
        buf_put(&last->handover, octets.p, octets.n);
    }
    return v;
}

enum light_verdict share_belief_follow(
    struct share_belief *b, struct span list, size_t *ret_crossed, struct ws_err *err) {
    struct rd r = rd_of(list);
    struct handovers all;
    enum light_verdict v = LIGHT_OK;
    uint64_t last = 0;
    *ret_crossed = 0;
    handovers_read(&r, &all);
    if (!rd_done(&r)) {
        (void)ws_fail(err, WS_EINPUT, "the list of handovers is malformed near octet %zu", r.at);
        return LIGHT_MALFORMED;
    }
    struct rd each = rd_of(all.octets);
    struct handover *o = ws_alloc(sizeof(*o));
    for (size_t i = 0; i < all.n && v == LIGHT_OK; i++) {
        struct span octets = rd_var(&each, HANDOVER_OCTETS_MAX);
        if (handover_decode(exec_sha256, octets, o, err) != WS_OK) {
            v = LIGHT_MALFORMED;
        } else if (o->front.height <= last) {
            (void)ws_fail(err, WS_EINPUT, "handover %zu of %zu is out of order", i + 1, all.n);
            v = LIGHT_MALFORMED;
        } else if (o->front.height > b->trust.height) { /* others: somebody else was faster */
            v = cross(b, octets, o, err);
            *ret_crossed += v == LIGHT_OK;
        }
        last = o->front.height;
    }
    free(o);
    return v;
}

static const struct boundary *boundary_below(const struct share_belief *b, uint64_t height) {
    size_t i = b->n;
    while (i > 0 && b->boundary[i - 1].height >= height)
        i--;
    return i == 0 ? NULL : &b->boundary[i - 1];
}

static int judge_commit(const struct share_belief *b, const struct boundary *at,
    const struct manifest *m, struct ws_err *err) {
    if (at->handover.n == 0)
        return commit_check(b->crypto.verify, b->trust.cell_id, &b->first, &m->next_commit, err);
    struct handover *o = ws_alloc(sizeof(*o));
    int rc = handover_decode(exec_sha256, buf_span(&at->handover), o, err);
    WS_ASSERT(rc == WS_OK); /* it was read before it was kept */
    rc = commit_check(b->crypto.verify, b->trust.cell_id, &o->next, &m->next_commit, err);
    free(o);
    return rc;
}

int share_belief_judge(const struct share_belief *b, const struct manifest *m, struct ws_err *err) {
    if (memcmp(m->next.cell_id, b->trust.cell_id, 32) != 0)
        return ws_fail(err, WS_EINPUT, "manifest: belongs to another cell");
    const struct boundary *at = boundary_below(b, m->next.height);
    if (at == NULL)
        return ws_fail(err, WS_ENOTFOUND, "manifest: height %llu lies below where trust begins",
            H(m->next.height));
    if (memcmp(at->validators, m->next.validators, 32) == 0) {
        int rc = judge_commit(b, at, m, err);
        return rc == WS_OK ? rc : ws_fail_in(err, "manifest");
    }
    if (at == &b->boundary[b->n - 1])
        return ws_fail(err, WS_ENOTFOUND,
            "manifest: height %llu is signed by a committee to which no handover was shown",
            H(m->next.height));
    return ws_fail(err, WS_EINPUT,
        "manifest: height %llu is signed by another committee than the one of that height",
        H(m->next.height));
}

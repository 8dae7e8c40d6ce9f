#include "pktio/pipeline_internal.h"

#include "base/assert.h"

/* ---- hand-over ---- */

bool pipeline_duplicate(struct frame_work *w, enum replay_state state) {
    static const char *const text[] = {[REPLAY_HELD] = "the cell has it from a neighbour",
        [REPLAY_NEIGHBOUR] = "heard by a neighbour"};
    return stage_fail(w, PKT_DUPLICATE, text[state]);
}

/* Beacons stay local, so a neighbour who lies about them takes from us what we would have heard once more. What the
 * cell is to agree on is a duplicate only when our own node has it: a neighbour could claim it and not deliver. */
bool pipeline_believes(const struct frame_work *w) {
    return pipeline_class_of(w->spdu.psid) == PIPELINE_ROUTINE;
}

bool pipeline_claim(struct pipeline *p, struct frame_work *w) {
    uint64_t until = w->spdu.generation_time + stage_window_us(&p->cfg.limits, w->spdu.psid);
    enum replay_state state = replay_window_claim(
        p->replay, w->id[w->at_candidate], until, p->its_us, pipeline_believes(w));
    return state == REPLAY_NEW || pipeline_duplicate(w, state);
}

static void fill(struct pkt_message *m, const struct slot *slot) {
    const struct frame_work *w = &slot->w;
    const struct pkt_frame *f = &slot->frame;
    const struct spdu *s = &w->spdu;
    const struct cert_entry *e = w->candidate[w->at_candidate];
    memcpy(m->octets, s->all.p, s->all.n);
    memcpy(m->octets + s->all.n, e->cert.all.p, e->cert.all.n);
    m->spdu = span_of(m->octets, s->all.n);
    m->cert = span_of(m->octets + s->all.n, e->cert.all.n);
    memcpy(m->id, w->id[w->at_candidate], 32);
    memcpy(m->cert_hash, e->hash, 32);
    memcpy(m->issuer_hash, e->issuer_hash, 32);
    m->psid = s->psid;
    m->generation_time = s->generation_time;
    m->has_location = s->has_location;
    m->lat = s->has_location ? s->lat : 0;
    m->lon = s->has_location ? s->lon : 0;
    m->received_its_us = slot->taken_us;
    m->capture = f->capture;
    m->frame = f->number;
}

/* One that found no room may come again. */
static void give_back(struct pipeline *p, struct frame_work *w, const char *text) {
    replay_window_forget(p->replay, w->id[w->at_candidate]);
    (void)stage_fail(w, PKT_RING_FULL, text);
}

static void hand_over(struct pipeline *p, struct slot *s) {
    struct frame_work *w = &s->w;
    if (pipeline_too_old(p, s) || !pipeline_claim(p, w))
        return;
    struct pkt_message *m = p->spare != NULL ? p->spare : pkt_message_take(p->pool);
    p->spare = NULL;
    if (m == NULL) {
        give_back(p, w, "no message free");
        return;
    }
    fill(m, s);
    if (!p->sink(p->sink_ctx, m)) {
        p->spare = m;
        give_back(p, w, "ring is full");
        return;
    }
    w->verdict = PKT_VERIFIED;
    const struct pipeline_hooks *h = &p->cfg.hooks;
    if (h->requested != NULL && w->spdu.inline_p2pcd.n > 0)
        h->requested(h->ctx, w->spdu.inline_p2pcd, p->its_us);
    if (h->offered != NULL && w->spdu.requested_cert.n > 0)
        h->offered(h->ctx, w->spdu.requested_cert, p->its_us);
}

/* ---- signatures ---- */

/* Makes the item for the current candidate; false: this signature cannot be of this key. */
static bool make_item(const struct frame_work *w, unsigned tag, struct verify_item *ret_item) {
    const struct cert_entry *e = w->fresh ? NULL : w->candidate[w->at_candidate];
    ret_item->key = w->fresh ? w->fresh_key : e->key;
    ret_item->tag = tag;
    if (w->spdu.hash_id == 0) {
        /* With SHA-256 the signed digest (5.3.1) is the identity of the message. */
        memcpy(ret_item->digest, w->id[w->at_candidate], 32);
        ret_item->digest_octets = 32;
    } else {
        uint8_t signer[48];
        size_t n = 0;
        cert_hash384(w->fresh ? &w->spdu.cert : &e->cert, signer);
        bool ok = spdu_digest(&w->spdu, span_of(signer, sizeof(signer)), ret_item->digest, &n);
        WS_ASSERT(ok);
        ret_item->digest_octets = (uint8_t)n;
    }
    return verify_item_signature(ret_item, &w->spdu.signature);
}

/* Submits the current candidate of the given frames and waits for every answer. ret_kind by position in `which`;
 * ret_asked false: not even submitted, the curves differ. */
static void check(struct pipeline *p, struct slot *const *which, unsigned n,
    enum verify_answer_kind ret_kind[static PIPELINE_BURST_MAX],
    bool ret_asked[static PIPELINE_BURST_MAX]) {
    struct verify_item items[PIPELINE_BURST_MAX];
    struct verify_answer answers[PIPELINE_BURST_MAX];
    size_t n_items = 0;
    for (unsigned i = 0; i < n; i++) {
        ret_asked[i] = make_item(&which[i]->w, i, &items[n_items]);
        if (ret_asked[i])
            n_items++;
    }
    size_t submitted = 0;
    size_t answered = 0;
    while (answered < n_items) {
        submitted += verify_submit(p->kernel, items + submitted, n_items - submitted);
        size_t got = verify_poll(p->kernel, answers, ARRAY_LEN(answers));
        for (size_t i = 0; i < got; i++)
            ret_kind[answers[i].tag] = answers[i].kind;
        answered += got;
    }
    p->n.signatures += n_items;
}

/* Checks all pending frames; those that fail under one certificate are tried with the next of the same
 * HashedId8. Afterwards each has its answer in w->verdict: PKT_VERIFIED stands for "fits". */
static void check_pending(struct pipeline *p) {
    struct slot *which[PIPELINE_BURST_MAX];
    unsigned n = p->n_pending;
    memcpy(which, p->pending, n * sizeof(struct slot *));
    while (n > 0) {
        enum verify_answer_kind kind[PIPELINE_BURST_MAX];
        bool asked[PIPELINE_BURST_MAX];
        check(p, which, n, kind, asked);
        unsigned again = 0;
        for (unsigned i = 0; i < n; i++) {
            struct frame_work *w = &which[i]->w;
            if (asked[i] && kind[i] == VERIFY_GOOD) {
                w->verdict = PKT_VERIFIED;
            } else if (asked[i] && kind[i] == VERIFY_BROKEN) {
                (void)stage_fail(w, PKT_VERIFY_BROKEN, NULL);
            } else if (w->at_candidate + 1 < w->n_candidates) {
                w->at_candidate++;
                which[again++] = which[i];
            } else {
                (void)stage_fail(w, PKT_BAD_SIGNATURE,
                    asked[i] ? NULL : "curve of the signature is not that of the key");
                source_budget_owe(
                    p->budget, w->carrier.source, PIPELINE_COST_BAD_SIGNATURE, p->its_us);
            }
        }
        n = again;
    }
}

/* A certificate of an unknown chain may stay only now that a message proved somebody holds its key. */
static void keep_unproven(struct pipeline *p, struct frame_work *w) {
    struct verify_key *key = w->fresh_key;
    w->fresh_key = NULL;
    if (w->verdict != PKT_GOOD_ISSUER_UNKNOWN || cert_cache_find(p->certs, w->cert_hash) != NULL) {
        verify_key_unref(key);
        return;
    }
    if (cert_cache_add(p->certs, &w->spdu.cert, w->cert_hash, key, NULL) != NULL)
        (void)pipeline_release(p, &w->spdu.cert, w->cert_hash);
}

/* The signature fits the key that an implicit certificate and its issuer make together: from now on it is as
 * good as one that an authority signed. */
static void keep_implicit(struct pipeline *p, struct frame_work *w) {
    struct verify_key *key = w->fresh_key;
    w->fresh = false;
    w->fresh_key = NULL;
    w->n_candidates = 1;
    w->at_candidate = 0;
    w->candidate[0] = cert_cache_find(p->certs, w->cert_hash);
    if (w->candidate[0] != NULL) {
        verify_key_unref(key);
        return;
    }
    w->candidate[0] = pipeline_add_proven(p, &w->spdu.cert, w->cert_hash, key, w->fresh_issuer);
    pipeline_tell_proven(p, w->candidate[0]);
}

/* A message whose certificate was not in the cache when it was checked. False: it is not done yet. */
static bool settle_fresh(struct pipeline *p, struct slot *s) {
    struct frame_work *w = &s->w;
    if (!w->fresh_chain || w->verdict != PKT_VERIFIED) {
        keep_unproven(p, w);
        return true;
    }
    keep_implicit(p, w);
    if (pipeline_release(p, &w->spdu.cert, w->cert_hash)) {
        slot_queue_put(&p->ready, s); /* behind those that waited for it */
        return false;
    }
    hand_over(p, s);
    return true;
}

void pipeline_flush(struct pipeline *p) {
    check_pending(p);
    for (unsigned i = 0; i < p->n_pending; i++) {
        struct frame_work *w = &p->pending[i]->w;
        if (w->verdict != PKT_VERIFIED || (w->fresh && w->fresh_chain))
            continue;
        if (w->fresh || !w->candidate[w->at_candidate]->proven)
            (void)stage_fail(w, PKT_GOOD_ISSUER_UNKNOWN, NULL);
        else
            hand_over(p, p->pending[i]);
    }
    /* Adding to the cache may drop entries that the loop above still looks at, hence only now. */
    for (unsigned i = 0; i < p->n_pending; i++) {
        if (!p->pending[i]->w.fresh || settle_fresh(p, p->pending[i]))
            pipeline_end(p, p->pending[i]);
    }
    p->n_pending = 0;
}

/* The same signed octets are waiting for their check: only its outcome says whether this is a duplicate. */
bool pipeline_pending_same(const struct pipeline *p, const struct frame_work *w) {
    for (unsigned i = 0; i < p->n_pending; i++) {
        if (span_equal(p->pending[i]->w.spdu.tbs, w->spdu.tbs))
            return true;
    }
    return false;
}

/* A pending message shows a certificate of this HashedId8 that is not in the cache yet. */
bool pipeline_pending_shows(const struct pipeline *p, const uint8_t id8[static 8]) {
    for (unsigned i = 0; i < p->n_pending; i++) {
        const struct frame_work *w = &p->pending[i]->w;
        uint8_t hash384[48];
        if (!w->fresh)
            continue;
        if (memcmp(w->cert_hash + 24, id8, 8) == 0)
            return true;
        if (ec_octets(w->spdu.cert.key_curve) != 48)
            continue;
        cert_hash384(&w->spdu.cert, hash384);
        if (memcmp(hash384 + 40, id8, 8) == 0)
            return true;
    }
    return false;
}

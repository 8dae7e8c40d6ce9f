#include "pktio/pipeline_internal.h"

#include "base/assert.h"
#include "base/bytes.h"

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

/* From now on it is a duplicate wherever it comes. False: it is one already, and w says so. */
static bool claim(struct pipeline *p, struct frame_work *w) {
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
    m->carrier = w->carrier.kind;
    m->source = w->carrier.source;
    m->plausibility = (struct plausibility){0};
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
    if (pipeline_too_old(p, s) || !claim(p, w))
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
static bool make_item(struct slot *s, struct verify_item *ret_item) {
    const struct frame_work *w = &s->w;
    const struct cert_entry *e = w->fresh ? NULL : w->candidate[w->at_candidate];
    ret_item->key = w->fresh ? w->fresh_key : e->key;
    ret_item->tag = (uint64_t)s->place << 1;
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

/* ---- the line ---- */

static struct slot *at(const struct check_line *l, unsigned i) {
    return l->slot[(l->first + i) % CHECK_LINE_MAX];
}

static uint16_t *mark_of(struct check_line *l, const struct frame_work *w) {
    return &l->mark[be32(w->tbs_hash) % CHECK_LINE_MARKS];
}

void pipeline_line_up(struct pipeline *p, struct slot *s, bool twin) {
    struct check_line *l = &p->line;
    WS_ASSERT(l->n < l->most);
    WS_ASSERT(!twin || !s->w.fresh);
    s->state = twin ? SLOT_TWIN : SLOT_FOUND;
    s->twin = twin;
    s->place = (l->first + l->n++) % CHECK_LINE_MAX;
    l->slot[s->place] = s;
    l->n_fresh += s->w.fresh;
    ++*mark_of(l, &s->w);
    if (s->w.fresh && ec_octets(s->w.spdu.cert.key_curve) == 48) {
        uint8_t hash384[48];
        cert_hash384(&s->w.spdu.cert, hash384);
        memcpy(s->id384, hash384 + 40, 8);
    }
    s->n_held = s->w.fresh ? 0 : s->w.n_candidates;
    for (unsigned i = 0; i < s->n_held; i++) {
        s->held[i] = s->w.candidate[i];
        cert_cache_pin(s->held[i]);
    }
}

static void leave(struct check_line *l) {
    struct slot *s = at(l, 0);
    l->first = (l->first + 1) % CHECK_LINE_MAX;
    l->n--;
    l->submitted--;
    l->n_fresh -= s->w.fresh;
    --*mark_of(l, &s->w);
    for (unsigned i = 0; i < s->n_held; i++)
        cert_cache_unpin(s->held[i]);
}

bool pipeline_in_line(const struct pipeline *p, const struct frame_work *w) {
    const struct check_line *l = &p->line;
    if (l->mark[be32(w->tbs_hash) % CHECK_LINE_MARKS] == 0)
        return false;
    for (unsigned i = 0; i < l->n; i++) {
        if (memcmp(at(l, i)->w.tbs_hash, w->tbs_hash, 32) == 0)
            return true;
    }
    return false;
}

bool pipeline_line_shows(const struct pipeline *p, const uint8_t id8[static 8]) {
    const struct check_line *l = &p->line;
    for (unsigned i = 0, fresh = 0; fresh < l->n_fresh; i++) {
        const struct slot *s = at(l, i);
        if (!s->w.fresh)
            continue;
        fresh++;
        if (memcmp(s->w.cert_hash + 24, id8, 8) == 0)
            return true;
        if (ec_octets(s->w.spdu.cert.key_curve) == 48 && memcmp(s->id384, id8, 8) == 0)
            return true;
    }
    return false;
}

/* ---- asking ---- */

static void refuse(struct slot *s, enum pkt_verdict v, const char *text) {
    s->state = SLOT_REFUSED;
    (void)stage_fail(&s->w, v, text);
}

/* The current candidate, or the next whose curve fits. False: there is none. */
static bool next_item(struct slot *s, struct verify_item *ret_item) {
    struct frame_work *w = &s->w;
    for (; w->at_candidate < w->n_candidates; w->at_candidate++) {
        if (make_item(s, ret_item)) {
            s->state = SLOT_ASKED;
            return true;
        }
    }
    refuse(s, PKT_BAD_SIGNATURE, "curve of the signature is not that of the key");
    return false;
}

/* Identities are hashed together. */
static void identify(struct slot *const *slots, size_t n) {
    struct v2x_sha256_job job[PIPELINE_BURST_MAX * CERT_CACHE_SAME_ID];
    struct span part[PIPELINE_BURST_MAX * CERT_CACHE_SAME_ID][2];
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        struct frame_work *w = &slots[i]->w;
        for (unsigned c = 0; c < w->n_candidates && !w->fresh; c++, k++) {
            part[k][0] = span_of(w->tbs_hash, 32);
            part[k][1] = span_of(w->candidate[c]->hash, 32);
            job[k] = (struct v2x_sha256_job){.parts = part[k], .n_parts = 2, .ret_hash = w->id[c]};
        }
    }
    v2x_sha256_batch(job, k);
}

/* True: its signature is to be checked. */
static bool begin(struct pipeline *p, struct slot *s, struct verify_item *ret_item) {
    if (!s->w.fresh && !pipeline_choose(p, &s->w))
        s->state = SLOT_REFUSED;
    else if (!p->cfg.verify)
        s->state = SLOT_ANSWERED;
    else
        return next_item(s, ret_item);
    return false;
}

static void ask(struct pipeline *p, const struct verify_item *items, size_t n) {
    size_t taken = verify_submit(p->kernel, items, n);
    WS_ASSERT(taken == n); /* the kernel holds a line and a burst of chains */
    p->n.signatures += n;
}

/* Those that were found since the last time. */
static void submit(struct pipeline *p) {
    struct check_line *l = &p->line;
    while (l->submitted < l->n) {
        struct slot *some[PIPELINE_BURST_MAX];
        struct verify_item items[PIPELINE_BURST_MAX];
        unsigned n = 0;
        size_t n_items = 0;
        for (; n < PIPELINE_BURST_MAX && l->submitted < l->n; n++)
            some[n] = at(l, l->submitted++);
        identify(some, n);
        for (unsigned i = 0; i < n; i++)
            replay_window_prefetch(p->replay, some[i]->w.id[0]);
        for (unsigned i = 0; i < n; i++) {
            if (some[i]->state != SLOT_TWIN)
                n_items += begin(p, some[i], &items[n_items]);
        }
        ask(p, items, n_items);
    }
}

/* For the first in the line those before it came to nothing. If it has to be checked, all that wait for a twin are, beside
 * it: whoever copies forgeries would have a batch computed for each. So no frame costs more than its share of a batch. */
static void ask_twins(struct pipeline *p) {
    struct verify_item items[PIPELINE_BURST_MAX];
    size_t n = begin(p, at(&p->line, 0), &items[0]);
    for (unsigned i = 1; n > 0 && n < ARRAY_LEN(items) && i < p->line.submitted; i++) {
        struct slot *s = at(&p->line, i);
        if (s->state == SLOT_TWIN)
            n += begin(p, s, &items[n]);
    }
    ask(p, items, n);
}

void pipeline_poll(struct pipeline *p) {
    struct verify_answer answers[PIPELINE_BURST_MAX];
    size_t n = verify_poll(p->kernel, answers, ARRAY_LEN(answers));
    for (size_t i = 0; i < n; i++) {
        if (chains_answer(p->chains, &answers[i]))
            continue;
        struct slot *s = p->line.slot[answers[i].tag >> 1];
        s->answer = answers[i].kind;
        s->state = SLOT_ANSWERED;
    }
}

/* ---- settling ---- */

/* The signature fits, and only the issuer is missing: it is worth asking for. */
static void fail_for_issuer(struct pipeline *p, struct frame_work *w, const struct cert *c) {
    const struct pipeline_hooks *h = &p->cfg.hooks;
    (void)stage_fail(w, PKT_GOOD_ISSUER_UNKNOWN, NULL);
    if (h->issuer_missing != NULL)
        h->issuer_missing(h->ctx, c->issuer_id, p->its_us);
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
 * good as one that an authority signed. False: there is no room for it. */
static bool keep_implicit(struct pipeline *p, struct frame_work *w) {
    struct verify_key *key = w->fresh_key;
    w->fresh = false;
    w->fresh_key = NULL;
    w->n_candidates = 1;
    w->at_candidate = 0;
    w->candidate[0] = cert_cache_find(p->certs, w->cert_hash);
    if (w->candidate[0] != NULL) {
        verify_key_unref(key);
        return true;
    }
    w->candidate[0] = pipeline_add_proven(p, &w->spdu.cert, w->cert_hash, key, w->fresh_issuer);
    if (w->candidate[0] == NULL)
        return stage_fail(w, PKT_RING_FULL, "no room for its certificate");
    pipeline_tell_proven(p, w->candidate[0]);
    return true;
}

/* It left the line. False: it stands in another queue now. */
static bool settle_fresh(struct pipeline *p, struct slot *s) {
    struct frame_work *w = &s->w;
    if (w->verdict != PKT_VERIFIED || !w->fresh_chain) {
        if (w->verdict == PKT_VERIFIED)
            fail_for_issuer(p, w, &w->spdu.cert);
        keep_unproven(p, w);
        return true;
    }
    if (!keep_implicit(p, w))
        return true;
    if (pipeline_release(p, &w->spdu.cert, w->cert_hash)) {
        slot_queue_put(&p->ready, s); /* behind those that waited for it */
        return false;
    }
    hand_over(p, s);
    return true;
}

/* One that stood before it was handed on while it was checked. */
static bool twin_was_first(struct pipeline *p, struct slot *s) {
    struct frame_work *w = &s->w;
    for (unsigned i = 0; s->twin && i < w->n_candidates; i++) {
        enum replay_state state = replay_window_seen(p->replay, w->id[i]);
        if (state != REPLAY_NEW && (state != REPLAY_NEIGHBOUR || pipeline_believes(w)))
            return !pipeline_duplicate(w, state);
    }
    return false;
}

/* The first in the line has its answer. It may be asked about another certificate of the same HashedId8 then. */
static void settle(struct pipeline *p, struct slot *s) {
    struct frame_work *w = &s->w;
    if (s->state == SLOT_ANSWERED && p->cfg.verify && !twin_was_first(p, s)) {
        switch (s->answer) {
        case VERIFY_GOOD:
            w->verdict = PKT_VERIFIED;
            break;
        case VERIFY_BROKEN:
            (void)stage_fail(w, PKT_VERIFY_BROKEN, NULL);
            break;
        case VERIFY_BAD:
        case VERIFY_DECLINED: {
            struct verify_item item;
            w->at_candidate++;
            if (w->at_candidate < w->n_candidates && next_item(s, &item)) {
                ask(p, &item, 1);
                return;
            }
            (void)stage_fail(w, PKT_BAD_SIGNATURE, NULL);
            break;
        }
        }
    }
    if (w->verdict == PKT_BAD_SIGNATURE) {
        bool wide = ec_octets(w->spdu.signature.curve) == 48;
        source_budget_owe(p->budget, w->carrier.source,
            wide ? PIPELINE_COST_BAD_WIDE : PIPELINE_COST_BAD_SIGNATURE, p->its_us);
    }
    leave(&p->line);
    bool done = true;
    if (w->fresh) {
        done = settle_fresh(p, s);
    } else if (w->verdict == PKT_VERIFIED && !p->cfg.verify) {
        if (claim(p, w))
            (void)stage_fail(w, PKT_UNCHECKED, NULL);
    } else if (w->verdict == PKT_VERIFIED && !w->candidate[w->at_candidate]->proven) {
        fail_for_issuer(p, w, &w->candidate[w->at_candidate]->cert);
    } else if (w->verdict == PKT_VERIFIED) {
        hand_over(p, s);
    }
    if (done)
        pipeline_end(p, s);
}

void pipeline_check(struct pipeline *p, unsigned rest) {
    struct check_line *l = &p->line;
    submit(p);
    while (l->n > rest) {
        struct slot *s = at(l, 0);
        if (s->state == SLOT_TWIN)
            ask_twins(p);
        if (s->state == SLOT_ASKED) {
            pipeline_poll(p);
            continue;
        }
        settle(p, s);
    }
}

#include "pktio/pipeline.h"

#include "base/assert.h"
#include "base/mem.h"
#include "pktio/replay_filter.h"
#include "pktio/signer_notes.h"
#include "pktio/slots.h"
#include "pktio/source_budget.h"
#include "pktio/stages.h"
#include "pktio/waiting.h"
#include "v2x/psid.h"

#include <stdio.h>
#include <stdlib.h>

/*~ pipeline_take brings a frame through everything that is cheap and copies the rest into a slot. pipeline_work
 * takes up to a batch of them: their signers are looked up, and those whose signature has to be checked gather in
 * `pending` and are checked together. A frame whose verdict depends on one that is still pending (the same message
 * again, or a digest of a certificate that only a pending message has shown) has the pending ones checked first.
 * While no more than a burst is queued, frames go in the order of their arrival. So verdicts do not depend on how
 * frames fell into bursts, except for which certificate of an unknown chain a full cache forgets first, and except
 * under overload, where time decides. */

enum {
    DETAIL_TEXT = 128,
    QUEUE_SLOTS = 2048,
    WAIT_SHARE = 32,
    WAIT_OCTETS_EACH = 512,
    FRESH_PERCENT = 10,
    /* A certificate heard first costs about as much as so many messages of known signers: its chain, its key and
     * a check without tables. */
    FRESH_COST = 8,
};
#define MAX_AGE_US 50000U
#define MAX_AGE_SAFETY_US 200000U
#define WAIT_US 1200000U

/* Queues, best first: the last one is shed first. Fresh ones brought a certificate that is not known yet. */
enum lane { LANE_SAFETY, LANE_FRESH_SAFETY, LANE_ROUTINE, LANE_OTHER, LANE_FRESH, LANES };

struct pipeline {
    struct pipeline_config cfg;
    pipeline_sink sink;
    void *sink_ctx;
    pipeline_verdict_fn verdict_fn;
    void *verdict_ctx;
    struct source_budget *budget;
    struct replay_filter *replay;
    struct cert_cache *certs;
    struct trust_view *view; /* NULL without cfg.views */
    struct signer_notes *notes; /* enum note */
    struct verify_kernel *kernel;
    struct pkt_message_pool *pool;
    struct pkt_message *spare; /* taken from the pool, refused by the sink */
    struct pipeline_counters n;

    struct slots *slots;
    struct slot *reading; /* the one that a frame is read in before its class is known */
    struct slot_queue lane[LANES];
    struct slot_queue ready; /* before all others: their certificate came */
    struct waiting *waiting;
    uint64_t order;
    uint64_t fresh_credit; /* in hundredths of a message */

    /* the batch in work */
    uint64_t its_us;
    struct slot *pending[PIPELINE_BURST_MAX];
    unsigned n_pending;
};

/* Notes on certificates outside the cache: implicit, or 1 + the trust verdict they failed with. */
enum { NOTE_IMPLICIT = 1 + TRUST_VERDICT_COUNT };

static void set_defaults(struct pipeline_limits *l) {
    if (l->queue_slots == 0)
        l->queue_slots = QUEUE_SLOTS;
    WS_ASSERT(l->queue_slots >= 2);
    if (l->max_age_us == 0)
        l->max_age_us = MAX_AGE_US;
    if (l->max_age_safety_us == 0)
        l->max_age_safety_us = MAX_AGE_SAFETY_US;
    if (l->wait_slots == 0)
        l->wait_slots = l->queue_slots / 4;
    if (l->wait_slots > l->queue_slots / 2)
        l->wait_slots = l->queue_slots / 2;
    if (l->wait_octets == 0)
        l->wait_octets = l->wait_slots * WAIT_OCTETS_EACH;
    if (l->wait_share == 0)
        l->wait_share = WAIT_SHARE;
    if (l->wait_us == 0)
        l->wait_us = WAIT_US;
    if (l->fresh_percent == 0)
        l->fresh_percent = FRESH_PERCENT;
    if (l->fresh_percent > 90)
        l->fresh_percent = 90;
}

struct pipeline *pipeline_new(const struct pipeline_config *cfg, pipeline_sink sink, void *sink_ctx,
    pipeline_verdict_fn verdict_fn, void *verdict_ctx) {
    struct pipeline *p = ws_alloc(sizeof(*p));
    p->cfg = *cfg;
    set_defaults(&p->cfg.limits);
    const struct pipeline_limits *l = &p->cfg.limits;
    p->sink = sink;
    p->sink_ctx = sink_ctx;
    p->verdict_fn = verdict_fn;
    p->verdict_ctx = verdict_ctx;
    p->budget = source_budget_new(l->source_slots, l->source_rate, l->source_burst);
    p->replay = replay_filter_new(l->replay_slots);
    p->certs = cert_cache_new(l->cert_slots);
    p->notes = signer_notes_new(l->cert_slots / 4);
    struct verify_config kernel = verify_config_default(PIPELINE_BURST_MAX);
    kernel.backend = l->backend;
    if (l->table_octets != 0)
        kernel.table_octets = l->table_octets;
    p->kernel = verify_kernel_new(&kernel);
    p->pool = pkt_message_pool_new(l->message_pool);
    p->slots = slots_new(l->queue_slots + 1); /* and one to read in */
    p->reading = slots_take(p->slots);
    p->waiting = waiting_new(l->wait_slots, l->wait_octets, l->wait_share, l->wait_us, p->cfg.salt);
    p->n.certs_max = l->cert_slots;
    p->n.sources_max = l->source_slots;
    p->n.identities_max = l->replay_slots;
    p->n.queued_max = l->queue_slots;
    p->n.waiting_max = l->wait_slots;
    return p;
}

void pipeline_free(struct pipeline *p) {
    if (p == NULL)
        return;
    source_budget_free(p->budget);
    replay_filter_free(p->replay);
    cert_cache_free(p->certs);
    trust_view_unref(p->view);
    signer_notes_free(p->notes);
    verify_kernel_free(p->kernel);
    pkt_message_pool_free(p->pool);
    waiting_free(p->waiting);
    slots_free(p->slots);
    free(p);
}

enum pipeline_class pipeline_class_of(uint64_t psid) {
    switch (psid) {
    case PSID_DENM:
    case PSID_MAP_OBSERVATION:
    case PSID_LEARNING_RECORD:
        return PIPELINE_SAFETY;
    case PSID_CAM:
    case PSID_BSM:
        return PIPELINE_ROUTINE;
    default:
        return PIPELINE_OTHER;
    }
}

/* ---- verdicts ---- */

static const char *detail_of(const struct frame_work *w, char text[static DETAIL_TEXT]) {
    if (w->detail.text == NULL)
        return pkt_verdict_text(w->verdict);
    if (!w->detail.has_at)
        return w->detail.text;
    (void)snprintf(text, DETAIL_TEXT, w->detail.waited ? "%s: waited %zu ms" : "%s at octet %zu",
        w->detail.text, w->detail.at);
    return text;
}

static void say(struct pipeline *p, const struct frame_work *w, const struct pkt_frame *f) {
    char text[DETAIL_TEXT];
    p->n.verdict[w->verdict]++;
    if (p->verdict_fn != NULL)
        p->verdict_fn(p->verdict_ctx, f, w->verdict, detail_of(w, text));
}

/* The slot's last use. */
static void finish(struct pipeline *p, struct slot *s) {
    say(p, &s->w, &s->frame);
    slots_give(p->slots, s);
}

static void finish_as(struct pipeline *p, struct slot *s, enum pkt_verdict v, const char *text) {
    (void)stage_fail(&s->w, v, text);
    finish(p, s);
}

static void finish_waiting(struct pipeline *p, struct slot *s, const char *text) {
    (void)stage_fail(&s->w, PKT_SIGNER_UNKNOWN, text);
    s->w.detail.has_at = s->w.detail.waited = true;
    s->w.detail.at = (size_t)((p->its_us - s->waiting_since_us) / 1000);
    finish(p, s);
}

/* ---- age ---- */

static bool too_old(const struct pipeline *p, struct slot *s) {
    const struct pipeline_limits *l = &p->cfg.limits;
    const struct spdu *m = &s->w.spdu;
    uint64_t most = s->class == PIPELINE_SAFETY ? l->max_age_safety_us : l->max_age_us;
    if (p->its_us > s->ready_us && p->its_us - s->ready_us > most) {
        (void)stage_fail(&s->w, PKT_SHED_AGE, NULL);
        return true;
    }
    if ((p->its_us > m->generation_time &&
            p->its_us - m->generation_time > stage_window_us(l, m->psid)) ||
        (m->has_expiry_time && m->expiry_time < p->its_us)) {
        (void)stage_fail(&s->w, PKT_SHED_AGE, "no longer fresh");
        return true;
    }
    return false;
}

/* ---- hand-over ---- */

static void remember(struct pipeline *p, const struct frame_work *w) {
    uint64_t until = w->spdu.generation_time + stage_window_us(&p->cfg.limits, w->spdu.psid);
    if (!replay_filter_add(p->replay, w->id[w->at_candidate], until, p->its_us))
        p->n.identities_evicted++;
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

/* The identity is learned only when the message was handed on: one that found no room may come again. */
static void hand_over(struct pipeline *p, struct slot *s) {
    struct frame_work *w = &s->w;
    if (too_old(p, s))
        return;
    struct pkt_message *m = p->spare != NULL ? p->spare : pkt_message_take(p->pool);
    p->spare = NULL;
    if (m == NULL) {
        (void)stage_fail(w, PKT_RING_FULL, "no message free");
        return;
    }
    fill(m, s);
    if (!p->sink(p->sink_ctx, m)) {
        p->spare = m;
        (void)stage_fail(w, PKT_RING_FULL, "ring is full");
        return;
    }
    remember(p, w);
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

/* Those that waited for this certificate go on, oldest first, ahead of everything else. */
static bool release(struct pipeline *p, const uint8_t id8[static 8]) {
    bool any = false;
    for (struct slot *s = waiting_take(p->waiting, id8); s != NULL;
         s = waiting_take(p->waiting, id8)) {
        s->ready_us = p->its_us;
        slot_queue_put(&p->ready, s);
        any = true;
    }
    return any;
}

/* A certificate, by either of the names that messages may have for it. */
static bool release_for(struct pipeline *p, const struct cert *c, const uint8_t hash[static 32]) {
    if (waiting_used(p->waiting) == 0)
        return false;
    bool any = release(p, hash + 24);
    if (ec_octets(c->key_curve) == 48) {
        uint8_t hash384[48];
        cert_hash384(c, hash384);
        any |= release(p, hash384 + 40);
    }
    return any;
}

static void tell_proven(const struct pipeline *p, const struct cert_entry *e) {
    const struct pipeline_hooks *h = &p->cfg.hooks;
    if (h->proven == NULL || e == NULL)
        return;
    struct pipeline_proven c = {.cert = e->cert.all,
        .hash = e->hash,
        .issuer_hash = e->issuer_hash,
        .key = e->key,
        .store = p->cfg.trust};
    h->proven(h->ctx, &c);
}

/* A certificate without region counts in its issuer's (6.4.8). The store outlives the entry: another store empties
 * the cache. */
static struct cert_entry *add_proven(struct pipeline *p, const struct cert *c,
    const uint8_t hash[static 32], struct verify_key *key, const uint8_t *issuer_hash) {
    struct cert_entry *e = cert_cache_add(p->certs, c, hash, key, issuer_hash);
    if (e != NULL)
        e->region = trust_region_from(p->cfg.trust, &e->cert, e->issuer_hash);
    return e;
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
        (void)release_for(p, &w->spdu.cert, w->cert_hash);
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
    w->candidate[0] = add_proven(p, &w->spdu.cert, w->cert_hash, key, w->fresh_issuer);
    tell_proven(p, w->candidate[0]);
}

/* A message whose certificate was not in the cache when it was checked. False: it is not done yet. */
static bool settle_fresh(struct pipeline *p, struct slot *s) {
    struct frame_work *w = &s->w;
    if (!w->fresh_chain || w->verdict != PKT_VERIFIED) {
        keep_unproven(p, w);
        return true;
    }
    keep_implicit(p, w);
    if (release_for(p, &w->spdu.cert, w->cert_hash)) {
        slot_queue_put(&p->ready, s); /* behind those that waited for it */
        return false;
    }
    hand_over(p, s);
    return true;
}

static void flush_pending(struct pipeline *p) {
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
            finish(p, p->pending[i]);
    }
    p->n_pending = 0;
}

/* ---- signer ---- */

/* The same signed octets are waiting for their check: only its outcome says whether this is a duplicate. */
static bool pending_same(const struct pipeline *p, const struct frame_work *w) {
    for (unsigned i = 0; i < p->n_pending; i++) {
        if (span_equal(p->pending[i]->w.spdu.tbs, w->spdu.tbs))
            return true;
    }
    return false;
}

/* A pending message shows a certificate of this HashedId8 that is not in the cache yet. */
static bool pending_shows(const struct pipeline *p, const uint8_t id8[static 8]) {
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

static bool fail_with_note(struct frame_work *w, unsigned note) {
    if (note == NOTE_IMPLICIT)
        return stage_fail(w, PKT_ISSUER_UNKNOWN, NULL);
    enum trust_verdict v = (enum trust_verdict)(note - 1);
    bool form = v == TRUST_MALFORMED || v == TRUST_PROFILE || v == TRUST_BAD_KEY;
    return stage_fail(w, form ? PKT_BAD_CERT : PKT_CERT_INVALID, trust_verdict_text(v));
}

/* Lists are asked once for each certificate and view. NULL: not revoked. */
static const char *revoked_by(const struct pipeline *p, struct cert_entry *e) {
    if (p->view == NULL || !e->proven)
        return NULL;
    if (e->view != p->view->generation) {
        struct revocation_answer a = trust_view_revoked(p->view, &e->cert, e->hash, e->issuer_hash);
        e->view = p->view->generation;
        e->revoked = a.kind == REVOCATION_NONE ? NULL : a.list;
    }
    return e->revoked;
}

/* Keeps of the candidates those whose certificate permits the message, and the first refusal for when none
 * does. False also for a duplicate. */
static bool choose(
    struct pipeline *p, struct frame_work *w, struct cert_entry *const *found, size_t n_found) {
    bool refused = false;
    enum pkt_verdict verdict = PKT_BAD_SIGNATURE;
    struct stage_detail detail = {0};
    for (size_t i = 0; i < n_found; i++) {
        uint8_t *id = w->id[w->n_candidates];
        spdu_identity(&w->spdu, found[i]->hash, id);
        if (replay_filter_seen(p->replay, id))
            return stage_fail(w, PKT_DUPLICATE, NULL);
        const char *list = revoked_by(p, found[i]);
        if (list != NULL ? stage_fail(w, PKT_REVOKED, list)
                         : stage_cert_permits(w, &found[i]->cert) &&
                               stage_region_permits(w, found[i]->region)) {
            w->candidate[w->n_candidates++] = found[i];
        } else if (!refused) {
            refused = true;
            verdict = w->verdict;
            detail = w->detail;
        }
    }
    if (w->n_candidates > 0)
        return true;
    w->verdict = verdict;
    w->detail = detail;
    return false;
}

/* GONE: it has its verdict, waits, or stands in a queue again. FAILED: w says why. */
enum step { STEP_ON, STEP_FAILED, STEP_GONE };

static enum step step_of(bool go_on) {
    return go_on ? STEP_ON : STEP_FAILED;
}

static enum step wait_for_certificate(struct pipeline *p, struct slot *s) {
    const char *why = waiting_put(p->waiting, s, p->its_us);
    if (why != NULL)
        return step_of(stage_fail(&s->w, PKT_SIGNER_UNKNOWN, why));
    const struct pipeline_hooks *h = &p->cfg.hooks;
    if (h->missing != NULL)
        h->missing(h->ctx, s->w.spdu.digest, p->its_us);
    return STEP_GONE;
}

static enum step signer_by_digest(struct pipeline *p, struct slot *s) {
    struct frame_work *w = &s->w;
    struct cert_entry *found[CERT_CACHE_SAME_ID];
    const uint8_t *id8 = w->spdu.digest;
    enum cert_hash_alg alg = w->spdu.hash_id == 1 ? CERT_HASH_SHA384 : CERT_HASH_SHA256;
    if (pending_shows(p, id8)) {
        flush_pending(p);
        /* Some may have been waiting for what came to light, and they are first. */
        if (p->ready.n > 0) {
            slot_queue_put(&p->ready, s);
            return STEP_GONE;
        }
    }
    size_t n = cert_cache_find_id8(p->certs, id8, alg, found);
    if (n == 0) {
        unsigned note = signer_notes_of_id8(p->notes, id8);
        return note != 0 ? step_of(fail_with_note(w, note)) : wait_for_certificate(p, s);
    }
    return step_of(choose(p, w, found, n));
}

static enum step note_and_fail(struct pipeline *p, struct frame_work *w, unsigned note) {
    signer_notes_put(p->notes, w->cert_hash, (uint8_t)note);
    (void)release_for(p, &w->spdu.cert, w->cert_hash);
    return step_of(fail_with_note(w, note));
}

/* A certificate that is heard for the first time, or again after the cache forgot it. */
static enum step signer_heard_first(struct pipeline *p, struct slot *s) {
    struct frame_work *w = &s->w;
    const struct cert *c = &w->spdu.cert;
    unsigned note = signer_notes_of(p->notes, w->cert_hash);
    if (note != 0)
        return step_of(fail_with_note(w, note));
    spdu_identity(&w->spdu, w->cert_hash, w->id[0]);
    if (replay_filter_seen(p->replay, w->id[0]))
        return step_of(stage_fail(w, PKT_DUPLICATE, NULL));
    if (!stage_cert_permits(w, c))
        return STEP_FAILED;
    if (cert_cache_full(p->certs))
        flush_pending(p);
    w->n_candidates = 1;
    if (!p->cfg.verify) {
        w->candidate[0] = cert_cache_add(p->certs, c, w->cert_hash, NULL, NULL);
        if (w->candidate[0] == NULL)
            return step_of(stage_fail(w, PKT_UNCHECKED, NULL));
        if (release_for(p, c, w->cert_hash)) {
            slot_queue_put(&p->ready, s);
            return STEP_GONE;
        }
        return STEP_ON;
    }
    uint32_t now_s = (uint32_t)(w->spdu.generation_time / 1000000);
    struct trust_result r = trust_check(p->cfg.trust, c, now_s);
    if (r.verdict != TRUST_OK)
        source_budget_owe(p->budget, w->carrier.source, PIPELINE_COST_CHAIN, p->its_us);
    switch (r.verdict) {
    case TRUST_OK:
        if (!r.proven && p->view != NULL) {
            struct revocation_answer a =
                trust_view_revoked(p->view, c, w->cert_hash, r.issuer_hash);
            if (a.kind != REVOCATION_NONE) {
                verify_key_unref(r.key);
                return step_of(stage_fail(w, PKT_REVOKED, a.list));
            }
        }
        if (!r.proven) {
            if (!stage_region_permits(w, trust_region_from(p->cfg.trust, c, r.issuer_hash))) {
                verify_key_unref(r.key);
                return STEP_FAILED;
            }
            w->fresh = w->fresh_chain = true;
            w->fresh_key = r.key;
            memcpy(w->fresh_issuer, r.issuer_hash, 32);
            return STEP_ON;
        }
        p->n.signatures++;
        w->candidate[0] = add_proven(p, c, w->cert_hash, r.key, r.issuer_hash);
        tell_proven(p, w->candidate[0]);
        /* Those that waited come before the message that brought it, which then finds it in the cache. */
        if (release_for(p, c, w->cert_hash)) {
            slot_queue_put(&p->ready, s);
            return STEP_GONE;
        }
        if (w->candidate[0] != NULL && revoked_by(p, w->candidate[0]) != NULL)
            return step_of(stage_fail(w, PKT_REVOKED, w->candidate[0]->revoked));
        return step_of(
            stage_region_permits(w, w->candidate[0] == NULL ? NULL : w->candidate[0]->region));
    case TRUST_UNKNOWN_ISSUER:
        if (c->type == CERT_IMPLICIT)
            return note_and_fail(p, w, NOTE_IMPLICIT);
        w->fresh = true;
        w->fresh_key = trust_unproven_key(c);
        if (w->fresh_key != NULL)
            return STEP_ON;
        w->fresh = false;
        return note_and_fail(p, w, 1 + TRUST_BAD_KEY);
    case TRUST_NOT_YET_VALID:
    case TRUST_EXPIRED:
        /* Not noted: time goes on. */
        return step_of(stage_fail(w, PKT_CERT_INVALID, trust_verdict_text(r.verdict)));
    case TRUST_BAD_SIGNATURE:
        p->n.signatures++;
        break;
    case TRUST_MALFORMED:
    case TRUST_CURVE_MISMATCH:
    case TRUST_PERMISSION:
    case TRUST_REGION:
    case TRUST_VALIDITY_OUTSIDE:
    case TRUST_PROFILE:
    case TRUST_BAD_KEY:
    case TRUST_STORE_FULL:
    case TRUST_VERDICT_COUNT:
        break;
    }
    return note_and_fail(p, w, 1 + (unsigned)r.verdict);
}

/* Its hash was made when the frame came in. */
static enum step signer_by_certificate(struct pipeline *p, struct slot *s) {
    struct cert_entry *e = cert_cache_find(p->certs, s->w.cert_hash);
    return e != NULL ? step_of(choose(p, &s->w, &e, 1)) : signer_heard_first(p, s);
}

/* ---- taking ---- */

static void reset(struct frame_work *w) {
    w->verdict = PKT_VERIFIED;
    w->detail = (struct stage_detail){0};
    w->n_candidates = w->at_candidate = 0;
    w->fresh = w->fresh_chain = false;
    w->fresh_key = NULL;
}

/* Copies the frame into the slot and makes the carrier's message point there. */
static void copy_in(struct slot *s, const struct pkt_frame *f) {
    struct span *m = &s->w.carrier.message;
    size_t n = f->data.n < SLOT_OCTETS ? f->data.n : SLOT_OCTETS;
    size_t at = (size_t)(m->p - f->data.p);
    memcpy(s->octets, f->data.p, n);
    s->frame = *f;
    s->frame.data = span_of(s->octets, n);
    *m = span_of(s->octets + at, m->n < n - at ? m->n : n - at);
}

/* False: w has the verdict. */
static bool read_in(struct pipeline *p, struct slot *s, const struct pkt_frame *f) {
    struct frame_work *w = &s->w;
    reset(w);
    if (!stage_classify(w, f))
        return false;
    if (!source_budget_charge(p->budget, w->carrier.source, p->its_us))
        return stage_fail(w, PKT_SOURCE_BUDGET, NULL);
    if (f->data.n > SLOT_OCTETS) {
        /* Only what is read is kept, so it is read in place first. */
        if (!stage_decode(w))
            return false;
        if (w->spdu.all.p + w->spdu.all.n > f->data.p + SLOT_OCTETS)
            return stage_fail(w, PKT_BAD_PROFILE, "message is too long");
    }
    copy_in(s, f);
    if (!stage_decode(w) || !stage_freshness(w, &p->cfg, p->its_us))
        return false;
    if (w->spdu.signer != SIGNER_CERTIFICATE)
        return true;
    if (w->spdu.cert.all.n > CERT_CACHE_OCTETS)
        return stage_fail(w, PKT_BAD_PROFILE, "certificate is too long");
    cert_hash256(&w->spdu.cert, w->cert_hash);
    return true;
}

static enum lane lane_of(struct pipeline *p, const struct slot *s) {
    bool fresh = s->w.spdu.signer == SIGNER_CERTIFICATE &&
                 !cert_cache_has(p->certs, s->w.cert_hash) &&
                 signer_notes_of(p->notes, s->w.cert_hash) == 0;
    switch (s->class) {
    case PIPELINE_SAFETY:
        return fresh ? LANE_FRESH_SAFETY : LANE_SAFETY;
    case PIPELINE_ROUTINE:
        return fresh ? LANE_FRESH : LANE_ROUTINE;
    case PIPELINE_OTHER:
    case PIPELINE_CLASSES:
        break;
    }
    return fresh ? LANE_FRESH : LANE_OTHER;
}

/* The slot to read the next frame in. When none is free, the oldest of the worst lane gives way, unless the one
 * that needs the place is of a worse lane itself. False: it did. */
static bool make_room(struct pipeline *p, enum lane lane) {
    struct slot *s = slots_take(p->slots);
    if (s == NULL) {
        unsigned worst = LANES;
        while (worst > 0 && p->lane[worst - 1].n == 0)
            worst--;
        if (worst == 0 || worst - 1 < (unsigned)lane)
            return false;
        s = slot_queue_take(&p->lane[worst - 1]);
        (void)stage_fail(&s->w, PKT_SHED_OVERLOAD, NULL);
        say(p, &s->w, &s->frame);
    }
    p->reading = s;
    return true;
}

static void take_up(struct pipeline *p, const struct pkt_frame *f) {
    struct slot *s = p->reading;
    if (!read_in(p, s, f)) {
        say(p, &s->w, f);
        return;
    }
    s->order = p->order++;
    s->taken_us = s->ready_us = p->its_us;
    s->class = pipeline_class_of(s->w.spdu.psid);
    enum lane lane = lane_of(p, s);
    if (!make_room(p, lane)) {
        (void)stage_fail(&s->w, PKT_SHED_OVERLOAD, NULL);
        say(p, &s->w, f);
        return;
    }
    slot_queue_put(&p->lane[lane], s);
}

static size_t queued(const struct pipeline *p) {
    size_t n = p->ready.n;
    for (unsigned i = 0; i < LANES; i++)
        n += p->lane[i].n;
    return n;
}

static void count_levels(struct pipeline *p) {
    p->n.certs = cert_cache_used(p->certs);
    p->n.sources = source_budget_used(p->budget);
    p->n.identities = replay_filter_used(p->replay);
    p->n.queued = queued(p);
    p->n.waiting = waiting_used(p->waiting);
}

void pipeline_take(struct pipeline *p, const struct pkt_frame *frames, size_t n, uint64_t its_us) {
    WS_ASSERT(n <= PIPELINE_BURST_MAX);
    p->its_us = its_us;
    for (size_t i = 0; i < n; i++) {
        p->n.octets += frames[i].data.n;
        take_up(p, &frames[i]);
    }
    p->n.frames += n;
    count_levels(p);
}

/* ---- working ---- */

/* By arrival while everything fits into one batch. */
static struct slot_queue *oldest_lane(struct pipeline *p) {
    struct slot_queue *best = NULL;
    for (unsigned i = 0; i < LANES; i++) {
        struct slot_queue *q = &p->lane[i];
        if (q->n > 0 && (best == NULL || q->first->order < best->first->order))
            best = q;
    }
    return best;
}

/* Known signers by class. New certificates have their share of the work, and all of it when nothing else is
 * left: what a stranger can ask for never takes more from those who are known. */
static struct slot_queue *best_lane(struct pipeline *p) {
    unsigned share = p->cfg.limits.fresh_percent;
    struct slot_queue *fresh =
        &p->lane[p->lane[LANE_FRESH_SAFETY].n > 0 ? LANE_FRESH_SAFETY : LANE_FRESH];
    if (fresh->n > 0 && p->fresh_credit >= FRESH_COST * 100) {
        p->fresh_credit -= FRESH_COST * 100;
        return fresh;
    }
    static const enum lane known[] = {LANE_SAFETY, LANE_ROUTINE, LANE_OTHER};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (p->lane[known[i]].n > 0) {
            p->fresh_credit += 100 * share / (100 - share);
            if (p->fresh_credit > PIPELINE_BURST_MAX * FRESH_COST * 100)
                p->fresh_credit = PIPELINE_BURST_MAX * FRESH_COST * 100;
            return &p->lane[known[i]];
        }
    }
    return fresh->n > 0 ? fresh : NULL;
}

static struct slot *next_slot(struct pipeline *p, bool in_order) {
    if (p->ready.n > 0)
        return slot_queue_take(&p->ready);
    struct slot_queue *q = in_order ? oldest_lane(p) : best_lane(p);
    return q == NULL ? NULL : slot_queue_take(q);
}

static void examine(struct pipeline *p, struct slot *s) {
    reset(&s->w);
    if (too_old(p, s)) {
        finish(p, s);
        return;
    }
    if (pending_same(p, &s->w))
        flush_pending(p);
    enum step step =
        s->w.spdu.signer == SIGNER_DIGEST ? signer_by_digest(p, s) : signer_by_certificate(p, s);
    switch (step) {
    case STEP_GONE:
        return;
    case STEP_FAILED:
        finish(p, s);
        return;
    case STEP_ON:
        break;
    }
    if (p->cfg.verify) {
        p->pending[p->n_pending++] = s;
    } else {
        remember(p, &s->w);
        finish_as(p, s, PKT_UNCHECKED, NULL);
    }
}

/* Between two batches nothing points into the cache. Another store may judge every chain differently, so what was
 * concluded under the old one goes with it; other revocations alone only make certificates be looked up again. */
static void refresh_view(struct pipeline *p) {
    if (p->cfg.views == NULL ||
        (p->view != NULL && trust_slot_generation(p->cfg.views) == p->view->generation))
        return;
    struct trust_view *next = trust_slot_take(p->cfg.views);
    if (p->cfg.trust != next->store) {
        cert_cache_free(p->certs);
        signer_notes_free(p->notes);
        p->certs = cert_cache_new(p->cfg.limits.cert_slots);
        p->notes = signer_notes_new(p->cfg.limits.cert_slots / 4);
        p->cfg.trust = next->store;
    }
    trust_view_unref(p->view);
    p->view = next;
}

bool pipeline_work(struct pipeline *p, uint64_t its_us) {
    p->its_us = its_us;
    refresh_view(p);
    replay_filter_age(p->replay, its_us);
    bool in_order = queued(p) <= PIPELINE_BURST_MAX;
    for (unsigned i = 0; i < PIPELINE_BURST_MAX; i++) {
        struct slot *s = next_slot(p, in_order);
        if (s == NULL)
            break;
        examine(p, s);
    }
    flush_pending(p);
    count_levels(p);
    return p->n.queued > 0;
}

static void stop_waiting(struct pipeline *p, uint64_t its_us, bool all) {
    p->its_us = its_us;
    for (struct slot *s = waiting_expired(p->waiting, its_us, all); s != NULL;
         s = waiting_expired(p->waiting, its_us, all))
        finish_waiting(p, s, "its certificate was not heard");
    count_levels(p);
}

void pipeline_tick(struct pipeline *p, uint64_t its_us) {
    stop_waiting(p, its_us, false);
}

void pipeline_finish(struct pipeline *p, uint64_t its_us) {
    while (pipeline_work(p, its_us))
        ;
    stop_waiting(p, its_us, true);
}

void pipeline_learn(struct pipeline *p, const struct pipeline_proven *c, uint64_t its_us) {
    p->its_us = its_us;
    refresh_view(p);
    struct cert cert;
    size_t at = 0;
    if (c->store != p->cfg.trust || cert_cache_has(p->certs, c->hash) ||
        cert_parse(c->cert, &cert, &at) != COER_OK)
        return;
    (void)add_proven(p, &cert, c->hash, verify_key_ref(c->key), c->issuer_hash);
    (void)release_for(p, &cert, c->hash);
    count_levels(p);
}

size_t pipeline_missing(const struct pipeline *p, uint8_t (*ret_id3)[3], size_t max) {
    return waiting_names(p->waiting, ret_id3, max);
}

const struct pipeline_counters *pipeline_counters(const struct pipeline *p) {
    return &p->n;
}

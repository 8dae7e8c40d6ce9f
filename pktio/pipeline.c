#include "pktio/pipeline.h"

#include "base/assert.h"
#include "base/mem.h"
#include "pktio/replay_filter.h"
#include "pktio/signer_notes.h"
#include "pktio/source_budget.h"
#include "pktio/stages.h"

#include <stdio.h>
#include <stdlib.h>

/*~ Frames go one by one through everything cheap; those whose signature has to be checked gather in `pending`
 * and are checked together. A frame whose verdict depends on one that is still pending (the same message again,
 * or a digest of a certificate that only a pending message has shown) has the pending ones checked first. So
 * verdicts do not depend on how frames fell into bursts, except for which certificate of an unknown chain a full
 * cache forgets first. */

enum { DETAIL_TEXT = 128 };

struct pipeline {
    struct pipeline_config cfg;
    pipeline_sink sink;
    void *sink_ctx;
    struct source_budget *budget;
    struct replay_filter *replay;
    struct cert_cache *certs;
    struct signer_notes *notes; /* enum note */
    struct verify_kernel *kernel;
    struct pkt_message_pool *pool;
    struct pkt_message *spare; /* taken from the pool, refused by the sink */
    struct pipeline_counters n;

    /* the burst in work */
    const struct pkt_frame *frames;
    uint64_t its_us;
    struct frame_work work[PIPELINE_BURST_MAX];
    unsigned pending[PIPELINE_BURST_MAX];
    unsigned n_pending;
    char *detail; /* text of the last one asked for */
};

/* Notes on certificates outside the cache: implicit, or 1 + the trust verdict they failed with. */
enum { NOTE_IMPLICIT = 1 + TRUST_VERDICT_COUNT };

struct pipeline *pipeline_new(
    const struct pipeline_config *cfg, pipeline_sink sink, void *sink_ctx) {
    struct pipeline *p = ws_alloc(sizeof(*p));
    const struct pipeline_limits *l = &cfg->limits;
    p->cfg = *cfg;
    p->sink = sink;
    p->sink_ctx = sink_ctx;
    p->budget = source_budget_new(l->source_slots, l->source_rate, l->source_burst);
    p->replay = replay_filter_new(l->replay_slots);
    p->certs = cert_cache_new(l->cert_slots);
    p->notes = signer_notes_new(l->cert_slots / 4);
    struct verify_config kernel = verify_config_default(PIPELINE_BURST_MAX);
    p->kernel = verify_kernel_new(&kernel);
    p->pool = pkt_message_pool_new(l->message_pool);
    p->n.certs_max = l->cert_slots;
    p->n.sources_max = l->source_slots;
    p->n.identities_max = l->replay_slots;
    p->detail = ws_alloc(DETAIL_TEXT);
    return p;
}

void pipeline_free(struct pipeline *p) {
    if (p == NULL)
        return;
    source_budget_free(p->budget);
    replay_filter_free(p->replay);
    cert_cache_free(p->certs);
    signer_notes_free(p->notes);
    verify_kernel_free(p->kernel);
    pkt_message_pool_free(p->pool);
    free(p->detail);
    free(p);
}

/* ---- hand-over ---- */

static void remember(struct pipeline *p, const struct frame_work *w) {
    uint64_t until = w->spdu.generation_time + stage_window_us(&p->cfg.limits, w->spdu.psid);
    if (!replay_filter_add(p->replay, w->id[w->at_candidate], until, p->its_us))
        p->n.identities_evicted++;
}

static void fill(const struct pipeline *p, struct pkt_message *m, const struct frame_work *w,
    const struct pkt_frame *f) {
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
    m->received_its_us = p->its_us;
    m->capture = f->capture;
    m->frame = f->number;
}

/* The identity is learned only when the message was handed on: one that found no room may come again. */
static void hand_over(struct pipeline *p, struct frame_work *w, const struct pkt_frame *f) {
    struct pkt_message *m = p->spare != NULL ? p->spare : pkt_message_take(p->pool);
    p->spare = NULL;
    if (m == NULL) {
        (void)stage_fail(w, PKT_RING_FULL, "no message free");
        return;
    }
    fill(p, m, w, f);
    if (!p->sink(p->sink_ctx, m)) {
        p->spare = m;
        (void)stage_fail(w, PKT_RING_FULL, "ring is full");
        return;
    }
    remember(p, w);
    w->verdict = PKT_VERIFIED;
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
static void check(struct pipeline *p, const unsigned *which, unsigned n,
    enum verify_answer_kind ret_kind[static PIPELINE_BURST_MAX],
    bool ret_asked[static PIPELINE_BURST_MAX]) {
    struct verify_item items[PIPELINE_BURST_MAX];
    struct verify_answer answers[PIPELINE_BURST_MAX];
    size_t n_items = 0;
    for (unsigned i = 0; i < n; i++) {
        ret_asked[i] = make_item(&p->work[which[i]], i, &items[n_items]);
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
    unsigned which[PIPELINE_BURST_MAX];
    unsigned n = p->n_pending;
    memcpy(which, p->pending, n * sizeof(*which));
    while (n > 0) {
        enum verify_answer_kind kind[PIPELINE_BURST_MAX];
        bool asked[PIPELINE_BURST_MAX];
        check(p, which, n, kind, asked);
        unsigned again = 0;
        for (unsigned i = 0; i < n; i++) {
            struct frame_work *w = &p->work[which[i]];
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
    (void)cert_cache_add(p->certs, &w->spdu.cert, w->cert_hash, key, NULL);
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
    if (w->candidate[0] == NULL)
        w->candidate[0] =
            cert_cache_add(p->certs, &w->spdu.cert, w->cert_hash, key, w->fresh_issuer);
    else
        verify_key_unref(key);
}

static void flush_pending(struct pipeline *p) {
    check_pending(p);
    for (unsigned i = 0; i < p->n_pending; i++) {
        struct frame_work *w = &p->work[p->pending[i]];
        if (w->verdict != PKT_VERIFIED || (w->fresh && w->fresh_chain))
            continue;
        if (w->fresh || !w->candidate[w->at_candidate]->proven)
            (void)stage_fail(w, PKT_GOOD_ISSUER_UNKNOWN, NULL);
        else
            hand_over(p, w, &p->frames[p->pending[i]]);
    }
    /* Adding to the cache may drop entries that the loop above still looks at, hence only now. */
    for (unsigned i = 0; i < p->n_pending; i++) {
        struct frame_work *w = &p->work[p->pending[i]];
        if (w->fresh && w->fresh_chain && w->verdict == PKT_VERIFIED) {
            keep_implicit(p, w);
            hand_over(p, w, &p->frames[p->pending[i]]);
        } else if (w->fresh) {
            keep_unproven(p, w);
        }
    }
    p->n_pending = 0;
}

/* ---- signer ---- */

/* The same signed octets are waiting for their check: only its outcome says whether this is a duplicate. */
static bool pending_same(const struct pipeline *p, const struct frame_work *w) {
    for (unsigned i = 0; i < p->n_pending; i++) {
        if (span_equal(p->work[p->pending[i]].spdu.tbs, w->spdu.tbs))
            return true;
    }
    return false;
}

/* A pending message shows a certificate of this HashedId8 that is not in the cache yet. */
static bool pending_shows(const struct pipeline *p, const uint8_t id8[static 8]) {
    for (unsigned i = 0; i < p->n_pending; i++) {
        const struct frame_work *w = &p->work[p->pending[i]];
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
        if (stage_cert_permits(w, &found[i]->cert)) {
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

static bool signer_by_digest(struct pipeline *p, struct frame_work *w) {
    struct cert_entry *found[CERT_CACHE_SAME_ID];
    const uint8_t *id8 = w->spdu.digest;
    enum cert_hash_alg alg = w->spdu.hash_id == 1 ? CERT_HASH_SHA384 : CERT_HASH_SHA256;
    if (pending_shows(p, id8))
        flush_pending(p);
    size_t n = cert_cache_find_id8(p->certs, id8, alg, found);
    if (n == 0) {
        unsigned note = signer_notes_of_id8(p->notes, id8);
        return note != 0 ? fail_with_note(w, note) : stage_fail(w, PKT_SIGNER_UNKNOWN, NULL);
    }
    return choose(p, w, found, n);
}

/* A certificate that is heard for the first time, or again after the cache forgot it. */
static bool signer_heard_first(struct pipeline *p, struct frame_work *w) {
    const struct cert *c = &w->spdu.cert;
    unsigned note = signer_notes_of(p->notes, w->cert_hash);
    if (note != 0)
        return fail_with_note(w, note);
    spdu_identity(&w->spdu, w->cert_hash, w->id[0]);
    if (replay_filter_seen(p->replay, w->id[0]))
        return stage_fail(w, PKT_DUPLICATE, NULL);
    if (!stage_cert_permits(w, c))
        return false;
    if (cert_cache_full(p->certs))
        flush_pending(p);
    w->n_candidates = 1;
    if (!p->cfg.verify) {
        w->candidate[0] = cert_cache_add(p->certs, c, w->cert_hash, NULL, NULL);
        return w->candidate[0] != NULL || stage_fail(w, PKT_UNCHECKED, NULL);
    }
    uint32_t now_s = (uint32_t)(w->spdu.generation_time / 1000000);
    struct trust_result r = trust_check(p->cfg.trust, c, now_s);
    switch (r.verdict) {
    case TRUST_OK:
        if (!r.proven) {
            w->fresh = w->fresh_chain = true;
            w->fresh_key = r.key;
            memcpy(w->fresh_issuer, r.issuer_hash, 32);
            return true;
        }
        p->n.signatures++;
        w->candidate[0] = cert_cache_add(p->certs, c, w->cert_hash, r.key, r.issuer_hash);
        return true;
    case TRUST_UNKNOWN_ISSUER:
        if (c->type == CERT_IMPLICIT) {
            signer_notes_put(p->notes, w->cert_hash, NOTE_IMPLICIT);
            return fail_with_note(w, NOTE_IMPLICIT);
        }
        w->fresh = true;
        w->fresh_key = trust_unproven_key(c);
        if (w->fresh_key != NULL)
            return true;
        w->fresh = false;
        signer_notes_put(p->notes, w->cert_hash, 1 + TRUST_BAD_KEY);
        return fail_with_note(w, 1 + TRUST_BAD_KEY);
    case TRUST_NOT_YET_VALID:
    case TRUST_EXPIRED:
        /* Not noted: time goes on. */
        return stage_fail(w, PKT_CERT_INVALID, trust_verdict_text(r.verdict));
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
    signer_notes_put(p->notes, w->cert_hash, (uint8_t)(1 + r.verdict));
    return fail_with_note(w, 1 + r.verdict);
}

static bool signer_by_certificate(struct pipeline *p, struct frame_work *w) {
    if (w->spdu.cert.all.n > CERT_CACHE_OCTETS)
        return stage_fail(w, PKT_BAD_PROFILE, "certificate is too long");
    cert_hash256(&w->spdu.cert, w->cert_hash);
    struct cert_entry *e = cert_cache_find(p->certs, w->cert_hash);
    return e != NULL ? choose(p, w, &e, 1) : signer_heard_first(p, w);
}

static void take_up(struct pipeline *p, unsigned i) {
    struct frame_work *w = &p->work[i];
    w->verdict = PKT_VERIFIED;
    w->detail = (struct stage_detail){0};
    w->n_candidates = w->at_candidate = 0;
    w->fresh = w->fresh_chain = false;
    w->fresh_key = NULL;
    if (!stage_classify(w, &p->frames[i]))
        return;
    if (!source_budget_charge(p->budget, w->carrier.source, p->its_us)) {
        (void)stage_fail(w, PKT_SOURCE_BUDGET, NULL);
        return;
    }
    if (!stage_decode(w) || !stage_freshness(w, &p->cfg, p->its_us))
        return;
    if (pending_same(p, w))
        flush_pending(p);
    bool go_on =
        w->spdu.signer == SIGNER_DIGEST ? signer_by_digest(p, w) : signer_by_certificate(p, w);
    if (!go_on)
        return;
    if (p->cfg.verify) {
        p->pending[p->n_pending++] = i;
    } else {
        remember(p, w);
        (void)stage_fail(w, PKT_UNCHECKED, NULL);
    }
}

void pipeline_run(struct pipeline *p, const struct pkt_frame *frames, size_t n, uint64_t its_us,
    enum pkt_verdict *ret_verdicts) {
    WS_ASSERT(n <= PIPELINE_BURST_MAX);
    p->frames = frames;
    p->its_us = its_us;
    replay_filter_age(p->replay, its_us);
    for (unsigned i = 0; i < n; i++)
        take_up(p, i);
    flush_pending(p);
    for (size_t i = 0; i < n; i++) {
        ret_verdicts[i] = p->work[i].verdict;
        p->n.verdict[p->work[i].verdict]++;
        p->n.octets += frames[i].data.n;
    }
    p->n.frames += n;
    p->n.certs = cert_cache_used(p->certs);
    p->n.sources = source_budget_used(p->budget);
    p->n.identities = replay_filter_used(p->replay);
    p->frames = NULL;
}

const struct pipeline_counters *pipeline_counters(const struct pipeline *p) {
    return &p->n;
}

const char *pipeline_detail(const struct pipeline *p, size_t index) {
    WS_ASSERT(index < PIPELINE_BURST_MAX);
    const struct frame_work *w = &p->work[index];
    if (w->detail.text == NULL)
        return pkt_verdict_text(w->verdict);
    if (!w->detail.has_at)
        return w->detail.text;
    (void)snprintf(p->detail, DETAIL_TEXT, "%s at octet %zu", w->detail.text, w->detail.at);
    return p->detail;
}

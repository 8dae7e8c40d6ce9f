#include "pktio/pipeline_internal.h"

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
bool pipeline_release(struct pipeline *p, const struct cert *c, const uint8_t hash[static 32]) {
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

void pipeline_tell_proven(const struct pipeline *p, const struct cert_entry *e) {
    const struct pipeline_hooks *h = &p->cfg.hooks;
    if (h->proven == NULL || e == NULL)
        return;
    struct pipeline_proven c = {.cert = e->cert.all,
        .hash = e->hash,
        .issuer_hash = e->issuer_hash,
        .key = e->key,
        .store = p->cfg.trust,
        .generation = p->view == NULL ? 0 : p->view->generation};
    h->proven(h->ctx, &c);
}

/* A certificate without region counts in its issuer's (6.4.8). The store outlives the entry: another store empties
 * the cache. */
struct cert_entry *pipeline_add_proven(struct pipeline *p, const struct cert *c,
    const uint8_t hash[static 32], struct verify_key *key, const uint8_t *issuer_hash) {
    struct cert_entry *e = cert_cache_add(p->certs, c, hash, key, issuer_hash);
    if (e != NULL)
        e->region = trust_region_from(p->cfg.trust, &e->cert, e->issuer_hash);
    return e;
}

static bool fail_with_note(struct frame_work *w, unsigned note) {
    if (note == NOTE_IMPLICIT)
        return stage_fail(w, PKT_ISSUER_UNKNOWN, NULL);
    enum trust_verdict v = (enum trust_verdict)(note - 1);
    if (v == TRUST_ALGORITHM)
        return stage_fail(w, PKT_NOT_COUNTED_ALG, "certificate with SM2 or SM3");
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

bool pipeline_choose(struct pipeline *p, struct frame_work *w) {
    unsigned found = w->n_candidates;
    bool refused = false;
    enum pkt_verdict verdict = PKT_BAD_SIGNATURE;
    struct stage_detail detail = {0};
    w->n_candidates = 0;
    for (unsigned i = 0; i < found; i++) {
        struct cert_entry *e = w->candidate[i];
        enum replay_state state = replay_window_seen(p->replay, w->id[i]);
        if (state != REPLAY_NEW && (state != REPLAY_NEIGHBOUR || pipeline_believes(w)))
            return pipeline_duplicate(w, state);
        const char *list = revoked_by(p, e);
        if (list != NULL ? stage_fail(w, PKT_REVOKED, list)
                         : stage_cert_permits(w, &e->cert, &e->permitted) &&
                               stage_region_permits(w, e->region)) {
            if (i != w->n_candidates)
                memcpy(w->id[w->n_candidates], w->id[i], 32);
            w->candidate[w->n_candidates++] = e;
        } else if (!refused) {
            refused = true;
            verdict = w->verdict;
            detail = w->detail;
        }
    }
    if (w->n_candidates > 0) {
        w->verdict = PKT_VERIFIED;
        return true;
    }
    w->verdict = verdict;
    w->detail = detail;
    return false;
}

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

static enum cert_hash_alg hash_of_digest(const struct frame_work *w) {
    return w->spdu.hash_id == 1 ? CERT_HASH_SHA384 : CERT_HASH_SHA256;
}

static enum step signer_by_digest(struct pipeline *p, struct slot *s) {
    struct frame_work *w = &s->w;
    const uint8_t *id8 = w->spdu.digest;
    enum cert_hash_alg alg = hash_of_digest(w);
    if (pipeline_line_shows(p, id8)) {
        pipeline_check(p, 0);
        /* Some may have been waiting for what came to light, and they are first. */
        if (p->ready.n > 0) {
            slot_queue_put(&p->ready, s);
            return STEP_GONE;
        }
    }
    w->n_candidates = (unsigned)cert_cache_find_id8(p->certs, id8, alg, w->candidate);
    if (w->n_candidates == 0) {
        unsigned note = signer_notes_of_id8(p->notes, id8);
        return note != 0 ? step_of(fail_with_note(w, note)) : wait_for_certificate(p, s);
    }
    return STEP_ON;
}

static enum step note_and_fail(struct pipeline *p, struct frame_work *w, unsigned note) {
    signer_notes_put(p->notes, w->cert_hash, (uint8_t)note);
    (void)pipeline_release(p, &w->spdu.cert, w->cert_hash);
    return step_of(fail_with_note(w, note));
}

/* A certificate that is heard for the first time, or again after the cache forgot it. */
static enum step signer_heard_first(struct pipeline *p, struct slot *s) {
    struct frame_work *w = &s->w;
    const struct cert *c = &w->spdu.cert;
    unsigned note = signer_notes_of(p->notes, w->cert_hash);
    if (note == NOTE_IMPLICIT && p->cfg.hooks.issuer_missing != NULL)
        p->cfg.hooks.issuer_missing(p->cfg.hooks.ctx, c->issuer_id, p->its_us);
    if (note != 0)
        return step_of(fail_with_note(w, note));
    v2x_sha256(span_of(w->tbs_hash, 32), span_of(w->cert_hash, 32), w->id[0]);
    /* What others had goes on, for the sake of its certificate, until it is claimed. */
    if (replay_window_seen(p->replay, w->id[0]) == REPLAY_HERE)
        return step_of(pipeline_duplicate(w, REPLAY_HERE));
    struct cert_permitted permitted = {0};
    if (!stage_cert_permits(w, c, &permitted))
        return STEP_FAILED;
    w->n_candidates = 1;
    if (!cert_cache_room(p->certs))
        pipeline_check(p, 0);
    if (!p->cfg.verify) {
        w->candidate[0] = cert_cache_add(p->certs, c, w->cert_hash, NULL, NULL);
        if (w->candidate[0] == NULL) {
            pipeline_check(p, 0);
            w->candidate[0] = cert_cache_add(p->certs, c, w->cert_hash, NULL, NULL);
        }
        if (pipeline_release(p, c, w->cert_hash)) {
            slot_queue_put(&p->ready, s);
            return STEP_GONE;
        }
        return STEP_ON;
    }
    uint32_t now_s = (uint32_t)(w->spdu.generation_time / 1000000);
    struct trust_result r = pipeline_trust(p, c, w->cert_hash, now_s);
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
        w->candidate[0] = pipeline_add_proven(p, c, w->cert_hash, r.key, r.issuer_hash);
        pipeline_tell_proven(p, w->candidate[0]);
        /* Those that waited come before the message that brought it, which then finds it in the cache. */
        if (pipeline_release(p, c, w->cert_hash)) {
            slot_queue_put(&p->ready, s);
            return STEP_GONE;
        }
        return STEP_ON;
    case TRUST_UNKNOWN_ISSUER:
        if (c->type == CERT_IMPLICIT) {
            if (p->cfg.hooks.issuer_missing != NULL)
                p->cfg.hooks.issuer_missing(p->cfg.hooks.ctx, c->issuer_id, p->its_us);
            return note_and_fail(p, w, NOTE_IMPLICIT);
        }
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
    case TRUST_ALGORITHM:
    case TRUST_STORE_FULL:
    case TRUST_VERDICT_COUNT:
        break;
    }
    return note_and_fail(p, w, 1 + (unsigned)r.verdict);
}

/* Its hash was made when the frame came in. */
static enum step signer_by_certificate(struct pipeline *p, struct slot *s) {
    struct frame_work *w = &s->w;
    w->candidate[0] = cert_cache_find(p->certs, w->cert_hash);
    if (w->candidate[0] == NULL)
        return signer_heard_first(p, s);
    w->n_candidates = 1;
    return STEP_ON;
}

bool pipeline_knows_signer(const struct pipeline *p, const struct frame_work *w) {
    struct cert_entry *found[CERT_CACHE_SAME_ID];
    if (w->spdu.signer != SIGNER_DIGEST)
        return cert_cache_has(p->certs, w->cert_hash);
    return !pipeline_line_shows(p, w->spdu.digest) &&
           cert_cache_find_id8(p->certs, w->spdu.digest, hash_of_digest(w), found) > 0;
}

enum step pipeline_find_signer(struct pipeline *p, struct slot *s) {
    return s->w.spdu.signer == SIGNER_DIGEST ? signer_by_digest(p, s) : signer_by_certificate(p, s);
}

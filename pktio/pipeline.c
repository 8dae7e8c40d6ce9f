#include "pktio/pipeline_internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "v2x/psid.h"

#include <stdio.h>
#include <stdlib.h>

/*~ pipeline_take brings a frame through everything that is cheap and copies the rest into a slot. pipeline_work takes up
 * to a burst of them: they are hashed together, their signers are looked up, and those whose signature has to be checked
 * stand in a line whose head is settled as answers come (pipeline_check.c). A frame whose verdict depends on one in the
 * line (a digest of a certificate that only a message in the line has shown) has the line settled first; the same message
 * again stands in it too, and is looked at when its twin is settled. While no more than a burst is queued, frames go in the order of their arrival. So verdicts do not
 * depend on how frames fell into bursts, except for which certificate of an unknown chain a full cache forgets first,
 * and except under overload, where time decides. */

enum {
    DETAIL_TEXT = 128,
    FETCH_OCTETS = 512, /* of a frame, ahead of its turn; most are shorter */
    QUEUE_SLOTS = 2048,
    WAIT_SHARE = 32,
    WAIT_OCTETS_EACH = 512,
    FRESH_PERCENT = 10,
    /* A certificate heard first costs about as much as so many messages of known signers: its chain, its key and
     * a check without tables. */
    FRESH_COST = 8,
    FRESH_COST_WIDE = PIPELINE_COST_BAD_WIDE,
    FRESH_SLOTS_SHARE =
        8, /* of the slots, one in so many for routine messages with new certificates */
};
#define MAX_AGE_US 50000U
#define MAX_AGE_SAFETY_US 200000U
#define WAIT_US 1200000U

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
    p->own_replay = cfg->window != NULL ? NULL : replay_window_new(l->replay_slots, cfg->salt);
    p->replay = cfg->window != NULL ? cfg->window : p->own_replay;
    p->certs = cert_cache_new(l->cert_slots);
    p->notes = signer_notes_new(l->cert_slots / 4);
    struct verify_config kernel = verify_config_default(CHECK_LINE_MAX + PIPELINE_BURST_MAX);
    kernel.backend = l->backend;
    if (cfg->repeatable)
        kernel.exceptional_percent = VERIFY_EXCEPTIONAL_ALL;
    if (l->table_octets != 0)
        kernel.table_octets = l->table_octets;
    p->kernel = verify_kernel_new(&kernel);
    p->chains = chains_new();
    /* So many entries of the cache are held at most, so that it always has another one to drop. */
    size_t held = l->cert_slots / (2 * CERT_CACHE_SAME_ID);
    p->line.most = held >= CHECK_LINE_MAX ? CHECK_LINE_MAX : held < 2 ? 2 : (unsigned)held;
    p->pool = pkt_message_pool_new(l->message_pool);
    p->slots = slots_new(l->queue_slots + 1); /* and one to read in */
    p->reading = slots_take(p->slots);
    for (unsigned i = 0; i < LANES; i++)
        slot_queue_init(&p->lane[i], l->queue_slots + 1);
    slot_queue_init(&p->ready, l->queue_slots + 1);
    p->waiting = waiting_new(l->wait_slots, l->wait_octets, l->wait_share, l->wait_us, p->cfg.salt);
    p->n.certs_max = l->cert_slots;
    p->n.sources_max = l->source_slots;
    p->n.identities_max = cfg->window != NULL ? 0 : l->replay_slots;
    p->n.queued_max = l->queue_slots;
    p->n.waiting_max = l->wait_slots;
    return p;
}

void pipeline_free(struct pipeline *p) {
    if (p == NULL)
        return;
    for (unsigned i = 0; i < p->line.n; i++)
        verify_key_unref(p->line.slot[(p->line.first + i) % CHECK_LINE_MAX]->w.fresh_key);
    source_budget_free(p->budget);
    replay_window_free(p->own_replay);
    cert_cache_free(p->certs);
    trust_view_unref(p->view);
    signer_notes_free(p->notes);
    chains_free(p->chains);
    verify_kernel_free(p->kernel);
    pkt_message_pool_free(p->pool);
    waiting_free(p->waiting);
    for (unsigned i = 0; i < LANES; i++)
        slot_queue_done(&p->lane[i]);
    slot_queue_done(&p->ready);
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

void pipeline_say(struct pipeline *p, const struct frame_work *w, const struct pkt_frame *f) {
    char text[DETAIL_TEXT];
    p->n.verdict[w->verdict]++;
    if (p->verdict_fn != NULL)
        p->verdict_fn(p->verdict_ctx, f, w->verdict, detail_of(w, text));
}

/* The slot's last use. */
void pipeline_end(struct pipeline *p, struct slot *s) {
    pipeline_say(p, &s->w, &s->frame);
    slots_give(p->slots, s);
}

static void finish_waiting(struct pipeline *p, struct slot *s, const char *text) {
    (void)stage_fail(&s->w, PKT_SIGNER_UNKNOWN, text);
    s->w.detail.has_at = s->w.detail.waited = true;
    s->w.detail.at = (size_t)((p->its_us - s->waiting_since_us) / 1000);
    pipeline_end(p, s);
}

/* ---- age ---- */

bool pipeline_too_old(const struct pipeline *p, struct slot *s) {
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

/* Whose oldest gives way to a newcomer of this lane when no slot is left; LANES: nobody. New certificates have a part of
 * the slots and keep it, except from safety messages: they would come and go, each of them read, to no one's good. */
static unsigned gives_way(const struct pipeline *p, enum lane lane) {
    bool known = lane == LANE_ROUTINE || lane == LANE_OTHER;
    for (unsigned i = LANES; i-- > (unsigned)lane;) {
        if (p->lane[i].n > 0 && !(known && i == LANE_FRESH))
            return i;
    }
    return LANES;
}

static bool fresh_full(const struct pipeline *p) {
    return p->lane[LANE_FRESH].n >= p->cfg.limits.queue_slots / FRESH_SLOTS_SHARE;
}

/* A newcomer of this lane would find no place but that of another of its lane. */
static bool crowded_out(const struct pipeline *p, enum lane lane) {
    if (lane == LANE_FRESH && fresh_full(p))
        return true;
    if (slots_left(p->slots) > 0)
        return false;
    unsigned i = gives_way(p, lane);
    return i == LANES || i == (unsigned)lane;
}

/* The same, from the first octets: what is shed under overload must cost next to nothing. */
static bool shed_unread(const struct pipeline *p, const struct carrier *c) {
    uint64_t psid;
    if (!crowded_out(p, LANE_ROUTINE) || !spdu_peek_psid(c->message, &psid))
        return false;
    return pipeline_class_of(psid) != PIPELINE_SAFETY;
}

/* False: w has the verdict. */
static bool read_in(struct pipeline *p, struct slot *s, const struct pkt_frame *f) {
    struct frame_work *w = &s->w;
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
    if (crowded_out(p, LANE_FRESH) && pipeline_class_of(w->spdu.psid) != PIPELINE_SAFETY &&
        !cert_cache_may_have(p->certs, &w->spdu.cert))
        return stage_fail(w, PKT_SHED_OVERLOAD, NULL);
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

/* The slot to read the next frame in. False: there is none, the newcomer is shed. */
static bool make_room(struct pipeline *p, enum lane lane) {
    if (lane == LANE_FRESH && fresh_full(p))
        return false;
    struct slot *s = slots_take(p->slots);
    if (s == NULL) {
        unsigned i = gives_way(p, lane);
        if (i == LANES)
            return false;
        s = slot_queue_take(&p->lane[i]);
        (void)stage_fail(&s->w, PKT_SHED_OVERLOAD, NULL);
        pipeline_say(p, &s->w, &s->frame);
    }
    p->reading = s;
    slot_fetch(s, true);
    return true;
}

static bool worth_reading(
    struct pipeline *p, struct frame_work *w, const struct stage_heard *heard) {
    reset(w);
    w->hashed = false;
    w->carrier = heard->carrier;
    if (!heard->go_on)
        return stage_fail(w, heard->verdict, heard->text);
    if (!source_budget_charge(p->budget, w->carrier.source, p->its_us))
        return stage_fail(w, PKT_SOURCE_BUDGET, NULL);
    if (shed_unread(p, &w->carrier))
        return stage_fail(w, PKT_SHED_OVERLOAD, NULL);
    return true;
}

static void take_up(
    struct pipeline *p, const struct pkt_frame *f, const struct stage_heard *heard) {
    struct slot *s = p->reading;
    if (!worth_reading(p, &s->w, heard) || !read_in(p, s, f)) {
        pipeline_say(p, &s->w, f);
        return;
    }
    s->order = p->order++;
    s->taken_us = s->ready_us = p->its_us;
    s->class = pipeline_class_of(s->w.spdu.psid);
    enum lane lane = lane_of(p, s);
    if (!make_room(p, lane)) {
        (void)stage_fail(&s->w, PKT_SHED_OVERLOAD, NULL);
        pipeline_say(p, &s->w, f);
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
    p->n.queued = queued(p);
    p->n.waiting = waiting_used(p->waiting);
}

/* Of a window of our own; whoever shares one asks the window. */
static void count_identities(struct pipeline *p) {
    if (p->own_replay == NULL)
        return;
    replay_window_age(p->own_replay, p->its_us);
    struct replay_window_counters c = replay_window_counters(p->own_replay);
    p->n.identities = c.used;
    p->n.identities_evicted = c.evicted;
}

void pipeline_take(struct pipeline *p, const struct pkt_frame *frames, size_t n, uint64_t its_us) {
    WS_ASSERT(n <= PIPELINE_BURST_MAX);
    p->its_us = its_us;
    struct stage_heard heard[PIPELINE_BURST_MAX];
    for (size_t i = 0; i < n; i++) {
        for (size_t at = 0; at < frames[i].data.n && at < FETCH_OCTETS; at += 64)
            __builtin_prefetch(frames[i].data.p + at);
    }
    for (size_t i = 0; i < n; i++) {
        stage_classify(&frames[i], &heard[i]);
        source_budget_prefetch(p->budget, heard[i].carrier.source);
    }
    for (size_t i = 0; i < n; i++) {
        p->n.octets += frames[i].data.n;
        take_up(p, &frames[i], &heard[i]);
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
        if (q->n > 0 &&
            (best == NULL || slot_queue_first(q)->order < slot_queue_first(best)->order))
            best = q;
    }
    return best;
}

static uint64_t fresh_cost(const struct slot *s) {
    const struct spdu *m = &s->w.spdu;
    bool wide = ec_octets(m->cert.key_curve) == 48 || ec_octets(m->cert.signature.curve) == 48;
    return wide ? FRESH_COST_WIDE : FRESH_COST;
}

/* Known signers by class. New certificates have their share of the work, and all of it when nothing else is
 * left: what a stranger can ask for never takes more from those who are known. */
static struct slot_queue *best_lane(struct pipeline *p) {
    unsigned share = p->cfg.limits.fresh_percent;
    struct slot_queue *fresh =
        &p->lane[p->lane[LANE_FRESH_SAFETY].n > 0 ? LANE_FRESH_SAFETY : LANE_FRESH];
    uint64_t cost = fresh->n > 0 ? 100 * fresh_cost(slot_queue_first(fresh)) : 0;
    if (fresh->n > 0 && p->fresh_credit >= cost) {
        p->fresh_credit -= cost;
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

/* A queue under overload is longer than the cache is large. */
static void fetch(struct slot *const *slots, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        slot_fetch(slots[i], false);
}

static struct slot *next_slot(struct pipeline *p, bool in_order) {
    if (p->ready.n > 0)
        return slot_queue_take(&p->ready);
    struct slot_queue *q = in_order ? oldest_lane(p) : best_lane(p);
    return q == NULL ? NULL : slot_queue_take(q);
}

static void examine(struct pipeline *p, struct slot *s) {
    if (p->line.n == p->line.most)
        pipeline_check(p, p->line.most / 2);
    /* It waits in the line for its twin's outcome; cutting the line short would let whoever repeats what he hears cut
     * everybody's batches short. */
    bool twin = pipeline_in_line(p, &s->w);
    if (twin && !pipeline_knows_signer(p, &s->w)) {
        pipeline_check(p, 0);
        twin = false;
    }
    switch (pipeline_find_signer(p, s)) {
    case STEP_GONE:
        return;
    case STEP_FAILED:
        pipeline_end(p, s);
        return;
    case STEP_ON:
        pipeline_line_up(p, s, twin);
        /* If it proves an implicit certificate, those that waited for it come before whoever comes after it. With nobody
         * waiting the line may stand: a flood of such certificates must not cut everybody's batches short. */
        if (s->w.fresh_chain && waiting_has(p->waiting, s->w.cert_hash + 24))
            pipeline_check(p, 0);
        return;
    }
}

/* False: it is too old, and gone. */
static bool get_ready(struct pipeline *p, struct slot *s) {
    reset(&s->w);
    if (!pipeline_too_old(p, s))
        return true;
    pipeline_end(p, s);
    return false;
}

/* What its certificate is looked for by. */
static const uint8_t *name_of(const struct frame_work *w) {
    return w->spdu.signer == SIGNER_DIGEST ? w->spdu.digest : w->cert_hash + 24;
}

/* A burst of those whose turn it is, hashed together. */
static unsigned next_batch(struct pipeline *p, struct slot *ret_slots[static PIPELINE_BURST_MAX]) {
    struct v2x_sha256_job job[PIPELINE_BURST_MAX];
    size_t n_jobs = 0;
    unsigned n = 0;
    unsigned next = 0;
    struct slot *slots[PIPELINE_BURST_MAX];
    bool in_order = queued(p) <= PIPELINE_BURST_MAX;
    while (next < PIPELINE_BURST_MAX && (slots[next] = next_slot(p, in_order)) != NULL)
        next++;
    fetch(slots, next);
    for (unsigned i = 0; i < next; i++) {
        struct slot *s = slots[i];
        if (!get_ready(p, s))
            continue;
        ret_slots[n++] = s;
        if (!s->w.hashed)
            job[n_jobs++] = (struct v2x_sha256_job){
                .parts = &s->w.spdu.tbs, .n_parts = 1, .ret_hash = s->w.tbs_hash};
        s->w.hashed = true;
    }
    for (unsigned i = 0; i < n; i++)
        cert_cache_prefetch(p->certs, name_of(&ret_slots[i]->w));
    v2x_sha256_batch(job, n_jobs);
    for (unsigned i = 0; i < n; i++)
        cert_cache_prefetch_entry(p->certs, name_of(&ret_slots[i]->w));
    return n;
}

/* With nobody in the line nothing points into the cache. Another store may judge every chain differently, so what was
 * concluded under the old one goes with it; other revocations alone only make certificates be looked up again. */
static void refresh_view(struct pipeline *p) {
    if (p->cfg.views == NULL ||
        (p->view != NULL && trust_slot_generation(p->cfg.views) == p->view->generation))
        return;
    pipeline_check(p, 0);
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
    struct slot *batch[PIPELINE_BURST_MAX];
    unsigned n = next_batch(p, batch);
    if (p->cfg.verify)
        pipeline_check_chains(p, batch, n);
    for (unsigned i = 0; i < n; i++) {
        examine(p, batch[i]);
        for (struct slot *s = slot_queue_take(&p->ready); s != NULL; s = slot_queue_take(&p->ready))
            if (get_ready(p, s))
                examine(p, s);
    }
    chains_drop(p->chains);
    /* While more comes in, the kernel is kept full; when nothing does, nobody waits, and then there is time for tables. */
    pipeline_check(p, n > 0 ? p->line.most / 2 : 0);
    bool built = n == 0 && verify_build(p->kernel);
    count_levels(p);
    count_identities(p);
    return p->n.queued > 0 || p->line.n > 0 || built;
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
    uint64_t generation = p->view == NULL ? 0 : p->view->generation;
    if (c->store != p->cfg.trust || c->generation != generation ||
        cert_cache_has(p->certs, c->hash) || cert_parse(c->cert, &cert, &at) != COER_OK)
        return;
    (void)pipeline_add_proven(p, &cert, c->hash, verify_key_ref(c->key), c->issuer_hash);
    (void)pipeline_release(p, &cert, c->hash);
    count_levels(p);
}

size_t pipeline_missing(const struct pipeline *p, uint8_t (*ret_id3)[3], size_t max) {
    return waiting_names(p->waiting, ret_id3, max);
}

const struct pipeline_counters *pipeline_counters(const struct pipeline *p) {
    return &p->n;
}

void pipeline_verify_counters(const struct pipeline *p, struct verify_counters *ret_counters) {
    verify_kernel_counters(p->kernel, ret_counters);
}

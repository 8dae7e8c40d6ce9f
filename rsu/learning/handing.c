#include "rsu/learning/handing.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/table.h"
#include "fedlearn/round/records.h"

#include <stdlib.h>

enum {
    MARK = 0,
    CHANNEL = 2,
    VERSION = 1,
    HEAD = 36,
    QUESTIONS = 4, /* of one peer that wait for its budget */
    OPEN = 4, /* materials held open for peers' next questions */
    TRIES = 3, /* silent times of one peer before the next is asked */
    AGAIN_US = 1000000, /* after all peers lacked it; twice as long each time */
    AGAIN_MOST = 4, /* times twice */
    /* A peer may take so many times the patience, and once more for each PACE pieces; twice as long after each turn, for honest slow links. */
    SLOWEST = 4,
    PACE = 16,
    TICK_US = 20000,
    MICRO = 1000000,
    NOBODY = HANDING_PEERS_MAX,
};

struct peers {
    uint64_t bits[HANDING_PEERS_MAX / 64];
};

/* Something that is not here. */
struct lack {
    uint8_t id[32];
    size_t at; /* in the list */
    struct peers asked; /* since the last pause */
    struct peers told; /* who said that it has it: heard once from each */
    unsigned pauses;
    size_t told_by; /* NOBODY, or who said so last: asked next, if it is free */
    uint64_t pause_us; /* not before */
    struct fetch *fetch; /* NULL: waits */
};
struct fetch {
    struct lack *lack; /* NULL: free */
    size_t peer;
    uint8_t *octets;
    bool *there;
    uint32_t pieces, n_there;
    uint32_t asked; /* pieces below it have been asked for */
    uint64_t heard_us, until_us;
    unsigned silent;
};
struct peer {
    bool bad; /* in this round */
    unsigned left; /* in this round: silent or slow; others are asked before it */
    bool busy; /* a fetch is under way from it */
    int64_t tokens; /* octets; below zero after the last answer */
    uint64_t filled_us;
    size_t n;
    struct question {
        uint8_t id[32];
        uint32_t piece;
        uint8_t n;
    } question[QUESTIONS];
};
struct held {
    uint8_t id[32];
    struct materials_hold hold; /* memory NULL: free */
    uint64_t used;
};

struct handing {
    struct handing_config cfg;
    struct handing_counters counters;
    struct uploads_round round;
    uint32_t length, pieces; /* of a submission of the round */
    struct table by_id;
    struct lack **lack; /* FL_SUBMISSIONS_MAX places */
    size_t n_lacks, next; /* whose turn it is to be looked at */
    struct fetch *fetch; /* cfg.fetches */
    struct peer peer[HANDING_PEERS_MAX];
    struct held held[OPEN];
    uint64_t uses;
};

/* ---- messages ---- */

void handing_put(const struct handing_said *s, struct buf *b) {
    const uint8_t head[4] = {MARK, CHANNEL, VERSION, (uint8_t)s->kind};
    buf_put(b, head, sizeof(head));
    buf_put(b, s->id, sizeof(s->id));
    if (s->kind == HANDING_WANT || s->kind == HANDING_PIECE)
        buf_u32(b, s->piece);
    if (s->kind == HANDING_WANT)
        buf_u8(b, s->n);
    if (s->kind == HANDING_PIECE)
        buf_put(b, s->octets.p, s->octets.n);
}

bool handing_read(struct span msg, struct handing_said *ret) {
    struct rd r = rd_of(msg);
    uint8_t head[4];
    *ret = (struct handing_said){0};
    rd_copy(&r, head, sizeof(head));
    rd_copy(&r, ret->id, sizeof(ret->id));
    if (r.bad || head[0] != MARK || head[1] != CHANNEL || head[2] != VERSION ||
        head[3] < HANDING_WANT || head[3] > HANDING_TELL)
        return false;
    ret->kind = (enum handing_kind)head[3];
    if (ret->kind == HANDING_WANT || ret->kind == HANDING_PIECE)
        ret->piece = rd_u32(&r);
    if (ret->kind == HANDING_WANT)
        ret->n = rd_u8(&r);
    if (ret->kind == HANDING_PIECE)
        ret->octets = rd_take(&r, rd_left(&r));
    return rd_done(&r) &&
           (ret->kind != HANDING_WANT || (ret->n >= 1 && ret->n <= HANDING_PIECES)) &&
           (ret->kind != HANDING_PIECE || (ret->octets.n >= 1 && ret->octets.n <= HANDING_OCTETS));
}

bool handing_owns(struct span msg) {
    return msg.n > 1 && msg.p[0] == MARK && msg.p[1] == CHANNEL;
}

static void say(struct handing *h, size_t peer, const struct handing_said *s) {
    struct buf b = {0};
    handing_put(s, &b);
    h->cfg.send(h->cfg.ctx, peer, buf_span(&b));
    buf_free(&b);
}

/* ---- life ---- */

struct handing *handing_new(const struct handing_config *cfg) {
    struct handing *h = ws_alloc(sizeof(*h));
    WS_ASSERT(cfg->n_peers <= HANDING_PEERS_MAX);
    WS_ASSERT(cfg->fetches >= 1);
    WS_ASSERT(cfg->octets_per_s <= UINT64_C(1) << 40);
    h->cfg = *cfg;
    h->lack = ws_calloc(FL_SUBMISSIONS_MAX, sizeof(struct lack *));
    h->fetch = ws_calloc(cfg->fetches, sizeof(*h->fetch));
    return h;
}

static void stop(struct handing *h, struct fetch *f) {
    if (f->lack == NULL)
        return;
    f->lack->fetch = NULL;
    h->peer[f->peer].busy = false;
    free(f->octets);
    free(f->there);
    *f = (struct fetch){0};
    h->counters.under_way--;
}

static void drop(struct handing *h, struct lack *l) {
    if (l->fetch != NULL)
        stop(h, l->fetch);
    struct lack *last = h->lack[--h->n_lacks];
    h->lack[l->at] = last;
    last->at = l->at;
    (void)table_take(&h->by_id, l->id);
    free(l);
    h->counters.waiting = h->n_lacks;
}

static void forget_round(struct handing *h) {
    while (h->n_lacks > 0)
        drop(h, h->lack[h->n_lacks - 1]);
    for (size_t i = 0; i < HANDING_PEERS_MAX; i++)
        h->peer[i].bad = false, h->peer[i].left = 0;
    for (size_t i = 0; i < OPEN; i++)
        materials_release(&h->held[i].hold);
}

void handing_free(struct handing *h) {
    if (h == NULL)
        return;
    forget_round(h);
    table_free(&h->by_id);
    free(h->lack);
    free(h->fetch);
    free(h);
}

const struct handing_counters *handing_counters(const struct handing *h) {
    return &h->counters;
}

/* ---- asking ---- */

void handing_want(struct handing *h, const uint8_t id[static 32], uint64_t mono_us) {
    if (h->n_lacks == FL_SUBMISSIONS_MAX || table_get(&h->by_id, id) != NULL)
        return;
    struct lack *l = ws_alloc(sizeof(*l));
    memcpy(l->id, id, sizeof(l->id));
    l->at = h->n_lacks;
    l->told_by = NOBODY;
    l->pause_us = mono_us;
    h->lack[h->n_lacks++] = l;
    (void)table_put(&h->by_id, id, l);
    h->counters.wanted++;
    h->counters.waiting = h->n_lacks;
}

static size_t piece_octets(const struct handing *h, uint32_t i) {
    const size_t left = h->length - (size_t)i * HANDING_OCTETS;
    return left < HANDING_OCTETS ? left : HANDING_OCTETS;
}

/* The first run of pieces that are not there, from `from` on. */
static void ask(struct handing *h, struct fetch *f, uint32_t from) {
    struct handing_said s = {.kind = HANDING_WANT, .piece = from};
    while (s.piece < f->pieces && f->there[s.piece])
        s.piece++;
    while (s.n < HANDING_PIECES && s.piece + s.n < f->pieces && !f->there[s.piece + s.n])
        s.n++;
    if (s.n == 0)
        return;
    memcpy(s.id, f->lack->id, sizeof(s.id));
    if (f->asked < s.piece + s.n)
        f->asked = s.piece + s.n;
    say(h, f->peer, &s);
}

static bool is_in(const struct peers *p, size_t peer) {
    return (p->bits[peer / 64] >> peer % 64 & 1) != 0;
}

static void add(struct peers *p, size_t peer) {
    p->bits[peer / 64] |= UINT64_C(1) << peer % 64;
}

/* The next one that may be asked: who said that it has it, then of those that are free who was left least often, and of these another one for each
 * submission. Who is busy is not waited for while another one is free. A pause when all have been asked. */
static size_t choose(struct handing *h, struct lack *l, uint64_t mono_us) {
    size_t able[HANDING_PEERS_MAX];
    size_t n = 0;
    bool busy = false;
    unsigned least = UINT32_MAX;
    const size_t told = l->told_by;
    l->told_by = NOBODY;
    if (told != NOBODY && !h->peer[told].busy && !h->peer[told].bad && h->peer[told].left == 0 &&
        h->cfg.up(h->cfg.ctx, told))
        return told;
    for (size_t i = 0; i < h->cfg.n_peers; i++) {
        const struct peer *p = &h->peer[i];
        if (p->bad || is_in(&l->asked, i) || !h->cfg.up(h->cfg.ctx, i))
            continue;
        if (p->busy) {
            busy = true;
            continue;
        }
        if (p->left < least)
            n = 0;
        least = p->left < least ? p->left : least;
        if (p->left == least)
            able[n++] = i;
    }
    if (n > 0)
        return able[be32(l->id) % n];
    if (busy)
        return NOBODY;
    l->asked = (struct peers){0};
    l->pause_us = mono_us + ((uint64_t)AGAIN_US << l->pauses);
    l->pauses += l->pauses < AGAIN_MOST;
    return NOBODY;
}

static void start(struct handing *h, struct fetch *f, struct lack *l, size_t peer, uint64_t now) {
    *f = (struct fetch){.lack = l,
        .peer = peer,
        .octets = ws_alloc(h->length),
        .there = ws_calloc(h->pieces, sizeof(bool)),
        .pieces = h->pieces,
        .heard_us = now,
        .until_us = now + ((h->cfg.patience_us * (SLOWEST + h->pieces / PACE)) << l->pauses)};
    l->fetch = f;
    add(&l->asked, peer);
    h->peer[peer].busy = true;
    h->counters.under_way++;
    ask(h, f, 0);
}

static void start_some(struct handing *h, uint64_t mono_us) {
    for (size_t i = 0; i < h->cfg.fetches; i++) {
        struct fetch *f = &h->fetch[i];
        if (f->lack != NULL || (h->counters.under_way + 1) * (uint64_t)h->length > h->cfg.octets)
            continue;
        for (size_t k = 0; k < h->n_lacks && f->lack == NULL; k++) {
            struct lack *l = h->lack[h->next++ % h->n_lacks];
            if (l->fetch != NULL || l->pause_us > mono_us)
                continue;
            if (h->cfg.has(h->cfg.ctx, l->id)) { /* it came another way */
                drop(h, l);
                continue;
            }
            const size_t peer = choose(h, l, mono_us);
            if (peer != NOBODY)
                start(h, f, l, peer, mono_us);
        }
    }
}

static void leave(struct handing *h, struct fetch *f) {
    h->peer[f->peer].left++;
    stop(h, f);
}

static void look_at_silent(struct handing *h, uint64_t mono_us) {
    for (size_t i = 0; i < h->cfg.fetches; i++) {
        struct fetch *f = &h->fetch[i];
        if (f->lack == NULL)
            continue;
        if (mono_us >= f->until_us) {
            h->counters.timeouts++;
            leave(h, f);
        } else if (mono_us - f->heard_us >= h->cfg.patience_us) {
            h->counters.timeouts++;
            f->heard_us = mono_us;
            if (++f->silent >= TRIES || !h->cfg.up(h->cfg.ctx, f->peer))
                leave(h, f);
            else
                ask(h, f, 0);
        }
    }
}

/* ---- what comes ---- */

static bool is_signed(struct handing *h, const uint8_t id[static 32], const struct fl_material *m) {
    struct fl_cover cover;
    struct uploads_claim c;
    bool good = false;
    if (fl_cover_read(m->cover, &cover, NULL) != WS_OK || cover.n != h->round.round.n)
        return false;
    for (size_t k = 0; !good && h->cfg.claim(h->cfg.ctx, id, k, &c); k++) {
        uint8_t is[32];
        fl_cover_id(&h->round.round, c.token, &cover, is);
        if (memcmp(is, id, sizeof(is)) != 0)
            continue;
        struct fl_submission *s = ws_alloc(sizeof(*s));
        good = fl_material_check(&h->round.round, c.token, id, m, s) == FL_MATERIAL_GOOD;
        free(s);
    }
    return good;
}

static void finish(struct handing *h, struct fetch *f, uint64_t mono_us) {
    const struct fl_upload_shape *s = &h->round.shape;
    const struct fl_material m = {span_of(f->octets, s->cover),
        span_of(f->octets + s->cover, s->bundles),
        span_of(f->octets + s->cover + s->bundles, s->wire)};
    struct lack *l = f->lack;
    struct uploads_claim any;
    struct ws_err err = {0};
    if (!h->cfg.claim(h->cfg.ctx, l->id, 0, &any)) { /* nobody's any more: nobody is to blame */
        drop(h, l);
        return;
    }
    if (!is_signed(h, l->id, &m)) {
        h->counters.bad++;
        h->peer[f->peer].bad = true;
        h->cfg.blame(h->cfg.ctx, f->peer, l->id);
        stop(h, f);
        return;
    }
    const int rc = h->cfg.keep(h->cfg.ctx, h->round.number, l->id, &m, &err);
    if (rc == WS_OK || rc == WS_EEXIST) {
        h->counters.got++;
        drop(h, l);
        return;
    }
    h->counters.not_kept++;
    l->pause_us = mono_us + AGAIN_US;
    stop(h, f);
}

static void take_piece(
    struct handing *h, size_t peer, const struct handing_said *s, uint64_t mono_us) {
    const struct lack *l = table_get(&h->by_id, s->id);
    struct fetch *f = l == NULL ? NULL : l->fetch;
    if (f == NULL || f->peer != peer || s->piece >= f->pieces || f->there[s->piece] ||
        s->octets.n != piece_octets(h, s->piece)) {
        h->counters.unasked++;
        return;
    }
    memcpy(f->octets + (size_t)s->piece * HANDING_OCTETS, s->octets.p, s->octets.n);
    f->there[s->piece] = true;
    f->heard_us = mono_us;
    f->silent = 0;
    if (++f->n_there == f->pieces)
        finish(h, f, mono_us);
    else if (f->asked < f->pieces && f->n_there + HANDING_PIECES / 2 >= f->asked)
        ask(h, f, f->asked);
}

static void take_lack(struct handing *h, size_t peer, const struct handing_said *s) {
    const struct lack *l = table_get(&h->by_id, s->id);
    struct fetch *f = l == NULL ? NULL : l->fetch;
    if (f == NULL || f->peer != peer) {
        h->counters.unasked++;
        return;
    }
    h->counters.lacking++;
    stop(h, f);
}

/* A claim of that id has to be on the ledger, so that nobody fills the list with names. */
static void take_tell(
    struct handing *h, size_t peer, const struct handing_said *s, uint64_t mono_us) {
    struct uploads_claim c;
    if (h->length == 0 || h->peer[peer].bad || !h->cfg.up(h->cfg.ctx, peer) ||
        !h->cfg.claim(h->cfg.ctx, s->id, 0, &c) || h->cfg.has(h->cfg.ctx, s->id))
        return;
    handing_want(h, s->id, mono_us);
    struct lack *l = table_get(&h->by_id, s->id);
    if (l == NULL || is_in(&l->told, peer))
        return;
    add(&l->told, peer);
    h->counters.told++;
    l->told_by = peer;
    l->pause_us = mono_us;
}

void handing_tell(struct handing *h, const uint8_t id[static 32]) {
    struct handing_said s = {.kind = HANDING_TELL};
    memcpy(s.id, id, sizeof(s.id));
    for (size_t i = 0; i < h->cfg.n_peers; i++)
        if (h->cfg.up(h->cfg.ctx, i))
            say(h, i, &s);
}

/* ---- answering ---- */

static const struct fl_material *open_material(struct handing *h, const uint8_t id[static 32]) {
    struct held *oldest = &h->held[0];
    for (size_t i = 0; i < OPEN; i++) {
        struct held *k = &h->held[i];
        if (k->hold.memory != NULL && memcmp(k->id, id, sizeof(k->id)) == 0) {
            k->used = ++h->uses;
            return &k->hold.material;
        }
        if (k->hold.memory == NULL || (oldest->hold.memory != NULL && k->used < oldest->used))
            oldest = k;
    }
    materials_release(&oldest->hold);
    if (!h->cfg.get(h->cfg.ctx, id, &oldest->hold) || oldest->hold.material.bundles.n == 0) {
        materials_release(&oldest->hold);
        return NULL;
    }
    memcpy(oldest->id, id, sizeof(oldest->id));
    oldest->used = ++h->uses;
    return &oldest->hold.material;
}

static void refill(const struct handing *h, struct peer *p, uint64_t mono_us) {
    const uint64_t us = mono_us - p->filled_us > MICRO ? MICRO : mono_us - p->filled_us;
    p->tokens += (int64_t)(h->cfg.octets_per_s * us / MICRO);
    if (p->filled_us == 0 || p->tokens > (int64_t)h->cfg.octets_per_s)
        p->tokens = (int64_t)h->cfg.octets_per_s;
    p->filled_us = mono_us;
}

/* Octets [at, at + n) of cover | bundles | ciphertext. */
static void copy_out(const struct fl_material *m, size_t at, size_t n, uint8_t *ret) {
    const struct span parts[] = {m->cover, m->bundles, m->wire};
    for (size_t i = 0; i < ARRAY_LEN(parts) && n > 0; i++) {
        if (at >= parts[i].n) {
            at -= parts[i].n;
            continue;
        }
        const size_t here = parts[i].n - at < n ? parts[i].n - at : n;
        memcpy(ret, parts[i].p + at, here);
        ret += here;
        n -= here;
        at = 0;
    }
}

static void answer(struct handing *h, size_t peer, const struct question *q) {
    struct handing_said s = {.kind = HANDING_LACK};
    const struct fl_material *m = open_material(h, q->id);
    const size_t all = m == NULL ? 0 : m->cover.n + m->bundles.n + m->wire.n;
    uint8_t octets[HANDING_OCTETS];
    memcpy(s.id, q->id, sizeof(s.id));
    if (m == NULL) {
        say(h, peer, &s);
        return;
    }
    s.kind = HANDING_PIECE;
    for (s.piece = q->piece; s.piece - q->piece < q->n; s.piece++) {
        const uint64_t at = (uint64_t)s.piece * HANDING_OCTETS;
        if (at >= all)
            return;
        const size_t n = all - at < HANDING_OCTETS ? (size_t)(all - at) : HANDING_OCTETS;
        copy_out(m, (size_t)at, n, octets);
        s.octets = span_of(octets, n);
        say(h, peer, &s);
        h->peer[peer].tokens -= (int64_t)n;
        h->counters.served++;
        h->counters.served_octets += n;
    }
}

/* A question is answered whole while a token is left. */
static void serve(struct handing *h, size_t peer, uint64_t mono_us) {
    struct peer *p = &h->peer[peer];
    refill(h, p, mono_us);
    while (p->n > 0 && p->tokens > 0) {
        const struct question q = p->question[0];
        p->n--;
        memmove(p->question, p->question + 1, p->n * sizeof(p->question[0]));
        answer(h, peer, &q);
    }
}

static void take_question(
    struct handing *h, size_t peer, const struct handing_said *s, uint64_t mono_us) {
    struct peer *p = &h->peer[peer];
    if (p->n == QUESTIONS || !h->cfg.up(h->cfg.ctx, peer)) {
        h->counters.refused++;
        return;
    }
    struct question *q = &p->question[p->n++];
    memcpy(q->id, s->id, sizeof(q->id));
    q->piece = s->piece;
    q->n = s->n;
    serve(h, peer, mono_us);
}

void handing_message(struct handing *h, size_t peer, struct span msg, uint64_t mono_us) {
    struct handing_said s;
    if (peer >= h->cfg.n_peers || !handing_read(msg, &s)) {
        h->counters.malformed++;
        return;
    }
    switch (s.kind) {
    case HANDING_WANT:
        take_question(h, peer, &s, mono_us);
        break;
    case HANDING_PIECE:
        take_piece(h, peer, &s, mono_us);
        break;
    case HANDING_LACK:
        take_lack(h, peer, &s);
        break;
    case HANDING_TELL:
        take_tell(h, peer, &s, mono_us);
        break;
    }
}

uint64_t handing_tick(struct handing *h, uint64_t mono_us) {
    struct uploads_round r = {0};
    const bool is_on = h->cfg.round(h->cfg.ctx, &r);
    if (!is_on || r.number != h->round.number) {
        const bool begins = h->round.number == 0;
        if (!begins || !is_on)
            forget_round(h); /* what was wanted before the first look at a round stays */
        h->round = r;
        h->length = is_on ? fl_upload_length(&r.shape) : 0;
        h->pieces = (uint32_t)((h->length + HANDING_OCTETS - 1) / HANDING_OCTETS);
    }
    bool waits = h->n_lacks > 0;
    for (size_t i = 0; i < h->cfg.n_peers; i++) {
        if (h->peer[i].n > 0)
            serve(h, i, mono_us);
        waits = waits || h->peer[i].n > 0;
    }
    if (h->length > 0) { /* to its end: shares are opened after the last attestation */
        look_at_silent(h, mono_us);
        if (h->n_lacks > 0)
            start_some(h, mono_us);
    }
    return waits ? mono_us + TICK_US : UINT64_MAX;
}

#include "rsu/learning/blobs.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

enum {
    MARK = 0,
    CHANNEL = 2,
    VERSION = 1,
    HEAD = 36,
    WINDOW = 2 * BLOBS_PIECES, /* pieces that may be there behind the first missing one */
    QUESTIONS = 4, /* of one peer that wait for its budget */
    OPEN = 4, /* blobs held for peers' next questions */
    IDLE_US = 5000000, /* how long */
    TRIES = 3, /* silent times of one peer before the next is asked */
    AGAIN_US = 1000000, /* after all peers lacked it; twice as long each time */
    AGAIN_MOST = 3, /* times twice */
    /* A peer may take so many times the patience, and once more for each PACE pieces; twice as long after each turn, for honest slow links. */
    SLOWEST = 2,
    PACE = 16,
    TICK_US = 20000,
    MICRO = 1000000,
    NOBODY = BLOBS_PEERS_MAX,
};

struct want {
    struct blobs_want what;
    size_t turn; /* peers asked since the last pause */
    unsigned pauses;
    uint64_t pause_us; /* not before */

    /* ---- of the peer that is asked ---- */
    size_t peer; /* NOBODY: waits */
    uint32_t length, pieces; /* 0: not said yet */
    uint8_t *octets;
    size_t cap;
    uint32_t first; /* missing piece */
    uint32_t there; /* bit k: piece first + k */
    uint32_t asked; /* pieces below it have been asked for */
    unsigned silent;
    uint64_t heard_us, until_us;
};
struct peer {
    bool bad;
    int64_t tokens; /* octets; below zero after the last answer */
    uint64_t filled_us;
    size_t n;
    struct blobs_said question[QUESTIONS];
};
struct held {
    uint8_t sha256[32];
    struct materials_hold hold; /* memory NULL: free */
    uint64_t used_us;
};

struct blobs {
    struct blobs_config cfg;
    struct blobs_counters counters;
    size_t n_wants;
    struct want want[BLOBS_WANTS_MAX];
    struct peer peer[BLOBS_PEERS_MAX];
    struct held held[OPEN];
};

/* ---- messages ---- */

void blobs_put(const struct blobs_said *s, struct buf *b) {
    const uint8_t head[4] = {MARK, CHANNEL, VERSION, (uint8_t)s->kind};
    buf_put(b, head, sizeof(head));
    buf_put(b, s->sha256, sizeof(s->sha256));
    if (s->kind == BLOBS_PIECE)
        buf_u32(b, s->length);
    if (s->kind == BLOBS_WANT || s->kind == BLOBS_PIECE)
        buf_u32(b, s->piece);
    if (s->kind == BLOBS_WANT)
        buf_u8(b, s->n);
    if (s->kind == BLOBS_PIECE)
        buf_put(b, s->octets.p, s->octets.n);
}

bool blobs_read(struct span msg, struct blobs_said *ret) {
    struct rd r = rd_of(msg);
    uint8_t head[4];
    *ret = (struct blobs_said){0};
    rd_copy(&r, head, sizeof(head));
    rd_copy(&r, ret->sha256, sizeof(ret->sha256));
    if (r.bad || head[0] != MARK || head[1] != CHANNEL || head[2] != VERSION ||
        head[3] < BLOBS_WANT || head[3] > BLOBS_LACK)
        return false;
    ret->kind = (enum blobs_kind)head[3];
    if (ret->kind == BLOBS_PIECE)
        ret->length = rd_u32(&r);
    if (ret->kind == BLOBS_WANT || ret->kind == BLOBS_PIECE)
        ret->piece = rd_u32(&r);
    if (ret->kind == BLOBS_WANT)
        ret->n = rd_u8(&r);
    if (ret->kind == BLOBS_PIECE)
        ret->octets = rd_take(&r, rd_left(&r));
    return rd_done(&r) && (ret->kind != BLOBS_WANT || (ret->n >= 1 && ret->n <= BLOBS_PIECES)) &&
           (ret->kind != BLOBS_PIECE || (ret->octets.n >= 1 && ret->octets.n <= BLOBS_OCTETS));
}

bool blobs_owns(struct span msg) {
    return msg.n > 3 && msg.p[0] == MARK && msg.p[1] == CHANNEL && msg.p[2] == VERSION &&
           msg.p[3] >= BLOBS_WANT && msg.p[3] <= BLOBS_LACK;
}

static void say(struct blobs *b, size_t peer, const struct blobs_said *s) {
    struct buf octets = {0};
    blobs_put(s, &octets);
    b->cfg.send(b->cfg.ctx, peer, buf_span(&octets));
    buf_free(&octets);
}

/* ---- life ---- */

struct blobs *blobs_new(const struct blobs_config *cfg) {
    struct blobs *b = ws_alloc(sizeof(*b));
    WS_ASSERT(cfg->n_peers >= 1);
    WS_ASSERT(cfg->n_peers <= BLOBS_PEERS_MAX);
    WS_ASSERT(cfg->octets_per_s >= 1);
    WS_ASSERT(cfg->octets_per_s <= UINT64_C(1) << 40);
    b->cfg = *cfg;
    return b;
}

/* What its peer has sent so far is of no use with another's. */
static void stop(struct want *w) {
    free(w->octets);
    w->octets = NULL;
    w->cap = 0;
    w->peer = NOBODY;
    w->length = w->pieces = w->first = w->there = w->asked = 0;
    w->silent = 0;
}

static void drop(struct blobs *b, size_t i) {
    stop(&b->want[i]);
    b->want[i] = b->want[--b->n_wants];
    b->counters.waiting = b->n_wants;
}

void blobs_free(struct blobs *b) {
    if (b == NULL)
        return;
    while (b->n_wants > 0)
        drop(b, b->n_wants - 1);
    for (size_t i = 0; i < OPEN; i++)
        materials_release(&b->held[i].hold);
    free(b);
}

const struct blobs_counters *blobs_counters(const struct blobs *b) {
    return &b->counters;
}

static struct want *find(struct blobs *b, const uint8_t sha256[static 32]) {
    for (size_t i = 0; i < b->n_wants; i++)
        if (memcmp(b->want[i].what.sha256, sha256, 32) == 0)
            return &b->want[i];
    return NULL;
}

static bool is_among(const struct want *w, const struct blobs_want *want, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (memcmp(want[i].sha256, w->what.sha256, 32) == 0)
            return true;
    return false;
}

void blobs_wants(struct blobs *b, const struct blobs_want *want, size_t n, uint64_t mono_us) {
    WS_ASSERT(n <= BLOBS_WANTS_MAX);
    for (size_t i = b->n_wants; i-- > 0;)
        if (!is_among(&b->want[i], want, n))
            drop(b, i);
    for (size_t i = 0; i < n; i++) {
        WS_ASSERT(want[i].octets_max >= 1);
        if (find(b, want[i].sha256) != NULL)
            continue;
        b->want[b->n_wants++] = (struct want){.what = want[i], .peer = NOBODY, .pause_us = mono_us};
        b->counters.wanted++;
    }
    b->counters.waiting = b->n_wants;
}

/* ---- asking ---- */

/* The first run of pieces that are not there, from `from` on. Before its length is known, there is one piece. */
static void ask(struct blobs *b, struct want *w, uint32_t from) {
    struct blobs_said s = {.kind = BLOBS_WANT, .piece = from};
    const uint32_t end = w->pieces == 0                  ? 1
                         : w->pieces < w->first + WINDOW ? w->pieces
                                                         : w->first + WINDOW;
    memcpy(s.sha256, w->what.sha256, sizeof(s.sha256));
    while (s.piece < end && (w->there >> (s.piece - w->first) & 1) != 0)
        s.piece++;
    while (s.n < BLOBS_PIECES && s.piece + s.n < end &&
           (w->there >> (s.piece + s.n - w->first) & 1) == 0)
        s.n++;
    if (s.n == 0)
        return;
    if (w->asked < s.piece + s.n)
        w->asked = s.piece + s.n;
    say(b, w->peer, &s);
}

/* The next one that may be asked. A pause after each turn. */
static size_t choose(struct blobs *b, struct want *w, uint64_t mono_us) {
    const size_t n = b->cfg.n_peers;
    WS_ASSERT(n >= 1);
    while (w->turn < n) {
        const size_t peer = ((size_t)b->cfg.first + w->turn++) % n;
        if (!b->peer[peer].bad && b->cfg.up(b->cfg.ctx, peer))
            return peer;
    }
    w->turn = 0;
    w->pause_us = mono_us + ((uint64_t)AGAIN_US << w->pauses);
    w->pauses += w->pauses < AGAIN_MOST;
    return NOBODY;
}

static uint64_t time_for(const struct blobs *b, const struct want *w) {
    return (b->cfg.patience_us * (SLOWEST + w->pieces / PACE)) << w->pauses;
}

static void look_after(struct blobs *b, struct want *w, uint64_t mono_us) {
    if (w->peer == NOBODY) {
        if (w->pause_us > mono_us || (w->peer = choose(b, w, mono_us)) == NOBODY)
            return;
        w->heard_us = mono_us;
        w->until_us = mono_us + TRIES * b->cfg.patience_us;
        ask(b, w, 0);
    } else if (mono_us >= w->until_us || !b->cfg.up(b->cfg.ctx, w->peer)) {
        b->counters.timeouts++;
        stop(w);
    } else if (mono_us - w->heard_us >= b->cfg.patience_us) {
        b->counters.timeouts++;
        w->heard_us = mono_us;
        if (++w->silent >= TRIES)
            stop(w);
        else
            ask(b, w, w->first);
    }
}

/* ---- what comes ---- */

static void blame(struct blobs *b, struct want *w) {
    b->counters.bad++;
    b->peer[w->peer].bad = true;
    b->cfg.blame(b->cfg.ctx, w->peer, w->what.sha256);
    stop(w);
}

static void finish(struct blobs *b, struct want *w, uint64_t mono_us) {
    struct ws_err err = {0};
    const int rc = b->cfg.keep(b->cfg.ctx, w->what.sha256, span_of(w->octets, w->length), &err);
    if (rc == WS_OK || rc == WS_EEXIST) {
        b->counters.got++;
        drop(b, (size_t)(w - b->want));
    } else if (rc == WS_EINPUT) {
        blame(b, w);
    } else {
        b->counters.not_kept++;
        stop(w);
        w->pause_us = mono_us + ((uint64_t)AGAIN_US << AGAIN_MOST);
    }
}

/* Memory grows with what has come, not with what was promised. */
static void make_room(struct want *w, size_t end) {
    if (end <= w->cap)
        return;
    w->cap = 2 * w->cap > end ? 2 * w->cap : end;
    w->cap = w->cap < w->length ? w->cap : w->length;
    w->octets = ws_realloc(w->octets, w->cap);
}

static size_t piece_octets(uint32_t length, uint32_t piece) {
    const size_t left = length - (size_t)piece * BLOBS_OCTETS;
    return left < BLOBS_OCTETS ? left : BLOBS_OCTETS;
}

/* One that nobody could have cut from octets of the length that was said. */
static bool is_impossible(const struct want *w, const struct blobs_said *s) {
    return s->length == 0 || s->length > w->what.octets_max ||
           (w->length != 0 && s->length != w->length) ||
           (uint64_t)s->piece * BLOBS_OCTETS >= s->length ||
           s->octets.n != piece_octets(s->length, s->piece);
}

static void take_piece(struct blobs *b, size_t peer, const struct blobs_said *s, uint64_t mono_us) {
    struct want *w = find(b, s->sha256);
    if (w == NULL || w->peer != peer) {
        b->counters.unasked++;
        return;
    }
    if (is_impossible(w, s)) {
        blame(b, w);
        return;
    }
    if (s->piece < w->first || s->piece >= w->asked || (w->there >> (s->piece - w->first) & 1)) {
        b->counters.unasked++;
        return;
    }
    if (w->length == 0) {
        w->length = s->length;
        w->pieces = (s->length + BLOBS_OCTETS - 1) / BLOBS_OCTETS;
        w->until_us = mono_us + time_for(b, w);
    }
    const size_t at = (size_t)s->piece * BLOBS_OCTETS;
    make_room(w, at + s->octets.n);
    memcpy(w->octets + at, s->octets.p, s->octets.n);
    w->there |= UINT32_C(1) << (s->piece - w->first);
    for (; (w->there & 1) != 0; w->there >>= 1)
        w->first++;
    w->heard_us = mono_us;
    w->silent = 0;
    if (w->first == w->pieces)
        finish(b, w, mono_us);
    else if (w->first + BLOBS_PIECES / 2 >= w->asked)
        ask(b, w, w->asked);
}

static void take_lack(struct blobs *b, size_t peer, const struct blobs_said *s) {
    struct want *w = find(b, s->sha256);
    if (w == NULL || w->peer != peer) {
        b->counters.unasked++;
        return;
    }
    b->counters.lacking++;
    stop(w);
}

/* ---- answering ---- */

/* Reading and hashing all of it is charged to who asks. */
static const struct held *open_blob(
    struct blobs *b, struct peer *p, const uint8_t sha256[static 32], uint64_t mono_us) {
    struct held *oldest = &b->held[0];
    for (size_t i = 0; i < OPEN; i++) {
        struct held *k = &b->held[i];
        if (k->hold.memory != NULL && memcmp(k->sha256, sha256, 32) == 0) {
            k->used_us = mono_us;
            return k;
        }
        if (k->hold.memory == NULL || (oldest->hold.memory != NULL && k->used_us < oldest->used_us))
            oldest = k;
    }
    materials_release(&oldest->hold);
    if (!b->cfg.get(b->cfg.ctx, sha256, &oldest->hold))
        return NULL;
    memcpy(oldest->sha256, sha256, 32);
    oldest->used_us = mono_us;
    p->tokens -= (int64_t)oldest->hold.blob.n;
    return oldest;
}

static void close_idle(struct blobs *b, uint64_t mono_us) {
    for (size_t i = 0; i < OPEN; i++)
        if (b->held[i].hold.memory != NULL && mono_us - b->held[i].used_us >= IDLE_US)
            materials_release(&b->held[i].hold);
}

static void refill(const struct blobs *b, struct peer *p, uint64_t mono_us) {
    const uint64_t us = mono_us - p->filled_us > MICRO ? MICRO : mono_us - p->filled_us;
    p->tokens += (int64_t)(b->cfg.octets_per_s * us / MICRO);
    if (p->filled_us == 0 || p->tokens > (int64_t)b->cfg.octets_per_s)
        p->tokens = (int64_t)b->cfg.octets_per_s;
    p->filled_us = mono_us;
}

static void answer(struct blobs *b, size_t peer, const struct blobs_said *q, uint64_t mono_us) {
    struct peer *p = &b->peer[peer];
    const bool named = b->cfg.named(b->cfg.ctx, q->sha256);
    const struct held *h = named ? open_blob(b, p, q->sha256, mono_us) : NULL;
    struct blobs_said s = {.kind = BLOBS_PIECE};
    memcpy(s.sha256, q->sha256, sizeof(s.sha256));
    p->tokens -= HEAD;
    b->counters.refused += !named;
    if (h == NULL || h->hold.blob.n == 0 || h->hold.blob.n > UINT32_MAX) {
        s.kind = BLOBS_LACK;
        say(b, peer, &s);
        return;
    }
    s.length = (uint32_t)h->hold.blob.n;
    for (uint8_t k = 0; k < q->n; k++) {
        const uint64_t at = ((uint64_t)q->piece + k) * BLOBS_OCTETS;
        if (at >= s.length)
            return;
        s.piece = q->piece + k;
        s.octets = span_of(h->hold.blob.p + at, piece_octets(s.length, s.piece));
        say(b, peer, &s);
        p->tokens -= (int64_t)s.octets.n;
        b->counters.served++;
        b->counters.served_octets += s.octets.n;
    }
}

/* A question is answered whole while a token is left. */
static void serve(struct blobs *b, size_t peer, uint64_t mono_us) {
    struct peer *p = &b->peer[peer];
    refill(b, p, mono_us);
    while (p->n > 0 && p->tokens > 0) {
        const struct blobs_said q = p->question[0];
        p->n--;
        memmove(p->question, p->question + 1, p->n * sizeof(p->question[0]));
        answer(b, peer, &q, mono_us);
    }
}

static void take_question(
    struct blobs *b, size_t peer, const struct blobs_said *s, uint64_t mono_us) {
    struct peer *p = &b->peer[peer];
    if (p->n == QUESTIONS || !b->cfg.up(b->cfg.ctx, peer)) {
        b->counters.refused++;
        return;
    }
    p->question[p->n++] = *s;
    serve(b, peer, mono_us);
}

void blobs_message(struct blobs *b, size_t peer, struct span msg, uint64_t mono_us) {
    struct blobs_said s;
    if (peer >= b->cfg.n_peers || !blobs_read(msg, &s)) {
        b->counters.malformed++;
        return;
    }
    switch (s.kind) {
    case BLOBS_WANT:
        take_question(b, peer, &s, mono_us);
        break;
    case BLOBS_PIECE:
        take_piece(b, peer, &s, mono_us);
        break;
    case BLOBS_LACK:
        take_lack(b, peer, &s);
        break;
    }
}

void blobs_gone(struct blobs *b, size_t peer) {
    for (size_t i = 0; i < b->n_wants; i++)
        if (b->want[i].peer == peer)
            stop(&b->want[i]);
    if (peer < BLOBS_PEERS_MAX)
        b->peer[peer] = (struct peer){0};
}

uint64_t blobs_tick(struct blobs *b, uint64_t mono_us) {
    bool busy = false;
    for (size_t i = 0; i < b->cfg.n_peers; i++) {
        if (b->peer[i].n > 0)
            serve(b, i, mono_us);
        busy = busy || b->peer[i].n > 0;
    }
    for (size_t i = b->n_wants; i-- > 0;) {
        if (b->want[i].peer == NOBODY && b->cfg.has(b->cfg.ctx, b->want[i].what.sha256))
            drop(b, i); /* it came another way */
        else
            look_after(b, &b->want[i], mono_us);
    }
    close_idle(b, mono_us);
    return busy || b->n_wants > 0 ? mono_us + TICK_US : UINT64_MAX;
}

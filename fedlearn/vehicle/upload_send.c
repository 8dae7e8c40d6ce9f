#include "fedlearn/vehicle/upload_send.h"

#include "base/assert.h"

#include <sodium.h>

enum {
    PLACES = FL_UPLOAD_WINDOW + 1,
    WINDOW_FIRST = 16,
    WINDOW_LEAST = 16,
    WINDOW_MOST = 768,
    OUT_OF_ORDER =
        12, /* least number of sendings by which one may be late before it counts as lost */
    BURST = 8, /* parts at once after a pause */
    ASK_US = 250000,
    ASK_MOST_US = 4000000,
    TRIP_US = 100000, /* before one is measured */
    QUIET_LEAST_US = 100000,
    QUIET_MOST_US = 2000000,
    UNANSWERED_MOST = 5, /* probes; then the unit is asked from the start */
};

static void ask(struct fl_upload *u, uint64_t at_us) {
    u->asking = true;
    u->ask_at_us = at_us;
    u->nonce = 0;
}

/* Nothing is on the way and nothing known of what is there. */
static void forget_unit(struct fl_upload *u) {
    u->first = u->next = u->on_way = 0;
    u->sendings = u->seen = u->recover = u->timed = u->probed = 0;
    u->heard_number = 0;
    memset(u->bits, 0, sizeof(u->bits));
    memset(u->sent, 0, sizeof(u->sent));
}

void fl_upload_begin(
    struct fl_upload *u, const struct fl_upload_parcel *parcel, struct ws_now now) {
    const struct fl_material *m = &parcel->material;
    int rc = sodium_init();
    WS_ASSERT(rc >= 0);
    WS_ASSERT(m->cover.n > 0 && m->cover.n <= FL_COVER_OCTETS_MAX);
    WS_ASSERT(m->bundles.n > 0 && m->bundles.n <= FL_BUNDLES_OCTETS_MAX);
    WS_ASSERT(m->wire.n > 0 && m->wire.n <= FL_CIPHERTEXT_MAX);
    memset(u, 0, sizeof(*u));
    u->parcel = *parcel;
    u->shape =
        (struct fl_upload_shape){(uint32_t)m->cover.n, (uint32_t)m->bundles.n, (uint32_t)m->wire.n};
    u->key = *parcel->key;
    memcpy(u->id, parcel->id, sizeof(u->id));
    fl_upload_name(parcel->round->cell, u->id, u->key.public, u->name);
    u->pieces = fl_upload_pieces(&u->shape);
    u->window = WINDOW_FIRST;
    u->threshold = WINDOW_MOST;
    /* Above all that went out before, should the vehicle have started again in the middle. */
    u->probe = now.its_us;
    ask(u, now.mono_us);
}

void fl_upload_change(struct fl_upload *u, struct ws_now now) {
    u->tries = 0;
    u->window = WINDOW_FIRST;
    u->threshold = WINDOW_MOST;
    u->round_trip_us = 0;
    ask(u, now.mono_us);
}

void fl_upload_end(struct fl_upload *u) {
    sodium_memzero(&u->key, sizeof(u->key));
    sodium_memzero(&u->keys, sizeof(u->keys));
}

const char *fl_upload_why(const struct fl_upload *u) {
    return u->reason == FL_UPLOAD_NONE ? "no_answer" : fl_upload_reason_name(u->reason);
}

/* ---- what is there ---- */

static uint32_t *place(struct fl_upload *u, uint32_t i) {
    return &u->sent[i % PLACES];
}
/* i >= first. */
static bool is_there(const struct fl_upload *u, uint32_t i) {
    return i > u->first && i - u->first <= FL_UPLOAD_WINDOW &&
           (u->bits[(i - u->first - 1) / 8] & 0x80U >> ((i - u->first - 1) % 8)) != 0;
}
static uint32_t window_end(const struct fl_upload *u) {
    return u->pieces - u->first < PLACES ? u->pieces : u->first + PLACES;
}

static void measured(struct fl_upload *u, uint64_t trip_us) {
    u->round_trip_us = u->round_trip_us == 0 ? trip_us : (7 * u->round_trip_us + trip_us) / 8;
}

static void arrived(struct fl_upload *u, uint32_t i, uint32_t *count, uint64_t now_us) {
    uint32_t *s = place(u, i);
    if (*s == 0)
        return;
    (*count)++;
    if (*s > u->seen)
        u->seen = *s;
    if (*s == u->timed) {
        measured(u, now_us - u->timed_us);
        u->timed = 0;
    }
    *s = 0;
}

static void grow(struct fl_upload *u, uint32_t count) {
    if (u->window < u->threshold) {
        u->window += count;
    } else {
        for (u->grown += count; u->grown >= u->window && u->window < WINDOW_MOST; u->window++)
            u->grown -= u->window;
    }
    if (u->window > WINDOW_MOST)
        u->window = WINDOW_MOST;
}

/* What was sent well before something that arrived, or before a probe that was answered, and is not there, will not come. */
static void look_for_lost(struct fl_upload *u, bool probe_answered) {
    /* A window goes out in a round trip: a third of one is how late a datagram may be. */
    const uint32_t late = u->window / 3 > OUT_OF_ORDER ? u->window / 3 : OUT_OF_ORDER;
    uint32_t latest = 0;
    u->on_way = 0;
    u->next = window_end(u);
    for (uint32_t i = window_end(u); i-- > u->first;) {
        uint32_t *s = place(u, i);
        if (is_there(u, i))
            continue;
        if (*s != 0 && (*s + late <= u->seen || (probe_answered && *s <= u->probed))) {
            latest = *s > latest ? *s : latest;
            u->timed = *s == u->timed ? 0 : u->timed;
            *s = 0;
        }
        u->on_way += *s != 0;
        if (*s == 0)
            u->next = i;
    }
    /* Once for each window that went out: what was sent before we slowed down says nothing new. */
    if (latest > u->recover) {
        u->recover = u->sendings;
        u->window = u->window * 7 / 10 < WINDOW_LEAST ? WINDOW_LEAST : u->window * 7 / 10;
        u->threshold = u->window;
    }
}

static void take_have(struct fl_upload *u, const struct fl_upload_have *h, uint64_t now_us) {
    uint32_t count = 0;
    if (h->first < u->first) { /* what was there has been given up: it had to make room */
        memset(u->sent, 0, sizeof(u->sent));
        u->timed = 0;
    }
    for (uint32_t i = u->first, n = 0; i < h->first && n < PLACES; i++, n++)
        arrived(u, i, &count, now_us);
    /* Places behind the old window have been empty all the time. */
    u->first = h->first;
    memcpy(u->bits, h->bits, sizeof(u->bits));
    for (uint32_t i = u->first; i < window_end(u); i++)
        if (is_there(u, i))
            arrived(u, i, &count, now_us);
    grow(u, count);
    /* A unit that we come back to counts on from where we left it. */
    const bool answered = u->unanswered > 0 && h->probe >= u->probe;
    if (answered && u->unanswered == 1 && h->probe == u->probe)
        measured(u, now_us - u->quiet_us);
    if (answered)
        u->probe = h->probe;
    look_for_lost(u, answered);
    if (answered)
        u->unanswered = 0;
    if (answered || count > 0)
        u->quiet_us = now_us;
}

/* ---- hearing ---- */

static bool hear_welcome(struct fl_upload *u, struct span octets, struct ws_now now) {
    struct fl_upload_welcome w;
    if (!u->asking || u->nonce == 0 || !fl_upload_welcome_read(octets, &w) || w.nonce != u->nonce ||
        !fl_unit_key_check(&w.unit, u->parcel.round, now.its_us))
        return false;
    if (memcmp(w.unit.key, u->unit, sizeof(u->unit)) != 0) {
        if (!fl_upload_agree(&u->key, w.unit.key, false, u->parcel.round->cell, u->name, &u->keys))
            return false;
        memcpy(u->unit, w.unit.key, sizeof(u->unit));
        forget_unit(u);
    }
    u->asking = false;
    u->tries = 0;
    u->unanswered = 0;
    u->probe_now = true;
    u->quiet_us = u->send_at_us = now.mono_us;
    return true;
}

static uint64_t patience(unsigned tries) {
    const uint64_t us = (uint64_t)ASK_US << (tries < 8 ? tries : 8) >> (tries > 0);
    return us < ASK_MOST_US ? us : ASK_MOST_US;
}

static void wait(struct fl_upload *u, const struct fl_upload_refusal *r, uint64_t now_us) {
    const uint64_t least = patience(u->tries);
    const uint64_t asked = (uint64_t)r->wait_ms * 1000;
    u->reason = r->reason;
    ask(u, now_us + (asked > ASK_MOST_US ? ASK_MOST_US : asked > least ? asked : least));
}

/* Anybody on the way can make one, so it only makes us wait. */
static bool hear_refusal(struct fl_upload *u, struct span octets, struct ws_now now) {
    struct fl_upload_refusal r;
    if (!u->asking || u->nonce == 0 || !fl_upload_refusal_read(octets, &r) || r.nonce != u->nonce)
        return false;
    wait(u, &r, now.mono_us);
    return true;
}

static bool hear_denial(struct fl_upload *u, struct span octets, struct ws_now now) {
    struct fl_upload_refusal r;
    if (u->asking || !fl_upload_denial_read(octets, &u->keys, &r) || r.nonce <= u->heard_number)
        return false;
    u->heard_number = r.nonce;
    if (fl_upload_is_final(r.reason)) {
        u->reason = r.reason;
        u->state = FL_UPLOAD_FAILED;
    } else {
        u->tries++;
        wait(u, &r, now.mono_us);
    }
    return true;
}

static bool hear_have(struct fl_upload *u, struct span octets, struct ws_now now) {
    struct fl_upload_have h;
    if (u->asking || !fl_upload_have_read(octets, &u->keys, &h) || h.number <= u->heard_number ||
        h.first > u->pieces)
        return false;
    u->heard_number = h.number;
    take_have(u, &h, now.mono_us);
    return true;
}

static bool hear_receipt(struct fl_upload *u, struct span octets) {
    struct fl_receipt r;
    if (!fl_upload_receipt_read(octets, &r) || r.round != u->parcel.number ||
        memcmp(r.id, u->id, sizeof(r.id)) != 0 || r.octets != fl_upload_length(&u->shape) ||
        !fl_receipt_check(&r, u->parcel.round))
        return false;
    u->receipt = r;
    u->reason = FL_UPLOAD_NONE;
    u->state = FL_UPLOAD_DONE;
    return true;
}

static bool take(struct fl_upload *u, enum fl_upload_kind kind, struct span d, struct ws_now now) {
    switch (kind) {
    case FL_UPLOAD_WELCOME:
        return hear_welcome(u, d, now);
    case FL_UPLOAD_REFUSAL:
        return hear_refusal(u, d, now);
    case FL_UPLOAD_HAVE:
        return hear_have(u, d, now);
    case FL_UPLOAD_DENIAL:
        return hear_denial(u, d, now);
    case FL_UPLOAD_RECEIPT:
        return hear_receipt(u, d);
    case FL_UPLOAD_ASK:
    case FL_UPLOAD_PROBE:
    case FL_UPLOAD_PART:
        return false; /* ours */
    }
    return false;
}

void fl_upload_hear(struct fl_upload *u, struct span datagram, struct ws_now now) {
    enum fl_upload_kind kind;
    uint8_t name[32];
    if (u->state != FL_UPLOAD_GOING)
        return;
    if (!fl_upload_head(datagram, &kind, name) || memcmp(name, u->name, sizeof(name)) != 0 ||
        !take(u, kind, datagram, now))
        u->counters.ignored++;
}

/* ---- saying ---- */

static uint64_t patience_of_probe(const struct fl_upload *u) {
    uint64_t us = 3 * (u->round_trip_us == 0 ? TRIP_US : u->round_trip_us);
    us = (us < QUIET_LEAST_US ? QUIET_LEAST_US : us) << (u->unanswered > 1 ? u->unanswered - 1 : 0);
    return us < QUIET_MOST_US ? us : QUIET_MOST_US;
}

static bool may_send(const struct fl_upload *u) {
    return u->next < window_end(u) && u->on_way < u->window && u->unanswered <= 1;
}

static size_t say_ask(
    struct fl_upload *u, struct ws_now now, struct ws_random *random, uint8_t *to) {
    struct fl_upload_ask a = {.length = fl_upload_length(&u->shape)};
    memcpy(a.name, u->name, sizeof(a.name));
    do
        u->nonce = ws_random_u64(random);
    while (u->nonce == 0);
    a.nonce = u->nonce;
    fl_upload_ask_put(&a, to);
    u->ask_at_us = now.mono_us + patience(u->tries) + ws_random_below(random, ASK_US / 4);
    u->tries++;
    u->counters.asks++;
    return FL_UPLOAD_REQUEST_OCTETS;
}

static size_t say_probe(struct fl_upload *u, struct ws_now now, uint8_t *to) {
    fl_upload_probe_put(u->name, ++u->probe, &u->keys, to);
    u->probed = u->sendings;
    u->timed = 0; /* an answer was lost: what comes now says nothing about the way */
    u->probe_now = false;
    u->unanswered++;
    u->quiet_us = now.mono_us;
    u->counters.probes++;
    return FL_UPLOAD_REQUEST_OCTETS;
}

static struct span octets_of(const struct fl_upload *u, uint32_t i) {
    const struct fl_material *m = &u->parcel.material;
    size_t at;
    size_t n = fl_upload_piece(&u->shape, i, &at);
    WS_ASSERT(at >= m->cover.n + m->bundles.n);
    return span_of(m->wire.p + (at - m->cover.n - m->bundles.n), n);
}

/* Pieces before the ciphertext lie across cover and bundles. */
static struct span head_octets_of(
    const struct fl_upload *u, uint32_t i, uint8_t ret[static FL_UPLOAD_PIECE]) {
    const struct fl_material *m = &u->parcel.material;
    size_t at;
    const size_t n = fl_upload_piece(&u->shape, i, &at);
    for (size_t k = 0; k < n; k++)
        ret[k] = at + k < m->cover.n ? m->cover.p[at + k] : m->bundles.p[at + k - m->cover.n];
    return span_of(ret, n);
}

static void pace(struct fl_upload *u, size_t octets, uint64_t now_us) {
    const uint64_t trip = u->round_trip_us == 0 ? TRIP_US : u->round_trip_us;
    uint64_t gap = trip / u->window;
    if (u->parcel.octets_per_s != 0 && octets * UINT64_C(1000000) / u->parcel.octets_per_s > gap)
        gap = octets * UINT64_C(1000000) / u->parcel.octets_per_s;
    if (u->send_at_us + BURST * gap < now_us)
        u->send_at_us = now_us - BURST * gap;
    u->send_at_us += gap;
}

static size_t say_part(struct fl_upload *u, struct ws_now now, uint8_t *to) {
    const uint32_t i = u->next;
    uint8_t head[FL_UPLOAD_PIECE];
    const bool in_head = i < fl_leaf_count(u->shape.cover + u->shape.bundles);
    const struct span piece = in_head ? head_octets_of(u, i, head) : octets_of(u, i);
    const size_t n = fl_upload_part_put(u->name, i, piece, &u->keys, to);
    *place(u, i) = ++u->sendings;
    u->on_way++;
    if (u->timed == 0) {
        u->timed = u->sendings;
        u->timed_us = now.mono_us;
    }
    if (i < u->ever)
        u->counters.again++;
    else
        u->ever = i + 1;
    u->counters.parts++;
    do
        u->next++;
    while (u->next < window_end(u) && (is_there(u, u->next) || *place(u, u->next) != 0));
    pace(u, n, now.mono_us);
    return n;
}

size_t fl_upload_next(struct fl_upload *u, struct ws_now now, struct ws_random *random,
    uint8_t ret_octets[static FL_UPLOAD_DATAGRAM_MAX]) {
    if (u->state != FL_UPLOAD_GOING)
        return 0;
    if (now.mono_us >= u->parcel.give_up_us) {
        u->state = FL_UPLOAD_FAILED;
        return 0;
    }
    if (!u->asking && u->unanswered >= UNANSWERED_MOST &&
        now.mono_us >= u->quiet_us + patience_of_probe(u)) {
        u->tries = 0;
        ask(u, now.mono_us);
    }
    if (u->asking)
        return now.mono_us >= u->ask_at_us ? say_ask(u, now, random, ret_octets) : 0;
    if (u->probe_now || now.mono_us >= u->quiet_us + patience_of_probe(u))
        return say_probe(u, now, ret_octets);
    return may_send(u) && now.mono_us >= u->send_at_us ? say_part(u, now, ret_octets) : 0;
}

uint64_t fl_upload_when(const struct fl_upload *u) {
    uint64_t at = u->asking ? u->ask_at_us : u->quiet_us + patience_of_probe(u);
    if (u->state != FL_UPLOAD_GOING)
        return UINT64_MAX;
    if (!u->asking && u->probe_now)
        return u->quiet_us;
    if (!u->asking && may_send(u) && u->send_at_us < at)
        at = u->send_at_us;
    return at < u->parcel.give_up_us ? at : u->parcel.give_up_us;
}

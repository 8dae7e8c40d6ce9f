/* Validators that lie. Each runs the shipped node, so that it knows what goes on; what it says is bent on its way out
 * (lies_tap), and things are made up besides (lies_make.c). Everything it signs is signed with its own key. */
#include "tests/sim/lies.h"

#include "tests/support/spoil.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static bool chance(struct sim *s, unsigned of_1000) {
    return ws_random_below(&s->random, 1000) < of_1000;
}

void lies_free(struct sim *s) {
    for (size_t i = 0; i < SIM_KEPT; i++)
        buf_free(&s->kept[i]);
}

/* Liars hear a part of what is said, and keep some of it. */
static void keep(struct sim *s, size_t from, const struct buf *msg) {
    if (msg->n > 20000 || !chance(s, 200))
        return;
    size_t at = ws_random_below(&s->random, SIM_KEPT);
    buf_clear(&s->kept[at]);
    buf_put(&s->kept[at], msg->p, msg->n);
    s->kept_from[at] = from;
}

void lies_pack(const Wayside__Link__Link *link, struct buf *msg) {
    struct buf b = {0};
    (void)wayside__link__link__pack(link, buf_grow(&b, wayside__link__link__get_packed_size(link)));
    buf_free(msg);
    *msg = b;
}

void lies_put_vote(struct sim *s, size_t liar, struct vote v, struct buf *msg) {
    struct buf b = {0};
    vote_sign_bytes(s->w->cell_id, &v, &b);
    signer_sign(s->w->m[liar].signer, buf_span(&b), v.sig);
    buf_clear(&b);
    vote_encode(&v, &b);
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_VOTE;
    link.vote = (ProtobufCBinaryData){b.n, b.p};
    lies_pack(&link, msg);
    buf_free(&b);
}

/* A value that somebody has voted for at this height; false: none is known. */
bool lies_some_value(struct sim *s, uint64_t height, hash32 ret_id) {
    if (height >= s->w->n_heights || s->w->height[height].n_votes == 0)
        return false;
    const struct nodes_height *h = &s->w->height[height];
    for (size_t k = 0; k < 8; k++) {
        const struct vote *v = &h->votes[ws_random_below(&s->random, h->n_votes)];
        if (!v->nil) {
            memcpy(ret_id, v->id, 32);
            return true;
        }
    }
    return false;
}

static bool other_half(struct sim *s, size_t to) {
    if (s->w->now.mono_us >= s->halves_until) {
        s->halves = (uint32_t)ws_random_u64(&s->random);
        s->halves_until = s->w->now.mono_us + ws_random_below(&s->random, 5000000);
    }
    return (s->halves >> to & 1U) != 0;
}

static void say(struct sim *s, size_t liar, size_t to, enum cover_row lie) {
    cover_hit(lie);
    nodes_tell(s->w, "LIE of validator %zu to validator %zu: %s", liar, to, cover_text(lie));
}

/* ---- on the way out ---- */

static bool bend_vote(struct sim *s, size_t from, size_t to, struct buf *msg) {
    Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg->n, msg->p);
    struct vote v;
    struct rd r = rd_of(span_of(link->vote.data, link->vote.len));
    bool own =
        vote_read(&r, &v) && (int)v.validator == nodes_index_of(s->w, s->w->m[from].slot, v.height);
    wayside__link__link__free_unpacked(link, NULL);
    if (!own)
        return true;
    if (lies(s, LIE_SPLIT_VOTES) && other_half(s, to)) {
        hash32 id;
        say(s, from, to, LIE_SPLIT_VOTES);
        bool value = v.nil && lies_some_value(s, v.height, id);
        v.nil = !value;
        memset(v.id, 0, 32);
        if (value)
            memcpy(v.id, id, 32);
        if (chance(s, 300))
            v.locked_round = -1;
        lies_put_vote(s, from, v, msg);
    } else if (lies(s, LIE_AMNESIA) && chance(s, 500)) {
        hash32 id;
        if (!lies_some_value(s, v.height, id))
            return true;
        say(s, from, to, LIE_AMNESIA);
        v.nil = false;
        memcpy(v.id, id, 32);
        v.locked_round = -1;
        lies_put_vote(s, from, v, msg);
    }
    return true;
}

/* Just inside and outside of what clocks may differ by, and far off; by the liar's own clock, which may be off, too. All
 * hear the same, or each another time. */
static void bend_time(struct sim *s, size_t from, size_t to, struct buf *msg) {
    struct nodes *w = s->w;
    const int64_t precision = (int64_t)w->params.time_precision_us;
    const int64_t delay = (int64_t)w->params.time_delay_us;
    const int64_t second = 1000000;
    const int64_t by[] = {precision - 20000, precision - 1, precision, precision + 1,
        precision + 20000, -precision - delay, 20000 - precision - delay, 60 * delay,
        60 * delay + precision + 20000, 60 * second, 600 * second, 3600 * second, 86400 * second,
        365 * 86400 * second, -second, -60 * second, -3600 * second, -365 * 86400 * second};
    uint64_t pick = w->now.mono_us / 700000 + from;
    if (ws_random_below(&s->more, 3) == 0)
        pick = ws_random_below(&s->more, ARRAY_LEN(by));
    hash32 id;
    uint64_t time = 0;
    if (!spoil_time(w, from, by[pick % ARRAY_LEN(by)], msg, &time, id))
        return;
    say(s, from, to, LIE_TIME);
    nodes_tell(w, "  its time is %" PRId64 " us ahead", (int64_t)(time - w->now.its_us));
    if (w->highest > 0 && time <= w->height[w->highest].time)
        (void)table_put(&w->bad, id, w);
}

static bool bend_proposal(struct sim *s, size_t from, size_t to, struct buf *msg) {
    struct nodes *w = s->w;
    hash32 id;
    if (lies(s, LIE_TIME) && ws_random_below(&s->more, 2) == 0) {
        bend_time(s, from, to, msg);
        return true;
    }
    if (lies(s, LIE_SPLIT_PROPOSALS) && other_half(s, to) &&
        spoil_proposal(w, from, SPOIL_NONE, 1, msg, id)) {
        say(s, from, to, LIE_SPLIT_PROPOSALS);
    } else if (lies(s, LIE_GRIND)) {
        for (uint64_t k = 2; k < 2 + ws_random_below(&s->random, 6); k++) {
            struct buf one = {0};
            buf_put(&one, msg->p, msg->n);
            if (spoil_proposal(w, from, SPOIL_NONE, k, &one, id)) {
                say(s, from, to, LIE_GRIND);
                nodes_send(w, from, to, buf_span(&one));
            }
            buf_free(&one);
        }
    } else if (lies(s, LIE_SPOIL)) {
        unsigned what = (unsigned)ws_random_below(&s->random, SPOIL_RULES);
        if (spoil_proposal(w, from, what, 0, msg, id)) {
            say(s, from, to, LIE_SPOIL);
            if (what != SPOIL_UNTIMELY)
                (void)table_put(&w->bad, id, w);
        }
    }
    return true;
}

static void bend_status(struct sim *s, size_t from, size_t to, struct buf *msg) {
    Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg->n, msg->p);
    Wayside__Link__Status *st = link->status;
    static const uint64_t heights[] = {0, 1, UINT64_MAX, 1000000, 2};
    uint64_t pick = ws_random_below(&s->random, 12);
    say(s, from, to, LIE_HEIGHTS);
    st->height = pick < 5 ? heights[pick] : st->height + pick - 7;
    st->round = (int32_t)ws_random_below(&s->random, 8) - 2;
    st->has_proposal = pick % 2 == 0;
    for (size_t i = 0; i < st->prevotes.len; i++)
        st->prevotes.data[i] = (uint8_t)ws_random_u64(&s->random);
    lies_pack(link, msg);
    wayside__link__link__free_unpacked(link, NULL);
}

static void damage(struct sim *s, struct buf *msg) {
    uint64_t how = ws_random_below(&s->random, 4);
    if (msg->n == 0)
        return;
    size_t at = ws_random_below(&s->random, msg->n);
    if (how == 0)
        msg->n = at;
    else if (how == 1)
        buf_u64(msg, ws_random_u64(&s->random));
    else
        msg->p[at] ^= (uint8_t)(1U << ws_random_below(&s->random, 8));
}

bool lies_tap(void *ctx, size_t from, size_t to, struct buf *msg) {
    struct sim *s = ctx;
    struct nodes *w = s->w;
    if (!w->m[from].liar) {
        if (w->m[to].liar)
            keep(s, from, msg);
        return true;
    }
    if (msg->n < 2 || !chance(s, s->plan->lie_rate))
        return true;
    if (lies(s, LIE_WITHHOLD) && other_half(s, to)) {
        say(s, from, to, LIE_WITHHOLD);
        return false;
    }
    if (lies(s, LIE_MUTATE) && chance(s, 300)) {
        say(s, from, to, LIE_MUTATE);
        damage(s, msg);
        return true;
    }
    bool pass = true;
    if (msg->p[0] == 0x12)
        pass = bend_vote(s, from, to, msg);
    else if (msg->p[0] == 0x0a)
        pass = bend_proposal(s, from, to, msg);
    else if (msg->p[0] == 0x1a && lies(s, LIE_HEIGHTS))
        bend_status(s, from, to, msg);
    nodes_note_sent(w, &w->m[from], buf_span(msg));
    return pass;
}

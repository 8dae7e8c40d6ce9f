/* What clocks allow: which block times, and how soon a round may follow another. */
#include "tests/support/nodes.h"

#include "ledger/node/node_internal.h"

#include <inttypes.h>

/* What consensus.c says: rounds that a quorum for nil may cut short, and how far an unsure clock is believed. */
enum { NIL_CUTS = 8, HOLDOVER_DELAYS = 60 };

void nodes_set_clock(struct nodes *w, size_t i, int64_t offset_us) {
    nodes_note_clock(w, &w->m[i]);
    w->m[i].clock_offset_us = offset_us;
    nodes_note_clock(w, &w->m[i]);
}

/* Widens what it may have found timely by what it finds timely now. */
void nodes_note_clock(struct nodes *w, struct nodes_member *m) {
    int64_t now = (int64_t)nodes_now(w, m->index).its_us;
    int64_t delay = (int64_t)w->params.time_delay_us;
    int64_t precision = (int64_t)w->params.time_precision_us;
    if (m->clock_lost)
        precision += delay * HOLDOVER_DELAYS;
    int64_t from = now - delay * (10 + w->highest_round) / 10 - precision;
    int64_t to = now + precision;
    if (m->timely_to[0] == 0 || from < m->timely_from[0])
        m->timely_from[0] = from;
    if (to > m->timely_to[0])
        m->timely_to[0] = to;
}

static bool may_be_timely(const struct nodes_member *m, int64_t time) {
    for (size_t k = 0; k < 2; k++) {
        if (m->timely_to[k] != 0 && time >= m->timely_from[k] && time <= m->timely_to[k])
            return true;
    }
    return false;
}

/* Behind a block there is a fresh proposal, and behind that prevotes of a quorum, each by its author's clock; a height's proposals
 * are heard after the block before the last was told. */
void nodes_check_time(struct nodes *w, uint64_t height) {
    const struct nodes_height *at = nodes_height_at(w, height);
    if (height < w->highest)
        return; /* told late, after its successors: the clocks of its time are not known any more */
    uint64_t power = 0;
    uint64_t counted = 0;
    for (size_t i = 0; i < w->n; i++) {
        struct nodes_member *m = &w->m[i];
        nodes_note_clock(w, m);
        bool first = (counted >> m->slot & 1U) == 0;
        if (first && (nodes_slot_lies(w, m->slot) || may_be_timely(m, (int64_t)at->time))) {
            counted |= 1ULL << m->slot;
            power += nodes_power_of(w, m->slot, height);
        }
    }
    if (!w->forked_allowed && !power_is_quorum(power, nodes_set_at(w, height)->total))
        nodes_break(w,
            "block %" PRIu64 " is of a time that no quorum can have found timely: %" PRId64
            " us from now",
            height, (int64_t)at->time - (int64_t)w->now.its_us);
    for (size_t i = 0; i < w->n; i++) {
        struct nodes_member *m = &w->m[i];
        m->timely_from[1] = m->timely_from[0];
        m->timely_to[1] = m->timely_to[0];
        m->timely_to[0] = 0;
        nodes_note_clock(w, m);
    }
}

/* Who enters a round first among those that do not lie comes from the round before, and beyond the first few rounds it has
 * waited there for the time-out of precommits. */
void nodes_check_round(struct nodes *w, struct nodes_member *m, uint64_t height, int32_t round) {
    struct nodes_height *at = nodes_height_at(w, height);
    if (m->liar || w->forked_allowed || round <= at->top_round)
        return;
    /* Of what a log brings back at a start, only the last event can be new. */
    struct cell_params p = m->node == NULL ? (struct cell_params){0} : *m->node->params;
    uint64_t least = p.timeout_precommit_us + (uint64_t)(round - 1) * p.timeout_delta_us;
    uint64_t took = w->now.mono_us - at->top_at;
    if (round > at->top_round + 1)
        nodes_break(w,
            "validator %zu enters round %d of height %" PRIu64 ", nobody honest was beyond %d",
            m->index, round, height, at->top_round);
    else if (round > NIL_CUTS && took + least / 100 < least)
        nodes_break(w,
            "rounds spin: round %d of height %" PRIu64 " begins %" PRIu64
            " us after the one before, its time-out is %" PRIu64 " us",
            round, height, took, least);
    at->top_round = round;
    at->top_at = w->now.mono_us;
}

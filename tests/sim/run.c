/* One run: a first part with faults in which nothing may be contradicted, then everything is mended and the cell must go
 * on within a bound, whoever still lies. */
#include "tests/sim/rules.h"
#include "tests/sim/sim.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TICK_US = 50000, SECOND = 1000000 };

static void on_life(struct nodes *w, size_t i, bool up) {
    if (up)
        rules_note_back(w, i);
    else
        rules_note_down(w, i);
}

static void work(struct sim *s) {
    load_tick(s);
    randomness_tick(s);
    if (s->plan->liars != 0 && s->plan->lies != 0)
        lies_tick(s);
}

/* Runs to the instant, in ticks, with the plan's events at theirs. */
static void run_to(struct sim *s, uint64_t to_us, size_t *event) {
    struct nodes *w = s->w;
    const uint64_t start = 1000000;
    bool busy =
        s->plan->reports > 0 || s->plan->orders > 0 || s->plan->liars != 0 || s->plan->randomness;
    while (w->broken[0] == '\0' && w->now.mono_us - start < to_us) {
        uint64_t now = w->now.mono_us - start;
        while (*event < s->plan->n_events && s->plan->events[*event].at_us <= now)
            faults_apply(s, &s->plan->events[(*event)++]);
        uint64_t next = busy ? now + TICK_US : to_us;
        if (*event < s->plan->n_events && s->plan->events[*event].at_us < next)
            next = s->plan->events[*event].at_us;
        next = next > to_us ? to_us : next;
        nodes_run(w, next - now);
        if (busy && w->broken[0] == '\0')
            work(s);
    }
}

/* Clocks of a quorum were ahead: nothing is timely before the time that the last block has. */
static uint64_t wait_us(const struct nodes *w) {
    uint64_t last = w->highest == 0 ? 0 : w->height[w->highest].time;
    return last > w->now.its_us ? last - w->now.its_us : 0;
}

/* "20 s, and the time-outs of twice as many rounds as there are validators, from the highest that anybody honest has
 * spoken in": in any n rounds somebody honest proposes to validators that are in one round by then. */
static uint64_t bound_us(const struct nodes *w) {
    const struct cell_params *p = &w->params;
    uint64_t rounds = 2 * w->n_validators;
    uint64_t top = (uint64_t)w->highest_round;
    uint64_t base = p->timeout_propose_us + p->timeout_prevote_us + p->timeout_precommit_us;
    uint64_t wait = wait_us(w);
    for (uint64_t t = 0; t < wait; top++)
        t += p->timeout_precommit_us + top * p->timeout_delta_us;
    top += rounds;
    return 20ULL * SECOND + wait + rounds * (base + 3 * top * p->timeout_delta_us);
}

enum { REPORTS_GIVEN = 256 };

static bool one_is_committed(const struct nodes *w, const hash32 *id, size_t n) {
    for (size_t k = 0; k < n; k++) {
        if (table_get(&w->committed, id[k]) != NULL)
            return true;
    }
    return false;
}

/* Blocks that stay empty are no progress: a new report must be in one. Another is given every few seconds, for one may be too
 * old for slow blocks under the age in force. */
static void demand_service(struct sim *s) {
    struct nodes *w = s->w;
    uint64_t from = w->now.mono_us;
    uint64_t bound = bound_us(w);
    struct buf octets = {0};
    hash32 given[REPORTS_GIVEN];
    size_t n = 0;
    uint64_t again = from;
    size_t i = 0;
    while (w->m[i].liar)
        i++;
    while (
        w->broken[0] == '\0' && w->now.mono_us - from < bound && !one_is_committed(w, given, n)) {
        if (w->now.mono_us >= again && n < REPORTS_GIVEN && nodes_healthy(w, i)) {
            struct tx *t = NULL;
            buf_clear(&octets);
            size_t car = ws_random_below(&s->more, TOWN_CARS);
            if (nodes_report_kept(w, i, car, 50, &octets) == TX_GOOD) {
                if (tx_parse(buf_span(&octets), &t, NULL) != WS_OK) {
                    nodes_break(w, "a report that was taken is no transaction");
                    break;
                }
                memcpy(given[n++], t->id, sizeof(hash32));
                tx_unref(t);
                again = w->now.mono_us + 5ULL * SECOND;
            }
        }
        nodes_run(w, TICK_US);
        if (w->broken[0] == '\0')
            work(s);
    }
    if (w->broken[0] == '\0' && !one_is_committed(w, given, n))
        nodes_break(w,
            "no service: of %zu reports that validator %zu took none is in a block after %" PRIu64
            " s",
            n, i, bound / SECOND);
    buf_free(&octets);
}

static void demand_progress(struct sim *s, struct sim_result *ret) {
    struct nodes *w = s->w;
    for (size_t i = 0; i < w->n; i++)
        nodes_set_clock(w, i, 0);
    w->reorder = false;
    w->delay_max_us = s->plan->delay_max_us;
    nodes_tell(w, "EVERYTHING IS MENDED; from now on the cell must go on");
    nodes_heal(w);
    uint64_t from = w->now.mono_us;
    uint64_t bound = bound_us(w);
    ret->waited_us = wait_us(w);
    uint64_t height = w->highest + 3;
    while (w->broken[0] == '\0' && !nodes_all_at(w, height) && w->now.mono_us - from < bound) {
        nodes_run(w, TICK_US);
        if (w->broken[0] == '\0')
            work(s);
        /* What was on its way at the mending may be final only now, with the time of clocks that were far ahead. */
        uint64_t late = wait_us(w) == 0 ? 0 : w->now.mono_us - from + bound_us(w);
        bound = late > bound ? late : bound;
    }
    ret->healed_us = w->now.mono_us - from;
    if (w->broken[0] == '\0' && !nodes_all_at(w, height)) {
        char text[300];
        size_t at = 0;
        for (size_t i = 0; i < w->n && at < sizeof(text) - 24; i++)
            at += (size_t)snprintf(text + at, sizeof(text) - at, " %" PRIu64, nodes_height(w, i));
        nodes_break(w,
            "no progress: height %" PRIu64 " is not reached within %" PRIu64
            " s of everything being mended; heights%s",
            height, bound / SECOND, text);
    }
    if (w->broken[0] == '\0')
        cover_hit(STATE_HEALED);
    if (w->broken[0] == '\0')
        demand_service(s);
}

/* More than a third lies: two machines for each key, one in each half of a cell that is cut in two. */
static void cut_between_twins(struct sim *s) {
    struct nodes *w = s->w;
    bool left[NODES_MAX] = {false};
    size_t k = 0;
    for (size_t i = 0; i < w->n_validators; i++)
        left[i] = w->m[i].liar || k++ % 2 == 0;
    for (size_t i = 0; i < w->n; i++) {
        for (size_t j = 0; j < w->n; j++)
            w->cut[i][j] = left[i] != left[j];
    }
}

static void judge_fork(struct sim *s, struct sim_result *ret) {
    struct nodes *w = s->w;
    ret->forked = w->fork_height != 0;
    if (!ret->forked)
        return;
    char text[200];
    bool good = culprits_find(w, s->plan->liars, text, sizeof(text));
    nodes_tell(w, "who made the fork at height %" PRIu64 ": %s", w->fork_height, text);
    if (!good)
        nodes_break(w, "the fork at height %" PRIu64 " names %s", w->fork_height, text);
}

static void prepare(struct sim *s) {
    struct nodes *w = s->w;
    w->delay_min_us = s->plan->delay_min_us;
    w->delay_max_us = s->plan->delay_max_us;
    w->given_all = true;
    w->restarts = true;
    w->on_life = on_life;
    for (size_t i = 0; i < w->n; i++) {
        w->m[i].liar = (s->plan->liars >> w->m[i].slot & 1U) != 0;
        w->m[i].clock_drift_ppm = s->plan->drift_ppm[w->m[i].slot];
        if (w->m[i].clock_drift_ppm != 0) {
            w->clocks_good = false;
            cover_hit(FAULT_CLOCK_DRIFT);
        }
    }
}

static void count_end(struct nodes *w, struct sim_result *ret) {
    for (size_t i = 0; i < w->n; i++)
        rules_note_down(w, i);
    cover_add(STATE_JOINED, w->joins);
    cover_add(STATE_REPORT, w->txs_of[TX_MESSAGE]);
    cover_add(STATE_ORDER, w->txs_of[TX_ORDER]);
    cover_add(STATE_CONVICTED, w->txs_of[TX_EVIDENCE]);
    cover_add(STATE_NEW_SET, w->n_sets > 1 ? w->n_sets - 1 : 0);
    for (unsigned i = 0; i < WAL_POINT_COUNT; i++)
        cover_add(COVER_POINT + i, w->crashes_at[i]);
    ret->heights = w->highest;
    ret->delivered = w->delivered;
    ret->sim_us = w->now.mono_us - 1000000;
    ret->sim_us -= ret->waited_us < ret->sim_us ? ret->waited_us : ret->sim_us;
    ret->txs = w->committed.n;
    ret->highest_round = w->highest_round;
    ret->work = work_end();
    ret->bad = w->broken[0] != '\0';
    (void)snprintf(ret->text, sizeof(ret->text), "%s", w->broken);
}

void sim_run(struct sim_plan *plan, const struct town *town, void (*tell)(void *, const char *),
    void *tell_ctx, struct sim_result *ret) {
    struct sim s = {.plan = plan,
        .random = ws_random_seeded(plan->seed ^ 0x6c62272e07bb0142),
        .more = ws_random_seeded(plan->seed ^ 0x9ae16a3b2f90404f)};
    bool fork_wanted = plan->twins != 0 && plan->lies == 0;
    *ret = (struct sim_result){.seed = plan->seed};
    work_begin();
    s.w = ws_alloc(sizeof(*s.w));
    struct nodes_plan np = {.n = plan->n,
        .powers = plan->powers,
        .seed = plan->seed,
        .twins = plan->twins,
        .spares = plan->spares,
        .town = town,
        .mempool_txs = plan->mempool_txs,
        .job_max_us = plan->job_max_us};
    nodes_begin(s.w, &np);
    s.w->tell = tell;
    s.w->tell_ctx = tell_ctx;
    prepare(&s);
    s.params = s.w->params;
    s.lowest_age_us = s.params.message_age_us;
    s.w->forked_allowed = fork_wanted;
    if (plan->randomness)
        randomness_begin(&s);
    if (plan->twins != 0)
        cover_hit(LIE_TWINS);
    if (fork_wanted)
        cut_between_twins(&s);
    else if (plan->liars != 0 && plan->lies != 0) {
        s.w->tap = lies_tap;
        s.w->tap_ctx = &s;
    }
    size_t event = 0;
    run_to(&s, plan->fault_us, &event);
    if (fork_wanted) {
        memset(s.w->cut, 0, sizeof(s.w->cut));
        run_to(&s, plan->fault_us + 2ULL * SECOND, &event);
        judge_fork(&s, ret);
    } else if (plan->n_events > 0 || plan->liars != 0 || plan->reports > 0 || plan->randomness) {
        if (s.w->broken[0] == '\0')
            demand_progress(&s, ret);
        randomness_demand(&s, TICK_US);
        run_to(&s, plan->run_us, &event);
    }
    if (s.w->broken[0] == '\0' && !fork_wanted)
        nodes_check_end(s.w);
    count_end(s.w, ret);
    lies_free(&s);
    load_free(&s);
    randomness_free(&s);
    nodes_close(s.w);
    free(s.w);
}

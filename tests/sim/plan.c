#include "tests/sim/plan.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SECOND = 1000000 };

static uint64_t below(struct ws_random *r, uint64_t n) {
    return ws_random_below(r, n);
}

static bool coin(struct ws_random *r, unsigned of_1000) {
    return below(r, 1000) < of_1000;
}

/* Between lo and hi, each order of magnitude as likely as the next. */
static uint64_t spread(struct ws_random *r, uint64_t lo, uint64_t hi) {
    uint64_t top = lo;
    while (top < hi && !coin(r, 400))
        top *= 2;
    top = top > hi ? hi : top;
    return lo + below(r, top - lo + 1);
}

static size_t draw_n(struct ws_random *r, const struct sim_options *o) {
    size_t n = coin(r, 650) ? 4 : coin(r, 850) ? 4 + below(r, 4) : 8 + below(r, 15);
    return n < o->n_min ? o->n_min : n > o->n_max ? o->n_max : n;
}

static int descending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void draw_powers(struct sim_plan *p, struct ws_random *r) {
    bool equal = coin(r, 600);
    uint64_t most = 1 + below(r, 12);
    p->total = 0;
    for (size_t i = 0; i < p->n; i++)
        p->powers[i] = equal ? 1 : 1 + below(r, most);
    qsort(p->powers, p->n, sizeof(p->powers[0]), descending);
    for (size_t i = 0; i < p->n; i++)
        p->total += p->powers[i];
}

/* Members in random order while they hold less than a third together; or, for traitors, until they hold more. */
static uint32_t draw_group(
    struct sim_plan *p, struct ws_random *r, uint32_t taken, size_t most, bool above_third) {
    uint32_t group = 0;
    uint64_t power = 0;
    for (size_t i = 0; i < p->n; i++)
        power += (taken >> i & 1U) != 0 ? p->powers[i] : 0;
    for (size_t k = 0; k < 4 * p->n && most > 0; k++) {
        size_t i = below(r, p->n);
        if (((group | taken) >> i & 1U) != 0)
            continue;
        if (above_third && power_is_skip(power, p->total))
            break;
        if (!above_third && 3 * (power + p->powers[i]) >= p->total)
            continue;
        group |= 1U << i;
        power += p->powers[i];
        most--;
    }
    return group;
}

static uint32_t draw_bits(struct ws_random *r, unsigned n, unsigned of_1000) {
    uint32_t bits = 0;
    for (unsigned i = 0; i < n; i++)
        bits |= coin(r, of_1000) ? 1U << i : 0;
    return bits == 0 ? 1U << below(r, n) : bits;
}

static void add_event(struct sim_plan *p, struct sim_event e) {
    if (p->n_events < SIM_EVENTS_MAX)
        p->events[p->n_events++] = e;
}

static int by_time(const void *a, const void *b) {
    const struct sim_event *x = a;
    const struct sim_event *y = b;
    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    return x->pair != y->pair ? (x->pair < y->pair ? -1 : 1) : (int)x->end - (int)y->end;
}

static bool hits_clock(enum cover_row kind) {
    return kind == FAULT_CLOCK_JUMP;
}

static void draw_events(struct sim_plan *p, struct ws_random *r) {
    /* Clocks that are far off make as little progress as liars: both together hold less than a third. */
    uint32_t clocks = draw_group(p, r, p->liars, p->n, false);
    uint64_t gap = spread(r, 200000, 10 * SECOND);
    uint64_t last = spread(r, 100000, 15 * SECOND);
    unsigned pair = 0;
    for (uint64_t at = below(r, gap); at < p->fault_us; at += 1 + below(r, 2 * gap)) {
        struct sim_event e = {.at_us = at, .pair = pair++};
        size_t kind = below(r, COVER_FAULTS_FIRST);
        e.a = ws_random_u64(r);
        e.b = ws_random_u64(r);
        e.who = below(r, p->n);
        uint64_t until = at + 1 + below(r, 2 * last);
        if ((p->faults >> kind & 1U) == 0)
            continue;
        e.kind = FAULT_LOSS + (enum cover_row)kind;
        while (hits_clock(e.kind) && clocks != 0 && (clocks >> e.who & 1U) == 0)
            e.who = (e.who + 1) % p->n;
        if (e.kind == FAULT_CLOCK_DRIFT || (hits_clock(e.kind) && clocks == 0))
            continue;
        add_event(p, e);
        e.at_us = until < p->fault_us ? until : p->fault_us;
        e.end = true;
        add_event(p, e);
    }
    p->n_pairs = pair;
}

/* What came to the simulator later is drawn from a sequence of its own: runs of old seeds stay what they were, and have more. */
static void draw_more(struct sim_plan *p) {
    struct ws_random random = ws_random_seeded(p->seed ^ 0x5bd1e9955bd1e995);
    struct ws_random *r = &random;
    for (unsigned i = COVER_LIES_FIRST; i < COVER_LIES_N; i++)
        p->lies |= coin(r, 250) ? 1U << i : 0;
    /* Who may have forgotten what it said counts with the liars. */
    p->wipes = draw_group(p, r, p->liars, p->n, false);
    for (unsigned i = COVER_FAULTS_FIRST; i < COVER_FAULTS_N; i++) {
        uint64_t gap = spread(r, SECOND, 20 * SECOND);
        uint64_t last = spread(r, 500000, 15 * SECOND);
        if (!coin(r, 120))
            continue;
        p->faults |= 1U << i;
        for (uint64_t at = below(r, gap); at < p->fault_us; at += last + 1 + below(r, 2 * gap)) {
            struct sim_event e = {
                .at_us = at, .kind = FAULT_LOSS + (enum cover_row)i, .pair = p->n_pairs++};
            e.a = ws_random_u64(r);
            e.b = ws_random_u64(r);
            e.who = below(r, p->n);
            bool disk = e.kind >= FAULT_WIPED && e.kind <= FAULT_RESTORED;
            while (disk && p->wipes != 0 && (p->wipes >> e.who & 1U) == 0)
                e.who = (e.who + 1) % p->n;
            add_event(p, e);
            e.at_us = at + 1 + below(r, last) < p->fault_us ? at + 1 + below(r, last) : p->fault_us;
            e.end = true;
            add_event(p, e);
        }
    }
    p->limits = p->orders > 0 && coin(r, 700);
}

void plan_draw(struct sim_plan *p, uint64_t seed, const struct sim_options *o) {
    struct ws_random random = ws_random_seeded(seed);
    struct ws_random *r = &random;
    *p = (struct sim_plan){.seed = seed};
    p->events = ws_calloc(SIM_EVENTS_MAX, sizeof(*p->events));
    p->run_us = o->seconds * SECOND;
    p->fault_us = p->run_us * (500 + below(r, 300)) / 1000;
    p->n = draw_n(r, o);
    draw_powers(p, r);
    p->delay_min_us = 500 + below(r, 5000);
    p->delay_max_us = p->delay_min_us + spread(r, 500, 60000);
    p->mempool_txs = 65536;
    p->job_max_us = spread(r, 1000, 300000);
    if (o->plain) {
        p->fault_us = p->run_us;
        return;
    }
    if (o->traitors) {
        p->twins = draw_group(p, r, 0, p->n, true);
        p->liars = p->twins;
        p->reports = 100;
        return;
    }
    p->reports = coin(r, 700) ? (unsigned)spread(r, 1, 400) : 0;
    p->orders = coin(r, 300) ? (unsigned)spread(r, 1, 20) : 0;
    p->spares = p->orders > 0 && p->n + 4 <= NODES_VALIDATORS_MAX ? below(r, 5) : 0;
    p->mempool_txs = coin(r, 200) ? 16 + below(r, 100) : 65536;
    p->liars = coin(r, 700) ? draw_group(p, r, 0, p->n, false) : 0;
    p->lies = draw_bits(r, COVER_LIES_FIRST, 250);
    p->twins = (p->lies >> (LIE_TWINS - LIE_SPLIT_VOTES) & 1U) != 0 ? p->liars : 0;
    p->lie_rate = (unsigned)spread(r, 20, 1000);
    p->faults = coin(r, 900) ? draw_bits(r, COVER_FAULTS_FIRST, 300) : 0;
    for (size_t i = 0; i < p->n; i++) {
        /* Together not more than a third of what clocks may differ by. */
        uint64_t most = 30000 / (o->seconds == 0 ? 1 : o->seconds) + 1;
        most = most > 500 ? 500 : most;
        int64_t ppm = (int64_t)below(r, 2 * most + 1) - (int64_t)most;
        p->drift_ppm[i] = (p->faults >> (FAULT_CLOCK_DRIFT - FAULT_LOSS) & 1U) != 0 ? ppm : 0;
    }
    draw_events(p, r);
    /* Last, so that it moves nothing else. A pool of a few transactions has no room for a whole committee's records. */
    p->randomness = coin(r, 250) && p->mempool_txs == 65536;
    draw_more(p);
    qsort(p->events, p->n_events, sizeof(p->events[0]), by_time);
}

void plan_cut(struct sim_plan *p, const struct sim_cut *cut) {
    size_t kept = 0;
    for (size_t i = 0; i < p->n_events; i++) {
        const struct sim_event *e = &p->events[i];
        bool gone = (cut->faults >> (e->kind - FAULT_LOSS) & 1U) != 0 ||
                    (cut->pairs != NULL && cut->pairs[e->pair]);
        if (!gone)
            p->events[kept++] = *e;
    }
    p->n_events = kept;
    p->faults &= ~cut->faults;
    p->lies &= ~cut->lies;
    if ((p->faults >> (FAULT_CLOCK_DRIFT - FAULT_LOSS) & 1U) == 0)
        memset(p->drift_ppm, 0, sizeof(p->drift_ppm));
    if ((p->lies >> (LIE_TWINS - LIE_SPLIT_VOTES) & 1U) == 0)
        p->twins = 0;
    if (cut->load) {
        p->reports = 0;
        p->orders = 0;
        p->limits = false;
    }
}

void plan_free(struct sim_plan *p) {
    free(p->events);
    p->events = NULL;
}

static void print_group(FILE *to, const char *name, uint32_t bits) {
    (void)fprintf(to, "%s", name);
    for (unsigned i = 0; i < NODES_VALIDATORS_MAX; i++) {
        if ((bits >> i & 1U) != 0)
            (void)fprintf(to, " %u", i);
    }
    (void)fprintf(to, "%s\n", bits == 0 ? " nobody" : "");
}

void plan_print(const struct sim_plan *p, FILE *to) {
    (void)fprintf(to, "validators: %zu, spares: %zu, powers", p->n, p->spares);
    for (size_t i = 0; i < p->n; i++)
        (void)fprintf(to, " %" PRIu64, p->powers[i]);
    (void)fprintf(to, "\n");
    print_group(to, "who lies, by number:", p->liars);
    for (unsigned i = 0; p->liars != 0 && i < COVER_LIES_N; i++) {
        if ((p->lies >> i & 1U) != 0)
            (void)fprintf(to, "  %s\n", cover_text(LIE_SPLIT_VOTES + (enum cover_row)i));
    }
    (void)fprintf(to,
        "network: %" PRIu64 "..%" PRIu64 " us one way; load: %u reports, %u orders in 50 s\n",
        p->delay_min_us, p->delay_max_us, p->reports, p->orders);
    (void)fprintf(to, "faults until %.1f s of %.1f s:\n", (double)p->fault_us / SECOND,
        (double)p->run_us / SECOND);
    for (size_t i = 0; i < p->n_events; i++) {
        const struct sim_event *e = &p->events[i];
        (void)fprintf(to, "%9.3f s  %s%s (validator %zu)\n", (double)e->at_us / SECOND,
            e->end ? "end of: " : "", cover_text(e->kind), e->who);
    }
}

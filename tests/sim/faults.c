/* Faults of network, power, disks and clocks, as the plan orders them. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <string.h>

enum { SECOND = 1000000 };

static void split(struct sim *s, const struct sim_event *e) {
    struct nodes *w = s->w;
    char side[NODES_MAX + 1] = {0};
    for (size_t i = 0; i < w->n; i++)
        side[i] = (e->a >> i & 1U) != 0 ? 'A' : 'B';
    nodes_tell(w, "FAULT: the cell is cut in two: %s", side);
    for (size_t i = 0; i < w->n; i++) {
        for (size_t k = 0; k < w->n; k++)
            w->cut[i][k] = side[i] != side[k];
    }
}

static void one_way(struct sim *s, const struct sim_event *e) {
    struct nodes *w = s->w;
    struct ws_random r = ws_random_seeded(e->a);
    unsigned share = 1 + (unsigned)(e->b % 5);
    nodes_tell(w, "FAULT: one of %u links is dead, each for its direction", share + 1);
    for (size_t i = 0; i < w->n; i++) {
        for (size_t k = 0; k < w->n; k++)
            w->cut[i][k] = ws_random_below(&r, share + 1) == 0;
    }
}

static void bad_network(struct sim *s, const struct sim_event *e) {
    struct nodes *w = s->w;
    w->loss = (unsigned)(e->a % 400);
    w->repeat = (unsigned)(e->a / 400 % 300);
    w->delay_max_us =
        w->delay_min_us + (e->b % 3 == 0 ? e->b / 3 % (2 * SECOND) : e->b / 3 % 100000);
    w->reorder = e->b / 3000000 % 2 == 0;
    nodes_tell(w,
        "FAULT: %u of 1000 messages are lost, %u repeated, the others take up to %" PRIu64 " us%s",
        w->loss, w->repeat, w->delay_max_us, w->reorder ? ", out of order" : "");
}

static void aim_at_kind(struct sim *s, const struct sim_event *e) {
    struct nodes *w = s->w;
    static const unsigned kinds[] = {1, 1, 2, 2, 10, 10, 3, 4, 5, 7, 8, 9};
    w->kind = e->end ? 0 : kinds[e->a % 12];
    w->kind_to = (uint32_t)(e->a >> 8);
    w->kind_loss = e->b % 2 == 0 ? 300 + (unsigned)(e->b / 2 % 701) : 0;
    w->kind_late_us = e->b % 2 == 0 ? 0 : 50000 + e->b / 2 % 900000;
    nodes_tell(w,
        e->end ? "messages of all kinds pass again"
               : "FAULT: to some validators, %u of 1000 messages of kind %u are lost, the others "
                 "take %" PRIu64 " us more",
        w->kind_loss, w->kind, w->kind_late_us);
}

static void mend_network(struct sim *s) {
    s->w->loss = 0;
    s->w->repeat = 0;
    s->w->reorder = false;
    s->w->delay_max_us = s->plan->delay_max_us;
    nodes_tell(s->w, "the network is as it was");
}

static void down(struct sim *s, size_t i, bool power, uint64_t how, uint64_t back_us) {
    struct nodes *w = s->w;
    if (w->m[i].node == NULL)
        return;
    if (power && how % 3 == 0)
        nodes_kill_torn(w, i, 1 + how / 3 % 500);
    else
        nodes_kill(w, i, power);
    nodes_start_later(w, i, back_us);
}

static void several_down(struct sim *s, const struct sim_event *e, uint32_t who) {
    for (size_t i = 0; i < s->w->n; i++) {
        if ((who >> i & 1U) != 0)
            down(s, i, true, e->a >> (i % 32), 1 + (e->b >> (i % 32)) % (3 * SECOND));
    }
}

static void slow_links(struct sim *s, const struct sim_event *e) {
    struct nodes *w = s->w;
    uint64_t us = e->end ? 0 : 1000 + e->a % (e->b % 4 == 0 ? 3 * SECOND : 200000);
    nodes_tell(w, "FAULT: links of validator %zu take %" PRIu64 " us more", e->who, us);
    for (size_t k = 0; k < w->n; k++) {
        w->slow_us[e->who][k] = us;
        if (e->b % 2 == 0)
            w->slow_us[k][e->who] = us;
    }
}

/* Everybody hears the same things in another order: what one counts in time, another misses. */
static void uneven(struct sim *s, const struct sim_event *e) {
    struct nodes *w = s->w;
    struct ws_random r = ws_random_seeded(e->a);
    uint64_t most = 50000 + e->b % 900000;
    nodes_tell(w,
        e->end ? "links are even again" : "FAULT: half of the links take up to %" PRIu64 " us more",
        most);
    for (size_t i = 0; i < w->n; i++) {
        for (size_t k = 0; k < w->n; k++) {
            bool slow = ws_random_below(&r, 2) == 0;
            uint64_t us = ws_random_below(&r, most);
            w->slow_us[i][k] = slow && !e->end ? us : 0;
        }
    }
}

/* In step (whoever lies to all receivers), or each by itself. */
static void clocks_off(struct sim *s, const struct sim_event *e) {
    struct nodes *w = s->w;
    static const int64_t sizes[] = {200000, -200000, 1300000, -1300000, 5 * SECOND, -5 * SECOND,
        60 * SECOND, -60 * SECOND, -3600LL * SECOND};
    struct ws_random r = ws_random_seeded(e->a);
    bool all = e->b % 3 == 0;
    bool together = e->b / 3 % 2 == 0;
    int64_t by = sizes[ws_random_below(&r, ARRAY_LEN(sizes))];
    if (e->b / 6 % 64 == 0)
        by = 3600LL * SECOND;
    w->clocks_good = false;
    for (size_t i = 0; i < w->n; i++) {
        if (!all && ws_random_below(&r, 2) == 0)
            continue;
        int64_t own = sizes[ws_random_below(&r, ARRAY_LEN(sizes))];
        nodes_set_clock(w, i, e->end ? 0 : together ? by : own);
        nodes_tell(w,
            e->end ? "the cell clock of validator %zu is right again"
                   : "FAULT: the cell clock of validator %zu is off by %" PRId64 " us",
            i, w->m[i].clock_offset_us);
    }
}

static void clocks_lost(struct sim *s, const struct sim_event *e) {
    struct nodes *w = s->w;
    nodes_tell(w, e->end ? "GNSS is there again" : "FAULT: many lose GNSS");
    for (size_t i = 0; i < w->n; i++) {
        if (e->b % 3 == 0 || (e->a >> i & 1U) != 0)
            nodes_lose_clock(w, i, !e->end);
    }
}

static void jump(struct sim *s, const struct sim_event *e) {
    struct nodes_member *m = &s->w->m[e->who];
    static const int64_t sizes[] = {3600, -3600, 1, -1, 60, -60};
    nodes_set_clock(s->w, e->who, e->end ? 0 : sizes[e->a % 6] * SECOND);
    s->w->clocks_good = false;
    nodes_tell(s->w, "FAULT: the cell clock of validator %zu is off by %" PRId64 " s", e->who,
        m->clock_offset_us / SECOND);
}

static void break_disk(struct sim *s, const struct sim_event *e) {
    struct nodes_member *m = &s->w->m[e->who];
    if (m->node == NULL)
        return;
    m->may_fail = true;
    nodes_tell(s->w, "FAULT: at validator %zu, %s", e->who, cover_text(e->kind));
    if (e->kind == FAULT_SYNC_FAILS)
        wal_memory_fail_after(m->wal[m->promised % 2], e->a % 8);
    else if (e->kind == FAULT_BATCH_FAILS)
        store_memory_fail_after(m->store, e->a % 4);
    else if (e->kind == FAULT_BATCH_FAILS_KEPT)
        store_memory_fail_after_applying(m->store, e->a % 4);
    else
        m->full = true;
}

static bool may_forget(const struct sim *s, size_t who) {
    return (s->plan->wipes >> s->w->m[who].slot & 1U) != 0;
}

static void disk_away(struct sim *s, const struct sim_event *e) {
    struct nodes *w = s->w;
    size_t i = e->who;
    if (!may_forget(s, i) || w->m[i].node == NULL)
        return;
    if (e->kind == FAULT_PUT_BACK) {
        nodes_copy_disk(w, i);
        return;
    }
    if (e->kind == FAULT_JOIN) {
        if (w->join != NULL)
            return;
        cover_hit(FAULT_JOIN);
        nodes_kill(w, i, true);
        nodes_join(w, i);
        return;
    }
    nodes_kill(w, i, true);
    size_t from = e->a % w->n;
    bool restored =
        e->kind == FAULT_RESTORED && !w->m[from].liar && from != i && nodes_restore(w, i, from);
    cover_hit(restored ? FAULT_RESTORED : FAULT_WIPED);
    if (!restored)
        nodes_wipe(w, i);
    nodes_start_later(w, i, 1 + e->b % (5ULL * SECOND));
}

static void disk_back(struct sim *s, const struct sim_event *e) {
    struct nodes *w = s->w;
    if (e->kind != FAULT_PUT_BACK || w->m[e->who].node == NULL || w->m[e->who].copy == NULL)
        return;
    cover_hit(FAULT_PUT_BACK);
    nodes_kill(w, e->who, true);
    nodes_put_back(w, e->who);
    nodes_start_later(w, e->who, 1 + e->b % (2ULL * SECOND));
}

static void other_version(struct sim *s, const struct sim_event *e) {
    struct nodes *w = s->w;
    if (w->m[e->who].node == NULL)
        return;
    w->older ^= 1U << e->who;
    nodes_tell(w, "validator %zu is started again with the %s protocol", e->who,
        (w->older >> e->who & 1U) != 0 ? "older" : "newer");
    nodes_kill(w, e->who, false);
    nodes_start_later(w, e->who, 1 + e->b % SECOND);
}

static void begin(struct sim *s, const struct sim_event *e) {
    struct nodes *w = s->w;
    uint64_t back_us = 1 + e->b % (e->b % 5 == 0 ? 20 * SECOND : 2 * SECOND);
    switch (e->kind) {
    case FAULT_LOSS:
        bad_network(s, e);
        break;
    case FAULT_SPLIT:
        split(s, e);
        break;
    case FAULT_ONE_WAY:
        one_way(s, e);
        break;
    case FAULT_ISOLATE:
        nodes_tell(w, "FAULT: validator %zu is cut off", e->who);
        nodes_cut(w, e->who, true);
        break;
    case FAULT_SLOW_LINKS:
        slow_links(s, e);
        break;
    case FAULT_UNEVEN:
        uneven(s, e);
        break;
    case FAULT_KIND:
        aim_at_kind(s, e);
        break;
    case FAULT_KILL:
        down(s, e->who, false, e->a, back_us);
        break;
    case FAULT_POWER:
        down(s, e->who, true, e->a, back_us);
        break;
    case FAULT_MANY:
        several_down(s, e, (uint32_t)(e->a ^ e->b));
        break;
    case FAULT_ALL:
        several_down(s, e, UINT32_MAX);
        break;
    case FAULT_CRASH_AT:
        nodes_crash_at(w, e->who, (enum wal_point)(e->a % WAL_POINT_COUNT), (unsigned)(e->b % 12));
        break;
    case FAULT_SYNC_FAILS:
    case FAULT_BATCH_FAILS:
    case FAULT_BATCH_FAILS_KEPT:
    case FAULT_DISK_FULL:
        break_disk(s, e);
        break;
    case FAULT_SLOW_DISK:
        w->m[e->who].sync_us = 1000 + e->a % (e->b % 4 == 0 ? SECOND : 30000);
        nodes_tell(
            w, "FAULT: a sync of validator %zu takes %" PRIu64 " us", e->who, w->m[e->who].sync_us);
        break;
    case FAULT_CLOCK_JUMP:
        jump(s, e);
        break;
    case FAULT_CLOCK_LOST:
        nodes_tell(w, "FAULT: validator %zu loses GNSS", e->who);
        nodes_lose_clock(w, e->who, true);
        break;
    case FAULT_CLOCKS_OFF:
        clocks_off(s, e);
        break;
    case FAULT_CLOCKS_LOST:
        clocks_lost(s, e);
        break;
    case FAULT_WIPED:
    case FAULT_PUT_BACK:
    case FAULT_JOIN:
    case FAULT_RESTORED:
        disk_away(s, e);
        break;
    case FAULT_VERSION:
        other_version(s, e);
        break;
    default:
        break;
    }
}

static void finish(struct sim *s, const struct sim_event *e) {
    struct nodes *w = s->w;
    switch (e->kind) {
    case FAULT_LOSS:
        mend_network(s);
        break;
    case FAULT_SPLIT:
    case FAULT_ONE_WAY:
        memset(w->cut, 0, sizeof(w->cut));
        nodes_tell(w, "all links are there again");
        break;
    case FAULT_ISOLATE:
        nodes_cut(w, e->who, false);
        nodes_tell(w, "validator %zu is connected again", e->who);
        break;
    case FAULT_SLOW_LINKS:
        slow_links(s, e);
        break;
    case FAULT_UNEVEN:
        uneven(s, e);
        break;
    case FAULT_KIND:
        aim_at_kind(s, e);
        break;
    case FAULT_CRASH_AT:
        w->m[e->who].crash_armed = false;
        break;
    case FAULT_SLOW_DISK:
        w->m[e->who].sync_us = 0;
        break;
    case FAULT_CLOCK_JUMP:
        jump(s, e);
        break;
    case FAULT_CLOCK_LOST:
        nodes_tell(w, "validator %zu has GNSS again", e->who);
        nodes_lose_clock(w, e->who, false);
        break;
    case FAULT_CLOCKS_OFF:
        clocks_off(s, e);
        break;
    case FAULT_CLOCKS_LOST:
        clocks_lost(s, e);
        break;
    case FAULT_PUT_BACK:
        disk_back(s, e);
        break;
    case FAULT_VERSION:
        other_version(s, e);
        break;
    default:
        break;
    }
}

void faults_apply(struct sim *s, const struct sim_event *e) {
    if (e->end) {
        finish(s, e);
        return;
    }
    if (e->kind < FAULT_WIPED || e->kind > FAULT_RESTORED) /* those may not be possible */
        cover_hit(e->kind);
    begin(s, e);
}

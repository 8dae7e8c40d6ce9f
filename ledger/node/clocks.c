/* Whose clock is off: states carry their sender's cell time, and block times may not be of the future. Consensus does not look
 * at this: it judges each proposal by itself (consensus facts, section 10). This is for whoever has to mend a clock, because a
 * unit with a wrong one looks like any other until the cell needs its vote. */
#include "ledger/node/node_internal.h"

#include "base/log.h"

enum { PATIENCE_US = 3000000, SILENT_STATES = 5, SILENT_LEAST_US = 1000000 };

/* What a state may look like that was a while on its way: late by a proposal's delay, early by nothing. */
static bool within(const struct node *n, int64_t off_us) {
    int64_t precision = (int64_t)n->params->time_precision_us;
    return off_us <= precision && off_us >= -precision - (int64_t)n->params->time_delay_us;
}

void clocks_heard(struct node *n, size_t slot, uint64_t its_us, struct ws_now now) {
    struct peer *p = &n->peer[slot];
    if (its_us == 0 || its_us > INT64_MAX || now.its_us > INT64_MAX)
        return;
    p->clock_told = true;
    p->clock_off_us = (int64_t)its_us - (int64_t)now.its_us;
    if (within(n, p->clock_off_us))
        p->clock_since_us = 0;
    else if (p->clock_since_us == 0)
        p->clock_since_us = now.mono_us;
}

static bool is_off(const struct node *n, size_t slot, uint64_t patience_us, struct ws_now now) {
    const struct peer *p = &n->peer[slot];
    uint64_t silent_us = SILENT_STATES * n->limits.status_us + SILENT_LEAST_US;
    return p->clock_since_us != 0 && now.mono_us - p->clock_since_us >= patience_us &&
           now.mono_us - p->heard_mono_us < silent_us;
}

static int64_t nearer(int64_t a, int64_t b) {
    return a == 0 || (b < 0 ? -b : b) < (a < 0 ? -a : a) ? b : a;
}

/* 0: as far as can be told our clock is right. More than a third say otherwise, all to the same side: one of them at least does
 * not lie. A final block's time has convinced a quorum. */
static int64_t own_off_us(const struct node *n, struct ws_now now) {
    uint64_t power[2] = {0, 0};
    int64_t off[2] = {0, 0};
    for (size_t i = 0; i < n->set->n; i++) {
        size_t slot = n->slot[i];
        if ((int)i == n->me || slot == NODE_NO_SLOT || !is_off(n, slot, PATIENCE_US, now))
            continue;
        int64_t theirs = n->peer[slot].clock_off_us;
        power[theirs > 0] += n->set->v[i].power;
        off[theirs > 0] = nearer(off[theirs > 0], theirs);
    }
    for (size_t k = 0; k < 2; k++) {
        if (power_is_skip(power[k], n->set->total))
            return -off[k];
    }
    uint64_t latest = now.its_us + n->params->time_precision_us;
    return n->height > 0 && n->last_time > latest ? -(int64_t)(n->last_time - now.its_us) : 0;
}

static void put_span(int64_t off_us, char dst[static 32]) {
    uint64_t us = off_us < 0 ? (uint64_t)-off_us : (uint64_t)off_us;
    duration_format(dst, us);
}

static void look_at_own(struct node *n, struct ws_now now) {
    char span[32];
    bool was = n->clock_off_us != 0;
    n->clock_off_us = own_off_us(n, now);
    put_span(n->clock_off_us, span);
    if (n->clock_off_us != 0 && !was)
        ws_log(WS_LOG_WARN, "ledger",
            "this unit's clock is %s %s the other validators' (%llu ms are allowed): it finds "
            "their "
            "proposals untimely and they find its own so; set it right",
            span, n->clock_off_us < 0 ? "behind" : "ahead of",
            (unsigned long long)n->params->time_precision_us / 1000);
    else if (n->clock_off_us == 0 && was)
        ws_log(WS_LOG_INFO, "ledger", "this unit's clock agrees with the other validators' again");
}

/* Later than our own is judged: while we are wrong ourselves nobody else is blamed. */
static void look_at_peer(struct node *n, size_t slot, struct ws_now now) {
    struct peer *p = &n->peer[slot];
    char span[32];
    char name[NODE_NAME_OCTETS];
    bool off = n->clock_off_us == 0 && is_off(n, slot, 2 * PATIENCE_US, now);
    bool back = p->clock_off && p->clock_since_us == 0 && p->clock_told;
    if (off == p->clock_off || (!off && !back))
        return;
    p->clock_off = off;
    node_peer_name(n, slot, name);
    put_span(p->clock_off_us, span);
    if (off)
        ws_log(WS_LOG_WARN, "ledger",
            "the clock of %s is %s %s ours (%llu ms are allowed): its proposals are wasted, and it "
            "does not vote for those of others",
            name, span, p->clock_off_us < 0 ? "behind" : "ahead of",
            (unsigned long long)n->params->time_precision_us / 1000);
    else
        ws_log(WS_LOG_INFO, "ledger", "the clock of %s agrees with ours again", name);
}

void clocks_tick(struct node *n, struct ws_now now) {
    look_at_own(n, now);
    for (size_t i = 0; i < n->set->n; i++) {
        if ((int)i != n->me && n->slot[i] != NODE_NO_SLOT)
            look_at_peer(n, n->slot[i], now);
    }
}

#include "rsu/daemon/watch.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    HOLD_US = 3000000, /* what does not last so long is not told */
    GRACE_US = 15000000, /* for links that were never up, and for a quorum after the start */
    LINE_OCTETS = 800,
    FAR = 16, /* heights: such a lag is told at once */
};

struct teller {
    watch_say_fn say;
    void *ctx;
};

static void tell(const struct teller *t, enum ws_log_level level, const char *area, const char *fmt,
    ...) PRINTF_LIKE(4, 5);
static void tell(
    const struct teller *t, enum ws_log_level level, const char *area, const char *fmt, ...) {
    char line[LINE_OCTETS];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    t->say(t->ctx, level, area, line);
}

static bool is_peer(const struct watch_peer *p) {
    static const uint8_t nobody[KEY_OCTETS];
    return memcmp(p->key, nobody, KEY_OCTETS) != 0;
}

static void look_at_link(
    struct watch_link *l, const struct watch_peer *p, uint64_t now, const struct teller *t) {
    if (memcmp(l->key, p->key, KEY_OCTETS) != 0) {
        *l = (struct watch_link){.since_us = now};
        memcpy(l->key, p->key, KEY_OCTETS);
    }
    if (!is_peer(p))
        return;
    if (l->up != p->up) {
        l->up = p->up;
        l->since_us = now;
    }
    if (l->up == l->told_up || now - l->since_us < HOLD_US)
        return;
    l->told_up = l->up;
    l->told_missing = true; /* it was there: when it goes, it is lost */
    if (l->up)
        tell(t, WS_LOG_INFO, "links", "the link to %s is up", p->name);
    else
        tell(t, WS_LOG_WARN, "links", "the link to %s is lost", p->name);
}

static void look_for_missing(
    struct watch_link *l, const struct watch_peer *p, uint64_t now, const struct teller *t) {
    if (!is_peer(p) || l->up || l->told_up || l->told_missing || now - l->since_us < GRACE_US)
        return;
    l->told_missing = true;
    tell(t, WS_LOG_WARN, "links", "no link to %s yet", p->name);
}

static void look_at_quorum(struct watch *w, const struct watch_seen *s, const struct teller *t) {
    uint64_t power = s->own_power;
    size_t heard = s->me >= 0;
    struct buf silent = {0};
    for (size_t i = 0; i < s->n; i++) {
        const struct watch_peer *p = &s->peer[i];
        if (p->power == 0)
            continue;
        power += p->heard ? p->power : 0;
        heard += p->heard;
        if (!p->heard && silent.n < LINE_OCTETS / 2)
            buf_printf(&silent, "%s %s%s", silent.n > 0 ? "," : "", p->name,
                p->up ? ", though the link to it is up" : "");
    }
    bool quorum = power_is_quorum(power, s->total);
    if (quorum != w->quorum) {
        w->quorum = quorum;
        w->quorum_since_us = s->mono_us;
    }
    uint64_t hold = s->mono_us - w->begun_us < GRACE_US ? GRACE_US : HOLD_US;
    if (!quorum && !w->told_lost && s->mono_us - w->quorum_since_us >= hold) {
        w->told_lost = true;
        w->lost_us = w->quorum_since_us;
        tell(t, WS_LOG_WARN, "ledger",
            "no quorum: %zu of %zu validators are heard, at height %llu; no block is made until "
            "more "
            "are. Silent:%.*s",
            heard, s->n_validators, (unsigned long long)s->height, (int)silent.n,
            (const char *)silent.p);
    } else if (quorum && w->told_lost) {
        char span[32];
        duration_format(span, s->mono_us - w->lost_us);
        w->told_lost = false;
        tell(t, WS_LOG_INFO, "ledger", "a quorum is heard again after %s: %zu of %zu validators",
            span, heard, s->n_validators);
    }
    buf_free(&silent);
}

static void look_at_sync(struct watch *w, const struct watch_seen *s, const struct teller *t) {
    uint64_t highest = s->height;
    for (size_t i = 0; i < s->n; i++)
        highest = s->peer[i].power > 0 && s->peer[i].height > highest ? s->peer[i].height : highest;
    if (s->syncing && !w->behind)
        w->behind_us = s->mono_us;
    w->behind = s->syncing;
    if (s->syncing && !w->told_behind &&
        (highest > s->height + FAR || s->mono_us - w->behind_us >= HOLD_US)) {
        w->told_behind = true;
        tell(t, WS_LOG_INFO, "ledger", "catching up: at height %llu, the others are at %llu",
            (unsigned long long)s->height, (unsigned long long)highest);
    } else if (!s->syncing && w->told_behind) {
        char span[32];
        duration_format(span, s->mono_us - w->behind_us);
        w->told_behind = false;
        tell(t, WS_LOG_INFO, "ledger", "caught up at height %llu after %s",
            (unsigned long long)s->height, span);
    }
}

static void look_at_voice(struct watch *w, const struct watch_seen *s, const struct teller *t) {
    bool listening = s->listening && s->me >= 0;
    if (listening && !w->told_listening)
        tell(t, WS_LOG_INFO, "ledger",
            "no log of height %llu is here, or it may not be our own: listening until a quorum has "
            "told "
            "what it heard of us",
            (unsigned long long)s->height + 1);
    else if (!listening && w->told_listening)
        tell(t, WS_LOG_INFO, "ledger", "listened: this validator speaks again, at height %llu",
            (unsigned long long)s->height + 1);
    w->told_listening = listening;
    if (s->syncing)
        return; /* the committees of the past */
    if ((s->me >= 0) != (w->me >= 0))
        tell(t, WS_LOG_INFO, "committee",
            s->me >= 0 ? "this unit validates, at height %llu"
                       : "this unit is in the committee no more, at height %llu: it follows",
            (unsigned long long)s->height + 1);
    w->me = s->me;
}

static void look_at_orders(struct watch *w, const struct watch_seen *s, const struct teller *t) {
    static const struct {
        const char *name;
        size_t at;
    } params[] = {
#define X(id, lo, hi, help) {#id, offsetof(struct cell_params, id)},
        CELL_PARAMS(X)
#undef X
    };
    if (s->policy_sequence != w->policy_sequence)
        tell(t, WS_LOG_INFO, "policy", "policy %s, sequence %llu, is in force", s->policy_name,
            (unsigned long long)s->policy_sequence);
    w->policy_sequence = s->policy_sequence;
    for (size_t i = 0; i < ARRAY_LEN(params); i++) {
        uint64_t was;
        uint64_t is;
        memcpy(&was, (const uint8_t *)&w->params + params[i].at, sizeof(was));
        memcpy(&is, (const uint8_t *)&s->params + params[i].at, sizeof(is));
        if (was != is)
            tell(t, WS_LOG_INFO, "committee", "parameter %s is %llu now, and was %llu",
                params[i].name, (unsigned long long)is, (unsigned long long)was);
    }
    w->params = s->params;
}

void watch_look(struct watch *w, const struct watch_seen *s, watch_say_fn say, void *ctx) {
    const struct teller t = {say, ctx};
    if (!w->begun) {
        *w = (struct watch){.begun = true,
            .begun_us = s->mono_us,
            .quorum_since_us = s->mono_us,
            .me = s->me,
            .params = s->params,
            .policy_sequence = s->policy_sequence};
    }
    for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
        static const struct watch_peer nobody;
        const struct watch_peer *p = i < s->n ? &s->peer[i] : &nobody;
        look_at_link(&w->link[i], p, s->mono_us, &t);
        look_for_missing(&w->link[i], p, s->mono_us, &t);
    }
    look_at_quorum(w, s, &t);
    look_at_sync(w, s, &t);
    look_at_voice(w, s, &t);
    look_at_orders(w, s, &t);
}

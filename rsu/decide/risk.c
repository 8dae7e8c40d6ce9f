#include "rsu/decide/risk.h"

#include "base/assert.h"
#include "base/mem.h"
#include "mapsvc/model/ints.h"

#include <stdlib.h>

enum { KEY = 8 };

struct witness {
    uint8_t vehicle[KEY];
    uint64_t seen_us, risky_us; /* last judged; last judged risky, 0: never */
};

/* Apart from the rest: all of them are gone through for each judgement. */
struct key {
    bool used;
    struct risk_place at;
};
struct place {
    bool on;
    uint64_t touched_us, busy_us; /* last judgement; when the count was last above the end's mark */
    size_t n;
    struct witness witness[RISK_VEHICLES_MAX];
};

struct risk {
    struct risk_config cfg;
    size_t used;
    struct key *key; /* of each place */
    struct place *place;
};

struct risk *risk_new(const struct risk_config *cfg) {
    WS_ASSERT(cfg->square_mm > 0 && cfg->vehicles >= RISK_VEHICLES_MIN &&
              cfg->vehicles <= RISK_VEHICLES_MAX / 2 && cfg->share_percent <= 100 &&
              cfg->places >= 1);
    struct risk *r = ws_alloc(sizeof(*r));
    *r = (struct risk){.cfg = *cfg,
        .key = ws_calloc(cfg->places, sizeof(*r->key)),
        .place = ws_calloc(cfg->places, sizeof(*r->place))};
    return r;
}

void risk_free(struct risk *r) {
    if (r == NULL)
        return;
    free(r->key);
    free(r->place);
    free(r);
}

size_t risk_used(const struct risk *r) {
    return r->used;
}

bool risk_is_on(const struct risk *r, size_t slot) {
    return r->place[slot].on;
}

void risk_forget(struct risk *r) {
    for (size_t i = 0; i < r->cfg.places; i++) {
        r->key[i].used = false;
        r->place[i].on = false;
        r->place[i].n = 0;
    }
    r->used = 0;
}

struct risk_place risk_place_of(
    const struct risk_config *cfg, int32_t x, int32_t y, uint16_t heading) {
    return (struct risk_place){.column = (int32_t)floor_div(x, cfg->square_mm),
        .line = (int32_t)floor_div(y, cfg->square_mm),
        .quarter = (uint8_t)((uint16_t)(heading + 8192U) >> 14)};
}

void risk_middle(const struct risk_config *cfg, const struct risk_place *p, int32_t *ret_x,
    int32_t *ret_y, uint16_t *ret_heading) {
    *ret_x = (int32_t)((int64_t)p->column * cfg->square_mm + cfg->square_mm / 2);
    *ret_y = (int32_t)((int64_t)p->line * cfg->square_mm + cfg->square_mm / 2);
    *ret_heading = (uint16_t)(p->quarter << 14);
}

static bool same(const struct risk_place *a, const struct risk_place *b) {
    return a->column == b->column && a->line == b->line && a->quarter == b->quarter;
}

static bool is_idle(const struct risk *r, const struct place *p, uint64_t its_us) {
    return !p->on && p->touched_us + r->cfg.within_us < its_us;
}

/* Its own place, or a free one, or that of what is long quiet. */
static struct place *place_for(struct risk *r, const struct risk_place *at, uint64_t its_us) {
    size_t free_one = r->cfg.places;
    for (size_t i = 0; i < r->cfg.places; i++) {
        if (!r->key[i].used)
            free_one = i < free_one ? i : free_one;
        else if (same(&r->key[i].at, at))
            return &r->place[i];
    }
    for (size_t i = 0; free_one == r->cfg.places && i < r->cfg.places; i++)
        free_one = is_idle(r, &r->place[i], its_us) ? i : free_one;
    if (free_one == r->cfg.places)
        return NULL;
    r->used += r->key[free_one].used ? 0 : 1;
    r->key[free_one] = (struct key){true, *at};
    struct place *p = &r->place[free_one];
    p->on = false;
    p->n = 0;
    p->touched_us = p->busy_us = 0;
    return p;
}

static struct witness *witness_for(struct place *p, const uint8_t *vehicle) {
    size_t oldest = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (memcmp(p->witness[i].vehicle, vehicle, KEY) == 0)
            return &p->witness[i];
        if (p->witness[i].seen_us < p->witness[oldest].seen_us)
            oldest = i;
    }
    size_t at = p->n < RISK_VEHICLES_MAX ? p->n++ : oldest;
    p->witness[at] = (struct witness){0};
    memcpy(p->witness[at].vehicle, vehicle, KEY);
    return &p->witness[at];
}

/* Drops who is out of time: nobody is remembered for longer than it takes. */
static void drop_old(struct place *p, uint64_t within_us, uint64_t its_us) {
    size_t to = 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->witness[i].seen_us + within_us >= its_us)
            p->witness[to++] = p->witness[i];
    p->n = to;
}

static void count(
    const struct risk *r, const struct place *p, uint64_t its_us, uint32_t *risky, uint32_t *all) {
    *risky = *all = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct witness *w = &p->witness[i];
        *all += w->seen_us + r->cfg.within_us >= its_us ? 1 : 0;
        *risky += w->risky_us != 0 && w->risky_us + r->cfg.within_us >= its_us ? 1 : 0;
    }
}

void risk_count(
    const struct risk *r, size_t slot, uint64_t its_us, uint32_t *ret_risky, uint32_t *ret_all) {
    count(r, &r->place[slot], its_us, ret_risky, ret_all);
}

static uint32_t ends_below(const struct risk *r) {
    return (r->cfg.vehicles + 1) / 2;
}

enum risk_noted risk_note(struct risk *r, const struct risk_place *at,
    const uint8_t vehicle[static 8], bool risky, uint64_t its_us, size_t *ret_slot,
    enum risk_turn *ret_turn) {
    struct place *p = place_for(r, at, its_us);
    *ret_turn = RISK_AS_BEFORE;
    if (p == NULL)
        return RISK_NO_PLACE;
    *ret_slot = (size_t)(p - r->place);
    drop_old(p, r->cfg.within_us, its_us);
    struct witness *w = witness_for(p, vehicle);
    w->seen_us = its_us > w->seen_us ? its_us : w->seen_us;
    if (risky)
        w->risky_us = w->seen_us;
    p->touched_us = its_us > p->touched_us ? its_us : p->touched_us;
    uint32_t n = 0;
    uint32_t all = 0;
    count(r, p, p->touched_us, &n, &all);
    if (n >= ends_below(r))
        p->busy_us = p->touched_us;
    if (!p->on && n >= r->cfg.vehicles && n * 100 >= all * r->cfg.share_percent) {
        p->on = true;
        *ret_turn = RISK_BEGINS;
    }
    return RISK_NOTED;
}

bool risk_end(struct risk *r, uint64_t its_us, size_t *ret_slot) {
    for (size_t i = 0; i < r->cfg.places; i++) {
        struct place *p = &r->place[i];
        uint32_t n = 0;
        uint32_t all = 0;
        if (!r->key[i].used)
            continue;
        drop_old(p, r->cfg.within_us, its_us);
        if (!p->on)
            continue;
        count(r, p, its_us, &n, &all);
        if (n >= ends_below(r))
            p->busy_us = its_us > p->busy_us ? its_us : p->busy_us;
        if (n >= ends_below(r) || its_us < p->busy_us + r->cfg.quiet_us)
            continue;
        p->on = false;
        *ret_slot = i;
        return true;
    }
    return false;
}

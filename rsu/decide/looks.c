#include "rsu/decide/looks.h"

#include "base/assert.h"
#include "base/mem.h"
#include "mapsvc/fuse/associate.h"
#include "mapsvc/model/ints.h"
#include "v2x/station_state.h"

#include <stdlib.h>

enum {
    WAYS = 8,
    PRESENT_US = 3000000, /* heard so lately it is still there */
    NONE = -1,
};

struct seat {
    bool used;
    uint8_t vehicle[16];
    uint64_t heard_us, look_us; /* ITS; of its last look, 0: none yet */
    uint16_t look_speed; /* cm/s, at that look */
    int32_t x, y;
    int32_t next, before; /* in the list of its square */
    uint32_t bucket;
    uint16_t rows, at; /* rows in the window, where the next one goes */
};

struct looks {
    struct looks_config cfg;
    size_t sets, n_buckets;
    size_t used;
    uint64_t now_us; /* the latest that was heard */
    struct seat *seat;
    struct decide_row *row; /* window of each seat */
    int32_t *first; /* of each list */
};

struct looks *looks_new(const struct looks_config *cfg) {
    WS_ASSERT(cfg->vehicles >= WAYS && cfg->window >= 1 && cfg->window <= DECIDE_WINDOW_MAX &&
              cfg->reach_mm >= 1);
    struct looks *w = ws_alloc(sizeof(*w));
    *w = (struct looks){.cfg = *cfg, .sets = cfg->vehicles / WAYS, .n_buckets = cfg->vehicles};
    w->seat = ws_calloc(w->sets * WAYS, sizeof(*w->seat));
    w->row = ws_calloc(w->sets * WAYS * cfg->window, sizeof(*w->row));
    w->first = ws_calloc(w->n_buckets, sizeof(*w->first));
    for (size_t i = 0; i < w->n_buckets; i++)
        w->first[i] = NONE;
    return w;
}

void looks_free(struct looks *w) {
    if (w == NULL)
        return;
    free(w->seat);
    free(w->row);
    free(w->first);
    free(w);
}

size_t looks_used(const struct looks *w) {
    return w->used;
}

/* ---- squares ---- */

static uint64_t mixed(const struct looks *w, uint64_t key) {
    return (key ^ w->cfg.salt) * (w->cfg.salt << 1 ^ 0x9e3779b97f4a7c15U);
}

static uint32_t bucket_of(const struct looks *w, int64_t column, int64_t line) {
    uint64_t key = (uint64_t)column * 0x9e3779b97f4a7c15U + (uint64_t)line;
    return (uint32_t)((mixed(w, key) >> 32) % w->n_buckets);
}

static void leave(struct looks *w, size_t i) {
    struct seat *s = &w->seat[i];
    if (s->before == NONE)
        w->first[s->bucket] = s->next;
    else
        w->seat[s->before].next = s->next;
    if (s->next != NONE)
        w->seat[s->next].before = s->before;
}

static void enter(struct looks *w, size_t i, int32_t x, int32_t y) {
    struct seat *s = &w->seat[i];
    s->x = x;
    s->y = y;
    s->bucket = bucket_of(w, floor_div(x, w->cfg.reach_mm), floor_div(y, w->cfg.reach_mm));
    s->before = NONE;
    s->next = w->first[s->bucket];
    if (s->next != NONE)
        w->seat[s->next].before = (int32_t)i;
    w->first[s->bucket] = (int32_t)i;
}

size_t looks_around(const struct looks *w, size_t vehicle) {
    const struct seat *me = &w->seat[vehicle];
    const uint64_t reach2 = (uint64_t)w->cfg.reach_mm * (uint64_t)w->cfg.reach_mm;
    const int64_t column = floor_div(me->x, w->cfg.reach_mm);
    const int64_t line = floor_div(me->y, w->cfg.reach_mm);
    uint32_t done[9];
    size_t n_done = 0;
    size_t n = 0;
    for (int k = 0; k < 9; k++) {
        uint32_t b = bucket_of(w, column + k % 3 - 1, line + k / 3 - 1);
        bool again = false; /* two squares may share a list */
        for (size_t i = 0; i < n_done; i++)
            again = again || done[i] == b;
        if (again)
            continue;
        done[n_done++] = b;
        for (int32_t i = w->first[b]; i != NONE; i = w->seat[i].next) {
            const struct seat *s = &w->seat[i];
            n += s->heard_us + PRESENT_US >= me->heard_us &&
                 distance2(s->x, s->y, me->x, me->y) <= reach2;
        }
    }
    return n;
}

/* ---- seats ---- */

static bool find(const struct looks *w, const uint8_t *vehicle, size_t *ret) {
    size_t set = (size_t)((mixed(w, be64(vehicle)) >> 32) % w->sets) * WAYS;
    size_t oldest = set;
    for (size_t i = set; i < set + WAYS; i++) {
        const struct seat *s = &w->seat[i];
        if (s->used && memcmp(s->vehicle, vehicle, sizeof(s->vehicle)) == 0) {
            *ret = i;
            return true;
        }
        if (w->seat[oldest].used && (!s->used || s->heard_us < w->seat[oldest].heard_us))
            oldest = i;
    }
    *ret = oldest;
    return false;
}

enum looks_heard looks_hear(
    struct looks *w, const struct decide_heard *h, int32_t x, int32_t y, size_t *ret_vehicle) {
    w->now_us = h->its_us > w->now_us ? h->its_us : w->now_us;
    bool known = find(w, h->vehicle, ret_vehicle);
    struct seat *s = &w->seat[*ret_vehicle];
    if (known && h->its_us <= s->heard_us)
        return LOOKS_LATE;
    /* Who was heard a moment ago does not make room. */
    if (!known && s->used && s->heard_us + PRESENT_US >= w->now_us)
        return LOOKS_FULL;
    if (s->used)
        leave(w, *ret_vehicle);
    else
        w->used++;
    if (!known) {
        *s = (struct seat){.used = true};
        memcpy(s->vehicle, h->vehicle, sizeof(s->vehicle));
    }
    s->heard_us = h->its_us;
    enter(w, *ret_vehicle, x, y);
    /* Beacons do not come to the microsecond. */
    return s->look_us == 0 || h->its_us >= s->look_us + w->cfg.look_us - w->cfg.look_us / 10
               ? LOOKS_DUE
               : LOOKS_TOO_SOON;
}

/* ---- looks ---- */

static void set(struct decide_row *r, enum decide_quantity q, int64_t thousandths) {
    r->known |= 1U << q;
    r->v[q] = (int32_t)thousandths;
}

static bool follows(const struct looks *w, const struct seat *s, uint64_t its_us) {
    return s->look_us != 0 && its_us - s->look_us <= w->cfg.look_us * 5 / 2;
}

void looks_read(const struct looks *w, size_t vehicle, const struct decide_heard *h,
    struct decide_row *ret_row) {
    const struct seat *s = &w->seat[vehicle];
    *ret_row = (struct decide_row){0};
    if (h->speed != STATION_SPEED_UNAVAILABLE)
        set(ret_row, DECIDE_SPEED, (int64_t)h->speed * 36);
    if (h->accel_long != STATION_UNAVAILABLE)
        set(ret_row, DECIDE_ACCELERATION, (int64_t)h->accel_long * 10);
    else if (h->speed != STATION_SPEED_UNAVAILABLE && follows(w, s, h->its_us) &&
             s->look_speed != STATION_SPEED_UNAVAILABLE)
        set(ret_row, DECIDE_ACCELERATION,
            ((int64_t)h->speed - s->look_speed) * 10000000 / (int64_t)(h->its_us - s->look_us));
    if (h->accel_lat != STATION_UNAVAILABLE)
        set(ret_row, DECIDE_LATERAL, (int64_t)h->accel_lat * 10);
    if (h->yaw_rate != STATION_UNAVAILABLE)
        set(ret_row, DECIDE_YAW_RATE, (int64_t)h->yaw_rate * 10);
}

size_t looks_take(struct looks *w, size_t vehicle, const struct decide_heard *h,
    const struct decide_row *row, uint32_t needs, struct decide_row *ret_rows) {
    struct seat *s = &w->seat[vehicle];
    struct decide_row *ring = w->row + vehicle * w->cfg.window;
    const unsigned window = w->cfg.window;
    if (!follows(w, s, h->its_us) || (row->known & needs) != needs)
        s->rows = 0;
    s->look_us = h->its_us;
    s->look_speed = h->speed;
    if ((row->known & needs) != needs)
        return 0;
    ring[s->at] = *row;
    s->at = (uint16_t)((s->at + 1U) % window);
    s->rows = (uint16_t)(s->rows < window ? s->rows + 1U : window);
    for (unsigned i = 0; i < s->rows; i++)
        ret_rows[i] = ring[(s->at + window - s->rows + i) % window];
    return s->rows;
}

void looks_begin_anew(struct looks *w) {
    for (size_t i = 0; i < w->sets * WAYS; i++)
        w->seat[i].rows = 0;
}

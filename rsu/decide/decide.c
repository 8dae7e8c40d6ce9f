#include "rsu/decide/decide.h"

#include "base/clock.h"
#include "base/mem.h"
#include "fedlearn/round/model_eval.h"
#include "mapsvc/fuse/associate.h"
#include "mapsvc/model/ints.h"
#include "v2x/station_state.h"

#include <stdio.h>
#include <stdlib.h>

/* Beside each place of the risk's table. */
struct live {
    struct decide_decision said; /* while the risk is on; before: its ranges alone */
    uint64_t file_us; /* when it is to be said (again) */
};

struct decide {
    struct decide_config cfg;
    char class_name[FL_NAME];
    int32_t x, y; /* of the unit */
    struct looks *looks;
    struct risk *risk;
    struct ground *ground; /* NULL: no map yet */
    struct decide_row site; /* nothing is known at first */
    size_t n_hazards;
    struct decide_hazard hazard[DECIDE_HAZARDS_MAX];
    /* the model */
    struct fl_model *model; /* NULL: none */
    uint8_t hash[32];
    uint64_t version; /* of the ledger */
    bool applied;
    char why_not[WS_ERR_TEXT];
    struct decide_binding binding;
    uint8_t threshold;
    int32_t *hidden;
    /* decisions */
    struct live *live; /* cfg.risk.places */
    uint64_t number;
    size_t n_over, over_at;
    struct decide_decision over[DECIDE_LISTED];
    struct decide_decision *news;
    size_t n_news, cap_news;
    struct decide_state state; /* its counters */
};

const char *decide_outcome_name(enum decide_outcome o) {
    static const char *const names[] = {
#define X(id, name, text) name,
        DECIDE_OUTCOMES(X)
#undef X
    };
    return names[o];
}

const char *decide_end_name(enum decide_end e) {
    static const char *const names[] = {
#define X(id, name) name,
        DECIDE_ENDS(X)
#undef X
    };
    return names[e];
}

struct decide *decide_new(const struct decide_config *cfg) {
    struct decide *d = ws_alloc(sizeof(*d));
    struct looks_config looks = cfg->looks;
    *d = (struct decide){.cfg = *cfg, .live = ws_calloc(cfg->risk.places, sizeof(*d->live))};
    if (cfg->class_name != NULL)
        (void)snprintf(d->class_name, sizeof(d->class_name), "%s", cfg->class_name);
    d->cfg.class_name = NULL;
    (void)frame_from_wgs(&cfg->frame, cfg->lat, cfg->lon, &d->x, &d->y);
    looks.window = looks.window == 0 ? 1 : looks.window;
    d->looks = looks_new(&looks);
    d->risk = risk_new(&cfg->risk);
    return d;
}

static void drop_model(struct decide *d) {
    if (d->model != NULL)
        fl_model_free(d->model);
    free(d->model);
    free(d->hidden);
    d->model = NULL;
    d->hidden = NULL;
    d->applied = false;
}

void decide_free(struct decide *d) {
    if (d == NULL)
        return;
    drop_model(d);
    looks_free(d->looks);
    risk_free(d->risk);
    ground_free(d->ground);
    free(d->live);
    free(d->news);
    free(d);
}

/* ---- decisions ---- */

static void tell(struct decide *d, const struct decide_decision *said) {
    if (d->n_news == d->cap_news) {
        d->cap_news = d->cap_news == 0 ? 16 : 2 * d->cap_news;
        d->news = ws_realloc(d->news, d->cap_news * sizeof(*d->news));
    }
    d->news[d->n_news++] = *said;
}

bool decide_next_news(struct decide *d, struct decide_decision *ret) {
    if (d->n_news == 0)
        return false;
    *ret = d->news[0];
    memmove(d->news, d->news + 1, --d->n_news * sizeof(*d->news));
    return true;
}

/* When somebody drove by is his own matter: to the second it would be found again in what was recorded of his beacons. */
uint64_t decide_minute(uint64_t its_us) {
    const int64_t minute = 60000000;
    return its_from_unix_us(floor_div(its_to_unix_us(its_us), minute) * minute);
}

static void begin(struct decide *d, struct live *l, const struct risk_place *at, uint64_t its_us) {
    struct decide_decision *s = &l->said;
    int32_t x = 0;
    int32_t y = 0;
    risk_middle(&d->cfg.risk, at, &x, &y, &s->heading);
    if (d->ground != NULL)
        ground_on_lane(d->ground, x, y, s->heading, d->cfg.risk.square_mm, &x, &y);
    frame_to_wgs(&d->cfg.frame, x, y, &s->lat, &s->lon);
    s->number = ++d->number;
    s->threshold = d->threshold;
    memcpy(s->class_name, d->model->classes[d->threshold], sizeof(s->class_name));
    s->since_us = decide_minute(its_us);
    s->model_version = d->version;
    memcpy(s->model_hash, d->hash, sizeof(s->model_hash));
    s->needs = d->binding.needs;
    l->file_us = its_us;
    d->state.begun++;
    tell(d, s);
}

static void end(struct decide *d, struct live *l, uint64_t its_us, enum decide_end why) {
    l->said.until_us = decide_minute(its_us);
    l->said.end = why;
    d->over[d->over_at] = l->said;
    d->over_at = (d->over_at + 1) % DECIDE_LISTED;
    d->n_over += d->n_over < DECIDE_LISTED ? 1 : 0;
    d->state.ended++;
    tell(d, &l->said);
    *l = (struct live){0};
}

void decide_tick(struct decide *d, uint64_t its_us) {
    size_t slot = 0;
    while (risk_end(d->risk, its_us, &slot))
        end(d, &d->live[slot], its_us, DECIDE_QUIET);
    for (size_t i = d->n_hazards; i-- > 0;)
        if (d->hazard[i].until_us <= its_us)
            d->hazard[i] = d->hazard[--d->n_hazards];
}

bool decide_next_filing(struct decide *d, uint64_t its_us, struct decide_filing *ret) {
    for (size_t i = 0; i < d->cfg.risk.places; i++) {
        struct live *l = &d->live[i];
        if (!risk_is_on(d->risk, i) || its_us < l->file_us)
            continue;
        l->file_us = its_us + d->cfg.repeat_us;
        *ret = (struct decide_filing){l->said.number, l->said.lat, l->said.lon, l->said.heading};
        return true;
    }
    return false;
}

static struct live *live_of(struct decide *d, uint64_t number) {
    for (size_t i = 0; i < d->cfg.risk.places; i++)
        if (risk_is_on(d->risk, i) && d->live[i].said.number == number)
            return &d->live[i];
    return NULL;
}

/* Of what is over, the newest first. */
static size_t over_at(const struct decide *d, size_t i) {
    return (d->over_at + DECIDE_LISTED - 1 - i) % DECIDE_LISTED;
}

static struct decide_decision *over_of(struct decide *d, uint64_t number) {
    for (size_t i = 0; i < d->n_over; i++)
        if (d->over[over_at(d, i)].number == number)
            return &d->over[over_at(d, i)];
    return NULL;
}

void decide_forget(struct decide *d, uint64_t before_us) {
    while (d->n_over > 0 && d->over[over_at(d, d->n_over - 1)].until_us < before_us)
        d->over[over_at(d, --d->n_over)] = (struct decide_decision){0};
}

void decide_filed(struct decide *d, uint64_t number, const uint8_t tx[static 32]) {
    struct live *l = live_of(d, number);
    struct decide_decision *s = l != NULL ? &l->said : over_of(d, number);
    if (s == NULL)
        return;
    if (s->filings++ == 0) {
        memcpy(s->tx, tx, sizeof(s->tx));
        tell(d, s);
    }
}

void decide_not_filed(struct decide *d, uint64_t number, uint64_t its_us, uint64_t retry_us) {
    struct live *l = live_of(d, number);
    if (l != NULL)
        l->file_us = its_us + retry_us;
}

/* ---- the model ---- */

static bool find_class(
    const struct decide *d, const struct fl_model *m, uint8_t *ret, struct ws_err *err) {
    *ret = (uint8_t)((m->shape.classes + 1) / 2);
    if (d->class_name[0] == '\0')
        return true;
    for (uint8_t i = 0; i < m->shape.classes; i++)
        if (strcmp(m->classes[i], d->class_name) == 0) {
            *ret = i;
            return true;
        }
    char *rest = NULL;
    unsigned long v = strtoul(d->class_name, &rest, 10);
    *ret = (uint8_t)(v < m->shape.classes ? v : 0);
    if (*rest == '\0' && v < m->shape.classes)
        return true;
    (void)ws_fail(err, WS_EINPUT, "class '%s' is none of the model's", d->class_name);
    return false;
}

void decide_model(struct decide *d, struct fl_model *m, const uint8_t hash[static 32],
    uint64_t version, uint64_t its_us, const char *why) {
    struct ws_err err = {0};
    for (size_t i = 0; i < d->cfg.risk.places; i++)
        if (risk_is_on(d->risk, i))
            end(d, &d->live[i], its_us, DECIDE_MODEL_CHANGED);
    risk_forget(d->risk);
    looks_begin_anew(d->looks);
    memset(d->live, 0, d->cfg.risk.places * sizeof(*d->live));
    memset(d->state.judged, 0, sizeof(d->state.judged));
    drop_model(d);
    memcpy(d->hash, hash, sizeof(d->hash));
    d->version = version;
    d->model = m;
    (void)snprintf(d->why_not, sizeof(d->why_not), "%s", why);
    if (m == NULL)
        return;
    d->applied = decide_bind(m, d->cfg.looks.window, &d->binding, &err) == WS_OK &&
                 find_class(d, m, &d->threshold, &err);
    (void)snprintf(d->why_not, sizeof(d->why_not), "%s", err.text);
    d->hidden = m->shape.hidden == 0 ? NULL : ws_calloc(m->shape.hidden, sizeof(*d->hidden));
}

void decide_ground(struct decide *d, struct ground *g) {
    ground_free(d->ground);
    d->ground = g;
}

/* ---- hazards of the ledger ---- */

void decide_hazards(struct decide *d, const struct decide_hazard *list, size_t n) {
    d->n_hazards = n < DECIDE_HAZARDS_MAX ? n : DECIDE_HAZARDS_MAX;
    memcpy(d->hazard, list, d->n_hazards * sizeof(*list));
}

void decide_site(struct decide *d, const struct decide_row *site) {
    d->site = *site;
    d->site.known &= DECIDE_OF_SITE;
}

static size_t hazards_around(const struct decide *d, int32_t x, int32_t y) {
    const int32_t reach = d->cfg.looks.reach_mm;
    size_t n = d->ground == NULL ? 0 : ground_hazards(d->ground, x, y, reach);
    for (size_t i = 0; i < d->n_hazards; i++)
        n += distance2(d->hazard[i].x, d->hazard[i].y, x, y) <= (uint64_t)reach * (uint64_t)reach;
    return n;
}

/* ---- a message ---- */

static void set(struct decide_row *r, enum decide_quantity q, int64_t thousandths) {
    r->known |= 1U << q;
    r->v[q] = (int32_t)(thousandths > INT32_MAX ? INT32_MAX : thousandths);
}

static bool needs(const struct decide *d, enum decide_quantity q) {
    return (d->binding.needs >> q & 1) != 0;
}

/* What the message does not say: from the map, the ledger, the others and the clock, as far as the model asks. */
static void look_around(const struct decide *d, size_t vehicle, const struct decide_heard *h,
    int32_t x, int32_t y, uint16_t heading, struct decide_row *row) {
    int32_t limit = 0;
    if (needs(d, DECIDE_LIMIT) && d->ground != NULL &&
        ground_limit(d->ground, x, y, heading, &limit))
        set(row, DECIDE_LIMIT, limit);
    if (needs(d, DECIDE_DENSITY))
        set(row, DECIDE_DENSITY,
            (int64_t)looks_around(d->looks, vehicle) * 1000 * 1000000 /
                (2 * (int64_t)d->cfg.looks.reach_mm));
    if (needs(d, DECIDE_HAZARDS))
        set(row, DECIDE_HAZARDS, (int64_t)hazards_around(d, x, y) * 1000);
    for (unsigned q = 0; q < DECIDE_QUANTITY_COUNT; q++)
        if ((d->site.known >> q & 1) != 0)
            set(row, (enum decide_quantity)q, d->site.v[q]);
    int64_t s = its_to_unix_us(h->its_us) / 1000000 + (int64_t)d->cfg.utc_offset_min * 60;
    s = (s % 86400 + 86400) % 86400;
    set(row, DECIDE_HOUR, s / 3600 * 1000);
    set(row, DECIDE_TIME, s * 1000 / 3600);
}

static uint8_t judge(struct decide *d, const struct decide_row *rows) {
    double v[FL_MAX_INPUTS];
    int32_t x[FL_MAX_INPUTS];
    int64_t out[FL_MAX_CLASSES];
    decide_inputs(&d->binding, rows, v);
    for (size_t i = 0; i < d->binding.inputs; i++)
        x[i] = fl_normalise(&d->model->norm[i], v[i]);
    return fl_predict(&d->model->shape, d->model->params, x, d->hidden, out);
}

static void widen(struct decide_decision *s, const struct decide_row *r, bool first) {
    for (unsigned q = 0; q < DECIDE_QUANTITY_COUNT; q++) {
        if ((r->known >> q & 1) == 0)
            continue;
        int32_t least = 0;
        int32_t most = 0;
        decide_quantity_step((enum decide_quantity)q, r->v[q], &least, &most);
        s->least[q] = first || least < s->least[q] ? least : s->least[q];
        s->greatest[q] = first || most > s->greatest[q] ? most : s->greatest[q];
    }
}

static enum decide_outcome note(struct decide *d, const struct decide_heard *h,
    const struct risk_place *at, const struct decide_row *row, uint8_t class) {
    enum risk_turn turn;
    size_t slot = 0;
    uint32_t risky = 0;
    uint32_t all = 0;
    const bool counts = class >= d->threshold;
    d->state.judged[class]++;
    if (risk_note(d->risk, at, h->vehicle, counts, h->its_us, &slot, &turn) == RISK_NO_PLACE)
        return DECIDE_NO_PLACE;
    struct live *l = &d->live[slot];
    risk_count(d->risk, slot, h->its_us, &risky, &all);
    if (!counts)
        return DECIDE_JUDGED;
    const bool first = risky <= 1 && (turn == RISK_BEGINS || !risk_is_on(d->risk, slot));
    if (first)
        *l = (struct live){0};
    widen(&l->said, row, first);
    l->said.class = class > l->said.class ? class : l->said.class;
    if (risky > l->said.vehicles) {
        l->said.vehicles = risky;
        l->said.judged = all;
    }
    if (turn == RISK_BEGINS)
        begin(d, l, at, h->its_us);
    return DECIDE_JUDGED;
}

/* 0.1 degree clockwise from north to 1/65536 turn counter-clockwise from east. */
static uint16_t heading_from_compass(uint16_t compass) {
    return (uint16_t)((uint32_t)((4500 - compass) % 3600) * 65536U / 3600U);
}

static enum decide_outcome hear(struct decide *d, const struct decide_heard *h) {
    struct decide_row rows[DECIDE_WINDOW_MAX];
    struct decide_row row;
    int32_t x = 0;
    int32_t y = 0;
    int32_t mx = 0;
    int32_t my = 0;
    uint16_t middle_heading = 0;
    size_t vehicle = 0;
    if (!d->applied)
        return DECIDE_NO_MODEL;
    if (!frame_from_wgs(&d->cfg.frame, h->lat, h->lon, &x, &y))
        return DECIDE_FAR;
    if (h->heading >= 3600)
        return DECIDE_UNKNOWN;
    const uint16_t heading = heading_from_compass(h->heading);
    const struct risk_place at = risk_place_of(&d->cfg.risk, x, y, heading);
    risk_middle(&d->cfg.risk, &at, &mx, &my, &middle_heading);
    /* The place that is said may be a square's side from its middle. */
    const uint64_t most = (uint64_t)(d->cfg.range_mm - d->cfg.risk.square_mm);
    if (distance2(mx, my, d->x, d->y) > most * most)
        return DECIDE_FAR;
    switch (looks_hear(d->looks, h, x, y, &vehicle)) {
    case LOOKS_TOO_SOON:
        return DECIDE_TOO_SOON;
    case LOOKS_LATE:
        return DECIDE_LATE;
    case LOOKS_FULL:
        return DECIDE_TABLE_FULL;
    case LOOKS_DUE:
        break;
    }
    looks_read(d->looks, vehicle, h, &row);
    look_around(d, vehicle, h, x, y, heading, &row);
    size_t n = looks_take(d->looks, vehicle, h, &row, d->binding.needs, rows);
    if (n == 0)
        return DECIDE_UNKNOWN;
    if (n < d->binding.window)
        return DECIDE_WINDOW;
    return note(d, h, &at, &row, judge(d, rows + n - d->binding.window));
}

enum decide_outcome decide_hear(struct decide *d, const struct decide_heard *h) {
    enum decide_outcome o = hear(d, h);
    d->state.outcome[o]++;
    return o;
}

/* ---- for who asks ---- */

size_t decide_list(const struct decide *d, struct decide_decision *ret, size_t max) {
    size_t n = 0;
    for (uint64_t before = UINT64_MAX; n < max;) {
        const struct decide_decision *best = NULL;
        for (size_t i = 0; i < d->cfg.risk.places; i++) {
            const struct decide_decision *s = &d->live[i].said;
            if (risk_is_on(d->risk, i) && s->number < before &&
                (best == NULL || s->number > best->number))
                best = s;
        }
        if (best == NULL)
            break;
        before = best->number;
        ret[n++] = *best;
    }
    for (size_t i = 0; i < d->n_over && n < max; i++)
        ret[n++] = d->over[over_at(d, i)];
    return n;
}

void decide_read(const struct decide *d, struct decide_state *ret) {
    *ret = d->state;
    ret->applied = d->applied;
    ret->model_version = d->version;
    memcpy(ret->model_hash, d->hash, sizeof(ret->model_hash));
    memcpy(ret->why_not, d->why_not, sizeof(ret->why_not));
    ret->vehicles = looks_used(d->looks);
    ret->places = risk_used(d->risk);
    if (d->model == NULL)
        return;
    ret->classes = (uint8_t)d->model->shape.classes;
    if (!d->applied)
        return;
    ret->threshold = d->threshold;
    memcpy(ret->class_name, d->model->classes[d->threshold], sizeof(ret->class_name));
}

#include "base/assert.h"
#include "base/mem.h"
#include "pktio/message.h"
#include "pktio/plausibility_parts.h"
#include "v2x/bsm.h"
#include "v2x/facility.h"
#include "v2x/gn.h"
#include "v2x/psid.h"

#include <stdlib.h>

enum {
    WAYS = 8,
    KEY = 16, /* octets of the certificate's hash */
    GN_SINGLE_HOP = 0x50, /* header type 5, any subtype */
    CLOCK_MS = 1000,
    INTERVAL_US =
        40000, /* CAM and BSM come every 100 ms at most; receivers' queues and clocks play */
};
#define IN_USE_US UINT64_C(10000000) /* a name is still in use so long after it was heard */

struct track {
    uint64_t heard_us; /* 0: free; time of the latest message */
    uint8_t signer[KEY];
    struct motion motion;
    uint64_t beacon_us; /* of the latest beacon */
    uint32_t station_id;
    bool has_station, has_address, has_link;
    uint64_t address, link;
};

/* Who speaks under a station id. */
struct name {
    uint64_t heard_us; /* 0: free */
    uint32_t station_id;
    uint8_t signer[KEY];
    bool named; /* the id is made from the signer's certificate, so it is his */
    uint64_t other_us; /* when the one before him was heard under it last */
    uint8_t other[KEY];
};

struct plausibility_tracks {
    struct plausibility_config cfg;
    size_t set_mask;
    struct track *track;
    struct name *name;
    struct plausibility_counters n;
};

/* ---- words ---- */

const char *plausibility_flag_name(enum plausibility_flag f) {
    static const char *const names[] = {
#define X(id, name, text) name,
        PLAUSIBILITY_FLAGS(X)
#undef X
    };
    return names[f];
}

const char *plausibility_flag_text(enum plausibility_flag f) {
    static const char *const texts[] = {
#define X(id, name, text) text,
        PLAUSIBILITY_FLAGS(X)
#undef X
    };
    return texts[f];
}

void plausibility_print(const struct plausibility *p, struct buf *b) {
    if (p->flags == 0) {
        buf_printf(b, p->judged == 0 ? "unjudged" : "clean");
        return;
    }
    const char *space = "";
    for (int f = 0; f < PLAUSIBILITY_FLAG_COUNT; f++) {
        if ((p->flags >> f & 1) == 0)
            continue;
        buf_printf(b, "%s%s", space, plausibility_flag_name((enum plausibility_flag)f));
        if (p->over[f] > 0)
            buf_printf(b, "(%u)", p->over[f]);
        space = " ";
    }
}

/* ---- reading ---- */

static void take_state(struct plausibility_sample *s, const struct station_state *st) {
    s->station_type = st->station_type;
    s->has_position = st->has_position;
    s->lat = st->lat;
    s->lon = st->lon;
    s->radius_cm = st->semi_major_cm;
    s->speed = st->speed;
    s->heading = st->heading;
    s->speed_confidence = st->speed_confidence;
    s->heading_confidence = st->heading_confidence;
    s->accel_long = st->accel_long;
    s->accel_lat = st->accel_lat;
    s->yaw_rate = st->yaw_rate;
}

static void read_its(struct plausibility_sample *s, struct span app) {
    struct its_pdu p;
    if (its_pdu_read(app, &p) != ITS_PDU_OK)
        return;
    s->has_station = true;
    s->station_id = p.station_id;
    if (p.kind == ITS_DENM) {
        /* The event's place is not the sender's. */
        s->has_action = true;
        s->foreign_action = p.action_station != p.station_id && !p.terminated;
        return;
    }
    if (p.kind != ITS_CAM)
        return;
    take_state(s, &p.state);
    s->beacon = true;
    s->forward = p.state.direction == 0;
    /* The content counts milliseconds, of which 65,536 make a turn. */
    s->has_clock = true;
    s->clock_ms = (int16_t)(uint16_t)(s->time_us / 1000 - p.generation_delta_ms);
    if (s->clock_ms > -CLOCK_MS && s->clock_ms < CLOCK_MS)
        s->position_time_us = (uint64_t)((int64_t)s->time_us - (int64_t)s->clock_ms * 1000);
}

static void read_bsm(struct plausibility_sample *s, struct span app) {
    struct bsm b;
    if (bsm_read(app, &b) != BSM_OK)
        return;
    take_state(s, &b.state);
    s->beacon = true;
    s->has_station = true;
    s->station_id = b.temporary_id;
    s->forward = b.transmission == 2;
}

void plausibility_read(const struct pkt_message *m, struct plausibility_sample *ret_sample) {
    struct plausibility_sample *s = ret_sample;
    *s = (struct plausibility_sample){.time_us = m->generation_time,
        .position_time_us = m->generation_time,
        .radius_cm = STATION_AXIS_UNAVAILABLE,
        .speed = STATION_SPEED_UNAVAILABLE,
        .heading = STATION_HEADING_UNAVAILABLE,
        .speed_confidence = STATION_CONFIDENCE_UNAVAILABLE,
        .heading_confidence = STATION_CONFIDENCE_UNAVAILABLE,
        .accel_long = STATION_UNAVAILABLE,
        .accel_lat = STATION_UNAVAILABLE,
        .yaw_rate = STATION_UNAVAILABLE,
        .has_position = m->has_location && m->lat != STATION_LAT_UNAVAILABLE &&
                        m->lon != STATION_LON_UNAVAILABLE,
        .lat = m->lat,
        .lon = m->lon};
    memcpy(s->signer, m->cert_hash, sizeof(s->signer));
    struct spdu spdu;
    struct gn_pdu gn;
    size_t at = 0;
    uint16_t port = 0;
    if (spdu_parse(m->spdu, &spdu, &at) != COER_OK)
        return;
    struct span app = spdu_app_payload(&spdu, &port);
    s->link = m->source;
    s->direct = m->carrier == CARRIER_WSMP;
    /* Framing was stripped, so it is there. */
    if (app.p != spdu.payload.p && gn_read(spdu.payload, &gn) == GN_OK) {
        s->has_address = true;
        s->address = gn.address;
        s->direct = (gn.header_type & 0xf0) == GN_SINGLE_HOP;
    }
    if (m->psid == PSID_CAM || m->psid == PSID_DENM)
        read_its(s, app);
    else if (m->psid == PSID_BSM)
        read_bsm(s, app);
}

/* ---- tables ---- */

struct plausibility_tracks *plausibility_new(const struct plausibility_config *cfg) {
    WS_ASSERT(cfg->tracks >= WAYS && (cfg->tracks & (cfg->tracks - 1)) == 0);
    struct plausibility_tracks *t = ws_alloc(sizeof(*t));
    t->cfg = *cfg;
    t->set_mask = cfg->tracks / WAYS - 1;
    t->track = ws_calloc(cfg->tracks, sizeof(*t->track));
    t->name = ws_calloc(cfg->tracks, sizeof(*t->name));
    t->n.tracks = cfg->tracks;
    return t;
}

void plausibility_free(struct plausibility_tracks *t) {
    if (t == NULL)
        return;
    free(t->track);
    free(t->name);
    free(t);
}

static size_t set_of(const struct plausibility_tracks *t, uint64_t key) {
    uint64_t mixed = (key ^ t->cfg.salt) * (t->cfg.salt << 1 ^ 0x9e3779b97f4a7c15U);
    return ((size_t)(mixed >> 32) & t->set_mask) * WAYS;
}

static struct track *track_of(
    struct plausibility_tracks *t, const uint8_t *signer, uint64_t time_us) {
    struct track *set = &t->track[set_of(t, be64(signer))];
    struct track *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].heard_us != 0 && memcmp(set[i].signer, signer, KEY) == 0)
            return &set[i];
        if (set[i].heard_us < oldest->heard_us)
            oldest = &set[i];
    }
    if (oldest->heard_us == 0)
        t->n.used++;
    else if (oldest->heard_us + IN_USE_US > time_us)
        t->n.forgotten++;
    *oldest = (struct track){0};
    memcpy(oldest->signer, signer, KEY);
    return oldest;
}

static struct name *name_of(struct plausibility_tracks *t, uint32_t station_id) {
    struct name *set = &t->name[set_of(t, station_id)];
    struct name *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].heard_us != 0 && set[i].station_id == station_id)
            return &set[i];
        if (set[i].heard_us < oldest->heard_us)
            oldest = &set[i];
    }
    *oldest = (struct name){.station_id = station_id};
    return oldest;
}

/* ---- names ---- */

static void yes_or_no(struct plausibility *p, enum plausibility_flag f, bool yes) {
    p->judged |= (uint16_t)(1U << f);
    if (yes)
        p->flags |= (uint16_t)(1U << f);
}

static bool recent(uint64_t heard_us, uint64_t now_us) {
    return heard_us != 0 && heard_us + IN_USE_US >= now_us;
}

static void own(struct name *n, const struct plausibility_sample *s) {
    if (n->heard_us != 0 && memcmp(n->signer, s->signer, KEY) != 0) {
        memcpy(n->other, n->signer, KEY);
        n->other_us = n->heard_us;
    }
    memcpy(n->signer, s->signer, KEY);
    /* Production vehicles take the last octets of their ticket's HashedId8. */
    n->named = be32(s->signer + 28) == s->station_id;
    if (s->time_us > n->heard_us)
        n->heard_us = s->time_us;
}

/* A vehicle may keep its id over a change of tickets, so one that follows another is no thief; one that comes back
 * after the other is, and so is whoever uses an id that is made from another's certificate. */
static void judge_name(
    struct plausibility_tracks *t, const struct plausibility_sample *s, struct plausibility *p) {
    struct name *n = name_of(t, s->station_id);
    bool mine = memcmp(n->signer, s->signer, KEY) == 0;
    bool in_use = recent(n->heard_us, s->time_us);
    bool by_right = be32(s->signer + 28) == s->station_id;
    bool taken =
        in_use && !mine && !by_right &&
        (n->named || (recent(n->other_us, s->time_us) && memcmp(n->other, s->signer, KEY) == 0));
    yes_or_no(p, IMPLAUSIBLE_STATION_TAKEN, taken);
    if (!(taken && n->named))
        own(n, s);
}

static void judge_identifiers(
    struct track *k, const struct plausibility_sample *s, struct plausibility *p) {
    if (s->has_station) {
        if (k->has_station)
            yes_or_no(p, IMPLAUSIBLE_STATION_CHANGED, k->station_id != s->station_id);
        k->has_station = true;
        k->station_id = s->station_id;
    }
    if (s->has_address) {
        if (k->has_address)
            yes_or_no(p, IMPLAUSIBLE_ADDRESS_CHANGED, k->address != s->address);
        k->has_address = true;
        k->address = s->address;
    }
    if (s->direct && s->link != 0) {
        if (k->has_link)
            yes_or_no(p, IMPLAUSIBLE_TRANSMITTER, k->link != s->link);
        k->has_link = true;
        k->link = s->link;
    }
    if (s->has_action)
        yes_or_no(p, IMPLAUSIBLE_FOREIGN_EVENT, s->foreign_action);
}

/* ---- the whole ---- */

static void judge_times(
    struct track *k, const struct plausibility_sample *s, struct plausibility *p) {
    if (s->has_clock)
        yes_or_no(p, IMPLAUSIBLE_CLOCK, s->clock_ms <= -CLOCK_MS || s->clock_ms >= CLOCK_MS);
    if (!s->beacon)
        return;
    if (k->beacon_us != 0)
        yes_or_no(p, IMPLAUSIBLE_INTERVAL,
            s->time_us > k->beacon_us && s->time_us - k->beacon_us < INTERVAL_US);
    if (s->time_us > k->beacon_us)
        k->beacon_us = s->time_us;
}

static void judge_reach(const struct plausibility_config *cfg, const struct plausibility_sample *s,
    struct plausibility *p) {
    /* What was forwarded may come from far beyond. */
    if (!cfg->has_place || !s->direct)
        return;
    uint64_t d = offset_length(place_offset(cfg->lat, cfg->lon, s->lat, s->lon));
    plausibility_hold(
        p, IMPLAUSIBLE_REACH, d, (uint64_t)cfg->reach_m * 100 + motion_point(s).radius_cm);
}

static void count(struct plausibility_counters *n, const struct plausibility *p) {
    if (p->judged == 0)
        n->unjudged++;
    else
        n->judged++;
    if (p->judged != 0 && p->flags == 0)
        n->clean++;
    for (int f = 0; f < PLAUSIBILITY_FLAG_COUNT; f++)
        n->flag[f] += p->flags >> f & 1;
}

void plausibility_judge(struct plausibility_tracks *t, const struct plausibility_sample *s,
    struct plausibility *ret_plausibility) {
    struct plausibility *p = ret_plausibility;
    *p = (struct plausibility){0};
    struct track *k = track_of(t, s->signer, s->time_us);
    judge_times(k, s, p);
    judge_identifiers(k, s, p);
    if (s->has_station)
        judge_name(t, s, p);
    if (s->has_position) {
        motion_judge(&k->motion, s, p);
        judge_reach(&t->cfg, s, p);
    }
    if (s->time_us > k->heard_us)
        k->heard_us = s->time_us;
    count(&t->n, p);
}

struct plausibility_counters plausibility_counters(const struct plausibility_tracks *t) {
    return t->n;
}

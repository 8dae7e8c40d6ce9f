/* Decentralized environmental notification message: management, situation, location and a-la-carte container. */
#include "v2x/its_pdu.h"

#define TIMESTAMP_MAX 4398046511103 /* 42 bits of milliseconds since 2004 */

enum {
    VALIDITY_MAX = 86400,
    VALIDITY_DEFAULT = 600,
    INTERVAL_MAX = 10000,
    HAS_SITUATION = 0x4,
    HAS_LOCATION = 0x2,
    HAS_ALACARTE = 0x1,
    TRACES_MAX = 7,
    HEADING_UNAVAILABLE = 3601,
    SPEED_UNAVAILABLE = 16383,
    CONFIDENCE_UNAVAILABLE = 127,
    NOT_SAID = 255,
    HAS_TERMINATION = 0x10,
    HAS_DISTANCE = 0x08,
    HAS_DIRECTION = 0x04,
    HAS_VALIDITY = 0x02,
    HAS_INTERVAL = 0x01
};

static void read_management(struct uper *r, struct its_pdu *pdu) {
    bool extended = uper_flag(r);
    unsigned present = (unsigned)uper_bits(r, 5);
    pdu->action_station = (uint32_t)uper_bits(r, 32);
    pdu->action_sequence = (uint16_t)uper_bits(r, 16);
    pdu->detection_time_ms = uper_bits(r, 42);
    pdu->reference_time_ms = uper_bits(r, 42);
    pdu->terminated = (present & HAS_TERMINATION) != 0;
    if (pdu->terminated)
        (void)uper_bits(r, 1); /* cancelled by its originator, or negated by another station */
    its_read_position(r, &pdu->state);
    pdu->has_relevance_distance = (present & HAS_DISTANCE) != 0;
    if (pdu->has_relevance_distance)
        pdu->relevance_distance = (uint8_t)uper_bits(r, 3);
    pdu->has_relevance_direction = (present & HAS_DIRECTION) != 0;
    if (pdu->has_relevance_direction)
        pdu->relevance_direction = (uint8_t)uper_bits(r, 2);
    pdu->validity_s = VALIDITY_DEFAULT;
    if ((present & HAS_VALIDITY) != 0)
        pdu->validity_s = (uint32_t)uper_int(r, 0, VALIDITY_MAX);
    if ((present & HAS_INTERVAL) != 0)
        (void)uper_int(r, 1, INTERVAL_MAX);
    pdu->state.station_type = (uint8_t)uper_bits(r, 8);
    if (extended)
        uper_skip_additions(r);
}

static void read_situation(struct uper *r, struct its_pdu *pdu) {
    bool extended = uper_flag(r);
    bool has_linked = uper_flag(r);
    bool has_history = uper_flag(r);
    pdu->has_event = true;
    pdu->quality = (uint8_t)uper_bits(r, 3);
    its_read_cause(r, pdu->protocol_version, &pdu->cause, &pdu->sub_cause);
    if (has_linked)
        its_read_cause(r, pdu->protocol_version, &pdu->linked_cause, &pdu->linked_sub_cause);
    if (has_history) {
        pdu->n_history = (uint8_t)uper_int(r, 1, ITS_HISTORY_MAX);
        for (unsigned i = 0; i < pdu->n_history && r->fail == UPER_OK; i++) {
            pdu->history[i] = its_read_path_point(r);
            (void)uper_bits(r, 3); /* quality of the point */
        }
    }
    if (extended)
        uper_skip_additions(r);
}

static void read_location(struct uper *r, struct its_pdu *pdu) {
    struct station_state *s = &pdu->state;
    bool extended = uper_flag(r);
    bool has_speed = uper_flag(r);
    bool has_heading = uper_flag(r);
    bool has_road_type = uper_flag(r);
    pdu->has_location = true;
    if (has_speed) {
        s->speed = (uint16_t)uper_int(r, 0, SPEED_UNAVAILABLE);
        s->speed_confidence = (uint8_t)uper_int(r, 1, CONFIDENCE_UNAVAILABLE);
    }
    if (has_heading) {
        s->heading = (uint16_t)uper_int(r, 0, HEADING_UNAVAILABLE);
        s->heading_confidence = (uint8_t)uper_int(r, 1, CONFIDENCE_UNAVAILABLE);
    }
    pdu->n_traces = (uint8_t)uper_int(r, 1, TRACES_MAX);
    for (unsigned i = 0; i < pdu->n_traces && r->fail == UPER_OK; i++)
        its_read_path(r, i == 0 ? s : NULL);
    if (has_road_type)
        (void)uper_bits(r, 2);
    if (extended)
        uper_skip_additions(r);
}

/* ImpactReductionContainer: of no use here, but others stand behind it. */
static void skip_impact(struct uper *r) {
    uper_skip(r, 2 * 7 + 2 * 7); /* carriers: height and position, left and right */
    if (uper_flag(r)) { /* more than three pillars: the count is a length of its own */
        uper_skip(r, uper_open_type(r) * 5);
    } else {
        uper_skip(r, (size_t)uper_int(r, 1, 3) * 5);
    }
    uper_skip(r, 6 + 7 + 8 + 5 + 20 + 10 + 1); /* centre of mass to request or response */
}

/* ClosedLanes. The first dictionary has one hard shoulder and always the lanes, up to 14 of them. */
static void skip_closed_lanes(struct uper *r, bool first) {
    bool extended = uper_flag(r);
    unsigned present = first ? (unsigned)uper_bits(r, 1) << 2 | 1 : (unsigned)uper_bits(r, 3);
    uper_skip(r, (present & 4) != 0 ? 2 : 0);
    uper_skip(r, (present & 2) != 0 ? 2 : 0);
    if ((present & 1) != 0)
        uper_skip(r, (size_t)uper_int(r, 1, first ? 14 : 13));
    if (extended)
        uper_skip_additions(r);
}

static void read_roadworks(struct uper *r, struct its_pdu *pdu) {
    unsigned present = (unsigned)uper_bits(r, 9);
    uint8_t cause;
    uint8_t sub_cause;
    pdu->has_roadworks = true;
    uper_skip(r, (present & 0x100) != 0 ? 2 : 0); /* light bar, siren */
    if ((present & 0x080) != 0)
        skip_closed_lanes(r, pdu->protocol_version == ITS_VERSION_1);
    if ((present & 0x040) != 0) /* vehicles kept out */
        uper_skip(r, (uper_flag(r) ? uper_open_type(r) : (size_t)uper_int(r, 1, 3)) * 8);
    if ((present & 0x020) != 0)
        pdu->speed_limit_kmh = (uint8_t)uper_int(r, 1, 255);
    if ((present & 0x010) != 0)
        its_read_cause(r, pdu->protocol_version, &cause, &sub_cause);
    if ((present & 0x008) != 0) /* recommended path: whole positions */
        uper_skip(r, (size_t)uper_int(r, 1, 40) * (31 + 32 + 3 * 12 + 20 + 4));
    uper_skip(r, (present & 0x004) != 0 ? 18 + 18 + 15 : 0);
    if ((present & 0x002) != 0)
        uper_skip(r, uper_flag(r) ? 7 : 2);
    if ((present & 0x001) != 0)
        uper_skip(r, (uper_flag(r) ? uper_open_type(r) : (size_t)uper_int(r, 1, 8)) * 48);
}

static void read_alacarte(struct uper *r, struct its_pdu *pdu) {
    (void)uper_flag(r); /* additions stand behind */
    unsigned present = (unsigned)uper_bits(r, 6);
    pdu->has_alacarte = true;
    if ((present & 0x20) != 0) {
        pdu->has_lane = true;
        pdu->lane = (int8_t)uper_int(r, -1, 14);
    }
    if ((present & 0x10) != 0)
        skip_impact(r);
    uper_skip(r, (present & 0x08) != 0 ? 7 : 0); /* temperature */
    if ((present & 0x04) != 0)
        read_roadworks(r, pdu);
    if ((present & 0x02) != 0) /* how the position was found */
        uper_skip(r, uper_flag(r) ? 7 : 3);
    if ((present & 0x01) != 0) {
        unsigned members = (unsigned)uper_bits(r, 6);
        pdu->has_stationary = true;
        pdu->stationary_since = (members & 0x20) != 0 ? (uint8_t)uper_bits(r, 2) : NOT_SAID;
    }
}

void denm_read(struct uper *r, struct its_pdu *pdu) {
    pdu->kind = ITS_DENM;
    unsigned present = (unsigned)uper_bits(r, 3);
    read_management(r, pdu);
    if ((present & HAS_SITUATION) != 0)
        read_situation(r, pdu);
    if ((present & HAS_LOCATION) != 0)
        read_location(r, pdu);
    if ((present & HAS_ALACARTE) != 0)
        read_alacarte(r, pdu);
}

void denm_put(struct buf *b, const struct denm_fields *f) {
    struct uper_out w = {.b = b};
    its_put_header(&w, ITS_MESSAGE_DENM, f->station_id);
    /* A termination names the event and carries nothing else. */
    bool has_location = f->has_location && !f->terminate;
    uper_put_bits(&w, 3, (f->terminate ? 0U : HAS_SITUATION) | (has_location ? HAS_LOCATION : 0U));
    uper_put_bits(&w, 1, 0);
    uper_put_bits(&w, 5,
        (f->terminate ? HAS_TERMINATION : 0U) |
            (f->has_relevance ? HAS_DISTANCE | HAS_DIRECTION : 0U) | HAS_VALIDITY);
    uper_put_bits(&w, 32, f->action_station);
    uper_put_bits(&w, 16, f->action_sequence);
    uper_put_int(&w, 0, TIMESTAMP_MAX, (int64_t)f->detection_time_ms);
    uper_put_int(&w, 0, TIMESTAMP_MAX, (int64_t)f->reference_time_ms);
    if (f->terminate)
        uper_put_bits(&w, 1, f->action_station == f->station_id ? 0 : 1);
    its_put_position(&w, f->lat, f->lon);
    if (f->has_relevance) {
        uper_put_bits(&w, 3, f->relevance_distance);
        uper_put_bits(&w, 2, f->relevance_direction);
    }
    uper_put_int(&w, 0, VALIDITY_MAX, f->validity_s);
    uper_put_bits(&w, 8, f->station_type);
    if (!f->terminate) {
        uper_put_bits(&w, 3, 0);
        uper_put_bits(&w, 3, f->quality);
        uper_put_bits(&w, 1, 0);
        uper_put_bits(&w, 8, f->cause);
        uper_put_bits(&w, 8, f->sub_cause);
    }
    if (has_location) {
        uper_put_bits(&w, 4, 0x6); /* speed and heading, no road type */
        uper_put_int(&w, 0, SPEED_UNAVAILABLE, f->speed);
        uper_put_int(&w, 1, CONFIDENCE_UNAVAILABLE, CONFIDENCE_UNAVAILABLE);
        uper_put_int(&w, 0, HEADING_UNAVAILABLE, f->heading);
        uper_put_int(&w, 1, CONFIDENCE_UNAVAILABLE, CONFIDENCE_UNAVAILABLE);
        uper_put_int(&w, 1, TRACES_MAX, 1);
        uper_put_int(&w, 0, STATION_PATH_MAX, 0);
    }
    uper_put_end(&w);
}

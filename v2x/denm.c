/* Decentralized environmental notification message: management container, cause of the situation
 * container. Location and a-la-carte containers follow and are not looked at. */
#include "v2x/its_pdu.h"

#define TIMESTAMP_MAX 4398046511103 /* 42 bits of milliseconds since 2004 */

enum {
    VALIDITY_MAX = 86400,
    VALIDITY_DEFAULT = 600,
    INTERVAL_MAX = 10000,
    HAS_SITUATION = 0x4,
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
    its_read_position(r, pdu);
    if ((present & HAS_DISTANCE) != 0)
        (void)uper_bits(r, 3);
    if ((present & HAS_DIRECTION) != 0)
        (void)uper_bits(r, 2);
    pdu->validity_s = VALIDITY_DEFAULT;
    if ((present & HAS_VALIDITY) != 0)
        pdu->validity_s = (uint32_t)uper_int(r, 0, VALIDITY_MAX);
    if ((present & HAS_INTERVAL) != 0)
        (void)uper_int(r, 1, INTERVAL_MAX);
    pdu->station_type = (uint8_t)uper_bits(r, 8);
    if (extended)
        uper_skip_additions(r);
}

static void read_situation(struct uper *r, struct its_pdu *pdu) {
    (void)uper_bits(r, 3); /* extension, linked cause, event history: all behind */
    (void)uper_bits(r, 3); /* information quality */
    /* CauseCode got its extension marker with the second dictionary. Additions would stand behind. */
    if (pdu->protocol_version != ITS_VERSION_1)
        (void)uper_flag(r);
    pdu->has_event = true;
    pdu->cause = (uint8_t)uper_bits(r, 8);
    pdu->sub_cause = (uint8_t)uper_bits(r, 8);
}

void denm_read(struct uper *r, struct its_pdu *pdu) {
    pdu->kind = ITS_DENM;
    unsigned present = (unsigned)uper_bits(r, 3);
    read_management(r, pdu);
    if ((present & HAS_SITUATION) != 0)
        read_situation(r, pdu);
}

void denm_put(struct buf *b, const struct denm_fields *f) {
    struct uper_out w = {.b = b};
    its_put_header(&w, ITS_MESSAGE_DENM, f->station_id);
    /* A termination names the event and carries nothing else. */
    uper_put_bits(&w, 3, f->terminate ? 0 : HAS_SITUATION);
    uper_put_bits(&w, 1, 0);
    uper_put_bits(&w, 5, (f->terminate ? HAS_TERMINATION : 0) | HAS_VALIDITY);
    uper_put_bits(&w, 32, f->action_station);
    uper_put_bits(&w, 16, f->action_sequence);
    uper_put_int(&w, 0, TIMESTAMP_MAX, (int64_t)f->detection_time_ms);
    uper_put_int(&w, 0, TIMESTAMP_MAX, (int64_t)f->reference_time_ms);
    if (f->terminate)
        uper_put_bits(&w, 1, f->action_station == f->station_id ? 0 : 1);
    its_put_position(&w, f->lat, f->lon);
    uper_put_int(&w, 0, VALIDITY_MAX, f->validity_s);
    uper_put_bits(&w, 8, f->station_type);
    if (!f->terminate) {
        uper_put_bits(&w, 3, 0);
        uper_put_bits(&w, 3, f->quality);
        uper_put_bits(&w, 1, 0);
        uper_put_bits(&w, 8, f->cause);
        uper_put_bits(&w, 8, f->sub_cause);
    }
    uper_put_end(&w);
}

/* The vehicle's part of an upload as a state machine: time and datagrams come in, datagrams come out (upload.h). It asks a unit, learns
 * what is there, sends what is missing at the pace that the way bears, and ends with a receipt, with a named reason that the unit
 * gave under its key, or when its time is over. What the unit has is only ever what the unit says, so it goes on where it was
 * after loss, after a restart of the unit and behind another unit. A piece that is sent again is the same octets.
 *
 *   fl_upload_begin -> { fl_upload_hear, fl_upload_next until 0, sleep until fl_upload_when } ... until fl_upload_state is no longer
 *   FL_UPLOAD_GOING -> fl_upload_end
 *
 * The struct is the caller's and all the memory there is (about 6 kB). What is lent stays lent until the end. One thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_UPLOAD_SEND_H
#define WAYSIDE_FEDLEARN_VEHICLE_UPLOAD_SEND_H

#include "base/clock.h"
#include "fedlearn/vehicle/upload.h"

struct fl_upload_parcel {
    const struct fl_round *round; /* lent */
    uint64_t number; /* of the round */
    const uint8_t *id; /* 32 octets, copied */
    const struct fl_upload_pair *key; /* whose public half is in the signed message; copied */
    struct fl_material material; /* its octets are lent */
    uint64_t give_up_us; /* monotonic */
    uint32_t octets_per_s; /* never more; 0: what the way bears */
};

enum fl_upload_state { FL_UPLOAD_GOING, FL_UPLOAD_DONE, FL_UPLOAD_FAILED };

struct fl_upload_counters {
    uint64_t asks, probes, parts;
    uint64_t again; /* parts sent before */
    uint64_t ignored; /* datagrams heard that are none for us, or not what they claim to be */
};

struct fl_upload {
    struct fl_upload_parcel parcel;
    struct fl_upload_shape shape;
    struct fl_upload_pair key;
    uint8_t id[32], name[32];
    enum fl_upload_state state;
    enum fl_upload_reason reason; /* the last one heard */
    struct fl_receipt receipt;
    struct fl_upload_counters counters;
    uint32_t pieces;

    /* asking */
    bool asking;
    uint64_t nonce, ask_at_us;
    unsigned tries;

    /* the unit that welcomed us last */
    uint8_t unit[32];
    struct fl_upload_keys keys;
    uint64_t heard_number; /* the highest number in what it sealed */

    /* what it has, and what is on its way: places [first, first + FL_UPLOAD_WINDOW], piece i at i modulo their number */
    uint32_t first;
    uint8_t bits[FL_UPLOAD_WINDOW / 8];
    uint32_t sent[FL_UPLOAD_WINDOW +
                  1]; /* which of all sendings was the last of this piece; 0: none that counts */
    uint32_t next; /* no piece before it waits to be sent */
    uint32_t ever; /* pieces below it have been sent once */
    uint32_t sendings, on_way;
    uint32_t seen; /* the latest sending that arrived */
    uint32_t window, threshold, grown, recover; /* pieces on the way; sendings */
    uint64_t round_trip_us, timed_us;
    uint32_t timed; /* sending; 0: none */
    uint64_t quiet_us, send_at_us; /* nothing useful since; earliest next part */
    uint64_t probe; /* number of the last one */
    uint32_t probed; /* sendings before it */
    bool probe_now;
    unsigned unanswered;
};

/* The lengths of the material are those of the round (asserted: none is zero, none above its format's bound). */
void fl_upload_begin(struct fl_upload *u, const struct fl_upload_parcel *parcel, struct ws_now now);
/* Another unit answers from now on (or the same at another address). */
void fl_upload_change(struct fl_upload *u, struct ws_now now);
void fl_upload_hear(struct fl_upload *u, struct span datagram, struct ws_now now);
/* A datagram that is due: its octets (at most FL_UPLOAD_DATAGRAM_MAX), 0: none is. random: of the nonces of asking. */
size_t fl_upload_next(struct fl_upload *u, struct ws_now now, struct ws_random *random,
    uint8_t ret_octets[static FL_UPLOAD_DATAGRAM_MAX]);
/* When fl_upload_next is worth a call, if nothing is heard before. */
uint64_t fl_upload_when(const struct fl_upload *u);
/* Why it failed, or what it waits for: a reason's name, or "no_answer". */
const char *fl_upload_why(const struct fl_upload *u);
void fl_upload_end(struct fl_upload *u); /* wipes all but state, reason, receipt and counters */

#endif

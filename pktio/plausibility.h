/* How believable a verified message is next to what the same signer said before and to what radio and vehicles can do.
 * Evidence, never a verdict: nothing is dropped for it (decision 0015). Integers only, so the same messages in the same
 * order give the same flags on every machine.
 *
 * Where a detector has a counterpart among the observations of ETSI TS 103 759 (misbehaviour reporting), its name is
 * given; limits and the other detectors are our own. One thread per object; all memory is allocated at the start. */
#ifndef WAYSIDE_PKTIO_PLAUSIBILITY_H
#define WAYSIDE_PKTIO_PLAUSIBILITY_H

#include "base/bytes.h"
#include "v2x/station_state.h"

struct pkt_message;

/* X(identifier, name, what it means) */
#define PLAUSIBILITY_FLAGS(X)                                                                      \
    X(IMPLAUSIBLE_JUMP, "jump",                                                                    \
        "moved further than its speeds allow") /* Position-ChangeTooLarge */                       \
    X(IMPLAUSIBLE_FROZEN, "frozen", "claims to drive and stays where it is")                       \
    X(IMPLAUSIBLE_TWO_PLACES, "two_places", "no vehicle gets from one place to the other in time") \
    X(IMPLAUSIBLE_SPEED, "speed",                                                                  \
        "faster than its kind of station can be") /* Speed-ValueTooLarge-VehicleType */            \
    X(IMPLAUSIBLE_ACCELERATION, "acceleration",                                                    \
        "speed changed more than brakes and engines can") /* Speed-ChangeTooLarge */               \
    X(IMPLAUSIBLE_TURN, "turn", "heading changed faster than tyres hold")                          \
    X(IMPLAUSIBLE_BACKWARDS, "backwards", "moved against its heading and says it drives forward")  \
    X(IMPLAUSIBLE_REACH, "reach", "claims to be where the antenna does not hear")                  \
    X(IMPLAUSIBLE_INTERVAL, "interval",                                                            \
        "beacons closer together than allowed") /* Beacon-IntervalTooSmall */                      \
    X(IMPLAUSIBLE_CLOCK, "clock", "the time in the content is not that of the signature")          \
    X(IMPLAUSIBLE_STATION_CHANGED, "station_changed", "another station id under one certificate")  \
    X(IMPLAUSIBLE_STATION_TAKEN, "station_taken", "the station id is in use by another signer")    \
    X(IMPLAUSIBLE_ADDRESS_CHANGED, "address_changed",                                              \
        "another GeoNetworking address under one certificate")                                     \
    X(IMPLAUSIBLE_TRANSMITTER, "transmitter",                                                      \
        "a single-hop message of one signer from another transmitter")                             \
    X(IMPLAUSIBLE_FOREIGN_EVENT, "foreign_event",                                                  \
        "reports another station's event as if it were its own, and does not end it")

enum plausibility_flag {
#define X(id, name, text) id,
    PLAUSIBILITY_FLAGS(X)
#undef X
        PLAUSIBILITY_FLAG_COUNT
};
const char *plausibility_flag_name(enum plausibility_flag f);
const char *plausibility_flag_text(enum plausibility_flag f);

#define PLAUSIBILITY_OVER_MAX 999

struct plausibility {
    uint16_t judged; /* bit by flag: there was something to compare with; 0: nobody looked */
    uint16_t flags; /* bit by flag; of judged */
    /* By how many percent what was claimed is beyond what was allowed, 1 to 999; 0: the flag is a matter of yes or no. */
    uint16_t over[PLAUSIBILITY_FLAG_COUNT];
};
/* "unjudged", "clean", or the flags: "jump(350) reach(12) station_taken". */
void plausibility_print(const struct plausibility *p, struct buf *b);

struct plausibility_config {
    size_t tracks; /* signers, and station ids, remembered; a power of two, at least 8 */
    bool has_place; /* of the antenna; without it nothing is said about reach */
    int32_t lat, lon; /* 0.1 microdegree */
    uint32_t reach_m;
    uint64_t
        salt; /* random, so that nobody can crowd out a signer; 0 where runs must be the same */
};

/* What is looked at. plausibility_read fills it from CAM, DENM and BSM; of other messages whoever knows them adds what
 * they say. */
struct plausibility_sample {
    uint8_t signer[32]; /* hash of the certificate */
    uint64_t time_us; /* Time64 of the signature */
    uint64_t position_time_us; /* of the position */
    bool beacon; /* CAM, BSM */
    bool has_position;
    int32_t lat, lon; /* 0.1 microdegree */
    uint16_t radius_cm; /* confidence, as station_state.semi_major_cm */
    uint8_t station_type; /* 0 unknown */
    uint16_t speed, heading; /* cm/s, 0.1 degree; unavailable as in station_state.h */
    uint8_t speed_confidence, heading_confidence;
    int16_t accel_long, accel_lat, yaw_rate; /* as in station_state.h; not judged */
    bool forward; /* it says that it does not reverse */
    bool has_station;
    uint32_t station_id;
    bool has_clock; /* clock_ms: how far the content's time is behind the signature's */
    int32_t clock_ms;
    bool has_address;
    uint64_t address; /* GeoNetworking source */
    bool direct; /* nobody forwarded it */
    uint64_t link; /* address of who transmitted it; 0 unknown */
    bool has_action;
    bool foreign_action; /* names another station's event and does not end it */
};

struct plausibility_counters {
    uint64_t judged, clean, unjudged; /* messages */
    uint64_t flag[PLAUSIBILITY_FLAG_COUNT];
    uint64_t forgotten; /* signers dropped for others while they were still heard: too few tracks */
    size_t used, tracks;
};

struct plausibility_tracks;
struct plausibility_tracks *plausibility_new(const struct plausibility_config *cfg);
void plausibility_free(struct plausibility_tracks *t);

void plausibility_read(const struct pkt_message *m, struct plausibility_sample *ret_sample);
/* Compares and remembers. Messages may come somewhat out of order. */
void plausibility_judge(struct plausibility_tracks *t, const struct plausibility_sample *s,
    struct plausibility *ret_plausibility);
struct plausibility_counters plausibility_counters(const struct plausibility_tracks *t);

#endif

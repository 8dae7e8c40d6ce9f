/* Inside of obusim: vehicles that drive past what really stands on the road and send what their OBUs would.
 *
 * One run is one value; one thread. Millimetres of the registered map's frame, headings of 1/65536 turn
 * (element.h), microseconds. All integers, so that the same seed gives the same octets on every machine. */
#ifndef WAYSIDE_RSU_OBUS_OBUSIM_H
#define WAYSIDE_RSU_OBUS_OBUSIM_H

#include "base/error.h"
#include "base/random.h"
#include "mapsvc/fuse/associate.h"
#include "mapsvc/fuse/observation.h"
#include "mapsvc/model/mapset.h"
#include "pktio/capture.h"
#include "v2x/sign.h"

#define SIM_TICK_US 100000U
#define SIM_RANGE_MM 50000U
#define SIM_HALF_ANGLE 5461 /* 30 degrees */
#define SIM_VEHICLES_MAX 10000U
#define SIM_ISSUERS_MAX 15U /* a genesis holds 16 trust certificates, the root is one */
#define SIM_NONE SIZE_MAX
/* Nothing beyond this takes part, so that a step or an error in place never leaves int32. */
#define SIM_REACH_MM 2000000000
static inline bool sim_within_reach(int32_t x, int32_t y) {
    return x >= -SIM_REACH_MM && x <= SIM_REACH_MM && y >= -SIM_REACH_MM && y <= SIM_REACH_MM;
}

/* ---- options (obusim_options.c) ---- */

struct sim_options {
    const char *map, *world, *out; /* out: capture */
    const char *pki; /* folder; NULL: beside the capture */
    const char *listen, *genesis; /* listen: a capture to hear, instead of driving */
    bool no_clock;
    const char *fcd, *fcd_net; /* SUMO positions, and the network they refer to */
    size_t vehicles;
    uint32_t liars_ppm; /* share of the vehicles */
    uint64_t seed;
    uint64_t duration_us; /* 0: as long as the positions last */
    uint64_t start_its_us;
    bool change_half;
    uint64_t change_us; /* after the start; unless change_half */
    unsigned cam_hz;
    unsigned families, issuers;
    unsigned units; /* roadside units that get a ticket */
    uint64_t ticket_us; /* after which a vehicle takes another ticket; 0: never */
    uint32_t tpr_ppm, fpr_ppm, sigma_mm;
    uint64_t map_version; /* that the vehicles' map is; 0: the first, 1 */
    bool has_origin;
    int32_t lat0, lon0; /* 1e-7 degree */
};
enum sim_asked { SIM_RUN, SIM_LISTEN, SIM_HELP, SIM_VERSION };
/* WS_EINPUT with a sentence that names the option. Strings are borrowed from argv. */
WARN_UNUSED int sim_options_read(int argc, char *const *argv, struct sim_options *ret_options,
    enum sim_asked *ret_asked, struct ws_err *err);
extern const char sim_usage[];
/* "-12.3456" with at most `digits` decimals, times 10^digits; nothing before or behind it. */
WARN_UNUSED bool sim_decimal(const char *text, unsigned digits, int64_t *ret_v);
/* "2026-06-01T08:00:00Z", the zone letter may be missing; years 2017 to 2099. */
WARN_UNUSED bool sim_time(const char *text, uint64_t *ret_its_us);

/* ---- keys and certificates (obusim_pki.c) ---- */

struct sim_pki {
    size_t n_issuers;
    struct sign_key *root_key, *issuer_key[SIM_ISSUERS_MAX];
    struct buf root, issuer[SIM_ISSUERS_MAX];
};
struct sim_station {
    struct sign_key *key;
    struct buf cert;
    uint8_t mac[6]; /* address and station id follow from the ticket, as on production vehicles */
    uint32_t station_id;
};
void sim_pki_new(
    struct sim_pki *p, size_t issuers, uint64_t start_its_us, uint64_t seed, struct ws_random *rnd);
void sim_pki_free(struct sim_pki *p);
/* Keys of the issuers, so that a later run issues for the same ones: DIR.issuers/root.key and aa-N.key (mode 0600). */
WARN_UNUSED int sim_pki_keep(const struct sim_pki *p, const char *dir, struct ws_err *err);
/* What sim_pki_write and sim_pki_keep wrote. */
WARN_UNUSED int sim_pki_load(struct sim_pki *p, const char *dir, struct ws_err *err);
/* root.cert and aa-N.cert; takes away aa-N.cert that an earlier run with more issuers left. */
WARN_UNUSED int sim_pki_write(const struct sim_pki *p, const char *dir, struct ws_err *err);
/* Tickets of n roadside units, for what they send: DIR.units/unitN.cert, its key unitN.key (mode 0600), and the
 * issuer of all, issuer.cert. */
WARN_UNUSED int sim_units_write(const struct sim_pki *p, const char *dir, unsigned n,
    uint64_t start_its_us, uint64_t duration_us, struct ws_random *rnd, struct ws_err *err);
void sim_station_new(const struct sim_pki *p, size_t issuer, const struct observer_class *observer,
    uint64_t start_its_us, uint64_t duration_us, struct ws_random *rnd, struct sim_station *ret);
/* A ticket for learning and nothing else, of the epoch (its_us / epoch_us) in which its_us lies, cut to whole hours; epoch_us is an
 * hour or more (asserted). The same seed, issuer and epoch give the same one. */
void sim_learner_new(const struct sim_pki *p, size_t issuer, uint64_t its_us, uint64_t epoch_us,
    struct ws_random *rnd, struct sim_station *ret);
void sim_station_free(struct sim_station *s);

/* ---- what stands on the road (obusim_world.c) ---- */

/* A thing before and after the change. */
struct sim_face {
    bool there;
    bool has_value;
    int32_t value;
    int32_t x, y;
    bool has_heading;
    uint16_t heading;
};
struct sim_thing {
    enum element_kind kind;
    bool registered; /* the vehicles' map has it, as id; its face in the map is face[0] */
    uint8_t id[16];
    struct sim_face face[2]; /* 0: before the change, 1: after */
    bool changed;
    const struct element *element; /* in the registered map, or in the world's for new things */
    uint64_t passes; /* looks of passing vehicles after the change */
    uint8_t *passed_by; /* changed things: bit per vehicle */
};
struct sim_world {
    struct mapset map, actual; /* sorted by id */
    bool has_actual;
    struct map_delta delta;
    struct sim_thing *things; /* limits first, then everything else by x of face[0] */
    size_t n_limits, n;
    size_t cap;
    int32_t widest_mm; /* furthest that a face[1] lies from its face[0] */
    size_t n_changed, n_unseen; /* changes that passing vehicles see, and that they do not */
};
/* Reads the maps and finds what differs. notes: sentences for the user, one a line. */
WARN_UNUSED int sim_world_load(
    struct sim_world *w, const struct sim_options *o, struct buf *notes, struct ws_err *err);
/* The same from maps at hand, which it takes over (actual may be NULL). */
void sim_world_make(
    struct sim_world *w, struct mapset *map, struct mapset *actual, struct buf *notes);
void sim_world_free(struct sim_world *w);
/* A point of the world's map in the registered frame, a common shift taken out; false out of reach. */
WARN_UNUSED bool sim_world_place(
    const struct sim_world *w, struct map_point p, struct map_point *ret_p);

/* ---- lanes (obusim_roads.c) ---- */

struct sim_limit_span {
    uint32_t thing;
    int64_t from, to; /* along the lane */
};
struct sim_lane {
    const struct element *element;
    bool new; /* only after the change */
    struct map_point *p; /* n >= 2, distinct neighbours */
    int64_t *at; /* distance of each point from the first */
    size_t n;
    int64_t length;
    uint32_t speed_mm_s;
    size_t *next, *before; /* lanes that continue here, and that lead here */
    size_t n_next, n_before;
    struct sim_limit_span *limits;
    size_t n_limits;
    uint64_t passes; /* in this part of the run, or booked */
};
struct sim_roads {
    struct sim_lane *lanes;
    size_t n;
    struct grid grid;
};
/* Lanes that motor vehicles drive on, and those that a limit is on. WS_EINPUT when there is none. */
WARN_UNUSED int sim_roads_make(struct sim_roads *r, const struct sim_world *w, struct ws_err *err);
void sim_roads_free(struct sim_roads *r);
struct sim_pose {
    int32_t x, y;
    uint16_t heading;
};
struct sim_pose sim_lane_pose(const struct sim_lane *l, int64_t along);
/* The nearest lane within 3 m whose traffic runs that way; SIM_NONE when there is none. */
size_t sim_roads_find(
    const struct sim_roads *r, struct sim_pose at, bool changed, int64_t *ret_along);
/* Among the least driven lanes the one that begins nearest to a place; it counts as passed. */
size_t sim_roads_pick(struct sim_roads *r, bool changed, int32_t x, int32_t y);
void sim_roads_forget(struct sim_roads *r); /* passes start over */

/* ---- vehicles ---- */

struct sim_vehicle {
    size_t index;
    struct sim_station station;
    bool liar;
    /* where it is */
    bool on_road;
    struct sim_pose pose;
    uint32_t speed_mm_s;
    size_t lane; /* SIM_NONE: off the lanes of the map */
    int64_t along;
    bool lane_ends; /* leaves the lane before the next tick */
    /* obusim_drive.c */
    size_t wanted; /* lane to take next, SIM_NONE: any */
    size_t booked; /* lane that this trip is for, until it is reached */
    int64_t trip_left;
    uint32_t pace_permille; /* of the limit */
    uint64_t away_until_us; /* between two trips */
    size_t fcd_at; /* obusim_fcd.c: sample that was passed last */
    /* obusim_sense.c */
    uint32_t *reported; /* things of the present pass */
    size_t n_reported, cap_reported;
    int64_t next_look; /* mm to go */
    size_t sensed_lane; /* lane at the last tick */
    int64_t limit_permille; /* how far along its limits they are reported */
    /* obusim_emit.c */
    uint64_t cam_due_us, cert_due_us;
    /* obusim_run.c: the next ticket, and silence before its first use; ITS time */
    uint64_t ticket_due_us, silent_until_us;
    uint64_t messages;
};

/* Driving along the lanes of the map (obusim_drive.c). */
void sim_drive_start(struct sim_vehicle *v, struct ws_random *rnd);
void sim_drive(struct sim_vehicle *v, struct sim_roads *r, uint64_t now_us, bool changed,
    struct ws_random *rnd);

/* Driving as a file says (obusim_fcd.c). */
struct sim_fcd_sample {
    int64_t t_us;
    struct sim_pose pose;
};
struct sim_fcd_track {
    char *name;
    struct sim_fcd_sample *s; /* growing time */
    size_t n, cap;
};
struct sim_fcd {
    struct sim_fcd_track *tracks;
    size_t n, cap;
    int64_t first_us, last_us;
    size_t *index; /* hash table of tracks by name: 1 + track */
    size_t n_index;
};
/* Positions in metres of the network's plane, or without network of the map's own frame. */
WARN_UNUSED int sim_fcd_load(const char *path, const char *net, const struct cell_frame *frame,
    struct sim_fcd *ret_fcd, struct ws_err *err);
/* The same from octets; names are for messages, net_name NULL: no network. */
WARN_UNUSED int sim_fcd_parse(const char *name, struct span positions, const char *net_name,
    struct span net, const struct cell_frame *frame, struct sim_fcd *ret_fcd, struct ws_err *err);
void sim_fcd_free(struct sim_fcd *f);
/* Share of the positions on lanes, permille. */
unsigned sim_fcd_on_lanes(const struct sim_fcd *f, const struct sim_roads *r);
void sim_fcd_drive(struct sim_vehicle *v, const struct sim_fcd *f, const struct sim_roads *r,
    uint64_t now_us, bool changed);

/* ---- perception (obusim_sense.c) ---- */

struct sim_lie {
    bool any; /* the liars have agreed on something */
    size_t thing;
    bool gone; /* else another value */
    int32_t value;
};
struct sim_senses {
    uint32_t tpr_ppm, fpr_ppm, sigma_mm;
    struct sim_lie lie;
};
#define SIM_REPORTS_MAX 16 /* in one message, so that it fits into a frame */
struct sim_look {
    bool any; /* the vehicle has something to say now */
    struct sim_pose from;
    uint32_t range_mm;
    struct obs_report reports[OBS_MAX_REPORTS]; /* what is new first */
    size_t n;
};
/* What the liars will say: about a thing of the map that does not change. */
void sim_lie_choose(struct sim_senses *s, const struct sim_world *w, const struct sim_roads *r,
    struct ws_random *rnd);
void sim_sense(struct sim_vehicle *v, struct sim_world *w, const struct sim_roads *r,
    const struct sim_senses *s, bool changed, struct ws_random *rnd, struct sim_look *ret_look);

/* ---- messages and frames (obusim_emit.c) ---- */

struct sim_emit {
    struct capture_writer *writer;
    const struct cell_frame *frame;
    uint64_t map_version;
    struct sim_frame {
        uint64_t stamp_ns;
        uint64_t order;
        uint8_t *p;
        size_t n;
    } * waiting;
    size_t n_waiting, cap_waiting;
    uint64_t cams, observations, reports, frames;
};
/* v's CAM at its_us; the frame is captured a little later. */
void sim_emit_cam(struct sim_emit *e, struct sim_vehicle *v, uint64_t its_us,
    uint64_t cam_period_us, struct ws_random *rnd);
/* The look, seen at its_us, in as many messages as it takes. */
void sim_emit_look(struct sim_emit *e, struct sim_vehicle *v, uint64_t its_us,
    const struct sim_look *look, struct ws_random *rnd);
/* Writes the frames captured before its_us, in the order of their stamps. */
void sim_emit_flush(struct sim_emit *e, uint64_t its_us);
void sim_emit_free(struct sim_emit *e);
/* The address that a station gives itself on a link (RFC 4291, appendix A). */
void sim_link_address(const uint8_t mac[static 6], uint8_t ret_address[static 16]);

/* ---- the run (obusim_run.c) ---- */

/* Writes the trust certificates and the capture. Remarks go to notes, what happened to summary. */
WARN_UNUSED int sim_run(
    const struct sim_options *o, struct buf *notes, struct buf *summary, struct ws_err *err);

#endif

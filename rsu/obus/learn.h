/* Inside of obusim --learn: vehicles that learn from slices of tables and take part in the rounds of a running cell. Each of them does
 * what a vehicle on the road would: it hears from a unit which round is on, believes only what the genesis proves, trains on
 * its own rows, masks and shares its update out (fedlearn/vehicle/client.h), signs that it takes part, and uploads until a validator has
 * signed a receipt. The process holds many; what they share is the reading of tables and the talk with units.
 *
 * Everything is drawn from the seed but what the encryption draws (keys, shares, nonces): that is the system's. One thread. */
#ifndef WAYSIDE_RSU_OBUS_LEARN_H
#define WAYSIDE_RSU_OBUS_LEARN_H

#include "fedlearn/round/model_eval.h"
#include "fedlearn/vehicle/client.h"
#include "fedlearn/vehicle/features.h"
#include "fedlearn/vehicle/model.h"
#include "fedlearn/vehicle/upload.h"
#include "rsu/obus/obusim.h"

enum {
    LEARN_UNITS_MAX = 64,
    LEARN_TABLES_MAX = 64,
    LEARN_VEHICLES_MAX = 4096, /* FL_SUBMISSIONS_MAX */
};

/* ---- options (learn_options.c) ---- */

enum learn_poison {
    LEARN_HONEST,
    LEARN_SIGN_FLIP, /* the opposite of what it learnt */
    LEARN_RANDOM, /* any direction */
    LEARN_LABEL_FLIP, /* it trains on wrong classes, and is honest about what it learns */
    LEARN_BOOST, /* what it learnt, as if it were many */
};
const char *learn_poison_name(enum learn_poison p);

struct learn_unit_option {
    const char *http, *interface, *upload; /* upload NULL: where the unit says */
};
struct learn_options {
    struct learn_unit_option unit[LEARN_UNITS_MAX];
    size_t n_units;
    const char *genesis, *fingerprint, *schema, *pki;
    const char *data[LEARN_TABLES_MAX];
    size_t n_data;
    size_t vehicles;
    uint64_t rounds; /* stop behind so many that were seen from their beginning; 0: never */
    uint64_t within_us; /* give up after; 0: never */
    uint32_t absent_ppm, vanish_ppm; /* of the vehicles, each round anew */
    enum learn_poison poison;
    uint32_t poison_ppm; /* of the vehicles, for good */
    uint32_t
        boost_milli; /* a poisoner's update is so many times as long, whatever the round allows; 1000: as it allows */
    uint32_t
        epsilon_milli; /* a vehicle stays away when it would give away more; 0: it does not count */
    struct fl_train train;
    unsigned train_percent; /* of the blocks of rows; the others are held out */
    uint64_t
        split; /* which blocks those are: as rsuctl model roots has it, so that no vehicle trains on root rows */
    unsigned pieces; /* runs of rows that a vehicle's slice is made of */
    uint64_t seed;
    bool prepare, json;
};
enum learn_asked { LEARN_RUN, LEARN_PREPARE, LEARN_HELP };
/* argv as of obusim, whose first option is --learn. WS_EINPUT with a sentence that names the option. Strings are borrowed. */
WARN_UNUSED int learn_options_read(int argc, char *const *argv, struct learn_options *ret_options,
    enum learn_asked *ret_asked, struct ws_err *err);
extern const char learn_usage[];

/* ---- tables and who has which rows (learn_slices.c) ---- */

struct learn_slices {
    struct fl_schema schema;
    struct fl_dataset set;
    uint32_t *order; /* rows of the set: those to train with, then those held out */
    size_t n_train;
    size_t vehicles, pieces;
    uint32_t *dealt; /* train rows, one vehicle's after the other's */
    size_t *from; /* vehicles + 1: where its rows begin in `dealt` */
    /* under the model's constants, once there is a model */
    struct fl_norm *norm;
    int32_t *x, *own_x;
    uint8_t *y, *own_y;
};
/* Reads, splits and deals; remarks about rows that cannot be read go to notes. */
WARN_UNUSED int learn_slices_read(
    struct learn_slices *s, const struct learn_options *o, struct buf *notes, struct ws_err *err);
void learn_slices_free(struct learn_slices *s);
/* Rows under the model's constants from now on; WS_EINPUT: a model of other inputs or classes than the schema's. */
WARN_UNUSED int learn_slices_fit(
    struct learn_slices *s, const struct fl_model *m, struct ws_err *err);
/* Behind a fit. Borrowed until the next one. */
struct fl_rows learn_slice(const struct learn_slices *s, size_t vehicle);
struct fl_rows learn_held_out(const struct learn_slices *s);

/* ---- a vehicle (learn_driver.c) ---- */

struct learn_driver {
    size_t index;
    bool poisons;
    struct sim_station
        ticket; /* its key and certificate for learning, of the epoch; no key: it has none yet */
    uint64_t epoch;
    uint8_t token[32]; /* SHA-256 of the certificate */
    struct ws_random random; /* of its training, seeded */
    double rho; /* privacy that it has given away (fedlearn/vehicle/privacy.h) */
};
/* Working space of whoever is at work, one after the other. */
struct learn_desk {
    struct fl_client *client;
    struct ws_random secrets; /* the system's, or in tests a seeded one */
    size_t params;
    float *local, *update, *scratch;
    int32_t *symbols;
    uint8_t *labels;
    size_t n_labels;
};
WARN_UNUSED int learn_desk_open(struct learn_desk *d, struct ws_err *err);
void learn_desk_close(struct learn_desk *d);

/* The vehicle has the ticket of the epoch of that time; drawn from the seed, the vehicle and the epoch. */
void learn_ticket(struct learn_driver *v, const struct sim_pki *pki, uint64_t seed, uint64_t its_us,
    uint64_t epoch_us);
enum learn_away {
    LEARN_COMES,
    LEARN_NOT_FREE, /* it has nothing to gain there, and its privacy to lose (fedlearn/vehicle/standing.h) */
};
/* Whether it keeps out of the round, for its own sake; it has its ticket. Bad vehicles come all the same, as no attacker would stay away.
 * table: as learn_believe_table. WS_EINPUT: no table of scores. */
WARN_UNUSED int learn_stays_away(
    const struct learn_driver *v, struct span table, enum learn_away *ret_away, struct ws_err *err);
/* What the vehicle found: d->update, local less global. WS_EINPUT as fl_train_run. */
WARN_UNUSED int learn_train(struct learn_driver *v, const struct learn_options *o,
    const struct fl_rows *rows, const struct fl_model *global, struct learn_desk *d,
    struct ws_err *err);
/* What it makes of it, if it poisons: d->update; true: its length is its own affair, too. */
bool learn_spoil(
    struct learn_driver *v, const struct learn_options *o, size_t params, struct learn_desk *d);
/* d->update into what is sent, of fl_client_octets. boosted: beyond the bound on its length. */
WARN_UNUSED int learn_make(const struct fl_client_round *round, uint32_t boost_milli, bool boosted,
    struct learn_desk *d, uint8_t *ret_octets, struct fl_client_made *ret, struct ws_err *err);
/* The frame that says so: a signed message with the certificate, by WSMP and by UDP/IPv6 in turn. */
void learn_put_frame(const struct learn_driver *v, const struct fl_open *open,
    const struct fl_client_made *made, const struct fl_upload_pair *key, uint64_t its_us,
    struct buf *frame);

#endif

/* What a unit can know of a vehicle, by the names that inputs of a model have (fedlearn/model/model.h): which of them it can
 * fill, and a model's inputs out of looks at one vehicle. A schema that uses other columns gives a model that no unit applies.
 *
 * Values are thousandths of the unit below, so that a number of a table with three decimals and the same one heard are one
 * double, and statistics are those of features.h. Pure; any thread. */
#ifndef WAYSIDE_RSU_DECIDE_INPUTS_H
#define WAYSIDE_RSU_DECIDE_INPUTS_H

#include "fedlearn/vehicle/model.h"

/* X(identifier, name, unit, step, what it is). Ranges that are told are whole steps, in thousandths of the unit, of what somebody's driving
 * tells; 0: of the map, the site or the hour, as it is. */
#define DECIDE_QUANTITIES(X)                                                                       \
    X(DECIDE_SPEED, "speed", "km/h", 10000, "as the vehicle says")                                 \
    X(DECIDE_ACCELERATION, "acceleration", "m/s2", 1000,                                           \
        "along its way: as it says, else by its speed since the look before")                      \
    X(DECIDE_LATERAL, "lateral_acceleration", "m/s2", 1000, "to the left, as it says")             \
    X(DECIDE_YAW_RATE, "yaw_rate", "degree/s", 5000, "to the left, as it says")                    \
    X(DECIDE_LIMIT, "limit", "km/h", 0, "in force in the map on its lane; also design_speed")      \
    X(DECIDE_DENSITY, "density", "1/km", 10000, "vehicles heard around it, itself among them")     \
    X(DECIDE_HAZARDS, "hazards", "1", 0,                                                           \
        "of the map and of advisories around it, without those of this service")                   \
    X(DECIDE_HOUR, "hour", "h", 0, "of the day, whole hours; also observation_hour")               \
    X(DECIDE_TIME, "time", "h", 1000, "of the day, with its fraction")                             \
    X(DECIDE_WEATHER, "current_weather", "1", 0, "a code of the region's; of the site")            \
    X(DECIDE_VISIBILITY, "visibility", "km", 0, "of the site")                                     \
    X(DECIDE_PRECIPITATION, "precipitation", "mm", 0, "of the site")                               \
    X(DECIDE_ACCIDENTS, "accidents_onsite", "1", 0, "recorded on this road; of the site")

enum decide_quantity {
#define X(id, ...) id,
    DECIDE_QUANTITIES(X)
#undef X
        DECIDE_QUANTITY_COUNT
};
const char *decide_quantity_name(enum decide_quantity q);
const char *decide_quantity_unit(enum decide_quantity q);
/* The step that v lies in: from *ret_least up to, but for what is told as it is, below *ret_most. */
void decide_quantity_step(enum decide_quantity q, int32_t v, int32_t *ret_least, int32_t *ret_most);

/* What another program of the unit knows of the road here, a weather station say: not heard, not from the map. */
#define DECIDE_OF_SITE                                                                             \
    (1U << DECIDE_WEATHER | 1U << DECIDE_VISIBILITY | 1U << DECIDE_PRECIPITATION |                 \
        1U << DECIDE_ACCIDENTS)

/* Whether the driving of a station of this type (TS 102 894-2; 0 unknown, as in a BSM) is what tables of driving are about: cars,
 * motorcycles, buses, lorries. Not who walks or cycles, trams, roadside units, and special vehicles, which may have to hurry. */
static inline bool decide_is_driven(uint8_t station_type) {
    return station_type == 0 || (station_type >= 3 && station_type <= 8);
}

/* One look at a vehicle. */
struct decide_row {
    uint32_t known; /* bit by quantity */
    int32_t v[DECIDE_QUANTITY_COUNT]; /* thousandths; of those that are known */
};

enum { DECIDE_FEATURES = 64, DECIDE_WINDOW_MAX = 64, DECIDE_NOTHING = 255 };

/* How a model's inputs follow from rows. */
struct decide_binding {
    uint32_t needs; /* bit by quantity: a row without one of them is no look */
    uint16_t window; /* rows that it takes; 1: the last one alone */
    uint16_t features;
    uint16_t inputs;
    struct {
        uint8_t of, minus; /* enum decide_quantity; minus may be DECIDE_NOTHING */
    } feature[DECIDE_FEATURES];
    struct {
        uint8_t feature;
        uint8_t
            statistic; /* of the window, in the order of features.h; DECIDE_NOTHING: the last row's value */
    } input[FL_MAX_INPUTS];
};

/* window: looks in a window, as in the schema (a model does not say it); 0: nobody has said. WS_EINPUT names the input
 * that cannot be had, and why; WS_ELIMIT: more than DECIDE_FEATURES. */
WARN_UNUSED int decide_bind(const struct fl_model *m, unsigned window,
    struct decide_binding *ret_binding, struct ws_err *err);

/* rows: binding->window of them, the oldest first, each with what is needed. ret: binding->inputs, in the units above. */
void decide_inputs(
    const struct decide_binding *b, const struct decide_row *rows, double *ret_inputs);

/* Text of the site: a line `NAME VALUE` for each of those above that is known, `#` begins a comment; a value is a decimal number of
 * magnitude below 10^6, kept in thousandths. WS_EINPUT names the line: another name, one twice, no number. */
WARN_UNUSED int decide_read_site(struct span text, struct decide_row *ret_site, struct ws_err *err);

#endif

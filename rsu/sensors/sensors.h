/* The unit's own sensors: a Unix socket for each, over which its software says line by line what it sees (rsu/sensors/sensor_line.h).
 * Each line becomes an observation that is signed with the sensor's own certificate, so that to the cell it is a message like a
 * vehicle's: its class (roadside) and software family are what the certificate says, and every validator can check it.
 * Bounded: connections, length of a line, lines a second. One thread, the ledger's owner. */
#ifndef WAYSIDE_RSU_SENSORS_SENSORS_H
#define WAYSIDE_RSU_SENSORS_SENSORS_H

#include "base/clock.h"
#include "rsu/config/config.h"
#include "rsu/sensors/sensor_line.h"

struct sensors;

/* Hands a signed message and its certificate on; err: why not. */
typedef enum sensor_outcome (*sensor_submit)(void *ctx, const uint8_t cert_hash[static 32],
    struct span cert, struct span spdu, struct ws_err *err);

struct sensor_counters {
    uint64_t outcome[SENSOR_OUTCOME_COUNT]; /* lines */
    uint64_t reports; /* in those taken */
    uint64_t refused_clients; /* more than may be connected */
    uint64_t unread_answers; /* the software did not read them */
    size_t clients; /* connected now */
    uint16_t family; /* of the certificate */
};

/* Certificates and keys are there, belong together, and grant what a sensor needs; --check and the start say the same. */
WARN_UNUSED int sensors_check(const struct config_sensor *list, size_t n, struct ws_err *err);
/* list and frame are borrowed. */
WARN_UNUSED int sensors_open(const struct config_sensor *list, size_t n,
    const struct cell_frame *frame, sensor_submit submit, void *ctx, struct sensors **ret_sensors,
    struct ws_err *err);
void sensors_close(struct sensors *s); /* NULL is fine */

int sensors_fd(const struct sensors *s); /* readable while somebody has something to say */
/* One helping from each connection; cheap when there is nothing. */
void sensors_serve(struct sensors *s, struct ws_now now, uint64_t map_version);
/* Says in the name of sensor i what the cell's model makes of what the unit hears: it takes part in the sensor's rate as a line of its software
 * would. The place, heading, view and range of the sensor, and the time, are filled in; it is no sighting (judged), and what is silent proves
 * nothing (occluded). Reports are the caller's.
 * ret_tx: identity of the transaction, when TAKEN or KNOWN. */
enum sensor_outcome sensors_file(struct sensors *s, size_t i, struct observation *o,
    struct ws_now now, uint64_t map_version, uint8_t ret_tx[static 32], struct ws_err *err);
size_t sensors_count(const struct sensors *s);
const struct sensor_counters *sensors_counters(const struct sensors *s, size_t i);

#endif

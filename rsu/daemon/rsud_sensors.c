/* The unit's own sensors: what they say goes into the mempool like any vehicle's message, and is checked like one. */
#include "rsu/daemon/rsud_internal.h"
#include "rsu/sensors/sensors.h"

static enum sensor_outcome submit(void *ctx, const uint8_t cert_hash[static 32], struct span cert,
    struct span spdu, struct ws_err *err) {
    struct daemon *d = ctx;
    struct node_status s;
    uint64_t certificates = 0;
    node_status(d->face.node, &s);
    if (s.syncing) {
        (void)ws_fail(
            err, WS_EBUSY, "the unit is catching up, at height %llu", (unsigned long long)s.height);
        return SENSOR_BEHIND;
    }
    enum admit_outcome o = admit_submit(d->face.node, cert_hash, cert, spdu, false,
        ws_clock_now(&d->face.clock), &certificates, err);
    if (o == ADMIT_TAKEN)
        return SENSOR_TAKEN;
    if (o == ADMIT_KNOWN)
        return SENSOR_KNOWN;
    return o == ADMIT_FULL ? SENSOR_FULL : SENSOR_REFUSED;
}

int daemon_open_sensors(struct daemon *d, struct ws_err *err) {
    if (d->config.n_sensors == 0)
        return WS_OK;
    d->frame = map_contract_current(d->face.cell.map)->frame;
    return sensors_open(
        d->config.sensors, d->config.n_sensors, &d->frame, submit, d, &d->face.sensors, err);
}

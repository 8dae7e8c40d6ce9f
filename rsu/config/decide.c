/* The decision service of the configuration. */
#include "base/mem.h"
#include "rsu/config/internal.h"
#include "rsu/config/value.h"

#include <string.h>

/* What is judged lies so far inside the sensor's range that the place which is said does, too. */
enum { PLACES_IN_RANGE = 3 };

/* "+02:00", "-05:30": up to 14 hours. */
static bool take_offset(const char *text, int16_t *ret_min) {
    char digits[5] = "";
    uint64_t v = 0;
    if (strlen(text) != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return false;
    memcpy(digits, text + 1, 2);
    memcpy(digits + 2, text + 4, 2);
    if (!value_u64(digits, 0, 1400, &v) || v % 100 > 59)
        return false;
    int min = (int)(v / 100 * 60 + v % 100);
    *ret_min = (int16_t)(text[0] == '-' ? -min : min);
    return true;
}

static int find_sensor(const struct config_job *j, struct config_decide *d) {
    const struct config *c = j->c;
    for (d->at = 0; d->at < c->n_sensors; d->at++)
        if (strcmp(c->sensors[d->at].name, d->sensor) == 0)
            break;
    if (d->at == c->n_sensors)
        return ws_fail(j->err, WS_EINPUT,
            "%s: decide.sensor: none of the sensors is called '%.40s'", j->path, d->sensor);
    if ((int64_t)c->sensors[d->at].range_mm < (int64_t)PLACES_IN_RANGE * d->place_mm)
        return ws_fail(j->err, WS_EINPUT,
            "%s: decide.sensor: %s reaches %u m, and speaks for no place of %d m below %d m",
            j->path, d->sensor, (unsigned)(c->sensors[d->at].range_mm / 1000), d->place_mm / 1000,
            PLACES_IN_RANGE * d->place_mm / 1000);
    return WS_OK;
}

int config_take_decide(const struct config_job *j, const struct yaml_decide *y) {
    struct config_decide *d = &j->c->decide;
    int rc = WS_OK;
    uint64_t v;
    if (y == NULL)
        return WS_OK;
    d->sensor = ws_strdup(y->sensor);
    d->class_name = y->class == NULL ? NULL : ws_strdup(y->class);
    d->site = config_resolve(j, y->site);
#define X(key, lo, hi, usual, times, field)                                                        \
    v = usual;                                                                                     \
    if (rc == WS_OK)                                                                               \
        rc = config_number(j, "decide.", #key, y->key, lo, hi, &v);                                \
    d->field = (__typeof__(d->field))(v * (times));
    CONFIG_DECIDE(X)
#undef X
    if (rc == WS_OK && y->utc_offset != NULL && !take_offset(y->utc_offset, &d->utc_offset_min))
        rc = ws_fail(j->err, WS_EINPUT, "%s: decide.utc_offset: '%.20s' is not like +02:00",
            j->path, y->utc_offset);
    return rc == WS_OK ? find_sensor(j, d) : rc;
}

/* The sensors of the configuration. */
#include "base/mem.h"
#include "rsu/config/internal.h"
#include "rsu/config/value.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static bool good_name(const char *s) {
    size_t n = strlen(s);
    return n >= 1 && n <= CONFIG_SENSOR_NAME_MAX &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

/* "0660": what the owner may do, and others as wanted. */
static bool good_mode(const char *s, unsigned *ret) {
    size_t n = strlen(s);
    if (n < 3 || n > 4 || strspn(s, "01234567") != n || (n == 4 && s[0] != '0'))
        return false;
    unsigned v = 0;
    for (; *s != '\0'; s++)
        v = v * 8 + (unsigned)(*s - '0');
    *ret = v;
    return (v & 0600) == 0600 && (v & 0111) == 0;
}

static int take_numbers(const struct config_job *j, const char *group, const struct yaml_sensor *y,
    struct config_sensor *s) {
    int rc = WS_OK;
    uint64_t v;
    uint64_t heading = 0;
    uint32_t view_deg = 0;
#define X(key, lo, hi, usual, times, field)                                                        \
    v = usual;                                                                                     \
    if (rc == WS_OK)                                                                               \
        rc = config_number(j, group, #key, y->key, lo, hi, &v);                                    \
    (field) = (__typeof__(field))(v * (times));
    CONFIG_SENSOR(X)
#undef X
    if (rc == WS_OK)
        rc = config_number(j, group, "heading_deg", y->heading_deg, 0, 359, &heading);
    /* Clockwise from north to counter-clockwise from east. */
    s->heading = (uint16_t)((450 - heading) % 360 * 65536 / 360);
    s->half_angle = (uint16_t)(view_deg * 65536 / 720);
    return rc;
}

int config_take_sensor(const struct config_job *j, size_t i, const struct yaml_sensor *y) {
    struct config_sensor *s = &j->c->sensors[i];
    const size_t socket_max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
    char group[40];
    (void)snprintf(group, sizeof(group), "sensors[%zu].", i + 1);
    s->name = ws_strdup(y->name);
    s->socket = config_resolve(j, y->socket);
    s->ticket = config_resolve(j, y->ticket);
    s->ticket_key = config_resolve(j, y->ticket_key);
    s->mode = 0660;
    if (!good_name(y->name))
        return ws_fail(j->err, WS_EINPUT,
            "%s: %sname: '%.40s' is not 1 to %d of a to z, 0 to 9, - and _", j->path, group,
            y->name, CONFIG_SENSOR_NAME_MAX);
    if (strlen(s->socket) > socket_max)
        return ws_fail(j->err, WS_EINPUT,
            "%s: %ssocket: '%s' is longer than the %zu octets of a socket's path", j->path, group,
            s->socket, socket_max);
    if (y->mode != NULL && !good_mode(y->mode, &s->mode))
        return ws_fail(j->err, WS_EINPUT,
            "%s: %smode: '%.10s' is not a mode like 0660, with reading and writing for the owner",
            j->path, group, y->mode);
    if (!value_place(y->place, &s->lat, &s->lon))
        return ws_fail(j->err, WS_EINPUT,
            "%s: %splace: '%.60s' is not a place like 48.7651234,11.4231234", j->path, group,
            y->place);
    for (size_t k = 0; k < i; k++) {
        const struct config_sensor *o = &j->c->sensors[k];
        if (strcmp(o->name, s->name) == 0 || strcmp(o->socket, s->socket) == 0)
            return ws_fail(j->err, WS_EINPUT, "%s: %s%s: same as in sensors[%zu]", j->path, group,
                strcmp(o->name, s->name) == 0 ? "name" : "socket", k + 1);
    }
    return take_numbers(j, group, y, s);
}

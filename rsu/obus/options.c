#include "rsu/obus/obusim.h"

#include "base/clock.h"
#include "rsu/obus/command_line.h"

#include <stdlib.h>
#include <string.h>

const char sim_usage[] =
    "Usage: obusim --map REGISTERED [--world ACTUAL] [--vehicles N | --fcd FILE] --out "
    "CAPTURE.pcap\n"
    "       obusim --listen CAPTURE --genesis FILE [--no-clock]\n"
    "       obusim --learn ...   vehicles that learn with a running cell; see obusim --learn "
    "--help\n"
    "\n"
    "Drives simulated vehicles past what really stands on the road and writes the frames that "
    "their\n"
    "on-board units would send, signed. The same options give the same octets.\n"
    "\n"
    "  --map FILE         the map that the vehicles and the cell have (.osm, .xodr)\n"
    "  --world FILE       what really stands on the road after the change; else as registered\n"
    "  --change-at S      when the road changes, in seconds, or 'half' of the run (default)\n"
    "  --vehicles N       vehicles that follow the lanes of the map (default 40)\n"
    "  --fcd FILE         drive as this SUMO fcd output says instead (.xml, .xml.gz)\n"
    "  --fcd-net FILE     the SUMO network of --fcd: offset and projection of its positions\n"
    "  --duration S       length of the run in seconds (default 600; with --fcd: as long as it "
    "lasts)\n"
    "  --start TIME       first instant, e.g. 2026-06-01T08:00:00Z (default)\n"
    "  --seed S           of keys, routes and mistakes (default 1)\n"
    "  --cam-hz X         CAM per second and vehicle, 0 to 10 (default 1)\n"
    "  --tpr X            how often what is there is reported, 0 to 1 (default 0.95)\n"
    "  --fpr X            how often something is reported that is not so, 0 to 1 (default 0.02)\n"
    "  --sigma MM         standard deviation of positions, per axis (default 500)\n"
    "  --map-version N    version of the cell's map that --map is, as vehicles name it (default "
    "1)\n"
    "  --families N       makes of perception software (default 4)\n"
    "  --issuers N        authorities that issue tickets, 1 to 15 (default 3)\n"
    "  --ticket S         seconds after which a vehicle takes another ticket, silent for 3 to 13 "
    "before (default: never)\n"
    "  --liars F          share of vehicles that agree on a false change, 0 to 1 (default 0)\n"
    "  --pki DIR          where root.cert and aa-N.cert go (default: CAPTURE.trust)\n"
    "  --units N          tickets and keys for N roadside units as well, in DIR.units "
    "(default 0)\n"
    "  --origin LAT,LON   place of (0, 0) for maps with local coordinates only\n"
    "  --out FILE         the capture to write\n"
    "  --listen CAPTURE   be a vehicle that hears this (pcap, pcapng) and follows the cell's "
    "committees by the\n"
    "                     handovers in it; says how many held and whom it trusts then\n"
    "  --genesis FILE     of the cell, where that vehicle's trust begins\n"
    "  --no-clock         judge neither age nor future; else a frame's stamp is the vehicle's "
    "time\n"
    "  --version          print the version\n"
    "  --help             this text\n"
    "\n"
    "Exit: 0 done, 2 usage, 3 a file cannot be read or written.\n";

bool sim_decimal(const char *text, unsigned digits, int64_t *ret_v) {
    bool negative = *text == '-';
    const char *p = text + (negative ? 1 : 0);
    const int64_t most = INT64_MAX / 16;
    int64_t v = 0;
    bool point = false;
    unsigned decimals = 0;
    unsigned seen = 0;
    for (; *p != '\0'; p++) {
        if (*p == '.' && !point) {
            point = true;
            continue;
        }
        if (*p < '0' || *p > '9' || v > most / 10 || (point && decimals == digits))
            return false;
        v = 10 * v + (*p - '0');
        seen++;
        decimals += point ? 1 : 0;
    }
    for (; decimals < digits; decimals++) {
        if (v > most / 10)
            return false;
        v *= 10;
    }
    *ret_v = negative ? -v : v;
    return seen > 0;
}

static bool two(const char *p, int64_t lo, int64_t hi, int64_t *ret_v) {
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return false;
    *ret_v = 10 * (p[0] - '0') + (p[1] - '0');
    return *ret_v >= lo && *ret_v <= hi;
}

/* Days since 1970 of a date of the Gregorian calendar; the year begins in March, so the leap day ends it. */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

bool sim_time(const char *text, uint64_t *ret_its_us) {
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    size_t n = strlen(text);
    if (n != sizeof(shape) - 1 && (n != sizeof(shape) || text[n - 1] != 'Z'))
        return false;
    for (size_t i = 0; i < sizeof(shape) - 1; i++)
        if (shape[i] != 'd' && text[i] != shape[i])
            return false;
    int64_t century = 0;
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    int64_t h = 0;
    int64_t m = 0;
    int64_t s = 0;
    if (!two(text, 20, 20, &century) || !two(text + 2, 17, 99, &year) ||
        !two(text + 5, 1, 12, &month) || !two(text + 8, 1, 31, &day) ||
        !two(text + 11, 0, 23, &h) || !two(text + 14, 0, 59, &m) || !two(text + 17, 0, 59, &s))
        return false;
    year += 100 * century;
    static const int8_t length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (day > length[month - 1] + (month == 2 && year % 4 == 0 ? 1 : 0))
        return false;
    int64_t unix_s = ((days_of(year, month, day) * 24 + h) * 60 + m) * 60 + s;
    *ret_its_us = its_from_unix_us(unix_s * 1000000);
    return true;
}

/* ---- one option ---- */

static int read_origin(void *ctx, char *text, struct ws_err *err) {
    struct sim_options *o = ctx;
    char lat[32];
    const char *comma = strchr(text, ',');
    int64_t v[2] = {0, 0};
    if (comma != NULL && (size_t)(comma - text) < sizeof(lat)) {
        memcpy(lat, text, (size_t)(comma - text));
        lat[comma - text] = '\0';
        if (sim_decimal(lat, 7, &v[0]) && sim_decimal(comma + 1, 7, &v[1]) && v[0] >= -850000000 &&
            v[0] <= 850000000 && v[1] >= -1800000000 && v[1] <= 1800000000) {
            o->has_origin = true;
            o->lat0 = (int32_t)v[0];
            o->lon0 = (int32_t)v[1];
            return WS_OK;
        }
    }
    return ws_fail(err, WS_EINPUT,
        "--origin %.60s: not LATITUDE,LONGITUDE in degrees with at most 7 decimals", text);
}

static int read_change(void *ctx, char *text, struct ws_err *err) {
    const struct command_option seconds = {
        .name = "change-at", .digits = 6, .hi = INT64_C(86400000000)};
    struct sim_options *o = ctx;
    int64_t v = 0;
    o->change_half = strcmp(text, "half") == 0;
    if (o->change_half)
        return WS_OK;
    int rc = command_line_number(&seconds, text, &v, err);
    o->change_us = (uint64_t)v;
    return rc;
}

static int read_start(void *ctx, char *text, struct ws_err *err) {
    struct sim_options *o = ctx;
    if (sim_time(text, &o->start_its_us))
        return WS_OK;
    return ws_fail(err, WS_EINPUT,
        "--start %.40s: not an instant like 2026-06-01T08:00:00Z from 2017 to 2099", text);
}

static int check_listen(const struct sim_options *o, struct ws_err *err) {
    if (o->listen == NULL)
        return ws_fail(err, WS_EINPUT, "--genesis and --no-clock go with --listen");
    if (o->genesis == NULL)
        return ws_fail(err, WS_EINPUT, "--listen wants --genesis");
    if (o->map != NULL || o->out != NULL)
        return ws_fail(err, WS_EINPUT, "--listen and --map or --out exclude each other");
    return WS_OK;
}

static int check(const struct sim_options *o, struct ws_err *err) {
    if (o->listen != NULL || o->genesis != NULL || o->no_clock)
        return check_listen(o, err);
    if (o->map == NULL)
        return ws_fail(err, WS_EINPUT, "--map is missing");
    if (o->out == NULL)
        return ws_fail(err, WS_EINPUT, "--out is missing");
    if (o->fcd != NULL && o->vehicles != 0)
        return ws_fail(err, WS_EINPUT, "--vehicles and --fcd exclude each other");
    if (o->fcd == NULL && o->fcd_net != NULL)
        return ws_fail(err, WS_EINPUT, "--fcd-net without --fcd");
    if (!o->change_half && o->duration_us != 0 && o->change_us > o->duration_us)
        return ws_fail(err, WS_EINPUT, "--change-at lies behind --duration");
    return WS_OK;
}

int sim_options_read(int argc, char *const *argv, struct sim_options *ret_options,
    enum sim_asked *ret_asked, struct ws_err *err) {
    struct sim_options o = {
        .seed = 1,
        .change_half = true,
        .cam_hz = 1,
        .families = 4,
        .issuers = 3,
        .tpr_ppm = 950000,
        .fpr_ppm = 20000,
        .sigma_mm = 500,
        .map_version = 1,
    };
    bool help = false;
    bool version = false;
    bool stopped = false;
    const struct command_option options[] = {
        {"map", COMMAND_TEXT, .to = (void *)&o.map},
        {"world", COMMAND_TEXT, .to = (void *)&o.world},
        {"out", COMMAND_TEXT, .to = (void *)&o.out},
        {"pki", COMMAND_TEXT, .to = (void *)&o.pki},
        {"fcd", COMMAND_TEXT, .to = (void *)&o.fcd},
        {"fcd-net", COMMAND_TEXT, .to = (void *)&o.fcd_net},
        {"vehicles", COMMAND_SIZE, &o.vehicles, 0, .lo = 1, .hi = SIM_VEHICLES_MAX},
        {"liars", COMMAND_U32, &o.liars_ppm, 6, .lo = 0, .hi = 1000000},
        {"seed", COMMAND_SEED, .to = &o.seed},
        {"duration", COMMAND_U64, &o.duration_us, 6, .lo = 1000000, .hi = INT64_C(86400000000)},
        {"start", COMMAND_OWN, .to = &o, .take = read_start},
        {"change-at", COMMAND_OWN, .to = &o, .take = read_change},
        {"cam-hz", COMMAND_U32, &o.cam_hz, 0, .lo = 0, .hi = 10},
        {"families", COMMAND_U32, &o.families, 0, .lo = 1, .hi = 65535},
        {"issuers", COMMAND_U32, &o.issuers, 0, .lo = 1, .hi = SIM_ISSUERS_MAX},
        {"ticket", COMMAND_U64, &o.ticket_us, 6, .lo = 1000000, .hi = INT64_C(86400000000)},
        {"units", COMMAND_U32, &o.units, 0, .lo = 0, .hi = 64},
        {"tpr", COMMAND_U32, &o.tpr_ppm, 6, .lo = 0, .hi = 1000000},
        {"fpr", COMMAND_U32, &o.fpr_ppm, 6, .lo = 0, .hi = 1000000},
        {"sigma", COMMAND_U32, &o.sigma_mm, 0, .lo = 1, .hi = 2500},
        {"map-version", COMMAND_U64, &o.map_version, 0, .lo = 1, .hi = 1000000000},
        {"origin", COMMAND_OWN, .to = &o, .take = read_origin},
        {"listen", COMMAND_TEXT, .to = (void *)&o.listen},
        {"genesis", COMMAND_TEXT, .to = (void *)&o.genesis},
        {"no-clock", COMMAND_FLAG, .to = &o.no_clock},
        {"help", COMMAND_STOP, .to = &help},
        {"version", COMMAND_STOP, .to = &version},
    };
    char start[] = "2026-06-01T08:00:00Z";
    int rc = read_start(&o, start, err);
    if (rc == WS_OK)
        rc = command_line_read(
            options, ARRAY_LEN(options), "this program", NULL, NULL, argc, argv, &stopped, err);
    *ret_asked = help ? SIM_HELP : version ? SIM_VERSION : SIM_RUN;
    if (rc == WS_OK && !stopped)
        rc = check(&o, err);
    if (rc != WS_OK || stopped)
        return rc;
    if (o.listen != NULL)
        *ret_asked = SIM_LISTEN;
    if (o.fcd == NULL) {
        o.vehicles = o.vehicles == 0 ? 40 : o.vehicles;
        o.duration_us = o.duration_us == 0 ? 600000000 : o.duration_us;
    }
    if (!o.change_half && o.duration_us != 0 && o.change_us > o.duration_us)
        return ws_fail(err, WS_EINPUT, "--change-at lies behind --duration");
    *ret_options = o;
    return WS_OK;
}

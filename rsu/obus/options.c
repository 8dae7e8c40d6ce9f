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

enum option_id {
    OPT_MAP = 1,
    OPT_WORLD,
    OPT_OUT,
    OPT_PKI,
    OPT_FCD,
    OPT_FCD_NET,
    OPT_VEHICLES,
    OPT_LIARS,
    OPT_SEED,
    OPT_DURATION,
    OPT_START,
    OPT_CHANGE_AT,
    OPT_CAM_HZ,
    OPT_FAMILIES,
    OPT_ISSUERS,
    OPT_TICKET,
    OPT_UNITS,
    OPT_TPR,
    OPT_FPR,
    OPT_SIGMA,
    OPT_MAP_VERSION,
    OPT_ORIGIN,
    OPT_LISTEN,
    OPT_GENESIS,
    OPT_NO_CLOCK,
    OPT_HELP,
    OPT_VERSION,
};

static const struct option long_options[] = {
    {"map", required_argument, NULL, OPT_MAP},
    {"world", required_argument, NULL, OPT_WORLD},
    {"out", required_argument, NULL, OPT_OUT},
    {"pki", required_argument, NULL, OPT_PKI},
    {"fcd", required_argument, NULL, OPT_FCD},
    {"fcd-net", required_argument, NULL, OPT_FCD_NET},
    {"vehicles", required_argument, NULL, OPT_VEHICLES},
    {"liars", required_argument, NULL, OPT_LIARS},
    {"seed", required_argument, NULL, OPT_SEED},
    {"duration", required_argument, NULL, OPT_DURATION},
    {"start", required_argument, NULL, OPT_START},
    {"change-at", required_argument, NULL, OPT_CHANGE_AT},
    {"cam-hz", required_argument, NULL, OPT_CAM_HZ},
    {"families", required_argument, NULL, OPT_FAMILIES},
    {"issuers", required_argument, NULL, OPT_ISSUERS},
    {"ticket", required_argument, NULL, OPT_TICKET},
    {"units", required_argument, NULL, OPT_UNITS},
    {"tpr", required_argument, NULL, OPT_TPR},
    {"fpr", required_argument, NULL, OPT_FPR},
    {"sigma", required_argument, NULL, OPT_SIGMA},
    {"map-version", required_argument, NULL, OPT_MAP_VERSION},
    {"origin", required_argument, NULL, OPT_ORIGIN},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"genesis", required_argument, NULL, OPT_GENESIS},
    {"no-clock", no_argument, NULL, OPT_NO_CLOCK},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static int read_origin(const char *text, struct sim_options *o, struct ws_err *err) {
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

static int read_change(const char *text, struct sim_options *o, struct ws_err *err) {
    int64_t v = 0;
    o->change_half = strcmp(text, "half") == 0;
    if (o->change_half)
        return WS_OK;
    int rc = command_line_number("change-at", text, 6, 0, INT64_C(86400000000), &v, err);
    o->change_us = (uint64_t)v;
    return rc;
}

static int read_start(const char *text, struct sim_options *o, struct ws_err *err) {
    if (sim_time(text, &o->start_its_us))
        return WS_OK;
    return ws_fail(err, WS_EINPUT,
        "--start %.40s: not an instant like 2026-06-01T08:00:00Z from 2017 to 2099", text);
}

static int read_number(int opt, const char *text, struct sim_options *o, struct ws_err *err) {
    static const struct {
        int opt;
        unsigned digits;
        int64_t lo, hi;
    } ranges[] = {
        {OPT_VEHICLES, 0, 1, SIM_VEHICLES_MAX},
        {OPT_LIARS, 6, 0, 1000000},
        {OPT_DURATION, 6, 1000000, INT64_C(86400000000)},
        {OPT_CAM_HZ, 0, 0, 10},
        {OPT_FAMILIES, 0, 1, 65535},
        {OPT_ISSUERS, 0, 1, SIM_ISSUERS_MAX},
        {OPT_TICKET, 6, 1000000, INT64_C(86400) * 1000000},
        {OPT_UNITS, 0, 0, 64},
        {OPT_TPR, 6, 0, 1000000},
        {OPT_FPR, 6, 0, 1000000},
        {OPT_SIGMA, 0, 1, 2500},
        {OPT_MAP_VERSION, 0, 1, 1000000000},
    };
    size_t i = 0;
    while (i < ARRAY_LEN(ranges) && ranges[i].opt != opt)
        i++;
    if (i == ARRAY_LEN(ranges))
        return ws_fail(err, WS_EINPUT, "an option that this program does not have");
    int64_t v = 0;
    int rc = command_line_number(
        long_options[opt - 1].name, text, ranges[i].digits, ranges[i].lo, ranges[i].hi, &v, err);
    if (rc != WS_OK)
        return rc;
    switch (opt) {
    case OPT_VEHICLES:
        o->vehicles = (size_t)v;
        break;
    case OPT_LIARS:
        o->liars_ppm = (uint32_t)v;
        break;
    case OPT_DURATION:
        o->duration_us = (uint64_t)v;
        break;
    case OPT_CAM_HZ:
        o->cam_hz = (unsigned)v;
        break;
    case OPT_FAMILIES:
        o->families = (unsigned)v;
        break;
    case OPT_ISSUERS:
        o->issuers = (unsigned)v;
        break;
    case OPT_TICKET:
        o->ticket_us = (uint64_t)v;
        break;
    case OPT_UNITS:
        o->units = (unsigned)v;
        break;
    case OPT_TPR:
        o->tpr_ppm = (uint32_t)v;
        break;
    case OPT_FPR:
        o->fpr_ppm = (uint32_t)v;
        break;
    case OPT_MAP_VERSION:
        o->map_version = (uint64_t)v;
        break;
    default:
        o->sigma_mm = (uint32_t)v;
        break;
    }
    return WS_OK;
}

struct reading {
    struct sim_options o;
    enum sim_asked asked;
};

static int read_one(void *ctx, int opt, char *text, struct ws_err *err) {
    struct reading *r = ctx;
    struct sim_options *o = &r->o;
    switch (opt) {
    case OPT_HELP:
        r->asked = SIM_HELP;
        return COMMAND_LINE_ENOUGH;
    case OPT_VERSION:
        r->asked = SIM_VERSION;
        return COMMAND_LINE_ENOUGH;
    case OPT_MAP:
        o->map = text;
        return WS_OK;
    case OPT_WORLD:
        o->world = text;
        return WS_OK;
    case OPT_OUT:
        o->out = text;
        return WS_OK;
    case OPT_PKI:
        o->pki = text;
        return WS_OK;
    case OPT_FCD:
        o->fcd = text;
        return WS_OK;
    case OPT_FCD_NET:
        o->fcd_net = text;
        return WS_OK;
    case OPT_LISTEN:
        o->listen = text;
        return WS_OK;
    case OPT_GENESIS:
        o->genesis = text;
        return WS_OK;
    case OPT_NO_CLOCK:
        o->no_clock = true;
        return WS_OK;
    case OPT_SEED:
        return command_line_seed("seed", text, &o->seed, err);
    case OPT_START:
        return read_start(text, o, err);
    case OPT_CHANGE_AT:
        return read_change(text, o, err);
    case OPT_ORIGIN:
        return read_origin(text, o, err);
    default:
        return read_number(opt, text, o, err);
    }
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
    struct reading r = {.asked = SIM_RUN,
        .o = {
            .seed = 1,
            .change_half = true,
            .cam_hz = 1,
            .families = 4,
            .issuers = 3,
            .tpr_ppm = 950000,
            .fpr_ppm = 20000,
            .sigma_mm = 500,
            .map_version = 1,
        }};
    const struct command_line line = {
        .options = long_options, .whose = "this program", .option = read_one, .ctx = &r};
    struct sim_options *o = &r.o;
    int rc = read_start("2026-06-01T08:00:00Z", o, err);
    if (rc == WS_OK)
        rc = command_line_read(&line, argc, argv, err);
    *ret_asked = r.asked;
    if (rc == COMMAND_LINE_ENOUGH)
        return WS_OK;
    if (rc == WS_OK)
        rc = check(o, err);
    if (rc != WS_OK)
        return rc;
    if (o->listen != NULL)
        *ret_asked = SIM_LISTEN;
    if (o->fcd == NULL) {
        o->vehicles = o->vehicles == 0 ? 40 : o->vehicles;
        o->duration_us = o->duration_us == 0 ? 600000000 : o->duration_us;
    }
    if (!o->change_half && o->duration_us != 0 && o->change_us > o->duration_us)
        return ws_fail(err, WS_EINPUT, "--change-at lies behind --duration");
    *ret_options = *o;
    return WS_OK;
}

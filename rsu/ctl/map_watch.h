/* rsuctl map watch in parts: the folder, one version, the map it carries along. Internal to rsu/ctl/map_watch*.c. One
 * thread. */
#ifndef WAYSIDE_RSU_CTL_MAP_WATCH_H
#define WAYSIDE_RSU_CTL_MAP_WATCH_H

#include "mapsvc/formats/export_part.h"
#include "rsu/ctl/http.h"
#include "rsu/ctl/light.h"

enum watch_format { WATCH_GEOJSONSEQ, WATCH_OSC, WATCH_ADIFF, WATCH_TNITS, WATCH_JSON };
#define WATCH_FORMATS 5

/* A whole map, when a format needs one that the unit does not make any more. */
struct watch_map {
    bool there;
    uint64_t version;
    struct mapset map; /* owned while there */
    struct map_names names; /* of its elements, once it is where it was wanted */
};

struct watch {
    const struct ctl_verb *v;
    const char *out;
    bool json; /* a line for each version */
    struct ctl_http *http;
    uint64_t have; /* last version that is in the folder */
    char cell_id[65]; /* "" until known */
    char record[65]; /* SHA-256 of the last version's record; "" when not known */
    bool fresh; /* no state in the folder yet */
    bool wanted[WATCH_FORMATS];
    bool judged; /* genesis and light are set: who signed is checked */
    struct ctl_genesis genesis;
    struct ctl_light light;
    struct watch_map carried;
    bool stopped; /* a signal asked for it */
};
/* Between two files: a signal asks to stop. */
bool watch_stop_asked(struct watch *w);

/* ---- the folder ---- */

/* Makes and locks it, reads what it has, and says on standard error which wanted formats it has not got so far; from, snapshot: what a new one begins behind (0, NULL: the base map). CTL_DONE, or
 * the exit code after saying why. The caller closes *ret_lock. */
WARN_UNUSED int watch_open_folder(
    struct watch *w, uint64_t from, const char *snapshot, int *ret_lock);
WARN_UNUSED int watch_save_state(const struct watch *w, struct ws_err *err);
/* DIR/000123.ending, whole or not at all. */
WARN_UNUSED int watch_put(const struct watch *w, uint64_t version, const char *ending,
    struct span data, struct ws_err *err);

/* ---- one version ---- */

/* False: no such format. */
bool watch_format_named(const char *name, enum watch_format *ret);
const char *watch_format_ending(enum watch_format f); /* of its files, without the dot */
/* The next version, as /v1/map/diffs has it in JSON: checked, all its files, then the state, then said. WS_EBUSY: later;
 * WS_EIO: not got or not written; WS_EINPUT, WS_ENOTFOUND: never. */
WARN_UNUSED int watch_take(struct watch *w, const json_t *version, struct ws_err *err);

/* ---- the map carried along ---- */

/* The map after v, the version behind the one in the folder: stepped forward, or made from the unit's whole map and what it
 * has of versions since. */
WARN_UNUSED int watch_map_reach(struct watch *w, const struct map_version *v, struct ws_err *err);
void watch_map_drop(struct watch *w);

#endif

/* Maps as files, for the verbs of rsuctl map. Internal to rsu/ctl/map*.c. */
#ifndef WAYSIDE_RSU_CTL_MAP_H
#define WAYSIDE_RSU_CTL_MAP_H

#include "mapsvc/fuse/range.h"
#include "rsu/ctl/ctl.h"

/* map_import, or the map in a snapshot (then `how` does not matter); the remarks of a report (may be NULL) go to standard error. */
WARN_UNUSED int ctl_map_load(const char *path, const struct map_import_options *how,
    struct mapset *m, struct map_report *report, struct ws_err *err);
/* What `map snapshot` and `map net` write. */
WARN_UNUSED int ctl_map_snapshot_load(
    const char *path, struct map_snapshot *ret, struct ws_err *err);
/* Each kept text behind "what: ", and how many more there are. */
void ctl_map_tell(const struct map_report *report, const char *what);

/* ---- TN-ITS ---- */

struct ctl_tnits {
    const char *provider, *time; /* options; time NULL: not given */
    int64_t time_ms; /* Unix ms; 0: that of the map */
};
/* False: `time` is none. */
WARN_UNUSED bool ctl_tnits_read(struct ctl_tnits *t);
/* Both append a data set to a buffer and say on standard error what they left out. */
void ctl_tnits_snapshot(const struct mapset *m, const struct ctl_tnits *how, struct buf *b);
void ctl_tnits_update(const struct mapset *a, const struct mapset *b, const struct map_delta *d,
    const struct ctl_tnits *how, struct buf *out);

#endif

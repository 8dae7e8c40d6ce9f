/* Maps as files, for the verbs of rsuctl map. Internal to rsu/ctl/map*.c. */
#ifndef WAYSIDE_RSU_CTL_MAP_H
#define WAYSIDE_RSU_CTL_MAP_H

#include "mapsvc/model/mapset.h"
#include "rsu/ctl/ctl.h"

/* map_import; the remarks of a report (may be NULL) go to standard error. */
WARN_UNUSED int ctl_map_load(const char *path, const struct map_import_options *how,
    struct mapset *m, struct map_report *report, struct ws_err *err);
/* Each kept text behind "what: ", and how many more there are. */
void ctl_map_tell(const struct map_report *report, const char *what);

#endif

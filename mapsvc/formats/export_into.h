/* A map written into the file it came from: what differs between the two is changed in the file's octets, everything
 * else stays as it is, octet for octet. Read again, the result gives the same map, or what does not is named. Any
 * thread. */
#ifndef WAYSIDE_MAPSVC_FORMATS_EXPORT_INTO_H
#define WAYSIDE_MAPSVC_FORMATS_EXPORT_INTO_H

#include "mapsvc/model/mapset.h"

/* Appends to b. base: the file whose digest m names; its language is told by content. unsaid names each element
 * that the result does not say as m has it, unsaid->skipped is their number. WS_EINPUT when base is another file,
 * WS_ENOTSUP when its language or encoding cannot be written into. */
WARN_UNUSED int map_export_into(const struct mapset *m, const char *base_path, struct buf *b,
    struct map_report *unsaid, struct ws_err *err);

/* One language; base is the file's content, its digest is checked. Of OpenDRIVE it may also be another version of the
 * file, since names, not digests, tell what is what there. */
WARN_UNUSED int lanelet2_export_into(const struct mapset *m, const char *base_path,
    struct span base, struct buf *b, struct map_report *unsaid, struct ws_err *err);
WARN_UNUSED int opendrive_export_into(const struct mapset *m, const char *base_path,
    struct span base, struct buf *b, struct map_report *unsaid, struct ws_err *err);

#endif

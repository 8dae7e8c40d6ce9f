/* What diffs need of the map. Internal to rsu/http*.c; libmicrohttpd's threads. */
#ifndef WAYSIDE_RSU_HTTP_MAP_H
#define WAYSIDE_RSU_HTTP_MAP_H

#include "rsu/http_internal.h"

/* The published version that `version` names, the current one without it. False: the reply says why. */
bool http_map_version(
    struct http *h, const struct http_call *c, uint64_t *ret_version, struct http_reply *r);
/* Whether the map of a published version can still be made from the current one; the reply says so if not. */
bool http_map_reachable(struct http *h, uint64_t version, struct http_reply *r);
/* The map at a published version; mapset_free. False: the reply says why. */
bool http_map_at(struct http *h, uint64_t version, struct mapset *ret_map, struct http_reply *r);

#endif

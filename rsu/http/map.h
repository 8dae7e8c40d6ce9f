/* The map at a version, for the faces that give it out. Internal to rsu/http. */
#ifndef WAYSIDE_RSU_HTTP_MAP_H
#define WAYSIDE_RSU_HTTP_MAP_H

#include "rsu/http/lanes.h"
#include "rsu/http/reader.h"

/* http_map.c. The published version that `version` names, the current one without it. False: the reply says why. */
bool http_map_version(
    struct http *h, const struct http_call *c, uint64_t *ret_version, struct http_reply *r);
/* Whether the map of a published version can still be made from the current one; the reply says so if not. */
bool http_map_reachable(struct http *h, uint64_t version, struct http_reply *r);

/* http_maps.c. Where the map of a published version is to be asked for. */
enum http_lane http_map_lane(struct http *h, uint64_t version);
/* In that lane's thread: the map at this version, until its next question. NULL: the reply says why. */
struct reader_map *http_map_at(
    struct http *h, enum http_lane lane, uint64_t version, struct http_reply *r);
/* In a lane's thread, now and then: what was not asked for in a while is given up. */
void http_maps_idle(struct http *h, enum http_lane lane);

/* A text of a whole map, shared by the answers that send it. Of each kind the last one is kept, and the last one of an old
 * version. Any thread. */
enum page_kind { PAGE_GEOJSON, PAGE_SNAPSHOT, PAGE_KINDS };
/* Makes it the reply if it is kept; false: it is not. */
bool http_page_give(struct http *h, enum page_kind kind, uint64_t version, struct http_reply *r);
/* Keeps it, and makes it the reply, or a refusal for want of room. Takes over the text. */
void http_page_put(
    struct http *h, enum page_kind kind, uint64_t version, struct buf *text, struct http_reply *r);
/* Lets go of what is kept and not being sent: pages, and tiles. */
void http_pages_drop(struct http *h);

/* http_tiles.c. Encoded tiles, kept from version to version. */
struct tile_shelf *tile_shelf_new(void);
void tile_shelf_free(struct http *h); /* after the server */
void tile_shelf_drop(struct http *h); /* any thread */
/* reader_fn of the near lane; ctx is the struct http. */
void tile_shelf_follow(
    void *ctx, const struct reader_map *m, const struct change_record *changes, size_t n);

#endif

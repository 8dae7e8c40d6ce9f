/* rsuctl asks a unit over HTTP: TCP, TLS or a Unix socket, GET only. One thread. */
#ifndef WAYSIDE_RSU_CTL_HTTP_H
#define WAYSIDE_RSU_CTL_HTTP_H

#include "rsu/ctl/ctl.h"

#include <jansson.h>

struct ctl_http;

/* Its address: "127.0.0.1:8100", "[::1]:8100", "http://host:port", "https://host/path", "unix:/path". Certificates go with https
 * alone. Connects to nothing yet. The face's texts must outlive it. */
WARN_UNUSED int ctl_http_open(
    const struct ctl_face *face, struct ctl_http **ret_http, struct ws_err *err);
void ctl_http_close(struct ctl_http *h); /* NULL is fine */

/* What an answer may be long at the most, in octets: a unit is not believed, and what it sends is kept in memory. By endpoint, where it is
 * not CTL_JSON_MAX: */
enum {
    CTL_JSON_MAX = 1 << 20,
    CTL_ROUND_MAX = 16 << 20, /* /v1/learning/rounds/N: what was said against whom */
    CTL_HANDOVERS_MAX = 16 << 20, /* /v1/handovers: 64 of them */
    CTL_POLICIES_MAX = 16 << 20, /* /v1/policies: with the script */
    CTL_PROOF_MAX =
        32 << 20, /* /v1/proofs/...: handovers since the genesis, and an entry of 1 MiB twice */
    CTL_BLOCK_MAX = 64 << 20, /* /v1/blocks/N: a line for each transaction and event */
    CTL_TILES_MAX = 64 << 20, /* /v1/map/tiles: all of them */
    CTL_DIFFS_MAX = 256 << 20, /* /v1/map/diffs: 256 versions, each with its proof */
    CTL_MODEL_MAX = 8 << 20, /* /v1/models/HASH: FL_MAX_PARAMS of 4 octets, names, norms */
    CTL_FILE_MAX = 1 << 30, /* maps and parts of them */
};

/* The body of a 200, of at most so many octets, 1 to CTL_FILE_MAX. The whole answer must be there in the patience of who asks and a second
 * for each 64 KiB of `most` (each MiB, where the face has a patience of its own), so that whoever trickles cannot hold anybody up.
 * WS_EIO: no answer, one that is longer or takes longer, one that is no HTTP, or 500. WS_ENOTFOUND: 404, 410. WS_EBUSY, try later: 409 (after
 * asking again for a while), 429, 502, 503, 504. WS_EINPUT: any other refusal. The text holds what the unit said. */
WARN_UNUSED int ctl_http_get(
    struct ctl_http *h, const char *path, size_t most, struct buf *ret_body, struct ws_err *err);
/* Status of the last answer: tells a 404 from a 410. 0: there was none. */
long ctl_http_status(const struct ctl_http *h);
/* The same for a JSON body: an object, of at most CTL_JSON_MAX, or of so many octets. WS_EIO when it is none. */
WARN_UNUSED int ctl_http_json(
    struct ctl_http *h, const char *path, json_t **ret_object, struct ws_err *err);
WARN_UNUSED int ctl_http_json_most(
    struct ctl_http *h, const char *path, size_t most, json_t **ret_object, struct ws_err *err);
/* The bundle out of a page of /v1/proofs: still to be proven (rsu/proofs/check.h). WS_EINPUT: an answer without one. */
WARN_UNUSED int ctl_http_bundle(
    struct ctl_http *h, const char *path, struct buf *ret_octets, struct ws_err *err);

/* ---- reading answers: what is missing or of another type is "?" or 0 ---- */
const char *ctl_json_text(const json_t *object, const char *key);
long long ctl_json_number(const json_t *object, const char *key);
/* Octets from a string of hex digits. */
WARN_UNUSED int ctl_json_octets(
    const json_t *object, const char *key, struct buf *ret_octets, struct ws_err *err);

#endif

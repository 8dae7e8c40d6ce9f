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
/* Answers from now on are refused (WS_EIO) when they are longer; 1 GiB unless said. */
void ctl_http_limit(struct ctl_http *h, size_t octets);

/* The body of a 200. WS_EIO: no answer, one that is no HTTP, or 500. WS_ENOTFOUND: 404, 410. WS_EBUSY, try later: 409 (after
 * asking again for a while), 429, 502, 503, 504. WS_EINPUT: any other refusal. The text holds what the unit said. */
WARN_UNUSED int ctl_http_get(
    struct ctl_http *h, const char *path, struct buf *ret_body, struct ws_err *err);
/* Status of the last answer: tells a 404 from a 410. 0: there was none. */
long ctl_http_status(const struct ctl_http *h);
/* The same for a JSON body: an object. WS_EIO when it is none. */
WARN_UNUSED int ctl_http_json(
    struct ctl_http *h, const char *path, json_t **ret_object, struct ws_err *err);

/* ---- reading answers: what is missing or of another type is "?" or 0 ---- */
const char *ctl_json_text(const json_t *object, const char *key);
long long ctl_json_number(const json_t *object, const char *key);
/* Octets from a string of hex digits. */
WARN_UNUSED int ctl_json_octets(
    const json_t *object, const char *key, struct buf *ret_octets, struct ws_err *err);

#endif

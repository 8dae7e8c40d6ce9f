/* The target of a request, taken apart strictly: path segments and query arguments, decoded, bounded. Pure;
 * any thread. */
#ifndef WAYSIDE_RSU_HTTP_TARGET_H
#define WAYSIDE_RSU_HTTP_TARGET_H

#include "base/bytes.h"
#include "base/error.h"

#define HTTP_TARGET_MAX 2048 /* octets as received */
#define HTTP_SEGMENTS_MAX 8
#define HTTP_ARGS_MAX 8

struct http_target {
    size_t n_segments;
    const char *segment[HTTP_SEGMENTS_MAX]; /* into text; may be empty */
    size_t n_args;
    struct http_arg {
        const char *key, *value; /* value "" when there is no '=' */
    } arg[HTTP_ARGS_MAX];
    char text[HTTP_TARGET_MAX + 2];
};

/* Origin form only ("/v1/map?version=3"). Percent-encoding is undone after splitting, so an encoded slash is data;
 * control characters, encoded or not, octets above 0x7e and repeated keys are refused. WS_EINPUT with the octet,
 * WS_ELIMIT when it is too long or has too many parts. */
WARN_UNUSED int http_target_parse(
    const char *raw, struct http_target *ret_target, struct ws_err *err);
const char *http_target_arg(const struct http_target *t, const char *key); /* NULL: not given */
/* True when the segments are those of the pattern, in which "*" stands for any one that is not empty. */
bool http_target_is(const struct http_target *t, const char *pattern);

/* Decimal digits only. `what` names the number in the error. */
WARN_UNUSED int http_number(
    const char *text, const char *what, uint64_t max, uint64_t *ret_value, struct ws_err *err);
/* Hex digits, an even number of them, at least 2, at most 2 * max; appended to ret_octets. */
WARN_UNUSED int http_hex(
    const char *text, const char *what, size_t max, struct buf *ret_octets, struct ws_err *err);

#endif

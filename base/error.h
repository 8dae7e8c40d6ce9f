/* Errors that a person reads: a code for the program, a sentence with the place for the human.
 *
 * Convention of the whole project: functions that can fail return 0 or a negative enum ws_code and,
 * where a reader can do something about it, take `struct ws_err *err` as last argument (may be NULL).
 * err is written only on failure. Any thread; allocates nothing. */
#ifndef WAYSIDE_BASE_ERROR_H
#define WAYSIDE_BASE_ERROR_H

#include "base/compiler.h"

enum ws_code {
    WS_OK = 0,
    WS_EINPUT = -1, /* what came in is malformed or breaks a rule */
    WS_ENOTFOUND = -2, /* the thing asked for is not there */
    WS_EIO = -3, /* a file, socket or device answered with an error */
    WS_ELIMIT = -4, /* a configured bound is reached */
    WS_ENOMEM = -5, /* the machine has no memory left */
    WS_EBUSY = -6, /* try again later */
    WS_ENOTSUP = -7, /* well formed, but not read by this version; refused by name */
    WS_ECRYPTO = -8, /* the cryptographic library failed (not: a signature is bad) */
    WS_EEXIST = -9, /* already there */
};

#define WS_ERR_TEXT 512

struct ws_err {
    enum ws_code code;
    char text[WS_ERR_TEXT];
};

/* Writes err (if not NULL) and returns code, so that `return ws_fail(...)` reads as one thought. */
int ws_fail(struct ws_err *err, enum ws_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "context: " before the text of a failure on its way up; returns err's code. */
int ws_fail_in(struct ws_err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif

/* The admin socket: a Unix socket (mode 0660) through which orders of the authorities come in. Protocol: the caller
 * sends length (4 octets, big-endian) and a transaction (an order, or evidence), and gets one line back: "ok ID" with its
 * identity, or "no REASON". Who may connect is the file's permissions; what counts is the signatures. In the place of an
 * order an operator's words to the ports may stand, "port list", "port stop PORT", "port start PORT" (no order starts with
 * a letter): they change nothing that others rely on, so that being let in is enough. Owner thread. */
#ifndef WAYSIDE_RSU_HOST_ADMIN_H
#define WAYSIDE_RSU_HOST_ADMIN_H

#include "base/bytes.h"
#include "base/error.h"

struct admin;

/* Answers one order; appends the reply line (without the newline) to ret_line. */
typedef void (*admin_fn)(void *ctx, struct span order, struct buf *ret_line);

/* Replaces a socket file that nobody listens at any more. WS_EBUSY: somebody does; WS_EIO: the path cannot be made, or
 * holds something that is no socket. */
WARN_UNUSED int admin_open(const char *path, size_t octets_max, admin_fn fn, void *ctx,
    struct admin **ret_admin, struct ws_err *err);
/* What begins with this word, and only that, may have so many octets. The word is borrowed. */
void admin_allow_long(struct admin *a, const char *word, size_t octets_max);
/* Only inside admin_fn: the socket of whoever sent the order is the callee's to answer and to close from now on, and what fn
 * leaves in ret_line goes nowhere. For answers that take their time. */
int admin_take_socket(struct admin *a);
int admin_fd(
    const struct admin *a); /* an epoll descriptor: readable when admin_serve has something to do */
void admin_serve(struct admin *a, uint64_t mono_us);
void admin_close(struct admin *a); /* removes the socket file */

/* The caller's side: sends one order to the socket and waits for the line (at most 10 s). */
WARN_UNUSED int admin_send(
    const char *path, struct span order, struct buf *ret_line, struct ws_err *err);

#endif

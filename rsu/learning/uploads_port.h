/* The socket that vehicles upload to, and its thread (rsu/learning/uploads.h does the rest). UDP over IPv6, and IPv4 on the same socket when it
 * is bound to "[::]". An answer goes out from the address that was asked. */
#ifndef WAYSIDE_RSU_LEARNING_UPLOADS_PORT_H
#define WAYSIDE_RSU_LEARNING_UPLOADS_PORT_H

#include "rsu/learning/uploads.h"

#include <netinet/in.h>

/* "[::]:PORT", "[2001:db8::1]:PORT" or "192.0.2.1:PORT"; port 0: one that is free. IPv4 becomes ::ffff:a.b.c.d. */
WARN_UNUSED int uploads_port_parse(
    const char *text, struct sockaddr_in6 *ret_address, struct ws_err *err);

struct uploads_port;
/* io: `send`, `write`, their ctx and `random` are the port's own and ignored; the others are called in its thread, and what they use outlives the port,
 * as the ledger does. keep_many: instead of io's keep, in a thread of its own (rsu/learning/writer.h), with io's ctx; NULL: the port's thread waits for
 * the disk. */
WARN_UNUSED int uploads_port_open(const char *bind_to, const struct uploads_limits *limits,
    const struct uploads_ledger *ledger, const struct uploads_io *io,
    void (*keep_many)(void *ctx, struct uploads_whole *const *w, size_t n),
    const struct ws_clock *clock, struct uploads_port **ret, struct ws_err *err);
void uploads_port_close(struct uploads_port *p); /* ends the thread; NULL is fine */
uint16_t uploads_port_number(const struct uploads_port *p);

struct uploads_port_counters {
    struct uploads_counters uploads;
    uint64_t not_sent; /* answers that the machine did not take */
    uint64_t too_long; /* datagrams that no format of ours has */
};
/* Any thread; as of the last batch. */
struct uploads_port_counters uploads_port_read(struct uploads_port *p);

#endif

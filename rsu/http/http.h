/* The read-only HTTP face: /v1/..., /metrics, /healthz (docs/openapi.yaml). libmicrohttpd in its own thread;
 * what is final is read from the store there, what lives in the ledger's owner thread is asked through the mailbox. */
#ifndef WAYSIDE_RSU_HTTP_HTTP_H
#define WAYSIDE_RSU_HTTP_HTTP_H

#include "base/clock.h"
#include "base/error.h"
#include "rsu/daemon/rsud.h"
#include "rsu/host/mailbox.h"

struct http;

struct http_config {
    const char *listen; /* as config.http */
    unsigned connections; /* at once; event streams count */
    unsigned waiting; /* calls that may wait for a long answer, of each kind; at least 1 */
    size_t octets; /* of large answers in memory at once */
};
WARN_UNUSED int http_start(
    const struct http_config *cfg, struct rsud *daemon, struct http **ret_http, struct ws_err *err);
/* After a block is final: wakes the event streams. Any thread. */
void http_notify(struct http *h);
void http_stop(struct http *h);

#endif

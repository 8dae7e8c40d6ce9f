/* Threads beside the event loop, for answers that take their time: the event loop's own must be back at once, as streams, long
 * polls, /metrics and /healthz wait for them. A call that is given to a lane sleeps in libmicrohttpd until the lane has its
 * answer. One thread and one bounded queue for each kind of work, so that none waits for another. Internal to rsu/http. */
#ifndef WAYSIDE_RSU_HTTP_LANES_H
#define WAYSIDE_RSU_HTTP_LANES_H

#include "rsu/http/internal.h"

const char *http_lane_name(enum http_lane lane);

struct lanes;
/* waiting: calls in each queue. NULL: no thread to be had. */
struct lanes *lanes_new(struct http *h, unsigned waiting);
void lanes_stop(struct lanes *l); /* answers all that wait; before MHD_stop_daemon */
void lanes_free(struct lanes *l); /* after it; NULL is fine */

/* Puts the call to sleep until r->later has answered it in the thread of r->lane; true: nothing more is to be done with it now.
 * False: it is refused, 503, and the reply says why. */
bool lanes_give(struct lanes *l, struct http_call *c, struct http_reply *r);
/* What a call that was awoken is answered with. */
void lanes_take_reply(struct http_call *c, struct http_reply *ret);
void lanes_forget(struct http *h, struct http_call *c); /* the call ends; NULL job is fine */
/* Runs fn between two calls, in the lane's thread; more than once may come to one. Any thread; false: no room. */
typedef void (*lane_fn)(struct http *h, void *ctx);
bool lanes_post(struct lanes *l, enum http_lane lane, lane_fn fn, void *ctx);
/* Whether the face is being stopped: what takes long looks now and then. */
bool lanes_stopping(const struct lanes *l);
/* Calls that wait in a queue or are being answered. */
size_t lanes_waiting(struct lanes *l, enum http_lane lane);
unsigned lanes_waiting_max(const struct lanes *l);

#endif

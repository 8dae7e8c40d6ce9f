/* How much of answers is in memory, on its way to clients that read as slowly as they like: counted, and bounded by
 * http_octets_mb. What does not fit is refused by name. What is shared by several answers counts once. */
#include "rsu/http/internal.h"
#include "rsu/http/prometheus.h"

#include "base/mem.h"
#include "rsu/http/lanes.h"
#include "rsu/http/map.h"

#include <stdlib.h>

/* Smaller ones are bounded by the number of connections. */
enum { SMALL = 1 << 16 };

const char *http_refusal_name(enum http_refusal why) {
    static const char *const names[] = {"octets", "queue"};
    return names[why];
}

void http_refused(struct http *h, enum http_refusal why) {
    (void)atomic_fetch_add(&h->refused[why], 1);
}

static bool take(struct http *h, size_t n) {
    size_t have = atomic_load(&h->octets);
    /* One answer alone may be larger than the bound: else the map itself could be too large to be given out. */
    while (have == 0 || (n <= h->octets_max && have <= h->octets_max - n))
        if (atomic_compare_exchange_weak(&h->octets, &have, have + n))
            return true;
    return false;
}

bool http_take_octets(struct http *h, size_t n) {
    if (take(h, n))
        return true;
    http_pages_drop(h); /* kept only in case that somebody asks */
    return take(h, n);
}

void http_leave_octets(struct http *h, size_t n) {
    (void)atomic_fetch_sub(&h->octets, n);
}

void http_no_room(struct http *h, struct http_reply *r) {
    http_refused(h, REFUSED_OCTETS);
    buf_free(&r->body); /* the text of a refusal needs less */
    http_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE,
        "other clients have not taken their answers yet, and there is no room for another one; ask "
        "again");
    http_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "2");
}

bool http_room(struct http *h, struct http_reply *r) {
    if (atomic_load(&h->octets) < h->octets_max)
        return true;
    http_pages_drop(h);
    if (atomic_load(&h->octets) < h->octets_max)
        return true;
    http_no_room(h, r);
    return false;
}

void http_count_octets(struct http *h, struct http_reply *r) {
    if (r->counted > 0 || r->made != NULL || r->body.n <= SMALL)
        return;
    if (http_take_octets(h, r->body.n))
        r->counted = r->body.n;
    else
        http_no_room(h, r);
}

void http_reply_free(struct http *h, struct http_reply *r) {
    if (r->made != NULL)
        MHD_destroy_response(r->made);
    buf_free(&r->body);
    http_leave_octets(h, r->counted);
    *r = (struct http_reply){0};
}

void http_put_octets(struct metrics *m, const struct http *h) {
    metrics_family(m, "wayside_http_octets", METRIC_GAUGE,
        "Octets of large answers and of the map's pages in memory");
    metrics_value(m, atomic_load(&h->octets), NULL);
    metrics_family(m, "wayside_http_octets_max", METRIC_GAUGE, "Their bound");
    metrics_value(m, h->octets_max, NULL);
    metrics_family(m, "wayside_http_waiting", METRIC_GAUGE,
        "Calls that wait for an answer that takes its time, by kind of work");
    for (size_t i = 0; i < HTTP_LANES; i++)
        metrics_value(m, lanes_waiting(h->lanes, (enum http_lane)i), "lane",
            http_lane_name((enum http_lane)i), NULL);
    metrics_family(m, "wayside_http_waiting_max", METRIC_GAUGE, "Bound of each");
    metrics_value(m, lanes_waiting_max(h->lanes), NULL);
    metrics_family(m, "wayside_http_map_steps_total", METRIC_COUNTER,
        "Versions that maps were taken on or back by, for answers");
    metrics_value(m, atomic_load(&h->map_steps), NULL);
    metrics_family(m, "wayside_http_refused_total", METRIC_COUNTER,
        "Calls told to come again: no room for the answer, or too many waiting");
    for (size_t i = 0; i < REFUSALS; i++)
        metrics_value(m, atomic_load(&h->refused[i]), "reason",
            http_refusal_name((enum http_refusal)i), NULL);
}

/* What the map's authority orders, and what the cell says about its orders afterwards (docs/formats/map.md). Bodies
 * of orders of role ROLE_MAP and of event 4 of the map contract. An order's id is that of its transaction.
 * Any thread. */
#ifndef WAYSIDE_MAPSVC_FUSE_ORDER_H
#define WAYSIDE_MAPSVC_FUSE_ORDER_H

#include "mapsvc/fuse/diff.h"

/* Kinds of orders of ROLE_MAP. */
#define MAP_ORDER_CHANGE 1
#define MAP_ORDER_WITHDRAW 2
/* Longest body. */
#define MAP_ORDER_MAX (256U << 10)
/* Nothing that an order places is further from the cell's origin than this, per axis. */
#define MAP_ORDER_REACH_MM 100000000

/* `element` is a template. Create: the whole element, id zero, revision 0, at least one point. Modify: id and kind of the
 * element; value and heading when they change; points when they change, all of them; attributes to set (an empty value
 * takes one away). Delete: id and kind alone. No aliases. valid_from_ms .. valid_to_ms is when the order is in force. */
struct map_order {
    enum map_change_op op;
    uint8_t
        supersedes[32]; /* id of the order on the same element that this one replaces; zero: none */
    struct element element; /* owned */
};
void map_order_free(struct map_order *o);
void map_order_encode(const struct map_order *o, struct buf *b);
/* WS_EINPUT with the reason also when template and op do not fit. */
WARN_UNUSED int map_order_decode(struct span s, struct map_order *ret_order, struct ws_err *err);
void map_withdraw_encode(const uint8_t order[static 32], struct buf *b);
WARN_UNUSED int map_withdraw_decode(
    struct span s, uint8_t ret_order[static 32], struct ws_err *err);

/* False: the element would have more attributes than one may have (ELEMENT_MAX_ATTRS). */
bool map_order_fits(const struct element *template, const struct element *now);
/* The element that `now` becomes by the template of a modify, which must fit: revision + 1, valid in the order's time. */
struct element map_order_apply(const struct element *template, const struct element *now);

/* ---- event 4: how it fares ---- */

enum map_order_news {
    ORDER_IN_FORCE = 1, /* its change is in the map */
    ORDER_LAPSED = 2, /* its time is over; the change was taken back */
    ORDER_WITHDRAWN = 3,
    ORDER_SUPERSEDED = 4,
    ORDER_VOID = 5, /* what it was about was gone when its time began */
    ORDER_OBEYED = 6, /* the road shows what it says */
    ORDER_DISOBEYED = 7, /* the road shows something else: `seen` */
};
enum map_order_seen {
    SEEN_AS_ORDERED = 0,
    SEEN_GONE = 1, /* it is not there */
    SEEN_VALUE = 2, /* it shows another value */
    SEEN_ELSEWHERE = 3, /* it stands at `at` */
    SEEN_STILL_THERE = 4, /* what was ordered away stands at `at` */
};
struct map_order_report {
    uint64_t height, block_time; /* Time64, us */
    uint8_t order[32];
    uint8_t element_id[16];
    enum map_order_news news;
    /* ORDER_OBEYED and ORDER_DISOBEYED; zero otherwise */
    enum map_order_seen seen;
    bool has_value;
    int32_t value;
    struct map_point at;
    int64_t bits_q16, threshold_q16;
    uint32_t vehicles, groups, issuers, families;
    uint64_t first_seen, last_seen; /* Time64, us */
    uint8_t evidence_root[32]; /* as in a change record */
};
void map_order_report_encode(const struct map_order_report *r, struct buf *b);
WARN_UNUSED int map_order_report_decode(
    struct span s, struct map_order_report *ret_report, struct ws_err *err);
const char *map_order_news_name(enum map_order_news n); /* "in_force", "lapsed", ... */
const char *map_order_seen_name(enum map_order_seen s); /* "as_ordered", "gone", ... */

#endif

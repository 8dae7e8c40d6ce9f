/* Orders of the authority in the map contract: applied as soon as their time has come, without any threshold; while one
 * is in force, what the road shows about its element is reported and changes nothing.
 *
 * An order in a block is only noted; at the end of the block, before the votes are counted, what is due is
 * applied. So its place among the block's observations does not matter.
 *
 * State key "o" order id(32). One thread. */
#ifndef WAYSIDE_MAPSVC_FUSE_DECREE_H
#define WAYSIDE_MAPSVC_FUSE_DECREE_H

#include "mapsvc/fuse/contract_internal.h"
#include "mapsvc/fuse/order.h"

#define DECREES_MAX 4096 /* waiting and in force together */

struct decree {
    uint8_t id[32];
    bool in_force; /* else its time has not come */
    bool withdrawn; /* and is to be ended */
    bool chained; /* took over from another one, and what comes back with it */
    struct map_order order;
    uint8_t element_id[16];
    uint8_t change_id[32]; /* of the change that put it into force */
    bool has_before; /* what comes back when it ends; without it, the element goes */
    struct element before;
    /* what was reported last; 0: nothing yet */
    enum map_order_news reported;
    enum map_order_seen seen;
    int32_t seen_value;
};

/* Which decree has the last word on an element; there is one at most. */
struct decree_ref {
    uint8_t element_id[16];
    uint32_t at;
};

/* An order that is noted in this block. */
struct noted_order {
    uint16_t kind;
    uint8_t id[32];
    uint8_t target[32]; /* of a withdrawal */
    uint8_t element_id[16]; /* that a change is about */
    struct map_order order;
};

exec_code decree_check(const struct exec_order *o); /* what no state can make good */
exec_code decree_note(
    struct map_contract *c, const struct exec_host *h, const struct exec_order *o);
void decree_forget_noted(struct map_contract *c); /* at the beginning of a block */
/* Takes up what was noted, ends and begins what is due. */
void decrees_run(struct map_contract *c, struct exec_host *h);
void decrees_free(struct map_contract *c);

/* The order in force on an element, or NULL. */
struct decree *decree_of(const struct map_contract *c, const uint8_t element_id[static 16]);
/* The order in force that this subject's evidence is about: on the element, or one that took away what seems to
 * stand at this place. NULL when there is none. */
struct decree *decree_for(
    const struct map_contract *c, const struct subject *s, const struct hypothesis *y);
/* y has reached what a permanent change would need: tells it, unless that was the last thing told. */
void decree_report(struct map_contract *c, struct exec_host *h, struct decree *d,
    const struct subject *s, const struct hypothesis *y);

void decree_put(const struct decree *d, struct buf *b);
bool decree_get(struct rd *r, struct decree *ret_decree);
void decree_add(struct map_contract *c, struct decree *d); /* takes it */
void decrees_index(struct map_contract *c); /* after some were added or dropped */

#endif

/* How much room there is for suspicions, who may open one, and which go when there is no more (docs/formats/map.md,
 * "Bounds"). Part of the map contract: everything follows from the state, the policy and the block's time. What was there
 * when the block began is judged as it was then, so that no answer depends on the order of messages. */
#ifndef WAYSIDE_MAPSVC_FUSE_ROOM_H
#define WAYSIDE_MAPSVC_FUSE_ROOM_H

#include "mapsvc/fuse/contract_internal.h"

/* Before the first message of a block, with its policy. */
void room_begin(struct map_contract *c);

/* For one suspicion more, of those that this block opened so far: what may go makes room. */
bool room_in_table(const struct map_contract *c);
/* How many new places the square of (x, y) takes in this block. */
size_t room_in_cell(const struct map_contract *c, int32_t x, int32_t y);
uint64_t room_cell(int32_t x, int32_t y); /* its name */
/* Whether a vehicle (NULL: one that was counted for nothing yet) may open one more in its window. */
bool room_of_vehicle(const struct map_contract *c, const struct vehicle *by);
/* Whether a message's vote needs a new suspicion that this vehicle may not open, or for which there is no room. */
bool room_refuses(const struct map_contract *c, const struct vote *v, const struct vehicle *by);

/* End of the block: the vehicle of a look opened this one. */
void room_charge(
    struct map_contract *c, const struct exec_host *h, struct look *by, const struct subject *s);
/* A subject of its own for an element, or NULL: no room; by NULL: an order of the authority asks for it. */
struct subject *room_for_element(struct map_contract *c, const struct exec_host *h,
    const struct element *e, const uint8_t key[static SUBJECT_KEY], struct look *by);

/* Ends what one voice alone has said for so long (map.alone_ms). Once in an epoch. */
void room_let_die(struct map_contract *c, struct exec_host *h);
/* After the block's votes are counted: where it opened more than there is room for, the weakest go. They are dropped from the
 * table when the block ends. */
void room_make(struct map_contract *c, struct exec_host *h);

#endif

/* Places where several vehicles were judged to drive dangerously: a square of the cell frame and a quarter of the compass, a
 * count of distinct vehicles in a time, a beginning and an end. Of vehicles only what tells them apart is kept, and no longer
 * than that time. Bounded: places, and vehicles at each. Pure; one thread. */
#ifndef WAYSIDE_RSU_DECIDE_RISK_H
#define WAYSIDE_RSU_DECIDE_RISK_H

#include "base/bytes.h"

enum {
    RISK_VEHICLES_MIN =
        3, /* of fewer nothing is told: that would be of one, or of one by the other */
    RISK_VEHICLES_MAX = 128, /* remembered at a place: of more, the one heard longest ago goes */
};

struct risk_config {
    int32_t square_mm; /* side of a square, aligned with the frame's origin */
    uint32_t
        vehicles; /* so many judged at or above the class begin a risk; RISK_VEHICLES_MIN..RISK_VEHICLES_MAX / 2 */
    uint32_t share_percent; /* and so much of all that were judged there; 0..100 */
    uint64_t within_us; /* in this time */
    uint64_t
        quiet_us; /* it ends when fewer than half of `vehicles` (rounded up) were, for so long */
    size_t places;
};

struct risk_place {
    int32_t column, line; /* of the square: floor(x / side), floor(y / side) */
    uint8_t quarter; /* 0 to the east (within 45 degrees), 1 north, 2 west, 3 south */
};
struct risk_place risk_place_of(
    const struct risk_config *cfg, int32_t x, int32_t y, uint16_t heading);
void risk_middle(const struct risk_config *cfg, const struct risk_place *p, int32_t *ret_x,
    int32_t *ret_y, uint16_t *ret_heading);

enum risk_turn { RISK_AS_BEFORE, RISK_BEGINS, RISK_ENDS };
enum risk_noted {
    RISK_NOTED,
    RISK_NO_PLACE
}; /* no place: all are in use, and the judgement is left out */

struct risk;
struct risk *risk_new(const struct risk_config *cfg);
void risk_free(struct risk *r); /* NULL is fine */
/* One judgement. *ret_slot: the place's number, while it is in use. *ret_turn: AS_BEFORE or BEGINS. */
enum risk_noted risk_note(struct risk *r, const struct risk_place *p,
    const uint8_t vehicle[static 8], bool risky, uint64_t its_us, size_t *ret_slot,
    enum risk_turn *ret_turn);
/* Distinct vehicles within the time up to its_us: judged risky; judged at all. */
void risk_count(
    const struct risk *r, size_t slot, uint64_t its_us, uint32_t *ret_risky, uint32_t *ret_all);
/* The next place whose risk has ended by its_us; false: no more. */
bool risk_end(struct risk *r, uint64_t its_us, size_t *ret_slot);
/* Nothing was ever noted. */
void risk_forget(struct risk *r);
bool risk_is_on(const struct risk *r, size_t slot);
size_t risk_used(const struct risk *r);

#endif

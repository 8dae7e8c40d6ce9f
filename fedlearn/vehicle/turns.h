/* How often a vehicle tells what it would change in one and the same model (docs/decisions/0034, What an opening tells). Its update
 * hardly differs from one time to the next, and every round opens other sums of it: enough of them are equations with one
 * solution, the updates of each. As long as nobody tells more than a quarter of group_min times, sums are a quarter of the unknowns at
 * the most, half of them if half of the vehicles tell theirs to whoever calculates.
 *
 *   before a round:    fl_turn_is_free; false: stay away until the model is another
 *   when it is sent:   fl_turn_take, and keep fl_turns where it outlives the program
 *
 * A round that ended before its groups were drawn told nothing, and does not count. Pure; any thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_TURNS_H
#define WAYSIDE_FEDLEARN_VEHICLE_TURNS_H

#include "fedlearn/vehicle/open.h"

/* Of the model that it took part with last; all zero: of none. */
struct fl_turns {
    uint8_t model_hash[32];
    uint64_t model_version;
    uint32_t openings; /* of the OPEN of the last round it took part in */
    uint32_t taken; /* turns that were or may have been opened; that last one is not among them */
};

/* Turns that a vehicle has with one model in rounds like this. */
uint32_t fl_turns_max(const struct fl_open *open);
bool fl_turn_is_free(const struct fl_turns *t, const struct fl_open *open);
void fl_turn_take(struct fl_turns *t, const struct fl_open *open);

#endif

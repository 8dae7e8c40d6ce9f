/* How a cell stands to a vehicle: its entry in the table of scores (docs/formats/learning.md, Suspicion), which is value "q" of contract
 * learn's state. The vehicle gets the table with its proof from any unit (docs/light.md) before it takes part in a round.
 *
 * Who is not free stays away. A quarantined vehicle stands in a group of others who are, of whom the worst must be thought: they know
 * their own updates and are left with the vehicle's, so nothing hides it but noise of its own; and its update enters no step. Only rounds
 * that it is in move its score, so while it is away it stays quarantined, is never excluded for what others do, and is free with the next
 * epoch's ticket. Who was set apart by bad luck and wants to be free before has to show clean groups, with an OPEN record whose noise it
 * would accept for itself alone (privacy.h). An excluded vehicle's message is not taken. Pure; any thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_STANDING_H
#define WAYSIDE_FEDLEARN_VEHICLE_STANDING_H

#include "base/bytes.h"
#include "base/error.h"
#include "fedlearn/round/suspicion.h"

/* Looks a token up. Not in the table: free, score 0, and so is everybody while there is no value "q". WS_EINPUT: no such table. What
 * stands between its ends is believed, as the proof is what makes it the cell's. */
WARN_UNUSED int fl_standing_find(struct span table, const uint8_t token[static FL_TOKEN],
    struct fl_suspect *ret, struct ws_err *err);

#endif

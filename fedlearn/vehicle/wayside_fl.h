/* libwayside-fl: a vehicle's part in the learning of a Wayside cell, for programs outside (docs/learning-client.md).
 *
 *   features.h, model.h   a model of the cell, and rows of a table as what goes into it (reading: uses the heap)
 *   train.h, quantise.h   the reference trainer; fl_update: what was learned, as what is sent
 *   open.h                the round's OPEN record and its seed, from the ledger with their proof (docs/light.md)
 *   standing.h            whether the cell has set the vehicle apart: then it stays away
 *   client.h              fl_client_make: clipped, rounded, masked, shared out, laid out for the upload
 *   submit.h              what the vehicle signs under its pseudonym
 *   upload_send.h         the way to a unit and its receipt, as a state machine
 *   privacy.h             what has been given away, over rounds
 *
 * No thread, socket, clock or file of its own, no global state; nothing from train.h on uses the heap, but for what libcrypto takes in
 * fl_client_open. Call sodium_init() once before all else. The other headers that are installed hold the types of these; what
 * they declare for validators and is not in the library does not link. C11 with the GNU forms of gcc and clang, 64-bit targets (the
 * arithmetic uses __int128). */
#ifndef WAYSIDE_FL_H
#define WAYSIDE_FL_H

#include "base/random.h"
#include "fedlearn/vehicle/client.h"
#include "fedlearn/vehicle/features.h"
#include "fedlearn/vehicle/model.h"
#include "fedlearn/vehicle/open.h"
#include "fedlearn/vehicle/privacy.h"
#include "fedlearn/vehicle/quantise.h"
#include "fedlearn/vehicle/standing.h"
#include "fedlearn/vehicle/submit.h"
#include "fedlearn/vehicle/train.h"
#include "fedlearn/vehicle/upload_send.h"

#endif

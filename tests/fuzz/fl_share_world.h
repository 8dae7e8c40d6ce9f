/* A round of n validators and one honest vehicle's submission, the same each time: for the fuzz target and its corpus. */
#ifndef WAYSIDE_TESTS_FUZZ_FL_SHARE_WORLD_H
#define WAYSIDE_TESTS_FUZZ_FL_SHARE_WORLD_H

#include "fedlearn/vehicle/bundle_complaint.h"
#include "ledger/exec/hash.h"

struct fl_share_world {
    struct fl_round round;
    struct fl_reader *reader[FL_VALIDATORS_MAX];
    uint8_t sender[32];
    struct fl_submission submission;
    uint8_t bundles[FL_BUNDLES_OCTETS_MAX];
    struct span bundle[FL_VALIDATORS_MAX];
};
/* Made once for n = 4 and n = 10; never freed. */
const struct fl_share_world *fl_share_world(unsigned n);

#endif

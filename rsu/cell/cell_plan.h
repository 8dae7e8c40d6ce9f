/* A cell on one machine before it is founded: what to found it on, its keys, and the folder that holds it.
 * Used by `rsuctl cell init`. One thread. */
#ifndef WAYSIDE_RSU_CELL_CELL_PLAN_H
#define WAYSIDE_RSU_CELL_CELL_PLAN_H

#include "base/clock.h"
#include "base/random.h"
#include "rsu/cell/founding.h"

struct cell_plan {
    const char *out; /* folder to be made */
    unsigned base_port, http_port; /* of the first unit; the others count on */
    struct ws_clock clock; /* scaled: start_mono_us is set when the files are written */
    size_t n_captures;
    char *const *captures; /* absolute paths; every unit hears all of them */

    struct founding founding; /* validators in genesis order: rsuN is number N - 1 */
    uint8_t key[VALIDATORS_MAX][32], curve_key[VALIDATORS_MAX][32]; /* secrets, same order */
    uint8_t authority_key[AUTHORITIES_MAX][32];
    struct buf genesis;
};

/* Draws keys for n validators of power 1 and the authorities of the roles policy and committee, and puts the public
 * halves into the founding. */
WARN_UNUSED int cell_plan_draw_keys(struct cell_plan *p, size_t n, size_t authorities,
    uint8_t policy_quorum, struct ws_random *random, struct ws_err *err);
/* Widens what is measured in cell time for a clock that runs faster than the machine's. */
void cell_plan_stretch(struct cell_params *params, uint64_t rate_ppm);
/* Makes the folder with everything in it, or nothing: what is half made is removed again.
 * WS_EEXIST when there is something already. ret_warning: "" or a remark. */
WARN_UNUSED int cell_plan_write(
    struct cell_plan *p, char *ret_warning, size_t size, struct ws_err *err);
void cell_plan_wipe(struct cell_plan *p); /* keys and genesis */

#endif

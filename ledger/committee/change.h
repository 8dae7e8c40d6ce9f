/* What the committee's authorities may order: members in and out, parameters as a whole. Bodies, and the rules that keep
 * a cell from being voted to death; pure, so that rsuctl gives the same answer before anything is signed. Any thread. */
#ifndef WAYSIDE_LEDGER_COMMITTEE_CHANGE_H
#define WAYSIDE_LEDGER_COMMITTEE_CHANGE_H

#include "ledger/committee/committee.h"

enum committee_order_kind {
    COMMITTEE_ORDER_SET = 1, /* struct set_change */
    COMMITTEE_ORDER_PARAMS = 2, /* version 01, then all parameters */
};

/* Smallest committee that stands one liar. */
#define COMMITTEE_LEAST 4
/* A cell whose limit on transactions is below this could neither take evidence nor change its committee again. */
#define COMMITTEE_TX_OCTETS_LEAST 32768

/* Octets: version 01; how many go (1) and their addresses, ascending; how many come (1) and they themselves as in the
 * genesis, ascending by address. Who comes and is in already takes its own place with what is new. */
struct set_change {
    size_t n_out, n_in;
    hash32 out[VALIDATORS_MAX];
    struct validator in[VALIDATORS_MAX];
};
/* Brings both lists into order; computes the addresses of `in`. Duplicates stay and are refused by whoever reads. */
void set_change_prepare(light_hash_fn h, struct set_change *c);
void set_change_encode(const struct set_change *c, struct buf *b);
WARN_UNUSED int set_change_decode(
    light_hash_fn h, struct span s, struct set_change *ret_change, struct ws_err *err);
/* What becomes of a set. *ret_set is prepared; written on COMMITTEE_OK only. */
WARN_UNUSED enum committee_code set_change_apply(light_hash_fn h, const struct validator_set *now,
    const struct set_change *c, struct validator_set *ret_set);

/* Somebody in a set of four or more could stop the cell alone. */
bool set_too_heavy(const struct validator_set *s);

void params_change_encode(const struct cell_params *p, struct buf *b);
WARN_UNUSED int params_change_decode(
    struct span s, struct cell_params *ret_params, struct ws_err *err);
/* Whether a cell founded with the first can live under the second. The genesis bounds what a block holds, because links and
 * whoever decodes a block before its height has come are made for that; how long personal data may be kept; and how old a
 * message may be, because what has been seen is remembered for so long. */
WARN_UNUSED enum committee_code params_change_check(
    const struct cell_params *founded, const struct cell_params *p);

const char *committee_code_text(enum committee_code code);

#endif

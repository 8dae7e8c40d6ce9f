/* Validator sets on their way: the full form, with everything about each seat, and the vehicle form, which holds what
 * signatures are checked with and the hash of the rest (docs/formats/ledger.md). Both are checked against the
 * `validators` or `next_validators` of a header; neither is believed for itself. Pure; any thread. */
#ifndef WAYSIDE_LEDGER_LIGHT_VALSET_H
#define WAYSIDE_LEDGER_LIGHT_VALSET_H

#include "ledger/light/types.h"

/* Prepares the set and refuses it unless it stood in order (power descending, address ascending): one form of one set. */
WARN_UNUSED int valset_in_order(light_hash_fn h, struct validator_set *s, struct ws_err *err);

/* The full form: a version octet before validator_set_encode. */
void valset_encode(const struct validator_set *s, struct buf *b);
WARN_UNUSED int valset_decode(
    light_hash_fn h, struct span octets, struct validator_set *ret_set, struct ws_err *err);

/* The vehicle form: keys and powers in as few octets as the largest power needs; seats as validator_set_seats. */
void valset_light_put(const struct validator_set *s, const hash32 seats, struct buf *b);
/* Link keys, owners and masts of what is read are empty. */
WARN_UNUSED int valset_light_read(light_hash_fn h, struct rd *r, struct validator_set *ret_set,
    hash32 ret_seats, struct ws_err *err);

#endif

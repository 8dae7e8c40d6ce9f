/* A small cell with real keys, and things it signed, for tests of ledger/light. One thread per object. */
#ifndef WAYSIDE_TESTS_SUPPORT_LIGHT_SAMPLES_H
#define WAYSIDE_TESTS_SUPPORT_LIGHT_SAMPLES_H

#include "base/random.h"
#include "ledger/light/proof.h"
#include "tests/support/ed25519.h"

struct sample_cell {
    struct genesis genesis;
    struct buf octets; /* its encoding */
    hash32 id;
    struct test_key keys[VALIDATORS_MAX]; /* in the order of the set */
};

extern const struct light_crypto sample_crypto;

/* n validators; equal power when powers is NULL. Free with sample_cell_free. */
void sample_cell_make(struct sample_cell *c, size_t n, const uint64_t *powers);
void sample_cell_free(struct sample_cell *c);

struct header sample_header(struct ws_random *r);
struct vote sample_vote(struct ws_random *r);
/* Random octets: shape only. */
struct commit sample_commit(struct ws_random *r, size_t n);
/* Signed by the validators whose bit is set in who, lowest index first. */
struct commit sample_signed(
    const struct sample_cell *c, uint64_t height, int32_t round, const hash32 id, uint64_t who);

/* Bundle of event number `index` of `n` (at most 16) emitted at height 4, signed by everybody. *b keeps the
 * event's octets. */
struct event_bundle sample_event_bundle(
    const struct sample_cell *c, size_t n, size_t index, struct buf *b);
/* State after `height` of `contracts` (at most 8) contracts, each with one entry under the key: what `value` has for it; proof of one of them.
 * Key and values are borrowed. */
struct state_bundle sample_entry_bundle(const struct sample_cell *c, uint64_t height,
    size_t contracts, size_t contract, struct span key, const struct span *value);
/* State of `contracts` (at most 8) contracts, each with the one entry "k" -> "v<index>"; proof of key in one of
 * them. key and value are borrowed from constants. */
struct state_bundle sample_state_bundle(
    const struct sample_cell *c, size_t contracts, size_t contract, const char *key);

#endif

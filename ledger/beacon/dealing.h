/* Sharing of one dealer's secret: Feldman's commitments, each member's shares encrypted to its key, and the complaint
 * by which a member shows everybody that it was given a wrong one (docs/formats/beacon.md). Pure; any thread. */
#ifndef WAYSIDE_LEDGER_BEACON_DEALING_H
#define WAYSIDE_LEDGER_BEACON_DEALING_H

#include "ledger/beacon/generation.h"

/* ---- a member's own key ---- */
#define BEACON_SECRET_OCTETS                                                                       \
    32 /* what a validator keeps in a file; everything secret comes from it */
struct own_key {
    struct scalar secret;
    struct point key;
};
/* Wipe ret_key after use. */
void own_key_derive(const uint8_t secret[static BEACON_SECRET_OCTETS],
    const uint8_t cell[static 32], const uint8_t address[static 32], struct own_key *ret_key);

/* Good for one committee and after one earlier registration: an old one cannot be said again by anybody. */
struct registration {
    uint64_t epoch; /* of the committee */
    uint64_t since; /* height of the member's registration that this one replaces; 0: none */
    struct point key;
    struct proof proof; /* of possession */
};
/* epoch and since are set; key and proof are worked out. */
void registration_make(const struct own_key *own, const uint8_t cell[static 32],
    const uint8_t address[static 32], struct registration *registration);
bool registration_check(
    const struct registration *r, const uint8_t cell[static 32], const uint8_t address[static 32]);

/* ---- a dealing ---- */
struct dealing {
    uint64_t serial;
    uint16_t threshold, total;
    struct point commitment[BEACON_TICKETS_MAX]; /* threshold of them, degree 0 first */
    struct point ephemeral;
    struct proof of_constant, of_ephemeral;
    struct scalar
        share[BEACON_TICKETS_MAX]; /* encrypted; zero for tickets that nobody can decrypt */
};
/* The same octets each time for the same secret and generation, and unrelated ones for another generation: a restart or
 * a restored backup never deals twice differently. */
void dealing_make(const struct generation *g, size_t dealer,
    const uint8_t secret[static BEACON_SECRET_OCTETS], struct dealing *ret_dealing);
/* What everybody can see of it is right. */
WARN_UNUSED bool dealing_check(const struct generation *g, size_t dealer, const struct dealing *d);

/* The point that the polynomial of these commitments commits to at x = ticket. */
void commitments_at(
    const struct point *commitment, uint16_t threshold, uint16_t ticket, struct point *ret);

/* What dealer and member share. */
void dealing_exchange(const struct dealing *d, const struct scalar *secret, struct point *ret_dh);
/* Decrypts the member's shares; true if all of them fit the commitments. ret_shares: one per ticket. */
WARN_UNUSED bool dealing_open(const struct generation *g, size_t dealer, const struct dealing *d,
    size_t member, const struct point *dh, struct scalar *ret_shares);

/* ---- a complaint ---- */
struct complaint {
    uint16_t dealer;
    struct point dh; /* opens what this dealer sent to this member, nothing else */
    struct proof proof; /* dh is to the dealing's ephemeral what the member's key is to the base */
};
enum complaint_verdict { COMPLAINT_UPHELD, COMPLAINT_FALSE, COMPLAINT_UNPROVEN };
void complaint_make(const struct generation *g, size_t member, const struct own_key *own,
    size_t dealer, const struct dealing *d, struct complaint *ret_complaint);
enum complaint_verdict complaint_judge(
    const struct generation *g, size_t member, const struct complaint *c, const struct dealing *d);

#endif

/* A vehicle's part in one round of learning, in one call: its update is clipped, rounded, masked under a key of its own, the key is
 * shared out among the validators, and what must be sent lies in one piece of memory, ready for upload.h. Before it comes training
 * (train.h, or a trainer of the vehicle's own), after it the signed message (submit.h) and the upload.
 *
 *   fl_client_open once; fl_client_make for each round; fl_client_close
 *
 * The caller must have the OPEN record and the round seed from the ledger, with their proof (docs/light.md): whoever takes them from a
 * stranger sends its update to the stranger's validators. It must not be quarantined (standing.h): its companions would be. A round is taken part in once: what was made is sent again as it is,
 * and never made again.
 *
 * No heap but what libcrypto takes in fl_client_open. One thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_CLIENT_H
#define WAYSIDE_FEDLEARN_VEHICLE_CLIENT_H

#include "fedlearn/vehicle/mask.h"
#include "fedlearn/vehicle/open.h"
#include "fedlearn/vehicle/quantise.h"

/* Working space, about 250 kB, 64-octet aligned as the type says; in memory of the caller. */
struct fl_client {
    struct fl_ring ring;
    struct fl_mask mask;
    struct fl_sealer sealer;
    int8_t key[FL_N]; /* secret */
};
WARN_UNUSED int fl_client_open(struct fl_client *c, struct ws_err *err);
void fl_client_close(struct fl_client *c); /* wipes */

/* What goes in; all borrowed for the call. */
struct fl_client_round {
    const uint8_t *cell; /* 32 octets */
    const struct fl_open *open;
    const uint8_t *seed; /* of the round, 32 octets */
    const uint8_t *sender; /* SHA-256 of the certificate that signs the message, 32 octets */
};

/* Cover, bundles and ciphertext, one after the other. */
struct fl_client_made {
    uint8_t id[32]; /* of the submission: what the signed message commits to */
    uint32_t cover_octets, bundle_octets, wire_octets;
    struct fl_quantised
        quantised; /* what became of the update on the way; the vehicle's own business */
};

/* Octets of what fl_client_make writes for this round. */
size_t fl_client_octets(const struct fl_open *open);

/* update: open->params floats, local less global model. symbols: as many, scratch, wiped at the end. random: the system's.
 * ret_octets: fl_client_octets. WS_EINPUT: an update with a value that is no number, with its index. */
WARN_UNUSED int fl_client_make(struct fl_client *c, const struct fl_client_round *round,
    const float *update, int32_t *symbols, struct ws_random *random, uint8_t *ret_octets,
    struct fl_client_made *ret, struct ws_err *err);

/* What fl_client_make does behind rounding and noise, for who rounds by itself: symbols, open->params of them (left as they are;
 * wipe them), are masked, shared out and written. ret->quantised stays as it is. */
void fl_client_seal(struct fl_client *c, const struct fl_client_round *round,
    const int32_t *symbols, struct ws_random *random, uint8_t *ret_octets,
    struct fl_client_made *ret);

#endif

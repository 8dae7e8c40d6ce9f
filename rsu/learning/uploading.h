/* Uploads in a unit: the view of the ledger, the socket for vehicles, and the thread that hands on to peers what came and fetches what did
 * not; models and root sets that the ledger names are handed on and fetched by all, also by who only follows. The owner thread gives it blocks, messages of links and who is there; it takes messages to send. Neither waits for the other: queues
 * are bounded, and what finds no room is dropped and counted (it is asked for again). */
#ifndef WAYSIDE_RSU_LEARNING_UPLOADING_H
#define WAYSIDE_RSU_LEARNING_UPLOADING_H

#include "ledger/exec/crypto.h"
#include "rsu/learning/blobs.h"
#include "rsu/learning/handing.h"
#include "rsu/learning/uploads_port.h"

struct uploading_config {
    uint8_t cell[32];
    const struct signer *
        signer; /* of this validator; borrowed. NULL: a unit that only follows, no socket and no submissions */
    struct materials *materials; /* borrowed */
    const char *bind_to; /* NULL: vehicles use other units */
    struct uploads_limits limits;
    struct ws_clock clock;
};

struct uploading;
WARN_UNUSED int uploading_open(
    const struct uploading_config *cfg, struct uploading **ret, struct ws_err *err);
void uploading_close(struct uploading *u); /* ends its threads; NULL is fine */
uint16_t uploading_port(const struct uploading *u); /* 0: none */

/* ---- owner thread ---- */
void uploading_block(struct uploading *u, const void *contract);
struct uploading_peer {
    uint8_t key[32]; /* of its links; zero: nobody, or we ourselves */
    uint8_t address[32]; /* zero: no validator, or no link now */
    bool up; /* linked now */
};
/* Who is in slot i < n <= HANDING_PEERS_MAX. */
void uploading_peers(struct uploading *u, const struct uploading_peer *peer, size_t n);
/* A message of links for which handing_owns is true (blobs' are among them). */
void uploading_message(struct uploading *u, size_t peer, struct span msg);
/* Readable while there may be a message to send. */
int uploading_fd(const struct uploading *u);
/* The next one, to be freed; false: none. */
bool uploading_next(struct uploading *u, size_t *ret_peer, struct buf *ret_msg);

/* ---- any thread ---- */
struct uploading_counters {
    struct uploads_port_counters port;
    struct handing_counters handing;
    struct blobs_counters blobs;
    uint64_t dropped_in, dropped_out; /* messages of links that found no room */
};
struct uploading_counters uploading_read(struct uploading *u);

#endif

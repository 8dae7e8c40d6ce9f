/* Models and root sets among peers: a unit that lacks one that the ledger names asks one peer after the other for all of it, over the links
 * of the ledger, and believes only its SHA-256. Validators and followers ask and answer alike. A peer that sends something else is named and
 * not asked again while its slot is its own.
 *
 *   octet 0: 0, 1: channel 2 (as rsu/learning/handing.h), 2: version 1, 3: kind, 4 to 35: SHA-256, then
 *   WANT 5   first piece (4), pieces (1, 1 to BLOBS_PIECES)
 *   PIECE 6  length of all (4), piece (4), its octets: BLOBS_OCTETS, the last one what is left
 *   LACK 7   nothing: it is not here, or the ledger of who was asked does not name it
 *
 * No socket, no clock, no disk: those come in as functions. Bounded: what is wanted at a time; its octets, of which at most as many are
 * held again as have come; the time that one peer has for all of it, so that a slow one holds up nobody; questions of each peer that wait;
 * octets a second to each, in which reading something from the disk counts, too. One thread. */
#ifndef WAYSIDE_RSU_LEARNING_BLOBS_H
#define WAYSIDE_RSU_LEARNING_BLOBS_H

#include "rsu/learning/materials.h"

#define BLOBS_PEERS_MAX 128
#define BLOBS_WANTS_MAX 4
#define BLOBS_OCTETS 32768U
#define BLOBS_PIECES 8

struct blobs_want {
    uint8_t sha256[32];
    uint32_t octets_max; /* >= 1 */
};

struct blobs_config {
    size_t n_peers; /* slots; 1 to BLOBS_PEERS_MAX */
    uint32_t
        first; /* where turns begin: not the same at all units, so that not all ask the same peer */
    uint64_t octets_per_s; /* to each peer; 1 to 2^40 */
    uint64_t
        patience_us; /* a peer that sends nothing of what it was asked for so long is asked again */

    bool (*up)(void *ctx, size_t peer); /* linked, and not us */
    void (*send)(void *ctx, size_t peer, struct span msg);
    /* The ledger names it, now or not long ago: it may be given out. */
    bool (*named)(void *ctx, const uint8_t sha256[static 32]);
    bool (*has)(void *ctx, const uint8_t sha256[static 32]);
    /* Checked against the hash; the hold is released with materials_release. */
    bool (*get)(void *ctx, const uint8_t sha256[static 32], struct materials_hold *ret);
    /* WS_EINPUT: the octets have another hash. WS_EEXIST: it came another way. */
    int (*keep)(void *ctx, const uint8_t sha256[static 32], struct span octets, struct ws_err *err);
    /* Sent something else. */
    void (*blame)(void *ctx, size_t peer, const uint8_t sha256[static 32]);
    void *ctx;
};

struct blobs_counters {
    uint64_t wanted; /* asked for, each once */
    uint64_t got; /* whole, of the right hash, kept */
    uint64_t bad; /* something else */
    uint64_t lacking, timeouts; /* answers that a peer has it not; no answer in time, or too slow */
    uint64_t not_kept; /* the disk would not */
    uint64_t served, served_octets; /* pieces sent */
    uint64_t refused; /* questions beyond a peer's place, and for what the ledger does not name */
    uint64_t malformed, unasked; /* messages; pieces that nobody waits for */
    size_t waiting;
};

struct blobs;
struct blobs *blobs_new(const struct blobs_config *cfg);
void blobs_free(struct blobs *b); /* NULL is fine */

/* What the ledger names and is not here: exactly this from now on, at most BLOBS_WANTS_MAX. What was wanted and is no more is dropped. */
void blobs_wants(struct blobs *b, const struct blobs_want *want, size_t n, uint64_t mono_us);
/* Another has this slot now, or nobody. */
void blobs_gone(struct blobs *b, size_t peer);
/* Whether a link message is of this kind: looks at the first four octets only. */
bool blobs_owns(struct span msg);
void blobs_message(struct blobs *b, size_t peer, struct span msg, uint64_t mono_us);
/* Asks, answers what budgets allow, leaves who is silent. When it wants to be called again, monotonic. */
uint64_t blobs_tick(struct blobs *b, uint64_t mono_us);
const struct blobs_counters *blobs_counters(const struct blobs *b);

/* Reads a message, for tests and the fuzz target; false: no such form. */
enum blobs_kind { BLOBS_WANT = 5, BLOBS_PIECE = 6, BLOBS_LACK = 7 };
struct blobs_said {
    enum blobs_kind kind;
    uint8_t sha256[32];
    uint32_t length; /* PIECE */
    uint32_t piece;
    uint8_t n; /* WANT */
    struct span octets; /* PIECE; borrowed */
};
bool blobs_read(struct span msg, struct blobs_said *ret);
void blobs_put(const struct blobs_said *s, struct buf *b);

#endif

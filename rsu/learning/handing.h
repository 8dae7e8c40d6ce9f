/* Members of a round hand what vehicles sent on to one another, over the links between validators: who lacks a submission that is on the
 * ledger asks one peer after the other for all of it, and believes only what the id in the vehicle's signed message stands for. Sealed
 * bundles travel as they are. A peer that sends something else is not asked again in that round, and is named; one that was silent or slow is asked
 * after the others, and none is waited for while another one is free.
 *
 *   octet 0: 0, 1: channel 2 (gossip is channel 1), 2: version 1, 3: kind, 4 to 35: submission id, then
 *   WANT 1   first piece (4), pieces (1, 1 to HANDING_PIECES)
 *   PIECE 2  piece (4), its octets: HANDING_OCTETS of cover | bundles | ciphertext, the last one what is left
 *   LACK 3   nothing: it is not here
 *   TELL 4   nothing: it came to me just now, from the vehicle; so nobody has to ask everybody
 *
 * No socket, no clock, no disk: those come in as functions. Bounded: fetches at a time and their octets, questions of each peer that
 * wait, octets a second to each peer. One thread. */
#ifndef WAYSIDE_RSU_LEARNING_HANDING_H
#define WAYSIDE_RSU_LEARNING_HANDING_H

#include "rsu/learning/materials.h"
#include "rsu/learning/uploads.h"

#define HANDING_PEERS_MAX 128
#define HANDING_OCTETS 32768U
#define HANDING_PIECES 8

struct handing_config {
    size_t n_peers; /* slots */
    size_t fetches; /* at a time, from as many peers */
    size_t octets; /* of them together */
    uint64_t octets_per_s; /* to each peer; up to 2^40 */
    uint64_t patience_us; /* a peer that sends nothing of what it was asked for so long is left */

    bool (*up)(void *ctx,
        size_t peer); /* a member of the round is there, and it is not us; others get no answer */
    void (*send)(void *ctx, size_t peer, struct span msg);
    /* What the ledger says: the round that is on, and who claims an id in it (uploads_view_round, uploads_view_by_id). */
    bool (*round)(void *ctx, struct uploads_round *ret);
    bool (*claim)(void *ctx, const uint8_t id[static 32], size_t k, struct uploads_claim *ret);
    bool (*has)(void *ctx, const uint8_t id[static 32]);
    /* With bundles; the hold is released with materials_release. */
    bool (*get)(void *ctx, const uint8_t id[static 32], struct materials_hold *ret);
    /* It has been checked. */
    int (*keep)(void *ctx, uint64_t round, const uint8_t id[static 32], const struct fl_material *m,
        struct ws_err *err);
    /* Sent something that is not what the vehicle signed. */
    void (*blame)(void *ctx, size_t peer, const uint8_t id[static 32]);
    void *ctx;
};

struct handing_counters {
    uint64_t wanted, told; /* submissions asked for; heard of from peers */
    uint64_t got; /* whole, checked, kept */
    uint64_t bad; /* whole, and not what was signed */
    uint64_t lacking, timeouts; /* answers that a peer has it not; no answer in time */
    uint64_t not_kept; /* the disk would not */
    uint64_t served, served_octets; /* pieces sent */
    uint64_t refused; /* questions beyond a peer's place, and of who is no member */
    uint64_t malformed, unasked; /* messages; pieces that nobody waits for */
    size_t waiting, under_way;
};

struct handing;
struct handing *handing_new(const struct handing_config *cfg);
void handing_free(struct handing *h); /* NULL is fine */

/* A submission of the round that is on is not here. Again and again is fine. */
void handing_want(struct handing *h, const uint8_t id[static 32], uint64_t mono_us);
/* A vehicle has brought it here: told to all. */
void handing_tell(struct handing *h, const uint8_t id[static 32]);
/* Whether a link message is of this channel: looks at the first two octets only. */
bool handing_owns(struct span msg);
void handing_message(struct handing *h, size_t peer, struct span msg, uint64_t mono_us);
/* Asks, answers what budgets allow, leaves who is silent. When it wants to be called again, monotonic. */
uint64_t handing_tick(struct handing *h, uint64_t mono_us);
const struct handing_counters *handing_counters(const struct handing *h);

/* Reads a message of the channel, for tests and the fuzz target; false: no such form. */
enum handing_kind { HANDING_WANT = 1, HANDING_PIECE = 2, HANDING_LACK = 3, HANDING_TELL = 4 };
struct handing_said {
    enum handing_kind kind;
    uint8_t id[32];
    uint32_t piece;
    uint8_t n; /* WANT */
    struct span octets; /* PIECE; borrowed */
};
bool handing_read(struct span msg, struct handing_said *ret);
void handing_put(const struct handing_said *s, struct buf *b);

#endif

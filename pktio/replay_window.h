/* Identities of messages that were handed on, here or at a neighbouring unit, remembered until their generation time
 * is too old to be accepted again. What is remembered as heard here was verified here, so nobody without a certificate
 * can make it forget; what neighbours told has a share of its own and never displaces that.
 *
 * Any thread, any number of pipelines: sharded by the identity, one short lock for each shard. All memory is
 * allocated at the start, about 50 octets for each slot. No clock: the cell clock comes with the calls. */
#ifndef WAYSIDE_PKTIO_REPLAY_WINDOW_H
#define WAYSIDE_PKTIO_REPLAY_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLAY_ID_OCTETS                                                                           \
    16 /* of an identity, from its front: looking like another's takes a second preimage of 128 bits */

enum replay_state {
    REPLAY_NEW,
    REPLAY_HERE, /* handed on by a pipeline of this process */
    REPLAY_HELD, /* our own mempool or ledger has it, from a neighbour */
    REPLAY_NEIGHBOUR, /* a neighbour says that he handed it on; nothing proves it */
};

struct replay_window_counters {
    uint64_t evicted; /* of ours, forgotten while they still counted as fresh: too few slots */
    uint64_t told; /* by neighbours, and not known before */
    uint64_t told_known; /* by neighbours, and known already */
    uint64_t
        told_evicted; /* of the neighbours', forgotten before their time, or not taken at all */
    size_t used, told_used; /* told_used: of used */
    size_t slots, told_slots;
};

struct replay_window;

/* slots > 0 (asserted); a quarter of them may hold what neighbours told. salt: random, so that nobody can choose
 * messages that crowd one shard; 0 for the same evictions in every run. */
struct replay_window *replay_window_new(size_t slots, uint64_t salt);
void replay_window_free(struct replay_window *w);

/* Fetches what a look-up of id reads first; no effect otherwise. */
void replay_window_prefetch(
    const struct replay_window *w, const uint8_t id[static REPLAY_ID_OCTETS]);
enum replay_state replay_window_seen(
    struct replay_window *w, const uint8_t id[static REPLAY_ID_OCTETS]);
/* Looks and remembers in one step: of several with the same message at the same instant one gets REPLAY_NEW and hands
 * it on. until_us: cell time at which its generation time stops being fresh. believe: a neighbour's word is enough for
 * a duplicate; otherwise such a message is new, and ours from then on. */
enum replay_state replay_window_claim(struct replay_window *w,
    const uint8_t id[static REPLAY_ID_OCTETS], uint64_t until_us, uint64_t now_us, bool believe);
/* Gives a claim back: the message could not be handed on and may come again. */
void replay_window_forget(struct replay_window *w, const uint8_t id[static REPLAY_ID_OCTETS]);
/* Our own node holds this message, verified. */
void replay_window_hold(struct replay_window *w, const uint8_t id[static REPLAY_ID_OCTETS],
    uint64_t until_us, uint64_t now_us);
/* A neighbour says that he handed this message on. until_us follows from our own clock and rules. */
void replay_window_hear(struct replay_window *w, const uint8_t id[static REPLAY_ID_OCTETS],
    uint64_t until_us, uint64_t now_us);
/* Forgets what need not be remembered any more; claims and news do so for their shard on the way. */
void replay_window_age(struct replay_window *w, uint64_t now_us);
struct replay_window_counters replay_window_counters(struct replay_window *w);

#endif

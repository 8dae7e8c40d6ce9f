/* A validator's part in the rounds of learning: told what the contract holds after a block, it says which records the validator should
 * submit now. It holds the keys under which bundles are sealed for it, looks at what vehicles sent, complains, attests and opens.
 *
 * Opened once, ever: before the first sum of a round is said, the round and a digest of who is in which group are written down. A
 * unit that finds another set under the same round, or an older round than the last it opened (a ledger put back, a copied disk),
 * says nothing; and nothing in a round that has left its own timetable, which a cell put back from its backups with all of its disks has. What is said again after a crash is the same octets: sums follow from the ledger and from what was sent.
 *
 * Secrets: each key's is drawn at random, saved by io, and erased when no round can need it any more; shares live in memory from the
 * look at a submission (look.h) to the end of its round and are wiped then. Nothing of them is logged. One thread. */
#ifndef WAYSIDE_FEDLEARN_ROUND_MEMBER_H
#define WAYSIDE_FEDLEARN_ROUND_MEMBER_H

#include "fedlearn/round/look.h"
#include "fedlearn/round/rounds.h"

struct fl_member_io {
    /* Small records of this unit; saved means synced. Names: "key-" and a serial, "opened". */
    bool (*load)(void *ctx, const char *name, struct buf *ret); /* false: there is none */
    int (*save)(void *ctx, const char *name, struct span octets, struct ws_err *err);
    void (*erase)(void *ctx, const char *name); /* so that it cannot be read again */
    /* Runs the look with what is here, in whatever thread, and gives it back to fl_member_looked, now or later. False: not all of it is here (yet), and
     * the look stays the member's. */
    bool (*look)(void *ctx, struct fl_look *l);
    struct ws_random *random; /* the system's: it draws secrets */
    void *ctx;
};

struct fl_member_limits {
    uint64_t
        key_us; /* a key is renewed when it is so old and no round is on; and after each round, so that a disk that is
                        taken later opens nothing of it */
    unsigned looks; /* given out at a time; each holds about 8 kB */
};
struct fl_member_limits fl_member_limits_default(void);

struct fl_member;
struct fl_member *fl_member_new(const uint8_t cell[static 32], const uint8_t address[static 32],
    const struct fl_member_limits *limits, const struct fl_member_io *io);
void fl_member_free(struct fl_member *m); /* wipes; NULL is fine */

struct fl_wish {
    enum fl_record kind;
    struct buf body; /* owned by the member until the next step */
};
#define FL_WISH_AGAIN                                                                              \
    4 /* heights after which a record that is not on the ledger is wished for again */

/* contract: the learning contract's self, as of the block of this height and time. Once for each block that is committed while the
 * node is not catching up. The wishes are borrowed until the next step. */
size_t fl_member_step(struct fl_member *m, const void *contract, uint64_t height, uint64_t now_us,
    const struct fl_wish **ret_wishes);

/* A look that was given out is over; owned by the member from here on. In the thread of fl_member_step. */
void fl_member_looked(struct fl_member *m, struct fl_look *l);
/* How many are given out. */
size_t fl_member_looking(const struct fl_member *m);

/* What the round's groups gave (outcome.h), found elsewhere; wished for until the round ends. */
void fl_member_outcome(struct fl_member *m, const struct fl_outcome *o);

struct fl_member_counters {
    uint64_t looked, good; /* submissions */
    uint64_t missing; /* looks at something that was not all here */
    uint64_t other; /* what came is not what the vehicle committed to */
    uint64_t
        bad; /* the vehicle is to blame: a ciphertext that is none, or a bundle, which is complained about */
    uint64_t
        refused_to_open; /* another set under a round that was opened, an older round, or one that has left its timetable */
    uint64_t io_failed;
};
const struct fl_member_counters *fl_member_read(const struct fl_member *m);

#endif

/* A validator's look at one submission: is what came what the vehicle committed to, is it a ciphertext, does the bundle that is ours hold our
 * share? It hashes all of the ciphertext, which takes a few milliseconds for a large one, so a member (member.h) gives looks out: one
 * thread makes and takes back, any other may run.
 *
 * It holds a share when it is over, and meanwhile the key that opens it: fl_look_free wipes. */
#ifndef WAYSIDE_FEDLEARN_ROUND_LOOK_H
#define WAYSIDE_FEDLEARN_ROUND_LOOK_H

#include "fedlearn/vehicle/material.h"
#include "fedlearn/vehicle/profile.h"

enum fl_look_result {
    FL_LOOK_OTHER, /* not what was committed to; or nothing came */
    FL_LOOK_BAD, /* the vehicle is to blame: its ciphertext is none */
    FL_LOOK_GOOD,
    FL_LOOK_COMPLAINT, /* the vehicle is to blame: our bundle is bad, and this proves it */
};

struct fl_look {
    /* ---- what is asked; set by whoever makes it ---- */
    uint64_t round;
    uint32_t submission;
    unsigned v; /* our number in the round */
    struct fl_round sealed_for;
    const struct fl_profile *profile;
    uint32_t params;
    uint8_t id[32], token[32];
    struct fl_reader *reader; /* shared (fl_reader_share) */

    /* ---- what was found ---- */
    enum fl_look_result result;
    uint16_t share[FL_SHARE_VALUES]; /* GOOD; secret */
    struct buf complaint; /* COMPLAINT: body of the record */
};

/* have: what is here of that id. Any thread. */
void fl_look_run(struct fl_look *l, const struct fl_material *have);
void fl_look_free(struct fl_look *l); /* NULL is fine */

#endif

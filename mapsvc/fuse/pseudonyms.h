/* Which certificates are one vehicle's (docs/decisions/0043-one-vehicle-many-certificates.md). A vehicle changes its
 * certificate on the road; the new one is told from a second vehicle by time and place alone. Part of the map contract: a cache
 * of its state (contract_internal.h, key "u"), integer, and the same whatever order a block has. Owner thread. */
#ifndef WAYSIDE_MAPSVC_FUSE_PSEUDONYMS_H
#define WAYSIDE_MAPSVC_FUSE_PSEUDONYMS_H

#include "mapsvc/fuse/observation.h"

#define PSEUDONYMS_MAX 4096 /* present when a block begins; beyond, no new certificate is heard */
#define PSEUDONYMS_NEW_MAX                                                                         \
    1024 /* new in one block; those beyond, later in time, are all taken for one vehicle */
#define SPEED_UNKNOWN UINT32_MAX

/* Where the bearer of a certificate was. */
struct presence {
    uint64_t time; /* of the observation, us */
    int32_t x, y; /* mm */
    uint16_t heading;
};
struct pseudonym {
    uint8_t signer[32]; /* its certificate */
    uint8_t root
        [32]; /* the first certificate of the vehicle, as far as the cell knows: equal for one vehicle */
    uint8_t issuer[8];
    struct observer_class observer;
    struct presence last;
    uint32_t speed; /* mm/s between the last two presences, or SPEED_UNKNOWN */
    uint64_t heard; /* time of the last block that heard it, us */
    struct pseudonym *before,
        *after; /* whose successor it is, and its successor; NULL: none, or forgotten */
    /* the block */
    bool placed, touched;
    uint64_t latest; /* time of the last presence that this block tells of */
    uint32_t at; /* in the list */
};
/* What an accepted message tells of its sender. */
struct pseudonym_look {
    uint8_t signer[32], leaf[32], issuer[8];
    struct observer_class observer;
    struct presence at;
};
struct pseudonyms {
    struct pseudonym **list; /* ascending signer */
    size_t n, cap;
    struct pseudonym_look *looks; /* of this block, in any order */
    size_t n_looks, cap_looks;
};
struct pseudonym_rule {
    uint64_t
        gap_us; /* longest silence between two certificates of a vehicle; 0: each is a vehicle */
    uint32_t overlap_mm; /* nearer than this no two vehicles are at one time */
    uint32_t speed_mm_s; /* no vehicle is faster */
    uint64_t now; /* block time, us */
};
/* What was counted for `from` was counted for `into`. */
struct pseudonym_join {
    uint8_t into[32], from[32];
};
struct pseudonym_joins { /* the caller frees the list */
    struct pseudonym_join *list;
    size_t n, cap;
};

struct pseudonym *pseudonyms_find(
    const struct pseudonyms *t, const uint8_t signer[static 32]); /* or NULL */
void pseudonyms_note(struct pseudonyms *t, const struct pseudonym_look *l);
/* Takes the block's looks in: every certificate in them is in the list afterwards, with its root. Joins in the order in which
 * they are to be done. */
void pseudonyms_resolve(
    struct pseudonyms *t, const struct pseudonym_rule *r, struct pseudonym_joins *ret);
/* Drops what was not heard for the gap; `gone` is told of each. */
void pseudonyms_forget(struct pseudonyms *t, const struct pseudonym_rule *r,
    void (*gone)(void *self, const struct pseudonym *p), void *self);
void pseudonyms_free(struct pseudonyms *t);

/* For load: adds p (copied) behind the others; its signer is greater than theirs. */
struct pseudonym *pseudonyms_load(struct pseudonyms *t, const struct pseudonym *p);
void pseudonym_succeeds(struct pseudonym *p, struct pseudonym *before);

/* ---- the rule (successor.c) ---- */

/* Whether `next` can be the same vehicle's first word under a new certificate. The less *ret_off, the more likely. */
bool successor_possible(const struct pseudonym *p, const struct presence *next,
    const struct pseudonym_rule *r, uint64_t *ret_off);
/* How far b is from where a vehicle that was at p and at q was at b's time, which lies between theirs; and what bends and changes
 * of speed make of it at most. */
struct presence_gap {
    uint64_t off_mm, slack_mm;
};
struct presence_gap presence_between(
    const struct presence *p, const struct presence *q, const struct presence *b);
uint32_t presence_speed(
    const struct presence *p, const struct presence *q, uint32_t otherwise, uint32_t most);

#endif

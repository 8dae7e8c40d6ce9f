/* Shared by rsu/trust/revocations*.c. */
#ifndef WAYSIDE_RSU_TRUST_REVOCATIONS_INTERNAL_H
#define WAYSIDE_RSU_TRUST_REVOCATIONS_INTERNAL_H

#include "base/bytes.h"
#include "rsu/trust/revocations.h"
#include "v2x/lists.h"

#include <stdatomic.h>

enum { REV_OTHERS_MAX = 64 };

/* A list in force, with octets of its own. */
struct kept {
    struct buf octets;
    struct signed_list list;
    uint8_t authority[32];
    uint8_t hash[32]; /* SHA-256 of the octets */
    char name[128];
    bool
        over_limit; /* known to be too much: kept, so that nothing older comes back, but not applied */
    bool overdue; /* was said */
};

struct shared_store {
    atomic_size_t refs;
    struct trust_store *store;
};

struct revocations {
    char *dir, *state;
    struct revocations_config cfg;
    struct trust_slot *slot;
    size_t n_kept;
    struct kept *kept[REVOCATIONS_LISTS_MAX];
    size_t n_others;
    struct buf other_octets[REV_OTHERS_MAX];
    struct cert others[REV_OTHERS_MAX]; /* the manager first, if there is one */
    struct shared_store *store; /* NULL: the base */
    struct revocation_source *source; /* what the view in force was made from */
    struct revocation_source *next; /* in work after a change */
    uint32_t period_s; /* the instant the last set was made for */
    uint64_t scan_at_us, fingerprint;
    struct buf refused;
    size_t n_learned;
    struct buf learned[REVOCATIONS_LEARNED_MAX];
    bool learned_new; /* some are not in the store yet */
    uint64_t
        learn_at_us; /* not before: each new store makes the packet path check every certificate again */
    size_t at_unwanted;
    uint8_t unwanted[32][32]; /* hashes of the last ones refused */
    struct revocations_counters n;
};

/* Notes, logs and counts what was not taken. */
void rev_refuse(
    struct revocations *r, const char *name, enum revocations_reason why, const char *text);

/* revocations_lists.c */
enum offer { OFFER_TAKEN, OFFER_KNOWN, OFFER_OLD, OFFER_OTHER, OFFER_NO_BASE, OFFER_FULL };
enum offer rev_offer(
    struct revocations *r, const struct signed_list *l, const uint8_t *authority, const char *name);
void rev_drop(struct revocations *r, size_t i);
bool rev_same_series(const struct kept *k, const struct signed_list *l, const uint8_t *authority);
/* What was in force when the process ended; and what is in force now, for the next start. */
WARN_UNUSED int rev_state_load(struct revocations *r, struct ws_err *err);
void rev_state_save(struct revocations *r);

/* revocations_learn.c: drops what ran out; true if anything did. */
bool rev_learned_forget(struct revocations *r, uint32_t now_s);

/* revocations_folder.c */
uint64_t rev_folder_print(const char *dir);
/* True if something came into force. */
bool rev_scan(struct revocations *r, uint32_t now_s);

/* revocations_store.c: the base and what trust lists add to it; made anew from the lists in force. */
const struct trust_store *rev_store(const struct revocations *r);
void rev_store_rebuild(struct revocations *r, uint32_t now_s);
void rev_store_unref(
    struct trust_store *store, void *ctx); /* ctx: struct shared_store, may be NULL */

#endif

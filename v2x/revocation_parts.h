/* What a set is made of: shared by revocation.c (look-up) and revocation_source.c (making). Internal to v2x/. */
#ifndef WAYSIDE_V2X_REVOCATION_PARTS_H
#define WAYSIDE_V2X_REVOCATION_PARTS_H

#include "v2x/linkage.h"
#include "v2x/revocation.h"

#include <stdatomic.h>

#define REV_LISTS_MAX 4096
#define REV_PERIODS 3 /* the last, the present, the next */

/* A list's reach: certificates of the series under the authority. */
struct rev_scope {
    uint8_t authority[32];
    uint16_t series;
};

struct rev_hash {
    uint8_t id[10];
    uint16_t scope;
    uint16_t list; /* 1 + index of the name; 0: free slot */
};

struct rev_value {
    uint8_t value[LINKAGE_OCTETS];
    uint8_t pad;
    uint16_t list; /* 1 + index; 0: free slot */
    uint16_t scope;
};

struct rev_group {
    uint16_t scope, list, la1, la2;
    bool single;
    uint8_t seed1[LINKAGE_SEED_OCTETS], seed2[LINKAGE_SEED_OCTETS];
};

/* All linkage values of one period; shared by the sets that need it. */
struct rev_period {
    atomic_size_t refs;
    uint16_t i;
    size_t n, cap;
    struct rev_value *slot;
    size_t n_groups;
    struct rev_group *groups;
};
void rev_period_unref(struct rev_period *p);

struct rev_issuer {
    uint8_t hash[32];
    uint16_t revoked; /* 1 + index of the list; 0: not revoked, nor anything above it */
    size_t n_scopes;
    uint16_t *scope; /* lists that speak about certificates under it; in the set's scope_of */
};

struct revocation_set {
    atomic_size_t refs;
    size_t n_names;
    char **names;
    size_t n_scopes;
    struct rev_scope *scopes;
    size_t hash_cap; /* power of two or 0 */
    struct rev_hash *hashes;
    size_t n_issuers;
    struct rev_issuer *issuers; /* by hash */
    uint16_t *scope_of; /* n_scopes for each issuer */
    size_t n_periods;
    struct rev_period *period[REV_PERIODS];
};

static inline size_t rev_home(const uint8_t *id, size_t cap) {
    return (size_t)(((unsigned __int128)be64(id) * cap) >> 64);
}

#endif

/* A round that has closed, as an outsider has it: real ciphertexts, shares and sums, the ledger's events, and what a unit keeps for audits.
 * One thread. */
#ifndef WAYSIDE_TESTS_UNIT_RSU_AUDIT_RIG_H
#define WAYSIDE_TESTS_UNIT_RSU_AUDIT_RIG_H

#include "fedlearn/round/events.h"
#include "rsu/learning/audit.h"
#include "tests/unit/fedlearn/round_rig.h"

enum {
    DOSSIER_VEHICLES = 24,
    DOSSIER_FILES = 4,
    DOSSIER_EVENTS = FL_EVENT_SUSPECT + 1,
    DOSSIER_LATE = 7 /* the vehicle whose bundle is bad */
};

/* What keeps a group from being opened. */
enum dossier_unopened { DOSSIER_ALL_OPENED, DOSSIER_BAD_SHARE, DOSSIER_NO_SHARES };

struct dossier {
    struct rig *r;
    struct audit_claim claim; /* of all that follows */
    struct buf record, event[DOSSIER_EVENTS];
    struct buf material[DOSSIER_VEHICLES];
    uint8_t id[DOSSIER_VEHICLES][32];
    struct buf file[DOSSIER_FILES]; /* models, root set */
    size_t files;
    size_t fetched;
    uint8_t seed_value[32], draw_value[32];
    enum dossier_unopened unopened;
    size_t without; /* that group */
    int lost; /* other than WS_OK: with this, exclusions cannot be proven */
};

struct dossier *dossier_open(enum dossier_unopened unopened);
void dossier_free(struct dossier *d);
/* Drives the round that is open for submissions to its end, and keeps what there is of it. */
void dossier_round(struct dossier *d);
/* To the next one that is open for submissions. */
void dossier_next(struct dossier *d);
/* What is claimed is what was kept. */
void dossier_claim(struct dossier *d);

#endif

/* What an auditor gathers about a round of learning: from a unit that is not believed, or from a folder in which that was saved before.
 * Internal to rsu/ctl/model*.c. One thread.
 *
 *   FOLDER/STEP.proof          event bundle (ledger/light/proof.h) of open, seed, cut_off, groups, opened, end, suspect
 *   FOLDER/excluded-N.proof    likewise, of the exclusion of submission N for a bad share, where that was asked for
 *   FOLDER/seed_value.proof    state bundle of the beacon's randomness; draw_value.proof too; where the cell could still prove it
 *   FOLDER/record              fedlearn/round/round_record.h
 *   FOLDER/materials/ID        length of the cover (4), cover, ciphertext
 *   FOLDER/files/SHA256        models, root set */
#ifndef WAYSIDE_RSU_CTL_MODEL_DOSSIER_H
#define WAYSIDE_RSU_CTL_MODEL_DOSSIER_H

#include "rsu/ctl/ctl.h"
#include "rsu/ctl/http.h"

struct ctl_dossier {
    struct ctl_http *http; /* NULL: `from` is asked */
    const char *from, *save; /* folders; NULL: none */
    uint64_t round; /* 0 with `from`: as the folder has it */
    json_t *page; /* of http: the round as the unit tells it */
    struct ws_err
        lost; /* code other than WS_OK: the unit cannot be reached (any more), or the folder to save in not be written */
};

/* Asks for the page, makes the folders. WS_ENOTFOUND: no such round; WS_EBUSY: it is not over yet; WS_EEXIST: the folder to save in has
 * something in it, or is none. */
WARN_UNUSED int ctl_dossier_begin(struct ctl_dossier *d, struct ws_err *err);
void ctl_dossier_free(struct ctl_dossier *d);

/* The bundle of an event's proof. WS_ENOTFOUND: the round has not said it. */
WARN_UNUSED int ctl_dossier_event(
    struct ctl_dossier *d, const char *step, struct buf *ret_bundle, struct ws_err *err);
/* Of the event that excludes a submission for a bad share. WS_ENOTFOUND: the unit names none, or the folder has none. */
WARN_UNUSED int ctl_dossier_exclusion(
    struct ctl_dossier *d, uint32_t submission, struct buf *ret_bundle, struct ws_err *err);
/* Of a height's randomness; name: "seed_value" or "draw_value". */
WARN_UNUSED int ctl_dossier_randomness(struct ctl_dossier *d, const char *name, uint64_t height,
    struct buf *ret_bundle, struct ws_err *err);
WARN_UNUSED int ctl_dossier_record(
    struct ctl_dossier *d, struct buf *ret_octets, struct ws_err *err);
WARN_UNUSED int ctl_dossier_material(
    struct ctl_dossier *d, const uint8_t id[static 32], struct buf *ret_octets, struct ws_err *err);
WARN_UNUSED int ctl_dossier_file(struct ctl_dossier *d, const uint8_t sha256[static 32],
    struct buf *ret_octets, struct ws_err *err);

#endif

/* What learning keeps on disk beside the ledger: what vehicles sent (fedlearn/vehicle/material.h), by the id they signed, the record of each
 * round, and models and root sets by SHA-256.
 *
 *   FOLDER/rounds/NUMBER/ID           length of the cover (4), cover, ciphertext: stays for the audit window
 *   FOLDER/rounds/NUMBER/ID.bundles   sealed shares: erased when the round is over
 *   FOLDER/rounds/NUMBER/record       fedlearn/round/round_record.h
 *   FOLDER/rounds/NUMBER/ended        ITS time at which it was over (8)
 *   FOLDER/blobs/SHA256               models, root sets
 *
 * A file is there whole or not at all. What a vehicle sent is put in checked and given out as the disk has it: who reads it checks it
 * against the id again (fl_material_check, fl_material_wire_fits); a file that is no longer whole is removed when it is read, so that it can come
 * again. Blobs are checked when they are read. Erasing writes over a file
 * before it goes; flash may keep what was written elsewhere, so the shares are sealed for keys that are erased, too.
 *
 * Any thread; a lock inside, not held while files are read or written. */
#ifndef WAYSIDE_RSU_LEARNING_MATERIALS_H
#define WAYSIDE_RSU_LEARNING_MATERIALS_H

#include "fedlearn/vehicle/material.h"

struct materials_limits {
    uint64_t octets; /* of what vehicles sent, all rounds */
    uint64_t blob_octets; /* of models and root sets, all of them */
    uint64_t audit_us; /* how long what was sent stays after its round, if there is room */
};
struct materials_limits materials_limits_default(void); /* 8 GiB, 2 GiB, 30 days */

struct materials;
/* Made when it is not there (0700). What an earlier run left half done is removed. */
WARN_UNUSED int materials_open(const char *folder, const struct materials_limits *limits,
    struct materials **ret, struct ws_err *err);
void materials_close(struct materials *m); /* NULL is fine */

/* ---- what vehicles sent ---- */
/* Durable when it returns. WS_EEXIST: it is there. WS_ELIMIT: no room, though everything of rounds that are over went for it;
 * WS_EIO: the disk. The caller has checked it. round: its number, from 1. */
WARN_UNUSED int materials_put(struct materials *m, uint64_t round, const uint8_t id[static 32],
    const struct fl_material *what, struct ws_err *err);
/* The same for several, with fewer waits for the disk than one by one; each has an rc of its own. At most MATERIALS_PUT_MAX. */
#define MATERIALS_PUT_MAX 32
struct materials_item {
    uint64_t round;
    const uint8_t *id; /* 32; borrowed, as what is */
    const struct fl_material *what;
    int rc;
    struct ws_err err;
};
void materials_put_many(struct materials *m, struct materials_item *item, size_t n);
bool materials_has(struct materials *m, const uint8_t id[static 32]);

/* Something read; owned by whoever asked until it is released. */
struct materials_hold {
    struct fl_material material; /* bundles.n is 0 once they are erased */
    struct span blob;
    void *memory;
};
/* False: it is not here (any more). */
bool materials_get(struct materials *m, const uint8_t id[static 32], struct materials_hold *ret);
void materials_release(struct materials_hold *h);

/* This round is on (0: none); every other one is over. Cheap; touches no file. */
void materials_round(struct materials *m, uint64_t round, uint64_t its_us);
/* Work that waits for the disk: erases bundles of rounds that are over, and what is beyond the audit window or the blobs' budget.
 * Not in a thread that others wait for. */
void materials_sweep(struct materials *m, uint64_t its_us);
bool materials_to_sweep(struct materials *m, uint64_t its_us);

/* ---- records of rounds ---- */
WARN_UNUSED int materials_put_record(
    struct materials *m, uint64_t round, struct span octets, struct ws_err *err);
bool materials_get_record(struct materials *m, uint64_t round, struct materials_hold *ret);

/* ---- models and root sets ---- */
/* WS_EINPUT: the octets are not of this hash. WS_EEXIST as above. */
WARN_UNUSED int materials_put_blob(
    struct materials *m, const uint8_t sha256[static 32], struct span octets, struct ws_err *err);
bool materials_has_blob(struct materials *m, const uint8_t sha256[static 32]);
bool materials_get_blob(
    struct materials *m, const uint8_t sha256[static 32], struct materials_hold *ret);
/* The parent that a model kept here names (fedlearn/model.h); false: it is not here, or is no model. Reads a few octets, once. */
bool materials_model_parent(
    struct materials *m, const uint8_t sha256[static 32], uint8_t ret_parent[static 32]);
/* These stay whatever their age is; the ones before stay no longer. At most MATERIALS_PINNED_MAX. */
#define MATERIALS_PINNED_MAX 8
void materials_pin(struct materials *m, const uint8_t (*sha256)[32], size_t n);

struct materials_counters {
    uint64_t put, erased, expired; /* submissions: stored, bundles erased, gone */
    uint64_t no_room, io_failed;
    uint64_t damaged; /* submissions that the disk has not as they were put */
    uint64_t bad_blobs; /* whose octets on the disk were not of their hash */
    size_t submissions, blobs;
    uint64_t octets, blob_octets;
};
struct materials_counters materials_read(struct materials *m);

#endif

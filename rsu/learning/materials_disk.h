/* The files behind rsu/learning/materials.h: names, layout, durability; no index and no lock. For materials.c alone. */
#ifndef WAYSIDE_RSU_LEARNING_MATERIALS_DISK_H
#define WAYSIDE_RSU_LEARNING_MATERIALS_DISK_H

#include "base/bytes.h"
#include "rsu/learning/materials.h"

#include <limits.h>

struct materials_disk {
    char folder[PATH_MAX - 160]; /* room for what is below it */
};

/* What is there at the start. */
struct materials_found {
    void (*round)(void *ctx, uint64_t round); /* before anything of it */
    void (*submission)(void *ctx, uint64_t round, const uint8_t id[static 32], uint64_t octets,
        uint64_t bundles); /* octets of the two files */
    void (*end)(void *ctx, uint64_t round, uint64_t its_us);
    void (*blob)(void *ctx, const uint8_t hash[static 32], uint64_t octets, uint64_t changed_s);
    void *ctx;
};
/* Removes what was left half done. */
WARN_UNUSED int materials_disk_open(struct materials_disk *d, const char *folder,
    const struct materials_found *found, struct ws_err *err);

/* Sets rc of each; durable when it is WS_OK. At most MATERIALS_PUT_MAX, no two of one id. */
void materials_disk_put(
    const struct materials_disk *d, struct materials_item *const *item, size_t n);
/* Length of the cover (4), cover, ciphertext, then the bundles, so many octets. WS_ENOTFOUND: the file has gone. */
WARN_UNUSED int materials_disk_get(const struct materials_disk *d, uint64_t round,
    const uint8_t id[static 32], struct buf *ret, size_t *ret_bundles);
/* What it takes of the disk now, all of it and its bundles alone; 0: nothing is there. */
uint64_t materials_disk_octets(
    const struct materials_disk *d, uint64_t round, const uint8_t id[static 32]);
uint64_t materials_disk_bundles_octets(
    const struct materials_disk *d, uint64_t round, const uint8_t id[static 32]);
void materials_disk_drop(
    const struct materials_disk *d, uint64_t round, const uint8_t id[static 32]);
/* False: the disk would not. */
bool materials_disk_erase_bundles(
    const struct materials_disk *d, uint64_t round, const uint8_t id[static 32]);
/* Notes when it ended, behind the erasing: what is noted as ended has no bundles left. */
bool materials_disk_end(const struct materials_disk *d, uint64_t round, uint64_t its_us);
void materials_disk_drop_round(const struct materials_disk *d, uint64_t round);

WARN_UNUSED int materials_disk_put_record(
    const struct materials_disk *d, uint64_t round, struct span octets, struct ws_err *err);
bool materials_disk_get_record(
    const struct materials_disk *d, uint64_t round, size_t max, struct buf *ret);

WARN_UNUSED int materials_disk_put_blob(const struct materials_disk *d,
    const uint8_t hash[static 32], struct span octets, struct ws_err *err);
bool materials_disk_get_blob(
    const struct materials_disk *d, const uint8_t hash[static 32], size_t max, struct buf *ret);
/* At most its first n octets. */
bool materials_disk_get_blob_head(
    const struct materials_disk *d, const uint8_t hash[static 32], size_t n, struct buf *ret);
void materials_disk_drop_blob(const struct materials_disk *d, const uint8_t hash[static 32]);

#endif

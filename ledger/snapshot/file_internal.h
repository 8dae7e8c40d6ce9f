/* Octets of snapshot files. Private to file.c and part.c. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_FILE_INTERNAL_H
#define WAYSIDE_LEDGER_SNAPSHOT_FILE_INTERNAL_H

#include "ledger/snapshot/file.h"

enum {
    SNAPSHOT_START_OCTETS = 8,
    SNAPSHOT_HEAD_OCTETS = 8, /* of a record */
    SNAPSHOT_TAIL_OCTETS = 16, /* number, CRC, magic */
};
extern const uint8_t snapshot_magic[SNAPSHOT_START_OCTETS], snapshot_end[8];

/* Exactly n octets at an offset. WS_EIO; WS_EINPUT: the file ends before. */
WARN_UNUSED int snapshot_read_at(
    int fd, const char *path, uint64_t at, void *dst, size_t n, struct ws_err *err);
/* Appends the octets of the record at an offset; *ret_next: where the next begins. WS_EINPUT: no whole record is there. */
WARN_UNUSED int snapshot_record(int fd, const char *path, uint64_t at, uint64_t size, size_t max,
    struct buf *ret_octets, uint64_t *ret_next, struct ws_err *err);
/* Start and manifest. */
WARN_UNUSED int snapshot_read_start(int fd, const char *path, uint64_t size,
    struct manifest *ret_manifest, uint64_t *ret_next, struct ws_err *err);
void snapshot_head_encode(uint8_t dst[static SNAPSHOT_HEAD_OCTETS], struct span octets);

#endif

/* Whole files: read with a bound, written so that a reader never sees half of one (temporary file in
 * the same directory, fsync, rename, fsync of the directory). Any thread. */
#ifndef WAYSIDE_BASE_FILEIO_H
#define WAYSIDE_BASE_FILEIO_H

#include "base/bytes.h"
#include "base/error.h"

/* Appends the file's octets to ret_data; more than max octets is WS_ELIMIT. The text names the file. */
WARN_UNUSED int file_read(const char *path, size_t max, struct buf *ret_data, struct ws_err *err);
/* mode: permission bits of the new file; 0600 for secrets. */
WARN_UNUSED int file_write(const char *path, struct span data, unsigned mode, struct ws_err *err);
/* What was renamed or unlinked in the folder stays so when the power goes. */
WARN_UNUSED int dir_sync(const char *path, struct ws_err *err);
/* mkdir -p, each level with mode 0755 (existing levels are left alone). */
WARN_UNUSED int dir_make(const char *path, struct ws_err *err);

#endif

/* Key files: 64 hex digits and a newline, readable by their owner alone. Any thread. */
#ifndef WAYSIDE_RSU_HOST_SECRET_H
#define WAYSIDE_RSU_HOST_SECRET_H

#include "base/error.h"

#include <stdint.h>

/* Refuses a file that group or others may read or write. The caller wipes ret. */
WARN_UNUSED int secret_read(const char *path, uint8_t ret[static 32], struct ws_err *err);
/* Mode 0600. */
WARN_UNUSED int secret_write(const char *path, const uint8_t secret[static 32], struct ws_err *err);

#endif

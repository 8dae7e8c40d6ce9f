/* The log of decisions: FOLDER/decisions.jsonl, a line of JSON each, and the file before it, decisions.1.jsonl. It stays below a number of
 * octets, and no line stays longer than it may. One thread. */
#ifndef WAYSIDE_RSU_DECIDE_LOG_H
#define WAYSIDE_RSU_DECIDE_LOG_H

#include "base/bytes.h"
#include "base/error.h"

#include <limits.h>

struct decide_log {
    char folder[PATH_MAX - 32];
    uint64_t octets; /* of both files */
};

/* line: with its end; its member "written" says when (its_format). WS_EIO: it is not on the disk. */
WARN_UNUSED int decide_log_append(const struct decide_log *l, struct span line, struct ws_err *err);
/* Erases what was written before this ITS time, and what is no line of this log. Costs a reading of both files, and a writing of one that
 * has something to erase. WS_OK also when there is no log. */
WARN_UNUSED int decide_log_forget(
    const struct decide_log *l, uint64_t before_its_us, struct ws_err *err);

#endif

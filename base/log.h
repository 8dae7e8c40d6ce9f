/* One line per event to standard error: time, level, area, text. Never secrets, never payloads of
 * vehicles. Any thread. Repeated events go through a limiter that says how many it held back. */
#ifndef WAYSIDE_BASE_LOG_H
#define WAYSIDE_BASE_LOG_H

#include "base/compiler.h"

#include <stdint.h>

enum ws_log_level { WS_LOG_ERROR, WS_LOG_WARN, WS_LOG_INFO, WS_LOG_DEBUG };

/* Set once at start, before other threads run. Default: WS_LOG_INFO. */
void ws_log_set_level(enum ws_log_level level);
int ws_log_level_from_name(const char *name, enum ws_log_level *ret_level); /* 0 or WS_EINPUT */

void ws_log(enum ws_log_level level, const char *area, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* At most `burst` lines each `period_us`; the next line that passes says how many were suppressed.
 * One limiter per place and thread, zero-initialised but for burst and period_us. */
struct ws_log_limit {
    unsigned burst;
    uint64_t period_us;
    uint64_t window_start_us;
    unsigned in_window;
    uint64_t suppressed;
};

void ws_log_limited(struct ws_log_limit *limit, uint64_t mono_us, enum ws_log_level level,
    const char *area, const char *fmt, ...) PRINTF_LIKE(5, 6);

#endif

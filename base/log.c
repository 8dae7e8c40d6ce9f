#include "base/log.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum ws_log_level threshold = WS_LOG_INFO;
static const char *const names[] = {"error", "warn", "info", "debug"};

void ws_log_set_level(enum ws_log_level level) {
    threshold = level;
}

int ws_log_level_from_name(const char *name, enum ws_log_level *ret_level) {
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret_level = (enum ws_log_level)i;
            return WS_OK;
        }
    }
    return WS_EINPUT;
}

static void emit(
    enum ws_log_level level, const char *area, uint64_t suppressed, const char *fmt, va_list ap) {
    /* One write per line, so that lines of several threads and processes do not mix. */
    char line[1024];
    char when[32];
    struct ws_clock wall = {.kind = WS_CLOCK_SYSTEM};
    its_format(when, ws_clock_now(&wall).its_us);
    int n = snprintf(line, sizeof(line), "%s %s %s: ", when, names[level], area);
    size_t at = n < 0 ? 0 : (size_t)n;
    n = vsnprintf(line + at, sizeof(line) - at, fmt, ap);
    at += n < 0 ? 0 : (size_t)n;
    if (at < sizeof(line) && suppressed > 0) {
        n = snprintf(line + at, sizeof(line) - at, " (%llu alike suppressed)",
            (unsigned long long)suppressed);
        at += n < 0 ? 0 : (size_t)n;
    }
    if (at > sizeof(line) - 2)
        at = sizeof(line) - 2;
    line[at] = '\n';
    line[at + 1] = '\0';
    (void)fputs(line, stderr);
}

void ws_log(enum ws_log_level level, const char *area, const char *fmt, ...) {
    if (level > threshold)
        return;
    va_list ap;
    va_start(ap, fmt);
    emit(level, area, 0, fmt, ap);
    va_end(ap);
}

void ws_log_limited(struct ws_log_limit *limit, uint64_t mono_us, enum ws_log_level level,
    const char *area, const char *fmt, ...) {
    if (level > threshold)
        return;
    if (mono_us - limit->window_start_us >= limit->period_us) {
        limit->window_start_us = mono_us;
        limit->in_window = 0;
    }
    if (limit->in_window >= limit->burst) {
        limit->suppressed++;
        return;
    }
    limit->in_window++;
    va_list ap;
    va_start(ap, fmt);
    emit(level, area, limit->suppressed, fmt, ap);
    va_end(ap);
    limit->suppressed = 0;
}

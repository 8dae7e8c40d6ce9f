#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t read_us(clockid_t id) {
    struct timespec ts;
    (void)clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000U + (uint64_t)ts.tv_nsec / 1000U;
}

struct timespec ws_clock_deadline(uint64_t after_us) {
    uint64_t at = read_us(CLOCK_MONOTONIC) + after_us;
    return (struct timespec){
        .tv_sec = (time_t)(at / 1000000U), .tv_nsec = (long)(at % 1000000U) * 1000};
}

uint64_t its_from_unix_us(int64_t unix_us) {
    int64_t v = unix_us - ((int64_t)ITS_EPOCH_UNIX_S - ITS_LEAP_SECONDS) * 1000000;
    return v < 0 ? 0 : (uint64_t)v;
}

int64_t its_to_unix_us(uint64_t its_us) {
    return (int64_t)its_us + ((int64_t)ITS_EPOCH_UNIX_S - ITS_LEAP_SECONDS) * 1000000;
}

struct ws_now ws_clock_now(const struct ws_clock *c) {
    if (c->kind == WS_CLOCK_MANUAL)
        return c->manual;
    struct ws_now now = {.mono_us = read_us(CLOCK_MONOTONIC)};
    if (c->kind == WS_CLOCK_SYSTEM) {
        now.its_us = its_from_unix_us((int64_t)read_us(CLOCK_REALTIME));
        return now;
    }
    uint64_t run = now.mono_us < c->start_mono_us ? 0 : now.mono_us - c->start_mono_us;
    unsigned __int128 scaled = (unsigned __int128)run * c->rate_ppm / 1000000U;
    now.its_us = c->epoch_its_us + (uint64_t)scaled;
    return now;
}

void its_format(char dst[static 32], uint64_t its_us) {
    int64_t unix_us = its_to_unix_us(its_us);
    time_t s = (time_t)(unix_us / 1000000);
    unsigned ms = (unsigned)(unix_us % 1000000 / 1000);
    struct tm tm;
    char day[24];
    if (gmtime_r(&s, &tm) == NULL || strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        (void)snprintf(day, sizeof(day), "out-of-range");
    (void)snprintf(dst, 32, "%s.%03uZ", day, ms % 1000U);
}

void duration_format(char dst[static 32], uint64_t us) {
    static const struct {
        uint64_t least_s, unit_s;
        const char *name;
    } units[] = {{5 * 86400, 86400, "days"}, {2 * 3600, 3600, "h"}, {600, 60, "min"}};
    uint64_t s = us / 1000000;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (s >= units[i].least_s) {
            (void)snprintf(
                dst, 32, "%llu %s", (unsigned long long)(s / units[i].unit_s), units[i].name);
            return;
        }
    }
    (void)snprintf(dst, 32, "%llu.%03u s", (unsigned long long)s, (unsigned)(us % 1000000 / 1000));
}

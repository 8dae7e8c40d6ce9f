/* Clocks come in through this interface; nothing below rsu/ asks the machine for the time.
 *
 * Two readings, never mixed: `mono_us` is monotonic and paces time-outs; `its_us` is the cell clock,
 * ITS Time64: microseconds since 2004-01-01 00:00:00 UTC counting leap seconds (IEEE 1609.2 6.3.7).
 * For dates after 2017-01-01 Unix seconds = its_us / 1e6 + 1072915200 - 5. */
#ifndef WAYSIDE_BASE_CLOCK_H
#define WAYSIDE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define ITS_EPOCH_UNIX_S 1072915200
#define ITS_LEAP_SECONDS 5

struct ws_now {
    uint64_t mono_us;
    uint64_t its_us;
};

enum ws_clock_kind {
    WS_CLOCK_SYSTEM, /* CLOCK_REALTIME as cell clock */
    WS_CLOCK_SCALED, /* cell time = epoch + (monotonic since start_mono_us) * rate_ppm / 1e6 */
    WS_CLOCK_MANUAL, /* set by the caller: replay and simulation */
};

struct ws_clock {
    enum ws_clock_kind kind;
    uint64_t epoch_its_us; /* scaled: cell time at start_mono_us */
    uint64_t
        start_mono_us; /* scaled: CLOCK_MONOTONIC, the same number in all processes of a machine */
    uint64_t rate_ppm; /* scaled: 1000000 is real time, 20000000 twenty times faster */
    struct ws_now manual;
};

/* Any thread for SYSTEM and SCALED; MANUAL belongs to the thread that sets it. */
struct ws_now ws_clock_now(const struct ws_clock *c);

/* The instant of CLOCK_MONOTONIC so far from now, for threads that wait on a condition. Any thread. */
struct timespec ws_clock_deadline(uint64_t after_us);

uint64_t its_from_unix_us(int64_t unix_us); /* 0 for instants before the ITS epoch */
int64_t its_to_unix_us(uint64_t its_us);
/* "2026-11-21T09:30:00.123Z", 25 chars with the final zero. */
void its_format(char dst[static 32], uint64_t its_us);
/* "0.250 s", "31 min", "49 h", "204 days": as exact as whoever reads it can use. */
void duration_format(char dst[static 32], uint64_t us);

#endif

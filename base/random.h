/* Random octets come in through this interface. SYSTEM asks the kernel and stops the process if the
 * kernel has none; SEEDED is xoshiro256** (Blackman, Vigna 2018) seeded by splitmix64: reproducible,
 * for simulation, replay and obusim, never for keys that protect anything. One thread per object. */
#ifndef WAYSIDE_BASE_RANDOM_H
#define WAYSIDE_BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_random {
    bool seeded;
    uint64_t s[4];
};

struct ws_random ws_random_system(void);
struct ws_random ws_random_seeded(uint64_t seed);
void ws_random_bytes(struct ws_random *r, void *dst, size_t n);
uint64_t ws_random_u64(struct ws_random *r);
/* Uniform in [0, bound); bound > 0. */
uint64_t ws_random_below(struct ws_random *r, uint64_t bound);

#endif

#include "ledger/store/crc32c.h"

#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

/* Remainders of the sixteen nibbles. Two look-ups an octet are fast enough where no instruction exists. */
static const uint32_t nibble[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc,
    0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4,
    0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

uint32_t crc32c_portable(uint32_t before, const void *p, size_t n) {
    uint32_t c = ~before;
    const uint8_t *at = p;
    for (size_t i = 0; i < n; i++) {
        c ^= at[i];
        c = (c >> 4) ^ nibble[c & 15];
        c = (c >> 4) ^ nibble[c & 15];
    }
    return ~c;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t by_instruction(
    uint32_t before, const uint8_t *p, size_t n) {
    uint64_t c = ~before;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        c = _mm_crc32_u64(c, word);
    }
    uint32_t c32 = (uint32_t)c;
    for (; n > 0; n--, p++)
        c32 = _mm_crc32_u8(c32, *p);
    return ~c32;
}

uint32_t crc32c(uint32_t before, const void *p, size_t n) {
    if (__builtin_cpu_supports("sse4.2"))
        return by_instruction(before, p, n);
    return crc32c_portable(before, p, n);
}

#elif defined(__ARM_FEATURE_CRC32)

uint32_t crc32c(uint32_t before, const void *p, size_t n) {
    const uint8_t *at = p;
    uint32_t c = ~before;
    for (; n >= 8; n -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        c = __crc32cd(c, word);
    }
    for (; n > 0; n--, at++)
        c = __crc32cb(c, *at);
    return ~c;
}

#else

uint32_t crc32c(uint32_t before, const void *p, size_t n) {
    return crc32c_portable(before, p, n);
}

#endif

/* CRC-32C (Castagnoli: polynomial 0x1EDC6F41 reflected, initial value and final xor all ones; RFC 3720, 12.1).
 * Finds accidents, not attacks. Any thread. */
#ifndef WAYSIDE_LEDGER_STORE_CRC32C_H
#define WAYSIDE_LEDGER_STORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from the CRC of what came before (0 for nothing): crc32c(crc32c(0, a), b) is the CRC of a || b. */
uint32_t crc32c(uint32_t before, const void *p, size_t n);
/* The same without the processor's own instruction, so that a test can compare the two. */
uint32_t crc32c_portable(uint32_t before, const void *p, size_t n);

#endif

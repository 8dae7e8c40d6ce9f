/* CRC-32C (Castagnoli, RFC 3720 appendix B.4): "123456789" gives e3069283. Any thread. */
#ifndef WAYSIDE_LEDGER_STORE_CRC32C_H
#define WAYSIDE_LEDGER_STORE_CRC32C_H

#include "base/span.h"

/* crc: 0 to start, or the result for what came before. */
uint32_t crc32c(uint32_t crc, struct span s);

#endif

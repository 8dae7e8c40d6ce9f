/* Reading the octets of a consensus log: which records are whole, and whether what is not is a torn tail or
 * damage. Private to the log; layout in wal.h. */
#ifndef WAYSIDE_LEDGER_STORE_WAL_SCAN_H
#define WAYSIDE_LEDGER_STORE_WAL_SCAN_H

#include "ledger/store/wal_medium.h"

enum {
    WAL_START_OCTETS = 20,
    WAL_HEAD_OCTETS = 9,
    WAL_MARK_OCTETS = WAL_HEAD_OCTETS + 16,
    WAL_TYPE_MARK = 0,
};

void wal_start_encode(uint8_t dst[static WAL_START_OCTETS], uint64_t nonce);
void wal_head_encode(uint8_t dst[static WAL_HEAD_OCTETS], uint8_t type, struct span payload);
void wal_mark_encode(uint8_t dst[static WAL_MARK_OCTETS], uint64_t at, uint64_t nonce);

struct wal_scan {
    uint64_t nonce;
    uint64_t end; /* of the last whole record */
    uint64_t records; /* marks not counted */
    bool marked; /* the last whole record is a mark */
};
/* WS_EINPUT when damaged. Afterwards octets from scan.end on are a torn tail. */
WARN_UNUSED int wal_scan(struct wal_medium *m, struct wal_scan *ret_scan, struct ws_err *err);

#endif

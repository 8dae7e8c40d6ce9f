/* Logs of on-board units, as the SOURCES.md beside them describes the format: unpacked and cut into records. */
#ifndef WAYSIDE_TESTS_SUPPORT_OBU_LOG_H
#define WAYSIDE_TESTS_SUPPORT_OBU_LOG_H

#include "base/bytes.h"

/* What the unit noted beside a message: where it was itself, and when. */
struct obu_record {
    uint8_t source;
    int32_t lat, lon; /* 0.1 microdegree; 0: it did not know */
    uint16_t speed; /* 0.02 m/s */
    uint16_t heading; /* 0.0125 degree */
    uint64_t unix_ms;
    struct span payload; /* as logged; of some units with a WSMP header */
    struct span message; /* Ieee1609Dot2Data */
    bool has_psid; /* of the WSMP header */
    uint64_t psid;
};

struct obu_log {
    struct buf octets;
    size_t at;
    bool separated; /* one octet 0A between two records */
};

/* name: of the file without its folder and ".gz". False: not there, or not readable as gzip. */
WARN_UNUSED bool obu_log_open(const char *data_folder, const char *name, struct obu_log *ret_log);
/* False at the end. Stops the process where the octets are no record. */
WARN_UNUSED bool obu_log_next(struct obu_log *log, struct obu_record *ret_record);
void obu_log_close(struct obu_log *log);

#endif

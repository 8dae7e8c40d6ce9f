/* Replay: captures through the packet path into a whole cell, in one process on virtual time (design,
 * section 7). Same inputs, same octets out, on any machine and at any speed. No wall-clock figure reaches an
 * output. One thread. */
#ifndef WAYSIDE_RSU_REPLAY_REPLAY_H
#define WAYSIDE_RSU_REPLAY_REPLAY_H

#include "base/error.h"
#include "mapsvc/model/mapset.h"

#include <stdint.h>
#include <stdio.h>

struct replay_options {
    const char *const *captures;
    size_t n_captures;
    const char *map; /* file */
    const char *trust; /* file or folder of certificates; NULL: nobody is trusted */
    const char *revocations; /* folder of signed lists; NULL: none */
    const char *manager; /* file: certificate of the trust list manager; NULL: none */
    const char *policy; /* Lua file; NULL: the one that comes with the appliance */
    size_t validators; /* 1..VALIDATORS_MAX */
    uint64_t seed; /* of the validators' keys */
    double speed; /* multiple of real time; 0: as fast as it goes */
    uint64_t freshness_us; /* oldest generation time against the capture's clock */
    /* Observations may name versions of the map of the cell that the captures are from; else what is beyond the version here
     * is refused, as a cell does. */
    bool any_version;
    bool has_origin; /* of a map with local coordinates */
    int32_t lat0, lon0;
    bool
        has_place; /* of the antenna that heard the captures; without it nothing is said about reach */
    int32_t place_lat, place_lon;
    uint32_t reach_m;
    const char *out; /* folder, made when missing */
    const char *record; /* file: every frame with its verdict as comment, pcapng; NULL: none */
    FILE *progress; /* one line now and then; NULL: silent */
};

/* What a caller may want to print; everything else is in the files. */
struct replay_summary {
    uint64_t frames, verified, blocks, txs, versions, changes;
    uint64_t cuts; /* captures that could not be read to their ends; the report says where */
    uint64_t capture_us; /* from the first stamp to the last */
    uint8_t final_block[32];
};

/* Writes frames.csv, events.csv, diffs.geojsonl, diffs.osc, genesis.bin, proofs/, report.json, report.html. */
WARN_UNUSED int replay_run(
    const struct replay_options *opt, struct replay_summary *ret, struct ws_err *err);

#endif

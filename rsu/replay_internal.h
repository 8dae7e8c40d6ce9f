/* Shared by replay.c (running), replay_report.c and replay_record.c (writing). Internal to rsu/. */
#ifndef WAYSIDE_RSU_REPLAY_INTERNAL_H
#define WAYSIDE_RSU_REPLAY_INTERNAL_H

#include "mapsvc/diff.h"
#include "pktio/pipeline.h"
#include "rsu/admit.h"
#include "rsu/founding.h"
#include "rsu/onebox.h"
#include "rsu/replay.h"
#include "rsu/revocations.h"

struct replay_version {
    struct map_version version;
    uint32_t sequence; /* of its event in the block */
};

/* A frame's line in frames.csv; a message that waits for its signer's certificate gets its verdict later. */
struct replay_frame {
    uint32_t capture;
    uint64_t number, stamp_ns;
    enum pkt_verdict verdict; /* PKT_VERDICT_COUNT: not yet known */
    char *why; /* owned; NULL: nothing to add */
    char *plausibility; /* owned; NULL: not verified */
};

struct replay {
    const struct replay_options *opt;
    struct mapset map;
    struct map_report map_report;
    struct trust_files trust;
    struct buf policy_script, genesis;
    uint8_t seeds[VALIDATORS_MAX][32]; /* of the validators' keys */
    struct onebox *box;
    struct revocations *lists;
    struct pipeline *pipe;
    struct plausibility_tracks *tracks;
    struct admit_counters admit;
    uint64_t first_stamp_ns, last_stamp_ns, backward_stamps, skipped_us;
    size_t n_frames, cap_frames;
    struct replay_frame *frames;
    size_t first_open; /* every frame before this one has its verdict */
    struct buf events_csv;
    uint64_t results[STATE_CONTRACTS_MAX][MAP_CODE_COUNT + 64];
    uint64_t blocks, txs;
    size_t n_versions;
    struct replay_version *versions;
    hash32 final_block;
    uint64_t final_height;
    uint8_t state_root[32];
};

/* How many frames ended with this verdict. */
uint64_t replay_verdicts(const struct replay *r, enum pkt_verdict v);
/* Writes opt->record. */
WARN_UNUSED int replay_record(const struct replay *r, struct ws_err *err);
/* Writes every file; all or none of a file. */
WARN_UNUSED int replay_write(struct replay *r, struct ws_err *err);

#endif

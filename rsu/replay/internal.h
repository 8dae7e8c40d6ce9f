/* Shared by replay.c (running), replay_events.c, replay_report.c and replay_record.c (writing), and by whoever watches a
 * replay. Internal to rsu/. */
#ifndef WAYSIDE_RSU_REPLAY_INTERNAL_H
#define WAYSIDE_RSU_REPLAY_INTERNAL_H

#include "mapsvc/fuse/diff.h"
#include "pktio/pipeline.h"
#include "rsu/cell/admit.h"
#include "rsu/cell/founding.h"
#include "rsu/cell/onebox.h"
#include "rsu/replay/replay.h"
#include "rsu/trust/revocations.h"

#include <jansson.h>

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

struct replay_capture {
    uint64_t frames, last_stamp_ns; /* read from it */
    char *
        cut; /* owned; why it was read no further, without its path; NULL: it was read to its end */
};

struct replay {
    const struct replay_options *opt;
    struct mapset map;
    struct map_report map_report;
    struct trust_files trust;
    const char *policy_name; /* borrowed; NULL: the policy that comes with the appliance */
    struct buf policy_script, genesis;
    uint8_t seeds[VALIDATORS_MAX][32]; /* of the validators' keys */
    struct onebox *box;
    struct revocations *lists;
    struct pipeline *pipe;
    struct plausibility_tracks *tracks;
    struct admit_counters admit;
    uint64_t first_stamp_ns, last_stamp_ns, backward_stamps, skipped_us;
    struct replay_capture *captures; /* opt->n_captures */
    size_t cuts;
    uint64_t tail_us; /* run on after the last frame */
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
    /* Called with each block once it is durable, in their order; NULL: nobody watches. */
    void (*block)(void *ctx, const struct block *b);
    void *block_ctx;
};

/* ---- the steps of replay_run: new, prepare, play, release ---- */

/* opt stays the caller's and must outlive it. */
struct replay *replay_new(const struct replay_options *opt);
/* Reads what the options name and founds the cell; a policy that the caller has put in place (policy_name, policy_script)
 * stands if the options name none. */
WARN_UNUSED int replay_prepare(struct replay *r, struct ws_err *err);
/* The last frame is followed by enough time that a change of which a policy lets this long wait is published. */
void replay_wait_for_versions(struct replay *r, int64_t version_age_ms);
/* A capture that ends inside a record, or is damaged, is played up to there: r->captures says so, and it is no failure. */
WARN_UNUSED int replay_play(struct replay *r, struct ws_err *err);
struct replay_summary replay_summary_of(const struct replay *r);
void replay_release(struct replay *r);

void replay_note_event(struct replay *r, const struct event *e, uint64_t time);

/* How many frames ended with this verdict. */
uint64_t replay_verdicts(const struct replay *r, enum pkt_verdict v);
/* Writes opt->record. */
WARN_UNUSED int replay_record(const struct replay *r, struct ws_err *err);
/* Members of a report: captures, frames_by_verdict, admission. */
void replay_put_heard(const struct replay *r, json_t *report);
/* Writes every file; all or none of a file. */
WARN_UNUSED int replay_write(struct replay *r, struct ws_err *err);

#endif

/* The parts of one running rsud, for its faces (HTTP, admin socket). The owner thread runs the node; what is
 * marked (any) may be touched from other threads, the rest only through the mailbox. */
#ifndef WAYSIDE_RSU_DAEMON_RSUD_H
#define WAYSIDE_RSU_DAEMON_RSUD_H

#include "base/clock.h"
#include "ledger/net/net.h"
#include "ledger/node/node.h"
#include "ledger/node/query.h"
#include "pktio/recorder.h"
#include "pktio/worker.h"
#include "rsu/cell/cell.h"
#include "rsu/config/config.h"
#include "rsu/host/keeper.h"
#include "rsu/host/mailbox.h"
#include "rsu/radio/gossip.h"

#define RSUD_CODES_MAX 64
#define RSUD_LATENCIES 1024

/* Admission: what became of verified messages (rsu/cell/admit.h has the names). */
struct admit_counters;
/* What the unit sends (rsu/radio/radio.h). */
struct radio;
/* Our part in the randomness (rsu/cell/beaconing.h). */
struct beaconing;
/* Our part in learning, and what it keeps (rsu/learning/learning.h, rsu/learning/materials.h). */
struct learning;
struct materials;
struct uploading;
/* Signed lists (rsu/trust/revocations.h). */
struct revocations;
/* Answers to TN-ITS data sets (rsu/feedback/feedback.h). */
struct feedback;
/* Cameras and lidars of the unit (rsu/sensors/sensors.h). */
struct sensors;
/* What the cell's model says of what is heard (rsu/decide/service.h). */
struct decide_service;

struct rsud {
    const struct config *config; /* (any) */
    struct ws_clock clock; /* (any) */
    struct buf genesis_octets; /* (any) */
    const struct genesis *genesis; /* (any) */
    hash32 cell_id; /* (any) */
    const struct mapset *base_map; /* (any) NULL: the unit was started without it */
    struct store *store; /* (any) for reading */
    struct mailbox *mailbox; /* (any) */
    size_t n_workers;
    struct worker *workers[CONFIG_PORTS_MAX]; /* (any) worker_read_counters */
    struct node *node;
    struct net *net;
    struct cell cell;
    struct admit_counters *admit;
    struct replay_window *window; /* (any) of all workers */
    struct plausibility_tracks *tracks;
    struct gossip *gossip; /* NULL: switched off */
    struct recorder *recorder; /* (any) counters; NULL: frames are not recorded */
    struct keeper *keeper; /* (any) counters; NULL: not started */
    struct radio *radio; /* NULL: the unit only listens */
    const struct beaconing *beaconing; /* NULL: no validator */
    const struct learning *learning;
    struct materials *materials; /* (any) */
    struct uploading *uploading; /* (any) counters; NULL: no validator */
    struct feedback *feedback; /* (any) NULL: none is kept */
    struct sensors *sensors; /* NULL: none configured */
    struct decide_service *decide; /* (any) decide_service_read; NULL: none configured */
    struct revocations *lists; /* NULL: none configured */
    uint64_t results[STATE_CONTRACTS_MAX]
                    [RSUD_CODES_MAX]; /* executed transactions by contract and code */
    uint64_t commit_latency_us
        [RSUD_LATENCIES]; /* ring: monotonic, admission of a transaction to its commit */
    uint64_t n_latencies; /* ever; the ring holds the last RSUD_LATENCIES */
    uint64_t started_mono_us;
};

#endif

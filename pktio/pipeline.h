/* The order of checks, without any port or clock: a burst of frames in, a verdict for each out, verified
 * messages to a sink (design, section 2). The same object runs behind DPDK in rsud and in replay.
 *
 *   classify -> source budget -> decode -> freshness -> replay look-up -> signer -> verify -> replay insert -> sink
 *
 * All memory is allocated by pipeline_new from the limits. One thread per object. */
#ifndef WAYSIDE_PKTIO_PIPELINE_H
#define WAYSIDE_PKTIO_PIPELINE_H

#include "pktio/message.h"
#include "pktio/verdict.h"
#include "v2x/carrier.h"
#include "v2x/trust.h"

#define PIPELINE_BURST_MAX 64

struct pkt_frame {
    struct span data; /* borrowed for the call */
    enum frame_link link;
    uint32_t original_octets; /* on the air; more than data.n means cut */
    uint64_t stamp_ns; /* Unix ns of the capture, or of reception */
    uint32_t capture;
    uint64_t number;
};

struct pipeline_limits {
    size_t source_slots; /* senders tracked at once (power of two, at least 8) */
    uint32_t source_rate; /* messages/s and sender, cell time; 0: no limit */
    uint32_t source_burst;
    size_t replay_slots; /* identities remembered */
    size_t cert_slots; /* certificates remembered, proven or not */
    size_t message_pool; /* verified messages in flight (power of two) */
    uint64_t freshness_us; /* oldest generation time accepted */
    uint64_t freshness_own_us; /* the same for our own PSIDs (observations, learning records) */
    uint64_t future_us; /* how far ahead of the cell clock a generation time may be */
};

struct pipeline_config {
    struct pipeline_limits limits;
    const struct trust_store *trust; /* borrowed, not written while the pipeline runs */
    bool verify; /* false: benchmark without signature and chain checks; nothing is admitted */
    bool has_region; /* generation location, where present, must lie in this box */
    int32_t lat_min, lat_max, lon_min, lon_max; /* 0.1 microdegree */
};

struct pipeline_counters {
    uint64_t frames, octets;
    uint64_t verdict[PKT_VERDICT_COUNT];
    uint64_t signatures; /* signature checks done, certificates included */
    uint64_t
        identities_evicted; /* forgotten while they still counted as fresh: replay_slots is too small */
    size_t certs, certs_max, sources, sources_max, identities, identities_max; /* fill levels */
};

struct pipeline;

/* Takes a verified message; true: it owns m now (pkt_message_release later). False: no room (PKT_RING_FULL). */
typedef bool (*pipeline_sink)(void *ctx, struct pkt_message *m);

struct pipeline *pipeline_new(
    const struct pipeline_config *cfg, pipeline_sink sink, void *sink_ctx);
void pipeline_free(struct pipeline *p);
/* n <= PIPELINE_BURST_MAX. its_us: the cell clock for the whole burst. verdicts[n] all written. */
void pipeline_run(struct pipeline *p, const struct pkt_frame *frames, size_t n, uint64_t its_us,
    enum pkt_verdict *ret_verdicts);
const struct pipeline_counters *pipeline_counters(const struct pipeline *p);
/* A longer word for the last verdict of a frame, e.g. which rule of the chain failed or the COER offset; valid
 * until the next pipeline_run. index < n of the last run. Never NULL. */
const char *pipeline_detail(const struct pipeline *p, size_t index);

#endif

/* The order of checks, without any port or clock: frames in, one final verdict for each through a callback,
 * verified messages to a sink (design, section 2). The same object runs behind DPDK in rsud and in replay.
 *
 *   take:  classify -> source budget -> decode -> freshness -> queue by class
 *   work:  age -> signer (or wait for its certificate) -> replay look-up -> verify -> age -> replay claim -> sink
 *   tick:  those that waited for a certificate long enough
 *
 * A verdict may come long after its frame: a message that names its signer by digest waits for the certificate, and
 * when the certificate turns out good it is handed on before the message that brought it. While no more than a burst
 * is queued, frames are worked off as they came; beyond that by class. When the queues are full a frame takes the place
 * of the oldest of the lowest class, not above its own, that has to give way, and is shed when there is none; what is sure to
 * be shed is not even read (decision 0011).
 *
 * All memory is allocated by pipeline_new from the limits. One thread per object. */
#ifndef WAYSIDE_PKTIO_PIPELINE_H
#define WAYSIDE_PKTIO_PIPELINE_H

#include "pktio/message.h"
#include "pktio/replay_window.h"
#include "pktio/verdict.h"
#include "v2x/carrier.h"
#include "v2x/trust_view.h"

#define PIPELINE_BURST_MAX 64

struct pkt_frame {
    struct span data; /* borrowed for the call; in a late verdict at most the first 4608 octets */
    enum frame_link link;
    uint32_t original_octets; /* on the air; more than data.n means cut */
    uint64_t stamp_ns; /* Unix ns of the capture, or of reception */
    uint32_t capture;
    uint64_t number;
};

/* What gives way to what under overload, best first. Safety: DENM, map observations, learning records. Routine: CAM,
 * BSM. The PSID decides, as the message declares it. */
enum pipeline_class { PIPELINE_SAFETY, PIPELINE_ROUTINE, PIPELINE_OTHER, PIPELINE_CLASSES };
enum pipeline_class pipeline_class_of(uint64_t psid);

/* What is taken off the bucket of a sender beside one for each message, when the work was done: checks that
 * came to nothing. In messages. */
enum {
    PIPELINE_COST_CHAIN = 4,
    PIPELINE_COST_BAD_SIGNATURE = 2,
    PIPELINE_COST_BAD_WIDE =
        300, /* a signature of a 384-bit curve, which the kernel has no batches for */
};

struct pipeline_limits {
    size_t source_slots; /* senders tracked at once (power of two, at least 8) */
    uint32_t source_rate; /* messages/s and sender, cell time; 0: no limit */
    uint32_t source_burst;
    size_t replay_slots; /* identities remembered, in a window of its own */
    size_t cert_slots; /* certificates remembered, proven or not */
    size_t message_pool; /* verified messages in flight (power of two) */
    uint64_t freshness_us; /* oldest generation time accepted */
    uint64_t freshness_own_us; /* the same for our own PSIDs (observations, learning records) */
    uint64_t future_us; /* how far ahead of the cell clock a generation time may be */
    /* Of the following 0 means the default. */
    size_t queue_slots; /* frames queued or waiting, about 6 kB each; 2048 */
    uint64_t
        max_age_us; /* no frame is worked on, or handed on, when it was queued for longer; 50 ms */
    uint64_t max_age_safety_us; /* the same for safety messages; 200 ms */
    size_t
        wait_slots; /* of queue_slots, for messages that wait for a certificate; a quarter, at most half */
    size_t wait_octets; /* of their frames; 512 for each of wait_slots */
    size_t wait_share; /* of one sender; 32 */
    uint64_t wait_us; /* how long they wait; 1.2 s: a certificate comes once a second */
    unsigned fresh_percent; /* of the work under overload, for certificates heard first; 10 */
    enum verify_backend backend; /* of signatures; VERIFY_AUTO */
    size_t table_octets; /* for signers' tables, touched as signers come; verify.h's default */
};

/* A certificate that was checked up to a root, or an implicit one that its holder's signature proved. Borrowed. */
struct pipeline_proven {
    struct span cert;
    const uint8_t *hash, *issuer_hash; /* SHA-256, 32 octets each */
    struct verify_key *key;
    /* Under which it was proven: the store, and, since another may come to lie where it was, the view's generation. */
    const struct trust_store *store;
    uint64_t generation; /* 0: no views */
};

/* What the owner may want to know, for certificate requests between stations (TS 103 097 7.1.1) and for other pipelines
 * that hear the same road. Any may be NULL.
 * Called in the pipeline's thread from take, work, tick or learn; what is passed is borrowed for the call, and none may call
 * the pipeline. */
struct pipeline_hooks {
    void *ctx;
    /* A message began to wait for this certificate (HashedId8; its last three octets go into a request). */
    void (*missing)(void *ctx, const uint8_t id8[static 8], uint64_t its_us);
    /* A signer's certificate is under this issuer, which the store does not have; explicit ones only when a message's
     * signature fitted. */
    void (*issuer_missing)(void *ctx, const uint8_t id8[static 8], uint64_t its_us);
    /* A verified message asks for these certificates: n times 3 octets. */
    void (*requested)(void *ctx, struct span id3s, uint64_t its_us);
    /* A verified message carries this certificate of an authority, which nobody has checked. */
    void (*offered)(void *ctx, struct span cert, uint64_t its_us);
    /* A certificate was proven here; others learn it with pipeline_learn. */
    void (*proven)(void *ctx, const struct pipeline_proven *c);
};

struct pipeline_config {
    struct pipeline_limits limits;
    const struct trust_store *trust; /* borrowed, not written while the pipeline runs */
    /* Where newer views come from, looked at before each batch; borrowed. NULL: `trust` for ever, nothing revoked. */
    struct trust_slot *views;
    struct replay_window *window; /* shared with other pipelines; borrowed. NULL: one of its own */
    /* The same answer every time, also for signatures made to be expensive: otherwise too many of these in a row are bad
     * unchecked, by a count of what was checked when (verify.h, DECLINED). For replays, where nothing is in a hurry. */
    bool repeatable;
    bool verify; /* false: benchmark without signature and chain checks; nothing is admitted */
    bool has_region; /* generation location, where present, must lie in this box */
    int32_t lat_min, lat_max, lon_min, lon_max; /* 0.1 microdegree */
    struct pipeline_hooks hooks;
    uint64_t salt; /* random, so that no sender can crowd a table; no verdict depends on it */
};

struct pipeline_counters {
    uint64_t frames, octets;
    uint64_t verdict[PKT_VERDICT_COUNT];
    uint64_t signatures; /* signature checks done, certificates included */
    uint64_t
        identities_evicted; /* forgotten while they still counted as fresh: replay_slots is too small */
    /* Fill levels; identities, and those evicted, are 0 with a shared window, which has counters of its own. */
    size_t certs, certs_max, sources, sources_max, identities, identities_max;
    size_t queued, queued_max, waiting, waiting_max;
};

struct pipeline;

/* Takes a verified message; true: it owns m now (pkt_message_release later). False: no room (PKT_RING_FULL). */
typedef bool (*pipeline_sink)(void *ctx, struct pkt_message *m);

/* The final verdict of a frame, once for each. detail: a longer word for it, e.g. which rule of the chain failed or
 * the COER offset. Both are borrowed for the call, which must not call the pipeline. */
typedef void (*pipeline_verdict_fn)(
    void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail);

/* verdict_fn may be NULL. */
struct pipeline *pipeline_new(const struct pipeline_config *cfg, pipeline_sink sink, void *sink_ctx,
    pipeline_verdict_fn verdict_fn, void *verdict_ctx);
void pipeline_free(struct pipeline *p); /* frames still queued or waiting get no verdict */
/* Takes n <= PIPELINE_BURST_MAX frames; what they point to is not needed afterwards. its_us: the cell clock. */
void pipeline_take(struct pipeline *p, const struct pkt_frame *frames, size_t n, uint64_t its_us);
/* Takes up a burst of what is queued, or, when nothing is, brings what is in check to its end, and then makes use of the time
 * for tables. True: call it again before sleeping. In between new frames may be taken, which keeps batches full. */
bool pipeline_work(struct pipeline *p, uint64_t its_us);
/* Ages what waits; call it when the clock moved on, at least every wait_us / 4 or so. */
void pipeline_tick(struct pipeline *p, uint64_t its_us);
/* The end of the road: works off what is queued and stops waiting. Every frame has its verdict then. */
void pipeline_finish(struct pipeline *p, uint64_t its_us);
/* What another pipeline of the same trust proved need not be checked here again. Messages that waited for it go on with
 * the next pipeline_work. Ignored: proven under another store or view than the one in force here. Not from within a callback. */
void pipeline_learn(struct pipeline *p, const struct pipeline_proven *c, uint64_t its_us);
/* HashedId3 of the certificates waited for, oldest first; returns how many were written. */
size_t pipeline_missing(const struct pipeline *p, uint8_t (*ret_id3)[3], size_t max);
const struct pipeline_counters *pipeline_counters(const struct pipeline *p);
void pipeline_verify_counters(const struct pipeline *p, struct verify_counters *ret_counters);

#endif

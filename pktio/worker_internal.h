/* What the parts of a worker share: worker.c starts, stops and counts, worker_run.c is what its threads do, worker_frames.c
 * brings frames through a pipeline. Private to pktio/worker*.c. */
#ifndef WAYSIDE_PKTIO_WORKER_INTERNAL_H
#define WAYSIDE_PKTIO_WORKER_INTERNAL_H

#include "base/log.h"
#include "pktio/backoff.h"
#include "pktio/lessons.h"
#include "pktio/port.h"

#include <pthread.h>

/* What changes in struct verify_counters, as numbers; answers by tier come first, and so on (worker_counters.c). */
#define STRAND_VERIFY_CELLS (4 * VERIFY_TIERS + 6)

/* Counters as a strand last published them: a reader never touches what the thread writes. */
enum cell {
    CELL_FRAMES,
    CELL_OCTETS,
    CELL_SIGNATURES,
    CELL_EVICTED,
    CELL_CERTS,
    CELL_SOURCES,
    CELL_IDENTITIES,
    CELL_QUEUED,
    CELL_WAITING,
    CELL_WAKEUPS,
    CELL_SLEEPS,
    CELL_LATE,
    /* of the first strand alone */
    CELL_KERNEL_RING,
    CELL_PORT_MISSED,
    CELL_SENT,
    CELL_SENT_OCTETS,
    CELL_SEND_ERRORS,
    CELL_HANDOVER_DROPPED,
    CELL_HANDOVER_OCTETS, /* of the frames dropped */
    /* struct verify_counters, but for what never changes */
    CELL_VERIFY,
    CELL_VERDICT = CELL_VERIFY + STRAND_VERIFY_CELLS,
    CELLS = CELL_VERDICT + PKT_VERDICT_COUNT
};

/* A thread with its pipeline. The first of a worker owns the port; the others, siblings, take from `in`. */
struct strand {
    struct worker *w;
    unsigned index;
    struct pipeline *pipe;
    size_t queued_max, waiting_max;
    struct verify_counters verify; /* as it began: bounds and engine */
    struct ring *out;
    pthread_t thread;
    bool running;
    int wake_fd;
    atomic_bool sleeps_now; /* set before the last look at what it waits for */
    atomic_uint_fast64_t cell[CELLS];
    struct lessons *lessons; /* what its siblings proved; NULL: it has none */
    atomic_uint_fast64_t lessons_dropped;

    /* siblings */
    struct ring *in; /* of buffers; ours, because ThreadSanitizer does not understand DPDK's */
    uint64_t handed; /* put into `in`; the first strand's */
    atomic_uint_fast64_t
        returned; /* of these, given back: when both agree, no buffer is under way */
    atomic_bool ending; /* what is in the ring is all that will come */
    atomic_bool ended; /* and that was worked off */

    /* the thread's own */
    bool pushed; /* since out_fd was written last */
    bool backlog; /* frames are queued */
    uint64_t wakeups, sleeps, late_us_max;
    uint64_t its_us; /* the time of the latest frames */
    uint8_t *whole; /* a frame that came in several buffers */
};

struct worker {
    /* The first strand's while it runs; NULL: lost or stopped. Siblings use it only while they have buffers of it. */
    struct port *port;
    struct port_config cfg; /* of an interface, to open it again; owns its strings */
    char *names[2]; /* these */
    struct capture_source *source; /* of a capture, which is never lost */
    struct send_queue *send; /* outlives the port; NULL: nothing can be sent */
    atomic_int state; /* enum worker_state */
    atomic_bool want_stopped;
    atomic_uint_fast64_t changes, opened, open_failures;
    pthread_mutex_t trouble_lock;
    char trouble[WS_ERR_TEXT];
    struct pipeline_config pipe; /* limits and hooks as given */
    struct replay_window *own_window; /* several threads and none was given */
    const struct ws_clock *clock;
    bool paced;
    bool own_time; /* a capture as fast as it goes: each frame at its own stamp */
    worker_verdict_fn verdict_fn;
    void *verdict_ctx;
    int out_fd;
    atomic_bool stop;
    atomic_uint_fast64_t send_dropped;
    atomic_bool finished;
    unsigned n_strands;
    struct strand *strand;

    /* the first strand's own */
    uint64_t port_missed;
    uint64_t losses_read_us;
    struct backoff backoff;
    struct ws_log_limit changes_said;
    uint64_t open_at_us, looked_at_us; /* monotonic */
    uint64_t frame_at_us; /* monotonic: of the latest frame */
    bool naps_said;
    struct {
        uint64_t kernel_ring, missed, sent, octets, errors;
    } past; /* of ports closed before */
    uint64_t running_number; /* of frames from interfaces */
    uint64_t handover_dropped, handover_octets;
};

/* ---- worker_frames.c ---- */
void strand_open(struct strand *s); /* the pipeline, with hooks that share what it proves */
void strand_run(struct strand *s, struct rte_mbuf *const *m, size_t n, struct ws_now now);
/* Between two bursts: what siblings proved, one batch, and whoever waited long enough. */
void strand_work(struct strand *s);
void strand_finish(struct strand *s); /* no frame will come any more */
void strand_tell(struct strand *s); /* wakes the consumer if there is something new for it */
bool strand_has_lessons(struct strand *s);
/* Any thread. */
void strand_wake(struct strand *s);
struct pkt_frame worker_frame_of(struct rte_mbuf *m);

/* ---- worker_port.c ---- */
/* Orders, and now and then (`look`: now) whether the port is still there. False: there is none for the time being. */
bool worker_attend(struct worker *w, bool look);
/* port_open and port_close, one at a time in the process. */
WARN_UNUSED int worker_open(const struct port_config *cfg, const struct ws_clock *clock,
    struct port **ret, struct ws_err *err);
void worker_close(struct port *p);

/* ---- worker_counters.c ---- */
void strand_publish(struct strand *s); /* its thread */
void worker_publish_losses(struct worker *w); /* the first thread */

/* ---- worker_run.c ---- */
void *worker_first(void *strand);
void *worker_sibling(void *strand);

#endif

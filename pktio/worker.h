/* Packet workers on DPDK ports: receive a burst, run the pipeline, hand on, sleep on descriptors when
 * the road is idle (dpdk facts, sections 1, 5, 6). No DPDK type leaves this folder.
 *
 * A worker is one port and one or more threads, each with a pipeline of its own (decision 0014). The first owns the port;
 * it looks at the sender of each frame, keeps its own share of the senders and hands the frames of the others over through
 * rings. What one of the threads learns about certificates the others learn from it. */
#ifndef WAYSIDE_PKTIO_WORKER_H
#define WAYSIDE_PKTIO_WORKER_H

#include "base/clock.h"
#include "base/error.h"
#include "base/ring.h"
#include "pktio/pipeline.h"

/* Starts DPDK's environment once in the life of the process: without huge pages unless there are some, without
 * pinning the caller, without shared files. memory_mb: for mbuf pools. Logs go to base/log. */
WARN_UNUSED int pktio_start(unsigned memory_mb, struct ws_err *err);
/* The same with network cards, which no other process may have; needs huge pages, and says what else is missing. */
WARN_UNUSED int pktio_start_nics(
    unsigned memory_mb, const char *const *addresses, size_t n, struct ws_err *err);
void pktio_stop(void);

enum port_kind {
    PORT_CAPTURE, /* files replayed through a ring port, paced by the cell clock or as fast as it goes */
    PORT_AF_PACKET, /* a kernel interface, shared with the kernel */
    PORT_AF_XDP, /* a kernel interface taken for ourselves, faster to send on; root only */
    PORT_TAP, /* a kernel interface that we make */
    PORT_RING, /* what is sent comes back as received, inside the process */
    PORT_NIC, /* a network card, driven by DPDK itself; named to pktio_start_nics before */
};

struct port_config {
    enum port_kind kind;
    const char *const *captures; /* PORT_CAPTURE: paths in order */
    size_t n_captures;
    bool paced; /* PORT_CAPTURE: frame is due when the cell clock reaches its stamp */
    const char *interface; /* PORT_AF_PACKET, PORT_AF_XDP; PORT_TAP: what it is to be called */
    const char *device; /* PORT_NIC: PCI address like 0000:03:00.0 */
    /* Powers of two from 1024, 10 ms of a city cell's peak, to 16384; 0: default for the kind. Of the kernel's ring (af_packet),
     * its queue (tap), the card's ring (nic) or the ring itself; not for captures and af_xdp. */
    unsigned ring_frames;
    /* Pool size; 0: default for the kind; captures at least 64, af_packet and tap 256, af_xdp and nic 4096; not for ring. */
    unsigned mbufs;
    unsigned
        workers; /* threads, at most WORKER_THREADS_MAX; 0 is 1; a capture on its own time: 1 */
};
#define WORKER_THREADS_MAX 16

struct worker;

/* DOWN: there, but without a link. LOST: not there any more, or not to be opened; it is tried again, after 100 ms at first
 * and 10 s at most. STOPPED: by worker_order. */
enum worker_state { WORKER_UP, WORKER_DOWN, WORKER_LOST, WORKER_STOPPED };
const char *worker_state_name(enum worker_state s); /* "up", "down", "lost", "stopped" */

struct worker_counters {
    struct pipeline_counters pipe; /* of all threads together */
    uint64_t kernel_ring; /* frames the kernel dropped before we saw them (interfaces) */
    uint64_t port_missed; /* imissed + rx_nombuf of the driver */
    uint64_t handover_dropped; /* PKT_HANDOVER_FULL, which is among pipe's verdicts too */
    uint64_t lessons_dropped; /* proven certificates that found no room on their way to a sibling */
    uint64_t wakeups, sleeps;
    uint64_t sent, sent_octets;
    uint64_t send_dropped; /* worker_send said false */
    uint64_t
        send_errors; /* taken by worker_send, but the interface was down or the driver refused */
    uint64_t late_us_max; /* paced replay: how far behind the clock the latest frame was */
    uint64_t
        stamp_jumps; /* paced replay: stamps that went back, or more than an hour ahead: not waited for */
    enum worker_state state; /* of the port */
    uint64_t state_changes, reopened, reopen_failures;
    char trouble[WS_ERR_TEXT]; /* why it is DOWN or LOST */
    bool finished; /* PORT_CAPTURE: the end marker was processed */
    char failure[WS_ERR_TEXT]; /* PORT_CAPTURE: the capture could not be read to its end */
};

/* Own pthreads, registered with DPDK. A capture that is not paced lives on its own time: each frame meets the
 * cell clock at its own stamp (rounded up to a millisecond); otherwise `clock` is asked once a burst. clock is
 * borrowed until worker_stop; MANUAL only for captures that are not paced.
 * Verified messages (struct pkt_message *) go into `out`: one ring for each thread, all to be emptied, and the messages to
 * be released, by one and the same consumer. `out_fd`, an eventfd of the consumer, is written after a burst that put
 * something in. verdict_fn (may be NULL) is called once for each frame, maybe long after it came, in the thread that had
 * the frame: with several threads by several at once, and so are the hooks of `pipe`. cfg strings are copied. The limits
 * of `pipe` are each thread's; but threads always share their replay window, the one given or one of their own. */
typedef pipeline_verdict_fn worker_verdict_fn;
WARN_UNUSED int worker_start(const struct port_config *port, const struct pipeline_config *pipe,
    const struct ws_clock *clock, struct ring *const *out, int out_fd, worker_verdict_fn verdict_fn,
    void *verdict_ctx, struct worker **ret_worker, struct ws_err *err);
/* One thread at a time (the producer; not the worker's own): copies the frame, from its destination address on, into
 * the port's bounded queue, from where the worker sends it. False, and counted as send_dropped: the queue is full, the
 * frame is longer than the interface takes, or the port only receives (captures). Do not call it after worker_stop. */
WARN_UNUSED bool worker_send(struct worker *w, struct span frame);
/* Any thread: a snapshot (per-field atomic reads; readers may see a burst half counted). */
void worker_read_counters(struct worker *w, struct worker_counters *ret);
/* Any thread: closes the port, or opens it again, soon; state says when it is done. What is learned of senders and
 * certificates stays. False: a capture cannot be stopped. */
WARN_UNUSED bool worker_order(struct worker *w, bool run);
/* Of one thread, from 0: its share of the above. */
struct worker_thread_counters {
    struct pipeline_counters pipe;
    uint64_t wakeups, sleeps;
    struct verify_counters verify;
};
void worker_read_thread(struct worker *w, unsigned thread, struct worker_thread_counters *ret);
unsigned worker_threads(const struct worker *w);
/* Stops the threads and the port; messages already in `out` stay valid until worker_free. */
void worker_stop(struct worker *w);
void worker_free(struct worker *w);

#endif

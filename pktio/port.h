/* A DPDK port as a worker sees it: an id to receive from, a descriptor to sleep on, and the way back for used
 * buffers. Private to pktio; the only header with DPDK types. Functions are for the worker's thread unless
 * they say otherwise. */
#ifndef WAYSIDE_PKTIO_PORT_H
#define WAYSIDE_PKTIO_PORT_H

#include "base/bytes.h"
#include "pktio/port_check.h"

#include <stdatomic.h>
#include <sys/stat.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define PORT_SEND_BURST 32
#define PORT_HANDOVER_SLOTS 512 /* frames of an interface on their way to one other thread */
#define PORT_FRAME_MAX 2048 /* octets of a frame that fits into one buffer for sending */

/* In the private area of each mbuf of a capture port. */
struct frame_meta {
    uint64_t stamp_ns;
    uint64_t number;
    uint32_t original_octets;
    uint32_t capture;
    uint32_t link; /* enum frame_link */
    uint32_t end; /* 1: no frame but the end marker */
};

struct capture_source;
struct send_queue;

/* What went out; the worker's thread writes, the worker publishes. */
struct port_sent {
    uint64_t frames, octets;
    uint64_t errors; /* not sent: the interface was down */
    uint64_t
        refused; /* of `frames`: the driver took them and then failed (port_losses brings it up to date) */
};

#define PORT_RING_FRAMES                                                                           \
    1024 /* 10 ms of what a city cell is heard to say: 100,000 frames a second */

/* How one sleeps until a frame comes; in each case between port_before_sleep and port_after_sleep. */
enum port_sleep {
    PORT_SLEEP_FD, /* poll ready_fd */
    PORT_SLEEP_INTERRUPT, /* the same; it is the receive interrupt's, which those two functions arm and disarm */
    PORT_SLEEP_TIMED, /* ready_fd is -1, nothing tells of frames: look again after a while */
};

struct port {
    enum port_kind kind;
    uint16_t id;
    struct rte_mempool *pool;
    unsigned workers; /* threads that give buffers back; at least 1 */
    char device[RTE_ETH_NAME_MAX_LEN]; /* for rte_vdev_uninit */
    enum port_sleep sleep;
    int ready_fd; /* readable while (interfaces) or after (capture) frames came; -1: see sleep */
    ino_t ready_inode; /* PORT_AF_XDP: to know the driver's socket by */
    unsigned ring_frames, send_ring_frames; /* of the driver's rings; 0: PORT_RING_FRAMES */
    bool interrupts; /* asked of the driver */
    int signal; /* PORT_TAP: what the driver waits for */
    pid_t prompted; /* the thread that sends it to itself */
    struct rte_ring *ring; /* PORT_RING */
    struct capture_source *source; /* PORT_CAPTURE */
    uint64_t kernel_ring; /* interfaces: frames the kernel dropped so far */
    char interface[RTE_ETH_NAME_MAX_LEN]; /* of the kernel; empty: none */
    int interface_index; /* of the kernel's, at the start */
    int ask_fd; /* a socket to ask the kernel about the interface; -1: none */
    struct send_queue *send; /* NULL: nothing can be sent here */
    struct rte_mempool *send_pool;
    struct rte_mbuf *unsent[PORT_SEND_BURST]; /* the driver had no room for these yet */
    unsigned n_unsent;
    struct port_sent sent;
};

/* Any thread. The port is started; for a capture its reader begins with port_begin. */
WARN_UNUSED int port_open(const struct port_config *cfg, const struct ws_clock *clock,
    struct port **ret, struct ws_err *err);
/* Any thread, once nobody receives any more. NULL is fine. */
void port_close(struct port *p);
WARN_UNUSED int port_begin(struct port *p, struct ws_err *err);
/* After this a frame that arrives makes ready_fd readable; look for frames once more before sleeping. */
void port_before_sleep(struct port *p);
void port_after_sleep(struct port *p);
/* Frames were received; right before, and right after, their buffers are freed (a reader may wait for some). */
void port_received(struct port *p);
void port_freeing(struct port *p);
void port_freed(struct port *p);
/* Brings kernel_ring up to date and returns the driver's own losses. */
uint64_t port_losses(struct port *p);

/* One burst of what waits in the send queue; true: more is waiting, and the driver takes it. */
bool port_send(struct port *p);

/* ---- shared by the kinds ---- */
/* Of a pool, for the other threads of a worker: what is in their rings and caches is not taken from the first one's. */
unsigned port_pool_extra(const struct port *p, unsigned cache);
WARN_UNUSED int port_pool(struct port *p, unsigned n, unsigned data_room, struct ws_err *err);
/* One receive queue, started. */
WARN_UNUSED int port_setup(struct port *p, unsigned n_tx, struct ws_err *err);

/* The transmit side: frames of at most `octets`. */
WARN_UNUSED int port_send_setup(struct port *p, size_t octets, struct ws_err *err);
void port_send_close(struct port *p);

WARN_UNUSED int port_af_packet_open(
    struct port *p, const struct port_config *cfg, struct ws_err *err);

void port_af_packet_losses(struct port *p);

WARN_UNUSED int port_af_xdp_open(struct port *p, const struct port_config *cfg, struct ws_err *err);
void port_af_xdp_losses(struct port *p);
/* After the driver was closed, before the pool is freed. */
void port_af_xdp_close(struct port *p);

WARN_UNUSED int port_tap_open(struct port *p, const struct port_config *cfg, struct ws_err *err);
void port_tap_losses(struct port *p);
void port_tap_prompt(struct port *p); /* the next look for frames is in earnest */

WARN_UNUSED int port_ring_open(struct port *p, const struct port_config *cfg, struct ws_err *err);
void port_ring_close(struct port *p); /* after the driver was closed */

WARN_UNUSED int port_nic_open(struct port *p, const struct port_config *cfg, struct ws_err *err);
void port_nic_close(struct port *p); /* closes the driver */

/* ---- shared by the kinds on kernel interfaces ---- */
/* Says when the interface is down; returns the longest frame it sends, at most `room`. */
size_t port_look_at(struct port *p, const char *name, size_t room);
/* The process's sockets, by inode, eight octets each. */
void port_list_sockets(struct buf *b);
/* A socket of the family that is not in the list; -1: none. */
int port_new_socket(const struct buf *before, int family);
/* The driver's socket captures from its creation on; what came before the start is not ours. */
void port_drain(struct port *p);

/* Opens nothing yet: a file that cannot be read is a failure of the worker, not of the port. */
WARN_UNUSED int port_capture_open(struct port *p, const struct port_config *cfg,
    const struct ws_clock *clock, struct ws_err *err);
void capture_source_stop(struct capture_source *s); /* joins the reader */
void capture_source_free(struct capture_source *s);
/* With true, a frame that is handed over makes the port's ready_fd readable. */
void capture_source_tell(struct capture_source *s, bool on);
/* Valid once the end marker was received. Empty: read to the end. */
const char *capture_source_failure(const struct capture_source *s);
uint64_t capture_source_jumps(struct capture_source *s); /* any thread */

#endif

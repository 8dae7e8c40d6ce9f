/* The port of a worker: open, gone, tried again, stopped and started while everything else goes on. All of it in the first
 * thread, but for the orders and the snapshots. */
#include "pktio/worker_internal.h"

#include "base/log.h"
#include "pktio/port_check.h"
#include "pktio/send_queue.h"

#include <net/if.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOK_EVERY_US = 100000 };

const char *worker_state_name(enum worker_state s) {
    switch (s) {
    case WORKER_UP:
        return "up";
    case WORKER_DOWN:
        return "down";
    case WORKER_LOST:
        return "lost";
    case WORKER_STOPPED:
        return "stopped";
    }
    return "unknown";
}

static const char *name_of(const struct worker *w) {
    if (w->cfg.interface != NULL)
        return w->cfg.interface;
    return w->cfg.device != NULL ? w->cfg.device : port_kind_name(w->cfg.kind);
}

/* Each change is counted and said once; a loose plug does not fill the log. */
static void change(struct worker *w, enum worker_state to, const char *why) {
    if (atomic_load(&w->state) == (int)to)
        return;
    (void)pthread_mutex_lock(&w->trouble_lock);
    (void)snprintf(w->trouble, sizeof(w->trouble), "%s", why);
    (void)pthread_mutex_unlock(&w->trouble_lock);
    atomic_store(&w->state, to);
    atomic_fetch_add_explicit(&w->changes, 1, memory_order_relaxed);
    ws_log_limited(&w->changes_said, ws_clock_now(w->clock).mono_us,
        to == WORKER_LOST || to == WORKER_DOWN ? WS_LOG_WARN : WS_LOG_INFO, "pktio",
        "port %s is %s%s%s", name_of(w), worker_state_name(to), why[0] == '\0' ? "" : ": ", why);
}

/* ---- losing it ---- */

/* What the kernel says of the interface: false, it is not there any more, or another has its name. */
static bool still_there(struct port *p, bool *ret_up) {
    struct ifreq rq = {0};
    *ret_up = true;
    if (p->ask_fd < 0)
        return rte_eth_dev_is_removed(p->id) != 1;
    (void)snprintf(rq.ifr_name, sizeof(rq.ifr_name), "%s", p->interface);
    if (ioctl(p->ask_fd, SIOCGIFINDEX, &rq) != 0 || rq.ifr_ifindex != p->interface_index)
        return false;
    if (ioctl(p->ask_fd, SIOCGIFFLAGS, &rq) == 0)
        *ret_up = (rq.ifr_flags & IFF_UP) != 0 && (rq.ifr_flags & IFF_RUNNING) != 0;
    return true;
}

/* A socket whose interface went down is readable until somebody asks why. */
static void clear_error(struct port *p) {
    int why = 0;
    socklen_t n = sizeof(why);
    if (p->sleep == PORT_SLEEP_FD && p->ask_fd >= 0)
        (void)getsockopt(p->ready_fd, SOL_SOCKET, SO_ERROR, &why, &n);
}

/* Buffers that siblings have are of the port's pool. */
static void wait_for_siblings(struct worker *w) {
    for (unsigned i = 1; i < w->n_strands; i++) {
        struct strand *s = &w->strand[i];
        while (atomic_load_explicit(&s->returned, memory_order_acquire) != s->handed &&
               !atomic_load_explicit(&w->stop, memory_order_relaxed)) {
            strand_wake(s);
            (void)usleep(100);
        }
    }
}

/* False: the worker is being stopped, and who stops it closes the port. */
static bool close_port(struct worker *w) {
    wait_for_siblings(w);
    if (atomic_load_explicit(&w->stop, memory_order_relaxed))
        return false;
    struct port *p = w->port;
    w->past.missed += port_losses(p);
    w->past.kernel_ring += p->kernel_ring;
    w->past.sent += p->sent.frames - p->sent.refused;
    w->past.octets += p->sent.octets;
    w->past.errors += p->sent.errors + p->sent.refused + p->n_unsent;
    w->port_missed = 0;
    p->send = NULL; /* the worker's */
    w->port = NULL;
    worker_close(p);
    return true;
}

/* What waits to be sent is of no use later. */
static void drop_sends(struct worker *w) {
    while (w->send != NULL && send_queue_first(w->send).n > 0) {
        send_queue_drop(w->send);
        w->past.errors++;
    }
}

static void lose(struct worker *w, uint64_t mono_us) {
    char why[96];
    if (!close_port(w))
        return;
    w->open_at_us = mono_us + backoff_next_us(&w->backoff);
    (void)snprintf(why, sizeof(why), "the interface is gone; it is opened again when it is back");
    change(w, WORKER_LOST, why);
}

/* ---- getting it back ---- */

static void try_open(struct worker *w, uint64_t mono_us) {
    struct ws_err err = {0};
    struct port *p = NULL;
    if (worker_open(&w->cfg, w->clock, &p, &err) != WS_OK) {
        atomic_fetch_add_explicit(&w->open_failures, 1, memory_order_relaxed);
        w->open_at_us = mono_us + backoff_next_us(&w->backoff);
        change(w, WORKER_LOST, err.text);
        return;
    }
    send_queue_free(p->send);
    p->send = w->send;
    w->port = p;
    w->looked_at_us = 0;
    backoff_reset(&w->backoff);
    atomic_fetch_add_explicit(&w->opened, 1, memory_order_relaxed);
    change(w, WORKER_UP, "");
}

bool worker_attend(struct worker *w, bool look) {
    uint64_t now = ws_clock_now(w->clock).mono_us;
    bool stopped = atomic_load(&w->want_stopped);
    if (w->port == NULL) {
        drop_sends(w);
        if (stopped)
            change(w, WORKER_STOPPED, "");
        else if (atomic_load(&w->state) == WORKER_STOPPED || now >= w->open_at_us)
            try_open(w, now);
        return w->port != NULL;
    }
    if (w->source != NULL)
        return true;
    if (stopped) {
        if (!close_port(w))
            return true;
        backoff_reset(&w->backoff);
        change(w, WORKER_STOPPED, "");
        return false;
    }
    if (!look && now - w->looked_at_us < LOOK_EVERY_US)
        return true;
    w->looked_at_us = now;
    bool up = true;
    clear_error(w->port);
    if (!still_there(w->port, &up))
        lose(w, now);
    else
        change(w, up ? WORKER_UP : WORKER_DOWN, up ? "" : "the interface is down");
    return w->port != NULL;
}

bool worker_order(struct worker *w, bool run) {
    if (w->source != NULL)
        return false;
    atomic_store(&w->want_stopped, !run);
    strand_wake(&w->strand[0]);
    return true;
}

/* ---- DPDK's control ---- */

/* DPDK keeps one list of devices for the process, and which socket a driver opened is found by what is new: one at a time,
 * whichever worker it is. */
static pthread_mutex_t control = PTHREAD_MUTEX_INITIALIZER;

int worker_open(const struct port_config *cfg, const struct ws_clock *clock, struct port **ret,
    struct ws_err *err) {
    (void)pthread_mutex_lock(&control);
    int rc = port_open(cfg, clock, ret, err);
    (void)pthread_mutex_unlock(&control);
    return rc;
}

void worker_close(struct port *p) {
    (void)pthread_mutex_lock(&control);
    port_close(p);
    (void)pthread_mutex_unlock(&control);
}

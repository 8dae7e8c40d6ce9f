/* A kernel interface: a veth pair in a network name space of the test's own, through the driver TEST_KIND. Skipped,
 * with the reason, where the machine does not let us make or use one. */
#include "tests/unit/pktio/worker_support.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "pktio/port_check.h"
#include "v2x/psid.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static const enum port_kind kind = TEST_KIND;
static int sender = -1;

static bool write_proc(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    (void)close(fd);
    return ok;
}

/* Where frames come from and go to: the other end of the pair, or the kernel's side of what the port made. */
static bool open_sender(const char *interface) {
    if (sender >= 0)
        (void)close(sender);
    sender = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = (int)if_nametoindex(interface)};
    return sender >= 0 && bind(sender, (struct sockaddr *)&to, sizeof(to)) == 0;
}

/* NULL, or why not. */
static const char *make_pair(void) {
    /* NOLINTNEXTLINE(cert-env33-c): a fixed command line */
    if (system("ip link add ws0 type veth peer name ws1 2>/dev/null") != 0)
        return "no veth pair (ip link add)";
    /* NOLINTNEXTLINE(cert-env33-c) */
    if (system("ip link set ws0 up && ip link set ws1 up") != 0)
        return "the veth pair does not come up";
    return open_sender("ws1") ? NULL : "no packet socket to send with";
}

/* A name space where this process has all rights, whoever runs it. */
static const char *enter_namespace(void) {
    static char why[128];
    uid_t uid = getuid();
    int flags = CLONE_NEWNET | (uid == 0 ? 0 : CLONE_NEWUSER);
    if (unshare(flags) != 0) {
        (void)snprintf(why, sizeof(why), "no network name space: %s", strerror(errno));
        return why;
    }
    if (uid != 0) {
        char map[32];
        (void)snprintf(map, sizeof(map), "0 %u 1", (unsigned)uid);
        if (!write_proc("/proc/self/setgroups", "deny") || !write_proc("/proc/self/uid_map", map))
            return "no user name space";
    }
    /* The kernel's own first words on a new interface are not to be counted. */
    (void)write_proc("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    return kind == PORT_TAP ? NULL : make_pair();
}

static int setup(void **state) {
    *state = bench_new();
    return 0;
}

static int teardown(void **state) {
    bench_free(*state);
    return 0;
}

static void send_cam(struct bench *b, struct buf *frame, uint64_t generation_time, bool cert) {
    buf_clear(frame);
    station_frame(frame, &b->car, PSID_CAM, generation_time, span_of("hello", 5), cert);
    ssize_t n = send(sender, frame->p, frame->n, 0);
    if (n < 0 && errno == ENETDOWN) /* it was down once, and the socket has not said so yet */
        n = send(sender, frame->p, frame->n, 0);
    assert_int_equal(n, frame->n);
}

static void wait_running(void) {
    struct ifreq rq = {0};
    (void)snprintf(rq.ifr_name, sizeof(rq.ifr_name), "ws0");
    for (unsigned i = 0; i < 12000; i++) { /* the kernel may take a second to say so */
        assert_int_equal(ioctl(sender, SIOCGIFFLAGS, &rq), 0);
        if ((rq.ifr_flags & IFF_RUNNING) != 0)
            return;
        (void)usleep(10000);
    }
    fail_msg("the interface does not run again");
}

static struct worker *start(struct bench *b) {
    struct port_config cfg = {.kind = kind, .interface = "ws0"};
    struct worker *w = bench_start(b, &cfg);
    if (kind == PORT_TAP) {
        assert_true(open_sender("ws0"));
        wait_running();
    }
    return w;
}

static void finish(struct worker *w) {
    worker_free(w);
}

/* Frames that the kernel had no room for are the sender's to know. */
static uint64_t send_frame(const struct buf *frame) {
    ssize_t n = send(sender, frame->p, frame->n, 0);
    if (n < 0 && errno == ENOBUFS && kind == PORT_TAP)
        return 0;
    assert_int_equal(n, frame->n);
    return 1;
}

/* A clock that says the ticket's hour and runs. */
static void set_clock(struct bench *b) {
    struct ws_clock mono = {.kind = WS_CLOCK_SYSTEM};
    b->clock = (struct ws_clock){.kind = WS_CLOCK_SCALED,
        .epoch_its_us = PKI_NOW_US,
        .start_mono_us = ws_clock_now(&mono).mono_us,
        .rate_ppm = 1000000};
}

static void wait_frames(struct worker *w, uint64_t n, struct worker_counters *c) {
    for (unsigned i = 0; i < 240000; i++) {
        worker_read_counters(w, c);
        uint64_t done = c->kernel_ring; /* a verdict may come after its frame was counted */
        for (unsigned v = 0; v < PKT_VERDICT_COUNT; v++)
            done += c->pipe.verdict[v];
        if (done >= n)
            return;
        (void)usleep(1000);
    }
}

static void frames_come_through_an_interface(void **state) {
    struct bench *b = *state;
    enum { FRAMES = 300 };
    struct buf frame = {0};
    set_clock(b);
    struct worker *w = start(b);
    for (unsigned i = 0; i < FRAMES; i++) {
        send_cam(b, &frame, ws_clock_now(&b->clock).its_us, i % 10 == 0);
        if (i % 50 == 49)
            (void)usleep(5000);
    }
    struct worker_counters c;
    wait_frames(w, FRAMES, &c);
    worker_stop(w);
    worker_read_counters(w, &c);
    assert_int_equal(c.kernel_ring, 0);
    assert_int_equal(c.port_missed, 0);
    assert_int_equal(c.pipe.verdict[PKT_VERIFIED], FRAMES);
    assert_false(c.finished);
    assert_int_equal(bench_drain(b), FRAMES);
    assert_true(b->seen[0].stamp_ns >= bench_stamp_ns()); /* stamped by the cell clock */
    finish(w);
    buf_free(&frame);
}

static void an_idle_interface_sleeps_and_wakes(void **state) {
    struct bench *b = *state;
    struct buf frame = {0};
    set_clock(b);
    struct worker *w = start(b);
    struct worker_counters c;
    (void)usleep(500000);
    worker_read_counters(w, &c);
    assert_true(c.sleeps > 0 && c.sleeps < 100);
    send_cam(b, &frame, ws_clock_now(&b->clock).its_us, true);
    wait_frames(w, 1, &c);
    assert_int_equal(c.pipe.verdict[PKT_VERIFIED], 1);
    assert_int_equal(bench_drain(b), 1);
    finish(w);
    buf_free(&frame);
}

/* The worker sleeps in each frame while more come than the kernel's ring holds: each is seen or counted as lost. */
static void what_the_kernel_drops_is_counted(void **state) {
    struct bench *b = *state;
    enum { FRAMES = 20000 };
    struct buf frame = {0};
    set_clock(b);
    b->slow_us = 2000;
    struct worker *w = start(b);
    station_frame(
        &frame, &b->car, PSID_CAM, 1, span_of("old", 3), true); /* stale: cheap to refuse */
    uint64_t out = 0;
    for (unsigned i = 0; i < FRAMES; i++)
        out += send_frame(&frame);
    struct worker_counters c = {0};
    /* The kernel's count is read between bursts, which a busy machine may make long. */
    for (unsigned t = 0; t < 1200 && c.kernel_ring + c.port_missed + (FRAMES - out) == 0; t++) {
        (void)usleep(100000);
        worker_read_counters(w, &c);
    }
    assert_true(c.kernel_ring + c.port_missed + (FRAMES - out) > 0);
    worker_stop(w);
    worker_read_counters(w, &c);
    assert_int_equal(c.pipe.frames, c.pipe.verdict[PKT_STALE]);
    /* What was in the ring at the stop is neither; the ring holds 4096 at most. */
    uint64_t known = c.pipe.frames + c.kernel_ring + c.port_missed;
    assert_true(known <= FRAMES);
    assert_true(known + 4096 >= out);
    finish(w);
    buf_free(&frame);
}

/* More than there are buffers, one by one: no buffer is one that frames cannot come in. */
static void every_buffer_serves(void **state) {
    struct bench *b = *state;
    enum { FRAMES = 30000, AT_ONCE = 500 };
    struct buf frame = {0};
    set_clock(b);
    struct worker *w = start(b);
    struct worker_counters c;
    station_frame(&frame, &b->car, PSID_CAM, 1, span_of("old", 3), true); /* stale: cheap */
    for (uint64_t i = 1; i <= FRAMES; i++) {
        assert_int_equal(send(sender, frame.p, frame.n, 0), frame.n);
        if (i % AT_ONCE == 0)
            wait_frames(w, i, &c);
    }
    worker_stop(w);
    worker_read_counters(w, &c);
    assert_int_equal(c.pipe.verdict[PKT_STALE], FRAMES);
    assert_int_equal(c.kernel_ring, 0);
    finish(w);
    buf_free(&frame);
}

static void slow_siblings(
    void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    atomic_uint *n = ctx;
    char name[16] = "";
    assert_true(f->data.n > 0 && detail != NULL);
    (void)pthread_getname_np(pthread_self(), name, sizeof(name));
    if (strcmp(name, "ws-packet+") == 0)
        (void)usleep(5000); /* slower than any sender */
    atomic_fetch_add(&n[v], 1);
}

/* A sibling that does not keep up costs its own senders' frames, by name, and nobody else's. */
static void a_slow_sibling_drops_by_name(void **state) {
    struct bench *b = *state;
    enum { FRAMES = 3000 };
    struct buf frame = {0};
    atomic_uint n[PKT_VERDICT_COUNT] = {0};
    struct ring *other = ring_create(OUT_RING);
    struct ring *out[] = {b->out, other};
    struct worker *w = NULL;
    struct ws_err err;
    set_clock(b);
    struct port_config cfg = {.kind = kind, .interface = "ws0", .workers = 2};
    assert_int_equal(
        worker_start(&cfg, &b->cfg, &b->clock, out, b->out_fd, slow_siblings, n, &w, &err), WS_OK);
    if (kind == PORT_TAP) {
        assert_true(open_sender("ws0"));
        wait_running();
    }
    station_frame(&frame, &b->car, PSID_CAM, 1, span_of("old", 3), true);
    for (unsigned i = 0; i < FRAMES; i++) {
        put_be32(frame.p + 6, i); /* in the source address */
        assert_int_equal(send(sender, frame.p, frame.n, 0), frame.n);
        if (i % 100 == 99)
            (void)usleep(2000);
    }
    struct worker_counters c;
    for (unsigned i = 0; i < 240000; i++) {
        worker_read_counters(w, &c);
        if (c.pipe.verdict[PKT_STALE] + c.pipe.verdict[PKT_HANDOVER_FULL] + c.kernel_ring >= FRAMES)
            break;
        (void)usleep(1000);
    }
    assert_int_equal(c.kernel_ring, 0);
    assert_int_equal(c.port_missed, 0);
    assert_int_equal(c.pipe.frames, FRAMES);
    assert_int_equal(c.pipe.verdict[PKT_STALE] + c.pipe.verdict[PKT_HANDOVER_FULL], FRAMES);
    assert_int_equal(c.pipe.verdict[PKT_HANDOVER_FULL], c.handover_dropped);
    assert_true(c.handover_dropped > 0);
    assert_true(c.pipe.verdict[PKT_STALE] > FRAMES / 3); /* all of the first one's */
    worker_stop(w);
    assert_int_equal(atomic_load(&n[PKT_STALE]), c.pipe.verdict[PKT_STALE]);
    assert_int_equal(atomic_load(&n[PKT_HANDOVER_FULL]), c.handover_dropped);
    finish(w);
    ring_destroy(other);
    buf_free(&frame);
}

/* Stop and start again in one process, more often than DPDK has numbers for ports. */
static void the_same_interface_again(void **state) {
    struct bench *b = *state;
    struct buf frame = {0};
    for (unsigned i = 0; i < 40; i++) {
        set_clock(b);
        struct worker *w = start(b);
        send_cam(b, &frame, ws_clock_now(&b->clock).its_us, true);
        struct worker_counters c;
        wait_frames(w, 1, &c);
        assert_int_equal(c.pipe.verdict[PKT_VERIFIED], 1);
        assert_int_equal(bench_drain(b), 1);
        finish(w);
    }
    buf_free(&frame);
}

/* A socket of ours on the queue: who comes second is told so, nothing is left behind, and once it is gone all is well. */
static void a_taken_queue_is_named(void **state) {
    struct bench *b = *state;
    enum { AREA = 16384 };
    if (kind != PORT_AF_XDP)
        skip();
    int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    void *area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const struct xdp_umem_reg reg = {.addr = (uintptr_t)area, .len = AREA, .chunk_size = 4096};
    const struct sockaddr_xdp at = {
        .sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY, .sxdp_ifindex = if_nametoindex("ws0")};
    const int n = 4;
    assert_true(area != MAP_FAILED);
    assert_int_equal(setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)), 0);
    assert_int_equal(setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &n, sizeof(n)), 0);
    assert_int_equal(setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &n, sizeof(n)), 0);
    assert_int_equal(setsockopt(fd, SOL_XDP, XDP_RX_RING, &n, sizeof(n)), 0);
    int rc = bind(fd, (const struct sockaddr *)&at, sizeof(at));
    for (unsigned i = 0; rc != 0 && i < 6000; i++) {
        (void)usleep(10000);
        rc = bind(fd, (const struct sockaddr *)&at, sizeof(at));
    }
    assert_int_equal(rc, 0);
    struct port_config cfg = {.kind = kind, .interface = "ws0"};
    struct worker *w = NULL;
    struct ws_err err = {0};
    set_clock(b);
    assert_int_equal(
        worker_start(&cfg, &b->cfg, &b->clock, &b->out, b->out_fd, NULL, NULL, &w, &err), WS_EBUSY);
    assert_non_null(strstr(err.text, "ws0: another AF_XDP socket"));
    (void)close(fd);
    (void)munmap(area, AREA);
    struct buf frame = {0};
    struct worker_counters c;
    w = bench_start(b, &cfg);
    send_cam(b, &frame, ws_clock_now(&b->clock).its_us, true);
    wait_frames(w, 1, &c);
    assert_int_equal(c.pipe.verdict[PKT_VERIFIED], 1);
    assert_int_equal(bench_drain(b), 1);
    finish(w);
    buf_free(&frame);
}

static void wait_sent(struct worker *w, uint64_t n, struct worker_counters *c) {
    for (unsigned i = 0; i < 240000; i++) {
        worker_read_counters(w, c);
        if (c->sent + c->send_errors >= n)
            return;
        (void)usleep(1000);
    }
}

/* What a worker sends on one end arrives on the other, in order, octet for octet, while both sleep in between. */
static void what_is_sent_arrives(void **state) {
    struct bench *b = *state;
    enum { FRAMES = 10000 }; /* more than there are buffers */
    struct buf frame = {0};
    uint8_t got[2048];
    set_clock(b);
    struct worker *w = start(b);
    (void)usleep(20000); /* asleep: the first frame must wake it */
    station_frame(&frame, &b->car, PSID_CAM, PKI_NOW_US, span_of("hello", 5), true);
    while (recv(sender, got, sizeof(got), MSG_DONTWAIT) > 0)
        ;
    unsigned taken = 0;
    for (unsigned i = 0; i < FRAMES; i++) {
        put_be32(frame.p + 6, i); /* in the source address */
        while (!worker_send(w, buf_span(&frame)))
            (void)usleep(100);
        taken++;
        struct timeval wait = {60, 0};
        assert_int_equal(setsockopt(sender, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
        assert_int_equal(recv(sender, got, sizeof(got), 0), frame.n);
        assert_memory_equal(got, frame.p, frame.n);
    }
    struct worker_counters c;
    wait_sent(w, taken, &c);
    assert_int_equal(c.sent, FRAMES);
    assert_int_equal(c.sent_octets, FRAMES * frame.n);
    assert_int_equal(c.send_errors, 0);
    finish(w);
    buf_free(&frame);
}

/* Taken and refused add up; longer than the interface's MTU, and empty, is refused, and the port still sends after. */
static void what_is_not_sent_is_counted(void **state) {
    struct bench *b = *state;
    enum { FRAMES = 20000 };
    static const uint8_t octets[1514] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x89, 0x47};
    uint64_t taken = 0;
    set_clock(b);
    struct worker *w = start(b);
    assert_false(worker_send(w, span_of(octets, 0)));
    static const uint8_t longer[1515];
    assert_false(worker_send(w, span_of(longer, sizeof(longer))));
    for (unsigned i = 0; i < FRAMES; i++)
        taken += worker_send(w, span_of(octets, sizeof(octets))) ? 1 : 0;
    struct worker_counters c;
    wait_sent(w, taken, &c);
    assert_int_equal(c.sent + c.send_errors, taken);
    assert_int_equal(c.send_dropped, 2 + FRAMES - taken);
    assert_int_equal(c.sent_octets, c.sent * sizeof(octets));
    finish(w);
}

/* Nothing stale leaves when the interface comes up again. */
static void an_interface_that_is_down_sends_nothing(void **state) {
    struct bench *b = *state;
    static const uint8_t octets[100] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x89, 0x47};
    uint8_t got[2048];
    set_clock(b);
    struct worker *w = start(b);
    /* NOLINTNEXTLINE(cert-env33-c) */
    assert_int_equal(system("ip link set ws0 down"), 0);
    for (unsigned i = 0; i < 10; i++)
        assert_true(worker_send(w, span_of(octets, sizeof(octets))));
    struct worker_counters c;
    wait_sent(w, 10, &c);
    assert_int_equal(c.send_errors, 10);
    assert_int_equal(c.sent, 0);
    while (recv(sender, got, sizeof(got), MSG_DONTWAIT) > 0) /* of the tests before */
        ;
    /* NOLINTNEXTLINE(cert-env33-c) */
    assert_int_equal(system("ip link set ws0 up"), 0);
    wait_running();
    (void)usleep(100000);
    while (recv(sender, got, sizeof(got), MSG_DONTWAIT) > 0) /* nothing stale */
        assert_int_not_equal(be16(got + 12), 0x8947);
    assert_true(worker_send(w, span_of(octets, sizeof(octets))));
    wait_sent(w, 11, &c);
    assert_int_equal(c.sent, 1);
    finish(w);
}

static void wait_state(struct worker *w, enum worker_state want, struct worker_counters *c) {
    for (unsigned i = 0; i < 240000; i++) {
        worker_read_counters(w, c);
        if (c->state == want)
            return;
        (void)usleep(1000);
    }
    fail_msg("the port is %s, not %s: %s", worker_state_name(c->state), worker_state_name(want),
        c->trouble);
}

/* Sends until one frame more was verified: the port may not listen yet. */
static void hear_one_more(struct bench *b, struct worker *w) {
    struct buf frame = {0};
    struct worker_counters c;
    worker_read_counters(w, &c);
    uint64_t before = c.pipe.verdict[PKT_VERIFIED];
    for (unsigned i = 0; i < 12000 && c.pipe.verdict[PKT_VERIFIED] == before; i++) {
        send_cam(b, &frame, ws_clock_now(&b->clock).its_us, i == 0);
        (void)usleep(10000);
        worker_read_counters(w, &c);
    }
    assert_true(c.pipe.verdict[PKT_VERIFIED] > before);
    buf_free(&frame);
}

/* Deleted and made again under the same name, and that twice: frames flow again, with one thread and with two. */
static void an_interface_that_vanishes_comes_back(void **state) {
    struct bench *b = *state;
    static const uint8_t octets[100] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x89, 0x47};
    if (kind == PORT_TAP)
        skip(); /* nobody has to make that again */
    for (unsigned workers = 1; workers <= 2; workers++) {
        struct ring *other = ring_create(OUT_RING);
        struct ring *out[] = {b->out, other};
        struct worker *w = NULL;
        struct ws_err err = {0};
        struct worker_counters c;
        set_clock(b);
        struct port_config cfg = {.kind = kind, .interface = "ws0", .workers = workers};
        if (worker_start(&cfg, &b->cfg, &b->clock, out, b->out_fd, NULL, NULL, &w, &err) != WS_OK)
            fail_msg("%s", err.text);
        hear_one_more(b, w);
        for (unsigned turn = 1; turn <= 2; turn++) {
            /* NOLINTNEXTLINE(cert-env33-c) */
            assert_int_equal(system("ip link del ws0"), 0);
            wait_state(w, WORKER_LOST, &c);
            assert_true(c.trouble[0] != '\0');
            assert_true(worker_send(w, span_of(octets, sizeof(octets))));
            wait_sent(w, turn, &c); /* counted, and not kept for later */
            assert_true(c.send_errors >= turn);
            (void)usleep(300000);
            worker_read_counters(w, &c);
            assert_true(c.sleeps < 1000); /* no busy waiting for it */
            const char *why = make_pair();
            if (why != NULL)
                fail_msg("%s", why);
            wait_state(w, WORKER_UP, &c);
            assert_int_equal(c.reopened, turn);
            hear_one_more(b, w);
        }
        worker_read_counters(w, &c);
        assert_true(c.reopen_failures > 0);
        assert_true(c.state_changes >= 4 && c.state_changes <= 12);
        uint64_t sent = c.sent + c.send_errors;
        assert_true(worker_send(w, span_of(octets, sizeof(octets))));
        wait_sent(w, sent + 1, &c);
        assert_true(c.sent > 0);
        worker_stop(w);
        size_t n = bench_drain(b);
        for (struct pkt_message *m; (m = ring_pop(other)) != NULL; n++)
            pkt_message_release(m);
        assert_int_equal(n, c.pipe.verdict[PKT_VERIFIED]);
        worker_free(w);
        ring_destroy(other);
    }
}

/* What we made and somebody deleted is made again, without anybody's help. */
static void a_deleted_tap_is_made_again(void **state) {
    struct bench *b = *state;
    struct worker_counters c;
    if (kind != PORT_TAP)
        skip();
    set_clock(b);
    struct worker *w = start(b);
    hear_one_more(b, w);
    for (unsigned turn = 1; turn <= 2; turn++) {
        /* NOLINTNEXTLINE(cert-env33-c) */
        assert_int_equal(system("ip link del ws0"), 0);
        for (unsigned i = 0; i < 240000; i++) {
            worker_read_counters(w, &c);
            if (c.reopened == turn && c.state == WORKER_UP)
                break;
            (void)usleep(1000);
        }
        assert_int_equal(c.reopened, turn);
        assert_true(open_sender("ws0"));
        wait_running();
        hear_one_more(b, w);
    }
    (void)bench_drain(b);
    worker_free(w);
}

/* Down and up again: named, no busy loop on the socket's complaint, and frames flow. */
static void an_interface_that_is_down_is_named(void **state) {
    struct bench *b = *state;
    struct worker_counters c;
    set_clock(b);
    struct worker *w = start(b);
    hear_one_more(b, w);
    /* NOLINTNEXTLINE(cert-env33-c) */
    assert_int_equal(system("ip link set ws0 down"), 0);
    wait_state(w, WORKER_DOWN, &c);
    uint64_t before = c.sleeps;
    (void)usleep(500000);
    worker_read_counters(w, &c);
    assert_true(c.sleeps - before < 50);
    /* NOLINTNEXTLINE(cert-env33-c) */
    assert_int_equal(system("ip link set ws0 up"), 0);
    wait_state(w, WORKER_UP, &c);
    assert_int_equal(c.state_changes, 2);
    assert_int_equal(c.reopened, 0);
    hear_one_more(b, w);
    (void)bench_drain(b);
    worker_free(w);
}

static void stopped_and_started_by_order(void **state) {
    struct bench *b = *state;
    struct buf frame = {0};
    struct worker_counters c;
    set_clock(b);
    struct worker *w = start(b);
    hear_one_more(b, w);
    for (unsigned turn = 1; turn <= 2; turn++) {
        assert_true(worker_order(w, false));
        wait_state(w, WORKER_STOPPED, &c);
        uint64_t frames = c.pipe.frames;
        for (unsigned i = 0; i < 10 && kind != PORT_TAP; i++)
            send_cam(b, &frame, ws_clock_now(&b->clock).its_us, true);
        (void)usleep(100000);
        worker_read_counters(w, &c);
        assert_int_equal(c.pipe.frames, frames); /* deaf */
        assert_true(worker_order(w, true));
        wait_state(w, WORKER_UP, &c);
        assert_int_equal(c.reopened, turn);
        if (kind == PORT_TAP)
            assert_true(open_sender("ws0"));
        hear_one_more(b, w);
    }
    /* Ordered twice is ordered once, and an order taken back at once costs nothing. */
    assert_true(worker_order(w, true));
    assert_true(worker_order(w, false));
    assert_true(worker_order(w, true));
    if (kind == PORT_TAP) {
        (void)usleep(2000000); /* or it was carried out */
        wait_state(w, WORKER_UP, &c);
        assert_true(open_sender("ws0"));
    }
    hear_one_more(b, w);
    (void)bench_drain(b);
    worker_free(w);
    buf_free(&frame);
}

int main(void) {
    const char *why = enter_namespace();
    if (why != NULL) {
        (void)printf("skipped: %s\n", why);
        return TEST_SKIPPED;
    }
    struct ws_err err;
    struct port_config cfg = {.kind = kind, .interface = "ws0"};
    if (port_check(&cfg, &err) != WS_OK) {
        (void)printf("skipped: %s\n", err.text);
        return TEST_SKIPPED;
    }
    if (pktio_start(64, &err) != WS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(frames_come_through_an_interface),
        T(an_idle_interface_sleeps_and_wakes),
        T(what_the_kernel_drops_is_counted),
        T(every_buffer_serves),
        T(a_slow_sibling_drops_by_name),
        T(the_same_interface_again),
        T(a_taken_queue_is_named),
        T(what_is_sent_arrives),
        T(what_is_not_sent_is_counted),
        T(an_interface_that_is_down_sends_nothing),
        T(a_deleted_tap_is_made_again),
        T(an_interface_that_is_down_is_named),
        T(stopped_and_started_by_order),
        T(an_interface_that_vanishes_comes_back),
    };
    int rc = cmocka_run_group_tests_name("an interface through DPDK", tests, NULL, NULL);
    pktio_stop();
    return rc;
}

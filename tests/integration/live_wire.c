/* The wire of the live tests: a switch in user space between network namespaces, with delay, jitter, loss and cuts, also
 * one-way, as it is told on its standard input. (The kernel's own netem is not everywhere.)
 *
 *   live_wire NAMESPACE...            one tap0 in each, MAC 02:00:00:00:00:01 on, address 10.79.0.1/24 on
 *   delay MS JITTER-MS | loss PERMILLE | cut FROM TO | isolate NODE | split NODE NODE | heal
 *
 * Nodes count from 1. Frames of one pair stay in order. Ends with its input. Needs root. */
#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { NODES_MAX = 8, FRAME_MAX = 2048, QUEUE = 4096, READS = 64 };

struct frame {
    uint64_t due_us;
    size_t n;
    uint8_t octets[FRAME_MAX];
};

struct queue { /* of one pair */
    struct frame *ring;
    size_t first, n;
    uint64_t last_us;
    bool cut;
};

struct wire {
    size_t n;
    int fd[NODES_MAX];
    struct queue q[NODES_MAX][NODES_MAX];
    uint64_t delay_us, jitter_us, loss;
    struct ws_random random;
};

static void die(const char *what) {
    (void)fprintf(stderr, "live_wire: %s: %s\n", what, strerror(errno));
    exit(3);
}

static uint64_t now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int open_tap(const char *ns, size_t i) {
    char path[128];
    (void)snprintf(path, sizeof(path), "/run/netns/%s", ns);
    int space = open(path, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET) != 0)
        die(path);
    (void)close(space);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        die("/dev/net/tun");
    struct ifreq r = {.ifr_name = "tap0"};
    r.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (ioctl(fd, TUNSETIFF, &r) != 0)
        die("tap0");
    char line[512];
    (void)snprintf(line, sizeof(line),
        "ip link set tap0 address 02:00:00:00:00:%02zx && ip addr add 10.79.0.%zu/24 dev tap0 && "
        "ip link set lo up && ip link set tap0 up",
        i + 1, i + 1);
    if (system(line) != 0) /* NOLINT(cert-env33-c): a test's own words */
        die("ip");
    return fd;
}

static void push(struct wire *w, size_t from, size_t to, const uint8_t *p, size_t n, uint64_t now) {
    struct queue *q = &w->q[from][to];
    if (q->cut || q->n == QUEUE || ws_random_below(&w->random, 1000) < w->loss)
        return;
    if (q->ring == NULL)
        q->ring = ws_calloc(QUEUE, sizeof(struct frame));
    struct frame *f = &q->ring[(q->first + q->n++) % QUEUE];
    uint64_t due =
        now + w->delay_us + (w->jitter_us == 0 ? 0 : ws_random_below(&w->random, w->jitter_us));
    f->due_us = due > q->last_us ? due : q->last_us;
    q->last_us = f->due_us;
    f->n = n;
    memcpy(f->octets, p, n);
}

static void take(struct wire *w, size_t from, uint64_t now) {
    uint8_t p[FRAME_MAX];
    for (unsigned k = 0; k < READS; k++) {
        ssize_t n = read(w->fd[from], p, sizeof(p));
        if (n < 14)
            return;
        bool all = (p[0] & 1) != 0;
        for (size_t to = 0; to < w->n; to++) {
            if (to != from && (all || p[5] == to + 1))
                push(w, from, to, p, (size_t)n, now);
        }
    }
}

/* Sends what is due; returns when the next is, in ms. */
static int give(struct wire *w, uint64_t now) {
    WS_ASSERT(w->n > 0);
    uint64_t next = now + 1000000;
    for (size_t i = 0; i < w->n * w->n; i++) {
        struct queue *q = &w->q[i / w->n][i % w->n];
        while (q->n > 0 && q->ring[q->first].due_us <= now) {
            const struct frame *f = &q->ring[q->first];
            (void)!write(w->fd[i % w->n], f->octets, f->n);
            q->first = (q->first + 1) % QUEUE;
            q->n--;
        }
        if (q->n > 0 && q->ring[q->first].due_us < next)
            next = q->ring[q->first].due_us;
    }
    return (int)((next - now + 999) / 1000);
}

static void cut(struct wire *w, size_t from, size_t to) {
    w->q[from][to].cut = true;
    w->q[from][to].n = 0;
}

static void obey(struct wire *w, const char *line) {
    char word[16] = "";
    unsigned a = 0;
    unsigned b = 0;
    int got =
        sscanf(line, "%15s %u %u", word, &a, &b); /* NOLINT(cert-err34-c): a test's own words */
    bool nodes = got >= 2 && a >= 1 && a <= w->n;
    if (strcmp(word, "delay") == 0) {
        w->delay_us = a * 1000U;
        w->jitter_us = b * 1000U;
    } else if (strcmp(word, "loss") == 0) {
        w->loss = a;
    } else if (strcmp(word, "cut") == 0 && nodes && b >= 1 && b <= w->n) {
        cut(w, a - 1, b - 1);
    } else if (strcmp(word, "isolate") == 0 && nodes) {
        for (size_t i = 0; i < w->n; i++) {
            cut(w, a - 1, i);
            cut(w, i, a - 1);
        }
    } else if (strcmp(word, "split") == 0 && nodes && b >= 1 && b <= w->n) {
        /* The two on one side, the others on the other. */
        for (size_t i = 0; i < w->n * w->n; i++) {
            bool left = i / w->n == a - 1 || i / w->n == b - 1;
            bool right = i % w->n == a - 1 || i % w->n == b - 1;
            if (left != right)
                cut(w, i / w->n, i % w->n);
        }
    } else if (strcmp(word, "heal") == 0) {
        for (size_t i = 0; i < w->n * w->n; i++)
            w->q[i / w->n][i % w->n].cut = false;
    } else {
        (void)fprintf(stderr, "live_wire: not understood: %s\n", line);
    }
}

int main(int argc, char **argv) {
    struct wire *w = ws_alloc(sizeof(*w));
    w->n = (size_t)argc - 1;
    w->random = ws_random_seeded(1);
    if (argc < 3 || w->n > NODES_MAX)
        die("usage: live_wire NAMESPACE...");
    for (size_t i = 0; i < w->n; i++)
        w->fd[i] = open_tap(argv[i + 1], i);
    (void)printf("ready\n");
    (void)fflush(stdout);
    char line[256];
    size_t have = 0;
    int wait = 1000;
    for (;;) {
        struct pollfd p[NODES_MAX + 1];
        for (size_t i = 0; i < w->n; i++)
            p[i] = (struct pollfd){.fd = w->fd[i], .events = POLLIN};
        p[w->n] = (struct pollfd){.fd = 0, .events = POLLIN};
        (void)poll(p, w->n + 1, wait);
        uint64_t now = now_us();
        for (size_t i = 0; i < w->n; i++) {
            if ((p[i].revents & POLLIN) != 0)
                take(w, i, now);
        }
        if (p[w->n].revents != 0) {
            ssize_t n = read(0, line + have, sizeof(line) - 1 - have);
            if (n <= 0)
                return 0;
            have += (size_t)n;
            line[have] = '\0';
            char *at = line;
            for (char *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
                *end = '\0';
                obey(w, at);
            }
            have = strlen(at);
            memmove(line, at, have + 1);
        }
        wait = give(w, now_us());
    }
}

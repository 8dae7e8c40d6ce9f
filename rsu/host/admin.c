#include "rsu/host/admin.h"

#include "base/assert.h"
#include "base/mem.h"
#include "rsu/host/local_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { CALLERS_MAX = 8, PATIENCE_US = 5000000 };

struct caller {
    int fd; /* -1: free */
    uint64_t since_us;
    struct buf in;
};

struct admin {
    char *path;
    size_t octets_max;
    const char *long_word; /* NULL: none */
    size_t long_max;
    admin_fn fn;
    void *ctx;
    int listener, epoll;
    struct caller *served; /* while fn runs */
    struct caller caller[CALLERS_MAX];
};

int admin_open(const char *path, size_t octets_max, admin_fn fn, void *ctx,
    struct admin **ret_admin, struct ws_err *err) {
    int listener = -1;
    int rc = local_listen(path, 0660, CALLERS_MAX, &listener, err);
    if (rc != WS_OK)
        return rc;
    struct admin *a = ws_alloc(sizeof(*a));
    *a = (struct admin){.path = ws_strdup(path),
        .octets_max = octets_max,
        .fn = fn,
        .ctx = ctx,
        .listener = listener,
        .epoll = epoll_create1(EPOLL_CLOEXEC)};
    for (size_t i = 0; i < CALLERS_MAX; i++)
        a->caller[i].fd = -1;
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = CALLERS_MAX};
    if (a->epoll < 0 || epoll_ctl(a->epoll, EPOLL_CTL_ADD, a->listener, &ev) != 0) {
        rc = ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
        admin_close(a);
        return rc;
    }
    *ret_admin = a;
    return WS_OK;
}

int admin_fd(const struct admin *a) {
    return a->epoll;
}

static void drop(struct caller *c) {
    (void)close(c->fd);
    c->fd = -1;
    buf_free(&c->in);
}

static void reply(struct caller *c, struct buf *line) {
    buf_printf(line, "\n");
    (void)send(c->fd, line->p, line->n, MSG_NOSIGNAL);
    buf_free(line);
    drop(c);
}

static void take(struct admin *a, uint64_t mono_us) {
    int fd = accept4(a->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    size_t at = 0;
    while (at < CALLERS_MAX && a->caller[at].fd >= 0)
        at++;
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = at};
    if (at == CALLERS_MAX || epoll_ctl(a->epoll, EPOLL_CTL_ADD, fd, &ev) != 0) {
        static const char busy[] = "no busy\n";
        (void)send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL);
        (void)close(fd);
        return;
    }
    a->caller[at] = (struct caller){.fd = fd, .since_us = mono_us};
}

int admin_take_socket(struct admin *a) {
    struct caller *c = a->served;
    WS_ASSERT(c != NULL);
    int fd = c->fd;
    (void)epoll_ctl(a->epoll, EPOLL_CTL_DEL, fd, NULL);
    a->served = NULL;
    c->fd = -1;
    return fd;
}

static void serve(struct admin *a, struct caller *c, struct span order) {
    struct buf line = {0};
    a->served = c;
    a->fn(a->ctx, order, &line);
    a->served = NULL;
    if (c->fd >= 0) {
        reply(c, &line);
        return;
    }
    buf_free(&line);
    buf_free(&c->in);
}

void admin_allow_long(struct admin *a, const char *word, size_t octets_max) {
    a->long_word = word;
    a->long_max = octets_max;
}

/* What the caller may send, going by how it begins. */
static size_t most(const struct admin *a, const struct caller *c) {
    size_t word = a->long_word == NULL ? 0 : strlen(a->long_word);
    size_t have = c->in.n - 4 < word ? c->in.n - 4 : word;
    bool so_far = word > 0 && (have == 0 || memcmp(c->in.p + 4, a->long_word, have) == 0);
    return so_far ? a->long_max : a->octets_max;
}

static void hear(struct admin *a, struct caller *c) {
    uint8_t chunk[16384];
    ssize_t got = recv(c->fd, chunk, sizeof(chunk), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        drop(c);
        return;
    }
    buf_put(&c->in, chunk, (size_t)got);
    if (c->in.n < 4)
        return;
    size_t want = be32(c->in.p);
    if (want > most(a, c)) {
        struct buf line = {0};
        buf_printf(&line, "no order of %zu octets, at most %zu", want, most(a, c));
        reply(c, &line);
    } else if (c->in.n >= want + 4) {
        serve(a, c, span_of(c->in.p + 4, want));
    }
}

void admin_serve(struct admin *a, uint64_t mono_us) {
    struct epoll_event ev[CALLERS_MAX + 1];
    int n = epoll_wait(a->epoll, ev, CALLERS_MAX + 1, 0);
    for (int i = 0; i < n; i++) {
        if (ev[i].data.u64 == CALLERS_MAX)
            take(a, mono_us);
        else if (a->caller[ev[i].data.u64].fd >= 0)
            hear(a, &a->caller[ev[i].data.u64]);
    }
    for (size_t i = 0; i < CALLERS_MAX; i++) {
        if (a->caller[i].fd >= 0 && mono_us - a->caller[i].since_us > PATIENCE_US)
            drop(&a->caller[i]);
    }
}

void admin_close(struct admin *a) {
    if (a == NULL)
        return;
    for (size_t i = 0; i < CALLERS_MAX; i++) {
        if (a->caller[i].fd >= 0)
            drop(&a->caller[i]);
    }
    (void)close(a->listener);
    (void)unlink(a->path);
    if (a->epoll >= 0)
        (void)close(a->epoll);
    free(a->path);
    free(a);
}

int admin_send(const char *path, struct span order, struct buf *ret_line, struct ws_err *err) {
    int fd = -1;
    int rc = local_connect(path, &fd, err);
    if (rc != WS_OK)
        return rc;
    struct timeval patience = {.tv_sec = 10};
    struct buf out = {0};
    buf_var(&out, order);
    errno = 0;
    bool ok = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
              setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0;
    for (size_t at = 0; ok && at < out.n;) {
        ssize_t put = send(fd, out.p + at, out.n - at, MSG_NOSIGNAL);
        if (put < 0 && (errno == EPIPE || errno == ECONNRESET))
            break; /* it may have said why before it hung up */
        ok = put > 0;
        at += ok ? (size_t)put : 0;
    }
    bool whole = false;
    while (ok && !whole) {
        char c;
        ssize_t got = recv(fd, &c, 1, 0);
        ok = got == 1;
        if (got == 0)
            errno = 0;
        if (ok && c == '\n')
            whole = true;
        else if (ok)
            buf_u8(ret_line, (uint8_t)c);
    }
    int why = errno;
    (void)close(fd);
    buf_free(&out);
    if (!whole)
        return ws_fail(
            err, WS_EIO, "%s: %s", path, why == 0 ? "closed without an answer" : strerror(why));
    return WS_OK;
}

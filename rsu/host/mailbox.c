#include "rsu/host/mailbox.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/cond.h"
#include "base/error.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum state { WAITING, RUNNING, DONE };

/* Lives on the asker's stack; linked into the box only while WAITING. */
struct question {
    mailbox_fn fn;
    void *ctx;
    enum state state;
    struct question *next;
};

struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t done;
    size_t capacity, n;
    struct question *first, **last;
    int fd;
    bool shut;
};

struct mailbox *mailbox_new(size_t capacity) {
    struct mailbox *m = ws_alloc(sizeof(*m));
    m->capacity = capacity;
    m->last = &m->first;
    m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    WS_ASSERT(m->fd >= 0);
    WS_ASSERT(pthread_mutex_init(&m->lock, NULL) == 0);
    ws_cond_init(&m->done);
    return m;
}

void mailbox_free(struct mailbox *m) {
    if (m == NULL)
        return;
    (void)close(m->fd);
    (void)pthread_cond_destroy(&m->done);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

int mailbox_fd(const struct mailbox *m) {
    return m->fd;
}

static void unlink_question(struct mailbox *m, struct question *q) {
    for (struct question **at = &m->first; *at != NULL; at = &(*at)->next) {
        if (*at != q)
            continue;
        *at = q->next;
        if (m->last == &q->next)
            m->last = at;
        m->n--;
        return;
    }
}

int mailbox_ask(struct mailbox *m, mailbox_fn fn, void *ctx, unsigned timeout_ms) {
    struct question q = {.fn = fn, .ctx = ctx, .state = WAITING};
    struct timespec until = ws_clock_deadline((uint64_t)timeout_ms * 1000);
    (void)pthread_mutex_lock(&m->lock);
    if (m->shut || m->n >= m->capacity) {
        (void)pthread_mutex_unlock(&m->lock);
        return WS_EBUSY;
    }
    *m->last = &q;
    m->last = &q.next;
    m->n++;
    uint64_t one = 1;
    (void)!write(m->fd, &one, sizeof(one));
    /* Once it runs it is waited for, however long: the owner is using our stack. */
    while (q.state != DONE) {
        if (q.state == WAITING && m->shut)
            break;
        int rc = pthread_cond_timedwait(&m->done, &m->lock, &until);
        if (rc != 0 && q.state == WAITING)
            break;
        if (rc != 0 && q.state == RUNNING)
            (void)pthread_cond_wait(&m->done, &m->lock);
    }
    if (q.state == WAITING)
        unlink_question(m, &q);
    int rc = q.state == DONE ? WS_OK : WS_EBUSY;
    (void)pthread_mutex_unlock(&m->lock);
    return rc;
}

void mailbox_serve(struct mailbox *m, void *owner) {
    uint64_t count;
    (void)!read(m->fd, &count, sizeof(count));
    (void)pthread_mutex_lock(&m->lock);
    /* Those that wait now: who comes while they are served has made the descriptor readable again, and askers that come
     * back at once must not keep the owner from its own work. */
    for (size_t left = m->n; left > 0 && m->first != NULL; left--) {
        struct question *q = m->first;
        unlink_question(m, q);
        q->state = RUNNING;
        (void)pthread_mutex_unlock(&m->lock);
        q->fn(owner, q->ctx);
        (void)pthread_mutex_lock(&m->lock);
        q->state = DONE;
        (void)pthread_cond_broadcast(&m->done);
    }
    (void)pthread_mutex_unlock(&m->lock);
}

void mailbox_shut(struct mailbox *m) {
    (void)pthread_mutex_lock(&m->lock);
    m->shut = true;
    (void)pthread_cond_broadcast(&m->done);
    (void)pthread_mutex_unlock(&m->lock);
}

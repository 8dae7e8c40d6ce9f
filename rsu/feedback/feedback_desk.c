#include "rsu/feedback/feedback_desk.h"

#include "base/mem.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct waiting {
    int socket;
    uint64_t its_us;
    struct buf xml;
};

struct feedback_desk {
    struct feedback *feedback;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t given;
    bool stop;
    size_t first, n;
    struct waiting waiting[FEEDBACK_WAITING_MAX]; /* ring */
};

static void tell(struct waiting *w, struct buf *line) {
    buf_u8(line, '\n');
    (void)send(w->socket, line->p, line->n, MSG_NOSIGNAL);
    (void)close(w->socket);
    buf_free(line);
    buf_free(&w->xml);
}

static void take_in(struct feedback_desk *d, struct waiting *w) {
    struct ws_err err = {0};
    struct buf line = {0};
    uint64_t number = 0;
    if (feedback_add(d->feedback, buf_span(&w->xml), w->its_us, &number, &err) == WS_OK)
        buf_printf(&line, "ok %" PRIu64, number);
    else
        buf_printf(&line, "no %s", err.text);
    tell(w, &line);
}

/* Under the lock. */
static struct waiting next(struct feedback_desk *d) {
    struct waiting w = d->waiting[d->first];
    d->first = (d->first + 1) % FEEDBACK_WAITING_MAX;
    d->n--;
    return w;
}

static void *run(void *arg) {
    struct feedback_desk *d = arg;
    (void)pthread_mutex_lock(&d->lock);
    while (!d->stop) {
        if (d->n == 0) {
            (void)pthread_cond_wait(&d->given, &d->lock);
            continue;
        }
        struct waiting w = next(d);
        (void)pthread_mutex_unlock(&d->lock);
        take_in(d, &w);
        (void)pthread_mutex_lock(&d->lock);
    }
    (void)pthread_mutex_unlock(&d->lock);
    return NULL;
}

int feedback_desk_open(struct feedback *f, struct feedback_desk **ret_desk, struct ws_err *err) {
    struct feedback_desk *d = ws_alloc(sizeof(*d));
    d->feedback = f;
    (void)pthread_mutex_init(&d->lock, NULL);
    (void)pthread_cond_init(&d->given, NULL);
    sigset_t all; /* signals are the main thread's */
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int e = pthread_create(&d->thread, NULL, run, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (e != 0) {
        (void)pthread_cond_destroy(&d->given);
        (void)pthread_mutex_destroy(&d->lock);
        free(d);
        return ws_fail(err, WS_EIO, "cannot start a thread: %s", strerror(e));
    }
    (void)pthread_setname_np(d->thread, "ws-feedback");
    *ret_desk = d;
    return WS_OK;
}

void feedback_desk_close(struct feedback_desk *d) {
    if (d == NULL)
        return;
    (void)pthread_mutex_lock(&d->lock);
    d->stop = true;
    (void)pthread_cond_signal(&d->given);
    (void)pthread_mutex_unlock(&d->lock);
    (void)pthread_join(d->thread, NULL);
    while (d->n > 0) {
        struct waiting w = next(d);
        struct buf line = {0};
        buf_printf(&line, "no busy: the unit stops");
        tell(&w, &line);
    }
    (void)pthread_cond_destroy(&d->given);
    (void)pthread_mutex_destroy(&d->lock);
    free(d);
}

bool feedback_desk_give(struct feedback_desk *d, int socket, struct span xml, uint64_t its_us) {
    (void)pthread_mutex_lock(&d->lock);
    bool room = !d->stop && d->n < FEEDBACK_WAITING_MAX;
    if (room) {
        struct waiting *w = &d->waiting[(d->first + d->n++) % FEEDBACK_WAITING_MAX];
        *w = (struct waiting){.socket = socket, .its_us = its_us};
        buf_put(&w->xml, xml.p, xml.n);
        (void)pthread_cond_signal(&d->given);
    }
    (void)pthread_mutex_unlock(&d->lock);
    return room;
}

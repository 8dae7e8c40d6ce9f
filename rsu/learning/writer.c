#include "rsu/learning/writer.h"

#include "base/assert.h"
#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
    struct uploads_whole *first, **end;
};

struct writer {
    struct writer_config cfg;
    int fd;
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t work;
    bool ends;
    size_t n;
    struct queue in, out;
};

static void put(struct queue *q, struct uploads_whole *what) {
    what->next = NULL;
    *q->end = what;
    q->end = &what->next;
}

static struct uploads_whole *take(struct queue *q) {
    struct uploads_whole *w = q->first;
    if (w == NULL)
        return NULL;
    q->first = w->next;
    if (q->first == NULL)
        q->end = &q->first;
    return w;
}

static void *run(void *ctx) {
    struct writer *w = ctx;
    struct uploads_whole *batch[WRITER_BATCH];
    const uint64_t one = 1;
    (void)pthread_mutex_lock(&w->lock);
    while (!w->ends) {
        size_t n = 0;
        while (n < WRITER_BATCH && (batch[n] = take(&w->in)) != NULL)
            n++;
        if (n == 0) {
            (void)pthread_cond_wait(&w->work, &w->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&w->lock);
        w->cfg.keep(w->cfg.ctx, batch, n);
        (void)pthread_mutex_lock(&w->lock);
        for (size_t i = 0; i < n; i++)
            put(&w->out, batch[i]);
        (void)!write(w->fd, &one, sizeof(one));
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

int writer_new(const struct writer_config *cfg, struct writer **ret, struct ws_err *err) {
    struct writer *w = ws_alloc(sizeof(*w));
    WS_ASSERT(cfg->places >= 1);
    w->cfg = *cfg;
    w->in.end = &w->in.first;
    w->out.end = &w->out.first;
    int rc = pthread_mutex_init(&w->lock, NULL);
    WS_ASSERT(rc == 0);
    rc = pthread_cond_init(&w->work, NULL);
    WS_ASSERT(rc == 0);
    rc = WS_OK;
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->fd < 0)
        rc = ws_fail(err, WS_EIO, "uploads: eventfd: %s", strerror(errno));
    if (rc == WS_OK && pthread_create(&w->thread, NULL, run, w) != 0)
        rc = ws_fail(err, WS_EIO, "uploads: no thread");
    w->runs = rc == WS_OK;
    if (rc == WS_OK)
        *ret = w;
    else
        writer_free(w);
    return rc;
}

void writer_free(struct writer *w) {
    if (w == NULL)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->ends = true;
    (void)pthread_cond_signal(&w->work);
    (void)pthread_mutex_unlock(&w->lock);
    if (w->runs)
        (void)pthread_join(w->thread, NULL);
    for (struct uploads_whole *k; (k = take(&w->in)) != NULL || (k = take(&w->out)) != NULL;)
        uploads_whole_free(k);
    if (w->fd >= 0)
        (void)close(w->fd);
    (void)pthread_cond_destroy(&w->work);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}

bool writer_give(struct writer *w, struct uploads_whole *what) {
    (void)pthread_mutex_lock(&w->lock);
    const bool is = w->n < w->cfg.places;
    if (is) {
        w->n++;
        put(&w->in, what);
        (void)pthread_cond_signal(&w->work);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return is;
}

struct uploads_whole *writer_take(struct writer *w) {
    uint64_t count = 0;
    (void)pthread_mutex_lock(&w->lock);
    struct uploads_whole *what = take(&w->out);
    w->n -= what != NULL;
    if (what == NULL)
        (void)!read(w->fd, &count, sizeof(count));
    (void)pthread_mutex_unlock(&w->lock);
    return what;
}

int writer_fd(const struct writer *w) {
    return w->fd;
}

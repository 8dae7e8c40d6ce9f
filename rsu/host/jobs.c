#include "rsu/host/jobs.h"

#include "base/assert.h"
#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
    struct node_job *first, *last;
};

enum { WRITES, COMPUTES, LINES };

struct jobs {
    pthread_mutex_t lock;
    pthread_cond_t given[LINES], idle;
    struct queue todo[LINES], done;
    size_t busy; /* given and not run to the end */
    bool stop;
    int fd;
    size_t n_threads;
    struct worker {
        struct jobs *jobs;
        int line;
        pthread_t thread;
    } worker[JOBS_THREADS_MAX + 1];
};

static void queue_put(struct queue *q, struct node_job *job) {
    job->next = NULL;
    if (q->last != NULL)
        q->last->next = job;
    else
        q->first = job;
    q->last = job;
}

static struct node_job *queue_take(struct queue *q) {
    struct node_job *job = q->first;
    if (job == NULL)
        return NULL;
    q->first = job->next;
    if (q->first == NULL)
        q->last = NULL;
    return job;
}

static void ring_bell(const struct jobs *j) {
    uint64_t one = 1;
    (void)!write(j->fd, &one, sizeof(one));
}

static void *work(void *arg) {
    struct worker *w = arg;
    struct jobs *j = w->jobs;
    pthread_mutex_lock(&j->lock);
    for (;;) {
        struct node_job *job = queue_take(&j->todo[w->line]);
        if (job != NULL) {
            pthread_mutex_unlock(&j->lock);
            job->run(job);
            pthread_mutex_lock(&j->lock);
            queue_put(&j->done, job);
            ring_bell(j);
            if (--j->busy == 0)
                pthread_cond_broadcast(&j->idle);
        } else if (j->stop) {
            break;
        } else {
            pthread_cond_wait(&j->given[w->line], &j->lock);
        }
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

/* Signals are the main thread's. */
static int start_threads(struct jobs *j, unsigned n, struct ws_err *err) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = WS_OK;
    for (unsigned i = 0; i < n && rc == WS_OK; i++) {
        struct worker *w = &j->worker[i];
        *w = (struct worker){.jobs = j, .line = i == 0 ? WRITES : COMPUTES};
        int e = pthread_create(&w->thread, NULL, work, w);
        if (e != 0)
            rc = ws_fail(err, WS_EIO, "cannot start a thread: %s", strerror(e));
        else
            j->n_threads++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

int jobs_new(unsigned compute, struct jobs **ret_jobs, struct ws_err *err) {
    WS_ASSERT(compute >= 1 && compute <= JOBS_THREADS_MAX);
    struct jobs *j = ws_alloc(sizeof(*j));
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->idle, NULL);
    for (int i = 0; i < LINES; i++)
        pthread_cond_init(&j->given[i], NULL);
    j->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = j->fd < 0 ? ws_fail(err, WS_EIO, "eventfd: %s", strerror(errno)) : WS_OK;
    if (rc == WS_OK)
        rc = start_threads(j, compute + 1, err);
    if (rc != WS_OK) {
        jobs_free(j);
        return rc;
    }
    *ret_jobs = j;
    return WS_OK;
}

void jobs_free(struct jobs *j) {
    if (j == NULL)
        return;
    pthread_mutex_lock(&j->lock);
    j->stop = true;
    for (int i = 0; i < LINES; i++)
        pthread_cond_broadcast(&j->given[i]);
    pthread_mutex_unlock(&j->lock);
    for (size_t i = 0; i < j->n_threads; i++)
        pthread_join(j->worker[i].thread, NULL);
    for (struct node_job *job; (job = queue_take(&j->done)) != NULL;)
        node_job_drop(job);
    for (int i = 0; i < LINES; i++)
        pthread_cond_destroy(&j->given[i]);
    pthread_cond_destroy(&j->idle);
    pthread_mutex_destroy(&j->lock);
    if (j->fd >= 0)
        close(j->fd);
    free(j);
}

void jobs_give(struct jobs *j, struct node_job *job) {
    int line = job->writes ? WRITES : COMPUTES;
    pthread_mutex_lock(&j->lock);
    queue_put(&j->todo[line], job);
    j->busy++;
    pthread_cond_signal(&j->given[line]);
    pthread_mutex_unlock(&j->lock);
}

struct node_job *jobs_take(struct jobs *j) {
    pthread_mutex_lock(&j->lock);
    struct node_job *job = queue_take(&j->done);
    if (job == NULL) {
        uint64_t count;
        (void)!read(j->fd, &count, sizeof(count));
    }
    pthread_mutex_unlock(&j->lock);
    return job;
}

int jobs_fd(const struct jobs *j) {
    return j->fd;
}

void jobs_settle(struct jobs *j) {
    pthread_mutex_lock(&j->lock);
    while (j->busy > 0)
        pthread_cond_wait(&j->idle, &j->lock);
    pthread_mutex_unlock(&j->lock);
}

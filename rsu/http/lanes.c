#include "rsu/http/lanes.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"
#include "rsu/http/map.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum { POSTS_MAX = 4, IDLE_S = 60 };

/* A call's is the call's; a post's is the lane's. */
struct http_job {
    struct http_call *c;
    http_fn fn;
    struct http_reply reply;
    struct http_job *next;
};
struct post {
    lane_fn fn;
    void *ctx;
};

struct lane_thread {
    struct lanes *all;
    enum http_lane kind;
    pthread_t thread;
    bool started;
    pthread_cond_t given;
    struct http_job *first, **last;
    size_t n; /* of calls: waiting, and the one being answered */
    size_t n_posts;
    struct post post[POSTS_MAX];
};

struct lanes {
    struct http *h;
    unsigned waiting;
    pthread_mutex_t lock;
    atomic_bool stopping;
    struct lane_thread lane[HTTP_LANES];
};

const char *http_lane_name(enum http_lane lane) {
    static const char *const names[] = {"near", "far", "records", "blocks", "learning"};
    return names[lane];
}

bool lanes_stopping(const struct lanes *l) {
    return atomic_load(&l->stopping);
}

unsigned lanes_waiting_max(const struct lanes *l) {
    return l->waiting;
}

size_t lanes_waiting(struct lanes *l, enum http_lane lane) {
    (void)pthread_mutex_lock(&l->lock);
    size_t n = l->lane[lane].n;
    (void)pthread_mutex_unlock(&l->lock);
    return n;
}

/* ---- giving ---- */

static void refuse(struct http *h, struct http_reply *r, const char *words) {
    http_refused(h, REFUSED_QUEUE);
    http_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, "%s", words);
    http_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "2");
}

bool lanes_give(struct lanes *l, struct http_call *c, struct http_reply *r) {
    struct lane_thread *at = &l->lane[r->lane];
    http_fn fn = r->later;
    r->later = NULL;
    if (!http_room(l->h, r))
        return false;
    struct http_job *job = ws_alloc(sizeof(*job));
    *job = (struct http_job){.c = c, .fn = fn, .reply = {.lane = r->lane}};
    (void)pthread_mutex_lock(&l->lock);
    bool room = !atomic_load(&l->stopping) && at->n < l->waiting && http_take_waiting_seat(l->h);
    if (room) {
        /* Asleep before the lane can know of it. */
        MHD_suspend_connection(c->connection);
        c->job = job;
        *at->last = job;
        at->last = &job->next;
        at->n++;
        (void)pthread_cond_signal(&at->given);
    }
    (void)pthread_mutex_unlock(&l->lock);
    if (room)
        return true;
    free(job);
    refuse(l->h, r, "too many wait for answers of this kind; ask again");
    return false;
}

bool lanes_post(struct lanes *l, enum http_lane lane, lane_fn fn, void *ctx) {
    struct lane_thread *at = &l->lane[lane];
    (void)pthread_mutex_lock(&l->lock);
    bool there = false;
    for (size_t i = 0; i < at->n_posts; i++)
        there = there || (at->post[i].fn == fn && at->post[i].ctx == ctx);
    bool room = !atomic_load(&l->stopping) && (there || at->n_posts < POSTS_MAX);
    if (room && !there)
        at->post[at->n_posts++] = (struct post){fn, ctx};
    (void)pthread_cond_signal(&at->given);
    (void)pthread_mutex_unlock(&l->lock);
    return room;
}

/* ---- answering ---- */

void lanes_take_reply(struct http_call *c, struct http_reply *ret) {
    *ret = c->job->reply;
    free(c->job);
    c->job = NULL;
}

void lanes_forget(struct http *h, struct http_call *c) {
    if (c->job == NULL)
        return;
    http_reply_free(h, &c->job->reply);
    free(c->job);
    c->job = NULL;
}

/* The call may be gone as soon as it is awake. */
static void wake(struct http_job *job) {
    MHD_resume_connection(job->c->connection);
}

static void answer(struct lanes *l, struct http_job *job) {
    job->reply.status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    job->reply.type = HTTP_JSON;
    /* What came before it may have filled the room since it was let in. */
    if (http_room(l->h, &job->reply)) {
        job->fn(l->h, job->c, &job->reply);
        http_count_octets(l->h, &job->reply);
    }
}

/* With the lock held; NULL: none. It stays counted. */
static struct http_job *next(struct lane_thread *at) {
    struct http_job *job = at->first;
    if (job == NULL)
        return NULL;
    at->first = job->next;
    if (at->first == NULL)
        at->last = &at->first;
    return job;
}

static void run_posts(struct lane_thread *at) {
    struct lanes *l = at->all;
    struct post p = at->post[0];
    at->n_posts--;
    memmove(at->post, at->post + 1, at->n_posts * sizeof(p));
    (void)pthread_mutex_unlock(&l->lock);
    p.fn(l->h, p.ctx);
    (void)pthread_mutex_lock(&l->lock);
}

static void idle(struct lane_thread *at) {
    struct lanes *l = at->all;
    struct timespec end = ws_clock_deadline((uint64_t)IDLE_S * 1000000);
    if (pthread_cond_timedwait(&at->given, &l->lock, &end) != ETIMEDOUT)
        return;
    (void)pthread_mutex_unlock(&l->lock);
    http_maps_idle(l->h, at->kind);
    (void)pthread_mutex_lock(&l->lock);
}

static void *lane_run(void *arg) {
    struct lane_thread *at = arg;
    struct lanes *l = at->all;
    (void)pthread_mutex_lock(&l->lock);
    for (;;) {
        struct http_job *job = next(at);
        if (job != NULL) {
            (void)pthread_mutex_unlock(&l->lock);
            if (atomic_load(&l->stopping))
                refuse(l->h, &job->reply, "the unit stops");
            else
                answer(l, job);
            (void)pthread_mutex_lock(&l->lock);
            at->n--;
            http_leave_seat(l->h);
            wake(job);
        } else if (atomic_load(&l->stopping)) {
            break;
        } else if (at->n_posts > 0) {
            run_posts(at);
        } else {
            idle(at);
        }
    }
    (void)pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- life ---- */

struct lanes *lanes_new(struct http *h, unsigned waiting) {
    static const char *const names[] = {
        "ws-near", "ws-far", "ws-records", "ws-blocks", "ws-learning"};
    struct lanes *l = ws_alloc(sizeof(*l));
    *l = (struct lanes){.h = h, .waiting = waiting};
    (void)pthread_mutex_init(&l->lock, NULL);
    bool good = true;
    for (size_t i = 0; i < HTTP_LANES; i++) {
        struct lane_thread *at = &l->lane[i];
        at->all = l;
        at->kind = (enum http_lane)i;
        at->last = &at->first;
        ws_cond_init(&at->given);
    }
    for (size_t i = 0; i < HTTP_LANES && good; i++) {
        struct lane_thread *at = &l->lane[i];
        at->started = good = pthread_create(&at->thread, NULL, lane_run, at) == 0;
        if (good)
            (void)pthread_setname_np(at->thread, names[i]);
    }
    if (good)
        return l;
    lanes_stop(l);
    lanes_free(l);
    return NULL;
}

void lanes_stop(struct lanes *l) {
    (void)pthread_mutex_lock(&l->lock);
    atomic_store(&l->stopping, true);
    for (size_t i = 0; i < HTTP_LANES; i++)
        (void)pthread_cond_signal(&l->lane[i].given);
    (void)pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < HTTP_LANES; i++) {
        if (l->lane[i].started)
            (void)pthread_join(l->lane[i].thread, NULL);
    }
}

void lanes_free(struct lanes *l) {
    if (l == NULL)
        return;
    for (size_t i = 0; i < HTTP_LANES; i++)
        (void)pthread_cond_destroy(&l->lane[i].given);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

/* /v1/live: the unit as it is now, as server-sent events, for pages that stay open. Not a log like /v1/map/stream: whoever
 * is slow misses states in between and gets the newest.
 *
 * One thread makes the text once for all listeners, after each block but not more often than LEAST_MS, and each MOST_MS
 * when no block comes. Listeners sleep in libmicrohttpd as those of http_stream.c do. */
#include "rsu/http/evidence.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum { LEAST_MS = 400, MOST_MS = 1000, BLOCK_OCTETS = 32768, RETRY_MS = 2000 };

struct state_text {
    unsigned refs; /* under the lock */
    uint64_t serial;
    struct buf octets;
};

struct listener {
    struct live *all;
    struct MHD_Connection *connection;
    struct state_text *text; /* being sent, or NULL */
    uint64_t had; /* serial of the last one begun */
    size_t sent;
    bool suspended;
    struct listener *prev_in_list, *next_in_list;
};

struct live {
    struct http *h;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t maker;
    bool notified, stopping;
    size_t n;
    struct listener *first;
    struct state_text *now; /* newest, or NULL */
    uint64_t serial;
};

static void text_unref(struct state_text *t) {
    if (t == NULL || --t->refs > 0)
        return;
    buf_free(&t->octets);
    free(t);
}

/* ---- the text ---- */

/* NULL: the owner is busy, or the store does not answer; the next try may be luckier. */
static struct state_text *make_text(struct http *h) {
    struct http_reply r = {0};
    json_t *status = http_status_json(h, &r);
    json_t *candidates = status == NULL ? NULL : http_candidates_json(h, &r);
    json_t *orders = candidates == NULL ? NULL : http_orders_json(h, &r);
    buf_free(&r.body);
    if (orders == NULL) {
        json_decref(status);
        json_decref(candidates);
        return NULL;
    }
    json_t *o = json_object();
    json_put(o, "status", status);
    json_put(o, "candidates", candidates);
    json_put(o, "orders", orders);
    struct state_text *t = ws_alloc(sizeof(*t));
    t->refs = 1;
    buf_printf(&t->octets, "event: now\ndata: ");
    json_print(o, JSON_LINE, &t->octets);
    buf_u8(&t->octets, '\n');
    return t;
}

static void resume_all(struct live *l) {
    for (struct listener *s = l->first; s != NULL; s = s->next_in_list) {
        if (!s->suspended)
            continue;
        s->suspended = false;
        MHD_resume_connection(s->connection);
    }
}

/* With the lock held; gives it up while the text is made. */
static void renew(struct live *l) {
    l->notified = false;
    (void)pthread_mutex_unlock(&l->lock);
    struct state_text *fresh = make_text(l->h);
    (void)pthread_mutex_lock(&l->lock);
    if (fresh == NULL)
        return;
    fresh->serial = ++l->serial;
    text_unref(l->now);
    l->now = fresh;
    resume_all(l);
}

static void pause_ms(struct live *l, unsigned ms, bool until_notified) {
    struct timespec end = ws_clock_deadline((uint64_t)ms * 1000);
    int rc = 0;
    while (!l->stopping && rc != ETIMEDOUT && !(until_notified && l->notified))
        rc = pthread_cond_timedwait(&l->wake, &l->lock, &end);
}

static void *maker_run(void *arg) {
    struct live *l = arg;
    (void)pthread_mutex_lock(&l->lock);
    while (!l->stopping) {
        if (l->n == 0) {
            (void)pthread_cond_wait(&l->wake, &l->lock);
            continue;
        }
        renew(l);
        pause_ms(l, LEAST_MS, false);
        pause_ms(l, MOST_MS - LEAST_MS, true);
    }
    resume_all(l); /* libmicrohttpd stops only connections that are awake */
    (void)pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- one listener ---- */

/* libmicrohttpd frees the response, and with it the listener, before the connection. */
static void listener_free(void *cls) {
    struct listener *s = cls;
    struct live *l = s->all;
    (void)pthread_mutex_lock(&l->lock);
    if (s->prev_in_list != NULL)
        s->prev_in_list->next_in_list = s->next_in_list;
    else
        l->first = s->next_in_list;
    if (s->next_in_list != NULL)
        s->next_in_list->prev_in_list = s->prev_in_list;
    l->n--;
    text_unref(s->text);
    (void)pthread_mutex_unlock(&l->lock);
    http_leave_seat(l->h);
    free(s);
}

static ssize_t listener_read(void *cls, uint64_t pos, char *dst, size_t max) {
    struct listener *s = cls;
    struct live *l = s->all;
    (void)pos;
    ssize_t n = 0;
    (void)pthread_mutex_lock(&l->lock);
    if (s->text != NULL && s->sent == s->text->octets.n) {
        text_unref(s->text);
        s->text = NULL;
    }
    if (s->text == NULL && l->now != NULL && l->now->serial != s->had) {
        s->text = l->now;
        s->text->refs++;
        s->had = s->text->serial;
        s->sent = 0;
    }
    if (l->stopping) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (s->text != NULL) {
        size_t rest = s->text->octets.n - s->sent;
        size_t part = rest < max ? rest : max;
        memcpy(dst, s->text->octets.p + s->sent, part);
        s->sent += part;
        n = (ssize_t)part;
    } else {
        s->suspended = true;
        MHD_suspend_connection(s->connection);
    }
    (void)pthread_mutex_unlock(&l->lock);
    return n;
}

/* Before the first of many the newest text is old. */
static void join(struct live *l, struct listener *s) {
    (void)pthread_mutex_lock(&l->lock);
    if (l->n == 0) {
        text_unref(l->now);
        l->now = NULL;
    }
    s->next_in_list = l->first;
    if (l->first != NULL)
        l->first->prev_in_list = s;
    l->first = s;
    l->n++;
    l->notified = true;
    (void)pthread_cond_signal(&l->wake);
    (void)pthread_mutex_unlock(&l->lock);
}

void http_get_live(struct http *h, const struct http_call *c, struct http_reply *r) {
    r->status = MHD_HTTP_OK;
    r->type = HTTP_EVENTS;
    http_header(r, "X-Accel-Buffering", "no"); /* for a proxy in front */
    if (c->head)
        return;
    if (!http_take_seat(h, r))
        return;
    struct listener *s = ws_alloc(sizeof(*s));
    *s = (struct listener){.all = h->live, .connection = c->connection};
    join(h->live, s);
    r->made = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, BLOCK_OCTETS, listener_read, s, listener_free);
    if (r->made == NULL) {
        listener_free(s);
        http_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory for a stream");
        return;
    }
    /* A client that stops reading is let go. */
    (void)MHD_set_connection_option(
        c->connection, MHD_CONNECTION_OPTION_TIMEOUT, 2 * h->tuning.patience_s);
}

/* ---- life ---- */

struct live *live_new(struct http *h) {
    struct live *l = ws_alloc(sizeof(*l));
    *l = (struct live){.h = h};
    (void)pthread_mutex_init(&l->lock, NULL);
    ws_cond_init(&l->wake);
    if (pthread_create(&l->maker, NULL, maker_run, l) != 0) {
        l->stopping = true; /* live_stop has nothing to join */
        live_free(l);
        return NULL;
    }
    (void)pthread_setname_np(l->maker, "ws-live");
    return l;
}

void live_wake(struct live *l) {
    (void)pthread_mutex_lock(&l->lock);
    l->notified = true;
    if (l->n > 0)
        (void)pthread_cond_signal(&l->wake);
    (void)pthread_mutex_unlock(&l->lock);
}

size_t live_count(struct live *l) {
    if (l == NULL)
        return 0; /* still starting */
    (void)pthread_mutex_lock(&l->lock);
    size_t n = l->n;
    (void)pthread_mutex_unlock(&l->lock);
    return n;
}

void live_stop(struct live *l) {
    (void)pthread_mutex_lock(&l->lock);
    l->stopping = true;
    (void)pthread_cond_signal(&l->wake);
    (void)pthread_mutex_unlock(&l->lock);
    (void)pthread_join(l->maker, NULL);
}

void live_free(struct live *l) {
    if (l == NULL)
        return;
    text_unref(l->now);
    (void)pthread_cond_destroy(&l->wake);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

/* /v1/map/stream: each published version once, in order, as a server-sent event (HTML Standard, section 9.2).
 *
 * A stream that has nothing to say is suspended in libmicrohttpd and costs nothing. The waker sleeps until
 * http_notify; it looks whether a version was published and resumes the streams then, or when a heartbeat is due.
 *
 * Suspending and resuming both happen under the lock, after looking at `published`: a version that appears
 * between the look and the sleep finds the stream either still awake or already in the list of sleepers. */
#include "rsu/http/internal.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum { LINES_KEPT = 8, BLOCK_OCTETS = 16384, RETRY_MS = 2000 };

/* The octets of one event, shared by the streams that send it. */
struct line {
    struct http *h;
    unsigned refs; /* under the lock */
    uint64_t version;
    struct buf octets;
};

struct stream {
    struct streams *all;
    struct MHD_Connection *connection; /* only while suspended is it certain to be there */
    uint64_t next; /* version to send next */
    bool poll; /* a long poll: over after what there is, or after a silent heartbeat */
    bool suspended, gave;
    uint64_t beat; /* last heartbeat answered */
    struct line *line; /* being sent, or NULL */
    struct buf words; /* greeting or heartbeat being sent */
    size_t sent; /* of line or words */
    struct stream *prev_in_list, *next_in_list;
};

struct streams {
    struct http *h;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t waker;
    struct stream *first;
    size_t n;
    bool notified, stopping;
    uint64_t published, beat;
    struct ws_log_limit complaint; /* the waker's */
    struct line *kept[LINES_KEPT]; /* by version; so that many streams cost one encoding */
};

/* ---- lines ---- */

static void line_unref(struct line *l) {
    if (l == NULL || --l->refs > 0)
        return;
    http_leave_octets(l->h, l->octets.n);
    buf_free(&l->octets);
    free(l);
}

/* NULL: the store failed, or other clients hold too much. */
static struct line *line_build(struct http *h, uint64_t version) {
    struct version_ref ref;
    struct ws_err err = {0};
    json_t *o = NULL;
    if (versions_find(h->versions, version, &ref) != VERSION_HERE ||
        versions_json(h->versions, &ref, &h->frame, &o, &err) != WS_OK) {
        ws_log(WS_LOG_ERROR, "http", "stream: version %" PRIu64 ": %s", version, err.text);
        return NULL;
    }
    struct line *l = ws_alloc(sizeof(*l));
    l->h = h;
    l->refs = 1;
    l->version = version;
    buf_printf(&l->octets, "id: %" PRIu64 "\nevent: version\ndata: ", version);
    json_print(o, JSON_LINE, &l->octets);
    buf_u8(&l->octets, '\n');
    if (http_take_octets(h, l->octets.n))
        return l;
    http_refused(h, REFUSED_OCTETS);
    buf_free(&l->octets);
    free(l);
    return NULL;
}

/* Called and returns with the lock held; gives it up while the line is made. */
static struct line *line_for(struct streams *all, uint64_t version) {
    struct line **slot = &all->kept[version % LINES_KEPT];
    if (*slot == NULL || (*slot)->version != version) {
        (void)pthread_mutex_unlock(&all->lock);
        struct line *fresh = line_build(all->h, version);
        (void)pthread_mutex_lock(&all->lock);
        if (fresh == NULL)
            return NULL;
        line_unref(*slot);
        *slot = fresh;
    }
    (*slot)->refs++;
    return *slot;
}

/* ---- one stream ---- */

static void unlink_stream(struct stream *s) {
    if (s->prev_in_list != NULL)
        s->prev_in_list->next_in_list = s->next_in_list;
    else
        s->all->first = s->next_in_list;
    if (s->next_in_list != NULL)
        s->next_in_list->prev_in_list = s->prev_in_list;
    s->all->n--;
}

/* libmicrohttpd frees the response, and with it the stream, before the connection. */
static void stream_free(void *cls) {
    struct stream *s = cls;
    struct streams *all = s->all;
    (void)pthread_mutex_lock(&all->lock);
    unlink_stream(s);
    line_unref(s->line);
    (void)pthread_mutex_unlock(&all->lock);
    http_leave_seat(all->h);
    buf_free(&s->words);
    free(s);
}

static size_t take(struct stream *s, const struct buf *from, char *dst, size_t max) {
    size_t n = from->n - s->sent < max ? from->n - s->sent : max;
    memcpy(dst, from->p + s->sent, n);
    s->sent += n;
    return n;
}

/* What is to be sent next; under the lock. False: nothing, or (failed) the store does not answer. */
static bool find_words(struct stream *s, bool *ret_failed) {
    struct streams *all = s->all;
    if (s->line != NULL && s->sent == s->line->octets.n) {
        line_unref(s->line);
        s->line = NULL;
        s->next++;
        s->gave = true;
        s->sent = 0;
    }
    if (s->words.n > 0 && s->sent == s->words.n) {
        buf_clear(&s->words);
        s->sent = 0;
    }
    if (s->line != NULL || s->words.n > 0)
        return true;
    if (s->next <= all->published) {
        s->line = line_for(all, s->next);
        s->beat = all->beat;
        *ret_failed = s->line == NULL;
        return s->line != NULL;
    }
    if (s->beat != all->beat && !s->poll) {
        s->beat = all->beat;
        buf_printf(&s->words, ":\n\n");
        return true;
    }
    return false;
}

/* A poll that has said what there was, or waited long enough; when find_words had nothing. */
static bool poll_is_over(const struct stream *s) {
    return s->poll && (s->gave || s->beat != s->all->beat);
}

static ssize_t stream_read(void *cls, uint64_t pos, char *dst, size_t max) {
    struct stream *s = cls;
    struct streams *all = s->all;
    (void)pos;
    bool failed = false;
    ssize_t n = 0;
    (void)pthread_mutex_lock(&all->lock);
    if (all->stopping) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (find_words(s, &failed)) {
        n = (ssize_t)take(s, s->line != NULL ? &s->line->octets : &s->words, dst, max);
    } else if (failed) {
        /* The client comes back with its Last-Event-ID, so nothing is lost. */
        n = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (all->stopping || poll_is_over(s)) { /* line_for gave the lock up */
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        s->suspended = true;
        MHD_suspend_connection(s->connection);
    }
    (void)pthread_mutex_unlock(&all->lock);
    return n;
}

/* Sits on a seat that was taken for it. */
static struct stream *stream_new(struct streams *all, struct MHD_Connection *connection,
    uint64_t have, uint64_t now_at, bool poll) {
    struct stream *s = ws_alloc(sizeof(*s));
    *s = (struct stream){.all = all, .connection = connection, .next = have + 1, .poll = poll};
    buf_printf(&s->words,
        "retry: %d\n: versions after %" PRIu64 "; the current one is %" PRIu64 "\n\n",
        (int)RETRY_MS, have, now_at);
    (void)pthread_mutex_lock(&all->lock);
    if (all->published < now_at)
        all->published = now_at;
    s->beat = all->beat;
    s->next_in_list = all->first;
    if (all->first != NULL)
        all->first->prev_in_list = s;
    all->first = s;
    all->n++;
    /* Something may have been published since the caller looked, and heartbeats are needed from now on. */
    all->notified = true;
    (void)pthread_cond_signal(&all->wake);
    (void)pthread_mutex_unlock(&all->lock);
    return s;
}

/* Where the client wants to go on: Last-Event-ID before from=, as a browser repeats the first address for ever.
 * Without either, from now on. */
static bool starting_point(
    struct http *h, const struct http_call *c, uint64_t *ret_have, struct http_reply *r) {
    uint64_t current = 0;
    const char *last =
        MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_LAST_EVENT_ID);
    const char *text = last != NULL && last[0] != '\0' ? last : http_target_arg(&c->target, "from");
    if (text != NULL)
        return versions_from(h->versions, text, ret_have, &current, r);
    struct ws_err err = {0};
    int rc = versions_refresh(h->versions, ret_have, &err);
    if (rc != WS_OK)
        http_fail_err(r, rc, &err);
    return rc == WS_OK;
}

void http_get_stream(struct http *h, const struct http_call *c, struct http_reply *r) {
    uint64_t have = 0;
    const char *poll = http_target_arg(&c->target, "poll");
    if (poll != NULL && strcmp(poll, "1") != 0) {
        http_fail(r, MHD_HTTP_BAD_REQUEST, "parameter poll: 1, or not at all");
        return;
    }
    if (!starting_point(h, c, &have, r))
        return;
    uint64_t lowest = 0;
    uint64_t current = 0;
    versions_range(h->versions, &lowest, &current);
    r->status = MHD_HTTP_OK;
    r->type = HTTP_EVENTS;
    http_header(r, "X-Accel-Buffering", "no"); /* for a proxy in front */
    if (c->head)
        return;
    if (!http_take_seat(h, r))
        return;
    struct stream *s = stream_new(h->streams, c->connection, have, current, poll != NULL);
    r->made = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, BLOCK_OCTETS, stream_read, s, stream_free);
    if (r->made == NULL) {
        stream_free(s);
        http_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory for a stream");
        return;
    }
    /* A client that stops reading is let go; heartbeats keep the others above this. */
    (void)MHD_set_connection_option(
        c->connection, MHD_CONNECTION_OPTION_TIMEOUT, 2 * h->tuning.patience_s);
}

/* ---- the waker ---- */

static void resume_all(struct streams *all) {
    for (struct stream *s = all->first; s != NULL; s = s->next_in_list) {
        if (!s->suspended)
            continue;
        s->suspended = false;
        MHD_resume_connection(s->connection);
    }
}

/* With the lock held; gives it up while the store is read. */
static void look_for_versions(struct streams *all) {
    all->notified = false;
    if (all->n == 0)
        return; /* whoever comes looks on its own */
    (void)pthread_mutex_unlock(&all->lock);
    uint64_t current = 0;
    struct ws_err err = {0};
    int rc = versions_refresh(all->h->versions, &current, &err);
    if (rc != WS_OK)
        ws_log_limited(&all->complaint, ws_clock_now(&all->h->d->clock).mono_us, WS_LOG_ERROR,
            "http", "stream: %s", err.text);
    (void)pthread_mutex_lock(&all->lock);
    if (rc == WS_OK && current > all->published) {
        all->published = current;
        resume_all(all);
    }
}

static void *waker_run(void *arg) {
    struct streams *all = arg;
    (void)pthread_mutex_lock(&all->lock);
    struct timespec beat_at = ws_clock_deadline((uint64_t)all->h->tuning.heartbeat_ms * 1000);
    while (!all->stopping) {
        if (all->notified) {
            look_for_versions(all);
            continue;
        }
        int rc = 0;
        bool quiet = all->n == 0;
        if (quiet)
            rc = pthread_cond_wait(&all->wake, &all->lock);
        else
            rc = pthread_cond_timedwait(&all->wake, &all->lock, &beat_at);
        if (rc == ETIMEDOUT) {
            all->beat++;
            resume_all(all);
        }
        if (quiet || rc == ETIMEDOUT)
            beat_at = ws_clock_deadline((uint64_t)all->h->tuning.heartbeat_ms * 1000);
    }
    resume_all(all); /* libmicrohttpd stops only connections that are awake */
    (void)pthread_mutex_unlock(&all->lock);
    return NULL;
}

struct streams *streams_new(struct http *h) {
    struct streams *all = ws_alloc(sizeof(*all));
    all->h = h;
    all->complaint = (struct ws_log_limit){.burst = 1, .period_us = 60000000};
    (void)pthread_mutex_init(&all->lock, NULL);
    ws_cond_init(&all->wake);
    if (pthread_create(&all->waker, NULL, waker_run, all) != 0) {
        all->stopping = true; /* streams_stop has nothing to join */
        streams_free(all);
        return NULL;
    }
    (void)pthread_setname_np(all->waker, "ws-stream");
    return all;
}

void streams_wake(struct streams *s) {
    (void)pthread_mutex_lock(&s->lock);
    s->notified = true;
    if (s->n > 0)
        (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
}

size_t streams_count(struct streams *s) {
    (void)pthread_mutex_lock(&s->lock);
    size_t n = s->n;
    (void)pthread_mutex_unlock(&s->lock);
    return n;
}

void streams_stop(struct streams *s) {
    (void)pthread_mutex_lock(&s->lock);
    s->stopping = true;
    (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_join(s->waker, NULL);
}

void streams_free(struct streams *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < LINES_KEPT; i++)
        line_unref(s->kept[i]);
    (void)pthread_cond_destroy(&s->wake);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

#include "rsu/http/internal.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char HTTP_JSON[] = "application/json";
const char HTTP_TEXT[] = "text/plain; charset=utf-8";
const char HTTP_METRICS[] = "text/plain; version=0.0.4; charset=utf-8";
const char HTTP_GEOJSONSEQ[] = "application/geo+json-seq";
const char HTTP_OCTETS[] = "application/octet-stream";
const char HTTP_OSC[] = "application/xml; charset=utf-8";
const char HTTP_EVENTS[] = "text/event-stream";

void http_header(struct http_reply *r, const char *name, const char *fmt, ...) {
    WS_ASSERT(r->n_headers < HTTP_HEADERS_MAX);
    r->header[r->n_headers].name = name;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(r->header[r->n_headers].value, sizeof(r->header[r->n_headers].value), fmt, ap);
    va_end(ap);
    r->n_headers++;
}

void http_json(struct http_reply *r, json_t *value) {
    r->status = MHD_HTTP_OK;
    r->type = HTTP_JSON;
    json_print(value, JSON_PAGE, &r->body);
}

void http_fail(struct http_reply *r, unsigned status, const char *fmt, ...) {
    char text[WS_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    size_t length = n < 0 ? 0 : strnlen(text, sizeof(text) - 1);
    if (r->made != NULL)
        MHD_destroy_response(r->made);
    r->made = NULL;
    r->cache = NULL;
    r->n_headers = 0;
    r->status = status;
    r->type = HTTP_JSON;
    buf_clear(&r->body);
    json_t *o = json_object();
    json_put(o, "error", json_words(span_of(text, length)));
    json_print(o, JSON_LINE, &r->body);
}

void http_gone(struct http_reply *r, uint64_t oldest, uint64_t current, const char *fmt, ...) {
    char text[WS_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    http_fail(r, MHD_HTTP_GONE, "%s", text);
    buf_clear(&r->body);
    json_t *o = json_object();
    json_put(o, "error", json_words(span_of(text, strnlen(text, sizeof(text)))));
    json_put(o, "oldest", json_count(oldest));
    json_put(o, "current", json_count(current));
    json_put(o, "snapshot", json_string("/v1/map/snapshot"));
    json_print(o, JSON_LINE, &r->body);
}

void http_fail_err(struct http_reply *r, int rc, const struct ws_err *err) {
    unsigned status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    if (rc == WS_EINPUT)
        status = MHD_HTTP_BAD_REQUEST;
    else if (rc == WS_ENOTFOUND)
        status = MHD_HTTP_NOT_FOUND;
    else if (rc == WS_EBUSY)
        status = MHD_HTTP_SERVICE_UNAVAILABLE;
    http_fail(r, status, "%s", err->text);
    if (rc == WS_EBUSY)
        http_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "1");
}

static void add_headers(const struct http_reply *r, struct MHD_Response *m) {
    (void)MHD_add_response_header(m, MHD_HTTP_HEADER_CONTENT_TYPE, r->type);
    (void)MHD_add_response_header(
        m, MHD_HTTP_HEADER_CACHE_CONTROL, r->cache == NULL ? "no-store" : r->cache);
    (void)MHD_add_response_header(m, "X-Content-Type-Options", "nosniff");
    for (size_t i = 0; i < r->n_headers; i++)
        (void)MHD_add_response_header(m, r->header[i].name, r->header[i].value);
}

void http_later(struct http_reply *r, enum http_lane lane, http_fn fn) {
    r->lane = lane;
    r->later = fn;
}

/* A body that is counted until it is sent. */
struct counted {
    struct http *h;
    struct buf body;
    size_t n;
};

static void counted_free(void *cls) {
    struct counted *c = cls;
    http_leave_octets(c->h, c->n);
    buf_free(&c->body);
    free(c);
}

static struct MHD_Response *response_of(struct http *h, struct http_reply *r) {
    http_count_octets(h, r);
    if (r->counted == 0)
        return MHD_create_response_from_buffer_with_free_callback(r->body.n, r->body.p, free);
    struct counted *c = ws_alloc(sizeof(*c));
    *c = (struct counted){h, r->body, r->counted};
    struct MHD_Response *m = MHD_create_response_from_buffer_with_free_callback_cls(
        c->body.n, c->body.p, counted_free, c);
    if (m == NULL)
        free(c); /* the reply still has all of it */
    else
        r->counted = 0;
    return m;
}

enum MHD_Result http_send(struct http *h, struct MHD_Connection *connection, struct http_reply *r) {
    struct MHD_Response *m = r->made;
    if (m == NULL)
        m = response_of(h, r);
    else
        buf_free(&r->body);
    if (m == NULL) {
        http_reply_free(h, r);
        return MHD_NO;
    }
    r->made = NULL;
    r->body = (struct buf){0}; /* the response's now */
    add_headers(r, m);
    enum MHD_Result sent = MHD_queue_response(connection, r->status, m);
    MHD_destroy_response(m);
    return sent;
}

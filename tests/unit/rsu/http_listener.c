#include "tests/unit/rsu/http_listener.h"

#include <errno.h>
#include <unistd.h>

void listener_open(
    struct listener *l, const struct rig *r, const char *query, const char *last_event_id) {
    memset(l, 0, sizeof(*l));
    l->fd = rig_connect(r);
    struct buf rq = {0};
    buf_printf(&rq, "GET /v1/map/stream%s HTTP/1.1\r\nHost: rsu\r\n", query);
    if (last_event_id != NULL)
        buf_printf(&rq, "Last-Event-ID: %s\r\n", last_event_id);
    buf_printf(&rq, "\r\n");
    buf_u8(&rq, 0);
    rig_send(l->fd, (const char *)rq.p);
    buf_free(&rq);
}

void listener_open_at(struct listener *l, const struct rig *r, const char *target) {
    memset(l, 0, sizeof(*l));
    l->fd = rig_connect(r);
    struct buf rq = {0};
    buf_printf(&rq, "GET %s HTTP/1.1\r\nHost: rsu\r\n\r\n", target);
    buf_u8(&rq, 0);
    rig_send(l->fd, (const char *)rq.p);
    buf_free(&rq);
}

void listener_close(struct listener *l) {
    (void)close(l->fd);
    buf_free(&l->raw);
    buf_free(&l->text);
}

static void drop_front(struct buf *b, size_t n) {
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

/* Moves whole chunks from raw to text. */
static void decode(struct listener *l) {
    if (!l->in_body) {
        const uint8_t *end = l->raw.n == 0 ? NULL : memmem(l->raw.p, l->raw.n, "\r\n\r\n", 4);
        if (end == NULL)
            return;
        assert_memory_equal(l->raw.p, "HTTP/1.1 200 OK\r\n", 17);
        assert_non_null(memmem(l->raw.p, l->raw.n, "Content-Type: text/event-stream\r\n", 33));
        drop_front(&l->raw, (size_t)(end - l->raw.p) + 4);
        l->in_body = true;
    }
    for (;;) {
        const uint8_t *line = l->raw.n == 0 ? NULL : memmem(l->raw.p, l->raw.n, "\r\n", 2);
        if (line == NULL)
            return;
        size_t size = strtoul((const char *)l->raw.p, NULL, 16);
        size_t head = (size_t)(line - l->raw.p) + 2;
        if (size == 0) {
            l->ended = true;
            return;
        }
        if (l->raw.n < head + size + 2)
            return;
        buf_put(&l->text, l->raw.p + head, size);
        drop_front(&l->raw, head + size + 2);
    }
}

bool listener_hear(struct listener *l) {
    uint8_t chunk[4096];
    ssize_t n = recv(l->fd, chunk, sizeof(chunk), 0);
    if (n < 0 && errno != ECONNRESET)
        fail_msg("the stream says nothing");
    if (n <= 0)
        return false;
    buf_put(&l->raw, chunk, (size_t)n);
    decode(l);
    return true;
}

char *listener_block(struct listener *l) {
    for (;;) {
        const uint8_t *end = l->text.n == 0 ? NULL : memmem(l->text.p, l->text.n, "\n\n", 2);
        if (end != NULL) {
            size_t n = (size_t)(end - l->text.p) + 2;
            char *block = ws_alloc(n + 1);
            memcpy(block, l->text.p, n);
            drop_front(&l->text, n);
            return block;
        }
        if (l->ended || !listener_hear(l))
            return NULL;
    }
}

uint64_t listener_version(struct listener *l) {
    for (;;) {
        char *block = listener_block(l);
        if (block == NULL)
            return 0;
        const char *data = strstr(block, "\nevent: version\ndata: ");
        if (data != NULL) {
            assert_memory_equal(block, "id: ", 4);
            uint64_t id = strtoull(block + 4, NULL, 10);
            data += strlen("\nevent: version\ndata: ");
            json_t *o = json_loads(data, JSON_REJECT_DUPLICATES, NULL);
            assert_non_null(o);
            assert_int_equal(json_integer_value(json_object_get(o, "version")), id);
            assert_int_equal(json_array_size(json_object_get(o, "changes")), 1);
            assert_true(strlen(json_string_value(json_object_get(o, "proof"))) > 500);
            json_decref(o);
            free(block);
            return id;
        }
        assert_true(block[0] == ':' || strncmp(block, "retry: ", 7) == 0);
        free(block);
    }
}

/* /v1/map/net: what has to be done to version A to hold version B, each element once. */
#include "rsu/http/internal.h"

#include "base/mem.h"
#include "mapsvc/fuse/range.h"
#include "rsu/json/map.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    NET_VERSIONS = 4096, /* in one answer */
    NET_OCTETS =
        16 << 20, /* of their records; whoever is further behind is better off with a snapshot */
};

struct net_question {
    uint64_t from, to, current;
    bool octets;
};

static bool read_question(
    struct http *h, const struct http_call *c, struct net_question *q, struct http_reply *r) {
    struct ws_err err = {0};
    const char *to = http_target_arg(&c->target, "to");
    const char *format = http_target_arg(&c->target, "format");
    int rc = WS_OK;
    q->octets = format != NULL && strcmp(format, "octets") == 0;
    if (format != NULL && !q->octets && strcmp(format, "json") != 0)
        rc = ws_fail(&err, WS_EINPUT, "parameter format: json or octets");
    if (rc == WS_OK && to != NULL)
        rc = http_number(to, "parameter to", INT64_MAX, &q->to, &err);
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
        return false;
    }
    if (!versions_from(h->versions, http_target_arg(&c->target, "from"), &q->from, &q->current, r))
        return false;
    q->to = to == NULL ? q->current : q->to;
    if (q->from > q->current || q->to > q->current)
        http_fail(r, MHD_HTTP_NOT_FOUND,
            "no map version %" PRIu64 " yet; the current one is %" PRIu64,
            q->from > q->current ? q->from : q->to, q->current);
    else if (q->to <= q->from)
        http_fail(r, to == NULL ? MHD_HTTP_NOT_FOUND : MHD_HTTP_BAD_REQUEST,
            "nothing lies between version %" PRIu64 " and version %" PRIu64, q->from, q->to);
    else
        return true;
    return false;
}

static json_t *element_or_null(const struct element *e, const struct cell_frame *f) {
    return e == NULL ? json_null() : json_element(e, f);
}

static json_t *change(const struct range_change *c, const struct cell_frame *f) {
    char words[CHANGE_WORDS_OCTETS];
    json_t *o = json_object();
    range_change_describe(c, words, sizeof(words));
    json_put(o, "op", json_string(c->tombstone ? "tombstone" : json_change_op(c->op)));
    json_put(o, "element", json_hex(c->element_id, sizeof(c->element_id)));
    json_put(o, "kind", json_string(element_kind_name(c->kind)));
    json_put(o, "description", json_words(span_of(words, strlen(words))));
    json_put(o, "before", element_or_null(c->before, f));
    json_put(o, "after", element_or_null(c->after, f));
    json_put(o, "first_version", json_count(c->first_version));
    json_put(o, "last_version", json_count(c->last_version));
    json_put(o, "last_change", json_hex(c->last->id, sizeof(c->last->id)));
    return o;
}

static void give_json(
    const struct http *h, const struct map_range *n, uint64_t current, struct http_reply *r) {
    json_t *list = json_array();
    for (size_t i = 0; i < n->n; i++)
        json_add(list, change(&n->changes[i], &h->frame));
    json_t *o = json_object();
    json_put(o, "cell_id", json_hex(h->d->cell_id, 32));
    json_put(o, "from", json_count(n->from));
    json_put(o, "to", json_count(n->to));
    json_put(o, "current", json_count(current));
    json_put(o, "previous_root", json_hex(n->previous_root, 32));
    json_put(o, "root", json_hex(n->root, 32));
    json_put(o, "record", json_hex(n->record, 32));
    json_put(o, "geometry", json_boolean(n->geometry));
    json_put(o, "changes", list);
    http_json(r, o);
}

static int read_versions(struct http *h, const struct net_question *q, struct map_version *list,
    size_t *ret_n, struct ws_err *err) {
    size_t octets = 0;
    int rc = WS_OK;
    for (uint64_t v = q->from + 1; v <= q->to && rc == WS_OK; v++) {
        struct version_ref ref;
        if (versions_find(h->versions, v, &ref) != VERSION_HERE)
            return ws_fail(err, WS_EBUSY, "map version %" PRIu64 " went just now", v);
        octets += ref.octets;
        if (octets > NET_OCTETS)
            return ws_fail(err, WS_EINPUT,
                "parameter to: too much between %" PRIu64 " and %" PRIu64
                " for one answer; at most to %" PRIu64 ", or begin again from /v1/map/snapshot",
                q->from, q->to, v - 1);
        rc = versions_read(h->versions, &ref, &list[*ret_n], err);
        *ret_n += rc == WS_OK;
    }
    return rc;
}

static void give_net(struct http *h, const struct net_question *q, struct http_reply *r) {
    struct ws_err err = {0};
    size_t most = (size_t)(q->to - q->from);
    size_t n = 0;
    struct map_version *list = ws_calloc(most, sizeof(*list));
    const struct map_version **chain = ws_calloc(most, sizeof(const struct map_version *));
    struct map_range net;
    int rc = read_versions(h, q, list, &n, &err);
    for (size_t i = 0; i < n; i++)
        chain[i] = &list[i];
    if (rc == WS_OK && map_range_of(chain, n, &net, &err) != WS_OK)
        rc = WS_EIO; /* the store's own chain */
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
    } else if (q->octets) {
        map_range_encode(&net, &r->body);
        r->status = MHD_HTTP_OK;
        r->type = HTTP_OCTETS;
        http_header(r, "Wayside-Map-To", "%" PRIu64, net.to);
        http_header(r, "Wayside-Map-Current", "%" PRIu64, q->current);
    } else {
        give_json(h, &net, q->current, r);
    }
    if (rc == WS_OK)
        map_range_free(&net);
    for (size_t i = 0; i < n; i++)
        map_version_free(&list[i]);
    free((void *)chain);
    free(list);
}

static void make_net(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct net_question q = {0};
    if (!read_question(h, c, &q, r))
        return;
    if (q.to - q.from > NET_VERSIONS)
        http_fail(r, MHD_HTTP_BAD_REQUEST,
            "parameter to: at most %d versions in one answer; take a part, or begin again from "
            "/v1/map/snapshot",
            NET_VERSIONS);
    else
        give_net(h, &q, r);
}

void http_get_net(struct http *h, const struct http_call *c, struct http_reply *r) {
    (void)h;
    (void)c;
    http_later(r, LANE_RECORDS, make_net);
}

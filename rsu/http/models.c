/* /v1/models: the models that came into force, and their files. */
#include "rsu/http/learning.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static const char FOR_GOOD[] = "public, max-age=31536000, immutable";

bool learn_hash(const struct http_call *c, size_t segment, const char *what, uint8_t *ret,
    struct http_reply *r) {
    const char *text = c->target.segment[segment];
    bool good = strlen(text) == 64 && hex_decode(ret, 32, text);
    for (size_t i = 0; good && i < 64; i++)
        good = !(text[i] >= 'A' && text[i] <= 'F');
    if (!good)
        http_fail(r, MHD_HTTP_BAD_REQUEST, "%s: 64 hex digits in lower case are needed", what);
    return good;
}

/* The caller has it already: 304. */
static bool give_known(
    const struct http_call *c, const uint8_t tag[static 32], struct http_reply *r) {
    char hex[65];
    char quoted[68];
    hex_encode(hex, tag, 32);
    (void)snprintf(quoted, sizeof(quoted), "\"%s\"", hex);
    const char *have =
        MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
    if (have == NULL || strcmp(have, quoted) != 0)
        return false;
    r->status = MHD_HTTP_NOT_MODIFIED;
    r->type = HTTP_OCTETS;
    r->cache = FOR_GOOD;
    http_header(r, MHD_HTTP_HEADER_ETAG, "%s", quoted);
    return true;
}

void learn_give(const struct http_call *c, const uint8_t tag[static 32], uint8_t *memory, size_t n,
    struct http_reply *r) {
    char hex[65];
    if (give_known(c, tag, r)) {
        free(memory);
        return;
    }
    hex_encode(hex, tag, 32);
    r->status = MHD_HTTP_OK;
    r->type = HTTP_OCTETS;
    r->cache = FOR_GOOD;
    http_header(r, MHD_HTTP_HEADER_ETAG, "\"%s\"", hex);
    r->body = (struct buf){.p = memory, .n = n, .cap = n};
}

static void make_model(struct http *h, const struct http_call *c, struct http_reply *r) {
    uint8_t hash[32];
    struct materials_hold hold;
    if (!learn_hash(c, 2, "hash", hash, r))
        return;
    if (h->d->materials == NULL || !materials_get_blob(h->d->materials, hash, &hold)) {
        http_fail(r, MHD_HTTP_NOT_FOUND,
            "no model or root set of this hash is here; older ones go when their room is needed, "
            "and another unit may have it");
        return;
    }
    learn_give(c, hash, hold.memory, hold.blob.n, r);
}

void http_get_model(struct http *h, const struct http_call *c, struct http_reply *r) {
    uint8_t hash[32];
    if (!learn_hash(c, 2, "hash", hash, r))
        return;
    const bool here = h->d->materials != NULL && materials_has_blob(h->d->materials, hash);
    if (!here || !give_known(c, hash, r)) /* the name says it all: nothing is read */
        http_later(r, LANE_LEARNING, make_model);
}

/* ---- the list ---- */

struct telling {
    struct fl_event_body e;
    struct fl_open open; /* of the round that made it */
    struct buf octets;
};

/* A model of a round has its round's name and root set, which stand in the OPEN record: as long as that is kept. */
static int read_model(struct http *h, const struct learn_model *m, struct telling *t,
    bool *ret_has_open, struct ws_err *err) {
    struct learn_round round;
    int rc = WS_OK;
    *ret_has_open = m->round > 0 && learn_index_round(h->learned, m->round, &round);
    buf_clear(&t->octets);
    if (*ret_has_open)
        rc = learn_event(h->d->store, &round.at[JSON_LEARN_OPEN], &t->e, &t->octets, err);
    if (rc == WS_OK && *ret_has_open)
        t->open = t->e.open;
    buf_clear(&t->octets);
    if (rc == WS_OK)
        rc = learn_event(h->d->store, &m->at, &t->e, &t->octets, err);
    return rc;
}

static json_t *tell_model(struct http *h, const struct learn_model *m, const struct telling *t,
    bool has_open, uint64_t time) {
    const bool ordered = m->round == 0;
    const struct fl_model_order *order = &t->e.model.order;
    const struct fl_outcome *out = &t->e.closed.outcome;
    const char *name = ordered ? order->name : has_open ? t->open.model : NULL;
    const uint8_t *roots = ordered ? order->root_set : has_open ? t->open.root_set : NULL;
    const uint32_t params = ordered ? order->params : has_open ? t->open.params : 0;
    json_t *o = json_object();
    json_put(o, "version", json_count(m->version));
    json_put(o, "hash", json_hex(m->hash, 32));
    json_put(o, "parent", ordered ? json_null() : json_hex(t->e.closed.parent, 32));
    json_put(o, "from", json_string(ordered ? "order" : "round"));
    json_put(o, "round", ordered ? json_null() : json_count(m->round));
    json_put(o, "height", json_count(m->at.height));
    json_put(o, "sequence", json_count(m->at.sequence));
    json_put(o, "time", json_instant(time));
    json_put(o, "name", name == NULL ? json_null() : json_words(span_of(name, strlen(name))));
    json_put(o, "params", params == 0 ? json_null() : json_count(params));
    json_put(o, "root_set", roots == NULL ? json_null() : json_hash_or_null(roots));
    json_put(o, "recall", ordered ? json_null() : json_learn_recall(out));
    json_put(o, "changes", ordered ? json_null() : json_learn_changes(out));
    json_put(o, "here",
        json_boolean(h->d->materials != NULL && materials_has_blob(h->d->materials, m->hash)));
    return o;
}

static int list_models(
    struct http *h, const struct learn_model *m, size_t n, json_t *list, struct ws_err *err) {
    struct telling *t = ws_alloc(sizeof(*t));
    int rc = WS_OK;
    for (size_t i = 0; i < n && rc == WS_OK; i++) {
        struct header hd;
        bool has_open = false;
        rc = read_model(h, &m[i], t, &has_open, err);
        if (rc == WS_OK)
            rc = query_header(h->d->store, m[i].at.height, &hd, err);
        if (rc == WS_OK)
            json_add(list, tell_model(h, &m[i], t, has_open, hd.time));
    }
    buf_free(&t->octets);
    free(t);
    return rc == WS_ENOTFOUND ? WS_EBUSY : rc; /* pruned while it was read */
}

static void make_models(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct learn_page p;
    struct ws_err err = {0};
    bool more = false;
    if (!learn_page_asked(c, &p, r))
        return;
    int rc = learn_index_refresh(h->learned, &err);
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
        return;
    }
    struct learn_model *m = ws_calloc((size_t)p.limit, sizeof(*m));
    json_t *list = json_array();
    size_t n = learn_index_models(h->learned, p.before, m, (size_t)p.limit, &more);
    rc = list_models(h, m, n, list, &err);
    free(m);
    if (rc != WS_OK) {
        json_decref(list);
        http_fail_err(r, rc, &err);
        return;
    }
    json_t *o = json_object();
    json_put(o, "more", json_boolean(more));
    json_put(o, "models", list);
    http_json(r, o);
}

void http_get_models(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct learn_page p;
    (void)h;
    if (learn_page_asked(c, &p, r))
        http_later(r, LANE_LEARNING, make_models);
}

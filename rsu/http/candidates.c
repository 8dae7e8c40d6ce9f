/* /v1/map/candidates: what gathers evidence, and what is confirmed and waits for its version. */
#include "rsu/http/evidence.h"

#include "base/mem.h"
#include "rsu/json/map.h"

#include <stdlib.h>

enum { LISTED = 100, WAITING = 64 };

struct candidates {
    uint64_t height;
    size_t n, total, n_waiting, total_waiting;
    struct map_suspicion list[LISTED];
    struct buf waiting[WAITING]; /* encoded change records */
};

static void copy(void *owner, void *ctx) {
    const struct rsud *d = owner;
    struct candidates *k = ctx;
    struct node_status s;
    node_status(d->node, &s);
    k->height = s.height;
    k->n = map_contract_suspicions(d->cell.map, k->list, LISTED, &k->total);
    const struct change_record *c = NULL;
    for (; (c = map_contract_waiting(d->cell.map, k->total_waiting)) != NULL; k->total_waiting++) {
        if (k->n_waiting < WAITING)
            change_encode(c, &k->waiting[k->n_waiting++]);
    }
}

static json_t *place(const struct http *h, const struct map_suspicion *m) {
    int32_t lat = 0;
    int32_t lon = 0;
    frame_to_wgs(&h->frame, m->x, m->y, &lat, &lon);
    json_t *at = json_array();
    json_add(at, json_degrees(lon));
    json_add(at, json_degrees(lat));
    return at;
}

/* What the policy in force still asks for, by name; see suspicion.h for what is not known. */
static json_t *lacks(unsigned set) {
    static const char *const names[] = {
#define X(id, text) text,
        MAP_LACKS(X)
#undef X
    };
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if ((set >> i & 1) != 0)
            json_add(list, json_string(names[i]));
    }
    return list;
}

static json_t *candidate(const struct http *h, const struct map_suspicion *m) {
    json_t *o = json_object();
    json_put(o, "subject", json_hex(m->subject, 16));
    json_put(o, "new", json_boolean(m->is_place));
    json_put(o, "kind", json_string(element_kind_name(m->kind)));
    json_put(o, "op", json_string(json_change_op(m->op)));
    if (m->moved)
        json_put(o, "moved", json_true());
    if (m->covered)
        json_put(o, "covered", json_true());
    if (m->has_value)
        json_put(o, "value", json_integer(m->value));
    json_put(o, "at", place(h, m));
    if (m->has_heading)
        json_put(o, "heading_deg", json_compass(m->heading));
    json_put(o, "bits", json_bits(m->bits_q16));
    json_put(o, "threshold_bits", json_bits(m->threshold_q16));
    json_put(o, "vehicles", json_count(m->vehicles));
    json_put(o, "groups", json_count(m->groups));
    json_put(o, "issuers", json_count(m->issuers));
    json_put(o, "software_families", json_count(m->families));
    json_put(o, "views", json_count(m->views));
    json_put(o, "window_vehicles", json_count(m->window_vehicles));
    json_put(o, "lacks", lacks(m->lacks));
    json_put(o, "rivals", json_count(m->rivals));
    json_put(o, "first_seen", json_instant(m->first_seen));
    json_put(o, "last_seen", json_instant(m->last_seen));
    json_t *advisory = json_null();
    if (m->advisory) {
        advisory = json_object();
        json_put(advisory, "id", json_hex(m->advisory_id, 32));
        json_put(advisory, "until", json_instant(m->advisory_until));
    }
    json_put(o, "advisory", advisory);
    return o;
}

static json_t *waiting(const struct http *h, const struct candidates *k) {
    json_t *list = json_array();
    for (size_t i = 0; i < k->n_waiting; i++) {
        struct change_record c;
        if (change_decode(buf_span(&k->waiting[i]), &c, NULL) != WS_OK)
            continue; /* the owner encoded it just now */
        json_add(list, json_change(&c, &h->frame));
        change_free(&c);
    }
    return list;
}

json_t *http_candidates_json(struct http *h, struct http_reply *r) {
    struct candidates *k = ws_alloc(sizeof(*k));
    json_t *o = NULL;
    if (http_ask(h, copy, k, r)) {
        json_t *list = json_array();
        for (size_t i = 0; i < k->n; i++)
            json_add(list, candidate(h, &k->list[i]));
        o = json_object();
        json_put(o, "height", json_count(k->height));
        json_put(o, "total", json_count(k->total));
        json_put(o, "candidates", list);
        json_put(o, "total_waiting", json_count(k->total_waiting));
        json_put(o, "waiting", waiting(h, k));
    }
    for (size_t i = 0; i < k->n_waiting; i++)
        buf_free(&k->waiting[i]);
    free(k);
    return o;
}

void http_get_candidates(struct http *h, const struct http_call *c, struct http_reply *r) {
    (void)c;
    json_t *o = http_candidates_json(h, r);
    if (o != NULL)
        http_json(r, o);
}

/* /v1/map/changes/{id}: one published change and where it stands; its sightings, and those of a candidate. */
#include "rsu/http/evidence.h"

#include "base/mem.h"
#include "mapsvc/fuse/associate.h"
#include "rsu/json/map.h"

#include <stdlib.h>

/* Evidence against a change is older than the first sighting in favour of it. */
enum { BEFORE_US = 600000000 };

static bool read_id(const struct http_call *c, const char *what, size_t octets, uint8_t *ret,
    struct http_reply *r) {
    struct buf id = {0};
    struct ws_err err = {0};
    int rc = http_hex(c->target.segment[3], what, octets, &id, &err);
    if (rc == WS_OK && id.n != octets)
        rc = ws_fail(&err, WS_EINPUT, "%s: %zu octets; it has %zu", what, id.n, octets);
    if (rc == WS_OK)
        memcpy(ret, id.p, octets);
    else
        http_fail_err(r, rc, &err);
    buf_free(&id);
    return rc == WS_OK;
}

struct found {
    struct version_ref ref;
    struct map_version version;
    size_t at; /* of the change in it */
};

static bool find_change(
    struct http *h, const struct http_call *c, struct found *ret, struct http_reply *r) {
    uint8_t id[32];
    struct ws_err err = {0};
    uint64_t current = 0;
    if (!read_id(c, "change", sizeof(id), id, r))
        return false;
    int rc = versions_refresh(h->versions, &current, &err);
    if (rc == WS_OK && !versions_find_change(h->versions, id, &ret->ref, &ret->at))
        rc =
            ws_fail(&err, WS_ENOTFOUND, "no published change has this id, or it is no longer kept");
    if (rc == WS_OK)
        rc = versions_read(h->versions, &ret->ref, &ret->version, &err);
    if (rc == WS_OK && (ret->at >= ret->version.n_changes ||
                           memcmp(ret->version.changes[ret->at].id, id, sizeof(id)) != 0)) {
        map_version_free(&ret->version);
        rc = ws_fail(&err, WS_EIO, "the record of the version is not the one that was listed");
    }
    if (rc != WS_OK)
        http_fail_err(r, rc, &err);
    return rc == WS_OK;
}

void http_get_change(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct found f;
    if (!find_change(h, c, &f, r))
        return;
    json_t *o = json_object();
    json_put(o, "version", json_count(f.ref.version));
    json_put(o, "height", json_count(f.ref.height));
    json_put(o, "sequence", json_count(f.ref.sequence));
    json_put(o, "time", json_instant(f.ref.block_time));
    json_put(o, "change", json_change(&f.version.changes[f.at], &h->frame));
    json_put(o, "feedback", http_feedback_about(h, f.ref.version, &f.version.changes[f.at]));
    map_version_free(&f.version);
    http_json(r, o);
}

static struct map_thing thing_of(const struct element *e, bool in_map) {
    struct map_thing t = {.element = in_map ? e : NULL, .kind = e->kind};
    memcpy(t.id, e->id, sizeof(t.id));
    if (e->n_points > 0)
        element_anchor(e, &t.x, &t.y);
    t.has_heading = e->n_points > 0 && element_heading_at(e, t.x, t.y, &t.heading);
    return t;
}

static uint64_t earlier(uint64_t time) {
    return time > BEFORE_US ? time - BEFORE_US : 0;
}

static void make_change_sightings(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct found f;
    if (!find_change(h, c, &f, r))
        return;
    const struct change_record *change = &f.version.changes[f.at];
    struct map_thing t =
        change->has_before ? thing_of(&change->before, true) : thing_of(&change->after, false);
    if (change->op == MAP_MODIFY && change->before.n_points > 0) {
        element_anchor(&change->after, &t.to_x, &t.to_y);
        t.moved = t.to_x != t.x || t.to_y != t.y;
    }
    struct http_window w = {earlier(change->first_seen), change->last_seen, f.ref.height, 0};
    http_give_sightings(h, &t, &w, r);
    map_version_free(&f.version);
}

struct candidate_question {
    uint8_t subject[16];
    bool here, has_element;
    struct map_suspicion suspicion;
    struct element element;
    uint64_t height;
};

static void ask_candidate(void *owner, void *ctx) {
    const struct rsud *d = owner;
    struct candidate_question *q = ctx;
    struct node_status s;
    node_status(d->node, &s);
    q->height = s.height;
    q->here = map_contract_suspicion(d->cell.map, q->subject, &q->suspicion);
    const struct element *e =
        q->here ? mapset_find(map_contract_current(d->cell.map), q->subject) : NULL;
    q->has_element = e != NULL;
    if (e != NULL)
        q->element = element_copy(e);
}

/* Fewer vehicles than a published change has to have could be told apart by time, direction and class (decision 49). */
static void withhold(const struct candidate_question *q, struct http_reply *r) {
    json_t *why = json_object();
    json_put(why, "vehicles", json_count(q->suspicion.window_vehicles));
    json_put(why, "needed", json_count(q->suspicion.wanted_vehicles));
    json_t *o = json_object();
    json_put(o, "from_height", json_count(q->height));
    json_put(o, "to_height", json_count(q->height));
    json_put(o, "complete", json_false());
    json_put(o, "withheld", why);
    json_put(o, "sightings", json_array());
    http_json(r, o);
}

static void make_candidate_sightings(
    struct http *h, const struct http_call *c, struct http_reply *r) {
    struct candidate_question q = {0};
    struct ws_err err = {0};
    uint64_t above = 0;
    const char *text = http_target_arg(&c->target, "since");
    if (text != NULL && http_number(text, "parameter since", INT64_MAX, &above, &err) != WS_OK) {
        http_fail_err(r, WS_EINPUT, &err);
        return;
    }
    if (!read_id(c, "candidate", sizeof(q.subject), q.subject, r) ||
        !http_ask(h, ask_candidate, &q, r))
        return;
    if (!q.here) {
        http_fail(r, MHD_HTTP_NOT_FOUND, "nothing is suspected about this thing now");
        return;
    }
    if ((q.suspicion.lacks & MAP_LACKS_VEHICLES) != 0) {
        withhold(&q, r);
        element_free(&q.element);
        return;
    }
    struct map_thing t = {.kind = q.suspicion.kind,
        .x = q.suspicion.x,
        .y = q.suspicion.y,
        .has_heading = q.suspicion.has_heading,
        .heading = q.suspicion.heading};
    memcpy(t.id, q.subject, sizeof(t.id));
    if (q.has_element)
        t = thing_of(&q.element, true);
    struct http_window w = {
        earlier(q.suspicion.first_seen), UINT64_MAX, q.height, above < q.height ? above : q.height};
    http_give_sightings(h, &t, &w, r);
    element_free(&q.element);
}

void http_get_change_sightings(struct http *h, const struct http_call *c, struct http_reply *r) {
    (void)h;
    (void)c;
    http_later(r, LANE_BLOCKS, make_change_sightings);
}

void http_get_candidate_sightings(struct http *h, const struct http_call *c, struct http_reply *r) {
    (void)h;
    (void)c;
    http_later(r, LANE_BLOCKS, make_candidate_sightings);
}

/* /v1/learning/rounds and /v1/learning/rounds/{n}: what the ledger said of rounds, with the places of what it said. */
#include "rsu/http/learning.h"

#include "base/mem.h"
#include "rsu/cell/cell.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LISTED = 16, LISTED_MAX = 256 };

/* Number of the last round that the contract opened: it may be older than all that is kept here. */
static void ask_number(void *owner, void *ctx) {
    const struct rsud *d = owner;
    struct fl_round_view v;
    fl_contract_round(d->cell.learn, &v);
    *(uint64_t *)ctx = v.number;
}

/* No such round is in the index. */
static void absent(struct http *h, uint64_t number, struct http_reply *r) {
    uint64_t last = 0;
    uint64_t lowest = 0;
    uint64_t highest = 0;
    if (!http_ask(h, ask_number, &last, r))
        return;
    learn_index_rounds(h->learned, &lowest, &highest);
    if (last == 0)
        http_fail(r, MHD_HTTP_NOT_FOUND, "no round was opened in this cell yet");
    else if (number > last)
        http_fail(r, MHD_HTTP_NOT_FOUND, "no round %" PRIu64 " yet; the last one is %" PRIu64,
            number, last);
    else if (number > highest && lowest > 0)
        http_fail(r, MHD_HTTP_NOT_FOUND, "round %" PRIu64 " has only just begun", number);
    else if (lowest > 0)
        http_fail(r, MHD_HTTP_GONE,
            "round %" PRIu64 " is not kept here any more; the oldest kept is %" PRIu64, number,
            lowest);
    else
        http_fail(r, MHD_HTTP_GONE, "round %" PRIu64 " is not kept here any more", number);
}

bool learn_round_asked(
    struct http *h, const struct http_call *c, struct learn_round *ret, struct http_reply *r) {
    struct ws_err err = {0};
    uint64_t number = 0;
    int rc = http_number(c->target.segment[3], "round", INT64_MAX, &number, &err);
    if (rc == WS_OK && number == 0)
        rc = ws_fail(&err, WS_EINPUT, "round: rounds begin with 1");
    if (rc == WS_OK)
        rc = learn_index_refresh(h->learned, &err);
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
        return false;
    }
    if (learn_index_round(h->learned, number, ret))
        return true;
    absent(h, number, r);
    return false;
}

/* ---- one round ---- */

/* What is put together: `rc` keeps the first failure. */
struct telling {
    struct http *h;
    const struct learn_round *round;
    bool whole; /* not only the line of a list */
    json_t *o;
    int rc;
    struct ws_err *err;
    struct fl_open open;
    struct fl_event_body e;
    struct buf octets; /* of e */
};

/* False: it was not said, or cannot be read. */
static bool read_step(struct telling *t, enum json_learn_step step) {
    const struct json_place *at = &t->round->at[step];
    if (t->rc != WS_OK || at->height == 0)
        return false;
    buf_clear(&t->octets);
    t->rc = learn_event(t->h->d->store, at, &t->e, &t->octets, t->err);
    return t->rc == WS_OK;
}

static void put_instant(json_t *o, const char *name, const char *exact, uint64_t its_us) {
    json_put(o, name, its_us == 0 ? json_null() : json_instant(its_us));
    json_put(o, exact, its_us == 0 ? json_null() : json_count(its_us));
}

static void tell_open(struct telling *t) {
    if (!read_step(t, JSON_LEARN_OPEN))
        return;
    t->open = t->e.open;
    const struct fl_open *open = &t->open;
    json_t *before = json_object();
    json_put(before, "name", json_words(span_of(open->model, strlen(open->model))));
    json_put(before, "version", json_count(open->model_version));
    json_put(before, "hash", json_hex(open->model_hash, 32));
    put_instant(t->o, "begun", "begun_its_us", open->time_us);
    json_put(t->o, "profile", json_string(open->config.profile->name));
    json_put(t->o, "members", json_count(open->n));
    json_put(t->o, "model_before", before);
    if (!t->whole)
        return;
    struct fl_round id;
    struct buf record = {0};
    fl_open_round(open, t->h->d->cell_id, &id);
    fl_open_encode(open, &record);
    json_put(t->o, "id", json_hex(id.id, 32));
    json_put(t->o, "open", json_hex(record.p, record.n));
    json_put(t->o, "seed_height", json_count(open->seed_height));
    json_put(t->o, "root_set", json_hash_or_null(open->root_set));
    json_put(t->o, "params", json_count(open->params));
    json_put(t->o, "seats", json_learn_members(open));
    json_put(t->o, "rules", json_learn_rules(&open->config));
    buf_free(&record);
}

static void tell_cut_off(struct telling *t) {
    const bool said = read_step(t, JSON_LEARN_CUT_OFF);
    json_put(t->o, "vehicles", said ? json_count(t->e.cut_off.included) : json_null());
    if (!t->whole)
        return;
    json_t *o = said ? json_object() : json_null();
    if (said) {
        json_put(o, "ids_root", json_hex(t->e.cut_off.root, 32));
        json_put(o, "draw_height", json_count(t->e.cut_off.draw_height));
    }
    json_put(t->o, "cut_off", o);
}

static void tell_groups(struct telling *t) {
    const bool said = read_step(t, JSON_LEARN_GROUPS);
    json_put(t->o, "groups", said ? json_count(t->e.groups.n) : json_null());
    if (!t->whole)
        return;
    json_put(t->o, "groups_root", said ? json_hex(t->e.groups.root, 32) : json_null());
    json_put(t->o, "free_groups", said ? json_count(t->e.groups.n_free) : json_null());
    json_put(t->o, "draw", said ? json_hex(t->e.groups.draw, 32) : json_null());
}

static uint64_t time_of(struct telling *t, uint64_t height) {
    struct header hd = {0};
    if (t->rc == WS_OK && height > 0)
        t->rc = query_header(t->h->d->store, height, &hd, t->err);
    return hd.time;
}

static void tell_end(struct telling *t) {
    const bool said = read_step(t, JSON_LEARN_END);
    const bool closed = said && t->e.type == FL_EVENT_CLOSED;
    const struct fl_outcome *out = &t->e.closed.outcome;
    json_t *after = closed ? json_object() : json_null();
    if (closed) {
        const bool applied = out->step && !out->vetoed;
        json_put(after, "version", json_count(t->e.closed.model_version));
        json_put(after, "hash", json_hex(applied ? out->model_hash : t->open.model_hash, 32));
    }
    json_put(t->o, "result", json_string(closed ? "closed" : said ? "aborted" : "on"));
    json_put(
        t->o, "reason", said && !closed ? json_string(fl_abort_name(t->e.aborted)) : json_null());
    json_put(t->o, "model_after", after);
    json_put(t->o, "verdicts", closed ? json_learn_verdicts(out) : json_null());
    json_put(t->o, "step", closed ? json_boolean(out->step) : json_null());
    json_put(t->o, "vetoed", closed ? json_boolean(out->vetoed) : json_null());
    put_instant(t->o, "ended", "ended_its_us", time_of(t, t->round->at[JSON_LEARN_END].height));
    if (t->whole)
        json_put(t->o, "outcome", closed ? json_learn_outcome(&t->open, out) : json_null());
}

static void tell_seed_and_keys(struct telling *t) {
    const bool seeded = read_step(t, JSON_LEARN_SEED);
    json_put(t->o, "seed", seeded ? json_hex(t->e.seed, 32) : json_null());
    const bool opened = read_step(t, JSON_LEARN_OPENED);
    json_t *hashes = opened ? json_array() : json_null();
    for (size_t i = 0; opened && i < t->e.opened.n; i++)
        json_add(hashes, json_hex(t->e.opened.hashes.p + 32 * i, 32));
    json_put(t->o, "key_hashes", hashes);
}

/* ---- who did wrong in it ---- */

struct wrongs {
    uint64_t round;
    struct fl_event_body *e;
    json_t *list;
    bool damaged;
};

/* Those of a round lie between its first event and the first of the next round. */
static bool note_wrong(void *ctx, const struct event *ev) {
    struct wrongs *w = ctx;
    const struct json_place at = {ev->height, ev->sequence};
    w->damaged = !fl_event_decode(ev->type, ev->body, w->e);
    if (w->damaged || w->e->round > w->round)
        return false;
    if (w->e->round != w->round)
        return true;
    if (w->e->type == FL_EVENT_SUSPECT)
        json_learn_standings(w->e, &at, w->list);
    else
        json_add(w->list, w->e->type == FL_EVENT_FAULT ? json_learn_fault(w->e, &at)
                                                       : json_learn_exclusion(w->e, &at));
    return true;
}

static void tell_wrongs(struct telling *t, const char *name, enum fl_event type) {
    struct wrongs w = {t->round->number, &t->e, json_array(), false};
    json_put(t->o, name, w.list);
    if (t->rc == WS_OK)
        t->rc = query_events(t->h->d->store, CELL_CONTRACT_LEARN, (uint16_t)type,
            t->round->at[JSON_LEARN_OPEN].height, note_wrong, &w, t->err);
    if (t->rc == WS_OK && w.damaged)
        t->rc = ws_fail(t->err, WS_EIO, "store: what was said of round %" PRIu64 " is damaged",
            t->round->number);
}

/* NULL: err says why. */
static json_t *tell(
    struct http *h, const struct learn_round *round, bool whole, struct ws_err *err, int *ret_rc) {
    struct telling *t = ws_alloc(sizeof(*t));
    *t = (struct telling){.h = h, .round = round, .whole = whole, .o = json_object(), .err = err};
    json_put(t->o, "number", json_count(round->number));
    tell_open(t);
    tell_cut_off(t);
    tell_groups(t);
    tell_end(t);
    json_put(t->o, "events", json_learn_steps(round->at));
    if (whole) {
        tell_seed_and_keys(t);
        tell_wrongs(t, "faults", FL_EVENT_FAULT);
        tell_wrongs(t, "exclusions", FL_EVENT_EXCLUDED);
        tell_wrongs(t, "standings", FL_EVENT_SUSPECT);
    }
    json_t *o = t->o;
    *ret_rc = t->rc;
    if (t->rc != WS_OK) {
        json_decref(o);
        o = NULL;
    }
    buf_free(&t->octets);
    free(t);
    return o;
}

/* What was pruned while it was read is there to be asked for again: then it is gone. */
static void fail_telling(struct http_reply *r, int rc, const struct ws_err *err) {
    http_fail_err(r, rc == WS_ENOTFOUND ? WS_EBUSY : rc, err);
}

static void make_round(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct learn_round round;
    struct ws_err err = {0};
    int rc = WS_OK;
    if (!learn_round_asked(h, c, &round, r))
        return;
    json_t *o = tell(h, &round, true, &err, &rc);
    if (o != NULL)
        http_json(r, o);
    else
        fail_telling(r, rc, &err);
}

void http_get_learn_round(struct http *h, const struct http_call *c, struct http_reply *r) {
    (void)h;
    (void)c;
    http_later(r, LANE_LEARNING, make_round);
}

/* ---- the list ---- */

bool learn_page_asked(const struct http_call *c, struct learn_page *ret, struct http_reply *r) {
    const char *limit = http_target_arg(&c->target, "limit");
    const char *before = http_target_arg(&c->target, "before");
    struct ws_err err = {0};
    *ret = (struct learn_page){LISTED, INT64_MAX};
    int rc = WS_OK;
    if (limit != NULL)
        rc = http_number(limit, "parameter limit", LISTED_MAX, &ret->limit, &err);
    if (rc == WS_OK && ret->limit == 0)
        rc = ws_fail(&err, WS_EINPUT, "parameter limit: at least 1");
    if (rc == WS_OK && before != NULL)
        rc = http_number(before, "parameter before", INT64_MAX, &ret->before, &err);
    if (rc == WS_OK && ret->before == 0)
        rc = ws_fail(&err, WS_EINPUT, "parameter before: at least 1");
    if (rc != WS_OK)
        http_fail_err(r, rc, &err);
    return rc == WS_OK;
}

static void make_list(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct learn_page p;
    struct learn_round round;
    struct ws_err err = {0};
    uint64_t lowest = 0;
    uint64_t highest = 0;
    if (!learn_page_asked(c, &p, r))
        return;
    int rc = learn_index_refresh(h->learned, &err);
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
        return;
    }
    learn_index_rounds(h->learned, &lowest, &highest);
    if (p.before > 1 && p.before <= lowest) {
        http_fail(r, MHD_HTTP_GONE,
            "rounds before %" PRIu64 " are not kept here any more; the oldest kept is %" PRIu64,
            p.before, lowest);
        return;
    }
    json_t *list = json_array();
    uint64_t n = p.before <= highest ? p.before - 1 : highest;
    for (; rc == WS_OK && lowest > 0 && n >= lowest && json_array_size(list) < p.limit; n--) {
        json_t *o = NULL;
        if (learn_index_round(h->learned, n, &round))
            o = tell(h, &round, false, &err, &rc);
        if (o != NULL)
            json_add(list, o);
    }
    if (rc != WS_OK) {
        json_decref(list);
        fail_telling(r, rc, &err);
        return;
    }
    json_t *o = json_object();
    json_put(o, "oldest", lowest == 0 ? json_null() : json_count(lowest));
    json_put(o, "newest", highest == 0 ? json_null() : json_count(highest));
    json_put(o, "rounds", list);
    http_json(r, o);
}

void http_get_learn_rounds(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct learn_page p;
    (void)h;
    if (learn_page_asked(c, &p, r))
        http_later(r, LANE_LEARNING, make_list);
}

#include "rsu/http/learning.h"

#include "base/log.h"
#include "base/mem.h"
#include "ledger/snapshot/meta.h"
#include "rsu/cell/cell.h"
#include "rsu/http/lanes.h"

#include <inttypes.h>
#include <stdlib.h>

/* Older ones are as if their headers had been pruned: the index stays small however long a cell learns. */
enum { KEPT = 65536, TYPES = FL_EVENT_SUSPECT + 1 };

/* A step that was read and not put where it belongs yet. */
struct found {
    struct json_place at;
    uint64_t round;
    enum json_learn_step step;
    bool aborted;
};

struct learn_index {
    struct store *store;
    pthread_mutex_t lock;
    struct json_place last[TYPES]; /* seen, by type */
    size_t n_rounds, rounds_cap;
    struct learn_round *round; /* consecutive numbers, ascending */
    size_t n_models, models_cap;
    struct learn_model *model; /* versions ascending */
    size_t n_found, found_cap;
    struct found *found; /* of one refresh, or of tries that failed, too */
    struct fl_event_body event; /* room to decode */
};

struct learn_index *learn_index_new(struct store *store) {
    struct learn_index *x = ws_alloc(sizeof(*x));
    x->store = store;
    (void)pthread_mutex_init(&x->lock, NULL);
    return x;
}

void learn_index_free(struct learn_index *x) {
    if (x == NULL)
        return;
    (void)pthread_mutex_destroy(&x->lock);
    free(x->found);
    free(x->model);
    free(x->round);
    free(x);
}

/* ---- taking events ---- */

struct gather {
    struct learn_index *x;
    enum fl_event type;
    int rc;
    struct ws_err *err;
};

static void add_model(struct learn_index *x, const struct learn_model *m) {
    size_t i = x->n_models;
    while (i > 0 && x->model[i - 1].version >= m->version)
        i--;
    if (i < x->n_models && x->model[i].version == m->version)
        return;
    if (x->n_models == x->models_cap) {
        x->models_cap = x->models_cap == 0 ? 16 : 2 * x->models_cap;
        x->model = ws_realloc(x->model, x->models_cap * sizeof(*x->model));
    }
    memmove(x->model + i + 1, x->model + i, (x->n_models - i) * sizeof(*x->model));
    x->model[i] = *m;
    x->n_models++;
}

static void add_found(struct learn_index *x, const struct json_place *at, enum json_learn_step s) {
    if (x->n_found == x->found_cap) {
        x->found_cap = x->found_cap == 0 ? 16 : 2 * x->found_cap;
        x->found = ws_realloc(x->found, x->found_cap * sizeof(*x->found));
    }
    x->found[x->n_found++] =
        (struct found){*at, x->event.round, s, x->event.type == FL_EVENT_ABORTED};
}

static void add_closed(struct learn_index *x, const struct json_place *at) {
    const struct fl_outcome *o = &x->event.closed.outcome;
    add_found(x, at, JSON_LEARN_END);
    if (!o->step || o->vetoed)
        return;
    struct learn_model m = {x->event.closed.model_version, x->event.round, *at, {0}};
    memcpy(m.hash, o->model_hash, sizeof(m.hash));
    add_model(x, &m);
}

static void add_order(struct learn_index *x, const struct json_place *at) {
    struct learn_model m = {x->event.model.version, 0, *at, {0}};
    memcpy(m.hash, x->event.model.order.hash, sizeof(m.hash));
    add_model(x, &m);
}

static bool add_round(struct gather *g, const struct json_place *at) {
    struct learn_index *x = g->x;
    const uint64_t number = x->event.round;
    if (x->n_rounds > 0 && number != x->round[x->n_rounds - 1].number + 1) {
        g->rc = ws_fail(g->err, WS_EIO, "store: learning round %" PRIu64 " follows %" PRIu64,
            number, x->round[x->n_rounds - 1].number);
        return false;
    }
    if (x->n_rounds == x->rounds_cap) {
        x->rounds_cap = x->rounds_cap == 0 ? 16 : 2 * x->rounds_cap;
        x->round = ws_realloc(x->round, x->rounds_cap * sizeof(*x->round));
    }
    struct learn_round *r = &x->round[x->n_rounds++];
    *r = (struct learn_round){.number = number};
    r->at[JSON_LEARN_OPEN] = *at;
    return true;
}

static bool is_new(struct json_place *last, const struct event *e) {
    if (e->height < last->height || (e->height == last->height && e->sequence <= last->sequence))
        return false;
    *last = (struct json_place){e->height, e->sequence};
    return true;
}

static bool note(void *ctx, const struct event *e) {
    struct gather *g = ctx;
    struct learn_index *x = g->x;
    const struct json_place at = {e->height, e->sequence};
    struct json_place last = x->last[g->type];
    if (!is_new(&last, e))
        return true;
    if (e->type != g->type || !fl_event_decode(e->type, e->body, &x->event)) {
        g->rc = ws_fail(g->err, WS_EIO, "store: event %" PRIu32 " of height %" PRIu64 " is damaged",
            e->sequence, e->height);
        return false;
    }
    switch (x->event.type) {
    case FL_EVENT_OPEN:
        if (!add_round(g, &at))
            return false;
        break;
    case FL_EVENT_SEED:
        add_found(x, &at, JSON_LEARN_SEED);
        break;
    case FL_EVENT_CUT_OFF:
        add_found(x, &at, JSON_LEARN_CUT_OFF);
        break;
    case FL_EVENT_GROUPS:
        add_found(x, &at, JSON_LEARN_GROUPS);
        break;
    case FL_EVENT_OPENED:
        add_found(x, &at, JSON_LEARN_OPENED);
        break;
    case FL_EVENT_CLOSED:
        add_closed(x, &at);
        break;
    case FL_EVENT_ABORTED:
        add_found(x, &at, JSON_LEARN_END);
        break;
    case FL_EVENT_MODEL:
        add_order(x, &at);
        break;
    case FL_EVENT_SUSPECT:
        add_found(x, &at, JSON_LEARN_SUSPECT);
        break;
    case FL_EVENT_FAULT:
    case FL_EVENT_EXCLUDED:
        break;
    }
    x->last[g->type] = last;
    return true;
}

static struct learn_round *find(struct learn_index *x, uint64_t number) {
    if (x->n_rounds == 0 || number < x->round[0].number ||
        number - x->round[0].number >= x->n_rounds)
        return NULL;
    return &x->round[number - x->round[0].number];
}

static void put_found(struct learn_index *x) {
    for (size_t i = 0; i < x->n_found; i++) {
        const struct found *f = &x->found[i];
        struct learn_round *r = find(x, f->round);
        if (r == NULL)
            continue; /* its OPEN event was pruned */
        r->at[f->step] = f->at;
        r->aborted = r->aborted || f->aborted;
    }
    x->n_found = 0;
}

/* ---- what has gone ---- */

static void drop(struct learn_index *x, size_t rounds, size_t models) {
    x->n_rounds -= rounds;
    x->n_models -= models;
    if (rounds > 0)
        memmove(x->round, x->round + rounds, x->n_rounds * sizeof(*x->round));
    if (models > 0)
        memmove(x->model, x->model + models, x->n_models * sizeof(*x->model));
}

static int drop_pruned(struct learn_index *x, struct ws_err *err) {
    struct meta_pruned pruned;
    size_t rounds = x->n_rounds > KEPT ? x->n_rounds - KEPT : 0;
    size_t models = x->n_models > KEPT ? x->n_models - KEPT : 0;
    int rc = meta_read_pruned(x->store, &pruned, err);
    if (rc != WS_OK)
        return rc;
    while (
        rounds < x->n_rounds && x->round[rounds].at[JSON_LEARN_OPEN].height < pruned.headers_from)
        rounds++;
    while (models < x->n_models && x->model[models].at.height < pruned.headers_from)
        models++;
    drop(x, rounds, models);
    return WS_OK;
}

/* OPEN is read last: whatever else was seen then has its round, though blocks come in meanwhile; and SUSPECT after CLOSED, which it comes
 * with: whoever is told that a round has closed is told of both. */
int learn_index_refresh(struct learn_index *x, struct ws_err *err) {
    static const enum fl_event types[] = {FL_EVENT_SEED, FL_EVENT_CUT_OFF, FL_EVENT_GROUPS,
        FL_EVENT_OPENED, FL_EVENT_CLOSED, FL_EVENT_SUSPECT, FL_EVENT_ABORTED, FL_EVENT_MODEL,
        FL_EVENT_OPEN};
    int rc = WS_OK;
    (void)pthread_mutex_lock(&x->lock);
    for (size_t i = 0; i < ARRAY_LEN(types) && rc == WS_OK; i++) {
        struct gather g = {x, types[i], WS_OK, err};
        rc = query_events(x->store, CELL_CONTRACT_LEARN, (uint16_t)types[i],
            x->last[types[i]].height, note, &g, err);
        if (rc == WS_OK)
            rc = g.rc;
    }
    if (rc == WS_OK)
        put_found(x);
    if (rc == WS_OK)
        rc = drop_pruned(x, err);
    (void)pthread_mutex_unlock(&x->lock);
    if (rc == WS_ENOTFOUND)
        rc = ws_fail(err, WS_EBUSY, "old events are being pruned at this moment; ask again");
    return rc;
}

static void begin(struct http *h, void *ctx) {
    struct ws_err err = {0};
    (void)ctx;
    if (learn_index_refresh(h->learned, &err) != WS_OK)
        ws_log(WS_LOG_WARN, "http", "rounds of learning: %s", err.text);
}

void learn_index_begin(struct http *h) {
    (void)lanes_post(h->lanes, LANE_LEARNING, begin, NULL);
}

/* ---- views ---- */

void learn_index_rounds(struct learn_index *x, uint64_t *ret_lowest, uint64_t *ret_highest) {
    (void)pthread_mutex_lock(&x->lock);
    *ret_lowest = x->n_rounds == 0 ? 0 : x->round[0].number;
    *ret_highest = x->n_rounds == 0 ? 0 : x->round[x->n_rounds - 1].number;
    (void)pthread_mutex_unlock(&x->lock);
}

bool learn_index_round(struct learn_index *x, uint64_t number, struct learn_round *ret) {
    (void)pthread_mutex_lock(&x->lock);
    const struct learn_round *r = find(x, number);
    if (r != NULL)
        *ret = *r;
    (void)pthread_mutex_unlock(&x->lock);
    return r != NULL;
}

size_t learn_index_models(
    struct learn_index *x, uint64_t below, struct learn_model *ret, size_t n, bool *ret_more) {
    size_t k = 0;
    (void)pthread_mutex_lock(&x->lock);
    size_t i = x->n_models;
    while (i > 0 && x->model[i - 1].version >= below)
        i--;
    while (i > 0 && k < n)
        ret[k++] = x->model[--i];
    *ret_more = i > 0;
    (void)pthread_mutex_unlock(&x->lock);
    return k;
}

bool learn_index_model(struct learn_index *x, uint64_t version, struct learn_model *ret) {
    bool more = false;
    return version < UINT64_MAX && learn_index_models(x, version + 1, ret, 1, &more) == 1 &&
           ret->version == version;
}

int learn_event(struct store *s, const struct json_place *at, struct fl_event_body *ret,
    struct buf *ret_octets, struct ws_err *err) {
    uint8_t key[12];
    struct event e;
    put_be64(key, at->height);
    put_be32(key + 8, at->sequence);
    int rc = store_get(s, STORE_EVENT, span_of(key, sizeof(key)), ret_octets, err);
    if (rc == WS_ENOTFOUND)
        return ws_fail(
            err, WS_EBUSY, "what was said at height %" PRIu64 " has just been pruned", at->height);
    struct rd r = rd_of(buf_span(ret_octets));
    if (rc == WS_OK && (!event_read(&r, &e) || !rd_done(&r) || e.contract != CELL_CONTRACT_LEARN ||
                           !fl_event_decode(e.type, e.body, ret)))
        rc = ws_fail(err, WS_EIO, "store: event %" PRIu32 " of height %" PRIu64 " is damaged",
            at->sequence, at->height);
    return rc;
}

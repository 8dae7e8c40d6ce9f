/* What vehicles said about one thing, read out of the blocks that this unit keeps: the evidence behind a change or a
 * candidate, message by message. Bounded: newest blocks first, so many blocks, transactions and sightings. In the thread of
 * LANE_BLOCKS, one question at a time. */
#include "rsu/http/evidence.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/identity/identity.h"
#include "rsu/json/map.h"

#include <stdlib.h>

enum { PSID_MAP = 0x1d, BLOCKS = 4096, TRANSACTIONS = 40000, SIGHTINGS = 256, NOT_YET = 2 };

struct sighting_found {
    uint64_t height, time;
    uint8_t identity[32], leaf[32], cert[32];
    enum map_saying says;
    bool has_value;
    int32_t value;
    struct observation *observation;
    uint16_t heading; /* of travel */
    uint16_t code;
    struct observer_class
        observer; /* as the signer's certificate says; unknown once that is gone */
};

struct scan {
    struct http *h;
    struct sighting_reader *reader;
    uint64_t until;
    size_t transactions, n;
    struct sighting_found *found; /* newest first */
};

static uint16_t code_of(struct http *h, const uint8_t *id) {
    struct buf b = {0};
    uint16_t code = MAP_CODE_COUNT;
    if (store_get(h->d->store, STORE_TX, span_of(id, 32), &b, NULL) == WS_OK) {
        struct rd r = rd_of(buf_span(&b));
        (void)rd_u64(&r);
        (void)rd_u32(&r);
        uint16_t stored = rd_u16(&r);
        (void)rd_u8(&r);
        code = rd_done(&r) ? stored : code;
    }
    buf_free(&b);
    return code;
}

static void look_at(struct scan *s, const struct tx *t, uint64_t height) {
    struct observation *o = NULL;
    if (t->kind != TX_MESSAGE || t->spdu.psid != PSID_MAP)
        return;
    o = ws_alloc(sizeof(*o));
    if (observation_read(spdu_app_payload(&t->spdu, &(uint16_t){0}), o, NULL) == WS_OK) {
        static const struct observer_class nobody = {SENSOR_UNKNOWN, 0};
        struct sighting_found *f = &s->found[s->n];
        *f = (struct sighting_found){.height = height, .time = o->time, .heading = o->heading};
        f->says = sighting_reader_says(s->reader, o, &nobody, &f->has_value, &f->value);
        if (f->says != MAP_SAYS_NOTHING && o->time <= s->until) {
            memcpy(f->identity, t->id, 32);
            memcpy(f->leaf, t->leaf, 32);
            memcpy(f->cert, t->cert_hash, 32);
            f->code = code_of(s->h, t->id);
            f->observation = o;
            s->n++;
            return;
        }
    }
    free(o);
}

/* False: a bound is reached. */
static bool look_through(struct scan *s, const struct block *b) {
    for (size_t i = b->n_txs; i-- > 0;) {
        if (s->n == SIGHTINGS)
            return false;
        look_at(s, b->txs[i], b->header.height);
    }
    return true;
}

/* What was read. */
struct stretch {
    uint64_t low; /* lowest height read whole */
    uint64_t high; /* nothing below it is still to come; whoever asks again asks above it */
    bool complete; /* everything since `since`, or above `above` */
};

/* From the newest block back. Returns the lowest height read whole. */
static uint64_t scan_back(struct scan *s, const struct http_window *w, struct stretch *ret) {
    uint64_t low = w->height + 1;
    for (size_t n = 0; low > w->above + 1; n++) {
        if (n == BLOCKS || s->transactions >= TRANSACTIONS)
            return low;
        struct block *b = NULL;
        if (query_block(s->h->d->store, &s->h->d->genesis->params, low - 1, &b, NULL) != WS_OK) {
            if (low + NOT_YET <= w->height + 1)
                return low; /* pruned */
            low--; /* the last ones may still be on their way to the disk */
            continue;
        }
        if (ret->high == 0)
            ret->high = low - 1;
        s->transactions += b->n_txs;
        bool before = b->header.time < w->since;
        bool whole = before || look_through(s, b);
        block_free(b);
        if (before)
            break;
        if (!whole)
            return low;
        low--;
    }
    ret->complete = true;
    return low;
}

/* ---- who said it ---- */

/* How the contract reads, and what it counted for a candidate. */
struct reader_question {
    const struct map_thing *thing;
    struct sighting_reader *reader;
    struct evidence_leaf counted[EVIDENCE_MAX];
    size_t n_counted;
    bool all_counted; /* all that counted are listed */
};

static void ask_reader(void *owner, void *ctx) {
    const struct rsud *d = owner;
    struct reader_question *q = ctx;
    q->reader = sighting_reader_new(d->cell.map, q->thing);
    q->n_counted = map_contract_suspicion_evidence(d->cell.map, q->thing->id, q->counted);
    q->all_counted = q->n_counted > 0 && q->n_counted < EVIDENCE_MAX;
}

static void ask_classes(void *owner, void *ctx) {
    const struct rsud *d = owner;
    struct scan *s = ctx;
    const struct executor *ex = node_executor(d->node);
    const void *identity = executor_contract(ex, EXECUTOR_IDENTITY)->self;
    for (size_t i = 0; i < s->n; i++) {
        const struct identity_cert *c = identity_find(identity, s->found[i].cert);
        struct span ssp = {0};
        bool bitmap = false;
        if (c != NULL && cert_app_permission(&c->cert, PSID_MAP, &ssp, &bitmap))
            s->found[i].observer = observer_from_ssp(ssp);
    }
}

static const char *class_name(enum sensor_class c) {
    static const char *const names[] = {
        "unknown", "good_camera", "basic_camera", "lidar", "roadside"};
    return (size_t)c < ARRAY_LEN(names) ? names[c] : names[0];
}

static json_t *sighting(const struct http *h, const struct sighting_found *f) {
    json_t *o = json_object();
    json_put(o, "time", json_instant(f->time));
    json_put(o, "height", json_count(f->height));
    json_put(o, "identity", json_hex(f->identity, 32));
    json_put(o, "leaf", json_hex(f->leaf, 32));
    json_put(o, "says", json_string(map_saying_name(f->says)));
    if (f->has_value)
        json_put(o, "value", json_integer(f->value));
    json_put(o, "class", json_string(class_name(f->observer.sensor)));
    json_put(o, "family", json_count(f->observer.family));
    json_put(o, "judged", json_boolean(f->observation->judged));
    json_put(o, "heading_deg", json_compass(f->heading));
    json_put(o, "result", json_string(http_code_name(h, CELL_CONTRACT_MAP, f->code)));
    return o;
}

/* By the class of its sensor, which is known now, a message may say something else, or nothing. */
static void read_again(struct scan *s) {
    for (size_t i = 0; i < s->n; i++) {
        struct sighting_found *f = &s->found[i];
        f->says =
            sighting_reader_says(s->reader, f->observation, &f->observer, &f->has_value, &f->value);
    }
}

static bool is_counted(const struct reader_question *q, const uint8_t *leaf) {
    for (size_t i = 0; i < q->n_counted; i++)
        if (memcmp(q->counted[i].leaf, leaf, 32) == 0)
            return true;
    return false;
}

static json_t *listed(const struct scan *s, const struct reader_question *q) {
    json_t *list = json_array();
    for (size_t i = s->n; i-- > 0;) {
        const struct sighting_found *f = &s->found[i];
        if (f->says == MAP_SAYS_NOTHING)
            continue;
        json_t *o = sighting(s->h, f);
        if (q->all_counted)
            json_put(o, "counted", json_boolean(is_counted(q, f->leaf)));
        json_add(list, o);
    }
    return list;
}

static void give(
    struct http *h, struct reader_question *q, const struct http_window *w, struct http_reply *r) {
    struct scan s = {.h = h,
        .reader = q->reader,
        .until = w->until,
        .found = ws_calloc(SIGHTINGS + 1, sizeof(*s.found))};
    struct stretch read = {0};
    read.low = scan_back(&s, w, &read);
    if (read.high == 0) /* none of them is on the disk yet */
        read.high = w->above < w->height ? w->above : w->height;
    if (s.n == 0 || http_ask(h, ask_classes, &s, r)) {
        read_again(&s);
        json_t *o = json_object();
        json_put(o, "from_height", json_count(read.low));
        json_put(o, "to_height", json_count(read.high));
        json_put(o, "complete", json_boolean(read.complete));
        json_put(o, "sightings", listed(&s, q));
        http_json(r, o);
    }
    for (size_t i = 0; i < s.n; i++)
        free(s.found[i].observation);
    free(s.found);
}

void http_give_sightings(
    struct http *h, const struct map_thing *t, const struct http_window *w, struct http_reply *r) {
    struct reader_question *q = ws_alloc(sizeof(*q));
    q->thing = t;
    if (http_ask(h, ask_reader, q, r))
        give(h, q, w, r);
    sighting_reader_free(q->reader);
    free(q);
}

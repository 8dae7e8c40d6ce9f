/* A restart: the map contract's memory out of its state. */
#include "mapsvc/fuse/contract_internal.h"
#include "mapsvc/fuse/decree.h"
#include "mapsvc/fuse/reputation.h"

#include "base/mem.h"

#include <stdlib.h>

/* Our own octets: what does not read is a broken disk or a newer program, and stops the start. */
static int broken(struct ws_err *err, const char *what) {
    return ws_fail(err, WS_EINPUT, "map state: %s is damaged or of another version", what);
}

struct cursor {
    struct exec_host *h;
    uint8_t prefix;
    uint8_t after[EXEC_KEY_MAX];
    size_t n_after;
};

/* Next record with the prefix: key without the prefix, value without its version octet. */
static int next(struct cursor *c, struct rd *ret_key, struct rd *ret_value, bool *ret_more) {
    struct span key;
    struct span value;
    *ret_more =
        exec_next(c->h, span_of(&c->prefix, 1), span_of(c->after, c->n_after), &key, &value);
    if (!*ret_more)
        return WS_OK;
    memcpy(c->after, key.p, key.n);
    c->n_after = key.n;
    if (value.n < 1 || value.p[0] != STATE_VERSION)
        return WS_EINPUT;
    *ret_key = rd_of((struct span){key.p + 1, key.n - 1});
    *ret_value = rd_of((struct span){value.p + 1, value.n - 1});
    return WS_OK;
}

static struct span rest(const struct rd *r) {
    return (struct span){r->p + r->at, rd_left(r)};
}

static bool get_one(struct exec_host *h, char key, struct rd *ret_value) {
    struct span value;
    uint8_t k = (uint8_t)key;
    if (!exec_get(h, span_of(&k, 1), &value) || value.n < 1 || value.p[0] != STATE_VERSION)
        return false;
    *ret_value = rd_of((struct span){value.p + 1, value.n - 1});
    return true;
}

static int load_head(struct map_contract *c, struct exec_host *h, struct ws_err *err) {
    struct rd r;
    if (!get_one(h, 'm', &r) || mapset_decode(rest(&r), &c->map, err) != WS_OK)
        return broken(err, "the frame");
    if (!get_one(h, 'v', &r))
        return broken(err, "the head");
    c->head.version = rd_u64(&r);
    rd_copy(&r, c->head.root, sizeof(c->head.root));
    rd_copy(&r, c->head.record, sizeof(c->head.record));
    rd_copy(&r, c->head.base, sizeof(c->head.base));
    if (!rd_done(&r))
        return broken(err, "the head");
    if (!get_one(h, 's', &r))
        return broken(err, "the epoch");
    c->epoch = rd_u64(&r);
    return rd_done(&r) ? WS_OK : broken(err, "the epoch");
}

static int load_elements(struct map_contract *c, struct exec_host *h, struct ws_err *err) {
    struct cursor at = {.h = h, .prefix = 'e'};
    for (;;) {
        struct rd k;
        struct rd v;
        bool more = false;
        if (next(&at, &k, &v, &more) != WS_OK)
            return broken(err, "an element");
        if (!more)
            return WS_OK;
        struct element e;
        if (element_decode(rest(&v), &e, err) != WS_OK)
            return broken(err, "an element");
        mapset_add(&c->map, &e);
    }
}

static void read_group(struct rd *r, struct hyp_group *g) {
    g->bucket = rd_u64(r);
    g->family = rd_u16(r);
    g->octant = rd_u8(r);
    g->open = rd_u8(r) == 1;
    g->bits = rd_i64(r);
    for (size_t i = 0; g->open && i < SENSOR_RANKS; i++) {
        g->counts.detect[i] = rd_u16(r);
        g->counts.miss[i] = rd_u16(r);
    }
}

static void read_tally(struct rd *r, struct hyp_tally *t) {
    t->in_favour = rd_u32(r);
    t->against = rd_u32(r);
}

static void read_hyp(struct rd *r, struct subject *s) {
    unsigned cls = rd_u8(r);
    if (cls < HYP_REMOVED || cls > HYP_COVERED)
        r->bad = true;
    if (r->bad)
        return;
    bool has_value = rd_u8(r) == 1;
    int32_t value = rd_i32(r);
    struct hypothesis *y = subject_add(s, (enum hyp_class)cls, has_value, value);
    y->folded = rd_i64(r);
    y->vehicles = rd_u32(r);
    y->window = rd_u64(r);
    y->in_window = rd_u32(r);
    y->most_in_window = rd_u32(r);
    y->views = rd_u64(r);
    y->first_seen = rd_u64(r);
    y->last_seen = rd_u64(r);
    y->supported_at = rd_u64(r);
    y->advisory = (enum advisory_state)rd_u8(r);
    y->advisory_until = rd_u64(r);
    rd_copy(r, y->advisory_id, sizeof(y->advisory_id));
    size_t n = rd_u8(r);
    if (n > GROUPS_MAX)
        r->bad = true;
    if (r->bad)
        return;
    y->groups = ws_calloc(n, sizeof(y->groups[0]));
    y->n_groups = n;
    y->s = y->folded;
    for (size_t i = 0; i < n; i++) {
        read_group(r, &y->groups[i]);
        y->s += y->groups[i].bits;
    }
    n = rd_u8(r);
    if (n > ISSUERS_MAX)
        r->bad = true;
    for (size_t i = 0; i < n && !r->bad; i++) {
        rd_copy(r, y->issuers[i].id, sizeof(y->issuers[i].id));
        y->issuers[i].bits = rd_i64(r);
        y->n_issuers = i + 1;
    }
    y->other_issuers = rd_i64(r);
    if (y->cls == HYP_MOVED)
        spot_get(r, y->spot);
    n = rd_u8(r);
    if (n > HYP_SOURCES_MAX)
        r->bad = true;
    if (r->bad)
        return;
    y->sources = ws_calloc(n, sizeof(y->sources[0]));
    y->n_sources = n;
    for (size_t i = 0; i < n; i++) {
        rd_copy(r, y->sources[i].key, SOURCE_KEY);
        read_tally(r, &y->sources[i].said);
    }
    for (size_t i = 0; i < SENSOR_CLASS_COUNT; i++)
        read_tally(r, &y->heard[i]);
}

static bool read_subject(struct rd *k, struct rd *r, struct subject *s) {
    rd_copy(k, s->key, sizeof(s->key));
    s->kind = (enum element_kind)rd_u8(r);
    s->opened = rd_u64(r);
    s->decayed_at = rd_u64(r);
    spot_get(r, &s->spot);
    if (r->bad || !rd_done(k))
        return false;
    size_t n = rd_u8(r);
    for (size_t i = 0; i < n && !r->bad; i++)
        read_hyp(r, s);
    return rd_done(r);
}

/* Evidence lists are read with the subject that they belong to. */
static bool load_evidence(struct exec_host *h, const struct subject *s, struct hypothesis *y) {
    struct buf k = state_evidence_key(s, y);
    struct span v;
    bool there = exec_get(h, buf_span(&k), &v);
    buf_free(&k);
    struct evidence_leaf list[EVIDENCE_MAX];
    size_t n = 0;
    if (!there || !evidence_read(v, list, &n))
        return false;
    size_t cap = 1;
    while (cap < n)
        cap *= 2;
    y->n_leaves = n;
    y->leaves = ws_calloc(cap, sizeof(y->leaves[0]));
    memcpy(y->leaves, list, n * sizeof(list[0]));
    return true;
}

static int load_subjects(struct map_contract *c, struct exec_host *h, struct ws_err *err) {
    struct cursor at = {.h = h, .prefix = 'h'};
    for (;;) {
        struct rd k;
        struct rd v;
        bool more = false;
        if (next(&at, &k, &v, &more) != WS_OK)
            return broken(err, "a hypothesis");
        if (!more)
            return WS_OK;
        struct subject *s = ws_alloc(sizeof(*s));
        bool good = read_subject(&k, &v, s);
        for (size_t i = 0; good && i < s->n_hyps; i++)
            good = load_evidence(h, s, &s->hyps[i]);
        if (!good) {
            subject_free(s);
            return broken(err, "a hypothesis");
        }
        contract_add_subject(c, s);
    }
}

static int load_pending(struct map_contract *c, struct exec_host *h, struct ws_err *err) {
    struct cursor at = {.h = h, .prefix = 'p'};
    for (;;) {
        struct rd k;
        struct rd v;
        bool more = false;
        if (next(&at, &k, &v, &more) != WS_OK)
            return broken(err, "a pending change");
        if (!more)
            return WS_OK;
        struct pending p = {.confirmed_at = rd_u64(&v)};
        if (change_decode(rest(&v), &p.change, err) != WS_OK)
            return broken(err, "a pending change");
        versions_add_pending(c, &p);
    }
}

static int load_vehicles(struct map_contract *c, struct exec_host *h, struct ws_err *err) {
    struct cursor at = {.h = h, .prefix = 't'};
    for (;;) {
        struct rd k;
        struct rd v;
        bool more = false;
        if (next(&at, &k, &v, &more) != WS_OK)
            return broken(err, "a vehicle");
        if (!more)
            return WS_OK;
        uint64_t end = rd_u64(&k);
        uint8_t id[VEHICLE_OCTETS];
        rd_copy(&k, id, sizeof(id));
        size_t n = rd_left(&v) / 9;
        if (!rd_done(&k) || rd_left(&v) % 9 != 0 || n > VEHICLE_THINGS_MAX)
            return broken(err, "a vehicle");
        struct vehicle *t = vehicles_add(&c->vehicles, id, end);
        t->things = ws_calloc(n, sizeof(t->things[0]));
        t->n = n;
        for (size_t i = 0; i < n; i++) {
            rd_copy(&v, t->things[i].subject, sizeof(t->things[i].subject));
            t->things[i].counted = rd_u8(&v);
            t->opened += (t->things[i].counted & COUNTED_OPENED) != 0 ? 1 : 0;
        }
    }
}

static int load_pseudonyms(struct map_contract *c, struct exec_host *h, struct ws_err *err) {
    static const uint8_t none[32] = {0};
    struct cursor at = {.h = h, .prefix = 'u'};
    uint8_t(*before)[32] = NULL;
    int rc = WS_OK;
    for (bool more = true; rc == WS_OK && more;) {
        struct rd k;
        struct rd v;
        rc = next(&at, &k, &v, &more);
        if (rc != WS_OK || !more)
            break;
        struct pseudonym p = {0};
        rd_copy(&k, p.signer, sizeof(p.signer));
        size_t n = c->pseudonyms.n;
        before = ws_realloc(before, (n + 1) * sizeof(before[0]));
        rd_copy(&v, p.root, sizeof(p.root));
        rd_copy(&v, before[n], sizeof(before[n]));
        rd_copy(&v, p.issuer, sizeof(p.issuer));
        p.observer.sensor = (enum sensor_class)rd_u8(&v);
        p.observer.family = rd_u16(&v);
        p.last.time = rd_u64(&v);
        p.last.x = (int32_t)rd_u32(&v);
        p.last.y = (int32_t)rd_u32(&v);
        p.last.heading = rd_u16(&v);
        p.speed = rd_u32(&v);
        p.heard = rd_u64(&v);
        if (!rd_done(&k) || !rd_done(&v) || p.observer.sensor >= SENSOR_CLASS_COUNT)
            rc = WS_EINPUT;
        else
            (void)pseudonyms_load(&c->pseudonyms, &p);
    }
    for (size_t i = 0; before != NULL && i < c->pseudonyms.n && rc == WS_OK; i++) {
        if (memcmp(before[i], none, sizeof(none)) == 0)
            continue;
        struct pseudonym *p = pseudonyms_find(&c->pseudonyms, before[i]);
        if (p == NULL || p == c->pseudonyms.list[i] || p->after != NULL)
            rc = WS_EINPUT;
        else
            pseudonym_succeeds(c->pseudonyms.list[i], p);
    }
    free(before);
    return rc == WS_OK ? WS_OK : broken(err, "a certificate that was heard");
}

static int load_decrees(struct map_contract *c, struct exec_host *h, struct ws_err *err) {
    struct cursor at = {.h = h, .prefix = 'o'};
    for (;;) {
        struct rd k;
        struct rd v;
        bool more = false;
        if (next(&at, &k, &v, &more) != WS_OK)
            return broken(err, "an order");
        if (!more) {
            decrees_index(c);
            return WS_OK;
        }
        struct decree d;
        if (!decree_get(&v, &d))
            return broken(err, "an order");
        rd_copy(&k, d.id, sizeof(d.id));
        decree_add(c, &d);
    }
}

static int load_sources(struct map_contract *c, struct exec_host *h, struct ws_err *err) {
    struct cursor at = {.h = h, .prefix = 'q'};
    for (;;) {
        struct rd k;
        struct rd v;
        bool more = false;
        if (next(&at, &k, &v, &more) != WS_OK)
            return broken(err, "a source");
        if (!more)
            return WS_OK;
        struct source s = {.agree = rd_u32(&v), .disagree = rd_u32(&v), .tier = rd_u8(&v)};
        rd_copy(&k, s.key, SOURCE_KEY);
        if (!rd_done(&k) || !rd_done(&v) || s.tier >= SENSOR_TIERS ||
            s.key[SOURCE_KEY - 1] >= SENSOR_CLASS_COUNT || c->n_sources == SOURCES_MAX)
            return broken(err, "a source");
        reputation_load(c, &s);
    }
}

int state_load(struct map_contract *c, struct exec_host *h, struct ws_err *err) {
    int rc = load_head(c, h, err);
    if (rc == WS_OK)
        rc = load_elements(c, h, err);
    if (rc == WS_OK)
        rc = load_subjects(c, h, err);
    if (rc == WS_OK)
        rc = load_pending(c, h, err);
    if (rc == WS_OK)
        rc = load_decrees(c, h, err);
    if (rc == WS_OK)
        rc = load_sources(c, h, err);
    if (rc == WS_OK)
        c->n_evidence = evidence_count(h);
    if (rc == WS_OK)
        rc = load_vehicles(c, h, err);
    if (rc == WS_OK)
        rc = load_pseudonyms(c, h, err);
    return rc;
}

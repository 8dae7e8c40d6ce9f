/* The map contract's life: genesis, load, blocks, and what others may look at. */
#include "mapsvc/fuse/contract.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/fuse/contract_internal.h"
#include "mapsvc/fuse/decree.h"
#include "mapsvc/fuse/moved.h"
#include "mapsvc/fuse/reputation.h"
#include "mapsvc/fuse/room.h"

#include <stdlib.h>

/* ---- subjects ---- */

static size_t subject_slot(const struct map_contract *c, const uint8_t *key) {
    size_t lo = 0;
    size_t hi = c->n_subjects;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (memcmp(c->subjects[mid]->key, key, SUBJECT_KEY) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct subject *contract_subject(
    const struct map_contract *c, const uint8_t key[static SUBJECT_KEY]) {
    size_t at = subject_slot(c, key);
    if (at < c->n_subjects && memcmp(c->subjects[at]->key, key, SUBJECT_KEY) == 0)
        return c->subjects[at];
    return NULL;
}

void contract_add_subject(struct map_contract *c, struct subject *s) {
    if (c->n_subjects == c->cap_subjects) {
        c->cap_subjects = c->cap_subjects == 0 ? 64 : 2 * c->cap_subjects;
        c->subjects = (struct subject **)ws_realloc(
            (void *)c->subjects, c->cap_subjects * sizeof(struct subject *));
    }
    size_t at = subject_slot(c, s->key);
    memmove((void *)&c->subjects[at + 1], (void *)&c->subjects[at],
        (c->n_subjects - at) * sizeof(struct subject *));
    c->subjects[at] = s;
    c->n_subjects++;
}

static int by_subject_key(const void *pa, const void *pb) {
    const struct subject *const *a = pa;
    const struct subject *const *b = pb;
    return memcmp((*a)->key, (*b)->key, SUBJECT_KEY);
}

void contract_add_subjects(struct map_contract *c, struct subject *const *list, size_t n) {
    if (n == 0)
        return;
    struct subject **all =
        (struct subject **)ws_calloc(c->n_subjects + n, sizeof(struct subject *));
    struct subject **sorted = (struct subject **)ws_calloc(n, sizeof(struct subject *));
    memcpy((void *)sorted, (const void *)list, n * sizeof(struct subject *));
    qsort((void *)sorted, n, sizeof(struct subject *), by_subject_key);
    size_t at = 0;
    for (size_t i = 0, k = 0; i < c->n_subjects || k < n;) {
        bool old = k == n || (i < c->n_subjects &&
                                 memcmp(c->subjects[i]->key, sorted[k]->key, SUBJECT_KEY) < 0);
        all[at++] = old ? c->subjects[i++] : sorted[k++];
    }
    free((void *)sorted);
    free((void *)c->subjects);
    c->subjects = all;
    c->n_subjects = c->cap_subjects = at;
}

/* ---- caches ---- */

const struct pending *contract_pending(const struct map_contract *c, const uint8_t id[static 16]) {
    for (size_t i = 0; i < c->n_pending; i++)
        if (memcmp(c->pending[i].change.element_id, id, 16) == 0)
            return &c->pending[i];
    return NULL;
}

static bool is_observed(enum element_kind k) {
    return k != EL_LANE && k != EL_BOUNDARY && k != EL_AREA;
}

static void index_element(struct map_contract *c, uint32_t at) {
    if (is_observed(c->map.elements[at].kind))
        grid_add_element(&c->grid, &c->map.elements[at], at);
}

void contract_index(struct map_contract *c) {
    grid_clear(&c->grid);
    for (size_t i = 0; i < c->map.n; i++)
        index_element(c, (uint32_t)i);
    grid_build(&c->grid);
}

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Where the elements are that come, go or move; those of the changes that are in the map now. */
static uint32_t *indices(
    const struct map_contract *c, const struct change_record *changes, size_t n, size_t *ret_n) {
    uint32_t *v = ws_calloc(n, sizeof(*v));
    *ret_n = 0;
    for (size_t i = 0; i < n; i++) {
        const struct element *e =
            change_is_geometry(&changes[i]) ? mapset_find(&c->map, changes[i].element_id) : NULL;
        if (e != NULL)
            v[(*ret_n)++] = (uint32_t)(e - c->map.elements);
    }
    if (*ret_n > 1)
        qsort(v, *ret_n, sizeof(*v), by_number);
    return v;
}

void contract_follow(struct map_contract *c, const struct change_record *changes, size_t n) {
    size_t n_gone = 0;
    size_t n_fresh = 0;
    uint32_t *gone = indices(c, changes, n, &n_gone);
    struct ws_err err;
    int rc = map_changes_apply(changes, n, &c->map, &err);
    WS_ASSERT(rc == WS_OK);
    uint32_t *fresh = indices(c, changes, n, &n_fresh);
    if (n_gone + n_fresh > 0) {
        grid_recount(&c->grid, gone, n_gone, fresh, n_fresh);
        for (size_t i = 0; i < n_fresh; i++)
            index_element(c, fresh[i]);
        grid_build(&c->grid);
    }
    free(gone);
    free(fresh);
}

void contract_index_places(struct map_contract *c) {
    grid_clear(&c->places_grid);
    grid_clear(&c->places_wide);
    for (size_t i = 0; i < c->n_places; i++) {
        const struct fusion_point *p = &c->places[i]->spot.place;
        grid_add(&c->places_grid, p->x, p->y, (uint32_t)i);
        grid_add(&c->places_wide, p->x, p->y, (uint32_t)i);
    }
    grid_build(&c->places_grid);
    grid_build(&c->places_wide);
}

static void list_suspected(struct map_contract *c) {
    size_t words = c->map.n / 64 + 1;
    if (words > c->n_suspected) {
        c->suspected = ws_realloc(c->suspected, words * sizeof(c->suspected[0]));
        c->n_suspected = words;
    }
    memset(c->suspected, 0, c->n_suspected * sizeof(c->suspected[0]));
    for (size_t i = 0; i < c->n_subjects && !subject_is_place(c->subjects[i]); i++) {
        const struct element *e = mapset_find(&c->map, subject_id(c->subjects[i]));
        WS_ASSERT(e != NULL);
        size_t at = (size_t)(e - c->map.elements);
        c->suspected[at / 64] |= UINT64_C(1) << at % 64;
    }
}

void contract_list_places(struct map_contract *c) {
    static const uint8_t first[SUBJECT_KEY] = {SUBJECT_PLACE};
    size_t at = subject_slot(c, first);
    c->n_places = c->n_places_before = c->n_subjects - at;
    if (c->n_places > c->cap_places) {
        c->cap_places = 2 * c->n_places;
        c->places = (struct subject **)ws_realloc(
            (void *)c->places, c->cap_places * sizeof(struct subject *));
    }
    if (c->n_places > 0)
        memcpy((void *)c->places, (void *)&c->subjects[at], c->n_places * sizeof(struct subject *));
    contract_index_places(c);
    list_suspected(c);
    moved_index(c);
}

uint64_t contract_bucket(const struct map_contract *c, const struct exec_host *h) {
    return exec_block_time(h) / ((uint64_t)c->params.v[MAP_POLICY_GROUP_MS] * 1000);
}

/* A source with a worse record than its class is taken to be wrong four times, or sixteen times, as often. */
static void read_rates(
    struct map_params *p, const struct exec_host *h, enum map_rate_kind k, enum sensor_class s) {
    uint32_t tpr = (uint32_t)exec_policy(h, map_policy_tpr(k, s));
    uint32_t fpr = (uint32_t)exec_policy(h, map_policy_fpr(k, s));
    uint64_t most = (uint64_t)exec_policy(h, MAP_POLICY_REPUTATION_MAX_PPM);
    p->fpr_ppm[k][s] = fpr;
    uint32_t liars = (uint32_t)exec_policy(h, MAP_POLICY_LIARS_PPM);
    uint32_t lie = liars > fpr ? liars : fpr;
    p->liars[k][LIE_UNCONTRADICTED][s] = fusion_weigh(tpr, lie);
    uint32_t denied = (uint32_t)((uint64_t)tpr * (1000000 - liars) / 1000000);
    p->liars[k][LIE_CONTRADICTED][s] = fusion_weigh(denied > 0 ? denied : 1, lie);
    for (size_t tier = 0; tier < SENSOR_TIERS; tier++) {
        uint64_t worse = (uint64_t)fpr << 2 * tier;
        worse = worse > most ? most : worse;
        worse = worse < fpr ? fpr : worse; /* a good record is no better than its class */
        p->weight[k][tier * SENSOR_CLASS_COUNT + (size_t)s] = fusion_weigh(tpr, (uint32_t)worse);
    }
}

static void read_params(struct map_params *p, const struct exec_host *h) {
    for (size_t i = 0; i < MAP_POLICY_GENERAL_COUNT; i++)
        p->v[i] = exec_policy(h, i);
    for (size_t k = 0; k < RATE_KIND_COUNT; k++)
        for (size_t s = 0; s < SENSOR_CLASS_COUNT; s++)
            read_rates(p, h, (enum map_rate_kind)k, (enum sensor_class)s);
}

static void build_caches(struct map_contract *c) {
    contract_index(c);
    tiles_build(&c->tiles, &c->map);
    contract_list_places(c);
}

/* ---- operations ---- */

static int genesis(void *self, struct exec_host *h, struct span section, struct ws_err *err) {
    struct map_contract *c = self;
    if (section.n != 32)
        return ws_fail(err, WS_EINPUT, "genesis: map: %zu octets instead of a digest", section.n);
    if (c->base == NULL)
        return ws_fail(err, WS_ENOTFOUND, "genesis: map: the base map is not there");
    mapset_digest(c->base, c->head.base);
    if (memcmp(section.p, c->head.base, 32) != 0) {
        char named[65];
        char have[65];
        hex_encode(named, section.p, 32);
        hex_encode(have, c->head.base, 32);
        return ws_fail(
            err, WS_EINPUT, "genesis names base map %s, the map given is %s", named, have);
    }
    c->map = *c->base;
    c->map.elements = NULL;
    c->map.n = c->map.cap = 0;
    for (size_t i = 0; i < c->base->n; i++) {
        struct element e = element_copy(&c->base->elements[i]);
        state_put_element(h, &e);
        mapset_add(&c->map, &e);
    }
    build_caches(c);
    tiles_root(&c->tiles, c->head.root);
    c->head.version = 1;
    state_put_map(h, &c->map);
    state_put_head(h, &c->head);
    state_put_epoch(h, c->epoch);
    c->base = NULL;
    return WS_OK;
}

static int load(void *self, struct exec_host *h, struct ws_err *err) {
    struct map_contract *c = self;
    int rc = state_load(c, h, err);
    if (rc != WS_OK)
        return rc;
    build_caches(c);
    read_params(&c->params, h); /* what is asked between blocks is answered by it */
    return WS_OK;
}

static bool takes_psid(uint64_t psid) {
    return psid == MAP_PSID;
}

static void begin_block(void *self, struct exec_host *h) {
    struct map_contract *c = self;
    c->n_looks = c->n_votes = 0;
    decree_forget_noted(c);
    c->n_created = 0;
    read_params(&c->params, h);
    uint64_t window = (uint64_t)c->params.v[MAP_POLICY_WINDOW_MS] * 1000;
    c->window_end = (exec_block_time(h) / window + 1) * window;
    vehicles_begin_block(c, h);
    evidence_forget(h, exec_block_time(h), &c->n_evidence);
    room_begin(c);
}

static void end_block(void *self, struct exec_host *h) {
    struct map_contract *c = self;
    decrees_run(c, h);
    vehicles_resolve(c, h);
    block_count(c, h);
    versions_publish(c, h);
    reputation_store(c, h);
    contract_list_places(c);
    c->n_looks = c->n_votes = 0;
}

static bool takes_order(enum exec_role role, uint16_t kind) {
    return role == ROLE_MAP && (kind == MAP_ORDER_CHANGE || kind == MAP_ORDER_WITHDRAW);
}

static exec_code check_order(const void *self, const struct exec_order *o) {
    (void)self;
    return decree_check(o);
}

static exec_code on_order(void *self, struct exec_host *h, const struct exec_order *o) {
    return decree_note(self, h, o);
}

static const char *code_name(exec_code code) {
    static const char *const names[] = {
#define X(id, text) text,
        MAP_CODES(X)
#undef X
    };
    return code < ARRAY_LEN(names) ? names[code] : "unknown_code";
}

static void free_contract(void *self) {
    struct map_contract *c = self;
    mapset_free(&c->map);
    tiles_free(&c->tiles);
    grid_free(&c->grid);
    for (size_t i = 0; i < c->n_subjects; i++)
        subject_free(c->subjects[i]);
    free((void *)c->subjects);
    grid_free(&c->places_grid);
    grid_free(&c->places_wide);
    grid_free(&c->missing);
    grid_free(&c->moved);
    for (size_t i = 0; i < c->n_pending; i++)
        change_free(&c->pending[i].change);
    free(c->pending);
    vehicles_free(&c->vehicles);
    pseudonyms_free(&c->pseudonyms);
    free((void *)c->places);
    free(c->looks);
    free(c->votes);
    decrees_free(c);
    free(c->sources);
    free(c->suspected);
    free(c->room.loose);
    free(c);
}

static const struct contract_ops ops = {
    .name = "map",
    .fields = map_policy_fields,
    .n_fields = MAP_POLICY_COUNT,
    .genesis = genesis,
    .load = load,
    .takes_psid = takes_psid,
    .takes_order = takes_order,
    .check_order = check_order,
    .order = on_order,
    .begin_block = begin_block,
    .message = contract_message,
    .end_block = end_block,
    .code_name = code_name,
    .free = free_contract,
};

struct contract map_contract_new(const struct mapset *map) {
    struct map_contract *c = ws_alloc(sizeof(*c));
    c->base = map;
    c->places_wide.shift = c->moved.shift = GRID_WIDE;
    return (struct contract){&ops, c};
}

void map_contract_take_any_version(void *self) {
    ((struct map_contract *)self)->any_version = true;
}

/* ---- views ---- */

const struct mapset *map_contract_current(const void *self) {
    return &((const struct map_contract *)self)->map;
}

uint64_t map_contract_version(const void *self) {
    return ((const struct map_contract *)self)->head.version;
}

void map_contract_fill(const void *self, struct map_fill *ret) {
    const struct map_contract *c = self;
    *ret = (struct map_fill){.n = {[MAP_TABLE_SUSPICIONS] = c->n_subjects,
                                 [MAP_TABLE_VEHICLES] = c->vehicles.n,
                                 [MAP_TABLE_CERTIFICATES] = c->pseudonyms.n,
                                 [MAP_TABLE_SOURCES] = c->n_sources,
                                 [MAP_TABLE_EVIDENCE] = c->n_evidence},
        .max = {[MAP_TABLE_SUSPICIONS] = SUBJECTS_MAX,
            [MAP_TABLE_VEHICLES] = VEHICLES_MAX,
            [MAP_TABLE_CERTIFICATES] = PSEUDONYMS_MAX,
            [MAP_TABLE_SOURCES] = SOURCES_MAX,
            [MAP_TABLE_EVIDENCE] = EVIDENCE_KEPT_MAX}};
    memcpy(ret->dropped, c->dropped, sizeof(ret->dropped));
}

const char *map_table_name(enum map_table t) {
    static const char *const names[] = {
#define X(id, text) text,
        MAP_TABLES(X)
#undef X
    };
    return names[t];
}

const char *map_drop_name(enum map_drop d) {
    static const char *const names[] = {
#define X(id, text) text,
        MAP_DROPS(X)
#undef X
    };
    return names[d];
}

size_t map_contract_candidates(const void *self, struct map_candidate *ret, size_t max) {
    const struct map_contract *c = self;
    size_t n = 0;
    for (size_t i = 0; i < c->n_subjects && n < max; i++) {
        const struct subject *s = c->subjects[i];
        for (size_t y = 0; y < s->n_hyps && n < max; y++) {
            const struct hypothesis *hyp = &s->hyps[y];
            if (hyp->cls == HYP_OBEYS || hyp->cls == HYP_COVERED)
                continue;
            struct hyp_summary sum = hyp_summarise(hyp);
            struct map_candidate *m = &ret[n++];
            *m = (struct map_candidate){.kind = s->kind,
                .op = hyp->cls == HYP_NEW       ? MAP_CREATE
                      : hyp->cls == HYP_REMOVED ? MAP_DELETE
                                                : MAP_MODIFY,
                .has_value = hyp->has_value,
                .value = hyp->value,
                .x = s->spot.place.x,
                .y = s->spot.place.y,
                .bits_q16 = hyp->s,
                .threshold_q16 = c->params.v[MAP_POLICY_CONFIRM_BITS] * BIT_Q16,
                .vehicles = hyp->vehicles,
                .groups = sum.groups,
                .issuers = sum.issuers};
            if (subject_is_place(s))
                continue;
            memcpy(m->element_id, subject_id(s), sizeof(m->element_id));
            const struct element *e = mapset_find(&c->map, m->element_id);
            m->moved = hyp->cls == HYP_MOVED;
            if (m->moved) {
                m->has_value = false;
                m->x = hyp->spot->place.x;
                m->y = hyp->spot->place.y;
            } else if (e != NULL) {
                element_anchor(e, &m->x, &m->y);
            }
        }
    }
    return n;
}

size_t map_contract_orders(const void *self, struct map_order_state *ret, size_t max) {
    const struct map_contract *c = self;
    size_t n = 0;
    for (; n < c->n_decrees && n < max; n++) {
        const struct decree *d = &c->decrees[n];
        ret[n] = (struct map_order_state){.op = d->order.op,
            .kind = d->order.element.kind,
            .in_force = d->in_force,
            .valid_from_ms = d->order.element.valid_from_ms,
            .valid_to_ms = d->order.element.valid_to_ms,
            .reported = d->reported,
            .seen = d->seen};
        memcpy(ret[n].id, d->id, sizeof(ret[n].id));
        memcpy(ret[n].element_id, d->element_id, sizeof(ret[n].element_id));
    }
    return n;
}

#include "ledger/committee/committee.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/committee/court.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

/* State keys: 's' from-height -> set, as long as handovers lead to it (handovers.c) or it is in memory; 'p' from-height ->
 * parameters, those in memory; 'w' -> next height, priorities; 'v' -> layout of this state. */
struct set_era {
    uint64_t from;
    struct validator_set set;
    hash32 hash;
};
struct params_era {
    uint64_t from;
    struct cell_params params;
};
struct committee {
    const struct genesis *genesis;
    uint64_t next;
    size_t n_sets, n_params;
    struct set_era *sets; /* ascending; at least one */
    struct params_era *params;
    struct proposer_state proposers;
};

/* ---- views ---- */

uint64_t committee_next(const void *self) {
    const struct committee *c = self;
    return c->next;
}

static const struct set_era *era_of(const struct committee *c, uint64_t height) {
    WS_ASSERT(height <= c->next + 1);
    for (size_t i = c->n_sets; i-- > 0;) {
        if (c->sets[i].from <= height)
            return &c->sets[i];
    }
    return NULL;
}

const struct validator_set *committee_set(const void *self, uint64_t height) {
    const struct set_era *e = era_of(self, height);
    return e == NULL ? NULL : &e->set;
}

const struct validator_set *committee_set_before(
    const void *self, const struct validator_set *set) {
    const struct committee *c = self;
    for (size_t i = c->n_sets; i-- > 1;) {
        if (&c->sets[i].set == set)
            return &c->sets[i - 1].set;
    }
    return NULL;
}

const uint8_t *committee_set_hash(const void *self, uint64_t height) {
    const struct set_era *e = era_of(self, height);
    return e == NULL ? NULL : e->hash;
}

const struct cell_params *committee_params(const void *self, uint64_t height) {
    const struct committee *c = self;
    WS_ASSERT(height <= c->next + 1);
    for (size_t i = c->n_params; i-- > 1;) {
        if (c->params[i].from <= height)
            return &c->params[i].params;
    }
    return &c->params[0].params;
}

const struct proposer_state *committee_proposers(const void *self) {
    const struct committee *c = self;
    return &c->proposers;
}

const struct validator_set *committee_coming_set(const void *self) {
    const struct committee *c = self;
    return &c->sets[c->n_sets - 1].set;
}

const struct cell_params *committee_coming_params(const void *self) {
    const struct committee *c = self;
    return &c->params[c->n_params - 1].params;
}

size_t committee_set_eras(const void *self) {
    const struct committee *c = self;
    return c->n_sets;
}

size_t committee_params_eras(const void *self) {
    const struct committee *c = self;
    return c->n_params;
}

const struct cell_params *committee_founding_params(const void *self) {
    const struct committee *c = self;
    return &c->genesis->params;
}

/* ---- changes ---- */

struct key {
    uint8_t octets[9];
};

static struct key key_from(char kind, uint64_t from) {
    struct key k = {{(uint8_t)kind}};
    put_be64(k.octets + 1, from);
    return k;
}

static void note_set(struct committee *c, uint64_t from, const struct validator_set *set) {
    if (c->n_sets == 0 || c->sets[c->n_sets - 1].from != from) {
        c->sets = ws_realloc(c->sets, (c->n_sets + 1) * sizeof(*c->sets));
        c->n_sets++;
    }
    struct set_era *e = &c->sets[c->n_sets - 1];
    e->from = from;
    e->set = *set;
    validator_set_hash(exec_sha256, set, e->hash);
}

static void note_params(struct committee *c, uint64_t from, const struct cell_params *params) {
    if (c->n_params == 0 || c->params[c->n_params - 1].from != from) {
        c->params = ws_realloc(c->params, (c->n_params + 1) * sizeof(*c->params));
        c->n_params++;
    }
    c->params[c->n_params - 1] = (struct params_era){from, *params};
}

static void put_set(struct exec_host *h, uint64_t from, const struct validator_set *set) {
    struct key k = key_from('s', from);
    struct buf b = {0};
    validator_set_encode(set, &b);
    exec_put(h, span_of(k.octets, sizeof(k.octets)), buf_span(&b));
    buf_free(&b);
}

static void put_params(struct exec_host *h, uint64_t from, const struct cell_params *params) {
    struct key k = key_from('p', from);
    struct buf b = {0};
    cell_params_encode(params, &b);
    exec_put(h, span_of(k.octets, sizeof(k.octets)), buf_span(&b));
    buf_free(&b);
}

void committee_change_set(void *self, struct exec_host *h, const struct validator_set *set) {
    struct committee *c = self;
    struct validator_set copy = *set; /* it may be an element of what is about to move */
    note_set(c, c->next + 2, &copy);
    put_set(h, c->next + 2, &copy);
}

void committee_change_params(void *self, struct exec_host *h, const struct cell_params *params) {
    struct committee *c = self;
    struct cell_params copy = *params;
    WS_ASSERT(cell_params_check(&copy, NULL) == WS_OK);
    note_params(c, c->next + 2, &copy);
    put_params(h, c->next + 2, &copy);
}

static void put_proposers(const struct committee *c, struct exec_host *h) {
    struct buf b = {0};
    buf_u64(&b, c->next);
    buf_u16(&b, (uint16_t)c->proposers.n);
    for (size_t i = 0; i < c->proposers.n; i++)
        buf_i64(&b, c->proposers.priority[i]);
    exec_put(h, span_of("w", 1), buf_span(&b));
    buf_free(&b);
}

/* ---- forgetting ---- */

/* The oldest height that anything is asked about. Depends on the state alone. */
static uint64_t oldest_needed(const struct committee *c, struct exec_host *h) {
    uint64_t oldest = c->next > COMMITTEE_KEEP_HEIGHTS ? c->next - COMMITTEE_KEEP_HEIGHTS : 1;
    uint64_t court = court_oldest(h);
    return court < oldest ? court : oldest;
}

/* Eras that ended before it. Heights are forgotten a few with each block and an era is one height at least, so these are no
 * more than a few with each block either. */
static void forget_eras(struct committee *c, struct exec_host *h) {
    uint64_t oldest = oldest_needed(c, h);
    size_t gone = 0;
    while (gone + 1 < c->n_sets && c->sets[gone + 1].from <= oldest)
        gone++;
    c->n_sets -= gone;
    memmove(c->sets, c->sets + gone, c->n_sets * sizeof(*c->sets));
    for (gone = 0; gone + 1 < c->n_params && c->params[gone + 1].from <= oldest; gone++) {
        struct key k = key_from('p', c->params[gone].from);
        exec_del(h, span_of(k.octets, sizeof(k.octets)));
    }
    c->n_params -= gone;
    memmove(c->params, c->params + gone, c->n_params * sizeof(*c->params));
}

/* Who came and went in one block has changed nothing: no header tells of it, and no handover would ever take it away. */
static void forget_no_change(struct committee *c, struct exec_host *h) {
    struct set_era *last = &c->sets[c->n_sets - 1];
    if (last->from != c->next + 2 || c->n_sets < 2 || memcmp(last->hash, last[-1].hash, 32) != 0)
        return;
    struct key k = key_from('s', last->from);
    exec_del(h, span_of(k.octets, sizeof(k.octets)));
    c->n_sets--;
}

/* ---- blocks ---- */

void committee_block(
    void *self, struct exec_host *h, const struct header *hd, const struct commit *last) {
    struct committee *c = self;
    WS_ASSERT(hd->height == c->next);
    court_block(c, h, hd, last);
}

/* One step for each height, whatever rounds it took; who joins begins behind everybody. */
void committee_block_end(void *self, struct exec_host *h) {
    struct committee *c = self;
    const struct set_era *now = era_of(c, c->next);
    const struct set_era *then = era_of(c, c->next + 1);
    (void)proposer_step(&c->proposers, &now->set);
    if (now != then)
        proposer_follow(&c->proposers, &now->set, &then->set);
    c->next++;
    put_proposers(c, h);
    court_checkpoint(c, h);
    forget_eras(c, h);
}

/* ---- contract face ---- */

static int genesis(void *self, struct exec_host *h, struct span section, struct ws_err *err) {
    struct committee *c = self;
    (void)section;
    (void)err;
    uint8_t k = 'v';
    uint8_t v = LEDGER_VERSION;
    exec_put(h, span_of(&k, 1), span_of(&v, 1));
    c->next = 1;
    note_set(c, 1, &c->genesis->validators);
    put_set(h, 1, &c->genesis->validators);
    note_params(c, 1, &c->genesis->params);
    put_params(h, 1, &c->genesis->params);
    proposer_init(&c->proposers, &c->genesis->validators);
    put_proposers(c, h);
    court_genesis(c, h);
    return WS_OK;
}

static void end_block(void *self, struct exec_host *h) {
    forget_no_change(self, h);
    court_end_block(self, h);
}

/* The next 'kind' entry after *at (its key's octets); false: there is none. */
static bool next_entry(
    struct exec_host *h, char kind, struct key *at, bool *first, struct span *ret_value) {
    uint8_t prefix = (uint8_t)kind;
    struct span k;
    if (!exec_next(h, span_of(&prefix, 1), span_of(at->octets, *first ? 0 : sizeof(at->octets)), &k,
            ret_value))
        return false;
    *first = false;
    if (k.n != sizeof(at->octets)) {
        *ret_value = (struct span){NULL, 0}; /* decodes as damaged */
        memset(at->octets, 0xff, sizeof(at->octets));
        return true;
    }
    memcpy(at->octets, k.p, k.n);
    return true;
}

static int load_sets(struct committee *c, struct exec_host *h, struct ws_err *err) {
    struct key at = {{0}};
    struct span v;
    bool first = true;
    while (next_entry(h, 's', &at, &first, &v)) {
        struct validator_set *set = ws_alloc(sizeof(*set));
        struct rd r = rd_of(v);
        bool good = validator_set_read(&r, set) && rd_done(&r) &&
                    validator_set_prepare(exec_sha256, set, NULL) == WS_OK;
        if (good)
            note_set(c, be64(at.octets + 1), set);
        free(set);
        if (!good)
            return ws_fail(err, WS_EIO, "state of committee: damaged validator set");
    }
    return WS_OK;
}

static int load_params(struct committee *c, struct exec_host *h, struct ws_err *err) {
    struct key at = {{0}};
    struct span v;
    bool first = true;
    while (next_entry(h, 'p', &at, &first, &v)) {
        struct cell_params p;
        struct rd r = rd_of(v);
        cell_params_read(&r, &p);
        if (!rd_done(&r) || cell_params_check(&p, NULL) != WS_OK)
            return ws_fail(err, WS_EIO, "state of committee: damaged parameters");
        note_params(c, be64(at.octets + 1), &p);
    }
    return WS_OK;
}

static int load(void *self, struct exec_host *h, struct ws_err *err) {
    struct committee *c = self;
    int rc = load_sets(c, h, err);
    if (rc == WS_OK)
        rc = load_params(c, h, err);
    if (rc != WS_OK)
        return rc;
    struct span v;
    bool good = exec_get(h, span_of("w", 1), &v);
    struct rd r = rd_of(v);
    c->next = rd_u64(&r);
    c->proposers.n = rd_u16(&r);
    good = good && c->n_sets > 0 && c->n_params > 0 && c->next == exec_height(h) + 1 &&
           c->proposers.n <= VALIDATORS_MAX;
    for (size_t i = 0; good && i < c->proposers.n; i++)
        c->proposers.priority[i] = rd_i64(&r);
    const struct validator_set *set = good ? committee_set(c, c->next) : NULL;
    if (!good || !rd_done(&r) || set == NULL || set->n != c->proposers.n)
        return ws_fail(err, WS_EIO, "state of committee: damaged priorities");
    forget_eras(c, h); /* state holds older sets, for whoever looks at old headers */
    return WS_OK;
}

static const char *code_name(exec_code code) {
    static const char *const names[] = {
#define X(id, text) text,
        COMMITTEE_CODES(X)
#undef X
    };
    return code < ARRAY_LEN(names) ? names[code] : "unknown";
}

static void destroy(void *self) {
    struct committee *c = self;
    free(c->sets);
    free(c->params);
    free(c);
}

static const struct contract_ops ops = {
    .name = "committee",
    .genesis = genesis,
    .load = load,
    .takes_order = committee_takes_order,
    .check_order = committee_check_order,
    .order = committee_order,
    .end_block = end_block,
    .code_name = code_name,
    .free = destroy,
};

struct contract committee_contract_new(const struct genesis *g) {
    struct committee *c = ws_alloc(sizeof(*c));
    c->genesis = g;
    return (struct contract){&ops, c};
}

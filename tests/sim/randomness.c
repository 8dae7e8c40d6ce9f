/* Members of the beacon in a bent cell: the honest ones do as rsu/beaconing does, liars keep back, deal wrong shares, bend
 * their records or take a new key. Checked: a height has one value, whoever tells it and whenever. */
#include "tests/sim/sim.h"

#include "base/mem.h"
#include "ledger/beacon/body.h"
#include "ledger/beacon/member.h"

#include <inttypes.h>
#include <stdlib.h>

enum lie { HONEST, SILENT, WRONG_SHARES, BENT, NEW_KEYS, LIES };
enum { LOOK_BACK = 12, SECOND = 1000000 };

struct value {
    bool known;
    uint8_t octets[32];
};

struct randomness {
    struct ws_random random;
    struct {
        struct beacon_member *member;
        uint64_t height, life;
        enum lie lie;
        uint8_t secret[32];
    } of[NODES_MAX];
    size_t n_values;
    struct value *value; /* by height: the first that anybody honest told */
    uint64_t newest;
};

static void begin(struct sim *s, size_t i) {
    struct nodes *w = s->w;
    struct randomness *r = s->randomness;
    beacon_member_free(r->of[i].member);
    r->of[i].member = beacon_member_new(w->cell_id, w->who[w->m[i].slot].address, r->of[i].secret);
}

void randomness_begin(struct sim *s) {
    struct randomness *r = ws_alloc(sizeof(*r));
    s->randomness = r;
    r->random = ws_random_seeded(s->plan->seed ^ 0x51ed270b9f652295);
    for (size_t i = 0; i < s->w->n; i++) {
        memset(r->of[i].secret, (int)s->w->m[i].slot + 1, 32); /* twins have one */
        r->of[i].lie = s->w->m[i].liar ? (enum lie)ws_random_below(&r->random, LIES) : HONEST;
        begin(s, i);
    }
}

void randomness_free(struct sim *s) {
    if (s->randomness == NULL)
        return;
    for (size_t i = 0; i < NODES_MAX; i++)
        beacon_member_free(s->randomness->of[i].member);
    free(s->randomness->value);
    free(s->randomness);
}

static void spoil(struct randomness *r, struct buf *body) {
    struct dealing *d = ws_alloc(sizeof(*d));
    if (dealing_decode(buf_span(body), d)) {
        const struct scalar one = scalar_of(1);
        for (size_t i = 0; i < d->total; i++)
            if (ws_random_below(&r->random, 3) == 0)
                scalar_add(&d->share[i], &d->share[i], &one);
        buf_clear(body);
        dealing_encode(d, body);
    }
    free(d);
}

/* False: it is not said at all. */
static bool bend(struct sim *s, size_t i, uint16_t kind, struct buf *body) {
    struct randomness *r = s->randomness;
    switch (r->of[i].lie) {
    case SILENT:
        return kind == BEACON_REGISTER;
    case WRONG_SHARES:
        if (kind == BEACON_DEAL)
            spoil(r, body);
        return true;
    case BENT:
        if (kind != BEACON_REGISTER && ws_random_below(&r->random, 2) == 0)
            body->p[ws_random_below(&r->random, body->n)] ^=
                (uint8_t)(1U << ws_random_below(&r->random, 8));
        return true;
    case NEW_KEYS:
        if (ws_random_below(&r->random, 40) == 0) {
            r->of[i].secret[0]++;
            begin(s, i);
        }
        return true;
    case HONEST:
    case LIES:
        break;
    }
    return true;
}

static void submit(struct sim *s, size_t i, uint16_t kind, struct span body) {
    struct nodes *w = s->w;
    struct record k = {.contract = CELL_CONTRACT_BEACON, .kind = kind, .body = body};
    memcpy(k.signer, w->who[w->m[i].slot].address, sizeof(k.signer));
    struct buf b = {0};
    record_sign_bytes(w->cell_id, &k, &b);
    signer_sign(w->m[i].signer, buf_span(&b), k.sig);
    buf_clear(&b);
    tx_put_record(&b, &k);
    /* What a liar's own node would refuse, it hands to somebody else. */
    const size_t to = w->m[i].liar ? ws_random_below(&s->randomness->random, w->n) : i;
    if (nodes_healthy(w, to))
        (void)nodes_submit(w, to, buf_span(&b));
    buf_free(&b);
}

static void speak(struct sim *s, size_t i) {
    const struct beacon_wish *wish;
    struct buf body[BEACON_WISHES_MAX] = {{0}};
    uint16_t kind[BEACON_WISHES_MAX];
    size_t n = beacon_member_step(s->randomness->of[i].member, s->w->m[i].cell.beacon, &wish);
    for (size_t k = 0; k < n; k++) {
        kind[k] = wish[k].kind;
        buf_put(&body[k], wish[k].body.p, wish[k].body.n);
    }
    for (size_t k = 0; k < n; k++) {
        if (bend(s, i, kind[k], &body[k]) && nodes_healthy(s->w, i))
            submit(s, i, kind[k], buf_span(&body[k]));
        buf_free(&body[k]);
    }
}

static void compare(struct sim *s, size_t i, uint64_t height) {
    struct randomness *r = s->randomness;
    uint8_t told[32];
    if (beacon_contract_value(s->w->m[i].cell.beacon, height, told) != BEACON_IS)
        return;
    if (height >= r->n_values) {
        const size_t n = height + 64;
        r->value = ws_realloc(r->value, n * sizeof(*r->value));
        memset(&r->value[r->n_values], 0, (n - r->n_values) * sizeof(*r->value));
        r->n_values = n;
    }
    struct value *v = &r->value[height];
    if (v->known && memcmp(v->octets, told, 32) != 0)
        nodes_break(s->w, "height %" PRIu64 " has two values of randomness", height);
    memcpy(v->octets, told, 32);
    v->known = true;
    r->newest = height > r->newest ? height : r->newest;
}

static void look(struct sim *s, size_t i) {
    struct nodes_member *m = &s->w->m[i];
    struct node_status st;
    node_status(m->node, &st);
    const uint64_t height = executor_height(node_executor(m->node));
    if (s->randomness->of[i].height == height && s->randomness->of[i].life == m->life)
        return;
    if (s->randomness->of[i].life != m->life)
        begin(s, i); /* the process is another one */
    s->randomness->of[i].height = height;
    s->randomness->of[i].life = m->life;
    for (uint64_t h = height > LOOK_BACK ? height - LOOK_BACK : 1; h <= height && !m->liar; h++)
        compare(s, i, h);
    if (!st.syncing)
        speak(s, i);
}

void randomness_tick(struct sim *s) {
    if (s->randomness == NULL)
        return;
    for (size_t i = 0; i < s->w->n && s->w->broken[0] == '\0'; i++)
        if (nodes_healthy(s->w, i))
            look(s, i);
    if (s->randomness->newest > 0)
        cover_hit(STATE_RANDOMNESS);
}

static bool all_know(const struct sim *s, uint64_t height) {
    for (size_t i = 0; i < s->w->n; i++) {
        struct beacon_status st;
        if (s->w->m[i].liar || !nodes_healthy(s->w, i))
            continue;
        beacon_contract_status(s->w->m[i].cell.beacon, &st);
        if (st.newest < height)
            return false;
    }
    return true;
}

void randomness_demand(struct sim *s, uint64_t tick_us) {
    struct nodes *w = s->w;
    if (s->randomness == NULL || w->broken[0] != '\0')
        return;
    const uint64_t height = w->highest, from = w->now.mono_us;
    /* A generation that starts again once, each phase waiting for stragglers, and a third of the rounds lost. */
    const struct beacon_params p = beacon_params_default();
    const uint64_t heights = 2 * (3ULL * p.settle + p.attempt) + 8;
    const uint64_t bound = heights * 2 * (w->params.block_interval_us + 2ULL * SECOND);
    while (w->broken[0] == '\0' && !all_know(s, height) && w->now.mono_us - from < bound) {
        nodes_run(w, tick_us);
        if (w->broken[0] == '\0' && s->plan->liars != 0 && s->plan->lies != 0)
            lies_tick(s);
        if (w->broken[0] == '\0')
            randomness_tick(s);
    }
    if (w->broken[0] == '\0' && !all_know(s, height))
        nodes_break(w,
            "no randomness: none from height %" PRIu64 " on is known everywhere within %" PRIu64
            " s of everything being mended",
            height, bound / SECOND);
    if (w->broken[0] == '\0')
        cover_hit(STATE_RANDOMNESS_HEALED);
}

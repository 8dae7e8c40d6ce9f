/* Four validators, one height, rounds 0 and 1, everything in every order of arrival: all states that the shipped core can
 * come to are visited, with nobody lying and with one liar that says to each listener what it likes.
 *
 * What one node does depends only on what it hears, and a statement that was made can be heard at any time from then on,
 * or never. So the search goes over sets of statements that the honest have made; to each set it keeps, for
 * each node, all local states that the node can be in. Every local state is one of a real core and was reached by
 * real events; every time-out may fire at any time, every verdict on a block may come late. Two histories that led to
 * one set of statements are put together, so that a few combinations are looked at that no single history has:
 * what holds for all of them holds for all histories. (When such a combination broke a rule, it would have to be checked
 * whether a history has it; none does.)
 *
 * Checked: agreement; no invalid block is decided; nobody honest makes two statements for one place, or prevotes against its
 * lock without a newer quorum; evidence names the liar only; and there is a history in which everybody decides. */
#include "tests/sim/small_core.h"

#include "base/assert.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct states {
    size_t n, cap;
    int32_t *v;
};

struct set { /* of statements, and who may be where */
    uint64_t said;
    struct states at[SMALL_N];
    struct set *next; /* of the same size */
};

enum { BUCKETS = 256 };

struct search {
    struct small s;
    struct small_node *node[SMALL_N];
    uint8_t *mark[SMALL_N]; /* scratch: states in the set in hand */
    size_t n_mark[SMALL_N];
    struct set *bucket[HONEST_MAX + 1][BUCKETS]; /* by size, then by hash */
    uint64_t sets, pairs, steps;
    bool all_decided;
    bool decided_seen[V_COUNT];
};

static void add(struct states *s, int32_t state) {
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 16 : 2 * s->cap;
        s->v = ws_realloc(s->v, s->cap * sizeof(*s->v));
    }
    s->v[s->n++] = state;
}

static bool *marks(struct search *x, size_t i) {
    size_t need = small_node_states(x->node[i]) + 4096;
    if (need > x->n_mark[i]) {
        x->mark[i] = ws_realloc(x->mark[i], 2 * need);
        memset(x->mark[i] + x->n_mark[i], 0, 2 * need - x->n_mark[i]);
        x->n_mark[i] = 2 * need;
    }
    return (bool *)x->mark[i];
}

static void break_it(struct search *x, const char *what) {
    if (x->s.broken[0] == '\0')
        (void)snprintf(x->s.broken, sizeof(x->s.broken), "%s", what);
}

/* ---- what must hold ---- */

static bool same_place(const struct small_msg *a, const struct small_msg *b) {
    return a->sender == b->sender && a->kind == b->kind && a->round == b->round;
}

static bool prevote_quorum(const struct search *x, uint64_t said, uint8_t value, uint8_t round) {
    unsigned n = x->s.liar >= 0 ? 1 : 0; /* it may have told somebody */
    for (size_t i = 0; i < x->s.n_honest; i++) {
        const struct small_msg *m = &x->s.msg[i];
        n +=
            (said >> i & 1U) != 0 && m->kind == M_PREVOTE && m->round == round && m->value == value;
    }
    return n >= 3;
}

static void check_statement(struct search *x, uint64_t said, const struct small_msg *m) {
    for (size_t i = 0; i < x->s.n_honest; i++) {
        const struct small_msg *o = &x->s.msg[i];
        if ((said >> i & 1U) == 0 || o == m || o->sender != m->sender)
            continue;
        if (same_place(o, m))
            break_it(x, "an honest validator made two statements for one place");
        bool lock = o->kind == M_PRECOMMIT && o->value != V_NIL && m->kind == M_PREVOTE &&
                    m->value != V_NIL && m->value != o->value && o->round < m->round;
        if (lock && !prevote_quorum(x, said, m->value, o->round))
            break_it(x, "an honest validator prevoted against its lock");
    }
}

static void check_agreement(struct search *x, const struct set *set) {
    bool can[SMALL_N][V_COUNT] = {{false}};
    size_t deciders = 0;
    size_t honest = 0;
    for (size_t i = 0; i < SMALL_N; i++) {
        bool any = false;
        for (size_t k = 0; k < set->at[i].n; k++) {
            enum small_value v = small_node_decided(x->node[i], set->at[i].v[k]);
            can[i][v] = true;
            any = any || v != V_NIL;
        }
        honest += (int)i != x->s.liar;
        deciders += any;
    }
    x->all_decided = x->all_decided || deciders == honest;
    for (size_t i = 0; i < SMALL_N; i++) {
        for (size_t k = 0; k < SMALL_N; k++) {
            for (size_t v = 1; v < V_COUNT; v++) {
                for (size_t u = v + 1; u < V_COUNT; u++) {
                    if (can[i][v] && can[k][u])
                        break_it(x, "two blocks can be decided");
                }
            }
        }
    }
    for (size_t v = 1; v < V_COUNT; v++) {
        for (size_t i = 0; i < SMALL_N; i++)
            x->decided_seen[v] |= can[i][v];
    }
}

/* ---- the search ---- */

static struct set *set_of(struct search *x, uint64_t said) {
    unsigned level = (unsigned)__builtin_popcountll(said);
    struct set **at = &x->bucket[level][(said * 0x9e3779b97f4a7c15ULL >> 40) % (BUCKETS)];
    for (struct set *s = *at; s != NULL; s = s->next) {
        if (s->said == said)
            return s;
    }
    struct set *s = ws_alloc(sizeof(*s));
    s->said = said;
    s->next = *at;
    *at = s;
    x->sets++;
    return s;
}

static bool audible(const struct search *x, size_t me, uint64_t said, size_t e) {
    if (e < HONEST_MAX)
        return e < x->s.n_honest && (said >> e & 1U) != 0 && x->s.msg[e].sender != me;
    return e >= MSGS_MAX || e - HONEST_MAX < x->s.n_liar;
}

/* What one node can do in one set, gathered. */
struct reach {
    struct search *x;
    struct set *set;
    size_t i;
    struct states *spoke; /* by label: where it is after it said so */
    uint64_t *labels;
    size_t *n_labels;
};

static void arrive(struct reach *r, struct small_next next) {
    struct states *s = &r->set->at[r->i];
    bool *in = marks(r->x, r->i);
    if (next.said == 0) {
        if (!in[next.to])
            add(s, next.to);
        in[next.to] = true;
        return;
    }
    size_t l = 0;
    while (l < *r->n_labels && r->labels[l] != next.said)
        l++;
    if (l == *r->n_labels) {
        WS_ASSERT(l < HONEST_MAX);
        r->labels[(*r->n_labels)++] = next.said;
        r->spoke[l] = (struct states){0};
    }
    add(&r->spoke[l], next.to);
}

static void hear(struct reach *r, int32_t state, uint8_t round, int kind) {
    size_t n = 0;
    const struct small_next *next =
        small_node_hear(r->x->node[r->i], state, r->set->said, round, kind, &n);
    r->x->steps += n;
    for (size_t k = 0; k < n; k++)
        arrive(r, next[k]);
}

/* Each rule looks at votes of one round and type; only R9 takes anything from rounds to come, from two validators. */
static void hear_votes(struct reach *r, int32_t state) {
    int now = small_node_round(r->x->node[r->i], state);
    for (int round = 0; round <= now && round < SMALL_ROUNDS; round++) {
        hear(r, state, (uint8_t)round, M_PREVOTE);
        hear(r, state, (uint8_t)round, M_PRECOMMIT);
    }
    hear(r, state, 0, -1);
}

/* Follows everything that node i can do without saying anything new; what it can say goes to larger sets. */
static void close_over(struct search *x, struct set *set, size_t i, struct states *spoke,
    uint64_t *labels, size_t *n_labels) {
    struct reach r = {x, set, i, spoke, labels, n_labels};
    struct states *s = &set->at[i];
    bool *in = marks(x, i);
    for (size_t k = 0; k < s->n; k++)
        in[s->v[k]] = true;
    for (size_t k = 0; k < s->n; k++) {
        if (small_node_over(x->node[i], s->v[k]))
            continue;
        for (size_t e = 0; e < E_COUNT; e++) {
            if (!audible(x, i, set->said, e) || (e < MSGS_MAX && x->s.msg[e].kind != M_PROPOSAL))
                continue;
            struct small_next next = small_node_step(x->node[i], s->v[k], e);
            x->steps++;
            if (next.to >= 0)
                arrive(&r, next);
        }
        hear_votes(&r, s->v[k]);
    }
    in = marks(x, i);
    for (size_t k = 0; k < s->n; k++)
        in[s->v[k]] = false;
}

static void merge(struct search *x, struct states *to, const struct states *from, size_t i) {
    bool *in = marks(x, i);
    for (size_t k = 0; k < to->n; k++)
        in[to->v[k]] = true;
    for (size_t k = 0; k < from->n; k++) {
        if (!in[from->v[k]])
            add(to, from->v[k]);
        in[from->v[k]] = true;
    }
    for (size_t k = 0; k < to->n; k++)
        in[to->v[k]] = false;
}

static void expand(struct search *x, struct set *set) {
    uint64_t labels[SMALL_N][HONEST_MAX];
    struct states spoke[SMALL_N][HONEST_MAX];
    size_t n_labels[SMALL_N] = {0};
    for (size_t i = 0; i < SMALL_N; i++) {
        if ((int)i != x->s.liar)
            close_over(x, set, i, spoke[i], labels[i], &n_labels[i]);
        x->pairs += set->at[i].n;
    }
    check_agreement(x, set);
    for (size_t i = 0; i < SMALL_N; i++) {
        for (size_t l = 0; l < n_labels[i]; l++) {
            for (size_t m = 0; m < x->s.n_honest; m++) {
                if ((labels[i][l] >> m & 1U) != 0)
                    check_statement(x, set->said | labels[i][l], &x->s.msg[m]);
            }
            struct set *to = set_of(x, set->said | labels[i][l]);
            for (size_t k = 0; k < SMALL_N; k++)
                if ((int)k != x->s.liar)
                    merge(x, &to->at[k], k == i ? &spoke[i][l] : &set->at[k], k);
            free(spoke[i][l].v);
        }
    }
}

static void free_set(struct set *s) {
    for (size_t i = 0; i < SMALL_N; i++)
        free(s->at[i].v);
    free(s);
}

static void run_search(struct search *x) {
    for (size_t i = 0; i < SMALL_N; i++) {
        if ((int)i != x->s.liar)
            x->node[i] = small_node_new(&x->s, i);
    }
    struct set *first = set_of(x, 0);
    for (size_t i = 0; i < SMALL_N; i++) {
        if ((int)i != x->s.liar)
            add(&first->at[i], 0);
    }
    /* A set grows only into larger ones: each is complete when its size comes. */
    for (size_t level = 0; level <= HONEST_MAX; level++) {
        for (size_t b = 0; b < BUCKETS; b++) {
            for (struct set *s; (s = x->bucket[level][b]) != NULL;) {
                x->bucket[level][b] = s->next;
                if (x->s.broken[0] == '\0')
                    expand(x, s);
                free_set(s);
            }
        }
    }
}

/* ---- the worlds ---- */

static void say(
    struct small *s, unsigned kind, unsigned round, enum small_value v, int valid_round) {
    WS_ASSERT(s->n_liar < LIAR_MAX);
    s->msg[HONEST_MAX + s->n_liar++] = (struct small_msg){
        (uint8_t)s->liar, (uint8_t)kind, (uint8_t)round, (uint8_t)v, (int8_t)valid_round, -1};
}

/* All that a liar can usefully say: a vote for nil, for what the honest propose and for its own, to anybody; proposals when
 * it is its turn. */
static void arm_liar(struct small *s) {
    bool first = s->liar == 0;
    bool second = s->liar == 1;
    for (unsigned round = 0; round < SMALL_ROUNDS; round++) {
        for (unsigned kind = M_PREVOTE; kind <= M_PRECOMMIT; kind++) {
            say(s, kind, round, V_NIL, -1);
            say(s, kind, round, first ? V_L : V_A, -1);
            if (first || (second && round == 1))
                say(s, kind, round, first ? V_M : V_L, -1);
            if (!second && round == 1)
                say(s, kind, round, V_B, -1);
        }
    }
    if (first) {
        say(s, M_PROPOSAL, 0, V_L, -1);
        say(s, M_PROPOSAL, 0, V_M, -1);
        say(s, M_PROPOSAL, 0, V_X, -1);
    }
    if (second) {
        say(s, M_PROPOSAL, 1, V_L, -1);
        say(s, M_PROPOSAL, 1, V_L, 0);
        say(s, M_PROPOSAL, 1, V_A, 0);
        say(s, M_PROPOSAL, 1, V_X, -1);
    }
}

static bool world(int liar) {
    static const char *const names[] = {"nobody lies", "the first proposer lies",
        "the second proposer lies", "a later proposer lies", "one who only votes lies"};
    struct search *x = ws_alloc(sizeof(*x));
    x->s.liar = liar;
    if (liar >= 0)
        arm_liar(&x->s);
    run_search(x);
    size_t locals = 0;
    for (size_t i = 0; i < SMALL_N; i++)
        locals += x->node[i] == NULL ? 0 : small_node_states(x->node[i]);
    (void)printf("%s: %zu local states, %zu statements, %" PRIu64 " sets of statements, %" PRIu64
                 " states in them, %" PRIu64 " steps, %" PRIu64 " events handled by cores\n",
        names[liar + 1], locals, x->s.n_honest, x->sets, x->pairs, x->steps, x->s.handled);
    bool good = x->s.broken[0] == '\0' && x->all_decided;
    if (!good)
        (void)printf("  BROKEN: %s\n",
            x->s.broken[0] != '\0' ? x->s.broken : "there is no history in which all decide");
    (void)fflush(stdout);
    for (size_t i = 0; i < SMALL_N; i++) {
        if (x->node[i] != NULL)
            small_node_free(x->node[i]);
        free(x->mark[i]);
    }
    free(x);
    return good;
}

int main(int argc, char **argv) {
    bool good = true;
    for (int liar = -1; liar < SMALL_N; liar++) {
        if (argc < 2 || strtol(argv[1], NULL, 10) == liar)
            good = world(liar) && good;
    }
    return good ? 0 : 1;
}

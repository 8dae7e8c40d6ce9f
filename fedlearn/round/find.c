#include "fedlearn/round/find.h"

#include "base/assert.h"
#include "base/mem.h"
#include "fedlearn/round/outcome.h"
#include "fedlearn/round/roots.h"
#include "fedlearn/vehicle/mask.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- groups ---- */

/* So many ciphertexts of a group are lent at a time. */
enum { LENT = 8 };

/* Adds some of a group's members up. */
static int add_some(const struct fl_round_record *r, const struct fl_source *from,
    const struct fl_ring *ring, const uint32_t *in, size_t n, uint64_t *sum, struct ws_err *err) {
    const struct fl_profile *p = r->open.config.profile;
    struct fl_lent lent[LENT];
    const uint8_t *wire[LENT];
    size_t held = 0;
    int rc = WS_OK;
    while (held < n && rc == WS_OK) {
        const struct fl_round_member *m = &r->member[in[held]];
        if (from->wire(from->ctx, m, &lent[held])) {
            wire[held] = lent[held].octets.p;
            held++;
        } else {
            rc = ws_fail(err, WS_ENOTFOUND, "what submission %u sent is not here", m->number);
        }
    }
    if (rc == WS_OK)
        fl_sum_wires(
            ring, p, r->open.params, wire, NULL, held, 0, fl_chunks(p, r->open.params), sum);
    for (size_t i = 0; i < held; i++)
        from->give_back(from->ctx, &lent[i]);
    return rc;
}

static int find_group(const struct fl_round_record *r, const struct fl_source *from,
    const struct fl_ring *ring, size_t g, struct fl_found_group *ret, struct ws_err *err) {
    uint32_t *in = ws_calloc(r->n, sizeof(*in));
    uint64_t *sum = ws_calloc(fl_coefs(r->open.config.profile, r->open.params), sizeof(*sum));
    const size_t n = fl_round_record_group(r, g, in);
    int rc = WS_OK;
    for (size_t i = 0; i < n && rc == WS_OK && !r->given_up[g]; i += LENT)
        rc = add_some(r, from, ring, in + i, n - i < LENT ? n - i : LENT, sum, err);
    ret->vehicles = (uint32_t)n;
    ret->suspects = g >= r->free_groups;
    ret->given_up = r->given_up[g];
    if (rc == WS_OK && !ret->given_up)
        rc = fl_find_group_of_sum(&r->open, r->seed, ring, sum, r->key[g], ret, err);
    free(sum);
    free(in);
    return rc;
}

/* Threads take the next group until there is none, or something fails. */
struct finding {
    const struct fl_round_record *record;
    const struct fl_source *from;
    const struct fl_ring *ring;
    struct fl_found_group *found;
    atomic_size_t next;
    atomic_bool failed;
};
struct finder {
    struct finding *of;
    pthread_t thread;
    int rc;
    struct ws_err err;
};

static void *find_some(void *ctx) {
    struct finder *k = ctx;
    struct finding *f = k->of;
    while (k->rc == WS_OK && !atomic_load(&f->failed)) {
        const size_t g = atomic_fetch_add(&f->next, 1);
        if (g >= f->record->n_groups)
            break;
        k->rc = find_group(f->record, f->from, f->ring, g, &f->found[g], &k->err);
    }
    if (k->rc != WS_OK)
        atomic_store(&f->failed, true);
    return NULL;
}

static int find_groups(const struct fl_round_record *r, const struct fl_source *from,
    unsigned threads, struct fl_found_group *found, struct ws_err *err) {
    struct finder finder[FL_FIND_THREADS_MAX] = {0};
    struct fl_ring *ring = aligned_alloc(64, (sizeof(*ring) + 63) / 64 * 64);
    struct finding f = {.record = r, .from = from, .ring = ring, .found = found};
    if (ring == NULL)
        return ws_fail(err, WS_ENOMEM, "no memory");
    int rc = fl_ring_init(ring, NULL, err);
    unsigned n = 1; /* this thread is one of them; with fewer than wished it takes longer */
    finder[0].of = &f;
    for (; rc == WS_OK && n < threads && n < r->n_groups; n++) {
        finder[n].of = &f;
        if (pthread_create(&finder[n].thread, NULL, find_some, &finder[n]) != 0)
            break;
    }
    if (rc == WS_OK)
        (void)find_some(&finder[0]);
    for (unsigned i = 1; i < n; i++)
        (void)pthread_join(finder[i].thread, NULL);
    for (unsigned i = 0; i < n && rc == WS_OK; i++)
        if (finder[i].rc != WS_OK)
            rc = ws_fail(err, finder[i].rc, "%s", finder[i].err.text);
    free(ring);
    return rc;
}

/* ---- models ---- */

static bool is_zero(const uint8_t hash[static 32]) {
    static const uint8_t zero[32];
    return memcmp(hash, zero, 32) == 0;
}

static int lend(const struct fl_source *from, const uint8_t hash[static 32], const char *what,
    struct fl_lent *ret, struct ws_err *err) {
    char hex[65];
    if (from->blob(from->ctx, hash, ret))
        return WS_OK;
    hex_encode(hex, hash, 32);
    return ws_fail(err, WS_ENOTFOUND, "%s %s is not here", what, hex);
}

static int read_model(const struct fl_source *from, const uint8_t hash[static 32], const char *what,
    struct fl_model *ret, struct ws_err *err) {
    struct fl_lent lent;
    int rc = lend(from, hash, what, &lent, err);
    if (rc != WS_OK)
        return rc;
    rc = fl_model_decode(lent.octets, ret, err);
    from->give_back(from->ctx, &lent);
    return rc;
}

static int read_roots(const struct fl_source *from, const uint8_t hash[static 32],
    struct fl_roots *ret, struct ws_err *err) {
    struct fl_lent lent;
    int rc = lend(from, hash, "root set", &lent, err);
    if (rc != WS_OK)
        return rc;
    rc = fl_roots_decode(lent.octets, ret, err);
    from->give_back(from->ctx, &lent);
    return rc;
}

struct inputs {
    struct fl_model model, parent;
    struct fl_roots roots;
    bool has_parent, has_roots;
};

static int read_inputs(const struct fl_open *open, const struct fl_source *from, struct inputs *in,
    struct ws_err *err) {
    int rc = read_model(from, open->model_hash, "model", &in->model, err);
    if (rc == WS_OK && !is_zero(in->model.parent)) {
        in->has_parent = true;
        rc = read_model(from, in->model.parent, "parent model", &in->parent, err);
    }
    if (rc == WS_OK && !is_zero(open->root_set)) {
        in->has_roots = true;
        rc = read_roots(from, open->root_set, &in->roots, err);
        if (rc == WS_OK)
            rc = fl_roots_fit(&in->roots, &in->model.shape, err);
    }
    return rc;
}

int fl_find(const struct fl_round_record *r, const struct fl_source *from,
    struct fl_outcome *ret_outcome, struct fl_model *ret_next, struct ws_err *err) {
    return fl_find_with(r, from, 1, ret_outcome, ret_next, err);
}

int fl_find_with(const struct fl_round_record *r, const struct fl_source *from, unsigned threads,
    struct fl_outcome *ret_outcome, struct fl_model *ret_next, struct ws_err *err) {
    WS_ASSERT(threads >= 1);
    WS_ASSERT(threads <= FL_FIND_THREADS_MAX);
    struct fl_found_group *found = ws_calloc(r->n_groups, sizeof(*found));
    struct inputs in = {0};
    int rc = read_inputs(&r->open, from, &in, err);
    for (size_t g = 0; g < r->n_groups && rc == WS_OK; g++)
        found[g].sum = ws_calloc(r->open.params, sizeof(*found[g].sum));
    if (rc == WS_OK)
        rc = find_groups(r, from, threads, found, err);
    if (rc == WS_OK) {
        const struct fl_find what = {.open = &r->open,
            .group = found,
            .n_groups = r->n_groups,
            .model = &in.model,
            .parent = in.has_parent ? &in.parent : NULL,
            .root_set = in.has_roots ? &in.roots.rows : NULL};
        rc = fl_find_outcome(&what, ret_outcome, ret_next, err);
    }
    for (size_t g = 0; g < r->n_groups; g++)
        free(found[g].sum);
    free(found);
    fl_model_free(&in.model);
    fl_model_free(&in.parent);
    fl_roots_free(&in.roots);
    return rc;
}

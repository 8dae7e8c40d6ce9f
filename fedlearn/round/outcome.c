#include "fedlearn/round/outcome.h"

#include "base/assert.h"
#include "base/mem.h"
#include "fedlearn/round/model_eval.h"
#include "fedlearn/round/roots.h"
#include "fedlearn/vehicle/share_sum.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

int fl_find_group(const struct fl_open *open, const uint8_t seed[static 32],
    const struct fl_ring *ring, const uint8_t *const *wires, const int16_t key[static FL_N],
    struct fl_found_group *ret, struct ws_err *err) {
    const struct fl_profile *p = open->config.profile;
    uint64_t *sum = ws_calloc(fl_coefs(p, open->params), sizeof(*sum));
    fl_sum_wires(
        ring, p, open->params, wires, NULL, ret->vehicles, 0, fl_chunks(p, open->params), sum);
    const int rc = fl_find_group_of_sum(open, seed, ring, sum, key, ret, err);
    free(sum);
    return rc;
}

int fl_find_group_of_sum(const struct fl_open *open, const uint8_t seed[static 32],
    const struct fl_ring *ring, const uint64_t *sum, const int16_t key[static FL_N],
    struct fl_found_group *ret, struct ws_err *err) {
    const struct fl_profile *p = open->config.profile;
    const size_t d = open->params;
    const struct fl_weights w = {ret->vehicles, ret->vehicles};
    struct fl_mask *m = aligned_alloc(64, (sizeof(*m) + 63) / 64 * 64);
    if (m == NULL)
        return ws_fail(err, WS_ENOMEM, "no memory to open a group");
    memset(m, 0, sizeof(*m));
    int rc = fl_mask_open(m, ring, err);
    if (rc != WS_OK) {
        free(m);
        return rc;
    }
    struct fl_opening opening = FL_OPENING_NONE;
    fl_mask_round(m, seed);
    fl_mask_open_key(m, key);
    size_t params = 0;
    size_t coefs = 0;
    for (size_t chunk = 0; chunk < fl_chunks(p, d); chunk++) {
        fl_mask_unmask(m, p, d, chunk, w, sum + coefs, ret->sum + params, &opening);
        params += fl_chunk_params(p, d, chunk);
        coefs += fl_chunk_coefs(p, d, chunk);
    }
    ret->verdict = fl_opening_judge(p, w, &opening);
    ret->residual = fl_opening_mean_square(&opening);
    ret->long_key = !fl_key_sum_in_bound(key, ret->vehicles);
    fl_mask_close(m);
    free(m);
    return WS_OK;
}

static void hash_of_sum(const int32_t *sum, size_t d, uint8_t ret_hash[static 32]) {
    struct buf b = {0};
    uint8_t *to = buf_grow(&b, 4 * d);
    for (size_t i = 0; i < d; i++)
        put_be32(to + 4 * i, (uint32_t)sum[i]);
    exec_sha256_one(buf_span(&b), ret_hash);
    buf_free(&b);
}

/* The last step, from the two models that it lies between. NULL: there is none. */
static int32_t *reference_of(const struct fl_find *f) {
    const size_t d = f->open->params;
    if (f->parent == NULL)
        return NULL;
    int32_t *step = ws_calloc(d, sizeof(*step));
    for (size_t i = 0; i < d; i++) {
        int64_t s = (int64_t)f->model->params[i] - f->parent->params[i];
        step[i] = (int32_t)(s > FL_PARAM_MAX    ? FL_PARAM_MAX
                            : s < -FL_PARAM_MAX ? -FL_PARAM_MAX
                                                : s);
    }
    return step;
}

static int fits(const struct fl_find *f, struct ws_err *err) {
    const struct fl_shape *shape = &f->model->shape;
    uint8_t hash[32];
    fl_model_hash(f->model, hash);
    if (fl_shape_params(shape) != f->open->params || memcmp(hash, f->open->model_hash, 32) != 0)
        return ws_fail(err, WS_EINPUT, "the model is not the one that the round was opened with");
    if (f->parent != NULL) {
        fl_model_hash(f->parent, hash);
        if (memcmp(hash, f->model->parent, 32) != 0 ||
            fl_shape_params(&f->parent->shape) != f->open->params)
            return ws_fail(err, WS_EINPUT, "the parent is not the model's");
    }
    for (size_t i = 0; f->root_set != NULL && i < f->root_set->n; i++)
        if (f->root_set->y[i] >= shape->classes)
            return ws_fail(
                err, WS_EINPUT, "row %zu of the root set has a class that the model has not", i);
    if (f->n_groups < 1 || f->n_groups > FL_MAX_GROUPS)
        return ws_fail(err, WS_EINPUT, "%u groups", (unsigned)f->n_groups);
    return WS_OK;
}

static struct fl_model model_copy(const struct fl_model *m) {
    struct buf b = {0};
    struct fl_model copy;
    fl_model_encode(m, &b);
    int rc = fl_model_decode(buf_span(&b), &copy, NULL);
    WS_ASSERT(rc == WS_OK);
    buf_free(&b);
    return copy;
}

static void put_counts(uint32_t *to, const struct fl_confusion *c) {
    for (size_t t = 0; t < c->classes; t++)
        for (size_t s = 0; s < c->classes; s++)
            to[t * c->classes + s] = c->n[t][s];
}

/* Counters before and after, and whether the region's veto says no. */
static bool try_out(const struct fl_find *f, const struct fl_model *next, struct fl_outcome *o) {
    struct fl_confusion before;
    struct fl_confusion after;
    bool vetoed = false;
    if (f->root_set == NULL)
        return false;
    fl_confuse(&f->model->shape, f->model->params, f->root_set, &before);
    fl_confuse(&next->shape, next->params, f->root_set, &after);
    o->classes = (uint8_t)before.classes;
    put_counts(o->before, &before);
    put_counts(o->after, &after);
    for (unsigned k = 0; k < o->classes; k++)
        vetoed = vetoed || fl_outcome_veto(f->open, o, k, NULL) != FL_VETO_NONE;
    return o->step && vetoed;
}

enum fl_veto fl_outcome_veto(const struct fl_open *open, const struct fl_outcome *o, unsigned k,
    struct fl_class_recall *ret_recall) {
    const struct fl_veto_rules rules = {.safety = open->config.safety_classes,
        .loss_ppm = open->config.veto_ppm,
        .total_ppm = open->config.veto_total_ppm,
        .min_rows = FL_CLASS_ROWS_MIN};
    const size_t right = (size_t)k * o->classes + k;
    const uint32_t known = k < open->classes ? open->best[k] : 0;
    struct fl_class_recall n = {.before = o->before[right], .after = o->after[right]};
    n.best = known > n.before ? known : n.before;
    for (size_t said = 0; said < o->classes; said++)
        n.rows += o->before[(size_t)k * o->classes + said];
    if (ret_recall != NULL)
        *ret_recall = n;
    return fl_veto(&rules, k, &n);
}

static void note_groups(
    const struct fl_find *f, const struct fl_verdict *verdict, struct fl_outcome *o) {
    for (size_t g = 0; g < f->n_groups; g++) {
        o->group[g] = (struct fl_group_outcome){.verdict = verdict[g].code,
            .clipped = verdict[g].clipped,
            .residual = f->group[g].residual,
            .norm = verdict[g].norm,
            .distance = verdict[g].distance};
        if (!f->group[g].given_up && f->group[g].verdict != FL_OPENING_RESIDUAL)
            hash_of_sum(f->group[g].sum, f->open->params, o->group[g].sum_hash);
    }
}

/* The step into ret_next; steps and parent move on only when it stays. */
static void take_step(
    const struct fl_find *f, const int32_t *step, struct fl_outcome *o, struct fl_model *ret_next) {
    struct fl_model next = model_copy(f->model);
    (void)fl_model_apply(next.params, step, f->open->params);
    o->vetoed = try_out(f, &next, o);
    if (o->step)
        o->n_changes = (uint8_t)fl_top_changes(
            f->model->params, next.params, f->open->params, FL_CHANGES_MAX, o->change);
    if (o->step && !o->vetoed) {
        next.steps++;
        memcpy(next.parent, f->open->model_hash, sizeof(next.parent));
    } else {
        fl_model_free(&next);
        next = model_copy(f->model);
    }
    fl_model_hash(&next, o->model_hash);
    *ret_next = next;
}

/* What opening alone says of a group. That its sum is out of range the judge sees by itself. */
static enum fl_verdict_code found_of(const struct fl_found_group *g) {
    if (g->given_up)
        return FL_GIVEN_UP;
    if (g->verdict == FL_OPENING_RESIDUAL)
        return FL_MALFORMED;
    return g->long_key ? FL_LONG_KEY : FL_ACCEPTED;
}

int fl_find_outcome(const struct fl_find *f, struct fl_outcome *ret_outcome,
    struct fl_model *ret_next, struct ws_err *err) {
    const size_t d = f->open->params;
    struct fl_outcome *o = ret_outcome;
    memset(o, 0, sizeof(*o));
    int rc = fits(f, err);
    if (rc != WS_OK)
        return rc;
    struct fl_group *group = ws_calloc(f->n_groups, sizeof(*group));
    struct fl_verdict *verdict = ws_calloc(f->n_groups, sizeof(*verdict));
    int32_t *step = ws_calloc(d, sizeof(*step));
    int32_t *reference = reference_of(f);
    struct fl_judged judged;
    for (uint32_t g = 0; g < f->n_groups; g++)
        group[g] = (struct fl_group){.id = g,
            .weight = f->group[g].vehicles,
            .suspects = f->group[g].suspects,
            .found = found_of(&f->group[g]),
            .sum = f->group[g].sum};
    rc = fl_judge(&f->open->config.scale, &f->open->config.rules, group, f->n_groups, reference, d,
        step, verdict, &judged, err);
    if (rc == WS_OK) {
        o->round = f->open->round;
        o->n_groups = f->n_groups;
        note_groups(f, verdict, o);
        o->step = judged.step;
        o->accepted = judged.accepted;
        o->vehicles = judged.vehicles;
        o->step_norm = judged.step_norm;
        take_step(f, step, o, ret_next);
    }
    free(reference);
    free(step);
    free(verdict);
    free(group);
    return rc;
}

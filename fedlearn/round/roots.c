#include "fedlearn/round/roots.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

enum { FORM = 1, HEAD = 16 + 1 + 2 + 2 + 4 };
static const char domain[16] = "WAYSIDE-FL-ROOTS";

static bool in_range(int32_t x) {
    return x >= -FL_INPUT_MAX && x <= (int32_t)FL_INPUT_MAX;
}

void fl_roots_encode(const struct fl_shape *shape, const struct fl_rows *rows, struct buf *ret) {
    WS_ASSERT(rows->n <= FL_MAX_ROOTS);
    buf_put(ret, domain, sizeof(domain));
    buf_u8(ret, FORM);
    buf_u16(ret, shape->inputs);
    buf_u16(ret, shape->classes);
    buf_u32(ret, (uint32_t)rows->n);
    for (size_t i = 0; i < rows->n; i++) {
        WS_ASSERT(rows->y[i] < shape->classes);
        buf_u8(ret, rows->y[i]);
        for (size_t k = 0; k < shape->inputs; k++) {
            WS_ASSERT(in_range(rows->x[i * shape->inputs + k]));
            buf_i32(ret, rows->x[i * shape->inputs + k]);
        }
    }
}

void fl_roots_free(struct fl_roots *r) {
    free(r->x);
    free(r->y);
    *r = (struct fl_roots){0};
}

static int read_rows(struct rd *r, struct fl_roots *ret, size_t n, struct ws_err *err) {
    for (size_t i = 0; i < n; i++) {
        ret->y[i] = rd_u8(r);
        if (ret->y[i] >= ret->classes)
            return ws_fail(err, WS_EINPUT, "row %zu of the root set is of class %u of %u", i,
                ret->y[i], ret->classes);
        for (size_t k = 0; k < ret->inputs; k++) {
            int32_t *x = &ret->x[i * ret->inputs + k];
            *x = rd_i32(r);
            if (!in_range(*x))
                return ws_fail(
                    err, WS_EINPUT, "row %zu of the root set: input %zu is out of range", i, k);
        }
    }
    WS_ASSERT(rd_done(r));
    return 0;
}

int fl_roots_decode(struct span octets, struct fl_roots *ret, struct ws_err *err) {
    struct rd r = rd_of(octets);
    struct span head = rd_take(&r, sizeof(domain));
    uint8_t form = rd_u8(&r);
    if (r.bad || memcmp(head.p, domain, sizeof(domain)) != 0)
        return ws_fail(err, WS_EINPUT, "no root set: it does not begin with %.16s", domain);
    if (form != FORM)
        return ws_fail(err, WS_ENOTSUP, "a root set of form %u; %d is read", form, FORM);
    struct fl_roots got = {.inputs = rd_u16(&r)};
    got.classes = rd_u16(&r);
    size_t n = rd_u32(&r);
    if (r.bad)
        return ws_fail(err, WS_EINPUT, "the root set ends in its head of %d octets", HEAD);
    struct fl_shape shape = {got.inputs, 0, got.classes};
    if (fl_shape_check(&shape, err) != 0)
        return WS_EINPUT;
    if (n == 0 || n > FL_MAX_ROOTS || octets.n > FL_MAX_ROOTS_OCTETS)
        return ws_fail(err, WS_ELIMIT, "a root set of %zu rows and %zu octets; 1 to %d, %d", n,
            octets.n, FL_MAX_ROOTS, FL_MAX_ROOTS_OCTETS);
    if (rd_left(&r) != n * (1 + 4 * (size_t)got.inputs))
        return ws_fail(
            err, WS_EINPUT, "%zu octets for %zu rows of %u inputs", rd_left(&r), n, got.inputs);
    got.x = ws_calloc(n * got.inputs, sizeof(*got.x));
    got.y = ws_calloc(n, 1);
    int rc = read_rows(&r, &got, n, err);
    got.rows = (struct fl_rows){got.x, got.y, n};
    if (rc == 0)
        *ret = got;
    else
        fl_roots_free(&got);
    return rc;
}

int fl_roots_fit(const struct fl_roots *r, const struct fl_shape *shape, struct ws_err *err) {
    const uint64_t params = fl_shape_params(shape);
    if (r->inputs != shape->inputs || r->classes != shape->classes)
        return ws_fail(err, WS_EINPUT,
            "the root set has %u inputs and %u classes, the model %u and %u", r->inputs, r->classes,
            shape->inputs, shape->classes);
    if (r->rows.n * params > FL_TRIAL_MAX)
        return ws_fail(err, WS_ELIMIT,
            "%zu rows of the root set are too many for a model of %llu parameters: %llu at most",
            r->rows.n, (unsigned long long)params, (unsigned long long)(FL_TRIAL_MAX / params));
    return 0;
}

#include "rsu/cell/founding.h"

#include "ledger/exec/hash.h"
#include "rsu/cell/cell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- region ---- */

/* Bounding box of the map and a margin, as a rectangle in 1e-7 degree. */
static void region_of_map(const struct mapset *m, uint32_t margin_m, struct genesis *g) {
    int32_t lo_x = INT32_MAX;
    int32_t lo_y = INT32_MAX;
    int32_t hi_x = INT32_MIN;
    int32_t hi_y = INT32_MIN;
    for (size_t i = 0; i < m->n; i++) {
        for (size_t k = 0; k < m->elements[i].n_points; k++) {
            const struct map_point *p = &m->elements[i].points[k];
            lo_x = p->x < lo_x ? p->x : lo_x;
            hi_x = p->x > hi_x ? p->x : hi_x;
            lo_y = p->y < lo_y ? p->y : lo_y;
            hi_y = p->y > hi_y ? p->y : hi_y;
        }
    }
    if (lo_x > hi_x)
        return;
    int64_t margin = (int64_t)margin_m * 1000;
    int64_t box[4] = {lo_x - margin, lo_y - margin, hi_x + margin, hi_y + margin};
    for (size_t i = 0; i < 4; i++)
        box[i] = box[i] < INT32_MIN ? INT32_MIN : box[i] > INT32_MAX ? INT32_MAX : box[i];
    int32_t lat[2];
    int32_t lon[2];
    frame_to_wgs(&m->frame, (int32_t)box[0], (int32_t)box[1], &lat[0], &lon[0]);
    frame_to_wgs(&m->frame, (int32_t)box[2], (int32_t)box[3], &lat[1], &lon[1]);
    const int32_t corner[4][2] = {
        {lat[0], lon[0]}, {lat[0], lon[1]}, {lat[1], lon[1]}, {lat[1], lon[0]}};
    memcpy(g->region, corner, sizeof(corner));
    g->n_region = 4;
}

int founding_genesis(const struct founding *f, struct buf *ret_octets, struct ws_err *err) {
    if (f->trust != NULL && f->trust->n > TRUST_ROOTS_MAX)
        return ws_fail(err, WS_ELIMIT, "%zu trust certificates: a genesis holds %d at most",
            f->trust->n, TRUST_ROOTS_MAX);
    struct genesis *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return ws_fail(err, WS_ENOMEM, "no memory");
    struct buf policy = {0};
    (void)snprintf(g->name, sizeof(g->name), "%s", f->name);
    g->time = f->time;
    g->validators = f->validators;
    g->n_authorities = f->n_authorities;
    memcpy(g->authorities, f->authorities, sizeof(g->authorities));
    memcpy(g->quorum, f->quorum, sizeof(g->quorum));
    g->n_roots = f->trust == NULL ? 0 : f->trust->n;
    for (size_t i = 0; i < g->n_roots; i++)
        g->roots[i] = buf_span(&f->trust->cert[i]);
    g->params = f->params;
    int rc = validator_set_prepare(exec_sha256, &g->validators, err);
    if (rc == WS_OK)
        rc = cell_params_check(&g->params, err);
    if (rc == WS_OK)
        rc = policy_make_body(f->policy_name, f->policy_script, cell_policy_schema(),
            cell_policy_limits(), &policy, err);
    if (rc == WS_OK) {
        g->policy = buf_span(&policy);
        mapset_digest(f->map, g->map_digest);
        g->frame_lat0 = f->map->frame.lat0;
        g->frame_lon0 = f->map->frame.lon0;
        g->frame_north = f->map->frame.north;
        g->frame_east = f->map->frame.east;
        if (f->margin_m > 0)
            region_of_map(f->map, f->margin_m, g);
        genesis_encode(g, ret_octets);
        /* Whoever starts from it decodes it: refuse here what would be refused there. */
        struct genesis *again = calloc(1, sizeof(*again));
        rc = again == NULL ? ws_fail(err, WS_ENOMEM, "no memory")
                           : genesis_decode(exec_sha256, buf_span(ret_octets), again, err);
        free(again);
    }
    buf_free(&policy);
    free(g);
    return rc;
}

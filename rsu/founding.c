#include "rsu/founding.h"

#include "base/fileio.h"
#include "ledger/exec/hash.h"
#include "rsu/cell.h"
#include "v2x/trust.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- trust ---- */

void trust_files_free(struct trust_files *t) {
    for (size_t i = 0; i < t->n; i++)
        buf_free(&t->cert[i]);
    t->n = 0;
}

static int not_hidden(const struct dirent *e) {
    return e->d_name[0] != '.';
}

struct pile {
    size_t n;
    struct buf cert[TRUST_ROOTS_MAX];
    char name[TRUST_ROOTS_MAX][256];
};

static int read_pile(const char *dir, struct pile *p, struct ws_err *err) {
    struct dirent **names = NULL;
    int n = scandir(dir, &names, not_hidden, alphasort);
    if (n < 0)
        return ws_fail(err, WS_EIO, "%s: %s", dir, strerror(errno));
    int rc = WS_OK;
    for (int i = 0; i < n && rc == WS_OK; i++) {
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
        if (p->n == TRUST_ROOTS_MAX) {
            rc = ws_fail(
                err, WS_ELIMIT, "%s: more than %d trust certificates", dir, TRUST_ROOTS_MAX);
            break;
        }
        (void)snprintf(p->name[p->n], sizeof(p->name[0]), "%s", names[i]->d_name);
        rc = file_read(path, 65535, &p->cert[p->n++], err);
    }
    for (int i = 0; i < n; i++)
        free(names[i]);
    free((void *)names);
    return rc;
}

static int sort_pile(struct pile *p, struct trust_store *store, const char *dir,
    struct trust_files *ret, struct ws_err *err) {
    bool used[TRUST_ROOTS_MAX] = {false};
    enum trust_verdict last[TRUST_ROOTS_MAX] = {TRUST_OK};
    for (bool progress = true; progress;) {
        progress = false;
        for (size_t i = 0; i < p->n; i++) {
            struct cert c;
            size_t at = 0;
            if (used[i])
                continue;
            enum coer_fail f = cert_parse(buf_span(&p->cert[i]), &c, &at);
            if (f != COER_OK)
                return ws_fail(err, WS_EINPUT, "%s/%s: no certificate: %s at octet %zu", dir,
                    p->name[i], coer_fail_text(f), at);
            if (c.issuer_kind == ISSUER_SELF) {
                if (trust_add_root(store, buf_span(&p->cert[i]), err) != WS_OK)
                    return ws_fail_in(err, "%s/%s", dir, p->name[i]);
            } else {
                last[i] = trust_add_issuer(store, buf_span(&p->cert[i]));
                if (last[i] != TRUST_OK)
                    continue;
            }
            ret->cert[ret->n++] = p->cert[i];
            p->cert[i] = (struct buf){0};
            used[i] = true;
            progress = true;
        }
    }
    for (size_t i = 0; i < p->n; i++) {
        if (!used[i])
            return ws_fail(
                err, WS_EINPUT, "%s/%s: %s", dir, p->name[i], trust_verdict_text(last[i]));
    }
    return WS_OK;
}

int trust_files_load(const char *dir, struct trust_files *ret, struct ws_err *err) {
    *ret = (struct trust_files){0};
    struct pile p = {0};
    struct trust_store *store = trust_store_new(TRUST_ROOTS_MAX);
    int rc = read_pile(dir, &p, err);
    if (rc == WS_OK)
        rc = sort_pile(&p, store, dir, ret, err);
    for (size_t i = 0; i < p.n; i++)
        buf_free(&p.cert[i]);
    trust_store_free(store);
    if (rc != WS_OK)
        trust_files_free(ret);
    return rc;
}

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

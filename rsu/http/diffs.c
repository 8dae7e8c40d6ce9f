/* /v1/map/diffs: what changed after a version, in five formats. */
#include "rsu/http/map.h"

#include "base/clock.h"
#include "base/mem.h"
#include "mapsvc/formats/export.h"
#include "mapsvc/tnits/tnits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DIFF_VERSIONS = 256, /* in one answer */
    DIFF_OCTETS = 2 << 20, /* of records; their JSON is many times that */
    AT_ONCE_VERSIONS = 16, /* so much the event loop does by itself */
    AT_ONCE_OCTETS = 1 << 16,
};

enum diff_format { DIFF_JSON, DIFF_GEOJSONSEQ, DIFF_OSC, DIFF_TNITS, DIFF_ADIFF };

struct diff {
    uint64_t from, to, current; /* versions from + 1 .. to */
    enum diff_format format;
    size_t n, octets;
    struct version_ref ref[DIFF_VERSIONS];
};

static int read_format(const char *text, enum diff_format *ret, struct ws_err *err) {
    static const char *const names[] = {"json", "geojsonseq", "osc", "tnits", "adiff"};
    *ret = DIFF_JSON;
    for (size_t i = 0; text != NULL && i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret = (enum diff_format)i;
            return WS_OK;
        }
    }
    return text == NULL
               ? WS_OK
               : ws_fail(err, WS_EINPUT, "parameter format: json, geojsonseq, osc, tnits or adiff");
}

static bool read_question(
    struct http *h, const struct http_call *c, struct diff *d, struct http_reply *r) {
    struct ws_err err = {0};
    const char *to = http_target_arg(&c->target, "to");
    int rc = read_format(http_target_arg(&c->target, "format"), &d->format, &err);
    if (rc == WS_OK && to != NULL)
        rc = http_number(to, "parameter to", INT64_MAX, &d->to, &err);
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
        return false;
    }
    if (!versions_from(h->versions, http_target_arg(&c->target, "from"), &d->from, &d->current, r))
        return false;
    if (to == NULL)
        d->to = d->current > d->from ? d->current : d->from;
    if (d->from > d->current || d->to > d->current) {
        http_fail(r, MHD_HTTP_NOT_FOUND,
            "no map version %" PRIu64 " yet; the current one is %" PRIu64,
            d->from > d->current ? d->from : d->to, d->current);
        return false;
    }
    if (d->to < d->from) {
        http_fail(r, MHD_HTTP_BAD_REQUEST, "parameter to: %" PRIu64 " comes before from, %" PRIu64,
            d->to, d->from);
        return false;
    }
    return true;
}

/* As many as one answer may hold, and at least one. */
static void choose(struct http *h, struct diff *d) {
    for (uint64_t v = d->from + 1; v <= d->to && d->n < DIFF_VERSIONS; v++) {
        struct version_ref *ref = &d->ref[d->n];
        if (versions_find(h->versions, v, ref) != VERSION_HERE)
            break;
        if (d->n > 0 && d->octets + ref->octets > DIFF_OCTETS)
            break;
        d->octets += ref->octets;
        d->n++;
    }
    d->to = d->from + d->n;
}

static void diff_json(struct http *h, const struct diff *d, struct http_reply *r) {
    struct ws_err err = {0};
    json_t *list = json_array();
    int rc = WS_OK;
    for (size_t i = 0; i < d->n && rc == WS_OK; i++) {
        json_t *v = NULL;
        rc = versions_json(h->versions, &d->ref[i], &h->frame, &v, &err);
        if (rc == WS_OK)
            json_add(list, v);
    }
    json_t *o = json_object();
    json_put(o, "cell_id", json_hex(h->d->cell_id, 32));
    json_put(o, "from", json_count(d->from));
    json_put(o, "to", json_count(d->to));
    json_put(o, "current", json_count(d->current));
    json_put(o, "more", json_boolean(d->to < d->current));
    json_put(o, "versions", list);
    if (rc == WS_OK) {
        json_print(o, JSON_PAGE, &r->body);
        return;
    }
    json_decref(o);
    http_fail_err(r, rc, &err);
}

static int read_versions(
    struct http *h, const struct diff *d, struct map_version *ret, struct ws_err *err) {
    for (size_t i = 0; i < d->n; i++) {
        int rc = versions_read(h->versions, &d->ref[i], &ret[i], err);
        if (rc == WS_OK)
            continue;
        while (i-- > 0)
            map_version_free(&ret[i]);
        return rc;
    }
    return WS_OK;
}

static void put_osc(
    struct http *h, const struct diff *d, const struct map_version *v, struct http_reply *r) {
    /* A limit is a tag of its lane, which is written whole. */
    struct reader_map *m = http_map_at(h, r->lane, d->to, r);
    struct mapset after;
    if (m == NULL)
        return;
    const struct map_version **list = ws_calloc(d->n, sizeof(struct map_version *));
    for (size_t i = 0; i < d->n; i++)
        list[i] = &v[i];
    map_part_of(&m->map, reader_names(m), list, d->n, &after);
    if (d->format == DIFF_ADIFF)
        export_osmchange_augmented(list, d->n, &after, &r->body);
    else
        export_osmchange(list, d->n, &after, &r->body);
    free((void *)list);
    map_part_free(&after);
}

/* Of the state that an answer describes, so that the same answer has the same octets: its last version's, else that of the
 * version asked from; the base map's is the genesis's. Unix ms. */
static int64_t told_at_ms(struct http *h, const struct diff *d, const struct map_version *v) {
    uint64_t its = h->d->genesis->time;
    struct version_ref ref;
    struct map_version from;
    if (d->n > 0) {
        its = v[d->n - 1].block_time;
    } else if (versions_find(h->versions, d->from, &ref) == VERSION_HERE &&
               versions_read(h->versions, &ref, &from, NULL) == WS_OK) {
        its = from.block_time;
        map_version_free(&from);
    }
    return its_to_unix_us(its) / 1000;
}

static void put_tnits(
    struct http *h, const struct diff *d, const struct map_version *v, struct http_reply *r) {
    const struct map_version **list = ws_calloc(d->n, sizeof(struct map_version *));
    for (size_t i = 0; i < d->n; i++)
        list[i] = &v[i];
    char provider[32];
    char dataset[96];
    tnits_provider_of_cell(h->d->cell_id, provider);
    (void)snprintf(dataset, sizeof(dataset), "%s/%" PRIu64 "-%" PRIu64, provider, d->from, d->to);
    const struct tnits_head head = {.dataset = dataset,
        .provider = provider,
        .created_ms = told_at_ms(h, d, v),
        .frame = &h->frame};
    struct tnits_tally tally;
    size_t n = 0;
    struct tnits_change *net = tnits_net(list, d->n, &n);
    tnits_export(&head, net, n, &r->body, &tally);
    http_header(r, "Wayside-Map-Left-Out", "%zu", tnits_left_out(&tally));
    free(net);
    free((void *)list);
}

static void diff_export(struct http *h, const struct diff *d, struct http_reply *r) {
    struct ws_err err = {0};
    struct map_version *v = ws_calloc(d->n, sizeof(*v));
    int rc = read_versions(h, d, v, &err);
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
        free(v);
        return;
    }
    if (d->format == DIFF_OSC || d->format == DIFF_ADIFF)
        put_osc(h, d, v, r);
    if (d->format == DIFF_TNITS)
        put_tnits(h, d, v, r);
    for (size_t i = 0; i < d->n; i++) {
        if (d->format == DIFF_GEOJSONSEQ)
            export_geojsonseq_version(&v[i], &h->frame, &r->body);
        map_version_free(&v[i]);
    }
    free(v);
}

static bool needs_map(const struct diff *d) {
    return d->format == DIFF_OSC || d->format == DIFF_ADIFF;
}

/* The answer, in whatever thread. */
static void give(struct http *h, const struct diff *d, struct http_reply *r) {
    static const char *const types[] = {HTTP_JSON, HTTP_GEOJSONSEQ, HTTP_OSC, HTTP_OSC, HTTP_OSC};
    r->status = MHD_HTTP_OK;
    r->type = types[d->format];
    /* Whoever reads a format without room for these needs them to go on from. */
    http_header(r, "Wayside-Map-From", "%" PRIu64, d->from);
    http_header(r, "Wayside-Map-To", "%" PRIu64, d->to);
    http_header(r, "Wayside-Map-Current", "%" PRIu64, d->current);
    if (d->format == DIFF_JSON)
        diff_json(h, d, r);
    else
        diff_export(h, d, r);
}

/* In a lane's thread; there may be more by now. */
static void make_diffs(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct diff *d = ws_alloc(sizeof(*d));
    if (read_question(h, c, d, r)) {
        choose(h, d);
        if (!needs_map(d) || http_map_reachable(h, d->to, r))
            give(h, d, r);
    }
    free(d);
}

void http_get_diffs(struct http *h, const struct http_call *c, struct http_reply *r) {
    struct diff *d = ws_alloc(sizeof(*d));
    if (read_question(h, c, d, r)) {
        choose(h, d);
        if (needs_map(d)) {
            if (http_map_reachable(h, d->to, r))
                http_later(r, http_map_lane(h, d->to), make_diffs);
        } else if (d->n > AT_ONCE_VERSIONS || d->octets > AT_ONCE_OCTETS) {
            http_later(r, LANE_RECORDS, make_diffs);
        } else {
            give(h, d, r);
        }
    }
    free(d);
}

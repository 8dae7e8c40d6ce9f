/* TN-ITS data sets as a base map: limits along GML lines, signs and crosswalks at GML points. */
#include "mapsvc/tnits/tnits.h"

#include "base/mem.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/tnits/tnits_features.h"

#include <stdio.h>
#include <stdlib.h>

struct counts {
    size_t removed, unlocated, unread;
    char first_unread[64];
};

/* What a feature becomes; 0: the map has no place for such. */
static enum element_kind kind_of(const char *type, bool is_line) {
    static const char *const signs[] = {"startOfSpeedLimit", "endOfSpeedLimit", "noEntry",
        "roadSign", "prohibitionOfOvertaking", "startOfProhibitionOfOvertaking",
        "endOfProhibitionOrRestriction", "prohibitedTurn", "directionToBeFollowed",
        "passingWithoutStoppingProhibited", "closedToAllVehiclesInBothDirections",
        "startOfMotorway", "endOfMotorway", "startOfBuiltUpArea", "endOfBuiltUpArea",
        "startOfResidentialArea", "endOfResidentialArea", "startOfRoadForMotorVehicles",
        "endOfRoadForMotorVehicles"};
    if (strcmp(type, "speedLimit") == 0)
        return is_line ? EL_SPEED_LIMIT : EL_SIGN;
    if (strcmp(type, "pedestrianCrossing") == 0)
        return EL_CROSSWALK;
    for (size_t i = 0; i < ARRAY_LEN(signs); i++)
        if (strcmp(type, signs[i]) == 0)
            return EL_SIGN;
    return (enum element_kind)0;
}

static bool place(
    const struct tnits_feature *f, const struct cell_frame *frame, struct element *e) {
    for (size_t i = 0; i < f->n_points; i++) {
        struct map_point p = {0};
        if (!frame_from_wgs10(frame, f->points[i].lat, f->points[i].lon, &p.x, &p.y))
            return false;
        const struct map_point *last = e->n_points == 0 ? NULL : &e->points[e->n_points - 1];
        if (last == NULL || last->x != p.x || last->y != p.y)
            (void)element_add_point(e, p);
    }
    return true;
}

/* The line says in which direction a feature holds; a sign stands where it begins. */
static void orient(struct element *e, bool is_line) {
    if (is_line && e->n_points > 1)
        e->has_heading = e->kind == EL_SIGN ? map_heading_mid(e->points, 2, &e->heading)
                                            : map_heading_mid(e->points, e->n_points, &e->heading);
    if (e->kind == EL_SIGN && e->n_points > 1)
        e->n_points = 1;
}

static void emit(struct tnits_features *d, const struct tnits_feature *f, enum element_kind kind) {
    struct map_reader *r = d->r;
    char native[ELEMENT_MAX_TEXT - 8];
    const char *source = tnits_word(d, f, TNITS_SOURCE);
    const char *code = tnits_word(d, f, TNITS_CODE);
    (void)snprintf(native, sizeof(native), "%s/%s", tnits_word(d, f, TNITS_PROVIDER),
        tnits_word(d, f, TNITS_ID));
    struct element e = {.kind = kind};
    bool near = place(f, &r->map->frame, &e);
    if (!near || (kind == EL_SPEED_LIMIT && e.n_points < 2)) {
        map_skip(r, f->line, native, "%s",
            near ? "a line without length" : "too far from the rest for one map");
        element_free(&e);
        return;
    }
    orient(&e, f->is_line);
    e.has_value = f->has_value;
    e.value = f->value;
    e.valid_from_ms = f->from_ms > 0 ? f->from_ms : 0;
    (void)element_set_attr(&e, "tnits.type", tnits_word(d, f, TNITS_TYPE));
    if (source[0] != '\0')
        (void)element_set_attr(&e, "tnits.source", source);
    if (code[0] != '\0')
        (void)element_set_attr(&e, "code", code);
    if (f->mph)
        (void)element_set_attr(&e, "unit", "mph");
    map_emit(r, &e, native);
    static const int64_t year_9999_ms = INT64_C(253370764800000);
    if (f->to_ms < year_9999_ms) /* 9999-12-31 is how providers write "no end" */
        r->map->elements[r->map->n - 1].valid_to_ms = f->to_ms > 0 ? f->to_ms : 0;
}

static int names_differ(
    const struct tnits_features *d, const struct tnits_feature *p, const struct tnits_feature *q) {
    int c = strcmp(tnits_word(d, p, TNITS_PROVIDER), tnits_word(d, q, TNITS_PROVIDER));
    return c != 0 ? c : strcmp(tnits_word(d, p, TNITS_ID), tnits_word(d, q, TNITS_ID));
}

static int name_order(const void *a, const void *b, void *self) {
    const struct tnits_feature *p = *(const struct tnits_feature *const *)a;
    const struct tnits_feature *q = *(const struct tnits_feature *const *)b;
    int c = names_differ(self, p, q);
    return c != 0 ? c : (p->line > q->line) - (p->line < q->line);
}

/* One id, one element: what repeats it is left out. */
static void find_repeated(struct tnits_features *d) {
    struct tnits_feature **list = ws_calloc(d->n, sizeof(struct tnits_feature *));
    for (size_t i = 0; i < d->n; i++)
        list[i] = &d->all[i];
    if (d->n > 1)
        qsort_r((void *)list, d->n, sizeof(struct tnits_feature *), name_order, d);
    for (size_t i = 1; i < d->n; i++)
        if (names_differ(d, list[i - 1], list[i]) == 0 && list[i]->wrong[0] == '\0')
            list[i]->wrong = "the id of another feature of this file";
    free((void *)list);
}

static void take(struct tnits_features *d, const struct tnits_feature *f, struct counts *c) {
    const char *provider = tnits_word(d, f, TNITS_PROVIDER);
    const char *id = tnits_word(d, f, TNITS_ID);
    const char *type = tnits_word(d, f, TNITS_TYPE);
    const char *detail = tnits_word(d, f, TNITS_DETAIL);
    char name[240];
    (void)snprintf(name, sizeof(name), "RoadFeature %s/%s", provider, id);
    enum element_kind kind = kind_of(type, f->is_line);
    if (provider[0] == '\0' || id[0] == '\0') {
        map_skip(d->r, f->line, name, "providerId or id is missing");
    } else if (strchr(provider, '/') != NULL) {
        map_skip(d->r, f->line, name, "a slash in providerId: it could not be told from the id");
    } else if (f->removed) {
        c->removed++;
    } else if (kind == 0) {
        if (c->unread++ == 0)
            (void)snprintf(c->first_unread, sizeof(c->first_unread), "%s", type);
    } else if (f->wrong[0] != '\0') {
        map_skip(d->r, f->line, name, detail[0] != '\0' ? "%s: \"%s\"" : "%s%s", f->wrong, detail);
    } else if (kind == EL_SPEED_LIMIT && !f->has_value) {
        map_skip(d->r, f->line, name, "a speed limit without maximumSpeedLimit");
    } else if (f->n_points == 0) {
        c->unlocated++;
        map_note(d->r, f->line, "%.150s: not located: %s", name,
            f->openlr ? "only by OpenLR on a road network" : "no GML point or line");
    } else {
        emit(d, f, kind);
    }
}

static void choose_frame(struct tnits_features *d) {
    int64_t *lat = ws_calloc(d->n, sizeof(*lat));
    int64_t *lon = ws_calloc(d->n, sizeof(*lon));
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (d->all[i].n_points == 0)
            continue;
        lat[n] = d->all[i].points[0].lat;
        lon[n++] = d->all[i].points[0].lon;
    }
    d->r->map->frame =
        n > 0 ? map_frame_of_places(d->r->opt, lat, lon, n) : map_frame_around(d->r->opt, 0, 0);
    free(lat);
    free(lon);
}

void tnits_import(struct map_reader *r, struct span data) {
    struct tnits_features *d = ws_alloc(sizeof(*d));
    tnits_features_read(r, data, d);
    if (r->octets != NULL)
        buf_free(r->octets); /* more than what was read of it, by far */
    struct counts c = {0};
    if (r->rc == WS_OK) {
        choose_frame(d);
        find_repeated(d);
        for (size_t i = 0; i < d->n && r->rc == WS_OK; i++)
            take(d, &d->all[i], &c);
        if (d->update)
            map_note(r, 0, "an update (%s): what it does not name is not in the map", d->dataset);
        if (c.removed > 0)
            map_note(r, 0, "%zu features are removals: not in the map", c.removed);
        if (c.unread > 0)
            map_note(r, 0, "%zu features of other types are not read, the first is %s", c.unread,
                c.first_unread);
        if (c.unlocated > 0)
            map_note(r, 0,
                "%zu features are not located: OpenLR needs a road network, which is not here",
                c.unlocated);
    }
    tnits_features_free(d);
    free(d);
}

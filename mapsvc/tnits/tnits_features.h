/* The features of a TN-ITS data set as read, before they become elements. Private to mapsvc/tnits. */
#ifndef WAYSIDE_MAPSVC_TNITS_TNITS_FEATURES_H
#define WAYSIDE_MAPSVC_TNITS_TNITS_FEATURES_H

#include "mapsvc/formats/import.h"
#include "mapsvc/tnits/tnits_read.h"

struct tnits_place {
    int64_t lat, lon; /* 1e-10 degree */
};

struct tnits_feature {
    unsigned line; /* in the file */
    char provider[96], id[128], type[64], source[64], code[64];
    char property[64]; /* type of the property at hand */
    bool has_value;
    int32_t value;
    bool mph;
    int64_t from_ms, to_ms;
    bool removed, is_line;
    bool openlr; /* it has an OpenLR reference that only a road network could resolve */
    struct tnits_place *points;
    size_t n_points;
    const char *wrong; /* why it is left out; "" for none */
    char detail[48];
};

struct tnits_features {
    struct map_reader *r;
    struct tnits_walk w;
    struct tnits_feature *all;
    size_t n, cap;
    bool open; /* all[n - 1] is being read */
    bool lat_first; /* of the geometry at hand */
    size_t dimension; /* numbers to a point */
    char uom[16];
    char dataset[64];
    bool update;
};

/* Reads a document; r->rc says how it went. What is wrong with a feature stands in it. */
void tnits_features_read(struct map_reader *r, struct span data, struct tnits_features *ret);
/* Why it is left out; only the first reason counts. */
void tnits_wrong(struct tnits_feature *f, const char *why, const char *detail);
void tnits_features_free(struct tnits_features *d);

#endif

/* The features of a TN-ITS data set as read, before they become elements. Private to mapsvc/tnits. */
#ifndef WAYSIDE_MAPSVC_TNITS_TNITS_FEATURES_H
#define WAYSIDE_MAPSVC_TNITS_TNITS_FEATURES_H

#include "mapsvc/formats/import.h"
#include "mapsvc/tnits/tnits_read.h"

struct tnits_place {
    int64_t lat, lon; /* 1e-10 degree */
};

/* What a feature says in words, as long as it is read; then in one text for all features (tnits_word). */
enum tnits_word {
    TNITS_PROVIDER,
    TNITS_ID,
    TNITS_TYPE,
    TNITS_SOURCE,
    TNITS_CODE,
    TNITS_DETAIL, /* of what is wrong */
    TNITS_WORDS,
};
struct tnits_words {
    char provider[96], id[128], type[64], source[64], code[64], detail[48];
    char property[64]; /* type of the property at hand */
};
/* A data set may have a million of these. */
struct tnits_feature {
    unsigned line; /* in the file */
    uint32_t word[TNITS_WORDS]; /* offsets into the text, once it was read */
    int32_t value;
    bool has_value, mph, removed, is_line;
    bool openlr; /* it has an OpenLR reference that only a road network could resolve */
    uint16_t n_points;
    int64_t from_ms, to_ms;
    struct tnits_place *points;
    const char *wrong; /* why it is left out; "" for none */
};

struct tnits_features {
    struct map_reader *r;
    struct tnits_walk w;
    struct tnits_feature *all;
    size_t n, cap;
    struct buf text; /* words, each with its final zero; offset 0 is "" */
    bool open; /* all[n - 1] is being read, and: */
    struct tnits_words words;
    bool lat_first; /* of the geometry at hand */
    size_t dimension; /* numbers to a point */
    char uom[16];
    char dataset[64];
    bool update;
};

/* Reads a document; r->rc says how it went. What is wrong with a feature stands in it. */
void tnits_features_read(struct map_reader *r, struct span data, struct tnits_features *ret);
/* Of a feature that was read; borrows d. */
const char *tnits_word(
    const struct tnits_features *d, const struct tnits_feature *f, enum tnits_word w);
void tnits_features_free(struct tnits_features *d);

#endif

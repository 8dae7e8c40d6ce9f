/* The part of a large map that its diffs in OSM's formats name (mapsvc/formats/export.h), found by names that are kept along with the
 * map: what a diff costs is then a matter of what changed. One thread per object. */
#ifndef WAYSIDE_MAPSVC_FORMATS_EXPORT_PART_H
#define WAYSIDE_MAPSVC_FORMATS_EXPORT_PART_H

#include "mapsvc/fuse/diff.h"

/* Aliases of a map's elements, and some that went: whoever finds one looks whether it still holds. */
struct map_names {
    struct map_name {
        uint64_t hash; /* of the alias */
        uint8_t id[16];
    } * v; /* ascending */
    size_t n, added; /* added: since it was built */
};
void map_names_build(struct map_names *x, const struct mapset *m); /* of a zeroed object */
void map_names_free(struct map_names *x);
/* Follows changes that the map takes; before or after it does. */
void map_names_apply(struct map_names *x, const struct change_record *changes, size_t n);

/* What export_osmchange and export_osmchange_augmented need of m, the map after the last version, and no more: they write the
 * same with either. Elements are borrowed; map_part_free. */
void map_part_of(const struct mapset *m, const struct map_names *x,
    const struct map_version *const *v, size_t n, struct mapset *ret_part);
void map_part_free(struct mapset *part);

#endif

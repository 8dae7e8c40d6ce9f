/* The net of several versions: what a consumer who holds version A has to do to hold version B (hd-map facts, section 6).
 * And a whole map that says which version comes next. Any thread. */
#ifndef WAYSIDE_MAPSVC_FUSE_RANGE_H
#define WAYSIDE_MAPSVC_FUSE_RANGE_H

#include "mapsvc/fuse/diff.h"

struct range_change {
    /* before, after: borrowed from the versions. Create: only after. Delete: only before. Modify: both, also when a thing was
     * deleted and came back, or changed and changed back (its revision says so). Tombstone: neither; it came and went in
     * between, and whoever heard of it in another way must forget it. */
    enum map_change_op op; /* of a tombstone: MAP_DELETE */
    bool tombstone;
    uint8_t element_id[16];
    enum element_kind kind;
    const struct element *before, *after;
    const struct change_record
        *last; /* borrowed: the change that made it what it is; NULL when read from a file */
    uint64_t first_version, last_version; /* that changed it */
};
struct map_range {
    uint64_t from, to; /* versions: held, and reached */
    uint8_t previous_root[32], root[32];
    uint8_t record[32]; /* SHA-256 of the last version record, which the next one names */
    bool geometry; /* something came, went or moved */
    struct range_change *changes; /* ascending kind, then element id */
    size_t n;
    struct element *owned; /* read from a file: what before and after are of, 2 n */
};
/* n >= 1 versions that follow on one another: numbers without a gap, each naming the record and the root before it. WS_EINPUT
 * with the place of the gap. They must outlive ret_range. */
WARN_UNUSED int map_range_of(const struct map_version *const *versions, size_t n,
    struct map_range *ret_range, struct ws_err *err);
void map_range_free(struct map_range *r);
/* Takes the map from `from` to `to`; both roots and each `before` are checked, on failure m is as it was. */
WARN_UNUSED int map_range_apply(const struct map_range *r, struct mapset *m, struct ws_err *err);

/* As a file (docs/formats/map.md, "A net"). */
void map_range_encode(const struct map_range *r, struct buf *b);
/* WS_EINPUT with the offset, also when op, kind and elements contradict each other. Whether it is true is a matter of its
 * roots: map_range_apply, and who says that `root` is that of version `to`. */
WARN_UNUSED int map_range_decode(struct span s, struct map_range *ret_range, struct ws_err *err);
/* In words, without the evidence: "new sign 30, lanelet2:way/2015". */
void range_change_describe(const struct range_change *c, char *dst, size_t size);

/* ---- a whole map ---- */

struct map_snapshot {
    uint8_t cell_id[32];
    uint64_t version; /* the diff to go on with is version + 1 */
    uint8_t record[32]; /* what that one names as previous record; zero for the base map */
    uint8_t root[32];
    struct mapset map; /* owned */
};
#define MAP_SNAPSHOT_HEAD 113 /* octets before the map */
bool map_snapshot_begins(struct span head); /* 8 octets tell it from other files */
void map_snapshot_encode(const struct map_snapshot *s, struct buf *b);
/* WS_EINPUT also when the map does not have that root. */
WARN_UNUSED int map_snapshot_decode(
    struct span s, struct map_snapshot *ret_snapshot, struct ws_err *err);

#endif

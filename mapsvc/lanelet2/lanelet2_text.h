/* Where the objects of a Lanelet2 file stand in its octets, and changes written there. Private to ws_mapio. One
 * thread per object. */
#ifndef WAYSIDE_MAPSVC_LANELET2_LANELET2_TEXT_H
#define WAYSIDE_MAPSVC_LANELET2_LANELET2_TEXT_H

#include "mapsvc/formats/splice.h"
#include "mapsvc/lanelet2/lanelet2.h"

enum ll_part_kind { LL_TAG, LL_ND, LL_MEMBER };
struct ll_text_part {
    enum ll_part_kind kind;
    bool gone;
    char member; /* of a member: 'n', 'w' or 'r', else 0 */
    size_t at, end;
    int64_t ref; /* nd, member */
    uint32_t key; /* tag: in ll_text.text */
};
struct ll_text_object {
    char type; /* 'n', 'w', 'r' */
    bool gone;
    int64_t id;
    uint32_t order;
    size_t at, head_end, end; /* head_end == end: <a/> */
    uint32_t first, n; /* parts */
};
struct ll_text {
    struct span file;
    struct ll_text_object *objects; /* by type, then id; the first of those with one id */
    size_t n_objects, cap_objects;
    struct ll_text_part *parts;
    size_t n_parts, cap_parts;
    struct buf text;
    size_t tail; /* of the root's end tag */
    struct splices edits;
    struct buf scratch;
};

/* The file has been read by lanelet2_parse before. */
WARN_UNUSED int ll_text_read(
    const char *name, struct span file, struct ll_text *ret, struct ws_err *err);
void ll_text_free(struct ll_text *t);
/* NULL when there is none, or it has been removed. */
struct ll_text_object *ll_text_find(struct ll_text *t, char type, int64_t id);
/* The file had it, and it has been removed. */
bool ll_text_removed(const struct ll_text *t, char type, int64_t id);

void ll_text_set_attr(
    struct ll_text *t, size_t at, size_t end, const char *name, const char *value);
/* value NULL: the tag goes. */
void ll_text_set_tag(
    struct ll_text *t, const struct ll_text_object *o, const char *key, const char *value);
bool ll_text_has_tag(const struct ll_text *t, const struct ll_text_object *o, const char *key);
void ll_text_remove_part(struct ll_text *t, struct ll_text_part *p);
/* The object, and whatever names it as a member. */
void ll_text_remove(struct ll_text *t, struct ll_text_object *o);
/* Octets of new objects, at the end of the file. */
void ll_text_append(struct ll_text *t, struct span text);

#endif

/* Where one is in a TN-ITS document, for its readers. Names are taken without their prefixes: providers bind
 * the namespaces as they like. Private to mapsvc/tnits. One thread per object. */
#ifndef WAYSIDE_MAPSVC_TNITS_TNITS_READ_H
#define WAYSIDE_MAPSVC_TNITS_TNITS_READ_H

#include "mapsvc/formats/xml.h"

#define TNITS_TEXT_MAX ((size_t)1 << 20) /* of one element; what is longer is cut, and `cut` set */

struct tnits_walk {
    char name[XML_DEPTH_MAX + 1][40]; /* of the open elements, the root is 1; 0 is "" */
    unsigned depth;
    struct buf text; /* of the innermost element since its last child */
    bool cut;
};

const char *tnits_local(const char *name); /* behind the prefix */
void tnits_walk_start(struct tnits_walk *w, const char *name);
void tnits_walk_text(struct tnits_walk *w, const char *s, size_t n);
/* The element at its end, and those around it: 0 is itself, 1 its parent. */
const char *tnits_walk_name(const struct tnits_walk *w, unsigned up);
bool tnits_walk_is(const struct tnits_walk *w, const char *name, const char *parent);
/* Its text without the space around it; valid until the next call. */
const char *tnits_walk_value(struct tnits_walk *w);
void tnits_walk_end(struct tnits_walk *w);
void tnits_walk_free(struct tnits_walk *w);

/* The code in xlink:href: what follows '#', else the last '/'; NULL without such an attribute. */
const char *tnits_code_of(const char **attrs);

#endif

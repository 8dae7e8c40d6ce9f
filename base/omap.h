/* Ordered map from octets to octets (a treap whose priorities are a mix of the key, so its shape is a function of
 * its keys). Owns copies of keys and values. Zero-initialised is empty and valid. One thread per object. */
#ifndef WAYSIDE_BASE_OMAP_H
#define WAYSIDE_BASE_OMAP_H

#include "base/span.h"

struct omap_entry;
struct omap {
    struct omap_entry *root;
    size_t n;
};

void omap_free(struct omap *m);
/* Borrowed until the entry is put again or deleted. */
bool omap_get(const struct omap *m, struct span key, struct span *ret_value);
/* False when the entry already had this very value. key and value may point into the map. */
bool omap_put(struct omap *m, struct span key, struct span value);
bool omap_del(struct omap *m, struct span key); /* false: was not there */
/* The first key with the prefix that is > after (empty after: >= prefix); or >= after when `inclusive`. */
bool omap_next(const struct omap *m, struct span prefix, struct span after, bool inclusive,
    struct span *ret_key, struct span *ret_value);
/* The last key with the prefix. */
bool omap_last(
    const struct omap *m, struct span prefix, struct span *ret_key, struct span *ret_value);

#endif

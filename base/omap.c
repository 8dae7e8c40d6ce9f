#include "base/omap.h"

#include "base/mem.h"

#include <stdlib.h>

struct omap_entry {
    struct omap_entry *left, *right;
    uint64_t priority;
    struct span key, value; /* key in the same allocation, value in its own */
};

static void free_entries(struct omap_entry *e) {
    if (e == NULL)
        return;
    free_entries(e->left);
    free_entries(e->right);
    free((void *)e->value.p);
    free(e);
}

void omap_free(struct omap *m) {
    free_entries(m->root);
    *m = (struct omap){0};
}

/* FNV-1a and a final mix (splitmix64's): spread enough for a treap; keys chosen to make it deep cost their sender
 * far more than they cost us, because every key in state passed a signature check. */
static uint64_t mix(struct span key) {
    uint64_t h = 0xcbf29ce484222325U;
    for (size_t i = 0; i < key.n; i++)
        h = (h ^ key.p[i]) * 0x100000001b3U;
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9U;
    h = (h ^ h >> 27) * 0x94d049bb133111ebU;
    return h ^ h >> 31;
}

static struct omap_entry *find(struct omap_entry *e, struct span key) {
    while (e != NULL) {
        int c = span_compare(key, e->key);
        if (c == 0)
            return e;
        e = c < 0 ? e->left : e->right;
    }
    return NULL;
}

/* Splits into keys below and above `key`, which is not in the tree. */
static void split(struct omap_entry *e, struct span key, struct omap_entry **ret_below,
    struct omap_entry **ret_above) {
    while (e != NULL) {
        if (span_compare(e->key, key) < 0) {
            *ret_below = e;
            ret_below = &e->right;
            e = e->right;
        } else {
            *ret_above = e;
            ret_above = &e->left;
            e = e->left;
        }
    }
    *ret_below = NULL;
    *ret_above = NULL;
}

static struct omap_entry *merge(struct omap_entry *a, struct omap_entry *b) {
    if (a == NULL)
        return b;
    if (b == NULL)
        return a;
    if (a->priority >= b->priority) {
        a->right = merge(a->right, b);
        return a;
    }
    b->left = merge(a, b->left);
    return b;
}

bool omap_get(const struct omap *m, struct span key, struct span *ret_value) {
    const struct omap_entry *e = find(m->root, key);
    if (e == NULL)
        return false;
    *ret_value = e->value;
    return true;
}

static struct span copy_span(struct span s) {
    return span_of(ws_memdup(s.p, s.n), s.n);
}

bool omap_put(struct omap *m, struct span key, struct span value) {
    struct omap_entry *e = find(m->root, key);
    if (e != NULL) {
        if (span_equal(e->value, value))
            return false;
        struct span old = e->value;
        e->value = copy_span(value); /* before the old one goes: value may point into it */
        free((void *)old.p);
        return true;
    }
    e = ws_alloc(sizeof(*e) + key.n);
    uint8_t *k = (uint8_t *)(e + 1);
    if (key.n > 0)
        memcpy(k, key.p, key.n);
    e->key = span_of(k, key.n);
    e->value = copy_span(value);
    e->priority = mix(key);
    struct omap_entry **at = &m->root;
    while (*at != NULL && (*at)->priority >= e->priority)
        at = span_compare(e->key, (*at)->key) < 0 ? &(*at)->left : &(*at)->right;
    split(*at, e->key, &e->left, &e->right);
    *at = e;
    m->n++;
    return true;
}

bool omap_del(struct omap *m, struct span key) {
    struct omap_entry **at = &m->root;
    while (*at != NULL) {
        int c = span_compare(key, (*at)->key);
        if (c == 0)
            break;
        at = c < 0 ? &(*at)->left : &(*at)->right;
    }
    struct omap_entry *e = *at;
    if (e == NULL)
        return false;
    *at = merge(e->left, e->right);
    m->n--;
    free((void *)e->value.p);
    free(e);
    return true;
}

static bool has_prefix(struct span key, struct span prefix) {
    return key.n >= prefix.n && (prefix.n == 0 || memcmp(key.p, prefix.p, prefix.n) == 0);
}

static bool give(
    const struct omap_entry *e, struct span prefix, struct span *ret_key, struct span *ret_value) {
    if (e == NULL || !has_prefix(e->key, prefix))
        return false;
    *ret_key = e->key;
    *ret_value = e->value;
    return true;
}

bool omap_next(const struct omap *m, struct span prefix, struct span after, bool inclusive,
    struct span *ret_key, struct span *ret_value) {
    struct span bound = after;
    if (after.n == 0 || span_compare(after, prefix) < 0) {
        bound = prefix;
        inclusive = true;
    }
    const struct omap_entry *best = NULL;
    for (const struct omap_entry *e = m->root; e != NULL;) {
        int c = span_compare(e->key, bound);
        if (c > 0 || (inclusive && c == 0)) {
            best = e;
            e = e->left;
        } else {
            e = e->right;
        }
    }
    return give(best, prefix, ret_key, ret_value);
}

bool omap_last(
    const struct omap *m, struct span prefix, struct span *ret_key, struct span *ret_value) {
    const struct omap_entry *best = NULL;
    for (const struct omap_entry *e = m->root; e != NULL;) {
        /* Keys with the prefix are below everything that is greater and lacks it. */
        if (span_compare(e->key, prefix) < 0 || has_prefix(e->key, prefix)) {
            best = e;
            e = e->right;
        } else {
            e = e->left;
        }
    }
    return give(best, prefix, ret_key, ret_value);
}

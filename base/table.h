/* Hash table from 32 octets to a pointer, for keys that are cryptographic hashes already (their first octets
 * are the bucket, mixed with a seed so that nobody can aim). Open addressing, grows, owns no values.
 * Never iterate it where order matters. One thread per object. */
#ifndef WAYSIDE_BASE_TABLE_H
#define WAYSIDE_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot {
    uint8_t key[32];
    void *value; /* NULL: free */
};
struct table {
    size_t n, cap; /* cap: 0 or a power of two */
    uint64_t seed;
    struct table_slot *slot;
};

void table_free(struct table *t);
void *table_get(const struct table *t, const uint8_t key[static 32]);
/* value != NULL. Replaces; returns the old value or NULL. */
void *table_put(struct table *t, const uint8_t key[static 32], void *value);
/* The value that is there already, and nothing is changed; or NULL, and value is put. */
void *table_add(struct table *t, const uint8_t key[static 32], void *value);
/* The key will be asked for soon: its place begins its way from memory now. For tables larger than the cache. */
void table_hint(const struct table *t, const uint8_t key[static 32]);
void *table_take(
    struct table *t, const uint8_t key[static 32]); /* removes; the old value or NULL */

#endif

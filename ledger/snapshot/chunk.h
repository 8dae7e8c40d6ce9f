/* A chunk of a snapshot: all entries of one contract whose SHA-256(key) starts with a prefix, and the way of that
 * subtree from the contract's root (docs/formats/snapshot.md). With the contract's root it proves itself: nothing
 * is missing from it, added or changed. Any thread. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_CHUNK_H
#define WAYSIDE_LEDGER_SNAPSHOT_CHUNK_H

#include "ledger/snapshot/manifest.h"

/* A writer takes so many bits that no chunk is larger than CHUNK_OCTETS, as far as TREE_BITS_MAX bits and the size of
 * single entries allow; a reader refuses more than CHUNK_OCTETS_MAX. */
#define CHUNK_OCTETS (1U << 20)
#define CHUNK_OCTETS_MAX (8U << 20)

struct chunk_entry {
    hash32 key_hash;
    struct span key, value;
};
/* Entries of a chunk in the making, or of one that was read. */
struct chunk_entries {
    size_t n, cap;
    struct chunk_entry *e; /* ascending by key_hash */
};
void chunk_entries_free(struct chunk_entries *c); /* not what the spans point to */
void chunk_entries_clear(struct chunk_entries *c); /* keeps the memory */
/* Borrows key and value. */
void chunk_entries_add(
    struct chunk_entries *c, const hash32 key_hash, struct span key, struct span value);
/* After the last: sorts by hashed key. */
void chunk_entries_sort(struct chunk_entries *c);

/* Octets that an entry takes in a chunk. */
size_t chunk_entry_octets(struct span key, struct span value);
void chunk_encode(uint8_t contract, unsigned bits, uint32_t prefix, const struct tree_way *way,
    const struct chunk_entries *entries, struct buf *out);

struct chunk {
    uint8_t contract;
    unsigned bits;
    uint32_t prefix;
    struct tree_way way;
    struct chunk_entries entries; /* borrow from the octets */
};
/* Reads and checks under the manifest's root of that contract. WS_EINPUT names the chunk and what is wrong. Free with
 * chunk_entries_free(&chunk.entries), also after a failure. */
WARN_UNUSED int chunk_open(
    const struct manifest *m, struct span octets, struct chunk *ret_chunk, struct ws_err *err);
/* Contract and prefix that octets claim; false when they are too short. */
bool chunk_place(struct span octets, uint8_t *ret_contract, uint32_t *ret_prefix);

#endif

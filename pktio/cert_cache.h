/* Certificates by full hash, and by HashedId8 for messages that name their signer by digest. Proven ones were
 * checked up to a root; unproven ones carried a message whose signature fits, but their issuer is unknown.
 * Fixed number of slots; the least recently used gives way, and an unproven certificate never displaces a
 * proven one. One thread per object. */
#ifndef WAYSIDE_PKTIO_CERT_CACHE_H
#define WAYSIDE_PKTIO_CERT_CACHE_H

#include "v2x/verify.h"

/* Longer certificates are not accepted (tickets are 70 to 300 octets; a region may add some hundreds). */
#define CERT_CACHE_OCTETS 2048
/* HashedId8 collisions that are followed up. */
#define CERT_CACHE_SAME_ID 4

/* A PSID for which a certificate was found to have permission; most are asked about one again and again. */
struct cert_permitted {
    bool any;
    uint64_t psid;
};

struct cert_entry {
    struct cert cert; /* spans into octets */
    uint8_t hash[32];
    uint8_t hash384[48]; /* only of certificates with a 384-bit key */
    uint8_t issuer_hash[32]; /* proven */
    /* Whose region counts: its own, or that of an issuer above it; NULL: none. cert_cache_add knows only its own. */
    const struct cert *region;
    struct verify_key *key; /* NULL in a pipeline that does not verify */
    bool proven;
    struct cert_permitted permitted;
    uint64_t view; /* generation under which it was looked up in revocation lists; 0: not yet */
    const char *revoked; /* the list it is on, NULL if none */
    /* below: the cache's own */
    uint8_t *octets;
    uint32_t index;
    uint32_t next_id, next_id384;
    uint32_t newer, older;
    uint32_t pins;
};

struct cert_cache;

struct cert_cache *cert_cache_new(size_t slots); /* > 0, asserted */
void cert_cache_free(struct cert_cache *c); /* drops the references to keys */
/* Both count as use. Entries are valid until the next cert_cache_add, pinned ones until they are no longer. */
struct cert_entry *cert_cache_find(struct cert_cache *c, const uint8_t hash[static 32]);
/* From its last octets, without a hash. False is certain of a certificate in the form in which it was kept; another encoding
 * of an implicit one (6.4.3) is not recognised. */
bool cert_cache_may_have(const struct cert_cache *c, const struct cert *cert);
/* Fetch what a search by this name reads first, and, once that is there, what it reads next. No effect otherwise. */
void cert_cache_prefetch(const struct cert_cache *c, const uint8_t id8[static 8]);
void cert_cache_prefetch_entry(const struct cert_cache *c, const uint8_t id8[static 8]);
/* Does not count as use. */
bool cert_cache_has(const struct cert_cache *c, const uint8_t hash[static 32]);
/* Fills ret_entries with at most CERT_CACHE_SAME_ID entries of this HashedId8, proven ones first; alg says of
 * which hash it is the end. */
size_t cert_cache_find_id8(struct cert_cache *c, const uint8_t id8[static 8],
    enum cert_hash_alg alg, struct cert_entry *ret_entries[static CERT_CACHE_SAME_ID]);
void cert_cache_pin(struct cert_entry *e);
void cert_cache_unpin(struct cert_entry *e);
/* False: the next add may find every entry pinned. */
bool cert_cache_room(const struct cert_cache *c);
/* cert: at most CERT_CACHE_OCTETS (asserted), not in the cache; its octets are copied. Takes key (may be NULL).
 * NULL: it found no room (an unproven one displaces no proven one, and nothing displaces what is pinned), key was dropped. issuer_hash: proven, else NULL. */
struct cert_entry *cert_cache_add(struct cert_cache *c, const struct cert *cert,
    const uint8_t hash[static 32], struct verify_key *key, const uint8_t *issuer_hash);
size_t cert_cache_used(const struct cert_cache *c);

#endif

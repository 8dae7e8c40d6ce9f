/* What packet threads believe at one instant: a trust store and the revocations that go with it, immutable
 * and reference-counted. The owner builds the next view beside the one in use and publishes it; packet
 * threads notice by a counter, take it between two batches and drop the old one. Nobody waits for a reader.
 *
 *   owner:          trust_slot_publish(slot, trust_view_new(store, revoked, generation));
 *   packet thread:  if (trust_slot_generation(slot) != view->generation) {
 *                       trust_view_unref(view);
 *                       view = trust_slot_take(slot);
 *                       ... what was concluded under the old view is asked again ...
 *                   }
 */
#ifndef WAYSIDE_V2X_TRUST_VIEW_H
#define WAYSIDE_V2X_TRUST_VIEW_H

#include "v2x/revocation.h"
#include "v2x/trust.h"

struct trust_view {
    const struct trust_store *store; /* not written while any view holds it */
    const struct revocation_set *revoked; /* NULL: no list was read; nothing is revoked */
    uint64_t generation; /* at least 1, larger in each view that is published to the same slot */
};

/* Called once, by whoever drops the last reference to a view over this store. */
typedef void (*trust_store_release_fn)(struct trust_store *store, void *ctx);

/* One reference, the caller's. The view takes over the caller's reference to `revoked` (may be NULL).
 * release NULL: the store is borrowed and must outlive every reference to the view (the store of genesis).
 * To free a store with its view, pass trust_view_free_store. */
struct trust_view *trust_view_new(struct trust_store *store, trust_store_release_fn release,
    void *release_ctx, struct revocation_set *revoked, uint64_t generation);
void trust_view_free_store(struct trust_store *store, void *ctx);
/* Any thread. The fields may be read by whoever holds a reference. */
struct trust_view *trust_view_ref(struct trust_view *v);
void trust_view_unref(struct trust_view *v); /* NULL is fine */

/* Is this certificate, or an issuer above it, revoked? issuer_hash: SHA-256 of its direct issuer's
 * certificate (trust_result.issuer_hash), NULL if that is unknown: the issuer that it names is looked up
 * then. Cost: a few hash look-ups, no cryptography beyond hashing a certificate with a 384-bit key. Never
 * NULL: the answer's `list` is a static empty text when there is none. */
struct revocation_answer trust_view_revoked(const struct trust_view *v, const struct cert *c,
    const uint8_t hash[static 32], const uint8_t *issuer_hash);

/* Where the owner leaves the latest view. Made with a first view, so that there always is one; publishing
 * takes over the caller's reference. take: a new reference, the caller's. generation: one atomic read, for
 * asking before each batch. Any thread; publish by one thread at a time. */
struct trust_slot;
struct trust_slot *trust_slot_new(struct trust_view *first);
void trust_slot_free(struct trust_slot *s); /* no thread uses it any more */
void trust_slot_publish(struct trust_slot *s, struct trust_view *v);
struct trust_view *trust_slot_take(struct trust_slot *s);
uint64_t trust_slot_generation(const struct trust_slot *s);

#endif

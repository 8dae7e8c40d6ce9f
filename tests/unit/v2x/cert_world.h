/* A root, an authority under it and tickets of that authority, put together from parts, and what v2x/trust.h says of them: what
 * trust_explain says must agree with it. Fails the test. */
#ifndef WAYSIDE_TESTS_UNIT_V2X_CERT_WORLD_H
#define WAYSIDE_TESTS_UNIT_V2X_CERT_WORLD_H

#include "tests/support/cm.h"

#include "tests/unit/v2x/cert_parts.h"
#include "v2x/trust.h"

#define CERT_WORLD_T0 700000000U /* from when all of it is valid, for 100 hours */

/* "all", chain length 1 or 2, any end-entity type. */
#define PARTS_ISSUE_BOTH                                                                           \
    "0101608101"                                                                                   \
    "01c0"
#define PARTS_ISSUE_ALL                                                                            \
    "0101"                                                                                         \
    "2081c0"
#define PARTS_APP_36 "0101000124"

extern const struct span NO_CERT;
extern const struct cert_parts PLAIN_ROOT, PLAIN_CA; /* of no family */

struct cert_world {
    struct sign_key *root_key, *ca_key, *key;
    struct buf root, ca;
    struct cert_parts root_parts, ca_parts, ticket;
    struct trust_store *store;
    char text[200]; /* of the explanation's first failing check */
};

void cert_world_make(
    struct cert_world *w, const struct cert_parts *root, const struct cert_parts *ca);
void cert_world_free(struct cert_world *w);
/* The verdict on a ticket made from these parts; it must be v; it must be that the profile is broken, by a rule so named. */
enum trust_verdict cert_world_judge(struct cert_world *w, const struct cert_parts *p);
void cert_world_expect(struct cert_world *w, const struct cert_parts *p, enum trust_verdict v);
void cert_world_expect_broken(struct cert_world *w, const struct cert_parts *p, const char *rule);

#endif

/* What a fuzzed receiver knows, and who speaks to it: two infrastructures it trusts, one that it does not, tickets of every
 * kind, and lists on which some of them stand. The same octets every time. */
#ifndef WAYSIDE_TESTS_SUPPORT_AIR_H
#define WAYSIDE_TESTS_SUPPORT_AIR_H

#include "tests/support/dot2.h"
#include "tests/support/pki.h"
#include "v2x/trust_view.h"

enum air_ticket {
    AIR_P384, /* under Brainpool P-384 */
    AIR_BP256, /* key sent with its y, under Brainpool P-384 */
    AIR_BELOW_IMPLICIT, /* under an implicit authority */
    AIR_IMPLICIT, /* implicit under an implicit authority */
    AIR_LINKED, /* with a linkage value that no list has */
    AIR_LINKED_REVOKED,
    AIR_TICKETS
};

struct air {
    struct pki pki, foreign; /* foreign: not trusted */
    struct station car, truck, revoked, stranger;
    struct dot2_cert root384, root256, implicit_ca;
    struct dot2_cert ticket[AIR_TICKETS];
    struct trust_view *view; /* over pki.trust, with the lists */
};

void air_init(struct air *a);
void air_free(struct air *a);

#endif

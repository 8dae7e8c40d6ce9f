/* Why a certificate or a signed message is believed or not, for people: the chain from the signer up, and for
 * each link every rule with the values it was judged by. Unlike trust_check it does not stop at the first rule
 * that fails, and where an issuer is missing it says what is known of it. Any thread; for cold paths. */
#ifndef WAYSIDE_V2X_TRUST_EXPLAIN_H
#define WAYSIDE_V2X_TRUST_EXPLAIN_H

#include "v2x/spdu.h"
#include "v2x/trust.h"

#define EXPLAIN_LINKS 8
#define EXPLAIN_CHECKS 14
#define EXPLAIN_TEXT 200

enum explain_outcome {
    EXPLAIN_OK,
    EXPLAIN_FAILS,
    EXPLAIN_OPEN, /* cannot be decided, for want of an issuer */
};
const char *explain_outcome_text(enum explain_outcome o); /* "ok", "fails", "open" */

struct explain_check {
    const char *rule; /* static, one word */
    enum explain_outcome outcome;
    char text[EXPLAIN_TEXT];
};
struct explain_link {
    uint8_t hash[32];
    char name[80]; /* printable; of the certificate's id */
    bool in_store;
    size_t n;
    struct explain_check check[EXPLAIN_CHECKS];
};
struct explanation {
    enum explain_outcome outcome; /* of all: fails if one does, else open if one is */
    bool has_message;
    struct explain_link message; /* only its checks */
    size_t n_links; /* [0] is the signer */
    struct explain_link link[EXPLAIN_LINKS];
};

/* certs[n]: the certificate in question and, if there are more, what came along with it as its issuers. They are
 * only looked at where the store has no answer, and nothing is believed because of them. now_s: Time32. */
void trust_explain(const struct trust_store *t, const struct cert *certs, size_t n, uint32_t now_s,
    struct explanation *ret);
/* A signed message under certs[0], which is its signer's certificate; at its generation time, else at now_s. */
void trust_explain_message(const struct trust_store *t, const struct spdu *m,
    const struct cert *certs, size_t n, uint32_t now_s, struct explanation *ret);

/* Adds a check to a link of the chain, for what this module does not know (lists). */
void trust_explain_add(
    struct explanation *x, size_t link, const char *rule, enum explain_outcome o, const char *text);

/* "2026-03-08T12:00:00Z" of a Time32 (which counts leap seconds; those since 2017 are taken for all). */
#define EXPLAIN_TIME 24
void explain_time(uint64_t time32, char dst[static EXPLAIN_TIME]);

#endif

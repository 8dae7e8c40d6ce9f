/* What somebody asks `rsuctl trust explain` about. Internal to rsu/ctl/trust*.c. */
#ifndef WAYSIDE_RSU_CTL_TRUST_QUESTION_H
#define WAYSIDE_RSU_CTL_TRUST_QUESTION_H

#include "rsu/ctl/trust.h"
#include "v2x/lists.h"
#include "v2x/trust_explain.h"

enum { CTL_QUESTION_CERTS = EXPLAIN_LINKS };

struct ctl_question {
    struct buf octets; /* what the rest borrows from */
    struct buf signer; /* certificate found elsewhere in the capture */
    bool has_message;
    struct spdu message;
    size_t n_lists; /* it is a file of signed lists */
    struct signed_list *lists;
    struct trust_files certs; /* --certs: what else may be a signer or an issuer */
    size_t n;
    struct cert cert[CTL_QUESTION_CERTS]; /* the signer, then what may stand above it */
};

/* word: a file, or hex digits; frame: of a capture, 0: not said. What is in *q before are only its `certs`. */
WARN_UNUSED int ctl_question_read(
    const char *word, uint64_t frame, struct ctl_question *q, struct ws_err *err);
/* The signer that a digest stands for, and then whatever may be above it, from q->certs. */
void ctl_question_complete(struct ctl_question *q);
void ctl_question_free(struct ctl_question *q);

#endif

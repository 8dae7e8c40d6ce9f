/* From a round's record (round_record.h) and what vehicles sent to the outcome and the model that follows: what a validator does to say
 * it, and an auditor to see whether it is so. Integers only, the same octets for both. Memory: 4 octets a parameter and group, and in each thread 8 ciphertexts and 8 octets a
 * coefficient: at most 1 GB and 45 MB.
 * Any thread, one source each, but as fl_find_with says. */
#ifndef WAYSIDE_FEDLEARN_ROUND_FIND_H
#define WAYSIDE_FEDLEARN_ROUND_FIND_H

#include "fedlearn/round/round_record.h"
#include "fedlearn/vehicle/model.h"

/* What is lent until it is given back. */
struct fl_lent {
    struct span octets;
    void *hold; /* the source's own */
};
/* Where ciphertexts, models and root sets come from. What is lent by hash has that hash. */
struct fl_source {
    /* The ciphertext of an included submission, checked (cover, root, fl_wire_check). False: it is not here. */
    bool (*wire)(void *ctx, const struct fl_round_member *m, struct fl_lent *ret);
    bool (*blob)(void *ctx, const uint8_t sha256[static 32], struct fl_lent *ret);
    void (*give_back)(void *ctx, struct fl_lent *lent);
    void *ctx;
};

#define FL_FIND_THREADS_MAX 16
/* The same with the groups in so many threads, 1..FL_FIND_THREADS_MAX (asserted); then all of them call the source. */
WARN_UNUSED int fl_find_with(const struct fl_round_record *r, const struct fl_source *from,
    unsigned threads, struct fl_outcome *ret_outcome, struct fl_model *ret_next,
    struct ws_err *err);

/* ret_next: to be freed. WS_ENOTFOUND: something is not here, named; WS_EINPUT: a model or root set is not the round's. */
WARN_UNUSED int fl_find(const struct fl_round_record *r, const struct fl_source *from,
    struct fl_outcome *ret_outcome, struct fl_model *ret_next, struct ws_err *err);

#endif

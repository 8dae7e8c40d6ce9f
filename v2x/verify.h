/* Verification of vehicles' ECDSA signatures: submit and poll (decisions 3 of the design and 0010).
 *
 * Key handles are reference-counted; those of certificates that were fully verified (or are configured roots) may get
 * tables of precomputed multiples, which make a later signature some ten times cheaper than the first. Tables are this
 * module's business: each kernel keeps its own inside a fixed budget. Keys may be shared between threads; a kernel belongs
 * to one thread. Answers come in any order; a bad signature is an answer, not an error. Public data only: variable time. */
#ifndef WAYSIDE_V2X_VERIFY_H
#define WAYSIDE_V2X_VERIFY_H

#include "v2x/cert.h"

#include <limits.h>

/* ---- keys ---- */

struct verify_key;

/* NULL if the octets are no point of the curve (x-only and fill are refused as well). */
struct verify_key *verify_key_new(enum ec_curve curve, const struct ec_point *point);
/* Of a certificate whose chain is not proven: verifies like any other, but never gets a table. */
struct verify_key *verify_key_new_unproven(enum ec_curve curve, const struct ec_point *point);
struct verify_key_source {
    enum ec_curve curve;
    struct ec_point point;
    bool unproven;
};
/* Many at once, cheaper than one by one. ret_keys[i] is NULL where verify_key_new would say so. */
void verify_keys_new(
    const struct verify_key_source *sources, size_t n, struct verify_key **ret_keys);
/* The chain of an unproven key's certificate was proven after all: from here on it may have tables. Any thread. */
void verify_key_prove(struct verify_key *key);
struct verify_key *verify_key_ref(struct verify_key *key);
void verify_key_unref(struct verify_key *key); /* NULL is fine */
enum ec_curve verify_key_curve(const struct verify_key *key);

/* ---- kernel ---- */

/* DECLINED: an exceptional signature, of the kind that only the slow reference decides, after too many of these in a row.
 * No honest signer makes such signatures (the chance is below 2^-31), so this is as good as BAD, but it was not checked. */
enum verify_answer_kind {
    VERIFY_GOOD,
    VERIFY_BAD,
    VERIFY_BROKEN, /* the library failed */
    VERIFY_DECLINED,
};

struct verify_item {
    struct verify_key *key; /* borrowed until the answer was polled */
    uint8_t digest[48];
    uint8_t digest_octets; /* 32 or 48 */
    enum ec_form r_form;
    uint8_t r[48], s[48]; /* ec_octets(curve of the key) octets used */
    uint64_t tag; /* comes back with the answer */
};
struct verify_answer {
    uint64_t tag;
    enum verify_answer_kind kind;
};

/* AUTO takes the fastest that this machine can run. OPENSSL keeps no tables. */
enum verify_backend {
    VERIFY_AUTO,
    VERIFY_IFMA, /* AVX-512 IFMA */
    VERIFY_PORTABLE,
    VERIFY_OPENSSL,
    VERIFY_BACKENDS
};
const char *verify_backend_name(enum verify_backend b); /* "auto", "ifma", "portable", "openssl" */
bool verify_backend_of_name(const char *name, enum verify_backend *ret_backend);
bool verify_backend_usable(enum verify_backend b); /* on this machine */
enum verify_backend verify_backend_resolve(enum verify_backend b); /* never AUTO */

/* Room for the tables of 10,000 signers, both tiers. */
#define VERIFY_TABLE_OCTETS_DEFAULT ((size_t)1024 << 20)

#define VERIFY_EXCEPTIONAL_ALL UINT_MAX

struct verify_config {
    size_t capacity; /* items in flight, > 0; 256 and more keep batches full */
    enum verify_backend backend; /* usable: the caller asks first */
    /* Bound of the memory for signers' tables and what finds them. Reserved at start, touched only as signers come. 0: no
     * tables, each message costs as much as its signer's first. */
    size_t table_octets;
    /* Time spent on building tables, as a share of the time spent on checking signatures, in percent, while there are
     * signatures to check; 0: none then. A poll builds one group of tables at most, about 0.4 ms. */
    unsigned build_percent;
    /* Signatures that an engine does not decide go to the reference, thirty times slower and on Brainpool a hundred: as a share
     * of the time spent on checking, in percent (and for 16 at once after a quiet time, or 2 on Brainpool). More are DECLINED, so
     * that a flood of them takes no more than this share from honest signers. VERIFY_EXCEPTIONAL_ALL: none ever is. */
    unsigned exceptional_percent;
};
/* AUTO, the default memory, 50 percent for tables, 25 percent exceptional. */
struct verify_config verify_config_default(size_t capacity);

struct verify_kernel;

struct verify_kernel *verify_kernel_new(const struct verify_config *cfg);
void verify_kernel_free(struct verify_kernel *k); /* items in flight are dropped */
/* Accepted: the first so many. Cheap; the elliptic-curve work happens in verify_poll. */
size_t verify_submit(struct verify_kernel *k, const struct verify_item *items, size_t n);
/* Answers, at most max. Hands out those that are there, else checks one batch (up to 64 signatures, the fullest queue
 * first) and hands out its answers: with items in flight and max > 0 it returns at least one. To keep batches full, submit
 * what has come in between two polls. With nothing in flight it returns 0. */
size_t verify_poll(struct verify_kernel *k, struct verify_answer *ret_answers, size_t max);
size_t verify_in_flight(const struct verify_kernel *k); /* submitted and not polled */
/* For when there is nothing to check: builds one group of tables that wait, about 0.4 ms. False: none waits. */
bool verify_build(struct verify_kernel *k);

/* By what an answer was found. REFERENCE: OpenSSL, one by one (384-bit curves, exceptional cases). COLD: nothing known of the
 * signer (P-256 on a CPU without BMI2 and ADX: by OpenSSL as well, which is faster there). MID, FULL: small and large table. */
enum verify_tier { VERIFY_REFERENCE, VERIFY_COLD, VERIFY_MID, VERIFY_FULL, VERIFY_TIERS };
struct verify_counters {
    uint64_t answered
        [VERIFY_TIERS]; /* GOOD, BAD and BROKEN; what was refused for its ranges alone is not here */
    uint64_t refused; /* r or s out of range: BAD without any work on the curve */
    uint64_t exceptional; /* given to the reference by an engine, DECLINED ones included */
    uint64_t declined;
    uint64_t built[VERIFY_TIERS]; /* tables, MID and FULL */
    uint64_t evicted[VERIFY_TIERS]; /* tables that made room for others' */
    uint64_t build_failed; /* keys that cannot have a table */
    uint64_t batches; /* of an engine: answered / batches is the fill */
    /* gauges */
    size_t tables[VERIFY_TIERS], tables_max[VERIFY_TIERS];
    size_t table_octets, table_octets_max; /* tables in use; bound, with what finds them */
    enum verify_backend backend; /* what AUTO became */
};
void verify_kernel_counters(const struct verify_kernel *k, struct verify_counters *ret_counters);

/* One signature at once, by the reference, for certificates and cold paths. Never DECLINED. */
enum verify_answer_kind verify_one(const struct verify_item *item);
/* Fills r, s and r_form from a parsed signature; false if its curve is not the key's. */
bool verify_item_signature(struct verify_item *item, const struct ec_signature *sig);

/* ---- hashes ---- */

/* SHA-256 / SHA-384 of the concatenation of two runs (b may be empty). */
void v2x_sha256(struct span a, struct span b, uint8_t ret_hash[static 32]);
void v2x_sha384(struct span a, struct span b, uint8_t ret_hash[static 48]);

/* SHA-256 of the concatenation of some runs, for many messages at once: together they are cheaper than one by one, from two on,
 * with nothing to gain above some sixteen. Lengths need not match. A part that starts where a block of 64 octets does is read
 * in place, others are copied: best is one part, or a long one first. ret_hash may be part of a later job's input, not of the
 * same call's: digests in two stages are two calls, the first of which writes its hashes where the second reads them. */
struct v2x_sha256_job {
    const struct span *parts;
    size_t n_parts;
    uint8_t *ret_hash; /* 32 octets */
};
void v2x_sha256_batch(const struct v2x_sha256_job *jobs, size_t n);

#endif

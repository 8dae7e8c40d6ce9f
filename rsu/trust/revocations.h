/* A folder of signed lists, watched: revocation lists of both kinds and trust lists, judged against the cell's trust
 * certificates and published as views (v2x/trust_view.h).
 *
 * Files are known by their content: lists, composite files, and certificates of list signers. A list that was taken
 * stays in force until a newer one of its series and authority replaces it, whatever happens to its file; an older
 * one never replaces it, a delta counts only on the list before it. A bad file is refused with its name, offset and
 * reason, once for each change. An overdue revocation list is said to be so once and goes on counting; an overdue trust
 * list adds nothing any more, and what it deleted stays deleted. Trust lists add issuing certificates of roots that are trusted already; roots are
 * added only by the trust list manager that the operator names. The ledger's own judgement stays with genesis.
 *
 * One thread; the slot may be used by any. */
#ifndef WAYSIDE_RSU_TRUST_REVOCATIONS_H
#define WAYSIDE_RSU_TRUST_REVOCATIONS_H

#include "base/error.h"
#include "v2x/lists.h"
#include "v2x/trust_view.h"

#define REVOCATIONS_SCAN_US                                                                        \
    5000000 /* the folder is looked at this often, unless configured otherwise */
#define REVOCATIONS_LISTS_MAX 256
#define REVOCATIONS_FILE_MAX (64U << 20)

struct revocations_config {
    const char *dir; /* copied; NULL: no lists, only what is learned */
    const char *manager; /* file with the trust list manager's certificate; NULL: none */
    /* Folder of our own, made when missing, where lists in force are kept from one run to the next, so that no older one
     * comes back with a restart; copied. NULL: none. */
    const char *state;
    uint64_t scan_us; /* 0: REVOCATIONS_SCAN_US */
    const struct trust_store *base; /* borrowed; outlives every view */
    struct revocation_clock clock;
    struct revocation_limits limits;
    uint32_t ahead_s; /* a list may be issued so far in the future */
    size_t
        learned_max; /* issuing certificates learned from neighbours at most, at most REVOCATIONS_LEARNED_MAX; 0: none */
};

/* Why a file or list was not taken: what metrics call it. */
#define REVOCATIONS_REASONS(X)                                                                     \
    X(REFUSED_UNREADABLE, "unreadable")                                                            \
    X(REFUSED_MALFORMED, "malformed")                                                              \
    X(REFUSED_SIGNER_UNKNOWN, "signer_unknown")                                                    \
    X(REFUSED_SIGNER_INVALID, "signer_invalid")                                                    \
    X(REFUSED_SIGNATURE, "bad_signature")                                                          \
    X(REFUSED_PERMISSION, "no_permission")                                                         \
    X(REFUSED_AUTHORITY, "wrong_authority")                                                        \
    X(REFUSED_NOT_YET, "not_yet")                                                                  \
    X(REFUSED_ALGORITHM, "algorithm")                                                              \
    X(REFUSED_OVERDUE, "overdue")                                                                  \
    X(REFUSED_OLD, "old")                                                                          \
    X(REFUSED_SAME_SEQUENCE, "same_sequence")                                                      \
    X(REFUSED_NO_BASE, "no_base")                                                                  \
    X(REFUSED_LIMIT, "limit")
enum revocations_reason {
#define X(id, name) id,
    REVOCATIONS_REASONS(X)
#undef X
        REFUSED_REASONS
};
const char *revocations_reason_name(enum revocations_reason why);

/* What became of an issuing certificate that a neighbour sent. */
#define REVOCATIONS_LEARNED_MAX 64
#define REVOCATIONS_LEARNED(X)                                                                     \
    X(LEARNED_NEW, "learned")                                                                      \
    X(LEARNED_KNOWN, "known")                                                                      \
    X(LEARNED_REFUSED, "refused") /* does not chain to a root here, or is no issuer's */           \
    X(LEARNED_REVOKED, "revoked")                                                                  \
    X(LEARNED_TIME, "not_valid_now")                                                               \
    X(LEARNED_FULL, "full")
enum revocations_learned {
#define X(id, name) id,
    REVOCATIONS_LEARNED(X)
#undef X
        LEARNED_OUTCOMES
};
const char *revocations_learned_name(enum revocations_learned l);

struct revocations_counters {
    size_t lists; /* in force */
    size_t refused; /* lists and files refused at the last scan */
    uint64_t refused_total[REFUSED_REASONS]; /* in all scans that found a change */
    uint64_t scans; /* that found a change */
    uint64_t generation; /* of the view in force */
    size_t values, octets; /* linkage values in the set, and its memory */
    size_t learned; /* issuing certificates from neighbours */
    uint64_t offered[LEARNED_OUTCOMES];
};

/* A list in force. */
struct revocations_list {
    const char *name; /* of the file it came in; borrowed until the next tick */
    enum list_kind kind;
    bool delta;
    struct list_facts facts;
    const uint8_t *authority; /* 32 octets, borrowed like the name */
    uint32_t sequence;
    bool applied; /* false: it holds more than the limits allow */
    const struct signed_list *list; /* borrowed */
};

struct revocations;

/* Loads everything there is, completely. Fails only when the folder or the manager's certificate cannot be read. */
WARN_UNUSED int revocations_open(const struct revocations_config *cfg, uint32_t now_s,
    struct revocations **ret, struct ws_err *err);
void revocations_free(struct revocations *r); /* after the last reader of the slot */
/* Looks at the folder when it is time, works on the next set for some milliseconds at most, publishes it when it is
 * complete. True: more work is waiting. now_s: cell clock (Time32). */
bool revocations_tick(struct revocations *r, uint64_t mono_us, uint32_t now_s);
/* An issuing certificate that came in a verified message (peer-to-peer distribution). It counts from one of the next ticks on
 * if it chains to a root of the store, is valid now and not revoked; never a root. It is forgotten when it runs out and with the
 * process. The ledger's own judgement stays with genesis. */
enum revocations_learned revocations_learn(struct revocations *r, struct span cert, uint32_t now_s);
/* Looks at the folder with the next tick, changed or not. */
void revocations_reload(struct revocations *r);
size_t revocations_count(const struct revocations *r);
struct revocations_list revocations_at(
    const struct revocations *r, size_t i); /* i < count, asserted */
struct trust_slot *revocations_slot(struct revocations *r);
struct revocations_counters revocations_read_counters(const struct revocations *r);
/* What was refused at the last scan, one line each; "" if nothing. */
const char *revocations_refused(const struct revocations *r);

#endif

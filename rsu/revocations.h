/* A folder of signed lists, watched: revocation lists of both kinds and trust lists, judged against the cell's trust
 * certificates and published as views (v2x/trust_view.h).
 *
 * Files are known by their content: lists, composite files, and certificates of list signers. A list that was taken
 * stays in force until a newer one of its series and authority replaces it, whatever happens to its file; an older
 * one never replaces it, a delta counts only on the list before it. A bad file is refused with its name, offset and
 * reason, once for each change. Trust lists add issuing certificates of roots that are trusted already; roots are
 * added only by the trust list manager that the operator names. The ledger's own judgement stays with genesis.
 *
 * One thread; the slot may be used by any. */
#ifndef WAYSIDE_RSU_REVOCATIONS_H
#define WAYSIDE_RSU_REVOCATIONS_H

#include "base/error.h"
#include "v2x/trust_view.h"

#define REVOCATIONS_SCAN_US 5000000 /* the folder is looked at this often */
#define REVOCATIONS_LISTS_MAX 256
#define REVOCATIONS_FILE_MAX (64U << 20)

struct revocations_config {
    const char *dir; /* copied */
    const char *manager; /* file with the trust list manager's certificate; NULL: none */
    const struct trust_store *base; /* borrowed; outlives every view */
    struct revocation_clock clock;
    struct revocation_limits limits;
    uint32_t ahead_s; /* a list may be issued so far in the future */
};

struct revocations_counters {
    size_t lists; /* in force */
    size_t
        refused; /* lists and files refused at the last scan; older ones of a series are not among them */
    uint64_t scans; /* that found a change */
    uint64_t generation; /* of the view in force */
    size_t values, octets; /* linkage values in the set, and its memory */
};

struct revocations;

/* Loads everything there is, completely. Fails only when the folder or the manager's certificate cannot be read. */
WARN_UNUSED int revocations_open(const struct revocations_config *cfg, uint32_t now_s,
    struct revocations **ret, struct ws_err *err);
void revocations_free(struct revocations *r); /* after the last reader of the slot */
/* Looks at the folder when it is time, works on the next set for some milliseconds at most, publishes it when it is
 * complete. True: more work is waiting. now_s: cell clock (Time32). */
bool revocations_tick(struct revocations *r, uint64_t mono_us, uint32_t now_s);
struct trust_slot *revocations_slot(struct revocations *r);
struct revocations_counters revocations_read_counters(const struct revocations *r);
/* What was refused at the last scan, one line each; "" if nothing. */
const char *revocations_refused(const struct revocations *r);

#endif

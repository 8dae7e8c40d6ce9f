/* Signed lists as files hold them: which they are, who signed them and whether that signer may. One thread; what is
 * read borrows the file's octets. */
#ifndef WAYSIDE_V2X_LISTS_H
#define WAYSIDE_V2X_LISTS_H

#include "base/bytes.h"
#include "v2x/crl.h"
#include "v2x/ctl.h"
#include "v2x/spdu.h"
#include "v2x/trust.h"

enum list_kind { LIST_CRL, LIST_ETSI_CRL, LIST_RCA_CTL, LIST_ECTL };
const char *list_kind_text(enum list_kind k);

struct signed_list {
    enum list_kind kind;
    size_t at; /* offset in the file */
    struct spdu spdu;
    union {
        struct crl crl;
        struct etsi_crl etsi;
        struct ctl ctl;
    };
};

/* Most lists in one composite file. */
#define LISTS_IN_FILE 64

/* A file with one list, or a composite file of the SCMS (its prefix is 00 and a count, lists about electors follow and
 * are passed over). The text names the offset. ret_lists: room for LISTS_IN_FILE. */
WARN_UNUSED int lists_read(
    struct span file, struct signed_list *ret_lists, size_t *ret_n, struct ws_err *err);

struct list_trust {
    const struct trust_store *store;
    /* Certificates that may sign lists and are no issuers: CRL generators, and the operator's trust list managers
     * (self-signed). Parsed; n may be 0. */
    const struct cert *others;
    size_t n_others;
    uint32_t now_s; /* Time32 */
    uint32_t ahead_s; /* how far ahead of our clock a list may be issued */
};

enum list_verdict {
    LIST_OK,
    LIST_SIGNER_UNKNOWN,
    LIST_SIGNER_INVALID,
    LIST_BAD_SIGNATURE,
    LIST_NO_PERMISSION,
    LIST_WRONG_AUTHORITY,
    LIST_NOT_YET,
    LIST_ALGORITHM,
    LIST_OUTDATED, /* trust lists only: a revocation stays one */
};
const char *list_verdict_text(enum list_verdict v);

/* Signature, signer's chain, permission for this kind of list, authority and series, issue time. On LIST_OK
 * ret_authority is SHA-256 of the certificate that the listed ones must chain up to: the CRACA, the root that
 * signed, or the trust list manager. */
enum list_verdict list_check(
    const struct signed_list *l, const struct list_trust *t, uint8_t ret_authority[static 32]);

/* Number that grows with the lists of one series of one authority; ETSI trust lists count modulo 256. */
uint32_t list_sequence(const struct signed_list *l);
bool list_is_delta(const struct signed_list *l);

/* What a list says about itself, believed or not. */
struct list_facts {
    bool has_signer; /* false: signed by nobody who has a certificate */
    uint8_t signer[8]; /* HashedId8 */
    uint32_t issued_s; /* Time32; 0: a trust list that does not say */
    uint32_t next_s; /* Time32: when the next one was due */
    size_t entries; /* certificates, devices and groups, authorities, or commands */
};
struct list_facts list_facts(const struct signed_list *l);

/* One line, for people. */
void list_describe(const struct signed_list *l, struct buf *ret_text);
/* One line for each list of a file; WS_EINPUT if it is none. */
WARN_UNUSED int lists_describe(struct span file, struct buf *ret_text, struct ws_err *err);

#endif

/* Certificate trust lists of ETSI TS 102 941 (CtlFormat): a root's list of its authorities, and the trust list
 * manager's list of roots. The signed payload only; envelope and signer are lists.h's business. Zero-copy, any
 * thread, allocates nothing. */
#ifndef WAYSIDE_V2X_CTL_H
#define WAYSIDE_V2X_CTL_H

#include "v2x/cert.h"

enum ctl_entry { CTL_ROOT, CTL_EA, CTL_AA, CTL_DC, CTL_TLM };
/* Bit of an entry's kind in the list permission (SSP: version 1, then this octet). */
static inline uint8_t ctl_permission_bit(enum ctl_entry e) {
    static const uint8_t bit[] = {0x40, 0x20, 0x10, 0x08, 0x80};
    return bit[e];
}

struct ctl {
    uint32_t next_update_s; /* Time32: afterwards the list adds nothing any more */
    bool full;
    uint8_t sequence; /* counts on modulo 256 */
    size_t n; /* commands */
    uint8_t kinds; /* permission bits of the entries that are added */
    struct span commands; /* for ctl_walk */
};

struct ctl_command {
    bool add;
    enum ctl_entry entry; /* add */
    struct cert cert; /* add, of every kind but CTL_DC */
    const uint8_t
        *id; /* delete: HashedId8; NULL: access point of a distribution centre, nothing to us */
};
typedef void (*ctl_visitor)(void *ctx, const struct ctl_command *command);

/* The cursor is behind the CHOICE of the content; reads to its end. */
WARN_UNUSED bool ctl_read(struct coer *c, struct ctl *ret_ctl);
void ctl_walk(const struct ctl *c, ctl_visitor visit, void *ctx);

#endif

/* A writer of signed lists for tests: payloads of every kind and the envelope around them. */
#ifndef WAYSIDE_TESTS_SUPPORT_LISTS_H
#define WAYSIDE_TESTS_SUPPORT_LISTS_H

#include "base/bytes.h"
#include "v2x/crl.h"
#include "v2x/sign.h"

struct crl_writer {
    enum crl_form form;
    uint16_t series;
    const uint8_t *craca; /* 8 octets */
    uint32_t issued_s, next_s;
    uint32_t serial; /* linked: iRev * 256 + index */
    bool modern; /* hash entries with a preamble */
    const uint8_t (*ids)[10];
    size_t n_ids;
    const struct crl_seeds *seeds; /* devices first, then groups */
    size_t n_seeds;
};
void list_put_crl(struct buf *b, const struct crl_writer *w);
void list_put_etsi_crl(
    struct buf *b, uint32_t this_s, uint32_t next_s, const uint8_t (*ids)[8], size_t n);
/* Head of a trust list with n commands, which the caller appends with the functions below. */
void list_put_ctl(
    struct buf *b, bool manager, uint32_t next_s, bool full, uint8_t sequence, size_t n);
void list_put_add(
    struct buf *b, unsigned entry, struct span cert); /* 0 root, 1 EA, 2 AA, 4 manager */
void list_put_delete(struct buf *b, const uint8_t id8[static 8]);
/* The envelope: signed by cert's key, by digest unless whole. */
void list_sign(struct buf *b, uint64_t psid, uint64_t generation_us, struct span payload,
    const struct sign_key *key, struct span cert, bool whole);

#endif

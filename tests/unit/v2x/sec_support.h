/* Help for the tests of secured messages: captures, signers. */
#ifndef WAYSIDE_TESTS_UNIT_V2X_SEC_SUPPORT_H
#define WAYSIDE_TESTS_UNIT_V2X_SEC_SUPPORT_H

#include "v2x/sign.h"
#include "v2x/spdu.h"
#include "v2x/trust.h"
#include "v2x/verify.h"

#include <stdio.h>

/* Is there such a file or folder below the data folder? */
bool test_sec_have(const char *name);
/* "<data folder>/name" */
void test_sec_path(char dst[static 512], const char *name);

/* Frames of a capture, copied. */
struct test_frames {
    struct buf octets;
    size_t n;
    size_t at[600];
    size_t len[600];
};
bool test_frames_load(const char *name, struct test_frames *ret_frames); /* false: not there */
void test_frames_free(struct test_frames *f);
static inline struct span test_frame(const struct test_frames *f, size_t i) {
    return span_of(f->octets.p + f->at[i], f->len[i]);
}

/* The certificate in these octets; asserts that it is read. */
struct cert test_cert(struct span octets);
/* One of which most is a pattern, in a buffer that the caller frees. optional: the bits of ToBeSignedCertificate's preamble; two
 * parts of what these announce, in hex. */
struct cert test_bare_cert(struct buf *b, unsigned optional, const char *hex, const char *more_hex);

/* The message in an Ethernet frame; asserts that it is read. */
struct spdu test_spdu_of_gn_frame(struct span frame);
struct spdu test_spdu_of_wsmp_frame(struct span frame);
struct spdu test_spdu(struct span octets);

struct test_signer {
    struct verify_key *key;
    uint8_t hash[32];
};
void test_signer_of(const struct cert *c, struct test_signer *ret_signer);
enum verify_answer_kind test_verify(const struct spdu *m, const struct test_signer *signer);

#endif

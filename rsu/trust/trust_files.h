/* Trust certificates from files: COER, or text as cert_text.h has it; one or several in a file, one behind the other; any
 * names, folders within folders. One thread. */
#ifndef WAYSIDE_RSU_TRUST_TRUST_FILES_H
#define WAYSIDE_RSU_TRUST_TRUST_FILES_H

#include "base/bytes.h"
#include "base/error.h"
#include "v2x/trust.h"

#define TRUST_FILE_OCTETS (16U << 20) /* larger files are refused */
#define TRUST_FILES_DEPTH 4 /* folders within folders */

struct trust_files {
    size_t n, room;
    struct buf *cert; /* octets of each, owned */
    char **from; /* "pki/all.pem: certificate 2" */
};
void trust_files_free(struct trust_files *t);

/* All certificates of a file or folder, in the order of names, parsed and nothing more. More than max is WS_ELIMIT. The
 * text names the file, the certificate and the octet. *ret may be non-empty; free it after a failure as well. ret_bad NULL:
 * one bad file is a failure; else each has a line there, and what comes before the bad place counts. */
WARN_UNUSED int trust_files_read(
    const char *path, size_t max, struct trust_files *ret, struct buf *ret_bad, struct ws_err *err);

/* The same, each once, roots first and each issuing certificate after its issuer. One that does not chain to a root
 * among them is an error, which says why; *ret is then empty. */
WARN_UNUSED int trust_files_load(
    const char *path, size_t max, struct trust_files *ret, struct ws_err *err);

/* Adds a root or an issuing certificate. False: *ret_why (cleared first) says which rule it breaks. */
bool trust_files_add(struct trust_store *t, struct span cert, struct buf *ret_why);

#endif

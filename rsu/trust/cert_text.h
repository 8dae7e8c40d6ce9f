/* What people keep certificates, messages and lists in: octets as they are; hex digits; base64; blocks of base64 between
 * -----BEGIN ...----- and -----END ...-----. Any thread. */
#ifndef WAYSIDE_RSU_TRUST_CERT_TEXT_H
#define WAYSIDE_RSU_TRUST_CERT_TEXT_H

#include "base/bytes.h"
#include "base/error.h"

/* Text becomes octets, in place: all lines of digits or all blocks one behind the other. White space, colons between hex
 * digits and lines that begin with # do not count. What is not text (no 1609.2 structure looks like it) stays. *ret_text
 * (may be NULL): it was text. The error names the line. */
WARN_UNUSED int cert_text_decode(struct buf *io, bool *ret_text, struct ws_err *err);

#endif

/* What the verbs of `rsuctl trust` share. Internal to rsu/ctl_trust*.c. */
#ifndef WAYSIDE_RSU_CTL_TRUST_H
#define WAYSIDE_RSU_CTL_TRUST_H

#include "rsu/ctl.h"
#include "v2x/trust.h"

/* Larger files are no certificates and no single messages. */
#define CTL_TRUST_OCTETS 65535

/* Store of the certificates in dir; NULL: an empty one. CTL_DONE, or the exit code after saying what is wrong. */
WARN_UNUSED int ctl_trust_open(
    const struct ctl_verb *v, const char *dir, struct trust_store **ret_store);
/* A file's octets: as they are, or from hex digits with white space between them. */
WARN_UNUSED int ctl_trust_read(const char *path, struct buf *ret, struct ws_err *err);

#endif

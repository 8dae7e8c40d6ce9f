/* What the verbs of `rsuctl trust` share. Internal to rsu/ctl_trust*.c. */
#ifndef WAYSIDE_RSU_CTL_TRUST_H
#define WAYSIDE_RSU_CTL_TRUST_H

#include "rsu/ctl.h"
#include "v2x/trust.h"

/* Larger files are no certificates and no single messages. */
#define CTL_TRUST_OCTETS 65535
/* Most trust certificates, unless --max-certs says otherwise, and the most that it may say. */
#define CTL_TRUST_CERTS 4096
#define CTL_TRUST_CERTS_MAX 1000000

/* Store of at most max certificates in path (file or folder); NULL: an empty one. CTL_DONE, or the exit code after saying
 * what is wrong. */
WARN_UNUSED int ctl_trust_open(
    const struct ctl_verb *v, const char *path, uint64_t max, struct trust_store **ret_store);

#endif

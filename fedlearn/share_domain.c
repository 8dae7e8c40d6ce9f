#include "fedlearn/share_domain.h"

#include "base/assert.h"
#include "ledger/exec/hash.h"

enum { PARTS_MAX = 8 };

void fl_domain(enum fl_purpose purpose, uint8_t ret[static FL_DOMAIN_OCTETS]) {
    static const uint8_t tag[16] = "WAYSIDE-FL";
    memcpy(ret, tag, sizeof(tag));
    ret[16] = FL_FORMAT_VERSION;
    ret[17] = (uint8_t)purpose;
}

void fl_hash(
    enum fl_purpose purpose, const struct span *parts, size_t n, uint8_t ret_hash[static FL_HASH]) {
    uint8_t domain[FL_DOMAIN_OCTETS];
    struct span all[PARTS_MAX + 1];
    WS_ASSERT(n <= PARTS_MAX);
    fl_domain(purpose, domain);
    all[0] = span_of(domain, sizeof(domain));
    for (size_t i = 0; i < n; i++)
        all[i + 1] = parts[i];
    exec_sha256(all, n + 1, ret_hash);
}

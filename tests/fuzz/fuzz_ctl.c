/* Trust lists: what is read can be walked through, and every certificate in it is whole. */
#include "base/assert.h"
#include "v2x/ctl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void visit(void *ctx, const struct ctl_command *c) {
    struct cert again;
    size_t at;
    ++*(size_t *)ctx;
    if (c->add && c->cert.all.n > 0)
        WS_ASSERT(cert_parse(c->cert.all, &again, &at) == COER_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct coer c = coer_of(span_of(data, size));
    struct ctl ctl;
    size_t n = 0;
    if (!ctl_read(&c, &ctl))
        return 0;
    ctl_walk(&ctl, visit, &n);
    WS_ASSERT(n == ctl.n);
    return 0;
}

#include "pktio/verdict.h"

#include "base/assert.h"

static const char *const names[] = {
#define X(id, name, text) [id] = (name),
    PKT_VERDICTS(X)
#undef X
};

static const char *const texts[] = {
#define X(id, name, text) [id] = (text),
    PKT_VERDICTS(X)
#undef X
};

const char *pkt_verdict_name(enum pkt_verdict v) {
    WS_ASSERT(v < PKT_VERDICT_COUNT);
    return names[v];
}

const char *pkt_verdict_text(enum pkt_verdict v) {
    WS_ASSERT(v < PKT_VERDICT_COUNT);
    return texts[v];
}

#include "rsu/obus/listen.h"

#include "base/clock.h"
#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "pktio/capture.h"
#include "v2x/carrier.h"
#include "v2x/psid.h"
#include "v2x/spdu.h"

#include <inttypes.h>
#include <stdlib.h>

enum { GENESIS_MAX = 16U << 20 };

int sim_listener_begin(
    struct sim_listener *l, struct span genesis, bool no_clock, struct ws_err *err) {
    *l = (struct sim_listener){.crypto = {exec_sha256, exec_verify},
        .params = light_params_default(),
        .no_clock = no_clock};
    return light_trust_genesis(exec_sha256, genesis, &l->trust, err);
}

/* Empty: the frame carries no fragment. */
static struct span fragment_of(const struct pkt_frame *f) {
    struct carrier c;
    struct spdu m;
    size_t at;
    uint16_t port;
    if (carrier_read(f->link, f->data, &c) != CARRIER_SECURED ||
        spdu_parse(c.message, &m, &at) != COER_OK || m.psid != PSID_MAP_OBSERVATION)
        return (struct span){0};
    struct span app = spdu_app_payload(&m, &port);
    if (app.n < 2 || app.p[0] != FRAGMENT_ON_AIR)
        return (struct span){0};
    return span_of(app.p + 1, app.n - 1);
}

static void take_handover(struct sim_listener *l, struct span octets, uint64_t now) {
    struct handover *o = ws_alloc(sizeof(*o));
    enum light_verdict v = LIGHT_MALFORMED;
    l->whole++;
    if (handover_decode(l->crypto.hash, octets, o, NULL) == WS_OK) {
        v = light_cross(&l->crypto, &l->params, &l->trust, o, now, NULL);
        if (v == LIGHT_NOT_NEWER)
            l->known++;
        else if (v == LIGHT_OK)
            l->verified++;
    }
    if (v != LIGHT_OK && v != LIGHT_NOT_NEWER)
        l->refused[v]++;
    free(o);
}

void sim_listener_take(struct sim_listener *l, const struct pkt_frame *f) {
    struct span whole;
    struct span fragment = fragment_of(f);
    l->frames++;
    if (fragment.n == 0)
        return;
    l->fragments++;
    switch (fragment_take(l->crypto.hash, &l->pool, fragment, &whole)) {
    case FRAGMENT_MALFORMED:
        l->malformed++;
        break;
    case FRAGMENT_SPOILED:
        l->spoiled++;
        break;
    case FRAGMENT_WHOLE:
        take_handover(l, whole,
            l->no_clock ? LIGHT_NO_CLOCK : its_from_unix_us((int64_t)(f->stamp_ns / 1000)));
        break;
    case FRAGMENT_HELD:
    case FRAGMENT_KNOWN:
        break;
    }
}

void sim_listener_sum_up(const struct sim_listener *l, struct buf *b) {
    uint64_t refused = 0;
    for (int v = 0; v < LIGHT_VERDICT_COUNT; v++)
        refused += l->refused[v];
    buf_printf(b,
        "heard: %" PRIu64 " frames, %" PRIu64 " fragments of handovers, %" PRIu64
        " malformed, %" PRIu64 " spoiled\n",
        l->frames, l->fragments, l->malformed, l->spoiled);
    buf_printf(b,
        "handovers: %" PRIu64 " whole, %" PRIu64 " verified, %" PRIu64 " known, %" PRIu64
        " refused\n",
        l->whole, l->verified, l->known, refused);
    for (int v = 0; v < LIGHT_VERDICT_COUNT; v++) {
        if (l->refused[v] > 0)
            buf_printf(b, "refused: %" PRIu64 " %s\n", l->refused[v],
                light_verdict_text((enum light_verdict)v));
    }
    buf_printf(b, "trusts the %zu validators that sign from height %" PRIu64 " on\n",
        l->trust.next.n, l->trust.height + 1);
}

int sim_listen(const char *capture, const char *genesis, bool no_clock, struct buf *summary,
    struct ws_err *err) {
    struct buf octets = {0};
    struct capture *c = NULL;
    struct sim_listener *l = ws_alloc(sizeof(*l));
    int rc = file_read(genesis, GENESIS_MAX, &octets, err);
    if (rc == WS_OK && sim_listener_begin(l, buf_span(&octets), no_clock, err) != WS_OK)
        rc = ws_fail_in(err, "%s", genesis);
    if (rc == WS_OK)
        rc = capture_open(capture, 0, &c, err);
    struct pkt_frame f;
    for (int more = 1; rc == WS_OK && more > 0;) {
        more = capture_next(c, &f, err);
        if (more > 0)
            sim_listener_take(l, &f);
        rc = more < 0 ? more : WS_OK;
    }
    if (rc == WS_OK)
        sim_listener_sum_up(l, summary);
    capture_close(c);
    buf_free(&octets);
    free(l);
    return rc;
}

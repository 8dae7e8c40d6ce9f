/* Any frame through carrier_read, the first octet choosing the link type. What is found lies in the
 * frame, padding behind the frame changes nothing, and headers written for it are read back. */
#include "base/assert.h"
#include "v2x/carrier.h"
#include "v2x/gn.h"
#include "v2x/wsmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_padded(enum frame_link link, struct span frame, const struct carrier *c,
    enum carrier_verdict verdict) {
    struct buf b = {0};
    buf_put(&b, frame.p, frame.n);
    buf_u32(&b, 0x03810000);
    struct carrier padded;
    WS_ASSERT(carrier_read(link, buf_span(&b), &padded) == verdict);
    WS_ASSERT(span_equal(padded.message, c->message));
    WS_ASSERT(padded.source == c->source);
    buf_free(&b);
}

static void check_wsmp(const struct carrier *c) {
    struct buf b = {0};
    struct wsmp w;
    wsmp_put(&b, c->psid, c->message);
    WS_ASSERT(wsmp_read(buf_span(&b), &w) == WSMP_OK);
    WS_ASSERT(w.psid == c->psid);
    WS_ASSERT(span_equal(w.message, c->message));
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const enum frame_link links[] = {LINK_ETHERNET, LINK_RAW_IP, LINK_IPV4, LINK_IPV6,
        LINK_80211, LINK_RADIOTAP, LINK_PPI, LINK_COOKED, LINK_COOKED2, LINK_USER_FIRST};
    if (size == 0)
        return 0;
    enum frame_link link = links[data[0] % ARRAY_LEN(links)];
    struct span frame = span_of(data + 1, size - 1);
    struct carrier c;
    enum carrier_verdict verdict = carrier_read(link, frame, &c);
    WS_ASSERT(verdict < CARRIER_VERDICT_COUNT);
    if (verdict != CARRIER_SECURED && verdict != CARRIER_BARE) {
        WS_ASSERT(c.message.n == 0);
        return 0;
    }
    WS_ASSERT(c.message.n > 0);
    WS_ASSERT(c.message.p >= frame.p);
    WS_ASSERT(c.message.p + c.message.n <= frame.p + frame.n);
    if (verdict == CARRIER_SECURED)
        WS_ASSERT(c.message.n >= 2 && c.message.p[0] == 3);
    /* Octets more may make another reading of a user type fit first. */
    bool names_length =
        c.kind != CARRIER_DIRECT && (c.kind != CARRIER_GN || verdict == CARRIER_BARE);
    if (names_length && link != LINK_USER_FIRST)
        check_padded(link, frame, &c, verdict);
    if (c.has_psid)
        check_wsmp(&c);
    if (c.kind == CARRIER_GN && verdict == CARRIER_BARE) {
        struct gn_pdu gn;
        WS_ASSERT(gn_read(c.gn_pdu, &gn) == GN_OK);
        WS_ASSERT(span_equal(gn.payload, c.message));
        WS_ASSERT(gn.btp_port == c.btp_port);
    }
    return 0;
}

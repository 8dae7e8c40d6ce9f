/* What authorised signers may say, one message after the other, before the detectors of plausibility. Input, for each message:
 * an octet of kinds (psid, GeoNetworking around it, a location, the signer), the time as steps of 10 ms from the one before,
 * or whole; the location; an octet of length and the content. Times and places are those that a message gets here with. */
#include "base/assert.h"
#include "pktio/message.h"
#include "pktio/plausibility.h"
#include "v2x/gn.h"
#include "v2x/psid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HAS_GN = 0x04, HAS_LOCATION = 0x08, WHOLE_TIME = 0x80, HAS_PLACE = 1 };

/* A signed message as far as a reader of its content looks: the signature is nobody's. */
static void put_message(struct buf *b, uint64_t psid, struct span payload) {
    buf_u32(b, 0x03810040);
    buf_u16(b, 0x0380);
    if (payload.n >= 0x80)
        buf_u8(b, payload.n >= 0x100 ? 0x82 : 0x81);
    if (payload.n >= 0x100)
        buf_u8(b, (uint8_t)(payload.n >> 8));
    buf_u8(b, (uint8_t)payload.n);
    buf_put(b, payload.p, payload.n);
    buf_u16(b, 0x0001);
    buf_u8(b, (uint8_t)psid);
    buf_u8(b, 0x80);
    buf_u64(b, 1);
    buf_u16(b, 0x8080);
    memset(buf_grow(b, 64), 1, 64);
}

#define FIRST_US UINT64_C(700000000000000)
#define SPAN_US UINT64_C(100000000000000)

static void read_one(struct rd *r, uint64_t *time_us, struct pkt_message *ret) {
    static const uint64_t psids[] = {PSID_CAM, PSID_DENM, PSID_BSM, PSID_MAP_OBSERVATION};
    uint8_t kind = rd_u8(r);
    *ret = (struct pkt_message){.psid = psids[kind % 4], .source = kind >> 6};
    ret->carrier = (kind & HAS_GN) != 0 ? CARRIER_GN : CARRIER_WSMP;
    ret->cert_hash[0] = kind >> 4 & 7;
    if ((kind & WHOLE_TIME) != 0)
        *time_us = rd_u64(r);
    else
        *time_us += (uint64_t)(int64_t)(int16_t)rd_u16(r) * 10000;
    /* The pipeline hands on what is fresh by the cell's clock, which no field of a message sets. */
    *time_us = FIRST_US + (*time_us - FIRST_US) % SPAN_US;
    ret->generation_time = ret->received_its_us = *time_us;
    ret->has_location = (kind & HAS_LOCATION) != 0;
    if (ret->has_location) {
        ret->lat = (int32_t)((int64_t)(rd_u32(r) % 1800000002) - 900000000);
        ret->lon = (int32_t)((int64_t)(rd_u32(r) % 3600000002) - 1800000000);
    }
    size_t n = rd_u8(r);
    struct span content = rd_take(r, n < rd_left(r) ? n : rd_left(r));
    struct buf payload = {0};
    struct buf spdu = {0};
    if ((kind & HAS_GN) != 0) {
        struct gn_source src = {.address = kind};
        gn_put_shb(&payload, &src, ret->psid == PSID_DENM ? 2002 : 2001, content);
    } else {
        buf_put(&payload, content.p, content.n);
    }
    put_message(&spdu, ret->psid, buf_span(&payload));
    WS_ASSERT(spdu.n <= sizeof(ret->octets));
    memcpy(ret->octets, spdu.p, spdu.n);
    ret->spdu = span_of(ret->octets, spdu.n);
    buf_free(&spdu);
    buf_free(&payload);
}

static void check(const struct plausibility *p) {
    struct buf b = {0};
    WS_ASSERT((p->flags & ~p->judged) == 0);
    for (unsigned f = 0; f < PLAUSIBILITY_FLAG_COUNT; f++) {
        WS_ASSERT(p->over[f] <= PLAUSIBILITY_OVER_MAX);
        WS_ASSERT(p->over[f] == 0 || (p->flags >> f & 1) != 0);
    }
    plausibility_print(p, &b);
    WS_ASSERT(b.n > 0);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rd r = rd_of(span_of(data, size));
    uint8_t mode = rd_u8(&r);
    const struct plausibility_config cfg = {.tracks = 8,
        .has_place = (mode & HAS_PLACE) != 0,
        .lat = 480000000,
        .lon = (mode & 2) != 0 ? 1799999999 : 110000000,
        .reach_m = (mode & 4) != 0 ? UINT32_MAX : 1500};
    struct plausibility_tracks *one = plausibility_new(&cfg);
    struct plausibility_tracks *two = plausibility_new(&cfg);
    static struct pkt_message m;
    uint64_t time_us = FIRST_US + SPAN_US / 2;
    while (rd_left(&r) > 0) {
        struct plausibility_sample s;
        struct plausibility a = {0};
        struct plausibility b = {0};
        read_one(&r, &time_us, &m);
        plausibility_read(&m, &s);
        WS_ASSERT(!s.has_position ||
                  (s.lat <= 900000000 && s.lon <= 1800000000)); /* unknown is no place */
        plausibility_judge(one, &s, &a);
        plausibility_judge(two, &s, &b);
        check(&a);
        WS_ASSERT(a.judged == b.judged && a.flags == b.flags);
        WS_ASSERT(memcmp(a.over, b.over, sizeof(a.over)) == 0);
    }
    struct plausibility_counters n = plausibility_counters(one);
    WS_ASSERT(n.used <= n.tracks);
    plausibility_free(one);
    plausibility_free(two);
    return 0;
}

#include "v2x/gn.h"

#include "base/assert.h"

enum {
    COMMON_HEADER = 8,
    LPV = 24,
    BTP = 4,
    NEXT_ANY = 0,
    NEXT_BTP_A = 1,
    NEXT_BTP_B = 2,
    NEXT_IPV6 = 3,
    GBC_CIRCLE = 0x40,
    SHB = 0x50,
    SHB_EXTENDED = LPV + 4,
    STATION_RSU = 15
};

/* Octets between common header and payload, and where in them the source's long position vector is.
 * EN 302 636-4-1, clause 9.8; 0 octets: no such header type. */
struct extended {
    uint8_t octets;
    uint8_t lpv_at;
};

static struct extended extended_of(uint8_t header_type) {
    switch (header_type) {
    case 0x10: /* beacon */
        return (struct extended){LPV, 0};
    case 0x20: /* GeoUnicast */
    case 0x61: /* location service reply */
        return (struct extended){4 + LPV + 20, 4};
    case 0x30: /* GeoAnycast: circle, rectangle, ellipse */
    case 0x31:
    case 0x32:
    case GBC_CIRCLE: /* GeoBroadcast: circle, rectangle, ellipse */
    case 0x41:
    case 0x42:
        return (struct extended){4 + LPV + 16, 4};
    case SHB:
        return (struct extended){SHB_EXTENDED, 0};
    case 0x51: /* topologically scoped broadcast */
        return (struct extended){4 + LPV, 4};
    case 0x60: /* location service request */
        return (struct extended){4 + LPV + 8, 4};
    default:
        return (struct extended){0, 0};
    }
}

static void read_position(struct rd lpv, struct gn_pdu *pdu) {
    pdu->address = rd_u64(&lpv);
    pdu->timestamp_ms = rd_u32(&lpv);
    pdu->lat = rd_i32(&lpv);
    pdu->lon = rd_i32(&lpv);
    /* Accuracy flag in front, then a signed number of 15 bits. */
    unsigned speed = rd_u16(&lpv) & 0x7fffU;
    pdu->speed = (int16_t)(speed >= 0x4000 ? (int)speed - 0x8000 : (int)speed);
    pdu->heading = rd_u16(&lpv);
    pdu->has_position = pdu->lat >= -900000000 && pdu->lat <= 900000000 &&
                        pdu->lon >= -1800000000 && pdu->lon <= 1800000000;
}

enum gn_fail gn_read(struct span from_common_header, struct gn_pdu *ret_pdu) {
    struct rd r = rd_of(from_common_header);
    struct gn_pdu pdu = {0};
    uint8_t next = rd_u8(&r) >> 4;
    pdu.header_type = rd_u8(&r);
    (void)rd_u16(&r); /* traffic class and flags */
    uint16_t length = rd_u16(&r);
    (void)rd_u16(&r); /* maximum hop limit and a reserved octet */
    if (r.bad)
        return GN_TRUNCATED;
    if (next > NEXT_IPV6)
        return GN_NEXT_HEADER;
    struct extended ext = extended_of(pdu.header_type);
    if (ext.octets == 0)
        return GN_HEADER_TYPE;
    struct rd lpv = rd_of(rd_take(&r, ext.octets));
    struct rd body = rd_of(rd_take(&r, length));
    if (r.bad)
        return GN_TRUNCATED;
    (void)rd_take(&lpv, ext.lpv_at);
    read_position(lpv, &pdu);
    if (next == NEXT_BTP_A || next == NEXT_BTP_B) {
        pdu.btp_port = rd_u16(&body);
        (void)rd_u16(&body); /* source port, or information about the destination port */
        if (body.bad)
            return GN_LENGTH;
    }
    pdu.payload = rd_take(&body, rd_left(&body));
    *ret_pdu = pdu;
    return GN_OK;
}

static void put_common(
    struct buf *b, const struct gn_source *src, uint8_t header_type, struct span payload) {
    WS_ASSERT(payload.n <= UINT16_MAX - BTP);
    bool mobile = (src->address >> 58 & 0x1f) != STATION_RSU;
    buf_u8(b, NEXT_BTP_B << 4);
    buf_u8(b, header_type);
    buf_u8(b, 2); /* traffic class: no store-carry-forward, no offload, data profile 2 */
    buf_u8(b, mobile ? 0x80 : 0);
    buf_u16(b, (uint16_t)(BTP + payload.n));
    buf_u8(b, 1); /* maximum hop limit */
    buf_u8(b, 0);
}

static void put_lpv(struct buf *b, const struct gn_source *src) {
    buf_u64(b, src->address);
    buf_u32(b, src->timestamp_ms);
    buf_i32(b, src->lat);
    buf_i32(b, src->lon);
    buf_u16(b, (uint16_t)((uint16_t)src->speed & 0x7fff)); /* accuracy not claimed */
    buf_u16(b, src->heading);
}

static void put_btp_b(struct buf *b, uint16_t port, struct span payload) {
    buf_u16(b, port);
    buf_u16(b, 0);
    buf_put(b, payload.p, payload.n);
}

void gn_put_shb(
    struct buf *b, const struct gn_source *src, uint16_t btp_port, struct span payload) {
    put_common(b, src, SHB, payload);
    put_lpv(b, src);
    buf_u32(b, 0); /* channel load not measured */
    put_btp_b(b, btp_port, payload);
}

void gn_put_gbc(struct buf *b, const struct gn_source *src, const struct gn_circle *area,
    uint16_t btp_port, struct span payload) {
    put_common(b, src, GBC_CIRCLE, payload);
    buf_u16(b, area->sequence);
    buf_u16(b, 0);
    put_lpv(b, src);
    buf_i32(b, area->lat);
    buf_i32(b, area->lon);
    buf_u16(b, area->radius_m); /* distance a; b and the angle say nothing of a circle */
    buf_u16(b, 0);
    buf_u16(b, 0);
    buf_u16(b, 0);
    put_btp_b(b, btp_port, payload);
}

#include "v2x/wsmp.h"

#include "base/assert.h"

enum { VERSION = 3, OPTIONS = 0x08, TPID_PSID = 0, TPID_PSID_OPTIONS = 1 };

/* First values of the two-, three- and four-octet PSID forms (1609.12, p-encoding). */
enum { PSID_2 = 0x80, PSID_3 = 0x4080, PSID_4 = 0x204080 };

/* Count and length fields (1609.3, clause 8.1.3): one octet below 128, else 14 bits behind 10. A value
 * has one form; the longer form of a small value is refused. */
static size_t read_number(struct rd *r, bool *bad_form) {
    uint8_t first = rd_u8(r);
    if (first < 0x80)
        return first;
    size_t v = (size_t)(first & 0x3f) << 8 | rd_u8(r);
    if (!r->bad && ((first & 0x40) != 0 || v < 0x80))
        *bad_form = true;
    return v;
}

static uint32_t read_psid(struct rd *r, bool *bad_form) {
    uint32_t first = rd_u8(r);
    if (first < 0x80)
        return first;
    if (first < 0xc0)
        return ((first & 0x3f) << 8 | rd_u8(r)) + PSID_2;
    if (first < 0xe0)
        return ((first & 0x1f) << 16 | rd_u16(r)) + PSID_3;
    if (first < 0xf0) {
        uint32_t high = (first & 0x0f) << 24 | (uint32_t)rd_u8(r) << 16;
        return (high | rd_u16(r)) + PSID_4;
    }
    *bad_form = true;
    return 0;
}

/* Transmit power, channel, data rate and channel load say nothing about the message: skipped. Every
 * element takes two octets or more, so the count needs no bound of its own. */
static void skip_elements(struct rd *r, bool *bad_form) {
    for (size_t left = read_number(r, bad_form); left > 0 && !r->bad && !*bad_form; left--) {
        (void)rd_u8(r); /* element id */
        (void)rd_take(r, read_number(r, bad_form));
    }
}

enum wsmp_fail wsmp_read(struct span from_n_header, struct wsmp *ret_wsmp) {
    struct rd r = rd_of(from_n_header);
    bool bad_form = false;
    uint8_t n_header = rd_u8(&r);
    if (r.bad)
        return WSMP_TRUNCATED;
    if ((n_header & 0x07) != VERSION)
        return WSMP_VERSION;
    if (n_header >> 4 != 0)
        return WSMP_HEADER;
    if ((n_header & OPTIONS) != 0)
        skip_elements(&r, &bad_form);
    uint8_t tpid = rd_u8(&r);
    if (tpid != TPID_PSID && tpid != TPID_PSID_OPTIONS)
        bad_form = true;
    uint32_t id = read_psid(&r, &bad_form);
    if (tpid == TPID_PSID_OPTIONS)
        skip_elements(&r, &bad_form);
    size_t length = read_number(&r, &bad_form);
    /* Whichever came first: once a form is wrong, nothing behind it means anything. */
    if (bad_form)
        return WSMP_HEADER;
    struct span message = rd_take(&r, length);
    if (r.bad)
        return WSMP_TRUNCATED;
    *ret_wsmp = (struct wsmp){.psid = id, .message = message};
    return WSMP_OK;
}

static void put_psid(struct buf *b, uint32_t id) {
    if (id < PSID_2) {
        buf_u8(b, (uint8_t)id);
    } else if (id < PSID_3) {
        buf_u16(b, (uint16_t)((id - PSID_2) | 0x8000));
    } else if (id < PSID_4) {
        uint32_t v = (id - PSID_3) | 0xc00000;
        buf_u8(b, (uint8_t)(v >> 16));
        buf_u16(b, (uint16_t)v);
    } else {
        buf_u32(b, (id - PSID_4) | 0xe0000000);
    }
}

void wsmp_put(struct buf *b, uint64_t psid, struct span message) {
    WS_ASSERT(psid <= WSMP_PSID_MAX);
    WS_ASSERT(message.n <= WSMP_MESSAGE_MAX);
    buf_u8(b, VERSION);
    buf_u8(b, TPID_PSID);
    put_psid(b, (uint32_t)psid);
    if (message.n < 0x80)
        buf_u8(b, (uint8_t)message.n);
    else
        buf_u16(b, (uint16_t)(0x8000 | message.n));
    buf_put(b, message.p, message.n);
}

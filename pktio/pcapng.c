#include "pktio/pcapng.h"

#include "base/assert.h"

#include <string.h>

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    ORDER_MAGIC = 0x1a2b3c4d,
    OPT_END = 0,
    OPT_COMMENT = 1,
    OPT_SECTION_APPLICATION = 4,
    OPT_INTERFACE_NAME = 2,
    OPT_INTERFACE_RESOLUTION = 9,
    OPT_PACKET_FLAGS = 2,
    SNAPLEN = 262144,
    NAME_MAX_OCTETS = 255,
};

static void le16(struct buf *b, uint16_t v) {
    buf_u16(b, __builtin_bswap16(v));
}

static void le32(struct buf *b, uint32_t v) {
    buf_u32(b, __builtin_bswap32(v));
}

static void padded(struct buf *b, const void *p, size_t n) {
    static const uint8_t zeros[4];
    buf_put(b, p, n);
    buf_put(b, zeros, (4 - n % 4) % 4);
}

static void option(struct buf *b, uint16_t code, const void *p, size_t n) {
    le16(b, code);
    le16(b, (uint16_t)n);
    padded(b, p, n);
}

/* The length stands at both ends of a block; it is known at the end. */
static size_t begin(struct buf *b, uint32_t type) {
    size_t at = b->n;
    le32(b, type);
    le32(b, 0);
    return at;
}

static void finish(struct buf *b, size_t at) {
    uint32_t n = (uint32_t)(b->n - at) + 4;
    le32(b, n);
    put_be32(b->p + at + 4, __builtin_bswap32(n));
}

void pcapng_put_section(struct buf *b, const char *application) {
    size_t at = begin(b, BLOCK_SECTION);
    le32(b, ORDER_MAGIC);
    le16(b, 1);
    le16(b, 0);
    le32(b, UINT32_MAX); /* length of the section: not known */
    le32(b, UINT32_MAX);
    option(b, OPT_SECTION_APPLICATION, application, strnlen(application, NAME_MAX_OCTETS));
    le32(b, OPT_END);
    finish(b, at);
}

void pcapng_put_interface(struct buf *b, enum frame_link link, const char *name) {
    static const uint8_t nanoseconds = 9;
    size_t at = begin(b, BLOCK_INTERFACE);
    le16(b, (uint16_t)link);
    le16(b, 0);
    le32(b, SNAPLEN);
    option(b, OPT_INTERFACE_NAME, name, strnlen(name, NAME_MAX_OCTETS));
    option(b, OPT_INTERFACE_RESOLUTION, &nanoseconds, 1);
    le32(b, OPT_END);
    finish(b, at);
}

void pcapng_put_frame(struct buf *b, uint32_t interface, const struct pkt_frame *f,
    enum pcapng_direction direction, const char *comment) {
    WS_ASSERT(f->data.n < 1U << 30);
    size_t at = begin(b, BLOCK_PACKET);
    le32(b, interface);
    le32(b, (uint32_t)(f->stamp_ns >> 32));
    le32(b, (uint32_t)f->stamp_ns);
    le32(b, (uint32_t)f->data.n);
    le32(b, f->original_octets);
    padded(b, f->data.p, f->data.n);
    if (comment != NULL && comment[0] != '\0')
        option(b, OPT_COMMENT, comment, strnlen(comment, PCAPNG_COMMENT_MAX));
    if (direction != PCAPNG_UNKNOWN) {
        const uint8_t flags[4] = {(uint8_t)direction};
        option(b, OPT_PACKET_FLAGS, flags, sizeof(flags));
    }
    le32(b, OPT_END);
    finish(b, at);
}

/* 802.11 data frames and the receiver's headers before them. See v2x/link_layer.h. */
#include "v2x/link_layer.h"

/* Frame control, first octet, then second. */
enum {
    VERSION_MASK = 0x03,
    TYPE_MASK = 0x0c,
    TYPE_DATA = 0x08,
    SUBTYPE_NULL = 0x40, /* no body */
    SUBTYPE_QOS = 0x80,
    TO_DS = 0x01,
    FROM_DS = 0x02,
    MORE_FRAGMENTS = 0x04,
    PROTECTED = 0x40,
    ORDER = 0x80, /* in QoS frames: HT control follows */
};

enum {
    HEADER = 24,
    FRAGMENT_NUMBER_MASK = 0x0f,
    QOS_AMSDU = 0x80,
    RADIOTAP_HEADER = 8,
    RADIOTAP_TSFT = 1U << 0,
    RADIOTAP_FLAGS = 1U << 1,
    FLAG_DATA_PAD = 0x20,
    FLAG_BAD_FCS = 0x40,
    PPI_HEADER = 8,
    PPI_COMMON = 2,
    PPI_COMMON_BAD_FCS = 0x0004,
    DLT_ETHERNET = 1,
    DLT_80211 = 105,
    DLT_RADIOTAP = 127,
};

static uint16_t le16(const uint8_t *p) {
    return (uint16_t)((unsigned)p[1] << 8 | p[0]);
}

static uint32_t le32(const uint8_t *p) {
    return (uint32_t)le16(p + 2) << 16 | le16(p);
}

/* Some receivers move the body to a multiple of four octets, and say so or not; what they say is tried first. */
static enum link_fail read_body(
    struct span frame, size_t header, bool padded, struct link_packet *p) {
    size_t aligned = (header + 3) & ~(size_t)3;
    size_t first = padded ? aligned : header;
    size_t second = padded ? header : aligned;
    if (frame.n < first)
        return LL_TRUNCATED;
    enum link_fail fail = link_llc(link_rest(frame, first), p);
    if (LIKELY(fail != LL_OTHER || first == second || frame.n < second))
        return fail;
    return link_llc(link_rest(frame, second), p);
}

static enum link_fail read_data(struct span frame, bool padded, struct link_packet *p) {
    if (frame.n < 2)
        return LL_TRUNCATED;
    const uint8_t *h = frame.p;
    if ((h[0] & VERSION_MASK) != 0)
        return LL_HEADER;
    if ((h[0] & TYPE_MASK) != TYPE_DATA || (h[0] & SUBTYPE_NULL) != 0)
        return LL_OTHER;
    if (frame.n < HEADER)
        return LL_TRUNCATED;
    p->source =
        link_mac(h + 10); /* address 2: who transmitted, in every combination of to and from DS */
    if ((h[1] & MORE_FRAGMENTS) != 0 || (h[22] & FRAGMENT_NUMBER_MASK) != 0)
        return LL_FRAGMENT;
    if ((h[1] & PROTECTED) != 0)
        return LL_PROTECTED;
    size_t header = HEADER;
    if ((h[1] & (TO_DS | FROM_DS)) == (TO_DS | FROM_DS))
        header += 6; /* address 4 */
    if ((h[0] & SUBTYPE_QOS) != 0) {
        if (frame.n < header + 2)
            return LL_TRUNCATED;
        if ((h[header] & QOS_AMSDU) != 0)
            return LL_AMSDU;
        header += (h[1] & ORDER) != 0 ? 6 : 2;
    }
    return read_body(frame, header, padded, p);
}

enum link_fail link_80211(struct span frame, struct link_packet *p) {
    return read_data(frame, false, p);
}

/* Only the flags matter to us, and they lie behind at most one other field of the first bitmap; every further
 * bitmap, namespace and field is passed over by the header's length. */
enum link_fail link_radiotap(struct span frame, struct link_packet *p) {
    const uint8_t *h = frame.p;
    if (frame.n < RADIOTAP_HEADER)
        return LL_TRUNCATED;
    size_t length = le16(h + 2);
    if (h[0] != 0 || length < RADIOTAP_HEADER)
        return LL_HEADER;
    if (length > frame.n)
        return LL_TRUNCATED;
    uint32_t first = le32(h + 4);
    uint8_t flags = 0;
    if ((first & RADIOTAP_FLAGS) != 0) {
        size_t at = RADIOTAP_HEADER;
        for (uint32_t word = first; word >> 31 != 0; at += 4) {
            if (at + 4 > length)
                return LL_HEADER;
            word = le32(h + at);
        }
        if ((first & RADIOTAP_TSFT) != 0) /* aligned to its size, as all fields */
            at = ((at + 7) & ~(size_t)7) + 8;
        if (at >= length)
            return LL_HEADER;
        flags = h[at];
    }
    if ((flags & FLAG_BAD_FCS) != 0)
        return LL_BAD_FCS;
    return read_data(link_rest(frame, length), (flags & FLAG_DATA_PAD) != 0, p);
}

/* Per-packet information: a list of fields, of which 802.11-Common (time stamp, flags, ...) has the flags. */
enum link_fail link_ppi(struct span frame, struct link_packet *p) {
    const uint8_t *h = frame.p;
    if (frame.n < PPI_HEADER)
        return LL_TRUNCATED;
    size_t length = le16(h + 2);
    if (h[0] != 0 || length < PPI_HEADER)
        return LL_HEADER;
    if (length > frame.n)
        return LL_TRUNCATED;
    for (size_t at = PPI_HEADER; at + 4 <= length;) {
        size_t octets = le16(h + at + 2);
        if (octets > length - at - 4)
            return LL_HEADER;
        if (le16(h + at) == PPI_COMMON && octets >= 10 &&
            (le16(h + at + 4 + 8) & PPI_COMMON_BAD_FCS) != 0)
            return LL_BAD_FCS;
        at += 4 + octets;
    }
    struct span rest = link_rest(frame, length);
    switch (le32(h + 4)) {
    case DLT_ETHERNET:
        return link_ethernet(rest, p);
    case DLT_80211:
        return link_80211(rest, p);
    case DLT_RADIOTAP:
        return link_radiotap(rest, p);
    default:
        return LL_TYPE;
    }
}

#include "ledger/light/fragment.h"

#include "base/assert.h"

_Static_assert(FRAGMENTS_MAX *FRAGMENT_PAYLOAD >= HANDOVER_OCTETS_MAX, "fragments do not hold it");
_Static_assert(FRAGMENTS_MAX <= 8, "the mask has eight bits");

size_t fragment_count(size_t n) {
    return n > HANDOVER_OCTETS_MAX ? 0 : (n + FRAGMENT_PAYLOAD - 1) / FRAGMENT_PAYLOAD;
}

static void tag_of(light_hash_fn h, struct span object, uint8_t ret_tag[static 8]) {
    hash32 whole;
    struct span parts[] = {{TAG_HANDOVER, TAG_OCTETS}, object};
    h(parts, 2, whole);
    memcpy(ret_tag, whole, 8);
}

/* Every fragment but the last is full, so that place and length follow from index and total. */
static struct span part_of(size_t total, size_t index, const uint8_t *octets) {
    size_t at = index * FRAGMENT_PAYLOAD;
    size_t n = total - at < FRAGMENT_PAYLOAD ? total - at : FRAGMENT_PAYLOAD;
    return span_of(octets + at, n);
}

void fragment_put(light_hash_fn h, struct span object, size_t index, struct buf *b) {
    WS_ASSERT(index < fragment_count(object.n));
    uint8_t tag[8];
    struct span part = part_of(object.n, index, object.p);
    tag_of(h, object, tag);
    buf_u8(b, LEDGER_VERSION);
    buf_put(b, tag, sizeof(tag));
    buf_u8(b, (uint8_t)index);
    buf_u8(b, (uint8_t)fragment_count(object.n));
    buf_u16(b, (uint16_t)object.n);
    buf_put(b, part.p, part.n);
}

static struct fragment_slot *slot_for(struct fragment_pool *p, const uint8_t *tag, size_t total) {
    struct fragment_slot *oldest = &p->slot[0];
    for (size_t i = 0; i < FRAGMENT_SLOTS; i++) {
        struct fragment_slot *s = &p->slot[i];
        if (s->touched != 0 && s->total == total && memcmp(s->tag, tag, 8) == 0)
            return s;
        if (s->touched < oldest->touched)
            oldest = s;
    }
    oldest->have = 0;
    oldest->total = total;
    memcpy(oldest->tag, tag, 8);
    return oldest;
}

enum fragment_verdict fragment_take(
    light_hash_fn h, struct fragment_pool *p, struct span fragment, struct span *ret_object) {
    struct rd r = rd_of(fragment);
    uint8_t tag[8];
    uint8_t version = rd_u8(&r);
    rd_copy(&r, tag, sizeof(tag));
    size_t index = rd_u8(&r);
    size_t count = rd_u8(&r);
    size_t total = rd_u16(&r);
    if (r.bad || version != LEDGER_VERSION || total == 0 || count != fragment_count(total) ||
        index >= count)
        return FRAGMENT_MALFORMED;
    struct span part = part_of(total, index, p->slot[0].octets); /* only its length */
    if (rd_left(&r) != part.n)
        return FRAGMENT_MALFORMED; /* before a slot is given up for it */
    struct fragment_slot *s = slot_for(p, tag, total);
    if ((s->have & 1U << index) != 0) {
        s->touched = ++p->turn;
        return FRAGMENT_KNOWN;
    }
    rd_copy(&r, s->octets + index * FRAGMENT_PAYLOAD, part.n);
    s->have = (uint8_t)(s->have | 1U << index);
    s->touched = ++p->turn;
    if (s->have != (1U << count) - 1)
        return FRAGMENT_HELD;
    uint8_t want[8];
    tag_of(h, span_of(s->octets, total), want);
    s->touched = 0;
    if (memcmp(want, tag, 8) != 0)
        return FRAGMENT_SPOILED;
    *ret_object = span_of(s->octets, total);
    return FRAGMENT_WHOLE;
}

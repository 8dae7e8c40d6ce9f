/* Frames that passed the cheap checks, copied out of the port's buffers, and the queues they stand in. A fixed
 * number of slots; the one freed last is used next, so that a quiet road stays in the processor's cache.
 * Private to pktio. One thread per object. */
#ifndef WAYSIDE_PKTIO_SLOTS_H
#define WAYSIDE_PKTIO_SLOTS_H

#include "pktio/stages.h"

/* The longest message that is read, and the carriers' headers before it. What lies behind is not kept. */
#define SLOT_OCTETS (PKT_MESSAGE_OCTETS + 512)

struct slot {
    struct frame_work w;
    struct pkt_frame frame; /* data points into octets */
    uint64_t order; /* of arrival */
    uint64_t taken_us; /* cell clock when the frame came in */
    uint64_t ready_us; /* the same, or when its certificate came */
    enum pipeline_class class;
    /* in the line for a check of its signature */
    enum slot_state { SLOT_FOUND, SLOT_TWIN, SLOT_ASKED, SLOT_ANSWERED, SLOT_REFUSED } state;
    bool twin; /* the same signed octets stood before it */
    enum verify_answer_kind answer;
    struct cert_entry *held[CERT_CACHE_SAME_ID]; /* pinned: what was found, permitted or not */
    unsigned n_held;
    unsigned place; /* in the ring of the line */
    uint8_t id384[8]; /* of a certificate that it shows first, with a 384-bit key: its other name */
    /* in the waiting room */
    struct slot *id_next, *older, *newer;
    uint64_t waiting_since_us;
    uint8_t octets[SLOT_OCTETS];
};

/* Asks for the slot's memory before it is used. */
static inline void slot_fetch(const struct slot *s, bool to_write) {
    const char *p = (const char *)s;
    const size_t cert = offsetof(struct slot, w.spdu.cert); /* most messages have none */
    for (size_t at = 0; at < offsetof(struct slot, octets) + 320; at += 64) {
        if (at > cert && at + 64 <= cert + sizeof(struct cert))
            continue;
        if (to_write)
            __builtin_prefetch(p + at, 1);
        else
            __builtin_prefetch(p + at, 0);
    }
}

/* First in, first out, in a ring that has room for every slot: nothing is read of a slot to find the next one. */
struct slot_queue {
    struct slot **at;
    size_t mask, first, n;
};
void slot_queue_init(struct slot_queue *q, size_t slots);
void slot_queue_done(struct slot_queue *q);
void slot_queue_put(struct slot_queue *q, struct slot *s);
struct slot *slot_queue_take(struct slot_queue *q); /* the oldest; NULL: empty */
static inline struct slot *slot_queue_first(const struct slot_queue *q) {
    return q->at[q->first]; /* not empty */
}

struct slots;
struct slots *slots_new(size_t n); /* > 0, asserted */
void slots_free(struct slots *p);
struct slot *slots_take(struct slots *p); /* NULL: all are in use */
void slots_give(struct slots *p, struct slot *s);
size_t slots_left(const struct slots *p);

#endif

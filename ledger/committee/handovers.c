#include "ledger/committee/handovers.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

struct span handovers_key(uint8_t dst[static 9], uint64_t number) {
    dst[0] = 'h';
    put_be64(dst + 1, number);
    return span_of(dst, 9);
}

static void del_set(struct exec_host *h, uint64_t from) {
    uint8_t key[9] = {'s'};
    put_be64(key + 1, from);
    exec_del(h, span_of(key, sizeof(key)));
}

/* Nobody can be led to the set behind a handover that is gone, nor to the one of the genesis. It left the contract's memory long
 * ago: there are fewer sets in that than handovers. */
static void drop(struct exec_host *h, uint64_t number) {
    uint8_t key[9];
    struct span v;
    if (number == 0)
        del_set(h, 1);
    if (exec_get(h, handovers_key(key, number), &v))
        del_set(h, handover_height(v) + 1);
    exec_del(h, handovers_key(key, number));
}
_Static_assert(
    COMMITTEE_ERAS_MAX + VALIDATORS_MAX < HANDOVERS_KEPT, "what is in memory is in state");

static void keep(struct exec_host *h, struct span handover) {
    uint64_t first = 0;
    uint64_t next = 0;
    uint8_t key[9];
    uint8_t count[16];
    struct span v;
    if (exec_get(h, span_of(HANDOVERS_KEY_COUNT, 1), &v) && v.n == sizeof(count)) {
        first = be64(v.p);
        next = be64(v.p + 8);
    }
    exec_put(h, handovers_key(key, next++), handover);
    if (next - first > HANDOVERS_KEPT)
        drop(h, first++);
    put_be64(count, first);
    put_be64(count + 8, next);
    exec_put(h, span_of(HANDOVERS_KEY_COUNT, 1), span_of(count, sizeof(count)));
}

static bool take_front(struct exec_host *h, struct header_front *ret_front) {
    struct span v;
    if (!exec_get(h, span_of("o", 1), &v))
        return false;
    struct rd r = rd_of(v);
    memcpy(ret_front->cell_id, exec_cell_id(h), 32);
    ret_front->height = rd_u64(&r);
    ret_front->time = rd_u64(&r);
    rd_copy(&r, ret_front->validators, 32);
    rd_copy(&r, ret_front->next_validators, 32);
    rd_copy(&r, ret_front->body, 32);
    WS_ASSERT(rd_done(&r)); /* our own writing */
    exec_del(h, span_of("o", 1));
    return true;
}

static void put_front(struct exec_host *h, const struct header_front *f) {
    struct buf b = {0};
    buf_u64(&b, f->height);
    buf_u64(&b, f->time);
    buf_put(&b, f->validators, 32);
    buf_put(&b, f->next_validators, 32);
    buf_put(&b, f->body, 32);
    exec_put(h, span_of("o", 1), buf_span(&b));
    buf_free(&b);
}

void handovers_block(
    const void *self, struct exec_host *h, const struct header *hd, const struct commit *last) {
    struct header_front f;
    if (take_front(h, &f)) {
        struct handover *o = ws_alloc(sizeof(*o));
        struct buf b = {0};
        /* A block whose carried commit is no quorum for its parent is not valid and never runs. */
        if (handover_make_front(exec_sha256, &f, last, committee_set(self, f.height),
                committee_set(self, f.height + 1), o, NULL) == WS_OK) {
            handover_encode(o, &b);
            keep(h, buf_span(&b));
        }
        buf_free(&b);
        free(o);
    }
    if (memcmp(hd->validators, hd->next_validators, 32) == 0)
        return;
    f = header_front_of(exec_sha256, hd);
    put_front(h, &f);
}

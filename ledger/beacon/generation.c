#include "ledger/beacon/generation.h"

static void put_seats(const struct generation *g, struct buf *b) {
    for (size_t i = 0; i < g->n; i++) {
        const struct seat *s = &g->seat[i];
        buf_put(b, s->address, sizeof(s->address));
        buf_u64(b, s->power);
        buf_u8(b, s->registered);
        buf_put(b, s->key.b, sizeof(s->key.b));
    }
}

void generation_finish(struct generation *g) {
    uint64_t powers[BEACON_MEMBERS_MAX];
    for (size_t i = 0; i < g->n; i++)
        powers[i] = g->seat[i].power;
    struct tickets t;
    beacon_tickets(powers, g->n, &t);
    g->total = t.total;
    g->threshold = t.threshold;
    g->enough = t.enough;
    uint16_t next = 1;
    for (size_t i = 0; i < g->n; i++) {
        g->seat[i].tickets = t.of[i];
        g->seat[i].first = next;
        next = (uint16_t)(next + t.of[i]);
    }
    struct buf seats = {0};
    put_seats(g, &seats);
    struct transcript tr;
    transcript_begin(&tr, BEACON_FOR_ROUND);
    transcript_add(&tr, g->cell, sizeof(g->cell));
    transcript_u64(&tr, g->serial);
    transcript_u16(&tr, (uint16_t)g->n);
    transcript_u16(&tr, g->total);
    transcript_u16(&tr, g->threshold);
    transcript_add(&tr, seats.p, seats.n);
    transcript_hash(&tr, g->context);
    buf_free(&seats);
}

int generation_find(const struct generation *g, const uint8_t address[static 32]) {
    for (size_t i = 0; i < g->n; i++)
        if (memcmp(g->seat[i].address, address, 32) == 0)
            return (int)i;
    return -1;
}

bool generation_has_shares(const struct generation *g, size_t member) {
    return g->seat[member].registered && g->seat[member].tickets > 0;
}

void generation_encode(const struct generation *g, struct buf *b) {
    buf_u8(b, BEACON_VERSION);
    buf_u64(b, g->serial);
    buf_u16(b, (uint16_t)g->n);
    put_seats(g, b);
}

bool generation_decode(
    struct span s, const uint8_t cell[static 32], struct generation *ret_generation) {
    struct generation *g = ret_generation;
    *g = (struct generation){0};
    struct rd r = rd_of(s);
    bool ok = rd_u8(&r) == BEACON_VERSION;
    g->serial = rd_u64(&r);
    g->n = rd_u16(&r);
    ok = ok && g->serial > 0 && g->n >= 1 && g->n <= BEACON_MEMBERS_MAX;
    uint64_t sum = 0;
    for (size_t i = 0; ok && i < g->n; i++) {
        struct seat *seat = &g->seat[i];
        rd_copy(&r, seat->address, sizeof(seat->address));
        seat->power = rd_u64(&r);
        uint8_t registered = rd_u8(&r);
        seat->registered = registered == 1;
        if (registered == 1)
            point_read(&r, &seat->key);
        else
            rd_copy(&r, seat->key.b, sizeof(seat->key.b));
        ok = !r.bad && registered <= 1 && (registered == 1 || point_is_identity(&seat->key)) &&
             seat->power > 0 && seat->power <= (UINT64_C(1) << 60) - sum;
        sum += seat->power;
    }
    if (!ok || !rd_done(&r))
        return false;
    memcpy(g->cell, cell, sizeof(g->cell));
    generation_finish(g);
    return true;
}

#include "tests/fuzz/fl_share_world.h"

#include "base/assert.h"

static void make(struct fl_share_world *w, unsigned n) {
    static struct fl_sealer sealer;
    struct ws_random r = ws_random_seeded(n);
    int8_t key[FL_KEY_VALUES];
    uint8_t root[32], secret[32];
    w->round.n = (uint8_t)n;
    w->round.profile = 1;
    ws_random_bytes(&r, w->round.cell, 32);
    ws_random_bytes(&r, w->round.id, 32);
    for (unsigned v = 0; v < n; v++) {
        ws_random_bytes(&r, secret, 32);
        ws_random_bytes(&r, w->round.seat[v].address, 32);
        w->reader[v] = fl_reader_new(secret);
        WS_ASSERT(w->reader[v] != NULL);
        fl_reader_public(w->reader[v], &w->round.seat[v].key);
    }
    ws_random_bytes(&r, w->sender, 32);
    ws_random_bytes(&r, root, 32);
    for (size_t i = 0; i < FL_KEY_VALUES; i++)
        key[i] = (int8_t)((int)ws_random_below(&r, 85) - 42);
    const struct fl_parcel p = {&w->round, w->sender, key, 4096, root};
    fl_seal(&sealer, &p, &r, &w->submission, w->bundles);
    for (unsigned v = 1; v <= n; v++)
        w->bundle[v - 1] = span_of(w->bundles + fl_bundle_offset(&w->submission.plan, v),
            fl_bundle_octets(&w->submission.plan, v));
}

const struct fl_share_world *fl_share_world(unsigned n) {
    static struct fl_share_world world[2];
    struct fl_share_world *w = &world[n != 4];
    if (w->round.n == 0)
        make(w, n);
    return w;
}

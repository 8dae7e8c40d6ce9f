/* What is accepted is exactly what a unit writes, and every identity of it within the rate is remembered, none else. */
#include "base/assert.h"
#include "rsu/radio/gossip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RATE = 512 };

static void to_nobody(void *ctx, size_t peer, struct span msg) {
    (void)ctx;
    (void)peer;
    (void)msg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct replay_window *w = replay_window_new(4096, 0);
    struct gossip_config cfg = {
        .window = w, .n_peers = 2, .rate = RATE, .batch_us = 1, .keep_us = 1000, .send = to_nobody};
    struct gossip *g = gossip_new(&cfg);
    struct span ids = {0};
    struct span msg = span_of(data, size);
    bool good = gossip_parse(msg, &ids);
    gossip_take(g, 1, msg, (struct ws_now){1000000, 1000000});
    struct gossip_counters n = gossip_counters(g);
    size_t count = ids.n / REPLAY_ID_OCTETS;
    size_t taken = count < RATE ? count : RATE;
    WS_ASSERT(n.malformed == (good ? 0 : 1));
    WS_ASSERT(n.taken == taken && n.over_rate == count - taken);
    WS_ASSERT(!good || size == 5 + count * REPLAY_ID_OCTETS);
    for (size_t i = 0; i < taken; i++)
        WS_ASSERT(replay_window_seen(w, ids.p + i * REPLAY_ID_OCTETS) == REPLAY_NEIGHBOUR);
    WS_ASSERT(replay_window_counters(w).used <= taken);
    gossip_free(g);
    replay_window_free(w);
    return 0;
}

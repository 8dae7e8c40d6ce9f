#include "rsu/radio/gossip.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

enum { HEAD = 5, MARK = 0, CHANNEL = 1, VERSION = 1 };
#define US 1000000U

/* Identities allowed, in millionths; at most a second's worth. */
struct bucket {
    uint64_t level, since_us;
};

struct gossip {
    struct gossip_config cfg;
    struct gossip_counters n;
    struct bucket told, taken[GOSSIP_PEERS_MAX];
    uint64_t first_us; /* of the batch */
    size_t n_batch;
    uint8_t batch[HEAD + GOSSIP_IDS_MAX * REPLAY_ID_OCTETS];
};

struct gossip *gossip_new(const struct gossip_config *cfg) {
    WS_ASSERT(cfg->n_peers <= GOSSIP_PEERS_MAX);
    WS_ASSERT(cfg->rate >= 1);
    struct gossip *g = ws_alloc(sizeof(*g));
    g->cfg = *cfg;
    return g;
}

void gossip_free(struct gossip *g) {
    free(g);
}

/* How many of `wanted` may pass. */
static size_t draw(struct bucket *b, uint32_t rate, size_t wanted, uint64_t mono_us) {
    const uint64_t most = (uint64_t)rate * US;
    uint64_t gone = mono_us > b->since_us ? mono_us - b->since_us : 0;
    if (gone >= US || b->since_us == 0 || b->level + gone * rate > most)
        b->level = most;
    else
        b->level += gone * rate;
    b->since_us = mono_us;
    size_t may = (size_t)(b->level / US);
    size_t n = wanted < may ? wanted : may;
    b->level -= (uint64_t)n * US;
    return n;
}

static void flush(struct gossip *g) {
    uint8_t *p = g->batch;
    p[0] = MARK;
    p[1] = CHANNEL;
    p[2] = VERSION;
    p[3] = (uint8_t)(g->n_batch >> 8);
    p[4] = (uint8_t)g->n_batch;
    struct span msg = span_of(p, HEAD + g->n_batch * REPLAY_ID_OCTETS);
    for (size_t i = 0; i < g->cfg.n_peers; i++) {
        if (i != g->cfg.me)
            g->cfg.send(g->cfg.ctx, i, msg);
    }
    g->n.told += g->n_batch;
    g->n.batches++;
    g->n_batch = 0;
}

void gossip_note(struct gossip *g, const uint8_t id[static REPLAY_ID_OCTETS], uint64_t mono_us) {
    if (draw(&g->told, g->cfg.rate, 1, mono_us) == 0) {
        g->n.untold++;
        return;
    }
    if (g->n_batch == 0)
        g->first_us = mono_us;
    memcpy(g->batch + HEAD + g->n_batch++ * REPLAY_ID_OCTETS, id, REPLAY_ID_OCTETS);
    if (g->n_batch == GOSSIP_IDS_MAX)
        flush(g);
}

uint64_t gossip_due(const struct gossip *g) {
    return g->n_batch == 0 ? UINT64_MAX : g->first_us + g->cfg.batch_us;
}

void gossip_run(struct gossip *g, uint64_t mono_us) {
    if (mono_us >= gossip_due(g))
        flush(g);
}

bool gossip_owns(struct span msg) {
    return msg.n > 0 && msg.p[0] == MARK;
}

bool gossip_parse(struct span msg, struct span *ret_ids) {
    struct rd r = rd_of(msg);
    uint8_t head[3];
    rd_copy(&r, head, sizeof(head));
    if (head[0] != MARK || head[1] != CHANNEL || head[2] != VERSION)
        return false;
    size_t n = rd_u16(&r);
    if (n == 0 || n > GOSSIP_IDS_MAX)
        return false;
    struct span ids = rd_take(&r, n * REPLAY_ID_OCTETS);
    if (!rd_done(&r))
        return false;
    *ret_ids = ids;
    return true;
}

void gossip_take(struct gossip *g, size_t peer, struct span msg, struct ws_now now) {
    struct span ids;
    if (peer >= g->cfg.n_peers || !gossip_parse(msg, &ids)) {
        g->n.malformed++;
        return;
    }
    size_t n = ids.n / REPLAY_ID_OCTETS;
    size_t may = draw(&g->taken[peer], g->cfg.rate, n, now.mono_us);
    g->n.taken += may;
    g->n.over_rate += n - may;
    for (size_t i = 0; i < may; i++)
        replay_window_hear(
            g->cfg.window, ids.p + i * REPLAY_ID_OCTETS, now.its_us + g->cfg.keep_us, now.its_us);
}

struct gossip_counters gossip_counters(const struct gossip *g) {
    return g->n;
}

/* A vehicle that follows the cell's committees by what it hears on the radio and nothing else: fragments of handovers out of
 * frames, put together, checked by ledger/light. Who signed the messages around them does not matter, so no trust
 * certificates are needed. One thread per object. */
#ifndef WAYSIDE_RSU_OBUS_LISTEN_H
#define WAYSIDE_RSU_OBUS_LISTEN_H

#include "ledger/light/fragment.h"
#include "pktio/pipeline.h"

struct sim_listener {
    struct light_crypto crypto;
    struct light_params params;
    bool no_clock; /* else the frame's stamp is the vehicle's time */
    struct light_trust trust;
    struct fragment_pool pool;
    uint64_t frames, fragments;
    uint64_t malformed, spoiled; /* fragments */
    uint64_t whole, verified, known; /* handovers; known: of a boundary that was crossed already */
    uint64_t refused[LIGHT_VERDICT_COUNT];
};

/* Begins with a genesis (its octets); WS_EINPUT. */
WARN_UNUSED int sim_listener_begin(
    struct sim_listener *l, struct span genesis, bool no_clock, struct ws_err *err);
void sim_listener_take(struct sim_listener *l, const struct pkt_frame *f);
void sim_listener_sum_up(const struct sim_listener *l, struct buf *b);

/* All frames of a capture, with the genesis in a file. */
WARN_UNUSED int sim_listen(const char *capture, const char *genesis, bool no_clock,
    struct buf *summary, struct ws_err *err);

#endif

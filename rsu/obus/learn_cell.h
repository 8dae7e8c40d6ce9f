/* What vehicles that learn know of a cell: what a unit says over HTTP, what of it the genesis proves, and the ways to the unit. Internal to
 * obusim --learn. One thread; waits for a unit's answer as rsu/ctl/http.h does. */
#ifndef WAYSIDE_RSU_OBUS_LEARN_CELL_H
#define WAYSIDE_RSU_OBUS_LEARN_CELL_H

#include "base/clock.h"
#include "fedlearn/round/events.h"
#include "fedlearn/round/suspicion.h"
#include "ledger/light/types.h"
#include "rsu/ctl/http.h"
#include "rsu/obus/learn.h"

#include <netinet/in.h>

/* ---- a unit (learn_unit.c) ---- */

struct learn_unit {
    const struct learn_unit_option *option; /* borrowed */
    struct ctl_http *http;
    int frames; /* AF_PACKET; -1: the interface is not there (yet) */
    int interface;
    struct sockaddr_in6 upload;
    bool has_upload;
    bool deaf; /* the last frame could not be sent, and that was told */
    bool silent; /* the last question had no answer */
    uint64_t again_us; /* monotonic: a silent one is not asked before */
};
/* Neither the unit nor its interface need be there yet. WS_EINPUT: the address is none. */
WARN_UNUSED int learn_unit_open(
    struct learn_unit *u, const struct learn_unit_option *option, struct ws_err *err);
void learn_unit_close(struct learn_unit *u);
/* Whether frames can go out now. WS_ENOTFOUND: the interface is not there; WS_EIO: it is not ours to send on. */
WARN_UNUSED int learn_unit_ready(struct learn_unit *u, struct ws_err *err);
/* An Ethernet frame onto the interface. WS_EIO, WS_ENOTFOUND: not now. */
WARN_UNUSED int learn_unit_frame(struct learn_unit *u, struct span frame, struct ws_err *err);
/* A socket that sends to where the unit takes uploads, not blocking; WS_ENOTFOUND: it takes none. */
WARN_UNUSED int learn_unit_socket(const struct learn_unit *u, int *ret_fd, struct ws_err *err);

/* ---- what it says (learn_heard.c): to be proven ---- */

struct learn_place {
    uint64_t height; /* 0: nowhere */
    uint32_t sequence;
};
struct learn_heard {
    uint64_t height;
    uint64_t its_us; /* of the last block */
    uint64_t rounds; /* number of the last one that was opened */
    uint64_t model_version; /* 0: none is in force */
    uint8_t model_hash[32];
    uint64_t round; /* that is on; 0: none */
    bool submitting;
    struct learn_place open, seed;
    uint32_t submissions;
    char why[32]; /* none is on; may be empty */
};
/* Also where it takes uploads, into u. */
WARN_UNUSED int learn_ask(struct learn_unit *u, struct learn_heard *ret, struct ws_err *err);
/* Where the ledger has the end of a round; height 0: it is not over. */
WARN_UNUSED int learn_ask_end(
    struct learn_unit *u, uint64_t round, struct learn_place *ret, struct ws_err *err);
/* A model by its hash, which is checked. */
WARN_UNUSED int learn_ask_model(
    struct learn_unit *u, const uint8_t hash[static 32], struct fl_model *ret, struct ws_err *err);

/* ---- what is believed (learn_belief.c) ---- */

struct learn_genesis {
    struct buf octets;
    hash32 cell;
};
WARN_UNUSED int learn_genesis_read(
    struct learn_genesis *g, const char *path, const char *fingerprint, struct ws_err *err);

struct learn_round {
    struct fl_open open;
    uint8_t seed[32];
    struct fl_round sealed; /* for uploads */
};
/* A round that is proven to be open, and its seed. WS_EINPUT: what the unit says does not hold. */
WARN_UNUSED int learn_believe_round(struct learn_unit *u, const struct learn_genesis *g,
    const struct learn_heard *heard, struct learn_round *ret, struct ws_err *err);

struct learn_end {
    bool closed;
    enum fl_abort why; /* aborted */
    uint64_t model_version; /* closed: that follows */
    struct fl_outcome outcome; /* closed */
};
WARN_UNUSED int learn_believe_end(struct learn_unit *u, const struct learn_genesis *g,
    uint64_t round, const struct learn_place *at, struct learn_end *ret, struct ws_err *err);
/* The table of scores in a state that has block `least` behind it: what a vehicle asks for before it takes part (learn_stays_away), with
 * the height of the round's opening. Empty: nobody has a score. WS_EBUSY: the unit proves an older state. The whole table, whoever asks: a
 * unit that was asked for one token would know who is about to sign. A vehicle on the road fetches its own; here one serves all that
 * the process holds. */
WARN_UNUSED int learn_believe_table(struct learn_unit *u, const struct learn_genesis *g,
    uint64_t least, struct buf *ret_table, struct ws_err *err);
/* Who is under suspicion at present, by the rules of a round; the caller frees it (fl_suspicion_free). */
WARN_UNUSED int learn_believe_suspicion(struct learn_unit *u, const struct learn_genesis *g,
    const struct fl_suspicion_rules *rules, struct fl_suspicion *ret, struct ws_err *err);

#endif

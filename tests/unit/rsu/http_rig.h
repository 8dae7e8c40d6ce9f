/* A running HTTP face over a real cell in one process: two validators, a thread that plays the daemon's owner, and a
 * client on raw sockets. Packet workers and links are played by http_rig.c. Asserts on failure. */
#ifndef WAYSIDE_TESTS_UNIT_RSU_HTTP_RIG_H
#define WAYSIDE_TESTS_UNIT_RSU_HTTP_RIG_H

#include "tests/support/cm.h"

#include "rsu/http/internal.h"
#include "tests/support/townbox.h"

#include <stdatomic.h>

enum { RIG_VALIDATORS = 2, RIG_PORTS = 2 };

struct rig_options {
    bool tcp; /* else a Unix socket */
    unsigned connections; /* 0: 16 */
    unsigned heartbeat_ms; /* 0: 15000 */
    unsigned ask_ms; /* 0: 10000 */
    unsigned patience_s; /* 0: 30 */
    unsigned waiting; /* 0: 16 */
    size_t octets; /* 0: 64 MiB */
    uint64_t keep; /* versions of the map; 0: all */
    uint64_t asleep_us; /* the cell's last block lies this far back */
    struct store *store; /* served instead of the cell's; borrowed */
};

struct rig {
    struct townbox box;
    bool no_town;
    struct config config;
    struct admit_counters admit;
    struct rsud face;
    struct http *http;
    uint64_t told; /* height of the last http_notify */
    uint64_t orders; /* of the map's authority so far */
    pthread_t owner;
    atomic_bool stop, deaf; /* deaf: the owner answers nothing */
    char dir[64];
    char listen[96];
    atomic_bool capture_failed;
};

void rig_open(struct rig *r, const struct rig_options *opt);
/* The same over parts of the test's own instead of a town; its config, mailbox and figures become the rig's. What works on
 * the town is not for such a rig. */
void rig_open_on(struct rig *r, const struct rsud *parts, const struct rig_options *opt);
void rig_close(struct rig *r);
/* Runs fn(ctx) in the owner's thread. */
void rig_owner(struct rig *r, void (*fn)(void *ctx), void *ctx);
/* Lets the cell run for this long (virtual time). */
void rig_step(struct rig *r, uint64_t us);
/* Cars see another value on the sign until the map has it and the proof is there. */
void rig_change(struct rig *r, int32_t value);
/* The first so many cars see this value on the sign; too few for a version. */
void rig_sight(struct rig *r, size_t cars, int32_t value);
/* The authority orders this value for the sign from now on; returns when the map has it. */
void rig_order(struct rig *r, int32_t value);
uint64_t rig_height(struct rig *r);

/* ---- the client ---- */
struct answer {
    unsigned status;
    struct buf head; /* status line and headers, with a final zero */
    struct buf body;
};
int rig_connect(const struct rig *r);
void rig_send(int fd, const char *text);
/* Sends octets, reads to the end of the connection. status 0: no answer at all. The second one gives up after a while
 * without an octet: what is no whole request is only answered by the server's own patience. */
void rig_exchange(const struct rig *r, struct span request, struct answer *ret);
void rig_poke(const struct rig *r, struct span request, int wait_ms, struct answer *ret);
void rig_get(const struct rig *r, const char *target, struct answer *ret);
void answer_free(struct answer *a);
/* GET that must give this status; parsed body. The caller frees it. */
json_t *rig_json(const struct rig *r, unsigned status, const char *target);
/* GET that must fail with this status and an error that names `words`. */
void rig_refused(const struct rig *r, unsigned status, const char *words, const char *target);
/* Members that must be there. */
json_int_t rig_number(const json_t *o, const char *key);
const char *rig_word(const json_t *o, const char *key);
void rig_assert_hex(const json_t *o, const char *key, const uint8_t *want, size_t n);
/* A bundle in hex that holds against the genesis and proves a map version; map_version_free. */
void rig_assert_proof(
    const struct rig *r, const json_t *o, const char *key, struct map_version *ret);
bool answer_has(const struct answer *a, const char *header_line);

#endif

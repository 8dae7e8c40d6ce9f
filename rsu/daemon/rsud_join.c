/* Joining by a snapshot: a unit whose store is new asks its peers for one and for the handovers from the committee of the
 * genesis to the one that signed it, fetches it chunk by chunk and begins with it. Without one in time it begins at the
 * genesis and fetches blocks. Also the other side: the unit's own snapshots, offered to those who join. */
#include "rsu/daemon/rsud_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "ledger/snapshot/folder.h"
#include "ledger/snapshot/make.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEAST_HEIGHT = 64, TURN_MS = 20, HELPING = 64, SAY_US = 5000000 };

static void send_share(void *ctx, size_t peer, struct span msg) {
    struct daemon *d = ctx;
    (void)net_send(d->face.net, peer, NET_BULK, msg);
}

static int give_handovers(void *ctx, uint64_t after, uint64_t below, size_t max,
    struct query_handovers *ret, struct ws_err *err) {
    const struct daemon *d = ctx;
    return query_handovers(d->face.store, after, below, max, ret, err);
}

void daemon_open_share(struct daemon *d) {
    char folder[4096];
    (void)snprintf(folder, sizeof(folder), "%s/snapshots", d->config.data);
    struct share_server_config cfg = {.folder = folder,
        .octets_per_s = d->config.disk.snapshot_octets_s,
        .handovers = give_handovers,
        .send = send_share,
        .ctx = d};
    d->share = share_server_new(&cfg);
}

static bool told_to_stop(const struct daemon *d) {
    struct pollfd p = {.fd = d->signal_fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void turn(struct daemon *d, struct share_join *j, uint64_t *said_us) {
    struct pollfd p = {.fd = net_fd(d->face.net), .events = POLLIN};
    (void)poll(&p, 1, TURN_MS);
    uint64_t now = ws_clock_now(&d->face.clock).mono_us;
    net_tick(d->face.net, now);
    size_t peer;
    struct span msg;
    for (unsigned i = 0; i < HELPING && net_receive(d->face.net, &peer, &msg); i++) {
        /* Who asks us hears that we have none. */
        if (!share_join_message(j, peer, msg, now))
            (void)share_server_message(d->share, peer, msg, now);
    }
    (void)share_join_tick(j, now);
    size_t held = 0;
    size_t all = 0;
    share_join_progress(j, &held, &all);
    if (all > 0 && now - *said_us > SAY_US) {
        *said_us = now;
        ws_log(WS_LOG_INFO, "snapshot", "%zu of %zu chunks", held, all);
    }
}

static int begin_with(struct daemon *d, const char *path, struct ws_err *err) {
    struct snapshot *s = NULL;
    int rc = snapshot_open(path, &s, err);
    struct folder_restore how = {.from = s, .data = d->config.data, .into = d->face.store};
    if (rc == WS_OK)
        rc = folder_restore(&how, err);
    if (rc == WS_OK)
        ws_log(WS_LOG_INFO, "snapshot", "begun with the state after height %llu",
            (unsigned long long)snapshot_manifest(s)->last.height);
    snapshot_close(s);
    return rc;
}

/* Two thirds of those whom we can ask. In a cell that begins nobody has one, and the others answer while they ask, too. */
static size_t none_enough(const struct directory *d) {
    static const uint8_t nobody[KEY_OCTETS];
    size_t n = 0;
    for (size_t i = 0; i < d->peers.n; i++)
        n += i != d->peers.me && d->endpoint[i] != NULL &&
             memcmp(d->peers.curve_key[i], nobody, KEY_OCTETS) != 0;
    return n - n / 3;
}

static int open_join(struct daemon *d, struct share_join **ret, struct ws_err *err) {
    char folder[4096];
    struct light_trust *genesis = ws_alloc(sizeof(*genesis));
    (void)snprintf(folder, sizeof(folder), "%s/snapshots", d->config.data);
    int rc = light_trust_genesis(exec_sha256, buf_span(&d->face.genesis_octets), genesis, err);
    struct share_join_config cfg = {.folder = folder,
        .n_peers = d->directory.peers.n,
        .trust = genesis,
        .verify = exec_verify,
        .least_height = LEAST_HEIGHT,
        .patience_us = d->config.disk.join_us,
        .none_enough = none_enough(&d->directory),
        .send = send_share,
        .ctx = d};
    if (rc == WS_OK)
        *ret = share_join_new(&cfg, ws_clock_now(&d->face.clock).mono_us);
    free(genesis);
    return rc;
}

int daemon_join(struct daemon *d, struct ws_err *err) {
    uint64_t height = 0;
    uint64_t said_us = 0;
    struct share_join *j = NULL;
    daemon_open_share(d);
    if (d->config.disk.join_us == 0 || none_enough(&d->directory) == 0 ||
        snapshot_tip(d->face.store, &height, NULL) == WS_OK)
        return WS_OK;
    int rc = open_join(d, &j, err);
    enum share_state s = SHARE_ASKING;
    while (s != SHARE_DONE && s != SHARE_NONE && rc == WS_OK) {
        turn(d, j, &said_us);
        s = share_join_state(j);
        d->stop = told_to_stop(d);
        if (d->stop)
            rc = ws_fail(
                err, WS_EBUSY, "stopped before it began; what was fetched of a snapshot is kept");
    }
    if (s == SHARE_NONE)
        ws_log(WS_LOG_INFO, "snapshot",
            "no peer has one that can be used: going on with blocks from the genesis");
    if (s == SHARE_DONE)
        rc = begin_with(d, share_join_path(j), err);
    share_join_free(j);
    return rc;
}

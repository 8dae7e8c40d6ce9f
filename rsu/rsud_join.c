/* Joining by a snapshot: a unit whose store is new asks its peers for one, fetches it chunk by chunk, checks it under the
 * validators of the genesis and begins with it. Without one in time it begins at the genesis and fetches blocks. Also the other
 * side: the unit's own snapshots, offered to those who join. */
#include "rsu/rsud_internal.h"

#include "base/log.h"
#include "ledger/snapshot/make.h"
#include "ledger/snapshot/restore.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { LEAST_HEIGHT = 64, TURN_MS = 20, HELPING = 64, SAY_US = 5000000 };

static void send_share(void *ctx, size_t peer, struct span msg) {
    struct daemon *d = ctx;
    (void)net_send(d->face.net, peer, NET_BULK, msg);
}

void daemon_open_share(struct daemon *d) {
    char folder[4096];
    (void)snprintf(folder, sizeof(folder), "%s/snapshots", d->config.data);
    struct share_server_config cfg = {.folder = folder,
        .octets_per_s = d->config.disk.snapshot_octets_s,
        .send = send_share,
        .ctx = d};
    d->share = share_server_new(&cfg);
}

/* A committee that has changed since the genesis is not known yet to who begins: such a snapshot comes from a file, under a
 * header that the operator trusts (rsuctl ledger snapshot). */
static int trust(void *ctx, const struct manifest *m, struct ws_err *err) {
    const struct daemon *d = ctx;
    return manifest_check_set(m, exec_verify, d->face.cell_id, &d->face.genesis->validators, err);
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
    struct snapshot_restore how = {.from = s, .into = d->face.store};
    if (rc == WS_OK)
        rc = snapshot_restore(&how, err);
    if (rc == WS_OK)
        ws_log(WS_LOG_INFO, "snapshot", "begun with the state after height %llu",
            (unsigned long long)snapshot_manifest(s)->last.height);
    snapshot_close(s);
    return rc;
}

int daemon_join(struct daemon *d, struct ws_err *err) {
    uint64_t height = 0;
    daemon_open_share(d);
    if (d->config.disk.join_us == 0 || snapshot_tip(d->face.store, &height, NULL) == WS_OK)
        return WS_OK;
    char folder[4096];
    (void)snprintf(folder, sizeof(folder), "%s/snapshots", d->config.data);
    uint64_t now = ws_clock_now(&d->face.clock).mono_us;
    struct share_join_config cfg = {.folder = folder,
        .n_peers = d->directory.peers.n,
        .trust = trust,
        .least_height = LEAST_HEIGHT,
        .patience_us = d->config.disk.join_us,
        .send = send_share,
        .ctx = d};
    struct share_join *j = share_join_new(&cfg, now);
    int rc = WS_OK;
    enum share_state s = SHARE_ASKING;
    while (s != SHARE_DONE && s != SHARE_NONE && rc == WS_OK) {
        turn(d, j, &now);
        s = share_join_state(j);
        if (told_to_stop(d))
            rc = ws_fail(err, WS_EBUSY,
                "stopped while a snapshot was being fetched; it goes on with the next start");
    }
    if (s == SHARE_NONE)
        ws_log(
            WS_LOG_INFO, "snapshot", "no peer has one that can be used: beginning at the genesis");
    if (s == SHARE_DONE)
        rc = begin_with(d, share_join_path(j), err);
    share_join_free(j);
    return rc;
}

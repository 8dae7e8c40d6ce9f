/* Learning in the daemon: its store, its part, what vehicles upload and peers hand on, and the operator's word "learn file PATH" on the
 * admin socket, by which a model or a root set comes to this unit. */
#include "ledger/committee/committee.h"
#include "rsu/daemon/rsud_internal.h"
#include "rsu/learning/learning.h"
#include "rsu/learning/uploading.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

static const char word[] = "learn file ";
enum { WORD = sizeof(word) - 1, PEERS_US = 1000000, SOURCES = 4096 };

/* Receipts and seats are a validator's: who follows gets no uploads, and hands on only models and root sets. */
static int open_uploading(struct daemon *d, struct ws_err *err) {
    const struct config_learning *c = &d->config.learning;
    struct uploading_config cfg = {.signer = d->signer,
        .materials = d->face.materials,
        .bind_to = c->upload,
        .limits = {.uploads = c->uploads,
            .octets = c->upload_octets,
            .per_source = c->source_rate,
            .sources = SOURCES,
            .idle_us = c->idle_us},
        .clock = d->face.clock};
    memcpy(cfg.cell, d->face.cell_id, sizeof(cfg.cell));
    int rc = uploading_open(&cfg, &d->face.uploading, err);
    if (rc == WS_OK && c->upload != NULL && d->signer == NULL)
        ws_log(WS_LOG_WARN, "uploads", "no vehicle uploads here: this unit has no signing key");
    else if (rc == WS_OK && c->upload != NULL)
        ws_log(WS_LOG_INFO, "uploads", "vehicles upload to %s (UDP)", c->upload);
    return rc;
}

int daemon_open_learning(struct daemon *d, struct ws_err *err) {
    char path[4096];
    const struct config_learning *c = &d->config.learning;
    const struct materials_limits limits = {c->store_octets, c->model_octets, c->audit_us};
    if (snprintf(path, sizeof(path), "%s/materials", d->config.data) >= (int)sizeof(path))
        return ws_fail(err, WS_EINPUT, "data: too long a path");
    int rc = materials_open(path, &limits, &d->face.materials, err);
    if (rc != WS_OK)
        return rc;
    d->learning_random = ws_random_system();
    (void)snprintf(path, sizeof(path), "%s/learning", d->config.data);
    struct learning_config cfg = {.signer = d->signer,
        .folder = path,
        .materials = d->face.materials,
        .random = &d->learning_random};
    memcpy(cfg.cell, d->face.cell_id, sizeof(cfg.cell));
    rc = learning_open(&cfg, &d->learning, err);
    d->face.learning = d->learning;
    return rc == WS_OK ? open_uploading(d, err) : rc;
}

int daemon_uploading_fd(const struct daemon *d) {
    return d->face.uploading == NULL ? -1 : uploading_fd(d->face.uploading);
}

bool daemon_take_handed(struct daemon *d, size_t peer, struct span msg) {
    if (!handing_owns(msg))
        return false;
    if (d->face.uploading != NULL)
        uploading_message(d->face.uploading, peer, msg);
    return true;
}

const struct validator_set *daemon_round_set(const struct daemon *d, uint64_t *ret_round) {
    const void *committee = executor_committee(node_executor(d->face.node));
    struct fl_round_view round;
    fl_contract_round(d->face.cell.learn, &round);
    *ret_round = round.open == NULL ? 0 : round.number;
    return round.open == NULL || round.open->height > committee_next(committee)
               ? NULL
               : committee_set(committee, round.open->height);
}

/* The address of who has the slot with this link key and is linked. */
static void put_address(
    const struct node_peers *peers, const struct validator *v, struct uploading_peer *peer) {
    for (size_t slot = 0; slot < peers->n && slot < HANDING_PEERS_MAX; slot++)
        if (peer[slot].up && memcmp(peers->curve_key[slot], v->curve_key, KEY_OCTETS) == 0)
            memcpy(peer[slot].address, v->address, sizeof(peer[slot].address));
}

/* Whom we are linked with, by slot; members of the committee, and of the round that is on, with their address. */
static void tell_peers(struct daemon *d) {
    const struct validator_set *set = node_validators(d->face.node);
    const struct node_peers *peers = node_directory(d->face.node);
    struct uploading_peer peer[HANDING_PEERS_MAX] = {0};
    uint64_t round = 0;
    for (size_t slot = 0; slot < peers->n && slot < HANDING_PEERS_MAX; slot++) {
        if (slot == peers->me)
            continue;
        memcpy(peer[slot].key, peers->curve_key[slot], sizeof(peer[slot].key));
        peer[slot].up = net_peer_up(d->face.net, slot);
    }
    for (size_t i = 0; i < set->n; i++)
        put_address(peers, &set->v[i], peer);
    set = daemon_round_set(d, &round);
    for (size_t i = 0; set != NULL && i < set->n; i++)
        put_address(peers, &set->v[i], peer);
    uploading_peers(d->face.uploading, peer, HANDING_PEERS_MAX);
}

static void run_uploading(struct daemon *d, struct ws_now now) {
    const uint64_t height = executor_height(node_executor(d->face.node));
    struct buf msg;
    size_t peer = 0;
    if (height != d->uploads_height) {
        d->uploads_height = height;
        uploading_block(d->face.uploading, d->face.cell.learn);
    }
    if (now.mono_us >= d->uploads_due_us) {
        d->uploads_due_us = now.mono_us + PEERS_US;
        tell_peers(d);
    }
    while (uploading_next(d->face.uploading, &peer, &msg)) {
        (void)net_send(d->face.net, peer, NET_BULK, buf_span(&msg));
        buf_free(&msg);
    }
}

void daemon_run_learning(struct daemon *d) {
    const struct ws_now now = ws_clock_now(&d->face.clock);
    learning_run(d->learning, d->face.node, d->face.cell.learn, now);
    if (d->face.uploading != NULL)
        run_uploading(d, now);
}

void daemon_close_learning(struct daemon *d) {
    uploading_close(d->face.uploading);
    learning_close(d->learning);
    materials_close(d->face.materials);
}

bool daemon_learning_order(struct daemon *d, struct span order) {
    char path[4096];
    if (order.n < WORD || memcmp(order.p, word, WORD) != 0)
        return false;
    (void)snprintf(path, sizeof(path), "%.*s", (int)(order.n - WORD), (const char *)order.p + WORD);
    learning_take_file(d->learning, path, admin_take_socket(d->admin));
    return true;
}

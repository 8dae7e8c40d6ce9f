/* A unit with an empty disk joins by a snapshot that its peers send it, over the bent network (ledger/node/share.h). */
#include "tests/support/nodes.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "ledger/light/trust.h"
#include "ledger/node/query.h"
#include "ledger/node/share.h"
#include "ledger/snapshot/make.h"
#include "ledger/snapshot/restore.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { TICK_US = 20000, PATIENCE_US = 3000000, OCTETS_PER_S = 1 << 20 };

struct nodes_join {
    size_t who;
    struct share_join *join;
    struct share_server *server[NODES_MAX]; /* NULL: has none to answer with */
    char folder[NODES_FOLDER];
};

/* A liar damages half of what it sends. */
static void send_share(void *ctx, size_t peer, struct span msg) {
    struct nodes_member *m = ctx;
    struct nodes *w = m->world;
    struct buf copy = {0};
    buf_put(&copy, msg.p, msg.n);
    if (m->liar && copy.n > 2 && ws_random_below(&w->random, 2) == 0)
        copy.p[2 + ws_random_below(&w->random, copy.n - 2)] ^= 1;
    nodes_send(w, m->index, peer, buf_span(&copy));
    buf_free(&copy);
}

static int give_handovers(void *ctx, uint64_t after, uint64_t below, size_t max,
    struct query_handovers *ret, struct ws_err *err) {
    const struct nodes_member *m = ctx;
    return query_handovers(m->store, after, below, max, ret, err);
}

static void tick_later(struct nodes *w) {
    const struct nodes_join *j = w->join;
    nodes_push(w, (struct nodes_item){.due = w->now.mono_us + TICK_US,
                      .kind = NODES_SHARE,
                      .to = j->who,
                      .life = w->m[j->who].life});
}

/* Its newest snapshot is of now, or it has none. */
static void open_server(struct nodes *w, size_t k) {
    struct nodes_join *j = w->join;
    char folder[NODES_FOLDER + 24];
    struct manifest manifest;
    (void)snprintf(folder, sizeof(folder), "%s/%zu", j->folder, k);
    struct snapshot_make make = {.store = w->m[k].store, .folder = folder};
    if (k % 3 != 2 && snapshot_make(&make, &manifest, NULL) == WS_OK)
        nodes_tell(w, "validator %zu has a snapshot of height %" PRIu64, k, manifest.last.height);
    struct share_server_config cfg = {.folder = folder,
        .octets_per_s = OCTETS_PER_S,
        .handovers = give_handovers,
        .send = send_share,
        .ctx = &w->m[k]};
    j->server[k] = share_server_new(&cfg);
}

void nodes_join(struct nodes *w, size_t i) {
    WS_ASSERT(w->join == NULL);
    nodes_wipe(w, i);
    struct nodes_join *j = ws_alloc(sizeof(*j));
    w->join = j;
    j->who = i;
    nodes_folder_make(j->folder);
    for (size_t k = 0; k < w->n; k++) {
        if (k != i && w->m[k].node != NULL)
            open_server(w, k);
    }
    char own[NODES_FOLDER + 24];
    (void)snprintf(own, sizeof(own), "%s/own", j->folder);
    (void)mkdir(own, 0700);
    struct light_trust *genesis = ws_alloc(sizeof(*genesis));
    int rc = light_trust_genesis(exec_sha256, buf_span(&w->genesis), genesis, NULL);
    WS_ASSERT(rc == WS_OK);
    struct share_join_config cfg = {.folder = own,
        .n_peers = w->n_validators,
        .trust = genesis,
        .verify = exec_verify,
        .least_height = 1,
        .patience_us = PATIENCE_US,
        .none_enough = w->n_validators - w->n_validators / 3,
        .send = send_share,
        .ctx = &w->m[i]};
    j->join = share_join_new(&cfg, nodes_now(w, i).mono_us);
    free(genesis);
    nodes_tell(w, "validator %zu asks its peers for a snapshot", i);
    tick_later(w);
}

void nodes_join_end(struct nodes *w) {
    struct nodes_join *j = w->join;
    if (j == NULL)
        return;
    w->join = NULL;
    share_join_free(j->join);
    for (size_t k = 0; k < w->n; k++) {
        char folder[NODES_FOLDER + 24];
        share_server_free(j->server[k]);
        (void)snprintf(folder, sizeof(folder), "%s/%zu", j->folder, k);
        nodes_folder_remove(folder);
    }
    char own[NODES_FOLDER + 24];
    (void)snprintf(own, sizeof(own), "%s/own", j->folder);
    nodes_folder_remove(own);
    nodes_folder_remove(j->folder);
    free(j);
}

bool nodes_joins(const struct nodes *w, size_t i) {
    return w->join != NULL && w->join->who == i;
}

/* Fills the empty store and starts. */
static void finish(struct nodes *w, bool fetched) {
    struct nodes_join *j = w->join;
    struct nodes_member *m = &w->m[j->who];
    struct ws_err err = {0};
    if (fetched) {
        struct snapshot *s = NULL;
        int rc = snapshot_open(share_join_path(j->join), &s, &err);
        struct snapshot_restore how = {.from = s, .into = m->store};
        if (rc == WS_OK)
            rc = snapshot_restore(&how, &err);
        if (rc == WS_OK)
            m->joined = snapshot_manifest(s)->last.height;
        else
            nodes_break(w, "validator %zu cannot begin with a snapshot: %s", j->who, err.text);
        snapshot_close(s);
        w->joins++;
        nodes_tell(w, "validator %zu begins with a snapshot of height %" PRIu64, j->who, m->joined);
    }
    size_t who = j->who;
    nodes_join_end(w);
    if (w->broken[0] == '\0' && nodes_start(w, who, &err) != WS_OK && !m->liar)
        nodes_break(w, "validator %zu does not start: %s", who, err.text);
}

void nodes_share_tick(struct nodes *w) {
    struct nodes_join *j = w->join;
    if (j == NULL)
        return;
    for (size_t k = 0; k < w->n; k++) {
        if (j->server[k] != NULL && w->m[k].node != NULL)
            (void)share_server_tick(j->server[k], nodes_now(w, k).mono_us);
    }
    (void)share_join_tick(j->join, nodes_now(w, j->who).mono_us);
    enum share_state s = share_join_state(j->join);
    if (s == SHARE_DONE || s == SHARE_NONE)
        finish(w, s == SHARE_DONE);
    else
        tick_later(w);
}

bool nodes_share_message(struct nodes *w, const struct nodes_item *it) {
    struct span msg = buf_span(&it->octets);
    if (!share_owns(msg))
        return false;
    struct nodes_join *j = w->join;
    uint64_t now = nodes_now(w, it->to).mono_us;
    size_t from = w->m[it->from].slot;
    if (j != NULL && it->to == j->who)
        (void)share_join_message(j->join, from, msg, now);
    else if (j != NULL && j->server[it->to] != NULL && w->m[it->to].node != NULL)
        (void)share_server_message(j->server[it->to], from, msg, now);
    return true;
}

#include "ledger/node/share.h"

#include "base/log.h"
#include "base/mem.h"
#include "ledger/net/link.pb-c.h"
#include "ledger/snapshot/file.h"
#include "ledger/snapshot/make.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE = 16, RESCAN_US = 5000000, OFFER_US = 500000, BURST_S = 1, MICRO = 1000000 };

/* A snapshot stays open while it is the newest or the one before: its file may be removed meanwhile. */
struct held {
    struct snapshot *s;
    uint64_t height;
    hash32 id;
};

struct client {
    uint64_t offered_us; /* last; 0: never */
    uint64_t tokens, tokens_us; /* octets */
    bool filled;
    size_t n;
    struct want {
        hash32 id;
        uint32_t chunk;
    } queue[QUEUE];
};

struct share_server {
    struct share_server_config cfg;
    char *folder;
    struct held held[2]; /* newest first */
    uint64_t scanned_us;
    struct client client[SHARE_PEERS_MAX];
};

struct share_server *share_server_new(const struct share_server_config *cfg) {
    struct share_server *s = ws_alloc(sizeof(*s));
    s->cfg = *cfg;
    s->folder = ws_strdup(cfg->folder);
    return s;
}

void share_server_free(struct share_server *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < 2; i++)
        snapshot_close(s->held[i].s);
    free(s->folder);
    free(s);
}

/* Height of the newest finished file; 0: none. */
static uint64_t newest(const char *folder) {
    uint64_t best = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        char *end = NULL;
        char name[SNAPSHOT_NAME];
        uint64_t height = strtoull(e->d_name, &end, 10);
        snapshot_name(name, height);
        if (strcmp(name, e->d_name) == 0 && height > best)
            best = height;
    }
    if (dir != NULL)
        (void)closedir(dir);
    return best;
}

static void scan(struct share_server *s, uint64_t mono_us) {
    if (s->scanned_us != 0 && mono_us - s->scanned_us < RESCAN_US)
        return;
    s->scanned_us = mono_us == 0 ? 1 : mono_us;
    uint64_t height = newest(s->folder);
    if (height == 0 || height <= s->held[0].height)
        return;
    char name[SNAPSHOT_NAME];
    char path[4096];
    struct held fresh = {.height = height};
    snapshot_name(name, height);
    (void)snprintf(path, sizeof(path), "%s/%s", s->folder, name);
    if (snapshot_open(path, &fresh.s, NULL) != WS_OK)
        return; /* damaged: whoever keeps the folder says so */
    manifest_id(snapshot_manifest(fresh.s), fresh.id);
    snapshot_close(s->held[1].s);
    s->held[1] = s->held[0];
    s->held[0] = fresh;
}

static void send_link(struct share_server *s, size_t peer, const Wayside__Link__Link *link) {
    struct buf b = {0};
    (void)wayside__link__link__pack(link, buf_grow(&b, wayside__link__link__get_packed_size(link)));
    s->cfg.send(s->cfg.ctx, peer, buf_span(&b));
    buf_free(&b);
}

static void refill(const struct share_server *s, struct client *c, uint64_t mono_us) {
    uint64_t most = s->cfg.octets_per_s * BURST_S;
    uint64_t us = mono_us > c->tokens_us ? mono_us - c->tokens_us : 0;
    us = us > MICRO ? MICRO : us;
    c->tokens += s->cfg.octets_per_s * us / MICRO;
    if (!c->filled || c->tokens > most)
        c->tokens = most;
    c->filled = true;
    c->tokens_us = mono_us;
}

static void spend(struct client *c, size_t octets) {
    c->tokens -= octets < c->tokens ? octets : c->tokens;
}

/* The way from what the peer trusts to the committee that signed the snapshot, or its first part. False: there is none
 * that we could show. */
static bool show_way(const struct share_server *s, uint64_t trusted, const struct manifest *m,
    struct buf *ret_list, bool *ret_more) {
    struct query_handovers q;
    struct ws_err err = {0};
    int rc = s->cfg.handovers(s->cfg.ctx, trusted, m->next.height, SHARE_HANDOVERS_MAX, &q, &err);
    if (rc != WS_OK)
        ws_log(WS_LOG_ERROR, "snapshot", "none is offered: %s", err.text);
    bool can = rc == WS_OK && !q.forgotten;
    struct rd r = rd_of(buf_span(&q.octets));
    uint16_t n = 0;
    size_t end = 0;
    for (; can && n < q.n; n++) {
        (void)rd_var(&r, HANDOVER_OCTETS_MAX);
        if (r.bad || r.at + 2 > SHARE_HANDOVERS_OCTETS_MAX)
            break;
        end = r.at;
    }
    buf_u16(ret_list, n);
    buf_put(ret_list, q.octets.p, end);
    *ret_more = can && (q.more || n < q.n);
    buf_free(&q.octets);
    return can;
}

static void offer(struct share_server *s, size_t peer, uint64_t trusted, uint64_t mono_us) {
    struct client *c = &s->client[peer];
    if (c->offered_us != 0 && mono_us - c->offered_us < OFFER_US)
        return;
    c->offered_us = mono_us == 0 ? 1 : mono_us;
    scan(s, mono_us);
    refill(s, c, mono_us);
    struct buf manifest = {0};
    struct buf list = {0};
    bool more = false;
    Wayside__Link__SnapshotOffer o = WAYSIDE__LINK__SNAPSHOT_OFFER__INIT;
    if (s->held[0].s != NULL &&
        show_way(s, trusted, snapshot_manifest(s->held[0].s), &list, &more)) {
        manifest_encode(snapshot_manifest(s->held[0].s), &manifest);
        o.height = s->held[0].height;
        o.manifest = (ProtobufCBinaryData){manifest.n, manifest.p};
        o.handovers = (ProtobufCBinaryData){list.n, list.p};
        o.more = more;
    }
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_SNAPSHOT_OFFER;
    link.snapshot_offer = &o;
    send_link(s, peer, &link);
    spend(c, manifest.n + list.n);
    buf_free(&manifest);
    buf_free(&list);
}

static struct held *find(struct share_server *s, const hash32 id) {
    for (size_t i = 0; i < 2; i++) {
        if (s->held[i].s != NULL && memcmp(s->held[i].id, id, 32) == 0)
            return &s->held[i];
    }
    return NULL;
}

/* Octets sent. */
static size_t send_chunk(struct share_server *s, size_t peer, const struct want *w) {
    struct buf octets = {0};
    struct held *h = find(s, w->id);
    uint8_t id[32];
    memcpy(id, w->id, 32);
    Wayside__Link__ChunkReply a = WAYSIDE__LINK__CHUNK_REPLY__INIT;
    if (h != NULL && w->chunk < manifest_chunks(snapshot_manifest(h->s)) &&
        snapshot_chunk(h->s, w->chunk, &octets, NULL) != WS_OK)
        buf_clear(&octets);
    a.id = (ProtobufCBinaryData){32, id};
    a.chunk = w->chunk;
    a.octets = (ProtobufCBinaryData){octets.n, octets.p};
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_CHUNK_REPLY;
    link.chunk_reply = &a;
    send_link(s, peer, &link);
    size_t sent = octets.n + 64;
    buf_free(&octets);
    return sent;
}

/* One always goes when there is a token left, however large. */
static void serve(struct share_server *s, size_t peer, uint64_t mono_us) {
    struct client *c = &s->client[peer];
    refill(s, c, mono_us);
    while (c->n > 0 && c->tokens > 0) {
        size_t sent = send_chunk(s, peer, &c->queue[0]);
        spend(c, sent);
        c->n--;
        memmove(c->queue, c->queue + 1, c->n * sizeof(c->queue[0]));
    }
}

static void take_request(
    struct share_server *s, size_t peer, const Wayside__Link__ChunkRequest *q, uint64_t mono_us) {
    struct client *c = &s->client[peer];
    for (size_t i = 0; i < q->n_chunk && q->id.len == 32 && c->n < QUEUE; i++) {
        struct want *w = &c->queue[c->n++];
        memcpy(w->id, q->id.data, 32);
        w->chunk = q->chunk[i];
    }
    serve(s, peer, mono_us);
}

bool share_server_message(struct share_server *s, size_t peer, struct span msg, uint64_t mono_us) {
    if (peer >= SHARE_PEERS_MAX || msg.n > 4096)
        return false;
    Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg.n, msg.p);
    if (link == NULL)
        return false;
    bool mine = link->body_case == WAYSIDE__LINK__LINK__BODY_SNAPSHOT_QUERY ||
                link->body_case == WAYSIDE__LINK__LINK__BODY_CHUNK_REQUEST;
    if (link->body_case == WAYSIDE__LINK__LINK__BODY_SNAPSHOT_QUERY)
        offer(s, peer, link->snapshot_query->trusted, mono_us);
    else if (mine)
        take_request(s, peer, link->chunk_request, mono_us);
    wayside__link__link__free_unpacked(link, NULL);
    return mine;
}

uint64_t share_server_tick(struct share_server *s, uint64_t mono_us) {
    uint64_t at = UINT64_MAX;
    for (size_t i = 0; i < SHARE_PEERS_MAX; i++) {
        if (s->client[i].n == 0)
            continue;
        serve(s, i, mono_us);
        if (s->client[i].n > 0)
            at = mono_us + 20000;
    }
    return at;
}

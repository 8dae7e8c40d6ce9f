#include "ledger/node/share.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "ledger/net/link.pb-c.h"
#include "ledger/snapshot/file.h"
#include "ledger/snapshot/make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RESTARTS_MAX =
        8, /* then blocks are fetched: who offers and does not send must not hold us up for ever */
    ASK_US = 1000000,
    GATHER_US = 1000000,
    CHUNK_US = 4000000,
    EACH = 4,
    FIRST_OCTET = 10 << 3 | 2
};

struct source {
    bool has; /* this snapshot */
    bool none; /* says that it has none, or none of use */
    bool lied; /* sent a chunk that is none, or a manifest or handovers that are not the cell's */
    bool told; /* the log has a line about an offer that is not proven */
    uint64_t judged_us; /* last manifest that was looked at */
    hash32 id;
    unsigned outstanding;
};

struct question {
    bool asked;
    size_t peer;
    uint64_t asked_us;
};

struct share_join {
    struct share_join_config cfg;
    struct share_belief *belief;
    char *folder;
    char path[4096];
    enum share_state state;
    struct source source[SHARE_PEERS_MAX];
    struct manifest best; /* of the offers so far */
    bool has_best;
    hash32 id; /* of it */
    uint64_t begun_us, asked_us, first_offer_us, progress_us;
    struct snapshot_part *part;
    size_t chunks;
    struct question *question; /* by chunk */
    size_t next; /* chunks below are held */
    struct share_counters counters;
};

bool share_owns(struct span msg) {
    return msg.n > 0 && msg.p[0] >= FIRST_OCTET && msg.p[0] <= (13 << 3 | 2) && (msg.p[0] & 7) == 2;
}

struct share_join *share_join_new(const struct share_join_config *cfg, uint64_t mono_us) {
    struct share_join *j = ws_alloc(sizeof(*j));
    j->cfg = *cfg;
    j->folder = ws_strdup(cfg->folder);
    j->belief = share_belief_new(cfg->trust, cfg->verify);
    j->begun_us = mono_us;
    j->progress_us = mono_us;
    return j;
}

static void forget_part(struct share_join *j) {
    snapshot_part_close(j->part, true);
    free(j->question);
    j->part = NULL;
    j->question = NULL;
    j->chunks = 0;
}

void share_join_free(struct share_join *j) {
    if (j == NULL)
        return;
    forget_part(j);
    share_belief_free(j->belief);
    free(j->folder);
    free(j);
}

static void send_link(struct share_join *j, size_t peer, const Wayside__Link__Link *link) {
    struct buf b = {0};
    (void)wayside__link__link__pack(link, buf_grow(&b, wayside__link__link__get_packed_size(link)));
    j->cfg.send(j->cfg.ctx, peer, buf_span(&b));
    buf_free(&b);
}

static void ask_all(struct share_join *j, uint64_t mono_us) {
    j->asked_us = mono_us == 0 ? 1 : mono_us;
    Wayside__Link__SnapshotQuery q = WAYSIDE__LINK__SNAPSHOT_QUERY__INIT;
    q.trusted = share_belief_height(j->belief);
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_SNAPSHOT_QUERY;
    link.snapshot_query = &q;
    for (size_t i = 0; i < j->cfg.n_peers; i++) {
        if (!j->source[i].lied)
            send_link(j, i, &link);
    }
}

/* ---- offers ---- */

static void distrust(struct share_join *j, size_t peer, const char *what, const char *why) {
    ws_log(WS_LOG_WARN, "snapshot", "peer %zu offers %s: %s", peer, what, why);
    j->counters.distrusted++;
    j->source[peer].lied = true;
}

/* The committee that signed the manifest is not known: the offer may show the way there, at once or in parts. */
static int follow(struct share_join *j, const Wayside__Link__SnapshotOffer *o,
    const struct manifest *m, uint64_t mono_us, struct ws_err *err) {
    size_t crossed = 0;
    enum light_verdict v =
        share_belief_follow(j->belief, span_of(o->handovers.data, o->handovers.len), &crossed, err);
    j->counters.handovers += crossed;
    if (crossed > 0) {
        j->begun_us = mono_us; /* nobody can make these up: it is worth waiting for the rest */
        ws_log(WS_LOG_INFO, "snapshot", "trusted up to the committee from height %llu on",
            (unsigned long long)share_belief_height(j->belief) + 1);
    }
    if (v == LIGHT_OK)
        return share_belief_judge(j->belief, m, err);
    j->counters.bad_handovers++;
    return ws_fail_in(err, "%s", light_verdict_text(v)), WS_EINPUT;
}

/* Looking at an offer costs signatures: one of each peer in a while. */
static bool may_judge(struct source *s, const Wayside__Link__SnapshotOffer *o, uint64_t mono_us) {
    if (s->lied || o->manifest.len > MANIFEST_OCTETS_MAX ||
        o->handovers.len > SHARE_HANDOVERS_OCTETS_MAX ||
        (s->judged_us != 0 && mono_us - s->judged_us < ASK_US / 2))
        return false;
    s->judged_us = mono_us == 0 ? 1 : mono_us;
    return true;
}

static void take_offer(
    struct share_join *j, size_t peer, const Wayside__Link__SnapshotOffer *o, uint64_t mono_us) {
    struct source *s = &j->source[peer];
    struct manifest m;
    struct ws_err err = {0};
    s->none = o->height == 0;
    if (s->none || !may_judge(s, o, mono_us))
        return;
    j->counters.offers++;
    if (manifest_decode(span_of(o->manifest.data, o->manifest.len), &m, &err) != WS_OK) {
        distrust(j, peer, "what is no snapshot", err.text);
        return;
    }
    s->none = m.last.height < j->cfg.least_height;
    if (s->none)
        return;
    int rc = share_belief_judge(j->belief, &m, &err);
    if (rc == WS_ENOTFOUND && o->handovers.len > 0)
        rc = follow(j, o, &m, mono_us, &err);
    if (rc == WS_ENOTFOUND) {
        j->counters.unproven++;
        if (!s->told && !o->more)
            ws_log(WS_LOG_WARN, "snapshot", "peer %zu offers a snapshot without proof: %s", peer,
                err.text);
        s->told = s->told || !o->more;
        return;
    }
    if (rc != WS_OK) {
        distrust(j, peer, "a snapshot that is not the cell's", err.text);
        return;
    }
    manifest_id(&m, s->id);
    s->has = true;
    if (j->state != SHARE_ASKING)
        return;
    if (j->first_offer_us == 0)
        j->first_offer_us = mono_us == 0 ? 1 : mono_us;
    if (!j->has_best || m.last.height > j->best.last.height) {
        j->best = m;
        j->has_best = true;
        memcpy(j->id, s->id, 32);
    }
}

static bool begin(struct share_join *j, uint64_t mono_us) {
    char name[SNAPSHOT_NAME];
    struct ws_err err = {0};
    snapshot_name(name, j->best.last.height);
    (void)snprintf(j->path, sizeof(j->path), "%s/%s", j->folder, name);
    if (dir_make(j->folder, &err) != WS_OK ||
        snapshot_part_open(j->path, &j->best, &j->part, &err) != WS_OK) {
        ws_log(WS_LOG_ERROR, "snapshot", "%s", err.text);
        j->part = NULL;
        return false;
    }
    j->chunks = manifest_chunks(&j->best);
    j->question = ws_calloc(j->chunks, sizeof(*j->question));
    j->next = 0;
    j->state = SHARE_FETCHING;
    j->progress_us = mono_us;
    ws_log(WS_LOG_INFO, "snapshot",
        "joining by the snapshot of height %llu: %zu of %zu chunks are missing",
        (unsigned long long)j->best.last.height, snapshot_part_missing(j->part), j->chunks);
    return true;
}

/* ---- chunks ---- */

static bool is_source(const struct share_join *j, size_t peer) {
    const struct source *s = &j->source[peer];
    return s->has && !s->lied && memcmp(s->id, j->id, 32) == 0;
}

static void forget(struct share_join *j, size_t chunk) {
    struct question *q = &j->question[chunk];
    if (q->asked && j->source[q->peer].outstanding > 0)
        j->source[q->peer].outstanding--;
    q->asked = false;
}

static void drop_source(struct share_join *j, size_t peer) {
    j->source[peer].has = false;
    for (size_t i = 0; i < j->chunks; i++) {
        if (j->question[i].asked && j->question[i].peer == peer)
            forget(j, i);
    }
    j->source[peer].outstanding = 0;
}

static size_t choose(const struct share_join *j) {
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < j->cfg.n_peers; i++) {
        if (is_source(j, i) && j->source[i].outstanding < EACH &&
            (best == SIZE_MAX || j->source[i].outstanding < j->source[best].outstanding))
            best = i;
    }
    return best;
}

static void ask_chunk(struct share_join *j, size_t peer, uint32_t chunk, uint64_t mono_us) {
    uint8_t id[32];
    memcpy(id, j->id, 32);
    Wayside__Link__ChunkRequest q = WAYSIDE__LINK__CHUNK_REQUEST__INIT;
    q.height = j->best.last.height;
    q.id = (ProtobufCBinaryData){32, id};
    q.n_chunk = 1;
    q.chunk = &chunk;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_CHUNK_REQUEST;
    link.chunk_request = &q;
    j->question[chunk] = (struct question){true, peer, mono_us};
    j->source[peer].outstanding++;
    send_link(j, peer, &link);
}

static void ask_missing(struct share_join *j, uint64_t mono_us) {
    while (j->next < j->chunks && snapshot_part_has(j->part, j->next))
        j->next++;
    for (size_t i = j->next; i < j->chunks; i++) {
        struct question *q = &j->question[i];
        if (snapshot_part_has(j->part, i))
            continue;
        if (q->asked && mono_us - q->asked_us > CHUNK_US) {
            j->counters.timeouts++;
            forget(j, i);
        }
        if (q->asked)
            continue;
        size_t peer = choose(j);
        if (peer == SIZE_MAX)
            return;
        ask_chunk(j, peer, (uint32_t)i, mono_us);
    }
}

static void finish(struct share_join *j) {
    struct ws_err err = {0};
    if (snapshot_part_finish(j->part, &err) == WS_OK) {
        j->part = NULL;
        j->state = SHARE_DONE;
        return;
    }
    ws_log(WS_LOG_ERROR, "snapshot", "%s", err.text);
    forget_part(j);
    j->state = SHARE_NONE;
}

static void take_chunk(
    struct share_join *j, size_t peer, const Wayside__Link__ChunkReply *a, uint64_t mono_us) {
    /* Only what was asked, of whom it was asked. */
    if (j->state != SHARE_FETCHING || a->id.len != 32 || memcmp(a->id.data, j->id, 32) != 0 ||
        a->chunk >= j->chunks || !j->question[a->chunk].asked ||
        j->question[a->chunk].peer != peer) {
        j->counters.refused++;
        return;
    }
    forget(j, a->chunk);
    if (a->octets.len == 0) {
        j->counters.gone++;
        drop_source(j, peer);
        return;
    }
    size_t chunk = SIZE_MAX;
    struct ws_err err = {0};
    int rc = snapshot_part_take(j->part, span_of(a->octets.data, a->octets.len), &chunk, &err);
    if (rc == WS_EINPUT || (rc == WS_OK && chunk != a->chunk)) {
        ws_log(WS_LOG_WARN, "snapshot", "peer %zu sends what is no chunk: %s", peer, err.text);
        j->counters.refused++;
        j->source[peer].lied = true;
        drop_source(j, peer);
        return;
    }
    if (rc != WS_OK) { /* the disk */
        ws_log(WS_LOG_ERROR, "snapshot", "%s", err.text);
        forget_part(j);
        j->state = SHARE_NONE;
        return;
    }
    j->counters.chunks++;
    j->counters.octets += a->octets.len;
    j->progress_us = mono_us;
    if (snapshot_part_missing(j->part) == 0)
        finish(j);
    else
        ask_missing(j, mono_us);
}

bool share_join_message(struct share_join *j, size_t peer, struct span msg, uint64_t mono_us) {
    if (peer >= j->cfg.n_peers || !share_owns(msg))
        return false;
    Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg.n, msg.p);
    if (link == NULL)
        return false;
    bool mine = link->body_case == WAYSIDE__LINK__LINK__BODY_SNAPSHOT_OFFER ||
                link->body_case == WAYSIDE__LINK__LINK__BODY_CHUNK_REPLY;
    if (link->body_case == WAYSIDE__LINK__LINK__BODY_SNAPSHOT_OFFER)
        take_offer(j, peer, link->snapshot_offer, mono_us);
    else if (mine)
        take_chunk(j, peer, link->chunk_reply, mono_us);
    wayside__link__link__free_unpacked(link, NULL);
    return mine;
}

/* ---- time ---- */

static bool has_source(const struct share_join *j) {
    for (size_t i = 0; i < j->cfg.n_peers; i++) {
        if (is_source(j, i))
            return true;
    }
    return false;
}

static void start_over(struct share_join *j, uint64_t mono_us) {
    forget_part(j);
    j->has_best = false;
    j->first_offer_us = 0;
    j->state = SHARE_ASKING;
    j->begun_us = mono_us;
    for (size_t i = 0; i < j->cfg.n_peers; i++) {
        j->source[i].has = false;
        j->source[i].none = false;
        j->source[i].outstanding = 0;
        j->source[i].judged_us = 0;
    }
    if (++j->counters.restarts > RESTARTS_MAX)
        j->state = SHARE_NONE;
}

static bool nobody_has_one(const struct share_join *j) {
    size_t none = 0;
    for (size_t i = 0; i < j->cfg.n_peers; i++)
        none += j->source[i].none;
    return j->cfg.none_enough > 0 && none >= j->cfg.none_enough;
}

uint64_t share_join_tick(struct share_join *j, uint64_t mono_us) {
    if (j->state == SHARE_DONE || j->state == SHARE_NONE)
        return UINT64_MAX;
    if (j->asked_us == 0 || mono_us - j->asked_us >= ASK_US)
        ask_all(j, mono_us); /* while fetching, too: others may have the same one by now */
    if (j->state == SHARE_ASKING) {
        if (j->has_best && mono_us - j->first_offer_us >= GATHER_US && !begin(j, mono_us))
            j->state = SHARE_NONE;
        else if (!j->has_best && (mono_us - j->begun_us >= j->cfg.patience_us ||
                                     (mono_us - j->begun_us >= GATHER_US && nobody_has_one(j))))
            j->state = SHARE_NONE;
    }
    if (j->state == SHARE_FETCHING) {
        if (snapshot_part_missing(j->part) == 0)
            finish(j);
        else if (!has_source(j) || mono_us - j->progress_us >= j->cfg.patience_us)
            start_over(j, mono_us); /* it went at its sources, or they did: the next one */
        else
            ask_missing(j, mono_us);
    }
    return mono_us + 100000;
}

enum share_state share_join_state(const struct share_join *j) {
    return j->state;
}

const char *share_join_path(const struct share_join *j) {
    return j->path;
}

struct share_counters share_join_counters(const struct share_join *j) {
    return j->counters;
}

void share_join_progress(const struct share_join *j, size_t *ret_held, size_t *ret_all) {
    *ret_all = j->chunks;
    *ret_held = j->part == NULL ? 0 : j->chunks - snapshot_part_missing(j->part);
}

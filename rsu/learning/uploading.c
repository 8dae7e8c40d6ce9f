#include "rsu/learning/uploading.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "rsu/learning/needs.h"
#include "rsu/learning/uploads_view.h"
#include "rsu/learning/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    QUEUE = 1024, /* messages each way */
    QUEUE_OCTETS = 32 << 20,
    HELPING = 64,
    WAKE_US = 100000,
    SCAN_US = 1000000, /* what is missing is looked for so often */
    FETCHES = 8,
    FETCH_OCTETS = 48 << 20,
    SERVE_OCTETS_S = 32 << 20,
    BLOB_OCTETS_S = 8 << 20,
    PATIENCE_US = 2000000,
    NAMED =
        16, /* models and root sets that the ledger named last: others may be a few rounds behind */
};

_Static_assert(WRITER_BATCH <= MATERIALS_PUT_MAX, "a batch is put in one go");

struct letter {
    size_t peer;
    struct buf msg;
};
struct queue {
    struct letter at[QUEUE];
    size_t first, n, octets;
    uint64_t dropped;
};

struct uploading {
    struct uploading_config cfg;
    uint8_t address[32]; /* as a validator */
    struct uploads_view *view;
    struct uploads_ledger ledger; /* the port's view of it */
    struct uploads_port *port; /* NULL: none */
    int out_fd;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t work;
    bool ends;
    struct queue in, out;
    uint8_t kept[QUEUE][32]; /* what vehicles brought, to be told */
    size_t n_kept;
    struct uploading_peer peer[HANDING_PEERS_MAX];
    struct fl_model_view model; /* in force */
    struct handing_counters told;
    struct blobs_counters blobs_told;

    /* of the thread */
    pthread_t thread;
    bool runs;
    struct handing *handing;
    struct blobs *blobs;
    struct uploading_peer linked[HANDING_PEERS_MAX]; /* as of the last look */
    uint8_t named[NAMED][32];
    size_t n_named; /* ever; the last NAMED are there */
    struct uploads_round round;
    uint64_t scan_us;
    struct ws_log_limit complaints;
    struct ws_log_limit disk_complaints; /* of the writer's */
};

/* ---- queues ---- */

static bool put(struct queue *q, size_t peer, struct span msg) {
    if (q->n == QUEUE || q->octets + msg.n > QUEUE_OCTETS) {
        q->dropped++;
        return false;
    }
    struct letter *l = &q->at[(q->first + q->n++) % QUEUE];
    *l = (struct letter){.peer = peer};
    buf_put(&l->msg, msg.p, msg.n);
    q->octets += msg.n;
    return true;
}

static bool take(struct queue *q, struct letter *ret) {
    if (q->n == 0)
        return false;
    *ret = q->at[q->first];
    q->first = (q->first + 1) % QUEUE;
    q->n--;
    q->octets -= ret->msg.n;
    return true;
}

static void empty(struct queue *q) {
    for (struct letter l; take(q, &l);)
        buf_free(&l.msg);
}

/* ---- what the socket is given ---- */

/* In the writer's thread. */
static void keep_many(void *ctx, struct uploads_whole *const *w, size_t n) {
    struct uploading *u = ctx;
    struct materials_item item[MATERIALS_PUT_MAX];
    for (size_t i = 0; i < n; i++)
        item[i] =
            (struct materials_item){.round = w[i]->round, .id = w[i]->id, .what = &w[i]->material};
    materials_put_many(u->cfg.materials, item, n);
    (void)pthread_mutex_lock(&u->lock);
    for (size_t i = 0; i < n; i++)
        if (item[i].rc == WS_OK && u->n_kept < QUEUE) /* else they find it by asking */
            memcpy(u->kept[u->n_kept++], w[i]->id, 32);
    (void)pthread_cond_signal(&u->work);
    (void)pthread_mutex_unlock(&u->lock);
    for (size_t i = 0; i < n; i++) {
        w[i]->rc = item[i].rc;
        w[i]->err = item[i].err;
        if (w[i]->rc != WS_OK && w[i]->rc != WS_EEXIST)
            ws_log_limited(&u->disk_complaints, ws_clock_now(&u->cfg.clock).mono_us, WS_LOG_ERROR,
                "uploads", "a submission of round %llu is not kept: %s",
                (unsigned long long)w[i]->round, w[i]->err.text);
    }
}

static bool has(void *ctx, const uint8_t id[static 32]) {
    const struct uploading *u = ctx;
    return materials_has(u->cfg.materials, id);
}

/* A member of the round; who came into the committee since it began is none, and takes no part in it. */
static bool is_ours(const struct uploading *u, const struct uploads_round *r) {
    for (size_t v = 0; v < r->round.n && r->number != 0; v++)
        if (memcmp(r->round.seat[v].address, u->address, sizeof(u->address)) == 0)
            return true;
    return false;
}

static bool round_of_ours(void *ctx, struct uploads_round *ret) {
    const struct uploading *u = ctx;
    const bool changed = u->ledger.round(u->ledger.ctx, ret);
    if (!is_ours(u, ret))
        *ret = (struct uploads_round){0};
    return changed;
}

static bool claim_of_ours(
    void *ctx, const uint8_t name[static 32], size_t k, struct uploads_claim *ret) {
    const struct uploading *u = ctx;
    return u->ledger.claim(u->ledger.ctx, name, k, ret);
}

static void sign(void *ctx, struct span octets, uint8_t ret[static 64]) {
    const struct uploading *u = ctx;
    signer_sign(u->cfg.signer, octets, ret);
}

/* ---- what handing is given ---- */

static bool up(void *ctx, size_t peer) {
    static const uint8_t nobody[32];
    struct uploading *u = ctx;
    bool is = false;
    uint8_t address[32];
    (void)pthread_mutex_lock(&u->lock);
    memcpy(address, u->peer[peer].address, sizeof(address));
    (void)pthread_mutex_unlock(&u->lock);
    for (size_t v = 0; v < u->round.round.n; v++)
        is = is || memcmp(u->round.round.seat[v].address, address, sizeof(address)) == 0;
    return is && memcmp(address, nobody, sizeof(nobody)) != 0;
}

static void say(void *ctx, size_t peer, struct span msg) {
    struct uploading *u = ctx;
    const uint64_t one = 1;
    (void)pthread_mutex_lock(&u->lock);
    const bool wake = put(&u->out, peer, msg) && u->out.n == 1;
    (void)pthread_mutex_unlock(&u->lock);
    if (wake)
        (void)!write(u->out_fd, &one, sizeof(one));
}

static bool round_is(void *ctx, struct uploads_round *ret) {
    struct uploading *u = ctx;
    const bool is = uploads_view_round(u->view, ret);
    u->round = *ret;
    return is;
}

static bool claim(void *ctx, const uint8_t id[static 32], size_t k, struct uploads_claim *ret) {
    struct uploading *u = ctx;
    return uploads_view_by_id(u->view, id, k, ret);
}

static bool get(void *ctx, const uint8_t id[static 32], struct materials_hold *ret) {
    const struct uploading *u = ctx;
    return materials_get(u->cfg.materials, id, ret);
}

static int keep_handed(void *ctx, uint64_t round, const uint8_t id[static 32],
    const struct fl_material *m, struct ws_err *err) {
    struct uploading *u = ctx;
    const int rc = materials_put(u->cfg.materials, round, id, m, err);
    if (rc != WS_OK && rc != WS_EEXIST)
        ws_log_limited(&u->complaints, ws_clock_now(&u->cfg.clock).mono_us, WS_LOG_ERROR, "uploads",
            "a submission that a peer handed on is not kept: %s", err->text);
    return rc;
}

static void blame(void *ctx, size_t peer, const uint8_t id[static 32]) {
    struct uploading *u = ctx;
    char address[65];
    char what[65];
    (void)pthread_mutex_lock(&u->lock);
    hex_encode(address, u->peer[peer].address, 32);
    (void)pthread_mutex_unlock(&u->lock);
    hex_encode(what, id, 32);
    ws_log(WS_LOG_WARN, "uploads",
        "validator %s handed on something else than submission %s; it is not asked again this "
        "round",
        address, what);
}

/* ---- what blobs is given ---- */

static bool is_linked(void *ctx, size_t peer) {
    const struct uploading *u = ctx;
    return u->linked[peer].up;
}

static bool is_named(void *ctx, const uint8_t sha256[static 32]) {
    const struct uploading *u = ctx;
    for (size_t i = 0; i < NAMED && i < u->n_named; i++)
        if (memcmp(u->named[i], sha256, 32) == 0)
            return true;
    return false;
}

static bool has_blob(void *ctx, const uint8_t sha256[static 32]) {
    const struct uploading *u = ctx;
    return materials_has_blob(u->cfg.materials, sha256);
}

static bool get_blob(void *ctx, const uint8_t sha256[static 32], struct materials_hold *ret) {
    const struct uploading *u = ctx;
    return materials_get_blob(u->cfg.materials, sha256, ret);
}

static int keep_blob(
    void *ctx, const uint8_t sha256[static 32], struct span octets, struct ws_err *err) {
    struct uploading *u = ctx;
    char hex[65];
    const int rc = materials_put_blob(u->cfg.materials, sha256, octets, err);
    hex_encode(hex, sha256, 32);
    if (rc == WS_OK)
        ws_log(WS_LOG_INFO, "learn", "model or root set %s came from a peer, %zu octets", hex,
            octets.n);
    else if (rc != WS_EEXIST && rc != WS_EINPUT)
        ws_log_limited(&u->complaints, ws_clock_now(&u->cfg.clock).mono_us, WS_LOG_ERROR, "learn",
            "model or root set %s, which a peer handed on, is not kept: %s", hex, err->text);
    u->scan_us = 0; /* a model names its parent */
    return rc;
}

static void blame_blob(void *ctx, size_t peer, const uint8_t sha256[static 32]) {
    const struct uploading *u = ctx;
    char key[65];
    char what[65];
    hex_encode(key, u->linked[peer].key, 32);
    hex_encode(what, sha256, 32);
    ws_log(WS_LOG_WARN, "learn",
        "the peer with the link key %s handed on something else than model or root set %s; it is "
        "not asked again",
        key, what);
}

/* ---- the thread ---- */

/* False: this is the end. Waits until there is something to do. */
static bool wait_for_work(struct uploading *u, uint64_t until_us, struct letter *ret, size_t *ret_n,
    uint8_t (*ret_kept)[32], size_t *ret_n_kept) {
    *ret_n = *ret_n_kept = 0;
    (void)pthread_mutex_lock(&u->lock);
    const uint64_t now = ws_clock_now(&u->cfg.clock).mono_us;
    if (!u->ends && u->in.n == 0 && u->n_kept == 0 && until_us > now) {
        const struct timespec at = ws_clock_deadline(until_us - now);
        (void)pthread_cond_timedwait(&u->work, &u->lock, &at);
    }
    while (*ret_n < HELPING && take(&u->in, &ret[*ret_n]))
        ++*ret_n;
    while (*ret_n_kept < HELPING && u->n_kept > 0)
        memcpy(ret_kept[(*ret_n_kept)++], u->kept[--u->n_kept], 32);
    const bool goes_on = !u->ends;
    (void)pthread_mutex_unlock(&u->lock);
    return goes_on;
}

static void note_named(struct uploading *u, const uint8_t sha256[static 32]) {
    if (!is_named(u, sha256))
        memcpy(u->named[u->n_named++ % NAMED], sha256, 32);
}

/* Who is linked, and what the ledger names. */
static void scan_blobs(struct uploading *u, uint64_t now_us) {
    struct learning_need need[LEARNING_NEEDS_MAX];
    struct blobs_want want[LEARNING_NEEDS_MAX];
    struct fl_model_view model;
    size_t n_wants = 0;
    (void)pthread_mutex_lock(&u->lock);
    model = u->model;
    for (size_t i = 0; i < HANDING_PEERS_MAX; i++) {
        if (memcmp(u->linked[i].key, u->peer[i].key, 32) != 0)
            blobs_gone(u->blobs, i);
        u->linked[i] = u->peer[i];
    }
    (void)pthread_mutex_unlock(&u->lock);
    const size_t n = learning_needs(u->cfg.materials, &model, need);
    for (size_t i = 0; i < n; i++) {
        note_named(u, need[i].sha256);
        if (materials_has_blob(u->cfg.materials, need[i].sha256))
            continue;
        want[n_wants].octets_max = need[i].octets_max;
        memcpy(want[n_wants++].sha256, need[i].sha256, 32);
    }
    blobs_wants(u->blobs, want, n_wants, now_us);
}

/* Everything of the round that is not here, now and then: what peers told of is asked for at once. */
static void scan(struct uploading *u, uint64_t now_us) {
    struct uploads_claim c;
    if (now_us < u->scan_us)
        return;
    u->scan_us = now_us + SCAN_US;
    scan_blobs(u, now_us);
    for (size_t i = 0; is_ours(u, &u->round) && uploads_view_at(u->view, i, &c); i++)
        if ((!c.excluded || c.included) && !materials_has(u->cfg.materials, c.id))
            handing_want(u->handing, c.id, now_us);
}

static void *run(void *ctx) {
    struct uploading *u = ctx;
    struct letter in[HELPING];
    uint8_t kept[HELPING][32];
    size_t n = 0;
    size_t n_kept = 0;
    uint64_t until_us = 0;
    while (wait_for_work(u, until_us, in, &n, kept, &n_kept)) {
        uint64_t now = ws_clock_now(&u->cfg.clock).mono_us;
        for (size_t i = 0; i < n; i++) {
            const struct span msg = buf_span(&in[i].msg);
            if (blobs_owns(msg))
                blobs_message(u->blobs, in[i].peer, msg, now);
            else
                handing_message(u->handing, in[i].peer, msg, now);
            buf_free(&in[i].msg);
        }
        for (size_t i = 0; i < n_kept; i++)
            handing_tell(u->handing, kept[i]);
        scan(u, now);
        now = ws_clock_now(&u->cfg.clock).mono_us;
        until_us = handing_tick(u->handing, now);
        const uint64_t blobs_us = blobs_tick(u->blobs, now);
        until_us = until_us < blobs_us ? until_us : blobs_us;
        until_us = until_us < now + WAKE_US ? until_us : now + WAKE_US;
        (void)pthread_mutex_lock(&u->lock);
        u->told = *handing_counters(u->handing);
        u->blobs_told = *blobs_counters(u->blobs);
        (void)pthread_mutex_unlock(&u->lock);
    }
    for (size_t i = 0; i < n; i++)
        buf_free(&in[i].msg);
    return NULL;
}

/* ---- life ---- */

static struct handing *new_handing(struct uploading *u) {
    const struct handing_config cfg = {.n_peers = HANDING_PEERS_MAX,
        .fetches = FETCHES,
        .octets = FETCH_OCTETS,
        .octets_per_s = SERVE_OCTETS_S,
        .patience_us = PATIENCE_US,
        .up = up,
        .send = say,
        .round = round_is,
        .claim = claim,
        .has = has,
        .get = get,
        .keep = keep_handed,
        .blame = blame,
        .ctx = u};
    return handing_new(&cfg);
}

static struct blobs *new_blobs(struct uploading *u) {
    struct ws_random random = ws_random_system();
    const struct blobs_config cfg = {.n_peers = HANDING_PEERS_MAX,
        .first = (uint32_t)ws_random_below(&random, HANDING_PEERS_MAX),
        .octets_per_s = BLOB_OCTETS_S,
        .patience_us = PATIENCE_US,
        .up = is_linked,
        .send = say,
        .named = is_named,
        .has = has_blob,
        .get = get_blob,
        .keep = keep_blob,
        .blame = blame_blob,
        .ctx = u};
    return blobs_new(&cfg);
}

static int open_port(struct uploading *u, struct ws_err *err) {
    struct uploads_io io = {.has = has, .sign = sign, .ctx = u};
    const struct uploads_ledger ledger = {round_of_ours, claim_of_ours, u};
    u->ledger = uploads_view_ledger(u->view);
    signer_public(u->cfg.signer, io.signer);
    return uploads_port_open(
        u->cfg.bind_to, &u->cfg.limits, &ledger, &io, keep_many, &u->cfg.clock, &u->port, err);
}

static void begin_lock(struct uploading *u) {
    pthread_condattr_t monotonic;
    int rc = pthread_mutex_init(&u->lock, NULL);
    WS_ASSERT(rc == 0);
    rc = pthread_condattr_init(&monotonic);
    WS_ASSERT(rc == 0);
    rc = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    WS_ASSERT(rc == 0);
    rc = pthread_cond_init(&u->work, &monotonic);
    WS_ASSERT(rc == 0);
    (void)pthread_condattr_destroy(&monotonic);
}

static void own_address(const struct signer *signer, uint8_t ret[static 32]) {
    struct validator me = {.alg = KEY_ED25519};
    signer_public(signer, me.key);
    validator_address(exec_sha256, &me);
    memcpy(ret, me.address, sizeof(me.address));
}

int uploading_open(const struct uploading_config *cfg, struct uploading **ret, struct ws_err *err) {
    struct uploading *u = ws_alloc(sizeof(*u));
    int rc = WS_OK;
    u->cfg = *cfg;
    u->complaints = u->disk_complaints = (struct ws_log_limit){.period_us = 60000000, .burst = 3};
    begin_lock(u);
    if (cfg->signer != NULL)
        own_address(cfg->signer, u->address);
    u->view = uploads_view_new(cfg->cell);
    u->handing = new_handing(u);
    u->blobs = new_blobs(u);
    u->out_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (u->out_fd < 0)
        rc = ws_fail(err, WS_EIO, "uploads: eventfd: %s", strerror(errno));
    if (rc == WS_OK && pthread_create(&u->thread, NULL, run, u) != 0)
        rc = ws_fail(err, WS_EIO, "uploads: no thread");
    u->runs = rc == WS_OK;
    if (rc == WS_OK && cfg->bind_to != NULL && cfg->signer != NULL)
        rc = open_port(u, err);
    if (rc == WS_OK)
        *ret = u;
    else
        uploading_close(u);
    return rc;
}

void uploading_close(struct uploading *u) {
    if (u == NULL)
        return;
    uploads_port_close(u->port);
    (void)pthread_mutex_lock(&u->lock);
    u->ends = true;
    (void)pthread_cond_signal(&u->work);
    (void)pthread_mutex_unlock(&u->lock);
    if (u->runs)
        (void)pthread_join(u->thread, NULL);
    handing_free(u->handing);
    blobs_free(u->blobs);
    uploads_view_free(u->view);
    empty(&u->in);
    empty(&u->out);
    if (u->out_fd >= 0)
        (void)close(u->out_fd);
    (void)pthread_cond_destroy(&u->work);
    (void)pthread_mutex_destroy(&u->lock);
    free(u);
}

uint16_t uploading_port(const struct uploading *u) {
    return u->port == NULL ? 0 : uploads_port_number(u->port);
}

/* ---- owner thread ---- */

void uploading_block(struct uploading *u, const void *contract) {
    struct fl_model_view model;
    uploads_view_update(u->view, contract);
    fl_contract_model(contract, &model);
    (void)pthread_mutex_lock(&u->lock);
    u->model = model;
    (void)pthread_mutex_unlock(&u->lock);
}

void uploading_peers(struct uploading *u, const struct uploading_peer *peer, size_t n) {
    WS_ASSERT(n <= HANDING_PEERS_MAX);
    (void)pthread_mutex_lock(&u->lock);
    memset(u->peer, 0, sizeof(u->peer));
    memcpy(u->peer, peer, n * sizeof(u->peer[0]));
    (void)pthread_mutex_unlock(&u->lock);
}

void uploading_message(struct uploading *u, size_t peer, struct span msg) {
    (void)pthread_mutex_lock(&u->lock);
    if (put(&u->in, peer, msg))
        (void)pthread_cond_signal(&u->work);
    (void)pthread_mutex_unlock(&u->lock);
}

int uploading_fd(const struct uploading *u) {
    return u->out_fd;
}

bool uploading_next(struct uploading *u, size_t *ret_peer, struct buf *ret_msg) {
    struct letter l;
    uint64_t count = 0;
    (void)pthread_mutex_lock(&u->lock);
    const bool is = take(&u->out, &l);
    if (!is)
        (void)!read(u->out_fd, &count, sizeof(count));
    (void)pthread_mutex_unlock(&u->lock);
    if (!is)
        return false;
    *ret_peer = l.peer;
    *ret_msg = l.msg;
    return true;
}

struct uploading_counters uploading_read(struct uploading *u) {
    struct uploading_counters c = {0};
    if (u->port != NULL)
        c.port = uploads_port_read(u->port);
    (void)pthread_mutex_lock(&u->lock);
    c.handing = u->told;
    c.blobs = u->blobs_told;
    c.dropped_in = u->in.dropped;
    c.dropped_out = u->out.dropped;
    (void)pthread_mutex_unlock(&u->lock);
    return c;
}

/* The consensus log and recovery. Every event goes into the log before consensus handles it, so feeding the log to
 * a fresh state machine repeats the height exactly; the actions that had no answer yet are then carried out. */
#include "ledger/node/node_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/snapshot/entry.h"
#include "ledger/snapshot/meta.h"

#include <stdlib.h>

/* ---- events as octets ---- */

static void put_proposal(struct buf *b, const struct cs_proposal *p) {
    buf_u64(b, p->height);
    buf_i32(b, p->round);
    buf_put(b, p->id, 32);
    buf_i32(b, p->valid_round);
    buf_u64(b, p->block_time);
    buf_u16(b, p->validator);
    buf_put(b, p->sig, SIG_OCTETS);
}

static void read_proposal(struct rd *r, struct cs_proposal *p) {
    p->height = rd_u64(r);
    p->round = rd_i32(r);
    rd_copy(r, p->id, 32);
    p->valid_round = rd_i32(r);
    p->block_time = rd_u64(r);
    p->validator = rd_u16(r);
    rd_copy(r, p->sig, SIG_OCTETS);
}

static void put_event(struct buf *b, uint64_t height, const struct cs_event *ev) {
    buf_u8(b, LEDGER_VERSION);
    buf_u64(b, height);
    buf_u8(b, (uint8_t)ev->kind);
    switch (ev->kind) {
    case CS_EV_BEGIN:
        break;
    case CS_EV_CLOCK:
        buf_u8(b, ev->ok ? 1 : 0);
        break;
    case CS_EV_PROPOSAL:
    case CS_EV_SIGNED_PROPOSAL:
        put_proposal(b, &ev->proposal);
        buf_u64(b, ev->received_time);
        break;
    case CS_EV_VOTE:
    case CS_EV_SIGNED_VOTE:
        vote_encode(&ev->vote, b);
        break;
    case CS_EV_TIMEOUT:
        buf_u8(b, (uint8_t)ev->timer);
        buf_i32(b, ev->round);
        break;
    case CS_EV_VALIDATED:
        buf_put(b, ev->id, 32);
        buf_u8(b, ev->ok ? 1 : 0);
        break;
    case CS_EV_BUILT:
        buf_put(b, ev->id, 32);
        buf_i32(b, ev->round);
        buf_u64(b, ev->block_time);
        break;
    }
}

static bool read_event(struct span s, uint64_t *ret_height, struct cs_event *ev) {
    memset(ev, 0, sizeof(*ev));
    struct rd r = rd_of(s);
    if (rd_u8(&r) != LEDGER_VERSION)
        return false;
    *ret_height = rd_u64(&r);
    uint8_t kind = rd_u8(&r);
    if (kind > CS_EV_CLOCK)
        return false;
    ev->kind = (enum cs_event_kind)kind;
    switch (ev->kind) {
    case CS_EV_BEGIN:
        break;
    case CS_EV_CLOCK:
        ev->ok = rd_u8(&r) == 1;
        break;
    case CS_EV_PROPOSAL:
    case CS_EV_SIGNED_PROPOSAL:
        read_proposal(&r, &ev->proposal);
        ev->received_time = rd_u64(&r);
        break;
    case CS_EV_VOTE:
    case CS_EV_SIGNED_VOTE:
        if (!vote_read(&r, &ev->vote))
            return false;
        break;
    case CS_EV_TIMEOUT: {
        uint8_t timer = rd_u8(&r);
        if (timer > CS_TIMER_PRECOMMIT)
            return false;
        ev->timer = (enum cs_timer)timer;
        ev->round = rd_i32(&r);
        break;
    }
    case CS_EV_VALIDATED:
        rd_copy(&r, ev->id, 32);
        ev->ok = rd_u8(&r) == 1;
        break;
    case CS_EV_BUILT:
        rd_copy(&r, ev->id, 32);
        ev->round = rd_i32(&r);
        ev->block_time = rd_u64(&r);
        break;
    }
    return rd_done(&r);
}

bool recover_log_event(struct node *n, const struct cs_event *ev) {
    if (n->replaying)
        return true;
    struct buf b = {0};
    put_event(&b, cs_height(n->cs), ev);
    struct ws_err err = {0};
    struct wal *log = n->io.wal[cs_height(n->cs) % 2];
    int rc = wal_append(log, LOG_EVENT, buf_span(&b), &err);
    buf_free(&b);
    /* What is about to be said must be on the disk, with everything that led to it. */
    if (rc == WS_OK && (ev->kind == CS_EV_SIGNED_VOTE || ev->kind == CS_EV_SIGNED_PROPOSAL))
        rc = wal_sync(log, &err);
    if (rc != WS_OK) {
        node_fail(n, WS_EIO, "consensus log: %s", err.text);
        return false;
    }
    n->counters.wal_octets = wal_octets(n->io.wal[0]) + wal_octets(n->io.wal[1]);
    return true;
}

bool recover_log_block(struct node *n, const struct block *b) {
    struct buf octets = {0};
    block_encode(b, &octets);
    struct ws_err err = {0};
    int rc = wal_append(n->io.wal[cs_height(n->cs) % 2], LOG_BLOCK, buf_span(&octets), &err);
    buf_free(&octets);
    if (rc != WS_OK)
        node_fail(n, WS_EIO, "consensus log: %s", err.text);
    return rc == WS_OK;
}

/* ---- the store's part: last height and what the next header builds on ---- */

void recover_put_meta(struct node *n, struct store_batch *batch) {
    struct meta_node m = {.height = n->height, .events_pending = n->events_pending};
    memcpy(m.cell_id, executor_cell_id(n->ex), 32);
    memcpy(m.state_root, n->roots.state_root, 32);
    memcpy(m.result_root, n->roots.result_root, 32);
    memcpy(m.event_root, n->roots.event_root, 32);
    meta_put_node(batch, &m);
}

static int take_meta(struct node *n, const struct meta_node *m, struct ws_err *err) {
    if (memcmp(m->cell_id, executor_cell_id(n->ex), 32) != 0)
        return ws_fail(err, WS_EINPUT, "store: belongs to another cell than the genesis file");
    n->height = m->height;
    memcpy(n->roots.state_root, m->state_root, 32);
    memcpy(n->roots.result_root, m->result_root, 32);
    memcpy(n->roots.event_root, m->event_root, 32);
    n->events_pending = m->events_pending;
    return WS_OK;
}

static bool restore_entry(void *ctx, struct span key, struct span value) {
    struct node *n = ctx;
    uint8_t contract;
    struct span k;
    /* What is too short for an entry is missed when the root is compared. */
    if (entry_key_read(key, &contract, &k))
        executor_restore(n->ex, contract, k, value);
    return true;
}

static int read_tip(struct node *n, struct ws_err *err) {
    uint8_t key[8];
    put_be64(key, n->height);
    struct buf b = {0};
    int rc = store_get(n->io.store, STORE_HEADER, span_of(key, 8), &b, err);
    struct rd r = rd_of(buf_span(&b));
    if (rc == WS_OK && (!header_read(&r, &n->last_header) || !rd_done(&r)))
        rc = ws_fail(err, WS_EIO, "store: header %llu is damaged", (unsigned long long)n->height);
    buf_clear(&b);
    if (rc == WS_OK)
        rc = store_get(n->io.store, STORE_COMMIT, span_of(key, 8), &b, err);
    r = rd_of(buf_span(&b));
    if (rc == WS_OK && (!commit_read(&r, &n->last_commit) || !rd_done(&r)))
        rc = ws_fail(err, WS_EIO, "store: commit %llu is damaged", (unsigned long long)n->height);
    buf_free(&b);
    if (rc == WS_ENOTFOUND)
        return ws_fail(
            err, WS_EIO, "store: header or commit %llu is missing", (unsigned long long)n->height);
    if (rc == WS_OK) {
        header_id(exec_sha256, &n->last_header, n->last_id);
        n->last_time = n->last_header.time;
    }
    return rc;
}

static int start_at_genesis(struct node *n, const struct span *sections, struct ws_err *err) {
    if (executor_init(n->ex, sections, err) != WS_OK)
        return err == NULL ? WS_EINPUT : err->code;
    executor_first_roots(n->ex, &n->roots);
    n->last_time = n->genesis->time;
    struct store_batch *batch = store_batch_new(n->io.store);
    recover_put_meta(n, batch);
    return store_batch_write(batch, err);
}

int recover_state(struct node *n, const struct span *sections, struct ws_err *err) {
    uint64_t restoring = 0;
    int rc = meta_read_restoring(n->io.store, &restoring, err);
    if (rc == WS_OK && restoring != 0)
        return ws_fail(err, WS_EBUSY,
            "store: a snapshot of height %llu was not restored to its end; nothing is lost: run "
            "rsuctl ledger snapshot restore again",
            (unsigned long long)restoring);
    if (rc == WS_OK)
        rc = meta_read_pruned(n->io.store, &n->pruned, err);
    if (rc == WS_OK)
        rc = meta_read_floor(n->io.store, &n->sign_floor, err);
    struct meta_node meta;
    if (rc == WS_OK)
        rc = meta_read_node(n->io.store, &meta, err);
    if (rc == WS_ENOTFOUND)
        return start_at_genesis(n, sections, err);
    if (rc == WS_OK)
        rc = take_meta(n, &meta, err);
    if (rc != WS_OK)
        return rc;
    if (n->height == 0)
        return start_at_genesis(n, sections, err);
    rc =
        store_each(n->io.store, STORE_STATE, span_of("", 0), span_of("", 0), restore_entry, n, err);
    if (rc == WS_OK && executor_resume(n->ex, n->height, err) != WS_OK)
        rc = ws_fail_in(err,
            "store: the state of height %llu is damaged, blocks up to there are safe",
            (unsigned long long)n->height);
    if (rc == WS_OK)
        rc = read_tip(n, err);
    if (rc != WS_OK)
        return rc;
    hash32 root;
    state_root(executor_state(n->ex), root);
    if (memcmp(root, n->roots.state_root, 32) != 0)
        return ws_fail(err, WS_EIO,
            "store: the state does not have the root of height %llu; blocks up to there are safe",
            (unsigned long long)n->height);
    return WS_OK;
}

/* ---- the log's part ---- */

/* Which earlier request an event answers. */
static bool answers(const struct cs_action *a, const struct cs_event *ev) {
    switch (ev->kind) {
    case CS_EV_SIGNED_VOTE:
        return a->kind == CS_ACT_SIGN_VOTE && a->vote.round == ev->vote.round &&
               a->vote.type == ev->vote.type;
    case CS_EV_SIGNED_PROPOSAL:
        return a->kind == CS_ACT_SIGN_PROPOSAL && a->proposal.round == ev->proposal.round;
    case CS_EV_BUILT:
        return a->kind == CS_ACT_BUILD && a->round == ev->round;
    case CS_EV_VALIDATED:
        return a->kind == CS_ACT_VALIDATE && memcmp(a->id, ev->id, 32) == 0;
    case CS_EV_TIMEOUT:
        return a->kind == CS_ACT_TIMER && a->timer == ev->timer && a->round == ev->round;
    case CS_EV_BEGIN:
    case CS_EV_CLOCK:
    case CS_EV_PROPOSAL:
    case CS_EV_VOTE:
        break;
    }
    return false;
}

static void forget_answered(struct cs_actions *p, const struct cs_event *ev) {
    for (size_t i = 0; i < p->n; i++) {
        if (answers(&p->a[i], ev)) {
            memmove(&p->a[i], &p->a[i + 1], (p->n - i - 1) * sizeof(p->a[0]));
            p->n--;
            return;
        }
    }
}

/* Sends are not repeated from here (the status exchange resends them); timers of past rounds do nothing. */
static bool still_matters(const struct node *n, const struct cs_action *a) {
    switch (a->kind) {
    case CS_ACT_SEND_PROPOSAL:
    case CS_ACT_SEND_VOTE:
    case CS_ACT_EVIDENCE:
        return false;
    case CS_ACT_TIMER:
    case CS_ACT_BUILD:
        return a->round == cs_round(n->cs);
    case CS_ACT_SIGN_PROPOSAL:
        return a->proposal.round == cs_round(n->cs);
    case CS_ACT_SIGN_VOTE:
        return a->vote.round == cs_round(n->cs);
    case CS_ACT_VALIDATE:
    case CS_ACT_DECIDED:
        break;
    }
    return true;
}

void recover_gather(struct node *n, const struct cs_action *a) {
    size_t kept = 0;
    for (size_t k = 0; k < n->pending.n; k++) {
        if (still_matters(n, &n->pending.a[k]))
            n->pending.a[kept++] = n->pending.a[k];
    }
    n->pending.n = kept;
    if (still_matters(n, a) && n->pending.n < PENDING_MAX)
        n->pending.a[n->pending.n++] = *a;
}

static int replay_record(void *ctx, uint8_t type, struct span payload, struct ws_err *err) {
    struct node *n = ctx;
    if (type == LOG_BLOCK) {
        struct block *b = NULL;
        /* It may be of the height before the last, under limits that were lowered since. */
        int rc = block_decode(payload, &n->genesis->params, &b, err);
        if (rc != WS_OK)
            return ws_fail_in(err, "consensus log: block");
        n->replayed += b->header.height == n->height + 1;
        if (b->header.height == n->height + 1)
            (void)candidate_add(n, b->id, b, n->peers.me == NODE_NO_SLOT ? 0 : n->peers.me);
        else
            block_free(b);
        return WS_OK;
    }
    uint64_t height = 0;
    struct cs_event ev;
    if (type != LOG_EVENT || !read_event(payload, &height, &ev))
        return ws_fail(err, WS_EIO, "consensus log: a record that this version does not know");
    ev.height = height;
    if (height <= n->height)
        return WS_OK; /* the block became durable, the log was not restarted: nothing to repeat */
    if (height != n->height + 1)
        return ws_fail(err, WS_EIO,
            "consensus log speaks of height %llu, the store ends at %llu: the store lost blocks, "
            "the log is whole",
            (unsigned long long)height, (unsigned long long)n->height);
    n->replayed++;
    n->replayed_own += ev.kind == CS_EV_SIGNED_VOTE || ev.kind == CS_EV_SIGNED_PROPOSAL;
    forget_answered(&n->pending, &ev);
    if (ev.kind == CS_EV_VALIDATED) {
        struct candidate *c = candidate_find(n, ev.id);
        if (c != NULL) {
            c->wanted = true;
            c->answered = true;
            c->valid = ev.ok;
        }
    }
    struct cs_actions acts = {.n = 0};
    (void)cs_handle(n->cs, &ev, &acts);
    for (size_t i = 0; i < acts.n; i++)
        recover_gather(n, &acts.a[i]);
    return WS_OK;
}

/* Before anything is done on the ground of either log: neither may know of heights that the store has lost. The log of
 * height h + 1 exists while h is on its way to the disk, so it may be one ahead of the other. */
static int check_record(void *ctx, uint8_t type, struct span payload, struct ws_err *err) {
    const struct node *n = ctx;
    uint64_t height = 0;
    struct cs_event ev;
    if (type == LOG_BLOCK)
        return WS_OK; /* looked at when its height comes */
    if (type != LOG_EVENT || !read_event(payload, &height, &ev))
        return ws_fail(err, WS_EIO, "consensus log: a record that this version does not know");
    if (height > n->height + 2)
        return ws_fail(err, WS_EIO,
            "consensus log speaks of height %llu, the store ends at %llu: the store lost blocks, "
            "the log is whole",
            (unsigned long long)height, (unsigned long long)n->height);
    return WS_OK;
}

int recover_check_logs(struct node *n, struct ws_err *err) {
    int rc = wal_replay(n->io.wal[0], check_record, n, err);
    return rc == WS_OK ? wal_replay(n->io.wal[1], check_record, n, err) : rc;
}

/* A log begins anew when its height does: what it held is of the height before the last, whose batch is durable. What it
 * held when this process started is looked at first: it may be of this very height, of which we have said things already,
 * even if the height before it was decided without us. */
int recover_log(struct node *n, struct ws_now now, struct ws_err *err) {
    uint64_t height = cs_height(n->cs);
    struct wal *log = n->io.wal[height % 2];
    bool first = !n->log_read[height % 2];
    n->log_read[height % 2] = true;
    if (!first)
        return wal_restart(log, err);
    n->replaying = true;
    n->replayed = n->replayed_own = 0;
    int rc = wal_replay(log, replay_record, n, err);
    n->replaying = false;
    if (rc != WS_OK)
        return rc;
    if (n->replayed == 0)
        return wal_restart(log, err);
    /* Who listens writes down what it hears, and may lose power before it has heard enough. Only a word of our own shows that
     * we were done with listening when this log was written, and that it holds all that we have said. */
    n->listening = n->limits.listen_always || n->replayed_own == 0;
    drive_listen_anew(n, now);
    struct cs_actions rest = n->pending;
    n->pending.n = 0;
    ws_log(WS_LOG_INFO, "ledger", "height %llu taken up again in round %d",
        (unsigned long long)height, cs_round(n->cs));
    drive_actions(n, &rest, now);
    return WS_OK;
}

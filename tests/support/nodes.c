/* Time, life and traffic of a bent cell. */
#include "tests/support/nodes.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { STUCK_STEPS = 200000, START_US = 1000000 };

/* ---- what is told ---- */

void nodes_tell(struct nodes *w, const char *fmt, ...) {
    if (w->tell == NULL)
        return;
    char text[900];
    char line[1000];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)snprintf(line, sizeof(line), "%5" PRIu64 ".%06" PRIu64 " s  %s",
        (w->now.mono_us - START_US) / 1000000, (w->now.mono_us - START_US) % 1000000, text);
    w->tell(w->tell_ctx, line);
}

void nodes_break(struct nodes *w, const char *fmt, ...) {
    if (w->broken[0] != '\0')
        return;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(w->broken, sizeof(w->broken), fmt, ap);
    va_end(ap);
    nodes_tell(w, "CONTRADICTION: %s", w->broken);
    if (w->on_broken != NULL)
        w->on_broken(w);
}

/* ---- clocks ---- */

struct ws_now nodes_now(const struct nodes *w, size_t i) {
    const struct nodes_member *m = &w->m[i];
    struct ws_now now = w->now;
    if (m->clock_drift_ppm != 0) {
        int64_t since = (int64_t)(now.mono_us - START_US);
        now.mono_us = (uint64_t)((int64_t)now.mono_us + since * m->clock_drift_ppm / 1000000);
        now.its_us = (uint64_t)((int64_t)now.its_us +
                                (int64_t)(now.its_us - w->epoch) * m->clock_drift_ppm / 1000000);
    }
    now.its_us = (uint64_t)((int64_t)now.its_us + m->clock_offset_us);
    return now;
}

/* World time at which the member's monotonic clock shows at least mono_us. */
static uint64_t world_time(const struct nodes_member *m, uint64_t mono_us) {
    if (m->clock_drift_ppm == 0 || mono_us > UINT64_MAX / 4000000 || mono_us <= START_US)
        return mono_us;
    uint64_t rate = (uint64_t)(1000000 + m->clock_drift_ppm);
    return START_US + (mono_us - START_US) * 1000000 / rate + 2;
}

static void advance(struct nodes *w, uint64_t mono_us) {
    if (mono_us > w->now.mono_us) {
        w->now.its_us += mono_us - w->now.mono_us;
        w->now.mono_us = mono_us;
    }
}

/* ---- life ---- */

static struct nodes_member *acting;

struct nodes_member *nodes_acting(void) {
    return acting;
}

/* Around every call into a node. */
void nodes_act(struct nodes *w, struct nodes_member *m, bool begin) {
    if (begin) {
        acting = m;
        return;
    }
    acting = NULL;
    nodes_check_member(w, m);
    if (m->node == NULL)
        return;
    const char *why = "";
    m->wake = node_healthy(m->node, &why) ? world_time(m, node_next_wake(m->node)) : UINT64_MAX;
}

static bool at_point(void *ctx, enum wal_point at) {
    struct nodes_member *m = ctx;
    if (m->dying || (m->full && at == WAL_POINT_APPEND))
        return false;
    if (at == WAL_POINT_SYNCED && m->sync_us > 0) {
        uint64_t from =
            m->busy_until > m->world->now.mono_us ? m->busy_until : m->world->now.mono_us;
        m->busy_until = from + m->sync_us;
    }
    if (!m->crash_armed || m->crash_at != at)
        return true;
    if (m->crash_after > 0) {
        m->crash_after--;
        return true;
    }
    m->crash_armed = false;
    m->dying = true;
    m->world->crashes_at[at]++;
    return false;
}

struct wal *nodes_new_log(struct nodes_member *m) {
    struct wal *log = wal_open_memory();
    wal_on_point(log, at_point, m);
    return log;
}

static void start_job(void *ctx, struct node_job *job) {
    struct nodes_member *m = ctx;
    struct nodes *w = m->world;
    uint64_t due = w->now.mono_us + ws_random_below(&w->random, w->job_max_us) + m->sync_us;
    uint64_t *last = &m->job_due[job->writes];
    *last = due > *last ? due : *last;
    nodes_push(
        w, (struct nodes_item){
               .due = *last, .kind = NODES_JOB, .to = m->index, .life = m->life, .job = job});
}

static void tell_peers(const struct nodes *w, struct nodes_member *m) {
    struct node_peers peers = {.n = w->n_validators, .me = m->slot};
    for (size_t i = 0; i < peers.n; i++)
        memcpy(peers.curve_key[i], w->who[i].curve_key, KEY_OCTETS);
    node_set_peers(m->node, &peers);
}

static int open_node(struct nodes *w, struct nodes_member *m, struct ws_err *err) {
    int rc = cell_open(buf_span(&w->genesis), &w->town.map, &m->cell, err);
    if (rc != WS_OK)
        return rc;
    struct node_io io = {.send = nodes_send_now,
        .committed = nodes_note_committed,
        .ctx = m,
        .store = m->store,
        .wal = {m->wal[0], m->wal[1]},
        .signer = m->signer,
        .start_job = w->job_max_us > 0 ? start_job : NULL};
    struct executor *ex = m->cell.ex;
    m->cell.ex = NULL;
    acting = m;
    struct node_limits limits = w->limits;
    if ((w->older >> m->index & 1U) != 0)
        limits.protocol_max = limits.protocol_min;
    rc = node_open(ex, m->cell.sections, &io, &limits, nodes_now(w, m->index), &m->node, err);
    if (rc != WS_OK)
        m->node = NULL;
    else
        tell_peers(w, m);
    acting = NULL;
    return rc;
}

static void found(struct nodes *w, const struct nodes_plan *plan, uint8_t (*seeds)[32]) {
    if (plan->town != NULL) {
        w->town = *plan->town;
    } else {
        town_build(&w->town, 1);
        w->own_town = true;
    }
    for (size_t i = 0; i < w->n_validators; i++)
        memset(seeds[i], (int)(i + 1), 32);
    struct buf octets = {0};
    town_genesis(&w->town, (const uint8_t(*)[32])seeds, plan->n, &octets);
    struct genesis *g = ws_alloc(sizeof(*g));
    int rc = genesis_decode(exec_sha256, buf_span(&octets), g, NULL);
    WS_ASSERT(rc == WS_OK);
    for (size_t i = 0; plan->powers != NULL && i < plan->n; i++)
        g->validators.v[i].power = plan->powers[i];
    for (size_t i = 0; i < plan->n; i++)
        memcpy(g->validators.v[i].curve_key, g->validators.v[i].key, KEY_OCTETS);
    if (plan->edit != NULL)
        plan->edit(g, plan->edit_ctx);
    rc = validator_set_prepare(exec_sha256, &g->validators, NULL);
    WS_ASSERT(rc == WS_OK);
    genesis_encode(g, &w->genesis);
    w->set = g->validators;
    w->params = g->params;
    for (size_t i = 0; i < w->n_validators; i++) {
        struct validator *v = &w->who[i];
        if (i < plan->n) {
            *v = w->set.v[i];
            continue;
        }
        *v = (struct validator){.alg = KEY_ED25519, .power = 1};
        struct signer *s = signer_new(seeds[i]);
        signer_public(s, v->key);
        signer_free(s);
        memcpy(v->curve_key, v->key, KEY_OCTETS);
        validator_address(exec_sha256, v);
    }
    genesis_cell_id(exec_sha256, buf_span(&w->genesis), w->cell_id);
    free(g);
    buf_free(&octets);
}

static void add_member(struct nodes *w, size_t slot, const uint8_t (*seeds)[32]) {
    struct nodes_member *m = &w->m[w->n];
    *m = (struct nodes_member){.world = w, .index = w->n, .slot = slot};
    for (size_t i = 0; i < w->n_validators && m->signer == NULL; i++) {
        uint8_t key[KEY_OCTETS];
        struct signer *s = signer_new(seeds[i]);
        WS_ASSERT(s != NULL);
        signer_public(s, key);
        if (memcmp(key, w->who[slot].key, KEY_OCTETS) == 0)
            m->signer = s;
        else
            signer_free(s);
    }
    WS_ASSERT(m->signer != NULL);
    m->store = store_open_memory();
    for (int i = 0; i < 2; i++)
        m->wal[i] = nodes_new_log(m);
    w->n++;
}

void nodes_begin(struct nodes *w, const struct nodes_plan *plan) {
    WS_ASSERT(plan->n + plan->spares <= NODES_VALIDATORS_MAX);
    ws_log_set_level(WS_LOG_ERROR); /* what is refused and why is counted, and asked for there */
    memset(w, 0, sizeof(*w));
    w->n_validators = plan->n + plan->spares;
    w->random = ws_random_seeded(plan->seed);
    w->limits = node_limits_default();
    if (plan->mempool_txs > 0)
        w->limits.mempool_txs = plan->mempool_txs;
    w->delay_min_us = 2000;
    w->delay_max_us = 8000;
    w->clocks_good = true;
    w->job_max_us = plan->job_max_us;
    uint8_t seeds[NODES_VALIDATORS_MAX][32];
    found(w, plan, seeds);
    w->epoch = w->town.epoch;
    w->now = (struct ws_now){.mono_us = START_US, .its_us = w->town.epoch};
    for (size_t i = 0; i < w->n_validators; i++)
        add_member(w, i, (const uint8_t(*)[32])seeds);
    for (size_t i = 0; i < plan->n; i++) {
        if ((plan->twins >> i & 1U) != 0) {
            w->m[i].liar = true;
            add_member(w, i, (const uint8_t(*)[32])seeds);
            w->m[w->n - 1].liar = true;
        }
    }
    for (size_t i = 0; i < w->n; i++) {
        struct ws_err err = {0};
        nodes_note_clock(w, &w->m[i]);
        if (nodes_start(w, i, &err) != WS_OK)
            nodes_break(w, "validator %zu does not start: %s", i, err.text);
    }
}

void nodes_close(struct nodes *w) {
    nodes_join_end(w);
    for (size_t i = 0; i < w->n; i++) {
        for (struct node_job *job; (job = nodes_take_job(w, i)) != NULL;)
            node_job_drop(job);
        node_close(w->m[i].node);
        store_close(w->m[i].store);
        store_close(w->m[i].copy);
        wal_close(w->m[i].wal[0]);
        wal_close(w->m[i].wal[1]);
        signer_free(w->m[i].signer);
    }
    for (size_t i = 0; i < w->n_heap; i++)
        buf_free(&w->heap[i].octets);
    free(w->heap);
    nodes_check_free(w);
    buf_free(&w->last_sent);
    buf_free(&w->genesis);
    if (w->own_town)
        town_free(&w->town);
}

static void end_process(struct nodes_member *m, uint64_t keep) {
    if (m->node != NULL && m->world->on_life != NULL)
        m->world->on_life(m->world, m->index, false);
    /* Of what was on its way to the disk, some has arrived. */
    bool arrives = true;
    for (struct node_job *job; (job = nodes_take_job(m->world, m->index)) != NULL;) {
        arrives = arrives && ws_random_below(&m->world->random, 2) == 0;
        if (arrives)
            job->run(job);
        node_job_drop(job);
    }
    memset(m->job_due, 0, sizeof(m->job_due));
    node_close(m->node);
    m->node = NULL;
    m->life++;
    m->wake = UINT64_MAX;
    m->crash_armed = false;
    m->dying = false;
    m->full = false;
    m->busy_until = 0;
    (void)wal_memory_crash(m->wal[0], keep);
    (void)wal_memory_crash(m->wal[1], keep);
}

void nodes_kill(struct nodes *w, size_t i, bool power) {
    nodes_tell(w, "validator %zu %s", i, power ? "loses power" : "is killed");
    end_process(&w->m[i], power ? 0 : UINT64_MAX);
}

void nodes_kill_torn(struct nodes *w, size_t i, uint64_t keep) {
    nodes_tell(w, "validator %zu loses power, %" PRIu64 " octets of a torn write stay", i, keep);
    end_process(&w->m[i], keep);
}

void nodes_crash_at(struct nodes *w, size_t i, enum wal_point at, unsigned after) {
    w->m[i].crash_armed = true;
    w->m[i].crash_at = at;
    w->m[i].crash_after = after;
}

int nodes_start(struct nodes *w, size_t i, struct ws_err *err) {
    struct nodes_member *m = &w->m[i];
    WS_ASSERT(m->node == NULL);
    if (nodes_joins(w, i)) /* somebody did not want to wait for it */
        nodes_join_end(w);
    store_memory_reopen(m->store);
    m->may_fail = false;
    nodes_note_restart(w, m);
    int rc = open_node(w, m, err);
    if (rc != WS_OK && m->dying) { /* the power went while it recovered */
        nodes_kill_torn(w, i, 0);
        nodes_start_later(w, i, 500000);
        return WS_OK;
    }
    if (rc == WS_OK) {
        nodes_tell(w, "validator %zu starts at height %" PRIu64, i, nodes_height(w, i));
        nodes_act(w, m, false);
        if (m->clock_lost)
            nodes_lose_clock(w, i, true);
        if (w->on_life != NULL)
            w->on_life(w, i, true);
    }
    return rc;
}

void nodes_lose_clock(struct nodes *w, size_t i, bool lost) {
    struct nodes_member *m = &w->m[i];
    nodes_note_clock(w, m);
    m->clock_lost = lost;
    w->clocks_good = w->clocks_good && !lost; /* an unsure one is believed within a minute only */
    nodes_note_clock(w, m);
    if (m->node == NULL)
        return;
    nodes_act(w, m, true);
    node_trust_clock(m->node, !lost, nodes_now(w, i));
    nodes_act(w, m, false);
}

void nodes_start_later(struct nodes *w, size_t i, uint64_t after_us) {
    nodes_push(w,
        (struct nodes_item){
            .due = w->now.mono_us + after_us, .kind = NODES_START, .to = i, .life = w->m[i].life});
}

bool nodes_healthy(const struct nodes *w, size_t i) {
    const char *why = "";
    return w->m[i].node != NULL && node_healthy(w->m[i].node, &why);
}

uint64_t nodes_height(const struct nodes *w, size_t i) {
    struct node_status s = {0};
    if (w->m[i].node != NULL)
        node_status(w->m[i].node, &s);
    return s.height;
}

bool nodes_all_at(const struct nodes *w, uint64_t height) {
    for (size_t i = 0; i < w->n; i++) {
        if (!w->m[i].liar && nodes_healthy(w, i) && nodes_height(w, i) < height)
            return false;
    }
    return true;
}

void nodes_heal(struct nodes *w) {
    memset(w->cut, 0, sizeof(w->cut));
    memset(w->slow_us, 0, sizeof(w->slow_us));
    w->loss = 0;
    w->repeat = 0;
    w->kind = 0;
    for (size_t i = 0; i < w->n; i++) {
        w->m[i].sync_us = 0;
        w->m[i].crash_armed = false;
        nodes_lose_clock(w, i, false);
        struct ws_err err = {0};
        if (!nodes_healthy(w, i) && w->m[i].node != NULL)
            nodes_kill(w, i, false);
        if (w->m[i].node == NULL && nodes_start(w, i, &err) != WS_OK && !w->m[i].liar)
            nodes_break(w, "validator %zu does not start: %s", i, err.text);
    }
}

/* ---- time ---- */

static void start_item(struct nodes *w, size_t i) {
    struct ws_err err = {0};
    if (w->m[i].node == NULL && nodes_start(w, i, &err) != WS_OK && !w->m[i].liar)
        nodes_break(w, "validator %zu does not start: %s", i, err.text);
}

/* It runs when it is due, and comes back as soon as the owner thread is free. */
static void take_job(struct nodes *w, struct nodes_member *m, struct nodes_item *it) {
    struct node_job *job = it->job;
    if (job == NULL)
        return;
    job->run(job);
    nodes_act(w, m, true);
    node_job_done(m->node, job, nodes_now(w, m->index));
    nodes_act(w, m, false);
}

static void take(struct nodes *w, struct nodes_item *it) {
    struct nodes_member *m = &w->m[it->to];
    if (it->life != m->life) { /* that process is no more */
        buf_free(&it->octets);
    } else if (it->kind == NODES_START) {
        start_item(w, it->to);
    } else if (it->kind == NODES_SHARE) {
        nodes_share_tick(w);
    } else if (it->kind == NODES_JOB) {
        take_job(w, m, it);
    } else if (nodes_share_message(w, it)) {
        buf_free(&it->octets);
    } else if (m->node != NULL && m->busy_until > w->now.mono_us) {
        it->due = m->busy_until;
        nodes_push(w, *it);
    } else {
        if (m->node != NULL) {
            w->delivered++;
            nodes_act(w, m, true);
            node_message(m->node, w->m[it->from].slot, buf_span(&it->octets), nodes_now(w, it->to));
            nodes_act(w, m, false);
        }
        buf_free(&it->octets);
    }
}

static void tick(struct nodes *w, struct nodes_member *m) {
    if (m->busy_until > w->now.mono_us) {
        m->wake = m->busy_until;
        return;
    }
    nodes_act(w, m, true);
    node_tick(m->node, nodes_now(w, m->index));
    nodes_act(w, m, false);
}

static void watch_time(struct nodes *w, const struct nodes_member *who) {
    if (w->now.mono_us != w->stuck_at) {
        w->stuck_at = w->now.mono_us;
        w->stuck_steps = 0;
    }
    if (++w->stuck_steps > STUCK_STEPS && who != NULL && who->node != NULL) {
        struct node_status s;
        node_status(who->node, &s);
        nodes_break(w,
            "time stands still: validator %zu wants to be called again at once, for ever (height "
            "%" PRIu64 ", durable %" PRIu64 ", round %d, step %s%s, wants %" PRIu64 ")",
            who->index, s.height, s.durable, s.round, cs_step_name(s.step),
            s.syncing ? ", syncing" : "", node_next_wake(who->node));
    }
}

void nodes_run(struct nodes *w, uint64_t us) {
    uint64_t end = w->now.mono_us + us;
    while (w->broken[0] == '\0') {
        uint64_t due = UINT64_MAX;
        struct nodes_member *who = NULL;
        for (size_t i = 0; i < w->n; i++) {
            if (w->m[i].node != NULL && w->m[i].wake < due) {
                due = w->m[i].wake;
                who = &w->m[i];
            }
        }
        struct nodes_item it;
        if (nodes_pop(w, due < end ? due : end, &it)) {
            advance(w, it.due);
            take(w, &it);
        } else if (due > end) {
            break;
        } else {
            WS_ASSERT(who != NULL);
            advance(w, due);
            tick(w, who);
        }
        watch_time(w, who);
    }
    if (w->broken[0] == '\0')
        advance(w, end);
}

/* ---- traffic ---- */

enum tx_verdict nodes_submit(struct nodes *w, size_t i, struct span tx) {
    struct nodes_member *m = &w->m[i];
    struct tx *t = NULL;
    if (tx_parse(tx, &t, NULL) == WS_OK) {
        (void)table_put(&w->given, t->id, w);
        tx_unref(t);
    }
    nodes_act(w, m, true);
    enum tx_verdict v = node_submit(m->node, tx, false, nodes_now(w, i), NULL);
    nodes_act(w, m, false);
    return v;
}

enum tx_verdict nodes_report(struct nodes *w, size_t i, size_t car, int32_t value) {
    struct buf tx = {0};
    enum tx_verdict v = nodes_report_kept(w, i, car, value, &tx);
    buf_free(&tx);
    return v;
}

enum tx_verdict nodes_report_kept(
    struct nodes *w, size_t i, size_t car, int32_t value, struct buf *ret_tx) {
    struct buf spdu = {0};
    struct buf tx = {0};
    town_report(&w->town, car, w->now.its_us, value, &spdu);
    if (!node_has_cert(w->m[i].node, w->town.car_hash[car])) {
        tx_put_certificate(&tx, buf_span(&w->town.car_cert[car]));
        (void)nodes_submit(w, i, buf_span(&tx));
        buf_clear(&tx);
    }
    tx_put_message(&tx, w->town.car_hash[car], buf_span(&spdu));
    enum tx_verdict v = nodes_submit(w, i, buf_span(&tx));
    buf_put(ret_tx, tx.p, tx.n);
    buf_free(&spdu);
    buf_free(&tx);
    return v;
}

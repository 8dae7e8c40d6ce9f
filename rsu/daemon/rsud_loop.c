/* The owner thread: links, verified messages, questions, orders and time, each in bounded helpings, then sleep
 * until a descriptor fires or the node wants to be woken. */
#include "rsu/cell/beaconing.h"
#include "rsu/daemon/rsud_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/ring.h"
#include "ledger/committee/court.h"
#include "rsu/daemon/discipline.h"
#include "rsu/sensors/sensors.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    HELPING = 256,
    ADMITTED_MAX = 1U << 16,
    IDLE_MS = 1000,
    RADIO_MS = 50, /* how late a repeated message may be */
};

/* The node holds it, so it is no news on the air either. Never forgotten too early: of the two windows the longer. */
void daemon_taken(void *ctx, const struct tx *t) {
    struct daemon *d = ctx;
    const struct pipeline_limits *l = &d->config.pipeline;
    uint64_t keep = l->freshness_own_us > l->freshness_us ? l->freshness_own_us : l->freshness_us;
    replay_window_hold(
        d->face.window, t->id, t->spdu.generation_time + keep, ws_clock_now(&d->face.clock).its_us);
}

void daemon_job(void *ctx, struct node_job *job) {
    struct daemon *d = ctx;
    jobs_give(d->jobs, job);
}

static void take_jobs(struct daemon *d) {
    for (struct node_job *job; (job = jobs_take(d->jobs)) != NULL;)
        node_job_done(d->face.node, job, ws_clock_now(&d->face.clock));
}

void daemon_send(void *ctx, size_t peer, struct span msg) {
    struct daemon *d = ctx;
    (void)net_send(d->face.net, peer, node_message_is_bulk(msg) ? NET_BULK : NET_URGENT, msg);
}

/* ---- commit latency: from our admission of a transaction to its block ---- */

static void note_admitted(struct daemon *d, const struct pkt_message *m, uint64_t mono_us) {
    if (d->admitted.n >= ADMITTED_MAX)
        return; /* a sample is enough */
    uint64_t *at = ws_memdup(&mono_us, sizeof(mono_us));
    free(table_put(&d->admitted, m->id, at));
}

static void note_committed(struct daemon *d, const uint8_t *id, uint64_t mono_us) {
    uint64_t *at = table_take(&d->admitted, id);
    if (at == NULL)
        return;
    d->face.commit_latency_us[d->face.n_latencies++ % RSUD_LATENCIES] = mono_us - *at;
    free(at);
}

static void tell_radio(struct daemon *d, const struct exec_outcome *o) {
    uint64_t version = map_contract_version(d->face.cell.map);
    uint64_t its_us = ws_clock_now(&d->face.clock).its_us;
    for (size_t i = 0; i < o->n_events; i++) {
        if (o->events[i].contract == CELL_CONTRACT_MAP)
            radio_event(d->face.radio, &o->events[i], version, its_us);
    }
    radio_block(d->face.radio, node_executor(d->face.node), its_us);
}

/* What an operator must hear of the committee; who wants proof asks for the event. */
static void tell_committee(const struct exec_outcome *o) {
    for (size_t i = 0; i < o->n_events; i++) {
        const struct event *e = &o->events[i];
        char who[17] = "";
        if (e->contract != EXECUTOR_COMMITTEE)
            continue;
        if ((e->type == COMMITTEE_EVENT_JAILED || e->type == COMMITTEE_EVENT_ALARM) &&
            e->body.n > 33)
            hex_encode(who, e->body.p + 1, 8);
        if (e->type == COMMITTEE_EVENT_JAILED)
            ws_log(WS_LOG_WARN, "committee", "validator %s was convicted of a %s", who,
                evidence_kind_text((enum evidence_kind)e->body.p[33]));
        else if (e->type == COMMITTEE_EVENT_ALARM)
            ws_log(WS_LOG_ERROR, "committee",
                "validator %s was convicted and still signs: the cell needs all %u; order others "
                "in",
                who, (unsigned)be16(e->body.p + 33));
        else if (e->type == COMMITTEE_EVENT_SET && e->body.n > 11)
            ws_log(WS_LOG_INFO, "committee", "%u validators sign from height %llu on",
                (unsigned)be16(e->body.p + 9), (unsigned long long)be64(e->body.p + 1));
    }
}

void daemon_committed(
    void *ctx, const struct block *b, const struct commit *c, const struct exec_outcome *o) {
    struct daemon *d = ctx;
    (void)c;
    uint64_t now = ws_clock_now(&d->face.clock).mono_us;
    for (size_t i = 0; i < b->n_txs; i++) {
        if (b->txs[i]->kind == TX_MESSAGE)
            daemon_taken(d, b->txs[i]);
        note_committed(d, b->txs[i]->id, now);
        const struct tx_result *r = &o->results[i];
        if (r->contract < STATE_CONTRACTS_MAX && r->code < RSUD_CODES_MAX)
            d->face.results[r->contract][r->code]++;
    }
    tell_committee(o);
    daemon_tell_decide(d, o);
    keeper_committed(d->face.keeper, b->header.height);
    if (d->face.radio != NULL)
        tell_radio(d, o);
    if (d->http != NULL)
        http_notify(d->http);
}

/* ---- inputs ---- */

static void take_helping(struct daemon *d, struct ring *from, struct ws_now now) {
    for (unsigned i = 0; i < HELPING; i++) {
        struct pkt_message *m = ring_pop(from);
        if (m == NULL)
            return;
        struct plausibility_sample sample;
        admit_judge(d->face.tracks, m, &sample);
        enum admit_outcome o = admit_message(d->face.node, m, now, &d->admit);
        if (o == ADMIT_TAKEN)
            note_admitted(d, m, now.mono_us);
        else if (o == ADMIT_BEACON && d->face.gossip != NULL &&
                 pipeline_class_of(m->psid) == PIPELINE_ROUTINE)
            gossip_note(d->face.gossip, m->id, now.mono_us);
        if (o == ADMIT_BEACON && d->face.decide != NULL)
            daemon_hear_for_decide(d, m, &sample);
        pkt_message_release(m);
    }
}

static void take_messages(struct daemon *d) {
    struct ws_now now = ws_clock_now(&d->face.clock);
    for (size_t w = 0; w < d->face.n_workers; w++) {
        for (unsigned i = 0; i < d->config.ports[w].workers; i++)
            take_helping(d, d->ring[w][i], now);
    }
}

static void take_links(struct daemon *d) {
    net_tick(d->face.net, ws_clock_now(&d->face.clock).mono_us);
    size_t peer;
    struct span msg;
    for (unsigned i = 0; i < HELPING && net_receive(d->face.net, &peer, &msg); i++) {
        struct ws_now now = ws_clock_now(&d->face.clock);
        if (share_owns(msg))
            (void)share_server_message(d->share, peer, msg, now.mono_us);
        else if (daemon_take_handed(d, peer, msg))
            continue;
        else if (!gossip_owns(msg))
            node_message(d->face.node, peer, msg, now);
        else if (d->face.gossip != NULL)
            gossip_take(d->face.gossip, peer, msg, now);
    }
}

void daemon_order(void *ctx, struct span order, struct buf *ret_line) {
    struct daemon *d = ctx;
    struct ws_err err = {0};
    struct tx *t = NULL;
    if (daemon_port_order(d, order, ret_line) || daemon_feedback_order(d, order) ||
        daemon_learning_order(d, order))
        return;
    if (order.n > d->face.genesis->params.tx_octets_max) {
        buf_printf(ret_line, "no order of %zu octets, at most %u", order.n,
            (unsigned)d->face.genesis->params.tx_octets_max);
        return;
    }
    if (tx_parse(order, &t, &err) != WS_OK) {
        buf_printf(ret_line, "no %s", err.text);
        return;
    }
    char id[65];
    hex_encode(id, t->id, 32);
    bool is_order = t->kind == TX_ORDER || t->kind == TX_EVIDENCE;
    tx_unref(t);
    if (!is_order)
        buf_printf(ret_line, "no only orders and evidence come in here");
    else if (node_submit(d->face.node, order, false, ws_clock_now(&d->face.clock), &err) == TX_GOOD)
        buf_printf(ret_line, "ok %s", id);
    else
        buf_printf(ret_line, "no %s", err.text);
}

static void take_signal(struct daemon *d) {
    struct signalfd_siginfo si;
    while (read(d->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
        if (si.ssi_signo == SIGHUP) {
            ws_log(WS_LOG_INFO, "rsud",
                "reading peers and followers again, and signed lists, on signal");
            daemon_reload_peers(d);
            if (d->face.lists != NULL)
                revocations_reload(d->face.lists);
            continue;
        }
        ws_log(WS_LOG_INFO, "rsud", "stopping on signal %u", si.ssi_signo);
        d->stop = true;
    }
}

static bool ring_has_more(const struct daemon *d) {
    for (size_t w = 0; w < d->face.n_workers; w++) {
        for (unsigned i = 0; i < d->config.ports[w].workers; i++) {
            if (ring_used(d->ring[w][i]) > 0)
                return true;
        }
    }
    return false;
}

/* The folder of lists and the next linkage period; true: more to do. */
static bool take_lists(struct daemon *d) {
    if (d->face.lists == NULL)
        return false;
    struct ws_now now = ws_clock_now(&d->face.clock);
    struct buf cert = {0};
    while (d->face.radio != NULL && radio_offer(d->face.radio, &cert)) {
        (void)revocations_learn(d->face.lists, buf_span(&cert), (uint32_t)(now.its_us / 1000000));
        buf_clear(&cert);
    }
    buf_free(&cert);
    return revocations_tick(d->face.lists, now.mono_us, (uint32_t)(now.its_us / 1000000));
}

/* Once a second; what the kernel does not answer is no reason to stop proposing. */
static void look_at_clock(struct daemon *d) {
    struct ws_now now = ws_clock_now(&d->face.clock);
    if (d->config.clock_error_us == 0 || now.mono_us < d->clock_due_mono_us)
        return;
    d->clock_due_mono_us = now.mono_us + 1000000;
    struct discipline clock;
    if (!discipline_read(&clock))
        return;
    struct node_status s;
    node_status(d->face.node, &s);
    bool good = discipline_good(&clock, d->config.clock_error_us);
    if (good != s.clock_trusted)
        ws_log(good ? WS_LOG_INFO : WS_LOG_WARN, "rsud",
            "the clock is %s: %s, off by at most %llu us; %s",
            good ? "good again" : "not to be trusted",
            clock.synchronised ? "synchronised" : "not synchronised",
            (unsigned long long)clock.max_error_us,
            good ? "proposing again" : "this unit votes and does not propose");
    node_trust_clock(d->face.node, good, now);
}

static int sleep_ms(struct daemon *d) {
    if (ring_has_more(d))
        return 0;
    uint64_t now = ws_clock_now(&d->face.clock).mono_us;
    uint64_t wake = node_next_wake(d->face.node);
    if (d->face.gossip != NULL && gossip_due(d->face.gossip) < wake)
        wake = gossip_due(d->face.gossip);
    if (wake <= now)
        return 0;
    uint64_t ms = (wake - now + 999) / 1000;
    uint64_t most = d->face.radio != NULL ? RADIO_MS : IDLE_MS;
    return (int)(ms > most ? most : ms);
}

void daemon_loop(struct daemon *d) {
    bool lists_work = false;
    while (!d->stop) {
        struct epoll_event ev[8];
        int n = epoll_wait(d->epoll, ev, 8, lists_work ? 0 : sleep_ms(d));
        for (int i = 0; i < n; i++) {
            if (ev[i].data.fd == d->signal_fd)
                take_signal(d);
            else if (ev[i].data.fd == d->ring_fd) {
                uint64_t count;
                (void)!read(d->ring_fd, &count, sizeof(count));
            } else if (d->admin != NULL && ev[i].data.fd == admin_fd(d->admin))
                admin_serve(d->admin, ws_clock_now(&d->face.clock).mono_us);
        }
        take_jobs(d);
        take_messages(d);
        take_links(d); /* each time: ZeroMQ's descriptor fires on edges only */
        if (d->face.gossip != NULL)
            gossip_run(d->face.gossip, ws_clock_now(&d->face.clock).mono_us);
        lists_work = take_lists(d);
        if (d->face.sensors != NULL)
            sensors_serve(d->face.sensors, ws_clock_now(&d->face.clock),
                map_contract_version(d->face.cell.map));
        mailbox_serve(d->face.mailbox, &d->face);
        look_at_clock(d);
        node_tick(d->face.node, ws_clock_now(&d->face.clock));
        daemon_run_learning(d);
        daemon_run_decide(d);
        if (d->beaconing != NULL)
            beaconing_run(
                d->beaconing, d->face.node, d->face.cell.beacon, ws_clock_now(&d->face.clock));
        if (d->face.radio != NULL)
            radio_run(d->face.radio, ws_clock_now(&d->face.clock).its_us);
        (void)share_server_tick(d->share, ws_clock_now(&d->face.clock).mono_us);
        daemon_follow_committee(d);
        daemon_watch(d);
        const char *why = "";
        node_set_snapshot(d->face.node, keeper_newest(d->face.keeper));
        if (!daemon_guard_height(d)) {
            d->exit_code = 3;
            d->stop = true;
        }
        if (keeper_must_stop(d->face.keeper, &why)) {
            ws_log(WS_LOG_ERROR, "rsud", "%s", why);
            d->exit_code = 3;
            d->stop = true;
        }
        if (!node_healthy(d->face.node, &why)) {
            ws_log(WS_LOG_ERROR, "rsud", "%s", why);
            d->exit_code = 3;
            d->stop = true;
        }
    }
}

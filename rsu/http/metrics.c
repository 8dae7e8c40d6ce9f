/* /metrics: every counter and every fill level with its bound, grouped by family. docs/metrics.md lists them. */
#include "rsu/http/internal.h"

#include "base/mem.h"
#include "rsu/http/prometheus.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct page {
    const struct http *h;
    const struct http_view *v;
    const struct worker_counters *port;
    char label[CONFIG_PORTS_MAX][4]; /* "0", "1", ... */
    struct metrics m;
};

static void one(
    struct page *p, const char *name, enum metric_type type, const char *help, uint64_t value) {
    metrics_family(&p->m, name, type, help);
    metrics_value(&p->m, value, NULL);
}

/* ---- packet path, by port ---- */

static void put_verdicts(struct page *p) {
    metrics_family(&p->m, "wayside_frames_total", METRIC_COUNTER,
        "Frames by what became of them; every frame has one verdict");
    for (size_t i = 0; i < p->h->d->n_workers; i++) {
        for (int v = 0; v < PKT_VERDICT_COUNT; v++)
            metrics_value(&p->m, p->port[i].pipe.verdict[v], "port", p->label[i], "verdict",
                pkt_verdict_name((enum pkt_verdict)v), NULL);
    }
}

/* A family with one sample for each port, read by `at`. */
#define PORT_FAMILY(p, name, type, help, member)                                                   \
    do {                                                                                           \
        metrics_family(&(p)->m, name, type, help);                                                 \
        for (size_t port_i = 0; port_i < (p)->h->d->n_workers; port_i++)                           \
            metrics_value(                                                                         \
                &(p)->m, (uint64_t)(p)->port[port_i].member, "port", (p)->label[port_i], NULL);    \
    } while (0)

static void put_port_counters(struct page *p) {
    PORT_FAMILY(p, "wayside_port_frames_total", METRIC_COUNTER, "Frames taken up", pipe.frames);
    PORT_FAMILY(
        p, "wayside_port_octets_total", METRIC_COUNTER, "Octets of these frames", pipe.octets);
    PORT_FAMILY(p, "wayside_port_kernel_ring_drops_total", METRIC_COUNTER,
        "Frames the kernel dropped before the port saw them", kernel_ring);
    PORT_FAMILY(p, "wayside_port_missed_total", METRIC_COUNTER,
        "Frames the driver had no buffer for", port_missed);
    PORT_FAMILY(p, "wayside_port_signature_checks_total", METRIC_COUNTER,
        "Signature checks of messages and certificates", pipe.signatures);
    PORT_FAMILY(p, "wayside_port_lessons_dropped_total", METRIC_COUNTER,
        "Proven certificates not told to another worker of the port, which then proves them itself",
        lessons_dropped);
    PORT_FAMILY(p, "wayside_port_wakeups_total", METRIC_COUNTER,
        "Times the worker woke on a descriptor", wakeups);
    PORT_FAMILY(
        p, "wayside_port_sleeps_total", METRIC_COUNTER, "Times the worker went to sleep", sleeps);
    PORT_FAMILY(p, "wayside_port_handover_drops_total", METRIC_COUNTER,
        "Frames dropped between the workers of a port; their verdict is handover_full",
        handover_dropped);
    PORT_FAMILY(p, "wayside_port_sent_total", METRIC_COUNTER, "Frames sent", sent);
    PORT_FAMILY(
        p, "wayside_port_sent_octets_total", METRIC_COUNTER, "Octets of these frames", sent_octets);
    PORT_FAMILY(p, "wayside_port_send_drops_total", METRIC_COUNTER,
        "Frames to send that the port's queue did not take", send_dropped);
    PORT_FAMILY(p, "wayside_port_send_errors_total", METRIC_COUNTER,
        "Frames to send that found the interface down or gone, or that the driver refused",
        send_errors);
    metrics_family(&p->m, "wayside_port_state", METRIC_GAUGE,
        "1 for the state the port is in; down: no link, lost: being opened again, stopped: by "
        "order");
    for (size_t i = 0; i < p->h->d->n_workers; i++) {
        for (int s = WORKER_UP; s <= WORKER_STOPPED; s++)
            metrics_value(&p->m, (int)p->port[i].state == s ? 1 : 0, "port", p->label[i], "state",
                worker_state_name((enum worker_state)s), NULL);
    }
    PORT_FAMILY(p, "wayside_port_state_changes_total", METRIC_COUNTER,
        "Changes of the port's state", state_changes);
    PORT_FAMILY(p, "wayside_port_reopened_total", METRIC_COUNTER, "Times the port was opened again",
        reopened);
    PORT_FAMILY(p, "wayside_port_reopen_failures_total", METRIC_COUNTER, "Times it could not be",
        reopen_failures);
    PORT_FAMILY(p, "wayside_port_stamp_jumps_total", METRIC_COUNTER,
        "Stamps of a paced capture that were not waited for", stamp_jumps);
    PORT_FAMILY(p, "wayside_port_capture_finished", METRIC_GAUGE,
        "1 when the capture was read to its end", finished);
    metrics_family(&p->m, "wayside_port_capture_failed", METRIC_GAUGE,
        "1 when the capture could not be read to its end");
    for (size_t i = 0; i < p->h->d->n_workers; i++)
        metrics_value(&p->m, p->port[i].failure[0] == '\0' ? 0 : 1, "port", p->label[i], NULL);
    metrics_family(&p->m, "wayside_port_late_seconds_max", METRIC_GAUGE,
        "Paced capture: how far behind the cell clock a frame was at most");
    for (size_t i = 0; i < p->h->d->n_workers; i++)
        metrics_seconds(&p->m, p->port[i].late_us_max, "port", p->label[i], NULL);
}

static void put_tables(struct page *p) {
    metrics_family(&p->m, "wayside_port_table_entries", METRIC_GAUGE,
        "Entries in the worker's tables and queues");
    for (size_t i = 0; i < p->h->d->n_workers; i++) {
        const struct pipeline_counters *c = &p->port[i].pipe;
        metrics_value(&p->m, c->certs, "port", p->label[i], "table", "certificates", NULL);
        metrics_value(&p->m, c->sources, "port", p->label[i], "table", "senders", NULL);
        metrics_value(&p->m, c->queued, "port", p->label[i], "table", "queue", NULL);
        metrics_value(&p->m, c->waiting, "port", p->label[i], "table", "waiting", NULL);
    }
    metrics_family(&p->m, "wayside_port_table_entries_max", METRIC_GAUGE, "Their bounds");
    for (size_t i = 0; i < p->h->d->n_workers; i++) {
        const struct pipeline_counters *c = &p->port[i].pipe;
        metrics_value(&p->m, c->certs_max, "port", p->label[i], "table", "certificates", NULL);
        metrics_value(&p->m, c->sources_max, "port", p->label[i], "table", "senders", NULL);
        metrics_value(&p->m, c->queued_max, "port", p->label[i], "table", "queue", NULL);
        metrics_value(&p->m, c->waiting_max, "port", p->label[i], "table", "waiting", NULL);
    }
}

/* ---- admission and ledger ---- */

static void put_admission(struct page *p) {
    metrics_family(&p->m, "wayside_admission_total", METRIC_COUNTER,
        "Verified messages by what admission made of them");
    for (int i = 0; i < ADMIT_OUTCOME_COUNT; i++)
        metrics_value(&p->m, p->v->admit.outcome[i], "outcome",
            admit_outcome_name((enum admit_outcome)i), NULL);
    one(p, "wayside_admission_certificates_total", METRIC_COUNTER,
        "Signer certificates submitted ahead of their messages", p->v->admit.certificates);
}

static void put_transactions(struct page *p) {
    const struct node_counters *c = &p->v->counters;
    metrics_family(&p->m, "wayside_tx_refused_total", METRIC_COUNTER,
        "Transactions refused, or removed from the mempool, by reason");
    for (int i = TX_GOOD + 1; i < TX_VERDICT_COUNT; i++)
        metrics_value(&p->m, c->tx_refused[i], "reason", tx_verdict_text((enum tx_verdict)i), NULL);
    metrics_family(&p->m, "wayside_results_total", METRIC_COUNTER,
        "Executed transactions by contract and result, since this process started");
    for (size_t i = 0; i < p->h->n_contracts; i++) {
        for (size_t code = 0; code < RSUD_CODES_MAX; code++) {
            if (code == EXEC_OK || p->v->results[i][code] > 0)
                metrics_value(&p->m, p->v->results[i][code], "contract",
                    http_contract_name(p->h, i), "result", http_code_name(p->h, i, (exec_code)code),
                    NULL);
        }
    }
    one(p, "wayside_mempool_transactions", METRIC_GAUGE, "Transactions waiting for a block",
        p->v->node.mempool_txs);
    one(p, "wayside_mempool_transactions_max", METRIC_GAUGE, "Its bound",
        p->h->d->config->node.mempool_txs);
    one(p, "wayside_mempool_octets", METRIC_GAUGE, "Octets of waiting transactions",
        p->v->node.mempool_octets);
    one(p, "wayside_mempool_octets_max", METRIC_GAUGE, "Its bound",
        p->h->d->config->node.mempool_octets);
    one(p, "wayside_verify_ahead_octets", METRIC_GAUGE,
        "Octets of transactions from peers that wait to be verified", p->v->node.ahead_octets);
    one(p, "wayside_verify_ahead_octets_max", METRIC_GAUGE, "Its bound",
        p->v->node.ahead_octets_max);
}

static void put_disk(struct page *p) {
    struct keeper_counters n = {0};
    if (p->h->d->keeper != NULL)
        n = keeper_look(p->h->d->keeper);
    one(p, "wayside_disk_state", METRIC_GAUGE,
        "0 good, 1 wear budget exceeded, 2 disk budget exceeded, 3 disk full: the unit stops",
        (uint64_t)n.state);
    one(p, "wayside_disk_data_octets", METRIC_GAUGE, "Octets of the data folder on disk",
        n.data_octets);
    one(p, "wayside_disk_budget_octets", METRIC_GAUGE, "What they may be; 0: no bound",
        p->h->d->config->disk.budget_octets);
    one(p, "wayside_disk_free_octets", METRIC_GAUGE, "Free octets of its disk", n.free_octets);
    one(p, "wayside_disk_written_octets_total", METRIC_COUNTER,
        "Octets that the process wrote to storage", n.written_octets);
    one(p, "wayside_disk_written_day_octets", METRIC_GAUGE, "The same in the last 24 hours",
        n.written_day_octets);
    one(p, "wayside_snapshot_height", METRIC_GAUGE, "Newest snapshot that is whole; 0: none",
        n.snapshot_height);
    one(p, "wayside_snapshots_total", METRIC_COUNTER, "Snapshots made", n.snapshots_made);
    one(p, "wayside_snapshots_failed_total", METRIC_COUNTER, "Snapshots that failed",
        n.snapshots_failed);
    one(p, "wayside_snapshots_skipped_total", METRIC_COUNTER,
        "Snapshots that were due and not begun: the last one was not done, or the budget is spent",
        n.snapshots_skipped);
    one(p, "wayside_bodies_from", METRIC_GAUGE, "Lowest height whose body is here",
        p->v->node.bodies_from);
}

static void put_node(struct page *p) {
    const struct http_view *v = p->v;
    const struct node_counters *c = &v->counters;
    char trouble[WS_ERR_TEXT + 64];
    one(p, "wayside_healthy", METRIC_GAUGE, "0 when /healthz names a trouble",
        http_healthy(p->h, v, trouble, sizeof(trouble)) ? 1 : 0);
    one(p, "wayside_height", METRIC_GAUGE, "Height of the last final block", v->node.height);
    metrics_family(&p->m, "wayside_block_age_seconds", METRIC_GAUGE,
        "Monotonic time since the last block, or since start");
    metrics_seconds(&p->m, http_view_silence_us(p->h, v), NULL);
    one(p, "wayside_round", METRIC_GAUGE, "Consensus round in progress",
        v->node.round < 0 ? 0 : (uint64_t)v->node.round);
    one(p, "wayside_syncing", METRIC_GAUGE, "1 while older blocks are fetched from peers",
        v->node.syncing ? 1 : 0);
    one(p, "wayside_blocks_total", METRIC_COUNTER, "Blocks made final by this process", c->blocks);
    one(p, "wayside_blocks_empty_total", METRIC_COUNTER, "Of these, without transactions",
        c->empty_blocks);
    one(p, "wayside_blocks_synced_total", METRIC_COUNTER, "Of these, fetched from peers",
        c->synced_blocks);
    one(p, "wayside_transactions_total", METRIC_COUNTER, "Transactions in these blocks", c->txs);
    one(p, "wayside_rounds_beyond_zero_total", METRIC_COUNTER,
        "Rounds that a height needed beyond its first", c->rounds_beyond_zero);
    one(p, "wayside_proposals_built_total", METRIC_COUNTER, "Blocks proposed by this validator",
        c->proposals_built);
    one(p, "wayside_evidence_total", METRIC_COUNTER,
        "Contradictions of validators that this unit found", c->evidence);
    one(p, "wayside_own_votes_heard_total", METRIC_COUNTER,
        "Votes under this unit's key that it has not cast or has forgotten", c->own_votes_heard);
    one(p, "wayside_clock_trusted", METRIC_GAUGE,
        "1 while the clock is good enough to propose blocks", v->node.clock_trusted ? 1 : 0);
    one(p, "wayside_clock_agrees", METRIC_GAUGE,
        "0 when the clock is off the other validators' by more than the cell allows",
        v->node.clock_off_us == 0 ? 1 : 0);
    metrics_family(&p->m, "wayside_node_drops_total", METRIC_COUNTER,
        "What peers said in vain or did wrong, by reason");
    for (int i = 0; i < NODE_DROP_COUNT; i++)
        metrics_value(&p->m, c->drops[i], "reason", node_drop_name((enum node_drop)i), NULL);
    one(p, "wayside_peers_muted_total", METRIC_COUNTER,
        "Peers of which only votes, proposals and states were taken for a while", c->mutes);
    one(p, "wayside_wal_octets", METRIC_GAUGE, "Octets in the consensus logs", c->wal_octets);
    one(p, "wayside_store_octets", METRIC_GAUGE, "Octets of the store on disk, approximate",
        store_disk_octets(p->h->d->store));
    put_disk(p);
    metrics_family(&p->m, "wayside_state_entries", METRIC_GAUGE, "Entries in state by contract");
    for (size_t i = 0; i < p->h->n_contracts; i++)
        metrics_value(&p->m, v->entries[i], "contract", http_contract_name(p->h, i), NULL);
}

static void put_latency(struct page *p) {
    one(p, "wayside_commit_latency_samples_total", METRIC_COUNTER,
        "Own admissions whose commit was timed", p->v->n_latencies);
    metrics_family(&p->m, "wayside_commit_latency_p50_seconds", METRIC_GAUGE,
        "Admission to commit, median of the last 1024");
    metrics_seconds(&p->m, http_view_latency(p->v, 50), NULL);
    metrics_family(&p->m, "wayside_commit_latency_p99_seconds", METRIC_GAUGE,
        "Admission to commit, 99th percentile of the last 1024");
    metrics_seconds(&p->m, http_view_latency(p->v, 99), NULL);
}

static void put_peers(struct page *p) {
    const struct validator_set *set = &p->v->set;
    metrics_family(&p->m, "wayside_validator_state", METRIC_GAUGE,
        "1 for the state this unit sees the validator in");
    for (size_t i = 0; i < set->n; i++) {
        char address[65];
        hex_encode(address, set->v[i].address, 32);
        enum peer_state now = http_view_peer(p->h, p->v, i);
        for (int s = PEER_VOTING; s <= PEER_SILENT; s++)
            metrics_value(&p->m, (int)now == s ? 1 : 0, "address", address, "mast", set->v[i].mast,
                "state", http_peer_state_name((enum peer_state)s), NULL);
    }
    metrics_family(&p->m, "wayside_validator_clock_agrees", METRIC_GAUGE,
        "0 when the validator's clock is off this unit's by more than the cell allows");
    for (size_t i = 0; i < set->n; i++) {
        char address[65];
        hex_encode(address, set->v[i].address, 32);
        metrics_value(&p->m, p->v->peer[i].clock_off ? 0 : 1, "address", address, "mast",
            set->v[i].mast, NULL);
    }
    const struct net_counters *n = &p->v->net;
    if (!p->v->has_net)
        return;
    one(p, "wayside_link_peers_up", METRIC_GAUGE, "Peers with a link up", n->connected);
    one(p, "wayside_link_sent_total", METRIC_COUNTER, "Messages sent to peers", n->sent);
    one(p, "wayside_link_sent_octets_total", METRIC_COUNTER, "Octets of these", n->sent_octets);
    one(p, "wayside_link_received_total", METRIC_COUNTER, "Messages received", n->received);
    one(p, "wayside_link_received_octets_total", METRIC_COUNTER, "Octets of these",
        n->received_octets);
    one(p, "wayside_link_dropped_full_total", METRIC_COUNTER,
        "Messages not sent because a peer's queue was full", n->dropped_full);
    one(p, "wayside_link_dropped_budget_total", METRIC_COUNTER,
        "Messages not read because their sender was above its budget", n->dropped_budget);
    one(p, "wayside_link_refused_parts_total", METRIC_COUNTER,
        "Messages of several parts, or of no peer of now", n->refused_parts);
    one(p, "wayside_link_refused_often_total", METRIC_COUNTER,
        "Handshakes of peers that come back again and again", n->refused_often);
    one(p, "wayside_link_cut_held_total", METRIC_COUNTER,
        "Connections cut that made this unit hold more than a link may", n->cut_held);
    one(p, "wayside_link_cut_silent_total", METRIC_COUNTER,
        "Connections cut that said nothing in time, or were too many of such", n->cut_silent);
    one(p, "wayside_link_refused_key_total", METRIC_COUNTER,
        "Handshakes under keys that are no peer's", n->refused_key);
}

/* ---- what the unit sends ---- */

static void put_radio(struct page *p) {
    const struct transmit_counters *t = &p->v->transmit;
    const struct broadcast_counters *b = &p->v->broadcast;
    metrics_family(&p->m, "wayside_transmit_total", METRIC_COUNTER,
        "Messages the unit wanted to send, by what became of them");
    for (int o = 0; o < TRANSMIT_OUTCOME_COUNT; o++)
        metrics_value(
            &p->m, t->outcome[o], "outcome", transmit_outcome_name((enum transmit_outcome)o), NULL);
    metrics_family(&p->m, "wayside_transmit_sent_total", METRIC_COUNTER, "Messages sent, by kind");
    metrics_value(&p->m, t->cam, "kind", "cam", NULL);
    metrics_value(&p->m, t->denm, "kind", "denm", NULL);
    metrics_value(&p->m, t->notices - b->fragments, "kind", "notice", NULL);
    metrics_value(&p->m, b->fragments, "kind", "handover", NULL);
    one(p, "wayside_transmit_octets_total", METRIC_COUNTER, "Octets of these frames", t->octets);
    one(p, "wayside_transmit_tickets_total", METRIC_COUNTER,
        "Messages that the unit's ticket went along with", t->tickets);
    one(p, "wayside_certificates_asked_total", METRIC_COUNTER,
        "Certificates of others asked for in own CAM", t->asked);
    one(p, "wayside_certificates_given_total", METRIC_COUNTER,
        "Requests of others for the unit's ticket or its issuer answered", t->answered);
    one(p, "wayside_certificate_requests_dropped_total", METRIC_COUNTER,
        "Certificate requests on the way to the transmitter that found no room",
        p->v->requests_dropped);
    one(p, "wayside_broadcast_items", METRIC_GAUGE, "Changes and hazards being said", b->items);
    one(p, "wayside_broadcast_out_of_reach_total", METRIC_COUNTER,
        "Changes not said because they are too far away", b->out_of_reach);
    one(p, "wayside_broadcast_crowded_out_total", METRIC_COUNTER,
        "Changes dropped because too many are being said at once", b->crowded_out);
    one(p, "wayside_broadcast_handovers", METRIC_GAUGE,
        "Handovers between committees being said, fragment by fragment", b->handovers);
}

/* ---- map, policy, process ---- */

static void put_map_tables(struct page *p) {
    const struct map_fill *f = &p->v->map_fill;
    metrics_family(
        &p->m, "wayside_map_table", METRIC_GAUGE, "Entries of the map contract's tables");
    for (int t = 0; t < MAP_TABLE_COUNT; t++)
        metrics_value(&p->m, f->n[t], "table", map_table_name((enum map_table)t), NULL);
    metrics_family(&p->m, "wayside_map_table_max", METRIC_GAUGE, "Their bounds");
    for (int t = 0; t < MAP_TABLE_COUNT; t++)
        metrics_value(&p->m, f->max[t], "table", map_table_name((enum map_table)t), NULL);
    metrics_family(&p->m, "wayside_map_dropped_total", METRIC_COUNTER,
        "What the map contract left out for want of room");
    for (int d = 0; d < MAP_DROP_COUNT; d++)
        metrics_value(&p->m, f->dropped[d], "what", map_drop_name((enum map_drop)d), NULL);
}

static void put_map(struct page *p) {
    uint64_t lowest = 0;
    uint64_t published = 0;
    versions_range(p->h->versions, &lowest, &published);
    one(p, "wayside_map_version", METRIC_GAUGE, "Version of the map in state", p->v->map_version);
    one(p, "wayside_map_version_published", METRIC_GAUGE, "Highest version with a proof",
        published);
    put_map_tables(p);
    one(p, "wayside_policy_sequence", METRIC_GAUGE, "Sequence number of the policy in force",
        p->v->policy_sequence);
    one(p, "wayside_http_streams", METRIC_GAUGE, "Event streams open",
        streams_count(p->h->streams));
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(p->h->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    one(p, "wayside_http_connections", METRIC_GAUGE, "Connections open, streams included",
        info == NULL ? 0 : info->num_connections);
    one(p, "wayside_http_connections_max", METRIC_GAUGE, "Its bound", p->h->connections);
}

static uint64_t resident_octets(void) {
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    char line[128];
    if (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        char *second = strchr(line, ' ');
        pages = second == NULL ? 0 : strtoul(second, NULL, 10);
    }
    if (f != NULL)
        (void)fclose(f);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void put_process(struct page *p) {
    struct rusage u = {0};
    (void)getrusage(RUSAGE_SELF, &u);
    metrics_family(
        &p->m, "process_cpu_seconds_total", METRIC_COUNTER, "User and system time of the process");
    metrics_seconds(&p->m,
        (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
            (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec),
        NULL);
    one(p, "process_resident_memory_bytes", METRIC_GAUGE, "Resident memory of the process",
        resident_octets());
    metrics_family(
        &p->m, "wayside_uptime_seconds", METRIC_GAUGE, "Monotonic time since the process started");
    uint64_t start = p->h->d->started_mono_us;
    metrics_seconds(&p->m, p->v->mono_us > start ? p->v->mono_us - start : 0, NULL);
    char cell[65];
    hex_encode(cell, p->h->d->cell_id, 32);
    metrics_family(&p->m, "wayside_info", METRIC_GAUGE, "What runs here; the value is always 1");
    metrics_value(&p->m, 1, "version", WAYSIDE_VERSION, "cell", cell, "name",
        p->h->d->genesis->name, "policy", p->v->policy_name, NULL);
}

void http_get_metrics(struct http *h, const struct http_call *c, struct http_reply *r) {
    (void)c;
    struct http_view *v = ws_alloc(sizeof(*v));
    struct ws_err err = {0};
    uint64_t published = 0;
    int rc = versions_refresh(h->versions, &published, &err);
    if (rc != WS_OK)
        http_fail_err(r, rc, &err);
    if (rc == WS_OK && http_view(h, v, r)) {
        struct worker_counters *ports = http_ports(h);
        struct page p = {.h = h, .v = v, .port = ports, .m = {.out = &r->body}};
        for (size_t i = 0; i < CONFIG_PORTS_MAX; i++)
            (void)snprintf(p.label[i], sizeof(p.label[i]), "%zu", i);
        if (h->d->n_workers > 0) {
            put_verdicts(&p);
            put_port_counters(&p);
            put_tables(&p);
        }
        http_put_workers(&p.m, h);
        http_metrics_heard(&p.m, v);
        http_put_recorder(&p.m, h);
        put_admission(&p);
        put_transactions(&p);
        put_node(&p);
        put_latency(&p);
        put_peers(&p);
        put_radio(&p);
        http_put_sensors(&p.m, h, v);
        http_put_risk(&p.m, h);
        http_put_lists(&p.m, v);
        http_put_beacon(&p.m, v);
        put_map(&p);
        http_put_octets(&p.m, h);
        http_put_feedback(&p.m, h);
        http_put_learning(&p.m, h, v);
        http_put_uploads(&p.m, h);
        put_process(&p);
        r->status = MHD_HTTP_OK;
        r->type = HTTP_METRICS;
        free(ports);
    }
    free(v);
}

/* One question to the owner thread that copies all its figures; the rest is arithmetic on the copy. */
#include "rsu/http/internal.h"

#include "base/mem.h"
#include "ledger/policy/contract.h"

#include <stdio.h>
#include <stdlib.h>

static bool validates(const struct rsud *d, const struct validator_set *set, size_t slot) {
    for (size_t i = 0; i < set->n; i++) {
        if (node_slot_of(d->node, i) == slot)
            return true;
    }
    return false;
}

static void copy_followers(const struct rsud *d, struct http_view *v) {
    static const uint8_t nobody[KEY_OCTETS];
    const struct node_peers *all = node_directory(d->node);
    for (size_t slot = 0; slot < all->n; slot++) {
        if (slot == all->me || memcmp(all->curve_key[slot], nobody, KEY_OCTETS) == 0 ||
            validates(d, &v->set, slot))
            continue;
        struct http_follower *f = &v->follower[v->n_followers++];
        memcpy(f->key, all->curve_key[slot], KEY_OCTETS);
        node_peer(d->node, slot, &f->peer);
        f->up = d->net != NULL && net_peer_up(d->net, slot);
    }
}

static void copy_peers(const struct rsud *d, struct http_view *v) {
    v->set = *node_validators(d->node);
    for (size_t i = 0; i < v->set.n; i++) {
        size_t slot = node_slot_of(d->node, i);
        if (slot == NODE_NO_SLOT)
            continue;
        node_peer(d->node, slot, &v->peer[i]);
        v->peer_up[i] = d->net != NULL && net_peer_up(d->net, slot);
    }
    copy_followers(d, v);
    v->has_net = d->net != NULL;
    if (v->has_net)
        v->net = *net_counters(d->net);
}

static void copy_policy(const struct rsud *d, struct http_view *v) {
    struct span name = policy_contract_name(d->cell.policy);
    memcpy(v->policy_name, name.p, name.n < POLICY_NAME_MAX ? name.n : POLICY_NAME_MAX);
    v->policy_sequence = policy_contract_sequence(d->cell.policy);
    memcpy(v->policy_hash, policy_contract_hash(d->cell.policy), 32);
}

static void copy_lists(const struct revocations *r, struct http_view *v) {
    static const char *const kind[] = {"crl", "etsi_crl", "ctl", "ectl"};
    v->has_lists = true;
    v->lists = revocations_read_counters(r);
    v->n_lists = revocations_count(r);
    for (size_t i = 0; i < v->n_lists; i++) {
        struct revocations_list l = revocations_at(r, i);
        struct http_list *to = &v->list[i];
        (void)snprintf(to->name, sizeof(to->name), "%s", l.name);
        hex_encode(to->authority, l.authority + 24, 8);
        (void)snprintf(
            to->series, sizeof(to->series), "%u", l.kind == LIST_CRL ? l.list->crl.series : 0U);
        (void)snprintf(to->sequence, sizeof(to->sequence), "%u", l.sequence);
        to->kind = kind[l.kind];
        to->issued_s = l.facts.issued_s;
        to->next_s = l.facts.next_s;
        to->entries = l.facts.entries;
        to->applied = l.applied;
    }
}

static void copy(void *owner, void *ctx) {
    const struct rsud *d = owner;
    struct http_view *v = ctx;
    const char *why = "";
    v->healthy = node_healthy(d->node, &why);
    (void)snprintf(v->why, sizeof(v->why), "%s", v->healthy ? "" : why);
    node_status(d->node, &v->node);
    v->counters = *node_counters(d->node);
    copy_peers(d, v);
    v->admit = *d->admit;
    if (d->gossip != NULL)
        v->gossip = gossip_counters(d->gossip);
    if (d->tracks != NULL)
        v->plausibility = plausibility_counters(d->tracks);
    if (d->window != NULL)
        v->window = replay_window_counters(d->window);
    if (d->radio != NULL) {
        v->transmit = *radio_transmit_counters(d->radio);
        v->broadcast = *radio_broadcast_counters(d->radio);
        v->requests_dropped = radio_requests_dropped(d->radio);
    }
    if (d->sensors != NULL)
        http_copy_sensors(d->sensors, v);
    if (d->lists != NULL)
        copy_lists(d->lists, v);
    memcpy(v->results, d->results, sizeof(v->results));
    struct executor *ex = node_executor(d->node);
    for (size_t i = 0; i < executor_contracts(ex); i++)
        v->entries[i] = state_entries(executor_state(ex), i);
    v->n_latencies = d->n_latencies;
    v->n_kept = d->n_latencies < RSUD_LATENCIES ? (size_t)d->n_latencies : RSUD_LATENCIES;
    memcpy(v->latency_us, d->commit_latency_us, v->n_kept * sizeof(v->latency_us[0]));
    v->map_version = map_contract_version(d->cell.map);
    map_contract_fill(d->cell.map, &v->map_fill);
    copy_policy(d, v);
    beacon_contract_status(d->cell.beacon, &v->beacon);
    http_copy_learning(d, v);
    if (d->beaconing != NULL)
        v->beaconing = *beaconing_read(d->beaconing);
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

bool http_view(struct http *h, struct http_view *ret, struct http_reply *r) {
    memset(ret, 0, sizeof(*ret));
    if (!http_ask(h, copy, ret, r))
        return false;
    struct ws_now now = ws_clock_now(&h->d->clock);
    ret->mono_us = now.mono_us;
    ret->its_s = (uint32_t)(now.its_us / 1000000);
    qsort(ret->latency_us, ret->n_kept, sizeof(ret->latency_us[0]), ascending);
    return true;
}

uint64_t http_view_latency(const struct http_view *v, unsigned percent) {
    if (v->n_kept == 0)
        return 0;
    size_t rank = (v->n_kept * percent + 99) / 100;
    return v->latency_us[rank == 0 ? 0 : rank - 1];
}

uint64_t http_view_silence_us(const struct http *h, const struct http_view *v) {
    uint64_t since = v->node.committed_mono_us;
    if (since < h->d->started_mono_us)
        since = h->d->started_mono_us; /* none since this process started */
    return v->mono_us > since ? v->mono_us - since : 0;
}

enum peer_state http_view_peer(const struct http *h, const struct http_view *v, size_t validator) {
    if (v->node.me >= 0 && (size_t)v->node.me == validator)
        return v->node.syncing || v->node.listening ? PEER_BEHIND : PEER_VOTING;
    const struct node_peer_status *p = &v->peer[validator];
    /* A peer tells its state every status_us; one lost message is no silence. */
    uint64_t patience = 5 * h->d->config->node.status_us + 1000000;
    if (!p->heard || !v->peer_up[validator] || v->mono_us > p->heard_mono_us + patience)
        return PEER_SILENT;
    /* What it told is up to status_us old, so it may lag by the blocks of that time. */
    const struct cell_params *params = &h->d->genesis->params;
    uint64_t pace = params->block_min_us > 100000 ? params->block_min_us : 100000;
    uint64_t lag =
        2 + (v->mono_us - (p->heard_mono_us < v->mono_us ? p->heard_mono_us : v->mono_us)) / pace;
    return p->height + lag < v->node.height ? PEER_BEHIND : PEER_VOTING;
}

const char *http_peer_state_name(enum peer_state s) {
    switch (s) {
    case PEER_VOTING:
        return "voting";
    case PEER_BEHIND:
        return "behind";
    case PEER_SILENT:
        return "silent";
    }
    return "unknown";
}

struct worker_counters *http_ports(const struct http *h) {
    struct worker_counters *c = ws_calloc(h->d->n_workers, sizeof(*c));
    for (size_t i = 0; i < h->d->n_workers; i++)
        worker_read_counters(h->d->workers[i], &c[i]);
    return c;
}

/* What rsud sees of itself and its peers, for its log. */
#include "rsu/daemon/rsud_internal.h"

#include "ledger/committee/committee.h"
#include "ledger/policy/contract.h"

#include <stdio.h>

enum { EVERY_US = 1000000, SILENT_STATES = 5, SILENT_LEAST_US = 1000000 };

static void put_peers(struct daemon *d, struct watch_seen *s) {
    const struct node *n = d->face.node;
    const struct node_peers *all = node_directory(n);
    uint64_t silent_us = SILENT_STATES * d->config.node.status_us + SILENT_LEAST_US;
    s->n = all->n;
    for (size_t slot = 0; slot < all->n; slot++) {
        struct watch_peer *p = &s->peer[slot];
        struct node_peer_status about;
        *p = (struct watch_peer){.height = 0};
        if (slot == all->me)
            continue;
        node_peer(n, slot, &about);
        node_peer_name(n, slot, p->name);
        memcpy(p->key, all->curve_key[slot], KEY_OCTETS);
        p->up = net_peer_up(d->face.net, slot);
        p->heard = about.heard && s->mono_us < about.heard_mono_us + silent_us;
        p->height = about.height;
    }
    const struct validator_set *set = node_validators(n);
    s->n_validators = set->n;
    s->total = set->total;
    for (size_t i = 0; i < set->n; i++) {
        size_t slot = node_slot_of(n, i);
        if ((int)i == s->me)
            s->own_power = set->v[i].power;
        else if (slot != NODE_NO_SLOT)
            s->peer[slot].power = set->v[i].power;
    }
}

static void say(void *ctx, enum ws_log_level level, const char *area, const char *line) {
    struct daemon *d = ctx;
    ws_log_limited(&d->watch_limit, d->watch_seen.mono_us, level, area, "%s", line);
}

void daemon_watch(struct daemon *d) {
    uint64_t now = ws_clock_now(&d->face.clock).mono_us;
    struct watch_seen *s = &d->watch_seen;
    struct node_status about;
    if (now < d->watch_due_us)
        return;
    d->watch_due_us = now + EVERY_US;
    node_status(d->face.node, &about);
    s->mono_us = now;
    s->height = about.height;
    s->syncing = about.syncing;
    s->listening = about.listening;
    s->me = about.me;
    s->own_power = 0;
    put_peers(d, s);
    const void *committee = executor_committee(node_executor(d->face.node));
    s->params = *committee_params(committee, about.consensus_height);
    s->policy_sequence = policy_contract_sequence(d->face.cell.policy);
    struct span name = policy_contract_name(d->face.cell.policy);
    (void)snprintf(
        s->policy_name, sizeof(s->policy_name), "%.*s", (int)name.n, (const char *)name.p);
    watch_look(&d->watch, s, say, d);
}

/* The daemon's links: opened before the node, then kept in step with the validator sets in force and with the
 * configuration, which SIGHUP reads again for its peers and followers. */
#include "rsu/daemon/rsud_internal.h"

#include "base/log.h"
#include "ledger/committee/committee.h"
#include "ledger/snapshot/chunk.h"

#include <string.h>

int daemon_open_links(struct daemon *d, struct ws_err *err) {
    /* A block of the largest size, or a chunk of a snapshot, and its framing. */
    size_t largest = (size_t)d->face.genesis->params.block_octets_max * 2;
    largest = (largest > CHUNK_OCTETS_MAX ? largest : CHUNK_OCTETS_MAX) + 65536;
    struct net_config cfg = {
        .secret = d->curve_secret, .bind = d->config.bind, .limits = d->config.links};
    cfg.limits.message_octets_max = largest;
    uint64_t least = 2 * (uint64_t)largest;
    cfg.limits.held_octets = cfg.limits.held_octets > least ? cfg.limits.held_octets : least;
    for (size_t i = 0; i < NET_LANES; i++) {
        uint64_t *rate = &cfg.limits.octets_per_s[i];
        *rate = *rate > least ? *rate : least;
    }
    net_curve_public(d->curve_secret, cfg.public_key);
    memcpy(d->curve_public, cfg.public_key, sizeof(d->curve_public));
    int rc = net_open(&cfg, &d->face.net, err);
    explicit_bzero(d->curve_secret, sizeof(d->curve_secret));
    if (rc != WS_OK)
        return rc;
    /* The genesis' validators dial while we recover, and who is refused comes back only after a second or two. */
    const struct validator_set *genesis = &d->face.genesis->validators;
    directory_begin(&d->directory, genesis, d->curve_public);
    (void)directory_fill(&d->directory, &genesis, 1, &d->config, d->curve_public);
    directory_link(&d->directory, d->face.net);
    return WS_OK;
}

/* Links and node, as the sets in force and c have it. */
static void put_peers(struct daemon *d, const struct config *c) {
    const void *committee = executor_committee(node_executor(d->face.node));
    uint64_t next = committee_next(committee);
    /* A round of learning belongs to those who opened it, also to who has left since: what vehicles brought there is handed on. */
    const struct validator_set *seats = daemon_round_set(d, &d->linked_round);
    const struct validator_set *sets[] = {
        committee_set(committee, next), committee_set(committee, next + 1), seats};
    memcpy(d->set_hash, committee_set_hash(committee, next + 1), sizeof(d->set_hash));
    d->set_height = next;
    if (directory_fill(&d->directory, sets, seats == NULL ? 2 : 3, c, d->curve_public))
        ws_log(WS_LOG_INFO, "links", "the peers are others now");
    directory_link(&d->directory, d->face.net);
    node_set_peers(d->face.node, &d->directory.peers);
}

void daemon_put_peers(struct daemon *d) {
    put_peers(d, &d->config);
}

void daemon_follow_committee(struct daemon *d) {
    const void *committee = executor_committee(node_executor(d->face.node));
    uint64_t next = committee_next(committee);
    if (next == d->set_height)
        return;
    /* Once more when the new set signs and the old one no longer does. */
    bool same = memcmp(d->set_hash, committee_set_hash(committee, next + 1), 32) == 0;
    uint64_t round = 0;
    if (d->linked_round != 0)
        (void)daemon_round_set(d, &round);
    if (same && !d->set_changing && round == d->linked_round) {
        d->set_height = next;
        return;
    }
    d->set_changing = !same;
    put_peers(d, &d->config);
}

void daemon_reload_peers(struct daemon *d) {
    struct config c;
    struct ws_err err = {0};
    if (config_load(d->config_path, &c, &err) != WS_OK) {
        ws_log(WS_LOG_ERROR, "rsud", "the configuration stays as it was: %s", err.text);
        return;
    }
    put_peers(d, &c); /* while the old endpoints are still there to compare with */
    struct config old = d->config;
    d->config.n_peers = c.n_peers;
    d->config.n_followers = c.n_followers;
    memcpy(d->config.peers, c.peers, sizeof(c.peers));
    memcpy(d->config.followers, c.followers, sizeof(c.followers));
    c.n_peers = old.n_peers;
    c.n_followers = old.n_followers;
    memcpy(c.peers, old.peers, sizeof(c.peers));
    memcpy(c.followers, old.followers, sizeof(c.followers));
    config_free(&c);
}

/* What a peer did wrong, what it may cost before it did anything right, and which protocol it speaks. */
#include "ledger/node/node_internal.h"

#include "base/assert.h"
#include "base/log.h"

#include <stdio.h>

enum { MILLI = 1000, SECOND_US = 1000000 };

static void decay(const struct node *n, struct peer *p, struct ws_now now) {
    uint64_t us = now.mono_us > p->scored_mono_us ? now.mono_us - p->scored_mono_us : 0;
    uint64_t less = us / MILLI * n->limits.score_decay_per_s; /* thousandths */
    p->score_milli = p->score_milli > less ? p->score_milli - less : 0;
    p->scored_mono_us = now.mono_us;
}

void node_peer_name(const struct node *n, size_t slot, char dst[static NODE_NAME_OCTETS]) {
    char hex[17];
    const uint8_t *key = n->peers.curve_key[slot];
    for (size_t i = 0; i < n->set->n; i++) {
        const struct validator *v = &n->set->v[i];
        if (memcmp(v->curve_key, key, KEY_OCTETS) != 0)
            continue;
        hex_encode(hex, v->address, 8);
        (void)snprintf(
            dst, NODE_NAME_OCTETS, "%s (%s)", v->owner[0] == '\0' ? "validator" : v->owner, hex);
        return;
    }
    hex_encode(hex, key, 8);
    (void)snprintf(dst, NODE_NAME_OCTETS, "the follower with link key %s", hex);
}

bool peer_muted(const struct node *n, size_t slot, struct ws_now now) {
    return now.mono_us < n->peer[slot].muted_until_us;
}

void peer_drop(struct node *n, size_t slot, enum node_drop why, struct ws_now now) {
    n->counters.drops[why]++;
    if (n->limits.weight[why] == 0 || slot >= n->peers.n)
        return;
    struct peer *p = &n->peer[slot];
    decay(n, p, now);
    p->score_milli += (uint64_t)n->limits.weight[why] * MILLI;
    if (p->score_milli < (uint64_t)n->limits.score_max * MILLI || peer_muted(n, slot, now))
        return;
    p->score_milli = 0;
    p->muted_until_us = now.mono_us + n->limits.mute_us;
    p->mutes++;
    n->counters.mutes++;
    char name[NODE_NAME_OCTETS];
    node_peer_name(n, slot, name);
    ws_log(WS_LOG_WARN, "ledger", "%s is muted for %llu s, at last for: %s", name,
        (unsigned long long)(n->limits.mute_us / SECOND_US), node_drop_name(why));
    fetch_forget_peer(n, slot);
}

/* Only what turns out bad uses it up: what a peer says truly is never held back by what it said wrongly, as long as it
 * has one check left. */
bool peer_may_check(struct node *n, size_t slot, enum checks_kind kind, struct ws_now now) {
    struct checks *c = &n->peer[slot].checks[kind];
    uint64_t most = (uint64_t)n->limits.bad_checks_per_s * 2 * SECOND_US;
    uint64_t us = now.mono_us > c->mono_us ? now.mono_us - c->mono_us : 0;
    us = us > 2 * SECOND_US ? 2 * SECOND_US : us;
    c->mono_us = now.mono_us;
    c->micro += us * n->limits.bad_checks_per_s;
    if (!c->filled || c->micro > most)
        c->micro = most;
    c->filled = true;
    return c->micro >= SECOND_US;
}

void peer_checked(struct node *n, size_t slot, enum checks_kind kind, bool good) {
    struct checks *c = &n->peer[slot].checks[kind];
    if (!good)
        c->micro -= c->micro < SECOND_US ? c->micro : SECOND_US;
}

/* ---- protocol ---- */

uint32_t peer_protocol(const struct node *n, size_t slot) {
    const struct peer *p = &n->peer[slot];
    if (!p->heard)
        return n->limits.protocol_min; /* all that it can be sure to know */
    return p->protocol_max < n->limits.protocol_max ? p->protocol_max : n->limits.protocol_max;
}

bool peer_compatible(const struct node *n, uint32_t lowest, uint32_t highest) {
    return lowest <= n->limits.protocol_max && highest >= n->limits.protocol_min &&
           lowest <= highest;
}

/* Tags of the fields of Link, all of them length-delimited; 0: something else. */
static unsigned kind_of(struct span msg) {
    if (msg.n == 0 || (msg.p[0] & 7) != 2)
        return 0;
    if ((msg.p[0] & 0x80) == 0)
        return msg.p[0] >> 3;
    return msg.n > 1 && msg.p[1] < 0x80 ? (msg.p[0] >> 3 & 0x0fU) | (unsigned)msg.p[1] << 4 : 0;
}

bool node_message_is_bulk(struct span msg) {
    unsigned kind = kind_of(msg);
    return kind == WAYSIDE__LINK__LINK__BODY_TX || kind == WAYSIDE__LINK__LINK__BODY_BLOCK_REPLY;
}

/* A vote or a proposal carries its author's signature and counts whoever hands it over, and a state is small: these
 * are heard from everybody, always. */
static bool is_consensus(unsigned kind) {
    return kind == WAYSIDE__LINK__LINK__BODY_PROPOSAL || kind == WAYSIDE__LINK__LINK__BODY_VOTE ||
           kind == WAYSIDE__LINK__LINK__BODY_STATUS;
}

bool peer_admits(struct node *n, size_t slot, struct span msg, struct ws_now now) {
    const struct peer *p = &n->peer[slot];
    unsigned kind = kind_of(msg);
    if (peer_muted(n, slot, now) && !is_consensus(kind)) {
        n->counters.drops[NODE_DROP_MUTED]++;
        return false;
    }
    if (p->incompatible && kind != WAYSIDE__LINK__LINK__BODY_STATUS) {
        n->counters.drops[NODE_DROP_PROTOCOL]++;
        return false;
    }
    return true;
}

/* Where we are and where the others are, at one height: states are told to all and compared, and what one lacks is sent
 * again. Nothing counts as held because it was sent once (consensus facts, section 5). */
#include "ledger/node/node_internal.h"

#include "base/log.h"
#include "ledger/exec/hash.h"

#include <stdio.h>

enum { PLACES_MAX = ARRAY_LEN(((struct vote_slot *)NULL)->vote) };
enum { LOWERED_AGAIN_US = 60000000, TWO_SAID_US = 600000000 };

/* What a peer says it holds of its round. With protocol 1 only which validators it has something of; then everything of
 * these counts as held, the second statement of one that contradicts itself, too. */
struct held {
    const Wayside__Link__Status *status;
    bool tagged;
    uint8_t n[2][VALIDATORS_MAX];
    uint32_t tag[2][VALIDATORS_MAX][PLACES_MAX];
};

/* A statement in four octets, salted anew each time: nobody can make up two that look alike for longer than one state. */
static uint32_t tag_of(const uint8_t salt[static 8], const struct vote *v) {
    uint8_t what[8 + 1 + 1 + 4 + 4 + 32];
    hash32 hash;
    memcpy(what, salt, 8);
    what[8] = (uint8_t)v->type;
    what[9] = v->nil;
    put_be32(what + 10, (uint32_t)v->locked_round);
    put_be32(what + 14, (uint32_t)v->valid_round);
    memcpy(what + 18, v->id, 32);
    exec_sha256_one(span_of(what, sizeof(what)), hash);
    return be32(hash);
}

/* ---- telling ---- */

static const struct vote_slot *slots_of(const struct round_votes *rv, size_t type) {
    return type == 0 ? rv->prevote : rv->precommit;
}

static void put_bitmap(const struct node *n, size_t type, uint8_t *ret_bits) {
    const struct round_votes *rv = cs_votes(n->cs, cs_round(n->cs));
    for (size_t i = 0; rv != NULL && i < n->set->n; i++) {
        if (slots_of(rv, type)[i].n > 0)
            ret_bits[i / 8] = (uint8_t)(ret_bits[i / 8] | 0x80U >> (i % 8));
    }
}

/* For each validator with a bit: how many statements, and their tags; prevotes, then precommits. */
static void put_tags(const struct node *n, const uint8_t *salt, struct buf *b) {
    const struct round_votes *rv = cs_votes(n->cs, cs_round(n->cs));
    for (size_t type = 0; rv != NULL && type < 2; type++) {
        for (size_t i = 0; i < n->set->n; i++) {
            const struct vote_slot *s = &slots_of(rv, type)[i];
            if (s->n == 0)
                continue;
            buf_u8(b, s->n);
            for (uint8_t k = 0; k < s->n; k++)
                buf_u32(b, tag_of(salt, &s->vote[k]));
        }
    }
}

static void send_status(struct node *n, struct ws_now now) {
    uint8_t bits[2][VALIDATORS_MAX / 8] = {{0}};
    size_t octets = (n->set->n + 7) / 8;
    Wayside__Link__Status s = WAYSIDE__LINK__STATUS__INIT;
    char software[] = NODE_SOFTWARE;
    s.height = n->height + 1;
    s.round = cs_round(n->cs);
    s.step = (uint32_t)cs_step_now(n->cs);
    s.lowest = n->height == 0 ? 0 : n->pruned.bodies_from;
    const struct cs_proposal *p = cs_proposal_of(n->cs, s.round);
    const struct candidate *c = p == NULL ? NULL : candidate_find(n, p->id);
    s.has_proposal = c != NULL && c->block != NULL;
    put_bitmap(n, 0, bits[0]);
    put_bitmap(n, 1, bits[1]);
    s.prevotes = (ProtobufCBinaryData){octets, bits[0]};
    s.precommits = (ProtobufCBinaryData){octets, bits[1]};
    s.protocol = n->limits.protocol_max;
    s.software = software;
    Wayside__Link__Link link = WAYSIDE__LINK__LINK__INIT;
    link.body_case = WAYSIDE__LINK__LINK__BODY_STATUS;
    link.status = &s;
    if (n->limits.protocol_max == 1) {
        wire_send(n, ALL_PEERS, &link);
        return;
    }
    /* Protocol 2. Who knows only 1 skips fields that it does not know, so all can have the same octets. */
    struct buf tags = {0};
    uint8_t place[16];
    hash32 salt;
    put_be64(place, now.mono_us);
    put_be64(place + 8, ++n->statuses);
    exec_sha256_one(span_of(place, sizeof(place)), salt);
    put_tags(n, salt, &tags);
    s.protocol_min = n->limits.protocol_min;
    s.salt = (ProtobufCBinaryData){8, salt};
    s.tags = (ProtobufCBinaryData){tags.n, tags.p};
    s.clock = now.its_us;
    wire_send(n, ALL_PEERS, &link);
    buf_free(&tags);
}

void summary_tick(struct node *n, struct ws_now now) {
    if (now.mono_us < n->status_due_mono_us)
        return;
    send_status(n, now);
    clocks_tick(n, now);
    n->status_due_mono_us = now.mono_us + n->limits.status_us;
}

/* ---- helping ---- */

static bool bit_set(ProtobufCBinaryData bits, size_t i) {
    return i / 8 < bits.len && (bits.data[i / 8] & 0x80U >> (i % 8)) != 0;
}

/* False: no canonical form. */
static bool read_tags(const struct node *n, struct held *h) {
    const Wayside__Link__Status *s = h->status;
    struct rd r = rd_of(span_of(s->tags.data, s->tags.len));
    for (size_t type = 0; type < 2; type++) {
        ProtobufCBinaryData bits = type == 0 ? s->prevotes : s->precommits;
        for (size_t i = 0; i < n->set->n; i++) {
            if (!bit_set(bits, i))
                continue;
            uint8_t count = rd_u8(&r);
            if (count == 0 || count > PLACES_MAX)
                return false;
            h->n[type][i] = count;
            for (uint8_t k = 0; k < count; k++)
                h->tag[type][i][k] = rd_u32(&r);
        }
    }
    h->tagged = rd_done(&r);
    return h->tagged;
}

static bool holds(const struct held *h, size_t type, size_t i, const struct vote *v) {
    const Wayside__Link__Status *s = h->status;
    if (!bit_set(type == 0 ? s->prevotes : s->precommits, i))
        return false;
    if (!h->tagged || h->n[type][i] >= PLACES_MAX)
        return true; /* of a full place it takes nothing more */
    uint32_t tag = tag_of(s->salt.data, v);
    for (uint8_t k = 0; k < h->n[type][i]; k++) {
        if (h->tag[type][i][k] == tag)
            return true;
    }
    return false;
}

/* held NULL: nothing of this round. */
static void send_votes(
    struct node *n, size_t peer, const struct round_votes *rv, const struct held *held) {
    for (size_t type = 0; type < 2; type++) {
        for (size_t i = 0; i < n->set->n; i++) {
            const struct vote_slot *s = &slots_of(rv, type)[i];
            for (uint8_t k = 0; k < s->n; k++) {
                if (held == NULL || !holds(held, type, i, &s->vote[k]))
                    wire_send_vote(n, peer, &s->vote[k]);
            }
        }
    }
}

static void send_round(struct node *n, size_t peer, int32_t round, const struct held *h) {
    bool theirs = round == h->status->round;
    const struct cs_proposal *p = cs_proposal_of(n->cs, round);
    const struct candidate *c = p == NULL ? NULL : candidate_find(n, p->id);
    if (c != NULL && c->block != NULL && !(theirs && h->status->has_proposal))
        wire_send_proposal(n, peer, p, c->block);
    const struct round_votes *rv = cs_votes(n->cs, round);
    if (rv != NULL)
        send_votes(n, peer, rv, theirs ? h : NULL);
}

/* The rounds that can bring a peer of our height forward: its own, ours, and those whose quorum a re-proposal rests
 * on (rule R3 needs the old prevotes). Whoever still waits for the first round holds what others say there, and one of
 * them may have lost its disk and listen for just that. */
static void help_same_height(struct node *n, size_t peer, const struct held *h) {
    int32_t ours = cs_round(n->cs) < 0 ? 0 : cs_round(n->cs);
    int32_t rounds[3] = {h->status->round, ours, cs_valid_round(n->cs)};
    for (size_t i = 0; i < 3; i++) {
        bool repeat = false;
        for (size_t k = 0; k < i; k++)
            repeat = repeat || rounds[k] == rounds[i];
        if (!repeat && rounds[i] >= 0 && rounds[i] <= ours)
            send_round(n, peer, rounds[i], h);
    }
}

/* Who has spoken in a round beyond the one it is in has forgotten it: it hears its own words again. */
static void remind(struct node *n, size_t peer, const Wayside__Link__Status *s) {
    for (int32_t r = s->round < 0 ? 0 : s->round + 1; r <= cs_round(n->cs) + 1; r++) {
        const struct round_votes *rv = cs_votes(n->cs, r);
        for (size_t i = 0; rv != NULL && i < n->set->n; i++) {
            for (size_t type = 0; n->slot[i] == peer && type < 2; type++) {
                const struct vote_slot *v = &slots_of(rv, type)[i];
                for (uint8_t k = 0; k < v->n; k++)
                    wire_send_vote(n, peer, &v->vote[k]);
            }
        }
    }
}

/* False: dropped and counted. */
static bool take_protocol(
    struct node *n, size_t peer, const Wayside__Link__Status *s, struct ws_now now) {
    struct peer *p = &n->peer[peer];
    uint32_t lowest = s->protocol_min == 0 ? s->protocol : s->protocol_min;
    p->incompatible = !peer_compatible(n, lowest, s->protocol);
    p->protocol_max = s->protocol;
    if (!p->incompatible)
        return true;
    p->heard = true;
    p->heard_mono_us = now.mono_us;
    p->height = 0;
    peer_drop(n, peer, NODE_DROP_PROTOCOL, now);
    return false;
}

/* Once is a disk that was lost, and no misdeed. Again and again is two machines that tell their heights in turn, or a liar. */
static void note_lowered(struct node *n, size_t peer, uint64_t height, struct ws_now now) {
    struct peer *p = &n->peer[peer];
    char name[NODE_NAME_OCTETS];
    bool again = p->lowered_us != 0 && now.mono_us - p->lowered_us < LOWERED_AGAIN_US;
    p->lowered_us = now.mono_us;
    if (!again) {
        n->counters.drops[NODE_DROP_LOWERED]++;
        return;
    }
    peer_drop(n, peer, NODE_DROP_LOWERED, now);
    if (p->two_said_us != 0 && now.mono_us - p->two_said_us < TWO_SAID_US)
        return;
    p->two_said_us = now.mono_us;
    node_peer_name(n, peer, name);
    ws_log(WS_LOG_WARN, "ledger",
        "%s tells heights that go up and down, %llu and then %llu: two machines seem to run with "
        "its "
        "keys; stop one of them",
        name, (unsigned long long)p->height, (unsigned long long)height);
}

void summary_status(
    struct node *n, size_t peer, const Wayside__Link__Status *s, struct ws_now now) {
    struct peer *p = &n->peer[peer];
    size_t octets = (VALIDATORS_MAX + 7) / 8;
    if (s->prevotes.len > octets || s->precommits.len > octets || s->protocol == 0 ||
        (s->salt.len != 0 && s->salt.len != 8)) {
        peer_drop(n, peer, NODE_DROP_MALFORMED, now);
        return;
    }
    (void)snprintf(p->software, sizeof(p->software), "%s", s->software);
    if (!take_protocol(n, peer, s, now))
        return;
    uint64_t height = s->height == 0 ? 0 : s->height - 1;
    /* The last block may have been decided and not yet on the disk when it lost its power. */
    if (p->heard && height + 1 < p->height)
        note_lowered(n, peer, height, now);
    p->heard = true;
    p->heard_mono_us = now.mono_us;
    p->height = height;
    p->round = s->round;
    p->base = s->lowest;
    clocks_heard(n, peer, s->clock, now);
    n->syncing = fetch_behind(n);
    uint64_t mine = n->height + 1;
    if (s->height > mine) {
        fetch_tick(n, now);
        return;
    }
    if (s->height < mine || now.mono_us - p->answered_mono_us < answer_pause(n))
        return; /* a peer below us asks for blocks on its own */
    p->answered_mono_us = now.mono_us;
    struct held h = {.status = s};
    if (peer_protocol(n, peer) >= 2 && s->salt.len == 8 && !read_tags(n, &h)) {
        peer_drop(n, peer, NODE_DROP_MALFORMED, now);
        return;
    }
    help_same_height(n, peer, &h);
    remind(n, peer, s);
}

#include "pktio/pipeline_internal.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

/*~ The certificates that a burst shows for the first time are checked together, before the burst is gone through: their
 * authorities' signatures in the kernel's batches, among those of messages, and their keys decompressed side by side.
 * Going through the burst then finds the outcome here, and nothing else changes: not the order, and not a verdict. */

struct chain {
    struct trust_check check;
    const struct cert *cert; /* in its slot */
    struct verify_key *key; /* NULL: none can be had, or taken */
    bool taken;
    bool answered;
    enum verify_answer_kind answer;
};

struct chains {
    struct chain chain[PIPELINE_BURST_MAX];
    unsigned n, open;
};

struct chains *chains_new(void) {
    return ws_alloc(sizeof(struct chains));
}

void chains_free(struct chains *c) {
    if (c != NULL)
        chains_drop(c);
    free(c);
}

void chains_drop(struct chains *c) {
    for (unsigned i = 0; i < c->n; i++)
        verify_key_unref(c->chain[i].key);
    c->n = 0;
}

static struct chain *find(struct chains *c, const uint8_t hash[static 32]) {
    for (unsigned i = 0; i < c->n; i++) {
        if (memcmp(c->chain[i].check.result.hash, hash, 32) == 0)
            return &c->chain[i];
    }
    return NULL;
}

/* Odd; messages have even ones. */
static uint64_t tag_of(const struct chains *c, const struct chain *k) {
    return (uint64_t)(k - c->chain) << 1 | 1;
}

bool chains_answer(struct chains *c, const struct verify_answer *a) {
    if ((a->tag & 1) == 0)
        return false;
    struct chain *k = &c->chain[a->tag >> 1];
    k->answer = a->kind;
    k->answered = true;
    return true;
}

static void ask(struct pipeline *p, struct chain *k) {
    k->check.item.tag = tag_of(p->chains, k);
    k->answered = false;
    size_t taken = verify_submit(p->kernel, &k->check.item, 1);
    WS_ASSERT(taken == 1);
}

/* Is it new, and would its message get as far as its chain? */
static bool worth_a_check(const struct pipeline *p, struct frame_work *w) {
    struct cert_permitted memo = {0};
    if (w->spdu.signer != SIGNER_CERTIFICATE || cert_cache_has(p->certs, w->cert_hash) ||
        signer_notes_of(p->notes, w->cert_hash) != 0 || find(p->chains, w->cert_hash) != NULL)
        return false;
    bool permitted = stage_cert_permits(w, &w->spdu.cert, &memo);
    w->verdict = PKT_VERIFIED; /* it will be asked again in its turn */
    w->detail = (struct stage_detail){0};
    return permitted;
}

static void begin(struct pipeline *p, const struct frame_work *w) {
    struct chains *c = p->chains;
    struct chain *k = &c->chain[c->n++];
    k->cert = &w->spdu.cert;
    k->key = NULL;
    k->taken = false;
    trust_check_begin(
        p->cfg.trust, k->cert, (uint32_t)(w->spdu.generation_time / 1000000), &k->check);
    if (k->check.open) {
        c->open++;
        ask(p, k);
    }
}

static void go_on(struct pipeline *p, struct chain *k) {
    if (!k->check.open || !k->answered)
        return;
    if (k->answer ==
        VERIFY_BROKEN) { /* says nothing about the certificate: it is checked by itself in its turn */
        k->check.open = false;
        k->taken = true;
        p->chains->open--;
        return;
    }
    trust_check_answer(p->cfg.trust, k->cert, &k->check, k->answer);
    if (k->check.open)
        ask(p, k); /* another authority has the same HashedId8 */
    else
        p->chains->open--;
}

static void make_keys(struct chains *c) {
    struct verify_key_source source[PIPELINE_BURST_MAX] = {0};
    struct verify_key *key[PIPELINE_BURST_MAX];
    struct chain *of[PIPELINE_BURST_MAX];
    size_t n = 0;
    for (unsigned i = 0; i < c->n; i++) {
        if (c->chain[i].taken || c->chain[i].check.result.verdict != TRUST_OK)
            continue;
        of[n] = &c->chain[i];
        source[n++] = trust_check_key(&c->chain[i].check);
    }
    verify_keys_new(source, n, key);
    for (size_t i = 0; i < n; i++)
        of[i]->key = key[i];
}

void pipeline_check_chains(struct pipeline *p, struct slot *const *slots, unsigned n) {
    struct chains *c = p->chains;
    for (unsigned i = 0; i < n; i++) {
        if (worth_a_check(p, &slots[i]->w))
            begin(p, &slots[i]->w);
    }
    while (c->open > 0) {
        pipeline_poll(p);
        for (unsigned i = 0; i < c->n; i++)
            go_on(p, &c->chain[i]);
    }
    if (c->n > 0)
        make_keys(c);
}

struct trust_result pipeline_trust(
    struct pipeline *p, const struct cert *cert, const uint8_t hash[static 32], uint32_t now_s) {
    struct chain *k = find(p->chains, hash);
    if (k == NULL || k->taken)
        return trust_check(p->cfg.trust, cert, now_s);
    struct trust_result r = k->check.result;
    k->taken = true;
    if (r.verdict == TRUST_OK && k->key == NULL) {
        r.verdict = TRUST_BAD_KEY;
        r.proven = false;
    }
    r.key = k->key;
    k->key = NULL;
    return r;
}

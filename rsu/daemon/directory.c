#include "rsu/daemon/directory.h"

#include "base/log.h"

#include <string.h>

static const uint8_t nobody[KEY_OCTETS];

static bool is_free(const struct directory *d, size_t slot) {
    return memcmp(d->peers.curve_key[slot], nobody, KEY_OCTETS) == 0;
}

static size_t find(const struct directory *d, const uint8_t *key) {
    for (size_t i = 0; i < d->peers.n; i++) {
        if (memcmp(d->peers.curve_key[i], key, KEY_OCTETS) == 0)
            return i;
    }
    return NODE_NO_SLOT;
}

static size_t find_free(const struct directory *d) {
    for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
        if (i >= d->peers.n || is_free(d, i))
            return i;
    }
    return NODE_NO_SLOT;
}

void directory_begin(struct directory *d, const struct validator_set *genesis,
    const uint8_t own[static KEY_OCTETS]) {
    *d = (struct directory){.peers = {.n = genesis->n, .me = NODE_NO_SLOT}};
    for (size_t i = 0; i < genesis->n; i++) {
        memcpy(d->peers.curve_key[i], genesis->v[i].curve_key, KEY_OCTETS);
        if (memcmp(genesis->v[i].curve_key, own, KEY_OCTETS) == 0)
            d->peers.me = i;
    }
}

/* What is wanted, gathered before anything changes: a key that stays keeps its slot. */
struct want {
    size_t n;
    const uint8_t *key[NODE_PEERS_MAX];
    const char *endpoint[NODE_PEERS_MAX];
};

static void add(struct want *w, const uint8_t *key, const char *endpoint) {
    for (size_t i = 0; i < w->n; i++) {
        if (memcmp(w->key[i], key, KEY_OCTETS) == 0)
            return;
    }
    if (w->n == NODE_PEERS_MAX) {
        ws_log(WS_LOG_ERROR, "links", "more than %d peers: some are left out", NODE_PEERS_MAX);
        return;
    }
    w->key[w->n] = key;
    w->endpoint[w->n++] = endpoint;
}

static const char *endpoint_of(const struct config *c, const uint8_t *address) {
    char text[65];
    hex_encode(text, address, 32);
    for (size_t i = 0; i < c->n_peers; i++) {
        if (strcmp(c->peers[i].address, text) == 0)
            return c->peers[i].endpoint;
    }
    return NULL;
}

static bool wanted(const struct want *w, const uint8_t *key) {
    for (size_t i = 0; i < w->n; i++) {
        if (memcmp(w->key[i], key, KEY_OCTETS) == 0)
            return true;
    }
    return false;
}

bool directory_fill(struct directory *d, const struct validator_set *const *sets, size_t n_sets,
    const struct config *c, const uint8_t own[static KEY_OCTETS]) {
    struct want w = {.n = 0};
    bool changed = false;
    add(&w, own, NULL);
    for (size_t k = 0; k < n_sets; k++) {
        for (size_t i = 0; i < sets[k]->n; i++)
            add(&w, sets[k]->v[i].curve_key, endpoint_of(c, sets[k]->v[i].address));
    }
    for (size_t i = 0; i < c->n_peers; i++) {
        if (c->peers[i].has_key)
            add(&w, c->peers[i].key, c->peers[i].endpoint);
    }
    for (size_t i = 0; i < c->n_followers; i++)
        add(&w, c->followers[i].key, c->followers[i].endpoint);
    for (size_t i = 0; i < d->peers.n; i++) {
        if (is_free(d, i) || wanted(&w, d->peers.curve_key[i]))
            continue;
        memset(d->peers.curve_key[i], 0, KEY_OCTETS);
        changed = true;
    }
    for (size_t i = 0; i < w.n; i++) {
        size_t slot = find(d, w.key[i]);
        if (slot == NODE_NO_SLOT) {
            slot = find_free(d); /* there is one: not more are wanted than there are slots */
            memcpy(d->peers.curve_key[slot], w.key[i], KEY_OCTETS);
            d->peers.n = slot >= d->peers.n ? slot + 1 : d->peers.n;
            d->endpoint[slot] = NULL;
            d->told[slot] = false;
            changed = true;
        }
        const char *old = d->endpoint[slot];
        changed = changed || (old == NULL) != (w.endpoint[i] == NULL) ||
                  (old != NULL && strcmp(old, w.endpoint[i]) != 0);
        d->endpoint[slot] = w.endpoint[i];
    }
    d->peers.me = find(d, own);
    return changed;
}

void directory_link(struct directory *d, struct net *net) {
    /* Leave first: a key may have moved to another slot. */
    for (size_t i = 0; i < NODE_PEERS_MAX; i++) {
        size_t at = i < d->peers.n && !is_free(d, i) ? net_find(net, d->peers.curve_key[i]) : i;
        if (at != i || i >= d->peers.n || is_free(d, i) || i == d->peers.me)
            net_remove(net, i);
    }
    for (size_t i = 0; i < d->peers.n; i++) {
        struct ws_err err = {0};
        if (is_free(d, i) || i == d->peers.me)
            continue;
        if (net_put(net, i, d->peers.curve_key[i], d->endpoint[i], &err) != WS_OK)
            ws_log(WS_LOG_ERROR, "links", "%s", err.text);
        else if (d->endpoint[i] == NULL && !d->told[i]) {
            char key[65];
            hex_encode(key, d->peers.curve_key[i], 32);
            ws_log(WS_LOG_WARN, "links",
                "the validator with the CURVE key %s has no endpoint under peers: it is heard, but "
                "not told anything",
                key);
            d->told[i] = true;
        }
    }
}

#include "rsu/cell/beaconing.h"

#include "base/mem.h"
#include "rsu/cell/cell.h"
#include "rsu/cell/own_record.h"
#include "rsu/host/secret.h"

#include <stdlib.h>
#include <string.h>

struct beaconing {
    struct beacon_member *member;
    const struct signer *signer;
    hash32 cell, address;
    uint64_t height; /* last looked at */
    struct beaconing_counters counters;
};

struct beaconing *beaconing_new(const uint8_t cell[static 32], const struct signer *signer,
    const uint8_t secret[static BEACON_SECRET_OCTETS]) {
    struct beaconing *b = ws_alloc(sizeof(*b));
    memcpy(b->cell, cell, sizeof(b->cell));
    own_record_address(signer, b->address);
    b->signer = signer;
    b->height = UINT64_MAX;
    b->member = beacon_member_new(cell, b->address, secret);
    return b;
}

void beaconing_free(struct beaconing *b) {
    if (b != NULL)
        beacon_member_free(b->member);
    free(b);
}

int beaconing_secret(const char *path, struct ws_random *random,
    uint8_t ret[static BEACON_SECRET_OCTETS], struct ws_err *err) {
    int rc = secret_read(path, ret, err);
    if (rc != WS_ENOTFOUND)
        return rc;
    ws_random_bytes(random, ret, BEACON_SECRET_OCTETS);
    return secret_write(path, ret, err);
}

static void submit(
    struct beaconing *b, struct node *n, const struct beacon_wish *w, struct ws_now now) {
    const struct own_record who = {b->cell, b->address, b->signer};
    enum tx_verdict v =
        own_record_submit(&who, CELL_CONTRACT_BEACON, w->kind, buf_span(&w->body), n, now);
    if (v == TX_GOOD)
        b->counters.sent[w->kind < ARRAY_LEN(b->counters.sent) ? w->kind : 0]++;
    else if (v != TX_DUPLICATE) /* it waits in the mempool since an earlier wish */
        b->counters.refused++;
}

void beaconing_run(struct beaconing *b, struct node *n, const void *contract, struct ws_now now) {
    const uint64_t height = executor_height(node_executor(n));
    struct node_status s;
    if (height == b->height)
        return;
    node_status(n, &s);
    if (s.syncing)
        return;
    b->height = height;
    const struct beacon_wish *wish;
    size_t count = beacon_member_step(b->member, contract, &wish);
    for (size_t i = 0; i < count; i++)
        submit(b, n, &wish[i], now);
}

const struct beaconing_counters *beaconing_read(const struct beaconing *b) {
    return &b->counters;
}

/* Makes the store of a unit that stands still look as if its machine had executed the last block wrongly: one octet of one entry
 * that the block changed is another, and the recorded root is that of the state it makes, so that nothing is damaged by itself.
 * Says which height and, in hex, contract and key. With --damage the recorded root stays: as a disk does it.
 * usage: bend_state DATA [--damage] */
#include "ledger/snapshot/entry.h"
#include "ledger/snapshot/meta.h"
#include "ledger/snapshot/scan.h"
#include "ledger/store/undo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the entries that the block changed the first of the last contract with one: values there are least looked at. */
static const struct undo_entry *choose(const struct undo *u) {
    const struct undo_entry *best = NULL;
    for (size_t i = 0; i < u->n; i++) {
        const struct undo_entry *e = &u->entry[i];
        if (e->had && (best == NULL || e->key.p[0] != best->key.p[0]))
            best = e;
    }
    return best;
}

static int bend(struct store *s, const struct undo_entry *e, struct ws_err *err) {
    struct buf value = {0};
    int rc = store_get(s, STORE_STATE, e->key, &value, err);
    if (rc == WS_OK && value.n > 0) {
        value.p[value.n - 1] ^= 1;
        struct store_batch *b = store_batch_new(s);
        store_batch_put(b, STORE_STATE, e->key, buf_span(&value));
        rc = store_batch_write(b, err);
    }
    buf_free(&value);
    return rc;
}

/* How many contracts the state has is how many make the recorded root. */
static int mend_root(struct store *s, struct meta_node *m, size_t contracts, struct ws_err *err) {
    struct scan scan = {.store = s};
    hash32 roots[STATE_CONTRACTS_MAX];
    int rc = scan_state_root(&scan, contracts, roots, m->state_root, err);
    if (rc != WS_OK)
        return rc;
    struct store_batch *b = store_batch_new(s);
    meta_put_node(b, m);
    return store_batch_write(b, err);
}

static size_t count_contracts(struct store *s, const struct meta_node *m) {
    struct scan scan = {.store = s};
    hash32 roots[STATE_CONTRACTS_MAX];
    hash32 root;
    for (size_t n = 1; n <= STATE_CONTRACTS_MAX; n++) {
        if (scan_state_root(&scan, n, roots, root, NULL) == WS_OK &&
            memcmp(root, m->state_root, 32) == 0)
            return n;
    }
    return 0;
}

int main(int argc, char **argv) {
    char path[4096];
    struct ws_err err = {0};
    struct store *s = NULL;
    struct meta_node m;
    struct undo u = {0};
    bool damage = argc == 3 && strcmp(argv[2], "--damage") == 0;
    if (argc != 2 && !damage) {
        (void)fprintf(stderr, "usage: %s DATA [--damage]\n", argv[0]);
        return 2;
    }
    (void)snprintf(path, sizeof(path), "%s/store", argv[1]);
    int rc = store_open_rocks(path, 8U << 20, &s, &err);
    if (rc == WS_OK)
        rc = meta_read_node(s, &m, &err);
    size_t contracts = rc == WS_OK ? count_contracts(s, &m) : 0;
    if (rc == WS_OK && contracts == 0)
        rc = ws_fail(&err, WS_EINPUT, "its state does not have the recorded root");
    if (rc == WS_OK)
        rc = undo_read(s, m.height, &u, &err);
    const struct undo_entry *e = rc == WS_OK ? choose(&u) : NULL;
    if (rc == WS_OK)
        rc = e == NULL ? ws_fail(&err, WS_EINPUT, "the last block changed nothing")
                       : bend(s, e, &err);
    if (rc == WS_OK && !damage)
        rc = mend_root(s, &m, contracts, &err);
    if (rc == WS_OK && e != NULL) {
        char hex[2 * 256 + 1];
        struct span key;
        uint8_t contract = 0;
        if (entry_key_read(e->key, &contract, &key) && key.n <= 256)
            hex_encode(hex, key.p, key.n);
        (void)printf("%llu %u %s\n", (unsigned long long)m.height, (unsigned)contract, hex);
    } else {
        (void)fprintf(stderr, "%s: %s\n", argv[1], err.text);
    }
    undo_free(&u);
    store_close(s);
    return rc == WS_OK ? 0 : 1;
}

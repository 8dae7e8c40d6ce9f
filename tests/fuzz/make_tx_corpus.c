/* Writes the corpus of fuzz_tx: one of each kind. usage: make_tx_corpus FOLDER */
#include "base/assert.h"
#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/exec/block.h"
#include "tests/support/exec_rig.h"

#include <stdio.h>
#include <stdlib.h>

static void write_one(const char *dir, const char *name, uint8_t kind, struct span s) {
    char path[4096];
    struct buf b = {0};
    struct ws_err err;
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    buf_u8(&b, kind);
    buf_put(&b, s.p, s.n);
    int rc = file_write(path, buf_span(&b), 0644, &err);
    WS_ASSERT(rc == WS_OK);
    buf_free(&b);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    struct exec_rig *r = ws_alloc(sizeof(*r));
    exec_rig_open(r, NULL);
    struct rig_order o = {.sequence = 1,
        .expiry = UINT64_MAX / 2,
        .role = ROLE_MAP,
        .kind = 1,
        .body = "body",
        .signers = 3};
    struct tx *t[] = {rig_cert(r, 1), rig_message(r, 0, r->town.epoch, 30),
        rig_message(r, 1, r->town.epoch, 30), rig_order(r, &o)};
    static const char *const names[] = {"certificate", "message_whole", "message_digest", "order"};
    struct block b = {.n_txs = ARRAY_LEN(t)};
    b.header.height = 1;
    b.txs = (struct tx **)ws_calloc(ARRAY_LEN(t), sizeof(struct tx *));
    b.tx_ids = ws_calloc(ARRAY_LEN(t), sizeof(hash32));
    b.tx_leaves = ws_calloc(ARRAY_LEN(t), sizeof(hash32));
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        write_one(argv[1], names[i], 0, t[i]->octets);
        memcpy(b.tx_leaves[i], t[i]->leaf, 32);
        block_put_tx(&b, i, t[i]);
        tx_unref(t[i]);
    }
    block_seal(&b);
    struct buf octets = {0};
    block_encode(&b, &octets);
    write_one(argv[1], "block", 1, buf_span(&octets));
    buf_clear(&octets);
    block_encode_compact(&b, &octets);
    write_one(argv[1], "block_compact", 2, buf_span(&octets));
    buf_free(&octets);
    block_clear(&b);
    exec_rig_close(r);
    free(r);
    return 0;
}

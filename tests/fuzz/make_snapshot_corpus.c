/* Writes the corpus of fuzz_snapshot: manifest and bundle of a small chain, chunks, and states. usage: FOLDER */
#include "base/assert.h"
#include "base/fileio.h"
#include "ledger/snapshot/bundle.h"
#include "ledger/snapshot/make.h"
#include "tests/support/chain.h"

#include <stdio.h>
#include <stdlib.h>

static void save(const char *folder, const char *name, uint8_t kind, struct span octets) {
    char path[512];
    struct buf b = {0};
    buf_u8(&b, kind);
    buf_put(&b, octets.p, octets.n);
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    WS_ASSERT(file_write(path, buf_span(&b), 0644, NULL) == WS_OK);
    buf_free(&b);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    struct store *s = store_open_memory();
    struct chain c;
    chain_open(&c, s, 2, 3);
    for (int i = 0; i < 3; i++)
        chain_block(&c, 4, 12);
    struct manifest m = {0};
    struct scan scan = {.store = s};
    struct buf b = {0};
    WS_ASSERT(snapshot_headers(s, 3, &m, NULL) == WS_OK);
    struct entries_past past;
    WS_ASSERT(entries_past_read(s, 3, 3, &past, NULL) == WS_OK);
    scan.past = &past;
    hash32 roots[2];
    hash32 root;
    WS_ASSERT(scan_state_root(&scan, 2, roots, root, NULL) == WS_OK);
    m.n = 2;
    for (size_t i = 0; i < 2; i++)
        memcpy(m.contract[i].root, roots[i], 32);
    manifest_encode(&m, &b);
    save(argv[1], "manifest", 0, buf_span(&b));
    buf_clear(&b);
    struct bundle_about about = {"corpus", "made up", NULL, &m.next, &m.next_commit, 2};
    WS_ASSERT(bundle_make(s, &about, &b, NULL) == WS_OK);
    save(argv[1], "bundle", 1, buf_span(&b));
    static const uint8_t empty[] = {1, 1, 3, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0};
    save(argv[1], "empty-chunk", 2, span_of(empty, sizeof(empty)));
    struct ws_random random = ws_random_seeded(8);
    for (unsigned i = 0; i < 6; i++) {
        char name[32];
        uint8_t octets[700];
        ws_random_bytes(&random, octets, sizeof(octets));
        octets[0] = (uint8_t)i;
        octets[1] = (uint8_t)(i * i * 2);
        (void)snprintf(name, sizeof(name), "state-%u", i);
        save(argv[1], name, 3, span_of(octets, 40 + (size_t)i * 120));
    }
    entries_past_free(&past);
    buf_free(&b);
    chain_close(&c);
    store_close(s);
    return 0;
}

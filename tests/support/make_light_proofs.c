/* Writes what a client of a cell with changing committees meets: genesis, handovers over committees that share nobody, in
 * fragments, and the last header with its commit. */
#include "base/fileio.h"
#include "ledger/exec/hash.h"
#include "ledger/light/fragment.h"
#include "tests/support/light_chain.h"

#include <stdio.h>

static int write_out(const char *dir, const char *name, size_t number, struct buf *b) {
    char path[4096];
    struct ws_err err;
    (void)snprintf(path, sizeof(path), "%s/%s.%zu", dir, name, number);
    int rc = file_write(path, buf_span(b), 0644, &err);
    if (rc != WS_OK)
        (void)fprintf(stderr, "%s\n", err.text);
    buf_clear(b);
    return rc;
}

int main(int argc, char **argv) {
    static const struct chain_plan plan = {22, 22, 50, 201, 0};
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    struct chain c;
    struct buf b = {0};
    chain_make(&c, &plan);
    buf_put(&b, c.cell.octets.p, c.cell.octets.n);
    int rc = write_out(argv[1], "genesis", 0, &b);
    for (size_t i = 0; i < 4; i++) {
        struct handover o;
        struct buf whole = {0};
        chain_handover(&c, i, &o);
        handover_encode(&o, &whole);
        for (size_t k = 0; k < fragment_count(whole.n); k++) {
            fragment_put(exec_sha256, buf_span(&whole), k, &b);
            rc |= write_out(argv[1], "fragment", 2 * i + k, &b);
        }
        buf_free(&whole);
    }
    header_encode(chain_header(&c, plan.heights), &b);
    rc |= write_out(argv[1], "header", 0, &b);
    const struct commit commit = chain_commit(&c, plan.heights, 0x7fff);
    commit_encode(&commit, &b);
    rc |= write_out(argv[1], "commit", 0, &b);
    buf_free(&b);
    chain_free(&c);
    return rc == WS_OK ? 0 : 1;
}

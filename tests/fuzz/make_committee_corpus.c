/* Writes the corpus of fuzz_committee into a folder, from fixed keys. */
#include "base/fileio.h"
#include "ledger/committee/change.h"
#include "ledger/exec/hash.h"
#include "ledger/light/evidence.h"
#include "tests/support/light_samples.h"

#include <stdio.h>

static int write_out(const char *dir, const char *name, struct buf *b) {
    char path[4096];
    struct ws_err err;
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    int rc = file_write(path, buf_span(b), 0644, &err);
    if (rc != WS_OK)
        (void)fprintf(stderr, "%s\n", err.text);
    buf_clear(b);
    return rc;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    struct sample_cell cell;
    struct buf b = {0};
    sample_cell_make(&cell, 6, NULL);
    const struct validator_set *set = &cell.genesis.validators;
    struct set_change c = {.n_out = 1, .n_in = 2};
    memcpy(c.out[0], set->v[1].address, 32);
    c.in[0] = set->v[2];
    c.in[0].power++;
    c.in[1] = set->v[3];
    memset(c.in[1].key, 7, KEY_OCTETS);
    memset(c.in[1].curve_key, 8, KEY_OCTETS);
    set_change_prepare(exec_sha256, &c);
    set_change_encode(&c, &b);
    int rc = write_out(argv[1], "set_change", &b);
    params_change_encode(&cell.genesis.params, &b);
    rc |= write_out(argv[1], "params", &b);
    for (size_t i = 0; i < 3; i++) {
        static const enum evidence_kind kinds[] = {
            EVIDENCE_DOUBLE_VOTE, EVIDENCE_BAD_PROPOSAL, EVIDENCE_LOCK};
        char name[32];
        struct evidence e = {.kind = kinds[i], .alg = KEY_ED25519};
        memcpy(e.key, set->v[i].key, KEY_OCTETS);
        for (uint8_t k = 0; k < 2; k++) {
            e.vote[k] = (struct vote){.type = VOTE_PREVOTE,
                .height = 1,
                .round = 3,
                .locked_round = -1,
                .valid_round = -1};
            e.vote[k].id[0] = (uint8_t)(k + 1);
        }
        if (kinds[i] == EVIDENCE_LOCK) {
            e.vote[0].type = VOTE_PRECOMMIT;
            e.vote[0].round = 2;
        }
        e.proposal[0] = (struct signed_proposal){.height = 1, .round = 2, .valid_round = 2};
        evidence_encode(&e, &b);
        (void)snprintf(name, sizeof(name), "evidence%d", (int)kinds[i]);
        rc |= write_out(argv[1], name, &b);
    }
    buf_free(&b);
    sample_cell_free(&cell);
    return rc == WS_OK ? 0 : 1;
}

/* Writes the corpus of fuzz_light into a folder: one small sample of each form, from fixed seeds. */
#include "base/fileio.h"
#include "ledger/exec/hash.h"
#include "ledger/light/evidence.h"
#include "ledger/light/fragment.h"
#include "tests/support/light_chain.h"

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

/* Shapes only: signatures are checked elsewhere. */
static int write_evidence(const char *dir, const struct chain *c) {
    struct buf b = {0};
    int rc = WS_OK;
    for (int kind = EVIDENCE_DOUBLE_VOTE; kind < EVIDENCE_KIND_END; kind++) {
        char name[32];
        struct evidence e = {.kind = (enum evidence_kind)kind, .alg = KEY_ED25519};
        memcpy(e.key, c->sets[0].v[0].key, KEY_OCTETS);
        for (uint8_t i = 0; i < 2; i++) {
            e.vote[i] = (struct vote){.type = VOTE_PREVOTE,
                .height = 5,
                .round = 3,
                .locked_round = -1,
                .valid_round = -1};
            e.vote[i].id[0] = i;
            e.proposal[i] = (struct signed_proposal){.height = 5, .round = 2, .valid_round = i};
        }
        if (kind == EVIDENCE_LOCK)
            e.vote[0].type = VOTE_PRECOMMIT;
        e.header = *chain_header(c, 3);
        e.commit = chain_commit(c, 3, 0x7);
        e.has_set = true;
        e.set = c->sets[1];
        evidence_encode(&e, &b);
        (void)snprintf(name, sizeof(name), "evidence%d", kind);
        rc |= write_out(dir, name, &b);
    }
    buf_free(&b);
    return rc;
}

static int write_committees(const char *dir) {
    static const struct chain_plan plan = {4, 4, 2, 4, 0};
    struct chain c;
    struct handover o;
    struct light_trust t;
    struct buf b = {0};
    struct buf object = {0};
    hash32 seats;
    chain_make(&c, &plan);
    chain_handover(&c, 0, &o);
    handover_encode(&o, &b);
    buf_put(&object, b.p, b.n);
    const struct span chain[] = {buf_span(&object), buf_span(&object)};
    struct buf list = {0};
    struct buf event = {0};
    handovers_put(chain, 2, &list);
    struct event_bundle bundle = sample_event_bundle(&c.cell, 2, 1, &event);
    bundle.handovers = (struct handovers){2, span_of(list.p + 2, list.n - 2)};
    buf_clear(&b);
    event_bundle_encode(&bundle, &b);
    int rc = write_out(dir, "event_handovers", &b);
    buf_free(&list);
    buf_free(&event);
    buf_put(&b, object.p, object.n);
    rc |= write_out(dir, "handover", &b) | write_evidence(dir, &c);
    valset_encode(&c.sets[1], &b);
    rc |= write_out(dir, "set", &b);
    validator_set_seats(exec_sha256, &c.sets[1], seats);
    valset_light_put(&c.sets[1], seats, &b);
    rc |= write_out(dir, "set_light", &b);
    rc |= light_trust_genesis(exec_sha256, buf_span(&c.cell.octets), &t, NULL);
    light_trust_encode(&t, &b);
    rc |= write_out(dir, "trust", &b);
    (void)memset(buf_grow(&object, 1000), 1, 1000);
    for (size_t i = 0; i < fragment_count(object.n); i++) {
        struct buf one = {0};
        fragment_put(exec_sha256, buf_span(&object), i, &one);
        buf_u16(&b, (uint16_t)one.n);
        buf_put(&b, one.p, one.n);
        buf_free(&one);
    }
    rc |= write_out(dir, "fragments", &b);
    buf_free(&object);
    buf_free(&b);
    chain_free(&c);
    return rc;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    const char *dir = argv[1];
    struct ws_random r = ws_random_seeded(1);
    struct sample_cell cell;
    struct buf event = {0};
    struct buf b = {0};
    sample_cell_make(&cell, 4, NULL);
    const struct header h = sample_header(&r);
    header_encode(&h, &b);
    int rc = write_out(dir, "header", &b) | write_committees(dir);
    for (int i = 0; i < 4; i++) {
        char name[16];
        const struct vote v = sample_vote(&r);
        vote_encode(&v, &b);
        (void)snprintf(name, sizeof(name), "vote%d", i);
        rc |= write_out(dir, name, &b);
    }
    const struct commit c = sample_commit(&r, 11);
    commit_encode(&c, &b);
    rc |= write_out(dir, "commit", &b);
    const struct event_bundle e = sample_event_bundle(&cell, 5, 4, &event);
    event_bundle_encode(&e, &b);
    rc |= write_out(dir, "event_bundle", &b);
    buf_put(&b, event.p, event.n);
    rc |= write_out(dir, "event", &b);
    struct state_bundle s = sample_state_bundle(&cell, 6, 3, "k");
    state_bundle_encode(&s, &b);
    rc |= write_out(dir, "state_present", &b);
    s = sample_state_bundle(&cell, 6, 3, "other");
    state_bundle_encode(&s, &b);
    rc |= write_out(dir, "state_absent", &b);
    s.proof = (struct sparse_proof){.end = SPARSE_EMPTY, .n = 3};
    state_bundle_encode(&s, &b);
    rc |= write_out(dir, "state_empty", &b);
    buf_put(&b, cell.octets.p, cell.octets.n);
    rc |= write_out(dir, "genesis", &b);
    buf_free(&b);
    buf_free(&event);
    sample_cell_free(&cell);
    return rc == WS_OK ? 0 : 1;
}

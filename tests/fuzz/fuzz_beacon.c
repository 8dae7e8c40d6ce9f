/* Records and state of the beacon. First octet: which decoder, or whose record a running contract is to judge. What is
 * taken must have exactly one encoding; what is judged must leave the contract as it was. */
#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "tests/support/beacon_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool again(unsigned which, struct span s, struct buf *b) {
    static const uint8_t cell[32] = {1};
    union {
        struct registration registration;
        struct dealing dealing;
        struct review review;
        struct partials partials;
        struct generation generation;
    } *u = ws_alloc(sizeof(*u));
    bool ok = false;
    if (which == 0 && (ok = registration_decode(s, &u->registration)))
        registration_encode(&u->registration, b);
    if (which == 1 && (ok = dealing_decode(s, &u->dealing)))
        dealing_encode(&u->dealing, b);
    if (which == 2 && (ok = review_decode(s, &u->review)))
        review_encode(&u->review, b);
    if (which == 3 && (ok = partials_decode(s, &u->partials)))
        partials_encode(&u->partials, b);
    if (which == 4 && (ok = generation_decode(s, cell, &u->generation)))
        generation_encode(&u->generation, b);
    free(u);
    return ok;
}

/* A contract in the middle of dealing, one in review, one with a key. */
enum { WORLDS = 3 };
static struct beacon_rig *world(size_t i) {
    static struct beacon_rig *rigs[WORLDS];
    static const size_t blocks[WORLDS] = {2, 3, 9};
    if (rigs[i] == NULL) {
        const struct beacon_params p = {
            .every = 1, .window = 16, .settle = 2, .attempt = 16, .again = 8};
        rigs[i] = ws_alloc(sizeof(*rigs[i]));
        beacon_rig_open(rigs[i], &p, 4, NULL);
        rigs[i]->twin = false;
        beacon_rig_blocks(rigs[i], blocks[i]);
    }
    return rigs[i];
}

static void judge(size_t i, struct span s) {
    struct beacon_rig *r = world(i);
    uint8_t before[32], after[32];
    if (s.n < 2)
        return;
    bool later;
    const enum beacon_code code =
        beacon_rig_check(r, s.p[0] % 5U, s.p[1] % 6U, span_of(s.p + 2, s.n - 2), &later);
    WS_ASSERT(code < BEACON_CODE_COUNT && (!later || code == BEACON_TOO_EARLY));
    if (code == BEACON_OK)
        return;
    /* Executed all the same, as from a block of a dishonest quorum: it must change nothing. */
    fake_exec_digest(&r->host, before);
    struct exec_record e = {.kind = s.p[1] % 6U, .body = span_of(s.p + 2, s.n - 2)};
    memcpy(e.signer, r->person[s.p[0] % 5U].address, 32);
    exec_sha256_one(s, e.leaf);
    WS_ASSERT(r->contract.ops->record(r->contract.self, &r->host, &e) == (exec_code)code);
    fake_exec_digest(&r->host, after);
    WS_ASSERT(memcmp(before, after, 32) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    const unsigned which = data[0] % (5 + WORLDS);
    const struct span s = span_of(data + 1, size - 1);
    if (which >= 5) {
        judge(which - 5, s);
        return 0;
    }
    struct buf b = {0};
    if (again(which, s, &b))
        WS_ASSERT(span_equal(buf_span(&b), s));
    buf_free(&b);
    return 0;
}

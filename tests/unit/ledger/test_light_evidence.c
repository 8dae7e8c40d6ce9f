/* Evidence: one form for each offence, everybody guilty named, nobody else. */
#include "tests/support/cm.h"
#include "tests/support/light_chain.h"

#include "ledger/exec/hash.h"
#include "ledger/light/evidence.h"

static struct chain chain;
static struct evidence_facts facts;
static struct block_facts block;

static bool known_here(const void *ctx, const hash32 address) {
    return validator_set_find(ctx, address) >= 0;
}

/* Committee 0 signs heights 1..10, committee 1, of other people, 11..20. */
static int make(void **state) {
    (void)state;
    const struct chain_plan plan = {4, 4, 10, 20, 0};
    chain_make(&chain, &plan);
    facts = (struct evidence_facts){.cell_id = chain.cell.id,
        .set = &chain.sets[0],
        .set_hash = chain_header(&chain, 1)->validators,
        .common = &chain.sets[0],
        .block = &block,
        .proposer = chain.sets[0].v[0].address,
        .known = known_here,
        .ctx = &chain.sets[1]};
    return 0;
}

static int drop(void **state) {
    (void)state;
    chain_free(&chain);
    return 0;
}

static enum evidence_verdict check(const struct evidence *e, struct guilty *g) {
    memset(g, 0, sizeof(*g));
    enum evidence_verdict v = evidence_check(&sample_crypto, e, &facts, g);
    assert_int_equal(g->n > 0, v == EVIDENCE_GOOD);
    return v;
}

static void signer(struct evidence *e, size_t set, size_t i) {
    e->alg = KEY_ED25519;
    memcpy(e->key, chain.keys[set][i].key, KEY_OCTETS);
}

static struct vote vote_of(
    enum vote_type type, int32_t round, uint8_t id, int32_t locked, int32_t valid) {
    struct vote v = {.type = type,
        .height = 5,
        .round = round,
        .nil = id == 0,
        .locked_round = locked,
        .valid_round = valid};
    if (id != 0)
        memset(v.id, id, 32);
    return v;
}

static void sign_vote(struct vote *v, size_t set, size_t i) {
    struct buf b = {0};
    vote_sign_bytes(chain.cell.id, v, &b);
    test_sign(&chain.keys[set][i], buf_span(&b), v->sig);
    buf_free(&b);
}

static struct evidence votes(
    enum evidence_kind kind, size_t set, size_t i, struct vote a, struct vote b) {
    struct evidence e = {.kind = kind};
    signer(&e, set, i);
    sign_vote(&a, set, i);
    sign_vote(&b, set, i);
    e.vote[0] = a;
    if (kind != EVIDENCE_PHANTOM_VOTE)
        e.vote[1] = b;
    return e;
}

static struct evidence proposals(
    enum evidence_kind kind, size_t i, int32_t round, int32_t valid_a, int32_t valid_b, bool same) {
    struct evidence e = {.kind = kind};
    signer(&e, 0, i);
    size_t n = kind == EVIDENCE_DOUBLE_PROPOSAL ? 2 : 1;
    for (size_t k = 0; k < n; k++) {
        struct signed_proposal *p = &e.proposal[k];
        *p = (struct signed_proposal){
            .height = 5, .round = round, .valid_round = k == 0 ? valid_a : valid_b};
        memset(p->id, same ? 7 : 7 + (int)k, 32);
        struct buf b = {0};
        proposal_sign_bytes(chain.cell.id, p->height, p->round, p->id, p->valid_round, &b);
        test_sign(&chain.keys[0][i], buf_span(&b), p->sig);
        buf_free(&b);
    }
    return e;
}

static bool decodes(struct span s, struct evidence *e) {
    uint8_t *copy = ws_memdup(s.p, s.n);
    struct buf again = {0};
    bool ok = evidence_decode(exec_sha256, span_of(copy, s.n), e, NULL) == WS_OK;
    if (ok) {
        evidence_encode(e, &again);
        assert_true(span_equal(buf_span(&again), s));
    }
    buf_free(&again);
    free(copy);
    return ok;
}

/* Every cut and every bit: refused, or another statement that convicts nobody it did not convict before. */
static void check_form(const struct evidence *made) {
    struct buf b = {0};
    struct evidence *e = ws_alloc(sizeof(*e));
    struct guilty before;
    struct guilty after;
    evidence_encode(made, &b);
    assert_true(b.n < EVIDENCE_OCTETS_MAX);
    assert_true(decodes(buf_span(&b), e));
    assert_int_equal(check(e, &before), EVIDENCE_GOOD);
    for (size_t n = 0; n < b.n; n++)
        assert_false(decodes(span_of(b.p, n), e));
    for (size_t i = 0; i < 8 * b.n; i += made->kind == EVIDENCE_ATTACK ? 7 : 1) {
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
        if (decodes(buf_span(&b), e) && check(e, &after) == EVIDENCE_GOOD) {
            /* A commit cut to other signers, or another `common`: still their own signatures. */
            assert_int_equal(made->kind, EVIDENCE_ATTACK);
            for (size_t k = 0; k < after.n; k++) {
                bool was = false;
                for (size_t m = 0; m < before.n; m++)
                    was = was || memcmp(before.address[m], after.address[k], 32) == 0;
                assert_true(was);
            }
        }
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    buf_u8(&b, 0);
    assert_false(decodes(buf_span(&b), e));
    free(e);
    buf_free(&b);
}

static void expect_guilty(const struct evidence *e, const uint8_t *address) {
    struct guilty g;
    assert_int_equal(check(e, &g), EVIDENCE_GOOD);
    assert_int_equal(g.n, 1);
    assert_memory_equal(g.address[0], address, 32);
    check_form(e);
}

/* ---- votes ---- */

static void double_votes(void **state) {
    (void)state;
    struct guilty g;
    static const struct {
        uint8_t id[2];
        int32_t locked[2], valid[2];
    } rows[] = {{{1, 2}, {-1, -1}, {-1, -1}}, {{0, 2}, {-1, -1}, {-1, -1}},
        {{1, 1}, {0, -1}, {-1, -1}}, {{1, 1}, {0, 0}, {0, 1}}};
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct evidence e = votes(EVIDENCE_DOUBLE_VOTE, 0, 2,
            vote_of(VOTE_PREVOTE, 3, rows[k].id[0], rows[k].locked[0], rows[k].valid[0]),
            vote_of(VOTE_PREVOTE, 3, rows[k].id[1], rows[k].locked[1], rows[k].valid[1]));
        expect_guilty(&e, chain.sets[0].v[2].address);
    }
    struct evidence e = votes(EVIDENCE_DOUBLE_VOTE, 0, 1, vote_of(VOTE_PRECOMMIT, 0, 1, -1, -1),
        vote_of(VOTE_PRECOMMIT, 0, 0, -1, -1));
    expect_guilty(&e, chain.sets[0].v[1].address);
    /* The same statement twice is none, whatever the signatures. */
    e.vote[1] = e.vote[0];
    e.vote[1].sig[3] ^= 1;
    assert_int_equal(check(&e, &g), EVIDENCE_NO_OFFENCE);
    struct buf b = {0};
    evidence_encode(&e, &b);
    assert_false(decodes(buf_span(&b), &e));
    buf_free(&b);
    /* Other rounds, other types: honest. */
    struct vote a = vote_of(VOTE_PREVOTE, 3, 1, -1, -1);
    struct vote c = vote_of(VOTE_PREVOTE, 4, 2, -1, -1);
    e = votes(EVIDENCE_DOUBLE_VOTE, 0, 1, a, c);
    assert_int_equal(check(&e, &g), EVIDENCE_NO_OFFENCE);
    c = vote_of(VOTE_PRECOMMIT, 3, 2, -1, -1);
    e = votes(EVIDENCE_DOUBLE_VOTE, 0, 1, a, c);
    assert_int_equal(check(&e, &g), EVIDENCE_NO_OFFENCE);
    /* Somebody outside the set, and halves that two people signed. */
    c = vote_of(VOTE_PREVOTE, 3, 2, -1, -1);
    e = votes(EVIDENCE_DOUBLE_VOTE, 1, 1, a, c);
    assert_int_equal(check(&e, &g), EVIDENCE_NOT_MEMBER);
    e = votes(EVIDENCE_DOUBLE_VOTE, 0, 1, a, c);
    sign_vote(&e.vote[1], 0, 2);
    assert_int_equal(check(&e, &g), EVIDENCE_BAD_SIGNATURE);
    facts.set = NULL;
    assert_int_equal(check(&e, &g), EVIDENCE_NO_FACTS);
    facts.set = &chain.sets[0];
    facts.cell_id = chain.sets[0].v[0].address; /* of another cell */
    e = votes(EVIDENCE_DOUBLE_VOTE, 0, 1, a, c);
    assert_int_equal(check(&e, &g), EVIDENCE_BAD_SIGNATURE);
}

static void swapped_halves_are_the_same_evidence(void **state) {
    (void)state;
    struct vote a = vote_of(VOTE_PREVOTE, 3, 1, -1, -1);
    struct vote c = vote_of(VOTE_PREVOTE, 3, 2, 1, -1);
    struct evidence e[2] = {
        votes(EVIDENCE_DOUBLE_VOTE, 0, 1, a, c), votes(EVIDENCE_DOUBLE_VOTE, 0, 1, c, a)};
    e[1].vote[0].validator = 9; /* not signed, not kept */
    struct evidence p[2] = {proposals(EVIDENCE_DOUBLE_PROPOSAL, 1, 2, -1, 1, false),
        proposals(EVIDENCE_DOUBLE_PROPOSAL, 1, 2, -1, 1, false)};
    struct signed_proposal first = p[1].proposal[0];
    p[1].proposal[0] = p[1].proposal[1];
    p[1].proposal[1] = first;
    struct buf b[2] = {{0}};
    hash32 id[2];
    for (size_t i = 0; i < 2; i++) {
        evidence_encode(&e[i], &b[i]);
        evidence_encode(&p[i], &b[i]);
        evidence_id(exec_sha256, &e[i], id[i]);
    }
    assert_true(span_equal(buf_span(&b[0]), buf_span(&b[1])));
    assert_memory_equal(id[0], id[1], 32);
    e[1].vote[0].sig[0] ^= 1; /* another signature of the same statement */
    evidence_id(exec_sha256, &e[1], id[1]);
    assert_memory_equal(id[0], id[1], 32);
    e[1].vote[0].locked_round = 0;
    evidence_id(exec_sha256, &e[1], id[1]);
    assert_memory_not_equal(id[0], id[1], 32);
    /* In the wrong order the octets are refused. */
    struct evidence *got = ws_alloc(sizeof(*got));
    struct buf w = {0};
    buf_clear(&b[0]);
    evidence_encode(&e[0], &b[0]);
    buf_put(&w, b[0].p, 35);
    buf_put(&w, b[0].p + 35 + VOTE_OCTETS, VOTE_OCTETS);
    buf_put(&w, b[0].p + 35, VOTE_OCTETS);
    assert_int_equal(w.n, b[0].n);
    assert_false(decodes(buf_span(&w), got));
    free(got);
    buf_free(&w);
    buf_free(&b[0]);
    buf_free(&b[1]);
}

static void phantom_votes(void **state) {
    (void)state;
    struct guilty g;
    struct vote v = vote_of(VOTE_PRECOMMIT, 0, 1, -1, -1);
    struct evidence e = votes(EVIDENCE_PHANTOM_VOTE, 1, 2, v, v);
    expect_guilty(&e, chain.sets[1].v[2].address);
    e = votes(EVIDENCE_PHANTOM_VOTE, 0, 2, v, v); /* a member: his right */
    assert_int_equal(check(&e, &g), EVIDENCE_NO_OFFENCE);
    e = votes(EVIDENCE_PHANTOM_VOTE, 1, 2, v, v);
    facts.known = NULL;
    assert_int_equal(check(&e, &g), EVIDENCE_NOT_MEMBER);
    facts.known = known_here;
    e = votes(EVIDENCE_PHANTOM_VOTE, 2, 2, v, v); /* a key that nobody knows */
    assert_int_equal(check(&e, &g), EVIDENCE_NOT_MEMBER);
}

/* All pairs of rounds and claims: guilty exactly when the prevote denies the precommit. */
static void locks_denied(void **state) {
    (void)state;
    struct guilty g;
    for (int32_t r = 0; r < 4; r++) {
        for (int32_t later = 0; later < 5; later++) {
            for (int32_t locked = -1; locked < later; locked++) {
                for (int32_t valid = -1; valid < later; valid++) {
                    struct evidence e =
                        votes(EVIDENCE_LOCK, 0, 3, vote_of(VOTE_PRECOMMIT, r, 1, -1, -1),
                            vote_of(VOTE_PREVOTE, later, 2, locked, valid));
                    bool guilty = later > r && (locked < r || (locked == r && valid < r));
                    assert_int_equal(check(&e, &g), guilty ? EVIDENCE_GOOD : EVIDENCE_NO_OFFENCE);
                }
            }
        }
    }
    struct vote precommit = vote_of(VOTE_PRECOMMIT, 1, 1, -1, -1);
    struct evidence e = votes(EVIDENCE_LOCK, 0, 3, precommit, vote_of(VOTE_PREVOTE, 2, 1, -1, -1));
    assert_int_equal(check(&e, &g), EVIDENCE_NO_OFFENCE); /* for the same block */
    e = votes(EVIDENCE_LOCK, 0, 3, precommit, vote_of(VOTE_PREVOTE, 2, 0, -1, -1));
    assert_int_equal(check(&e, &g), EVIDENCE_NO_OFFENCE); /* for nil */
    e = votes(EVIDENCE_LOCK, 0, 3, vote_of(VOTE_PRECOMMIT, 1, 0, -1, -1),
        vote_of(VOTE_PREVOTE, 2, 2, -1, -1));
    assert_int_equal(check(&e, &g), EVIDENCE_NO_OFFENCE); /* nil locks nobody */
    e = votes(EVIDENCE_LOCK, 0, 3, precommit, vote_of(VOTE_PREVOTE, 2, 2, 0, 0));
    expect_guilty(&e, chain.sets[0].v[3].address);
    struct evidence wrong =
        votes(EVIDENCE_LOCK, 0, 3, vote_of(VOTE_PREVOTE, 2, 2, 0, 0), precommit);
    struct buf b = {0};
    evidence_encode(&wrong, &b);
    assert_false(decodes(buf_span(&b), &wrong));
    buf_free(&b);
}

/* ---- proposals ---- */

static void proposals_that_are_none(void **state) {
    (void)state;
    struct guilty g;
    struct evidence e = proposals(EVIDENCE_DOUBLE_PROPOSAL, 1, 2, -1, -1, false);
    expect_guilty(&e, chain.sets[0].v[1].address);
    e = proposals(EVIDENCE_DOUBLE_PROPOSAL, 1, 2, -1, 1, true); /* other valid_round */
    expect_guilty(&e, chain.sets[0].v[1].address);
    e = proposals(EVIDENCE_DOUBLE_PROPOSAL, 1, 2, 1, 1, true);
    assert_int_equal(check(&e, &g), EVIDENCE_NO_OFFENCE);
    /* Out of turn: the facts name validator 0. */
    e = proposals(EVIDENCE_BAD_PROPOSAL, 2, 2, 1, 0, true);
    expect_guilty(&e, chain.sets[0].v[2].address);
    e = proposals(EVIDENCE_BAD_PROPOSAL, 0, 2, 1, 0, true);
    assert_int_equal(check(&e, &g), EVIDENCE_NO_OFFENCE);
    facts.proposer = NULL;
    e = proposals(EVIDENCE_BAD_PROPOSAL, 2, 2, 1, 0, true);
    assert_int_equal(check(&e, &g), EVIDENCE_NO_FACTS);
    static const int32_t rounds[] = {-2, INT32_MIN, 2, 3, INT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(rounds); i++) { /* out of range, whoever's turn it was */
        e = proposals(EVIDENCE_BAD_PROPOSAL, 0, 2, rounds[i], 0, true);
        assert_int_equal(check(&e, &g), EVIDENCE_GOOD);
    }
    e.proposal[0].sig[1] ^= 1;
    assert_int_equal(check(&e, &g), EVIDENCE_BAD_SIGNATURE);
}

/* ---- light-client attacks ---- */

static struct evidence attack(size_t set, const struct header *hd, int32_t round, uint64_t who) {
    struct evidence e = {.kind = EVIDENCE_ATTACK, .header = *hd, .common = 2};
    e.commit = chain_sign(&chain, set, hd, round, who);
    return e;
}

/* With an extension of zero, as real headers have it. */
static void facts_of(uint64_t height, int32_t round, uint64_t who) {
    struct header hd = *chain_header(&chain, height);
    memset(hd.extension, 0, 32);
    block_facts_of(exec_sha256, &hd, &block);
    block.has_commit = true;
    block.round = round;
    block.signers = who;
}

/* A header of the chain with what the quorum is free to choose changed. */
static struct header other_header(uint64_t height) {
    struct header hd = *chain_header(&chain, height);
    memset(hd.extension, 0, 32);
    hd.time++;
    return hd;
}

static void lunatic_headers(void **state) {
    (void)state;
    struct guilty g;
    facts_of(5, 0, 0xf);
    struct header hd = other_header(5);
    uint8_t *const derived[] = {hd.previous, hd.state_root, hd.result_root, hd.event_root,
        hd.next_validators, hd.params, hd.extension};
    for (size_t i = 0; i < ARRAY_LEN(derived); i++) {
        derived[i][4] ^= 1;
        struct evidence e = attack(0, &hd, 3, 0xb);
        assert_int_equal(check(&e, &g), EVIDENCE_GOOD);
        assert_int_equal(g.n, 3); /* everybody who signed it, whatever the round */
        assert_memory_equal(g.address[2], chain.sets[0].v[3].address, 32);
        derived[i][4] ^= 1;
    }
    hd.state_root[0] ^= 1;
    struct evidence e = attack(0, &hd, 3, 0x1);
    check_form(&e);
    e.commit.sig[0][0] ^= 1;
    assert_int_equal(check(&e, &g), EVIDENCE_BAD_SIGNATURE);
    e = attack(0, &hd, 3, 0);
    assert_int_equal(check(&e, &g), EVIDENCE_NOT_MEMBER);
    facts.block = NULL;
    assert_int_equal(check(&e, &g), EVIDENCE_NO_FACTS);
    facts.block = &block;
    /* The chain's own header is no attack; nor is one of another cell ours. */
    hd.state_root[0] ^= 1;
    hd.time--;
    e = attack(0, &hd, 0, 0xf);
    assert_int_equal(check(&e, &g), EVIDENCE_NO_OFFENCE);
    hd.cell_id[0] ^= 1;
    e = attack(0, &hd, 0, 0xf);
    assert_int_equal(check(&e, &g), EVIDENCE_OTHER_CELL);
}

/* At height 15 committee 1 signs; committee 0, whom a client still trusted, shows it a header of its own. */
static void a_former_committee_forges(void **state) {
    (void)state;
    struct guilty g;
    facts_of(15, 0, 0xf);
    facts.set = &chain.sets[1];
    facts.set_hash = chain_header(&chain, 15)->validators;
    struct header hd = other_header(15);
    memcpy(hd.validators, chain_header(&chain, 5)->validators, 32);
    struct evidence e = attack(0, &hd, 0, 0x7);
    assert_int_equal(check(&e, &g), EVIDENCE_WRONG_PARTS); /* its set must come along */
    e.has_set = true;
    e.set = chain.sets[0];
    validator_set_seats(exec_sha256, &e.set, e.seats);
    assert_int_equal(check(&e, &g), EVIDENCE_GOOD);
    assert_int_equal(g.n, 3);
    check_form(&e);
    e.seats[0] ^= 1;
    assert_int_equal(check(&e, &g), EVIDENCE_WRONG_PARTS);
    e.seats[0] ^= 1;
    facts.common = &chain.sets[2]; /* people whom the chain cannot blame for it */
    assert_int_equal(check(&e, &g), EVIDENCE_NOT_MEMBER);
    facts.common = NULL;
    assert_int_equal(check(&e, &g), EVIDENCE_NOT_MEMBER);
    /* The chain's own set must not come along. */
    hd = other_header(15);
    hd.params[0] ^= 1;
    e = attack(1, &hd, 0, 0x7);
    assert_int_equal(check(&e, &g), EVIDENCE_GOOD);
    e.has_set = true;
    e.set = chain.sets[1];
    validator_set_seats(exec_sha256, &e.set, e.seats);
    assert_int_equal(check(&e, &g), EVIDENCE_WRONG_PARTS);
}

static void the_same_round_twice_or_amnesia(void **state) {
    (void)state;
    struct guilty g;
    struct header hd = other_header(5);
    facts_of(5, 2, 0x7);
    struct evidence e = attack(0, &hd, 2, 0xe);
    assert_int_equal(check(&e, &g), EVIDENCE_GOOD);
    assert_int_equal(g.n, 2); /* who signed both */
    assert_memory_equal(g.address[0], chain.sets[0].v[1].address, 32);
    assert_memory_equal(g.address[1], chain.sets[0].v[2].address, 32);
    check_form(&e);
    e = attack(0, &hd, 2, 0x8);
    assert_int_equal(check(&e, &g), EVIDENCE_NOBODY);
    e = attack(0, &hd, 3, 0xf); /* another round: each may have had his reasons */
    assert_int_equal(check(&e, &g), EVIDENCE_NOBODY);
    block.has_commit = false;
    e = attack(0, &hd, 2, 0xf);
    assert_int_equal(check(&e, &g), EVIDENCE_NO_FACTS);
}

static void facts_on_paper(void **state) {
    (void)state;
    for (int with = 0; with < 2; with++) {
        struct block_facts back;
        struct buf b = {0};
        facts_of(5, 2, 0x5);
        block.has_commit = with == 1;
        block_facts_encode(&block, &b);
        assert_int_equal(b.n, BLOCK_FACTS_OCTETS);
        struct rd r = rd_of(buf_span(&b));
        assert_true(block_facts_read(&r, &back) && rd_done(&r));
        assert_int_equal(back.has_commit, with);
        assert_int_equal(back.round, 2);
        assert_int_equal(back.signers, 5);
        assert_memory_equal(back.id, block.id, 32);
        assert_memory_equal(back.derived, block.derived, 32);
        assert_int_equal(back.time, block.time);
        for (size_t n = 0; n < b.n; n++) {
            r = rd_of(span_of(b.p, n));
            assert_false(block_facts_read(&r, &back) && rd_done(&r));
        }
        buf_free(&b);
    }
}

static void no_other_forms(void **state) {
    (void)state;
    struct evidence *e = ws_alloc(sizeof(*e));
    struct evidence good = votes(EVIDENCE_DOUBLE_VOTE, 0, 1, vote_of(VOTE_PREVOTE, 3, 1, -1, -1),
        vote_of(VOTE_PREVOTE, 3, 2, -1, -1));
    struct buf b = {0};
    evidence_encode(&good, &b);
    for (unsigned v = 0; v < 256; v++) {
        b.p[0] = (uint8_t)v;
        assert_int_equal(decodes(buf_span(&b), e), v == LEDGER_VERSION);
    }
    b.p[0] = LEDGER_VERSION;
    for (unsigned v = 0; v < 256; v++) {
        b.p[1] = (uint8_t)v;
        assert_int_equal(decodes(buf_span(&b), e), v == EVIDENCE_DOUBLE_VOTE);
    }
    b.p[1] = EVIDENCE_DOUBLE_VOTE;
    b.p[2] = 2; /* an algorithm of a later version */
    assert_false(decodes(buf_span(&b), e));
    buf_clear(&b);
    memset(buf_grow(&b, EVIDENCE_OCTETS_MAX + 1), 1, EVIDENCE_OCTETS_MAX + 1);
    assert_false(decodes(buf_span(&b), e));
    buf_free(&b);
    free(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
        T(double_votes),
        T(swapped_halves_are_the_same_evidence),
        T(phantom_votes),
        T(locks_denied),
        T(proposals_that_are_none),
        T(lunatic_headers),
        T(a_former_committee_forges),
        T(the_same_round_twice_or_amnesia),
        T(facts_on_paper),
        T(no_other_forms),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

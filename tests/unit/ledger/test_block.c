/* A block's octets are bound by its header: a copy that does not fit is refused as octets, before anybody can judge
 * the block by it (decision 1). */
#include "tests/support/cm.h"
#include "tests/support/light_samples.h"

#include "ledger/exec/block.h"
#include "ledger/exec/hash.h"

enum { TXS = 5 };

static struct sample_cell cell;
static struct block sample;

static struct tx *order_tx(uint64_t sequence) {
    struct order o = {.sequence = sequence,
        .expiry = 1000,
        .role = ROLE_POLICY,
        .kind = 1,
        .body = span_of("script", 6),
        .n_sigs = 1};
    struct buf b = {0};
    struct tx *t = NULL;
    tx_put_order(&b, &o);
    assert_int_equal(tx_parse(buf_span(&b), &t, NULL), WS_OK);
    buf_free(&b);
    return t;
}

static int make_block(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(1);
    hash32 previous = {3};
    sample_cell_make(&cell, 4, NULL);
    memset(&sample, 0, sizeof(sample));
    sample.header = sample_header(&r);
    sample.header.height = 9;
    sample.last_commit = sample_signed(&cell, 8, 1, previous, 0x7);
    commit_hash(exec_sha256, &sample.last_commit, sample.header.last_commit);
    sample.n_txs = TXS;
    sample.txs = (struct tx **)ws_calloc(TXS, sizeof(struct tx *));
    sample.tx_ids = ws_calloc(TXS, sizeof(hash32));
    sample.tx_leaves = ws_calloc(TXS, sizeof(hash32));
    for (size_t i = 0; i < TXS; i++) {
        sample.txs[i] = order_tx(i);
        memcpy(sample.tx_ids[i], sample.txs[i]->id, 32);
        memcpy(sample.tx_leaves[i], sample.txs[i]->leaf, 32);
    }
    block_seal(&sample);
    return 0;
}

static int free_block(void **state) {
    (void)state;
    block_clear(&sample);
    sample_cell_free(&cell);
    return 0;
}

typedef int (*decode_fn)(struct span, const struct cell_params *, struct block **, struct ws_err *);

static struct block *decoded(decode_fn decode, struct span s) {
    uint8_t *copy = ws_memdup(s.p, s.n);
    struct block *b = NULL;
    int rc = decode(span_of(copy, s.n), &cell.genesis.params, &b, NULL);
    free(copy);
    assert_int_equal(rc == WS_OK, b != NULL);
    return b;
}

static void check_form(decode_fn decode, void (*encode)(const struct block *, struct buf *)) {
    struct buf b = {0};
    struct buf again = {0};
    encode(&sample, &b);
    struct block *got = decoded(decode, buf_span(&b));
    assert_non_null(got);
    assert_memory_equal(got->id, sample.id, 32);
    encode(got, &again);
    assert_true(span_equal(buf_span(&b), buf_span(&again)));
    block_free(got);
    for (size_t n = 0; n < b.n; n++)
        assert_null(decoded(decode, span_of(b.p, n)));
    /* Whatever one bit makes of it: refused, another block, or the same block with other hints. */
    for (size_t i = 0; i < 8 * b.n; i++) {
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
        got = decoded(decode, buf_span(&b));
        if (got != NULL && memcmp(got->id, sample.id, 32) == 0) {
            assert_memory_equal(got->tx_leaves, sample.tx_leaves, sizeof(hash32) * TXS);
            struct buf ours = {0};
            struct buf theirs = {0};
            commit_encode(&sample.last_commit, &ours);
            commit_encode(&got->last_commit, &theirs);
            assert_true(span_equal(buf_span(&ours), buf_span(&theirs)));
            buf_free(&ours);
            buf_free(&theirs);
        }
        block_free(got);
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    buf_put(&b, "", 1);
    assert_null(decoded(decode, buf_span(&b)));
    buf_free(&b);
    buf_free(&again);
}

static void whole_form(void **state) {
    (void)state;
    check_form(block_decode, block_encode);
}

static void compact_form(void **state) {
    (void)state;
    check_form(block_decode_compact, block_encode_compact);
}

/* A proposer hands one validator the good header with another commit: if that copy were judged, the verdict would
 * stick to the id that everybody else votes for. */
static void copy_with_another_commit_refused(void **state) {
    (void)state;
    struct block other = sample;
    struct buf b = {0};
    other.last_commit = sample_signed(&cell, 8, 1, sample.last_commit.id, 0xf);
    block_encode_compact(&other, &b);
    assert_null(decoded(block_decode_compact, buf_span(&b)));
    buf_clear(&b);
    block_encode(&other, &b);
    assert_null(decoded(block_decode, buf_span(&b)));
    buf_free(&b);
}

/* The identities of a compact block are covered by no signature: wrong ones must not keep it from completing. */
static void wrong_identities_do_not_matter(void **state) {
    (void)state;
    struct buf b = {0};
    struct buf whole = {0};
    block_encode_compact(&sample, &b);
    for (size_t i = 0; i < TXS; i++)
        b.p[b.n - 64 * (TXS - i)] ^= 1;
    struct block *got = decoded(block_decode_compact, buf_span(&b));
    assert_non_null(got);
    assert_memory_not_equal(got->tx_ids[0], sample.tx_ids[0], 32);
    for (size_t i = 0; i < TXS; i++) {
        assert_false(block_complete(got));
        block_put_tx(got, i, sample.txs[i]);
    }
    assert_true(block_complete(got));
    assert_memory_equal(got->tx_ids, sample.tx_ids, sizeof(hash32) * TXS);
    buf_clear(&b);
    block_encode(&sample, &b);
    block_encode(got, &whole);
    assert_true(span_equal(buf_span(&b), buf_span(&whole)));
    block_free(got);
    buf_free(&b);
    buf_free(&whole);
}

static void first_block_carries_no_commit(void **state) {
    (void)state;
    struct block first = sample;
    struct buf b = {0};
    first.header.height = 1;
    memset(first.header.last_commit, 0, 32);
    memset(&first.last_commit, 0, sizeof(first.last_commit));
    block_encode_compact(&first, &b);
    struct block *got = decoded(block_decode_compact, buf_span(&b));
    assert_non_null(got);
    block_free(got);
    first.last_commit.round = 1;
    buf_clear(&b);
    block_encode_compact(&first, &b);
    assert_null(decoded(block_decode_compact, buf_span(&b)));
    first.last_commit = sample.last_commit;
    buf_clear(&b);
    block_encode_compact(&first, &b);
    assert_null(decoded(block_decode_compact, buf_span(&b)));
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_form),
        cmocka_unit_test(compact_form),
        cmocka_unit_test(copy_with_another_commit_refused),
        cmocka_unit_test(wrong_identities_do_not_matter),
        cmocka_unit_test(first_block_carries_no_commit),
    };
    return cmocka_run_group_tests(tests, make_block, free_block);
}
